"""Passing on what others originated: bytes and statement unchanged, and only where it may go."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from allied.agreement.values import Tlp
from allied.errors import AlliedError
from allied.node import agreements, consents, items, passing, recalls
from allied.node.pages import ItemsAnswer, ItemsPage, SentItem
from allied.node.recall_views import list_recalls
from tests.exchange.samples import indicator, tlp
from tests.node.hands import DEMO, HARBOUR, NORTHGATE, RIVER, allied, held, share
from tests.node.network import House, Network

MEMBERS = DEMO.replace(b"kind: agency, role: observer", b"kind: agency")
NOW = MEMBERS.replace(b"withdrawal: {notice: 90 days", b"withdrawal: {notice: immediately")
ORCON = MEMBERS.replace(
    b"    third_party: originator-consent\n",
    b"    third_party: originator-consent\n    originator_control: yes\n",
)
HUB = (
    DEMO.replace(b"kind: agency, role: observer", b"kind: agency, role: secretariat")
    .replace(b"    duty: should\n", b"    duty: should\n    direction: hub\n")
    .replace(b"      observer: {max_tlp: GREEN", b"      secretariat: {max_tlp: AMBER+STRICT")
)
ITEM = indicator(1, object_marking_refs=tlp(Tlp.AMBER))
NAME = str(ITEM["id"])


def refused(code: str, call: Callable[[], object]) -> None:
    with pytest.raises(AlliedError) as refusal:
        call()
    assert refusal.value.code == code


def line(tmp_path: Path, text: bytes = MEMBERS) -> tuple[Network, str]:
    """River's item is with Harbour; River and Northgate cannot reach each other."""
    network, pact = allied(tmp_path, text)
    network.cut_between(RIVER, NORTHGATE)
    share(network.houses[RIVER], pact, ITEM)
    network.settle()
    assert NAME in held(network.houses[HARBOUR], pact)
    assert NAME not in held(network.houses[NORTHGATE], pact)
    return network, pact


def passes(house: House, to: str, name: str = NAME) -> passing.PassedView:
    (found,) = passing.pass_on(house.node, house.organisation, name, [to])
    return found


def test_an_item_is_passed_on_as_it_is_with_the_originators_statement(tmp_path: Path) -> None:
    network, _ = line(tmp_path)
    river, harbour, northgate = network.houses.values()
    assert passes(harbour, NORTHGATE).permitted
    network.settle()
    here = items.show(northgate.node, northgate.organisation, NAME)
    first = items.show(river.node, river.organisation, NAME)
    assert here.raw == first.raw
    assert here.item.statement == first.item.statement
    assert here.item.originator == RIVER
    assert here.item.via == HARBOUR
    assert here.item.tlp == first.item.tlp
    told = items.explain(harbour.node, harbour.organisation, NAME, NORTHGATE)
    assert told.released_at is not None
    assert told.receipt_at is not None


def test_nothing_is_passed_on_by_itself_but_by_a_hub(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, HUB)
    share(network.houses[RIVER], pact, ITEM)
    network.settle()
    assert NAME in held(network.houses[NORTHGATE], pact)
    network.settle()
    assert NAME in held(network.houses[HARBOUR], pact)  # through the secretariat
    shown = items.show(network.houses[HARBOUR].node, network.houses[HARBOUR].organisation, NAME)
    assert shown.item.via == NORTHGATE


def test_what_the_originator_controls_is_not_passed_on_unasked(tmp_path: Path) -> None:
    network, pact = line(tmp_path, ORCON)
    harbour = network.houses[HARBOUR]
    found = passes(harbour, NORTHGATE)
    assert (found.permitted, found.outcome) == (False, "ask-originator")
    network.settle()
    assert NAME not in held(network.houses[NORTHGATE], pact)


def asked(network: Network, to: str = NORTHGATE) -> consents.RequestView:
    harbour = network.houses[HARBOUR]
    found = consents.ask(harbour.node, harbour.actor, NAME, to, "they run the terminal")
    network.settle()
    return found


def test_silence_is_no_and_a_consent_lets_it_go(tmp_path: Path) -> None:
    network, pact = line(tmp_path, ORCON)
    river, harbour, northgate = network.houses.values()
    request = asked(network)
    assert request.state == "awaited"
    network.advance(timedelta(days=30))
    network.settle()
    assert not passes(harbour, NORTHGATE).permitted
    (seen,) = consents.list_requests(river.node, river.organisation)
    assert (seen.asked_by, seen.to, seen.purpose) == (HARBOUR, NORTHGATE, "they run the terminal")
    consents.reply(river.node, river.actor, request.id, yes=True)
    network.settle()
    assert passes(harbour, NORTHGATE).permitted
    network.settle()
    assert NAME in held(northgate, pact)
    assert list_requests_state(harbour) == "consented"


def list_requests_state(house: House) -> str:
    (found,) = consents.list_requests(house.node, house.organisation)
    return found.state


