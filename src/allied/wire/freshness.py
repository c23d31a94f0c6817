"""Whether a validly signed request is asked now and for the first time.

The signature says who asks; this says that nobody repeats it later. One `Freshness` lives
in memory for as long as a server process does, and it is given the time.

Words used here:
    time        seconds since 1970 by this server, counted on steadily from its start, so
                that a clock that is set back does not make old requests young again
    window      from the server's start, or MAX_VALIDITY ago if that is later, until now

Rules. A request is accepted within its own [created, expires), never longer than
MAX_VALIDITY, and its nonce is kept until then. There is no tolerance: a caller whose clock
differs is told the time, signed, and asks once more (see docs/reference/federation.md).
Requests made before this process started are refused for their time, because the nonces
of the process before it are forgotten; `ready` is the first whole second after the start,
so a request that another process could have accepted can never be accepted here. What is
kept is bounded per caller and in all; where it is full, new requests are refused, not old
nonces dropped.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from allied.record.ids import OrganisationId

MAX_VALIDITY: Final = 300
"""Seconds from created to expires, at most."""

MAX_NONCES: Final = 20_000
"""Nonces kept of one caller."""

MAX_NONCES_IN_ALL: Final = 400_000


class Freshness(Enum):
    """What became of the question."""

    FRESH = auto()
    """Asked now, for the first time; its nonce is used up."""
    WRONG_TIME = auto()
    """Made too long ago, in the future, or before this server started."""
    REPLAYED = auto()
    """Its nonce was used before."""
    TOO_MANY = auto()
    """This caller, or all of them, asked more often than can be remembered."""


@dataclass(slots=True)
class Nonces:
    """The nonces of requests that could still be repeated. Not for several threads at once.

    Attributes:
        started: the server's time when it began to listen.
        per_caller: how many nonces of one caller are kept.
        in_all: how many are kept altogether.
    """

    started: float
    per_caller: int = MAX_NONCES
    in_all: int = MAX_NONCES_IN_ALL
    _seen: dict[OrganisationId, set[str]] = field(init=False, default_factory=dict)
    _ends: list[tuple[int, OrganisationId, str]] = field(init=False, default_factory=list)

    @property
    def ready(self) -> int:
        """The first second in which a request may have been made."""
        return math.ceil(self.started)

    def admit(
        self, caller: OrganisationId, nonce: str, *, created: int, expires: int, now: float
    ) -> Freshness:
        """Judge one request whose signature holds, and use up its nonce if it is fresh.

        Cost: amortised O(log n) in the nonces kept.
        """
        self._forget(now)
        if not created < expires <= created + MAX_VALIDITY:
            return Freshness.WRONG_TIME
        if not self.ready <= created <= now < expires:
            return Freshness.WRONG_TIME
        seen = self._seen.get(caller, set())
        if nonce in seen:
            return Freshness.REPLAYED
        if len(seen) >= self.per_caller or len(self._ends) >= self.in_all:
            return Freshness.TOO_MANY
        seen.add(nonce)
        self._seen[caller] = seen
        heapq.heappush(self._ends, (expires, caller, nonce))
        return Freshness.FRESH

    def _forget(self, now: float) -> None:
        """Drop the nonces of requests that have expired."""
        while self._ends and self._ends[0][0] <= now:
            _, caller, nonce = heapq.heappop(self._ends)
            seen = self._seen[caller]
            seen.discard(nonce)
            if not seen:
                del self._seen[caller]
