"""Records that come along with heads are those that the caller would be given if it asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from allied.node import along, messages
from allied.node.along import HeadsAnswer
from allied.node.messages import Heads, RecordsQuestion, Span
from allied.record.ids import AgreementId
from tests.node.hands import HARBOUR, NORTHGATE, allied, attack, folded
from tests.node.network import House, Network
from tests.node.test_comparing import note
from tests.node.test_leaving import leaves, started
from tests.node.test_outlined import story as late


def heads_for(by: House, to: House, pact: str, *, wanted: int) -> bytes:
    """What a house that shows nothing of its own is answered about heads."""
    question = Heads(AgreementId(pact), (), along=wanted).encode()
    return by.answers.answer(to.organisation.id, by.organisation.id, messages.HEADS, question)


def asked_for(by: House, to: House, pact: str, heads: Heads) -> bytes:
    """The page of all records up to some heads, asked for by itself."""
    spans = tuple(sorted(Span(*head[:3], 1, head.sequence) for head in heads.heads))
    question = RecordsQuestion(AgreementId(pact), spans).encode()
    return by.answers.answer(to.organisation.id, by.organisation.id, messages.RECORDS, question)


def observed(root: Path) -> tuple[Network, str]:
    """An agreement under which northgate has no vote, and an attack told to the voters."""
    network, pact = allied(root)
    attack(network.houses[HARBOUR], pact)
    return network, pact


def left(root: Path) -> tuple[Network, str]:
    """One from which northgate has gone, and what was said later."""
    network, pact = started(root)
    leaves(network, pact)
    attack(network.houses[HARBOUR], pact, "after-it-left")
    network.settle()
    return network, pact


def joined_late(root: Path) -> tuple[Network, str]:
    """One that northgate joined late, so that it has outlines of what came before."""
    network, pact, *_ = late(root)
    return network, pact


@pytest.mark.parametrize("begin", [observed, left, joined_late])
def test_what_comes_along_is_what_is_given_to_who_asks_for_it(
    tmp_path: Path, begin: Callable[[Path], tuple[Network, str]]
) -> None:
    network, pact = begin(tmp_path)
    everything = {each.raw for each in folded(network.houses[HARBOUR], pact).history.order}
    for other in network.houses.values():
        if other.label == HARBOUR:
            continue
        raw = heads_for(network.houses[HARBOUR], other, pact, wanted=messages.MAX_ALONG)
        said, page = along.parted(raw)
        assert page == asked_for(network.houses[HARBOUR], other, pact, Heads.decode(said))
        records = HeadsAnswer.decode(raw).records
        assert records is not None
        if other.label == NORTHGATE:
            assert set(records.records) != everything
            assert said == heads_for(network.houses[HARBOUR], other, pact, wanted=0)


def test_all_comes_along_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network, pact = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    whole = heads_for(river, harbour, pact, wanted=messages.MAX_ALONG)
    said, page = along.parted(whole)
    assert page is not None
    assert heads_for(river, harbour, pact, wanted=len(page)) == whole
    assert heads_for(river, harbour, pact, wanted=len(page) - 1) == said
    assert heads_for(river, harbour, pact, wanted=1) == said
    number = len(HeadsAnswer.decode(whole).records.records)  # type: ignore[union-attr]
    monkeypatch.setattr(along, "MOST_RECORDS", number)
    assert heads_for(river, harbour, pact, wanted=messages.MAX_ALONG) == whole
    monkeypatch.setattr(along, "MOST_RECORDS", number - 1)
    assert heads_for(river, harbour, pact, wanted=messages.MAX_ALONG) == said


@pytest.mark.parametrize(
    ("room", "verbs"),
    [
        pytest.param(along.WANTED, [messages.HEADS], id="it fits"),
        pytest.param(10, [messages.HEADS, messages.RECORDS], id="it does not fit"),
    ],
)
def test_a_record_that_is_new_takes_one_question_where_it_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int, verbs: list[str]
) -> None:
    monkeypatch.setattr(along, "WANTED", room)
    network, pact = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    network.settle()
    note(river, pact)
    network.asked.clear()
    harbour.sync()
    asked = [
        verb
        for by, to, verb in network.asked
        if (by, to) == (harbour.organisation.id, river.organisation.id)
    ]
    assert asked == [messages.AGREEMENTS, *verbs]
    assert folded(harbour, pact).holds(folded(river, pact).history.order[-1].id)


def test_what_comes_along_and_does_not_hold_is_not_asked_for_at_once(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    network.settle()
    note(river, pact)
    said = folded(river, pact).history.order[-1]
    network.cut_between(HARBOUR, NORTHGATE)
    network.spoil = {messages.RECORDS: lambda page: page.replace(said.raw, b" " * len(said.raw))}
    network.asked.clear()
    assert [len(each.refused) for each in harbour.sync() if not each.problem] == [1]
    assert messages.RECORDS not in {verb for *_, verb in network.asked}
    assert not folded(harbour, pact).holds(said.id)
    network.heal()
    harbour.sync()
    assert folded(harbour, pact).holds(said.id)
