"""What of a chain that parts was acknowledged before anybody knew of its other branch.

Whoever signs two stories could else take back what it said long ago by signing the same
number again. So a record beyond the place where its chain parts still counts once more than
two thirds of its circle's members, its issuer included, have acknowledged it while they knew
of no other branch.

Words used here:
    voice      what one issuer says in one circle, under all its incarnations
    view       of a record: for each chain of a watched voice the last record that its past
               holds, or that the past holds two that do not follow each other
    witness    another issuer with a record in the same circle whose view of the chain is one
               line, as far as that record

Rules. What is acknowledged only grows with the records held: a view is a matter of a record's
own past. Of two branches at most one is acknowledged unless a third of the members lie; if
both are, none counts. Who sees a circle sees all its witnesses, so all who see it agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from allied.errors import AlliedError
from allied.record import circle as circles
from allied.record.fork import is_beyond
from allied.record.ids import CircleId, OrganisationId, RecordId
from allied.record.record import ChainKey, Record

_View = dict[ChainKey, "RecordId | None"]
_NOTHING: Final[_View] = {}


class Witnesses:
    """Who acknowledged how much of the chains that part; it only grows."""

    def __init__(self, parting: Mapping[ChainKey, int], size_of: Callable[[CircleId], int]) -> None:
        """Watch chains from the number at which they part."""
        self._parting = parting
        self._voices = {(chain.circle, chain.issuer) for chain in parting}
        self._size_of = size_of
        self._sizes: dict[CircleId, int] = {}
        self._views: dict[RecordId, _View] = {}
        self._watched: dict[RecordId, Record] = {}
        # An ancestor further down, so that looking for one takes few steps.
        self._jump: dict[RecordId, RecordId] = {}
        self._known_to: dict[RecordId, set[OrganisationId]] = {}

    def see(self, records: Iterable[Record]) -> bool:
        """Look at complete records, parents first; whether more is acknowledged than before."""
        grown = False
        for record in records:
            grown = self._see(record) or grown
        return grown

    def kept(self) -> frozenset[RecordId]:
        """The records that count although their chain parts before them or at them."""
        found = {each for each, who in self._known_to.items() if self._is_enough(each, len(who))}
        places: dict[tuple[ChainKey, int], RecordId] = {}
        ends: dict[ChainKey, int] = {}
        for each in found:
            header = self._watched[each].header
            if places.setdefault((header.chain, header.sequence), each) != each:
                ends[header.chain] = min(header.sequence, ends.get(header.chain, header.sequence))
        if not ends:
            return frozenset(found)
        headers = {each: self._watched[each].header for each in found}
        return frozenset(
            each
            for each, header in headers.items()
            if header.sequence < ends.get(header.chain, header.sequence + 1)
        )

    def _see(self, record: Record) -> bool:
        header = record.header
        if header.kind == "circle.open":
            self._measure(record)
        own = self._views.get(header.previous, _NOTHING) if header.previous else _NOTHING
        view = own
        for dep in header.deps:
            theirs = self._views.get(dep.id, _NOTHING)
            if theirs and theirs is not view:
                view = self._merged(view, theirs)
        if (header.circle, header.issuer) in self._voices:
            self._watch(record)
            tip = view.get(header.chain, header.previous)
            line = record.id if tip == header.previous else None
            view = {**view, header.chain: line}
        self._views[record.id] = view
        return view is not own and self._witness(record, view)

    def _measure(self, record: Record) -> None:
        try:
            opened = circles.read(record.body.get("circle"))
        except AlliedError:
            return
        if opened.id == record.header.circle:
            self._sizes[opened.id] = len(opened.members)

    def _watch(self, record: Record) -> None:
        self._watched[record.id] = record
        before = record.header.previous
        if before is None:
            self._jump[record.id] = record.id
            return
        jump = self._jump[before]
        here, there = self._number(before), self._number(jump)
        far = self._jump[jump]
        even = here - there == there - self._number(far)
        self._jump[record.id] = far if even else before

    def _number(self, record: RecordId) -> int:
        return self._watched[record].header.sequence

    def _at(self, record: RecordId, number: int) -> RecordId:
        """The record with that number in the line that ends with `record`."""
        at = record
        while self._number(at) > number:
            jump = self._jump[at]
            before = self._watched[at].header.previous
            at = jump if self._number(jump) >= number or before is None else before
        return at

    def _merged(self, one: _View, other: _View) -> _View:
        """What two pasts together hold; `one` itself where the other adds nothing."""
        merged: _View | None = None
        for chain, tip in other.items():
            known = one.get(chain, chain)
            if known == tip:
                continue
            new = tip if known == chain else self._longer(one[chain], tip)
            if known == chain or new != known:
                merged = merged if merged is not None else dict(one)
                merged[chain] = new
        return one if merged is None else merged

    def _longer(self, a: RecordId | None, b: RecordId | None) -> RecordId | None:
        """The end of the line on which both stand; None where they stand on none."""
        if a is None or b is None:
            return None
        short, long = sorted((a, b), key=self._number)
        return long if self._at(long, self._number(short)) == short else None

    def _witness(self, record: Record, view: _View) -> bool:
        """Note what a record acknowledges of the chains that part in its circle."""
        header = record.header
        grown = False
        for chain, tip in view.items():
            start = self._parting.get(chain)
            if start is None or tip is None or chain.circle != header.circle:
                continue
            if chain.issuer == header.issuer or self._number(tip) < start:
                continue
            if self._is_one_story(chain, tip, view):
                grown = self._acknowledge(header.issuer, tip, start) or grown
        return grown

    def _is_one_story(self, chain: ChainKey, tip: RecordId, view: _View) -> bool:
        """Whether a view holds nothing of earlier incarnations that contradicts this one."""
        opening = self._watched[self._at(tip, 1)]
        for earlier, last in view.items():
            if earlier[:2] != chain[:2] or earlier.incarnation >= chain.incarnation:
                continue
            if last is None or is_beyond(self._watched[last], opening):
                return False
        return True

    def _acknowledge(self, who: OrganisationId, tip: RecordId, start: int) -> bool:
        grown = False
        at: RecordId | None = tip
        while at is not None and self._number(at) >= start:
            known = self._known_to.setdefault(at, set())
            if who in known:
                break  # and all before it
            known.add(who)
            enough = self._is_enough(at, len(known))
            grown = grown or (enough and not self._is_enough(at, len(known) - 1))
            at = self._watched[at].header.previous
        return grown

    def _is_enough(self, record: RecordId, others: int) -> bool:
        circle = self._watched[record].header.circle
        size = self._sizes.get(circle)
        if size is None:
            size = self._sizes[circle] = self._size_of(circle)
        return size > 0 and others > 0 and (others + 1) * 3 > size * 2
