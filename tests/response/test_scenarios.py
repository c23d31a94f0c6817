"""The acceptance scenarios of the domain model, over real agreement files.

Each test states what is given, and expects exactly what the model says: who owes what to
whom, under which clause, and which reason is named where nobody owes anything.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from allied.agreement.standing import Register
from allied.response.evaluate import evaluate
from tests.response.cases import (
    ask,
    event,
    incidents,
    obligations,
    open_to,
    owed,
    result,
    texts,
    verdict,
)

NEW_YORK = """
id: new-york-2001
versions:
  - known_at: 2001-09-11
    asserted_by: USA
    facts:
      kind: attack.terror
      occurred_at: 2001-09-11
      severity: emergency
      phase: past
      acts: [{against: USA, target: territory, places: [north-america], latitude: "40.7"}]
  - known_at: 2001-10-02
    asserted_by: USA
    facts: {attribution: {from: outside}}
findings:
  - {agreement: nat-1949, field: kind, value: attack.armed, by: council, at: 2001-09-12}
invocations:
  - {agreement: nat-1949, art: "5", by: USA, at: 2001-09-12}
"""
ADOPTED = 'decisions:\n  - {agreement: nat-1949, art: "5", outcome: adopted, at: 2001-10-02}\n'
NAMED = """
  - known_at: 2001-10-02
    facts: {acts: [{by: al-qaeda}]}
"""
CONFIRMED = NEW_YORK.replace("\nfindings:", NAMED + "findings:") + ADOPTED
FALKLANDS = """
id: falklands-1982
versions:
  - known_at: 1982-04-02
    asserted_by: GBR
    facts:
      kind: attack.armed
      occurred_at: 1982-04-02
      severity: severe
      attribution: {from: outside, to: ARG, confidence: high}
      acts:
        - {by: ARG, against: GBR, target: territory, places: [falkland-islands], latitude: "-51.7"}
"""


def war(identifier: str, day: str, by: str, against: str, kind: str = "act.war-declaration") -> str:
    return f"""
id: {identifier}
campaign: july-crisis
versions:
  - known_at: {day}
    facts:
      kind: {kind}
      occurred_at: {day}
      unprovoked: yes
      acts: [{{by: {by}, against: {against}, supported_by: []}}]
"""


ENTENTE = ("franco-russian-1892", "entente-cordiale-1904", "anglo-russian-1907")
OF_1914 = (*ENTENTE, "dual-alliance-1879", "triple-alliance-1882", "belgian-guarantee-1839")


def test_1_an_armed_attack_of_unknown_origin_is_invoked_provisionally() -> None:
    found = ask(NEW_YORK, "nat-1949", at="2001-09-12")

    article_5 = result(found, "5")
    assert (article_5.outcome, article_5.missing) == (
        "provisional",
        ("act-1.by", "attribution.from"),
    )
    running = obligations(found, "5", "owed")
    assert {each.act for each in running} == {"consult"}
    assert {each.modality for each in running} == {"discuss"}
    assert {each.creditor for each in running} == {"USA"}
    waiting = obligations(found, "5", "suspended")
    assert ({each.act for each in waiting}, len(waiting), len(running)) == ({"assist"}, 18, 18)
    assert found.reports == ()


def test_1_without_the_call_it_stays_undetermined() -> None:
    called_off = NEW_YORK[: NEW_YORK.index("invocations:")]
    found = ask(called_off, "nat-1949", at="2001-09-12")
    assert verdict(found, "5") == ("undetermined", "intra-party")
    assert found.obligations == ()


def test_2_directed_from_abroad_makes_eighteen_obligations() -> None:
    found = ask(CONFIRMED, "nat-1949", at="2001-10-02")

    assert verdict(found, "5") == ("met", "")
    assist = obligations(found, "5")
    assert len(assist) == 18
    assert {(each.creditor, each.act, each.modality, each.means) for each in assist} == {
        ("USA", "assist", "must", "own-choice")
    }
    assert [(each.to, each.when) for each in found.reports] == [
        ("UN Security Council", "immediately")
    ]
    kind = next(line for line in result(found, "5").explanation if line.gate == "G4")
    assert "found by council on 2001-09-12" in kind.because


def test_3_an_attack_south_of_the_tropic_is_out_of_scope() -> None:
    found = ask(FALKLANDS, "nat-1949", at="1982-04-02")

    assert verdict(found, "5") == ("not-met", "out-of-scope")
    because = next(line.because for line in result(found, "5").explanation if line.gate == "G5")
    assert "latitude 51.7 S is not north of 23.44 N" in because
    assert obligations(found, "5") == []
    allies = open_to(found, "4")
    assert (len(allies), "GBR" in allies, "ESP" in allies) == (15, True, False)  # joins 30 May


def test_5_a_call_to_consult_obliges_to_consult_and_to_nothing_else() -> None:
    found = ask(
        """
