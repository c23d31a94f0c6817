"""What says two things at one moment, or happened before it could, is refused with its place."""

from __future__ import annotations

import pytest

from allied.errors import MalformedError
from allied.response.incident_file import load_incidents

FILE = """\
format: incident/1
id: it
versions:
  - known_at: 2026-05-10
    facts: {kind: attack.armed, occurred_at: 2026-05-10, acts: [{id: a, by: fox, against: ash}]}
  - known_at: 2026-05-11
    facts: {kind: attack.cyber, acts: [{id: a, by: otter}]}
findings:
  - {agreement: pact, field: severity, value: low, by: board, at: 2026-05-11}
  - {agreement: pact, field: severity, value: severe, by: board, at: 2026-05-12}
invocations:
  - {agreement: pact, art: "1", by: ash, at: 2026-05-11}
decisions:
  - {agreement: pact, art: "1", outcome: rejected, at: 2026-05-11}
  - {agreement: pact, art: "1", outcome: adopted, at: 2026-05-12}
"""


def loaded(text: str) -> int:
    return len(load_incidents(text.encode(), "it.yaml"))


@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        pytest.param(
            "known_at: 2026-05-11", "known_at: 2026-05-10", "contradiction", 6,
            id="two kinds at one moment",
        ),
        pytest.param(
            "value: severe, by: board, at: 2026-05-12",
            "value: severe, by: board, at: 2026-05-11",
            "contradiction", 10, id="two findings at one moment",
        ),
        pytest.param(
            "outcome: adopted, at: 2026-05-12", "outcome: adopted, at: 2026-05-11",
            "contradiction", 15, id="two outcomes at one moment",
        ),
        pytest.param(
            "by: ash, at: 2026-05-11", "by: ash, at: 2026-05-09", "impossible-date", 12,
            id="called before it occurred",
        ),
        pytest.param(
            "outcome: rejected, at: 2026-05-11", "outcome: rejected, at: 2026-05-09",
            "impossible-date", 14, id="decided before it occurred",
        ),
        pytest.param(
            "value: low, by: board, at: 2026-05-11", "value: low, by: board, at: 2026-05-09",
            "impossible-date", 9, id="found before it occurred",
        ),
    ],
)  # fmt: skip
def test_it_is_refused_where_the_second_stands(old: str, new: str, code: str, line: int) -> None:
    assert loaded(FILE) == 1  # the twin: later facts, findings and decisions replace earlier ones
    assert old in FILE
    with pytest.raises(MalformedError) as refusal:
        loaded(FILE.replace(old, new))
    assert refusal.value.code == f"incident.{code}"
    assert refusal.value.place is not None
    assert (refusal.value.place.source, refusal.value.place.line) == ("it.yaml", line)
    assert refusal.value.hint


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(
            "known_at: 2026-05-11\n    facts: {kind: attack.cyber, acts: [{id: a, by: otter}]}",
            "known_at: 2026-05-10\n    facts: {kind: attack.armed, acts: [{id: a, target: ships}]}",
            id="the same again, and more",
        ),
        pytest.param(
            "value: severe, by: board, at: 2026-05-12", "value: low, by: court, at: 2026-05-11",
            id="the same finding by another",
        ),
        pytest.param(
            "field: severity, value: severe, by: board, at: 2026-05-12",
            "field: phase, value: past, by: board, at: 2026-05-11",
            id="another field",
        ),
        pytest.param(
            "outcome: adopted, at: 2026-05-12", "outcome: adopted, at: '2026-05-11T14:00:00Z'",
            id="an instant of that day",
        ),
    ],
)  # fmt: skip
def test_what_can_be_true_together_is_read(old: str, new: str) -> None:
    assert old in FILE
    assert loaded(FILE.replace(old, new)) == 1


def test_what_is_threatened_may_be_called_before_it_occurs() -> None:
    early = FILE.replace("by: ash, at: 2026-05-11", "by: ash, at: 2026-05-09")
    assert loaded(early.replace("occurred_at:", "phase: imminent, occurred_at:")) == 1


def test_two_incidents_of_one_id_are_refused_where_the_second_begins() -> None:
    assert loaded(f"{FILE}---\n{FILE.replace('id: it', 'id: other')}") == 2
    with pytest.raises(MalformedError) as refusal:
        loaded(f"{FILE}---\n{FILE}")
    assert refusal.value.code == "incident.twice"
    assert refusal.value.place is not None
    assert refusal.value.place.line == 17
