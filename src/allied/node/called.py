"""What the records of a pair say about items: recalls, the answers to them, and when each was seen.

Read from the fold of an agreement, for one hosted organisation; nothing is executed here
(`allied.node.recalls`) and nothing is judged (`allied.exchange.recall`).

Words used here:
    call       one recall as its author made it; the same for all holders, so that the author
               finds together what belongs together
    called     one record of a call: the recall as it was said to one holder
    correction what is TLP:CLEAR is not taken back; its holders are told, and owe nothing

Rules. A record that is not of the form is passed over. Who forwarded an item passes the recall
on in its own name, and names the originator; such a record counts for copies that came from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from allied.errors import AlliedError
from allied.exchange.lineage import ItemName
from allied.record.blob import read_reference
from allied.record.ids import RecordId, digest_text

if TYPE_CHECKING:
    from datetime import datetime

    from allied.node.folds import Folded
    from allied.record.canonical import Json
    from allied.record.ids import CircleId, OrganisationId, PartyId
    from allied.record.record import Record

RECALL: Final = "exchange.recall"
ANSWER: Final = "exchange.recall-answer"
DELETED, KEPT = "deleted", "kept"
_LONGEST: Final = 512


@dataclass(frozen=True, slots=True)
class Called:
    """One recall as it was said to one holder.

    Attributes:
        call: what all records of one call have in common, 16 hex digits.
        item: without a version, all versions.
        by: who said it: the originator, or who forwarded the item.
        holder: whom it was said to.
        art: the clause under which it had been released.
        why: the blob with the reason; empty without one.
    """

    record: RecordId
    call: str
    item: ItemName
    by: PartyId
    holder: PartyId
    art: str
    correction: bool
    why: str
    at: datetime

    @property
    def passed_on(self) -> bool:
        """It came from who forwarded the item."""
        return self.by != self.item.originator


@dataclass(frozen=True, slots=True)
class Replied:
    """A holder's word on a recall.

    Attributes:
        recall: the record that it answers.
        onward: to whom the holder had passed the item on, and so the recall.
    """

    recall: RecordId
    by: PartyId
    did: str
    why: str
    onward: tuple[PartyId, ...]
    at: datetime
    record: RecordId


@dataclass(frozen=True, slots=True)
class Calls:
    """All recalls of an agreement that one organisation has to do with.

    Attributes:
        ours: said by it; theirs: said to it.
        replies: by the record answered, the last of each.
        seen: by record, when its addressee signed that it holds it.
    """

    ours: tuple[Called, ...]
    theirs: tuple[Called, ...]
    replies: Mapping[RecordId, Replied]
    seen: Mapping[RecordId, datetime]

    def covering(self, item: ItemName) -> Called | None:
        """The first recall of a version by whoever may recall it, corrections apart."""
        for each in (*self.ours, *self.theirs):
            if each.item.covers(item) and not each.correction:
                return each
        return None


def calls_of(folded: Folded, organisation: OrganisationId) -> Calls:
    """What the records that an organisation may see say about recalls.

    Cost: linear in the statements of the agreement.
    """
    mine = folded.instrument.party(organisation)
    if mine is None:
        return Calls((), (), {}, {})
    pairs = pairs_of(folded, mine)
    ours: list[Called] = []
    theirs: list[Called] = []
    replies: dict[RecordId, Replied] = {}
    seen: dict[RecordId, datetime] = {}
    for record in folded.state.statements:
        other = pairs.get(record.header.circle)
        if other is None:
            continue
        own = record.header.issuer == organisation
        match record.header.kind:
            case "exchange.recall":
                called = _called(record, mine if own else other, other if own else mine)
                if called is not None:
                    (ours if own else theirs).append(called)
            case "exchange.recall-answer":
                reply = _replied(record, mine if own else other)
                if reply is not None:
                    replies[reply.recall] = reply
            case "receipt":
                named = record.body.get("records")
                for each in named if isinstance(named, list) else ():
                    if isinstance(each, str):
                        seen.setdefault(RecordId(each), record.header.claimed_at)
    return Calls(tuple(ours), tuple(theirs), replies, seen)


def pairs_of(folded: Folded, mine: PartyId) -> dict[CircleId, PartyId]:
    """The circles of two that a party is in, each with the other one."""
    circles = folded.instrument.circles
    return {
        circles.pair(mine, other.id).id: other.id
        for other in folded.instrument.terms.parties
        if other.id != mine
    }


def body_of(
    item: ItemName, call: str, art: str, *, correction: bool, why: Json | None
) -> dict[str, Json]:
    """The body of a recall, as `calls_of` reads it."""
    body: dict[str, Json] = {
        "art": art,
        "call": call,
        "correction": correction,
        "item": item.id,
        "originator": item.originator,
        "version": item.version,
    }
    return body if why is None else body | {"why": why}


def _called(record: Record, by: PartyId, holder: PartyId) -> Called | None:
    body = record.body
    texts = [body.get(each) for each in ("art", "call", "item", "originator", "version")]
    correction = body.get("correction")
    if not isinstance(correction, bool) or not all(
        isinstance(each, str) and len(each) <= _LONGEST for each in texts
    ):
        return None
    art, call, item, originator, version = (str(each) for each in texts)
    if not item:
        return None
    name = ItemName(type(by)(originator), item, version)
    return Called(
        record.id,
        call,
        name,
        by,
        holder,
        art,
        correction,
        _blob(body.get("why")),
        record.header.claimed_at,
    )


def _replied(record: Record, by: PartyId) -> Replied | None:
    body = record.body
    did, onward = body.get("did"), body.get("onward", [])
    if did not in (DELETED, KEPT) or not isinstance(onward, list):
        return None
    why = _blob(body.get("why"))
    try:
        recall = digest_text(body.get("recall"), "a recall")
    except AlliedError:
        return None
    if did == KEPT and not why:
        return None  # who keeps it says why
    named = tuple(type(by)(each) for each in onward if isinstance(each, str))
    return Replied(
        RecordId(recall),
        by,
        str(did),
        why,
        named,
        record.header.claimed_at,
        record.id,
    )


def _blob(value: Json) -> str:
    try:
        return read_reference(value)[0]
    except AlliedError:
        return ""


def latest(calls: Sequence[Called]) -> list[Called]:
    """One record per call, the latest call first."""
    found: dict[str, Called] = {}
    for each in calls:
        found.setdefault(each.call, each)
    return sorted(found.values(), key=lambda each: each.at, reverse=True)
