"""What stands beside items: withdrawn ones leave every view, remarks stay, what is passed on."""

from __future__ import annotations

from allied.node.ports import Store
from allied.node.rows import RELABELLED, RemarkRow
from tests.adapters.contract import rows
from tests.adapters.contract.rows import HARBOUR, NORTHGATE, PACT, RIVER, item


def test_a_withdrawn_item_leaves_every_view_and_its_bytes_stay_until_erased(store: Store) -> None:
    with store.write() as writing:
        known = rows.classes(writing, 1)[0]
        writing.add_items([item(f"indicator--{n}", known) for n in range(3)])
        found = writing.items(PACT, RIVER, limit=10)
        raw = writing.item_bytes(found)[found[1].digest]
        writing.withdraw_items(found[1:2], "recalled", "r" * 64, rows.at(5), erase=False)
    with store.read() as reading:
        assert [each.seq for each in reading.items(PACT, RIVER, limit=10)] == [1, 3]
        assert reading.item_counts(PACT, RIVER) == {known: 2}
        assert reading.joined_items(RIVER, [known], limit=10).count == 2
        assert found[1].digest not in reading.item_bytes(found)
        (gone,) = reading.withdrawn(PACT, RIVER)
        assert (gone.item.id, gone.reason, gone.raw) == ("indicator--1", "recalled", raw)
        assert gone.at == rows.at(5)
        assert reading.withdrawn(PACT, RIVER, item="indicator--0") == []
        assert reading.withdrawn_names(PACT, RIVER, ["indicator--1"]) == {
            (gone.item.originator, gone.item.id, gone.item.modified)
        }
    with store.write() as writing:
        writing.erase_withdrawn([gone.item.seq])
    with store.read() as reading:
        assert reading.withdrawn(PACT, RIVER)[0].raw is None


def test_bytes_that_another_shared_too_stay_for_that_one(store: Store) -> None:
    """OCTI#6951: a remote delete removes only what that remote asserted."""
    with store.write() as writing:
        known = rows.classes(writing, 1)[0]
        writing.add_items([item("indicator--1", known, originator=NORTHGATE)])
        writing.add_items([item("indicator--1", known, originator=HARBOUR)])
        first, second = writing.items(PACT, RIVER, limit=10)
        writing.withdraw_items([first], "deleted", "", rows.at(5), erase=True)
    with store.read() as reading:
        assert reading.item_bytes([second])[second.digest]
        assert reading.withdrawn(PACT, RIVER)[0].raw is None
        assert reading.item_counts(PACT, RIVER) == {known: 1}
    with store.write() as writing:
        writing.withdraw_items([second], "deleted", "", rows.at(6), erase=True)
    with store.read() as reading:
        assert reading.item_counts(PACT, RIVER) == {}


def test_remarks_are_kept_once_and_taken_back(store: Store) -> None:
    said = RemarkRow(RIVER, "indicator--1", "tag", "seen-here", "kim", rows.at(1))
    with store.write() as writing:
        assert writing.add_remark(said)
        assert not writing.add_remark(said)
    with store.read() as reading:
        assert reading.remarks(RIVER, ["indicator--1"]) == [said] == reading.remarks(RIVER)
        assert reading.remarks(RIVER, ["indicator--2"]) == [] == reading.remarks(HARBOUR)
    with store.write() as writing:
        assert writing.remove_remark(RIVER, "indicator--1", "tag", "seen-here")
        assert not writing.remove_remark(RIVER, "indicator--1", "tag", None)


def test_what_is_passed_on_is_remembered_by_recipient(store: Store) -> None:
    with store.write() as writing:
        known = rows.classes(writing, 1)[0]
        writing.add_items([item(f"indicator--{n}", known) for n in range(2)])
        writing.pass_on(PACT, RIVER, "northgate", [2, 2, 99], rows.at(1))
    with store.read() as reading:
        assert [each.seq for each in reading.passed_on(PACT, RIVER, "northgate")] == [2]
        assert list(reading.passed_on(PACT, RIVER, "harbour")) == []


def test_items_that_take_another_class_go_on_under_new_numbers(store: Store) -> None:
    with store.write() as writing:
        amber, green = rows.classes(writing, 2)
        writing.add_items([item(f"indicator--{n}", amber) for n in range(4)])
        writing.pass_on(PACT, RIVER, "northgate", [2, 3], rows.at(1))
        before = writing.items(PACT, RIVER, limit=10)
        raws = writing.item_bytes(before)
        writing.relabel_items(before[1:3], green, rows.at(5))
    with store.read() as reading:
        now = reading.items(PACT, RIVER, limit=10)
        assert [(each.seq, each.id, each.class_id) for each in now] == [
            (1, "indicator--0", amber),
            (4, "indicator--3", amber),
            (5, "indicator--1", green),
            (6, "indicator--2", green),
        ]
        assert reading.item_bytes(now) == raws
        assert [each.added for each in now] == sorted(each.added for each in now)
        assert reading.item_counts(PACT, RIVER) == {amber: 2, green: 2}
        assert [each.seq for each in reading.passed_on(PACT, RIVER, "northgate")] == [5, 6]
        gone = reading.withdrawn(PACT, RIVER)
        assert [(each.item.seq, each.reason, each.raw) for each in gone] == [
            (2, RELABELLED, None),
            (3, RELABELLED, None),
        ]
        same = {(each.statement, each.proof, each.share, each.received_at) for each in now}
        assert same == {
            (each.statement, each.proof, each.share, each.received_at) for each in before
        }
    with store.write() as writing:  # the twin: what is not here is passed over
        writing.relabel_items(before[1:3], green, rows.at(6))
    with store.read() as reading:
        assert reading.items(PACT, RIVER, limit=10) == now
