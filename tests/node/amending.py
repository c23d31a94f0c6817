"""Agreements whose text the parties change, for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from allied.agreement.matters import Matter
from allied.node import proposals
from allied.node.proposals import Wish, Word
from tests.node.hands import HARBOUR, NORTHGATE, RIVER, folded
from tests.node.network import House, Network

NAMES = {RIVER: "River Bank plc", HARBOUR: "Harbour SA", NORTHGATE: "Northgate"}
TEXT = """\
format: alliance/1
id: pact
title: Pact of the river
form: {kind: contract}
parties:
  - {ids: [river, harbour, northgate]}
bodies:
  council: {rule: {kind: simple-majority, grace: 1 hour}}
articles:
  - {art: "1", type: amendment, rule: council, CLAUSE}
  - art: "2"
    type: information-sharing
    share: [indicator, vulnerability]
    max_tlp: GREEN
  - art: "3"
    type: collective-response
    trigger: {incident: [attack.cyber], severity: at least severe, attribution: not-needed}
    duties: [{do: assist, modality: must}]
"""
AT_ONCE = "in_force: steward-notice 0 days"
EVERYBODY = "in_force: all-ratify"
YES = {RIVER: "yes", HARBOUR: "yes", NORTHGATE: "yes"}
TWO = {RIVER: "yes", HARBOUR: "yes"}


def pact(
    tmp_path: Path, clause: str = AT_ONCE, text: str = TEXT, *, unsigned: Sequence[str] = ()
) -> Network:
    """Three parties in one agreement; everybody has a node."""
    network = Network(tmp_path)
    for label, name in NAMES.items():
        network.found(label, name)
    network.introduce_all()
    network.sign_all(text.replace("CLAUSE", clause).encode(), RIVER, unsigned=unsigned)
    return network


def amended(clause: str = AT_ONCE, text: str = TEXT, **swaps: str) -> str:
    """The text with another clause and other words, by what they are put for."""
    text = text.replace("CLAUSE", clause)
    for old, new in swaps.items():
        assert old in text
        text = text.replace(old, new)
    return text


def put(network: Network, who: str, text: str, **said: str) -> str:
    """Put an amended text to the vote for four days; the id of the question."""
    house = network.houses[who]
    wish = Wish(Matter(**{"kind": "amendment", **said}), text.encode(), deadline="4 days")
    return proposals.put(house.node, house.actor, "pact", wish).id


def vote(network: Network, name: str, votes: Mapping[str, str]) -> None:
    for who, choice in votes.items():
        house = network.houses[who]
        proposals.say(house.node, house.actor, name, Word("vote", choice))
        network.advance(timedelta(seconds=1))


def decide(network: Network, text: str, votes: Mapping[str, str] = YES, **said: str) -> str:
    """Put a text, vote on it, and let the nodes agree; the id of the question."""
    name = put(network, RIVER, text, **said)
    network.settle(1)
    vote(network, name, votes)
    network.settle(1)
    if effect(network, RIVER, name).startswith("none yet") and len(votes) < len(network.houses):
        network.advance(timedelta(days=5))
    network.settle(3)
    network.advance(timedelta(seconds=1))
    return name


def effect(network: Network, who: str, name: str) -> str:
    house = network.houses[who]
    return proposals.show(house.node, house.organisation, name).effect


def numbers(network: Network) -> set[int]:
    """The version that is present, as each node has it."""
    return {number(network, house) for house in network.houses.values()}


def number(network: Network, house: House) -> int:
    its = folded(house, "pact")
    return its.state.present(its.instrument, network.clock.now()).number
