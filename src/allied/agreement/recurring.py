"""What the articles ask for from time to time: reviews, reports, exercises, aims.

Beside that, what becomes open of itself, and the legal protections that sharing relies on. What the
life of the agreement sets is for `agreement.agenda`, which lists both.

Words used here:
    due        one thing, the moment when it is due, and who has to see to it
    done       an event that says it was done: by a party, or by all together

Rules that hold everywhere below. Each party is asked by the newest text that reached it. What is to
be done every so often is due again that long after it was last done, and first that long after the
article began to bind (and the party came in); a report is on periods, counted from then on. An
article that is suspended, over, not operative, or not begun asks for nothing.

Source: agreement format, "Clauses"; NATO 3 and 12.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from allied.agreement.clauses import (
    InformationSharing,
    Preparedness,
    Reporting,
    Review,
    Secrecy,
)
from allied.agreement.days import NEVER, end_of_day, start_of_day
from allied.agreement.events import DONE, REQUESTED, Event, Register
from allied.agreement.periods import after, zone
from allied.agreement.scalars import duration_words
from allied.agreement.standing import Standing
from allied.agreement.values import Duration
from allied.agreement.versions import Text, Versions
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from allied.agreement.clause import Clause

SELF_REPORT: Final = "self-report"
PEER_REVIEW: Final = "peer-review"
EXERCISE: Final = "exercise"
REPORT: Final = "report"
REVIEW: Final = "review"
TARGET: Final = "target"

KINDS: Final = (
    "entry-deadline", "signing-ends", "term-ends", "stop-notice", "notice-possible", "leaves",
    "objections-end", "amendment", "consent", REVIEW, "review-possible", REPORT, SELF_REPORT,
    PEER_REVIEW, EXERCISE, TARGET, "opens", "protection-lapses", "protection-lapsed",
)  # fmt: skip
"""What a due may be."""

_RUNNING: Final = frozenset({"in-force", "suspended"})
_ANYBODY: Final = "*"  # no party goes by that name
_HERE: Final = frozenset({"bound", "leaving"})


@dataclass(frozen=True, slots=True)
class Due:
    """One thing that falls due.

    Attributes:
        at: when; None for what waits for somebody and has no moment.
        kind: one of `KINDS`.
        version: the id of the text that says so.
        art: the article; empty where it is the life of the agreement.
        who: the parties that have to see to it, or that it is about; empty for all together.
        sentence: for people, without the moment.
        overdue: a task whose moment has passed.
    """

    at: datetime | None
    kind: str
    version: str
    art: str
    who: tuple[PartyId, ...]
    sentence: str
    overdue: bool = False


def due_by(
    at: datetime | None,
    kind: str,
    text: Text,
    art: str,
    who: tuple[PartyId, ...],
    said: str,
) -> Due:
    """Something that falls due by a text."""
    return Due(at, kind, text.version, art, who, said)


def things_of(clause: Clause) -> tuple[str, ...]:
    """Name what an article asks for from time to time, as an event `done` may name it."""
    match clause:
        case Review():
            return (REVIEW,)
        case Reporting():
            return (REPORT,)
        case Preparedness():
            regular = {
                SELF_REPORT: clause.self_report,
                PEER_REVIEW: clause.peer_review,
                EXERCISE: clause.exercises,
            }
            return (
                *(name for name, every in regular.items() if every is not None),
                *(each.metric for each in clause.target if each.by is not None),
            )
        case _:
            return ()


def opens_at(terms: Iterable[Secrecy], since: datetime | None, timezone: str) -> datetime | None:
    """Say when what is secret becomes open of itself; None where it does not.

    Args:
        terms: the clauses on secrecy; the last of their days counts.
        since: entry into force.
    """
    clauses = tuple(terms)
    if since is None or not clauses:
        return None
    ends = [
        after(since, clause.declassify_after, timezone)
        for clause in clauses
        if clause.declassify_after is not None
    ]
    known = [end for end in ends if end is not None]
    return max(known) if len(known) == len(clauses) else None


class Recurring:
    """The articles of one agreement, asked at one moment."""

    def __init__(self, register: Register, found: Versions, at: datetime) -> None:
        self._found = found
        self._at = at
        self._whole: Standing = found.standing
        self._zone = found.texts[0].terms.timezone
        self._said = [
            event
            for event in register.events
            if event.agreement == found.agreement
            and event.at <= at
            and event.event in {DONE, REQUESTED}
        ]
        self._done: dict[tuple[str, str, str | None], datetime] = {}
        for event in self._said:
            if event.event == DONE:
                for who in (event.party, _ANYBODY):
                    key = (event.art, event.what, who)
                    self._done[key] = max(event.at, self._done.get(key, event.at))

    def dues(self) -> Iterator[Due]:
        """What the articles ask for from time to time, text by text."""
        if self._whole.state not in _RUNNING:
            return
        for text in self._found.counting:
            here = frozenset(
                party
                for party, its in self._whole.parties.items()
                if its.legal in _HERE and self._found.of(party).version == text.version
            )
            for clause in text.terms.articles:
                began = self._began(text, clause)
                if began is not None and self._goes_on(clause):
                    yield from self._article(text, clause, began, here)
            yield from self._secrecy(text)
            yield from self._protections(text)

    def _article(
        self, text: Text, clause: Clause, began: datetime, here: frozenset[PartyId]
    ) -> Iterator[Due]:
        def due(at: datetime | None, kind: str, who: Iterable[PartyId], said: str) -> Due:
            return due_by(at, kind, text, clause.art, tuple(sorted(who)), said)

        match clause:
            case Review():
                yield from self._review(clause, began, due)
            case Reporting():
                yield from self._reporting(clause, began, due)
            case Preparedness():
                obliged = text.terms.bound_by(clause) & here
                yield from self._preparedness(clause, began, obliged, due)

    def _review(self, clause: Review, began: datetime, due: Callable[..., Due]) -> Iterator[Due]:
        possible = began
        if clause.not_before is not None:
            opens = self._after(began, clause.not_before)
            if opens is None:
                return
            possible = opens
            yield due(opens, "review-possible", (), f"a review may be asked for{_by(clause)}")
        done = self._last_done(clause, REVIEW)
        asked = [
            event
            for event in self._said
            if event.event == REQUESTED
            and event.art == clause.art
            and event.at >= possible
            and (done is None or event.at > done)
            and self._may_ask(clause, event)
        ]
        if asked:
            first = min(asked, key=lambda event: (event.at, event.party or ""))
            said = f"{first.party} asked for a review, and none was held since"
            yield due(None, REVIEW, (), said)
        if clause.every is not None:
            start = max(possible, done) if done is not None else possible
            at = self._after(start, clause.every)
            if at is not None:
                yield due(at, REVIEW, (), f"a review is due, {_every(clause.every)}")

    def _may_ask(self, clause: Review, event: Event) -> bool:
        party = event.party
        if party is None or party not in self._whole.parties:
            return False
        if clause.on_request_of in {"", "any-member"}:
            its = self._whole.parties[party]
            return its.legal in _HERE and its.role == "member"
        body = self._whole.participation.get(clause.on_request_of, frozenset())
        return party == clause.on_request_of or party in body

    def _reporting(
        self, clause: Reporting, began: datetime, due: Callable[..., Due]
    ) -> Iterator[Due]:
        to = f" to {', '.join(clause.to)}" if clause.to else ""
        about = f" about {clause.about}" if clause.about else ""
        done = self._last_done(clause, REPORT)
        if clause.every is not None:
            ends = self._period_after(began, clause.every, done)
            last = self._after(ends, clause.within) if ends and clause.within else ends
            if last is not None:
                said = f"a report{to}{about} is due, {_every(clause.every)}"
                yield due(last, REPORT, (), said)
        for event in self._said:
            if event.event != REQUESTED or event.art != clause.art:
                continue
            if done is None or done < event.at:
                at = self._after(event.at, clause.within) if clause.within else event.at
                yield due(at, REPORT, (), f"a report{to}{about} was asked for by {event.party}")

    def _preparedness(
        self,
        clause: Preparedness,
        began: datetime,
        obliged: frozenset[PartyId],
        due: Callable[..., Due],
    ) -> Iterator[Due]:
        if clause.self_report is not None:
            said = f"a report on itself is due, {_every(clause.self_report)}"
            for party in obliged:
                came = max(began, self._whole.parties[party].since or began)
                at = self._again(clause, SELF_REPORT, clause.self_report, came, party)
                if at is not None:
                    yield due(at, SELF_REPORT, (party,), said)
        for kind, every, words in (
            (PEER_REVIEW, clause.peer_review, "a review of each other"),
            (EXERCISE, clause.exercises, "a common exercise"),
        ):
            at = self._again(clause, kind, every, began) if every is not None else None
            if at is not None and every is not None:
                yield due(at, kind, obliged, f"{words} is due, {_every(every)}")
        for target in clause.target:
            if target.by is None:
                continue
            end = end_of_day(target.by, self._zone)
            value = f" ({target.value})" if target.value else ""
            for party in obliged:
                if self._last_done(clause, target.metric, party) is None:
                    said = f"the aim is to be reached: {target.metric}{value}"
                    yield due(end, TARGET, (party,), said)

    def _secrecy(self, text: Text) -> Iterator[Due]:
        clauses = text.terms.clauses(Secrecy)
        opens = opens_at(clauses, self._whole.in_force_since, self._zone)
        if opens is not None:
            art = clauses[0].art
            before = "sooner if the parties so decide"
            yield due_by(
                opens, "opens", text, art, (), f"what is secret about it becomes open; {before}"
            )

    def _protections(self, text: Text) -> Iterator[Due]:
        today = self._at.astimezone(zone(self._zone)).date()
        spans = {each.name: each.valid for each in text.terms.protections}
        for clause in text.terms.clauses(InformationSharing):
            valid = spans.get(clause.legal_shield, ())
            if not valid:
                continue
            ends = [each.last for each in valid if each.holds(today)]
            name = clause.legal_shield
            if not ends:
                said = f"sharing relies on {name}, which does not hold now"
                yield due_by(None, "protection-lapsed", text, clause.art, (), said)
            elif None not in ends:
                last = max(end for end in ends if end is not None)
                end_at = end_of_day(last, self._zone)
                said = f"{name} lapses, on which sharing relies"
                yield due_by(end_at, "protection-lapses", text, clause.art, (), said)

    # --- counting -------------------------------------------------------------------------

    def _began(self, text: Text, clause: Clause) -> datetime | None:
        """Since when an article binds: with the agreement, or with the text that brought it."""
        since = self._whole.in_force_since
        if since is None:
            return None
        first = text
        for earlier in self._found.texts[text.number :: -1]:
            if not any(
                e.art == clause.art and e.TYPE == clause.TYPE for e in earlier.terms.articles
            ):
                break
            first = earlier
        if first.effect is not None and first.effect.since is not None:
            since = max(since, first.effect.since)
        if clause.since is not None:
            since = max(since, start_of_day(clause.since, self._zone))
        return since

    def _goes_on(self, clause: Clause) -> bool:
        if not clause.operative or (clause.art, None) in self._whole.suspended_clauses:
            return False
        return clause.until is None or self._at < end_of_day(clause.until, self._zone)

    def _last_done(
        self, clause: Clause, what: str, party: PartyId | None = None
    ) -> datetime | None:
        """When something was last done: by a party, or by all together."""
        whose = (_ANYBODY,) if party is None else (None, party)
        found = (self._done.get((clause.art, w, who)) for w in ("", what) for who in whose)
        return max((at for at in found if at is not None), default=None)

    def _again(
        self,
        clause: Clause,
        what: str,
        every: Duration,
        began: datetime,
        party: PartyId | None = None,
    ) -> datetime | None:
        done = self._last_done(clause, what, party)
        return self._after(max(began, done) if done is not None else began, every)

    def _period_after(
        self, began: datetime, every: Duration, done: datetime | None
    ) -> datetime | None:
        """The end of the first period, counted from the beginning, that no report came after."""
        if every.count == 0:
            return None

        def end(number: int) -> datetime:
            longer = Duration(every.count * number, every.unit)
            return self._after(began, longer) or NEVER

        low, high = 0, 1
        while done is not None and end(high) <= done:
            low, high = high, high * 2
        while high - low > 1:
            middle = (low + high) // 2
            if done is not None and end(middle) <= done:
                low = middle
            else:
                high = middle
        ends = end(high)
        return None if ends == NEVER else ends

    def _after(self, start: datetime, by: Duration) -> datetime | None:
        return after(start, by, self._zone)


def _every(by: Duration) -> str:
    """`every year`, `every two weeks`."""
    words = duration_words(by)
    return f"every {words.removeprefix('one ')}"


def _by(clause: Review) -> str:
    who = clause.on_request_of
    return f", by {'any member' if who == 'any-member' else who}" if who else ""
