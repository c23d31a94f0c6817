"""A change of version takes nothing from those who rightly spoke under the text before."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from allied.agreement.certified import read_proof, write_proof
from allied.agreement.fold import begun, fold
from allied.node import agreements, amendments
from allied.record.history import History, history
from allied.record.ids import RecordId
from allied.record.record import Dep, Record
from tests.node.amending import (
    EVERYBODY,
    TEXT,
    TWO,
    amended,
    decide,
    number,
    numbers,
    pact,
    put,
    vote,
)
from tests.node.hands import HARBOUR, NORTHGATE, RIVER, crafted, folded, slip_in
from tests.node.network import Network

NOT_NORTHGATE = {RIVER: "yes", HARBOUR: "yes", NORTHGATE: "no"}
LEAVING = TEXT.replace("bodies:", "life: {withdrawal: {notice: 30 days}}\nbodies:", 1)


def late(network: Network) -> set[tuple[str, ...]]:
    """What is late, as each node has it."""
    return {
        tuple(
            sorted(
                f"{house.label} {record.header.kind}"
                for record in found.history.order
                for house in network.houses.values()
                if house.organisation.id == record.header.issuer
                and found.state.verdicts[record.id].code == "effect.late-version"
            )
        )
        for found in (folded(house, "pact") for house in network.houses.values())
    }


def test_what_was_said_while_a_notice_of_leaving_ran_is_not_late_afterwards(
    tmp_path: Path,
) -> None:
    """The text takes effect because who objected has left: nobody's record brings that about."""
    network = pact(tmp_path, EVERYBODY, LEAVING)
    decide(network, amended(EVERYBODY, LEAVING, GREEN="AMBER"), NOT_NORTHGATE)
    leaving = network.houses[NORTHGATE]
    agreements.withdraw(leaving.node, leaving.actor, "pact")
    network.settle(2)
    network.advance(timedelta(days=5))
    put(network, RIVER, amended(EVERYBODY, LEAVING, GREEN="CLEAR"))
    # Somebody who dates its own word far ahead makes the text of that day no text of today.
    house = network.houses[HARBOUR]
    found = folded(house, "pact")
    ahead = crafted(
        house, "pact", "agreement.withdraw", {"genesis": found.instrument.id, "cut": []},
        claimed_at=network.clock.now() + timedelta(days=300),
    )  # fmt: skip
    early = fold(found.instrument, _with(found.history, ahead))
    before = numbers(network)
    network.settle(2)
    network.advance(timedelta(days=40))
    agreements.withdraw(house.node, house.actor, "pact")
    network.settle(2)

    assert (before, numbers(network)) == ({1}, {2})
    assert "effect.late-version" not in {each.code for each in early.verdicts.values()}
    assert late(network) == {()}


@pytest.mark.parametrize("heard", [True, False], ids=["that others had", "that nobody had"])
def test_who_accepts_without_having_read_on_voids_nothing(tmp_path: Path, heard: bool) -> None:
    """Its twin: what nobody else had before the text took effect is late."""
    network = pact(tmp_path, EVERYBODY)
    decide(network, amended(EVERYBODY, GREEN="AMBER"), NOT_NORTHGATE)
    for other in (RIVER, HARBOUR):
        network.cut_between(NORTHGATE, other)
    if not heard:
        network.cut_between(RIVER, HARBOUR)
    network.advance(timedelta(days=30))
    name = put(network, RIVER, amended(EVERYBODY, GREEN="CLEAR"))
    network.settle(2)
    vote(network, name, TWO if heard else {RIVER: "yes"})
    network.settle(2)
    house = network.houses[NORTHGATE]
    amendments.accept(house.node, house.actor, "pact", "2")
    network.heal()
    network.settle(3)

    assert numbers(network) == {2}
    assert late(network) == ({()} if heard else {("river proposal.open", "river vote.cast")})


