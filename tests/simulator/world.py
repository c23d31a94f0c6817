"""Several real nodes in one process, and everything that may happen to them.

The nodes are put together by the production bootstrap over SQLite files; every node has a
hand-set clock of its own, and the wire between them is short: a question is handed to the other
node's `Answers`. What happens is asked for step by step, each step is a sentence in `story`,
and nothing here draws lots: the same steps give the same world.

Words used here:
    party     an organisation of the agreement, with one node; by the name of a tree
    liar      the party whose promises are not counted on; the others are honest
    twin      a second node with the liar's keys, opened over a copy of its folder: whoever
              faces the twin hears another story than the others, both signed
    weather   what becomes of one question or its answer on the way
    down      a node that was put back from an older copy and refuses to sign
"""

from __future__ import annotations

import itertools
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from allied.adapters.clock import HandClock
from allied.adapters.folder import DataFolder
from allied.adapters.sealed import ALMOST_NONE_FOR_TESTS
from allied.adapters.settings import Settings
from allied.agreement.matters import Matter
from allied.bootstrap import assemble, require_fence
from allied.errors import AlliedError, ConflictError, NotFoundError, UnreachableError
from allied.node import (
    agreements,
    incidents,
    journal,
    keys as own_keys,
    messages,
    proposals,
    resuming,
    sync,
)
from allied.node.answers import Answers
from allied.node.folds import Folded, Folds
from allied.node.ports import Introduction, Listener, Speaker
from allied.node.proposals import Wish, Word
from allied.node.rows import RecordRow
from allied.record.circle import Circle
from allied.record.ids import AgreementId, OrganisationId, RecordId
from allied.record.record import ChainKey, Record, read
from tests.node.fragile import Fragile, Fuse, Killed
from tests.node.network import PASSPHRASE, START, House, Network
from tests.simulator.weather import (
    FINE,
    GARBLED,
    LOST_ANSWER,
    LOST_QUESTION,
    STALE,
    TWICE,
    spoilt,
    with_more,
)

TREES: Final = ("ash", "birch", "cedar", "dogwood", "elm", "fir", "gorse")
LIAR: Final = "dogwood"

TEXT: Final = """\
format: alliance/1
id: the-grove
title: Mutual cyber defence pact of the grove
form: {kind: contract, binding: yes, law: England and Wales}
lateral: minilateral
purpose: [collective-response]
visibility: parties

parties:
%(parties)s
life:
  in_force_when: all signed
  term: 3 years
  withdrawal: {notice: 30 days, open_incidents: finish-accrued, information_after: keep-markings}

bodies:
  council: {rule: {kind: simple-majority, tolerates: 1, grace: 1 hour}}

articles:
  - art: "1"
    title: One for all
    type: collective-response
    text: A severe cyber attack on one of the trees is met by all of them.
    trigger: {incident: [attack.cyber], severity: at least severe, attribution: not-needed}
    invoked_by: [victim]
    invocation_window: 7 days
    decision: automatic
    duties:
      - who: other parties
        owes: victim
        do: assist
        measures: [incident responders]
        means: as-listed
        modality: must
        answer_within: 2 hours
        perform_within: 24 hours
    ends_when: [victim-declares-over]
"""

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


def text_of(trees: Sequence[str]) -> bytes:
    """The agreement of these parties."""
    lines = "".join(f"  - {{id: {tree}, name: {tree.title()}, kind: company}}\n" for tree in trees)
    return (TEXT % {"parties": lines}).encode()


@dataclass(frozen=True)
class Grove:
    """The folders of parties whose nodes are closed, to be copied for each world."""

    root: Path
    trees: tuple[str, ...]
    pact: AgreementId
    at: datetime

    @classmethod
    def planted(cls, root: Path, trees: Sequence[str], *, signed: bool = True) -> Grove:
        """Found the parties, introduce all to all, and let all sign, or only propose."""
        network = Network(root)
        for tree in trees:
            network.found(tree, tree.title())
        network.introduce_all()
        unsigned = () if signed else tuple(trees)
        pact = network.sign_all(text_of(trees), trees[0], unsigned=unsigned)
        for house in network.houses.values():
            house.node.close()
        return cls(root, tuple(trees), AgreementId(pact), network.clock.now())


