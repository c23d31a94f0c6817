"""Signatures that are verified beside the rest decide as those that are verified one by one."""

from __future__ import annotations

import sys
from contextlib import suppress

import pytest

from allied.node import ahead, incoming, journal
from allied.record.record import read
from tests.node.hands import HARBOUR, RIVER, allied, folded
from tests.node.network import House, Network

MANY = 300


def notes(house: House, pact: str, number: int) -> list[bytes]:
    """So many harmless statements, as they lie in the house's store."""
    made = []
    with house.node.store.write() as writing:
        for _ in range(number):
            known = house.node.folds.of(writing, folded(house, pact).row.id)
            everybody = known.instrument.circles.all
            made.append(
                journal.append(
                    house.node, writing, house.actor, known, everybody,
                    "redaction.answer", {"blob": "00"},
                ).raw
            )  # fmt: skip
    return made


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> tuple[Network, str, list[bytes]]:
    network, pact = allied(tmp_path_factory.mktemp("ahead"))
    network.settle()
    return network, pact, notes(network.houses[RIVER], pact, MANY)


def resigned(raw: bytes) -> bytes:
    """With a signature that is of its form and does not hold."""
    start = raw.index(b'"sig":"') + len(b'"sig":"')
    spoilt = bytearray(raw)
    spoilt[start] = ord("A") if spoilt[start] != ord("A") else ord("B")
    return bytes(spoilt)


class UndoneError(Exception):
    """A unit is given up."""


def taken(house: House, pact: str, raws: list[bytes]) -> incoming.TakenIn:
    """What would be taken in; nothing stays."""
    found: list[incoming.TakenIn] = []
    with suppress(UndoneError), house.node.store.write() as writing:
        known = house.node.folds.of(writing, folded(house, pact).row.id)
        found.append(incoming.take_in(writing, known, raws, {}))
        raise UndoneError
    return found[0]


@pytest.mark.parametrize("bad", [0, 1, 7], ids=["all hold", "one does not", "some do not"])
def test_many_are_judged_as_few_are(
    stage: tuple[Network, str, list[bytes]], bad: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, pact, raws = stage
    harbour = network.houses[HARBOUR]
    given = [*raws, b"nothing that could be read", raws[0].replace(pact.encode(), b"0" * 64)]
    for place in range(bad):
        given[MANY - 1 - 2 * place] = resigned(given[MANY - 1 - 2 * place])
    beside = taken(harbour, pact, given)
    monkeypatch.setattr(ahead, "_CHUNK", len(given))
    alone = taken(harbour, pact, given)

    assert [each.id for each in beside.stored] == [each.id for each in alone.stored]
    assert beside.refused == alone.refused
    assert beside.refused.count("record.signature") == bad
    assert len(beside.stored) == (MANY if not bad else MANY - 1 - 2 * (bad - 1))
    assert beside.parked == alone.parked


def test_a_small_batch_begins_no_thread_and_the_interpreter_takes_turns_as_before(
    stage: tuple[Network, str, list[bytes]],
) -> None:
    network, pact, raws = stage
    turn = sys.getswitchinterval()
    with ahead.opened(raws[:100], lambda _: None) as found:
        assert found == {}
    with ahead.opened(raws, lambda _: None) as found:
        assert found == {}  # nobody's keys count
        assert sys.getswitchinterval() < turn
    assert sys.getswitchinterval() == turn
    assert taken(network.houses[HARBOUR], pact, raws).stored[0].id == read(raws[0]).id
