"""Two serving processes over one PostgreSQL database: both serve, one is killed, nothing is lost.

One node hosts River and Harbour, who have a pact. Machines share objects and report incidents
at both servers at once; what is true at the end is read from the database.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from allied.bootstrap import open_node
from allied.node import doctor, people
from allied.node.node import Node, hosted
from allied.record.ids import AgreementId
from tests import postgres
from tests.cli.shell import allied, attack, bundle, found, indicator, pact, surroundings
from tests.servers.serving import Listening, Server, until

STIX = "application/stix+json;version=2.1"
YAML = "application/yaml"
EACH = 3
_NUMBERS = count(1)


@dataclass
class Site:
    """A node with two servers, each over a data folder of its own.

    Attributes:
        shared: ids of the objects that a server said it has stored.
        reported: aliases of the incidents that a server said it has reported.
        lost: requests that a server gave no answer to.
    """

    folder: Path
    river: str
    harbour: str
    session: str
    first: Server
    second: Server
    shared: list[str] = field(default_factory=list)
    reported: list[str] = field(default_factory=list)
    lost: int = 0

    @property
    def servers(self) -> tuple[Server, Server]:
        return self.first, self.second

    def share(self, server: Server, objects: int = 3) -> None:
        """Share new objects at a server."""
        made = [indicator(next(_NUMBERS)) for _ in range(objects)]
        answered = self._ask(server, "/shares?agreement=river-harbour", bundle(*made), STIX)
        if answered:
            assert answered["shares"][0]["stored"] == objects, answered
            self.shared += [str(each["id"]) for each in made]

    def report(self, server: Server) -> None:
        """Report a new incident at a server."""
        alias = f"terminal-wiper-{next(_NUMBERS)}"
        text = attack("river").replace("terminal-wiper", alias)
        if self._ask(server, "/incidents?agreement=river-harbour", text.encode(), YAML):
            self.reported.append(alias)

    def _ask(self, server: Server, path: str, body: bytes, kind: str) -> Any:
        try:
            status, answer = server.ask(path, self.river, body, kind)
        except (OSError, HTTPException):
            self.lost += 1
            return None
        assert status in {200, 201, 202}, answer
        return answer

    def work(self, *servers: Server, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Share and report at each server, all at once; in the middle of it something happens."""
        with ThreadPoolExecutor(4) as pool:
            done = [
                pool.submit(what, server)
                for _ in range(EACH)
                for server in servers
                for what in (self.share, self.share, self.report)
            ]
            for number, each in enumerate(done):
                each.result()
                if number == len(done) // 3:
                    meanwhile()


@pytest.fixture(scope="module")
def database(postgres_server: postgres.Server) -> Iterator[str]:
    with postgres_server.database() as address:
        yield address


