"""What the use cases need from the world: store, keys, clock, peers, chance.

Adapters implement these protocols; `allied.bootstrap` puts them together. The rows are
frozen values, the same for SQLite and PostgreSQL.

Words used here:
    hosted      an organisation whose keys lie on this node
    peer        another organisation: a key first, an address second
    confirmed   a person here compared the fingerprint, or gave it; before that nothing
                is signed together with it and nothing is released to it
    unit        one transaction: all of it happens or none; a write unit holds the write lock

Rules that hold for every implementation: bytes come back exactly as they were put in;
instants are aware and in UTC with millisecond precision; a write unit that is left by an
exception leaves no trace; every listing has an order that does not depend on chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from allied.record.ids import (
    AgreementId,
    CircleId,
    Digest,
    KeyId,
    OrganisationId,
    PersonId,
    RecordId,
)
from allied.record.keys import PublicKey, Signer


class Clock(Protocol):
    """The only place from which the present comes."""

    def now(self) -> datetime:
        """The present, aware, in UTC."""
        ...


class Chance(Protocol):
    """The only place from which unpredictable bytes come."""

    def token(self, size: int) -> bytes:
        """`size` bytes that nobody can guess."""
        ...


# --- rows -------------------------------------------------------------------------------


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
        proof: of the item's place in it; see `exchange.statement.Proof`.
        via: who it came from; the originator itself, or the holder for own items.
        share: id of the share it came with.
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
    """An API token; only the digest of its secret is kept."""

    id: str
    organisation: OrganisationId
    secret: Digest
    role: str
    agreements: tuple[AgreementId, ...]
    ceiling: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Login:
    """A one-time console link (`kind` "link") or a session (`kind` "session"), by the digest of its secret."""

    secret: Digest
    kind: str
    organisation: OrganisationId
    person: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None


# --- the store --------------------------------------------------------------------------


class Reading(Protocol):
    """Everything a use case can ask of the store inside one snapshot."""

    def organisations(self) -> Sequence[Organisation]:
        """The hosted organisations, by label."""
        ...

    def descriptors(self, organisation: OrganisationId) -> Sequence[bytes]:
        """The identity chain of an organisation, first descriptor first; empty when unknown."""
        ...

    def peers(self) -> Sequence[Peer]:
        """All peers, by label then id."""
        ...

    def peer(self, organisation: OrganisationId) -> Peer | None: ...

    def people(self, organisation: OrganisationId) -> Sequence[Person]: ...

    def agreements(self) -> Sequence[AgreementRow]:
        """All agreements, by alias then id."""
        ...

    def agreement(self, agreement: AgreementId) -> AgreementRow | None: ...

    def records(self, agreement: AgreementId, *, after_row: int = 0) -> Sequence[RecordRow]:
        """The records of an agreement in the order in which they were stored."""
        ...

    def record(self, record: RecordId) -> RecordRow | None: ...

    def records_range(
        self,
        circle: CircleId,
        issuer: OrganisationId,
        incarnation: int,
        first: int,
        last: int,
        *,
        limit: int,
    ) -> Sequence[RecordRow]:
        """Records of one chain with first <= sequence <= last, by sequence then id."""
        ...

    def last_row(self, agreement: AgreementId) -> int:
        """The highest `RecordRow.row` of an agreement; 0 when there is none. Cheap."""
        ...

    def parked(self, agreement: AgreementId) -> Sequence[tuple[RecordId, OrganisationId, bytes]]:
        """Records that wait for their past: id, issuer, envelope bytes."""
        ...

    def blob(self, blob: Digest) -> tuple[AgreementId, CircleId, bytes] | None: ...

    def wanted_blobs(self, agreement: AgreementId, limit: int) -> Sequence[tuple[Digest, CircleId]]:
        """Blobs that records name and this node does not hold yet."""
        ...

    def handling_classes(self, agreement: AgreementId) -> Sequence[HandlingClassRow]: ...

    def items(
        self,
        agreement: AgreementId,
        holder: OrganisationId,
        *,
        after: int = 0,
        limit: int,
        classes: Sequence[int] | None = None,
        originator: OrganisationId | None = None,
        item: str | None = None,
        types: Sequence[str] | None = None,
        added_after: datetime | None = None,
        modified: str | None = None,
        share: str | None = None,
    ) -> Sequence[ItemRow]:
        """Items with seq > `after`, by seq; `classes=()` gives nothing."""
        ...

    def item_bytes(self, digests: Sequence[Digest]) -> Mapping[Digest, bytes]:
        """Exact bytes by digest; a missing digest is absent from the answer."""
        ...

    def item_counts(self, agreement: AgreementId, holder: OrganisationId) -> Mapping[int, int]:
        """How many items per handling class."""
        ...

    def statement(self, statement: Digest) -> bytes | None: ...

    def ledger(
        self,
        organisation: OrganisationId,
        *,
        agreement: AgreementId | None = None,
        recipient: str | None = None,
        seq: int | None = None,
        after: int = 0,
        limit: int = 1000,
    ) -> Sequence[LedgerRow]:
        """Ledger rows, by seq; `seq` keeps those whose [first, last] holds that item."""
        ...

    def ledger_head(self, organisation: OrganisationId) -> tuple[int, Digest]:
        """Sequence and hash of the last row; (0, 64 zeros) before the first."""
        ...

    def cursor(self, name: str) -> str:
        """A remembered place; empty before the first time."""
        ...

    def token(self, token: str) -> Token | None: ...

    def tokens(self, organisation: OrganisationId) -> Sequence[Token]: ...

    def login(self, secret: Digest) -> Login | None: ...

    def changes(self) -> int:
        """A number that grows with every write unit that changed something; cheap, across processes."""
        ...


class Writing(Reading, Protocol):
    """A write unit: a `Reading` that sees its own writes."""

    def add_organisation(self, organisation: Organisation) -> None: ...

    def set_organisation(self, organisation: Organisation) -> None: ...

    def add_descriptors(self, organisation: OrganisationId, raws: Sequence[bytes]) -> None:
        """Append descriptors that are not stored yet; the caller has verified the chain."""
        ...

    def put_peer(self, peer: Peer) -> None:
        """Insert or replace by id."""
        ...

    def add_person(self, person: Person) -> None: ...

    def add_agreement(self, agreement: AgreementRow) -> None: ...

    def add_records(self, records: Iterable[RecordRow]) -> Sequence[RecordRow]:
        """Store verified records; those already stored are passed over. Returns the new ones with `row` set."""
        ...

    def claim_sequence(
        self,
        circle: CircleId,
        issuer: OrganisationId,
        incarnation: int,
        sequence: int,
        record: RecordId,
    ) -> None:
        """Fence for own chains: raises ConflictError `store.sequence-taken` if that number was ever used."""
        ...

    def park(
        self,
        agreement: AgreementId,
        record: RecordId,
        issuer: OrganisationId,
        raw: bytes,
        *,
        limit: int,
    ) -> bool:
        """Keep a record that waits for its past; False when `limit` of that issuer wait already."""
        ...

    def unpark(self, records: Iterable[RecordId]) -> None: ...

    def want_blobs(
        self, agreement: AgreementId, circle: CircleId, blobs: Iterable[Digest]
    ) -> None: ...

    def add_blob(self, agreement: AgreementId, circle: CircleId, blob: Digest, raw: bytes) -> None:
        """Store a blob and take it off the wanted list."""
        ...

    def handling_class(
        self, agreement: AgreementId, key: Digest, value: bytes, needs: tuple[int, ...] = ()
    ) -> int:
        """The id of that class, made if it is new."""
        ...

    def add_items(self, items: Iterable[tuple[ItemRow, bytes]]) -> ItemsAdded:
        """Store items with their exact bytes, in one go; see `ItemsAdded`."""
        ...

    def add_statement(self, statement: Digest, raw: bytes) -> None: ...

    def append_ledger(self, rows: Sequence[LedgerRow]) -> None:
        """Append rows whose chain the caller has computed; raises ConflictError if the head moved."""
        ...

    def set_cursor(self, name: str, value: str) -> None: ...

    def put_token(self, token: Token) -> None: ...

    def put_login(self, login: Login) -> None: ...

    def forget_logins(self, before: datetime) -> None:
        """Remove links and sessions that expired before `before`."""
        ...


@dataclass(frozen=True, slots=True)
class ItemsAdded:
    """What became of a batch of items.

    Attributes:
        stored: how many rows are new; first, last: their seq range (0, 0 when none).
        known: how many were there already with the same bytes.
        contradicting: (id, modified) of those already held from the same originator with other bytes; not stored.
    """

    stored: int
    known: int
    first: int
    last: int
    contradicting: tuple[tuple[str, str], ...]


class Store(Protocol):
    """A durable store: many readers, one writer at a time, across processes."""

    def read(self) -> AbstractContextManager[Reading]:
        """One consistent snapshot."""
        ...

    def write(self) -> AbstractContextManager[Writing]:
        """One transaction that holds the write lock from its start (`BEGIN IMMEDIATE`).

        Raises:
            ExhaustedError: `store.full` when the disk is full, `store.busy` when the lock
                was not had in time; nothing has changed then.
        """
        ...

    def close(self) -> None: ...


# --- keys -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PersonSigner:
    """A person's key for one agreement, under that agreement's pseudonym."""

    person: PersonId
    signer: Signer


class Keys(Protocol):
    """The unlocked keys of this node, held in memory only."""

    def signer(self, organisation: OrganisationId, purpose: str) -> Signer:
        """The present key for `acts`, `automatic` or `transport`; NotAuthorisedError `keys.locked` if it cannot be had."""
        ...

    def person(
        self, organisation: OrganisationId, label: str, agreement: AgreementId
    ) -> PersonSigner:
        """That person's key for that agreement; NotAuthorisedError `keys.person-locked` if the passphrase does not open it."""
        ...


