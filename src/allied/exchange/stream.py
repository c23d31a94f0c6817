"""Where JSON values begin and end in a stream of bytes, without holding the stream.

Words used here:
    element    one value in an array
    window     about 1 MiB of an array, decoded at once

How it is fast and still exact. JSON is read from left to right: if `[` + P + `]` decodes,
where P starts at an element, then P is a row of complete elements, whatever follows. If it
decodes only with closers such as `]}]` put behind it, every element of P but the last is
complete. So a window is cut where the text looks as it did between the first two elements
(else behind some `}`, with a few closers tried), and the decoder (msgspec, which gives back
slices and builds nothing) finds the boundaries. Where that fails, the exact scanner below
walks brackets and strings, one element at a time; it alone handles what is too big, too
deep or not JSON, and it gives up on a file that is made of brackets.

Rules that hold everywhere here. A value that is too big to keep is walked over and let go
of. A value that is too deep is walked over to its end. Whatever the bytes, the cost is
linear in their number.

Source: RFC 8259.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

from allied.errors import AlliedError, MalformedError

WINDOW = 1 << 20
PREFIX = 4096
"""How much of a value that is refused is kept, to read its id from."""

_CUTS = 4
_BRACKETS = 20_000_000
_JOINT_REACH = 1024
_CLOSERS = (b"]", b"]}]", b"}]", b"}}]", b"]}}]")

_SPACE = re.compile(rb"[ \t\n\r]*+")
_JOINT = re.compile(rb"[ \t\n\r]*+,[ \t\n\r]*+\{.{7}", re.DOTALL)
_SCALAR = re.compile(rb"[^,\]}\s]*+")
_BODY = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_RUN = re.compile(rb'[^"{}\[\]]*+(?:"(?:[^"\\]++|\\.)*+"[^"{}\[\]]*+)*+', re.DOTALL)

_QUOTE = b'"'[0]
_CLOSES = {b"{"[0]: b"}"[0], b"["[0]: b"]"[0]}


class BrokenError(MalformedError):
    """The text of a bundle stops making sense; the objects before that place were given out."""


class JsonStream:
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

    def broken(self) -> BrokenError:
        """What to raise where the text stops being JSON."""
        return BrokenError(
            "stix.broken",
            f"the text stops being JSON at byte {self.offset}",
            hint="what came before it was read; mend the file for the rest",
            facts={"offset": self.offset},
        )

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
        self.fill(_JOINT_REACH)
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
            return self._front or raw[:PREFIX], "stix.too-big"
        return raw, "stix.too-deep" if deep else ""

    def _extend(self, at: int, keep: int) -> int:
        """Read on behind `at`, letting go of a value that has grown too big; move `at` along."""
        if at - self.pos > keep:
            if not self._dropped:
                self._front = self.buf[self.pos : self.pos + PREFIX]
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
                    raise self.broken()
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
                raise self.broken()
            at += 1
            if not opened and not beyond:
                return at, deep
