"""Bundle files, plain or gzip, as bounded chunks of bytes.

The contents are for `exchange.bundle`; here is only what needs a file. A file is taken for
gzip by its first two bytes, never by its name. What counts is the uncompressed size, so
that a small file cannot become a large one unnoticed.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from allied.errors import MalformedError, NotFoundError, UsageError

CHUNK = 256 << 10
MAX_BYTES = 4 << 30
_GZIP = b"\x1f\x8b"


def source(path: Path, *, limit: int = MAX_BYTES) -> Callable[[], Iterator[bytes]]:
    """Something that opens a bundle file from its start, as often as it is called.

    Raises (when called or read):
        NotFoundError: `bundle.no-such-file`.
        UsageError: `bundle.not-a-file`, `bundle.not-readable`.
        MalformedError: `bundle.bad-gzip` if the compression is damaged or breaks off;
            `stix.too-big` past `limit` uncompressed bytes.
    """
    return lambda: chunks(path, limit=limit)


def chunks(path: Path, *, limit: int = MAX_BYTES) -> Iterator[bytes]:
    """The bytes of a bundle file, uncompressed, at most 256 KiB at a time."""
    with _opened(path) as file:
        total = 0
        for chunk in _inflated(file) if _is_gzip(file) else _read(file):
            total += len(chunk)
            if total > limit:
                raise MalformedError(
                    "stix.too-big",
                    f"the bundle is larger than {limit} bytes, uncompressed",
                    hint="split it, or raise the limit",
                )
            yield chunk


def _opened(path: Path) -> BinaryIO:
    try:
        if path.is_dir():
            raise UsageError("bundle.not-a-file", "this is a folder, not a bundle file")
        return path.open("rb")
    except FileNotFoundError:
        raise NotFoundError("bundle.no-such-file", "there is no such file") from None
    except OSError as problem:
        raise UsageError(
            "bundle.not-readable", f"the file cannot be read: {problem.strerror}"
        ) from problem


def _is_gzip(file: BinaryIO) -> bool:
    start = file.read(2)
    file.seek(0)
    return start == _GZIP


def _read(file: BinaryIO) -> Iterator[bytes]:
    while chunk := _piece(file):
        yield chunk


def _piece(file: BinaryIO) -> bytes:
    try:
        return file.read(CHUNK)
    except OSError as problem:
        raise UsageError(
            "bundle.not-readable", f"the file cannot be read: {problem.strerror}"
        ) from problem


def _inflated(file: BinaryIO) -> Iterator[bytes]:
    """Uncompress one or more gzip members, never more than a chunk ahead of the reader."""
    inflater = zlib.decompressobj(wbits=31)
    held = b""
    try:
        while True:
            held = held or _piece(file)
            if not held:
                break
            if inflater.eof:
                inflater = zlib.decompressobj(wbits=31)
            chunk = inflater.decompress(held, CHUNK)
            held = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
            if chunk:
                yield chunk
    except zlib.error:
        raise _bad_gzip("is damaged") from None
    # What the input no longer feeds may still be inside.
    while not inflater.eof:
        chunk = inflater.decompress(b"", CHUNK)
        if not chunk:
            raise _bad_gzip("breaks off")
        yield chunk


def _bad_gzip(what: str) -> MalformedError:
    return MalformedError("bundle.bad-gzip", f"the compression {what}", hint="fetch the file again")
