"""A confirmed partner names agreements without end, or sends what breaks our own code."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from importlib import resources
from pathlib import Path

import pytest

from allied.node import agreements, exchanging, messages
from allied.node.exchanging import Exchange, Outcome
from allied.node.messages import AgreementsAnswer, News
from tests.node.network import Network


@pytest.fixture
def network(tmp_path: Path) -> Network:
    """The three of the demonstration, who know each other."""
    network = Network(tmp_path)
    network.found("river", "River Bank plc")
    network.found("harbour", "Harbour Logistics SA")
    network.found("northgate", "Northgate CERT")
    network.introduce_all()
    return network


def proposed(network: Network, proposer: str) -> None:
    """One more proposal of the demonstration's text."""
    text = (resources.files("allied.agreement") / "templates" / "demo.yaml").read_bytes()
    house = network.houses[proposer]
    proposal = agreements.prepare(house.node, house.organisation, text, "demo.yaml", {})
    agreements.propose(house.node, house.actor, proposal)


def test_a_partner_cannot_fill_a_node_with_proposals(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchanging, "AGREEMENTS_FROM_ONE_PEER", 2)
    harbour = network.houses["harbour"]
    for _ in range(2):
        proposed(network, "river")
    harbour.sync()
    assert len(agreements.list_agreements(harbour.node)) == 2  # the twin that passes
    proposed(network, "river")
    codes = [outcome.problem for outcome in harbour.sync()]
    assert "agreement.too-many-proposals" in codes
    assert len(agreements.list_agreements(harbour.node)) == 2


def test_what_others_propose_without_end_does_not_hide_what_was_signed(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    river, harbour = network.houses["river"], network.houses["harbour"]
    proposed(network, "river")
    pact = agreements.list_agreements(river.node)[0].id
    agreements.sign(river.node, river.actor, pact)
    with river.node.store.read() as reading:
        first = reading.agreements()[0].id
    while first == pact:  # until something else stands before it
        proposed(network, "northgate")
        river.sync()
        with river.node.store.read() as reading:
            first = reading.agreements()[0].id
    monkeypatch.setattr(messages, "MAX_AGREEMENTS", 1)
    raw = river.answers.answer(
        harbour.organisation.id, river.organisation.id, messages.AGREEMENTS, messages.NOTHING
    )
    assert [one.id for one in AgreementsAnswer.decode(raw).agreements] == [pact]


def test_a_mistake_of_ours_about_one_partner_stops_no_other(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposed(network, "northgate")
    harbour = network.houses["harbour"]
    river = network.houses["river"].organisation.id
    run = exchanging.Exchange.run

    def stumbles(
        self: Exchange, outcome: Outcome, at: datetime, hinted: Sequence[News] | None
    ) -> None:
        if self._peer.id == river:
            raise ZeroDivisionError
        run(self, outcome, at, hinted)

    monkeypatch.setattr(exchanging.Exchange, "run", stumbles)
    outcomes = {outcome.peer: outcome for outcome in harbour.sync()}
    assert outcomes["river"].problem == "sync.internal"
    assert outcomes["northgate"].problem == ""
    assert len(agreements.list_agreements(harbour.node)) == 1
