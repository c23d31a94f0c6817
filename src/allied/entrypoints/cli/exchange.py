"""Sharing and looking at items: `allied share`, `allied item ...`."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from allied.entrypoints.cli import passing, recalls, remarks
from allied.entrypoints.cli.options import (
    ActingOrganisation,
    AsJson,
    DryRun,
    Folder,
    PassphraseFile,
    opened,
    unlocked,
    who,
)
from allied.entrypoints.cli.terminal import gathered, give, instant, progress, say, table, visible
from allied.entrypoints.shapes import share_summary
from allied.entrypoints.statuses import PROBLEMS, REFUSED
from allied.errors import UsageError

if TYPE_CHECKING:
    from allied.node.sharing import Decision, Shared
    from allied.node.sweeping import Ends

items = typer.Typer(help="Items that this node holds.", no_args_is_help=True)

_SHOWN_AT_MOST: Final = 20

ItemName = Annotated[str, typer.Argument(metavar="ITEM", help="Its STIX id, or its number here.")]


def add_to(app: typer.Typer) -> None:
    """Add the verbs without a noun."""
    app.command("share")(share)


def share(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="STIX 2.1 bundles.")],
    agreement: Annotated[str, typer.Option("--agreement", "-a", help="Under which agreement.")],
    tlp: Annotated[str, typer.Option("--tlp", help="Mark everything at least so strictly.")] = "",
    caveat: Annotated[
        list[str] | None, typer.Option("--caveat", help="Add a caveat (repeatable).")
    ] = None,
    to: Annotated[
        list[str] | None, typer.Option("--to", help="Only to this party (repeatable).")
    ] = None,
    sanitised_of: Annotated[
        list[str] | None,
        typer.Option(
            "--sanitised-of",
            help="It is made from this item: an extract of yours, or a redaction (repeatable).",
        ),
    ] = None,
    anonymously: Annotated[
        bool,
        typer.Option(
            "--anonymously",
            help="Only to the secretariat, which issues it without your name; --to says for whom.",
        ),
    ] = False,
    reviewed: Annotated[
        bool,
        typer.Option("--reviewed", help="Somebody looked: what is about people is of the threat."),
    ] = False,
    known_at: Annotated[
        str, typer.Option("--known-at", help="When it became known: an instant with its zone.")
    ] = "",
    max_bytes: Annotated[
        int, typer.Option("--max-bytes", help="Largest bundle, uncompressed.", min=1)
    ] = 4 << 30,
    dry_run: DryRun = False,
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Share STIX 2.1 bundles: per object and recipient permitted or refused, with the clause.

    Exit status 0 when all was released, 5 when policy refused any, 8 when objects were
    invalid.
    """
    from allied.bootstrap import bundle_source
    from allied.node.hub_naming import require_hidden
    from allied.node.sharing import Wish, share as share_bundle

    made_from = tuple(sanitised_of or ())
    wish = Wish(
        tlp,
        tuple(caveat or ()),
        tuple(to or ()),
        anonymously,
        made_from,
        _instant_of(known_at),
        reviewed,
    )
    results: list[Shared] = []
    told: list[Decision] = []
    with opened(folder) as node, gathered() as objects:
        acting = who(node, organisation)
        if anonymously:
            require_hidden(node, acting, agreement, wish.to)
        keys = None if dry_run else unlocked(node, passphrase_file)
        for file in files:
            with progress(f"sharing {file.name}", shown=not as_json) as step:

                def in_trouble(decision: Decision) -> None:
                    if len(told) < _SHOWN_AT_MOST:
                        told.append(decision)

                results.append(
                    share_bundle(
                        node,
                        acting,
                        keys,
                        bundle_source(file, max_bytes),
                        agreement,
                        wish,
                        dry_run=dry_run,
                        on_decision=objects.add if as_json else None,
                        on_trouble=in_trouble,
                        on_progress=step,
                    )
                )
        if as_json:
            objects.give("objects", {"shares": [share_summary(each) for each in results]})
    if not as_json:
        for file, result in zip(files, results, strict=True):
            _tell(file, result)
        for decision in told:
            which = decision.id or f"object {decision.index}"
            say(f"  {which}: {decision.reason} [{decision.code}]")
        if dry_run:
            say("Nothing was shared.")
    if any(result.invalid or result.broken or result.contradicting for result in results):
        raise typer.Exit(PROBLEMS)
    if any(
        result.refused or any(tally.refused for tally in result.recipients.values())
        for result in results
    ):
        raise typer.Exit(REFUSED)


