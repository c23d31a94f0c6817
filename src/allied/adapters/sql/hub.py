"""The tables of a secretariat: submissions, what was made of them, salts and namings.

Meanings and orders are said by `allied.node.hub_rows`. Few rows against those of items: one per
share that came in, and one per object of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Executable, Table, delete, select

from allied.adapters.sql.dialect import among, insert
from allied.adapters.sql.schema import hub_salts, namings, submissions, submitted
from allied.node.hub_rows import Naming, Submission, Submitted
from allied.record.ids import AgreementId, OrganisationId


class HubReading:
    """The part of a reading that asks about submissions."""

    _connection: Connection

    def hub_salt(
        self, organisation: OrganisationId, agreement: AgreementId, submitter: OrganisationId
    ) -> bytes | None:
        """See `ReadingHub.hub_salt`."""
        found: bytes | None = self._connection.execute(
            select(hub_salts.c.salt).where(
                hub_salts.c.organisation == organisation,
                hub_salts.c.agreement == agreement,
                hub_salts.c.submitter == submitter,
            )
        ).scalar()
        return found

    def submissions(
        self,
        organisation: OrganisationId,
        *,
        agreement: AgreementId | None = None,
        states: Sequence[str] = (),
    ) -> Sequence[Submission]:
        """See `ReadingHub.submissions`."""
        table = submissions
        query = select(table).where(table.c.organisation == organisation)
        if agreement is not None:
            query = query.where(table.c.agreement == agreement)
        if states:
            query = query.where(table.c.state.in_(states))
        query = query.order_by(table.c.received_at, table.c.id)
        return [Submission(**row) for row in self._connection.execute(query).mappings()]

    def submission(self, organisation: OrganisationId, submission: str) -> Submission | None:
        """See `ReadingHub.submission`."""
        table = submissions
        query = select(table).where(table.c.organisation == organisation, table.c.id == submission)
        row = self._connection.execute(query).mappings().first()
        return None if row is None else Submission(**row)

    def submitted(
        self,
        organisation: OrganisationId,
        agreement: AgreementId,
        *,
        submitter: OrganisationId | None = None,
        old_ids: Iterable[str] | None = None,
        new_ids: Iterable[str] | None = None,
        submission: str | None = None,
        recall_pending: bool = False,
    ) -> Sequence[Submitted]:
        """See `ReadingHub.submitted`."""
        table = submitted
        query = select(table).where(
            table.c.organisation == organisation, table.c.agreement == agreement
        )
        if submitter is not None:
            query = query.where(table.c.submitter == submitter)
        for column, names in ((table.c.old_id, old_ids), (table.c.new_id, new_ids)):
            if names is not None:
                query = query.where(among(self._connection, column, sorted(set(names))))
        if submission is not None:
            query = query.where(table.c.submission == submission)
        if recall_pending:
            query = query.where(table.c.recall != "", table.c.recalled_at.is_(None))
        query = query.order_by(table.c.new_id, table.c.old_version)
        return [Submitted(**row) for row in self._connection.execute(query).mappings()]

    def namings(self, organisation: OrganisationId, agreement: AgreementId) -> Sequence[Naming]:
        """See `ReadingHub.namings`."""
        table = namings
        query = select(table).where(
            table.c.organisation == organisation, table.c.agreement == agreement
        )
        query = query.order_by(table.c.new_id, table.c.party)
        return [Naming(**row) for row in self._connection.execute(query).mappings()]


class HubWriting(HubReading):
    """The part of a writing that keeps submissions."""

    def _do(self, statement: Executable, rows: Sequence[Mapping[str, Any]] | None = None) -> int:
        raise NotImplementedError

    def set_hub_salt(
        self,
        organisation: OrganisationId,
        agreement: AgreementId,
        submitter: OrganisationId,
        salt: bytes,
    ) -> None:
        """See `WritingHub.set_hub_salt`."""
        row = {
            "organisation": organisation,
            "agreement": agreement,
            "submitter": submitter,
            "salt": salt,
        }
        self._replace(hub_salts, [row])

    def put_submission(self, submission: Submission) -> None:
        """See `WritingHub.put_submission`."""
        self._replace(submissions, [asdict(submission)])

    def put_submitted(self, rows: Iterable[Submitted]) -> None:
        """See `WritingHub.put_submitted`."""
        self._replace(submitted, [asdict(row) for row in rows])

    def add_namings(self, rows: Iterable[Naming]) -> None:
        """See `WritingHub.add_namings`."""
        self._replace(namings, [asdict(row) for row in rows])

    def drop_naming(self, organisation: OrganisationId, link: str) -> None:
        """See `WritingHub.drop_naming`."""
        self._do(
            delete(namings).where(namings.c.organisation == organisation, namings.c.link == link)
        )

    def _replace(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows; what has the same primary key is replaced."""
        if not rows:
            return
        statement = insert(self._connection, table)
        keys = [column.name for column in table.primary_key.columns]
        changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
        self._do(statement.on_conflict_do_update(index_elements=keys, set_=changed), rows)
