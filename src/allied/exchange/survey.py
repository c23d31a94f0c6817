"""The first pass over a bundle: what is in it, before anything is decided.

Whether an object may go anywhere depends on objects that may stand behind it: definitions
of its markings, the ends of a relationship, another object of the same id. The first pass
reads everything once, judges validity, and notes per object what the second needs.

Words used here:
    note          what is kept of one object: version, digest, marks, place, flags
    marks         a distinct combination of marking references; few, so kept in memory
    conflict      two objects of one id and version with different bytes

Rules that hold everywhere here. Memory grows with the number of distinct combinations of
markings and of marking definitions, both bounded, and never with the number of objects;
their notes go to the `Scratch`, and so does what was read, unless the bundle is small (`runs`).
A bundle is read only once. Of two that conflict, neither is believed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from allied.errors import MalformedError
from allied.exchange.bundle import DEFAULT_LIMITS, BrokenError, Limits, Refused, Row, rows
from allied.exchange.examining import VERSION_BYTES, Alone, Examiner, Sighted, short_version
from allied.exchange.marking import Definition, Marked, MarkingError, marked, read_definition
from allied.exchange.runs import ASK, Run, Runs
from allied.exchange.scratch import Scratch
from allied.exchange.stix import Head
from allied.exchange.topics import words_of

Source: TypeAlias = Callable[[], Iterable[bytes]]
"""Opens the bundle."""

Given: TypeAlias = Source | Sequence[Row | Refused]
"""A bundle: what opens it; or its elements, in order, where it was taken apart already."""

MAX_MARKS = 10_000
MAX_DEFINITIONS = 10_000
MAX_VERSIONS = 256

MOST_NOTES = 2 * MAX_VERSIONS

INVALID = 1
CONFLICT = 2

_NOTES = "notes"
_LABELS = "labels"
_NOTE = struct.Struct(f"<{VERSION_BYTES}s32sIQB")
_Refs: TypeAlias = tuple[tuple[str, ...], tuple[str, ...]]


class Note(msgspec.Struct, frozen=True, gc=False):
    """What was noted of one object.

    Attributes:
        version: what tells it from other versions of the id, see `short_version`.
        digest: SHA-256 of its bytes, 32 bytes.
        marks: the number of its combination of markings.
        index: where it stood first.
        flags: INVALID and CONFLICT.
    """

    version: bytes
    digest: bytes
    marks: int
    index: int
    flags: int


@dataclass(frozen=True, slots=True)
class Survey:
    """What the first pass found.

    Attributes:
        count: elements of the bundle, good and bad.
        marks: by number, what a combination of markings demands, or why it lets nobody in.
        numbers: the number of each combination.
        definitions: by id, the marking definitions in the bundle.
        broken: why the bundle breaks off, if it does; what came before stands.
        scratch: where the notes are.
        runs: every element of the bundle, in order, for the second pass.
    """

    count: int
    marks: tuple[Marked | MarkingError, ...]
    numbers: Mapping[_Refs, int]
    definitions: Mapping[str, Definition]
    broken: BrokenError | None
    scratch: Scratch
    runs: Runs

    def notes(self, id_: str) -> tuple[Note, ...]:
        """What was noted of the objects of one id, in the order of the bundle."""
        return _unpacked(self.scratch.get(_NOTES, id_.encode()) or b"")

    def labels(self, id_: str) -> frozenset[str]:
        """What the sound objects of one id are labelled with, in any version, as topics."""
        kept = self.scratch.get(_LABELS, id_.encode())
        return frozenset(kept.decode().split("\n")) if kept else frozenset()

    def note(self, each: Sighted) -> Note:
        """The note of one object that the first pass has seen."""
        notes = self.notes(each.head.id)
        for note in notes:
            if note.digest == each.digest:
                return note
        if len(notes) < MOST_NOTES:
            raise AssertionError("every object is noted")
        return Note(b"", each.digest, 0, -1, CONFLICT)


def _elements(given: Given, limits: Limits) -> Iterable[Row | Refused]:
    return rows(given(), limits) if callable(given) else given


def survey(
    source: Given,
    scratch: Scratch,
    *,
    known: Callable[[str], Definition | None] = lambda _: None,
    limits: Limits = DEFAULT_LIMITS,
    keep: int = 0,
    topics: frozenset[str] | None = None,
    examiner: Examiner | None = None,
) -> Survey:
    """Read a bundle once and note what is in it.

    Args:
        source: gives its bytes from the start, and is called once; or its elements.
        scratch: empty room.
        known: gives marking definitions that are not in the bundle, by id.
        limits: see `bundle.Limits`.
        keep: how much memory may be used for what was read, in bytes; else it goes to `scratch`.
        topics: the labels that have to be noted; None for all.
        examiner: who looks at the objects one by one; None for nobody else.

    Raises:
        MalformedError: the whole is refused; see `bundle.scan`; and
            `exchange.too-many-markings`.

    Cost: one pass, about 15 microseconds for an object of 1 kB.
    """
    seeing = _Seeing(scratch, keep, topics)
    broken = None
    examiner = examiner or Alone()
    try:
        for some in examiner.examine(_elements(source, limits)):
            seeing.take(some)
    except BrokenError as error:
        broken = error
    definitions = seeing.definitions

    def find(id_: str) -> Definition | None:
        return definitions.get(id_) or known(id_)

    marks = tuple(_marked(refs, find) for refs in seeing.numbers)
    return Survey(seeing.count, marks, seeing.numbers, definitions, broken, scratch, seeing.runs)


def _marked(refs: _Refs, find: Callable[[str], Definition | None]) -> Marked | MarkingError:
    try:
        return marked(*refs, find)
    except MarkingError as error:
        return error


def refs_of(head: Head) -> _Refs:
    """The combination of markings that an object carries."""
    return tuple(sorted(set(head.object_marking_refs))), tuple(sorted(set(head.granular_refs)))


class _Seeing:
    """The first pass under way."""

    def __init__(self, scratch: Scratch, keep: int, topics: frozenset[str] | None) -> None:
        self.count = 0
        self.numbers: dict[_Refs, int] = {}
        self.definitions: dict[str, Definition] = {}
        self.runs = Runs(scratch, keep)
        self._scratch = scratch
        self._topics = topics
        self._spelled: dict[_Refs, int] = {}

    def take(self, some: Sequence[Sighted | Refused]) -> None:
        """Note some elements."""
        marks = [self._note(each) if isinstance(each, Sighted) else ASK for each in some]
        size = sum([len(each.raw) for each in some if isinstance(each, Sighted)])
        self.count += len(some)
        self.runs.add(Run(some, marks), size)
        if len(self.numbers) > MAX_MARKS or len(self.definitions) > MAX_DEFINITIONS:
            raise MalformedError(
                "exchange.too-many-markings",
                f"the bundle holds more than {MAX_MARKS} different markings",
                hint="split it",
            )

    def _marks(self, head: Head) -> int:
        """The number of the combination of markings that an object carries."""
        spelled = (head.object_marking_refs, head.granular_refs)
        number = self._spelled.get(spelled)
        if number is None:
            number = self.numbers.setdefault(refs_of(head), len(self.numbers))
            if len(self._spelled) < MAX_MARKS:
                self._spelled[spelled] = number
        return number

    def _note(self, seen: Sighted) -> int:
        """Note one object; its marks, where these are all that the second pass has to know."""
        head, exact = seen.head, seen.digest
        key = head.id.encode()
        packed = self._scratch.get(_NOTES, key)
        number = self._marks(head)
        flags = 0 if seen.sound else INVALID
        version = short_version(head, exact)
        if packed is None:
            self._scratch.put(_NOTES, key, _NOTE.pack(version, exact, number, seen.index, flags))
        else:
            before = _unpacked(packed)
            if any(note.digest == exact for note in before):
                return ASK
            if any(note.version == version for note in before) or len(before) >= MAX_VERSIONS:
                flags |= CONFLICT
                before = tuple(self._in_conflict(note, version) for note in before)
            if len(before) < MOST_NOTES:
                before += (Note(version, exact, number, seen.index, flags),)
            self._scratch.put(_NOTES, key, _packed(before))
        if flags & INVALID:
            return ASK
        if self._topics is None or self._topics:
            self._note_labels(key, seen.raw)
        if head.type == "marking-definition":
            _define(seen.raw, head, flags, self.definitions)
        return ASK if flags else number

    def _in_conflict(self, note: Note, version: bytes) -> Note:
        """The note of an earlier object of that id, flagged if it is of that version."""
        if note.version != version:
            return note
        self.runs.doubt(note.index)
        return Note(note.version, note.digest, note.marks, note.index, note.flags | CONFLICT)

    def _note_labels(self, key: bytes, raw: bytes) -> None:
        words = words_of(raw)
        if self._topics is not None:
            words &= self._topics
        if words:
            kept = self._scratch.get(_LABELS, key)
            earlier = kept.decode().split("\n") if kept else ()
            self._scratch.put(_LABELS, key, "\n".join(sorted(words.union(earlier))).encode())


def _define(raw: bytes, head: Head, flags: int, definitions: dict[str, Definition]) -> None:
    """Read a marking definition; of two that conflict, neither is believed."""
    if flags & CONFLICT or head.id in definitions:
        definitions[head.id] = Definition(head.id, problem="exchange.contradictory-marking")
    else:
        definitions[head.id] = read_definition(raw, head)


def _packed(notes: Sequence[Note]) -> bytes:
    if len(notes) == 1:
        (one,) = notes
        return _NOTE.pack(one.version, one.digest, one.marks, one.index, one.flags)
    return b"".join(
        [
            _NOTE.pack(note.version, note.digest, note.marks, note.index, note.flags)
            for note in notes
        ]
    )


def _unpacked(raw: bytes) -> tuple[Note, ...]:
    if len(raw) == _NOTE.size:
        return (Note(*_NOTE.unpack(raw)),)
    return tuple(Note(*each) for each in _NOTE.iter_unpack(raw))
