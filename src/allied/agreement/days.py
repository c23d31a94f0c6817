"""When a day begins and ends, and when a period has passed, in an agreement's time zone.

Rule that holds everywhere below: what lies beyond the year 9999 is never reached. How a period is
counted stands in `agreement.periods`.

Source: agreement format, T5.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from allied.agreement.periods import after, zone
from allied.agreement.values import Duration

NEVER: Final = datetime.max.replace(tzinfo=UTC)
"""Where a period ends that reaches beyond the year 9999."""

ONE_DAY: Final = Duration(1, "days")


def start_of_day(day: date, timezone: str) -> datetime:
    """The first instant of a day in a time zone, in UTC.

    Raises:
        MalformedError: `agreement.unknown-timezone`.
    """
    here = zone(timezone)
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
    end = after(start, by, timezone)
    return NEVER if end is None else end
