"""Storing items in bulk: exact bytes once, every version once.

A batch is a few statements, however many items it has: look up all keys, compare the full
identity on each match, insert what is new. Costs grow with the batch, not with the store.

Words used here:
    identity        (holder, originator, agreement, id, modified)
    known           an item whose identity is stored with the same digest
    contradicting   an item whose identity is stored with another digest; never stored

Rules. The first bytes under an identity stay. Within a batch the order given decides. The
caller vouches that `digest` is the digest of the bytes, and that nobody else writes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, select

from allied.adapters.sql.dialect import among, insert, insert_rows
from allied.adapters.sql.names import Names
from allied.adapters.sql.pages import body_key, item_key, key_rest
from allied.adapters.sql.schema import bodies, class_counts, items, to_microseconds
from allied.node.rows import ItemRow, ItemsAdded

BATCH: Final = 5_000
"""Items handled at a time; bounds the memory."""

Take = Callable[[str, int], int]
"""Reserve numbers of a counter: its name, how many; gives the first."""

Identity = tuple[str, str, str, str, str]


@dataclass(slots=True)
class _Outcome:
    stored: int = 0
    known: int = 0
    first: int = 0
    last: int = 0
    contradicting: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Intake:
    """What storing items needs from its write unit."""

    connection: Connection
    names: Names
    secret: bytes
    take: Take

    def add(self, given: Iterable[tuple[ItemRow, bytes]]) -> ItemsAdded:
        """Store items with their bytes; see `allied.node.ports.ItemsAdded`."""
        outcome = _Outcome()
        for batch in _batches(given):
            self._add_batch(batch, outcome)
        return ItemsAdded(
            stored=outcome.stored,
            known=outcome.known,
            first=outcome.first,
            last=outcome.last,
            contradicting=tuple(outcome.contradicting),
        )

    def _add_batch(self, batch: list[tuple[ItemRow, bytes]], outcome: _Outcome) -> None:
        keyed = [(self._key(row), row, raw) for row, raw in batch]
        held = self._held([key for key, _, _ in keyed])
        new: list[tuple[int, ItemRow, bytes]] = []
        for key, row, raw in keyed:
            identity = _identity(row)
            digest = held.get(identity)
            if digest is None:
                held[identity] = row.digest
                new.append((key, row, raw))
            elif digest == row.digest:
                outcome.known += 1
            else:
                outcome.contradicting.append((row.id, row.modified))
        if new:
            self._insert(new, outcome)

    def _key(self, row: ItemRow) -> int:
        rest = key_rest(row.holder, row.originator, row.agreement, row.modified)
        return item_key(self.secret, row.id, rest)

    def _held(self, keys: list[int]) -> dict[Identity, str]:
        """The digest of every stored item under one of these keys, by full identity."""
        query = select(
            items.c.holder,
            items.c.originator,
            items.c.agreement,
            items.c.id,
            items.c.modified,
            items.c.digest,
        ).where(among(self.connection, items.c.key, keys))
        rows = self.connection.execute(query).all()
        texts = self.names.texts(number for row in rows for number in row[:3])
        return {
            (texts[holder], texts[originator], texts[agreement], item, modified): digest.hex()
            for holder, originator, agreement, item, modified, digest in rows
        }

    def _insert(self, new: list[tuple[int, ItemRow, bytes]], outcome: _Outcome) -> None:
        numbers = self.names.add(name for _, row, _ in new for name in _named(row))
        body_of = self._bodies(new)
        first = self.take("item", len(new))
        rows = [
            (
                first + place,
                key,
                numbers[row.holder],
                numbers[row.originator],
                numbers[row.agreement],
                numbers[row.via],
                numbers[row.statement],
                numbers[row.share],
                numbers[row.type],
                numbers[row.kind],
                row.class_id,
                body_of[row.digest],
                row.size,
                to_microseconds(row.received_at),
                row.id,
                row.modified,
                bytes.fromhex(row.digest),
                row.proof,
            )
            for place, (key, row, _) in enumerate(new)
        ]
        insert_rows(self.connection, items, items.c.keys(), rows)
        self._count(new, numbers)
        outcome.first = outcome.first or first
        outcome.last = first + len(new) - 1
        outcome.stored += len(new)

    def _bodies(self, new: list[tuple[int, ItemRow, bytes]]) -> dict[str, int]:
        """The number of the bytes of each digest, stored where they were not."""
        raws: dict[str, bytes] = {}
        for _, row, raw in new:
            raws.setdefault(row.digest, raw)
        digests = {digest: bytes.fromhex(digest) for digest in raws}
        keys = {digest: body_key(self.secret, binary) for digest, binary in digests.items()}
        query = select(bodies.c.id, bodies.c.digest)
        condition = among(self.connection, bodies.c.key, keys.values())
        found: dict[str, int] = {}
        for number, binary in self.connection.execute(query.where(condition)):
            digest = binary.hex()
            if digest in raws:
                found[digest] = number
        missing = [digest for digest in raws if digest not in found]
        if missing:
            first = self.take("body", len(missing))
            found |= {digest: first + place for place, digest in enumerate(missing)}
            rows = [
                (found[digest], keys[digest], digests[digest], raws[digest]) for digest in missing
            ]
            insert_rows(self.connection, bodies, bodies.c.keys(), rows)
        return found

    def _count(self, new: list[tuple[int, ItemRow, bytes]], numbers: Mapping[str, int]) -> None:
        added = Counter(
            (numbers[row.agreement], numbers[row.holder], row.class_id) for _, row, _ in new
        )
        statement = insert(self.connection, class_counts)
        self.connection.execute(
            statement.on_conflict_do_update(
                index_elements=("agreement", "holder", "class_id"),
                set_={"count": class_counts.c.count + statement.excluded.count},
            ),
            [
                {"agreement": agreement, "holder": holder, "class_id": class_id, "count": count}
                for (agreement, holder, class_id), count in sorted(added.items())
            ],
        )


def _identity(row: ItemRow) -> Identity:
    return (row.holder, row.originator, row.agreement, row.id, row.modified)


def _named(row: ItemRow) -> tuple[str, ...]:
    return (
        row.holder,
        row.originator,
        row.agreement,
        row.via,
        row.statement,
        row.share,
        row.type,
        row.kind,
    )


def _batches(given: Iterable[tuple[ItemRow, bytes]]) -> Iterator[list[tuple[ItemRow, bytes]]]:
    batch: list[tuple[ItemRow, bytes]] = []
    for pair in given:
        batch.append(pair)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
