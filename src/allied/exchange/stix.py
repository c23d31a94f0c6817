"""What the rules look at in a STIX 2.1 object, and which kind of intelligence it is.

An object is kept as the bytes it came in. This module reads its *head*, the few properties
on which identity, marking, version and connection depend, and leaves the rest alone.
Whether the object is valid STIX is for `validity`, what its markings mean for `marking`.

Words used here:
    head        type, id, version, creator, markings and ends of one object
    kind        what a clause names when it shares: indicator, technique, ...
    end         an object that a relationship or sighting connects; it goes only where
                all its ends go
    companion   an object that is no intelligence by itself (marking or extension
                definition, identity, location) and goes along with what refers to it
    version     the instant by which versions of one id are told apart

Rules that hold everywhere here. STIX 2.0 is refused, never half-read. An id names its type.
An object without `modified` (observables, markings) has its `created` as version, and one
without both the digest of its bytes: it can exist in one form only. Instants are compared
as instants, not as text.

Source: STIX 2.1, sections 2.9, 3.2 and 3.6; DOMAIN on how STIX types map to kinds.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

import msgspec

from allied.errors import MalformedError
from allied.record.ids import Digest


class Kind(StrEnum):
    """The kinds that STIX types map to; the last three are never named in a clause."""

    INDICATOR = "indicator"
    TECHNIQUE = "technique"
    VULNERABILITY = "vulnerability"
    INCIDENT_REPORT = "incident-report"
    ASSESSMENT = "assessment"
    LINK = "link"
    COMPANION = "companion"
    OTHER = "other"


OBSERVABLES = frozenset({
    "artifact", "autonomous-system", "directory", "domain-name", "email-addr", "email-message",
    "file", "ipv4-addr", "ipv6-addr", "mac-addr", "mutex", "network-traffic", "process",
    "software", "url", "user-account", "windows-registry-key", "x509-certificate",
})  # fmt: skip
"""Types of STIX Cyber-observable Objects, which need neither `created` nor `spec_version`."""

_KINDS = {
    **dict.fromkeys(OBSERVABLES, Kind.INDICATOR),
    **dict.fromkeys(("indicator", "observed-data", "sighting"), Kind.INDICATOR),
    **dict.fromkeys(
        (
            "attack-pattern", "malware", "malware-analysis", "tool", "infrastructure",
            "intrusion-set", "campaign", "threat-actor", "course-of-action",
        ),
        Kind.TECHNIQUE,
    ),
    "vulnerability": Kind.VULNERABILITY,
    "incident": Kind.INCIDENT_REPORT,
    **dict.fromkeys(("report", "note", "opinion", "grouping"), Kind.ASSESSMENT),
    **dict.fromkeys(
        ("marking-definition", "extension-definition", "identity", "location"), Kind.COMPANION
    ),
    "relationship": Kind.LINK,
}  # fmt: skip

_UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}"
_TYPE = re.compile(r"[a-z0-9][a-z0-9-]{1,248}[a-z0-9]")
_IS_UUID = re.compile(_UUID)
_COMPANION = re.compile(
    rb'"((?:marking-definition|extension-definition|identity|location)--' + _UUID.encode() + rb')"'
)
_INSTANT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(?:\.(\d{1,32}))?Z"
)
_PLAIN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9]\.[0-9]{3}Z")

Instant: TypeAlias = tuple[datetime, str]
"""Whole seconds, and the digits of the fraction without trailing zeros: compares in order."""


_LINKING = frozenset({"relationship", "sighting", "language-content"})


class GranularMarking(msgspec.Struct, frozen=True, gc=False):
    """A marking on a part of an object; a `lang` in its place marks nothing."""

    marking_ref: str = ""


class Head(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The properties of one object that rules look at; absent text is an empty string."""

    type: str
    id: str
    spec_version: str = ""
    created: str = ""
    modified: str = ""
    created_by_ref: str = ""
    revoked: bool = False
    object_marking_refs: tuple[str, ...] = ()
    granular_markings: tuple[GranularMarking, ...] = ()
    source_ref: str = ""
    target_ref: str = ""
    sighting_of_ref: str = ""
    where_sighted_refs: tuple[str, ...] = ()
    object_ref: str = ""

    @property
    def kind(self) -> Kind:
        """Which kind of intelligence it is."""
        return kind_of(self.type)

    @property
    def ends(self) -> tuple[str, ...]:
        """The objects without which it may not go anywhere; none for most types."""
        if self.type not in _LINKING:
            return ()
        if self.type == "relationship":
            return (self.source_ref, self.target_ref)
        if self.type == "sighting":
            return (self.sighting_of_ref, *self.where_sighted_refs)
        return (self.object_ref,)

    @property
    def granular_refs(self) -> tuple[str, ...]:
        """The markings that stand on parts of it."""
        if not self.granular_markings:
            return ()
        return tuple(each.marking_ref for each in self.granular_markings if each.marking_ref)


