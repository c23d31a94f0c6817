"""One consistent state of a database as a SQLite file, while others go on working on it.

A SQLite database is copied page by page by its own means. A PostgreSQL database is read in
one snapshot, table by table, and written into a SQLite file with the same tables, so that a
backup can be looked at and put back on any machine.

Rules. The copy is on the disk before this returns. Nothing in the source changes.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, select, text

from allied.adapters.sql import forms, schema
from allied.adapters.sql.dialect import WRITES, refusal, sqlite_engine

_AT_ONCE: Final = 2_000
_STAMP: Final = "alembic_version"


def copy(connection: Connection, target: Path) -> None:
    """Write what `connection` sees as the SQLite file `target`, which is empty or not there.

    Raises:
        ExhaustedError: `store.full`, `store.corrupt` and other faults of file or disk.
    """
    source = connection.engine.url.database
    if connection.dialect.name == "sqlite" and source:
        _copy_pages(Path(source), target)
    else:
        _copy_tables(connection, target)


def _copy_pages(path: Path, target: Path) -> None:
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
    except sqlite3.Error as error:
        raise refusal(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_IOERR)) or error from error


def _copy_tables(connection: Connection, target: Path) -> None:
    engine = sqlite_engine(target, busy_seconds=15)
    streaming = connection.execution_options(stream_results=True, max_row_buffer=_AT_ONCE)
    try:
        with engine.execution_options(**{WRITES: True}).begin() as writing:
            schema.metadata.create_all(writing)
            writing.execute(text(f"CREATE TABLE {_STAMP} (version_num VARCHAR(32) NOT NULL)"))
            found = forms.said(connection)
            writing.execute(
                text(f"INSERT INTO {_STAMP} VALUES (:it)"),  # noqa: S608
                {"it": found.revision},
            )
            for table in schema.metadata.sorted_tables:
                with streaming.execute(select(table)) as result:
                    for rows in result.mappings().partitions(_AT_ONCE):
                        writing.execute(table.insert(), [dict(row) for row in rows])
    finally:
        engine.dispose()
