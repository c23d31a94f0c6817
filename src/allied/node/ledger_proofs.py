"""Showing the disclosure ledger: one row with its proof, or all of it, and checking one's own.

What is shown can be checked by anybody, without a node (`exchange.disclosure_proof`,
`exchange.disclosure_export`). Here it is put together from the rows, the remembered roots
(`node.ledger_store`) and the records that were signed.

Rules. What is about to be given away is verified first, as its reader will do: a ledger that
was changed gives no proofs. Nothing here leaves by itself; the organisation whose ledger it is
asks, and decides to whom it gives the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from allied.errors import ConflictError, NotFoundError, UnverifiedError
from allied.exchange import disclosure_export, disclosure_proof
from allied.exchange.disclosure import Commit, Disclosed, Place, Salts, commitment_to, leaf_of
from allied.exchange.disclosure_export import Opened
from allied.exchange.disclosure_proof import Proof, Signed
from allied.node import ledger, ledger_roots
from allied.node.ledger import disclosed, place
from allied.record import merkle
from allied.record.ids import PartyId
from allied.record.record import read as read_record

if TYPE_CHECKING:
    from allied.node.folds import Folded
    from allied.node.ledger_store import LedgerRoot
    from allied.node.node import Node
    from allied.node.ports import Reading
    from allied.node.rows import LedgerRow, Organisation
    from allied.record.ids import AgreementId, Digest, OrganisationId

_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Checked:
    """What of an organisation's own ledger holds.

    Attributes:
        rows: each follows on the one before.
        roots: each is what its rows come to, and what was signed.
        awaiting: rows that are not committed to yet; their day is not over.
    """

    rows: int
    roots: int
    awaiting: int


def row_of(reading: Reading, organisation: OrganisationId, seq: int) -> LedgerRow:
    """A row by its number.

    Raises:
        NotFoundError: `ledger.no-such-row`.
    """
    rows = reading.ledger(organisation, after=seq - 1, limit=1) if seq > 0 else ()
    if not rows or rows[0].seq != seq:
        raise NotFoundError(
            "ledger.no-such-row",
            "the disclosure ledger has no row with that number",
            hint="`allied ledger list` shows them",
        )
    return rows[0]


def prove(node: Node, organisation: Organisation, seq: int) -> bytes:
    """The proof of one row, as a file.

    Raises:
        NotFoundError: `ledger.no-such-row`.
        ConflictError: `ledger.not-committed`, its day is not over.
        UnverifiedError: the ledger was changed; as `disclosure_proof.verify`.
    """
    with node.store.read() as reading:
        row = row_of(reading, organisation.id, seq)
        roots = reading.ledger_roots(organisation.id, row.agreement, row=seq, limit=1)
        if not roots:
            raise ConflictError(
                "ledger.not-committed",
                "nothing that was signed vouches for this row yet",
                hint="it is committed to after midnight UTC, or by `allied ledger commit`",
            )
        root = roots[0]
        folded = node.folds.of(reading, row.agreement)
        leaves: list[bytes] = []
        index = 0
        salts = Salts.of(root.seed)
        for each in rows_under(reading, root):
            at = len(leaves)
            index = at if each.seq == seq else index
            mark = salts.mark_of(at, each.hash)
            leaves.append(leaf_of(disclosed(each), mark, salts.salt_of(at)))
        tree = merkle.tree(leaves)
        proof = Proof(
            row=disclosed(row),
            mark=salts.mark_of(index, row.hash),
            salt=salts.salt_of(index),
            index=index,
            count=len(leaves),
            path=tree.path(index),
            root=tree.root,
            root_salt=salts.root,
            commit=Signed(_signed_root(reading, root), _identity(reading, organisation.id)),
            receipt=_receipt(reading, folded, row),
        )
    raw = proof.encoded()
    disclosure_proof.verify(raw)
    return raw


def check(node: Node, organisation: Organisation) -> Checked:
    """Check an organisation's own ledger; see `check_in`."""
    with node.store.read() as reading:
        return check_in(node, reading, organisation)


def check_in(node: Node, reading: Reading, organisation: Organisation) -> Checked:
    """Check an organisation's own ledger: the chain, and every commitment against it.

    Raises:
        UnverifiedError: `ledger.broken`; `ledger.root-broken`, the rows are not those that
            were committed to; `ledger.roots-lost`, commitments were signed of which this node
            knows nothing.
    """
    rows = ledger.verify(reading, organisation.id)
    roots = waiting = 0
    for agreement in reading.agreements():
        known = set()
        for root in roots_of(reading, organisation.id, agreement.id):
            _require_root(reading, root)
            known.add(root.record)
            roots += 1
        waiting += ledger_roots.awaiting(reading, organisation, agreement.id)
        signed = ledger_roots.own_commits(node.folds.of(reading, agreement.id), organisation)
        lost = [record.id for record in signed if record.id not in known]
        if lost:
            raise UnverifiedError(
                "ledger.roots-lost",
                f"{len(lost)} commitments were signed that this node knows nothing of",
                hint="was an old backup restored? partners see that a new series begins",
                facts={"records": lost[:10]},
            )
    return Checked(rows, roots, waiting)


