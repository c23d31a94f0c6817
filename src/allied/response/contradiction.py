"""What an incident file says in two ways at one moment, and what it dates before it happened.

Later facts replace earlier ones, and of several findings or decisions the latest counts. At one
and the same moment there is no later one: which of two counts would hang on the order of the
file. Such a file is refused, with the place of the second of the two. On a node nothing of this
arises: there every statement is a record of its own, and where parties differ it is shown.

Words used here:
    moment    as it is written: two versions of one day are at one moment, whatever their order
    foreseen  threatened or imminent: that may be known, called and decided before it occurs
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Final

from allied.agreement.reading import Reading
from allied.agreement.text import ListNode, MapNode, Node
from allied.response.incident import (
    Act,
    Attribution,
    Decision,
    Facts,
    Finding,
    Incident,
    Invocation,
)
from allied.response.moment import begin, end

FORESEEN: Final = frozenset({"threatened", "imminent"})
_LATER: Final = "if one came later, give both as instants, like `2026-03-01T14:30:00Z`"


def note_contradictions(incident: Incident, node: MapNode, reading: Reading) -> None:
    """Note each contradiction of a file, at the place of the second of two entries.

    Cost: linear in what the file states.
    """
    _versions(incident, _items(node.get("versions")), reading)
    _findings(incident, _items(node.get("findings")), reading)
    _decisions(incident, _items(node.get("decisions")), reading)
    _too_early(incident, node, reading)


def _items(node: Node | None) -> Sequence[Node]:
    if node is None:
        return ()
    return node.items if isinstance(node, ListNode) else (node,)


def _versions(incident: Incident, nodes: Sequence[Node], reading: Reading) -> None:
    said: dict[tuple[object, str], object] = {}
    for version, node in zip(incident.versions, nodes, strict=False):
        for name, value in stated(version.facts):
            if said.setdefault((version.known_at, name), value) != value:
                reading.note(
                    node,
                    "contradiction",
                    f"another version known at the same moment says something else of `{name}`",
                    _LATER,
                )


def stated(facts: Facts) -> Iterator[tuple[str, object]]:
    """Yield what facts state, by name: `severity`, `attribution.to`, `act-1.by`."""
    for field in fields(facts):
        value = getattr(facts, field.name)
        if field.name not in {"acts", "rescues", "attribution"} and value not in {None, ()}:
            yield field.name, value
    parts: list[tuple[str, Attribution | Act]] = [(act.id, act) for act in facts.acts]
    if facts.attribution is not None:
        parts.append(("attribution", facts.attribution))
    for prefix, part in parts:
        for field in fields(part):
            value = getattr(part, field.name)
            if field.name != "id" and value is not None:
                yield f"{prefix}.{field.name}", value


def _findings(incident: Incident, nodes: Sequence[Node], reading: Reading) -> None:
    found: dict[tuple[object, ...], object] = {}
    for each, node in zip(incident.findings, nodes, strict=False):
        if found.setdefault((each.agreement, each.field, each.at), each.value) != each.value:
            reading.note(
                node,
                "contradiction",
                f"another finding of the same moment says something else of `{each.field}`",
                _LATER,
            )


def _decisions(incident: Incident, nodes: Sequence[Node], reading: Reading) -> None:
    decided: dict[tuple[object, ...], str] = {}
    for each, node in zip(incident.decisions, nodes, strict=False):
        if each.outcome == "statement":
            continue
        if decided.setdefault((each.agreement, each.art, each.at), each.outcome) != each.outcome:
            reading.note(
                node,
                "contradiction",
                "another decision of the same moment on that article has another outcome",
                _LATER,
            )


def _too_early(incident: Incident, node: MapNode, reading: Reading) -> None:
    """Note acts of people on what had not happened yet."""
    facts = [version.facts for version in incident.versions]
    foreseen = any(its.phase in FORESEEN or (its.kind or "").startswith("threat") for its in facts)
    days = [its.occurred_at for its in facts if its.occurred_at is not None]
    if foreseen or not days:
        return
    first = min(begin(day) for day in days)
    acts: dict[str, tuple[Finding | Invocation | Decision, ...]] = {
        "findings": incident.findings,
        "invocations": incident.invocations,
        "decisions": incident.decisions,
    }
    for key, entries in acts.items():
        for each, place in zip(entries, _items(node.get(key)), strict=False):
            if end(each.at) < first:
                reading.note(
                    place,
                    "impossible-date",
                    "it is dated before the incident occurred",
                    "correct `at` or `occurred_at`",
                )
