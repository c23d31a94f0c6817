"""What holds for every rule, every body and everything that may be said (P1, P15 and others)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import Any

from hypothesis import assume, given, strategies as st

from allied.agreement.ballot import Roll, roll
from allied.agreement.decision import (
    Consent,
    Count,
    Electorate,
    Extension,
    Proposal,
    Receipt,
    Retraction,
    Revision,
    Statement,
    Vote,
    certificate,
    count,
)
from allied.agreement.rules import DecisionRule, Recusal, SecondCondition, Silence
from allied.agreement.values import Duration, Table
from allied.record.ids import PartyId
from tests.agreement.voting import DEADLINE, HOUR, SECOND, TABLED, parties, question

PARTIES = "ABCDEFG"
NOW = TABLED + 12 * HOUR
FOREVER = DEADLINE + timedelta(days=99)

names = st.sampled_from([*PARTIES, "Z"]).map(PartyId)
some = st.sets(st.sampled_from(PARTIES)).map(lambda letters: parties("".join(letters)))
shares = st.fractions(Fraction(1, 10), 1, max_denominator=10)
amounts: st.SearchStrategy[Any] = st.integers(0, 9) | shares
groups = st.sampled_from(["members", "ratified", "present", "voting"])
weights = st.none() | st.lists(st.integers(0, 5), min_size=7, max_size=7).map(
    lambda each: Table(dict(zip(PARTIES, each, strict=True)))
)
moments = st.integers(0, 11).map(lambda hours: TABLED + hours * HOUR)
texts = st.sampled_from("ttttu")
silences = st.builds(
    Silence,
    break_by=st.sampled_from(["written-objection", "objection"]),
    may_extend=st.booleans(),
    reasons_required=st.booleans(),
)


@st.composite
def rules(draw: st.DrawFn) -> DecisionRule:
    kind = draw(
        st.sampled_from(
            [
                "unanimity",
                "consensus",
                "silence",
                "simple-majority",
                "absolute-majority",
                "qualified-majority",
                "weighted",
                "named-party",
                "none",
            ]
        )
    )
    weight = draw(weights)
    return DecisionRule(
        kind=kind,
        of=draw(groups),
        party="B" if kind == "named-party" else "",
        threshold=draw(amounts if kind == "qualified-majority" else st.none() | amounts),
        weights=weight or Table({} if kind != "weighted" else dict.fromkeys(PARTIES, 1)),
        also=draw(
            st.none()
            | st.builds(SecondCondition, threshold=amounts, of=groups, weights=weights.map(Table))
        ),
        quorum=draw(st.none() | amounts | st.just("votes needed")),
        abstention=draw(st.sampled_from(["ignored", "counts-against", "allowed-without-blocking"])),
        silence=draw(st.none() | silences),
        veto=draw(st.sampled_from([(), ("A",), ("A", "B"), ("Z",)])),
        recuse=draw(st.sampled_from([(), (Recusal(who="subject"),)])),
        tie=draw(st.sampled_from(["fails", "chair-casts"])),
        grace=draw(st.sampled_from([Duration(0, "hours"), Duration(2, "hours")])),
        measure_consent=draw(st.sampled_from([(), ("force",)])),
    )


@st.composite
def electorates(draw: st.DrawFn) -> Electorate:
    return Electorate(
        members=draw(some),
        ratified=draw(st.none() | some),
        present=draw(some),
        chair=draw(st.none() | names),
    )


proposals = st.builds(
    lambda subjects, by, sponsors: question(subjects=subjects, by=by, sponsors=sponsors),
    st.just(frozenset()) | some,
    names,
    st.sampled_from([0, 0, 0, 1, 2, 3]),
)
ballots = st.builds(
    Vote,
    party=names,
    at=moments,
    number=st.integers(0, 2),
    choice=st.sampled_from(["yes", "no", "abstain"]),
    text=texts,
    reasoned=st.just(value=True),
)
others: st.SearchStrategy[Statement] = st.one_of(
    st.builds(Receipt, party=names, at=moments, text=texts, person=st.booleans()),
    st.builds(Consent, party=names, at=moments, measure=st.just("force"), given=st.booleans()),
    st.builds(Revision, party=names, at=moments, text=texts),
    st.builds(
        Extension, party=names, at=moments, until=moments.map(lambda at: at + 4 * (DEADLINE - at))
    ),
    st.builds(Retraction, party=names, at=moments),
)
said = st.lists(ballots | ballots | ballots | others, max_size=20)
without_retraction = said.map(
    lambda every: [each for each in every if not isinstance(each, Retraction)]
)


def _final(
    rule: DecisionRule, proposal: Proposal, electorate: Electorate, every: list[Any]
) -> Count:
    return count(rule, proposal, electorate, every, FOREVER)


@given(rules(), proposals, electorates(), said, st.data())
def test_the_order_of_what_was_said_and_repeating_it_change_nothing(
    rule: DecisionRule,
    proposal: Proposal,
    electorate: Electorate,
    every: list[Statement],
    data: st.DataObject,
) -> None:
    other = data.draw(st.permutations(every + every[:3]))
    for at in (NOW, FOREVER):
        assert count(rule, proposal, electorate, every, at) == count(
            rule, proposal, electorate, other, at
        )


@given(rules(), proposals, electorates(), said, ballots)
def test_p15_moving_towards_yes_never_unmakes_a_decision(
    rule: DecisionRule,
    proposal: Proposal,
    electorate: Electorate,
    every: list[Statement],
    moving: Vote,
) -> None:
    outcomes = [
        _final(rule, proposal, electorate, [*every, replace(moving, choice=choice)]).outcome
        for choice in ("no", "abstain", "yes")
    ]
    if "adopted" in outcomes:
        first = outcomes.index("adopted")
        assert set(outcomes[first:]) == {"adopted"}


@given(
    rules(), silences, proposals, electorates(), without_retraction,
    st.integers(0, int((DEADLINE - TABLED) / SECOND) - 1), st.data(),
)  # fmt: skip
def test_p15_one_objection_always_breaks_silence(
    rule: DecisionRule,
    silence: Silence,
    proposal: Proposal,
    electorate: Electorate,
    every: list[Statement],
    seconds: int,
    data: st.DataObject,
) -> None:
    assume(rule.kind != "none")
    rule = replace(rule, silence=silence)
    entitled = sorted(roll(rule, proposal, electorate).entitled)
    assume(entitled)
    objection = Vote(
        party=data.draw(st.sampled_from(entitled)), at=TABLED + seconds * SECOND, choice="no",
        text=data.draw(texts), reasoned=True,
    )  # fmt: skip
    found = _final(rule, proposal, electorate, [*every, objection])
    assert found.outcome == "silence-broken"
    assert objection.party in found.objectors
    assert found.bound_by_silence == ()


@given(rules(), proposals, electorates(), said, said)
def test_p15_what_recused_parties_and_strangers_say_never_matters(
    rule: DecisionRule,
    proposal: Proposal,
    electorate: Electorate,
    every: list[Statement],
    more: list[Statement],
) -> None:
    rule = replace(rule, recuse=(Recusal(who="subject"),))
    voters: Roll = roll(rule, proposal, electorate)
    noise = [
        each
        for each in more
        if isinstance(each, Vote | Receipt) and each.party not in voters.entitled
    ]
    quiet = _final(rule, proposal, electorate, every)
    noisy = _final(rule, proposal, electorate, [*every, *noise])
    assert replace(noisy, passed_over=quiet.passed_over) == quiet
    assert {each.party for each in noise} <= {each.party for each in noisy.passed_over}


@given(rules(), proposals, electorates(), said)
def test_every_change_that_is_named_really_changes_it(
    rule: DecisionRule, proposal: Proposal, electorate: Electorate, every: list[Statement]
) -> None:
    now = count(rule, proposal, electorate, every, NOW)
    for change in now.would_change:
        moves: list[list[Statement]] = [
            [_said(party, change.says, now.text)] for party in change.parties
        ]
        if change.together:
            moves = [[each for move in moves for each in move]]
        for move in moves:
            assert _final(rule, proposal, electorate, [*every, *move]).outcome == change.outcome
            assert change.outcome != now.as_it_stands


def _said(party: PartyId, says: str, text: str) -> Statement:
    if says == "receipt":
        return Receipt(party=party, at=NOW, text=text)
    choice: Any = "no" if says == "objection" else says
    return Vote(party=party, at=NOW, text=text, choice=choice, number=9, reasoned=True)


@given(rules(), proposals, electorates(), said)
def test_as_it_stands_is_what_comes_of_it_when_nobody_says_more(
    rule: DecisionRule, proposal: Proposal, electorate: Electorate, every: list[Statement]
) -> None:
    now = count(rule, proposal, electorate, every, NOW)
    then = _final(rule, proposal, electorate, every)
    assert now.as_it_stands == then.outcome
    assert then.outcome != "open"


@given(rules(), proposals, electorates(), said, said)
def test_what_becomes_known_later_changes_nothing_now(
    rule: DecisionRule,
    proposal: Proposal,
    electorate: Electorate,
    every: list[Statement],
    more: list[Statement],
) -> None:
    unknown = [replace(each, arrived_at=NOW + SECOND) for each in more]
    assert count(rule, proposal, electorate, every, NOW) == count(
        rule, proposal, electorate, [*every, *unknown], NOW
    )


@given(rules(), proposals, electorates(), said)
def test_a_count_adds_up(
    rule: DecisionRule, proposal: Proposal, electorate: Electorate, every: list[Statement]
) -> None:
    for at in (NOW, FOREVER):
        found = count(rule, proposal, electorate, every, at)
        recused = {each.party for each in found.recused}
        assert not recused & set(found.entitled)
        if rule.kind not in ("none", "named-party"):
            assert recused | set(found.entitled) <= electorate.members
        assert set(found.awaited) | set(found.not_reached) <= set(found.entitled)
        assert (found.reason == "") == (found.outcome == "adopted")
        assert (found.closed_at is None) == (found.outcome == "open")
        assert found.certificate.entitled == len(found.entitled)
        assert not (found.would_change and found.outcome != "open")
        if found.outcome == "adopted":
            assert all(each.holds and not each.missing for each in found.conditions)
        assert found.sentence.endswith(".")


@given(
    st.sampled_from(["simple-majority", "absolute-majority", "qualified-majority"]),
    st.lists(st.sampled_from(["yes", "no", "abstain", ""]), min_size=1, max_size=7),
    shares,
)
def test_majorities_agree_with_counting_on_fingers(
    kind: str, choices: list[Any], share: Fraction
) -> None:
    members = PARTIES[: len(choices)]
    every = [
        Vote(party=PartyId(party), at=TABLED, choice=choice, text="t")
        for party, choice in zip(members, choices, strict=True)
        if choice
    ]
    yes, no = choices.count("yes"), choices.count("no")
    expected = {
        "simple-majority": yes > no,
        "absolute-majority": yes > len(choices) / 2,
        "qualified-majority": yes > 0 and Fraction(yes, len(choices)) >= share,
    }[kind]
    rule = DecisionRule(kind=kind, threshold=share if kind == "qualified-majority" else None)
    found = _final(rule, question(), Electorate(members=parties(members)), every)
    assert (found.outcome == "adopted") == expected


@given(st.integers(1, 500), st.data())
def test_two_certificates_share_somebody_who_does_not_cheat(
    entitled: int, data: st.DataObject
) -> None:
    cheats = data.draw(st.integers(0, entitled - 1))
    found = certificate(entitled, cheats)
    assert 2 * found.size - entitled > cheats
    assert 2 * (found.size - 1) - entitled <= cheats  # and one fewer would not do
    assert found.live == (entitled > 3 * cheats)
    # A vote that so many acknowledged is known to an honest signer of every certificate.
    assert found.acknowledged - cheats + found.size > entitled
