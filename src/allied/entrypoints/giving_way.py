"""Work behind the back of a server: it waits a little now and then, and longer while others work.

Threads of one process share the interpreter, so whatever one of them does takes the time of
those who answer. Here a thread that is in no hurry asks how much of the last moments the
others have used, and waits the longer for it.

Rules. A wait is bounded, so that what is not urgent is done all the same. Whoever is told to
stop is not kept: what waits is given from outside.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

SHORT_SECONDS: Final = 0.004
LONG_SECONDS: Final = 0.016
"""Waited besides where others are at work."""

_BUSY: Final = 0.4
"""The part of a core that others use when they are at work."""


class GivesWay:
    """Lets the other threads of this process go first; for one thread."""

    def __init__(self, wait: Callable[[float], object]) -> None:
        """Wait by `wait`, which is given seconds."""
        self._wait = wait

    def __call__(self) -> None:
        """Wait a little, and longer if the others were at work meanwhile."""
        began, used = time.monotonic(), _used_by_others()
        self._wait(SHORT_SECONDS)
        if _used_by_others() - used > _BUSY * (time.monotonic() - began):
            self._wait(LONG_SECONDS)


def _used_by_others() -> float:
    """Seconds of a core that the other threads of this process have used so far."""
    return time.process_time() - time.thread_time()
