"""The versions of an object that a holder has, and the bytes of a few items.

What a reader asks who wants one object, or who has to know which of several versions stands
for the others. Plain statements: they are asked often, and answer a few rows each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Connection

from allied.adapters.sql.dialect import placed
from allied.adapters.sql.names import Names
from allied.adapters.sql.pages import item_span
from allied.node.rows import Version
from allied.record.ids import OrganisationId

_CHUNK: Final = 500

_COLUMNS: Final = "SELECT seq, id, originator, modified, added, class_id, size FROM items"
# A plus keeps an index from being used; here the one on the keys is the only good one.
_OF_OBJECT: Final = " WHERE key BETWEEN ? AND ? AND id = ? AND +holder = ? ORDER BY +seq"
_AT: Final = " WHERE seq IN ({marks}) AND +holder = ? ORDER BY seq"
_BYTES: Final = (
    "SELECT items.seq, bodies.raw FROM items JOIN bodies ON bodies.id = items.body"
    " WHERE items.seq IN ({marks})"
)


def of_objects(
    connection: Connection, names: Names, secret: bytes, holder: OrganisationId, ids: Iterable[str]
) -> list[Version]:
    """Every version of these objects, object by object, by number."""
    number = names.numbers((holder,)).get(holder)
    if number is None:
        return []
    found: list[Any] = []
    for each in ids:
        values = (*item_span(secret, each), each, number)
        found += placed(connection, _COLUMNS + _OF_OBJECT, values)
    return _versions(names, found)


def at(
    connection: Connection, names: Names, holder: OrganisationId, numbers: Sequence[int]
) -> list[Version]:
    """The items of a holder with these numbers, by number."""
    number = names.numbers((holder,)).get(holder)
    if number is None:
        return []
    found: list[Any] = []
    for chunk in _chunks(sorted(numbers)):
        statement = _COLUMNS + _AT.format(marks=_marks(chunk))
        found += placed(connection, statement, (*chunk, number))
    return _versions(names, found)


def bytes_at(connection: Connection, numbers: Sequence[int]) -> dict[int, bytes]:
    """The exact bytes of items, by number; what is not stored is absent."""
    found: dict[int, bytes] = {}
    for chunk in _chunks(numbers):
        rows = placed(connection, _BYTES.format(marks=_marks(chunk)), tuple(chunk))
        found.update((seq, bytes(raw)) for seq, raw in rows)
    return found


def _versions(names: Names, rows: Sequence[Any]) -> list[Version]:
    texts = names.texts({row[2] for row in rows})
    return [
        Version(seq, item, OrganisationId(texts[originator]), modified, added, class_id, size)
        for seq, item, originator, modified, added, class_id, size in rows
    ]


def _marks(chunk: Sequence[int]) -> str:
    return ", ".join("?" * len(chunk))


def _chunks(numbers: Sequence[int]) -> Iterable[Sequence[int]]:
    return (numbers[start : start + _CHUNK] for start in range(0, len(numbers), _CHUNK))
