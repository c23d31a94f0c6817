"""Roots of the disclosure ledger: which rows each is about, in their order."""

from __future__ import annotations

import pytest

from allied.errors import ConflictError
from allied.node.ledger_store import LedgerRoot
from allied.node.ports import Store
from allied.record.ids import RecordId
from tests.adapters.contract.rows import HARBOUR, PACT, RIVER, TREATY, hexed


def root(place: int, after: int, last: int, **changed: object) -> LedgerRoot:
    values: dict[str, object] = {
        "organisation": RIVER,
        "agreement": PACT,
        "place": place,
        "series": "5" * 32,
        "number": place,
        "after": after,
        "last": last,
        "count": last - after,
        "through": f"2026-11-{place:02}",
        "seed": bytes(range(32)),
        "record": RecordId(hexed(f"root {place}")),
    }
    return LedgerRoot(**(values | changed))  # type: ignore[arg-type]


def test_roots_come_back_in_their_order_and_by_the_row_they_are_about(store: Store) -> None:
    kept = [root(1, 0, 4), root(2, 4, 4), root(3, 4, 2**40)]
    with store.read() as reading:
        assert reading.newest_ledger_root(RIVER, PACT) is None
    with store.write() as writing:
        for each in reversed(kept):
            writing.add_ledger_root(each)
        writing.add_ledger_root(root(1, 0, 9, agreement=TREATY))
        writing.add_ledger_root(root(1, 0, 9, organisation=HARBOUR))
    with store.read() as reading:
        assert reading.ledger_roots(RIVER, PACT) == kept
        assert reading.ledger_roots(RIVER, PACT, after=1, limit=1) == kept[1:2]
        assert reading.newest_ledger_root(RIVER, PACT) == kept[2]
        by_row = {row: reading.ledger_roots(RIVER, PACT, row=row) for row in (1, 4, 5, 2**40 + 1)}
    assert by_row == {1: kept[:1], 4: kept[:1], 5: kept[2:], 2**40 + 1: []}


def test_a_place_is_taken_once(store: Store) -> None:
    with store.write() as writing:
        writing.add_ledger_root(root(1, 0, 4))
    with pytest.raises(ConflictError, match="stored already"), store.write() as writing:
        writing.add_ledger_root(root(1, 0, 5))
    with store.read() as reading:
        assert reading.ledger_roots(RIVER, PACT) == [root(1, 0, 4)]
