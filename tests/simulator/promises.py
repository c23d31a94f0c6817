"""What has to be true of a world at every step, and when everything works again.

Each function is one or more of the twelve properties that the federation promises; the names
are theirs:

    order freedom, convergence, causal closure, authenticity, stable authority, one outcome,
    fork exposure, self-consistency under crash, clock independence, silence needs receipt,
    cut, erasure and confinement

Words used here:
    watch    what is held after every step, of the nodes that the step touched
    settled  all lines work, and everybody has asked everybody until nothing new came
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import timedelta
from itertools import combinations
from typing import TYPE_CHECKING, Final, cast

from allied.agreement import joining, leaving
from allied.agreement.certified import read_proof
from allied.agreement.sameness import state_digest
from allied.node import blobs, comparing, visibility
from allied.node.folds import Folded, Folds
from allied.record.canonical import Json, digest, encode
from allied.record.fork import carried
from allied.record.history import history
from allied.record.outline import read_either
from allied.record.record import ChainKey, Record, read
from tests.node.hands import Looking, require_alike
from tests.simulator.stability import require_stable

if TYPE_CHECKING:
    from allied.node.ports import Reading
    from allied.record.ids import CircleId, RecordId
    from tests.node.network import House
    from tests.simulator.world import World

AGAIN: Final = 7
"""Of so many looks at a node one is held against a fold from nothing."""
MOST_ROUNDS: Final = 10
"""Rounds of everybody asking everybody after which nothing new may come any more."""
MOST_PAUSES: Final = 3
"""What is asked for meanwhile can bring along something that is lacking, too."""
LONGEST_PAUSE: Final = timedelta(days=1)
"""So long it is at most until a text that was asked for in vain is asked for again."""


def watch(world: World, *trees: str) -> None:
    """Nothing that a node stored is gone, no verdict has changed, no number is given twice."""
    for turn, tree in enumerate(trees):
        if tree not in world.up:
            continue
        shown = world.seen[tree]
        rows = world.rows(tree)
        stored = {row.id for row in rows}
        assert shown.stored <= stored, f"{tree} lost {len(shown.stored - stored)} records"
        shown.stored = stored
        for row in rows:
            if world.labels.get(row.issuer) in world.honest:
                place = (ChainKey(row.circle, row.issuer, row.incarnation), row.sequence)
                known = world.numbers.setdefault(place, row.id)
                assert known == row.id, f"{world.labels[row.issuer]} signed one number twice"
        folded = world.folded(world.houses[tree])
        require_stable(shown.judged, folded)
        if (len(world.story) + turn) % AGAIN == 0:
            require_folded_alike(world, tree, folded)


def require_folded_alike(world: World, tree: str, folded: Folded) -> None:
    """What a node goes on from, and what is kept beside its records, is as folded from nothing."""
    with world.houses[tree].node.store.read() as reading:
        afresh = Folds().of(cast("Reading", Looking(reading, ())), world.pact)
        require_alike(afresh, folded)
        require_alike(afresh, Folds().of(reading, world.pact))


def all_of(world: World, house: House) -> Iterator[Record]:
    """Every record that a node has stored, in order or aside, outlines too."""
    with house.node.store.read() as reading:
        for row in reading.records(world.pact):
            yield read_either(row.raw)


def settle(world: World) -> None:
    """Convergence: all lines healed, within a bounded number of rounds nothing new comes.

    Texts that were asked for in vain are asked for again after a pause, which is waited for.
    """
    world.heal()
    _come_to_rest(world)
    for _ in range(MOST_PAUSES):
        if not any(_lacks(world, tree) for tree in world.up):
            return
        world.time_passes(_pause(world))
        _come_to_rest(world)


def _come_to_rest(world: World) -> None:
    for _ in range(MOST_ROUNDS):
        before = [len(world.rows(tree)) for tree in world.trees]
        for tree in world.trees:
            if tree not in world.down:
                world.pulls(tree)
        if [len(world.rows(tree)) for tree in world.trees] == before:
            return
    raise AssertionError("it never comes to rest")


def require_whole(world: World, waiting: Collection[str] = ()) -> None:
    """Everything that is promised of a world once it has settled.

    Args:
        waiting: parties that may hold less than all others, and say less.
    """
    watch(world, *world.up)
    inside = [tree for tree in world.up if not has_left(world, tree) and tree not in waiting]
    for one, other in combinations(inside, 2):
        require_equal(world, one, other)
        require_same_state(world, one, other)
    for tree in world.up:
        folded = world.folded(world.houses[tree])
        require_closed(folded)
        require_one_outcome(folded)
        if tree not in waiting:
            require_exposed(world, tree, folded)
            require_nothing_waits(world, tree)
            require_blobs(world, tree)
    for tree in world.up:
        if has_left(world, tree):
            require_cut(world, tree)
    # They all hold the same, so one of them is enough for what is dear; another in each story.
    tree = world.up[len(world.story) % len(world.up)]
    folded = world.folded(world.houses[tree])
    require_order_free(world, tree, folded)
    require_no_clock(world, tree, folded)


def has_left(world: World, tree: str) -> bool:
    """Whether a party is out, as it sees it itself."""
    house = world.houses[tree]
    folded = world.folded(house)
    return leaving.tops(folded, house.organisation.id, house.node.clock.now()) is not None


def comes_to(folded: Folded, circles: Iterable[CircleId]) -> str:
    """One word for all that the records of some circles come to."""
    wanted = frozenset(circles)
    state = folded.state
    verdicts: dict[str, Json] = {
        record.id: state.verdicts[record.id].code or "effect"
        for record in folded.history.order
        if record.header.circle in wanted
    }
    heads: Json = sorted(
        [*map(str, chain), str(sequence), record]
        for chain, (sequence, record) in folded.history.heads.items()
        if chain.circle in wanted
    )
    forks: Json = sorted(
        f"{chain} {number}"
        for chain, number in folded.history.frozen.items()
        if chain.circle in wanted
    )
    signed: Json = sorted(state.signatures)
    return digest(encode([verdicts, heads, forks, signed]))


def require_equal(world: World, one: str, other: str) -> None:
    """Convergence: two honest parties hold the same of what both may see, and agree on it."""
    a, b = (world.folded(world.houses[each]) for each in (one, other))
    ids = [world.houses[each].organisation.id for each in (one, other)]
    both = visibility.circles(a, ids[0]).keys() & visibility.circles(b, ids[1]).keys()
    assert comes_to(a, both) == comes_to(b, both), f"{one} and {other} differ"
    proofs = [  # by the records that they name: one of them may be in an archive here
        {
            (read_either(proof.first).id, read_either(proof.second).id)
            for proof in each.history.forks
            if _circle_of(each, proof) in both
        }
        for each in (a, b)
    ]
    assert proofs[0] == proofs[1], f"{one} and {other} hold different proofs"


def require_same_state(world: World, one: str, other: str) -> None:
    """Convergence: two honest nodes come to one state, and neither was told anything else."""
    digests = set()
    for tree in (one, other):
        found = world.folded(world.houses[tree])
        everybody = found.instrument.circles.all.id
        digests.add(state_digest(found.history, found.state, {everybody}))
    assert len(digests) == 1, f"{one} and {other} come to other states"
    house, peer = (world.houses[each] for each in (one, other))
    with house.node.store.read() as reading:
        said = comparing.compared(reading, house.organisation.id, peer.organisation.id, world.pact)
    assert said is None or said.same, f"{one} was told that {other} comes to something else"


def _circle_of(folded: Folded, proof: object) -> CircleId | None:
    for chain, found in zip(sorted(folded.history.frozen), folded.history.forks, strict=True):
        if found == proof:
            return chain.circle
    return None


def require_closed(folded: Folded) -> None:
    """Causal closure: nothing is in order before everything it rests on."""
    met: set[RecordId] = set()
    for record in folded.history.order:
        header = record.header
        parents = {dep.id for dep in header.deps} | ({header.previous} - {None})
        assert parents <= met | folded.history.aside
        met.add(record.id)


def require_order_free(world: World, tree: str, folded: Folded) -> None:
    """Order freedom, and self-consistency: the same records in any order, the same bytes."""
    records = world.records(tree)
    size_of = folded.instrument.circles.size
    mixed: list[Record] = [*sorted(records, key=lambda each: each.id), *records[::3]]
    assert history(mixed, size_of) == folded.history
    half = len(mixed) // 2
    assert history(mixed[half:], size_of).extended(mixed[:half]) == folded.history
    with world.houses[tree].node.store.read() as reading:
        assert Folds().of(reading, world.pact).state == folded.state


def require_no_clock(world: World, tree: str, folded: Folded) -> None:
    """Clock independence: the same node under a clock that is days off folds the same."""
    house = world.houses[tree]
    clock = world.clocks[tree]
    present = clock.now()
    for days in (-400, 400):
        clock.set(present + timedelta(days=days))
        with house.node.store.read() as reading:
            assert Folds().of(reading, world.pact).state == folded.state
    clock.set(present)


def require_one_outcome(folded: Folded) -> None:
    """One outcome: of all certificates of a question none says anything else than the others."""
    outcomes: dict[RecordId, set[object]] = {}
    for record in folded.history.order:
        if record.header.kind == "decision.certificate" and folded.state.verdicts[record.id].effect:
            proof = read_proof(record.body)
            outcomes.setdefault(proof.opening.id, set()).add(proof.result.value)
    assert all(len(each) == 1 for each in outcomes.values()), "a question has two outcomes"


def require_exposed(world: World, tree: str, folded: Folded) -> None:
    """Fork exposure: where honest nodes hold two branches, each that may see them has the proof.

    And nobody honest is accused of anything.
    """
    branches: dict[tuple[ChainKey, int], set[RecordId]] = {}
    for each in world.up:
        for row in world.rows(each):
            chain = ChainKey(row.circle, row.issuer, row.incarnation)
            branches.setdefault((chain, row.sequence), set()).add(row.id)
    visible = visibility.circles(folded, world.houses[tree].organisation.id)
    for (chain, number), records in branches.items():
        if len(records) > 1 and chain.circle in visible and not has_left(world, tree):
            assert folded.history.frozen.get(chain, number + 1) <= number, f"{tree} has no proof"
    said = {
        (chain.circle, chain.issuer)
        for record in folded.history.order
        for chain in [read(each).header.chain for each in carried(record)]
    }
    for chain in folded.history.frozen:
        assert world.labels[chain.issuer] not in world.honest, "an honest party is accused"
        if chain.circle in visible and not has_left(world, tree):
            assert (chain.circle, chain.issuer) in said, f"{tree} has no proof in writing"


def require_nothing_waits(world: World, tree: str) -> None:
    """What an honest party wrote is believed by all who may see it; only lies go on waiting."""
    with world.houses[tree].node.store.read() as reading:
        waiting = reading.parked(world.pact)
    assert not {world.labels[issuer] for _, issuer, _ in waiting} & set(world.honest)


def require_blobs(world: World, tree: str) -> None:
    """What honest parties that run have put beside their records is with all who may have it."""
    for other in _lacks(world, tree):
        raise AssertionError(f"{tree} lacks what {other} has")


def _lacks(world: World, tree: str) -> list[str]:
    """The honest parties that have a text which a party wants and may have."""
    house = world.houses[tree]
    with house.node.store.read() as reading:
        all_wanted = [each.blob for each in reading.wanted_after(world.pact, 0, 10_000)]
    if not all_wanted or has_left(world, tree):
        return []
    found = []
    for other in world.up:
        withheld = joining.withheld(
            world.folded(world.houses[other]), house.organisation.id, world.now
        )
        wanted = [blob for blob in all_wanted if blob not in withheld]
        with world.houses[other].node.store.read() as reading:
            held = any(reading.blob(blob) is not None for blob in wanted)
        if held and not has_left(world, other):
            found.append(other)
    return found


def _pause(world: World) -> timedelta:
    """How long it is until everybody asks for what is lacking, at most a day."""
    wait = timedelta(minutes=1)
    while not all(
        _is_due(world, tree, other, wait) for tree in world.up for other in _lacks(world, tree)
    ):
        assert wait < LONGEST_PAUSE, "somebody will not ask for what another has"
        wait = min(2 * wait, LONGEST_PAUSE)
    return wait


def _is_due(world: World, tree: str, other: str, wait: timedelta) -> bool:
    house, peer = (world.houses[each].organisation.id for each in (tree, other))
    at = world.clocks[tree].now() + wait
    with world.houses[tree].node.store.read() as reading:
        return blobs.is_due(reading, house, peer, world.pact, at)


def require_cut(world: World, tree: str) -> None:
    """Cut: nothing said among all after a party had left is with it, but what it was shown before
    that was known."""
    house = world.houses[tree]
    folded = world.folded(house)
    tops = leaving.tops(folded, house.organisation.id, house.node.clock.now())
    if tops is None:
        return
    shared = leaving.shared_circles(folded)
    for record in folded.history.order:
        header = record.header
        if header.circle in shared and header.issuer != house.organisation.id:
            within = header.sequence <= tops.get(header.chain, (0, ""))[0]
            assert within or record.id in world.in_time[tree], f"{tree} got more than it may"
