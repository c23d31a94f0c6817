"""What a liar with a vote does to stop a decision, or to make honest nodes work for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from allied.agreement.certified import write_proof
from allied.agreement.closing import CERTIFICATE, CLOSE, COUNT, turn_at, turns_from
from allied.agreement.result import Result
from allied.node import journal, sync
from allied.record.canonical import Json
from allied.record.ids import PartyId
from allied.record.record import Record
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


# --- certificates of a chain that was set aside -----------------------------------------


def _junk(house: House, opening: Record, after: Record) -> Record:
    """A certificate that only its writer has signed."""
    found = Result(
        proposal=opening.id, text="b" * 64, outcome="adopted", reason="", closed_at=None,
        positions=((PartyId(QUAY), "yes"),), cut=(),
    )  # fmt: skip
    body: dict[str, Json] = {"proposal": opening.id, "tally": "c" * 64, "result": found.digest}
    count = crafted(house, "pact", COUNT, body, deps=[], after=after)
    proof = write_proof(opening, found, [count])
    return crafted(house, "pact", CERTIFICATE, proof, deps=[], after=after)


@pytest.mark.parametrize(
    "is_known",
    [pytest.param(False, id="of what was never said"), pytest.param(True, id="of a question")],
)
def test_nobody_says_certificates_again_that_prove_nothing(tmp_path: Path, is_known: bool) -> None:
    """A liar writes them, and then lets its chain part before them."""
    network = council(tmp_path)
    name = put(network, RIVER, "expulsion", party=QUAY)
    network.settle(2)
    liar = network.houses[QUAY]
    order = folded(liar, "pact").history.order
    everybody = folded(liar, "pact").instrument.circles.all.id
    base = last = [
        each
        for each in order
        if (each.header.issuer, each.header.circle) == (liar.organisation.id, everybody)
    ][-1]
    known = next(each for each in order if each.id == show(network, QUAY, name).id)
    for number in range(3):
        unsaid = crafted(liar, "pact", "proposal.open", {"n": number}, deps=[], after=base)
        last = _junk(liar, known if is_known else unsaid, last)
        slip_in(liar, last)
    for house in network.houses.values():
        if house is not liar:
            house.sync()
    fork = {"blob": "00"}
    slip_in(liar, crafted(liar, "pact", "redaction.answer", fork, deps=[], after=base))
    _silenced(network, QUAY)
    for _ in range(2):
        for house in network.houses.values():
            house.sync()
    past = folded(network.houses[RIVER], "pact").history

    assert last.id in past.aside
    assert [each for each in past.order if each.header.kind == CERTIFICATE] == []
