"""Which objects a STIX 2.1 bundle holds, byte for byte, without holding the bundle.

A bundle arrives as chunks of bytes of any size and leaves as one `Found` (the exact bytes
of an object) or `Refused` per element of its `objects`, in order. Memory is bounded by the
largest object that is allowed, whatever the size of the bundle. What an object means, and
whether it is valid STIX, is for `stix` and `validity`; files and gzip are for an adapter.

Words used here:
    element    one value in the `objects` array, an object or not
    window     about 1 MiB of the array, decoded at once
    level      an object is its own level 1; each `{` or `[` inside opens one more

How it is fast and still exact. JSON is read from left to right: if `[` + P + `]` decodes,
where P starts at an element, then P is a row of complete elements, whatever follows. If it
decodes only with closers such as `]}]` put behind it, every element of P but the last is
complete. So a window is cut where the text looks as it did between the first two elements
(else behind some `}`, with a few closers tried), and the decoder (msgspec, which gives back
slices and builds nothing) finds the boundaries. Where that fails, the exact scanner below
walks brackets and strings, one element at a time; it alone handles what is too big, too
deep or not JSON, and it gives up on a file that is made of brackets.

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

from allied.errors import AlliedError, MalformedError

WINDOW = 1 << 20
_CUTS = 4
_BRACKETS = 20_000_000
_CLOSERS = (b"]", b"]}]", b"}]", b"}}]", b"]}}]")
_PREFIX = 4096
_NAME = 1024
_MEMBERS = 64

_SPACE = re.compile(rb"[ \t\n\r]*+")
_JOINT = re.compile(rb"[ \t\n\r]*+,[ \t\n\r]*+\{.{7}", re.DOTALL)
_SCALAR = re.compile(rb"[^,\]}\s]*+")
_BODY = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_RUN = re.compile(rb'[^"{}\[\]]*+(?:"(?:[^"\\]++|\\.)*+"[^"{}\[\]]*+)*+', re.DOTALL)
_NO_BRACKET = re.compile(rb'(?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+")++', re.DOTALL)
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[{}\[\]:,]', re.DOTALL)
_ID = re.compile(
    rb'"([a-z0-9][a-z0-9-]{0,249}--[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"'
)

_QUOTE, _BACKSLASH, _COMMA, _COLON = b'"\\,:'
_OPEN_OBJECT, _CLOSE_OBJECT, _OPEN_ARRAY, _CLOSE_ARRAY = b"{}[]"
_AS_ARRAYS = bytes.maketrans(b"{}", b"[]")
_CLOSES = {_OPEN_OBJECT: _CLOSE_OBJECT, _OPEN_ARRAY: _CLOSE_ARRAY}


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


@dataclass(frozen=True, slots=True)
class Refused:
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


class BrokenError(MalformedError):
    """The text of a bundle stops making sense; the objects before that place were given out."""


def scan(
    chunks: Iterable[bytes], limits: Limits = DEFAULT_LIMITS, *, envelope: bool = False
) -> Iterator[Found | Refused]:
    """Give out each object of a bundle, in order, as the bytes arrive.

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
    stream = _Stream(chunks, limits.total)
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
            raise _broken(stream)
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


def _require_utf8(stream: _Stream) -> None:
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


