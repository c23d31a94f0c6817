"""A node over an older database: what came back decides how it goes on, and nothing twice."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from allied.adapters.folder import DataFolder
from allied.adapters.sealed import ALMOST_NONE_FOR_TESTS
from allied.adapters.settings import Settings
from allied.bootstrap import assemble
from allied.errors import AlliedError, ConflictError
from allied.node import agreements, resuming
from allied.node.answers import Answers
from allied.node.node import Node
from allied.node.resuming import Resumed
from allied.record.ids import OrganisationId
from tests.node.fragile import Fragile, Fuse, Killed
from tests.node.hands import HARBOUR, NORTHGATE, RIVER, allied, folded, state
from tests.node.network import PASSPHRASE, House, Network, Wires
from tests.node.test_keys import recovery_of


def put_back(network: Network, root: Path, copy: Path) -> House:
    """River over an older copy of its database, opened again."""
    old = network.houses[RIVER]
    old.node.close()
    folder = DataFolder(root / RIVER)
    for name in ("allied.db-wal", "allied.db-shm"):
        (folder.root / name).unlink(missing_ok=True)
    shutil.copy(copy, folder.database)
    found = assemble(
        folder, Settings(database=""), clock=network.clock, hardness=ALMOST_NONE_FOR_TESTS
    )
    node = replace(found.node, peers=Wires(network))
    keys = node.vault.unlock(PASSPHRASE, unguarded=True)
    with node.store.read() as reading:
        (own,) = reading.organisations()
    house = House(RIVER, own.url, node, own, keys, Answers(node, keys, old.hints.append), old.hints)
    network.houses[RIVER] = house
    return house


def resume(
    house: House,
    fence: Mapping[OrganisationId, int],
    *,
    node: Node | None = None,
    recovery: bool = True,
    without_unreached: bool = False,
) -> Resumed:
    (done,) = resuming.resume(
        node or house.node,
        house.keys,
        fence=fence,
        recovery=[recovery_of(house)] if recovery else [],
        passphrase=PASSPHRASE,
        without_unreached=without_unreached,
    )
    with house.node.store.read() as reading:
        (house.organisation,) = reading.organisations()
    return done


@pytest.fixture
def world(tmp_path: Path) -> tuple[Network, str, Path]:
    """Three houses; River has signed more since a copy was made, and all have it."""
    network, pact = allied(tmp_path)
    river = network.houses[RIVER]
    copy = tmp_path / "old.db"
    river.node.store.copy(copy)  # type: ignore[attr-defined]
    agreements.ratify(river.node, river.actor, pact)
    network.settle()
    return network, pact, copy


def test_whoever_remembers_how_far_it_was_goes_on_in_its_chains(
    world: tuple[Network, str, Path], tmp_path: Path
) -> None:
    network, pact, copy = world
    fence = dict(DataFolder(tmp_path / RIVER).fence.numbered())
    river = put_back(network, tmp_path, copy)
    with pytest.raises(ConflictError) as refusal:
        river.node.vault.unlock(PASSPHRASE)
    assert refusal.value.code == "store.older-than-fence"
    done = resume(river, fence, recovery=False)
    assert (done.certain, done.incarnation) == (True, 0)
    assert done.adopted > 0
    river.node.vault.unlock(PASSPHRASE)  # the twin
    assert RIVER in state(river, pact).ratifications
    agreements.withdraw(river.node, river.actor, pact)
    network.settle()
    for house in network.houses.values():
        assert not folded(house, pact).history.frozen


def test_whoever_does_not_begins_a_new_life_that_cites_the_old(
    world: tuple[Network, str, Path], tmp_path: Path
) -> None:
    network, pact, copy = world
    river = put_back(network, tmp_path, copy)
    with pytest.raises(AlliedError) as refusal:
        resume(river, {}, recovery=False)
    assert refusal.value.code == "resume.needs-recovery-file"
    done = resume(river, {})
    assert (done.certain, done.incarnation) == (False, 1)
    river.node.vault.unlock(PASSPHRASE)
    agreements.withdraw(river.node, river.actor, pact)
    network.settle()
    for house in network.houses.values():
        found = folded(house, pact)
        assert not found.history.frozen
        mine = [r for r in found.history.order if r.header.issuer == river.organisation.id]
        assert {r.header.incarnation for r in mine} == {0, 1}
        assert all(found.state.verdicts[r.id].effect for r in mine)


def test_a_peer_that_cannot_be_asked_is_waited_for_unless_told_otherwise(
    world: tuple[Network, str, Path], tmp_path: Path
) -> None:
    network, _, copy = world
    river = put_back(network, tmp_path, copy)
    network.cut_between(RIVER, HARBOUR)
    with pytest.raises(ConflictError) as refusal:
        resume(river, {})
    assert refusal.value.code == "resume.peers-unreached"
    assert refusal.value.facts["peers"] == {HARBOUR: "peer.timeout"}
    assert river.organisation.incarnation == 0
    done = resume(river, {}, without_unreached=True)
    assert (done.unreached, done.incarnation) == ((HARBOUR,), 1)
    assert NORTHGATE not in done.unreached


def test_nothing_is_signed_while_it_is_asked(
    world: tuple[Network, str, Path], tmp_path: Path
) -> None:
    network, pact, copy = world
    river = put_back(network, tmp_path, copy)
    resume(river, {})
    with river.node.store.read() as reading:
        mine = [r for r in reading.records(pact) if r.issuer == river.organisation.id]  # type: ignore[arg-type]
        assert {r.incarnation for r in mine} == {0}, "a new life begins with its first word"
        assert not reading.unclaimed(river.organisation.id)
    with pytest.raises(AlliedError) as refusal:
        resuming._OnlyAsks(river.keys).signer(river.organisation.id, "automatic")
    assert refusal.value.code == "keys.not-yet"
    asking = resuming._OnlyAsks(river.keys).signer(river.organisation.id, "transport")
    assert asking.public == river.keys.signer(river.organisation.id, "transport").public


def test_killed_at_any_write_it_decides_again(
    world: tuple[Network, str, Path], tmp_path: Path
) -> None:
    network, pact, copy = world
    river = put_back(network, tmp_path, copy)
    killed = 0
    for left in (0, 2, 5, 9, 14, 20, 27, 60):
        node = replace(river.node, store=Fragile(river.node.store, Fuse(left)))
        try:
            resume(river, {}, node=node)
        except Killed:
            killed += 1
            continue
        break
    assert killed > 2
    with river.node.store.read() as reading:
        (river.organisation,) = reading.organisations()
    if river.organisation.incarnation == 0:
        resume(river, {})
    # Killed between the commit and the fence it does so once more, which does no harm.
    assert river.organisation.incarnation in {1, 2}
    river.node.vault.unlock(PASSPHRASE)
    agreements.withdraw(river.node, river.actor, pact)
    network.settle()
    assert not folded(network.houses[HARBOUR], pact).history.frozen
