"""What follows in the register from a decision that is proved: events, and whom a cut is for.

The fold takes these like any other event; what an event does stands in `agreement.timeline`.
Decisions on incidents are for the response (`response.fold`), those without an effect of their
own in the register (`governance`, `body`, `disclosure`) are words for people; an `exception` is
for sharing (`node.excepted`).

Rules that hold everywhere below. Nothing follows but from what was adopted. An effect begins when
the question had closed, by what was counted. Whoever is put out or suspended is heard no further
than its records were counted.

Source: agreement format, "Membership"; DESIGN of the register (cuts).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from allied.agreement import events as e
from allied.agreement.clauses import Membership
from allied.agreement.events import Event
from allied.agreement.matters import (
    EXPULSION,
    SUSPENSION,
)
from allied.agreement.tally import ADOPTED
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from allied.agreement.certified import Certified
    from allied.agreement.terms import Agreement

_OUT: Final = frozenset({EXPULSION, SUSPENSION})


def events_of(terms: Agreement, decided: Certified) -> tuple[Event, ...]:
    """The events that a decision makes; none where it was not adopted, or is no such matter."""
    if decided.result.outcome != ADOPTED:
        return ()
    matter, at, name = decided.matter, decided.at, terms.id
    party = PartyId(matter.party)
    towards = PartyId(matter.towards) if matter.towards else None
    match matter.kind:
        case "expulsion":
            return (Event(name, e.EXPELLED, party, at, by=decided.by),)
        case "suspension":
            return (Event(name, e.SUSPENDED, party, at, towards=towards, by=decided.by),)
        case "reinstatement":
            return (Event(name, e.RESUMED, party, at, towards=towards, by=decided.by),)
        case "election":
            return (Event(name, e.ELECTED, party, at, body=matter.body, by=decided.by),)
        case "vetting":
            return _sponsored(terms, decided)
        case "admission":
            invited = Event(name, e.INVITED, party, at)
            return (*(_sponsored(terms, decided) if _vets(terms, decided) else ()), invited)
        case _:
            return ()


def is_cut_off(decided: Certified) -> str:
    """The party whose records count no further than they were counted; empty for nobody."""
    matter = decided.matter
    adopted = decided.result.outcome == ADOPTED
    return matter.party if adopted and matter.kind in _OUT and not matter.towards else ""


def _vets(terms: Agreement, decided: Certified) -> bool:
    """Whether the time for objections ran in the question itself."""
    clause = terms.clause(decided.clause)
    if not isinstance(clause, Membership) or clause.vetting is None:
        return False
    return clause.vetting.rule is None or clause.rule is None


def _sponsored(terms: Agreement, decided: Certified) -> tuple[Event, ...]:
    """Who stood up for a candidate: the proposer, and whoever said yes in so many words."""
    yes = {party for party, position in decided.result.positions if position == "yes"}
    candidate = PartyId(decided.matter.party)
    return tuple(
        Event(terms.id, e.NOMINATED, candidate, decided.tabled_at, by=sponsor)
        for sponsor in sorted({decided.proposed_by, *yes})
    )
