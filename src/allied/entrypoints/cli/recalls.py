"""Taking items back, marking them anew, and who has them: `allied item recall`, `tighten` ..."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
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
from allied.errors import UsageError

if TYPE_CHECKING:
    from allied.node.recall_views import RecallView

ItemName = Annotated[str, typer.Argument(metavar="ITEM", help="Its STIX id, or its number here.")]


def add_to(items: typer.Typer) -> None:
    """Add the verbs to `allied item`."""
    items.command("recall")(recall)
    items.command("tighten")(tighten)
    items.command("recalls")(recalls)
    items.command("answer-recall")(answer_recall)
    items.command("receipts")(receipts)


def recall(
    name: ItemName,
    agreement: Annotated[str, typer.Option("--agreement", "-a", help="Under which agreement.")],
    why: Annotated[str, typer.Option("--why", help="For those who hold it.")],
    dry_run: DryRun = False,
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Take back what you shared: by STIX id all versions, by number that one.

    Everybody whom it was released to is told; their nodes stop showing and releasing it at
    once, and they confirm within the period of the clause.
    """
    from allied.node.recalls import recall as call

    with opened(folder) as node:
        acting = actor(node, organisation, person, passphrase_file, act=False)
        found = call(node, acting, name, agreement, why, dry_run=dry_run)
    if as_json:
        give(found, as_json=True)
        return
    _tell([found])
    say("Nothing was recalled." if dry_run else "It is gone here, and its holders are told.")


def tighten(
    name: ItemName,
    agreement: Annotated[str, typer.Option("--agreement", "-a", help="Under which agreement.")],
    tlp: Annotated[str, typer.Option("--tlp", help="Mark it at least so strictly.")] = "",
    caveat: Annotated[
        list[str] | None, typer.Option("--caveat", help="Add a caveat (repeatable).")
    ] = None,
    to: Annotated[
        list[str] | None, typer.Option("--to", help="Only for this party (repeatable).")
    ] = None,
    expires: Annotated[
        datetime | None,
        typer.Option("--expires", help="Nobody is given it from then on (UTC)."),
    ] = None,
    why: Annotated[str, typer.Option("--why", help="For those who hold it.")] = "",
    dry_run: DryRun = False,
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Mark what you shared more tightly: by STIX id all versions, by number that one.

    Everybody whom it was released to is told; their nodes handle it so at once, and who may not
    have it any more is asked to delete it, as in a recall. A looser marking is a new version.
    """
    from allied.node.shared import Wish
    from allied.node.tightening import tighten as mark

    with opened(folder) as node:
        acting = actor(node, organisation, person, passphrase_file, act=False)
        wish = Wish(tlp=tlp, caveats=tuple(caveat or ()), to=tuple(to or ()))
        until = expires.replace(tzinfo=UTC) if expires else None
        found = mark(node, acting, name, agreement, wish, expires=until, why=why, dry_run=dry_run)
    if as_json:
        give(found, as_json=True)
        return
    handled = [f"TLP:{found.tlp}", *found.caveats]
    handled += [f"only for {', '.join(found.audience)}"] if found.audience is not None else []
    handled += [f"until {instant(found.expires)}"] if found.expires else []
    say(f"{found.item}: {', '.join(handled)}")
    if found.links:
        say(f"  with {len(found.links)} links of it: {', '.join(found.links)}")
    table(
        ("holder", "since", "from now on", "why"),
        [
            (
                each.party,
                instant(each.since),
                "has to delete it" if each.gone else "handles it so",
                f"{each.reason} [{each.code}]" if each.code else "",
            )
            for each in found.holders
        ],
    )
    say("Nothing was marked." if dry_run else "It is handled so here, and its holders are told.")


def recalls(
    organisation: ActingOrganisation = "", folder: Folder = None, as_json: AsJson = False
) -> None:
    """Show recalls: ours with what each holder did, and what others recalled from us."""
    from allied.node.recall_views import list_recalls

    with opened(folder) as node:
        found = list_recalls(node, who(node, organisation))
    if as_json:
        give(found, as_json=True)
        return
    if not found:
        say("Nothing was recalled.")
        return
    _tell(found)


def answer_recall(
    name: Annotated[str, typer.Argument(metavar="RECALL", help="Its id, or the item's STIX id.")],
    deleted: Annotated[
        bool, typer.Option("--deleted", help="It is deleted; erases the bytes here.")
    ] = False,
    kept: Annotated[str, typer.Option("--kept", help="It is kept, and why.")] = "",
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Say what you did about a recall: --deleted, or --kept WHY."""
    from allied.node.recalls import answer

    if deleted == bool(kept.strip()):
        raise UsageError("recall.answer", "say --deleted, or --kept and why; not both")
    with opened(folder) as node:
        acting = actor(node, organisation, person, passphrase_file, act=False)
        found = answer(node, acting, name, kept=kept)
    if as_json:
        give(found, as_json=True)
        return
    _tell([found])


def receipts(
    name: ItemName,
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Say who has an item, since when, under which clause, and what became of a recall."""
    from allied.node.receipts import receipts as look

    with opened(folder) as node:
        found = look(node, who(node, organisation), name)
    if as_json:
        give(found, as_json=True)
        return
    if not found:
        say("It has left for nobody.")
        return
    table(
        ("party", "since", "clause", "receipt", "recall", "due", "reason"),
        [
            (
                each.party,
                instant(each.since),
                f"Art {each.art}" if each.art else "-",
                instant(each.receipt_at),
                each.recall or "-",
                instant(each.due),
                each.reason,
            )
            for each in found
        ],
    )
    for each in found:
        if each.onward:
            say(f"  {each.party} says that it had passed it on to {', '.join(each.onward)}")


def _tell(found: Sequence[RecallView]) -> None:
    table(
        ("recall", "item", "by", "agreement", "at", "holder", "state", "due", "reason"),
        [
            row
            for each in found
            for row in [
                (
                    each.id,
                    each.item,
                    each.by,
                    each.alias,
                    instant(each.at),
                    holder.party,
                    holder.state + (" (late)" if holder.late else ""),
                    instant(holder.due),
                    holder.reason or each.why or ("marked more tightly" if each.marking else ""),
                )
                for holder in each.holders
            ]
            or [(each.id, each.item, each.by, each.alias, instant(each.at), each.by, "-", "-", "")]
        ],
    )
    for each in found:
        if each.mine and each.silent:
            say(f"  {each.id}: no word yet from {', '.join(each.silent)}")
        if each.outside:
            say(f"  {each.id}: handed to somebody outside, tell them: {', '.join(each.outside)}")
        if each.products:
            say(f"  {each.id}: made from it here, to be looked at: {', '.join(each.products)}")
