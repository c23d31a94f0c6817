"""The bytes of a page of items, joined here out of what PostgreSQL gives.

As `joined`, whose words these are. The way is chosen by the visible share and not left to the
planner, which knows nothing of a table that was just filled: to scan, the conditions on holder
and class are written so that no index serves them; to gather, each class is asked by itself.

Both go by stretches. The first is as long as the visible share says that a page needs, each
further one twice as long, and one that holds far more than its share is cut before anything
is sorted: a stretch bounds what a statement can look at.

First the items of a page are picked, with their sizes; then the bytes of all of them are
fetched at once. Bytes that came in together have numbers that follow each other: they are asked
for as one span, which costs a third of looking up each. They come as rows, since a server
copies one long value several times before it sends it.

Rules. The page is the one that `joined.by_rows` gives, whichever way. What is beyond the bytes
of a page is left out before it is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from psycopg.types.numeric import Int8
from sqlalchemy import Connection

from allied.adapters.sql.joined import SCAN_FROM, Asked
from allied.adapters.sql.postgres import refused
from allied.adapters.sql.shares import Shares
from allied.node.rows import Joined

_WINDOW_AT_LEAST: Final = 1_000
_LEAST_PART: Final = 0.000_1
_OVERFULL: Final = 4

_VISIBLE: Final = (
    'SELECT sum("count")::bigint FROM class_counts WHERE holder = %s AND class_id = ANY(%s)'
)
_STRETCH: Final = "i.seq > %(low)s AND i.seq <= %(high)s"
_SCANNED: Final = (
    "items i WHERE i.holder + 0 = %(holder)s AND i.class_id + 0 = ANY(%(classes)s) AND {where}"
)
_GATHERED: Final = (
    "unnest(%(classes)s::bigint[]) c(id) CROSS JOIN LATERAL (SELECT i.* FROM items i"
    " WHERE i.holder = %(holder)s AND i.class_id = c.id AND {where}"
    " ORDER BY i.seq LIMIT %(most)s) i"
)
_TYPES: Final = " AND i.type = ANY(%(types)s)"
_BUT: Final = " AND NOT i.seq = ANY(%(skip)s)"
_HOW_MANY: Final = "SELECT count(*) FROM (SELECT 1 FROM {items} LIMIT %(most)s) p"
_PICKED: Final = (
    "SELECT array_agg(seq), array_agg(added), array_agg(body), array_agg(size),"
    " array_agg(seq) FILTER (WHERE repeated) FROM"
    " (SELECT i.seq, i.added, i.repeated, i.body, i.size FROM {items}"
    " ORDER BY i.seq LIMIT %(limit)s) p"
)
_FETCHED: Final = (
    # OFFSET keeps the planner from joining the two in another way.
    "SELECT b.id, b.raw FROM unnest(%s::bigint[], %s::bigint[]) s(low, high) CROSS JOIN LATERAL"
    " (SELECT id, raw FROM bodies WHERE id >= s.low AND id <= s.high OFFSET 0) b"
)


def page(
    connection: Connection,
    asked: Asked,
    shares: Shares | None = None,
    changes: int = 0,
    *,
    scans: bool | None = None,
) -> Joined:
    """The page that is asked for; see `joined.by_rows`.

    Args:
        shares: what was counted in earlier units.
        changes: the state of the store in this unit.
        scans: the way, to hold one against the other; None for the cheaper one.
    """
    try:
        return _Joining(connection, asked, shares or Shares(), changes, scans).page()
    except psycopg.Error as error:
        raise refused(error) or error from error


@dataclass(slots=True)
class _Picks:
    """Items picked so far, by number: a value of each in every list."""

    seqs: list[int] = field(default_factory=list)
    dates: list[int] = field(default_factory=list)
    bodies: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)

    def fitting(self, limit: int, most_bytes: int) -> int:
        """How many of them are a page: at least one, if there is any."""
        total = 0
        for place, size in enumerate(self.sizes[:limit]):
            if place and total + size >= most_bytes:
                return place
            total += size + 1
        return min(limit, len(self.sizes))


class _Joining:
    """One page being made."""

    def __init__(
        self,
        connection: Connection,
        asked: Asked,
        shares: Shares,
        changes: int,
        scans: bool | None,
    ) -> None:
        driver: psycopg.Connection[Any] = connection.connection.dbapi_connection  # type: ignore[assignment]
        self._cursor = driver.cursor(binary=True)
        self._asked = asked
        self._part = self._visible_part(shares, changes)
        self._scans = self._part >= SCAN_FROM if scans is None else scans
        where = _STRETCH
        where += _TYPES if asked.types is not None else ""
        where += _BUT if asked.skip else ""
        items = (_SCANNED if self._scans else _GATHERED).format(where=where)
        self._picked = _PICKED.format(items=items)
        self._how_many = _HOW_MANY.format(items=items)
        # Each number in the same width, so that a statement is prepared once.
        self._values: dict[str, Any] = {
            "holder": Int8(asked.holder),
            "classes": list(asked.classes),
            "types": list(asked.types or ()),
            "skip": list(asked.skip),
        }

    def page(self) -> Joined:
        """Stretch after stretch, until the page is full; then its bytes."""
        asked = self._asked
        picks = _Picks()
        low, need = asked.low, asked.limit + 1
        width = max(_WINDOW_AT_LEAST, int(1.25 * asked.limit / max(self._part, _LEAST_PART)))
        while low < asked.high and len(picks.seqs) < need:
            high = min(low + width, asked.high)
            if width > _WINDOW_AT_LEAST and self._is_overfull(low, high):
                width = max(width // 4, _WINDOW_AT_LEAST)
                continue
            self._pick(picks, low, high, need - len(picks.seqs))
            low, width = high, width * 2
        count = picks.fitting(asked.limit, asked.most_bytes)
        return self._ended(picks, count, self._fetched(picks.bodies[:count]))

    def _visible_part(self, shares: Shares, changes: int) -> float:
        """How much of all numbers the wanted classes cover."""
        asked = self._asked
        key = (asked.holder, ",".join(map(str, asked.classes)))
        count = shares.known(key, changes)
        if count is None:
            row = self._cursor.execute(_VISIBLE, (asked.holder, list(asked.classes))).fetchone()
            count = int(row[0] or 0) if row else 0
            shares.keep(key, changes, count)
        return count / asked.high

    def _is_overfull(self, low: int, high: int) -> bool:
        """Whether far more would be sorted than is needed; no class gives more than that."""
        if self._scans or len(self._asked.classes) <= _OVERFULL:
            return False
        most = _OVERFULL * (self._asked.limit + 1)
        row = self._cursor.execute(self._how_many, self._within(low, high, most)).fetchone()
        return bool(row and row[0] == most)

    def _pick(self, picks: _Picks, low: int, high: int, most: int) -> None:
        """Take what a stretch has, at most so many."""
        row = self._cursor.execute(self._picked, self._within(low, high, most)).fetchone()
        if row is None:
            raise AssertionError("an aggregate gives one row")
        seqs, dates, bodies, sizes, repeated = row
        picks.seqs += seqs or ()
        picks.dates += dates or ()
        picks.bodies += bodies or ()
        picks.sizes += sizes or ()
        picks.repeated += repeated or ()

    def _within(self, low: int, high: int, most: int) -> dict[str, Any]:
        limits = {"low": Int8(low), "high": Int8(high), "most": Int8(most), "limit": Int8(most)}
        return self._values | limits

    def _fetched(self, bodies: Sequence[int]) -> list[bytes]:
        """The bytes with these numbers, in this order; what a damaged store lacks is left out."""
        if not bodies:
            return []
        raws = dict(self._cursor.execute(_FETCHED, _spans(bodies)).fetchall())
        return [raws[body] for body in bodies if body in raws]

    def _ended(self, picks: _Picks, count: int, raws: Sequence[bytes]) -> Joined:
        asked = self._asked
        if not count:
            return Joined(last=asked.high, more=asked.bounded)
        more = count < len(picks.seqs)
        last = picks.seqs[count - 1]
        return Joined(
            body=b",".join(raws),
            count=len(raws),
            first_added=picks.dates[0],
            last_added=picks.dates[count - 1],
            last=last if more or not asked.bounded else asked.high,
            repeated=tuple(seq for seq in picks.repeated if seq <= last),
            more=more or asked.bounded,
        )


def _spans(numbers: Sequence[int]) -> tuple[list[int], list[int]]:
    """Where numbers that follow each other begin, and where they end; each of them once."""
    lows: list[int] = []
    highs: list[int] = []
    before = -2
    for number in sorted(set(numbers)):
        if number != before + 1:
            lows.append(number)
            highs.append(before)
        before = number
    return lows, [*highs[1:], before]
