"""Whether what a database gives back is what was put in: every digest computed again.

Pages of the file (SQLite's own check), the bytes of items and of blobs. What records and
chains add up to is for the node (`allied.node.integrity`).

Rules. One snapshot, one pass over each table, memory of a few thousand rows. Nothing is
changed, and nothing of the contents is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection, Select, select

from allied.adapters.sql import schema
from allied.node.account import Fault

_AT_ONCE: Final = 2_000


def faults(connection: Connection) -> list[Fault]:
    """What does not hold, inside a unit; empty for a sound database."""
    found = [
        Fault("store.pages", _bad_pages(connection)),
        Fault("store.item-bytes", _bad_items(connection)),
        Fault("store.blob-bytes", _bad_blobs(connection)),
    ]
    return [each for each in found if each.count]


def _bad_pages(connection: Connection) -> int:
    if connection.dialect.name != "sqlite":
        return 0
    said = connection.exec_driver_sql("PRAGMA quick_check(100)").scalars().all()
    return 0 if list(said) == ["ok"] else len(said)


def _bad_items(connection: Connection) -> int:
    items, bodies = schema.items, schema.bodies
    query = select(items.c.digest, bodies.c.raw).select_from(
        items.outerjoin(bodies, bodies.c.id == items.c.body)
    )
    return sum(
        raw is None or sha256(raw).digest() != bytes(digest)
        for digest, raw in _rows(connection, query)
    )


def _bad_blobs(connection: Connection) -> int:
    blobs = schema.blobs
    return sum(
        sha256(raw).hexdigest() != digest
        for digest, raw in _rows(connection, select(blobs.c.digest, blobs.c.raw))
    )


def _rows(connection: Connection, query: Select[Any]) -> Iterator[Any]:
    """The rows of a query, a few at a time."""
    streaming = connection.execution_options(stream_results=True, max_row_buffer=_AT_ONCE)
    with streaming.execute(query) as result:
        for rows in result.partitions(_AT_ONCE):
            yield from rows
