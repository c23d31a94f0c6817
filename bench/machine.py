"""On what the figures were measured: processor, memory, versions, and what "stored" means.

Read from the system and shown above the table, so that a figure that is copied out can be
judged. Everything is optional: what a system does not tell is shown as unknown.
"""

from __future__ import annotations

import os
import platform
import sqlite3
import statistics
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Final

LIBRARIES: Final = (
    "allied",
    "cryptography",
    "fastapi",
    "http-message-signatures",
    "httpx2",
    "jsonschema-rs",
    "msgspec",
    "orjson",
    "rfc8785",
    "ruamel.yaml",
    "sqlalchemy",
    "typer",
    "uvicorn",
)
"""The ones that figures depend on."""

_UNKNOWN: Final = "unknown"


def describe() -> dict[str, str]:
    """What a reader of the table has to know, each as one line."""
    return {
        "processor": _processor(),
        "cores": f"{_cores()} to this process, {os.cpu_count() or _UNKNOWN} in the machine",
        "memory": _memory(),
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "sqlite": sqlite3.sqlite_version,
        "versions": ", ".join(f"{name} {_version(name)}" for name in LIBRARIES),
        "durability": _durability(),
        "signatures": "on; nothing is measured with them off",
    }


def _processor() -> str:
    for line in _lines(Path("/proc/cpuinfo")):
        name, _, value = line.partition(":")
        if name.strip() in {"model name", "Model", "Hardware"}:
            return value.strip()
    return platform.processor() or platform.machine() or _UNKNOWN


def _cores() -> int | str:
    affinity = getattr(os, "sched_getaffinity", None)  # not on every system
    return len(affinity(0)) if affinity else _UNKNOWN


def _memory() -> str:
    for line in _lines(Path("/proc/meminfo")):
        name, _, value = line.partition(":")
        if name == "MemTotal":
            return f"{int(value.split()[0]) / 2**20:.1f} GiB"
    return _UNKNOWN


def _durability() -> str:
    """As installed, on the file system used here; a file in memory makes waiting free."""
    folder = Path(tempfile.gettempdir())
    waits = []
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        for _ in range(21):
            file.write(bytes(4096))
            file.flush()
            started = time.perf_counter()
            os.fsync(file.fileno())
            waits.append(time.perf_counter() - started)
    return (
        f"as the program is shipped, on {_file_system(folder)};"
        f" 4 KiB reach the disk in {statistics.median(waits) * 1000:.2f} ms (median of 21)"
    )


def _file_system(folder: Path) -> str:
    """The type of the file system that holds `folder`."""
    found, longest = _UNKNOWN, -1
    for line in _lines(Path("/proc/self/mounts")):
        _, place, kind, *_ = line.split()
        if folder.resolve().is_relative_to(place) and len(place) > longest:
            found, longest = kind, len(place)
    return found


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
