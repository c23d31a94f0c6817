"""Who is bound by an agreement at a moment, since when, and until when.

The answer follows from the text and from events: signed, ratified, notice given. It reads
no clock; the moment is an argument. Where the events come from (records on a node, a
`register/1` file, `joined` in a historical text) is not asked here.

Words used here:
    event      something that happened to an agreement or to one of its parties
    bound      a party for which the agreement is in force, not ended and not suspended
    notice     of withdrawal; the party stays bound until the notice has run
    entry      the condition under which the agreement enters into force

Rules that hold everywhere below. The order in which events are given does not matter. An
event after the moment asked for is not known yet. Intervals are [since, until). A value
given as a day begins at the start of that day and ends at its end, in the agreement's time
zone (DOMAIN T5); an event with an instant takes effect at that instant. Days and longer
periods follow the calendar of that time zone. Expired, lapsed and not-yet are derived from
the moment, never recorded. Nothing is in force before the first party has signed (or
ratified), whatever day the text names. Notice before `not_before`, by a party that is not
bound yet, or where the text does not say how to leave, has no effect and is reported. Whoever
is suspended stays so while its notice runs. An event about a stranger is passed over. A
party's `joined` in a historical text counts as its signature and ratification on that day,
and the first of them as entry into force.

Not decided here yet, and said so by `agreement check`: signature windows, entry deadlines,
accession rules. `tied_to` is asked by the evaluation, which sees several instruments.

Source: agreement format, "Life"; treaty practice as in NATO 11 and 13, Rio 22 and 25.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

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
from allied.agreement.values import Duration
from allied.errors import MalformedError, NotFoundError
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from allied.agreement.terms import Agreement, EntryCondition

__all__ = [
    "ACCEDED", "DECLARED", "EVENTS", "EXPELLED", "NOTICE", "RATIFIED", "RESERVATION", "RESUMED",
    "SIGNED", "STOP_NOTICE", "SUSPENDED", "TERMINATED", "Event", "PartyStanding", "Register",
    "Reserved", "Spell", "Standing", "standing", "start_of_day",
]  # fmt: skip

_MOST_RENEWALS: Final = 10_000
_ONE_DAY: Final = Duration(1, "days")
_BY_THE_CLOCK: Final = frozenset({"seconds", "minutes", "hours"})
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
"""Where a period ends that reaches beyond the year 9999."""


@dataclass(frozen=True, slots=True)
class Spell:
    """One period in which a party was bound: [since, until), open where `until` is None."""

    since: datetime
    until: datetime | None = None


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
        reservations: those that count now, from the text and from what happened.
        surviving: what outlives the agreement, once it has ended, in the words of the text.
        signing_from, signing_until: when it may be signed; None where that is open.
        entry_deadline: when it lapses unless it is in force by then.
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
    reservations: tuple[Reserved, ...] = ()
    surviving: tuple[str, ...] = ()
    signing_from: datetime | None = None
    signing_until: datetime | None = None
    entry_deadline: datetime | None = None


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
    return _Timeline(terms, register.events).at(at)


def start_of_day(day: date, timezone: str) -> datetime:
    """The first instant of a day in a time zone, in UTC.

    Raises:
        MalformedError: `agreement.unknown-timezone`.
    """
    zone = _zone(timezone)
    try:
        return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
    except OverflowError:  # the first day of the calendar, east of Greenwich
        return datetime.combine(day, time(), tzinfo=UTC)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
        raise MalformedError(
            "agreement.unknown-timezone", "the agreement names a time zone that is not known here"
        ) from unknown


class _Timeline:
    """One agreement's events, read once, asked at one moment."""

    def __init__(self, terms: Agreement, events: tuple[Event, ...]) -> None:
        self._terms = terms
        self._entry = terms.life.in_force_when
        self._ratification = _asks_ratification(self._entry)
        named = {party.id for party in terms.parties}
        self._events = [
            event
            for event in events
            if event.agreement == terms.id and (event.party is None or event.party in named)
        ]

    def at(self, at: datetime) -> Standing:
        signed, ratified = self._papers(at)
        since = self._in_force_since(signed, ratified, at)
        ends = self._end_of_term(since, at) if since else None
        over = self._terminated(at)
        papers = ratified if self._ratification else signed
        leaving, warnings, notice_from = self._leaving(papers, since, at)
        parties = {
            party.id: self._party(party.id, signed, ratified, since, leaving, at)
            for party in self._terms.parties
        }
        for party, practice in self._practices(at).items():
            parties[party] = replace(parties[party], practice=practice)
        is_over = since is not None and (
            over is not None or (ends is not None and ends <= at) or _too_few(parties, at)
        )
        bound = (
            frozenset(
                party
                for party, stands in parties.items()
                if stands.legal in ("bound", "leaving") and since is not None
            )
            if since is not None and not is_over
            else frozenset[PartyId]()
        )
        return Standing(
            state=self._state(since, ends, over, parties, signed, at),
            in_force_since=since,
            ends=ends,
            parties=parties,
            bound=bound,
            awaited=() if since else self._awaited(signed, ratified),
            suspended_pairs=self._suspended_pairs(at),
            notice_from=notice_from,
            may_leave=self._terms.withdrawal is not None,
            warnings=tuple(warnings),
        )

    # --- entry into force ---------------------------------------------------------------

    def _known(self, at: datetime, *kinds: str) -> Iterator[Event]:
        for event in self._events:
            if event.event in kinds and event.at <= at:
                yield event

    def _papers(self, at: datetime) -> tuple[dict[PartyId, datetime], dict[PartyId, datetime]]:
        """When each party signed and ratified, as far as that had happened by `at`."""
        signed: dict[PartyId, datetime] = {}
        ratified: dict[PartyId, datetime] = {}
        for party in self._terms.parties:
            if party.joined is not None:
                day = start_of_day(party.joined, self._terms.timezone)
                if day <= at:
                    signed[party.id] = ratified[party.id] = day
        for event in self._known(at, SIGNED, RATIFIED, ACCEDED):
            if event.party is None:
                continue
            if event.event in (SIGNED, ACCEDED):
                signed[event.party] = min(event.at, signed.get(event.party, event.at))
            if event.event in (RATIFIED, ACCEDED):
                ratified[event.party] = min(event.at, ratified.get(event.party, event.at))
        return signed, ratified

    def _in_force_since(
        self,
        signed: Mapping[PartyId, datetime],
        ratified: Mapping[PartyId, datetime],
        at: datetime,
    ) -> datetime | None:
        """The first moment up to `at` at which the condition of entry holds."""
        joined = [party.joined for party in self._terms.parties if party.joined is not None]
        if joined:
            first = start_of_day(min(joined), self._terms.timezone)
            return first if first <= at else None
        moments = {*signed.values(), *ratified.values()}
        if self._entry.date is not None:
            moments.add(start_of_day(self._entry.date, self._terms.timezone))
        for moment in sorted(moments):
            if moment > at:
                return None
            if self._holds(
                {party for party, when in signed.items() if when <= moment},
                {party for party, when in ratified.items() if when <= moment},
                moment,
            ):
                return moment
        return None

    def _holds(self, signed: set[PartyId], ratified: set[PartyId], moment: datetime) -> bool:
        entry, everybody = self._entry, {party.id for party in self._terms.parties}
        counted = ratified if self._ratification else signed
        if not counted:
            return False
        if entry.all and not everybody <= (signed if entry.all == "signed" else ratified):
            return False
        if entry.majority_ratified and 2 * len(ratified) <= len(everybody):
            return False
        of = signed if entry.of == "signed" else ratified
        if entry.count is not None and len(of) < entry.count:
            return False
        if entry.share is not None and len(of) < entry.share * len(everybody):
            return False
        if not set(entry.including) <= counted:
            return False
        return entry.date is None or moment >= start_of_day(entry.date, self._terms.timezone)

    def _awaited(
        self, signed: Mapping[PartyId, datetime], ratified: Mapping[PartyId, datetime]
    ) -> tuple[PartyId, ...]:
        unsigned = tuple(party.id for party in self._terms.parties if party.id not in signed)
        if unsigned or not self._ratification:
            return unsigned
        return tuple(party.id for party in self._terms.parties if party.id not in ratified)

    # --- ends ---------------------------------------------------------------------------

    def _end_of_term(self, since: datetime, at: datetime) -> datetime | None:
        """The end of the term that runs at `at`, or of the last one that ran."""
        life = self._terms.life
        if life.term is None:
            return None
        end = self._later(life.term, since)
        each = life.renewal.each or life.term
        for _ in range(_MOST_RENEWALS):
            if end > at or not life.renewal.automatic or self._is_stopped(end, at):
                return end
            longer = self._later(each, end)
            if longer <= end:
                return end
            end = longer
        return end

    def _is_stopped(self, end: datetime, at: datetime) -> bool:
        """Whether somebody gave notice in time that it is not to be renewed at `end`."""
        notice = self._terms.life.renewal.stop_notice
        return any(
            event.at < end and (notice is None or self._later(notice, event.at) <= end)
            for event in self._known(at, STOP_NOTICE)
        )

    def _terminated(self, at: datetime) -> datetime | None:
        return min((event.at for event in self._known(at, TERMINATED)), default=None)

    def _later(self, by: Duration, start: datetime) -> datetime:
        """When `by` has passed since `start`; days and more by the agreement's calendar."""
        try:
            if by.unit in _BY_THE_CLOCK:
                return by.after(start)
            return by.after(start.astimezone(_zone(self._terms.timezone))).astimezone(UTC)
        except OverflowError:
            return _NEVER

    def _leaving(
        self, papers: Mapping[PartyId, datetime], since: datetime | None, at: datetime
    ) -> tuple[dict[PartyId, datetime], list[tuple[str, str]], datetime | None]:
        """When each party that gave notice is out, warnings, and the first day for notice."""
        rule = self._terms.withdrawal
        warnings: list[tuple[str, str]] = []
        earliest = None
        if rule is not None and rule.not_before is not None and since is not None:
            earliest = self._later(rule.not_before, since)
        out: dict[PartyId, datetime] = {}
        for event in sorted(
            self._known(at, NOTICE), key=lambda each: (each.at, each.party or "", each.day)
        ):
            party = event.party
            if party is None or party in out:
                continue
            if rule is None:
                warnings.append(("notice-without-rule", f"{party}: the text says no way to leave"))
                continue
            paper = papers.get(party)
            if since is None or paper is None or event.at < max(since, paper, earliest or since):
                warnings.append(("notice-too-early", f"{party}: no notice counts yet"))
                continue
            until = self._later(rule.notice, event.at)
            out[party] = self._later(_ONE_DAY, until) if event.day else until
        return out, warnings, earliest

    # --- parties ------------------------------------------------------------------------

    def _party(
        self,
        party: PartyId,
        signed: Mapping[PartyId, datetime],
        ratified: Mapping[PartyId, datetime],
        since: datetime | None,
        leaving: Mapping[PartyId, datetime],
        at: datetime,
    ) -> PartyStanding:
        paper = (ratified if self._ratification else signed).get(party)
        expelled = min(
            (event.at for event in self._known(at, EXPELLED) if event.party == party),
            default=None,
        )
        if paper is None or since is None:
            return PartyStanding(party, "signed" if party in signed else "invited", None, None)
        start = max(since, paper)
        if expelled is not None:
            return PartyStanding(party, "expelled", start, expelled)
        until = leaving.get(party)
        if until is not None and until <= at:
            return PartyStanding(party, "former", start, until)
        if self._is_suspended(party, at):
            return PartyStanding(party, "suspended", start, until)
        return PartyStanding(party, "bound" if until is None else "leaving", start, until)

    def _practices(self, at: datetime) -> dict[PartyId, str]:
        """What each party declared last without a formal notice."""
        declared = sorted(self._known(at, DECLARED), key=lambda event: (event.at, event.practice))
        return {event.party: event.practice for event in declared if event.party is not None}

    def _is_suspended(self, party: PartyId, at: datetime) -> bool:
        latest = max(
            (
                (event.at, event.event == RESUMED)
                for event in self._known(at, SUSPENDED, RESUMED)
                if event.party == party and event.towards is None
            ),
            default=None,
        )
        return latest is not None and not latest[1]

    def _suspended_pairs(self, at: datetime) -> frozenset[tuple[PartyId, PartyId]]:
        latest: dict[tuple[PartyId, PartyId], tuple[datetime, bool]] = {}
        for event in self._known(at, SUSPENDED, RESUMED):
            if event.party is None or event.towards is None:
                continue
            pairs = [(event.party, event.towards)]
            if event.reciprocal:
                pairs.append((event.towards, event.party))
            for pair in pairs:
                mark = (event.at, event.event == RESUMED)
                latest[pair] = max(mark, latest.get(pair, mark))
        return frozenset(pair for pair, (_, resumed) in latest.items() if not resumed)

    def _state(
        self,
        since: datetime | None,
        ends: datetime | None,
        over: datetime | None,
        parties: Mapping[PartyId, PartyStanding],
        signed: Mapping[PartyId, datetime],
        at: datetime,
    ) -> str:
        if since is None:
            everybody = len(signed) == len(self._terms.parties)
            return "signed" if everybody else "proposed"
        if over is not None:
            return "terminated"
        if ends is not None and ends <= at:
            return "expired"
        return "terminated" if _too_few(parties, at) else "in-force"


def _too_few(parties: Mapping[PartyId, PartyStanding], at: datetime) -> bool:
    """Whether somebody has left and no two are bound to each other any more."""
    gone = any(
        stands.legal in ("former", "expelled") and (stands.until or at) <= at
        for stands in parties.values()
    )
    left = sum(stands.legal in ("bound", "leaving", "suspended") for stands in parties.values())
    return gone and left < min(2, len(parties))


def _asks_ratification(entry: EntryCondition) -> bool:
    """Whether a party is bound by its ratification rather than by its signature."""
    if entry.all:
        return entry.all == "ratified"
    if entry.majority_ratified:
        return True
    counts = entry.count is not None or entry.share is not None or bool(entry.including)
    return counts and entry.of == "ratified"
