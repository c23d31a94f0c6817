"""PostgreSQL: connections, how units begin, rows in bulk, and what its errors mean to us.

Words used here:
    address    how the database is reached: a `postgresql://` URL as libpq takes it, also with a
               service (`?service=...`); passwords may stand in it, in a password file or in the
               environment, as libpq has it
    near       reached without a network: by a socket file, or on a loopback address
    use lock   an advisory lock that every connection shares; whoever changes the form of the
               database takes it alone
    keeper's lock  held by the one serving process that keeps up with the peers; see `fellows`
    write lock an advisory lock that a write unit takes at its start, so that counters grow in
               the order of commits

Rules. A reader's unit is one snapshot that cannot write. A writer waits for its lock before it
has read anything, so all it reads is true when it commits. A commit is on the disk before it
returns, whatever the server's own setting is. Nothing waits for ever: connecting, locks,
statements and idle transactions end. A server that is not near is verified unless the
operator wrote otherwise. No error that leaves here carries an address, a password or a
statement's parameters.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import psycopg
from psycopg import conninfo, pq
from sqlalchemy import (
    Boolean,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    Table,
    Text,
    create_engine,
    event,
)
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.pool import QueuePool

from allied.adapters.sql.dialect import WRITES, conflict
from allied.errors import AlliedError, ExhaustedError, MalformedError, UsageError

NAME: Final = "allied"
OLDEST: Final = 14
"""The first major version of the server that is supported."""

_CONNECTIONS_KEPT: Final = 5
_CONNECTIONS_BESIDE: Final = 27
_STATEMENT_SECONDS: Final = 300
_WRITE, _USE, _KEEP = 0x616C_6C01, 0x616C_6C02, 0x616C_6C03

WRITE_LOCK: Final = f"SELECT pg_advisory_xact_lock({_WRITE}, hashtext(current_schema()))"
USE_SHARED: Final = f"SELECT pg_advisory_lock_shared({_USE}, hashtext(current_schema()))"
USE_NO_MORE: Final = f"SELECT pg_advisory_unlock_shared({_USE}, hashtext(current_schema()))"
USE_ALONE: Final = f"SELECT pg_try_advisory_lock({_USE}, hashtext(current_schema()))"
KEEP_ALONE: Final = f"SELECT pg_try_advisory_lock({_KEEP}, hashtext(current_schema()))"
USE_ALONE_NO_MORE: Final = f"SELECT pg_advisory_unlock({_USE}, hashtext(current_schema()))"

_CHANGES: Final = "SELECT value FROM counters WHERE name = 'change'"
_READING: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# Not a snapshot: that would be taken before the lock is had.
_WRITING: Final = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"

_SETTINGS: Final = (
    "SET client_min_messages = warning",
    "SET timezone = 'UTC'",
    # Pages are small and are found by an index: compiling or sharing them out costs more.
    "SET jit = off",
    "SET max_parallel_workers_per_gather = 0",
    "SET random_page_cost = 1.1",
    # Locks of a machine that has vanished are free again after a minute.
    "SET tcp_keepalives_idle = 30",
    "SET tcp_keepalives_interval = 10",
    "SET tcp_keepalives_count = 3",
    f"SET statement_timeout = '{_STATEMENT_SECONDS}s'",
    f"SET idle_in_transaction_session_timeout = '{_STATEMENT_SECONDS}s'",
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') = 'off'",
)


def reached_by(address: str, *, wait_seconds: float) -> Mapping[str, Any]:
    """The parameters of libpq for an address.

    Raises:
        UsageError: `store.address`, it is none.
    """
    try:
        found = conninfo.conninfo_to_dict(address)
    except psycopg.Error:
        raise _bad_address() from None  # what libpq says may repeat a part of it
    if not address.startswith(("postgresql://", "postgres://")):
        raise _bad_address()
    given: dict[str, Any] = {
        "application_name": NAME,
        "connect_timeout": max(2, int(wait_seconds)),
        "keepalives_idle": 30,
        "tcp_user_timeout": 60_000,
    }
    if "service" not in found and not is_near(found):
        given |= {"sslmode": "verify-full", "sslrootcert": "system"}
    if "sslmode" in found:  # a root certificate of one's own fits any of its modes
        given.pop("sslrootcert", None)
    return given | found


def is_near(parameters: Mapping[str, Any]) -> bool:
    """Whether every host named is this machine."""
    named = str(parameters.get("hostaddr") or parameters.get("host") or "")
    return all(_is_near(each) for each in named.split(","))


def _is_near(host: str) -> bool:
    if not host or host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bad_address() -> UsageError:
    return UsageError(
        "store.address",
        "the setting `database` is no address of a PostgreSQL database",
        hint="it looks like postgresql://allied@db.example/allied; docs/operating.md has more",
    )


def postgres_engine(address: str, *, busy_seconds: float) -> Engine:
    """An engine over the database at `address`; nothing is opened yet.

    Args:
        busy_seconds: how long a unit waits for the write lock, for a free connection, and for
            the server.

    Raises:
        UsageError: `store.address`.
    """
    parameters = reached_by(address, wait_seconds=busy_seconds)

    def connect() -> psycopg.Connection[Any]:
        connection = connected(parameters)
        try:
            _require_verified(connection)
            connection.autocommit = True
            waits = f"SET lock_timeout = '{int(busy_seconds * 1000)}ms'"
            connection.execute("; ".join((*_SETTINGS, waits, USE_SHARED)))
        except psycopg.Error as error:
            connection.close()
            raise refused(error) or error from error
        except BaseException:
            connection.close()
            raise
        return connection

    engine = create_engine(
        "postgresql+psycopg://",
        creator=connect,
        isolation_level="AUTOCOMMIT",  # units begin themselves, see `_begin`
        poolclass=QueuePool,
        pool_size=_CONNECTIONS_KEPT,
        max_overflow=_CONNECTIONS_BESIDE,
        pool_timeout=busy_seconds,
        pool_pre_ping=True,
        pool_use_lifo=True,
        hide_parameters=True,
        use_native_hstore=False,
    )
    event.listen(engine, "begin", _begin)
    event.listen(engine, "handle_error", _translate)
    return engine


def connected(parameters: Mapping[str, Any]) -> psycopg.Connection[Any]:
    """A connection, its errors told apart as far as the driver can.

    Raises:
        ExhaustedError: `store.unreachable`, `store.login`, `store.no-database`, `store.busy`,
            `store.unverified`.
    """
    try:
        return psycopg.connect(**parameters)
    except psycopg.Error as error:
        raise _not_let_in(error) from None  # its text holds the address


def require_no_password(address: str) -> None:
    """Return if an address that others may have seen holds no password.

    Raises:
        UsageError: `store.password-shown`, `store.address`.
    """
    found = reached_by(address, wait_seconds=2)
    if found.keys() & {"password", "sslpassword"}:
        raise UsageError(
            "store.password-shown",
            "a password on the command line is seen by others on this machine",
            hint="leave it out there, and put it into a password file (~/.pgpass) or into"
            " ALLIED_DATABASE; then change it",
        )


def _require_verified(connection: psycopg.Connection[Any]) -> None:
    """Refuse a connection over a network whose security nobody chose."""
    in_effect = connection.info.get_parameters()
    if not is_near(in_effect) and "sslmode" not in in_effect:
        raise UsageError(
            "store.unverified",
            "the service of the database does not say how its server is verified",
            hint="write sslmode=verify-full and sslrootcert=system into the service file",
        )


def _begin(connection: Connection) -> None:
    """Start a unit: a snapshot, or the write lock."""
    if connection.get_execution_options().get(WRITES, False):
        connection.exec_driver_sql(_WRITING)
        connection.exec_driver_sql(WRITE_LOCK)
        return
    driver: Any = connection.connection.dbapi_connection
    if driver.info.transaction_status == pq.TransactionStatus.IDLE:  # see `begun`
        connection.exec_driver_sql(_READING)


def begun(driver: psycopg.Connection[Any]) -> int:
    """Start a unit of reading on the driver's own connection; the count of changes so far.

    One message to the server and one back, and the first that shows whether it is still there.
    """
    try:
        cursor = driver.execute(f"{_READING}; {_CHANGES}")
        cursor.nextset()
        row = cursor.fetchone()
    except psycopg.Error as error:
        raise refused(error) or error from error
    return int(row[0]) if row else 0


def rows_of(
    driver: psycopg.Connection[Any], statement: str, values: Sequence[Any], *, all_rows: bool
) -> Sequence[Sequence[Any]]:
    """All rows that a statement gives, or the first; its places marked with `?`."""
    try:
        cursor = driver.execute(_marked(statement), values)
        return cursor.fetchall() if all_rows else cursor.fetchmany(1)
    except psycopg.Error as error:
        raise refused(error) or error from error


@lru_cache(maxsize=256)
def _marked(statement: str) -> str:
    return statement.replace("?", "%s")


def ask_outside(connection: Connection, statement: str) -> bool:
    """The truth of a statement that belongs to no unit, for locks that outlive them."""
    driver: psycopg.Connection[Any] = connection.connection.dbapi_connection  # type: ignore[assignment]
    try:
        row = driver.execute(statement).fetchone()
    except psycopg.Error as error:
        raise refused(error) or error from error
    return bool(row and row[0])


# --- rows in bulk -------------------------------------------------------------------------


def copy_rows(
    connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]
) -> None:
    """As `dialect.insert_rows`, by the server's own way of taking many rows."""
    kinds = [_kind(table, name) for name in columns]
    names = ", ".join(f'"{name}"' for name in columns)
    driver: psycopg.Connection[Any] = connection.connection.dbapi_connection  # type: ignore[assignment]
    try:
        with (
            driver.cursor() as cursor,
            cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN (FORMAT BINARY)') as copy,
        ):
            copy.set_types(kinds)
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as error:
        raise refused(error) or error from error


