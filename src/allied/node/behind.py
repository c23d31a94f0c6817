"""Doing one thing behind another: the next batch is looked at while the last one is stored.

A database works outside the interpreter for most of a large unit, so a second thread costs
little and gives a second core something to do. No thread is started for what fits into one batch.

Rules. One thing at a time, in the order given. Whoever gives the next one has waited for the one
before; what it raised is raised there, and nothing that was given later has begun. While there
is such a thread, threads take turns more often than usual: a database gives up its turn with
every statement, and would wait for the next one longer than the statement takes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Final, Self

_TURN_SECONDS: Final = 0.000_2
"""How long a thread may have to wait for its turn."""


class Behind:
    """Does one thing at a time in a thread of its own; nothing goes on when the block is left."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._under_way: Future[None] | None = None
        self._turn_before = sys.getswitchinterval()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True)
            sys.setswitchinterval(self._turn_before)

    def do(self, work: Callable[[], None]) -> None:
        """Begin `work`, once what was begun before has ended.

        Raises:
            Exception: what that has raised.
        """
        self.wait()
        if self._pool is None:
            self._turn_before = sys.getswitchinterval()
            sys.setswitchinterval(min(_TURN_SECONDS, self._turn_before))
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="allied-behind")
        self._under_way = self._pool.submit(work)

    def wait(self) -> None:
        """Return when nothing is under way.

        Raises:
            Exception: what it has raised.
        """
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()
