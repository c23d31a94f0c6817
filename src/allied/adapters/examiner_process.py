"""The process beside a large import: `python -m allied.adapters.examiner_process`.

It reads rows of objects from stdin, examines them, and writes what it found to stdout, in the
same order; see `allied.adapters.examiners`, which starts it. It opens no file, no database
and no connection, and ends with its stdin.

Rules. Reading goes on in a thread of its own while a row is examined, so that the two
processes never wait for each other with both pipes full.
"""

from __future__ import annotations

import queue
import signal
import sys
import threading
from typing import IO, Final

import msgspec

from allied.adapters.examiners import LENGTH, MOST_FRAME, Asked, Passed, Seen
from allied.exchange.bundle import Refused, Row
from allied.exchange.examining import Sighted, examined

_ASKED: Final = msgspec.msgpack.Decoder(Asked)
_HELD: Final = 4
_TURN_SECONDS: Final = 0.000_5
"""How long the thread that reads has to wait for its turn; who has written waits for it."""


def main() -> None:
    """Examine until nothing more is asked."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who asks is told, and ends this
    asked: queue.Queue[bytes] = queue.Queue(_HELD)
    sys.setswitchinterval(_TURN_SECONDS)
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    threading.Thread(target=_read_on, args=(source, asked), daemon=True).start()
    try:
        while frame := asked.get():
            answer = answered(frame)
            sink.write(LENGTH.pack(len(answer)))
            sink.write(answer)
            sink.flush()
    except BrokenPipeError:
        sys.stdout = None  # nothing is left to be flushed at the end


def answered(frame: bytes) -> bytes:
    """What there is to know of the row in a frame."""
    asked = _ASKED.decode(frame)
    found = examined(Row(asked.index, asked.raws))
    return msgspec.msgpack.encode([_said(each) for each in found])


def _said(each: Sighted | Refused) -> Seen | Passed:
    if isinstance(each, Sighted):
        return Seen(each.head, each.digest, each.sound, each.names)
    return Passed(each.id, each.code, each.reason)


def _read_on(source: IO[bytes], asked: queue.Queue[bytes]) -> None:
    """Put every frame into the queue, and an empty one where they end."""
    while True:
        start = source.read(LENGTH.size)
        size = LENGTH.unpack(start)[0] if len(start) == LENGTH.size else 0
        frame = source.read(size) if 0 < size <= MOST_FRAME else b""
        if not frame or len(frame) < size:
            asked.put(b"")
            return
        asked.put(frame)


if __name__ == "__main__":
    main()
