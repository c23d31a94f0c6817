"""The gates that are asked of each act by itself: G2 the victim, G3 the attacker, G5 the scope.

An incident holds directed acts, not a list of attackers and a list of victims: a party can be
both in one incident, and each edge is judged alone.

Rules that hold everywhere below. Every answer carries a sentence with the facts it rests on
and who stated them. Unknown names each missing fact by its field. An unknown attacker is an
outsider only where the clause asks nothing about it, and then the presumption is said.

Source: obligation semantics of the agreement format, G2, G3, G5 and the points settled.
"""

from __future__ import annotations

from allied.response.ground import Gate, Ground, Missing, first, matches, only, overlap, practice
from allied.response.incident import Act
from allied.response.matter import Matter
from allied.response.moment import Moment, begin
from allied.response.results import Note
from allied.response.rule import Alternative, Condition, Rule
from allied.response.scope import Age, Finding, Scoped, in_one_of
from allied.response.truth import Answer, all_of, any_of


def g2(rule: Rule, condition: Condition, ground: Ground, act: Act, said: Matter) -> Gate:
    """Ask whether the victim of one act is bound (or whether the act needs no victim)."""
    if condition.act_by:
        return _act_by(condition.act_by, act, said)
    victim = act.against
    field = f"{act.id}.against"
    if victim is None:
        return Gate(
            "G2",
            Answer.UNKNOWN,
            "it is not stated who the victim is",
            "victim-not-party",
            (Missing("victim", field),),
            _other_victim(condition, ground, act),
        )
    if victim not in ground.bound and victim in ground.undecided_roles:
        return Gate(
            "G2",
            Answer.UNKNOWN,
            f"whether {victim} takes part depends on the severity, which is not stated",
            "victim-not-party",
            (Missing("severity", "severity"),),
            _other_victim(condition, ground, act),
        )
    if victim not in ground.bound:
        return _not_bound(victim, field, ground, said, _other_victim(condition, ground, act))
    if condition.victim_is and victim not in condition.victim_is:
        return Gate(
            "G2",
            Answer.NO,
            f"{victim} is not among the victims that {rule.ref} names",
            "victim-not-party",
            change=_other_victim(condition, ground, act),
        )
    others = ground.bound - {victim}
    if others and all((other, victim) in ground.suspended for other in others):
        return Gate("G2", Answer.NO, f"what is owed to {victim} is suspended", "suspended-towards")
    return Gate("G2", Answer.YES, f"victim {victim} is bound{said.by_whom(field)}")


def _act_by(allowed: tuple[str, ...], act: Act, said: Matter) -> Gate:
    field = f"{act.id}.by"
    if act.by is None:
        return Gate(
            "G2",
            Answer.UNKNOWN,
            "it is not stated whose act it is",
            "attacker-not-named",
            (Missing("attacker", field),),
            (f"{field}: {allowed[0]}",),
        )
    if act.by in allowed:
        return Gate(
            "G2", Answer.YES, f"the act is {act.by}'s{said.by_whom(field)}; it needs no victim"
        )
    return Gate(
        "G2",
        Answer.NO,
        f"the act is {act.by}'s, who is not named",
        "attacker-not-named",
        change=(f"{field}: {allowed[0]}",),
    )


def _other_victim(condition: Condition, ground: Ground, act: Act) -> tuple[str, ...]:
    """Name a victim that the clause would answer to, other than the author of the act."""
    named = ground.bound & frozenset(condition.victim_is or ground.bound)
    others = named - {act.by}
    if ground.bound and not others:
        return ()
    return (f"{act.id}.against: {first(others)}",)


def _not_bound(
    victim: str, field: str, ground: Ground, said: Matter, change: tuple[str, ...]
) -> Gate:
    legal = ground.legal.get(victim, "")
    who = said.by_whom(field)
    if legal == "signed":
        code, because = "victim-not-yet-ratified", f"{victim} has signed and is not bound yet"
    elif legal in {"former", "expelled"}:
        code, because = "victim-withdrawn", f"{victim} is no longer bound ({legal})"
    elif legal == "suspended":
        code, because = "suspended-towards", f"{victim} is suspended"
    elif legal in {"bound", "leaving"}:
        role = ground.roles.get(victim, "")
        code, because = "victim-not-party", f"{victim} takes part as {role}, not as a member"
    else:
        code, because = "victim-not-party", f"victim {victim} is not bound"
    return Gate("G2", Answer.NO, f"{because}{who}", code, change=change)


