"""Whether a value is one of many: the same answer on both databases, also for none and for many."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlalchemy import select

from allied.adapters.sql import SqlStore
from allied.adapters.sql.dialect import among
from allied.adapters.sql.schema import items
from tests.adapters.contract import rows
from tests.adapters.contract.rows import NORTHGATE, PACT, RIVER, item


def filled(store: SqlStore) -> None:
    with store.write() as writing:
        known = rows.classes(writing, 1)[0]
        writing.add_items([item(f"indicator--{n}", known) for n in range(3)])


@pytest.mark.parametrize(
    ("numbers", "found"),
    [
        pytest.param((), 0, id="none of none"),
        pytest.param((7, 8), 0, id="none of others"),
        pytest.param((1, 3), 2, id="some"),
        pytest.param(range(1, 40_000), 3, id="each of very many"),
    ],
)
def test_whether_a_value_is_among_many(store: SqlStore, numbers: Sequence[int], found: int) -> None:
    filled(store)
    texts = [f"indicator--{number - 1}" for number in numbers]
    with store.engine.connect() as connection:
        by_number = select(items.c.seq).where(among(connection, items.c.seq, numbers))
        by_text = select(items.c.seq).where(among(connection, items.c.id, texts))
        assert len(connection.execute(by_number).all()) == found
        assert len(connection.execute(by_text).all()) == found
        none_of_them = select(items.c.seq).where(~among(connection, items.c.seq, numbers))
        assert len(connection.execute(none_of_them).all()) == 3 - found


def test_who_asks_for_nothing_gets_nothing_and_changes_nothing(store: SqlStore) -> None:
    filled(store)
    with store.write() as writing:
        writing.erase_withdrawn([])
        writing.withdraw_items([], "deleted", "", rows.at(5), erase=True)
        writing.unpark([])
        assert writing.withdrawn_names(PACT, RIVER, []) == frozenset()
        assert writing.remarks(RIVER, []) == []
        assert writing.item_bytes([]) == {}
        assert writing.bytes_at([]) == {}
        assert writing.classes_of_items(PACT, RIVER, NORTHGATE, []) == {}
    with store.read() as reading:
        assert len(reading.items(PACT, RIVER, limit=10)) == 3
