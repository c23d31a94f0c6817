"""`allied serve`: one process that answers browsers, tools and other nodes.

Beside the web server one thread keeps up with the peers: it pulls when a peer hints, when
something changed here (also by a command line verb in another process), and every
`sync_seconds`. Of several processes over one PostgreSQL database one does so, and another when
that one has ended. When it is quiet the same thread looks at which values new items name. Health
and metrics are served on the admin address only.

Rules: one serving process per SQLite folder (a lock that dies with the process); nothing is
signed on a database that is older than what was signed; stopping (`listening`) ends open streams
and leaves nothing half-written, because every use case is one unit.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING

import uvicorn
from fastapi import FastAPI

from allied.entrypoints import (
    admin as admin_pages,
    console,
    federation,
    feeds,
    logs,
    memory,
    rest,
    taxii,
)
from allied.entrypoints.giving_way import GivesWay
from allied.entrypoints.listening import Server, listen, told_to_stop
from allied.entrypoints.refused import Refused
from allied.entrypoints.rounds import Rounds
from allied.entrypoints.wire import BoundedProtocol
from allied.errors import AlliedError, UsageError
from allied.node import correlation, scrubbing, sync, telling, turns
from allied.node.answers import Answers

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from allied.node.fellows import Fellows
    from allied.node.node import Node
    from allied.node.ports import Keys
    from allied.record.ids import OrganisationId

_LOG = logging.getLogger("allied.serve")
_LOOK_SECONDS = 0.5
_STOP_SECONDS = 3
_BUSY_ROUNDS = 20
_SCRUBBED_EVERY = 10
_LOOKED_AT = 6_000
_CONNECTIONS = 1_000


class Keeper:
    """The thread that keeps up with the peers."""

    def __init__(
        self,
        node: Node,
        keys: Keys,
        wait: Callable[[float], bool],
        sync_seconds: float,
        fellows: Fellows,
    ) -> None:
        """Keep `node` up to date; `wait` sleeps and says whether something changed here."""
        self._node = node
        self._keys = keys
        self._wait = wait
        self._seconds = sync_seconds
        self._fellows = fellows
        self.keeps = False
        """Whether this process is the one that keeps up."""
        self._stopping = threading.Event()
        self._hint_came = threading.Event()
        self._left: list[OrganisationId] = []
        self._next_turn = node.clock.now()
        self._pace = timedelta(0)
        self._turns = turns.Turns()
        self._give_way = GivesWay(self._stopping.wait)
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def start(self) -> None:
        """Begin; the first round starts at once."""
        self._thread.start()

    def stop(self) -> None:
        """End after the step that is under way."""
        self._stopping.set()
        self._node.notifier.changed(None)
        self._thread.join(_STOP_SECONDS)

    def hinted(self, organisation: OrganisationId) -> None:
        """A peer has something new; called from other threads."""
        self._fellows.hint(organisation)
        self._hint_came.set()
        self._node.notifier.changed(None)

    def _run(self) -> None:
        next_round = self._node.clock.now()
        seen, before, scrubbed, rounds, looks, holds = -1, -1, -1, 0, 0, True
        while not self._stopping.is_set():
            try:
                self.keeps = self._fellows.is_keeper()
                if not self.keeps:
                    next_round, seen = self._node.clock.now(), -1  # at once if it becomes that
                    self._wait(_LOOK_SECONDS)
                    continue
                asked = self._pull_hinted()
                if not self._left and self._is_time(next_round):
                    self._left = self._turn()
                    self._next_turn, self._pace = self._node.clock.now(), self._spread(rounds)
                    next_round = self._after_a_while()
                    asked = True  # also where there is nobody to ask, time has passed
                asked = self._go_round() or asked
                with self._node.store.read() as reading:
                    changes = reading.changes()
                looks += 1
                if changes != scrubbed and looks % _SCRUBBED_EVERY == 0:
                    scrubbing.scrub(self._node)
                    scrubbed = changes
                now = self._node.clock.now()
                if changes != seen or asked:
                    sync.settle(self._node, self._keys, scrub=False)
                    sync.tell(self._node, self._keys)
                    seen = changes
                    rounds += 1
                elif telling.is_due(self._node, now):
                    sync.tell(self._node, self._keys)
                # Taking items in goes first; what they name is looked at when it is quiet.
                quiet = changes == before
                looked_at = 0
                if quiet or rounds % _BUSY_ROUNDS == 0:
                    looked_at = correlation.keep_up(self._node, _LOOKED_AT, pause=self._give_way)
                if quiet and holds:
                    memory.give_back()
                holds = not quiet or looked_at > 0
                before = changes
            except AlliedError as problem:
                _LOG.warning("keeping up failed: %s", problem.code)
                self._left.clear()
            except Exception:  # noqa: BLE001 - the keeper outlives whatever goes wrong once
                _LOG.exception("keeping up failed")
                self._left.clear()
            if not self._left or not self._is_time(self._next_turn):
                self._wait(_LOOK_SECONDS)

    def _pull_hinted(self) -> bool:
        """Ask everybody who hinted; what follows from all of it together is done once."""
        self._hint_came.clear()
        hinted = self._fellows.hinted()
        for organisation in hinted:
            if self._stopping.is_set():
                break  # they are asked in the first round after the next start
            now = self._node.clock.now()
            self._node.hearing.came(organisation, now)
            outcomes = sync.ask_all(self._node, self._keys, only=organisation, hinted=True)
            self._turns.came(organisation, now, whole=_are_whole(outcomes))
        return bool(hinted)

    def _ask(self, peer: OrganisationId) -> bool:
        """Ask a peer in its turn; False where it was not its time yet."""
        now = self._node.clock.now()
        outcomes = sync.ask_all(self._node, self._keys, only=peer, due_only=True)
        self._turns.asked(peer, now, whole=_are_whole(outcomes))
        return bool(outcomes)

    def _turn(self) -> list[OrganisationId]:
        with self._node.store.read() as reading:
            confirmed = [each.id for each in reading.peers() if each.confirmed_at is not None]
        now, every = self._node.clock.now(), timedelta(seconds=self._seconds)
        longest = turns.longest(self._node, now, every)
        return self._turns.of_round(confirmed, self._node.hearing.came_at, now, every, longest)

    def _go_round(self) -> bool:
        """Ask those whose turn has come in the round; who has hinted meanwhile goes first."""
        asked = False
        while self._left and self._is_time(self._next_turn) and not self._stopping.is_set():
            self._next_turn += self._pace
            was_time = self._ask(self._left.pop(0))
            asked = True
            if was_time and self._hint_came.is_set():
                break
        return asked

    def _spread(self, rounds: int) -> timedelta:
        """From one peer of a round to the next: many are spread over half of the time.

        What waits for a round is in no hurry, and what is hinted at must not wait for it. Whoever
        starts asks all at once.
        """
        if rounds == 0 or len(self._left) <= turns.FEW:
            return timedelta(0)
        return timedelta(seconds=self._seconds / 2 / len(self._left))

    def _is_time(self, moment: datetime) -> bool:
        """Whether a round is due; one that is far off was planned under a clock that was wrong."""
        left = (moment - self._node.clock.now()).total_seconds()
        return not 0 < left <= self._seconds * 2

    def _after_a_while(self) -> datetime:
        jitter = self._node.chance.token(1)[0] / 255
        return self._node.clock.now() + timedelta(seconds=self._seconds * (0.75 + jitter / 2))


def _are_whole(outcomes: Sequence[sync.Outcome]) -> bool:
    """Whether a peer was asked, and nothing was left open."""
    return bool(outcomes) and all(each.whole and not each.problem for each in outcomes)


def build(
    node: Node,
    answers: Answers,
    keys: Keys,
    free_bytes: Callable[[], int],
    refused: Refused | None = None,
) -> tuple[FastAPI, Callable[[], None]]:
    """The web application of one node: federation, TAXII, REST, feeds and console.

    Args:
        free_bytes: asks how much room the data folder has.
        refused: counts the questions of other nodes that are refused.

    Returns:
        The application, and what ends its open streams so that it can stop at once.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.router.routes.extend(federation.routes(answers, refused=refused))
    taxii.mount(app, node, keys)
    rest.mount(app, node, keys, free_bytes)
    feeds.mount(app, node, keys)
    return app, console.mount(app, node).end


