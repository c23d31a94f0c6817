"""What was agreed about keeping is executed: deleted, expired, relaxed; by everybody for itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from allied.agreement.values import Tlp
from allied.exchange.marking import IEP_EXTENSION
from allied.node import items, ledger, recalls, sweeping
from allied.node.messages import ItemsQuestion
from allied.node.pages import ItemsAnswer
from allied.node.receipts import receipts
from allied.node.release import page
from allied.node.rows import RELABELLED, LedgerRow, WithdrawnRow
from allied.record.ids import AgreementId
from tests.exchange.samples import identity, indicator, link, tlp
from tests.node.hands import DEMO, HARBOUR, NORTHGATE, RIVER, allied, folded, held, share
from tests.node.network import House, Network

MEMBERS = DEMO.replace(b"kind: agency, role: observer", b"kind: agency")
LINE = b"    recall: {comply_within: 24 hours, confirm: yes}\n"
RETENTION = MEMBERS.replace(LINE, LINE + b"    retention: 30 days\n")
DIES = MEMBERS.replace(LINE, LINE + b"    sunset: {after: 30 days, then: expire}\n")
RELAXES = LINE + b"    sunset: {after: 30 days, then: relax, tlp: GREEN}\n"
OBSERVED = DEMO.replace(LINE, RELAXES)
ITEM = indicator(1, object_marking_refs=tlp(Tlp.AMBER))
NEXT = indicator(2, object_marking_refs=tlp(Tlp.AMBER))
NAME, OTHER = str(ITEM["id"]), str(NEXT["id"])
AUTHOR = identity(object_marking_refs=tlp(Tlp.AMBER))
RIVER_ID = str(AUTHOR["id"])


def started(tmp_path: Path, text: bytes, *objects: dict[str, object]) -> tuple[Network, str]:
    network, pact = allied(tmp_path, text)
    share(network.houses[RIVER], pact, *(objects or (ITEM,)))
    network.settle()
    return network, pact


def gone(house: House, pact: str) -> list[WithdrawnRow]:
    with house.node.store.read() as reading:
        return [
            each
            for each in reading.withdrawn(AgreementId(pact), house.organisation.id)
            if each.item.type == "indicator"
        ]


def written(house: House, outcome: str) -> Sequence[LedgerRow]:
    with house.node.store.read() as reading:
        ledger.verify(reading, house.organisation.id)
        rows = reading.ledger(house.organisation.id)
    return [row for row in rows if row.outcome == outcome]


def indicators(house: House, pact: str) -> set[str]:
    return {each for each in held(house, pact) if each.startswith("indicator")}


# --- retention ----------------------------------------------------------------------------


def test_what_is_kept_for_so_long_is_gone_everywhere_at_that_instant(tmp_path: Path) -> None:
    network, pact = started(tmp_path, RETENTION)
    network.advance(timedelta(days=30) - timedelta(seconds=1))
    network.settle()
    assert all(NAME in held(house, pact) for house in network.houses.values())
    network.advance(timedelta(seconds=1))
    network.settle()
    for house in network.houses.values():
        assert held(house, pact) == []
        (row,) = gone(house, pact)
        assert (row.reason, row.raw) == (sweeping.RETENTION, None)
        (entry,) = [each for each in written(house, sweeping.ENDED) if each.count == 1][:1]
        assert (entry.code, entry.art, entry.via) == ("exchange.retention", "1", "sweep")
        assert entry.recipient == house.label
        assert entry.first <= row.item.seq <= entry.last


def test_what_came_later_stays_until_its_own_time(tmp_path: Path) -> None:
    network, pact = started(tmp_path, RETENTION)
    network.advance(timedelta(days=10))
    network.settle()
    share(network.houses[RIVER], pact, NEXT)
    network.settle()
    network.advance(timedelta(days=20))
    network.settle()
    for house in network.houses.values():
        assert indicators(house, pact) == {OTHER}
    network.advance(timedelta(days=10))
    network.settle()
    assert all(held(house, pact) == [] for house in network.houses.values())


def test_nothing_ends_where_nothing_was_agreed(tmp_path: Path) -> None:
    network, pact = started(tmp_path, MEMBERS)
    network.advance(timedelta(days=4_000))
    network.settle()
    assert all(NAME in held(house, pact) for house in network.houses.values())
    assert written(network.houses[RIVER], sweeping.ENDED) == []


def test_what_was_deleted_does_not_come_back_from_who_still_has_it(tmp_path: Path) -> None:
    network, pact = started(tmp_path, RETENTION)
    river, harbour, _ = network.houses.values()
    network.cut_between(RIVER, HARBOUR)
    network.advance(timedelta(days=31))
    harbour.sync()
    assert held(harbour, pact) == []
    again = share(river, pact, ITEM)
    assert again.stored == 0
    with harbour.node.store.write() as writing:
        writing.set_cursor(f"items:{harbour.organisation.id}:{river.organisation.id}:{pact}", "")
    network.heal()
    network.settle()
    assert NAME not in held(harbour, pact)


def test_a_release_ends_what_is_over_before_anything_leaves(tmp_path: Path) -> None:
    open_ = indicator(1, object_marking_refs=tlp(Tlp.GREEN))
    network, pact = started(tmp_path, RETENTION, open_)
    river, harbour, _ = network.houses.values()
    question = ItemsQuestion(AgreementId(pact))

    def got() -> set[str]:
        answer = page(river.node, harbour.organisation.id, river.organisation.id, question)
        return {each.id for each in ItemsAnswer.decode(answer).items if each.id == NAME}

    network.advance(timedelta(days=29))
    assert got() == {NAME}
    network.advance(timedelta(days=1))
    assert got() == set()
    assert held(river, pact) == []


def test_what_goes_along_with_others_stays_as_long_as_they_do(tmp_path: Path) -> None:
    made = {"created_by_ref": RIVER_ID}
    network, pact = started(tmp_path, RETENTION, AUTHOR, ITEM | made)
    river, harbour, _ = network.houses.values()
    network.advance(timedelta(days=20))
    network.settle()
    share(river, pact, NEXT | made)
    network.settle()
    network.advance(timedelta(days=15))
    network.settle()
    assert set(held(harbour, pact)) >= {RIVER_ID, OTHER}
    assert NAME not in held(harbour, pact)
    network.advance(timedelta(days=15))
    network.settle()
    assert held(harbour, pact) == []
    assert held(river, pact) == []


def test_what_goes_along_leaves_when_the_last_of_the_others_is_recalled(tmp_path: Path) -> None:
    made = {"created_by_ref": RIVER_ID}
    network, pact = started(tmp_path, RETENTION, AUTHOR)
    river, harbour, _ = network.houses.values()
    network.advance(timedelta(days=20))
    network.settle()
    share(river, pact, NEXT | made)
    network.settle()
    network.advance(timedelta(days=15))
    network.settle()
    assert RIVER_ID in held(river, pact)  # over, and needed
    recalls.recall(river.node, river.actor, OTHER, pact, "wrong")
    network.settle()
    assert held(river, pact) == []
    assert RIVER_ID not in held(harbour, pact)


# --- sunset: the item ends ----------------------------------------------------------------


def test_a_sunset_counts_from_the_sharing_whenever_it_came(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, DIES)
    river, harbour, _ = network.houses.values()
    network.cut_between(RIVER, HARBOUR)
    share(river, pact, ITEM)
    network.settle()
    network.advance(timedelta(days=20))
    network.heal()
    network.settle()
    assert NAME in held(harbour, pact)
    network.advance(timedelta(days=10))
    network.settle()
    for house in network.houses.values():
        assert indicators(house, pact) == set()
        (row,) = gone(house, pact)
        assert (row.reason, row.raw) == (sweeping.EXPIRED, None)
    assert written(harbour, sweeping.ENDED)[0].code == "exchange.sunset"


def test_a_marking_that_ends_takes_the_item_out_of_view_and_its_bytes_stay(
    tmp_path: Path,
) -> None:
    policy = {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": "marking-definition--00000000-0000-4000-8000-0000000000e1",
        "created": "2026-11-01T00:00:00.000Z",
        "extensions": {
            IEP_EXTENSION: {
                "extension_type": "property-extension",
                "encrypt_in_transit": "may",
                "permitted_actions": "externally-visible-direct-actions",
                "affected_party_notifications": "may",
                "provider_attribution": "may",
                "unmodified_resale": "must-not",
                "tlp": "amber",
                "end_date": "2026-11-30T00:00:00Z",
            }
        },
    }
    marked = indicator(5, object_marking_refs=[policy["id"]])
    network, pact = allied(tmp_path, MEMBERS)
    river, harbour, _ = network.houses.values()
    share(river, pact, policy, marked, ITEM)
    network.settle()
    assert str(marked["id"]) in held(harbour, pact)
    network.advance(timedelta(days=8))
    network.settle()
    assert indicators(harbour, pact) == {NAME}
    (row,) = gone(harbour, pact)
    assert row.reason == sweeping.EXPIRED
    assert row.raw is not None


# --- sunset: the marking relaxes ----------------------------------------------------------


def test_a_marking_that_relaxes_lets_more_have_it_from_then_on(tmp_path: Path) -> None:
    """Northgate is an observer, and receives up to GREEN."""
    network, pact = started(tmp_path, OBSERVED)
    river, harbour, northgate = network.houses.values()
    assert NAME not in held(northgate, pact)
    network.advance(timedelta(days=30) - timedelta(seconds=2))
    network.settle()
    assert NAME not in held(northgate, pact)
    network.advance(timedelta(seconds=2))
    network.settle()
    assert NAME in held(northgate, pact)
    for house in network.houses.values():
        assert items.show(house.node, house.organisation, NAME).item.tlp == "GREEN"
        assert len(indicators(house, pact)) == 1
    (entry,) = [each for each in written(harbour, sweeping.RELAXED) if each.count]
    assert (entry.code, entry.art) == ("exchange.sunset", "1")
    assert all(each.reason == RELABELLED for each in gone(river, pact))


def test_what_was_shared_under_the_stricter_marking_is_recalled_and_answered_for(
    tmp_path: Path,
) -> None:
    network, pact = started(tmp_path, OBSERVED)
    river, harbour, northgate = network.houses.values()
    network.advance(timedelta(days=30))
    network.settle()
    since = {str(each.party): each.since for each in receipts(river.node, river.organisation, NAME)}
    assert since.keys() == {HARBOUR, NORTHGATE}
    assert since[NORTHGATE] - since[HARBOUR] >= timedelta(days=29)
    recalls.recall(river.node, river.actor, NAME, pact, "wrong")
    network.settle()
    assert all(NAME not in held(house, pact) for house in (river, harbour, northgate))
    found = {each.party: each.recall for each in receipts(river.node, river.organisation, NAME)}
    assert found == {HARBOUR: "owed", NORTHGATE: "owed"}


def test_what_goes_along_relaxes_with_it_and_a_link_stays(tmp_path: Path) -> None:
    made = {"created_by_ref": RIVER_ID}
    between = link(ITEM, NEXT, object_marking_refs=tlp(Tlp.AMBER))
    network, pact = started(tmp_path, OBSERVED, AUTHOR, ITEM | made, NEXT | made, between)
    northgate = network.houses[NORTHGATE]
    assert held(northgate, pact) == []
    network.advance(timedelta(days=30))
    network.settle(5)
    assert set(held(northgate, pact)) >= {RIVER_ID, NAME, OTHER}
    assert str(between["id"]) not in held(northgate, pact)
    assert str(between["id"]) in held(network.houses[HARBOUR], pact)


# --- rounds -------------------------------------------------------------------------------


def test_a_dry_run_says_what_would_end_and_changes_nothing(tmp_path: Path) -> None:
    network, pact = started(tmp_path, RETENTION)
    river = network.houses[RIVER]
    network.advance(timedelta(days=30))
    dry = sweeping.sweep(river.node, dry_run=True)
    assert NAME in held(river, pact)
    assert sweeping.sweep(river.node) == dry
    assert {(each.code, each.did, each.art) for each in dry} == {
        ("exchange.retention", "erased", "1")
    }
    assert NAME not in held(river, pact)
    assert sweeping.sweep(river.node) == []
    with river.node.store.read() as reading:
        changes = reading.changes()
    assert sweeping.sweep(river.node) == []
    with river.node.store.read() as reading:  # a round in which nothing ends writes nothing
        assert reading.changes() == changes


def test_an_item_says_when_it_ends_and_under_which_clause(tmp_path: Path) -> None:
    network, _ = started(tmp_path, OBSERVED.replace(RELAXES, RELAXES + b"    retention: 60 days\n"))
    harbour = network.houses[HARBOUR]
    with harbour.node.store.read() as reading:
        found, row = items.find(harbour.node, reading, harbour.organisation, NAME)
        ends = sweeping.ends_of(reading, found, row, network.clock.now())
    assert (ends.art, ends.why, ends.erased) == ("1", "exchange.retention", True)
    assert ends.over_at == row.received_at + timedelta(days=60)
    assert ends.relaxes_to == "GREEN"
    assert ends.relaxes_at is not None
    assert ends.relaxes_at < ends.over_at
    assert items.show(harbour.node, harbour.organisation, NAME).ends == ends


def test_many_pages_of_items_end_in_one_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "_PAGE", 3)
    many = [indicator(each, object_marking_refs=tlp(Tlp.AMBER)) for each in range(10)]
    network, pact = started(tmp_path, RETENTION, *many)
    river = network.houses[RIVER]
    network.advance(timedelta(days=30))
    found = sweeping.sweep(river.node)
    assert sum(each.items for each in found) >= 10
    assert held(river, pact) == []
    assert folded(river, pact) is not None
