"""MISP events become STIX 2.1 objects, and what is not carried over is listed.

An event becomes a report, or a grouping while it is not published. An attribute that is meant
for detection becomes an indicator, another one observed data with its observables, and a
type that STIX has nothing for a note with its text. An object becomes a grouping of its
members. Labels remember types, categories and relations, so that `misp_out` gives them back.

Words used here:
    level    how far MISP lets something go: 0 own organisation, 1 this community, 2 connected
             communities, 3 all, 4 a sharing group, 5 as what it is in
    group    a sharing group; whoever imports says which parties it is

Rules that hold everywhere here. What may only be seen by its own organisation is not carried,
nor is what a group may see that was not mapped. Level 1 is at least TLP:AMBER, level 2 at
least TLP:GREEN. TLP and PAP tags become markings, whose objects are always in the bundle; an
attribute is marked at least as strictly as its event; two different TLP tags on one thing
stay two, and are refused at intake. Local tags stay.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from allied.agreement.values import Tlp
from allied.exchange.marking import PAP_EXTENSION, TLP_2_ID, tlp_of
from allied.exchange.misp import (
    LANGUAGES,
    NAMESPACE,
    Attribute,
    Event,
    Loss,
    Object,
    Part,
    Tag,
    label,
    uuid_of,
)
from allied.exchange.misp_values import instant_of, is_day, parts_of, pattern_of, time_of
from allied.exchange.pattern import is_pattern
from allied.exchange.stix import read_head
from allied.exchange.validity import problems

OWN, COMMUNITY, CONNECTED, ALL, GROUP, INHERIT = range(6)
_FLOOR: Final = {COMMUNITY: Tlp.AMBER, CONNECTED: Tlp.GREEN}
_CVE: Final = re.compile(r"CVE-\d{4}-\d{4,}", re.ASCII)
_COLOURS: Final = ("red", "amber", "green", "clear", "white")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Carried:
    """What an event became.

    Attributes:
        objects: to be shared together, markings and identities first; empty if refused.
        group: its sharing group (uuid or name), if it has one: it goes to those alone.
        losses: sorted.
        refused: why the event as a whole is not carried; empty if it is.
    """

    event: str
    info: str
    objects: tuple[Json, ...]
    group: str
    losses: tuple[Loss, ...]
    refused: str = ""

    def bundle(self) -> bytes:
        """The objects as one STIX bundle; the same event gives the same bytes."""
        return orjson.dumps(
            {"type": "bundle", "id": f"bundle--{self.event}", "objects": list(self.objects)}
        )


def carry(event: Event, *, own_only: bool = False) -> Carried:
    """Turn one event into STIX 2.1.

    Args:
        own_only: carry also what MISP would show to its own organisation alone.
    """
    return _Event(event, own_only).carried()


@dataclass(slots=True)
class _Event:
    """One event under way."""

    event: Event
    own_only: bool
    losses: list[Loss] = field(default_factory=list)
    objects: dict[str, Json] = field(default_factory=dict)
    markings: dict[str, Json] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    uuid: str = ""
    created: str = ""
    author: str = ""

    def carried(self) -> Carried:
        """The whole event."""
        event = self.event
        self.uuid = uuid_of(event.uuid, event.uuid, event.info)
        level = ALL if event.distribution is None else event.distribution
        group = _group_of(event) if level == GROUP else ""
        refused = ""
        if level == OWN and not self.own_only:
            refused = "MISP shows it to its own organisation alone"
        elif level not in range(INHERIT):
            refused = "its distribution is not one that MISP has"
        elif level == GROUP and not group:
            refused = "it names no sharing group"
        if refused:
            return Carried(
                self.uuid, event.info, (), "", (self._loss("event", "", refused),), refused
            )
        self._start()
        floor = _FLOOR.get(level)
        refs = self._marked(event.Tag or (), floor)
        members = [name for each in event.Attribute for name in self._attribute(each, refs, floor)]
        for each in event.Object or ():
            members += self._object(each, refs, floor)
        self._references()
        self._unsaid()
        self._report(members, refs)
        objects = (*self.markings.values(), *self.objects.values())
        return Carried(self.uuid, event.info, objects, group, tuple(sorted(self.losses)))

    def _start(self) -> None:
        event = self.event
        modified = time_of(event.timestamp)
        day = f"{event.date}T00:00:00.000Z"
        self.created = day if is_day(event.date) and day <= modified else modified
        maker = event.Orgc
        name = maker.name if maker and maker.name else "unknown organisation"
        number = uuid_of(maker.uuid if maker else "", "organisation", name)
        self.author = f"identity--{number}"
        self.objects[self.author] = {
            "type": "identity",
            "spec_version": "2.1",
            "id": self.author,
            "created": "2020-01-01T00:00:00.000Z",
            "modified": "2020-01-01T00:00:00.000Z",
            "name": name,
            "identity_class": "organization",
            # It goes along with what names it, and with nothing else.
            "object_marking_refs": [self._tlp_marking(Tlp.CLEAR)],
        }

    def _loss(self, what: str, name: str, reason: str) -> Loss:
        return Loss(self.uuid, what, name, reason)

    def _lose(self, what: str, name: str, reason: str) -> None:
        self.losses.append(self._loss(what, name, reason))

    # --- markings and tags --------------------------------------------------------------

    def _marked(self, tags: Sequence[Tag], floor: Tlp | None, *, within: str = "") -> list[str]:
        """The markings that tags ask for; their objects go into the bundle."""
        tlps = {tlp for tag in tags if not tag.local and (tlp := _tlp(tag.name)) is not None}
        if len(tlps) == 1 and floor is not None and max(tlps) < floor:
            self._lose("tag", within or self.uuid, f"raised to {floor.label} by its distribution")
            tlps = {floor}
        elif not tlps and floor is not None:
            tlps = {floor}
        refs = [self._tlp_marking(tlp) for tlp in sorted(tlps)]
        colours = {
            colour for tag in tags if not tag.local and (colour := _pap(tag.name)) is not None
        }
        return refs + [self._pap_marking(colour) for colour in sorted(colours)]

    def _tlp_marking(self, tlp: Tlp) -> str:
        name = TLP_2_ID[tlp]
        self.markings[name] = {
            "type": "marking-definition",
            "spec_version": "2.1",
            "id": name,
            "created": "2022-10-01T00:00:00.000Z",
            "name": tlp.label,
            "extensions": {
                "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d": {
                    "extension_type": "property-extension",
                    "tlp_2_0": tlp.value.lower(),
                }
            },
        }
        return name

    def _pap_marking(self, colour: str) -> str:
        name = f"marking-definition--{uuid.uuid5(NAMESPACE, f'pap:{colour}')}"
        self.markings[name] = {
            "type": "marking-definition",
            "spec_version": "2.1",
            "id": name,
            "created": "2022-10-01T00:00:00.000Z",
            "name": f"PAP:{colour.upper()}",
            "extensions": {PAP_EXTENSION: {"extension_type": "property-extension", "pap": colour}},
        }
        return name

    def _labels(self, tags: Sequence[Tag]) -> list[str]:
        """Tags that are no markings, as labels; local ones stay behind."""
        found = []
        for tag in tags:
            if tag.local:
                self._lose("tag", tag.name[:200], "local to its instance")
            elif _tlp(tag.name) is None and _pap(tag.name) is None:
                found.append(tag.name)
        return list(dict.fromkeys(found))

    def _strictest(
        self, own: Sequence[Tag], refs: Sequence[str], floor: Tlp | None, name: str
    ) -> list[str]:
        """The markings of an attribute: its own and its event's, the stricter TLP of both."""
        mine = self._marked(own, floor, within=name)
        paps = [each for each in (*mine, *refs) if each not in _TLPS]
        tlps = [each for each in mine if each in _TLPS]
        outer = [each for each in refs if each in _TLPS]
        if len(tlps) == 1 and len(outer) == 1 and _TLPS[tlps[0]] < _TLPS[outer[0]]:
            self._lose("tag", name, "its event is marked more strictly")
        if len(tlps) <= 1 and len(outer) <= 1:
            tlps = [max((*tlps, *outer), key=_TLPS.__getitem__)] if tlps or outer else []
        else:
            tlps = tlps + outer
        return sorted({*tlps, *paps})

    # --- attributes ---------------------------------------------------------------------

    def _attribute(
        self, one: Attribute, refs: Sequence[str], floor: Tlp | None, *, relation: str = ""
    ) -> list[str]:
        """The names of what an attribute became; empty if it is not carried."""
        name = uuid_of(one.uuid, self.uuid, one.type, one.value)
        reason = self._kept_back(one)
        if not reason and name in self.names:
            # Events exist in which several attributes have one uuid.
            taken, name = name, uuid_of("", name, one.type, one.value)
            self._lose("attribute", taken, "its uuid is another's, so it got a new one")
            reason = "the same attribute twice" if name in self.names else ""
        if reason:
            self._lose("attribute", name, reason)
            return []
        self._beside(one, name)
        common: Json = {
            "spec_version": "2.1",
            "created_by_ref": self.author,
            "created": min(self.created, time_of(one.timestamp or self.event.timestamp)),
            "modified": time_of(one.timestamp or self.event.timestamp),
        }
        marked = self._strictest(one.Tag or (), refs, _stricter(floor, one.distribution), name)
        if marked:
            common["object_marking_refs"] = marked
        labels = [label("type", one.type), label("category", one.category)]
        labels += [
            label(said, text)
            for said, text in (
                ("relation", relation),
                ("first-seen", one.first_seen or ""),
                ("last-seen", one.last_seen or ""),
            )
            if text
        ]
        common["labels"] = labels + self._labels(one.Tag or ())
        made = self._made(one, name, common)
        for each in made:
            self.objects[each["id"]] = each
        self.names[name] = made[0]["id"]
        self._sightings(one, made[0], common)
        return [each["id"] for each in made]

    def _kept_back(self, one: Attribute | Object) -> str:
        """Why an attribute or object is not carried; empty if it is."""
        level = INHERIT if one.distribution is None else one.distribution
        if one.deleted:
            return "deleted in MISP"
        if level == OWN and not self.own_only:
            return "MISP shows it to its own organisation alone"
        if level == GROUP and (
            self.event.distribution != GROUP
            or str(one.sharing_group_id) != str(self.event.sharing_group_id)
        ):
            return "it is for another sharing group than its event"
        if level not in range(INHERIT + 1):
            return "its distribution is not one that MISP has"
        if isinstance(one, Attribute) and not one.value.strip():
            return "it has no value"
        return ""

    def _beside(self, one: Attribute, name: str) -> None:
        """What an attribute has that is not carried with it."""
        if one.data:
            self._lose("attachment", name, "the file of an attribute is not carried, its name is")
        for _ in one.ShadowAttribute or ():
            self._lose("proposal", name, "proposals are not carried")
        for _ in one.Galaxy or ():
            self._lose("galaxy", name, "a cluster is carried as its tag alone")

    def _made(self, one: Attribute, name: str, common: Json) -> list[Json]:
        parts = parts_of(one)
        comment = {"description": one.comment} if one.comment else {}
        if one.type == "vulnerability":
            reference = {"source_name": "cve", "external_id": one.value}
            known = {"external_references": [reference]} if _CVE.fullmatch(one.value) else {}
            detect = [label("to-ids", "true")] if one.to_ids else []
            return [
                {"type": "vulnerability", "id": f"vulnerability--{name}"}
                | common
                | {"name": one.value, "labels": common["labels"] + detect}
                | known
                | comment
            ]
        foreign = one.type in LANGUAGES
        pattern = one.value if foreign else pattern_of(parts) if parts and one.to_ids else ""
        if foreign or is_pattern(pattern):
            kind = one.type if foreign else "stix"
            watched = [] if one.to_ids else [label("to-ids", "false")]
            return [
                {"type": "indicator", "id": f"indicator--{name}"}
                | common
                | {
                    "pattern": pattern,
                    "pattern_type": kind,
                    "valid_from": common["modified"],
                    "labels": common["labels"] + watched,
                }
                | comment
            ]
        seen = _observables(parts, name, common) if not one.to_ids else []
        if seen:
            return self._observed(one, name, common, seen)
        detect = [label("to-ids", "true")] if one.to_ids else []
        about = f"{self._kind()}--{self.uuid}"
        return [
            {"type": "note", "id": f"note--{name}"}
            | common
            | {
                "content": one.value,
                "object_refs": [about],
                "labels": common["labels"] + detect,
            }
            | ({"abstract": one.comment} if one.comment else {})
        ]

    def _observed(
        self, one: Attribute, name: str, common: Json, seen: Sequence[Json]
    ) -> list[Json]:
        """Observed data and its observables."""
        remarks = [label("comment", one.comment)] if one.comment else []
        first = instant_of(one.first_seen) or common["modified"]
        last = max(first, instant_of(one.last_seen) or first)
        observed = (
            {"type": "observed-data", "id": f"observed-data--{name}"}
            | common
            | {
                "first_observed": first,
                "last_observed": last,
                "number_observed": 1,
                "object_refs": [each["id"] for each in seen],
                "labels": common["labels"] + remarks,
            }
        )
        return [observed, *seen]

    def _sightings(self, one: Attribute, made: Json, common: Json) -> None:
        for each in one.Sighting or ():
            if each.type != 0 or made["type"] == "note" or each.Organisation is None:
                self._lose("sighting", each.uuid, "only plain sightings of what STIX can name")
                continue
            name = each.Organisation.name or "unknown organisation"
            who = f"identity--{uuid_of(each.Organisation.uuid, 'organisation', name)}"
            if who != self.author:
                self.objects[who] = self.objects[self.author] | {"id": who, "name": name}
            at = time_of(each.date_sighting)
            number = uuid_of(each.uuid, self.uuid, made["id"], str(each.date_sighting))
            sighting: Json = {
                "type": "sighting",
                "id": f"sighting--{number}",
                "spec_version": "2.1",
                "created_by_ref": self.author,
                "created": at,
                "modified": at,
                "last_seen": at,
                "count": 1,
                "sighting_of_ref": made["id"],
                "where_sighted_refs": [who],
            }
            if made["type"] == "observed-data":
                self._lose("sighting", each.uuid, "what was seen is no indicator")
                continue
            marked = common.get("object_marking_refs")
            self.objects[sighting["id"]] = sighting | (
                {"object_marking_refs": marked} if marked else {}
            )

    # --- objects ------------------------------------------------------------------------

    def _object(self, one: Object, refs: Sequence[str], floor: Tlp | None) -> list[str]:
        name = uuid_of(one.uuid, self.uuid, one.name)
        reason = self._kept_back(one)
        inner = _stricter(floor, one.distribution)
        members = []
        if not reason:
            members = [
                made
                for each in one.Attribute
                for made in self._attribute(
                    each, refs, inner, relation=each.object_relation or each.type
                )
            ]
            reason = "" if members else "nothing of it is carried"
        if reason:
            self._lose("object", name, reason)
            return []
        grouping = f"grouping--{name}"
        marked = self._strictest((), refs, inner, name)
        self.objects[grouping] = {
            "type": "grouping",
            "spec_version": "2.1",
            "id": grouping,
            "created_by_ref": self.author,
            "created": min(self.created, time_of(one.timestamp or self.event.timestamp)),
            "modified": time_of(one.timestamp or self.event.timestamp),
            "name": one.name,
            "context": "unspecified",
            "object_refs": list(dict.fromkeys(members)),
            "labels": [label("object", one.name), label("meta-category", one.meta_category)],
            **({"description": one.comment} if one.comment else {}),
            **({"object_marking_refs": marked} if marked else {}),
        }
        self.names[name] = grouping
        return [*members, grouping]

    def _references(self) -> None:
        for one in self.event.Object or ():
            source = self.names.get(uuid_of(one.uuid, self.uuid, one.name))
            for each in one.ObjectReference or ():
                target = self.names.get(each.referenced_uuid.lower())
                if source is None or target is None or each.deleted:
                    self._lose("reference", each.uuid, "one of its ends is not carried")
                    continue
                kind = "".join(
                    letter if letter.isalnum() and letter.isascii() else "-"
                    for letter in each.relationship_type.lower()
                ).strip("-")
                number = uuid_of(each.uuid, source, target, each.relationship_type)
                name = f"relationship--{number}"
                self.objects[name] = {
                    "type": "relationship",
                    "spec_version": "2.1",
                    "id": name,
                    "created_by_ref": self.author,
                    "created": self.created,
                    "modified": time_of(self.event.timestamp),
                    "relationship_type": kind or "related-to",
                    "source_ref": source,
                    "target_ref": target,
                }

    # --- the event itself ---------------------------------------------------------------

    def _unsaid(self) -> None:
        """What an event has that STIX does not say."""
        for each in self.event.Galaxy or ():
            kind = each.get("type") if isinstance(each, dict) else ""
            self._lose("galaxy", str(kind or "")[:200], "its clusters are carried as tags alone")
        for _ in self.event.ShadowAttribute or ():
            self._lose("proposal", "", "proposals are not carried")
        for _ in self.event.EventReport or ():
            self._lose("event-report", "", "reports of an event are not carried")
        if self.event.extends_uuid:
            self._lose("event", self.uuid, "that it extends another event is not carried")

    def _kind(self) -> str:
        return "report" if self.event.published else "grouping"

    def _report(self, members: Sequence[str], refs: Sequence[str]) -> None:
        event = self.event
        kind = self._kind()
        name = f"{kind}--{self.uuid}"
        if not members:
            self._lose("event", self.uuid, "nothing of it is carried, so it is not either")
            return
        modified = time_of(event.timestamp)
        labels = [
            label("threat-level", str(event.threat_level_id)),
            label("analysis", str(event.analysis)),
            label("date", event.date),
            *self._labels(event.Tag or ()),
        ]
        special: Json = (
            {"published": modified} if kind == "report" else {"context": "suspicious-activity"}
        )
        self.objects[name] = {
            "type": kind,
            "spec_version": "2.1",
            "id": name,
            "created_by_ref": self.author,
            "created": self.created,
            "modified": modified,
            "name": event.info or "untitled event",
            "object_refs": list(dict.fromkeys(members)),
            "labels": labels,
            **special,
            **({"object_marking_refs": sorted(refs)} if refs else {}),
        }


