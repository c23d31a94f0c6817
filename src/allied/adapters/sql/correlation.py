"""Which items name which values: the pair table, kept and asked.

A pair says that an item names a value. Values are found by eight bytes, a hash keyed with the
secret of this database, so that the table tells nobody which values were looked for. Keys may
collide: whoever asks compares the values themselves, from the bytes of what was found.

Words used here:
    pair        (value, holder, handling class, number of the item)
    paired      an item that was looked at, whether it names anything or not; all items up to
                one number are, and none behind it

Rules. The primary key is an index on random values, which costs a page of the log per pair;
so pairs are written in larger steps than items are, sorted, and never while an item is stored.
They and the number up to which they stand are one unit. They are derived: writing them is no
change that anybody has to be told of. An item that leaves takes its pairs along.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import blake2b
from heapq import nlargest
from typing import Any, Final

from sqlalchemy import Connection, delete, select

from allied.adapters.sql.dialect import among, ask, change, insert_rows, placed
from allied.adapters.sql.names import Names
from allied.adapters.sql.schema import items, pairs
from allied.node.pairing import Unpaired
from allied.record.ids import OrganisationId

_PAIRED: Final = "paired"
_UNTIL: Final = "SELECT value FROM counters WHERE name = ?"
_SET_UNTIL: Final = (
    "INSERT INTO counters (name, value) VALUES (?, ?)"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
_AFTER: Final = (
    "SELECT seq, holder, class_id, type, size FROM items WHERE seq > ? ORDER BY seq LIMIT ?"
)
_NEXT_CLASS: Final = (
    "SELECT class_id FROM pairs WHERE value = ? AND holder = ? AND class_id > ?"
    " ORDER BY class_id LIMIT 1"
)
_OF_CLASS: Final = (
    "SELECT seq FROM pairs WHERE value = ? AND holder = ? AND class_id = ?"
    " ORDER BY seq DESC LIMIT ?"
)
_BELOW_ALL: Final = -(1 << 62)


def value_key(secret: bytes, value: str) -> int:
    """The eight bytes under which a value is found."""
    hashed = blake2b(value.encode(errors="surrogatepass"), digest_size=8, key=secret)
    return int.from_bytes(hashed.digest(), "big", signed=True)


class PairReading:
    """The part of a reading that asks the pair table; see `allied.node.pairing`."""

    _connection: Connection
    _names: Names
    _secret: bytes

    def paired_until(self) -> int:
        """See `ReadingPairs.paired_until`."""
        row = ask(self._connection, _UNTIL, (_PAIRED,))
        return int(row[0]) if row else 0

    def unpaired(self, limit: int) -> Sequence[Unpaired]:
        """See `ReadingPairs.unpaired`."""
        rows = placed(self._connection, _AFTER, (self.paired_until(), limit))
        texts = self._names.texts({number for row in rows for number in (row[1], row[3])})
        return [
            Unpaired(seq, OrganisationId(texts[holder]), class_id, texts[type_], size)
            for seq, holder, class_id, type_, size in rows
        ]

    def naming(
        self, holder: OrganisationId, value: str, classes: Collection[int], limit: int
    ) -> Sequence[int]:
        """See `ReadingPairs.naming`."""
        number = self._names.numbers((holder,)).get(holder)
        if number is None or not classes:
            return ()
        key, seen = value_key(self._secret, value), frozenset(classes)
        found: list[int] = []
        row: Sequence[Any] | None = (_BELOW_ALL,)
        while row is not None:
            row = ask(self._connection, _NEXT_CLASS, (key, number, row[0]))
            if row is not None and row[0] in seen:
                of_class = placed(self._connection, _OF_CLASS, (key, number, row[0], limit))
                found += [each[0] for each in of_class]
        return nlargest(limit, found)


class PairWriting(PairReading):
    """The part of a writing that keeps the pair table; see `allied.node.pairing`."""

    def add_pairs(self, named: Mapping[Unpaired, Iterable[str]], *, after: int, until: int) -> bool:
        """See `WritingPairs.add_pairs`."""
        if self.paired_until() != after:
            return False
        still = self._still_here([row.seq for row in named])
        by_name = self._names.numbers({row.holder for row in named})
        rows = sorted(
            (key, by_name[row.holder], row.class_id, row.seq)
            for row, values in named.items()
            if row.seq in still
            for key in {value_key(self._secret, value) for value in values}
        )
        insert_rows(self._connection, pairs, pairs.c.keys(), rows)
        change(self._connection, _SET_UNTIL, (_PAIRED, until))
        return True

    def _still_here(self, numbers: Sequence[int]) -> Collection[int]:
        if not numbers:
            return ()
        here = select(items.c.seq).where(among(self._connection, items.c.seq, numbers))
        return set(self._connection.execute(here).scalars())

    def _drop_pairs(self, numbers: Sequence[int]) -> None:
        """Take away what says which values these items name."""
        self._connection.execute(delete(pairs).where(among(self._connection, pairs.c.seq, numbers)))
