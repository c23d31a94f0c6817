"""The few places where one database differs from another; what is PostgreSQL's own: `postgres`.

Connections and their settings, how a unit begins, how an insert passes over what is there,
how a long list is handed in, and what a database's error means to us.

Rules. A commit is on the disk before it returns (`synchronous=FULL`). The write-ahead log
is folded back after 64 MiB, not after 4: every fold writes each touched page once, so fewer
folds write less. What SQLite keeps of the file is little for a connection that only reads,
because the system keeps the file as well, and more while one writes. No error that leaves
here carries a statement's parameters.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice, repeat
from pathlib import Path
from typing import Any, Final, cast

from sqlalchemy import (
    ARRAY,
    URL,
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    FromClause,
    Select,
    Table,
    Text,
    any_,
    column,
    create_engine,
    event,
    false,
    func,
    literal,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import QueuePool

from allied.errors import AlliedError, ConflictError, ExhaustedError

WRITES: Final = "allied_writes"
"""Execution option of a connection whose transaction takes the write lock at its start."""

_LOG_PAGES: Final = 16_384
_CONNECTIONS_KEPT: Final = 5
_CONNECTIONS_BESIDE: Final = 59

_READING: Final = "PRAGMA cache_size=-1024"
_WRITING: Final = "PRAGMA cache_size=-8192"

_SETTINGS: Final = (
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    f"PRAGMA wal_autocheckpoint={_LOG_PAGES}",
    f"PRAGMA journal_size_limit={_LOG_PAGES * 4096}",
    _READING,
    "PRAGMA temp_store=MEMORY",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA secure_delete=ON",
)

Insert = sqlite.Insert | postgresql.Insert


def sqlite_engine(path: Path, *, busy_seconds: float) -> Engine:
    """An engine over the database file at `path`; nothing is opened yet.

    Args:
        busy_seconds: how long a unit waits for the write lock, and for a free connection.
    """
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={
            "isolation_level": None,
            "check_same_thread": False,
            "timeout": busy_seconds,
        },
        poolclass=QueuePool,
        pool_size=_CONNECTIONS_KEPT,
        max_overflow=_CONNECTIONS_BESIDE,
        pool_timeout=busy_seconds,
        hide_parameters=True,
    )
    engine.dialect.statement_compiler = _HeedingHints
    event.listen(engine, "connect", _settle)
    event.listen(engine, "checkin", _let_go)
    event.listen(engine, "begin", _begin)
    event.listen(engine, "handle_error", _translate)
    return engine


def insert(connection: Connection, table: Table) -> Insert:
    """An insert that can say ON CONFLICT, for the database behind `connection`."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


_MARKS: Final = {"qmark": "?", "format": "%s", "pyformat": "%s"}


