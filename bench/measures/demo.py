"""The whole story on three nodes, from start to its own end: `allied demo --exit`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

from bench.row import Row
from bench.run import allied, run


def measure(quick: bool) -> Iterator[Row]:  # noqa: ARG001  # every measure has this shape
    """Once, in a fresh folder; set-up of the environment is not part of it."""
    with tempfile.TemporaryDirectory(prefix="allied-bench-") as folder:
        ran = run([allied(), "demo", "--exit"], environment={"ALLIED_DATA": folder})
    if ran.status:
        raise RuntimeError(f"the demonstration ended with status {ran.status}: {ran.words[-300:]}")
    note = "three server processes, one agreement, the built-in intelligence, one incident"
    yield Row("allied demo --exit", ran.seconds, "s", goal=30, note=note)
    yield Row("its own process, most memory", ran.peak_bytes / 2**20, "MiB")
