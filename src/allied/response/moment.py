"""Days and instants, and which instant a day begins or ends at.

People date the past by days and the present to the second; files carry both, and what was
written is kept. Where an instant is needed, a day begins and ends in the time zone of the
agreement that asks (DOMAIN T5); an instant is itself.

A deadline that lies beyond the calendar is no deadline: `later` answers None.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from allied.agreement.moments import Moment, moment, moment_text
from allied.agreement.values import Duration

__all__ = ["Moment", "begin", "end", "later", "moment", "moment_text", "zone"]


@lru_cache(maxsize=256)
def zone(name: str) -> tzinfo:
    """Return a time zone by its name; one that this machine does not know counts as UTC."""
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC


def begin(value: Moment, timezone: str = "UTC") -> datetime:
    """Return the instant, or the first instant of the day, in UTC."""
    return value if isinstance(value, datetime) else _begin_of_day(value, timezone)


def end(value: Moment, timezone: str = "UTC") -> datetime:
    """Return the instant, or the last millisecond of the day, in UTC."""
    return value if isinstance(value, datetime) else _end_of_day(value, timezone)


@lru_cache(maxsize=4096)
def _begin_of_day(value: date, timezone: str) -> datetime:
    try:
        return datetime(value.year, value.month, value.day, tzinfo=zone(timezone)).astimezone(UTC)
    except OverflowError:
        return datetime(value.year, value.month, value.day, tzinfo=UTC)


@lru_cache(maxsize=4096)
def _end_of_day(value: date, timezone: str) -> datetime:
    if value == date.max:
        return datetime(value.year, 12, 31, 23, 59, 59, tzinfo=UTC)
    return _begin_of_day(value + timedelta(days=1), timezone) - timedelta(milliseconds=1)


def later(start: datetime, by: Duration | None, timezone: str = "UTC") -> datetime | None:
    """Return when `by` has passed since `start`, counting days in `timezone`.

    None without a duration, and beyond the year 9999.
    """
    if by is None:
        return None
    try:
        if by.exact is not None:
            return by.after(start)
        return by.after(start.astimezone(zone(timezone))).astimezone(UTC)
    except OverflowError:
        return None
