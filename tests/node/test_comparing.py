"""Partners that hold the same records say what they come to, and doctor tells where they differ."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from allied.agreement.fold import fold
from allied.agreement.sameness import state_digest
from allied.node import agreements, comparing, doctor, journal, messages
from allied.node.checkups import Examined
from allied.record.canonical import decode, encode
from allied.record.history import history
from allied.record.record import Record
from tests.agreement.bench_of_three import HARBOUR_P, table
from tests.node.hands import (
    DEMO,
    HARBOUR,
    NORTHGATE,
    RIVER,
    allied,
    folded,
)
from tests.node.network import House

OTHER = "ab" * 32


def states(house: House) -> list[Examined]:
    return [each for each in doctor.examine(house.node) if each.code == "states"]


def word(house: House, pact: str) -> str:
    found = folded(house, pact)
    return state_digest(found.history, found.state, {found.instrument.circles.all.id})


def seen(house: House, peer: House, pact: str) -> comparing.Compared | None:
    with house.node.store.read() as reading:
        agreement = folded(house, pact).row.id
        return comparing.compared(reading, house.organisation.id, peer.organisation.id, agreement)


def misjudged(answer: bytes) -> bytes:
    """The heads of a node that comes to something else."""
    said = decode(answer, limit=1 << 20)
    assert isinstance(said, dict)
    return encode({**said, "state": OTHER})


def test_partners_that_hold_the_same_come_to_the_same_and_say_so(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    network.settle()
    words = {word(house, pact) for house in network.houses.values()}
    assert len(words) == 1
    for house in network.houses.values():
        (found,) = states(house)
        others = sorted(set(network.houses) - {house.label})
        assert found.state == "ok"
        assert found.text == f"{words.copy().pop()[:12]}; the same at {', '.join(others)}"


def note(house: House, pact: str) -> None:
    """A harmless statement that all parties read."""
    with house.node.store.write() as writing:
        known = house.node.folds.of(writing, folded(house, pact).row.id)
        everybody = known.instrument.circles.all
        journal.append(
            house.node, writing, house.actor, known, everybody, "redaction.answer", {"blob": "00"}
        )


def test_where_a_partner_comes_to_something_else_doctor_says_so_until_it_does_not(
    tmp_path: Path,
) -> None:
    network, pact = allied(tmp_path)
    network.settle()
    river, harbour = network.houses[RIVER], network.houses[HARBOUR]
    network.spoil = {messages.HEADS: misjudged}
    network.cut_between(RIVER, NORTHGATE)
    before = word(river, pact)
    note(harbour, pact)
    river.sync()
    (found,) = states(river)
    assert found.state == "problem"
    assert "another one has come out at harbour since 2026-11-23" in found.text
    assert word(river, pact) != before  # what harbour said has its effect all the same
    network.heal()
    note(harbour, pact)
    network.settle()
    (found,) = states(river)
    assert found.state == "ok"


def test_before_both_hold_the_same_nothing_is_compared(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    network.settle()
    river, harbour = network.houses[RIVER], network.houses[HARBOUR]
    network.cut_between(RIVER, NORTHGATE)
    note(river, pact)  # which harbour does not have
    note(harbour, pact)
    network.spoil = {messages.HEADS: misjudged}
    river.sync()
    known = seen(river, harbour, pact)
    assert known is not None
    assert known.same
    network.spoil = {}
    harbour.sync()
    network.spoil = {messages.HEADS: misjudged}  # the twin: now it does
    note(harbour, pact)
    river.sync()
    known = seen(river, harbour, pact)
    assert known is not None
    assert not known.same


def test_a_state_is_told_to_who_may_read_all_and_to_nobody_else(tmp_path: Path) -> None:
    text = DEMO.replace(b"withdrawal: {notice: 90 days", b"withdrawal: {notice: immediately")
    network, pact = allied(tmp_path, text)
    network.settle()
    river, harbour = network.houses[RIVER], network.houses[HARBOUR]
    now = network.clock.now()
    assert comparing.state_for(folded(river, pact), harbour.organisation.id, now) == word(
        river, pact
    )
    agreements.withdraw(harbour.node, harbour.actor, pact)
    network.settle()
    network.advance(timedelta(hours=1))
    network.settle()
    now, held = network.clock.now(), folded(river, pact)
    assert comparing.state_for(held, harbour.organisation.id, now) == ""
    assert comparing.state_for(held, river.organisation.id, now) == word(river, pact)


def test_what_is_said_in_a_narrower_circle_is_not_in_the_state() -> None:
    seats = table()
    everybody = seats.pact.circles.all.id
    pair = seats.pact.circles.pair(*sorted(("river", "harbour")))  # type: ignore[arg-type]

    def come_to(*more: Record) -> str:
        past = history([*seats.records, *more])
        return state_digest(past, fold(seats.pact, past), {everybody})

    before = come_to()
    whispered = seats.pen(HARBOUR_P, pair).write("redaction.answer", {"blob": "00"}, seats.heads)
    assert come_to(whispered) == before
    seats.river.write("redaction.answer", {"blob": "00"})
    assert come_to(whispered) != before  # the twin


def test_a_verdict_that_is_another_is_another_state(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    network.settle()
    found = folded(network.houses[RIVER], pact)
    everybody = found.instrument.circles.all.id
    chain = next(each for each in found.state.lines if each.circle == everybody)
    lines = {**found.state.lines, chain: b"\0" * 32}
    changed = replace(found.state, lines=lines)
    assert state_digest(found.history, changed, {everybody}) != word(network.houses[RIVER], pact)
