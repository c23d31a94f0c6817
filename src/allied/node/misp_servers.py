"""Events of a MISP elsewhere, shared one after the other: a live instance, or a feed over HTTP.

Both say first what they have, each event with the time of its last change, and give one event for
its uuid. What an event becomes, and who gets it, is decided as for a file (`node.misp`).

Words used here:
    instance   a MISP that answers `events/index` and `events/view/<uuid>`
    feed       a folder behind an address: `manifest.json`, and one file for each event
    listed     an event as the other side names it: uuid, and the second of its last change

Rules. Only what is published there; the oldest change first. An event whose report is held here
in that version was taken in before, and is not asked for again unless all are wanted: nothing is
remembered beside the items, so what was refused is tried again each time. One event that cannot be
had or read is named and stops no other; a server that does not answer ends the round. Lists and
answers are bounded. What is not there any more is given up as `node.misp_asserted` says.

Source: the automation interface of MISP (`events/index`, `events/view`), and its feed format.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec

from allied.errors import AlliedError, MalformedError, UnreachableError, UsageError
from allied.exchange import misp
from allied.exchange.misp_values import time_of
from allied.node import servers
from allied.node.agreements import resolve
from allied.node.misp import EventOutcome, Groups, take_in
from allied.node.misp_asserted import FEW, Remote
from allied.node.servers import MISP, Server

if TYPE_CHECKING:
    from allied.node.node import Node
    from allied.node.ports import Keys
    from allied.node.rows import Organisation
    from allied.node.sharing import Wish

MAX_LISTED: Final = 100_000
MANIFEST: Final = "manifest.json"
_PATH: Final = re.compile(r"/(?:[A-Za-z0-9._~%:@!$&'()*+,;=-]+/)*", re.ASCII)
_OF_ONE: Final = frozenset({"neighbour.not-found", "neighbour.says", "neighbour.too-large"})
"""What a server says of one event, and not of itself."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where events are.

    Attributes:
        server: its path is the folder of the instance or feed, and ends with a slash.
        feed: it is a feed.
    """

    server: Server
    feed: bool


@dataclass(frozen=True, slots=True, order=True)
class Listed:
    """An event as the other side names it; the older one is the lesser."""

    changed_at: int
    uuid: str


def place_of(url: str, *, secret_file: str = "", allowed_private: bool = False) -> Place:
    """Read the address of an instance, or of a feed: that one ends with `manifest.json`.

    Args:
        secret_file: holds the key of an instance; empty for none.
        allowed_private: its address is private on purpose.

    Raises:
        UsageError: `misp.url`.
    """
    refusal = UsageError(
        "misp.url",
        "this is not the address of a MISP",
        hint="like https://misp.example/, or https://feeds.example/osint/manifest.json",
    )
    try:
        parts = urlsplit(url)
    except ValueError:
        raise refusal from None
    folder, _, last = parts.path.rpartition("/")
    feed = last == MANIFEST
    path = f"{folder}/" if feed or not last else f"{parts.path}/"
    if parts.scheme not in {"https", "http"} or not parts.hostname or not _PATH.fullmatch(path):
        raise refusal
    if parts.query or parts.fragment or parts.username is not None:
        raise refusal
    server = Server(
        f"{parts.scheme}://{parts.netloc}", path, "", secret_file, allowed_private, kind=MISP
    )
    return Place(server, feed)


def pull(
    node: Node,
    organisation: Organisation,
    keys: Keys | None,
    place: Place,
    agreement: str,
    wish: Wish,
    *,
    groups: Groups,
    own_only: bool = False,
    whole: bool = False,
    believe: bool = False,
) -> Iterator[EventOutcome]:
    """Share what a MISP elsewhere has published and is not held here yet.

    Args:
        keys: None for a dry run, which signs nothing.
        whole: ask also for what is held already.
        believe: also that more than half of the events that came from there are gone.

    Raises:
        UnreachableError, UnverifiedError, RefusedError, UsageError: as `Servers.ask`;
            `misp.listing`, the server does not answer as MISP does.
        RefusedError, UsageError: as `sharing.share`.

    Cost: one request for the list, one for each event that is new; one event in memory.
    """
    with node.store.read() as reading:
        row = resolve(reading, agreement)
    address = (place.server.url, f"{place.server.path}{MANIFEST if place.feed else ''}")
    remote = Remote.at(node, organisation, keys, row.id, address)
    there = _listed(node, place)
    yield from _given_up(remote, {each.uuid for each in there}, believe=believe)
    for listed in there:
        if not whole and remote.is_held(listed.uuid, time_of(listed.changed_at)):
            continue
        try:
            events = _event(node, place, listed.uuid)
        except AlliedError as problem:
            if isinstance(problem, MalformedError) or problem.code in _OF_ONE:
                yield _lost(listed.uuid, problem)
                continue
            raise
        yield from take_in(
            node, organisation, keys, events, agreement, wish, groups=groups, own_only=own_only,
            remote=remote,
        )  # fmt: skip


def _given_up(remote: Remote, there: set[str], *, believe: bool) -> Iterator[EventOutcome]:
    """What becomes of the events that came from there and are not listed any more."""
    said = remote.events()
    gone = [each for each in said if each not in there]
    if len(gone) > max(FEW, len(said) // 2) and not believe:
        why = (
            f"{len(gone)} of {len(said)} events that came from there are gone at once; nothing"
            " was recalled [misp.vanished]"
        )
        yield EventOutcome("", 0, why, None, ())
        return
    for event in gone:
        yield EventOutcome(event, 0, "", None, remote.drop(event))


def _lost(uuid: str, problem: AlliedError) -> EventOutcome:
    """What becomes of an event that cannot be had or read."""
    why = f"{problem.message} [{problem.code}]"
    return EventOutcome(uuid, 0, why, None, (misp.Loss(uuid, "event", "", why),))


# --- what the other side says -----------------------------------------------------------


def _listed(node: Node, place: Place) -> Sequence[Listed]:
    """What it has published, the oldest change first; each once."""
    if place.feed:
        said = _ask(node, place, "GET", MANIFEST, b"", servers.MAX_ANSWER)
        entries = list(said.items()) if isinstance(said, Mapping) else None
    else:
        body = b'{"minimal":1,"published":1}'
        said = _ask(node, place, "POST", "events/index", body, servers.MAX_ANSWER)
        if isinstance(said, Mapping):
            said = said.get("response")
        entries = [(_member(each, "uuid"), each) for each in said] if _is_list(said) else None
    if entries is None or len(entries) > MAX_LISTED:
        raise _no_listing()
    found: dict[str, int] = {}
    for name, entry in entries:
        uuid, when = str(name).lower(), str(_member(entry, "timestamp") or "0")
        if misp.uuid_of(uuid) != uuid or not (when.isascii() and when.isdigit() and len(when) < 12):
            raise _no_listing()
        if str(_member(entry, "published")).lower() not in ("false", "0"):
            found[uuid] = max(found.get(uuid, 0), int(when))
    return sorted(Listed(when, uuid) for uuid, when in found.items())


def _event(node: Node, place: Place, uuid: str) -> Sequence[misp.Event]:
    """One event.

    Raises:
        MalformedError: as `misp.read_events`; `misp.other-event`.
    """
    target = f"{uuid}.json" if place.feed else f"events/view/{uuid}"
    told = node.servers.ask(
        place.server, "GET", f"{place.server.path}{target}", b"", limit=misp.MAX_FILE
    )
    events = misp.read_events(told.body)
    if [each.uuid.lower() for each in events] != [uuid]:
        raise MalformedError("misp.other-event", "the answer is not the event that was asked for")
    return events


def _ask(node: Node, place: Place, method: str, target: str, body: bytes, limit: int) -> Any:
    """A JSON value that the other side answers."""
    path = f"{place.server.path}{target}"
    told = node.servers.ask(place.server, method, path, body, limit=limit)
    try:
        return msgspec.json.decode(told.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise _no_listing() from None


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else None


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _no_listing() -> UnreachableError:
    return UnreachableError(
        "misp.listing",
        "that server does not list its events as MISP does",
        hint="an instance by its own address and with a key; a feed by that of its manifest.json",
    )
