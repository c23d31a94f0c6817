"""How a feed is written: the same entries as blocklist, rules, intelligence file or zone.

What goes into a feed is decided elsewhere (`allied.node.feeds`); here each entry becomes the
line or lines of one form, and the heading comments where the form has comments.

Words used here:
    form       one way of writing, with the kinds of value that it can hold
    blocks     the form is made for blocking: only items that may be acted on visibly go into
               it, and nothing that is on a warning list
    heading    what is said above the entries: TLP, source, until when, what was left out

Rules that hold everywhere here. A value never ends a line, a text or a rule: each form quotes
in the way of its reader, and what a form cannot quote is not in it. The same entries give the
same bytes. Numbers of rules follow from what the rule says, not from its place.

Source: Suricata user guide (rules, datasets, payload keywords), Zeek Intelligence Framework,
ISC's DNS Response Policy Zones (draft-vixie-dnsop-dns-rpz), RFC 1035 and 5952.
"""

from __future__ import annotations

import base64
import csv
import io
import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from types import MappingProxyType
from typing import Final

import dns.name
import orjson

from allied.agreement.values import Tlp
from allied.exchange.actions import Action
from allied.exchange.entries import Entry, ValueKind, host_of

_HASHES: Final = (ValueKind.MD5, ValueKind.SHA1, ValueKind.SHA256)
_ADDRESSES: Final = (ValueKind.IPV4, ValueKind.IPV6)


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry of a feed, with what is known of it.

    Attributes:
        ids: indicators that name it, in the order in which they came.
        tlp: the strictest marking among them.
        action: the most visible action that at least one of them permits.
        until: it leaves the feed at this instant; None if it does not by itself.
        warned: warning lists that it is on.
    """

    entry: Entry
    ids: tuple[str, ...]
    tlp: Tlp
    action: Action
    until: datetime | None = None
    warned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands above the entries.

    Attributes:
        source: under which agreement, and of whom.
        tlp: nothing in the feed is marked more strictly.
        entries: how many there are.
        until: the next instant at which an entry leaves; None if none does by itself.
        left_out: by reason, how many were not taken in.
        serial: grows with every change of the entries; 1 to 2^32 - 1.
    """

    form: str
    source: str
    tlp: Tlp
    entries: int
    until: datetime | None
    left_out: Mapping[str, int]
    serial: int

    def lines(self) -> Iterator[str]:
        """The heading as lines of printable ASCII."""
        yield f"Allied feed: {self.form}"
        yield self.tlp.label
        yield f"Source: {plain(self.source)}"
        yield f"Entries: {self.entries}"
        yield f"Expires: {_instant(self.until) or 'no entry by itself'}"
        for reason, count in sorted(self.left_out.items()):
            yield f"Left out: {count} ({plain(reason)})"


