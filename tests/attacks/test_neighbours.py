"""Organisations that share a node see what is theirs, and a partner cannot mix them up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from allied.node import agreements, items, messages, organisations, sync
from allied.node.messages import AgreementsAnswer, Named
from tests.exchange.samples import identity, indicator
from tests.node.hands import (
    HARBOUR,
    NORTHGATE,
    RIVER,
    allied,
    crafted,
    folded,
    held,
    share,
    slip_in,
)
from tests.node.network import PASSPHRASE


def test_nothing_is_taken_in_for_a_neighbour_that_the_agreement_does_not_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, pact = allied(tmp_path)
    river, harbour = network.houses[RIVER], network.houses[HARBOUR]
    lodger = organisations.found(
        river.node, label="lodger", name="A lodger", url="", person="", passphrase=PASSPHRASE
    ).organisation
    keys = river.node.vault.unlock(PASSPHRASE)
    share(harbour, pact, identity(1), indicator(1))

    def naming(raw: bytes) -> bytes:
        found = AgreementsAnswer.decode(raw)
        rows = found.agreements[0].rows if found.agreements else 7
        return AgreementsAnswer((Named(pact, "river-harbour", rows, 1),)).encode()  # type: ignore[arg-type]

    asked: list[str] = []
    inner = harbour.answers.answer

    def lying(caller: str, addressee: str, verb: str, question: bytes) -> bytes:
        asked.append(verb)
        # A dishonest party answers anybody on the node as if it were the party itself.
        return inner(river.organisation.id, addressee, verb, question)  # type: ignore[arg-type]

    monkeypatch.setattr(harbour.answers, "answer", lying)
    inner_keys = harbour.answers.listener_keys
    own = keys.signer(lodger.id, "transport").public
    monkeypatch.setattr(
        harbour.answers, "listener_keys", lambda who: inner_keys(who) or {own.key_id: own}
    )
    network.spoil = {messages.AGREEMENTS: naming}
    outcomes = sync.sync(river.node, keys, only=harbour.organisation.id)
    assert {each.organisation: each.problem for each in outcomes} == {
        RIVER: "",
        "lodger": "agreement.not-named",
    }
    assert held(river, pact)  # the twin that passes
    with river.node.store.read() as reading:
        assert not reading.item_counts(pact, lodger.id)  # type: ignore[arg-type]


def test_an_item_of_the_same_id_does_not_stand_in_front_of_the_first_ones(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour = network.houses[RIVER], network.houses[HARBOUR]
    mine = indicator(1, modified="2026-04-02T00:00:00.000Z", name="mine")
    theirs = indicator(1, modified="2026-04-04T00:00:00.000Z", name="theirs")
    share(river, pact, identity(1), mine)
    share(harbour, pact, identity(1), theirs)
    network.settle()
    assert held(river, pact).count(str(mine["id"])) == 2  # it stands beside it
    assert items.show(river.node, river.organisation, str(mine["id"])).item.name == "mine"
    newer = indicator(1, modified="2026-04-03T00:00:00.000Z", name="mine, corrected")
    share(river, pact, identity(1), newer)
    shown = items.show(river.node, river.organisation, str(mine["id"])).item
    assert shown.name == "mine, corrected"  # the twin that passes
    assert replace(shown).originator == RIVER


def test_whoever_looks_for_one_organisation_counts_only_what_stands_in_its_circles(
    tmp_path: Path,
) -> None:
    network, pact = allied(tmp_path)
    river = network.houses[RIVER]
    before = agreements.show(river.node, pact)
    circle = folded(river, pact).instrument.circles.voters
    lost = crafted(river, pact, "agreement.ratify", {"genesis": pact}, circle=circle)
    slip_in(river, lost)
    owner = agreements.show(river.node, pact)
    assert owner.records == before.records + 1
    assert [late.record for late in owner.without_effect] == [lost.id]
    member = agreements.show(river.node, pact, river.organisation.id)
    assert (member.records, member.without_effect) == (owner.records, owner.without_effect)
    observer = agreements.show(river.node, pact, network.houses[NORTHGATE].organisation.id)
    assert observer.records < owner.records
    assert observer.without_effect == ()
