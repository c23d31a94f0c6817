"""How far a recipient is in what it may see: a cursor that tells its bearer nothing.

The place holds numbers of this node: how many items and handling classes it has. They grow
with everything that it stores, also with what the recipient may not see, so that whoever reads
them sees when something came, or when a member handed something to a secretariat. A place
therefore leaves the node encrypted with a secret of its database, always in the same length.

Words used here:
    place    the numbers, inside this node
    cursor   the same, sealed for one recipient, holder and agreement

Rules. A cursor of another form is refused. One that nobody can open (of another database, of
somebody else, changed on the way) says nothing, and its bearer starts again from the beginning.

Source: AES-SIV (RFC 5297), which needs no nonce: equal places give equal cursors.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from allied.errors import MalformedError

_FORM: Final = struct.Struct("<QQ6sQ6s")
_CURSOR: Final = re.compile(r"[0-9a-f]{104}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """How far a recipient is.

    Attributes:
        after: the number to go on after.
        top: the highest handling class that there was then.
        sight: what could be seen then, see `release.Reach.sight`.
        until: how much of what others originated was sent.
        passing: what of others could be seen then.
    """

    after: int = 0
    top: int = 0
    sight: str = ""
    until: int = 0
    passing: str = ""

    def sealed(self, secret: bytes, *bound: str) -> str:
        """The cursor of this place.

        Args:
            secret: 32 bytes of this database.
            bound: for whom, from whom, of what; `opened` needs the same.
        """
        raw = _FORM.pack(
            self.after,
            self.top,
            bytes.fromhex(self.sight),
            self.until,
            bytes.fromhex(self.passing),
        )
        return AESSIV(secret).encrypt(raw, [each.encode() for each in bound]).hex()


def opened(text: str, secret: bytes, *bound: str) -> Place:
    """The place that a cursor holds; the beginning for an empty one and one of nobody here.

    Raises:
        MalformedError: `exchange.bad-cursor`, it has not the form of a cursor.
    """
    if not text:
        return Place()
    if not _CURSOR.fullmatch(text):
        raise MalformedError("exchange.bad-cursor", "this is no cursor of this node")
    try:
        raw = AESSIV(secret).decrypt(bytes.fromhex(text), [each.encode() for each in bound])
    except InvalidTag:
        return Place()
    after, top, sight, until, passing = _FORM.unpack(raw)
    return Place(after, top, _text(sight), until, _text(passing))


def _text(raw: bytes) -> str:
    """Twelve digits; none of them for nothing."""
    return raw.hex() if any(raw) else ""
