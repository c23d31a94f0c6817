"""Whether all that a node keeps is whole: digests, signatures and chains, computed again.

Needs no keys and no other node: a copy of the database is enough. Asked of a backup before
it is trusted, and of a node by `doctor`.

Words used here:
    finding   one thing that does not hold, with a stable code and how often
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from allied.errors import AlliedError, UnverifiedError
from allied.node import branches, folds, ledger_proofs
from allied.record.identity import Identity, open_chain
from allied.record.outline import is_outline, read_either
from allied.record.record import require_issued

if TYPE_CHECKING:
    from allied.node.node import Node
    from allied.node.ports import Reading
    from allied.node.rows import AgreementRow, RecordRow
    from allied.record.ids import OrganisationId

_STORE: Final = {
    "store.pages": "pages of the database file are damaged",
    "store.item-bytes": "items have other bytes than they were stored with, or none",
    "store.blob-bytes": "blobs have other bytes than they were stored with",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not hold.

    Attributes:
        code: stable; those of the errors that say why, or `store.*`.
        subject: what it is about: an id, or a label.
        text: for people.
        count: how often.
    """

    code: str
    subject: str
    text: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Whole:
    """What was looked at, and what was found."""

    organisations: int
    agreements: int
    records: int
    ledger_rows: int
    findings: tuple[Finding, ...]


def check(node: Node) -> Whole:
    """Look at everything.

    Cost: reads the whole database; one signature for each record and descriptor.
    """
    findings = [
        Finding(fault.code, "database", _STORE[fault.code], fault.count)
        for fault in node.store.faults()
    ]
    records = rows = 0
    with node.store.read() as reading:
        identities, broken = _identities(reading)
        findings += broken
        agreements = reading.agreements()
        for agreement in agreements:
            records += len(reading.records(agreement.id))
            findings += _records(node, reading, agreement, identities)
        organisations = reading.organisations()
        for organisation in organisations:
            try:
                rows += ledger_proofs.check_in(node, reading, organisation).rows
            except AlliedError as problem:
                findings.append(Finding(problem.code, organisation.label, problem.message))
    return Whole(len(organisations), len(agreements), records, rows, tuple(findings))


def _identities(
    reading: Reading,
) -> tuple[dict[OrganisationId, Identity], list[Finding]]:
    """Every identity chain known here that holds, and those that do not."""
    known = [each.id for each in reading.organisations()] + [each.id for each in reading.peers()]
    held: dict[OrganisationId, Identity] = {}
    broken = []
    for organisation in dict.fromkeys(known):
        try:
            held[organisation] = open_chain(reading.descriptors(organisation))
        except AlliedError as problem:
            broken.append(Finding(problem.code, organisation, problem.message))
    return held, broken


def _records(
    node: Node,
    reading: Reading,
    agreement: AgreementRow,
    identities: dict[OrganisationId, Identity],
) -> Iterator[Finding]:
    """What does not hold among the records of one agreement."""
    found: dict[str, list[str]] = {}
    texts: dict[str, str] = {}

    def note(code: str, text: str, record: str) -> None:
        texts.setdefault(code, text)
        found.setdefault(code, []).append(record)

    for row in reading.records(agreement.id):
        try:
            _require_record(reading, row, identities)
        except AlliedError as problem:
            note(problem.code, problem.message, row.id)
    try:
        folded, whole = node.folds.of(reading, agreement.id), folds.anew(reading, agreement.id)
        history = whole.history
    except AlliedError as problem:
        note(problem.code, problem.message, agreement.id)
    else:
        if folded.history.heads != history.heads or folded.state.verdicts != whole.state.verdicts:
            note("store.kept-fold", "what was kept of a fold is not what it comes to", agreement.id)
        for record, code in history.refused.items():
            note(code, "a record does not rest on what it says it rests on", record)
        for record in history.parked:
            note("history.incomplete", "a record rests on one that is not here", record)
    for code in sorted(found):
        yield Finding(code, f"{agreement.alias} {found[code][0]}", texts[code], len(found[code]))


def _require_record(
    reading: Reading, row: RecordRow, identities: dict[OrganisationId, Identity]
) -> None:
    """Return if a stored record is what its row says, and its issuer has signed it.

    Of an outline only the first can be said.
    """
    record = read_either(row.raw)
    header = record.header
    stands = (row.id, row.agreement, row.circle, row.issuer, row.incarnation, row.sequence)
    if stands != (record.id, header.agreement, *header.chain, header.sequence):
        raise UnverifiedError("record.not-its-bytes", "a record does not match its own bytes")
    if is_outline(record):
        return  # it was believed by a checkpoint, and nobody signed its bytes
    identity = identities.get(row.issuer)
    if identity is None:
        identity = identities[row.issuer] = open_chain(reading.descriptors(row.issuer))
    try:
        require_issued(record, identity)
    except UnverifiedError:
        kept = branches.opened(reading, row.issuer, header.key)
        if not kept:
            raise
        require_issued(record, kept[0])  # it fell away after the record had been taken in