def test_a_no_is_a_no_and_a_consent_can_be_taken_back(tmp_path: Path) -> None:
    network, pact = line(tmp_path, ORCON)
    river, harbour, northgate = network.houses.values()
    request = asked(network)
    consents.reply(river.node, river.actor, request.id, yes=False)
    network.settle()
    assert not passes(harbour, NORTHGATE).permitted
    network.advance(timedelta(seconds=1))
    consents.reply(river.node, river.actor, request.id, yes=True)
    network.settle()
    network.cut_between(HARBOUR, NORTHGATE)
    assert passes(harbour, NORTHGATE).permitted
    network.advance(timedelta(seconds=1))
    consents.reply(river.node, river.actor, request.id, yes=False)
    harbour.sync()
    network.heal()
    network.cut_between(RIVER, NORTHGATE)
    northgate.sync()
    assert NAME not in held(northgate, pact)


def test_only_what_needs_it_is_asked_for_and_only_the_originator_replies(tmp_path: Path) -> None:
    network, _ = line(tmp_path)
    harbour, northgate = network.houses[HARBOUR], network.houses[NORTHGATE]
    refused(
        "exchange.nothing-to-ask",
        lambda: consents.ask(harbour.node, harbour.actor, NAME, NORTHGATE, "x"),
    )
    request = consents.ask(harbour.node, harbour.actor, NAME, "our insurer", "a claim")  # the twin
    network.settle()
    refused(
        "consent.unknown",
        lambda: consents.reply(northgate.node, northgate.actor, request.id, yes=True),
    )
    refused(
        "consent.unknown",
        lambda: consents.reply(harbour.node, harbour.actor, request.id, yes=True),
    )
    refused(
        "exchange.no-purpose",
        lambda: consents.ask(harbour.node, harbour.actor, NAME, "our insurer", " "),
    )


def test_a_node_that_passes_on_against_the_rules_is_not_believed(tmp_path: Path) -> None:
    network, pact = line(tmp_path, ORCON)
    harbour, northgate = network.houses[HARBOUR], network.houses[NORTHGATE]
    with harbour.node.store.read() as reading:
        (row,) = reading.items(pact, harbour.organisation.id, limit=5, item=NAME)  # type: ignore[arg-type]
        raw = reading.item_bytes([row])[row.digest]
        statement = reading.statement(row.statement) or b""

    def smuggled(answer: bytes) -> bytes:
        found = ItemsAnswer.decode(answer)
        page = ItemsPage()
        page.add(
            SentItem(
                row.id, row.modified, row.originator, row.statement, row.proof, row.share, raw
            ),
            statement,
        )
        return page.encode(found.next + "", more=False)

    network.spoil = {"items": smuggled}
    share(harbour, pact, indicator(7, object_marking_refs=tlp(Tlp.GREEN)))
    outcomes = northgate.sync()
    assert "exchange.third-party" in {code for each in outcomes for code in each.refused}
    assert NAME not in held(northgate, pact)


def test_a_party_that_has_left_gets_nothing_by_way_of_another(tmp_path: Path) -> None:
    network, pact = line(tmp_path, NOW)
    harbour, northgate = network.houses[HARBOUR], network.houses[NORTHGATE]
    network.cut_between(HARBOUR, NORTHGATE)
    assert passes(harbour, NORTHGATE).permitted
    network.heal()
    network.cut_between(RIVER, NORTHGATE)
    agreements.withdraw(northgate.node, northgate.actor, pact)
    network.advance(timedelta(hours=1))
    harbour.sync()
    northgate.sync()
    assert NAME not in held(northgate, pact)
    assert not passes(harbour, NORTHGATE).permitted


def test_a_recall_reaches_what_was_passed_on_through_the_one_who_passed_it(
    tmp_path: Path,
) -> None:
    network, pact = line(tmp_path)
    river, harbour, northgate = network.houses.values()
    passes(harbour, NORTHGATE)
    network.settle()
    assert NAME in held(northgate, pact)
    recalls.recall(river.node, river.actor, NAME, pact, "wrong")
    network.settle()
    assert NAME not in held(northgate, pact)
    (told,) = list_recalls(northgate.node, northgate.organisation)
    assert (told.by, told.originator, told.mine) == (HARBOUR, RIVER, False)
    recalls.answer(northgate.node, northgate.actor, NAME)
    network.settle()
    passed = next(each for each in list_recalls(harbour.node, harbour.organisation) if each.mine)
    assert [(each.party, each.state) for each in passed.holders] == [(NORTHGATE, "deleted")]
    recalls.answer(harbour.node, harbour.actor, NAME)
    network.settle()
    (view,) = list_recalls(river.node, river.organisation)
    assert view.holders[0].onward == (NORTHGATE,)
    assert not passes_again(harbour)


def passes_again(house: House) -> bool:
    try:
        return passes(house, NORTHGATE).permitted
    except AlliedError as refusal:
        return refusal.code != "item.withdrawn"


def test_ones_own_items_are_shared_and_strangers_are_no_recipients(tmp_path: Path) -> None:
    network, _ = line(tmp_path)
    river, harbour, _ = network.houses.values()
    refused("item.own", lambda: passes(river, HARBOUR))
    refused("exchange.not-a-party", lambda: passes(harbour, "stranger"))
    refused("exchange.not-a-party", lambda: passes(harbour, RIVER))
    found = passing.pass_on(harbour.node, harbour.organisation, NAME, [NORTHGATE], dry_run=True)
    assert found[0].permitted
    network.settle()
    assert NAME not in held(network.houses[NORTHGATE], "river-harbour")
