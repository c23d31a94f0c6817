"""Which plain values an indicator names: the lines of a blocklist.

Most indicators say that one value is bad, or each of a few: `[domain-name:value = 'x']`, or
several such comparisons joined by OR. These become entries. Whatever else a pattern says
(AND, another comparison, a time, a qualifier) cannot be said by a list and becomes none.

Words used here:
    entry    a value of one kind, in the one spelling under which it is listed
    usable   an address that can be outside somebody's own network, a name with a dot, a hash
             of the right length; what is not usable is in no list

Rules that hold everywhere here. An entry is printable ASCII without blanks, whatever the
pattern held. Equal values have equal entries. No entry names a network so wide, or an address
so near (loopback, private, multicast), that listing it would cut its reader off.

Source: STIX 2.1, section 9; RFC 1918, 4193, 5735, 5952 for addresses.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_PATTERN: Final = 1 << 20
"""Characters of a pattern that are read; a longer one has no entries."""

MAX_URL: Final = 2_000
_WIDEST: Final = {4: 8, 6: 16}


class ValueKind(StrEnum):
    """The kinds of value that a list can hold."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"
    DOMAIN = "domain"
    URL = "url"
    MD5 = "md5"
    SHA1 = "sha1"
    SHA256 = "sha256"


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One value in the spelling under which it is listed."""

    kind: ValueKind
    value: str


@dataclass(frozen=True, slots=True)
class Read:
    """What a pattern gives.

    Attributes:
        entries: in the order of the pattern, each once.
        passed_over: alternatives that are no usable value of a kind; 1 for a pattern that is
            no flat list of equalities at all.
    """

    entries: tuple[Entry, ...]
    passed_over: int


_TEXT = r"'((?:[^'\\\x00-\x1f]|\\['\\])*+)'"
_PATH = r"([a-z][a-z0-9-]*+:[a-z_]++(?:\.(?:[a-zA-Z0-9_]++|'[A-Za-z0-9-]++'))*+)"
_EQUALITY = re.compile(rf"\s*+{_PATH}\s*+=\s*+{_TEXT}\s*+", re.ASCII)
_OPENS = re.compile(r"\s*+\[")
_OR = re.compile(r"OR(?=\s)")
_OR_GROUP = re.compile(r"\s*+OR\s*+(?=\[)")
_NOTHING: Final = Read((), 1)

_PATHS: Final[Mapping[str, ValueKind]] = {
    "ipv4-addr:value": ValueKind.IPV4,
    "ipv6-addr:value": ValueKind.IPV6,
    "domain-name:value": ValueKind.DOMAIN,
    "url:value": ValueKind.URL,
    "file:hashes.MD5": ValueKind.MD5,
    "file:hashes.'MD5'": ValueKind.MD5,
    "file:hashes.'SHA-1'": ValueKind.SHA1,
    "file:hashes.'SHA-256'": ValueKind.SHA256,
}


def read(pattern: str) -> Read:
    """The entries of a STIX pattern.

    Cost: linear in its length.
    """
    found = _alternatives(pattern) if len(pattern) <= MAX_PATTERN else None
    if not found:
        return _NOTHING
    entries: dict[Entry, None] = {}
    passed_over = 0
    for path, value in found:
        kind = _PATHS.get(path)
        spelled = spell(kind, value) if kind is not None else None
        if kind is None or spelled is None:
            passed_over += 1
        else:
            entries[Entry(kind, spelled)] = None
    return Read(tuple(entries), passed_over)


def _alternatives(pattern: str) -> list[tuple[str, str]] | None:
    """(path, value) of each equality, if the pattern is nothing but alternatives of them."""
    found: list[tuple[str, str]] = []
    at = 0
    while True:
        opens = _OPENS.match(pattern, at)
        if opens is None:
            return None
        at = opens.end()
        while True:
            equality = _EQUALITY.match(pattern, at)
            if equality is None:
                return None
            path, value = equality.groups()
            found.append((path, re.sub(r"\\(.)", r"\1", value)))
            at = equality.end()
            another = _OR.match(pattern, at)
            if another is None:
                break
            at = another.end()
        if not pattern.startswith("]", at):
            return None
        at += 1
        another = _OR_GROUP.match(pattern, at)
        if another is None:
            return found if not pattern[at:].strip() else None
        at = another.end()


# --- spelling ---------------------------------------------------------------------------

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+(?!\d+\Z){_LABEL}")
_URL = re.compile(
    r"(?P<scheme>https?|ftp)://(?:[!-.0-?A-~]*@)?"
    r"(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?(?:[/?#][!-~]*)?",
    re.IGNORECASE | re.ASCII,
)
_NEAR: Final = tuple(
    ipaddress.ip_network(each)
    for each in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3",
        "::/127", "::ffff:0:0/96", "fc00::/7", "fe80::/10", "ff00::/8",
    )
)  # fmt: skip


def spell(kind: ValueKind, text: str) -> str | None:
    """The spelling under which a value is listed; None if it is not usable."""
    return _SPELLERS[kind](text) if text.isascii() else None


def _address(text: str, version: int) -> str | None:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    if network.version != version or network.prefixlen < _WIDEST[version] or "%" in text:
        return None
    if any(near.version == version and network.overlaps(near) for near in _NEAR):
        return None
    whole = network.prefixlen == network.max_prefixlen
    return str(network.network_address) if whole else str(network)


def _domain(text: str) -> str | None:
    name = text.lower().removesuffix(".")
    return name if len(name) <= 253 and _DOMAIN.fullmatch(name) else None


def _url(text: str) -> str | None:
    found = _URL.fullmatch(text) if len(text) <= MAX_URL else None
    if found is None:
        return None
    host = found["host"]
    if host.startswith("["):
        usable = _address(host[1:-1], 6)
    else:
        usable = _domain(host) or _address(host, 4)
    return text if usable is not None and "/" not in usable else None


def _hash(length: int) -> Callable[[str], str | None]:
    form = re.compile(rf"[0-9a-f]{{{length}}}")
    return lambda text: text.lower() if form.fullmatch(text.lower()) else None


_SPELLERS: Final[Mapping[ValueKind, Callable[[str], str | None]]] = {
    ValueKind.IPV4: lambda text: _address(text, 4),
    ValueKind.IPV6: lambda text: _address(text, 6),
    ValueKind.DOMAIN: _domain,
    ValueKind.URL: _url,
    ValueKind.MD5: _hash(32),
    ValueKind.SHA1: _hash(40),
    ValueKind.SHA256: _hash(64),
}


def host_of(url: str) -> str:
    """The host in the value of a `url` entry, lower-case; an address without brackets."""
    found = _URL.fullmatch(url)
    return found["host"].strip("[]").lower().removesuffix(".") if found else ""
