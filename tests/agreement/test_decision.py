"""How each decision rule counts: tables, every refusal beside the twin that passes."""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest

from allied.agreement.decision import (
    Consent,
    Extension,
    InapplicableRuleError,
    Retraction,
    Revision,
    assemblers,
    certificate,
    certificate_size,
    count,
    electorate_of,
)
from allied.agreement.rules import DecisionRule, Recusal, SecondCondition, Silence
from allied.agreement.standing import Event, Register, standing
from allied.agreement.terms import Agreement, load
from allied.agreement.values import Duration, Table
from allied.errors import NotFoundError
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

TWO_THIRDS = Fraction(2, 3)


def rule(kind: str, **more: Any) -> DecisionRule:
    return DecisionRule(kind=kind, **more)


@pytest.mark.parametrize(
    ("said", "outcome", "reason"),
    [
        pytest.param("A+ B+ C+", "adopted", "", id="all say yes"),
        pytest.param("A+ B+ C-", "rejected", "unanimity", id="one no is enough"),
        pytest.param("A+ B+ C0", "adopted", "", id="an abstention does not block"),
        pytest.param("A+ B+", "rejected", "unanimity", id="staying away blocks"),
        pytest.param("A0 B0 C0", "rejected", "unanimity", id="nobody in favour"),
        pytest.param("", "rejected", "unanimity", id="nobody at all"),
    ],
)
def test_unanimity(said: str, outcome: str, reason: str) -> None:
    found = counted(rule("unanimity"), "ABC", said)
    assert (found.outcome, found.reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("group", "abstention", "said", "present", "outcome"),
    [
        pytest.param("members", "counts-against", "A+ B+ C0", "", "rejected", id="against"),
        pytest.param(
            "members", "allowed-without-blocking", "A+ B+ C0", "", "adopted", id="allowed"
        ),
        pytest.param("present", "ignored", "A+ B+", "", "adopted", id="who is away is not counted"),
        pytest.param("present", "ignored", "A+ B+", "C", "rejected", id="who sits and is mute is"),
        pytest.param("voting", "ignored", "A+ B+", "C", "adopted", id="only who votes"),
        pytest.param("voting", "ignored", "A+ B-", "", "rejected", id="one of two who vote"),
    ],
)
def test_unanimity_of_a_group(
    group: str, abstention: str, said: str, present: str, outcome: str
) -> None:
    unanimous = rule("unanimity", of=group, abstention=abstention)
    assert counted(unanimous, body("ABC", present=present), said).outcome == outcome


@pytest.mark.parametrize(
    ("said", "read", "outcome", "reason"),
    [
        pytest.param("A+ B+ C+", "", "adopted", "", id="all agree"),
        pytest.param("A+ B0 C0", "", "adopted", "", id="abstaining is no objection"),
        pytest.param("A+ B+ C-", "", "rejected", "consensus", id="one objects"),
        pytest.param("A+", "BC", "adopted", "", id="the others have read it and are silent"),
        pytest.param("A+", "B", "lapsed", "not-reached", id="one was not reached"),
        pytest.param("A+ B-", "", "rejected", "consensus", id="an objection beats not reached"),
        pytest.param("A0 B0 C0", "", "rejected", "consensus", id="nobody wants it"),
    ],
)
def test_consensus_in_an_open_vote(said: str, read: str, outcome: str, reason: str) -> None:
    found = counted(rule("consensus"), "ABC", [*votes(said), *receipts(read)])
    assert (found.outcome, found.reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        pytest.param("A+ B+ C-", "adopted", id="more yes than no"),
        pytest.param("A+ B- C-", "rejected", id="more no than yes"),
        pytest.param("A+", "adopted", id="one is more than none"),
        pytest.param("A+ B-", "rejected", id="a tie fails"),
        pytest.param("A+ B0 C0", "adopted", id="abstentions are neither"),
        pytest.param("A0", "rejected", id="none is not more than none"),
    ],
)
def test_simple_majority(said: str, outcome: str) -> None:
    assert counted(rule("simple-majority"), "ABCDE", said).outcome == outcome


def test_an_abstention_may_count_against() -> None:
    strict = rule("simple-majority", abstention="counts-against")
    assert counted(strict, "ABCDE", "A+ B+ C0").outcome == "adopted"
    assert counted(strict, "ABCDE", "A+ B0 C0").outcome == "rejected"


