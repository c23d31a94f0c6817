"""Which API token stands behind what a tool shows, without asking the store each time.

A poller shows its token with every request. What was found valid is remembered by the
digest of the secret, and holds as long as nothing at all has changed in the store: a token
that was revoked is none at the next request. What was not valid is never remembered.
"""

from __future__ import annotations

import hmac
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from allied.record.canonical import digest

if TYPE_CHECKING:
    from allied.node.node import Node
    from allied.node.ports import Reading
    from allied.node.rows import Token

_REMEMBERED: Final = 1_000


@dataclass(frozen=True, slots=True)
class _Found:
    """A token as it was at one state of the store."""

    changes: int
    token: Token


class Admission:
    """The tokens that were shown to one process and found valid; safe for several threads."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._lock = threading.Lock()
        self._found: dict[str, _Found] = {}

    def token_of(self, reading: Reading, token_id: str, secret: str) -> Token | None:
        """The token behind `id` and `secret`, or None: unknown, revoked, expired or wrong.

        As `people.token_of`, inside the snapshot of a request.
        """
        offered = digest(secret.encode())
        changes = reading.changes()
        known = self._found.get(token_id)
        if known is not None and known.changes == changes:
            token: Token | None = known.token
        else:
            token = reading.token(token_id)
        if token is None or not hmac.compare_digest(token.secret, offered) or token.revoked_at:
            return None
        if token.expires_at and token.expires_at <= self._node.clock.now():
            return None
        if known is None or known.changes != changes:
            with self._lock:
                if len(self._found) >= _REMEMBERED:
                    self._found.clear()
                self._found[token_id] = _Found(changes, token)
        return token
