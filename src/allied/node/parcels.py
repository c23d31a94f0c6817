"""Leaving with a relay what a partner that does not answer would have got, and fetching one's own.

A parcel is a file as `allied export` writes it, sealed to its recipient (`allied.node.carriage`);
the recipient takes it in as it takes in every file. What a relay does with it is said in
`allied.node.relaying`.

Words used here:
    relay    a confirmed peer that holds parcels for others
    way      that parcels for a peer are left with a relay while it does not answer, or that ours
             are asked of one

Rules. What is left is a release like any other, in the ledger as by file. It is left again when
there is more for the peer to have than what was left last; and after a week all the same, for a
relay may have lost or spoilt what it held, and holds nothing for longer than two. A parcel that
never holds is dropped; one that may hold later stays with the relay until it is over. A relay that
takes its time is left after a while, and asked for the rest at the next round.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from allied.errors import (
    AlliedError,
    ExhaustedError,
    MalformedError,
    NotFoundError,
    RefusedError,
)
from allied.node import carriage, messages, relaying, sync, visibility
from allied.node.agreements import resolve
from allied.node.messages import FetchAnswer, FetchQuestion, LeaveQuestion
from allied.record.canonical import digest
from allied.record.ids import OrganisationId, PartyId

if TYPE_CHECKING:
    from allied.node.carriage import TakenIn
    from allied.node.node import Node
    from allied.node.ports import Keys, Reading
    from allied.node.rows import Organisation, Peer
    from allied.record.ids import AgreementId

_WAY: Final = "relay"
_ANEW: Final = relaying.DAYS / 2
"""After so long a parcel is left again, while its recipient does not answer."""
_MOST_FETCHED: Final = 1_000
_LONGEST: Final = timedelta(minutes=2)
"""How long a relay may take over all that it gives at once."""
_NEVER_HOLDS: Final = ("carriage.", "sealing.")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What became of one parcel: what it brought, or the code of why it did not hold."""

    size: int
    taken: TakenIn | None
    problem: str


def leave(
    node: Node, keys: Keys, organisation: Organisation, relay: str, agreement: str, to: str
) -> int:
    """Leave with a relay what a party may have under an agreement; its size in bytes.

    Args:
        relay: label or id of a confirmed peer.
        to: the party.

    Raises:
        NotFoundError: `peer.unknown`, and as `carriage.write`.
        RefusedError: `relay.too-large`, `relay.itself`; as the relay says `relay.closed`,
            `relay.full`.
        UnreachableError: the relay does not answer.
    """
    with node.store.read() as reading:
        peer = _peer(reading, relay)
        row = resolve(reading, agreement)
        folded = node.folds.of(reading, row.id)
        named = any(each.id == to for each in folded.instrument.terms.parties)
        if named and folded.instrument.organisation(PartyId(to)) == peer.id:
            raise RefusedError(
                "relay.itself", "that party is the relay itself", hint="`allied sync` reaches it"
            )
        nonce = folded.instrument.genesis.nonce
    out = io.BytesIO()
    made = carriage.write(node, organisation, keys, row.id, to, out)
    if made.size > messages.MAX_PARCEL:
        raise RefusedError(
            "relay.too-large",
            "that is more than a relay holds at once",
            hint="`allied export` writes it into a file",
            facts={"bytes": made.size, "limit": messages.MAX_PARCEL},
        )
    slot = digest(f"{row.id} {nonce} {to}".encode())
    question = LeaveQuestion(slot, out.getvalue()).encode()
    try:
        sync.ask_peer(node, keys, organisation, peer, messages.LEAVE, question)
    except RefusedError as said:
        if said.facts.get("code") == "relay.closed":
            raise relaying.closed() from said
        if said.facts.get("code") == "relay.full":
            raise relaying.full() from said
        raise
    return made.size


def fetch(node: Node, keys: Keys, organisation: Organisation, relay: str) -> Sequence[Fetched]:
    """Fetch every parcel that a relay holds for an organisation, and take it in.

    Raises:
        NotFoundError: `peer.unknown`.
        UnreachableError: the relay does not answer.
    """
    with node.store.read() as reading:
        peer = _peer(reading, relay)
    found: list[Fetched] = []
    done: tuple[int, ...] = ()
    after = 0
    begun = node.clock.now()
    for _ in range(_MOST_FETCHED):
        if node.clock.now() - begun >= _LONGEST:
            break
        question = FetchQuestion(after, done).encode()
        raw = sync.ask_peer(node, keys, organisation, peer, messages.FETCH, question)
        answer = FetchAnswer.decode(raw)
        if not answer.place:
            return found
        if answer.place <= after:
            raise MalformedError("relay.order", "a relay gives the same parcel again")
        one = _opened(node, keys, answer.sealed)
        found.append(one)
        again = one.problem and not one.problem.startswith(_NEVER_HOLDS)
        after, done = answer.place, () if again else (answer.place,)
    return found


