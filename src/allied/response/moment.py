"""Days and instants, and which instant a day begins or ends at.

People date the past by days and the present to the second; files carry both, and what was
written is kept. Where an instant is needed, a day begins and ends in the time zone of the
agreement that asks (DOMAIN T5); an instant is itself.

A deadline that lies beyond the calendar is no deadline: `later` answers None.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from allied.agreement.values import Duration, day

Moment: TypeAlias = date | datetime
"""A day, or an aware instant in UTC."""

_INSTANT: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,3})?)?)"
    r"(Z|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)
_FORM: Final = "a day like `2026-03-01`, or an instant like `2026-03-01T14:30:00Z`"


def moment(text: str) -> Moment:
    """Read a day, or an instant with its offset from UTC, to the millisecond at most.

    Raises:
        ValueError: neither of the two; the text says how it should look.
    """
    found = _INSTANT.fullmatch(text)
    try:
        if not found:
            return day(text)
        return datetime.fromisoformat(f"{found[1]}T{found[2]}{found[3]}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(_FORM) from None


def moment_text(value: Moment) -> str:
    """Write a moment so that it reads back: `2026-03-01`, `2026-03-01T14:30:00Z`."""
    if not isinstance(value, datetime):
        return value.isoformat()
    exact = "milliseconds" if value.microsecond else "seconds"
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=exact) + "Z"


@lru_cache(maxsize=256)
def zone(name: str) -> tzinfo:
    """Return a time zone by its name; one that this machine does not know counts as UTC."""
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC


def begin(value: Moment, timezone: str = "UTC") -> datetime:
    """Return the instant, or the first instant of the day, in UTC."""
    if isinstance(value, datetime):
        return value
    try:
        return datetime(value.year, value.month, value.day, tzinfo=zone(timezone)).astimezone(UTC)
    except OverflowError:
        return datetime(value.year, value.month, value.day, tzinfo=UTC)


def end(value: Moment, timezone: str = "UTC") -> datetime:
    """Return the instant, or the last millisecond of the day, in UTC."""
    if isinstance(value, datetime):
        return value
    if value == date.max:
        return datetime(value.year, 12, 31, 23, 59, 59, tzinfo=UTC)
    return begin(value + timedelta(days=1), timezone) - timedelta(milliseconds=1)


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
