"""Recall: it reaches every copy, each holder answers, and nothing comes back unseen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from allied.agreement.values import Tlp
from allied.errors import AlliedError
from allied.node import disclosures, items, ledger, recalls
from allied.node.recall_views import HolderView, left_here, list_recalls
from allied.node.receipts import ReceiptView, receipts
from allied.record.ids import AgreementId
from tests.exchange.samples import indicator, tlp
from tests.node.hands import DEMO, HARBOUR, NORTHGATE, RIVER, allied, held, share
from tests.node.network import House, Network

MEMBERS = DEMO.replace(b"kind: agency, role: observer", b"kind: agency")
SILENT = MEMBERS.replace(b"    recall: {comply_within: 24 hours, confirm: yes}\n", b"")
ITEM = indicator(1, object_marking_refs=tlp(Tlp.AMBER))
OTHER = indicator(2, object_marking_refs=tlp(Tlp.AMBER))
PUBLIC = indicator(3, object_marking_refs=tlp(Tlp.CLEAR))
NAME = str(ITEM["id"])


def refused(code: str, call: Callable[[], object]) -> None:
    with pytest.raises(AlliedError) as refusal:
        call()
    assert refusal.value.code == code


def spread(tmp_path: Path, text: bytes = MEMBERS) -> tuple[Network, str]:
    network, pact = allied(tmp_path, text)
    share(network.houses[RIVER], pact, ITEM, OTHER)
    network.settle()
    return network, pact


def gone(house: House) -> None:
    refused("item.withdrawn", lambda: items.show(house.node, house.organisation, NAME))


def taken_back(network: Network, pact: str, name: str = NAME) -> None:
    river = network.houses[RIVER]
    recalls.recall(river.node, river.actor, name, pact, "it names a customer")
    network.settle()


def holder(network: Network, label: str) -> HolderView:
    river = network.houses[RIVER]
    (view,) = list_recalls(river.node, river.organisation)
    return next(each for each in view.holders if each.party == label)


def silent(network: Network) -> tuple[str, ...]:
    river = network.houses[RIVER]
    (view,) = list_recalls(river.node, river.organisation)
    return view.silent


def receipt(house: House, party: str, name: str = NAME) -> ReceiptView:
    found = receipts(house.node, house.organisation, name)
    return next(each for each in found if each.party == party)


def test_a_recall_reaches_every_copy_at_once(tmp_path: Path) -> None:
    """MISP#4681: deletion reaches every copy."""
    network, pact = spread(tmp_path)
    taken_back(network, pact)
    for house in network.houses.values():
        assert NAME not in held(house, pact)
        assert str(OTHER["id"]) in held(house, pact)  # the twin that stays
        gone(house)
    harbour = network.houses[HARBOUR]
    (view,) = list_recalls(harbour.node, harbour.organisation)
    assert (view.mine, view.by, view.item) == (False, RIVER, NAME)
    assert view.why == "it names a customer"
    (mine,) = view.holders
    assert mine.state == "owed"
    assert mine.due is not None
    assert mine.due - network.clock.now() <= timedelta(hours=24)


def test_each_holder_answers_deleted_or_kept_or_is_listed_as_silent(tmp_path: Path) -> None:
    network, pact = spread(tmp_path)
    harbour, northgate = network.houses[HARBOUR], network.houses[NORTHGATE]
    taken_back(network, pact)
    assert holder(network, HARBOUR).state == holder(network, NORTHGATE).state == "owed"
    assert silent(network) == (HARBOUR, NORTHGATE)
    recalls.answer(harbour.node, harbour.actor, NAME)
    network.settle()
    assert holder(network, HARBOUR).state == "deleted"
    with harbour.node.store.read() as reading:
        (gone,) = reading.withdrawn(view_agreement(harbour), harbour.organisation.id)
    assert gone.raw is None
    network.advance(timedelta(hours=25))
    network.settle()
    assert holder(network, NORTHGATE).state == "overdue"
    assert silent(network) == (NORTHGATE,)
    recalls.answer(northgate.node, northgate.actor, NAME, kept="a court order")
    network.settle()
    assert silent(network) == ()
    told = holder(network, NORTHGATE)
    assert (told.state, told.late, told.reason) == ("kept", True, "a court order")
    with northgate.node.store.read() as reading:
        (gone,) = reading.withdrawn(view_agreement(northgate), northgate.organisation.id)
    assert gone.raw is not None
    assert NAME not in held(northgate, pact)


