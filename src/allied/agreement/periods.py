"""When a period ends, and from when on it would end too late.

Hours run by the clock; days, working days, months and years follow the calendar of a time zone,
so that a day lasts until the same time of the next day, whatever the clocks do in between.

A period that ends beyond the calendar has no end: the answer is None.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from allied.agreement.values import Duration
from allied.errors import MalformedError

_BY_THE_CLOCK: Final = frozenset({"seconds", "minutes", "hours"})
_MOST_DAYS: Final = {"working days": 2, "months": 31, "years": 366}
"""More days than a unit has."""
_A_SECOND: Final = timedelta(seconds=1)


@lru_cache(maxsize=256)
def zone(name: str) -> ZoneInfo:
    """Return a time zone by its name.

    Raises:
        MalformedError: `agreement.unknown-timezone`.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
        raise MalformedError(
            "agreement.unknown-timezone", "the agreement names a time zone that is not known here"
        ) from unknown


def after(start: datetime, by: Duration, timezone: str) -> datetime | None:
    """Return when `by` has passed since `start`, in UTC; None beyond the year 9999.

    Raises:
        MalformedError: `agreement.unknown-timezone`.
    """
    try:
        if by.unit in _BY_THE_CLOCK:
            return by.after(start)
        return by.after(start.astimezone(zone(timezone))).astimezone(UTC)
    except OverflowError:
        return None


def last_start(end: datetime, by: Duration, timezone: str) -> datetime | None:
    """Return the last second from which `by` has passed by `end`; None before the year 1.

    Raises:
        MalformedError: `agreement.unknown-timezone`.

    Cost: some forty steps.
    """
    longest = by.exact
    try:
        if longest is not None and by.unit in _BY_THE_CLOCK:
            return end - longest
        if longest is None:
            longest = timedelta(days=_MOST_DAYS[by.unit] * by.count)
        low, high = end - longest - timedelta(days=5), end
    except OverflowError:
        return None
    if _is_over(high, by, end, timezone):
        return high
    while high - low > _A_SECOND:
        middle = low + timedelta(seconds=(high - low) // _A_SECOND // 2)
        if _is_over(middle, by, end, timezone):
            low = middle
        else:
            high = middle
    return low


def _is_over(start: datetime, by: Duration, end: datetime, timezone: str) -> bool:
    ended = after(start, by, timezone)
    return ended is not None and ended <= end
