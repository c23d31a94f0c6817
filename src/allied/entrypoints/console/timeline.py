"""Where the marks of a time line go: the geometry of a drawing, and nothing of its style.

Words used here:
    lane    one obligation, or the incident itself
    mark    something that happened, at its instant; its number is that of its row in the
            table beside the drawing, which says the same in words
    limit   a deadline

Rules. What happened lies left of now, what is to come right of it, and time runs evenly
on each side: minutes of an answer stay legible beside a deadline of days. Marks that would
cover each other are moved apart, in order; the table has the exact times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

WIDTH: Final = 1000
LANE: Final = 84
HEAD: Final = 46
_LEFT, _RIGHT = 24, 976
_APART: Final = 22
_MOST_TICKS: Final = 5
_PAST: Final = 0.62
"""The share of the width that the past takes while something is to come."""
_STEPS: Final = tuple(
    timedelta(minutes=each)
    for each in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080, 43200, 525600)
)


@dataclass(frozen=True, slots=True)
class Event:
    """Something to mark: its number in the table, and the tone of the state it led to."""

    number: int
    at: datetime
    tone: str


@dataclass(frozen=True, slots=True)
class Limit:
    """A deadline to mark; `missed` when it passed before what it was for."""

    at: datetime
    name: str
    missed: bool = False


@dataclass(frozen=True, slots=True)
class Course:
    """One lane before it is drawn.

    Attributes:
        runs_from, runs_until: the period that runs, if one does.
    """

    title: str
    events: tuple[Event, ...]
    limits: tuple[Limit, ...] = ()
    runs_from: datetime | None = None
    runs_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark where it is drawn."""

    x: int
    number: int
    tone: str


@dataclass(frozen=True, slots=True)
class Flag:
    """A deadline where it is drawn."""

    x: int
    name: str
    missed: bool
    anchor: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One lane where it is drawn; `run` is the running period from x to x."""

    y: int
    title: str
    marks: tuple[Mark, ...]
    flags: tuple[Flag, ...]
    run: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the time axis."""

    x: int
    text: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """Everything that is drawn, in units of a box WIDTH wide."""

    height: int
    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    now: int
    ahead: bool = False
    left: int = _LEFT
    right: int = _RIGHT
    width: int = WIDTH


def draw(courses: Sequence[Course], now: datetime) -> Drawing | None:
    """Arrange lanes on a common axis; None when nothing happened."""
    instants = [event.at for course in courses for event in course.events]
    if not instants:
        return None
    first = min(instants)
    last = max([*instants, *(limit.at for course in courses for limit in course.limits)])
    middle = max(now, first + timedelta(minutes=1))
    ahead = max(last - middle, timedelta(0))
    past = _LEFT + round((_RIGHT - _LEFT) * (_PAST if ahead else 1.0))

    def place(at: datetime) -> int:
        if at <= middle or not ahead:
            return _LEFT + round(
                max(0.0, min(1.0, (at - first) / (middle - first))) * (past - _LEFT)
            )
        return past + round(min(1.0, (at - middle) / ahead) * (_RIGHT - past))

    lanes = tuple(
        Lane(
            y=HEAD + number * LANE,
            title=course.title,
            marks=_apart(course.events, [place(event.at) for event in course.events]),
            flags=tuple(_flag(limit, place(limit.at)) for limit in course.limits),
            run=(place(course.runs_from), place(course.runs_until))
            if course.runs_from and course.runs_until and course.runs_from < course.runs_until
            else None,
        )
        for number, course in enumerate(courses)
    )
    ticks = _spaced(
        [
            Tick(place(at), text)
            for at, text in _ticks(first, middle) + _ticks(middle, middle + ahead)
        ]
    )
    return Drawing(HEAD + len(lanes) * LANE + 28, lanes, ticks, past, ahead=bool(ahead))


def _flag(limit: Limit, x: int) -> Flag:
    anchor = "end" if x > WIDTH * 0.8 else "start" if x < WIDTH * 0.2 else "middle"
    return Flag(x, limit.name, limit.missed, anchor)


def _apart(events: Sequence[Event], places: Sequence[int]) -> tuple[Mark, ...]:
    """Marks in order, none covering another."""
    ordered = sorted(zip(places, events, strict=True), key=lambda pair: (pair[0], pair[1].number))
    apart = min(_APART, (_RIGHT - _LEFT) // max(1, len(events)))
    xs: list[int] = []
    for x, _ in ordered:
        xs.append(max(x, xs[-1] + apart) if xs else x)
    limit = _RIGHT
    for number in reversed(range(len(xs))):
        xs[number] = min(xs[number], limit)
        limit = xs[number] - apart
    return tuple(
        Mark(x, event.number, event.tone) for x, (_, event) in zip(xs, ordered, strict=True)
    )


def _ticks(first: datetime, last: datetime) -> list[tuple[datetime, str]]:
    """Round instants between first and last, with the date where a day begins."""
    if last <= first:
        return []
    step = next((each for each in _STEPS if (last - first) / each <= _MOST_TICKS), _STEPS[-1])
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    at = midnight + step * (-((midnight - first) // step))
    found = []
    while at <= last:
        if at >= first:
            found.append((at, at.strftime("%H:%M") if at != _day(at) else at.strftime("%d %b")))
        at += step
    return found


def _spaced(ticks: Sequence[Tick]) -> tuple[Tick, ...]:
    """Ticks whose words do not touch each other."""
    kept: list[Tick] = []
    for tick in ticks:
        if not kept or tick.x - kept[-1].x >= 2 * _APART:
            kept.append(tick)
    return tuple(kept)


def _day(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)
