"""One row of a disclosure ledger as a file that proves itself.

The file holds the row, its path to the commitment of its day, the record in which the keeper
signed that commitment, and the keeper's identity chain; of a release also the recipient's
signed receipt, where there is one. Whoever has the file and this program needs nothing else:
no node, no network, no clock.

Words used here:
    proof     the file
    keeper    whose ledger it is: the organisation that released
    receipt   the recipient's record over the digest that the row names

Rules. A file has one spelling, so that no byte of it can be changed unnoticed. It is bounded
before it is read. What is no proof at all is refused otherwise than what does not hold, and
nothing of a refused file is echoed. A file proves what its keeper has signed; that the keeper
is who it says is known by its fingerprint, which the reader compares.

What a proof gives away besides its row: how many rows the day had, and, from the heads that
the signed records cite, the ids of parties and how many records they had written.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from allied.errors import AlliedError, MalformedError, UnverifiedError
from allied.exchange.disclosure import (
    KIND,
    MAX_ROWS,
    Commit,
    Disclosed,
    commitment_to,
    leaf_of,
    read_salt,
)
from allied.record import merkle
from allied.record.canonical import Json, decode, encode
from allied.record.envelope import parse
from allied.record.identity import Identity, open_chain
from allied.record.ids import Digest, digest_text
from allied.record.record import (
    MAX_ENVELOPE_BYTES,
    Record,
    read as read_record,
    require_issued,
)

if TYPE_CHECKING:
    from datetime import date, datetime

    from allied.record.ids import AgreementId, OrganisationId, RecordId

FORMAT: Final = "ledger-proof/1"
MAX_BYTES: Final = 8 * 2**20
RECEIPT: Final = "exchange.receipt"
_START: Final = b'{"allied":"ledger-proof/'
_KEYS: Final = frozenset(
    {
        "allied", "commit", "count", "index", "keeper", "mark", "path", "receipt", "root",
        "root_salt", "row", "salt",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Signed:
    """A record with the identity chain of its issuer, both as bytes."""

    record: bytes
    identity: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """One row, and what proves it.

    Attributes:
        index, count: its place among the rows of its day, from 0, and how many there are.
        path, root: hashes of 32 bytes from the row to the root, and the root.
        salt, root_salt: 16 bytes each.
        commit: what the keeper signed.
        receipt: what the recipient signed; None without it.
    """

    row: Disclosed
    mark: Digest
    salt: bytes
    index: int
    count: int
    path: tuple[bytes, ...]
    root: bytes
    root_salt: bytes
    commit: Signed
    receipt: Signed | None = None

    def encoded(self) -> bytes:
        """The file."""
        receipt: Json = None
        if self.receipt is not None:
            receipt = {
                "identity": [_text(each) for each in self.receipt.identity],
                "record": _text(self.receipt.record),
            }
        return encode(
            {
                "allied": FORMAT,
                "commit": _text(self.commit.record),
                "count": self.count,
                "index": self.index,
                "keeper": [_text(each) for each in self.commit.identity],
                "mark": self.mark,
                "path": [step.hex() for step in self.path],
                "receipt": receipt,
                "root": self.root.hex(),
                "root_salt": self.root_salt.hex(),
                "row": self.row.to_json(),
                "salt": self.salt.hex(),
            }
        )


@dataclass(frozen=True, slots=True)
class Proven:
    """What a proof shows, all of it verified.

    Attributes:
        keeper: the keeper's id, which is its fingerprint.
        keeper_name: what it calls itself.
        record: of the commitment; partners hold it.
        through: the last day of the commitment.
        committed_at: when it was signed, by the keeper's own claim.
        receipt_by, receipt_at: who signed for the release and when, by its own claim; None
            without a receipt.
    """

    keeper: OrganisationId
    keeper_name: str
    agreement: AgreementId
    row: Disclosed
    record: RecordId
    series: str
    number: int
    through: date
    committed_at: datetime
    receipt_by: OrganisationId | None
    receipt_name: str
    receipt_at: datetime | None


def verify(raw: bytes) -> Proven:
    """Check a proof file.

    Raises:
        MalformedError: `ledger.too-large`; `ledger.not-a-proof` for anything else than such a
            file; `ledger.unknown-format` for one of a later release.
        UnverifiedError: `ledger.damaged`, cut off or changed; `ledger.not-signed`, the keeper
            has not signed the commitment, or the recipient not the receipt;
            `ledger.other-agreement`, signed for another ledger than the row's;
            `ledger.not-in-root`, the row is not under the commitment.

    Cost: bounded by `MAX_BYTES`; some signatures and at most 20 hashes.
    """
    proof = _read(raw)
    identity, record = _signed(proof.commit, KIND)
    row = proof.row
    if (row.organisation, row.agreement) != (identity.id, record.header.agreement):
        raise UnverifiedError(
            "ledger.other-agreement", "the commitment was signed for another ledger than the row's"
        )
    commit = Commit.read(record.body)
    leaf = leaf_of(row, proof.mark, proof.salt)
    committed = commitment_to(proof.root, proof.count, proof.root_salt) == commit.commitment
    if not committed or not merkle.verify_path(
        proof.root, leaf, proof.index, proof.count, proof.path
    ):
        raise UnverifiedError(
            "ledger.not-in-root", "the row is not among those that the keeper has committed to"
        )
    by, name, at = _received(proof)
    return Proven(
        keeper=identity.id,
        keeper_name=identity.current.name,
        agreement=row.agreement,
        row=row,
        record=record.id,
        series=commit.series,
        number=commit.number,
        through=commit.through,
        committed_at=record.header.claimed_at,
        receipt_by=by,
        receipt_name=name,
        receipt_at=at,
    )


def require_agreeing(proven: Iterable[Proven]) -> None:
    """Return if no two proofs rest on two commitments that their keeper gave one number.

    Raises:
        UnverifiedError: `ledger.contradiction`, with both records.
    """
    known: dict[tuple[str, str, str, int], RecordId] = {}
    for each in proven:
        place = (each.keeper, each.agreement, each.series, each.number)
        other = known.setdefault(place, each.record)
        if other != each.record:
            raise UnverifiedError(
                "ledger.contradiction",
                f"the keeper has signed two commitments with the number {each.number}",
                hint="keep both files: together they prove it",
                facts={"records": sorted((other, each.record))},
            )


# --- reading ----------------------------------------------------------------------------------


def _read(raw: bytes) -> Proof:
    if len(raw) > MAX_BYTES:
        raise MalformedError(
            "ledger.too-large",
            f"a proof has at most {MAX_BYTES} bytes",
            facts={"size": len(raw), "limit": MAX_BYTES},
        )
    foreign = MalformedError("ledger.not-a-proof", "this is no proof from a ledger")
    require_start(raw, _START, FORMAT, foreign)
    try:
        return _read_fields(decode(raw, limit=MAX_BYTES))
    except MalformedError as broken:
        raise damaged() from broken


def require_start(raw: bytes, start: bytes, form: str, foreign: MalformedError) -> None:
    """Return if `raw` starts as a file of this format does, cut off or not.

    Raises:
        MalformedError: `foreign` for any other file, `ledger.unknown-format` for a later format.
    """
    whole = start[: start.rindex(b"/") + 1] + form.rpartition("/")[2].encode() + b'"'
    if raw[: len(whole)] == whole[: len(raw)] and raw:
        return
    if raw.startswith(start):
        raise MalformedError(
            "ledger.unknown-format",
            "this file is of a format that this release does not know",
            hint="a later release of Allied may",
        )
    raise foreign


def damaged() -> UnverifiedError:
    """The refusal of a file that was cut off or changed."""
    return UnverifiedError(
        "ledger.damaged",
        "the file is not as it was written: it was cut off or changed",
        hint="ask for it again",
    )


def _read_fields(value: Json) -> Proof:
    if not isinstance(value, Mapping) or value.keys() != _KEYS:
        raise damaged()
    path, receipt = value["path"], value["receipt"]
    if not isinstance(path, Sequence) or isinstance(path, str) or len(path) > 64:
        raise damaged()
    count = _number(value["count"], MAX_ROWS)
    return Proof(
        row=Disclosed.read(value["row"]),
        mark=Digest(digest_text(value["mark"], "a mark")),
        salt=read_salt(value["salt"]),
        index=_number(value["index"], count - 1),
        count=count,
        path=tuple(bytes.fromhex(digest_text(step, "a step")) for step in path),
        root=bytes.fromhex(digest_text(value["root"], "a root")),
        root_salt=read_salt(value["root_salt"]),
        commit=Signed(read_bytes(value["commit"]), read_chain(value["keeper"])),
        receipt=None if receipt is None else _receipt(receipt),
    )


def _receipt(value: Json) -> Signed:
    if not isinstance(value, Mapping) or value.keys() != {"identity", "record"}:
        raise damaged()
    return Signed(read_bytes(value["record"]), read_chain(value["identity"]))


def _number(value: Json, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise damaged()
    return value


def read_chain(value: Json) -> tuple[bytes, ...]:
    """An identity chain as a list of texts; UnverifiedError `ledger.damaged` for anything else."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise damaged()
    return tuple(read_bytes(each) for each in value)


