"""An obligation held against a moment: in time, late, overdue, discharged.

None of this is recorded. It follows from where an obligation stands (`obligation`) and from a
moment that the caller names, and it is another answer a minute later.

Rules that hold everywhere below. A deadline is missed at its very instant. Without the
debtor's receipt no period runs, so nothing is overdue. Nothing is in time by its own claim:
an answer is once a creditor acknowledged it before the deadline; one that claims to be
earlier than it was acknowledged is contested, and people decide. Declining what must be done
is a possible breach, and is shown as one until it is excused, waived or made good. What only
may be done is never overdue.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from allied.response.obligation import (
    ACCEPTED,
    ACKNOWLEDGED,
    DECLINED,
    EXCUSE_CLAIMED,
    EXCUSED,
    INVITED,
    LAPSED,
    MAY,
    OWED,
    PERFORMED,
    SUSPENDED,
    VERIFIED,
    WAIVED,
    ObligationState,
    Step,
)


@dataclass(frozen=True, slots=True)
class Standing:
    """An obligation held against a moment.

    Attributes:
        label: the state, or "overdue-answer", "overdue", "discharged".
        overdue: one of the two overdue labels.
        possible_breach: declined under *must* and not made good, or overdue.
        answer: "none", "awaited", "in-time", "late", "awaiting-receipt" or "time-contested".
        next_deadline: the earliest deadline that still runs.
        why: one sentence.
    """

    label: str
    overdue: bool
    possible_breach: bool
    answer: str
    next_deadline: datetime | None
    why: str


def standing(state: ObligationState, at: datetime) -> Standing:
    """Hold an obligation against a moment.

    A deadline is missed at its very instant: what is due within two hours is late when the
    two hours are over.

    Args:
        state: from `fold_obligations`.
        at: an aware instant.
    """
    unanswered = state.state in {OWED, ACKNOWLEDGED} and state.answered_at is None
    binding = state.obligation.modality != MAY
    late_answer = binding and unanswered and _passed(state.answer_by, at)
    late_act = (
        binding and state.state in {OWED, ACKNOWLEDGED, ACCEPTED} and _passed(state.perform_by, at)
    )
    label = state.state
    if state.state in {VERIFIED, EXCUSED, WAIVED}:
        label = "discharged"
    elif late_act:
        label = "overdue"
    elif late_answer:
        label = "overdue-answer"
    declined = binding and state.state == DECLINED
    running = [
        deadline
        for deadline, runs in (
            (state.answer_by, unanswered),
            (state.perform_by, state.state in {OWED, ACKNOWLEDGED, ACCEPTED}),
        )
        if binding and runs and deadline is not None and not _passed(deadline, at)
    ]
    return Standing(
        label=label,
        overdue=late_answer or late_act,
        possible_breach=declined or late_answer or late_act,
        answer=_answered(state, at),
        next_deadline=min(running, default=None),
        why=_why(state, label),
    )


def time_line(state: ObligationState, at: datetime) -> tuple[Step, ...]:
    """Return the steps in order, with the deadlines that have passed by `at` among them.

    Statements keep the order of the circle, whatever times they claim; a missed deadline
    stands before the first step that claims a later time.
    """
    now = standing(state, at)
    steps = list(state.steps)
    answer_late = now.label == "overdue-answer" or now.answer == "late"
    act_late = (
        state.obligation.modality != MAY
        and state.state in {OWED, ACKNOWLEDGED, ACCEPTED, PERFORMED, VERIFIED}
        and _passed(state.perform_by, min(at, state.performed_at or at))
    )
    for deadline, what, late in (
        (state.answer_by, "overdue-answer", answer_late),
        (state.perform_by, "overdue", act_late),
    ):
        if deadline is not None and late:
            place = next((i for i, step in enumerate(steps) if step.at > deadline), len(steps))
            steps.insert(place, Step(at=deadline, what=what, by="", state=what))
    return tuple(steps)


def _passed(deadline: datetime | None, at: datetime) -> bool:
    return deadline is not None and at >= deadline


def _answered(state: ObligationState, at: datetime) -> str:
    if state.answered_at is None:
        return "awaited" if state.answer_by is not None else "none"
    if state.answer_by is None:
        return "in-time"
    if state.answered_at >= state.answer_by:
        return "late"
    seen = state.acknowledged_answer_at
    if seen is not None and seen < state.answer_by:
        return "in-time"
    if seen is None and at < state.answer_by:
        return "awaiting-receipt"
    return "time-contested"


_WHY = {
    OWED: "No answer yet.",
    INVITED: "An invitation: it may be taken up, and nothing is owed.",
    SUSPENDED: "It waits; nothing is owed while it is suspended.",
    LAPSED: "What called for it fell away before it was performed.",
    ACKNOWLEDGED: "Acknowledged, not answered yet.",
    ACCEPTED: "Accepted, not performed yet.",
    EXCUSE_CLAIMED: "An excuse is claimed; a creditor decides on it.",
    PERFORMED: "Performed, not verified yet.",
    "overdue": "The period for performance is over.",
    "overdue-answer": "The period for an answer is over, and there is none.",
}


def _why(state: ObligationState, label: str) -> str:
    if state.state == DECLINED:
        if state.obligation.modality == MAY:
            return "The invitation was declined."
        if state.excusable:
            return "Declined with a reason that the clause allows; a creditor decides on it."
        return "Declined, though it must be done: a possible breach."
    if label == "discharged":
        how = {VERIFIED: "performed and verified", EXCUSED: "excused", WAIVED: "waived"}
        return f"Discharged: {how[state.state]}."
    if state.owed_at is None and label in {OWED, ACKNOWLEDGED}:
        return "Its debtor has not confirmed receipt, so no period runs yet."
    return _WHY[label]
