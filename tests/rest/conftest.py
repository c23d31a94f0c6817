"""One stand for the tests that only read; another for those that change it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.rest.stand import Stand, standing


@pytest.fixture(scope="session")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """An agreement, items, an incident with an obligation; nobody changes it."""
    with standing(tmp_path_factory.mktemp("stand")) as found:
        yield found


@pytest.fixture(scope="session")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """The same without items, for tests that change it and count on no other."""
    with standing(tmp_path_factory.mktemp("busy"), bundles=()) as found:
        yield found


@pytest.fixture(scope="session")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """The same with items, for questions that anybody could think of: they change it at will."""
    with standing(tmp_path_factory.mktemp("tried")) as found:
        yield found
