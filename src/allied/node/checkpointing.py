"""Saying what this node comes to, now and then, and whether it comes to what others say.

When a shared circle has grown enough since its last checkpoint, one of its members signs how far it
holds every chain in view and what it came to (`agreement.checkpoints`); the others fold the same
records and sign that they come to the same, or do not, and then `allied doctor` says so. Where
somebody joined later and may not have what was said before, one is made at once: without it that
party could not follow.

Words used here:
    due     far enough beyond the last checkpoint, or somebody late waits for one
    turn    who signs first: the parties in an order of the agreement, each a little later

Rules. A checkpoint is signed by itself, with the key for automatic records. Nothing is decided by
it. A node folds for a checkpoint of others only where it is due, and each of them once; of each
party the last one, and of who was wrong before last of all.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from allied.agreement import checkpoints, outlined
from allied.errors import AlliedError, ExhaustedError
from allied.node import journal
from allied.node.node import Actor
from allied.record.canonical import digest
from allied.record.record import MAX_DEPS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from allied.agreement.checkpoints import Point
    from allied.node.folds import Folded
    from allied.node.node import Node
    from allied.node.ports import Keys, Reading, Writing
    from allied.node.rows import Organisation
    from allied.record.circle import Circle
    from allied.record.ids import AgreementId, CircleId, OrganisationId, PartyId, RecordId

EVERY: Final = 500
"""Records of a circle between two checkpoints of it, at least."""
_FOR_EACH_PARTY: Final = 20
"""So many records for each party, so that answers stay a small part of them."""
_PART: Final = 20
"""And that part of what there is already: folding it all again stays worth it."""
_TURNS: Final = 10
_AT_ONCE: Final = 4
"""Checkpoints of others that are folded for in one round."""
_TURN: Final = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Differing:
    """A checkpoint of a partner that this node does not come to."""

    record: RecordId
    party: PartyId
    at: datetime


def sign_due(node: Node, keys: Keys, organisation: Organisation) -> int:
    """Answer the checkpoints of others, and write one where it is due and this party's turn.

    Returns:
        How many records were signed.

    Raises:
        ExhaustedError: the store cannot go on; it is tried again next time.
    """
    signed = 0
    now = node.clock.now()
    with node.store.read() as reading:
        due = [
            (row.id, circle)
            for row in reading.agreements()
            for circle in _due(reading, node.folds.of(reading, row.id), organisation, now)
        ]
    for agreement, circle in due:
        try:
            with node.store.write() as writing:
                signed += _sign(node, keys, writing, organisation, agreement, circle)
        except ExhaustedError:
            raise
        except AlliedError:
            continue  # a frozen chain, a locked key: tried again next time
        node.notifier.changed(agreement)
    return signed


def differing(
    reading: Reading, folded: Folded, organisation: OrganisationId
) -> tuple[Differing, ...]:
    """The checkpoints of partners that this node holds the records of and does not come to."""
    judged = _judged(reading, organisation, folded.row.id)
    found = []
    for circle in checkpoints.shared_circles(folded.instrument):
        for point in checkpoints.points(folded.instrument, folded.state.checkpoints, circle):
            party = folded.instrument.party(point.issuer)
            if party is not None and judged.get(point.record) == _OTHER:
                found.append(Differing(point.record, party, point.at))
    return tuple(found)


def _due(
    reading: Reading, folded: Folded, organisation: Organisation, now: datetime
) -> Iterator[CircleId]:
    """The circles in which this party has something to say now."""
    party = folded.instrument.party(organisation.id)
    if party is None or party not in folded.state.standing(folded.instrument, now).bound:
        return
    for circle in checkpoints.shared_circles(folded.instrument).values():
        if party in circle.members and (
            _unanswered(reading, folded, organisation, circle.id, now)
            or _is_mine(reading, folded, party, circle, now)
        ):
            yield circle.id


def _unanswered(
    reading: Reading, folded: Folded, organisation: Organisation, circle: CircleId, now: datetime
) -> tuple[Point, ...]:
    """The checkpoints of others that this node has the records of, and has not judged yet.

    Of each party the last one; those of parties that came to something else before come last.
    """
    party = folded.instrument.party(organisation.id)
    found = checkpoints.points(folded.instrument, folded.state.checkpoints, circle)
    if not found:
        return ()
    reached = folded.reached(circle)
    least = 0
    if reached is not None:
        least = reached.count + _distance(folded, reached.count) // 2
        if outlined.awaited(folded, circle, now):
            least = reached.count + 1
    judged = _judged(reading, organisation.id, folded.row.id)
    wrong = Counter(each.issuer for each in found if judged.get(each.record) == _OTHER)
    last = {each.issuer: each for each in found}
    open_ = [
        each
        for each in last.values()
        if each.count >= least
        and each.record not in judged
        and party not in each.supporters
        and checkpoints.holds(folded.history, each.heads)
    ]
    return tuple(sorted(open_, key=lambda each: (wrong[each.issuer], -each.count, each.record)))


def _is_mine(
    reading: Reading, folded: Folded, party: PartyId, circle: Circle, now: datetime
) -> bool:
    """Whether a checkpoint is due, and it is this party's turn to write one.

    None is due while others have one to answer that this node comes to as well.
    """
    if len(checkpoints.heads_in(folded.instrument, folded.history, circle.id)) > MAX_DEPS:
        return False  # more than a record can name
    organisation = folded.instrument.organisation(party)
    judged = _judged(reading, organisation, folded.row.id)
    found = [
        each
        for each in checkpoints.points(folded.instrument, folded.state.checkpoints, circle.id)
        if (each.issuer == organisation or judged.get(each.record) != _OTHER)
        and checkpoints.holds(folded.history, each.heads)
    ]
    last = found[-1].count if found else 0
    heads = folded.history.heads
    count = sum(number for chain, (number, _) in heads.items() if chain.circle == circle.id)
    distance = _distance(folded, last)
    if count >= last + distance:
        turn = _turn(folded, party, circle, now)
        if count >= last + distance + turn * distance // _TURNS:
            return True
    waits = [
        each.since
        for each in outlined.awaited(folded, circle.id, now)
        if not any(checkpoints.covers_record(point.heads, each.record) for point in found)
    ]
    return bool(waits) and now - min(waits) >= _turn(folded, party, circle, now) * _TURN


def _distance(folded: Folded, last: int) -> int:
    parties = len(folded.instrument.genesis.parties)
    return max(EVERY, _FOR_EACH_PARTY * parties, last // _PART)


def _turn(folded: Folded, party: PartyId, circle: Circle, now: datetime) -> int:
    """The place of a party among those bound, in an order that nobody chose; at most _TURNS."""
    bound = folded.state.standing(folded.instrument, now).bound & circle.members
    ranked = sorted(bound, key=lambda each: digest(f"{circle.id} {each}".encode()))
    return min(ranked.index(party), _TURNS)


def _sign(
    node: Node,
    keys: Keys,
    writing: Writing,
    organisation: Organisation,
    agreement: AgreementId,
    circle: CircleId,
) -> int:
    folded = node.folds.of(writing, agreement)
    instrument = folded.instrument
    party = instrument.party(organisation.id)
    now = node.clock.now()
    if party is None:
        return 0
    where, actor = checkpoints.shared_circles(instrument)[circle], Actor(organisation, keys)
    signed = 0
    for point in _unanswered(writing, folded, organisation, circle, now)[:_AT_ONCE]:
        state = folded.assessed(point).state
        _judge(writing, folded, organisation.id, point, same=state == point.state)
        if state == point.state:
            body = checkpoints.answer_to(point.record, state)
            journal.append(node, writing, actor, folded, where, checkpoints.KIND, body)
            signed += 1
            folded = node.folds.of(writing, agreement)
    if _is_mine(writing, folded, party, where, now):
        body = checkpoints.body_of(
            *checkpoints.own(instrument, folded.history, folded.state, circle)
        )
        journal.append(node, writing, actor, folded, where, checkpoints.KIND, body)
        signed += 1
    return signed


_SAME: Final = "same"
_OTHER: Final = "other"


def _judged(
    reading: Reading, organisation: OrganisationId, agreement: AgreementId
) -> dict[str, str]:
    """By checkpoint, what this node came to; the last ones that it looked at."""
    words = reading.cursor(_name(organisation, agreement)).split()
    return dict(zip(words[::2], words[1::2], strict=True))


def _judge(
    writing: Writing, folded: Folded, organisation: OrganisationId, point: Point, *, same: bool
) -> None:
    """Remember what this node came to, as long as the checkpoint stands."""
    agreement, instrument = folded.row.id, folded.instrument
    standing = {
        each.record
        for circle in checkpoints.shared_circles(instrument)
        for each in checkpoints.points(instrument, folded.state.checkpoints, circle)
    }
    known = _judged(writing, organisation, agreement)
    kept = {record: word for record, word in known.items() if record in standing}
    kept[point.record] = _SAME if same else _OTHER
    text = " ".join(f"{each} {word}" for each, word in kept.items())
    writing.set_cursor(_name(organisation, agreement), text)


def _name(organisation: OrganisationId, agreement: AgreementId) -> str:
    return f"checkpoints:{organisation}:{agreement}"
