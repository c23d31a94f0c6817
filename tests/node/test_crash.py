"""A node that is killed at any write finishes its story afterwards, and nothing is half-done."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from allied.node import agreements, incidents, items, ledger
from allied.node.answers import Answers
from allied.node.folds import Folds
from allied.node.sharing import Wish
from tests.exchange.samples import indicator
from tests.node.fragile import Fragile, Fuse, Killed
from tests.node.hands import (
    HARBOUR,
    NORTHGATE,
    RIVER,
    allied,
    attack,
    folded,
    heads,
    held,
    propose,
    share,
    state,
    state_digest,
    three,
)
from tests.node.network import House, Network

THOROUGH = os.environ.get("ALLIED_HYPOTHESIS_PROFILE") == "thorough"

FIRST = {RIVER: 2, HARBOUR: 9, NORTHGATE: 5}
"""Where the quick profile begins, so that the three houses die at different places."""


def fragile(house: House, fuse: Fuse) -> None:
    """From now on this house may die."""
    house.node = replace(house.node, store=Fragile(house.node.store, fuse), folds=Folds())
    house.answers = Answers(house.node, house.keys, house.hints.append)


def reopened(house: House) -> None:
    """Start it again: nothing remembered but what is stored."""
    whole = house.node.store.store if isinstance(house.node.store, Fragile) else house.node.store
    house.node = replace(house.node, store=whole, folds=Folds())
    house.answers = Answers(house.node, house.keys, house.hints.append)


def story(network: Network) -> None:
    """Whatever of it has not happened yet: signed, shared, attacked, called."""
    river, harbour, northgate = network.houses.values()
    if not agreements.list_agreements(river.node):
        propose(river)
    pact = agreements.list_agreements(river.node)[0].id
    for house in (river, harbour, northgate):
        house.sync()
        if house.label not in state(house, pact).signatures:
            agreements.sign(house.node, house.actor, pact)
    network.settle(2)
    share(river, pact, indicator(1), indicator(2))
    network.settle(2)
    if not incidents.list_incidents(harbour.node, harbour.organisation):
        attack(harbour, pact)
    (incident,) = incidents.list_incidents(harbour.node, harbour.organisation)
    if not incident.calls:
        incidents.invoke(harbour.node, harbour.actor, incident.id, "2")
    network.settle(2)


def require_whole(network: Network) -> None:
    """The story is true at every house, and nothing lies about half-done."""
    river, harbour, _ = network.houses.values()
    (pact,) = {view.id for house in network.houses.values()
               for view in agreements.list_agreements(house.node)}  # fmt: skip
    for house in network.houses.values():
        view = agreements.show(house.node, pact)
        assert (view.state, view.waiting, view.forked) == ("in-force", 0, ())
        assert view.without_effect == ()
        found = folded(house, pact)
        with house.node.store.read() as reading:
            assert house.node.folds.of(reading, pact).state == found.state
            assert (
                ledger.verify(reading, house.organisation.id)
                == reading.ledger_head(house.organisation.id)[0]
            )
    assert len({state_digest(house, pact) for house in network.houses.values()}) == 1
    assert heads(river, pact) == heads(harbour, pact)
    assert sorted(held(river, pact)) == sorted(held(harbour, pact))
    (seen,) = incidents.list_incidents(river.node, river.organisation)
    assert [call.effective for call in seen.calls] == [True]
    assert [each.debtor for each in seen.obligations] == [RIVER]
    assert all(each.answer_by for each in seen.obligations)
    views = items.list_items(river.node, river.organisation)
    details = [items.show(river.node, river.organisation, str(view.seq)) for view in views]
    assert all(
        each.receipt_at for one in details for each in one.recipients if each.party == HARBOUR
    )


def burnt(root: Path, label: str) -> int:
    """How many points there are at which a house could die in the story."""
    network, fuse = three(root), Fuse(10**6)
    fragile(network.houses[label], fuse)
    story(network)
    require_whole(network)
    assert fuse.left is not None
    return 10**6 - fuse.left


@pytest.mark.parametrize("label", [RIVER, HARBOUR, NORTHGATE])
def test_killed_at_any_write_the_story_can_be_finished(tmp_path: Path, label: str) -> None:
    points = burnt(tmp_path / "whole", label)
    assert points > 20
    # All points take minutes; the thorough profile goes through every one of them.
    first, stride = (0, 1) if THOROUGH else (FIRST[label], points // 3 + 1)
    for point in range(first, points, stride):
        network = three(tmp_path / str(point))
        house = network.houses[label]
        fragile(house, Fuse(point))
        with pytest.raises(Killed):
            story(network)
        reopened(house)
        story(network)
        network.settle(2)
        require_whole(network)
        for each in network.houses.values():
            each.node.close()


def test_a_unit_left_in_the_middle_leaves_no_trace(tmp_path: Path) -> None:
    network = three(tmp_path)
    river = network.houses[RIVER]
    pact = propose(river)
    before = folded(river, pact).history.order
    for point in range(5):
        fragile(river, Fuse(point))
        with pytest.raises(Killed):
            agreements.sign(river.node, river.actor, pact)
        reopened(river)
        left = folded(river, pact).history.order
        assert left == before or RIVER in state(river, pact).signatures
        if left != before:
            break
    else:
        agreements.sign(river.node, river.actor, pact)
    network.settle()
    assert RIVER in state(network.houses[HARBOUR], pact).signatures
    assert Wish().to == ()


def test_a_share_of_many_batches_that_dies_in_one_is_finished_by_sharing_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches are stored behind the reading, in another thread: its death is this one's."""
    monkeypatch.setattr("allied.node.sharing.BATCH", 2)
    network, pact = allied(tmp_path)
    river = network.houses[RIVER]
    seven = [indicator(number) for number in range(1, 8)]
    fragile(river, Fuse(12))
    with pytest.raises(Killed):
        share(river, pact, *seven)
    reopened(river)
    before = len(held(river, pact))
    assert 0 < before < 7
    assert before % 2 == 0
    again = share(river, pact, *seven)
    assert (again.admitted, again.stored) == (7, 7 - before)
    assert len(held(river, pact)) == 7
