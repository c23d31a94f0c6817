"""`allied serve` as a process of the tests' own, and what can be asked of it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.cli.shell import PASSPHRASE

PATIENCE = 60.0
ROOT = Path(__file__).parents[2]
SERVES = "serving on http://"
KEEPS_UP = "keeps up with the peers now"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(what: str, look: Callable[[], Any], *, seconds: float = PATIENCE) -> Any:
    """Look until there is something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not in time: {what}")


HAND_OVER = """\
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


def handing_over(listener: socket.socket | None) -> tuple[str, ...]:
    """How Python is started with a socket to listen on, as systemd would start it."""
    if listener is None:
        return (sys.executable,)
    return (sys.executable, "-I", "-S", "-c", HAND_OVER, str(listener.fileno()))


@dataclass
class Server:
    """One serving process over a data folder, ended with the block."""

    folder: Path
    log: Path
    port: int = field(default_factory=free_port)
    passphrase: str = PASSPHRASE
    days: int = 0
    """How far its clock is off."""
    listener: socket.socket | None = None
    """Handed over to listen on, as systemd would; the port is its port."""
    process: subprocess.Popen[bytes] = field(init=False)

    def __enter__(self) -> Self:
        kept = {name: value for name, value in os.environ.items() if name[:7] != "ALLIED_"}
        program = ("-m", "tests.servers.clockwork", str(self.days)) if self.days else (
            "-m", "allied",
        )  # fmt: skip
        if self.listener is not None:
            kept |= {"LISTEN_FDS": "1"}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *handing_over(self.listener),
                    *program,
                    "serve",
                    *("--data", str(self.folder), "--port", str(self.port)),
                ],
                cwd=ROOT,
                env=kept | {"ALLIED_PASSPHRASE": self.passphrase, "ALLIED_SYNC_SECONDS": "2"},
                pass_fds=() if self.listener is None else (self.listener.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def answers(self) -> Self:
        """Wait until it listens."""

        def listens() -> bool:
            assert self.process.poll() is None, self.said()
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0

        if self.listener is not None:  # it always does; who accepts is another matter
            until("it serves", lambda: self.process.poll() is not None or SERVES in self.said())
        until("it listens", listens)
        return self

    def said(self) -> str:
        """What it has logged."""
        return self.log.read_text()

    def keeps_up(self) -> bool:
        """Whether it ever was the one that keeps up."""
        return KEEPS_UP in self.said()

    def kill(self) -> None:
        """Kill it with no chance to tidy up."""
        self.process.kill()
        self.process.wait()

    def ask(
        self, path: str, token: str, body: object = None, kind: str = "application/json"
    ) -> tuple[int, Any]:
        """Status and JSON of an answer under `/api/v1`; a body makes it a POST."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
            connection.request(
                "GET" if body is None else "POST",
                f"/api/v1{path}",
                raw,
                {"authorization": f"Bearer {token}", "content-type": kind},
            )
            answer = connection.getresponse()
            said = answer.read()
            try:
                return answer.status, json.loads(said or b"null")
            except ValueError:
                return answer.status, said
        finally:
            connection.close()


class Listening:
    """The live stream of a server's console, read by a thread until it is closed."""

    def __init__(self, server: Server, session: str) -> None:
        self.heard: list[str] = []
        self._socket = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
        self._socket.sendall(
            f"GET /events HTTP/1.1\r\nhost: 127.0.0.1:{server.port}\r\n"
            f"cookie: allied-session-{server.port}={session}\r\n\r\n".encode()
        )
        self._lines = self._socket.makefile("rb")
        assert b" 200 " in self._lines.readline()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            for line in self._lines:
                if line.startswith(b"data: "):
                    self.heard.append(line[6:].decode().strip())

    @property
    def changes(self) -> int:
        """How often it was told that something changed."""
        return self.heard.count("changed")

    def close(self) -> None:
        with contextlib.suppress(OSError):  # its server may have been killed
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._lines.close()
        self._socket.close()