_DECODER = msgspec.json.Decoder(Head)


def kind_of(type_: str) -> Kind:
    """Map a STIX type to a kind; what has no kind is `OTHER`, shared only by `all`."""
    kind = _KINDS.get(type_)
    if kind is None:
        return Kind.TECHNIQUE if type_.startswith("x-mitre-") else Kind.OTHER
    return kind


def type_of(id_: str) -> str:
    """The type that an id names; an empty string if it is not spelled like an id."""
    type_, _, uuid = id_.rpartition("--")
    if _IS_UUID.fullmatch(uuid) and (type_ in _KINDS or _TYPE.fullmatch(type_)):
        return type_
    return ""


def read_head(raw: bytes) -> Head:
    """Read the head of one object.

    Args:
        raw: the exact bytes of one JSON object, within the limits of `bundle`.

    Raises:
        MalformedError: `stix.not-json`, `stix.wrong-type` (a property of the head has
            another JSON type), `stix.bad-id`, `stix.bundle-inside`, `stix.version`.

    Cost: about 2 microseconds for an object of 1 kB; the rest of it is skipped.
    """
    try:
        head = _DECODER.decode(raw)
    except msgspec.ValidationError as problem:
        where = str(problem).rpartition("`$")[2].rstrip("`") if "`$" in str(problem) else ""
        what = f"the property {where.lstrip('.')}" if where else "a property that every object has"
        raise MalformedError(
            "stix.wrong-type", f"{what} is missing or has the wrong JSON type"
        ) from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise MalformedError("stix.not-json", "the object is not well-formed JSON") from None
    type_ = head.type
    if type_ not in _KINDS:
        if type_ == "bundle":
            raise MalformedError("stix.bundle-inside", "a bundle stands inside the bundle")
        if not _TYPE.fullmatch(type_) or "--" in type_:
            raise MalformedError("stix.bad-id", "its type is not spelled like a STIX type")
    if type_of(head.id) != type_:
        raise MalformedError(
            "stix.bad-id", "its id is not its type, two hyphens and a UUID", facts={}
        )
    if head.spec_version != "2.1":
        _require_version(head)
    return head


def _require_version(head: Head) -> None:
    """Refuse what is not STIX 2.1; without a version it is 2.0 unless it is an observable."""
    observable = head.type in OBSERVABLES or not (head.created or head.modified)
    if not head.spec_version and observable:
        return
    if head.spec_version in ("", "2.0"):
        raise MalformedError(
            "stix.version",
            "this is an object of STIX 2.0; only STIX 2.1 is read",
            hint="convert it with the OASIS elevator first",
        )
    raise MalformedError("stix.version", "only objects of STIX 2.1 are read")


def readable_id(raw: bytes) -> str | None:
    """The id of an object that `read_head` refuses, if there is one that is spelled well."""
    try:
        id_ = msgspec.json.decode(raw, type=_Named).id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return id_ if type_of(id_) else None


class _Named(msgspec.Struct):
    id: str = ""


def instant(text: str) -> Instant | None:
    """Read an RFC 3339 timestamp as STIX spells it; None if it is none.

    A leap second counts as the first second of the next minute. At most 32 digits of a
    fraction are read.
    """
    found = _INSTANT.fullmatch(text)
    if found is None or not text.isascii():
        return None
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    leap = second == 60
    try:
        whole = datetime(year, month, day, hour, minute, 59 if leap else second, tzinfo=UTC)
        whole += timedelta(seconds=leap)
    except (ValueError, OverflowError):
        return None
    return whole, (found.group(7) or "").rstrip("0")


def is_plain(text: str) -> bool:
    """Whether a version is spelled in the way that `version_key` spells it, to the millisecond."""
    return _PLAIN.fullmatch(text) is not None


def version_of(head: Head, digest: Digest) -> str:
    """The version of an object as it stands in it: `modified`, else `created`, else its digest."""
    return head.modified or head.created or digest


def version_key(head: Head, digest: Digest) -> str:
    """Like `version_of`, in one spelling per instant; within one id it sorts by time."""
    text = head.modified or head.created
    if _PLAIN.fullmatch(text):
        return text  # already in that spelling, or no instant and then as it stands
    at = instant(text)
    if at is None:
        return text or digest
    whole, fraction = at
    return f"{whole.replace(tzinfo=None).isoformat()}.{fraction.ljust(3, '0')}Z"


def companions(raw: bytes) -> frozenset[bytes]:
    """The ids of the companions that stand anywhere in an object, its own included; ASCII."""
    return frozenset(_COMPANION.findall(raw))
