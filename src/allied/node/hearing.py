"""What a running node remembers of who holds what, so that it need not tell it to them again.

Kept in memory only, and derived: whoever starts afresh gives some hints that are not needed, and
nothing is lost. Nothing of it decides what anybody may see.

Words used here:
    place     up to which row of the store something is settled with a peer, in one agreement
    onward    what this node has from others, in contrast to what is said by who is hosted here
    named     what a peer has hinted at, so that it is asked for that and for nothing else
    fed       of a peer: it hears of others through this node, since it fetched from here what
              they had said a while before, or what it was told of

Rules. Rows are numbers of this store, which only grow; a moment is the node's own clock, and one
that lies ahead of the present (the clock was set back) counts as long ago.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from allied.record.record import ChainKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from allied.node.messages import Head, News
    from allied.record.ids import AgreementId, OrganisationId

A_WHILE: Final = timedelta(seconds=8)
"""What others said so long ago, a peer that hears of them by itself has fetched from them."""
A_LONG_WHILE: Final = timedelta(minutes=10)
"""Who shows by its mark alone that it holds the same, is asked for its state as rarely as this."""
A_MOMENT: Final = timedelta(seconds=1)
"""So long is waited from one peer to the next that is told of others to see if it comes for it."""
_AT_ONCE: Final = timedelta(0)
_KEPT: Final = 64
_MOST_CHAINS: Final = 1_000
"""What a peer shows of an agreement with more chains is not remembered."""
_MOST_NAMED: Final = 64

_Whose: TypeAlias = "tuple[OrganisationId, AgreementId]"
_Between: TypeAlias = "tuple[OrganisationId, OrganisationId]"
_NOTHING: Final[Mapping[ChainKey, int]] = MappingProxyType({})
_Told: TypeAlias = "tuple[OrganisationId, OrganisationId, AgreementId]"


class Hearing:
    """Who holds what, and who hears of others through this node; safe for several threads."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._lock = threading.Lock()
        self._held: dict[_Whose, int] = {}
        self._shown: dict[_Whose, Mapping[ChainKey, int]] = {}
        self._named: dict[_Between, dict[AgreementId, News] | None] = {}
        self._onward: dict[_Whose, int] = {}
        self._own: dict[_Told, int] = {}
        self._fed: set[OrganisationId] = set()
        self._awaited: set[OrganisationId] = set()
        self._arrived: dict[AgreementId, list[tuple[int, datetime | None]]] = {}
        self._looked: dict[str, str] = {}
        self._compared: dict[_Whose, datetime] = {}
        self._came: dict[OrganisationId, datetime] = {}
        self._tried: datetime | None = None
        self.due: datetime | None = None
        """When something that is here will have waited long enough to be passed on."""

    # --- what a peer holds, or was told -----------------------------------------------------

    def holds(self, peer: OrganisationId, agreement: AgreementId, row: int) -> None:
        """A peer has shown that it holds all that it may see up to a row."""
        with self._lock:
            self._held[peer, agreement] = max(row, self._held.get((peer, agreement), 0))

    def shows(self, peer: OrganisationId, agreement: AgreementId, heads: Iterable[Head]) -> None:
        """A peer has shown heads of what it holds, all of them or some."""
        with self._lock:
            found = dict(self._shown.get((peer, agreement), _NOTHING))
            for head in heads:
                chain = ChainKey(head.circle, head.issuer, head.incarnation)
                found[chain] = max(head.sequence, found.get(chain, 0))
            if len(found) <= _MOST_CHAINS:
                self._shown[peer, agreement] = found

    def shown(self, peer: OrganisationId, agreement: AgreementId) -> Mapping[ChainKey, int]:
        """Up to which number of each chain a peer has shown that it holds it."""
        with self._lock:
            return self._shown.get((peer, agreement), _NOTHING)

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

    def compared(self, peer: OrganisationId, agreement: AgreementId, at: datetime) -> None:
        """Our state was held against that of a peer which holds the same."""
        with self._lock:
            self._compared[peer, agreement] = at

    def was_compared(self, peer: OrganisationId, agreement: AgreementId, now: datetime) -> bool:
        """Whether it was, not long ago."""
        with self._lock:
            at = self._compared.get((peer, agreement))
        return at is not None and at <= now < at + A_LONG_WHILE

    # --- who comes to this node by itself ---------------------------------------------------

    def came(self, peer: OrganisationId, at: datetime) -> None:
        """A peer has asked or hinted by itself, so that its hints come here."""
        with self._lock:
            self._came[peer] = at

    def came_at(self, peer: OrganisationId) -> datetime | None:
        """When it last did; None if never since the start."""
        with self._lock:
            return self._came.get(peer)

    # --- what was hinted at -----------------------------------------------------------------

    def named(
        self, organisation: OrganisationId, peer: OrganisationId, news: Sequence[News]
    ) -> None:
        """A peer has hinted to an organisation here; at everything where it named nothing."""
        with self._lock:
            known = self._named.get((organisation, peer), {})
            found = None if known is None or not news else dict(known)
            if found is not None:
                found.update({each.agreement: each for each in news})
            many = found is None or len(found) > _MOST_NAMED
            self._named[organisation, peer] = None if many else found

    def take_named(
        self, organisation: OrganisationId, peer: OrganisationId
    ) -> Sequence[News] | None:
        """What was hinted at since this was last asked; None for everything, or nothing."""
        with self._lock:
            found = self._named.pop((organisation, peer), None)
        return sorted(found.values()) if found else None

    # --- who hears of others through this node ----------------------------------------------

    def patience(self, peer: OrganisationId) -> timedelta | None:
        """How long what others said is here before a peer is told of it; None for not at all.

        A peer that is not known to be fed is told once, after a while; where that was in vain,
        it is told no more until it shows that it is fed.
        """
        with self._lock:
            if peer in self._awaited:
                return None
            return _AT_ONCE if peer in self._fed else A_WHILE

    def may_try(self, peer: OrganisationId, at: datetime) -> datetime | None:
        """From when on a peer may be told of others that is not known to be fed; None for now.

        One after the other: each of many nodes would else tell all others at one moment.
        """
        with self._lock:
            if peer in self._fed:
                return None
            if self._tried is not None and self._tried <= at < self._tried + A_MOMENT:
                return self._tried + A_MOMENT
            self._tried = at
            return None

    def hinted_onward(self, peer: OrganisationId) -> None:
        """A peer was told that others have said something; whether it comes for it will be seen."""
        with self._lock:
            self._awaited.add(peer)

    def in_vain(self, peer: OrganisationId) -> None:
        """A peer that was told of others held it already: it hears of them by itself."""
        with self._lock:
            self._fed.discard(peer)

    def fetched(self, peer: OrganisationId, agreement: AgreementId, row: int, at: datetime) -> None:
        """A peer has fetched from here what somebody else said."""
        since = self.since(agreement, row, at)
        old = since is None or not since <= at < since + A_WHILE
        with self._lock:
            if old or peer in self._awaited:
                self._awaited.discard(peer)
                self._fed.add(peer)

    # --- what was looked at in vain ---------------------------------------------------------

    def looked(self, name: str) -> str:
        """How far something was looked at without finding anything to write; empty at first."""
        with self._lock:
            return self._looked.get(name, "")

    def look(self, name: str, mark: str) -> None:
        """Something was looked at up to a mark, and nothing is to be written."""
        with self._lock:
            self._looked[name] = mark

    # --- since when something is here -------------------------------------------------------

    def arrived(self, agreement: AgreementId, row: int, at: datetime) -> None:
        """The rows up to this one are here; what was here before the first call is old."""
        with self._lock:
            marks = self._arrived.setdefault(agreement, [(row, None)])
            if row > marks[-1][0]:
                marks.append((row, at))
                del marks[:-_KEPT]

    def since(self, agreement: AgreementId, row: int, now: datetime) -> datetime | None:
        """Since when a row is here, `now` for one that has just come; None for "from the start"."""
        with self._lock:
            marks = self._arrived.get(agreement, [])
            return next((at for last, at in marks if row <= last), now)
