"""When each item of one holder was added, in an order that a poller can rely on.

A poller remembers the last date it saw and asks for what was added later. That loses nothing
only if dates grow in the order in which items became visible, and no two items share one.
The instant of receipt does neither: a batch has one instant for all, and a long share may
be overtaken by a short one. So a date is derived from it here.

Words used here:
    stream      all items of one holder, under all its agreements, by their numbers
    date added  microseconds since 1970; strictly growing along the stream
    stretch     a part of the stream whose dates grow by one microsecond a number
    repeated    an object of which the stream holds, or may hold, more than one version

Rules. A date depends on the stored stream and on nothing else, so every process gives the
same, also after a restart. An item is never dated before its receipt, and only as far after
it as the items before it ask for. `repeated` may err on one side only: it may call an object
repeated that is not, never the other way round.

Cost: the stream is walked once per process; after that, what is new. Memory: a few bytes
per stretch, and a fixed table of 4 MiB per holder.
"""

from __future__ import annotations

import heapq
import threading
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from allied.node.ports import Reading
    from allied.node.rows import ItemRow
    from allied.record.ids import AgreementId, OrganisationId

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_CHUNK: Final = 5_000
_SEEN_BITS: Final = 1 << 25


def microseconds(at: datetime) -> int:
    """An aware instant as microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def instant_of(added: int) -> datetime:
    """What `microseconds` was given, in UTC."""
    return _EPOCH + timedelta(microseconds=added)


def date_text(added: int) -> str:
    """A date as RFC 3339 with six digits of a fraction: no two dates share a spelling."""
    return instant_of(added).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Additions:
    """The dates of one holder's stream; safe to use from several threads."""

    def __init__(self, holder: OrganisationId) -> None:
        self._holder = holder
        self._lock = threading.Lock()
        self._last = 0
        self._firsts: list[int] = []
        self._dates: list[int] = []
        self._seen = bytearray(_SEEN_BITS // 8)
        self._repeated: set[int] = set()

    def extend(self, reading: Reading, agreements: Sequence[AgreementId]) -> None:
        """Take in what `reading` sees and was not taken in yet.

        Args:
            agreements: every agreement under which the holder may hold items.
        """
        with self._lock:
            streams = (
                stream(reading, agreement, self._holder, after=self._last)
                for agreement in agreements
            )
            for row in heapq.merge(*streams, key=attrgetter("seq")):
                self._date(row.seq, microseconds(row.received_at))
                self._notice(hash(row.id))
                self._last = row.seq

    def added(self, seq: int) -> int:
        """The date of the item with that number; it has been taken in."""
        with self._lock:
            place = bisect_right(self._firsts, seq) - 1
            return self._dates[place] + seq - self._firsts[place]

    def number_at(self, added: int) -> int:
        """A number n: exactly the items with numbers above n are dated after `added`."""
        with self._lock:
            place = bisect_right(self._dates, added) - 1
            if place < 0:
                return 0
            number = self._firsts[place] + added - self._dates[place]
            following = place + 1
            if following < len(self._firsts):
                return min(number, self._firsts[following] - 1)
            return min(number, self._last)

    @property
    def last(self) -> int:
        """The highest number taken in; 0 before the first."""
        return self._last

    def repeated(self, item: str) -> bool:
        """Whether the stream may hold more than one version of an object."""
        return hash(item) in self._repeated

    def _date(self, seq: int, received: int) -> None:
        """Go on with the stretch, or begin another where the receipt is later than that."""
        if not self._firsts or received > self._dates[-1] + seq - self._firsts[-1]:
            self._firsts.append(seq)
            self._dates.append(received)

    def _notice(self, key: int) -> None:
        place, bit = divmod(key % _SEEN_BITS, 8)
        if self._seen[place] & 1 << bit:
            self._repeated.add(key)
        self._seen[place] |= 1 << bit


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
        )
        yield from rows
        if len(rows) < chunk:
            return
        after = rows[-1].seq
