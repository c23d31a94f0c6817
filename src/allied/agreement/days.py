"""When a day begins and ends, and when a period has passed, in an agreement's time zone.

Rules that hold everywhere below. Seconds, minutes and hours are counted by the clock; days and
longer periods by the calendar of the time zone, so that a term ends at the same hour in summer.
What lies beyond the year 9999 is never reached.

Source: agreement format, T5.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from allied.agreement.values import Duration
from allied.errors import MalformedError

NEVER: Final = datetime.max.replace(tzinfo=UTC)
"""Where a period ends that reaches beyond the year 9999."""

ONE_DAY: Final = Duration(1, "days")

_BY_THE_CLOCK: Final = frozenset({"seconds", "minutes", "hours"})


def start_of_day(day: date, timezone: str) -> datetime:
    """The first instant of a day in a time zone, in UTC.

    Raises:
        MalformedError: `agreement.unknown-timezone`.
    """
    here = _zone(timezone)
    try:
        return datetime.combine(day, time(), tzinfo=here).astimezone(UTC)
    except OverflowError:  # the first day of the calendar, east of Greenwich
        return datetime.combine(day, time(), tzinfo=UTC)


def end_of_day(day: date, timezone: str) -> datetime:
    """The first instant after a day in a time zone, in UTC.

    Raises:
        MalformedError: `agreement.unknown-timezone`.
    """
    return NEVER if day == date.max else start_of_day(day + timedelta(days=1), timezone)


def later(by: Duration, start: datetime, timezone: str) -> datetime:
    """When `by` has passed since `start`; days and more by the calendar of the time zone.

    Raises:
        MalformedError: `agreement.unknown-timezone`.
    """
    try:
        if by.unit in _BY_THE_CLOCK:
            return by.after(start)
        return by.after(start.astimezone(_zone(timezone))).astimezone(UTC)
    except OverflowError:
        return NEVER


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
        raise MalformedError(
            "agreement.unknown-timezone", "the agreement names a time zone that is not known here"
        ) from unknown
