"""A party that cannot be reached gets through a relay what it may have, and nobody reads it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from allied.errors import AlliedError, RefusedError, UnverifiedError
from allied.node import carriage, ledger, messages, parcels, relaying, sealing
from allied.node.answers import Answers
from allied.node.messages import FetchAnswer, FetchQuestion, LeaveQuestion
from allied.record.canonical import digest
from allied.record.ids import Digest, OrganisationId
from tests.exchange.samples import indicator
from tests.node.hands import HARBOUR, NORTHGATE, RIVER, held, share, three
from tests.node.network import FINE, House, Network
from tests.node.test_release import NOW

NAME = str(indicator(1)["id"])


def refused(code: str, call: Callable[[], object]) -> None:
    with pytest.raises(AlliedError) as refusal:
        call()
    assert refusal.value.code == code


@pytest.fixture
def world(tmp_path: Path) -> tuple[Network, str]:
    """River and Harbour reach Northgate, which is a relay, and each other no more."""
    network = three(tmp_path)
    pact = network.sign_all(NOW, RIVER)
    network.cut_between(RIVER, HARBOUR)
    share(network.houses[RIVER], pact, indicator(1))
    relaying.serve(network.houses[NORTHGATE].node, open_=True)
    return network, pact


def leave(house: House, pact: str, to: str = HARBOUR, relay: str = NORTHGATE) -> int:
    return parcels.leave(house.node, house.keys, house.organisation, relay, pact, to)


def fetch(house: House, relay: str = NORTHGATE) -> list[str]:
    found = parcels.fetch(house.node, house.keys, house.organisation, relay)
    return [each.problem for each in found]


def lies(network: Network) -> list[tuple[str, str, int]]:
    labels = {house.organisation.id: label for label, house in network.houses.items()}
    found = relaying.list_parcels(network.houses[NORTHGATE].node)
    return [(labels[each.sender], labels[each.recipient], each.size) for each in found]


def asked(relay: House, caller: House, verb: str, question: bytes) -> bytes:
    answers = Answers(relay.node, relay.keys, lambda _: None)
    return answers.answer(caller.organisation.id, relay.organisation.id, verb, question)


def parcel(house: House, to: House, text: bytes = b"text") -> bytes:
    """Sealed bytes that are no file."""
    out = io.BytesIO()
    with house.node.store.read() as reading:
        key = sealing.key_of(reading, to.organisation.id)
    around = sealing.Sealing(house.keys, key, to.organisation.id, bytes(16), out)
    around.write(text)
    around.finish()
    return out.getvalue()


def put(relay: House, by: House, raw: bytes, slot: str = "a") -> None:
    asked(relay, by, messages.LEAVE, LeaveQuestion(Digest(digest(slot.encode())), raw).encode())


def test_it_comes_through_the_relay_unread(world: tuple[Network, str]) -> None:
    network, pact = world
    river, harbour, northgate = network.houses.values()
    size = leave(river, pact)
    assert lies(network) == [(RIVER, HARBOUR, size)]
    with northgate.node.store.read() as reading:
        raw = reading.parcel(reading.parcels()[0].place)
    assert raw is not None
    for word in (NAME, pact, river.organisation.id):
        assert word.encode() not in raw
    refused(
        "carriage.not-for-us",
        lambda: carriage.take_in(northgate.node, northgate.keys, io.BytesIO(raw)),
    )
    assert NAME not in held(harbour, pact)
    assert fetch(harbour) == [""]
    assert NAME in held(harbour, pact)
    assert lies(network) == []
    assert fetch(harbour) == []
    with river.node.store.read() as reading:
        rows = reading.ledger(river.organisation.id)
    assert (HARBOUR, "file") in {
        (each.recipient, each.via) for each in rows if each.outcome == ledger.RELEASED
    }


def test_by_itself_while_the_partner_does_not_answer(world: tuple[Network, str]) -> None:
    network, pact = world
    river, harbour, _ = network.houses.values()
    parcels.set_way(river.node, NORTHGATE, HARBOUR, on=True)
    parcels.set_way(harbour.node, NORTHGATE, "", on=True)
    assert [(each.relay, each.peer) for each in parcels.ways(river.node)] == [(NORTHGATE, HARBOUR)]
    assert parcels.go_round(river.node, river.keys) == 0  # nobody has missed Harbour yet
    river.sync()
    assert parcels.go_round(river.node, river.keys) == 1
    assert parcels.go_round(river.node, river.keys) == 0  # nothing new since
    assert parcels.go_round(harbour.node, harbour.keys) == 1
    assert NAME in held(harbour, pact)
    share(river, pact, indicator(2))
    assert parcels.go_round(river.node, river.keys) == 1
    parcels.set_way(river.node, NORTHGATE, HARBOUR, on=False)
    share(river, pact, indicator(3))
    assert parcels.go_round(river.node, river.keys) == 0


def test_what_a_relay_has_lost_is_left_again_after_a_week(world: tuple[Network, str]) -> None:
    network, _ = world
    river, harbour, northgate = network.houses.values()
    parcels.set_way(river.node, NORTHGATE, HARBOUR, on=True)
    river.sync()
    network.advance(timedelta(days=2))  # what was known of Harbour is too old for items now
    assert parcels.go_round(river.node, river.keys) == 1
    with northgate.node.store.write() as writing:
        writing.drop_parcels(each.place for each in writing.parcels())
    network.advance(relaying.DAYS / 2 - timedelta(seconds=1))
    assert parcels.go_round(river.node, river.keys) == 0
    network.advance(timedelta(seconds=1))
    assert parcels.go_round(river.node, river.keys) == 1
    assert parcels.go_round(river.node, river.keys) == 0
    assert fetch(harbour) == [""]
    network.advance(timedelta(days=-30))  # the clock was ahead, and is set right
    assert parcels.go_round(river.node, river.keys) == 1


class Lies:
    """Lines that are as they are, but for one peer whose answers never verify."""

    def __init__(self, lines: Any, of: House) -> None:
        self._lines, self._of = lines, of

    def ask(self, speaker: Any, listener: Any, *rest: Any, **more: Any) -> bytes:
        if listener.organisation == self._of.organisation.id:
            raise UnverifiedError("peer.bad-signature", "that is not its signature")
        return bytes(self._lines.ask(speaker, listener, *rest, **more))


def test_a_relay_that_lies_stands_before_no_other(world: tuple[Network, str]) -> None:
    network, pact = world
    river, harbour, _ = network.houses.values()
    liar = network.found("abc", "Another relay")
    network.introduce_all()
    for relay in ("abc", NORTHGATE):
        parcels.set_way(harbour.node, relay, "", on=True)
    lines = Lies(harbour.node.peers, liar)
    harbour.node = replace(harbour.node, peers=lines)  # type: ignore[arg-type]
    leave(river, pact)
    assert parcels.go_round(harbour.node, harbour.keys) == 1
    assert NAME in held(harbour, pact)


def test_a_relay_that_takes_its_time_is_left_and_asked_again_later(
    world: tuple[Network, str],
) -> None:
    network, _ = world
    river, harbour, northgate = network.houses.values()
    for number in range(12):
        put(northgate, river, parcel(river, harbour), f"{number}")

    def slowly(verb: str) -> str:
        network.advance(timedelta(seconds=29 if verb == messages.FETCH else 0))
        return FINE

    network.weather = slowly
    assert len(fetch(harbour)) == 5
    left = len(lies(network))
    assert left <= 8
    assert len(fetch(harbour)) == 5, "what came before is not given again"
    network.heal()
    fetch(harbour)
    assert lies(network) == []


def test_a_parcel_that_breaks_us_stands_before_no_other(
    world: tuple[Network, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    network, pact = world
    river, harbour, northgate = network.houses.values()
    put(northgate, river, parcel(river, harbour, b"breaks"))
    leave(river, pact)
    taken_in = carriage.take_in

    def breaking(*given: Any) -> Any:
        if len(given[2].getvalue()) < 1_000:
            raise ZeroDivisionError
        return taken_in(*given)

    monkeypatch.setattr(carriage, "take_in", breaking)
    assert fetch(harbour) == ["sync.internal", ""]
    assert NAME in held(harbour, pact)


def test_a_newer_parcel_takes_the_place_of_an_older(world: tuple[Network, str]) -> None:
    network, pact = world
    river = network.houses[RIVER]
    leave(river, pact)
    share(river, pact, indicator(2))
    size = leave(river, pact)
    assert lies(network) == [(RIVER, HARBOUR, size)]


@pytest.mark.parametrize(
    ("to", "relay", "code"),
    [
        pytest.param(HARBOUR, "nobody", "peer.unknown", id="no such relay"),
        pytest.param("nobody", NORTHGATE, "carriage.no-such-party", id="no such party"),
        pytest.param(NORTHGATE, NORTHGATE, "relay.itself", id="to the relay itself"),
    ],
)
def test_what_is_not_left(world: tuple[Network, str], to: str, relay: str, code: str) -> None:
    network, pact = world
    river = network.houses[RIVER]
    refused(code, lambda: leave(river, pact, to, relay))
    leave(river, pact)  # the twin


def test_a_node_is_no_relay_until_it_says_so(world: tuple[Network, str]) -> None:
    network, pact = world
    river, harbour, northgate = network.houses.values()
    relaying.serve(northgate.node, open_=False)
    refused("relay.closed", lambda: leave(river, pact))
    assert fetch(harbour) == []


class Says:
    """A line over which every question is refused, as the wire tells it: by a code."""

    def __init__(self, code: str) -> None:
        self._code = code

    def ask(self, *_: object, **__: object) -> bytes:
        raise RefusedError("peer.says", "it refused the question", facts={"code": self._code})


@pytest.mark.parametrize(
    ("code", "told"),
    [
        pytest.param("relay.closed", "relay.closed", id="it is no relay"),
        pytest.param("relay.full", "relay.full", id="it is full"),
        pytest.param("something.else", "peer.says", id="something else"),
    ],
)
def test_what_a_relay_refuses_over_the_wire_is_told_to_people(
    world: tuple[Network, str], code: str, told: str
) -> None:
    network, pact = world
    river = network.houses[RIVER]
    river.node = replace(river.node, peers=Says(code))  # type: ignore[arg-type]
    refused(told, lambda: leave(river, pact))


def test_a_parcel_is_dropped_after_two_weeks(world: tuple[Network, str]) -> None:
    network, pact = world
    river, harbour, northgate = network.houses.values()
    leave(river, pact)
    network.advance(relaying.DAYS - timedelta(seconds=1))
    assert len(lies(network)) == 1
    assert relaying.sweep(northgate.node) == 0
    network.advance(timedelta(seconds=1))
    assert lies(network) == []
    assert fetch(harbour) == []
    assert relaying.sweep(northgate.node) == 1


def test_what_a_relay_holds_is_bounded_and_the_oldest_goes_first(
    world: tuple[Network, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    network, _ = world
    river, harbour, northgate = network.houses.values()
    one = len(parcel(river, harbour))
    monkeypatch.setattr(relaying, "BYTES", 3 * one)
    for number in range(5):
        put(northgate, river, parcel(river, harbour), f"{number}")
    assert len(lies(network)) == 3
    monkeypatch.setattr(relaying, "PARCELS", 2)
    put(northgate, river, parcel(river, harbour), "another")
    assert len(lies(network)) == 2
    monkeypatch.setattr(relaying, "ALL_BYTES", 2 * one)
    refused("relay.full", lambda: put(northgate, river, parcel(river, harbour), "more"))


def test_what_one_sender_leaves_pushes_out_nothing_of_another(
    world: tuple[Network, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    network, pact = world
    river, harbour, northgate = network.houses.values()
    other = network.found("quay", "Quay Ltd")
    size = leave(river, pact)
    monkeypatch.setattr(relaying, "PARCELS", 3)
    for number in range(5):
        put(northgate, other, parcel(river, harbour), f"{number}")
    found = relaying.list_parcels(northgate.node)
    assert [each.size for each in found if each.sender == river.organisation.id] == [size]
    assert len(found) == 4
    for number in range(3):
        put(northgate, river, parcel(river, harbour), f"{number}")  # the twin: its own oldest goes
    assert size not in [each.size for each in relaying.list_parcels(northgate.node)]


def test_the_relay_says_the_same_whether_it_knows_the_recipient_or_not(
    world: tuple[Network, str],
) -> None:
    network, _ = world
    river, harbour, northgate = network.houses.values()
    raw = parcel(river, harbour)
    stranger = raw.replace(harbour.organisation.id.encode(), b"f" * 64)
    put(northgate, river, stranger)
    assert lies(network) == []
    put(northgate, river, raw)
    assert len(lies(network)) == 1


def test_only_the_recipient_is_given_a_parcel_and_only_it_can_drop_it(
    world: tuple[Network, str],
) -> None:
    network, pact = world
    river, harbour, northgate = network.houses.values()
    leave(river, pact)
    with northgate.node.store.read() as reading:
        (row,) = reading.parcels()
    thief = FetchQuestion(0, (row.place,)).encode()
    assert FetchAnswer.decode(asked(northgate, river, messages.FETCH, thief)).place == 0
    given = asked(northgate, harbour, messages.FETCH, FetchQuestion().encode())
    assert FetchAnswer.decode(given).place == row.place


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param(b"in the clear", "relay.not-sealed", id="in the clear"),
        pytest.param(sealing.MAGIC, "sealing.form", id="nothing behind the beginning"),
        pytest.param(sealing.MAGIC + b"\xff" * 90, "sealing.form", id="no head"),
    ],
)
def test_what_is_not_sealed_is_not_carried(
    world: tuple[Network, str], text: bytes, code: str
) -> None:
    network, _ = world
    river, _, northgate = network.houses.values()
    refused(code, lambda: put(northgate, river, text))


def test_a_parcel_that_never_holds_is_dropped_and_others_come(world: tuple[Network, str]) -> None:
    network, pact = world
    river, harbour, northgate = network.houses.values()
    put(northgate, river, parcel(river, harbour, b"no file"), "broken")
    leave(river, pact)
    assert fetch(harbour) == ["carriage.form", ""]
    assert NAME in held(harbour, pact)
    assert lies(network) == []


@pytest.mark.parametrize(
    "raw", [b"", b"0" * 64 + b"x", b"1" + b"0" * 62, b"0" * 63 + b"1", b"x" * 64 + b"raw"]
)
def test_an_answer_that_is_no_parcel_is_refused(raw: bytes) -> None:
    assert FetchAnswer.decode(FetchAnswer(7, b"raw").encode()) == FetchAnswer(7, b"raw")
    refused("message.shape", lambda: FetchAnswer.decode(raw))


def test_who_is_no_peer_of_the_relay_is_a_stranger_to_it(world: tuple[Network, str]) -> None:
    network, _ = world
    northgate = network.houses[NORTHGATE]
    assert northgate.answers.listener_keys(OrganisationId("e" * 64)) is None
