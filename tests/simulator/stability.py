"""Stable authority: what was judged once is judged the same, or something is there that says why.

Each change of a verdict between two looks at one node is tied to the event that causes it:

    set aside   a chain parted, or a branch is no longer set aside: of what a record rests on
                something else is set aside now than before. That is another past.
    late        a text was adopted, or who counted for it said more: by a change of version that
                was not there before, or counts further now, the record is late, or no more
    unknown     of the questions that put a text all have become late, so that who accepts that
                text has accepted none; or one of them counts again

Words used here:
    look     the fold of one node at one time, with what was seen of it before
    turned   of a record: judged otherwise than at the look before
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from allied.agreement import chain
from allied.record.ids import RecordId

if TYPE_CHECKING:
    from allied.node.folds import Folded
    from allied.record.record import Record

EFFECT: Final = "effect"
LATE: Final = "effect.late-version"
UNPUT: Final = "effect.unknown-version"
_WORDS: Final = ("agreement.ratify", "agreement.object")

Turns = Mapping[RecordId, tuple[str, str]]


@dataclass
class Seen:
    """What was seen of one node's judgement so far.

    Attributes:
        verdicts: of each record in order.
        aside: for each of them, what of its past was set aside.
        changes: the changes of version that were known.
    """

    verdicts: dict[RecordId, str] = field(default_factory=dict)
    aside: dict[RecordId, frozenset[RecordId]] = field(default_factory=dict)
    changes: tuple[chain.Change, ...] = ()


def require_stable(seen: Seen, folded: Folded) -> None:
    """Whatever has turned since the last look has a cause; remembers this one."""
    progress = folded.progress
    assert progress is not None
    changes = progress.first.changes()
    aside = aside_behind(folded)
    turned = {
        record: (seen.verdicts[record], verdict.code or EFFECT)
        for record, verdict in folded.state.verdicts.items()
        if seen.verdicts.get(record, verdict.code or EFFECT) != (verdict.code or EFFECT)
    }
    for record, (before, after) in turned.items():
        if seen.aside.get(record) == aside[record]:
            found = folded.history.get(record)
            assert found is not None
            why = _is_explained(found, folded, seen, changes, turned)
            assert why, f"the verdict of a {found.header.kind} changed from {before} to {after}"
    seen.verdicts = {record: each.code or EFFECT for record, each in folded.state.verdicts.items()}
    seen.aside, seen.changes = aside, changes


def _is_explained(
    record: Record,
    folded: Folded,
    seen: Seen,
    changes: tuple[chain.Change, ...],
    turned: Turns,
) -> bool:
    turn = turned[record.id]
    if turn == (EFFECT, LATE):
        own = record.header.version  # its own text makes nothing late that names it
        fresh = [each for each in changes if each not in seen.changes or each.version == own]
        return chain.is_late(record, folded.instrument, fresh)
    if turn == (LATE, EFFECT):
        return chain.is_late(record, folded.instrument, seen.changes) and not chain.is_late(
            record, folded.instrument, changes
        )
    if record.header.kind in _WORDS and turn in {(EFFECT, UNPUT), (UNPUT, EFFECT)}:
        openings = [each for each in _openings(folded, record) if each in turned]
        was, now = (EFFECT, LATE) if turn[0] == EFFECT else (LATE, EFFECT)
        return any(turned[each] == (was, now) for each in openings)
    return False


def _openings(folded: Folded, word: Record) -> list[RecordId]:
    """The questions that a party knew which accepts a text, or objects to it, and that put it."""
    found = []
    for record in folded.history.order:
        matter = record.body.get("matter") if record.header.kind == "proposal.open" else None
        version = matter.get("version") if isinstance(matter, Mapping) else None
        if version == word.body.get("version") and folded.history.knows(word.id, record.id):
            found.append(record.id)
    return found


def aside_behind(folded: Folded) -> dict[RecordId, frozenset[RecordId]]:
    """For each record in order what of its past is set aside."""
    history = folded.history
    nothing: frozenset[RecordId] = frozenset()
    found: dict[RecordId, frozenset[RecordId]] = {}
    open_ = list(reversed([each.id for each in history.order]))
    while open_:
        record = history.get(open_[-1])
        if record is None or record.id in found:
            open_.pop()
            continue
        parents = {dep.id for dep in record.header.deps}
        if record.header.previous is not None:
            parents.add(record.header.previous)
        left = [each for each in parents if each not in found and history.get(each) is not None]
        if left:
            open_ += left
            continue
        own = frozenset(each for each in parents if each in history.aside)
        behind = [found.get(each, nothing) for each in parents]
        found[record.id] = own.union(*behind) if own or any(behind) else nothing
        open_.pop()
    return {each.id: found[each.id] for each in history.order}