@dataclass
class Standing:
    """What a node has shown of itself so far, to be held against what it shows later."""

    verdicts: dict[RecordId, str] = field(default_factory=dict)
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
        self.skew: dict[str, timedelta] = {tree: timedelta(0) for tree in grove.trees}
        self.clocks: dict[str, HandClock] = {}
        self.houses: dict[str, House] = {}
        self.cut: set[frozenset[str]] = set()
        self.facing_twin: set[str] = set()
        self.twin: House | None = None
        self.down: set[str] = set()
        self.left: set[str] = set()
        self.story: list[str] = []
        self.seen: dict[str, Standing] = {tree: Standing() for tree in grove.trees}
        self.numbers: dict[tuple[ChainKey, int], RecordId] = {}
        self.heard: dict[tuple[str, str, str], bytes] = {}
        self.held_back: set[ChainKey] = set()
        self.slipped: list[bytes] = []
        self._weather: Iterator[str] = itertools.repeat(FINE)
        self._copies: dict[str, Path] = {}
        self.count = itertools.count(1)
        self.replaced: Mapping[tuple[str, str], bytes] = {}
        for tree in grove.trees:
            self.houses[tree] = self._open(tree, root / tree)
        self.labels: Mapping[OrganisationId, str] = {
            house.organisation.id: tree for tree, house in self.houses.items()
        }
        self.instrument = self.folded(self.houses[grove.trees[0]]).instrument

    # --- the nodes ------------------------------------------------------------------------

    def _open(self, tree: str, folder: Path) -> House:
        clock = self.clocks.setdefault(tree, HandClock(self.now))
        opened = assemble(
            DataFolder(folder), Settings(), clock=clock, hardness=ALMOST_NONE_FOR_TESTS
        )
        node = replace(opened.node, peers=Lines(self, tree))
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
        return tuple(tree for tree in self.trees if tree != LIAR)

    @property
    def up(self) -> tuple[str, ...]:
        """The honest parties whose nodes run."""
        return tuple(tree for tree in self.honest if tree not in self.down)

    def at(self, url: str, asker: str) -> House:
        """Whom a party reaches at an address: the liar shows some of them its other face."""
        tree = url.rpartition("/")[2]
        if tree == LIAR and self.twin is not None and asker in self.facing_twin:
            return self.twin
        return self.houses[tree]

    def close(self) -> None:
        """Close all nodes and remove what they left."""
        for house in (*self.houses.values(), *([self.twin] if self.twin else [])):
            house.node.close()
        shutil.rmtree(self.root, ignore_errors=True)

    def _tell(self, sentence: str) -> None:
        self.story.append(sentence)

    # --- time and lines ---------------------------------------------------------------------

    def days_pass(self, days: int) -> None:
        """Let time pass for everybody."""
        self._tell(f"{days} days pass")
        self.now += timedelta(days=days)
        self._set_clocks()

    def clock_goes_wrong(self, tree: str, days: int) -> None:
        """Set one clock days ahead or back."""
        self._tell(f"the clock of {tree} is {abs(days)} days {'ahead' if days > 0 else 'behind'}")
        self.skew[tree] = timedelta(days=days)
        self._set_clocks()

    def _set_clocks(self) -> None:
        for tree, clock in self.clocks.items():
            clock.set(self.now + self.skew[tree])

    def cut_line(self, one: str, other: str) -> None:
        """Nothing passes between two parties."""
        self._tell(f"the line between {one} and {other} is cut")
        self.cut.add(frozenset((one, other)))

    def mend_line(self, one: str, other: str) -> None:
        """What passes between two parties arrives again."""
        if frozenset((one, other)) in self.cut:
            self._tell(f"the line between {one} and {other} works again")
            self.cut.discard(frozenset((one, other)))

    def heal(self) -> None:
        """All lines and clocks work again."""
        self._tell("all lines work again")
        self.cut.clear()
        self.skew = dict.fromkeys(self.trees, timedelta(0))
        self._set_clocks()

    # --- what honest parties do ---------------------------------------------------------------

    def says(self, tree: str) -> None:
        """One remark among all, with a text beside it."""
        self._tell(f"{tree} makes a remark among all")
        self._append(self.houses[tree], self.instrument.circles.all, "redaction.answer")

    def tells(self, tree: str, other: str) -> None:
        """One remark between two."""
        self._tell(f"{tree} makes a remark to {other} alone")
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
        self._tell(f"{tree} reports an attack and calls for help")
        raw = (_ATTACK % {"number": next(self.count), "party": tree}).encode()
        house = self.houses[tree]
        with suppress(AlliedError):
            (view,) = incidents.report(house.node, house.actor, raw, "incident.yaml", self.pact)
            incidents.invoke(house.node, house.actor, view.id, "1")

    def signs(self, tree: str) -> None:
        """A party signs, if it has not."""
        self._tell(f"{tree} signs")
        house = self.houses[tree]
        with suppress(AlliedError):
            agreements.sign(house.node, house.actor, self.pact)

    def puts(self, tree: str) -> None:
        """A question is put to the council of all, for four days."""
        self._tell(f"{tree} puts a question")
        house = self.houses[tree]
        wish = Wish(Matter(kind="body", body="council"), b"Shall we?", deadline="4 days")
        with suppress(AlliedError):
            proposals.put(house.node, house.actor, self.pact, wish)

    def votes(self, tree: str, choice: str, *, twin: bool = False) -> None:
        """A party votes on every question that it has heard of."""
        house = self.twin if twin and self.twin is not None else self.houses[tree]
        who = f"{tree}'s second node" if twin else tree
        self._tell(f"{who} votes {choice}")
        for record in self.folded(house).history.order:
            if record.header.kind == "proposal.open":
                with suppress(AlliedError):
                    word = Word("vote", choice)
                    proposals.say(house.node, house.actor, record.id, word)

    def leaves(self, tree: str) -> None:
        """A party gives notice."""
        self._tell(f"{tree} gives notice")
        house = self.houses[tree]
        with suppress(AlliedError):
            agreements.withdraw(house.node, house.actor, self.pact)
            self.left.add(tree)

    def asks(self, tree: str, other: str, weather: Sequence[str] = ()) -> None:
        """One party pulls from another, in some weather."""
        how = f" ({', '.join(weather)})" if any(each != FINE for each in weather) else ""
        self._tell(f"{tree} asks {other}{how}")
        self.pulls(tree, other, weather)

    def all_ask(self, order: Sequence[str], weather: Sequence[str] = ()) -> None:
        """Everybody pulls from everybody, in turn."""
        how = f" ({', '.join(weather)})" if any(each != FINE for each in weather) else ""
        self._tell(f"{', '.join(order)} ask everybody{how}")
        for tree in order:
            if tree not in self.down:
                self.pulls(tree, weather=weather)

    def pulls(
        self, tree: str, other: str = "", weather: Sequence[str] = ()
    ) -> Sequence[sync.Outcome]:
        """One party pulls from another, or from everybody."""
        self._weather = itertools.cycle(weather) if weather else itertools.repeat(FINE)
        house = self.houses[tree]
        try:
            return sync.sync(house.node, house.keys, only=self._id(other) if other else None)
        finally:
            self._weather = itertools.repeat(FINE)

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
        self._tell(f"... and {'dies' if died else 'does not die'} at its write {after + 1}")
        house.node.close()
        self.houses[tree] = self._open(tree, self.root / tree)

    def copies(self, tree: str) -> None:
        """A copy of a node's database is put aside."""
        self._tell(f"a copy of the database of {tree} is made")
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
        self._tell(f"{tree} is put back from its copy")
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
            self._tell(f"... and refuses to sign: {refusal.code}")
        finally:
            opened.node.close()

    def resumes(self, tree: str) -> None:
        """A node that may not sign asks everybody what it has signed, and goes on from there.

        Stays down if somebody could not be asked.
        """
        self._tell(f"{tree} asks everybody how far it was, to go on")
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
            self._tell("... and does not, because somebody cannot be asked")
            return
        self._tell(f"... and goes on in life {done.incarnation}")
        folder.restored.unlink(missing_ok=True)
        house.node.close()
        self.houses[tree] = self._open(tree, self.root / tree)
        self.down.discard(tree)

    # --- what the liar does -------------------------------------------------------------------

    def splits(self, facing: Sequence[str]) -> None:
        """The liar opens a second node over a copy of its folder; some face that one."""
        if self.twin is None:
            self._tell(f"{LIAR} opens a second node with the same keys")
            folder = self.root / f"{LIAR}.twin"
            self.houses[LIAR].node.close()
            shutil.copytree(self.root / LIAR, folder)
            self.houses[LIAR] = self._open(LIAR, self.root / LIAR)
            self.twin = self._open(LIAR, folder)
        self._tell(f"{LIAR} shows its second node to {', '.join(facing) or 'nobody'}")
        self.facing_twin = set(facing)

    def twin_says(self) -> None:
        """The liar's second node makes a remark among all."""
        if self.twin is not None:
            self._tell(f"{LIAR}'s second node makes a remark among all")
            self._append(self.twin, self.instrument.circles.all, "redaction.answer")

    def twin_begins_a_life(self) -> None:
        """The liar's second node goes on under new keys, as if it had been restored."""
        if self.twin is None:
            return
        self._tell(f"{LIAR}'s second node begins a new life under new keys")
        folder = self.root / f"{LIAR}.twin"
        kept = sorted(self.root.glob(f"{LIAR}-recovery-*.txt"), key=lambda path: len(path.name))
        with suppress(AlliedError):
            own_keys.rotate(
                self.twin.node,
                self.twin.organisation,
                recovery=str(kept[-1]),
                passphrase=PASSPHRASE,
                new_life=True,
            )
        self.twin.node.close()
        self.twin = self._open(LIAR, folder)

    def slips_in(self, record: Record, how: str) -> None:
        """The liar puts a record of its own making into its store, to be fetched like any."""
        self._tell(f"{LIAR} makes a record {how}")
        house = self.houses[LIAR]
        self.slipped.append(record.raw)  # what rests on nothing no node would offer by itself
        with house.node.store.write() as writing:
            writing.add_records([journal.as_row(record)])
        house.node = replace(house.node, folds=Folds())
        house.answers = Answers(house.node, house.keys, house.hints.append)

    def offers(self, raw: bytes, how: str) -> None:
        """From now on the liar adds bytes to every answer with records."""
        self._tell(f"{LIAR} adds a record {how} to its answers")
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
        return [read(row.raw) for row in self.rows(tree)]


