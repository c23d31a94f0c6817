"""Parties of a simulated world that never reach each other, and the relay that carries for them.

The relay is in no agreement with them. It serves parcels with the real program, and its people
do with the parcels in its store whatever they like.

Words used here:
    parcel    sealed bytes for one recipient, as the relay holds them
    pile      copies of parcels that the relay has put aside, with their recipients
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import pytest

from allied.errors import AlliedError
from allied.node import parcels, relaying
from allied.record.canonical import digest
from allied.record.ids import Digest
from tests.simulator import promises

if TYPE_CHECKING:
    from collections.abc import Sequence

    from allied.node.parcel_store import ParcelRow
    from tests.node.network import House
    from tests.simulator.world import World

RELAY: Final = "gorse"
MOST_ROUNDS: Final = 12
_HEAD: Final = 512
"""So long is what a carrier may read of a parcel: for whom it is, and under which key."""
_HARMLESS: Final = ("carriage.", "sealing.", "peer.", "relay.")
"""What may become of a parcel besides being taken in."""


@dataclass
class Pile:
    """What the relay's people have put aside, the oldest first."""

    parcels: list[tuple[ParcelRow, bytes]] = field(default_factory=list)


def wall_off(world: World) -> None:
    """No party ever reaches another one; all leave with the relay, and ask it."""
    world.walls = {
        frozenset((one, other)) for one in world.trees for other in world.trees if one != other
    }
    world.cut = set(world.walls)
    relaying.serve(world.beside[RELAY].node, open_=True)
    for tree in world.trees:
        node = world.houses[tree].node
        parcels.set_way(node, RELAY, "", on=True)
        for other in world.trees:
            if other != tree:
                parcels.set_way(node, RELAY, other, on=True)


# --- what parties do ------------------------------------------------------------------------


def goes_round(world: World, tree: str) -> None:
    """A party finds that nobody answers, leaves with the relay what is new, and fetches."""
    world.tell(f"{tree} leaves with the relay what is new, and asks it")
    world.pulls(tree)
    house = world.houses[tree]
    parcels.go_round(house.node, house.keys)


def fetches(world: World, tree: str) -> None:
    """A party asks the relay; whatever a parcel is, it never is our mistake."""
    world.tell(f"{tree} asks the relay")
    house = world.houses[tree]
    found: Sequence[parcels.Fetched] = ()
    with suppress(AlliedError):
        found = parcels.fetch(house.node, house.keys, house.organisation, RELAY)
    for each in found:
        assert not each.problem or each.problem.startswith(_HARMLESS), each.problem


def finds_a_full_shelf(world: World, tree: str, other: str) -> None:
    """A party leaves something while the relay holds as much as it may."""
    world.tell(f"{tree} leaves something for {other} with the relay, which is full")
    house = world.houses[tree]
    held = sum(each.size for each in relaying.list_parcels(world.beside[RELAY].node))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(relaying, "ALL_BYTES", held)
        with pytest.raises(AlliedError) as refusal:
            parcels.leave(house.node, house.keys, house.organisation, RELAY, world.pact, other)
    assert refusal.value.code == "relay.full"
    assert held == sum(each.size for each in relaying.list_parcels(world.beside[RELAY].node))


# --- what the relay's people do -------------------------------------------------------------


def _lying(house: House) -> list[tuple[ParcelRow, bytes]]:
    with house.node.store.read() as reading:
        return [(row, reading.parcel(row.place) or b"") for row in reading.parcels()]


def _drops(world: World, pile: Pile, row: ParcelRow, raw: bytes) -> None:
    with world.beside[RELAY].node.store.write() as writing:
        writing.drop_parcels([row.place])


def _puts(world: World, row: ParcelRow, raw: bytes, slot: str = "") -> None:
    """Put bytes into a slot: over what lies in it, or into one of their own."""
    where = Digest(digest(f"{slot} {next(world.count)}".encode())) if slot else row.slot
    with world.beside[RELAY].node.store.write() as writing:
        writing.add_parcel(replace(row, slot=where, size=len(raw), at=world.now), raw)


def _doubles(world: World, pile: Pile, row: ParcelRow, raw: bytes) -> None:
    _puts(world, row, raw, "again")


