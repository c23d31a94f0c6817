"""What other nodes are answered over HTTP, and how little strangers learn.

This is the edge: it reads signed requests (`allied.wire`), lets use cases answer them and
signs what they say. What a caller may know is decided by `Answers`, never here.

Words used here:
    stranger    whoever is not proved to be a confirmed peer asking a hosted organisation
    caller      a confirmed peer, proved by its signature
    sealed      a question that nobody on the way can read, nor its answer (`allied.wire.sealed`)

Rules. A stranger gets one answer whatever is wrong: 404, unsigned, the same few bytes, not
earlier than `Limits.floor_seconds`; no byte of its body is read, since the signature is over
the headers. A caller gets signed answers, its refusals carry a code and nothing else; what
it may not know is the stranger's 404. Whoever asks sealed is answered sealed, refusals too as
soon as the question is open. In clear is answered only what comes from this very machine and
was forwarded by nobody. Bodies are bounded while they are read, in size and
in time, and so are the number of a caller's questions at once and the time that it takes to
fetch an answer. Use cases run in threads, a bounded number at a time. Logs carry ids and
codes.
"""

from __future__ import annotations

import ipaddress
import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol, TypeVar

import anyio
import anyio.to_thread
from starlette.requests import ClientDisconnect
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from allied.entrypoints.refused import Refused
from allied.entrypoints.statuses import http_status
from allied.errors import (
    AlliedError,
    MalformedError,
    NotAuthorisedError,
    NotFoundError,
    UnverifiedError,
    UsageError,
)
from allied.node.messages import QUESTION_LIMITS
from allied.node.ports import Introduction
from allied.node.seals import Seals
from allied.record.ids import KeyId, OrganisationId
from allied.record.keys import ED25519, X25519, PrivateKey, PublicKey, Signer
from allied.wire import paths
from allied.wire.freshness import Freshness, Nonces
from allied.wire.messages import WRONG_TIME, Refusal, encode_identities
from allied.wire.sealed import (
    HEAD,
    NOT_SEALED,
    OTHER_BYTES,
    OTHER_KEY,
    Bound,
    SealedQuestion,
)
from allied.wire.signatures import METHOD, SignedRequest, read_request, sign_answer

_T = TypeVar("_T")

_LOG: Final = logging.getLogger("allied.federation")
_CHUNK: Final = 256 * 1024
_UNIFORM: Final = b"Not Found"
_REPLAYED: Final = "peer.replayed"
_FORWARDED: Final = (
    b"forwarded", b"via", b"x-forwarded-", b"x-real-ip", b"x-client-ip", b"true-client-ip",
    b"cf-connecting-ip", b"x-envoy-",
)  # fmt: skip
"""How the headers begin that proxies write into a request that they pass on."""
_WAKES_EARLY: Final = 0.005
"""Seconds by which sleeping may end too soon."""


