"""What stands beside the items: those that were withdrawn, remarks, and what is passed on.

Few rows, looked for by organisation and object. An item that is withdrawn leaves the table of
items, so that no page, count or stream has to ask whether it is still there; what is left of it
lies in a table of its own, its bytes too until they are erased.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, delete, select, update

from allied.adapters.sql.dialect import among, ask, insert, placed
from allied.adapters.sql.pages import version_span
from allied.adapters.sql.schema import (
    bodies,
    class_counts,
    items,
    passed_on,
    remarks,
    withdrawn,
)
from allied.node.rows import SPOILT, ItemRow, RemarkRow, WithdrawnRow
from allied.record.ids import OrganisationId

if TYPE_CHECKING:
    from allied.adapters.sql.names import Names
    from allied.record.ids import AgreementId

_KEPT: Final = [column.name for column in withdrawn.columns if column.name in ItemRow.__slots__]
_REMARK: Final = [column for column in remarks.columns if column.name != "place"]
_PASSED_ON: Final = (
    "SELECT seq FROM passed_on WHERE organisation = ? AND agreement = ? AND recipient = ?"
    " ORDER BY seq"
)
_WITHDRAWN: Final = (
    "SELECT originator, id, modified FROM withdrawn"
    " WHERE holder = ? AND agreement = ? AND reason <> ? AND id "
)
_ANOTHER: Final = "SELECT seq FROM items WHERE key BETWEEN ? AND ? AND body = ? LIMIT 1"


# --- asking -------------------------------------------------------------------------------


def find_withdrawn(
    connection: Connection,
    agreement: AgreementId,
    holder: OrganisationId,
    *,
    item: str | None,
    record: str | None,
    after: int,
    limit: int,
) -> Sequence[WithdrawnRow]:
    """See `Reading.withdrawn`."""
    query = select(withdrawn).where(
        withdrawn.c.holder == holder, withdrawn.c.agreement == agreement, withdrawn.c.seq > after
    )
    if item is not None:
        query = query.where(withdrawn.c.id == item)
    if record is not None:
        query = query.where(withdrawn.c.record == record)
    rows = connection.execute(query.order_by(withdrawn.c.seq).limit(max(limit, 0)))
    return [
        WithdrawnRow(
            ItemRow(**{name: row[name] for name in _KEPT}),
            row["reason"],
            row["record"],
            row["at"],
            row["raw"],
        )
        for row in rows.mappings()
    ]


def withdrawn_names(
    connection: Connection, agreement: AgreementId, holder: OrganisationId, objects: Iterable[str]
) -> frozenset[tuple[OrganisationId, str, str]]:
    """See `Reading.withdrawn_names`."""
    wanted = sorted(set(objects))
    if not wanted:
        return frozenset()
    given: object = wanted
    among_them = "= ANY(?)"
    if connection.dialect.name == "sqlite":
        given, among_them = json.dumps(wanted), "IN (SELECT value FROM json_each(?))"
    found = placed(connection, _WITHDRAWN + among_them, (holder, agreement, SPOILT, given))
    return frozenset((row[0], row[1], row[2]) for row in found)


def find_remarks(
    connection: Connection, organisation: OrganisationId, objects: Iterable[str] | None
) -> Sequence[RemarkRow]:
    """See `Reading.remarks`."""
    query = select(*_REMARK).where(remarks.c.organisation == organisation)
    if objects is not None:
        query = query.where(among(connection, remarks.c.item, sorted(set(objects))))
    return [RemarkRow(*row) for row in connection.execute(query.order_by(remarks.c.place))]


def passed_on_numbers(
    connection: Connection, agreement: AgreementId, holder: OrganisationId, recipient: str
) -> list[int]:
    """The numbers of what is to be passed on, ascending."""
    return [seq for (seq,) in placed(connection, _PASSED_ON, (holder, agreement, recipient))]


# --- changing -----------------------------------------------------------------------------


def withdraw(
    connection: Connection,
    names: Names,
    secret: bytes,
    rows: Sequence[ItemRow],
    told: dict[str, Any],
    *,
    erase: bool,
) -> None:
    """Move items out of the way of every view; `told` is reason, record and instant."""
    numbers = [row.seq for row in rows]
    of_items = among(connection, items.c.seq, numbers)
    found = connection.execute(
        select(items.c.seq, items.c.body, bodies.c.raw)
        .join_from(items, bodies, bodies.c.id == items.c.body)
        .where(of_items)
    ).all()
    raws = {seq: raw for seq, _, raw in found}
    body_of = {seq: body for seq, body, _ in found}
    here = [row for row in rows if row.seq in raws]
    if not here:
        return
    connection.execute(
        insert(connection, withdrawn),
        [
            {name: value for name, value in asdict(row).items() if name in _KEPT}
            | told
            | {"raw": None if erase else raws[row.seq]}
            for row in here
        ],
    )
    connection.execute(delete(items).where(of_items))
    for row in here:
        span = version_span(secret, row.id, row.modified)
        if ask(connection, _ANOTHER, (*span, body_of[row.seq])) is None:
            connection.execute(delete(bodies).where(bodies.c.id == body_of[row.seq]))
    by_name = names.numbers({name for row in here for name in (row.holder, row.agreement)})
    less = Counter((by_name[row.holder], row.class_id, by_name[row.agreement]) for row in here)
    for (holder, class_id, agreement), number in less.items():
        place = (
            (class_counts.c.holder == holder)
            & (class_counts.c.class_id == class_id)
            & (class_counts.c.agreement == agreement)
        )
        counted = class_counts.c.count
        connection.execute(update(class_counts).where(place).values(count=counted - number))
        connection.execute(delete(class_counts).where(place, counted <= 0))


def put_remark(connection: Connection, remark: RemarkRow) -> int:
    """Keep a remark; how many rows are new."""
    row = insert(connection, remarks).values(**asdict(remark)).on_conflict_do_nothing()
    return connection.execute(row, execution_options={"preserve_rowcount": True}).rowcount


def put_passed_on(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Remember what is to be passed on; what is remembered already stays as it is."""
    if rows:
        connection.execute(insert(connection, passed_on).on_conflict_do_nothing(), rows)


def renumber_passed_on(connection: Connection, numbers: Mapping[int, int]) -> None:
    """What was to be passed on stays so under its new number."""
    waiting = select(passed_on.c.seq).where(among(connection, passed_on.c.seq, list(numbers)))
    for seq in sorted(set(connection.execute(waiting).scalars())):
        place = update(passed_on).where(passed_on.c.seq == seq)
        connection.execute(place.values(seq=numbers[seq]))
