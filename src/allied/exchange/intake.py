"""A bundle under an agreement: what is accepted, into which handling class, and what is not.

The second pass. With what the survey noted it gives each object its effective handling and
its handling class, and refuses what is invalid, contradictory, above the ceiling or without
a clause. Storing, signing and releasing are for others; nothing is released from here.

Words used here:
    end           an object that a link connects; it is in the bundle, or known already
    companion     goes along with what refers to it, and is therefore given out last
    referrer      an accepted object in whose bytes the id of a companion stands

Rules that hold everywhere here. An object that is refused is never downgraded, mended or
half taken, and hides no other. Unmarked objects take the agreement's default; unmarked
marking and extension definitions, which tell nothing by themselves, count as TLP:CLEAR. A
link is handled at least as strictly as it is marked and as each of its ends is, in any
version; a link whose end is refused, or known to nobody, is refused. A companion that
nothing accepted refers to is accepted and reaches nobody. From an object to a companion of
a companion there are two steps at most.

Source: DOMAIN on STIX types and kinds, and scenario 16 (refused at intake).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import TypeAlias

import msgspec
import orjson

from allied.agreement.values import Tlp
from allied.exchange import personal
from allied.exchange.bundle import Refused
from allied.exchange.examining import Sighted
from allied.exchange.handling import Demand, Handling, HandlingClass
from allied.exchange.marking import (
    NO_TIGHTENING,
    Effective,
    Marked,
    MarkingError,
    Tightening,
    effective,
)
from allied.exchange.policy import Channel, Failure, admit, default_tlp
from allied.exchange.runs import ASK, Run
from allied.exchange.stix import (
    Head,
    Kind,
    companions,
    kind_of,
    read_head,
    type_of,
)
from allied.exchange.survey import CONFLICT, Note, Survey
from allied.exchange.topics import failure as topic_failure, forbidden, words_of
from allied.exchange.validity import problems
from allied.record.canonical import digest
from allied.record.ids import Digest, PartyId

MAX_CLASSES = 65_536
_MAX_CACHED = 100_000
_MAX_ENDS = 20_000
_NAMED_PROBLEMS = 3
_RAW = "companions"
_REFERRERS = "referrers"
_ALONG = "companions of companions"
_KEPT = struct.Struct("<QI")
_DEFINITIONS = frozenset({"marking-definition", "extension-definition"})


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """One object that may be stored and released under its class.

    Attributes:
        index: its place among the elements of the bundle, from 0.
        head: what rules look at.
        raw: its exact bytes.
        digest: their SHA-256.
        effective: how the object itself is handled.
        handling: the class by which releases are decided.
        key: the key of that class.
    """

    index: int
    head: Head
    raw: bytes
    digest: Digest
    effective: Effective
    handling: HandlingClass
    key: Digest

    @property
    def kind(self) -> Kind:
        """Which kind of intelligence it is."""
        return self.head.kind


@dataclass(frozen=True, slots=True)
class Repeated:
    """The same bytes once more; they were taken the first time."""

    index: int
    id: str


Outcome: TypeAlias = Accepted | Refused | Repeated


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which agreement something is shared, by whom, and how strictly.

    Attributes:
        originator: the party that shares.
        channels: the information-sharing clauses of the agreement.
        at: an aware datetime in UTC.
        tightening: what the author adds.
        known: gives the class of an object that is stored already under this agreement, by
            its id; None if there is none. Asked only for ends that are not in the bundle.
        beside: demands that every class has besides its own: of what it was made from.
        people: the clause by which what is about people is refused; empty for none, or where
            somebody has looked.
    """

    originator: PartyId
    channels: Sequence[Channel]
    at: datetime
    tightening: Tightening = NO_TIGHTENING
    known: Callable[[str], HandlingClass | None] = lambda _: None
    beside: frozenset[Demand] = frozenset()
    people: str = ""


