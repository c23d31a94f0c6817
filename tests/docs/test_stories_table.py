"""The table of stories in the documentation and the tests that tell them are the same."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = re.findall(
    r"^\| ((?:MISP|OCTI|conn)#\d+|scenario \d+) \| ([^|]+) \| ([^|]+) \|$",
    (ROOT / "docs" / "reference" / "stories.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)
WANTED = {
    "MISP#4681", "MISP#2223", "MISP#7715", "MISP#10899", "MISP#4200", "MISP#3258", "MISP#4682",
    "OCTI#10011", "OCTI#6951", "OCTI#4537", "conn#7604", "scenario 16", "scenario 17",
    "scenario 18", "scenario 19", "scenario 29",
}  # fmt: skip


def named(cell: str) -> set[str]:
    """The tests that a cell names, as `file::test`."""
    return set(re.findall(r"`([a-z0-9_/]+\.py::\w+)`", cell))


def told_in(file: Path) -> Iterator[tuple[str, set[str]]]:
    """Every test of a file, with the stories that it says it tells."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield (
                node.name,
                {
                    str(argument.value)
                    for call in node.decorator_list
                    if isinstance(call, ast.Call) and ast.unparse(call.func) == "tells"
                    for argument in call.args
                    if isinstance(argument, ast.Constant)
                },
            )


def test_every_story_has_a_row_and_no_row_is_there_twice() -> None:
    stories = [story for story, _, _ in ROWS]
    assert len(stories) == len(set(stories))
    assert set(stories) == WANTED


@pytest.mark.parametrize(("story", "cell"), [(s, c) for s, _, c in ROWS], ids=[r[0] for r in ROWS])
def test_each_test_that_is_named_is_there(story: str, cell: str) -> None:
    assert named(cell), story
    for each in named(cell):
        file, _, test = each.partition("::")
        told = dict(told_in(ROOT / "tests" / file))
        assert test in told, each
        assert not file.startswith("stories/") or story in told[test], each


def test_every_test_that_tells_a_story_stands_in_its_row() -> None:
    rows = {story: named(cell) for story, _, cell in ROWS}
    for file in sorted((ROOT / "tests" / "stories").glob("test_*.py")):
        for test, stories in told_in(file):
            assert stories, f"{test} tells no story"
            for story in stories:
                assert f"stories/{file.name}::{test}" in rows[story]
