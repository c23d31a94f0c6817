"""The same over PostgreSQL: pages out of the store, and envelopes taken in.

A server of the measure's own on this machine, reached by a socket file, on which each commit
waits for the disk. Its processes and ours share the cores, so a figure is one of both.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from allied.adapters.clock import SystemChance
from allied.adapters.sql import open_postgres
from bench.measures import ingest, pages
from bench.measures.exchange import alliance
from bench.row import NotMeasurable, Row
from tests import postgres

_SIZES: Final = (50_000, 300_000)
_QUICK_SIZES: Final = (2_000, 10_000)
_ENVELOPES: Final = 50
_BUSY_SECONDS: Final = 60.0


def measure(quick: bool) -> Iterator[Row]:
    """Pages at two sizes and how much room they take; then envelopes through the use case.

    Raises:
        NotMeasurable: no PostgreSQL server is installed here.
    """
    if postgres.programs() is None:
        raise NotMeasurable("no PostgreSQL server is installed here")
    sizes = _QUICK_SIZES if quick else _SIZES
    with postgres.server(durable=True) as server:
        with server.database() as address:
            store = open_postgres(address, chance=SystemChance(), busy_seconds=_BUSY_SECONDS)
            before = store.account().size
            yield from pages.of_a_store(store, sizes, quick=quick)
            room = (store.account().size - before) / sizes[-1]
            note = "bytes of the object, its row and its indexes; no compression, no vacuum"
            yield Row(f"on the disk for each of {sizes[-1]:,} objects", room, "B", note=note)
            store.close()
        with (
            tempfile.TemporaryDirectory(prefix="allied-bench-") as name,
            server.database() as address,
            alliance(Path(name), database=address) as (river, _, agreement),
        ):
            yield from ingest.of_envelopes(river, agreement, 2 if quick else _ENVELOPES)
