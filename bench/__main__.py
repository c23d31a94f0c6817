"""Measure, and print a table: `python -m bench [--only NAME ...] [--json] [--quick]`.

Every module under `bench/measures/` is a measure, in the order of names. One that cannot be
taken here is listed with the reason; one that fails does not stop the others. Exit status: 0
if each was measured or could not be, 1 if one failed. A missed goal is shown and is no
failure: a slow machine is not a defect.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import cast

import bench.measures
from bench.machine import describe
from bench.row import NotMeasurable, Row

Measure = Callable[[bool], Iterable[Row]]


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of one measure; `reason` says why there are no rows, or not all."""

    name: str
    title: str
    rows: tuple[Row, ...]
    seconds: float
    reason: str = ""
    failed: bool = False


def names() -> list[str]:
    """The names of all measures, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(bench.measures.__path__))


def take(name: str, *, quick: bool) -> Taken:
    """Take one measure; whatever goes wrong in it is in the answer."""
    module = importlib.import_module(f"bench.measures.{name}")
    title = (module.__doc__ or name).strip().splitlines()[0]
    rows: list[Row] = []
    reason, failed = "", False
    started = time.perf_counter()
    try:
        for row in cast("Measure", module.measure)(quick):
            rows.append(row)  # noqa: PERF402  # what came before a failure is kept
    except NotMeasurable as missing:
        reason = str(missing)
    except Exception as fault:  # noqa: BLE001  # the other measures go on
        traceback.print_exc(file=sys.stderr)
        reason, failed = f"{type(fault).__name__}: {fault}", True
    return Taken(name, title, tuple(rows), time.perf_counter() - started, reason, failed)


def table(taken: Sequence[Taken]) -> str:
    """The figures as aligned text, notes below each measure."""
    rows = [row for each in taken for row in each.rows]
    what = max((len(row.what) for row in rows), default=0)
    value = max((len(_value(row)) for row in rows), default=0)
    lines: list[str] = []
    for each in taken:
        lines += ["", f"{each.name}: {each.title} ({each.seconds:.0f} s)"]
        notes: list[str] = []
        for row in each.rows:
            mark = ""
            if row.note:
                if row.note not in notes:
                    notes.append(row.note)
                mark = f"  [{notes.index(row.note) + 1}]"
            figure = f"  {row.what:<{what}}  {_value(row):>{value}}  {_goal(row)}{mark}"
            lines.append(figure.rstrip())
        lines += [f"  [{number}] {note}" for number, note in enumerate(notes, 1)]
        if each.reason:
            lines.append(f"  {'FAILED' if each.failed else 'not measured'}: {each.reason}")
    return "\n".join(lines)


def _value(row: Row) -> str:
    digits = 0 if abs(row.value) >= 1000 else 1 if abs(row.value) >= 10 else 3
    return f"{row.value:,.{digits}f} {row.unit}"


def _goal(row: Row) -> str:
    if row.goal is None:
        return ""
    side = "at most" if row.better == "less" else "at least"
    return f"{'met' if row.met else 'MISSED'}, goal {side} {row.goal:g} {row.unit}"


def main(arguments: list[str] | None = None) -> int:
    """Measure what the command line asks for; returns the exit status."""
    known = names()
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", action="append", choices=known, metavar="NAME", default=[])
    parser.add_argument("--json", action="store_true", help="one JSON value on stdout")
    parser.add_argument("--quick", action="store_true", help="smaller inputs; figures say little")
    parser.add_argument("--list", action="store_true", help="the names of all measures")
    asked = parser.parse_args(arguments)
    if asked.list:
        print("\n".join(known))
        return 0
    machine = describe()
    taken: list[Taken] = []
    for name in asked.only or known:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        taken.append(take(name, quick=asked.quick))
    if asked.json:
        measures = [
            asdict(each) | {"rows": [asdict(row) | {"met": row.met} for row in each.rows]}
            for each in taken
        ]
        value = {"machine": machine, "quick": asked.quick, "measures": measures}
        print(json.dumps(value, indent=2))
    else:
        width = max(map(len, machine))
        print("\n".join(f"{name:<{width}}  {text}" for name, text in machine.items()))
        print(table(taken))
    return 1 if any(each.failed for each in taken) else 0


if __name__ == "__main__":
    sys.exit(main())
