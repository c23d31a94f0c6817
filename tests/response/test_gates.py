"""Each gate by itself: what it says yes to, what to no, and what it does not know.

One case that is met stands first; every row of the tables changes one thing about it.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.response.cases import ask, event, obligations, open_to, owed, result, verdict

MET = """
id: it
campaign: spring
versions:
  - known_at: 2026-05-01T10:00:00Z
    facts:
      kind: attack.cyber.intrusion
      occurred_at: 2026-05-01T09:00:00Z
      severity: high
      phase: active
      attribution: {to: fox, confidence: moderate}
      acts: [{by: fox, against: ash, systems: ["domain:www.ash.example"], sectors: [energy]}]
invocations: [{agreement: three-pact, art: "1", by: birch, at: "2026-05-01T11:00:00Z"}]
decisions: [{agreement: three-pact, art: "1", outcome: adopted, at: "2026-05-01T15:00:00Z"}]
"""


def test_everything_yes_is_met() -> None:
    found = ask(MET, "three-pact", at="2026-05-02")
    assert verdict(found, "1") == ("met", "")
    assert owed(found, "1", "owed") == {("birch", "ash"), ("cedar", "ash")}
    assert owed(found, "1", "invited") == {("hub", "ash")}
    assist = obligations(found, "1", "owed")[0]
    assert assist.opened_at == datetime(2026, 5, 1, 15, tzinfo=UTC)  # the decision, not the call
    assert assist.answer_by == datetime(2026, 5, 1, 17, tzinfo=UTC)
    assert assist.perform_by == datetime(2026, 5, 2, 15, tzinfo=UTC)
    gates = [line.gate for line in result(found, "1").explanation]
    assert gates == [f"G{number}" for number in range(1, 12)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param("phase: active", "phase: imminent", ("met", ""), id="G8 imminent"),
        pytest.param(
            "occurred_at: 2026-05-01T09:00:00Z",
            "occurred_at: 2019-05-01",
            ("not-met", "not-in-force"),
            id="G1 before the entry into force",
        ),
        pytest.param(
            "      occurred_at: 2026-05-01T09:00:00Z\n",
            "",
            ("undetermined", "not-in-force"),
            id="G1 nobody knows when it occurred",
        ),
        pytest.param(
            "against: ash", "against: dog", ("not-met", "victim-not-party"), id="G2 outsider"
        ),
        pytest.param(
            "against: ash", "against: watcher", ("not-met", "victim-not-party"), id="G2 observer"
        ),
        pytest.param(", against: ash", "", ("undetermined", "victim-not-party"), id="G2 unknown"),
        pytest.param(
            "by: fox, against", "by: cedar, against", ("not-met", "intra-party"), id="G3 party"
        ),
        pytest.param(
            "by: fox, against", "against", ("met", ""), id="G3 unknown is presumed outside"
        ),
        pytest.param("attack.cyber.intrusion", "attack.armed", ("not-met", "kind"), id="G4 kind"),
        pytest.param("attack.cyber.intrusion", "attack", ("undetermined", "kind"), id="G4 inexact"),
        pytest.param(
            "      kind: attack.cyber.intrusion\n", "", ("undetermined", "kind"), id="G4 unknown"
        ),
        pytest.param(
            "www.ash.example", "birch.example", ("not-met", "out-of-scope"), id="G5 another system"
        ),
        pytest.param("[energy]", "[water]", ("not-met", "out-of-scope"), id="G5 another sector"),
        pytest.param(
            ", sectors: [energy]", "", ("undetermined", "out-of-scope"), id="G5 sector unknown"
        ),
        pytest.param(
            'systems: ["domain:www.ash.example"], sectors: [energy]',
            "sectors: [water]",
            ("not-met", "out-of-scope"),
            id="G5 one test outside settles it",
        ),
        pytest.param(
            "severity: high", "severity: emergency", ("met", ""), id="G6 more than enough"
        ),
        pytest.param(
            "severity: high", "severity: medium", ("not-met", "below-threshold"), id="G6 too little"
        ),
        pytest.param(
            "      severity: high\n", "", ("undetermined", "below-threshold"), id="G6 unknown"
        ),
        pytest.param(
            "confidence: moderate", "confidence: low", ("not-met", "not-attributed"), id="G7 unsure"
        ),
        pytest.param(
            ", confidence: moderate", "", ("undetermined", "not-attributed"), id="G7 how sure?"
        ),
        pytest.param("{to: fox, ", "{", ("undetermined", "not-attributed"), id="G7 to whom?"),
        pytest.param("phase: active", "phase: past", ("not-met", "phase"), id="G8 over"),
        pytest.param("      phase: active\n", "", ("undetermined", "phase"), id="G8 unknown phase"),
        pytest.param("by: birch", "by: dog", ("not-met", "wrong-caller"), id="G9 a stranger calls"),
        pytest.param(
            "by: birch", "by: watcher", ("not-met", "wrong-caller"), id="G9 an observer calls"
        ),
        pytest.param("2026-05-01T11", "2026-05-03T11", ("not-met", "late"), id="G9 after two days"),
        pytest.param("2026-05-01T11", "2026-05-03T10", ("met", ""), id="G9 at the last instant"),
        pytest.param(
            'art: "1", by: birch', 'art: "2", by: birch', ("not-met", "late"), id="G9 nobody"
        ),
        pytest.param("adopted", "rejected", ("not-met", "rejected"), id="G10 rejected"),
        pytest.param("adopted", "silence-broken", ("not-met", "silence-broken"), id="G10 broken"),
        pytest.param(
            'art: "1", outcome', 'art: "2", outcome', ("open", "pending-decision"), id="G10 pending"
        ),
        pytest.param(
            "phase: active", "phase: active\n      ended: yes", ("not-met", "ended"), id="G11"
        ),
        pytest.param(
            "phase: active", "phase: active\n      ended: no", ("met", ""), id="G11 goes on"
        ),
    ],
)
def test_one_thing_changes(before: str, after: str, expected: tuple[str, str]) -> None:
    assert before in MET
    found = ask(MET.replace(before, after, 1), "three-pact", at="2026-05-04")
    assert verdict(found, "1") == expected
    outcome, _ = expected
    assert bool(obligations(found, "1")) is (outcome == "met")
    assert bool(result(found, "1").missing) is (outcome == "undetermined")


def test_a_call_that_may_still_come_leaves_it_open() -> None:
    uncalled = MET[: MET.index("invocations:")]
    assert verdict(ask(uncalled, "three-pact", at="2026-05-02"), "1") == ("open", "not-invoked")
    assert verdict(ask(uncalled, "three-pact", at="2026-05-04"), "1") == ("not-met", "late")


def test_the_first_no_in_the_order_of_the_gates_is_the_headline() -> None:
    text = MET.replace("severity: high", "severity: low").replace("against: ash", "against: dog")
    found = result(ask(text, "three-pact", at="2026-05-02"), "1")
    assert (found.outcome, found.reason, found.missing) == ("not-met", "victim-not-party", ())
    noes = [line.gate for line in found.explanation if line.answer == "no"]
    assert noes == ["G2", "G6"]


def test_a_no_stands_against_every_unknown() -> None:
    text = MET.replace("      severity: high\n", "").replace("phase: active", "phase: past")
    assert verdict(ask(text, "three-pact"), "1") == ("not-met", "phase")


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([], ("met", ""), id="nothing suspended"),
        pytest.param([("suspended", "birch", "ash")], ("met", ""), id="one pair"),
        pytest.param(
            [
                ("suspended", "birch", "ash"),
                ("suspended", "cedar", "ash"),
                ("suspended", "hub", "ash"),
            ],
            ("not-met", "suspended-towards"),
            id="every pair",
        ),
        pytest.param(
            [("suspended", "ash", None)], ("not-met", "suspended-towards"), id="the victim"
        ),
        pytest.param(
            [("notice", "ash", None)], ("not-met", "victim-withdrawn"), id="the victim left"
        ),
        pytest.param([("expelled", "ash", None)], ("not-met", "victim-withdrawn"), id="expelled"),
    ],
)
def test_who_is_bound_decides_about_the_victim(
    events: list[tuple[str, str, str | None]], expected: tuple[str, str]
) -> None:
    given = [event("three-pact", what, who, "2025-01-01", towards=to) for what, who, to in events]
    found = ask(MET, "three-pact", at="2026-05-02", events=given)
    assert verdict(found, "1") == expected


def test_a_suspended_pair_takes_away_one_duty_and_says_so() -> None:
    pair = event("three-pact", "suspended", "birch", "2025-01-01", towards="ash")
    found = ask(MET, "three-pact", at="2026-05-02", events=[pair])
    assert owed(found, "1", "owed") == {("cedar", "ash")}
    assert "What birch owes ash is suspended." in [note.text for note in result(found, "1").notes]


def test_a_reservation_takes_away_what_the_party_owes_and_what_it_is_owed() -> None:
    by_cedar = event("three-pact", "reservation", "cedar", "2025-01-01", art="1", effect="exclude")
    found = ask(MET, "three-pact", at="2026-05-02", events=[by_cedar])
    assert owed(found, "1", "owed") == {("birch", "ash")}

    by_ash = event("three-pact", "reservation", "ash", "2025-01-01", art="1", effect="exclude")
    assert owed(ask(MET, "three-pact", at="2026-05-02", events=[by_ash]), "1") == set()

    narrowed = event("three-pact", "reservation", "cedar", "2025-01-01", art="1", effect="narrow")
    found = ask(MET, "three-pact", at="2026-05-02", events=[narrowed])
    cedar = next(each for each in obligations(found, "1") if each.debtor == "cedar")
    assert "reservation" in cedar.excuses
    assert cedar.explanation[-1].answer == "unknown"


FLOOD = """
id: flood
versions:
  - known_at: 2026-05-01
    facts:
      kind: disaster.natural
      occurred_at: 2026-05-01
      capacity: own-exhausted
      requested_by_victim: yes
      acts: [{against: ash}]
