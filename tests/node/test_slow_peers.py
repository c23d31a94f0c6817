"""A peer that answers each question as late as it may holds nobody else up for long."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from allied.node import messages, sync
from allied.node.messages import AgreementsAnswer, Heads, Named
from allied.node.pages import RecordsPage
from allied.record.canonical import digest
from allied.record.ids import AgreementId
from tests.node.hands import HARBOUR, NORTHGATE, RIVER, allied, attack
from tests.node.network import House, Network


class Slow:
    """The way to the peers of a house, of whom one takes its time and names a thousand things."""

    def __init__(self, network: Network, house: House, slow: House, seconds: float) -> None:
        self._lines: Any = house.node.peers
        self._network, self._slow, self._seconds = network, slow.organisation.id, seconds
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lines, name)

    def ask(self, speaker: Any, listener: Any, path: str, body: bytes, **more: Any) -> bytes:
        if listener.organisation != self._slow or path == messages.HINT:
            return bytes(self._lines.ask(speaker, listener, path, body, **more))
        self.asked += 1
        self._network.advance(timedelta(seconds=self._seconds))
        if path == messages.AGREEMENTS:
            names = [AgreementId(digest(b"%d" % number)) for number in range(200)]
            return AgreementsAnswer(tuple(Named(each, "x", 1, 0) for each in names)).encode()
        if path == messages.HEADS:
            return Heads(Heads.decode(body).agreement, ()).encode()
        return RecordsPage().encode(more=False)


@pytest.fixture
def world(tmp_path: Path) -> tuple[Network, str]:
    return allied(tmp_path)


@pytest.mark.parametrize(
    ("seconds", "questions", "problem"),
    [
        pytest.param(29, 5, "peer.slow", id="each answer takes half a minute"),
        pytest.param(0.2, 401, "agreement.no-proposal", id="each answer comes at once"),
    ],
)
def test_one_exchange_waits_for_one_peer_no_longer_than_two_minutes(
    world: tuple[Network, str], seconds: float, questions: int, problem: str
) -> None:
    network, pact = world
    river, harbour, northgate = (network.houses[each] for each in (RIVER, HARBOUR, NORTHGATE))
    lines = Slow(network, river, harbour, seconds)
    river.node = replace(river.node, peers=lines)  # type: ignore[arg-type]
    attack(northgate, pact)
    outcomes = {each.peer: each for each in river.sync()}
    assert (lines.asked, outcomes[HARBOUR].problem) == (questions, problem)
    assert (outcomes[NORTHGATE].problem, outcomes[NORTHGATE].records) == ("", 1)


def test_who_is_slow_is_not_asked_again_at_once_whatever_it_hints(
    world: tuple[Network, str],
) -> None:
    network, _ = world
    river, harbour = network.houses[RIVER], network.houses[HARBOUR]
    lines = Slow(network, river, harbour, 29)
    river.node = replace(river.node, peers=lines)  # type: ignore[arg-type]
    whose = harbour.organisation.id
    assert sync.ask_all(river.node, river.keys, only=whose, hinted=True)
    before = lines.asked
    assert sync.ask_all(river.node, river.keys, only=whose, hinted=True) == []
    assert lines.asked == before
    network.advance(timedelta(minutes=5))
    assert sync.ask_all(river.node, river.keys, only=whose, hinted=True)
    assert lines.asked > before
