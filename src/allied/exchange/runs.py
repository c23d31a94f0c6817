"""What the first pass noted, in the order in which the second pass comes along.

Notes are found by id, in a place that may be a file: too slow to ask for every object of a
large bundle. Most objects are the only ones of their id and come again in the same order; so
a few bytes of each are kept in that order as well, a run at a time.

Words used here:
    run        up to 4,096 records, one after the other, under the number of the run
    record     where an object stood, its marks, its flags and the beginning of its digest

Rules that hold everywhere here. What is not told apart by the record alone (a second object
of an id, a changed one, one flagged later) is answered with None, and looked up by id.
"""

from __future__ import annotations

import struct

from allied.exchange.scratch import Scratch

_RUNS = "runs"
_RECORD = struct.Struct("<QI8sB")
_NUMBER = struct.Struct(">I")
LENGTH = 4_096
"""Records in a run."""

MOST_DOUBTED = 100_000
"""Objects that may be flagged later; with more of them all are looked up by id."""


class Runs:
    """Records written once in ascending order, then read once in the same order."""

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch
        self._open = bytearray()
        self._written = 0
        self._doubted: set[int] = set()
        self._usable = True
        self._read = 0
        self._run = b""
        self._at = 0

    def add(self, index: int, marks: int, digest: bytes, flags: int) -> None:
        """Record an object; `index` is larger than before."""
        self._open += _RECORD.pack(index, marks, digest[:8], flags)
        if len(self._open) == LENGTH * _RECORD.size:
            self.close()

    def doubt(self, index: int) -> None:
        """An object that was recorded has been flagged since."""
        self._doubted.add(index)
        self._usable = self._usable and len(self._doubted) <= MOST_DOUBTED

    def close(self) -> None:
        """Put away the run that is being written."""
        if self._open:
            self._scratch.put(_RUNS, _NUMBER.pack(self._written), bytes(self._open))
            self._written += 1
            self._open.clear()

    def find(self, index: int, digest: bytes) -> tuple[int, int] | None:
        """Marks and flags of the object at `index`, which is larger than before; or None."""
        while self._usable:
            if self._at == len(self._run):
                if self._read == self._written:
                    return None
                self._run = self._scratch.get(_RUNS, _NUMBER.pack(self._read)) or b""
                self._read, self._at = self._read + 1, 0
                continue
            where, marks, start, flags = _RECORD.unpack_from(self._run, self._at)
            if where > index:
                return None
            self._at += _RECORD.size
            if where == index:
                known = start == digest[:8] and index not in self._doubted
                return (marks, flags) if known else None
        return None
