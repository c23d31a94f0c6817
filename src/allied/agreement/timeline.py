"""What became of an agreement and of its parties, event by event up to one moment.

The events are taken in the order of time; between two of them fall the moments that no event
marks: a day named in the text, a deadline, a notice that has run, the end of a term. What each
part of the text says is asked of the modules beside this one; here it is decided which event has
an effect on what stands at that moment.

Words used here:
    stay      the time in which a party is bound: [since, until)
    track     one party on its way: candidate, signatory, bound, leaving, out, and in again
    over      lapsed, expired or terminated; nothing that happens afterwards changes anything

Rules that hold everywhere below. The order in which events are given does not matter: of one
moment they are taken in the order of `EVENTS`. An event after the moment asked for is not known
yet; one about a stranger, or about another text of the agreement, is passed over. What ends a stay
or the agreement and is given as a day takes effect at the end of that day, everything else at its
start. A stay that ends in the very moment in which another begins leaves nobody alone. What has no
effect, and what has one although the text asks for more, is reported.

Source: agreement format, "Agreement" and "Membership" (lifecycles), T5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import cached_property, lru_cache
from heapq import heappop, heappush
from typing import TYPE_CHECKING, ClassVar, Final

from allied.agreement import events as e
from allied.agreement.admission import Candidacy, admission_of, said
from allied.agreement.clauses import Membership
from allied.agreement.days import ONE_DAY, later, start_of_day
from allied.agreement.entry import Entry
from allied.agreement.participation import Participation
from allied.agreement.reserving import Reserving
from allied.agreement.seats import Seats
from allied.agreement.suspension import Suspensions, not_entitled
from allied.agreement.term import Term
from allied.agreement.track import Spell, Track
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from allied.agreement.clauses import Expulsion
    from allied.agreement.events import Event
    from allied.agreement.terms import Agreement

MEMBER: Final = "member"

_RANK: Final = {word: rank for rank, word in enumerate((e.JOINED, *e.EVENTS))}


class Timeline:
    """One agreement's events, taken once, up to one moment.

    Attributes:
        since: entry into force; None while there is none.
        over: why and when it was over; None while it goes on.
        invites_all: whoever is named may come in, once: the text was proposed to all of them.
        warnings: (code, sentence), in the order of time, each once.
    """

    def __init__(self, terms: Agreement, happened: tuple[Event, ...], at: datetime) -> None:
        self._terms = terms
        self._at = at
        self.seats = Seats(terms.party_ids)
        self.entry = Entry(terms)
        self.term = Term(terms)
        clauses = terms.clauses(Membership)
        self.suspensions = Suspensions(clauses, self.seats)
        self.participation = Participation(terms, clauses, self.seats)
        self.reserving = Reserving(terms, self.seats)
        self.admission = admission_of(terms, clauses)
        self.tracks = {p.id: Track(p.id, p.role_name, p.tier) for p in terms.parties}
        self.since: datetime | None = None
        self.over: tuple[str, datetime] | None = None
        self.invites_all = False
        self.warnings: dict[tuple[str, str], None] = {}
        self.notice_from: datetime | None = None
        self._ends_at: datetime | None = None
        self._leaving: list[tuple[datetime, PartyId]] = []
        self._present = 0
        self._has_gone = False
        self._has_membership = bool(clauses)
        self._expulsion: Expulsion | None = said(clauses, "expulsion")
        last: Event | None = None
        for event in self._in_order(happened):
            if event == last:  # said twice
                continue
            last = event
            self._pass_to(event.at)
            if self.is_over:
                break
            self._take(event)
        self._pass_to(at, inclusive=True)

    # --- what the answer reads ----------------------------------------------------------

    @property
    def is_over(self) -> bool:
        """Whether it has lapsed, expired or been terminated."""
        return self.over is not None

    def is_bound(self, party: PartyId, at: datetime) -> bool:
        """Whether a party is bound by an agreement that goes on."""
        return (
            self.over is None
            and not self.suspensions.whole
            and self.tracks[party].is_in(at)
            and self.suspensions.ground(party) is None
        )

    def spells(self, track: Track) -> tuple[Spell, ...]:
        """Every stay of a party; the last one is cut off where the agreement was over."""
        if track.since is None:
            return track.spells
        until = track.until
        if self.over is not None:
            until = self.over[1] if until is None else min(until, self.over[1])
        return (*track.spells, Spell(track.since, until))

    @cached_property
    def _joins(self) -> frozenset[PartyId]:
        """The parties for whom the text says a day on which they joined."""
        return frozenset(p.id for p in self._terms.parties if p.joined is not None)

    @cached_property
    def _successor_of(self) -> Mapping[PartyId, PartyId]:
        """Of each party whose successor the text says that it is; empty for nobody's."""
        return {p.id: PartyId(p.successor_of) for p in self._terms.parties}

    @property
    def holds_until(self) -> datetime | None:
        """The next moment at which something falls due by itself; None where nothing does."""
        if self.over is not None:
            return None
        if self.since is None:
            due = [self._ends_at, self.entry.not_before, self.entry.deadline]
        else:
            leaves = self._leaving[0][0] if self._leaving else None
            due = [self._ends_at, self.term.ends, leaves]
        return min((each for each in due if each is not None and each > self._at), default=None)

    # --- the order of time --------------------------------------------------------------

    def _in_order(self, happened: tuple[Event, ...]) -> list[Event]:
        terms, named, at = self._terms, self.tracks, self._at
        known = [
            each
            for each in happened
            if each.agreement == terms.id
            and each.at <= at
            and each.event in _RANK
            and (each.party is None or each.party in named)
            and (each.towards is None or each.towards in named)
            and (not each.version or each.version == terms.id)
        ]
        for party in terms.parties:
            if party.joined is not None:
                joined = _joining(terms.id, party.id, party.joined, terms.timezone)
                if joined.at <= at:
                    known.append(joined)
        return sorted(known, key=_order)

    def _pass_to(self, moment: datetime, *, inclusive: bool = False) -> None:
        """Let everything fall due that no event marks, up to `moment`."""
        while self.over is None:
            if self.since is None:
                if not self._wait_until(moment):
                    return
                continue
            end = min((x for x in (self.term.ends, self._ends_at) if x), default=None)
            out = self._leaving[0][0] if self._leaving else None
            if out is not None and (end is None or out < end):
                if out > moment or (out == moment and not inclusive):
                    return
                self._let_go(out)
            elif end is None or end > moment:
                return
            elif end == self._ends_at:
                self.over = "terminated", end
            elif not self.term.renew():
                self.over = "expired", end

    def _wait_until(self, moment: datetime) -> bool:
        """Before entry into force: whether something fell due by `moment`."""
        day, deadline, ends = self.entry.not_before, self.entry.deadline, self._ends_at
        lapses = min((x for x in (deadline, ends) if x is not None), default=None)
        if day is not None and day <= moment and (lapses is None or day < lapses):
            self._try_entry(day)
            if self.since is not None:
                return True
        if lapses is None or lapses > moment:
            return False
        self.over = ("terminated" if lapses == ends else "lapsed"), lapses
        return True

    def _let_go(self, moment: datetime) -> None:
        """Let those go whose stay ends at `moment`."""
        while self._leaving and self._leaving[0][0] == moment:
            track = self.tracks[heappop(self._leaving)[1]]
            if track.since is not None and track.until == moment:
                self._close(track, moment)
        self._check_number(moment)

    def _check_number(self, moment: datetime) -> None:
        """End the agreement once somebody has gone and no two are left."""
        if self._has_gone and self._present < min(2, len(self.tracks)):
            self.over = "terminated", moment

    # --- stays --------------------------------------------------------------------------

    def _try_entry(self, at: datetime) -> None:
        if self.since is None and self.entry.holds(at):
            self._enter(at)

    def _enter(self, at: datetime) -> None:
        self.since = at
        self.term.begin(at)
        rule = self._terms.withdrawal
        if rule is not None and rule.not_before is not None:
            self.notice_from = later(rule.not_before, at, self._terms.timezone)
        for party in self.entry.counted:
            self._open(self.tracks[party], at)

    def _open(self, track: Track, at: datetime) -> None:
        track.since, track.until, track.going, track.ground = at, None, "", ""
        track.candidacy = None
        self._present += 1

    def _close(self, track: Track, at: datetime) -> None:
        if track.since is not None:
            track.spells += (Spell(track.since, at),)
        track.since = track.until = track.candidacy = None
        self.entry.forget(track.party)
        self.seats.vacate(track.party)
        self._present -= 1
        self._has_gone = True

    def _end_stay(self, track: Track, until: datetime, going: str) -> None:
        if track.until is None or until <= track.until:
            track.until, track.going = until, going
            heappush(self._leaving, (track.until, track.party))

    # --- events -------------------------------------------------------------------------

    def _take(self, event: Event) -> None:
        """Let one event have its effect, if it has one."""
        about_party = self._about_party.get(event.event)
        if about_party is not None:
            if event.party is not None:
                about_party(self, event, self.tracks[event.party])
            elif event.event == e.INVITED:
                self.invites_all = True
        elif event.event == e.SUSPENDED:
            self._report(self.suspensions.suspend(event))
        elif event.event == e.RESUMED:
            self.suspensions.resume(event)
        elif event.event == e.TERMINATED:
            ends = self._to_the_end(event, event.at)
            self._ends_at = ends if self._ends_at is None else min(ends, self._ends_at)

    def _warn(self, code: str, party: PartyId | None, sentence: str) -> None:
        self.warnings[code, f"{party}: {sentence}" if party else sentence] = None

    def _report(self, warning: tuple[str, str] | None) -> None:
        if warning is not None:
            self.warnings[warning] = None

    # papers

    def _take_joined(self, event: Event, track: Track) -> None:
        self.entry.sign(track.party, event.at)
        self.entry.ratify(track.party, event.at)
        if self.since is None:
            self._enter(event.at)
        elif track.since is None:
            self._open(track, event.at)

    def _take_signed(self, event: Event, track: Track) -> None:
        if not self.entry.is_open(event.at):
            self._warn(
                "signature-outside-window", track.party, "it can be signed on other days only"
            )
        elif self._may_come(event, track):
            self.entry.sign(track.party, event.at)
            self._count_paper(event, track)

    def _take_ratified(self, event: Event, track: Track) -> None:
        if self.entry.has_window and track.party not in self.entry.signed:
            self._warn(
                "ratified-without-signature", track.party, "it did not sign it while it could be"
            )
        elif self._may_come(event, track):
            self.entry.ratify(track.party, event.at)
            self._count_paper(event, track)

    def _take_acceded(self, event: Event, track: Track) -> None:
        if self._may_come(event, track):
            self.entry.sign(track.party, event.at)
            self.entry.ratify(track.party, event.at)
            self._count_paper(event, track)

    def _may_come(self, event: Event, track: Track) -> bool:
        """Whether a party that is not in may hand in a paper; why not is reported."""
        if track.is_in(event.at):
            return False
        if track.since is not None:  # its stay ends in this very moment
            self._close(track, event.at)
        lack: tuple[str, str] | None = None
        if track.is_banned:
            lack = "not-invited", "who was expelled comes back by invitation only"
        elif self.asks_admission(track) and not self._is_original(event, track):
            lack = self.admission.lack(track.candidacy or Candidacy(), event.at)
        if lack is not None:
            self._warn(lack[0], track.party, lack[1])
        return lack is None

    def asks_admission(self, track: Track) -> bool:
        """Whether a party comes in by invitation only; observers and associates do not."""
        return self.admission.asks and track.role == MEMBER

    def _is_original(self, event: Event, track: Track) -> bool:
        """Whether a party needs no invitation of its own: it signed in time, or was named."""
        if track.spells:
            return False
        if self.invites_all or track.party in self.entry.signed or track.party in self._joins:
            return True
        if event.event == e.ACCEDED:
            return False
        return self.since is None or (event.event == e.SIGNED and self.entry.has_window)

    def _count_paper(self, event: Event, track: Track) -> None:
        if self.since is None:
            self._try_entry(event.at)
        elif track.party in self.entry.counted:
            self._open(track, event.at)

    # candidates

    def _take_nominated(self, event: Event, track: Track) -> None:
        if self._is_settled(event, track):
            return
        sponsor = PartyId(event.by)
        is_sponsor = sponsor in self.tracks and self._is_member(sponsor, event.at)
        if event.by and not is_sponsor:
            self._warn("sponsor-not-a-member", track.party, f"{event.by} stood up for it")
        candidacy = track.candidacy or Candidacy()
        track.candidacy = self.admission.nominate(candidacy, event, is_sponsor=is_sponsor)

    def _take_invited(self, event: Event, track: Track) -> None:
        if self._is_settled(event, track):
            return
        wanted, by = self.admission.invited_by, event.by
        candidacy = track.candidacy = track.candidacy or Candidacy()
        if not by or by == wanted or (not wanted and by in self._terms.bodies):
            candidacy.invited = True
        elif by not in self.tracks or not self._is_member(PartyId(by), event.at):
            self._warn("invitation-not-entitled", track.party, f"invited by {by}")
        elif wanted == "all":
            candidacy.inviters.add(PartyId(by))
            candidacy.invited = self._is_invited_by_all(candidacy, event.at)
        elif wanted in ("", "any-member"):
            candidacy.invited = True
        else:
            self._warn("invitation-not-entitled", track.party, f"invited by {by}, not {wanted}")

    def _is_invited_by_all(self, candidacy: Candidacy, at: datetime) -> bool:
        """Whether every member has invited it; goes on where it had to stop before."""
        everybody = self._terms.parties
        for start in (candidacy.awaits, 0):
            for at_place in range(start, len(everybody)):
                party = everybody[at_place].id
                if party not in candidacy.inviters and self._is_member(party, at):
                    candidacy.awaits = at_place
                    return False
        return True

    def _take_objected(self, event: Event, objector: Track) -> None:
        track = self.tracks.get(event.about) if event.about is not None else None
        if track is None or self._is_settled(event, track):
            return
        candidacy, admission = track.candidacy, self.admission
        if candidacy is None or not candidacy.nominated:
            self._warn("objection-to-nobody", objector.party, f"{track.party} is no candidate")
        elif not self._may_object(objector, event.at):
            self._warn("objection-not-entitled", objector.party, f"about {track.party}")
        elif admission.is_over(candidacy, event.at):
            self._warn("objection-too-late", objector.party, f"about {track.party}")
        elif admission.blocked and candidacy.refused_by is None:
            candidacy.refused_by = objector.party

    def _is_settled(self, event: Event, track: Track) -> bool:
        """Whether a party is a member already, so that nothing about its coming matters."""
        return track.is_in(event.at) and track.role == MEMBER

    def _is_member(self, party: PartyId, at: datetime) -> bool:
        return self.tracks[party].role == MEMBER and self.is_bound(party, at)

    def _may_object(self, objector: Track, at: datetime) -> bool:
        body = self.admission.body
        if not body:
            return self._is_member(objector.party, at)
        takes_part = self.participation.takes_part(objector.party, objector.role, body, at)
        return takes_part and self.is_bound(objector.party, at)

    # changes

    def _take_succeeded(self, event: Event, track: Track) -> None:
        old = self.tracks.get(self._predecessor(event, track))
        if old is None or old is track:
            self._warn("succeeds-nobody", track.party, "nobody is named in whose place it comes")
            return
        has_paper = old.party in self.entry.signed or old.party in self.entry.ratified
        if not old.is_in(event.at) and not (self.since is None and has_paper):
            self._warn("succeeds-nobody", track.party, f"{old.party} has no place in it")
            return
        if track.is_banned:
            said = "who was expelled comes back by invitation only"
            self._warn("not-invited", track.party, said)
            return
        track.succeeds, old.succeeded_by = old.party, track.party
        if track.since is not None and not track.is_in(event.at):
            self._close(track, event.at)
        if track.since is None:
            self._take_place(event.at, old, track)
        else:
            self._close(old, event.at)
        old.going = "former"
        self._check_number(event.at)
        self._try_entry(event.at)

    def _take_place(self, at: datetime, old: Track, new: Track) -> None:
        """Put a successor where its predecessor was, which is out from then on."""
        self.entry.hand_over(old.party, new.party)
        self.seats.hand_over(old.party, new.party)
        if old.since is not None:
            old.spells += (Spell(old.since, at),)
            new.since, new.until, new.going = at, old.until, old.going
            new.candidacy, new.ground = None, old.ground
            old.since = old.until = old.candidacy = None
            if new.until is not None:
                heappush(self._leaving, (new.until, new.party))

    def _predecessor(self, event: Event, track: Track) -> PartyId:
        """Whom the event names, else whom the text does."""
        return event.predecessor or self._successor_of[track.party]

    def _take_changed(self, event: Event, track: Track) -> None:
        if event.role == MEMBER != track.role and self.admission.asks:
            lack = self.admission.lack(track.candidacy or Candidacy(), event.at)
            if lack is not None:
                self._warn(lack[0], track.party, f"{lack[1]}; it stays {track.role}")
                return
            track.candidacy = None
        track.role = event.role or track.role
        track.tier = event.tier or track.tier

    def _take_declared(self, event: Event, track: Track) -> None:
        track.practice = event.practice

    def _take_reservation(self, event: Event, track: Track) -> None:
        self._report(self.reserving.reserve(track.party, event))

    # ends

    def _take_notice(self, event: Event, track: Track) -> None:
        rule = self._terms.withdrawal
        if rule is None:
            self._warn("notice-without-rule", track.party, "the text says no way to leave")
        elif track.until is None and (track.since is not None or not track.spells):
            if track.since is None or event.at < (self.notice_from or track.since):
                self._warn("notice-too-early", track.party, "no notice counts yet")
                return
            until = later(rule.notice, event.at, self._terms.timezone)
            self._end_stay(track, self._to_the_end(event, until), "former")

    def _take_expelled(self, event: Event, track: Track) -> None:
        if not track.is_in(event.at):
            self._warn("expelled-not-bound", track.party, "it is not bound")
            return
        rule = self._expulsion
        if rule is None:
            if self._has_membership:
                said = "its clause on membership expels nobody"
                self._warn("expulsion-without-rule", track.party, said)
        elif not_entitled(rule, event):
            said = f"it is for {rule.rule} to decide"
            self._warn("expulsion-not-entitled", track.party, said)
            return
        elif rule.rule is not None and not event.by:
            said = "the text asks for a decision, and none is named"
            self._warn("expulsion-undecided", track.party, said)
        track.ground = event.ground
        self._end_stay(track, self._to_the_end(event, event.at), "expelled")

    def _take_left(self, event: Event, track: Track) -> None:
        out = self._to_the_end(event, event.at)
        self._report(self.participation.leave(track.party, event.body, out))

    def _take_returned(self, event: Event, track: Track) -> None:
        self.participation.come_back(track.party, event.body)

    def _take_elected(self, event: Event, track: Track) -> None:
        if track.is_in(event.at):
            self._report(self.participation.elect(track.party, event.body, event.at))
        else:
            self._warn("elected-not-bound", track.party, "it is not bound")

    def _take_stop_notice(self, event: Event, track: Track) -> None:
        if track.is_in(event.at):
            self.term.stop(event.at)
        else:
            self._warn("stop-notice-not-bound", track.party, "it is not bound")

    def _to_the_end(self, event: Event, moment: datetime) -> datetime:
        """The moment, or for a value given as a day the end of that day."""
        return later(ONE_DAY, moment, self._terms.timezone) if event.day else moment

    _about_party: ClassVar[Mapping[str, Callable[[Timeline, Event, Track], None]]] = {
        e.JOINED: _take_joined,
        e.NOMINATED: _take_nominated,
        e.INVITED: _take_invited,
        e.SIGNED: _take_signed,
        e.RATIFIED: _take_ratified,
        e.ACCEDED: _take_acceded,
        e.SUCCEEDED: _take_succeeded,
        e.CHANGED: _take_changed,
        e.RESERVATION: _take_reservation,
        e.DECLARED: _take_declared,
        e.NOTICE: _take_notice,
        e.EXPELLED: _take_expelled,
        e.LEFT: _take_left,
        e.RETURNED: _take_returned,
        e.ELECTED: _take_elected,
        e.STOP_NOTICE: _take_stop_notice,
        e.OBJECTED: _take_objected,
    }
    """What each event about a party does; the others are about the agreement, or not for here."""


@lru_cache(maxsize=4096)
def _joining(agreement: str, party: PartyId, day: date, timezone: str) -> Event:
    """What the `joined` of a text says, as an event."""
    return e.Event(agreement, e.JOINED, party, start_of_day(day, timezone))


def _order(event: Event) -> tuple[object, ...]:
    return (
        event.at, _RANK[event.event], event.party or "", event.towards or "", event.art,
        event.day, event.effect, event.reciprocal, event.practice, event.by, event.about or "",
        event.predecessor or "", event.body, event.role, event.tier, event.ground, event.version,
        event.what,
    )  # fmt: skip