def g3(condition: Condition, ground: Ground, act: Act, said: Matter) -> tuple[Gate, ...]:
    """Ask who attacked: outsiders, named ones, with whose support, and the cases."""
    gates = [_attacker(condition, ground, act, said)]
    if condition.supported_by:
        gates.append(_supported(condition.supported_by, act, said))
    if condition.cases:
        gates.append(_cases(condition.cases, act, said))
    return tuple(gates)


def _attacker(condition: Condition, ground: Ground, act: Act, said: Matter) -> Gate:
    if condition.act_by:
        return Gate("G3", Answer.YES, "the clause names whose act it is")
    field = f"{act.id}.by"
    who = said.by_whom(field)
    custom = practice(condition, "attacker")
    if condition.attacker == "named":
        return _named_attacker(condition.attackers, act, field, who + custom)
    if act.by in condition.attackers and act.by != act.against:
        return Gate("G3", Answer.YES, f"attacker {act.by} is named{who}")
    if act.by is None:
        return _unknown_attacker(condition, act, field, custom)
    itself = act.by == act.against
    if act.by in (ground.inside or ground.bound) and (
        condition.attacker != "even-a-party" or itself
    ):
        return Gate(
            "G3",
            Answer.NO,
            f"attacker {act.by} is itself bound{who}{custom}",
            "intra-party",
            change=(f"{field}: an outsider",),
        )
    if act.by in ground.undecided_roles and condition.attacker != "even-a-party":
        return Gate(
            "G3",
            Answer.UNKNOWN,
            f"whether {act.by} takes part depends on the severity, which is not stated",
            "intra-party",
            (Missing("severity", "severity"),),
            (f"{field}: an outsider",),
        )
    if condition.attacker == "even-a-party":
        return Gate("G3", Answer.YES, f"the attacker may be anybody; it is {act.by}{who}")
    return Gate("G3", Answer.YES, f"attacker {act.by} is an outsider{who}{custom}")


def _unknown_attacker(condition: Condition, act: Act, field: str, custom: str) -> Gate:
    if condition.attacker in {"not-a-party", "even-a-party"}:
        if condition.attacker == "even-a-party":
            return Gate("G3", Answer.YES, "the attacker may be anybody")
        return Gate(
            "G3",
            Answer.UNKNOWN,
            f"the attacker is unknown, and must not be a party{custom}",
            "intra-party",
            (Missing("attacker", field),),
            (f"{field}: an outsider",),
        )
    return Gate(
        "G3",
        Answer.YES,
        "the attacker is unknown and presumed to be an outsider",
        notes=(
            Note(
                "rebuttable-presumption",
                f"The attacker of {act.id} is presumed to be an outsider;"
                " should it prove to be a party, the obligations are suspended.",
            ),
        ),
    )


def _named_attacker(allowed: tuple[str, ...], act: Act, field: str, who: str) -> Gate:
    names = ", ".join(allowed)
    others = [name for name in allowed if name != act.against]
    change = (f"{field}: {others[0]}",) if others else ()
    if act.by is None:
        return Gate(
            "G3",
            Answer.UNKNOWN,
            f"the attacker is unknown, and the clause names {names}",
            "attacker-not-named",
            (Missing("attacker", field),),
            change,
        )
    if act.by == act.against:
        return Gate("G3", Answer.NO, f"{act.by} is attacker and victim", "intra-party")
    if act.by in allowed:
        return Gate("G3", Answer.YES, f"attacker {act.by} is named{who}")
    return Gate(
        "G3",
        Answer.NO,
        f"attacker {act.by} is not one of {names}{who}",
        "attacker-not-named",
        change=change,
    )


def _supported(allowed: tuple[str, ...], act: Act, said: Matter) -> Gate:
    field = f"{act.id}.supported_by"
    answer = overlap(act.supported_by, allowed)
    if answer is Answer.YES:
        return Gate("G3", answer, f"the attacker is supported as named{said.by_whom(field)}")
    unknown = answer is Answer.UNKNOWN
    because = "it is not stated who supports" if unknown else "nobody named supports"
    return Gate(
        "G3",
        answer,
        f"{because} the attacker",
        "attacker-not-named",
        (Missing("supported_by", field),) if unknown else (),
        (f"{field}: {allowed[0]}",),
    )


def _cases(cases: tuple[Alternative, ...], act: Act, said: Matter) -> Gate:
    asked = [_case(case, act, said) for case in cases]
    answer = any_of(its for its, _ in asked)
    if answer is Answer.YES:
        number = next(i for i, (its, _) in enumerate(asked, 1) if its is Answer.YES)
        return Gate("G3", answer, f"case {number} of {len(cases)} applies")
    change = _case_change(cases[0], act.id)
    if answer is Answer.NO:
        return Gate(
            "G3", answer, f"none of the {len(cases)} cases applies", "no-case", change=change
        )
    gaps = [gap for its, missing in asked if its is Answer.UNKNOWN for gap in missing]
    return Gate(
        "G3",
        answer,
        f"whether one of the {len(cases)} cases applies is unknown",
        "no-case",
        tuple(dict.fromkeys(gaps)),
        change,
    )


