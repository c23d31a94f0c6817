"""Units of reading and writing over one SQL database.

A read unit is one snapshot. A write unit holds the write lock from its start, so what it
reads is still true when it commits. Both are used from many threads, and beside other
processes on the same file.

Rules. A write unit that is left by an exception leaves no trace; one that changed anything
raises `changes()` by one. Threads of one process wait their turn here, in front of the
database, where waiting costs nothing. After a commit that numbered own records the fence
is told, on the disk, before the caller goes on. A write unit inside a write unit of the
same thread is a mistake in the program and raises RuntimeError.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import TimeoutError as NoConnectionError

from allied.adapters.sql import copying, forms
from allied.adapters.sql.account import account
from allied.adapters.sql.dialect import WRITES, begin_reading
from allied.adapters.sql.intake import prepared
from allied.adapters.sql.names import NameBook
from allied.adapters.sql.reading import SqlReading
from allied.adapters.sql.soundness import faults
from allied.adapters.sql.writing import SqlWriting
from allied.errors import AlliedError, ExhaustedError
from allied.node.account import Fault, StoreAccount
from allied.node.rows import ItemBatch
from allied.record.ids import OrganisationId

_LOG: Final = logging.getLogger("allied.store")
_UNSWEPT: Final = "log-unswept"
_SWEPT: Final = "DELETE FROM cursors WHERE name = ? AND value = ?"
_KEPT: Final = 4
"""Connections that wait for the next unit of reading, in no transaction."""


class Fence(Protocol):
    """What remembers, outside the database, how many own records were ever numbered."""

    def remember(self, numbered: Mapping[OrganisationId, int]) -> None:
        """Keep these numbers, on the disk before it returns; a smaller one is passed over."""
        ...


class Hold(Protocol):
    """What tells other processes that the database is in use."""

    def release(self) -> None:
        """Say that it no longer is."""
        ...


class SqlStore:
    """A durable store: many readers, one writer at a time, across processes."""

    def __init__(
        self,
        engine: Engine,
        *,
        secret: bytes,
        busy_seconds: float,
        fence: Fence | None = None,
        hold: Hold | None = None,
    ) -> None:
        """Serve units over `engine`; see `allied.adapters.sql.opening.open_store`.

        Args:
            secret: keys the hashes by which items are found; 32 bytes of this database.
            hold: released by `close`.
        """
        self.engine = engine
        self._writer = engine.execution_options(**{WRITES: True})
        self._secret = secret
        self._busy_seconds = busy_seconds
        self._fence = fence
        self._hold = hold
        self._book = NameBook()
        self._turn = threading.Lock()
        self._turn_of: int | None = None
        self._keeps = True
        self._logs = engine.dialect.name == "sqlite"
        self._kept: list[Connection] = []

    @contextmanager
    def read(self) -> Iterator[SqlReading]:
        """One consistent snapshot, taken now.

        Raises:
            ExhaustedError: the database cannot be read; `store.busy` when too many units
                are open in this process.
        """
        with self._snapshot() as (connection, changes):
            reading = SqlReading(connection, self._book, self._secret, changes)
            reading.changes()  # SQLite takes its snapshot with the first read, not with BEGIN
            yield reading
            if reading.learned:
                self._book.learn(reading.learned)

    def prepared(self, batch: ItemBatch) -> ItemBatch:
        """See `allied.node.item_store`."""
        return prepared(self._secret, batch, self.engine.dialect.name)

    @contextmanager
    def write(self) -> Iterator[SqlWriting]:
        """One transaction that holds the write lock from its start.

        Raises:
            ExhaustedError: `store.full` when the disk is full, `store.busy` when the lock
                was not had in time; nothing has changed then.
        """
        with self._in_turn(), _connected(self._writer) as connection:
            with connection.begin():
                writing = SqlWriting(connection, self._book, self._secret)
                yield writing
                unswept = self._unswept(writing) if self._logs else ""
                writing.finish()
            if unswept:
                self._sweep_log(connection, unswept)
            self._book.learn(writing.learned)
            self._tell_fence(writing.numbered)

    def _unswept(self, writing: SqlWriting) -> str:
        """Which unit, of this process or another, has erased what may still be in the log."""
        if writing.erased:
            writing.set_cursor(_UNSWEPT, f"{writing.changes() + 1}")
        return writing.cursor(_UNSWEPT)

    def _sweep_log(self, connection: Connection, unswept: str) -> None:
        """Take what was erased out of the write-ahead log too.

        A reader that is at work keeps the log as it is; the next write unit tries again,
        whichever process it is of. In the database file itself, what is deleted is written over
        (`secure_delete`).
        """
        driver: Any = connection.connection.driver_connection
        with suppress(sqlite3.Error):  # the unit is committed; what is left is for the next one
            waits = driver.execute("PRAGMA busy_timeout").fetchone()[0]
            driver.execute("PRAGMA busy_timeout=0")
            try:
                (busy, *_) = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                if not busy:  # nor is anything of a unit that came since taken for swept
                    driver.execute(_SWEPT, (_UNSWEPT, unswept))
            finally:
                driver.execute(f"PRAGMA busy_timeout={int(waits)}")

    def appended(self) -> Mapping[OrganisationId, int]:
        """How many own records each hosted organisation has numbered in this database."""
        with self.read() as reading:
            return reading.appended()

    def account(self) -> StoreAccount:
        """See `Accounted.account`."""
        with self._snapshot() as (connection, _):
            return account(connection, forms.name_of(self._secret))

    def faults(self) -> Sequence[Fault]:
        """See `Accounted.faults`."""
        with self._snapshot() as (connection, _):
            return faults(connection)

    def copy(self, target: Path) -> None:
        """One consistent state as a SQLite file, while others go on; see `copying.copy`."""
        with self._snapshot() as (connection, _):
            copying.copy(connection, target)

    def close(self) -> None:
        """Close all connections; a unit that is still open ends on its own."""
        self._keeps = False
        while self._kept:
            self._kept.pop().close()
        self.engine.dispose()
        if self._hold is not None:
            self._hold.release()

    @contextmanager
    def _snapshot(self) -> Iterator[tuple[Connection, int | None]]:
        """A connection in a transaction that reads; and the count of changes, where it is known.

        Taking one from the pool and giving it back costs as much as a small question, and so
        does what SQLAlchemy does around a transaction; so a few are kept beside the pool, and
        the driver begins and ends. One whose unit failed is given back.
        """
        connection, changes = self._begun()
        try:
            yield connection, changes
            if connection.in_transaction():  # SQLAlchemy was asked too, and is told that it ends
                connection.commit()
            else:
                driver: Any = connection.connection.dbapi_connection
                driver.commit()
        except BaseException:
            connection.close()
            raise
        self._put_by(connection)

    def _begun(self) -> tuple[Connection, int | None]:
        """As `_snapshot`; a kept connection whose server went away meanwhile is let go."""
        while True:
            try:
                connection = self._kept.pop()
            except IndexError:
                break
            try:
                return connection, begin_reading(connection)
            except ExhaustedError:
                connection.invalidate()
                connection.close()
        connection = _connect(self.engine)
        try:
            return connection, begin_reading(connection)
        except BaseException:
            connection.close()
            raise

    def _put_by(self, connection: Connection) -> None:
        """Keep a connection for the next unit, or give it back."""
        if self._keeps and len(self._kept) < _KEPT:
            self._kept.append(connection)
        else:
            connection.close()

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        me = threading.get_ident()
        if self._turn_of == me:
            raise RuntimeError("a write unit was begun inside a write unit")
        if not self._turn.acquire(timeout=self._busy_seconds):
            raise ExhaustedError(
                "store.busy",
                "another part of this process is writing and did not finish in time",
                hint="try again; a long import may be running",
            )
        self._turn_of = me
        try:
            yield
        finally:
            self._turn_of = None
            self._turn.release()

    def _tell_fence(self, numbered: Mapping[OrganisationId, int]) -> None:
        if self._fence is None or not numbered:
            return
        try:
            self._fence.remember(numbered)
        except AlliedError as error:
            # The unit has committed, so it must not look as if it had not. A fence that
            # lags behind its database refuses nothing; it only notices less.
            _LOG.warning("the fence was not written: %s", error.code)


@contextmanager
def _connected(engine: Engine) -> Iterator[Connection]:
    with _connect(engine) as connection:
        yield connection


def _connect(engine: Engine) -> Connection:
    try:
        return engine.connect()
    except NoConnectionError as error:
        raise ExhaustedError(
            "store.busy",
            "too many units of work are open in this process",
            hint="try again in a moment",
        ) from error
