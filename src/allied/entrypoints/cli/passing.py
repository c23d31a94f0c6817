"""Passing on what others shared: `allied item pass-on`, `ask`, `requests`, `consent`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from allied.entrypoints.cli.options import (
    ActingOrganisation,
    ActingPerson,
    AsJson,
    DryRun,
    Folder,
    PassphraseFile,
    actor,
    opened,
    who,
)
from allied.entrypoints.cli.terminal import give, instant, say, table
from allied.entrypoints.statuses import REFUSED
from allied.errors import UsageError

if TYPE_CHECKING:
    from allied.node.consents import RequestView

ItemName = Annotated[str, typer.Argument(metavar="ITEM", help="Its STIX id, or its number here.")]


def add_to(items: typer.Typer) -> None:
    """Add the verbs to `allied item`."""
    items.command("pass-on")(pass_on)
    items.command("ask")(ask)
    items.command("requests")(requests)
    items.command("consent")(consent)


def pass_on(
    name: ItemName,
    to: Annotated[list[str], typer.Option("--to", help="To this party (repeatable).")],
    dry_run: DryRun = False,
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Pass on what another party shared, unchanged, as far as the agreement lets it.

    Exit status 5 when it refused any.
    """
    from allied.node.passing import pass_on as decide

    with opened(folder) as node:
        found = decide(node, who(node, organisation), name, to, dry_run=dry_run)
    if as_json:
        give(found, as_json=True)
    else:
        table(
            ("party", "now", "why", "clause", "would change it"),
            [
                (
                    each.party,
                    "permitted" if each.permitted else each.outcome,
                    each.code,
                    f"Art {each.art}" if each.art else "-",
                    "; ".join(each.would_change),
                )
                for each in found
            ],
        )
        if dry_run:
            say("Nothing was passed on.")
    if not all(each.permitted for each in found):
        raise typer.Exit(REFUSED)


def ask(
    name: ItemName,
    to: Annotated[str, typer.Option("--to", help="Who would get it: a party, or an outsider.")],
    purpose: Annotated[str, typer.Option("--purpose", help="What for.")],
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Ask the originator of an item to let it go to somebody else; silence is no."""
    from allied.node.consents import ask as request

    with opened(folder) as node:
        acting = actor(node, organisation, person, passphrase_file, act=False)
        found = request(node, acting, name, to, purpose)
    _give([found], found, as_json=as_json)


def requests(
    organisation: ActingOrganisation = "", folder: Folder = None, as_json: AsJson = False
) -> None:
    """Show who asked whom to let an item go further, and what was said to it."""
    from allied.node.consents import list_requests

    with opened(folder) as node:
        found = list_requests(node, who(node, organisation))
    if not found and not as_json:
        say("Nobody has asked.")
        return
    _give(found, found, as_json=as_json)


def consent(
    request: Annotated[str, typer.Argument(metavar="REQUEST", help="Its id, or its start.")],
    yes: Annotated[
        bool | None,
        typer.Option("--yes/--no", help="Let it go, or not.", show_default=False),
    ] = None,
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Say yes or no to a request, as the originator: an act of a person."""
    from allied.node.consents import reply

    if yes is None:
        raise UsageError("consent.answer", "say --yes or --no")
    with opened(folder) as node:
        acting = actor(node, organisation, person, passphrase_file)
        found = reply(node, acting, request, yes=yes)
    _give([found], found, as_json=as_json)


def _give(found: Sequence[RequestView], value: object, *, as_json: bool) -> None:
    if as_json:
        give(value, as_json=True)
        return
    table(
        ("request", "item", "of", "asked by", "to", "purpose", "at", "state"),
        [
            (
                each.id[:12],
                each.item,
                each.originator,
                each.asked_by,
                each.to,
                each.purpose,
                instant(each.at),
                each.state,
            )
            for each in found
        ],
    )
