"""Three parties that never reach each other, and a relay that plays tricks: one state.

The relay can lose, double, swap, cut, glue and hold back what it carries. It reads none of it,
changes nothing, and once it behaves everything arrives.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, note, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.simulator import promises, relays
from tests.simulator.groves import TREES, Grove
from tests.simulator.test_simulator import THOROUGH
from tests.simulator.world import World

THREE = TREES[:3]
TREE = st.sampled_from(THREE)
PAIR = st.permutations(THREE).map(lambda trees: (trees[0], trees[1]))
_groves: list[Grove] = []


def grove() -> Grove:
    """The folders that every story starts from, founded once per process."""
    if not _groves:
        root = Path(tempfile.mkdtemp(prefix="allied-relays-"))
        found = Grove.planted(root / "grove", THREE, liars=(), tolerates=0, beside=(relays.RELAY,))
        _groves.append(found)
    return _groves[0]


@pytest.fixture(scope="module", autouse=True)
def _swept() -> object:
    yield
    for each in _groves:
        shutil.rmtree(each.root.parent, ignore_errors=True)
    _groves.clear()


class Relayed(RuleBasedStateMachine):
    """Relays learn and change nothing, and what they carry comes to the same as over lines."""

    world: World

    @initialize()
    def begin(self) -> None:
        found = grove()
        root = Path(tempfile.mkdtemp(prefix="world-", dir=found.root.parent))
        self.world = World(found, root / "world")
        self.pile = relays.Pile()
        relays.wall_off(self.world)

    def _watch(self, *trees: str) -> None:
        promises.watch(self.world, *trees)
        relays.watch(self.world, *trees)

    @rule(pair=PAIR, how=st.sampled_from(("among all", "alone", "reports", "puts", "votes")))
    def says(self, pair: tuple[str, str], how: str) -> None:
        tree, other = pair
        match how:
            case "alone":
                self.world.tells(tree, other)
            case "reports":
                self.world.reports(tree)
            case "puts":
                self.world.puts(tree)
            case "votes":
                self.world.votes(tree, "yes")
            case _:
                self.world.says(tree)
        self._watch(tree)

    @rule(tree=TREE)
    def goes_round(self, tree: str) -> None:
        relays.goes_round(self.world, tree)
        self._watch(tree)

    @rule(order=st.permutations(THREE))
    def all_go_round(self, order: list[str]) -> None:
        for tree in order:
            relays.goes_round(self.world, tree)
        self._watch(*order)

    @rule(tree=TREE)
    def fetches(self, tree: str) -> None:
        relays.fetches(self.world, tree)
        self._watch(tree)

    @rule(pair=PAIR)
    def finds_a_full_shelf(self, pair: tuple[str, str]) -> None:
        relays.finds_a_full_shelf(self.world, *pair)

    @rule(trick=st.sampled_from(sorted(relays.TRICKS)), which=st.integers(0, 9))
    def plays(self, trick: str, which: int) -> None:
        relays.plays(self.world, self.pile, trick, which)
        for tree in THREE if which % 2 else ():
            relays.fetches(self.world, tree)
        self._watch(*THREE)

    @rule(tree=TREE, after=st.integers(0, 25))
    def dies_while_going_round(self, tree: str, after: int) -> None:
        with self.world.dying(tree, after):
            relays.goes_round(self.world, tree)
        self._watch(tree)

    @rule(days=st.integers(1, 9))
    def days_pass(self, days: int) -> None:
        self.world.days_pass(days)

    def teardown(self) -> None:
        world = getattr(self, "world", None)
        if world is None:
            return
        try:
            relays.settle(world)
            relays.require_whole(world)
        finally:
            note("\n".join(f"  {number}. {step}" for number, step in enumerate(world.story, 1)))
            world.close()


Relayed.TestCase.settings = settings(
    max_examples=200 if THOROUGH else 4,
    stateful_step_count=30 if THOROUGH else 14,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestRelayed = Relayed.TestCase


@pytest.mark.parametrize("trick", sorted(relays.TRICKS))
def test_a_trick_of_the_relay_changes_nothing_and_holds_up_only_for_a_week(
    trick: str, tmp_path: Path
) -> None:
    world = World(grove(), tmp_path / "world")
    try:
        relays.wall_off(world)
        pile = relays.Pile()
        world.says("ash")
        relays.goes_round(world, "ash")
        relays.plays(world, pile, "keeps a copy of", 0)
        world.says("ash")
        relays.goes_round(world, "ash")
        before = len(world.rows("ash"))
        for which in (0, 1):
            relays.plays(world, pile, trick, which)
        for tree in THREE:
            relays.fetches(world, tree)
        relays.watch(world, *THREE)
        assert len(world.rows("ash")) >= before
        relays.settle(world)
        relays.require_whole(world)
        assert len(world.rows("birch")) >= before
    finally:
        world.close()
