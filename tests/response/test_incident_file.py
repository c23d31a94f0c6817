"""Incident files and facts in records: what reads, what is refused, and that nothing is lost."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from allied.agreement.values import Confidence, Severity
from allied.errors import AlliedError, MalformedError, RefusedError
from allied.record.canonical import Json, decode, encode
from allied.response.incident import (
    Act,
    Attribution,
    Decision,
    Facts,
    Finding,
    Incident,
    Invocation,
    Version,
    known,
    named,
)
from allied.response.incident_file import (
    dump_incident,
    facts_json,
    from_body,
    load_incidents,
    read_facts,
    to_body,
)

FULL = b"""
format: incident/1
id: falklands-1982
title: Landing on the Falkland Islands
versions:
  - known_at: 1982-04-02
    asserted_by: GBR
    facts:
      kind: attack.armed
      occurred_at: 1982-04-02
      severity: severe
      phase: active
      attribution: {from: outside, to: ARG, confidence: high}
      acts:
        - {by: ARG, against: GBR, target: territory, places: [falkland-islands], latitude: "-51.7"}
findings:
  - {agreement: nat-1949, field: kind, value: attack.armed, by: council, at: 2001-09-12}
invocations:
  - {agreement: nat-1949, art: "5", by: USA, at: 2001-09-12}
decisions:
  - {agreement: nat-1949, art: "5", outcome: adopted, at: 2001-10-02}
