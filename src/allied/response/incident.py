"""What happened, as far as anybody stated it, and what was known when.

An incident is a row of versions: who asserted which facts, and when they became known. Facts
are assertions with a source; findings, invocations and decisions are acts of bodies and
parties. Nothing here decides what any of it means under an agreement (`evaluate` does).

Words used here:
    fact       kind, time, severity, phase, attribution, provocation, capacity, or an act
    rescue     what somebody did in good faith to save what an attack puts at risk (`rescue`)
    act        one directed edge: by whom, against whom, where; both ends may be unknown
    known      the facts of all versions up to a moment, merged
    finding    a fact fixed by a body, for one agreement
    call       an invocation of a clause by somebody

Rules that hold everywhere below. What is not stated is None, and None is unknown, never a
default. Merging goes by the time of becoming known; a later version replaces fields of the
same name, in facts, in the attribution, and in acts and rescues of the same id. An act without
an id is called `act-1`, `act-2` ... by its place in its version, so name the acts that a later
version is to complete. Nothing is ever removed by merging. Merged acts stand in the natural
order of their ids.

Source: the incident format `incident/1`, docs/reference/incident-format.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from allied.agreement.parts import INCIDENT, SYSTEM, TARGETS
from allied.agreement.scalars import CONFIDENCE, COUNT, DECIMAL, SENTENCE, YES_NO
from allied.agreement.shape import RESPONSE, SHOWN, Field, Group, Many, OneOf
from allied.agreement.values import Confidence, Severity, Table
from allied.response.fact_words import (
    ACTS_LIMIT,
    ART,
    CAPACITY,
    COURSE,
    FOUND,
    MOMENT,
    NAME,
    ORIGIN,
    OUTCOME,
    PHASE,
    PROVOCATION,
    SENTENCES_LIMIT,
    SEVERITY,
    STATED,
    VERSIONS_LIMIT,
    tags,
)
from allied.response.moment import Moment, begin, end, moment_text
from allied.response.rescue import RESCUES_LIMIT, Added, Rescue
from allied.response.results import natural


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One directed edge of an incident. None is unknown.

    Attributes:
        id: names the act inside its incident; empty until `named` gives it one.
        target: what was hit: "territory", "systems" ...
        latitude: degrees, north positive.
        supported_by: who helped the attacker; an empty tuple states that nobody did.
        in_response_to: the id of an earlier act.
        count: how many acts like it this stands for.
    """

    id: Annotated[str, Field(NAME, "It is called {}.", RESPONSE, "Named by its place.")] = ""
    by: Annotated[str | None, Field(NAME, "By {}.", RESPONSE, "By whom is unknown.")] = None
    against: Annotated[
        str | None, Field(NAME, "Against {}.", RESPONSE, "Against whom is unknown.")
    ] = None
    target: Annotated[str | None, Field(TARGETS, "It hit {}.", RESPONSE, "Unknown.")] = None
    places: Annotated[
        tuple[str, ...] | None, Field(tags("places"), "Places: {}.", RESPONSE, "Unknown.")
    ] = None
    latitude: Annotated[
        Decimal | None, Field(DECIMAL, "Latitude {}, north positive.", RESPONSE, "Unknown.")
    ] = None
    systems: Annotated[
        tuple[str, ...] | None,
        Field(Many(SYSTEM, "systems", most=SENTENCES_LIMIT), "Systems: {}.", RESPONSE, "Unknown."),
    ] = None
    sectors: Annotated[
        tuple[str, ...] | None, Field(tags("sectors"), "Sectors: {}.", RESPONSE, "Unknown.")
    ] = None
    supported_by: Annotated[
        tuple[str, ...] | None,
        Field(
            Many(NAME, "supporters", most=SENTENCES_LIMIT), "Supported by {}.", RESPONSE, "Unknown."
        ),
    ] = None
    in_response_to: Annotated[
        str | None, Field(NAME, "In response to {}.", RESPONSE, "Nothing is stated.")
    ] = None
    count: Annotated[int | None, Field(COUNT, "It stands for {} acts like it.", SHOWN)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """Where an attack came from, as somebody asserts it. None is unknown.

    Attributes:
        origin: "outside" or "inside"; `from` in a file.
        to: who did it.
    """

    origin: Annotated[
        str | None, Field(ORIGIN, "Directed from {}.", RESPONSE, "Unknown.", key="from")
    ] = None
    to: Annotated[str | None, Field(NAME, "Done by {}.", RESPONSE, "Unknown.")] = None
    confidence: Annotated[
        Confidence | None, Field(CONFIDENCE, "With {} confidence.", RESPONSE, "Unknown.")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What one version, or all versions together, state. None is unknown.

    Attributes:
        unprovoked: "yes", "no" or "contested".
        capacity: "own-exhausted" or "sufficient", as the victim certifies it.
        ended: whether what ends a response has come about.
        course: what people say of how it goes on: "contained", "closed" ...
        conditions: what a clause asks for in words of its own ("at war"), and whether it holds.
        systems_added: systems that were added, or hang below others, and since when.
        rescues: interventions in good faith.
    """

    kind: Annotated[str | None, Field(INCIDENT, "It is {}.", RESPONSE, "Unknown.")] = None
    occurred_at: Annotated[
        Moment | None, Field(MOMENT, "It occurred on {}.", RESPONSE, "Unknown.")
    ] = None
    severity: Annotated[Severity | None, Field(SEVERITY, "Severity: {}.", RESPONSE, "Unknown.")] = (
        None
    )
    phase: Annotated[str | None, Field(PHASE, "Phase: {}.", RESPONSE, "Unknown.")] = None
    attribution: Annotated[
        Attribution | None,
        Field(Group(Attribution, "an attribution"), "Attribution: {}.", RESPONSE, "Unknown."),
    ] = None
    unprovoked: Annotated[
        str | None, Field(PROVOCATION, "Unprovoked: {}.", RESPONSE, "Unknown.")
    ] = None
    capacity: Annotated[
        str | None, Field(CAPACITY, "The victim's own capacity: {}.", RESPONSE, "Unknown.")
    ] = None
    requested_by_victim: Annotated[
        bool | None, Field(YES_NO, "The victim asked for help: {}.", RESPONSE, "Unknown.")
    ] = None
    ended: Annotated[
        bool | None, Field(YES_NO, "What ends a response has come: {}.", RESPONSE, "Not stated.")
    ] = None
    course: Annotated[str | None, Field(COURSE, "It is {}.", RESPONSE, "It takes its course.")] = (
        None
    )
    acts: Annotated[
        tuple[Act, ...],
        Field(Many(Group(Act, "an act"), "acts", most=ACTS_LIMIT), "Acts: {}.", RESPONSE),
    ] = ()
    conditions: Annotated[
        Table[bool] | None, Field(STATED, "Conditions: {}.", RESPONSE, "None is stated.")
    ] = None
    systems_added: Annotated[
        tuple[Added, ...] | None,
        Field(
            Many(Group(Added, "a system that was added"), "systems", most=SENTENCES_LIMIT),
            "Systems added: {}.",
            RESPONSE,
            "None is stated.",
        ),
    ] = None
    rescues: Annotated[
        tuple[Rescue, ...],
        Field(
            Many(Group(Rescue, "a rescue"), "rescues", most=RESCUES_LIMIT), "Rescues: {}.", RESPONSE
        ),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """Facts as they became known at one moment.

    Attributes:
        asserted_by: the party or body that states them; empty where a file does not say.
    """

    known_at: Annotated[Moment, Field(MOMENT, "Known since {}.", RESPONSE)]
    asserted_by: Annotated[str, Field(NAME, "Asserted by {}.", SHOWN, "Nobody is named.")] = ""
    confidence: Annotated[
        Confidence | None, Field(CONFIDENCE, "With {} confidence.", SHOWN, "Not stated.")
    ] = None
    evidence: Annotated[tuple[str, ...], Field(tags("references"), "Evidence: {}.", SHOWN)] = ()
    facts: Annotated[Facts, Field(Group(Facts, "facts"), "Facts: {}.", RESPONSE)] = Facts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A fact fixed by a body for one agreement.

    Attributes:
        field: what was found; "scope" asks whether the acts lie in a contested scope.
        value: as the fact itself would be written, `yes` or `no` for scope and ended.
    """

    agreement: Annotated[str, Field(NAME, "For {}.", RESPONSE)]
    field: Annotated[str, Field(FOUND, "Found: {}.", RESPONSE)]
    value: Annotated[
        str | Attribution,
        Field(OneOf(Group(Attribution, "an attribution"), SENTENCE), "To be {}.", RESPONSE),
    ]
    by: Annotated[str, Field(NAME, "By {}.", RESPONSE)]
    at: Annotated[Moment, Field(MOMENT, "On {}.", RESPONSE)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """A clause was called in, by a party or a body."""

    agreement: Annotated[str, Field(NAME, "Of {}.", RESPONSE)]
    art: Annotated[str, Field(ART, "Article {}.", RESPONSE)]
    by: Annotated[str, Field(NAME, "By {}.", RESPONSE)]
    at: Annotated[Moment, Field(MOMENT, "On {}.", RESPONSE)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The outcome of a clause's decision rule; `objectors` broke it, where somebody did."""

    agreement: Annotated[str, Field(NAME, "Of {}.", RESPONSE)]
    art: Annotated[str, Field(ART, "Article {}.", RESPONSE)]
    outcome: Annotated[str, Field(OUTCOME, "Outcome: {}.", RESPONSE)]
    at: Annotated[Moment, Field(MOMENT, "On {}.", RESPONSE)]
    by: Annotated[str, Field(NAME, "By {}.", SHOWN, "By the body that the clause names.")] = ""
    objectors: Annotated[
        tuple[str, ...],
        Field(Many(NAME, "objectors", most=SENTENCES_LIMIT), "Objecting: {}.", SHOWN),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """What happened, as a row of versions, and what was found, called and decided on it.

    Attributes:
        id: the id in its file, or the id of the record that reported it.
        versions: at least one.
        campaign: joins incidents that count together.
    """

    id: Annotated[str, Field(NAME, "It is called {}.", RESPONSE)]
    title: Annotated[str, Field(SENTENCE, "Title: {}.", SHOWN, "It has no title.")] = ""
    campaign: Annotated[
        str | None, Field(NAME, "Part of the campaign {}.", RESPONSE, "Part of no campaign.")
    ] = None
    versions: Annotated[
        tuple[Version, ...],
        Field(
            Many(Group(Version, "a version"), "versions", least=1, most=VERSIONS_LIMIT),
            "Versions: {}.",
            RESPONSE,
        ),
    ] = ()
    findings: Annotated[
        tuple[Finding, ...],
        Field(
            Many(Group(Finding, "a finding"), "findings", most=VERSIONS_LIMIT),
            "Findings: {}.",
            RESPONSE,
        ),
    ] = ()
    invocations: Annotated[
        tuple[Invocation, ...],
        Field(
            Many(Group(Invocation, "an invocation"), "invocations", most=VERSIONS_LIMIT),
            "Calls: {}.",
            RESPONSE,
        ),
    ] = ()
    decisions: Annotated[
        tuple[Decision, ...],
        Field(
            Many(Group(Decision, "a decision"), "decisions", most=VERSIONS_LIMIT),
            "Decisions: {}.",
            RESPONSE,
        ),
    ] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """The facts of an incident up to a moment, and who stated each.

    Attributes:
        stated: by field ("severity", "attribution.to", "act-1.by"): "GBR on 1982-04-02".
        first, last: when the first and the last of the versions used became known; None
            where nothing was known yet.
    """

    facts: Facts
    stated: Mapping[str, str] = field(default_factory=dict)
    first: Moment | None = None
    last: Moment | None = None


_NAMES = {"origin": "from", "owner": "for"}
"""Fields that cannot bear their name of the file in Python."""

V = TypeVar("V", Act, Attribution, Facts, Rescue)


def known(incident: Incident, at: Moment, timezone: str = "UTC") -> Known:
    """Merge what was known of `incident` by the end of `at`.

    Args:
        incident: versions in any order; of equal times the later in the row counts.
        at: a day counts to its end.
        timezone: in which days begin and end.

    Cost: linear in the facts of all versions.
    """
    limit = end(at, timezone)
    versions = [v for v in incident.versions if begin(v.known_at, timezone) <= limit]
    versions.sort(key=lambda version: begin(version.known_at, timezone))
    merged = Facts()
    acts: dict[str, Act] = {}
    rescues: dict[str, Rescue] = {}
    stated: dict[str, str] = {}
    for version in versions:
        who = f"{version.asserted_by or 'the report'} on {moment_text(version.known_at)}"
        attribution = merged.attribution
        if version.facts.attribution is not None:
            attribution = _over(attribution or Attribution(), version.facts.attribution)
            _state(stated, "attribution.", version.facts.attribution, who)
        for act in version.facts.acts:
            acts[act.id] = _over(acts[act.id], act) if act.id in acts else act
            _state(stated, f"{act.id}.", act, who)
        for rescue in version.facts.rescues:
            its = rescues.get(rescue.id)
            rescues[rescue.id] = rescue if its is None else _over(its, rescue)
            _state(stated, f"{rescue.id}.", rescue, who)
        _state(stated, "", version.facts, who)
        merged = replace(_over(merged, version.facts), attribution=attribution)
    return Known(
        facts=replace(
            merged,
            acts=tuple(acts[name] for name in sorted(acts, key=natural)),
            rescues=tuple(rescues[name] for name in sorted(rescues, key=natural)),
        ),
        stated=stated,
        first=versions[0].known_at if versions else None,
        last=versions[-1].known_at if versions else None,
    )


def named(acts: Iterable[Act]) -> tuple[Act, ...]:
    """Give each act without an id the id of its place: `act-1`, `act-2` ..."""
    return tuple(
        act if act.id else replace(act, id=f"act-{place}") for place, act in enumerate(acts, 1)
    )


def _over(before: V, after: V) -> V:
    """Replace what `after` states; what it does not state stays, also inside a map."""
    changes = {
        entry.name: _joined(getattr(before, entry.name), value)
        for entry in fields(after)
        if (value := getattr(after, entry.name)) is not None
    }
    return replace(before, **changes)


def _joined(before: Any, after: Any) -> Any:
    if isinstance(before, Table) and isinstance(after, Table):
        return Table({**before, **after})
    return after


def _state(stated: dict[str, str], prefix: str, value: V, who: str) -> None:
    for entry in fields(value):
        given = getattr(value, entry.name)
        if given is None or entry.name in {"acts", "rescues", "id"}:
            continue
        name = _NAMES.get(entry.name, entry.name)
        stated[prefix + name] = who
        if isinstance(given, Table):
            stated.update({f"{prefix}{name}.{key}": who for key in given})
