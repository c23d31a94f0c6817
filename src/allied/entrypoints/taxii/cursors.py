"""Where a TAXII collection goes on: `next`, a number that is signed and bound to its list.

Words used here:
    list     what a cursor belongs to: organisation and rights of the token, collection,
             filters. Not the limit, and not `added_after`, which clients move along.

Rules. A cursor is data: it can be used again, by any process over the same store, after a
restart too. It is signed with a secret of the node and holds for its list alone; every other
text is refused, whoever made it. It is no permission: the next page holds what the token
sees then.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from allied.errors import UsageError

if TYPE_CHECKING:
    from allied.node.node import Node
    from allied.node.ports import Reading

_KEPT_AS: Final = "taxii:next"
_NUMBER: Final = 8
_TAG: Final = 16
_LENGTH: Final = 4 * (_NUMBER + _TAG) // 3


@dataclass(frozen=True, slots=True)
class Cursors:
    """The cursors that one node gives out and takes back."""

    key: bytes

    def encode(self, number: int, of: bytes) -> str:
        """The cursor for going on after `number` in the list `of`; see `list_of`."""
        raw = number.to_bytes(_NUMBER, "big")
        return base64.urlsafe_b64encode(raw + self._tag(raw, of)).decode()

    def decode(self, text: str, of: bytes) -> int:
        """The number to go on after; 0 for no cursor.

        Raises:
            UsageError: `taxii.next`; it was not given out here for that list.
        """
        if not text:
            return 0
        try:
            raw = base64.b64decode(text.encode("ascii"), b"-_", validate=True)
        except (UnicodeEncodeError, binascii.Error, ValueError):
            raise _refusal() from None
        number, tag = raw[:_NUMBER], raw[_NUMBER:]
        if len(text) != _LENGTH or not hmac.compare_digest(tag, self._tag(number, of)):
            raise _refusal()
        return int.from_bytes(number, "big")

    def _tag(self, raw: bytes, of: bytes) -> bytes:
        return hmac.digest(self.key, raw + of, "sha256")[:_TAG]


@lru_cache(maxsize=256)  # the pages of one list are asked for one after the other
def list_of(*parts: Hashable) -> bytes:
    """The list that these parts make out, as 32 bytes."""
    return sha256(json.dumps(parts, default=str).encode()).digest()


def kept(reading: Reading) -> Cursors | None:
    """The cursors of a node, if it has given out any yet."""
    text = reading.cursor(_KEPT_AS)
    return Cursors(bytes.fromhex(text)) if text else None


def made(node: Node) -> Cursors:
    """As `kept`; makes the secret where there is none."""
    with node.store.write() as writing:
        found = kept(writing)
        if found is None:
            found = Cursors(node.chance.token(32))
            writing.set_cursor(_KEPT_AS, found.key.hex())
    return found


def _refusal() -> UsageError:
    return UsageError(
        "taxii.next",
        "this `next` was not given out here for this collection and these filters",
        hint="go on with the same token, collection and filters, or begin without `next`",
    )
