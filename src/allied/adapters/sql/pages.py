"""Pages of items: which rows, in which order, at what cost.

A page is the items of one holder under one agreement with `seq` after a given number, by
`seq`, at most `limit` of them; a reader may see only certain handling classes.

Words used here:
    share of a class set   how many of the items it covers, from counts kept at intake
    scan                   walk all items by number, the class tested inside the index
    window                 ask only the index by class, in a stretch of numbers that is
                           doubled until the page is full

Both ways give the same page. The scan is the cheaper one when a reader sees a good part of
what is stored, the window when it sees little. Left to itself SQLite collects *all* that is
visible and sorts it, for every page again; so each way names the index it goes by.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from hashlib import blake2b
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    Select,
    func,
    select,
    type_coerce,
)

from allied.adapters.sql.dialect import among, ask, by_index, placed
from allied.adapters.sql.names import Names
from allied.adapters.sql.schema import (
    bodies,
    counters,
    from_microseconds,
    items,
)
from allied.node.rows import ItemRow
from allied.record.ids import AgreementId, Digest, OrganisationId

SCAN_FROM: Final = 0.10
"""The visible part of all items from which a scan is the cheaper way."""

_CHUNK: Final = 5_000
_WINDOW_AT_LEAST: Final = 1_000
_LOW_HALF: Final = 0xFFFFFFFF
_LOW_QUARTER: Final = 0xFFFF

_BY_NUMBER: Final = "ix_items_agreement_holder_seq_class_id"
_BY_CLASS: Final = "ix_items_by_class"
_BY_KEY: Final = "ix_items_key"
_BY_SHARE: Final = "ix_items_share"

_COLUMNS: Final = tuple(
    # An instant is converted once per batch, see `_item_rows`.
    type_coerce(items.c[field.name], BigInteger()).label(field.name)
    if field.name == "received_at"
    else items.c[field.name]
    for field in fields(ItemRow)
)
_NAMED: Final = tuple(
    place
    for place, field in enumerate(_COLUMNS)
    if field.name
    in {"holder", "originator", "agreement", "via", "statement", "share", "type", "kind"}
)
"""Where in a row a number stands for a name."""
_RECEIVED: Final = [field.name for field in fields(ItemRow)].index("received_at")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One page as it is asked for; see `allied.node.ports.Reading.items`."""

    agreement: AgreementId
    holder: OrganisationId
    after: int
    limit: int
    classes: tuple[int, ...] | None = None
    originator: OrganisationId | None = None
    item: str | None = None
    types: tuple[str, ...] | None = None
    added_after: int | None = None
    modified: str | None = None
    share: str | None = None


# --- keys ---------------------------------------------------------------------------------


def item_key(
    secret: bytes, item: str, modified: str, holder: str, originator: str, agreement: str
) -> int:
    """The 8-byte key of an item: 4 bytes of the id, 2 of the version, 2 of the rest."""
    return version_span(secret, item, modified)[0] + rest_key(secret, holder, originator, agreement)


def rest_key(secret: bytes, holder: str, originator: str, agreement: str) -> int:
    """The lowest 2 bytes of the key of an item."""
    rest = f"{holder}\0{originator}\0{agreement}".encode()
    return int.from_bytes(blake2b(rest, digest_size=2, key=secret, person=b"rest").digest(), "big")


def item_keys(secret: bytes, ids: Sequence[str], modified: Sequence[str], rest: int) -> list[int]:
    """As `item_key`, for many items whose rest is the same; see `rest_key`."""
    of_object = blake2b(digest_size=4, key=secret, person=b"object").copy
    of_version = blake2b(digest_size=2, key=secret, person=b"version").copy
    keys = []
    for item, version in zip(ids, modified, strict=True):
        high = of_object()
        high.update(item.encode())
        middle = of_version()
        middle.update(version.encode())
        keys.append(
            (int.from_bytes(high.digest(), "big", signed=True) << 32)
            + (int.from_bytes(middle.digest(), "big") << 16)
            + rest
        )
    return keys


def version_span(secret: bytes, item: str, modified: str) -> tuple[int, int]:
    """The lowest and the highest key that one version of an object can have, both included."""
    middle = blake2b(modified.encode(), digest_size=2, key=secret, person=b"version").digest()
    low = item_span(secret, item)[0] + (int.from_bytes(middle, "big") << 16)
    return low, low + _LOW_QUARTER


def item_span(secret: bytes, item: str) -> tuple[int, int]:
    """The lowest and the highest key that versions of an object can have, both included."""
    high = blake2b(item.encode(), digest_size=4, key=secret, person=b"object").digest()
    low = int.from_bytes(high, "big", signed=True) << 32
    return low, low + _LOW_HALF


# --- questions ----------------------------------------------------------------------------


