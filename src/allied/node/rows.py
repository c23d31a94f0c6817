"""The rows that a store keeps for a node: frozen values, the same for every database.

Instants are aware and in UTC with whole milliseconds; ids and digests have their own types;
bytes are exactly what came in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from allied.record.ids import AgreementId, CircleId, Digest, OrganisationId, PartyId, RecordId

RELABELLED: Final = "relabelled"
"""Why an item stands among the withdrawn ones that goes on under another number and class."""

TIGHTENED: Final = "tightened"
SPOILT: Final = "spoilt"
"""Why an item stands among the withdrawn ones whose bytes were spoilt; it may come again."""


@dataclass(frozen=True, slots=True)
class Organisation:
    """A hosted organisation.

    Attributes:
        id: digest of its first key descriptor.
        label: what it is called on this node and, by default, in agreements: `river`.
        name: its full name.
        url: where other nodes reach it; may be empty.
        incarnation: number of the signing life; a restored node begins a new one.
    """

    id: OrganisationId
    label: str
    name: str
    url: str
    incarnation: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Peer:
    """Another organisation, as one hosted organisation's node knows it.

    Attributes:
        allowed_private: an operator gave a private or loopback address on purpose.
        seen_at: last time it answered a signed request; None before the first.
        failures: failed tries in a row; 0 after a success.
        next_try_at: not asked again before this; None when it may be asked now.
        last_problem: the stable code of the last failure, or an empty string.
    """

    id: OrganisationId
    label: str
    name: str
    url: str
    confirmed_at: datetime | None
    allowed_private: bool
    added_at: datetime
    seen_at: datetime | None
    failures: int
    next_try_at: datetime | None
    last_problem: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may act for a hosted organisation; the key lies in the vault."""

    organisation: OrganisationId
    label: str
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AgreementRow:
    """An agreement that a hosted organisation is named in.

    Attributes:
        alias: the `id` of the file; several agreements may share one.
        genesis: canonical bytes of the genesis statement; its digest is `id`.
        text: the file exactly as it was proposed.
        version: digest of the present version (of the first one until amendments exist).
    """

    id: AgreementId
    alias: str
    genesis: bytes
    text: bytes
    salt: str
    version: Digest
    proposed_by: OrganisationId
    known_since: datetime


@dataclass(frozen=True, slots=True)
class RecordRow:
    """One verified record, with the exact bytes of its envelope.

    Attributes:
        row: grows with every record that this node stores; 0 before it is stored.
        valid_signatures: kept by the store only as bytes inside `raw`.
    """

    row: int
    id: RecordId
    agreement: AgreementId
    circle: CircleId
    issuer: OrganisationId
    incarnation: int
    sequence: int
    kind: str
    claimed_at: datetime
    raw: bytes


@dataclass(frozen=True, slots=True)
class WantedBlob:
    """A blob that a record names and this node does not hold; `place` grows as they are named."""

    place: int
    blob: Digest
    circle: CircleId


@dataclass(frozen=True, slots=True)
class ErasureRow:
    """A text that its author had erased, and what became of it on this node.

    Attributes:
        record: the redaction.
        party: whose wish it was; at: when it was said.
        because: digest of the blob that says why, or empty.
        kept: why the bytes are still here, shown to nobody; empty where they are erased.
    """

    agreement: AgreementId
    blob: Digest
    record: RecordId
    party: PartyId
    at: datetime
    because: str
    kept: str = ""


