"""The fold of one agreement: its records judged in the history's order, and gone on with later.

What a record is worth is for `judging`; what comes of all of them is a `state.State`. Cuts are
known only once all records are: so where there are any, all are judged a second time.

Rules. The fold depends on the set of records only. A fold that was gone on with equals one from
the start, and so does one that takes over what records were judged to be before (`again`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from allied.agreement.again import Before, judge_again, judged_alike, judged_before
from allied.agreement.judging import Judging
from allied.agreement.revocation import standing_ones

if TYPE_CHECKING:
    from allied.agreement.genesis import Instrument
    from allied.agreement.judging import FindCustodian
    from allied.agreement.state import State
    from allied.record.history import Heads, History
    from allied.record.record import Record

_APART: Final = 64
"""Records between two folds that are kept to go on from."""


def fold(
    instrument: Instrument, history: History, custodian: FindCustodian = lambda *_: ""
) -> State:
    """Fold the records of one agreement.

    Args:
        custodian: who keeps the acts key of an organisation, as its descriptor that first named
            the key of that id says; empty for itself.

    Cost: linear in the records, times the parties for those that change who is bound.
    """
    return begun(instrument, history, custodian).state


@dataclass(frozen=True, slots=True)
class Progress:
    """A fold, and what it takes to go on from it when records come.

    Attributes:
        order: the records that it has judged.
        first, second: who has judged them: without the cuts, and with them where there are any.
        earlier: folds of fewer records, the one with the most first; see `further`.
    """

    state: State
    order: tuple[Record, ...]
    first: Judging
    second: Judging | None
    earlier: tuple[Progress, ...] = ()


def begun(
    instrument: Instrument,
    history: History,
    custodian: FindCustodian = lambda *_: "",
    known: tuple[Before, Before] | None = None,
) -> Progress:
    """As `fold`, to go on from.

    Args:
        known: what exactly these records were judged to be, without and with cuts.
    """
    first = Judging(instrument, history, custodian)
    if known is None:
        first.judge_all(history.order)
        return _with_cuts(first, None, (), history.order)
    judge_again(first, history.order, known[0])
    return _with_cuts(first, None, (), history.order, known[1])


def upto(
    instrument: Instrument,
    history: History,
    custodian: FindCustodian,
    heads: Heads,
    known: Progress | None = None,
) -> Progress:
    """The fold of those records alone that chains hold up to `heads`.

    Args:
        heads: of chains in the circle of all; whatever stands elsewhere is left out.
        known: the fold of all of `history`, where `heads` are closed: leave out nothing that they
            rest on.

    Cost: as `fold`, of these records; a fourth of that with `known`.
    """
    ends = {chain: number for chain, (number, _) in heads.items()}
    order = tuple(
        [each for each in history.order if each.header.sequence <= ends.get(each.header.chain, 0)]
    )
    return _again(Judging(instrument, history, custodian), known, order)


def further(progress: Progress, history: History, custodian: FindCustodian) -> Progress:
    """The fold of a later history of the same agreement; equal to one from the start.

    What was judged once is judged the same later. So only what has come behind in the order is
    judged; if something has come in between, from an earlier fold on that is still right.

    Cost: linear in what is new, and in a copy of what is old, where nothing cuts anybody off anew.
    """
    for before in (progress, *progress.earlier):
        count = len(before.order)
        if history.order[:count] == before.order:
            first = before.first.going_on(history, custodian)
            first.judge_all(history.order[count:])
            return _with_cuts(first, before, _kept(progress), history.order)
    first = Judging(progress.first.instrument, history, custodian)
    return _again(first, progress, history.order)


def _again(first: Judging, known: Progress | None, order: tuple[Record, ...]) -> Progress:
    """A fold from the start that need not judge all anew, where another fold is at hand."""
    if known is None or not judged_alike(known.first.history, first.history):
        first.judge_all(order)
        return _with_cuts(first, None, (), order)
    judge_again(first, order, judged_before(known.first))
    return _with_cuts(first, None, (), order, known.second)


def _with_cuts(
    first: Judging,
    before: Progress | None,
    earlier: tuple[Progress, ...],
    order: tuple[Record, ...],
    known: Before | Judging | None = None,
) -> Progress:
    """Judge by what cuts somebody off, too; on from `before` if nothing has been added to that.

    Args:
        known: what the records, or some of them, were judged to be with cuts: with the same ones,
            or by a judging that says with which.
    """
    second = None
    history, custodian = first.history, first.custodian
    with_cuts = Judging(
        first.instrument,
        history,
        custodian,
        known_cuts=first.standing_cuts(),
        known_removals=first.removals(),
        known_revocations=standing_ones(first.revocations),
        known_relied_on=first.relied_on(),
        known_changes=first.changes(),
    )
    standing = before.second if before is not None else None
    if before is not None and standing is not None and standing.bounds == with_cuts.bounds:
        second = standing.going_on(history, custodian)
        second.judge_all(order[len(before.order) :])
    elif any(with_cuts.bounds):
        second = with_cuts
        if isinstance(known, Judging):
            alike = known.bounds == with_cuts.bounds
            known = judged_before(known) if alike else None
        if known is None:
            second.judge_all(order)
        else:
            judge_again(second, order, known)
    return Progress((second or first).state(), order, first, second, earlier)


def _kept(progress: Progress) -> tuple[Progress, ...]:
    """The folds to keep beside the next one: at most two, some records apart."""
    alone = replace(progress, earlier=())
    earlier = progress.earlier
    if not earlier:
        return (alone,)
    if len(progress.order) - len(earlier[0].order) < _APART:
        return earlier
    return (alone, earlier[0])
