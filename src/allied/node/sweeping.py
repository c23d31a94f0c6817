"""Executing what was agreed about keeping: retention, sunsets, markings that end.

When an item's time is over it leaves every view of its holder, and nobody is given it any
more; where a clause says that it is deleted, its bytes go too. Where a clause says that its
marking relaxes, it takes the class of the new marking. Each holder does this for itself, by
its own clock and without being told: everybody has the clause and the originator's signed
word on when an item was shared. What was done stands in the disclosure ledger.

Words used here:
    over, kept under   see `exchange.keeping`
    next end           the earliest instant known at which something held is over or relaxes

Rules. What goes along with other objects stays as long as its originator has any other object
here. Whatever is next is remembered, so that a round in which nothing ends looks at what came
since, and at nothing else. A release looks first whether the next end has come.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from allied.errors import UnverifiedError
from allied.exchange import keeping
from allied.exchange.statement import made_at
from allied.node import ledger, proofs, verdicts
from allied.node.folds import Folded
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from allied.agreement.values import Tlp
    from allied.exchange.handling import HandlingClass
    from allied.exchange.keeping import Keeping, Over
    from allied.node.node import Node
    from allied.node.ports import Reading, Writing
    from allied.node.rows import ItemRow
    from allied.record.ids import AgreementId, Digest, OrganisationId

ENDED: Final = "ended"
RELAXED: Final = "relaxed"
"""Outcomes in the disclosure ledger; the recipient is the holder itself."""

BY_SWEEP: Final = "sweep"
RETENTION, EXPIRED = "retention", "expired"
_REASONS: Final = {
    keeping.RETENTION: RETENTION,
    keeping.SUNSET: EXPIRED,
    keeping.EXPIRED: EXPIRED,
}
_PAGE: Final = 2_000
_MOST_KEPT: Final = 100_000


@dataclass(frozen=True, slots=True)
class Swept:
    """What came to an end under one clause for one holder.

    Attributes:
        code: `exchange.retention`, `exchange.sunset` or `exchange.expired`.
        did: `erased`, `withdrawn` (the bytes are kept, and shown to nobody) or `relaxed`.
        tlp: what it relaxed to; empty else.
    """

    holder: PartyId
    agreement: AgreementId
    alias: str
    art: str
    code: str
    did: str
    tlp: str
    items: int


@dataclass(frozen=True, slots=True)
class Ends:
    """What is to come for one copy, for people.

    Attributes:
        art: the clause that it is kept under; empty without one.
        over_at: it leaves every view then; None for never.
        erased: its bytes go as well.
        relaxes_at, relaxes_to: when its marking relaxes, and to what.
    """

    art: str = ""
    over_at: datetime | None = None
    why: str = ""
    erased: bool = False
    relaxes_at: datetime | None = None
    relaxes_to: str = ""


# --- looking --------------------------------------------------------------------------------


def ends_of(reading: Reading, folded: Folded, row: ItemRow, at: datetime) -> Ends:
    """What is to come for one copy, by the text in force at an instant."""
    party = folded.instrument.party(row.holder)
    if party is None:
        return Ends()
    handling = verdicts.classes_of(reading, folded.row.id).by_id[row.class_id]
    kept = keeping.keeping(folded.terms(at), handling, party)
    shared = _shared_at(reading, row) if kept.by_sharing else None
    over = kept.over(shared or row.received_at, row.received_at)
    relaxes = kept.relaxes_at(row.type, shared) if shared else None
    tlp = kept.relaxes_to
    return Ends(
        art=kept.art,
        over_at=over.at if over else None,
        why=over.code if over else "",
        erased=over is not None and over.erase,
        relaxes_at=relaxes,
        relaxes_to=tlp.value if relaxes and tlp else "",
    )


def sweep(node: Node, *, dry_run: bool = False) -> Sequence[Swept]:
    """Execute for every organisation hosted here what has come to an end by now.

    Args:
        dry_run: say it, and change nothing.
    """
    found: list[Swept] = []
    at = node.clock.now()
    with node.store.read() as reading:
        pairs = [
            (organisation.id, row.id)
            for row in reading.agreements()
            for organisation in reading.organisations()
            if _Memory.of(reading, organisation.id, row.id).asks(
                reading, organisation.id, node.folds.of(reading, row.id), at
            )
        ]
    for holder, agreement in pairs:
        found += sweep_one(node, holder, agreement, dry_run=dry_run)
    return found


def require_swept(node: Node, holder: OrganisationId, agreement: AgreementId) -> None:
    """Execute what has ended for one holder, if the next end has come; cheap if it has not."""
    with node.store.read() as reading:
        at = _Memory.of(reading, holder, agreement).next
    if at is not None and at <= node.clock.now():
        sweep_one(node, holder, agreement)


def sweep_one(
    node: Node, holder: OrganisationId, agreement: AgreementId, *, dry_run: bool = False
) -> Sequence[Swept]:
    """Execute for one holder what has come to an end under one agreement by now."""
    at = node.clock.now()
    with node.store.read() as reading:
        folded = node.folds.of(reading, agreement)
        plan = _Plan(reading, folded, holder, at)
        steps, memory = plan.make()
    if dry_run or not (steps or memory.text != plan.before.text):
        return _told(folded, plan.party, steps)
    for step in steps:
        for start in range(0, len(step.rows), _PAGE):
            with node.store.write() as writing:
                _execute(writing, folded, plan.party, step, step.rows[start : start + _PAGE], at)
    with node.store.write() as writing:
        writing.set_cursor(_place(holder, agreement), memory.text)
    if steps:
        node.notifier.changed(agreement)
    return _told(folded, plan.party, steps)


# --- what has come to an end ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Step:
    """Items of one class to which the same happens, next to each other in that class.

    Attributes:
        over: they are over; None where their marking relaxes, to `tlp`.
    """

    kept: Keeping
    class_id: int
    handling: HandlingClass
    rows: Sequence[ItemRow]
    over: Over | None
    tlp: Tlp | None = None


@dataclass(frozen=True, slots=True)
class _Memory:
    """What the last round left: per class the last number seen, and the next end known.

    Attributes:
        newest: number of the newest item that its holder had then.
        waiting: something is over, and stays only because others need it.
        version: the one in force then; another one is another round.
    """

    text: str
    tops: Mapping[int, tuple[int, datetime | None]]
    newest: int = -1
    waiting: bool = False
    version: str = ""

    @classmethod
    def of(cls, reading: Reading, holder: OrganisationId, agreement: AgreementId) -> _Memory:
        """As it is remembered."""
        text = reading.cursor(_place(holder, agreement))
        if not text:
            return cls("", {})
        kept = json.loads(text)
        tops = {
            int(number): (int(top), datetime.fromisoformat(at) if at else None)
            for number, (top, at) in kept["classes"].items()
        }
        version = str(kept.get("version", ""))
        return cls(text, tops, int(kept["newest"]), bool(kept["waiting"]), version)

    @classmethod
    def new(
        cls,
        tops: Mapping[int, tuple[int, datetime | None]],
        newest: int,
        version: str,
        *,
        waiting: bool,
    ) -> _Memory:
        """As it is to be remembered."""
        kept = {
            str(number): [top, at.isoformat() if at else ""]
            for number, (top, at) in sorted(tops.items())
        }
        said = {"classes": kept, "newest": newest, "waiting": waiting, "version": version}
        return cls(json.dumps(said), tops, newest, waiting, version)

    def asks(self, reading: Reading, holder: OrganisationId, folded: Folded, at: datetime) -> bool:
        """Whether a round may find anything: something has come since, an end, or a text."""
        if self.version != folded.state.version(folded.instrument, at):
            return True
        next_ = self.next
        due = self.waiting or (next_ is not None and next_ <= at)
        return due or reading.newest(holder)[0] != self.newest

    @property
    def next(self) -> datetime | None:
        """The next end of all."""
        return min((at for _, at in self.tops.values() if at is not None), default=None)


@dataclass(frozen=True, slots=True)
class _Run:
    """Rows next to each other in their class to which the same happens."""

    sort: str
    over: Over | None
    rows: list[ItemRow]


class _Plan:
    """One look at what a holder has under one agreement."""

    def __init__(
        self, reading: Reading, folded: Folded, holder: OrganisationId, at: datetime
    ) -> None:
        self.party = folded.instrument.party(holder) or PartyId("-")
        self._terms = folded.terms(at)
        self._version = folded.state.version(folded.instrument, at)
        self.before = _Memory.of(reading, holder, folded.row.id)
        if self.before.version != self._version:
            self.before = _Memory("", {})
        self._reading = reading
        self._folded = folded
        self._holder = holder
        self._at = at
        self._waiting = False
        self._shared: dict[Digest, datetime] = {}

    def make(self) -> tuple[list[_Step], _Memory]:
        """What is to be done, and what is to be remembered."""
        steps: list[_Step] = []
        tops: dict[int, tuple[int, datetime | None]] = {}
        counts = self._reading.item_counts(self._folded.row.id, self._holder)
        classes = verdicts.classes_of(self._reading, self._folded.row.id).by_id
        kept = {number: self._keeping(classes[number]) for number in counts}
        left = dict(counts)
        # What goes along comes last: it stays as long as anything else of its originator does.
        for number in sorted(counts, key=lambda each: (kept[each].companion, each)):
            if not kept[number].ever:
                continue
            whose = classes[number].originator
            needed = kept[number].companion and any(
                left[each] > 0 and classes[each].originator == whose and not kept[each].companion
                for each in counts
            )
            found, tops[number] = self._class(number, kept[number], classes[number], needed=needed)
            left[number] -= sum(len(each.rows) for each in found if each.over is not None)
            steps += found
        newest = self._reading.newest(self._holder)[0]
        return steps, _Memory.new(tops, newest, self._version, waiting=self._waiting)

    def _keeping(self, handling: HandlingClass) -> Keeping:
        key = (self._version, handling, self.party)
        if key not in _KEPT:
            if len(_KEPT) >= _MOST_KEPT:
                _KEPT.clear()
            _KEPT[key] = keeping.keeping(self._terms, handling, self.party)
        return _KEPT[key]

    def _class(
        self, number: int, kept: Keeping, handling: HandlingClass, *, needed: bool
    ) -> tuple[list[_Step], tuple[int, datetime | None]]:
        """What ends of one class, and what is to be remembered of it.

        Args:
            needed: there is something that it can go along with.
        """
        top, next_ = self.before.tops.get(number, (0, None))
        waits = next_ is not None and next_ > self._at
        if waits and not kept.by_sharing and not kept.companion:
            return [], (top, next_)  # what came since is over later
        if not kept.by_sharing or kept.companion or (next_ is not None and not waits):
            top, next_ = 0, None
        runs: list[_Run] = []
        open_ = False
        for row in self._rows(number, top):
            top = row.seq
            over, relaxes = self._ends(kept, row)
            if needed and over is not None:
                self._waiting = self._waiting or over.at <= self._at
                over = None if over.at <= self._at else over
            sort = self._sort(over, relaxes)
            if sort is None:
                open_ = False
                next_ = _earlier(next_, over.at if over else None, relaxes)
                if not kept.by_sharing:
                    break
            elif open_ and runs[-1].sort == sort:
                runs[-1].rows.append(row)
            else:
                runs.append(_Run(sort, over if sort != RELAXED else None, [row]))
                open_ = True
        tlp = kept.relaxes_to
        return [
            _Step(kept, number, handling, run.rows, run.over, None if run.over else tlp)
            for run in runs
        ], (top, next_)

    def _sort(self, over: Over | None, relaxes: datetime | None) -> str | None:
        """What happens to a row now; None for nothing."""
        if over is not None and over.at <= self._at:
            return over.code
        return RELAXED if relaxes is not None and relaxes <= self._at else None

    def _rows(self, number: int, after: int) -> Iterator[ItemRow]:
        while page := self._reading.items(
            self._folded.row.id, self._holder, after=after, limit=_PAGE, classes=[number]
        ):
            yield from page
            after = page[-1].seq

    def _ends(self, kept: Keeping, row: ItemRow) -> tuple[Over | None, datetime | None]:
        shared = self._shared_at(row) if kept.by_sharing else row.received_at
        relaxes = kept.relaxes_at(row.type, shared) if kept.by_sharing else None
        return kept.over(shared, row.received_at), relaxes

    def _shared_at(self, row: ItemRow) -> datetime:
        if row.statement not in self._shared:
            if len(self._shared) >= _MOST_KEPT:
                self._shared.clear()
            self._shared[row.statement] = _shared_at(self._reading, row)
        return self._shared[row.statement]


def _shared_at(reading: Reading, row: ItemRow) -> datetime:
    """When an item was shared; when it came, where the statement that says so is lost.

    One spoilt statement must not keep everything else from ending.
    """
    try:
        return made_at(proofs.statement_of(reading, row.statement))
    except UnverifiedError:
        return row.received_at


_KEPT: Final[dict[tuple[Digest, HandlingClass, PartyId], Keeping]] = {}
"""What is agreed about a class under one text never changes, so it is found once."""


def _earlier(*instants: datetime | None) -> datetime | None:
    return min((each for each in instants if each is not None), default=None)


def _place(holder: OrganisationId, agreement: AgreementId) -> str:
    return f"ends:{holder}:{agreement}"


# --- doing ------------------------------------------------------------------------------------


def _execute(
    writing: Writing,
    folded: Folded,
    party: PartyId,
    step: _Step,
    rows: Sequence[ItemRow],
    at: datetime,
) -> None:
    """Carry out a step for some of its rows, and write it down, in one unit."""
    here = writing.versions(rows[0].holder, numbers=[row.seq for row in rows])
    present = {each.seq for each in here}  # somebody else may have been here meanwhile
    rows = [row for row in rows if row.seq in present]
    number = len(rows)
    if not rows:
        return
    if step.over is not None:
        reason = _REASONS[step.over.code]
        writing.withdraw_items(rows, reason, "", at, erase=step.over.erase)
        outcome, code = ENDED, step.over.code
    else:
        number = _relax(writing, folded, step, rows, at)
        outcome, code = RELAXED, keeping.SUNSET
        if not number:  # what goes along went with the others; the next round relaxes it
            return
    ledger.append(
        writing,
        rows[0].holder,
        [
            ledger.Entry(
                agreement=folded.row.id,
                recipient=party,
                outcome=outcome,
                code=code,
                art=step.kept.art,
                class_id=step.class_id,
                first=rows[0].seq,
                last=rows[-1].seq,
                count=number,
                via=BY_SWEEP,
                proof="",
                at=at,
            )
        ],
    )


def _relax(
    writing: Writing, folded: Folded, step: _Step, rows: Sequence[ItemRow], at: datetime
) -> int:
    """Give rows the class of the relaxed marking, and let what goes along go with it.

    Returns:
        How many rows there were.
    """
    assert step.tlp is not None  # noqa: S101 - a step without an end relaxes
    relaxed = keeping.relaxed(step.handling, step.tlp)
    agreement, holder = folded.row.id, rows[0].holder
    number = writing.handling_class(agreement, relaxed.key, relaxed.canonical())
    moved = writing.relabel_items(rows, number, at)
    let_along(writing, agreement, holder, step.handling.key, relaxed.key, at)
    return moved


def let_along(
    writing: Writing,
    agreement: AgreementId,
    holder: OrganisationId,
    before: Digest,
    after: Digest,
    at: datetime,
) -> None:
    """Let what goes along with one class go along with another, too, that came of it."""
    classes = verdicts.classes_of(writing, agreement).by_id
    for other in writing.item_counts(agreement, holder):
        along = classes[other].along
        if along is None or before not in along or after in along:
            continue
        wider = replace(classes[other], along=along | {after})
        wide = writing.handling_class(agreement, wider.key, wider.canonical())
        while companions := writing.items(agreement, holder, limit=_PAGE, classes=[other]):
            writing.relabel_items(companions, wide, at)


def _told(folded: Folded, party: PartyId, steps: Sequence[_Step]) -> Sequence[Swept]:
    """Steps put together for people."""
    found: dict[tuple[str, str, str, str], int] = {}
    for step in steps:
        if step.over is None:
            did, code = RELAXED, keeping.SUNSET
        else:
            did, code = "erased" if step.over.erase else "withdrawn", step.over.code
        key = (step.kept.art, code, did, step.tlp.value if step.tlp else "")
        found[key] = found.get(key, 0) + len(step.rows)
    return [
        Swept(party, folded.row.id, folded.row.alias, art, code, did, tlp, number)
        for (art, code, did, tlp), number in sorted(found.items())
    ]
