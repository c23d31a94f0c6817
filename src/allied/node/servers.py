"""What the use cases ask of TAXII servers of others: one request, one bounded answer.

The port, and how an answer is read; a MISP is asked through it too (`node.misp_servers`).
Others' servers are believed as little as anybody: their answers are bounded, what cannot be
read is a refusal in words, and what real servers get wrong without any doubt about what they
mean is understood: `more` as a text, `next` as a number, `more` left out beside `next`, a list
of objects that is null.

Words used here:
    server     where a collection is, and as whom it is asked
    page       what one answer holds: objects or manifest entries as their exact bytes
    dated      when the last of a page was added, as the server writes it; empty if it does not

Source: OASIS TAXII 2.1, sections 3.2, 3.7, 4.3 and 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import msgspec

from allied.errors import UnreachableError

if TYPE_CHECKING:
    from allied.node.neighbour_rows import Neighbour

_Form = TypeVar("_Form")

MEDIA_TYPE: Final = "application/taxii+json;version=2.1"
TAXII: Final = "taxii"
MISP: Final = "misp"
MAX_ANSWER: Final = 64 * 2**20
MAX_NEXT: Final = 4_096
"""Letters of a `next`: it goes into a query again."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where a collection, or a MISP, of somebody else is, and as whom it is asked.

    Attributes:
        url: scheme, host and port.
        path: of the collection, ends with a slash.
        secret_file: read by the adapter for each request; empty for none.
        kind: `taxii` or `misp`: what is accepted, and how a secret is shown.
    """

    url: str
    path: str
    user: str
    secret_file: str
    allowed_private: bool
    kind: str = TAXII


@dataclass(frozen=True, slots=True)
class Told:
    """A success: its body, and the date of its last object as the server writes it."""

    body: bytes
    dated: str


class Servers(Protocol):
    """Requests to TAXII servers of others."""

    def ask(self, server: Server, method: str, target: str, body: bytes, *, limit: int) -> Told:
        """Send one request, return the answer if it is a success.

        Args:
            target: path and query, from the root of the server.
            limit: bytes of the answer.

        Raises:
            UnreachableError: `neighbour.private-address` and others of the connection,
                `neighbour.redirect`, `neighbour.busy`, `neighbour.too-large`.
            UnverifiedError: `neighbour.certificate`.
            RefusedError: `neighbour.not-let-in`, `neighbour.not-found`, `neighbour.says`;
                `facts["status"]` is the status.
            UsageError: `neighbour.secret-file`.
        """
        ...


class Nobody:
    """The port of a node that asks no servers."""

    def ask(self, server: Server, method: str, target: str, body: bytes, *, limit: int) -> Told:
        """Refuse."""
        del server, method, target, body, limit
        raise UnreachableError("neighbour.nobody", "this node asks no servers of others")


@dataclass(frozen=True, slots=True)
class Page:
    """What one answer of a list holds.

    Attributes:
        raws: exact bytes of the objects, or of the entries of a manifest.
        following: what it gave as `next`; empty for none.
        dated: see the module.
    """

    raws: tuple[bytes, ...]
    more: bool
    following: str
    dated: str


class _Envelope(msgspec.Struct):
    """An envelope or a manifest, as far as it is read."""

    more: Any = None
    next: Any = None
    objects: list[msgspec.Raw] | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a manifest."""

    id: str
    version: str
    date_added: str


class _Entry(msgspec.Struct):
    """An entry as it is written."""

    id: str
    version: str = ""
    date_added: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """What became of an addition.

    Attributes:
        failures: why objects were not taken, by id; as far as the server names them.
    """

    id: str
    complete: bool
    failed: int
    failures: tuple[tuple[str, str], ...]


class _Detail(msgspec.Struct):
    """What became of one object."""

    id: str = ""
    message: str = ""


class _Status(msgspec.Struct):
    """A status resource as it is written."""

    id: str = ""
    status: str = "complete"
    failure_count: int = 0
    failures: list[_Detail] = []


class _Root(msgspec.Struct):
    """An API root as it is written."""

    max_content_length: int = 0


class _Collection(msgspec.Struct):
    """A collection as it is written."""

    id: str
    title: str = ""
    can_read: bool = True
    can_write: bool = False


@dataclass(frozen=True, slots=True)
class Offered:
    """What a server says of a collection."""

    title: str
    can_read: bool
    can_write: bool


def server_of(neighbour: Neighbour) -> Server:
    """How the server of a neighbour is asked."""
    return Server(
        neighbour.url,
        neighbour.path,
        neighbour.user,
        neighbour.secret_file,
        neighbour.allowed_private,
    )


def page(told: Told) -> Page:
    """Read a page of objects, or of a manifest.

    Raises:
        UnreachableError: `neighbour.garbage`.
    """
    found = _read(told.body, _Envelope)
    following = ""
    if isinstance(found.next, (str, int)) and not isinstance(found.next, bool):
        following = str(found.next)
    if len(following) > MAX_NEXT:
        raise _garbage()
    more = found.more in (True, 1) or str(found.more).lower() == "true"
    if found.more is None and following:
        more = True
    raws = tuple(bytes(each) for each in found.objects or ())
    return Page(raws, more, following if more else "", told.dated)


def entry(raw: bytes) -> Entry | None:
    """Read an entry of a manifest; None if it is none."""
    try:
        found = msgspec.json.decode(raw, type=_Entry)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return Entry(found.id, found.version, found.date_added)


def status(told: Told) -> Status:
    """Read what became of an addition; UnreachableError `neighbour.garbage`."""
    found = _read(told.body, _Status)
    failures = tuple((each.id, each.message) for each in found.failures)
    return Status(found.id, found.status != "pending", found.failure_count, failures)


def longest_body(told: Told) -> int:
    """How many bytes may be posted to an API root; 0 if it does not say."""
    return max(0, _read(told.body, _Root).max_content_length)


def offered(told: Told) -> Offered:
    """Read a collection; UnreachableError `neighbour.garbage`."""
    found = _read(told.body, _Collection)
    return Offered(found.title, found.can_read, found.can_write)


def _read(body: bytes, form: type[_Form]) -> _Form:
    try:
        return msgspec.json.decode(body, type=form)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise _garbage() from None


def _garbage() -> UnreachableError:
    return UnreachableError("neighbour.garbage", "that server does not answer as TAXII 2.1 does")