@pytest.mark.parametrize(
    ("kind", "chair", "said", "outcome"),
    [
        pytest.param("simple-majority", "A", "A+ B-", "adopted", id="the chair's yes breaks it"),
        pytest.param("simple-majority", "B", "A+ B-", "rejected", id="the chair's no breaks it"),
        pytest.param(
            "simple-majority", "C", "A+ B- C0", "rejected", id="an abstaining chair fails"
        ),
        pytest.param("simple-majority", "D", "A+ B-", "rejected", id="an absent chair fails"),
        pytest.param("simple-majority", "Z", "A+ B- Z+", "rejected", id="a chair without a vote"),
        pytest.param("simple-majority", None, "A+ B-", "rejected", id="no chair is known"),
        pytest.param("simple-majority", "B", "A+ B- C+", "adopted", id="no tie, no casting vote"),
        pytest.param("absolute-majority", "A", "A+ B+ C- D-", "adopted", id="half with the chair"),
        pytest.param("absolute-majority", "C", "A+ B+ C- D-", "rejected", id="half without it"),
        pytest.param("absolute-majority", "A", "A+ B+ C- D0", "adopted", id="half, one abstains"),
    ],
)
def test_a_tie_that_the_chair_breaks(kind: str, chair: str | None, said: str, outcome: str) -> None:
    casting = rule(kind, tie="chair-casts")
    found = counted(casting, body("ABCD", chair=chair), said)
    assert found.outcome == outcome


def test_a_tie_fails_unless_the_chair_casts() -> None:
    with_chair = body("AB", chair=PartyId("A"))
    assert counted(rule("simple-majority", tie="chair-casts"), with_chair, "A+ B-").reason == ""
    assert counted(rule("simple-majority"), with_chair, "A+ B-").reason == "majority"


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        pytest.param("A+ B+ C+", "adopted", id="three of five"),
        pytest.param("A+ B+", "rejected", id="two of five, though nobody is against"),
        pytest.param("A+ B+ C0 D0 E0", "rejected", id="abstentions make nobody fewer"),
    ],
)
def test_absolute_majority_of_those_entitled(said: str, outcome: str) -> None:
    assert counted(rule("absolute-majority"), "ABCDE", said).outcome == outcome


@pytest.mark.parametrize(
    ("threshold", "of", "abstention", "said", "outcome"),
    [
        pytest.param(TWO_THIRDS, "members", "ignored", "A+ B+ C+ D+", "adopted", id="4 of 6"),
        pytest.param(TWO_THIRDS, "members", "ignored", "A+ B+ C+", "rejected", id="3 of 6"),
        pytest.param(4, "members", "ignored", "A+ B+ C+ D+ E- F-", "adopted", id="a count"),
        pytest.param(4, "members", "ignored", "A+ B+ C+", "rejected", id="a count not reached"),
        pytest.param(7, "members", "ignored", "A+ B+ C+ D+ E+ F+", "rejected", id="out of reach"),
        pytest.param(0, "members", "ignored", "A- B-", "rejected", id="nothing without a yes"),
        pytest.param(TWO_THIRDS, "present", "ignored", "A+ B+ C-", "adopted", id="2 of 3 there"),
        pytest.param(TWO_THIRDS, "present", "ignored", "A+ B+ C- D-", "rejected", id="2 of 4"),
        pytest.param(TWO_THIRDS, "present", "ignored", "A+ B+ C- D0", "adopted", id="D is out"),
        pytest.param(
            TWO_THIRDS, "present", "allowed-without-blocking", "A+ B+ C- D0", "rejected",
            id="D stays among those present",
        ),
        pytest.param(TWO_THIRDS, "voting", "ignored", "A+ B+ C- D0 E0", "adopted", id="voting"),
        pytest.param(
            TWO_THIRDS, "voting", "counts-against", "A+ B+ C- D0", "rejected", id="abstained: no"
        ),
        pytest.param(TWO_THIRDS, "voting", "ignored", "A0 B0", "rejected", id="nobody votes"),
    ],
)  # fmt: skip
def test_qualified_majority(
    threshold: int | Fraction, of: str, abstention: str, said: str, outcome: str
) -> None:
    qualified = rule("qualified-majority", threshold=threshold, of=of, abstention=abstention)
    assert counted(qualified, "ABCDEF", said).outcome == outcome


def test_only_the_members_that_have_ratified_vote_where_only_they_count() -> None:
    half_ratified = body("ABCDEF", ratified="ABC")
    of_all = counted(rule("qualified-majority", threshold=TWO_THIRDS), half_ratified, "A+ B+ D-")
    of_ratified = counted(
        rule("qualified-majority", threshold=TWO_THIRDS, of="ratified"), half_ratified, "A+ B+ D-"
    )
    assert of_all.outcome == "rejected"
    assert of_ratified.outcome == "adopted"
    assert of_ratified.entitled == ("A", "B", "C")
    assert [(each.party, each.why) for each in of_ratified.passed_over] == [("D", "stranger")]


WEIGHTS: Table[int] = Table({"A": 5, "B": 3, "C": 2, "D": 0})


