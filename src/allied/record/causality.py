"""Which records are complete, and what each of them knows of the others.

The growing structure behind `history`: records go in one by one, in any order; each is
settled once everything it rests on is settled. This module keeps no order among settled
records and has no opinion on what they mean.

Words used here:
    parents   the record before it in the chain, and the records its deps name
    settled   held, and all parents are settled
    voice     what one issuer says in one circle, under all its incarnations
    parts     of a chain: signed one number twice, or began as a later incarnation that does
              not count what an earlier one said; see `fork`
    frozen    stands at or after the number at which its chain parts, and is not kept
    kept      stands there and was acknowledged before; see `witness`
    line      an unfrozen chain, by number
    clock     for each line the highest sequence in a record's past

Rules. Whether a record is settled, parked or refused depends on the set of records held,
never on their order. A record whose parent is not what it says it is can never be
settled: it is refused, and whatever rests on it too. Frozen records are settled so that
others' records that rest on them are not lost, but nobody is said to know them.

A clock takes four bytes for each line, and records without deps share that of the record
before them.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence, Set as AbstractSet
from typing import Final, NamedTuple, TypeAlias

from allied.record.canonical import MAX_INTEGER
from allied.record.fork import is_beyond
from allied.record.ids import CircleId, OrganisationId, RecordId
from allied.record.record import ChainKey, Dep, Record

MISTAKEN: Final = "history.not-its-parent"
"""A record cites another record than it says."""
PAST_REFUSED: Final = "history.past-refused"
"""A record rests on a refused one."""

# Where a record says that a parent stands.
_Claim: TypeAlias = tuple[tuple[str, str, int], int]
# By line number; shorter than the number of lines where the rest is 0.
_Clock: TypeAlias = "array[int]"
_COUNTER: Final = "I"


class Spot(NamedTuple):
    """Where an unfrozen settled record stands, and what it knows of other lines."""

    line: int
    sequence: int
    clock: _Clock


class Causality:
    """A set of records of one agreement, and who knows what in it; it only grows.

    Attributes:
        records: every record held, by id.
        doubled: the ids at every number of a chain that was signed more than once.
        frozen: the number at which a chain parts, by chain; given at the start.
        kept: the records beyond it that count all the same; given at the start.
        depth: of settled records, 1 more than the deepest parent.
        waiting: of parked records, the parents that are not settled.
        refused: of records that can never be settled, why.
        outdated: a chain parts before the number at which it was said to, or more of one is
            acknowledged; start again.
        aside: settled records that are frozen.
        contested: settled records that claim to be earlier than the one before them.
        spots: of settled records that are not frozen.
        lines: the chain of each line.
        arrived: what was settled by the last `add`, frozen or not, parents first.
    """

    def __init__(
        self, frozen: Mapping[ChainKey, int], kept: AbstractSet[RecordId] = frozenset()
    ) -> None:
        """Start empty, with the chains known to part."""
        self.frozen = frozen
        self.kept = kept
        self.records: dict[RecordId, Record] = {}
        self.doubled: dict[tuple[ChainKey, int], set[RecordId]] = {}
        self.depth: dict[RecordId, int] = {}
        self.waiting: dict[RecordId, set[RecordId]] = {}
        self.refused: dict[RecordId, str] = {}
        self.outdated = False
        self.aside: set[RecordId] = set()
        self.contested: set[RecordId] = set()
        self.spots: dict[RecordId, Spot] = {}
        self.lines: list[ChainKey] = []
        self._numbers: dict[ChainKey, int] = {}
        self._positions: dict[ChainKey, dict[int, RecordId]] = {}
        self._absorbed: dict[int, set[RecordId]] = {}
        self._lives: dict[tuple[CircleId, OrganisationId], set[int]] = {}
        self.arrived: list[Record] = []
        self._children: dict[RecordId, list[tuple[RecordId, _Claim]]] = {}

    def add(self, records: Iterable[Record]) -> list[Record]:
        """Take in records not held yet; return those now settled and not frozen.

        Parents come before children in what is returned.
        """
        settled: list[Record] = []
        self.arrived = []
        for record in records:
            header = record.header
            chain, sequence = header.chain, header.sequence
            self.records[record.id] = record
            numbers = self._positions.get(chain)
            if numbers is None:
                numbers = self._positions[chain] = {}
            first = numbers.setdefault(sequence, record.id)
            if first != record.id:
                self.doubled.setdefault((chain, sequence), {first}).add(record.id)
                if sequence < self.frozen.get(chain, MAX_INTEGER + 1):
                    self.outdated = True
            self._live(record)
            if self._children and record.id in self._children:
                self._meet_children(record)
            if self._meet_parents(record):
                self._settle_from(record, settled)
        return settled

    def parting(self) -> dict[ChainKey, int]:
        """The chains that part, and where."""
        found: dict[ChainKey, int] = {}
        for chain, sequence in self.doubled:
            found[chain] = min(sequence, found.get(chain, sequence))
        for (circle, issuer), lives in self._lives.items():
            for incarnation in sorted(lives)[1:]:
                chain = ChainKey(circle, issuer, incarnation)
                if found.get(chain) != 1 and self._contradicted(chain, found):
                    found[chain] = 1
        return found

    def evidence(self, chain: ChainKey, sequence: int) -> tuple[Record, Record]:
        """Of a chain that parts there, the two records that show it; the same for everybody."""
        doubled = self.doubled.get((chain, sequence))
        if doubled:
            low, high, *_ = sorted(doubled)
            return self.records[low], self.records[high]
        found = self._contradicted(chain, self.frozen)
        if found is None:
            raise AssertionError("a chain is said to part and does not")
        return found

    def _live(self, record: Record) -> None:
        """Note a record's incarnation; see whether it contradicts another life of its issuer."""
        header = record.header
        chain = header.chain
        lives = self._lives.setdefault(chain[:2], set())
        lives.add(chain.incarnation)
        if len(lives) == 1 or self.outdated:
            return
        if header.sequence == 1 and self.frozen.get(chain) != 1:
            self.outdated = self._contradicted(chain, self.frozen) is not None
        if header.sequence >= self.frozen.get(chain, MAX_INTEGER + 1):
            return
        for later in sorted(each for each in lives if each > chain.incarnation):
            other = chain._replace(incarnation=later)
            first = self._positions[other].get(1)
            if first is not None and self.frozen.get(other) != 1:
                self.outdated = self.outdated or is_beyond(record, self.records[first])

    def _contradicted(
        self, chain: ChainKey, found: Mapping[ChainKey, int]
    ) -> tuple[Record, Record] | None:
        """The first record of a chain and one of an earlier incarnation that it does not count.

        What was set aside itself contradicts nobody.
        """
        first = self._positions[chain].get(1)
        if first is None:
            return None
        opening = self.records[first]
        counted = {dep[:3]: dep.sequence for dep in opening.header.deps}
        for incarnation in sorted(self._lives[chain[:2]]):
            if incarnation >= chain.incarnation:
                break
            earlier = chain._replace(incarnation=incarnation)
            limit = found.get(earlier, MAX_INTEGER + 1)
            least = counted.get(earlier, 0)
            numbers = self._positions[earlier]
            if limit == 1:
                continue  # nothing of it counts
            for sequence in sorted(each for each in numbers if least < each < limit):
                record = self.records[numbers[sequence]]
                if is_beyond(record, opening):
                    return record, opening
        return None

    def known(self, at: Spot, line: int) -> int:
        """The highest sequence of `line` in the past of the record at `at`; 0 for none."""
        if line == at.line:
            return at.sequence - 1
        return at.clock[line] if line < len(at.clock) else 0

    def clock(self, at: Spot) -> dict[ChainKey, int]:
        """What the record at `at` knows of each chain, itself included."""
        clock = {self.lines[number]: known for number, known in enumerate(at.clock) if known}
        clock[self.lines[at.line]] = at.sequence
        return clock

    def _settle_from(self, record: Record, settled: list[Record]) -> None:
        """Settle a record whose parents are, and then whoever waited for it alone."""
        ready = [record]
        while ready:
            at = ready.pop()
            self.arrived.append(at)
            if self._settle(at):
                settled.append(at)
            if not self._children:
                continue
            for child, _ in self._children.pop(at.id, ()):
                parents = self.waiting.get(child)
                if parents is None:
                    continue
                parents.discard(at.id)
                if not parents:
                    del self.waiting[child]
                    ready.append(self.records[child])

    def _meet_children(self, record: Record) -> None:
        """Refuse the parked records that took `record` for another."""
        spot = (record.header.chain, record.header.sequence)
        for child, claimed in self._children[record.id]:
            if claimed != spot:
                self._refuse(child, MISTAKEN)

    def _meet_parents(self, record: Record) -> bool:
        """Note what `record` waits for; whether that is nothing."""
        header = record.header
        missing: set[RecordId] = set()
        code = ""
        for dep in header.deps:
            code = _worse(code, self._meet_parent(record, dep.id, dep[:3], dep.sequence, missing))
        if header.previous is not None:
            before = header.sequence - 1
            found = self._meet_parent(record, header.previous, header.chain, before, missing)
            code = _worse(code, found)
        if missing:
            self.waiting[record.id] = missing
        if code:
            self._refuse(record.id, code)
        return not missing and not code

    def _meet_parent(
        self,
        record: Record,
        parent: RecordId,
        chain: tuple[str, str, int],
        sequence: int,
        missing: set[RecordId],
    ) -> str:
        """Note one parent, said to stand at `sequence` of `chain`; why it is none, or ""."""
        if parent not in self.depth:
            missing.add(parent)
            self._children.setdefault(parent, []).append((record.id, (chain, sequence)))
        held = self.records.get(parent)
        if held is None:
            return ""
        if sequence != held.header.sequence or chain != held.header.chain:
            return MISTAKEN
        return PAST_REFUSED if parent in self.refused else ""

    def _refuse(self, record: RecordId, code: str) -> None:
        """Refuse a record, and all that rests on it; a mistake is told before a bad past."""
        known = self.refused.get(record)
        if known is not None:
            self.refused[record] = _worse(known, code)
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
        previous = header.previous
        depth = self.depth
        deepest = depth[previous] if previous is not None else 0
        for dep in header.deps:
            deepest = max(deepest, depth[dep.id])
        depth[record.id] = deepest + 1
        chain = header.chain
        beyond = header.sequence >= self.frozen.get(chain, MAX_INTEGER + 1)
        if beyond and record.id not in self.kept:
            self.aside.add(record.id)
            return False
        if previous is None:
            line = self._numbers[chain] = len(self.lines)
            self.lines.append(chain)
            clock = array(_COUNTER)
        else:
            line, _, clock = self.spots[previous]
            if header.claimed_at < self.records[previous].header.claimed_at:
                self.contested.add(record.id)
        if header.deps:
            clock = self._learn(line, clock, header.deps)
        self.spots[record.id] = Spot(line, header.sequence, clock)
        return True

    def _learn(self, line: int, before: _Clock, deps: Sequence[Dep]) -> _Clock:
        """The clock `before` and the pasts of `deps`, together."""
        clock = before[:]
        for dep in deps:
            spot = self.spots.get(dep.id)
            for other, sequence, theirs in (spot,) if spot else self._behind(line, dep.id):
                # Who knows a record knows its past; and nobody learns of himself.
                if other == line or (other < len(clock) and clock[other] >= sequence):
                    continue
                both = min(len(clock), len(theirs))
                merged = array(_COUNTER, list(map(max, clock, theirs)))
                merged += clock[both:] or theirs[both:]
                if len(merged) <= other:
                    merged.extend([0] * (other + 1 - len(merged)))
                merged[other] = sequence
                clock = merged
        return clock

    def _behind(self, line: int, record: RecordId) -> list[Spot]:
        """The nearest unfrozen records that a frozen one rests on, each looked at once."""
        absorbed = self._absorbed.setdefault(line, set())
        found: list[Spot] = []
        pending = [record]
        while pending:
            at = pending.pop()
            spot = self.spots.get(at)
            if spot is not None:
                found.append(spot)
            elif at not in absorbed:
                absorbed.add(at)
                header = self.records[at].header
                pending += [dep.id for dep in header.deps]
                if header.previous is not None:
                    pending.append(header.previous)
        return found


def _worse(one: str, other: str) -> str:
    """Of two reasons the one that is told: a mistake before a bad past."""
    return MISTAKEN if MISTAKEN in {one, other} else one or other
