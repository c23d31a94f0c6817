"""A hub that is killed between receiving and releasing loses nothing and doubles nothing."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from allied.agreement.values import Tlp
from allied.node import items, ledger, recalls
from tests.exchange.samples import indicator, link, malware, tlp
from tests.node.centre import ALDER, BIRCH, CEDAR, HUB, bodies, centre, queue, release, submit
from tests.node.fragile import Fuse, Killed
from tests.node.network import House, Network
from tests.node.test_crash import THOROUGH, fragile, reopened

GREEN = {"object_marking_refs": tlp(Tlp.GREEN)}
FIRST, SECOND = indicator(1, **GREEN), malware(2, **GREEN)
OBJECTS = (FIRST, SECOND, link(FIRST, SECOND, **GREEN))


def rounds(network: Network) -> None:
    """The hub takes in, issues and recalls, as far as it has not done so."""
    house = network.houses[HUB]
    house.sync()
    for waiting in queue(network):
        if waiting.state == "review":
            release(network, waiting.id)
    network.clock.advance(timedelta(hours=2))
    house.sync()
    network.houses[BIRCH].sync()
    alder = network.houses[ALDER]
    if not recalls_of(network):
        recalls.recall(alder.node, alder.actor, str(SECOND["id"]), "centre", "")
    house.sync()
    network.clock.advance(timedelta(hours=7))
    house.sync()


def recalls_of(network: Network) -> list[str]:
    alder = network.houses[ALDER]
    with alder.node.store.read() as reading:
        agreement = reading.agreements()[0].id
        gone = reading.withdrawn(agreement, alder.organisation.id)
    return [each.item.id for each in gone if each.item.originator == alder.organisation.id]


def require_whole(network: Network, pact: str) -> None:
    """Each object was issued once, and one of them recalled once."""
    network.settle(2)
    house = network.houses[HUB]
    ((done),) = queue(network, everything=True)
    assert (done.state, done.code) == ("released", "")
    for label in (ALDER, BIRCH, CEDAR):
        values = own_of_hub(network.houses[label], pact)
        assert sorted(value["type"] for value in values) == ["indicator", "relationship"]
        assert len({(value["id"], value["modified"]) for value in values}) == 2
    with house.node.store.read() as reading:
        rows = reading.submitted(house.organisation.id, pact)  # type: ignore[arg-type]
        assert [bool(row.recalled_at) for row in rows if row.old_id == SECOND["id"]] == [True]
        assert ledger.verify(reading, house.organisation.id) > 0
        told = [
            record
            for record in reading.records(pact)  # type: ignore[arg-type]
            if record.kind == "exchange.recall" and record.issuer == house.organisation.id
        ]
    # Birch had it before it was recalled; nobody is told twice.
    assert len({record.circle for record in told}) == len(told) >= 1


def own_of_hub(house: House, pact: str) -> list[dict[str, str]]:
    views = items.list_items(house.node, house.organisation, agreement=pact)
    mine = {view.id for view in views if view.originator == HUB}
    assert len(mine) == len([view for view in views if view.originator == HUB])
    return [json.loads(raw) for id_, raw in bodies(house, pact).items() if id_ in mine]


def started(root: Path) -> tuple[Network, str]:
    network, pact = centre(root)
    submit(network.houses[ALDER], pact, *OBJECTS)
    return network, pact


def test_killed_at_any_write_the_hub_goes_on(tmp_path: Path) -> None:
    network, pact = started(tmp_path / "whole")
    fuse = Fuse(10**6)
    fragile(network.houses[HUB], fuse)
    rounds(network)
    assert fuse.left is not None
    points = 10**6 - fuse.left
    require_whole(network, pact)
    assert points > 20
    # All points take minutes; the thorough profile goes through every one of them.
    first, stride = (0, 1) if THOROUGH else (3, points // 4 + 1)
    for point in range(first, points, stride):
        network, pact = started(tmp_path / str(point))
        house = network.houses[HUB]
        fragile(house, Fuse(point))
        with pytest.raises(Killed):
            rounds(network)
        reopened(house)
        rounds(network)
        require_whole(network, pact)
        for each in network.houses.values():
            each.node.close()
