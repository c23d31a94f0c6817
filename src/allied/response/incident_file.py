"""Incident files `incident/1`, and the facts of an incident as records carry them.

Two spellings of the same declarations (`incident`): YAML for people, read like an agreement
(text-only scalars, every mistake with its place and a suggestion), and canonical JSON for the
bodies of `incident.report` and `incident.facts`, in which every scalar is text as well.

Words used here:
    document   one incident of a file; a file may hold several behind `---`
    body       what a record carries: known_at, facts, campaign

Rules that hold everywhere below. `read_facts(facts_json(facts)) == facts`, and a file that is
written out reads back to the same incident: nothing is lost. What contradicts itself is
refused: an act against its own author, an act in response to one that is not there, two acts
of one id in a version, facts known before they occurred, two answers at one moment
(`contradiction`). On a node an incident file holds facts only, because findings, calls and
decisions are acts of people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from allied.agreement.parts import INCIDENT
from allied.agreement.shape import Reading, Tree, UnreadError, read_group, show_group
from allied.agreement.text import ListNode, MapNode, Node, TextNode, load_yaml
from allied.agreement.values import Confidence, Severity
from allied.agreement.writing import write
from allied.errors import MalformedError, RefusedError
from allied.record.canonical import Json
from allied.response.contradiction import FORESEEN, note_contradictions
from allied.response.fact_words import CAPACITY, ORIGIN, PHASE, PROVOCATION
from allied.response.incident import (
    Act,
    Attribution,
    Facts,
    Finding,
    Incident,
    Version,
    named,
)
from allied.response.moment import begin, end
from allied.response.rescue import Rescue

FORMAT: Final = "incident/1"

_LEVELS: Final = 8
_VALUES: Final = 100_000

_WORDS: Final[Mapping[str, frozenset[str]]] = {
    "kind": frozenset(INCIDENT.options),
    "severity": frozenset(str(each) for each in Severity),
    "phase": frozenset(PHASE.options),
    "attribution": frozenset({*ORIGIN.options, "from-outside"}),
    "attribution.from": frozenset(ORIGIN.options),
    "attribution.confidence": frozenset(str(each) for each in Confidence),
    "unprovoked": frozenset(PROVOCATION.options),
    "capacity": frozenset(CAPACITY.options),
    "scope": frozenset({"yes", "no"}),
    "ended": frozenset({"yes", "no"}),
}


def load_incidents(raw: bytes, source: str, *, acts_allowed: bool = True) -> tuple[Incident, ...]:
    """Read an incident file.

    Args:
        raw: the bytes of the file, at most 2 MiB.
        source: the name of the file as the user gave it.
        acts_allowed: False on a node, where findings, invocations and decisions are records
            of their own and a file that holds any is refused.

    Returns:
        One incident for each document, in the order of the file.

    Raises:
        MalformedError: it is no such file; `incident.*` and `yaml.*`, with every mistake.
        RefusedError: `incident.acts-in-file`.
    """
    incidents: dict[str, Incident] = {}
    for node in load_yaml(raw, source):
        reading = Reading(source, area="incident")
        incident = _document(node, reading)
        if not acts_allowed:
            _require_facts_only(node, reading)
        if incident.id in incidents:
            raise MalformedError(
                "incident.twice",
                "two incidents of the file have the same id",
                hint="rename one",
                place=reading.place(node),
            )
        incidents[incident.id] = incident
    return tuple(incidents.values())


def dump_incident(incident: Incident) -> str:
    """Print an incident as YAML that reads back to an equal value; comments are not kept."""
    tree: dict[str, Tree] = {"format": FORMAT, **show_group(incident)}
    return write(tree)


def facts_json(facts: Facts) -> Json:
    """Return the facts as records carry them; every scalar is text."""
    return show_group(facts)


def read_facts(body: Json, source: str = "a record") -> Facts:
    """Read the facts of a record, by the same declarations as those of a file.

    Raises:
        MalformedError: `incident.*`; hostile depth and size are refused before anything else.
    """
    reading = Reading(source, area="incident")
    node = _node(body, [_VALUES], 0)
    try:
        facts = read_group(Facts, "facts", node, reading)
    except UnreadError:
        reading.finish()
        raise  # a reading that fails has findings
    facts = replace(facts, acts=named(facts.acts))
    _check_acts(facts.acts, node, reading)
    _check_rescues(facts, node, reading)
    reading.finish()
    return facts


def to_body(version: Version, incident: str, campaign: str | None = None) -> dict[str, Json]:
    """Return the body of `incident.report` or `incident.facts` for one version.

    Args:
        incident: the id in the reporter's file, or the record id of the report.
        campaign: for a report.
    """
    tree = show_group(version)
    body: dict[str, Json] = {
        "incident": incident,
        "known_at": tree["known_at"],
        "facts": facts_json(version.facts),
    }
    for name in ("confidence", "evidence"):
        if name in tree:
            body[name] = tree[name]
    if campaign is not None:
        body["campaign"] = campaign
    return body


def from_body(body: Mapping[str, Json], asserted_by: str, source: str = "a record") -> Version:
    """Read the version that a record states; its issuer is who asserts it.

    Raises:
        MalformedError: `incident.*`.
    """
    own = {
        name: body[name] for name in ("known_at", "facts", "confidence", "evidence") if name in body
    }
    reading = Reading(source, area="incident")
    node = _node(own, [_VALUES], 0)
    try:
        version = read_group(Version, "a version", node, reading)
    except UnreadError:
        reading.finish()
        raise
    version = _named(replace(version, asserted_by=asserted_by))
    _check_version(version, node, reading)
    reading.finish()
    return version


def _document(node: Node, reading: Reading) -> Incident:
    if not isinstance(node, MapNode):
        raise MalformedError(
            "incident.not-a-map",
            "an incident is a map of keys and values",
            hint=f"begin with `format: {FORMAT}`",
            place=reading.place(node),
        )
    format_ = node.get("format")
    if not isinstance(format_, TextNode) or format_.text != FORMAT:
        raise MalformedError(
            "incident.format",
            f"this is no incident of the format {FORMAT}",
            hint=f"write `format: {FORMAT}`",
            place=reading.place(format_ or node),
        )
    try:
        incident = read_group(Incident, "an incident", node, reading, beside={"format": FORMAT})
    except UnreadError:
        reading.finish()
        raise
    incident = replace(incident, versions=tuple(map(_named, incident.versions)))
    if not incident.versions:
        reading.note(node, "missing-key", "an incident needs the key `versions`", "add `versions:`")
    ids: set[str] = set()
    for version, its in zip(incident.versions, _items(node.get("versions")), strict=False):
        _check_version(version, its, reading, ids)
        ids.update(act.id for act in version.facts.acts)
    for finding, its in zip(incident.findings, _items(node.get("findings")), strict=False):
        _check_finding(finding, its, reading)
    note_contradictions(incident, node, reading)
    reading.finish()
    return incident


def _require_facts_only(node: Node, reading: Reading) -> None:
    for key in ("findings", "invocations", "decisions"):
        its = node.get(key) if isinstance(node, MapNode) else None
        if its is not None:
            raise RefusedError(
                "incident.acts-in-file",
                f"on a node an incident file holds no {key}: those are acts of people",
                hint="take them out; call a clause with `allied invoke`",
                place=reading.place(its),
            )


def _named(version: Version) -> Version:
    return replace(version, facts=replace(version.facts, acts=named(version.facts.acts)))


def _items(node: Node | None) -> list[Node]:
    if node is None:
        return []
    return node.items if isinstance(node, ListNode) else [node]


def _check_version(
    version: Version, node: Node, reading: Reading, earlier: set[str] | None = None
) -> None:
    facts = version.facts
    its = node.get("facts") if isinstance(node, MapNode) else None
    _check_acts(facts.acts, its or node, reading, earlier)
    _check_rescues(facts, its or node, reading)
    if (
        facts.occurred_at is not None
        and facts.phase not in FORESEEN
        and begin(facts.occurred_at) > end(version.known_at)
    ):
        reading.note(
            its or node,
            "impossible-date",
            "it became known before it occurred",
            "correct `known_at` or `occurred_at`",
        )


def _check_acts(
    acts: Sequence[Act], node: Node, reading: Reading, earlier: set[str] | None = None
) -> None:
    places = _items(node.get("acts")) if isinstance(node, MapNode) else []
    ids = [act.id for act in acts]
    known = {*ids, *(earlier or ())}
    for number, act in enumerate(acts):
        place = places[number] if number < len(places) else node
        if ids.index(act.id) != number:
            reading.note(place, "twice", "two acts of one version have the same id", "rename one")
        if act.by is not None and act.by == act.against:
            reading.note(
                place,
                "act-against-itself",
                "an act has one party as its author and its victim",
                "leave `by` out if it is unknown",
            )
        if act.in_response_to is not None and (
            act.in_response_to == act.id
            or (earlier is not None and act.in_response_to not in known)
        ):
            reading.note(
                place,
                "dangling-reference",
                "there is no other act of that id to respond to",
                "give the earlier act an `id` and name it here",
            )
        if act.latitude is not None and not -90 <= act.latitude <= 90:
            reading.note(place, "wrong-value", "a latitude lies between -90 and 90")


def _check_rescues(facts: Facts, node: Node, reading: Reading) -> None:
    places = _items(node.get("rescues")) if isinstance(node, MapNode) else []
    taken = {act.id for act in facts.acts}
    for number, rescue in enumerate(facts.rescues):
        place = places[number] if number < len(places) else node
        if rescue.id in taken:
            reading.note(
                place, "twice", "two acts or rescues of one version have the same id", "rename one"
            )
        taken.add(rescue.id)
        if any(_before(each, rescue) for each in ("ended_at", "notified_at", "returned_at")):
            reading.note(
                place,
                "impossible-date",
                "it ended, was told or was returned before it began",
                "correct `started_at` or the other moment",
            )


def _before(field: str, rescue: Rescue) -> bool:
    """Whether a moment of a rescue lies before its start."""
    moment = getattr(rescue, field)
    start = rescue.started_at
    return moment is not None and start is not None and end(moment) < begin(start)


def is_finding(field: str, value: str) -> bool:
    """Whether a body can find `field` to be `value`, in one word."""
    words = _WORDS.get(field)
    return value in words if words is not None else field == "attribution.to"


def _check_finding(finding: Finding, node: Node, reading: Reading) -> None:
    words = _WORDS.get(finding.field)
    if isinstance(finding.value, Attribution):
        if finding.field != "attribution":
            reading.note(
                node, "wrong-value", f"a finding on {finding.field} has a word for its value"
            )
    elif words is not None and finding.value not in words:
        some = ", ".join(f"`{word}`" for word in sorted(words)[:14])
        reading.note(node, "wrong-value", f"this is no value of {finding.field}", f"one of {some}")


def _node(value: Json, left: list[int], depth: int) -> Node:
    """Turn JSON into the tree that the declarations read; only text, lists and maps."""
    left[0] -= 1
    if left[0] < 0 or depth > _LEVELS:
        raise MalformedError("incident.too-large", "the facts of an incident are too many")
    if isinstance(value, str):
        return TextNode(1, 1, value, True)
    if isinstance(value, Mapping):
        entries: list[tuple[TextNode, Node]] = [
            (TextNode(1, 1, key, True), _node(each, left, depth + 1)) for key, each in value.items()
        ]
        return MapNode(1, 1, entries)
    if isinstance(value, Sequence):
        return ListNode(1, 1, [_node(each, left, depth + 1) for each in value])
    raise MalformedError(
        "incident.wrong-type", "a number or a truth value stands where text is meant"
    )
