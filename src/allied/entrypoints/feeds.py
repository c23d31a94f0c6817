"""Feeds under `/feeds/`: a file for whoever knows its address.

    /feeds/<address>/<file>        the feed; `allied feed create` prints the whole path
    /feeds/<address>/<file>.sig    the signature over it

A plain ASGI application, no models on the way. Rules: only GET and HEAD; whatever is wrong
with a path, the answer is the same 404; a reader that shows the tag or the date of what it
holds gets 304 and no body. Feeds are made in threads, few at a time, and sent in pieces. No
path and no contents are logged.

Source: RFC 9110, sections 8.8 (validators), 13 (conditional requests).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread
from starlette.routing import Route

from allied.errors import AlliedError, NotFoundError
from allied.node.feeds import Feeds, Fetched

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import Receive, Scope, Send

    from allied.node.node import Node
    from allied.node.ports import Keys

PREFIX: Final = "/feeds"

_LOG: Final = logging.getLogger("allied.feeds")
_THREADS: Final = 4
_PIECE: Final = 256 * 1024
_LONGEST_PATH: Final = 256
_LONGEST_CONDITION: Final = 4_096
_READS: Final = ("GET", "HEAD")

_Headers = list[tuple[str, str]]


def mount(app: FastAPI, node: Node, keys: Keys) -> None:
    """Put the feeds of a node on its web application."""
    feeds = _Door(Feeds(node, keys))
    below = Route(PREFIX + "/{rest:path}", feeds)
    # Any path below is ours, also one with an escaped line break in it.
    below.path_regex = re.compile(below.path_regex.pattern, re.DOTALL)
    app.router.routes.extend([Route(PREFIX, feeds), below])


class _Door:
    """The ASGI application behind every path under the prefix."""

    def __init__(self, feeds: Feeds) -> None:
        self._feeds = feeds
        self._desks: anyio.CapacityLimiter | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Answer one request; its body is not read."""
        if self._desks is None:
            self._desks = anyio.CapacityLimiter(_THREADS)
        if scope["method"] not in _READS:
            await _send(send, 405, b"", [("allow", ", ".join(_READS)), ("connection", "close")])
            return
        found = await anyio.to_thread.run_sync(self._found, scope, limiter=self._desks)
        if isinstance(found, int):
            await _send(send, found, b"", [("retry-after", "60")] if found == 503 else [])
            return
        headers: _Headers = [
            ("etag", f'"{found.tag}"'),
            ("last-modified", format_datetime(found.modified, usegmt=True)),
        ]
        if _is_held(scope["headers"], found):
            await _send(send, 304, None, headers)
            return
        headers += [("content-type", found.media), ("content-length", str(len(found.body)))]
        await _send(send, 200, b"" if scope["method"] == "HEAD" else found.body, headers)

    def _found(self, scope: Scope) -> Fetched | int:
        """What lies behind the path, or the status that says why nothing does."""
        path = str(scope["path_params"].get("rest", ""))
        address, _, file = path.partition("/")
        if len(path) > _LONGEST_PATH or not file:
            return 404
        try:
            return self._feeds.fetch(address, file)
        except NotFoundError:
            return 404
        except AlliedError as problem:
            _LOG.warning("refused: %s", problem.code)
            return 503
        except Exception as problem:  # noqa: BLE001 - the reader is told that, nothing of what
            place = problem.__traceback__
            while place is not None and place.tb_next is not None:
                place = place.tb_next
            where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else ""
            _LOG.error("failed: %s at %s", type(problem).__name__, where)
            return 500


def _is_held(headers: Sequence[tuple[bytes, bytes]], found: Fetched) -> bool:
    """Whether a reader says that it holds these very bytes; its tag counts before its date."""
    tags = b",".join(value for name, value in headers if name == b"if-none-match")
    if tags:
        shown = tags[:_LONGEST_CONDITION].decode("latin-1").split(",")
        return any(_is_tag(each.strip(), found.tag) for each in shown)
    dates = [value for name, value in headers if name == b"if-modified-since"]
    if len(dates) != 1 or len(dates[0]) > 64:
        return False
    since = _date(dates[0].decode("latin-1"))
    return since is not None and found.modified <= since


def _is_tag(shown: str, tag: str) -> bool:
    return shown == "*" or shown.removeprefix("W/") == f'"{tag}"'


def _date(text: str) -> datetime | None:
    """An HTTP date; None for whatever is none."""
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


async def _send(send: Send, status: int, body: bytes | None, headers: _Headers) -> None:
    """Send an answer, in pieces so that a slow reader does not hold all of it twice."""
    told = {name for name, _ in headers}
    if body is not None and "content-length" not in told:
        headers = [*headers, ("content-length", str(len(body)))]
    headers = [
        *headers,
        ("cache-control", "private, no-cache"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("referrer-policy", "no-referrer"),
    ]
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(name.encode(), value.encode()) for name, value in headers],
        }
    )
    rest = memoryview(body or b"")
    while len(rest) > _PIECE:
        piece, rest = bytes(rest[:_PIECE]), rest[_PIECE:]
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": bytes(rest)})