class _RefusedError(Exception):
    """Inside this module: the object at hand is refused."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


_Reason: TypeAlias = tuple[str, str]
_Classified: TypeAlias = tuple[Effective, HandlingClass, Digest]
_End: TypeAlias = tuple[str, tuple[int, ...] | int]
_Sort: TypeAlias = tuple[Kind, int, tuple[_End, ...]]
"""What decides the class of an object: its kind, its marks, and those of its ends by type, or
the class of an end that is stored already."""


@dataclass(slots=True)
class Intake:
    """The second pass over a bundle.

    Attributes:
        classes: every class that an accepted object is in or goes along with, by key;
            complete once the pass is over.
    """

    survey: Survey
    terms: Terms
    classes: dict[Digest, HandlingClass] = field(default_factory=dict)
    _default: Tlp = Tlp.RED
    _topics: frozenset[str] = frozenset()
    _plain: dict[_Sort, _Classified | _Reason] = field(default_factory=dict)
    _stored: dict[int, HandlingClass] = field(default_factory=dict)
    _keys: dict[HandlingClass, Digest] = field(default_factory=dict)
    _admitted: dict[Demand, _Reason | None] = field(default_factory=dict)
    _noted: set[tuple[bytes, Digest]] = field(default_factory=set)
    _marks_of: dict[str, tuple[int, ...]] = field(default_factory=dict)
    _alike: dict[tuple[str, int], _Classified] = field(default_factory=dict)
    _named: set[tuple[tuple[bytes, ...], Digest]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._default = default_tlp(self.terms.channels, self.terms.at)
        self._topics = forbidden(self.terms.channels, self.terms.at)

    def run(self) -> Iterator[Outcome]:
        """Give out what becomes of each object, companions last.

        A bundle that breaks off ends here where the survey says; see `Survey.broken`.

        Cost: one pass, about 5 microseconds for an object of 1 kB.
        """
        return chain.from_iterable(self.runs())

    def runs(self) -> Iterator[Sequence[Outcome]]:
        """As `run`, some at a time."""
        for run in self.survey.runs:
            yield self._judged(run)
        for each in self._companions():
            yield (each,)

    def _judged(self, run: Run) -> list[Outcome]:
        """What becomes of the objects of a run; nothing yet of what is kept for later.

        Most objects differ in nothing that decides their class: that is looked up by their type
        and marks.
        """
        outcomes: list[Outcome] = []
        alike, named = self._alike, self._named
        for each, marks in zip(run.seen, run.marks, strict=True):
            if isinstance(each, Refused):
                outcomes.append(each)
                continue
            head = each.head
            known = alike.get((head.type, marks))
            if known is None or (each.names, known[2]) not in named:
                outcome = self._judge(each, marks)
                if outcome is not None:
                    outcomes.append(outcome)
                    self._learn(each, marks, outcome)
                continue
            exact = Digest(each.digest.hex())
            outcomes.append(Accepted(each.index, head, each.raw, exact, *known))
        return outcomes

    def _learn(self, each: Sighted, marks: int, outcome: Outcome) -> None:
        """Remember an object by which others of its type and marks can go."""
        if self.terms.people and each.head.type in personal.TYPES:
            return
        if marks == ASK or self._topics or not isinstance(outcome, Accepted) or each.head.ends:
            return
        if len(self._alike) >= _MAX_CACHED or len(self._named) >= _MAX_CACHED:
            self._alike.clear()
            self._named.clear()
        self._alike[each.head.type, marks] = (outcome.effective, outcome.handling, outcome.key)
        self._named.add((each.names, outcome.key))

    def _judge(self, each: Sighted, marks: int) -> Outcome | None:
        """Accept, refuse, or keep for later (None)."""
        index, head, raw, exact = each.index, each.head, each.raw, each.digest
        if marks == ASK:
            note = self.survey.note(each)
            if note.flags:
                return self._unsound(each, note)
            if note.index != index:
                return Repeated(index, head.id)
            marks = note.marks
        kind = head.kind
        try:
            if self._topics:
                self._require_topics(head, raw)
            if self.terms.people:
                self._require_no_people(head, raw)
            if self._goes_along(kind, head):
                self._effective(kind, marks)
                self.survey.scratch.put(
                    _RAW, head.id.encode() + exact, _KEPT.pack(index, marks) + raw
                )
                return None
            handled, handling, key = self._classify(kind, head, marks)
        except _RefusedError as error:
            return Refused(index, head.id, error.code, error.reason)
        for name in each.names:
            if (name, key) not in self._noted:
                self._note_referrer(_REFERRERS, name, key)
        return Accepted(index, head, raw, Digest(exact.hex()), handled, handling, key)

    @staticmethod
    def _unsound(each: Sighted, note: Note) -> Refused:
        """Why an object is not taken that the first pass has flagged."""
        if note.flags & CONFLICT:
            return Refused(
                each.index,
                each.head.id,
                "stix.conflicting-versions",
                "the bundle holds this version of the object with different content too",
            )
        found = problems(each.raw, each.head)
        reason = "; ".join(str(problem) for problem in found[:_NAMED_PROBLEMS])
        return Refused(each.index, each.head.id, found[0].code, reason)

    def _require_topics(self, head: Head, raw: bytes) -> None:
        """Refuse what is labelled with a forbidden topic, and what links to that."""
        if found := words_of(raw) & self._topics:
            raise _RefusedError(*_said(topic_failure(found)))
        for end in head.ends:
            if found := self.survey.labels(end) & self._topics:
                raise _RefusedError(
                    "exchange.end-refused",
                    f"it connects an object that is refused: {topic_failure(found).sentence}",
                )

    def _require_no_people(self, head: Head, raw: bytes) -> None:
        """Refuse what has parts about people, and what links to a mailbox here."""
        if head.type in personal.TYPES and (parts := personal.stated_personal(orjson.loads(raw))):
            failure = personal.review_failure(parts, self.terms.people)
            raise _RefusedError(failure.code, f"{failure.sentence}; {failure.change}")
        for end in head.ends:
            if type_of(end) in personal.ALWAYS and self._marks_here(end):
                raise _RefusedError(
                    "exchange.end-refused", "it connects an object that is refused: a mailbox"
                )

    @staticmethod
    def _goes_along(kind: Kind, head: Head) -> bool:
        """Companions, and links that connect nothing but companions."""
        if kind is Kind.COMPANION:
            return True
        return kind is Kind.LINK and all(
            kind_of(type_of(end)) == Kind.COMPANION for end in head.ends
        )

    def _marked(self, marks: int) -> Marked:
        found = self.survey.marks[marks]
        if isinstance(found, MarkingError):
            raise _RefusedError(found.code, found.message)
        return found

    def _effective(self, kind: Kind, marks: int, type_: str = "") -> Effective:
        default = Tlp.CLEAR if kind == Kind.COMPANION and type_ in _DEFINITIONS else self._default
        return effective(self._marked(marks), default, self.terms.tightening)

    def _classify(self, kind: Kind, head: Head, marks: int) -> _Classified:
        """The handling and class of an object that goes by itself."""
        ends: tuple[_End, ...] = ()
        if head.ends:
            found = [self._end(end) for end in head.ends]
            if None in found:  # it is neither here nor known
                return self._classified(head, marks)
            ends = tuple(each for each in found if each is not None)
        sort = (kind, marks, ends)
        known = self._plain.get(sort)
        if known is None:
            try:
                known = self._classified(head, marks)
            except _RefusedError as error:
                known = (error.code, error.reason)
            if len(self._plain) >= _MAX_CACHED or len(self._stored) >= _MAX_CACHED:
                self._plain.clear()
                self._stored.clear()
            self._plain[sort] = known
        if len(known) == 2:
            raise _RefusedError(*known)
        return known

    def _end(self, end: str) -> _End | None:
        """What of an end decides the class of a link; None where it decides nothing."""
        marks = self._marks_here(end)
        if marks:
            return type_of(end), marks
        stored = self.terms.known(end)
        if stored is None:
            return None
        self._stored[id(stored)] = stored  # as long as it is held, no other has this number
        return "", id(stored)

    def _classified(self, head: Head, marks: int) -> _Classified:
        handled = self._effective(head.kind, marks)
        demands = self._end_demands(head.ends, handled.handling)
        if head.kind != Kind.LINK:
            demands.add(Demand(head.kind, self.terms.originator, handled.handling))
        return (handled, *self._class_of(frozenset(demands)))

    def _marks_here(self, end: str) -> tuple[int, ...]:
        """The marks of the sound objects of one id in the bundle."""
        found = self._marks_of.get(end)
        if found is None:
            notes = self.survey.notes(end)
            found = tuple(sorted({each.marks for each in notes if not each.flags}))
            if len(self._marks_of) >= _MAX_ENDS:
                self._marks_of.clear()
            self._marks_of[end] = found
        return found

    def _class_of(
        self, demands: frozenset[Demand], along: frozenset[Digest] | None = None
    ) -> tuple[HandlingClass, Digest]:
        """Admit every demand and remember the class."""
        demands |= self.terms.beside
        for demand in demands:
            self._admit(demand)
        handling = HandlingClass(self.terms.originator, demands, along)
        key = self._keys.get(handling)
        if key is None:
            if len(self.classes) >= MAX_CLASSES:
                raise _RefusedError(
                    "exchange.too-many-classes",
                    f"the bundle would need more than {MAX_CLASSES} handling classes",
                )
            key = handling.key
            self._keys[handling] = key
            self.classes[key] = handling
        return handling, key

    def _admit(self, demand: Demand) -> None:
        if demand not in self._admitted:
            answer = admit(demand, self.terms.channels, self.terms.at)
            first = answer.failures[0] if answer.failures else None
            self._admitted[demand] = None if first is None else _said(first)
        refusal = self._admitted[demand]
        if refusal is not None:
            raise _RefusedError(*refusal)

    def _end_demands(self, ends: Iterable[str], own: Handling) -> set[Demand]:
        """What a recipient has to be allowed for each end, at least as strictly as `own`."""
        demands: set[Demand] = set()
        for end in ends:
            kind, marks = kind_of(type_of(end)), self._marks_here(end)
            here = {
                Demand(kind, self.terms.originator, each.handling)
                for each in self._handlings(end, marks)
            }
            stored = None if marks else self.terms.known(end)
            if stored is not None:
                here = set(stored.demands)
            if not here:
                raise _RefusedError(
                    "exchange.end-unknown",
                    "it connects an object that is neither accepted from this bundle nor known",
                )
            demands.update(each.joined(own) for each in here)
        return demands

    def _handlings(self, end: str, marks: Iterable[int]) -> Iterator[Effective]:
        for each in marks:
            try:
                yield self._effective(kind_of(type_of(end)), each, type_of(end))
            except _RefusedError as error:
                raise _RefusedError(
                    "exchange.end-refused", f"it connects an object that is refused: {error.reason}"
                ) from None

    def _note_referrer(self, table: str, name: bytes, key: Digest) -> None:
        """Remember that the class `key` holds something that refers to a companion."""
        if (name, key) in self._noted:
            return
        if len(self._noted) >= _MAX_CACHED:
            self._noted.clear()
        self._noted.add((name, key))
        exact, scratch = bytes.fromhex(key), self.survey.scratch
        before = scratch.get(table, name) or b""
        if exact not in _keys_in(before):
            scratch.put(table, name, before + exact)

    def _referrers(self, table: str, name: bytes) -> frozenset[Digest]:
        raw = self.survey.scratch.get(table, name) or b""
        return frozenset(Digest(each.hex()) for each in _keys_in(raw))

    def _companions(self) -> Iterator[Outcome]:
        """Give out what goes along with something, now that all of it is known."""
        for _, kept in self.survey.scratch.items(_RAW):
            self._pass_on(kept)
        for _, kept in self.survey.scratch.items(_RAW):
            index, marks = _KEPT.unpack_from(kept)
            raw = kept[_KEPT.size :]
            head = read_head(raw)
            try:
                handled = self._effective(head.kind, marks, head.type)
                handling, key = self._class_of(*self._along(head, handled))
            except _RefusedError as error:
                yield Refused(index, head.id, error.code, error.reason)
            else:
                yield Accepted(index, head, raw, digest(raw), handled, handling, key)

    def _pass_on(self, kept: bytes) -> None:
        """Let a companion carry along the companions that it refers to itself."""
        _, marks = _KEPT.unpack_from(kept)
        raw = kept[_KEPT.size :]
        head = read_head(raw)
        direct = self._referrers(_REFERRERS, head.id.encode())
        if head.kind != Kind.COMPANION or not direct:
            return
        try:
            handled = self._effective(head.kind, marks, head.type)
            _, key = self._class_of(frozenset({self._own(handled)}), direct)
        except _RefusedError:
            return
        for name in companions(raw) - {head.id.encode()}:
            if not direct <= self._referrers(_REFERRERS, name):
                self._note_referrer(_ALONG, name, key)

    def _own(self, handled: Effective) -> Demand:
        return Demand(Kind.COMPANION, self.terms.originator, handled.handling)

    def _along(self, head: Head, handled: Effective) -> tuple[frozenset[Demand], frozenset[Digest]]:
        """The demands of what goes along, and the classes with one of which it goes."""
        if head.kind == Kind.COMPANION:
            name = head.id.encode()
            along = self._referrers(_REFERRERS, name) | self._referrers(_ALONG, name)
            return frozenset({self._own(handled)}), along
        both = [self._referrers(_REFERRERS, end.encode()) for end in head.ends]
        return (
            frozenset(self._end_demands(head.ends, handled.handling)),
            frozenset.intersection(*both),
        )


def _said(failure: Failure) -> _Reason:
    """Why, and what the one who shares can do about it."""
    return failure.code, f"{failure.sentence}; {failure.change}"


def _keys_in(raw: bytes) -> list[bytes]:
    return [raw[at : at + 32] for at in range(0, len(raw), 32)]
