"""Which observable values an object names, in the one spelling under which they are compared.

Two objects have to do with each other when they name the same address, name or hash. An
indicator names what its pattern asks for, an observable what it is, and observed data what
stands inside it. A sighting names nothing; what it and observed data point to is told apart,
so that sightings can be found by what was seen.

Words used here:
    value     a kind and a text: `domain` and `c2.example`
    points    a sighting or observed data refers to another object by its id

Rules that hold everywhere here. Equal values have equal spellings, whoever wrote them. What
is only compared with `!=` or NOT, by a range or by an expression is not named. Nothing that
stands inside a quoted text is taken for a comparison. A value that cannot be spelled in its
kind names nothing, and neither does an object that is revoked. An object names at most
`MAX_VALUES`; the rest is passed over.

Source: STIX 2.1, sections 3.6, 4.6, 4.14, 6 and 9; RFC 3986 and 5952 for spellings.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import msgspec

MAX_VALUES: Final = 1_000
"""Values that one object is found by."""

MAX_TEXT: Final = 2_000
"""Characters of one value; longer ones are not compared."""

_MAX_PATTERN: Final = 1 << 20


class ValueKind(StrEnum):
    """The kinds of values that are compared; the last is for what points, and is not shown."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"
    DOMAIN = "domain"
    URL = "url"
    EMAIL = "email"
    MD5 = "md5"
    SHA1 = "sha1"
    SHA256 = "sha256"
    SHA512 = "sha512"
    OTHER_HASH = "other-hash"
    FILE_NAME = "file-name"
    MAC = "mac"
    AS_NUMBER = "as-number"
    MUTEX = "mutex"
    REGISTRY_KEY = "registry-key"
    POINTS_TO = "points-to"


@dataclass(frozen=True, slots=True, order=True)
class Value:
    """One value in the spelling under which it is compared."""

    kind: ValueKind
    text: str

    def __str__(self) -> str:
        """As people write it."""
        return f"{self.kind.value} {self.text}"


# --- spelling ---------------------------------------------------------------------------

