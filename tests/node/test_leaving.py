"""Who has left reads on in its circles of two, and in those of all only what was said before."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from allied.agreement.values import Tlp
from allied.node import agreements, incidents, leaving, recalls
from allied.node.recall_views import list_recalls
from allied.record.ids import AgreementId
from tests.exchange.samples import indicator, tlp
from tests.node.hands import (
    DEMO,
    HARBOUR,
    NORTHGATE,
    RIVER,
    allied,
    attack,
    folded,
    held,
    share,
    state,
)
from tests.node.network import House, Network

MEMBERS = DEMO.replace(b"kind: agency, role: observer", b"kind: agency")
NOW = MEMBERS.replace(b"withdrawal: {notice: 90 days", b"withdrawal: {notice: immediately")
ITEM = indicator(1, object_marking_refs=tlp(Tlp.GREEN))
NAME = str(ITEM["id"])


def started(tmp_path: Path) -> tuple[Network, str]:
    """Everybody has River's item."""
    network, pact = allied(tmp_path, NOW)
    share(network.houses[RIVER], pact, ITEM)
    network.settle()
    return network, pact


def leaves(network: Network, pact: str, settle: bool = True) -> None:
    northgate = network.houses[NORTHGATE]
    agreements.withdraw(northgate.node, northgate.actor, pact)
    network.advance(timedelta(hours=1))
    if settle:
        network.settle()


def sees(house: House, pact: str) -> set[str]:
    """The incidents that a house knows of."""
    found = incidents.list_incidents(house.node, house.organisation)
    return {each.alias for each in found}


def parked(house: House, pact: str) -> int:
    with house.node.store.read() as reading:
        return len(reading.parked(AgreementId(pact)))


def test_who_has_left_learns_nothing_more_that_is_said_among_all(tmp_path: Path) -> None:
    network, pact = started(tmp_path)
    harbour, northgate = network.houses[HARBOUR], network.houses[NORTHGATE]
    before = len(folded(northgate, pact).history.order)
    leaves(network, pact)
    attack(harbour, pact, "after-it-left")
    network.settle()
    assert "after-it-left" in sees(network.houses[RIVER], pact)  # the twin that stays
    assert "after-it-left" not in sees(northgate, pact)
    assert len(folded(northgate, pact).history.order) >= before
    assert parked(northgate, pact) == 0


def test_a_recall_reaches_who_has_left_whatever_was_said_among_the_others(tmp_path: Path) -> None:
    network, pact = started(tmp_path)
    river, harbour, northgate = network.houses.values()
    leaves(network, pact)
    attack(harbour, pact, "after-it-left")
    network.settle()
    attack(river, pact, "and-another")
    network.settle()
    recalls.recall(river.node, river.actor, NAME, pact, "it names a customer")
    network.settle()
    assert NAME not in held(northgate, pact)
    assert parked(northgate, pact) == 0
    recalls.answer(northgate.node, northgate.actor, NAME)
    network.settle()
    (view,) = list_recalls(river.node, river.organisation)
    assert {each.party: each.state for each in view.holders}[NORTHGATE] == "deleted"  # type: ignore[index]
    assert sees(northgate, pact) == set()


def test_what_was_written_to_it_before_its_leaving_was_known_can_be_read(tmp_path: Path) -> None:
    network, pact = started(tmp_path)
    river, harbour, northgate = network.houses.values()
    network.cut_between(NORTHGATE, RIVER)
    network.cut_between(NORTHGATE, HARBOUR)
    leaves(network, pact)
    attack(harbour, pact, "not-known-yet")
    network.settle()
    recalls.recall(river.node, river.actor, NAME, pact, "wrong")  # cites the report
    network.heal()
    network.settle(4)
    assert NAME not in held(northgate, pact)
    assert parked(northgate, pact) == 0
    attack(harbour, pact, "known-by-now")
    network.settle()
    assert "known-by-now" not in sees(northgate, pact)


def test_duties_from_before_go_on_and_with_them_what_is_said(tmp_path: Path) -> None:
    network, pact = started(tmp_path)
    harbour, northgate = network.houses[HARBOUR], network.houses[NORTHGATE]
    attack(harbour, pact, "before-it-left")
    network.settle()
    leaves(network, pact)
    assert (
        leaving.tops(folded(harbour, pact), northgate.organisation.id, network.clock.now()) is None
    )
    attack(harbour, pact, "after-it-left")
    network.settle()
    assert sees(northgate, pact) >= {"before-it-left", "after-it-left"}


def test_only_who_has_left_is_held_back(tmp_path: Path) -> None:
    network, pact = started(tmp_path)
    river, harbour, northgate = network.houses.values()
    here, at = folded(river, pact), network.clock.now()
    assert all(
        leaving.tops(here, each.organisation.id, at) is None for each in network.houses.values()
    )
    leaves(network, pact)
    here, at = folded(river, pact), network.clock.now()
    assert leaving.tops(here, harbour.organisation.id, at) is None
    assert leaving.tops(here, northgate.organisation.id, at)
    assert leaving.tops(here, "0" * 64, at) is None  # type: ignore[arg-type]
    assert state(northgate, pact).signatures
