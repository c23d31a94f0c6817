"""Several real nodes in one process, and everything that may happen to them.

The nodes are put together by the production bootstrap over SQLite files; every node has a
hand-set clock of its own, and the wire between them is short: a question is handed to the other
node's `Answers`. What happens is asked for step by step, each step is a sentence in `story`,
and nothing here draws lots: the same steps give the same world.

Words used here:
    party     an organisation of the agreement, with one node; by the name of a tree
    liar      a party whose promises are not counted on; the others are honest
    twin      a second node with a liar's keys, opened over a copy of its folder: whoever
              faces the twins hears another story than the others, both signed
    plot      while it lasts each of a liar's two nodes speaks with those alone who face it, so
              that nothing of one story reaches the others through the liar
    weather   what becomes of one question or its answer on the way
    wall      between two parties that never reach each other
    down      a node that was put back from an older copy and refuses to sign
"""

from __future__ import annotations

import itertools
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from allied.adapters.clock import HandClock
from allied.adapters.folder import DataFolder
from allied.adapters.sealed import ALMOST_NONE_FOR_TESTS
from allied.adapters.settings import Settings
from allied.agreement import leaving
from allied.agreement.matters import Matter
from allied.bootstrap import assemble, require_fence
from allied.errors import AlliedError, ConflictError
from allied.node import (
    agreements,
    incidents,
    journal,
    keys as own_keys,
    proposals,
    resuming,
    sync,
    visibility,
)
from allied.node.answers import Answers
from allied.node.folds import Folded, Folds
from allied.node.proposals import Wish, Word
from allied.node.rows import RecordRow
from allied.record.canonical import Json
from allied.record.circle import Circle
from allied.record.ids import Digest, OrganisationId, RecordId
from allied.record.outline import read_either
from allied.record.record import ChainKey, Record
from tests.node.fragile import Fragile, Fuse, Killed
from tests.node.network import PASSPHRASE, House
from tests.simulator.groves import LIAR, Grove
from tests.simulator.lines import Lines
from tests.simulator.stability import Seen
from tests.simulator.weather import FINE

_ATTACK: Final = """\
format: incident/1
id: attack-%(number)s
title: A wiper at %(party)s
versions:
  - known_at: 2026-11-23T03:40:00Z
    asserted_by: %(party)s
    facts:
      kind: attack.cyber.malicious-code
      occurred_at: 2026-11-23T02:05:00Z
      severity: severe
      phase: active
      acts:
        - {against: %(party)s, target: systems, systems: ["domain:%(party)s.example"]}
"""


def attack_of(party: str, number: int) -> bytes:
    """The file of an incident: a wiper at a party."""
    return (_ATTACK % {"number": number, "party": party}).encode()


@dataclass
class Standing:
    """What a node has shown of itself so far, to be held against what it shows later."""

    judged: Seen = field(default_factory=Seen)
    stored: set[RecordId] = field(default_factory=set)


