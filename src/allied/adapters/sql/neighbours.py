"""The tables of neighbours, and of what came from them and went to them.

Few neighbours; as many rows of what they carried as objects came from them. Meanings and orders
are said by `allied.node.neighbour_rows`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Executable,
    Table,
    and_,
    delete,
    or_,
    select,
)

from allied.adapters.sql.dialect import among, insert
from allied.adapters.sql.schema import Instant, Whole, Words, metadata
from allied.node.neighbour_rows import PULLED, Carried, Neighbour
from allied.record.ids import AgreementId, OrganisationId


def _words(*names: str) -> Iterable[Column[str]]:
    return (Column(name, Words, nullable=False) for name in names)


neighbours: Final = Table(
    "neighbours",
    metadata,
    Column("id", Words, primary_key=True, nullable=False),
    Column("organisation", Words, nullable=False, index=True),
    *_words("label", "url", "path", "agreement"),
    Column("pulls", Boolean, nullable=False),
    *_words("to", "tlp", "party", "user", "secret_file"),
    Column("allowed_private", Boolean, nullable=False),
    Column("every_seconds", Whole, nullable=False),
    Column("added_at", Instant, nullable=False),
    *_words("mark", "following", "pushed"),
    Column("compared_at", Instant, nullable=True),
    Column("seen_at", Instant, nullable=True),
    Column("failures", Whole, nullable=False),
    Column("next_try_at", Instant, nullable=True),
    Column("last_problem", Words, nullable=False),
)

carried: Final = Table(
    "carried",
    metadata,
    Column("neighbour", Words, primary_key=True, nullable=False),
    Column("way", Words, primary_key=True, nullable=False),
    Column("item", Words, primary_key=True, nullable=False, index=True),
    Column("version", Words, primary_key=True, nullable=False),
    Column("at", Instant, nullable=False),
    sqlite_with_rowid=False,
)


class NeighbourReading:
    """The part of a reading that asks about neighbours."""

    _connection: Connection

    def neighbours(self, organisation: OrganisationId | None = None) -> Sequence[Neighbour]:
        """See `ReadingNeighbours.neighbours`."""
        query = select(neighbours).order_by(neighbours.c.label, neighbours.c.id)
        if organisation is not None:
            query = query.where(neighbours.c.organisation == organisation)
        return [Neighbour(**row) for row in self._connection.execute(query).mappings()]

    def carried(
        self,
        neighbour: str,
        way: str,
        *,
        items: Iterable[str] | None = None,
        after: tuple[str, str] = ("", ""),
        limit: int = 1000,
    ) -> Sequence[Carried]:
        """See `ReadingNeighbours.carried`."""
        item, version = after
        query = select(carried).where(
            carried.c.neighbour == neighbour,
            carried.c.way == way,
            or_(
                carried.c.item > item,
                and_(carried.c.item == item, carried.c.version > version),
            ),
        )
        if items is not None:
            query = query.where(among(self._connection, carried.c.item, sorted(set(items))))
        query = query.order_by(carried.c.item, carried.c.version).limit(max(limit, 0))
        return [Carried(**row) for row in self._connection.execute(query).mappings()]

    def asserters(
        self, organisation: OrganisationId, agreement: AgreementId, items: Iterable[str]
    ) -> Mapping[tuple[str, str], frozenset[str]]:
        """See `ReadingNeighbours.asserters`."""
        query = select(carried.c.item, carried.c.version, carried.c.neighbour).where(
            carried.c.neighbour.in_(_of(organisation, agreement)),
            carried.c.way == PULLED,
            among(self._connection, carried.c.item, sorted(set(items))),
        )
        found: dict[tuple[str, str], set[str]] = {}
        for item, version, neighbour in self._connection.execute(query):
            found.setdefault((item, version), set()).add(neighbour)
        return {key: frozenset(each) for key, each in found.items()}


class NeighbourWriting(NeighbourReading):
    """The part of a writing that changes what is kept of neighbours."""

    def _do(self, statement: Executable, rows: Sequence[Mapping[str, Any]] | None = None) -> int:
        raise NotImplementedError

    def put_neighbour(self, neighbour: Neighbour) -> None:
        """See `WritingNeighbours.put_neighbour`."""
        values = asdict(neighbour)
        statement = insert(self._connection, neighbours).values(**values)
        others = {name: statement.excluded[name] for name in values if name != "id"}
        self._do(statement.on_conflict_do_update(index_elements=["id"], set_=others))

    def drop_neighbour(self, neighbour: str) -> bool:
        """See `WritingNeighbours.drop_neighbour`."""
        self._do(delete(carried).where(carried.c.neighbour == neighbour))
        return bool(self._do(delete(neighbours).where(neighbours.c.id == neighbour)))

    def put_carried(self, rows: Sequence[Carried]) -> None:
        """See `WritingNeighbours.put_carried`."""
        if rows:
            statement = insert(self._connection, carried).on_conflict_do_nothing()
            self._do(statement, [asdict(row) for row in rows])

    def drop_carried(self, neighbour: str, way: str, versions: Iterable[tuple[str, str]]) -> None:
        """See `WritingNeighbours.drop_carried`."""
        for item, version in versions:
            self._do(
                delete(carried).where(
                    carried.c.neighbour == neighbour,
                    carried.c.way == way,
                    carried.c.item == item,
                    carried.c.version == version,
                )
            )

    def disown(
        self, organisation: OrganisationId, agreement: AgreementId, items: Iterable[str]
    ) -> None:
        """See `WritingNeighbours.disown`."""
        own = _of(organisation, agreement)
        if self._connection.execute(own.limit(1)).first() is None:
            return
        self._do(
            delete(carried).where(
                carried.c.neighbour.in_(own),
                carried.c.way == PULLED,
                among(self._connection, carried.c.item, sorted(set(items))),
            )
        )


def _of(organisation: OrganisationId, agreement: AgreementId) -> Any:
    """The ids of an organisation's neighbours under an agreement."""
    return select(neighbours.c.id).where(
        neighbours.c.organisation == organisation, neighbours.c.agreement == agreement
    )
