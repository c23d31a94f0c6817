"""People who act and machines that ask: `allied person ...`, `allied token ...`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from allied.entrypoints.cli.options import (
    ActingOrganisation,
    ActingPerson,
    AsJson,
    Folder,
    PassphraseFile,
    opened,
    passphrase,
    who,
)
from allied.entrypoints.cli.terminal import give, instant, say, table
from allied.entrypoints.shapes import token_summary

persons = typer.Typer(help="People who may act for an organisation.", no_args_is_help=True)
tokens = typer.Typer(help="Tokens for machines; a token can never do an act.", no_args_is_help=True)


@persons.command("add")
def add(
    label: Annotated[str, typer.Argument(help="What they are called here: kim.")],
    name: Annotated[str, typer.Option("--name", help="Their full name; stays on this node.")] = "",
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Add somebody who may act, with a key of their own under the passphrase given."""
    from allied.node.people import new_person

    with opened(folder) as node:
        acting = who(node, organisation)
        secret = passphrase(passphrase_file, new=True)
        person = new_person(node, acting, label=label, name=name, passphrase=secret)
    give({"id": person.label, "name": person.name}, as_json=as_json, lines=(person.label,))


@persons.command("link")
def link(
    person: ActingPerson = "",
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Print a link that lets a person into the console once, within 15 minutes."""
    from allied.bootstrap import listening_at
    from allied.node.node import acting_person
    from allied.node.people import link as new_link

    with opened(folder) as node:
        acting = who(node, organisation)
        with node.store.read() as reading:
            label = acting_person(reading, acting, person)
        made = new_link(node, acting, label)
    url = f"{acting.url or listening_at(folder)}/login/{made.secret}"
    give(
        {"url": url, "person": label, "expires_at": made.expires_at}, as_json=as_json, lines=(url,)
    )
    say(f"For {label}; works once, until {instant(made.expires_at)}.")


@persons.command("list")
def show_people(
    organisation: ActingOrganisation = "", folder: Folder = None, as_json: AsJson = False
) -> None:
    """Show who may act."""
    from allied.node.people import list_people

    with opened(folder) as node:
        found = list_people(node, who(node, organisation))
    if as_json:
        give([{"id": each.label, "name": each.name} for each in found], as_json=True)
        return
    table(("id", "name", "since"), [(each.label, each.name, each.created_at) for each in found])


@tokens.command("create")
def create(
    role: Annotated[str, typer.Option("--role", help="viewer, analyst, integrator or auditor.")],
    ceiling: Annotated[str, typer.Option("--ceiling", help="Highest TLP it may read.")] = "AMBER",
    agreement: Annotated[
        list[str] | None, typer.Option("--agreement", help="Only this one (repeatable).")
    ] = None,
    days: Annotated[
        int, typer.Option("--days", help="It ends after so many.", min=1, max=3_650)
    ] = 365,
    purpose: Annotated[
        str, typer.Option("--purpose", help="What it is for; shown in the list.")
    ] = "",
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Make a token for TAXII, REST and scripts; its secret is shown once."""
    from allied.node.agreements import resolve
    from allied.node.people import new_token

    with opened(folder) as node:
        acting = who(node, organisation)
        with node.store.read() as reading:
            agreements = [resolve(reading, name).id for name in agreement or ()]
        made = new_token(
            node,
            acting,
            role=role,
            agreements=agreements,
            ceiling=ceiling.upper(),
            lasts=timedelta(days=days),
            purpose=purpose,
        )
    give(
        {"id": made.token.id, "secret": made.secret, "token": made.bearer},
        as_json=as_json,
        lines=(f"id      {made.token.id}", f"secret  {made.secret}", f"bearer  {made.bearer}"),
    )
    say("HTTP Basic takes id and secret, Bearer takes the last line. It is not shown again.")


@tokens.command("list")
def show_tokens(
    organisation: ActingOrganisation = "", folder: Folder = None, as_json: AsJson = False
) -> None:
    """Show the tokens, also those that have ended; never a secret."""
    from allied.node.people import list_tokens

    with opened(folder) as node:
        found = list_tokens(node, who(node, organisation))
    if as_json:
        give([token_summary(each) for each in found], as_json=True)
        return
    if not found:
        say("No tokens yet: `allied token create --role ROLE` makes one.")
        return
    table(
        ("id", "role", "ceiling", "agreements", "ends", "revoked", "purpose"),
        [
            (
                each.id,
                each.role,
                each.ceiling,
                ", ".join(one[:12] for one in each.agreements) or "all",
                instant(each.expires_at),
                instant(each.revoked_at),
                each.purpose or "-",
            )
            for each in found
        ],
    )


@tokens.command("revoke")
def revoke(
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="Its id.")],
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """End a token now; what uses it is refused from the next request on."""
    from allied.node.people import revoke_token

    with opened(folder) as node:
        ended = revoke_token(node, who(node, organisation), token)
    give(token_summary(ended), as_json=as_json, lines=(f"{ended.id} is revoked.",))
