"""What falls due under an agreement: when, under which clause, and for whom.

Deadlines of the agreement itself (entry, signature, term, notices, amendments), beside what its
articles ask for from time to time (`agreement.recurring`). What is owed over an incident stands in
`allied.response`; when a proposal ends, in `agreement.decision`.

Words used here:
    due        one thing, the moment when it is due, and who has to see to it
    task       a due that somebody has to do; past its moment it is overdue until it is done
    event      a due that comes of itself; past its moment it has come, and is no longer listed
    waiting    a due without a moment

Rules that hold everywhere below. Everything follows from the texts, the events up to the moment
asked for, and that moment; nothing is recorded, and nothing here changes who owes what. Of what
recurs only the next time is listed. Days, working days and longer periods follow the calendar of
the agreement.

Source: agreement format, "Clauses"; NATO 3, 10, 12 and 13.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final

from allied.agreement.amending import BOUND, KEEP_OLD, LEAVE
from allied.agreement.events import Register
from allied.agreement.periods import last_start
from allied.agreement.recurring import (
    EXERCISE,
    KINDS,
    PEER_REVIEW,
    REPORT,
    REVIEW,
    SELF_REPORT,
    TARGET,
    Due,
    Recurring,
    due_by,
)
from allied.agreement.scalars import duration_words
from allied.agreement.standing import Standing
from allied.agreement.versions import Text, Versions, versions
from allied.record.ids import PartyId

__all__ = ["KINDS", "Due", "agenda", "agenda_of"]

_TASKS: Final = frozenset({REVIEW, REPORT, SELF_REPORT, PEER_REVIEW, EXERCISE, TARGET})
_OF_EACH: Final = frozenset({SELF_REPORT, TARGET})
_BEFORE: Final = frozenset({"proposed", "signed"})
_RUNNING: Final = frozenset({"in-force", "suspended"})
_OBJECTORS: Final = {
    BOUND: "by then is bound all the same",
    LEAVE: "by then leaves",
    KEEP_OLD: "by then keeps the old text",
}


def agenda(
    register: Register, agreement: str, at: datetime, until: datetime | None = None
) -> tuple[Due, ...]:
    """Say what falls due under an agreement, as things stand at `at`.

    Args:
        agreement: the id of the file with its first text.
        at: an aware datetime; later events are not known.
        until: leave out what is due later; what is overdue or waiting stays.

    Returns:
        What is overdue or due, the earliest first, and then what waits without a moment.

    Raises:
        NotFoundError: `register.unknown-agreement`.
        MalformedError: `agreement.unknown-timezone`.

    Cost: that of `versions`, twice with a term, and linear in articles times parties.
    """
    return agenda_of(register, versions(register, agreement, at), at, until)


def agenda_of(
    register: Register, found: Versions, at: datetime, until: datetime | None = None
) -> tuple[Due, ...]:
    """Like `agenda`, where the texts that count at `at` are at hand."""
    asked = _Asked(register, found, at)
    dues = [
        replace(due, overdue=due.kind in _TASKS and due.at is not None and due.at <= at)
        for due in (
            *asked.life(),
            *asked.amendments(),
            *Recurring(register, found, at).dues(),
        )
    ]
    listed = [
        due
        for due in dues
        if due.at is None or due.overdue or (due.at > at and (until is None or due.at <= until))
    ]
    return tuple(sorted(_together(listed), key=_order))


def _together(dues: Iterable[Due]) -> Iterator[Due]:
    """Join what is due from several parties at one moment."""
    same: dict[Due, set[PartyId]] = {}
    for due in dues:
        if due.kind in _OF_EACH:
            same.setdefault(replace(due, who=()), set()).update(due.who)
        else:
            yield due
    for due, who in same.items():
        yield replace(due, who=tuple(sorted(who)))


def _order(due: Due) -> tuple[object, ...]:
    return due.at is None, due.at, due.kind, due.version, due.art, due.who, due.sentence


class _Asked:
    """One agreement, asked at one moment."""

    def __init__(self, register: Register, found: Versions, at: datetime) -> None:
        self._register = register
        self._found = found
        self._at = at
        self._name = found.agreement
        self._whole: Standing = found.standing
        self._zone = found.texts[0].terms.timezone

    # --- the life of the agreement --------------------------------------------------------

    def life(self) -> Iterator[Due]:
        """Deadlines that the life of the agreement sets."""
        whole, text = self._whole, self._found.newest
        for party, its in whole.parties.items():
            if its.objections_until is not None:
                yield due_by(
                    its.objections_until, "objections-end", text, "", (party,),
                    f"the time for objections to {party} ends",
                )  # fmt: skip
            if its.legal == "leaving" and its.until is not None:
                said = f"the notice of {party} has run and it is out"
                yield due_by(its.until, "leaves", self._found.of(party), "", (party,), said)
        if whole.state in _BEFORE:
            yield from self._entry(whole, text)
        elif whole.state in _RUNNING:
            yield from self._term(whole, text)
            if whole.notice_from is not None:
                said = "from then on a party may give notice of leaving"
                yield due_by(whole.notice_from, "notice-possible", text, "", (), said)

    def _entry(self, whole: Standing, text: Text) -> Iterator[Due]:
        if whole.entry_deadline is not None:
            said = "it lapses unless it is in force by then"
            who = tuple(sorted(whole.awaited))
            yield due_by(whole.entry_deadline, "entry-deadline", text, "", who, said)
        unsigned = tuple(
            sorted(party for party, its in whole.parties.items() if its.legal == "invited")
        )
        if whole.signing_until is not None and unsigned:
            said = "the time for signing ends"
            yield due_by(whole.signing_until, "signing-ends", text, "", unsigned, said)

    def _term(self, whole: Standing, text: Text) -> Iterator[Due]:
        if whole.ends is None:
            return
        life = text.terms.life
        then = versions(self._known(), self._name, whole.ends).standing
        if then.state in _RUNNING:
            each = life.renewal.each or life.term
            said = f"its term ends and is renewed for {duration_words(each)}" if each else ""
            yield due_by(whole.ends, "term-ends", text, "", (), said)
            notice = life.renewal.stop_notice
            last = whole.ends if notice is None else last_start(whole.ends, notice, self._zone)
            if last is not None:
                said = "last moment for notice that it is not to be renewed"
                yield due_by(last, "stop-notice", text, "", (), said)
        else:
            yield due_by(whole.ends, "term-ends", text, "", (), "its term ends, and so does it")

    def _known(self) -> Register:
        events = tuple(event for event in self._register.events if event.at <= self._at)
        return Register(self._register.agreements, events)

    # --- amendments -----------------------------------------------------------------------

    def amendments(self) -> Iterator[Due]:
        """Amended texts that are adopted and have not taken effect."""
        for text in self._found.texts:
            effect, mode = text.effect, text.mode
            if effect is None or mode is None or effect.since is not None:
                continue
            if self._whole.state not in _RUNNING:
                continue
            if effect.due is not None and effect.due > self._at:
                said = f"{text.version} takes effect; whoever objects {_OBJECTORS[mode.objectors]}"
                yield due_by(effect.due, "amendment", text, mode.art, (), said)
            if effect.awaited:
                enough = (
                    "all of them are needed"
                    if effect.missing >= len(effect.awaited)
                    else f"{effect.missing} of them {'is' if effect.missing == 1 else 'are'} enough"
                )
                yield due_by(
                    None, "consent", text, mode.art, effect.awaited,
                    f"{text.version} waits for their consent; {enough}",
                )  # fmt: skip
