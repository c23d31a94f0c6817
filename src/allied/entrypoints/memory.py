"""What a process that serves for months does so that it does not hold memory it has no use for.

The C library keeps what was freed, in a pool of its own for each thread that ever asked for
some, and an envelope of a thousand objects takes as much for a moment as all of the program's
own state. So a server uses few pools, and gives back what is free when it has become quiet.

Rules. Where the C library offers neither (it is not glibc), nothing is done; where the operator
has chosen the number of pools (`MALLOC_ARENA_MAX`), it stands. Nothing here can fail.
"""

from __future__ import annotations

import ctypes
import gc
import os
from typing import Final

_ARENA_MAX: Final = -8
"""`M_ARENA_MAX` of glibc's malloc.h."""

_POOLS: Final = 2


def use_few_pools() -> bool:
    """Let all threads share two pools; to be called before there are many threads.

    Returns:
        Whether the C library has taken it.
    """
    if "MALLOC_ARENA_MAX" in os.environ:
        return False
    ask = _offered("mallopt")
    return ask is not None and ask(_ARENA_MAX, _POOLS) == 1


def keep_what_stays() -> None:
    """Look no more for garbage among what is there now; to be called when all is set up.

    The program and its tables are half a million objects that stay. Going through them again
    and again would stop every request for a tenth of a second each time.
    """
    gc.collect()
    gc.freeze()


def give_back() -> bool:
    """Give memory that is free back to the system; some milliseconds at most.

    Returns:
        Whether there was any.
    """
    ask = _offered("malloc_trim")
    return ask is not None and ask(ctypes.c_size_t(0)) == 1


def _offered(name: str) -> ctypes._NamedFuncPointer | None:
    """A function of the C library, if it has one of that name."""
    try:
        found: ctypes._NamedFuncPointer = getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError):
        return None
    return found
