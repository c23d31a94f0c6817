"""An empty PostgreSQL database filled with what a SQLite file holds; `copying` goes the other way.

Rules. It is one transaction, under the use lock taken alone: a process that is killed on the
way leaves an empty database. A database in which anything is, also of ours, is not touched.
Every row goes over as it is, with its numbers and the secret that keys its hashes: whoever
opens the database afterwards cannot tell that it was another. Every table is counted on both
sides before it counts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, Connection, Table, text

from allied.adapters.sql import forms
from allied.adapters.sql.dialect import WRITES, refusal
from allied.adapters.sql.forms import SHAPE
from allied.adapters.sql.opening_postgres import has_tables, require_usable, used_alone
from allied.adapters.sql.postgres import copy_rows, postgres_engine
from allied.errors import ConflictError, ExhaustedError


def fill_from(address: str, source: Path, *, busy_seconds: float) -> Mapping[str, int]:
    """Copy the SQLite database `source`, of the present form, into the database at `address`.

    Nobody else writes to `source` meanwhile.

    Returns:
        How many rows each table has.

    Raises:
        ConflictError: `store.not-empty`.
        MalformedError: `store.not-text`, a text that PostgreSQL cannot keep.
        ExhaustedError: as `open_postgres`; `store.corrupt` and other faults of the file.
    """
    engine = postgres_engine(address, busy_seconds=busy_seconds)
    try:
        with engine.connect() as connection:
            require_usable(connection)
            with used_alone(connection), closing(_opened(source)) as file:
                connection.execution_options(**{WRITES: True})
                with connection.begin():
                    return _fill(connection, file)
    finally:
        engine.dispose()


def require_empty(address: str, *, busy_seconds: float) -> None:
    """Return if `fill_from` would find an empty database; raises as it would."""
    engine = postgres_engine(address, busy_seconds=busy_seconds)
    try:
        with engine.connect() as connection:
            require_usable(connection)
            with connection.begin():
                _require_empty(connection)
    finally:
        engine.dispose()


def _require_empty(connection: Connection) -> None:
    if has_tables(connection):
        raise ConflictError(
            "store.not-empty",
            "something is in that database already; a node is never put over another",
            hint="make a new database, or with options=-csearch_path=NAME name an empty schema",
        )


def _fill(connection: Connection, file: sqlite3.Connection) -> Mapping[str, int]:
    _require_empty(connection)
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    forms.make(connection, SHAPE)
    counts = {}
    for table in SHAPE.metadata.sorted_tables:
        names = [column.name for column in table.columns]
        copy_rows(connection, table, names, _rows(file, table, names))
        _go_on_counting(connection, table)
        counts[table.name] = _count(connection, file, table)
    connection.execute(text("ANALYZE"))
    return counts


def _opened(source: Path) -> sqlite3.Connection:
    try:
        return sqlite3.connect(source)
    except sqlite3.Error as error:
        raise _fault(error) from error


def _rows(file: sqlite3.Connection, table: Table, names: list[str]) -> Iterator[tuple[Any, ...]]:
    """The rows of a table as the file has them: instants as numbers, see `schema`."""
    truths = [at for at, column in enumerate(table.columns) if isinstance(column.type, Boolean)]
    listed = ", ".join(f'"{name}"' for name in names)
    try:
        for row in file.execute(f'SELECT {listed} FROM "{table.name}"'):  # noqa: S608
            if not truths:
                yield row
                continue
            given = list(row)
            for at in truths:
                given[at] = bool(given[at])
            yield tuple(given)
    except sqlite3.Error as error:
        raise _fault(error) from error


def _go_on_counting(connection: Connection, table: Table) -> None:
    """Let the numbers that the server gives itself begin after those that are there."""
    for column in table.primary_key.columns:
        if column.autoincrement is True:
            connection.execute(
                text(
                    f'SELECT setval(pg_get_serial_sequence(:it, :of), max("{column.name}"))'  # noqa: S608
                    f' FROM "{table.name}" HAVING count(*) > 0'
                ),
                {"it": f'"{table.name}"', "of": column.name},
            )


def _count(connection: Connection, file: sqlite3.Connection, table: Table) -> int:
    asked = f'SELECT count(*) FROM "{table.name}"'  # noqa: S608
    here: int = connection.execute(text(asked)).scalar_one()
    try:
        (there,) = file.execute(asked).fetchone()
    except sqlite3.Error as error:
        raise _fault(error) from error
    if here != there:
        raise ExhaustedError(
            "store.corrupt",
            "the database is damaged: a table does not hold what it counts",
            hint="keep it, and take the newest backup",
            facts={"table": table.name, "read": here, "counted": there},
        )
    return here


def _fault(error: sqlite3.Error) -> Exception:
    return refusal(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_IOERR)) or error
