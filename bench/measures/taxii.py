"""TAXII over loopback HTTP with a token: adding, reading, polling, one object, many readers.

A node is filled over TAXII itself, in envelopes of 1,000 objects of about 730 bytes; then it
is asked by a client in a process of its own (`bench.taxii_client`). Everything is as shipped:
signatures, durability, the policy's classes, a token that is checked at every request. By the
clock a figure is what this machine gives while others use it too; beside it stands what the
server used of the cores, which says more about the program.

No peer can be measured beside it: medallion 3.0.0 reads in time that grows with the square of
what is stored, OpenTAXII 0.9.3 answers 500 to every collection. What an unreleased OpenTAXII
reached on a quiet machine of this kind stands in the notes, as published figures.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.measures.exchange import alliance
from bench.row import Row

OBJECTS: Final = 50_000
QUICK_OBJECTS: Final = 3_000
_ENVELOPE: Final = 1_000
_LIMIT_SECONDS: Final = 3_000
_PEER: Final = "peer, published, unreleased OpenTAXII with a token on SQLite: "


@dataclass(frozen=True, slots=True)
class Client:
    """Where the server is, and who asks."""

    port: int
    token: str
    collection: str

    def do(self, job: str, **values: Any) -> Mapping[str, Any]:
        """One job in a process of its own.

        Raises:
            RuntimeError: it failed.
        """
        asked = {
            "job": job,
            "host": "127.0.0.1",
            "port": self.port,
            "token": self.token,
            "collection": self.collection,
            **values,
        }
        ran = subprocess.run(
            [sys.executable, "-m", "bench.taxii_client"],
            input=json.dumps(asked).encode(),
            capture_output=True,
            timeout=_LIMIT_SECONDS,
            check=False,
            cwd=Path(__file__).parents[2],
        )
        if ran.returncode:
            raise RuntimeError(f"{job}: {ran.stderr.decode(errors='replace')[-400:]}")
        found: Mapping[str, Any] = json.loads(ran.stdout)
        return found


def measure(quick: bool) -> Iterator[Row]:
    """Fill a node over TAXII, then ask it."""
    count = int(os.environ.get("BENCH_TAXII_OBJECTS", QUICK_OBJECTS if quick else OBJECTS))
    with tempfile.TemporaryDirectory(prefix="allied-bench-") as name, ExitStack() as stack:
        river, _, agreement = stack.enter_context(alliance(Path(name)))
        token = river.asked("token", "create", "--role", "integrator")["token"]
        server = stack.enter_context(river.served())
        collection = f"/taxii2/{agreement}/collections/all/"
        yield from rows(Client(river.port, token, collection), server, count, quick=quick)


def rows(
    client: Client, server: subprocess.Popen[bytes], count: int, *, quick: bool
) -> Iterator[Row]:
    """The figures of a server that holds nothing yet."""
    spent = _core_seconds(server)
    added = client.do("post", count=count, size=_ENVELOPE, seed=11)
    used = (_core_seconds(server) or 0.0) - (spent or 0.0)
    size = added["bytes"] / added["objects"]
    what = f"{count:,} objects of {size:.0f} bytes"
    yield Row(
        f"add {what}, envelopes of 1,000", added["objects"] / added["seconds"], "/s", 15_000,
        "more", _PEER + "516 objects/s",
    )  # fmt: skip
    quickest = min(count, _ENVELOPE) / added["least"]
    yield Row("the same, quickest envelope", quickest, "/s", better="more")
    if spent is not None:
        yield Row("the same, by the server's core-seconds", added["objects"] / used, "/core-s",
                  better="more")  # fmt: skip
    yield from questions(client, server, count, quick=quick, some_id=_some_id())


def questions(
    client: Client,
    server: subprocess.Popen[bytes],
    count: int,
    *,
    quick: bool,
    some_id: str,
    room: float = 1.0,
    memory: float = 150.0,
) -> Iterator[Row]:
    """The figures of a server that holds `count` objects, one of them `some_id`.

    Args:
        room: how much worse than the goals the figures may be, as a factor.
        memory: the goal for what is resident, in MiB.
    """
    times = 200 if quick else 2_000
    before = client.do("read", limit=1_000)
    if before["objects"] != count:
        raise RuntimeError(f"{before['objects']} of {count} objects were read")
    read = client.do("read", limit=1_000)
    yield Row(
        "read all, pages of 1,000", read["objects"] / read["seconds"], "/s", 250_000 / room,
        "more", _PEER + "13,300 objects/s",
    )  # fmt: skip
    yield Row("the same, quickest page", 1_000 / read["least"], "/s", better="more")
    yield Row("the same in bytes", read["bytes"] / read["seconds"] / 2**20, "MiB/s")
    client.do("post", count=10, size=10, seed=12)
    objects = f"{client.collection}objects/"
    newest = client.do("read", limit=1_000)["last"]
    jobs = (
        ("poll with 10 new", f"{objects}?added_after={read['last']}", 10, 0.9, 3.0, "5.5 / 9.9 ms"),
        ("poll with nothing new", f"{objects}?added_after={newest}", 0, 0.6, None, "5 ms"),
        ("one object by id", f"{objects}{some_id}/", 1, 0.9, 3.0, "5.0 / 8.0 ms"),
    )
    for name, path, expected, half, most, peer in jobs:
        asked = client.do("ask", path=path, times=times)
        if asked["objects"] != expected:
            raise RuntimeError(f"{name}: {asked['objects']} objects instead of {expected}")
        yield Row(f"{name}, p50", asked["p50"] * 1e3, "ms", half * room, note=_PEER + peer)
        yield Row(f"{name}, p99", asked["p99"] * 1e3, "ms", most and most * room)
        yield Row(f"{name}, least", asked["least"] * 1e3, "ms")
    spent = _core_seconds(server)
    crowd = client.do("crowd", path=f"{objects}?limit=100", readers=16, seconds=2 if quick else 10)
    yield Row(
        "16 readers of pages of 100", crowd["requests"] / crowd["seconds"], "requests/s",
        2_500 / room, "more", _PEER + "156 requests/s",
    )  # fmt: skip
    if spent is not None:
        used = (_core_seconds(server) or 0.0) - spent
        yield Row("the same, by the server's core-seconds", crowd["requests"] / used, "/core-s",
                  better="more")  # fmt: skip
    resident = _resident(server)
    if resident is not None:
        yield Row(
            f"the server's memory at {count:,} objects", resident / 2**20, "MiB", memory,
            note=_PEER + "231 MiB at 50,000 objects",
        )  # fmt: skip


def _some_id() -> str:
    from bench.taxii_client import indicators

    return str(json.loads(next(indicators(1, 11)))["id"])


def _core_seconds(server: subprocess.Popen[bytes]) -> float | None:
    """What a process has used of the cores so far; None where that is not known."""
    try:
        text = Path(f"/proc/{server.pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return None
    user, system = text.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _resident(server: subprocess.Popen[bytes]) -> int | None:
    """Memory of a process that is resident now, in bytes."""
    try:
        text = Path(f"/proc/{server.pid}/status").read_text(encoding="utf-8")
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return None
