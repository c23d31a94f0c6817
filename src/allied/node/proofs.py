"""The proof of an item's place in its originator's statement, as it goes out with the item.

What was received is passed on as it came. Of the holder's own items the store has the place
alone, and the tree of each statement once; the proof is made here when the item is released.

Rules. The trees used last are remembered, within a bound on their bytes; a statement never
changes, so what is remembered never becomes wrong.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from allied.errors import NotFoundError, UnverifiedError
from allied.exchange.statement import Kept, place_of
from allied.record.canonical import digest

if TYPE_CHECKING:
    from allied.node.ports import Reading
    from allied.node.rows import ItemRow
    from allied.record.ids import Digest

_REMEMBERED: Final = 16 * 2**20
"""Bytes of trees, as they are stored."""


def statement_of(reading: Reading, statement: Digest) -> bytes:
    """The bytes of an originator's statement, as they were held against its key.

    Raises:
        UnverifiedError: `store.no-statement`, it is not here, or its bytes are others now.
    """
    raw = reading.statement(statement)
    if raw is None or digest(raw) != statement:
        raise UnverifiedError(
            "store.no-statement",
            "the originator's statement on this item is missing or spoilt in the store, so nothing"
            " proves whose item it is",
            hint="restore a backup, or delete the item and fetch it again; `allied doctor`",
        )
    return raw


class _Trees:
    """The trees used last; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Digest, tuple[int, Kept]] = OrderedDict()
        self._size = 0

    def of(self, reading: Reading, statement: Digest) -> Kept:
        """The tree of an own statement."""
        with self._lock:
            found = self._kept.get(statement)
            if found is not None:
                self._kept.move_to_end(statement)
                return found[1]
        packed = reading.tree(statement)
        if packed is None:
            raise NotFoundError(
                "store.no-tree", "the tree of a statement is not here", hint="restore a backup"
            )
        kept = Kept.read(packed)
        with self._lock:
            if statement not in self._kept:
                self._kept[statement] = (len(packed), kept)
                self._size += len(packed)
            while self._size > _REMEMBERED and len(self._kept) > 1:
                _, (size, _kept) = self._kept.popitem(last=False)
                self._size -= size
        return kept


_TREES = _Trees()


def packed(reading: Reading, row: ItemRow) -> bytes:
    """The proof of an item; see `exchange.statement.Proof.packed`.

    Raises:
        NotFoundError: `store.no-tree`, the store lacks what an own proof is made from.
    """
    place = place_of(row.proof)
    if place is None:
        return row.proof
    return _TREES.of(reading, row.statement).packed_proof(place)
