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
from allied.record.outline import is_content
from allied.record.record import Dep, read_deps, sorted_deps

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from allied.agreement.fold import Progress
    from allied.agreement.genesis import Instrument
    from allied.agreement.judging import FindCustodian
    from allied.agreement.standing import Standing
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


@dataclass(frozen=True, slots=True)
class Assessed:
    """What this node comes to from the records up to a checkpoint.

    Attributes:
        state: in one word.
        bound: the members of its circle that were bound when the last content of it was said: who
            joined later cannot vouch for what it was not there for.
        custodians: who keeps whose keys.
        tolerated: how many may cheat at most, by any rule of the text.
        verdicts: of all content up to it the code of why it has no effect, before cuts; else "".
        standing: who was bound at the moment of the checkpoint.
    """

    state: Digest
    bound: frozenset[PartyId]
    custodians: Mapping[PartyId, str]
    tolerated: int
    verdicts: Mapping[RecordId, str]
    standing: Standing

    def reaches(self, point: Point) -> bool:
        """Whether enough members say what this node comes to as well."""
        if self.state != point.state or not self.bound:
            return False
        try:
            size = certificate_size(len(hands(self.bound, self.custodians)), self.tolerated)
        except AlliedError:
            return False  # it tolerates as many as there are
        return len(hands(point.supporters & self.bound, self.custodians)) >= size


def assess(
    instrument: Instrument,
    history: History,
    custodian: FindCustodian,
    point: Point,
    known: Progress | None = None,
) -> Assessed:
    """Fold the records up to a checkpoint that `holds`.

    Args:
        known: the fold of all of `history`, where there is one.

    Cost: as `fold`; a fourth of that with `known`.
    """
    if known is not None and not holds(history, point.heads):
        known = None
    made, word = come_to(instrument, history, custodian, point.circle, point.heads, known)
    members = shared_circles(instrument)[point.circle].members
    said = [
        each.header.claimed_at
        for each in made.order
        if is_content(each)
        and each.header.circle == point.circle
        and each.header.claimed_at <= point.at
    ]
    at = max(said, default=point.at)
    return Assessed(
        word,
        made.state.standing(instrument, at).bound & members,
        made.state.custodians(lambda _: True),
        _tolerated(made.state.terms(instrument, at)),
        {each.id: made.first.verdicts[each.id].code for each in made.order if is_content(each)},
        made.state.standing(instrument, point.at),
    )


def may_reach(point: Point, custodians: Mapping[PartyId, str], bound: Collection[PartyId]) -> bool:
    """Whether it is worth folding for a checkpoint: one of several hands alone reaches nothing.

    Args:
        bound: who is bound by everything that is held.
    """
    return len(hands(point.supporters, custodians)) > 1 or len(hands(bound, custodians)) <= 1


def reached(
    points: Sequence[Point], history: History, assessed: Callable[[Point], Assessed]
) -> Point | None:
    """The furthest checkpoint on which enough members agree; None where there is none.

    Args:
        points: of one circle, the furthest last; those that `may_reach`.
        assessed: `assess`, remembered.
    """
    for point in reversed(points):
        if holds(history, point.heads) and assessed(point).reaches(point):
            return point
    return None


def covers_record(heads: Heads, record: Record) -> bool:
    """Whether heads reach as far as a record, or further."""
    return record.header.sequence <= heads.get(record.header.chain, (0, ""))[0]


def heads_in(instrument: Instrument, history: History, circle: CircleId) -> Heads:
    """How far each chain in view of a shared circle is held."""
    seen = view(instrument, circle)
    return {chain: head for chain, head in history.heads.items() if chain.circle in seen}


def own(
    instrument: Instrument, history: History, state: State, circle: CircleId
) -> tuple[Heads, Digest]:
    """How far everything in view is held, and what it comes to; as `come_to` gives it.

    Args:
        state: the fold of all of `history`. What stands outside of the view moves nothing in it.

    Cost: linear in chains and events.
    """
    heads = heads_in(instrument, history, circle)
    return heads, state_digest(history, state, view(instrument, circle), heads)


def come_to(
    instrument: Instrument,
    history: History,
    custodian: FindCustodian,
    circle: CircleId,
    heads: Heads,
    known: Progress | None = None,
) -> tuple[Progress, Digest]:
    """The fold of the records up to `heads`, and its state in one word.

    Args:
        known: the fold of all of `history`, where `heads` are closed.

    Cost: as `fold`; a fourth of that with `known`.
    """
    found = upto(instrument, history, custodian, heads, known)
    return found, state_digest(history, found.state, view(instrument, circle), heads)


def holds(history: History, heads: Heads) -> bool:
    """Whether `heads` are closed, and all records up to them are held in order.

    Closed are heads that leave out nothing that they rest on: else the fold of what lies before
    them would judge records without their past.

    Cost: the square of the chains.
    """
    for chain, (number, record) in heads.items():
        found = history.get(record)
        if found is None or number > history.heads.get(chain, (0, ""))[0]:
            return False
        if found.header.chain != chain or found.header.sequence != number:
            return False
        if not history.is_ordered(record):
            return False
        for other, known in history.clock(record).items():
            if known > heads.get(other, (0, ""))[0]:
                return False
    return bool(heads)


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
