"""What the gates of one clause add up to: met, open, provisional, undetermined or not met.

G1 to G8 ask for facts, G9 and G10 for a call and a decision, G11 for an end. G2, G3 and G5
are asked of each act and joined by *or*; the rest is asked once.

Rules that hold everywhere below. Any no, a late or wrong call and a rejected decision give
*not met*. Else anything unknown among the facts gives *undetermined*; or *provisional*, once
somebody entitled called in time and the clause tolerates every gap. Facts that are all yes,
but not called or decided yet, are *open*. Only yes throughout is *met*. The headline is the
first no in the order of the gates, else the first unknown, else what is awaited.

Source: obligation semantics of the agreement format, "Points settled" 1 and 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from allied.response.act_gates import g2, g3, g5
from allied.response.citing import cited
from allied.response.gates import g1, g4, g6, g7, g8, g9, g10, g11, provoked_before
from allied.response.ground import Gate, Ground, Missing
from allied.response.incident import Act
from allied.response.matter import Matter
from allied.response.moment import begin, later
from allied.response.results import (
    MET,
    NOT_MET,
    OPEN,
    PROVISIONAL,
    UNDETERMINED,
    ActResult,
    Note,
    Result,
)
from allied.response.rule import AID, Condition, Rule
from allied.response.truth import Answer, all_of, any_of

_TOPICS: Mapping[str, frozenset[str]] = {
    "kind": frozenset({"kind", "incident", "may_be_found_to_be"}),
    "scope": frozenset({"scope", "against"}),
    "victim": frozenset({"victim_is", "victims"}),
    "attacker": frozenset({"attacker", "attackers", "act_by"}),
    "supported_by": frozenset({"supported_by", "cases"}),
    "severity": frozenset({"severity", "aggregate"}),
    "attribution": frozenset({"attribution"}),
    "unprovoked": frozenset({"unprovoked"}),
    "capacity": frozenset({"capacity"}),
    "phase": frozenset({"phase"}),
    "requested_by_victim": frozenset({"requested_by_victim"}),
}


@dataclass(frozen=True, slots=True)
class ActJudgement:
    """One act with its gates."""

    act: Act
    answer: Answer
    gates: tuple[Gate, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one clause says about one incident, before anybody owes anything.

    Attributes:
        gates: of the incident and of the act that decides, in order.
        acts: every act with its own gates.
    """

    rule: Rule
    outcome: str
    reason: str
    missing: tuple[Missing, ...]
    change: tuple[str, ...]
    gates: tuple[Gate, ...]
    acts: tuple[ActJudgement, ...]
    notes: tuple[Note, ...] = ()

    @property
    def met(self) -> tuple[Act, ...]:
        """The acts that the clause answers to."""
        return tuple(each.act for each in self.acts if each.answer is Answer.YES)

    @property
    def possible(self) -> tuple[Act, ...]:
        """The acts that the clause answers to, or may yet."""
        return tuple(each.act for each in self.acts if each.answer is not Answer.NO)

    def result(self, incident: str) -> Result:
        """Write it for a reader."""
        rule = self.rule
        lines = {
            id(gate): gate.line(rule)
            for gate in (*self.gates, *(gate for each in self.acts for gate in each.gates))
        }
        notes = [*self.notes, *(note for gate in self.gates for note in gate.notes)]
        return Result(
            incident=incident,
            agreement=rule.agreement,
            art=rule.art,
            type=rule.type,
            outcome=self.outcome,
            reason=self.reason,
            missing=tuple(dict.fromkeys(gap.field for gap in self.missing)),
            would_change_if=self.change,
            acts=tuple(
                ActResult(each.act.id, each.answer.value, tuple(lines[id(g)] for g in each.gates))
                for each in self.acts
            ),
            notes=tuple(dict.fromkeys(notes)),
            explanation=tuple(lines[id(gate)] for gate in self.gates),
        )


