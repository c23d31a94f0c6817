"""Many nodes, cut lines, dying processes, wrong clocks and a party that lies: one state.

The properties of `promises` hold after every step and at the end of every story. A failing
story is shortened by hypothesis and printed as sentences.
"""

from __future__ import annotations

import itertools
import os
import tempfile
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, note, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.simulator import lies, promises
from tests.simulator.groves import LIAR, TREES, Grove
from tests.simulator.weather import FINE, WEATHERS
from tests.simulator.world import World

THOROUGH: Final = os.environ.get("ALLIED_HYPOTHESIS_PROFILE") == "thorough"

FOUR: Final = TREES[:4]
HONEST: Final = tuple(tree for tree in FOUR if tree != LIAR)
ANY: Final = st.sampled_from(FOUR)
TRUE: Final = st.sampled_from(HONEST)
PAIR: Final = st.runner().flatmap(
    lambda story: st.permutations(story.trees).map(lambda trees: (trees[0], trees[1]))
)
WEATHER: Final = st.lists(st.sampled_from((FINE, FINE, *WEATHERS)), min_size=1, max_size=8)

_groves: dict[bool, Grove] = {}
_counter = itertools.count()


def grove(*, signed: bool) -> Grove:
    """The folders that every story starts from, founded once per process."""
    if signed not in _groves:
        root = Path(tempfile.mkdtemp(prefix="allied-grove-"))
        _groves[signed] = Grove.planted(root / "grove", FOUR, signed=signed)
    return _groves[signed]


@pytest.fixture(scope="module", autouse=True)
def _swept() -> object:
    import shutil

    yield
    for each in _groves.values():
        shutil.rmtree(each.root.parent, ignore_errors=True)
    _groves.clear()


class Story(RuleBasedStateMachine):
    """Steps that every story has: speaking, asking, lines, clocks."""

    world: World
    signed = True
    days_after = 0
    trees: tuple[str, ...] = FOUR

    def found(self) -> Grove:
        """What the story starts from."""
        return grove(signed=self.signed)

    @initialize()
    def begin(self) -> None:
        found = self.found()
        self.world = World(found, found.root.parent / f"world-{next(_counter)}")

    @rule(pair=PAIR, alone=st.booleans())
    def says(self, pair: tuple[str, str], alone: bool) -> None:
        tree, other = pair
        if tree in self.world.down:
            return
        if alone:
            self.world.tells(tree, other)
        else:
            self.world.says(tree)
        promises.watch(self.world, tree)

    @rule(pair=PAIR, weather=WEATHER)
    def asks(self, pair: tuple[str, str], weather: list[str]) -> None:
        if pair[0] not in self.world.down:
            self.world.asks(*pair, weather)
            promises.watch(self.world, pair[0])

    @rule(order=st.runner().flatmap(lambda story: st.permutations(story.trees)), weather=WEATHER)
    def all_ask(self, order: list[str], weather: list[str]) -> None:
        self.world.all_ask(order, weather)
        promises.watch(self.world, *order)

    @rule(pair=PAIR, works=st.booleans())
    def line(self, pair: tuple[str, str], works: bool) -> None:
        if works:
            self.world.mend_line(*pair)
        else:
            self.world.cut_line(*pair)

    @rule(
        tree=st.runner().flatmap(lambda story: st.sampled_from(story.trees)),
        days=st.integers(-60, 60),
    )
    def clock_goes_wrong(self, tree: str, days: int) -> None:
        self.world.clock_goes_wrong(tree, days)

    def require(self) -> None:
        """What has to be true in the end."""
        promises.require_whole(self.world)

    def teardown(self) -> None:
        world = getattr(self, "world", None)
        if world is None:
            return
        try:
            promises.settle(world)
            if world.down:
                for tree in sorted(world.down):  # one by one: each can be asked by the next
                    world.resumes(tree)
                promises.settle(world)
            for _ in range(self.days_after):
                world.days_pass(1)
                promises.settle(world)
            self.require()
        finally:
            note("\n".join(f"  {number}. {step}" for number, step in enumerate(world.story, 1)))
            world.close()


