"""Storing items in bulk: exact bytes once, every version once, dates that only grow.

A batch is a few statements, however many items it has: look up which objects are here at
all, compare the full identity of those that are, insert what is new. Costs grow with the
batch, not with the store.

Words used here:
    identity        (holder, originator, agreement, id, modified)
    known           an item whose identity is stored with the same digest
    contradicting   an item whose identity is stored with another digest; never stored
    object          (holder, originator, id); with a second item all of its items are repeated

Rules. The first bytes under an identity stay. Within a batch the order given decides. The
caller vouches that `digest` is the digest of the bytes, and that nobody else writes. The
last date of a holder is kept apart from the items, so that it stands also when the item of
that date is deleted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, exists, select, update

from allied.adapters.sql.dialect import among, ask, insert, insert_rows, listed
from allied.adapters.sql.names import Names
from allied.adapters.sql.pages import item_key, item_span, version_span
from allied.adapters.sql.schema import bodies, class_counts, counters, items, to_microseconds
from allied.node.rows import ItemRow, ItemsAdded

BATCH: Final = 5_000
"""Items handled at a time; bounds the memory."""

_SPAN: Final = 0xFFFFFFFF
_SIBLING: Final = (
    "SELECT seq, repeated FROM items WHERE key BETWEEN ? AND ?"
    " AND id = ? AND holder = ? AND originator = ? LIMIT 1"
)
_BODY: Final = "SELECT body FROM items WHERE key BETWEEN ? AND ? AND digest = ? LIMIT 1"

Take = Callable[[str, int], int]
"""Reserve numbers of a counter: its name, how many; gives the first."""

Identity = tuple[str, str, str, str, str]
Object = tuple[str, str, str]


@dataclass(slots=True)
class _Outcome:
    stored: int = 0
    known: int = 0
    first: int = 0
    last: int = 0
    contradicting: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _New:
    """An item to be inserted; `stranger` if the store has nothing under its object's id."""

    key: int
    row: ItemRow
    raw: bytes
    stranger: bool


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
        lows = {key & ~_SPAN for key, _, _ in keyed}
        here = self._here(lows)
        held = self._held([key for key, _, _ in keyed if key & ~_SPAN in here])
        new: list[_New] = []
        for key, row, raw in keyed:
            identity = (row.holder, row.originator, row.agreement, row.id, row.modified)
            digest = held.get(identity)
            if digest is None:
                held[identity] = row.digest
                new.append(_New(key, row, raw, key & ~_SPAN not in here))
            elif digest == row.digest:
                outcome.known += 1
            else:
                outcome.contradicting.append((row.id, row.modified))
        if new:
            self._insert(new, outcome)

    def _key(self, row: ItemRow) -> int:
        return item_key(
            self.secret, row.id, row.modified, row.holder, row.originator, row.agreement
        )

    def _here(self, lows: set[int]) -> set[int]:
        """Which of these spans of keys, each given by its lowest, hold any item."""
        each = listed(self.connection, sorted(lows))
        any_item = exists().where(items.c.key.between(each, each + _SPAN))
        return set(self.connection.execute(select(each).where(any_item)).scalars())

    def _held(self, keys: list[int]) -> dict[Identity, str]:
        """The digest of every stored item under one of these keys, by full identity."""
        if not keys:
            return {}
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

    def _insert(self, new: list[_New], outcome: _Outcome) -> None:
        numbers = self.names.add(name for each in new for name in _named(each.row))
        body_of = self._bodies(new)
        repeated = self._repeated(new, numbers)
        added = self._dates(new, numbers)
        first = self.take("item", len(new))
        rows = [
            (
                first + place,
                each.key,
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
                added[place],
                _object(row) in repeated,
                row.id,
                row.modified,
                bytes.fromhex(row.digest),
                row.proof,
            )
            for place, each in enumerate(new)
            for row in (each.row,)
        ]
        insert_rows(self.connection, items, items.c.keys(), rows)
        self._count(new, numbers)
        outcome.first = outcome.first or first
        outcome.last = first + len(new) - 1
        outcome.stored += len(new)

    def _bodies(self, new: list[_New]) -> dict[str, int]:
        """The number of the bytes of each digest, stored where they were not."""
        found: dict[str, int] = {}
        missing: dict[str, bytes] = {}
        for each in new:
            row = each.row
            if row.digest in found or row.digest in missing:
                continue
            if not each.stranger:
                span = version_span(self.secret, row.id, row.modified)
                here = ask(self.connection, _BODY, (*span, bytes.fromhex(row.digest)))
                if here is not None:
                    found[row.digest] = here[0]
                    continue
            missing[row.digest] = each.raw
        if missing:
            first = self.take("body", len(missing))
            found |= {digest: first + place for place, digest in enumerate(missing)}
            rows = [(found[digest], raw) for digest, raw in missing.items()]
            insert_rows(self.connection, bodies, bodies.c.keys(), rows)
        return found

    def _repeated(self, new: list[_New], numbers: Mapping[str, int]) -> set[Object]:
        """The objects that have more than one item now; those stored before are told so."""
        seen: set[Object] = set()
        repeated: set[Object] = set()
        told: list[int] = []
        for each in new:
            row = each.row
            one = _object(row)
            if one in seen:
                repeated.add(one)
                continue
            seen.add(one)
            if each.stranger:
                continue
            whose = (row.id, numbers[row.holder], numbers[row.originator])
            sibling = ask(self.connection, _SIBLING, (*item_span(self.secret, row.id), *whose))
            if sibling is not None:
                repeated.add(one)
                if not sibling[1]:  # it was alone until now
                    told.append(sibling[0])
        if told:
            condition = among(self.connection, items.c.seq, told)
            self.connection.execute(update(items).where(condition).values(repeated=True))
        return repeated

    def _dates(self, new: list[_New], numbers: Mapping[str, int]) -> list[int]:
        """When each is added: not before its receipt, and later than all of its holder's."""
        lasts: dict[str, int] = {}
        dates: list[int] = []
        for each in new:
            holder = each.row.holder
            if holder not in lasts:
                query = select(counters.c.value).where(counters.c.name == _last(numbers[holder]))
                lasts[holder] = self.connection.execute(query).scalar() or 0
            date = max(lasts[holder] + 1, to_microseconds(each.row.received_at))
            lasts[holder] = date
            dates.append(date)
        statement = insert(self.connection, counters)
        self.connection.execute(
            statement.on_conflict_do_update(
                index_elements=("name",), set_={"value": statement.excluded.value}
            ),
            [{"name": _last(numbers[holder]), "value": date} for holder, date in lasts.items()],
        )
        return dates

    def _count(self, new: list[_New], numbers: Mapping[str, int]) -> None:
        added = Counter(
            (numbers[each.row.agreement], numbers[each.row.holder], each.row.class_id)
            for each in new
        )
        statement = insert(self.connection, class_counts)
        self.connection.execute(
            statement.on_conflict_do_update(
                index_elements=("holder", "class_id", "agreement"),
                set_={"count": class_counts.c.count + statement.excluded.count},
            ),
            [
                {"agreement": agreement, "holder": holder, "class_id": class_id, "count": count}
                for (agreement, holder, class_id), count in sorted(added.items())
            ],
        )


def _last(holder: int) -> str:
    """The counter that holds the last date of a holder."""
    return f"added:{holder}"


def _object(row: ItemRow) -> Object:
    return (row.holder, row.originator, row.id)


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
