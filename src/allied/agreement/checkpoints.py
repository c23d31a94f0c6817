"""What parties have signed that they come to, and how far enough of them agree on it.

Everybody in a circle folds what is said there by itself. Now and then one of them says how far it
held every chain, and what it came to from that (`agreement.sameness`); whoever folds the same
records and comes to the same says so too. Where enough have, a checkpoint is reached: somebody who
was not there can check by it what he is given in outline (`record.outline`), and what lies behind
it may be pruned.

Words used here:
    shared     the circles of all, of the voters and of bodies
    view       of a circle: it, and the shared ones whose members include all of its own
    point      one such statement, with who has said the same
    reached    more parties than half, and as many more as the text lets cheat, say the same
    content    what a record of these kinds says makes nobody bound and decides nothing

Rules. A point is about the view of the circle it stands in. It counts by hands, as certificates do:
parties whose keys one custodian holds are one. A party says of a point that it comes to the same
only after it has folded those records itself. No verdict hangs on a checkpoint. Outlines stand for
content alone: whatever moves who is bound, which text counts, or what was decided, is for
everybody.

Source: docs/decisions/0021-checkpoints.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from allied.agreement.certificate import certificate_size, hands
from allied.agreement.enforcement import walk
from allied.agreement.fold import upto
from allied.agreement.parts import DecisionRule
from allied.agreement.sameness import state_digest
from allied.errors import AlliedError, MalformedError
from allied.record.circle import covers
from allied.record.ids import Digest, RecordId, digest_text
from allied.record.outline import KIND as OUTLINE
from allied.record.record import Dep, read_deps, sorted_deps

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from allied.agreement.fold import Progress
    from allied.agreement.genesis import Instrument
    from allied.agreement.judging import FindCustodian
    from allied.agreement.state import State
    from allied.agreement.terms import Agreement
    from allied.record.canonical import Json
    from allied.record.circle import Circle
    from allied.record.history import Heads, History
    from allied.record.ids import CircleId, OrganisationId, PartyId
    from allied.record.record import Record

KIND: Final = "checkpoint"
MOST_POINTS: Final = 8
"""Checkpoints of one party that are looked at: its last ones."""
_CONTENT: Final = ("incident.", "obligation.")


@dataclass(frozen=True, slots=True)
class Said:
    """The body of a checkpoint: of one's own heads, or that another one's is right.

    Attributes:
        heads: how far each chain in view was folded; empty in an answer.
        of: the checkpoint that is answered; empty in one of one's own.
        state: what the issuer comes to.
    """

    heads: Heads
    of: RecordId | None
    state: Digest


@dataclass(frozen=True, slots=True)
class Point:
    """One checkpoint, and who has said the same.

    Attributes:
        circle: where it stands.
        count: how many records of its own circle it is about.
        supporters: the parties that come to the same, its issuer among them.
    """

    record: RecordId
    circle: CircleId
    issuer: OrganisationId
    at: datetime
    heads: Heads
    state: Digest
    count: int
    supporters: frozenset[PartyId]


def body_of(heads: Heads, state: Digest) -> dict[str, Json]:
    """What a party says of its own heads."""
    deps = sorted_deps([Dep(*chain, number, record) for chain, (number, record) in heads.items()])
    return {"heads": [each.to_json() for each in deps], "state": state}


def answer_to(record: RecordId, state: Digest) -> dict[str, Json]:
    """What a party says that comes to the same from the records of another's checkpoint."""
    return {"of": record, "state": state}


def read_checkpoint(body: Mapping[str, Json]) -> Said:
    """Read the body of a checkpoint.

    Raises:
        MalformedError: `checkpoint.shape`, or as `record.read_deps`.
    """
    if body.keys() == {"heads", "state"}:
        deps = read_deps(body["heads"])
        heads = {each.chain: (each.sequence, each.id) for each in deps}
        return Said(heads, None, Digest(digest_text(body["state"], "a state")))
    if body.keys() == {"of", "state"}:
        of = RecordId(digest_text(body["of"], "a checkpoint"))
        return Said({}, of, Digest(digest_text(body["state"], "a state")))
    raise MalformedError("checkpoint.shape", "a checkpoint names heads or another, and a state")


def shared_circles(instrument: Instrument) -> Mapping[CircleId, Circle]:
    """The circles in which there are checkpoints: of all, of the voters, and of bodies."""
    standing = instrument.circles
    return {each.id: each for each in (standing.all, standing.voters, *standing.bodies.values())}


