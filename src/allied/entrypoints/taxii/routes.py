"""Which path under `/taxii2/` means what; a plain ASGI application, no models on the way.

    /taxii2/                                              discovery
    /taxii2/<agreement or all>/                           API root
    .../collections/                                      its collections
    .../collections/<id or alias>/                        one collection
    .../collections/<id or alias>/objects/                objects, page by page
    .../collections/<id or alias>/objects/<id>/           one object
    .../collections/<id or alias>/objects/<id>/versions/  its versions
    .../collections/<id or alias>/manifest/               what there is, without the objects

Rules. First the token, before anything is said about paths; then the path, where unknown and
forbidden are the same 404; then method, media type and parameters. A slash at the end may be
missing and is never asked for by a redirect, which would lose the credentials. Use cases run
in threads, a bounded number at a time. Logs carry codes, never credentials or contents.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread
from starlette.routing import Route

from allied.entrypoints.taxii import answering, asking
from allied.entrypoints.taxii.answering import Answer
from allied.entrypoints.tokens import token_shown
from allied.errors import AlliedError
from allied.node import roles
from allied.node.browsing import EVERY, LAST, Question, Versions, unknown
from allied.node.collections import Collections

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import Receive, Scope, Send

    from allied.node.node import Node
    from allied.node.rows import Token

PREFIX: Final = "/taxii2"

_LOG: Final = logging.getLogger("allied.taxii")
_THREADS: Final = 8
_PIECE: Final = 256 * 1024
_LONGEST_PATH: Final = 1024
_READS: Final = ("GET", "HEAD")


def mount(app: FastAPI, node: Node) -> None:
    """Put the TAXII routes of a node on its web application."""
    taxii = _Taxii(node)
    below = Route(PREFIX + "/{rest:path}", taxii)
    # Any path below is ours, also one with an escaped line break in it.
    below.path_regex = re.compile(below.path_regex.pattern, re.DOTALL)
    app.router.routes.extend([Route(PREFIX, taxii), below])


class _Taxii:
    """The ASGI application behind every path under the prefix."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._collections = Collections(node)
        self._desks: anyio.CapacityLimiter | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Answer one request; its body is not read."""
        if self._desks is None:
            self._desks = anyio.CapacityLimiter(_THREADS)
        answer = await anyio.to_thread.run_sync(self._answer, scope, limiter=self._desks)
        await _send(send, answer, scope["method"])

    def _answer(self, scope: Scope) -> Answer:
        try:
            token = token_shown(self._node, scope["headers"])
            if token is None:
                return answering.unauthorised()
            roles.require(token.role, roles.ITEMS_READ)
            return self._routed(token, scope)
        except AlliedError as problem:
            _LOG.info("refused: %s", problem.code)
            return answering.refusal(problem)
        except Exception as problem:  # noqa: BLE001 - the client is told that, nothing of what
            place = problem.__traceback__
            while place is not None and place.tb_next is not None:
                place = place.tb_next
            where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else ""
            _LOG.error("failed: %s at %s", type(problem).__name__, where)
            return answering.failed()

    def _routed(self, token: Token, scope: Scope) -> Answer:
        path = str(scope["path_params"].get("rest", ""))
        parts = path.removesuffix("/").split("/") if path not in ("", "/") else []
        if len(path) > _LONGEST_PATH:
            raise unknown()
        work = self._work(token, parts, scope["query_string"])
        if scope["method"] not in _READS:
            return self._not_read(token, parts)
        accepted = [value for name, value in scope["headers"] if name == b"accept"]
        accept = b",".join(accepted).decode("latin-1") if accepted else None
        if not asking.accepts_taxii(accept):
            return answering.not_acceptable()
        return work()

    def _work(self, token: Token, parts: Sequence[str], query: bytes) -> Callable[[], Answer]:
        """What a path asks for, to be done once the request is found to be in order.

        Raises:
            NotFoundError: there is no such path, root or collection for this token.
        """
        match parts:
            case []:
                return lambda: answering.discovery(PREFIX, self._collections.roots(token))
            case [root]:
                found = self._collections.root(token, root)
                return lambda: answering.api_root(found)
            case [root, "collections"]:
                found = self._collections.root(token, root)
                return lambda: answering.collections(found)
            case [root, "collections", name]:
                one = self._collections.collection(token, root, name)
                return lambda: answering.collection(one)
            case [root, "collections", name, ("objects" | "manifest") as what]:
                return lambda: self._many(token, root, name, what, query)
            case [root, "collections", name, "objects", item]:
                return lambda: self._one(token, root, name, item, query)
            case [root, "collections", name, "objects", item, "versions"]:
                return lambda: self._versions(token, root, name, item, query)
            case _:
                raise unknown()

    def _not_read(self, token: Token, parts: Sequence[str]) -> Answer:
        """The refusal of everything that is no reading."""
        if len(parts) > 2:
            self._collections.collection(token, parts[0], parts[2])
        writes = len(parts) > 3 and parts[3] == "objects"
        return answering.read_only() if writes else answering.method_not_allowed()

    def _many(self, token: Token, root: str, name: str, what: str, query: bytes) -> Answer:
        question = _question(query, asking.OF_COLLECTION, LAST)
        bodies = what == "objects"
        page = self._collections.page(token, root, name, question, bodies=bodies)
        return answering.objects(page) if bodies else answering.manifest(page)

    def _one(self, token: Token, root: str, name: str, item: str, query: bytes) -> Answer:
        question = _question(query, asking.OF_OBJECT, LAST)
        page = self._collections.versions(token, root, name, item, question, bodies=True)
        return answering.objects(page)

    def _versions(self, token: Token, root: str, name: str, item: str, query: bytes) -> Answer:
        question = _question(query, asking.OF_VERSIONS, EVERY)
        page = self._collections.versions(token, root, name, item, question, bodies=False)
        return answering.versions(page)


def _question(query: bytes, known: frozenset[str], versions: Versions) -> Question:
    return asking.question(asking.parameters(query, known), versions=versions)


async def _send(send: Send, answer: Answer, method: str) -> None:
    """Send an answer, in pieces so that a slow reader does not hold all of it twice."""
    headers = [
        ("content-type", answering.MEDIA_TYPE),
        ("content-length", str(len(answer.body))),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("vary", "authorization, accept"),
        *answer.headers,
    ]
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": [(name.encode(), value.encode()) for name, value in headers],
        }
    )
    rest = memoryview(b"" if method == "HEAD" else answer.body)
    while len(rest) > _PIECE:
        piece, rest = bytes(rest[:_PIECE]), rest[_PIECE:]
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": bytes(rest)})
