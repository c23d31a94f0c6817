"""What the store keeps of sealed bytes that this node holds for others, as a relay.

Part of the port of the store (`allied.node.ports`), which takes it in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from allied.record.ids import Digest, OrganisationId


@dataclass(frozen=True, slots=True)
class ParcelRow:
    """Sealed bytes that somebody left for somebody else.

    Attributes:
        place: grows with every parcel; 0 before it is stored.
        slot: chosen by the sender; a newer parcel of the same one takes the place of an older.
    """

    place: int
    recipient: OrganisationId
    sender: OrganisationId
    slot: Digest
    at: datetime
    size: int


class ReadingParcels(Protocol):
    """What can be asked of it inside one snapshot."""

    def parcels(self) -> Sequence[ParcelRow]:
        """All, by place."""
        ...

    def parcel(self, place: int) -> bytes | None:
        """The bytes of one."""
        ...


class WritingParcels(Protocol):
    """What can be changed of it inside one unit."""

    def add_parcel(self, row: ParcelRow, raw: bytes) -> None:
        """Store one, in place of the one with the same recipient, sender and slot."""
        ...

    def drop_parcels(self, places: Iterable[int]) -> None:
        """Forget some; others are passed over."""
        ...