def _kind(table: Table, column: str) -> str:
    kind = table.c[column].type
    if isinstance(kind, Boolean):
        return "bool"
    if isinstance(kind, LargeBinary):
        return "bytea"
    if isinstance(kind, Text):
        return "text"
    return "int4" if type(kind) is Integer else "int8"


# --- errors -------------------------------------------------------------------------------


def _not_let_in(error: psycopg.Error) -> AlliedError:
    """Why there is no connection: the driver has no code for it, only a text."""
    text = str(error)
    for pattern, (name, message, hint) in _AT_THE_DOOR:
        if re.search(pattern, text):
            return ExhaustedError(name, message, hint=hint)
    name, message, hint = _UNREACHABLE
    return ExhaustedError(name, message, hint=hint)


def _translate(context: ExceptionContext) -> BaseException | None:
    """What an error of the database is called here; None leaves it as it is."""
    original = context.original_exception
    if isinstance(original, AlliedError | ValueError):
        return original  # raised while a value was bound
    return refused(original) if isinstance(original, psycopg.Error) else None


def refused(error: psycopg.Error) -> AlliedError | None:
    """The refusal behind an error of the driver or the server; None when there is none."""
    if isinstance(error, psycopg.IntegrityError):
        return conflict(error)
    state = error.sqlstate
    if state is None:
        if isinstance(error, psycopg.DataError):  # before it was sent: U+0000
            return MalformedError(
                "store.not-text", "a text holds a character that the database cannot keep"
            )
        unreachable = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        found = _UNREACHABLE if unreachable else None
    else:
        found = _REFUSALS.get(state) or _REFUSALS.get(state[:2])
    if found is None:
        return None
    name, message, hint = found
    return ExhaustedError(name, message, hint=hint, facts={"sqlstate": state or ""})


