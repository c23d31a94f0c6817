"""What a liar with a vote does to stop a decision, or to make honest nodes work for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from allied.agreement.closing import CLOSE, turn_at, turns_from
from allied.node import journal, sync
from allied.record.canonical import Json
from tests.node.hands import HARBOUR, NORTHGATE, RIVER, crafted, folded, slip_in
from tests.node.network import House, Network
from tests.node.test_deciding import QUAY, council, put, show, vote

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NEXT_CENTURY = datetime(2126, 1, 1, tzinfo=UTC)
END_OF_TIME = datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)
HOURS = timedelta(hours=2)


def _silenced(network: Network, who: str) -> House:
    """A house that answers and does nothing any more."""
    liar = network.houses.pop(who)
    others = network.at
    network.at = lambda url: liar if url == liar.url else others(url)  # type: ignore[method-assign]
    return liar


def _close(house: House, name: str, at: datetime) -> None:
    """Close over all that the house holds, at a claimed time."""
    sync.ask_all(house.node, house.keys, items=False)
    found = folded(house, "pact")
    circle = found.instrument.circles.all
    heads = [dep for dep in journal.heads_in(found, circle) if dep.circle == circle.id]
    body: dict[str, Json] = {"proposal": name, "heads": [dep.to_json() for dep in heads]}
    slip_in(house, crafted(house, "pact", CLOSE, body, claimed_at=at))


@pytest.mark.parametrize(
    ("liar", "claimed"),
    [
        pytest.param(NORTHGATE, datetime(2026, 11, 23, 4, tzinfo=UTC), id="by its clock"),
        pytest.param(NORTHGATE, NEXT_CENTURY, id="in the next century"),
        pytest.param(HARBOUR, END_OF_TIME, id="at the end of time, by who comes first"),
    ],
)
def test_a_close_from_the_future_stops_no_decision(
    tmp_path: Path, liar: str, claimed: datetime
) -> None:
    """Whoever comes first in the order may be the liar: the next one counts after one step."""
    network = council(tmp_path)
    name = put(network, RIVER, "expulsion", party=QUAY)
    vote(network, name, river="yes", harbour="yes", northgate="no")
    opening = show(network, liar, name).id
    _close(network.houses[liar], opening, claimed)
    _silenced(network, liar)
    for _ in range(6):
        for house in network.houses.values():
            house.sync()
        network.advance(HOURS)

    assert show(network, RIVER, name).deciding.stage == "certified"


@pytest.mark.parametrize(
    ("claimed", "since"),
    [
        pytest.param([-2, -1], -1, id="the last of those that have come"),
        pytest.param([-2, -1, 3], -1, id="one of the future counts for nothing"),
        pytest.param([2, 3], 2, id="the first where this clock is behind"),
        pytest.param([0], 0, id="now has come"),
    ],
)
def test_turns_begin_at_the_last_claimed_time_that_has_come(claimed: list[int], since: int) -> None:
    def at(hours: int) -> datetime:
        return NOW + timedelta(hours=hours)

    assert turns_from(map(at, claimed), NOW) == at(since)


def test_a_turn_stays_within_what_time_can_hold() -> None:
    assert turn_at(NOW, 2) == NOW + timedelta(minutes=20)
    assert turn_at(END_OF_TIME, 2) == datetime.max.replace(tzinfo=UTC)
