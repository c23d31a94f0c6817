"""Real servers on loopback for the tests: honest nodes, and whatever else may answer."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from allied.adapters import hpke
from allied.adapters.outgoing import Outgoing
from allied.adapters.peers import HttpPeers
from allied.entrypoints.federation import Limits, routes
from allied.errors import NotFoundError, UnverifiedError
from allied.node.ports import Introduction, Listener, Speaker
from allied.record.canonical import digest
from allied.record.ids import KeyId, OrganisationId
from allied.record.keys import PrivateKey, PublicKey

Answer = Callable[[OrganisationId, OrganisationId, str, bytes], bytes]
QUICK = Limits(floor_seconds=0.01, body_seconds=0.4)


@dataclass(frozen=True)
class House:
    """An organisation with one transport key, reduced to what a connection needs."""

    name: str
    alg: str = "ed25519"

    @property
    def key(self) -> PrivateKey:
        return PrivateKey.from_seed(self.alg, bytes.fromhex(digest(self.name.encode())))

    @property
    def seal_key(self) -> PrivateKey:
        return PrivateKey.from_seed("x25519", bytes.fromhex(digest(b"seal " + self.name.encode())))

    @property
    def id(self) -> OrganisationId:
        return OrganisationId(digest(b"organisation " + self.name.encode()))

    @property
    def keys(self) -> Mapping[KeyId, PublicKey]:
        return {self.key.public.key_id: self.key.public}

    def speaker(self) -> Speaker:
        return Speaker(self.id, self.key)

    def listener(self, url: str, *, allowed_private: bool = True) -> Listener:
        return Listener(self.id, url, self.keys, self.seal_key.public, allowed_private)


RIVER = House("river")
HARBOUR = House("harbour", alg="p256")
NORTHGATE = House("northgate")
STRANGER = House("stranger")


@dataclass
class Clock:
    """The real clock, wrong by `ahead`."""

    ahead: timedelta = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Counting:
    """Chance that never repeats itself and can be foreseen."""

    drawn: int = 0

    def token(self, size: int) -> bytes:
        self.drawn += 1
        return self.drawn.to_bytes(size, "big")


def echo(caller: OrganisationId, addressee: OrganisationId, path: str, body: bytes) -> bytes:
    return b" ".join([caller[:4].encode(), addressee[:4].encode(), path.encode(), body])


@dataclass
class Home(Clock):
    """What a node answers: `hosts` live here, `confirmed` are its peers."""

    hosts: Sequence[House] = (HARBOUR,)
    confirmed: Sequence[House] = (RIVER,)
    says: Answer = echo
    asked: list[tuple[str, bytes]] = field(default_factory=list)
    elsewhere: set[tuple[OrganisationId, str]] = field(default_factory=set)

    def hosted(self) -> Sequence[Introduction]:
        return [Introduction((house.name.encode(), b"\x00\xff")) for house in self.hosts]

    def listener_keys(self, organisation: OrganisationId) -> Mapping[KeyId, PublicKey] | None:
        return next((one.keys for one in self.confirmed if one.id == organisation), None)

    def is_first(self, caller: OrganisationId, nonce: str, expires: int, now: float) -> bool:
        assert expires > now
        asked = (caller, nonce)
        was = asked in self.elsewhere
        self.elsewhere.add(asked)
        return not was

    def signer(self, organisation: OrganisationId) -> PrivateKey:
        for house in self.hosts:
            if house.id == organisation:
                return house.key
        raise NotFoundError("organisation.unknown", "nobody here goes by that name")

    def seal(self, to: PublicKey, plain: bytes, context: bytes) -> bytes:
        return hpke.seal(to, plain, context)

    def unseal(
        self, organisation: OrganisationId, key: KeyId, sealed: bytes, context: bytes
    ) -> bytes | None:
        for house in self.hosts:
            if house.id == organisation and house.seal_key.public.key_id == key:
                return hpke.unseal(house.seal_key, sealed, context)
        raise UnverifiedError("sealing.other-key", "that is sealed to another key")

    def answer(
        self, caller: OrganisationId, addressee: OrganisationId, path: str, body: bytes
    ) -> bytes:
        self.asked.append((path, body))
        return self.says(caller, addressee, path, body)


def application(home: Home, limits: Limits = QUICK, **more: Any) -> ASGIApp:
    return Starlette(routes=routes(home, limits=limits, **more))


@contextlib.contextmanager
def serving(
    app: ASGIApp,
    *,
    tls: tuple[Path, Path] | None = None,
    http: type[asyncio.Protocol] | None = None,
) -> Iterator[str]:
    """Serve `app` on a free port of 127.0.0.1 until the block ends; yields its URL."""
    # asyncio turns Nagle's algorithm off only where the protocol is named; else 40 ms an answer
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen(64)
    config = uvicorn.Config(
        app,
        loop="asyncio",
        http=http or "auto",
        lifespan="off",
        ws="none",
        log_config=None,
        timeout_graceful_shutdown=1,
        ssl_certfile=tls[0] if tls else None,
        ssl_keyfile=tls[1] if tls else None,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.005)
            assert thread.is_alive()
        yield f"{'https' if tls else 'http'}://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(5)
        listening.close()
        assert not thread.is_alive()


@contextlib.contextmanager
def talking(talk: Callable[[socket.socket, threading.Event], None]) -> Iterator[str]:
    """A server that is no node: `talk` has each connection, and an event that says stop."""
    stop = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(0.02)
    threads: list[threading.Thread] = []

    def one(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(2)
            talk(connection, stop)

    def accept() -> None:
        while not stop.is_set():
            try:
                connection, _ = listening.accept()
            except TimeoutError:
                continue
            thread = threading.Thread(target=one, args=(connection,))
            threads.append(thread)
            thread.start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        stop.set()
        accepting.join(5)
        for thread in threads:
            thread.join(5)
        listening.close()


def saying(raw: bytes) -> Callable[[socket.socket, threading.Event], None]:
    """Answer `raw`, whatever is asked, and hang up."""

    def talk(connection: socket.socket, stop: threading.Event) -> None:
        connection.recv(65_536)
        connection.sendall(raw)

    return talk


@dataclass
class Between:
    """Somebody on the way: sees each request, and may change each answer."""

    app: ASGIApp
    change: Callable[[int, list[Any], bytes], tuple[int, list[Any], bytes]] = lambda s, h, b: (
        s,
        h,
        b,
    )
    seen: list[tuple[str, list[tuple[bytes, bytes]], bytes]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = bytearray()
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        self.seen.append((scope["path"], list(scope["headers"]), bytes(body)))
        sent: list[Message] = [{"type": "http.request", "body": bytes(body)}]
        said: list[Message] = []

        async def forward() -> Message:
            return sent.pop() if sent else {"type": "http.disconnect"}

        async def collect(message: Message) -> None:
            said.append(message)

        await self.app(scope, forward, collect)
        content = b"".join(message.get("body", b"") for message in said[1:])
        headers = [pair for pair in said[0]["headers"] if pair[0] != b"content-length"]
        status, headers, content = self.change(said[0]["status"], headers, content)
        headers.append((b"content-length", str(len(content)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})


@contextlib.contextmanager
def peers(clock: Clock | None = None, *, seconds: float = 5.0, **more: Any) -> Iterator[HttpPeers]:
    """The client side, as River's node has it."""
    outgoing = Outgoing(**more)
    try:
        yield HttpPeers(outgoing, clock or Clock(), Counting(), seconds=seconds)
    finally:
        outgoing.close()
