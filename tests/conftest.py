"""What every test may rely on: how hard properties are tried, where files lie, which browser."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests import postgres

# How long something takes is no matter of these tests: a machine may be busy with other things.
_TIMELESS = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", _TIMELESS, max_examples=50)
settings.register_profile("thorough", _TIMELESS, max_examples=1000)
settings.load_profile(os.environ.get("ALLIED_HYPOTHESIS_PROFILE", "quick"))

MEMORY = Path("/dev/shm")  # noqa: S108  each test has a folder of its own below it
ROOM = 6 * 2**30


def _use_memory() -> None:
    """Put the tests' folders into memory where there is plenty.

    The suite writes thousands of small transactions, and waits for the disk for half of its time;
    what a crash of the machine would leave on a disk is no matter of these tests.
    """
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK):
        return
    room = os.statvfs(MEMORY)
    if room.f_bavail * room.f_frsize >= ROOM and available() >= 2 * ROOM:
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None


def available() -> int:
    """Bytes of memory that nobody uses; 0 where that cannot be told."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0


_use_memory()


def _hear_interrupts() -> None:
    """Let servers that tests start hear Ctrl-C, also where a shell put the suite in the background.

    Such a shell has its children ignore it, and they pass that on.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


_hear_interrupts()

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if CHROMIUM:
        return
    missing = pytest.mark.skip(reason="no Chromium here; on Debian: apt install chromium")
    for item in items:
        if "browser" in item.keywords or "page" in getattr(item, "fixturenames", ()):
            item.add_marker(missing)


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """Start the system's Chromium, which makes no connection of its own."""
    quiet = [
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-quic",
        "--disable-sync",
        "--no-first-run",
    ]
    if os.geteuid() == 0:
        quiet.append("--no-sandbox")  # Chromium refuses to start as root with one
    return {"executable_path": CHROMIUM, "args": quiet}


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """The one PostgreSQL server of this test process, started by the first who asks for it."""
    with postgres.server() as running:
        yield running
