"""A server's memory: few pools for its threads, and what is free goes back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

GLIBC = Path("/proc/self/status").exists() and "CS_GNU_LIBC_VERSION" in os.confstr_names
pytestmark = pytest.mark.skipif(not GLIBC, reason="this system's C library has other pools")

_POOLS = """
import ctypes, sys, tempfile, threading
from allied.entrypoints import memory

taken = memory.use_few_pools()
held, done, libc = [], threading.Barrier(13), ctypes.CDLL(None)

def work():
    held.append([bytes(4_000) for _ in range(100)])
    done.wait()

threads = [threading.Thread(target=work) for _ in range(12)]
for thread in threads:
    thread.start()
done.wait()
libc.fopen.restype = ctypes.c_void_p
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
libc.fclose.argtypes = [ctypes.c_void_p]
with tempfile.NamedTemporaryFile() as file:
    out = libc.fopen(file.name.encode(), b"w")
    libc.malloc_info(0, out)
    libc.fclose(out)
    print(int(taken), file.read().count(b"<heap "))
"""

_FREED = """
import sys
from allied.entrypoints import memory

def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

held = [bytes(64_000) for _ in range(2_000)]
pins = held[::100]
del held
before = resident()
print(int(memory.give_back()), before - resident())
"""


_KEPT = """
import gc, weakref
from allied.entrypoints import memory

class Loop:
    pass

loop = Loop()
loop.itself = loop
gone = weakref.ref(loop)
before = gc.get_freeze_count()
del loop
memory.keep_what_stays()
print(before, gc.get_freeze_count(), int(gone() is not None))
"""


def ran(program: str, **environment: str) -> list[int]:
    """The numbers that a program says, run in a process of its own."""
    known = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    out = subprocess.run(
        [sys.executable, "-c", program],
        env=known | environment,
        capture_output=True,
        check=True,
        timeout=60,
    ).stdout
    return [int(number) for number in out.split()]


def test_all_threads_of_a_server_share_two_pools() -> None:
    taken, pools = ran(_POOLS)
    assert taken
    assert pools <= 2


def test_the_operator_s_number_of_pools_stands() -> None:
    taken, pools = ran(_POOLS, MALLOC_ARENA_MAX="6")
    assert not taken
    assert 2 < pools <= 6


def test_what_is_free_goes_back_to_the_system() -> None:
    given, kibibytes = ran(_FREED)
    assert given
    assert kibibytes > 60_000


def test_what_stays_is_not_looked_at_again() -> None:
    before, after, left = ran(_KEPT)
    assert before == 0
    assert after > 1_000
    assert left == 0, "what had no use any more went before"
