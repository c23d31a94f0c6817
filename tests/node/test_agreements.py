"""Proposing, signing, ratifying and leaving on real nodes; each refusal beside its twin."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from allied.errors import AlliedError
from allied.node import agreements, journal, organisations, peers
from allied.node.node import Actor
from allied.record.ids import PartyId
from tests.node.hands import (
    DEMO,
    HARBOUR,
    NORTHGATE,
    RIVER,
    allied,
    propose,
    record_of,
    state,
    three,
)
from tests.node.network import PASSPHRASE, House, Network

RATIFIED = DEMO.replace(b"in_force_when: all signed", b"in_force_when: all ratified")
NO_EXIT = DEMO.replace(b"withdrawal:", b"history: all #")
LATER = DEMO.replace(
    b"withdrawal: {notice: 90 days", b"withdrawal: {not_before: 1 year, notice: 90 days"
)
NOW = DEMO.replace(b"withdrawal: {notice: 90 days", b"withdrawal: {notice: immediately")


def refused(code: str, call: Callable[[], object]) -> None:
    with pytest.raises(AlliedError) as refusal:
        call()
    assert refusal.value.code == code


def records(house: House, agreement: str) -> int:
    return agreements.show(house.node, agreement).records


def test_a_pact_from_proposal_to_in_force(tmp_path: Path) -> None:
    network = three(tmp_path)
    river, harbour, northgate = network.houses.values()
    pact = propose(river)
    assert agreements.show(river.node, pact).state == "proposed"
    assert agreements.show(river.node, pact).awaited == (RIVER, HARBOUR, NORTHGATE)
    for house in (river, harbour, northgate):
        house.sync()
        network.advance(timedelta(seconds=1))
        agreements.sign(house.node, house.actor, pact)
    network.settle()
    views = [agreements.show(house.node, pact) for house in network.houses.values()]
    assert {view.state for view in views} == {"in-force"}
    assert len({(view.in_force_since, view.records, view.version) for view in views}) == 1
    assert all(not view.without_effect and not view.waiting for view in views)


def test_signing_twice_is_refused_and_leaves_no_trace(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river = network.houses[RIVER]
    before = records(river, pact)
    refused("agreement.signed-already", lambda: agreements.sign(river.node, river.actor, pact))
    assert records(river, pact) == before


@pytest.mark.parametrize(
    ("confirmed", "code"),
    [
        pytest.param(True, "", id="all fingerprints compared"),
        pytest.param(False, "peer.unconfirmed", id="one is not"),
        pytest.param(None, "peer.unknown", id="one is not even known"),
    ],
)
def test_nothing_is_signed_with_somebody_unconfirmed(
    tmp_path: Path, confirmed: bool | None, code: str
) -> None:
    network = Network(tmp_path)
    river, harbour, northgate = (
        network.found(label, label) for label in (RIVER, HARBOUR, NORTHGATE)
    )
    for house in (river, northgate):
        for other in (river, harbour, northgate):
            if other is not house:
                offered = peers.look(house.node, other.url)
                peers.add(house.node, other.url, offered, confirmed=True)
    offered = peers.look(harbour.node, river.url)
    peers.add(harbour.node, river.url, offered, confirmed=True)
    if confirmed is not None:
        offered = peers.look(harbour.node, northgate.url)
        peers.add(harbour.node, northgate.url, offered, confirmed=confirmed)
    pact = propose(river)
    harbour.sync()
    if code:
        refused(code, lambda: agreements.sign(harbour.node, harbour.actor, pact))
        assert not state(harbour, pact).signatures
    else:
        agreements.sign(harbour.node, harbour.actor, pact)
        assert HARBOUR in state(harbour, pact).signatures


@pytest.mark.parametrize(
    ("text", "given", "code"),
    [
        pytest.param(DEMO + b"---\n" + DEMO, {}, "agreement.one-document", id="two documents"),
        pytest.param(
            DEMO, {"nobody": "x"}, "agreement.no-such-party", id="a label not in the text"
        ),
        pytest.param(
            DEMO,
            {"harbour": "0" * 64},
            "agreement.fingerprint-unknown",
            id="a fingerprint of nobody",
        ),
        pytest.param(
            DEMO.replace(b"id: northgate, name: Northgate CERT", b"id: south, name: South"),
            {},
            "agreement.unbound-party",
            id="a party that nobody knows",
        ),
        pytest.param(
            DEMO.replace(b"id: river,", b"id: river, joined: 2020-01-01,"),
            {},
            "agreement.status-in-text",
            id="a status in the text",
        ),
    ],
)
def test_what_cannot_be_proposed(
    tmp_path: Path, text: bytes, given: dict[str, str], code: str
) -> None:
    river = three(tmp_path).houses[RIVER]
    refused(code, lambda: propose(river, text, given))
    assert agreements.list_agreements(river.node) == []
    propose(river)  # the twin that passes


def test_who_is_no_party_cannot_propose(tmp_path: Path) -> None:
    network = three(tmp_path)
    network.found("east", "East")
    east = network.houses["east"]
    for house in list(network.houses.values())[:3]:
        peers.add(east.node, house.url, peers.look(east.node, house.url), confirmed=True)
    refused("agreement.not-a-party", lambda: propose(east))


def test_a_name_that_means_two_agreements_is_refused(tmp_path: Path) -> None:
    river = three(tmp_path).houses[RIVER]
    one, other = propose(river), propose(river)
    refused("agreement.ambiguous", lambda: agreements.show(river.node, "river-harbour"))
    refused("agreement.unknown", lambda: agreements.show(river.node, "else"))
    refused("agreement.unknown", lambda: agreements.show(river.node, one[:7]))
    assert agreements.show(river.node, one[:12]).id == one != other


def test_ratifying_comes_after_signing_and_counts_once(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, RATIFIED)
    river, harbour, northgate = network.houses.values()
    assert agreements.show(river.node, pact).state == "signed"
    for house in (river, harbour):
        agreements.ratify(house.node, house.actor, pact)
    refused("agreement.ratified-already", lambda: agreements.ratify(river.node, river.actor, pact))
    network.settle()
    assert agreements.show(river.node, pact).awaited == (NORTHGATE,)
    agreements.ratify(northgate.node, northgate.actor, pact)
    network.settle()
    assert {agreements.show(each.node, pact).state for each in network.houses.values()} == {
        "in-force"
    }


def test_ratifying_what_was_not_signed_is_refused(tmp_path: Path) -> None:
    river = three(tmp_path).houses[RIVER]
    pact = propose(river, RATIFIED)
    refused("agreement.not-signed", lambda: agreements.ratify(river.node, river.actor, pact))
    agreements.sign(river.node, river.actor, pact)
    agreements.ratify(river.node, river.actor, pact)  # the twin that passes


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param(DEMO, "", id="with a way out"),
        pytest.param(NO_EXIT, "agreement.no-way-to-leave", id="without one"),
        pytest.param(LATER, "agreement.notice-too-early", id="not yet"),
    ],
)
def test_leaving_as_the_text_allows(tmp_path: Path, text: bytes, code: str) -> None:
    network, pact = allied(tmp_path, text)
    river = network.houses[RIVER]
    if code:
        before = records(river, pact)
        refused(code, lambda: agreements.withdraw(river.node, river.actor, pact))
        assert records(river, pact) == before
        return
    view = agreements.withdraw(river.node, river.actor, pact, "we part as friends")
    assert {each.party: each.legal for each in view.parties}[PartyId(RIVER)] == "leaving"
    refused("agreement.leaving-already", lambda: agreements.withdraw(river.node, river.actor, pact))
    network.settle()
    network.advance(timedelta(days=90))
    views = [agreements.show(each.node, pact) for each in network.houses.values()]
    assert [{each.party: each.legal for each in one.parties}[PartyId(RIVER)] for one in views] == [
        "former"
    ] * 3
    refused("agreement.not-bound", lambda: agreements.withdraw(river.node, river.actor, pact))


def test_what_has_ended_is_not_signed_any_more(tmp_path: Path) -> None:
    network, pact = allied(
        tmp_path,
        NOW.replace(b"in_force_when: all signed", b"in_force_when: {count: 2, of: signed}"),
    )
    assert agreements.show(network.houses[RIVER].node, pact).state == "in-force"
    for label in (RIVER, HARBOUR):
        house = network.houses[label]
        network.advance(timedelta(seconds=1))
        agreements.withdraw(house.node, house.actor, pact)
        network.settle()
    assert agreements.show(network.houses[NORTHGATE].node, pact).state == "terminated"
    harbour = network.houses[HARBOUR]
    refused("agreement.not-bound", lambda: agreements.withdraw(harbour.node, harbour.actor, pact))
    before = records(harbour, pact)
    refused("agreement.wrong-state", lambda: agreements.ratify(harbour.node, harbour.actor, pact))
    assert records(harbour, pact) == before


def test_two_organisations_on_one_node_act_each_for_itself(tmp_path: Path) -> None:
    network = three(tmp_path)
    river = network.houses[RIVER]
    made = organisations.found(
        river.node, label="delta", name="Delta", url="", person="lee", passphrase=PASSPHRASE
    )
    keys = river.node.vault.unlock(PASSPHRASE)
    text = DEMO.replace(b"id: northgate, name: Northgate CERT", b"id: delta, name: Delta")
    pact = propose(river, text)
    agreements.sign(river.node, river.actor, pact)
    delta = Actor(made.organisation, keys, "lee")
    refused("agreement.signed-already", lambda: agreements.sign(river.node, river.actor, pact))
    view = agreements.sign(river.node, delta, pact)
    assert {each.party for each in view.parties if each.signed_at} == {RIVER, "delta"}
    assert set(view.mine) == {RIVER, "delta"}
    kept = state(river, pact).custodians(lambda _: True)
    assert kept == {RIVER: "organisation", "delta": f"party {RIVER}"}  # one pair of hands


def test_who_is_not_named_cannot_sign(tmp_path: Path) -> None:
    network = three(tmp_path)
    river = network.houses[RIVER]
    made = organisations.found(
        river.node, label="delta", name="Delta", url="", person="lee", passphrase=PASSPHRASE
    )
    pact = propose(river)
    delta = Actor(made.organisation, river.node.vault.unlock(PASSPHRASE), "lee")
    refused("agreement.unknown", lambda: agreements.sign(river.node, delta, pact))
    agreements.sign(river.node, river.actor, pact)  # the twin that passes


def test_a_refused_act_leaves_nothing_behind_that_a_later_one_could_stumble_over(
    tmp_path: Path,
) -> None:
    network, pact = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    refused("agreement.left-on-purpose", lambda: _write_and_leave(river, pact))
    agreements.ratify(river.node, river.actor, pact)
    assert record_of(river, pact, "agreement.ratify").header.kind == "agreement.ratify"
    network.settle()
    ratified = record_of(river, pact, "agreement.ratify")
    assert record_of(harbour, pact, "agreement.ratify", river).id == ratified.id
    assert agreements.show(harbour.node, pact).waiting == 0


def _write_and_leave(house: House, pact: str) -> None:
    """A unit that writes a record, looks at it, and is left by a refusal."""
    with house.node.store.write() as writing:
        found = house.node.folds.of(writing, agreements.resolve(writing, pact).id)
        circle = found.instrument.circles.all
        journal.append(
            house.node, writing, house.actor, found, circle, "redaction.answer", {"blob": ""}
        )
        house.node.folds.of(writing, found.row.id)
        raise AlliedError("agreement.left-on-purpose", "left on purpose")
