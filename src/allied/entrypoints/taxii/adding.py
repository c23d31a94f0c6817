"""What is posted to a TAXII collection: read, shared, and reported object by object.

Words used here:
    envelope   `objects`, and nothing else that matters; a bundle posted in its place is taken
               for one, since that is what many tools send
    status     the resource that says what became of every object; kept for some days

Rules. Everything is bounded before it is parsed. An envelope that is none is refused as a
whole and nothing of it is stored; an object that is none is a failure of its own, and its
neighbours go on. An object that is held already with the same bytes is a success: it is
there. Adding is sharing (`node.errands.share`), under the clauses of the agreement, in the
name of the token's organisation; the status is complete when the answer is given, and kept in
the unit that stores the objects.

Source: OASIS TAXII 2.1, sections 4.3, 5.4 (post) and 3.7 (envelope).
"""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import anyio
import msgspec
import orjson

from allied.entrypoints.taxii.answering import MAX_CONTENT_LENGTH, MAX_OBJECTS
from allied.errors import MalformedError
from allied.exchange.bundle import Limits, Refused, Row, rows
from allied.exchange.stix import instant
from allied.node import errands
from allied.node.additions import date_text, microseconds
from allied.node.rows import StatusRow
from allied.node.sharing import Wish

if TYPE_CHECKING:
    from starlette.types import Receive, Scope

    from allied.node.ports import Keys, Writing
    from allied.node.sharing import Decision, Shared
    from allied.node.sight import Sight

BODY_SECONDS: Final = 120.0
KEPT: Final = timedelta(days=7)
"""How long a status can be asked for."""

_LIMITS: Final = Limits(total=MAX_CONTENT_LENGTH, item=MAX_CONTENT_LENGTH)
_ID: Final = re.compile(r"[a-z0-9-]{1,250}--[0-9a-fA-F-]{36}")


class TooLargeError(Exception):
    """Inside this package: more bytes were posted than are read."""


class TooManyError(Exception):
    """Inside this package: more objects were posted than are taken at once."""


async def read(scope: Scope, receive: Receive) -> bytes:
    """The body of a request.

    Raises:
        TooLargeError: it has more bytes than are read here, or says so.
        TimeoutError: it did not arrive in time.
        MalformedError: `taxii.envelope`; it broke off.
    """
    announced = dict(scope["headers"]).get(b"content-length", b"0")
    if not announced.isdigit() or int(announced[:18]) > MAX_CONTENT_LENGTH:
        raise TooLargeError
    body = bytearray()
    with anyio.fail_after(BODY_SECONDS):
        while True:
            message = await receive()
            if message["type"] != "http.request":
                raise MalformedError("taxii.envelope", "what was posted broke off")
            body += message.get("body", b"")
            if len(body) > MAX_CONTENT_LENGTH:
                raise TooLargeError
            if not message.get("more_body", False):
                return bytes(body)


@dataclass(slots=True)
class _Failure:
    """One object that was not taken."""

    index: int
    id: str
    code: str
    reason: str


@dataclass(slots=True)
class Envelope:
    """What was posted, taken apart.

    Attributes:
        elements: the objects by their exact bytes, and the elements that are none.
        count: of all elements.
    """

    elements: list[Row | Refused] = field(default_factory=list)
    count: int = 0

    @property
    def objects(self) -> Iterator[tuple[int, bytes]]:
        """The place of every object among the elements, and its bytes."""
        for each in self.elements:
            if isinstance(each, Row):
                yield from enumerate(each.raws, each.index)


def opened(body: bytes) -> Envelope:
    """Take an envelope, or a bundle, apart.

    Raises:
        MalformedError: `taxii.envelope`, it is none: no JSON, not UTF-8, no object, cut off.
        TooManyError: it has too many elements.
    """
    found = Envelope()
    try:
        for each in rows([body], _LIMITS, envelope=True):
            found.elements.append(each)
            found.count += len(each.raws) if isinstance(each, Row) else 1
            if found.count > MAX_OBJECTS:
                raise TooManyError
    except MalformedError as problem:
        if problem.code == "stix.empty" or not _is_empty(body):
            raise MalformedError(
                "taxii.envelope",
                "what was posted is no envelope of STIX 2.1 objects",
                hint=f"{problem.code}: {problem.message}",
            ) from None
    return found


