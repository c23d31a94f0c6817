"""What can be changed in the store, except storing items in bulk.

A writing is a reading that sees its own writes. It remembers two things for the unit that
owns it: whether anything changed at all, and how many own records were numbered.

Rules. Adding what must be new and is not raises ConflictError `store.already-there`;
adding what may be there already passes over it. Meanings are said by
`allied.node.ports.Writing`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection, Executable, Table, delete, func, select, update

from allied.adapters.sql import beside, schema, texts
from allied.adapters.sql.correlation import PairWriting
from allied.adapters.sql.dialect import among, ask, change, insert
from allied.adapters.sql.hub import HubWriting
from allied.adapters.sql.intake import Intake, batched
from allied.adapters.sql.kept import KeptWriting
from allied.adapters.sql.names import NameBook
from allied.adapters.sql.neighbours import NeighbourWriting
from allied.adapters.sql.parcels import ParcelWriting
from allied.adapters.sql.reading import SqlReading
from allied.adapters.sql.roots import RootWriting
from allied.errors import ConflictError, NotFoundError
from allied.node.rows import (
    RELABELLED,
    AgreementRow,
    ErasureRow,
    Feed,
    ItemBatch,
    ItemRow,
    ItemsAdded,
    LedgerRow,
    Login,
    Organisation,
    Peer,
    Person,
    RecordRow,
    RemarkRow,
    StatusRow,
    Token,
    WarningListRow,
)
from allied.record.ids import AgreementId, CircleId, Digest, OrganisationId, RecordId
from allied.record.outline import KIND as OUTLINE

_TAKE: Final = (
    "INSERT INTO counters (name, value) VALUES (?, ?)"
    " ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value RETURNING value"
)
_RECORD: Final = tuple(field.name for field in fields(RecordRow))
_SET_CURSOR: Final = (
    "INSERT INTO cursors (name, value) VALUES (?, ?)"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
_CLASS: Final = "SELECT id FROM classes WHERE agreement = ? AND key = ?"


class SqlWriting(
    SqlReading, PairWriting, RootWriting, HubWriting, NeighbourWriting, ParcelWriting, KeptWriting
):
    """One write unit: everything in it happens, or nothing."""

    def __init__(self, connection: Connection, book: NameBook, secret: bytes) -> None:
        super().__init__(connection, book, secret)
        self._changed = False
        self.erased = False
        self._numbered: dict[OrganisationId, int] = {}

    @property
    def numbered(self) -> Mapping[OrganisationId, int]:
        """How many own records each organisation has numbered, where this unit numbered any."""
        return self._numbered

    def finish(self) -> None:
        """Count the change, if there was one; the last thing before a commit."""
        if self._changed:
            self._take("change", 1)

    def _do(self, statement: Executable, rows: Sequence[Mapping[str, Any]] | None = None) -> int:
        """Run a change; how many rows it touched."""
        result = self._connection.execute(
            statement, rows, execution_options={"preserve_rowcount": True}
        )
        self._changed = self._changed or result.rowcount != 0
        return int(result.rowcount)

    def _put(self, table: Table, values: Mapping[str, Any]) -> None:
        """Insert, or replace what has the same primary key."""
        statement = insert(self._connection, table).values(**values)
        keys = [column.name for column in table.primary_key]
        others = {name: statement.excluded[name] for name in values if name not in keys}
        self._do(statement.on_conflict_do_update(index_elements=keys, set_=others))

    def _take(self, counter: str, count: int) -> int:
        """Reserve `count` numbers of a counter; the first of them."""
        self._changed = True
        row = ask(self._connection, _TAKE, (counter, count))
        if row is None:
            raise AssertionError("a statement that returns its row returns one")
        return int(row[0]) - count + 1

    # --- who ----------------------------------------------------------------------------

    def add_organisation(self, organisation: Organisation) -> None:
        """Host an organisation; its fence begins at 0."""
        self._do(schema.organisations.insert().values(**asdict(organisation)))
        self._numbered.setdefault(organisation.id, 0)

    def set_organisation(self, organisation: Organisation) -> None:
        """Replace a hosted organisation by id.

        Raises:
            NotFoundError: `store.unknown-organisation`.
        """
        values = asdict(organisation)
        table = schema.organisations
        if not self._do(update(table).where(table.c.id == organisation.id).values(**values)):
            raise NotFoundError(
                "store.unknown-organisation", "no organisation of that id is hosted here"
            )

    def add_descriptors(self, organisation: OrganisationId, raws: Sequence[bytes]) -> None:
        """See `Writing.add_descriptors`."""
        table = schema.descriptors
        query = select(table.c.digest).where(table.c.organisation == organisation)
        held = {row.digest for row in self._all(query)}
        rows = []
        for raw in raws:
            digest = sha256(raw).hexdigest()
            if digest not in held:
                rows.append(
                    {
                        "organisation": organisation,
                        "position": len(held),
                        "digest": digest,
                        "raw": raw,
                    }
                )
                held.add(digest)
        if rows:
            self._do(table.insert(), rows)

    def replace_descriptors(self, organisation: OrganisationId, raws: Sequence[bytes]) -> None:
        """See `Writing.replace_descriptors`."""
        table = schema.descriptors
        self._do(delete(table).where(table.c.organisation == organisation))
        self.add_descriptors(organisation, raws)

    def put_peer(self, peer: Peer) -> None:
        """See `Writing.put_peer`."""
        self._put(schema.peers, asdict(peer))

    def add_person(self, person: Person) -> None:
        """Add somebody who may act for a hosted organisation."""
        self._do(schema.people.insert().values(**asdict(person)))

    def put_token(self, token: Token) -> None:
        """Insert or replace a token by id."""
        self._put(
            schema.tokens, {**asdict(token), "agreements": json.dumps(list(token.agreements))}
        )

    def put_feed(self, feed: Feed) -> None:
        """Insert or replace a feed by id."""
        self._put(schema.feeds, asdict(feed))

    def put_warning_list(self, row: WarningListRow) -> None:
        """Insert or replace a warning list by name."""
        self._put(schema.warning_lists, asdict(row))

    def drop_warning_list(self, name: str) -> bool:
        """See `Writing.drop_warning_list`."""
        table = schema.warning_lists
        return bool(self._do(delete(table).where(table.c.name == name)))

    def put_status(self, status: StatusRow) -> None:
        """Insert or replace by id."""
        self._put(schema.statuses, asdict(status))

    def forget_statuses(self, before: datetime) -> None:
        """Remove those that expired before `before`."""
        table = schema.statuses
        self._do(delete(table).where(table.c.expires_at < before))

    def put_login(self, login: Login) -> None:
        """Insert or replace a login by the digest of its secret."""
        self._put(schema.logins, asdict(login))

    def forget_logins(self, before: datetime) -> None:
        """See `Writing.forget_logins`."""
        self._do(delete(schema.logins).where(schema.logins.c.expires_at < before))

    # --- agreements and their records -----------------------------------------------------

    def add_agreement(self, agreement: AgreementRow) -> None:
        """Keep an agreement that is new here."""
        self._do(schema.agreements.insert().values(**asdict(agreement)))

    def add_records(self, records: Iterable[RecordRow]) -> Sequence[RecordRow]:
        """See `Writing.add_records`."""
        given: dict[RecordId, RecordRow] = {}
        for record in records:
            given.setdefault(record.id, record)
        table = schema.records
        condition = among(self._connection, table.c.id, given)
        outlines = []
        for row in self._all(select(table.c.id, table.c.kind).where(condition)):
            if row.kind == OUTLINE != given[row.id].kind:
                outlines.append(RecordId(row.id))
            else:
                del given[row.id]
        if outlines:
            self._do(delete(table).where(among(self._connection, table.c.id, outlines)))
        if not given:
            return ()
        first = self._take("record", len(given))
        new = [replace(record, row=first + place) for place, record in enumerate(given.values())]
        self._do(table.insert(), [_columns(record) for record in new])
        return new

    def claim_sequence(
        self,
        circle: CircleId,
        issuer: OrganisationId,
        incarnation: int,
        sequence: int,
        record: RecordId,
    ) -> None:
        """See `Writing.claim_sequence`."""
        statement = insert(self._connection, schema.claims).values(
            circle=circle,
            issuer=issuer,
            incarnation=incarnation,
            sequence=sequence,
            record=record,
        )
        if not self._do(statement.on_conflict_do_nothing()):
            raise ConflictError(
                "store.sequence-taken",
                f"the number {sequence} of this chain was given to a record before",
                hint="read the head of the chain again inside the same write unit",
                facts={"circle": circle, "issuer": issuer, "sequence": sequence},
            )
        self._numbered[issuer] = self._take(f"appended:{issuer}", 1)

    def number_past(self, organisation: OrganisationId, count: int) -> None:
        """See `Writing.number_past`."""
        counter = f"appended:{organisation}"
        behind = count - self._counter(counter)
        if behind > 0:
            self._take(counter, behind)
        self._changed = True
        self._numbered[organisation] = self._counter(counter)

    def park(
        self,
        agreement: AgreementId,
        record: RecordId,
        issuer: OrganisationId,
        raw: bytes,
        *,
        limit: int,
        limit_bytes: int,
    ) -> bool:
        """See `Writing.park`; the limits hold per issuer and agreement."""
        table = schema.parked
        if self._first(select(table.c.place).where(table.c.record == record)):
            return True
        waiting = select(func.count(), func.sum(func.length(table.c.raw))).where(
            table.c.agreement == agreement, table.c.issuer == issuer
        )
        count, size = self._connection.execute(waiting).one()
        if count >= limit or int(size or 0) + len(raw) > limit_bytes:
            return False
        self._do(table.insert().values(agreement=agreement, record=record, issuer=issuer, raw=raw))
        return True

    def unpark(self, records: Iterable[RecordId]) -> None:
        """Take records off the waiting list; others are passed over."""
        table = schema.parked
        self._do(delete(table).where(among(self._connection, table.c.record, records)))

    def want_blobs(self, agreement: AgreementId, circle: CircleId, blobs: Iterable[Digest]) -> None:
        """Put blobs on the wanted list, unless they are on it, held or erased."""
        new = texts.unheld(self._connection, agreement, list(dict.fromkeys(blobs)))
        if new:
            first = self._take("wanted", len(new))  # a place is never given twice
            rows = [
                {"place": place, "blob": blob, "agreement": agreement, "circle": circle}
                for place, blob in enumerate(new, first)
            ]
            statement = insert(self._connection, schema.wanted).on_conflict_do_nothing()
            self._do(statement, rows)

    def add_blob(self, agreement: AgreementId, circle: CircleId, blob: Digest, raw: bytes) -> None:
        """See `Writing.add_blob`; a blob that is held stays as it is."""
        if texts.is_erased(self._connection, agreement, blob):
            return
        statement = insert(self._connection, schema.blobs).values(
            digest=blob, agreement=agreement, circle=circle, raw=raw
        )
        self._do(statement.on_conflict_do_nothing())
        self._do(delete(schema.wanted).where(schema.wanted.c.blob == blob))

    def erase_blob(self, row: ErasureRow) -> None:
        """See `Writing.erase_blob`."""
        texts.erase(self._connection, row)
        self._changed = True
        self.erased = self.erased or not row.kept

    def lose_blob(self, blob: Digest) -> None:
        """See `Writing.lose_blob`; one that is not held is passed over."""
        found = self.blob(blob)
        if found is not None:
            self._do(delete(schema.blobs).where(schema.blobs.c.digest == blob))
            self.want_blobs(found[0], found[1], [blob])

    def forget_blobs(self, blobs: Iterable[Digest]) -> None:
        """See `Writing.forget_blobs`."""
        given = list(blobs)
        for table in (schema.blobs.c.digest, schema.wanted.c.blob):
            self._do(delete(table.table).where(among(self._connection, table, given)))
        self.erased = self.erased or bool(given)

    def outline_records(self, rows: Iterable[RecordRow]) -> None:
        """See `Writing.outline_records`."""
        given = list(rows)
        table = schema.records
        names = [row.id for row in given]
        self._do(delete(table).where(among(self._connection, table.c.id, names)))
        self.add_records(given)
        self.erased = self.erased or bool(given)

    def lose_statement(self, statement: Digest) -> None:
        """See `Writing.lose_statement`."""
        self._do(delete(schema.statements).where(schema.statements.c.digest == statement))

    # --- items ----------------------------------------------------------------------------

    def handling_class(
        self, agreement: AgreementId, key: Digest, value: bytes, needs: tuple[int, ...] = ()
    ) -> int:
        """See `Writing.handling_class`."""
        found = ask(self._connection, _CLASS, (agreement, key))
        if found is None:
            values = {"agreement": agreement, "key": key, "value": value}
            self._do(schema.classes.insert().values(**values, needs=json.dumps(list(needs))))
            found = ask(self._connection, _CLASS, (agreement, key))
        if found is None:
            raise AssertionError("what was just stored is there")
        return int(found[0])

    def add_items(self, items: Iterable[tuple[ItemRow, bytes]]) -> ItemsAdded:
        """See `Writing.add_items` and `allied.adapters.sql.intake`."""
        return self.add_batches(batched(items))

    def add_batches(self, batches: Iterable[ItemBatch]) -> ItemsAdded:
        """See `Writing.add_batches` and `allied.adapters.sql.intake`."""
        return Intake(self._connection, self._names, self._secret, self._take).add(batches)

    def withdraw_items(
        self, rows: Sequence[ItemRow], reason: str, record: str, at: datetime, *, erase: bool
    ) -> None:
        """See `Writing.withdraw_items`."""
        if rows:
            told = {"reason": reason, "record": record, "at": at}
            beside.withdraw(self._connection, self._names, self._secret, rows, told, erase=erase)
            self._drop_pairs([row.seq for row in rows])
            self._changed = True
            self.erased = self.erased or erase

    def relabel_items(
        self,
        rows: Sequence[ItemRow],
        class_id: int,
        at: datetime,
        *,
        statement: Digest | None = None,
        proofs: Sequence[bytes] = (),
    ) -> int:
        """See `Writing.relabel_items`."""
        raws = self.item_bytes(rows)
        here = [row for row in rows if row.digest in raws]
        if not here:
            return 0
        self.withdraw_items(here, RELABELLED, "", at, erase=True)
        proved = dict(zip((row.seq for row in rows), proofs, strict=bool(statement)))
        added = self.add_items(
            (
                replace(
                    row,
                    class_id=class_id,
                    statement=statement or row.statement,
                    proof=proved.get(row.seq, row.proof),
                ),
                raws[row.digest],
            )
            for row in here
        )
        numbers = {row.seq: added.first + place for place, row in enumerate(here)}
        beside.renumber_passed_on(self._connection, numbers)
        return len(here)

    def erase_withdrawn(self, numbers: Sequence[int]) -> None:
        """See `Writing.erase_withdrawn`."""
        self.erased = True
        table = schema.withdrawn
        self._do(
            update(table).where(among(self._connection, table.c.seq, numbers)).values(raw=None)
        )

    def add_remark(self, remark: RemarkRow) -> bool:
        """See `Writing.add_remark`."""
        new = beside.put_remark(self._connection, remark) > 0
        self._changed = self._changed or new
        return new

    def remove_remark(
        self, organisation: OrganisationId, item: str, kind: str, text: str | None
    ) -> bool:
        """See `Writing.remove_remark`."""
        table = schema.remarks
        gone = delete(table).where(
            table.c.organisation == organisation, table.c.item == item, table.c.kind == kind
        )
        return self._do(gone if text is None else gone.where(table.c.text == text)) > 0

    def pass_on(
        self,
        agreement: AgreementId,
        holder: OrganisationId,
        recipient: str,
        numbers: Iterable[int],
        at: datetime,
    ) -> None:
        """See `Writing.pass_on`."""
        whose = {"organisation": holder, "agreement": agreement, "recipient": recipient, "at": at}
        beside.put_passed_on(self._connection, [{**whose, "seq": each} for each in numbers])
        self._changed = True

    def add_statement(self, statement: Digest, raw: bytes) -> None:
        """Keep an originator's statement, unless it is held."""
        self._keep("INSERT INTO statements (digest, raw) VALUES (?, ?)", (statement, raw))

    def add_tree(self, statement: Digest, raw: bytes) -> None:
        """Keep the tree of an own statement, unless it is held."""
        self._keep("INSERT INTO trees (statement, raw) VALUES (?, ?)", (statement, raw))

    def _keep(self, statement: str, values: tuple[object, ...]) -> None:
        """Insert, unless it is there."""
        touched = change(self._connection, f"{statement} ON CONFLICT DO NOTHING", values)
        self._changed = self._changed or touched != 0

    # --- the ledger and small things ------------------------------------------------------

    def append_ledger(self, rows: Sequence[LedgerRow]) -> None:
        """Append rows of one or more organisations, each following the last of its chain.

        Raises:
            ConflictError: `store.ledger-moved`, a row does not follow the stored head.
        """
        heads: dict[OrganisationId, tuple[int, Digest]] = {}
        for row in rows:
            if row.organisation not in heads:
                heads[row.organisation] = self.ledger_head(row.organisation)
            seq, hashed = heads[row.organisation]
            if row.seq != seq + 1 or row.previous != hashed:
                raise ConflictError(
                    "store.ledger-moved",
                    "the disclosure ledger went on meanwhile",
                    hint="read its head again inside the same write unit",
                    facts={"head": seq, "row": row.seq},
                )
            heads[row.organisation] = (row.seq, row.hash)
        if rows:
            self._do(schema.ledger.insert(), [asdict(row) for row in rows])

    def set_cursor(self, name: str, value: str) -> None:
        """Remember a place."""
        touched = change(self._connection, _SET_CURSOR, (name, value))
        self._changed = self._changed or touched != 0


def _columns(row: RecordRow) -> dict[str, object]:
    """What a record's row holds, by column; nothing is copied, since none of it can change."""
    return {name: getattr(row, name) for name in _RECORD}
