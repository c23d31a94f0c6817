"""Which objects a STIX 2.1 bundle holds, byte for byte, without holding the bundle.

A bundle arrives as chunks of bytes of any size and leaves as one `Found` (the exact bytes
of an object) or `Refused` per element of its `objects`, in order. Memory is bounded by the
largest object that is allowed, whatever the size of the bundle. What an object means, and
whether it is valid STIX, is for `stix` and `validity`; files and gzip are for an adapter.

Words used here:
    element    one value in the `objects` array, an object or not
    level      an object is its own level 1; each `{` or `[` inside opens one more

`stream` finds where each element begins and ends: a window at a time where that works out,
else one element at a time by a scanner that walks brackets and strings.

Rules that hold everywhere here. One bad element never hides its neighbours. What makes the
file as a whole something else (an encoding, STIX 2.0, no bundle) raises `MalformedError`,
and nothing of it may be used. What breaks off part-way (truncated, broken, trailing bytes)
raises `BrokenError` after everything complete before it was given out. What is refused is
never quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from allied.errors import MalformedError
from allied.exchange.stream import PREFIX, WINDOW, BrokenError, JsonStream

__all__ = [
    "DEFAULT_LIMITS", "BrokenError", "Found", "Limits", "Refused", "Row", "rows", "scan",
]  # fmt: skip

_NAME = 1024
_MEMBERS = 64

_NO_BRACKET = re.compile(rb'(?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+")++', re.DOTALL)
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[{}\[\]:,]', re.DOTALL)
_ID = re.compile(
    rb'"([a-z0-9][a-z0-9-]{0,249}--[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"'
)

_QUOTE, _COMMA, _COLON = b'",:'
_OPEN_OBJECT, _CLOSE_OBJECT, _OPEN_ARRAY, _CLOSE_ARRAY = b"{}[]"
_AS_ARRAYS = bytes.maketrans(b"{}", b"[]")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a reader takes before it refuses.

    Attributes:
        total: bytes of the whole bundle, uncompressed.
        item: bytes of one object.
        depth: levels of one object.
    """

    total: int = 4 << 30
    item: int = 16 << 20
    depth: int = 64


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Found:
    """One object of a bundle: its place among the elements, from 0, and its exact bytes."""

    index: int
    raw: bytes


class Refused(msgspec.Struct, frozen=True, array_like=True, tag="refused", gc=False):
    """One element or object that is not taken; the rest goes on.

    Attributes:
        index: its place among the elements, from 0.
        id: its STIX id, where one could be read.
        code: stable, for machines.
        reason: one sentence for people; never the content.
    """

    index: int
    id: str | None
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Row:
    """Objects of a bundle that stand next to each other.

    Attributes:
        index: the place of the first among the elements, from 0; the others follow.
        raws: their exact bytes; never empty.
    """

    index: int
    raws: list[bytes]


def scan(
    chunks: Iterable[bytes], limits: Limits = DEFAULT_LIMITS, *, envelope: bool = False
) -> Iterator[Found | Refused]:
    """Give out each object of a bundle, in order, as the bytes arrive; see `rows`."""
    for each in rows(chunks, limits, envelope=envelope):
        if isinstance(each, Row):
            for index, raw in enumerate(each.raws, start=each.index):
                yield Found(index, raw)
        else:
            yield each


