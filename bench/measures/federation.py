"""What it costs to agree: records folded and taken in, a node that was away, nothing new.

River writes records of the smallest automatic kind (a commitment to its ledger's root) into
the circle of all; Harbour has none of them. So what is measured is what every record costs:
reading, signatures, causal order, the fold, the disk. Taking in is the production path from
River's server over loopback HTTP, in pages, each committed before the next is asked for.
"""

from __future__ import annotations

import hashlib
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.measures.exchange import Node, alliance
from bench.row import Row
from bench.run import resident

if TYPE_CHECKING:
    from allied.node.folds import Folded

_RECORDS: Final = (10_000, 100_000)
_QUICK: Final = (600, 700)
_ASKED: Final = 200
IN_MEMORY: Final = 5_000.0
STORED: Final = 2_500.0
FROM_STORE: Final = 50_000.0
BEHIND_SECONDS: Final = 60.0
IDLE_MS: Final = 5.0
IDLE_MIB: Final = 130.0


def measure(quick: bool) -> Iterator[Row]:
    """Rates at ten thousand records; then a node that is a hundred thousand behind."""
    few, many = _QUICK if quick else _RECORDS
    with tempfile.TemporaryDirectory(prefix="allied-bench-") as name, ExitStack() as stack:
        river, harbour, agreement = stack.enter_context(alliance(Path(name)))
        written = _write(river, agreement, few)
        yield Row(f"{few:,} own records signed and stored", few / written, "/s", better="more")
        yield from _folded(river, agreement, few)
        with river.served() as server:
            yield from _behind(harbour, agreement, few)
            yield from _idle(harbour)
            own = resident(server)
            if own is not None:
                yield Row("memory of an idle node, resident", own / 2**20, "MiB", goal=IDLE_MIB)
        _write(river, agreement, few)
        with river.served():
            yield from _taken_in(harbour, agreement, few)
        _write(river, agreement, many)
        with river.served():
            yield from _behind(harbour, agreement, many, BEHIND_SECONDS)


def _write(river: Node, agreement: str, number: int) -> float:
    """Let River sign so many records at the end of its chain; seconds."""
    from allied.bootstrap import open_node
    from allied.node.journal import as_row
    from allied.node.node import hosted
    from allied.record import record
    from allied.record.ids import RecordId
    from allied.record.record import ChainKey, Dep, sorted_deps

    node = open_node(river.folder)
    try:
        keys = node.vault.unlock(river.environment["ALLIED_PASSPHRASE"])
        with node.store.read() as reading:
            organisation = hosted(reading)
            folded = _fold(node, reading, agreement)
        signer = keys.signer(organisation.id, "automatic")
        circle = folded.instrument.circles.all.id
        chain = ChainKey(circle, organisation.id, organisation.incarnation)
        sequence, previous = folded.history.heads[chain]
        heads = folded.history.heads.items()
        # The first one rests on what the others said, and so do all that follow it.
        cites = sorted_deps([
            Dep(*other, *head)
            for other, head in heads
            if other.circle == circle and other.issuer != organisation.id
        ])  # fmt: skip
        started = time.perf_counter()
        for start in range(0, number, 5_000):
            rows = []
            for at in range(start, min(start + 5_000, number)):
                sequence += 1
                header = record.Header(
                    agreement=folded.row.id,
                    circle=circle,
                    issuer=organisation.id,
                    key=signer.public.key_id,
                    incarnation=organisation.incarnation,
                    sequence=sequence,
                    previous=previous,
                    deps=cites,
                    version=folded.row.version,
                    kind="ledger.commit",
                    claimed_at=record.whole_milliseconds(node.clock.now()),
                )
                root = hashlib.sha256(f"{sequence} {at}".encode()).hexdigest()
                made = record.written(header, {"root": root}, signer)
                previous, cites = RecordId(made.id), ()
                rows.append((made, sequence))
            with node.store.write() as writing:
                for made, number_ in rows:
                    writing.claim_sequence(
                        circle, organisation.id, organisation.incarnation, number_, made.id
                    )
                writing.add_records(as_row(made) for made, _ in rows)
        return time.perf_counter() - started
    finally:
        node.close()


