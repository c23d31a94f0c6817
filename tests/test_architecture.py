"""The shape of the program, held by tests: who may import whom, and what stays pure.

The direction of imports is written in pyproject.toml (import-linter). What no import shows
is looked for in the syntax tree here.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "allied"
PURE = ("errors", "record", "agreement", "exchange", "response", "wire")
CLOCK = PACKAGE / "adapters" / "clock.py"

# Names that say nothing about what is behind them.
EMPTY_NAMES = {"utils", "util", "common", "core", "manager", "service", "services", "helpers"}
LONGEST_MODULE = 600

READS_THE_CLOCK = {
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "time.time",
    "time.time_ns",
}
NOT_PURE = {
    "open", "input", "print",
    "uuid1", "uuid4", "uuid.uuid1", "uuid.uuid4",
    "time.monotonic", "time.monotonic_ns", "time.perf_counter", "time.sleep",
    "urllib.request.urlopen", "io.open",
}  # fmt: skip
NOT_PURE_MODULES = ("random.", "secrets.", "os.")


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def calls(source: str) -> Iterator[tuple[int, str]]:
    """Each call of a plain or dotted name in `source`: its line, and the name as written."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield node.lineno, ast.unparse(node.func)


def reads_clock(name: str) -> bool:
    return any(name == banned or name.endswith("." + banned) for banned in READS_THE_CLOCK)


def is_impure(name: str) -> bool:
    return reads_clock(name) or name in NOT_PURE or name.startswith(NOT_PURE_MODULES)


@pytest.mark.parametrize(
    ("call", "impure"),
    [
        pytest.param("datetime.now(UTC)", True, id="the clock is not read"),
        pytest.param("dt.datetime.utcnow()", True, id="by no name of it"),
        pytest.param("time.time()", True, id="nor as seconds"),
        pytest.param("uuid4()", True, id="nothing is random"),
        pytest.param("open('x')", True, id="no file is opened"),
        pytest.param("datetime.fromisoformat(text)", False, id="a time that was given is read"),
        pytest.param("proposal.open(at)", False, id="a proposal may be opened"),
    ],
)
def test_what_counts_as_pure(call: str, impure: bool) -> None:
    assert [is_impure(name) for _, name in calls(call)] == [impure]


def test_imports_follow_the_arrows() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run(
        [linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("folder", PURE)
def test_deciding_reads_no_clock_and_opens_no_file(folder: str) -> None:
    found = [
        f"{shown(path)}:{line} {name}"
        for path in modules()
        if path.relative_to(PACKAGE).parts[0].removesuffix(".py") == folder
        for line, name in calls(path.read_text(encoding="utf-8"))
        if is_impure(name)
    ]
    assert found == []


def test_one_adapter_reads_the_clock() -> None:
    found = [
        f"{shown(path)}:{line} {name}"
        for path in modules()
        if path != CLOCK
        for line, name in calls(path.read_text(encoding="utf-8"))
        if reads_clock(name)
    ]
    assert found == []


def test_no_module_outgrows_its_question() -> None:
    lengths = {shown(path): path.read_text(encoding="utf-8").count("\n") for path in modules()}
    assert {path: n for path, n in lengths.items() if n > LONGEST_MODULE} == {}


def test_a_name_says_what_is_behind_it() -> None:
    names = {path.relative_to(PACKAGE) for path in PACKAGE.rglob("*")}
    assert [str(name) for name in names if name.stem in EMPTY_NAMES] == []


WATCH_IMPORTS = """
import importlib, sys

def watch(event, args):
    if event in {"socket.connect", "socket.bind", "sqlite3.connect", "subprocess.Popen",
                 "_thread.start_new_thread", "os.mkdir", "os.remove", "os.rename"}:
        print(name, event)
    elif event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
        print(name, event, args[0])

name = ""
sys.addaudithook(watch)
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def test_importing_does_nothing() -> None:
    names = [
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for path in modules()
        if "migrations" not in path.parts  # scripts that alembic runs, not modules
    ]
    run = subprocess.run(
        [sys.executable, "-B", "-c", WATCH_IMPORTS, *names],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout) == (0, ""), run.stdout + run.stderr
