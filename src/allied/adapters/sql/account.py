"""What a database says of itself: its product, its size, and whether it can lose what it took."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection

from allied.adapters.sql.dialect import placed
from allied.node.account import StoreAccount

_SERVER: Final = (
    "SELECT current_setting('server_version'), pg_database_size(current_database()),"
    " current_setting('fsync'), current_setting('full_page_writes')"
)
_FILE: Final = (
    "SELECT sqlite_version(), page_count * page_size FROM pragma_page_count(), pragma_page_size()"
)


def account(connection: Connection, name: str) -> StoreAccount:
    """The account of a database with that public name, inside a unit."""
    if connection.dialect.name == "sqlite":
        version, size = _row(connection, _FILE)
        return StoreAccount(f"SQLite {version}", name, size)
    version, size, *switches = _row(connection, _SERVER)
    return StoreAccount(
        f"PostgreSQL {version.split()[0]}",
        name,
        size,
        unsafe=tuple(
            setting
            for setting, found in zip(("fsync", "full_page_writes"), switches, strict=True)
            if found != "on"
        ),
    )


def _row(connection: Connection, statement: str) -> Sequence[Any]:
    return placed(connection, statement, ())[0]
