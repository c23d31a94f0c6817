"""How far a party that left, or was put out, is counted: what its withdrawal or a decision says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from allied.record.ids import CircleId, RecordId
    from allied.record.record import ChainKey, Record

    Knows = Callable[[RecordId, RecordId], bool]
    """Whether the first record knows the second."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A withdrawal, and how far its issuer counted each chain when it left."""

    withdrawal: Record
    heads: Mapping[ChainKey, int]

    def is_before(self, record: Record, knows: Knows) -> bool:
        """Whether the cut comes before a record of its issuer that does not know of the leaving."""
        own, header = self.withdrawal, record.header
        if record.id == own.id or header.circle != own.header.circle:
            return False
        if knows(record.id, own.id):
            return False
        if knows(own.id, record.id):
            return False  # what the withdrawal rests on cannot be taken back by it
        alike = header.chain == own.header.chain
        counted = own.header.sequence if alike else self.heads.get(header.chain, 0)
        return header.sequence > counted


@dataclass(frozen=True, slots=True)
class Removal:
    """A decision that puts a party out or suspends it, and how far it was counted.

    Attributes:
        rests_on: the opening of the question: what it knew cannot be taken back.
    """

    circle: CircleId
    certificates: tuple[RecordId, ...]
    rests_on: tuple[RecordId, ...]
    counted: Mapping[ChainKey, int]

    def is_before(self, record: Record, knows: Knows) -> bool:
        """Whether a record of that party was not counted, and does not know of the decision."""
        header = record.header
        return (
            header.circle == self.circle
            and record.id not in self.certificates
            and header.sequence > self.counted.get(header.chain, 0)
            and not any(knows(record.id, each) for each in self.certificates)
            and not any(knows(each, record.id) for each in self.rests_on)
        )
