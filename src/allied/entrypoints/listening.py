"""Where a server listens, and how it stops without leaving anybody unanswered.

A listening socket is made here, or handed over by whoever started the process, as systemd does
for a `.socket` unit. One that is handed over is held by several processes at once, and by who
handed it over: whoever calls while one of them stops is answered by another, or waits until
the next has started. Nobody is refused.

Stopping: nothing new is accepted; event streams end; whoever is connected and has not spoken yet is
listened to a little longer; who is being answered is answered, and hung up on.

Words used here:
    handed over     by the protocol of `sd_listen_fds`: LISTEN_PID names this process, LISTEN_FDS
                    says how many sockets there are, and the first is file 3
    last words      the time for which a connection that says nothing is still listened to
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

import uvicorn

from allied.entrypoints.wire import BoundedProtocol
from allied.errors import UsageError

if TYPE_CHECKING:
    from types import FrameType

FIRST: Final = 3
_LAST_WORDS_SECONDS: Final = 0.5
_LOOK_SECONDS: Final = 0.02
_WAITING: Final = 256
"""Connections that wait to be accepted."""


def listen(host: str, port: int) -> socket.socket:
    """A new listening socket.

    Raises:
        UsageError: `serve.address`.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_WAITING)
    except OSError as error:
        listener.close()
        raise UsageError(
            "serve.address",
            f"{host}:{port} cannot be listened on: it is taken, or not ours",
            hint="name another with --port or --host",
        ) from error
    return listener


def handed_over(environ: Mapping[str, str], *, first: int = FIRST) -> socket.socket | None:
    """The listening socket that this process was given; None when it was given none.

    Args:
        first: the number of the file that is handed over; the protocol has 3.

    Raises:
        UsageError: `serve.handed-over`, it is not one listening TCP socket.
    """
    if environ.get("LISTEN_PID") != str(os.getpid()):
        return None
    listener = None
    if environ.get("LISTEN_FDS") == "1":
        with suppress(OSError):
            listener = socket.socket(fileno=first)
    if (
        listener is None
        or listener.family not in {socket.AF_INET, socket.AF_INET6}
        or listener.type != socket.SOCK_STREAM
        or not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    ):
        if listener is not None:
            listener.detach()
        raise UsageError(
            "serve.handed-over",
            "what was handed over to listen on is not one listening TCP socket",
            hint="the .socket unit has one ListenStream=HOST:PORT and no Accept=",
        )
    listener.set_inheritable(False)
    listener.setblocking(False)
    return listener


class Server(uvicorn.Server):
    """A server that stops as this module says."""

    def __init__(self, config: uvicorn.Config, end_streams: Callable[[], None]) -> None:
        """Serve by `config`; `end_streams` ends event streams, from any thread."""
        super().__init__(config)
        self._end_streams = end_streams

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End streams as soon as it is told to stop."""
        self._end_streams()
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more, hear last words, answer, and end."""
        loop = asyncio.get_running_loop()
        for listener in sockets or []:
            with suppress(NotImplementedError):
                loop.remove_reader(listener.fileno())
        await asyncio.sleep(0)  # who was accepted a moment ago becomes a connection
        for server in self.servers:
            server.close()
        until = loop.time() + _LAST_WORDS_SECONDS
        while self.server_state.connections and loop.time() < until and not self.force_exit:
            for connection in list(self.server_state.connections):
                if isinstance(connection, BoundedProtocol) and connection.is_answering:
                    connection.shutdown()  # is answered, and then hung up on
            await asyncio.sleep(_LOOK_SECONDS)
        await super().shutdown(sockets)


@contextmanager
def told_to_stop(server: uvicorn.Server) -> Iterator[None]:
    """Let SIGTERM end the server and no more; what stands behind the block is still done.

    uvicorn raises the signal once more when it has stopped, and would end the process there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        server.should_exit = True

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
