"""What holds for every incident: the properties of the evaluation, by their numbers.

Incidents are drawn over real texts with parties, outsiders and every field that may be
missing. Few of them make sense; all of them have to be answered consistently.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypeVar

import pytest
from hypothesis import assume, given, strategies as st

from allied.agreement.standing import Register
from allied.agreement.terms import Agreement, dump, load
from allied.agreement.values import Confidence, Severity
from allied.record.ids import PartyId
from allied.response.evaluate import evaluate, prepare
from allied.response.incident import (
    Act,
    Attribution,
    Decision,
    Facts,
    Finding,
    Incident,
    Invocation,
    Version,
    named,
)
from allied.response.results import Evaluation
from tests.response.cases import event, texts

T = TypeVar("T")

NAMES = ("three-pact", "presumed-pact", "triple-alliance-1882", "belgian-guarantee-1839")
PARTIES = ("ash", "birch", "cedar", "hub", "watcher", "germany", "italy", "britain", "belgium")
OUTSIDERS = ("fox", "france", "otter")
ANYBODY = st.sampled_from((*PARTIES, *OUTSIDERS))
DAY = date(2026, 5, 1)
AT = date(2026, 6, 1)


def maybe(values: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.none() | values


acts = st.builds(
    Act,
    by=maybe(ANYBODY),
    against=maybe(ANYBODY),
    target=maybe(st.sampled_from(["territory", "systems"])),
    places=maybe(st.sampled_from([(), ("europe",), ("asia", "europe")])),
    latitude=maybe(st.sampled_from([Decimal(50), Decimal(-10)])),
    systems=maybe(st.sampled_from([(), ("domain:www.ash.example",), ("asn:64501",)])),
    sectors=maybe(st.sampled_from([("energy",), ("water",)])),
    supported_by=maybe(st.sampled_from([(), ("germany",)])),
).filter(lambda act: act.by is None or act.by != act.against)
facts = st.builds(
    Facts,
    kind=maybe(
        st.sampled_from(["attack.cyber", "attack.armed", "disaster.natural", "act.war-declaration"])
    ),
    occurred_at=st.just(DAY),
    severity=maybe(st.sampled_from(Severity)),
    phase=maybe(st.sampled_from(["imminent", "active", "past"])),
    attribution=maybe(
        st.builds(
            Attribution,
            origin=maybe(st.sampled_from(["outside", "inside"])),
            to=maybe(ANYBODY),
            confidence=maybe(st.sampled_from(Confidence)),
        )
    ),
    unprovoked=maybe(st.sampled_from(["yes", "no", "contested"])),
    capacity=maybe(st.sampled_from(["own-exhausted", "sufficient"])),
    requested_by_victim=maybe(st.booleans()),
    acts=st.lists(acts, max_size=4).map(named),
)
calls = st.builds(
    Invocation,
    agreement=st.just("three-pact"),
    art=st.sampled_from(["1", "6"]),
    by=ANYBODY,
    at=st.sampled_from([DAY, datetime(2026, 5, 2, tzinfo=UTC), AT]),
)
decisions = st.builds(
    Decision,
    agreement=st.just("three-pact"),
    art=st.just("1"),
    outcome=st.sampled_from(["adopted", "adopted", "rejected"]),
    at=st.sampled_from([DAY, AT]),
)
findings = st.builds(
    Finding,
    agreement=st.just("three-pact"),
    field=st.just("severity"),
    value=st.sampled_from(["low", "severe"]),
    by=st.sampled_from(["board", "fox"]),
    at=st.just(DAY),
)


@st.composite
def incidents(draw: st.DrawFn, name: str = "it") -> Incident:
    return Incident(
        id=name,
        campaign=draw(st.sampled_from([None, "spring"])),
        versions=(Version(known_at=DAY, facts=draw(facts), asserted_by="ash"),),
        invocations=tuple(draw(st.lists(calls, max_size=2))),
        decisions=tuple(draw(st.lists(decisions, max_size=1))),
        findings=tuple(draw(st.lists(findings, max_size=1))),
    )


def register(*names: str) -> Register:
    chosen = names or NAMES
    events = (
        event("three-pact", "suspended", "birch", "2025-01-01", towards="cedar"),
        event("three-pact", "reservation", "cedar", "2025-01-01", art="2", effect="exclude"),
    )
    return Register(
        {name: texts()[name] for name in chosen},
        tuple(each for each in events if each.agreement in chosen),
    )


WHOLE = prepare(register())


def answer(*given: Incident, viewpoint: str | None = None) -> Evaluation:
    return evaluate(WHOLE, given, None, PartyId(viewpoint) if viewpoint else None, at=AT)


def with_facts(incident: Incident, **changes: Any) -> Incident:
    (version,) = incident.versions
    return replace(
        incident,
        versions=(replace(version, facts=replace(version.facts, **changes)),),
    )


def outcomes(evaluation: Evaluation) -> dict[tuple[str, str], str]:
    return {(each.agreement, each.art): each.outcome for each in evaluation.results}


def keys(evaluation: Evaluation) -> set[str]:
    return {each.key for each in evaluation.obligations}


RESPONSES = [
    (name, clause.art)
    for name in NAMES
    for clause in texts()[name].articles
    if clause.TYPE == "collective-response"
]


@given(incidents(), incidents("other"), st.randoms(use_true_random=False))
def test_p1_order_of_the_input_does_not_matter(
    one: Incident, other: Incident, shuffler: random.Random
) -> None:
    whole = answer(one, other)

    def shuffled(values: Iterable[T]) -> tuple[T, ...]:
        mixed = list(values)
        shuffler.shuffle(mixed)
        return tuple(mixed)

    (version,) = one.versions
    mixed = replace(
        with_facts(one, acts=shuffled(version.facts.acts)), invocations=shuffled(one.invocations)
    )
    given_texts = {
        name: replace(text, articles=shuffled(text.articles), parties=shuffled(text.parties))
        for name, text in shuffled(register().agreements.items())
    }
    again = evaluate(
        Register(given_texts, shuffled(register().events)),
        shuffled((other, mixed)),
        None,
        None,
        at=AT,
    )
    assert again == whole


@pytest.mark.parametrize(
    ("day", "covered"),
    [
        pytest.param(date(2019, 12, 31), False, id="the day before entry into force"),
        pytest.param(date(2020, 1, 1), True, id="on that day"),
    ],
)
@given(incident=incidents())
def test_p2_before_entry_into_force_nothing_is_owed(
    day: date, covered: bool, incident: Incident
) -> None:
    found = evaluate(WHOLE, [incident], day, None, at=AT)
    owed = {each.agreement for each in found.obligations} & {"three-pact", "presumed-pact"}
    assert covered or not owed
    if not covered:
        reasons = {each.reason for each in found.results if each.agreement == "three-pact"}
        assert reasons == {"not-in-force"}


@given(incidents())
def test_p3_a_debtor_is_a_party_and_every_obligation_has_its_clause(incident: Incident) -> None:
    found = answer(incident)
    met = {
        (each.agreement, each.art)
        for each in found.results
        if each.outcome in {"met", "provisional"}
    }
    for each in found.obligations:
        text = texts()[each.agreement]
        assert each.debtor in text.party_ids
        assert each.debtor != "watcher"
        assert text.clause(each.art).operative
        assert (each.agreement, each.art) in met
        assert each.explanation


@given(incidents())
def test_p4_nobody_owes_itself_and_no_attacker_is_helped(incident: Incident) -> None:
    edges = {(act.by, act.against) for act in incident.versions[0].facts.acts}
    for each in answer(incident).obligations:
        assert each.debtor != each.creditor
        if (each.agreement, each.art) in RESPONSES and each.creditor != "the group":
            if each.art != "9":  # there the creditor is named, whoever the victim is
                assert any(against == each.creditor for _, against in edges)
            assert (each.creditor, each.creditor) not in edges


RENAMED = {"ash": "alder", "birch": "beech", "cedar": "chestnut"}


def rename(text: str) -> str:
    return re.sub(r"\b(ash|birch|cedar)\b", lambda found: RENAMED[found[0]], text)


def renamed_incident(incident: Incident) -> Incident:
    def name(value: str | None) -> str | None:
        return rename(value) if value else value

    (version,) = incident.versions
    its = version.facts
    return replace(
        with_facts(
            incident,
            acts=tuple(
                replace(
                    act,
                    by=name(act.by),
                    against=name(act.against),
                    systems=tuple(map(rename, act.systems)) if act.systems is not None else None,
                )
                for act in its.acts
            ),
            attribution=replace(its.attribution, to=name(its.attribution.to))
            if its.attribution
            else None,
        ),
        invocations=tuple(replace(call, by=rename(call.by)) for call in incident.invocations),
    )


@given(incidents())
def test_p5_renaming_the_parties_renames_the_result(incident: Incident) -> None:
    text = texts()["three-pact"]
    (other,) = load(rename(dump(text)).encode(), "renamed.yaml")
    assert isinstance(other, Agreement)
    plain = evaluate(Register({text.id: text}), [incident], None, None, at=AT)
    moved = evaluate(Register({other.id: other}), [renamed_incident(incident)], None, None, at=AT)

    def shown(evaluation: Evaluation) -> str:
        # Hashes name texts and parties, so they differ; whoever asserted it keeps its name.
        raw = json.dumps(evaluation.to_json(), sort_keys=True)
        return re.sub(r"[0-9a-f]{64}|\((ash|alder) on", "x", raw)

    assert shown(moved) == re.sub(r"[0-9a-f]{64}|\((ash|alder) on", "x", rename(shown(plain)))


@given(incidents())
def test_p5_parties_that_are_not_involved_are_interchangeable(incident: Incident) -> None:
    facts = incident.versions[0].facts
    involved = {act.by for act in facts.acts} | {act.against for act in facts.acts}
    assume(not involved & {"birch", "cedar"})
    found = evaluate(register("presumed-pact"), [incident], None, None, at=AT)
    owed = {(each.debtor, each.creditor) for each in found.obligations}
    swap = {"birch": "cedar", "cedar": "birch"}
    assert {(swap.get(a, a), swap.get(b, b)) for a, b in owed} == owed


@given(incidents(), st.data())
def test_p6_a_wider_scope_removes_no_obligation(incident: Incident, data: st.DataObject) -> None:
    text = texts()["three-pact"]
    scope = text.scopes["plant"]
    wider = data.draw(
        st.sampled_from([
            replace(scope, systems=(*scope.systems, "asn:64501")),
            replace(scope, sectors=(*scope.sectors, "water")),
            replace(scope, systems=()),
            replace(scope, sectors=(), systems=()),
        ])
    )  # fmt: skip
    larger = replace(text, scopes=type(text.scopes)({"plant": wider}))
    before = evaluate(Register({text.id: text}), [incident], None, None, at=AT)
    after = evaluate(Register({text.id: larger}), [incident], None, None, at=AT)
    assert keys(before) <= keys(after)


@given(incidents(), st.lists(st.sampled_from(Severity), min_size=2, max_size=2))
def test_p7_raising_the_severity_never_unmakes_an_answer(
    incident: Incident, severities: list[Severity]
) -> None:
    before, after = (
        answer(with_facts(incident, severity=severity)) for severity in sorted(severities)
    )
    for clause, outcome in outcomes(before).items():
        if outcome == "met":
            assert outcomes(after)[clause] == "met"
    assert keys(before) <= keys(after)


FILLERS: Mapping[str, tuple[object, ...]] = {
    "kind": ("attack.cyber", "attack.armed", "disaster.natural"),
    "severity": tuple(Severity),
    "phase": ("imminent", "past"),
    "unprovoked": ("yes", "no"),
    "capacity": ("own-exhausted", "sufficient"),
    "requested_by_victim": (True, False),
    "by": OUTSIDERS,  # a party would rebut a presumption
    "against": (*PARTIES, *OUTSIDERS),
    "systems": (("domain:www.ash.example",), ("asn:1",)),
    "sectors": (("energy",), ("water",)),
    "supported_by": ((), ("germany",)),
}


@given(incidents(), st.data())
def test_p8_filling_an_unknown_never_flips_an_answer(
    incident: Incident, data: st.DataObject
) -> None:
    facts = incident.versions[0].facts
    gaps = [
        (act.id, field)
        for act in facts.acts
        for field in ("by", "against", "systems", "sectors", "supported_by")
        if getattr(act, field) is None
    ]
    gaps += [
        ("", field) for field in FILLERS if hasattr(facts, field) and getattr(facts, field) is None
    ]
    assume(gaps)
    place, field = data.draw(st.sampled_from(gaps))
    value: Any = data.draw(st.sampled_from(FILLERS[field]))
    if place:
        filled = tuple(
            replace(act, **{field: value}) if act.id == place else act for act in facts.acts
        )
        assume(all(act.by is None or act.by != act.against for act in filled))
        changed = with_facts(incident, acts=filled)
    else:
        changed = with_facts(incident, **{field: value})
    before, after = outcomes(answer(incident)), outcomes(answer(changed))
    for clause in before:
        if before[clause] in {"met", "not-met", "open"}:
            assert after[clause] == before[clause], clause


@given(incidents())
def test_p9_an_unrelated_instrument_changes_nothing_else(incident: Incident) -> None:
    alone = evaluate(register("three-pact"), [incident], None, None, at=AT)
    beside = answer(incident)
    assert alone.results == tuple(each for each in beside.results if each.agreement == "three-pact")


@given(incidents())
def test_p10_a_suspended_pair_changes_only_its_own_duties(incident: Incident) -> None:
    text = {"presumed-pact": texts()["presumed-pact"]}
    pair = event("presumed-pact", "suspended", "birch", "2025-01-01", towards="ash")
    before = evaluate(Register(text), [incident], None, None, at=AT)
    after = evaluate(Register(text, (pair,)), [incident], None, None, at=AT)
    gone = {
        (each.debtor, each.creditor) for each in before.obligations if each.key not in keys(after)
    }
    assert keys(after) <= keys(before)
    assert gone <= {("birch", "ash")}
    assert ("birch", "ash") not in {(each.debtor, each.creditor) for each in after.obligations}


@given(incidents())
def test_p11_a_one_way_clause_never_binds_the_other_side(incident: Incident) -> None:
    owed = [each for each in answer(incident).obligations if each.art == "9"]
    assert {(each.debtor, each.creditor) for each in owed} <= {("ash", "birch")}


@given(incidents(), incidents("other"))
def test_p13_evaluating_twice_gives_the_same(one: Incident, other: Incident) -> None:
    first = answer(one, other)
    assert answer(one, other) == first
    assert len(keys(first)) == len(first.obligations)


@given(incidents())
def test_p14_nobody_becomes_a_victim_by_an_obligation(incident: Incident) -> None:
    victims = {act.against for act in incident.versions[0].facts.acts}
    for each in answer(incident).obligations:
        if (each.agreement, each.art) in RESPONSES and each.art != "9":
            assert each.creditor == "the group" or each.creditor in victims


@given(incidents(), st.sampled_from((*PARTIES, *OUTSIDERS)))
def test_p18_a_viewpoint_is_the_register_restricted_to_it(
    incident: Incident, viewpoint: str
) -> None:
    visible = [
        name
        for name in NAMES
        if texts()[name].visibility == "public" or viewpoint in texts()[name].party_ids
    ]
    found = answer(incident, viewpoint=viewpoint)
    if viewpoint in {"ash", "birch", "cedar", "hub"} or "three-pact" not in visible:
        assert found == evaluate(register(*visible), [incident], None, None, at=AT)
    else:  # the restricted article of three-pact is hidden from everybody else
        assert {each.art for each in found.results if each.agreement == "three-pact"} == {
            "1", "2", "3", "4", "5", "6", "7",
        }  # fmt: skip
        assert found == evaluate(register(*visible), [incident], None, PartyId(viewpoint), at=AT)


@given(incidents())
def test_every_answer_is_explained_and_says_what_is_missing(incident: Incident) -> None:
    for each in answer(incident).results:
        assert each.explanation
        assert all(line.because and len(line.text_hash) == 64 for line in each.explanation)
        assert bool(each.missing) is (each.outcome in {"undetermined", "provisional"})
        assert bool(each.reason) is (each.outcome != "met")
        if each.outcome == "met":
            assert {line.answer for line in each.explanation} == {"yes"}
        assert json.dumps(each.to_json())


REASONS = frozenset({
    "not-in-force", "expired", "clause-not-yet", "victim-not-party", "victim-not-yet-ratified",
    "victim-withdrawn", "suspended-towards", "intra-party", "attacker-not-named", "no-case", "kind",
    "out-of-scope", "below-threshold", "not-attributed", "provoked", "capacity", "phase",
    "not-invoked", "late", "wrong-caller", "pending-decision", "rejected", "silence-broken",
    "ended", "condition", "text-mismatch", "not-a-beneficiary",
})  # fmt: skip


@given(incidents())
def test_every_reason_is_one_that_is_documented(incident: Incident) -> None:
    assert {each.reason for each in answer(incident).results} <= REASONS | {""}
