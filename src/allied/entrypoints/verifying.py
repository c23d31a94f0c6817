"""Files from disclosure ledgers, checked without a node: for the command line and over HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from allied.exchange import disclosure_export, disclosure_proof
from allied.exchange.disclosure_export import Exported
from allied.exchange.disclosure_proof import Proven
from allied.record.identity import fingerprint

Verified = Proven | Exported

_EXPORT: Final = b'{"allied":"ledger-e'


@dataclass(frozen=True, slots=True)
class RowShown:
    """The row that a proof shows.

    Attributes:
        recipient: the party's label in the agreement.
        art: the clause that decided; empty where none allowed it.
        count: of how many items it speaks.
        proof: of a release, the digest that the receipt names.
    """

    recipient: str
    outcome: str
    code: str
    art: str
    count: int
    via: str
    proof: str
    at: datetime


@dataclass(frozen=True, slots=True)
class VerifiedFile:
    """What a file shows, all of it verified.

    Attributes:
        kind: proof or export.
        keeper, fingerprint, keeper_name: whose ledger it is, and what it calls itself; compare
            the fingerprint with the keeper's own.
        agreement: its id; empty in the export of a whole ledger.
        through: the last day that was committed to, YYYY-MM-DD; empty where none was.
        number, record, committed_at: of a proof: the commitment, the record that was signed
            and when, by the keeper's own claim.
        row: of a proof, the row it shows.
        receipt_by, receipt_name, receipt_at: who signed for the release, and when.
        rows, awaiting, roots, restarted: of an export: its rows, how many of them nothing that
            was signed vouches for yet, its commitments, and how often it was begun anew.
    """

    kind: str
    keeper: str
    fingerprint: str
    keeper_name: str
    agreement: str
    through: str
    number: int
    record: str
    committed_at: datetime | None
    row: RowShown | None
    receipt_by: str
    receipt_name: str
    receipt_at: datetime | None
    rows: int
    awaiting: int
    roots: int
    restarted: int


def verify(chunks: Iterable[bytes]) -> Verified:
    """Check a proof or an export; what is neither is refused as no proof.

    Raises:
        MalformedError, UnverifiedError: as `disclosure_proof.verify` and
            `disclosure_export.verify`.
    """
    pieces = iter(chunks)
    start = b""
    for each in pieces:
        start += each
        if len(start) >= len(_EXPORT):
            break
    if start.startswith(_EXPORT):
        return disclosure_export.verify(_from(start, pieces))
    raw = bytearray(start)
    while len(raw) <= disclosure_proof.MAX_BYTES and (more := next(pieces, None)) is not None:
        raw += more
    return disclosure_proof.verify(bytes(raw))


def _from(start: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield start
    yield from rest


def shown(found: Verified) -> VerifiedFile:
    """What was verified, as it is given out."""
    if isinstance(found, Exported):
        return VerifiedFile(
            kind="export",
            keeper=found.keeper,
            fingerprint=fingerprint(found.keeper),
            keeper_name=found.keeper_name,
            agreement=found.agreement or "",
            through=found.through.isoformat() if found.through else "",
            number=0,
            record="",
            committed_at=None,
            row=None,
            receipt_by="",
            receipt_name="",
            receipt_at=None,
            rows=found.rows,
            awaiting=found.awaiting,
            roots=found.roots,
            restarted=found.restarted,
        )
    row = found.row
    return VerifiedFile(
        kind="proof",
        keeper=found.keeper,
        fingerprint=fingerprint(found.keeper),
        keeper_name=found.keeper_name,
        agreement=found.agreement,
        through=found.through.isoformat(),
        number=found.number,
        record=found.record,
        committed_at=found.committed_at,
        row=RowShown(
            row.recipient, row.outcome, row.code, row.art, row.count, row.via, row.proof, row.at
        ),
        receipt_by=found.receipt_by or "",
        receipt_name=found.receipt_name,
        receipt_at=found.receipt_at,
        rows=1,
        awaiting=0,
        roots=1,
        restarted=0,
    )
