"""The table of properties in the documentation names tests that are there and that name them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = re.findall(
    r"^\| (P\d+) \| [^|]+ \| ([^|]+) \|$",
    (ROOT / "docs" / "reference" / "evaluation.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)
BOTH = ("response/test_properties.py", "response/test_properties_of_worlds.py")


def test_every_property_has_a_row() -> None:
    assert [number for number, _ in ROWS] == [f"P{number}" for number in range(1, 22)]


@pytest.mark.parametrize(("number", "cell"), ROWS, ids=[number for number, _ in ROWS])
def test_each_test_that_is_named_speaks_of_the_property(number: str, cell: str) -> None:
    files = [name for name in re.findall(r"`([^`]+)`", cell) if name.endswith(".py")]
    files += BOTH if "both" in cell else ()
    assert files
    word = re.compile(rf"(?<![0-9a-z]){number}(?![0-9])", re.IGNORECASE)
    texts = [(ROOT / "tests" / name).read_text(encoding="utf-8") for name in files]
    assert any(word.search(text) for text in texts), files
