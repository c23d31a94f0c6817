"""Programs as processes of their own: how long they took, and how much memory at most.

The command line is measured the way users meet it, start of the interpreter included. Peak
memory is what the kernel counted for that one process (`wait4`, see `weigh`), not for its
children.

Rules. Only processes started here are ended, by their number. Each has a limit of time.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.row import NotMeasurable

LIMIT_SECONDS: Final = 1800.0
# `ru_maxrss` is in KiB on Linux and in bytes on macOS.
_RSS_UNIT: Final = 1 if sys.platform == "darwin" else 1024
_SCALES: Final = Path(__file__).with_name("weigh.py")


@dataclass(frozen=True, slots=True)
class Ran:
    """One process that has ended.

    Attributes:
        status: its exit status; negative for the signal that ended it.
        seconds: from start to end, by the wall clock.
        core_seconds: for how long it, and what it started, used a core.
        peak_bytes: most memory resident at once.
        out: what it wrote to stdout.
        words: what it wrote to stderr.
    """

    status: int
    seconds: float
    core_seconds: float
    peak_bytes: int
    out: bytes
    words: str


def allied() -> str:
    """The `allied` command of the environment that runs this.

    Raises:
        NotMeasurable: it is not installed there.
    """
    command = Path(sysconfig.get_path("scripts")) / "allied"
    if not command.exists():
        raise NotMeasurable(f"there is no command {command}")
    return str(command)


def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    limit_seconds: float = LIMIT_SECONDS,
) -> Ran:
    """Run `command`, an absolute path first, to its end.

    A process that outlives its limit is ended, with all it started (status -9).
    """
    receive, answer = os.pipe()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as words:
        started = time.perf_counter()
        scales = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_SCALES), str(answer), *command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=words,
            env={**os.environ, **(environment or {})},
            pass_fds=[answer],
            start_new_session=True,
        )
        os.close(answer)
        try:
            scales.wait(limit_seconds)
        except subprocess.TimeoutExpired:
            os.killpg(scales.pid, signal.SIGKILL)
            scales.wait()
        seconds = time.perf_counter() - started
        with os.fdopen(receive, "rb") as pipe:
            said = pipe.read().split()
        out.seek(0)
        words.seek(0)
        status, peak, used = -signal.SIGKILL, 0, 0.0
        if said:
            status, peak = int(said[0]), int(said[2])
            seconds, used = float(said[1]), float(said[3])
        told = words.read().decode(errors="replace")
        return Ran(status, seconds, used, peak * _RSS_UNIT, out.read(), told)


@contextmanager
def serving(
    command: Sequence[str], url: str, environment: Mapping[str, str], *, wait_seconds: float = 30.0
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a server, wait until it answers at `url`, and end it when the block is left.

    Raises:
        NotMeasurable: it ended, or did not answer in time.
    """
    with tempfile.TemporaryFile() as words:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
        )
        try:
            ends = time.monotonic() + wait_seconds
            while not answers(url):
                if process.poll() is not None or time.monotonic() > ends:
                    words.seek(0)
                    said = words.read().decode(errors="replace")[-400:]
                    raise NotMeasurable(f"a server did not come up at {url}: {said}")
                time.sleep(0.05)
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def answers(url: str) -> bool:
    """Whether anything answers HTTP at `url`, with whatever status."""
    try:
        # Loopback and http only: `url` is made from `free_port`.
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def peak_so_far(process: subprocess.Popen[bytes]) -> int | None:
    """Most memory a running process had resident at once, in bytes; None where unknown."""
    return _told(process, "VmHWM:")


def resident(process: subprocess.Popen[bytes]) -> int | None:
    """Memory that a running process has resident now, in bytes; None where unknown."""
    return _told(process, "VmRSS:")


def _told(process: subprocess.Popen[bytes], name: str) -> int | None:
    try:
        text = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return None


def free_port() -> int:
    """A port of the loopback that nobody holds at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
