"""Where a question stands between the nodes: in words, for people and machines.

What is shown follows from the records here (`agreement.closing`, `node.decided`); nothing is
done. Both sides of a split, and certificates that contradict each other, are shown and never
chosen between.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from allied.agreement.certificate import certificate_size, hands
from allied.agreement.chain import OF_THE_TEXT
from allied.agreement.closing import (
    CERTIFIED,
    CONTRADICTED,
    SPLIT,
    progress,
)
from allied.agreement.knowing import is_contradicted
from allied.agreement.matters import OF_INCIDENTS, OF_THE_REGISTER
from allied.agreement.tally import ADOPTED
from allied.errors import AlliedError
from allied.node.decided import decisions_on
from allied.node.version_views import FROZEN, WAITING, VersionView, has_passed, version_views

if TYPE_CHECKING:
    from collections.abc import Sequence

    from allied.agreement.certified import Certified
    from allied.agreement.closing import Side
    from allied.agreement.outcome import Count
    from allied.agreement.tabled import Tabled
    from allied.node.folds import Folded
    from allied.record.ids import PartyId, RecordId

FOLLOWS: Final = "follows"
"""The stage of a question on which nobody votes."""

_ASKED: Final = {
    "voting": "votes",
    "closing": "closes",
    "tallying": "a tally",
    "counting": "counts",
    "certifying": "the certificate",
}


@dataclass(frozen=True, slots=True)
class SideView:
    """One outcome that nodes have counted, or that a certificate proves.

    Attributes:
        value: digest of what is decided; sides of one outcome may differ in who stood where.
        certificate: the record that proves it; None while nothing does.
    """

    value: str
    outcome: str
    parties: tuple[PartyId, ...]
    certificate: RecordId | None = None


@dataclass(frozen=True, slots=True)
class InvalidView:
    """A step of a node that has no effect, and the code of why."""

    record: RecordId
    party: PartyId
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class DecidingView:
    """How far the nodes have agreed on a count.

    Attributes:
        stage: voting, closing, tallying, counting, certifying, certified; split or
            contradicted, where it is frozen and people have to put it anew; follows.
        awaited_for: votes, closes, a tally, counts, the certificate; empty for nothing.
        awaited: whose step is next.
        obstructing: voters who have kept silent for long.
        size: how many hands make a certificate; `tolerates` of them may cheat.
        sides: what was counted or proved, by whom.
        certificate: the record that proves the decision; None without one.
        outcome: what is proved; empty while nothing is.
        effect: what follows from it, or why nothing does.
    """

    stage: str
    awaited_for: str
    awaited: tuple[PartyId, ...]
    obstructing: tuple[PartyId, ...]
    size: int
    tolerates: int
    closed: tuple[PartyId, ...]
    sides: tuple[SideView, ...]
    invalid: tuple[InvalidView, ...]
    certificate: RecordId | None
    outcome: str
    effect: str


def deciding_view(
    folded: Folded, on: Tabled, count: Count, at: datetime, *, whole: bool = True
) -> DecidingView:
    """How far a question is decided, as the records here have it at `at`.

    Args:
        whole: also how a decision that is proved came about: who closed, which steps had no
            effect. That costs a count for each close.
    """
    found = decisions_on(folded, on)
    if found and not whole and not is_contradicted(found):
        return _proved(folded, on, found, at)
    try:
        state = progress(on, folded.state.custodians(on.opening.knows))
    except AlliedError as refused:
        return _undecidable(refused.code)
    if not state.entitled:
        return _undecidable("")
    stage = state.stage(count)
    if found:
        stage = CONTRADICTED if is_contradicted(found) else CERTIFIED
    frozen = stage in (CERTIFIED, CONTRADICTED)
    proved = found[0] if stage == CERTIFIED else None
    return DecidingView(
        stage=stage,
        awaited_for=_ASKED.get(stage, ""),
        awaited=() if frozen else count.awaited if stage == "voting" else state.awaited(count),
        obstructing=() if frozen else state.obstructing(count, at),
        size=state.size,
        tolerates=state.tolerates,
        closed=tuple(sorted(state.closes)),
        sides=_sides(state.sides, found),
        invalid=tuple(
            InvalidView(each.record, each.party, each.kind, each.reason) for each in state.invalid
        ),
        certificate=proved.certificate if proved else None,
        outcome=proved.result.outcome if proved else "",
        effect=_effect(folded, on, proved, stage, f"{state.size} of {len(state.entitled)}", at),
    )


def _proved(folded: Folded, on: Tabled, found: Sequence[Certified], at: datetime) -> DecidingView:
    """A decision that is proved, without how it came about."""
    first = found[0]
    tolerates = on.question.rule.tolerates
    voters = hands(first.result.entitled, folded.state.custodians(on.opening.knows))
    return DecidingView(
        stage=CERTIFIED,
        awaited_for="",
        awaited=(),
        obstructing=(),
        size=certificate_size(len(voters), tolerates),
        tolerates=tolerates,
        closed=(),
        sides=_sides((), found),
        invalid=(),
        certificate=first.certificate,
        outcome=first.result.outcome,
        effect=_effect(folded, on, first, CERTIFIED, "", at),
    )


def _sides(counted: Sequence[Side], found: Sequence[Certified]) -> tuple[SideView, ...]:
    """What was counted, most hands first; what a certificate proves, in its place."""
    sides = {each.value: SideView(each.value, each.outcome, each.parties) for each in counted}
    for each in found:
        value, outcome = each.value, each.result.outcome
        known = sides.get(value)
        parties = {*each.signed_by, *(known.parties if known else ())}
        first = known.certificate if known and known.certificate else each.certificate
        sides[value] = SideView(value, outcome, tuple(sorted(parties)), first)
    return tuple(sides.values())


def _effect(
    folded: Folded, on: Tabled, proved: Certified | None, stage: str, asked: str, at: datetime
) -> str:
    if stage == CONTRADICTED:
        return "none: two certificates contradict each other; it is frozen, people decide"
    if stage == SPLIT:
        return "none: the nodes are split over the count; it is frozen, and may be put anew"
    kind = on.question.matter.kind
    if proved is None:
        return _not_yet(folded, on, asked)
    if proved.result.outcome != ADOPTED:
        return f"none: {proved.result.outcome}"
    if kind in OF_THE_TEXT:
        return _of_the_text(folded, proved, at)
    since = _instant(proved.at)
    if kind in OF_THE_REGISTER:
        return f"in the register since {since}"
    if kind in OF_INCIDENTS:
        return f"in the evaluation of the incident since {since}"
    return "its words, for people: nothing in register or evaluation follows from it"


def _not_yet(folded: Folded, on: Tabled, asked: str) -> str:
    """What follows from a question that nothing proves."""
    if on.question.matter.kind in OF_THE_TEXT and has_passed(folded, on):
        return "none: another text was adopted on the version that it follows; put it anew"
    return f"none yet: {asked} have to count the same"


def _of_the_text(folded: Folded, proved: Certified, at: datetime) -> str:
    """What follows from the adoption of an amended text."""
    code = folded.state.passed.get(proved.proposal)
    if code is not None:
        return f"none: it does not follow the version that is present ({code})"
    wanted = proved.matter.version
    found = next((each for each in version_views(folded, at) if each.statement == wanted), None)
    if found is None:
        return "none: another text was adopted that settles it"
    return f"version {found.number}, {_standing(found)}"


def _standing(found: VersionView) -> str:
    """How far a version has come, in words."""
    if found.state == FROZEN:
        return "frozen: another text was adopted on the same version; people decide"
    if found.since is not None:
        return f"in force since {_instant(found.since)}"
    if found.state == WAITING and found.due is not None:
        return f"in force from {_instant(found.due)}"
    said = f"adopted; it waits for {', '.join(found.awaited) or 'nobody'} to accept it"
    few = found.missing < len(found.awaited)
    return f"{said}, {found.missing} of them are enough" if few else said


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _undecidable(code: str) -> DecidingView:
    """A question on which no nodes agree: nobody votes on it, or its rule cannot be applied."""
    why = "nobody votes on it" if not code else f"its rule cannot be applied ({code})"
    return DecidingView(
        FOLLOWS, "", (), (), 0, 0, (), (), (), None, "", f"none: {why}, so nothing is proved"
    )
