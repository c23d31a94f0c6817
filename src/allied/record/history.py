"""What a set of records adds up to: an order, what is missing, who knew what, forks.

The same records give the same history, in whatever order, batches or copies they came.
Records go in as read and verified (`record.require_signed`, `circle.check_deps`); what
they mean is for the folds, which take `order` as it stands.

Words used here:
    complete   the record is held and so is everything it rests on
    order      the complete records: by depth, those of one depth by id
    depth      1 for a record that rests on nothing, else 1 more than the deepest it
               rests on
    parked     waits for records that are not complete
    refused    can never be complete: it says of a record it cites what is not so
    fork       a chain parts: one number signed twice, or a later incarnation that does not
               count what an earlier one said; see `fork`
    frozen     at or after a fork, and not acknowledged before: stored, and in no order
    contested  claims to be earlier than the record before it in its chain

Rules. A record never comes before what it rests on, and its place relative to another
never changes as more arrive. Which branch of a fork is right is never decided here: all
records of the chain from the fork on are frozen, except what more than two thirds of the
circle's members had acknowledged before they knew of another branch (`witness`): nobody
takes back what it said by saying something else. A record of another issuer that rests
on a frozen one keeps its place and knows whatever lies behind it. Order says nothing
about time, and who comes first in it has no advantage.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Set as AbstractSet
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple, TypeAlias

from allied.errors import NotFoundError, UsageError
from allied.record.causality import Causality, Spot
from allied.record.fork import ForkProof, prove
from allied.record.ids import CircleId, RecordId
from allied.record.outline import is_outline
from allied.record.record import ChainKey, Record
from allied.record.witness import Witnesses

Heads: TypeAlias = Mapping[ChainKey, tuple[int, RecordId]]
"""For each chain the highest sequence held complete, and the id at it."""


class Range(NamedTuple):
    """Records to ask for: of one chain, both ends included."""

    chain: ChainKey
    first: int
    last: int


SizeOf: TypeAlias = Callable[[CircleId], int]
"""How many members a circle has; 0 where that is not known."""


def _unknown(_: CircleId) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class History:
    """What a set of records of one agreement adds up to.

    Two histories are equal exactly if they were made of the same records.

    Attributes:
        order: the complete records that are not frozen; see the module.
        parked: ids of parked records, and of what they cite directly that is not
            complete.
        wanted: ids that parked records cite and that are not held at all.
        refused: ids of refused records, and why: `history.not-its-parent`, or
            `history.past-refused` for what rests on those.
        heads: of each chain with anything in `order`.
        forks: one proof for each chain that parts, at its lowest such number; by chain.
        frozen: for each of those chains, that number.
        kept: ids of the records at or after it that are in `order` all the same.
        aside: ids of the records that are frozen and complete.
        contested: ids of records in `order` whose claimed time runs backwards.
    """

    order: tuple[Record, ...]
    parked: Mapping[RecordId, frozenset[RecordId]]
    wanted: frozenset[RecordId]
    refused: Mapping[RecordId, str]
    heads: Heads
    forks: tuple[ForkProof, ...]
    frozen: Mapping[ChainKey, int]
    aside: frozenset[RecordId]
    contested: frozenset[RecordId]
    kept: frozenset[RecordId] = frozenset()
    size_of: SizeOf = field(default=_unknown, repr=False, compare=False)
    _witnesses: Witnesses | None = field(default=None, repr=False, compare=False)
    _causality: Causality = field(default_factory=lambda: Causality({}), repr=False, compare=False)
    # One token: whoever takes it may let the causality grow in place.
    _claim: list[bool] = field(default_factory=lambda: [True], repr=False, compare=False)
    # The envelopes of the last extension, and what it gave; at most one.
    _next: list[tuple[frozenset[bytes], History]] = field(
        default_factory=list, repr=False, compare=False
    )

    def get(self, record: RecordId) -> Record | None:
        """The record with that id, in whatever state it is held, here or in an extension."""
        return self._causality.records.get(record)

    def is_ordered(self, record: RecordId) -> bool:
        """Whether a record is in order: complete, and not set aside."""
        return record in self._causality.spots

    def depth(self, record: RecordId) -> int:
        """How many records stand behind each other up to a complete one, whatever is set aside."""
        return self._causality.depth[record]

    def signed_twice(self) -> Mapping[ChainKey, int]:
        """The first number that was signed twice, of each chain where one was; never taken back.

        A chain that is set aside for another reason, a life that does not count an earlier one,
        can come to be in order again.
        """
        found: dict[ChainKey, int] = {}
        for chain, sequence in self._causality.doubled:
            found[chain] = min(sequence, found.get(chain, sequence))
        return found

    def knows(self, later: RecordId, earlier: RecordId) -> bool:
        """Whether `earlier` lies in the causal past of `later`.

        A record does not know itself, and nobody knows a record that is not in order.

        Raises:
            NotFoundError: `history.not-in-order`, unless `later` is.

        Cost: one binary search.
        """
        at = self._spot(later)
        other = self._causality.spots.get(earlier)
        return other is not None and self._causality.known(at, other.line) >= other.sequence

    def clock(self, record: RecordId) -> Mapping[ChainKey, int]:
        """The highest sequence of each chain that `record` knows, its own included.

        Raises:
            NotFoundError: `history.not-in-order`.
        """
        return self._causality.clock(self._spot(record))

    def grown(self, envelopes: AbstractSet[bytes]) -> History | None:
        """What the last extension gave, if it was by records of exactly these envelopes.

        Whoever has looked at records before storing them need not read them again.
        """
        for known, found in self._next:
            if known == envelopes:
                return found
        return None

    def extended(self, records: Iterable[Record]) -> History:
        """The history of these records and `records`; equal to a fresh one.

        Costs in proportion to what is new and where in the order it falls, unless a
        new fork is found: that is read afresh. The first extension of a history takes
        its inner structure over; further ones of the same history start afresh too.
        """
        known = self._causality
        given = list(records)
        _require_one_agreement([*given, *islice(known.records.values(), 1)])
        if not self._take():
            return history([*self._own(), *given], self.size_of)
        fresh = _unique(given, known.records)
        if not fresh:
            self._claim.append(True)
            return self
        if any(each.id in known.records for each in fresh):
            return history([*known.records.values(), *fresh], self.size_of)
        settled = known.add(fresh)
        witnesses = self._witnesses
        if known.outdated or (witnesses and witnesses.see(known.arrived)):
            return history(known.records.values(), self.size_of)
        found = _seen(known, self, settled, self.size_of, witnesses)
        self._next[:] = [(frozenset(each.raw for each in given), found)]
        return found

    def _own(self) -> Iterator[Record]:
        """The records this history was made of, whatever the causality has taken in since."""
        yield from self.order
        for each in (*self.aside, *self.parked, *self.refused):
            yield self._causality.records[each]

    def _take(self) -> bool:
        """Take the token, once."""
        try:
            return self._claim.pop()
        except IndexError:
            return False

    def _spot(self, record: RecordId) -> Spot:
        spot = self._causality.spots.get(record)
        if spot is None:
            raise NotFoundError("history.not-in-order", "no such record is in order here")
        return spot


def history(records: Iterable[Record], size_of: SizeOf = _unknown) -> History:
    """Build the history of `records`, in any order, with or without copies.

    Of two envelopes of one payload the shorter is kept, or the one with lesser bytes; an outline
    only where there is no envelope.

    Args:
        size_of: of standing circles; of opened ones the records say it.

    Raises:
        UsageError: `history.two-agreements`.

    Cost: in proportion to the records, their deps, and what each learns from them.
    """
    held = _unique(records, {})
    _require_one_agreement(held)
    # Any order gives the same; this one mostly has parents first, which costs least.
    held.sort(key=lambda record: record.header.claimed_at)
    causality = Causality({})
    settled = causality.add(held)
    witnesses = None
    frozen = causality.parting()
    if frozen:
        witnesses = Witnesses(frozen, size_of)
        witnesses.see(causality.arrived)
        causality = Causality(frozen, witnesses.kept())
        settled = causality.add(held)
    return _seen(causality, None, settled, size_of, witnesses)


def ranges_missing(mine: Heads, theirs: Heads) -> tuple[Range, ...]:
    """What to ask a peer for: the ranges by which its chains are longer than mine.

    Where both hold a chain to the same number under different ids, that number is
    asked for, because the answer is the proof of a fork. Sorted by chain.
    """
    ranges: list[Range] = []
    for chain, (last, head) in theirs.items():
        sequence, own = mine.get(chain, (0, None))
        if last > sequence:
            ranges.append(Range(chain, sequence + 1, last))
        elif last == sequence and own != head:
            ranges.append(Range(chain, last, last))
    return tuple(sorted(ranges))


def _unique(records: Iterable[Record], held: Mapping[RecordId, Record]) -> list[Record]:
    """Each record once and none that `held` has in the same envelope or a better one."""
    unique: dict[RecordId, Record] = {}
    for record in records:
        known = unique.get(record.id) or held.get(record.id)
        if known is None or _rank(record) < _rank(known):
            unique[record.id] = record
    return list(unique.values())


def _rank(record: Record) -> tuple[bool, int, bytes]:
    return is_outline(record), len(record.raw), record.raw


def _require_one_agreement(records: Iterable[Record]) -> None:
    if len({record.header.agreement for record in records}) > 1:
        raise UsageError("history.two-agreements", "a history is of one agreement")


def _seen(
    known: Causality,
    before: History | None,
    settled: list[Record],
    size_of: SizeOf,
    witnesses: Witnesses | None,
) -> History:
    """The history that `known` stands for, `settled` being new in it since `before`."""
    depth = known.depth
    new = sorted([(depth[record.id], record.id, record) for record in settled])
    order = before.order if before else ()
    heads = dict(before.heads) if before else {}
    if new and order:
        # Only what comes after the first of the new has to be put in order again.
        at = bisect_left(order, new[0][:2], key=lambda record: (depth[record.id], record.id))
        new = sorted([*((depth[record.id], record.id, record) for record in order[at:]), *new])
        order = order[:at]
    order += tuple([record for *_, record in new])
    for record in settled:
        header = record.header
        if header.sequence > heads.get(header.chain, (0, ""))[0]:
            heads[header.chain] = (header.sequence, record.id)
    return History(
        order=order,
        parked={record: frozenset(missing) for record, missing in known.waiting.items()},
        wanted=frozenset(
            each
            for missing in known.waiting.values()
            for each in missing
            if each not in known.records
        ),
        refused=dict(known.refused),
        heads=heads,
        forks=tuple(
            prove(*known.evidence(chain, sequence))
            for chain, sequence in sorted(known.frozen.items())
        ),
        frozen=dict(known.frozen),
        aside=frozenset(known.aside),
        contested=frozenset(known.contested),
        kept=frozenset(known.kept),
        size_of=size_of,
        _witnesses=witnesses,
        _causality=known,
    )