id: jet-2012
versions:
  - known_at: 2012-06-22
    facts:
      kind: attack.armed
      occurred_at: 2012-06-22
      attribution: {from: outside}
      acts:
        - {by: SYR, against: TUR, target: aircraft, places: [mediterranean], latitude: "35.9"}
invocations: [{agreement: nat-1949, art: "4", by: TUR, at: 2012-06-24}]
""",
        "nat-1949",
        at="2012-06-26",
    )
    assert verdict(found, "4") == ("met", "")
    assert len(open_to(found, "4")) == 28
    consult = obligations(found, "4")
    assert len(consult) == 27
    assert {(each.creditor, each.modality) for each in consult} == {("TUR", "discuss")}
    assert verdict(found, "5") == ("open", "not-invoked")
    assert obligations(found, "5") == []


def test_6_a_party_without_an_army_gives_something_else() -> None:
    found = ask(CONFIRMED, "nat-1949", at="2001-10-02")
    iceland = next(each for each in obligations(found, "5") if each.debtor == "ISL")
    assert iceland.measures == ("facilities", "civil-personnel", "funds")
    assert iceland.adaptation == "adapted for armed_force: no"
    assert (iceland.state, iceland.modality) == ("owed", "must")
    france = next(each for each in obligations(found, "5") if each.debtor == "FRA")
    assert (france.measures, france.adaptation) == ((), "")


def test_7_nobody_owes_a_state_that_no_instrument_names() -> None:
    found = ask(war("serbia", "1914-07-28", "austria-hungary", "serbia"), *OF_1914, at="1914-07-28")
    assert found.obligations == ()
    assert verdict(found, "1", "franco-russian-1892") == ("not-met", "victim-not-party")


def test_9_france_owes_russia_and_britain_owes_it_nothing() -> None:
    found = ask(war("russia", "1914-08-01", "germany", "russia"), *OF_1914, at="1914-08-01")

    (only,) = found.obligations
    assert (only.agreement, only.debtor, only.creditor) == (
        "franco-russian-1892",
        "france",
        "russia",
    )
    assert (only.modality, only.measures) == ("must", ("all available forces",))
    assert verdict(found, "1", "dual-alliance-1879") == ("not-met", "victim-not-party")


def test_10_the_letters_of_1912_oblige_to_talk_and_the_guarantee_to_defend() -> None:
    france = war("france", "1914-08-03", "germany", "france")
    called = france + (
        "invocations:\n"
        "  - {agreement: entente-cordiale-1904, art: letters-1912, by: france, at: 1914-08-03}\n"
    )
    belgium = war("belgium", "1914-08-04", "germany", "belgium", "attack.armed")
    found = ask(f"{called}\n---\n{belgium}", *OF_1914, at="1914-08-04")

    by_france = [each for each in found.obligations if each.incident == "france"]
    assert {(each.debtor, each.creditor, each.modality) for each in by_france} == {
        ("russia", "france", "must"),
        ("britain", "france", "discuss"),
    }
    letters = next(
        each for each in found.results if each.art == "letters-1912" and each.incident == "france"
    )
    assert "entente-cordiale-1904 Art letters-1912-note: no duty of armed assistance." in [
        note.text for note in letters.notes if note.code == "no-duty"
    ]
    by_belgium = [each for each in found.obligations if each.incident == "belgium"]
    assert {each.agreement for each in by_belgium} == {"belgian-guarantee-1839"}
    assert ("britain", "belgium") in {(each.debtor, each.creditor) for each in by_belgium}


def test_10_without_the_guarantee_britain_owes_belgium_nothing() -> None:
    belgium = war("belgium", "1914-08-04", "germany", "belgium", "attack.armed")
    assert ask(belgium, *ENTENTE, at="1914-08-04").obligations == ()


CYPRUS = """
id: cyprus-1974
versions:
  - known_at: 1974-07-20
    facts:
      kind: attack.armed
      occurred_at: 1974-07-20
      attribution: {from: outside}
      acts: [{by: TUR, against: CYP, target: territory, places: [cyprus], latitude: "35.2"}]
"""
CLASH = """
id: clash-1974
versions:
  - known_at: 1974-07-21
    facts:
      kind: attack.armed
      occurred_at: 1974-07-21
      attribution: {from: outside}
      acts: [{by: TUR, against: GRC, target: ships, places: [mediterranean], latitude: "35.0"}]
