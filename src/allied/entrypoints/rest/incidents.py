"""Incidents, read and reported by machines. Calling a clause on one is for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from fastapi import Path, Query, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from allied.entrypoints.rest import bodies, cursors
from allied.entrypoints.rest.visit import (
    JSON,
    USUAL,
    Here,
    Limit,
    Next,
    Taken,
    Way,
    given,
)
from allied.entrypoints.shapes import ConsideredIncident, considered, instant
from allied.node import errands, roles
from allied.node.incidents import IncidentView

IncidentId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="Its whole id.")]
Under = Annotated[
    str, Query(min_length=1, max_length=256, description="The agreement: its id, or the file's id.")
]
Form = Annotated[
    Literal["text", "markdown"], Query(alias="format", description="How it is written.")
]

_YAML: Final = ("application/yaml", "application/x-yaml", "text/yaml", JSON)
_FILE: Final = "<body>"


@dataclass(frozen=True, slots=True)
class IncidentList:
    """Incidents, the latest report first; `next` where there are more."""

    incidents: tuple[IncidentView, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Reported:
    """The incidents of a file, as the parties of the agreement now see them."""

    incidents: tuple[IncidentView, ...]


@dataclass(frozen=True, slots=True)
class Considered:
    """What each agreement in force would say; nobody was told."""

    considered: tuple[ConsideredIncident, ...]


def list_incidents(visit: Here, limit: Limit = USUAL, after: Next = "") -> Response:
    """List incidents, the latest report first."""
    start = cursors.decode("/incidents", {}, after, 2) if after else None
    found = sorted(visit.sight.incidents(), key=_place, reverse=True)
    shown, goes_on = cursors.stretch(found, _place, after=start, limit=limit, descending=True)
    following = cursors.encode("/incidents", {}, goes_on) if goes_on else None
    return given(IncidentList(tuple(shown), following))


def _place(found: IncidentView) -> cursors.Position:
    return instant(found.reported_at), found.id


def show_incident(visit: Here, incident: IncidentId) -> Response:
    """Show one incident: facts, what each clause says and why, what is owed."""
    return given(visit.sight.incident(incident))


def report_of_incident(visit: Here, incident: IncidentId, form: Form = "text") -> Response:
    """Give the whole record of an incident as a document."""
    markdown = form == "markdown"
    text = visit.sight.report_of(incident, markdown=markdown)
    return Response(text.encode(), media_type="text/markdown" if markdown else "text/plain")


async def report_incidents(request: Request, visit: Here, agreement: Under) -> Response:
    """Report the incidents of a file to the parties of an agreement.

    The body is an `incident/1` file with facts, and with nothing that is an act of a person
    (findings, invocations, decisions). A later version of a known incident becomes further
    facts.
    """
    bodies.require_media(request, *_YAML)
    await run_in_threadpool(visit.sight.agreement_id, agreement)  # before anything is read
    raw = await bodies.read_text(request)
    found = await run_in_threadpool(errands.report, visit.sight, visit.keys, raw, _FILE, agreement)
    return given(Reported(tuple(found)))


async def consider_incidents(request: Request, visit: Here) -> Response:
    """Hold the incidents of a file against every agreement in force; nothing leaves."""
    bodies.require_media(request, *_YAML)
    raw = await bodies.read_text(request)
    found = await run_in_threadpool(errands.consider, visit.sight, raw, _FILE)
    return given(Considered(tuple(considered(each) for each in found)))


_TAKEN: Final = Taken(
    {
        "application/yaml": {"type": "object", "description": "An incident/1 file."},
        JSON: {"type": "object", "description": "The same as JSON."},
    },
    bodies.TEXT_BYTES,
)

TABLE: Final = (
    Way("GET", "/incidents", roles.INCIDENTS_READ, list_incidents, IncidentList),
    Way("GET", "/incidents/{incident}", roles.INCIDENTS_READ, show_incident, IncidentView),
    Way(
        "GET",
        "/incidents/{incident}/report",
        roles.INCIDENTS_READ,
        report_of_incident,
        media=("text/plain", "text/markdown"),
    ),
    Way("POST", "/incidents", roles.INCIDENTS_REPORT, report_incidents, Reported, takes=_TAKEN),
    Way(
        "POST",
        "/incidents/considered",
        roles.INCIDENTS_READ,
        consider_incidents,
        Considered,
        takes=_TAKEN,
    ),
)
