"""Where the present and the unpredictable come from.

Nothing else in the program asks the operating system for the time of day or for random
bytes, so that tests and simulations can hand in their own.

Rules: instants are aware, in UTC, and have whole milliseconds, which is what records,
items and the store keep; a finer clock would show an instant that cannot be read back.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """The present in UTC, cut to whole milliseconds."""
        present = datetime.now(UTC)
        return present.replace(microsecond=present.microsecond // 1000 * 1000)


class HandClock:
    """A clock that stands still until somebody moves it; for tests and simulations."""

    def __init__(self, at: datetime) -> None:
        """Start at `at`, an aware instant.

        Raises:
            ValueError: `at` carries no time zone.
        """
        self._at = _in_utc(at)

    def now(self) -> datetime:
        """The instant that was set last."""
        return self._at

    def set(self, at: datetime) -> None:
        """Jump to `at`, forwards or backwards."""
        self._at = _in_utc(at)

    def advance(self, by: timedelta) -> None:
        """Move by `by`, which may be negative."""
        self._at += by


class SystemChance:
    """The random source of the operating system."""

    def token(self, size: int) -> bytes:
        """`size` bytes that nobody can guess."""
        return secrets.token_bytes(size)


def _in_utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("an instant carries a time zone")
    return at.astimezone(UTC)
