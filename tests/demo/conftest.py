"""One run over a kept folder, shared by the tests that look at it or go on from it."""

from __future__ import annotations

import fcntl
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.demo.running import told


@dataclass(frozen=True)
class Told:
    """A run that ended well: its folder and its summary."""

    folder: Path
    summary: dict[str, Any]

    def copied(self, to: Path) -> Path:
        """A copy of the folder, to go on in."""
        return shutil.copytree(self.folder, to / "demo")


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """The story told once in a test run, whichever worker asks first."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base
    kept, folder = shared / "demo-told.json", shared / "demo-told"
    with (shared / "demo-told.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            ended = told("--exit", "--json", "--data", folder)
            assert ended.status == 0, ended.words
            kept.write_text(ended.out)
    return Told(folder, json.loads(kept.read_text()))
