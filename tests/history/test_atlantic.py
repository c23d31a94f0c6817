"""What was asked under the North Atlantic Treaty since 2003, and the one invocation, replayed."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from allied.agreement.standing import Register
from allied.agreement.terms import Agreement, load
from allied.response.evaluate import evaluate
from allied.response.incident_file import load_incidents
from allied.response.results import Evaluation
from tests.history.treaties import shared

SAMPLE = Path(__file__).parents[1] / "agreement" / "samples" / "nat-1949.yaml"
CODES = {
    "Turkiye": "TUR", "Poland": "POL", "Bulgaria": "BGR", "Czechia": "CZE", "Estonia": "EST",
    "Latvia": "LVA", "Lithuania": "LTU", "Romania": "ROU", "Slovakia": "SVK",
    "United States": "USA",
}  # fmt: skip
REQUESTS = range(9)


def facts() -> dict[str, Any]:
    path = shared() / "facts" / "nato_article4_article5.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def treaty() -> Register:
    (text,) = load(SAMPLE.read_bytes(), SAMPLE.name)
    assert isinstance(text, Agreement)
    return Register({text.id: text})


def ask(text: str, at: date) -> Evaluation:
    incidents = load_incidents(f"format: incident/1\n{text}".encode(), "facts")
    return evaluate(treaty(), incidents, None, None, at=at)


def outcome(found: Evaluation, art: str) -> str:
    return next(each.outcome for each in found.results if each.art == art)


def members(on: date) -> int:
    return sum(
        len(each["states"])
        for each in facts()["accessions"]
        if date.fromisoformat(each["effective"]) <= on
    )


@pytest.mark.parametrize("number", REQUESTS)
def test_a_request_to_consult_opens_a_consultation_and_nothing_more(number: int) -> None:
    request = facts()["article_4"][number]
    day = date.fromisoformat(request["date"])
    callers = [CODES[name] for name in request["requested_by"]]
    calls = ", ".join(f'{{agreement: nat-1949, art: "4", by: {by}, at: {day}}}' for by in callers)
    found = ask(
        f"id: request\nversions: [{{known_at: {day}, facts: {{kind: threat.security,"
        f" occurred_at: {day}, acts: [{{against: {callers[0]}}}]}}}}]\n"
        f"invocations: [{calls}]\n",
        date.fromisoformat(request.get("council_met", request["date"])),
    )
    assert outcome(found, "4") == "met"
    assert outcome(found, "5") == "not-met"
    assert found.reports == ()
    owed = {(each.debtor, each.creditor) for each in found.obligations}
    assert {each.modality for each in found.obligations} == {"discuss"}
    assert len(owed) == len(callers) * (members(day) - 1)
    (opening,) = found.consultations
    assert len(opening.open_to) == members(day)


def test_all_requests_are_replayed() -> None:
    assert len(facts()["article_4"]) == len(REQUESTS)


def test_the_one_invocation_is_conditional_first_and_confirmed_later() -> None:
    (invocation,) = facts()["article_5"]
    first = date.fromisoformat(invocation["conditional_date"])
    confirmed = date.fromisoformat(invocation["confirmed_date"])
    attacked = CODES[invocation["attacked"]]
    text = f"""id: september
versions:
  - known_at: {first - timedelta(days=1)}
    facts:
      kind: attack.terror
      occurred_at: {first - timedelta(days=1)}
      acts: [{{against: {attacked}, target: territory, places: [north-america], latitude: "40.7"}}]
  - known_at: {confirmed}
    facts: {{attribution: {{from: outside}}, acts: [{{by: al-qaeda}}]}}
findings: [{{agreement: nat-1949, field: kind, value: attack.armed, by: council, at: {first}}}]
invocations: [{{agreement: nat-1949, art: "5", by: {attacked}, at: {first}}}]
decisions: [{{agreement: nat-1949, art: "5", outcome: adopted, at: {confirmed}}}]
"""
    assert outcome(ask(text, first - timedelta(days=1)), "5") == "undetermined"
    conditional = ask(text, first)
    assert outcome(conditional, "5") == "provisional"
    assert {each.act for each in conditional.obligations if each.state == "owed"} == {"consult"}
    found = ask(text, confirmed)
    assert outcome(found, "5") == "met"
    assist = [each for each in found.obligations if each.art == "5"]
    assert {(each.act, each.modality, each.creditor) for each in assist} == {
        ("assist", "must", attacked)
    }
    assert len(assist) == members(first) - 1
    assert [each.to for each in found.reports] == ["UN Security Council"]


def test_the_accessions_of_the_file_are_those_of_the_facts() -> None:
    text = treaty().agreements["nat-1949"]
    days = {party.joined.isoformat() for party in text.parties if party.joined}
    assert days == {each["effective"] for each in facts()["accessions"]}
    assert len(text.parties) == members(date(2025, 1, 1))
