"""Who is told at once that there is something new: who cannot well wait, and nobody twice."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from allied.agreement.matters import Matter
from allied.node import incidents, messages, proposals, sync, telling
from allied.node.hearing import A_LONG_WHILE, A_MOMENT, A_WHILE
from allied.node.proposals import Wish, Word
from tests.node.hands import HARBOUR, NORTHGATE, RIVER, allied, attack, folded
from tests.node.network import House, Network
from tests.node.test_deciding import NAMES, QUAY, RAID, council
from tests.node.test_leaving import leaves, started

PACT = "pact"


def quiet(network: Network) -> None:
    """Everybody holds the same, and has told what it had to tell."""
    network.settle()
    for house in network.houses.values():
        sync.tell(house.node, house.keys)
    forget(network)


def forget(network: Network) -> None:
    for house in network.houses.values():
        house.hints.clear()


def raid(house: House, name: str = "raid") -> None:
    """Report an attack to all."""
    raw = RAID.replace(b"id: raid", b"id: " + name.encode()).replace(b"SEVERITY", b"severe")
    incidents.report(house.node, house.actor, raw, "incident.yaml", PACT)


def told(network: Network, teller: House) -> set[str]:
    """Who is told something by a house now; afterwards nobody has been."""
    network.asked.clear()
    sync.tell(teller.node, teller.keys)
    forget(network)
    told = {
        to
        for by, to, verb in network.asked
        if verb == messages.HINT and (by, to) not in network.cut
    }
    return {label for label, house in network.houses.items() if house.organisation.id in told}


def pull(house: House, other: House) -> None:
    sync.ask_all(house.node, house.keys, only=other.organisation.id)


def test_who_is_not_in_a_circle_is_not_told_of_what_is_said_there(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)  # in which northgate observes, and has no vote
    quiet(network)
    river = network.houses[RIVER]
    attack(river, pact)
    assert told(network, river) == {HARBOUR}


def test_a_report_is_told_to_all_once_and_its_receipts_to_nobody(tmp_path: Path) -> None:
    network = council(tmp_path)
    quiet(network)
    river, harbour = network.houses[RIVER], network.houses[HARBOUR]
    raid(river)
    assert told(network, river) == {HARBOUR, NORTHGATE, QUAY}
    assert told(network, river) == set()
    before = len(folded(harbour, PACT).history.order)
    pull(harbour, river)
    sync.settle(harbour.node, harbour.keys)
    kinds = [each.header.kind for each in folded(harbour, PACT).history.order[before:]]
    assert "receipt" in kinds
    assert told(network, harbour) == set()


def test_who_is_known_to_hold_it_is_not_told(tmp_path: Path) -> None:
    network = council(tmp_path)
    quiet(network)
    river, harbour = network.houses[RIVER], network.houses[HARBOUR]
    raid(river)
    pull(harbour, river)
    pull(river, harbour)  # which shows by its heads that it has come
    assert told(network, river) == {NORTHGATE, QUAY}


def test_who_was_not_reached_is_told_later(tmp_path: Path) -> None:
    network = council(tmp_path)
    quiet(network)
    river = network.houses[RIVER]
    raid(river)
    network.cut_between(RIVER, NORTHGATE)
    assert told(network, river) == {HARBOUR, QUAY}
    network.heal()
    network.advance(timedelta(minutes=1))
    assert told(network, river) == {NORTHGATE}


def test_who_hears_of_others_through_a_node_is_told_of_them_and_soon_at_once(
    tmp_path: Path,
) -> None:
    network = council(tmp_path)
    quiet(network)
    river, harbour, northgate = (network.houses[each] for each in (RIVER, HARBOUR, NORTHGATE))
    network.cut_between(RIVER, NORTHGATE)
    raid(river)
    pull(harbour, river)
    pull(network.houses[QUAY], river)
    pull(harbour, network.houses[QUAY])  # which holds it, as its heads show
    assert told(network, harbour) == set()
    assert not telling.is_due(harbour.node, network.clock.now())
    network.advance(A_WHILE)
    assert telling.is_due(harbour.node, network.clock.now())
    assert told(network, harbour) == {NORTHGATE}
    pull(northgate, harbour)
    raid(river, "siege")
    pull(harbour, river)
    assert told(network, harbour) == {NORTHGATE}  # and quay, which does not need it, is not


def test_who_hears_of_others_by_itself_is_told_of_them_once(tmp_path: Path) -> None:
    network = council(tmp_path)
    quiet(network)
    river, harbour, northgate = (network.houses[each] for each in (RIVER, HARBOUR, NORTHGATE))

    def news(name: str) -> set[str]:
        raid(river, name)
        for each in (harbour, northgate, network.houses[QUAY]):
            pull(each, river)
        sync.tell(harbour.node, harbour.keys)
        network.advance(A_WHILE)
        return told(network, harbour)

    first = news("raid")
    assert len(first) == 1  # one after the other
    assert told(network, harbour) == set()
    network.advance(A_MOMENT)
    assert telling.is_due(harbour.node, network.clock.now())
    assert first | told(network, harbour) == {NORTHGATE, QUAY}
    assert news("siege") == set()


def test_who_has_left_is_told_nothing_of_what_came_later_among_all(tmp_path: Path) -> None:
    network, pact = started(tmp_path)
    quiet(network)
    attack(network.houses[HARBOUR], pact, "before-it-left")
    assert told(network, network.houses[HARBOUR]) == {RIVER, NORTHGATE}
    leaves(network, pact)
    quiet(network)
    attack(network.houses[HARBOUR], pact, "after-it-left")
    assert told(network, network.houses[HARBOUR]) == {RIVER}


def test_a_close_goes_to_who_tallies_and_from_there_to_all(tmp_path: Path) -> None:
    network = council(tmp_path)
    quiet(network)
    river, harbour, quay = (network.houses[each] for each in (RIVER, HARBOUR, QUAY))
    wish = Wish(Matter(kind="body", body="council"), b"Shall we?", deadline="4 days")
    question = proposals.put(river.node, river.actor, "pact", wish).id
    assert told(network, river) == {HARBOUR, NORTHGATE, QUAY}
    for house in network.houses.values():
        pull(house, river)
        proposals.say(house.node, house.actor, question, Word("vote", "yes"))
        assert told(network, house) >= {*NAMES} - {house.label, RIVER}  # four are few
    network.advance(timedelta(seconds=1))
    for other in NAMES:
        for house in (quay, harbour):
            pull(house, network.houses[other])
    sync.settle(quay.node, quay.keys)
    assert told(network, quay) == {HARBOUR}  # the first who did not put the question
    sync.settle(harbour.node, harbour.keys)
    assert told(network, harbour) == {*NAMES} - {HARBOUR}


@pytest.mark.parametrize(
    ("later", "asks"),
    [
        pytest.param(timedelta(minutes=1), False, id="whose state was looked at just now"),
        pytest.param(A_LONG_WHILE, True, id="whose state was not looked at for a while"),
    ],
)
def test_whose_mark_shows_that_it_holds_the_same_is_asked_for_heads_now_and_then(
    tmp_path: Path, later: timedelta, asks: bool
) -> None:
    network = council(tmp_path)
    quiet(network)
    river, harbour, northgate = (network.houses[each] for each in (RIVER, HARBOUR, NORTHGATE))
    raid(river)
    pull(harbour, river)
    pull(northgate, harbour)
    pull(northgate, river)
    raid(river, "siege")
    pull(northgate, river)
    pull(harbour, river)
    network.advance(later)
    network.asked.clear()
    pull(northgate, harbour)
    verbs = [verb for asker, _, verb in network.asked if asker == northgate.organisation.id]
    assert ("heads" in verbs) == asks
