"""An incident with only the facts that an explanation cites, or with one thing changed.

Both read nothing but the names that explanations use: `act-1.by`, `finding.kind: attack.armed`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from allied.agreement.events import CLEARED, RATIFIED, SIGNED, Event
from allied.agreement.terms import Agreement
from allied.agreement.values import Confidence, Severity, Table
from allied.response.incident import (
    Act,
    Attribution,
    Decision,
    Facts,
    Finding,
    Incident,
    Invocation,
)
from allied.response.rescue import Rescue
from allied.response.results import Result

OUTSIDER = "somebody-else"
_LISTS = {"places", "systems", "sectors", "supported_by"}


def names_of(result: Result) -> frozenset[str]:
    """Every fact that a result cites."""
    lines = [*result.explanation, *(line for act in result.acts for line in act.gates)]
    return frozenset(name for line in lines for name in line.facts)


def only_cited(incident: Incident, agreement: str, art: str, names: Collection[str]) -> Incident:
    """The incident with nothing in it but the facts of those names."""

    def kept(act: Act) -> Act:
        gone = {
            each.name: None
            for each in fields(act)
            if each.name not in {"id", "count"} and f"{act.id}.{each.name}" not in names
        }
        return replace(act, **gone)  # type: ignore[arg-type]

    versions = []
    for version in incident.versions:
        its = version.facts
        attribution = its.attribution
        if attribution is not None:
            attribution = Attribution(
                origin=attribution.origin if "attribution.from" in names else None,
                to=attribution.to if "attribution.to" in names else None,
                confidence=attribution.confidence if "attribution.confidence" in names else None,
            )
        gone = {
            each.name: None
            for each in fields(Facts)
            if each.name not in {"acts", "attribution", "rescues"} and each.name not in names
        }
        facts = replace(
            its,
            attribution=attribution,
            acts=tuple(map(kept, its.acts)),
            rescues=tuple(_kept(rescue, names) for rescue in its.rescues),
            **gone,
        )
        versions.append(replace(version, facts=facts))
    return replace(
        incident,
        campaign=incident.campaign if "campaign" in names else None,
        versions=tuple(versions),
        findings=tuple(
            each
            for each in incident.findings
            if each.agreement == agreement and f"finding.{each.field}" in names
        ),
        invocations=tuple(
            each
            for each in incident.invocations
            if (each.agreement, each.art) == (agreement, art) and "invocation" in names
        ),
        decisions=tuple(
            each
            for each in incident.decisions
            if (each.agreement, each.art) == (agreement, art) and "decision" in names
        ),
    )


def _kept(rescue: Rescue, names: Collection[str]) -> Rescue:
    gone = {
        each.name: None
        for each in fields(rescue)
        if each.name != "id"
        and f"{rescue.id}.{'for' if each.name == 'owner' else each.name}" not in names
    }
    return replace(rescue, **gone)  # type: ignore[arg-type]


def changed(
    incident: Incident, text: Agreement, art: str, way: str, party: str = ""
) -> tuple[Incident, tuple[Event, ...]]:
    """The incident after everything that one entry of `would_change_if` asks for.

    Args:
        party: who is taken for "a bound party"; without, the first of the members.
    """
    party = party or min(text.members or text.party_ids)
    events: tuple[Event, ...] = ()
    # Who calls as a victim can be said only once there is one.
    for part in sorted(way.split(" and "), key=lambda each: each.startswith("invocation")):
        name, _, value = part.partition(": ")
        if value == "in force":
            events += _in_force(text)
        elif value == "cleared":
            art = name.rpartition(" ")[2]
            at = datetime(2026, 5, 31, tzinfo=UTC)
            events += (Event(text.id, CLEARED, None, at, art=art),)
        else:
            incident = _changed(incident, text, art, name, value, party)
    return incident, events


def _in_force(text: Agreement) -> tuple[Event, ...]:
    at = datetime(1800, 1, 1, tzinfo=UTC)
    return tuple(
        Event(text.id, what, party.id, at) for party in text.parties for what in (SIGNED, RATIFIED)
    )


def _changed(
    incident: Incident, text: Agreement, art: str, name: str, value: str, party: str
) -> Incident:
    start, _, field = name.rpartition(".")
    (version,) = incident.versions
    facts = version.facts
    last = datetime(2026, 5, 31, tzinfo=UTC)
    if name.startswith("finding."):
        body = next(iter(text.bodies))
        finding = Finding(
            agreement=text.id, field=name.removeprefix("finding."), value=value, by=body, at=last
        )
        return replace(incident, findings=(*incident.findings, finding))
    if name == "invocation":
        number, _, callers = value.partition(" by ")
        return replace(
            incident,
            invocations=(
                *incident.invocations,
                *(
                    Invocation(agreement=text.id, art=number, by=by, at=version.known_at)
                    for by in _callers(callers.split(" or ")[0], facts.acts, text)
                ),
            ),
        )
    if name == "decision":
        decision = Decision(agreement=text.id, art=art, outcome="adopted", at=last)
        others = [
            each for each in incident.decisions if (each.agreement, each.art) != (text.id, art)
        ]
        return replace(incident, decisions=(*others, decision))
    rescue = next((each for each in facts.rescues if name.startswith(f"{each.id}.")), None)
    condition = name.partition("conditions.")[2]
    if name == "rescues":
        owner = value.removeprefix("one for ")
        facts = replace(facts, rescues=(Rescue(id="another", owner=owner),))
    elif rescue is not None:
        now = _rescued(rescue, name.removeprefix(f"{rescue.id}."), value, party)
        rescues = tuple(now if each.id == now.id else each for each in facts.rescues)
        facts = replace(facts, rescues=rescues)
    elif condition:
        facts = replace(facts, conditions=Table({**(facts.conditions or {}), condition: True}))
    elif name == "acts":
        facts = replace(facts, acts=facts.acts or (Act(id="act-1", against=party),))
    elif name in {"victims", "attackers"}:
        facts = replace(
            facts, acts=_more(facts.acts, text, name, int(value.rpartition(" ")[2]), party)
        )
    elif start == "attribution":
        facts = replace(facts, attribution=_attributed(facts.attribution, field, value))
    elif start:
        facts = replace(
            facts,
            acts=tuple(
                replace(act, **{field: _value(field, value, party)}) if act.id == start else act
                for act in facts.acts
            ),
        )
    else:
        facts = replace(facts, **{name: _value(name, value, party)})
    return replace(incident, versions=(replace(version, facts=facts),))


def _rescued(rescue: Rescue, field: str, value: str, party: str) -> Rescue:
    condition = field.partition("conditions.")[2]
    if condition:
        return replace(rescue, conditions=Table({**(rescue.conditions or {}), condition: True}))
    given: Any = date(2026, 5, 2) if value == "a day" else _value(field, value, party)
    now: dict[str, Any] = {"owner" if field == "for" else field: given}
    return replace(rescue, **now)


def _callers(word: str, acts: Iterable[Act], text: Agreement) -> Iterable[str]:
    if word == "victim":
        return sorted({act.against for act in acts if act.against in text.party_ids})
    if word == "body":
        return list(text.bodies)
    return text.members if word == "any-member" else [word]


def _more(
    acts: tuple[Act, ...], text: Agreement, what: str, count: int, party: str
) -> tuple[Act, ...]:
    first = replace(acts[0] if acts else Act(id="act-1"), against=party)
    names = text.members if what == "victims" else [f"attacker-{n}" for n in range(count)]
    field = "against" if what == "victims" else "by"
    others = [
        replace(first, id=f"more-{n}", **{field: name})  # type: ignore[arg-type]
        for n, name in enumerate(names[:count])
    ]
    return (*acts, *(replace(act, by=None) if act.by == act.against else act for act in others))


def _attributed(before: Attribution | None, field: str, value: str) -> Attribution:
    was = before or Attribution()
    if field == "from":
        return replace(was, origin=value)
    if field == "to":
        return replace(was, to=OUTSIDER)
    return replace(was, confidence=Confidence.parse(value))


def _value(field: str, value: str, party: str) -> Any:
    if value == "an outsider":
        return OUTSIDER
    if value == "a bound party":
        return party
    if field == "latitude":
        number = re.search(r"north of ([0-9.]+) ([NS])", value)
        assert number
        return Decimal(number[1]) * (-1 if number[2] == "S" else 1) + 1
    if field in _LISTS:
        return (value,)
    if field == "severity":
        return Severity.parse(value)
    if field == "occurred_at":
        return date(2026, 5, 1) if value == "a day" else date.fromisoformat(value)
    return value == "yes" if field in {"requested_by_victim", "ended"} else value
