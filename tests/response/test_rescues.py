"""Scenario 28: who rescues in good faith is protected by the terms at the start of the rescue.

Asked over the template that ships, and over the same text with one word changed.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

import allied.agreement
from allied.agreement.events import Event, Register
from allied.agreement.terms import Agreement, load
from allied.errors import MalformedError
from allied.record.ids import PartyId
from allied.response.evaluate import evaluate
from allied.response.incident_file import dump_incident, facts_json, load_incidents, read_facts
from allied.response.results import Evaluation
from tests.response.cases import incidents, obligations, owed, result, verdict

TEMPLATE = Path(allied.agreement.__file__).parent / "templates" / "safe-harbour.yaml"
CONDITIONS = (
    "an attack is active or imminent",
    "only what saving needs is done",
    "only the reward is kept",
)
KEPT = "{" + ", ".join(f"{each}: yes" for each in CONDITIONS) + "}"
NIGHT = (
    "id: night, by: moth, for: owner, systems: ['account:vault-owner'], phase: active,"
    f" started_at: '2026-05-01T22:00:00Z', conditions: {KEPT}"
)


def happened(*rescues: str, facts: str = "") -> str:
    stated = "\n".join(f"        - {{{each}}}" for each in rescues)
    return f"""
id: drain
versions:
  - known_at: "2026-05-01T23:00:00Z"
    facts:
      kind: attack.cyber.fraud
      occurred_at: "2026-05-01T21:00:00Z"
      {facts}
      rescues:
{stated}
"""


def terms(old: str = "", new: str = "") -> Agreement:
    text = TEMPLATE.read_text(encoding="utf-8")
    assert old in text
    (value,) = load(text.replace(old, new).encode(), "safe-harbour")
    assert isinstance(value, Agreement)
    return value


def said(what: str, party: str, at: str) -> Event:
    moment = datetime.fromisoformat(at).astimezone(UTC)
    return Event("safe-harbour", what, PartyId(party), moment)


ADOPTED = (
    said("signed", "owner", "2026-01-01T00:00:00+00:00"),
    said("signed", "steward", "2026-01-01T00:00:00+00:00"),
)
LEAVES = said("notice", "owner", "2026-05-02T00:00:00+00:00")  # out on 9 May
ENDED = Event("safe-harbour", "terminated", None, datetime(2026, 5, 2, tzinfo=UTC))


def hold(
    text: str, *events: Event, at: str = "2026-06-30", pact: Agreement | None = None
) -> Evaluation:
    register = Register({"safe-harbour": pact or terms()}, (*ADOPTED, *events))
    moment = datetime.fromisoformat(at) if "T" in at else date.fromisoformat(at)
    return evaluate(register, incidents(text), None, None, at=moment)


# --- scenario 28 --------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [LEAVES, ENDED], ids=["the owner leaves", "the terms are ended"])
def test_28_a_rescue_under_way_stays_covered_and_a_new_one_is_not(ending: Event) -> None:
    later = NIGHT.replace("id: night", "id: late").replace("05-01T22", "05-20T22")
    under_way = hold(happened(NIGHT), ending)
    assert verdict(under_way, "1") == ("met", "")
    assert ("owner", "moth") in owed(under_way, "1")

    begun_after = hold(happened(later), ending)
    assert verdict(begun_after, "1") == ("not-met", "expired")
    assert owed(begun_after, "1") == set()
    assert verdict(hold(happened(later)), "1") == ("met", "")  # the twin: nobody ended anything

    both = hold(happened(NIGHT, later), ending)
    assert verdict(both, "1") == ("met", "")
    assert [(each.act, each.answer) for each in result(both, "1").acts] == [
        ("late", "no"),
        ("night", "yes"),
    ]
    assert {each.act for each in obligations(both, "1") if each.debtor == "owner"} == {
        "not pursue moth for the rescue night"
    }
    notes = {note.code: note.text for note in result(both, "1").notes}
    assert "late is not protected (expired)" in notes["rescue-not-protected"]


@pytest.mark.parametrize(
    ("ended_at", "outcome"),
    [
        pytest.param("", "not-met", id="under way when the terms end"),
        pytest.param("2026-05-01T23:30:00Z", "met", id="over before the terms end"),
    ],
)
def test_28_terms_that_are_not_frozen_reach_a_rescue_under_way(ended_at: str, outcome: str) -> None:
    rescue = NIGHT + (f", ended_at: '{ended_at}'" if ended_at else "")
    thawed = terms("frozen_at_start: yes", "frozen_at_start: no")
    assert verdict(hold(happened(rescue), ENDED, pact=thawed), "1")[0] == outcome
    assert verdict(hold(happened(rescue), pact=thawed), "1")[0] == "met"
    assert verdict(hold(happened(rescue), ENDED), "1")[0] == "met"  # frozen: the twin


def test_28_the_explanation_says_by_the_terms_of_which_day() -> None:
    lines = result(hold(happened(NIGHT), ENDED), "1").explanation
    assert lines[0].gate == "G1"
    assert "in force on 2026-05-01, when the rescue night began" in lines[0].because
    assert lines[0].facts == ("night.started_at",)
    assert {line.clause for line in lines} == {"safe-harbour Art 1"}


def test_28_a_rescue_before_the_adoption_is_not_covered() -> None:
    early = NIGHT.replace("2026-05-01T22", "2025-12-31T22")
    assert verdict(hold(happened(early)), "1") == ("not-met", "not-in-force")


@pytest.mark.parametrize(
    ("began", "outcome"),
    [
        pytest.param("2026-05-01T22:00:00Z", "met", id="before they were adopted"),
        pytest.param("2026-06-10T22:00:00Z", "met", id="while the notice ran"),
        pytest.param("2026-06-20T22:00:00Z", "not-met", id="after the notice"),
    ],
)
def test_28_new_terms_reach_a_rescue_that_begins_under_them_and_no_other(
    began: str, outcome: str
) -> None:
    narrower = replace(
        terms('account:vault-owner"], growth', 'account:other"], growth'),
        id="safe-harbour-2",
    )
    amended = Event(
        "safe-harbour",
        "amended",
        PartyId("steward"),
        datetime(2026, 5, 2, tzinfo=UTC),
        version="safe-harbour-2",
    )
    register = Register(
        {"safe-harbour": terms(), "safe-harbour-2": narrower},
        (*ADOPTED, amended),
    )
    text = happened(NIGHT.replace("2026-05-01T22:00:00Z", began))
    found = evaluate(register, incidents(text), None, None, at=date(2026, 12, 31))
    mine = [each for each in found.results if each.art == "1"]
    assert [(each.agreement, each.outcome) for each in mine] == [("safe-harbour", outcome)]
    if outcome == "not-met":
        assert mine[0].reason == "out-of-scope"


# --- the gates ----------------------------------------------------------------------------------

UNKNOWN = "undetermined"


@pytest.mark.parametrize(
    ("old", "new", "expected", "missing"),
    [
        ("by: moth, ", "", (UNKNOWN, "not-a-beneficiary"), ("night.by",)),
        ("for: owner, ", "", (UNKNOWN, "victim-not-party"), ("night.for",)),
        ("for: owner", "for: stranger", ("not-met", "victim-not-party"), ()),
        ("for: owner", "for: steward", ("not-met", "victim-not-party"), ()),
        ("by: moth", "by: owner", ("not-met", "not-a-beneficiary"), ()),
        ("phase: active,", "", (UNKNOWN, "phase"), ("night.phase",)),
        ("phase: active", "phase: imminent", ("met", ""), ()),
        ("phase: active", "phase: past", ("not-met", "phase"), ()),
        ("systems: ['account:vault-owner'],", "", (UNKNOWN, "out-of-scope"), ("night.systems",)),
        ("account:vault-owner", "account:other", ("not-met", "out-of-scope"), ()),
        (
            "systems: ['account:vault-owner']",
            "systems: ['account:vault-owner', 'account:other']",
            ("not-met", "out-of-scope"),
            (),
        ),
        (
            "started_at: '2026-05-01T22:00:00Z', ",
            "",
            (UNKNOWN, "not-in-force"),
            ("night.started_at",),
        ),
        (
            "only the reward is kept: yes",
            "only the reward is kept: no",
            ("not-met", "condition"),
            (),
        ),
        (
            ", only the reward is kept: yes",
            "",
            (UNKNOWN, "condition"),
            ("night.conditions.only the reward is kept",),
        ),
    ],
    ids=[
        "nobody says who rescued",
        "nobody says for whom",
        "for a stranger",
        "for a party that the clause does not bind",
        "an owner that rescues itself",
        "nobody says in which phase",
        "while the attack is imminent",
        "after the attack",
        "nobody says what was touched",
        "outside the scope",
        "inside and outside",
        "nobody says when it began",
        "a condition was not kept",
        "nobody says whether a condition was kept",
    ],
)
def test_a_rescue_is_protected_only_by_what_is_stated_and_unknown_is_never_yes(
    old: str, new: str, expected: tuple[str, str], missing: tuple[str, ...]
) -> None:
    assert old in NIGHT
    assert verdict(hold(happened(NIGHT)), "1") == ("met", "")
    found = hold(happened(NIGHT.replace(old, new)))
    assert verdict(found, "1") == expected
    assert result(found, "1").missing == missing
    assert bool(obligations(found, "1")) is (expected[0] == "met")


def test_a_condition_may_be_stated_of_the_incident_too() -> None:
    bare = NIGHT[: NIGHT.index(", conditions")]
    assert verdict(hold(happened(bare)), "1")[0] == UNKNOWN
    assert verdict(hold(happened(bare, facts=f"conditions: {KEPT}")), "1") == ("met", "")


@pytest.mark.parametrize(
    ("beneficiary", "by", "outcome"),
    [
        pytest.param("beneficiary: anyone who meets the conditions", "moth", "met", id="anyone"),
        pytest.param("", "moth", "not-met", id="the parties only"),
        pytest.param("", "steward", "met", id="a party"),
        pytest.param("beneficiary: steward", "steward", "met", id="one party by name"),
        pytest.param("beneficiary: steward", "moth", "not-met", id="somebody else by name"),
    ],
)
def test_whom_the_clause_protects_is_in_its_words(beneficiary: str, by: str, outcome: str) -> None:
    line = "beneficiary: anyone who meets the conditions"
    pact = (
        terms(line, beneficiary or "title: Rescue") if beneficiary else terms(f"    {line}\n", "")
    )
    assert verdict(hold(happened(NIGHT.replace("by: moth", f"by: {by}")), pact=pact), "1")[0] == (
        outcome
    )


def test_without_a_rescue_a_safe_harbour_is_not_met() -> None:
    text = happened(NIGHT)
    found = hold(text[: text.index("      rescues:")])
    assert verdict(found, "1") == ("not-met", "no-case")
    assert result(found, "1").would_change_if == ("rescues: one for owner",)


def test_the_law_of_another_day_can_be_chosen() -> None:
    register = Register({"safe-harbour": terms()}, (*ADOPTED, ENDED))
    found = evaluate(
        register, incidents(happened(NIGHT)), date(2026, 5, 20), None, at=date(2026, 6, 30)
    )
    assert verdict(found, "1") == ("not-met", "expired")


# --- how a scope grows --------------------------------------------------------------------------

CHILD = "domain:new.owner.example"
VAULT = "account:child-vault"
BEFORE = "at: 2025-12-01"
AFTER = "at: 2026-04-01"


@pytest.mark.parametrize(
    ("growth", "system", "added", "outcome"),
    [
        pytest.param("none", CHILD, "", "met", id="none: below by its name"),
        pytest.param("none", CHILD, BEFORE, "met", id="none: there at the entry"),
        pytest.param("none", CHILD, AFTER, "not-met", id="none: added later"),
        pytest.param("existing", CHILD, BEFORE, "met", id="existing: there at the entry"),
        pytest.param("existing", CHILD, AFTER, "not-met", id="existing: added later"),
        pytest.param("future", CHILD, BEFORE, "not-met", id="future: there at the entry"),
        pytest.param("future", CHILD, AFTER, "met", id="future: added later"),
        pytest.param("future", CHILD, "", UNKNOWN, id="future: nobody says since when"),
        pytest.param("all", CHILD, BEFORE, "met", id="all: there at the entry"),
        pytest.param("all", CHILD, AFTER, "met", id="all: added later"),
        pytest.param("none", VAULT, BEFORE, "not-met", id="none: stated to hang below"),
        pytest.param("existing", VAULT, BEFORE, "met", id="existing: stated to hang below"),
        pytest.param("existing", VAULT, AFTER, "not-met", id="existing: hung below later"),
        pytest.param("existing", VAULT, " ", UNKNOWN, id="existing: hung below, some day"),
        pytest.param("future", VAULT, AFTER, "met", id="future: hung below later"),
        pytest.param("all", VAULT, " ", "met", id="all: hung below, some day"),
        pytest.param("all", VAULT, "", "not-met", id="all: nobody says it hangs below"),
        pytest.param("none", "account:vault-owner", AFTER, "met", id="none: named itself"),
    ],
)
def test_a_system_that_was_added_is_in_as_far_as_the_scope_grows(
    growth: str, system: str, added: str, outcome: str
) -> None:
    below = ", below: 'account:vault-owner'" if system == VAULT else ""
    day = f", {added}" if added.strip() else ""
    facts = f"systems_added: [{{system: '{system}'{day}{below}}}]" if added else ""
    pact = terms("growth: all", f"growth: {growth}")
    text = happened(NIGHT.replace("account:vault-owner", system), facts=facts)
    found = hold(text, pact=pact)
    assert verdict(found, "1")[0] == outcome
    if outcome == UNKNOWN:
        assert result(found, "1").missing == ("systems_added",)


# --- what is owed -------------------------------------------------------------------------------


def of(found: Evaluation, duty: int) -> tuple[str, str, str, str, datetime | None]:
    (only,) = [each for each in obligations(found, "1") if each.duty == duty]
    return only.debtor, only.creditor, only.act, only.state, only.perform_by


def test_the_owner_owes_not_to_pursue_and_the_rescuer_to_tell_and_to_return() -> None:
    found = hold(happened(NIGHT), at="2026-05-02T03:00:00+00:00")
    by = datetime(2026, 5, 2, 4, tzinfo=UTC)
    assert of(found, 0) == ("owner", "moth", "not pursue moth for the rescue night", "owed", None)
    assert of(found, 1) == ("moth", "owner", "tell owner of the rescue", "owed", by)
    assert of(found, 2) == (
        "moth",
        "owner",
        "return what was saved to account:vault-owner-recovery",
        "owed",
        None,
    )
    assert all(
        line.clause == "safe-harbour Art 1"
        for each in obligations(found, "1")
        for line in each.explanation
    )
    assert len({each.key for each in obligations(found, "1")}) == 3


@pytest.mark.parametrize(
    ("told", "at", "state", "note"),
    [
        pytest.param("", "2026-05-02T03:59:59+00:00", "owed", "", id="time is left"),
        pytest.param(
            "", "2026-05-02T04:00:00+00:00", "overdue", "rescue-not-told", id="at six hours"
        ),
        pytest.param("2026-05-02T03:59:59Z", "2026-06-30", "performed", "", id="told in time"),
        pytest.param(
            "2026-05-02T04:00:00Z", "2026-06-30", "performed", "rescue-told-late", id="told late"
        ),
        pytest.param(
            "2026-05-03T00:00:00Z",
            "2026-05-02T05:00:00+00:00",
            "overdue",
            "rescue-not-told",
            id="not told yet by then",
        ),
    ],
)
def test_the_owner_is_told_within_six_hours(told: str, at: str, state: str, note: str) -> None:
    rescue = NIGHT + (f", notified_at: '{told}'" if told else "")
    found = hold(happened(rescue), at=at)
    assert of(found, 1)[3] == state
    codes = {each.code for each in result(found, "1").notes} & {
        "rescue-not-told",
        "rescue-told-late",
    }
    assert codes == ({note} if note else set())
    assert verdict(found, "1") == ("met", "")  # late is shown, and takes nothing away


@pytest.mark.parametrize(
    ("back", "state", "noted"),
    [
        pytest.param("", "owed", False, id="not yet"),
        pytest.param("returned_at: 2026-05-03", "performed", False, id="returned"),
        pytest.param(
            "returned_at: 2026-05-03, returned_to: 'account:vault-owner-recovery'",
            "performed",
            False,
            id="to the address of the text",
        ),
        pytest.param(
            "returned_at: 2026-05-03, returned_to: 'account:moth'", "owed", True, id="elsewhere"
        ),
    ],
)
def test_what_was_saved_goes_back_to_the_address_of_the_text(
    back: str, state: str, noted: bool
) -> None:
    found = hold(happened(NIGHT + (f", {back}" if back else "")))
    assert of(found, 2)[3] == state
    codes = {each.code for each in result(found, "1").notes}
    assert ("rescue-returned-elsewhere" in codes) is noted


@pytest.mark.parametrize(
    ("disputed", "state", "code"),
    [
        pytest.param("", "owed", "dispute-until", id="nobody disputes"),
        pytest.param("2026-05-16T23:59:59Z", "disputed", "rescue-disputed", id="in time"),
        pytest.param("2026-05-17T00:00:00Z", "owed", "dispute-late", id="at fifteen days"),
    ],
)
def test_a_dispute_is_raised_within_fifteen_days_of_being_told(
    disputed: str, state: str, code: str
) -> None:
    rescue = NIGHT + ", notified_at: '2026-05-02T00:00:00Z'"
    rescue += f", disputed_at: '{disputed}'" if disputed else ""
    found = hold(happened(rescue))
    assert of(found, 0)[3] == state
    notes = {each.code: each.text for each in result(found, "1").notes}
    assert code in notes
    assert "2026-05-17T00:00:00Z" in notes["dispute-until"]


def test_the_statement_that_nobody_has_to_intervene_is_shown() -> None:
    texts = {each.text for each in result(hold(happened(NIGHT)), "1").notes}
    assert "safe-harbour Art 3: no duty of intervention." in texts


# --- files --------------------------------------------------------------------------------------


def test_a_later_version_completes_a_rescue() -> None:
    first = NIGHT.replace(", only the reward is kept: yes", "")
    text = happened(first) + (
        "  - known_at: 2026-05-03\n"
        "    facts: {rescues: [{id: night, conditions: {only the reward is kept: yes},"
        " notified_at: '2026-05-02T01:00:00Z'}]}\n"
    )
    assert verdict(hold(text, at="2026-05-02"), "1") == (UNKNOWN, "condition")
    complete = hold(text)
    assert verdict(complete, "1") == ("met", "")
    assert of(complete, 1)[3] == "performed"


def test_a_rescue_survives_printing_and_records() -> None:
    facts = f"conditions: {KEPT}\n      systems_added: [{{system: '{CHILD}', {AFTER}}}]"
    (incident,) = incidents(happened(NIGHT, facts=facts))
    assert load_incidents(dump_incident(incident).encode(), "again") == (incident,)
    its = incident.versions[0].facts
    assert read_facts(facts_json(its)) == its


@pytest.mark.parametrize(
    ("rescues", "code"),
    [
        pytest.param((NIGHT, NIGHT), "incident.twice", id="two rescues of one id"),
        pytest.param(
            (NIGHT + ", returned_at: 2026-04-30",), "incident.impossible-date", id="returned before"
        ),
        pytest.param(("by: moth",), "incident.missing-key", id="without an id"),
        pytest.param((NIGHT + ", reward: 5",), "incident.unknown-key", id="an unknown key"),
        pytest.param(
            (NIGHT.replace("kept: yes", "kept: perhaps"),),
            "incident.wrong-value",
            id="neither yes nor no",
        ),
    ],
)
def test_a_rescue_that_cannot_be_is_refused(rescues: tuple[str, ...], code: str) -> None:
    incidents(happened(NIGHT))  # the twin that loads
    with pytest.raises(MalformedError) as refusal:
        incidents(happened(*rescues))
    assert refusal.value.code == code
