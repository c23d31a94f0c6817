"""The acceptance scenarios of the domain model, over real agreement files.

Each test states what is given, and expects exactly what the model says: who owes what to
whom, under which clause, and which reason is named where nobody owes anything.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from allied.agreement.clauses import Membership
from allied.agreement.events import LEFT, Event, Register
from allied.agreement.standing import standing as standing_of, start_of_day
from allied.record.canonical import Json
from allied.record.ids import PartyId, RecordId
from allied.response.costs import ledger
from allied.response.evaluate import evaluate
from allied.response.obligation import Change, ObligationState, Opened, fold_obligations
from allied.response.overdue import standing
from allied.response.results import Obligation
from allied.response.statement import Statement
from tests.response.cases import (
    ask,
    event,
    incidents,
    minutes,
    obligations,
    open_to,
    owed,
    register,
    result,
    texts,
    verdict,
)

CALL = RecordId("call")
FAR_OFF = datetime(2030, 1, 1, tzinfo=UTC)


def receipt(party: str, at: datetime, record: str = CALL, order: int = 2) -> Statement:
    body: dict[str, Json] = {"records": [record]}
    return Statement("receipt", PartyId(party), body, at, RecordId(f"receipt-{order}"), order)


def say(
    word: str, about: Obligation, party: str, at: datetime, reason: str = "", order: int = 3
) -> Statement:
    body: dict[str, Json] = {"obligation": about.key, "incident": about.incident, "reason": reason}
    return Statement(
        f"obligation.{word}", PartyId(party), body, at, RecordId(f"{word}-{order}"), order
    )


def life(obligation: Obligation, *said: Statement) -> ObligationState:
    """What became of one obligation that a call opened."""
    change = Change("owed", CALL, PartyId(obligation.creditor), FAR_OFF, 1)
    (state,) = fold_obligations([Opened(obligation, (change,))], said)
    return state


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
    assert len(open_to(found, "4")) == 19  # whoever wants to may call for talks besides


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


def test_2_it_is_the_same_incident_and_what_waited_is_what_is_owed_now() -> None:
    waiting = obligations(ask(CONFIRMED, "nat-1949", at="2001-09-12"), "5", "suspended")
    owed_now = obligations(ask(CONFIRMED, "nat-1949", at="2001-10-02"), "5", "owed")
    assert {each.key for each in waiting} == {each.key for each in owed_now}


def test_3_an_attack_south_of_the_tropic_is_out_of_scope() -> None:
    found = ask(FALKLANDS, "nat-1949", at="1982-04-02")

    assert verdict(found, "5") == ("not-met", "out-of-scope")
    because = next(line.because for line in result(found, "5").explanation if line.gate == "G5")
    assert "latitude 51.7 S is not north of 23.44 N" in because
    assert obligations(found, "5") == []
    allies = open_to(found, "4")
    assert (len(allies), "GBR" in allies, "ESP" in allies) == (15, True, False)  # joins 30 May

    on_30_may = ask(FALKLANDS.replace("1982-04-02", "1982-05-30"), "nat-1949", at="1982-05-30")
    assert verdict(on_30_may, "5") == ("not-met", "out-of-scope")
    assert (len(open_to(on_30_may, "4")), "ESP" in open_to(on_30_may, "4")) == (16, True)


JET = """
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
"""
CHAIR = """decisions:
  - {agreement: nat-1949, art: "4", outcome: statement, by: council, at: 2012-06-26}
