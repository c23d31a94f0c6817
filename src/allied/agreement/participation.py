"""Who takes part in which body, less those who left it and stayed parties; whom it elected.

Rules that hold everywhere below. A body consists of the parties that the text names, else of all
parties whose role is `member` at the moment. A party leaves a body without leaving the agreement
only where a membership clause says so (`partial`); elsewhere the event has no effect. Leaving on a
day lasts to its end. A successor takes over the part of its predecessor. An election to the chair
counts only where the text has the chair elected (`rotation: vote`), lasts for its `period`, and
ends with the next one.

Source: agreement format, membership (`partial`); France 1966, Greece 1974.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from allied.agreement.days import later
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from allied.agreement.clauses import Membership
    from allied.agreement.seats import Place, Seat, Seats
    from allied.agreement.terms import Agreement


class Participation:
    """The bodies of one agreement, and who left them."""

    def __init__(self, terms: Agreement, clauses: tuple[Membership, ...], seats: Seats) -> None:
        self._seats = seats
        self._partial = any(clause.partial for clause in clauses)
        self._named: dict[str, frozenset[Place]] = {
            name: frozenset(seats.place_in_text(member) for member in body.members)
            for name, body in terms.bodies.items()
        }
        self._left: dict[tuple[str, Seat], datetime] = {}
        self._zone = terms.timezone
        self._bodies = terms.bodies
        self._elected: dict[str, tuple[Seat, datetime | None]] = {}

    def leave(self, party: PartyId, body: str, at: datetime) -> tuple[str, str] | None:
        """Take a party out of a body from `at` on; (code, sentence) where that is not possible."""
        if body not in self._named:
            return "no-such-body", f"{party}: the agreement has no body {body}"
        if not self._partial:
            said = f"{party}: the text does not let a party leave {body} and stay in the agreement"
            return "partial-not-allowed", said
        self._left.setdefault((body, self._seats.seat(party)), at)
        return None

    def come_back(self, party: PartyId, body: str) -> None:
        """Let a party take part again."""
        self._left.pop((body, self._seats.seat(party)), None)

    def elect(self, party: PartyId, body: str, at: datetime) -> tuple[str, str] | None:
        """Put a party into the chair of a body; (code, sentence) where nobody is elected to it."""
        chair = self._bodies[body].chair if body in self._bodies else None
        if chair is None or chair.rotation != "vote":
            return "chair-not-elected", f"{party}: the text has nobody elected to chair {body}"
        until = None if chair.period is None else later(chair.period, at, self._zone)
        self._elected[body] = (self._seats.seat(party), until)
        return None

    def chairs(self, bound: Collection[PartyId], at: datetime) -> dict[str, PartyId]:
        """Who of the parties bound is elected to chair which body at `at`."""
        if not self._elected:
            return {}
        sitters = self._seats.sitters()
        found = {
            body: sitters[seat]
            for body, (seat, until) in self._elected.items()
            if seat in sitters and (until is None or at < until)
        }
        return {body: party for body, party in found.items() if party in bound}

    def takes_part(self, party: PartyId, role: str, body: str, at: datetime) -> bool:
        """Whether a party, once bound, takes part in a body at `at`."""
        named = self._named.get(body)
        if named is None:
            return False
        seat = self._seats.seat(party)
        if not (seat[0] in named if named else role == "member"):
            return False
        left = self._left.get((body, seat))
        return left is None or at < left

    def all(self, bound: Mapping[PartyId, str], at: datetime) -> dict[str, frozenset[PartyId]]:
        """Who of the parties bound takes part in which body.

        Args:
            bound: the role of each party that is bound.

        Cost: linear in the parties, the bodies and whom they name.
        """
        if not self._named:
            return {}
        holders, sitters = self._seats.holders(), self._seats.sitters()
        members = frozenset(party for party, role in bound.items() if role == "member")
        out: dict[str, set[PartyId]] = {}
        for (body, seat), left in self._left.items():
            if left <= at and seat in sitters:
                out.setdefault(body, set()).add(sitters[seat])
        found: dict[str, frozenset[PartyId]] = {}
        for body, named in self._named.items():
            inside = frozenset(holders[place] for place in named) & bound.keys()
            inside = inside if named else members
            found[body] = inside - out[body] if body in out else inside
        return found
