"""The three serving processes: started, watched, started again, ended.

Each is a process of its own that only this module starts and ends, by its id. A thread
looks after them: one that died is started again on its port, sooner the longer it had
lived. When its port was taken meanwhile by somebody else, it moves to a free one, and the
story tells the others (`Server.moves` counts).

Rules. Nothing of the user's `ALLIED_...` environment reaches a child, so that the
demonstration is the same everywhere. A child ends when the demonstration ends, even if that
was killed (see `child`). Ctrl-C on the terminal reaches the demonstration only, which then
ends its children in order.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

HOST: Final = "127.0.0.1"
SYNC_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 0.1
_LONGEST_WAIT_SECONDS: Final = 2.0
_SETTLED_SECONDS: Final = 5.0
_MOVES_AFTER: Final = 3
_TERM_SECONDS: Final = 5.0
_CHILD: Final = "allied.entrypoints.cli.demo.child"


@dataclass(slots=True)
class Server:
    """One organisation's serving process.

    Attributes:
        admin: the port of its health and metrics.
        log: the file that gets what it writes.
        restarts: how often it was started again.
        moves: how often it got other ports.
    """

    label: str
    folder: Path
    log: Path
    passphrase_file: Path
    port: int
    admin: int
    restarts: int = 0
    moves: int = 0
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _started: float = 0.0
    _failures: int = 0
    _next_start: float = 0.0

    def start(self) -> None:
        """Start the process."""
        command = [
            *(sys.executable, "-m", _CHILD, "serve"),
            *("--data", str(self.folder)),
            *("--host", HOST),
            *("--port", str(self.port)),
            *("--admin", f"{HOST}:{self.admin}"),
            *("--passphrase-file", str(self.passphrase_file)),
        ]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=_environment(os.environ),
                start_new_session=True,
            )
        self._started = time.monotonic()

    def look_after(self) -> None:
        """Start the process again if it died and its time has come."""
        now = time.monotonic()
        process = self._process
        if process is None or process.poll() is None:
            return
        if not self._next_start:
            settled = now - self._started > _SETTLED_SECONDS
            self._failures = 1 if settled else self._failures + 1
            wait = min(_LONGEST_WAIT_SECONDS, 0.1 * 2 ** (self._failures - 1))
            self._next_start = now + wait
            return
        if now < self._next_start:
            return
        self._next_start = 0.0
        if self._failures >= _MOVES_AFTER and not (_is_free(self.port) and _is_free(self.admin)):
            self.port, self.admin = free_ports(2)
            self.moves += 1
        _close(process)
        self.start()
        self.restarts += 1

    def ask_to_stop(self) -> None:
        """Ask the process to stop; `see_it_stop` waits for it."""
        if self._process is not None:
            _close(self._process)
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()

    def see_it_stop(self, until: float) -> None:
        """Wait for the process until `until` (monotonic seconds), then kill it."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


class Servers:
    """All serving processes, and the thread that looks after them."""

    def __init__(self) -> None:
        self._servers: list[Server] = []
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="servers", daemon=True)

    def start(self, server: Server) -> None:
        """Start one, and look after it from now on."""
        with self._lock:
            server.start()
            self._servers.append(server)
            if not self._thread.is_alive():
                self._thread.start()

    @property
    def moves(self) -> int:
        """How often any of them got other ports."""
        return sum(server.moves for server in self._servers)

    @property
    def restarts(self) -> Mapping[str, int]:
        """How often each was started again, by label."""
        return {server.label: server.restarts for server in self._servers}

    def stop(self) -> None:
        """End all of them; returns when they have ended."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        for server in self._servers:
            server.ask_to_stop()
        until = time.monotonic() + _TERM_SECONDS
        for server in self._servers:
            server.see_it_stop(until)

    def _run(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            with self._lock:
                for server in self._servers:
                    with contextlib.suppress(OSError):  # no process, no log: tried again
                        server.look_after()


def free_ports(count: int, wanted: Sequence[int] = ()) -> list[int]:
    """Ports of the loopback address that nobody listens on: those wanted, else any."""
    held: list[socket.socket] = []
    ports: list[int] = []
    try:
        for number in range(count):
            first = wanted[number] if number < len(wanted) else 0
            taken = first if first and _is_free(first) and first not in ports else 0
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            held.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((HOST, taken))
            ports.append(listener.getsockname()[1])
    finally:
        for listener in held:
            listener.close()
    return ports


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child."""
    kept = {name: value for name, value in given.items() if not name.startswith("ALLIED_")}
    return {**kept, "ALLIED_SYNC_SECONDS": str(SYNC_SECONDS), "PYTHONUNBUFFERED": "1"}


def _close(process: subprocess.Popen[bytes]) -> None:
    """Close our end of the pipe that holds a child alive."""
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