def judge(rule: Rule, ground: Ground, said: Matter, kinds: Mapping[str, str]) -> Judgement:
    """Ask every gate of a collective response, a consultation or an offer of aid.

    Args:
        kinds: of every party that any loaded agreement names: "state", "company" ...

    Cost: linear in the acts, times the alternatives and scopes of the clause.
    """
    condition = rule.condition
    acts = _acts(rule, condition, ground, said) if condition is not None else ()
    deciding, whole = _deciding(acts)
    if condition is not None and not acts and _needs_act(rule, condition):
        deciding, whole = (_NO_ACT,), Answer.UNKNOWN
    facts = [_law(rule, ground, said)]
    if condition is not None and rule.type != AID:
        facts += [
            g4(condition, said),
            *g6(condition, said, tuple(each.act for each in acts), ground.bound),
            g7(condition, said, kinds),
            *g8(condition, said),
        ]
    victims = frozenset(
        each.act.against
        for each in acts
        if each.act.against is not None and each.answer is not Answer.NO
    )
    unnamed = tuple(
        f"{each.act.id}.against"
        for each in acts
        if each.act.against is None and each.answer is not Answer.NO
    )
    called = g9(rule, ground, said, victims, unnamed)
    if condition is not None and condition.requested_by_victim:
        facts.append(_requested(rule, said, victims))
    facts = [*(cited(gate, rule, said) for gate in facts), *deciding]
    facts.sort(key=_number)
    rest = (cited(gate, rule, said) for gate in (called, g10(rule, said), g11(said)))
    gates = (*facts, *rest)
    judged = _add_up(rule, said, gates, acts, whole)
    if condition is not None and judged.outcome == MET and not condition.unprovoked:
        return _with_provocation(judged, said)
    return judged


def _acts(
    rule: Rule, condition: Condition, ground: Ground, said: Matter
) -> tuple[ActJudgement, ...]:
    judged = []
    for act in said.facts.acts:
        scope = g5(condition, act, said, ground)
        gates = (
            (scope,)
            if rule.type == AID
            else (
                g2(rule, condition, ground, act, said),
                *g3(condition, ground, act, said),
                scope,
            )
        )
        gates = tuple(cited(gate, rule, said, act) for gate in gates)
        judged.append(ActJudgement(act, all_of(gate.answer for gate in gates), gates))
    return tuple(judged)


def _needs_act(rule: Rule, condition: Condition) -> bool:
    return rule.type != AID or bool(condition.areas)


_NO_ACT = Gate(
    "G2",
    Answer.UNKNOWN,
    "no act is stated: neither by whom nor against whom",
    "victim-not-party",
    (Missing("victim", "acts"),),
    ("acts: one with its victim",),
)


def _deciding(acts: Iterable[ActJudgement]) -> tuple[tuple[Gate, ...], Answer]:
    """Choose whose gates speak for all acts: a yes; else what is unknown; else the nearest no.

    The choice does not depend on the order in which the acts are given.
    """
    acts = tuple(acts)
    if not acts:
        return (), Answer.YES
    whole = any_of(each.answer for each in acts)
    same = [each for each in acts if each.answer is whole]
    if whole is Answer.UNKNOWN:
        gates = [gate for each in same for gate in each.gates if gate.answer is Answer.UNKNOWN]
        return tuple(dict.fromkeys(gates)), whole
    if whole is Answer.YES:
        return min(same, key=lambda each: each.act.id).gates, whole

    def nearness(each: ActJudgement) -> tuple[int, str, str]:
        place, gate = next((i, g) for i, g in enumerate(each.gates) if g.answer is Answer.NO)
        return -_number(gate) * 10 - place, gate.code, each.act.id

    return min(same, key=nearness).gates, whole


def _number(gate: Gate) -> int:
    return int(gate.gate[1:])


def _law(rule: Rule, ground: Ground, said: Matter) -> Gate:
    gate = g1(rule, ground)
    if gate.answer is Answer.YES and said.law_unknown:
        return Gate(
            "G1",
            Answer.UNKNOWN,
            "it is not stated when it occurred, so the law of which day holds is unknown",
            "not-in-force",
            (Missing("kind", "occurred_at"),),
            ("occurred_at: a day",),
        )
    return gate


