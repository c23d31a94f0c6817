"""What nobody has is not asked for for ever, and stands in the way of nothing else."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from allied.node import agreements, blobs, journal, messages, pages
from allied.node.pages import BlobsPage
from allied.record.canonical import Json
from allied.record.ids import AgreementId
from tests.node.hands import HARBOUR, NORTHGATE, allied, crafted, slip_in
from tests.node.network import House, Network


def names_nothing(house: House, pact: str, number: int) -> None:
    """A record that names a blob which is nowhere."""
    body: dict[str, Json] = {"gone": {"blob": f"{number:064x}", "size": 5}}
    slip_in(house, crafted(house, pact, "redaction.answer", body))


def wanted(house: House, pact: str) -> list[str]:
    with house.node.store.read() as reading:
        return [each.blob for each in reading.wanted_after(AgreementId(pact), 0, 99)]


def asked(network: Network, asker: House) -> int:
    """How many questions for blobs a house has asked since this was asked last."""
    mine = [
        verb for who, _, verb in network.asked if (who, verb) == (asker.organisation.id, "blobs")
    ]
    network.asked.clear()
    return len(mine)


def test_what_nobody_has_is_asked_for_ever_more_rarely_and_then_no_more(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    harbour, northgate = network.houses[HARBOUR], network.houses[NORTHGATE]
    names_nothing(northgate, pact, 1)
    network.settle()
    asked(network, harbour)
    harbour.sync()
    assert asked(network, harbour) == 0
    pauses = []
    for _ in range(40):
        for hours in range(1, 30):
            network.advance(timedelta(hours=1))
            harbour.sync()
            if asked(network, harbour):
                pauses.append(hours)
                break
        else:
            break
    assert sorted(pauses) == pauses
    assert pauses[-1] == 24
    assert len(pauses) < blobs.MOST_PASSES
    network.advance(timedelta(days=99))
    harbour.sync()
    assert asked(network, harbour) == 0
    # The twin: what is named now is asked for at once, and comes.
    agreements.withdraw(northgate.node, northgate.actor, pact, "a reason beside the record")
    harbour.sync()
    assert asked(network, harbour) >= 1
    assert wanted(harbour, pact) == [f"{1:064x}"]


def test_an_idle_exchange_stays_one_question_although_something_is_nowhere(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    harbour = network.houses[HARBOUR]
    names_nothing(network.houses[NORTHGATE], pact, 1)
    network.settle(4)
    network.asked.clear()
    harbour.sync()
    assert [verb for *_, verb in network.asked] == [messages.AGREEMENTS] * 2


@pytest.mark.parametrize(
    "ahead",
    [
        pytest.param(timedelta(), id="right clocks"),
        pytest.param(timedelta(days=60), id="clocks that were ahead when it was asked for"),
    ],
)
def test_a_peer_that_gets_it_later_is_asked_again(ahead: timedelta, tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, northgate = network.houses.values()
    now = network.clock.now()
    network.advance(ahead)
    network.cut_between(HARBOUR, NORTHGATE)
    agreements.withdraw(northgate.node, northgate.actor, pact, "a reason beside the record")
    network.spoil = {messages.BLOBS: BlobsPage().encode()}  # the texts are held back
    for house in (river, harbour, river, harbour):
        house.sync()
    assert wanted(river, pact) == wanted(harbour, pact) != []
    network.spoil = {}
    network.clock.set(now)
    network.advance(timedelta(minutes=5))
    river.sync()
    assert wanted(river, pact) == []
    network.advance(timedelta(minutes=5))
    harbour.sync()
    assert wanted(harbour, pact) == []


def test_many_that_are_nowhere_do_not_stand_before_one_that_is_somewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs, "AT_ONCE", 4)
    network, pact = allied(tmp_path)
    harbour, northgate = network.houses[HARBOUR], network.houses[NORTHGATE]
    for number in range(1, 12):
        names_nothing(northgate, pact, number)
    agreements.withdraw(northgate.node, northgate.actor, pact, "the last of all")
    real = 12
    harbour.sync()
    assert len(wanted(harbour, pact)) == real
    for _ in range(3):  # four at a time, whatever else
        harbour.sync()
    assert len(wanted(harbour, pact)) == real - 1


@pytest.mark.parametrize("fits", [1, 2, 3])
def test_what_does_not_fit_on_a_page_comes_with_the_next_question(
    tmp_path: Path, fits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MAX_BLOBS", fits)
    network, pact = allied(tmp_path)
    harbour, northgate = network.houses[HARBOUR], network.houses[NORTHGATE]
    with northgate.node.store.write() as writing:
        found = northgate.node.folds.of(writing, AgreementId(pact))
        texts: dict[str, Json] = {
            f"text {number}": journal.keep_blob(
                northgate.node, writing, found, found.instrument.circles.all, b"x%d" % number
            )
            for number in range(5)
        }
        journal.append(
            northgate.node, writing, northgate.actor, found, found.instrument.circles.all,
            "redaction.answer", texts,
        )  # fmt: skip
    harbour.sync()
    assert wanted(harbour, pact) == []
