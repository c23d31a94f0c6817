"""Bytes that only one organisation can read, on whatever way they travel.

    allied-sealed/1 LF, then length and head, then pieces: length and sealed bytes
    head    canonical JSON: key, nonce, recipient; `key` is the id of the recipient's sealing key

Each piece holds 1 MiB but the last, and is sealed by itself (`allied.adapters.hpke`) in the
context of the head, of its number and of whether it is the last. So pieces cannot be left out,
moved, or put together from two writings, and an end that is missing is noticed.

Rules. Who carries it learns the recipient and the size. Who wrote it stands inside, signed.
Nothing is ever written to a disk unsealed: a piece is opened when it is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from allied.errors import MalformedError, NotFoundError, UnverifiedError
from allied.node.strict import fields, text
from allied.record.canonical import decode, digest, encode
from allied.record.identity import open_chain
from allied.record.ids import KeyId, OrganisationId, digest_text

if TYPE_CHECKING:
    from allied.node.ports import Keys, Reading
    from allied.record.keys import PublicKey

MAGIC: Final = b"allied-sealed/1\n"
PIECE: Final = 2**20
OVERHEAD: Final = 48
"""Of a piece: 32 bytes of key, 16 of tag."""
_MAX_HEAD: Final = 1_024
_LENGTH: Final = 4
_NONCE: Final = 16
_KEYS: Final = frozenset({"key", "nonce", "recipient"})


def key_of(reading: Reading, organisation: OrganisationId) -> PublicKey:
    """The key to which bytes for an organisation are sealed.

    Raises:
        NotFoundError: `sealing.recipient-unknown`, its identity is not here.
    """
    chain = reading.descriptors(organisation)
    if not chain:
        raise NotFoundError(
            "sealing.recipient-unknown", "the keys of that organisation are not known here"
        )
    return open_chain(chain).key("sealing")


class Sink(Protocol):
    """Where bytes go."""

    def write(self, raw: bytes, /) -> object:
        """Take all of them."""
        ...


class Source(Protocol):
    """Bytes that can be read again from any place."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes; fewer at the end."""
        ...

    def seek(self, place: int, /) -> object:
        """Go to a place, counted from the beginning."""
        ...


class Sealing:
    """A sink that seals what is written to it."""

    def __init__(
        self, keys: Keys, to: PublicKey, recipient: OrganisationId, nonce: bytes, out: Sink
    ) -> None:
        """Write the head to `out`.

        Args:
            to: the sealing key of `recipient`.
            nonce: 16 random bytes, used for nothing else.
        """
        self._keys = keys
        self._to = to
        self._out = out
        self._left = bytearray()
        self._number = 0
        self.size = 0
        self._head = encode({"key": to.key_id, "nonce": nonce.hex(), "recipient": recipient})
        self._put(MAGIC + len(self._head).to_bytes(_LENGTH, "big") + self._head)

    def write(self, raw: bytes, /) -> int:
        """Take bytes in; pieces go out as they are full."""
        self._left += raw
        while len(self._left) > PIECE:
            self._piece(bytes(self._left[:PIECE]), last=False)
            del self._left[:PIECE]
        return len(raw)

    def finish(self) -> None:
        """Write the last piece; nothing is written afterwards."""
        self._piece(bytes(self._left), last=True)
        self._left.clear()

    def _piece(self, plain: bytes, *, last: bool) -> None:
        sealed = self._keys.seal(self._to, plain, _context(self._head, self._number, last=last))
        self._put(len(sealed).to_bytes(_LENGTH, "big") + sealed)
        self._number += 1

    def _put(self, raw: bytes) -> None:
        self._out.write(raw)
        self.size += len(raw)


@dataclass(frozen=True, slots=True)
class Head:
    """What everybody can read of sealed bytes."""

    recipient: OrganisationId
    key: KeyId
    raw: bytes


def read_head(stream: Source) -> Head:
    """Read the head behind MAGIC.

    Raises:
        MalformedError: `sealing.form`, and whatever canonical bytes and ids refuse.
    """
    raw = _part(stream, _MAX_HEAD)
    value = fields(decode(raw, limit=_MAX_HEAD), _KEYS)
    nonce = text(value["nonce"])
    if len(nonce) != 2 * _NONCE or set(nonce) - set("0123456789abcdef"):
        raise _form()
    recipient = OrganisationId(digest_text(value["recipient"], "a recipient"))
    return Head(recipient, KeyId(digest_text(value["key"], "a key")), raw)


class Unsealed:
    """A source of what was sealed; a piece is opened when it is read, and forgotten."""

    def __init__(self, keys: Keys, stream: Source) -> None:
        """Read the head of `stream`, which stands behind MAGIC.

        Raises:
            MalformedError: as `read_head`.
        """
        self._keys = keys
        self._stream = stream
        self.head = read_head(stream)
        self._start = len(MAGIC) + _LENGTH + len(self.head.raw)
        self._at = 0
        self._held: tuple[int, bytes] = (-1, b"")

    def seek(self, place: int, /) -> int:
        """Go to a place of what was sealed."""
        self._at = place
        return place

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes; fewer at the end.

        Raises:
            NotAuthorisedError: `keys.locked`, no key is open.
            MalformedError: `sealing.form`.
            UnverifiedError: `sealing.other-bytes`; `sealing.other-key`, it is none of ours.
        """
        found = bytearray()
        while size < 0 or len(found) < size:
            number, within = divmod(self._at, PIECE)
            piece = self._piece(number)
            some = piece[within:] if size < 0 else piece[within : within + size - len(found)]
            if not some:
                break
            found += some
            self._at += len(some)
        return bytes(found)

    def _piece(self, number: int) -> bytes:
        """One piece in clear; empty behind the last."""
        if self._held[0] == number:
            return self._held[1]
        self._stream.seek(self._start + number * (_LENGTH + PIECE + OVERHEAD))
        if not (length := self._stream.read(_LENGTH)):
            return b""
        size = int.from_bytes(length.rjust(_LENGTH, b"\xff"), "big")
        if not OVERHEAD <= size <= PIECE + OVERHEAD:
            raise _form()
        sealed = self._stream.read(size)
        last = not self._stream.read(1)
        if len(sealed) != size or (not last and size != PIECE + OVERHEAD):
            raise _form()
        context = _context(self.head.raw, number, last=last)
        plain = self._keys.unseal(self.head.recipient, self.head.key, sealed, context)
        if plain is None:
            raise UnverifiedError(
                "sealing.other-bytes", f"piece {number + 1} is not what was sealed, or breaks off"
            )
        self._held = (number, plain)
        return plain


def _context(head: bytes, number: int, *, last: bool) -> bytes:
    return MAGIC + digest(head).encode() + number.to_bytes(8, "big") + bytes([last])


def _part(stream: Source, limit: int) -> bytes:
    size = int.from_bytes(stream.read(_LENGTH).rjust(_LENGTH, b"\xff"), "big")
    found = stream.read(size) if size <= limit else b""
    if size > limit or len(found) != size:
        raise _form()
    return found


def _form() -> MalformedError:
    return MalformedError("sealing.form", "these are no sealed bytes, or they are cut off")
