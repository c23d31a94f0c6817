"""What follows from a recall: who has to give an item up, by when, and who has said so.

An originator takes back what it shared. Everybody who holds a copy owes that it is gone, and
the word that it is; what was made of it is flagged; what was public cannot be taken back and
gets a correction. This module folds facts about copies and answers into that; it executes
nothing and tells nobody.

Words used here:
    copy         a version of an item that somebody holds, and from whom it came
    notice       the holder's signed receipt of the recall; the period runs from it
    answer       the holder's word: deleted, or kept and why
    duty         what one holder owes: cease to use it, pass the recall on, confirm
    through      who passes the recall on to a holder: the originator, or who forwarded a copy

Rules that hold everywhere here. Only the originator recalls, and only where a clause says so.
What is recalled is given to nobody any more, by nobody.
A duty is missed at the very instant at which its period ends. Without the holder's receipt
no period runs: it is listed as not reached, and so as not confirmed. An answer that came too
late is an answer and stays late; the last answer of a holder counts. What is TLP:CLEAR is
anybody's: its holders get a correction and owe nothing. A copy that arrives after the recall
is a copy, and one that arrives after the answer makes the answer void. A recall of no version
in particular recalls all of them.

Source: DOMAIN on `recall {comply_within, confirm}`, on receipts, and scenario 19.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from allied.agreement.clauses import InformationSharing
from allied.agreement.values import Duration, Tlp
from allied.errors import RefusedError
from allied.exchange.lineage import ItemName, Product, products_of
from allied.record.ids import PartyId


class Answered(StrEnum):
    """What a holder says it did."""

    DELETED = "deleted"
    KEPT = "kept"


class Compliance(StrEnum):
    """Where a duty stands at a moment."""

    NOT_REACHED = "not-reached"
    OWED = "owed"
    DELETED = "deleted"
    KEPT = "kept"
    OVERDUE = "overdue"
    TOLD = "told"


@dataclass(frozen=True, slots=True)
class Recall:
    """An originator takes an item back.

    Attributes:
        item: the item; without a version, all its versions.
        by: who recalls; it is the item's originator.
        at: when.
        why: in words, for the holders.
        comply_within: how long each holder has, from its receipt of the recall.
        confirm: each holder has to say what it did.
    """

    item: ItemName
    by: PartyId
    at: datetime
    why: str
    comply_within: Duration
    confirm: bool = True


@dataclass(frozen=True, slots=True)
class Copy:
    """Somebody holds a version of an item.

    Attributes:
        item: one version.
        holder: a party, or the name of an outsider.
        came_from: who released it to the holder.
        since: when it was released to the holder.
        tlp: how it was marked when it was released.
    """

    item: ItemName
    holder: PartyId
    came_from: PartyId
    since: datetime
    tlp: Tlp


@dataclass(frozen=True, slots=True)
class Answer:
    """What a holder answers to a recall.

    Attributes:
        by: the holder.
        did: deleted, or kept.
        reason: why it was kept; never empty then.
        at: when the originator, or who forwarded it, acknowledged the answer.
    """

    by: PartyId
    did: Answered
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Duty:
    """What one holder owes because of a recall.

    Attributes:
        holder: who owes it.
        through: who tells the holder, on the shortest way that copies took; the originator
            where nobody knows how a copy came.
        due: the instant at which it is missed; None while the holder is not reached, or
            where nothing has to be confirmed.
        state: where it stands.
        late: the answer came at or after `due`.
        reason: why the holder kept it.
    """

    holder: PartyId
    through: PartyId
    due: datetime | None
    state: Compliance
    late: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Recalled:
    """What a recall came to at a moment.

    Attributes:
        duties: one per holder who owes something, by name.
        corrections: who holds copies that were TLP:CLEAR, and is only told, by name.
        products: what was made of it, to be looked at again by whoever made it.
    """

    duties: tuple[Duty, ...]
    corrections: tuple[PartyId, ...]
    products: tuple[Product, ...]

    @property
    def unconfirmed(self) -> tuple[PartyId, ...]:
        """Who has not said what it did: overdue, still within its time, or not reached."""
        open_ = (Compliance.OVERDUE, Compliance.OWED, Compliance.NOT_REACHED)
        return tuple(each.holder for each in self.duties if each.state in open_)

    @property
    def overdue(self) -> tuple[PartyId, ...]:
        """Who was silent until its time was over."""
        return tuple(each.holder for each in self.duties if each.state == Compliance.OVERDUE)

    @property
    def kept(self) -> tuple[PartyId, ...]:
        """Who kept its copy, with a reason."""
        return tuple(each.holder for each in self.duties if each.state == Compliance.KEPT)


def recall(
    clause: InformationSharing, item: ItemName, by: PartyId, why: str, at: datetime
) -> Recall:
    """Take an item back under the clause that it was shared under.

    Args:
        clause: that clause.
        item: a version, or all of them.
        by: who recalls it.
        why: for the holders; may be empty.
        at: an aware datetime.

    Raises:
        RefusedError: `exchange.no-recall`: the clause knows none;
            `exchange.not-the-originator`.
    """
    if by != item.originator:
        raise RefusedError(
            "exchange.not-the-originator",
            "only the originator of an item recalls it",
            hint="ask the originator; delete your own copy in any case",
            facts={"art": clause.art},
        )
    if clause.recall is None:
        raise RefusedError(
            "exchange.no-recall",
            "the clause under which it was shared knows no recall",
            hint="share a correction, or agree on a recall",
            facts={"art": clause.art},
        )
    return Recall(item, by, at, why, clause.recall.comply_within, clause.recall.confirm)


def is_recalled(item: ItemName, recalls: Iterable[Recall], at: datetime) -> bool:
    """Whether a version of an item is recalled at a moment: for `Known.recalled`.

    Recalls by anybody but its originator have no effect.
    """
    return any(
        each.by == item.originator and each.at <= at and each.item.covers(item) for each in recalls
    )


def fold(
    recall: Recall,
    copies: Iterable[Copy],
    at: datetime,
    *,
    noticed: Mapping[PartyId, datetime] | None = None,
    answers: Iterable[Answer] = (),
    products: Iterable[Product] = (),
) -> Recalled:
    """What a recall came to at a moment.

    Args:
        recall: as `recall` made it.
        copies: what is known of who holds what, from releases and receipts; of other items
            too.
        at: an aware datetime.
        noticed: when each holder signed for the recall.
        answers: what holders answered, each one's in their order.
        products: what is known of what was made of what.

    Returns:
        The same for any order of `copies` and `products`.

    Cost: linear in copies, answers and products, but for sorting.
    """
    if at < recall.at:
        return Recalled((), (), ())
    held = [
        each
        for each in copies
        if recall.item.covers(each.item) and each.holder != recall.by and each.since <= at
    ]
    owing: dict[PartyId, list[datetime]] = {}
    for each in held:
        if each.tlp > Tlp.CLEAR:
            owing.setdefault(each.holder, []).append(each.since)
    sources: dict[PartyId, set[PartyId]] = {}
    for each in held:
        sources.setdefault(each.holder, set()).add(each.came_from)
    tellers = _tellers(recall.by, sources)
    said: dict[PartyId, list[Answer]] = {}
    for answer in answers:
        if answer.at <= at:
            said.setdefault(answer.by, []).append(answer)
    receipts = {who: when for who, when in (noticed or {}).items() if when <= at}
    duties = tuple(
        _duty(
            recall,
            _Holder(holder, since, receipts.get(holder), said.get(holder, [])),
            tellers[holder],
            at,
        )
        for holder, since in sorted(owing.items())
    )
    corrections = tuple(sorted({each.holder for each in held} - owing.keys()))
    return Recalled(duties, corrections, products_of(recall.item, products))


@dataclass(frozen=True, slots=True)
class _Holder:
    """What is known of one holder: when its copies came, when it was told, what it said."""

    name: PartyId
    since: list[datetime]
    noticed: datetime | None
    answers: list[Answer]


def _duty(recall: Recall, holder: _Holder, through: PartyId, at: datetime) -> Duty:
    """Go through copies and answers in the order of time; a copy opens, an answer closes."""
    copies = sorted(holder.since, reverse=True)
    opened: datetime | None = copies.pop()
    due = _due(recall, holder, opened)
    last, late = None, False
    for each in sorted(holder.answers, key=lambda each: each.at):
        while copies and copies[-1] <= each.at:
            came = copies.pop()
            opened = came if opened is None else opened
        if opened is not None and opened <= each.at:
            due = _due(recall, holder, opened)
            late = due is not None and each.at >= due
            opened = None
        last = each
    if copies and opened is None:
        opened = copies.pop()
    if opened is None and last is not None:
        kept = last.did == Answered.KEPT
        state = Compliance.KEPT if kept else Compliance.DELETED
        return Duty(holder.name, through, due, state, late, last.reason if kept else "")
    due = _due(recall, holder, opened)
    if holder.noticed is None:
        return Duty(holder.name, through, None, Compliance.NOT_REACHED)
    if not recall.confirm:
        return Duty(holder.name, through, None, Compliance.TOLD)
    overdue = due is not None and at >= due
    state = Compliance.OVERDUE if overdue else Compliance.OWED
    return Duty(holder.name, through, due, state)


def _due(recall: Recall, holder: _Holder, opened: datetime | None) -> datetime | None:
    """When the period of a copy is over; None where none runs."""
    if holder.noticed is None or not recall.confirm:
        return None
    start = max(each for each in (holder.noticed, recall.at, opened) if each is not None)
    return _after(recall.comply_within, start)


def _tellers(
    originator: PartyId, sources: Mapping[PartyId, set[PartyId]]
) -> dict[PartyId, PartyId]:
    """By the fewest hops, who passes a recall on to each holder."""
    onward: dict[PartyId, list[PartyId]] = {}
    for holder in sorted(sources):
        for source in sources[holder]:
            onward.setdefault(source, []).append(holder)
    tellers: dict[PartyId, PartyId] = {}
    ring = [originator]
    while ring:
        following: list[PartyId] = []
        for source in sorted(ring):
            for holder in onward.get(source, ()):
                if holder not in tellers and holder != originator:
                    tellers[holder] = source
                    following.append(holder)
        ring = following
    return {holder: tellers.get(holder, originator) for holder in sources}


def require_reason(answer: Answer) -> None:
    """Return if an answer says enough.

    Raises:
        RefusedError: `exchange.kept-without-reason`.
    """
    if answer.did == Answered.KEPT and not answer.reason.strip():
        raise RefusedError(
            "exchange.kept-without-reason",
            "who keeps what was recalled says why",
            hint="give the reason, or delete it",
        )


def _after(length: Duration, start: datetime) -> datetime | None:
    try:
        return length.after(start)
    except OverflowError:
        return None
