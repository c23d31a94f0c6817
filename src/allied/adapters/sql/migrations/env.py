"""How alembic reaches the database: over the connection it is handed, never over its own.

The transaction around it belongs to `allied.adapters.sql.opening`, which also has made a
copy and holds the lock.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from allied.adapters.sql.schema import metadata


def run() -> None:
    """Run the migrations that were asked for."""
    connection: Connection | None = context.config.attributes.get("connection")
    if connection is None:
        raise RuntimeError("migrations are run by allied itself, when it opens a database")
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