"""


def test_12_a_clash_between_allies_suspends_the_response_and_opens_restraint() -> None:
    cyprus = ask(CYPRUS, "nat-1949", at="1974-07-22")
    assert verdict(cyprus, "5") == ("not-met", "victim-not-party")

    clash = ask(CLASH, "nat-1949", at="1974-07-22")
    assert verdict(clash, "5") == ("not-met", "intra-party")
    assert obligations(clash, "5") == []
    assert verdict(clash, "1") == ("met", "")
    assert owed(clash, "1") == {("GRC", "TUR"), ("TUR", "GRC")}
    assert {"GRC", "TUR"} <= set(open_to(clash, "4"))
    practice = next(line for line in result(clash, "5").explanation if line.gate == "G3")
    assert "practice, not the words of the text" in practice.because


SILENCE = """
id: defence-of-turkey-2003
versions:
  - known_at: 2003-02-06
    facts:
      kind: attack.armed
      occurred_at: 2003-02-06
      attribution: {from: outside}
      acts: [{by: IRQ, against: TUR, target: territory, places: [turkey], latitude: "37.0"}]
invocations:
  - {agreement: nat-1949, art: "5", by: TUR, at: 2003-02-06}
  - {agreement: nat-1949, art: "4", by: TUR, at: "2003-02-10T12:00:00Z"}
decisions:
  - {agreement: nat-1949, art: "5", outcome: silence-broken, at: "2003-02-10T08:30:00Z",
     objectors: [BEL, FRA, DEU]}
"""


def test_13_a_broken_silence_adopts_nothing_and_a_call_to_consult_stands_by_itself() -> None:
    found = ask(SILENCE, "nat-1949", at="2003-02-10")
    assert verdict(found, "5") == ("not-met", "silence-broken")
    decided = next(line for line in result(found, "5").explanation if line.gate == "G10")
    assert "BEL, FRA, DEU" in decided.because
    assert obligations(found, "5") == []
    assert len(obligations(found, "4")) == 18

    before = ask(SILENCE, "nat-1949", at=datetime(2003, 2, 10, 8, tzinfo=UTC))
    assert verdict(before, "5") == ("open", "pending-decision")


def attack_on_poland(day: str) -> str:
    return f"""
id: attack
versions:
  - known_at: {day}
    facts:
      kind: attack.armed
      occurred_at: {day}
      attribution: {{from: outside}}
      acts: [{{by: XYZ, against: POL, target: territory, places: [europe], latitude: "52"}}]
invocations: [{{agreement: nat-1949, art: "5", by: POL, at: {day}}}]
decisions: [{{agreement: nat-1949, art: "5", outcome: adopted, at: {day}}}]
"""


@pytest.mark.parametrize(
    ("day", "owes"),
    [
        pytest.param("2025-02-28", True, id="before the notice"),
        pytest.param("2025-12-01", True, id="while the notice runs"),
        pytest.param("2026-03-01", True, id="on the last day"),
        pytest.param("2026-03-02", False, id="the day after"),
    ],
)
def test_15_who_gave_notice_owes_until_it_is_out(day: str, owes: bool) -> None:
    notice = event("nat-1949", "notice", "HRV", "2025-03-01")
    found = ask(attack_on_poland(day), "nat-1949", events=[notice])
    assert verdict(found, "5") == ("met", "")
    assert (("HRV", "POL") in owed(found, "5")) is owes


def test_15_what_was_owed_survives_the_exit() -> None:
    notice = event("nat-1949", "notice", "HRV", "2025-03-01")
    text = attack_on_poland("2025-12-01")
    at_once = ask(text, "nat-1949", events=[notice], at="2025-12-01")
    afterwards = ask(text, "nat-1949", events=[notice], at="2027-01-01")
    keys = [{each.key for each in obligations(found, "5")} for found in (at_once, afterwards)]
    assert keys[0] == keys[1]


ARMENIA = """
id: armenia-2022
versions:
  - known_at: 2022-09-13
    asserted_by: ARM
    facts:
      kind: attack.armed
      occurred_at: 2022-09-13
      acts: [{by: AZE, against: ARM, target: territory, places: [collective-security-zone]}]
invocations:
  - {agreement: csto-like, art: "4", by: ARM, at: 2022-09-13}
  - {agreement: csto-like, art: "2", by: ARM, at: 2022-09-13}