_UNREACHABLE: Final = (
    "store.unreachable",
    "the database server cannot be reached, or ended the connection",
    "check that it runs, and its address; what was under way may have been stored, so look"
    " before doing it again",
)
_BUSY: Final = (
    "store.busy",
    "another process is writing to the database and did not finish in time",
    "try again; a long import may be running",
)
_CROWDED: Final = (
    "store.busy",
    "the database server has no room for a further connection or unit",
    "try again in a moment; raise its max_connections if this goes on",
)
_LOGIN: Final = (
    "store.login",
    "the database server does not let this node in: the name or the password is not right",
    "check both; a password belongs into a password file (~/.pgpass) or into ALLIED_DATABASE",
)
_NO_DATABASE: Final = (
    "store.no-database",
    "the server has no database of that name",
    "make it: CREATE DATABASE allied OWNER allied ENCODING 'UTF8' TEMPLATE template0",
)
_CANNOT_OPEN: Final = (
    "store.cannot-open",
    "the database cannot be opened as it is named",
    "check that the database and the schema exist and that this role may use them",
)
_NOT_PERMITTED: Final = (
    "store.not-permitted",
    "this role may not make or change tables in the database",
    "let it own them: ALTER DATABASE allied OWNER TO allied",
)
_READ_ONLY: Final = (
    "store.read-only",
    "the database cannot be written to",
    "name the primary server; this one only follows another, or is set to reading",
)
_CORRUPT: Final = (
    "store.corrupt",
    "the database is damaged",
    "stop the node, keep the database, and restore the newest backup",
)
_REFUSALS: Final[dict[str, tuple[str, str, str]]] = {
    "08": _UNREACHABLE,
    "25006": _READ_ONLY,
    "25P03": _UNREACHABLE,
    "28": _LOGIN,
    "3D000": _NO_DATABASE,
    "3F000": _CANNOT_OPEN,
    "40001": _BUSY,
    "40P01": _BUSY,
    "42501": _NOT_PERMITTED,
    "53": _CROWDED,
    "53100": (
        "store.full",
        "the disk of the database server is full; nothing was stored",
        "free some space, then do it again",
    ),
    "55P03": _BUSY,
    "57014": _BUSY,
    "57P01": _UNREACHABLE,
    "57P02": _UNREACHABLE,
    "57P03": _UNREACHABLE,
    "58": (
        "store.unreadable",
        "the database server's disk failed while it was read or written",
        "check that disk before anything else",
    ),
    "XX001": _CORRUPT,
    "XX002": _CORRUPT,
}
"""By code, or by the two letters of its class."""

_AT_THE_DOOR: Final = (
    (r"too many (clients|connections)|remaining connection slots", _CROWDED),
    (r"starting up|shutting down|not yet accepting|in recovery mode", _UNREACHABLE),
    (r'FATAL: +database "', _NO_DATABASE),
    (r"FATAL:|no password supplied", _LOGIN),
    (
        r"SSL|certificate",
        (
            "store.unverified",
            "the database server did not prove who it is",
            "give it a certificate, and name the authority with sslrootcert; docs/operating.md",
        ),
    ),
)
"""What the text says of why there is no connection. A server that speaks another language than
English still writes FATAL before whatever it refuses."""
