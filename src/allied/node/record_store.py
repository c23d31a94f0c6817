"""What the store keeps of records: those that hold, those that wait, and folds of them.

Part of the port of the store (`allied.node.ports`), which takes it in. What a kept fold says, and
when it is believed, is for `allied.node.keeping`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeAlias

from allied.node.rows import RecordRow
from allied.record.ids import AgreementId, CircleId, OrganisationId, RecordId

RowBytes: TypeAlias = "tuple[int, RecordId, bytes]"
"""Of a record its row, its id, and its envelope or outline."""


class ReadingRecords(Protocol):
    """What can be asked of it inside one snapshot."""

    def may_be_undone(self) -> bool:
        """Whether this is a write unit, of which nothing stays if it fails."""
        ...

    def records(self, agreement: AgreementId, *, after_row: int = 0) -> Sequence[RecordRow]:
        """The records of an agreement in the order in which they were stored."""
        ...

    def record(self, record: RecordId) -> RecordRow | None: ...

    def records_range(
        self,
        circle: CircleId,
        issuer: OrganisationId,
        incarnation: int,
        first: int,
        last: int,
        *,
        limit: int,
    ) -> Sequence[RecordRow]:
        """Records of one chain with first <= sequence <= last, by sequence then id."""
        ...

    def last_row(self, agreement: AgreementId) -> int:
        """The highest `RecordRow.row` of an agreement; 0 when there is none. Cheap."""
        ...

    def parked(self, agreement: AgreementId) -> Sequence[tuple[RecordId, OrganisationId, bytes]]:
        """Records that wait for their past: id, issuer, envelope bytes."""
        ...

    def record_bytes(self, agreement: AgreementId, *, after_row: int = 0) -> Sequence[RowBytes]:
        """As `records`, without what stands in the bytes as well; a third of the cost."""
        ...

    def kept_folds(self, agreement: AgreementId) -> Sequence[bytes]:
        """The parts of what was kept of the fold of an agreement, by place."""
        ...

    def unclaimed(self, organisation: OrganisationId) -> Sequence[RecordRow]:
        """Records in an organisation's chains whose number it did not claim here for them.

        They were signed before this database was put back, or by somebody else with its keys.
        By chain, then sequence, then id.
        """
        ...


class WritingRecords(Protocol):
    """What can be changed of it inside one unit."""

    def add_records(self, records: Iterable[RecordRow]) -> Sequence[RecordRow]:
        """Store verified records; known ones are passed over, but not outlines. Returns the new."""
        ...

    def claim_sequence(
        self,
        circle: CircleId,
        issuer: OrganisationId,
        incarnation: int,
        sequence: int,
        record: RecordId,
    ) -> None:
        """Fence for own chains.

        Raises:
            ConflictError: `store.sequence-taken`, that number was used before.
        """
        ...

    def number_past(self, organisation: OrganisationId, count: int) -> None:
        """Let the count of own records be at least `count`, and the fence know it."""
        ...

    def park(
        self,
        agreement: AgreementId,
        record: RecordId,
        issuer: OrganisationId,
        raw: bytes,
        *,
        limit: int,
        limit_bytes: int,
    ) -> bool:
        """Keep a record that waits for its past.

        Returns:
            False when `limit` records of that issuer wait already, or with this one more than
            `limit_bytes` of them would.
        """
        ...

    def unpark(self, records: Iterable[RecordId]) -> None: ...

    def keep_fold(self, agreement: AgreementId, after: int, parts: Sequence[bytes]) -> None:
        """Keep parts of a fold behind the first `after` ones, in place of all that stand there."""
        ...
