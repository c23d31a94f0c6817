"""The intelligence that the demonstration shares is what a careful partner would send."""

from __future__ import annotations

import json
import re
from collections import Counter
from importlib import resources
from typing import Any

import pytest
import stix2
from stix2validator import ValidationOptions, validate_string

from allied.exchange import stix, validity

RAW = resources.files("allied.story").joinpath("intel.json").read_bytes()
OBJECTS: list[dict[str, Any]] = json.loads(RAW)["objects"]
BY_ID = {each["id"]: each for each in OBJECTS}
CONTENT = [each for each in OBJECTS if each["type"] != "marking-definition"]
RANK = {"TLP:CLEAR": 0, "TLP:GREEN": 1, "TLP:AMBER": 2, "TLP:AMBER+STRICT": 3, None: 2}
TLP_2_0 = {
    "TLP:CLEAR": "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
    "TLP:GREEN": "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "TLP:AMBER": "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    "TLP:AMBER+STRICT": "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
}

# 302 wants a hash of every web page that is referred to.
CHECKS = ValidationOptions(version="2.1", disabled="302")


def marking(each: dict[str, Any]) -> str | None:
    refs = each.get("object_marking_refs", [])
    assert len(refs) <= 1
    return BY_ID[refs[0]]["name"] if refs else None


def references(each: dict[str, Any]) -> set[str]:
    """Every id that `each` refers to, markings left out."""
    found: set[str] = set()
    for key, value in each.items():
        if key.endswith("_ref"):
            found.add(value)
        elif key.endswith("_refs") and key != "object_marking_refs":
            found.update(value)
    return found


def test_it_is_valid_without_anything_custom() -> None:
    bundle = stix2.parse(RAW.decode(), version="2.1", allow_custom=False)
    assert len(bundle.objects) == len(OBJECTS)


def test_a_validator_finds_no_error_and_nothing_to_warn_about() -> None:
    result = validate_string(RAW.decode(), CHECKS)
    assert result.is_valid, result.errors
    assert [str(each) for each in result.warnings] == []


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        pytest.param(
            '"is_family": true', '"is_family": "yes"', id="a word where a truth value is due"
        ),
        pytest.param("[domain-name:value = ", "[domain-name value = ", id="a pattern off grammar"),
        pytest.param('"published": "2026-03-02T', '"published": "2026-03-32T', id="no such day"),
    ],
)
def test_the_same_checks_see_a_fault(good: str, bad: str) -> None:
    text = RAW.decode()
    assert good in text
    assert not validate_string(text.replace(good, bad, 1), CHECKS).is_valid


def test_nothing_refers_to_what_is_not_there() -> None:
    named = set().union(*map(references, OBJECTS))
    named |= {ref for each in CONTENT for ref in each.get("object_marking_refs", [])}
    assert named - BY_ID.keys() == set()
    assert len(BY_ID) == len(OBJECTS)


def test_river_bank_says_all_of_it() -> None:
    river = next(each for each in CONTENT if each.get("name") == "River Bank plc")
    makers = {each.get("created_by_ref") for each in CONTENT if each is not river}
    assert makers == {river["id"]}


def test_markings_are_those_of_tlp_2_0() -> None:
    held = {each["name"]: each["id"] for each in OBJECTS if each["type"] == "marking-definition"}
    assert held == TLP_2_0


def test_the_mix_of_markings_gives_an_agreement_something_to_decide() -> None:
    mix = Counter(marking(each) for each in CONTENT)
    open_share = (mix["TLP:CLEAR"] + mix["TLP:GREEN"]) / len(CONTENT)
    assert 0.25 < open_share < 0.42
    assert mix["TLP:AMBER"] / len(CONTENT) > 1 / 3
    assert 1 <= mix["TLP:AMBER+STRICT"] <= 2
    assert mix[None] == 2


def test_there_is_one_of_each_kind_a_reader_looks_for() -> None:
    assert {each["type"] for each in CONTENT} == {
        "attack-pattern", "campaign", "course-of-action", "identity", "indicator",
        "infrastructure", "intrusion-set", "malware", "note", "relationship", "report",
        "sighting", "vulnerability",
    }  # fmt: skip
    assert 25 <= len(OBJECTS) <= 40


@pytest.mark.parametrize("each", CONTENT, ids=lambda each: each["id"])
def test_no_object_tells_less_guarded_readers_of_a_more_guarded_one(each: dict[str, Any]) -> None:
    own = RANK[marking(each)]
    assert [ref for ref in references(each) if RANK[marking(BY_ID[ref])] > own] == []


def test_indicators_hold_no_address_that_a_reader_could_visit_by_a_click() -> None:
    patterns = [each["pattern"] for each in CONTENT if each["type"] == "indicator"]
    assert not [pattern for pattern in patterns if re.search(r"https?://|url:value", pattern)]
    assert sum("SHA-256" in pattern for pattern in patterns) >= 3


@pytest.mark.parametrize("each", OBJECTS, ids=lambda each: each["id"])
def test_a_node_takes_each_object_in(each: dict[str, Any]) -> None:
    raw = json.dumps(each, ensure_ascii=False).encode()
    assert validity.problems(raw, stix.read_head(raw)) == ()
