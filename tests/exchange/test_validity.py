"""Which objects are valid STIX 2.1, on cases of our own and on what others publish."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import orjson
import pytest
from hypothesis import given, strategies as st

from allied.errors import MalformedError
from allied.exchange.bundle import Found, scan
from allied.exchange.stix import read_head
from allied.exchange.validity import problems, repeats_a_name
from tests.exchange import corpus
from tests.exchange.samples import (
    TIME,
    encoded,
    id_of,
    identity,
    indicator,
    link,
    made,
    malware,
    seen,
    sighting,
    statement_marking,
)

LATER = "2026-03-01T12:00:00.001Z"


def codes(raw: bytes) -> set[str]:
    """The codes of all that is wrong with an object; empty for a valid one."""
    try:
        head = read_head(raw)
    except MalformedError as refusal:
        return {refusal.code}
    return {each.code for each in problems(raw, head)}


def wheres(value: Any) -> set[str]:
    raw = encoded(value)
    return {each.where for each in problems(raw, read_head(raw))}


VALID = [
    pytest.param(indicator(), id="an indicator"),
    pytest.param(indicator(x_anything={"a": [1.5]}), id="with a custom property"),
    pytest.param(
        indicator(pattern_type="snort", pattern="alert tcp any any"), id="of another language"
    ),
    pytest.param(indicator(valid_until=LATER), id="with an end"),
    pytest.param(indicator(modified=LATER), id="changed later"),
    pytest.param(indicator(created_by_ref=id_of("source")), id="made by a source"),
    pytest.param(malware(is_family=False, name=None), id="a single sample without a name"),
    pytest.param(identity(), id="an identity"),
    pytest.param(link(indicator(), malware()), id="a relationship"),
    pytest.param(sighting(malware(), where_sighted_refs=[id_of("identity")]), id="a sighting"),
    pytest.param(statement_marking(), id="a statement"),
    pytest.param(made("location", region="northern-europe"), id="a region"),
    pytest.param(made("location", latitude=51.5, longitude=-0.1, precision=10), id="a point"),
    pytest.param(made("x-bank-account", holder="somebody"), id="a custom object"),
    pytest.param(made("x-show", start=7, end=None), id="whose properties mean something else"),
    pytest.param(seen("x-thing", anything=1), id="a custom observable"),
    pytest.param(seen("file", name="a.exe"), id="a file"),
    pytest.param(seen("process", pid=7), id="a process"),
    pytest.param(
        seen("network-traffic", protocols=["tcp"], dst_ref=id_of("ipv4-addr")), id="traffic"
    ),
    pytest.param(seen("windows-registry-key", key="HKEY_LOCAL_MACHINE\\x"), id="a registry key"),
    pytest.param(seen("mac-addr", value="00:1b:44:11:3a:b7"), id="a hardware address"),
    pytest.param(made("vulnerability", name="CVE-2021-44228", external_references=[
        {"source_name": "cve", "external_id": "CVE-2021-44228"}]), id="a vulnerability"),
]  # fmt: skip


@pytest.mark.parametrize("value", VALID)
def test_these_are_valid(value: Any) -> None:
    raw = encoded(value)

    assert [str(each) for each in problems(raw, read_head(raw))] == []


@pytest.mark.parametrize(
    ("value", "where"),
    [
        pytest.param(indicator(pattern=None), "", id="no pattern"),
        pytest.param(indicator(valid_from=None), "", id="no beginning"),
        pytest.param(indicator(created=None), "", id="never created"),
        pytest.param(indicator(modified=None), "", id="never modified"),
        pytest.param(indicator(valid_from="today"), "valid_from", id="a time in words"),
        pytest.param(indicator(confidence=101), "confidence", id="surer than sure"),
        pytest.param(indicator(labels=[]), "labels", id="an empty list"),
        pytest.param(indicator(revoked=None, lang="x"), "lang", id="a language of one letter"),
        pytest.param(indicator(**{"x-odd": 1}), "", id="a name with a hyphen"),
        pytest.param(indicator(ab=1), "", id="a name of two letters"),
        pytest.param(
            indicator(object_marking_refs=[id_of("identity")]),
            "object_marking_refs.0",
            id="marked with an identity",
        ),
        pytest.param(
            indicator(granular_markings=[{"marking_ref": id_of("marking-definition")}]),
            "granular_markings.0",
            id="marked on no part",
        ),
        pytest.param(
            indicator(external_references=[{"source_name": "cve", "external_id": "CVE-1"}]),
            "external_references.0.external_id",
            id="a CVE that is none",
        ),
        pytest.param(
            indicator(extensions={"extension-definition--7": {"a": 1}}),
            "extensions",
            id="an extension without a UUID",
        ),
        pytest.param(malware(name=None), "", id="a family without a name"),
        pytest.param(malware(is_family="yes"), "is_family", id="yes in words"),
        pytest.param(
            link(indicator(), link(indicator(), malware())), "target_ref", id="a link to a link"
        ),
        pytest.param(link(indicator(), malware(), target_ref=None), "", id="half a link"),
        pytest.param(sighting(seen("file")), "sighting_of_ref", id="a sighting of an observable"),
        pytest.param(
            sighting(malware(), where_sighted_refs=[id_of("malware")]),
            "where_sighted_refs.0",
            id="seen by malware",
        ),
        pytest.param(statement_marking(definition=None), "", id="a marking that says nothing"),
        pytest.param(
            statement_marking(definition_type="tlp", definition={"tlp": "purple"}),
            "definition.tlp",
            id="a TLP that does not exist",
        ),
        pytest.param(made("location", name="there"), "", id="a place that is nowhere"),
        pytest.param(made("location", latitude=91, longitude=0), "latitude", id="beyond the pole"),
        pytest.param(
            made("opinion", opinion="meh", object_refs=[id_of("malware")]),
            "opinion",
            id="an opinion of one's own",
        ),
        pytest.param(seen("file"), "", id="a file without anything"),
        pytest.param(
            seen("file", name="a", hashes={"MD5": "00"}), "hashes.MD5", id="half a digest"
        ),
        pytest.param(seen("windows-registry-key", key="HKLM\\x"), "key", id="an abbreviated key"),
        pytest.param(
            seen("artifact", url="https://example.org/a"), "", id="an address without a digest"
        ),
        pytest.param(
            seen("email-message", is_multipart=True, body="x"), "", id="mail of two kinds"
        ),
        pytest.param(seen("network-traffic", protocols=["tcp"]), "", id="from nowhere to nowhere"),
    ],
)
def test_these_are_not(value: Any, where: str) -> None:
    assert codes(encoded(value)) == {"stix.invalid"}
    assert where in wheres(value)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        pytest.param(indicator(created=LATER), "stix.time-order", id="modified before created"),
        pytest.param(indicator(valid_until=TIME), "stix.time-order", id="ends as it begins"),
        pytest.param(
            malware(first_seen=LATER, last_seen=TIME), "stix.time-order", id="last before first"
        ),
        pytest.param(
            link(indicator(), malware(), start_time=TIME, stop_time=TIME),
            "stix.time-order",
            id="stops as it starts",
        ),
        pytest.param(
            indicator(valid_from="2026-02-29T00:00:00Z"), "stix.time", id="a day that never was"
        ),
        pytest.param(indicator(pattern="[a"), "stix.pattern", id="a pattern that is none"),
        pytest.param(
            statement_marking(object_marking_refs=[id_of("marking-definition")]),
            "stix.self-marking",
            id="marked with itself",
        ),
    ],
)
def test_what_no_schema_sees(value: Any, code: str) -> None:
    assert codes(encoded(value)) == {code}


def test_times_are_compared_as_instants() -> None:
    assert codes(encoded(indicator(created="2026-03-01T12:00:00.5Z", modified=LATER))) == {
        "stix.time-order"
    }
    assert not codes(
        encoded(indicator(created="2026-03-01T12:00:00.10Z", modified="2026-03-01T12:00:00.1Z"))
    )


@pytest.mark.parametrize(
    ("raw", "repeats"),
    [
        pytest.param(b'{"a":1,"a":2}', True, id="the same name twice"),
        pytest.param(b'{"a":"x","\\u0061":"y"}', True, id="once in disguise"),
        pytest.param(b'{"x":[{"b":{"c":1,"c":1}}]}', True, id="far inside"),
        pytest.param(b'{"\\"":1,"\\u0022":2}', True, id="a quote, written in two ways"),
        pytest.param(b'{"a":{"a":{"a":1}}}', False, id="the same name at other levels"),
        pytest.param(b'[{"a":1},{"a":2}]', False, id="in two objects"),
        pytest.param(b'{"a":"\\u0022\\"","b":"\\\\"}', False, id="escaped quotes in values"),
        pytest.param(b'{"a":"\\u0022","a":1}', True, id="hidden behind an escaped quote"),
    ],
)
def test_a_name_may_stand_once_in_an_object(raw: bytes, repeats: bool) -> None:
    assert repeats_a_name(raw, orjson.loads(raw)) == repeats


def test_an_object_that_says_two_things_is_refused() -> None:
    raw = encoded(indicator())

    assert codes(raw) == set()
    assert codes(raw[:-1] + b', "created": "' + TIME.encode() + b'"}') == {"stix.duplicate-key"}


def test_a_problem_never_quotes_the_content() -> None:
    raw = encoded(
        indicator(labels=["fine", 7], lang="top secret", external_references=[{"odd name": 1}])
    )

    said = " ".join(str(each) for each in problems(raw, read_head(raw)))
    assert "labels.1" in said
    assert "secret" not in said
    assert "odd name" not in said


def test_so_many_problems_and_no_more_are_named() -> None:
    raw = encoded(indicator(labels=[7] * 1000))

    assert len(problems(raw, read_head(raw))) == 8


@pytest.mark.parametrize(
    "name",
    [
        corpus.ATTACK,
        "stix-attack/mobile-attack-17.0.json.gz",
        *corpus.AMNESTY,
        "stix-iocs/opencti-datasets/geography.json.gz",
    ],
)
def test_all_of_what_others_publish_is_valid(name: str) -> None:
    found = Counter(
        str(each) for raw in corpus.objects(name) for each in problems(raw, read_head(raw))
    )

    assert found == {}


def test_stix_2_0_is_refused_by_name() -> None:
    found = Counter(
        code
        for number, value in enumerate(
            corpus.lines("stix-attack/enterprise-attack-stix20.ndjson.gz")
        )
        if number < 500
        for code in codes(encoded(value))
    )

    assert found == {"stix.version": 500}


def test_the_examples_of_oasis_are_valid() -> None:
    count = 0
    for name, raw in corpus.members("stix-conformance/oasis-stix21-examples.zip").items():
        if json.loads(raw)["type"] != "bundle":
            assert not codes(raw)
            continue
        for each in scan([raw]):
            assert isinstance(each, Found)
            assert not codes(each.raw), name
            count += 1
    assert count > 250


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("identity.json", set()),
        ("identity_unicode.json", set()),
        ("identity_warning.json", set()),
        ("tool.json", set()),
        ("invalid_braces.json", {"stix.not-json"}),
        ("invalid_comma.json", {"stix.not-json"}),
        ("invalid_identity.json", {"stix.invalid"}),
        ("invalid_timestamp.json", {"stix.time-order"}),
    ],
)
def test_the_examples_of_the_reference_validator(name: str, expected: set[str]) -> None:
    files = corpus.members("stix-conformance/stix-validator-test-examples.zip")

    assert codes(files[f"v21/test_examples/{name}"]) == expected


DISAGREEMENTS = {
    "test_directory_character_set": "the IANA register of character sets is not carried",
    "test_software_language": "the ISO register of languages is not carried",
    "test_bundle_duplicate_ids": "a bundle is no object here; `bundle` reads it",
    "test_bundle_uuidv5": "a bundle is no object here; `bundle` reads it",
    "test_silent_and_verbose": "a bundle is no object here; `bundle` reads it",
}
"""The cases in which we and the reference differ, and why."""


def test_the_reference_validator_agrees_on_what_is_demanded() -> None:
    cases = [
        case
        for case in corpus.lines("stix-conformance/object_cases.ndjson.gz")
        if case["stix_version"] == "2.1"
    ]
    different = {
        case["upstream_test"].partition("::")[2]
        for case in cases
        if (not codes(encoded(case["instance"]))) != (case["reference_default_mode"] == "valid")
    }

    assert len(cases) > 200
    assert different == set(DISAGREEMENTS)


def test_the_cases_of_stix_2_0_are_refused() -> None:
    found = Counter(
        code
        for case in corpus.lines("stix-conformance/object_cases.ndjson.gz")
        if case["stix_version"] == "2.0"
        for code in codes(encoded(case["instance"]))
    )

    # Bundles, and objects without an id or a type, are refused before their version.
    assert set(found) == {"stix.version", "stix.bundle-inside", "stix.wrong-type"}
    assert found["stix.version"] > 80


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-10, 10**6)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("ab_-.", max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
known_names = sorted({name for value in (indicator(), malware(), identity()) for name in value})


@given(
    st.sampled_from([indicator, malware, identity, statement_marking]),
    st.dictionaries(
        st.sampled_from([*known_names, "object_marking_refs", "granular_markings", "extensions"])
        | st.text(min_size=1, max_size=4),
        values,
        max_size=3,
    ),
)
def test_whatever_stands_in_an_object_is_judged(make: Any, changes: dict[str, Any]) -> None:
    value = make()
    value.update(changes)

    for code in codes(encoded(value)):
        assert code.startswith("stix.")


@given(
    st.text("aZ0_-ü\n", max_size=6) | st.sampled_from(["id", "ab", "a" * 250, "a" * 251]),
    st.sampled_from(
        [
            indicator(),
            malware(),
            identity(),
            made("x-crane"),
            seen("url", value="http://a.example/"),
        ]
    ),
)
def test_every_property_is_named_well_whoever_knows_it(name: str, value: dict[str, Any]) -> None:
    well = name == "id" or (
        3 <= len(name) <= 250 and set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_")
    )
    found = wheres(value | ({} if name == "id" else {name: 1}))
    assert bool(found) != well
