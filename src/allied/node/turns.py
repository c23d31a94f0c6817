"""Whose turn it is in a round: which peers are asked although nobody hinted.

A hint is given until it arrives, so a peer whose hints can come here need not be asked every
time. What nobody is hinted at (receipts) comes along with whatever is fetched from anybody. So a
round asks a few of those peers, one after the other in turns, and all others.

Words used here:
    due         asked in every round: never asked before, or the last exchange failed or left
                something open, or nothing was heard of it by itself for long
    in turns    all others: at least the square root of their number in one round, who was asked
                longest ago first

Rules. Nobody is left out for longer than a third of what the agreements say about how fresh the
knowledge of who is a party has to be. Kept in memory only: after a start everybody is due.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from math import isqrt
from typing import TYPE_CHECKING, Final

from allied.agreement.sharing import InformationSharing
from allied.agreement.values import Tlp
from allied.errors import AlliedError
from allied.exchange.limits import fresh_until

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from allied.node.node import Node
    from allied.record.ids import OrganisationId

FEW: Final = 4
"""So many of those in turns are asked in a round at least."""
_ROUNDS_TOLD: Final = 3
"""A peer that can reach us does so by itself in its own turns; after so many of them it is due."""


@dataclass(slots=True)
class Turns:
    """Who was asked when; of one keeper."""

    _asked: dict[OrganisationId, datetime] = field(default_factory=dict)
    _open: set[OrganisationId] = field(default_factory=set)

    def asked(self, peer: OrganisationId, at: datetime, *, whole: bool) -> None:
        """A peer was asked; not `whole` where the exchange failed or left something open."""
        self._asked[peer] = at
        (self._open.discard if whole else self._open.add)(peer)

    def came(self, peer: OrganisationId, at: datetime, *, whole: bool) -> None:
        """A peer was asked for what it had hinted at.

        That spares it no turn but the first: what it has not named it is asked for all the same.
        """
        self._asked.setdefault(peer, at)
        if not whole:
            self._open.add(peer)

    def of_round(
        self,
        confirmed: Sequence[OrganisationId],
        heard: Callable[[OrganisationId], datetime | None],
        now: datetime,
        every: timedelta,
        longest: timedelta,
    ) -> list[OrganisationId]:
        """Whom a round asks, who was asked longest ago first.

        Args:
            heard: when a peer last asked or hinted by itself; None if never.
            every: from one round to the next.
            longest: nobody is left out for longer than this.
        """
        few = max(FEW, isqrt(max(0, len(confirmed) - 1)) + 1)
        silent = every * (_ROUNDS_TOLD * -(-len(confirmed) // few) + 1)

        def is_due(peer: OrganisationId) -> bool:
            last, by_itself = self._asked.get(peer), heard(peer)
            if last is None or by_itself is None or peer in self._open:
                return True
            return not (last <= now < last + longest and by_itself <= now < by_itself + silent)

        def asked(peer: OrganisationId) -> tuple[bool, datetime, OrganisationId]:
            last = self._asked.get(peer)
            return last is not None, last or now, peer

        due = sorted((each for each in confirmed if is_due(each)), key=asked)
        others = sorted(set(confirmed) - set(due), key=asked)
        return due + others[:few]


def longest(node: Node, now: datetime, every: timedelta) -> timedelta:
    """How long a peer may be left out, by what the agreements say about fresh knowledge."""
    least = timedelta(days=1)
    with node.store.read() as reading:
        for row in reading.agreements():
            try:
                terms = node.folds.of(reading, row.id).terms(now)
            except AlliedError:
                continue  # one that cannot be read here says nothing about the others
            for clause in terms.clauses(InformationSharing):
                until = fresh_until(now, Tlp.RED, clause.freshness)
                if until is not None:
                    least = min(least, until - now)
    return least / 3 - every