def rows(
    chunks: Iterable[bytes], limits: Limits = DEFAULT_LIMITS, *, envelope: bool = False
) -> Iterator[Row | Refused]:
    """Give out the objects of a bundle, in order, as the bytes arrive, many at a time.

    The bundle's own members (`type`, `id`, `spec_version`) may stand before or behind
    `objects`; what they say is therefore certain only when the iterator has ended.

    Args:
        chunks: the bytes of the bundle, in pieces of any size. An `AlliedError` that it
            raises is raised here, after what came before it was given out.
        limits: see `Limits`.
        envelope: also take a TAXII envelope, which has `objects` and no `type`.

    Raises:
        MalformedError: the whole is refused: `stix.empty`, `stix.encoding`,
            `stix.not-a-bundle`, `stix.version`, `stix.duplicate-key`, `stix.too-big`.
        BrokenError: what was given out stands, the rest is lost: `stix.truncated`,
            `stix.broken`, `stix.trailing`, `stix.too-tangled`.

    Cost: one pass; at most `limits.item` plus two windows in memory.
    Source: STIX 2.1, section 8 (bundle); RFC 8259.
    """
    stream = JsonStream(chunks, limits.total)
    _require_utf8(stream)
    first = stream.peek()
    if first < 0:
        stream.require_whole()
        raise MalformedError("stix.empty", "there is nothing in it", hint="give a STIX 2.1 bundle")
    if first != _OPEN_OBJECT:
        raise _not_a_bundle("it does not start with an object")
    stream.pos += 1
    seen: dict[str, str] = {}
    if stream.peek_more() == _CLOSE_OBJECT:
        raise _not_a_bundle("it is empty")
    while True:
        name = _member_name(stream, seen)
        seen[name] = ""
        if name == "objects":
            yield from _elements(stream, limits)
        elif name in ("type", "id", "spec_version"):
            seen[name] = _short_text(stream, name)
            _require_bundle(seen)
        else:
            _pass_over(stream, limits)
        following = stream.peek_more()
        stream.pos += 1
        if following == _CLOSE_OBJECT:
            break
        if following != _COMMA:
            raise stream.broken()
        stream.peek_more()
    if "type" not in seen and not (envelope and "objects" in seen):
        raise _not_a_bundle("it has no type")
    if stream.peek() >= 0:
        raise BrokenError(
            "stix.trailing",
            "something follows after the end of the bundle",
            hint="give one bundle per file",
        )
    stream.require_whole()


