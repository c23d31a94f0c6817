"""Long answers that are made piece by piece: put aside in a file without a name, then sent.

What makes them reads one snapshot of the store, which belongs to one thread; sending takes as
long as the reader does. A refusal on the way is an answer of its own, never half a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from tempfile import SpooledTemporaryFile
from typing import IO, Final

from fastapi.responses import Response, StreamingResponse
from starlette.background import BackgroundTask

_IN_MEMORY: Final = 2**20
_PIECE: Final = 256 * 1024


def sent(pieces: Iterable[bytes], media: str) -> Response:
    """The answer that carries all of `pieces`; called in the thread that reads the store."""
    spool: IO[bytes] = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed when it was sent
    try:
        for each in pieces:
            spool.write(each)
        size = spool.tell()
    except BaseException:
        spool.close()
        raise
    return StreamingResponse(
        _read(spool),
        media_type=media,
        headers={"content-length": str(size)},
        background=BackgroundTask(spool.close),
    )


def _read(spool: IO[bytes]) -> Iterator[bytes]:
    spool.seek(0)
    while piece := spool.read(_PIECE):
        yield piece
