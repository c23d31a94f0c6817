"""Holding sealed bytes for a party that cannot be reached, until it fetches them.

What is in them, and how they are left and fetched, is for `allied.node.parcels`. A relay is a
confirmed peer of both whose people have said that it holds parcels; it need not be in any
agreement with them.

Words used here:
    relay     a node that holds parcels for others
    parcel    one sealed file, for one recipient
    slot      a name that tells outsiders nothing; the newest parcel of a slot stays alone

Rules. A relay carries the bytes unchanged, and cannot open them. It learns who leaves a parcel for
whom, when, and its size; not the agreement, nor how much of what is in it. What it says to who
leaves a parcel does not depend on whether the recipient is known to it. It holds at most
`PARCELS` of `BYTES` in all from a sender, each no longer than `DAYS`; the sender's own oldest go
first, and nobody pushes out what another has left. Whoever is no confirmed peer is answered like
any stranger. By default a node is no relay.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from allied.errors import MalformedError, RefusedError
from allied.node import sealing
from allied.node.messages import FetchAnswer, FetchQuestion, LeaveQuestion
from allied.node.parcel_store import ParcelRow

if TYPE_CHECKING:
    from datetime import datetime

    from allied.node.node import Node
    from allied.node.ports import Reading
    from allied.record.ids import OrganisationId

PARCELS: Final = 200
BYTES: Final = 64 * 2**20
DAYS: Final = timedelta(days=14)
ALL_BYTES: Final = 2**30
_RELAY: Final = "relay"


def serve(node: Node, *, open_: bool) -> None:
    """Hold parcels for others from now on, or no more; what is held stays until it is over."""
    with node.store.write() as writing:
        writing.set_cursor(_RELAY, "open" if open_ else "")


def is_relay(reading: Reading) -> bool:
    """Whether this node holds parcels for others."""
    return reading.cursor(_RELAY) == "open"


def take(node: Node, sender: OrganisationId, question: LeaveQuestion) -> None:
    """Hold a parcel that a confirmed peer leaves.

    Raises:
        RefusedError: `relay.closed`; `relay.full`, whoever it is for.
        MalformedError: `sealing.form`, `relay.not-sealed`.
    """
    head = _head(question.sealed)
    with node.store.write() as writing:
        if not is_relay(writing):
            raise closed()
        now = node.clock.now()
        held = _current(writing.parcels(), now)
        if sum(each.size for each in held) + len(question.sealed) > ALL_BYTES:
            raise full()
        peer = writing.peer(head.recipient)
        known = peer is not None and peer.confirmed_at is not None
        if not known and all(each.id != head.recipient for each in writing.organisations()):
            return  # nobody would fetch it; its sender is told nothing about our peers
        row = ParcelRow(0, head.recipient, sender, question.slot, now, len(question.sealed))
        kept = [each for each in held if _slot(each) != _slot(row)]
        mine = [each for each in kept if each.sender == sender]
        while mine and (len(mine) >= PARCELS or sum(each.size for each in mine) + row.size > BYTES):
            kept.remove(mine.pop(0))
        staying = {each.place for each in kept}
        writing.drop_parcels(each.place for each in writing.parcels() if each.place not in staying)
        writing.add_parcel(row, question.sealed)


def give(node: Node, caller: OrganisationId, question: FetchQuestion) -> FetchAnswer:
    """The next parcel for a confirmed peer; those that it says it has are dropped."""
    now = node.clock.now()
    if question.done:
        with node.store.write() as writing:
            mine = {each.place for each in writing.parcels() if each.recipient == caller}
            writing.drop_parcels(mine.intersection(question.done))
    with node.store.read() as reading:
        for each in _current(reading.parcels(), now):
            if each.recipient == caller and each.place > question.after:
                return FetchAnswer(each.place, reading.parcel(each.place) or b"")
    return FetchAnswer(0, b"")


def sweep(node: Node) -> int:
    """Drop what was held too long; returns how many parcels."""
    with node.store.read() as reading:
        held = reading.parcels()
        over = {each.place for each in held} - {
            each.place for each in _current(held, node.clock.now())
        }
    if over:
        with node.store.write() as writing:
            writing.drop_parcels(over)
    return len(over)


def list_parcels(node: Node) -> Sequence[ParcelRow]:
    """What this node holds for others, the oldest first."""
    with node.store.read() as reading:
        return _current(reading.parcels(), node.clock.now())


def _current(held: Sequence[ParcelRow], now: datetime) -> list[ParcelRow]:
    return [each for each in held if now < each.at + DAYS]


def _slot(row: ParcelRow) -> tuple[str, str, str]:
    return row.recipient, row.sender, row.slot


def _head(sealed: bytes) -> sealing.Head:
    stream = io.BytesIO(sealed)
    if stream.read(len(sealing.MAGIC)) != sealing.MAGIC:
        raise MalformedError("relay.not-sealed", "a relay carries nothing that it could read")
    return sealing.read_head(stream)


def closed() -> RefusedError:
    """The refusal of a node that is no relay."""
    return RefusedError(
        "relay.closed", "that node holds nothing for others", hint="there: `allied relay open`"
    )


def full() -> RefusedError:
    """The refusal of a relay that holds as much as it may."""
    return RefusedError(
        "relay.full", "that relay holds as much for others as it may", hint="try again later"
    )
