"""A clock that was ahead and is set right again: nobody waits until the day that it had been."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from allied.entrypoints.serving import Keeper
from allied.node import sync
from allied.node.fellows import Alone
from tests.node.hands import HARBOUR, RIVER, allied
from tests.node.network import House, Network

AHEAD = timedelta(days=40)


def asked(network: Network, house: House) -> set[str]:
    """Whom a house asks when it asks those who are due."""
    network.asked.clear()
    sync.sync(house.node, house.keys, due_only=True)
    names = {each.organisation.id: label for label, each in network.houses.items()}
    return {names[other] for one, other, _ in network.asked if one == house.organisation.id}


@pytest.mark.parametrize(
    ("back", "is_asked"),
    [
        pytest.param(timedelta(0), False, id="it has just failed"),
        pytest.param(AHEAD, True, id="the clock was forty days ahead"),
        pytest.param(-timedelta(minutes=6), True, id="it has waited"),
    ],
)
def test_a_peer_that_failed_is_asked_again(tmp_path: Path, back: timedelta, is_asked: bool) -> None:
    network, _ = allied(tmp_path)
    river = network.houses[RIVER]
    network.advance(AHEAD)
    network.cut_between(RIVER, HARBOUR)
    for _ in range(4):
        river.sync()
    network.heal()
    network.advance(-back)
    assert (HARBOUR in asked(network, river)) == is_asked


def until(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_server_whose_clock_is_set_back_goes_on_with_its_rounds(tmp_path: Path) -> None:
    network, _ = allied(tmp_path)
    network.settle()
    river = network.houses[RIVER]
    woken = threading.Semaphore(0)
    looks = []

    def wait(seconds: float) -> bool:
        looks.append(seconds)
        return woken.acquire(timeout=20)

    def goes_on(times: int = 3) -> int:
        """How many questions the server asks while it looks a few times."""
        network.asked.clear()
        before = len(looks)
        woken.release(times)
        until(lambda: len(looks) >= before + times)
        return len(network.asked)

    keeper = Keeper(river.node, river.keys, wait, 3_600, Alone())
    keeper.start()
    until(lambda: len(looks) > 0)
    assert goes_on() == 0  # the twin: the next round is in an hour
    network.advance(-AHEAD)
    assert goes_on() >= 2
    assert goes_on() == 0
    woken.release(10)
    keeper.stop()
