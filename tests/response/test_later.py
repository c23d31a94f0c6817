"""What comes later changes nothing that was covered or owed; and what we ship decides alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

import allied.agreement
from allied.agreement.standing import Event, Register
from allied.agreement.terms import Agreement, load
from allied.record.ids import PartyId
from allied.response.evaluate import evaluate
from allied.response.incident import Incident
from allied.response.results import Evaluation
from tests.response.cases import incidents as read, texts
from tests.response.test_properties import AT, DAY, WHOLE, incidents, keys, register
from tests.response.test_scenarios import (
    CLASH,
    CONFIRMED,
    CYPRUS,
    FALKLANDS,
    NEW_YORK,
    SILENCE,
    attack_on_poland,
    war,
)

LATER = DAY + timedelta(days=3)


def amended(text: Agreement) -> Agreement:
    """The text after an amendment that took effect later: each article ends, another begins."""
    old = [
        replace(each, until=LATER - timedelta(days=1)) if each.until is None else each
        for each in text.articles
    ]
    new = [replace(each, art=f"{each.art}-new", since=LATER) for each in text.articles]
    return replace(text, articles=(*old, *new))


def settled(evaluation: Evaluation) -> list[tuple[str, str, str]]:
    return [
        (each.art, each.outcome, each.reason)
        for each in evaluation.results
        if not each.art.endswith("-new")
    ]


@given(incidents(), st.sampled_from(sorted(WHOLE.register.agreements)))
def test_p12_an_amendment_afterwards_changes_no_coverage(incident: Incident, name: str) -> None:
    before = evaluate(register(name), [incident], None, None, at=AT)
    held = replace(register(name), agreements={name: amended(register(name).agreements[name])})
    after = evaluate(held, [incident], None, None, at=AT)
    assert settled(after) == settled(before)
    assert keys(after) == keys(before)
    new = [each for each in after.results if each.art.endswith("-new")]
    assert {each.reason for each in new} <= {"clause-not-yet", "not-in-force"}


events = st.builds(
    Event,
    agreement=st.sampled_from(sorted(WHOLE.register.agreements)),
    event=st.sampled_from(["notice", "expelled", "terminated", "suspended", "stop-notice"]),
    party=st.sampled_from(["ash", "birch", "cedar", "germany", "britain", "belgium"]).map(PartyId),
    at=st.sampled_from([datetime(2026, 5, 2, tzinfo=UTC), datetime(2026, 5, 30, tzinfo=UTC)]),
)


@given(incidents(), st.lists(events, max_size=3))
def test_p20_leaving_or_ending_afterwards_deletes_nothing_that_is_owed(
    incident: Incident, after: list[Event]
) -> None:
    whole = register()
    before = evaluate(whole, [incident], None, None, at=AT)
    later = evaluate(replace(whole, events=(*whole.events, *after)), [incident], None, None, at=AT)
    assert later.obligations == before.obligations


def test_p20_ending_before_is_another_matter() -> None:
    incident = read(attack_on_poland("2025-12-01"))
    over = Event("nat-1949", "terminated", None, datetime(2025, 11, 30, tzinfo=UTC))
    held = Register({"nat-1949": texts()["nat-1949"]})
    assert evaluate(held, incident, None, None, at=date(2026, 1, 1)).obligations
    ended = replace(held, events=(over,))
    assert not evaluate(ended, incident, None, None, at=date(2026, 1, 1)).obligations


TEMPLATES = Path(allied.agreement.__file__).parent / "templates"
SHIPPED = {
    each.id: each
    for name in ("north-atlantic-treaty", "triple-entente")
    for each in load((TEMPLATES / f"{name}.yaml").read_bytes(), name)
    if isinstance(each, Agreement)
}


def said(held: Register, text: str, on: date) -> tuple[object, ...]:
    found = evaluate(held, read(text), None, None, at=on)
    return (
        {
            (each.agreement, each.art, each.outcome, each.reason)
            for each in found.results
            if each.outcome in {"met", "open", "provisional", "undetermined"}
        },
        {(e.art, e.debtor, e.creditor, e.modality, e.measures, e.state) for e in found.obligations},
        {(each.to, each.when) for each in found.reports},
    )


@pytest.mark.parametrize(
    ("text", "on"),
    [
        pytest.param(NEW_YORK, date(2001, 9, 12), id="1 provisional"),
        pytest.param(CONFIRMED, date(2001, 10, 2), id="2 and 6 confirmed"),
        pytest.param(FALKLANDS, date(1982, 4, 2), id="3 out of scope"),
        pytest.param(CYPRUS, date(1974, 7, 22), id="12 a stranger"),
        pytest.param(CLASH, date(1974, 7, 22), id="12 among allies"),
        pytest.param(SILENCE, date(2003, 2, 10), id="13 silence broken"),
        pytest.param(attack_on_poland("2025-12-01"), date(2025, 12, 1), id="15 an attack"),
        pytest.param(war("r", "1914-08-01", "germany", "russia"), date(1914, 8, 1), id="9 Russia"),
        pytest.param(war("f", "1914-08-03", "germany", "france"), date(1914, 8, 3), id="10 France"),
    ],
)
def test_the_templates_decide_as_the_samples_do(text: str, on: date) -> None:
    samples = Register({name: texts()[name] for name in SHIPPED})
    ours, theirs = said(Register(SHIPPED), text, on), said(samples, text, on)
    assert ours[1:] == theirs[1:]
    assert theirs[0] <= ours[0]  # type: ignore[operator]
