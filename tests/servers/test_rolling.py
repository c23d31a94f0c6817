"""Servers that are restarted one after the other, while everybody goes on asking: nobody is failed.

The listening socket is held by the test, as systemd holds one, and handed over to each server.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path
from typing import Self

import pytest

from allied.bootstrap import open_node
from allied.entrypoints.listening import handed_over
from allied.errors import UsageError
from allied.node import people
from allied.node.node import hosted
from tests import postgres
from tests.cli.shell import allied, bundle, found, indicator, pact, surroundings
from tests.servers.serving import PATIENCE, Listening, Server, until

STIX = "application/stix+json;version=2.1"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        made.listen(256)
        yield made


class Asking:
    """Threads that ask without a pause, each its own way; what went wrong."""

    def __init__(self, port: int, token: str) -> None:
        self.port = port
        self.answered = 0
        self.stored = 0
        self.failed: list[str] = []
        self._token = token
        self._numbers = count(1)
        self._over = threading.Event()
        ways = (self._look, self._look, self._share, self._look_again_and_again)
        self._threads = [threading.Thread(target=self._go_on, args=(way,)) for way in ways]

    def __enter__(self) -> Self:
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._over.set()
        for each in self._threads:
            each.join()

    def _go_on(self, way: Callable[[], None]) -> None:
        while not self._over.is_set():
            try:
                way()
            except (OSError, HTTPException) as error:
                self.failed.append(f"{way.__name__}: {error!r}")
            time.sleep(0.005)

    def _asked(self, connection: HTTPConnection, path: str, body: bytes | None = None) -> bool:
        """Whether the connection goes on after the answer."""
        headers = {"authorization": f"Bearer {self._token}", "content-type": STIX}
        connection.request("GET" if body is None else "POST", f"/api/v1{path}", body, headers)
        answer = connection.getresponse()
        said = answer.read()
        if answer.status not in {200, 201}:
            self.failed.append(f"{answer.status} {said!r}")
        self.answered += 1
        return connection.sock is not None

    def _look(self) -> None:
        """A connection of its own for each request."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            self._asked(connection, "/items?limit=10")
        finally:
            connection.close()

    def _share(self) -> None:
        """The same for what must not be sent twice."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            raw = bundle(indicator(next(self._numbers)))
            self._asked(connection, "/shares?agreement=river-harbour", raw)
            self.stored += 1
        finally:
            connection.close()

    def _look_again_and_again(self) -> None:
        """One connection for many requests, as long as the server lets it stay."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            while self._asked(connection, "/agreements") and not self._over.is_set():
                time.sleep(0.005)
        finally:
            connection.close()


def founded(root: Path, *more: str) -> tuple[Path, str, str]:
    """A node of River and Harbour with their pact; a token, and a session of the console."""
    folder = root / "node"
    found(folder, "river", "River Bank plc", *more)
    here = ("--data", folder)
    second = ("--id", "harbour", "--name", "Harbour Logistics SA", "--person", "lee")
    assert allied("organisation", "add", *second, *here).status == 0
    (root / "pact.yaml").write_text(pact())
    assert allied("agreement", "propose", root / "pact.yaml", "-o", "river", *here).status == 0
    for party in ("river", "harbour"):
        assert allied("agreement", "sign", "river-harbour", "-o", party, *here).status == 0
    with surroundings({}):
        node = open_node(folder)
    with node.store.read() as reading:
        river = hosted(reading, "river")
    token = people.new_token(node, river, role="analyst").bearer
    session, _ = people.log_in(node, people.link(node, river, "kim").secret)
    node.close()
    return folder, token, session.secret


def test_servers_are_restarted_one_by_one_and_no_request_fails(
    tmp_path: Path, postgres_server: postgres.Server, listener: socket.socket
) -> None:
    port = listener.getsockname()[1]
    with postgres_server.database() as address:
        folder, token, session = founded(tmp_path, "--database", address)
        numbers = count(1)

        def server() -> Server:
            log = tmp_path / f"{next(numbers)}.log"
            return Server(folder, log, port, listener=listener).__enter__()

        running = [server(), server()]
        try:
            for each in running:
                each.answers()
            page = Listening(running[0], session)
            with Asking(port, token) as asking:
                until("it is asked", lambda: asking.answered > 20)
                for which in range(2):
                    running[which].process.terminate()
                    assert running[which].process.wait(PATIENCE) == 0, running[which].said()
                    so_far = asking.answered
                    running[which] = server().answers()
                    until("the others are answered", lambda n=so_far: asking.answered > n + 20)  # type: ignore[misc]
            page.close()  # its server has ended it, whichever that was
            assert asking.failed == []
            assert asking.stored > 5
            status, items = running[0].ask("/items?limit=1000", token)
            assert (status, len(items["items"])) == (200, asking.stored)
            for log in tmp_path.glob("*.log"):
                assert "Traceback" not in log.read_text(), log.read_text()
        finally:
            for each in running:
                each.__exit__(None, None, None)


@pytest.mark.soak
def test_one_server_over_a_file_is_restarted_and_callers_wait(
    tmp_path: Path, listener: socket.socket
) -> None:
    folder, token, _ = founded(tmp_path)
    port = listener.getsockname()[1]
    with Server(folder, tmp_path / "first", port, listener=listener) as first:
        first.answers()
        with Asking(port, token) as asking:
            until("it is asked", lambda: asking.answered > 10)
            first.process.terminate()
            assert first.process.wait(PATIENCE) == 0, first.said()
            so_far = asking.answered
            with Server(folder, tmp_path / "second", port, listener=listener) as second:
                until("they are answered", lambda: asking.answered > so_far + 10)
                asking.__exit__()
                assert asking.failed == []
                assert "Traceback" not in first.said() + second.said()


@pytest.mark.parametrize(
    ("kind", "environment", "is_taken"),
    [
        pytest.param("listening", {}, True, id="a listening socket"),
        pytest.param("listening", {"LISTEN_PID": "1"}, None, id="for another process"),
        pytest.param("listening", {"LISTEN_FDS": "2"}, False, id="two of them"),
        pytest.param("idle", {}, False, id="a socket that does not listen"),
        pytest.param("connected", {}, False, id="a connection"),
        pytest.param("file", {}, False, id="a file"),
        pytest.param("nothing", {}, False, id="nothing"),
    ],
)
def test_only_one_listening_socket_is_taken_over(
    tmp_path: Path,
    listener: socket.socket,
    kind: str,
    environment: dict[str, str],
    is_taken: bool | None,
) -> None:
    given = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"} | environment
    with (
        socket.socket() as idle,
        socket.create_connection(listener.getsockname()) as connected,
        (tmp_path / "file").open("wb") as file,
    ):
        files = {
            "listening": listener.fileno(),
            "idle": idle.fileno(),
            "connected": connected.fileno(),
            "file": file.fileno(),
        }
        number = files.get(kind, 1_000)
        if is_taken is None:
            assert handed_over(given, first=number) is None
        elif is_taken:
            taken = handed_over(given, first=os.dup(number))
            assert taken is not None
            assert taken.getsockname() == listener.getsockname()
            taken.close()
        else:
            with pytest.raises(UsageError) as refusal:
                handed_over(given, first=number)
            assert refusal.value.code == "serve.handed-over"
            if number in files.values():
                os.fstat(number)  # it is left open: it is not ours
