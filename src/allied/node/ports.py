"""What the use cases need from the world: store, keys, clock, peers, chance.

Adapters implement these protocols; `allied.bootstrap` puts them together. The rows are
frozen values (`allied.node.rows`), the same for every database.

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

from allied.node.account import Accounted
from allied.node.beside import ReadingBeside, WritingBeside
from allied.node.hub_rows import ReadingHub, WritingHub
from allied.node.item_store import PreparingItems
from allied.node.ledger_store import ReadingRoots, WritingRoots
from allied.node.neighbour_rows import ReadingNeighbours, WritingNeighbours
from allied.node.pairing import ReadingPairs, WritingPairs
from allied.node.parcel_store import ReadingParcels, WritingParcels
from allied.node.record_store import ReadingRecords, WritingRecords
from allied.node.rows import (
    AgreementRow,
    Feed,
    HandlingClassRow,
    ItemBatch,
    ItemRow,
    ItemsAdded,
    Joined,
    LedgerRow,
    Login,
    Organisation,
    Peer,
    Person,
    StatusRow,
    Token,
    Version,
    WarningListRow,
)
from allied.node.seals import Seals
from allied.node.text_store import ReadingTexts, WritingTexts
from allied.record.ids import (
    AgreementId,
    Digest,
    KeyId,
    OrganisationId,
    PersonId,
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


# --- the store --------------------------------------------------------------------------


class Reading(
    ReadingBeside,
    ReadingPairs,
    ReadingRoots,
    ReadingHub,
    ReadingNeighbours,
    ReadingTexts,
    ReadingParcels,
    ReadingRecords,
    Protocol,
):
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
        added_after: int | None = None,
        modified: str | None = None,
        share: str | None = None,
    ) -> Sequence[ItemRow]:
        """Items with seq > `after`, by seq; `classes=()` gives nothing.

        Args:
            added_after: only items whose `added` is greater; microseconds since 1970.
        """
        ...

    def newest(self, holder: OrganisationId) -> tuple[int, int]:
        """Seq and `added` of the item stored last for a holder; (0, 0) if none. Cheap."""
        ...

    def joined_items(
        self,
        holder: OrganisationId,
        classes: Sequence[int],
        *,
        limit: int,
        after: int = 0,
        added_after: int | None = None,
        types: Sequence[str] | None = None,
        until: int | None = None,
        skip: Sequence[int] = (),
    ) -> Joined:
        """The bytes of a holder's items in these handling classes, by seq, made in the store.

        Args:
            classes: of any agreements; a class belongs to one, so they say under which.
            limit: at most so many items; the page is bounded in bytes as well (24 MiB, or one
                item).
            after, added_after: as for `items`.
            until: only items with seq <= `until`.
            skip: numbers of items that are left out.
        """
        ...

    def versions(
        self, holder: OrganisationId, *, ids: Sequence[str] = (), numbers: Sequence[int] = ()
    ) -> Sequence[Version]:
        """A holder's items, of any agreement and class: all of some objects, or some by number.

        Args:
            ids: objects; the answer goes object by object, each by seq.
            numbers: in place of `ids`; what is not the holder's is absent.
        """
        ...

    def bytes_at(self, numbers: Sequence[int]) -> Mapping[int, bytes]:
        """Exact bytes of items, by seq; what is not stored is absent."""
        ...

    def classes_of_items(
        self,
        agreement: AgreementId,
        holder: OrganisationId,
        originator: OrganisationId,
        items: Iterable[str],
    ) -> Mapping[str, int]:
        """By object, the handling class of the item stored last; others are absent."""
        ...

    def latest_items(
        self, agreement: AgreementId, holder: OrganisationId, *, before: int | None, limit: int
    ) -> Sequence[ItemRow]:
        """Items with seq < `before` (None: all), by seq, the highest first."""
        ...

    def item_bytes(self, rows: Sequence[ItemRow]) -> Mapping[Digest, bytes]:
        """Exact bytes of stored items, by digest; a row that is not stored gives none."""
        ...

    def item_counts(self, agreement: AgreementId, holder: OrganisationId) -> Mapping[int, int]:
        """How many items per handling class."""
        ...

    def statement(self, statement: Digest) -> bytes | None: ...

    def tree(self, statement: Digest) -> bytes | None:
        """What the originator keeps of an own statement; see `exchange.statement.Kept`."""
        ...

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

    def feed(self, feed: str) -> Feed | None: ...

    def feeds(self, organisation: OrganisationId) -> Sequence[Feed]:
        """The feeds of an organisation, by creation then id."""
        ...

    def warning_lists(self) -> Sequence[WarningListRow]:
        """All warning lists, by name."""
        ...

    def status(self, status: str) -> StatusRow | None:
        """What became of an addition through TAXII; None when it is unknown."""
        ...

    def login(self, secret: Digest) -> Login | None: ...

    def secret(self, purpose: str) -> bytes:
        """32 bytes that only this database knows, others for each purpose."""
        ...

    def appended(self) -> Mapping[OrganisationId, int]:
        """How many own records each hosted organisation has numbered."""
        ...

    def changes(self) -> int:
        """Grows with every write unit that changed something; cheap, across processes."""
        ...


class Writing(
    Reading,
    WritingBeside,
    WritingPairs,
    WritingRoots,
    WritingHub,
    WritingNeighbours,
    WritingTexts,
    WritingParcels,
    WritingRecords,
    Protocol,
):
    """A write unit: a `Reading` that sees its own writes."""

    def add_organisation(self, organisation: Organisation) -> None: ...

    def set_organisation(self, organisation: Organisation) -> None: ...

    def add_descriptors(self, organisation: OrganisationId, raws: Sequence[bytes]) -> None:
        """Append descriptors that are not stored yet; the caller has verified the chain."""
        ...

    def replace_descriptors(self, organisation: OrganisationId, raws: Sequence[bytes]) -> None:
        """Put another identity chain in place of the one stored; the caller has verified it."""
        ...

    def put_peer(self, peer: Peer) -> None:
        """Insert or replace by id."""
        ...

    def add_person(self, person: Person) -> None: ...

    def add_agreement(self, agreement: AgreementRow) -> None: ...

    def handling_class(
        self, agreement: AgreementId, key: Digest, value: bytes, needs: tuple[int, ...] = ()
    ) -> int:
        """The id of that class, made if it is new."""
        ...

    def add_items(self, items: Iterable[tuple[ItemRow, bytes]]) -> ItemsAdded:
        """Store items with their exact bytes, in one go; see `ItemsAdded`."""
        ...

    def add_batches(self, batches: Sequence[ItemBatch]) -> ItemsAdded:
        """As `add_items`, for many items that share what is the same for all of them."""
        ...

    def add_statement(self, statement: Digest, raw: bytes) -> None: ...

    def add_tree(self, statement: Digest, raw: bytes) -> None:
        """Keep the tree of an own statement beside it."""
        ...

    def append_ledger(self, rows: Sequence[LedgerRow]) -> None:
        """Append rows whose chain the caller computed; ConflictError if the head moved."""
        ...

    def set_cursor(self, name: str, value: str) -> None: ...

    def put_token(self, token: Token) -> None: ...

    def put_feed(self, feed: Feed) -> None:
        """Insert or replace by id."""
        ...

    def put_warning_list(self, row: WarningListRow) -> None:
        """Insert or replace by name."""
        ...

    def drop_warning_list(self, name: str) -> bool:
        """Remove a warning list; whether there was one of that name."""
        ...

    def put_status(self, status: StatusRow) -> None:
        """Insert or replace by id."""
        ...

    def forget_statuses(self, before: datetime) -> None:
        """Remove those that expired before `before`."""
        ...

    def put_login(self, login: Login) -> None: ...

    def forget_logins(self, before: datetime) -> None:
        """Remove links and sessions that expired before `before`."""
        ...


class Store(Accounted, PreparingItems, Protocol):
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


class Keys(Seals, Protocol):
    """The unlocked keys of this node, held in memory only."""

    def signer(self, organisation: OrganisationId, purpose: str) -> Signer:
        """The present key for `acts`, `automatic` or `transport`.

        Raises:
            NotAuthorisedError: `keys.locked`.
        """
        ...

    def person(
        self, organisation: OrganisationId, label: str, agreement: AgreementId
    ) -> PersonSigner:
        """That person's key for that agreement.

        Raises:
            NotAuthorisedError: `keys.person-locked`, the passphrase does not open it.
        """
        ...


class Vault(Protocol):
    """Where encrypted keys lie (argon2id; separate from the database)."""

    def unlock(self, passphrase: str, *, unguarded: bool = False) -> Keys:
        """Open every key that this passphrase opens.

        Args:
            unguarded: also while nothing may be signed on this database, which was put back
                from a copy; for whoever is to mend that, and signs no record.

        Raises:
            NotAuthorisedError: `keys.wrong-passphrase`, it opens none.
            ConflictError: `store.older-than-fence`, `store.fence-missing`, `store.restored`.
        """
        ...

    def add_organisation(
        self, organisation: OrganisationId, seeds: Mapping[str, bytes], passphrase: str
    ) -> None:
        """Keep an organisation's seeds by purpose, encrypted."""
        ...

    def add_person(
        self, organisation: OrganisationId, label: str, seed: bytes, passphrase: str
    ) -> None: ...

    def write_recovery(
        self, organisation: OrganisationId, label: str, secrets: Mapping[str, bytes]
    ) -> str:
        """Write next and recovery seeds to a file outside the data folder; returns its path."""
        ...

    def read_recovery(self, path: str) -> tuple[OrganisationId, Mapping[str, bytes]]:
        """Whose recovery file it is, and the seeds in it by name."""
        ...

    def rewrite_recovery(
        self, path: str, organisation: OrganisationId, label: str, secrets: Mapping[str, bytes]
    ) -> None:
        """Put these seeds in place of those in the file, in one step."""
        ...

    def stage(
        self, organisation: OrganisationId, seeds: Mapping[str, bytes], passphrase: str
    ) -> None:
        """Keep a set of seeds that is to follow; those not given stay. The present one stays too.

        Which of the two counts is said by the identity chain, so both are at hand while it
        changes.
        """
        ...

    def promote(self, organisation: OrganisationId, *, keep_sealing: bool) -> None:
        """Make the set that was staged the only one; `keep_sealing` keeps the old sealing key."""
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
    """Whom a request is for, the keys that may sign the answer, and the one to seal to."""

    organisation: OrganisationId
    url: str
    keys: Mapping[KeyId, PublicKey]
    sealing: PublicKey
    allowed_private: bool


class Peers(Protocol):
    """Requests to other nodes. Every method raises UnreachableError or UnverifiedError.

    A body is bytes; their form is in `node.messages` and `node.pages`. What comes back has a
    verified signature by one of the listener's transport keys over answer and nonce.
    """

    def introduce(self, url: str, *, allowed_private: bool) -> Sequence[Introduction]:
        """Whom the node at `url` hosts; unsigned, each identity proves itself."""
        ...

    def ask(
        self, speaker: Speaker, listener: Listener, verb: str, body: bytes, *, limit: int
    ) -> bytes:
        """Ask `body` of `verb`, return the verified answer of at most `limit` bytes."""
        ...

    def close(self) -> None:
        """Close the connections that are kept open."""
        ...


class Notifier(Protocol):
    """Tells whoever waits that something changed; never carries contents."""

    def changed(self, agreement: AgreementId | None) -> None: ...