@pytest.fixture(scope="module")
def node(database: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node that hosts River and Harbour, with their pact in force."""
    root = tmp_path_factory.mktemp("site")
    folder = root / "node"
    found(folder, "river", "River Bank plc", "--database", database)
    here = ("--data", folder)
    second = ("--id", "harbour", "--name", "Harbour Logistics SA", "--person", "lee")
    assert allied("organisation", "add", *second, *here).status == 0
    (root / "pact.yaml").write_text(pact())
    proposed = allied("agreement", "propose", root / "pact.yaml", "-o", "river", *here)
    assert proposed.status == 0, proposed.err
    for party in ("river", "harbour"):
        assert allied("agreement", "sign", "river-harbour", "-o", party, *here).status == 0
    return folder


@pytest.fixture
def site(node: Path, tmp_path: Path) -> Iterator[Site]:
    """Both servers, answering."""
    copy = shutil.copytree(node, tmp_path / "second")
    at_home = open_node(node)
    with at_home.store.read() as reading:
        houses = [hosted(reading, name) for name in ("river", "harbour")]
    river, harbour = (people.new_token(at_home, each, role="analyst").bearer for each in houses)
    session, _ = people.log_in(at_home, people.link(at_home, houses[0], "kim").secret)
    at_home.close()
    with (
        Server(node, tmp_path / "first.log") as first,
        Server(copy, tmp_path / "second.log") as second,
    ):
        yield Site(node, river, harbour, session.secret, first.answers(), second.answers())


def held(server: Server, token: str) -> set[str]:
    """The ids of all items that an organisation holds, as a server shows them."""
    ids: list[str] = []
    after = ""
    while True:
        status, answer = server.ask(f"/items?limit=100{after}", token)
        assert status == 200, answer
        ids += [each["item"]["id"] if "item" in each else each["id"] for each in answer["items"]]
        if not answer["next"]:
            return set(ids)
        after = f"&next={answer['next']}"


def require_sound(node: Node, site: Site) -> None:
    """Everything that was answered for is there, once, and follows from what was before."""
    found = {each.check: each.state for each in doctor.examine(node, free_bytes=1 << 40)}
    assert found.pop("database") == "problem"  # the tests' server forgets
    assert set(found.values()) <= {"ok", "warning"}, found
    assert found["ledger of river"] == found["agreement river-harbour"] == "ok"
    with node.store.read() as reading:
        (agreement,) = reading.agreements()
        river, harbour = (hosted(reading, name) for name in ("river", "harbour"))
        records = reading.records(agreement.id)
        chains: dict[object, list[int]] = {}
        for row in records:
            key = (row.circle, row.issuer, row.incarnation)
            chains.setdefault(key, []).append(row.sequence)
        for sequences in chains.values():
            assert sorted(sequences) == list(range(1, len(sequences) + 1))
        kinds = Counter(row.kind for row in records if row.issuer == river.id)
        assert kinds["incident.report"] >= len(site.reported) > 0, kinds
        rows = reading.items(agreement.id, river.id, limit=100_000)
        assert {row.id for row in rows} >= set(site.shared)
        assert len({row.seq for row in rows}) == len(rows) == len({row.id for row in rows})
        assert len({row.added for row in rows}) == len(rows)
        assert sum(reading.item_counts(agreement.id, river.id).values()) == len(rows)
        bodies = reading.item_bytes(rows)
        assert len(bodies) == len({row.digest for row in rows})
        require_released(reading, agreement.id, river.id, harbour.id)


def require_released(reading: Any, agreement: AgreementId, river: Any, harbour: Any) -> None:
    """What Harbour holds of River stands in River's ledger, whose chain is whole.

    What was released before the kill and had not arrived is released again.
    """
    there = reading.items(agreement, harbour, limit=100_000)
    ledger, after = [], 0
    while page := reading.ledger(river, after=after):
        ledger += page
        after = page[-1].seq
    assert [row.seq for row in ledger] == list(range(1, len(ledger) + 1))
    released = sum(row.count for row in ledger if row.outcome == "released")
    assert released >= len(there) > 0, Counter(row.outcome for row in ledger)


def test_two_servers_share_one_node_and_one_goes_on_when_the_other_is_killed(site: Site) -> None:
    with ExitStack() as streams:
        # Both serve, and whoever is let in at one is known at the other.
        pages = [Listening(server, site.session) for server in site.servers]
        for page in pages:
            streams.callback(page.close)
        keeper = until(
            "one keeps up", lambda: next((s for s in site.servers if s.keeps_up()), None)
        )
        other = site.second if keeper is site.first else site.first

        # What is done at one is told at both, and delivered by the one that keeps up.
        for server in (other, keeper):
            before = [page.changes for page in pages]
            site.share(server)
            until(
                "both pages are told",
                lambda before=before: all(  # type: ignore[misc]
                    page.changes > n for page, n in zip(pages, before, strict=True)
                ),
            )
        for server in site.servers:
            until(
                "Harbour has it",
                lambda at=server: held(at, site.harbour) >= set(site.shared),  # type: ignore[misc]
            )

        # Both take in at once.
        site.work(*site.servers)
        assert site.lost == 0
        assert not other.keeps_up()

        # One is killed while both do.
        site.work(*site.servers, meanwhile=keeper.kill)
        assert keeper.process.poll() == -9
        assert site.lost > 0
        until("the other keeps up", other.keeps_up)
        before_it = len(site.shared)
        lost = site.lost
        site.work(other)
        assert (site.lost, len(site.shared)) == (lost, before_it + 6 * EACH)
        until("Harbour has it all", lambda: held(other, site.harbour) >= set(site.shared))

        # And the one that was killed comes back, beside the one that keeps up now.
        with Server(keeper.folder, keeper.log) as again:
            again.answers()
            site.share(again)
            assert held(other, site.river) == held(again, site.river) >= set(site.shared)
            assert not again.keeps_up()

    with surroundings({}):
        node = open_node(site.folder)
    try:
        require_sound(node, site)
    finally:
        node.close()
