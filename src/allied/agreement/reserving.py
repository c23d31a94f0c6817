"""Which reservations count: those that stand in the text, and those that parties made.

Rules that hold everywhere below. Where a text has a clause on reservations and it allows none, one
that is made has no effect and is reported; those that the text lists count in any case. Of two that
one party makes to one article the later counts. A successor takes over those of its predecessor.
Whoever comes back after it was out comes back without those that it had made.

Source: agreement format, "Clauses", reservations; Vienna Convention on the Law of Treaties, Art 19
to 21.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from allied.agreement.clauses import Reservations
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from allied.agreement.events import Event
    from allied.agreement.seats import Place, Seat, Seats
    from allied.agreement.terms import Agreement


@dataclass(frozen=True, slots=True)
class Reserved:
    """One exception that a party made for itself, in the text or later.

    Attributes:
        art: the article that it is about.
        effect: exclude, narrow or interpret.
        reciprocal: the others may rely on it towards that party.
    """

    party: PartyId
    art: str
    effect: str
    reciprocal: bool


class Reserving:
    """The reservations to one agreement, as far as they are known."""

    def __init__(self, terms: Agreement, seats: Seats) -> None:
        clauses = terms.clauses(Reservations)
        self._seats = seats
        self._allowed = not clauses or any(clause.allowed for clause in clauses)
        self._listed: list[tuple[Place, str, str, bool]] = [
            (
                seats.place_in_text(PartyId(each.party)),
                each.clause,
                each.effect,
                each.reciprocal,
            )
            for clause in clauses
            for each in clause.list
        ]
        self._made: dict[tuple[Seat, str], tuple[str, bool]] = {}

    def reserve(self, party: PartyId, event: Event) -> tuple[str, str] | None:
        """Take a reservation; (code, sentence) where the text allows none."""
        if not self._allowed:
            return "reservation-not-allowed", f"{party}: the text allows none to {event.art}"
        seat = self._seats.seat(party)
        self._made.pop((seat, event.art), None)
        self._made[seat, event.art] = event.effect or "exclude", event.reciprocal
        return None

    def all(self) -> tuple[Reserved, ...]:
        """The reservations that count, those of the text first."""
        if not self._listed and not self._made:
            return ()
        holders, sitters = self._seats.holders(), self._seats.sitters()
        listed = [
            Reserved(holders[place], art, effect, both) for place, art, effect, both in self._listed
        ]
        made = [
            Reserved(sitters[seat], art, effect, both)
            for (seat, art), (effect, both) in self._made.items()
            if seat in sitters
        ]
        return (*listed, *made)
