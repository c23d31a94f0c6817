"""What the first pass saw and noted, in order, so that the second need not read it again.

The first pass has read each object, taken its head apart and found the combination of its
markings. All of that is kept in the order of the bundle: in memory while there is room, then
all of it in a place that may be a file. The second pass takes it from there, some at a time.

Words used here:
    run     some elements that stand next to each other, with the marks of each
    doubt   something was noted of an object after its run had been kept

Rules that hold everywhere here. What is not told by the run alone (an object that is not
sound, a second one of the same bytes, one in doubt) has `ASK` in the place of its marks, and
is looked up by its id. Memory does not grow with the bundle.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from allied.exchange.bundle import Refused
from allied.exchange.examining import Sighted
from allied.exchange.scratch import Scratch

ASK = -1
"""In the place of marks: what holds for the object stands under its id."""

MOST_DOUBTED = 100_000
"""Objects that may be in doubt; with more of them all are looked up by id."""

_HELD_BESIDE = 1000  # bytes that an element takes in memory besides its own, about


class Run(msgspec.Struct, frozen=True, array_like=True):
    """Some elements, and the number of the combination of markings of each, or `ASK`."""

    seen: Sequence[Sighted | Refused]
    marks: Sequence[int]


class _Packed(msgspec.Struct, array_like=True):
    seen: list[Sighted | Refused]
    marks: list[int]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Packed)


class Runs:
    """Runs written one after the other, then read in the same order."""

    def __init__(self, scratch: Scratch, room: int) -> None:
        """Keep up to `room` bytes in memory, else all of it in `scratch`."""
        self._scratch = scratch
        self._room = room
        self._kept: list[Run] | None = []
        self._doubted: set[int] = set()
        self._all_doubted = False

    @property
    def kept(self) -> Sequence[Run] | None:
        """All runs, where they are in memory; else None."""
        return self._kept

    def add(self, run: Run, size: int) -> None:
        """Keep a run whose objects have `size` bytes together."""
        self._room -= size + _HELD_BESIDE * len(run.seen)
        if self._kept is not None:
            self._kept.append(run)
            if self._room >= 0:
                return
            runs, self._kept = self._kept, None
        else:
            runs = [run]
        for each in runs:
            self._scratch.append(_ENCODER.encode(each))

    def doubt(self, index: int) -> None:
        """Something was noted of the element at `index` whose run is kept, or is being made."""
        if len(self._doubted) < MOST_DOUBTED:
            self._doubted.add(index)
        else:
            self._all_doubted = True

    def __iter__(self) -> Iterator[Run]:
        """All runs in order, as often as asked for; nothing is added meanwhile."""
        for run in self._stored():
            yield self._in_doubt(run) if self._doubted else run

    def _stored(self) -> Iterator[Run]:
        if self._kept is not None:
            yield from self._kept
            return
        for packed in self._scratch.appended():
            found = _DECODER.decode(packed)
            yield Run(found.seen, found.marks)

    def _in_doubt(self, run: Run) -> Run:
        """The same run; what is in doubt has to be asked for."""
        doubted = self._doubted
        marks = [
            ASK if self._all_doubted or each.index in doubted else number
            for each, number in zip(run.seen, run.marks, strict=True)
        ]
        return Run(run.seen, marks)
