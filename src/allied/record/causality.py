"""Which records are complete, and what each of them knows of the others.

The growing structure behind `history`: records go in one by one, in any order; each is
settled once everything it rests on is settled. This module keeps no order among settled
records and has no opinion on what they mean.

Words used here:
    parents   the record before it in the chain, and the records its deps name
    settled   held, and all parents are settled
    frozen    stands at or after the number its chain signed twice
    news      what a record knows that the record before it in its chain did not

Rules. Whether a record is settled, parked or refused depends on the set of records held,
never on their order. A record whose parent is not what it says it is can never be
settled: it is refused, and whatever rests on it too. Frozen records are settled so that
others' records that rest on them are not lost, but nobody is said to know them.

A clock is kept as news per record, not as one map per record, so memory grows with what
was learned and not with the number of parties: `knows` is one binary search.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from allied.record.canonical import MAX_INTEGER
from allied.record.ids import RecordId
from allied.record.record import ChainKey, Record

MISTAKEN: Final = "history.not-its-parent"
"""A record cites another record than it says."""
PAST_REFUSED: Final = "history.past-refused"
"""A record rests on a refused one."""

# Where a record says that a parent stands.
_Claim: TypeAlias = tuple[ChainKey, int]


class Spot(NamedTuple):
    """Where an unfrozen settled record stands: a chain by number, and a sequence."""

    line: int
    sequence: int


@dataclass(slots=True)
class _Line:
    """One chain, as far as it is settled and not frozen.

    Attributes:
        chain: its key.
        ids: of its records, index 0 is sequence 1.
        news: for each of them, pairs of another line and the sequence now known there.
        tip: what the last of them knows of each other line.
        learned: for each other line, own sequences at which more became known, and what.
        absorbed: frozen records whose past it knows.
    """

    chain: ChainKey
    ids: list[RecordId] = field(default_factory=list)
    news: list[tuple[tuple[int, int], ...]] = field(default_factory=list)
    tip: dict[int, int] = field(default_factory=dict)
    learned: dict[int, tuple[list[int], list[int]]] = field(default_factory=dict)
    absorbed: set[RecordId] = field(default_factory=set)


class Causality:
    """A set of records of one agreement, and who knows what in it; it only grows.

    Attributes:
        records: every record held, by id.
        positions: ids held at each number of each chain; more than one is a fork.
        frozen: the lowest number signed twice, by chain; given at the start.
        depth: of settled records, 1 more than the deepest parent.
        waiting: of parked records, the parents that are not settled.
        refused: of records that can never be settled, why.
        outdated: a chain parts before the number at which it was said to; start again.
        aside: settled records that are frozen.
        contested: settled records that claim to be earlier than the one before them.
        spots: of settled records that are not frozen.
        lines: by number.
    """

    def __init__(self, frozen: dict[ChainKey, int]) -> None:
        """Start empty, with the chains known to part."""
        self.frozen = frozen
        self.records: dict[RecordId, Record] = {}
        self.positions: dict[ChainKey, dict[int, list[RecordId]]] = {}
        self.depth: dict[RecordId, int] = {}
        self.waiting: dict[RecordId, set[RecordId]] = {}
        self.refused: dict[RecordId, str] = {}
        self.outdated = False
        self.aside: set[RecordId] = set()
        self.contested: set[RecordId] = set()
        self.spots: dict[RecordId, Spot] = {}
        self.lines: list[_Line] = []
        self._numbers: dict[ChainKey, int] = {}
        self._children: dict[RecordId, list[tuple[RecordId, _Claim]]] = {}

    def add(self, records: Iterable[Record]) -> list[Record]:
        """Take in records not held yet; return those now settled and not frozen.

        Parents come before children in what is returned.
        """
        ready: list[RecordId] = []
        for record in records:
            header = record.header
            self.records[record.id] = record
            numbers = self.positions.setdefault(header.chain, {})
            ids = numbers.setdefault(header.sequence, [])
            ids.append(record.id)
            if len(ids) > 1 and header.sequence < self.frozen.get(header.chain, MAX_INTEGER + 1):
                self.outdated = True
            self._meet_children(record)
            if self._meet_parents(record):
                ready.append(record.id)
        settled: list[Record] = []
        while ready:
            at = ready.pop()
            record = self.records[at]
            if self._settle(record):
                settled.append(record)
            for child, _ in self._children.pop(at, ()):
                parents = self.waiting.get(child)
                if parents is None:
                    continue
                parents.discard(at)
                if not parents:
                    del self.waiting[child]
                    ready.append(child)
        return settled

    def known(self, at: Spot, line: int) -> int:
        """The highest sequence of `line` in the past of the record at `at`; 0 for none."""
        if line == at.line:
            return at.sequence - 1
        learned = self.lines[at.line].learned.get(line)
        if learned is None:
            return 0
        since, sequences = learned
        index = bisect_right(since, at.sequence)
        return sequences[index - 1] if index else 0

    def clock(self, at: Spot) -> dict[ChainKey, int]:
        """What the record at `at` knows of each chain, itself included."""
        clock = {self.lines[at.line].chain: at.sequence}
        for number in list(self.lines[at.line].learned):
            known = self.known(at, number)
            if known:
                clock[self.lines[number].chain] = known
        return clock

    def _meet_children(self, record: Record) -> None:
        """Refuse the parked records that took `record` for another."""
        spot = (record.header.chain, record.header.sequence)
        for child, claimed in self._children.get(record.id, ()):
            if claimed != spot:
                self._refuse(child, MISTAKEN)

    def _meet_parents(self, record: Record) -> bool:
        """Note what `record` waits for; whether that is nothing."""
        header = record.header
        claims = [(dep.id, (dep.chain, dep.sequence)) for dep in header.deps]
        if header.previous is not None:
            claims.append((header.previous, (header.chain, header.sequence - 1)))
        missing: set[RecordId] = set()
        code = ""
        for parent, claimed in claims:
            held = self.records.get(parent)
            if held is not None:
                if claimed != (held.header.chain, held.header.sequence):
                    code = MISTAKEN
                elif parent in self.refused:
                    code = code or PAST_REFUSED
            if parent not in self.depth:
                missing.add(parent)
                self._children.setdefault(parent, []).append((record.id, claimed))
        if missing:
            self.waiting[record.id] = missing
        if code:
            self._refuse(record.id, code)
        return not missing and not code

    def _refuse(self, record: RecordId, code: str) -> None:
        """Refuse a record, and all that rests on it; a mistake is told before a bad past."""
        known = self.refused.get(record)
        if known is not None:
            self.refused[record] = MISTAKEN if MISTAKEN in {known, code} else known
            return
        pending = [record]
        self.refused[record] = code
        while pending:
            at = pending.pop()
            self.waiting.pop(at, None)
            for child, _ in self._children.get(at, ()):
                if child not in self.refused:
                    self.refused[child] = PAST_REFUSED
                    pending.append(child)

    def _settle(self, record: Record) -> bool:
        """Give a record its depth and its clock; whether it is not frozen."""
        header = record.header
        depth = self.depth
        deepest = depth[header.previous] if header.previous is not None else 0
        for dep in header.deps:
            deepest = max(deepest, depth[dep.id])
        depth[record.id] = deepest + 1
        chain = header.chain
        fork = self.frozen.get(chain)
        if fork is not None and header.sequence >= fork:
            self.aside.add(record.id)
            return False
        number = self._numbers.get(chain)
        if number is None:
            number = self._numbers[chain] = len(self.lines)
            self.lines.append(_Line(chain))
        line = self.lines[number]
        self.spots[record.id] = Spot(number, header.sequence)
        line.ids.append(record.id)
        line.news.append(self._learn(line, number, record) if header.deps else ())
        if header.previous is not None:
            before = self.records[header.previous].header.claimed_at
            if header.claimed_at < before:
                self.contested.add(record.id)
        return True

    def _learn(self, line: _Line, number: int, record: Record) -> tuple[tuple[int, int], ...]:
        """Add the past of the deps to what `line` knows; return what of it is new."""
        tip = line.tip
        news: dict[int, int] = {}
        for dep in record.header.deps:
            spot = self.spots.get(dep.id)
            for other, sequence in (spot,) if spot else self._behind(line, dep.id):
                known = tip.get(other, 0)
                if sequence <= known or other == number:
                    continue
                news[other] = tip[other] = sequence
                # What was known of `other` so far was known with all its past, so only
                # the news since then can be new here.
                for learned in self.lines[other].news[known:sequence]:
                    for far, high in learned:
                        if far != number and tip.get(far, 0) < high:
                            news[far] = tip[far] = high
        for other, sequence in news.items():
            since, sequences = line.learned.setdefault(other, ([], []))
            since.append(record.header.sequence)
            sequences.append(sequence)
        return tuple(news.items())

    def _behind(self, line: _Line, record: RecordId) -> list[Spot]:
        """The nearest unfrozen records that a frozen one rests on, each looked at once."""
        found: list[Spot] = []
        pending = [record]
        while pending:
            at = pending.pop()
            spot = self.spots.get(at)
            if spot is not None:
                found.append(spot)
            elif at not in line.absorbed:
                line.absorbed.add(at)
                header = self.records[at].header
                pending += [dep.id for dep in header.deps]
                if header.previous is not None:
                    pending.append(header.previous)
        return found
