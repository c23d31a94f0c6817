"""The store over SQL: tables, units, migrations.

    schema      the tables
    dialect     the few places where databases differ
    postgres    what is PostgreSQL's own
    forms       which form a database has, and which form is known
    opening     creating, migrating, refusing a database file
    opening_postgres    the same for a PostgreSQL database
    copying     one consistent state of any database as a SQLite file
    filling     an empty PostgreSQL database out of a SQLite file
    store       units of reading and writing
    reading     what can be asked, except items
    pages       pages of items
    joined      the joined bytes of such pages
    joined_postgres    the same on PostgreSQL
    fellows     what several processes over one PostgreSQL database tell each other
    account     what a database says of itself
    writing     what can be changed, except items
    intake      storing items in bulk
    names       long names as small numbers

`open_store` and `open_postgres` are what others call. Importing this package imports
SQLAlchemy; alembic is imported only when a database has to be migrated, the driver of
PostgreSQL only when there is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from allied.adapters.sql.opening import held_alone, open_store
from allied.adapters.sql.store import SqlStore
from allied.node.fellows import Fellows

__all__ = [
    "SqlStore",
    "fill_postgres",
    "held_alone",
    "open_postgres",
    "open_store",
    "postgres_fellows",
    "require_empty_postgres",
    "require_no_password",
]


def open_postgres(address: str, **options: Any) -> SqlStore:
    """As `opening_postgres.open_postgres`."""
    from allied.adapters.sql.opening_postgres import open_postgres as opening

    return opening(address, **options)


def fill_postgres(address: str, source: Path, *, busy_seconds: float) -> Mapping[str, int]:
    """As `filling.fill_from`."""
    from allied.adapters.sql.filling import fill_from

    return fill_from(address, source, busy_seconds=busy_seconds)


def require_empty_postgres(address: str, *, busy_seconds: float) -> None:
    """As `filling.require_empty`."""
    from allied.adapters.sql.filling import require_empty

    require_empty(address, busy_seconds=busy_seconds)


def postgres_fellows(address: str, *, wait_seconds: float) -> Fellows:
    """As `fellows.PostgresFellows`."""
    from allied.adapters.sql.fellows import PostgresFellows

    return PostgresFellows(address, wait_seconds=wait_seconds)


def require_no_password(address: str) -> None:
    """As `postgres.require_no_password`."""
    from allied.adapters.sql.postgres import require_no_password as require

    require(address)