Lines = Callable[[Heading, Sequence[Listed]], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Form:
    """One way of writing a feed.

    Attributes:
        file: the last part of its address.
        kinds: what it can hold.
        action: what its entries must permit.
        flags: it says which entries are on a warning list; others leave them out.
        holds: whether it can say one entry; those it cannot are counted.
    """

    name: str
    file: str
    media: str
    kinds: frozenset[ValueKind]
    action: Action
    flags: bool
    holds: Callable[[Entry], bool]
    lines: Lines

    def write(self, heading: Heading, listed: Sequence[Listed]) -> Iterator[bytes]:
        """The feed, line by line."""
        for line in self.lines(heading, listed):
            yield line.encode("ascii") + b"\n"


def plain(text: str) -> str:
    """A text that can stand in a comment: printable ASCII, on one line, at most 200 characters."""
    return "".join(each if " " <= each <= "~" else "?" for each in text[:200])


def _instant(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at else ""


def _comments(heading: Heading, mark: str = "#") -> Iterator[str]:
    return (f"{mark} {line}" for line in heading.lines())


# --- plain lists and tables -------------------------------------------------------------


def _text(heading: Heading, listed: Sequence[Listed]) -> Iterator[str]:
    yield from _comments(heading)
    for each in listed:
        yield each.entry.value


_COLUMNS: Final = ("value", "type", "tlp", "action", "valid_until", "indicators", "warning")
_FORMULA: Final = re.compile(r"[=+\-@\t\r]")


def _csv(heading: Heading, listed: Sequence[Listed]) -> Iterator[str]:
    yield from _comments(heading)
    yield ",".join(_COLUMNS)
    for each in listed:
        row = io.StringIO()
        csv.writer(row, quoting=csv.QUOTE_ALL, lineterminator="").writerow(
            [
                _cell(each.entry.value),
                each.entry.kind.value,
                each.tlp.label,
                each.action.label,
                _instant(each.until),
                " ".join(each.ids),
                _cell("; ".join(plain(name) for name in each.warned)),
            ]
        )
        yield row.getvalue()


def _cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def _jsonl(heading: Heading, listed: Sequence[Listed]) -> Iterator[str]:
    yield _json(
        {
            "type": "feed",
            "tlp": heading.tlp.label,
            "source": plain(heading.source),
            "entries": heading.entries,
            "expires": _instant(heading.until) or None,
            "left_out": dict(sorted(heading.left_out.items())),
        }
    )
    for each in listed:
        yield _json(
            {
                "type": each.entry.kind.value,
                "value": each.entry.value,
                "tlp": each.tlp.label,
                "action": each.action.label,
                "valid_until": _instant(each.until) or None,
                "indicators": list(each.ids),
                "warning": [plain(name) for name in each.warned],
            }
        )


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


# --- Suricata ---------------------------------------------------------------------------

_SID_FIRST: Final = 3_000_000_000
_SID_COUNT: Final = 1_000_000_000
_PLAIN_CONTENT: Final = re.compile(r"[A-Za-z0-9._/-]")


def _content(text: str) -> str:
    """A text between the quotes of `content`: whatever could mean something there, as hex."""
    return "".join(
        each if _PLAIN_CONTENT.fullmatch(each) else f"|{ord(each):02X}|" for each in text
    )


def _rules(heading: Heading, listed: Sequence[Listed]) -> Iterator[str]:
    yield from _comments(heading)
    numbers = _Numbers()
    for each in listed:
        for header, options in _matches(each.entry):
            said = f"Allied {each.entry.kind.value}, {each.tlp.label}"
            about = f"metadata:indicator {each.ids[0]}; " if each.ids else ""
            sid = numbers.of(f"{header} {options}")
            yield f'alert {header} (msg:"{said}"; {options}{about}sid:{sid}; rev:1;)'


def _matches(entry: Entry) -> Iterator[tuple[str, str]]:
    """(header, options) of the rules that find one value."""
    if entry.kind in _ADDRESSES:
        yield f"ip any any <> {entry.value} any", ""
    elif entry.kind == ValueKind.DOMAIN:
        found = f'dotprefix; content:".{_content(entry.value)}"; nocase; endswith; '
        yield "dns any any -> any any", f"dns.query; {found}"
        yield "tls any any -> any any", f"tls.sni; {found}"
    else:
        host, rest = host_of(entry.value), _path_of(entry.value)
        yield (
            "http any any -> any any",
            f'http.host; content:"{_content(host)}"; startswith; endswith; '
            f'http.uri.raw; content:"{_content(rest)}"; startswith; endswith; ',
        )


def _path_of(url: str) -> str:
    """What a request asks a server for: path and question of a URL."""
    rest = re.sub(r"^[a-z]+://[^/?#]*", "", url, flags=re.IGNORECASE).partition("#")[0]
    return rest if rest.startswith("/") else f"/{rest}"


def _in_rules(entry: Entry) -> bool:
    # What goes by HTTPS shows no path on the wire; a content has at most 255 bytes.
    if entry.kind == ValueKind.URL:
        seen = entry.value.lower().startswith("http://")
        return seen and len(_path_of(entry.value)) <= 255
    return len(entry.value) < 250


class _Numbers:
    """Numbers of rules that follow from what they say; two rules never share one."""

    def __init__(self) -> None:
        self._taken: set[int] = set()

    def of(self, text: str) -> int:
        """The number of one rule."""
        number = int.from_bytes(sha256(text.encode()).digest()[:8], "big") % _SID_COUNT
        while number in self._taken:
            number = (number + 1) % _SID_COUNT
        self._taken.add(number)
        return _SID_FIRST + number


def _dataset(heading: Heading, listed: Sequence[Listed]) -> Iterator[str]:  # noqa: ARG001
    """One value per line and nothing else: a data set has no comments."""
    for each in listed:
        text = each.entry.kind in (ValueKind.DOMAIN, ValueKind.URL)
        value = each.entry.value
        yield base64.b64encode(value.encode()).decode() if text else value


def _is_single(entry: Entry) -> bool:
    return entry.kind not in _ADDRESSES or "/" not in entry.value


# --- Zeek -------------------------------------------------------------------------------

_ZEEK: Final[Mapping[ValueKind, str]] = {
    ValueKind.IPV4: "Intel::ADDR",
    ValueKind.IPV6: "Intel::ADDR",
    ValueKind.DOMAIN: "Intel::DOMAIN",
    ValueKind.URL: "Intel::URL",
    **dict.fromkeys(_HASHES, "Intel::FILE_HASH"),
}


def _zeek(heading: Heading, listed: Sequence[Listed]) -> Iterator[str]:
    yield from _comments(heading)
    yield "#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc"
    source = _zeek_text(f"Allied {heading.source}")
    for each in listed:
        type_, value = _ZEEK[each.entry.kind], each.entry.value
        if each.entry.kind in _ADDRESSES and "/" in value:
            type_ = "Intel::SUBNET"
        if each.entry.kind == ValueKind.URL:
            value = value.partition("://")[2]
        until = f" until {_instant(each.until)}" if each.until else ""
        yield "\t".join((_zeek_text(value), type_, source, f"{each.tlp.label}{until}"))


def _zeek_text(text: str) -> str:
    """A field as Zeek's reader takes it: the backslash is its only escape."""
    return plain_long(text).replace("\\", "\\x5c")


def plain_long(text: str) -> str:
    """Printable ASCII on one line, of any length."""
    return "".join(each if " " <= each <= "~" else "?" for each in text)


# --- response policy zones --------------------------------------------------------------

_TTL: Final = 300
_LONGEST_OWNER: Final = 200
_DROP: Final = "CNAME ."


def _zone(heading: Heading, listed: Sequence[Listed]) -> Iterator[str]:
    yield from _comments(heading, ";")
    yield f"$TTL {_TTL}"
    yield f"@ SOA localhost. root.localhost. {heading.serial} 300 60 604800 60"
    yield "@ NS localhost."
    for each in listed:
        for owner in _owners(each.entry):
            yield f"{owner} {_DROP}"


def _owners(entry: Entry) -> Iterator[str]:
    """The names, relative to the zone, that answer for one value."""
    if entry.kind == ValueKind.DOMAIN:
        labels = tuple(label.encode() for label in entry.value.split("."))
        yield dns.name.Name(labels).to_text()
        yield dns.name.Name((b"*", *labels)).to_text()
        return
    network = ipaddress.ip_network(entry.value)
    if network.version == 4:
        words = str(network.network_address).split(".")
    else:
        words = network.network_address.compressed.replace("::", ":zz:").strip(":").split(":")
    labels = tuple(word.encode() for word in (str(network.prefixlen), *reversed(words), "rpz-ip"))
    yield dns.name.Name(labels).to_text()


def _in_zone(entry: Entry) -> bool:
    return len(entry.value) <= _LONGEST_OWNER


# --- all of them ------------------------------------------------------------------------


def _always(entry: Entry) -> bool:  # noqa: ARG001 - the form holds any entry of its kinds
    return True


def _form(
    name: str,
    file: str,
    kinds: Iterable[ValueKind],
    lines: Lines,
    *,
    blocks: bool,
    media: str = "text/plain; charset=us-ascii",
    flags: bool = False,
    holds: Callable[[Entry], bool] = _always,
) -> Form:
    action = Action.DIRECT if blocks else Action.INTERNAL
    return Form(name, file, media, frozenset(kinds), action, flags, holds, lines)


def _forms() -> Iterator[Form]:
    for kind in ValueKind:
        yield _form(kind.value, f"{kind.value}.txt", (kind,), _text, blocks=True)
    yield _form("csv", "values.csv", ValueKind, _csv, blocks=False, media="text/csv", flags=True)
    yield _form(
        "jsonl",
        "values.jsonl",
        ValueKind,
        _jsonl,
        blocks=False,
        media="application/x-ndjson",
        flags=True,
    )
    yield _form(
        "suricata-rules",
        "allied.rules",
        (*_ADDRESSES, ValueKind.DOMAIN, ValueKind.URL),
        _rules,
        blocks=False,
        holds=_in_rules,
    )
    for kind in ValueKind:
        if kind != ValueKind.SHA1:  # Suricata has no data sets of SHA-1
            name = f"suricata-dataset-{kind.value}"
            yield _form(name, f"{kind.value}.lst", (kind,), _dataset, blocks=True, holds=_is_single)
    yield _form("zeek", "allied.intel", ValueKind, _zeek, blocks=False)
    yield _form(
        "rpz",
        "rpz.zone",
        (*_ADDRESSES, ValueKind.DOMAIN),
        _zone,
        blocks=True,
        media="text/dns",
        holds=_in_zone,
    )


FORMS: Final[Mapping[str, Form]] = MappingProxyType({form.name: form for form in _forms()})
"""Every form by its name."""
