"""Who joins later is given in outline what was said before, up to what enough have signed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from allied.agreement import checkpoints
from allied.node import incidents
from allied.record.outline import is_outline
from allied.record.record import Record
from tests.node.hands import NORTHGATE, attack, folded, state_digest
from tests.node.network import House, Network
from tests.node.test_joining import rule
from tests.node.test_release import joins, late


def content(house: House, pact: str) -> list[Record]:
    """What a house holds of incidents and duties."""
    return [each for each in folded(house, pact).history.order if checkpoints.is_content(each)]


def story(tmp_path: Path, history: str) -> tuple[Network, str, str]:
    """Northgate joins after an attack on River; the incident."""
    network, pact = late(tmp_path, rule(history))
    river = network.houses["river"]
    incident = attack(river, pact).id
    network.advance(timedelta(minutes=1))
    network.settle(2)
    joins(network, NORTHGATE, pact)
    network.advance(timedelta(minutes=5))
    network.settle(3)
    return network, pact, incident


@pytest.mark.parametrize(
    ("history", "sees"),
    [
        pytest.param("none", False, id="nothing of what was before"),
        pytest.param("from-joining", False, id="what was said from its joining on"),
        pytest.param("all", True, id="everything"),
    ],
)
def test_who_joins_later_holds_of_incidents_what_the_agreement_says(
    tmp_path: Path, history: str, sees: bool
) -> None:
    network, pact, incident = story(tmp_path, history)
    river, harbour, northgate = network.houses.values()
    for house in (river, harbour):
        assert not any(map(is_outline, content(house, pact)))  # the twins that were in
    found = content(northgate, pact)
    assert [each.id for each in found] == [each.id for each in content(river, pact)]
    assert all(is_outline(each) is not sees for each in found)
    shown = incidents.list_incidents(northgate.node, northgate.organisation)
    assert [each.id for each in shown] == ([incident] if sees else [])
    assert {state_digest(each, pact) for each in network.houses.values()} == {
        state_digest(river, pact)
    }
