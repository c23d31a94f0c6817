"""One incident as one agreement sees it on one day: facts, findings, calls and decisions.

The gates ask this and nothing else about an incident. What was asserted later than the day,
or found, called or decided for another agreement, is not in here.

Words used here:
    finding    a fact fixed by a body of this agreement; it replaces what was asserted
    call       an invocation of a clause
    sibling    another incident of the same campaign

Rules that hold everywhere below. A finding counts only if a body of the agreement made it;
any other has no effect and is named in a note. Of several on one field the latest counts.
Calls keep their order by time, then by who made them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from allied.agreement.values import Confidence, Severity
from allied.response.incident import (
    Attribution,
    Decision,
    Facts,
    Finding,
    Incident,
    Invocation,
    Known,
    known,
)
from allied.response.moment import Moment, begin, end, moment_text
from allied.response.results import Note


@dataclass(frozen=True, slots=True)
class Sibling:
    """Another incident of the campaign: its facts, and when it occurred."""

    id: str
    facts: Facts
    occurred: datetime | None


@dataclass(frozen=True, slots=True)
class Matter:
    """What one agreement knows of one incident on one day.

    Attributes:
        incident: the id of the incident.
        facts: merged up to the day, findings applied.
        stated: who stated each field: "GBR on 1982-04-02", "found by council on ...".
        found: what a body of the agreement fixed, by field.
        known_at: when the first version became known, as an instant.
        changed_at: when the last version or finding that is used became known.
        occurred: when it occurred, at the beginning of a day; None if nobody stated it.
        zone: the agreement's time zone.
        at: the end of the day of knowledge.
        others: every other incident that was known by then; filled only where a clause asks.
        outcomes: what came out of the article's body last, also a mere statement.
        law_given: the caller named the day of the law.
    """

    incident: str
    facts: Facts
    stated: Mapping[str, str]
    found: Mapping[str, str]
    known_at: datetime | None
    changed_at: datetime | None
    occurred: datetime | None
    calls: Mapping[str, tuple[Invocation, ...]]
    decisions: Mapping[str, Decision]
    siblings: tuple[Sibling, ...]
    notes: tuple[Note, ...]
    zone: str
    at: datetime
    outcomes: Mapping[str, Decision]
    law_given: bool = False
    others: tuple[Sibling, ...] = ()

    @property
    def law_unknown(self) -> bool:
        """Whether nobody said when it occurred, and the caller named no day of the law."""
        return self.occurred is None and not self.law_given

    def settled_by(self, field: str) -> str:
        """Name what would have to be stated anew: the finding, where a body fixed the field."""
        return f"finding.{field}" if field in self.found else field

    def by_whom(self, field: str) -> str:
        """Return who stated a field, in brackets, or nothing."""
        who = self.stated.get(field)
        return f" ({who})" if who else ""


def matter(
    incident: Incident,
    siblings: Iterable[Incident],
    agreement: str,
    bodies: Collection[str],
    zone: str,
    at: Moment,
    so_far: Known | None = None,
    *,
    law_given: bool = False,
    others: Iterable[Incident] = (),
) -> Matter:
    """Look at `incident` as `agreement` does at the end of `at`.

    Args:
        siblings: the other incidents of the campaign; `incident` among them is passed over.
        bodies: the names of the agreement's bodies.
        zone: the agreement's time zone.
        so_far: the facts merged by then, where they are at hand.
        law_given: the caller named the day of the law.
        others: all incidents, where a clause counts those of any campaign together.

    Cost: linear in the versions of the incident and of its siblings.
    """
    limit = end(at, zone)
    if so_far is None:
        so_far = known(incident, limit, zone)
    facts, stated = so_far.facts, dict(so_far.stated)
    found: dict[str, str] = {}
    moments = [so_far.last]
    notes: list[Note] = []
    for finding in sorted(
        incident.findings, key=lambda each: (_when(each.at, zone), each.field, str(each.value))
    ):
        if finding.agreement != agreement or begin(finding.at, zone) > limit:
            continue
        if finding.by not in bodies:
            notes.append(
                Note(
                    "finding-not-by-body",
                    f"{finding.by} is no body of {agreement}; its finding on {finding.field}"
                    " has no effect.",
                )
            )
            continue
        for name, value in _parts(finding):
            found[name] = value
            stated[name] = f"found by {finding.by} on {moment_text(finding.at)}"
        moments.append(finding.at)
    for name, value in found.items():
        facts = _found(facts, name, value)
    return Matter(
        incident=incident.id,
        facts=facts,
        stated=stated,
        found=found,
        known_at=begin(so_far.first, zone) if so_far.first is not None else None,
        changed_at=max((begin(each, zone) for each in moments if each is not None), default=None),
        occurred=_occurred(facts, zone),
        calls=_calls(incident, agreement, zone, limit),
        decisions=_decisions(incident, agreement, zone, limit, binding=True),
        outcomes=_decisions(incident, agreement, zone, limit),
        siblings=tuple(
            Sibling(sibling.id, its, _occurred(its, zone))
            for sibling in sorted(siblings, key=lambda each: each.id)
            if sibling.id != incident.id
            for its in (known(sibling, limit, zone).facts,)
        ),
        notes=tuple(dict.fromkeys(notes)),
        zone=zone,
        at=limit,
        law_given=law_given,
        others=tuple(
            Sibling(other.id, its.facts, _occurred(its.facts, zone))
            for other in sorted(others, key=lambda each: each.id)
            if other.id != incident.id
            for its in (known(other, limit, zone),)
            if its.first is not None
        ),
    )


def _when(value: Moment, zone: str) -> datetime:
    return begin(value, zone)


def _occurred(facts: Facts, zone: str) -> datetime | None:
    return None if facts.occurred_at is None else begin(facts.occurred_at, zone)


def _calls(
    incident: Incident, agreement: str, zone: str, limit: datetime
) -> dict[str, tuple[Invocation, ...]]:
    calls: dict[str, tuple[Invocation, ...]] = {}
    for call in sorted(incident.invocations, key=lambda each: (_when(each.at, zone), each.by)):
        if call.agreement == agreement and begin(call.at, zone) <= limit:
            calls[call.art] = (*calls.get(call.art, ()), call)
    return calls


def _decisions(
    incident: Incident, agreement: str, zone: str, limit: datetime, *, binding: bool = False
) -> dict[str, Decision]:
    """Return the last outcome on each article; a statement decides nothing."""
    decided: dict[str, Decision] = {}
    for decision in sorted(
        incident.decisions, key=lambda each: (_when(each.at, zone), each.outcome)
    ):
        if binding and decision.outcome == "statement":
            continue
        if decision.agreement == agreement and begin(decision.at, zone) <= limit:
            decided[decision.art] = decision
    return decided


def _parts(finding: Finding) -> tuple[tuple[str, str], ...]:
    """Split a finding on the whole attribution into its fields."""
    if isinstance(finding.value, Attribution):
        parts = {
            "from": finding.value.origin,
            "to": finding.value.to,
            "confidence": finding.value.confidence,
        }
        return tuple(
            (f"attribution.{name}", str(value))
            for name, value in parts.items()
            if value is not None
        )
    if finding.field == "attribution":
        return (("attribution.from", finding.value.removeprefix("from-")),)
    return ((finding.field, finding.value),)


def _found(facts: Facts, name: str, value: str) -> Facts:
    """Put a finding in the place of what was asserted."""
    if name.startswith("attribution."):
        was = facts.attribution or Attribution()
        if name == "attribution.from":
            was = replace(was, origin=value)
        elif name == "attribution.to":
            was = replace(was, to=value)
        else:
            was = replace(was, confidence=Confidence.parse(value))
        return replace(facts, attribution=was)
    match name:
        case "severity":
            return replace(facts, severity=Severity.parse(value))
        case "ended":
            return replace(facts, ended=value == "yes")
        case "phase":
            return replace(facts, phase=value)
        case "unprovoked":
            return replace(facts, unprovoked=value)
        case "capacity":
            return replace(facts, capacity=value)
        case _:  # kind and scope are asked for by their gates
            return facts
