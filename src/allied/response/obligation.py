"""What became of an obligation: answered, excused, performed, verified, or overdue.

That an obligation exists is derived from facts and a call (`evaluate`); nobody records it.
Here the statements of its debtor and its creditors are folded into where it stands; a moment
is held against its deadlines in `overdue`. Whether a person was allowed to speak for a party
is decided before a statement gets here.

    owed -> acknowledged -> accepted -> performed -> verified
                         -> declined -> (excused | back to owed | accepted)
                         -> excuse-claimed -> (excused | back to owed)
    and: invited (a duty that only may be done), suspended, lapsed, waived

Words used here:
    change     the facts or a call made the obligation owed, suspended or lapsed
    answer     accept, decline, claim an excuse, or perform; acknowledging is none
    receipt    the debtor's signed word that it holds what opened the obligation
    step       one line of the time line; refused statements are steps too

Rules that hold everywhere below. One writer per statement: the debtor answers and performs,
a creditor verifies, waives and judges excuses; anybody else's word is refused and shown with
its reason. A change masks what the parties said, it never erases it, so an acceptance
survives a suspension, and performance survives everything. A period starts at the debtor's
receipt, never at the creditor's call.

Concurrent statements of debtor and creditor come to the same state in either order: waived
stays waived, performed counts whenever it was said, an acceptance ends a claimed excuse.

Source: obligation semantics of the agreement format, "Obligation" life cycle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from allied.agreement.values import Duration
from allied.record.ids import PartyId, RecordId
from allied.response.moment import later
from allied.response.results import Obligation
from allied.response.statement import Statement, in_order

MAY = "may"

PENDING = "pending"
ACKNOWLEDGED = "acknowledged"
ACCEPTED = "accepted"
DECLINED = "declined"
EXCUSE_CLAIMED = "excuse-claimed"
EXCUSED = "excused"
PERFORMED = "performed"
VERIFIED = "verified"
WAIVED = "waived"

OWED = "owed"
INVITED = "invited"
SUSPENDED = "suspended"
LAPSED = "lapsed"

_BY_DEBTOR: Mapping[str, tuple[frozenset[str], str]] = {
    "obligation.acknowledge": (frozenset({PENDING}), ACKNOWLEDGED),
    "obligation.accept": (
        frozenset({PENDING, ACKNOWLEDGED, DECLINED, EXCUSE_CLAIMED, EXCUSED}),
        ACCEPTED,
    ),
    "obligation.decline": (frozenset({PENDING, ACKNOWLEDGED}), DECLINED),
    "obligation.excuse": (
        frozenset({PENDING, ACKNOWLEDGED, ACCEPTED, DECLINED}),
        EXCUSE_CLAIMED,
    ),
    "obligation.perform": (
        frozenset({
            PENDING, ACKNOWLEDGED, ACCEPTED, DECLINED, EXCUSE_CLAIMED, EXCUSED, PERFORMED,
        }),
        PERFORMED,
    ),
}  # fmt: skip
_BY_CREDITOR = frozenset({
    "obligation.verify", "obligation.waive",
    "obligation.confirm-excuse", "obligation.refuse-excuse",
})  # fmt: skip
_ANSWERS = frozenset({
    "obligation.accept", "obligation.decline", "obligation.excuse", "obligation.perform",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """The facts, a call or a decision made an obligation owed, suspended or lapsed.

    Attributes:
        to: "owed", "suspended" or "lapsed".
        record: the record that did it; a period starts at the debtor's receipt of it.
        party: who issued that record.
        at: its claimed time.
        order: its place in the order of the circle.
    """

    to: str
    record: RecordId
    party: PartyId
    at: datetime
    order: int


@dataclass(frozen=True, slots=True)
class Opened:
    """An obligation as evaluated, and how it came and went.

    `changes` holds at least one; they are sorted by `order` here.
    """

    obligation: Obligation
    changes: tuple[Change, ...]
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the time line.

    Attributes:
        at: the claimed time, or the deadline that passed.
        what: the last word of the kind ("accept"), or "opened", "suspended", "resumed",
            "lapsed", "received", "overdue-answer", "overdue".
        by: the party, or empty for what follows from the calendar.
        state: where the obligation stood afterwards.
        refused: why it had no effect, or empty.
        reason: the reason code that was given, or empty.
        evidence: digests of blobs.
        note: digest of a blob, or empty.
    """

    at: datetime
    what: str
    by: str
    state: str
    record: str = ""
    refused: str = ""
    reason: str = ""
    evidence: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class ObligationState:
    """Where an obligation stands after everything that was said, apart from any clock.

    Attributes:
        state: as in the module's picture.
        owed_at: the debtor's receipt, at which its periods start; None before it.
        answered_at: the claimed time of the first answer.
        acknowledged_answer_at: when a creditor's receipt of that answer was claimed.
        reason: the reason of the decline or excuse that holds, or empty.
        excusable: whether that reason is one that the clause allows.
        evidence: digests of blobs from every statement of performance.
        time_contested: a claimed time that cannot be right; people decide.
    """

    obligation: Obligation
    state: str
    owed_at: datetime | None
    answer_by: datetime | None
    perform_by: datetime | None
    answered_at: datetime | None
    acknowledged_answer_at: datetime | None
    performed_at: datetime | None
    reason: str
    excusable: bool
    evidence: tuple[str, ...]
    time_contested: bool
    steps: tuple[Step, ...]

    @property
    def refused(self) -> tuple[Step, ...]:
        """The statements that had no effect, with their reasons."""
        return tuple(step for step in self.steps if step.refused)


