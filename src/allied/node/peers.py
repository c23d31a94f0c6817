"""Other organisations: how they are met, and when they are believed.

A peer is a key. Its address, name and label are only what helps to find it. It is
*unconfirmed* until a person here has compared the fingerprint with one that came over
another way, or gave it when adding the peer; nothing is signed together with an
unconfirmed peer and nothing is released to it (see `require_confirmed`).
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from allied.errors import (
    NotAuthorisedError,
    NotFoundError,
    UnreachableError,
    UnverifiedError,
    UsageError,
)
from allied.node import renewals
from allied.node.people import check_label
from allied.node.ports import Introduction, Listener
from allied.node.rows import Peer
from allied.record.identity import Identity, fingerprint, matches, open_chain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from allied.node.node import Node
    from allied.node.ports import Reading, Writing
    from allied.record.ids import OrganisationId

_URL_LIMIT = 2_000
_SEEN_STEP = timedelta(seconds=30)
_LONGEST_WAIT = 300.0
SLOW = "peer.slow"
"""The code of a peer that is asked again after a while, although it says that it has news."""


@dataclass(frozen=True, slots=True)
class Offered:
    """An organisation that a node says it hosts, not yet added."""

    identity: Identity
    descriptors: tuple[bytes, ...]

    @property
    def fingerprint(self) -> str:
        """What two people read to each other."""
        return fingerprint(self.identity.id)


def look(node: Node, url: str, *, given: str = "") -> Offered:
    """Ask the node at `url` whom it hosts, and pick one; nothing is stored.

    Args:
        given: a fingerprint that came another way; it selects and proves the organisation.

    Raises:
        UsageError: the URL is no http(s) URL, or several are hosted there and none is given.
        UnverifiedError: `peer.fingerprint-differs`, nobody there has the given fingerprint.
        UnreachableError: nothing useful answered.
    """
    offered = [
        Offered(open_chain(introduction.descriptors), introduction.descriptors)
        for introduction in node.peers.introduce(_checked(url), allowed_private=is_private(url))
    ]
    return _pick(offered, given)


def _pick(offered: Sequence[Offered], given: str) -> Offered:
    """The one that `given` selects, or the only one."""
    if given:
        for candidate in offered:
            if matches(given, candidate.identity.id):
                return candidate
        raise UnverifiedError(
            "peer.fingerprint-differs",
            "nobody at that address has the fingerprint you gave",
            hint="read it to each other once more; if it still differs, do not go on",
        )
    if not offered:
        raise NotFoundError("peer.hosts-nobody", "the node at that address hosts no organisation")
    if len(offered) > 1:
        raise UsageError(
            "peer.ambiguous",
            f"{len(offered)} organisations are hosted at that address",
            hint="say which with --fingerprint",
            facts={"fingerprints": [candidate.fingerprint for candidate in offered]},
        )
    return offered[0]


def add(node: Node, url: str, offered: Offered, *, confirmed: bool, label: str = "") -> Peer:
    """Add the offered organisation as a peer, or bring a known one up to date.

    Confirmation is never taken back by adding again; a changed address is kept.

    Raises:
        UsageError: the organisation is hosted on this node.
        UnverifiedError: the identity chain offered contradicts the one known here.
    """
    now = node.clock.now()
    with node.store.write() as writing:
        if any(mine.id == offered.identity.id for mine in writing.organisations()):
            raise UsageError("peer.is-hosted-here", "that organisation is hosted on this very node")
        identity = renewals.taken(writing, offered.identity.id, offered.descriptors)
    with node.store.write() as writing:
        renewals.require_one_identity(writing, identity.id)
        taken = {peer.label for peer in writing.peers() if peer.id != identity.id}
        taken |= {mine.label for mine in writing.organisations()}
        known = writing.peer(identity.id)
        if label:
            check_label(label, "peer.label")
            if label in taken:
                raise UsageError("peer.label-taken", "another organisation has that label here")
        peer = Peer(
            id=identity.id,
            label=label or (known.label if known else _free_label(identity, taken)),
            name=identity.current.name,
            url=url.rstrip("/"),
            confirmed_at=(known.confirmed_at if known else None) or (now if confirmed else None),
            allowed_private=is_private(url),
            added_at=known.added_at if known else now,
            seen_at=known.seen_at if known else None,
            failures=0,
            next_try_at=None,
            last_problem="",
        )
        writing.put_peer(peer)
    node.notifier.changed(None)
    return peer


def list_peers(node: Node) -> Sequence[Peer]:
    """All peers, by label."""
    with node.store.read() as reading:
        return reading.peers()


def require_confirmed(reading: Reading, organisation: OrganisationId) -> None:
    """Return if `organisation` is hosted here or a confirmed peer; raise if it is not.

    Raises:
        NotAuthorisedError: `peer.unknown` or `peer.unconfirmed`.
        UnverifiedError: `peer.identity-forked`.
    """
    if any(mine.id == organisation for mine in reading.organisations()):
        return
    peer = reading.peer(organisation)
    if peer is None:
        raise NotAuthorisedError(
            "peer.unknown",
            f"{fingerprint(organisation)} is not a peer of this node",
            hint="`allied peer add URL --fingerprint F`",
        )
    if peer.confirmed_at is None:
        raise NotAuthorisedError(
            "peer.unconfirmed",
            f"nobody here has confirmed the fingerprint of {peer.label}",
            hint=f"compare it with them, then `allied peer add {peer.url} --fingerprint F`",
        )
    renewals.require_one_identity(reading, organisation)


def introductions(node: Node) -> Sequence[Introduction]:
    """What this node says of itself to anybody: the identity chains it hosts."""
    with node.store.read() as reading:
        return [
            Introduction(tuple(reading.descriptors(organisation.id)))
            for organisation in reading.organisations()
        ]


def answered(node: Node, peer: Peer) -> None:
    """Remember that a peer answered; where that is known since a moment ago, nothing is written.

    It is looked at as it stands now: another organisation of this node may have failed with it.
    """
    for mark in mark_of_answer(node, peer):
        with node.store.write() as writing:
            mark(writing)


def mark_of_answer(node: Node, peer: Peer) -> Sequence[Callable[[Writing], None]]:
    """What `answered` has to write, for a unit that is made anyway; nothing, or one thing."""
    with node.store.read() as reading:
        current = reading.peer(peer.id)
    known = current is not None and not current.failures and current.seen_at
    if known and node.clock.now() - known < _SEEN_STEP:
        return ()
    return (lambda writing: _remember(node, writing, peer, problem=""),)


def failed(node: Node, peer: Peer, problem: str) -> None:
    """Remember that a peer did not, and when it may be asked again.

    The wait doubles from 2 seconds to 5 minutes, with up to half of it taken off by
    chance so that nodes that lost the same peer do not come back at once.
    """
    with node.store.write() as writing:
        _remember(node, writing, peer, problem=problem)


def _remember(node: Node, writing: Writing, peer: Peer, *, problem: str) -> None:
    now = node.clock.now()
    current = writing.peer(peer.id)
    if current is None:
        return
    if not problem:
        if current.failures == 0 and current.seen_at and now - current.seen_at < _SEEN_STEP:
            return
        writing.put_peer(
            replace(current, seen_at=now, failures=0, next_try_at=None, last_problem="")
        )
        return
    failures = current.failures + 1
    wait = min(_LONGEST_WAIT, 2.0 * 2 ** min(failures - 1, 10))
    jitter = node.chance.token(1)[0] / 255 / 2
    writing.put_peer(
        replace(
            current,
            failures=failures,
            next_try_at=now + timedelta(seconds=wait * (1 - jitter)),
            last_problem=problem,
        )
    )


def slow() -> UnreachableError:
    """The refusal of a peer that has taken too long over its answers."""
    return UnreachableError(
        "peer.slow",
        "it takes long over each answer; the rest is asked for later",
        hint="nothing that came is lost; see how its line and its machine are",
    )


def is_due(peer: Peer, now: datetime) -> bool:
    """Whether a peer may be asked; one that failed is asked again after a while.

    A moment that is further off than any wait was written down under a clock that was wrong.
    """
    later = peer.next_try_at
    return later is None or not now < later <= now + timedelta(seconds=_LONGEST_WAIT)


def is_private(url: str) -> bool:
    """Whether the operator wrote a loopback or private address on purpose."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_private or address.is_loopback


def listener(peer: Peer, identity: Identity) -> Listener:
    """Whom a question to a peer is for, with the keys that its identity names now."""
    transport = identity.key("transport")
    keys = {transport.key_id: transport}
    return Listener(peer.id, peer.url, keys, identity.key("sealing"), peer.allowed_private)


def protection(url: str) -> str:
    """How what is said to a peer at `url` is kept from whoever is on the way.

    Returns:
        `sealed`, to its sealing key, whoever ends TLS; `loopback`, in clear on this machine.
    """
    return "sealed" if urlsplit(url).scheme == "https" else "loopback"


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if len(url) > _URL_LIMIT or parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(
            "peer.url",
            "a peer's address is an http or https URL",
            hint="for example https://allied.example.org",
        )
    return url.rstrip("/")


def _free_label(identity: Identity, taken: set[str]) -> str:
    """A label that nobody here has: what the peer calls itself, or the start of its name."""
    wanted = identity.current.label or re.sub(r"[^a-z0-9]+", "-", identity.current.name.lower())
    wanted = re.sub(r"^[^a-zA-Z]+", "", wanted).strip("-")[:40] or "peer"
    label, number = wanted, 2
    while label in taken:
        label, number = f"{wanted}-{number}", number + 1
    return label
