"""A liar who counts the votes, and takes its tally back once others have counted after it.

Six parties, one liar, a certificate of four. Three honest voters count after the liar's tally; then
its chain parts before the tally, which is set aside with it at those three, while the liar has
their counts, and its own, for a certificate. The others hold further votes, by which it would come
out another way: but who has counted has signed one value, whatever becomes of the tally.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from allied.agreement.certified import write_proof
from allied.agreement.closing import CERTIFICATE, CLOSE, COUNT, TALLY, Progress, progress, tally_of
from allied.agreement.tabled import Tabled
from allied.node import proposals, sync, visibility
from allied.node.questions import table_of
from allied.record.canonical import Json
from allied.record.circle import Circle
from allied.record.ids import RecordId
from allied.record.record import Record
from tests.node.hands import crafted, slip_in
from tests.node.network import House
from tests.simulator import amendments, promises
from tests.simulator.groves import TREES, Grove
from tests.simulator.world import World

SIX = TREES[:6]
LIAR = "ash"
"""Who comes first in the order of those who count the votes."""
HERE = ("birch", "cedar", "dogwood")
THERE = ("elm", "fir")


@pytest.fixture(scope="module")
def grove() -> Iterator[Grove]:
    root = Path(tempfile.mkdtemp(prefix="allied-tallies-"))
    text = amendments.text(SIX, amendments.AT_ONCE)
    yield Grove.planted(root / "grove", SIX, liars=(LIAR,), text=text)
    shutil.rmtree(root)


@pytest.fixture
def world(grove: Grove, tmp_path: Path) -> Iterator[World]:
    made = World(grove, tmp_path / "world")
    yield made
    made.close()


def circle_of(world: World, house: House, named: RecordId) -> Circle:
    """Where a question stands."""
    found = world.folded(house)
    opening = found.history.get(named)
    assert opening is not None
    return visibility.circles(found, house.organisation.id)[opening.header.circle]


def question(world: World, house: House, named: RecordId) -> tuple[Tabled, Progress]:
    """A question as a node holds it, and how far it is decided."""
    found = world.folded(house)
    table = table_of(found, circle_of(world, house, named))
    on = next(each for each in table.tabled if each.record == named)
    return on, progress(on, found.state.custodians(on.opening.knows))


def asks(world: World, tree: str, *others: str) -> None:
    for other in others:
        world.pulls(tree, other)


def said(world: World, house: House, tree: str, kind: str) -> list[Record]:
    """The records of a kind by one party, as a node holds them in order."""
    issuer = world.houses[tree].organisation.id
    return [
        each
        for each in world.folded(house).history.order
        if (each.header.issuer, each.header.kind) == (issuer, kind)
    ]


def hears_what_is_said(world: World, liar: House) -> None:
    """The liar reads, and writes nothing that it would have to write."""
    sync.ask_all(liar.node, liar.keys, items=False)


def counted_and_taken_back(world: World, named: RecordId) -> Record:
    """Three count after the liar's tally, which is then set aside; the certificate it can make."""
    liar = world.houses[LIAR]
    here = circle_of(world, liar, named)
    for one in THERE:
        for other in (LIAR, *HERE):
            world.cut_line(one, other)
    for tree in (LIAR, "birch", "cedar"):
        world.votes(tree, "yes")
    world.votes("dogwood", "no")
    world.votes("fir", "no")
    asks(world, "elm", "fir")
    world.votes("elm", "no")
    asks(world, "fir", "elm")
    for _ in range(2):
        world.all_ask(SIX)
    world.days_pass(5)
    for tree in (*THERE, *HERE, LIAR):
        world.pulls(tree)
    hears_what_is_said(world, liar)
    world.splits(THERE, (LIAR,))
    liar = world.houses[LIAR]
    (close,) = said(world, liar, LIAR, CLOSE)
    on, state = question(world, liar, named)
    assert set(state.closes) == {LIAR, *HERE}
    assert not state.tallies
    result = tally_of(on, list(state.closes.values()))
    closes: list[Json] = [*sorted(each.record for each in state.closes.values())]
    body: dict[str, Json] = {"proposal": named, "closes": closes, "result": result.to_json()}
    tally = crafted(liar, world.pact, TALLY, body, circle=here)
    slip_in(liar, tally)
    for tree in HERE:
        asks(world, tree, LIAR)
    hears_what_is_said(world, liar)
    counts = [said(world, liar, tree, COUNT)[0] for tree in HERE]
    mine: dict[str, Json] = {"proposal": named, "tally": tally.id, "result": result.digest}
    secret = crafted(liar, world.pact, COUNT, mine, after=tally, circle=here)
    opening = world.folded(liar).history.get(named)
    assert opening is not None
    proof = write_proof(opening, result, [*counts, secret])
    certificate = crafted(liar, world.pact, CERTIFICATE, proof, after=tally, circle=here)
    lie: dict[str, Json] = {"lie": next(world.count)}
    parted = crafted(liar, world.pact, "redaction.answer", lie, after=close, deps=(), circle=here)
    slip_in(world.twins[LIAR], parted)
    for tree in THERE:
        world.mend_line(tree, LIAR)
        asks(world, tree, LIAR)
        world.says(tree)  # it rests on the other branch
    return certificate


def outcomes(world: World, tree: str, named: RecordId) -> set[str]:
    """What certificates prove to a node."""
    house = world.houses[tree]
    view = proposals.show(house.node, house.organisation, named)
    return {side.outcome for side in view.deciding.sides if side.certificate is not None}


def goes_on(world: World) -> None:
    """All but the liar go on for days, and reach each other."""
    world.heal()
    for tree in world.honest:
        world.cut_line(tree, LIAR)
    for _ in range(4):
        world.all_ask((*THERE, *HERE))
        world.days_pass(1)


def test_a_tally_that_is_taken_back_brings_about_no_second_outcome(
    world: World,
) -> None:
    world.puts("birch")
    world.all_ask(SIX)
    (opening,) = said(world, world.houses["birch"], "birch", "proposal.open")
    certificate = counted_and_taken_back(world, opening.id)
    goes_on(world)
    before = set().union(*(outcomes(world, tree, opening.id) for tree in world.honest))
    world.twins.pop(LIAR).node.close()
    slip_in(world.houses["dogwood"], certificate)  # to whom it was shown in time
    promises.settle(world)
    for tree in world.honest:
        promises.require_one_outcome(world.folded(world.houses[tree]))
        view = proposals.show(world.houses[tree].node, world.houses[tree].organisation, opening.id)
        assert view.deciding.stage != "contradicted"
        assert outcomes(world, tree, opening.id) == {"adopted"}
    assert before == set(), "those who had counted counted for nothing else"
