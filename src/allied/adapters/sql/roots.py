"""The daily roots of the disclosure ledgers: which rows each of them is about.

One row a day and agreement at most, found by its place or by a ledger row that lies in its
span.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Executable, select

from allied.adapters.sql.schema import ledger_roots
from allied.node.ledger_store import LedgerRoot
from allied.record.ids import AgreementId, OrganisationId


class RootReading:
    """The part of a reading that asks for roots; see `allied.node.ledger_store`."""

    _connection: Connection

    def ledger_roots(
        self,
        organisation: OrganisationId,
        agreement: AgreementId,
        *,
        after: int = 0,
        row: int | None = None,
        limit: int = 1000,
    ) -> Sequence[LedgerRoot]:
        """See `ReadingRoots.ledger_roots`."""
        table = ledger_roots
        query = select(table).where(
            table.c.organisation == organisation,
            table.c.agreement == agreement,
            table.c.place > after,
        )
        if row is not None:
            query = query.where(table.c.after < row, table.c.last >= row)
        found = self._connection.execute(query.order_by(table.c.place).limit(max(limit, 0)))
        return [LedgerRoot(**each) for each in found.mappings()]

    def newest_ledger_root(
        self, organisation: OrganisationId, agreement: AgreementId
    ) -> LedgerRoot | None:
        """See `ReadingRoots.newest_ledger_root`."""
        table = ledger_roots
        query = select(table).where(
            table.c.organisation == organisation, table.c.agreement == agreement
        )
        found = self._connection.execute(query.order_by(table.c.place.desc()).limit(1))
        row = found.mappings().first()
        return None if row is None else LedgerRoot(**row)


class RootWriting(RootReading):
    """The part of a writing that keeps roots; see `allied.node.ledger_store`."""

    if TYPE_CHECKING:

        def _do(
            self, statement: Executable, rows: Sequence[Mapping[str, Any]] | None = None
        ) -> int: ...

    def add_ledger_root(self, root: LedgerRoot) -> None:
        """See `WritingRoots.add_ledger_root`."""
        self._do(ledger_roots.insert(), [asdict(root)])
