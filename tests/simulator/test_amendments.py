"""Parties change their text while lines are cut, nodes die and one of them lies: one version.

Every honest node reads the same text by the same chain of certificates, also after having been
away; no version has two texts, at any time; and the state of all is one.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, settings, strategies as st
from hypothesis.stateful import initialize, rule

from allied.record.ids import Digest
from tests.simulator import amendments, promises
from tests.simulator.groves import LIAR, Grove
from tests.simulator.test_simulator import ANY, FOUR, HONEST, PAIR, THOROUGH, TRUE, Story

_groves: dict[str, Grove] = {}


def grove(clause: str) -> Grove:
    """The folders that every story under a clause starts from, founded once per process."""
    if clause not in _groves:
        root = Path(tempfile.mkdtemp(prefix="allied-texts-"))
        raw = amendments.text(FOUR, clause)
        _groves[clause] = Grove.planted(root / "grove", FOUR, text=raw)
    return _groves[clause]


@pytest.fixture(scope="module", autouse=True)
def _swept() -> object:
    yield
    for each in _groves.values():
        shutil.rmtree(each.root.parent, ignore_errors=True)
    _groves.clear()


class Amending(Story):
    """One version: texts, consents, objections and rivals, with one liar of four."""

    days_after = 2
    clause = amendments.AT_ONCE

    def found(self) -> Grove:
        return grove(self.clause)

    @initialize()
    def begin(self) -> None:
        super().begin()
        self.known: dict[int, Digest] = {}

    def _watch(self, *trees: str) -> None:
        promises.watch(self.world, *trees)
        amendments.watch(self.world, self.known, *trees)

    @rule(tree=ANY, hours=st.integers(3, 9))
    def puts_a_text(self, tree: str, hours: int) -> None:
        if tree not in self.world.down:
            amendments.puts(self.world, tree, amendments.text(FOUR, self.clause, hours))
            self.world.all_ask(FOUR)
            self._watch(*FOUR)

    @rule(tree=TRUE, hours=st.integers(3, 9), without=ANY)
    def changes_the_text(self, tree: str, hours: int, without: str) -> None:
        """A text is put, and all agree to it but one who is away."""
        world = self.world
        if tree == without or tree in world.down:
            return
        away = [other for other in FOUR if other not in {tree, without}]
        for other in away:
            world.cut_line(without, other)
        amendments.puts(world, tree, amendments.text(FOUR, self.clause, hours))
        world.all_ask(FOUR)
        for other in (tree, *away):
            world.votes(other, "yes")
        for days in (0, 5, 0):
            world.days_pass(days)
            world.all_ask(FOUR)
        self._watch(*FOUR)

    @rule(choice=st.sampled_from(("yes", "yes", "no")), trees=st.sets(ANY, min_size=2))
    def vote(self, choice: str, trees: set[str]) -> None:
        for tree in sorted(trees - self.world.down):
            self.world.votes(tree, choice)
        self._watch(*trees)

    @rule(tree=ANY, says=st.sampled_from(("yes", "yes", "no")))
    def answers(self, tree: str, says: str) -> None:
        if tree not in self.world.down:
            (amendments.accepts if says == "yes" else amendments.objects)(self.world, tree)
            self._watch(tree)

    @rule(facing=st.sets(st.sampled_from(HONEST), min_size=1, max_size=2), plot=st.booleans())
    def tells_two_stories(self, facing: set[str], plot: bool) -> None:
        """Another text to each, and a vote, a count and a consent for both."""
        world = self.world
        (world.plots if plot else world.splits)(sorted(facing))
        for twin, hours in ((False, 10), (True, 11)):
            raw = amendments.text(FOUR, self.clause, hours)
            amendments.puts(world, LIAR, raw, twin=twin)
            world.votes(LIAR, "yes", twin=twin)
            amendments.accepts(world, LIAR, twin=twin)
        for tree in HONEST:
            if tree not in world.down:
                world.asks(tree, LIAR)
        self._watch(*HONEST)

    @rule(twin=st.booleans())
    def closes_early(self, twin: bool) -> None:
        self.world.closes_early(LIAR, twin=twin)
        self.world.twins_ask()

    @rule(old=st.booleans())
    def lies(self, old: bool) -> None:
        if old:
            amendments.speaks_under_the_first_text(self.world)
        else:
            amendments.objects_with_a_date(self.world)

    @rule(pair=PAIR, after=st.integers(0, 25))
    def dies_while_asking(self, pair: tuple[str, str], after: int) -> None:
        if pair[0] in self.world.up:
            with self.world.dying(pair[0], after):
                self.world.asks(*pair)
            self._watch(pair[0])

    @rule(tree=TRUE, back=st.booleans())
    def restores(self, tree: str, back: bool) -> None:
        if tree in self.world.down:
            self.world.resumes(tree)
        elif back and len(self.world.up) > 2:
            self.world.puts_back(tree)
        else:
            self.world.copies(tree)

    @rule(days=st.integers(1, 5))
    def days_pass(self, days: int) -> None:
        self.world.days_pass(days)
        self.world.all_ask(FOUR)
        self._watch(*FOUR)

    def require(self) -> None:
        super().require()
        amendments.require_one_text(self.world, self.known)
        event(f"versions: {1 + len(self.known)}")


class Ratifying(Amending):
    """The same where every party has to accept."""

    clause = amendments.EVERYBODY


class Noticing(Amending):
    """The same where a text takes effect three days later, and who objects keeps to the old one."""

    clause = amendments.NOTICE


for _machine in (Amending, Ratifying, Noticing):
    _machine.TestCase.settings = settings(
        max_examples=120 if THOROUGH else 2,
        stateful_step_count=25 if THOROUGH else 12,
        derandomize=not THOROUGH,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )

TestAmending = Amending.TestCase
TestRatifying = Ratifying.TestCase
TestNoticing = pytest.mark.soak(Noticing.TestCase)