def view(instrument: Instrument, circle: CircleId) -> frozenset[CircleId]:
    """What is in view of who reads a shared circle: it, and what it may cite."""
    shared = shared_circles(instrument)
    own = shared[circle]
    return frozenset(each.id for each in shared.values() if each.id == circle or covers(each, own))


def points(
    instrument: Instrument, records: tuple[Record, ...], circle: CircleId
) -> tuple[Point, ...]:
    """The checkpoints of a shared circle, among records that have effect, the furthest last.

    Of each party its last ones count.

    Cost: linear in these records and in the heads that they name.
    """
    seen = view(instrument, circle)
    own: dict[RecordId, tuple[Record, Said]] = {}
    agreed: dict[RecordId, set[PartyId]] = {}
    last: dict[OrganisationId, list[RecordId]] = {}
    for record in records:
        party, said = instrument.party(record.header.issuer), _said(record)
        if record.header.circle != circle or party is None or said is None:
            continue
        if any(each.circle not in seen for each in said.heads):
            continue
        if said.of is None:
            own[record.id] = record, said
            its = last.setdefault(record.header.issuer, [])
            its.append(record.id)
            if len(its) > MOST_POINTS:
                del own[its.pop(0)]
            agreed[record.id] = {party}
        elif said.of in own and own[said.of][1].state == said.state:
            agreed[said.of].add(party)
    found = [
        Point(
            record.id,
            circle,
            record.header.issuer,
            record.header.claimed_at,
            said.heads,
            said.state,
            sum(number for chain, (number, _) in said.heads.items() if chain.circle == circle),
            frozenset(agreed[record.id]),
        )
        for record, said in own.values()
    ]
    return tuple(sorted(found, key=lambda point: (point.count, point.record)))


def is_reached(instrument: Instrument, state: State, point: Point) -> bool:
    """Whether enough parties of a circle say that they come to the same.

    Args:
        state: a fold that says who was bound then, and whose keys are in whose hands.
    """
    members = shared_circles(instrument)[point.circle].members
    bound = state.standing(instrument, point.at).bound & members
    custodians = state.custodians(lambda _: True)
    everybody = hands(bound, custodians)
    try:
        size = certificate_size(len(everybody), _tolerated(state.terms(instrument, point.at)))
    except AlliedError:
        return False  # it tolerates as many as there are
    return bool(everybody) and len(hands(point.supporters & bound, custodians)) >= size


def reached(instrument: Instrument, state: State, circle: CircleId) -> Point | None:
    """The furthest checkpoint on which enough parties agree; None where there is none."""
    for point in reversed(points(instrument, state.checkpoints, circle)):
        if is_reached(instrument, state, point):
            return point
    return None


def heads_in(instrument: Instrument, history: History, circle: CircleId) -> Heads:
    """How far each chain in view of a shared circle is held."""
    seen = view(instrument, circle)
    return {chain: head for chain, head in history.heads.items() if chain.circle in seen}


def come_to(
    instrument: Instrument,
    history: History,
    custodian: FindCustodian,
    circle: CircleId,
    heads: Heads,
) -> tuple[Progress, Digest]:
    """The fold of the records up to `heads`, and its state in one word.

    Cost: as `fold`.
    """
    found = upto(instrument, history, custodian, heads)
    return found, state_digest(history, found.state, view(instrument, circle), heads)


def holds(history: History, heads: Heads) -> bool:
    """Whether all records up to `heads` are held complete, and are those that are meant."""
    for chain, (number, record) in heads.items():
        found = history.get(record)
        if found is None or number > history.heads.get(chain, (0, ""))[0]:
            return False
        if found.header.chain != chain or found.header.sequence != number:
            return False
    return True


def is_content(record: Record) -> bool:
    """Whether an outline may stand for a record, or does already."""
    return record.header.kind.startswith(_CONTENT) or record.header.kind == OUTLINE


@lru_cache(maxsize=1024)
def _said(record: Record) -> Said | None:
    try:
        return read_checkpoint(record.body)
    except AlliedError:
        return None


def _tolerated(terms: Agreement) -> int:
    """How many may cheat at most, by any rule of the text."""
    rules = (used.value for used in walk(terms))
    return max((each.tolerates for each in rules if isinstance(each, DecisionRule)), default=0)
