"""From when on a period would end too late: the last moment for a notice.

`agreement.days` says when a period has passed; this asks the other way round.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from allied.agreement.days import later
from allied.agreement.values import Duration

_MOST_DAYS: Final = {"working days": 2, "months": 31, "years": 366}
_A_SECOND: Final = timedelta(seconds=1)


def last_start(by: Duration, end: datetime, timezone: str) -> datetime | None:
    """Return the last second from which `by` has passed by `end`; None before the year 1.

    Raises:
        MalformedError: `agreement.unknown-timezone`.

    Cost: some forty steps.
    """
    if by.unit in {"seconds", "minutes", "hours"} and by.exact is not None:
        return end - by.exact
    longest = by.exact or timedelta(days=_MOST_DAYS[by.unit] * by.count)
    try:
        low, high = end - longest - timedelta(days=5), end
    except OverflowError:
        return None
    if later(by, high, timezone) <= end:
        return high
    while high - low > _A_SECOND:
        middle = low + timedelta(seconds=(high - low) // _A_SECOND // 2)
        if later(by, middle, timezone) <= end:
            low = middle
        else:
            high = middle
    return low
