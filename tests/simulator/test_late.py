"""Parties join late, are invited and never join, are put back; one lies of what was before.

Whatever happens, who is late holds nothing whole that it may not have, believes no outline that
too few have signed for, and comes to the same state as everybody else; archives move none.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, settings, strategies as st
from hypothesis.stateful import initialize, rule

from allied.node import checkpointing
from tests.simulator import late, lies, promises
from tests.simulator.groves import LIAR, Grove
from tests.simulator.test_simulator import PAIR, THOROUGH, WEATHER, Story
from tests.simulator.world import World

OLD = st.sampled_from(late.OLD)
TRUE = st.sampled_from([tree for tree in late.SIX if tree != LIAR])
LATE = st.sampled_from(late.LATE)
WHERE = st.sampled_from(("voters", "voters", *late.BODIES))
WHICH = st.integers(0, 9)
CAMPAIGN = st.sampled_from(("", "", "", "storm"))

_groves: dict[str, Grove] = {}


def grove(history: str) -> Grove:
    """The folders that every story under a history rule starts from, founded once per process."""
    if history not in _groves:
        root = Path(tempfile.mkdtemp(prefix="allied-late-"))
        _groves[history] = Grove.planted(
            root / "grove", late.SIX, text=late.text(history), unsigned=late.LATE
        )
    return _groves[history]


@pytest.fixture(scope="module", autouse=True)
def _swept() -> Iterator[None]:
    yield
    for each in _groves.values():
        shutil.rmtree(each.root.parent, ignore_errors=True)
    _groves.clear()


class Late(Story):
    """Checkpoints, outlines and archives, with parties that join late and one liar of four."""

    trees = late.SIX

    @initialize(history=st.sampled_from(late.HISTORIES), every=st.sampled_from((8, 500)))
    def begin(self, history: str, every: int) -> None:
        found = grove(history)
        root = Path(tempfile.mkdtemp(prefix="world-", dir=found.root.parent))
        self.world = World(found, root / "world")
        self.world.tell(f"the text says of history: {history}")
        self.past = late.Past()
        self.patched = pytest.MonkeyPatch()
        self.patched.setattr(checkpointing, "EVERY", every)
        self.patched.setattr(checkpointing, "_FOR_EACH_PARTY", 0)

    def _watch(self, *trees: str) -> None:
        promises.watch(self.world, *trees)
        late.watch(self.world, self.past, *trees)

    @rule(tree=OLD, where=WHERE, campaign=CAMPAIGN)
    def reports(self, tree: str, where: str, campaign: str) -> None:
        if tree not in self.world.down:
            late.reports(self.world, self.world.houses[tree], tree, where, campaign)
            self._watch(tree)

    @rule(tree=TRUE, which=WHICH, campaign=CAMPAIGN)
    def speaks_again(self, tree: str, which: int, campaign: str) -> None:
        if tree not in self.world.down:
            late.speaks_again(self.world, tree, which, campaign)
            self._watch(tree)

    @rule(tree=OLD)
    def calls(self, tree: str) -> None:
        if tree not in self.world.down:
            self.world.reports(tree)
            self._watch(tree)

    @rule(tree=LATE)
    def joins(self, tree: str) -> None:
        if tree not in self.world.down:
            self.world.signs(tree)
            self._watch(tree)

    @rule(order=st.permutations(late.SIX))
    def all_hear(self, order: list[str]) -> None:
        self.world.all_ask(order)
        self.world.time_passes(timedelta(minutes=2))
        self._watch(*order)

    @rule(pair=PAIR, weather=WEATHER)
    def hears(self, pair: tuple[str, str], weather: list[str]) -> None:
        if pair[0] not in self.world.down:
            self.world.asks(*pair, weather)
            self._watch(pair[0])

    @rule(minutes=st.sampled_from((1, 5, 65)))
    def time_passes(self, minutes: int) -> None:
        self.world.time_passes(timedelta(minutes=minutes))

    @rule(days=st.sampled_from((1, 3)))
    def days_pass(self, days: int) -> None:
        self.world.days_pass(days)
        self.world.all_ask(late.SIX)
        self._watch(*late.SIX)

    @rule(tree=TRUE, where=WHERE)
    def signs_a_checkpoint(self, tree: str, where: str) -> None:
        if tree in self.world.up:
            late.signs_a_checkpoint(self.world, tree, where)
            self._watch(tree)

    @rule(tree=TRUE, days=st.integers(1, 2))
    def archives(self, tree: str, days: int) -> None:
        if tree in self.world.up:
            late.archives(self.world, self.past, tree, days)
            self._watch(tree)

    @rule(which=WHICH)
    def puts_back(self, which: int) -> None:
        late.puts_back(self.world, self.past, which)
        self._watch(*late.SIX)

    @rule(how=st.sampled_from(("false", "yes", "report", *late.LIES)), where=WHERE)
    def lies_of_before(self, how: str, where: str) -> None:
        if how == "false":
            late.signs_a_checkpoint(self.world, LIAR, where, falsely=True)
        elif how == "yes":
            late.supports_everything(self.world)
        elif how == "report":
            late.reports(self.world, self.world.houses[LIAR], LIAR, where)
        else:
            late.changes_outlines(self.world, how)

    @rule(facing=st.sets(st.sampled_from(late.SIX).filter(LIAR.__ne__), min_size=1, max_size=3))
    def tells_two_stories(self, facing: set[str]) -> None:
        self.world.splits(sorted(facing))
        late.reports(self.world, self.world.houses[LIAR], LIAR, "voters")
        late.reports(self.world, self.world.twins[LIAR], f"{LIAR}'s second node", "voters")

    @rule(which=WHICH)
    def forks_content(self, which: int) -> None:
        late.forks_content(self.world, which)

    @rule(how=st.sampled_from(sorted(lies.TOLD)))
    def slips_in(self, how: str) -> None:
        self.world.slips_in(lies.TOLD[how](self.world, self.world.houses[LIAR]), how)

    @rule(pair=PAIR, after=st.integers(0, 40))
    def dies_while_asking(self, pair: tuple[str, str], after: int) -> None:
        if pair[0] in self.world.up:
            with self.world.dying(pair[0], after):
                self.world.asks(*pair)
            self._watch(pair[0])

    @rule(tree=TRUE, back=st.booleans())
    def restores(self, tree: str, back: bool) -> None:
        if tree in self.world.down:
            self.world.resumes(tree)
        elif back and len(self.world.up) > 3:
            self.world.puts_back(tree)
        else:
            self.world.copies(tree)

    def require(self) -> None:
        late.settle(self.world, self.past)
        waits = late.waiting(self.world)
        event(f"late parties that wait for signatures: {len(waits)}")
        promises.require_whole(self.world, waits)
        late.require_late(self.world, self.past, waits)
        for tree in late.LATE:
            found = self.world.folded(self.world.houses[tree])
            event(f"{tree} holds outlines: {bool(found.state.outlined)}")

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            self.patched.undo()


Late.TestCase.settings = settings(
    max_examples=300 if THOROUGH else 3,
    stateful_step_count=30 if THOROUGH else 16,
    derandomize=not THOROUGH,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestLate = Late.TestCase
