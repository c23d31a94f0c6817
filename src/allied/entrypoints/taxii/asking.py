"""What a TAXII request asks for: which media type, which parameters.

Words used here:
    parameter     a part of the query string; each may stand there once

Rules. Nothing is passed over in silence: a parameter that means nothing here, stands there
twice or cannot be read is refused. What real clients get wrong without any doubt about what
they mean is understood: no fraction in a time or up to nine digits, an offset instead of Z
(its plus sign turned into a space on the way), an empty `next`, a limit above ours,
`application/json` or several media types in Accept. Everything is bounded before it is read.

Source: OASIS TAXII 2.1, sections 1.6.8, 3.4 to 3.8 and 5.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qsl

from allied.errors import UsageError
from allied.exchange.stix import Instant, instant
from allied.node.additions import microseconds
from allied.node.browsing import DEFAULT_LIMIT, LAST, MAX_LIMIT, Question, Versions

MAX_QUERY: Final = 16 * 1024
MAX_VALUES: Final = 100
"""Values in one parameter, between commas."""

_MAX_ACCEPT: Final = 2048
_MEDIA: Final = frozenset({"application/taxii+json", "application/stix+json"})
"""TAXII names the second beside the first where objects are asked for."""

PAGING: Final = frozenset({"added_after", "limit", "next"})
OF_COLLECTION: Final = PAGING | {
    "match[id]", "match[type]", "match[version]", "match[spec_version]",
}  # fmt: skip
OF_OBJECT: Final = PAGING | {"match[version]", "match[spec_version]"}
OF_VERSIONS: Final = PAGING | {"match[spec_version]"}
OF_DELETED: Final = frozenset({"match[version]", "match[spec_version]"})

_NUMBER: Final = re.compile(r"\d{1,40}", re.ASCII)
_TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,32}))?([Zz]|[+\- ](\d\d):(\d\d))", re.ASCII
)


def accepts_taxii(header: str | None) -> bool:
    """Whether `application/taxii+json;version=2.1` is an answer to that Accept header."""
    if header is None or not header.strip():
        return True
    return len(header) <= _MAX_ACCEPT and _accepts_any(header)


@lru_cache(maxsize=128)  # tools say the same every time
def _accepts_any(header: str) -> bool:
    return any(_accepts(each) for each in header.lower().split(","))


def _accepts(range_: str) -> bool:
    media, *rest = (part.strip() for part in range_.split(";"))
    parameters = dict(part.replace(" ", "").partition("=")[::2] for part in rest)
    if re.fullmatch(r"0(\.0*)?", parameters.get("q", "1")):
        return False
    if media in {"*/*", "application/*", "application/json"}:
        return True
    version = parameters.get("version", "2.1").strip('"')
    return media in _MEDIA and version in {"2.1", "2"}


def takes_content(header: str | None) -> bool:
    """Whether what is posted with that Content-Type is read here.

    An envelope is `application/taxii+json;version=2.1`; tools also send the type of STIX,
    plain JSON, and no version.
    """
    if header is None or len(header) > _MAX_ACCEPT:
        return False
    media, *rest = (part.strip() for part in header.lower().split(";"))
    named = dict(part.replace(" ", "").partition("=")[::2] for part in rest)
    version = named.get("version", "2.1").strip('"')
    return media == "application/json" or (media in _MEDIA and version in {"2.1", "2"})


def parameters(query: bytes, known: frozenset[str]) -> Mapping[str, str]:
    """The parameters of a query string, each of which is `known` and stands there once.

    Raises:
        UsageError: `taxii.query`, `taxii.unknown-parameter`, `taxii.repeated-parameter`.
    """
    if len(query) > MAX_QUERY:
        raise UsageError("taxii.query", f"a query has at most {MAX_QUERY} bytes")
    try:
        pairs = _pairs(query.decode("ascii"))
    except (UnicodeDecodeError, ValueError):
        raise UsageError("taxii.query", "the query string cannot be read") from None
    found: dict[str, str] = {}
    for name, value in pairs:
        if name not in known:
            raise UsageError(
                "taxii.unknown-parameter",
                "a parameter of the query is not known here",
                hint=f"known here: {', '.join(sorted(known))}",
            )
        if name in found:
            raise UsageError("taxii.repeated-parameter", f"{name} stands in the query twice")
        found[name] = value
    return found


def _pairs(text: str) -> list[tuple[str, str]]:
    """Names and values of a query, in their order.

    Raises:
        ValueError: there are too many, or what is escaped is not UTF-8.
    """
    if "%" in text or "+" in text:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_VALUES)
    pieces = text.split("&")  # nothing is escaped, which is the usual query
    if len(pieces) > MAX_VALUES:
        raise ValueError
    parted = (each.partition("=") for each in pieces if each)
    return [(name, value) for name, _, value in parted]


def filters(found: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The parameters that say which list is asked for, whatever part of it."""
    return tuple(sorted(each for each in found.items() if each[0] not in PAGING))


