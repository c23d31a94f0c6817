"""The disclosure ledger: what left this node, what did not, and who confirmed it.

The ledger is a hash chain of rows, one chain per hosted organisation, written in the same
unit as what it tells. It is the node's own and is never replicated. A row speaks of a run
of items of one handling class (a verdict) or of one pull (a release, a receipt), not of
single objects, so it stays small whatever is shared; which rows speak of one item follows
from its sequence number and class.

It is tamper-evident, not tamper-proof: a node that never wrote a row cannot be caught by
its own ledger, only by the recipient's receipt. What was written is committed to day by day
(`node.ledger_roots`), so that it cannot be written anew either.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from allied.errors import UnverifiedError
from allied.exchange import disclosure
from allied.exchange.disclosure import Disclosed, Place
from allied.node.rows import LedgerRow
from allied.record.ids import Digest
from allied.record.record import whole_milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from allied.node.ports import Reading, Writing
    from allied.record.ids import AgreementId, OrganisationId

START = Digest("0" * 64)

PERMITTED, REFUSED, RELEASED, RECEIPT = "permitted", "refused", "released", "receipt"
RECALLED = "recalled"


@dataclass(frozen=True, slots=True)
class Entry:
    """What one row is to say; see `LedgerRow` for the words."""

    agreement: AgreementId
    recipient: str
    outcome: str
    code: str
    art: str
    class_id: int
    first: int
    last: int
    count: int
    via: str
    proof: str
    at: datetime


def append(
    writing: Writing, organisation: OrganisationId, entries: Iterable[Entry]
) -> Sequence[LedgerRow]:
    """Append rows to an organisation's chain, inside the unit that made them true."""
    seq, previous = writing.ledger_head(organisation)
    rows: list[LedgerRow] = []
    for entry in entries:
        seq += 1
        row = LedgerRow(
            seq=seq,
            organisation=organisation,
            agreement=entry.agreement,
            recipient=entry.recipient,
            outcome=entry.outcome,
            code=entry.code,
            art=entry.art,
            class_id=entry.class_id,
            first=entry.first,
            last=entry.last,
            count=entry.count,
            via=entry.via,
            proof=entry.proof,
            at=entry.at,
            previous=previous,
            hash=START,
        )
        row = replace(row, hash=row_hash(row))
        previous = row.hash
        rows.append(row)
    if rows:
        writing.append_ledger(rows)
    return rows


def row_hash(row: LedgerRow) -> Digest:
    """The digest of everything in a row but the hash itself, the previous hash included."""
    return disclosure.row_hash(disclosed(row), place(row))


def disclosed(row: LedgerRow) -> Disclosed:
    """What of a row can be shown to others."""
    return Disclosed(
        organisation=row.organisation,
        agreement=row.agreement,
        recipient=row.recipient,
        outcome=row.outcome,
        code=row.code,
        art=row.art,
        count=row.count,
        via=row.via,
        proof=row.proof,
        at=whole_milliseconds(row.at),
    )


def place(row: LedgerRow) -> Place:
    """What of a row is for its keeper, and for whom the keeper shows the whole chain."""
    return Place(row.seq, row.class_id, row.first, row.last, row.previous)


def verify(reading: Reading, organisation: OrganisationId) -> int:
    """Recompute an organisation's chain; returns how many rows hold.

    Raises:
        UnverifiedError: `ledger.broken`, with the number of the first row that does not.
    """
    previous, seq = START, 0
    while True:
        rows = reading.ledger(organisation, after=seq, limit=1000)
        for row in rows:
            if row.seq != seq + 1 or row.previous != previous or row_hash(row) != row.hash:
                raise UnverifiedError(
                    "ledger.broken",
                    f"row {seq + 1} of the disclosure ledger does not follow from the one before",
                    facts={"row": seq + 1},
                )
            previous, seq = row.hash, row.seq
        if not rows:
            return seq