def page(connection: Connection, names: Names, secret: bytes, wanted: Wanted) -> Sequence[ItemRow]:
    """The page that is `wanted`.

    Cost: about the size of the page, whatever is stored; `originator` and `types` are tested
    row by row.
    """
    if wanted.limit <= 0 or wanted.classes == () or wanted.types == ():
        return ()
    conditions = _conditions(names, wanted)
    if conditions is None:
        return ()
    if wanted.item is not None:
        conditions.append(items.c.key.between(*item_span(secret, wanted.item)))
        conditions.append(items.c.id == wanted.item)
        rows = scan(connection, names, wanted, conditions, index=_BY_KEY)
    elif wanted.share is not None:
        rows = scan(connection, names, wanted, conditions, index=_BY_SHARE)
    elif wanted.classes is None or visible_part(connection, names, wanted) >= SCAN_FROM:
        rows = scan(connection, names, wanted, conditions)
    else:
        rows = window(connection, names, wanted, conditions)
    return _item_rows(names, rows)


def latest(
    connection: Connection,
    names: Names,
    agreement: AgreementId,
    holder: OrganisationId,
    before: int | None,
    limit: int,
) -> Sequence[ItemRow]:
    """The items stored last, the latest first; cost: the size of the page."""
    wanted = Wanted(agreement, holder, 0, limit)
    conditions = _conditions(names, wanted)
    if conditions is None or limit <= 0:
        return ()
    query = select(*_COLUMNS).where(*conditions, *_whose(names, wanted))
    if before is not None:
        query = query.where(items.c.seq < before)
    ordered = by_index(query.order_by(items.c.seq.desc()), items, _BY_NUMBER)
    return _item_rows(names, connection.execute(ordered.limit(limit)).all())


def numbered(
    connection: Connection,
    names: Names,
    agreement: AgreementId,
    holder: OrganisationId,
    numbers: Sequence[int],
) -> Sequence[ItemRow]:
    """A holder's items with these numbers, as far as they are still there, by number."""
    wanted = Wanted(agreement, holder, 0, len(numbers))
    conditions = _conditions(names, wanted)
    if conditions is None or not numbers:
        return ()
    query = select(*_COLUMNS).where(
        among(connection, items.c.seq, numbers), *conditions, *_whose(names, wanted)
    )
    return _item_rows(names, connection.execute(query.order_by(items.c.seq)).all())


def item_bytes(connection: Connection, rows: Sequence[ItemRow]) -> Mapping[Digest, bytes]:
    """Exact bytes of stored items, by digest; what is not stored is absent from the answer."""
    wanted = {row.digest: row.seq for row in rows}
    found: dict[Digest, bytes] = {}
    for chunk in _chunks(list(wanted.values())):
        query = select(items.c.digest, bodies.c.raw).join_from(
            items, bodies, bodies.c.id == items.c.body
        )
        for digest, raw in connection.execute(query.where(among(connection, items.c.seq, chunk))):
            found[Digest(digest.hex())] = raw
    return {digest: found[digest] for digest in wanted if digest in found}


def newest(connection: Connection, names: Names, holder: OrganisationId) -> tuple[int, int]:
    """Number and date of the item that a holder had last; (0, 0) if it has none."""
    numbers = names.numbers((holder,))
    if holder not in numbers:
        return 0, 0
    query = select(items.c.seq, items.c.added).where(items.c.holder == numbers[holder])
    row = connection.execute(query.order_by(items.c.added.desc()).limit(1)).first()
    return (0, 0) if row is None else (row.seq, row.added)


# A plus keeps an index from being used; here the one on the keys is the only good one.
_CLASS: Final = (
    "SELECT class_id FROM items WHERE key BETWEEN ? AND ? AND id = ?"
    " AND +agreement = ? AND +holder = ? AND +originator = ? ORDER BY +seq DESC LIMIT 1"
)


def classes_of_items(
    connection: Connection,
    names: Names,
    secret: bytes,
    whose: tuple[AgreementId, OrganisationId, OrganisationId],
    objects: Iterable[str],
) -> Mapping[str, int]:
    """By object, the class of the item stored last; `whose` is agreement, holder, originator."""
    numbers = names.numbers(whose)
    if any(name not in numbers for name in whose):
        return {}
    found: dict[str, int] = {}
    by_number = tuple(numbers[name] for name in whose)
    for each in objects:
        row = ask(connection, _CLASS, (*item_span(secret, each), each, *by_number))
        if row is not None:
            found[each] = row[0]
    return found


_COUNTS: Final = (
    "SELECT class_id, count FROM class_counts WHERE agreement = ? AND holder = ? ORDER BY class_id"
)


def counts(
    connection: Connection, names: Names, agreement: AgreementId, holder: OrganisationId
) -> Mapping[int, int]:
    """How many items per handling class; classes without items are absent."""
    numbers = names.numbers((agreement, holder))
    if agreement not in numbers or holder not in numbers:
        return {}
    rows = placed(connection, _COUNTS, (numbers[agreement], numbers[holder]))
    return {row[0]: row[1] for row in rows}


def visible_part(connection: Connection, names: Names, wanted: Wanted) -> float:
    """How much of all items the wanted classes cover, from 0 to 1."""
    per_class = counts(connection, names, wanted.agreement, wanted.holder)
    whole = sum(per_class.values())
    visible = sum(per_class.get(number, 0) for number in set(wanted.classes or ()))
    return visible / whole if whole else 0.0