"""


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(
            "capacity: own-exhausted", "ended: no", ("undetermined", "capacity"), id="unstated"
        ),
        pytest.param("own-exhausted", "sufficient", ("not-met", "capacity"), id="it can cope"),
        pytest.param(
            "requested_by_victim: yes", "ended: no", ("undetermined", "not-invoked"), id="asked?"
        ),
        pytest.param("victim: yes", "victim: no", ("not-met", "not-invoked"), id="it did not ask"),
        pytest.param("victim: yes", "victim: yes", ("met", ""), id="it asked"),
    ],
)
def test_capacity_and_request(before: str, after: str, expected: tuple[str, str]) -> None:
    found = ask(FLOOD.replace(before, after), "three-pact")
    assert verdict(found, "2") == expected
    if expected[0] == "met":
        # "should" invites, and nobody is overdue with an invitation
        assert {(each.modality, each.state) for each in obligations(found, "2")} == {
            ("may", "invited")
        }


def campaign(first: str, second: str, apart: str = "2026-05-01") -> str:
    return f"""
id: one
campaign: spring
versions:
  - known_at: {apart}
    facts: {{kind: attack.cyber, occurred_at: {apart}, {first} acts: [{{by: fox, against: ash}}]}}
---
id: two
campaign: spring
versions:
  - known_at: 2026-05-01
    facts:
      kind: attack.cyber
      occurred_at: 2026-05-01
      {second}
      acts: [{{by: fox, against: ash}}, {{by: fox, against: birch}}]
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            campaign("severity: medium,", "severity: medium"), ("met", ""), id="together enough"
        ),
        pytest.param(
            campaign("severity: low,", "severity: medium"),
            ("not-met", "below-threshold"),
            id="too little",
        ),
        pytest.param(
            campaign("severity: medium,", "severity: medium", "2026-03-01"),
            ("not-met", "below-threshold"),
            id="too far apart",
        ),
        pytest.param(
            campaign("", "severity: medium"), ("undetermined", "below-threshold"), id="one unknown"
        ),
        pytest.param(campaign("", "severity: severe"), ("met", ""), id="one is enough"),
    ],
)
def test_a_campaign_counts_together(text: str, expected: tuple[str, str]) -> None:
    found = [each for each in ask(text, "three-pact").results if each.art == "3"]
    two = next(each for each in found if each.incident == "two")
    assert (two.outcome, two.reason) == expected
    one = next(each for each in found if each.incident == "one")
    assert one.reason == "below-threshold"  # its victims are too few, or its severity


