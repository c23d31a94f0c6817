"""What can be found out about the objects of a bundle one by one, whoever does it.

Most of the work of taking in a bundle looks at one object and at nothing else: its head, its
digest, whether it is valid. Here that work has a name and a shape, so that it can be handed
to others (another process, see the adapters) and comes back as if it had been done here.

Words used here:
    examiner   does that work, for rows of objects, and gives it back in their order

Rules that hold everywhere here. What is found out depends on the bytes alone, so it does not
matter who has found it out. What the rows raise is raised behind all that came before it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import msgspec

from allied.errors import MalformedError
from allied.exchange.bundle import Refused, Row
from allied.exchange.stix import (
    Head,
    companions,
    is_plain,
    read_head,
    readable_id,
    version_key,
)
from allied.exchange.validity import sound
from allied.record.ids import Digest

VERSION_BYTES = 24

_AT_ONCE = 50
"""Objects that are read together; where one of them is not sound, each is read by itself."""


class Sighted(msgspec.Struct, frozen=True, array_like=True, tag="sighted", gc=False):
    """One object whose head can be read.

    Attributes:
        digest: SHA-256 of its bytes, 32 bytes.
        sound: whether it is valid STIX.
        names: the companions that it names, see `stix.companions`.
    """

    index: int
    head: Head
    raw: bytes
    digest: bytes
    sound: bool
    names: tuple[bytes, ...]


class Examiner(Protocol):
    """Looks at objects one by one."""

    def examine(self, found: Iterable[Row | Refused]) -> Iterator[list[Sighted | Refused]]:
        """What there is to know of each object, in order, some at a time.

        Args:
            found: the elements of a bundle; those that are refused already are given back.

        Raises:
            MalformedError: what `found` raises.
        """
        ...


class Alone:
    """An examiner that does the work itself."""

    def examine(self, found: Iterable[Row | Refused]) -> Iterator[list[Sighted | Refused]]:
        """See `Examiner.examine`."""
        for each in found:
            yield [each] if isinstance(each, Refused) else examined(each)


def examined(row: Row) -> list[Sighted | Refused]:
    """Examine the objects of one row.

    Cost: about 10 microseconds for an object of 1 kB.
    """
    found: list[Sighted | Refused] = []
    for start in range(0, len(row.raws), _AT_ONCE):
        found += _examined(row.index + start, row.raws[start : start + _AT_ONCE])
    return found


def _examined(first: int, raws: Sequence[bytes]) -> Iterator[Sighted | Refused]:
    """Examine a few objects; refused where a head cannot be read."""
    heads = [_head_of(raw) for raw in raws]
    readable = [
        (raw, head) for raw, head in zip(raws, heads, strict=True) if isinstance(head, Head)
    ]
    valid = iter(sound([raw for raw, _ in readable], [head for _, head in readable]))
    for index, (raw, head) in enumerate(zip(raws, heads, strict=True), first):
        if isinstance(head, Head):
            digest = hashlib.sha256(raw).digest()
            yield Sighted(index, head, raw, digest, next(valid), tuple(companions(raw)))
        else:
            yield Refused(index, readable_id(raw), head.code, head.message)


def _head_of(raw: bytes) -> Head | MalformedError:
    try:
        return read_head(raw)
    except MalformedError as error:
        return error


def short_version(head: Head, exact: bytes) -> bytes:
    """What tells the versions of one id apart, in `VERSION_BYTES`; of an observable, nothing.

    The version itself in its usual spelling; of any other spelling a digest behind a zero.
    """
    plain = head.modified or head.created
    if not plain:
        return _NO_VERSION
    if len(plain) == VERSION_BYTES and is_plain(plain):
        return plain.encode()
    text = version_key(head, Digest(exact.hex())).encode()
    return text if len(text) == VERSION_BYTES and text[0] else _digest_of(text)


def _digest_of(text: bytes) -> bytes:
    return b"\0" + hashlib.blake2b(text, digest_size=VERSION_BYTES - 1).digest()


_NO_VERSION = _digest_of(b"")
