"""Texts beside records: those that are wanted, held, and erased at their author's wish.

What was erased leaves a row that says so. It keeps the text from being wanted or stored again,
also where a node has been put back from an older copy and fetches its records anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from typing import Final

from sqlalchemy import Connection, and_, delete, exists, func, select

from allied.adapters.sql.dialect import among, insert
from allied.adapters.sql.schema import blobs, erasures, wanted
from allied.node.rows import ErasureRow
from allied.record.ids import AgreementId, CircleId, Digest

_GONE: Final = exists().where(
    and_(erasures.c.blob == blobs.c.digest, erasures.c.agreement == blobs.c.agreement)
)


def find(connection: Connection, blob: Digest) -> tuple[AgreementId, CircleId, bytes] | None:
    """See `Reading.blob`."""
    query = select(blobs.c.agreement, blobs.c.circle, blobs.c.raw)
    row = connection.execute(query.where(blobs.c.digest == blob, ~_GONE)).first()
    return None if row is None else (row.agreement, row.circle, row.raw)


def erasure(
    connection: Connection, blob: Digest, agreement: AgreementId | None
) -> ErasureRow | None:
    """See `Reading.erasure`."""
    query = select(erasures).where(erasures.c.blob == blob)
    if agreement is not None:
        query = query.where(erasures.c.agreement == agreement)
    elif find(connection, blob) is not None:
        return None  # it was erased under another agreement only
    row = connection.execute(query.order_by(erasures.c.agreement)).mappings().first()
    return None if row is None else ErasureRow(**row)


def erasures_of(connection: Connection, agreement: AgreementId) -> dict[Digest, ErasureRow]:
    """See `Reading.erasures`."""
    query = select(erasures).where(erasures.c.agreement == agreement)
    rows = [ErasureRow(**row) for row in connection.execute(query).mappings()]
    return {row.blob: row for row in rows}


def unheld(
    connection: Connection, agreement: AgreementId, named: Sequence[Digest]
) -> Sequence[Digest]:
    """Those of some blobs that are neither held nor erased."""
    held = select(blobs.c.digest).where(among(connection, blobs.c.digest, named))
    gone = select(erasures.c.blob).where(
        erasures.c.agreement == agreement, among(connection, erasures.c.blob, named)
    )
    known = {row[0] for row in connection.execute(held)}
    known |= {row[0] for row in connection.execute(gone)}
    return [blob for blob in named if blob not in known]


def is_erased(connection: Connection, agreement: AgreementId, blob: Digest) -> bool:
    """Whether a blob must not be stored under an agreement."""
    return erasure(connection, blob, agreement) is not None


def erase(connection: Connection, row: ErasureRow) -> None:
    """See `Writing.erase_blob`."""
    values = asdict(row)
    statement = insert(connection, erasures).values(**values)
    said = {name: statement.excluded[name] for name in values if name not in ("agreement", "blob")}
    connection.execute(
        statement.on_conflict_do_update(index_elements=["blob", "agreement"], set_=said)
    )
    its = and_(blobs.c.digest == row.blob, blobs.c.agreement == row.agreement)
    if not row.kept:
        connection.execute(delete(blobs).where(its))
    connection.execute(
        delete(wanted).where(wanted.c.blob == row.blob, wanted.c.agreement == row.agreement)
    )


def spoilt(
    connection: Connection, after: str, most: int, most_bytes: int
) -> tuple[str, Sequence[Digest]]:
    """See `Reading.spoilt_blobs`; one blob at a time is in memory."""
    sizes = select(blobs.c.digest, func.length(blobs.c.raw)).where(blobs.c.digest > after, ~_GONE)
    bad: list[Digest] = []
    seen, last = 0, ""
    for name, size in connection.execute(sizes.order_by(blobs.c.digest).limit(most)).all():
        if last and seen + size > most_bytes:
            return last, bad
        raw = connection.execute(select(blobs.c.raw).where(blobs.c.digest == name)).scalar()
        if raw is not None and sha256(raw).hexdigest() != name:
            bad.append(name)
        seen, last = seen + size, name
    more = connection.execute(select(blobs.c.digest).where(blobs.c.digest > last).limit(1)).first()
    return (last if last and more else ""), bad
