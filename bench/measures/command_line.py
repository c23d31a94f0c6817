"""How long the command line takes to answer when it has nothing to do."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator

from bench.row import Row
from bench.run import allied, run


def measure(quick: bool) -> Iterator[Row]:
    """`allied --help`, and a bare interpreter beside it."""
    times = 3 if quick else 10
    note = f"median of {times} runs, one run before them not counted"
    yield Row("python -c pass", _median([sys.executable, "-c", "pass"], times), "s", note=note)
    yield Row("allied --help", _median([allied(), "--help"], times), "s", goal=0.3, note=note)


def _median(command: list[str], times: int) -> float:
    first = run(command, limit_seconds=60)
    if first.status:
        raise RuntimeError(f"{command[0]} ended with status {first.status}: {first.words[-300:]}")
    return statistics.median(run(command, limit_seconds=60).seconds for _ in range(times))
