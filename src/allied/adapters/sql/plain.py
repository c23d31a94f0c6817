"""Questions that are asked many times in a round, spelled once for all.

Making a statement, and a result that knows the names of its columns, costs SQLAlchemy several
times what the database takes to answer a question for one row. What every round between two nodes
asks dozens of times is therefore handed to the driver as text; the tables stay those of `schema`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean

from allied.adapters.sql import schema
from allied.adapters.sql.dialect import ask, placed

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table


class Spelled:
    """One question for whole rows of a table."""

    def __init__(self, table: Table, rest: str) -> None:
        """Ask for all columns of `table`, in their order.

        Args:
            rest: what follows the name of the table; places are marked with `?`.
        """
        names = ", ".join(f'"{column.name}"' for column in table.columns)
        self._statement = f"SELECT {names} FROM {table.name} {rest}"  # noqa: S608  # our own names
        kinds = [column.type for column in table.columns]
        self._instants = [at for at, kind in enumerate(kinds) if isinstance(kind, schema.Instant)]
        self._flags = [at for at, kind in enumerate(kinds) if isinstance(kind, Boolean)]

    def first(self, connection: Connection, *values: object) -> Sequence[Any] | None:
        """The first row; None where there is none."""
        row = ask(connection, self._statement, values)
        return None if row is None else self._read(row)

    def all(self, connection: Connection, *values: object) -> list[Sequence[Any]]:
        """All rows."""
        return [self._read(row) for row in placed(connection, self._statement, values)]

    def _read(self, row: Sequence[Any]) -> Sequence[Any]:
        values = [*row]
        for at in self._instants:
            if values[at] is not None:
                values[at] = schema.from_microseconds(values[at])
        for at in self._flags:
            values[at] = bool(values[at])
        return values


ORGANISATIONS = Spelled(schema.organisations, "ORDER BY label")
PEERS = Spelled(schema.peers, "ORDER BY label, id")
PEER = Spelled(schema.peers, "WHERE id = ?")
AGREEMENTS = Spelled(schema.agreements, "ORDER BY alias, id")
AGREEMENT = Spelled(schema.agreements, "WHERE id = ?")
RECORDS = Spelled(schema.records, 'WHERE agreement = ? AND "row" > ? ORDER BY "row"')
RECORD = Spelled(schema.records, "WHERE id = ?")
CLASSES = Spelled(schema.classes, "WHERE agreement = ? ORDER BY id")

DESCRIPTORS = "SELECT raw FROM descriptors WHERE organisation = ? ORDER BY position"
LAST_ROW = 'SELECT max("row") FROM records WHERE agreement = ?'
WANTED = (
    "SELECT place, blob, circle FROM wanted WHERE agreement = ? AND place > ?"
    " ORDER BY place LIMIT ?"
)
