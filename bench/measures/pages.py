"""Pages of stored bytes out of the store: for who sees much, little, and nothing new.

Objects of about 730 bytes in 200 handling classes, spread evenly. In process, a unit of
reading each; what a server adds is its own.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final

from allied.adapters.clock import SystemChance, SystemClock
from allied.adapters.sql import SqlStore, joined, open_store
from allied.node.rows import ItemBatch, Joined
from allied.record.ids import AgreementId, Digest, OrganisationId
from bench import feed
from bench.row import Row

_SIZES: Final = (50_000, 1_000_000)
_QUICK_SIZES: Final = (2_000, 10_000)
_CLASSES: Final = 200
_BATCH: Final = 10_000
_TIMES: Final = 200
PAGE: Final = 1_000
SPARSE: Final = 300.0
GROWTH: Final = 1.2


def measure(quick: bool) -> Iterator[Row]:
    """The same questions at two sizes; then one against the other."""
    with tempfile.TemporaryDirectory(prefix="allied-bench-") as name:
        store = open_store(
            Path(name) / "pages.db",
            clock=SystemClock(),
            chance=SystemChance(),
            backups=Path(name),
        )
        yield from of_a_store(store, _QUICK_SIZES if quick else _SIZES, quick=quick)
        store.close()


def of_a_store(store: SqlStore, sizes: Sequence[int], *, quick: bool) -> Iterator[Row]:
    """The rows of one store, which is empty: filled up to each of the sizes, and asked there."""
    medians: dict[str, list[float]] = {}
    stored = 0
    classes: Sequence[int] = ()
    for size in sizes:
        started = time.perf_counter()
        classes = _fill(store, stored, size)
        filled = (size - stored) / (time.perf_counter() - started)
        stored = size
        yield Row(f"storing up to {size:,}", filled, "/s", better="more", note="durable")
        for what, ask in _questions(store, classes, size):
            seconds = _seconds(ask, _TIMES if not quick else 20)
            medians.setdefault(what, []).append(statistics.median(seconds))
            worst = sorted(seconds)[len(seconds) * 99 // 100]
            used = statistics.median(_seconds(ask, 5 if quick else 50, time.process_time))
            half = statistics.median(seconds)
            told = (
                f"least {min(seconds) * 1e3:.2f} ms, p50 {half * 1e3:.2f} ms,"
                f" p99 {worst * 1e3:.2f} ms; {used * 1e3:.2f} ms of a core (median)"
            )
            sparse = what.endswith("1 in 200")
            yield Row(
                f"{what}, of {size:,}", 1 / half, "/s", better="more",
                goal=SPARSE if sparse else None,
                note=told,
            )  # fmt: skip
    for what, ask in _ways(store, classes, stored):
        each = statistics.median(_seconds(ask, 5 if quick else 50, time.process_time))
        note = "the way follows from what part of everything is visible; by core-seconds"
        yield Row(what, 1 / each, "/core-s", better="more", note=note)
    if quick:
        return  # a page is not full there
    for what, (small, large) in medians.items():
        if what.endswith("1 in 200"):
            continue  # there are no 1,000 of them at the smaller size
        note = f"at {sizes[-1]:,} against {sizes[0]:,} objects"
        yield Row(f"{what}: how much slower", large / small, "x", goal=GROWTH, note=note)


_HOLDER: Final = OrganisationId(sha256(b"holder").hexdigest())
_AGREEMENT: Final = AgreementId(sha256(b"agreement").hexdigest())
_STATEMENT: Final = Digest(sha256(b"statement").hexdigest())
_START: Final = datetime(2026, 11, 23, tzinfo=UTC)


def _fill(store: SqlStore, stored: int, size: int) -> Sequence[int]:
    """Store objects up to `size`; the numbers of the classes."""
    draw = random.Random(stored)
    raws = feed.objects(size - stored, seed=stored)
    with store.write() as writing:
        classes = [
            writing.handling_class(_AGREEMENT, Digest(sha256(b"%d" % each).hexdigest()), b"{}")
            for each in range(_CLASSES)
        ]
    for first in range(stored, size, _BATCH):
        some = [raw for _, raw in zip(range(_BATCH), raws, strict=False)]
        at = _START + timedelta(seconds=first)
        # Runs of one class, as shares make them, in an order that means nothing.
        spread = [draw.choice(classes) for _ in range(-(-len(some) // 10))]
        batches = [
            _batch(some[10 * place : 10 * place + 10], number, at)
            for place, number in enumerate(spread)
        ]
        with store.write() as writing:
            writing.add_batches(batches)
    return classes


def _batch(raws: Sequence[bytes], class_id: int, at: datetime) -> ItemBatch:
    ids = [raw.partition(b'"id":"')[2].partition(b'"')[0].decode() for raw in raws]
    return ItemBatch(
        holder=_HOLDER,
        originator=_HOLDER,
        agreement=_AGREEMENT,
        via=_HOLDER,
        share="share",
        received_at=at,
        class_id=class_id,
        statement=_STATEMENT,
        ids=ids,
        modified=["2026-01-02T03:04:05.678Z"] * len(raws),
        types=[each.partition("--")[0] for each in ids],
        kinds=["indicator"] * len(raws),
        digests=[sha256(raw).digest() for raw in raws],
        raws=raws,
        proofs=[b"\0\0\0\0"] * len(raws),
    )


def _questions(
    store: SqlStore, classes: Sequence[int], size: int
) -> Iterator[tuple[str, Callable[[], Joined]]]:
    """What a reader asks, by name."""
    draw = random.Random(size)

    def page(visible: Sequence[int]) -> Callable[[], Joined]:
        far = max(1, size - PAGE * _CLASSES // len(visible))

        def ask() -> Joined:
            with store.read() as reading:
                after = draw.randrange(far)
                return reading.joined_items(_HOLDER, visible, limit=PAGE, after=after)

        return ask

    def poll(new: int) -> Callable[[], Joined]:
        def ask() -> Joined:
            with store.read() as reading:
                return reading.joined_items(_HOLDER, classes, limit=PAGE, after=size - new)

        return ask

    yield f"page of {PAGE:,} for who sees all", page(classes)
    yield f"page of {PAGE:,} for who sees half", page(classes[::2])
    yield f"page of {PAGE:,} for who sees 1 in 200", page(classes[:1])
    yield "poll with 10 new objects", poll(10)
    yield "poll with nothing new", poll(0)


def _ways(
    store: SqlStore, classes: Sequence[int], size: int
) -> Iterator[tuple[str, Callable[[], Joined]]]:
    """Both ways to the same page in a file, for who sees half and for who sees little."""
    if store.engine.dialect.name != "sqlite":
        return
    draw = random.Random(size)

    def page(way: Callable[..., Joined], visible: Sequence[int], after: int) -> Joined:
        with store.read() as reading:
            number = reading._names.numbers((_HOLDER,))[_HOLDER]  # noqa: SLF001  # one way of two
            asked = joined.Asked(number, tuple(visible), None, after, size, PAGE, (), 2**30)
            return joined.joined_by(way, reading._connection, asked)  # noqa: SLF001

    for whom, visible in (("half", classes[::2]), ("1 in 200", classes[:1])):
        far = max(1, size - PAGE * _CLASSES // len(visible))
        for way in joined.WAYS:
            name = f"the same for who sees {whom}, way `{way.__name__}`"
            yield (
                name,
                lambda way=way, visible=visible, far=far: page(  # type: ignore[misc]
                    way, visible, draw.randrange(far)
                ),
            )


def _seconds(
    ask: Callable[[], Joined], times: int, clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    found = []
    for _ in range(times):
        started = clock()
        ask()
        found.append(clock() - started)
    return found
