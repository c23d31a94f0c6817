"""Many nodes on one machine: how soon all of them see a call, and how soon a vote is proved.

Each node is a serving process with its own folder, as shipped, and all know each other. This
process stands beside them as verbs of the command line do: it signs, calls and votes in their
folders, and looks into their stores until the last one has it. All of them share the cores of
one machine, so the figures say what the program costs, not what a network adds.
"""

from __future__ import annotations

import os
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from subprocess import Popen
from typing import Any, Final

from bench.measures.exchange import Node
from bench.row import Row
from bench.run import allied, free_port, resident, serving

_SIZES: Final = (7, 20)
_QUICK: Final = (3,)
_TIMES: Final = 3
_AT_ONCE: Final = 3
_PATIENCE: Final = 120.0
SEEN_SECONDS: Final = 4.0
PROVED_SECONDS: Final = {7: 5.0, 20: 15.0}
IDLE_MIB: Final = 130.0

_TEXT: Final = """\
format: alliance/1
id: fleet
form: {{kind: contract}}
parties: [{{ids: [{parties}]}}]
life: {{in_force_when: all signed}}
bodies:
  council: {{rule: {{kind: simple-majority, of: voting, quorum: {quorum}, tolerates: 1}}}}
articles:
  - art: "1"
    type: collective-response
    trigger: {{incident: [attack.cyber], severity: at least severe, attribution: not-needed}}
    invoked_by: [victim]
    decision: automatic
    duties: [{{who: other parties, owes: victim, do: assist, modality: must}}]
"""
_INCIDENT: Final = """\
format: incident/1
id: attack-{number}
title: The attack of the figures, {number}
versions:
  - known_at: {at}
    asserted_by: {party}
    facts:
      kind: attack.cyber.malicious-code
      occurred_at: {at}
      severity: severe
      phase: active
      acts: [{{against: {party}, target: systems}}]
"""


@dataclass(frozen=True, slots=True)
class Beside:
    """A node as a verb of the command line stands beside its server."""

    node: Any
    actor: Any


@dataclass(frozen=True, slots=True)
class Spent:
    """What all servers together have done by one moment.

    Attributes:
        records: held by who holds most.
        commits: units that changed a store, those beside the servers counted.
        requests: questions of other nodes that were answered.
        core_seconds: of the servers.
    """

    records: int
    commits: int
    requests: int
    core_seconds: float


@dataclass(frozen=True, slots=True)
class Fleet:
    """Serving processes, where they are asked for their counts, and who stands beside each."""

    nodes: list[Node]
    admins: list[int]
    servers: list[Popen[bytes]]
    beside: list[Beside]

    def spent(self) -> Spent:
        """What they have done by now."""
        records, commits, requests = 0, 0, 0.0
        for port in self.admins:
            found = _metrics(port)
            records = max(records, int(found["allied_records"]))
            commits += int(found["allied_commits"])
            requests += sum(
                value for name, value in found.items() if name.startswith("allied_questions")
            )
        return Spent(records, commits, int(requests), sum(map(_core_seconds, self.servers)))


def measure(quick: bool) -> Iterator[Row]:
    """Seven nodes, then twenty."""
    for size in _QUICK if quick else _SIZES:
        with tempfile.TemporaryDirectory(prefix="allied-bench-") as name, ExitStack() as stack:
            yield from _of(size, Path(name), stack)


def _of(size: int, folder: Path, stack: ExitStack) -> Iterator[Row]:
    fleet = _begun(size, folder, stack)
    beside = fleet.beside
    started = time.perf_counter()
    _introduce(fleet.nodes, beside)
    agreement = _agree(fleet.nodes, beside)
    note = f"{size} serving processes on this machine's cores"
    what = f"{size} nodes"
    yield Row(
        f"{what}: from strangers to an agreement in force everywhere",
        time.perf_counter() - started, "s", note=note,
    )  # fmt: skip
    before = fleet.spent()
    seen = [_called(beside, agreement, number) for number in range(_TIMES)]
    yield Row(
        f"{what}: a call is seen by all, the slowest of {_TIMES}", max(seen), "s",
        goal=SEEN_SECONDS, note=f"{note}; report and call by the victim, then its 'owed' elsewhere",
    )  # fmt: skip
    after = fleet.spent()
    yield from _each(f"{what}: calls", before, after)
    proved = [_proved(beside, agreement) for _ in range(_TIMES)]
    yield Row(
        f"{what}: from the last vote to the certificate everywhere, the slowest of {_TIMES}",
        max(proved), "s", goal=PROVED_SECONDS.get(size), note=note,
    )  # fmt: skip
    yield from _each(f"{what}: questions", after, fleet.spent())
    memory = [found for server in fleet.servers if (found := resident(server)) is not None]
    if memory:
        yield Row(
            f"{what}: memory of a node after that, the largest", max(memory) / 2**20, "MiB",
            goal=IDLE_MIB,
        )  # fmt: skip


def _begun(size: int, folder: Path, stack: ExitStack) -> Fleet:
    """Found the nodes and start their servers, some at a time."""
    nodes = [Node(f"p{n:02}", folder / f"p{n:02}", free_port()) for n in range(1, size + 1)]
    admins = [free_port() for _ in nodes]

    def found(each: Node) -> None:
        each.verb(
            "init", "--id", each.label, "--name", f"Party {each.label}", "--url", each.url,
            "--person", f"{each.label}-signatory",
        )  # fmt: skip

    def serve(each: Node, admin: int) -> Popen[bytes]:
        command = [
            allied(), "serve", "--host", "127.0.0.1", "--port", str(each.port),
            "--admin", f"127.0.0.1:{admin}",
        ]  # fmt: skip
        server = serving(command, f"{each.url}/healthz", each.environment, wait_seconds=120)
        return stack.enter_context(server)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(found, nodes))
        servers = list(pool.map(serve, nodes, admins))
    return Fleet(nodes, admins, servers, [stack.enter_context(_open(each)) for each in nodes])