def read_bytes(value: Json) -> bytes:
    """Bytes from base64 in its one spelling; `ledger.damaged` for anything else."""
    if isinstance(value, str):
        try:
            raw = binascii.a2b_base64(value.encode("ascii"), strict_mode=True)
        except (binascii.Error, UnicodeEncodeError):
            raise damaged() from None
        if _text(raw) == value:
            return raw
    raise damaged()


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


# --- signatures -------------------------------------------------------------------------------


def open_signed(signed: Signed) -> tuple[Identity, Record]:
    """The record and who signed it.

    Raises:
        UnverifiedError: `ledger.not-signed`.
    """
    try:
        identity = open_chain(signed.identity)
        record = read_record(signed.record)
        require_issued(record, identity)
    except AlliedError as broken:
        raise UnverifiedError(
            "ledger.not-signed", "a signature in the file does not hold"
        ) from broken
    return identity, record


def _signed(signed: Signed, kind: str) -> tuple[Identity, Record]:
    identity, record = open_signed(signed)
    signatures = parse(record.raw, limit=MAX_ENVELOPE_BYTES).signatures
    if record.header.kind != kind or len(signatures) != 1:
        raise UnverifiedError("ledger.not-signed", "what was signed is something else")
    return identity, record


def _received(proof: Proof) -> tuple[OrganisationId | None, str, datetime | None]:
    """Who signed for the release of the row, and when."""
    if proof.receipt is None:
        return None, "", None
    identity, record = _signed(proof.receipt, RECEIPT)
    said = (record.header.agreement, record.body.get("releaser"), record.body.get("root"))
    row = proof.row
    if said != (row.agreement, row.organisation, row.proof) or row.outcome != "released":
        raise UnverifiedError("ledger.not-signed", "the receipt is for something else")
    return identity.id, identity.current.name, record.header.claimed_at
