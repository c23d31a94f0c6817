"""The bytes of a page of items, joined inside the database.

What tools poll most is a page of stored bytes. Here it is made without an object of the
language per row: one statement picks the items, joins their bytes with commas and says of
them what a reader has to know. `pages` gives rows; this gives bytes.

Words used here:
    visible    an item of the holder whose handling class is among those asked for; a class
               belongs to one agreement, so classes say under which agreements
    stretch    a part of the holder's stream that one statement looks at, by numbers
    scan       walk a stretch by number, the class tested row by row
    gather     collect the numbers of visible items from the index on classes, a window at a
               time, then fetch those; for who sees little, or where a stretch held little

Rules. Every way gives the same page. A page is bounded in items, in bytes (the database
itself refuses to join more) and, where types are asked for, in what is looked at for it; an
item that alone is larger than the bound is a page of its own.

Source: measured shapes, see `bench/measures/exchange.py`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection, select

from allied.adapters.sql.dialect import ask, refusal
from allied.adapters.sql.names import Names
from allied.adapters.sql.schema import bodies, items
from allied.adapters.sql.shares import Shares
from allied.node.rows import Joined
from allied.record.ids import OrganisationId

MOST_BYTES: Final = 24 * 2**20
LOOKED_AT: Final = 200_000
"""Numbers that are looked at for one page where types are asked for."""

SCAN_FROM: Final = 0.10
_STRETCH: Final = 16
_OVERFULL: Final = 4
_WINDOW_AT_LEAST: Final = 1_000
_LEAST_PART: Final = 0.000_1
_ROOM: Final = 2**20

_NEWEST: Final = "SELECT seq, class_id FROM items WHERE holder = ? ORDER BY added DESC LIMIT 1"
_DATED: Final = "SELECT seq FROM items WHERE holder = ? AND added <= ? ORDER BY added DESC LIMIT 1"
_VISIBLE: Final = (
    'SELECT sum("count") FROM class_counts'
    " WHERE holder = ? AND class_id IN (SELECT value FROM json_each(?))"
)
_JOINED: Final = (
    "SELECT count(*), CAST(group_concat(b.raw) AS BLOB), min(p.added), max(p.added), max(p.seq),"
    " group_concat(CASE WHEN p.repeated THEN p.seq END) FROM"
    # Picked and put in order before the bytes come in: what is sorted is small.
    " (SELECT i.seq, i.added, i.repeated, i.body FROM items i {way} WHERE {where}"
    " ORDER BY i.seq LIMIT ?) p CROSS JOIN bodies b ON b.id = p.body"
)
_OF_STRETCH: Final = (
    "i.holder = ? AND i.seq > ? AND i.seq <= ? AND i.class_id IN (SELECT value FROM json_each(?))"
)
_OF_TYPES: Final = " AND i.type IN (SELECT value FROM json_each(?))"
_BUT: Final = " AND i.seq NOT IN (SELECT value FROM json_each(?))"
_OF_NUMBERS: Final = "i.seq IN (SELECT value FROM json_each(?))"
_BY_NUMBER: Final = "NOT INDEXED"
_BY_CLASS: Final = "INDEXED BY ix_items_by_class"
_NUMBERS: Final = "SELECT i.seq FROM items i {way} WHERE {where} ORDER BY i.seq LIMIT ?"
_HOW_MANY: Final = "SELECT count(*) FROM (SELECT 1 FROM items i {way} WHERE {where} LIMIT ?)"
_SIZES: Final = "SELECT i.seq, i.size FROM items i NOT INDEXED WHERE {where} ORDER BY i.seq LIMIT ?"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A page as it is asked for; see `allied.node.ports.Reading.joined_items`."""

    holder: OrganisationId
    classes: tuple[int, ...]
    limit: int
    after: int = 0
    added_after: int | None = None
    types: tuple[str, ...] | None = None
    until: int | None = None
    skip: tuple[int, ...] = ()
    most_bytes: int = MOST_BYTES


def joined(connection: Connection, names: Names, wanted: Wanted, changes: int) -> Joined:
    """The page that is `wanted`.

    Args:
        changes: the state of the store in this unit.

    Raises:
        ExhaustedError: as for any reading.

    Cost: about the size of the page, whatever is stored.
    """
    asked = _asked(connection, names, wanted)
    if asked is None:
        return Joined(last=wanted.after)
    if connection.dialect.name == "postgresql":
        from allied.adapters.sql import joined_postgres

        return joined_postgres.page(connection, asked, names.shares, changes)
    try:
        return _Joining(connection, asked, names.shares, changes).page()
    except sqlite3.Error as error:
        raise refusal(error.sqlite_errorcode) or error from error


