"""The pages of the console: one table of paths, and what each demands of a visitor.

Default is refusal. A path without an entry does not exist; an entry that demands more than
a visitor's role grants is answered with the way to the login page. What a session may not
see does not exist for it (404), whether or not it exists for somebody else on this node.

Words used here:
    visit       one request with the session behind it
    demand      what a page asks of a visitor: nothing, or a permission
    fragment    the content of a page without what is around it, for a page that is open
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Match, Route

from allied.entrypoints.console import cases, door, pages, proposals
from allied.entrypoints.console.assets import Assets, load
from allied.entrypoints.console.live import MOST_STREAMS, Streams
from allied.entrypoints.console.pages import Visit
from allied.entrypoints.console.showing import Templates, templates
from allied.entrypoints.statuses import http_status
from allied.errors import AlliedError, ExhaustedError, NotAuthorisedError
from allied.node import people, roles

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.types import Scope

    from allied.node.node import Node

_LOG: Final = logging.getLogger("allied.console")
_YEAR: Final = "public, max-age=31536000, immutable"

NOTHING: Final = "nothing"
READ: Final = roles.PAGES_READ
"""What a page demands is a permission of `node.roles`, or nothing."""


@dataclass(frozen=True, slots=True)
class Page:
    """One path: how it is asked for, what it demands, and who answers."""

    path: str
    method: str
    demands: str
    answer: Callable[[Visit], Response]


TABLE: Final = (
    Page("/", "GET", READ, pages.overview),
    Page("/agreements/{id}", "GET", READ, pages.agreement),
    Page("/items", "GET", READ, pages.items),
    Page("/items/{seq}", "GET", READ, pages.item),
    Page("/incidents", "GET", READ, cases.incidents),
    Page("/incidents/{id}", "GET", READ, cases.incident),
    Page("/incidents/{id}/report", "GET", READ, cases.report),
    Page("/proposals", "GET", READ, proposals.proposals),
    Page("/proposals/{id}", "GET", READ, proposals.proposal),
    Page("/login", "GET", NOTHING, pages.how_to_log_in),
    Page("/login/{secret}", "GET", NOTHING, pages.login),
    Page("/login/{secret}", "POST", NOTHING, pages.log_in),
    Page("/logout", "POST", READ, pages.log_out),
)
STREAM: Final = "/events"
STATIC: Final = "/static/{name}"
NOWHERE: Final = Page("/{path:path}", "GET", READ, pages.nowhere)
"""Every other path, for the browser of somebody who has logged in; see `_Nowhere`."""


@dataclass(frozen=True, slots=True)
class Console:
    """The console of one process: its node, its files, its open streams."""

    node: Node
    assets: Assets
    templates: Templates
    streams: Streams

    def end(self) -> None:
        """Let open pages go, so that the process can stop; they say that they are not live."""
        self.streams.end()

    def routes(self) -> list[Route]:
        """Every path of the console."""
        found = [
            Route(page.path, self._answering(page), methods=[page.method], name=page.path)
            for page in TABLE
        ]
        found.append(Route(STREAM, self._stream, methods=["GET"], name=STREAM))
        found.append(Route(STATIC, self._static, methods=["GET"], name=STATIC))
        found.append(_Nowhere(NOWHERE.path, self._answering(NOWHERE), methods=["GET"]))
        return found

    def _answering(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                response = await self._answer(page, request)
            except ClientDisconnect:
                raise
            except Exception as error:  # noqa: BLE001 - the visitor is told that, and not what
                response = await run_in_threadpool(self._refusal, page, request, error)
            return _guarded(response)

        return answer

    async def _answer(self, page: Page, request: Request) -> Response:
        body = b""
        if page.method != "GET":
            door.require_own_origin(request)
            body = await door.read_form(request)
        visit = await run_in_threadpool(self._visit, request, body)
        if page.demands != NOTHING:
            if visit.login is None:
                return self._to_the_door(request)
            if not roles.permits(roles.PERSON, page.demands):
                raise NotAuthorisedError("console.not-allowed", "your role does not allow this")
            if page.method != "GET":
                door.require_form_token(visit.secret, visit.form.get("token", ""))
        return await run_in_threadpool(page.answer, visit)

    def _visit(self, request: Request, body: bytes = b"") -> Visit:
        """The request with the session behind it."""
        secret = door.session_secret(request)
        login = people.session(self.node, secret) if secret else None
        fields = parse_qs(body.decode("ascii", "replace"), max_num_fields=20) if body else {}
        return Visit(
            node=self.node,
            templates=self.templates,
            request=request,
            state=self.streams.now(),
            login=login,
            secret=secret if login else "",
            form={name: values[0] for name, values in fields.items()},
        )

    def _to_the_door(self, request: Request) -> Response:
        """Where a visitor without a session is sent."""
        if request.method in ("GET", "HEAD") and "hx-request" not in request.headers:
            return RedirectResponse("/login", status_code=303)
        raise _NoSessionError(
            "console.no-session", "your session has ended", hint="log in again with a new link"
        )

    def _refusal(self, page: Page, request: Request, error: Exception) -> Response:
        """The page that says what was refused, or that something is broken here."""
        refusal = error if isinstance(error, AlliedError) else _broken(page, error)
        status = 401 if isinstance(refusal, _NoSessionError) else http_status(refusal)
        try:
            return pages.refused(self._visit(request), refusal, status)
        except AlliedError as worse:
            _LOG.error("no page can be made: %s", worse.code)
            return Response("This node cannot show pages now.\n", 503, media_type="text/plain")

    async def _stream(self, request: Request) -> Response:
        """The stream of a page that is open; see `live`."""
        secret = door.session_secret(request)

        async def admitted() -> bool:
            return await run_in_threadpool(people.session, self.node, secret) is not None

        if not secret or not await admitted():
            return _guarded(Response(status_code=401))
        if self.streams.open >= MOST_STREAMS:
            return _guarded(Response(status_code=503, headers={"Retry-After": "30"}))
        seen = request.headers.get("last-event-id") or request.query_params.get("seen", "")
        messages: AsyncIterator[bytes] = self.streams.follow(seen[:64], admitted)
        return _guarded(
            StreamingResponse(
                messages,
                media_type="text/event-stream",
                headers={"X-Accel-Buffering": "no"},
            )
        )

    async def _static(self, request: Request) -> Response:
        """A file of the table in `assets`, for a year."""
        asset = self.assets.served.get(request.path_params["name"])
        if asset is None:
            return _guarded(Response(status_code=404))
        response = Response(asset.content, media_type=asset.media)
        response.headers["Cache-Control"] = _YEAR
        return _guarded(response)


class _Nowhere(Route):
    """What no other route answers, asked for by a browser with a session of the console.

    To everybody else, programs and strangers, such a path is what it is without this route.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Fully or not at all."""
        if scope["type"] == "http" and scope["method"] == "GET":
            request = Request(scope)
            if "text/html" in request.headers.get("accept", "") and door.session_secret(request):
                return super().matches(scope)
        return Match.NONE, {}


class _NoSessionError(NotAuthorisedError):
    """The visitor has to log in first; pages say so with 401 instead of 403."""


def _broken(page: Page, error: Exception) -> AlliedError:
    """What a visitor is told about a failure of ours; the log gets its place, not its words."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else ""
    _LOG.error("failed to show %s: %s at %s", page.path, type(error).__name__, where)
    return ExhaustedError(
        "console.failed",
        "this page could not be made",
        hint="the log of the node says where; nothing was changed",
    )


def _guarded(response: Response) -> Response:
    """Add what every answer carries; pages are never kept by a browser."""
    for name, value in door.HEADERS.items():
        response.headers[name] = value
    if "cache-control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"
    return response


def mount(app: Starlette, node: Node) -> Console:
    """Add the console to an application, and return what its process ends it with.

    The application serves nothing else at these paths; `Console.end` is to be called when
    the server is told to stop, before it waits for open connections.
    """
    assets = load()
    console = Console(node, assets, templates(assets), Streams(_changes(node)))
    app.router.routes.extend(console.routes())
    return console


def _changes(node: Node) -> Callable[[], int]:
    def changes() -> int:
        with node.store.read() as reading:
            return reading.changes()

    return changes


__all__ = ["NOTHING", "READ", "STATIC", "STREAM", "TABLE", "Console", "Page", "mount"]
