"""Checkpoints count by hands, and only for the records that they are about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from allied.agreement import checkpoints
from allied.agreement.checkpoints import MOST_POINTS, answer_to, body_of, read_checkpoint
from allied.errors import AlliedError
from allied.node import journal, sync
from allied.record.canonical import Json
from allied.record.ids import AgreementId, Digest, RecordId
from allied.record.record import Record
from tests.node.hands import (
    DEMO,
    HARBOUR,
    NORTHGATE,
    RIVER,
    allied,
    attack,
    crafted,
    folded,
    slip_in,
)
from tests.node.network import House, Network

STATE, OTHER = Digest("ab" * 32), Digest("cd" * 32)
NOBODY = RecordId("12" * 32)


@pytest.fixture
def pact(tmp_path: Path) -> tuple[Network, str]:
    """Three houses under one agreement, whose records all go into River's store."""
    return allied(tmp_path)


def hear(network: Network) -> None:
    """Everybody fetches what the others say, and says nothing itself."""
    for house in network.houses.values():
        sync.ask_all(house.node, house.keys)


def says(network: Network, pact: str, label: str, body: dict[str, Json]) -> Record:
    """A checkpoint that a house signs, whatever it comes to; River hears of it."""
    house = network.houses[label]
    with house.node.store.write() as writing:
        found = house.node.folds.of(writing, AgreementId(pact))
        everybody = found.instrument.circles.all
        made = journal.append(
            house.node, writing, house.actor, found, everybody, checkpoints.KIND, body
        )
    hear(network)
    return made


def own(house: House, pact: str, state: Digest | None = None) -> dict[str, Json]:
    """What a house comes to, or says that it does."""
    found = folded(house, pact)
    circle = found.instrument.circles.all.id
    heads, word = checkpoints.own(found.instrument, found.history, found.state, circle)
    return body_of(heads, state or word)


def point(network: Network, pact: str, record: RecordId) -> checkpoints.Point:
    found = folded(network.houses[RIVER], pact)
    everybody = found.instrument.circles.all.id
    points = checkpoints.points(found.instrument, found.state.checkpoints, everybody)
    return next(each for each in points if each.record == record)


@pytest.mark.parametrize(
    ("answers", "reached", "supporters"),
    [
        pytest.param([], False, {HARBOUR}, id="its issuer alone"),
        pytest.param([(RIVER, None)], True, {HARBOUR, RIVER}, id="two of three"),
        pytest.param([(RIVER, OTHER)], False, {HARBOUR}, id="one that comes to something else"),
        pytest.param([(RIVER, None)] * 2, True, {HARBOUR, RIVER}, id="one party said it twice"),
        pytest.param([(HARBOUR, None)], False, {HARBOUR}, id="its issuer said it twice"),
    ],
)
def test_a_checkpoint_is_reached_when_more_than_half_say_the_same(
    pact: tuple[Network, str],
    answers: Sequence[tuple[str, Digest | None]],
    reached: bool,
    supporters: set[str],
) -> None:
    network, agreement = pact
    first = says(network, agreement, HARBOUR, own(network.houses[HARBOUR], agreement))
    word = read_checkpoint(first.body).state
    for label, state in answers:
        says(network, agreement, label, answer_to(first.id, state or word))
    found = point(network, agreement, first.id)
    assert found.supporters == supporters
    held = folded(network.houses[RIVER], agreement)
    assert held.assessed(found).reaches(found) is reached
    last = held.reached(found.circle)
    assert (last is not None) is reached


def test_who_is_not_bound_counts_for_nothing(
    pact: tuple[Network, str],
) -> None:
    network, agreement = pact
    first = says(network, agreement, HARBOUR, own(network.houses[HARBOUR], agreement))
    says(network, agreement, RIVER, answer_to(first.id, read_checkpoint(first.body).state))
    found = point(network, agreement, first.id)
    held = folded(network.houses[RIVER], agreement)
    for party, enough in ((RIVER, True), ("stranger", False)):
        supporters = frozenset({HARBOUR, party})
        made = checkpoints.Point(
            found.record, found.circle, found.issuer, found.at, found.heads, found.state,
            found.count, supporters,  # type: ignore[arg-type]
        )  # fmt: skip
        assert held.assessed(made).reaches(made) is enough


def test_of_each_party_its_last_checkpoints_count(pact: tuple[Network, str]) -> None:
    network, agreement = pact
    house = network.houses[HARBOUR]
    made = [
        says(network, agreement, HARBOUR, own(house, agreement, STATE))
        for _ in range(MOST_POINTS + 1)
    ]
    held = folded(network.houses[RIVER], agreement)
    everybody = held.instrument.circles.all.id
    found = checkpoints.points(held.instrument, held.state.checkpoints, everybody)
    assert [each.record for each in found] == [each.id for each in made[1:]]
    assert [each.count for each in found] == sorted(each.count for each in found)


