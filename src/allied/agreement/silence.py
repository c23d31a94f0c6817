"""What was said in time: deadlines to the second, silence, changed texts, receipts.

Follows one proposal from its tabling to its close. What was said is taken as said; whether it
suffices is asked of `agreement.tally`.

Words used here:
    deadline    the instant before which a vote or an objection must be signed; one signed at
                that instant is late
    grace       how much later than the deadline a statement signed in time may arrive
    reached     a party of which a person confirmed having the text that is on the table, or
                which spoke on it; the proposer is reached by its own proposal
    objection   a no under a silence procedure; it cannot be taken back
    close       the deadline; or earlier, the moment of the last first vote, or of the first
                objection, or of the retraction

Rules that hold everywhere below. The order in which statements are given does not matter.
Votes may be changed until the close; the last before it counts, and of two with one moment
and one number the more cautious. A changed text restarts the time and is voted on anew; a
change, an extension or a retraction must come strictly before the close. Time given is never
shortened. An objection against any text of the proposal breaks its silence: whoever objected
was not silent.

Source: agreement format, "Proposal and vote" and T6; NATO practice of February 2003.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from allied.agreement.ballot import (
    CHOICES,
    Extension,
    InapplicableRuleError,
    PassedOver,
    Proposal,
    Receipt,
    Retraction,
    Revision,
    Statement,
    Vote,
)
from allied.agreement.rules import DecisionRule, Silence
from allied.agreement.values import Duration
from allied.errors import MalformedError
from allied.record.ids import PartyId

S = TypeVar("S", bound=Statement)

MOST_CHANGES: Final = 100
"""So many changes and extensions of one proposal are followed; further ones are passed over."""

_NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Course:
    """How a proposal went, as far as it is known at one moment.

    Attributes:
        text: what is on the table.
        deadline: None for a vote without one.
        final_at: deadline and grace; from then on nothing can arrive any more.
        closed_at: when it closed, as far as it is known; None while it runs.
        votes: by party, the one that counts.
        objections: by party, the first in time; one is enough to break the silence.
        reached: those entitled who have the text or spoke on it.
        retracted: the proposer took it back in time.
        passed_over: sorted.
    """

    by_silence: bool
    text: str
    deadline: datetime | None
    final_at: datetime | None
    closed_at: datetime | None
    votes: Mapping[PartyId, Vote]
    objections: Mapping[PartyId, Vote]
    reached: frozenset[PartyId]
    retracted: bool
    passed_over: tuple[PassedOver, ...]


def is_by_silence(rule: DecisionRule, proposal: Proposal) -> bool:
    """Whether a proposal runs under silence rather than under an open vote.

    Raises:
        InapplicableRuleError: `decision.no-silence-procedure`, `decision.only-by-silence`.
    """
    provided = rule.kind == "silence" or (rule.silence is not None and rule.kind != "none")
    if proposal.under_silence is None:
        return provided
    if proposal.under_silence and not provided:
        raise InapplicableRuleError(
            "decision.no-silence-procedure",
            "the rule provides no silence procedure",
            hint="table it for an open vote",
        )
    if not proposal.under_silence and rule.kind == "silence":
        raise InapplicableRuleError(
            "decision.only-by-silence",
            "the rule decides by silence only, and the proposal asks for an open vote",
            hint="table it under silence",
        )
    return proposal.under_silence


def deadline_of(
    rule: DecisionRule,
    proposal: Proposal,
    timezone: str = "UTC",
    *,
    start: datetime | None = None,
) -> datetime | None:
    """When time ends for a text tabled at `start` (by default the first one).

    The period of the rule counts where it has one; a proposal may give more, never less. A
    changed text gets as long as the first had.

    Args:
        timezone: the agreement's, by whose calendar days and longer periods are counted.

    Raises:
        InapplicableRuleError: `decision.deadline-missing`, `decision.deadline-too-early`.
        MalformedError: `agreement.unknown-timezone`.
    """
    by_silence = is_by_silence(rule, proposal)
    start = proposal.tabled_at if start is None else start
    period = rule.silence.period if by_silence and rule.silence is not None else None
    least = None if period is None else later(period, start, timezone)
    if proposal.deadline is None:
        if by_silence and least is None:
            raise InapplicableRuleError(
                "decision.deadline-missing",
                "neither the rule nor the proposal says when the silence ends",
                hint="give the proposal a deadline, or the rule a period",
            )
        return least
    length = proposal.deadline - proposal.tabled_at
    if length <= timedelta(0) or (
        period is not None and proposal.deadline < later(period, proposal.tabled_at, timezone)
    ):
        raise InapplicableRuleError(
            "decision.deadline-too-early",
            "the deadline leaves less time than the rule gives",
            hint="name a later deadline, or none where the rule has a period",
        )
    named = _add(start, length)
    return named if least is None else max(named, least)


def later(by: Duration, start: datetime, timezone: str = "UTC") -> datetime:
    """When `by` has passed since `start`; days and longer by the calendar of `timezone`.

    Beyond the year 9999 it is the last moment of that year.

    Raises:
        MalformedError: `agreement.unknown-timezone`.
    """
    try:
        if by.unit in ("seconds", "minutes", "hours"):
            return by.after(start).astimezone(UTC)
        return by.after(start.astimezone(ZoneInfo(timezone))).astimezone(UTC)
    except OverflowError:
        return _NEVER
    except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
        raise MalformedError(
            "agreement.unknown-timezone", "the agreement names a time zone that is not known here"
        ) from unknown


def follow(
    rule: DecisionRule,
    proposal: Proposal,
    voters: frozenset[PartyId],
    statements: Iterable[Statement],
    at: datetime,
    timezone: str = "UTC",
) -> Course:
    """Follow a proposal through what was said, as known at `at`.

    Args:
        voters: those entitled; statements of others than the proposer must not be given.
        statements: known at `at`, each once.

    Raises:
        InapplicableRuleError, MalformedError: as `deadline_of`.

    Cost: n log n in the statements, and one pass for each change of text or deadline, of which
    there are at most `MOST_CHANGES`.
    """
    run = _Run(rule, proposal, voters, timezone)
    said = list(statements)
    run.hear([each for each in said if isinstance(each, Vote)])
    run.go(
        [each for each in said if isinstance(each, Revision | Extension | Retraction)],
    )
    return run.course([each for each in said if isinstance(each, Receipt)], at)


class _Run:
    """One proposal on its way; what it says changes with each step of the proposer."""

    def __init__(
        self, rule: DecisionRule, proposal: Proposal, voters: frozenset[PartyId], timezone: str
    ) -> None:
        self._rule = rule
        self._silence = rule.silence or Silence()
        self._proposal = proposal
        self._voters = voters
        self._timezone = timezone
        self._by_silence = is_by_silence(rule, proposal)
        self._text = proposal.text
        self._deadline = deadline_of(rule, proposal, timezone)
        self._retracted: datetime | None = None
        self._over: list[PassedOver] = []
        self._votes: list[Vote] = []
        self._objections: list[Vote] = []

    def hear(self, votes: Iterable[Vote]) -> None:
        """Sort votes from objections; what lacks the form that the rule asks for is neither."""
        for vote in sorted(votes, key=_order):
            if not self._by_silence or vote.choice != "no":
                self._votes.append(vote)
            elif self._silence.break_by == "written-objection" and not vote.written:
                self._pass_over(vote, "not-in-writing")
            elif self._silence.reasons_required and not vote.reasoned:
                self._pass_over(vote, "without-reasons")
            else:
                self._objections.append(vote)

    def go(self, steps: Iterable[Revision | Extension | Retraction]) -> None:
        """Take the proposer's steps in their order, each only while the proposal runs."""
        taken = 0
        closed = self._closing()
        for step in sorted(steps, key=lambda each: (*_order(each), repr(each))):
            if step.party != self._proposal.by:
                self._pass_over(step, "not-the-proposer")
            elif closed is not None and step.at >= closed:
                self._pass_over(step, "late")
            elif isinstance(step, Retraction):
                self._retracted = closed = step.at
            elif taken >= MOST_CHANGES:
                self._pass_over(step, "too-many")
            else:
                taken += 1
                refusal = self._change(step)
                if refusal:
                    self._pass_over(step, refusal)
                closed = self._closing()

    def _change(self, step: Revision | Extension) -> str:
        """Change text or deadline; a code where that is not possible."""
        if isinstance(step, Revision):
            if step.text == self._text:
                return "same-text"
            self._text = step.text
            end = deadline_of(self._rule, self._proposal, self._timezone, start=step.at)
            if end is not None and self._deadline is not None:
                self._deadline = max(self._deadline, end)
            return ""
        if not self._by_silence or not self._silence.may_extend:
            return "not-extendable"
        if self._deadline is None or step.until <= self._deadline:
            return "not-longer"
        self._deadline = step.until
        return ""

    def course(self, receipts: Iterable[Receipt], at: datetime) -> Course:
        """Say how it went."""
        closing = self._closing()
        objections: dict[PartyId, Vote] = {}
        for objection in self._objections:
            if self._is_in_time(objection):
                objections.setdefault(objection.party, objection)
        votes = self._last_votes(closing)
        for objection in self._objections:
            if objection.party not in objections:
                self._pass_over(objection, self._lateness(objection))
        reached = {*votes, *objections, self._proposal.by} & self._voters
        for receipt in receipts:
            if not receipt.person:
                self._pass_over(receipt, "not-confirmed")
            elif receipt.text != self._text:
                self._pass_over(receipt, "other-text")
            elif not self._is_in_time(receipt):
                self._pass_over(receipt, self._lateness(receipt))
            else:
                reached.add(receipt.party)
        final_at = self._arrival_end()
        early = closing is not None and closing != self._deadline
        over = early or (final_at is not None and at >= final_at)
        return Course(
            by_silence=self._by_silence,
            text=self._text,
            deadline=self._deadline,
            final_at=final_at,
            closed_at=closing if over else None,
            votes=votes,
            objections=objections,
            reached=frozenset(reached),
            retracted=self._retracted is not None,
            passed_over=tuple(sorted(set(self._over))),
        )

    # --- time ---------------------------------------------------------------------------

    def _closing(self) -> datetime | None:
        """When the proposal closes, as things stand: at the deadline or before it."""
        if self._retracted is not None:
            return self._retracted
        if self._by_silence:
            broken = (each.at for each in self._objections if self._is_in_time(each))
            return next(broken, self._deadline)
        firsts: dict[PartyId, datetime] = {}
        for vote in self._votes:
            if vote.text == self._text and self._is_in_time(vote):
                firsts.setdefault(vote.party, vote.at)
        if self._voters and len(firsts) == len(self._voters):
            return max(firsts.values())
        return self._deadline

    def _is_in_time(self, said: Statement) -> bool:
        return self._lateness(said) == ""

    def _lateness(self, said: Statement) -> str:
        ends = self._deadline if self._retracted is None else self._retracted
        if ends is not None and said.at >= ends:
            return "late"
        end = self._arrival_end()
        if end is not None and said.arrived_at is not None and said.arrived_at >= end:
            return "arrived-late"
        return ""

    def _arrival_end(self) -> datetime | None:
        if self._deadline is None:
            return None
        return later(self._rule.grace, self._deadline, self._timezone)

    def _last_votes(self, closing: datetime | None) -> dict[PartyId, Vote]:
        """The vote of each party that counts."""
        chosen: dict[PartyId, Vote] = {}
        for vote in self._votes:
            lateness = self._lateness(vote)
            if not lateness and closing is not None and vote.at > closing:
                lateness = "late"
            if vote.text != self._text:
                self._pass_over(vote, "other-text")
            elif lateness:
                self._pass_over(vote, lateness)
            else:
                before = chosen.get(vote.party)
                if before is not None and _order(before)[:2] == _order(vote)[:2]:
                    # Sorted so that the more cautious of two with one moment comes first.
                    if vote.choice != before.choice:
                        self._pass_over(vote, "contradicted")
                    continue
                chosen[vote.party] = vote
        return chosen

    def _pass_over(self, said: Statement, why: str) -> None:
        self._over.append(PassedOver.of(said, why))


def _order(said: Statement) -> tuple[datetime, int, int, str]:
    caution = CHOICES.index(said.choice) if isinstance(said, Vote) else 0
    return said.at, said.number, caution, said.party


def _add(start: datetime, length: timedelta) -> datetime:
    try:
        return start + length
    except OverflowError:
        return _NEVER