def _each(what: str, before: Spent, after: Spent) -> Iterator[Row]:
    """What one record has cost all nodes together."""
    records = max(1, after.records - before.records)
    note = f"{records} records at all nodes; rounds that were due meanwhile counted"
    yield Row(
        f"{what}: requests for each record", (after.requests - before.requests) / records, "",
        note=note,
    )  # fmt: skip
    yield Row(
        f"{what}: commits for each record", (after.commits - before.commits) / records, "",
        note=note,
    )  # fmt: skip
    yield Row(
        f"{what}: time of a core for each record",
        (after.core_seconds - before.core_seconds) / records * 1000, "ms", note=note,
    )  # fmt: skip


def _metrics(port: int) -> dict[str, float]:
    """What a server tells of itself on its admin address."""
    # Loopback only: the port is one of ours.
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


def _core_seconds(server: Popen[bytes]) -> float:
    """How long a running process has used a core; 0 where that is not told."""
    try:
        text = Path(f"/proc/{server.pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    words = text.rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _open(given: Node) -> Any:
    from contextlib import contextmanager

    from allied.bootstrap import open_node
    from allied.node.node import Actor, hosted

    @contextmanager
    def opened() -> Iterator[Beside]:
        node = open_node(given.folder)
        try:
            keys = node.vault.unlock(given.environment["ALLIED_PASSPHRASE"])
            with node.store.read() as reading:
                organisation = hosted(reading)
            yield Beside(node, Actor(organisation, keys, f"{given.label}-signatory"))
        finally:
            node.close()

    return opened()


def _introduce(fleet: list[Node], beside: list[Beside]) -> None:
    """Everybody confirms everybody."""
    from allied.node import peers

    offered = [peers.look(beside[place - 1].node, each.url) for place, each in enumerate(fleet)]
    for mine, own in zip(beside, fleet, strict=True):
        for each, found in zip(fleet, offered, strict=True):
            if each is not own:
                peers.add(mine.node, each.url, found, confirmed=True, label=each.label)


def _agree(fleet: list[Node], beside: list[Beside]) -> str:
    from allied.node import agreements

    text = _TEXT.format(
        parties=", ".join(each.label for each in fleet), quorum=len(fleet) // 2 + 2
    ).encode()
    first = beside[0]
    prepared = agreements.prepare(first.node, first.actor.organisation, text, "fleet.yaml", {})
    agreement = str(agreements.propose(first.node, first.actor, prepared).id)

    def known(each: Beside) -> bool:
        return any(row.id == agreement for row in agreements.list_agreements(each.node))

    for each in beside:
        _until(lambda: known(each))  # noqa: B023
        agreements.sign(each.node, each.actor, agreement)

    def in_force(each: Beside) -> bool:
        return agreements.show(each.node, agreement).state == "in-force"

    _until_all(in_force, beside)
    return agreement


def _called(beside: list[Beside], agreement: str, number: int) -> float:
    """Seconds from the victim's call until every other node says what it owes."""
    from allied.node import incidents

    victim = beside[number % len(beside)]
    time.sleep(1)  # days and seconds before entry into force do not count
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    raw = _INCIDENT.format(number=number, at=at, party=victim.actor.organisation.label).encode()
    started = time.perf_counter()
    (view,) = incidents.report(victim.node, victim.actor, raw, "incident.yaml", agreement)
    incidents.invoke(victim.node, victim.actor, view.id, "1")

    def owes(each: Beside) -> bool:
        found = incidents.list_incidents(each.node, each.actor.organisation)
        return any(one.id == view.id and one.obligations for one in found)

    _until_all(owes, beside)
    return time.perf_counter() - started


def _proved(beside: list[Beside], agreement: str) -> float:
    """Seconds from the last vote on a question until every node holds its certificate."""
    from allied.agreement.matters import BODY, Matter
    from allied.node import proposals

    first = beside[0]
    wish = proposals.Wish(Matter(kind=BODY, body="council"), b"Shall we?", deadline="1 hour")
    question = proposals.put(first.node, first.actor, agreement, wish).id

    def known(each: Beside) -> bool:
        seen = proposals.list_proposals(each.node, each.actor.organisation)
        return any(one.id == question for one in seen)

    for each in beside:
        _until(lambda: known(each))  # noqa: B023
        proposals.say(each.node, each.actor, question, proposals.Word("vote", "yes"))
    started = time.perf_counter()

    def certified(each: Beside) -> bool:
        found = proposals.show(each.node, each.actor.organisation, question)
        return found.deciding.stage == "certified"

    _until_all(certified, beside)
    return time.perf_counter() - started


def _until_all(holds: Callable[[Beside], bool], beside: list[Beside]) -> None:
    """Return when it holds everywhere; a store is looked into when it changed, or in a second."""
    for each in beside:
        seen, again_at = -1, 0.0

        def holds_there(one: Beside = each) -> bool:
            nonlocal seen, again_at
            with one.node.store.read() as reading:
                before, seen = seen, reading.changes()
            if seen == before and time.monotonic() < again_at:
                return False
            again_at = time.monotonic() + 1
            return holds(one)

        _until(holds_there)


def _until(holds: Callable[[], bool]) -> None:
    """Return when it holds.

    Raises:
        RuntimeError: it does not hold after two minutes.
    """
    ends = time.monotonic() + _PATIENCE
    while not holds():
        if time.monotonic() > ends:
            raise RuntimeError("the nodes did not come to it in two minutes")
        time.sleep(0.05)
