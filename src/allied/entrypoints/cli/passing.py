"""Passing on what others shared: `allied item pass-on`, `hand-over`, `ask`, `consent` ..."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

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
    from allied.node.passing import PassedView

ItemName = Annotated[str, typer.Argument(metavar="ITEM", help="Its STIX id, or its number here.")]


def add_to(items: typer.Typer) -> None:
    """Add the verbs to `allied item`."""
    items.command("pass-on")(pass_on)
    items.command("hand-over")(hand_over)
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
        table(("party", *_SAID), [(each.party, *_said(each)) for each in found])
        if dry_run:
            say("Nothing was passed on.")
    if not all(each.permitted for each in found):
        raise typer.Exit(REFUSED)


_SAID: Final = ("now", "why", "clause", "would change it")


def _said(one: PassedView) -> tuple[str, ...]:
    return (
        "permitted" if one.permitted else one.outcome,
        one.code,
        f"Art {one.art}" if one.art else "-",
        "; ".join(one.would_change),
    )


def hand_over(
    names: Annotated[
        list[str], typer.Argument(metavar="ITEM...", help="STIX ids, or numbers here.")
    ],
    to: Annotated[str, typer.Option("--to", help="The outsider, as clauses and requests call it.")],
    output: Annotated[
        Path | None, typer.Option("--output", help="The file to write, a STIX bundle.")
    ] = None,
    in_community: Annotated[
        bool,
        typer.Option("--in-community", help="You say that it is of the community of the clause."),
    ] = False,
    encrypted: Annotated[
        bool, typer.Option("--encrypted", help="You say that nobody else can read the way.")
    ] = False,
    dry_run: DryRun = False,
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Hand what another party shared to somebody outside the agreement, as far as it lets you.

    What may go is written into a bundle, and stands in the ledger. Exit status 5 when any was
    refused.
    """
    from allied.node.outsiders import Way, hand_over as decide

    if (output is None) != dry_run:
        raise UsageError(
            "item.output", "say into which file it goes", hint="--output FILE, or --dry-run"
        )
    with opened(folder) as node, _written(output) as write:
        way = Way(in_community, encrypted)
        found = decide(node, who(node, organisation), names, to, way, dry_run=dry_run)
        write(found.raw)
    shown = [
        {"item": each.item, "version": each.version, "said": each.said} for each in found.items
    ]
    if as_json:
        give({"to": found.to, "items": shown, "size": len(found.raw)}, as_json=True)
    else:
        table(("item", *_SAID), [(each.item, *_said(each.said)) for each in found.items])
        if dry_run or not found.raw:
            say("Nothing was handed over.")
    if not all(each.said.permitted for each in found.items):
        raise typer.Exit(REFUSED)


@contextmanager
def _written(output: Path | None) -> Iterator[Callable[[bytes], None]]:
    """Something that writes a file as a whole, for its owner alone; no file for no bytes."""
    if output is None:
        yield lambda _: None
        return
    part = output.with_name(f"{output.name}.part")
    try:
        part.touch(mode=0o600)  # before anything is said to have left
    except OSError as broken:
        raise UsageError("export.file", f"{output.name} cannot be written") from broken

    def write(raw: bytes) -> None:
        try:
            if raw:
                part.write_bytes(raw)
                part.replace(output)
        except OSError as broken:
            raise UsageError("export.file", f"{output.name} cannot be written") from broken

    try:
        yield write
    finally:
        part.unlink(missing_ok=True)


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
