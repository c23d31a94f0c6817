"""STIX 2.1 objects become MISP events, and what MISP has nothing for is listed.

A report, or a grouping that is no MISP object, becomes an event of what it names; what no such
object names is gathered in one event more. What once came from MISP is what it was, by its
labels; other indicators become attributes by the values they name, or `stix2-pattern`.

Rules that hold everywhere here. The strictest marking among the members marks the event, as a
TLP tag, and decides its distribution: TLP:CLEAR may go to all, TLP:GREEN stays in the
community of the instance, and everything above belongs to its organisation alone. Each
object that is in no event is listed as a loss.

Source: MISP core format, and its feeds (manifest, hashes.csv).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any, Final

import orjson

from allied.agreement.values import Tlp
from allied.exchange import entries
from allied.exchange.marking import PAP_EXTENSION
from allied.exchange.misp import (
    BY_KIND,
    CATEGORIES,
    LANGUAGES,
    NAMESPACE,
    PARTS,
    Loss,
    said,
)
from allied.exchange.stix import instant

Json = dict[str, Any]

_SILENT: Final = frozenset({"identity", "marking-definition", "extension-definition", "location"})
"""Types that say who and how, and are in the event in other words."""

_LITERAL: Final = re.compile(r"=\s*(?:'((?:[^'\\]|\\.)*)'|(\d+))", re.DOTALL)
_COLOURS: Final = ("clear", "green", "amber", "red")
_BY_PART: Final = {
    (part.type, part.hash or part.member): type_
    for type_, parts in reversed(tuple(PARTS.items()))
    if len(parts) == 1
    for part in parts
} | {("ipv4-addr", "value"): "ip-dst", ("ipv6-addr", "value"): "ip-dst", ("url", "value"): "url"}
_OTHER: Final = "Other"


@dataclass(frozen=True, slots=True)
class Written:
    """Events ready to be written, and what is in none of them.

    Attributes:
        events: as MISP reads them, without `Event` around them.
        losses: sorted.
    """

    events: tuple[Json, ...]
    losses: tuple[Loss, ...]


def write(
    objects: Sequence[Json], tlps: Mapping[str, Tlp], gathered: str, title: str, maker: str
) -> Written:
    """Turn objects into events.

    Args:
        objects: one version of each, in an order that does not change.
        tlps: effective marking by object id; TLP:RED for what is not in it.
        gathered: uuid of the event for what no other one names; `title` is its name.
        maker: the organisation behind objects that name none.
    """
    return _Writing({str(each["id"]): each for each in objects}, tlps, maker).run(gathered, title)


@dataclass(slots=True)
class _Writing:
    by_id: Mapping[str, Json]
    tlps: Mapping[str, Tlp]
    maker: str
    losses: list[Loss] = field(default_factory=list)
    told: set[str] = field(default_factory=set)
    seen: dict[str, list[Json]] = field(default_factory=dict)

    def run(self, gathered: str, title: str) -> Written:
        """All events."""
        for each in self.by_id.values():
            if each["type"] == "sighting":
                self.seen.setdefault(str(each.get("sighting_of_ref")), []).append(each)
        events = []
        for each in self.by_id.values():
            labels, _ = said(each.get("labels", ()))
            if each["type"] == "report" or (each["type"] == "grouping" and "object" not in labels):
                self.told.add(each["id"])
                events.append(self._event(each, each.get("object_refs", ())))
        named = self._named()
        rest = [name for name in self.by_id if name not in named]
        loose = self._event(_loose(gathered, title, [self.by_id[name] for name in rest]), rest)
        if loose["Attribute"] or loose["Object"]:
            events.append(loose)
        self._references(events)
        for name, each in self.by_id.items():
            if name not in self.told and each["type"] not in _SILENT:
                self.losses.append(Loss("", each["type"], name, "MISP has no attribute for it"))
        return Written(tuple(events), tuple(sorted(self.losses)))

    def _named(self) -> set[str]:
        """What is in an event or an object already, and what an observation holds."""
        named = set(self.told)
        for each in self.by_id.values():
            if each["type"] in ("report", "grouping", "observed-data"):
                named.update(each.get("object_refs", ()))
        return named

    def _event(self, one: Json, refs: Iterable[str]) -> Json:
        number = str(one["id"]).partition("--")[2]
        labels, tags = said(one.get("labels", ()))
        members = [self.by_id[ref] for ref in refs if ref in self.by_id]
        objects = [each for each in members if self._is_object(each)]
        inside = {ref for each in objects for ref in each.get("object_refs", ())}
        alone = [each for each in members if each["id"] not in inside]
        attributes = [made for each in _outermost(alone) for made in self._attributes(each)]
        tlp = max((self._tlp(each) for each in (one, *members)), default=Tlp.RED)
        event: Json = {
            "uuid": number,
            "info": one.get("name", "") or "untitled",
            "date": labels.get("date") or str(one.get("created", "1970-01-01"))[:10],
            "timestamp": str(_seconds(one.get("modified"))),
            "publish_timestamp": str(_seconds(one.get("modified"))),
            "published": one["type"] == "report",
            "threat_level_id": labels.get("threat-level") or "4",
            "analysis": labels.get("analysis") or "2",
            "distribution": _distribution(tlp),
            "extends_uuid": "",
            "Orgc": self._maker(one),
            "Tag": [{"name": f"tlp:{tlp.value.lower()}"}, *self._paps(one), *_tags(tags)],
            "Attribute": attributes,
            "Object": [self._object(each) for each in objects],
        }
        return event

    def _is_object(self, one: Json) -> bool:
        return one["type"] == "grouping" and "object" in said(one.get("labels", ()))[0]

    def _tlp(self, one: Json) -> Tlp:
        name = str(one["id"])
        return self.tlps.get(name, Tlp.RED) if name in self.by_id else Tlp.CLEAR

    def _maker(self, one: Json) -> Json:
        who = self.by_id.get(str(one.get("created_by_ref", "")))
        if who is None:
            return {"name": self.maker, "uuid": str(uuid.uuid5(NAMESPACE, self.maker))}
        return {"name": who.get("name", self.maker), "uuid": str(who["id"]).partition("--")[2]}

    def _paps(self, one: Json) -> list[Json]:
        found = []
        for ref in one.get("object_marking_refs", ()):
            extensions = self.by_id.get(ref, {}).get("extensions", {})
            colour = str(extensions.get(PAP_EXTENSION, {}).get("pap", "")).lower()
            if colour in _COLOURS:
                found.append({"name": f"PAP:{colour.upper()}"})
        return found

    def _object(self, one: Json) -> Json:
        labels, _ = said(one.get("labels", ()))
        self.told.add(str(one["id"]))
        members = [self.by_id[ref] for ref in one.get("object_refs", ()) if ref in self.by_id]
        return {
            "uuid": str(one["id"]).partition("--")[2],
            "name": labels["object"],
            "meta-category": labels.get("meta-category", ""),
            "comment": one.get("description", ""),
            "timestamp": str(_seconds(one.get("modified"))),
            "distribution": "5",
            "Attribute": [made for each in _outermost(members) for made in self._attributes(each)],
            "ObjectReference": [],
        }

    # --- attributes ---------------------------------------------------------------------

    def _attributes(self, one: Json) -> Iterator[Json]:
        """The attributes that an object becomes."""
        labels, tags = said(one.get("labels", ()))
        number = str(one["id"]).partition("--")[2]
        for place, (type_, value, to_ids) in enumerate(self._values(one, labels)):
            self.told.add(str(one["id"]))
            first = place == 0
            yield {
                "uuid": number
                if first
                else str(uuid.uuid5(NAMESPACE, f"{number}/{type_}/{value}")),
                "type": type_,
                "category": labels.get("category") or CATEGORIES.get(type_, _OTHER),
                "value": value,
                "to_ids": to_ids,
                "timestamp": str(_seconds(one.get("modified") or one.get("created"))),
                "comment": labels.get("comment") or one.get("description") or "",
                "distribution": "5",
                "object_relation": labels.get("relation"),
                "first_seen": labels.get("first-seen"),
                "last_seen": labels.get("last-seen"),
                "Tag": [*self._paps(one), *_tags(tags)],
                "Sighting": self._sightings(str(one["id"])) if first else [],
            } | (
                {"comment": one["abstract"]} if one["type"] == "note" and "abstract" in one else {}
            )

    def _values(self, one: Json, labels: Mapping[str, str]) -> list[tuple[str, str, bool]]:
        """(type, value, for detection) of each attribute."""
        known = labels.get("type", "")
        detect = labels.get("to-ids", "false") == "true"
        match one["type"]:
            case "indicator":
                return _of_indicator(one, known, labels.get("to-ids", "true") == "true")
            case "observed-data":
                return self._of_observed(one, known)
            case "note":
                return [(known or "comment", str(one.get("content", "")), detect)]
            case "vulnerability":
                return [("vulnerability", str(one.get("name", "")), detect)]
            case _:
                return [(type_, value, False) for type_, value in _of_observable(one)]

    def _of_observed(self, one: Json, known: str) -> list[tuple[str, str, bool]]:
        seen = [self.by_id[ref] for ref in one.get("object_refs", ()) if ref in self.by_id]
        self.told.update(str(each["id"]) for each in seen)
        if known in PARTS:
            texts = [_text(seen, part.type, part.hash or part.member) for part in PARTS[known]]
            if all(texts):
                return [(known, "|".join(texts), False)]
        return [(type_, value, False) for each in seen for type_, value in _of_observable(each)]

    def _sightings(self, about: str) -> list[Json]:
        found = []
        for each in self.seen.get(about, ()):
            name = str(each["id"])
            who = self.by_id.get(next(iter(each.get("where_sighted_refs", ())), ""), {})
            self.told.add(name)
            found.append(
                {
                    "uuid": name.partition("--")[2],
                    "type": "0",
                    "date_sighting": str(_seconds(each.get("last_seen") or each.get("created"))),
                    "Organisation": {
                        "name": who.get("name", self.maker),
                        "uuid": str(who.get("id", "")).partition("--")[2],
                    },
                }
            )
        return found

    def _references(self, events: Sequence[Json]) -> None:
        """Relationships that begin at a MISP object."""
        objects = {each["uuid"]: each for event in events for each in event["Object"]}
        attributes = {
            each["uuid"]
            for event in events
            for within in (event, *event["Object"])
            for each in within["Attribute"]
        }
        for name, each in self.by_id.items():
            if each["type"] != "relationship":
                continue
            kind, _, source = str(each.get("source_ref", "")).partition("--")
            target = str(each.get("target_ref", "")).partition("--")[2]
            if kind == "grouping" and source in objects and target in {*objects, *attributes}:
                self.told.add(name)
                objects[source]["ObjectReference"].append(
                    {
                        "uuid": name.partition("--")[2],
                        "referenced_uuid": target,
                        "relationship_type": each.get("relationship_type", "related-to"),
                    }
                )


def _outermost(members: Sequence[Json]) -> list[Json]:
    """Members without the observables that an observation among them holds."""
    held = {
        ref
        for each in members
        if each["type"] == "observed-data"
        for ref in each.get("object_refs", ())
    }
    return [each for each in members if each["id"] not in held]


def _loose(number: str, title: str, objects: Sequence[Json]) -> Json:
    """The grouping that is not there: of what nothing else names."""
    latest = max((str(each.get("modified", "")) for each in objects), default="")
    return {
        "type": "grouping",
        "id": f"grouping--{number}",
        "name": title,
        "created": latest or "1970-01-01T00:00:00.000Z",
        "modified": latest or "1970-01-01T00:00:00.000Z",
    }


def _of_indicator(one: Json, known: str, detect: bool) -> list[tuple[str, str, bool]]:
    pattern, language = str(one.get("pattern", "")), str(one.get("pattern_type", ""))
    if language in LANGUAGES:
        return [(language, pattern, detect)]
    if language != "stix":
        return []
    literals = [
        number or re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)
        for text, number in _LITERAL.findall(pattern)
    ]
    if known in PARTS and len(literals) == len(PARTS[known]):
        value = "|".join(literals)
        return [(known, f"AS{value}" if known == "AS" else value, detect)]
    read = entries.read(pattern)
    if read.entries and not read.passed_over:
        return [(BY_KIND[each.kind.value], each.value, detect) for each in read.entries]
    return [("stix2-pattern", pattern, detect)]


def _of_observable(one: Json) -> Iterator[tuple[str, str]]:
    for member, value in one.items():
        if member == "hashes" and isinstance(value, dict):
            for algorithm, text in value.items():
                if (one["type"], algorithm) in _BY_PART:
                    yield _BY_PART[one["type"], algorithm], str(text)
        elif (one["type"], member) in _BY_PART:
            yield _BY_PART[one["type"], member], f"AS{value}" if member == "number" else str(value)


def _text(seen: Sequence[Json], type_: str, member: str) -> str:
    """One property of what was seen; empty if nothing has it."""
    for each in seen:
        is_it = each["type"] == type_ or (
            type_ == "ip" and each["type"] in ("ipv4-addr", "ipv6-addr")
        )
        if is_it:
            value = each.get(member) or each.get("hashes", {}).get(member)
            if value is not None:
                return f"AS{value}" if member == "number" else str(value)
    return ""


def _tags(names: Iterable[str]) -> list[Json]:
    return [{"name": name} for name in names]


def _distribution(tlp: Tlp) -> str:
    return {Tlp.CLEAR: "3", Tlp.GREEN: "1"}.get(tlp, "0")


def _seconds(text: object) -> int:
    found = instant(text) if isinstance(text, str) else None
    return int(found[0].timestamp()) if found else 0


# --- feeds ------------------------------------------------------------------------------


def file_of(event: Json) -> bytes:
    """One event as it lies in a feed."""
    return orjson.dumps({"Event": event})


def manifest(events: Iterable[Json]) -> bytes:
    """What a feed directory says of its events."""
    kept = ("Orgc", "Tag", "info", "date", "analysis", "threat_level_id", "timestamp")
    return orjson.dumps({event["uuid"]: {name: event[name] for name in kept} for event in events})


def hashes(events: Iterable[Json]) -> bytes:
    """The look-up file of a feed: the MD5 of each value, and the event it is in."""
    lines = [
        f"{md5(value.encode(), usedforsecurity=False).hexdigest()},{event['uuid']}\n"
        for event in events
        for within in (event, *event["Object"])
        for each in within["Attribute"]
        for value in str(each["value"]).split("|")
    ]
    return "".join(dict.fromkeys(lines)).encode()