@pytest.mark.parametrize(
    ("more", "said", "outcome"),
    [
        pytest.param({}, "A+ B+", "adopted", id="more than half of the weight"),
        pytest.param({}, "A+ D+", "rejected", id="half is not more than half"),
        pytest.param({}, "B+ C+ D+", "rejected", id="heads do not count"),
        pytest.param({"threshold": 7}, "A+ C+", "adopted", id="a count in weight"),
        pytest.param({"threshold": 8}, "A+ C+", "rejected", id="a count in weight, not reached"),
        pytest.param({"threshold": Fraction(4, 5)}, "A+ B+", "adopted", id="a share of the weight"),
        pytest.param({"threshold": Fraction(4, 5)}, "A+ C+", "rejected", id="too small a share"),
    ],
)
def test_weighted_votes(more: dict[str, Any], said: str, outcome: str) -> None:
    assert counted(rule("weighted", weights=WEIGHTS, **more), "ABCD", said).outcome == outcome


def test_a_second_condition_must_hold_as_well() -> None:
    """55 of 100 members that speak for 65 of 100 people."""
    people = SecondCondition(
        threshold=Fraction(65, 100),
        of="population",
        weights=Table({"A": 80, "B": 60, "C": 10, "D": 5, "E": 5}),
    )
    double = rule("qualified-majority", threshold=Fraction(55, 100), also=people)
    assert counted(double, "ABCDE", "A+ B+ C+").outcome == "adopted"
    few_people = counted(double, "ABCDE", "A+ C+ D+")
    few_members = counted(double, "ABCDE", "A+ B+")
    assert (few_people.outcome, few_people.reason) == ("rejected", "second")
    assert (few_members.outcome, few_members.reason) == ("rejected", "majority")


def test_a_second_condition_may_count_heads_of_another_group() -> None:
    double = rule(
        "weighted",
        weights=Table({"A": 9, "B": 1, "C": 1}),
        also=SecondCondition(threshold=2, of="members"),
    )
    assert counted(double, "ABC", "A+ B+").outcome == "adopted"
    assert counted(double, "ABC", "A+").reason == "second"


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        pytest.param("B+ A- C-", "adopted", id="its yes"),
        pytest.param("B- A+ C+", "rejected", id="its no"),
        pytest.param("B0", "rejected", id="its abstention"),
        pytest.param("A+ C+", "rejected", id="its silence"),
    ],
)
def test_a_named_party_decides_alone(said: str, outcome: str) -> None:
    named = rule("named-party", party="B")
    assert counted(named, "ABC", said).outcome == outcome


def test_what_follows_of_itself_needs_nobody() -> None:
    found = counted(rule("none"), "AB", "A- B-", at=TABLED)
    assert found.outcome == "adopted"
    assert found.closed_at == TABLED
    assert counted(rule("none"), "AB", "", at=TABLED - SECOND).outcome == "open"
    late = counted(rule("none"), "AB", [*votes("A-")], at=DEADLINE)
    assert {each.why for each in late.passed_over} == {"not-asked"}


@pytest.mark.parametrize(
    ("quorum", "said", "outcome"),
    [
        pytest.param(3, "A+ B+ C-", "adopted", id="exactly enough"),
        pytest.param(3, "A+ B+", "lapsed", id="one too few"),
        pytest.param(3, "A+ B0 C0", "adopted", id="who abstains is there"),
        pytest.param(7, "A+ B+ C+ D+ E+ F+", "lapsed", id="more than there are"),
        pytest.param(0, "A+", "adopted", id="a quorum of none"),
        pytest.param(Fraction(1, 2), "A+ B+ C-", "adopted", id="exactly half"),
        pytest.param(Fraction(1, 2), "A+ B+", "lapsed", id="less than half"),
        pytest.param(Fraction(2, 5), "A+ B+ C-", "adopted", id="a share is rounded up"),
        pytest.param(Fraction(2, 5), "A+ B+", "lapsed", id="two of six are less than two fifths"),
        pytest.param("votes needed", "A+ B+ C+ D-", "adopted", id="4 of 6 are needed and there"),
        pytest.param("votes needed", "A+ B+ C+", "lapsed", id="3 are there and 4 are needed"),
    ],
)
def test_a_quorum(quorum: int | Fraction | str, said: str, outcome: str) -> None:
    found = counted(rule("simple-majority", quorum=quorum), "ABCDEF", said)
    assert found.outcome == outcome
    assert found.reason == ("quorum" if outcome == "lapsed" else "")


def test_whoever_is_stated_to_attend_is_there_for_the_quorum() -> None:
    needs_three = rule("simple-majority", quorum=3)
    assert counted(needs_three, body("ABC", present="C"), "A+ B+").outcome == "adopted"
    assert counted(needs_three, body("ABC"), "A+ B+").outcome == "lapsed"


def test_the_votes_needed_are_those_of_the_whole_body() -> None:
    rio = rule("qualified-majority", threshold=TWO_THIRDS, of="present", quorum="votes needed")
    assert counted(rio, "ABCDEF", "A+ B+ C+ D-").outcome == "adopted"
    assert counted(rio, "ABCDEF", "A+ B+ C+").outcome == "lapsed"


