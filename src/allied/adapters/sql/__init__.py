"""The store over SQL: tables, units, migrations.

    schema      the tables
    dialect     the few places where databases differ
    opening     creating, migrating, refusing a database file
    store       units of reading and writing
    reading     what can be asked, except items
    pages       pages of items
    joined      the joined bytes of such pages
    writing     what can be changed, except items
    intake      storing items in bulk
    names       long names as small numbers

`open_store` is what others call. Importing this package imports SQLAlchemy; alembic is
imported only when a database has to be migrated.
"""

from __future__ import annotations

from allied.adapters.sql.opening import open_store
from allied.adapters.sql.store import SqlStore

__all__ = ["SqlStore", "open_store"]
