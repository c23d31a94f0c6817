"""Texts that their authors want gone, nodes that were away or put back, and a liar that hoards.

What an honest node has erased never comes back, whoever brings it; nobody erases the words of
somebody else; chains, folds and states stay as they are.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import initialize, rule

from tests.simulator import erasures, promises
from tests.simulator.test_simulator import ANY, PAIR, THOROUGH, TRUE, WEATHER, Story

WHICH = st.integers(0, 5)


class Erasing(Story):
    """Erasure: with one liar of four."""

    @initialize()
    def begin(self) -> None:
        super().begin()
        self.gone = erasures.Gone()
        for tree in self.trees[1:]:
            self.world.says(tree)
        self.world.tells(self.trees[0], self.trees[1])

    def _watch(self, *trees: str) -> None:
        promises.watch(self.world, *trees)
        erasures.watch(self.world, self.gone, *trees)

    @rule(tree=ANY, which=WHICH)
    def wants_gone(self, tree: str, which: int) -> None:
        if tree not in self.world.down:
            erasures.wants_gone(self.world, self.gone, tree, which)
            self._watch(tree)

    @rule(tree=TRUE, which=WHICH, on=st.booleans())
    def holds(self, tree: str, which: int, on: bool) -> None:
        if tree not in self.world.down:
            erasures.holds(self.world, tree, which, on=on)
            self._watch(tree)

    @rule(how=st.sampled_from(("hoards", "names", "conceals", "wants gone")), which=WHICH)
    def lies(self, how: str, which: int) -> None:
        if how == "hoards":
            erasures.hoards(self.world)
        elif how == "wants gone":
            erasures.wants_others_gone(self.world, which)
        else:
            erasures.names_again(self.world, which, conceals=how == "conceals")

    @rule(pair=PAIR, weather=WEATHER)
    def hears(self, pair: tuple[str, str], weather: list[str]) -> None:
        if pair[0] not in self.world.down:
            self.world.asks(*pair, weather)
            self._watch(pair[0])

    @rule(pair=PAIR, after=st.integers(0, 25))
    def dies_while_asking(self, pair: tuple[str, str], after: int) -> None:
        if pair[0] in self.world.up:
            with self.world.dying(pair[0], after):
                self.world.asks(*pair)
            self._watch(pair[0])

    @rule(tree=TRUE, how=st.sampled_from(("copy", "back", "back")))
    def restores(self, tree: str, how: str) -> None:
        if tree in self.world.down:
            self.world.resumes(tree)
        elif how == "copy":
            self.world.copies(tree)
        elif len(self.world.up) > 2:
            self.gone.erased.pop(tree, None)
            self.world.puts_back(tree)
        self._watch(tree)

    @rule(days=st.integers(1, 5))
    def days_pass(self, days: int) -> None:
        self.world.days_pass(days)

    def require(self) -> None:
        super().require()
        erasures.require_erased(self.world, self.gone)


Erasing.TestCase.settings = settings(
    max_examples=200 if THOROUGH else 4,
    stateful_step_count=30 if THOROUGH else 14,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestErasing = Erasing.TestCase