def test_what_is_owed_to_the_group_is_owed_once() -> None:
    found = ask(campaign("severity: high,", "severity: severe"), "three-pact")
    ready = [each for each in obligations(found, "3") if each.incident == "two"]
    assert {(each.debtor, each.creditor) for each in ready} == {
        (party, "the group") for party in ("ash", "birch", "cedar")
    }
    assert ready[0].creditors == ("birch", "cedar")


def clash(kind: str = "attack.cyber") -> str:
    return MET.replace("by: fox, against: ash", "by: birch, against: ash").replace(
        "kind: attack.cyber.intrusion", f"kind: {kind}"
    )


def test_an_attack_among_parties_calls_for_restraint_dispute_and_neutrality() -> None:
    found = ask(clash(), "three-pact", at="2026-05-02")
    assert verdict(found, "1") == ("not-met", "intra-party")
    assert "intra-party" in {note.code for note in result(found, "1").notes}
    assert owed(found, "4") == {("ash", "birch"), ("birch", "ash")}
    assert owed(found, "5") == {("ash", "birch"), ("birch", "ash")}
    assert {each.act for each in obligations(found, "5")} == {
        "cease, restore what was, and consult"
    }
    assert owed(found, "7") == {("cedar", "ash"), ("cedar", "birch")}
    assert found.conflicts == ()  # neutrality towards both sides is no conflict


