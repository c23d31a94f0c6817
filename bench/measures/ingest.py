"""Taking in objects of about 730 bytes: envelopes of 1,000, a bundle file, from a neighbour.

Everything is checked, signed and durable as shipped. Envelopes go through the use case in
this process, one after the other, each until it is committed: what a server adds to that is
its own. A bundle file goes through the command line, once with the start of the program and
once without it, taken from a bundle of one object. Receiving is one `allied sync`.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from bench import feed
from bench.measures.exchange import Node, alliance, items
from bench.row import Row

_ENVELOPE: Final = 1_000
_ENVELOPES: Final = 50
_BULK: Final = (50_000, 200_000)
_QUICK: Final = (2, (1_000, 2_000))
INGEST: Final = 15_000.0
BULK: Final = 40_000.0


def measure(quick: bool) -> Iterator[Row]:
    """Envelopes in process; then bundle files and their way to a neighbour."""
    envelopes, sizes = _QUICK if quick else (_ENVELOPES, _BULK)
    with tempfile.TemporaryDirectory(prefix="allied-bench-") as name, ExitStack() as stack:
        river, harbour, agreement = stack.enter_context(alliance(Path(name)))
        yield from of_envelopes(river, agreement, envelopes)
        single = _bundle(Path(name) / "one.json", 1, seed=1)
        river.verb("share", str(single), "--agreement", agreement)
        start = min(
            river.verb("share", str(single), "--agreement", agreement).seconds for _ in range(3)
        )
        for size in sizes:
            file = _bundle(Path(name) / "bulk.json", size, seed=size)
            ran = river.verb("share", str(file), "--agreement", agreement)
            weight = file.stat().st_size
            note = f"{weight / size:.0f} bytes an object; start of the program {start:.2f} s"
            what = f"a bundle file of {size:,} objects by the command line"
            yield Row(f"{what}, start included", size / ran.seconds, "/s", better="more", note=note)
            rate = size / max(ran.seconds - start, 0.001)
            yield Row(f"{what}, start excluded", rate, "/s", goal=BULK, better="more", note=note)
            yield Row(
                f"{what}, by core-seconds of both processes", size / ran.core_seconds, "/core-s",
                better="more", note=note,
            )  # fmt: skip
            yield Row(f"{what}, most memory", ran.peak_bytes / 2**20, "MiB")
        total = items(river)
        with river.served():
            ran = harbour.verb("sync")
        if items(harbour) != total:
            raise RuntimeError(f"{items(harbour)} of {total} objects arrived at harbour")
        yield Row(
            f"{total:,} objects received by one sync", total / ran.seconds, "/s", better="more",
            note="start included; both sides on this machine; each held against its statement",
        )  # fmt: skip


def of_envelopes(river: Node, agreement: str, number: int) -> Iterator[Row]:
    """Envelopes through the use case, in this process."""
    from allied.bootstrap import open_node
    from allied.node.node import hosted
    from allied.node.sharing import Wish, share

    node = open_node(river.folder)
    try:
        keys = node.vault.unlock(river.environment["ALLIED_PASSPHRASE"])
        with node.store.read() as reading:
            organisation = hosted(reading)
        raws = list(feed.objects(number * _ENVELOPE))
        seconds, cpu = [], os.times()
        for first in range(0, len(raws), _ENVELOPE):
            whole = [feed.bundle(raws[first : first + _ENVELOPE])]
            started = time.perf_counter()
            result = share(node, organisation, keys, whole.__iter__, agreement, Wish())
            seconds.append(time.perf_counter() - started)
            if result.stored != _ENVELOPE:
                raise RuntimeError(f"{result.stored} of {_ENVELOPE} objects were stored")
        spent = os.times()
        core = spent.user + spent.system - cpu.user - cpu.system
    finally:
        node.close()
    total = number * _ENVELOPE
    what = f"{number} envelopes of {_ENVELOPE:,}, in process"
    note = f"median {statistics.median(seconds) * 1e3:.0f} ms an envelope, until committed"
    yield Row(
        f"{what}, by the clock", total / sum(seconds), "/s", goal=INGEST, better="more", note=note
    )
    yield Row(f"{what}, the quickest of them", _ENVELOPE / min(seconds), "/s", better="more")
    yield Row(f"{what}, by core-seconds", total / max(core, 0.001), "/core-s", better="more")


def _bundle(file: Path, size: int, *, seed: int) -> Path:
    file.write_bytes(feed.bundle(list(feed.objects(size, seed))))
    return file