def test_an_objection_counts_from_when_others_had_it(tmp_path: Path) -> None:
    """Else one who kept silent could undo what was in force; one in time: `test_amending`."""
    network = pact(tmp_path, EVERYBODY)
    name = put(network, RIVER, amended(EVERYBODY, GREEN="AMBER"))
    network.settle(1)
    vote(network, name, {RIVER: "yes", HARBOUR: "yes"})
    network.settle(1)
    vote(network, name, {NORTHGATE: "yes"})
    liar = network.houses[NORTHGATE]
    said = folded(liar, "pact").history.order
    last = [each for each in said if each.header.issuer == liar.organisation.id][-1]
    for other in (RIVER, HARBOUR):
        network.houses[other].sync()
        network.cut_between(NORTHGATE, other)
    for _ in range(6):
        network.advance(timedelta(hours=1))
        network.settle(1)
    found = folded(network.houses[RIVER], "pact")
    (text,) = found.state.texts
    dated = next(each.at for each in found.state.events if each.version)
    body = {"genesis": found.instrument.id, "version": text}
    objects = crafted(
        liar, "pact", "agreement.object", body, after=last, deps=[], claimed_at=dated
    )  # fmt: skip
    in_force = number(network, network.houses[HARBOUR])
    network.advance(timedelta(days=60))
    slip_in(network.houses[RIVER], objects)
    for other in (RIVER, HARBOUR) * 2:
        network.houses[other].sync()

    assert folded(network.houses[HARBOUR], "pact").state.verdicts[objects.id].effect
    assert (in_force, number(network, network.houses[HARBOUR])) == (2, 2)


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Network:
    network = pact(tmp_path_factory.mktemp("changed"))
    decide(network, amended(GREEN="AMBER"))
    return network


def test_who_counts_and_tells_two_stories_of_it_stops_nobody(changed: Network) -> None:
    found = folded(changed.houses[RIVER], "pact")
    proved = _certificate(found.history)
    past = [each for each in found.history.order if found.history.knows(proved.id, each.id)]
    for count in read_proof(proved.body).counts:
        if count.header.issuer == proved.header.issuer:
            continue
        liar = next(
            each for each in changed.houses.values()
            if each.organisation.id == count.header.issuer
        )  # fmt: skip
        before = found.history.get(count.header.previous or count.id)
        other = crafted(liar, "pact", "ledger.commit", {"n": "x"}, after=before, deps=[])
        whole = history([*past, proved, other], found.instrument.circles.size)
        state = fold(found.instrument, whole)

        assert count.id in whole.aside
        assert state.verdicts[proved.id].effect
        assert state.present(found.instrument, changed.clock.now()).number == 2


@pytest.mark.parametrize("invented", [False, True], ids=["one that is there", "invented"])
def test_a_count_that_nobody_else_has_seen_counts_what_is_there(
    changed: Network, invented: bool
) -> None:
    """Else a voter could except itself from the cut, by citing records of its own to come."""
    found = folded(changed.houses[RIVER], "pact")
    proved = _certificate(found.history)
    past = [each for each in found.history.order if found.history.knows(proved.id, each.id)]
    proof = read_proof(proved.body)
    whose = next(e for e in proof.counts if e.header.issuer == proved.header.issuer)
    liar = next(e for e in changed.houses.values() if e.organisation.id == whose.header.issuer)
    other = next(e for e in proof.counts if e.header.issuer != proved.header.issuer)
    last = max(
        (each for each in past if each.header.chain == other.header.chain),
        key=lambda each: each.header.sequence,
    )
    number, name = (10**6, "d" * 64) if invented else (last.header.sequence, last.id)
    chain = last.header.chain
    secret = crafted(
        liar, "pact", "decision.count", whose.body,
        deps=[Dep(chain.circle, chain.issuer, chain.incarnation, number, RecordId(name))],
        sequence=9_000, previous="e" * 64,
    )  # fmt: skip
    certificate = crafted(
        liar, "pact", "decision.certificate",
        write_proof(proof.opening, proof.result, [other, secret]),
        after=found.history.get(proved.header.previous or proved.id),
        deps=list(proved.header.deps),
    )  # fmt: skip
    whole = history([*past, certificate], found.instrument.circles.size)
    progress = begun(found.instrument, whole)
    (change,) = progress.first.changes()

    assert progress.state.verdicts[certificate.id].effect
    assert change.counted[other.header.chain] == last.header.sequence
    assert change.counted[whose.header.chain] < 100


def _certificate(past: History) -> Record:
    return next(each for each in past.order if each.header.kind == "decision.certificate")


def _with(past: History, *records: Record) -> History:
    return history([*past.order, *records], past.size_of)