"""


def test_5_a_call_to_consult_obliges_to_consult_and_to_nothing_else() -> None:
    found = ask(JET, "nat-1949", at="2012-06-25")
    assert verdict(found, "4") == ("met", "")
    assert len(open_to(found, "4")) == 28
    consult = obligations(found, "4")
    assert len(consult) == 27
    assert {(each.creditor, each.modality) for each in consult} == {("TUR", "discuss")}
    assert {each.state for each in consult} == {"owed"}
    assert verdict(found, "5") == ("open", "not-invoked")
    assert obligations(found, "5") == []


def test_5_what_the_chair_states_is_recorded_and_binds_nobody() -> None:
    found = ask(JET + CHAIR, "nat-1949", at="2012-06-26")
    notes = {note.code: note.text for note in result(found, "4").notes}
    assert notes["outcome"] == (
        "nat-1949 Art 4: council: statement on 2012-06-26; it binds nobody."
    )
    assert {(each.state, each.modality) for each in obligations(found, "4")} == {
        ("performed", "discuss")
    }
    assert verdict(found, "5") == ("open", "not-invoked")
    assert obligations(found, "5") == []

    before = ask(JET + CHAIR, "nat-1949", at="2012-06-25")
    assert "outcome" not in {note.code for note in result(before, "4").notes}


def test_5_a_mere_statement_is_no_decision_on_an_attack() -> None:
    stated = CONFIRMED.replace("outcome: adopted", "outcome: statement")
    assert verdict(ask(stated, "nat-1949", at="2001-10-02"), "5") == ("open", "pending-decision")
    after = CONFIRMED + '  - {agreement: nat-1949, art: "5", outcome: statement, at: 2001-10-03}\n'
    assert verdict(ask(after, "nat-1949", at="2001-10-04"), "5") == ("met", "")


def test_6_a_party_without_an_army_gives_something_else() -> None:
    found = ask(CONFIRMED, "nat-1949", at="2001-10-02")
    iceland = next(each for each in obligations(found, "5") if each.debtor == "ISL")
    assert iceland.measures == ("facilities", "civil-personnel", "funds")
    assert iceland.adaptation == "adapted for armed_force: no"
    assert (iceland.state, iceland.modality) == ("owed", "must")
    france = next(each for each in obligations(found, "5") if each.debtor == "FRA")
    assert (france.measures, france.adaptation) == ((), "")

    received = receipt("ISL", at=datetime(2001, 10, 3, tzinfo=UTC))
    for moment in (datetime(2001, 10, 4, tzinfo=UTC), datetime(2021, 10, 4, tzinfo=UTC)):
        stands = standing(life(iceland, received), moment)
        assert (stands.label, stands.overdue, stands.possible_breach) == ("owed", False, False)


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
    assert "britain" not in {each.debtor for each in found.obligations}
    assert verdict(found, "1", "dual-alliance-1879") == ("not-met", "victim-not-party")
    # Nobody attacked a partner of Germany, so Germany owes nobody by its texts.
    of_germany = [each for each in found.results if each.agreement == "triple-alliance-1882"]
    assert {each.outcome for each in of_germany} <= {"not-met"}


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


def test_12_who_leaves_a_body_stays_a_party() -> None:
    text = texts()["nat-1949"]
    leaves = Event(
        "nat-1949",
        LEFT,
        PartyId("GRC"),
        start_of_day(date(1974, 8, 14), "UTC"),
        day=True,
        body="council",
    )
    partial = replace(
        text,
        articles=tuple(
            replace(clause, partial=True) if isinstance(clause, Membership) else clause
            for clause in text.articles
        ),
    )
    register = Register({"nat-1949": partial}, (leaves,))
    stands = standing_of(register, "nat-1949", datetime(1974, 9, 1, tzinfo=UTC))
    assert "GRC" not in stands.participation["council"]
    assert "TUR" in stands.participation["council"]
    assert stands.parties[PartyId("GRC")].legal == "bound"

    attack = attack_on_poland("1999-04-01")
    found = evaluate(register, incidents(attack), None, None, at=date(1999, 4, 1))
    assert ("GRC", "POL") in owed(found, "5")


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
    mine = next(each for each in obligations(afterwards, "5") if each.debtor == "HRV")
    accepted = say("accept", mine, "HRV", datetime(2025, 12, 2, tzinfo=UTC))
    assert standing(life(mine, accepted), datetime(2027, 1, 1, tzinfo=UTC)).label == "accepted"


def test_15_what_had_not_been_owed_before_the_exit_is_not_owed_after_it() -> None:
    notice = event("nat-1949", "notice", "HRV", "2025-03-01")
    late = attack_on_poland("2025-12-01").replace(
        "outcome: adopted, at: 2025-12-01", "outcome: adopted, at: 2026-06-01"
    )
    found = ask(late, "nat-1949", events=[notice], at="2026-06-01")
    assert verdict(found, "5") == ("met", "")
    assert ("HRV", "POL") not in owed(found, "5")
    assert ("HRV", "POL") in owed(ask(late, "nat-1949", at="2026-06-01"), "5")


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
    assert {each.state for each in session} == {"owed"}


def test_21_a_session_meets_the_duty_to_consult_and_frozen_is_practice_only() -> None:
    held = ARMENIA + (
        'decisions: [{agreement: csto-like, art: "2", outcome: statement, at: 2022-09-14}]\n'
    )
    frozen = event("csto-like", "declared", "ARM", "2024-02-23", practice="frozen")
    found = ask(held, "csto-like", events=[frozen], law=date(2024, 3, 1), at="2024-03-01")
    assert {each.state for each in obligations(found, "2")} == {"performed"}
    assert verdict(found, "4")[0] == "undetermined"
    (practice,) = [each.text for each in found.warnings if each.code == "practice"]
    assert practice == "ARM is frozen in practice; its legal status, bound, decides."
    stands = standing_of(register("csto-like", events=[frozen]), "csto-like", FAR_OFF)
    assert (stands.parties[PartyId("ARM")].legal, stands.parties[PartyId("ARM")].practice) == (
        "bound",
        "frozen",
    )


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


PARIS = """
id: paris-2015
versions:
  - known_at: 2015-11-13
    facts:
      kind: attack.terror
      occurred_at: 2015-11-13
      acts: [{against: FRA, target: territory, places: [europe]}]
