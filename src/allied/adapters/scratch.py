"""Room on the side for reading a bundle: a temporary SQLite file, gone when it is closed.

Implements `allied.exchange.scratch.Scratch` with memory that does not grow with the bundle:
a small page cache, no journal, no sync. Losing it loses nothing, because the bundle can be
read again.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from allied.errors import ExhaustedError

_CACHE_KIB: Final = 16 * 1024
_FETCH: Final = 256


class FileScratch:
    """Tables of bytes by bytes in one temporary file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE;"
            f"PRAGMA cache_size=-{_CACHE_KIB};"
            "CREATE TABLE kept (place TEXT, name BLOB, content BLOB, PRIMARY KEY (place, name))"
            " WITHOUT ROWID;"
        )

    def put(self, table: str, key: bytes, value: bytes) -> None:
        """Keep `value`, in the place of what was there."""
        with _naming():
            self._connection.execute(
                "INSERT INTO kept VALUES (?, ?, ?)"
                " ON CONFLICT (place, name) DO UPDATE SET content = excluded.content",
                (table, key, value),
            )

    def get(self, table: str, key: bytes) -> bytes | None:
        """What was put, if anything was."""
        with _naming():
            row = self._connection.execute(
                "SELECT content FROM kept WHERE place = ? AND name = ?", (table, key)
            ).fetchone()
        return row[0] if row else None

    def items(self, table: str) -> Iterator[tuple[bytes, bytes]]:
        """Everything in a table, by key, a few rows in memory at a time."""
        with _naming():
            rows = self._connection.execute(
                "SELECT name, content FROM kept WHERE place = ? ORDER BY name", (table,)
            )
        while True:
            with _naming():
                some = rows.fetchmany(_FETCH)
            if not some:
                return
            yield from some


@contextmanager
def file_scratch(folder: Path) -> Iterator[FileScratch]:
    """A scratch in a temporary file under `folder`, removed at the end.

    Raises:
        ExhaustedError: `disk.full`, there is no room for it.
    """
    with tempfile.TemporaryDirectory(prefix="intake-", dir=folder) as place:
        connection = sqlite3.connect(Path(place) / "scratch.db", isolation_level=None)
        try:
            yield FileScratch(connection)
        finally:
            connection.close()


@contextmanager
def _naming() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise ExhaustedError(
            "disk.full",
            "there is no room for reading the bundle",
            hint="free some space in the data folder",
        ) from error