_TLPS: Final[Mapping[str, Tlp]] = {name: tlp for tlp, name in TLP_2_ID.items()}


def _tlp(tag: str) -> Tlp | None:
    """The TLP that a tag states; None if it is no TLP tag."""
    return tlp_of(tag) if tag.lower().startswith("tlp:") else None


def _pap(tag: str) -> str | None:
    word = tag.lower().removeprefix("pap:")
    return word.replace("white", "clear") if word != tag.lower() and word in _COLOURS else None


def _observables(parts: Sequence[tuple[Part, str]], name: str, common: Json) -> list[Json]:
    """The observables that parts make; none if STIX does not take one of the values."""
    seen: dict[str, Json] = {}
    for part, value in parts:
        made = seen.setdefault(part.type, {"type": part.type, "id": f"{part.type}--{name}"})
        if part.hash:
            made.setdefault("hashes", {})[part.hash] = value
        else:
            made[part.member] = int(value) if part.member == "number" else value
        if "object_marking_refs" in common:
            made["object_marking_refs"] = common["object_marking_refs"]
    raws = [orjson.dumps(each) for each in seen.values()]
    valid = not any(problems(raw, read_head(raw)) for raw in raws)
    return list(seen.values()) if valid else []


def _stricter(floor: Tlp | None, distribution: int | None) -> Tlp | None:
    """The floor of something within something else."""
    own = _FLOOR.get(INHERIT if distribution is None else distribution)
    return max((each for each in (floor, own) if each is not None), default=None)


def _group_of(event: Event) -> str:
    group = event.SharingGroup
    return (group.uuid or group.name) if group else str(event.sharing_group_id or "").strip("0")
