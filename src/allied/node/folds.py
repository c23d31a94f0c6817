"""What the records of an agreement add up to, kept until records come that change it.

A fold is derived: it depends on the set of records and nothing else, so it may be thrown
away at any time, and two processes over one store get the same. Here the last fold of each
agreement is remembered with the last record it includes; newer records extend the history,
and the fold is made again only then. A process that starts takes what another one has kept of it
in the store (`allied.node.keeping`), if that fits.

A unit that is left by an exception takes its records with it, and their numbers are given
again to others. So what a fold made inside a unit includes counts only for a reader who sees the
same records under the same numbers.
"""

from __future__ import annotations

import gc
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from allied.agreement.fold import begun, further
from allied.agreement.folded import Fold
from allied.agreement.genesis import open_instrument
from allied.errors import NotFoundError
from allied.node import keeping
from allied.record.descriptor import read as read_descriptor
from allied.record.history import history
from allied.record.outline import KIND as OUTLINE, read_stored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allied.node.ports import Reading
    from allied.node.rows import AgreementRow
    from allied.record.ids import AgreementId, KeyId, OrganisationId, RecordId


@dataclass(frozen=True, slots=True)
class Folded(Fold):
    """One agreement as it stands after all records up to `last_row`.

    Attributes:
        undecided: rows and ids of what was read in a unit that may yet have failed.
    """

    row: AgreementRow
    last_row: int
    last_record: RecordId | None = None
    undecided: tuple[tuple[int, RecordId], ...] = field(
        default=(), repr=False, compare=False, kw_only=True
    )

    def holds(self, record: RecordId) -> bool:
        """Whether a record is among those stored here, in whatever state."""
        past = self.history
        return (
            record in self.state.verdicts
            or record in past.aside
            or record in past.parked
            or record in past.refused
        )


class Folds:
    """The last fold of each agreement of one process; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[AgreementId, Folded] = {}
        self._covered: dict[AgreementId, int] = {}

    def of(self, reading: Reading, agreement: AgreementId) -> Folded:
        """The fold over exactly the records that `reading` sees.

        Raises:
            NotFoundError: this node knows no such agreement.
        """
        last = reading.last_row(agreement)
        with self._lock:
            kept = self._kept.get(agreement)
        if kept is None or not _is_seen(kept, reading):
            folded, covered = _fresh(reading, agreement)
            self.cover(agreement, covered)
        elif kept.last_row == last:
            if not kept.undecided or reading.may_be_undone():
                return kept
            folded = replace(kept, undecided=())
        else:
            folded, covered = _extended(kept, reading)
            if not covered:
                self.cover(agreement, 0)
        with self._lock:
            newest = self._kept.get(agreement)
            if newest is None or newest is kept or newest.last_row <= folded.last_row:
                self._kept[agreement] = folded
        return folded

    def covered(self, agreement: AgreementId) -> int:
        """How many records in order are in what is kept in the store, as far as was seen."""
        with self._lock:
            return self._covered.get(agreement, 0)

    def cover(self, agreement: AgreementId, count: int) -> None:
        """Note how many are."""
        with self._lock:
            self._covered[agreement] = count


def _is_seen(kept: Folded, reading: Reading) -> bool:
    """Whether a fold kept here is of records that `reading` sees, under the same numbers."""
    if kept.undecided:
        rows = reading.record_bytes(kept.row.id, after_row=kept.undecided[0][0] - 1)
        stands = tuple((row, record) for row, record, _ in rows[: len(kept.undecided)])
        return stands == kept.undecided
    if kept.last_record is None:
        return True
    row = reading.record(kept.last_record)
    return row is not None and row.row == kept.last_row


def anew(reading: Reading, agreement: AgreementId) -> Folded:
    """The fold from the records alone, whatever is kept of it."""
    return _fresh(reading, agreement, believes=False)[0]


def _fresh(
    reading: Reading, agreement: AgreementId, *, believes: bool = True
) -> tuple[Folded, int]:
    """The fold from what is stored, and how much of it was kept (`allied.node.keeping`).

    Args:
        believes: takes what was kept, if it fits.
    """
    row = reading.agreement(agreement)
    if row is None:
        raise NotFoundError("agreement.unknown", "no agreement here goes by that id")
    instrument = open_instrument(row.genesis, row.text, bytes.fromhex(row.salt))
    custodian = Keepers(reading).of
    with _undisturbed():
        rows = reading.record_bytes(agreement)
        kept = keeping.restored(reading, instrument, custodian, rows) if believes else None
        tail = (read_stored(raw, record) for _, record, raw in rows[kept.count if kept else 0 :])
        if kept is None:
            past = history(tail, instrument.circles.size)
            progress = begun(instrument, past, custodian)
        elif kept.count == len(rows):
            past, progress = kept.history, kept.progress
        else:
            past = kept.history.extended(tail)
            progress = further(kept.progress, past, custodian)
    number, last = (rows[-1][0], rows[-1][1]) if rows else (0, None)
    undecided = tuple(each[:2] for each in rows) if reading.may_be_undone() else ()
    folded = Folded(
        instrument, past, progress.state, row, number, last,
        progress=progress, undecided=undecided,
    )  # fmt: skip
    return folded, len(kept.progress.order) if kept else 0


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Look for no garbage meanwhile: of what a fold is made nothing becomes any.

    Looking through it again and again takes as long as making it.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _extended(kept: Folded, reading: Reading) -> tuple[Folded, bool]:
    """The fold with what is new, and whether what was kept of it in the store fits still."""
    rows = reading.records(kept.row.id, after_row=kept.last_row)
    again = [stored for stored in rows if kept.holds(stored.id)]
    if any(stored.kind == OUTLINE for stored in again):
        return _fresh(reading, kept.row.id)[0], False  # what was whole went into an archive
    past = kept.history.grown({stored.raw for stored in rows})
    if past is None:
        past = kept.history.extended(read_stored(stored.raw, stored.id) for stored in rows)
    custodian = Keepers(reading).of
    if kept.progress is None:
        progress = begun(kept.instrument, past, custodian)
    else:
        progress = further(kept.progress, past, custodian)
    last = rows[-1]
    undecided: tuple[tuple[int, RecordId], ...] = ()
    if reading.may_be_undone():
        undecided = (*kept.undecided, *((stored.row, stored.id) for stored in rows))
    folded = Folded(
        kept.instrument, past, progress.state, kept.row, last.row, last.id,
        progress=progress, memory=kept.memory, undecided=undecided,
    )  # fmt: skip
    return folded, not again


class Keepers:
    """Who keeps the acts keys of organisations, as the first descriptor of each says.

    An organisation is the digest of that one, so it cannot be told in two ways; later ones can,
    to each node another (`allied.node.branches`), and then hands would be counted otherwise.
    """

    def __init__(self, reading: Reading) -> None:
        """Look at what `reading` sees."""
        self._reading = reading
        self._found: dict[OrganisationId, str] = {}

    def of(self, organisation: OrganisationId, _: KeyId) -> str:
        """The custodian of an organisation's acts keys; empty where no descriptor is here."""
        if organisation not in self._found:
            raws = self._reading.descriptors(organisation)[:1]
            held = [read_descriptor(raw)[0].keys["acts"] for raw in raws]
            self._found[organisation] = held[0].custodian if held else ""
        return self._found[organisation]
