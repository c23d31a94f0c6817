"""Extracts and redactions on nodes: signed, carried through every hop, bound by their sources."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from allied.agreement.values import Tlp
from allied.errors import AlliedError
from allied.node import items, passing, recalls, remarks, sharing
from allied.node.pages import ItemsAnswer, ItemsPage
from allied.node.provenance import MADE_FROM, SOURCE_RECALLED
from allied.node.recall_views import list_recalls
from allied.node.shared import Shared, Wish
from allied.record.ids import PartyId
from tests.exchange.samples import bundle, indicator, tlp
from tests.node.hands import DEMO, HARBOUR, NORTHGATE, RIVER, allied, held, share
from tests.node.network import House, Network

MEMBERS = DEMO.replace(b"kind: agency, role: observer", b"kind: agency")
ORCON = MEMBERS.replace(
    b"    third_party: originator-consent\n",
    b"    third_party: originator-consent\n    originator_control: yes\n",
)
SOURCE = indicator(1, object_marking_refs=tlp(Tlp.AMBER), name="names the customer")
LINE = indicator(2, object_marking_refs=tlp(Tlp.GREEN), name="without the customer")
NAME, EXTRACT = str(SOURCE["id"]), str(LINE["id"])


def spread(tmp_path: Path, text: bytes = MEMBERS) -> tuple[Network, str]:
    """River's item is with Harbour alone: River and Northgate cannot reach each other."""
    network, pact = allied(tmp_path, text)
    network.cut_between(RIVER, NORTHGATE)
    share(network.houses[RIVER], pact, SOURCE)
    network.settle()
    return network, pact


def derived(house: House, pact: str, *objects: dict[str, object], of: str = NAME) -> Shared:
    return share(house, pact, *objects, wish=Wish(made_from=(of,)))


def passes(house: House, name: str, to: str = NORTHGATE) -> passing.PassedView:
    (found,) = passing.pass_on(house.node, house.organisation, name, [to])
    return found


def shown(house: House, name: str = EXTRACT) -> items.ItemDetails:
    return items.show(house.node, house.organisation, name)


def refused(code: str, call: Callable[[], object]) -> None:
    with pytest.raises(AlliedError) as refusal:
        call()
    assert refusal.value.code == code


def test_an_extract_may_be_passed_on_where_its_source_may_not(tmp_path: Path) -> None:
    """Scenario 17: deny and ask for the item; the tear-line goes, with its originator's word."""
    network, pact = spread(tmp_path, ORCON)
    river, harbour, northgate = network.houses.values()
    assert passes(harbour, NAME).outcome == "ask-originator"
    share(river, pact, indicator(3, object_marking_refs=tlp(Tlp.GREEN)))  # no extract of anything
    derived(river, pact, LINE)
    network.settle()
    assert passes(harbour, str(indicator(3)["id"])).outcome == "ask-originator"
    assert passes(harbour, EXTRACT).permitted
    network.settle()
    assert NAME not in held(northgate, pact)
    for house in (river, harbour, northgate):
        (made,) = shown(house).derived
        assert (made.how, made.of) == ("extract", (RIVER,))
        assert shown(house).raw == shown(river).raw
        assert shown(house).shared_at == shown(river).shared_at
    assert shown(northgate).item.via == HARBOUR
    assert len({shown(house).derived[0].statement for house in (river, harbour, northgate)}) == 1
    assert shown(river, NAME).derived == ()


def test_what_it_was_cut_from_is_told_to_nobody(tmp_path: Path) -> None:
    network, pact = spread(tmp_path)
    river, harbour, _ = network.houses.values()
    derived(river, pact, LINE)
    network.settle()
    with harbour.node.store.read() as reading:
        raw = reading.statement(shown(harbour).derived[0].statement) or b""  # type: ignore[arg-type]
    assert raw
    assert NAME.encode() not in raw
    mine = remarks.list_remarks(river.node, river.organisation, EXTRACT)
    assert [each.kind for each in mine] == [MADE_FROM]
    assert NAME in mine[0].text
    assert remarks.list_remarks(harbour.node, harbour.organisation, EXTRACT) == []


