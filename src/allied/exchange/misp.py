"""MISP's own form: events, attributes, objects and tags, and which STIX says the same.

Only what is the same in both directions stands here: the form as it is read, the table of
attribute types, and the labels under which STIX objects remember what MISP said of them. The
ways are `misp_in` (events to STIX) and `misp_out` (STIX to events).

Words used here:
    attribute   one value of a type in MISP, alone or as a member of an object
    loss        something that the other form cannot say; each one is listed
    part        one property of one kind of observable; a composite type (`filename|md5`)
                has several

Rules that hold everywhere here. A file is bounded before it is parsed. What is not in the
table is carried as text, not dropped. A loss names ids and types, never values.

Source: MISP core format (draft-dulaunoy-misp-core-format), MISP object templates, and the
mapping of misp-stix, whose ids are used where both say the same.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from allied.errors import MalformedError

MAX_FILE: Final = 64 << 20
"""Bytes of one file with events."""

MAX_EVENTS: Final = 10_000
MAX_ATTRIBUTES: Final = 200_000
"""Attributes of one event, those of its objects included."""

NAMESPACE: Final = uuid.UUID("3bb9a6f0-2f6e-5a1c-8d0b-6f2f6a9c7d51")
PREFIX: Final = "misp:"
_UUID = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.ASCII
)
_LABEL = re.compile(r'misp:([a-z-]+)="(.*)"', re.DOTALL)


@dataclass(frozen=True, slots=True, order=True)
class Loss:
    """Something that is not carried over.

    Attributes:
        event: the event it belongs to.
        what: `attribute`, `object`, `tag`, `galaxy`, `proposal`, `sighting`, `event`, ...
        id: its uuid or name; empty where it has none.
        reason: why, for people.
    """

    event: str
    what: str
    id: str
    reason: str


# --- the form ---------------------------------------------------------------------------


class Tag(msgspec.Struct, frozen=True):
    """A tag; one that is local never leaves the instance."""

    name: str
    local: bool = False


class Organisation(msgspec.Struct, frozen=True):
    """Who made an event."""

    name: str = ""
    uuid: str = ""


class Sighting(msgspec.Struct, frozen=True):
    """That an attribute was seen (type 0), was a false alarm (1), or ends (2)."""

    uuid: str = ""
    type: int = 0
    date_sighting: int = 0
    Organisation: Organisation | None = None


class Attribute(msgspec.Struct, frozen=True):
    """One value."""

    type: str
    value: str = ""
    uuid: str = ""
    category: str = ""
    to_ids: bool = False
    timestamp: int = 0
    comment: str | None = ""
    distribution: int | None = None
    sharing_group_id: str | int | None = None
    deleted: bool = False
    object_relation: str | None = None
    first_seen: str | None = None
    last_seen: str | None = None
    data: str | None = None
    Tag: tuple[Tag, ...] | None = ()
    Galaxy: tuple[Any, ...] | None = ()
    Sighting: tuple[Sighting, ...] | None = ()
    ShadowAttribute: tuple[Any, ...] | None = ()


class Reference(msgspec.Struct, frozen=True):
    """That one object has to do with another thing of the event."""

    uuid: str = ""
    referenced_uuid: str = ""
    relationship_type: str = ""
    deleted: bool = False


class Object(msgspec.Struct, frozen=True):
    """Attributes that belong together by a template."""

    name: str
    uuid: str = ""
    comment: str | None = ""
    timestamp: int = 0
    distribution: int | None = None
    sharing_group_id: str | int | None = None
    deleted: bool = False
    Attribute: tuple[Attribute, ...] = ()
    ObjectReference: tuple[Reference, ...] | None = ()
    meta_category: str = msgspec.field(name="meta-category", default="")


class SharingGroup(msgspec.Struct, frozen=True):
    """To whom a sharing group reaches, by its name."""

    uuid: str = ""
    name: str = ""


class Event(msgspec.Struct, frozen=True):
    """One event."""

    uuid: str
    info: str = ""
    date: str = ""
    timestamp: int = 0
    published: bool = False
    threat_level_id: str | int = ""
    analysis: str | int = ""
    distribution: int | None = None
    sharing_group_id: str | int | None = None
    extends_uuid: str | None = ""
    Orgc: Organisation | None = None
    Attribute: tuple[Attribute, ...] = ()
    Object: tuple[Object, ...] | None = ()
    Tag: tuple[Tag, ...] | None = ()
    Galaxy: tuple[Any, ...] | None = ()
    SharingGroup: SharingGroup | None = None
    ShadowAttribute: tuple[Any, ...] | None = ()
    EventReport: tuple[Any, ...] | None = ()


_ANY: Final = msgspec.json.Decoder()


def read_events(raw: bytes) -> tuple[Event, ...]:
    """The events of a file: one, bare or under `Event`, or several under `response` or in a list.

    Raises:
        MalformedError: `misp.too-large`, `misp.not-json`, `misp.form`, `misp.too-many`.
    """
    if len(raw) > MAX_FILE:
        raise MalformedError(
            "misp.too-large",
            f"a file with MISP events has at most {MAX_FILE} bytes",
            facts={"size": len(raw), "limit": MAX_FILE},
        )
    try:
        value = _ANY.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise MalformedError("misp.not-json", "the file is not well-formed JSON") from None
    found = []
    for number, bare in enumerate(_bare(value, 4), start=1):
        if number > MAX_EVENTS:
            raise MalformedError("misp.too-many", f"a file has at most {MAX_EVENTS} events")
        try:
            event = msgspec.convert(bare, Event, strict=False)
        except (msgspec.ValidationError, RecursionError) as problem:
            where = str(problem).rpartition("`$")[2].rstrip("`").lstrip(".")
            raise MalformedError(
                "misp.form",
                f"event {number} is no MISP event" + (f": {where}" if where else ""),
                facts={"event": number},
            ) from None
        count = len(event.Attribute) + sum(len(each.Attribute) for each in event.Object or ())
        if count > MAX_ATTRIBUTES:
            raise MalformedError(
                "misp.too-many", f"an event has at most {MAX_ATTRIBUTES} attributes"
            )
        found.append(event)
    if not found:
        raise MalformedError("misp.form", "there is no MISP event in the file")
    return tuple(found)


def _bare(value: object, depth: int) -> Iterator[object]:
    """Events without what they are wrapped in."""
    if depth and isinstance(value, list):
        for each in value:
            yield from _bare(each, depth - 1)
    elif depth and isinstance(value, dict):
        if "response" in value:
            yield from _bare(value["response"], depth - 1)
        elif "Event" in value:
            yield from _bare(value["Event"], depth - 1)
        else:
            yield value
    else:
        yield value


# --- types ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Part:
    """One property of an observable; `hash` names the algorithm where it is a hash."""

    type: str
    member: str
    hash: str = ""

    @property
    def path(self) -> str:
        """As patterns spell it."""
        if not self.hash:
            return f"{self.type}:{self.member}"
        name = self.hash if self.hash.isalnum() else f"'{self.hash}'"
        return f"{self.type}:hashes.{name}"


def _hash(name: str) -> Part:
    return Part("file", "hashes", name)


_NAME: Final = Part("file", "name")
_DOMAIN: Final = Part("domain-name", "value")
IP: Final = Part("ip", "value")
"""An address whose version is told by its value."""

_URL: Final = Part("url", "value")
_MAIL: Final = Part("email-addr", "value")
_HASHES: Final = {
    "md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256", "sha512": "SHA-512", "ssdeep": "SSDEEP",
    "tlsh": "TLSH",
}  # fmt: skip

PARTS: Final[Mapping[str, tuple[Part, ...]]] = {
    **{type_: (_hash(name),) for type_, name in _HASHES.items()},
    **{f"filename|{type_}": (_NAME, _hash(name)) for type_, name in _HASHES.items()},
    "filename": (_NAME,),
    "domain": (_DOMAIN,),
    "hostname": (_DOMAIN,),
    "domain|ip": (_DOMAIN, IP),
    "ip-src": (IP,),
    "ip-dst": (IP,),
    "url": (_URL,),
    "link": (_URL,),
    "email": (_MAIL,),
    "email-src": (_MAIL,),
    "email-dst": (_MAIL,),
    "mac-address": (Part("mac-addr", "value"),),
    "mutex": (Part("mutex", "name"),),
    "regkey": (Part("windows-registry-key", "key"),),
    "AS": (Part("autonomous-system", "number"),),
}
"""By attribute type, what observables say the same; other types are carried as text."""

LANGUAGES: Final = ("yara", "snort", "sigma")
"""Attribute types that are patterns of another language."""

BY_KIND: Final = {
    "ipv4": "ip-dst", "ipv6": "ip-dst", "domain": "domain", "url": "url", "md5": "md5",
    "sha1": "sha1", "sha256": "sha256",
}  # fmt: skip
"""Attribute types for what a list would hold (`exchange.entries`)."""

CATEGORIES: Final = {
    **dict.fromkeys(("ip-dst", "domain", "url", "stix2-pattern"), "Network activity"),
    **dict.fromkeys(("md5", "sha1", "sha256"), "Payload delivery"),
}


# --- labels and ids ---------------------------------------------------------------------


def label(name: str, value: str) -> str:
    """What MISP said of a thing, as a label of a STIX object."""
    return f'{PREFIX}{name}="{value}"'


def said(labels: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """What labels remember of MISP, by name; and those that are tags."""
    found: dict[str, str] = {}
    tags: list[str] = []
    for each in labels:
        read = _LABEL.fullmatch(each)
        if read:
            found.setdefault(read[1], read[2])
        elif not each.startswith(PREFIX):
            tags.append(each)
    return found, tags


def uuid_of(text: str, *otherwise: str) -> str:
    """A uuid as it stands, in lower case; one made from `otherwise` where it is none."""
    found = text.strip().lower()
    return found if _UUID.fullmatch(found) else str(uuid.uuid5(NAMESPACE, "/".join(otherwise)))
