"""In whose place a party stands: what goes with a place when another party takes it.

Words used here:
    place    what the text gives a party: its part in bodies, the reservations that it lists
    seat     a place during one stay: what was reserved, suspended or left in that time

Rules that hold everywhere below. A successor takes place and seat of its predecessor, and leaves it
its own. Whoever is out and comes back finds its place again, but not its seat: what was suspended,
reserved or left before does not come back with it.

Source: agreement format, membership (succession); Vienna Convention on Succession, 1978.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from allied.record.ids import PartyId

Place: TypeAlias = int
Seat: TypeAlias = tuple[int, int]


class Seats:
    """Which party stands in which place."""

    def __init__(self, parties: Iterable[PartyId]) -> None:
        self._places: dict[PartyId, Place] = {party: at for at, party in enumerate(parties)}
        self._stays = [0] * len(self._places)
        self._originals = self._places

    def place_in_text(self, party: PartyId) -> Place:
        """The place that the text gave a party."""
        return self._originals[party]

    def seat(self, party: PartyId) -> Seat:
        """The seat that a party has now."""
        place = self._places[party]
        return place, self._stays[place]

    def vacate(self, party: PartyId) -> None:
        """Let a party's stay end."""
        self._stays[self._places[party]] += 1

    def hand_over(self, old: PartyId, new: PartyId) -> None:
        """Put a successor where its predecessor was."""
        if self._places is self._originals:
            self._places = dict(self._originals)
        places = self._places
        places[old], places[new] = places[new], places[old]

    def holders(self) -> Mapping[Place, PartyId]:
        """Who stands in each place now."""
        return {place: party for party, place in self._places.items()}

    def sitters(self) -> Mapping[Seat, PartyId]:
        """Who has each seat now; seats of earlier stays are not among them."""
        return {(place, self._stays[place]): party for party, place in self._places.items()}
