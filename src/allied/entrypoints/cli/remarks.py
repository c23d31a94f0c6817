"""What stays here beside items: `allied item note`, `tag`, `false-positive`, `remarks`, `sweep`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from allied.entrypoints.cli.options import (
    ActingOrganisation,
    ActingPerson,
    AsJson,
    DryRun,
    Folder,
    opened,
    who,
)
from allied.entrypoints.cli.terminal import give, instant, say, table

if TYPE_CHECKING:
    from allied.node.remarks import RemarkView

ItemName = Annotated[str, typer.Argument(metavar="ITEM", help="Its STIX id, or its number here.")]
Tags = Annotated[list[str], typer.Argument(metavar="TAG...", help="Words of your own.")]


def add_to(items: typer.Typer) -> None:
    """Add the verbs to `allied item`."""
    items.command("note")(note)
    items.command("tag")(tag)
    items.command("untag")(untag)
    items.command("false-positive")(false_positive)
    items.command("remarks")(remarks)
    items.command("sweep")(sweep)


def note(
    name: ItemName,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What you want to remember.")],
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Write a note beside an item; it stays on this node and survives every update."""
    from allied.node.remarks import note as write

    with opened(folder) as node:
        found = write(node, who(node, organisation), name, text, person=person)
    _give(found, as_json=as_json)


def tag(
    name: ItemName,
    tags: Tags,
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Put tags of your own on an item; they stay on this node and survive every update."""
    from allied.node.remarks import tag as put

    with opened(folder) as node:
        found = put(node, who(node, organisation), name, tags, person=person)
    _give(found, as_json=as_json)


def untag(
    name: ItemName,
    tags: Tags,
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Take tags of your own off an item."""
    from allied.node.remarks import untag as take

    with opened(folder) as node:
        found = take(node, who(node, organisation), name, tags)
    _give(found, as_json=as_json)


def false_positive(
    name: ItemName,
    why: Annotated[str, typer.Option("--why", help="What it took for an attack.")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="It is no false alarm after all.")] = False,
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Say that an item gives false alarms here: feeds that block leave it out."""
    from allied.node import remarks as beside

    with opened(folder) as node:
        own = who(node, organisation)
        if undo:
            found = beside.true_positive(node, own, name)
        else:
            found = beside.false_positive(node, own, name, why, person=person)
    _give(found, as_json=as_json)


def remarks(
    name: Annotated[str, typer.Argument(metavar="[ITEM]", help="Only on this item.")] = "",
    tagged: Annotated[str, typer.Option("--tag", help="Only with this tag.")] = "",
    kind: Annotated[
        Literal["", "note", "tag", "false-positive", "correction"],
        typer.Option("--kind", help="Only of this kind."),
    ] = "",
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Show what was said here beside items, and what originators corrected."""
    from allied.node.remarks import list_remarks

    wanted = "tag" if tagged else kind
    with opened(folder) as node:
        own = who(node, organisation)
        found = list_remarks(node, own, name, kind=wanted, text=tagged)
    _give(found, as_json=as_json)


def sweep(dry_run: DryRun = False, folder: Folder = None, as_json: AsJson = False) -> None:
    """Execute now what was agreed about keeping: retention, sunsets, markings that end.

    `allied serve` and `allied sync` do it by themselves.
    """
    from allied.node.sweeping import sweep as execute

    with opened(folder) as node:
        found = execute(node, dry_run=dry_run)
    if as_json:
        give(found, as_json=True)
        return
    if not found:
        say("Nothing has come to its end.")
        return
    table(
        ("holder", "agreement", "clause", "why", "items", "what is done"),
        [
            (
                each.holder,
                each.alias,
                f"Art {each.art}" if each.art else "-",
                each.code,
                each.items,
                each.did + (f" to TLP:{each.tlp}" if each.tlp else ""),
            )
            for each in found
        ],
    )
    if dry_run:
        say("Nothing was changed.")


def _give(found: Sequence[RemarkView], *, as_json: bool) -> None:
    if as_json:
        give(found, as_json=True)
        return
    if not found:
        say("Nothing was said.")
        return
    table(
        ("item", "kind", "words", "by", "at"),
        [(each.item, each.kind, each.text, each.person or "-", instant(each.at)) for each in found],
    )
