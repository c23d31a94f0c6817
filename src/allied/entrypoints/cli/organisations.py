"""Organisations hosted on this node: `allied organisation add|list`."""

from __future__ import annotations

from typing import Annotated

import typer

from allied.entrypoints.cli.options import AsJson, Folder, PassphraseFile, opened, passphrase
from allied.entrypoints.cli.terminal import give, say, table

app = typer.Typer(help="Organisations whose keys lie on this node.", no_args_is_help=True)


@app.command("add")
def add(
    organisation_id: Annotated[str, typer.Option("--id", help="What it is called here: river.")],
    name: Annotated[str, typer.Option("--name", help="Its full name.")],
    url: Annotated[str, typer.Option("--url", help="Where other nodes reach it.")] = "",
    person: Annotated[str, typer.Option("--person", help="The first who may act for it.")] = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Host a further organisation here, with keys of its own."""
    from allied.node.organisations import found

    with opened(folder) as node:
        made = found(
            node,
            label=organisation_id,
            name=name,
            url=url,
            person=person,
            passphrase=passphrase(passphrase_file),
        )
    give_founded(made, as_json=as_json)


@app.command("list")
def show_all(folder: Folder = None, as_json: AsJson = False) -> None:
    """Show the organisations hosted here."""
    from allied.node.organisations import list_hosted
    from allied.record.identity import fingerprint

    with opened(folder) as node:
        hosted = list_hosted(node)
    if as_json:
        give(
            [
                {
                    "id": each.label,
                    "organisation": each.id,
                    "name": each.name,
                    "url": each.url,
                    "fingerprint": fingerprint(each.id),
                }
                for each in hosted
            ],
            as_json=True,
        )
        return
    table(
        ("id", "name", "url", "fingerprint"),
        [(each.label, each.name, each.url, fingerprint(each.id)) for each in hosted],
    )


def give_founded(made: object, *, as_json: bool) -> None:
    """Say what founding gave, and what has to be done with it."""
    from allied.node.organisations import Founded

    assert isinstance(made, Founded)  # noqa: S101 - the only caller passes nothing else
    organisation = made.organisation
    if as_json:
        give(
            {
                "id": organisation.label,
                "organisation": organisation.id,
                "name": organisation.name,
                "url": organisation.url,
                "fingerprint": made.fingerprint,
                "person": made.person or None,
                "recovery": made.recovery,
            },
            as_json=True,
        )
        return
    give(None, as_json=False, lines=(made.fingerprint,))
    say(f"{organisation.name} ({organisation.label}) is founded; above is its fingerprint.")
    say("Read it to your partners over a phone; they compare it when they add you.")
    if not made.person:
        say("Nobody may act for it yet: `allied person add`.")
    say(f"Move {made.recovery} off this machine now: it recovers the keys, and steals them.")
