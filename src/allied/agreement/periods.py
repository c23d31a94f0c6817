"""When a period ends: by the clock, or by the calendar of the agreement.

Hours run by the clock; days, working days, months and years follow the calendar of a time zone,
so that a day lasts until the same time of the next day, whatever the clocks do in between.

A period that ends beyond the calendar has no end: `after` answers None.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from allied.agreement.values import Duration
from allied.errors import MalformedError

_BY_THE_CLOCK: Final = frozenset({"seconds", "minutes", "hours"})


def after(start: datetime, by: Duration, timezone: str) -> datetime | None:
    """Return when `by` has passed since `start`, in UTC; None beyond the year 9999.

    Raises:
        MalformedError: `agreement.unknown-timezone`.
    """
    return _shifted(start, by, timezone)


def before(end: datetime, by: Duration, timezone: str) -> datetime | None:
    """Return the last moment from which `by` still ends by `end`; None before the year 1.

    Of working days the last working day is taken that many before.

    Raises:
        MalformedError: `agreement.unknown-timezone`.
    """
    try:
        if by.exact is not None and by.unit in _BY_THE_CLOCK:
            return end - by.exact
        local = end.astimezone(zone(timezone))
        if by.exact is not None:
            return (local - by.exact).astimezone(UTC)
        guess = local - timedelta(days=_MOST[by.unit] * by.count + 4)
        for _ in range(_MOST[by.unit] * by.count + 8):
            if by.after(guess + timedelta(days=1)) > local:
                break
            guess += timedelta(days=1)
        return guess.astimezone(UTC)
    except OverflowError:
        return None


_MOST: Final = {"working days": 2, "months": 31, "years": 366}
"""More days than a unit has."""


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


def _shifted(start: datetime, by: Duration, timezone: str) -> datetime | None:
    try:
        if by.unit in _BY_THE_CLOCK:
            return by.after(start)
        return by.after(start.astimezone(zone(timezone))).astimezone(UTC)
    except OverflowError:
        return None
