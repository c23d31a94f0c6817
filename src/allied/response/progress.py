"""How far an incident has come under one agreement: reported, consulting, invoked, closed ...

The same incident may be invoked under one agreement, only consulted about under another and not
covered by a third. Nothing of this is recorded: it follows from what the clauses answer, from what
became of the obligations, and from what people state of its course. What people state does not
move an incident by itself: closing takes that nothing is open any more.

    reported -> consulting -> invoked-provisional | invoked -> responding -> contained -> closed
    closed -> after-action-done, reopened; and: not-covered, withdrawn-by-victim,
    merged-into-campaign

Words used here:
    course    what people state: contained, closed, reopened ... (a fact of the incident)
    open      an obligation that its debtor has still to fulfil, and no creditor has waived
    timer     something that happens by itself at a moment, unless somebody acts before

Rules that hold everywhere below. An invitation is never open; neither is what is suspended, nor the
duty to hold back, which nobody ever finishes. An incident that was said to be closed while
something is open stays where it is, and says what is awaited. A reopened one says where it stands
beneath.

Source: lifecycles of the agreement format, "Incident".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from allied.record.canonical import Json
from allied.response.evaluate import Case, Prepared, case_of
from allied.response.incident import Incident
from allied.response.moment import Moment, begin, later
from allied.response.obligation import ObligationState
from allied.response.results import (
    MET,
    NOT_MET,
    OPEN,
    PROVISIONAL,
    Evaluation,
    Obligation,
    Result,
    instant,
)
from allied.response.rule import CONSULTATION, RESPONSE, RESTRAINT, Rule

REPORTED: Final = "reported"
CONSULTING: Final = "consulting"
INVOKED_PROVISIONAL: Final = "invoked-provisional"
INVOKED: Final = "invoked"
RESPONDING: Final = "responding"
CONTAINED: Final = "contained"
CLOSED: Final = "closed"
AFTER_ACTION: Final = "after-action-done"
NOT_COVERED: Final = "not-covered"
WITHDRAWN: Final = "withdrawn-by-victim"
MERGED: Final = "merged-into-campaign"
REOPENED: Final = "reopened"

_TO_DO: Final = frozenset({"owed", "acknowledged", "accepted", "excuse-claimed", "overdue"})
_AT_WORK: Final = frozenset({"accepted", "performed", "verified"})


@dataclass(frozen=True, slots=True)
class Timer:
    """Something that happens by itself at a moment.

    Attributes:
        what: "meet", "provisional-lapses", "invocation-window", "answer" or "perform".
        over: the moment has come.
    """

    what: str
    art: str
    at: datetime
    over: bool

    def to_json(self) -> dict[str, Json]:
        return {"what": self.what, "art": self.art, "at": instant(self.at), "over": self.over}


@dataclass(frozen=True, slots=True)
class Progress:
    """Where one incident stands under one agreement.

    Attributes:
        state: one of the words of this module.
        beneath: where it stands apart from what people state of its course.
        because: one sentence.
        open: keys of the obligations that stand in the way of closing it.
        timers: the earliest first.
    """

    incident: str
    agreement: str
    state: str
    beneath: str
    because: str
    open: tuple[str, ...]
    timers: tuple[Timer, ...]

    def to_json(self) -> dict[str, Json]:
        return {
            "incident": self.incident,
            "agreement": self.agreement,
            "state": self.state,
            "beneath": self.beneath,
            "because": self.because,
            "open": list(self.open),
            "timers": [timer.to_json() for timer in self.timers],
        }


def progress(
    prepared: Prepared,
    agreement: str,
    incident: Incident,
    evaluation: Evaluation,
    at: Moment,
    lives: Iterable[ObligationState] = (),
) -> Progress | None:
    """Say how far an incident has come under one agreement.

    Args:
        evaluation: of the incident at `at`, of whichever viewpoint; what it does not hold is not
            looked at.
        lives: what became of the obligations, where that is known; without, each stands as it
            was evaluated.

    Returns:
        None where nothing was known of the incident yet, or no clause spoke of it.

    Cost: that of looking at the incident once, and linear in results and obligations.
    """
    case = case_of(prepared, agreement, incident, at)
    mine = [
        each
        for each in evaluation.results
        if (each.incident, each.agreement) == (incident.id, agreement)
    ]
    if case is None or not mine:
        return None
    owed = [
        each
        for each in evaluation.obligations
        if (each.incident, each.agreement) == (incident.id, agreement)
    ]
    known = {each.obligation.key: each.state for each in lives}
    states = {each.key: known.get(each.key, each.state) for each in owed}
    held_back = {each.art for each in mine if each.type == RESTRAINT}
    open_ = tuple(
        sorted(
            each.key
            for each in owed
            if states[each.key] in _TO_DO
            and each.modality != "may"
            and not (each.art in held_back and each.duty == 0)
        )
    )
    beneath, because = _beneath(mine, owed, states, case.said.facts.course)
    state, because = _stated(case.said.facts.course, beneath, because, open_)
    return Progress(
        incident=incident.id,
        agreement=agreement,
        state=state,
        beneath=beneath,
        because=because,
        open=open_,
        timers=_timers(prepared, case, mine, owed, states),
    )


def _beneath(
    results: Sequence[Result],
    owed: Sequence[Obligation],
    states: dict[str, str],
    course: str | None,
) -> tuple[str, str]:
    """Say where it stands by the answers of the clauses alone."""
    answers = [each for each in results if each.type == RESPONSE]
    met = [each for each in answers if each.outcome == MET]
    if met:
        arts = {each.art for each in met}
        at_work = [e for e in owed if e.art in arts and states[e.key] in _AT_WORK]
        if course == CONTAINED:
            return CONTAINED, "It was stated to be contained."
        if at_work:
            return RESPONDING, f"{at_work[0].debtor} has taken up what it owes."
        return INVOKED, f"Art {met[0].art} answers to it."
    provisional = [each for each in answers if each.outcome == PROVISIONAL]
    if provisional:
        missing = ", ".join(provisional[0].missing)
        return INVOKED_PROVISIONAL, f"Art {provisional[0].art} was called; missing is {missing}."
    return _not_invoked(results, answers)


def _not_invoked(results: Sequence[Result], answers: Sequence[Result]) -> tuple[str, str]:
    """Say where it stands while no response has been called in."""
    called = [each for each in results if each.type == CONSULTATION and each.outcome == MET]
    if called:
        return CONSULTING, f"Art {called[0].art} was called."
    waiting = [each for each in results if each.outcome != NOT_MET and each.type != CONSULTATION]
    if waiting:
        return REPORTED, f"Art {waiting[0].art} is {waiting[0].outcome}."
    if not answers and any(each.outcome != NOT_MET for each in results):
        return REPORTED, "It may be consulted about."
    settled = (*answers, *results)[0]
    return NOT_COVERED, f"Art {settled.art} does not answer to it ({settled.reason})."


def _stated(
    course: str | None, beneath: str, because: str, open_: tuple[str, ...]
) -> tuple[str, str]:
    """Hold what people state of its course against what is still open."""
    if course in {CLOSED, AFTER_ACTION}:
        if not open_:
            return course, "Nothing is open any more."
        return beneath, f"It was stated to be closed, and {len(open_)} obligations are open."
    if course in {WITHDRAWN, MERGED}:
        return course, "It was stated so."
    if course == REOPENED:
        return REOPENED, f"It was reopened. {because}"
    return beneath, because


def _timers(
    prepared: Prepared,
    case: Case,
    results: Sequence[Result],
    owed: Sequence[Obligation],
    states: dict[str, str],
) -> tuple[Timer, ...]:
    rules = {rule.art: rule for rule in prepared.rules[case.ground.text or case.name]}
    found: list[tuple[str, str, datetime | None]] = []
    for result in results:
        rule = rules.get(result.art)
        if rule is not None:
            found += _of_clause(rule, result, case)
    for each in owed:
        if states[each.key] not in _TO_DO or each.modality == "may":
            continue
        meets = rules[each.art].type == CONSULTATION if each.art in rules else False
        found.append(("meet" if meets else "perform", each.art, each.perform_by))
        if states[each.key] == "owed":
            found.append(("answer", each.art, each.answer_by))
    earliest: dict[tuple[str, str], datetime] = {}
    for what, art, moment in found:
        if moment is not None:
            earliest[what, art] = min(moment, earliest.get((what, art), moment))
    return tuple(
        Timer(what, art, moment, case.said.at >= moment)
        for (what, art), moment in sorted(earliest.items(), key=lambda entry: (entry[1], entry[0]))
    )


def _of_clause(rule: Rule, result: Result, case: Case) -> list[tuple[str, str, datetime | None]]:
    """The timers of a clause itself: when a provisional call lapses, and the window for calling."""
    said = case.said
    calls = said.calls.get(rule.art, ())
    if result.outcome == PROVISIONAL and rule.provisional is not None and calls:
        lapses = later(begin(calls[0].at, said.zone), rule.provisional.lapses_after, said.zone)
        return [("provisional-lapses", rule.art, lapses)]
    if result.outcome == OPEN and result.reason == "not-invoked" and said.known_at is not None:
        return [("invocation-window", rule.art, later(said.known_at, rule.window, said.zone))]
    return []
