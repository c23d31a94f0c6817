"""A server that is told to stop ends open streams and half-open connections, and then itself."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path

import pytest

from allied.bootstrap import open_node
from allied.node import people
from allied.node.node import hosted
from tests.cli.shell import found
from tests.servers.serving import Listening, Server, until

LONGEST = 15.0
"""Seconds; a stop takes three at most, on a machine that is idle."""


@pytest.fixture
def river(tmp_path: Path) -> Path:
    folder = tmp_path / "river"
    found(folder, "river", "River Bank plc")
    return folder


def session_of(folder: Path) -> str:
    node = open_node(folder)
    try:
        with node.store.read() as reading:
            organisation = hosted(reading)
        session, _ = people.log_in(node, people.link(node, organisation, "kim").secret)
        return session.secret
    finally:
        node.close()


def connected(server: Server, sent: bytes) -> socket.socket:
    """A connection on which so much was said, and no more."""
    made = socket.create_connection(("127.0.0.1", server.port), LONGEST)
    made.sendall(sent)
    return made


IDLE = {
    "nothing was said": b"",
    "half a head": b"GET /status HTTP/1.1\r\nhost: x\r\n",
    "a body that does not come": (
        b"POST /federation/v1/heads HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n"
    ),
}


@pytest.mark.parametrize(
    ("number", "status"),
    [
        pytest.param(signal.SIGTERM, 0, id="by a supervisor"),
        pytest.param(signal.SIGINT, 130, id="by Ctrl-C"),
    ],
)
def test_streams_and_idle_connections_end_with_the_server(
    river: Path, number: signal.Signals, status: int
) -> None:
    session = session_of(river)
    with Server(river, river.with_name("log")) as server:
        server.answers()
        pages = [Listening(server, session) for _ in range(3)]
        idle = [connected(server, sent) for sent in IDLE.values()]
        kept = connected(server, b"GET /login HTTP/1.1\r\nhost: x\r\n\r\n")
        assert kept.recv(16).startswith(b"HTTP/1.1 ")  # answered, and kept open
        until("the streams are live", lambda: all(page.heard for page in pages))

        began = time.monotonic()
        server.process.send_signal(number)
        assert server.process.wait(LONGEST) == status, server.said()
        assert time.monotonic() - began < LONGEST
        assert "Traceback" not in server.said()
        for page in pages:
            page.close()  # its reader has come to the end, or this hangs
        for each in (*idle, kept):
            rest = b"".join(iter(lambda one=each: one.recv(65_536), b""))  # type: ignore[misc]
            assert not rest or b" 200 " not in rest[:20] or each is kept
            each.close()
        with pytest.raises(ConnectionRefusedError):
            connected(server, b"")
    with Server(river, river.with_name("log-2")) as again:  # the twin: nothing is left behind
        again.answers()


def test_a_stream_is_told_its_end_and_not_cut(river: Path) -> None:
    session = session_of(river)
    with Server(river, river.with_name("log")) as server:
        server.answers()
        cookie = f"cookie: allied-session-{server.port}={session}".encode()
        host = f"host: 127.0.0.1:{server.port}".encode()
        stream = connected(
            server, b"GET /events HTTP/1.1\r\n" + host + b"\r\n" + cookie + b"\r\n\r\n"
        )
        assert b" 200 " in stream.recv(4_096)
        server.process.terminate()
        heard = b"".join(iter(lambda: stream.recv(65_536), b""))
        stream.close()
        assert heard.endswith(b"0\r\n\r\n"), "the last chunk says that it is the last"
        assert server.process.wait(LONGEST) == 0
