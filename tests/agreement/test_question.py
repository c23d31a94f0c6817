"""Which rule, body and electorate decide each matter; every refusal beside the twin that passes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from allied.agreement.chair import chair_of
from allied.agreement.decision import ADOPTED, LAPSED, OPEN, Receipt, Vote, count
from allied.agreement.events import ELECTED, EXPELLED, NOTICE, SUSPENDED, Event, Register
from allied.agreement.matters import MATTERS, Matter, NoWayError
from allied.agreement.question import Question, question
from allied.agreement.rules import DecisionRule, Recusal
from allied.agreement.standing import Standing, standing
from allied.agreement.terms import Agreement, load
from allied.agreement.values import Duration
from allied.errors import MalformedError, NotFoundError, RefusedError, UsageError
from allied.record.ids import PartyId

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=2)
TOP = """\
format: alliance/1
id: pact
form: {kind: contract}
parties:
  - {ids: [ash, birch, cedar, dogwood], joined: 2020-01-01}
  - {id: keeper, role: steward, joined: 2020-01-01}
  - {id: ghost}
bodies:
  board: {members: [ash, birch], rule: {kind: simple-majority}}
  mute: {members: [cedar]}
  chaired:
    members: [cedar, ash, birch]
    chair: {rotation: name, period: 1 year}
    rule: {kind: simple-majority, tie: chair-casts}
  electing: {members: [ash, birch], chair: {rotation: vote}, rule: {kind: simple-majority}}
annexes:
  - {id: own, amendment: {rule: board}}
  - {id: plain}
