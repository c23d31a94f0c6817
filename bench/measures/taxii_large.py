"""The same questions over TAXII where forty times as much is stored: nothing may slow down.

Two million objects come from a bundle file by the command line, so that also the longest
import is measured; then a server asks the questions of the measure `taxii`. A figure may be
20 % worse than its goal there, and the server's memory has a goal of its own. Takes minutes
and about 6 GiB of disk; BENCH_LARGE_OBJECTS says how many objects instead.
"""

from __future__ import annotations

import json
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from bench import feed
from bench.measures.exchange import alliance
from bench.measures.ingest import BULK
from bench.measures.taxii import Client, questions
from bench.row import NotMeasurable, Row

OBJECTS: Final = 2_000_000
ROOM: Final = 1.2
MEMORY: Final = 300.0


def measure(quick: bool) -> Iterator[Row]:
    """Fill a node from a file, then ask its server."""
    if quick:
        raise NotMeasurable("it takes minutes; leave out --quick")
    count = int(os.environ.get("BENCH_LARGE_OBJECTS", OBJECTS))
    with tempfile.TemporaryDirectory(prefix="allied-bench-") as name, ExitStack() as stack:
        river, _, agreement = stack.enter_context(alliance(Path(name)))
        token = river.asked("token", "create", "--role", "integrator")["token"]
        file = Path(name) / "large.json"
        some_id = _write(file, count)
        ran = river.verb("share", str(file), "--agreement", agreement)
        file.unlink()
        what = f"a bundle file of {count:,} objects by the command line"
        yield Row(f"{what}, start included", count / ran.seconds, "/s", BULK, "more")
        yield Row(f"{what}, by core-seconds", count / ran.core_seconds, "/core-s", better="more")
        yield Row(f"{what}, most memory", ran.peak_bytes / 2**20, "MiB")
        server = stack.enter_context(river.served())
        client = Client(river.port, token, f"/taxii2/{agreement}/collections/all/")
        yield from questions(
            client, server, count, quick=False, some_id=some_id, room=ROOM, memory=MEMORY
        )


def _write(file: Path, count: int) -> str:
    """Write a bundle, object by object; the id of its first object."""
    first = ""
    with file.open("wb") as out:
        out.write(b'{"type":"bundle","id":"bundle--%s","objects":[' % str(uuid.uuid4()).encode())
        for number, raw in enumerate(feed.objects(count)):
            out.write(b",\n" + raw if number else raw)
            first = first or str(json.loads(raw)["id"])
        out.write(b"]}\n")
    return first
