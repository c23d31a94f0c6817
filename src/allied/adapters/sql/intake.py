"""Storing items in bulk: exact bytes once, every version once, dates that only grow.

Items come in columns (`ItemBatch`) and go to the driver in columns; a chunk of them is a few
statements: look up which objects are here at all, compare the full identity of those that
are, insert what is new. Costs grow with the chunk, not with the store.

Words used here:
    identity        (holder, originator, agreement, id, modified)
    known           an item whose identity is stored with the same digest
    contradicting   an item whose identity is stored with another digest; never stored
    object          (holder, originator, id); with a second item all of its items are repeated
    doubtful        an item whose object's id is here already, or twice in the chunk; all others
                    are new, alone, and their bytes are not here either

Rules. The first bytes under an identity stay. Within a batch the order given decides. The
caller vouches that `digest` is the digest of the bytes, and that nobody else writes. The
last date of a holder is kept apart from the items, so that it stands also when the item of
that date is deleted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import chain, groupby, islice
from typing import Final

from sqlalchemy import Connection, exists, select, update

from allied.adapters.sql.dialect import (
    Packed,
    Sequenced,
    Values,
    among,
    ask,
    change,
    insert_columns,
    listed,
    packed,
)
from allied.adapters.sql.names import Names
from allied.adapters.sql.pages import item_keys, item_span, rest_key, version_span
from allied.adapters.sql.schema import bodies, items, to_microseconds
from allied.node.rows import ItemBatch, ItemRow, ItemsAdded

BATCH: Final = 10_000
"""Items handled at a time, about; bounds the memory."""

_SPAN: Final = 0xFFFFFFFF
# A plus keeps an index from being used; here the one on the keys is the only good one.
_SIBLING: Final = (
    "SELECT seq, repeated FROM items WHERE key BETWEEN ? AND ?"
    " AND id = ? AND +holder = ? AND +originator = ? LIMIT 1"
)
_BODY: Final = "SELECT body FROM items WHERE key BETWEEN ? AND ? AND digest = ? LIMIT 1"

_DATE: Final = "SELECT value FROM counters WHERE name = ?"
_SET_DATE: Final = (
    "INSERT INTO counters (name, value) VALUES (?, ?)"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
_COUNT: Final = (
    'INSERT INTO class_counts (holder, class_id, agreement, "count") VALUES (?, ?, ?, ?)'
    " ON CONFLICT (holder, class_id, agreement)"
    ' DO UPDATE SET "count" = class_counts."count" + excluded."count"'
)

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
    """What of a batch is to be inserted.

    Attributes:
        keys: one per item, see `pages.item_key`.
        doubtful: places of the items that need a second look.
    """

    batch: Prepared
    keys: Sequence[int]
    doubtful: Sequence[int]


@dataclass(frozen=True, slots=True)
class Prepared(ItemBatch):
    """A batch with what depends on nothing but itself and the secret of the store.

    Attributes:
        keys: one per item, see `pages.item_key`.
        columns: of the two tables, by name, as they go in.
    """

    keys: Sequence[int]
    columns: Mapping[str, Sequenced | Packed]


def prepared(secret: bytes, batch: ItemBatch, dialect: str) -> Prepared:
    """See `allied.node.item_store`; `dialect` is the name of the kind of database."""
    rest = rest_key(secret, batch.holder, batch.originator, batch.agreement)
    keys = item_keys(secret, batch.ids, batch.modified, rest)
    given = {each.name: getattr(batch, each.name) for each in fields(ItemBatch)}
    columns: dict[str, Sequenced] = {
        "raw": batch.raws,
        "key": keys,
        "size": [len(raw) for raw in batch.raws],
        "id": batch.ids,
        "modified": batch.modified,
        "digest": batch.digests,
        "proof": batch.proofs,
    }
    packs = dialect == "sqlite" and len(keys) > 0
    ready = {name: packed(of) if packs else of for name, of in columns.items()}
    return Prepared(**given, keys=keys, columns=ready)


def batched(given: Iterable[tuple[ItemRow, bytes]]) -> Iterator[ItemBatch]:
    """Rows as batches, in the same order."""
    for _, group in groupby(given, key=lambda pair: _common(pair[0])):
        while pairs := list(islice(group, BATCH)):
            rows, raws = [row for row, _ in pairs], [raw for _, raw in pairs]
            one = rows[0]
            yield ItemBatch(
                holder=one.holder,
                originator=one.originator,
                agreement=one.agreement,
                via=one.via,
                share=one.share,
                received_at=one.received_at,
                class_id=one.class_id,
                statement=one.statement,
                ids=[row.id for row in rows],
                modified=[row.modified for row in rows],
                types=[row.type for row in rows],
                kinds=[row.kind for row in rows],
                digests=[bytes.fromhex(row.digest) for row in rows],
                raws=raws,
                proofs=[row.proof for row in rows],
            )


def _common(row: ItemRow) -> tuple[object, ...]:
    """What is the same for all items of a batch."""
    return (
        row.holder,
        row.originator,
        row.agreement,
        row.via,
        row.share,
        row.received_at,
        row.class_id,
        row.statement,
    )


@dataclass(frozen=True, slots=True)
class Intake:
    """What storing items needs from its write unit."""

    connection: Connection
    names: Names
    secret: bytes
    take: Take

    def add(self, given: Iterable[ItemBatch]) -> ItemsAdded:
        """Store items with their bytes; see `allied.node.ports.ItemsAdded`."""
        outcome = _Outcome()
        for chunk in _chunks(given):
            self._add_chunk(chunk, outcome)
        return ItemsAdded(
            stored=outcome.stored,
            known=outcome.known,
            first=outcome.first,
            last=outcome.last,
            contradicting=tuple(outcome.contradicting),
        )

    def _add_chunk(self, given: list[ItemBatch], outcome: _Outcome) -> None:
        chunk = [self._prepared(batch) for batch in given]
        keys = [batch.keys for batch in chunk]
        highs = [key >> 32 for each in keys for key in each]
        distinct = set(highs)
        here = self._here(distinct)
        doubtful = here
        if len(distinct) < len(highs):
            doubtful = here | {high for high, number in Counter(highs).items() if number > 1}
        if doubtful:
            new = self._sorted_out(chunk, keys, here, doubtful, outcome)
        else:
            new = [_New(*each, ()) for each in zip(chunk, keys, strict=True)]
        if new:
            self._insert(new, here, outcome)

    def _prepared(self, batch: ItemBatch) -> Prepared:
        if isinstance(batch, Prepared):
            return batch
        return prepared(self.secret, batch, self.connection.dialect.name)

    def _here(self, highs: set[int]) -> set[int]:
        """The upper halves of keys under which the store has any item."""
        each = listed(self.connection, sorted(high << 32 for high in highs))
        any_item = exists().where(items.c.key.between(each, each + _SPAN))
        found = self.connection.execute(select(each).where(any_item)).scalars()
        return {low >> 32 for low in found}

    def _sorted_out(
        self,
        chunk: list[Prepared],
        keys: list[Sequence[int]],
        here: set[int],
        doubtful: set[int],
        outcome: _Outcome,
    ) -> list[_New]:
        """What is new of a chunk; the rest is counted."""
        held = self._held([key for each in keys for key in each if key >> 32 in here])
        new = []
        for batch, batch_keys in zip(chunk, keys, strict=True):
            chosen: list[int] = []
            second: list[int] = []
            for place, key in enumerate(batch_keys):
                if key >> 32 in doubtful:
                    item, modified = batch.ids[place], batch.modified[place]
                    identity = (batch.holder, batch.originator, batch.agreement, item, modified)
                    digest = held.setdefault(identity, b"")
                    if digest == batch.digests[place]:
                        outcome.known += 1
                        continue
                    if digest:
                        outcome.contradicting.append((item, modified))
                        continue
                    held[identity] = batch.digests[place]
                    second.append(len(chosen))
                chosen.append(place)
            if chosen:
                picked = batch
                if len(chosen) < len(batch_keys):
                    picked = self._prepared(_picked(batch, chosen))
                new.append(_New(picked, [batch_keys[place] for place in chosen], second))
        return new

    def _held(self, keys: list[int]) -> dict[Identity, bytes]:
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
            (texts[holder], texts[originator], texts[agreement], item, modified): digest
            for holder, originator, agreement, item, modified, digest in rows
        }

    def _insert(self, new: list[_New], here: set[int], outcome: _Outcome) -> None:
        numbers = self.names.add(set(chain.from_iterable(_named(each.batch) for each in new)))
        count = sum(len(each.keys) for each in new)
        body_of = self._bodies(new, here, count)
        repeated = self._repeated(new, here, numbers)
        added = self._dates(new, numbers)
        first = self.take("item", count)
        following = first
        for place, each in enumerate(new):
            batch, number = each.batch, len(each.keys)
            columns: dict[str, Values] = {
                "seq": range(following, following + number),
                "key": batch.columns["key"],
                "holder": numbers[batch.holder],
                "originator": numbers[batch.originator],
                "agreement": numbers[batch.agreement],
                "via": numbers[batch.via],
                "statement": numbers[batch.statement],
                "share": numbers[batch.share],
                "type": [numbers[name] for name in batch.types],
                "kind": [numbers[name] for name in batch.kinds],
                "class_id": batch.class_id,
                "body": body_of[place],
                "size": batch.columns["size"],
                "received_at": to_microseconds(batch.received_at),
                "added": range(added[place], added[place] + number),
                "repeated": repeated[place],
                "id": batch.columns["id"],
                "modified": batch.columns["modified"],
                "digest": batch.columns["digest"],
                "proof": batch.columns["proof"],
            }
            insert_columns(self.connection, items, number, columns)
            following += number
        self._count(new, numbers)
        outcome.first = outcome.first or first
        outcome.last = first + count - 1
        outcome.stored += count

    def _bodies(self, new: list[_New], here: set[int], most: int) -> list[range | Sequence[int]]:
        """The number of the bytes of each item, stored where they were not."""
        shared: dict[bytes, int] = {}
        following = self.take("body", most)
        found: list[range | Sequence[int]] = []
        for each in new:
            batch = each.batch
            if not each.doubtful:
                numbers = range(following, following + len(each.keys))
                self._add_bodies(numbers, batch.columns["raw"])
                following += len(each.keys)
                found.append(numbers)
                continue
            doubtful = set(each.doubtful)
            of_batch = []
            first, raws = following, []
            for place, raw in enumerate(batch.raws):
                body = 0
                if place in doubtful:
                    digest = batch.digests[place]
                    body = shared.get(digest, 0)
                    if not body and each.keys[place] >> 32 in here:
                        span = version_span(self.secret, batch.ids[place], batch.modified[place])
                        row = ask(self.connection, _BODY, (*span, digest))
                        body = row[0] if row else 0
                    shared[digest] = body or following
                if not body:
                    body = following
                    raws.append(raw)
                    following += 1
                of_batch.append(body)
            found.append(of_batch)
            self._add_bodies(range(first, following), raws)
        return found

    def _add_bodies(self, numbers: range, raws: Sequenced | Packed) -> None:
        insert_columns(self.connection, bodies, len(numbers), {"id": numbers, "raw": raws})

    def _repeated(
        self, new: list[_New], here: set[int], numbers: dict[str, int]
    ) -> list[int | list[int]]:
        """Whether each item's object has more than one now; those stored before are told so."""
        seen: dict[Object, list[tuple[int, int]]] = {}
        for number, each in enumerate(new):
            batch = each.batch
            for place in each.doubtful:
                one = (batch.holder, batch.originator, batch.ids[place])
                seen.setdefault(one, []).append((number, place))
        flags: list[int | list[int]] = [0] * len(new)
        told: list[int] = []
        for (holder, originator, item), places in seen.items():
            sibling = None
            if new[places[0][0]].keys[places[0][1]] >> 32 in here:
                whose = (item, numbers[holder], numbers[originator])
                sibling = ask(self.connection, _SIBLING, (*item_span(self.secret, item), *whose))
            if sibling is not None and not sibling[1]:  # it was alone until now
                told.append(sibling[0])
            if sibling is None and len(places) == 1:
                continue
            for number, place in places:
                of_batch = flags[number]
                if not isinstance(of_batch, list):
                    flags[number] = of_batch = [0] * len(new[number].keys)
                of_batch[place] = 1
        if told:
            condition = among(self.connection, items.c.seq, told)
            self.connection.execute(update(items).where(condition).values(repeated=True))
        return flags

    def _dates(self, new: list[_New], numbers: dict[str, int]) -> list[int]:
        """When the first of each batch is added; the others follow a microsecond apart.

        Not before its receipt, and later than all that its holder has.
        """
        lasts: dict[str, int] = {}
        dates: list[int] = []
        for each in new:
            holder = each.batch.holder
            if holder not in lasts:
                row = ask(self.connection, _DATE, (_last(numbers[holder]),))
                lasts[holder] = row[0] if row else 0
            date = max(lasts[holder] + 1, to_microseconds(each.batch.received_at))
            lasts[holder] = date + len(each.keys) - 1
            dates.append(date)
        for whose, last in lasts.items():
            change(self.connection, _SET_DATE, (_last(numbers[whose]), last))
        return dates

    def _count(self, new: list[_New], numbers: dict[str, int]) -> None:
        added: Counter[tuple[int, int, int]] = Counter()
        for each in new:
            batch = each.batch
            added[numbers[batch.agreement], numbers[batch.holder], batch.class_id] += len(each.keys)
        for (agreement, holder, class_id), number in sorted(added.items()):
            change(self.connection, _COUNT, (holder, class_id, agreement, number))


def _last(holder: int) -> str:
    """The counter that holds the last date of a holder."""
    return f"added:{holder}"


def _picked(batch: ItemBatch, chosen: Sequence[int]) -> ItemBatch:
    """Some items of a batch."""
    lists = ("ids", "modified", "types", "kinds", "digests", "raws", "proofs")
    some = {name: [getattr(batch, name)[place] for place in chosen] for name in lists}
    given = {each.name: getattr(batch, each.name) for each in fields(ItemBatch)}
    return ItemBatch(**given | some)


def _named(batch: ItemBatch) -> Iterable[str]:
    whose = (batch.holder, batch.originator, batch.agreement, batch.via)
    return chain(whose, (batch.statement, batch.share), set(batch.types), set(batch.kinds))


def _chunks(given: Iterable[ItemBatch]) -> Iterator[list[ItemBatch]]:
    chunk: list[ItemBatch] = []
    size = 0
    for batch in given:
        chunk.append(batch)
        size += len(batch.ids)
        if size >= BATCH:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
