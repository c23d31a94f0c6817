"""What is doubtful in how an agreement decides.

Asks of each decision rule whether it can ever adopt anything, whether those it names can vote,
and whether voters who cheat can split it.

Words used here:
    voters     the members of the body whose rule it is, else all members of the agreement
    tolerates  f: how many voters may cheat
    liar       a voter who says different things to different parties

Rules that hold everywhere below. Two counts of one vote have an honest voter in common only if
each is signed by more than (n + f) / 2 of n voters; a quorum below that can be reached twice. A
group that is not declared (`of: directors`) is not counted here.

Source: `agreement.certificate` for how many signatures prove a count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from fractions import Fraction
from typing import Final

from allied.agreement.certificate import certificate
from allied.agreement.check_doubt import ERROR, NOTE, WARNING, Doubt, Question
from allied.agreement.clauses import CollectiveResponse
from allied.agreement.enforcement import Used, walk
from allied.agreement.parts import Decision, DecisionRule
from allied.agreement.terms import Agreement

_UNCOUNTED: Final = frozenset({"none", "named-party"})
_COUNTED_GROUPS: Final = frozenset({"members", "ratified", "present", "voting"})


def _rules(value: Agreement, day: date | None) -> Iterator[Doubt]:
    del day
    deciding = {
        clause.art: clause.decision.body
        for clause in value.clauses(CollectiveResponse)
        if isinstance(clause.decision, Decision)
    }
    for used in walk(value):
        rule = used.value
        if not isinstance(rule, DecisionRule):
            continue
        voters = _voters(value, used, deciding)
        yield from _named(used, rule, voters)
        if rule.kind in _UNCOUNTED:
            continue
        if voters and rule.of in _COUNTED_GROUPS:
            yield from _adopting(used, rule, len(voters))
            yield from _cheating(used, rule, len(voters))
        elif rule.tolerates == 0:
            yield _tolerates_nobody(used, None)


def _voters(value: Agreement, used: Used, deciding: Mapping[str, str]) -> frozenset[str]:
    """Who votes under a rule; `deciding` has the body that a response waits for, by article."""
    body = str(used.path[1]) if used.path[0] == "bodies" else ""
    if used.path[-2:] == ("decision", "rule"):
        body = deciding[used.clause]
    return frozenset(value.members_of(body) if body else value.members)


def _named(used: Used, rule: DecisionRule, voters: frozenset[str]) -> Iterator[Doubt]:
    """Who is named in a rule, and what a rule of its kind cannot do without."""
    if rule.kind == "named-party" and not rule.party:
        yield _doubt(
            used,
            "agreement.no-decider",
            ERROR,
            "a named party decides, and none is named",
            "add `party`",
        )
    if rule.kind == "qualified-majority" and rule.threshold is None:
        yield _doubt(
            used,
            "agreement.no-threshold",
            ERROR,
            "a qualified majority is asked for, and nothing says how large",
            "add `threshold: 2/3`, or whatever was meant",
        )
    if rule.also is not None and rule.also.threshold is None:
        yield _doubt(
            used,
            "agreement.no-threshold",
            ERROR,
            "a second condition is set, and nothing says how much it asks for",
            "add `threshold` under `also`",
        )
    if rule.kind == "weighted" and not voters <= frozenset(rule.weights):
        yield _doubt(
            used,
            "agreement.no-weight",
            ERROR,
            "votes are weighted, and not every voter has a weight",
            "add the missing ones under `weights`",
        )
    outside = [name for name in (*rule.veto, *rule.weights) if voters and name not in voters]
    if outside and rule.of in _COUNTED_GROUPS:
        yield _doubt(
            used,
            "agreement.vote-of-nobody",
            WARNING,
            f"it gives a veto or a weight to {outside[0]}, which does not vote here",
            "take it out, or make it a member of the body",
        )


def _adopting(used: Used, rule: DecisionRule, voters: int) -> Iterator[Doubt]:
    """Whether the rule can adopt anything at all."""
    most = sum(rule.weights.values()) if rule.weights else voters
    for key, needed, there in (
        ("threshold", rule.threshold, most),
        ("quorum", rule.quorum, voters),
    ):
        if isinstance(needed, int) and needed > there:
            yield _doubt(
                used,
                "agreement.never-adopted",
                ERROR,
                f"its {key} is more than all votes together",
                f"at most {there}, or a share like `2/3` or `66%`",
            )


def _cheating(used: Used, rule: DecisionRule, voters: int) -> Iterator[Doubt]:
    """Whether voters who cheat can split the rule, or keep it from ever deciding."""
    cheats = rule.tolerates
    if cheats >= voters:
        yield _doubt(
            used,
            "agreement.tolerates-too-many",
            ERROR,
            "it tolerates as many that cheat as there are voters, so no count proves anything",
            f"at most {max(0, (voters - 1) // 3)}",
        )
        return
    if not certificate(voters, cheats).live:
        yield _doubt(
            used,
            "agreement.tolerates-too-many",
            WARNING,
            "if as many as it tolerates stay silent, the others are too few to prove a decision",
            f"at most {(voters - 1) // 3} of {voters} voters",
        )
    if cheats == 0 and voters > 1:
        yield _tolerates_nobody(used, voters)
    quorum = _least(rule.quorum, voters)
    if quorum is not None and 2 * quorum <= voters + cheats and voters > 1:
        yield _doubt(
            used,
            "agreement.quorum-can-split",
            WARNING,
            "two groups of voters can each reach the quorum without an honest voter in common,"
            " and decide differently",
            f"a quorum of at least {(voters + cheats) // 2 + 1}",
        )


def _least(quorum: int | Fraction | str | None, voters: int) -> int | None:
    """The quorum in heads; None where it is none or follows from the votes needed."""
    if isinstance(quorum, Fraction):
        return -(-quorum.numerator * voters // quorum.denominator)
    return quorum if isinstance(quorum, int) else None


def _tolerates_nobody(used: Used, voters: int | None) -> Doubt:
    """A note; `voters` is None where the group that votes is not declared."""
    return _doubt(
        used,
        "agreement.tolerates-nobody",
        NOTE,
        "`tolerates` is 0: one voter who says different things to different parties can"
        " split a decision until people settle it",
        "nothing to change: fewer than four voters cannot withstand one"
        if voters is not None and voters < 4
        else "with four voters or more, `tolerates: 1` withstands one",
    )


def _bodies(value: Agreement, day: date | None) -> Iterator[Doubt]:
    del day
    deciding = {
        clause.decision.body: clause
        for clause in value.clauses(CollectiveResponse)
        if isinstance(clause.decision, Decision) and clause.decision.rule is None
    }
    for name, body in value.bodies.items():
        if body.rule is None and name in deciding:
            yield Doubt(
                "agreement.never-decided",
                WARNING,
                ("bodies", name),
                "a response waits for this body, and nothing says how the body decides",
                "add `rule: {kind: ...}`",
            )
        elif body.rule is None:
            yield Doubt(
                "agreement.body-without-rule",
                NOTE,
                ("bodies", name),
                "this body has no `rule`, so it can meet but not decide",
                "add `rule: {kind: ...}` if it is to decide",
            )
        if body.rule is not None and body.rule.tie == "chair-casts" and body.chair is None:
            yield Doubt(
                "agreement.no-chair",
                WARNING,
                ("bodies", name, "rule", "tie"),
                "the chair breaks a tie, and the body has no chair",
                "add `chair`, or let a tie fail",
            )


def _doubt(used: Used, code: str, severity: str, text: str, advice: str) -> Doubt:
    return Doubt(code, severity, used.path, text, advice, used.clause)


QUESTIONS: Final[tuple[Question, ...]] = (_rules, _bodies)