@pytest.mark.parametrize(
    ("said", "outcome", "reason"),
    [
        pytest.param("A+ B+ C- D+", "adopted", "", id="a no without a veto"),
        pytest.param("A- B+ C+ D+", "rejected", "veto", id="a veto"),
        pytest.param("A0 B+ C+ D+", "adopted", "", id="an abstention is no veto"),
        pytest.param("B+ C+ D+", "adopted", "", id="staying away is no veto"),
    ],
)
def test_a_veto(said: str, outcome: str, reason: str) -> None:
    found = counted(rule("simple-majority", veto=("A",)), "ABCD", said)
    assert (found.outcome, found.reason) == (outcome, reason)


def test_an_abstention_that_counts_against_is_still_no_veto() -> None:
    strict = rule("simple-majority", veto=("A",), abstention="counts-against")
    assert counted(strict, "ABCD", "A0 B+ C+").outcome == "adopted"
    assert counted(strict, "ABCD", "A- B+ C+").outcome == "rejected"


def test_a_veto_of_somebody_recused_or_outside_the_body_is_none() -> None:
    guarded = rule("simple-majority", veto=("A", "Z"), recuse=(Recusal(who="subject"),))
    assert counted(guarded, "ABC", "A- B+ C+").outcome == "rejected"
    assert counted(guarded, "ABC", "A- B+ C+", subjects=parties("A")).outcome == "adopted"
    assert counted(guarded, "ABC", "Z- B+ C+").outcome == "adopted"


@pytest.mark.parametrize(
    ("who", "proposal", "recused"),
    [
        pytest.param("subject", {"subjects": parties("C")}, "C", id="whom it is about"),
        pytest.param("attacker", {"attackers": parties("B")}, "B", id="the attacker"),
        pytest.param("parties-to-dispute", {"disputants": parties("AB")}, "AB", id="who quarrels"),
        pytest.param("subject", {"attackers": parties("C")}, "", id="nobody else"),
        pytest.param("subject", {"subjects": parties("Z")}, "", id="a stranger is not on the roll"),
    ],
)
def test_recusal(who: str, proposal: dict[str, Any], recused: str) -> None:
    recusing = rule("unanimity", recuse=(Recusal(who=who),))
    said = [*votes("A+ B+ C+"), *(vote(each, "-", TABLED + 2 * HOUR) for each in recused)]
    found = counted(recusing, "ABC", said, **proposal)
    assert found.outcome == "adopted"
    assert "".join(each.party for each in found.recused) == recused
    assert found.entitled == tuple(each for each in "ABC" if each not in recused)


def test_the_recused_are_in_no_denominator() -> None:
    recusing = rule(
        "qualified-majority", threshold=TWO_THIRDS, quorum=TWO_THIRDS,
        recuse=(Recusal(who="subject"),),
    )  # fmt: skip
    assert counted(recusing, "ABCD", "A+ B+").outcome == "lapsed"
    assert counted(recusing, "ABCD", "A+ B+", subjects=parties("D")).outcome == "adopted"


def test_a_recusal_on_a_condition_waits_for_people_to_say_whether_it_holds() -> None:
    among_us = "both are American states"
    rio = rule("unanimity", recuse=(Recusal(who="parties-to-dispute", only_if=among_us),))
    quarrel: dict[str, Any] = {"disputants": parties("C")}
    holds = counted(rio, "ABC", "A+ B+ C-", stated=Table({among_us: True}), **quarrel)
    holds_not = counted(rio, "ABC", "A+ B+ C-", stated=Table({among_us: False}), **quarrel)
    assert (holds.outcome, holds_not.outcome) == ("adopted", "rejected")
    assert counted(rio, "ABC", "A+ B+ C+").outcome == "adopted"  # nobody is concerned

    with pytest.raises(InapplicableRuleError) as refusal:
        counted(rio, "ABC", "A+ B+ C-", **quarrel)
    assert refusal.value.code == "decision.condition-not-stated"


@pytest.mark.parametrize("first", [True, False], ids=["asked first", "asked last"])
def test_a_condition_is_not_asked_for_whoever_is_recused_anyway(first: bool) -> None:
    depends, always = Recusal(who="subject", only_if="in breach"), Recusal(who="subject")
    recusing = rule("unanimity", recuse=(depends, always) if first else (always, depends))
    found = counted(recusing, "ABC", "A+ B+ C-", subjects=parties("C"))
    assert (found.outcome, found.entitled) == ("adopted", ("A", "B"))


def test_when_everybody_is_recused_nothing_is_decided() -> None:
    recusing = rule("simple-majority", recuse=(Recusal(who="subject"),))
    found = counted(recusing, "AB", "A+ B+", subjects=parties("AB"))
    assert (found.outcome, found.reason) == ("lapsed", "nobody-entitled")