def _requested(rule: Rule, said: Matter, victims: frozenset[str]) -> Gate:
    """Ask whether the victim asked: by calling, or because somebody states that it did."""
    if said.facts.requested_by_victim or any(
        call.by in victims for call in said.calls.get(rule.art, ())
    ):
        return Gate("G8", Answer.YES, "the victim asked for it")
    answer = Answer.of(said.facts.requested_by_victim)
    return Gate(
        "G8",
        answer,
        "the victim did not ask for it" if answer is Answer.NO else "nobody states that it asked",
        "not-invoked",
        (Missing("requested_by_victim", "requested_by_victim"),)
        if answer is Answer.UNKNOWN
        else (),
        ("requested_by_victim: yes",),
    )


def _add_up(
    rule: Rule,
    said: Matter,
    gates: tuple[Gate, ...],
    acts: tuple[ActJudgement, ...],
    whole: Answer,
) -> Judgement:
    # One act is enough: what is unknown or no about the others does not count against it.
    counted = [
        gate for gate in gates if whole is not Answer.YES or gate.gate not in {"G2", "G3", "G5"}
    ]
    noes = [gate for gate in counted if gate.answer is Answer.NO]
    gaps = [gate for gate in counted if gate.answer is Answer.UNKNOWN and not gate.awaited]
    awaited = [gate for gate in counted if gate.awaited]
    missing = tuple(dict.fromkeys(gap for gate in gaps for gap in gate.missing))
    notes: tuple[Note, ...] = ()
    if noes:
        outcome, reason, change = NOT_MET, noes[0].code, together([*noes, *gaps])
        missing = ()
    elif gaps:
        outcome, notes = _undetermined(rule, said, missing, gates)
        reason, change = gaps[0].code, together(gaps)
    elif awaited:
        outcome, reason, change = OPEN, awaited[0].code, together(awaited)
    else:
        outcome, reason, change = MET, "", ()
    return Judgement(rule, outcome, reason, missing, change, gates, acts, (*notes, *said.notes))


def together(gates: Iterable[Gate]) -> tuple[str, ...]:
    """Join what has to change: alternatives of one gate, or the first of each of several.

    Nothing where one of `gates` cannot be changed by any fact.
    """
    changes = [gate.change for gate in gates]
    if not changes or not all(changes):
        return ()  # something here cannot be changed by any fact
    if len(changes) == 1:
        return changes[0]
    return (" and ".join(dict.fromkeys(change[0] for change in changes)),)


def _undetermined(
    rule: Rule, said: Matter, missing: tuple[Missing, ...], gates: tuple[Gate, ...]
) -> tuple[str, tuple[Note, ...]]:
    """Decide between undetermined and provisional."""
    provisional = rule.provisional
    calls = said.calls.get(rule.art, ())
    called = any(gate.gate == "G9" and gate.answer is Answer.YES for gate in gates) and calls
    tolerated = provisional is not None and all(
        _TOPICS.get(gap.topic, frozenset()) & provisional.pending for gap in missing
    )
    if provisional is None or not called or not tolerated:
        return UNDETERMINED, ()
    lapses = later(begin(calls[0].at, said.zone), provisional.lapses_after, said.zone)
    if lapses is not None and said.at >= lapses:
        return UNDETERMINED, (
            Note("provisional-lapsed", "The provisional invocation has lapsed; it is open again."),
        )
    return PROVISIONAL, (
        Note("provisional", "Invoked while facts are missing; only the duties meanwhile run."),
    )


def _with_provocation(judged: Judgement, said: Matter) -> Judgement:
    """Warn where roles may be inverted; the clause is silent on it, so the outcome stays."""
    earlier = provoked_before(said)
    contested = said.facts.unprovoked in {"no", "contested"}
    if not earlier and not contested:
        return judged
    because = f": {earlier}" if earlier else ""
    note = Note(
        "contested-provocation",
        f"Whether it was provoked is contested{because}; the clause does not ask.",
    )
    return Judgement(
        judged.rule,
        judged.outcome,
        judged.reason,
        judged.missing,
        judged.change,
        judged.gates,
        judged.acts,
        (*judged.notes, note),
    )
