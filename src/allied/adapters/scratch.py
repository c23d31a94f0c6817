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
_LATEST_BYTES: Final = 16 * 2**20
_OVERHEAD: Final = 200


class FileScratch:
    """Tables of bytes by bytes in one temporary file, the latest of them still in memory."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Use an empty database; nothing else uses it."""
        self._connection = connection
        self._latest: dict[tuple[str, bytes], bytes] = {}
        self._size = 0
        connection.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE;"
            f"PRAGMA cache_size=-{_CACHE_KIB};"
            "CREATE TABLE kept (place TEXT, name BLOB, content BLOB, PRIMARY KEY (place, name))"
            " WITHOUT ROWID;"
        )

    def put(self, table: str, key: bytes, value: bytes) -> None:
        """Keep `value`, in the place of what was there."""
        self._latest[table, key] = value
        self._size += len(key) + len(value) + _OVERHEAD
        if self._size > _LATEST_BYTES:
            self._write()

    def get(self, table: str, key: bytes) -> bytes | None:
        """What was put, if anything was."""
        found = self._latest.get((table, key))
        if found is None and self._written:
            try:
                row = self._connection.execute(
                    "SELECT content FROM kept WHERE place = ? AND name = ?", (table, key)
                ).fetchone()
            except sqlite3.OperationalError as error:
                raise _no_room() from error
            found = row[0] if row else None
        return found

    def items(self, table: str) -> Iterator[tuple[bytes, bytes]]:
        """Everything in a table, by key, a few rows in memory at a time."""
        self._write()
        try:
            rows = self._connection.execute(
                "SELECT name, content FROM kept WHERE place = ? ORDER BY name", (table,)
            )
            while some := rows.fetchmany(_FETCH):
                yield from some
        except sqlite3.OperationalError as error:
            raise _no_room() from error

    _written = False

    def _write(self) -> None:
        """Move the latest from memory into the file."""
        if not self._latest:
            return
        try:
            self._connection.execute("BEGIN")
            self._connection.executemany(
                "INSERT INTO kept VALUES (?, ?, ?)"
                " ON CONFLICT (place, name) DO UPDATE SET content = excluded.content",
                [(table, key, value) for (table, key), value in self._latest.items()],
            )
            self._connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise _no_room() from error
        self._written = True
        self._latest.clear()
        self._size = 0


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


def _no_room() -> ExhaustedError:
    return ExhaustedError(
        "disk.full",
        "there is no room for reading the bundle",
        hint="free some space in the data folder",
    )