class World:
    """The nodes of one agreement while things happen to them."""

    def __init__(self, grove: Grove, root: Path) -> None:
        """Open a copy of every node of the grove below `root`."""
        shutil.copytree(grove.root, root)
        self.root = root
        self.pact = grove.pact
        self.now = grove.at
        self.trees = grove.trees
        everybody = (*grove.trees, *grove.beside)
        self.skew = dict.fromkeys(everybody, timedelta(0))
        self.clocks: dict[str, HandClock] = {}
        self.houses: dict[str, House] = {}
        self.cut: set[frozenset[str]] = set()
        self.walls: set[frozenset[str]] = set()
        self.liars = grove.liars
        self.facing_twin: set[str] = set()
        self.twins: dict[str, House] = {}
        self.plotting = False
        self.down: set[str] = set()
        self.left: set[str] = set()
        self.in_time: dict[str, set[RecordId]] = {tree: set() for tree in grove.trees}
        self.story: list[str] = []
        self.seen: dict[str, Standing] = {tree: Standing() for tree in grove.trees}
        self.numbers: dict[tuple[ChainKey, int], RecordId] = {}
        self.heard: dict[tuple[str, str, str], bytes] = {}
        self.held_back: set[ChainKey] = set()
        self.slipped: list[bytes] = []
        self.hoard: dict[Digest, bytes] = {}
        self.weather: Iterator[str] = itertools.repeat(FINE)
        self._copies: dict[str, Path] = {}
        self.count = itertools.count(1)
        self.replaced: Mapping[tuple[str, str], bytes] = {}
        self.spoil: Callable[[bytes], bytes] | None = None
        for tree in grove.trees:
            self.houses[tree] = self._open(tree, root / tree)
        self.labels: Mapping[OrganisationId, str] = {
            house.organisation.id: tree for tree, house in self.houses.items()
        }
        self.instrument = self.folded(self.houses[grove.trees[0]]).instrument
        self.beside = {tree: self._open(tree, root / tree) for tree in grove.beside}

    # --- the nodes ------------------------------------------------------------------------

    def _open(self, tree: str, folder: Path, *, second: bool = False) -> House:
        clock = self.clocks.setdefault(tree, HandClock(self.now))
        opened = assemble(
            DataFolder(folder), Settings(), clock=clock, hardness=ALMOST_NONE_FOR_TESTS
        )
        node = replace(opened.node, peers=Lines(self, tree, second=second))
        # A node that may not sign is opened too; the world keeps it from acting (`down`).
        keys = node.vault.unlock(PASSPHRASE, unguarded=True)
        with node.store.read() as reading:
            (own,) = reading.organisations()
        hints: list[OrganisationId] = []
        answers = Answers(node, keys, hints.append)
        return House(tree, own.url, node, own, keys, answers, hints)

    @property
    def honest(self) -> tuple[str, ...]:
        """The parties that keep to the rules."""
        return tuple(tree for tree in self.trees if tree not in self.liars)

    @property
    def up(self) -> tuple[str, ...]:
        """The honest parties whose nodes run."""
        return tuple(tree for tree in self.honest if tree not in self.down)

    def at(self, url: str, asker: str, *, second: bool = False) -> House:
        """Whom a party reaches at an address: liars show some of them their other face.

        Args:
            second: whether who asks is a liar's second node.
        """
        tree = url.rpartition("/")[2]
        if tree in self.twins and (second or asker in self.facing_twin):
            return self.twins[tree]
        return self.houses[tree] if tree in self.houses else self.beside[tree]

    def is_avoided(self, asker: str, other: str, *, second: bool) -> bool:
        """Whether a liar's node keeps away from a party, so as not to give the plot away."""
        is_plotter = self.plotting and asker in self.twins and other in self.honest
        return is_plotter and second != (other in self.facing_twin)

    def close(self) -> None:
        """Close all nodes and remove what they left."""
        for house in (*self.houses.values(), *self.twins.values(), *self.beside.values()):
            house.node.close()
        shutil.rmtree(self.root, ignore_errors=True)

    def tell(self, sentence: str) -> None:
        """What happens, as a sentence of the story."""
        self.story.append(sentence)

    # --- time and lines ---------------------------------------------------------------------

    def days_pass(self, days: int) -> None:
        """Let time pass for everybody."""
        self.tell(f"{days} days pass")
        self.now += timedelta(days=days)
        self._set_clocks()

    def time_passes(self, by: timedelta) -> None:
        """Let less than a day pass for everybody."""
        self.tell(f"{by} pass")
        self.now += by
        self._set_clocks()

    def clock_goes_wrong(self, tree: str, days: int) -> None:
        """Set one clock days ahead or back."""
        self.tell(f"the clock of {tree} is {abs(days)} days {'ahead' if days > 0 else 'behind'}")
        self.skew[tree] = timedelta(days=days)
        self._set_clocks()

    def _set_clocks(self) -> None:
        for tree, clock in self.clocks.items():
            clock.set(self.now + self.skew[tree])

    def cut_line(self, one: str, other: str) -> None:
        """Nothing passes between two parties."""
        self.tell(f"the line between {one} and {other} is cut")
        self.cut.add(frozenset((one, other)))

    def mend_line(self, one: str, other: str) -> None:
        """What passes between two parties arrives again."""
        if frozenset((one, other)) in self.cut:
            self.tell(f"the line between {one} and {other} works again")
            self.cut.discard(frozenset((one, other)))

    def heal(self) -> None:
        """All lines and clocks work again, but those behind walls."""
        self.tell("all lines work again")
        self.cut = set(self.walls)
        self.plotting = False
        self.spoil = None
        self.skew = dict.fromkeys(self.skew, timedelta(0))
        self._set_clocks()

    # --- what honest parties do ---------------------------------------------------------------

    def says(self, tree: str) -> None:
        """One remark among all, with a text beside it."""
        self.tell(f"{tree} makes a remark among all")
        self._append(self.houses[tree], self.instrument.circles.all, "redaction.answer")

    def tells(self, tree: str, other: str) -> None:
        """One remark between two."""
        self.tell(f"{tree} makes a remark to {other} alone")
        mine, theirs = (self.instrument.party(self._id(each)) for each in (tree, other))
        assert mine is not None
        assert theirs is not None
        circle = self.instrument.circles.pair(mine, theirs)
        self._append(self.houses[tree], circle, "redaction.answer")

    def _append(self, house: House, circle: Circle, kind: str) -> Record | None:
        with suppress(ConflictError), house.node.store.write() as writing:
            folded = house.node.folds.of(writing, self.pact)
            reference = journal.keep_blob(
                house.node, writing, folded, circle, f"remark {next(self.count)}".encode()
            )
            return journal.append(
                house.node, writing, house.actor, folded, circle, kind, {"remark": reference}
            )
        return None

    def reports(self, tree: str) -> None:
        """An attack is reported and the clause invoked, as far as the party may."""
        self.tell(f"{tree} reports an attack and calls for help")
        raw = attack_of(tree, next(self.count))
        house = self.houses[tree]
        with suppress(AlliedError):
            (view,) = incidents.report(house.node, house.actor, raw, "incident.yaml", self.pact)
            incidents.invoke(house.node, house.actor, view.id, "1")

    def signs(self, tree: str) -> None:
        """A party signs, if it has not."""
        self.tell(f"{tree} signs")
        house = self.houses[tree]
        with suppress(AlliedError):
            agreements.sign(house.node, house.actor, self.pact)

    def puts(self, tree: str) -> None:
        """A question is put to the council of all, for four days."""
        self.tell(f"{tree} puts a question")
        house = self.houses[tree]
        wish = Wish(Matter(kind="body", body="council"), b"Shall we?", deadline="4 days")
        with suppress(AlliedError):
            proposals.put(house.node, house.actor, self.pact, wish)

    def votes(self, tree: str, choice: str, *, twin: bool = False) -> None:
        """A party votes on every question that it has heard of."""
        house = self.twins[tree] if twin and tree in self.twins else self.houses[tree]
        who = f"{tree}'s second node" if twin else tree
        self.tell(f"{who} votes {choice}")
        for record in self.folded(house).history.order:
            if record.header.kind == "proposal.open":
                with suppress(AlliedError):
                    word = Word("vote", choice)
                    proposals.say(house.node, house.actor, record.id, word)

    def leaves(self, tree: str) -> None:
        """A party gives notice."""
        self.tell(f"{tree} gives notice")
        house = self.houses[tree]
        with suppress(AlliedError):
            agreements.withdraw(house.node, house.actor, self.pact)
            self.left.add(tree)

    def asks(self, tree: str, other: str, weather: Sequence[str] = ()) -> None:
        """One party pulls from another, in some weather."""
        how = f" ({', '.join(weather)})" if any(each != FINE for each in weather) else ""
        self.tell(f"{tree} asks {other}{how}")
        self.pulls(tree, other, weather)

    def all_ask(self, order: Sequence[str], weather: Sequence[str] = ()) -> None:
        """Everybody pulls from everybody, in turn."""
        how = f" ({', '.join(weather)})" if any(each != FINE for each in weather) else ""
        self.tell(f"{', '.join(order)} ask everybody{how}")
        for tree in order:
            if tree not in self.down:
                self.pulls(tree, weather=weather)

    def pulls(
        self, tree: str, other: str = "", weather: Sequence[str] = ()
    ) -> Sequence[sync.Outcome]:
        """One party pulls from another, or from everybody."""
        self.weather = itertools.cycle(weather) if weather else itertools.repeat(FINE)
        house = self.houses[tree]
        for each in (other,) if other else self.trees:
            self._is_asked(self.houses[each], tree)
        try:
            return sync.sync(house.node, house.keys, only=self._id(other) if other else None)
        finally:
            self.weather = itertools.repeat(FINE)

    def _is_asked(self, house: House, asker: str) -> None:
        """Remember what a house may show of shared circles to who has given notice.

        By all that the house knows, and by a right clock: receipts that come later can show that
        the notice had run out before.
        """
        if asker in self.left:
            found, who = self.folded(house), self._id(asker)
            tops = leaving.tops(found, who, self.now)
            self.in_time[asker].update(
                record.id
                for record in found.history.order
                if tops is None
                or record.header.sequence <= tops.get(record.header.chain, (0, ""))[0]
            )

    def _id(self, tree: str) -> OrganisationId:
        return self.houses[tree].organisation.id

    # --- what happens to nodes ----------------------------------------------------------------

    @contextmanager
    def dying(self, tree: str, after: int) -> Iterator[None]:
        """The node's process dies at the n-th of its writes and commits, and is started again."""
        house = self.houses[tree]
        house.node = replace(house.node, store=Fragile(house.node.store, Fuse(after)))
        house.answers = Answers(house.node, house.keys, house.hints.append)
        died = True
        try:
            yield
            died = False
        except Killed:
            pass
        self.tell(f"... and {'dies' if died else 'does not die'} at its write {after + 1}")
        house.node.close()
        self.houses[tree] = self._open(tree, self.root / tree)

    def copies(self, tree: str) -> None:
        """A copy of a node's database is put aside."""
        self.tell(f"a copy of the database of {tree} is made")
        target = self.root / f"{tree}.copy"
        target.unlink(missing_ok=True)
        source = self.root / tree / "allied.db"
        with closing(sqlite3.connect(source)) as a, closing(sqlite3.connect(target)) as b:
            a.backup(b)
        self._copies[tree] = target

    def puts_back(self, tree: str) -> None:
        """A node's database is put back from its copy; its fence stays where it is."""
        copy = self._copies.get(tree)
        if copy is None:
            return
        self.tell(f"{tree} is put back from its copy")
        self.houses[tree].node.close()
        database = self.root / tree / "allied.db"
        for path in database.parent.glob("allied.db-*"):
            path.unlink()
        shutil.copyfile(copy, database)
        self.houses[tree] = self._open(tree, self.root / tree)
        self.seen[tree] = Standing()
        clock = self.clocks[tree]
        opened = assemble(
            DataFolder(self.root / tree), Settings(), clock=clock, hardness=ALMOST_NONE_FOR_TESTS
        )
        try:
            require_fence(opened)
        except ConflictError as refusal:
            assert refusal.code == "store.older-than-fence"  # noqa: PT017 - a step, not a test
            self.down.add(tree)
            self.tell(f"... and refuses to sign: {refusal.code}")
        finally:
            opened.node.close()

    def resumes(self, tree: str) -> None:
        """A node that may not sign asks everybody what it has signed, and goes on from there.

        Stays down if somebody could not be asked.
        """
        self.tell(f"{tree} asks everybody how far it was, to go on")
        house = self.houses[tree]
        folder = DataFolder(self.root / tree)
        kept = sorted(self.root.glob(f"{tree}-recovery-*.txt"), key=lambda path: len(path.name))
        try:
            (done,) = resuming.resume(
                house.node,
                house.keys,
                fence=folder.fence.numbered(),
                recovery=[str(kept[-1])],
                passphrase=PASSPHRASE,
            )
        except ConflictError as refusal:
            assert refusal.code == "resume.peers-unreached"  # noqa: PT017 - a step, not a test
            self.tell("... and does not, because somebody cannot be asked")
            return
        self.tell(f"... and goes on in life {done.incarnation}")
        folder.restored.unlink(missing_ok=True)
        house.node.close()
        self.houses[tree] = self._open(tree, self.root / tree)
        self.down.discard(tree)

    # --- what the liar does -------------------------------------------------------------------

    def splits(self, facing: Sequence[str], liars: Sequence[str] = (LIAR,)) -> None:
        """Liars open second nodes over copies of their folders; some face those."""
        for liar in liars:
            if liar in self.twins:
                continue
            self.tell(f"{liar} opens a second node with the same keys")
            folder = self.root / f"{liar}.twin"
            self.houses[liar].node.close()
            shutil.copytree(self.root / liar, folder)
            self.houses[liar] = self._open(liar, self.root / liar)
            self.twins[liar] = self._open(liar, folder, second=True)
        names = ", ".join(liars)
        self.tell(f"{names} show {', '.join(facing) or 'nobody'} their second node")
        self.facing_twin = set(facing)

    def plots(self, facing: Sequence[str], liars: Sequence[str] = (LIAR,)) -> None:
        """Liars tell two groups, whose lines are cut, different stories."""
        self.splits(facing, liars)
        self.tell("... and keep away from whoever does not face them")
        self.plotting = True
        for one in facing:
            for other in self.honest:
                if other not in facing:
                    self.cut_line(one, other)

    def twins_ask(self) -> None:
        """The second nodes of liars ask everybody, and do what is due."""
        for liar, house in self.twins.items():
            self.tell(f"{liar}'s second node asks everybody")
            sync.sync(house.node, house.keys)

    def twin_says(self) -> None:
        """The liar's second node makes a remark among all."""
        if LIAR in self.twins:
            self.tell(f"{LIAR}'s second node makes a remark among all")
            self._append(self.twins[LIAR], self.instrument.circles.all, "redaction.answer")

    def twin_begins_a_life(self) -> None:
        """The liar's second node goes on under new keys, as if it had been restored."""
        twin = self.twins.get(LIAR)
        if twin is None:
            return
        self.tell(f"{LIAR}'s second node begins a new life under new keys")
        folder = self.root / f"{LIAR}.twin"
        kept = sorted(self.root.glob(f"{LIAR}-recovery-*.txt"), key=lambda path: len(path.name))
        with suppress(AlliedError):
            own_keys.rotate(
                twin.node,
                twin.organisation,
                recovery=str(kept[-1]),
                passphrase=PASSPHRASE,
                new_life=True,
            )
        twin.node.close()
        self.twins[LIAR] = self._open(LIAR, folder, second=True)

    def closes_early(self, liar: str, *, twin: bool = False) -> None:
        """A liar says of every question that it is over, counting whatever it happens to hold."""
        house = self.twins[liar] if twin and liar in self.twins else self.houses[liar]
        self.tell(f"{liar}'s {'second' if twin else 'first'} node closes every question early")
        folded = self.folded(house)
        for record in folded.history.order:
            if record.header.kind == "proposal.open":
                circle = visibility.circles(folded, house.organisation.id)[record.header.circle]
                deps = journal.heads_in(folded, circle)
                heads: list[Json] = [dep.to_json() for dep in deps if dep.circle == circle.id]
                body: dict[str, Json] = {"proposal": record.id, "heads": heads}
                with suppress(ConflictError), house.node.store.write() as writing:
                    journal.append(
                        house.node, writing, house.actor, folded, circle, "decision.close", body
                    )
                folded = self.folded(house)

    def slips_in(self, record: Record, how: str) -> None:
        """The liar puts a record of its own making into its store, to be fetched like any."""
        self.tell(f"{LIAR} makes a record {how}")
        house = self.houses[LIAR]
        self.slipped.append(record.raw)  # what rests on nothing no node would offer by itself
        with house.node.store.write() as writing:
            writing.add_records([journal.as_row(record)])
        house.node = replace(house.node, folds=Folds())
        house.answers = Answers(house.node, house.keys, house.hints.append)

    def offers(self, raw: bytes, how: str) -> None:
        """From now on the liar adds bytes to every answer with records."""
        self.tell(f"{LIAR} adds a record {how} to its answers")
        self.slipped.append(raw)

    # --- looking ------------------------------------------------------------------------------

    def folded(self, house: House) -> Folded:
        """The agreement as a node holds it."""
        with house.node.store.read() as reading:
            return house.node.folds.of(reading, self.pact)

    def rows(self, tree: str) -> Sequence[RecordRow]:
        """Every record that a node has stored."""
        with self.houses[tree].node.store.read() as reading:
            return reading.records(self.pact)

    def records(self, tree: str) -> list[Record]:
        """The same, read."""
        return [read_either(row.raw) for row in self.rows(tree)]
