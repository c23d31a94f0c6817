"""Which path under `/taxii2/` means what; a plain ASGI application, no models on the way.

    /taxii2/                                              discovery
    /taxii2/<agreement or all>/                           API root
    .../status/<id>/                                      what became of an addition
    .../collections/                                      its collections
    .../collections/<id or alias>/                        one collection
    .../collections/<id or alias>/objects/                objects, page by page; POST adds
    .../collections/<id or alias>/objects/<id>/           one object; DELETE takes it away
    .../collections/<id or alias>/objects/<id>/versions/  its versions
    .../collections/<id or alias>/manifest/               what there is, without the objects

Words used here:
    at once   in the thread of the event loop: a question to the store that takes less than
              handing it to another thread and back would

Rules. First the token, before anything is said about paths; then the path, where unknown and
forbidden are the same 404; then method, media type and parameters. A slash at the end may be
missing and is never asked for by a redirect, which would lose the credentials. One request
is one snapshot of the store. What may take long runs in threads, a bounded number at a time.
Logs carry codes, never credentials or contents.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread
from starlette.routing import Route

from allied.entrypoints.taxii import adding, answering, asking, cursors, removing
from allied.entrypoints.taxii.answering import Answer
from allied.entrypoints.tokens import shown
from allied.errors import AlliedError, MalformedError
from allied.node import roles
from allied.node.admission import Admission
from allied.node.browsing import EVERY, LAST, Question, Versions, unknown
from allied.node.collections import ALL, Collection, Collections
from allied.node.sight import Sight

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp, Receive, Scope, Send

    from allied.entrypoints.taxii.cursors import Cursors
    from allied.node.node import Node
    from allied.node.ports import Keys, Reading
    from allied.node.rows import Token

PREFIX: Final = "/taxii2"

_BELOW: Final = PREFIX + "/"

_LOG: Final = logging.getLogger("allied.taxii")
_THREADS: Final = 8
_LONGEST_PATH: Final = 1024
_READS: Final = ("GET", "HEAD")
_AT_ONCE: Final = 1_000
"""Objects on a page that is made at once: some milliseconds at most."""

_ALWAYS: Final = (
    (b"content-type", answering.MEDIA_TYPE.encode()),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"vary", b"authorization, accept"),
)


class _TakesLongerError(Exception):
    """Inside this module: not to be answered in the thread of the event loop."""


def mount(app: FastAPI, node: Node, keys: Keys | None = None) -> None:
    """Put the TAXII routes of a node on its web application.

    Args:
        keys: sign what is added; without them collections are only read.
    """
    taxii = _Taxii(node, keys)
    below = Route(PREFIX + "/{rest:path}", taxii)
    # Any path below is ours, also one with an escaped line break in it.
    below.path_regex = re.compile(below.path_regex.pattern, re.DOTALL)
    app.router.routes[:0] = [below, Route(PREFIX, taxii)]
    app.state.taxii = taxii


def ahead(app: FastAPI) -> ASGIApp:
    """The application with the TAXII routes in front of everything that the framework does.

    What the framework's own layers add to a request costs as much as an empty poll, and none
    of it concerns these routes: they answer whatever happens, failures included.
    """
    taxii: ASGIApp = app.state.taxii

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        if path.startswith(_BELOW):
            scope["path_params"] = {"rest": path[len(_BELOW) :]}
            await taxii(scope, receive, send)
        else:
            await app(scope, receive, send)

    return answer


@dataclass(frozen=True, slots=True)
class _Asked:
    """One request whose token was found valid, in one snapshot."""

    reading: Reading
    token: Token
    parts: tuple[str, ...]
    query: bytes
    at_once: bool

    def may_take_longer(self) -> None:
        """Leave the thread of the event loop, if this is it."""
        if self.at_once:
            raise _TakesLongerError


class _Taxii:
    """The ASGI application behind every path under the prefix."""

    def __init__(self, node: Node, keys: Keys | None) -> None:
        self._node = node
        self._keys = keys
        self._collections = Collections(node)
        self._admission = Admission(node)
        self._desks: anyio.CapacityLimiter | None = None
        self._cursors: Cursors | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            answer = self._answer(scope, at_once=True)
        except _TakesLongerError:
            if self._desks is None:
                self._desks = anyio.CapacityLimiter(_THREADS)
            work = self._answer if scope["method"] in _READS else self._admit
            found = await anyio.to_thread.run_sync(work, scope, limiter=self._desks)
            answer = found if isinstance(found, Answer) else await self._take(found, receive)
        await _send(send, answer, scope["method"])

    def _answer(self, scope: Scope, *, at_once: bool = False) -> Answer:
        """The answer to a request that reads.

        Raises:
            _TakesLongerError: `at_once` was asked for and does not do.
        """
        try:
            with self._node.store.read() as reading:
                asked = self._asked(reading, scope, at_once=at_once)
                if asked is None:
                    return answering.unauthorised()
                work = self._work(asked)
                if scope["method"] not in _READS:
                    asked.may_take_longer()
                    return answering.method_not_allowed(", ".join(_READS))
                if not asking.accepts_taxii(_header(scope, b"accept")):
                    return answering.not_acceptable()
                return work()
        except _TakesLongerError:
            raise
        except Exception as problem:  # noqa: BLE001 - the client is told that, nothing of what
            return _refused(problem)

    def _asked(self, reading: Reading, scope: Scope, *, at_once: bool) -> _Asked | None:
        """The request, if it shows a valid token whose role may read here."""
        offered = shown(scope["headers"])
        if offered is None:
            return None
        token = self._admission.token_of(reading, offered.token, offered.secret)
        if token is None:
            return None
        roles.require(token.role, roles.ITEMS_READ)
        if at_once and not self._collections.is_known(reading, token):
            raise _TakesLongerError
        path = str(scope["path_params"].get("rest", ""))
        parts = path.removesuffix("/").split("/") if path not in ("", "/") else []
        if len(path) > _LONGEST_PATH:
            raise unknown()
        return _Asked(reading, token, tuple(parts), scope["query_string"], at_once)

    # --- reading ------------------------------------------------------------------------

    def _work(self, asked: _Asked) -> Callable[[], Answer]:
        """What a path asks for, to be done once the request is found to be in order.

        Raises:
            NotFoundError: there is no such path, root or collection for this token.
        """
        desk, reading, token = self._collections, asked.reading, asked.token
        match asked.parts:
            case ():
                return lambda: answering.discovery(PREFIX, desk.roots(reading, token))
            case (root,):
                found = desk.root(reading, token, root)
                return lambda: answering.api_root(found)
            case (root, "status", status):
                desk.root(reading, token, root)
                kept = reading.status(status)
                if kept is None or (kept.root, kept.organisation) != (root, token.organisation):
                    raise unknown()
                if kept.expires_at <= self._node.clock.now():
                    raise unknown()
                raw = kept.raw
                return lambda: answering.status(raw)
            case (root, "collections"):
                found = desk.root(reading, token, root)
                return lambda: answering.collections(
                    found, lambda one: self._is_writable(token, root, one)
                )
            case (root, "collections", name):
                one = desk.collection(reading, token, root, name)
                writable = self._is_writable(token, root, one)
                return lambda: answering.collection(one, writable=writable)
            case (root, "collections", name, ("objects" | "manifest") as what):
                one = desk.collection(reading, token, root, name)
                return lambda: self._many(asked, root, one, what)
            case (root, "collections", name, "objects", item):
                one = desk.collection(reading, token, root, name)
                return lambda: self._one(asked, root, one, item)
            case (root, "collections", name, "objects", item, "versions"):
                one = desk.collection(reading, token, root, name)
                return lambda: self._versions(asked, root, one, item)
            case _:
                raise unknown()

    def _many(self, asked: _Asked, root: str, one: Collection, what: str) -> Answer:
        question, of = self._question(asked, one, asking.OF_COLLECTION, LAST, what)
        if what == "manifest" or question.limit > _AT_ONCE or question.types is not None:
            asked.may_take_longer()
        if what == "objects":
            found = self._collections.objects(asked.reading, asked.token, root, one.id, question)
            return answering.objects(found, self._next(found.next, of))
        page = self._collections.page(
            asked.reading, asked.token, root, one.id, question, bodies=False
        )
        return answering.manifest(page, self._next(page.next, of))

    def _one(self, asked: _Asked, root: str, one: Collection, item: str) -> Answer:
        question, of = self._question(asked, one, asking.OF_OBJECT, LAST, item)
        found = self._collections.objects(asked.reading, asked.token, root, one.id, question, item)
        if not found.count and question.versions.at:
            self._collections.require_not_gone(
                asked.reading, asked.token, root, one.id, item, question.versions.at
            )
        return answering.objects(found, self._next(found.next, of))

    def _versions(self, asked: _Asked, root: str, one: Collection, item: str) -> Answer:
        question, of = self._question(asked, one, asking.OF_VERSIONS, EVERY, f"{item}/versions")
        page = self._collections.page(
            asked.reading, asked.token, root, one.id, question, item, bodies=False
        )
        return answering.versions(page, self._next(page.next, of))

    def _question(
        self,
        asked: _Asked,
        one: Collection,
        known: frozenset[str],
        versions: Versions,
        what: str,
    ) -> tuple[Question, bytes]:
        """What the parameters ask for, and the list that it is about."""
        found = asking.parameters(asked.query, known)
        token = asked.token
        rights = (token.organisation, token.ceiling, token.agreements)
        of = cursors.list_of(rights, one.id, what, asking.filters(found))
        after = 0
        if found.get("next"):
            after = self._known_cursors(asked).decode(found["next"], of)
        question = asking.question(found, after=after, versions=versions)
        if self._cursors is None:
            self._known_cursors(asked)
        return question, of

    def _known_cursors(self, asked: _Asked) -> Cursors:
        if self._cursors is None:
            asked.may_take_longer()
            self._cursors = cursors.kept(asked.reading) or cursors.made(self._node)
        return self._cursors

    def _next(self, number: int | None, of: bytes) -> str | None:
        if number is None or self._cursors is None:
            return None
        return self._cursors.encode(number, of)

    # --- writing ------------------------------------------------------------------------

    def _is_writable(self, token: Token, root: str, one: Collection) -> bool:
        """Whether the token may add to a collection: the one of everything, of one agreement."""
        return (
            self._keys is not None
            and root != ALL
            and one.tlp is None
            and roles.permits(token.role, roles.ITEMS_SHARE)
        )

    def _admit(self, scope: Scope) -> Answer | _Writing:
        """What a request that writes is about; the answer at once where it is refused."""
        try:
            with self._node.store.read() as reading:
                asked = self._asked(reading, scope, at_once=False)
                if asked is None:
                    return answering.unauthorised()
                return self._writing(asked, scope)
        except Exception as problem:  # noqa: BLE001 - as in `_answer`
            return _refused(problem)

    def _writing(self, asked: _Asked, scope: Scope) -> Answer | _Writing:
        self._work(asked)  # what is not there is not there for writing either
        match asked.parts, scope["method"]:
            case (root, "collections", name, "objects"), "POST":
                item = ""
            case (root, "collections", name, "objects", item), "DELETE":
                pass
            case (_, "collections", _, "objects"), _:
                return answering.method_not_allowed("GET, HEAD, POST")
            case (_, "collections", _, "objects", _), _:
                return answering.method_not_allowed("GET, HEAD, DELETE")
            case _:
                return answering.method_not_allowed(", ".join(_READS))
        one = self._collections.collection(asked.reading, asked.token, root, name)
        roles.require(asked.token.role, roles.ITEMS_SHARE)
        if self._keys is None or not self._is_writable(asked.token, root, one):
            return answering.read_only()
        if not asking.accepts_taxii(_header(scope, b"accept")):
            return answering.not_acceptable()
        if not item:
            asking.parameters(asked.query, frozenset())
            encoding = _header(scope, b"content-encoding") or "identity"
            if encoding != "identity" or not asking.takes_content(_header(scope, b"content-type")):
                return answering.not_read()
        return _Writing(
            self._node, self._collections, self._keys, asked.token, asked.query, root, item, scope
        )

    async def _take(self, writing: _Writing, receive: Receive) -> Answer:
        """Read what is posted, and carry out what writes."""
        try:
            body = b"" if writing.item else await adding.read(writing.scope, receive)
            return await anyio.to_thread.run_sync(writing.answer, body, limiter=self._desks)
        except adding.TooLargeError:
            return _closing(answering.too_large())
        except TimeoutError:
            return _closing(answering.too_slow())
        except MalformedError as problem:
            return _closing(answering.refusal(problem, 400))


@dataclass(frozen=True, slots=True)
class _Writing:
    """One request that adds to a collection, or takes an object away."""

    node: Node
    collections: Collections
    keys: Keys
    token: Token
    query: bytes
    root: str
    item: str
    scope: Scope

    def answer(self, body: bytes) -> Answer:
        """Do it."""
        try:
            sight = Sight(self.node, self.collections, self.token)
            if self.item:
                found = asking.parameters(self.query, asking.OF_DELETED)
                question = asking.question(found, versions=EVERY)
                removing.remove(sight, self.keys, self.collections, self.root, self.item, question)
                return answering.deleted()
            try:
                envelope = adding.opened(body)
            except adding.TooManyError:
                return answering.too_many()
            except MalformedError as problem:
                return answering.refusal(problem, 400)
            return answering.accepted(adding.add(sight, self.keys, self.root, envelope))
        except Exception as problem:  # noqa: BLE001 - as in `_answer`
            return _refused(problem)


def _refused(problem: Exception) -> Answer:
    """How a refusal is said; of a failure of ours no more than that."""
    if isinstance(problem, AlliedError):
        _LOG.info("refused: %s", problem.code)
        return answering.refusal(problem)
    place = problem.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else ""
    _LOG.error("failed: %s at %s", type(problem).__name__, where)
    return answering.failed()


def _header(scope: Scope, name: bytes) -> str | None:
    """A header as text, its lines put together; None when it is not there."""
    found = [value for each, value in scope["headers"] if each == name]
    return b",".join(found).decode("latin-1") if found else None


def _closing(answer: Answer) -> Answer:
    """The same answer, after which the rest of the request is not waited for."""
    answer.headers.append((b"connection", b"close"))
    return answer


async def _send(send: Send, answer: Answer, method: str) -> None:
    """Send an answer, piece by piece, nothing of it copied."""
    length = (b"content-length", str(answer.size).encode())
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": [*_ALWAYS, length, *answer.headers],
        }
    )
    *before, last = answer.pieces if answer.pieces and method != "HEAD" else (b"",)
    for piece in before:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": last})
