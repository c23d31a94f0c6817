"""Silence procedures to the second: objections, receipts, changed texts, extensions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from allied.agreement.decision import (
    Count,
    Electorate,
    Extension,
    InapplicableRuleError,
    Proposal,
    Receipt,
    Retraction,
    Revision,
    Statement,
    Vote,
    count,
    deadline_of,
    electorate_of,
)
from allied.agreement.rules import DecisionRule, Recusal, Silence
from allied.agreement.standing import Register, standing
from allied.agreement.terms import Agreement, load
from allied.agreement.values import Duration
from allied.errors import MalformedError
from allied.record.ids import PartyId
from tests.agreement.voting import (
    DEADLINE,
    HOUR,
    SECOND,
    TABLED,
    body,
    counted,
    parties,
    question,
    receipts,
    vote,
    votes,
)

SAMPLES = Path(__file__).parent / "samples"
QUIET = DecisionRule(kind="silence")
COUNCIL = DecisionRule(kind="consensus", silence=Silence())
ALL_READ = receipts("ABC")
A = PartyId("A")


def silence(**more: Any) -> DecisionRule:
    return DecisionRule(kind="consensus", silence=Silence(**more))


# --- scenario 13: the Council, silence until 10 February 2003, 09:00 -----------------------

TABLED_2003 = datetime(2003, 2, 6, 9, tzinfo=UTC)
NINE = datetime(2003, 2, 10, 9, tzinfo=UTC)


def _council() -> tuple[DecisionRule, Electorate]:
    (terms,) = load((SAMPLES / "nat-1949.yaml").read_bytes(), "nat-1949.yaml")
    assert isinstance(terms, Agreement)
    stands = standing(Register({terms.id: terms}), terms.id, TABLED_2003)
    rule = terms.rule_of("council")
    assert rule is not None
    return rule, electorate_of(terms, stands, "council")


def _in_2003(said: Sequence[Statement], at: datetime = NINE) -> Count:
    rule, electorate = _council()
    proposal = Proposal(
        id="planning", text="t", by=PartyId("USA"), tabled_at=TABLED_2003, deadline=NINE,
        under="nat-1949, council",
    )  # fmt: skip
    read = [Receipt(party=each, at=TABLED_2003, text="t") for each in electorate.members]
    return count(rule, proposal, electorate, [*read, *said], at)


def _objections(at: datetime) -> list[Statement]:
    return [
        Vote(party=PartyId(each), at=at, text="t", choice="no") for each in ("FRA", "BEL", "DEU")
    ]


def test_scenario_13_written_objections_before_nine_break_the_silence() -> None:
    found = _in_2003(_objections(NINE - SECOND))
    assert found.outcome == "silence-broken"
    assert found.objectors == ("BEL", "DEU", "FRA")
    assert found.bound_by_silence == ()
    assert found.closed_at == NINE - SECOND
    assert len(found.entitled) == 19
    assert found.sentence == (
        "Silence broken on 2003-02-10 08:59:59 UTC: nothing is adopted, not even in part."
        " Rule: consensus of the members, nobody objecting, by silence procedure, under nat-1949,"
        " council. 3 objected, 16 silent, of 19 entitled. Objecting: BEL, DEU, FRA."
    )


def test_scenario_13_without_an_objection_it_is_adopted_at_nine_sharp() -> None:
    assert _in_2003([], NINE - SECOND).outcome == "open"
    found = _in_2003([], NINE)
    assert found.outcome == "adopted"
    assert found.closed_at == NINE
    assert len(found.bound_by_silence) == 19


def test_scenario_13_an_objection_at_nine_is_late() -> None:
    found = _in_2003(_objections(NINE))
    assert found.outcome == "adopted"
    assert {(each.party, each.why) for each in found.passed_over} == {
        ("BEL", "late"), ("DEU", "late"), ("FRA", "late"),
    }  # fmt: skip


# --- one objection, in form and in time ----------------------------------------------------


@pytest.mark.parametrize(
    ("at", "outcome"),
    [
        pytest.param(TABLED, "silence-broken", id="at once"),
        pytest.param(DEADLINE - SECOND, "silence-broken", id="in the last second"),
        pytest.param(DEADLINE - timedelta(milliseconds=1), "silence-broken", id="last millisecond"),
        pytest.param(DEADLINE, "adopted", id="at the deadline it is late"),
        pytest.param(DEADLINE + SECOND, "adopted", id="after it"),
    ],
)
@pytest.mark.parametrize("rule", [QUIET, COUNCIL], ids=["silence", "consensus under silence"])
def test_one_objection_strictly_before_the_deadline(
    rule: DecisionRule, at: datetime, outcome: str
) -> None:
    found = counted(rule, "ABC", [*ALL_READ, vote("B", "-", at)], DEADLINE + HOUR)
    assert found.outcome == outcome


def test_a_broken_silence_is_broken_at_once_and_stays_so() -> None:
    said = [*ALL_READ, vote("B", "-"), vote("B", "+", TABLED + 2 * HOUR)]
    for at in (TABLED + HOUR, TABLED + 2 * HOUR, DEADLINE):
        found = counted(COUNCIL, "ABC", said, at)
        assert (found.outcome, found.objectors) == ("silence-broken", ("B",))


@pytest.mark.parametrize(
    ("rule", "objection", "outcome", "why"),
    [
        pytest.param(COUNCIL, {"written": True}, "silence-broken", [], id="in writing"),
        pytest.param(COUNCIL, {"written": False}, "adopted", ["not-in-writing"], id="by word"),
        pytest.param(
            silence(break_by="objection"), {"written": False}, "silence-broken", [],
            id="by word, where that is enough",
        ),
        pytest.param(
            silence(reasons_required=True), {"reasoned": True}, "silence-broken", [],
            id="with reasons",
        ),
        pytest.param(
            silence(reasons_required=True), {"reasoned": False}, "adopted", ["without-reasons"],
            id="without the reasons that are asked for",
        ),
    ],
)  # fmt: skip
def test_the_form_of_an_objection(
    rule: DecisionRule, objection: dict[str, Any], outcome: str, why: list[str]
) -> None:
    found = counted(rule, "ABC", [*ALL_READ, vote("B", "-", **objection)])
    assert found.outcome == outcome
    assert [each.why for each in found.passed_over] == why


def test_an_objection_of_a_stranger_or_of_somebody_recused_breaks_nothing() -> None:
    recusing = DecisionRule(kind="silence", recuse=(Recusal(who="subject"),))
    said = [*ALL_READ, vote("C", "-"), vote("Z", "-")]
    assert counted(recusing, "ABC", said).objectors == ("C",)
    found = counted(recusing, "ABC", said, subjects=parties("C"))
    assert (found.outcome, found.bound_by_silence) == ("adopted", ("A", "B"))
    assert {(each.party, each.why) for each in found.passed_over} == {
        ("C", "recused"), ("Z", "stranger"),
    }  # fmt: skip


def test_an_objection_may_arrive_within_the_grace() -> None:
    patient = DecisionRule(kind="silence", grace=Duration(1, "hours"))
    posted = vote("B", "-", DEADLINE - SECOND, arrived_at=DEADLINE + HOUR - SECOND)
    assert counted(patient, "ABC", [*ALL_READ, posted], DEADLINE).outcome == "open"
    assert counted(patient, "ABC", [*ALL_READ, posted], DEADLINE + HOUR).outcome == "silence-broken"
    too_late = vote("B", "-", DEADLINE - SECOND, arrived_at=DEADLINE + HOUR)
    assert counted(patient, "ABC", [*ALL_READ, too_late], DEADLINE + HOUR).outcome == "adopted"


# --- silence binds whom it reached ---------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "read", "outcome", "bound"),
    [
        pytest.param(QUIET, "ABC", "adopted", "ABC", id="silence: all have read it"),
        pytest.param(QUIET, "AB", "adopted", "AB", id="silence: one was not reached, nor bound"),
        pytest.param(QUIET, "A", "lapsed", "", id="silence: nobody adopts alone"),
        pytest.param(COUNCIL, "ABC", "adopted", "ABC", id="consensus: all have read it"),
        pytest.param(COUNCIL, "AB", "lapsed", "", id="consensus: one was not reached"),
        pytest.param(
            DecisionRule(kind="unanimity", silence=Silence()), "AB", "lapsed", "",
            id="unanimity: one was not reached",
        ),
        pytest.param(
            DecisionRule(kind="absolute-majority", silence=Silence()), "AB", "adopted", "AB",
            id="majority: more than half were reached",
        ),
        pytest.param(
            DecisionRule(kind="absolute-majority", silence=Silence()), "A", "lapsed", "",
            id="majority: too few were reached",
        ),
        pytest.param(
            DecisionRule(kind="silence", quorum=3), "AB", "lapsed", "",
            id="a quorum asks how many were reached",
        ),
        pytest.param(
            DecisionRule(kind="silence", quorum=Fraction(2, 3)), "AB", "adopted", "AB",
            id="a quorum of two thirds",
        ),
    ],
)  # fmt: skip
def test_whom_silence_binds(rule: DecisionRule, read: str, outcome: str, bound: str) -> None:
    found = counted(rule, "ABC", receipts(read))
    assert (found.outcome, "".join(found.bound_by_silence)) == (outcome, bound)
    assert "".join(found.not_reached) == "".join(each for each in "ABC" if each not in read)


@pytest.mark.parametrize(
    ("receipt", "why"),
    [
        pytest.param({}, [], id="confirmed by a person"),
        pytest.param({"person": False}, ["not-confirmed"], id="signed by a machine"),
        pytest.param({"text": "u"}, ["other-text"], id="of another text"),
        pytest.param({"at": DEADLINE}, ["late"], id="at the deadline"),
        pytest.param(
            {"at": DEADLINE - SECOND, "arrived_at": DEADLINE}, ["arrived-late"], id="arrives late"
        ),
    ],
)
def test_what_a_receipt_must_be(receipt: dict[str, Any], why: list[str]) -> None:
    found = counted(COUNCIL, "AB", receipts("B", **receipt))
    assert found.outcome == ("lapsed" if why else "adopted")
    assert found.where("not-reached") == (("B",) if why else ())
    assert [each.why for each in found.passed_over] == why


def test_whoever_says_yes_or_abstains_has_been_reached() -> None:
    found = counted(COUNCIL, "ABC", votes("B+ C0"))
    assert (found.outcome, found.not_reached) == ("adopted", ())
    assert found.bound_by_silence == ("A",)  # who tabled it, and said nothing more


def test_while_it_runs_it_says_who_is_not_reached_and_what_would_break_it() -> None:
    found = counted(COUNCIL, "ABC", receipts("B"), DEADLINE - SECOND)
    assert (found.outcome, found.reason, found.as_it_stands) == (
        "open", "awaiting-silence", "lapsed",
    )  # fmt: skip
    assert found.awaited == ("C",)
    assert [(each.parties, each.says, each.outcome) for each in found.would_change] == [
        (("A", "B", "C"), "objection", "silence-broken"),
        (("C",), "abstain", "adopted"),
        (("C",), "yes", "adopted"),
        (("C",), "receipt", "adopted"),
    ]


# --- time starts again ---------------------------------------------------------------------


def _revision(at: datetime, text: str = "u", **more: Any) -> Revision:
    return Revision(party=more.pop("party", A), at=at, text=text, **more)


def test_a_changed_text_restarts_the_time_to_the_second() -> None:
    changed = TABLED + 5 * HOUR
    said = [*ALL_READ, _revision(changed), *receipts("BC", changed + HOUR, text="u")]
    end = DEADLINE + 5 * HOUR
    assert counted(COUNCIL, "ABC", said, DEADLINE).outcome == "open"
    assert counted(COUNCIL, "ABC", said, end - SECOND).outcome == "open"
    found = counted(COUNCIL, "ABC", said, end)
    assert (found.outcome, found.deadline, found.text) == ("adopted", end, "u")
    late_before = vote("B", "-", end - SECOND, text="u")
    assert counted(COUNCIL, "ABC", [*said, late_before], end).outcome == "silence-broken"
    at_the_end = vote("B", "-", end, text="u")
    assert counted(COUNCIL, "ABC", [*said, at_the_end], end).outcome == "adopted"


def test_a_receipt_of_the_old_text_is_none_of_the_new() -> None:
    said = [*ALL_READ, _revision(TABLED + 5 * HOUR)]
    found = counted(COUNCIL, "ABC", said, DEADLINE + 5 * HOUR)
    assert (found.outcome, found.not_reached) == ("lapsed", ("B", "C"))


@pytest.mark.parametrize(
    ("revision", "why"),
    [
        pytest.param(_revision(DEADLINE - SECOND), [], id="in the last second"),
        pytest.param(_revision(DEADLINE), ["late"], id="at the deadline"),
        pytest.param(
            _revision(TABLED + HOUR, party=PartyId("B")), ["not-the-proposer"], id="by another"
        ),
        pytest.param(_revision(TABLED + HOUR, "t"), ["same-text"], id="the same text"),
    ],
)
def test_a_text_is_changed_by_its_proposer_and_in_time(revision: Revision, why: list[str]) -> None:
    found = counted(COUNCIL, "ABC", [*ALL_READ, revision], DEADLINE)
    assert [each.why for each in found.passed_over if each.kind == "revision"] == why
    assert found.outcome == ("adopted" if why else "open")


@pytest.mark.parametrize(
    ("objected", "text"),
    [
        pytest.param(TABLED + HOUR, "t", id="before the change"),
        pytest.param(TABLED + 2 * HOUR, "t", id="at the moment of the change"),
        pytest.param(TABLED + 3 * HOUR, "t", id="after it, against the old text"),
        pytest.param(TABLED + 3 * HOUR, "u", id="after it, against the new text"),
    ],
)
def test_no_change_of_text_mends_a_silence_that_somebody_broke(
    objected: datetime, text: str
) -> None:
    said = [
        *ALL_READ, _revision(TABLED + 2 * HOUR), *receipts("BC", TABLED + 4 * HOUR, text="u"),
    ]  # fmt: skip
    end = DEADLINE + 2 * HOUR
    assert counted(COUNCIL, "ABC", said, end).outcome == "adopted"
    found = counted(COUNCIL, "ABC", [*said, vote("B", "-", objected, text=text)], end)
    assert (found.outcome, found.objectors) == ("silence-broken", ("B",))


@pytest.mark.parametrize(
    ("rule", "extension", "why"),
    [
        pytest.param(silence(may_extend=True), {}, [], id="before expiry"),
        pytest.param(silence(may_extend=True), {"at": DEADLINE - SECOND}, [], id="just before"),
        pytest.param(silence(may_extend=True), {"at": DEADLINE}, ["late"], id="at expiry"),
        pytest.param(silence(), {}, ["not-extendable"], id="not provided"),
        pytest.param(
            silence(may_extend=True), {"party": PartyId("B")}, ["not-the-proposer"], id="by another"
        ),
        pytest.param(silence(may_extend=True), {"until": DEADLINE}, ["not-longer"], id="no longer"),
    ],
)
def test_an_extension(rule: DecisionRule, extension: dict[str, Any], why: list[str]) -> None:
    until = DEADLINE + HOUR
    step = Extension(**{"party": A, "at": TABLED + HOUR, "until": until, **extension})
    found = counted(rule, "ABC", [*ALL_READ, step], DEADLINE)
    assert [each.why for each in found.passed_over] == why
    assert (found.outcome, found.deadline) == (("adopted", DEADLINE) if why else ("open", until))
    objection = vote("B", "-", DEADLINE)
    broken = counted(rule, "ABC", [*ALL_READ, step, objection], until).outcome
    assert broken == ("adopted" if why else "silence-broken")


def test_an_extension_may_follow_an_extension() -> None:
    steps: list[Statement] = [
        Extension(party=A, at=DEADLINE + HOUR, until=DEADLINE + 4 * HOUR),
        Extension(party=A, at=DEADLINE - HOUR, until=DEADLINE + 2 * HOUR),
    ]
    patient = silence(may_extend=True)
    assert counted(patient, "AB", steps).deadline == DEADLINE + 2 * HOUR  # the other is unknown
    assert counted(patient, "AB", steps, DEADLINE + HOUR).deadline == DEADLINE + 4 * HOUR
    assert counted(patient, "AB", steps[:1], DEADLINE + HOUR).deadline == DEADLINE


def test_a_changed_text_takes_back_no_time_that_was_given() -> None:
    far = DEADLINE + timedelta(days=9)
    given = Extension(party=A, at=TABLED + HOUR, until=far)
    changed = _revision(TABLED + 2 * HOUR)
    patient = silence(may_extend=True)
    assert counted(patient, "AB", [changed]).deadline == DEADLINE + 2 * HOUR
    assert counted(patient, "AB", [given, changed]).deadline == far


def test_after_an_objection_nothing_is_extended_changed_or_taken_back() -> None:
    said = [*ALL_READ, vote("B", "-"), Retraction(party=A, at=TABLED + 2 * HOUR)]
    found = counted(silence(may_extend=True), "ABC", said)
    assert found.outcome == "silence-broken"
    assert [each.why for each in found.passed_over] == ["late"]
    in_time = [*ALL_READ, vote("B", "-", TABLED + 3 * HOUR), said[-1]]
    assert counted(silence(may_extend=True), "ABC", in_time).outcome == "withdrawn"


def test_endless_changes_are_followed_only_so_far() -> None:
    steps = [_revision(TABLED + SECOND * n, f"u{n}") for n in range(1, 200)]
    found = counted(COUNCIL, "AB", steps, TABLED + HOUR)
    assert found.text == "u100"
    assert {each.why for each in found.passed_over} == {"too-many"}
    assert len(found.passed_over) == 99


# --- deadlines -----------------------------------------------------------------------------

WORKING = DecisionRule(kind="silence", silence=Silence(period=Duration(6, "working days")))
FOUR_DAYS = DecisionRule(kind="silence", silence=Silence(period=Duration(4, "days")))


@pytest.mark.parametrize(
    ("rule", "named", "deadline"),
    [
        pytest.param(FOUR_DAYS, None, DEADLINE, id="the period of the rule"),
        pytest.param(FOUR_DAYS, DEADLINE, DEADLINE, id="the same, named"),
        pytest.param(FOUR_DAYS, DEADLINE + HOUR, DEADLINE + HOUR, id="more than the rule asks"),
        pytest.param(
            WORKING, None, datetime(2026, 3, 10, 9, tzinfo=UTC), id="a weekend does not count"
        ),
        pytest.param(COUNCIL, DEADLINE, DEADLINE, id="named, where the rule has none"),
    ],
)
def test_when_the_silence_ends(
    rule: DecisionRule, named: datetime | None, deadline: datetime
) -> None:
    assert deadline_of(rule, question(deadline=named)) == deadline


@pytest.mark.parametrize(
    ("rule", "more", "code"),
    [
        pytest.param(
            FOUR_DAYS, {"deadline": DEADLINE - SECOND}, "decision.deadline-too-early",
            id="a second less than the rule gives",
        ),
        pytest.param(
            COUNCIL, {"deadline": TABLED}, "decision.deadline-too-early", id="no time at all"
        ),
        pytest.param(
            COUNCIL, {"deadline": None}, "decision.deadline-missing", id="nobody says when"
        ),
        pytest.param(
            DecisionRule(kind="unanimity"), {"under_silence": True},
            "decision.no-silence-procedure", id="no silence procedure is provided",
        ),
        pytest.param(
            QUIET, {"under_silence": False}, "decision.only-by-silence", id="by silence only"
        ),
    ],
)  # fmt: skip
def test_a_proposal_that_the_rule_does_not_allow_is_refused(
    rule: DecisionRule, more: dict[str, Any], code: str
) -> None:
    with pytest.raises(InapplicableRuleError) as refusal:
        counted(rule, "ABC", [], **more)
    assert refusal.value.code == code
    assert refusal.value.hint


def test_days_are_counted_in_the_time_zone_of_the_agreement() -> None:
    """Clocks go forward on 29 March 2026 in Brussels: four days are an hour shorter there."""
    over_the_change = question(tabled_at=datetime(2026, 3, 27, 9, tzinfo=UTC), deadline=None)
    assert deadline_of(FOUR_DAYS, over_the_change) == datetime(2026, 3, 31, 9, tzinfo=UTC)
    assert deadline_of(FOUR_DAYS, over_the_change, "Europe/Brussels") == datetime(
        2026, 3, 31, 8, tzinfo=UTC
    )
    with pytest.raises(MalformedError) as refusal:
        deadline_of(FOUR_DAYS, over_the_change, "Europe/Atlantis")
    assert refusal.value.code == "agreement.unknown-timezone"


def test_a_period_beyond_the_calendar_never_ends() -> None:
    ages = DecisionRule(kind="silence", silence=Silence(period=Duration(9_000, "years")))
    far = counted(ages, "AB", receipts("AB"), DEADLINE, deadline=None)
    assert far.outcome == "open"
    assert far.deadline is not None
    assert far.deadline.year == 9999


def test_a_rule_with_a_silence_procedure_may_be_put_to_an_open_vote() -> None:
    said = [*receipts("AB"), vote("B", "-"), vote("B", "+", TABLED + 2 * HOUR)]
    assert counted(COUNCIL, "AB", said, under_silence=False).outcome == "adopted"
    assert counted(COUNCIL, "AB", said).outcome == "silence-broken"


def test_presence_at_a_meeting_is_no_receipt() -> None:
    assert counted(COUNCIL, body("AB", present="B"), []).not_reached == ("B",)
    assert counted(COUNCIL, body("AB"), receipts("B")).not_reached == ()
