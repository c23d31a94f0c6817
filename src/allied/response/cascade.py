"""What might follow if everybody did what it must: a what-if that labels itself.

Obligations never chain by themselves: an ally of an ally owes nothing until a new fact
triggers its own instrument. This module supposes such facts. Where a *must* duty consists in
war or mobilisation, its performance is written as a hypothetical incident and held against all
agreements again, until nothing new follows.

Words used here:
    performance    what doing a duty would be as an act: a declaration of war, a mobilisation
    hypothetical   an incident that is supposed and did not happen
    depth          how many suppositions stand one upon the other; what happened has depth 0

Rules that hold everywhere below. What was found without suppositions stays as it is, whole and
first; hypothetical incidents are evaluated beside the real ones and change none of their
results. Only words of the duty itself make its performance an act of war or mobilisation; a
duty whose means are the debtor's own choice supposes nothing. Nobody is supposed to call or to
decide. The same act is supposed once, and not at all where it is a fact. Depth and number are
bounded, and a warning says where it was cut.

Source: obligation semantics of the agreement format, "Chains".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from allied.agreement.standing import Register
from allied.record.canonical import Json
from allied.record.ids import PartyId
from allied.response.conflict import conflicts_among
from allied.response.evaluate import Prepared, evaluate, prepare
from allied.response.incident import Act, Facts, Incident, Version
from allied.response.moment import Moment
from allied.response.results import Evaluation, Note, Obligation

DEPTH_LIMIT: Final = 12
INCIDENT_LIMIT: Final = 200

WAR: Final = "act.war-declaration"
MOBILISATION: Final = "act.mobilisation"

_HOSTILE: Final = ("attack.", "act.war-declaration")
_WAR_WORDS: Final = re.compile(
    r"\b(attack|war|fight|armed[- ]force|(all|whole)\b.*\b(force|forces|strength))\b", re.IGNORECASE
)
_MOBILISE_WORDS: Final = re.compile(r"\bmobili[sz]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Supposed:
    """One performance, supposed.

    Attributes:
        incident: the hypothetical incident.
        depth: at least 1.
        obligation: the key of the obligation whose performance it is.
        text: one sentence.
    """

    incident: Incident
    depth: int
    obligation: str
    text: str


@dataclass(frozen=True, slots=True)
class Cascade:
    """What happened and what might follow.

    Attributes:
        evaluation: everything, what was found without suppositions among it.
        supposed: in the order in which they were supposed.
    """

    evaluation: Evaluation
    supposed: tuple[Supposed, ...]

    def to_json(self) -> dict[str, Json]:
        """The JSON of the evaluation; every entry says its depth, and `hypothetical` lists why."""
        depths = {each.incident.id: each.depth for each in self.supposed}
        shown = {
            name: [{**each.to_json(), "depth": depths.get(each.incident, 0)} for each in entries]
            for name, entries in (
                ("results", self.evaluation.results),
                ("obligations", self.evaluation.obligations),
                ("reports", self.evaluation.reports),
                ("consultations", self.evaluation.consultations),
            )
        }
        shown["hypothetical"] = [
            {
                "incident": each.incident.id,
                "depth": each.depth,
                "obligation": each.obligation,
                "text": each.text,
            }
            for each in self.supposed
        ]
        return {**self.evaluation.to_json(), **shown}


def cascade(
    register: Register | Prepared,
    incidents: Iterable[Incident],
    law_date: Moment | None,
    viewpoint: PartyId | None,
    *,
    at: Moment,
) -> Cascade:
    """Evaluate, suppose that every *must* duty is performed, and evaluate what follows.

    Args: as of `evaluate`.

    Cost: that of `evaluate` for each depth, with all incidents so far.
    """
    prepared = register if isinstance(register, Prepared) else prepare(register)
    real = tuple(incidents)
    found = evaluate(prepared, real, law_date, viewpoint, at=at)
    done = _facts_of(real)
    names = {each.id for each in real}
    supposed: list[Supposed] = []
    new = found.obligations
    cut = False
    for depth in range(1, DEPTH_LIMIT + 2):
        beside = (*real, *(each.incident for each in supposed))
        fresh: list[Supposed] = []
        for obligation in new:
            for act, kind in _performances(obligation, beside):
                if (kind, act.by, act.against) in done:
                    continue
                if depth > DEPTH_LIMIT or len(supposed) + len(fresh) >= INCIDENT_LIMIT:
                    cut = True
                    continue
                done.add((kind, act.by, act.against))
                fresh.append(_suppose(obligation, act, kind, depth, at, beside, names))
        if not fresh:
            break
        supposed += fresh
        beside = (*real, *(each.incident for each in supposed))
        again = evaluate(prepared, beside, law_date, viewpoint, at=at)
        found = _joined(found, again, {each.incident.id for each in fresh})
        new = tuple(
            each
            for each in again.obligations
            if each.incident in {its.incident.id for its in fresh}
        )
    sides = frozenset(
        frozenset({act.by, act.against})
        for incident in (*real, *(each.incident for each in supposed))
        for version in incident.versions
        for act in version.facts.acts
        if act.by and act.against
    )
    across = conflicts_among(found.obligations, sides, prepared.register.agreements)
    found = replace(found, conflicts=tuple(dict.fromkeys((*found.conflicts, *across))))
    if cut:
        note = Note("cascade-cut", "What might follow further is not shown: it was cut here.")
        found = replace(found, warnings=(*found.warnings, note))
    return Cascade(found, tuple(supposed))


def _joined(found: Evaluation, again: Evaluation, fresh: set[str]) -> Evaluation:
    """Add what is about the fresh incidents; nothing that was found before changes."""
    return Evaluation(
        results=(*found.results, *(e for e in again.results if e.incident in fresh)),
        obligations=(*found.obligations, *(e for e in again.obligations if e.incident in fresh)),
        reports=(*found.reports, *(e for e in again.reports if e.incident in fresh)),
        consultations=(
            *found.consultations,
            *(e for e in again.consultations if e.incident in fresh),
        ),
        conflicts=found.conflicts,
        warnings=tuple(dict.fromkeys((*found.warnings, *again.warnings))),
    )


def _facts_of(incidents: Iterable[Incident]) -> set[tuple[str, str | None, str | None]]:
    """Return what need not be supposed, because it is a fact."""
    done: set[tuple[str, str | None, str | None]] = set()
    for incident in incidents:
        kinds = {version.facts.kind for version in incident.versions}
        for act in (act for version in incident.versions for act in version.facts.acts):
            if any(kind and kind.startswith(_HOSTILE) for kind in kinds):
                done.add((WAR, act.by, act.against))
            if MOBILISATION in kinds:
                done.add((MOBILISATION, act.by, None))
    return done


def _performances(
    obligation: Obligation, incidents: Iterable[Incident]
) -> Iterable[tuple[Act, str]]:
    """Yield the acts that doing a duty would be; none for most duties."""
    if obligation.modality != "must" or obligation.state == "suspended":
        return
    if obligation.means == "own-choice" and not obligation.measures:
        words = obligation.act
    else:
        words = " ; ".join((obligation.act, *obligation.measures))
    if _MOBILISE_WORDS.search(words):
        yield Act(id="act-1", by=obligation.debtor), MOBILISATION
    elif _WAR_WORDS.search(words):
        for enemy in _enemies(obligation, incidents):
            yield Act(id="act-1", by=obligation.debtor, against=enemy, supported_by=()), WAR


def _enemies(obligation: Obligation, incidents: Iterable[Incident]) -> list[str]:
    """Return whom the duty turns against: whom it names, else who attacked the creditor."""
    acts = [
        act
        for incident in incidents
        if incident.id == obligation.incident
        for version in incident.versions
        for act in version.facts.acts
    ]
    attackers = {act.by for act in acts if act.by and act.against == obligation.creditor}
    named = {by for by in attackers if re.search(rf"\b{re.escape(by)}\b", obligation.act)}
    words = re.match(r"attack ([A-Za-z][A-Za-z0-9-]*)$", obligation.act)
    if words and not named:
        named = {words[1]}
    return sorted((named or attackers) - {obligation.debtor})


def _suppose(
    obligation: Obligation,
    act: Act,
    kind: str,
    depth: int,
    at: Moment,
    incidents: Iterable[Incident],
    names: set[str],
) -> Supposed:
    origin = next(each for each in incidents if each.id == obligation.incident)
    what = "declares war on" if kind == WAR else "mobilises"
    against = f" {act.against}" if act.against else ""
    verb = "declares-war-on-" if kind == WAR else "mobilises"
    stem = f"if-{act.by}-{verb}{act.against or ''}"
    name = stem
    number = 2
    while name in names:
        name, number = f"{stem}-{number}", number + 1
    names.add(name)
    moment = obligation.opened_at or at
    facts = Facts(kind=kind, occurred_at=moment, acts=(act,))
    return Supposed(
        incident=Incident(
            id=name,
            title=f"Supposed: {act.by} {what}{against}",
            campaign=origin.campaign,
            versions=(Version(known_at=moment, asserted_by="", facts=facts),),
        ),
        depth=depth,
        obligation=obligation.key,
        text=f"Suppose that {act.by} does what it must under {obligation.agreement}"
        f" Art {obligation.art} and {what}{against}.",
    )
