"""Stores to test: one place to add a database, and every contract test runs on it too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from allied.adapters.clock import HandClock, SystemChance
from allied.adapters.sql import SqlStore, open_postgres, open_store
from tests import postgres
from tests.adapters.contract.rows import START

Open = Callable[..., SqlStore]


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
def open_postgresql(postgres_server: postgres.Server) -> Iterator[Open]:
    """Opens the same PostgreSQL database as often as asked, and closes what was opened."""
    opened: list[SqlStore] = []
    with postgres_server.database() as own:

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
    opening: Open = request.getfixturevalue(f"open_{request.param}")
    return opening


@pytest.fixture
def store(open_again: Open) -> SqlStore:
    return open_again()
