"""Opening a PostgreSQL database: filled if it is empty, migrated if old, refused if newer.

What a database says of itself, and what follows, is in `forms`; what a use lock is, in
`postgres`.

Rules. Filling and migrating is one transaction, under the use lock taken alone: of several
processes that start at once one does it, and nobody works on tables that change. Any number
of processes may have a database open. A schema with tables that are not ours is not touched.
No copy is made before a migration: a server's backups are its operator's.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import psycopg
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from allied.adapters.sql import forms
from allied.adapters.sql.dialect import WRITES
from allied.adapters.sql.forms import SHAPE, Shape
from allied.adapters.sql.postgres import (
    OLDEST,
    USE_ALONE,
    USE_ALONE_NO_MORE,
    USE_NO_MORE,
    USE_SHARED,
    ask_outside,
    postgres_engine,
)
from allied.adapters.sql.store import Fence, SqlStore
from allied.errors import AlliedError, ExhaustedError
from allied.node.ports import Chance

_HOW: Final = "docs/operating.md says how a database is made"
_POLL_SECONDS: Final = 0.05
HOLD_SECONDS: Final = 60.0
_ANOTHER: Final = "name a database, or with options=-csearch_path=NAME a schema, of its own"

_WHERE: Final = text(
    "SELECT current_schema(), current_setting('server_version_num')::int / 10000,"
    " current_setting('server_encoding')"
)
_TABLES: Final = text(
    "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p')"
    " AND relnamespace = current_schema()::regnamespace"
)


def open_postgres(
    address: str,
    *,
    chance: Chance,
    fence: Fence | None = None,
    shape: Shape = SHAPE,
    busy_seconds: float,
    hold_seconds: float = HOLD_SECONDS,
) -> SqlStore:
    """Open the PostgreSQL database at `address`, which exists.

    Args:
        address: see `postgres`.
        chance: gives a new database its secret.
        fence: told about every own record that is numbered.
        busy_seconds: how long a unit waits for the write lock.
        hold_seconds: how long to wait for processes that use a database to be migrated.

    Raises:
        UsageError: `store.address`, `store.unverified`.
        ExhaustedError: `store.newer`, `store.in-use`, `store.migration-failed`,
            `store.unreachable`, `store.login`, `store.no-database`, `store.not-permitted`,
            `store.too-old`, `store.encoding`, `store.cannot-open` and other faults of the server.
        ConflictError: `store.foreign`, it holds another program's tables.
    """
    engine = postgres_engine(address, busy_seconds=busy_seconds)
    try:
        with engine.connect() as connection:
            require_usable(connection)
            if forms.is_lacking(_look(connection), shape):
                _make(connection, shape, chance, hold_seconds)
            with connection.begin():
                secret = forms.secret(connection)
    except BaseException:
        engine.dispose()
        raise
    return SqlStore(engine, secret=secret, busy_seconds=busy_seconds, fence=fence)


def require_usable(connection: Connection) -> None:
    """Return if the server and the database are such as this program can use.

    Raises:
        ExhaustedError: `store.cannot-open`, `store.too-old`, `store.encoding`.
    """
    with connection.begin():
        schema, version, encoding = connection.execute(_WHERE).one()
    if schema is None:
        raise ExhaustedError(
            "store.cannot-open",
            "the database cannot be used: the schema that it names does not exist",
            hint=_HOW,
        )
    if version < OLDEST:
        raise ExhaustedError(
            "store.too-old",
            f"PostgreSQL {version} is too old, {OLDEST} or later is needed",
            hint=_HOW,
        )
    if encoding != "UTF8":
        raise ExhaustedError(
            "store.encoding",
            f"the database cannot be used: its encoding is {encoding} and has to be UTF8",
            hint=_HOW,
        )


def _look(connection: Connection) -> forms.Found | None:
    """What the database says of itself; None when there is nothing in it."""
    with connection.begin():
        return _said(connection)


def has_tables(connection: Connection) -> bool:
    """Whether there is anything in the schema, ours or not; inside the caller's transaction."""
    return bool(_tables(connection))


def _tables(connection: Connection) -> Sequence[str]:
    return connection.execute(_TABLES).scalars().all()


def _said(connection: Connection) -> forms.Found | None:
    tables = _tables(connection)
    if not tables:
        return None
    if not forms.is_ours(tables):
        raise forms.foreign(_ANOTHER)
    try:
        return forms.said(connection)
    except DBAPIError as error:  # tables of our names and another form
        if isinstance(error.orig, psycopg.errors.UndefinedColumn):
            raise forms.foreign(_ANOTHER) from error
        raise


@contextmanager
def used_alone(connection: Connection, seconds: float = HOLD_SECONDS) -> Iterator[None]:
    """Nobody else has the database open while the block runs; outside of a transaction.

    When the block fails the connection has to be closed, and its locks end with it.

    Raises:
        ExhaustedError: `store.in-use`.
    """
    ask_outside(connection, USE_NO_MORE)  # two who wait for each other's share never end
    deadline = time.monotonic() + seconds
    while not ask_outside(connection, USE_ALONE):
        if time.monotonic() >= deadline:
            raise ExhaustedError(
                "store.in-use",
                "another process uses this database, which has to change its form",
                hint="stop every `allied serve` on this database, then do it again",
            )
        time.sleep(_POLL_SECONDS)
    yield
    ask_outside(connection, USE_SHARED)
    ask_outside(connection, USE_ALONE_NO_MORE)


def _make(connection: Connection, shape: Shape, chance: Chance, seconds: float) -> None:
    """Fill or migrate, while nobody else has the database open."""
    with used_alone(connection, seconds):
        connection.execution_options(**{WRITES: True})
        with connection.begin():
            found = _said(connection)
            if found is None:
                forms.fill(connection, shape, chance)
            elif forms.is_lacking(found, shape):
                _migrate(connection, found, shape)


def _migrate(connection: Connection, found: forms.Found, shape: Shape) -> None:
    from alembic.util.exc import CommandError

    try:
        forms.upgrade(connection, shape)
    except (SQLAlchemyError, CommandError, AlliedError) as error:
        if isinstance(error, ExhaustedError):
            raise
        raise ExhaustedError(
            "store.migration-failed",
            "the database could not be brought to the present form; it is as it was before",
            hint="report this and go back to the release before",
            facts={"from": found.revision, "to": shape.revision},
        ) from error
