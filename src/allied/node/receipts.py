"""Who has an item, since when, under which clause: the disclosure ledger against signed receipts.

A release is what this node wrote down before bytes left; a receipt is the recipient's signed
word that it holds them. Whoever was told a recall is shown with where that stands.

Rules. What was withdrawn here is answered for as well. Only what left this node is known here:
where a holder passed something on, its word for it is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from allied.errors import NotFoundError
from allied.exchange.lineage import ItemName
from allied.node import called
from allied.node.recall_views import holder_view, left_here, releases_of, versions_of
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from datetime import datetime

    from allied.node.called import Calls
    from allied.node.folds import Folded
    from allied.node.node import Node
    from allied.node.ports import Reading
    from allied.node.rows import ItemRow, LedgerRow, Organisation


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """One holder of an item.

    Attributes:
        since: when it first left for that party.
        art: the clause that let it go.
        receipt_at: when the party signed that it holds it; None without its receipt.
        recall: where a recall stands towards it; empty where there is none.
    """

    party: PartyId
    since: datetime
    art: str
    receipt_at: datetime | None
    recall: str
    due: datetime | None
    reason: str
    onward: tuple[PartyId, ...]


def receipts(node: Node, organisation: Organisation, name: str) -> Sequence[ReceiptView]:
    """Who has an item, since when, under which clause; by STIX id or number.

    Raises:
        NotFoundError: `item.unknown`.
    """
    found: dict[PartyId, ReceiptView] = {}
    known = False
    with node.store.read() as reading:
        now = node.clock.now()
        for agreement in reading.agreements():
            folded = node.folds.of(reading, agreement.id)
            rows = list(versions_of(reading, agreement.id, organisation.id, name))
            rows += [each.item for each in left_here(reading, agreement.id, organisation.id, name)]
            rows.sort(key=lambda each: each.seq)
            if not rows:
                continue
            known = True
            calls = called.calls_of(folded, organisation.id)
            for row in rows:
                for entry in releases_of(reading, row):
                    party = PartyId(entry.recipient)
                    before = found.get(party)
                    if before is not None and before.receipt_at is not None:
                        continue
                    found[party] = _receipt(reading, folded, calls, row, entry, before, now)
    if not known:
        raise NotFoundError(
            "item.unknown", "this organisation holds no such item", hint="`allied item list`"
        )
    return [found[party] for party in sorted(found)]


def _receipt(
    reading: Reading,
    folded: Folded,
    calls: Calls,
    row: ItemRow,
    entry: LedgerRow,
    before: ReceiptView | None,
    now: datetime,
) -> ReceiptView:
    party = PartyId(entry.recipient)
    originator = folded.instrument.party(row.originator) or PartyId("-")
    name = ItemName(originator, row.id, row.modified)
    told = [each for each in calls.ours if each.holder == party and each.item.covers(name)]
    state = holder_view(reading, folded, calls, told[-1], [row], now) if told else None
    return ReceiptView(
        party=party,
        since=before.since if before else entry.at,
        art=before.art if before else entry.art,
        receipt_at=receipt_at(folded, party, {entry.proof}),
        recall=state.state if state else "",
        due=state.due if state else None,
        reason=state.reason if state else "",
        onward=state.onward if state else (),
    )


def receipt_at(folded: Folded, party: PartyId, proofs: set[str]) -> datetime | None:
    """When a party signed for one of these pulls, by its own claim."""
    binding = folded.instrument.genesis.parties.get(party)
    if binding is None:  # somebody outside, to whom it was handed over
        return None
    organisation = binding.organisation
    return max(
        (
            record.header.claimed_at
            for record in folded.state.statements
            if record.header.kind == "exchange.receipt"
            and record.header.issuer == organisation
            and record.body.get("root") in proofs
        ),
        default=None,
    )