def view_agreement(house: House) -> AgreementId:
    (view,) = list_recalls(house.node, house.organisation)
    return view.agreement


def test_receipts_say_who_has_it_since_when_under_which_clause(tmp_path: Path) -> None:
    """MISP#4682, OCTI#10011: who received it is answerable."""
    network, pact = spread(tmp_path)
    river, harbour = network.houses[RIVER], network.houses[HARBOUR]
    found = receipt(river, HARBOUR)
    assert found.art == "1"
    assert found.receipt_at is not None
    assert found.recall == ""
    assert {each.party for each in receipts(river.node, river.organisation, NAME)} == {
        HARBOUR,
        NORTHGATE,
    }
    taken_back(network, pact)
    assert receipt(river, HARBOUR).recall == "owed"
    recalls.answer(harbour.node, harbour.actor, NAME)
    network.settle()
    assert receipt(river, HARBOUR).recall == "deleted"
    refused("item.unknown", lambda: receipts(river.node, river.organisation, "indicator--none"))


def test_what_was_recalled_is_not_shared_again_unseen(tmp_path: Path) -> None:
    network, pact = spread(tmp_path)
    river = network.houses[RIVER]
    taken_back(network, pact)
    again = share(river, pact, ITEM, indicator(4, object_marking_refs=tlp(Tlp.AMBER)))
    assert again.refused == {"exchange.recalled": 1}
    assert again.stored == 1
    network.settle()
    assert NAME not in held(network.houses[HARBOUR], pact)


def test_one_version_is_recalled_by_its_number_and_another_one_stays(tmp_path: Path) -> None:
    network, pact = spread(tmp_path)
    river = network.houses[RIVER]
    newer = ITEM | {"modified": "2026-11-22T00:00:00.000Z", "name": "corrected"}
    share(river, pact, newer)
    network.settle()
    first = min(
        each.seq
        for each in items.list_items(river.node, river.organisation, agreement=pact)
        if each.id == NAME
    )
    taken_back(network, pact, str(first))
    for house in network.houses.values():
        (left,) = [
            each
            for each in items.list_items(house.node, house.organisation, agreement=pact)
            if each.id == NAME
        ]
        assert left.modified == newer["modified"]


def test_what_is_public_is_corrected_and_nobody_owes_anything(tmp_path: Path) -> None:
    network, pact = spread(tmp_path)
    river, harbour = network.houses[RIVER], network.houses[HARBOUR]
    share(river, pact, PUBLIC)
    network.settle()
    name = str(PUBLIC["id"])
    taken_back(network, pact, name)
    assert name not in held(river, pact)
    assert name in held(harbour, pact)
    assert holder(network, HARBOUR).state == "corrected"
    with harbour.node.store.read() as reading:
        assert [each.kind for each in reading.remarks(harbour.organisation.id, [name])] == [
            "correction"
        ]
    refused("recall.nothing-owed", lambda: recalls.answer(harbour.node, harbour.actor, name))


def test_only_the_originator_recalls_and_only_where_the_clause_says_so(tmp_path: Path) -> None:
    network, pact = spread(tmp_path, SILENT)
    river, harbour = network.houses[RIVER], network.houses[HARBOUR]
    refused(
        "exchange.no-recall",
        lambda: recalls.recall(river.node, river.actor, NAME, pact, "sorry"),
    )
    refused(
        "exchange.not-the-originator",
        lambda: recalls.recall(harbour.node, harbour.actor, NAME, pact, "not ours"),
    )
    refused(
        "item.unknown",
        lambda: recalls.recall(river.node, river.actor, "indicator--none", pact, "x"),
    )
    refused("recall.unknown", lambda: recalls.answer(harbour.node, harbour.actor, NAME))
    assert NAME in held(harbour, pact)


