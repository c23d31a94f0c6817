"""Stored bytes one after the other, so that nothing has to be quoted or rebuilt.

A framed message is a row of frames; a frame is its length as four bytes, most significant
first, and then that many bytes. The first frame is canonical JSON and says how many frames
of which sort follow; what they mean is for `allied.node.pages`.

Rules. What is sent is joined from stored bytes, never serialised again. What is received is
measured before it is cut up: all of it, and how many frames there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from allied.errors import MalformedError
from allied.record.canonical import Json, encode

MAX_HEAD: Final = 2**20
"""Bytes of a first frame."""

_LENGTH: Final = 4


@dataclass(slots=True)
class Frames:
    """A framed message being filled, up to `limit` bytes with the largest first frame.

    Attributes:
        limit: bytes of the whole message.
        size: bytes of the frames after the first, so far.
    """

    limit: int
    size: int = 0
    _early: list[bytes] = field(init=False, default_factory=list)
    _late: list[bytes] = field(init=False, default_factory=list)

    def add(self, *late: bytes, early: tuple[bytes, ...] = ()) -> bool:
        """Append `early` to the frames after the first one, and `late` to those after them.

        Returns:
            False, and nothing is added, unless all of it fits.
        """
        size = sum(_LENGTH + len(frame) for frame in (*early, *late))
        if self.size + size > self.limit - MAX_HEAD - _LENGTH:
            return False
        self.size += size
        _append(self._early, early)
        _append(self._late, late)
        return True

    def join(self, head: Json) -> bytes:
        """The whole message, with `head` as its first frame."""
        first: list[bytes] = []
        _append(first, (encode(head),))
        return b"".join([*first, *self._early, *self._late])


def _append(parts: list[bytes], frames: tuple[bytes, ...]) -> None:
    for frame in frames:
        parts.append(len(frame).to_bytes(_LENGTH, "big"))
        parts.append(frame)


def cut(raw: bytes, *, limit: int, count: int) -> Iterator[bytes]:
    """The frames of `raw`, in order.

    Args:
        raw: frames and nothing else.
        limit: how many bytes are accepted.
        count: how many frames are accepted.

    Raises:
        MalformedError: `frames.too-large`, `frames.too-many` or `frames.cut-off`, the last
            two when the iteration gets there.
    """
    if len(raw) > limit:
        raise MalformedError(
            "frames.too-large",
            f"{len(raw)} bytes were given, at most {limit} are read",
            facts={"size": len(raw), "limit": limit},
        )
    return _cut(raw, count)


def _cut(raw: bytes, count: int) -> Iterator[bytes]:
    at = 0
    for _ in range(count):
        if at == len(raw):
            return
        start = at + _LENGTH
        at = start + int.from_bytes(raw[at:start], "big")
        if start > len(raw) or at > len(raw):
            raise _cut_off()
        yield raw[start:at]
    if at != len(raw):
        raise MalformedError(
            "frames.too-many",
            f"a framed message has more than {count} frames",
            facts={"limit": count},
        )


def take(frames: Iterator[bytes]) -> bytes:
    """The next of `frames`.

    Raises:
        MalformedError: `frames.cut-off`, if there is none.
    """
    for frame in frames:
        return frame
    raise _cut_off()


def require_end(frames: Iterator[bytes]) -> None:
    """Return if no frame is left.

    Raises:
        MalformedError: `frames.too-many`.
    """
    for _ in frames:
        raise MalformedError("frames.too-many", "a framed message has more frames than it says")


def _cut_off() -> MalformedError:
    return MalformedError("frames.cut-off", "a framed message ends too early")