class Storm(Story):
    """Order freedom, convergence, causal closure, stable authority, clock independence.

    Everybody is honest; lines, clocks and processes are not reliable.
    Self-consistency under crash: whoever dies at a write never gives a number twice.
    """

    @rule(tree=TRUE)
    def reports(self, tree: str) -> None:
        if tree in self.world.up:
            self.world.reports(tree)
            promises.watch(self.world, tree)

    @rule(pair=PAIR, after=st.integers(0, 25))
    def dies_while_asking(self, pair: tuple[str, str], after: int) -> None:
        if pair[0] in self.world.up:
            with self.world.dying(pair[0], after):
                self.world.asks(*pair)
            promises.watch(self.world, pair[0])

    @rule(tree=TRUE, after=st.integers(0, 6))
    def dies_while_speaking(self, tree: str, after: int) -> None:
        if tree in self.world.up:
            with self.world.dying(tree, after):
                self.world.says(tree)
            promises.watch(self.world, tree)

    @rule(tree=TRUE, back=st.booleans())
    def restores(self, tree: str, back: bool) -> None:
        if tree in self.world.down:
            self.world.resumes(tree)
        elif back and len(self.world.up) > 2:
            self.world.puts_back(tree)
        else:
            self.world.copies(tree)


class Liar(Story):
    """Fork exposure, authenticity, stable authority, convergence, against a party that lies."""

    @rule(facing=st.sets(st.sampled_from(HONEST), min_size=1, max_size=2), to=TRUE)
    def says_two_things(self, facing: set[str], to: str) -> None:
        self.world.splits(sorted(facing))
        self.world.twin_says()
        self.world.says(LIAR)
        self.world.asks(to, LIAR)
        promises.watch(self.world, to)

    @precondition(lambda self: bool(self.world.twins))
    @rule(anew=st.booleans())
    def twin_says(self, anew: bool) -> None:
        if anew:
            self.world.twin_begins_a_life()
        self.world.twin_says()

    @rule(how=st.sampled_from(sorted(lies.TOLD)))
    def slips_in(self, how: str) -> None:
        record = lies.TOLD[how](self.world, self.world.houses[LIAR])
        self.world.slips_in(record, how)

    @rule(how=st.sampled_from(sorted(lies.REFUSED)))
    def offers(self, how: str) -> None:
        make, _ = lies.REFUSED[how]
        self.world.offers(make(self.world, self.world.houses[LIAR]), how)


class Deciding(Story):
    """One outcome: with one liar of four and more than (n+f)/2 counts, never two certificates.

    The liar votes one way here and another way there; the clocks are days off.
    """

    days_after = 2  # so that deputies take their turns

    @rule(tree=ANY)
    def puts(self, tree: str) -> None:
        if tree not in self.world.down:
            self.world.puts(tree)
            self.world.all_ask(FOUR)
            promises.watch(self.world, *FOUR)

    @rule(tree=ANY, choice=st.sampled_from(("yes", "no", "abstain")))
    def votes(self, tree: str, choice: str) -> None:
        self.world.votes(tree, choice)
        promises.watch(self.world, tree)

    @rule(facing=st.sets(st.sampled_from(HONEST), min_size=1, max_size=2))
    def votes_both_ways(self, facing: set[str]) -> None:
        self.world.splits(sorted(facing))
        self.world.votes(LIAR, "yes")
        self.world.votes(LIAR, "no", twin=True)
        for tree in HONEST:
            self.world.asks(tree, LIAR)

    @rule(days=st.integers(1, 5))
    def days_pass(self, days: int) -> None:
        self.world.days_pass(days)


class Leaving(Story):
    """Cut: who has left gets nothing of what is said among all later; the others agree."""

    @rule(tree=TRUE)
    def leaves(self, tree: str) -> None:
        if tree in self.world.up and len(self.world.left) < 2:
            self.world.leaves(tree)
            promises.watch(self.world, tree)

    @rule(days=st.integers(1, 40))
    def days_pass(self, days: int) -> None:
        self.world.days_pass(days)


class Founding(Story):
    """Signatures while nothing is reliable: everybody knows the same of who is bound."""

    signed = False

    @rule(tree=ANY)
    def signs(self, tree: str) -> None:
        if tree not in self.world.down:
            self.world.signs(tree)
            promises.watch(self.world, tree)


_QUICK: Final = {Storm: 4, Liar: 5, Deciding: 2, Leaving: 3, Founding: 3}
"""Stories of each kind in the quick profile; the thorough one has hundreds."""

for _machine, _stories in _QUICK.items():
    _machine.TestCase.settings = settings(
        max_examples=400 if THOROUGH else _stories,
        stateful_step_count=30 if THOROUGH else 14,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )

TestStorm = Storm.TestCase
TestLiar = Liar.TestCase
TestDeciding = Deciding.TestCase
TestLeaving = Leaving.TestCase
TestFounding = Founding.TestCase
