"""Handing what another party shared to somebody whom the agreement does not name.

What clauses say of third parties is about these: `third_party`, the declared community, an
originator's consent, extracts. The verdict is that of the one release path; what may go is
written as a STIX bundle of exact bytes, and who carries it is no business of this program. An
outsider has no node here: it signs for nothing, and no recall reaches it but by people.

Words used here:
    outsider    a name that stands for no party of the agreement, as people call them
    hand over   what is permitted leaves as a bundle; it stands in the disclosure ledger before

Rules. What is one's own is given as one likes: the agreement does not bind its originator. Who
was a party and left is no outsider. Where others can read the way, what has to be encrypted
stays. Custom markings that an object carries go along as far as they may go themselves.

Source: the third-agency rule and ORCON; DOMAIN on `third_party`, scenario 17.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from allied.errors import UsageError
from allied.exchange.marking import WELL_KNOWN
from allied.exchange.stix import read_head
from allied.node import items, ledger, release, sweeping
from allied.node.additions import stream
from allied.node.passing import PassedView, shown
from allied.record.canonical import digest
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from allied.exchange.policy import Verdict
    from allied.node.folds import Folded
    from allied.node.node import Node
    from allied.node.ports import Reading
    from allied.node.rows import ItemRow, Organisation

VIA: Final = "hand-over"
MOST: Final = 1_000
"""Items that are handed over at once."""

_LONGEST: Final = 100


@dataclass(frozen=True, slots=True)
class HandedView:
    """What the agreement says to handing one item over."""

    item: str
    version: str
    said: PassedView


@dataclass(frozen=True, slots=True)
class Handed:
    """What the agreement says to handing items over, and what may go.

    Attributes:
        raw: a STIX bundle; empty if nothing may go, or nothing was to.
    """

    to: PartyId
    items: tuple[HandedView, ...]
    raw: bytes = b""


@dataclass(frozen=True, slots=True)
class Way:
    """What people say of the outsider, and of how it gets the bundle.

    Attributes:
        in_community: it belongs to the community that the clause declares.
        encrypted: nobody else can read what goes that way.
    """

    in_community: bool = False
    encrypted: bool = False


def hand_over(
    node: Node,
    organisation: Organisation,
    names: Sequence[str],
    to: str,
    way: Way,
    *,
    dry_run: bool = False,
) -> Handed:
    """Hand over items of others to an outsider, as far as the agreement lets them go now.

    Args:
        names: STIX ids or numbers of items that are held here.
        to: the outsider, as clauses, requests and consents call it.

    Raises:
        NotFoundError: `item.unknown`, `item.withdrawn`.
        UsageError: `item.own`, `item.a-party`, `item.outsider`, `item.too-many`.
    """
    if not to.isprintable() or not 0 < len(to.strip()) == len(to) <= _LONGEST:
        raise UsageError("item.outsider", f"an outsider goes by a name of 1 to {_LONGEST} letters")
    if len(names) > MOST:
        raise UsageError("item.too-many", f"at most {MOST} items are handed over at once")
    with node.store.read() as reading:
        found = [_chosen(node, reading, organisation, name, to) for name in names]
    for agreement in sorted({folded.row.id for folded, _ in found}):
        sweeping.require_swept(node, organisation.id, agreement)
    with node.store.write() as writing:
        chosen = [_chosen(node, writing, organisation, name, to) for name in dict.fromkeys(names)]
        judged = [
            (folded, row, _verdict(node, writing, folded, row, to, way)) for folded, row in chosen
        ]
        views = tuple(
            HandedView(row.id, row.modified, shown(PartyId(to), verdict))
            for _, row, verdict in judged
        )
        if dry_run:
            return Handed(PartyId(to), views)
        going = [(folded, row, verdict) for folded, row, verdict in judged if verdict.permitted]
        for folded, row, _ in tuple(going):
            going += [
                (folded, each, verdict)
                for each in _markings(writing, folded, row)
                if (verdict := _verdict(node, writing, folded, each, to, way)).permitted
            ]
        going = list({row.seq: (folded, row, verdict) for folded, row, verdict in going}.values())
        bodies = writing.item_bytes([row for _, row, _ in going])
        raw = _bundle(node, [bodies[row.digest] for _, row, _ in going]) if going else b""
        refused = [each for each in judged if not each[2].permitted]
        ledger.append(
            writing,
            organisation.id,
            [
                *(_entry(node, to, *each, ledger.REFUSED, "") for each in refused),
                *(_entry(node, to, *each, ledger.RELEASED, digest(raw)) for each in going),
            ],
        )
    return Handed(PartyId(to), views, raw)


def _chosen(
    node: Node, reading: Reading, organisation: Organisation, name: str, to: str
) -> tuple[Folded, ItemRow]:
    """An item of another party, under an agreement in which `to` is none."""
    folded, row = items.find(node, reading, organisation, name)
    if row.originator == organisation.id:
        raise UsageError(
            "item.own", "this is your own item", hint="give it to whom you like; it is yours"
        )
    if PartyId(to) in folded.instrument.genesis.parties:
        raise UsageError(
            "item.a-party",
            "that is a party of the agreement, or was one",
            hint="`allied item pass-on`",
        )
    return folded, row


def _verdict(
    node: Node, reading: Reading, folded: Folded, row: ItemRow, to: str, way: Way
) -> Verdict:
    return release.verdict_of(
        node,
        reading,
        folded,
        row,
        PartyId(to),
        reviewed=way.in_community,
        readable=not way.encrypted,
    )


def _markings(reading: Reading, folded: Folded, row: ItemRow) -> list[ItemRow]:
    """The custom marking definitions that an object carries, as they are held here."""
    head = read_head(reading.item_bytes([row])[row.digest])
    found = []
    parts = {each.marking_ref for each in head.granular_markings}
    for name in sorted({*head.object_marking_refs, *parts} - WELL_KNOWN.keys() - {""}):
        versions = stream(reading, folded.row.id, row.holder, item=name)
        same = [each for each in versions if each.originator == row.originator]
        found += same[-1:]
    return found


def _bundle(node: Node, objects: Sequence[bytes]) -> bytes:
    name = uuid.UUID(bytes=node.chance.token(16), version=4)
    return b'{"type":"bundle","id":"bundle--%b","objects":[\n%b\n]}\n' % (
        str(name).encode(),
        b",\n".join(objects),
    )


def _entry(
    node: Node, to: str, folded: Folded, row: ItemRow, verdict: Verdict, outcome: str, proof: str
) -> ledger.Entry:
    return ledger.Entry(
        agreement=folded.row.id,
        recipient=to,
        outcome=outcome,
        code=verdict.code,
        art=verdict.art,
        class_id=row.class_id,
        first=row.seq,
        last=row.seq,
        count=1,
        via=VIA,
        proof=proof,
        at=node.clock.now(),
    )