"""


def test_21_a_contested_zone_and_no_finding_leave_it_undetermined() -> None:
    found = ask(ARMENIA, "csto-like", at="2022-09-14")
    article_4 = result(found, "4")
    assert (article_4.outcome, article_4.missing) == (
        "undetermined",
        ("finding.scope", "attribution.from"),
    )
    assert obligations(found, "4") == []
    session = obligations(found, "2")
    assert {each.debtor for each in session} == {"BLR", "KAZ", "KGZ", "RUS", "TJK"}
    assert {each.perform_by for each in session} == {datetime(2022, 9, 16, tzinfo=UTC)}


def test_21_a_finding_of_the_council_settles_zone_and_origin() -> None:
    ruled = ARMENIA + (
        "findings:\n"
        "  - {agreement: csto-like, field: scope, value: yes, by: collective-security-council,"
        " at: 2022-09-14}\n"
        "  - {agreement: csto-like, field: attribution, value: {from: outside},"
        " by: collective-security-council, at: 2022-09-14}\n"
    )
    assert verdict(ask(ruled, "csto-like", at="2022-09-14"), "4") == ("met", "")
    stranger = ruled.replace("by: collective-security-council", "by: RUS")
    found = ask(stranger, "csto-like", at="2022-09-14")
    assert verdict(found, "4")[0] == "undetermined"
    assert "finding-not-by-body" in {warning.code for warning in found.warnings}


def test_22_a_call_by_the_victim_needs_no_vote_and_neutrals_give_civil_help() -> None:
    found = ask(
        """
id: paris-2015
versions:
  - known_at: 2015-11-13
    facts:
      kind: attack.terror
      occurred_at: 2015-11-13
      acts: [{against: FRA, target: territory, places: [europe]}]
invocations: [{agreement: eu-42-7-like, art: "42(7)", by: FRA, at: 2015-11-17}]
""",
        "eu-42-7-like",
        at="2015-11-17",
    )
    assert verdict(found, "42(7)") == ("met", "")
    given = {each.debtor: each.measures for each in found.obligations}
    assert given == {
        "AUT": ("civil-assistance",),
        "BEL": (),
        "DEU": (),
        "IRL": ("civil-assistance",),
    }


def test_24_a_signatory_that_has_not_ratified_is_not_covered_yet() -> None:
    # Spain signed in 1981 and was bound on 30 May 1982.
    text = """
id: ceuta-1982
versions:
  - known_at: 1982-05-01
    facts:
      kind: attack.armed
      occurred_at: 1982-05-01
      attribution: {from: outside}
      acts: [{by: XYZ, against: ESP, target: territory, places: [europe], latitude: "40"}]
"""
    signed = event("nat-1949", "signed", "ESP", "1981-12-10")
    found = ask(text, "nat-1949", events=[signed], at="1982-05-01")
    assert verdict(found, "5") == ("not-met", "victim-not-yet-ratified")
    assert "ESP" not in open_to(found, "4")
    assert len(open_to(found, "4")) == 15

    bound = ask(text.replace("1982-05-01", "1982-05-30"), "nat-1949", at="1982-05-30")
    assert verdict(bound, "5") == ("open", "not-invoked")


@pytest.mark.parametrize(
    ("day", "lapsed"),
    [
        pytest.param("2025-10-15", True, id="after the law lapsed"),
        pytest.param("2025-11-15", False, id="after it came back"),
    ],
)
def test_29_a_lapsed_legal_shield_is_a_warning(day: str, lapsed: bool) -> None:
    text = f"""
id: any
versions: [{{known_at: {day}, facts: {{kind: vulnerability, occurred_at: {day}}}}}]
"""
    codes = {warning.code for warning in ask(text, "port-isac", at=day).warnings}
    assert ("legal-shield-lapsed" in codes) is lapsed


@pytest.mark.parametrize(
    ("viewpoint", "sees"),
    [
        pytest.param("france", True, id="a party sees the secret convention"),
        pytest.param("germany", False, id="an outsider does not"),
    ],
)
def test_30_a_secret_convention_shows_to_its_parties_only(viewpoint: str, sees: bool) -> None:
    text = war("russia", "1914-08-01", "germany", "russia")
    found = ask(text, *OF_1914, at="1914-08-01", viewpoint=viewpoint)
    assert bool(owed(found)) is sees
    assert ("franco-russian-1892" in str(found.to_json())) is sees


def test_30_a_view_equals_the_register_restricted_to_it() -> None:
    text = war("russia", "1914-08-01", "germany", "russia")
    whole = ask(text, *OF_1914, at="1914-08-01", viewpoint="germany")
    shown = {
        name: replace(
            texts()[name], articles=tuple(c for c in texts()[name].articles if not c.visibility)
        )
        for name in OF_1914
        if name != "franco-russian-1892"
    }
    assert "letters-1912" in {each.art for each in texts()["entente-cordiale-1904"].articles}
    restricted = evaluate(Register(shown), incidents(text), None, None, at=date(1914, 8, 1))
    assert whole == restricted


def test_the_law_of_the_day_can_be_chosen() -> None:
    found = ask(attack_on_poland("1998-01-01"), "nat-1949", at="1998-01-01")
    assert verdict(found, "5") == ("not-met", "victim-not-party")
    later = ask(attack_on_poland("1998-01-01"), "nat-1949", at="1998-01-01", law=date(1999, 3, 12))
    assert verdict(later, "5") == ("met", "")
