"""How a candidate comes to be invited: what the text asks for, and how far each one has come.

Whether somebody who nominates, objects or invites is a member is asked by `agreement.timeline`;
what became of an accession as well.

Words used here:
    candidate   a party named in the text that is not bound, once only the invited may come in
    sponsor     a member that nominated it
    vetting     the time in which members may object, from the last sponsor that is needed on
    invitation  what stands when the text is content: of itself after a vetting by silence, or
                by a decision, which an event `invited` records

Rules that hold everywhere below. An invitation is asked for where a membership clause says who
invites, how admission is decided, or how candidates are vetted. It is asked of members: observers
and associates come in by their paper, and become members by the way of a candidate. An objection
counts strictly before the end of the vetting, and ends the candidacy where nobody's objection may
stand against it (silence, consensus, unanimity, or no rule at all); elsewhere the body weighs it
and decides. A new nomination begins anew, and so does whoever is out: what was said about it
before counts no more. A period that began with a day ends with the end of a day.

Source: agreement format, "Clauses", membership; REN-ISAC (six working days), NATO 10.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from allied.agreement.days import ONE_DAY, later
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from allied.agreement.clauses import Membership
    from allied.agreement.events import Event
    from allied.agreement.rules import DecisionRule
    from allied.agreement.terms import Agreement
    from allied.agreement.values import Duration

_BLOCKED_BY_ONE: Final = frozenset({"silence", "consensus", "unanimity"})
_OF_ITSELF: Final = frozenset({"silence", "none"})


@dataclass(slots=True)
class Candidacy:
    """How far one candidate has come.

    Attributes:
        sponsors: members that nominated it.
        until: the end of the time for objections; None while sponsors are missing.
        refused_by: whose objection ended it.
        inviters: who invited it, where every member must.
        awaits: the place in the text of the first member that has not invited it.
        invited: an invitation by those entitled is recorded.
    """

    sponsors: set[PartyId] = field(default_factory=set)
    nominated: bool = False
    until: datetime | None = None
    refused_by: PartyId | None = None
    inviters: set[PartyId] = field(default_factory=set)
    awaits: int = 0
    invited: bool = False


@dataclass(frozen=True, slots=True)
class Admission:
    """What a text asks of whoever wants to come in.

    Attributes:
        asks: only the invited come in.
        invited_by: a party, a body, `all`, `any-member`, or empty.
        by_decision: the invitation has to be recorded; it does not follow of itself.
        sponsors: how many are needed.
        period: the time for objections.
        blocked: one objection is enough.
        body: whose members may object; empty for all members.
    """

    asks: bool
    invited_by: str = ""
    by_decision: bool = False
    sponsors: int = 0
    period: Duration | None = None
    blocked: bool = False
    body: str = ""
    timezone: str = "UTC"

    @property
    def vets(self) -> bool:
        """Whether a candidate has to be nominated."""
        return self.sponsors > 0 or self.period is not None

    def nominate(self, candidacy: Candidacy, event: Event, *, is_sponsor: bool) -> Candidacy:
        """Count a nomination; after a refusal it is the first of a new candidacy."""
        if candidacy.refused_by is not None:
            candidacy = Candidacy()
        candidacy.nominated = True
        if is_sponsor:
            candidacy.sponsors.add(PartyId(event.by))
        if candidacy.until is None and len(candidacy.sponsors) >= self.sponsors:
            candidacy.until = self._end(event)
        return candidacy

    def word(self, candidacy: Candidacy, at: datetime) -> str:
        """How a candidate stands: candidate, nominated, vetting, refused or invited."""
        if candidacy.refused_by is not None:
            return "refused"
        if self.vets:
            if candidacy.until is None:
                return "nominated" if candidacy.nominated else "candidate"
            if at < candidacy.until:
                return "vetting"
        if self.by_decision and not candidacy.invited:
            return "vetting" if self.vets else "candidate"
        return "invited"

    def is_over(self, candidacy: Candidacy, at: datetime) -> bool:
        """Whether an objection comes too late at `at`; at the end of the time it does."""
        ended = self.period is not None and candidacy.until is not None and at >= candidacy.until
        return ended or self.word(candidacy, at) == "invited"

    def lack(self, candidacy: Candidacy, at: datetime) -> tuple[str, str] | None:
        """Why a candidate may not come in at `at`: (code, sentence); None if it may."""
        match self.word(candidacy, at):
            case "invited":
                return None
            case "refused":
                return "candidate-refused", f"{candidacy.refused_by} objected to it"
            case "nominated":
                said = f"{len(candidacy.sponsors)} of {self.sponsors} sponsors stood up for it"
                return "too-few-sponsors", said
            case "vetting" if candidacy.until is not None and at < candidacy.until:
                return "vetting-runs", "the time for objections is not over"
            case _:
                return "not-invited", "the text asks for an invitation, and none stands"

    def _end(self, event: Event) -> datetime:
        if self.period is None:
            return event.at
        end = later(self.period, event.at, self.timezone)
        return later(ONE_DAY, end, self.timezone) if event.day else end


_OPEN: Final = Admission(asks=False)


def admission_of(terms: Agreement, clauses: tuple[Membership, ...]) -> Admission:
    """Read what a text asks of whoever wants to come in; of several clauses the first that says."""
    if not clauses:
        return _OPEN
    invited_by = said(clauses, "invited_by") or ""
    own, vetting = said(clauses, "rule"), said(clauses, "vetting")
    if not invited_by and own is None and vetting is None:
        return _OPEN
    given = own if vetting is None or vetting.rule is None else vetting.rule
    rule: DecisionRule | None = terms.rule_of(given)
    kind = "" if rule is None else rule.kind
    period = None if vetting is None else vetting.objection_period
    if period is None and rule is not None and kind == "silence" and rule.silence is not None:
        period = rule.silence.period
    follows = kind in _OF_ITSELF or (rule is None and not isinstance(given, str))
    return Admission(
        asks=True,
        invited_by=invited_by,
        by_decision=bool(invited_by) or not follows or (kind == "silence" and period is None),
        sponsors=0 if vetting is None else vetting.sponsors,
        period=period,
        blocked=rule is None or kind in _BLOCKED_BY_ONE,
        body=given if isinstance(given, str) else "",
        timezone=terms.timezone,
    )


def said(clauses: tuple[Membership, ...], name: str) -> Any:
    """What the first clause that says it says under a name; None where none does."""
    for clause in clauses:
        value = getattr(clause, name)
        if value not in (None, ""):
            return value
    return None
