"""What a throwaway evaluator got wrong over 72,000 incidents; each stays a test."""

from __future__ import annotations

from tests.response.cases import ask, obligations, owed, result, verdict


def attack(acts: str, more: str = "", kind: str = "attack.armed") -> str:
    return f"""
id: it
versions:
  - known_at: 2010-05-01
    facts:
      kind: {kind}
      occurred_at: 2010-05-01
      attribution: {{from: outside}}
      acts: [{acts}]
{more}
"""


CALLED = """
invocations: [{agreement: nat-1949, art: "5", by: %s, at: 2010-05-01}]
decisions: [{agreement: nat-1949, art: "5", outcome: adopted, at: 2010-05-01}]
"""
IN_EUROPE = 'target: territory, places: [europe], latitude: "50"'


def test_1_an_incident_holds_directed_acts_not_attackers_times_victims() -> None:
    # XYZ attacks Poland; Poland shoots at ABC. "XYZ attacks ABC" was never said.
    text = attack(
        f"{{by: XYZ, against: POL, {IN_EUROPE}}}, {{by: POL, against: ABC, {IN_EUROPE}}}",
        CALLED % "POL",
    )
    found = ask(text, "nat-1949", at="2010-05-01")
    assert verdict(found, "5") == ("met", "")
    assert {each.creditor for each in obligations(found, "5")} == {"POL"}
    answers = {act.act: act.answer for act in result(found, "5").acts}
    assert answers == {"act-1": "yes", "act-2": "no"}


def test_2_an_unknown_attacker_leaves_a_clause_that_excludes_parties_undetermined() -> None:
    unknown = ask(attack(f"{{against: POL, {IN_EUROPE}}}"), "nat-1949")
    assert verdict(unknown, "5") == ("undetermined", "intra-party")
    assert result(unknown, "5").missing == ("act-1.by",)

    known = ask(attack(f"{{by: XYZ, against: POL, {IN_EUROPE}}}", CALLED % "POL"), "nat-1949")
    assert verdict(known, "5") == ("met", "")


def test_3_a_missing_latitude_is_unknown_and_never_skipped() -> None:
    text = attack("{by: XYZ, against: POL, target: territory, places: [europe]}", CALLED % "POL")
    found = ask(text, "nat-1949")
    assert verdict(found, "5") == ("undetermined", "out-of-scope")
    assert result(found, "5").missing == ("act-1.latitude",)

    # One test that is clearly outside settles it even so.
    outside = ask(text.replace("[europe]", "[asia]"), "nat-1949")
    assert verdict(outside, "5") == ("not-met", "out-of-scope")


def test_4_a_co_victim_stays_a_debtor() -> None:
    one = f"{{by: XYZ, against: POL, {IN_EUROPE}}}"
    two = f"{one}, {{by: XYZ, against: LTU, {IN_EUROPE}}}"
    alone = owed(ask(attack(one, CALLED % "POL"), "nat-1949"), "5")
    both = owed(ask(attack(two, CALLED % "POL"), "nat-1949"), "5")
    assert alone < both
    assert {("POL", "LTU"), ("LTU", "POL")} <= both
    assert all(debtor != creditor for debtor, creditor in both)


def test_5_the_presumption_about_an_unknown_attacker_is_said_and_can_be_rebutted() -> None:
    text = """
id: it
versions:
  - known_at: 2026-05-01T10:00:00Z
    facts:
      kind: attack.cyber.intrusion
      occurred_at: 2026-05-01T09:00:00Z
      severity: severe
      acts: [{against: harbour, systems: ["domain:harbour.example"]}]
  - known_at: 2026-05-03T10:00:00Z
    facts: {acts: [{by: river}]}
invocations: [{agreement: river-harbour, art: "3", by: harbour, at: "2026-05-01T10:30:00Z"}]
"""
    presumed = ask(text, "river-harbour", at="2026-05-02")
    assert verdict(presumed, "3") == ("met", "")
    assert "rebuttable-presumption" in {note.code for note in result(presumed, "3").notes}
    assert owed(presumed, "3", "owed") == {("river", "harbour")}

    rebutted = ask(text, "river-harbour", at="2026-05-03")
    assert verdict(rebutted, "3") == ("not-met", "intra-party")
    assert obligations(rebutted, "3") == []  # river would owe help against itself

    stranger = ask(text.replace("by: river}", "by: fox}"), "river-harbour", at="2026-05-03")
    assert owed(stranger, "3", "owed") == {("river", "harbour")}


def test_5_what_was_owed_under_a_rebutted_presumption_is_suspended_not_erased() -> None:
    text = """
id: it
versions:
  - known_at: 2026-05-01
    facts:
      kind: attack.cyber
      occurred_at: 2026-05-01
      severity: emergency
      acts: [{against: ash}]
  - known_at: 2026-05-03
    facts: {acts: [{by: birch}]}
"""
    names = "presumed-pact"
    before = ask(text, names, at="2026-05-02")
    assert owed(before, "1", "owed") == {("birch", "ash"), ("cedar", "ash")}
    after = ask(text, names, at="2026-05-03")
    assert verdict(after, "1") == ("not-met", "intra-party")
    (left,) = obligations(after, "1")
    assert (left.debtor, left.creditor, left.state) == ("cedar", "ash", "suspended")
    assert left.key in {each.key for each in obligations(before, "1")}
    assert "presumption-rebutted" in {warning.code for warning in after.warnings}


def test_6_a_cyber_attack_without_a_finding_is_not_invoked_provisionally() -> None:
    text = attack(f"{{by: XYZ, against: POL, {IN_EUROPE}}}", CALLED % "POL", "attack.cyber")
    found = ask(text, "nat-1949")
    assert verdict(found, "5") == ("undetermined", "kind")
    assert result(found, "5").missing == ("finding.kind",)
    assert obligations(found, "5") == []

    finding = (
        "findings:\n"
        "  - {agreement: nat-1949, field: kind, value: attack.armed, by: council, at: 2010-05-01}\n"
    )
    assert verdict(ask(text + finding, "nat-1949"), "5") == ("met", "")