campaign: optional-name
"""
FACTS_ONLY = FULL[: FULL.index(b"findings:")]


def read(text: bytes) -> Incident:
    (incident,) = load_incidents(text, "test.yaml")
    return incident


def test_the_documented_example_reads() -> None:
    incident = read(FULL)
    facts = incident.versions[0].facts
    assert facts.attribution == Attribution(origin="outside", to="ARG", confidence=Confidence.HIGH)
    assert facts.acts == (
        Act(
            id="act-1",
            by="ARG",
            against="GBR",
            target="territory",
            places=("falkland-islands",),
            latitude=Decimal("-51.7"),
        ),
    )
    assert incident.findings[0].value == "attack.armed"
    assert incident.invocations == (
        Invocation(agreement="nat-1949", art="5", by="USA", at=date(2001, 9, 12)),
    )
    assert incident.decisions[0].outcome == "adopted"
    assert incident.campaign == "optional-name"


def test_a_file_may_hold_several_incidents() -> None:
    two = FACTS_ONLY + b"---" + FACTS_ONLY.replace(b"falklands-1982", b"another")
    assert [each.id for each in load_incidents(two, "two.yaml")] == ["falklands-1982", "another"]
    with pytest.raises(MalformedError) as refusal:
        load_incidents(FACTS_ONLY + b"---" + FACTS_ONLY, "two.yaml")
    assert refusal.value.code == "incident.twice"


@pytest.mark.parametrize("key", ["findings", "invocations", "decisions"])
def test_on_a_node_a_file_holds_facts_only(key: str) -> None:
    load_incidents(FACTS_ONLY, "facts.yaml", acts_allowed=False)  # the twin that passes

    start = FULL.index(key.encode() + b":")
    end = FULL.index(b"\n", FULL.index(b"\n", start) + 1)
    with pytest.raises(RefusedError) as refusal:
        load_incidents(FACTS_ONLY + FULL[start:end] + b"\n", "acts.yaml", acts_allowed=False)
    assert refusal.value.code == "incident.acts-in-file"
    assert refusal.value.place is not None


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        pytest.param(
            "severity: severe", "severity: grave", "incident.wrong-value", id="a severity"
        ),
        pytest.param(
            "kind: attack.armed", "kind: attack.armd", "incident.unknown-word", id="a kind"
        ),
        pytest.param("phase: active", "phaze: active", "incident.unknown-key", id="a key"),
        pytest.param("by: ARG", "by: ARG, bye: X", "incident.unknown-key", id="a key of an act"),
        pytest.param("by: ARG", "by: GBR", "incident.act-against-itself", id="an act on oneself"),
        pytest.param('"-51.7"', '"-95"', "incident.wrong-value", id="a latitude"),
        pytest.param("by: ARG", "by: A RG", "incident.name", id="a name"),
        pytest.param(
            "by: ARG",
            "by: ARG, in_response_to: act-9",
            "incident.dangling-reference",
            id="an act that is not there",
        ),
        pytest.param(
            "known_at: 1982-04-02", "known_at: 1982-04-01", "incident.impossible-date", id="a date"
        ),
        pytest.param(
            "known_at: 1982-04-02", "known_at: 1982-4-2", "incident.wrong-value", id="a day"
        ),
        pytest.param("incident/1", "incident/2", "incident.format", id="a format"),
        pytest.param("format: incident/1\n", "", "incident.format", id="no format"),
        pytest.param("value: attack.armed", "value: x", "incident.wrong-value", id="a finding"),
        pytest.param("outcome: adopted", "outcome: done", "incident.unknown-word", id="an outcome"),
        pytest.param("kind: attack.armed", "kind: &a attack.armed", "yaml.anchor", id="an anchor"),
        pytest.param(
            "phase: active", "phase: active\n      phase: past", "yaml.duplicate-key", id="twice"
        ),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(before: str, after: str, code: str) -> None:
    read(FULL)  # the twin that passes

    with pytest.raises(MalformedError) as refusal:
        read(FULL.replace(before.encode(), after.encode(), 1))
    assert refusal.value.code == code
    assert refusal.value.place is not None


def test_a_wrong_key_gets_a_suggestion() -> None:
    with pytest.raises(MalformedError) as refusal:
        read(FULL.replace(b"severity:", b"severty:"))
    assert refusal.value.hint == "did you mean `severity`?"


def test_what_is_foreseen_may_lie_ahead() -> None:
    ahead = FACTS_ONLY.replace(b"known_at: 1982-04-02", b"known_at: 1982-04-01")
    assert read(ahead.replace(b"phase: active", b"phase: imminent")).versions


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"[]", id="a list"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"format: incident/1\nid: x\n", id="no versions"),
        pytest.param(b"format: incident/1\nid: x\nversions: []\n", id="empty versions"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(
            b"format: incident/1\nid: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", id="deep"
        ),
    ],
)
def test_what_is_no_incident_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedError):
        load_incidents(text, "bad.yaml")


names = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,8}", fullmatch=True)
days = st.dates(date(1900, 1, 1), date(2100, 1, 1))
moments = days | st.integers(0, 10**12).map(
    lambda count: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(milliseconds=count)
)
tags = st.lists(names, max_size=3, unique=True).map(tuple)
acts = st.builds(
    Act,
    by=st.none() | names.map(lambda name: "a" + name),
    against=st.none() | names.map(lambda name: "b" + name),
    target=st.sampled_from([None, "territory", "systems"]),
    places=st.none() | tags,
    latitude=st.none() | st.decimals(-90, 90, places=2, allow_nan=False).map(lambda d: d + 0),
    systems=st.none() | tags.map(lambda many: tuple(f"domain:{each}" for each in many)),
    sectors=st.none() | tags,
    supported_by=st.none() | tags,
    count=st.none() | st.integers(1, 99),
)
facts = st.builds(
    Facts,
    kind=st.sampled_from([None, "attack.armed", "attack.cyber.fraud", "threat"]),
    occurred_at=st.none() | moments,
    severity=st.none() | st.sampled_from(Severity),
    phase=st.sampled_from(["threatened", "imminent"]),  # so that any date is possible
    attribution=st.none()
    | st.builds(
        Attribution,
        origin=st.sampled_from([None, "outside", "inside"]),
        to=st.none() | names,
        confidence=st.none() | st.sampled_from(Confidence),
    ),
    unprovoked=st.sampled_from([None, "yes", "no", "contested"]),
    capacity=st.sampled_from([None, "own-exhausted", "sufficient"]),
    requested_by_victim=st.none() | st.booleans(),
    ended=st.none() | st.booleans(),
    acts=st.lists(acts, max_size=3, unique=True).map(named),
)
versions = st.builds(
    Version,
    known_at=moments,
    facts=facts,
    asserted_by=names,
    confidence=st.none() | st.sampled_from(Confidence),
    evidence=tags,
)
whole = st.builds(
    Incident,
    id=names,
    title=st.sampled_from(["", "A title: with a colon", "no"]),
    campaign=st.none() | names,
    versions=st.lists(
        versions, min_size=1, max_size=3, unique_by=lambda version: version.known_at
    ).map(tuple),
    findings=st.lists(
        st.builds(
            Finding,
            agreement=names,
            field=st.just("attribution.to"),
            value=names,
            by=names,
            at=moments,
        )
        | st.builds(
            Finding,
            agreement=names,
            field=st.just("attribution"),
            value=st.builds(Attribution, origin=st.just("outside"), to=names),
            by=names,
            at=moments,
        ),
        max_size=2,
        unique_by=lambda each: each.at,
    ).map(tuple),
    decisions=st.lists(
        st.builds(
            Decision,
            agreement=names,
            art=st.sampled_from(["5", "6(1)", "letters-1912"]),
            outcome=st.sampled_from(["adopted", "silence-broken"]),
            at=moments,
            objectors=tags,
        ),
        max_size=2,
        unique_by=lambda each: each.at,
    ).map(tuple),
)


@given(whole)
def test_a_printed_incident_reads_back_the_same(incident: Incident) -> None:
    assert read(dump_incident(incident).encode()) == incident


@given(versions)
def test_facts_go_through_a_record_without_loss(version: Version) -> None:
    body = decode(encode(to_body(version, "incident-1", "a-campaign")), limit=1 << 20)
    assert isinstance(body, dict)
    assert from_body(body, version.asserted_by) == version
    assert read_facts(facts_json(version.facts)) == version.facts
    assert (body["incident"], body["campaign"]) == ("incident-1", "a-campaign")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"known_at": "2026-01-01"}, id="nothing but a time"),
        pytest.param({"facts": {}}, id="no time"),
        pytest.param({"known_at": "2026-01-01", "facts": []}, id="facts as a list"),
        pytest.param({"known_at": "2026-01-01", "facts": {"severity": 4}}, id="a number"),
        pytest.param({"known_at": "2026-01-01", "facts": {"ended": True}}, id="a truth value"),
        pytest.param({"known_at": "2026-01-01", "facts": {"x": "y"}}, id="an unknown key"),
        pytest.param({"known_at": None, "facts": {}}, id="null"),
        pytest.param({"known_at": "2026-01-01", "facts": {"acts": [["a"]] * 1001}}, id="too many"),
    ],
)
def test_a_hostile_body_is_refused(body: dict[str, Json]) -> None:
    if body == {"known_at": "2026-01-01"}:
        assert from_body(body, "ash").facts == Facts()  # the twin that passes
        return
    with pytest.raises(MalformedError):
        from_body(body, "ash")


def test_depth_is_bounded_before_anything_is_read() -> None:
    deep: Json = "x"
    for _ in range(200):
        deep = [deep]
    with pytest.raises(MalformedError) as refusal:
        from_body({"known_at": "2026-01-01", "facts": deep}, "ash")
    assert refusal.value.code == "incident.too-large"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(json_values)
def test_no_body_makes_the_reader_fail_otherwise(value: Json) -> None:
    with suppress(AlliedError):
        from_body({"known_at": "2026-01-01", "facts": value}, "ash")


@given(st.binary(max_size=80))
def test_no_file_makes_the_reader_fail_otherwise(tail: bytes) -> None:
    with suppress(AlliedError):
        load_incidents(FACTS_ONLY + tail, "fuzz.yaml")


class TestKnown:
    """What several versions add up to."""

    first = Version(
        known_at=date(2026, 1, 1),
        asserted_by="ash",
        facts=Facts(
            kind="attack.cyber",
            severity=Severity.LOW,
            attribution=Attribution(origin="outside"),
            acts=(Act(id="act-1", against="ash"),),
        ),
    )
    second = Version(
        known_at=datetime(2026, 1, 2, 9, tzinfo=UTC),
        asserted_by="birch",
        facts=Facts(
            severity=Severity.HIGH,
            attribution=Attribution(to="fox"),
            acts=(Act(id="act-1", by="fox"), Act(id="act-2", against="birch")),
        ),
    )
    incident = Incident(id="x", versions=(second, first))

    def test_later_fields_replace_earlier_ones_and_nothing_else(self) -> None:
        facts = known(self.incident, date(2026, 1, 2)).facts
        assert (facts.kind, facts.severity) == ("attack.cyber", Severity.HIGH)
        assert facts.attribution == Attribution(origin="outside", to="fox")
        assert facts.acts == (
            Act(id="act-1", by="fox", against="ash"),
            Act(id="act-2", against="birch"),
        )

    def test_what_is_not_known_yet_is_left_out(self) -> None:
        early = known(self.incident, datetime(2026, 1, 2, 8, 59, tzinfo=UTC))
        assert (early.facts, early.last) == (self.first.facts, date(2026, 1, 1))
        assert known(self.incident, date(2025, 12, 31)).first is None

    def test_it_says_who_stated_what(self) -> None:
        stated = known(self.incident, date(2026, 1, 2)).stated
        assert stated["kind"] == "ash on 2026-01-01"
        assert stated["severity"] == "birch on 2026-01-02T09:00:00Z"
        assert stated["act-1.by"] == "birch on 2026-01-02T09:00:00Z"
        assert stated["attribution.from"] == "ash on 2026-01-01"

    def test_days_begin_in_the_time_zone_that_asks(self) -> None:
        moment = datetime(2025, 12, 31, 23, 30, tzinfo=UTC)
        only_first = replace(self.incident, versions=(self.first,))
        assert known(only_first, moment, "Europe/Berlin").first == date(2026, 1, 1)
        assert known(only_first, moment, "UTC").first is None

    def test_acts_without_an_id_are_named_by_their_place(self) -> None:
        acts = named((Act(by="a"), Act(id="x"), Act(by="b")))
        assert [act.id for act in acts] == ["act-1", "x", "act-3"]
