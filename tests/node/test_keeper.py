"""The keeper of a server gets through its rounds, whoever else wants to be asked meanwhile."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from allied.entrypoints.serving import Keeper
from allied.node.fellows import Alone
from allied.node.folds import Folds
from allied.node.messages import AGREEMENTS
from allied.node.node import Node
from allied.node.ports import Listener, Speaker
from tests.node.hands import DEMO, HARBOUR, NAMES, NORTHGATE, RIVER, allied, run_sql
from tests.node.network import House, Network, Wires

LIAR = "aaa-liar"  # first by its label, too


class Lines(Wires):
    """The lines of a network: who is asked is counted, and one peer may be slow and hint."""

    def __init__(self, network: Network, slow: str = "") -> None:
        super().__init__(network)
        self.network = network
        self.slow = slow
        self.asked: Counter[str] = Counter()
        self.moments: list[datetime] = []
        self.hint: Callable[[], None] = lambda: None

    def ask(
        self, speaker: Speaker, listener: Listener, path: str, body: bytes, *, limit: int
    ) -> bytes:
        label = self.network.at(listener.url).label
        if path == AGREEMENTS:
            self.asked[label] += 1
            self.moments.append(self.network.clock.now())
        if label == self.slow:
            self.network.advance(timedelta(seconds=25))
            self.hint()
        return super().ask(speaker, listener, path, body, limit=limit)


def run(node: Node, house: House, lines: Lines, enough: Callable[[], bool]) -> None:
    """Run a keeper until there was enough, at most twenty seconds; every look takes two."""

    def wait(_: float) -> bool:
        lines.network.advance(timedelta(seconds=2))
        time.sleep(0.002)
        return True

    keeper = Keeper(replace(node, peers=lines), house.keys, wait, 20, Alone())
    lines.hint = lambda: keeper.hinted(lines.network.houses[LIAR].organisation.id)
    with ExitStack() as stack:
        keeper.start()
        stack.callback(keeper.stop)
        ends = time.monotonic() + 20
        while not enough() and time.monotonic() < ends:
            time.sleep(0.02)


@pytest.mark.parametrize(
    "slow", [pytest.param("", id="nobody is slow"), pytest.param(LIAR, id="one is slow and hints")]
)
def test_everybody_is_asked_again_and_again(tmp_path: Path, slow: str) -> None:
    network = Network(tmp_path)
    for label, name in {**NAMES, LIAR: "Liar"}.items():
        network.found(label, name)
    network.introduce_all()
    river = network.houses[RIVER]
    lines = Lines(network, slow)

    def enough() -> bool:
        return min(lines.asked[HARBOUR], lines.asked[NORTHGATE]) > 3

    run(river.node, river, lines, enough)
    assert enough(), lines.asked


@pytest.mark.parametrize("spoilt", [False, True])
def test_an_agreement_that_cannot_be_read_keeps_nobody_from_being_asked(
    tmp_path: Path, *, spoilt: bool
) -> None:
    network, _ = allied(tmp_path)
    second = network.sign_all(DEMO.replace(b"river-harbour", b"second-pact"), RIVER)
    river = network.houses[RIVER]
    if spoilt:
        run_sql(river, "UPDATE records SET raw = x'7b7d' WHERE agreement = :id", id=second)
    lines = Lines(network)

    def enough() -> bool:
        return lines.asked[HARBOUR] > 2

    run(replace(river.node, folds=Folds()), river, lines, enough)
    assert enough()


@pytest.mark.parametrize(
    ("others", "spread"),
    [
        pytest.param(4, False, id="a few are asked at once"),
        pytest.param(6, True, id="many are spread over half of the time"),
    ],
)
def test_whoever_starts_asks_all_at_once_and_later_rounds_are_spread(
    tmp_path: Path, others: int, spread: bool
) -> None:
    network = Network(tmp_path)
    for label in (RIVER, *(f"other-{number}" for number in range(others))):
        network.found(label, label.title())
    network.introduce_all()
    river = network.houses[RIVER]
    lines = Lines(network)
    run(river.node, river, lines, lambda: len(lines.moments) >= 3 * others)
    first, second = lines.moments[:others], lines.moments[others : 2 * others]
    assert len(set(first)) == 1
    assert (second[-1] - second[0] >= timedelta(seconds=5)) is spread
    assert second[-1] - second[0] <= timedelta(seconds=20)
    assert max(lines.asked.values()) - min(lines.asked.values()) <= 1
