"""The other serving processes of a node: who keeps up with the peers, and what all must know.

A node may be served by one process or, over one PostgreSQL database, by several. This is what
they need of each other besides their store; `allied.adapters.sql.fellows` has it for several.

Words used here:
    keeper    the one process that keeps up with the peers: pulls, delivers, tidies up
    hint      that a peer has something new; it carries no content, and may be lost
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Protocol

from allied.record.ids import OrganisationId


class Fellows(Protocol):
    """The other serving processes over the same store, if there are any.

    Every method may raise ExhaustedError: their common store cannot be reached.
    """

    def is_keeper(self) -> bool:
        """Whether this process is the one that keeps up with the peers; to be asked often."""
        ...

    def hint(self, organisation: OrganisationId) -> None:
        """Tell the keeper that a peer has something new; nothing depends on its arrival."""
        ...

    def hinted(self) -> Sequence[OrganisationId]:
        """The peers that were hinted at since the keeper asked last."""
        ...

    def is_first(self, caller: OrganisationId, nonce: str, expires: int, now: float) -> bool:
        """Use up the nonce of a signed request; False if any of the processes did before.

        Args:
            expires, now: seconds since 1970; what has expired may be forgotten.
        """
        ...

    def close(self) -> None:
        """Leave the others."""
        ...


class Alone:
    """The fellows of a process that has none; safe for several threads."""

    def __init__(self) -> None:
        self._hinted: set[OrganisationId] = set()
        self._lock = Lock()

    def is_keeper(self) -> bool:
        """Always."""
        return True

    def hint(self, organisation: OrganisationId) -> None:
        """Remember it for `hinted`."""
        with self._lock:
            self._hinted.add(organisation)

    def hinted(self) -> Sequence[OrganisationId]:
        """See `Fellows.hinted`."""
        with self._lock:
            found = sorted(self._hinted)
            self._hinted.clear()
        return found

    def is_first(self, caller: OrganisationId, nonce: str, expires: int, now: float) -> bool:  # noqa: ARG002
        """Always: what this process answered it knows itself."""
        return True

    def close(self) -> None:
        """Nothing to leave."""
