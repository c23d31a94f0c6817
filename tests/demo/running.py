"""The demonstration as a process, and its children by their ids, as the tests need them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

HOUSES = ("river", "harbour", "northgate")
SHARED = Path(
    os.environ.get("ALLIED_SHARED") or Path(__file__).parents[2].parent / "shared" / "data"
)
MOBILE = SHARED / "stix-attack" / "mobile-attack-17.1.json.gz"
AMNESTY = SHARED / "stix-iocs" / "amnesty"

LONGEST = 240.0
"""Seconds after which a run is given up; a run takes about ten on a machine that is idle."""


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    status: int
    out: str
    words: str

    @property
    def summary(self) -> dict[str, Any]:
        """What it gave with --json."""
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found


def _hear_interrupts() -> None:
    """Undo that a run in the background of a shell inherits SIGINT as ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Running:
    """`allied demo` in a process of its own; ended with the block if it still runs."""

    def __init__(self, *arguments: str | Path, environment: dict[str, str] | None = None) -> None:
        kept = {name: value for name, value in os.environ.items() if name[:7] != "ALLIED_"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "allied", "demo", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**kept, **(environment or {})},
            preexec_fn=_hear_interrupts,  # noqa: PLW1509 - no threads are running here
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()

    def end(self) -> Ended:
        """Wait for its end."""
        out, words = self.process.communicate(timeout=LONGEST)
        return Ended(self.process.returncode, out.decode(), words.decode())

    def kill(self) -> None:
        """Kill it without a word."""
        self.process.kill()
        self.process.communicate()


def told(*arguments: str | Path) -> Ended:
    """A whole run."""
    with Running(*arguments) as running:
        return running.end()


def until(what: str, look: Callable[[], Any], *, seconds: float = 90.0) -> Any:
    """Look until there is something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not in time: {what}")


def server_of(folder: Path, house: str) -> int:
    """The process id of the server of a house; 0 while there is none.

    Its lock file names it; a name that is left over from a dead process, or belongs to a
    process of somebody else by now, does not count.
    """
    try:
        pid = int((folder / house / "serve.lock").read_text().strip() or 0)
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return 0
    return pid if pid and os.fsencode(folder / house) in command.split(b"\0") else 0


def kill_server(folder: Path, house: str) -> bool:
    """Kill the server of a house with no chance to tidy up; whether there was one."""
    pid = server_of(folder, house)
    if not pid:
        return False
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def places(summary: dict[str, Any], words: str) -> Sequence[tuple[str, str]]:
    """Where something that contains `words` was read back, and through which door."""
    return sorted(
        {(each["at"], each["through"]) for each in summary["read_back"] if words in each["what"]}
    )
