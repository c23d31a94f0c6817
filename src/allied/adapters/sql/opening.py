"""Opening a database file: made if it is not there, migrated if it is old, refused if newer.

What a database says of itself, and what follows, is in `forms`.

Words used here:
    hold         a shared lock on `<file>.lock`, kept as long as a store is open; whoever
                 creates or migrates takes it alone, so nobody works on tables that change

Rules. A file is made in one transaction: a process killed on the way leaves an empty file,
which counts as none. Before a migration a verified copy is put into the backup folder; the
migration itself is one transaction.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from allied.adapters.sql import forms
from allied.adapters.sql.dialect import WRITES, refusal, sqlite_engine
from allied.adapters.sql.forms import SHAPE, Shape
from allied.adapters.sql.store import Fence, SqlStore
from allied.errors import AlliedError, ExhaustedError
from allied.node.ports import Chance, Clock

BUSY_SECONDS: Final = 15.0
_HOLD_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.02


def open_store(
    path: Path,
    *,
    clock: Clock,
    chance: Chance,
    backups: Path,
    fence: Fence | None = None,
    shape: Shape = SHAPE,
    busy_seconds: float = BUSY_SECONDS,
    hold_seconds: float = _HOLD_SECONDS,
) -> SqlStore:
    """Open the SQLite database at `path`, whose folder exists.

    Args:
        clock: names the copy that is made before a migration.
        chance: gives a new database its secret.
        backups: the folder for that copy; made when it is needed.
        fence: told about every own record that is numbered.
        busy_seconds: how long a unit waits for the write lock.
        hold_seconds: how long to wait for processes that use a database to be migrated.

    Raises:
        ExhaustedError: `store.newer`, `store.in-use`, `store.migration-failed`,
            `store.full`, `store.corrupt` and other faults of the file or the disk.
        ConflictError: `store.foreign`, the file is another program's database.
    """
    hold = _Hold(path.with_name(path.name + ".lock"), hold_seconds)
    engine = sqlite_engine(path, busy_seconds=busy_seconds)
    try:
        hold.share()
        if forms.is_lacking(_look(engine, path), shape):
            hold.alone()
            found = _look(engine, path)
            if found is None:
                _create(engine, path, shape, chance)
            elif forms.is_lacking(found, shape):
                _migrate(engine, path, found, shape, backups, clock)
            hold.share()
        with engine.connect() as connection:
            secret = forms.secret(connection)
    except BaseException:
        engine.dispose()
        hold.release()
        raise
    return SqlStore(engine, secret=secret, busy_seconds=busy_seconds, fence=fence, hold=hold)


@contextmanager
def held_alone(path: Path, *, hold_seconds: float = _HOLD_SECONDS) -> Iterator[None]:
    """Nobody else has the database file at `path` open while the block runs.

    Raises:
        ExhaustedError: `store.in-use`, `store.cannot-open`.
    """
    hold = _Hold(path.with_name(path.name + ".lock"), hold_seconds)
    try:
        hold.alone()
        yield
    finally:
        hold.release()


# --- what is there ------------------------------------------------------------------------


def _look(engine: Engine, path: Path) -> forms.Found | None:
    """What the file says of itself; None when there is no file or nothing in it."""
    try:
        if path.stat().st_size == 0:
            return None
    except FileNotFoundError:
        return None
    with engine.connect() as connection:
        tables = set(
            connection.execute(
                text("SELECT name FROM sqlite_master WHERE type = 'table'")
            ).scalars()
        )
        if not tables:
            return None
        if not forms.is_ours(tables):
            raise forms.foreign("name another data folder with --data")
        return forms.said(connection)


# --- making -------------------------------------------------------------------------------


def _create(engine: Engine, path: Path, shape: Shape, chance: Chance) -> None:
    """Make all tables in one transaction."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    with engine.connect() as connection:
        _outside(connection, "PRAGMA journal_mode=WAL")
    with _alone(engine) as connection:
        forms.fill(connection, shape, chance)


def _outside(connection: Connection, pragma: str) -> None:
    """Run a setting that has no effect inside a transaction."""
    driver = connection.connection.dbapi_connection
    if driver is None:
        raise AssertionError("a connection that was just made is open")
    try:
        driver.cursor().execute(pragma)
    except sqlite3.Error as error:
        raise refusal(error.sqlite_errorcode) or error from error


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        yield connection


# --- migrating ----------------------------------------------------------------------------


def _migrate(
    engine: Engine, path: Path, found: forms.Found, shape: Shape, backups: Path, clock: Clock
) -> None:
    """Copy the database, then bring it to the present revision in one transaction."""
    from alembic.util.exc import CommandError

    copy = _back_up(path, backups, f"{path.stem}-{found.revision}-{clock.now():%Y%m%dT%H%M%SZ}")
    engine.dispose()
    try:
        with engine.connect() as outside:
            _outside(outside, "PRAGMA foreign_keys=OFF")  # a table that is rebuilt must not cascade
            with outside.execution_options(**{WRITES: True}).begin():
                forms.upgrade(outside, shape)
    except (SQLAlchemyError, CommandError, AlliedError) as error:
        if isinstance(error, ExhaustedError):
            raise
        raise ExhaustedError(
            "store.migration-failed",
            "the database could not be brought to the present form; it is as it was before",
            hint=f"a copy was made at {copy}; report this and go back to the release before",
            facts={"from": found.revision, "to": shape.revision},
        ) from error
    finally:
        engine.dispose()  # no connection without foreign keys stays in the pool


def _back_up(path: Path, backups: Path, name: str) -> Path:
    """A verified copy of a database that may be in use."""
    backups.mkdir(mode=0o700, exist_ok=True)
    copy = backups / f"{name}.db"
    os.close(os.open(copy, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600))
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
            if target.execute("PRAGMA quick_check").fetchone() != ("ok",):
                raise refusal(sqlite3.SQLITE_CORRUPT) or AssertionError
    except sqlite3.Error as error:
        copy.unlink(missing_ok=True)
        found = refusal(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_IOERR))
        raise found or error from error
    return copy


# --- holding ------------------------------------------------------------------------------


class _Hold:
    """The lock beside a database: shared while it is used, alone while it changes form."""

    def __init__(self, path: Path, seconds: float) -> None:
        self._seconds = seconds
        self._path = path
        self._file: int | None = None

    def share(self) -> None:
        self._take(fcntl.LOCK_SH)

    def alone(self) -> None:
        self._take(fcntl.LOCK_EX)

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _take(self, how: int) -> None:
        if self._file is None:
            try:
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise ExhaustedError(
                    "store.cannot-open",
                    "the lock file beside the database cannot be opened",
                    hint="check the owner and the mode of the data folder",
                ) from error
        fcntl.flock(self._file, fcntl.LOCK_UN)  # two who wait for each other's share never end
        deadline = time.monotonic() + self._seconds
        while True:
            try:
                fcntl.flock(self._file, how | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() >= deadline:
                    raise ExhaustedError(
                        "store.in-use",
                        "another process uses this database, which has to change its form",
                        hint="stop `allied serve` on this folder, then do it again",
                    ) from error
                time.sleep(_POLL_SECONDS)
            else:
                return
