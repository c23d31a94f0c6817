"""Signing for the roots of partners' ledgers that this node holds.

Whoever holds a signed root can show it; a sight says, in the circle of all, that a party holds it.
So a keeper knows who could contradict it, and everybody knows that the others were shown the same
past. One record names everything that is new since the last one, and waits an hour for more: with
n parties there are about n of them a day, not n times n.

Words used here:
    root, sight    see `exchange.witness`
    due            roots of others that no sight of ours names, the oldest for an hour

Rules. A sight is signed by itself, with the key for automatic records. It says that a root was
seen, not that it is true. Who is not bound signs for nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from allied.errors import AlliedError, ExhaustedError
from allied.exchange.disclosure import KIND
from allied.exchange.witness import MAX_SEEN, SIGHT, read_sight, sight_of
from allied.node import journal
from allied.node.node import Actor

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from allied.node.folds import Folded
    from allied.node.node import Node
    from allied.node.ports import Keys
    from allied.node.rows import Organisation
    from allied.record.ids import AgreementId, OrganisationId, PartyId, RecordId
    from allied.record.record import Record

WAIT: Final = timedelta(hours=1)
MOST_PARTIES: Final = 100
"""Where an agreement has more, nobody signs for roots: holding them is the witness."""


def sign_due(node: Node, keys: Keys, organisation: Organisation) -> int:
    """Sign for what is due in every agreement; looks once an hour.

    Returns:
        How many sights were signed.

    Raises:
        ExhaustedError: the store cannot go on; it is tried again next time.
    """
    now = node.clock.now()
    with node.store.read() as reading:
        agreements = [
            row.id
            for row in reading.agreements()
            if _may_look(reading.cursor(_name(organisation, row.id)), now)
        ]
        due = {each: _due(node.folds.of(reading, each), organisation, now) for each in agreements}
    signed = 0
    for agreement, wanted in due.items():
        try:
            signed += bool(wanted) and _sign(node, keys, organisation, agreement, now)
        except ExhaustedError:
            raise
        except AlliedError:
            pass  # a frozen chain, a locked key: tried again at the next look
        with node.store.write() as writing:
            writing.set_cursor(_name(organisation, agreement), f"{int(now.timestamp())}")
    return signed


def seen_by(folded: Folded) -> Mapping[RecordId, frozenset[PartyId]]:
    """By root, who has signed that it holds it; the keeper itself is not named."""
    found: dict[RecordId, set[PartyId]] = {}
    roots = {each.id: each.header.issuer for each in _roots(folded)}
    for record in folded.state.statements:
        party = folded.instrument.party(record.header.issuer)
        if record.header.kind != SIGHT or party is None:
            continue
        for root in _seen(record):
            if root in roots and roots[root] != record.header.issuer:
                found.setdefault(root, set()).add(party)
    return {root: frozenset(parties) for root, parties in found.items()}


def _may_look(cursor: str, now: datetime) -> bool:
    """Whether the last look was an hour ago, or the clock has been set back since."""
    return not cursor or abs(now.timestamp() - int(cursor)) >= WAIT.total_seconds()


def _due(folded: Folded, organisation: Organisation, now: datetime) -> tuple[RecordId, ...]:
    """The roots to be signed for now."""
    party = folded.instrument.party(organisation.id)
    if party is None or len(folded.instrument.genesis.parties) > MOST_PARTIES:
        return ()
    if party not in folded.state.standing(folded.instrument, now).bound:
        return ()
    mine = _mine(folded, organisation.id)
    new = [
        each
        for each in _roots(folded)
        if each.header.issuer != organisation.id and each.id not in mine
    ]
    if not new or now - WAIT < min(each.header.claimed_at for each in new):
        return ()
    return tuple(each.id for each in new[:MAX_SEEN])


def _sign(
    node: Node, keys: Keys, organisation: Organisation, agreement: AgreementId, now: datetime
) -> bool:
    with node.store.write() as writing:
        folded = node.folds.of(writing, agreement)
        wanted = _due(folded, organisation, now)
        if wanted:
            circle = folded.instrument.circles.all
            actor = Actor(organisation, keys)
            journal.append(node, writing, actor, folded, circle, SIGHT, sight_of(wanted))
    if wanted:
        node.notifier.changed(agreement)
    return bool(wanted)


def _roots(folded: Folded) -> list[Record]:
    return [each for each in folded.state.statements if each.header.kind == KIND]


def _mine(folded: Folded, organisation: OrganisationId) -> frozenset[RecordId]:
    """What an organisation has signed for, whether that has effect or not."""
    return frozenset(
        root
        for record in folded.history.order
        if record.header.kind == SIGHT and record.header.issuer == organisation
        for root in _seen(record)
    )


def _seen(record: Record) -> tuple[RecordId, ...]:
    try:
        return read_sight(record.body)
    except AlliedError:
        return ()


def _name(organisation: Organisation, agreement: AgreementId) -> str:
    return f"witnessing:{organisation.id}:{agreement}"
