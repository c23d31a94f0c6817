"""What is posted: bounded in bytes and in time while it is read, before it is parsed.

A bundle is read twice, so it is put aside in a file without a name that is gone when the
request is; a text is held in memory. Nothing is uncompressed here, so that nothing small
can become large.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from tempfile import SpooledTemporaryFile
from typing import IO, Final

import anyio
from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from allied.entrypoints.rest.refusals import MediaTypeError, TooLargeError, TooSlowError
from allied.errors import MalformedError

TEXT_BYTES: Final = 2 * 2**20
BUNDLE_BYTES: Final = 64 * 2**20
BODY_SECONDS: Final = 120.0
MULTIPART: Final = "multipart/form-data"
PART: Final = "bundle"
_AROUND: Final = 16 * 1024
_IN_MEMORY: Final = 2**20
_PIECE: Final = 256 * 1024

Source = Callable[[], Iterator[bytes]]


def require_media(request: Request, *known: str) -> str:
    """The media type of what is sent, which is one of those known here.

    Raises:
        MediaTypeError: `rest.media-type`, `rest.encoding`.
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise MediaTypeError("rest.encoding", "what is sent here is not compressed")
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in known:
        raise MediaTypeError(
            "rest.media-type",
            "what is sent is of a media type that is not read here",
            hint=f"read here: {', '.join(known)}",
        )
    return media


async def read_text(request: Request) -> bytes:
    """All of a small body.

    Raises:
        TooLargeError: `rest.too-large`. TooSlowError: `rest.too-slow`.
    """
    body = bytearray()
    async for piece in _pieces(request, TEXT_BYTES):
        body += piece
    return bytes(body)


@asynccontextmanager
async def bundle(request: Request) -> AsyncIterator[Source]:
    """The bundle that a request carries, as something that can be read from its start again.

    It is the body itself, or the only file, called `bundle`, of a form.

    Raises:
        TooLargeError: `rest.too-large`. TooSlowError: `rest.too-slow`.
        MalformedError: `rest.form`.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == MULTIPART:
        async with _form(request) as file:
            yield _source(file)
        return
    with SpooledTemporaryFile(_IN_MEMORY) as file:
        async for piece in _pieces(request, BUNDLE_BYTES):
            await run_in_threadpool(file.write, piece)
        yield _source(file)


@asynccontextmanager
async def _form(request: Request) -> AsyncIterator[IO[bytes]]:
    pieces = _pieces(request, BUNDLE_BYTES + _AROUND)
    refusal = MalformedError("rest.form", f"the form is not one with a single file called `{PART}`")
    try:
        form = await MultiPartParser(
            request.headers, pieces, max_files=1, max_fields=0, max_part_size=_AROUND
        ).parse()
    except MultiPartException:
        raise refusal from None
    found = form.getlist(PART)
    try:
        if len(found) != 1 or not isinstance(found[0], UploadFile):
            raise refusal
        yield found[0].file
    finally:
        await form.close()


def _source(file: IO[bytes]) -> Source:
    def read() -> Iterator[bytes]:
        file.seek(0)
        while piece := file.read(_PIECE):
            yield piece

    return read


async def _pieces(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    too_large = TooLargeError(
        "rest.too-large",
        f"more than {limit} bytes are not read here",
        hint="`allied share` and `allied incident report` take larger files on the node",
        facts={"limit": limit},
    )
    announced = request.headers.get("content-length", "0")
    if not (announced.isascii() and announced.isdecimal()) or int(announced[:18]) > limit:
        raise too_large
    total = 0
    stream = request.stream()
    ends = anyio.current_time() + BODY_SECONDS
    while True:
        try:
            with anyio.fail_after(max(0.0, ends - anyio.current_time())):
                piece = await anext(stream, None)
        except TimeoutError:
            raise TooSlowError("rest.too-slow", "the body did not arrive in time") from None
        if piece is None:
            return
        total += len(piece)
        if total > limit:
            raise too_large
        yield piece
