"""What is doubtful in how an agreement begins, goes on and ends.

Asks about parties, entry into force, days that cannot be, ways out, the time zone, and, where
a day is given, about what has run out by then.

Rules that hold everywhere below. The clock is not read: what depends on the day is asked only
for a day that is given. Lengths of time are compared as a calendar counts them from one fixed
day, so `12 months` and `1 year` are equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from allied.agreement.check_doubt import ERROR, NOTE, WARNING, Doubt, Path, Question, about
from allied.agreement.clauses import InformationSharing, Preparedness, Secrecy
from allied.agreement.life import EntryCondition
from allied.agreement.scalars import number_words
from allied.agreement.terms import Agreement
from allied.agreement.values import Duration

_SOME_DAY: Final = datetime(2001, 1, 1, tzinfo=UTC)


def _ways_out(value: Agreement, day: date | None) -> Iterator[Doubt]:
    del day
    withdrawal = value.withdrawal
    if withdrawal is None:
        yield Doubt(
            "agreement.no-withdrawal",
            WARNING,
            ("life",),
            "nothing says how a party leaves",
            "add `withdrawal: {notice: 90 days}` under `life`",
        )
        return
    if withdrawal.to == "depositary" and not value.depositary:
        yield Doubt(
            "agreement.no-depositary",
            WARNING,
            ("life", "withdrawal", "to"),
            "notice goes to the depositary, and there is none",
            "name a party under `depositary`",
        )
    term = value.life.term
    late = withdrawal.not_before
    if term and late and not value.life.renewal.automatic and _at_least(late, term):
        yield Doubt(
            "agreement.withdrawal-after-end",
            WARNING,
            ("life", "withdrawal", "not_before"),
            "a party may leave only when the term is over anyway",
            "shorten `not_before`, or take it out",
        )


def _size(value: Agreement, day: date | None) -> Iterator[Doubt]:
    del day
    count = len(value.parties)
    bounds = {"bilateral": (2, 2), "minilateral": (3, 12), "multilateral": (3, None)}
    least, most = bounds.get(value.lateral, (0, None))
    if count < least or (most is not None and count > most):
        yield Doubt(
            "agreement.lateral",
            WARNING,
            ("lateral",),
            f"a {value.lateral} agreement does not have {number_words(count)} parties",
            "change `lateral`, or the parties",
        )
    if not value.members and not any(each.role_name == "guarantor" for each in value.parties):
        yield Doubt(
            "agreement.no-member",
            ERROR,
            ("parties",),
            "no party is a member or a guarantor, so the articles bind nobody",
            "give at least one party the role `member`",
        )
    joined = next((party for party in value.parties if party.joined), None)
    if joined:
        yield Doubt(
            "agreement.status-in-text",
            NOTE,
            ("parties", joined.id, "joined"),
            "`joined` is a status: it feeds `whatif`, and a node refuses to propose such a text",
            "take `joined` out before you propose; the day is that of the signature",
        )


def _entry(value: Agreement, day: date | None) -> Iterator[Doubt]:
    del day
    entry = value.life.in_force_when
    path: Path = ("life", "in_force_when")
    if entry.count is not None and not 0 < entry.count <= len(value.parties):
        yield Doubt(
            "agreement.never-in-force",
            ERROR,
            (*path, "count"),
            "that many parties can never be reached, or none is needed",
            f"a number from 1 to {len(value.parties)}",
        )
    if entry == EntryCondition():
        yield Doubt(
            "agreement.no-entry-condition",
            ERROR,
            path,
            "nothing is named that puts the agreement into force",
            "write `all signed`, or name a count, a share or a day",
        )
    window = value.life.signature_window
    deadline = value.life.entry_deadline
    if window and deadline and deadline < window.first:
        yield Doubt(
            "agreement.deadline-before-signature",
            ERROR,
            ("life", "entry_deadline"),
            "the agreement lapses before it can be signed",
            "move one of the two days",
        )
    if entry.date and deadline and deadline < entry.date:
        yield Doubt(
            "agreement.deadline-before-entry",
            ERROR,
            ("life", "entry_deadline"),
            "the agreement lapses before the day on which it enters into force",
            "move one of the two days",
        )


def _renewal(value: Agreement, day: date | None) -> Iterator[Doubt]:
    del day
    renewal, term = value.life.renewal, value.life.term
    if term is None and renewal.automatic:
        yield Doubt(
            "agreement.renewal-without-term",
            WARNING,
            ("life", "renewal"),
            "an agreement without a term has nothing to renew",
            "add a `term`, or take `renewal` out",
        )
    if term and renewal.automatic and renewal.stop_notice and _at_least(renewal.stop_notice, term):
        yield Doubt(
            "agreement.renewal-cannot-be-stopped",
            WARNING,
            ("life", "renewal", "stop_notice"),
            "the notice that stops a renewal is due before the term begins",
            "make `stop_notice` shorter than `term`",
        )


def _spans(value: Agreement, day: date | None) -> Iterator[Doubt]:
    begins = value.life.in_force_when.date
    for clause in value.articles:
        if clause.since and clause.until and clause.until < clause.since:
            yield about(
                clause,
                "agreement.never-applies",
                ERROR,
                ("until",),
                "this article ends before it begins",
                "exchange the two days",
            )
        elif clause.until and begins and clause.until < begins:
            yield about(
                clause,
                "agreement.never-applies",
                ERROR,
                ("until",),
                "this article ends before the agreement enters into force",
                "move `until`, or the day under `in_force_when`",
            )
        elif clause.until and day and clause.until < day:
            yield about(
                clause,
                "agreement.article-over",
                NOTE,
                ("until",),
                f"on {day} this article no longer applies",
                "take it out, or move `until`",
            )


def _run_out(value: Agreement, day: date | None) -> Iterator[Doubt]:
    """What the given day makes of the days in the text."""
    if day is None:
        return
    window, deadline = value.life.signature_window, value.life.entry_deadline
    if window and window.last and window.last < day:
        yield Doubt(
            "agreement.signature-window-closed",
            WARNING,
            ("life", "signature_window"),
            f"on {day} it can no longer be signed",
            "move the end of `signature_window`",
        )
    if deadline and deadline < day:
        yield Doubt(
            "agreement.entry-deadline-passed",
            WARNING,
            ("life", "entry_deadline"),
            f"on {day} it has lapsed, unless it was in force before",
            "move `entry_deadline`",
        )
    for clause in value.clauses(Preparedness):
        for index, target in enumerate(clause.target):
            if target.by and target.by < day:
                yield about(
                    clause,
                    "agreement.target-day-passed",
                    NOTE,
                    ("target", index, "by"),
                    f"on {day} the day for this aim has passed",
                    "set another day, or take the aim out",
                )


def _time_zone(value: Agreement, day: date | None) -> Iterator[Doubt]:
    del day
    try:
        ZoneInfo(value.timezone)
    except (KeyError, ValueError, OSError):
        yield Doubt(
            "agreement.unknown-time-zone",
            ERROR,
            ("timezone",),
            "no time zone of that name is known, so nobody can say when a day ends",
            "write a name like `Europe/London`, or `UTC`",
        )


def _shields(value: Agreement, day: date | None) -> Iterator[Doubt]:
    """Legal protections: on a given day whether they hold, else that they are limited."""
    spans = {each.name: each.valid for each in value.protections}
    for clause in value.clauses(InformationSharing):
        valid = spans.get(clause.legal_shield, ())
        if not clause.legal_shield:
            continue
        if not valid:
            yield about(
                clause,
                "agreement.shield-without-days",
                NOTE,
                ("legal_shield",),
                "nothing says when this legal protection holds, so nobody is warned when it lapses",
                "add `valid` to it under `protections`",
            )
        elif day and not any(each.holds(day) for each in valid):
            yield about(
                clause,
                "agreement.legal-shield-lapsed",
                WARNING,
                ("legal_shield",),
                f"on {day} the legal protection that this article relies on does not hold",
                "ask a lawyer whether to go on sharing; add the new days under `valid` when it is"
                " renewed",
            )
        elif not day and any(each.last for each in valid):
            said = ", ".join(f"{each.first} to {each.last or 'no end'}" for each in valid[:8])
            yield about(
                clause,
                "agreement.shield-has-an-end",
                NOTE,
                ("legal_shield",),
                f"the legal protection that this article relies on holds only: {said}",
                "`agreement check --date DAY` says whether it holds on a day",
            )


def _secrecy(value: Agreement, day: date | None) -> Iterator[Doubt]:
    del day
    hidden = [clause for clause in value.clauses(Secrecy) if clause.existence]
    if hidden and value.visibility != "secret":
        yield about(
            hidden[0],
            "agreement.secret-but-visible",
            WARNING,
            ("existence",),
            "its existence is secret, and `visibility` of the agreement says something else",
            "write `visibility: secret` at the top",
        )


def _at_least(one: Duration, other: Duration) -> bool:
    """Whether a length of time is at least as long as another."""
    try:
        return one.after(_SOME_DAY) >= other.after(_SOME_DAY)
    except OverflowError:
        return False


QUESTIONS: Final[tuple[Question, ...]] = (
    _ways_out,
    _size,
    _entry,
    _renewal,
    _spans,
    _run_out,
    _time_zone,
    _shields,
    _secrecy,
)
