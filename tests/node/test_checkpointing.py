"""Nodes say what they come to where a checkpoint is due, and once for each of others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from allied.agreement import checkpoints
from allied.node import checkpointing, doctor, journal
from allied.record.ids import AgreementId, Digest
from allied.record.record import Record
from tests.agreement.test_checkpoints import own
from tests.node.hands import HARBOUR, NORTHGATE, RIVER, allied, folded
from tests.node.network import House, Network
from tests.node.test_comparing import note

OTHER = Digest("cd" * 32)


@pytest.fixture
def often() -> Iterator[None]:
    """A checkpoint is due after every tenth record."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(checkpointing, "EVERY", 10)
        patched.setattr(checkpointing, "_FOR_EACH_PARTY", 1)
        yield


def said(house: House, pact: str, issuer: House | None = None) -> list[Record]:
    """The checkpoints that a house holds."""
    return [
        each
        for each in folded(house, pact).state.checkpoints
        if issuer is None or each.header.issuer == issuer.organisation.id
    ]


def reached(house: House, pact: str) -> checkpoints.Point | None:
    found = folded(house, pact)
    everybody = found.instrument.circles.all.id
    return found.reached(everybody)


def grow(network: Network, pact: str, records: int) -> None:
    for _ in range(records):
        note(network.houses[RIVER], pact)
    network.settle(4)


def test_members_come_to_the_same_and_say_so_where_one_is_due(tmp_path: Path, often: None) -> None:
    network, pact = allied(tmp_path)
    grow(network, pact, 10)
    words = {(point.record, point.state) for each in network.houses.values()
             if (point := reached(each, pact))}  # fmt: skip
    assert len(words) == 1
    for house in network.houses.values():
        point = reached(house, pact)
        assert point is not None
        assert len(point.supporters) >= 2
        (found,) = [each for each in doctor.examine(house.node) if each.code == "checkpoints"]
        assert found.state == "ok"


def test_before_enough_was_said_there_is_none(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    grow(network, pact, 10)
    for house in network.houses.values():
        assert said(house, pact) == []
        assert [each for each in doctor.examine(house.node) if each.code == "checkpoints"] == []


def test_checkpoints_alone_make_no_further_one_due(tmp_path: Path, often: None) -> None:
    network, pact = allied(tmp_path)
    grow(network, pact, 10)
    before = len(said(network.houses[RIVER], pact))
    network.settle(5)
    assert len(said(network.houses[RIVER], pact)) == before


def test_who_comes_to_something_else_is_told_and_signs_nothing(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, northgate = network.houses.values()
    with northgate.node.store.write() as writing:
        found = northgate.node.folds.of(writing, AgreementId(pact))
        circle = found.instrument.circles.all
        body = own(northgate, pact, OTHER)
        wrong = journal.append(
            northgate.node, writing, northgate.actor, found, circle, checkpoints.KIND, body
        )
    network.settle(3)
    for house in (river, harbour):
        answers = [each for each in said(house, pact) if each.body.get("of") == wrong.id]
        assert answers == []
        problems = [
            each.text
            for each in doctor.examine(house.node)
            if each.code == "checkpoints" and each.state == "problem"
        ]
        assert len(problems) == 1
        assert problems[0].startswith(f"{NORTHGATE} signed on 2026-11-23")
        point = reached(house, pact)
        assert point is None or point.record != wrong.id
    assert {HARBOUR, RIVER} == {river.label, harbour.label}


def test_a_checkpoint_is_folded_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network, pact = allied(tmp_path)
    river, _, northgate = network.houses.values()
    with northgate.node.store.write() as writing:
        found = northgate.node.folds.of(writing, AgreementId(pact))
        circle = found.instrument.circles.all
        body = own(northgate, pact, OTHER)
        journal.append(
            northgate.node, writing, northgate.actor, found, circle, checkpoints.KIND, body
        )
    folds: list[object] = []
    whole = checkpoints.come_to

    def counted(*given: object) -> object:
        folds.append(given)
        return whole(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(checkpoints, "come_to", counted)
    for _ in range(4):
        river.sync()
    assert len(folds) == 1


def test_of_more_chains_than_a_record_can_name_there_is_none(
    tmp_path: Path, often: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpointing, "MAX_DEPS", 2)
    network, pact = allied(tmp_path)
    grow(network, pact, 10)
    assert [said(house, pact) for house in network.houses.values()] == [[], [], []]
    monkeypatch.setattr(checkpointing, "MAX_DEPS", 20)
    network.settle(2)
    assert said(network.houses[RIVER], pact)  # the twin
