"""What every test may rely on: how hard properties are tried, which browser and server there is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests import postgres

settings.register_profile("quick", max_examples=50, deadline=None)
settings.register_profile(
    "thorough",
    max_examples=1000,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("ALLIED_HYPOTHESIS_PROFILE", "quick"))

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