def _require_utf8(stream: JsonStream) -> None:
    """Refuse byte order marks and the encodings whose text holds NUL bytes."""
    stream.fill(4)
    start = stream.buf[:4]
    if start.startswith(b"\xef\xbb\xbf"):
        problem = "it starts with a byte order mark"
    elif start[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in start:
        problem = "it is encoded as UTF-16 or UTF-32"
    else:
        return
    raise MalformedError(
        "stix.encoding", problem, hint="save it as UTF-8 without a byte order mark"
    )


def _not_a_bundle(problem: str) -> MalformedError:
    return MalformedError(
        "stix.not-a-bundle",
        f"this is not a STIX bundle: {problem}",
        hint='put the objects into {"type": "bundle", "id": "bundle--<uuid>", "objects": [...]}',
    )


def _require_bundle(seen: dict[str, str]) -> None:
    if seen.get("type", "bundle") != "bundle":
        raise _not_a_bundle("its type is another")
    if seen.get("spec_version", "2.1") == "2.0":
        raise MalformedError(
            "stix.version",
            "this is a STIX 2.0 bundle; only STIX 2.1 is read",
            hint="convert it with the OASIS elevator first",
        )
    if seen.get("spec_version", "2.1") != "2.1":
        raise MalformedError("stix.version", "only bundles of STIX 2.1 are read")


def _member_name(stream: JsonStream, seen: dict[str, str]) -> str:
    """Read one name of the bundle's own and the colon behind it."""
    if stream.peek_more() != _QUOTE:
        raise stream.broken()
    name = _short_text(stream, "name")
    if name in seen:
        raise MalformedError(
            "stix.duplicate-key",
            "the bundle has the same member twice, so that readers may differ on what it says",
        )
    if len(seen) >= _MEMBERS:
        raise _not_a_bundle(f"it has more than {_MEMBERS} members")
    if stream.peek_more() != _COLON:
        raise stream.broken()
    stream.pos += 1
    if stream.peek_more() != _OPEN_ARRAY and name == "objects":
        raise _not_a_bundle("its objects are not a list")
    return name


def _short_text(stream: JsonStream, name: str) -> str:
    if stream.buf[stream.pos] != _QUOTE:
        raise _not_a_bundle(f"its {name} is not a text")
    raw, fault = stream.value(_NAME, 1)
    if fault:
        raise _not_a_bundle(f"its {name} is too long")
    try:
        return msgspec.json.decode(raw, type=str)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise stream.broken() from None


def _pass_over(stream: JsonStream, limits: Limits) -> None:
    """Skip a member of the bundle that means nothing here, of any size."""
    raw, fault = stream.value(PREFIX, limits.depth)
    if not fault:
        try:
            msgspec.json.decode(raw, type=msgspec.Raw)
        except msgspec.MsgspecError:
            raise stream.broken() from None


def _elements(stream: JsonStream, limits: Limits) -> Iterator[Row | Refused]:
    """Give out what stands in the array that starts here; end behind its `]`."""
    stream.pos += 1
    if stream.peek_more() == _CLOSE_ARRAY:
        stream.pos += 1
        return
    index = 0
    exact_until = 0  # a window that failed is walked to its end before the next is tried
    while True:
        raws: list[bytes] = []
        at_element = False
        if index and stream.offset >= exact_until:
            raws, at_element = stream.window()
        if raws:
            yield from _checked(index, raws, limits)
            index += len(raws)
            if at_element:
                continue
        else:
            if index and stream.offset >= exact_until:
                exact_until = stream.offset + WINDOW
            raw, fault = stream.value(limits.item, limits.depth)
            if fault:
                yield _refused(index, raw, fault, limits)
            elif not _is_json(raw):
                yield _refused(index, raw, "stix.not-json", limits)
            else:
                yield from _checked(index, [raw], limits)
            index += 1
            stream.note_joint()
        following = stream.peek_more()
        stream.pos += 1
        if following == _CLOSE_ARRAY:
            return
        if following != _COMMA or stream.peek_more() == _CLOSE_ARRAY:
            raise stream.broken()


def _is_json(raw: bytes) -> bool:
    """Whether what the exact scanner has delimited is JSON at all."""
    try:
        msgspec.json.decode(raw, type=msgspec.Raw)
    except msgspec.MsgspecError:
        return False
    return True


def _checked(index: int, raws: list[bytes], limits: Limits) -> Iterator[Row | Refused]:
    """Elements that are JSON: rows of objects within bounds, and what is between them."""
    most, depth = limits.item, limits.depth
    start = 0
    for place, raw in enumerate(raws):
        if (
            raw[0] == _OPEN_OBJECT
            and len(raw) <= most
            and raw.count(b"{") + raw.count(b"[") <= depth
            and raw.isascii()
        ):
            continue
        code = _fault(raw, limits)
        if not code:
            continue
        if start < place:
            yield Row(index + start, raws[start:place])
        yield _refused(index + place, b"" if code == "stix.not-an-object" else raw, code, limits)
        start = place + 1
    if start < len(raws):
        yield Row(index + start, raws[start:] if start else raws)


def _fault(raw: bytes, limits: Limits) -> str:
    """Why an element is not taken; an empty string if it is."""
    if raw[0] != _OPEN_OBJECT:
        return "stix.not-an-object"
    if len(raw) > limits.item:
        return "stix.too-big"
    if (
        raw.count(b"{") + raw.count(b"[") > limits.depth
        and _levels(raw, limits.depth) > limits.depth
    ):
        return "stix.too-deep"
    if not raw.isascii():
        try:
            raw.decode()
        except UnicodeDecodeError:
            return "stix.encoding"
    return ""


def _refused(index: int, raw: bytes, code: str, limits: Limits) -> Refused:
    reason = {
        "stix.too-big": f"the object is larger than {limits.item} bytes",
        "stix.too-deep": f"the object is nested more than {limits.depth} levels deep",
        "stix.not-an-object": "this element of the bundle is not an object",
        "stix.not-json": "the object is not well-formed JSON",
        "stix.encoding": "the object holds bytes that are not UTF-8",
    }[code]
    return Refused(index, _readable_id(raw), code, reason)


def _levels(raw: bytes, limit: int) -> int:
    """Count the levels of well-formed JSON up to `limit` + 1, innermost first."""
    brackets = _NO_BRACKET.sub(b"", raw).translate(_AS_ARRAYS)
    levels = 0
    while brackets and levels <= limit:
        brackets = brackets.replace(b"[]", b"")
        levels += 1
    return levels


def _readable_id(raw: bytes) -> str | None:
    """Find the `id` at level 1 within the first bytes of an object that is refused."""
    prefix = raw[:PREFIX]
    level = 0
    named = False  # the last tokens were `"id"` as a name, and its colon
    before = b""
    for token in _TOKEN.finditer(prefix):
        text = token.group()
        if text in (b"{", b"["):
            level += 1
        elif text in (b"}", b"]"):
            level -= 1
        elif named and text != b":":
            found = _ID.fullmatch(text)
            return found.group(1).decode() if found else None
        elif level == 1 and text == b'"id"' and before in (b"{", b","):
            named = True
        before = text
    return None