class Lines:
    """The `Peers` port of one node: questions go straight to the other node, in some weather."""

    def __init__(self, world: World, tree: str) -> None:
        self._world = world
        self._tree = tree

    def close(self) -> None:
        """There is nothing to close."""

    def introduce(self, url: str, *, allowed_private: bool) -> Sequence[Introduction]:  # noqa: ARG002
        return self._world.at(url, self._tree).answers.hosted()

    def ask(
        self, speaker: Speaker, listener: Listener, verb: str, body: bytes, *, limit: int
    ) -> bytes:
        world = self._world
        house = world.at(listener.url, self._tree)
        if frozenset((self._tree, house.label)) in world.cut or house.label in world.down:
            raise UnreachableError("peer.timeout", "the line is cut")
        if house.answers.listener_keys(speaker.organisation) is None:
            raise UnreachableError("peer.not-found", "they do not know us")
        weather = next(world._weather)
        if weather == LOST_QUESTION:
            raise UnreachableError("peer.timeout", "the question was lost")
        key = (self._tree, house.label, verb)
        late = world.heard.get(key)
        answer = b""
        try:
            for _ in range(2 if weather == TWICE else 1):
                answer = house.answers.answer(
                    speaker.organisation, listener.organisation, verb, body
                )
        except NotFoundError as unknown:
            raise UnreachableError("peer.not-found", "they do not know us") from unknown
        answer = world.replaced.get((house.label, verb), answer)
        world.heard[key] = answer
        if weather == LOST_ANSWER:
            raise UnreachableError("peer.timeout", "the answer was lost")
        if house.label == LIAR and verb == messages.RECORDS and world.slipped:
            answer = with_more(answer, world.slipped, house.organisation.id)
        if weather == STALE and late is not None:
            answer = late
        elif weather not in {FINE, TWICE, STALE}:
            answer = spoilt(answer, verb, weather)
        assert len(answer) <= limit or weather == GARBLED
        return answer


__all__ = ["LIAR", "START", "TREES", "Grove", "World", "text_of"]
