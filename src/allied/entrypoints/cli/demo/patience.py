"""Waiting for something to be so: looked at again and again, for a bounded time.

What is looked at does what is still missing by itself (it looks first, then acts), so that
trying again is always safe. A node that is down, a database that is busy and a name that is
not known yet are reasons to look again; a refusal is not.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from allied.errors import (
    AlliedError,
    ConflictError,
    ExhaustedError,
    NotFoundError,
    UnreachableError,
)

if TYPE_CHECKING:
    from allied.entrypoints.cli.demo.telling import Teller

T = TypeVar("T")

STEP_SECONDS: Final = 60.0
_PAUSE_SECONDS: Final = 0.1
_TRANSIENT: Final = (UnreachableError, NotFoundError, ConflictError)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, and what to do between two looks.

    Attributes:
        between: called before each look; keeps up with servers that moved.
    """

    teller: Teller
    between: Callable[[], None]
    seconds: float = STEP_SECONDS

    def until(
        self,
        what: str,
        look: Callable[[], T | None],
        *,
        moving: Callable[[], object] | None = None,
    ) -> T:
        """Look until there is something, and return it.

        Args:
            what: what is awaited, as a sentence: "Harbour holds 39 items".
            moving: a value that changes while things go on; each change starts the time anew.

        Raises:
            UnreachableError: `demo.not-read-back`, it was not so in time.
        """
        last, seen = "", object()
        deadline = time.monotonic() + self.seconds
        with self.teller.waiting(f"waiting until {what} ..."):
            while True:
                try:
                    self.between()
                    found = look()
                    if found is not None:
                        return found
                    state = moving() if moving else None
                except AlliedError as problem:
                    if not _is_transient(problem):
                        raise
                    last, state = f"; last: {problem.message} [{problem.code}]", seen
                if moving and state != seen:
                    seen, deadline = state, time.monotonic() + self.seconds
                if time.monotonic() > deadline:
                    raise UnreachableError(
                        "demo.not-read-back",
                        f"not so within {self.seconds:.0f} seconds: {what}{last}",
                        hint="the .log files in the folder of the demonstration say more",
                    )
                time.sleep(_PAUSE_SECONDS)


def _is_transient(problem: AlliedError) -> bool:
    return isinstance(problem, _TRANSIENT) or (
        isinstance(problem, ExhaustedError) and problem.code in ("store.busy", "store.in-use")
    )
