"""Rows of the disclosure ledger as people ask for them: about an object, a party, an outcome.

"Who received it, since when, under which clause": every row that speaks of an object, whatever
became of it since, with the recipient's receipt and the root that vouches for the row.

Rules. An object that was withdrawn here is answered for as well. A row speaks of a run of items
of one handling class; it is about an object if one of that object's numbers lies in its run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from allied.errors import NotFoundError, UsageError
from allied.node import ledger
from allied.node.agreements import resolve
from allied.node.ledger_proofs import row_of
from allied.node.recall_views import left_here, versions_of
from allied.node.receipts import receipt_at
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from allied.node.node import Node
    from allied.node.ports import Reading
    from allied.node.rows import AgreementRow, LedgerRow, Organisation
    from allied.record.ids import AgreementId, Digest, OrganisationId

OUTCOMES: Final = (ledger.PERMITTED, ledger.REFUSED, ledger.RELEASED, ledger.RECALLED)
_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What rows are asked for; an empty text leaves a question open.

    Attributes:
        agreement: its id or alias.
        recipient: a party's label.
        item: a STIX id (all its versions), or the number of one item.
        outcome: one of `OUTCOMES`.
        within: only of these agreements; None for all.
    """

    agreement: str = ""
    recipient: str = ""
    item: str = ""
    outcome: str = ""
    within: frozenset[AgreementId] | None = None


@dataclass(frozen=True, slots=True)
class RowView:
    """One row of the disclosure ledger.

    Attributes:
        seq: its number.
        art: the clause that decided; empty where none allowed it.
        count: of how many items it speaks.
        via: the way out.
        proof: of a release, the digest that the recipient's receipt names.
        receipt_at: when the recipient signed that it holds them; null without its receipt.
        previous, hash: its place in the chain.
        number, through, record: the commitment that vouches for it: its number, its last day
            (YYYY-MM-DD), the record that was signed; 0 and empty before there is one.
    """

    seq: int
    at: datetime
    agreement: AgreementId
    alias: str
    recipient: str
    outcome: str
    code: str
    art: str
    count: int
    via: str
    proof: str
    receipt_at: datetime | None
    previous: Digest
    hash: Digest
    number: int
    through: str
    record: str


def rows(
    node: Node, organisation: Organisation, asked: Asked, *, after: int = 0, limit: int = 100
) -> Sequence[RowView]:
    """Rows with a number past `after`, in their order.

    Raises:
        NotFoundError: `agreement.unknown`; `item.unknown`, no such object was ever held here.
        UsageError: `ledger.outcome`.
    """
    if asked.outcome and asked.outcome not in OUTCOMES:
        raise UsageError(
            "ledger.outcome", "there is no such outcome", hint=f"one of {', '.join(OUTCOMES)}"
        )
    with node.store.read() as reading:
        agreements = _agreements(reading, asked)
        found: dict[int, LedgerRow] = {}
        if asked.item:
            places = _places(reading, organisation.id, agreements, asked.item)
            for agreement, number, class_id in places:
                about = _about(reading, organisation.id, agreement, asked, number, after)
                for row in _first(about, limit, asked.outcome, class_id):
                    found[row.seq] = row
        else:
            for each in agreements if asked.agreement or asked.within is not None else (None,):
                under = each.id if each else None
                about = _about(reading, organisation.id, under, asked, None, after)
                for row in _first(about, limit, asked.outcome, None):
                    found[row.seq] = row
        shown = [found[seq] for seq in sorted(found)[:limit]]
        return [_view(node, reading, each) for each in shown]


def row(node: Node, organisation: Organisation, seq: int) -> RowView:
    """One row by its number.

    Raises:
        NotFoundError: `ledger.no-such-row`.
    """
    with node.store.read() as reading:
        return _view(node, reading, row_of(reading, organisation.id, seq))


def _agreements(reading: Reading, asked: Asked) -> Sequence[AgreementRow]:
    named = [resolve(reading, asked.agreement)] if asked.agreement else reading.agreements()
    return [each for each in named if asked.within is None or each.id in asked.within]


def _places(
    reading: Reading, organisation: OrganisationId, agreements: Sequence[AgreementRow], item: str
) -> Collection[tuple[AgreementId, int, int]]:
    """Agreement, number and handling class of every version of an object, also withdrawn ones."""
    found: set[tuple[AgreementId, int, int]] = set()
    for each in agreements:
        held = list(versions_of(reading, each.id, organisation, item))
        held += [one.item for one in left_here(reading, each.id, organisation, item)]
        found |= {(each.id, one.seq, one.class_id) for one in held}
    if not found:
        raise NotFoundError(
            "item.unknown", "this organisation holds no such item", hint="`allied item list`"
        )
    return sorted(found)


def _about(
    reading: Reading,
    organisation: OrganisationId,
    agreement: AgreementId | None,
    asked: Asked,
    number: int | None,
    after: int,
) -> Iterator[LedgerRow]:
    while True:
        page = reading.ledger(
            organisation,
            agreement=agreement,
            recipient=asked.recipient or None,
            seq=number,
            after=after,
            limit=_PAGE,
        )
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1].seq


def _first(
    about: Iterator[LedgerRow], limit: int, outcome: str, class_id: int | None
) -> Iterator[LedgerRow]:
    count = 0
    for each in about:
        if count == limit:
            return
        if outcome in ("", each.outcome) and class_id in (None, each.class_id):
            count += 1
            yield each


def _view(node: Node, reading: Reading, found: LedgerRow) -> RowView:
    folded = node.folds.of(reading, found.agreement)
    roots = reading.ledger_roots(found.organisation, found.agreement, row=found.seq, limit=1)
    root = roots[0] if roots else None
    party = PartyId(found.recipient)
    known = party in folded.instrument.genesis.parties
    released = found.outcome == ledger.RELEASED and known
    return RowView(
        seq=found.seq,
        at=found.at,
        agreement=found.agreement,
        alias=folded.row.alias,
        recipient=found.recipient,
        outcome=found.outcome,
        code=found.code,
        art=found.art,
        count=found.count,
        via=found.via,
        proof=found.proof,
        receipt_at=receipt_at(folded, party, {found.proof}) if released else None,
        previous=found.previous,
        hash=found.hash,
        number=root.number if root else 0,
        through=root.through if root else "",
        record=root.record if root else "",
    )
