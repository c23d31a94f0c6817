"""One stage for every test that only reads; a fresh one for those that change it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.console.stage import INTEL, Served, Stage, odd_bundle, play, reader, visitor


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Three organisations, an agreement, items, an incident; nobody changes it."""
    return play(tmp_path_factory.mktemp("stage"), bundles=(INTEL, odd_bundle()))


@pytest.fixture
def fresh(tmp_path: Path) -> Stage:
    """The same for one test alone, without items."""
    return play(tmp_path, bundles=())


@pytest.fixture
def river(stage: Stage) -> Iterator[TestClient]:
    """Somebody of River Bank, logged in."""
    with reader(stage.house("river")) as client:
        yield client


@pytest.fixture
def stranger(stage: Stage) -> Iterator[TestClient]:
    """Somebody without a session, at River's console."""
    with visitor(stage.house("river")) as client:
        yield client


@pytest.fixture(scope="session")
def served(stage: Stage) -> Iterator[Served]:
    """River's console on a port of its own."""
    server = Served(stage.house("river"), 0)
    server.start()
    yield server
    server.stop()
