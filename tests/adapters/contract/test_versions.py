"""Versions of objects, the bytes of a few items, and what became of an addition."""

from __future__ import annotations

import pytest

from allied.node.ports import Store
from allied.node.rows import StatusRow, Version
from tests.adapters.contract import rows
from tests.adapters.contract.rows import HARBOUR, NORTHGATE, RIVER, TREATY, item

NEWER = "2026-02-02T00:00:00Z"
ADDED = rows.microseconds(rows.START)


def version(seq: int, name: str, class_id: int, **changed: object) -> Version:
    values: dict[str, object] = {
        "seq": seq,
        "id": name,
        "originator": HARBOUR,
        "modified": "2026-01-01T00:00:00.000Z",
        "added": ADDED + seq - 1,
        "class_id": class_id,
        "size": len(rows.raw_of(name)),
    }
    return Version(**(values | changed))  # type: ignore[arg-type]


FIRST, SECOND = version(1, "indicator--1", 1), version(2, "indicator--1", 2, modified=NEWER)
OTHER = version(3, "indicator--2", 1)
ANOTHERS = version(4, "indicator--1", 1, originator=NORTHGATE)
ELSEWHERE = version(5, "indicator--1", 3)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        pytest.param({"ids": ("indicator--1",)}, [FIRST, SECOND, ANOTHERS, ELSEWHERE], id="one"),
        pytest.param({"ids": ("indicator--2", "indicator--1")},
                     [OTHER, FIRST, SECOND, ANOTHERS, ELSEWHERE], id="two"),
        pytest.param({"ids": ("indicator--9",)}, [], id="none of that name"),
        pytest.param({"numbers": (5, 2)}, [SECOND, ELSEWHERE], id="by number"),
        pytest.param({"numbers": (6, 77)}, [], id="a number of another holder, and of nobody"),
        pytest.param({"numbers": range(-600, 700)}, [FIRST, SECOND, OTHER, ANOTHERS, ELSEWHERE],
                     id="many numbers"),
        pytest.param({}, [], id="nothing asked"),
    ],
)  # fmt: skip
def test_the_versions_of_objects_by_id_and_by_number(
    store: Store, asked: dict[str, tuple[object, ...]], found: list[Version]
) -> None:
    with store.write() as writing:
        one, two = rows.classes(writing, 2)
        (elsewhere,) = rows.classes(writing, 1, TREATY)
        assert list(writing.versions(RIVER, ids=("indicator--1",))) == []
        writing.add_items(
            [
                item("indicator--1", one),
                item("indicator--1", two, modified=NEWER),
                item("indicator--2", one),
                item("indicator--1", one, originator=NORTHGATE),
                item("indicator--1", elsewhere, under=TREATY),
                item("indicator--1", one, holder=HARBOUR),
            ]
        )
    with store.read() as reading:
        assert list(reading.versions(RIVER, **asked)) == found  # type: ignore[arg-type]


def test_bytes_by_number(store: Store) -> None:
    with store.write() as writing:
        known = rows.classes(writing, 1)
        writing.add_items([item(f"indicator--{n}", known[0]) for n in range(3)])
    with store.read() as reading:
        assert reading.bytes_at([3, 1, 99]) == {
            1: rows.raw_of("indicator--0"), 3: rows.raw_of("indicator--2"),
        }  # fmt: skip
        assert reading.bytes_at([]) == {}


def test_what_became_of_an_addition_is_kept_until_it_expires(store: Store) -> None:
    kept = StatusRow("one", RIVER, "a-root", rows.at(20), b'{"status":"complete"}')
    ended = StatusRow("two", RIVER, "a-root", rows.at(10), b"{}")
    with store.write() as writing:
        writing.put_status(kept)
        writing.put_status(ended)
    with store.write() as writing:
        assert writing.status("two") == ended
        writing.forget_statuses(rows.at(20))
    with store.read() as reading:
        assert reading.status("one") == kept
        assert reading.status("two") is None
        assert reading.status("three") is None
