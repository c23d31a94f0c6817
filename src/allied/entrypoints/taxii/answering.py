"""How a TAXII answer is said: envelopes of stored bytes, headers, errors.

Rules. Objects go out as the bytes they came in, joined into the envelope and never parsed.
Every answer, a refusal too, has the media type of TAXII 2.1. `more` and `next` come
together. An empty page has neither `objects` nor the headers that would date it. An error
carries our code, a sentence and a hint, and never what was refused.

Source: OASIS TAXII 2.1, sections 1.6.8, 3.2, 3.6.1, 3.7, 4 and 5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from allied.entrypoints.statuses import http_status
from allied.errors import AlliedError
from allied.node.additions import date_text
from allied.node.browsing import Page, Stretch
from allied.node.collections import Collection, Root

MEDIA_TYPE: Final = "application/taxii+json;version=2.1"
STIX_TYPE: Final = "application/stix+json;version=2.1"
MAX_CONTENT_LENGTH: Final = 10 * 2**20
MAX_OBJECTS: Final = 50_000

_TOGETHER: Final = 256 * 1024
"""Bytes of an envelope that are put together: less work than giving out three pieces."""

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body in pieces, and the headers besides those that every answer has."""

    status: int
    pieces: tuple[bytes, ...]
    headers: Headers

    @property
    def size(self) -> int:
        """Of the body, in bytes."""
        return sum(map(len, self.pieces))


def discovery(prefix: str, roots: Sequence[Root]) -> Answer:
    """The server, with its API roots as paths relative to it; `all` is the default."""
    paths = [f"{prefix}/{root.name}/" for root in roots]
    return _json(
        {
            "title": "Allied",
            "description": "What one organisation may see under its agreements",
            "default": paths[0],
            "api_roots": paths,
        }
    )


def api_root(root: Root) -> Answer:
    """One API root."""
    return _json(
        {
            "title": root.title,
            "description": root.description,
            "versions": [MEDIA_TYPE],
            "max_content_length": MAX_CONTENT_LENGTH,
        }
    )


def collections(root: Root, writable: Callable[[Collection], bool]) -> Answer:
    """The collections of an API root."""
    return _json({"collections": [_collection(each, writable(each)) for each in root.collections]})


def collection(one: Collection, *, writable: bool) -> Answer:
    """One collection."""
    return _json(_collection(one, writable))


def objects(found: Stretch, following: str | None) -> Answer:
    """An envelope of objects; `following` is what stands in `next`."""
    pieces: tuple[bytes, ...] = (_start(following) + b"}",)
    if found.count:
        commas = [b","] * (2 * len(found.pieces) - 1)
        commas[::2] = found.pieces
        pieces = (_start(following) + b',"objects":[', *commas, b"]}")
        if sum(map(len, pieces)) <= _TOGETHER:
            pieces = (b"".join(pieces),)
    dates = (found.first_added, found.last_added) if found.count else None
    return Answer(200, pieces, _dated(dates))


def manifest(page: Page, following: str | None) -> Answer:
    """What a page holds, without the objects."""
    entries = [
        {
            "id": entry.id,
            "date_added": date_text(entry.added),
            "version": entry.version,
            "media_type": STIX_TYPE,
        }
        for entry in page.entries
    ]
    return _page(page, b"objects", orjson.dumps(entries), following)


def versions(page: Page, following: str | None) -> Answer:
    """The versions on a page."""
    found = list(dict.fromkeys(entry.version for entry in page.entries))
    return _page(page, b"versions", orjson.dumps(found), following)


def accepted(status: bytes) -> Answer:
    """What became of an addition: the status resource, complete at once."""
    return Answer(202, (status,), [])


def status(kept: bytes) -> Answer:
    """A status resource that was kept."""
    return Answer(200, (kept,), [])


def deleted() -> Answer:
    """An object was taken away; there is nothing to say of it."""
    return Answer(200, (), [])


def refusal(problem: AlliedError, status: int = 0) -> Answer:
    """A TAXII error; `status` where it is not the one that follows from the kind of refusal."""
    return _error(status or http_status(problem), problem.code, problem.message, problem.hint)


def unauthorised() -> Answer:
    """401 with what a client may try; the same whatever was wrong."""
    answer = _error(
        401,
        "taxii.unauthorised",
        "a valid API token is needed",
        "`allied token create` makes one: HTTP Basic id:secret, or Bearer id.secret",
    )
    answer.headers.append((b"www-authenticate", b'Basic realm="allied", charset="UTF-8"'))
    answer.headers.append((b"www-authenticate", b'Bearer realm="allied"'))
    return answer


def not_acceptable() -> Answer:
    """406: the client wants no media type that is given here."""
    return _error(406, "taxii.not-acceptable", f"answers here are {MEDIA_TYPE}", "")


def not_read() -> Answer:
    """415: what was posted is of a media type that is not read here."""
    return _error(415, "taxii.media-type", f"what is posted here is {MEDIA_TYPE}", "")


def too_large() -> Answer:
    """413: more was posted than is read here."""
    return _error(
        413,
        "taxii.too-large",
        f"an envelope has at most {MAX_CONTENT_LENGTH} bytes here",
        "post it in parts, or use `allied share` on the node",
    )


def too_many() -> Answer:
    """422: more objects were posted than are taken at once; the bytes alone would do."""
    return _error(
        422,
        "taxii.too-many",
        f"an envelope has at most {MAX_OBJECTS} objects here",
        "post it in parts, or use `allied share` on the node",
    )


def too_slow() -> Answer:
    """408: what was posted did not arrive in time."""
    return _error(408, "taxii.too-slow", "what was posted did not arrive in time", "")


def method_not_allowed(allowed: str) -> Answer:
    """405 for what cannot be done with a resource."""
    answer = _error(405, "taxii.method", f"only {allowed} are answered here", "")
    answer.headers.append((b"allow", allowed.encode()))
    return answer


def read_only() -> Answer:
    """403 for adding to and deleting from a collection that is only read."""
    return _error(
        403,
        "taxii.read-only",
        "this collection is read and not written",
        "objects are added to the collection `all` of one agreement's root",
    )


def failed() -> Answer:
    """500, with nothing of why."""
    return _error(500, "taxii.internal", "the request could not be answered", "")


def _collection(one: Collection, writable: bool) -> dict[str, object]:
    return {
        "id": one.id,
        "title": one.title,
        "description": one.description,
        "alias": one.alias,
        "can_read": True,
        "can_write": writable,
        "media_types": [STIX_TYPE],
    }


def _start(following: str | None) -> bytes:
    if following is None:
        return b'{"more":false'
    return b'{"more":true,"next":"%s"' % following.encode()


def _dated(dates: tuple[int, int] | None) -> Headers:
    """The headers that say when the first and the last object of a page were added."""
    if dates is None:
        return []
    first, last = dates
    return [
        (b"x-taxii-date-added-first", date_text(first).encode()),
        (b"x-taxii-date-added-last", date_text(last).encode()),
    ]


def _page(page: Page, name: bytes, elements: bytes, following: str | None) -> Answer:
    listed = b',"%s":%s' % (name, elements) if page.entries else b""
    dates = (page.entries[0].added, page.entries[-1].added) if page.entries else None
    return Answer(200, (b"%s%s}" % (_start(following), listed),), _dated(dates))


def _error(status: int, code: str, title: str, hint: str) -> Answer:
    value = {"title": title, "error_code": code, "http_status": str(status)}
    if hint:
        value["description"] = hint
    return Answer(status, (orjson.dumps(value),), [])


def _json(value: object) -> Answer:
    return Answer(200, (orjson.dumps(value),), [])
