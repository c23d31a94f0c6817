"""A stolen key is revoked: what the thief signs beyond the cut has no effect at any partner."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from allied.errors import AlliedError
from allied.node import agreements, journal, revoking
from allied.node.revoking import Revoked
from allied.node.seals import SealsWith
from allied.record.ids import PartyId
from allied.record.keys import PrivateKey
from tests.node.fragile import Fragile, Fuse, Killed
from tests.node.hands import (
    DEMO,
    HARBOUR,
    NORTHGATE,
    RIVER,
    allied,
    crafted,
    folded,
    slip_in,
    state,
)
from tests.node.network import PASSPHRASE, House
from tests.node.test_keys import again, present, recover, recovery_of, rotate

ANSWER: Any = {"blob": "00"}


class Stolen(SealsWith):
    """The keys of a house as a thief took them."""

    def __init__(self, house: House) -> None:
        super().__init__(house.keys)
        vault: Any = house.node.vault
        (self._keys,) = vault.open_sets(house.organisation.id, PASSPHRASE)
        self._real = house.keys

    def signer(self, organisation: object, purpose: str) -> PrivateKey:  # noqa: ARG002
        key: PrivateKey = self._keys[purpose]
        return key

    def person(self, *whose: Any) -> Any:
        return self._real.person(*whose)


def thief_of(house: House) -> House:
    return House(
        house.label, house.url, house.node, house.organisation, Stolen(house), house.answers
    )


def revoke(
    house: House, *named: str, why: str = "the laptop was stolen", by_recovery: bool = False
) -> Revoked:
    done = revoking.revoke(
        house.node,
        house.organisation,
        "kim",
        keys=named,
        because=why,
        recovery=recovery_of(house),
        passphrase=PASSPHRASE,
        by_recovery=by_recovery,
    )
    again(house)
    return done


def test_what_the_thief_signs_has_no_effect_at_every_partner(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, northgate = network.houses.values()
    thief, old = thief_of(river), present(river)
    honest = crafted(river, pact, "redaction.answer", ANSWER)
    with river.node.store.write() as writing:
        header = honest.header
        writing.claim_sequence(header.circle, header.issuer, 0, header.sequence, honest.id)
    slip_in(river, honest)
    forged = crafted(thief, pact, "redaction.answer", {"blob": "01"}, after=honest)
    circles = folded(river, pact).instrument.circles
    pair = crafted(
        thief,
        pact,
        "redaction.answer",
        ANSWER,
        circle=circles.pair(PartyId(RIVER), PartyId(HARBOUR)),
        deps=(),
    )
    slip_in(harbour, honest, forged, pair)
    network.settle()
    for house in (harbour, northgate):
        assert state(house, pact).verdicts[forged.id].effect  # the twin: nobody knows yet

    done = revoke(river, old["acts"])
    assert done.keys == (old["acts"],)
    assert (done.incarnation, done.agreements) == (1, 1)
    network.settle()
    for house in network.houses.values():
        verdicts = state(house, pact).verdicts
        assert verdicts[honest.id].effect
        assert verdicts[forged.id].code == "effect.key-revoked"
    assert state(harbour, pact).verdicts[pair.id].code == "effect.key-revoked"

    late = crafted(thief, pact, "redaction.answer", {"blob": "02"}, after=forged)
    slip_in(northgate, late)
    agreements.ratify(river.node, river.actor, pact)
    network.settle()
    for house in (harbour, northgate):
        verdicts = state(house, pact).verdicts
        assert verdicts[late.id].code == "effect.key-revoked"
        assert RIVER in state(house, pact).ratifications, "its own word goes on"
    newer = crafted(thief, pact, "redaction.answer", ANSWER, incarnation=1, deps=())
    slip_in(northgate, newer)
    assert "record.incarnation-key" in {code for each in harbour.sync() for code in each.refused}


def test_revoking_again_says_nothing_twice_and_more_keys_say_more(tmp_path: Path) -> None:
    network, _ = allied(tmp_path)
    river = network.houses[RIVER]
    old = present(river)
    first = revoke(river, old["acts"][:16])
    assert first.records > 1
    assert revoke(river, old["acts"]).records == 0
    more = revoke(river, old["automatic"], old["acts"])
    assert (more.records, more.incarnation) == (first.records, 2)


def test_it_is_the_first_thing_said_under_the_new_keys(tmp_path: Path) -> None:
    """Even if the keys were renewed before, and something was signed with them."""
    network, pact = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    thief, old = thief_of(river), present(river)
    forged = crafted(thief, pact, "redaction.answer", ANSWER)
    recover(river)
    agreements.ratify(river.node, river.actor, pact)
    done = revoke(river, old["acts"])
    assert done.incarnation == 2
    first = {
        record.header.circle: record.header.kind
        for record in reversed(folded(river, pact).history.order)
        if record.header.issuer == river.organisation.id and record.header.incarnation == 2
    }
    assert set(first.values()) == {"key.revoke"}
    slip_in(harbour, forged)
    network.settle()
    found = folded(harbour, pact)
    assert all(chain.incarnation < 2 for chain in found.history.frozen)
    assert state(harbour, pact).verdicts[forged.id].code == "effect.key-revoked"


def test_the_recovery_key_revokes_where_the_next_one_was_stolen(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    thief, old = thief_of(river), present(river)
    forged = crafted(thief, pact, "redaction.answer", ANSWER)
    done = revoke(river, old["acts"], by_recovery=True)
    assert present(river)["recovery"] != old["recovery"]
    assert present(river)["acts"] != old["next"]
    assert done.records > 1
    slip_in(harbour, forged)
    network.settle()
    assert state(harbour, pact).verdicts[forged.id].code == "effect.key-revoked"


def test_a_transport_key_is_replaced_and_needs_no_cut(tmp_path: Path) -> None:
    network, _ = allied(tmp_path)
    river = network.houses[RIVER]
    old = present(river)
    done = revoke(river, old["transport"])
    assert done.records == 0
    assert present(river)["transport"] != old["transport"]


def test_a_key_that_was_rotated_away_long_ago_still_needs_a_new_life(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    thief, old = thief_of(river), present(river)
    rotate(river)
    rotate(river)
    forged = crafted(thief, pact, "redaction.answer", ANSWER)
    done = revoke(river, old["acts"])
    assert done.incarnation == 3
    slip_in(harbour, forged)
    network.settle()
    assert state(harbour, pact).verdicts[forged.id].code == "effect.key-revoked"


@pytest.mark.parametrize(
    ("named", "why", "code"),
    [
        pytest.param(("ab" * 32,), "lost", "key.unknown", id="nobody's key"),
        pytest.param(("",), "lost", "key.unknown", id="no key at all"),
        pytest.param((), "lost", "key.none", id="none named"),
        pytest.param(("acts",), " ", "key.because", id="no reason"),
        pytest.param(("acts",), "x" * 2_001, "key.because", id="a reason that is too long"),
    ],
)
def test_what_cannot_be_revoked_changes_nothing(
    tmp_path: Path, named: tuple[str, ...], why: str, code: str
) -> None:
    network, _ = allied(tmp_path)
    river = network.houses[RIVER]
    before = present(river)
    keys_named = [before.get(each, each) for each in named]
    with pytest.raises(AlliedError) as refusal:
        revoke(river, *keys_named, why=why)
    assert refusal.value.code == code
    assert present(river) == before


def test_killed_at_any_write_all_is_said_or_nothing(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river = network.houses[RIVER]
    old = present(river)["acts"]
    circles = state(river, pact).circles_of(folded(river, pact).instrument, PartyId(river.label))
    for left in (1, 4, 9, 1_000):
        store = Fragile(river.node.store, Fuse(left))
        with suppress(Killed):
            revoke(replace(again(river), node=replace(river.node, store=store)), old)
        said = [
            record.header.circle
            for record in folded(river, pact).history.order
            if record.header.kind == "key.revoke"
        ]
        assert sorted(said) == (sorted(circles) if left == 1_000 else [])
    assert again(river).organisation.incarnation == 1


def test_in_an_agreement_made_later_the_stolen_key_counts_for_nothing(tmp_path: Path) -> None:
    network, _ = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    thief, old = thief_of(river), present(river)
    revoke(river, old["acts"], old["automatic"])
    network.advance(timedelta(hours=2))
    network.settle()
    later = network.sign_all(DEMO.replace(b"id: river-harbour", b"id: second"), RIVER)
    agreements.ratify(river.node, river.actor, later)
    forged = crafted(thief, later, "redaction.answer", ANSWER, deps=(), incarnation=0)
    slip_in(harbour, forged)
    network.settle()
    for house in network.houses.values():
        found = folded(house, later)
        assert not found.history.frozen
        assert found.state.verdicts[forged.id].code == "effect.key-revoked"
        assert RIVER in found.state.ratifications
        assert agreements.show(house.node, later).state == "in-force"


@pytest.mark.parametrize("label", [RIVER, HARBOUR, NORTHGATE])
def test_a_party_that_counts_nothing_of_its_own_puts_no_agreement_out_of_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, label: str
) -> None:
    network, pact = allied(tmp_path)
    for house in network.houses.values():
        said = crafted(house, pact, "redaction.answer", ANSWER)
        slip_in(house, said)
        network.settle()
    liar = network.houses[label]
    old = present(liar)
    monkeypatch.setattr(journal, "_counted", lambda *_: [])
    revoke(liar, old["acts"], old["automatic"])
    network.settle()
    for house in network.houses.values():
        found = folded(house, pact)
        assert found.state.standing(found.instrument, network.clock.now()).state == "in-force"
        assert len(found.state.signatures) == len(network.houses)
        assert "effect.key-revoked" in {each.code for each in found.state.verdicts.values()}


def test_a_revocation_that_does_not_read_is_not_taken_in(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, northgate = network.houses.values()
    revoke(river, present(river)["acts"])
    network.settle()
    bad = crafted(river, pact, "key.revoke", {"keys": []}, incarnation=1)
    slip_in(northgate, bad)
    assert "key.revocation-shape" in {code for each in harbour.sync() for code in each.refused}
    assert bad.id not in state(harbour, pact).verdicts
