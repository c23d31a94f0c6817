"""P17 for correlation: who submitted something shows in no list, number or date of others."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from allied.agreement.values import Tlp
from allied.node import correlation, sightings
from tests.exchange.samples import indicator, sighting, tlp
from tests.node.centre import ALDER, BIRCH, CEDAR, HUB, centre, queue, release, submit
from tests.node.network import House, Network

GREEN = {"object_marking_refs": tlp(Tlp.GREEN)}
C2 = indicator(1, pattern="[domain-name:value = 'c2.example']", **GREEN)
SEEN = sighting(
    C2, 2, count=3, first_seen="2026-03-01T00:00:00Z", last_seen="2026-03-02T00:00:00Z", **GREEN
)


def issued(root: Path, submitter: str) -> Network:
    """A member submits an indicator and says how often it saw it; the hub issues both."""
    network, pact = centre(root)
    submit(network.houses[submitter], pact, C2, SEEN)
    network.settle(2)
    for each in queue(network):
        if each.state == "review":
            release(network, each.id)
    for _ in range(3):
        network.advance(timedelta(hours=2))
        network.settle(2)
    return network


def told(house: House, *, agreement: str = "", party: str = "") -> str:
    """Everything that is answered about the value, but for what is random in each network."""
    who = correlation.who_has(
        house.node, house.organisation, "c2.example", agreement=agreement, party=party
    )
    often = sightings.sightings(
        house.node, house.organisation, "c2.example", agreement=agreement, party=party
    )
    parties = [
        (found.value, one.party, one.items, found.capped)
        for found in who.found
        for one in found.parties
    ]
    seen = [
        (found.sightings, found.seen, str(found.first), [one.party for one in found.parties])
        for found in often.found
    ]
    numbers = [[each.type for each in found.mentions] for found in who.found]
    return json.dumps([parties, seen, numbers])


def test_what_others_are_told_is_the_same_whoever_submitted(tmp_path: Path) -> None:
    by_alder = issued(tmp_path / "alder", ALDER)
    by_birch = issued(tmp_path / "birch", BIRCH)
    answers = {told(network.houses[CEDAR]) for network in (by_alder, by_birch)}
    assert len(answers) == 1
    assert HUB in answers.pop()
    for member in (BIRCH, CEDAR):
        house = by_alder.houses[member]
        found = sightings.sightings(house.node, house.organisation, "c2.example")
        assert [(each.party, each.seen) for one in found.found for each in one.parties] == [
            (HUB, 3)
        ]
    # Also what the hub itself would show them, though it knows.
    shown = {
        told(network.houses[HUB], agreement="centre", party=CEDAR)
        for network in (by_alder, by_birch)
    }
    assert len(shown) == 1
    assert not any(name in "".join(shown) for name in (ALDER, BIRCH))
