"""The bytes of a page of items, joined inside PostgreSQL.

As `joined`, whose words these are. The way is chosen by the visible share and not left to the
planner, which knows nothing of a table that was just filled: to scan, the conditions on holder
and class are written so that no index serves them; to gather, each class is asked by itself.

Both go by stretches. The first is as long as the visible share says that a page needs, each
further one twice as long, and one that holds far more than its share is cut before anything
is sorted: a stretch bounds what a statement can look at.

Rules. The page is the one that `joined.by_rows` gives, whichever way. What is beyond the bytes
of a page is left out before it is read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import psycopg
from sqlalchemy import Connection

from allied.adapters.sql.joined import SCAN_FROM, Asked
from allied.adapters.sql.postgres import refused
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
_JOINED: Final = (
    # Picked, put in order and measured before the bytes come in: what is sorted is small.
    "WITH p AS MATERIALIZED (SELECT seq, added, repeated, body,"
    ' row_number() OVER by_number AS "row", sum((size + 1)::int) OVER by_number AS run FROM'
    " (SELECT i.seq, i.added, i.repeated, i.body, i.size FROM {items}"
    " ORDER BY i.seq LIMIT %(limit)s + 1) i"
    " WINDOW by_number AS (ORDER BY seq))"
    " SELECT count(*), string_agg(b.raw, '\\x2c'::bytea ORDER BY p.seq),"
    " min(p.added), max(p.added), max(p.seq),"
    " array_agg(p.seq ORDER BY p.seq) FILTER (WHERE p.repeated),"
    " (SELECT count(*) FROM p)"
    " FROM p JOIN bodies b ON b.id = p.body"
    ' WHERE p."row" <= %(limit)s'
    ' AND (p.run - 1 < %(room)s OR (%(first)s AND p."row" = 1))'
)


def page(connection: Connection, asked: Asked, *, scans: bool | None = None) -> Joined:
    """The page that is asked for; see `joined.by_rows`.

    Args:
        scans: the way, to hold one against the other; None for the cheaper one.
    """
    try:
        return _Joining(connection, asked, scans).page()
    except psycopg.Error as error:
        raise refused(error) or error from error


@dataclass(slots=True)
class _Page:
    """What of a page is there already."""

    parts: list[bytes]
    repeated: list[int]
    count: int = 0
    used: int = 0
    first: int = 0
    dated: int = 0
    last: int = 0


class _Joining:
    """One page being made."""

    def __init__(self, connection: Connection, asked: Asked, scans: bool | None) -> None:
        driver: psycopg.Connection[Any] = connection.connection.dbapi_connection  # type: ignore[assignment]
        self._cursor = driver.cursor(binary=True)
        self._asked = asked
        self._part = self._visible_part()
        self._scans = self._part >= SCAN_FROM if scans is None else scans
        where = _STRETCH
        where += _TYPES if asked.types is not None else ""
        where += _BUT if asked.skip else ""
        items = (_SCANNED if self._scans else _GATHERED).format(where=where)
        self._joined = _JOINED.format(items=items)
        self._how_many = _HOW_MANY.format(items=items)
        self._values: dict[str, Any] = {
            "holder": asked.holder,
            "classes": list(asked.classes),
            "types": list(asked.types or ()),
            "skip": list(asked.skip),
        }

    def page(self) -> Joined:
        """Stretch after stretch, until the page is full."""
        asked = self._asked
        found = _Page([], [])
        low, more = asked.low, False
        width = max(_WINDOW_AT_LEAST, int(1.25 * asked.limit / max(self._part, _LEAST_PART)))
        while self._part and low < asked.high and not more:
            high = min(low + width, asked.high)
            if not self._scans and width > _WINDOW_AT_LEAST and self._is_overfull(low, high):
                width = max(width // 4, _WINDOW_AT_LEAST)
                continue
            more = self._add(found, low, high)
            low, width = high, width * 2
        return self._ended(found, more=more)

    def _visible_part(self) -> float:
        """How much of all numbers the wanted classes cover."""
        asked = self._asked
        row = self._cursor.execute(_VISIBLE, (asked.holder, list(asked.classes))).fetchone()
        return (row[0] or 0) / asked.high if row else 0.0

    def _is_overfull(self, low: int, high: int) -> bool:
        most = _OVERFULL * (self._asked.limit + 1)
        values = self._values | {"low": low, "high": high, "most": most}
        row = self._cursor.execute(self._how_many, values).fetchone()
        return bool(row and row[0] == most)

    def _add(self, found: _Page, low: int, high: int) -> bool:
        """Take what a stretch has for the page; whether it has more than that."""
        values = self._values | {
            "low": low,
            "high": high,
            "limit": self._asked.limit - found.count,
            "most": self._asked.limit - found.count + 1,
            "room": self._asked.most_bytes - found.used,
            "first": not found.count,
        }
        row = self._cursor.execute(self._joined, values).fetchone()
        if row is None:
            raise AssertionError("an aggregate gives one row")
        count, body, first, dated, last, repeated, held = row
        if count:
            found.parts.append(body)
            found.repeated += repeated or ()
            found.first = found.first if found.count else first
            found.used += len(body) + 1
            found.count += count
            found.dated, found.last = dated, last
        return bool(held > count)

    def _ended(self, found: _Page, *, more: bool) -> Joined:
        asked = self._asked
        if not found.count:
            return Joined(last=asked.high, more=asked.bounded)
        page = Joined(
            body=found.parts[0] if len(found.parts) == 1 else b",".join(found.parts),
            count=found.count,
            first_added=found.first,
            last_added=found.dated,
            last=found.last,
            repeated=tuple(found.repeated),
            more=more or asked.bounded,
        )
        return page if more or not asked.bounded else replace(page, last=asked.high)
