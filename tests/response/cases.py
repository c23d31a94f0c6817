"""Agreements, registers and incidents for the tests of `allied.response`.

Texts are read from real files: the samples of the agreement format, and a few of our own
beside this module. Nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

from allied.agreement.standing import Event, Register, start_of_day
from allied.agreement.terms import Agreement, load
from allied.record.ids import PartyId
from allied.response.evaluate import evaluate
from allied.response.incident import Incident
from allied.response.incident_file import load_incidents
from allied.response.moment import Moment
from allied.response.results import Evaluation, Obligation, Result

HERE = Path(__file__).parent
SAMPLES = HERE.parent / "agreement" / "samples"
FAR = date(2030, 12, 31)


@cache
def texts() -> dict[str, Agreement]:
    """Every agreement of the samples and of this folder, by its id."""
    files = [*sorted(SAMPLES.glob("*.yaml")), *sorted((HERE / "agreements").glob("*.yaml"))]
    return {
        each.id: each
        for file in files
        for each in load(file.read_bytes(), file.name)
        if isinstance(each, Agreement)
    }


def register(*names: str, events: Iterable[Event] = ()) -> Register:
    return Register({name: texts()[name] for name in names}, tuple(events))


def event(agreement: str, what: str, party: str, on: str, **more: object) -> Event:
    """An event given as a day."""
    towards = more.pop("towards", None)
    more.setdefault("reciprocal", what == "reservation")
    return Event(
        agreement,
        what,
        PartyId(party),
        start_of_day(date.fromisoformat(on), "UTC"),
        towards=PartyId(str(towards)) if towards else None,
        day=True,
        **more,  # type: ignore[arg-type]
    )


def incidents(text: str) -> tuple[Incident, ...]:
    """Read incidents; the format line may be left out."""
    parts = [
        part if part.lstrip().startswith("format:") else f"format: incident/1\n{part}"
        for part in text.split("\n---\n")
    ]
    return load_incidents("\n---\n".join(parts).encode(), "test.yaml")


def ask(
    text: str | Iterable[Incident],
    *names: str,
    at: Moment | str = FAR,
    events: Iterable[Event] = (),
    law: Moment | None = None,
    viewpoint: str | None = None,
) -> Evaluation:
    """Evaluate incidents (as text or values) under the named agreements."""
    given = incidents(text) if isinstance(text, str) else tuple(text)
    return evaluate(
        register(*names, events=events),
        given,
        law,
        PartyId(viewpoint) if viewpoint else None,
        at=date.fromisoformat(at) if isinstance(at, str) else at,
    )


def result(evaluation: Evaluation, art: str, agreement: str = "") -> Result:
    found = [
        each for each in evaluation.results if each.art == art and agreement in {"", each.agreement}
    ]
    assert len(found) == 1, [(each.agreement, each.art) for each in evaluation.results]
    return found[0]


def verdict(evaluation: Evaluation, art: str, agreement: str = "") -> tuple[str, str]:
    found = result(evaluation, art, agreement)
    return found.outcome, found.reason


def owed(evaluation: Evaluation, art: str = "", state: str = "") -> set[tuple[str, str]]:
    """(debtor, creditor) of the obligations of an article."""
    return {(each.debtor, each.creditor) for each in obligations(evaluation, art, state)}


def obligations(evaluation: Evaluation, art: str = "", state: str = "") -> list[Obligation]:
    return [
        each
        for each in evaluation.obligations
        if art in {"", each.art} and state in {"", each.state}
    ]


def open_to(evaluation: Evaluation, art: str) -> tuple[str, ...]:
    return next((each.open_to for each in evaluation.consultations if each.art == art), ())


NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def minutes(count: float) -> datetime:
    """An instant, counted from noon of 1 May 2026."""
    return NOON + timedelta(minutes=count)