def _broken(stream: _Stream) -> BrokenError:
    return BrokenError(
        "stix.broken",
        f"the text stops being JSON at byte {stream.offset}",
        hint="what came before it was read; mend the file for the rest",
        facts={"offset": stream.offset},
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


def _member_name(stream: _Stream, seen: dict[str, str]) -> str:
    """Read one name of the bundle's own and the colon behind it."""
    if stream.peek_more() != _QUOTE:
        raise _broken(stream)
    name = _short_text(stream, "name")
    if name in seen:
        raise MalformedError(
            "stix.duplicate-key",
            "the bundle has the same member twice, so that readers may differ on what it says",
        )
    if len(seen) >= _MEMBERS:
        raise _not_a_bundle(f"it has more than {_MEMBERS} members")
    if stream.peek_more() != _COLON:
        raise _broken(stream)
    stream.pos += 1
    if stream.peek_more() != _OPEN_ARRAY and name == "objects":
        raise _not_a_bundle("its objects are not a list")
    return name


def _short_text(stream: _Stream, name: str) -> str:
    if stream.buf[stream.pos] != _QUOTE:
        raise _not_a_bundle(f"its {name} is not a text")
    raw, fault = stream.value(_NAME, 1)
    if fault:
        raise _not_a_bundle(f"its {name} is too long")
    try:
        return msgspec.json.decode(raw, type=str)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise _broken(stream) from None


def _pass_over(stream: _Stream, limits: Limits) -> None:
    """Skip a member of the bundle that means nothing here, of any size."""
    raw, fault = stream.value(_PREFIX, limits.depth)
    if not fault:
        try:
            msgspec.json.decode(raw, type=msgspec.Raw)
        except msgspec.MsgspecError:
            raise _broken(stream) from None


def _elements(stream: _Stream, limits: Limits) -> Iterator[Found | Refused]:
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
            for raw in raws:
                yield _checked(index, raw, limits)
                index += 1
            if at_element:
                continue
        else:
            if index and stream.offset >= exact_until:
                exact_until = stream.offset + WINDOW
            raw, fault = stream.value(limits.item, limits.depth)
            yield _refused(index, raw, fault, limits) if fault else _decoded(index, raw, limits)
            index += 1
            stream.note_joint()
        following = stream.peek_more()
        stream.pos += 1
        if following == _CLOSE_ARRAY:
            return
        if following != _COMMA or stream.peek_more() == _CLOSE_ARRAY:
            raise _broken(stream)


def _decoded(index: int, raw: bytes, limits: Limits) -> Found | Refused:
    """Check what the exact scanner has delimited: whether it is JSON at all."""
    try:
        msgspec.json.decode(raw, type=msgspec.Raw)
    except msgspec.MsgspecError:
        return _refused(index, raw, "stix.not-json", limits)
    return _checked(index, raw, limits)


def _checked(index: int, raw: bytes, limits: Limits) -> Found | Refused:
    if raw[0] != _OPEN_OBJECT:
        return _refused(index, b"", "stix.not-an-object", limits)
    if len(raw) > limits.item:
        return _refused(index, raw, "stix.too-big", limits)
    if (
        raw.count(b"{") + raw.count(b"[") > limits.depth
        and _levels(raw, limits.depth) > limits.depth
    ):
        return _refused(index, raw, "stix.too-deep", limits)
    if not raw.isascii():
        try:
            raw.decode()
        except UnicodeDecodeError:
            return _refused(index, raw, "stix.encoding", limits)
    return Found(index, raw)


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
    prefix = raw[:_PREFIX]
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


class _Stream:
    """A view on the next bytes of a bundle: `buf[pos:]`, read on as needed."""

    __slots__ = (
        "_chunks", "_dropped", "_failure", "_front", "_joint", "_limit", "_total", "_walked",
        "buf", "pos",
    )  # fmt: skip

    def __init__(self, chunks: Iterable[bytes], limit: int) -> None:
        self._chunks: Iterator[bytes] | None = iter(chunks)
        self._limit = limit
        self._total = 0
        self._failure: AlliedError | None = None
        self._front = b""  # the first bytes of a value that was too big to keep
        self._dropped = False
        self._joint = b""  # how one element ends and the next begins, in this file
        self._walked = 0  # brackets that were walked one by one
        self.buf = b""
        self.pos = 0

    @property
    def offset(self) -> int:
        """Bytes of the bundle before `pos`."""
        return self._total - len(self.buf) + self.pos

    def fill(self, want: int) -> bool:
        """Hold at least `want` bytes from `pos` on; False if the bundle ends before."""
        held = len(self.buf) - self.pos
        if held >= want:
            return True
        parts = [self.buf[self.pos :]]
        while held < want and self._chunks is not None:
            try:
                chunk = next(self._chunks, None)
            except AlliedError as failure:
                self._failure, chunk = failure, None
            if chunk is None:
                self._chunks = None
                break
            self._total += len(chunk)
            if self._total > self._limit:
                raise MalformedError(
                    "stix.too-big",
                    f"the bundle is larger than {self._limit} bytes",
                    hint="split it, or raise the limit",
                )
            parts.append(chunk)
            held += len(chunk)
        self.buf, self.pos = b"".join(parts), 0
        return held >= want

    def more(self) -> bool:
        """Read on by as much again as is held, so that growing stays linear."""
        held = len(self.buf) - self.pos
        self.fill(held + max(held, WINDOW >> 4))
        return len(self.buf) > held

    def peek(self) -> int:
        """Go to the next byte that is no white space and return it; -1 at the end."""
        while True:
            self.pos = _SPACE.match(self.buf, self.pos).end()  # type: ignore[union-attr]
            if self.pos < len(self.buf):
                return self.buf[self.pos]
            if not self.more():
                return -1

    def peek_more(self) -> int:
        """Like `peek`, where the bundle cannot end yet."""
        following = self.peek()
        if following < 0:
            raise self._truncated()
        return following

    def require_whole(self) -> None:
        """Raise what the source of the chunks raised, if it did."""
        if self._failure is not None:
            raise self._failure

    def _truncated(self) -> AlliedError:
        return self._failure or BrokenError(
            "stix.truncated",
            f"the bundle breaks off after {self._total} bytes",
            hint="what came before was read; fetch the file again for the rest",
            facts={"bytes": self._total},
        )

    def window(self) -> tuple[list[bytes], bool]:
        """Take as many complete elements as one window holds, by trial decoding.

        Returns:
            The elements, none if it did not work out, and whether `pos` is now at the
            start of the next element (else behind the last one).
        """
        self.fill(WINDOW)
        cut = end = min(len(self.buf), self.pos + WINDOW)
        if self._joint and (joint := self.buf.rfind(self._joint, self.pos, end)) >= 0:
            try:
                front = b"".join((b"[", self.buf[self.pos : joint + 1], b"]"))
                raws = msgspec.json.decode(front, type=list[msgspec.Raw])
            except (msgspec.MsgspecError, RecursionError):
                pass
            else:
                self.pos = joint + 1
                return [bytes(raw) for raw in raws], False
        for _ in range(_CUTS):
            cut = self.buf.rfind(b"}", self.pos, cut)
            if cut < 0:
                break
            front = b"[" + self.buf[self.pos : cut + 1]
            for closer in _CLOSERS:
                try:
                    raws = msgspec.json.decode(front + closer, type=list[msgspec.Raw])
                except (msgspec.MsgspecError, RecursionError):
                    continue
                elements = [bytes(raw) for raw in raws]
                if closer == b"]":
                    self.pos = cut + 1
                    return elements, False
                unfinished = elements.pop()
                if elements:
                    self.pos += len(front) + len(closer) - 2 - len(unfinished)
                    return elements, True
        return [], False

    def note_joint(self) -> None:
        """Remember how the text goes on behind an element that was an object."""
        self.fill(_NAME)
        joint = _JOINT.match(self.buf, self.pos)
        self._joint = b"}" + joint.group() if joint else b""

    def value(self, keep: int, depth: int) -> tuple[bytes, str]:
        """Walk over the value that starts at `pos`, however long it is.

        Args:
            keep: how many bytes of it to keep.
            depth: how many levels it may have.

        Returns:
            Its bytes and an empty string; or its first bytes and why it is not taken.

        Raises:
            BrokenError: the text ends inside it, or its brackets do not match.
        """
        self._front, self._dropped = b"", False
        first = self.buf[self.pos]
        if first == _QUOTE:
            end, deep = self._past_string(self.pos + 1, keep), False
        elif first in _CLOSES:
            end, deep = self._past_brackets(keep, depth)
        else:
            end, deep = self._past_scalar(keep), False
        raw = self.buf[self.pos : end]
        self.pos = end
        if self._dropped or len(raw) > keep:
            return self._front or raw[:_PREFIX], "stix.too-big"
        return raw, "stix.too-deep" if deep else ""

    def _extend(self, at: int, keep: int) -> int:
        """Read on behind `at`, letting go of a value that has grown too big; move `at` along."""
        if at - self.pos > keep:
            if not self._dropped:
                self._front = self.buf[self.pos : self.pos + _PREFIX]
                self._dropped = True
            self.pos = at
        gone = self.pos
        if not self.more():
            raise self._truncated()
        return at - gone

    def _past_scalar(self, keep: int) -> int:
        at = self.pos
        while True:
            at = _SCALAR.match(self.buf, at).end()  # type: ignore[union-attr]
            if at < len(self.buf):
                if at == self.pos and not self._dropped:
                    raise _broken(self)
                return at
            at = self._extend(at, keep)

    def _past_string(self, at: int, keep: int) -> int:
        while True:
            at = _BODY.match(self.buf, at).end()  # type: ignore[union-attr]
            if at < len(self.buf) and self.buf[at] == _QUOTE:
                return at + 1
            at = self._extend(at, keep)

    def _past_brackets(self, keep: int, depth: int) -> tuple[int, bool]:
        at = self.pos
        opened = bytearray()  # what closes each level, as far as levels are allowed
        beyond = 0
        deep = False
        while True:
            at = _RUN.match(self.buf, at).end()  # type: ignore[union-attr]
            if at == len(self.buf):
                at = self._extend(at, keep)
                continue
            byte = self.buf[at]
            if byte == _QUOTE:  # a string that does not end in what is held
                at = self._past_string(at + 1, keep)
                continue
            self._walked += 1
            if self._walked > _BRACKETS:
                raise BrokenError(
                    "stix.too-tangled",
                    "the bundle nests and lists so much that reading it would take too long",
                    hint="what came before was read",
                )
            if byte in _CLOSES:
                if len(opened) < depth and not beyond:
                    opened.append(_CLOSES[byte])
                else:
                    beyond += 1
                    deep = True
            elif beyond:
                beyond -= 1
            elif opened.pop() != byte:
                raise _broken(self)
            at += 1
            if not opened and not beyond:
                return at, deep