def _instant_of(text: str) -> datetime | None:
    """An instant as somebody writes it; None for nothing."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise UsageError(
            "share.known-at",
            "--known-at takes an instant with its time zone",
            hint="2026-03-02T09:00:00Z, say",
        )
    return found


def _tell(file: Path, result: Shared) -> None:
    done = "would be admitted" if result.dry_run else "admitted"
    new = "" if result.dry_run else f", {result.stored} of them new here"
    say(
        f"{file.name}: {result.objects} objects, {result.admitted} {done} under {result.alias}{new}"
    )
    table(
        ("recipient", "permitted", "refused", "why", "clause"),
        [
            row
            for party, tally in result.recipients.items()
            for row in [
                (party, tally.permitted, sum(tally.refused.values()) or "-", "", ""),
                *(
                    ("", "", count, code, f"Art {art}" if art else "-")
                    for (code, art), count in sorted(tally.refused.items())
                ),
            ]
        ],
    )
    for party, tally in result.recipients.items():
        for (code, _), changes in sorted(tally.changes.items() if result.dry_run else ()):
            say(f"  {party}, {code}; what would change it: {'; '.join(changes)}")
        if tally.alone:
            say(
                f"  {tally.alone} that only go along with others have nothing to go with to {party}"
            )
    for code, count in sorted(result.refused.items()):
        say(f"  {count} refused by the agreement [{code}]")
    for code, count in sorted(result.invalid.items()):
        say(f"  {count} not valid STIX 2.1 [{code}]")
    if result.contradicting:
        say(f"  {result.contradicting} shared before with other content; the first ones stand")
    for warned in result.warnings:
        say(f"  warning: {warned.text} [{warned.code}]")
    if result.repeated:
        say(f"  {result.repeated} repeated")
    if result.broken:
        say(f"  the file breaks off [{result.broken}]; what came before stands")


@items.command("list")
def show_all(
    agreement: Annotated[str, typer.Option("--agreement", "-a", help="Only under this.")] = "",
    after: Annotated[int, typer.Option("--after", help="From behind this number.", min=0)] = 0,
    limit: Annotated[int, typer.Option("--limit", help="At most.", min=1, max=10_000)] = 100,
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Show items, oldest first, with origin, agreement and marking."""
    from allied.node.items import count_items, list_items

    with opened(folder) as node:
        acting = who(node, organisation)
        found = list_items(node, acting, agreement=agreement, after=after, limit=limit)
        total = count_items(node, acting, agreement=agreement)
    if as_json:
        give({"total": total, "items": found}, as_json=True)
        return
    if not total:
        say(
            "No items here yet: `allied share FILE --agreement NAME` shares some; what others share"
        )
        say("arrives with the next `allied sync` or `allied serve`.")
        return
    table(
        ("number", "tlp", "from", "agreement", "type", "name"),
        [
            (each.seq, each.tlp, each.originator, each.alias, each.type, each.name[:60])
            for each in found
        ],
    )
    if len(found) < total:
        last = found[-1].seq if found else after
        say(f"{len(found)} of {total}; go on with --after {last}")


@items.command("show")
def show(
    name: ItemName,
    raw: Annotated[bool, typer.Option("--raw", help="Print the object's exact bytes.")] = False,
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Show one item: origin, agreement, marking, and where it stands towards each party."""
    from allied.node.items import show as look
    from allied.node.remarks import list_remarks

    with opened(folder) as node:
        own = who(node, organisation)
        found = look(node, own, name)
        said = list_remarks(node, own, found.item.id)
    if raw:
        shown = visible(found.raw.decode(errors="replace")) if sys.stdout.isatty() else found.raw
        typer.echo(shown, nl=False)
        return
    item = found.item
    if as_json:
        give(
            {
                "item": item,
                "recipients": found.recipients,
                "raw": found.raw.decode(),
                "shared_at": found.shared_at,
                "derived": found.derived,
                "ends": found.ends,
                "remarks": said,
            },
            as_json=True,
        )
        return
    give(
        None,
        as_json=False,
        lines=(
            f"{item.type}  {item.name}",
            f"id         {item.id}",
            f"version    {item.modified}",
            f"from       {item.originator} under {item.alias}"
            + ("" if item.via in (item.originator, item.holder) else f", by way of {item.via}"),
            f"marking    TLP:{item.tlp}"
            + (f", only for {', '.join(item.audience)}" if item.audience is not None else ""),
            f"received   {instant(item.received_at)}",
            f"digest     {item.digest}",
            f"shared     {instant(found.shared_at)}, by its originator's signed statement",
            *(
                f"{each.how:<10} of what is by {', '.join(each.of)}, as its originator signed"
                for each in found.derived
            ),
            *_ends(found.ends),
            *(f"{each.kind:<10} {each.text}".rstrip() for each in said),
        ),
    )
    table(
        ("party", "now", "why", "clause", "released", "receipt"),
        [
            (
                each.party,
                "permitted" if each.permitted else "refused",
                each.code,
                f"Art {each.art}" if each.art else "-",
                instant(each.released_at),
                instant(each.receipt_at),
            )
            for each in found.recipients
        ],
    )


def _ends(ends: Ends) -> list[str]:
    """Until when an item is kept, and under which clause, in words."""
    lines = []
    by = f" by Art {ends.art}" if ends.art else ""
    if ends.relaxes_at:
        lines.append(f"relaxes    {instant(ends.relaxes_at)} to TLP:{ends.relaxes_to}{by}")
    if ends.over_at:
        how = "deleted" if ends.erased else "over"
        lines.append(f"{how:<10} {instant(ends.over_at)}{by} [{ends.why}]")
    return lines


@items.command("explain")
def explain(
    name: ItemName,
    to: Annotated[str, typer.Option("--to", help="Which party.")],
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Say why an item may or may not go to a party, and what would change that."""
    from allied.node.items import explain as ask

    with opened(folder) as node:
        found = ask(node, who(node, organisation), name, to)
    lines = [
        f"{'permitted' if found.permitted else 'refused'} to {found.party}"
        + (f" by Art {found.art}" if found.art else ""),
        f"because {found.reason} [{found.code}]",
        f"handled by statement {found.statement[:16]}"
        + (f", marked more tightly {instant(found.tightened_at)}" if found.tightened_at else ""),
        *(f"would change it: {change}" for change in found.would_change),
        *(f"warning: {warned.text} [{warned.code}]" for warned in found.warnings),
    ]
    give(found, as_json=as_json, lines=lines)


recalls.add_to(items)
passing.add_to(items)
remarks.add_to(items)
