"""Dates of addition, and streams of items in their order.

A poller remembers the last date it saw and asks for what was added later. That loses nothing
only if dates grow in the order in which items became visible, and no two items share one. The
store gives each item such a date (`ItemRow.added`); here is how it is written, and how a
reader walks along.

Words used here:
    stream      items of one holder under one agreement, by their numbers
    added       microseconds since 1970; strictly growing along all streams of a holder
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from allied.node.ports import Reading
    from allied.node.rows import ItemRow, WithdrawnRow
    from allied.record.ids import AgreementId, OrganisationId

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_ONE: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - as above, said without its zone
_MICROSECOND: Final = timedelta(microseconds=1)
_CHUNK: Final = 5_000


def microseconds(at: datetime) -> int:
    """An aware instant as microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def instant_of(added: int) -> datetime:
    """What `microseconds` was given, in UTC."""
    return _EPOCH + timedelta(microseconds=added)


def date_text(added: int) -> str:
    """A date as RFC 3339 with six digits of a fraction: no two dates share a spelling."""
    return f"{(_DAY_ONE + timedelta(microseconds=added)).isoformat(timespec='microseconds')}Z"


def stream(
    reading: Reading,
    agreement: AgreementId,
    holder: OrganisationId,
    *,
    after: int = 0,
    chunk: int = _CHUNK,
    classes: Sequence[int] | None = None,
    originator: OrganisationId | None = None,
    item: str | None = None,
    types: Sequence[str] | None = None,
    added_after: int | None = None,
) -> Iterator[ItemRow]:
    """Items with a number above `after`, by number, `chunk` at a time; see `Reading.items`."""
    while True:
        rows = reading.items(
            agreement,
            holder,
            after=after,
            limit=chunk,
            classes=classes,
            originator=originator,
            item=item,
            types=types,
            added_after=added_after,
        )
        yield from rows
        if len(rows) < chunk:
            return
        after, added_after = rows[-1].seq, None


def withdrawn(
    reading: Reading,
    agreement: AgreementId,
    holder: OrganisationId,
    *,
    item: str | None = None,
    record: str | None = None,
    chunk: int = 1_000,
) -> Iterator[WithdrawnRow]:
    """What were items here, by the numbers that they had, `chunk` at a time."""
    after = 0
    while True:
        rows = reading.withdrawn(
            agreement, holder, item=item, record=record, after=after, limit=chunk
        )
        yield from rows
        if len(rows) < chunk:
            return
        after = rows[-1].item.seq
