"""What a body has decided, and what would still change it.

`count` takes a rule, a proposal, those who may vote and what was said, and gives a frozen
value: the outcome with its remainder, and the sentence for people. It counts exactly the
statements that it is given: which statements several nodes agree to count is settled
elsewhere, by closes that name them, and proved by certificates (`agreement.certificate`).

Words used here:
    course      what was said in time, and when the question closed; see `agreement.silence`
    position    where an entitled party stands; see `agreement.tally`
    standing    the outcome if it closed now, as it is

Rules that hold everywhere below. The same statements give the same count, in whatever order
and however often they are given. Nothing known only after `at` is counted. A proposal is open
until its deadline and the grace have passed, or all have voted; a broken silence adopts
nothing, not even in part, and stays broken. Silence binds a party only where a person of it
confirmed in time that the text on the table had been read: whoever is not reached is named,
and counts as absent. What recused parties and strangers say changes nothing and is listed.

Source: agreement format, "Decision rules", "Proposal and vote"; NATO practice (silence), Rio
17 to 20.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from allied.agreement.announcement import announce
from allied.agreement.ballot import (
    CHOICES,
    Consent,
    Electorate,
    Extension,
    InapplicableRuleError,
    PassedOver,
    Proposal,
    Receipt,
    Recused,
    Retraction,
    Revision,
    Roll,
    Statement,
    Vote,
    electorate_of,
    require_aware,
    roll,
)
from allied.agreement.certificate import (
    Certificate,
    assemblers,
    certificate,
    certificate_size,
)
from allied.agreement.outcome import (
    OPEN,
    SILENCE_BROKEN,
    WITHDRAWN,
    Ballot,
    Change,
    Count,
    MeasureConsent,
)
from allied.agreement.rules import DecisionRule
from allied.agreement.silence import Course, deadline_of, follow
from allied.agreement.tally import (
    ADOPTED,
    LAPSED,
    REJECTED,
    Condition,
    Position,
    Scale,
    Totals,
    conditions,
    scale,
    verdict,
)
from allied.record.ids import PartyId

SPONSORS: Final = "sponsors"
"""The condition that enough members stand up for a proposal."""

__all__ = [
    "ADOPTED",
    "LAPSED",
    "OPEN",
    "REJECTED",
    "SILENCE_BROKEN",
    "SPONSORS",
    "WITHDRAWN",
    "Ballot",
    "Certificate",
    "Change",
    "Condition",
    "Consent",
    "Count",
    "Electorate",
    "Extension",
    "InapplicableRuleError",
    "MeasureConsent",
    "PassedOver",
    "Proposal",
    "Receipt",
    "Recused",
    "Retraction",
    "Revision",
    "Statement",
    "Vote",
    "assemblers",
    "certificate",
    "certificate_size",
    "count",
    "deadline_of",
    "electorate_of",
]


def count(
    rule: DecisionRule,
    proposal: Proposal,
    electorate: Electorate,
    statements: Iterable[Statement],
    at: datetime,
    *,
    timezone: str = "UTC",
) -> Count:
    """Count what was said on a proposal, as known at `at`.

    Args:
        statements: on this proposal and no other; those to be counted, whoever made them.
        at: aware. With statements and rule it decides the outcome; no clock is read.
        timezone: the agreement's, for periods in days and longer.

    Raises:
        InapplicableRuleError: the rule or the proposal cannot be applied; see there.
        MalformedError: `agreement.unknown-timezone`.
        ValueError: `at` carries no time zone.

    Cost: n log n in statements and entitled parties.
    """
    require_aware(at)
    voters = roll(rule, proposal, electorate)
    ready = scale(rule, voters.entitled, electorate)
    known = {each for each in statements if each.known_at <= at}
    over: list[PassedOver] = []
    heard = [each for each in known if _counts(each, rule, proposal, voters, electorate, over)]
    course = follow(rule, proposal, voters.entitled, heard, at, timezone)
    positions = _positions(rule, course, voters, electorate)
    totals = ready.totals(positions)
    standing = _standing(rule, course, totals)
    up = _standing_up(proposal, course) & voters.entitled
    sponsors = _sponsors(proposal, up, voters)
    if standing[0] == ADOPTED and not all(each.holds for each in sponsors):
        standing = LAPSED, SPONSORS
    outcome, reason = _outcome(rule, proposal, course, standing, at)
    is_open = outcome == OPEN
    unheard = tuple(sorted(party for party in voters.entitled if party not in course.votes))
    asks_receipts = course.by_silence or rule.kind == "consensus"
    not_reached = tuple(each for each in unheard if asks_receipts and each not in course.reached)
    ballots = _ballots(rule, course, ready, positions)
    counted = Count(
        proposal=proposal.id,
        text=course.text,
        outcome=outcome,
        reason=reason,
        as_it_stands=standing[0] if is_open else outcome,
        deadline=course.deadline,
        final_at=course.final_at,
        closed_at=_closed_at(rule, proposal, course, outcome),
        ballots=ballots,
        recused=voters.recused,
        conditions=(*conditions(rule, totals), *sponsors),
        awaited=() if not is_open else not_reached if course.by_silence else unheard,
        not_reached=not_reached,
        bound_by_silence=tuple(
            each.party for each in ballots if outcome == ADOPTED and each.position == "silent"
        ),
        objectors=tuple(sorted(course.objections)),
        would_change=(
            _changes(rule, course, ready, positions, not_reached, sponsors, up) if is_open else ()
        ),
        consents=_consents(rule, proposal, electorate, heard),
        passed_over=tuple(sorted({*over, *course.passed_over})),
        certificate=certificate(len(voters.entitled), rule.tolerates),
        sentence="",
    )
    return replace(counted, sentence=announce(rule, proposal, counted))


# --- who is heard -----------------------------------------------------------------------


def _counts(
    said: Statement,
    rule: DecisionRule,
    proposal: Proposal,
    voters: Roll,
    electorate: Electorate,
    over: list[PassedOver],
) -> bool:
    """Whether a statement is of somebody who has a say; if not, it is listed."""
    why = ""
    if isinstance(said, Revision | Extension | Retraction):
        if rule.kind == "none":
            why = "not-asked"
    elif isinstance(said, Consent):
        if said.party not in _performers(proposal, electorate):
            why = "stranger"
        elif said.measure not in _measures(rule, proposal):
            why = "other-measure"
    elif said.party not in voters.entitled:
        recused = any(each.party == said.party for each in voters.recused)
        why = "recused" if recused else "not-asked" if rule.kind == "none" else "stranger"
    if why:
        over.append(PassedOver.of(said, why))
    return not why


def _positions(
    rule: DecisionRule, course: Course, voters: Roll, electorate: Electorate
) -> dict[PartyId, Position]:
    """Where everybody stands, as the arithmetic sees it."""
    positions: dict[PartyId, Position] = {}
    for party in voters.entitled:
        vote = course.votes.get(party)
        if party in course.objections:
            positions[party] = "no"
        elif vote is not None:
            positions[party] = vote.choice
        elif course.by_silence:
            positions[party] = "yes" if party in course.reached else "absent"
        elif party in electorate.present or (rule.kind == "consensus" and party in course.reached):
            positions[party] = "present"
        else:
            positions[party] = "absent"
    return positions


def _ballots(
    rule: DecisionRule, course: Course, ready: Scale, positions: Mapping[PartyId, Position]
) -> tuple[Ballot, ...]:
    """Where everybody stands, in the words that people use for it."""
    asks_receipts = course.by_silence or rule.kind == "consensus"
    ballots = []
    for party in sorted(positions):
        vote = course.votes.get(party)
        word: str = positions[party]
        if party in course.objections:
            vote, word = course.objections[party], "objected"
        elif vote is None and asks_receipts:
            if party in course.reached:
                word = "silent"
            elif word == "absent":
                word = "not-reached"
        said_at = None if vote is None else vote.at
        ballots.append(Ballot(party, word, ready.weights[party][1], said_at))
    return tuple(ballots)


def _closed_at(
    rule: DecisionRule, proposal: Proposal, course: Course, outcome: str
) -> datetime | None:
    if outcome == OPEN:
        return None
    return proposal.tabled_at if rule.kind == "none" else course.closed_at


def _standing_up(proposal: Proposal, course: Course) -> frozenset[PartyId]:
    """Who stands up for it: the proposer, and whoever says yes in so many words."""
    said = (party for party, vote in course.votes.items() if vote.choice == "yes")
    return frozenset({proposal.by, *said})


def _sponsors(proposal: Proposal, up: frozenset[PartyId], voters: Roll) -> tuple[Condition, ...]:
    """The condition that enough stand up for it, where sponsors are asked for."""
    need, everybody = proposal.sponsors, len(voters.entitled)
    holds = len(up) >= need
    condition = Condition(SPONSORS, len(up), need, everybody, holds=holds, otherwise=LAPSED)
    return (condition,) if need else ()


# --- the outcome ------------------------------------------------------------------------


def _standing(rule: DecisionRule, course: Course, totals: Totals) -> tuple[str, str]:
    """The outcome if it closed as it stands, and why."""
    if course.objections:
        return SILENCE_BROKEN, "objection"
    if not totals.everybody and rule.kind != "none":
        return LAPSED, "nobody-entitled"
    outcome, why = verdict(rule, totals)
    unasked = course.by_silence and outcome == REJECTED and totals.absent > 0
    if unasked and verdict(rule, totals.with_all_reached())[0] == ADOPTED:
        return LAPSED, "not-reached"  # nobody objected, so nothing was rejected
    return outcome, "not-reached" if why in ("reach", "consent") else why


def _outcome(
    rule: DecisionRule,
    proposal: Proposal,
    course: Course,
    standing: tuple[str, str],
    at: datetime,
) -> tuple[str, str]:
    """What is decided at `at`, and why."""
    if at < proposal.tabled_at:
        return OPEN, "not-tabled"
    if rule.kind == "none":
        return standing
    if course.retracted:
        return WITHDRAWN, "withdrawn"
    if course.closed_at is not None:
        return standing
    if course.deadline is not None and at >= course.deadline:
        return OPEN, "grace"
    return OPEN, "awaiting-silence" if course.by_silence else "awaiting-votes"


# --- what would change it ---------------------------------------------------------------


class _WhatIf:
    """The outcome with some parties elsewhere; nothing else changes."""

    def __init__(
        self,
        rule: DecisionRule,
        course: Course,
        ready: Scale,
        positions: Mapping[PartyId, Position],
    ) -> None:
        self._rule = rule
        self._course = course
        self._ready = ready
        self._positions = positions
        self._totals = ready.totals(positions)
        self.standing = _standing(rule, course, self._totals)[0]
        self._seen: dict[object, str] = {}

    def single(self, party: PartyId, to: Position) -> str:
        """The outcome with one party elsewhere; parties that weigh the same share the answer."""
        ready, old = self._ready, self._positions[party]
        alike = (ready.weights[party], party in ready.vetoes, party == ready.chair, old, to)
        if alike not in self._seen:
            self._seen[alike] = self._then(ready.moved(self._totals, party, old, to))
        return self._seen[alike]

    def together(
        self, parties: Iterable[PartyId], to: Position, *, adopted: bool
    ) -> tuple[tuple[PartyId, ...], str]:
        """The first of `parties` that suffice, moved one after another, and the outcome.

        Who moved more never undoes what fewer achieved, so the place is found by halving.
        """
        order, prefixes = list(parties), list[Totals]()
        for party in order:
            before = prefixes[-1] if prefixes else self._totals
            prefixes.append(self._ready.moved(before, party, self._positions[party], to))

        def suffices(totals: Totals) -> bool:
            return (self._then(totals) == ADOPTED) == adopted

        place = bisect_left(prefixes, True, key=suffices)
        if place == len(prefixes):
            return (), self.standing
        return tuple(sorted(order[: place + 1])), self._then(prefixes[place])

    def _then(self, totals: Totals) -> str:
        return _standing(self._rule, self._course, totals)[0]


def _changes(
    rule: DecisionRule,
    course: Course,
    ready: Scale,
    positions: Mapping[PartyId, Position],
    not_reached: tuple[PartyId, ...],
    sponsors: tuple[Condition, ...],
    up: frozenset[PartyId],
) -> tuple[Change, ...]:
    what_if = _WhatIf(rule, course, ready, positions)
    standing = what_if.standing
    found: dict[tuple[str, str], list[PartyId]] = {}
    for party in sorted(positions):
        for choice in CHOICES:
            if choice == "no" and course.by_silence:
                found.setdefault(("objection", SILENCE_BROKEN), []).append(party)
            elif choice != positions[party]:
                outcome = what_if.single(party, choice)
                if outcome != standing:
                    found.setdefault((choice, outcome), []).append(party)
    changes = [Change(tuple(who), says, then) for (says, then), who in found.items()]
    changes += _joint(course, ready, positions, not_reached, what_if, changes)
    if not all(each.holds for each in sponsors):
        changes = list(_sponsored(changes, standing, up, sponsors, positions))
    return tuple(changes)


def _sponsored(
    changes: Iterable[Change],
    standing: str,
    up: frozenset[PartyId],
    sponsors: Iterable[Condition],
    positions: Mapping[PartyId, Position],
) -> Iterator[Change]:
    """What would change it while sponsors are missing: nothing adopts without them."""
    missing = sum(each.missing for each in sponsors)
    for change in changes:
        fresh = len([party for party in change.parties if party not in up])
        enough = (
            fresh >= missing if change.together else missing == 1 and fresh == len(change.parties)
        )
        if change.outcome == LAPSED:
            continue
        if change.outcome != ADOPTED or (change.says == "yes" and enough):
            yield change
    others = sorted(party for party in positions if party not in up)
    if standing == ADOPTED and missing == 1 and others:
        yield Change(tuple(others), "yes", ADOPTED)
    elif standing == ADOPTED and missing <= len(others):
        yield Change(tuple(others[:missing]), "yes", ADOPTED, together=True)


def _joint(
    course: Course,
    ready: Scale,
    positions: Mapping[PartyId, Position],
    not_reached: tuple[PartyId, ...],
    what_if: _WhatIf,
    singles: Iterable[Change],
) -> Iterator[Change]:
    """What several could do together, where nobody can do it alone."""

    def order(party: PartyId) -> tuple[bool, int, PartyId]:
        return party in course.votes, -ready.weights[party][1], party

    reachable = {change.outcome for change in singles}
    adopted = what_if.standing == ADOPTED
    if not adopted and not_reached:
        to: Position = "yes" if course.by_silence else "present"
        parties, outcome = what_if.together(sorted(not_reached, key=order), to, adopted=True)
        if parties:
            yield Change(parties, "receipt", outcome, together=True)
    if (reachable - {ADOPTED}) if adopted else (ADOPTED in reachable):
        return
    goal: Position = "no" if adopted else "yes"
    others = sorted((each for each in positions if positions[each] != goal), key=order)
    parties, outcome = what_if.together(others, goal, adopted=not adopted)
    if parties:
        yield Change(parties, goal, outcome, together=True)


# --- consent per measure ----------------------------------------------------------------


def _measures(rule: DecisionRule, proposal: Proposal) -> tuple[str, ...]:
    """The measures of a proposal that need consents; all of the rule, if it names none."""
    if not proposal.measures:
        return rule.measure_consent
    return tuple(each for each in rule.measure_consent if each in proposal.measures)


def _performers(proposal: Proposal, electorate: Electorate) -> frozenset[PartyId]:
    return electorate.members if proposal.performers is None else proposal.performers


def _consents(
    rule: DecisionRule, proposal: Proposal, electorate: Electorate, heard: Iterable[Statement]
) -> tuple[MeasureConsent, ...]:
    """The last word of each party on each measure; of two with one moment, the refusal."""
    last: dict[tuple[str, PartyId], Consent] = {}
    said = [each for each in heard if isinstance(each, Consent)]
    for consent in sorted(said, key=lambda each: (each.at, each.number, not each.given)):
        last[consent.measure, consent.party] = consent
    performers = sorted(_performers(proposal, electorate))
    consents = []
    for measure in _measures(rule, proposal):
        words = {party: last.get((measure, party)) for party in performers}
        consents.append(
            MeasureConsent(
                measure,
                tuple(party for party, word in words.items() if word and word.given),
                tuple(party for party, word in words.items() if word and not word.given),
                tuple(party for party, word in words.items() if word is None),
            )
        )
    return tuple(consents)