def test_a_checkpoint_of_records_that_are_not_held_is_not_held(pact: tuple[Network, str]) -> None:
    network, agreement = pact
    river = network.houses[RIVER]
    held = folded(river, agreement)
    heads = checkpoints.heads_in(held.instrument, held.history, held.instrument.circles.all.id)
    assert checkpoints.holds(held.history, heads)
    (chain, (number, record)), *_ = heads.items()
    assert not checkpoints.holds(held.history, {**heads, chain: (number + 1, record)})
    assert not checkpoints.holds(held.history, {**heads, chain: (number, NOBODY)})


def test_heads_of_narrower_circles_make_it_no_checkpoint(pact: tuple[Network, str]) -> None:
    network, agreement = pact
    house = network.houses[HARBOUR]
    held = folded(house, agreement)
    pair = held.instrument.circles.pair(HARBOUR, NORTHGATE)  # type: ignore[arg-type]
    inside = crafted(house, agreement, "redaction.answer", {"blob": "00"}, circle=pair)
    slip_in(house, inside)
    good = own(house, agreement, STATE)
    heads = dict(held.history.heads) | {inside.header.chain: (1, inside.id)}
    bad = body_of(heads, STATE)
    for body, there in ((good, True), (bad, False)):
        made = says(network, agreement, HARBOUR, body)
        held = folded(network.houses[RIVER], agreement)
        everybody = held.instrument.circles.all.id
        found = checkpoints.points(held.instrument, held.state.checkpoints, everybody)
        assert (made.id in {each.record for each in found}) is there


def test_what_a_checkpoint_says_is_read_again(pact: tuple[Network, str]) -> None:
    network, agreement = pact
    body = own(network.houses[RIVER], agreement, STATE)
    said = read_checkpoint(body)
    assert (body_of(said.heads, said.state), said.of) == (body, None)
    said = read_checkpoint(answer_to(NOBODY, STATE))
    assert (said.of, said.state, said.heads) == (NOBODY, STATE, {})


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param({}, "checkpoint.shape", id="nothing"),
        pytest.param({"state": STATE}, "checkpoint.shape", id="of nothing"),
        pytest.param(
            {"of": NOBODY, "heads": [], "state": STATE}, "checkpoint.shape", id="of two things"
        ),
        pytest.param({"of": "x", "state": STATE}, "ids.not-a-digest", id="of no record"),
        pytest.param({"heads": [], "state": "x"}, "ids.not-a-digest", id="a state that is none"),
        pytest.param({"heads": [1], "state": STATE}, "record.deps", id="heads that are none"),
        pytest.param({"heads": 1, "state": STATE}, "record.deps", id="no list of heads"),
    ],
)
def test_what_is_no_checkpoint_is_refused(body: dict[str, Json], code: str) -> None:
    with pytest.raises(AlliedError) as refusal:
        read_checkpoint(body)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("tolerates", "needed"), [(b"", 2), (b", tolerates: 1", 3)], ids=["nobody", "one"]
)
def test_as_many_more_are_needed_as_the_text_lets_cheat(
    tmp_path: Path, tolerates: bytes, needed: int
) -> None:
    rule = b"bodies:\n  table: {rule: {kind: simple-majority, of: voting" + tolerates + b"}}\n"
    network, agreement = allied(tmp_path, DEMO + rule if b"bodies:" not in DEMO else DEMO)
    first = says(network, agreement, HARBOUR, own(network.houses[HARBOUR], agreement))
    held = folded(network.houses[RIVER], agreement)
    for number, label in enumerate((RIVER, NORTHGATE), 2):
        hear(network)
        says(network, agreement, label, answer_to(first.id, read_checkpoint(first.body).state))
        hear(network)
        held = folded(network.houses[RIVER], agreement)
        found = point(network, agreement, first.id)
        assert len(found.supporters) == number
        assert held.assessed(found).reaches(found) is (number >= needed)


def test_what_a_node_comes_to_is_what_others_come_to_from_its_heads(tmp_path: Path) -> None:
    network, agreement = allied(tmp_path)
    river = network.houses[RIVER]
    attack(river, agreement)  # among the voters, with receipts in circles of two
    network.settle(2)
    held = folded(river, agreement)
    for circle in checkpoints.shared_circles(held.instrument):
        heads, word = checkpoints.own(held.instrument, held.history, held.state, circle)
        there = folded(network.houses[HARBOUR], agreement)
        again = checkpoints.come_to(there.instrument, there.history, lambda *_: "", circle, heads)
        assert again[1] == word
