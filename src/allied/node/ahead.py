"""Signatures of a batch of records, verified beside the rest of the work.

Verifying is half of what a record costs on its way in, and the library does it without holding
the interpreter. So threads of their own verify, chunk by chunk, while the batch is read and
looked at: three, since each also waits for the interpreter now and then.

Rules. What is found here is only whether a key has signed an envelope; whether that is the right
key, and what follows, is asked by `allied.node.incoming` as ever, in the order of the batch. What
cannot be read is passed over here, and refused there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from allied.errors import AlliedError
from allied.record.envelope import signed_by
from allied.record.record import issuing_key, read_with_envelope

if TYPE_CHECKING:
    from allied.record.envelope import Envelope
    from allied.record.identity import Identity
    from allied.record.keys import PublicKey
    from allied.record.record import Record

_CHUNK: Final = 64
"""Records that are verified at a time; fewer than two chunks are not worth a thread."""
_TURN_SECONDS: Final = 0.0001
"""How long one of the threads keeps the interpreter: less than it takes to verify once."""
_THREADS: Final = 3


@dataclass(frozen=True, slots=True)
class Opened:
    """A record that was read, and whether the issuer's key has signed it."""

    record: Record
    envelope: Envelope
    _chunk: Future[Sequence[bool]]
    _place: int

    @property
    def signed(self) -> bool:
        """Whether the key has signed it; waits until that is known."""
        return self._chunk.result()[self._place]


@contextmanager
def opened(
    raws: Sequence[bytes], identity_of: Callable[[Record], Identity | None]
) -> Iterator[Mapping[bytes, Opened]]:
    """Read records and begin to verify them, while the block goes on with what is there.

    Args:
        identity_of: whose keys count for a record; None for one that is not to be looked at.

    Yields:
        By envelope; without those that cannot be read or have no key. Empty for a small batch.
    """
    if len(raws) < 2 * _CHUNK:
        yield {}
        return
    found: dict[bytes, Opened] = {}
    threads, turn = ThreadPoolExecutor(_THREADS, "allied-verify"), sys.getswitchinterval()
    sys.setswitchinterval(_TURN_SECONDS)
    try:
        for start in range(0, len(raws), _CHUNK):
            chunk = list(_read(raws[start : start + _CHUNK], identity_of))
            signed = threads.submit(_signed, [(envelope, key) for _, envelope, key in chunk])
            for place, (record, envelope, _) in enumerate(chunk):
                found[record.raw] = Opened(record, envelope, signed, place)
        yield found
    finally:
        sys.setswitchinterval(turn)
        threads.shutdown(cancel_futures=True)


def _read(
    raws: Iterable[bytes], identity_of: Callable[[Record], Identity | None]
) -> Iterator[tuple[Record, Envelope, PublicKey]]:
    for raw in raws:
        try:
            record, envelope = read_with_envelope(raw)
            identity = identity_of(record)
            if identity is not None:
                yield record, envelope, issuing_key(record, identity)
        except AlliedError:
            continue


def _signed(chunk: Sequence[tuple[Envelope, PublicKey]]) -> Sequence[bool]:
    return [signed_by(envelope, key) for envelope, key in chunk]
