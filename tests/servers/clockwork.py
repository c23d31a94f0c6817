"""`allied` under a clock that is days off: `python -m tests.servers.clockwork DAYS serve ...`."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta

from allied.adapters.clock import SystemClock


def be_off(days: int) -> None:
    """Let every clock of this process be so many days ahead, or behind."""
    right = SystemClock.now

    def now(self: SystemClock) -> datetime:
        return right(self) + timedelta(days=days)

    SystemClock.now = now  # type: ignore[method-assign]


if __name__ == "__main__":
    be_off(int(sys.argv.pop(1)))
    from allied.entrypoints.cli import main

    main()
