"""Who tells two stories is told of everywhere, with both of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from allied.node import freshness, incoming, journal, messages
from allied.record import fork
from allied.record.canonical import Json
from allied.record.fork import ForkProof
from allied.record.identity import open_chain
from allied.record.ids import AgreementId, PartyId, RecordId
from allied.record.record import Dep, Record
from tests.node.hands import HARBOUR, NORTHGATE, RIVER, allied, crafted, folded
from tests.node.network import House, Network


def two_stories(network: Network, pact: str) -> tuple[Record, Record]:
    """One for River and one for Harbour."""
    northgate = network.houses[NORTHGATE]
    yes = crafted(northgate, pact, "redaction.answer", {"blob": "yes"})
    no = crafted(northgate, pact, "redaction.answer", {"blob": "no"})
    return yes, no


def told(house: House, pact: str, *records: Record) -> incoming.TakenIn:
    with house.node.store.write() as writing:
        found = house.node.folds.of(writing, AgreementId(pact))
        return incoming.take_in(writing, found, [each.raw for each in records], {})


def proofs(house: House, pact: str) -> list[Record]:
    order = folded(house, pact).history.order
    return [each for each in order if each.header.kind == "fork.proof"]


def test_two_stories_are_written_down_once_and_everybody_holds_the_proof(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, northgate = network.houses.values()
    told(river, pact, two_stories(network, pact)[0])
    told(harbour, pact, two_stories(network, pact)[1])
    network.settle(4)
    for house in (river, harbour, northgate):
        (record,) = proofs(house, pact)
        assert record.header.issuer != northgate.organisation.id
        with house.node.store.read() as reading:
            identity = open_chain(reading.descriptors(northgate.organisation.id))
        found = fork.verify(ForkProof.from_json(record.body["proof"]), identity)
        assert found.chain.issuer == northgate.organisation.id
        assert folded(house, pact).history.frozen == {found.chain: found.sequence}


def test_who_holds_the_proof_holds_both_stories(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    yes, no = two_stories(network, pact)
    told(river, pact, yes, no)
    network.cut_between(HARBOUR, NORTHGATE)
    river.sync()
    (proof,) = proofs(river, pact)
    assert not folded(harbour, pact).history.frozen
    taken = told(harbour, pact, proof)
    assert {each.id for each in taken.stored} >= {yes.id, no.id}
    assert folded(harbour, pact).history.frozen


@pytest.mark.parametrize(
    ("pair", "carried"),
    [pytest.param(False, 2, id="in its own circle"), pytest.param(True, 0, id="of another circle")],
)
def test_a_proof_carries_only_what_stands_in_its_circle(
    tmp_path: Path, pair: bool, carried: int
) -> None:
    network, pact = allied(tmp_path)
    river, harbour, northgate = network.houses.values()
    circles = folded(river, pact).instrument.circles
    where = circles.pair(PartyId(RIVER), PartyId(NORTHGATE)) if pair else circles.all
    yes, no = (
        crafted(northgate, pact, "redaction.answer", {"blob": word}, circle=where, deps=())
        for word in ("yes", "no")
    )
    body: dict[str, Json] = {"proof": fork.prove(yes, no).to_json()}
    proof = crafted(river, pact, "fork.proof", body)
    assert len(fork.carried(proof)) == carried
    told(harbour, pact, proof)
    assert folded(harbour, pact).holds(yes.id) == bool(carried)


def test_a_proof_that_proves_nothing_accuses_nobody(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, northgate = network.houses.values()
    first = crafted(northgate, pact, "redaction.answer", {"blob": "one"})
    second = crafted(northgate, pact, "redaction.answer", {"blob": "two"}, after=first)
    body: dict[str, Json] = {"proof": ForkProof(first.raw, second.raw).to_json()}
    told(harbour, pact, crafted(river, pact, "fork.proof", body))
    assert folded(harbour, pact).history.frozen == {}
    broken: dict[str, Json] = {"proof": {"first": "", "second": 1}}
    assert fork.carried(crafted(river, pact, "fork.proof", broken)) == []


def test_what_honest_parties_rest_on_a_branch_reaches_who_holds_the_other(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, northgate = network.houses.values()
    for house, word in ((river, "yes"), (harbour, "no")):
        branch: list[Record] = []
        for number in range(3):
            body: dict[str, Json] = {"blob": f"{word} {number}"}
            after = branch[-1] if branch else None
            branch.append(crafted(northgate, pact, "redaction.answer", body, after=after))
        told(house, pact, *branch)
    said = []
    for house in (river, harbour):  # each cites the end of the branch that it holds
        with house.node.store.write() as writing:
            found = house.node.folds.of(writing, AgreementId(pact))
            circle = found.instrument.circles.all
            said.append(
                journal.append(
                    house.node,
                    writing,
                    house.actor,
                    found,
                    circle,
                    "redaction.answer",
                    {"blob": "-"},
                )
            )
    network.settle(4)
    for house in (river, harbour, northgate):
        verdicts = folded(house, pact).state.verdicts
        assert all(verdicts[each.id].effect for each in said)
        with house.node.store.read() as reading:
            assert reading.parked(AgreementId(pact)) == []


def test_what_waits_for_ever_keeps_nobody_from_being_up_to_date(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, northgate = network.houses.values()
    circle = folded(northgate, pact).instrument.circles.all.id
    nothing = Dep(circle, river.organisation.id, 0, 900, RecordId("0" * 64))
    waiting = crafted(northgate, pact, "redaction.answer", {"blob": "x"}, deps=(nothing,))
    assert told(harbour, pact, waiting).parked == 1
    network.settle()
    with harbour.node.store.read() as reading:
        assert len(reading.parked(AgreementId(pact))) == 1
    network.clock.advance(freshness._STEP * 5)
    network.asked.clear()
    harbour.sync()
    mine = harbour.organisation.id
    to_river = [v for a, b, v in network.asked if (a, b) == (mine, river.organisation.id)]
    assert to_river == [messages.AGREEMENTS]
    with harbour.node.store.read() as reading:
        ids = (mine, river.organisation.id, AgreementId(pact))
        assert not freshness.is_due(reading, *ids, *[network.clock.now()] * 2)