class Answers(Seals, Protocol):
    """What use cases say to other nodes; blocking, called from several threads.

    What is sealed to us is sealed to hosted organisations.
    """

    def hosted(self) -> Sequence[Introduction]:
        """Whom this node hosts, for everybody to know."""
        ...

    def listener_keys(self, organisation: OrganisationId, /) -> Mapping[KeyId, PublicKey] | None:
        """The transport keys of a confirmed peer; None for everybody else."""
        ...

    def signer(self, organisation: OrganisationId, /) -> Signer:
        """The transport key of a hosted organisation; NotFoundError for everybody else."""
        ...

    def now(self) -> datetime:
        """The present, aware, in UTC."""
        ...

    def is_first(self, caller: OrganisationId, nonce: str, expires: int, now: float, /) -> bool:
        """Use up the nonce of a request; False if a process beside this one answered it."""
        ...

    def answer(
        self, caller: OrganisationId, addressee: OrganisationId, verb: str, question: bytes, /
    ) -> bytes:
        """The answer to a question of `allied.node.messages`.

        Raises:
            NotFoundError: the caller may not know that there is such a thing.
            AlliedError: its code is all that the caller learns.
        """
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how much at once.

    Attributes:
        floor_seconds: no stranger is answered earlier, so that the time tells nothing.
        body_seconds: how long a body may take to arrive.
        answer_seconds: how long a caller may take to fetch its answer.
        per_caller: questions of one caller at once.
        threads: use cases at once.
    """

    floor_seconds: float = 0.025
    body_seconds: float = paths.BODY_SECONDS
    answer_seconds: float = 120.0
    per_caller: int = 8
    threads: int = 8


def routes(
    answers: Answers,
    *,
    limits: Limits = Limits(),
    steady: Callable[[], float] = time.monotonic,
    refused: Refused | None = None,
) -> list[Route]:
    """The routes under `/federation/v1`; build them once, when the process starts to listen.

    Args:
        answers: the use cases.
        limits: for tests and large sites.
        steady: seconds that only ever grow.
        refused: counts what is refused; of strangers only how many there were.
    """
    door = _Federation(answers, limits, steady, refused or Refused())
    return [Route(f"{paths.PREFIX}/{{verb}}", door)]


@dataclass(frozen=True, slots=True)
class _Caller:
    """A proved request and the key to answer it with."""

    request: SignedRequest
    signer: Signer


@dataclass(frozen=True, slots=True)
class _Said:
    """The answer to a caller; `sealed` says that the body is."""

    status: int
    body: bytes
    sealed: bool = False


class _StrangerError(Exception):
    """Whoever asks gets the uniform answer; why is for the operator alone."""

    def __init__(self, code: str = "peer.stranger") -> None:
        super().__init__(code)
        self.code = code


class _RefusedError(Exception):
    """The caller gets a signed refusal."""

    def __init__(self, status: int, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.status = status
        self.refusal = refusal


@dataclass(slots=True)
class _Federation:
    """The ASGI application behind every path under the prefix."""

    answers: Answers
    limits: Limits
    steady: Callable[[], float]
    refused: Refused
    _started: float = 0.0
    _behind: float = 0.0
    _nonces: Nonces = field(init=False)
    _decoy: PublicKey = field(init=False)
    _busy: Counter[OrganisationId] = field(default_factory=Counter)
    _doors: anyio.CapacityLimiter | None = None
    _desks: anyio.CapacityLimiter | None = None

    def __post_init__(self) -> None:
        """Start the clock that requests are held against."""
        self._started = self.answers.now().timestamp()
        self._behind = self._started - self.steady()
        self._nonces = Nonces(self._started)
        self._decoy = PrivateKey.from_seed(ED25519, bytes(32)).public

    def now(self) -> float:
        """Seconds since 1970, counted on from the start; see `allied.wire.freshness`."""
        return self._behind + self.steady()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        arrived = self.steady()
        try:
            if scope["method"] == "GET" and scope["path_params"]["verb"] == paths.IDENTITIES:
                body = await self._at_a_door(self._introduce)
                await _send(send, 200, body, [("content-type", "application/json")])
                return
            await self._question(scope, receive, send)
        except _StrangerError as stranger:
            self.refused.add(stranger.code)
            await anyio.sleep(max(0.0, arrived + self.limits.floor_seconds - self.steady()))
            await _send(
                send,
                404,
                _UNIFORM,
                [("content-type", "text/plain; charset=utf-8"), ("connection", "close")],
            )
        except ClientDisconnect:
            return

    def _introduce(self) -> bytes:
        return encode_identities([one.descriptors for one in self.answers.hosted()])

    async def _question(self, scope: Scope, receive: Receive, send: Send) -> None:
        verb = scope["path_params"]["verb"]
        if scope["method"] != METHOD or scope["query_string"] or verb not in QUESTION_LIMITS:
            raise _StrangerError
        caller = await self._at_a_door(self._prove, verb, scope["headers"])
        who = caller.request.sender
        try:
            self._busy[who] += 1
            said = await self._attend(caller, verb, scope, receive)
        except _RefusedError as refused:
            self.refused.add(refused.refusal.code)
            said = _Said(refused.status, refused.refusal.encode())
        finally:
            self._busy[who] -= 1
            if not self._busy[who]:
                del self._busy[who]
        headers = await self._at_a_desk(self._sign, caller, said)
        if said.status in {408, 413, 429}:  # the rest of the body is not waited for
            headers.append(("connection", "close"))
        with anyio.move_on_after(self.limits.answer_seconds):
            await _send(send, said.status, said.body, headers)

    def _prove(self, verb: str, headers: Sequence[tuple[bytes, bytes]]) -> _Caller:
        """The caller, if it is one. A stranger costs as much as a caller, as far as possible."""
        try:
            request = read_request(headers, paths.path(verb))
        except MalformedError as error:
            raise _StrangerError from error
        keys = self.answers.listener_keys(request.sender) or {}
        try:
            signer = self.answers.signer(request.recipient)
        except (NotFoundError, NotAuthorisedError):
            signer = None
        key = keys.get(request.key)
        holds = request.signed_by(key or self._decoy)
        if key is None or signer is None or not holds:
            raise _StrangerError
        return _Caller(request, signer)

    async def _attend(self, caller: _Caller, verb: str, scope: Scope, receive: Receive) -> _Said:
        """The answer to a proved caller."""
        request = caller.request
        if self._busy[request.sender] > self.limits.per_caller:
            raise _RefusedError(429, Refusal("peer.too-many-requests"))
        now = self.now()
        fresh = self._nonces.admit(
            request.sender,
            request.nonce,
            created=request.created,
            expires=request.expires,
            now=now,
        )
        if fresh is Freshness.REPLAYED:
            _LOG.warning("replayed request of %s", request.sender)
            raise _StrangerError(_REPLAYED)
        if fresh is Freshness.TOO_MANY:
            raise _RefusedError(429, Refusal("peer.too-many-requests"))
        limit = QUESTION_LIMITS[verb] + (HEAD if request.sealed else 0)
        body = await self._body(scope, receive, limit)
        if not request.carries(body):
            raise _StrangerError("peer.other-body")
        if not request.sealed and not _is_from_here(scope):
            raise _RefusedError(400, Refusal(NOT_SEALED))
        if fresh is Freshness.WRONG_TIME:
            early = self._nonces.ready - self.now()
            if early > 0:
                await anyio.sleep(early + _WAKES_EARLY)
            raise _RefusedError(400, Refusal(WRONG_TIME, math.floor(self.now() * 1000)))
        if request.sealed:
            return await self._at_a_desk(self._answer_sealed, request, verb, body, now)
        return _Said(200, await self._at_a_desk(self._answer, request, verb, body, now))

    async def _body(self, scope: Scope, receive: Receive, limit: int) -> bytes:
        """The request's body, bounded in size and in time."""
        too_large = _RefusedError(413, Refusal("peer.too-large"))
        for name, value in scope["headers"]:
            if name == b"content-length" and (not value.isdigit() or int(value[:15]) > limit):
                raise too_large
        body = bytearray()
        try:
            with anyio.fail_after(self.limits.body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientDisconnect
                    body += message.get("body", b"")
                    if len(body) > limit:
                        raise too_large
                    if not message.get("more_body", False):
                        return bytes(body)
        except TimeoutError as error:
            raise _RefusedError(408, Refusal("peer.too-slow")) from error

    def _answer_sealed(self, request: SignedRequest, verb: str, body: bytes, now: float) -> _Said:
        bound = Bound(request.sender, request.recipient, paths.path(verb), request.nonce)
        try:
            asked = SealedQuestion.decode(body)
            reply = PublicKey(X25519, asked.reply)
            context = bound.question(asked.reply)
            question = self.answers.unseal(request.recipient, asked.key, asked.sealed, context)
        except MalformedError as error:
            raise _RefusedError(400, Refusal(OTHER_BYTES)) from error
        except (NotAuthorisedError, UnverifiedError) as error:
            raise _RefusedError(400, Refusal(OTHER_KEY)) from error
        if question is None:
            raise _RefusedError(400, Refusal(OTHER_BYTES))
        try:
            status, answer = 200, self._answer(request, verb, question, now)
        except _RefusedError as refused:
            self.refused.add(refused.refusal.code)
            status, answer = refused.status, refused.refusal.encode()
        try:
            return _Said(status, self.answers.seal(reply, answer, bound.answer(status)), True)
        except UsageError as error:  # a point of small order
            raise _RefusedError(400, Refusal(OTHER_BYTES)) from error

    def _answer(self, request: SignedRequest, verb: str, body: bytes, now: float) -> bytes:
        whose = (request.sender, request.nonce, request.expires)
        try:
            if self.answers.is_first(*whose, now):
                return self.answers.answer(request.sender, request.recipient, verb, body)
        except NotFoundError as error:
            raise _StrangerError(error.code) from error
        except AlliedError as error:
            _LOG.info("refused %s to %s: %s", verb, request.sender, error.code)
            raise _RefusedError(http_status(error), Refusal(error.code)) from error
        except Exception as error:  # the caller is told that, and nothing of what
            place = error.__traceback__
            while place is not None and place.tb_next is not None:
                place = place.tb_next
            where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else ""
            _LOG.error(
                "failed to answer %s to %s: %s at %s, request %s",
                verb,
                request.sender,
                type(error).__name__,
                where,
                request.nonce,
            )
            raise _RefusedError(500, Refusal("peer.internal")) from error
        _LOG.warning("request of %s replayed at another process", request.sender)
        raise _StrangerError(_REPLAYED)

    def _sign(self, caller: _Caller, said: _Said) -> list[tuple[str, str]]:
        return [
            ("content-type", "application/octet-stream"),
            *sign_answer(
                caller.signer,
                said.status,
                said.body,
                answerer=caller.request.recipient,
                caller=caller.request.sender,
                nonce=caller.request.nonce,
                created=math.floor(self.now()),
                sealed=said.sealed,
            ),
        ]

    async def _at_a_door(self, work: Callable[..., _T], *arguments: object) -> _T:
        """Run `work` in a thread; strangers are seen here, so that they never fill the desks."""
        if self._doors is None:
            self._doors = anyio.CapacityLimiter(self.limits.threads)
        return await anyio.to_thread.run_sync(work, *arguments, limiter=self._doors)

    async def _at_a_desk(self, work: Callable[..., _T], *arguments: object) -> _T:
        """Run `work` for a proved caller in a thread."""
        if self._desks is None:
            self._desks = anyio.CapacityLimiter(self.limits.threads)
        return await anyio.to_thread.run_sync(work, *arguments, limiter=self._desks)


def _is_from_here(scope: Scope) -> bool:
    """Whether a request comes from this very machine, as far as can be seen."""
    client = scope.get("client")
    if client is None or any(name.startswith(_FORWARDED) for name, _ in scope["headers"]):
        return False
    try:
        address = ipaddress.ip_address(client[0])
    except ValueError:
        return False
    wrapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (wrapped or address).is_loopback


async def _send(send: Send, status: int, body: bytes, headers: Sequence[tuple[str, str]]) -> None:
    """Send an answer, in pieces so that a slow reader does not hold all of it twice."""
    always = [
        ("content-length", str(len(body))),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
    ]
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(name.encode(), value.encode()) for name, value in (*always, *headers)],
        }
    )
    rest = memoryview(body)
    while len(rest) > _CHUNK:
        piece, rest = bytes(rest[:_CHUNK]), rest[_CHUNK:]
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": bytes(rest)})
