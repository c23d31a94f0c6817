"""An alliance of sites, each with a folder and one or two real servers, and what befalls them.

Sites are founded inside the test's process and then served by processes of their own; they
reach each other by `lines` that can be bad. What happens is asked for step by step, and each
step is a sentence in `story`.

Words used here:
    site       one node: its folder, its servers, the line to it
    sworn      what a site has told somebody is done: an item stored, an incident reported
    signed     records that a site has had in its store; none may ever be gone
    full       a site whose files may not grow: what it writes fails, as on a full disk
"""

from __future__ import annotations

import json
import resource
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from itertools import combinations, count
from pathlib import Path
from typing import Any, Final

from allied.agreement.certified import read_proof
from allied.bootstrap import open_node
from allied.node import doctor, people, visibility
from allied.node.folds import Folded, Folds
from allied.node.node import Node, hosted
from tests.cli.shell import Said, allied, bundle, indicator, surroundings
from tests.node.network import PASSPHRASE, Network
from tests.servers.lines import FINE, Lines
from tests.servers.serving import Server, free_port
from tests.simulator.groves import text_of
from tests.simulator.promises import comes_to
from tests.simulator.stability import Seen, require_stable

TREES: Final = ("ash", "birch", "cedar", "dogwood", "elm", "fir", "gorse")
ALIAS: Final = "the-grove"
SHARING: Final = b"""\
  - art: "2"
    title: Warning each other
    type: information-sharing
    text: Each party tells the others what it learns of threats.
    share: [indicator]
    duty: must
    within: 4 hours
    max_tlp: AMBER
    default_tlp: GREEN
"""
ATTACK: Final = """\
format: incident/1
id: {alias}
title: A wiper at {party}
versions:
  - known_at: {now}
    asserted_by: {party}
    facts:
      kind: attack.cyber.malicious-code
      occurred_at: {now}
      severity: severe
      phase: active
      acts:
        - {{against: {party}, target: systems, systems: ["domain:{party}.example"]}}
"""
STIX: Final = "application/stix+json;version=2.1"
YAML: Final = "application/yaml"
HALVES: Final = (
    b"",
    b"GET /status HTTP/1.1\r\nhost: x\r\n",
    b"POST /federation/v1/heads HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n",
)
_CROWD: Final = 10
_ROOM: Final = 32 * 1024
_FOUNDED_BEFORE: Final = timedelta(days=500)
"""Longer ago than any clock is behind, and not so long that the agreement has ended."""
_PEACE_SECONDS: Final = 180.0


@dataclass
class Site:
    """One node and its servers.

    Attributes:
        at: the port of the line to it.
        days: how far the clocks of its servers are off.
        items: ids of the objects that it said it has stored.
        incidents: aliases of the incidents that it said it has reported.
        signed: every record that was ever seen in its store.
        judged: what it made of each of them.
    """

    tree: str
    folder: Path
    ports: tuple[int, ...]
    at: int
    token: str = ""
    days: int = 0
    servers: list[Server | None] = field(default_factory=list)
    items: set[str] = field(default_factory=set)
    incidents: set[str] = field(default_factory=set)
    signed: set[str] = field(default_factory=set)
    judged: Seen = field(default_factory=Seen)

    def verb(self, *words: object) -> Said:
        """A verb of the command line, beside the servers."""
        return allied(*words, "--data", self.folder, "--json", ALLIED_PASSPHRASE=PASSPHRASE)

    @contextmanager
    def opened(self) -> Iterator[Node]:
        """The node itself, to be looked at."""
        with surroundings({}):
            node = open_node(self.folder)
        try:
            yield node
        finally:
            node.close()


