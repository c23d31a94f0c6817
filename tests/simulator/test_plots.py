"""Seven parties, and liars who keep two groups of the others apart and tell each another story.

Whoever votes one way here and another way there, closes before the time and counts for both, gets
one certificate at most, as long as the liars are no more than the agreement tolerates. Where it
tolerates none, one liar gets two: they are shown, and the question is frozen.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import precondition, rule

from allied.agreement.certificate import certificate_size
from allied.node import checkups, proposals
from allied.node.proposals import ProposalView
from tests.simulator import promises
from tests.simulator.groves import LIAR, TREES, Grove
from tests.simulator.test_simulator import THOROUGH, Story
from tests.simulator.world import World

ELM: Final = "elm"
PAIR: Final = (LIAR, ELM)


@dataclass(frozen=True)
class Kind:
    """Who lies, and how many the agreement tolerates."""

    liars: tuple[str, ...]
    tolerates: int


ONE: Final = Kind((LIAR,), 1)
TWO: Final = Kind(PAIR, 2)
NONE: Final = Kind((LIAR,), 0)

_groves: dict[Kind, Grove] = {}


def grove(kind: Kind) -> Grove:
    """The folders that every story of a kind starts from, founded once per process."""
    if kind not in _groves:
        root = Path(tempfile.mkdtemp(prefix="allied-plot-"))
        _groves[kind] = Grove.planted(
            root / "grove", TREES, liars=kind.liars, tolerates=kind.tolerates
        )
    return _groves[kind]


@pytest.fixture(scope="module", autouse=True)
def _swept() -> object:
    yield
    for each in _groves.values():
        shutil.rmtree(each.root.parent, ignore_errors=True)
    _groves.clear()


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    made = World(grove(request.param), tmp_path / "world")
    yield made
    made.close()


def shown(world: World, tree: str) -> ProposalView:
    """The one question, as a node shows it."""
    house = world.houses[tree]
    (view,) = proposals.list_proposals(house.node, house.organisation)
    return proposals.show(house.node, house.organisation, view.id)


def certified(world: World, trees: Sequence[str]) -> set[str]:
    """The outcomes that certificates prove to any of these nodes."""
    views = [shown(world, tree) for tree in trees]
    return {
        side.outcome
        for view in views
        for side in view.deciding.sides
        if side.certificate is not None
    }


def plot(world: World, facing: Sequence[str], *, early: bool = False) -> None:
    """One question; two groups that hear another story each, until nothing more comes of it."""
    others = [tree for tree in world.honest if tree not in facing]
    world.puts(others[0])
    world.all_ask(world.trees)
    world.plots(facing, world.liars)
    for liar in world.liars:
        world.votes(liar, "yes")
        world.votes(liar, "no", twin=True)
    for tree in others:
        world.votes(tree, "yes")
    for tree in facing[1:] if early else facing:
        world.votes(tree, "no")
    if early:
        for liar in world.liars:
            world.closes_early(liar)
            world.closes_early(liar, twin=True)
    for days in (5, 1, 1, 1):  # votes are in time by the receipts of others
        world.all_ask(world.trees)
        world.twins_ask()
        world.days_pass(days)
    world.all_ask(world.trees)
    world.twins_ask()


@pytest.mark.parametrize(
    ("world", "facing", "early"),
    [
        pytest.param(ONE, TREES[:3], False, id="one liar, three and three"),
        pytest.param(ONE, TREES[:2], False, id="one liar, two and four",
                     marks=pytest.mark.soak),
        pytest.param(ONE, TREES[:3], True, id="one liar who closes early",
                     marks=pytest.mark.soak),
        pytest.param(TWO, TREES[:2], True, id="two liars who close early"),
        pytest.param(TWO, TREES[:3], False, id="two liars, three and two",
                     marks=pytest.mark.soak),
    ],
    indirect=["world"],
)  # fmt: skip
def test_liars_who_are_tolerated_get_one_outcome_at_most(
    world: World, facing: Sequence[str], early: bool
) -> None:
    assert certificate_size(7, len(world.liars)) == 5
    plot(world, facing, early=early)
    others = [tree for tree in world.honest if tree not in facing]
    sides = [certified(world, group) for group in (facing, others)]
    assert not (sides[0] and sides[1]), sides
    promises.settle(world)
    for _ in range(2):
        world.days_pass(1)
        promises.settle(world)
    promises.require_whole(world)
    assert len(certified(world, world.honest)) <= 1
    for tree in world.honest:
        frozen = {
            world.labels[chain.issuer] for chain in world.folded(world.houses[tree]).history.frozen
        }
        assert frozen == set(world.liars), "each of them is proved to have told two stories"


@pytest.mark.parametrize("world", [pytest.param(NONE, id="simple majority")], indirect=True)
def test_where_nobody_is_tolerated_two_certificates_are_shown_and_it_is_frozen(
    world: World,
) -> None:
    facing, others = TREES[:3], [tree for tree in world.honest if tree not in TREES[:3]]
    assert certificate_size(7, 0) == 4
    plot(world, facing)
    assert certified(world, facing) == {"rejected"}
    assert certified(world, others) == {"adopted"}
    promises.settle(world)
    promises.settle(world)
    for tree in world.honest:
        view = shown(world, tree)
        assert view.deciding is not None
        assert view.deciding.stage == "contradicted"
        assert {side.outcome for side in view.deciding.sides} == {"adopted", "rejected"}
        assert all(side.certificate for side in view.deciding.sides)
        assert view.effect.startswith("none: two certificates contradict each other")
        assert "frozen" in view.effect
        assert not world.folded(world.houses[tree]).state.decided, "neither has an effect"
        (told,) = checkups.decisions(world.houses[tree].node)
        assert (told.state, told.code) == ("problem", "decisions")
        assert view.id[:12] in told.text


class Plot(Story):
    """One outcome: seven parties, two liars together, lines that are cut, clocks that are off."""

    days_after = 2
    trees = TREES
    kind = TWO

    def found(self) -> Grove:
        return grove(self.kind)

    @rule(tree=st.sampled_from(TREES))
    def puts(self, tree: str) -> None:
        self.world.puts(tree)
        self.world.all_ask(TREES)

    @rule(
        facing=st.sets(st.sampled_from([tree for tree in TREES if tree not in PAIR]), min_size=1),
        keep_apart=st.booleans(),
    )
    def tells_two_stories(self, facing: set[str], keep_apart: bool) -> None:
        liars = self.kind.liars
        if keep_apart:
            self.world.plots(sorted(facing), liars)
        else:
            self.world.splits(sorted(facing), liars)
        for liar in liars:
            self.world.votes(liar, "yes")
            self.world.votes(liar, "no", twin=True)

    @rule(choice=st.sampled_from(("yes", "no")), trees=st.sets(st.sampled_from(TREES), min_size=2))
    def vote(self, choice: str, trees: set[str]) -> None:
        for tree in sorted(trees):
            self.world.votes(tree, choice)

    @rule(liar=st.sampled_from(PAIR), twin=st.booleans())
    def closes_early(self, liar: str, twin: bool) -> None:
        if liar in self.kind.liars:
            self.world.closes_early(liar, twin=twin)

    @precondition(lambda self: bool(self.world.twins))
    @rule()
    def twins_ask(self) -> None:
        self.world.twins_ask()

    @rule(days=st.integers(1, 5))
    def days_pass(self, days: int) -> None:
        self.world.days_pass(days)
        self.world.all_ask(TREES)
        promises.watch(self.world, *self.world.honest)


class PlotOfOne(Plot):
    """The same with one liar; the certificate still takes five."""

    kind = ONE


for _machine in (Plot, PlotOfOne):
    _machine.TestCase.settings = settings(
        max_examples=150 if THOROUGH else 1,
        stateful_step_count=20 if THOROUGH else 8,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )

TestPlot = Plot.TestCase
TestPlotOfOne = pytest.mark.soak(PlotOfOne.TestCase)
