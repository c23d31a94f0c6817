"""A shelf per module: opening a node costs more than most tests of one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.taxii.shelf import Shelf, open_shelf


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    opened = open_shelf(tmp_path_factory.mktemp("node"))
    yield opened
    opened.node.close()


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Shelf]:
    """A shelf of its own, for tests in which no item may have been dated before."""
    opened = open_shelf(tmp_path)
    yield opened
    opened.node.close()
