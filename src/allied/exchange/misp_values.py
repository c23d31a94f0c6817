"""Values of MISP attributes as STIX spells them: observables, patterns and instants.

A composite value (`name|hash`) is cut into the parts that its type has; what is not of the
form of its type has no parts and is carried as text.

Source: STIX 2.1, sections 3.2, 6 and 9; MISP core format.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Final

from allied.exchange.misp import IP, PARTS, Attribute, Part

_LATEST: Final = 253_402_300_799


def time_of(timestamp: int) -> str:
    """Seconds since 1970 as an instant of STIX."""
    at = datetime.fromtimestamp(min(max(timestamp, 0), _LATEST), UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def instant_of(text: str | None) -> str:
    """An instant as MISP writes it, in UTC; empty if there is none that can be said there."""
    try:
        at = datetime.fromisoformat(text) if text and len(text) < 64 else None
        at = at.astimezone(UTC) if at and at.tzinfo else None
    except (ValueError, OverflowError):
        return ""
    return f"{at.replace(tzinfo=None).isoformat(timespec='seconds')}.000Z" if at else ""


def is_day(text: str) -> bool:
    """Whether a text is a date like 2026-03-01."""
    try:
        return len(text) == 10 and bool(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC))
    except ValueError:
        return False


def parts_of(one: Attribute) -> list[tuple[Part, str]]:
    """The parts of a value, each with its text; empty if it is not of the form of its type."""
    parts = PARTS.get(one.type, ())
    texts = one.value.split("|") if len(parts) > 1 else [one.value]
    if not parts or len(texts) != len(parts):
        return []
    return (
        list(_resolved(parts, texts))
        if all(_fits(*each) for each in zip(parts, texts, strict=True))
        else []
    )


def _resolved(parts: Sequence[Part], texts: Sequence[str]) -> Iterator[tuple[Part, str]]:
    for part, text in zip(parts, texts, strict=True):
        value = text if part.member in ("name", "key") else text.strip()
        if part.member == "number":
            value = value.removeprefix("AS")
        if part is IP:
            version = ip_address(value.partition("/")[0]).version
            yield Part(f"ipv{version}-addr", "value"), value
        else:
            yield part, value


_LENGTHS: Final = {"MD5": 32, "SHA-1": 40, "SHA-256": 64, "SHA-512": 128}


def _fits(part: Part, text: str) -> bool:
    """Whether a text has the form of a part; what has not is carried as text."""
    value = text.strip()
    if not value or not value.isprintable():
        return False
    if part.member == "number":
        return value.removeprefix("AS").isdecimal() and len(value) < 13
    if part.hash in _LENGTHS:
        hexed = all(each in "0123456789abcdefABCDEF" for each in value)
        return hexed and len(value) == _LENGTHS[part.hash]
    if part is IP:
        try:
            return bool(ip_address(value.partition("/")[0])) and value.count("/") <= 1
        except ValueError:
            return False
    return True


def pattern_of(parts: Sequence[tuple[Part, str]]) -> str:
    """One observation of one object; an address beside a name is what the name resolves to."""
    first = parts[0][0].type
    terms = []
    for part, value in parts:
        path = part.path if part.type == first else f"{first}:resolves_to_refs[*].value"
        quoted = value.replace("\\", "\\\\").replace("'", "\\'")
        terms.append(f"{path} = {value}" if part.member == "number" else f"{path} = '{quoted}'")
    return f"[{' AND '.join(terms)}]"
