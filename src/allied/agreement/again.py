"""Judging records again of which it is known what they are worth.

A record is judged by its own past, and that never changes with what comes later. So whoever folds
the same records once more (fewer of them, for a checkpoint; more, since one came in between; or
all, since the node starts) need not ask again what most of them are worth.

Words used here:
    trace    what a record leaves in the fold beside its verdict and a place among the statements
    before   what another judging of the same records, or more, came to

Rules. It is taken over only for what leaves no trace; everything else is judged anew, in its place
in the order, since events, listings, texts and notices are made by that. What is taken over was
judged with the same chains set aside and the same cuts: else nothing of it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from allied.agreement.sameness import lengthened
from allied.record.outline import KIND as OUTLINE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Set as AbstractSet

    from allied.agreement.judging import Judging
    from allied.agreement.state import Verdict
    from allied.record.history import History
    from allied.record.ids import RecordId
    from allied.record.record import ChainKey, Record

_TRACED: Final = frozenset({
    OUTLINE, "agreement.propose", "identity.person", "agreement.sign", "agreement.ratify",
    "agreement.object", "agreement.withdraw", "circle.open", "decision.certificate", "checkpoint",
    "key.revoke",
})  # fmt: skip
"""Kinds of which every record may leave a trace; `Judging` has a case for each."""


@dataclass(frozen=True, slots=True)
class Before:
    """What records were judged to be.

    Attributes:
        traced: those that left a trace though their kind leaves none as a rule.
        lines: of every chain, where these are exactly the records that are judged again.
    """

    verdicts: Mapping[RecordId, Verdict]
    traced: AbstractSet[RecordId]
    lines: Mapping[ChainKey, bytes] | None = None

    def of(self, record: Record) -> Verdict | None:
        """What a record was judged to be; None for one that has to be judged anew."""
        if leaves_trace(record, self.traced):
            return None
        return self.verdicts.get(record.id)


def judged_before(judging: Judging) -> Before:
    """What a judging came to. What it had in outline only may be here whole by now."""
    return Before(judging.verdicts, judging.traced | judging.outlined)


def leaves_trace(record: Record, traced: AbstractSet[RecordId]) -> bool:
    """Whether a record has to be judged anew whenever there is a fold.

    Args:
        traced: as `Judging` found them.
    """
    return record.header.kind in _TRACED or record.id in traced


def judged_alike(one: History, other: History) -> bool:
    """Whether the same is set aside in two histories of one agreement."""
    return one.frozen == other.frozen and one.kept == other.kept


def judge_again(judging: Judging, records: Iterable[Record], before: Before) -> None:
    """Judge records, in the history's order, taking over what is known of them.

    Args:
        judging: a new one.

    Cost: a tenth of judging them, where few leave traces and lines are given.
    """
    lines = judging.lines
    for record in records:
        verdict = before.of(record)
        if verdict is None:
            judging.judge(record)
            continue
        judging.repeat(record, verdict)
        if before.lines is None:
            chain = record.header.chain
            lines[chain] = lengthened(lines.get(chain, b""), record, verdict)
    if before.lines is not None:
        lines.clear()
        lines.update(before.lines)
