"""Parties of a simulated world that change their text, and one that plays others false with it.

Words used here:
    text      the agreement with another number of hours to answer within: told apart by it
    chain     the statements that follow each other on a node, by their numbers
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import combinations
from typing import TYPE_CHECKING, Final

from allied.agreement import amended
from allied.agreement.matters import Matter
from allied.errors import AlliedError
from allied.node import agreements, amendments, proposals
from allied.node.proposals import Wish
from allied.record.record import whole_milliseconds
from tests.node.hands import crafted
from tests.simulator import promises
from tests.simulator.groves import LIAR, text_of

if TYPE_CHECKING:
    from allied.agreement.chain import Present
    from allied.record.ids import Digest, RecordId
    from tests.node.network import House
    from tests.simulator.world import World

AT_ONCE: Final = "in_force: steward-notice 0 days"
EVERYBODY: Final = "in_force: all-ratify"
NOTICE: Final = "in_force: steward-notice 3 days, objectors: keep-old"
CLAUSES: Final = (AT_ONCE, EVERYBODY, NOTICE)

_ARTICLE: Final = """\
  - {art: "2", type: amendment, rule: council, %s}
"""


def text(trees: Sequence[str], clause: str, hours: int = 2, tolerates: int = 1) -> bytes:
    """The agreement of these parties, who may change it, with so many hours to answer within."""
    found = text_of(trees, tolerates).replace(b"2 hours", b"%d hours" % hours)
    return found + (_ARTICLE % clause).encode()


# --- what parties do ------------------------------------------------------------------------


def puts(world: World, tree: str, raw: bytes, *, twin: bool = False) -> None:
    """A party puts an amended text to the vote, for four days."""
    world.tell(f"{tree}'s second node puts a text" if twin else f"{tree} puts a text")
    house = world.twins[tree] if twin and tree in world.twins else world.houses[tree]
    wish = Wish(Matter(kind="amendment"), raw, deadline="4 days")
    with suppress(AlliedError):
        proposals.put(house.node, house.actor, world.pact, wish)


def accepts(world: World, tree: str, *, twin: bool = False) -> None:
    """A party accepts every amended text that it has heard of."""
    world.tell(f"{tree}'s second node accepts every text" if twin else f"{tree} accepts every text")
    house = world.twins[tree] if twin and tree in world.twins else world.houses[tree]
    for opening in _openings(world, house):
        with suppress(AlliedError):
            amendments.accept(house.node, house.actor, world.pact, opening)


def objects(world: World, tree: str) -> None:
    """A party objects to every amended text that it has heard of."""
    world.tell(f"{tree} objects to every text")
    house = world.houses[tree]
    for opening in _openings(world, house):
        with suppress(AlliedError):
            amendments.object_to(house.node, house.actor, world.pact, opening, "not so")


def _openings(world: World, house: House) -> Iterator[RecordId]:
    for record in world.folded(house).history.order:
        if record.header.kind == "proposal.open" and "amended" in record.body:
            yield record.id


def objects_with_a_date(world: World) -> None:
    """The liar's objection to every text, dated back to before anything else was said."""
    liar = world.houses[LIAR]
    for opening in list(_openings(world, liar)):
        record = world.folded(liar).history.get(opening)
        assert record is not None
        body = {
            "genesis": world.instrument.id,
            "version": amended.read_statement(record.body["amended"]).id,
        }
        dated = whole_milliseconds(record.header.claimed_at + timedelta(minutes=1))
        lie = crafted(liar, world.pact, "agreement.object", body, deps=(), claimed_at=dated)
        world.slips_in(lie, "that objects as of days ago")


def speaks_under_the_first_text(world: World) -> None:
    """The liar's remark under the text that was signed, whatever has been adopted since."""
    first = world.instrument.genesis.version
    body = {"lie": next(world.count)}
    lie = crafted(world.houses[LIAR], world.pact, "redaction.answer", body, version=first)
    world.slips_in(lie, "under the first text")


# --- what has to be true --------------------------------------------------------------------


def present(world: World, tree: str) -> Present:
    """The text that counts on a node now, by the right time."""
    found = world.folded(world.houses[tree])
    return found.state.present(found.instrument, world.now)


def watch(world: World, known: dict[int, Digest], *trees: str) -> None:
    """No version has two texts, at any time and on any two honest nodes."""
    for tree in trees:
        if tree not in world.up:
            continue
        chain = present(world, tree).chain
        assert not chain.rivals, f"{tree} holds two texts on version {len(chain.links) + 1}"
        for link in chain.links:
            stands = known.setdefault(link.number, link.text.id)
            assert stands == link.text.id, f"{tree} reads another version {link.number}"


def require_one_text(world: World, known: dict[int, Digest]) -> None:
    """Every honest node reads the same version, by the same chain."""
    inside = [tree for tree in world.up if not promises.has_left(world, tree)]
    watch(world, known, *inside)
    found = {tree: present(world, tree) for tree in inside}
    for one, other in combinations(inside, 2):
        a, b = found[one], found[other]
        assert a.chain == b.chain, f"{one} and {other} hold other chains"
        assert a.number == b.number, f"{one} reads version {a.number}, {other} {b.number}"
        nodes = [world.houses[tree].node for tree in (one, other)]
        for number in range(1, a.number + 1):
            texts = {agreements.text_of(node, world.pact, number) for node in nodes}
            assert len(texts) == 1, f"{one} and {other} show other words of version {number}"
