"""One stand for the tests that only read; a fresh one for those that change it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rest.stand import Stand, standing


@pytest.fixture(scope="session")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """An agreement, items, an incident with an obligation; nobody changes it."""
    with standing(tmp_path_factory.mktemp("stand")) as found:
        yield found


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Stand]:
    """The same for one test alone, without items."""
    with standing(tmp_path, bundles=()) as found:
        yield found
