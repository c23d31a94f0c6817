"""Who is bound as single records know it, looked up once for all that know the same.

Most records of a long history know the same events as the one before them, and claim a moment
shortly after it. Who is bound between two moments at which something happens, or falls due, is one
question; here its answer is kept.

Words used here:
    past    the events that a record knows, each with the moment at which it counts
    seen    what a past says of one moment, and how long that stays so

Rules. What is kept changes no answer: it is thrown away at any time. Whoever claims a time far
ahead does not make the records of others look outdated: an event counts for a record no later than
the record itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from allied.agreement.events import Event
    from allied.agreement.standing import Standing
    from allied.record.ids import Digest, PartyId, RecordId

_MOST: Final = 64
"""Distinct pasts that are kept."""

_Past: TypeAlias = "tuple[frozenset[tuple[RecordId, datetime]], datetime | None]"
_Look: TypeAlias = "Callable[[tuple[Event, ...], datetime], Seen]"


@dataclass(frozen=True, slots=True)
class Seen:
    """An agreement at the moments [since, until), as one past has it.

    Attributes:
        version: what a record has to name as the version.
        state: of the agreement: proposed, signed, in-force ...
        bound: who is bound.
        once: who is bound, or was before.
    """

    version: Digest
    state: str
    bound: frozenset[PartyId]
    once: frozenset[PartyId]
    since: datetime
    until: datetime | None

    def is_of(self, moment: datetime) -> bool:
        """Whether it speaks of that moment."""
        return self.since <= moment and (self.until is None or moment < self.until)


def seen_of(found: Standing, version: Digest, since: datetime, until: datetime | None) -> Seen:
    """What a past says at `since`, where nothing changes before `until`."""
    once = frozenset(party for party, its in found.parties.items() if its.since)
    return Seen(version, found.state, found.bound, once, since, until)


class Pasts:
    """What the pasts of records say, the latest of each kept."""

    def __init__(self) -> None:
        self._kept: dict[_Past, tuple[tuple[Event, ...], Seen]] = {}

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._kept)

    def seen(self, known: Sequence[tuple[RecordId, Event]], claimed: datetime, look: _Look) -> Seen:
        """How the agreement stands for a record that knows these events and claims that moment.

        Args:
            look: says how it stands by events that have happened by a moment.

        Cost: linear in what is known; and one look where the answer is not at hand.
        """
        ahead = any(event.at > claimed for _, event in known)
        past = (
            frozenset((source, event.at) for source, event in known),
            claimed if ahead else None,
        )
        kept = self._kept.get(past)
        if kept is not None and kept[1].is_of(claimed):
            return kept[1]
        if kept is not None:
            events = kept[0]
        else:
            events = tuple(replace(event, at=min(event.at, claimed)) for _, event in known)
            if len(self._kept) >= _MOST:
                del self._kept[next(iter(self._kept))]
        found = look(events, claimed)
        self._kept[past] = events, found
        return found
