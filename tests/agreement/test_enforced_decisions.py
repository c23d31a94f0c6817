"""What the declarations say about the counting of decisions is true.

Each field of the table is set to one value and to another in the same text. Who decides, who may
propose, who counts, or what comes out differs; the rule itself, which would differ anyway, is not
looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from allied.agreement import clauses as c, frame
from allied.agreement.ballot import Extension
from allied.agreement.decision import Receipt, Statement, Vote, assemblers, count
from allied.agreement.events import Register
from allied.agreement.fields import DECISION, LATER, RESPONSE, declared
from allied.agreement.matters import Matter, NoWayError
from allied.agreement.question import question
from allied.agreement.sharing import Exceptions
from allied.agreement.standing import standing
from allied.agreement.terms import Agreement, load
from allied.agreement.values import Table
from allied.errors import AlliedError
from allied.record.ids import PartyId

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
END = AT + timedelta(days=4)
TOP = """\
format: alliance/1
id: pact
form: {kind: contract}
parties:
  - {ids: [ash, birch, cedar, dogwood], joined: 2020-01-01}
bodies:
  board: {members: [ash, birch], rule: {kind: simple-majority}}
  council: BODY
annexes: [ANNEX]
articles:
"""
BODY = "{members: [cedar, ash, birch, dogwood], RULE}"
PLAIN = BODY.replace("RULE", "rule: {kind: simple-majority}")
NAMES = {"a": "ash", "b": "birch", "c": "cedar", "d": "dogwood"}
CHOICES = {"+": "yes", "-": "no", "0": "abstain"}


@dataclass(frozen=True)
class Case:
    """One field, the text around it, two values, and what is said on the question.

    Attributes:
        text: of the article, with VALUE in it; empty where the field stands in `body`.
        said: votes as in `a+ b- c0`, receipts as in `ar`; `late` in days.
    """

    declaration: type[Any]
    key: str
    before: str
    after: str
    matter: dict[str, str]
    said: str = ""
    article: str = '  - {art: "9", type: statement}\n'
    body: str = PLAIN
    annex: str = "{id: plain}"
    more: tuple[Statement, ...] = ()
    proposal: tuple[tuple[str, Any], ...] = ()
    days: int = 5


COUNCIL = {"kind": "body", "body": "council"}
MEMBERSHIP = '  - {art: "2", type: membership, VALUE}\n'
ADMISSION = {"kind": "admission", "party": "elm"}


def rule(key: str, before: str, after: str, said: str, kind: str = "", **more: Any) -> Case:
    """A field of the rule of a body; `VALUE` stands beside `kind`."""
    kind = kind or "kind: simple-majority"
    text = BODY.replace("RULE", f"chair: {{rotation: name}}, rule: {{{kind}, VALUE}}")
    return Case(
        c.DecisionRule, key, before, after, COUNCIL, said, body=text.replace("{, ", "{"), **more
    )


def silence(key: str, before: str, after: str, said: str, **more: Any) -> Case:
    text = BODY.replace("RULE", "rule: {kind: silence, silence: {VALUE}}")
    return Case(c.Silence, key, before, after, COUNCIL, said, body=text, **more)


def second(key: str, before: str, after: str, said: str) -> Case:
    text = BODY.replace("RULE", "rule: {kind: simple-majority, also: {VALUE}}")
    return Case(c.SecondCondition, key, before, after, COUNCIL, said, body=text)


def on(
    declaration: type[Any], key: str, article: str, before: str, after: str, **more: Any
) -> Case:
    matter = more.pop("matter", ADMISSION)
    return Case(declaration, key, before, after, matter, article=article, **more)


def vote(party: str, choice: str = "+", **more: Any) -> Vote:
    at = more.pop("at", AT + timedelta(hours=1))
    return Vote(
        party=PartyId(NAMES[party]), at=at, choice=CHOICES[choice], text="t", **more  # type: ignore[arg-type]
    )  # fmt: skip


SHORT = "silence: {period: 4 days}"
QM = "kind: qualified-majority, threshold: 1/2"
LATE = vote("b", "-", arrived_at=END + timedelta(hours=1))
LONGER = Extension(party=PartyId("ash"), at=AT + timedelta(hours=1), until=AT + timedelta(days=9))
CASES = (
    rule("kind", "kind: simple-majority", "kind: absolute-majority", "a+", kind="grace: 0 hours"),
    rule("of", "of: members", "of: voting", "a+", kind=QM),
    rule("party", "party: ash", "party: birch", "a+", kind="kind: named-party"),
    rule("threshold", "threshold: 1/4", "threshold: 3/4", "a+ b+"),
    rule("weights", "grace: 0 hours", "weights: {ash: 5, birch: 1, cedar: 1, dogwood: 1}",
         "a+ b- c-"),
    rule("also", "grace: 0 hours", "also: {threshold: 3/4}", "a+"),
    rule("quorum", "grace: 0 hours", "quorum: 3/4", "a+"),
    rule("abstention", "abstention: ignored", "abstention: counts-against", "a+ b0"),
    rule("silence", "grace: 0 hours", "silence: {period: 6 days}", "a+"),
    rule("veto", "grace: 0 hours", "veto: [birch]", "a+ c+ b-"),
    rule("recuse", "grace: 0 hours", "recuse: subject", "a+ b+ c- d-",
         proposal=(("subjects", frozenset({PartyId("dogwood")})),)),
    rule("tie", "tie: fails", "tie: chair-casts", "a- c+"),
    rule("tolerates", "tolerates: 0", "tolerates: 1", "a+"),
    rule("grace", "grace: 0 hours", "grace: 2 hours", "a+", more=(LATE,)),
    rule("assembler", "grace: 0 hours", "assembler: dogwood", "a+"),
    rule("deputies", "grace: 0 hours", "deputies: [dogwood]", "a+"),
    silence("period", "period: 4 days", "period: 6 days", "br cr dr"),
    silence("break_by", "period: 4 days", "period: 4 days, break_by: objection", "br",
            more=(vote("c", "-", written=False),)),
    silence("may_extend", "period: 4 days", "period: 4 days, may_extend: yes", "br",
            more=(LONGER,)),
    silence("reasons_required", "period: 4 days", "period: 4 days, reasons_required: yes", "b-"),
    second("threshold", "threshold: 1/4", "threshold: 3/4", "a+ b+"),
    second("of", "threshold: 3/4, of: voting", "threshold: 3/4, of: members", "a+ b+"),
    second("weights", "threshold: 1/2",
           "threshold: 1/2, weights: {ash: 9, birch: 1, cedar: 1, dogwood: 1}", "a+"),
    replace(
        rule("who", "recuse: [{who: subject}]", "recuse: [{who: attacker}]", "a+ b+ c- d-",
             proposal=(("subjects", frozenset({PartyId("dogwood")})),)),
        declaration=c.Recusal,
    ),
    replace(
        rule("only_if", "recuse: [{who: subject}]", "recuse: [{who: subject, only_if: war}]",
             "a+ b+ c- d-", proposal=(("subjects", frozenset({PartyId("dogwood")})),
                                      ("stated", Table({"war": False})))),
        declaration=c.Recusal,
    ),
    Case(frame.Body, "chair", "meets: daily", "chair: {rotation: name}", COUNCIL, "a- c+",
         body=BODY.replace("RULE", "rule: {kind: simple-majority, tie: chair-casts}, VALUE")),
    Case(frame.Body, "rule", "rule: {kind: simple-majority}", "rule: {kind: unanimity}", COUNCIL,
         "a+", body=BODY.replace("RULE", "VALUE")),
    Case(frame.Chair, "rotation", "rotation: name", "rotation: alphabet", COUNCIL, "a- c+",
         body=BODY.replace("RULE", "rule: {kind: simple-majority, tie: chair-casts},"
                           " chair: {VALUE}")),
    Case(frame.Chair, "period", "rotation: name", "rotation: name, period: 5 years", COUNCIL,
         "a- c+", body=BODY.replace("RULE", "rule: {kind: simple-majority, tie: chair-casts},"
                                    " chair: {VALUE}")),
    Case(frame.Annex, "amendment", "title: A", "amendment: {rule: board}",
         {"kind": "annex", "annex": "one"}, "a+ b+", annex="{id: one, VALUE}"),
    Case(frame.AnnexAmendment, "rule", "rule: board", "rule: council",
         {"kind": "annex", "annex": "one"}, "a+ b+", annex="{id: one, amendment: {VALUE}}"),
    on(c.Governance, "body", '  - {art: "4", type: governance, VALUE}\n', "body: board",
       "body: council", matter={"kind": "governance"}),
    on(c.Governance, "rule", '  - {art: "4", type: governance, body: board, VALUE}\n',
       "title: A", "rule: {kind: unanimity}", matter={"kind": "governance"}, said="a+"),
    on(c.Membership, "rule", MEMBERSHIP, "rule: board", "rule: council"),
    on(c.Membership, "invited_by", MEMBERSHIP, "rule: board", "rule: board, invited_by: ash"),
    on(c.Membership, "vetting", MEMBERSHIP, "rule: board",
       "rule: board, vetting: {objection_period: 6 days}", said="a+"),
    on(c.Vetting, "sponsors", MEMBERSHIP, "vetting: {rule: board, sponsors: 1}",
       "vetting: {rule: board, sponsors: 2}", said="a+"),
    on(c.Vetting, "objection_period", MEMBERSHIP, "vetting: {objection_period: 4 days}",
       "vetting: {objection_period: 6 days}", said="ar br cr dr"),
    on(c.Vetting, "rule", MEMBERSHIP, "vetting: {rule: board}", "vetting: {rule: council}"),
    on(c.Membership, "suspension", MEMBERSHIP, "suspension: {rule: board}", "eligible: x",
       matter={"kind": "suspension", "party": "dogwood"}),
    on(c.Suspension, "rule", MEMBERSHIP, "suspension: {rule: board}",
       "suspension: {rule: council}", matter={"kind": "suspension", "party": "dogwood"}),
    on(c.Suspension, "pairwise", MEMBERSHIP, "suspension: {rule: board}",
       "suspension: {rule: board, pairwise: allowed}",
       matter={"kind": "suspension", "party": "dogwood", "towards": "ash"}),
    on(c.Suspension, "recuse", MEMBERSHIP, "suspension: {rule: council}",
       "suspension: {rule: council, recuse: subject}", said="a+ d-",
       matter={"kind": "suspension", "party": "dogwood"}),
    on(c.Membership, "expulsion", MEMBERSHIP, "expulsion: {rule: board}", "eligible: x",
       matter={"kind": "expulsion", "party": "dogwood"}),
    on(c.Expulsion, "rule", MEMBERSHIP, "expulsion: {rule: board}", "expulsion: {rule: council}",
       matter={"kind": "expulsion", "party": "dogwood"}),
    on(c.Expulsion, "recuse", MEMBERSHIP, "expulsion: {rule: council}",
       "expulsion: {rule: council, recuse: subject}", said="a+ d-",
       matter={"kind": "expulsion", "party": "dogwood"}),
    on(c.Amendment, "proposer", '  - {art: "7", type: amendment, VALUE}\n', "proposer: board",
       "proposer: any-member", matter={"kind": "amendment"}),
    on(c.Amendment, "rule", '  - {art: "7", type: amendment, VALUE}\n', "title: A",
       "rule: council", matter={"kind": "amendment"}, said="a+"),
    on(c.Decision, "rule",
       '  - {art: "5", type: collective-response, trigger: {severity: at least low},'
       " duties: [{do: assist, modality: must}], decision: {body: board, VALUE}}\n",
       "", "rule: {kind: unanimity}", matter={"kind": "decision", "incident": "i"}, said="a+"),
    on(c.Secrecy, "disclose_rule", '  - {art: "8", type: secrecy, VALUE}\n', "title: A",
       "disclose_rule: board", matter={"kind": "disclosure"}),
    on(c.InformationSharing, "exceptions",
       '  - {art: "1", type: information-sharing, share: [all], VALUE}\n', "title: A",
       "exceptions: {}", matter={"kind": "exception", "party": "ash"}),
    on(Exceptions, "agree",
       '  - {art: "1", type: information-sharing, share: [all], exceptions: {VALUE}}\n',
       "agree: all", "agree: other-party", matter={"kind": "exception", "party": "ash"}),
)  # fmt: skip


def text(case: Case, value: str) -> Agreement:
    top = TOP.replace("BODY", case.body).replace("ANNEX", case.annex)
    whole = (top + case.article).replace(", VALUE", f", {value}" if value else "")
    (found,) = load(whole.replace("VALUE", value).encode(), "pact.yaml")
    assert isinstance(found, Agreement)
    return found


def said_in(case: Case) -> list[Statement]:
    found: list[Statement] = list(case.more)
    for word in case.said.split():
        if word[1] == "r":
            party = PartyId(NAMES[word[0]])
            found.append(Receipt(party=party, at=AT + timedelta(hours=1), text="t"))
        else:
            found.append(vote(word[0], word[1]))
    return found


def seen(case: Case, value: str) -> Any:
    """What people are shown of a question: who decides, who may ask, who counts, the outcome."""
    agreement = text(case, value)
    stands = standing(Register({"pact": agreement}, ()), "pact", AT)
    try:
        found = question(agreement, stands, Matter(**case.matter), AT)
        by = min(found.proposers)
        put = found.tabled(id="q", text="t", by=by, tabled_at=AT, deadline=None)
        put = replace(put, **dict(case.proposal))
        if found.rule.silence is None:
            put = replace(put, deadline=END)
        whole = count(found.rule, put, found.electorate, said_in(case), AT + timedelta(case.days))
        counting = assemblers(found.rule, put, found.electorate)
    except NoWayError as refused:
        return refused.code
    return found.body, found.proposers, counting, replace(whole, sentence="")


@pytest.mark.parametrize(
    "case", [pytest.param(each, id=f"{each.declaration.__name__} {each.key}") for each in CASES]
)
def test_what_is_said_to_be_counted_is_counted(case: Case) -> None:
    assert seen(case, case.before) != seen(case, case.after)


def test_each_field_said_to_be_counted_has_its_case_and_no_other() -> None:
    owners = {
        c.DecisionRule, c.Silence, c.SecondCondition, c.Recusal, frame.Chair, frame.Body,
        frame.Annex, frame.AnnexAmendment, c.Governance, c.Membership, c.Vetting, c.Suspension,
        c.Expulsion, c.Amendment, c.Decision, c.Secrecy, c.InformationSharing, Exceptions,
    }  # fmt: skip
    said = {
        (owner.__name__, each.key)
        for owner in owners
        for each in declared(owner)
        if each.field.by == DECISION
    }

    assert said == {(case.declaration.__name__, case.key) for case in CASES}


def test_nothing_of_a_decision_rule_is_for_later() -> None:
    rules = (c.DecisionRule, c.Silence, c.SecondCondition, c.Recusal, frame.Body, frame.Chair)
    left = [each.key for owner in rules for each in declared(owner) if each.field.by == LATER]

    assert left == []


def test_consent_to_a_measure_is_left_to_the_evaluation() -> None:
    (consent,) = [each for each in declared(c.DecisionRule) if each.key == "measure_consent"]

    assert consent.field.by == RESPONSE


def test_two_equal_texts_are_seen_alike() -> None:
    for case in CASES:
        try:
            assert seen(case, case.before) == seen(case, case.before)
        except AlliedError as refused:
            pytest.fail(f"{case.key}: {refused}")
