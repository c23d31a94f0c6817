"""How a TAXII answer is said: envelopes of stored bytes, headers, errors.

Rules. Objects go out as the bytes they came in, joined into the envelope and never parsed.
Every answer, a refusal too, has the media type of TAXII 2.1. `more` and `next` come
together. An empty page has neither `objects` nor the headers that would date it. An error
carries our code, a sentence and a hint, and never what was refused.

Source: OASIS TAXII 2.1, sections 1.6.8, 3.2, 3.6.1, 3.7, 4 and 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from allied.entrypoints.statuses import http_status
from allied.errors import AlliedError
from allied.node.additions import date_text
from allied.node.browsing import Page
from allied.node.collections import Collection, Root

MEDIA_TYPE: Final = "application/taxii+json;version=2.1"
STIX_TYPE: Final = "application/stix+json;version=2.1"
MAX_CONTENT_LENGTH: Final = 10 * 2**20

Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body, and the headers besides those that every answer has."""

    status: int
    body: bytes
    headers: Headers


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


def collections(root: Root) -> Answer:
    """The collections of an API root."""
    return _json({"collections": [_collection(each) for each in root.collections]})


def collection(one: Collection) -> Answer:
    """One collection."""
    return _json(_collection(one))


def objects(page: Page) -> Answer:
    """An envelope of the objects of a page."""
    return _page(page, "objects", b",".join(page.bodies))


def manifest(page: Page) -> Answer:
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
    return _page(page, "objects", orjson.dumps(entries)[1:-1])


def versions(page: Page) -> Answer:
    """The versions on a page."""
    found = list(dict.fromkeys(entry.version for entry in page.entries))
    return _page(page, "versions", orjson.dumps(found)[1:-1])


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
    answer.headers.append(("www-authenticate", 'Basic realm="allied", charset="UTF-8"'))
    answer.headers.append(("www-authenticate", 'Bearer realm="allied"'))
    return answer


def not_acceptable() -> Answer:
    """406: the client wants no media type that is given here."""
    return _error(406, "taxii.not-acceptable", f"answers here are {MEDIA_TYPE}", "")


def method_not_allowed() -> Answer:
    """405 for what can only be read."""
    answer = _error(405, "taxii.method", "only GET and HEAD are answered here", "")
    answer.headers.append(("allow", "GET, HEAD"))
    return answer


def read_only() -> Answer:
    """403 for adding and deleting."""
    return _error(
        403,
        "taxii.read-only",
        "collections are read, not written",
        "share with `allied share`",
    )


def failed() -> Answer:
    """500, with nothing of why."""
    return _error(500, "taxii.internal", "the request could not be answered", "")


def _collection(one: Collection) -> dict[str, object]:
    return {
        "id": one.id,
        "title": one.title,
        "description": one.description,
        "alias": one.alias,
        "can_read": True,
        "can_write": False,
        "media_types": [STIX_TYPE],
    }


def _page(page: Page, name: str, elements: bytes) -> Answer:
    headers: Headers = []
    if page.entries:
        headers.append(("x-taxii-date-added-first", date_text(page.entries[0].added)))
        headers.append(("x-taxii-date-added-last", date_text(page.entries[-1].added)))
    start = b'{"more":false'
    if page.next is not None:
        start = b'{"more":true,"next":"%d"' % page.next
    listed = b',"%s":[%s]' % (name.encode(), elements) if page.entries else b""
    return Answer(200, b"%s%s}" % (start, listed), headers)


def _error(status: int, code: str, title: str, hint: str) -> Answer:
    value = {"title": title, "error_code": code, "http_status": str(status)}
    if hint:
        value["description"] = hint
    return Answer(status, orjson.dumps(value), [])


def _json(value: object) -> Answer:
    return Answer(200, orjson.dumps(value), [])
