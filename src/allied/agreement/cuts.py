"""How far a party that left, or was put out, is counted: what its withdrawal or a decision says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from allied.agreement.effects import is_cut_off
from allied.agreement.knowing import is_contradicted
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence

    from allied.agreement.certified import Certified
    from allied.agreement.genesis import Instrument
    from allied.record.ids import CircleId, OrganisationId, RecordId
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


def removals(
    instrument: Instrument,
    decided: Mapping[RecordId, Sequence[Certified]],
    judged: Container[RecordId],
) -> dict[OrganisationId, list[Removal]]:
    """How far each party that a decision put out, or suspended, was counted.

    Args:
        decided: by question, what certificates prove.
        judged: the records that were judged, as far as the fold has come.
    """
    found: dict[OrganisationId, list[Removal]] = {}
    for opening, its in decided.items():
        party = is_cut_off(its[0])
        if not party or is_contradicted(its):
            continue
        counted: dict[ChainKey, int] = {}
        for dep in (dep for each in its for dep in each.result.cut):
            counted[dep.chain] = max(dep.sequence, counted.get(dep.chain, 0))
        certificates = tuple(each.certificate for each in its)
        organisation = instrument.organisation(PartyId(party))
        everybody = instrument.circles.all.id
        rests_on = (opening,) if opening in judged else certificates
        removal = Removal(everybody, certificates, rests_on, counted)
        found.setdefault(organisation, []).append(removal)
    return found
