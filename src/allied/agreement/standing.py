"""Who is bound by an agreement at a moment, since when, and until when.

The answer follows from the text and from events: signed, ratified, notice given. It reads
no clock; the moment is an argument. Where the events come from (records on a node, a
`register/1` file, `joined` in a historical text) is not asked here; which of them has an effect is
decided in `agreement.timeline`, and which version of the text counts in `agreement.versions`.

Words used here:
    event      something that happened to an agreement or to one of its parties
    bound      a party for which the agreement is in force, not ended and not suspended
    notice     of withdrawal; the party stays bound until the notice has run
    entry      the condition under which the agreement enters into force
    spell      one stay of a party, [since, until); whoever comes back begins another

Rules that hold everywhere below. The order in which events are given does not matter. An
event after the moment asked for is not known yet. Intervals are [since, until). A value
given as a day begins at the start of that day and ends at its end, in the agreement's time
zone (DOMAIN T5); an event with an instant takes effect at that instant. Days and longer
periods follow the calendar of that time zone. Expired, lapsed and not-yet are derived
from the moment, never recorded. While the whole agreement is suspended nobody is bound in
effect, its terms and notices run on, and each party's legal status stays what it is. Whoever
is suspended stays so while its notice runs. Legal status decides; practice is shown.

`tied_to` is asked by the evaluation, which sees several instruments.

Source: agreement format, "Life"; treaty practice as in NATO 11 and 13, Rio 22 and 25.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from allied.agreement.admission import Candidacy
from allied.agreement.days import start_of_day
from allied.agreement.events import (
    ACCEDED,
    DECLARED,
    EVENTS,
    EXPELLED,
    NOTICE,
    RATIFIED,
    RESERVATION,
    RESUMED,
    SIGNED,
    STOP_NOTICE,
    SUSPENDED,
    TERMINATED,
    Event,
    Register,
)
from allied.agreement.reserving import Reserved
from allied.agreement.timeline import Timeline
from allied.agreement.track import Spell, Track
from allied.errors import NotFoundError
from allied.record.ids import PartyId

__all__ = [
    "ACCEDED", "DECLARED", "EVENTS", "EXPELLED", "NOTICE", "RATIFIED", "RESERVATION", "RESUMED",
    "SIGNED", "STOP_NOTICE", "SUSPENDED", "TERMINATED", "Event", "PartyStanding", "Register",
    "Reserved", "Spell", "Standing", "standing", "start_of_day",
]  # fmt: skip

_CANDIDATES: Final = frozenset({"nominated", "vetting", "invited", "refused"})


@dataclass(frozen=True, slots=True)
class PartyStanding:
    """How one party stands.

    Attributes:
        legal: invited, signed, bound, leaving, suspended, former or expelled.
        since: when it became bound; None while it never was.
        until: when it stops or stopped being bound; None while that is open.
        practice: what was declared without a formal notice; shown, never decisive.
        role, tier: as of the moment, from the text and from what changed them.
        spells: every period in which it was or is a party, the present one last.
        succeeds: in whose place it came.
        succeeded_by: who came in its place.
        objections_until: the end of the time for objections to a candidate.
        ground: why it is suspended or was expelled, where that was said.
    """

    party: PartyId
    legal: str
    since: datetime | None
    until: datetime | None
    practice: str = ""
    role: str = "member"
    tier: str = ""
    spells: tuple[Spell, ...] = ()
    succeeds: PartyId | None = None
    succeeded_by: PartyId | None = None
    objections_until: datetime | None = None
    ground: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """How an agreement stands at one moment.

    Attributes:
        state: proposed, signed, in-force, lapsed, expired or terminated.
        ends: the end of the present term; None when it runs without end.
        bound: parties that are bound now.
        awaited: parties on whom entry into force waits; empty once in force.
        suspended_pairs: (a, b): what a owes b is suspended.
        notice_from: the first moment at which notice counts; None when there is no such limit.
        may_leave: the text says how a party leaves.
        warnings: (code, sentence).
        suspended_clauses: (art, party): the article binds that party not; None for all of them.
        participation: of each body its members who take part in it now.
        chairs: of each body that elects its chair who was elected and still is it.
        reservations: those that count now, from the text and from what happened.
        surviving: what outlives the agreement, once it has ended, in the words of the text.
        signing_from, signing_until: when it may be signed; None where that is open.
        entry_deadline: when it lapses unless it is in force by then.
        holds_until: the next moment at which the state, or who is bound, may become another
            without a further event; None where there is no such moment.
    """

    state: str
    in_force_since: datetime | None
    ends: datetime | None
    parties: Mapping[PartyId, PartyStanding]
    bound: frozenset[PartyId]
    awaited: tuple[PartyId, ...]
    suspended_pairs: frozenset[tuple[PartyId, PartyId]]
    notice_from: datetime | None
    may_leave: bool
    warnings: tuple[tuple[str, str], ...]
    suspended_clauses: frozenset[tuple[str, PartyId | None]] = frozenset()
    participation: Mapping[str, frozenset[PartyId]] = field(default_factory=dict)
    chairs: Mapping[str, PartyId] = field(default_factory=dict)
    reservations: tuple[Reserved, ...] = ()
    surviving: tuple[str, ...] = ()
    signing_from: datetime | None = None
    signing_until: datetime | None = None
    entry_deadline: datetime | None = None
    holds_until: datetime | None = None


def standing(register: Register, agreement: str, at: datetime) -> Standing:
    """How `agreement` stands at `at`.

    Args:
        agreement: the id of its file, a key of `register.agreements`.
        at: an aware datetime.

    Raises:
        NotFoundError: `register.unknown-agreement`.
        MalformedError: `agreement.unknown-timezone`.

    Cost: linear in the events and parties.
    """
    terms = register.agreements.get(agreement)
    if terms is None:
        raise NotFoundError("register.unknown-agreement", "the register has no such agreement")
    seen = Timeline(terms, register.events, at)
    parties = {each.party: _party(seen, each, at) for each in seen.tracks.values()}
    bound = frozenset(party for party in parties if seen.is_bound(party, at))
    state = _state(seen)
    return Standing(
        state=state,
        in_force_since=seen.since,
        ends=seen.term.ends,
        parties=parties,
        bound=bound,
        awaited=() if seen.since or seen.over else seen.entry.awaited(),
        suspended_pairs=seen.suspensions.pairs(),
        notice_from=seen.notice_from,
        may_leave=terms.withdrawal is not None,
        warnings=tuple(seen.warnings),
        suspended_clauses=seen.suspensions.articles(),
        participation=seen.participation.all({p: parties[p].role for p in bound}, at),
        chairs=seen.participation.chairs(bound, at),
        reservations=seen.reserving.all(),
        surviving=terms.life.survives_end if state in ("expired", "terminated") else (),
        signing_from=seen.entry.signing_from,
        signing_until=seen.entry.signing_until,
        entry_deadline=seen.entry.deadline,
        holds_until=seen.holds_until,
    )


def _state(seen: Timeline) -> str:
    if seen.over is not None:
        return seen.over[0]
    if seen.since is None:
        return "signed" if seen.entry.is_signed_by_all else "proposed"
    return "suspended" if seen.suspensions.whole else "in-force"


def _party(seen: Timeline, track: Track, at: datetime) -> PartyStanding:
    spells = seen.spells(track)
    ground = seen.suspensions.ground(track.party)
    legal = _legal(seen, track, ground, at)
    last = spells[-1] if spells else None
    since, until = (last.since, last.until) if last is not None else (None, None)
    return PartyStanding(
        party=track.party,
        legal=legal,
        since=since,
        until=until,
        practice=track.practice,
        role=track.role,
        tier=track.tier,
        spells=spells,
        succeeds=track.succeeds,
        succeeded_by=track.succeeded_by,
        objections_until=track.candidacy.until
        if track.candidacy and legal in _CANDIDATES
        else None,
        ground=ground or track.ground,
    )


def _legal(seen: Timeline, track: Track, ground: str | None, at: datetime) -> str:
    """The legal status of one party, in one word."""
    if track.since is not None:
        if ground is not None:
            return "suspended"
        return "leaving" if track.going == "former" else "bound"
    if track.party in seen.entry.signed or track.party in seen.entry.ratified:
        return "signed"
    if track.spells and track.candidacy is None:
        return track.going
    if not seen.asks_admission(track) or (not track.spells and _may_still_sign(seen, at)):
        return "invited"
    return seen.admission.word(track.candidacy or Candidacy(), at)


def _may_still_sign(seen: Timeline, at: datetime) -> bool:
    """Whether a party may come in as one of the first, without an invitation."""
    if seen.invites_all:
        return True
    return seen.entry.is_open(at) and (seen.since is None or seen.entry.has_window)
