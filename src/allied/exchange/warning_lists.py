"""What is known to give false alarms: resolvers, popular sites, empty files.

A warning list names values that stand in indicators by mistake, or that too much depends on.
What is on one is flagged, and kept out of lists that block. The form is that of the MISP
warning lists: a name, a version, how entries are compared, and the entries.

Words used here:
    matching   `string` (the same value), `hostname` (that name or one below it), `cidr` (an
               address in that network), `substring` (the entry stands in the value)

Rules that hold everywhere here. Lists whose entries are expressions are refused: one that
never ends would hold up every feed. A URL is on a list also when its host is. A list is
checked as a whole before anything of it counts.

Source: MISP warning lists, their README (format and types).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from allied.errors import MalformedError
from allied.exchange.entries import Entry, ValueKind, host_of

MAX_LIST: Final = 32 << 20
"""Bytes of one list."""

MAX_ENTRIES: Final = 2_000_000
MATCHINGS: Final = ("string", "hostname", "cidr", "substring")
_MAX_NAME: Final = 200
_MAX_ENTRY: Final = 2_048
_MAX_SUBSTRINGS: Final = 200_000
_START: Final = 4


class _Written(msgspec.Struct):
    name: str
    type: str
    list: tuple[str, ...]
    version: Any = 0


@dataclass(frozen=True, slots=True)
class WarningList:
    """One list, checked.

    Attributes:
        matching: one of `MATCHINGS`.
        entries: in lower case, as they are compared.
    """

    name: str
    version: int
    matching: str
    entries: tuple[str, ...]


def read(raw: bytes) -> WarningList:
    """Read one list.

    Raises:
        MalformedError: `warning-list.too-large`, `warning-list.form`,
            `warning-list.matching`, `warning-list.entry`.
    """
    if len(raw) > MAX_LIST:
        raise MalformedError(
            "warning-list.too-large",
            f"a warning list has at most {MAX_LIST} bytes",
            facts={"size": len(raw), "limit": MAX_LIST},
        )
    try:
        written = msgspec.json.decode(raw, type=_Written)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise MalformedError(
            "warning-list.form",
            "this is no warning list: an object with name, type and list",
        ) from None
    if not 1 <= len(written.name) <= _MAX_NAME or not written.name.isprintable():
        raise MalformedError("warning-list.form", "its name is empty, too long or unprintable")
    if written.type not in MATCHINGS:
        raise MalformedError(
            "warning-list.matching",
            f"only lists of the types {', '.join(MATCHINGS)} are read",
            hint="lists of regular expressions are not compared here",
        )
    return WarningList(
        name=written.name,
        version=written.version if isinstance(written.version, int) else 0,
        matching=written.type,
        entries=_entries(written),
    )


def _entries(written: _Written) -> tuple[str, ...]:
    """The entries in the spelling in which they are compared."""
    most = _MAX_SUBSTRINGS if written.type == "substring" else MAX_ENTRIES
    if len(written.list) > most:
        raise MalformedError("warning-list.too-large", f"it has more than {most} entries")
    found = []
    for number, text in enumerate(written.list):
        entry = text.strip().lower()
        if written.type == "hostname":
            entry = entry.strip(".")
        if written.type == "cidr":
            entry = _network(entry)
        if not entry or len(entry) > _MAX_ENTRY:
            raise MalformedError(
                "warning-list.entry",
                f"entry {number + 1} is empty, too long or of another form than the list says",
                facts={"entry": number + 1},
            )
        found.append(entry)
    return tuple(dict.fromkeys(found))


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return ""


@dataclass(slots=True)
class Warnings:
    """All lists together, made for many questions.

    Cost of a question: a few look-ups per character of the value, whatever the lists hold; one
    search more for each `substring` entry of less than four characters.
    """

    _same: dict[str, list[str]] = field(default_factory=dict)
    _below: dict[str, list[str]] = field(default_factory=dict)
    _networks: dict[tuple[int, int], dict[int, list[str]]] = field(default_factory=dict)
    _parts: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    @classmethod
    def of(cls, lists: Iterable[WarningList]) -> Warnings:
        """Put lists together."""
        made = cls()
        for each in lists:
            made._add(each)
        return made

    def _add(self, one: WarningList) -> None:
        if one.matching == "substring":
            for entry in one.entries:
                # Found by its first characters; one that has fewer stands under none.
                start = entry[:_START] if len(entry) >= _START else ""
                self._parts.setdefault(start, []).append((entry, one.name))
        elif one.matching == "cidr":
            for entry in one.entries:
                network = ipaddress.ip_network(entry)
                length = (network.version, network.prefixlen)
                bits = int(network.network_address) >> (network.max_prefixlen - network.prefixlen)
                self._networks.setdefault(length, {}).setdefault(bits, []).append(one.name)
        else:
            kept = self._same if one.matching == "string" else self._below
            for entry in one.entries:
                kept.setdefault(entry, []).append(one.name)

    def about(self, entry: Entry) -> tuple[str, ...]:
        """The names of the lists on which a value is, sorted; empty if on none."""
        value = entry.value.lower()
        found = set(self._same.get(value, ()))
        found.update(name for part, name in self._parts.get("", ()) if part in value)
        for at in range(len(value) - _START + 1):
            for part, name in self._parts.get(value[at : at + _START], ()):
                if value.startswith(part, at):
                    found.add(name)
        host = host_of(entry.value) if entry.kind == ValueKind.URL else value
        if entry.kind == ValueKind.URL:
            found.update(self._same.get(host, ()))
        if entry.kind in (ValueKind.URL, ValueKind.IPV4, ValueKind.IPV6):
            found.update(self._about_address(host))
        if entry.kind in (ValueKind.URL, ValueKind.DOMAIN):
            labels = host.split(".")
            for start in range(len(labels)):
                found.update(self._below.get(".".join(labels[start:]), ()))
        return tuple(sorted(found))

    def _about_address(self, text: str) -> set[str]:
        """The lists with a network that an address, or a whole network, overlaps."""
        try:
            network = ipaddress.ip_network(text)
        except ValueError:
            return set()
        found: set[str] = set()
        bits, size = int(network.network_address), network.max_prefixlen
        for (version, length), known in self._networks.items():
            if version != network.version:
                continue
            if length <= network.prefixlen:
                found.update(known.get(bits >> (size - length), ()))
            else:
                shift = length - network.prefixlen
                mine = bits >> (size - network.prefixlen)
                found.update(
                    name
                    for other, names in known.items()
                    if other >> shift == mine
                    for name in names
                )
        return found