def _is_empty(body: bytes) -> bool:
    """Whether this is an envelope without `objects`, which is allowed and says nothing."""
    if len(body) > 1024:
        return False
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return isinstance(value, dict) and not value.keys() - {"more", "next"}


def add(sight: Sight, keys: Keys, root: str, envelope: Envelope) -> bytes:
    """Share what an envelope holds, and keep the status; returns it as it is given out.

    Raises:
        RefusedError: the agreement does not bind the organisation now, and others of
            `sharing.share`.
    """
    node = sight.node
    at = node.clock.now()
    id_ = str(uuid.UUID(bytes=node.chance.token(16), version=4))
    failures: list[_Failure] = []
    kept: list[bytes] = []

    def keep(writing: Writing, shared: Shared | None) -> None:
        if shared is not None:
            failures.extend(_contradicting(envelope, shared.contradictions))
        shown = _status(id_, date_text(microseconds(at)), envelope, failures)
        writing.forget_statuses(at)
        writing.put_status(StatusRow(id_, sight.token.organisation, root, at + KEPT, shown))
        kept.append(shown)

    def troubled(decision: Decision) -> None:
        failure = _Failure(decision.index, decision.id, decision.code, decision.reason)
        failures.append(failure)

    shared = None
    if any(isinstance(each, Row) for each in envelope.elements):
        shared = errands.share(
            sight,
            keys,
            envelope.elements,
            root,
            Wish(),
            dry_run=False,
            on_trouble=troubled,
            with_last=keep,
        )
    else:
        failures += [
            _Failure(each.index, each.id or "", each.code, each.reason)
            for each in envelope.elements
            if isinstance(each, Refused)
        ]
    if not kept:  # nothing was left to be stored, so there was no unit to keep the status in
        with node.store.write() as writing:
            keep(writing, shared)
    return kept[0]


def _contradicting(
    envelope: Envelope, contradictions: Sequence[tuple[str, str]]
) -> Iterator[_Failure]:
    """The objects whose version was shared before with other bytes: those stand, these go."""
    named = frozenset(contradictions)
    for place, raw in envelope.objects if named else ():
        each = _names(raw)
        if any((each.id, version) in named for version in (each.modified, each.created)):
            reason = "this version was shared before with other bytes, which stand"
            yield _Failure(place, each.id, "exchange.other-bytes", reason)


class _Named(msgspec.Struct):
    """The members of an object that name it and its version; `_names` sees that they are texts."""

    id: Any = ""
    modified: Any = ""
    created: Any = ""


def _names(raw: bytes) -> _Named:
    """What names an object; of one that cannot be read nothing does."""
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        named = msgspec.json.decode(raw, type=_Named)
        if all(isinstance(each, str) for each in (named.id, named.modified, named.created)):
            return named
    return _Named()


def _status(id_: str, at: str, envelope: Envelope, failures: Sequence[_Failure]) -> bytes:
    raws = dict(envelope.objects) if failures else {}
    told = [
        _detail(each, raws.get(each.index), at)
        for each in sorted(failures, key=lambda each: each.index)
    ]
    value: dict[str, Any] = {
        "id": id_,
        "status": "complete",
        "request_timestamp": at,
        "total_count": envelope.count,
        "success_count": envelope.count - len(told),
        "failure_count": len(told),
        "pending_count": 0,
    }
    if told:
        value["failures"] = told
    return orjson.dumps(value)


def _detail(failure: _Failure, raw: bytes | None, at: str) -> dict[str, str]:
    """One failure: an id and a version even of what has none, and never contents."""
    named = _Named() if raw is None else _names(raw)
    version = next((each for each in (named.modified, named.created) if instant(each)), at)
    id_ = failure.id if _ID.fullmatch(failure.id) else f"object-{failure.index}"
    return {"id": id_, "version": version, "message": f"{failure.code}: {failure.reason}"}