def _folded(river: Node, agreement: str, number: int) -> Iterator[Row]:
    """As a start does, with and without a kept fold; and from bytes, signatures checked."""
    from allied.agreement.fold import fold
    from allied.bootstrap import open_node
    from allied.node import folds, keeping
    from allied.record import record
    from allied.record.history import history
    from allied.record.identity import open_chain

    node = open_node(river.folder)
    try:
        with node.store.read() as reading:
            folded = _fold(node, reading, agreement)
            without = [each for each in folded.state.verdicts.values() if not each.effect]
            if without:
                raise RuntimeError(f"a record has no effect: {without[0].reason}")
            afresh = min(_timed(lambda: folds.anew(reading, folded.row.id)) for _ in range(3))
            raws = [row.raw for row in reading.records(folded.row.id)]
            identities = {
                each.issuer: open_chain(list(reading.descriptors(each.issuer)))
                for each in reading.records(folded.row.id)
            }
        yield Row(
            f"{number:,} records folded from the store, nothing kept", len(raws) / afresh, "/s",
            better="more", note="all of them read and judged again",
        )  # fmt: skip
        written = _timed(lambda: keeping.keep_due(node))
        with node.store.read() as reading:
            at_start = folds.Folds()
            seconds = _timed(lambda: at_start.of(reading, folded.row.id))
            if at_start.covered(folded.row.id) != len(raws):
                raise RuntimeError("a start did not take what was kept")
            seconds = min(
                seconds, *(_timed(lambda: folds.Folds().of(reading, folded.row.id)) for _ in "12")
            )
        yield Row(
            f"{number:,} records folded from the store, from what was kept", len(raws) / seconds,
            "/s", goal=FROM_STORE, better="more",
            note=f"as every start does; keeping all of it took {written * 1e3:.0f} ms",
        )  # fmt: skip

        def whole() -> None:
            found = []
            for raw in raws:
                each = record.read(raw)
                record.require_issued(each, identities[each.header.issuer])
                found.append(each)
            fold(folded.instrument, history(found, folded.instrument.circles.size))

        yield Row(
            f"{number:,} records read, verified and folded in memory", len(raws) / _timed(whole),
            "/s", goal=IN_MEMORY, better="more", note="one core; `foundation` has the primitive",
        )  # fmt: skip
    finally:
        node.close()


def _behind(harbour: Node, agreement: str, number: int, goal: float | None = None) -> Iterator[Row]:
    """Harbour fetches what it is behind by, with one `allied sync`.

    Args:
        goal: for how long it takes, in seconds; without, only the rate is said.
    """
    ran = harbour.verb("sync")
    held = _held(harbour, agreement)
    if held < number:
        raise RuntimeError(f"{held} of {number} records arrived at harbour")
    note = "one `allied sync`, start included; verified, stored, folded"
    yield Row(
        f"{number:,} records taken in, verified and stored", number / ran.seconds, "/s",
        better="more", note=note,
    )  # fmt: skip
    if goal is not None:
        yield Row(
            f"a node that is {number:,} records behind has caught up", ran.seconds, "s",
            goal=goal, note=note,
        )  # fmt: skip
        yield Row("the same, most memory of `allied sync`", ran.peak_bytes / 2**20, "MiB")


def _taken_in(harbour: Node, agreement: str, number: int) -> Iterator[Row]:
    """Harbour, as a process that has started, asks River and takes in what is new."""
    from allied.bootstrap import open_node
    from allied.node.sync import ask_all, settle

    before = _held(harbour, agreement)
    node = open_node(harbour.folder)
    try:
        keys = node.vault.unlock(harbour.environment["ALLIED_PASSPHRASE"])
        started = time.perf_counter()
        ask_all(node, keys)
        settle(node, keys)
        seconds = time.perf_counter() - started
    finally:
        node.close()
    came = _held(harbour, agreement) - before
    if came < number:
        raise RuntimeError(f"{came} of {number} records arrived at harbour")
    yield Row(
        f"{number:,} records taken in, verified and stored, by a process that runs",
        came / seconds, "/s", goal=STORED, better="more",
        note="asked for over HTTP, verified, stored, folded, answered with receipts",
    )  # fmt: skip


def _idle(harbour: Node) -> Iterator[Row]:
    """Harbour asks River again and again, and there is nothing new."""
    from allied.bootstrap import open_node
    from allied.node.sync import ask_all

    node = open_node(harbour.folder)
    try:
        keys = node.vault.unlock(harbour.environment["ALLIED_PASSPHRASE"])
        ask_all(node, keys)
        taken = [_timed(lambda: ask_all(node, keys)) for _ in range(_ASKED)]
        yield Row(
            "nothing new between two nodes, median", statistics.median(taken) * 1e3, "ms",
            goal=IDLE_MS, note="signed question and signed answer over HTTP, both verified",
        )  # fmt: skip
        yield Row("the same, 99th of 100", sorted(taken)[int(_ASKED * 0.99)] * 1e3, "ms")
    finally:
        node.close()


def _held(harbour: Node, agreement: str) -> int:
    """How many records of the agreement Harbour holds."""
    from allied.bootstrap import open_node

    node = open_node(harbour.folder)
    try:
        with node.store.read() as reading:
            return len(_fold(node, reading, agreement).history.order)
    finally:
        node.close()


def _fold(node: Any, reading: Any, agreement: str) -> Folded:
    from allied.node.agreements import resolve

    folded: Folded = node.folds.of(reading, resolve(reading, agreement).id)
    return folded


def _timed(work: Any) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
