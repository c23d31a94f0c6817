"""What can be asked of the store inside one snapshot, except items.

Each method is one or two statements; meanings and orders are said by
`allied.node.ports.Reading`. A reading lives as long as its unit and belongs to the thread
that opened it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, select

from allied.adapters.sql import beside, pages, plain, schema, texts, versions
from allied.adapters.sql.correlation import PairReading
from allied.adapters.sql.dialect import ask, placed
from allied.adapters.sql.hub import HubReading
from allied.adapters.sql.joined import Wanted, joined
from allied.adapters.sql.kept import KeptReading
from allied.adapters.sql.names import NameBook, Names
from allied.adapters.sql.neighbours import NeighbourReading
from allied.adapters.sql.parcels import ParcelReading
from allied.adapters.sql.roots import RootReading
from allied.node.rows import (
    AgreementRow,
    ErasureRow,
    Feed,
    HandlingClassRow,
    ItemRow,
    Joined,
    LedgerRow,
    Login,
    Organisation,
    Peer,
    Person,
    RecordRow,
    RemarkRow,
    StatusRow,
    Token,
    Version,
    WantedBlob,
    WarningListRow,
    WithdrawnRow,
)
from allied.record.ids import AgreementId, CircleId, Digest, OrganisationId, RecordId

NO_HASH: Final = Digest("0" * 64)
"""What stands where a ledger has no row yet."""

_COUNTER: Final = "SELECT value FROM counters WHERE name = ?"


_CURSOR: Final = "SELECT value FROM cursors WHERE name = ?"  # asked many times in a round


class SqlReading(
    PairReading, RootReading, HubReading, NeighbourReading, ParcelReading, KeptReading
):
    """One consistent snapshot."""

    def __init__(
        self, connection: Connection, book: NameBook, secret: bytes, changes: int | None = None
    ) -> None:
        self._connection = connection
        self._names = Names(connection, book)
        self._secret = secret
        self._changes = changes

    @property
    def learned(self) -> Mapping[str, int]:
        """Names that were read or made in this unit; true once it has committed."""
        return self._names.fresh

    def _all(self, query: Select[Any]) -> Sequence[Any]:
        return self._connection.execute(query).all()

    def _first(self, query: Select[Any]) -> Any:
        return self._connection.execute(query).first()

    def secret(self, purpose: str) -> bytes:
        """See `Reading.secret`."""
        return blake2b(purpose.encode(), digest_size=32, key=self._secret).digest()

    # --- who ----------------------------------------------------------------------------

    def organisations(self) -> Sequence[Organisation]:
        """See `Reading.organisations`."""
        return [Organisation(*row) for row in plain.ORGANISATIONS.all(self._connection)]

    def descriptors(self, organisation: OrganisationId) -> Sequence[bytes]:
        """See `Reading.descriptors`."""
        return [raw for (raw,) in placed(self._connection, plain.DESCRIPTORS, (organisation,))]

    def peers(self) -> Sequence[Peer]:
        """See `Reading.peers`."""
        return [Peer(*row) for row in plain.PEERS.all(self._connection)]

    def peer(self, organisation: OrganisationId) -> Peer | None:
        """See `Reading.peer`."""
        row = plain.PEER.first(self._connection, organisation)
        return None if row is None else Peer(*row)

    def people(self, organisation: OrganisationId) -> Sequence[Person]:
        """The people of an organisation, by label."""
        table = schema.people
        query = select(table).where(table.c.organisation == organisation)
        return [Person(*row) for row in self._all(query.order_by(table.c.label))]

    def token(self, token: str) -> Token | None:
        """See `Reading.token`."""
        table = schema.tokens
        row = self._first(select(table).where(table.c.id == token))
        return None if row is None else _token(row)

    def tokens(self, organisation: OrganisationId) -> Sequence[Token]:
        """The tokens of an organisation, by creation then id."""
        table = schema.tokens
        query = select(table).where(table.c.organisation == organisation)
        return [_token(row) for row in self._all(query.order_by(table.c.created_at, table.c.id))]

    def feed(self, feed: str) -> Feed | None:
        """See `Reading.feed`."""
        row = self._first(select(schema.feeds).where(schema.feeds.c.id == feed))
        return None if row is None else Feed(*row)

    def feeds(self, organisation: OrganisationId) -> Sequence[Feed]:
        """See `Reading.feeds`."""
        table = schema.feeds
        query = select(table).where(table.c.organisation == organisation)
        return [Feed(*row) for row in self._all(query.order_by(table.c.created_at, table.c.id))]

    def warning_lists(self) -> Sequence[WarningListRow]:
        """See `Reading.warning_lists`."""
        table = schema.warning_lists
        return [WarningListRow(*row) for row in self._all(select(table).order_by(table.c.name))]

    def login(self, secret: Digest) -> Login | None:
        """See `Reading.login`."""
        table = schema.logins
        row = self._first(select(table).where(table.c.secret == secret))
        return None if row is None else Login(*row)

    # --- agreements and their records -----------------------------------------------------

    def agreements(self) -> Sequence[AgreementRow]:
        """See `Reading.agreements`."""
        return [AgreementRow(*row) for row in plain.AGREEMENTS.all(self._connection)]

    def agreement(self, agreement: AgreementId) -> AgreementRow | None:
        """See `Reading.agreement`."""
        row = plain.AGREEMENT.first(self._connection, agreement)
        return None if row is None else AgreementRow(*row)

    def records(self, agreement: AgreementId, *, after_row: int = 0) -> Sequence[RecordRow]:
        """See `Reading.records`."""
        rows = plain.RECORDS.all(self._connection, agreement, after_row)
        return [RecordRow(*row) for row in rows]

    def record(self, record: RecordId) -> RecordRow | None:
        """See `Reading.record`."""
        row = plain.RECORD.first(self._connection, record)
        return None if row is None else RecordRow(*row)

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
        """See `Reading.records_range`."""
        table = schema.records
        query = (
            select(table)
            .where(
                table.c.circle == circle,
                table.c.issuer == issuer,
                table.c.incarnation == incarnation,
                table.c.sequence.between(first, last),
            )
            .order_by(table.c.sequence, table.c.id)
            .limit(max(limit, 0))
        )
        return [RecordRow(*row) for row in self._all(query)]

    def unclaimed(self, organisation: OrganisationId) -> Sequence[RecordRow]:
        """See `Reading.unclaimed`."""
        table, claims = schema.records, schema.claims
        claimed = (
            select(claims.c.record)
            .where(
                claims.c.circle == table.c.circle,
                claims.c.issuer == table.c.issuer,
                claims.c.incarnation == table.c.incarnation,
                claims.c.sequence == table.c.sequence,
                claims.c.record == table.c.id,
            )
            .exists()
        )
        chain = (table.c.circle, table.c.incarnation, table.c.sequence, table.c.id)
        query = select(table).where(table.c.issuer == organisation, ~claimed).order_by(*chain)
        return [RecordRow(*row) for row in self._all(query)]

    def last_row(self, agreement: AgreementId) -> int:
        """See `Reading.last_row`."""
        found = ask(self._connection, plain.LAST_ROW, (agreement,))
        return 0 if found is None else int(found[0] or 0)

    def parked(self, agreement: AgreementId) -> Sequence[tuple[RecordId, OrganisationId, bytes]]:
        """See `Reading.parked`; in the order in which they came."""
        table = schema.parked
        query = select(table.c.record, table.c.issuer, table.c.raw)
        rows = self._all(query.where(table.c.agreement == agreement).order_by(table.c.place))
        return [(row.record, row.issuer, row.raw) for row in rows]

    def blob(self, blob: Digest) -> tuple[AgreementId, CircleId, bytes] | None:
        """See `Reading.blob`."""
        return texts.find(self._connection, blob)

    def erasure(self, blob: Digest, agreement: AgreementId | None = None) -> ErasureRow | None:
        """See `Reading.erasure`."""
        return texts.erasure(self._connection, blob, agreement)

    def erasures(self, agreement: AgreementId) -> Mapping[Digest, ErasureRow]:
        """See `Reading.erasures`."""
        return texts.erasures_of(self._connection, agreement)

    def spoilt_blobs(self, after: str, most: int, most_bytes: int) -> tuple[str, Sequence[Digest]]:
        """See `Reading.spoilt_blobs`."""
        return texts.spoilt(self._connection, after, most, most_bytes)

    def wanted_after(self, agreement: AgreementId, place: int, limit: int) -> Sequence[WantedBlob]:
        """See `Reading.wanted_after`; in the order in which they were named."""
        wanted = (agreement, place, max(limit, 0))
        return [WantedBlob(*row) for row in placed(self._connection, plain.WANTED, wanted)]

    # --- items ----------------------------------------------------------------------------

    def handling_classes(self, agreement: AgreementId) -> Sequence[HandlingClassRow]:
        """The handling classes of an agreement, by id."""
        return [
            HandlingClassRow(number, of, key, value, _numbers(needs))
            for number, of, key, value, needs in plain.CLASSES.all(self._connection, agreement)
        ]

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
        """See `Reading.items` and `allied.adapters.sql.pages`."""
        wanted = pages.Wanted(
            agreement=agreement,
            holder=holder,
            after=after,
            limit=limit,
            classes=None if classes is None else tuple(classes),
            originator=originator,
            item=item,
            types=None if types is None else tuple(types),
            added_after=added_after,
            modified=modified,
            share=share,
        )
        return pages.page(self._connection, self._names, self._secret, wanted)

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
        """See `Reading.joined_items` and `allied.adapters.sql.joined`."""
        wanted = Wanted(
            holder=holder,
            classes=tuple(classes),
            limit=limit,
            after=after,
            added_after=added_after,
            types=None if types is None else tuple(types),
            until=until,
            skip=tuple(skip),
        )
        return joined(self._connection, self._names, wanted, self.changes())

    def versions(
        self, holder: OrganisationId, *, ids: Sequence[str] = (), numbers: Sequence[int] = ()
    ) -> Sequence[Version]:
        """See `Reading.versions`."""
        if numbers:
            return versions.at(self._connection, self._names, holder, numbers)
        return versions.of_objects(self._connection, self._names, self._secret, holder, ids)

    def bytes_at(self, numbers: Sequence[int]) -> Mapping[int, bytes]:
        """See `Reading.bytes_at`."""
        return versions.bytes_at(self._connection, numbers)

    def classes_of_items(
        self,
        agreement: AgreementId,
        holder: OrganisationId,
        originator: OrganisationId,
        items: Iterable[str],
    ) -> Mapping[str, int]:
        """See `Reading.classes_of_items`."""
        whose = (agreement, holder, originator)
        return pages.classes_of_items(self._connection, self._names, self._secret, whose, items)

    def latest_items(
        self, agreement: AgreementId, holder: OrganisationId, *, before: int | None, limit: int
    ) -> Sequence[ItemRow]:
        """Items with seq < `before` (None: all), by seq, the highest first."""
        return pages.latest(self._connection, self._names, agreement, holder, before, limit)

    def item_bytes(self, rows: Sequence[ItemRow]) -> Mapping[Digest, bytes]:
        """See `Reading.item_bytes`."""
        return pages.item_bytes(self._connection, rows)

    def newest(self, holder: OrganisationId) -> tuple[int, int]:
        """See `Reading.newest`."""
        return pages.newest(self._connection, self._names, holder)

    def item_counts(self, agreement: AgreementId, holder: OrganisationId) -> Mapping[int, int]:
        """See `Reading.item_counts`."""
        return pages.counts(self._connection, self._names, agreement, holder)

    def withdrawn(
        self,
        agreement: AgreementId,
        holder: OrganisationId,
        *,
        item: str | None = None,
        record: str | None = None,
        after: int = 0,
        limit: int = 1000,
    ) -> Sequence[WithdrawnRow]:
        """See `Reading.withdrawn`."""
        return beside.find_withdrawn(
            self._connection,
            agreement,
            holder,
            item=item,
            record=record,
            after=after,
            limit=limit,
        )

    def withdrawn_names(
        self, agreement: AgreementId, holder: OrganisationId, items: Iterable[str]
    ) -> frozenset[tuple[OrganisationId, str, str]]:
        """See `Reading.withdrawn_names`."""
        return beside.withdrawn_names(self._connection, agreement, holder, items)

    def remarks(
        self, organisation: OrganisationId, items: Iterable[str] | None = None
    ) -> Sequence[RemarkRow]:
        """See `Reading.remarks`."""
        return beside.find_remarks(self._connection, organisation, items)

    def passed_on(
        self, agreement: AgreementId, holder: OrganisationId, recipient: str
    ) -> Sequence[ItemRow]:
        """See `Reading.passed_on`."""
        numbers = beside.passed_on_numbers(self._connection, agreement, holder, recipient)
        return pages.numbered(self._connection, self._names, agreement, holder, numbers)

    def statement(self, statement: Digest) -> bytes | None:
        """See `Reading.statement`."""
        table = schema.statements
        row = self._first(select(table.c.raw).where(table.c.digest == statement))
        return None if row is None else row.raw

    def tree(self, statement: Digest) -> bytes | None:
        """See `Reading.tree`."""
        table = schema.trees
        row = self._first(select(table.c.raw).where(table.c.statement == statement))
        return None if row is None else row.raw

    # --- the ledger and small things ------------------------------------------------------

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
        """See `Reading.ledger`."""
        table = schema.ledger
        query = select(table).where(table.c.organisation == organisation, table.c.seq > after)
        if agreement is not None:
            query = query.where(table.c.agreement == agreement)
        if recipient is not None:
            query = query.where(table.c.recipient == recipient)
        if seq is not None:
            query = query.where(table.c.first <= seq, table.c.last >= seq)
        rows = self._all(query.order_by(table.c.seq).limit(max(limit, 0)))
        return [_ledger_row(row) for row in rows]

    def ledger_head(self, organisation: OrganisationId) -> tuple[int, Digest]:
        """See `Reading.ledger_head`."""
        table = schema.ledger
        query = select(table.c.seq, table.c.hash).where(table.c.organisation == organisation)
        row = self._first(query.order_by(table.c.seq.desc()).limit(1))
        return (0, NO_HASH) if row is None else (row.seq, row.hash)

    def status(self, status: str) -> StatusRow | None:
        """See `Reading.status`."""
        row = self._first(select(schema.statuses).where(schema.statuses.c.id == status))
        return None if row is None else StatusRow(*row)

    def cursor(self, name: str) -> str:
        """See `Reading.cursor`."""
        row = ask(self._connection, _CURSOR, (name,))
        return "" if row is None else str(row[0])

    def changes(self) -> int:
        """See `Reading.changes`."""
        if self._changes is None:  # one snapshot, one answer; a write unit counts at its end
            self._changes = self._counter("change")
        return self._changes

    def appended(self) -> Mapping[OrganisationId, int]:
        """See `Reading.appended`."""
        return {
            row.id: self._counter(f"appended:{row.id}")
            for row in self._all(select(schema.organisations.c.id))
        }

    def _counter(self, name: str) -> int:
        row = ask(self._connection, _COUNTER, (name,))
        return 0 if row is None else int(row[0])


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(json.loads(text))


def _token(row: Row[Any]) -> Token:
    return Token(
        id=row.id,
        organisation=row.organisation,
        secret=row.secret,
        role=row.role,
        agreements=tuple(json.loads(row.agreements)),
        ceiling=row.ceiling,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        purpose=row.purpose,
    )


def _ledger_row(row: Row[Any]) -> LedgerRow:
    values = row._asdict()
    return LedgerRow(**values)
