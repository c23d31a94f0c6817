"""Identity chains of others as they go on: fetched, verified, and what contradicts them.

A peer that has changed its keys shows a longer chain of descriptors. It is believed if it
goes on where the chain known here ends, because only the holder of the key committed to can
have written it. Chains come from the peer itself (`refresh`) and along with records.

Words used here:
    parting   two valid chains of one organisation that go on differently
    shared    how many descriptors they begin with alike

Rules. Of a parting no side is taken, unless one side is a recovery and the other is not
(`Identity.supersedes`). Until then the organisation is frozen here: nothing is signed with
it, released to it or asked of it, its requests are answered to nobody, and of its records
only those are taken in that keys from before the parting have signed, or that others hold
(`allied.node.branches`). It is shown to people, who ask the organisation over another way; its
recovery ends it.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from allied.errors import AlliedError, UnverifiedError
from allied.node import branches
from allied.record.identity import Identity, open_chain

if TYPE_CHECKING:
    from allied.node.node import Node
    from allied.node.ports import Reading, Writing
    from allied.node.rows import Peer
    from allied.record.ids import OrganisationId

EVERY: Final = timedelta(hours=1)
"""How often a peer is asked for its chain although nothing has failed."""

OTHER_KEYS: Final = frozenset({"peer.bad-signature", "peer.sealing-key"})
"""The codes by which a peer shows that it has other keys than those known here."""


@dataclass(frozen=True, slots=True)
class Parting:
    """That an organisation has shown two chains.

    Attributes:
        shared: how many descriptors both begin with.
        other: the first descriptor of the chain that is not stored, as received.
    """

    shared: int
    other: bytes = field(repr=False)


def parting(reading: Reading, organisation: OrganisationId) -> Parting | None:
    """The parting of an organisation's identity, if it has shown one."""
    shared, _, other = reading.cursor(_name(organisation)).partition(":")
    return Parting(int(shared), base64.b64decode(other)) if other else None


def require_one_identity(reading: Reading, organisation: OrganisationId) -> None:
    """Return unless the organisation has shown two chains.

    Raises:
        UnverifiedError: `peer.identity-forked`.
    """
    if parting(reading, organisation) is not None:
        raise forked()


def forked() -> UnverifiedError:
    """The refusal of an organisation that has shown two chains."""
    return UnverifiedError(
        "peer.identity-forked",
        "the organisation has shown two different continuations of its identity",
        hint="ask them over another way before you trust either; when they take their identity"
        " back with their recovery key, it is one again",
    )


def taken(writing: Writing, organisation: OrganisationId, offered: Sequence[bytes]) -> Identity:
    """Store what is new in an offered chain; the chain that is believed from now on.

    A parting is stored as well, and shows itself in `parting`.

    Raises:
        MalformedError, UnverifiedError: the chain does not hold, or is not of that
            organisation (`peer.identity-other`).
    """
    theirs = open_chain(offered)
    if theirs.id != organisation:
        raise UnverifiedError(
            "peer.identity-other", "an identity chain belongs to another organisation"
        )
    stored = writing.descriptors(organisation)
    if not stored:
        writing.add_descriptors(organisation, theirs.raws)
        return theirs
    known = open_chain(stored)
    if theirs.extends(known):
        new = theirs.raws[len(known.raws) :]
        if new:
            writing.add_descriptors(organisation, (*known.raws, *new))
        return open_chain((*known.raws, *new))
    if theirs.supersedes(known):
        branches.keep_behind(writing, known, theirs.shared(known))
        writing.replace_descriptors(organisation, theirs.raws)
        writing.set_cursor(_name(organisation), "")
        return theirs
    if known.contradicts(theirs) and parting(writing, organisation) is None:
        shared = known.shared(theirs)
        other = base64.b64encode(theirs.raws[shared]).decode("ascii")
        writing.set_cursor(_name(organisation), f"{shared}:{other}")
    return known


def refresh(node: Node, peer: Peer) -> bool:
    """Ask a peer for its identity chain; whether there was something new.

    Raises:
        UnverifiedError: `peer.identity-forked`, it contradicts what is known here.
        UnreachableError: nothing useful answered.
    """
    introductions = node.peers.introduce(peer.url, allowed_private=peer.allowed_private)
    for introduction in introductions:
        with suppress(AlliedError):  # what does not hold is nobody's identity
            if open_chain(introduction.descriptors[:1]).id == peer.id:
                with node.store.write() as writing:
                    before = list(writing.descriptors(peer.id))
                    after = taken(writing, peer.id, introduction.descriptors)
                    parted = parting(writing, peer.id) is not None
                if parted:
                    break
                return list(after.raws) != before
    with node.store.read() as reading:
        require_one_identity(reading, peer.id)
    return False


def is_due(reading: Reading, organisation: OrganisationId, now: datetime) -> bool:
    """Whether a peer was not asked for its chain for a while, or under a clock that was ahead."""
    last = reading.cursor(f"introduced:{organisation}")
    return not last or not timedelta() <= now - datetime.fromisoformat(last) < EVERY


def asked(writing: Writing, organisation: OrganisationId, now: datetime) -> None:
    """Remember that it was."""
    writing.set_cursor(f"introduced:{organisation}", now.isoformat())


def _name(organisation: OrganisationId) -> str:
    return f"identity-fork:{organisation}"