def _opened(node: Node, keys: Keys, sealed: bytes) -> Fetched:
    try:
        taken = carriage.take_in(node, keys, io.BytesIO(sealed))
    except AlliedError as problem:
        return Fetched(len(sealed), None, problem.code)
    except Exception:  # noqa: BLE001 - one parcel never stands before those behind it
        return Fetched(len(sealed), None, "sync.internal")
    return Fetched(len(sealed), taken, taken.broken)


def _peer(reading: Reading, name: str) -> Peer:
    for peer in reading.peers():
        if name in (peer.label, peer.id) and peer.confirmed_at is not None:
            return peer
    raise NotFoundError(
        "peer.unknown", "no confirmed peer goes by that label", hint="`allied peer list`"
    )


# --- by itself ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Way:
    """That parcels go through a relay: for a peer, or (`peer` empty) to us."""

    relay: str
    peer: str


def set_way(node: Node, relay: str, peer: str, *, on: bool) -> None:
    """Use a relay at each round, or no more.

    Args:
        peer: for whom it holds what we leave while that peer does not answer; empty for ours.

    Raises:
        NotFoundError: `peer.unknown`.
    """
    with node.store.write() as writing:
        through = _peer(writing, relay)
        whom = _peer(writing, peer).id if peer else ""
        name = f"{_WAY}-for:{whom}" if whom else f"{_WAY}-of-ours"
        known = writing.cursor(name).split()
        others = [each for each in known if each != through.id]
        writing.set_cursor(name, " ".join([*others, through.id] if on else others))


def ways(node: Node) -> Sequence[Way]:
    """The ways that are set, by label."""
    with node.store.read() as reading:
        labels = {peer.id: peer.label for peer in reading.peers()}
        found = [
            Way(labels.get(OrganisationId(relay), relay), peer.label if peer else "")
            for peer in (None, *reading.peers())
            for relay in _relays(reading, peer.id if peer else None)
        ]
    return sorted(found, key=lambda each: (each.peer, each.relay))


def _relays(reading: Reading, peer: OrganisationId | None) -> Iterable[str]:
    return reading.cursor(f"{_WAY}-for:{peer}" if peer else f"{_WAY}-of-ours").split()


def go_round(node: Node, keys: Keys) -> int:
    """Leave what could not be delivered, fetch what is ours; returns how many parcels moved.

    A relay that does not answer, or not as it should, is asked again at the next round.

    Raises:
        ExhaustedError: the store cannot go on.
    """
    relaying.sweep(node)
    moved = 0
    now = node.clock.now()
    with node.store.read() as reading:
        organisations = reading.organisations()
        ours = list(_relays(reading, None))
        due = [
            (organisation, peer, agreement, relay, mark)
            for peer in reading.peers()
            if peer.confirmed_at is not None and peer.failures
            for relay in _relays(reading, peer.id)
            for organisation in organisations
            for agreement, mark in _news(node, reading, organisation, peer)
        ]
    for organisation, peer, agreement, relay, mark in due:
        if node.clock.now() - now >= _LONGEST:
            break  # the rest at the next round, which begins with those that were not left
        name = f"left:{organisation.id}:{peer.id}:{agreement}:{relay}"
        with node.store.read() as reading:
            if _lies_there(reading.cursor(name), mark, now):
                continue
            to = node.folds.of(reading, agreement).instrument.party(peer.id)
        try:
            leave(node, keys, organisation, relay, agreement, to or "")
        except ExhaustedError:
            raise
        except AlliedError:
            continue  # whatever one relay does, the next one is asked
        moved += 1
        with node.store.write() as writing:
            writing.set_cursor(name, f"{mark} {now.isoformat()}")
    for organisation in organisations:
        for relay in ours:
            try:
                moved += len(fetch(node, keys, organisation, relay))
            except ExhaustedError:
                raise
            except AlliedError:
                continue
    return moved


def _lies_there(kept: str, mark: str, now: datetime) -> bool:
    """Whether what was left last is all that there is, and was left not long ago."""
    left, _, at = kept.partition(" ")
    if left != mark or not at:
        return False
    since = datetime.fromisoformat(at)
    return since <= now < since + _ANEW  # a clock that was ahead then keeps nothing back


def _news(
    node: Node, reading: Reading, organisation: Organisation, peer: Peer
) -> Sequence[tuple[AgreementId, str]]:
    """The agreements under which a peer may have something, and what changes with it."""
    found = []
    for row in reading.agreements():
        folded = node.folds.of(reading, row.id)
        if folded.instrument.party(peer.id) and folded.instrument.party(organisation.id):
            mark = visibility.mark(node, reading, folded, organisation.id, peer.id)
            if mark:
                found.append((row.id, f"{mark}"))
    return found
