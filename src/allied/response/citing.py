"""Which facts the answer of a gate rests on, by their names in an incident file.

An explanation is sound if nothing but what it cites is needed to come to the same answer: the
cited facts, the cited clause, and who is bound. This says for each gate what it looks at.

Words used here:
    fact name   `kind`, `act-1.by`, `attribution.from`; `finding.kind` where a body fixed it;
                `invocation`, `decision`, `known_at`, `occurred_at`; `campaign`, and
                `<incident>.severity` for another incident of the campaign

Rules that hold everywhere below. What is not stated is not cited; the gate names it as missing
instead. A gate may look at more than what settled its answer; it never looks at less.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from allied.response.ground import Gate
from allied.response.incident import Act
from allied.response.matter import Matter
from allied.response.rule import (
    AID,
    CONSULTATION,
    DISPUTE,
    RESTRAINT,
    UNCONDITIONAL,
    Condition,
    Rule,
)

_EDGE = ("by", "against")


def cited(gate: Gate, rule: Rule, said: Matter, act: Act | None = None) -> Gate:
    """Give a gate the names of the facts that it looks at.

    Args:
        act: of G2, G3 and G5, which are asked of each act by itself.

    Cost: linear in the acts and in the campaign, for the few gates that count them.
    """
    condition = rule.condition or UNCONDITIONAL
    names = (
        _of_incident(gate.gate, rule, condition, said)
        if act is None
        else _of_act(gate.gate, rule, condition, said, act)
    )
    facts = tuple(dict.fromkeys((*gate.facts, *names)))
    return gate if facts == gate.facts else Gate(*gate[:-1], facts)


def edges(acts: Iterable[Act], fields: Iterable[str] = _EDGE) -> Iterator[str]:
    """Yield the names of the fields of `acts` that somebody stated."""
    for act in acts:
        for field in fields:
            if getattr(act, field) is not None:
                yield f"{act.id}.{field}"


def _of_act(gate: str, rule: Rule, condition: Condition, said: Matter, act: Act) -> Iterator[str]:
    match gate:
        case "G2":
            yield from edges((act,), ("by",) if condition.act_by else ("against",))
        case "G3":
            yield from edges((act,))
            if rule.type in {RESTRAINT, DISPUTE}:
                return
            if condition.supported_by or any(case.supported_by for case in condition.cases):
                yield from edges((act,), ("supported_by",))
            if any(case.kinds for case in condition.cases):
                yield from _fact("kind", said)
            yield from edges((act,), [n for c in condition.cases for n in _placed(c)])
        case "G5":
            if condition.areas and "scope" in said.found:
                yield "finding.scope"
            for area in condition.areas:
                yield from edges(
                    (act,),
                    [
                        name
                        for name, asked in (
                            ("target", area.targets),
                            ("places", area.places),
                            ("latitude", area.north_of_latitude is not None),
                            ("systems", area.systems),
                            ("sectors", area.sectors),
                        )
                        if asked
                    ],
                )
            if any(area.systems for area in condition.areas):
                yield from _fact("systems_added", said)
            if condition.against:
                yield from edges((act,), ("target",))


def _placed(case: object) -> list[str]:
    return [
        name
        for name, wanted in (("target", "targets"), ("places", "places"))
        if getattr(case, wanted)
    ]


def _of_incident(gate: str, rule: Rule, condition: Condition, said: Matter) -> Iterator[str]:
    match gate:
        case "G1":
            yield from _fact("occurred_at", said)
            if rule.by_impact:
                yield from _fact("severity", said)
        case "G4":
            yield from _fact("kind", said)
        case "G6":
            yield from _of_size(condition, said)
        case "G7":
            if condition.attribution != "not-needed":
                for name in ("from", "to", "confidence"):
                    yield from _fact(f"attribution.{name}", said)
        case "G8":
            yield from _of_circumstance(rule, condition, said)
        case "G9" | "G10":
            yield from _of_people(gate, rule, said)
        case "G11":
            yield from _fact("ended", said)


def _of_size(condition: Condition, said: Matter) -> Iterator[str]:
    if condition.severity is not None:
        yield from _fact("severity", said)
    if condition.aggregate is not None:
        yield from _fact("occurred_at", said)
        yield from _campaign(said, ("severity", "occurred_at"), condition.aggregate.of_any)
    if condition.victims_at_least or condition.attackers_at_least:
        yield from edges(said.facts.acts)


def _of_circumstance(rule: Rule, condition: Condition, said: Matter) -> Iterator[str]:
    if condition.capacity:
        yield from _fact("capacity", said)
    if condition.phases:
        yield from _fact("phase", said)
    if condition.requested_by_victim:
        yield from _fact("requested_by_victim", said)
        yield from _calls(rule, said)
        yield from edges(said.facts.acts, ("against",))
    if condition.unprovoked:
        yield from _fact("unprovoked", said)
        yield from edges(said.facts.acts, (*_EDGE, "in_response_to"))
        yield from _fact("occurred_at", said)
        yield from _campaign(said, ("occurred_at", "acts"))


def _of_people(gate: str, rule: Rule, said: Matter) -> Iterator[str]:
    if gate == "G10":
        decided = rule.decided_by and rule.art in said.decisions
        if decided or (rule.type == CONSULTATION and rule.art in said.outcomes):
            yield "decision"
        elif rule.interim and rule.interim_on_request:
            yield from _fact("requested_by_victim", said)
            yield from _calls(rule, said)
            yield from edges(said.facts.acts, ("against",))
        return
    if rule.callers:
        yield from _calls(rule, said)
        if rule.window is not None:
            yield "known_at"
        if "victim" in rule.callers and rule.type != AID:
            yield from edges(said.facts.acts, ("against",))


def _fact(name: str, said: Matter) -> Iterator[str]:
    if name in said.found:
        yield f"finding.{name}"
    elif name in said.stated:
        yield name


def _calls(rule: Rule, said: Matter) -> Iterator[str]:
    if rule.art in said.calls:
        yield "invocation"


def _campaign(said: Matter, fields: Iterable[str], of_any: bool = False) -> Iterator[str]:
    if said.siblings and not of_any:
        yield "campaign"
    for sibling in said.others if of_any else said.siblings:
        for field in fields:
            if getattr(sibling.facts, field):
                yield f"{sibling.id}.{field}"