def insert_rows(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert many rows, each a tuple in the order of `columns`.

    The values go to the driver as they are: instants as microseconds, see `schema`.
    """
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        from allied.adapters.sql.postgres import copy_rows

        copy_rows(connection, table, columns, rows)
        return
    names = ", ".join(columns)
    places = ", ".join([_MARKS[connection.dialect.paramstyle]] * len(columns))
    statement = f"INSERT INTO {table.name} ({names}) VALUES ({places})"  # noqa: S608
    connection.exec_driver_sql(statement, list(rows))


Sequenced = Sequence[int] | Sequence[str] | Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Packed:
    """A column of many rows in a form in which SQLite takes it; made by `packed`.

    SQLite finds a piece of a blob by its place, but has to read JSON from its start: columns in
    one blob each cost half of what rows of JSON do.

    Attributes:
        values: one per row.
        piece: what stands for them in a statement, by the number of the row.
        given: what belongs to the marks in `piece`.
    """

    values: Sequenced
    piece: str
    given: tuple[bytes, ...]


Values = int | range | Sequenced | Packed
"""A column of many rows: one number for all, numbers that follow each other, or one value each."""


def packed(values: Sequenced) -> Packed:
    """One value for each row; at least one, of one type, texts without NUL."""
    if isinstance(values[0], int):
        piece, digits = _numbers(cast("Sequence[int]", values))
        return Packed(values, piece, (digits,))
    if isinstance(values[0], str):
        piece, given = _pieces([text.encode() for text in cast("Sequence[str]", values)])
        return Packed(values, f"CAST({piece} AS TEXT)", given)
    return Packed(values, *_pieces(cast("Sequence[bytes]", values)))


def _numbers(numbers: Sequence[int]) -> tuple[str, bytes]:
    """Numbers in digits, all in the same width."""
    width = max(len(str(max(numbers))), len(str(min(numbers))))
    digits = (b"%%%dd" % width) * len(numbers) % tuple(numbers)
    return f"CAST(CAST(substr(?, each.key * {width} + 1, {width}) AS TEXT) AS INTEGER)", digits


def _pieces(blobs: Sequence[bytes]) -> tuple[str, tuple[bytes, ...]]:
    """Pieces of one blob; of no bytes at all there is none, but for the empty one."""
    lengths = list(map(len, blobs))
    most = max(lengths)
    given = [b"".join(blobs)]
    if min(lengths) == most:
        at, length = f"each.key * {most} + 1", f"{most}"
    else:
        at, places = _numbers(list(accumulate(lengths[:-1], initial=1)))
        length, sizes = _numbers(lengths)
        given += [places, sizes]
    return f"coalesce(substr(?, {at}, {length}), x'')", tuple(given)


def insert_columns(
    connection: Connection,
    table: Table,
    count: int,
    columns: Mapping[str, Values],
) -> None:
    """Insert `count` rows, given by column; as `insert_rows`, for many thousands of rows.

    On SQLite all of it is one statement: it costs less, and other threads go on meanwhile.

    Args:
        columns: by name; texts hold no NUL, and a column is of one type.
    """
    if not count:
        return
    if connection.dialect.name == "postgresql":
        each = [
            repeat(of) if isinstance(of, int) else of.values if isinstance(of, Packed) else of
            for of in columns.values()
        ]
        insert_rows(connection, table, list(columns), list(islice(zip(*each, strict=False), count)))
        return
    given: list[int | bytes] = []
    pieces = []
    for of in columns.values():
        if isinstance(of, int):
            pieces.append("?")
            given.append(of)
        elif isinstance(of, range):
            pieces.append("? + each.key")
            given.append(of.start)
        else:
            column_of = of if isinstance(of, Packed) else packed(of)
            pieces.append(column_of.piece)
            given += column_of.given
    statement = (
        f"INSERT INTO {table.name} ({', '.join(columns)})"  # noqa: S608
        f" SELECT {', '.join(pieces)} FROM json_each(?) AS each"
    )
    connection.exec_driver_sql(statement, (*given, f"[{','.join('0' * count)}]"))


def begin_reading(connection: Connection) -> int | None:
    """Start a unit of reading without SQLAlchemy; the count of changes, if it came along."""
    driver: Any = connection.connection.dbapi_connection
    if connection.dialect.name == "sqlite":
        driver.execute("BEGIN DEFERRED")
        return None
    from allied.adapters.sql.postgres import begun

    return begun(driver)


def ask(connection: Connection, statement: str, values: tuple[Any, ...]) -> Sequence[Any] | None:
    """The first row that a plain statement gives, its places marked with `?`.

    For what is asked many times in a row; nothing is built and nothing converted.
    """
    return next(iter(_plain(connection, statement, values, all_rows=False)), None)


def placed(
    connection: Connection, statement: str, values: tuple[Any, ...]
) -> Sequence[Sequence[Any]]:
    """All rows that a plain statement gives; as `ask`."""
    return _plain(connection, statement, values, all_rows=True)


def change(connection: Connection, statement: str, values: tuple[Any, ...]) -> int:
    """Carry out a plain statement that changes something; how many rows it touched."""
    if connection.dialect.name != "sqlite":
        marked = statement.replace("?", _MARKS[connection.dialect.paramstyle])
        return connection.exec_driver_sql(marked, values).rowcount
    driver: sqlite3.Connection = connection.connection.dbapi_connection  # type: ignore[assignment]
    try:
        return driver.execute(statement, values).rowcount
    except sqlite3.Error as error:
        raise refusal(error.sqlite_errorcode) or error from error


def _plain(
    connection: Connection, statement: str, values: tuple[Any, ...], *, all_rows: bool
) -> Sequence[Sequence[Any]]:
    """All rows, or the first; straight from the driver."""
    if connection.dialect.name != "sqlite":
        from allied.adapters.sql.postgres import rows_of

        return rows_of(
            connection.connection.dbapi_connection,  # type: ignore[arg-type]
            statement,
            values,
            all_rows=all_rows,
        )
    driver: sqlite3.Connection = connection.connection.dbapi_connection  # type: ignore[assignment]
    try:
        cursor = driver.execute(statement, values)
        return cursor.fetchall() if all_rows else cursor.fetchmany(1)
    except sqlite3.Error as error:
        raise refusal(error.sqlite_errorcode) or error from error


def listed(connection: Connection, values: Sequence[int]) -> ColumnElement[int]:
    """A column with these numbers as its rows, to select from."""
    if connection.dialect.name != "sqlite":
        numbers = literal(list(values), ARRAY(BigInteger()))
        return func.unnest(numbers).column_valued("listed")
    each = func.json_each(literal(json.dumps(list(values)), Text()))
    found: ColumnElement[int] = each.table_valued(column("value", BigInteger())).c.value
    return found


def among(
    connection: Connection, wanted: ColumnElement[Any], values: Iterable[int] | Iterable[str]
) -> ColumnElement[bool]:
    """Whether a column's value is one of `values`, however many they are."""
    listed = list(values)
    if not listed:
        return false()  # an empty list says nothing of the type that a server compares with
    kind = BigInteger() if listed and isinstance(listed[0], int) else Text()
    if connection.dialect.name != "sqlite":
        return wanted == any_(literal(listed, ARRAY(kind)))
    each = func.json_each(literal(json.dumps(listed), Text())).table_valued(column("value", kind))
    return wanted.in_(select(each.c.value))


class _HeedingHints(SQLiteCompiler):
    """Writes `Select.with_hint` into the statement, which SQLAlchemy leaves out for SQLite."""

    def get_from_hint_text(self, table: FromClause, text: str | None) -> str | None:  # noqa: ARG002
        """As in `FROM items INDEXED BY ...`."""
        return text


def by_index(query: Select[Any], table: Table, index: str) -> Select[Any]:
    """The same query, carried out over that index whatever the planner thinks."""
    return query.with_hint(table, f"INDEXED BY {index}", "sqlite")


def _settle(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for setting in _SETTINGS:
        cursor.execute(setting)
    cursor.close()


def _let_go(connection: Any, _record: object) -> None:
    """Give back what a unit that wrote has kept of the file."""
    if connection is not None:  # None where the connection was found to be broken
        connection.execute(_READING)


def _begin(connection: Connection) -> None:
    """Start a transaction ourselves; the driver would do so too late, and never IMMEDIATE."""
    writes = connection.get_execution_options().get(WRITES, False)
    if writes:
        connection.connection.dbapi_connection.execute(_WRITING)  # type: ignore[union-attr]
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        return
    driver: Any = connection.connection.dbapi_connection
    if not driver.in_transaction:  # `SqlStore` has begun already where it reads
        # Takes no lock, so nothing can go wrong that would have to be translated.
        driver.execute("BEGIN DEFERRED")


def _translate(context: ExceptionContext) -> BaseException | None:
    """What an error of the database is called here; None leaves it as it is."""
    original = context.original_exception
    if isinstance(original, AlliedError | ValueError):
        return original  # raised while a value was bound
    if isinstance(context.sqlalchemy_exception, IntegrityError):
        return conflict(original)
    code = getattr(original, "sqlite_errorcode", None)
    return refusal(code) if isinstance(code, int) else None


def conflict(error: BaseException | None) -> ConflictError:
    """The refusal behind a broken rule of the tables."""
    if _is_dangling(error):
        return ConflictError("store.dangling", "it belongs to something that is not stored here")
    return ConflictError("store.already-there", "something of that name is stored already")


def _is_dangling(error: BaseException | None) -> bool:
    """Whether a foreign key was not found: 23503 is its code in the SQL standard."""
    if getattr(error, "sqlstate", None) == "23503":
        return True
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY


def refusal(code: int) -> ExhaustedError | None:
    """The refusal behind an error code of SQLite, extended or not; None when there is none."""
    found = _REFUSALS.get(code & 0xFF)
    if found is None:
        return None
    name, message, hint = found
    return ExhaustedError(name, message, hint=hint, facts={"sqlite": code})


_BUSY: Final = (
    "store.busy",
    "another process is writing to the database and did not finish in time",
    "try again; a long import may be running",
)
_CORRUPT: Final = (
    "store.corrupt",
    "the database file is damaged or is no database",
    "stop the node, keep the file, and restore the newest backup",
)
_REFUSALS: Final[dict[int, tuple[str, str, str]]] = {
    5: _BUSY,
    6: _BUSY,
    8: (
        "store.read-only",
        "the database cannot be written to",
        "check the owner and the mode of the data folder",
    ),
    10: (
        "store.unreadable",
        "the disk failed while the database was read or written",
        "check the disk before anything else",
    ),
    11: _CORRUPT,
    13: (
        "store.full",
        "the disk is full; nothing was stored",
        "free some space, then do it again",
    ),
    14: (
        "store.cannot-open",
        "the database file cannot be opened",
        "check the owner and the mode of the data folder",
    ),
    26: _CORRUPT,
}
