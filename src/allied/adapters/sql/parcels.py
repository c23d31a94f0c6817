"""The table of sealed bytes that a relay holds for others. Few rows, bounded by `node.relaying`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Column, Connection, Executable, Table, delete, select

from allied.adapters.sql.schema import Instant, Raw, Whole, Words, metadata
from allied.node.parcel_store import ParcelRow

parcels: Final = Table(
    "parcels",
    metadata,
    Column("place", Whole, primary_key=True, autoincrement=True, nullable=False),
    Column("recipient", Words, nullable=False, index=True),
    Column("sender", Words, nullable=False),
    Column("slot", Words, nullable=False),
    Column("at", Instant, nullable=False),
    Column("size", Whole, nullable=False),
    Column("raw", Raw, nullable=False),
)

_ROW: Final = [column for column in parcels.columns if column.name != "raw"]


class ParcelReading:
    """The part of a reading that asks for parcels; see `allied.node.parcel_store`."""

    _connection: Connection

    def parcels(self) -> Sequence[ParcelRow]:
        """See `ReadingParcels.parcels`."""
        found = self._connection.execute(select(*_ROW).order_by(parcels.c.place))
        return [ParcelRow(**each) for each in found.mappings()]

    def parcel(self, place: int) -> bytes | None:
        """See `ReadingParcels.parcel`."""
        found = self._connection.execute(select(parcels.c.raw).where(parcels.c.place == place))
        raw = found.scalar()
        return None if raw is None else bytes(raw)


class ParcelWriting(ParcelReading):
    """The part of a writing that keeps parcels; see `allied.node.parcel_store`."""

    if TYPE_CHECKING:

        def _do(
            self, statement: Executable, rows: Sequence[Mapping[str, Any]] | None = None
        ) -> int: ...

    def add_parcel(self, row: ParcelRow, raw: bytes) -> None:
        """See `WritingParcels.add_parcel`."""
        self._do(
            delete(parcels).where(
                parcels.c.recipient == row.recipient,
                parcels.c.sender == row.sender,
                parcels.c.slot == row.slot,
            )
        )
        values = {name: value for name, value in asdict(row).items() if name != "place"}
        self._do(parcels.insert().values(**values, raw=raw))

    def drop_parcels(self, places: Iterable[int]) -> None:
        """See `WritingParcels.drop_parcels`."""
        if wanted := list(places):
            self._do(delete(parcels).where(parcels.c.place.in_(wanted)))