def _case(case: Alternative, act: Act, said: Matter) -> tuple[Answer, tuple[Missing, ...]]:
    kind = said.found.get("kind", said.facts.kind)
    tests: list[tuple[Answer, Missing]] = []
    if case.kinds:
        tests.append((matches(kind, case.kinds), Missing("kind", "kind")))
    for allowed, given, topic, name in (
        (case.victims, only(act.against), "victim", "against"),
        (case.attackers, only(act.by), "attacker", "by"),
        (case.act_by, only(act.by), "attacker", "by"),
        (case.supported_by, act.supported_by, "supported_by", "supported_by"),
        (case.targets, only(act.target), "scope", "target"),
        (case.places, act.places, "scope", "places"),
    ):
        if allowed:
            tests.append((overlap(given, allowed), Missing(topic, f"{act.id}.{name}")))
    missing = tuple(gap for answer, gap in tests if answer is Answer.UNKNOWN)
    return all_of(answer for answer, _ in tests), missing


def _case_change(case: Alternative, act: str) -> tuple[str, ...]:
    parts = [
        f"{act}.{name}: {values[0]}"
        for name, values in (
            ("against", case.victims),
            ("by", case.attackers or case.act_by),
            ("supported_by", case.supported_by),
            ("target", case.targets),
            ("places", case.places),
        )
        if values
    ]
    return (" and ".join(parts),) if parts else ()


def ages_of(ground: Ground, said: Matter) -> dict[str, Age]:
    """Say of each system that was added whether that was after the entry into force."""
    return {
        each.system: Age(
            None if each.at is None or ground.since is None else _after(each.at, ground),
            each.below or "",
        )
        for each in said.facts.systems_added or ()
    }


def _after(at: Moment, ground: Ground) -> bool:
    return ground.since is not None and begin(at, ground.zone) > ground.since


def g5(condition: Condition, act: Act, said: Matter, ground: Ground) -> Gate:
    """Ask whether one act lies in the scope and hits a target that counts."""
    if not condition.areas and not condition.against:
        return Gate("G5", Answer.YES, "the clause has no limits of place or target")
    verdict = said.found.get("scope")
    if condition.areas and verdict is not None:
        answer = Answer.of(verdict == "yes")
        ruled = Finding(answer, f"the scope was decided{said.by_whom('scope')}", "scope", "yes")
        scoped = Scoped(answer, (ruled,), () if answer is Answer.YES else ((ruled,),))
    else:
        scoped = in_one_of(condition.areas, act, ages_of(ground, said))
    if condition.against:
        scoped = _against(condition.against, scoped, act)
    if scoped.answer is Answer.YES:
        because = "; ".join(dict.fromkeys(each.because for each in scoped.deciding))
        return Gate("G5", Answer.YES, because or "inside the scope")
    missing = [Missing("scope", each.lacks or _named(each, act)) for each in scoped.deciding]
    return Gate(
        "G5",
        scoped.answer,
        "; ".join(dict.fromkeys(each.because for each in scoped.deciding)),
        "out-of-scope",
        tuple(dict.fromkeys(missing)) if scoped.answer is Answer.UNKNOWN else (),
        tuple(
            dict.fromkeys(
                " and ".join(f"{_named(each, act)}: {each.wanted}" for each in way)
                for way in scoped.ways
            )
        ),
    )


def _against(targets: tuple[str, ...], scoped: Scoped, act: Act) -> Scoped:
    """Ask for the target besides; both have to hold."""
    answer = overlap(only(act.target), targets)
    stated = f"target {act.target}" if act.target else "the target is not stated, and it"
    verb = "counts" if answer is Answer.YES else "has to be " + " or ".join(targets)
    extra = Finding(answer, f"{stated} {verb}", "target", targets[0])
    both = all_of((scoped.answer, answer))
    asked = (*scoped.deciding, extra)
    ways = scoped.ways or ((),)
    if answer is not Answer.YES:
        ways = tuple((*way, extra) for way in ways)
    return Scoped(both, tuple(each for each in asked if each.answer is both), ways)


def _named(test: Finding, act: Act) -> str:
    return "finding.scope" if test.field == "scope" else f"{act.id}.{test.field}"
