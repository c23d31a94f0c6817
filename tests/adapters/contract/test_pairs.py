"""Which items name which values: kept in steps, asked class by class, gone with the item."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest

from allied.adapters.sql import SqlStore
from allied.node.pairing import Unpaired
from allied.node.ports import Store
from tests.adapters.contract import rows
from tests.adapters.contract.rows import HARBOUR, PACT, RIVER, item

Open = Callable[..., SqlStore]


def stored(store: Store, count: int, classes: int = 1) -> list[int]:
    """Items 1 to `count`, dealt out over so many classes."""
    with store.write() as writing:
        known = rows.classes(writing, classes)
        writing.add_items(
            [item(f"indicator--{n}", known[n % classes], words="x" * n) for n in range(count)]
        )
    return known


def paired(store: Store, values: Mapping[int, Sequence[str]], until: int) -> bool:
    """Keep values by the numbers of their items."""
    with store.read() as reading:
        after = reading.paired_until()
        waiting = {row.seq: row for row in reading.unpaired(1_000)}
    named = {waiting[seq]: each for seq, each in values.items()}
    with store.write() as writing:
        return writing.add_pairs(named, after=after, until=until)


def test_what_nobody_has_looked_at_comes_in_order_from_where_it_stopped(store: Store) -> None:
    (known,) = stored(store, 3)
    with store.read() as reading:
        assert reading.paired_until() == 0
        first, second = reading.unpaired(2)
        assert first == Unpaired(1, RIVER, known, "indicator", len(rows.raw_of("indicator--0")))
        assert second.seq == 2
    assert paired(store, {}, 2)
    with store.read() as reading:
        assert [row.seq for row in reading.unpaired(10)] == [3]
        assert reading.paired_until() == 2
    assert paired(store, {}, 3)
    with store.read() as reading:
        assert reading.unpaired(10) == []


def test_a_value_finds_the_items_that_name_it_the_newest_first(store: Store) -> None:
    (known,) = stored(store, 4)
    paired(store, {1: ["domain a", "domain a"], 2: ["domain b"], 4: ["domain a", "md5 c"]}, 4)
    with store.read() as reading:
        assert list(reading.naming(RIVER, "domain a", [known], 10)) == [4, 1]
        assert list(reading.naming(RIVER, "domain a", [known], 1)) == [4]
        assert list(reading.naming(RIVER, "domain b", [known], 10)) == [2]
        assert list(reading.naming(RIVER, "domain", [known], 10)) == []
        assert list(reading.naming(HARBOUR, "domain a", [known], 10)) == []


def test_only_items_of_the_classes_asked_for_are_found(store: Store) -> None:
    first, second, third = stored(store, 9, classes=3)
    paired(store, {n: ["domain a"] for n in range(1, 10)}, 9)
    with store.read() as reading:
        assert list(reading.naming(RIVER, "domain a", [first], 10)) == [7, 4, 1]
        assert list(reading.naming(RIVER, "domain a", [third, first], 3)) == [9, 7, 6]
        assert list(reading.naming(RIVER, "domain a", [first, second, third], 10)) == [
            *range(9, 0, -1)
        ]
        assert list(reading.naming(RIVER, "domain a", [], 10)) == []
        assert list(reading.naming(RIVER, "domain a", [99], 10)) == []


def test_a_step_that_somebody_else_did_already_changes_nothing(store: Store) -> None:
    (known,) = stored(store, 2)
    with store.read() as reading:
        first, second = reading.unpaired(10)
    with store.write() as writing:
        assert writing.add_pairs({first: ["domain a"]}, after=0, until=1)
    with store.write() as writing:
        assert not writing.add_pairs({second: ["domain a"]}, after=0, until=2)
    with store.read() as reading:
        assert list(reading.naming(RIVER, "domain a", [known], 10)) == [1]
        assert reading.paired_until() == 1


def test_a_step_that_breaks_off_leaves_nothing_and_is_done_again(store: Store) -> None:
    (known,) = stored(store, 1)
    with store.read() as reading:
        (only,) = reading.unpaired(10)

    def breaks_off() -> None:
        with store.write() as writing:
            assert writing.add_pairs({only: ["domain a"]}, after=0, until=1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        breaks_off()
    with store.read() as reading:
        assert reading.paired_until() == 0
        assert list(reading.naming(RIVER, "domain a", [known], 10)) == []
    assert paired(store, {1: ["domain a"]}, 1)  # the twin that passes
    with store.read() as reading:
        assert list(reading.naming(RIVER, "domain a", [known], 10)) == [1]


def test_pairs_are_no_change_that_a_reader_would_be_told_of(store: Store) -> None:
    stored(store, 1)
    with store.read() as reading:
        before = reading.changes()
    paired(store, {1: ["domain a"]}, 1)
    with store.read() as reading:
        assert reading.changes() == before


def test_an_item_that_leaves_takes_its_pairs_along(store: Store) -> None:
    (known,) = stored(store, 3)
    with store.read() as reading:
        waiting = {row.seq: row for row in reading.unpaired(10)}
        items = {row.seq: row for row in reading.items(PACT, RIVER, limit=10)}
    with store.write() as writing:
        writing.withdraw_items([items[2]], "recalled", "", rows.at(1), erase=True)
    with store.write() as writing:  # looked at before, written after it had left
        writing.add_pairs({row: ["domain a"] for row in waiting.values()}, after=0, until=3)
    with store.read() as reading:
        assert list(reading.naming(RIVER, "domain a", [known], 10)) == [3, 1]
    with store.write() as writing:
        writing.withdraw_items([items[3]], "recalled", "", rows.at(1), erase=True)
    with store.read() as reading:
        assert list(reading.naming(RIVER, "domain a", [known], 10)) == [1]


def test_the_table_holds_hashes_that_only_this_database_makes(open_new: Open) -> None:
    keys = set()
    for _ in range(2):
        store = open_new()
        stored(store, 1)
        paired(store, {1: ["domain c2.example"]}, 1)
        with store.engine.begin() as connection:
            keys |= set(connection.exec_driver_sql("SELECT value FROM pairs").scalars())
    assert len(keys) == 2


@pytest.mark.parametrize("count", [pytest.param(3_000, id="a value in thousands of items")])
def test_what_everybody_names_costs_no_more_than_what_is_asked_for(
    store: Store, count: int
) -> None:
    (known,) = stored(store, count)
    with store.read() as reading:
        named = {row: ["domain everywhere"] for row in reading.unpaired(count)}
    with store.write() as writing:
        writing.add_pairs(named, after=0, until=count)
    with store.read() as reading:
        found = list(reading.naming(RIVER, "domain everywhere", [known], 5))
    assert found == [count, count - 1, count - 2, count - 3, count - 4]
