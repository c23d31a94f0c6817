"""The incident of the demonstration falls under an agreement between River and Harbour."""

from __future__ import annotations

from importlib import resources
from typing import Any

import pytest
from ruamel.yaml import YAML

TEXT = resources.files("allied.story").joinpath("incident.yaml").read_text(encoding="utf-8")


@pytest.fixture(name="incident")
def loaded() -> dict[str, Any]:
    held: dict[str, Any] = YAML(typ="base", pure=True).load(TEXT)  # base: every scalar is text
    return held


def test_it_is_an_incident_file_without_anything_that_is_an_act(incident: dict[str, Any]) -> None:
    assert incident["format"] == "incident/1"
    assert incident.keys() == {"format", "id", "title", "versions"}


def test_harbour_says_that_its_terminal_is_under_severe_attack(incident: dict[str, Any]) -> None:
    (version,) = incident["versions"]
    facts = version["facts"]
    assert version["asserted_by"] == "harbour"
    assert facts["kind"].startswith("attack.cyber.")
    assert (facts["severity"], facts["phase"]) == ("severe", "active")
    (act,) = facts["acts"]
    assert act["against"] == "harbour"
    assert act["systems"] == ["domain:terminal.harbour.example"]


def test_it_became_known_after_it_occurred(incident: dict[str, Any]) -> None:
    (version,) = incident["versions"]
    assert version["facts"]["occurred_at"] < version["known_at"]


@pytest.mark.parametrize("field", ["known_at", "occurred_at"])
def test_each_instant_stands_on_a_line_of_its_own(field: str) -> None:
    lines = [line for line in TEXT.splitlines() if f"{field}:" in line]
    assert len(lines) == 1
    assert lines[0].strip().removeprefix("- ").startswith(f"{field}: 20")
