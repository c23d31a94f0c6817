"""Stores to test: one place to add a database, and every contract test runs on it too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest

from allied.adapters.clock import HandClock, SystemChance
from allied.adapters.sql import SqlStore, open_postgres, open_store
from tests import postgres
from tests.adapters.contract.rows import START

Open = Callable[..., SqlStore]

EMPTY = """
SET session_replication_role = replica;
DO $$
DECLARE
    each record;
BEGIN
    FOR each IN SELECT relname, relkind, oid FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S')
    LOOP
        IF each.relkind = 'S' THEN
            PERFORM setval(each.oid, 1, false);
        ELSIF each.relname = 'counters' THEN
            DELETE FROM counters WHERE name NOT IN ('record', 'item', 'body', 'change');
            UPDATE counters SET value = 0;
        ELSIF each.relname NOT IN ('meta', 'alembic_version') THEN
            EXECUTE format('DELETE FROM %I', each.relname);
        END IF;
    END LOOP;
END $$
"""
"""Makes a database as it was after it had been filled, but for its secret."""


@pytest.fixture
def open_sqlite(tmp_path: Path) -> Iterator[Open]:
    """Opens the same SQLite file as often as asked, and closes what was opened."""
    opened: list[SqlStore] = []

    def opening(path: Path | None = None, **options: object) -> SqlStore:
        store = open_store(
            path or tmp_path / "allied.db",
            clock=HandClock(START),
            chance=SystemChance(),
            backups=tmp_path / "backups",
            **options,  # type: ignore[arg-type]
        )
        opened.append(store)
        return store

    yield opening
    for store in opened:
        store.close()


@pytest.fixture
def own_database(postgres_server: postgres.Server) -> Iterator[str]:
    """The address of an empty database of this test's own."""
    with postgres_server.database() as address:
        yield address


@pytest.fixture
def open_postgresql(own_database: str) -> Iterator[Open]:
    """Opens the same PostgreSQL database as often as asked, and closes what was opened."""
    with _postgresql(own_database) as opening:
        yield opening


@pytest.fixture(scope="session")
def kept_database(postgres_server: postgres.Server) -> Iterator[str]:
    """The address of a database that many tests use, one after the other."""
    with postgres_server.database() as address:
        open_postgres(address, chance=SystemChance(), busy_seconds=15.0).close()
        yield address


@pytest.fixture
def open_kept(kept_database: str) -> Iterator[Open]:
    """As `open_postgresql`, over a database that was emptied: making one takes longer."""
    with psycopg.connect(kept_database, autocommit=True) as connection:
        connection.execute(EMPTY)
    with _postgresql(kept_database) as opening:
        yield opening


@contextmanager
def _postgresql(own: str) -> Iterator[Open]:
    opened: list[SqlStore] = []

    def opening(address: str | None = None, **options: object) -> SqlStore:
        given: dict[str, object] = {"busy_seconds": 15.0} | options
        store = open_postgres(address or own, chance=SystemChance(), **given)
        opened.append(store)
        return store

    yield opening
    for store in opened:
        store.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def open_again(request: pytest.FixtureRequest) -> Open:
    """Opens one database, again and again; as if other processes did."""
    name = {"sqlite": "open_sqlite", "postgresql": "open_kept"}[request.param]
    opening: Open = request.getfixturevalue(name)
    return opening


@pytest.fixture
def open_new(request: pytest.FixtureRequest, open_again: Open, tmp_path: Path) -> Iterator[Open]:
    """Opens another empty database of that kind each time."""
    numbers = count()
    on_a_server = request.node.callspec.params["open_again"] == "postgresql"
    with ExitStack() as databases:

        def opening() -> SqlStore:
            if not on_a_server:
                return open_again(tmp_path / f"new-{next(numbers)}.db")
            server: postgres.Server = request.getfixturevalue("postgres_server")
            return open_again(databases.enter_context(server.database()))

        yield opening


@pytest.fixture
def store(open_again: Open) -> SqlStore:
    return open_again()
