"""When the term of an agreement is over, and whether it is renewed.

Rules that hold everywhere below. A notice against the renewal counts for the first end that it
reaches in time, and was given strictly before; without a period for it the last day is early
enough. One such notice is enough.

Source: agreement format, "Life"; the five-year terms of 1992.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from allied.agreement.days import later

if TYPE_CHECKING:
    from allied.agreement.terms import Agreement

_MOST_RENEWALS: Final = 10_000


class Term:
    """The terms of one agreement, one after the other.

    Attributes:
        ends: the end of the present one; None before entry into force, and without a term.
    """

    def __init__(self, terms: Agreement) -> None:
        self._term = terms.life.term
        self._renewal = terms.life.renewal
        self._timezone = terms.timezone
        self._stopped: tuple[datetime, datetime] | None = None
        self._renewals = 0
        self.ends: datetime | None = None

    def begin(self, since: datetime) -> None:
        """Let the first term run from entry into force."""
        if self._term is not None:
            self.ends = later(self._term, since, self._timezone)

    def stop(self, at: datetime) -> None:
        """Take notice against the renewal; they are given in the order of time."""
        if self._stopped is None:
            notice = self._renewal.stop_notice
            reaches = at if notice is None else later(notice, at, self._timezone)
            self._stopped = at, reaches

    def renew(self) -> bool:
        """Begin another term where the present one is over; False where none follows."""
        each = self._renewal.each or self._term
        if self.ends is None or each is None or not self._renewal.automatic or self._is_stopped():
            return False
        longer = later(each, self.ends, self._timezone)
        if longer <= self.ends or self._renewals >= _MOST_RENEWALS:
            return False
        self.ends = longer
        self._renewals += 1
        return True

    def _is_stopped(self) -> bool:
        if self._stopped is None or self.ends is None:
            return False
        given, reaches = self._stopped
        return given < self.ends and reaches <= self.ends
