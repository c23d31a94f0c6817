"""Whether the commitments that a partner has signed to its ledger go together.

A party that releases signs, day by day, a commitment to its disclosure ledger
(`disclosure`). Whoever holds these records can tell, without seeing a single row, whether
the ledger has one past: numbers without a gap, each naming the one before, days that run
forward, one record for each number.

Words used here:
    keeper       whose ledger it is
    root         one commitment, as it was signed
    trouble      what does not go together, with the records that prove it
    contradiction   two records with one number: the keeper has shown two pasts
    sight        a `ledger.witness` record: its issuer signs that it holds these roots

Rules. The answer depends on the set of records alone. A trouble names records that its keeper
has signed, so that it can be shown to anybody. A new series is no lie, but the end of what
could be checked: it is shown until people have looked at it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from allied.errors import MalformedError
from allied.exchange.disclosure import Commit
from allied.record.canonical import Json
from allied.record.ids import RecordId, digest_text

if TYPE_CHECKING:
    from datetime import date, datetime

    from allied.record.ids import Digest, OrganisationId
    from allied.record.record import Record

SIGHT: Final = "ledger.witness"
MAX_SEEN: Final = 500
"""Roots that one sight names."""

CONTRADICTION: Final = "contradiction"
UNREADABLE: Final = "unreadable"
GAP: Final = "gap"
BACKWARDS: Final = "backwards"
AHEAD: Final = "ahead"
RESTARTED: Final = "restarted"

SENTENCES: Final = {
    CONTRADICTION: "two commitments have one number: its keeper has shown two pasts",
    UNREADABLE: "a commitment is not of its form",
    GAP: "a commitment does not go on from the one before it",
    BACKWARDS: "a commitment is about an earlier day than the one before it",
    AHEAD: "a commitment is about a day that had not begun when it was signed",
    RESTARTED: "a ledger begins anew, and what it held before is committed to no more",
}


@dataclass(frozen=True, slots=True)
class Root:
    """One commitment as its keeper signed it."""

    record: RecordId
    series: str
    number: int
    before: RecordId | None
    through: date
    commitment: Digest
    claimed_at: datetime


@dataclass(frozen=True, slots=True)
class Trouble:
    """What does not go together; `records` prove it."""

    kind: str
    records: tuple[RecordId, ...]

    @property
    def text(self) -> str:
        """A sentence for people."""
        return SENTENCES[self.kind]


@dataclass(frozen=True, slots=True)
class Witnessed:
    """What one keeper has committed to.

    Attributes:
        roots: by series in the order in which they began, then by number.
        troubles: empty where everything goes together.
    """

    keeper: OrganisationId
    roots: tuple[Root, ...]
    troubles: tuple[Trouble, ...]

    @property
    def latest(self) -> Root | None:
        """The last root of the latest series; None before the first."""
        return self.roots[-1] if self.roots else None


def witnessed(keeper: OrganisationId, records: Iterable[Record]) -> Witnessed:
    """Hold the commitments of one keeper against each other.

    Args:
        records: the `ledger.commit` records of the keeper in one agreement, in any order.
    """
    troubles: list[Trouble] = []
    series: dict[str, dict[int, list[Root]]] = {}
    for record in sorted(set(records), key=lambda each: (each.header.claimed_at, each.id)):
        try:
            root = _root(record)
        except MalformedError:
            troubles.append(Trouble(UNREADABLE, (record.id,)))
            continue
        series.setdefault(root.series, {}).setdefault(root.number, []).append(root)
    roots: list[Root] = []
    for numbers in series.values():
        if roots:
            first = numbers[min(numbers)][0]
            troubles.append(Trouble(RESTARTED, (roots[-1].record, first.record)))
        found = [each for number in sorted(numbers) for each in numbers[number]]
        troubles += _contradictions(numbers)
        troubles += _breaks(numbers)
        roots += found
    return Witnessed(keeper, tuple(roots), tuple(troubles))


def _root(record: Record) -> Root:
    commit = Commit.read(record.body)
    return Root(
        record=record.id,
        series=commit.series,
        number=commit.number,
        before=commit.before,
        through=commit.through,
        commitment=commit.commitment,
        claimed_at=record.header.claimed_at,
    )


def _contradictions(numbers: dict[int, list[Root]]) -> list[Trouble]:
    return [
        Trouble(CONTRADICTION, tuple(sorted(each.record for each in roots)))
        for _, roots in sorted(numbers.items())
        if len(roots) > 1
    ]


def _breaks(numbers: dict[int, list[Root]]) -> list[Trouble]:
    """Where a series does not go on from what it had."""
    found: list[Trouble] = []
    for number, roots in sorted(numbers.items()):
        before: Sequence[Root] = numbers.get(number - 1, ())
        for root in roots:
            if root.through > root.claimed_at.date():
                found.append(Trouble(AHEAD, (root.record,)))
            if number == 1:
                continue
            named = next((each for each in before if each.record == root.before), None)
            if named is None:
                others = tuple(each.record for each in before)
                found.append(Trouble(GAP, (*others, root.record)))
            elif root.through < named.through:
                found.append(Trouble(BACKWARDS, (named.record, root.record)))
    return found


def sight_of(seen: Iterable[RecordId]) -> dict[str, Json]:
    """The body of a sight: the roots that its issuer holds, at least one, at most MAX_SEEN."""
    return {"seen": list[Json](sorted(set(seen)))}


def read_sight(body: Mapping[str, Json]) -> tuple[RecordId, ...]:
    """Read what `sight_of` makes.

    Raises:
        MalformedError: `ledger.sight-form`; as the ids.
    """
    named = body.get("seen")
    if set(body) != {"seen"} or not isinstance(named, list) or not 1 <= len(named) <= MAX_SEEN:
        raise _sight(f"a sight names 1 to {MAX_SEEN} commitments")
    seen = tuple(RecordId(digest_text(each, "a commitment")) for each in named)
    if list(seen) != sorted(set(seen)):
        raise _sight("the commitments of a sight are not sorted, or one stands twice")
    return seen


def _sight(message: str) -> MalformedError:
    return MalformedError("ledger.sight-form", message)
