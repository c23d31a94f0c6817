"""What a restraint or a dispute clause says about an incident between or by its parties.

A response asks who has to help; these ask who has to stop. They look at the acts from the
other side: the author has to be bound, not the victim only.

Rules that hold everywhere below. A restraint speaks about an act of a party it binds; where
the other side is bound as well, both owe it to each other. Neutrality is owed by those who
take no part in an act to those of the parties that do. A dispute clause opens where one party
acts against another. A restraint that no act can touch (no separate peace, no conflicting
engagement) is never met by an incident, and its result says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from allied.response.act_gates import g5
from allied.response.citing import cited
from allied.response.gates import g1, g8
from allied.response.ground import Gate, Ground, Missing, matches
from allied.response.incident import Act
from allied.response.judgement import ActJudgement, Judgement, together
from allied.response.matter import Matter
from allied.response.results import MET, NOT_MET, UNDETERMINED
from allied.response.rule import DISPUTE, UNCONDITIONAL, Duty, Rule
from allied.response.truth import Answer, all_of, any_of

HOSTILE = ("attack", "act", "threat", "coercion")
_TOUCHED = {"non-aggression", "sphere", "neutrality", "benevolent neutrality"}


def with_duties(rule: Rule) -> Rule:
    """Give a restraint the duty that it consists of."""
    if rule.restraint not in _TOUCHED:
        return rule
    act = {
        "non-aggression": "refrain from force, settle by peaceful means",
        "sphere": "keep out of the other's sphere",
    }.get(rule.restraint, f"observe {rule.restraint}")
    duty = Duty(index=0, who=("all parties",), owes="victim", act=act, means="as-listed")
    return replace(rule, duties=(duty,))


def restrained(rule: Rule, ground: Ground, act: Act) -> tuple[tuple[str, str], ...]:
    """Return who owes restraint to whom in one act: (debtor, creditor), sorted."""
    binds = ground.everyone if rule.binds is None else ground.everyone & rule.binds
    ends = {end for end in (act.by, act.against) if end is not None and end in ground.bound}
    if rule.restraint == "sphere":
        return tuple((act.by, each) for each in sorted(ground.bound) if act.by and each != act.by)
    if rule.restraint.endswith("neutrality"):
        others = (binds & ground.bound) - {act.by, act.against}
        return tuple((each, end) for each in sorted(others) for end in sorted(ends))
    if len(ends) < 2:
        return ()
    one, other = sorted(ends)
    return tuple(pair for pair in ((one, other), (other, one)) if pair[0] in binds)


def judge_restraint(rule: Rule, ground: Ground, said: Matter) -> Judgement:
    """Ask whether an act is one that a restraint or a dispute clause speaks about."""
    law = cited(g1(rule, ground), rule, said)
    ask: Callable[[Rule, Ground, Act, Matter], Gate] = _between
    if rule.type != DISPUTE:
        if rule.restraint not in _TOUCHED:
            gate = Gate(
                "G4", Answer.NO, f"no act of an incident touches {rule.restraint}", "no-case"
            )
            return _judgement(rule, said, (law, gate), ())
        ask = _touched
    condition = rule.condition or UNCONDITIONAL
    acts = tuple(
        ActJudgement(act, all_of(gate.answer for gate in gates), gates)
        for act in said.facts.acts
        for gates in (
            tuple(
                cited(gate, rule, said, act)
                for gate in (ask(rule, ground, act, said), g5(condition, act, said, ground))
            ),
        )
    )
    kind = cited(_hostile(said), rule, said)
    whole = any_of(each.answer for each in acts)
    deciding = next((each.gates for each in acts if each.answer is whole), ())
    if not acts:
        deciding = (Gate("G3", Answer.NO, "no act is stated", "no-case"),)
    extra = (
        tuple(cited(gate, rule, said) for gate in g8(condition, said))
        if condition.phases or condition.stated
        else ()
    )
    return _judgement(rule, said, (law, *deciding, kind, *extra), acts)


def _judgement(
    rule: Rule, said: Matter, gates: tuple[Gate, ...], acts: tuple[ActJudgement, ...]
) -> Judgement:
    noes = [gate for gate in gates if gate.answer is Answer.NO]
    gaps = [gate for gate in gates if gate.answer is Answer.UNKNOWN]
    outcome = NOT_MET if noes else UNDETERMINED if gaps else MET
    headline = next(iter(noes or gaps), None)
    return Judgement(
        rule=rule,
        outcome=outcome,
        reason=headline.code if headline else "",
        missing=() if noes else tuple(dict.fromkeys(gap for gate in gaps for gap in gate.missing)),
        change=together([*noes, *gaps]) if noes else together(gaps),
        gates=gates,
        acts=acts,
        notes=said.notes,
    )


def _hostile(said: Matter) -> Gate:
    kind = said.found.get("kind", said.facts.kind)
    answer = matches(kind, HOSTILE)
    return Gate(
        "G4",
        answer,
        f"the kind is {kind or 'not stated'}",
        "" if answer is Answer.YES else "kind",
        (Missing("kind", "kind"),) if answer is Answer.UNKNOWN else (),
        () if answer is Answer.YES else ("kind: attack.armed",),
    )


def _between(_rule: Rule, ground: Ground, act: Act, _said: Matter) -> Gate:
    """Ask whether one party acts against another."""
    if act.by is None or act.against is None:
        known = act.by or act.against
        possible = known is None or known in ground.bound
        return Gate(
            "G3",
            Answer.UNKNOWN if possible else Answer.NO,
            "one side of the act is not stated",
            "no-case",
            (Missing("attacker", f"{act.id}.by" if act.by is None else f"{act.id}.against"),)
            if possible
            else (),
        )
    both = act.by in ground.bound and act.against in ground.bound and act.by != act.against
    if both:
        return Gate("G3", Answer.YES, f"{act.by} and {act.against} are both bound")
    return Gate("G3", Answer.NO, "the act is not one between two parties", "no-case")


def _touched(rule: Rule, ground: Ground, act: Act, said: Matter) -> Gate:
    """Ask whether the act is by somebody whom the restraint binds."""
    binds = rule.binds if rule.binds is not None else ground.bound
    if rule.restraint.endswith("neutrality"):
        return _neutral(binds, ground, act)
    if act.by is None:
        return Gate(
            "G3",
            Answer.UNKNOWN,
            "it is not stated whose act it is",
            "no-case",
            (Missing("attacker", f"{act.id}.by"),),
        )
    if act.by not in binds and act.by in ground.undecided_roles and rule.binds is None:
        return Gate(
            "G3",
            Answer.UNKNOWN,
            f"whether {act.by} takes part depends on the severity, which is not stated",
            "no-case",
            (Missing("severity", "severity"),),
        )
    if act.by not in binds or act.by not in ground.everyone:
        return Gate("G3", Answer.NO, f"{act.by} is not bound by this restraint", "no-case")
    if rule.towards and not _meant(rule, ground, act.against):
        if act.against is None:
            return Gate(
                "G3",
                Answer.UNKNOWN,
                "it is not stated against whom",
                "no-case",
                (Missing("victim", f"{act.id}.against"),),
            )
        return Gate("G3", Answer.NO, f"{act.against} is not one whom it protects", "no-case")
    return Gate("G3", Answer.YES, f"{act.by} is bound to restraint{said.by_whom(f'{act.id}.by')}")


def _neutral(binds: frozenset[str], ground: Ground, act: Act) -> Gate:
    """Ask whether a party takes part in an act that others stay out of."""
    sides = sorted(each for each in (act.by, act.against) if each and each in ground.bound)
    others = (binds & ground.everyone) - {act.by, act.against}
    open_ends = [end for end in ("by", "against") if getattr(act, end) is None]
    # An end that nobody stated may be one of those who would stay out.
    if sides and len(others) > len(open_ends):
        return Gate("G3", Answer.YES, f"{' and '.join(sides)} take part in the act")
    if open_ends and others:
        return Gate(
            "G3",
            Answer.UNKNOWN,
            "it is not stated who takes part in the act",
            "no-case",
            tuple(Missing("attacker", f"{act.id}.{end}") for end in open_ends),
        )
    return Gate("G3", Answer.NO, "no party takes part that others stay out of", "no-case")


def _meant(rule: Rule, ground: Ground, against: str | None) -> bool:
    if against is None:
        return False
    if "each other" in rule.towards:
        return rule.restraint == "sphere" or against in ground.bound
    return against in rule.towards
