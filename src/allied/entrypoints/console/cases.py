"""The pages of incidents: the list, one incident with what it obliges to, and its report."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from allied.entrypoints.console.showing import QUIET, tone, words
from allied.entrypoints.console.timeline import Course, Event, Limit, draw
from allied.errors import NotFoundError
from allied.node import incidents as responding

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.responses import Response

    from allied.entrypoints.console.pages import Visit
    from allied.node.cases import ObligationView
    from allied.node.incidents import IncidentView

_ID: Final = re.compile(r"[0-9a-f]{64}")
_OPENED: Final = "opened"
_OVER: Final = frozenset({"discharged", "lapsed", "waived", "excused", "verified", "performed"})


@dataclass(frozen=True, slots=True)
class Row:
    """One line of what happened, in the order of time; `number` is its mark in the drawing."""

    number: int
    at: datetime
    about: str
    text: str
    state: str
    note: str = ""


def incidents(visit: Visit) -> Response:
    """Every incident that the organisation may see, the latest first."""
    return visit.page("incidents.html", found=responding.list_incidents(visit.node, visit.own))


def incident(visit: Visit) -> Response:
    """One incident: facts, calls, what follows from them by which clause, and by when."""
    found = responding.show(visit.node, visit.own, _name(visit))
    now = visit.node.clock.now()
    rows, courses = _course(found, now)
    return visit.page("incident.html", found=found, rows=rows, drawing=draw(courses, now))


def report(visit: Visit) -> Response:
    """The record of an incident as a document."""
    found = responding.show(visit.node, visit.own, _name(visit))
    text = responding.print_report(visit.node, visit.own, found.id)
    return visit.page("report.html", found=found, text=text)


def _name(visit: Visit) -> str:
    name = str(visit.request.path_params["id"])
    if not _ID.fullmatch(name):
        raise NotFoundError("incident.unknown", "no incident here goes by that name")
    return name


def title(owed: ObligationView) -> str:
    """An obligation in a few words."""
    return f"{owed.debtor} → {owed.creditor}: {words(owed.act)}, Art {owed.art}"


def _course(found: IncidentView, now: datetime) -> tuple[Sequence[Row], Sequence[Course]]:
    """Everything that happened, numbered by time, and the lanes of the drawing."""
    incident_lane = "The incident"
    told: list[tuple[datetime, int, str, str, str, str]] = [
        (found.reported_at, 0, incident_lane, f"{found.reported_by} reported it", QUIET, "")
    ]
    for call in found.calls:
        said = f"{call.party} invoked Art {call.art}"
        if not call.effective:
            said += f"; without effect: {call.why}"
        state = "invoked" if call.effective else "refused"
        told.append((call.at, 0, incident_lane, said, state, ""))
    for lane, owed in enumerate(found.obligations, start=1):
        told += [
            (step.at, lane, title(owed), step.text, step.state, step.note)
            for step in owed.time_line
        ]
    told.sort(key=lambda each: each[0])
    rows = [
        Row(number, at, about, text, state, note)
        for number, (at, _, about, text, state, note) in enumerate(told, start=1)
    ]
    events: dict[int, list[Event]] = {}
    for row, each in zip(rows, told, strict=True):
        events.setdefault(each[1], []).append(Event(row.number, row.at, tone(row.state)))
    courses = [Course(incident_lane, tuple(events.get(0, ())))]
    for lane, owed in enumerate(found.obligations, start=1):
        courses.append(_lane(owed, tuple(events.get(lane, ())), now))
    return rows, courses


def _lane(owed: ObligationView, events: tuple[Event, ...], now: datetime) -> Course:
    missed = {step.what for step in owed.time_line if step.what.startswith("overdue")}
    limits = [
        Limit(at, name, missed=word in missed)
        for at, name, word in (
            (owed.answer_by, "answer by", "overdue-answer"),
            (owed.perform_by, "perform by", "overdue"),
        )
        if at is not None
    ]
    over = owed.state in _OVER
    return Course(
        title(owed),
        events,
        tuple(limits),
        owed.owed_at,
        max((event.at for event in events), default=None) if over else owed.perform_by or now,
    )
