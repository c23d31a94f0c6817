"""Records of a circle as cases: facts, calls, obligations, and what has no effect."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given, strategies as st

from allied.agreement.standing import Register
from allied.errors import NotFoundError
from allied.record.canonical import Json
from allied.record.ids import PartyId, RecordId
from allied.response.calling import callable_now, entitlement
from allied.response.document import to_markdown, to_text
from allied.response.evaluate import prepare
from allied.response.fold import CaseFile, Cases, fold
from allied.response.incident import Invocation
from allied.response.obligation import ObligationState
from allied.response.overdue import standing
from allied.response.report import incident_report
from allied.response.statement import Statement
from tests.response.cases import incidents, minutes, register, texts

ATTACK: dict[str, Json] = {
    "kind": "attack.cyber.availability",
    "occurred_at": "2026-05-01T11:00:00Z",
    "severity": "severe",
    "acts": [{"against": "harbour", "target": "systems", "systems": ["domain:harbour.example"]}],
}


class Circle:
    """Statements of one circle; each takes a minute unless its time is given."""

    def __init__(self, agreement: str = "river-harbour") -> None:
        self.agreement = texts()[agreement]
        self.said: list[Statement] = []

    def say(self, kind: str, party: str, at: float | None = None, **body: Json) -> RecordId:
        order = len(self.said) + 1
        record = RecordId(f"{order:064x}")
        when = minutes(order if at is None else at)
        self.said.append(Statement(kind, PartyId(party), body, when, record, order))
        return record

    def report(self, party: str = "harbour", at: float | None = None, **facts: Json) -> RecordId:
        known = "2026-05-01T11:30:00Z"
        return self.say(
            "incident.report", party, at, incident="ransom", known_at=known,
            facts={**ATTACK, **facts},
        )  # fmt: skip

    def invoke(
        self, party: str, incident: str, art: str = "3", at: float | None = None
    ) -> RecordId:
        return self.say("incident.invoke", party, at, incident=incident, art=art)

    def about(self, word: str, party: str, key: str, incident: str, **more: Json) -> RecordId:
        return self.say(
            f"obligation.{word}", party, None, incident=incident, obligation=key, **more
        )

    def fold(self, at: float = 600) -> Cases:
        whole = Register({self.agreement.id: self.agreement})
        return fold(self.agreement, whole, self.said, minutes(at))

    def case(self, at: float = 600) -> CaseFile:
        (case,) = self.fold(at).cases
        return case

    def owed(self, at: float = 600) -> dict[tuple[str, str], str]:
        """(article, debtor) -> state, of all obligations."""
        return {
            (each.obligation.art, each.obligation.debtor): each.state
            for case in self.fold(at).cases
            for each in case.obligations
        }


def called() -> tuple[Circle, RecordId, str]:
    """Harbour was attacked and called; River has received the call at minute 3."""
    circle = Circle()
    report = circle.report()
    call = circle.invoke("harbour", report)
    circle.say("receipt", "river", records=[report, call])
    (state,) = circle.case().obligations
    return circle, report, state.obligation.key


def the(circle: Circle, at: float = 600) -> ObligationState:
    (state,) = circle.case(at).obligations
    return state


def test_a_report_alone_obliges_nobody_and_says_what_could_be_called() -> None:
    circle = Circle()
    circle.report()
    case = circle.case()
    assert (case.alias, case.reported_by, case.obligations) == ("ransom", "harbour", ())
    outcomes = {each.art: each.outcome for each in case.evaluation.results}
    assert outcomes == {"3": "open", "4": "open"}


def test_a_call_by_the_victim_opens_what_the_other_owes() -> None:
    circle, _, key = called()
    case = circle.case()
    assert [(call.party, call.art, call.effective) for call in case.calls] == [
        ("harbour", "3", True)
    ]
    state = the(circle)
    assert (state.obligation.debtor, state.obligation.creditor, state.obligation.act) == (
        "river", "harbour", "assist",
    )  # fmt: skip
    assert (state.state, state.owed_at, state.answer_by) == ("owed", minutes(3), minutes(123))
    assert circle.fold().obligation(key) == state
    with pytest.raises(NotFoundError):
        circle.fold().obligation("nothing")
    with pytest.raises(NotFoundError):
        circle.fold().case("nothing")


def test_27_declined_for_an_own_emergency_is_excused() -> None:
    circle, report, key = called()
    answer = circle.about("decline", "river", key, report, reason="own-emergency")
    circle.say("receipt", "harbour", records=[answer])
    declined = standing(the(circle), minutes(200))
    assert (declined.label, declined.answer, declined.possible_breach) == (
        "declined",
        "in-time",
        True,
    )

    circle.about("confirm-excuse", "harbour", key, report)
    excused = standing(the(circle), minutes(200))
    assert (the(circle).state, excused.label, excused.possible_breach) == (
        "excused", "discharged", False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("at", "label"),
    [
        pytest.param(122.9, "owed", id="within two hours"),
        pytest.param(123, "overdue-answer", id="at two hours"),
    ],
)
def test_27_unanswered_is_overdue_at_two_hours(at: float, label: str) -> None:
    circle, _, _ = called()
    assert standing(the(circle), minutes(at)).label == label


def test_from_call_to_verified_performance() -> None:
    circle, report, key = called()
    answer = circle.about("accept", "river", key, report)
    circle.say("receipt", "harbour", records=[answer])
    circle.about("perform", "river", key, report, evidence=[{"blob": "ab" * 32, "size": 3}])
    circle.about("verify", "harbour", key, report)
    state = the(circle)
    assert (state.state, state.evidence) == ("verified", ("ab" * 32,))
    assert [step.what for step in state.steps] == [
        "opened", "received", "accept", "perform", "verify",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("party", "art", "at", "reason"),
    [
        pytest.param("harbour", "3", 2, "", id="the victim may"),
        pytest.param("river", "3", 2, "wrong-caller", id="who was not attacked may not"),
        pytest.param("dog", "3", 2, "wrong-caller", id="a stranger may not"),
        pytest.param("harbour", "9", 2, "no-such-clause", id="there is no such clause"),
        pytest.param("harbour", "2", 2, "no-such-clause", id="it does not speak of incidents"),
        pytest.param("harbour", "3", 7 * 1440 - 31, "", id="just inside the window"),
        pytest.param("harbour", "3", 7 * 1440, "late", id="after the window"),
        pytest.param("river", "4", 2, "", id="anybody may ask for aid"),
    ],
)
def test_who_may_call(party: str, art: str, at: float, reason: str) -> None:
    circle = Circle()
    report = circle.report()
    circle.invoke(party, report, art, at)
    (call,) = circle.case(99999).calls
    assert (call.effective, call.reason, bool(call.why)) == (not reason, reason, True)
    assert bool(circle.case(99999).obligations) is (not reason)


def test_a_call_without_effect_changes_nothing() -> None:
    circle = Circle()
    report = circle.report()
    before = circle.case().evaluation
    circle.invoke("river", report)
    assert circle.case().evaluation == before
    circle.invoke("harbour", report)
    assert circle.owed() == {("3", "river"): "owed"}


def test_a_second_call_by_the_same_party_is_shown_and_has_no_effect() -> None:
    circle, report, _ = called()
    circle.invoke("harbour", report)
    assert [call.reason for call in circle.case().calls] == ["", "already-called"]
    assert len(circle.case().obligations) == 1


def test_a_call_is_judged_by_what_its_issuer_held() -> None:
    circle = Circle()
    report = circle.report(acts=[{"systems": ["domain:harbour.example"]}])
    facts = circle.say(
        "incident.facts", "harbour", incident=report, known_at="2026-05-01T11:40:00Z",
        facts={"acts": [{"against": "river"}]},
    )  # fmt: skip
    circle.invoke("river", report)
    assert circle.case().calls[0].effective

    unaware = replace(circle.said[-1], knows=frozenset({report}))
    circle.said[-1] = unaware
    assert circle.case().calls[0].reason == "wrong-caller"

    circle.said[-1] = replace(unaware, knows=frozenset({facts}))
    assert circle.case().calls == ()
    assert [each.reason for each in circle.fold().ignored] == ["unknown-incident"]


def test_later_facts_complete_earlier_ones() -> None:
    circle = Circle()
    report = circle.report(severity="low")
    circle.invoke("harbour", report)
    assert circle.owed() == {}
    facts = circle.say(
        "incident.facts", "harbour", incident=report, known_at="2026-05-01T12:00:00Z",
        facts={"severity": "severe"},
    )  # fmt: skip
    assert circle.owed() == {("3", "river"): "owed"}
    circle.say("receipt", "river", records=[facts])
    assert the(circle).owed_at == minutes(4)  # the period starts at what opened it


def test_an_obligation_lapses_when_the_facts_fall_away_and_comes_back_with_them() -> None:
    circle, report, key = called()
    circle.about("accept", "river", key, report)

    def now_severity(severity: str) -> None:
        circle.say(
            "incident.facts", "harbour", incident=report,
            known_at=f"2026-05-01T12:{len(circle.said):02}:00Z", facts={"severity": severity},
        )  # fmt: skip

    now_severity("low")
    assert the(circle).state == "lapsed"
    now_severity("severe")
    assert the(circle).state == "accepted"
    assert [step.what for step in the(circle).steps] == [
        "opened", "received", "accept", "lapsed", "resumed",
    ]  # fmt: skip


def test_what_two_parties_state_differently_is_shown() -> None:
    circle = Circle()
    report = circle.report()
    circle.say(
        "incident.facts", "river", incident=report, known_at="2026-05-01T11:45:00Z",
        facts={"severity": "low"},
    )  # fmt: skip
    (contested,) = circle.case().contested
    assert contested.field == "severity"
    assert contested.values == {"harbour": "severe", "river": "low"}


def test_correcting_oneself_is_no_contest() -> None:
    circle = Circle()
    report = circle.report()
    circle.say(
        "incident.facts", "harbour", incident=report, known_at="2026-05-01T11:45:00Z",
        facts={"severity": "emergency"},
    )  # fmt: skip
    assert circle.case().contested == ()


@pytest.mark.parametrize(
    ("kind", "body", "reason"),
    [
        pytest.param("incident.report", {"facts": {}}, "incident.missing-key", id="no time"),
        pytest.param(
            "incident.report",
            {"known_at": "2026-05-01", "facts": {"severity": "x"}},
            "incident.wrong-value",
            id="facts that do not read",
        ),
        pytest.param(
            "incident.facts", {"incident": "x"}, "unknown-incident", id="facts of nothing"
        ),
        pytest.param("incident.invoke", {"art": "3"}, "unknown-incident", id="a call of nothing"),
        pytest.param("incident.invoke", {"incident": 4}, "unknown-incident", id="of a number"),
        pytest.param("incident.finding", {}, "not-decided-here", id="a finding"),
        pytest.param("obligation.accept", {}, "unknown-obligation", id="an answer to nothing"),
    ],
)
def test_what_has_no_effect_is_kept_with_its_reason(
    kind: str, body: dict[str, Json], reason: str
) -> None:
    circle, _, _ = called()
    before = circle.fold()
    record = circle.say(kind, "harbour", None, **body)
    after = circle.fold()
    assert after.cases == before.cases
    assert [(each.record, each.reason) for each in after.ignored] == [(record, reason)]


def test_clocks_that_differ_do_not_hide_facts() -> None:
    circle = Circle()
    report = circle.say(
        "incident.report", "harbour", 2880, incident="ransom", known_at="2026-05-03T12:00:00Z",
        facts=ATTACK,
    )  # fmt: skip
    circle.invoke("harbour", report, at=2881)
    # The reader's own clock is two days behind Harbour's.
    assert circle.owed(at=10) == {("3", "river"): "owed"}


def test_facts_cannot_be_known_later_than_they_were_said() -> None:
    circle = Circle()
    report = circle.say(
        "incident.report", "harbour", incident="ransom", known_at="2126-05-01", facts=ATTACK
    )
    circle.invoke("harbour", report)
    assert circle.case().stated[0].version.known_at == minutes(1)
    assert circle.owed() == {("3", "river"): "owed"}


def test_incidents_of_one_campaign_count_together() -> None:
    circle = Circle("three-pact")

    def report(name: str, against: list[str]) -> RecordId:
        return circle.say(
            "incident.report", "ash", incident=name, known_at="2026-05-01", campaign="spring",
            facts={
                "kind": "attack.cyber", "occurred_at": "2026-05-01", "severity": "medium",
                "acts": [{"by": "fox", "against": each} for each in against],
            },
        )  # fmt: skip

    first = report("one", ["ash", "birch"])
    assert {art for art, _ in circle.owed()} == {"7"}  # neutrality alone
    second = report("two", ["ash", "birch"])
    states = [
        each
        for case in circle.fold().cases
        for each in case.obligations
        if each.obligation.art == "3"
    ]
    assert {each.obligation.incident for each in states} == {first, second}
    # What opened them is the second report, also for the first incident.
    assert {step.record for each in states for step in each.steps if step.what == "opened"} == {
        second
    }


def test_nobody_owes_what_it_cannot_see() -> None:
    circle = Circle("presumed-pact")
    circle.say(
        "incident.report", "ash", incident="x", known_at="2026-05-01",
        facts={
            "kind": "attack.cyber", "occurred_at": "2026-05-01", "severity": "severe",
            "acts": [{"against": "ash"}],
        },
    )  # fmt: skip
    assert circle.owed() == {("1", "birch"): "owed", ("1", "cedar"): "owed"}

    pair = frozenset({PartyId("ash"), PartyId("birch")})
    whole = Register({circle.agreement.id: circle.agreement})
    (case,) = fold(circle.agreement, whole, circle.said, minutes(60), members=pair).cases
    assert [each.obligation.debtor for each in case.obligations] == ["birch"]
    assert [each.debtor for each in case.evaluation.obligations] == ["birch"]
    assert "not-in-circle" in {warning.code for warning in case.evaluation.warnings}


def long_story() -> Circle:
    circle, report, key = called()
    circle.invoke("river", report, "4")
    circle.about("decline", "river", key, report, reason="own-emergency")
    circle.about("refuse-excuse", "harbour", key, report)
    circle.say(
        "incident.facts", "river", incident=report, known_at="2026-05-01T11:45:00Z",
        facts={"severity": "emergency"},
    )  # fmt: skip
    circle.about("perform", "river", key, report, evidence=[{"blob": "cd" * 32, "size": 1}])
    circle.say("incident.finding", "river")
    circle.say("receipt", "harbour", records=[each.record for each in circle.said])
    return circle


@given(st.randoms(use_true_random=False))
def test_the_order_in_which_records_arrive_does_not_matter(shuffler: random.Random) -> None:
    circle = long_story()
    whole = circle.fold()
    circle.said = [*circle.said, *circle.said]
    shuffler.shuffle(circle.said)
    assert circle.fold() == whole


def test_every_prefix_folds_and_keys_stay_the_same() -> None:
    circle = long_story()
    said, keys = circle.said, set[str]()
    for length in range(1, len(said) + 1):
        circle.said = said[:length]
        now = {each.obligation.key for case in circle.fold().cases for each in case.obligations}
        assert keys <= now
        keys = now
    assert len(keys) == 2


class TestCalling:
    """The same answer before a call is made."""

    incident = incidents(
        "id: x\nversions: [{known_at: 2026-05-01, facts: {kind: attack.cyber,"
        " occurred_at: 2026-05-01, severity: severe, acts: [{against: harbour}]}}]"
    )[0]

    @pytest.mark.parametrize(
        ("party", "arts"),
        [
            pytest.param("harbour", ("3", "4"), id="the victim"),
            pytest.param("river", ("4",), id="the other"),
            pytest.param("dog", (), id="a stranger"),
        ],
    )
    def test_what_may_be_called(self, party: str, arts: tuple[str, ...]) -> None:
        prepared = prepare(register("river-harbour"))
        found = callable_now(prepared, "river-harbour", self.incident, party, minutes(0))
        assert found == arts

    @pytest.mark.parametrize(
        ("art", "at", "code"),
        [
            pytest.param("3", minutes(0), "", id="yes"),
            pytest.param("3", minutes(-1440), "not-known-yet", id="before it was known"),
        ],
    )
    def test_when(self, art: str, at: datetime, code: str) -> None:
        call = Invocation(agreement="river-harbour", art=art, by="harbour", at=at)
        found = entitlement(prepare(register("river-harbour")), self.incident, call)
        assert (found.code, found.entitled) == (code, not code)

    @pytest.mark.parametrize(
        ("day", "code"),
        [
            pytest.param("2026-02-28", "not-in-force", id="before the entry into force"),
            pytest.param("2026-03-01", "", id="on that day"),
        ],
    )
    def test_the_law_of_when_it_occurred_decides(self, day: str, code: str) -> None:
        version = self.incident.versions[0]
        moved = replace(
            self.incident,
            versions=(
                replace(
                    version,
                    known_at=minutes(-1),
                    facts=replace(version.facts, occurred_at=datetime.fromisoformat(day).date()),
                ),
            ),
        )
        call = Invocation(agreement="river-harbour", art="3", by="harbour", at=minutes(0))
        assert entitlement(prepare(register("river-harbour")), moved, call).code == code


class TestReport:
    """The record of an incident, to read."""

    def text(self, at: float = 600) -> str:
        circle = long_story()
        whole = circle.fold(at)
        document = incident_report(
            whole.cases[0], circle.agreement, minutes(at), ignored=whole.ignored
        )
        return to_text(document)

    @pytest.mark.parametrize(
        "sentence",
        [
            "Incident ransom",
            "Harbour Logistics SA (harbour)",
            "2026-05-01T11:30:00Z",
            "severity: harbour says severe",
            "Obligations: 2",
            "River Bank plc (river) owes Harbour Logistics SA (harbour)",
            "declined (own-emergency)",
            "refused the excuse",
            "performed, evidence cdcdcdcdcdcd",
            "no effect",
            "not-decided-here",
            "This collective-response clause applies.",
            "G5, yes: system domain:harbour.example is in estate",
        ],
    )
    def test_it_says(self, sentence: str) -> None:
        shown = self.text().replace(
            "severity: Harbour Logistics SA (harbour) says", "severity: harbour says"
        )
        if sentence == "no effect":
            sentence = "Why it has no effect"
        assert sentence in shown

    def test_what_is_overdue_is_shown(self) -> None:
        circle, _, _ = called()
        late = circle.fold(200)
        document = incident_report(late.cases[0], circle.agreement, minutes(200))
        assert "overdue: 1, possible breaches: 1" in to_text(document)
        assert "no answer by the deadline" in to_text(document)
        early = circle.fold(60)
        document = incident_report(early.cases[0], circle.agreement, minutes(60))
        assert "overdue: 0, possible breaches: 0" in to_text(document)

    def test_a_title_comes_from_its_blob(self) -> None:
        circle, _, _ = called()
        case = replace(circle.case(), title="ef" * 32)
        document = incident_report(
            case, circle.agreement, minutes(9), titles={"ef" * 32: "Ransom at the quay"}
        )
        assert to_text(document).startswith("Incident Ransom at the quay\n")

    def test_markup_and_controls_from_others_stay_text(self) -> None:
        circle = Circle()
        circle.report(acts=[{"against": "harbour", "places": ["<b>x</b> | [a](b) \u202e", "# y"]}])
        document = incident_report(circle.case(), circle.agreement, minutes(9))
        shown = to_markdown(document)
        assert "\\<b\\>x\\</b\\> \\| \\[a\\](b) , \\# y" in shown
        assert "\u202e" not in shown
        assert "\u202e" not in to_text(document)