@pytest.mark.parametrize(
    ("inapplicable", "members", "code"),
    [
        pytest.param(
            rule("qualified-majority"), "AB", "decision.threshold-missing", id="no threshold"
        ),
        pytest.param(
            rule("simple-majority", also=SecondCondition()), "AB",
            "decision.threshold-missing", id="a second condition without one",
        ),
        pytest.param(rule("weighted"), "AB", "decision.weight-missing", id="no weights"),
        pytest.param(
            rule("weighted", weights=Table({"A": 1})), "AB",
            "decision.weight-missing", id="no weight for a voter",
        ),
        pytest.param(
            rule("simple-majority", weights=Table({"A": 1})), "AB",
            "decision.weight-missing", id="weights that leave out a voter, whatever the kind",
        ),
        pytest.param(rule("named-party"), "AB", "decision.party-missing", id="no party named"),
        pytest.param(
            rule("unanimity", of="directors"), "AB", "decision.unknown-group", id="who is that?"
        ),
        pytest.param(
            rule("simple-majority", tolerates=2), "AB", "decision.too-many-cheat", id="all cheat"
        ),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_applied_is_refused(
    inapplicable: DecisionRule, members: str, code: str
) -> None:
    with pytest.raises(InapplicableRuleError) as refusal:
        counted(inapplicable, members, "A+")
    assert refusal.value.code == code
    assert refusal.value.hint


def test_a_weight_for_every_voter_is_enough() -> None:
    only_a = rule("weighted", weights=Table({"A": 1}), recuse=(Recusal(who="subject"),))
    assert counted(only_a, "AB", "A+", subjects=parties("B")).outcome == "adopted"
    with pytest.raises(InapplicableRuleError) as refusal:
        counted(only_a, "AB", "A+")
    assert refusal.value.facts == {"party": "B"}


def test_a_group_that_the_electorate_names_is_counted() -> None:
    by_directors = rule("unanimity", of="directors")
    with_group = body("ABC", groups=Table({"directors": parties("AB")}))
    assert counted(by_directors, with_group, "A+ B+ C-").outcome == "adopted"
    assert counted(by_directors, with_group, "A+ B-").outcome == "rejected"


# --- time ---------------------------------------------------------------------------------


def test_it_is_open_until_the_deadline_and_says_how_it_stands() -> None:
    majority = rule("simple-majority")
    before = counted(majority, "ABC", "A+ B+", at=DEADLINE - SECOND)
    assert (before.outcome, before.reason, before.as_it_stands) == (
        "open", "awaiting-votes", "adopted",
    )  # fmt: skip
    assert before.awaited == ("C",)
    assert before.closed_at is None
    after = counted(majority, "ABC", "A+ B+", at=DEADLINE)
    assert (after.outcome, after.closed_at, after.awaited) == ("adopted", DEADLINE, ())


@pytest.mark.parametrize(
    ("at", "outcome"),
    [
        pytest.param(DEADLINE - SECOND, "adopted", id="the second before the deadline"),
        pytest.param(DEADLINE - timedelta(milliseconds=1), "adopted", id="the last millisecond"),
        pytest.param(DEADLINE, "rejected", id="at the deadline it is late"),
        pytest.param(DEADLINE + SECOND, "rejected", id="after the deadline"),
    ],
)
def test_a_vote_at_the_deadline_is_late(at: datetime, outcome: str) -> None:
    found = counted(rule("absolute-majority"), "ABC", [*votes("A+"), vote("B", "+", at)], DEADLINE)
    later = counted(
        rule("absolute-majority"), "ABC", [*votes("A+"), vote("B", "+", at)], DEADLINE + HOUR
    )
    assert (found.outcome, later.outcome) == (outcome, outcome)
    assert [each.why for each in later.passed_over] == (["late"] if outcome == "rejected" else [])


@pytest.mark.parametrize(
    ("arrived", "outcome"),
    [
        pytest.param(DEADLINE + HOUR - SECOND, "adopted", id="within the grace"),
        pytest.param(DEADLINE + HOUR, "rejected", id="at its end it is late"),
    ],
)
def test_what_was_signed_in_time_may_arrive_within_the_grace(
    arrived: datetime, outcome: str
) -> None:
    graceful = rule("absolute-majority", grace=Duration(1, "hours"))
    late_post = vote("B", "+", DEADLINE - SECOND, arrived_at=arrived)
    said = [*votes("A+"), late_post]
    assert counted(graceful, "ABC", said, DEADLINE).reason == "grace"
    found = counted(graceful, "ABC", said, DEADLINE + HOUR)
    assert found.outcome == outcome
    assert [each.why for each in found.passed_over] == (
        ["arrived-late"] if outcome == "rejected" else []
    )


def test_without_grace_nothing_may_arrive_after_the_deadline() -> None:
    arrives_late = vote("B", "+", DEADLINE - SECOND, arrived_at=DEADLINE)
    in_time = vote("B", "+", DEADLINE - SECOND, arrived_at=DEADLINE - SECOND)
    strict = rule("absolute-majority")
    assert counted(strict, "ABC", [*votes("A+"), in_time]).outcome == "adopted"
    assert counted(strict, "ABC", [*votes("A+"), arrives_late]).outcome == "rejected"


def test_what_is_not_known_yet_is_not_counted() -> None:
    tomorrow = vote("B", "+", TABLED + timedelta(days=1))
    on_its_way = vote("B", "+", TABLED, arrived_at=TABLED + timedelta(days=1))
    for said in (tomorrow, on_its_way):
        before = counted(rule("unanimity"), "ABC", [said], TABLED + HOUR)
        assert before.where("yes") == ()
        assert counted(rule("unanimity"), "ABC", [said], DEADLINE).where("yes") == ("B",)


def test_it_closes_early_once_everybody_has_voted() -> None:
    said = [*votes("A+ B+"), vote("C", "-", TABLED + 2 * HOUR)]
    found = counted(rule("simple-majority"), "ABC", said, TABLED + 2 * HOUR)
    assert (found.outcome, found.closed_at) == ("adopted", TABLED + 2 * HOUR)
    afterwards = [*said, vote("A", "-", TABLED + 3 * HOUR)]
    later = counted(rule("simple-majority"), "ABC", afterwards)
    assert later.outcome == "adopted"
    assert [each.why for each in later.passed_over] == ["late"]


def test_without_a_deadline_it_stays_open_until_all_have_voted() -> None:
    ever = DEADLINE + timedelta(days=9999)
    majority = rule("simple-majority")
    assert counted(majority, "ABC", "A+ B+", ever, deadline=None).outcome == "open"
    assert counted(majority, "ABC", "A+ B+ C+", ever, deadline=None).outcome == "adopted"


def test_the_last_vote_before_the_close_counts() -> None:
    changed = [vote("A", "-"), vote("A", "+", TABLED + 2 * HOUR), *votes("B+")]
    assert counted(rule("unanimity", of="voting"), "ABC", changed).outcome == "adopted"
    back = [*changed, vote("A", "-", TABLED + 3 * HOUR)]
    assert counted(rule("unanimity", of="voting"), "ABC", back).outcome == "rejected"


def test_of_two_votes_at_one_moment_the_later_in_the_chain_counts() -> None:
    voting = rule("simple-majority")
    first, second = vote("A", "-", number=1), vote("A", "+", number=2)
    assert counted(voting, "AB", [second, first]).outcome == "adopted"
    assert counted(voting, "AB", [vote("A", "+", number=1), vote("A", "-", number=2)]).reason


def test_of_two_votes_in_one_place_the_more_cautious_counts() -> None:
    found = counted(rule("simple-majority"), "AB", [vote("A", "+"), vote("A", "0")])
    assert found.where("abstain") == ("A",)
    assert [each.why for each in found.passed_over] == ["contradicted"]


def test_the_same_vote_said_in_two_ways_is_no_contradiction() -> None:
    twice = [vote("A", "+"), vote("A", "+", reasoned=True)]
    found = counted(rule("simple-majority"), "AB", twice)
    assert (found.where("yes"), found.passed_over) == (("A",), ())


def test_votes_of_strangers_are_passed_over_and_listed() -> None:
    found = counted(rule("unanimity"), "AB", "A+ B+ X- Y-")
    assert found.outcome == "adopted"
    assert [(each.party, each.kind, each.why) for each in found.passed_over] == [
        ("X", "vote", "stranger"), ("Y", "vote", "stranger"),
    ]  # fmt: skip


def test_a_vote_on_a_changed_text_does_not_count_for_the_new_one() -> None:
    changed = Revision(party=PartyId("A"), at=TABLED + 2 * HOUR, text="u")
    old = [*votes("A+ B+"), changed]
    assert counted(rule("unanimity", of="voting"), "ABC", [*votes("A+ B+")]).outcome == "adopted"
    end = DEADLINE + 2 * HOUR
    found = counted(rule("unanimity", of="voting"), "ABC", old, end)
    assert (found.outcome, found.text, found.deadline) == ("rejected", "u", end)
    assert {each.why for each in found.passed_over} == {"other-text"}
    again = [vote(each, "+", TABLED + 3 * HOUR, text="u") for each in "AB"]
    assert counted(rule("unanimity", of="voting"), "ABC", [*old, *again], end).outcome == "adopted"


def test_it_closes_early_only_when_all_have_voted_on_the_text_on_the_table() -> None:
    changed = Revision(party=PartyId("A"), at=TABLED + 2 * HOUR, text="u")
    said = [*votes("A+ B+"), changed, vote("C", "+", TABLED + 3 * HOUR, text="u")]
    at = TABLED + 4 * HOUR
    assert counted(rule("simple-majority"), "ABC", said, at).outcome == "open"
    rest = [vote(each, "+", at, text="u") for each in "AB"]
    assert counted(rule("simple-majority"), "ABC", [*said, *rest], at).outcome == "adopted"


@pytest.mark.parametrize(
    ("party", "at", "outcome"),
    [
        pytest.param("A", DEADLINE - SECOND, "withdrawn", id="in time"),
        pytest.param("A", DEADLINE, "rejected", id="at the deadline it is late"),
        pytest.param("B", DEADLINE - SECOND, "rejected", id="only by who tabled it"),
    ],
)
def test_a_proposal_taken_back(party: str, at: datetime, outcome: str) -> None:
    back = Retraction(party=PartyId(party), at=at)
    found = counted(rule("simple-majority"), "ABC", [*votes("A-"), back])
    assert found.outcome == outcome


def test_what_all_have_voted_on_is_not_taken_back() -> None:
    back = Retraction(party=PartyId("A"), at=TABLED + 2 * HOUR)
    assert counted(rule("simple-majority"), "AB", [*votes("A+ B+"), back]).outcome == "adopted"


def test_an_open_vote_is_not_extended() -> None:
    more = Extension(party=PartyId("A"), at=TABLED + HOUR, until=DEADLINE + HOUR)
    patient = rule("simple-majority", silence=Silence(may_extend=True))
    quiet = counted(patient, "ABC", [more])
    loud = counted(patient, "ABC", [more], under_silence=False)
    assert (quiet.deadline, loud.deadline) == (DEADLINE + HOUR, DEADLINE)
    assert [each.why for each in loud.passed_over] == ["not-extendable"]


# --- consent per measure ------------------------------------------------------------------

FORCE = "armed force"


def consent(party: str, *, given: bool = True, at: datetime = TABLED, measure: str = FORCE) -> Any:
    return Consent(party=PartyId(party), at=at, measure=measure, given=given)


def test_a_decision_binds_and_yet_nobody_takes_a_measure_without_its_own_consent() -> None:
    rio = rule("simple-majority", measure_consent=(FORCE,))
    said = [
        *votes("A+ B+ C-"), consent("A"), consent("B"),
        consent("B", given=False, at=TABLED + HOUR), consent("Z"), consent("C", measure="tea"),
    ]  # fmt: skip
    found = counted(rio, "ABCD", said, measures=(FORCE, "trade ban"))
    assert found.outcome == "adopted"
    (force,) = found.consents
    assert (force.given, force.withheld, force.awaited) == (("A",), ("B",), ("C", "D"))
    assert {(each.party, each.why) for each in found.passed_over} == {
        ("Z", "stranger"), ("C", "other-measure"),
    }  # fmt: skip
    assert "armed force: B, C, D" in found.sentence


def test_a_consent_may_be_given_after_the_decision() -> None:
    rio = rule("simple-majority", measure_consent=(FORCE,))
    late = [*votes("A+ B+"), consent("A", at=DEADLINE + HOUR)]
    assert counted(rio, "AB", late, DEADLINE).consents[0].given == ()
    assert counted(rio, "AB", late, DEADLINE + HOUR).consents[0].given == ("A",)


def test_a_proposal_without_that_measure_needs_no_consent() -> None:
    rio = rule("simple-majority", measure_consent=(FORCE,))
    assert counted(rio, "AB", "A+", measures=("trade ban",)).consents == ()
    assert len(counted(rio, "AB", "A+").consents) == 1  # it does not say what it takes


def test_two_consents_in_one_place_are_a_refusal() -> None:
    rio = rule("simple-majority", measure_consent=(FORCE,))
    said = [consent("A"), consent("A", given=False)]
    assert counted(rio, "AB", said).consents[0].withheld == ("A",)
    assert counted(rio, "AB", [consent("A")]).consents[0].given == ("A",)


# --- certificates -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entitled", "cheats", "size", "acknowledged", "live"),
    [
        pytest.param(1, 0, 1, 1, True, id="one alone"),
        pytest.param(3, 0, 2, 2, True, id="two of three"),
        pytest.param(4, 0, 3, 2, True, id="three of four"),
        pytest.param(4, 1, 3, 3, True, id="three of four, one cheats"),
        pytest.param(3, 1, 3, 2, False, id="three cannot bear one that cheats and stays away"),
        pytest.param(32, 10, 22, 21, True, id="thirty-two, ten cheat"),
    ],
)
def test_how_many_make_a_certificate(
    entitled: int, cheats: int, size: int, acknowledged: int, live: bool
) -> None:
    found = certificate(entitled, cheats)
    assert (found.size, found.acknowledged, found.live) == (size, acknowledged, live)
    assert certificate_size(entitled, cheats) == size


def test_a_rule_under_which_all_cheat_proves_nothing() -> None:
    assert certificate_size(3, 2) == 3
    with pytest.raises(InapplicableRuleError) as refusal:
        certificate_size(3, 3)
    assert refusal.value.code == "decision.too-many-cheat"


@pytest.mark.parametrize(
    ("more", "first"),
    [
        pytest.param({}, "BCD", id="the assembler, then deputies, then anybody"),
        pytest.param({"by": PartyId("B")}, "CAD", id="not who tabled it"),
        pytest.param({"subjects": parties("B")}, "CD", id="not whom it is about"),
        pytest.param({"disputants": parties("BC")}, "D", id="not who is recused"),
    ],
)
def test_who_counts_the_votes(more: dict[str, Any], first: str) -> None:
    named = rule(
        "simple-majority", assembler="B", deputies=("C",),
        recuse=(Recusal(who="parties-to-dispute"),),
    )  # fmt: skip
    assert "".join(assemblers(named, question(**more), body("ABCD"))) == first


# --- from the text ------------------------------------------------------------------------

PACT = b"""\
format: alliance/1
id: pact
form: {kind: contract}
parties: [{ids: [A, B, C, D]}, {id: hub, role: secretariat}]
life: {withdrawal: {notice: 90 days}}
bodies:
  board: {members: [A, B, hub], rule: {kind: absolute-majority}}
  council: {members: all, rule: {kind: unanimity, of: board}}
"""


def _pact(*left: str) -> tuple[Agreement, Any]:
    (terms,) = load(PACT, "pact.yaml")
    assert isinstance(terms, Agreement)
    start = TABLED - timedelta(days=400)
    events = [Event("pact", "signed", each, start) for each in terms.party_ids]
    events += [Event("pact", "expelled", PartyId(each), TABLED) for each in left]
    return terms, standing(Register({"pact": terms}, tuple(events)), "pact", TABLED)


def test_the_members_of_a_body_differ_from_the_parties() -> None:
    terms, stands = _pact()
    board = electorate_of(terms, stands, "board")
    assert board.members == {"A", "B", "hub"}
    assert electorate_of(terms, stands).members == {"A", "B", "C", "D"}
    decides = terms.rule_of("board")
    assert decides is not None
    found = count(decides, question(), board, votes("A+ B+ C- D-"), DEADLINE)
    assert found.outcome == "adopted"
    assert [each.party for each in found.passed_over] == ["C", "D"]


def test_who_is_out_has_no_vote() -> None:
    terms, stands = _pact("B")
    assert electorate_of(terms, stands, "board").members == {"A", "hub"}
    assert electorate_of(terms, stands).members == {"A", "C", "D"}


def test_a_rule_may_count_another_body() -> None:
    terms, stands = _pact()
    decides = terms.rule_of("council")
    assert decides is not None
    council = electorate_of(terms, stands, "council")
    found = count(decides, question(), council, votes("A+ B+"), DEADLINE)
    assert found.entitled == ("A", "B", "hub")


def test_a_body_that_is_not_declared_is_refused() -> None:
    terms, stands = _pact()
    with pytest.raises(NotFoundError) as refusal:
        electorate_of(terms, stands, "senate")
    assert refusal.value.code == "decision.no-such-body"


# --- what people read ---------------------------------------------------------------------


def test_the_sentence_cites_the_rule_and_says_what_is_missing() -> None:
    board = rule(
        "qualified-majority", threshold=TWO_THIRDS, quorum=4, recuse=(Recusal(who="subject"),)
    )
    found = counted(board, "ABCDEF", "A+ B+ C- D0", subjects=parties("F"), under="port-isac, board")
    assert found.sentence == (
        "Rejected on 2026-03-06 09:00:00 UTC. Rule: qualified majority of at least two thirds of"
        " the members, under port-isac, board. 2 yes, 1 no, 1 abstained, 1 not heard, of 5"
        " entitled. The majority: 2 of 4 needed, 2 missing. Recused: F (subject)."
    )


def test_what_would_still_change_it() -> None:
    found = counted(rule("absolute-majority"), "ABCDE", "A+ B-", at=TABLED + HOUR)
    (both,) = found.would_change
    assert (both.parties, both.says, both.outcome, both.together) == (
        ("C", "D"), "yes", "adopted", True,
    )  # fmt: skip
    nearer = counted(rule("absolute-majority"), "ABCDE", "A+ B- C+", at=TABLED + HOUR)
    assert [(each.parties, each.says, each.together) for each in nearer.would_change] == [
        (("B", "D", "E"), "yes", False)
    ]
    assert counted(rule("absolute-majority"), "ABCDE", "A+ B-").would_change == ()


def test_a_veto_and_a_chair_are_seen_in_what_would_change_it() -> None:
    now = TABLED + HOUR
    guarded = counted(rule("simple-majority", veto=("A",)), "ABCDE", "A+ B+ C+", now)
    assert [(each.parties, each.says) for each in guarded.would_change] == [(("A",), "no")]
    chair = body("ABCDE", chair=PartyId("A"))
    casting = counted(rule("simple-majority", tie="chair-casts"), chair, "B+ C- D-", now)
    assert [(each.parties, each.says) for each in casting.would_change] == [
        (("A", "C", "D"), "yes"),
    ]  # fmt: skip


def test_a_moment_without_a_time_zone_is_a_mistake_of_the_caller() -> None:
    naive = DEADLINE.replace(tzinfo=None)
    with pytest.raises(ValueError, match="time zone"):
        counted(rule("unanimity"), "A", "", naive)
    with pytest.raises(ValueError, match="time zone"):
        vote("A", "+", naive)
    with pytest.raises(ValueError, match="time zone"):
        question(deadline=naive)