def _cuts_off(world: World, pile: Pile, row: ParcelRow, raw: bytes) -> None:
    _puts(world, row, raw[: len(raw) * (1 + row.place % 7) // 8])


def _flips(world: World, pile: Pile, row: ParcelRow, raw: bytes) -> None:
    at = len(raw) * (1 + row.place % 7) // 8
    _puts(world, row, raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])


def _swaps(world: World, pile: Pile, row: ParcelRow, raw: bytes) -> None:
    """Give it to somebody else."""
    others = [
        world.houses[tree].organisation.id
        for tree in world.trees
        if world.houses[tree].organisation.id != row.recipient
    ]
    _puts(world, replace(row, recipient=others[row.place % len(others)]), raw, "another's")


def _renames(world: World, pile: Pile, row: ParcelRow, raw: bytes) -> None:
    """Write somebody else's name on it, and give it to them."""
    other = next(
        world.houses[tree].organisation.id
        for tree in world.trees
        if world.houses[tree].organisation.id != row.recipient
    )
    forged = raw.replace(row.recipient.encode(), other.encode())
    _puts(world, replace(row, recipient=other), forged, "renamed")


def _keeps_a_copy(world: World, pile: Pile, row: ParcelRow, raw: bytes) -> None:
    pile.parcels.append((row, raw))


def _gives_an_old_one(world: World, pile: Pile, row: ParcelRow, raw: bytes) -> None:
    for old, copy in pile.parcels[:1]:
        _puts(world, old, copy, "old")


def _glues(world: World, pile: Pile, row: ParcelRow, raw: bytes) -> None:
    """The beginning of an old one, and the end of this one."""
    for _, copy in pile.parcels[-1:]:
        at = min(len(copy), len(raw)) * (1 + row.place % 7) // 8
        _puts(world, row, copy[:at] + raw[at:], "glued")


TRICKS: Final[Mapping[str, Callable[[World, Pile, ParcelRow, bytes], None]]] = {
    "loses": _drops,
    "doubles": _doubles,
    "cuts off": _cuts_off,
    "flips a byte of": _flips,
    "gives to another": _swaps,
    "writes another name on": _renames,
    "keeps a copy of": _keeps_a_copy,
    "gives an old one beside": _gives_an_old_one,
    "glues an old one to": _glues,
}


def plays(world: World, pile: Pile, trick: str, which: int) -> None:
    """The relay's people do something to one of the parcels."""
    found = _lying(world.beside[RELAY])
    if not found:
        return
    row, raw = found[which % len(found)]
    world.tell(f"the relay {trick} the parcel {row.place}")
    TRICKS[trick](world, pile, row, raw)


# --- what has to be true --------------------------------------------------------------------


def watch(world: World, *trees: str) -> None:
    """The relay learns nothing; nobody holds a word of an honest party that it has not said."""
    said = {tree: {row.id for row in world.rows(tree)} for tree in world.trees}
    for tree in trees:
        for row in world.rows(tree):
            author = world.labels[row.issuer]
            assert row.id in said[author], f"{tree} has a word of {author} that it never said"
    hidden = [world.pact.encode(), b"remark ", b"the-grove", b'"kind"']
    parties = [house.organisation.id.encode() for house in world.houses.values()]
    for _, raw in _lying(world.beside[RELAY]):
        assert not any(each in raw for each in hidden), "the relay can read it"
        assert not any(each in raw[_HEAD:] for each in parties), "the relay can read whose it is"


def settle(world: World) -> None:
    """A week later, with the relay as it should be, all have what the others have said."""
    world.heal()
    world.days_pass(8)
    for _ in range(MOST_ROUNDS):
        before = [len(world.rows(tree)) for tree in world.trees]
        for tree in (*world.trees, *world.trees):
            goes_round(world, tree)
        if [len(world.rows(tree)) for tree in world.trees] == before:
            return
    raise AssertionError("it never comes to rest")


def require_whole(world: World) -> None:
    """All that is promised of parties that reach each other is true of these as well."""
    watch(world, *world.trees)
    promises.require_whole(world)
    with world.beside[RELAY].node.store.read() as reading:
        assert list(reading.agreements()) == [], "the relay has come into an agreement"