@pytest.mark.parametrize(
    ("text", "art"),
    [
        pytest.param(MET, "4", id="no restraint against an outsider's attack"),
        pytest.param(MET, "5", id="no dispute with an outsider"),
        pytest.param(clash("disaster.natural"), "4", id="no restraint from a disaster"),
    ],
)
def test_restraint_is_not_met_otherwise(text: str, art: str) -> None:
    found = ask(text, "three-pact", at="2026-05-02")
    assert verdict(found, art)[0] == "not-met"
    assert owed(found, art) == set()


THREAT = """
id: threat
versions:
  - known_at: 2026-05-01
    facts: {kind: threat.security, occurred_at: 2026-05-01, acts: [{by: fox, against: ash}]}
invocations:
  - {agreement: three-pact, art: "6", by: ash, at: 2026-05-01}
  - {agreement: three-pact, art: "6", by: cedar, at: 2026-05-02}
"""


def test_a_consultation_may_take_several_callers() -> None:
    one = ask(THREAT, "three-pact", at="2026-05-01")
    assert verdict(one, "6") == ("open", "not-invoked")
    assert open_to(one, "6") == ("ash", "birch", "cedar")
    two = ask(THREAT, "three-pact", at="2026-05-02")
    assert verdict(two, "6") == ("met", "")
    assert owed(two, "6") == {
        ("birch", "ash"), ("cedar", "ash"), ("ash", "cedar"), ("birch", "cedar"),
    }  # fmt: skip
    quiet = ask(THREAT.replace("threat.security", "vulnerability"), "three-pact")
    assert (verdict(quiet, "6"), open_to(quiet, "6")) == (("not-met", "kind"), ())


def test_a_no_duty_statement_is_a_note_on_what_applies() -> None:
    notes = [note.text for note in result(ask(MET, "three-pact", at="2026-05-02"), "1").notes]
    assert "three-pact Art 8: no duty of offensive measures." in notes


def test_a_one_way_clause_binds_whom_it_names() -> None:
    text = MET.replace("attack.cyber.intrusion", "attack.armed")
    found = ask(text, "three-pact", at="2026-05-02")
    assert owed(found, "9") == {("ash", "birch")}
    hidden = ask(text, "three-pact", at="2026-05-02", viewpoint="watcher")
    assert all(each.art != "9" for each in hidden.results)
    assert any(each.art == "9" for each in ask(text, "three-pact", viewpoint="cedar").results)


