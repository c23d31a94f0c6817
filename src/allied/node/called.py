"""What the records of a pair say about items: recalls, tighter markings, and the answers.

Read from the fold of an agreement, for one hosted organisation; nothing is executed here
(`allied.node.recalls`) and nothing is judged (`allied.exchange.recall`).

Words used here:
    call       one recall as its author made it; the same for all holders, so that the author
               finds together what belongs together
    called     one record of a call: the recall as it was said to one holder
    correction what is TLP:CLEAR is not taken back; its holders are told, and owe nothing
    marking    an originator's further statement over a version, by which it is handled more
               tightly (`allied.node.tightening`); with `gone`, its holder may not have it any
               more, and then it is a recall of that version as well

Rules. A record that is not of the form is passed over. Who forwarded an item passes the recall
on in its own name, and names the originator; such a record counts for copies that came from it.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
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
TIGHTEN: Final = "exchange.tighten"
EXECUTED: Final = frozenset({RECALL, TIGHTEN})
"""What a holder's node carries out in the unit in which it arrives."""

ANSWER: Final = "exchange.recall-answer"
DELETED, KEPT = "deleted", "kept"
_LONGEST: Final = 512
_LONGEST_STATEMENT: Final = 700_000
_LONGEST_PROOF: Final = 16_384


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
        gone: its holder has to give it up; always, but for some markings.
        stated: of a marking, the originator's further statement in base64; else empty.
        proved: the same, of the version's place in it.
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
    gone: bool = True
    stated: str = ""
    proved: str = ""

    @property
    def is_marking(self) -> bool:
        """It marks a version more tightly."""
        return bool(self.stated)

    @property
    def statement(self) -> bytes:
        """The bytes of the originator's further statement; empty where they are none."""
        return _bytes(self.stated)

    @property
    def proof(self) -> bytes:
        """The bytes of the version's place in it; empty where they are none."""
        return _bytes(self.proved)

    @property
    def passed_on(self) -> bool:
        """It came from who forwarded the item."""
        return self.by != self.item.originator

    def may_take(self, releaser: PartyId | None) -> bool:
        """Whether a copy is taken by it: its originator's word is heeded, or its releaser's.

        Args:
            releaser: from whom the copy came, or would come.
        """
        return not self.passed_on or self.by == releaser


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
        ours: said by it; theirs: said to it; with the markings by which something is gone.
        marked_by_us, marked: all markings, said by it and to it.
        replies: by the record answered, the last of each.
        seen: by record, when its addressee signed that it holds it.
    """

    ours: tuple[Called, ...]
    theirs: tuple[Called, ...]
    replies: Mapping[RecordId, Replied]
    seen: Mapping[RecordId, datetime]
    marked_by_us: tuple[Called, ...] = ()
    marked: tuple[Called, ...] = ()


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
    marked_by_us: list[Called] = []
    marked: list[Called] = []
    replies: dict[RecordId, Replied] = {}
    seen: dict[RecordId, datetime] = {}
    for record in folded.state.statements:
        other = pairs.get(record.header.circle)
        if other is None:
            continue
        own = record.header.issuer == organisation
        match record.header.kind:
            case "exchange.recall" | "exchange.tighten":
                called = _called(record, mine if own else other, other if own else mine)
                if called is not None and called.is_marking:
                    (marked_by_us if own else marked).append(called)
                if called is not None and called.gone:
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
    return Calls(tuple(ours), tuple(theirs), replies, seen, tuple(marked_by_us), tuple(marked))


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


def marking_of(statement: bytes, proof: bytes, *, gone: bool) -> dict[str, Json]:
    """What the body of a marking has besides that of a recall."""
    return {
        "gone": gone,
        "proof": b64encode(proof).decode(),
        "statement": b64encode(statement).decode(),
    }


def _called(record: Record, by: PartyId, holder: PartyId) -> Called | None:
    body = record.body
    gone, stated, proved = True, "", ""
    if record.header.kind == TIGHTEN:
        stated = _text(body.get("statement"), _LONGEST_STATEMENT)
        proved = _text(body.get("proof"), _LONGEST_PROOF)
        gone = body.get("gone") is True
        if not stated or not proved or not body.get("version"):
            return None
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
        gone,
        stated,
        proved,
    )


def _text(value: Json, longest: int) -> str:
    """A text that is not too long; else an empty one."""
    return value if isinstance(value, str) and len(value) <= longest else ""


def _bytes(value: str) -> bytes:
    """What stands in a text of base64; empty where nothing does."""
    try:
        return b64decode(value, validate=True)
    except ValueError:
        return b""


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
