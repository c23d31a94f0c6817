"""What a running node remembers of who holds what, so that it need not tell it to them again.

Kept in memory only, and derived: whoever starts afresh gives some hints that are not needed, and
nothing is lost. Nothing of it decides what anybody may see.

Words used here:
    place     up to which row of the store something is settled with a peer, in one agreement
    onward    what this node has from others, in contrast to what is said by who is hosted here
    in vain   a hint of something onward after which the peer fetched nothing old from here:
              it hears of the others by itself

Rules. Rows are numbers of this store, which only grow; a moment is the node's own clock, and one
that lies ahead of the present (the clock was set back) counts as long ago.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from allied.record.ids import AgreementId, OrganisationId

PATIENCE: Final = 3
"""Hints of something onward that may be in vain before no more are given."""
OLD: Final = timedelta(seconds=4)
"""What was here so long and is fetched only now, the peer has not heard of elsewhere."""
_KEPT: Final = 64

_Whose: TypeAlias = "tuple[OrganisationId, AgreementId]"
_Told: TypeAlias = "tuple[OrganisationId, OrganisationId, AgreementId]"


class Hearing:
    """Who holds what, and who hears of others through this node; safe for several threads."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._lock = threading.Lock()
        self._held: dict[_Whose, int] = {}
        self._onward: dict[_Whose, int] = {}
        self._own: dict[_Told, int] = {}
        self._vain: dict[OrganisationId, int] = {}
        self._arrived: dict[AgreementId, list[tuple[int, datetime | None]]] = {}
        self.due: datetime | None = None
        """When something that is here will have waited long enough to be passed on."""

    # --- what a peer holds, or was told -----------------------------------------------------

    def holds(self, peer: OrganisationId, agreement: AgreementId, row: int) -> None:
        """A peer has shown that it holds all that it may see up to a row."""
        with self._lock:
            self._held[peer, agreement] = max(row, self._held.get((peer, agreement), 0))

    def own_place(
        self, organisation: OrganisationId, peer: OrganisationId, agreement: AgreementId
    ) -> int:
        """Up to which row a peer need not be told by an organisation of what is our own."""
        with self._lock:
            told = self._own.get((organisation, peer, agreement), 0)
            return max(told, self._held.get((peer, agreement), 0))

    def onward_place(self, peer: OrganisationId, agreement: AgreementId) -> int:
        """Up to which row a peer need not be told of what others said.

        What was here when this was first asked, the peer asks for by itself.
        """
        with self._lock:
            marks = self._arrived.get(agreement, [(0, None)])
            told = self._onward.setdefault((peer, agreement), marks[0][0])
            return max(told, self._held.get((peer, agreement), 0))

    def own_settled(
        self, organisation: OrganisationId, peer: OrganisationId, agreement: AgreementId, row: int
    ) -> None:
        """Up to a row there is nothing of our own that a peer has to be told."""
        with self._lock:
            self._own[organisation, peer, agreement] = row

    def onward_settled(self, peer: OrganisationId, agreement: AgreementId, row: int) -> None:
        """Up to a row there is nothing of others that a peer has to be told."""
        with self._lock:
            self._onward[peer, agreement] = row

    # --- who hears of others through this node ----------------------------------------------

    def hinted_onward(self, peer: OrganisationId) -> None:
        """A peer was told that others have said something."""
        with self._lock:
            self._vain[peer] = self._vain.get(peer, 0) + 1

    def is_fed(self, peer: OrganisationId) -> bool:
        """Whether a peer may be hearing of others through this node."""
        with self._lock:
            return self._vain.get(peer, 0) < PATIENCE

    def fetched(self, peer: OrganisationId, agreement: AgreementId, row: int, at: datetime) -> None:
        """A peer has fetched what somebody else said; it counts if it was here for a while."""
        since = self.since(agreement, row)
        if since is not None and since <= at < since + OLD:
            return
        with self._lock:
            self._vain.pop(peer, None)

    # --- since when something is here -------------------------------------------------------

    def arrived(self, agreement: AgreementId, row: int, at: datetime) -> None:
        """The rows up to this one are here; what was here before the first call is old."""
        with self._lock:
            marks = self._arrived.setdefault(agreement, [(row, None)])
            if row > marks[-1][0]:
                marks.append((row, at))
                del marks[:-_KEPT]

    def since(self, agreement: AgreementId, row: int) -> datetime | None:
        """Since when a row is here; None for one that was here at the start, or is not seen yet."""
        with self._lock:
            marks = self._arrived.get(agreement, [])
            return next((at for last, at in marks if row <= last), None)