def export(
    node: Node, organisation: Organisation, agreement: AgreementId | None
) -> Iterator[bytes]:
    """The lines of an export: of the whole ledger, or of what stands under one agreement."""
    with node.store.read() as reading:
        agreements = [row.id for row in reading.agreements() if agreement in (None, row.id)]
        yield from disclosure_export.written(
            _identity(reading, organisation.id),
            agreement,
            (
                Opened(_signed_root(reading, root), root.count, Salts.of(root.seed))
                for each in agreements
                for root in roots_of(reading, organisation.id, each)
            ),
            _placed(reading, organisation.id)
            if agreement is None
            else _marked(reading, organisation.id, agreement),
        )


def roots_of(
    reading: Reading, organisation: OrganisationId, agreement: AgreementId
) -> Iterator[LedgerRoot]:
    """Every root of an organisation under an agreement, in order."""
    after = 0
    while page := reading.ledger_roots(organisation, agreement, after=after, limit=_PAGE):
        yield from page
        after = page[-1].place


def rows_under(reading: Reading, root: LedgerRoot) -> Iterator[LedgerRow]:
    """The rows that a root is about, in order."""
    for row in _rows(reading, root.organisation, root.agreement, after=root.after):
        if row.seq > root.last:
            return
        yield row


def _rows(
    reading: Reading,
    organisation: OrganisationId,
    agreement: AgreementId | None,
    *,
    after: int = 0,
) -> Iterator[LedgerRow]:
    while page := reading.ledger(organisation, agreement=agreement, after=after, limit=_PAGE):
        yield from page
        after = page[-1].seq


def _placed(
    reading: Reading, organisation: OrganisationId
) -> Iterator[tuple[Disclosed, Place | Digest]]:
    for row in _rows(reading, organisation, None):
        yield disclosed(row), place(row)


def _marked(
    reading: Reading, organisation: OrganisationId, agreement: AgreementId
) -> Iterator[tuple[Disclosed, Place | Digest]]:
    last = 0
    for root in roots_of(reading, organisation, agreement):
        salts = Salts.of(root.seed)
        for index, row in enumerate(rows_under(reading, root)):
            yield disclosed(row), salts.mark_of(index, row.hash)
        last = root.last
    for row in _rows(reading, organisation, agreement, after=last):
        yield disclosed(row), disclosure_export.UNMARKED


def _require_root(reading: Reading, root: LedgerRoot) -> None:
    """Hold the rows under a root against what was signed."""
    salts = Salts.of(root.seed)
    leaves = [
        leaf_of(disclosed(row), salts.mark_of(index, row.hash), salts.salt_of(index))
        for index, row in enumerate(rows_under(reading, root))
    ]
    signed = Commit.read(read_record(_signed_root(reading, root)).body)
    if commitment_to(merkle.root(leaves), len(leaves), salts.root) != signed.commitment:
        raise UnverifiedError(
            "ledger.root-broken",
            f"the rows up to {root.last} are not those that were committed to on {root.through}",
            facts={"after": root.after, "last": root.last, "through": root.through},
        )


def _signed_root(reading: Reading, root: LedgerRoot) -> bytes:
    found = reading.record(root.record)
    if found is None:
        raise UnverifiedError(
            "ledger.root-broken", "the record of a commitment is not here", hint="restore a backup"
        )
    return found.raw


def _identity(reading: Reading, organisation: OrganisationId) -> tuple[bytes, ...]:
    return tuple(reading.descriptors(organisation))


def _receipt(reading: Reading, folded: Folded, row: LedgerRow) -> Signed | None:
    """What the recipient signed for a release; None where it has not."""
    binding = folded.instrument.genesis.parties.get(PartyId(row.recipient))
    if row.outcome != ledger.RELEASED or binding is None:
        return None
    recipient = binding.organisation
    for record in folded.state.statements:
        header, body = record.header, record.body
        if (header.kind, header.issuer) != (disclosure_proof.RECEIPT, recipient):
            continue
        if (body.get("releaser"), body.get("root")) == (row.organisation, row.proof):
            return Signed(record.raw, _identity(reading, recipient))
    return None
