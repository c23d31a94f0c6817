"""What is suspended at a moment: the whole agreement, an article, a party, or one pair.

Events are handed in one after the other, in the order of time.

Words used here:
    pair        (a, b): what a owes b is suspended, and nothing else
    article     suspended for everybody, or for one party
    automatic   a ground on which the text suspends of itself

Rules that hold everywhere below. What is suspended is resumed by its own counterpart: resuming
one article for everybody does not resume it for a party for which it was suspended apart. A
suspension of a pair has no effect where a membership clause speaks of suspension and does not
allow it: nobody sheds what it owes to one other alone against the text. Any other suspension
counts even where the text does not provide for it or a decision is missing, and that is reported:
in doubt less is owed and shown, not more. One decided by another body than that of the text has no
effect. A successor takes over what was suspended for its predecessor.

Source: agreement format, "Agreement" (lifecycle) and membership; ANZUS 1986.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from allied.agreement.admission import said
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from allied.agreement.clauses import Expulsion, Membership, Suspension
    from allied.agreement.events import Event
    from allied.agreement.seats import Seat, Seats


class Suspensions:
    """What is suspended, as far as it is known.

    Attributes:
        whole: the agreement itself is.
    """

    def __init__(self, clauses: tuple[Membership, ...], seats: Seats) -> None:
        self._speaks = bool(clauses)
        self._rule: Suspension | None = said(clauses, "suspension")
        self._seats = seats
        self.whole = False
        self._articles: set[tuple[str, Seat | None]] = set()
        self._pairs: set[tuple[Seat, Seat]] = set()
        self._parties: dict[Seat, str] = {}

    def suspend(self, event: Event) -> tuple[str, str] | None:
        """Take a suspension; (code, sentence) where something is to be reported."""
        if event.party is not None and event.towards is not None:
            if self._rule is not None and self._rule.pairwise != "allowed":
                return (
                    "pair-suspension-not-allowed",
                    f"{event.party}: the text does not let a party suspend it towards"
                    f" {event.towards} alone",
                )
            self._pairs |= self._pairs_of(event.party, event.towards, event)
        elif event.art:
            self._articles.add(self._article_of(event))
        elif event.party is None:
            self.whole = True
        else:
            return self._suspend_party(event, event.party)
        return None

    def resume(self, event: Event) -> None:
        """Take the end of a suspension."""
        if event.party is not None and event.towards is not None:
            self._pairs -= self._pairs_of(event.party, event.towards, event)
        elif event.art:
            self._articles.discard(self._article_of(event))
        elif event.party is None:
            self.whole = False
        else:
            self._parties.pop(self._seats.seat(event.party), None)

    def ground(self, party: PartyId) -> str | None:
        """Why a party is suspended; empty where no ground was stated, None where it is not."""
        return self._parties.get(self._seats.seat(party)) if self._parties else None

    def articles(self) -> frozenset[tuple[str, PartyId | None]]:
        """(art, party): the article does not bind that party, None for everybody."""
        if not self._articles:
            return frozenset()
        sitters = self._seats.sitters()
        return frozenset(
            (art, None if seat is None else sitters[seat])
            for art, seat in self._articles
            if seat is None or seat in sitters
        )

    def pairs(self) -> frozenset[tuple[PartyId, PartyId]]:
        """(a, b): what a owes b is suspended."""
        if not self._pairs:
            return frozenset()
        sitters = self._seats.sitters()
        return frozenset(
            (sitters[a], sitters[b]) for a, b in self._pairs if a in sitters and b in sitters
        )

    def _suspend_party(self, event: Event, party: PartyId) -> tuple[str, str] | None:
        rule, warning = self._rule, None
        if rule is None:
            if self._speaks:
                warning = "without-rule", "its clause on membership suspends nobody"
        elif event.ground not in rule.automatic_if:
            if not_entitled(rule, event):
                return "suspension-not-entitled", f"{party}: it is for {rule.rule} to decide"
            if rule.rule is not None and not event.by:
                warning = "undecided", "the text asks for a decision, and none is named"
        self._parties[self._seats.seat(party)] = event.ground
        return warning and (f"suspension-{warning[0]}", f"{party}: {warning[1]}")

    def _article_of(self, event: Event) -> tuple[str, Seat | None]:
        return event.art, None if event.party is None else self._seats.seat(event.party)

    def _pairs_of(self, party: PartyId, towards: PartyId, event: Event) -> set[tuple[Seat, Seat]]:
        pair = (self._seats.seat(party), self._seats.seat(towards))
        return {pair, pair[::-1]} if event.reciprocal else {pair}


def not_entitled(rule: Suspension | Expulsion, event: Event) -> bool:
    """Whether somebody else decided than the body that the text names."""
    return bool(event.by) and isinstance(rule.rule, str) and event.by != rule.rule