@dataclass(slots=True)
class _Course:
    """The fold of one obligation while it runs."""

    opened: Opened
    base: str = ""
    said: str = PENDING
    owed_at: datetime | None = None
    started_by: Change | None = None
    answered_by: Statement | None = None
    acknowledged_answer_at: datetime | None = None
    performed_at: datetime | None = None
    reason: str = ""
    excusable: bool = False
    evidence: list[str] = field(default_factory=list)
    waived_by: set[str] = field(default_factory=set)
    excused_by: str = ""
    contested: bool = False
    steps: list[Step] = field(default_factory=list)

    @property
    def state(self) -> str:
        if self.said in {PERFORMED, VERIFIED, WAIVED}:
            return self.said
        if self.base == LAPSED and self.said != EXCUSED:
            return LAPSED
        if self.base == SUSPENDED:
            return SUSPENDED
        if self.said == PENDING:
            return INVITED if self.opened.obligation.modality == MAY else OWED
        return self.said

    def step(self, statement: Statement, *, refused: str = "") -> None:
        self.steps.append(
            Step(
                at=statement.claimed_at,
                what=statement.kind.rpartition(".")[2],
                by=statement.party,
                state=self.state,
                record=statement.record,
                refused=refused,
                reason=statement.text("reason"),
                evidence=statement.blobs("evidence"),
                note=statement.blob("note"),
            )
        )


def fold_obligations(
    opened: Iterable[Opened], statements: Iterable[Statement]
) -> tuple[ObligationState, ...]:
    """Fold what debtors and creditors said into where each obligation stands.

    Args:
        opened: the derived obligations; each key once.
        statements: of one circle, in any order; other kinds than obligation.* and receipt
            are passed over. A statement on a key that is not in `opened` belongs to nobody's
            time line; see `strays`.

    Returns:
        One state for each of `opened`, in that order.

    Cost: linear in statements, receipts and obligations together.
    """
    said = in_order(statements)
    about: dict[str, list[Statement]] = {}
    received: dict[tuple[str, str], Statement] = {}
    for statement in said:
        if statement.kind == "receipt":
            for record in statement.texts("records"):
                received.setdefault((statement.party, record), statement)
        elif statement.kind.startswith("obligation."):
            about.setdefault(statement.text("obligation"), []).append(statement)
    return tuple(_fold(each, about.get(each.obligation.key, ()), received) for each in opened)


def strays(opened: Iterable[Opened], statements: Iterable[Statement]) -> tuple[Statement, ...]:
    """Return the statements about obligations that do not exist, in order."""
    keys = {each.obligation.key for each in opened}
    return tuple(
        statement
        for statement in in_order(statements)
        if statement.kind.startswith("obligation.") and statement.text("obligation") not in keys
    )


def _fold(
    opened: Opened,
    statements: Sequence[Statement],
    received: Mapping[tuple[str, str], Statement],
) -> ObligationState:
    course = _Course(opened)
    events: list[tuple[int, int, Change | Statement]] = [
        *((change.order, 0, change) for change in opened.changes),
        *((statement.order, 1, statement) for statement in statements),
    ]
    for _, _, event in sorted(events, key=lambda entry: entry[:2]):
        if isinstance(event, Change):
            _change(course, event, received)
        else:
            refused = _say(course, event)
            course.step(event, refused=refused)
            if not refused and event.kind in _ANSWERS and course.answered_by is None:
                course.answered_by = event
    return _close(course, received)


def _change(course: _Course, change: Change, received: Mapping[tuple[str, str], Statement]) -> None:
    if change.to == course.base:
        return
    what = {OWED: "resumed" if course.base else "opened", SUSPENDED: SUSPENDED, LAPSED: LAPSED}
    first = not course.base
    course.base = change.to
    course.steps.append(
        Step(
            at=change.at,
            what="opened" if first else what[change.to],
            by=change.party,
            state=course.state,
            record=change.record,
        )
    )
    if change.to == OWED:
        course.started_by = change
        course.owed_at = None
        debtor = course.opened.obligation.debtor
        receipt = received.get((debtor, change.record))
        if change.party == debtor:
            course.owed_at = change.at
        elif receipt is not None:
            course.owed_at = receipt.claimed_at
            course.contested |= receipt.claimed_at < change.at
            course.steps.append(
                Step(
                    at=receipt.claimed_at,
                    what="received",
                    by=debtor,
                    state=course.state,
                    record=receipt.record,
                )
            )


