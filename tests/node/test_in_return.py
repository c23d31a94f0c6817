"""Who gives nothing gets nothing, where the agreement says so; and two who wait both get it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from allied.agreement.values import Tlp
from allied.node import in_return, items, offering, recalls, release, visibility
from allied.node.messages import ItemsQuestion
from allied.node.pages import ItemsAnswer
from allied.record.ids import AgreementId
from tests.exchange.samples import id_of, identity, indicator, malware, tlp
from tests.node.centre import ALDER, BIRCH, CEDAR, CENTRE, HUB, centre
from tests.node.hands import DEMO, HARBOUR, NORTHGATE, RIVER, allied, folded, held, share
from tests.node.network import House, Network

MEMBERS = DEMO.replace(b"kind: agency, role: observer", b"kind: agency")
SAME = MEMBERS.replace(b"    duty: should\n", b"    duty: should\n    reciprocity: equal-kind\n")
ANY = SAME.replace(b"equal-kind", b"contribute-to-receive")
NONE = SAME.replace(b"equal-kind", b"none")
REFUSED = "exchange.not-reciprocated"

GREEN = {"object_marking_refs": tlp(Tlp.GREEN)}
OF_RIVER = indicator(1, **GREEN)
OF_HARBOUR = indicator(2, **GREEN)
TECHNIQUE = malware(3, **GREEN)


def page(holder: House, caller: House, pact: str, *offers: str, after: str = "") -> ItemsAnswer:
    question = ItemsQuestion(AgreementId(pact), after, offers=frozenset(offers))
    raw = question.encode()
    assert ItemsQuestion.decode(raw) == question
    return ItemsAnswer.decode(
        release.page(holder.node, caller.organisation.id, holder.organisation.id, question)
    )


def got(holder: House, caller: House, pact: str, *offers: str) -> set[str]:
    return {each.id for each in page(holder, caller, pact, *offers).items}


def name(item: dict[str, object]) -> str:
    return str(item["id"])


def pulls(house: House, network: Network) -> None:
    network.advance(timedelta(minutes=1))
    house.sync()


@pytest.mark.parametrize(
    ("text", "given", "gets"),
    [
        pytest.param(NONE, (), True, id="nothing is asked in return"),
        pytest.param(SAME, (), False, id="the same kind is asked, and nothing was given"),
        pytest.param(SAME, (TECHNIQUE,), False, id="another kind was given"),
        pytest.param(SAME, (OF_HARBOUR,), True, id="the same kind was given"),
        pytest.param(ANY, (), False, id="anything is asked, and nothing was given"),
        pytest.param(ANY, (TECHNIQUE,), True, id="anything was given"),
        pytest.param(ANY, (identity(9, **GREEN),), False, id="what only goes along is nothing"),
    ],
)
def test_who_does_not_contribute_does_not_receive(
    tmp_path: Path, text: bytes, given: tuple[dict[str, object], ...], gets: bool
) -> None:
    network, pact = allied(tmp_path, text)
    river, harbour, northgate = network.houses.values()
    share(river, pact, OF_RIVER)
    if given:
        share(harbour, pact, *given)
    network.settle()
    assert (name(OF_RIVER) in held(harbour, pact)) is gets
    assert (name(OF_RIVER) in held(northgate, pact)) is (text is NONE)
    found = items.explain(river.node, river.organisation, name(OF_RIVER), HARBOUR)
    assert found.permitted is gets
    assert found.code == ("exchange.permitted" if gets else REFUSED)
    assert bool(found.would_change) is not gets


def test_two_who_both_wait_for_the_other_both_get_it(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, SAME)
    river, harbour, northgate = network.houses.values()
    share(river, pact, OF_RIVER)
    network.settle()  # nobody has anything to give in return yet
    assert held(harbour, pact) == []
    share(harbour, pact, OF_HARBOUR)
    network.settle()
    assert name(OF_RIVER) in held(harbour, pact)
    assert name(OF_HARBOUR) in held(river, pact)
    assert held(northgate, pact) == []  # the twin that gave nothing
    with river.node.store.read() as reading:
        recipients = {
            row.recipient
            for row in reading.ledger(river.organisation.id)
            if row.outcome == "released"
        }
    assert recipients == {HARBOUR}


def test_what_comes_takes_effect_on_the_next_request(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, SAME)
    river, harbour, _ = network.houses.values()
    share(river, pact, OF_RIVER)
    assert got(river, harbour, pact) == set()
    share(harbour, pact, OF_HARBOUR)
    assert got(river, harbour, pact) == set()  # it has not come here yet
    pulls(river, network)
    assert name(OF_HARBOUR) in held(river, pact)
    assert name(OF_RIVER) in got(river, harbour, pact)


def test_what_was_recalled_counts_no_longer(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, SAME)
    river, harbour, _ = network.houses.values()
    share(river, pact, OF_RIVER)
    share(harbour, pact, OF_HARBOUR)
    network.settle()
    assert name(OF_RIVER) in got(river, harbour, pact)
    recalls.recall(harbour.node, harbour.actor, name(OF_HARBOUR), pact, "it was wrong")
    network.settle()
    assert got(river, harbour, pact) == set()
    share(harbour, pact, indicator(5, **GREEN))
    pulls(river, network)
    assert name(OF_RIVER) in got(river, harbour, pact)


def test_an_empty_offer_is_believed_for_an_hour_and_never_again(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, SAME)
    river, harbour, _ = network.houses.values()
    share(river, pact, OF_RIVER, TECHNIQUE)
    assert got(river, harbour, pact, "technique") >= {name(TECHNIQUE)}
    assert name(OF_RIVER) in got(river, harbour, pact, "indicator")
    network.advance(in_return.BELIEVED - timedelta(seconds=1))
    river.sync()
    assert name(OF_RIVER) in got(river, harbour, pact, "indicator")
    network.advance(timedelta(seconds=1))
    assert got(river, harbour, pact, "indicator", "technique") == set()
    network.advance(timedelta(days=9))
    river.sync()
    assert got(river, harbour, pact, "indicator") == set()
    share(harbour, pact, OF_HARBOUR)  # the twin: it comes after all
    pulls(river, network)
    assert name(OF_RIVER) in got(river, harbour, pact)


def test_one_empty_offer_uses_up_all_where_anything_will_do(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, ANY)
    river, harbour, northgate = network.houses.values()
    share(river, pact, OF_RIVER)
    assert name(OF_RIVER) in got(river, harbour, pact, "vulnerability")
    network.advance(in_return.BELIEVED)
    river.sync()
    assert got(river, harbour, pact, "indicator") == set()
    assert name(OF_RIVER) in got(river, northgate, pact, "indicator")  # the twin, believed once


def test_an_offer_alone_is_no_release_and_uses_nothing_up(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, SAME)
    river, harbour, _ = network.houses.values()
    assert got(river, harbour, pact, "indicator") == set()
    network.advance(in_return.BELIEVED * 2)
    river.sync()
    share(river, pact, OF_RIVER)
    assert name(OF_RIVER) in got(river, harbour, pact, "indicator")


def test_what_is_offered_is_what_would_go_and_nothing_else(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, SAME)
    river, harbour, _ = network.houses.values()

    def offered(to: House) -> frozenset[str]:
        with river.node.store.read() as reading:
            return offering.offers(
                river.node, reading, folded(river, pact), river.organisation.id, to.organisation.id
            )

    assert offered(harbour) == frozenset()
    share(river, pact, OF_RIVER)
    share(river, pact, malware(3, object_marking_refs=tlp(Tlp.AMBER)))
    assert offered(harbour) == {"indicator", "technique"}
    network.advance(timedelta(days=2))  # who is a party is no longer confirmed
    assert offered(harbour) == {"indicator"}


def test_that_something_waits_shows_in_the_mark_and_only_where_it_is_asked(tmp_path: Path) -> None:
    for text, shows in ((SAME, True), (NONE, False)):
        network, pact = allied(tmp_path / str(shows), text)
        river, harbour, _ = network.houses.values()
        share(river, pact, OF_RIVER)
        with river.node.store.read() as reading:
            found = folded(river, pact)
            who = river.node, reading, found, river.organisation.id, harbour.organisation.id
            assert bool(offering.held_back(*who)) is shows
            assert visibility.mark(*who) > 0


def test_a_dry_run_says_who_has_to_give_something_first(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, SAME)
    river, harbour, _ = network.houses.values()
    first = share(river, pact, OF_RIVER)
    assert {code for (code, _) in first.recipients[HARBOUR].refused} == {REFUSED}  # type: ignore[index]
    assert [each for each in first.recipients[HARBOUR].changes.values() if each]  # type: ignore[index]
    share(harbour, pact, OF_HARBOUR)
    network.settle()
    second = share(river, pact, indicator(7, **GREEN))
    assert not second.recipients[HARBOUR].refused  # type: ignore[index]
    assert second.recipients[NORTHGATE].refused  # type: ignore[index]


def test_a_secretariat_gets_everything_and_gives_to_who_gave(tmp_path: Path) -> None:
    text = CENTRE.replace(
        b"    direction: hub\n", b"    direction: hub\n    reciprocity: contribute-to-receive\n"
    )
    text = text.replace(b"    attribution: must-not\n", b"").replace(
        b"    consent_overrides: yes\n", b""
    )
    text = text.replace(b"    anonymise: {by: hub, min_group: 3}\n", b"")
    network, pact = centre(tmp_path, text)
    houses = network.houses
    share(houses[ALDER], pact, OF_RIVER)
    network.settle()
    assert name(OF_RIVER) in held(houses[HUB], pact)
    assert held(houses[BIRCH], pact) == []
    share(houses[BIRCH], pact, TECHNIQUE)
    network.settle()
    assert name(OF_RIVER) in held(houses[BIRCH], pact)
    assert name(TECHNIQUE) in held(houses[ALDER], pact)
    assert held(houses[CEDAR], pact) == []  # the twin that gave nothing
    assert id_of("malware", 3) == name(TECHNIQUE)


def test_nothing_is_looked_up_where_nothing_is_asked(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, NONE)
    river, harbour, _ = network.houses.values()
    share(river, pact, OF_RIVER)
    network.settle()
    with river.node.store.read() as reading:
        found = folded(river, pact)
        own, other = river.organisation.id, harbour.organisation.id
        assert offering.offers(river.node, reading, found, own, other) == frozenset()
        assert offering.held_back(river.node, reading, found, own, other) == {}
    assert name(OF_RIVER) in held(harbour, pact)
    assert RIVER in network.houses
