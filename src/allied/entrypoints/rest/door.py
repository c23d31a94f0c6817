"""Who gets in at `/api/v1/`: credentials, bounds, headers, and what is public.

Rules. First the token, before anything is said about paths: without a valid one every path
but the public ones is the same 401. A request that a browser sends for the page of another
site is refused, and no page of another site is ever allowed to read an answer. Paths,
queries, the number of one token's questions at once and the time that they take are
bounded. A failure of ours is answered with a code; the log gets its place and not its
words. Logs carry ids and codes, never credentials or contents.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import anyio
import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.routing import Route

from allied.entrypoints.rest.refusals import (
    MethodError,
    TooManyError,
    no_such_path,
    no_token,
    status_of,
)
from allied.entrypoints.rest.visit import JSON, VISIT, Visit
from allied.entrypoints.statuses import as_json
from allied.entrypoints.tokens import token_shown
from allied.errors import AlliedError, NotAuthorisedError, UsageError
from allied.node.collections import Collections
from allied.node.sight import Sight

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from allied.node.node import Node
    from allied.node.ports import Keys

PREFIX: Final = "/api/v1"

_LOG: Final = logging.getLogger("allied.rest")
_LONGEST_PATH: Final = 1024
_LONGEST_QUERY: Final = 8 * 1024
_AT_ONCE: Final = 8
_SECONDS: Final = 600.0
_READS: Final = ("GET", "HEAD")
_HEADERS: Final = (
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("vary", "authorization"),
    ("x-content-type-options", "nosniff"),
)
_PAGE_POLICY: Final = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class Public:
    """Something that anybody may read: it says what the program is, and nothing of a node."""

    media: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Behind:
    """What stands behind a door: the routes, and by path what is public."""

    api: ASGIApp
    public: Mapping[str, Public]


class Door:
    """The ASGI application at every path under the prefix."""

    def __init__(
        self,
        node: Node,
        keys: Keys,
        free_bytes: Callable[[], int],
        make: Callable[[], Behind],
    ) -> None:
        """Stand before what `make` gives; it is called when somebody comes for the first time.

        Shapes, document and pages take a moment and some memory, which a node that nobody
        asks over REST does without.
        """
        self._node = node
        self._keys = keys
        self._free_bytes = free_bytes
        self._make = make
        self._behind: Behind | None = None
        self._collections = Collections(node)
        self._busy: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = "/" + str(scope["path_params"].get("rest", "")).removesuffix("/")
        answering = _Answering(send)
        try:
            with anyio.move_on_after(_SECONDS):
                behind = self._behind
                if behind is None:
                    behind = await run_in_threadpool(self._made)
                if path in behind.public:
                    await _show(answering, scope["method"], behind.public[path])
                else:
                    await self._admit(behind.api, path, scope, receive, answering)
        except AlliedError as refusal:
            _LOG.info("refused: %s", refusal.code)
            await _refuse(answering, refusal)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - the caller is told that, and not what
            place = error.__traceback__
            while place is not None and place.tb_next is not None:
                place = place.tb_next
            where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else ""
            _LOG.error("failed: %s at %s", type(error).__name__, where)

    def _made(self) -> Behind:
        """What stands behind; made twice at worst, by two who come first at once."""
        behind = self._behind or self._make()
        self._behind = behind
        return behind

    async def _admit(
        self, api: ASGIApp, path: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Let a request through to the routes, with the visit that it makes."""
        token = await run_in_threadpool(token_shown, self._node, scope["headers"])
        if token is None:
            raise no_token()
        _require_own_page(scope)
        if len(path) > _LONGEST_PATH:
            raise no_such_path()
        if len(scope["query_string"]) > _LONGEST_QUERY:
            raise UsageError("rest.query", f"a query has at most {_LONGEST_QUERY} bytes")
        visit = Visit(Sight(self._node, self._collections, token), self._keys, self._free_bytes)
        if self._busy[token.id] >= _AT_ONCE:
            raise TooManyError(
                "rest.too-many-requests",
                f"this token asks more than {_AT_ONCE} questions at once",
                hint="wait for an answer, or use a token for each tool",
            )
        self._busy[token.id] += 1
        try:
            inner = {**scope, "path": path, "root_path": "", "path_params": {}, VISIT: visit}
            inner.pop("router", None)
            await api(inner, receive, send)
        finally:
            self._busy[token.id] -= 1
            if not self._busy[token.id]:
                del self._busy[token.id]


def routes_of(door: Door) -> list[Route]:
    """The routes of a door: the prefix itself, and whatever stands below it."""
    below = Route(PREFIX + "/{rest:path}", door)
    # Any path below is ours, also one with an escaped line break in it.
    below.path_regex = re.compile(below.path_regex.pattern, re.DOTALL)
    return [Route(PREFIX, door), below]


class _Answering:
    """Sends an answer with the headers that every answer has."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            given = {name.lower() for name, _ in message.get("headers", ())}
            more = [
                (name.encode(), value.encode())
                for name, value in _HEADERS
                if name.encode() not in given
            ]
            message = {**message, "headers": [*message.get("headers", ()), *more]}
        await self._send(message)


def _require_own_page(scope: Scope) -> None:
    """Return unless a browser says that the page of another site asks.

    A browser that was once given a token as HTTP Basic shows it by itself from then on; the
    page of another site must not make it act with it.

    Raises:
        NotAuthorisedError: `request.other-origin`.
    """
    said = {name: value.decode("latin-1") for name, value in scope["headers"]}
    host = said.get(b"host", "")
    origin = said.get(b"origin", f"https://{host}")
    own = origin in (f"http://{host}", f"https://{host}")
    if not own or said.get(b"sec-fetch-site", "none") not in ("none", "same-origin"):
        raise NotAuthorisedError(
            "request.other-origin", "this request comes from the page of another site"
        )


async def _show(send: _Answering, method: str, shown: Public) -> None:
    if method not in _READS:
        raise MethodError(
            "rest.method", "this path is not for this method", facts={"methods": list(_READS)}
        )
    body = b"" if method == "HEAD" else shown.body
    headers = [("content-length", str(len(shown.body)))]
    if shown.media.startswith("text/html"):
        headers.append(("content-security-policy", _PAGE_POLICY))
    await _send(send, 200, shown.media, body, headers)


async def _refuse(send: _Answering, refusal: AlliedError) -> None:
    if send.started:
        return
    status = status_of(refusal)
    headers = [("connection", "close")]  # whatever else was sent is not waited for
    if status == 401:
        headers.append(("www-authenticate", 'Basic realm="allied", charset="UTF-8"'))
        headers.append(("www-authenticate", 'Bearer realm="allied"'))
    if status == 405:
        headers.append(("allow", ", ".join(_READS)))
    body = orjson.dumps(as_json(refusal))
    headers.append(("content-length", str(len(body))))
    await _send(send, status, JSON, body, headers)


async def _send(
    send: _Answering, status: int, media: str, body: bytes, headers: list[tuple[str, str]]
) -> None:
    found: list[Any] = [("content-type", media), *headers]
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(name.encode(), value.encode()) for name, value in found],
        }
    )
    await send({"type": "http.response.body", "body": body})