def test_owing_something_to_both_sides_is_a_conflict_and_stays() -> None:
    text = """
id: it
versions:
  - known_at: 1914-08-01
    facts:
      kind: attack.armed
      occurred_at: 1914-08-01
      unprovoked: yes
      acts: [{by: france, against: germany}, {by: germany, against: belgium}]
"""
    found = ask(text, "dual-alliance-1879", "belgian-guarantee-1839", "triple-alliance-1882")
    pairs = {(conflict.debtor, conflict.kind, conflict.prevails) for conflict in found.conflicts}
    assert pairs == {("austria-hungary", "opposite-sides", "")}
    keys = {each.key for each in found.obligations}
    assert all({each.first, each.second} <= keys for each in found.conflicts)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        pytest.param("unprovoked: yes", ("met", ""), id="unprovoked"),
        pytest.param("unprovoked: no", ("not-met", "provoked"), id="provoked"),
        pytest.param("unprovoked: contested", ("undetermined", "provoked"), id="contested"),
        pytest.param("ended: no", ("undetermined", "provoked"), id="unstated"),
    ],
)
def test_provocation_where_the_clause_asks(more: str, expected: tuple[str, str]) -> None:
    text = f"""
id: it
versions:
  - known_at: 1900-01-01
    facts:
      kind: attack.armed
      occurred_at: 1900-01-01
      {more}
      acts: [{{by: france, against: italy}}]
"""
    found = ask(text, "triple-alliance-1882")
    assert verdict(found, "2") == expected
    contested = "contested-provocation" in {warning.code for warning in found.warnings}
    assert contested is (expected[0] == "undetermined")


def test_an_earlier_act_of_the_campaign_is_provocation() -> None:
    def attack(name: str, day: str, by: str, against: str) -> str:
        return f"""
id: {name}
campaign: frontier
versions:
  - known_at: {day}
    facts:
      kind: attack.armed
      occurred_at: {day}
      unprovoked: yes
      acts: [{{by: {by}, against: {against}}}]
"""

    first, second = (
        attack("a", "1900-01-01", "italy", "france"),
        attack("b", "1900-01-02", "france", "italy"),
    )
    found = ask(f"{first}\n---\n{second}", "triple-alliance-1882")
    (later,) = [each for each in found.results if each.art == "2" and each.incident == "b"]
    assert (later.outcome, later.reason) == ("not-met", "provoked")


def test_two_attackers_are_counted_as_two() -> None:
    def attacked_by(*attackers: str) -> tuple[str, str]:
        acts = ", ".join(f"{{by: {each}, against: italy}}" for each in attackers)
        text = f"""
id: it
versions:
  - known_at: 1900-01-01
    facts: {{kind: attack.armed, occurred_at: 1900-01-01, unprovoked: yes, acts: [{acts}]}}
"""
        return verdict(ask(text, "triple-alliance-1882"), "3")

    assert attacked_by("russia", "serbia") == ("met", "")
    assert attacked_by("russia") == ("not-met", "below-threshold")


@pytest.mark.parametrize(
    ("second", "outcome"),
    [
        pytest.param("against: italy", "met", id="on one who is bound"),
        pytest.param("against: belgium", "not-met", id="on somebody else"),
        pytest.param("target: territory", "undetermined", id="on whom is not stated"),
    ],
)
def test_who_struck_somebody_not_stated_is_no_second_attacker_yet(
    second: str, outcome: str
) -> None:
    text = f"""
id: it
versions:
  - known_at: 1900-01-01
    facts:
      kind: attack.armed
      occurred_at: 1900-01-01
      unprovoked: yes
      acts: [{{by: france, against: italy}}, {{by: russia, {second}}}]
"""
    assert verdict(ask(text, "triple-alliance-1882"), "3")[0] == outcome


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        pytest.param("by: germany, against: france", ("met", ""), id="case 1"),
        pytest.param(
            "by: italy, against: france, supported_by: [germany]", ("met", ""), id="case 2"
        ),
        pytest.param(
            "by: italy, against: france, supported_by: []", ("not-met", "no-case"), id="alone"
        ),
        pytest.param(
            "by: italy, against: france", ("undetermined", "no-case"), id="support unknown"
        ),
        pytest.param("against: france", ("undetermined", "no-case"), id="attacker unknown"),
        pytest.param("by: spain, against: france", ("not-met", "no-case"), id="another attacker"),
        pytest.param(
            "by: germany, against: italy", ("not-met", "victim-not-party"), id="other victim"
        ),
    ],
)
def test_cases_are_alternatives(act: str, expected: tuple[str, str]) -> None:
    text = f"""
id: it
versions:
  - known_at: 1900-01-01
    facts: {{kind: attack.armed, occurred_at: 1900-01-01, acts: [{{{act}}}]}}
"""
    assert verdict(ask(text, "franco-russian-1892"), "1") == expected


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        pytest.param("by: germany", ("met", ""), id="a member of the other alliance mobilises"),
        pytest.param("by: spain", ("not-met", "attacker-not-named"), id="another state does"),
        pytest.param(
            "target: forces", ("undetermined", "attacker-not-named"), id="nobody knows who"
        ),
    ],
)
def test_mobilisation_needs_no_victim(by: str, expected: tuple[str, str]) -> None:
    text = f"""
id: it
versions:
  - known_at: 1900-01-01
    facts: {{kind: act.mobilisation, occurred_at: 1900-01-01, acts: [{{{by}}}]}}
"""
    found = ask(text, "franco-russian-1892")
    assert verdict(found, "2") == expected
    if expected[0] == "met":
        assert owed(found, "2") == {("france", "the group"), ("russia", "the group")}
        mobilise = obligations(found, "2")[0]
        assert mobilise.perform_by == mobilise.opened_at == datetime(1900, 1, 1, tzinfo=UTC)


