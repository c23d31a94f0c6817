"""The table of routes, the application around it, and how refusals are said.

Default is refusal: what has no line in the table is not there, a line without a permission
cannot be written, and the permission is asked of `node.roles` before a parameter is looked
at. A parameter that a route does not know is refused, never passed over.
"""

from __future__ import annotations

import logging
import typing
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from allied.entrypoints.rest import (
    agreements,
    exchange,
    feeds,
    house,
    incidents,
    items,
    ledger,
    obligations,
    proposals,
)
from allied.entrypoints.rest.acts import ACTS, PersonAct, refuse
from allied.entrypoints.rest.door import PREFIX, Behind, Door, routes_of
from allied.entrypoints.rest.models import Refusal, model_of
from allied.entrypoints.rest.reference import document, public
from allied.entrypoints.rest.refusals import MethodError, no_such_path, status_of
from allied.entrypoints.rest.visit import JSON, Way, as_json, visit_of
from allied.entrypoints.statuses import as_json as refusal_as_json
from allied.errors import AlliedError, NotFoundError, UsageError
from allied.node import roles

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams

    from allied.node.node import Node
    from allied.node.ports import Keys

TABLE: Final[tuple[Way, ...]] = (
    *agreements.TABLE,
    *items.TABLE,
    *exchange.TABLE,
    *feeds.TABLE,
    *incidents.TABLE,
    *obligations.TABLE,
    *proposals.TABLE,
    *ledger.TABLE,
    *house.TABLE,
)

_LOG: Final = logging.getLogger("allied.rest")

_ALWAYS: Final[dict[int | str, str]] = {
    400: "a parameter is missing, unknown or not of its form",
    401: "no valid token was shown",
    403: "the role, an agreement or a policy does not allow it",
    404: "it is not there, or the token may not know of it",
    409: "the present state does not allow it",
    422: "what was given is not what it claims to be",
    429: "this token asks too many questions at once",
    "5XX": "this node or another cannot answer now",
}
_OF_WRITES: Final[dict[int | str, str]] = {
    408: "the body did not arrive in time",
    413: "the body is larger than what is read",
    415: "the media type is not read here",
}

_REFUSAL: Final = {JSON: {"schema": {"$ref": f"#/components/schemas/{Refusal.__name__}"}}}
"""A refusal where the answer is not JSON; the framework would say it in the answer's type."""

_UNREAD: Final = frozenset({408, 413, 415})
"""Statuses at which the rest of the body is not waited for."""


def mount(app: FastAPI, node: Node, keys: Keys, free_bytes: Callable[[], int]) -> None:
    """Put the REST routes of a node on its web application."""
    app.router.routes.extend(routes_of(Door(node, keys, free_bytes, _behind)))


def _behind() -> Behind:
    """The application, and what it says of itself to anybody."""
    api = application()
    return Behind(api, public(document(api), ACTS))


def application() -> FastAPI:
    """The application behind the door; it needs no node until it is asked something."""
    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        title="Allied",
        version="1",
        redirect_slashes=False,
        servers=[{"url": PREFIX}],
        exception_handlers={
            AlliedError: _refused,
            RequestValidationError: _misspelt,
            HTTPException: _unrouted,
            Exception: _failed,
        },
    )
    app.router.routes.extend(_WayRoute(way) for way in TABLE)
    app.router.routes.extend(
        Route(act.path, _refusing(act), methods=["POST"], name=act.kind) for act in ACTS
    )
    return app


class _WayRoute(APIRoute):
    """A line of the table as a route: permission first, then parameters, then the use case."""

    def __init__(self, way: Way) -> None:
        self.way = way
        summary, _, more = (way.answer.__doc__ or "").strip().partition("\n")
        described = " ".join(more.split())
        needs = f"Needs the permission `{way.needs}`."
        refusals = _ALWAYS | _OF_WRITES if way.method != "GET" else _ALWAYS
        saying: dict[str, Any] = {"model": Refusal} if way.gives else {"content": _REFUSAL}
        responses: dict[int | str, dict[str, Any]] = {
            status: {**saying, "description": text} for status, text in refusals.items()
        }
        responses[200] = {"content": {} if way.gives else {each: _raw(each) for each in way.media}}
        super().__init__(
            way.path,
            way.answer,
            methods=[way.method],
            name=way.answer.__name__,
            operation_id=way.answer.__name__,
            tags=[way.path.split("/")[1]],
            summary=summary.rstrip("."),
            description=f"{described} {needs}" if described else needs,
            response_model=model_of(way.gives) if way.gives else None,
            response_class=_answer_class(way),
            response_description="what was asked for",
            responses=responses,
            openapi_extra=_extra(way),
        )

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        answer = super().get_route_handler()
        parameters = {
            field.alias: typing.get_origin(field.field_info.annotation) is list
            for field in self.dependant.query_params
        }

        async def guarded(request: Request) -> Response:
            visit = await visit_of(request)
            roles.require(visit.token.role, self.way.needs)
            _require_known(request.query_params, parameters)
            return await answer(request)

        return guarded


