"""What a party said about an incident or an obligation, as the folds here read it.

A statement is a record that the register let through: its signature holds, its kind and
issuer are in the closed table, it lies in the right circle. What is left of it for the rules
in this folder is who said what, when it claims to have been said, and its place in the one
order of the circle. Nothing here knows keys, envelopes or chains.

Bodies come from other organisations. A field that is missing or of another type reads as
absent; no statement can make a fold fail.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from allied.record.canonical import Json
from allied.record.ids import PartyId, RecordId


@dataclass(frozen=True, slots=True)
class Statement:
    """One effective record of a circle.

    Attributes:
        kind: as in the table of kinds: "incident.report", "obligation.accept", "receipt".
        party: who said it, by its label in the agreement.
        body: as in the record.
        claimed_at: when it claims to have been said; aware, in UTC.
        record: the id of the record.
        order: its place in the topological order of the circle; distinct for each record.
        knows: the records its issuer held when it spoke; None takes all that come before it.
    """

    kind: str
    party: PartyId
    body: Mapping[str, Json]
    claimed_at: datetime
    record: RecordId
    order: int
    knows: frozenset[RecordId] | None = None

    def text(self, field: str) -> str:
        """Return a field of the body that has to be text, or an empty text."""
        value = self.body.get(field)
        return value if isinstance(value, str) else ""

    def texts(self, field: str) -> tuple[str, ...]:
        """Return the texts in a list of the body; whatever else stands there is passed over."""
        value = self.body.get(field)
        if isinstance(value, str) or not isinstance(value, Sequence):
            return ()
        return tuple(entry for entry in value if isinstance(entry, str))

    def blob(self, field: str) -> str:
        """Return the digest of the blob that a field of the body refers to, or an empty text."""
        return _digest(self.body.get(field))

    def blobs(self, field: str) -> tuple[str, ...]:
        """Return the digests of the blobs that a list of the body refers to."""
        value = self.body.get(field)
        if isinstance(value, str) or not isinstance(value, Sequence):
            return ()
        return tuple(digest for digest in map(_digest, value) if digest)


def in_order(statements: Iterable[Statement]) -> list[Statement]:
    """Sort `statements` as the circle orders them; a record given twice counts once."""
    once = {statement.record: statement for statement in statements}
    return sorted(once.values(), key=lambda statement: (statement.order, statement.record))


def _digest(reference: Json) -> str:
    if isinstance(reference, Mapping):
        digest = reference.get("blob")
        if isinstance(digest, str):
            return digest
    return ""
