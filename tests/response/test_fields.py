"""Fields that decide only sometimes: sides, roles by impact, open incidents, flags, interim.

Each is held beside its twin: the same incident under the same text, with one word changed.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from allied.agreement.check_doubt import owing
from allied.agreement.clauses import CollectiveResponse
from allied.agreement.events import CLEARED, FLAGGED, Event, Register
from allied.agreement.standing import start_of_day
from allied.agreement.terms import Agreement, load
from allied.errors import MalformedError
from allied.response.evaluate import evaluate
from allied.response.results import Evaluation
from tests.response.cases import event, incidents, obligations, owed, result, verdict

PACT = """
format: alliance/1
id: pact
form: {kind: treaty}
TOP
parties:
  - {ids: [ash, birch, cedar], joined: 2020-01-01}
life: {in_force_when: all signed, withdrawal: {notice: 30 days LEAVING}}
bodies: {council: {rule: {kind: consensus}}}
articles:
  - {art: "1", type: collective-response, trigger: {incident: attack.armed},
     invoked_by: victim MORE,
     duties: [{do: assist, modality: must, means: as-listed, measures: [ships]}]}
  - {art: "2", type: restraint, kind: non-aggression}
"""
ATTACK = """
id: raid
versions:
  - known_at: 2025-05-01
    facts:
      kind: attack.armed
      occurred_at: 2025-05-01
      acts: [{by: fox, against: ash}]