def _answer_class(way: Way) -> type[Response]:
    """What the document takes the media type of an answer from."""
    if way.gives is not None:
        return JSONResponse
    return type("Answer", (Response,), {"media_type": way.media[0]})


def _extra(way: Way) -> dict[str, Any]:
    extra: dict[str, Any] = {"x-allied-permission": way.needs}
    if way.takes:
        content = {media: {"schema": dict(each)} for media, each in way.takes.schemas.items()}
        extra["requestBody"] = {
            "description": f"At most {way.takes.limit // 2**20} MiB.",
            "required": True,
            "content": content,
        }
    return extra


def _raw(media: str) -> dict[str, Any]:
    """What comes byte by byte: a text, or an object where the media type says that it is one."""
    return {"schema": {"type": "object" if media.endswith("json") else "string"}}


def _require_known(query: QueryParams, parameters: Mapping[str, bool]) -> None:
    """Return if a route knows each parameter, and each stands there as often as it may.

    Raises:
        UsageError: `rest.unknown-parameter`, `rest.repeated-parameter`.
    """
    seen: set[str] = set()
    for name, _ in query.multi_items():
        if name not in parameters:
            known = ", ".join(sorted(parameters)) or "none"
            raise UsageError(
                "rest.unknown-parameter",
                "a parameter of the query is not known here",
                hint=f"known here: {known}",
            )
        if name in seen and not parameters[name]:
            raise UsageError("rest.repeated-parameter", f"{name} stands in the query twice")
        seen.add(name)


# --- refusals ---------------------------------------------------------------------------


def said(refusal: AlliedError, headers: Mapping[str, str] | None = None) -> Response:
    """The answer that says a refusal."""
    body = as_json(refusal_as_json(refusal))
    status = status_of(refusal)
    closing = {"connection": "close"} if status in _UNREAD else {}
    return Response(body, status, {**(headers or {}), **closing}, media_type=JSON)


async def _refused(request: Request, error: Exception) -> Response:  # noqa: ARG001
    if not isinstance(error, AlliedError):
        raise error
    _LOG.info("refused: %s", error.code)
    return said(error)


async def _misspelt(request: Request, error: Exception) -> Response:  # noqa: ARG001
    """A parameter that is not of its form; one that names a thing names none then."""
    problems = error.errors() if isinstance(error, RequestValidationError) else []
    places = [tuple(problem.get("loc", ())) for problem in problems]
    if any(place[:1] == ("path",) for place in places):
        return said(NotFoundError("rest.no-such-thing", "nothing here goes by a name of that form"))
    names = sorted({str(place[1]) for place in places if len(place) > 1})
    return said(
        UsageError(
            "rest.parameter",
            "a parameter is missing or not of its form",
            hint="/api/v1/ shows what each may be",
            facts={"parameters": names},
        )
    )


async def _unrouted(request: Request, error: Exception) -> Response:
    """No path, or one that is there for other methods."""
    if not isinstance(error, HTTPException) or error.status_code != 405:
        return said(no_such_path())
    methods = _methods(request.app.routes, request.scope)
    refusal = MethodError(
        "rest.method",
        "this path is not for this method",
        hint=f"it is for {', '.join(methods)}",
        facts={"methods": methods},
    )
    return said(refusal, {"allow": ", ".join(methods)})


def _methods(routes: Iterable[Any], scope: Any) -> list[str]:
    """The methods that the path of a request is there for."""
    return sorted(
        method
        for route in routes
        if route.matches(scope)[0] is not Match.NONE
        for method in route.methods
    )


async def _failed(request: Request, error: Exception) -> Response:  # noqa: ARG001
    """A failure of ours; the door writes down where, and the caller is told that and no more."""
    return said(
        AlliedError(
            "rest.failed",
            "this could not be answered",
            hint="the log of the node says where",
        )
    )


def _refusing(act: PersonAct) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:  # noqa: ARG001
        raise refuse(act)

    return answer