class Grove:
    """The sites of one agreement while things happen to them."""

    def __init__(self, root: Path, lines: Lines, sites: Sequence[Site]) -> None:
        self.root = root
        self.lines = lines
        self.sites = {site.tree: site for site in sites}
        self.story: list[str] = []
        self.outcomes: dict[str, set[str]] = {}
        self.lost = 0
        self._numbers = count(1)
        self._starts = count(1)
        self._began = time.monotonic()
        self._crowd: list[socket.socket] = []
        self._timers: list[threading.Timer] = []

    # --- making -----------------------------------------------------------------------------

    @classmethod
    def planted(
        cls, root: Path, lines: Lines, trees: Sequence[str], databases: Mapping[str, str]
    ) -> Grove:
        """Found the sites, let all sign, and take some of them to databases of a server's.

        Args:
            databases: addresses of empty databases by site; such a site has two servers.
        """
        network = Network(root)
        network.clock.set(datetime.now(UTC) - _FOUNDED_BEFORE)
        sites = []
        for tree in trees:
            ports = tuple(free_port() for _ in range(2 if tree in databases else 1))
            at = lines.lay(ports)
            network.found(tree, tree.title(), url=f"http://127.0.0.1:{at}")
            sites.append(Site(tree, root / tree, ports, at, servers=[None] * len(ports)))
        network.introduce_all()
        text = text_of(trees).replace(
            b"collective-response]", b"collective-response, information-sharing]"
        )
        network.sign_all(text + SHARING, trees[0])
        for site in sites:
            node = network.houses[site.tree].node
            with node.store.read() as reading:
                own = hosted(reading)
            site.token = people.new_token(node, own, role="analyst", lasts=None).bearer
            node.close()
        for tree, address in databases.items():
            moved = allied("backup", "move", "--database", address, "--data", root / tree)
            assert moved.status == 0, moved.err
        return cls(root, lines, sites)

    def tell(self, sentence: str) -> None:
        """Remember what happens, and how many seconds after the beginning."""
        self.story.append(f"{time.monotonic() - self._began:6.1f}  {sentence}")

    # --- servers ----------------------------------------------------------------------------

    def start(self, site: Site, which: int) -> Server:
        """Start a server of a site, which does not run."""
        log = self.root / f"{site.tree}-{which}-{next(self._starts)}.log"
        server = Server(site.folder, log, site.ports[which], PASSPHRASE, site.days)
        server.__enter__()
        site.servers[which] = server
        return server

    def start_all(self) -> None:
        """Start every server that does not run, and wait until all answer."""
        for site in self.sites.values():
            for which, server in enumerate(site.servers):
                if server is None or server.process.poll() is not None:
                    self.start(site, which)
        for site in self.sites.values():
            for each in site.servers:
                assert each is not None
                each.answers()

    def stop_all(self) -> None:
        """End every server that runs, by its own process."""
        for caller in self._crowd:
            caller.close()
        for timer in self._timers:
            timer.cancel()
            timer.join()
        running = [
            server
            for site in self.sites.values()
            for server in site.servers
            if server is not None and server.process.poll() is None
        ]
        for server in running:
            server.process.terminate()
        for server in running:
            server.__exit__(None, None, None)

    def kill(self, tree: str, which: int, after: float) -> None:
        """Kill a server with no chance to tidy up, a little later than now."""
        self.tell(f"a server of {tree} is killed {after * 1000:.0f} ms later")
        server = self.sites[tree].servers[which]
        assert server is not None
        timer = threading.Timer(after, server.kill)
        self._timers.append(timer)
        timer.start()

    def revive(self) -> None:
        """Start again whatever was killed."""
        for timer in self._timers:
            timer.join()
        self._timers.clear()
        self.start_all()

    def set_clock(self, tree: str, days: int) -> None:
        """Restart the servers of a site under a clock that is so many days off."""
        self.tell(f"the clock of {tree} is {days:+d} days off")
        site = self.sites[tree]
        site.days = days
        self._stop(site)
        self.start_all()

    def _stop(self, site: Site) -> None:
        for server in site.servers:
            if server is not None:
                server.__exit__(None, None, None)

    def fill_disk(self, tree: str) -> None:
        """From now on nothing is written behind the first pages of any file of a site's servers."""
        self.tell(f"the disk of {tree} is full")
        self._limit(self.sites[tree], _ROOM)

    def free_disk(self, tree: str) -> None:
        """There is room again."""
        self.tell(f"there is room at {tree} again")
        self._limit(self.sites[tree], resource.RLIM_INFINITY)

    def _limit(self, site: Site, size: int) -> None:
        for server in site.servers:
            if server is not None and server.process.poll() is None:
                limits = (size, resource.RLIM_INFINITY)
                resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, limits)

    def line(self, tree: str, weather: str) -> None:
        """From now on this is how whoever calls a site fares."""
        self.tell(f"the line to {tree} is {weather}")
        self.lines.weather[self.sites[tree].at] = weather

    def crowd(self, tree: str) -> None:
        """Callers who say half of something and then nothing, and do not hang up."""
        self.tell(f"{len(HALVES) * _CROWD} callers of {tree} say half of something")
        for server in self.sites[tree].servers:
            if server is None or server.process.poll() is not None:
                continue
            for half in HALVES * _CROWD:
                try:
                    made = socket.create_connection(("127.0.0.1", server.port), 5)
                    made.sendall(half)
                except OSError:
                    return  # it was killed a moment ago
                self._crowd.append(made)

    # --- what is done -----------------------------------------------------------------------

    def share(self, tree: str, which: int = 0) -> None:
        """Share two new objects at a server."""
        old = dict.fromkeys(("created", "modified", "valid_from"), "2025-01-02T09:00:00.000Z")
        made = [indicator(next(self._numbers), **old) for _ in range(2)]
        self.tell(f"{tree} shares two objects")
        site = self.sites[tree]
        if self._ask(site, which, f"/shares?agreement={ALIAS}", bundle(*made), STIX):
            site.items |= {str(each["id"]) for each in made}

    def report(self, tree: str, which: int = 0) -> None:
        """Report an incident at a server."""
        alias = f"wiper-{tree}-{next(self._numbers)}"
        self.tell(f"{tree} reports {alias}")
        site = self.sites[tree]
        present = datetime.now(UTC) + timedelta(days=site.days)
        text = ATTACK.format(alias=alias, party=tree, now=f"{present:%Y-%m-%dT%H:%M:%SZ}").encode()
        if self._ask(site, which, f"/incidents?agreement={ALIAS}", text, YAML):
            site.incidents.add(alias)

    def _ask(self, site: Site, which: int, path: str, body: bytes, kind: str) -> bool:
        """Whether a server said that it is done; one that is killed or full says no such thing."""
        server = site.servers[which]
        assert server is not None
        try:
            status, answer = server.ask(path, site.token, body, kind)
        except (OSError, HTTPException):
            self.lost += 1
            self.tell("... and gets no answer")
            return False
        if status not in {200, 201, 202}:
            code = answer["error"]["code"] if isinstance(answer, dict) else status
            self.tell(f"... and is refused: {code}")
            assert str(code).startswith(("store.", "disk.")), answer
            return False
        return True

    def put(self, tree: str) -> None:
        """Put a question to the council of all."""
        self.tell(f"{tree} puts a question")
        text = f"Shall we, number {next(self._numbers)}?"
        said = self.sites[tree].verb(
            *("proposal", "open", "-m", "body", "--body", "council", "-a", ALIAS),
            *("--text", text, "--deadline", "4 days"),
        )
        assert said.status == 0, said.err + said.out

    def vote(self, tree: str, choice: str) -> None:
        """Vote on every question that a site has heard of and has not voted on."""
        site = self.sites[tree]
        for proposal in self._open_questions(site):
            said = site.verb("proposal", "vote", proposal, choice)
            if said.status == 0:
                self.tell(f"{tree} votes {choice} on {proposal[:8]}")

    def _open_questions(self, site: Site) -> list[str]:
        with site.opened() as node, node.store.read() as reading:
            folded = self._folded(reading)
            own = hosted(reading).id
        voted = {
            record.body.get("proposal")
            for record in folded.history.order
            if record.header.kind == "vote.cast" and record.header.issuer == own
        }
        return [
            record.id
            for record in folded.history.order
            if record.header.kind == "proposal.open" and record.id not in voted
        ]

    # --- looking ----------------------------------------------------------------------------

    @staticmethod
    def _folded(reading: Any) -> Folded:
        (agreement,) = reading.agreements()
        return Folds().of(reading, agreement.id)

    def look(self, tree: str) -> Folded:
        """Look into a site's store: nothing is gone, no verdict and no decision is another."""
        site = self.sites[tree]
        with site.opened() as node, node.store.read() as reading:
            folded = self._folded(reading)
            (agreement,) = reading.agreements()
            stored = {row.id for row in reading.records(agreement.id)}
        assert site.signed <= stored, f"{tree} lost {len(site.signed - stored)} records"
        site.signed = set(stored)
        assert not folded.history.frozen, f"{tree} holds a fork"
        require_stable(site.judged, folded)
        for record in folded.history.order:
            if record.header.kind == "decision.certificate":
                assert folded.state.verdicts[record.id].effect
                proof = read_proof(record.body)
                said = self.outcomes.setdefault(proof.opening.id, set())
                said.add(json.dumps(proof.result.value, sort_keys=True, default=str))
                assert len(said) == 1, f"a question has two outcomes: {said}"
        return folded

    def peace(self) -> None:
        """All lines, disks, clocks and servers work again, and all come to the same state."""
        self.tell("everything works again")
        for timer in self._timers:
            timer.join()
        for site in self.sites.values():
            self.lines.weather[site.at] = FINE
            self._limit(site, resource.RLIM_INFINITY)
            if site.days:
                site.days = 0
                self._stop(site)
        self.revive()
        deadline = time.monotonic() + _PEACE_SECONDS
        while found := self._unsettled():
            assert time.monotonic() < deadline, f"it never comes to rest: {found}"
            time.sleep(1.0)

    def _unsettled(self) -> list[str]:
        """What still keeps the sites apart."""
        for tree in self.sites:
            self.vote(tree, "yes")
        folds = {tree: self.look(tree) for tree in self.sites}
        asked = {
            record.id
            for folded in folds.values()
            for record in folded.history.order
            if record.header.kind == "proposal.open"
        }
        missing = {site.tree: len(self._missing(site)) for site in self.sites.values()}
        return [
            *(f"{one} and {other} differ" for one, other in self._differing(folds)),
            *(f"{each[:8]} is not decided" for each in sorted(asked - self.outcomes.keys())),
            *(f"{tree} lacks {number} objects" for tree, number in missing.items() if number),
        ]

    def _differing(self, folds: Mapping[str, Folded]) -> list[tuple[str, str]]:
        """The pairs of sites that do not hold the same of what both may see."""
        ids = {
            tree: next(each.id for each in parties if each.label == tree)
            for parties in [self._parties()]
            for tree in folds
        }
        found = []
        for one, other in combinations(folds, 2):
            a, b = folds[one], folds[other]
            both = visibility.circles(a, ids[one]).keys() & visibility.circles(b, ids[other]).keys()
            if comes_to(a, both) != comes_to(b, both):
                found.append((one, other))
        return found

    def _parties(self) -> Sequence[Any]:
        first, second = list(self.sites.values())[:2]
        with first.opened() as node, node.store.read() as reading:
            own, peers = hosted(reading), reading.peers()
        assert second.tree in {each.label for each in peers}
        return [own, *peers]

    def _missing(self, site: Site) -> set[str]:
        """What others have sworn and a site does not have."""
        with site.opened() as node, node.store.read() as reading:
            (agreement,) = reading.agreements()
            own = hosted(reading).id
            rows = reading.items(agreement.id, own, limit=100_000)
        held = {row.id for row in rows}
        return {each for other in self.sites.values() for each in other.items - held}

    def require_whole(self) -> None:
        """What has to be true at the end, of every site."""
        folds = {tree: self.look(tree) for tree in self.sites}
        assert self._differing(folds) == []
        everything = set[str]().union(*(site.incidents for site in self.sites.values()))
        for tree, site in self.sites.items():
            listed = site.verb("incident", "list").value
            assert {each["alias"] for each in listed} >= everything
            with site.opened() as node:
                with node.store.read() as reading:
                    (agreement,) = reading.agreements()
                    assert not reading.parked(agreement.id), tree
                    records = reading.records(agreement.id)
                findings = doctor.examine(node, free_bytes=1 << 40, deep=True)
            chains: dict[object, list[int]] = {}
            for row in records:
                key = (row.circle, row.issuer, row.incarnation)
                chains.setdefault(key, []).append(row.sequence)
            for sequences in chains.values():
                assert sorted(sequences) == list(range(1, len(sequences) + 1))
            problems = [each for each in findings if each.state == "problem"]
            assert {each.check for each in problems} <= {"database"}, problems
        for log in self.root.glob("*.log"):
            assert "Traceback" not in log.read_text(), log.read_text()


def at_once(*work: Any) -> None:
    """Do several things at the same time."""
    with ThreadPoolExecutor(len(work)) as pool:
        for each in [pool.submit(one) for one in work]:
            each.result()