@dataclass(frozen=True, slots=True)
class Asked:
    """A question in the numbers of the store.

    Attributes:
        low, high: the numbers it is about: above the first, up to the second.
        bounded: `high` was set here and is not the end of what fits.
        ends: the item with the number `high` is there, and fits.
    """

    holder: int
    classes: tuple[int, ...]
    types: tuple[int, ...] | None
    low: int
    high: int
    limit: int
    skip: tuple[int, ...]
    most_bytes: int
    bounded: bool = False
    ends: bool = False


def _asked(connection: Connection, names: Names, wanted: Wanted) -> Asked | None:
    """The question in numbers; None when nothing can fit it."""
    if wanted.limit <= 0 or not wanted.classes or wanted.types == ():
        return None
    numbers = names.numbers((wanted.holder, *(wanted.types or ())))
    holder = numbers.get(wanted.holder)
    if holder is None:
        return None
    newest = ask(connection, _NEWEST, (holder,))
    low, high = wanted.after, newest[0] if newest else 0
    if wanted.until is not None:
        high = min(high, wanted.until)
    if wanted.added_after is not None and low < high:
        dated = ask(connection, _DATED, (holder, wanted.added_after))
        low = max(low, dated[0] if dated else 0)
    types = None
    if wanted.types is not None:
        types = tuple(sorted({numbers[name] for name in wanted.types if name in numbers}))
    if low >= high or types == ():
        return None
    bounded = types is not None and high - low > LOOKED_AT
    ends = newest is not None and newest[0] == high and newest[1] in wanted.classes
    return Asked(
        holder=holder,
        classes=tuple(sorted(set(wanted.classes))),
        types=types,
        low=low,
        high=low + LOOKED_AT if bounded else high,
        limit=wanted.limit,
        skip=wanted.skip,
        most_bytes=wanted.most_bytes,
        bounded=bounded,
        ends=ends and types is None and high not in wanted.skip,
    )


@lru_cache(maxsize=256)  # the pages of one reader ask for the same
def _listed(classes: tuple[int, ...]) -> str:
    return json.dumps(classes)


class _TooMuchError(Exception):
    """Inside this module: the page would have more bytes than it may."""