def test_a_redaction_is_handled_as_strictly_as_its_source_and_goes_no_further(
    tmp_path: Path,
) -> None:
    """P16: whatever is derived is at least as strict as everything that went into it."""
    network, pact = spread(tmp_path, ORCON)
    _, harbour, northgate = network.houses.values()
    result = derived(harbour, pact, LINE)
    assert result.stored
    assert shown(harbour).item.tlp == "AMBER"
    verdict = items.explain(harbour.node, harbour.organisation, EXTRACT, NORTHGATE)
    assert (verdict.permitted, verdict.code) == (False, "exchange.originator-consent")
    network.settle()
    assert EXTRACT not in held(northgate, pact)


def test_a_redaction_goes_where_its_source_may_go_and_says_whose_it_is(tmp_path: Path) -> None:
    network, pact = spread(tmp_path)
    _, harbour, northgate = network.houses.values()
    derived(harbour, pact, LINE)
    network.settle()
    found = shown(northgate)
    assert (found.item.originator, found.item.tlp) == (HARBOUR, "AMBER")
    assert [(each.how, each.of) for each in found.derived] == [("redaction", (RIVER,))]


def test_an_extract_has_an_id_of_its_own_and_its_source_is_here(tmp_path: Path) -> None:
    network, pact = spread(tmp_path)
    river, _, northgate = network.houses.values()
    newer = SOURCE | {"modified": "2026-11-22T00:00:00.000Z"}
    result = derived(river, pact, newer, LINE)
    assert result.refused == {"exchange.extract-same-id": 1}
    assert result.stored >= 1  # the twin
    refused("item.unknown", lambda: derived(northgate, pact, LINE))
    refused("share.made-from", lambda: share(
        river, pact, LINE, wish=Wish(made_from=tuple(str(each) for each in range(1_001)))
    ))  # fmt: skip


def test_what_does_not_come_with_its_derivation_is_not_taken(tmp_path: Path) -> None:
    network, pact = spread(tmp_path)
    river, harbour, _ = network.houses.values()

    def stripped(answer: bytes) -> bytes:
        found = ItemsAnswer.decode(answer)
        page = ItemsPage()
        for each in found.items:
            page.add(each, found.statements[each.statement])
        return page.encode(found.next, more=found.more)

    derived(river, pact, LINE)
    network.spoil = {"items": stripped}
    outcomes = harbour.sync()
    codes = {code for each in outcomes for code in each.refused}
    assert "exchange.derivation-unproved" in codes
    assert EXTRACT not in held(harbour, pact)
    network.heal()
    harbour.sync()
    assert EXTRACT in held(harbour, pact)


def test_what_was_made_from_a_recalled_item_is_flagged(tmp_path: Path) -> None:
    """Scenario 19: products are flagged; their makers look at them again."""
    network, pact = spread(tmp_path)
    river, harbour, northgate = network.houses.values()
    derived(harbour, pact, LINE)
    second = indicator(4, object_marking_refs=tlp(Tlp.AMBER))
    derived(harbour, pact, second, of=EXTRACT)
    network.settle()
    network.advance(timedelta(minutes=1))
    recalls.recall(river.node, river.actor, NAME, pact, "it names a customer")
    network.settle()
    (told,) = list_recalls(harbour.node, harbour.organisation)
    assert told.products == (EXTRACT, str(second["id"]))
    for name in told.products:
        found = remarks.list_remarks(harbour.node, harbour.organisation, name)
        assert SOURCE_RECALLED in {each.kind for each in found}
    assert EXTRACT in held(harbour, pact)  # its maker decides
    assert list_recalls(northgate.node, northgate.organisation) == []


def test_a_dry_run_says_where_a_redaction_may_go_and_signs_nothing(tmp_path: Path) -> None:
    network, pact = spread(tmp_path, ORCON)
    harbour = network.houses[HARBOUR]
    raw = bundle(LINE)
    result = sharing.share(
        harbour.node, harbour.organisation, None, lambda: iter((raw,)), pact,
        Wish(made_from=(NAME,)), dry_run=True,
    )  # fmt: skip
    assert result.stored == 0
    assert ("exchange.originator-consent", "1") in result.recipients[PartyId(NORTHGATE)].refused
    assert remarks.list_remarks(harbour.node, harbour.organisation) == []