def test_a_dry_run_names_the_holders_and_recalls_nothing(tmp_path: Path) -> None:
    network, pact = spread(tmp_path)
    river = network.houses[RIVER]
    found = recalls.recall(river.node, river.actor, NAME, pact, "x", dry_run=True)
    assert {each.party for each in found.holders} == {HARBOUR, NORTHGATE}
    network.settle()
    assert NAME in held(network.houses[HARBOUR], pact)
    assert list_recalls(river.node, river.organisation) == []


def test_a_holder_that_is_not_reached_is_listed_so(tmp_path: Path) -> None:
    network, pact = spread(tmp_path)
    network.cut_between(RIVER, NORTHGATE)
    taken_back(network, pact)
    network.advance(timedelta(days=3))
    assert holder(network, NORTHGATE).state == "not-reached"
    assert NAME in held(network.houses[NORTHGATE], pact)
    network.heal()
    network.settle()
    assert NAME not in held(network.houses[NORTHGATE], pact)


def test_a_recall_that_is_here_before_the_item_keeps_it_out(tmp_path: Path) -> None:
    network, pact = spread(tmp_path)
    river, harbour = network.houses[RIVER], network.houses[HARBOUR]
    taken_back(network, pact)
    with harbour.node.store.write() as writing:
        row = writing.withdrawn(view_agreement(harbour), harbour.organisation.id)[0]
        assert row.item.id == NAME
        writing.set_cursor(f"items:{harbour.organisation.id}:{river.organisation.id}:{pact}", "")
    network.settle()
    assert NAME not in held(harbour, pact)


def test_a_recall_stands_in_the_ledger(tmp_path: Path) -> None:
    network, pact = spread(tmp_path)
    river = network.houses[RIVER]
    taken_back(network, pact)
    with river.node.store.read() as reading:
        rows = reading.ledger(river.organisation.id)
        assert {row.recipient for row in rows if row.outcome == ledger.RECALLED} == {
            HARBOUR,
            NORTHGATE,
        }
        assert ledger.verify(reading, river.organisation.id) == len(rows)


def test_a_recall_reaches_every_version_however_many_there_are(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, MEMBERS)
    river, harbour, _ = network.houses.values()
    for minute in range(6):  # 1,200: more than are read at a time
        versions = [
            ITEM | {"modified": f"2026-03-02T00:{minute:02d}:{number % 60:02d}.{number:03d}Z"}
            for number in range(200)
        ]
        assert share(river, pact, *versions).stored >= len(versions)
    network.settle()
    assert len(versions_here(harbour, pact)) == 1_200
    latest = items.show(harbour.node, harbour.organisation, NAME).item.modified
    assert latest == max(versions_here(harbour, pact))
    taken_back(network, pact)
    for house in (river, harbour):
        assert versions_here(house, pact) == []
        gone(house)
    pact_id = AgreementId(pact)
    with harbour.node.store.read() as reading:
        left = left_here(reading, pact_id, harbour.organisation.id, NAME)
    assert len(left) == 1_200
    assert all(each.raw for each in left)
    recalls.answer(harbour.node, harbour.actor, NAME)
    with harbour.node.store.read() as reading:
        left = left_here(reading, pact_id, harbour.organisation.id, NAME)
    assert len(left) == 1_200
    assert not any(each.raw for each in left)
    with river.node.store.read() as reading:
        here = left_here(reading, pact_id, river.organisation.id, NAME)
    last = disclosures.Asked(item=str(here[-1].item.seq))  # by its number
    assert disclosures.rows(river.node, river.organisation, last)


def versions_here(house: House, pact: str) -> list[str]:
    found = items.list_items(house.node, house.organisation, agreement=pact, item=NAME, limit=5_000)
    return [each.modified for each in found]
