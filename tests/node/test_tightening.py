"""A version that others hold is marked more tightly: at once, for everybody, and never back."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from allied.agreement.values import Tlp
from allied.errors import AlliedError
from allied.exchange.lineage import ItemName
from allied.node import called, items, passing, proofs, recalls, tightened
from allied.node.additions import stream
from allied.node.recall_views import list_recalls
from allied.node.shared import Wish
from allied.node.tightening import TightenedView, tighten
from allied.record.ids import AgreementId, PartyId
from tests.exchange.samples import indicator, link, tlp
from tests.node.hands import (
    DEMO,
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
from tests.node.network import House, Network

MEMBERS = DEMO.replace(b"kind: agency, role: observer", b"kind: agency")
SILENT = MEMBERS.replace(b"    recall: {comply_within: 24 hours, confirm: yes}\n", b"")
ITEM = indicator(1, object_marking_refs=tlp(Tlp.GREEN))
OTHER = indicator(2, object_marking_refs=tlp(Tlp.GREEN))
PUBLIC = indicator(3, object_marking_refs=tlp(Tlp.CLEAR))
LINK = link(ITEM, OTHER, object_marking_refs=tlp(Tlp.GREEN))
NAME, LINK_NAME = str(ITEM["id"]), str(LINK["id"])


def refused(code: str, call: Callable[[], object]) -> None:
    with pytest.raises(AlliedError) as refusal:
        call()
    assert refusal.value.code == code


def spread(tmp_path: Path, text: bytes = MEMBERS) -> tuple[Network, str]:
    network, pact = allied(tmp_path, text)
    share(network.houses[RIVER], pact, ITEM, OTHER, LINK)
    network.settle()
    return network, pact


def marked(
    network: Network,
    pact: str,
    name: str = NAME,
    *,
    tlp: str = "",
    to: tuple[str, ...] = (),
    expires: datetime | None = None,
) -> TightenedView:
    river = network.houses[RIVER]
    wish = Wish(tlp=tlp, to=to)
    return tighten(river.node, river.actor, name, pact, wish, expires=expires, why="a name in it")


def shown(house: House, name: str = NAME) -> items.ItemView:
    return items.show(house.node, house.organisation, name).item


def explained(house: House, to: str) -> items.RecipientView:
    return items.explain(house.node, house.organisation, NAME, to)


def test_a_tighter_marking_reaches_every_holder_and_counts_from_the_next_request_on(
    tmp_path: Path,
) -> None:
    network, pact = spread(tmp_path)
    river, harbour, _northgate = network.houses.values()
    before = shown(harbour)
    view = marked(network, pact, tlp="AMBER+STRICT")
    assert [(each.party, each.gone) for each in view.holders] == [
        (HARBOUR, False),
        (NORTHGATE, False),
    ]
    network.settle()
    for house in network.houses.values():
        after = shown(house)
        assert (after.tlp, after.modified) == ("AMBER+STRICT", before.modified)
        assert after.statement == shown(river).statement != before.statement
        assert shown(house, LINK_NAME).tlp == "AMBER+STRICT"  # what says it goes with it
        assert shown(house, str(OTHER["id"])).tlp == "GREEN"  # the twin that stays
    told = explained(harbour, NORTHGATE)
    assert (told.statement, told.tightened_at) == (shown(river).statement, network.clock.now())
    assert list_recalls(river.node, river.organisation) == []


def test_who_may_not_have_it_any_more_is_asked_to_delete_it_as_in_a_recall(tmp_path: Path) -> None:
    network, pact = spread(tmp_path)
    river, harbour, northgate = network.houses.values()
    view = marked(network, pact, to=(HARBOUR,))
    assert [(each.party, each.gone) for each in view.holders] == [
        (HARBOUR, False),
        (NORTHGATE, True),
    ]
    network.settle()
    assert shown(harbour).audience == (HARBOUR,)
    refused("item.withdrawn", lambda: shown(northgate))
    assert {NAME, LINK_NAME}.isdisjoint(held(northgate, pact))
    assert str(OTHER["id"]) in held(northgate, pact)
    found = list_recalls(river.node, river.organisation)
    assert {each.item for each in found} <= {NAME, LINK_NAME}
    mine = next(each for each in list_recalls(northgate.node, northgate.organisation))
    assert (mine.marking, mine.holders[0].state, mine.why) == (True, "owed", "a name in it")
    for each in list_recalls(northgate.node, northgate.organisation):
        recalls.answer(northgate.node, northgate.actor, each.item)
    network.settle()
    for each in list_recalls(river.node, river.organisation):
        assert [holder.state for holder in each.holders] == ["deleted"]
    again = share(river, pact, ITEM)
    assert again.refused == {}  # it is not recalled for those who may have it


def test_without_a_recall_in_the_clause_nobody_owes_a_word_and_it_is_gone_all_the_same(
    tmp_path: Path,
) -> None:
    network, pact = spread(tmp_path, SILENT)
    marked(network, pact, to=(HARBOUR,))
    network.settle()
    northgate = network.houses[NORTHGATE]
    assert NAME not in held(northgate, pact)
    assert {
        each.holders[0].state for each in list_recalls(northgate.node, northgate.organisation)
    } == {"told"}


def test_a_forwarded_copy_is_reached_through_who_forwarded_it(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, MEMBERS)
    river, harbour, northgate = network.houses.values()
    network.cut_between(RIVER, NORTHGATE)
    share(river, pact, ITEM)
    network.settle()
    passing.pass_on(harbour.node, harbour.organisation, NAME, [NORTHGATE])
    network.settle()
    assert shown(northgate).via == HARBOUR
    marked(network, pact, tlp="AMBER")
    network.settle()
    assert shown(northgate).tlp == "AMBER"
    assert shown(northgate).statement == shown(river).statement
    marked(network, pact, to=(HARBOUR,))
    network.settle()
    refused("item.withdrawn", lambda: shown(northgate))
    assert NAME in held(harbour, pact)
    (view,) = list_recalls(harbour.node, harbour.organisation)
    assert (view.by, [each.party for each in view.holders]) == (HARBOUR, [NORTHGATE])


def test_an_older_statement_that_arrives_late_loosens_nothing(tmp_path: Path) -> None:
    network, pact = spread(tmp_path)
    river, _harbour, northgate = network.houses.values()
    network.cut_between(RIVER, NORTHGATE)
    marked(network, pact, tlp="AMBER")
    marked(network, pact, tlp="AMBER+STRICT")
    with river.node.store.read() as reading:
        folded = river.node.folds.of(reading, AgreementId(pact))
        first, last = (
            each
            for each in called.calls_of(folded, river.organisation.id).marked_by_us
            if (each.holder, each.item.id) == (NORTHGATE, NAME)
        )
    for order in ((last, first), (first, last)):
        with northgate.node.store.write() as writing:
            folded = northgate.node.folds.of(writing, AgreementId(pact))
            for each in order:
                for row in tightened._copies(writing, folded, northgate.organisation.id, each):
                    tightened._take(writing, folded, row, each, network.clock.now())
        assert shown(northgate).tlp == "AMBER+STRICT"
        assert shown(northgate).statement == shown(river).statement
    network.heal()
    network.settle()
    assert shown(northgate).tlp == "AMBER+STRICT"


def test_who_gets_it_later_gets_it_under_the_tighter_statement(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, MEMBERS)
    river, _harbour, northgate = network.houses.values()
    network.cut_between(RIVER, NORTHGATE)
    network.cut_between(HARBOUR, NORTHGATE)
    share(river, pact, ITEM)
    network.settle()
    marked(network, pact, tlp="AMBER")
    network.heal()
    network.settle()
    assert shown(northgate).tlp == "AMBER"
    assert shown(northgate).statement == shown(river).statement


def test_an_end_that_is_set_later_ends_it_everywhere(tmp_path: Path) -> None:
    network, pact = spread(tmp_path)
    _river, harbour, _northgate = network.houses.values()
    until = network.clock.now() + timedelta(hours=2)
    assert marked(network, pact, expires=until).expires == until
    network.settle()
    assert NAME in held(harbour, pact)
    network.advance(timedelta(hours=2))
    network.settle()
    for house in network.houses.values():
        assert NAME not in held(house, pact)
        assert str(OTHER["id"]) in held(house, pact)


def test_what_was_public_is_handled_more_tightly_and_nobody_owes_anything(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, MEMBERS)
    share(network.houses[RIVER], pact, PUBLIC)
    network.settle()
    name = str(PUBLIC["id"])
    marked(network, pact, name, to=(HARBOUR,))
    network.settle()
    river, _, northgate = network.houses.values()
    assert shown(northgate, name).audience == (HARBOUR,)
    (view,) = list_recalls(river.node, river.organisation)
    assert [(each.party, each.state) for each in view.holders] == [(NORTHGATE, "corrected")]


@pytest.mark.parametrize(
    ("name", "wish", "code"),
    [
        pytest.param(NAME, {"tlp": "CLEAR"}, "exchange.only-tightens", id="looser"),
        pytest.param(
            NAME, {"tlp": "CLEAR", "to": (HARBOUR,)}, "exchange.only-tightens", id="half looser"
        ),
        pytest.param(NAME, {"tlp": "GREEN"}, "exchange.nothing-tighter", id="as it is"),
        pytest.param(NAME, {}, "item.tighten-how", id="nothing is wished for"),
        pytest.param(NAME, {"tlp": "RED"}, "share.red-needs-to", id="RED without names"),
        pytest.param(NAME, {"to": ("nobody",)}, "share.no-such-party", id="for a stranger"),
        pytest.param("indicator--none", {"tlp": "AMBER"}, "item.unknown", id="not held"),
    ],
)
def test_what_would_loosen_or_change_nothing_is_refused(
    shared: tuple[Network, str], name: str, wish: dict[str, Any], code: str
) -> None:
    network, pact = shared
    refused(code, lambda: marked(network, pact, name, **wish))


def test_only_the_originator_marks_anew_and_a_dry_run_changes_nothing(
    shared: tuple[Network, str],
) -> None:
    network, pact = shared
    river, harbour, _ = network.houses.values()
    wish = Wish(tlp="AMBER")
    refused(
        "exchange.not-the-originator",
        lambda: tighten(harbour.node, harbour.actor, NAME, pact, wish),
    )
    past = network.clock.now()
    refused("item.expires-past", lambda: marked(network, pact, expires=past))
    found = tighten(river.node, river.actor, NAME, pact, wish, dry_run=True)
    assert found.dry_run
    assert {each.party for each in found.holders} == {HARBOUR, NORTHGATE}
    assert shown(river).tlp == "GREEN"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Network, str]:
    """Only for what changes nothing."""
    return spread(tmp_path_factory.mktemp("shared"))


def test_a_marking_that_its_originator_did_not_sign_changes_nothing(tmp_path: Path) -> None:
    network, pact = spread(tmp_path)
    river, harbour, _northgate = network.houses.values()
    marked(network, pact, tlp="AMBER")
    with river.node.store.read() as reading:
        folded = river.node.folds.of(reading, AgreementId(pact))
        good = next(
            each
            for each in called.calls_of(folded, river.organisation.id).marked_by_us
            if (each.holder, each.item.id) == (HARBOUR, NAME)
        )
    spoilt = good.statement.replace(b"signatures", b"signaturez")
    bad = replace(good, stated=b64encode(spoilt).decode())
    other_place = good.proof[:-1] + bytes([good.proof[-1] ^ 1])
    other = replace(good, proved=b64encode(other_place).decode())
    none = replace(good, stated="no base64!")
    with harbour.node.store.write() as writing:
        folded = harbour.node.folds.of(writing, AgreementId(pact))
        (row,) = tightened._copies(writing, folded, harbour.organisation.id, good)
        for each in (bad, other, none, replace(bad, gone=True)):
            assert not tightened._take(writing, folded, row, each, network.clock.now())
        assert tightened._take(writing, folded, row, good, network.clock.now())


@pytest.mark.parametrize(
    ("by", "taken"),
    [
        pytest.param(RIVER, True, id="its originator, who released it"),
        pytest.param(HARBOUR, False, id="another holder"),
    ],
)
def test_a_copy_is_taken_on_nobodys_word_but_that_of_its_originator_or_releaser(
    tmp_path: Path, by: str, taken: bool
) -> None:
    """Another holder has the statement that came with the item, and says that it takes the copy."""
    network, pact = spread(tmp_path)
    who, northgate = network.houses[by], network.houses[NORTHGATE]
    fold = folded(who, pact)
    with who.node.store.read() as reading:
        own = who.organisation.id
        (row,) = stream(reading, AgreementId(fold.row.id), own, item=NAME)
        statement, proof = proofs.statement_of(reading, row.statement), proofs.packed(reading, row)
    item = ItemName(PartyId(RIVER), row.id, row.modified)
    body = called.body_of(item, "ab" * 8, "1", correction=False, why=None)
    marking = called.marking_of(statement, proof, gone=True)
    circle = fold.instrument.circles.pair(PartyId(by), PartyId(NORTHGATE))
    slip_in(who, crafted(who, pact, called.TIGHTEN, body | marking, circle=circle))
    network.settle()
    assert (NAME not in held(northgate, pact)) is taken
    assert NAME in held(network.houses[HARBOUR], pact)


@pytest.mark.parametrize(
    ("by", "kind", "comes"),
    [
        pytest.param(RIVER, called.RECALL, False, id="a recall by its originator"),
        pytest.param(HARBOUR, called.RECALL, True, id="a recall by somebody else"),
        pytest.param(HARBOUR, called.TIGHTEN, True, id="a marking without a statement"),
    ],
)
def test_what_was_said_before_an_item_came_keeps_it_out_only_on_its_originators_word(
    tmp_path: Path, by: str, kind: str, comes: bool
) -> None:
    network, pact = allied(tmp_path, MEMBERS)
    who, northgate = network.houses[by], network.houses[NORTHGATE]
    circle = folded(who, pact).instrument.circles.pair(PartyId(by), PartyId(NORTHGATE))
    body = called.body_of(
        ItemName(PartyId(RIVER), NAME, str(ITEM["modified"])), "ab" * 8, "1",
        correction=False, why=None,
    )  # fmt: skip
    if kind == called.TIGHTEN:
        body |= called.marking_of(b"x", b"y", gone=True)
    slip_in(who, crafted(who, pact, kind, body, circle=circle))
    network.settle()
    share(network.houses[RIVER], pact, ITEM, OTHER)
    network.settle()
    assert str(OTHER["id"]) in held(northgate, pact)
    assert (NAME in held(northgate, pact)) is comes


@pytest.mark.parametrize(
    ("days", "tighter"),
    [
        pytest.param(9, True, id="before its sunset"),
        pytest.param(11, False, id="after its sunset the clause would relax it again"),
    ],
)
def test_what_a_clause_relaxes_at_once_again_is_not_marked(
    tmp_path: Path, days: int, tighter: bool
) -> None:
    sunset = b"    sunset: {after: 10 days, then: relax, tlp: GREEN}\n    third_party:"
    network, pact = allied(tmp_path, MEMBERS.replace(b"    third_party:", sunset))
    river = network.houses[RIVER]
    share(river, pact, ITEM)
    network.advance(timedelta(days=days))
    network.settle()
    if not tighter:
        refused("exchange.sunset-past", lambda: marked(network, pact, tlp="AMBER"))
        return
    marked(network, pact, tlp="AMBER")
    network.settle()
    assert shown(river).tlp == "AMBER"
