"""Room on the side for reading a bundle: memory first, then temporary files.

Implements `allied.exchange.scratch.Scratch` with memory that does not grow with the bundle:
what no longer fits goes to a SQLite file with a small page cache, no journal and no sync, gone
when it is closed; what is appended goes to a file without a name. A small bundle never touches
the disk. Losing the files loses nothing, because the bundle can be read again.
"""

from __future__ import annotations

import sqlite3
import struct
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Final

from allied.errors import ExhaustedError

_CACHE_KIB: Final = 16 * 1024
_FETCH: Final = 256
_LATEST_BYTES: Final = 64 * 2**20
_OVERHEAD: Final = 170
_LENGTH: Final = struct.Struct(">Q")
_AT_ONCE: Final = 2**20
_SEEN_BITS: Final = 1 << 25


class FileScratch:
    """Tables of bytes by bytes, the latest in memory, the others in one temporary file; a list."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        """Use a file under `folder` once there is need for one; `stack` removes it."""
        self._folder = folder
        self._stack = stack
        self._connection: sqlite3.Connection | None = None
        self._latest: dict[str, dict[bytes, bytes]] = {}
        self._seen = bytearray()
        self._room = _LATEST_BYTES
        self._appended: IO[bytes] | None = None

    def put(self, table: str, key: bytes, value: bytes) -> None:
        """Keep `value`, in the place of what was there."""
        latest = self._latest.get(table)
        if latest is None:
            latest = self._latest[table] = {}
        latest[key] = value
        self._room -= len(key) + len(value) + _OVERHEAD
        if self._room < 0:
            self._write()

    def get(self, table: str, key: bytes) -> bytes | None:
        """What was put, if anything was."""
        latest = self._latest.get(table)
        found = latest.get(key) if latest else None
        if found is None and self._connection is not None and self._may_be_written(table, key):
            try:
                row = self._connection.execute(
                    "SELECT content FROM kept WHERE place = ? AND name = ?", (table, key)
                ).fetchone()
            except sqlite3.OperationalError as error:
                raise _no_room() from error
            found = row[0] if row else None
        return found

    def _may_be_written(self, table: str, key: bytes) -> bool:
        """Whether the file has to be asked: most of what is asked for was never put."""
        place, bit = divmod(hash((table, key)) % _SEEN_BITS, 8)
        return bool(self._seen[place] & 1 << bit)

    def items(self, table: str) -> Iterator[tuple[bytes, bytes]]:
        """Everything in a table, by key, a few rows in memory at a time."""
        if self._connection is None:
            yield from sorted(self._latest.get(table, {}).items())
            return
        self._write()
        try:
            rows = self._connection.execute(
                "SELECT name, content FROM kept WHERE place = ? ORDER BY name", (table,)
            )
            while some := rows.fetchmany(_FETCH):
                yield from some
        except sqlite3.OperationalError as error:
            raise _no_room() from error

    def append(self, value: bytes) -> None:
        """Keep `value` behind all that was appended before."""
        try:
            if self._appended is None:
                # Without a buffer: what does not fit is told here, not when the file is closed.
                file = tempfile.TemporaryFile(buffering=0, dir=self._folder)  # noqa: SIM115
                self._appended = self._stack.enter_context(file)
            left = memoryview(_LENGTH.pack(len(value)) + value)
            while left:
                left = left[self._appended.write(left) :]
        except OSError as error:
            raise _no_room() from error

    def appended(self) -> Iterator[bytes]:
        """All that was appended, one in memory at a time."""
        if self._appended is None:
            return
        try:
            self._appended.seek(0)
            with open(self._appended.fileno(), "rb", _AT_ONCE, closefd=False) as file:
                while length := file.read(_LENGTH.size):
                    yield file.read(_LENGTH.unpack(length)[0])
        except OSError as error:
            raise _no_room() from error

    def _write(self) -> None:
        """Move the latest from memory into the file."""
        rows = (
            (table, key, value)
            for table, latest in self._latest.items()
            for key, value in sorted(latest.items())
        )
        try:
            connection = self._connection or self._open()
            connection.execute("BEGIN")
            connection.executemany(
                "INSERT INTO kept VALUES (?, ?, ?)"
                " ON CONFLICT (place, name) DO UPDATE SET content = excluded.content",
                rows,
            )
            connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise _no_room() from error
        for table, latest in self._latest.items():
            for key in latest:
                place, bit = divmod(hash((table, key)) % _SEEN_BITS, 8)
                self._seen[place] |= 1 << bit
        self._latest.clear()
        self._room = _LATEST_BYTES

    def _open(self) -> sqlite3.Connection:
        place = self._stack.enter_context(
            tempfile.TemporaryDirectory(prefix="intake-", dir=self._folder)
        )
        connection = sqlite3.connect(Path(place) / "scratch.db", isolation_level=None)
        self._stack.callback(connection.close)
        connection.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE;"
            f"PRAGMA cache_size=-{_CACHE_KIB};"
            "CREATE TABLE kept (place TEXT, name BLOB, content BLOB, PRIMARY KEY (place, name))"
            " WITHOUT ROWID;"
        )
        self._connection = connection
        self._seen = bytearray(_SEEN_BITS // 8)
        return connection


@contextmanager
def file_scratch(folder: Path) -> Iterator[FileScratch]:
    """A scratch whose file, if it needs one, lies under `folder` and is removed at the end.

    Raises:
        ExhaustedError: `disk.full`, there is no room for it.
    """
    with ExitStack() as stack:
        yield FileScratch(folder, stack)


def _no_room() -> ExhaustedError:
    return ExhaustedError(
        "disk.full",
        "there is no room for reading the bundle",
        hint="free some space in the data folder",
    )