@dataclass(frozen=True, slots=True)
class Listening:
    """Where and how one process serves.

    Attributes:
        admin: HOST:PORT for health and metrics, or an empty string.
        sync_seconds: how often peers are asked without any hint, on average.
        stop_seconds: how long requests under way may take once it is told to stop.
        handed_over: the socket to listen on, in place of host and port.
    """

    host: str
    port: int
    admin: str
    log_level: str
    log_format: str
    sync_seconds: float
    stop_seconds: float = _STOP_SECONDS
    handed_over: socket.socket | None = None


def run(
    node: Node,
    keys: Keys,
    listening: Listening,
    wait: Callable[[float], bool],
    free_bytes: Callable[[], int],
    fellows: Fellows,
) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        fellows: the other processes that serve the same node.
        wait: sleeps at most so long and says whether something changed in this process.
        free_bytes: asks how much room the data folder has.

    Raises:
        UsageError: `serve.address`, `serve.admin`.
    """
    logs.configure(listening.log_level, listening.log_format)
    memory.use_few_pools()
    listener = listening.handed_over or listen(listening.host, listening.port)
    keeper = Keeper(node, keys, wait, listening.sync_seconds, fellows)
    rounds = Rounds(node, keys, lambda: keeper.keeps)
    answers = Answers(node, keys, keeper.hinted, fellows)
    refused = Refused()
    app, end_streams = build(node, answers, keys, free_bytes, refused)
    server = Server(_config(taxii.ahead(app), listening.stop_seconds), end_streams)
    memory.keep_what_stays()
    with _admin(node, listening.admin, answers, refused):
        keeper.start()
        rounds.start()
        host, port = listener.getsockname()[:2]
        _LOG.info("serving on http://%s:%d", host, port)
        try:
            with told_to_stop(server):
                server.run(sockets=[listener])
        finally:
            rounds.stop()
            keeper.stop()
            fellows.close()


def _config(app: ASGIApp, stop_seconds: float = _STOP_SECONDS) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        http=BoundedProtocol,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=ceil(stop_seconds),
        timeout_keep_alive=30,
        proxy_headers=False,
        ws="none",
    )


@contextmanager
def _admin(node: Node, address: str, answers: Answers, refused: Refused) -> Iterator[None]:
    """Serve health and metrics on their own address, while the block runs."""
    if not address:
        yield
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise UsageError("serve.admin", "--admin takes HOST:PORT")
    listener = listen(host.strip("[]"), int(port))
    server = uvicorn.Server(_config(admin_pages.build(node, answers.answered, refused.counts)))
    thread = threading.Thread(
        target=lambda: server.run(sockets=[listener]), name="admin", daemon=True
    )
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(_STOP_SECONDS)