@dataclass(slots=True)
class _Joining:
    """One page being made on SQLite."""

    connection: Connection
    asked: Asked
    shares: Shares = field(default_factory=Shares)
    changes: int = 0
    _driver: Any = field(init=False)
    _classes: str = field(init=False)
    _part: float = field(init=False)

    def __post_init__(self) -> None:
        self._driver = self.connection.connection.dbapi_connection
        self._classes = _listed(self.asked.classes)
        key = (self.asked.holder, self._classes)
        count = self.shares.known(key, self.changes)
        if count is None:
            row = self._driver.execute(_VISIBLE, key).fetchone()
            count = row[0] or 0
            self.shares.keep(key, self.changes, count)
        self._part = count / self.asked.high

    def page(self) -> Joined:
        """The page, by the way that is the cheaper one."""
        return self.scan() if self._part >= SCAN_FROM else self.gather()

    def scan(self) -> Joined:
        """Walk a stretch; what it held too little of is gathered."""
        asked = self.asked
        high = min(asked.high, asked.low + _STRETCH * asked.limit)
        where, values = self._where(asked, high)
        try:
            found = self._joined(_BY_NUMBER, where, values, asked.limit)
        except _TooMuchError:
            return self._fitting(replace(asked, high=high))
        if found.count == asked.limit:
            return self._ended(found, follows=self._follows(found.last))
        if high == asked.high:
            return self._ended(found, follows=False)
        return self.gather()

    def gather(self) -> Joined:
        """Pick the numbers from the index on classes, then fetch those items."""
        numbers = self._numbers(self.asked.limit + 1)
        chosen = numbers[: self.asked.limit]
        if not chosen:
            return self._ended(Joined(), follows=False)
        stretch = replace(self.asked, high=chosen[-1])
        where, values = self._where(stretch)
        try:
            found = self._joined(_BY_CLASS, where, values, len(chosen))
        except _TooMuchError:
            return self._fitting(stretch)
        return self._ended(found, follows=len(numbers) > len(chosen))

    def _joined(self, way: str, where: str, values: tuple[Any, ...], limit: int) -> Joined:
        """One statement: the bytes, and what is said of them."""
        statement = _JOINED.format(way=way, where=where)
        before = self._driver.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, self.asked.most_bytes)
        try:
            row = self._driver.execute(statement, (*values, limit)).fetchone()
        except sqlite3.Error as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_TOOBIG:
                raise _TooMuchError from None
            raise
        finally:
            self._driver.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, before)
        count, body, first, last, seq, repeated = row
        if not count:
            return Joined()
        numbers = tuple(map(int, repeated.split(","))) if repeated else ()
        return Joined(body, count, first, last, seq, repeated=numbers)

    def _fitting(self, stretch: Asked) -> Joined:
        """As many of a stretch as fit into the bytes, at least one."""
        where, values = self._where(stretch)
        rows = self._driver.execute(_SIZES.format(where=where), (*values, stretch.limit)).fetchall()
        chosen: list[int] = []
        total = 0
        for seq, size in rows:
            if chosen and total + size >= stretch.most_bytes:
                break
            total += size + 1
            chosen.append(seq)
        room = replace(self.asked, most_bytes=max(total, stretch.most_bytes) + _ROOM)
        joining = _Joining(self.connection, room)
        found = joining._joined("", _OF_NUMBERS, (json.dumps(chosen),), len(chosen))
        return self._ended(found, follows=self._follows(found.last))

    def _ended(self, found: Joined, *, follows: bool) -> Joined:
        """The page, where to go on, and whether there is more."""
        bounded = self.asked.bounded
        last = found.last if found.count and (follows or not bounded) else self.asked.high
        return Joined(
            found.body,
            found.count,
            found.first_added,
            found.last_added,
            last,
            more=follows or bounded,
            repeated=found.repeated,
        )

    def _follows(self, low: int) -> bool:
        """Whether anything visible stands above `low`."""
        if self.asked.ends:
            return low < self.asked.high
        return bool(self._how_many(replace(self.asked, low=low), 1))

    def _how_many(self, stretch: Asked, most: int) -> int:
        """How many visible items a stretch holds, counted up to `most`."""
        where, values = self._where(stretch)
        statement = _HOW_MANY.format(way=_BY_CLASS, where=where)
        (held,) = self._driver.execute(statement, (*values, most)).fetchone()
        return int(held)

    def _numbers(self, need: int) -> list[int]:
        """The numbers of the first visible items, at most `need`."""
        asked = self.asked
        found: list[int] = []
        low = asked.low
        width = max(_WINDOW_AT_LEAST, int(need / max(self._part, _LEAST_PART)))
        while low < asked.high and len(found) < need:
            window = replace(asked, low=low, high=min(low + width, asked.high))
            most = _OVERFULL * need
            held = self._how_many(window, most)
            if held == most and width > _WINDOW_AT_LEAST:
                width = max(width // 4, _WINDOW_AT_LEAST)
                continue
            if held:
                left = need - len(found)
                where, values = self._where(window)
                statement = _NUMBERS.format(way=_BY_CLASS, where=where)
                found += [row[0] for row in self._driver.execute(statement, (*values, left))]
            low, width = window.high, width * 2
        return found

    def _where(self, stretch: Asked, high: int | None = None) -> tuple[str, tuple[Any, ...]]:
        """Holder, stretch, class and what else is asked, as a condition with its values."""
        text = _OF_STRETCH
        end = stretch.high if high is None else high
        values: tuple[Any, ...] = (stretch.holder, stretch.low, end, self._classes)
        if stretch.types is not None:
            text += _OF_TYPES
            values += (json.dumps(stretch.types),)
        if stretch.skip:
            text += _BUT
            values += (json.dumps(stretch.skip),)
        return text, values


WAYS: Final[tuple[Callable[[_Joining], Joined], ...]] = (_Joining.scan, _Joining.gather)
"""The ways to a page, to be held against `by_rows`."""


def joined_by(way: Callable[[_Joining], Joined], connection: Connection, asked: Asked) -> Joined:
    """The page that one of the `WAYS` gives."""
    return way(_Joining(connection, asked))


def by_rows(connection: Connection, asked: Asked) -> Joined:
    """The same page by rows, which the fast ways of every database are held against."""
    query = (
        select(items.c.seq, items.c.added, items.c.repeated, items.c.size, bodies.c.raw)
        .join_from(items, bodies, bodies.c.id == items.c.body)
        .where(
            items.c.holder == asked.holder,
            items.c.seq > asked.low,
            items.c.seq <= asked.high,
            items.c.class_id.in_(asked.classes),
        )
    )
    if asked.types is not None:
        query = query.where(items.c.type.in_(asked.types))
    if asked.skip:
        query = query.where(items.c.seq.not_in(asked.skip))
    rows = connection.execute(query.order_by(items.c.seq).limit(asked.limit + 1)).all()
    chosen: list[Any] = []
    total = 0
    for row in rows[: asked.limit]:
        if chosen and total + row.size >= asked.most_bytes:
            break
        total += row.size + 1
        chosen.append(row)
    more = len(chosen) < len(rows)
    if not chosen:
        return Joined(last=asked.high, more=asked.bounded)
    return Joined(
        body=b",".join(row.raw for row in chosen),
        count=len(chosen),
        first_added=chosen[0].added,
        last_added=chosen[-1].added,
        last=chosen[-1].seq if more or not asked.bounded else asked.high,
        more=more or asked.bounded,
        repeated=tuple(row.seq for row in chosen if row.repeated),
    )
