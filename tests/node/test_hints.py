"""A hint names what is new: who holds it asks nothing, who does not asks for that alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from allied.node import messages, sync, visibility
from allied.node.messages import HELD, NOTHING, Head, HintQuestion, News
from allied.record.ids import AgreementId, RecordId
from tests.node.hands import DEMO, HARBOUR, NAMES, RIVER, allied, attack, folded, propose, three
from tests.node.network import House, Network


def newest(house: House, pact: str) -> Head:
    """The last record of all that a house holds, as a head."""
    record = folded(house, pact).history.order[-1]
    return Head(*record.header.chain, record.header.sequence, record.id)


def hinted(to: House, by: House, pact: str, *heads: Head) -> bytes:
    """What a house answers to a hint of another one at some heads."""
    known = folded(by, pact)
    rows = visibility.records_mark(known, to.organisation.id, by.node.clock.now())
    news = News(AgreementId(pact), rows, 0, tuple(sorted(heads)))
    question = HintQuestion((news,)).encode()
    return to.answers.answer(by.organisation.id, to.organisation.id, messages.HINT, question)


def verbs(network: Network, house: House) -> list[str]:
    """What a house has asked since this was last looked at."""
    found = [verb for by, _, verb in network.asked if by == house.organisation.id]
    network.asked.clear()
    return found


def pulled(house: House, other: House) -> None:
    """A house asks another one that has hinted."""
    sync.ask_all(house.node, house.keys, only=other.organisation.id, hinted=True)


def test_who_holds_what_is_named_says_so_and_need_not_ask(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    attack(river, pact)
    said = newest(river, pact)
    assert hinted(harbour, river, pact, said) == NOTHING  # which does not hold it yet
    assert harbour.hints == [river.organisation.id]
    harbour.hints.clear()
    pulled(harbour, river)
    assert hinted(harbour, river, pact, said) == HELD
    assert not harbour.hints
    other = said._replace(id=RecordId("0" * 64))
    assert hinted(harbour, river, pact, other) == NOTHING
    assert hinted(harbour, river, pact, said, other) == NOTHING
    assert hinted(harbour, river, pact) == NOTHING  # it is for something else


def test_a_hint_does_not_tell_what_is_held_to_who_may_not_know(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)  # in which northgate observes, and has no vote
    river, harbour, northgate = network.houses.values()
    attack(river, pact)
    pulled(harbour, river)
    said = newest(river, pact)
    assert said.circle == folded(river, pact).instrument.circles.voters.id
    assert hinted(harbour, northgate, pact, said) == NOTHING
    assert hinted(harbour, river, pact, said) == HELD  # the twin


def test_who_is_no_party_is_answered_as_if_there_were_no_agreement(tmp_path: Path) -> None:
    network = Network(tmp_path)
    for label, name in {**NAMES, "stranger": "Nobody in particular"}.items():
        network.found(label, name)
    network.introduce_all()
    stranger = network.houses.pop("stranger")
    pact = network.sign_all(DEMO, RIVER)
    harbour = network.houses[HARBOUR]
    said = newest(harbour, pact)

    def asked(agreement: str) -> bytes:
        news = News(AgreementId(agreement), 7, 0, (said,))
        question = HintQuestion((news,)).encode()
        mine = harbour.organisation.id
        return harbour.answers.answer(stranger.organisation.id, mine, messages.HINT, question)

    assert asked(pact) == asked("0" * 64) == NOTHING
    assert hinted(harbour, network.houses[RIVER], pact, said) == HELD  # the twin


def test_what_is_named_is_asked_for_at_once_and_whole(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    sync.tell(river.node, river.keys)
    attack(river, pact)
    network.asked.clear()
    sync.tell(river.node, river.keys)
    assert verbs(network, river) == [messages.HINT]
    pulled(harbour, river)
    assert verbs(network, harbour)[0] == messages.HEADS
    assert folded(harbour, pact).holds(newest(river, pact).id)
    pulled(harbour, river)  # nothing is named any more: as ever
    assert verbs(network, harbour)[0] == messages.AGREEMENTS


@pytest.mark.parametrize("question", [NOTHING, HintQuestion().encode()])
def test_who_is_named_nothing_asks_for_everything(tmp_path: Path, question: bytes) -> None:
    network, pact = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    attack(river, pact)
    assert hinted(harbour, river, pact, newest(river, pact)) == NOTHING
    ids = river.organisation.id, harbour.organisation.id
    assert harbour.answers.answer(*ids, messages.HINT, question) == NOTHING
    network.asked.clear()
    pulled(harbour, river)
    assert verbs(network, harbour)[0] == messages.AGREEMENTS
    assert folded(harbour, pact).holds(newest(river, pact).id)


def test_a_false_hint_is_no_more_than_a_question_in_vain(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, northgate = network.houses.values()
    said = newest(river, pact)._replace(id=RecordId("0" * 64))
    assert hinted(harbour, river, pact, said) == NOTHING
    before = folded(harbour, pact).history.order
    pulled(harbour, river)
    assert folded(harbour, pact).history.order == before
    with harbour.node.store.read() as reading:
        seen = reading.cursor(f"seen:{harbour.organisation.id}:{river.organisation.id}:{pact}")
    attack(river, pact)
    assert hinted(harbour, river, pact, newest(northgate, pact)) == HELD  # as if nothing were new
    harbour.sync()
    assert folded(harbour, pact).holds(newest(river, pact).id)
    with harbour.node.store.read() as reading:
        name = f"seen:{harbour.organisation.id}:{river.organisation.id}:{pact}"
        assert reading.cursor(name) != seen


def test_a_hint_at_an_agreement_that_is_new_brings_it(tmp_path: Path) -> None:
    network = three(tmp_path)
    river, harbour, _ = network.houses.values()
    pact = propose(river)
    sync.tell(river.node, river.keys)
    network.asked.clear()
    pulled(harbour, river)
    assert messages.AGREEMENTS not in verbs(network, harbour)
    assert folded(harbour, pact).holds(newest(river, pact).id)
