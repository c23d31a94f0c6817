"""Days and instants as files write them.

People date the past by days and the present to the second; files carry both, and what was
written is kept. Which instant a day begins or ends at is not asked here.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Final, TypeAlias

from allied.agreement.values import day

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