"""


def called(day: str, by: str = "ash") -> str:
    return f"{ATTACK}invocations: [{{agreement: pact, art: '1', by: {by}, at: {day}}}]\n"


def text(top: str = "", leaving: str = "", more: str = "") -> Agreement:
    yaml = PACT.replace("TOP", top)
    yaml = yaml.replace("LEAVING", f", open_incidents: {leaving}" if leaving else "")
    yaml = yaml.replace("MORE", f", {more}" if more else "")
    (value,) = load(yaml.encode(), "pact")
    assert isinstance(value, Agreement)
    return value


def hold(pact: Agreement, incident: str, *events: Event, at: str = "2025-12-31") -> Evaluation:
    register = Register({"pact": pact}, events)
    return evaluate(register, incidents(incident), None, None, at=date.fromisoformat(at))


# --- leaving ------------------------------------------------------------------------------------

NOTICE = event("pact", "notice", "birch", "2025-05-02")  # out at the end of 1 June


@pytest.mark.parametrize(
    ("leaving", "call", "owes"),
    [
        pytest.param("finish-accrued", "2025-05-10", True, id="accrued: owed before it left"),
        pytest.param("finish-accrued", "2025-06-10", False, id="accrued: called after it left"),
        pytest.param("", "2025-05-10", True, id="by default: owed before it left"),
        pytest.param("", "2025-06-10", False, id="by default: called after it left"),
        pytest.param("finish", "2025-05-10", True, id="finish: owed before it left"),
        pytest.param("finish", "2025-06-10", True, id="finish: called after it left"),
        pytest.param("stop", "2025-05-10", False, id="stop: owed before it left"),
        pytest.param("stop", "2025-06-10", False, id="stop: called after it left"),
    ],
)
def test_what_the_text_says_of_open_incidents_decides_what_outlives_an_exit(
    leaving: str, call: str, owes: bool
) -> None:
    found = hold(text(leaving=leaving), called(call), NOTICE)

    assert (("birch", "ash") in owed(found, "1")) is owes
    assert ("cedar", "ash") in owed(found, "1")
    told = {note.code for note in result(found, "1").notes}
    assert ("left" in told) is not owes  # what is not owed is said, never dropped in silence


def test_stopping_ends_what_is_owed_on_the_day_of_the_exit_and_not_before() -> None:
    stop = text(leaving="stop")
    assert ("birch", "ash") in owed(hold(stop, called("2025-05-10"), NOTICE, at="2025-06-01"), "1")
    assert ("birch", "ash") not in owed(
        hold(stop, called("2025-05-10"), NOTICE, at="2025-06-02"), "1"
    )


def test_who_has_left_is_owed_nothing_new_either() -> None:
    leaves = event("pact", "notice", "ash", "2025-05-02")
    assert owed(hold(text(), called("2025-05-10"), leaves), "1") == {
        ("birch", "ash"),
        ("cedar", "ash"),
    }
    assert owed(hold(text(), called("2025-06-10"), leaves), "1") == set()


# --- sides --------------------------------------------------------------------------------------


def test_those_on_one_side_owe_each_other_nothing() -> None:
    pact = text()
    sides = {"ash": "coast", "birch": "coast", "cedar": "hills"}
    split = replace(pact, parties=tuple(replace(p, side=sides[p.id]) for p in pact.parties))

    assert owed(hold(pact, called("2025-05-01")), "1") == {("birch", "ash"), ("cedar", "ash")}
    assert owed(hold(split, called("2025-05-01")), "1") == {("cedar", "ash")}


# --- roles by impact ----------------------------------------------------------------------------

BY_IMPACT = "cedar], joined: 2020-01-01}\n  - {id: office, joined: 2020-01-01, role: ROLE"
CONDITION = "{role: member, when: impact high, else: observer}"


def with_office(role: str) -> Agreement:
    yaml = PACT.replace("cedar], joined: 2020-01-01", BY_IMPACT.replace("ROLE", role))
    for word in ("TOP", "LEAVING", "MORE"):
        yaml = yaml.replace(word, "")
    (value,) = load(yaml.encode(), "pact")
    assert isinstance(value, Agreement)
    return value


def grave(severity: str, incident: str) -> str:
    return incident.replace("occurred_at", f"severity: {severity}\n      occurred_at", 1)


@pytest.mark.parametrize(
    ("severity", "owes"),
    [
        pytest.param("high", True, id="at the impact named"),
        pytest.param("severe", True, id="above it"),
        pytest.param("medium", False, id="below it"),
        pytest.param("", False, id="unknown is never yes"),
    ],
)
def test_a_role_that_depends_on_the_impact_decides_who_owes(severity: str, owes: bool) -> None:
    incident = called("2025-05-01")
    found = hold(with_office(CONDITION), grave(severity, incident) if severity else incident)
    assert (("office", "ash") in owed(found, "1")) is owes
    assert ("birch", "ash") in owed(found, "1")


@pytest.mark.parametrize(
    ("severity", "expected"),
    [
        pytest.param("severe", ("met", "", ()), id="a member is a victim"),
        pytest.param("low", ("not-met", "victim-not-party", ()), id="an observer is none"),
        pytest.param(
            "", ("undetermined", "victim-not-party", ("severity",)), id="what it is hangs on a fact"
        ),
    ],
)
def test_a_role_that_depends_on_the_impact_decides_who_is_a_victim(
    severity: str, expected: tuple[str, str, tuple[str, ...]]
) -> None:
    incident = called("2025-05-01", "office").replace("against: ash", "against: office")
    found = hold(with_office(CONDITION), grave(severity, incident) if severity else incident)
    its = result(found, "1")
    assert (its.outcome, its.reason, its.missing) == expected


@pytest.mark.parametrize("when", ["impact huge", "high", "the moon is full"])
def test_a_role_depends_on_nothing_but_an_impact(when: str) -> None:
    with_office(CONDITION)  # the twin that loads
    with pytest.raises(MalformedError):
        with_office(CONDITION.replace("impact high", when))


# --- words against fields -----------------------------------------------------------------------


def about(what: str, day: str, art: str = "1") -> Event:
    at = start_of_day(date.fromisoformat(day), "UTC")
    return Event("pact", what, None, at, art=art, day=True)


def test_a_flagged_article_is_left_to_people_until_it_is_cleared() -> None:
    pact, incident = text(), called("2025-05-01")
    flagged = about(FLAGGED, "2025-06-01")

    before = hold(pact, incident, flagged, at="2025-05-31")
    frozen = hold(pact, incident, flagged)
    cleared = hold(pact, incident, flagged, about(CLEARED, "2025-07-01"))

    assert verdict(before, "1") == verdict(cleared, "1") == ("met", "")
    assert verdict(frozen, "1") == ("undetermined", "text-mismatch")
    assert result(frozen, "1").missing == ("text-mismatch",)
    assert obligations(frozen, "1") == []
    assert "text-mismatch" in {note.code for note in result(frozen, "1").notes}


def test_a_flag_holds_for_its_own_article_and_only_where_the_words_count() -> None:
    clash = called("2025-05-01").replace("by: fox", "by: cedar")
    flagged = about(FLAGGED, "2025-06-01", "2")
    assert verdict(hold(text(), clash), "2") == ("met", "")
    assert verdict(hold(text(), clash, flagged), "2") == ("undetermined", "text-mismatch")
    assert verdict(hold(text(), called("2025-05-01"), flagged), "1") == ("met", "")
    fields = text(top="authority: fields")
    assert verdict(hold(fields, clash, flagged), "2") == ("met", "")


# --- before the decision ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "measures"),
    [
        pytest.param("own", (), id="each chooses its own"),
        pytest.param("as-listed", ("ships",), id="as the duty lists"),
    ],
)
def test_until_the_body_decides_each_may_do_something_by_itself(
    choice: str, measures: tuple[str, ...]
) -> None:
    pact = text(more=f"decision: {{body: council}}, interim: {{choice: {choice}}}")
    found = hold(pact, called("2025-05-01"))

    assert verdict(found, "1") == ("open", "pending-decision")
    assert {(e.debtor, e.state, e.modality, e.measures) for e in obligations(found, "1")} == {
        ("birch", "invited", "may", measures),
        ("cedar", "invited", "may", measures),
    }
    adopted = called("2025-05-01") + (
        "decisions: [{agreement: pact, art: '1', outcome: adopted, at: 2025-05-02}]\n"
    )
    assert {e.state for e in obligations(hold(pact, adopted), "1")} == {"owed"}
    assert obligations(hold(pact, adopted.replace("adopted", "rejected")), "1") == []


def test_without_a_request_of_the_victim_nobody_is_invited_unless_the_text_says_so() -> None:
    asked = text(more="decision: {body: council}, interim: {choice: own}")
    unasked = text(
        more="decision: {body: council}, interim: {choice: own, on_request_of_victim: no}"
    )
    assert obligations(hold(asked, ATTACK), "1") == []
    assert owed(hold(unasked, ATTACK), "1", "invited") == {("birch", "ash"), ("cedar", "ash")}


# --- who can owe --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "owes"),
    [
        pytest.param("member", True, id="a member"),
        pytest.param("guarantor", True, id="a guarantor"),
        pytest.param("protected", False, id="a protected party"),
        pytest.param("observer", False, id="an observer"),
    ],
)
def test_the_linter_and_the_evaluation_agree_on_who_can_owe(role: str, owes: bool) -> None:
    pact = with_office(role)
    clause = pact.articles[0]
    assert ("office" in pact.bound_by(clause)) is owes
    assert ("office" in owing(pact, clause)) is owes
    assert (("office", "ash") in owed(hold(pact, called("2025-05-01")), "1")) is owes


def test_who_the_clause_does_not_bind_owes_nothing_under_it_even_by_name() -> None:
    pact = text()
    clause = pact.articles[0]
    assert isinstance(clause, CollectiveResponse)
    duties = tuple(replace(duty, who=("birch", "cedar")) for duty in clause.duties)
    both = replace(pact, articles=(replace(clause, duties=duties),))
    narrow = replace(pact, articles=(replace(clause, duties=duties, binds=("cedar",)),))
    assert owed(hold(both, called("2025-05-01")), "1") == {("birch", "ash"), ("cedar", "ash")}
    assert owed(hold(narrow, called("2025-05-01")), "1") == {("cedar", "ash")}


def test_since_when_something_is_owed_follows_the_severity_that_was_known_then() -> None:
    grows = grave("low", called("2025-05-01")).replace("against: ash", "against: office")
    grows = grows.replace("by: ash, at: 2025-05-01", "by: office, at: 2025-05-01").replace(
        "invocations:", "  - {known_at: 2025-05-04, facts: {severity: severe}}\ninvocations:"
    )
    (birch, *_) = obligations(hold(with_office(CONDITION), grows), "1")
    assert (birch.debtor, birch.creditor) == ("ash", "office")
    assert birch.opened_at == start_of_day(date(2025, 5, 4), "UTC")


# --- what is added up ---------------------------------------------------------------------------

SMALL = """
id: NAME
CAMPAIGN
versions:
  - known_at: 2025-05-0DAY
    facts:
      kind: attack.armed
      occurred_at: 2025-05-0DAY
      severity: medium
      acts: [{by: fox, against: ash}]
