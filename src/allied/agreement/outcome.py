"""What a count says: the outcome, its remainder, and what would still change it.

Values only; `agreement.decision` makes them.

Words used here:
    outcome      open, adopted, rejected, silence-broken, lapsed or withdrawn
    as it stands the outcome if it closed now
    change       who would have to say what for another outcome
    consent      of a party to take a measure itself; apart from how it voted

Rule that holds below: every list is sorted, so equal counts are equal values.

Source: agreement format, "Proposal and vote".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from allied.agreement.ballot import PassedOver, Recused
from allied.agreement.certificate import Certificate
from allied.agreement.tally import Condition
from allied.record.ids import PartyId

OPEN: Final = "open"
SILENCE_BROKEN: Final = "silence-broken"
WITHDRAWN: Final = "withdrawn"


@dataclass(frozen=True, slots=True)
class Ballot:
    """Where one entitled party stands.

    Attributes:
        position: yes, no, abstain; objected; silent (reached, and no objection); present
            (there, and did not vote); not-reached (its silence means nothing); absent.
        weight: under the rule; 1 where each counts once.
        at: when it said so; None where it said nothing.
    """

    party: PartyId
    position: str
    weight: int
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """Who would have to say what, nothing else changing, for another outcome at the close.

    Attributes:
        parties: sorted.
        says: yes, no, abstain, objection, or receipt.
        outcome: then.
        together: all of them; else any one of them.
    """

    parties: tuple[PartyId, ...]
    says: str
    outcome: str
    together: bool = False


@dataclass(frozen=True, slots=True)
class MeasureConsent:
    """Who consented to take one measure itself; each list is sorted."""

    measure: str
    given: tuple[PartyId, ...]
    withheld: tuple[PartyId, ...]
    awaited: tuple[PartyId, ...]


@dataclass(frozen=True, slots=True)
class Count:
    """What was decided on a proposal, as known at one moment.

    Attributes:
        text: digest of what was on the table last.
        outcome: open, adopted, rejected, silence-broken, lapsed or withdrawn.
        reason: a code; empty where adopted. Open: awaiting-votes, awaiting-silence or grace.
            Rejected or lapsed: the name of the condition that failed first, or not-reached,
            nobody-entitled. Silence-broken: objection. Withdrawn: withdrawn.
        as_it_stands: the outcome if it closed now; the outcome itself once it is not open.
        deadline: exclusive; None where a vote has none.
        final_at: deadline and grace.
        closed_at: when it closed; None while it is open.
        ballots: of everybody entitled, sorted by party.
        conditions: each test of the rule with what is missing.
        awaited: whose vote (or, under silence, whose receipt) is awaited; empty once closed.
        not_reached: entitled, under silence or consensus, without a receipt confirmed in time.
        bound_by_silence: whom its own silence binds; empty unless adopted.
        objectors: who broke the silence.
        would_change: empty once closed.
        sentence: for people, with the rule.
    """

    proposal: str
    text: str
    outcome: str
    reason: str
    as_it_stands: str
    deadline: datetime | None
    final_at: datetime | None
    closed_at: datetime | None
    ballots: tuple[Ballot, ...]
    recused: tuple[Recused, ...]
    conditions: tuple[Condition, ...]
    awaited: tuple[PartyId, ...]
    not_reached: tuple[PartyId, ...]
    bound_by_silence: tuple[PartyId, ...]
    objectors: tuple[PartyId, ...]
    would_change: tuple[Change, ...]
    consents: tuple[MeasureConsent, ...]
    passed_over: tuple[PassedOver, ...]
    certificate: Certificate
    sentence: str

    @property
    def entitled(self) -> tuple[PartyId, ...]:
        """Whose votes count, sorted."""
        return tuple(ballot.party for ballot in self.ballots)

    def where(self, position: str) -> tuple[PartyId, ...]:
        """Those entitled who hold a position, sorted."""
        return tuple(each.party for each in self.ballots if each.position == position)