# --- the ways to a page -------------------------------------------------------------------


def scan(
    connection: Connection,
    names: Names,
    wanted: Wanted,
    conditions: list[ColumnElement[bool]],
    *,
    index: str = _BY_NUMBER,
) -> Sequence[Row[Any]]:
    """Walk an index, by number, everything else tested on the way."""
    query = _query(conditions, index).where(*_whose(names, wanted), items.c.seq > wanted.after)
    if wanted.classes is not None:
        query = query.where(items.c.class_id.in_(wanted.classes))
    return connection.execute(query.limit(wanted.limit)).all()


def window(
    connection: Connection, names: Names, wanted: Wanted, conditions: list[ColumnElement[bool]]
) -> Sequence[Row[Any]]:
    """Ask the index by class, stretch by stretch."""
    classes = sorted(set(wanted.classes or ()))
    per_class = counts(connection, names, wanted.agreement, wanted.holder)
    visible = sum(per_class.get(number, 0) for number in classes)
    if not visible:
        return ()
    query = select(func.max(counters.c.value)).where(counters.c.name == "item")
    last = int(connection.execute(query).scalar() or 0)
    width = max(_WINDOW_AT_LEAST, wanted.limit * last // visible * 5 // 4)
    rows: list[Row[Any]] = []
    low = wanted.after
    while low < last and len(rows) < wanted.limit:
        high = low + width
        stretch = (
            _query(conditions, _BY_CLASS)
            .where(
                *_whose(names, wanted),
                items.c.class_id.in_(classes),
                items.c.seq > low,
                items.c.seq <= high,
            )
            .limit(wanted.limit - len(rows))
        )
        rows.extend(connection.execute(stretch))
        low, width = high, width * 2
    return rows


def _query(conditions: list[ColumnElement[bool]], index: str) -> Select[Any]:
    query = select(*_COLUMNS).where(*conditions).order_by(items.c.seq)
    return by_index(query, items, index)


def _whose(names: Names, wanted: Wanted) -> tuple[ColumnElement[bool], ...]:
    numbers = names.numbers((wanted.agreement, wanted.holder))
    return (
        items.c.agreement == numbers[wanted.agreement],
        items.c.holder == numbers[wanted.holder],
    )


def _conditions(names: Names, wanted: Wanted) -> list[ColumnElement[bool]] | None:
    """What is asked besides place and class; None when a name is unknown, so nothing fits."""
    asked = [wanted.agreement, wanted.holder, *(wanted.types or ())]
    asked += [name for name in (wanted.originator, wanted.share) if name is not None]
    numbers = names.numbers(asked)
    required = [wanted.agreement, wanted.holder, wanted.originator, wanted.share]
    if any(name is not None and name not in numbers for name in required):
        return None
    conditions: list[ColumnElement[bool]] = []
    if wanted.originator is not None:
        conditions.append(items.c.originator == numbers[wanted.originator])
    if wanted.share is not None:
        conditions.append(items.c.share == numbers[wanted.share])
    if wanted.types is not None:
        types = sorted({numbers[name] for name in wanted.types if name in numbers})
        if not types:
            return None
        conditions.append(items.c.type.in_(types))
    if wanted.added_after is not None:
        conditions.append(items.c.seq > _dated_until(names, wanted))
    if wanted.modified is not None:
        conditions.append(items.c.modified == wanted.modified)
    return conditions


def _dated_until(names: Names, wanted: Wanted) -> ColumnElement[int]:
    """The number above which a holder's items are dated after `added_after`."""
    # Dates grow with the numbers, so the index on them finds the place in one step.
    until = (
        select(items.c.seq)
        .where(
            items.c.holder == names.numbers((wanted.holder,))[wanted.holder],
            items.c.added <= wanted.added_after,
        )
        .order_by(items.c.added.desc())
        .limit(1)
    )
    return func.coalesce(until.scalar_subquery(), 0)


def _item_rows(names: Names, rows: Sequence[Any]) -> list[ItemRow]:
    texts = names.texts({row[place] for place in _NAMED for row in rows})
    instants = {at: from_microseconds(at) for at in {row[_RECEIVED] for row in rows}}
    return [
        ItemRow(
            seq,
            OrganisationId(texts[holder]),
            OrganisationId(texts[originator]),
            AgreementId(texts[agreement]),
            item,
            modified,
            texts[type_],
            texts[kind],
            Digest(digest.hex()),
            size,
            class_id,
            Digest(texts[statement]),
            proof,
            OrganisationId(texts[via]),
            instants[received_at],
            texts[share],
            added,
            repeated,
        )
        for (
            seq,
            holder,
            originator,
            agreement,
            item,
            modified,
            type_,
            kind,
            digest,
            size,
            class_id,
            statement,
            proof,
            via,
            received_at,
            share,
            added,
            repeated,
        ) in rows
    ]


def _chunks(numbers: list[int]) -> Iterable[list[int]]:
    return (numbers[start : start + _CHUNK] for start in range(0, len(numbers), _CHUNK))