def _say(course: _Course, statement: Statement) -> str:
    """Let one statement take effect, or return why it has none."""
    obligation = course.opened.obligation
    if statement.text("incident") != obligation.incident:
        return "other-incident"
    if statement.kind in _BY_DEBTOR:
        if statement.party != obligation.debtor:
            return "not-the-debtor"
        return _debtor_says(course, statement)
    if statement.kind in _BY_CREDITOR:
        if statement.party not in obligation.creditors:
            return "not-a-creditor"
        return _creditor_says(course, statement)
    return "unknown-kind"


def _debtor_says(course: _Course, statement: Statement) -> str:
    obligation = course.opened.obligation
    allowed, becomes = _BY_DEBTOR[statement.kind]
    reason = statement.text("reason")
    if course.said not in allowed:
        if becomes == PERFORMED:  # after a waiver or verification: kept as evidence, no more
            course.evidence.extend(statement.blobs("evidence"))
            return ""
        return "closed" if course.said in {VERIFIED, WAIVED} else "already-answered"
    if becomes == EXCUSE_CLAIMED and reason not in obligation.excuses:
        return "excuse-not-allowed" if reason else "reason-missing"
    if becomes == DECLINED and not reason and obligation.modality != MAY:
        return "reason-missing"
    course.said = becomes
    if becomes in {DECLINED, EXCUSE_CLAIMED}:
        course.reason = reason
        course.excusable = reason in obligation.excuses
    elif becomes in {ACCEPTED, PERFORMED}:
        course.reason, course.excusable, course.excused_by = "", False, ""
    if becomes == PERFORMED:
        course.evidence.extend(statement.blobs("evidence"))
        if course.performed_at is None:
            course.performed_at = statement.claimed_at
    return ""


def _creditor_says(course: _Course, statement: Statement) -> str:
    word = statement.kind.rpartition(".")[2]
    if course.said in {VERIFIED, WAIVED}:
        return "closed"
    if word == "waive":
        course.waived_by.add(statement.party)
        if course.waived_by >= set(course.opened.obligation.creditors):
            course.said = WAIVED
        return ""
    if word == "verify":
        if course.said != PERFORMED:
            return "nothing-performed"
        course.said = VERIFIED
        return ""
    claimed = course.said == EXCUSE_CLAIMED or (course.said == DECLINED and course.excusable)
    if word == "confirm-excuse":
        if not claimed:
            return "nothing-claimed"
        course.said, course.excused_by = EXCUSED, statement.party
        return ""
    # Of several creditors one may refuse what another confirmed; nobody takes back his own word.
    overruled = course.said == EXCUSED and course.excused_by != statement.party
    if not claimed and not overruled:
        return "nothing-claimed"
    course.said, course.reason, course.excusable, course.excused_by = PENDING, "", False, ""
    return ""


def _close(course: _Course, received: Mapping[tuple[str, str], Statement]) -> ObligationState:
    obligation = course.opened.obligation
    if course.owed_at is None and course.started_by is not None:
        # Who speaks about an obligation has received it.
        heard = [
            step.at
            for step in course.steps
            if step.by == obligation.debtor and step.what not in {"opened", "resumed"}
        ]
        course.owed_at = heard[0] if heard else None
    answered = course.answered_by
    if answered is not None:
        seen = [
            receipt.claimed_at
            for creditor in obligation.creditors
            if (receipt := received.get((creditor, answered.record))) is not None
        ]
        # A creditor who acts on the answer has received it as well.
        seen += [
            step.at
            for step in course.steps
            if step.by in obligation.creditors
            and step.what in {"verify", "confirm-excuse", "refuse-excuse"}
            and not step.refused
        ]
        course.acknowledged_answer_at = min(seen, default=None)
        start = course.owed_at
        course.contested |= start is not None and answered.claimed_at < start
    return ObligationState(
        obligation=obligation,
        state=course.state,
        owed_at=course.owed_at,
        answer_by=_deadline(course, obligation.answer_within),
        perform_by=_deadline(course, obligation.perform_within),
        answered_at=answered.claimed_at if answered else None,
        acknowledged_answer_at=course.acknowledged_answer_at,
        performed_at=course.performed_at,
        reason=course.reason,
        excusable=course.excusable,
        evidence=tuple(dict.fromkeys(course.evidence)),
        time_contested=course.contested,
        steps=tuple(course.steps),
    )


def _deadline(course: _Course, within: Duration | None) -> datetime | None:
    if course.owed_at is None or course.base != OWED:
        return None
    return later(course.owed_at, within, course.opened.timezone)