invocations: [{agreement: eu-42-7-like, art: "42(7)", by: FRA, at: 2015-11-17}]
"""


def test_22_a_call_by_the_victim_needs_no_vote_and_neutrals_give_civil_help() -> None:
    found = ask(PARIS, "eu-42-7-like", at="2015-11-17")
    assert verdict(found, "42(7)") == ("met", "")
    gate = next(line for line in result(found, "42(7)").explanation if line.gate == "G10")
    assert (gate.answer, gate.because) == ("yes", "no decision is needed")
    assert {(each.creditor, each.modality, each.means) for each in found.obligations} == {
        ("FRA", "must", "own-choice")
    }
    assert {each.debtor: each.adaptation for each in found.obligations if each.adaptation} == {
        "AUT": "adapted for neutral: yes",
        "IRL": "adapted for neutral: yes",
    }
    given = {each.debtor: each.measures for each in found.obligations}
    assert given == {
        "AUT": ("civil-assistance",),
        "BEL": (),
        "DEU": (),
        "IRL": ("civil-assistance",),
    }


def test_22_the_duties_of_those_in_another_alliance_stay_as_they_are() -> None:
    both = ask(PARIS, "eu-42-7-like", "nat-1949", at="2015-11-17")
    union = ask(PARIS, "eu-42-7-like", at="2015-11-17")
    alliance = ask(PARIS, "nat-1949", at="2015-11-17")
    assert set(both.results) == {*union.results, *alliance.results}
    assert both.obligations == union.obligations
    assert (alliance.obligations, both.conflicts) == ((), ())


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


BREACH = """
id: breach
versions:
  - known_at: "2026-05-01T12:00:00Z"
    facts:
      kind: attack.cyber
      occurred_at: "2026-05-01T11:00:00Z"
      severity: severe
      acts:
        - {against: river, target: systems, systems: ["domain:river.example"]}
        - {against: harbour, target: systems, systems: ["domain:harbour.example"]}
invocations: [{agreement: river-harbour, art: "4", by: river, at: "2026-05-01T12:00:00Z"}]
"""


def asked_for_responders() -> Obligation:
    (only,) = obligations(ask(BREACH, "river-harbour", at="2026-05-02"), "4")
    assert (only.debtor, only.creditor, only.modality) == ("harbour", "river", "must")
    assert only.measures == ("incident-responder: 2",)
    assert "own-emergency" in only.excuses
    assert only.answer_by == minutes(120)
    return only


@pytest.mark.parametrize("word", ["decline", "excuse"])
def test_27_who_has_an_emergency_of_its_own_is_excused_within_two_hours(word: str) -> None:
    owed_ = asked_for_responders()
    got = receipt("harbour", at=minutes(0))
    said = say(word, owed_, "harbour", minutes(119), reason="own-emergency", order=3)
    seen = receipt("river", at=minutes(119.5), record=said.record, order=4)
    judged = say("confirm-excuse", owed_, "river", minutes(150), order=5)

    before = standing(life(owed_, got, said, seen), minutes(150))
    assert (before.answer, before.overdue) == ("in-time", False)
    after = life(owed_, got, said, seen, judged)
    assert (after.state, standing(after, minutes(9999)).label) == ("excused", "discharged")
    assert not standing(after, minutes(9999)).possible_breach
    assert ledger(texts()["river-harbour"], [after]) == ()


@pytest.mark.parametrize(
    ("minute", "label"),
    [
        pytest.param(119.99, "owed", id="before two hours"),
        pytest.param(120, "overdue-answer", id="at exactly two hours"),
    ],
)
def test_27_no_answer_is_overdue_at_exactly_two_hours(minute: float, label: str) -> None:
    silent = life(asked_for_responders(), receipt("harbour", at=minutes(0)))
    assert standing(silent, minutes(minute)).label == label
    assert ledger(texts()["river-harbour"], [silent]) == ()


def test_27_help_that_was_given_is_paid_for_by_who_asked() -> None:
    owed_ = asked_for_responders()
    helped = life(
        owed_, receipt("harbour", at=minutes(0)), say("perform", owed_, "harbour", minutes(60))
    )
    (entry,) = ledger(texts()["river-harbour"], [helped])
    assert (entry.payer, entry.payee, entry.basis) == ("river", "harbour", "requester-pays-actual")
    assert entry.given_at == minutes(60)


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