def question(found: Mapping[str, str], *, after: int = 0, versions: Versions = LAST) -> Question:
    """What the parameters of a request ask for.

    Args:
        after: what `next` stands for; see `cursors`.
        versions: those meant where no parameter says which.

    Raises:
        UsageError: `taxii.limit`, `taxii.added-after`, `taxii.match`, `taxii.match-version`.
    """
    added_after = found.get("added_after")
    types = _values(found, "match[type]")
    spec_versions = _values(found, "match[spec_version]")
    if spec_versions is not None and "2.1" not in spec_versions:
        types = ()  # nothing else than STIX 2.1 is ever stored
    wanted = _values(found, "match[version]")
    if wanted is not None and len(wanted) != found["match[version]"].count(",") + 1:
        raise UsageError("taxii.match-version", "match[version] has a value twice")
    return Question(
        limit=_limit(found.get("limit")),
        after=after,
        added_after=None if added_after is None else _microseconds(added_after),
        ids=_values(found, "match[id]"),
        types=types,
        versions=versions if wanted is None else _versions(wanted),
    )


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not _NUMBER.fullmatch(text) or int(text) < 1:
        raise UsageError(
            "taxii.limit",
            "limit is a whole number from 1",
            hint=f"at most {MAX_LIMIT} are given at once; `next` leads to the rest",
        )
    return min(int(text), MAX_LIMIT)


def _microseconds(text: str) -> int:
    """A time as whole microseconds since 1970; digits beyond them are cut."""
    found = _TIME.fullmatch(text)
    refusal = UsageError(
        "taxii.added-after",
        "added_after is a time like 2026-11-01T00:00:00Z",
        hint="in UTC, with or without a fraction of a second",
    )
    if found is None:
        raise refusal
    day, clock, fraction, zone, hours, minutes = found.groups()
    try:
        at = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=UTC)
        if hours:
            ahead = timedelta(hours=int(hours), minutes=int(minutes))
            at = at.replace(tzinfo=timezone(-ahead if zone[0] == "-" else ahead))
        return microseconds(at) + int((fraction or "").ljust(6, "0")[:6])
    except (ValueError, OverflowError):
        raise refusal from None


def _values(found: Mapping[str, str], name: str) -> tuple[str, ...] | None:
    """The values between commas, each once, in order; None if the parameter is not there."""
    text = found.get(name)
    if text is None:
        return None
    values = tuple(dict.fromkeys(each.strip() for each in text.split(",")))
    if not all(values) or len(values) > MAX_VALUES:
        raise UsageError(
            "taxii.match", f"{name} takes 1 to {MAX_VALUES} values with commas between them"
        )
    return values


def _versions(values: Sequence[str]) -> Versions:
    words = {"last", "first", "all"}
    times = [instant(each) for each in values if each not in words]
    if None in times or ("all" in values and len(values) > 1):
        raise UsageError(
            "taxii.match-version",
            "match[version] takes last, first and times like 2026-11-01T00:00:00.000Z,"
            " or all by itself",
        )
    at: frozenset[Instant] = frozenset(each for each in times if each is not None)
    return Versions("last" in values, "first" in values, "all" in values, at)