articles:
"""
RESPONSE = (
    '  - {art: "5", type: collective-response, trigger: {severity: at least low},'
    " duties: [{do: assist, modality: must}] MORE}\n"
)
EMPTY = '  - {art: "9", type: statement}\n'


def text(articles: str = EMPTY, top: str = TOP) -> Agreement:
    (found,) = load((top + articles).encode(), "pact.yaml")
    assert isinstance(found, Agreement)
    return found


def membership(said: str) -> Agreement:
    return text(f'  - {{art: "2", type: membership, {said}}}\n')


def sharing(said: str = "") -> Agreement:
    more = f", {said}" if said else ""
    return text(f'  - {{art: "1", type: information-sharing, share: [all]{more}}}\n')


def stands(agreement: Agreement, *events: Event, at: datetime = AT) -> Standing:
    return standing(Register({agreement.id: agreement}, events), agreement.id, at)


def ask(agreement: Agreement, kind: str, *events: Event, **said: Any) -> Question:
    return question(agreement, stands(agreement, *events), Matter(kind=kind, **said), AT)


def event(name: str, party: str, **more: Any) -> Event:
    return Event(
        agreement="pact", event=name, party=PartyId(party), at=AT - timedelta(days=1), **more
    )


def letters(parties: Any) -> str:
    return "".join(sorted(each[0] for each in parties))


# --- who decides what -------------------------------------------------------------------

RULED = "rule: {kind: absolute-majority}"


@pytest.mark.parametrize(
    ("agreement", "matter", "clause", "body", "kind", "voters"),
    [
        pytest.param(
            membership(RULED), {"kind": "admission", "party": "elm"},
            "2", "", "absolute-majority", "abcd", id="members admit by the rule of admission",
        ),
        pytest.param(
            membership("rule: board"), {"kind": "admission", "party": "elm"},
            "2", "board", "simple-majority", "ab", id="or a body by its own",
        ),
        pytest.param(
            membership("vetting: {objection_period: 6 days}"),
            {"kind": "admission", "party": "elm"},
            "2", "", "silence", "abcd", id="time for objections alone is a silence",
        ),
        pytest.param(
            membership(f"{RULED}, vetting: {{rule: board}}"), {"kind": "vetting", "party": "elm"},
            "2", "board", "simple-majority", "ab", id="a vetting has a rule of its own",
        ),
        pytest.param(
            membership(f"{RULED}, vetting: {{rule: board}}"), {"kind": "admission", "party": "elm"},
            "2", "", "absolute-majority", "abcd", id="and the admission after it keeps its own",
        ),
        pytest.param(
            membership(f"suspension: {{{RULED}}}"), {"kind": "suspension", "party": "ash"},
            "2", "", "absolute-majority", "abcd", id="a suspension",
        ),
        pytest.param(
            membership(f"suspension: {{{RULED}}}"), {"kind": "reinstatement", "party": "ash"},
            "2", "", "absolute-majority", "abcd", id="its end by the same rule",
        ),
        pytest.param(
            membership("expulsion: {rule: board}"), {"kind": "expulsion", "party": "ash"},
            "2", "board", "simple-majority", "ab", id="an expulsion by a body",
        ),
        pytest.param(
            text('  - {art: "7", type: amendment, rule: board}\n'), {"kind": "amendment"},
            "7", "board", "simple-majority", "ab", id="an amendment by a body",
        ),
        pytest.param(
            text('  - {art: "7", type: amendment}\n'), {"kind": "amendment"},
            "7", "", "unanimity", "abcd", id="without a rule by unanimity",
        ),
        pytest.param(
            text(), {"kind": "amendment"}, "", "", "unanimity", "abcd",
            id="also without a clause",
        ),
        pytest.param(
            text(), {"kind": "annex", "annex": "own"}, "", "board", "simple-majority", "ab",
            id="an annex by its own rule",
        ),
        pytest.param(
            text(), {"kind": "annex", "annex": "plain"}, "", "", "unanimity", "abcd",
            id="or like the rest",
        ),
        pytest.param(
            text(RESPONSE.replace("MORE", ", decision: {body: board}")),
            {"kind": "decision", "incident": "i"}, "5", "board", "simple-majority", "ab",
            id="a response by the body that decides on it",
        ),
        pytest.param(
            text(RESPONSE.replace("MORE", f", decision: {{body: board, {RULED}}}")),
            {"kind": "decision", "incident": "i"}, "5", "board", "absolute-majority", "ab",
            id="by another rule than its own",
        ),
        pytest.param(
            text(RESPONSE.replace("MORE", f", decision: {{{RULED}}}")),
            {"kind": "decision", "incident": "i"}, "5", "", "absolute-majority", "abcd",
            id="or by all members",
        ),
        pytest.param(
            text('  - {art: "4", type: governance, body: board}\n'), {"kind": "governance"},
            "4", "board", "simple-majority", "ab", id="what a governance clause gives to a body",
        ),
        pytest.param(
            text(f'  - {{art: "4", type: governance, {RULED}}}\n'), {"kind": "governance"},
            "4", "", "absolute-majority", "abcd", id="or to all",
        ),
        pytest.param(
            text(), {"kind": "body", "body": "board"}, "", "board", "simple-majority", "ab",
            id="what a body decides of itself",
        ),
        pytest.param(
            text(), {"kind": "election", "body": "electing", "party": "ash"},
            "", "electing", "simple-majority", "ab", id="who chairs a body that elects its chair",
        ),
        pytest.param(
            text(), {"kind": "finding", "body": "board", "incident": "i", "field": "ended",
                     "value": "yes"},
            "", "board", "simple-majority", "ab", id="what a body finds a fact to be",
        ),
        pytest.param(
            sharing("exceptions: {ask: either}"),
            {"kind": "exception", "party": "ash"}, "1", "", "unanimity", "bcd",
            id="an exception by the others",
        ),
        pytest.param(
            sharing("exceptions: {agree: all}"),
            {"kind": "exception", "party": "ash"}, "1", "", "unanimity", "abcd",
            id="by all",
        ),
        pytest.param(
            sharing("exceptions: {agree: board}"),
            {"kind": "exception", "party": "cedar"}, "1", "board", "simple-majority", "ab",
            id="or by a body",
        ),
        pytest.param(
            text('  - {art: "8", type: secrecy, disclose_rule: board}\n'), {"kind": "disclosure"},
            "8", "board", "simple-majority", "ab", id="a disclosure by its rule",
        ),
        pytest.param(
            text('  - {art: "8", type: secrecy}\n'), {"kind": "disclosure"},
            "8", "", "unanimity", "abcdk", id="or by all parties",
        ),
    ],
)  # fmt: skip
def test_who_decides_by_which_rule(
    agreement: Agreement, matter: dict[str, Any], clause: str, body: str, kind: str, voters: str
) -> None:
    found = ask(agreement, **matter)

    assert (found.clause, found.body, found.rule.kind) == (clause, body, kind)
    assert letters(found.electorate.members) == voters


def test_every_matter_has_a_case_above() -> None:
    table = test_who_decides_by_which_rule.pytestmark[0].args[1]

    assert {case.values[1]["kind"] for case in table} == set(MATTERS)


# --- where the text gives no way --------------------------------------------------------


@pytest.mark.parametrize(
    ("without", "with_", "matter", "code"),
    [
        pytest.param(
            text(), membership(RULED), {"kind": "admission", "party": "elm"},
            "question.no-clause", id="no clause on joining",
        ),
        pytest.param(
            membership("eligible: x"), membership(RULED), {"kind": "admission", "party": "elm"},
            "question.no-rule", id="no rule of admission",
        ),
        pytest.param(
            membership(RULED), membership("vetting: {rule: board}"),
            {"kind": "vetting", "party": "elm"}, "question.nothing-to-decide", id="no vetting",
        ),
        pytest.param(
            membership(RULED), membership("suspension: {rule: board}"),
            {"kind": "suspension", "party": "ash"}, "question.nothing-to-decide",
            id="nobody is suspended",
        ),
        pytest.param(
            membership("suspension: {automatic_if: [x]}"), membership("suspension: {rule: board}"),
            {"kind": "suspension", "party": "ash"}, "question.no-rule", id="only of itself",
        ),
        pytest.param(
            membership("suspension: {rule: board}"),
            membership("suspension: {rule: board, pairwise: allowed}"),
            {"kind": "suspension", "party": "ash", "towards": "birch"},
            "question.pair-not-allowed", id="no suspension between two alone",
        ),
        pytest.param(
            text(), text(top=TOP.replace("{members: [ash, birch], rule",
                                         "{chair: {rotation: vote}, members: [ash, birch], rule")),
            {"kind": "election", "body": "board", "party": "ash"},
            "question.nothing-to-decide", id="a chair that nobody elects",
        ),
        pytest.param(
            membership(RULED), membership("expulsion: {rule: board}"),
            {"kind": "expulsion", "party": "ash"}, "question.nothing-to-decide",
            id="nobody is expelled",
        ),
        pytest.param(
            text(RESPONSE.replace("MORE", ", decision: automatic")),
            text(RESPONSE.replace("MORE", ", decision: {body: board}")),
            {"kind": "decision", "incident": "i"}, "question.nothing-to-decide",
            id="a response that waits for nothing",
        ),
        pytest.param(
            text(RESPONSE.replace("MORE", ", decision: {body: mute}")),
            text(RESPONSE.replace("MORE", f", decision: {{body: mute, {RULED}}}")),
            {"kind": "decision", "incident": "i"}, "question.no-rule", id="a body without a rule",
        ),
        pytest.param(
            text('  - {art: "4", type: governance}\n'),
            text('  - {art: "4", type: governance, body: board}\n'),
            {"kind": "governance"}, "question.no-rule", id="a governance clause without one",
        ),
        pytest.param(
            sharing(""),
            sharing("exceptions: {}"),
            {"kind": "exception", "party": "ash"}, "question.nothing-to-decide",
            id="no exceptions",
        ),
        pytest.param(
            sharing("binds: [birch], exceptions: {}"),
            sharing("binds: [ash, birch], exceptions: {}"),
            {"kind": "exception", "party": "ash"}, "question.nothing-to-decide",
            id="an exception from what does not bind",
        ),
        pytest.param(
            text(), text('  - {art: "8", type: secrecy}\n'), {"kind": "disclosure"},
            "question.no-clause", id="nothing is secret",
        ),
    ],
)  # fmt: skip
def test_where_the_text_gives_no_way_it_is_refused(
    without: Agreement, with_: Agreement, matter: dict[str, Any], code: str
) -> None:
    assert ask(with_, **matter).electorate.members

    with pytest.raises(NoWayError) as refusal:
        ask(without, **matter)
    assert refusal.value.code == code


TWO = text(
    '  - {art: "4", type: governance, body: board}\n  - {art: "6", type: governance, body: board}\n'
)


@pytest.mark.parametrize(
    ("agreement", "wrong", "right", "code"),
    [
        pytest.param(
            TWO, {"kind": "governance"}, {"kind": "governance", "art": "6"},
            "question.which-clause", id="one of two articles is named",
        ),
        pytest.param(
            TWO, {"kind": "amendment", "art": "4"}, {"kind": "governance", "art": "4"},
            "question.other-clause", id="an article of the right type",
        ),
        pytest.param(
            TWO, {"kind": "governance", "art": "7"}, {"kind": "governance", "art": "6"},
            "agreement.no-such-clause", id="and one that there is",
        ),
        pytest.param(
            TWO, {"kind": "coronation"}, {"kind": "amendment"},
            "question.unknown-matter", id="a matter that is known",
        ),
        pytest.param(
            membership("expulsion: {rule: board}"), {"kind": "expulsion"},
            {"kind": "expulsion", "party": "ash"}, "question.incomplete", id="whom it is about",
        ),
        pytest.param(
            membership("expulsion: {rule: board}"), {"kind": "expulsion", "party": "elm"},
            {"kind": "expulsion", "party": "ash"}, "question.no-such-party",
            id="and that is somebody",
        ),
        pytest.param(
            membership("expulsion: {rule: board}"), {"kind": "expulsion", "party": "ghost"},
            {"kind": "expulsion", "party": "ash"}, "question.no-such-party",
            id="who is in the agreement",
        ),
        pytest.param(
            membership(RULED), {"kind": "admission", "party": "ash"},
            {"kind": "admission", "party": "ghost"}, "question.already-a-party",
            id="who is in already is not admitted",
        ),
        pytest.param(
            text(), {"kind": "annex"}, {"kind": "annex", "annex": "own"}, "question.incomplete",
            id="which annex",
        ),
        pytest.param(
            text(), {"kind": "annex", "annex": "lost"}, {"kind": "annex", "annex": "own"},
            "question.no-such-annex", id="and one that there is",
        ),
        pytest.param(
            text(RESPONSE.replace("MORE", ", decision: {body: board}")), {"kind": "decision"},
            {"kind": "decision", "incident": "i"}, "question.incomplete", id="which incident",
        ),
        pytest.param(
            text(), {"kind": "body"}, {"kind": "body", "body": "board"}, "question.incomplete",
            id="which body",
        ),
        pytest.param(
            text(), {"kind": "body", "body": "senate"}, {"kind": "body", "body": "board"},
            "decision.no-such-body", id="and one that there is ",
        ),
        pytest.param(
            text(), {"kind": "body", "body": "board", "annex": "own"},
            {"kind": "body", "body": "board", "party": "ash"}, "question.beside-the-matter",
            id="nothing beside the matter",
        ),
        pytest.param(
            membership(RULED), {"kind": "admission", "party": "elm\nriver"},
            {"kind": "admission", "party": "elm"}, "ids.not-a-party", id="a label for a candidate",
        ),
    ],
)  # fmt: skip
def test_what_is_asked_wrongly_is_refused(
    agreement: Agreement, wrong: dict[str, Any], right: dict[str, Any], code: str
) -> None:
    assert ask(agreement, **right).electorate.members

    with pytest.raises((UsageError, NotFoundError, MalformedError)) as refusal:
        ask(agreement, **wrong)
    assert refusal.value.code == code


# --- who votes, who proposes ------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "voters"),
    [
        pytest.param((), "abcd", id="every member"),
        pytest.param((event(SUSPENDED, "birch"),), "acd", id="a suspended one has no vote"),
        pytest.param((event(EXPELLED, "birch"),), "acd", id="an expelled one neither"),
        pytest.param((event(NOTICE, "birch"),), "abcd", id="one without a way to leave stays"),
    ],
)
def test_only_who_is_bound_votes_and_proposes(events: tuple[Event, ...], voters: str) -> None:
    found = ask(membership(RULED), "admission", *events, party="elm")

    assert letters(found.electorate.members) == letters(found.proposers) == voters


def test_a_party_that_is_to_decide_decides_while_it_is_bound() -> None:
    said = "  - {art: '7', type: amendment, proposer: steward, rule: RULE}\n"
    agreement = text(said.replace("RULE", "{kind: named-party, party: keeper}"))
    found = ask(agreement, "amendment")
    put = found.tabled(id="q", text="t", by=PartyId("keeper"), tabled_at=AT)
    assert count(found.rule, put, found.electorate, [vote("keeper")], AT + HOUR).outcome == ADOPTED

    with pytest.raises(NoWayError) as refusal:
        ask(agreement, "amendment", event(SUSPENDED, "keeper"))
    assert refusal.value.code == "question.nobody-decides"


def test_a_suspended_party_may_be_expelled() -> None:
    found = ask(
        membership("expulsion: {rule: board, recuse: subject}"),
        "expulsion",
        event(SUSPENDED, "cedar"),
        party="cedar",
    )
    assert found.subjects == {"cedar"}


@pytest.mark.parametrize(
    ("said", "proposers"),
    [
        pytest.param("", "abcd", id="by default any member"),
        pytest.param(", proposer: any-member", "abcd", id="any member"),
        pytest.param(", proposer: steward", "k", id="the steward"),
        pytest.param(", proposer: board", "ab", id="a body"),
        pytest.param(", proposer: [cedar, board]", "abc", id="several"),
    ],
)
def test_who_proposes_an_amendment(said: str, proposers: str) -> None:
    found = ask(text(f'  - {{art: "7", type: amendment{said}}}\n'), "amendment")

    assert letters(found.proposers) == proposers


@pytest.mark.parametrize(
    ("said", "proposers"),
    [
        pytest.param("", "abcd", id="nobody has to invite"),
        pytest.param(", invited_by: all", "abcd", id="all"),
        pytest.param(", invited_by: keeper", "k", id="one party"),
        pytest.param(", invited_by: board", "ab", id="a body"),
    ],
)
def test_who_invites_proposes_a_candidate(said: str, proposers: str) -> None:
    found = ask(membership(RULED + said), "admission", party="elm")

    assert letters(found.proposers) == proposers


def test_only_a_proposer_tables_a_question() -> None:
    found = ask(text('  - {art: "7", type: amendment, proposer: board}\n'), "amendment")
    said: dict[str, Any] = {"id": "q", "text": "t", "tabled_at": AT}
    assert found.tabled(by=PartyId("ash"), **said).under == "Art 7 (amendment)"

    with pytest.raises(RefusedError) as refusal:
        found.tabled(by=PartyId("cedar"), **said)
    assert refusal.value.code == "question.not-a-proposer"
    assert refusal.value.facts["proposers"] == ["ash", "birch"]


def test_who_left_a_body_has_no_seat_in_it() -> None:
    agreement = membership("expulsion: {rule: board}")
    matter = Matter(kind="expulsion", party="cedar")
    seats = {"board": frozenset({PartyId("birch")})}

    found = question(agreement, stands(agreement), matter, AT, sitting=seats)

    assert letters(ask(agreement, "expulsion", party="cedar").electorate.members) == "ab"
    assert letters(found.electorate.members) == "b"
    assert found.electorate.groups["board"] == {"birch"}


# --- recusal, objections, sponsors ------------------------------------------------------


@pytest.mark.parametrize("kind", ["suspension", "expulsion"])
def test_recusals_of_the_clause_are_added_to_those_of_the_rule(kind: str) -> None:
    rule = "{kind: simple-majority, recuse: [attacker]}"
    found = ask(membership(f"{kind}: {{rule: {rule}, recuse: subject}}"), kind, party="ash")
    once = ask(
        membership(
            f"{kind}: {{rule: {{kind: simple-majority, recuse: subject}}, recuse: subject}}"
        ),
        kind,
        party="ash",
    )

    assert [each.who for each in found.rule.recuse] == ["attacker", "subject"]
    assert once.rule.recuse == (Recusal(who="subject"),)


def test_whom_it_is_about_does_not_vote_on_it() -> None:
    agreement = membership("expulsion: {rule: {kind: unanimity}, recuse: subject}")
    found = ask(agreement, "expulsion", party="dogwood")
    put = found.tabled(
        id="q", text="t", by=PartyId("ash"), tabled_at=AT, deadline=AT + timedelta(days=1)
    )
    said = [vote(each) for each in ("ash", "birch", "cedar")]

    counted = count(found.rule, put, found.electorate, said, AT + timedelta(hours=2))

    assert counted.outcome == ADOPTED
    assert [each.party for each in counted.recused] == ["dogwood"]


@pytest.mark.parametrize(
    ("rule", "objection", "period"),
    [
        pytest.param("", "6 days", Duration(6, "days"), id="the time for objections"),
        pytest.param(
            ", rule: {kind: silence, silence: {period: 9 days}}", "6 days", Duration(9, "days"),
            id="or a longer one of the rule",
        ),
        pytest.param(
            ", rule: {kind: silence, silence: {period: 5 days}}", "6 working days",
            Duration(6, "working days"), id="of two the longer, by the calendar",
        ),
        pytest.param(
            ", rule: {kind: consensus}", "6 days", Duration(6, "days"), id="for any rule",
        ),
    ],
)  # fmt: skip
def test_a_time_for_objections_makes_a_silence(rule: str, objection: str, period: Duration) -> None:
    agreement = membership(f"vetting: {{objection_period: {objection}{rule}}}")
    found = ask(agreement, "vetting", party="elm")

    assert found.rule.silence is not None
    assert found.rule.silence.period == period


def vote(party: str, choice: Any = "yes", at: datetime = AT + timedelta(hours=1)) -> Vote:
    return Vote(party=PartyId(party), at=at, choice=choice, text="t")


@pytest.mark.parametrize(
    ("sponsors", "up", "outcome", "reason"),
    [
        pytest.param(0, "", ADOPTED, "", id="no sponsors are asked for"),
        pytest.param(1, "", ADOPTED, "", id="the proposer is one"),
        pytest.param(2, "", LAPSED, "sponsors", id="a second is missing, though nobody objects"),
        pytest.param(2, "b", ADOPTED, "", id="a member stands up"),
        pytest.param(2, "a", LAPSED, "sponsors", id="the proposer is not two"),
        pytest.param(3, "b", LAPSED, "sponsors", id="two are not three"),
    ],
)
def test_sponsors_stand_up_by_a_yes_of_their_own(
    sponsors: int, up: str, outcome: str, reason: str
) -> None:
    agreement = membership(f"vetting: {{sponsors: {sponsors}, objection_period: 6 days}}")
    found = ask(agreement, "vetting", party="elm")
    put = found.tabled(id="q", text="t", by=PartyId("ash"), tabled_at=AT)
    names = {name[0]: name for name in agreement.members}
    said = [vote(names[letter]) for letter in up]
    read = [
        Receipt(party=party, at=AT + timedelta(hours=1), text="t") for party in agreement.members
    ]

    after = count(found.rule, put, found.electorate, [*said, *read], AT + timedelta(days=7))
    before = count(found.rule, put, found.electorate, [*said, *read], AT + timedelta(days=1))

    assert (after.outcome, after.reason) == (outcome, reason)
    assert (before.outcome, before.as_it_stands) == (OPEN, outcome)
    if outcome == LAPSED:
        (change,) = [each for each in before.would_change if each.outcome == ADOPTED]
        more = [vote(party) for party in change.parties[: None if change.together else 1]]
        then = count(found.rule, put, found.electorate, [*said, *read, *more], AT + timedelta(7))
        assert then.outcome == ADOPTED
        assert "stood up" in after.sentence


# --- the chair --------------------------------------------------------------------------

CHAIRED = TOP.replace("rotation: name, period: 1 year", "CHAIR")
SINCE = datetime(2024, 2, 29, 9, tzinfo=UTC)


def chaired(said: str) -> Agreement:
    named = CHAIRED.replace("CHAIR", said).replace(
        "  - {ids: [ash, birch, cedar, dogwood], joined: 2020-01-01}\n",
        "  - {id: ash, name: Zeta, joined: 2020-01-01}\n"
        "  - {ids: [birch, cedar, dogwood], joined: 2020-01-01}\n",
    )
    return text(top=named)


@pytest.mark.parametrize(
    ("said", "at", "chair"),
    [
        pytest.param("rotation: name, period: 1 year", SINCE, "cedar", id="as the text names them"),
        pytest.param(
            "rotation: name, period: 1 year", datetime(2025, 2, 28, 9, tzinfo=UTC), "ash",
            id="the next after a period, to the second",
        ),
        pytest.param(
            "rotation: name, period: 1 year", datetime(2025, 2, 28, 8, 59, 59, tzinfo=UTC), "cedar",
            id="and not one before",
        ),
        pytest.param(
            "rotation: name, period: 1 year", datetime(2028, 2, 29, 9, tzinfo=UTC), "ash",
            id="turns do not drift over leap years",
        ),
        pytest.param("rotation: alphabet, period: 1 year", SINCE, "birch", id="by the alphabet"),
        pytest.param(
            "rotation: alphabet, period: 90 minutes", SINCE + timedelta(hours=3), "ash",
            id="of the names that people read",
        ),
        pytest.param("rotation: name", SINCE + timedelta(days=999), "cedar", id="without a period"),
        pytest.param("rotation: vote, period: 1 year", SINCE, None, id="elected, and not said"),
        pytest.param(
            "rotation: name, period: 1 year", SINCE - timedelta(seconds=1), None,
            id="nobody before it begins",
        ),
        pytest.param(
            "rotation: name, period: immediately", SINCE + timedelta(days=1), "cedar",
            id="a period without length",
        ),
    ],
)  # fmt: skip
def test_who_chairs_a_body(said: str, at: datetime, chair: str | None) -> None:
    assert chair_of(chaired(said), "chaired", at, SINCE) == chair


def test_the_next_in_order_chairs_for_who_is_not_seated() -> None:
    agreement = chaired("rotation: name, period: 1 year")
    seated = frozenset(map(PartyId, ("ash", "birch", "keeper")))

    assert chair_of(agreement, "chaired", SINCE, SINCE) == "cedar"
    assert chair_of(agreement, "chaired", SINCE, SINCE, seated=seated) == "ash"
    assert chair_of(agreement, "chaired", SINCE, SINCE, seated=frozenset()) is None


def test_an_elected_chair_is_the_one_that_is_said_and_seated() -> None:
    agreement = chaired("rotation: vote")

    assert chair_of(agreement, "chaired", SINCE, SINCE, elected=PartyId("ash")) == "ash"
    assert chair_of(agreement, "chaired", SINCE, SINCE, elected=PartyId("keeper")) is None


ELECTED_ASH = Event("pact", ELECTED, PartyId("ash"), AT - timedelta(10), body="chaired")
ELECTED_BIRCH = Event("pact", ELECTED, PartyId("birch"), AT - timedelta(5), body="chaired")


@pytest.mark.parametrize(
    ("said", "events", "chair", "warned"),
    [
        pytest.param("rotation: vote", (), None, False, id="nobody was elected"),
        pytest.param("rotation: vote", (ELECTED_ASH,), "ash", False, id="elected"),
        pytest.param("rotation: vote", (ELECTED_ASH, ELECTED_BIRCH), "birch", False, id="anew"),
        pytest.param("rotation: vote, period: 9 days", (ELECTED_ASH,), None, False, id="over"),
        pytest.param("rotation: vote, period: 11 days", (ELECTED_ASH,), "ash", False, id="in time"),
        pytest.param("rotation: name", (ELECTED_ASH,), "cedar", True, id="where turns are taken"),
        pytest.param(
            "rotation: vote", (ELECTED_ASH, event(EXPELLED, "ash")), None, False, id="who is out"
        ),
    ],
)
def test_the_register_says_who_was_elected_to_the_chair(
    said: str, events: tuple[Event, ...], chair: str | None, warned: bool
) -> None:
    agreement = chaired(said)
    now = stands(agreement, *events)

    assert ask(agreement, "body", *events, body="chaired").electorate.chair == chair
    assert now.chairs.get("chaired") == (None if warned else chair)
    assert ("chair-not-elected" in {code for code, _ in now.warnings}) == warned


def test_no_body_and_no_chair_is_nobody_and_an_unknown_body_is_refused() -> None:
    agreement = chaired("rotation: name")

    assert chair_of(agreement, "", SINCE, SINCE) is None
    assert chair_of(agreement, "board", SINCE, SINCE) is None
    with pytest.raises(NotFoundError) as refusal:
        chair_of(agreement, "senate", SINCE, SINCE)
    assert refusal.value.code == "decision.no-such-body"


@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        pytest.param((), "rejected", id="the chair of this year says no"),
        pytest.param((event(SUSPENDED, "cedar"),), "adopted", id="the next in order says yes"),
    ],
)
def test_the_chair_of_the_moment_breaks_a_tie(events: tuple[Event, ...], outcome: str) -> None:
    # In force since 2020: the seventh turn of three members begins with the first again.
    found = ask(text(), "body", *events, body="chaired")
    put = found.tabled(
        id="q", text="t", by=PartyId("ash"), tabled_at=AT, deadline=AT + timedelta(days=1)
    )
    said = [vote("cedar", "no"), vote("ash"), vote("birch", "no" if events else "abstain")]

    counted = count(found.rule, put, found.electorate, said, AT + timedelta(days=2))

    assert found.electorate.chair == ("ash" if events else "cedar")
    assert counted.outcome == outcome


def test_a_rule_of_nobody_is_none_of_the_defaults() -> None:
    found = ask(membership("rule: {kind: none}"), "admission", party="elm")

    assert found.rule == DecisionRule(kind="none")
