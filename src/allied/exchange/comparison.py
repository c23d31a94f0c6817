"""What is new in a release of a data set: object by object, against what is held.

Data sets come out again and again: most objects are as before, a few are new, changed or
revoked. This module compares two forms of one object; where they lie is for others.

Words used here:
    before    the bytes that are held of an object, in the version to compare with
    after     the bytes in the new release

Rules. Versions are compared as instants. The same version with other content is no change but a
contradiction: STIX asks for a new `modified` with every change, and the first bytes stand. The
same content in other bytes (another order, other blanks) is rewritten, and the first bytes
stand as well. What has no version, an observable, is simply another one. An object is revoked
by the version that says so first.

Source: STIX 2.1, section 3.6.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import msgspec

from allied.exchange.stix import instant

MOST_PROPERTIES: Final = 100


class Change(StrEnum):
    """What became of an object."""

    ADDED = "added"
    CHANGED = "changed"
    REVOKED = "revoked"
    UNCHANGED = "unchanged"
    OLDER = "older"
    CONTRADICTING = "contradicting"
    REWRITTEN = "rewritten"
    WITHDRAWN = "withdrawn"
    GONE = "gone"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Difference:
    """What became of one object.

    Attributes:
        before, after: its versions; empty where there is none.
        properties: names of the properties that differ, by name; at most `MOST_PROPERTIES`.
        code: why it is not taken, if it is `INVALID`.
    """

    id: str
    type: str
    change: Change
    before: str = ""
    after: str = ""
    properties: tuple[str, ...] = ()
    code: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """One object in one version: its bytes, and the version as it stands in it."""

    version: str
    raw: bytes


def compare(id_: str, type_: str, before: Form | None, after: Form) -> Difference:
    """What became of an object.

    Args:
        before: what is held: that very version, else the newest; None for nothing.
    """
    if before is None:
        return Difference(id_, type_, Change.ADDED, after=after.version)
    change, properties = _change(before, after), differing(before.raw, after.raw)
    if change == Change.CONTRADICTING and not properties and _is_json(after.raw):
        change = Change.REWRITTEN
    return Difference(id_, type_, change, before.version, after.version, properties)


def is_newer(version: str, than: str) -> bool:
    """Whether a version is newer than another one; a text that is no instant never is."""
    one, other = instant(version), instant(than)
    return one is not None and (other is None or one > other)


def _change(before: Form, after: Form) -> Change:
    if before.raw == after.raw:
        return Change.UNCHANGED
    if is_newer(after.version, before.version):
        revoked = _is_revoked(after.raw) and not _is_revoked(before.raw)
        return Change.REVOKED if revoked else Change.CHANGED
    if is_newer(before.version, after.version):
        return Change.OLDER
    same = before.version == after.version or instant(after.version) is not None
    return Change.CONTRADICTING if same else Change.CHANGED


def _is_json(raw: bytes) -> bool:
    return bool(_members(raw))


def _is_revoked(raw: bytes) -> bool:
    return _members(raw).get("revoked") is True


def differing(before: bytes, after: bytes) -> tuple[str, ...]:
    """The names of the properties that two forms of an object do not have in common."""
    one, other = _members(before), _members(after)
    missing = object()
    names = sorted(
        name
        for name in one.keys() | other.keys()
        if one.get(name, missing) != other.get(name, missing)
    )
    return tuple(names[:MOST_PROPERTIES])


def _members(raw: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