def test_calling_for_aid_opens_what_the_others_owe() -> None:
    text = """
id: it
versions: [{known_at: 2026-05-01, facts: {kind: attack.cyber, occurred_at: 2026-05-01}}]
invocations: [{agreement: river-harbour, art: "4", by: harbour, at: "2026-05-01T10:00:00Z"}]
"""
    found = ask(text, "river-harbour", at="2026-05-01")
    (aid,) = obligations(found, "4")
    assert (aid.debtor, aid.creditor, aid.modality) == ("river", "harbour", "must")
    assert aid.measures == ("incident-responder: 2",)
    assert aid.answer_by == datetime(2026, 5, 1, 12, tzinfo=UTC)
    assert aid.excuses == ("own-emergency",)
    stranger = ask(text.replace("by: harbour", "by: dog"), "river-harbour", at="2026-05-01")
    assert (verdict(stranger, "4"), owed(stranger)) == (("not-met", "wrong-caller"), set())


def test_the_same_help_owed_twice_names_the_other() -> None:
    text = """
id: it
versions:
  - known_at: 2026-05-01
    facts:
      kind: attack.cyber
      occurred_at: 2026-05-01
      severity: severe
      acts: [{against: harbour, systems: ["asn:64500"]}]
invocations:
  - {agreement: river-harbour, art: "3", by: harbour, at: 2026-05-01}
  - {agreement: river-harbour, art: "4", by: harbour, at: 2026-05-01}
"""
    one, two = ask(text, "river-harbour", at="2026-05-01").obligations
    assert (one.concurrent_with, two.concurrent_with) == ((two.key,), (one.key,))


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        pytest.param("", ("undetermined", "condition"), id="nobody states it"),
        pytest.param("the merger talks last: yes", ("met", ""), id="stated to hold"),
        pytest.param("The merger  talks last.: yes", ("met", ""), id="as other people write it"),
        pytest.param("the merger talks last: no", ("not-met", "condition"), id="stated not to"),
        pytest.param("the sun shines: yes", ("undetermined", "condition"), id="something else is"),
    ],
)
def test_a_restraint_with_a_condition_in_words_waits_for_somebody_to_state_it(
    stated: str, expected: tuple[str, str]
) -> None:
    text = clash().replace("    facts:\n", f"    facts:\n      conditions: {{{stated}}}\n", 1)
    found = ask(text, "worded-pact", at="2026-05-02")
    assert verdict(found, "1") == expected
    assert bool(owed(found)) is (expected[0] == "met")
    if expected[0] == "undetermined":
        assert result(found, "1").missing == ("conditions.the merger talks last",)


def test_a_provisional_invocation_lapses() -> None:
    text = """
id: it
versions:
  - known_at: 2026-05-01
    facts: {kind: attack.cyber, occurred_at: 2026-05-01, acts: [{against: ash}]}
invocations: [{agreement: worded-pact, art: "2", by: ash, at: 2026-05-01}]
"""
    before = ask(text, "worded-pact", at=datetime(2026, 5, 2, 23, tzinfo=UTC))
    assert verdict(before, "2")[0] == "provisional"
    assert owed(before, "2", "suspended") == owed(before, "2", "owed") == {("birch", "ash")}
    after = ask(text, "worded-pact", at=datetime(2026, 5, 3, tzinfo=UTC))
    assert verdict(after, "2")[0] == "undetermined"
    assert "provisional-lapsed" in {note.code for note in result(after, "2").notes}
    assert owed(after) == set()
