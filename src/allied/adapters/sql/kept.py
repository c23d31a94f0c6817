"""The table of kept folds, and records as bytes: what a start reads (`allied.node.keeping`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Column, Connection, Executable, Table, delete

from allied.adapters.sql.dialect import placed
from allied.adapters.sql.schema import Raw, Whole, Words, metadata
from allied.record.ids import AgreementId, RecordId

if TYPE_CHECKING:
    from allied.node.record_store import RowBytes

kept_folds: Final = Table(
    "kept_folds",
    metadata,
    Column("agreement", Words, primary_key=True, nullable=False),
    Column("place", Whole, primary_key=True, autoincrement=False, nullable=False),
    Column("raw", Raw, nullable=False),
)

_BYTES: Final = (
    'SELECT "row", id, raw FROM records WHERE agreement = ? AND "row" > ? ORDER BY "row"'
)
_PARTS: Final = "SELECT raw FROM kept_folds WHERE agreement = ? ORDER BY place"


class KeptReading:
    """The part of a reading that a start asks; see `allied.node.record_store`."""

    _connection: Connection

    def may_be_undone(self) -> bool:
        """See `ReadingRecords.may_be_undone`."""
        return False

    def record_bytes(self, agreement: AgreementId, *, after_row: int = 0) -> Sequence[RowBytes]:
        """See `ReadingRecords.record_bytes`."""
        rows = placed(self._connection, _BYTES, (agreement, after_row))
        return [(row, RecordId(record), bytes(raw)) for row, record, raw in rows]

    def kept_folds(self, agreement: AgreementId) -> Sequence[bytes]:
        """See `ReadingRecords.kept_folds`."""
        return [bytes(raw) for (raw,) in placed(self._connection, _PARTS, (agreement,))]


class KeptWriting(KeptReading):
    """The part of a writing that keeps folds; see `allied.node.record_store`."""

    if TYPE_CHECKING:

        def _do(
            self, statement: Executable, rows: Sequence[Mapping[str, Any]] | None = None
        ) -> int: ...

    def may_be_undone(self) -> bool:
        """See `ReadingRecords.may_be_undone`."""
        return True

    def keep_fold(self, agreement: AgreementId, after: int, parts: Sequence[bytes]) -> None:
        """See `WritingRecords.keep_fold`."""
        table = kept_folds
        self._do(delete(table).where(table.c.agreement == agreement, table.c.place >= after))
        rows = [
            {"agreement": agreement, "place": place, "raw": raw}
            for place, raw in enumerate(parts, after)
        ]
        if rows:
            self._do(table.insert(), rows)
