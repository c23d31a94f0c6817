"""Where a recall stands, towards each holder: from records and the disclosure ledger.

What follows from what is said is decided by `exchange.recall`; here the facts for it are put
together, and the answer is given the words that people see.

Words used here:
    holder    a party to whom the item was released from here
    release   a row of the disclosure ledger that says so
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from allied.agreement.clauses import InformationSharing
from allied.agreement.values import Duration, Tlp
from allied.exchange import recall as rules
from allied.node import called, ledger, provenance
from allied.node.additions import stream, withdrawn
from allied.node.texts import words_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from allied.node.called import Called, Calls
    from allied.node.folds import Folded
    from allied.node.node import Node
    from allied.node.ports import Reading
    from allied.node.rows import ItemRow, LedgerRow, Organisation, WithdrawnRow
    from allied.record.ids import AgreementId, OrganisationId, PartyId

_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class HolderView:
    """Where a recall stands towards one holder.

    Attributes:
        state: not-reached, owed, deleted, kept, overdue, told or corrected.
        onward: to whom the holder says that it had passed the item on.
    """

    party: PartyId
    since: datetime | None
    state: str
    due: datetime | None
    late: bool
    reason: str
    onward: tuple[PartyId, ...]


@dataclass(frozen=True, slots=True)
class RecallView:
    """One recall, as its author or as a holder sees it.

    Attributes:
        id: what to answer it by.
        version: empty for all versions.
        by: who said it; the originator, or who had passed the item on.
        mine: it was said by this organisation.
        holders: everybody whom its author told; for a holder, itself alone.
        products: ids of what was made from it here; to be looked at again.
        outside: who got it from here and is no party: people tell them.
        marking: it was marked more tightly, and these may not have it any more.
    """

    id: str
    item: str
    version: str
    agreement: AgreementId
    alias: str
    originator: PartyId
    by: PartyId
    mine: bool
    art: str
    correction: bool
    at: datetime
    why: str
    holders: tuple[HolderView, ...]
    products: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    marking: bool = False

    @property
    def silent(self) -> tuple[PartyId, ...]:
        """Who has not said what it did, though it was asked to: late, in time yet, not reached."""
        open_ = {"not-reached", "owed", "overdue"}
        return tuple(each.party for each in self.holders if each.state in open_)


# --- who holds it -----------------------------------------------------------------------------


def versions_of(
    reading: Reading, agreement: AgreementId, holder: OrganisationId, name: str
) -> Sequence[ItemRow]:
    """The versions of an object that its holder originated; or the item with that number."""
    if name.isdecimal() and len(name) < 19:
        number = int(name)
        found = reading.items(agreement, holder, after=number - 1, limit=1)
        return [row for row in found if row.seq == number]
    versions = list(stream(reading, agreement, holder, item=name))
    return [row for row in versions if row.originator == holder] or versions


def left_here(
    reading: Reading, agreement: AgreementId, holder: OrganisationId, name: str
) -> Sequence[WithdrawnRow]:
    """What was held of an object, or under a number, and left; the oldest first."""
    if name.isdecimal() and len(name) < 19:
        number = int(name)
        found = reading.withdrawn(agreement, holder, after=number - 1, limit=1)
        return [each for each in found if each.item.seq == number]
    return list(withdrawn(reading, agreement, holder, item=name))


def holders_of(reading: Reading, rows: Sequence[ItemRow]) -> dict[str, LedgerRow]:
    """To whom items went from here, each with its first release; by the disclosure ledger."""
    found: dict[str, LedgerRow] = {}
    for row in rows:
        for entry in releases_of(reading, row):
            found.setdefault(entry.recipient, entry)
    return found


def releases_of(reading: Reading, row: ItemRow) -> Iterator[LedgerRow]:
    """Every release of an item from here, the first one first."""
    after = 0
    while True:
        page = reading.ledger(
            row.holder, agreement=row.agreement, seq=row.seq, after=after, limit=_PAGE
        )
        for entry in page:
            if entry.outcome == ledger.RELEASED and entry.class_id == row.class_id:
                yield entry
        if len(page) < _PAGE:
            return
        after = page[-1].seq


# --- what a recall came to --------------------------------------------------------------------


def list_recalls(node: Node, organisation: Organisation) -> Sequence[RecallView]:
    """Every recall by or towards an organisation, the latest first."""
    found: list[RecallView] = []
    with node.store.read() as reading:
        now = node.clock.now()
        for row in reading.agreements():
            folded = node.folds.of(reading, row.id)
            calls = called.calls_of(folded, organisation.id)
            for each in called.latest(calls.ours):
                view = view_of(reading, folded, calls, organisation, each.call, now)
                found += [view] if view else []
            found += [received_view(reading, folded, calls, each, now) for each in calls.theirs]
    return sorted(found, key=lambda each: each.at, reverse=True)


def view_of(
    reading: Reading,
    folded: Folded,
    calls: Calls,
    organisation: Organisation,
    call: str,
    now: datetime,
) -> RecallView | None:
    """One call of ours, with where it stands towards everybody who was told."""
    told = [each for each in calls.ours if each.call == call]
    if not told:
        return None
    first = told[0]
    gone = withdrawn(reading, folded.row.id, organisation.id, item=first.item.id)
    rows = [each.item for each in gone]
    holders = sorted(
        (holder_view(reading, folded, calls, each, rows, now) for each in told),
        key=lambda each: each.party,
    )
    mine = first.by
    made = provenance.products(reading, organisation.id, mine, first.item)
    return _shown(reading, folded, first, mine=True, holders=tuple(holders), products=made)


def received_view(
    reading: Reading, folded: Folded, calls: Calls, recall: Called, now: datetime
) -> RecallView:
    """A recall that was said to us, with where we stand."""
    holder = holder_view(reading, folded, calls, recall, [], now)
    organisation = folded.instrument.organisation(recall.holder)
    made = provenance.products(reading, organisation, recall.holder, recall.item)
    shown = _shown(reading, folded, recall, mine=False, holders=(holder,), products=made)
    return replace(shown, outside=_outside(reading, folded, organisation, recall))


def _outside(
    reading: Reading, folded: Folded, holder: OrganisationId, recall: Called
) -> tuple[str, ...]:
    """Who is no party, and got from here what a recall speaks of."""
    agreement, name = folded.row.id, recall.item.id
    rows = [each.item for each in left_here(reading, agreement, holder, name)]
    rows += versions_of(reading, agreement, holder, name)
    covered = [
        row
        for row in rows
        if folded.instrument.party(row.originator) == recall.item.originator
        and recall.item.version in ("", row.modified)
    ]
    parties = folded.instrument.genesis.parties
    return tuple(sorted(each for each in holders_of(reading, covered) if each not in parties))


def _shown(
    reading: Reading,
    folded: Folded,
    recall: Called,
    *,
    mine: bool,
    holders: tuple[HolderView, ...],
    products: tuple[str, ...],
) -> RecallView:
    return RecallView(
        id=recall.call,
        item=recall.item.id,
        version=recall.item.version,
        agreement=folded.row.id,
        alias=folded.row.alias,
        originator=recall.item.originator,
        by=recall.by,
        mine=mine,
        art=recall.art,
        correction=recall.correction,
        at=recall.at,
        why=words_of(reading, recall.why),
        holders=holders,
        products=products,
        marking=recall.is_marking,
    )


def holder_view(
    reading: Reading,
    folded: Folded,
    calls: Calls,
    recall: Called,
    rows: Sequence[ItemRow],
    now: datetime,
) -> HolderView:
    """Where a recall stands towards the one it was said to, by `exchange.recall`."""
    entry = holders_of(reading, rows).get(recall.holder)
    since = entry.at if entry else None
    if recall.correction:
        return HolderView(recall.holder, since, "corrected", None, False, "", ())
    reply = calls.replies.get(recall.record)
    clause = clause_of(folded, recall.art, recall.at)
    within = clause.recall.comply_within if clause and clause.recall else Duration(0, "hours")
    confirm = clause.recall.confirm if clause and clause.recall else not recall.is_marking
    by = recall.item.originator
    said = rules.Recall(recall.item, by, recall.at, "", within, confirm)
    copies = [rules.Copy(recall.item, recall.holder, recall.by, recall.at, Tlp.RED)]
    answers = []
    if reply is not None and reply.by == recall.holder:
        at = calls.seen.get(reply.record, reply.at)
        did = rules.Answered(reply.did)
        answers = [rules.Answer(recall.holder, did, words_of(reading, reply.why), at)]
    noticed = {recall.holder: calls.seen[recall.record]} if recall.record in calls.seen else {}
    state = rules.fold(said, copies, max(now, recall.at), noticed=noticed, answers=answers)
    if not state.duties:  # the holder is the originator itself
        return HolderView(recall.holder, since, "told", None, False, "", ())
    duty = state.duties[0]
    return HolderView(
        recall.holder,
        since,
        duty.state.value,
        duty.due,
        duty.late,
        duty.reason,
        reply.onward if reply else (),
    )


def clause_of(folded: Folded, art: str, at: datetime) -> InformationSharing | None:
    """The information-sharing clause of that number in the text in force, if there is one."""
    clauses = folded.terms(at).clauses(InformationSharing)
    return next((each for each in clauses if each.art == art), None)