"""


def small(name: str, day: int, campaign: str = "") -> str:
    text = SMALL.replace("NAME", name).replace("DAY", str(day))
    return text.replace("CAMPAIGN", f"campaign: {campaign}" if campaign else "")


@pytest.mark.parametrize(
    ("same", "campaigns", "severity", "outcome"),
    [
        pytest.param("yes", ("spring", "spring"), "severe", "met", id="one campaign, one asked"),
        pytest.param("yes", ("spring", "autumn"), "severe", "not-met", id="two, one asked"),
        pytest.param("yes", ("", ""), "severe", "not-met", id="none, one asked"),
        pytest.param("no", ("spring", "autumn"), "severe", "met", id="two, any will do"),
        pytest.param("no", ("", ""), "severe", "met", id="none, any will do"),
        pytest.param("no", ("", ""), "emergency", "not-met", id="too little all the same"),
    ],
)
def test_incidents_are_added_up_in_one_campaign_or_in_any(
    same: str, campaigns: tuple[str, str], severity: str, outcome: str
) -> None:
    trigger = (
        f"{{incident: attack.armed, severity: at least {severity},"
        f" aggregate: {{severity: sum, same_campaign: {same}, window: 3 days}}}}"
    )
    yaml = PACT.replace("{incident: attack.armed}", trigger).replace("invoked_by: victim MORE,", "")
    for word in ("TOP", "LEAVING"):
        yaml = yaml.replace(word, "")
    (pact,) = load(yaml.encode(), "pact")
    assert isinstance(pact, Agreement)
    both = "\n---\n".join(small(n, d, c) for n, d, c in zip("ab", (1, 3), campaigns, strict=True))
    found = hold(pact, both)
    second = next(each for each in found.results if each.art == "1" and each.incident == "b")
    first = next(each for each in found.results if each.art == "1" and each.incident == "a")
    assert (second.outcome, first.outcome) == (outcome, "not-met")  # what comes later counts not
    before = hold(pact, both, at="2025-05-01")
    assert [each.incident for each in before.results if each.art == "1"] == ["a"]
    if outcome == "met":
        apart = both.replace("2025-05-03", "2025-05-09")
        far = [e.outcome for e in hold(pact, apart).results if e.art == "1" and e.incident == "b"]
        assert far == ["not-met"]


# --- who attacks --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attacker", "by", "expected"),
    [
        pytest.param("[not-a-party, cedar]", "fox", ("met", ""), id="an outsider"),
        pytest.param("[not-a-party, cedar]", "cedar", ("met", ""), id="a party that is named"),
        pytest.param("[not-a-party, cedar]", "birch", ("not-met", "intra-party"), id="another one"),
        pytest.param("[not-a-party, cedar]", "", ("undetermined", "intra-party"), id="unknown"),
        pytest.param("[anyone, cedar]", "", ("met", ""), id="unknown, presumed an outsider"),
        pytest.param("not-a-party", "cedar", ("not-met", "intra-party"), id="the twin: not named"),
        pytest.param("cedar", "fox", ("not-met", "attacker-not-named"), id="names only"),
    ],
)
def test_attackers_that_are_named_count_beside_outsiders(
    attacker: str, by: str, expected: tuple[str, str]
) -> None:
    yaml = PACT.replace("{incident: attack.armed}", f"{{incident: attack, attacker: {attacker}}}")
    for word in ("TOP", "LEAVING", "MORE"):
        yaml = yaml.replace(word, "")
    (pact,) = load(yaml.encode(), "pact")
    assert isinstance(pact, Agreement)
    who = called("2025-05-01").replace("by: fox, ", f"by: {by}, " if by else "")
    assert verdict(hold(pact, who), "1") == expected