@dataclass(frozen=True, slots=True)
class HandlingClassRow:
    """One combination of what policy looks at; `key` is the digest of `value`."""

    id: int
    agreement: AgreementId
    key: Digest
    value: bytes
    needs: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One version of one object from one originator under one agreement.

    Attributes:
        seq: grows with every item that this node stores; 0 before it is stored.
        holder: the hosted organisation that holds this copy.
        modified: the version; see `exchange.stix.version_of`.
        digest: SHA-256 of the exact bytes.
        class_id: its handling class on this node.
        statement: digest of the originator's statement.
        proof: of the item's place in it, as it came: see `exchange.statement.Proof`. Of the
            holder's own items the place alone, see `exchange.statement.place_of`.
        via: who it came from; the originator itself, or the holder for own items.
        share: id of the share it came with.
        added: microseconds since 1970, given by the store: not before `received_at`, and
            strictly growing with `seq` for one holder; 0 before it is stored.
        repeated: the store has more than one item of this object from this originator for
            this holder: several versions, or one version under several agreements.
    """

    seq: int
    holder: OrganisationId
    originator: OrganisationId
    agreement: AgreementId
    id: str
    modified: str
    type: str
    kind: str
    digest: Digest
    size: int
    class_id: int
    statement: Digest
    proof: bytes
    via: OrganisationId
    received_at: datetime
    share: str
    added: int = 0
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Version:
    """One item, as far as it tells versions apart; the words are those of `ItemRow`."""

    seq: int
    id: str
    originator: OrganisationId
    modified: str
    added: int
    class_id: int
    size: int


@dataclass(frozen=True, slots=True)
class ItemBatch:
    """Items that came together under one statement, to be stored: columns instead of rows.

    The words are those of `ItemRow`. The lists are parallel: one place in each of them is
    one item.

    Attributes:
        digests: 32 bytes each.
        raws: exact bytes.
    """

    holder: OrganisationId
    originator: OrganisationId
    agreement: AgreementId
    via: OrganisationId
    share: str
    received_at: datetime
    class_id: int
    statement: Digest
    ids: Sequence[str]
    modified: Sequence[str]
    types: Sequence[str]
    kinds: Sequence[str]
    digests: Sequence[bytes]
    raws: Sequence[bytes]
    proofs: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Joined:
    """The bytes of a page of items, joined with commas, and what has to be known of them.

    Attributes:
        count: how many items are in `body`.
        first_added, last_added: `ItemRow.added` of the first and the last; 0 when none.
        last: the number to go on after, also where `count` is 0.
        more: whether there is more behind `last`, or may be where types were asked for.
        repeated: numbers of the items on it whose object the holder has more than one item of,
            ascending; which of them are to be shown is for the caller to decide.
    """

    body: bytes = b""
    count: int = 0
    first_added: int = 0
    last_added: int = 0
    last: int = 0
    more: bool = False
    repeated: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class WithdrawnRow:
    """What was an item here and is none any more.

    Attributes:
        item: as it was.
        reason: `recalled`, `expired`, `retention`, `deleted`, `relabelled` or `tightened`
            (it was marked so that its holder may not have it).
        record: the record that recalled or marked it, or an empty string.
        raw: its bytes; None once they are erased.
    """

    item: ItemRow
    reason: str
    record: str
    at: datetime
    raw: bytes | None


@dataclass(frozen=True, slots=True)
class RemarkRow:
    """What somebody here said of an object, for this organisation alone.

    Attributes:
        item: the STIX id; what is said of it holds for every version.
        kind: `note`, `tag` or `false-positive`.
    """

    organisation: OrganisationId
    item: str
    kind: str
    text: str
    person: str
    at: datetime


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One row of the node's own hash-chained disclosure ledger.

    Attributes:
        outcome: `permitted` and `refused` are verdicts over a handling class at share time,
            `released` is bytes that left, `receipt` is the recipient's signed answer.
        art: the clause that decided, or an empty string where none allowed it.
        first, last, count: the items it speaks of, by `ItemRow.seq`, both ends included.
        proof: digest of the items released, or the id of the receipt's record.
        previous, hash: the chain; see `allied.node.ledger`.
    """

    seq: int
    organisation: OrganisationId
    agreement: AgreementId
    recipient: str
    outcome: str
    code: str
    art: str
    class_id: int
    first: int
    last: int
    count: int
    via: str
    proof: str
    at: datetime
    previous: Digest
    hash: Digest


@dataclass(frozen=True, slots=True)
class Token:
    """An API token; only the digest of its secret is kept.

    Attributes:
        role: what it may do; see `node.roles`.
        agreements: what it is narrowed to; empty for all of its organisation.
        ceiling: the highest TLP that it may read.
        purpose: what it is for, for the people who look after tokens.
    """

    id: str
    organisation: OrganisationId
    secret: Digest
    role: str
    agreements: tuple[AgreementId, ...]
    ceiling: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class Feed:
    """A list that a machine fetches at an address of its own; only its secret's digest is kept.

    Attributes:
        form: in which form it is written; see `allied.exchange.feed_forms`.
        ceiling: the highest TLP in it.
        purpose: what it is used for, in the words of clauses.
    """

    id: str
    organisation: OrganisationId
    secret: Digest
    agreement: AgreementId
    form: str
    ceiling: str
    purpose: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class WarningListRow:
    """A list of what is known to give false alarms; `raw` is for `exchange.warning_lists`."""

    name: str
    version: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class Login:
    """A one-time console link or a session (`kind`), by the digest of its secret."""

    secret: Digest
    kind: str
    organisation: OrganisationId
    person: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class StatusRow:
    """What became of an addition through TAXII.

    Attributes:
        root: the API root under which it was made.
        raw: the status resource as it is given out.
    """

    id: str
    organisation: OrganisationId
    root: str
    expires_at: datetime
    raw: bytes


@dataclass(frozen=True, slots=True)
class ItemsAdded:
    """What became of a batch of items.

    Attributes:
        stored: how many rows are new; first, last: their seq range (0, 0 when none).
        known: how many were there already with the same bytes.
        contradicting: (id, modified) of those held already from the same originator with other
            bytes; not stored.
    """

    stored: int
    known: int
    first: int
    last: int
    contradicting: tuple[tuple[str, str], ...]