_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}", re.ASCII)
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<where>[^/?#\s]*)(?P<rest>\S*)")
_NAME = re.compile(r"(?:[\w-]{1,63}\.)*[\w-]{1,63}")
_MAIL = re.compile(r"[^\s@]+@[^\s@]+")
_MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")


def spelled(kind: ValueKind, text: str) -> Value | None:
    """A value in its one spelling; None if the text is none of that kind."""
    if not text or len(text) > MAX_TEXT or "\0" in text:
        return None
    found = _SPELLERS[kind](text)
    return Value(kind, found) if found else None


def _address(text: str) -> Value | None:
    """An address or network of either version."""
    if _IPV4.fullmatch(text):
        return Value(ValueKind.IPV4, text)
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    kind = ValueKind.IPV4 if network.version == 4 else ValueKind.IPV6
    whole = network.prefixlen == network.max_prefixlen
    return Value(kind, str(network.network_address) if whole else str(network))


def _of_version(kind: ValueKind) -> Callable[[str], str]:
    def spell(text: str) -> str:
        found = _address(text.strip()) if len(text) < 64 else None
        return found.text if found is not None and found.kind == kind else ""

    return spell


def _domain(text: str) -> str:
    name = text.strip().removesuffix(".").lower()
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii") if len(name) < 254 else ""
        except UnicodeError:
            return ""
    return name if len(name) < 254 and _NAME.fullmatch(name) else ""


def _url(text: str) -> str:
    found = _URL.fullmatch(text.strip())
    if found is None:
        return ""
    user, at, host = found["where"].rpartition("@")
    return f"{found['scheme'].lower()}://{user}{at}{host.lower()}{found['rest'] or '/'}"


def _hash(length: int) -> Callable[[str], str]:
    form = re.compile(rf"[0-9a-f]{{{length}}}")
    return lambda text: text.lower() if form.fullmatch(text.lower()) else ""


def _lowered(form: re.Pattern[str]) -> Callable[[str], str]:
    return lambda text: text.strip().lower() if form.fullmatch(text.strip().lower()) else ""


_SPELLERS: Final[Mapping[ValueKind, Callable[[str], str]]] = {
    ValueKind.IPV4: _of_version(ValueKind.IPV4),
    ValueKind.IPV6: _of_version(ValueKind.IPV6),
    ValueKind.DOMAIN: _domain,
    ValueKind.URL: _url,
    ValueKind.EMAIL: _lowered(_MAIL),
    ValueKind.MD5: _hash(32),
    ValueKind.SHA1: _hash(40),
    ValueKind.SHA256: _hash(64),
    ValueKind.SHA512: _hash(128),
    ValueKind.OTHER_HASH: str,
    ValueKind.FILE_NAME: str.casefold,
    ValueKind.MAC: lambda text: _lowered(_MAC)(text.replace("-", ":")),
    ValueKind.AS_NUMBER: lambda text: str(int(text)) if re.fullmatch(r"[0-9]{1,10}", text) else "",
    ValueKind.MUTEX: str,
    ValueKind.REGISTRY_KEY: lambda text: text.rstrip("\\").casefold(),
    ValueKind.POINTS_TO: str,
}
_HASHES: Final = {
    "MD5": ValueKind.MD5,
    "SHA1": ValueKind.SHA1,
    "SHA256": ValueKind.SHA256,
    "SHA512": ValueKind.SHA512,
}


def _hashed(algorithm: str, text: str) -> Value | None:
    kind = _HASHES.get(algorithm.upper().replace("-", ""))
    if kind is not None:
        return spelled(kind, text)
    return spelled(ValueKind.OTHER_HASH, f"{algorithm.upper()} {text}")


_BY_TYPE: Final[Mapping[tuple[str, str], ValueKind]] = {
    ("ipv4-addr", "value"): ValueKind.IPV4,
    ("ipv6-addr", "value"): ValueKind.IPV6,
    ("domain-name", "value"): ValueKind.DOMAIN,
    ("url", "value"): ValueKind.URL,
    ("email-addr", "value"): ValueKind.EMAIL,
    ("file", "name"): ValueKind.FILE_NAME,
    ("mac-addr", "value"): ValueKind.MAC,
    ("autonomous-system", "number"): ValueKind.AS_NUMBER,
    ("mutex", "name"): ValueKind.MUTEX,
    ("windows-registry-key", "key"): ValueKind.REGISTRY_KEY,
}
_HASHING: Final = frozenset({"file", "artifact", "x509-certificate"})
_MEMBERS: Final = tuple(sorted({member for _, member in _BY_TYPE}))

# --- asking -----------------------------------------------------------------------------


def candidates(text: str) -> tuple[Value, ...]:
    """The values that somebody can mean by a text, most special first; see `spelled`.

    Dots in brackets and `hxxp`, by which reports keep addresses from being clicked on, are
    read as what they stand for.
    """
    plain = re.sub(r"\[(\.|:|://|@)\]", r"\1", text.strip())
    plain = re.sub(r"\A(?i:hxxp)(?=s?://)", "http", plain)
    kinds = [
        ValueKind.IPV4, ValueKind.IPV6, ValueKind.URL, ValueKind.EMAIL, ValueKind.MAC,
        ValueKind.MD5, ValueKind.SHA1, ValueKind.SHA256, ValueKind.SHA512,
    ]  # fmt: skip
    for kind in kinds:
        found = spelled(kind, plain)
        if found is not None:
            return (found,)
    kinds = [ValueKind.DOMAIN, ValueKind.FILE_NAME, ValueKind.MUTEX, ValueKind.REGISTRY_KEY]
    if re.fullmatch(r"(?i:as)[0-9]{1,10}", plain):
        plain, kinds = plain[2:], [ValueKind.AS_NUMBER]
    found_of = (spelled(kind, plain) for kind in kinds)
    return tuple(each for each in found_of if each is not None)


# --- patterns ---------------------------------------------------------------------------

_TEXT = r"'(?:[^'\\]|\\.)*+'"
_PATH = (
    r"(?<![\w:.'-])(?P<type>[a-z][a-z0-9-]*+):"
    rf"(?P<path>[A-Za-z_]\w*+(?:\.(?:\w++|{_TEXT})|\[(?:\d+|\*)\])*+)"
)
_SAID = re.compile(
    rf"{_PATH}\s*+(?:=\s*+(?P<one>{_TEXT}|\d++)|IN\s*+\((?P<some>(?:[^()']|{_TEXT})*+)\))"
    rf"|{_TEXT}",
    re.ASCII | re.DOTALL,
)
_LITERAL = re.compile(rf"({_TEXT})|(\d+)", re.ASCII | re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def in_pattern(pattern: str) -> Iterator[Value]:
    """The values that a STIX pattern asks for, in its order; some may come twice.

    Cost: linear in its length.
    """
    for found in _SAID.finditer(pattern) if len(pattern) <= _MAX_PATTERN else ():
        type_, path = found["type"], found["path"]
        if type_ is None:
            continue
        for literal in _LITERAL.finditer(found["one"] or found["some"]):
            text = literal[2] or _ESCAPED.sub(r"\1", literal[1][1:-1])
            value = _at(type_, path, text)
            if value is not None:
                yield value


def _at(type_: str, path: str, text: str) -> Value | None:
    """What a text is that stands at a path of an object."""
    kind = _BY_TYPE.get((type_, path))
    if kind is not None:
        return spelled(kind, text)
    if path.startswith("hashes."):
        return _hashed(path[7:].strip("'"), text) if type_ in _HASHING else None
    # What another object is referred to by: its type has to be guessed from the value.
    if re.search(r"_refs?(?:\[(?:\d+|\*)\])?\.value\Z", path):
        return _address(text) or spelled(_guessed(text), text) if len(text) <= MAX_TEXT else None
    return None


def _guessed(text: str) -> ValueKind:
    return ValueKind.EMAIL if "@" in text else ValueKind.DOMAIN


# --- objects ----------------------------------------------------------------------------


class _Indicator(msgspec.Struct):
    pattern: str = ""
    pattern_type: str = ""


class _Sighting(msgspec.Struct):
    sighting_of_ref: str = ""
    observed_data_refs: list[str] = []


class _Observed(msgspec.Struct):
    object_refs: list[str] = []
    objects: dict[str, Any] = {}


class _Seen(msgspec.Struct):
    value: Any = None
    name: Any = None
    key: Any = None
    number: Any = None
    hashes: Any = None


_INDICATOR: Final = msgspec.json.Decoder(_Indicator)
_SIGHTING: Final = msgspec.json.Decoder(_Sighting)
_OBSERVED: Final = msgspec.json.Decoder(_Observed)
_SEEN: Final = msgspec.json.Decoder(_Seen)


class _Revoked(msgspec.Struct):
    revoked: bool = False


_REVOKED: Final = msgspec.json.Decoder(_Revoked)
_SEEN_TYPES: Final = frozenset(type_ for type_, _ in _BY_TYPE) | _HASHING
TYPES: Final = _SEEN_TYPES | {"indicator", "sighting", "observed-data"}
"""The types of objects that can name or point to anything."""


def values_of(raw: bytes, type_: str) -> tuple[Value, ...]:
    """The values by which an object is found, each once, in the order in which it names them.

    Args:
        raw: the exact bytes of an object that was taken in as STIX.
        type_: its type.

    Cost: a few microseconds; linear in its size.
    """
    try:
        if b'"revoked"' in raw and _REVOKED.decode(raw).revoked:
            return ()
        found = _named(raw, type_)
        return tuple(_first(dict.fromkeys(found)))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ()  # nothing is found by what cannot be read


def _first(values: Iterable[Value]) -> Iterator[Value]:
    for number, value in enumerate(values):
        if number == MAX_VALUES:
            return
        yield value


def _named(raw: bytes, type_: str) -> Iterable[Value]:
    if type_ == "indicator":
        indicator = _INDICATOR.decode(raw)
        return in_pattern(indicator.pattern) if indicator.pattern_type == "stix" else ()
    if type_ in _SEEN_TYPES:
        seen = _SEEN.decode(raw)
        return _observable(type_, {name: getattr(seen, name) for name in seen.__struct_fields__})
    if type_ == "sighting":
        sighting = _SIGHTING.decode(raw)
        return _pointing((sighting.sighting_of_ref, *sighting.observed_data_refs))
    if type_ == "observed-data":
        observed = _OBSERVED.decode(raw)
        inside = [
            value
            for each in observed.objects.values()
            if isinstance(each, dict) and isinstance(each.get("type"), str)
            for value in _observable(each["type"], each)
        ]
        return [*inside, *_pointing(observed.object_refs)]
    return ()


def _observable(type_: str, members: Mapping[str, Any]) -> Iterator[Value]:
    """What an observable is: its value, name, key or number, and its hashes."""
    for member in _MEMBERS:
        said = members.get(member)
        kind = _BY_TYPE.get((type_, member))
        if kind is not None and isinstance(said, str | int) and not isinstance(said, bool):
            value = spelled(kind, str(said))
            if value is not None:
                yield value
    hashes = members.get("hashes")
    if type_ in _HASHING and isinstance(hashes, dict):
        for algorithm, text in hashes.items():
            value = _hashed(algorithm, text) if isinstance(text, str) else None
            if value is not None:
                yield value


def _pointing(ids: Iterable[str]) -> Iterator[Value]:
    for each in ids:
        value = points_to(each)
        if value is not None:
            yield value


def points_to(id_: str) -> Value | None:
    """What a sighting or observed data is found by that points to an object."""
    return spelled(ValueKind.POINTS_TO, id_)
