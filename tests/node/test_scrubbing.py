"""Bytes that a disk has spoilt are found in time, withheld, and asked for again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from allied.agreement.values import Tlp
from allied.node import doctor, items, release, scrubbing
from allied.node.messages import ItemsQuestion
from allied.node.pages import ItemsAnswer
from allied.record.ids import AgreementId
from tests.exchange.samples import indicator, tlp
from tests.node.hands import DEMO, HARBOUR, RIVER, allied, held, run_sql, share
from tests.node.network import House, Network

GREEN = {"object_marking_refs": tlp(Tlp.GREEN)}
ITEMS = [indicator(number, **GREEN) for number in range(1, 6)]
NAMES = [str(each["id"]) for each in ITEMS]


def shared(tmp_path: Path) -> tuple[Network, str]:
    network, pact = allied(tmp_path, DEMO)
    share(network.houses[RIVER], pact, *ITEMS)
    network.settle()
    return network, pact


def spoil(house: House, name: str) -> None:
    """Turn one byte of an item's bytes in the database file."""
    run_sql(
        house,
        "UPDATE bodies SET raw = CAST(replace(CAST(raw AS TEXT), 'example', 'exbmple') AS BLOB)"
        " WHERE id IN (SELECT body FROM items WHERE id = :name)",
        name=name,
    )


def sent(holder: House, caller: House, pact: str) -> set[str]:
    question = ItemsQuestion(AgreementId(pact))
    raw = release.page(holder.node, caller.organisation.id, holder.organisation.id, question)
    return {each.id for each in ItemsAnswer.decode(raw).items}


def said(house: House) -> str:
    """What `allied doctor` says of the bytes."""
    found = doctor.examine(house.node, free_bytes=1 << 40)
    return next(each.state for each in found if each.check == f"bytes of {house.label}")


def later(network: Network) -> None:
    """A day passes, so that everything is looked at again."""
    network.advance(scrubbing.EVERY)


def test_what_was_spoilt_goes_out_no_more(tmp_path: Path) -> None:
    network, pact = shared(tmp_path)
    river, harbour, _ = network.houses.values()
    later(network)
    spoil(river, NAMES[2])
    assert scrubbing.scrub(river.node) == 1
    assert NAMES[2] not in sent(river, harbour, pact)
    assert sent(river, harbour, pact) >= {NAMES[0], NAMES[4]}  # the twins that hold
    with river.node.store.read() as reading:
        assert scrubbing.spoilt(reading, river.organisation.id) == 1
        (row,) = (
            each for each in reading.ledger(river.organisation.id) if each.code == scrubbing.CODE
        )
    assert (row.recipient, row.outcome, row.via) == (RIVER, "ended", "scrub")
    assert said(river) == "problem"
    share(river, pact, ITEMS[2])  # from its source
    assert said(river) == "ok"
    assert NAMES[2] in sent(river, harbour, pact)
    with river.node.store.read() as reading:
        assert scrubbing.spoilt(reading, river.organisation.id) == 0


def test_what_others_shared_is_fetched_again(tmp_path: Path) -> None:
    network, pact = shared(tmp_path)
    harbour = network.houses[HARBOUR]
    before = items.show(harbour.node, harbour.organisation, NAMES[1]).raw
    later(network)
    network.settle()
    spoil(harbour, NAMES[1])
    later(network)
    network.settle()  # each round looks, and then asks again
    network.settle()
    assert set(NAMES) <= set(held(harbour, pact))
    assert items.show(harbour.node, harbour.organisation, NAMES[1]).raw == before
    with harbour.node.store.read() as reading:
        assert scrubbing.spoilt(reading, harbour.organisation.id) == 0


def test_a_sound_store_loses_nothing(tmp_path: Path) -> None:
    network, pact = shared(tmp_path)
    for house in network.houses.values():
        later(network)
        assert scrubbing.scrub(house.node) == 0
    assert set(NAMES) <= set(held(network.houses[RIVER], pact))


@pytest.mark.parametrize(
    ("limit", "rounds"),
    [
        pytest.param({"ITEMS": 2}, 4, id="so many items a round"),
        pytest.param({"BYTES": 400}, 7, id="so many bytes a round, and one at least"),
    ],
)
def test_a_round_looks_at_a_little_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: dict[str, int], rounds: int
) -> None:
    network, _ = shared(tmp_path)
    river = network.houses[RIVER]
    later(network)
    for name, value in limit.items():
        monkeypatch.setattr(scrubbing, name, value)
    spoil(river, NAMES[4])
    found = [scrubbing.scrub(river.node) for _ in range(rounds)]
    assert sum(found) == 1
    assert found[0] == 0


def test_once_a_day_is_enough(tmp_path: Path) -> None:
    network, _ = shared(tmp_path)
    river = network.houses[RIVER]
    later(network)
    while _place(river):
        scrubbing.scrub(river.node)
    scrubbing.scrub(river.node)
    while _place(river):
        scrubbing.scrub(river.node)
    spoil(river, NAMES[0])
    network.advance(scrubbing.EVERY - timedelta(seconds=1))
    assert scrubbing.scrub(river.node) == 0
    network.advance(timedelta(seconds=1))
    assert scrubbing.scrub(river.node) == 1


def _place(house: House) -> str:
    """How far the present pass is; empty for one that is done."""
    with house.node.store.read() as reading:
        (row,) = reading.agreements()
        return reading.cursor(f"scrub:{house.organisation.id}:{row.id}").partition(" ")[2]
