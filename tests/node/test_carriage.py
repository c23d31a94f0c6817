"""A file in place of the network: the same bytes, the same checks, the same ledger."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from allied.agreement.values import Tlp
from allied.errors import AlliedError
from allied.node import carriage, ledger, renewals
from allied.node.carriage import TakenIn, Written
from allied.node.rows import LedgerRow
from allied.record.ids import AgreementId
from tests.exchange.samples import indicator, malware, tlp
from tests.node.hands import (
    HARBOUR,
    NORTHGATE,
    OPEN,
    RIVER,
    allied,
    attack,
    held,
    share,
    state_digest,
)
from tests.node.network import House, Network
from tests.node.test_keys import another_continuation, rotate

GREEN = indicator(1, object_marking_refs=tlp(Tlp.GREEN))
AMBER = indicator(2, object_marking_refs=tlp(Tlp.AMBER))
RED = indicator(3, object_marking_refs=tlp(Tlp.RED))
CLEAR = indicator(4, object_marking_refs=tlp(Tlp.CLEAR))


def written(house: House, pact: str, to: str) -> tuple[bytes, Written]:
    out = io.BytesIO()
    made = carriage.write(house.node, house.organisation, house.keys, pact, to, out, sealed=False)
    assert made.size == len(out.getvalue())
    return out.getvalue(), made


def taken(house: House, raw: bytes) -> TakenIn:
    return carriage.take_in(house.node, house.keys, io.BytesIO(raw))


def refused(code: str, call: Callable[[], object]) -> None:
    with pytest.raises(AlliedError) as refusal:
        call()
    assert refusal.value.code == code


def trouble(house: House, raw: bytes) -> str:
    """What is wrong with a file, by its code; empty if nothing is."""
    try:
        return taken(house, raw).broken
    except AlliedError as refusal:
        return refusal.code


@pytest.fixture
def world(tmp_path: Path) -> tuple[Network, str]:
    """River has shared; no line reaches Harbour any more."""
    network, pact = allied(tmp_path, OPEN)
    network.settle()
    network.cut_between(RIVER, HARBOUR)
    share(network.houses[RIVER], pact, GREEN, AMBER, malware(9))
    return network, pact


def test_what_has_to_be_encrypted_stands_in_no_file_that_others_can_read(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    network.cut_between(RIVER, HARBOUR)
    share(river, pact, GREEN, AMBER, CLEAR)
    raw, made = written(river, pact, HARBOUR)
    assert (made.items, made.kept_back) == (1, 2)
    assert str(GREEN["id"]).encode() not in raw
    taken(harbour, raw)
    assert ids(harbour, pact) == {CLEAR["id"]}
    assert len(released(river, pact)) == 1
    out = io.BytesIO()
    sealed = carriage.write(river.node, river.organisation, river.keys, pact, HARBOUR, out)
    assert (sealed.items, sealed.kept_back) == (3, 0)
    taken(harbour, out.getvalue())
    assert ids(harbour, pact) == {CLEAR["id"], GREEN["id"], AMBER["id"]}


def test_what_a_readable_file_left_out_comes_over_the_line_that_works_again(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    network.cut_between(RIVER, HARBOUR)
    share(river, pact, GREEN, CLEAR)
    taken(harbour, written(river, pact, HARBOUR)[0])
    assert ids(harbour, pact) == {CLEAR["id"]}
    network.heal()
    network.settle()
    assert ids(harbour, pact) == {CLEAR["id"], GREEN["id"]}


def released(house: House, pact: str) -> list[LedgerRow]:
    with house.node.store.read() as reading:
        rows = reading.ledger(house.organisation.id, agreement=AgreementId(pact))
    return [each for each in rows if each.outcome == ledger.RELEASED]


def ids(house: House, pact: str) -> set[str]:
    return {each for each in held(house, pact) if not each.startswith("marking-definition")}


def test_who_has_shown_two_identities_gets_no_file_and_brings_none(
    world: tuple[Network, str],
) -> None:
    network, pact = world
    river, harbour, northgate = network.houses.values()
    raw, _ = written(river, pact, HARBOUR)
    whose = river.organisation.id
    with harbour.node.store.write() as writing:
        chain = writing.descriptors(whose)
        renewals.taken(writing, whose, [*chain, another_continuation(river)])
    rotate(river)
    with river.node.store.read() as reading:
        theirs = reading.descriptors(whose)
    with harbour.node.store.write() as writing:
        renewals.taken(writing, whose, theirs)
    for call in (lambda: written(harbour, pact, RIVER), lambda: taken(harbour, raw)):
        refused("peer.identity-forked", call)
    assert written(harbour, pact, NORTHGATE)[1].records  # the twins: somebody else,
    other, _ = written(river, pact, NORTHGATE)
    northgate.sync()
    assert taken(northgate, other).broken == ""  # and somebody who has seen one of them only


def test_a_file_brings_what_the_network_would_have_brought(world: tuple[Network, str]) -> None:
    network, pact = world
    river, harbour, northgate = network.houses.values()
    attack(river, pact)
    raw, made = written(river, pact, HARBOUR)
    assert made.items >= 3
    assert made.records > 0
    result = taken(harbour, raw)
    assert (result.sender, result.recipient, result.broken) == (RIVER, HARBOUR, "")
    assert ids(harbour, pact) == {GREEN["id"], AMBER["id"], malware(9)["id"]}
    assert result.outcome.items == made.items
    assert not result.outcome.refused
    network.heal()
    network.settle()
    assert state_digest(harbour, pact) == state_digest(river, pact)
    assert ids(northgate, pact) == {GREEN["id"]}


def test_the_bytes_and_statements_are_those_of_the_network(world: tuple[Network, str]) -> None:
    network, pact = world
    river, harbour, _ = network.houses.values()
    taken(harbour, written(river, pact, HARBOUR)[0])
    rows = []
    for house in (river, harbour):
        with house.node.store.read() as reading:
            (row,) = reading.items(
                AgreementId(pact), house.organisation.id, limit=1, item=str(AMBER["id"])
            )
            rows.append((row.digest, row.statement, reading.item_bytes([row])[row.digest]))
    assert rows[0] == rows[1]


def test_what_left_by_file_stands_in_the_ledger_and_comes_back_as_a_receipt(
    world: tuple[Network, str],
) -> None:
    network, pact = world
    river, harbour, _ = network.houses.values()
    raw, made = written(river, pact, HARBOUR)
    with river.node.store.read() as reading:
        rows = [
            row
            for row in reading.ledger(river.organisation.id)
            if row.outcome == ledger.RELEASED and row.via == "file"
        ]
        assert ledger.verify(reading, river.organisation.id)
    assert sum(row.count for row in rows) == made.items
    assert {row.recipient for row in rows} == {HARBOUR}
    taken(harbour, raw)
    returned, back = written(harbour, pact, RIVER)
    assert back.records > 0
    taken(river, returned)
    with river.node.store.read() as reading:
        folded = river.node.folds.of(reading, AgreementId(pact))
    receipts = [
        record for record in folded.state.statements if record.header.kind == "exchange.receipt"
    ]
    assert {record.body["root"] for record in receipts} == {row.proof for row in rows}


def test_nothing_that_may_not_be_released_is_in_a_file(world: tuple[Network, str]) -> None:
    network, pact = world
    river = network.houses[RIVER]
    share(river, pact, RED)
    for party in (HARBOUR, NORTHGATE):
        raw, _ = written(river, pact, party)
        assert str(RED["id"]).encode() not in raw
        assert (str(AMBER["id"]).encode() in raw) == (party == HARBOUR)
        assert str(GREEN["id"]).encode() in raw


def test_the_same_file_twice_changes_nothing(world: tuple[Network, str]) -> None:
    network, pact = world
    river, harbour, _ = network.houses.values()
    raw, _ = written(river, pact, HARBOUR)
    taken(harbour, raw)
    before = ids(harbour, pact), state_digest(harbour, pact)
    again = taken(harbour, raw)
    assert (again.outcome.items, again.outcome.records) == (0, 0)
    assert (ids(harbour, pact), state_digest(harbour, pact)) == before


def test_a_file_that_breaks_off_brings_its_beginning_and_the_whole_one_goes_on(
    world: tuple[Network, str],
) -> None:
    network, pact = world
    river, harbour, _ = network.houses.values()
    raw, _ = written(river, pact, HARBOUR)
    everything = {GREEN["id"], AMBER["id"], malware(9)["id"]}
    for end in range(len(carriage.MAGIC) + 1, len(raw), max(1, len(raw) // 12)):
        cut = raw[:end]
        assert trouble(harbour, cut) in ("carriage.cut-off", "carriage.not-in-file")
        assert ids(harbour, pact) <= everything
    whole = taken(harbour, raw)
    assert whole.broken == ""
    assert ids(harbour, pact) == everything


def test_a_changed_byte_is_noticed_wherever_it_is(world: tuple[Network, str]) -> None:
    network, pact = world
    river, harbour, _ = network.houses.values()
    raw, _ = written(river, pact, HARBOUR)
    for at in range(0, len(raw), max(1, len(raw) // 40)):
        bad = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        assert trouble(harbour, bad)
        assert ids(harbour, pact) <= {GREEN["id"], AMBER["id"], malware(9)["id"]}


def test_frames_that_are_left_out_or_moved_are_noticed(world: tuple[Network, str]) -> None:
    network, pact = world
    river, harbour, _ = network.houses.values()
    raw, made = written(river, pact, HARBOUR)
    frames = list(cut_up(raw))
    assert len(frames) == made.frames
    without = carriage.MAGIC + b"".join(frames[:2] + frames[3:])
    assert taken(harbour, without).broken == "carriage.other-bytes"
    short = carriage.MAGIC + b"".join(frames[:-1])
    assert taken(harbour, short).broken == "carriage.cut-off"
    assert taken(harbour, raw).broken == ""


def cut_up(raw: bytes) -> list[bytes]:
    frames = []
    at = len(carriage.MAGIC)
    while at < len(raw):
        start = at
        for _ in range(3):
            at += 4 + int.from_bytes(raw[at : at + 4], "big")
        frames.append(raw[start:at])
    return frames


def test_a_file_is_for_one_organisation(world: tuple[Network, str]) -> None:
    network, pact = world
    river, harbour, northgate = network.houses.values()
    raw, _ = written(river, pact, HARBOUR)
    refused("carriage.not-for-us", lambda: taken(northgate, raw))
    assert ids(northgate, pact) == set()
    assert taken(harbour, raw).outcome.items


def test_only_a_confirmed_peer_writes_and_gets_files(world: tuple[Network, str]) -> None:
    network, pact = world
    river, harbour, _ = network.houses.values()
    raw, _ = written(river, pact, HARBOUR)
    for house, other in ((harbour, river), (river, harbour)):
        with house.node.store.write() as writing:
            peer = writing.peer(other.organisation.id)
            assert peer is not None
            writing.put_peer(replace(peer, confirmed_at=None))
    refused("carriage.sender-unknown", lambda: taken(harbour, raw))
    refused("carriage.not-confirmed", lambda: written(river, pact, HARBOUR))


@pytest.mark.parametrize("to", ["haulier", RIVER, ""])
def test_a_file_is_for_another_party_of_the_agreement(world: tuple[Network, str], to: str) -> None:
    network, pact = world
    refused("carriage.no-such-party", lambda: written(network.houses[RIVER], pact, to))


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"allied-file/2\n", id="another format"),
        pytest.param(b"PK\x03\x04" + b"\x00" * 100, id="another file"),
    ],
)
def test_what_is_no_such_file_is_refused(world: tuple[Network, str], raw: bytes) -> None:
    refused("carriage.form", lambda: taken(world[0].houses[HARBOUR], raw))


def test_an_old_file_does_not_make_old_knowledge_fresh(world: tuple[Network, str]) -> None:
    """Who is a party is confirmed as of the day the file was written, not of its reading."""
    network, pact = world
    river, harbour, _ = network.houses.values()
    raw, _ = written(river, pact, HARBOUR)
    network.advance(timedelta(days=40))
    taken(harbour, raw)
    share(harbour, pact, indicator(7, object_marking_refs=tlp(Tlp.AMBER)))
    late, _ = written(harbour, pact, RIVER)
    assert str(indicator(7)["id"]).encode() not in late
    taken(harbour, written(river, pact, HARBOUR)[0])
    assert str(indicator(7)["id"]).encode() in written(harbour, pact, RIVER)[0]
