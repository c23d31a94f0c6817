"""One set of three serving nodes for the stories of a test run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stories.alliance import Alliance, standing
from tests.stories.texts import TEXTS


@pytest.fixture(scope="package")
def alliance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alliance]:
    with standing(tmp_path_factory.mktemp("alliance"), tuple(TEXTS)) as stands:
        yield stands