class Vault(Protocol):
    """Where encrypted keys lie (argon2id; separate from the database)."""

    def unlock(self, passphrase: str) -> Keys:
        """Open every key this passphrase opens; NotAuthorisedError `keys.wrong-passphrase` if it opens none."""
        ...

    def add_organisation(
        self, organisation: OrganisationId, seeds: Mapping[str, bytes], passphrase: str
    ) -> None:
        """Keep an organisation's seeds by purpose (acts, automatic, transport, sealing), encrypted."""
        ...

    def add_person(
        self, organisation: OrganisationId, label: str, seed: bytes, passphrase: str
    ) -> None: ...

    def write_recovery(
        self, organisation: OrganisationId, label: str, secrets: Mapping[str, bytes]
    ) -> str:
        """Write next and recovery seeds to a file outside the data folder; returns its path for people."""
        ...


# --- other nodes ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Introduction:
    """What a node says of an organisation that it hosts: its identity chain."""

    descriptors: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Speaker:
    """In whose name a request is signed."""

    organisation: OrganisationId
    signer: Signer


@dataclass(frozen=True, slots=True)
class Listener:
    """Whom a request is for, and the keys that may sign the answer."""

    organisation: OrganisationId
    url: str
    keys: Mapping[KeyId, PublicKey]
    allowed_private: bool


class Peers(Protocol):
    """Requests to other nodes. Every method raises UnreachableError or UnverifiedError.

    A body is bytes; their form is `allied.wire.messages`. What comes back has a verified
    signature by one of the listener's transport keys over the answer and the request's nonce.
    """

    def introduce(self, url: str, *, allowed_private: bool) -> Sequence[Introduction]:
        """Whom the node at `url` hosts; unsigned, each identity proves itself."""
        ...

    def ask(
        self, speaker: Speaker, listener: Listener, path: str, body: bytes, *, limit: int
    ) -> bytes:
        """POST `body` to `path`, return the verified answer of at most `limit` bytes."""
        ...


class Notifier(Protocol):
    """Tells whoever waits that something changed; never carries contents."""

    def changed(self, agreement: AgreementId | None) -> None: ...
