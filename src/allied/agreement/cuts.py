"""How far a party that left, or was put out, is counted: what its withdrawal or a decision says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allied.record.ids import CircleId, RecordId
    from allied.record.record import ChainKey, Record


@dataclass(frozen=True, slots=True)
class Cut:
    """A withdrawal, and how far its issuer counted each chain when it left."""

    withdrawal: Record
    heads: Mapping[ChainKey, int]


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
