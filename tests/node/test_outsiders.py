"""What leaves for somebody outside the agreement: as clause, marking and originator say, or not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from allied.agreement.values import Tlp
from allied.errors import AlliedError
from allied.node import agreements, consents, items, outsiders, recalls
from allied.node.outsiders import Handed, Way
from allied.node.recall_views import list_recalls
from allied.node.receipts import receipts
from allied.node.rows import LedgerRow
from allied.node.shared import Wish
from tests.exchange.samples import indicator, statement_marking, tlp
from tests.node.copied import Founded
from tests.node.hands import DEMO, HARBOUR, RIVER, allied, held, share
from tests.node.network import House, Network

CLEAR = indicator(1, object_marking_refs=tlp(Tlp.CLEAR))
GREEN = indicator(2, object_marking_refs=tlp(Tlp.GREEN))
AMBER = indicator(3, object_marking_refs=tlp(Tlp.AMBER))
AUTHORITY = "the port authority"
QUIETLY = Way(encrypted=True)
TEXTS = {
    "consent": DEMO,
    "forbidden": DEMO.replace(b"party: originator-consent", b"party: forbidden"),
    "listed": DEMO.replace(
        b"party: originator-consent", b"party: {allowed_to: [the port authority]}"
    ),
    "controlled": DEMO.replace(b"    third_party", b"    originator_control: yes\n    third_party"),
    "unnamed": DEMO.replace(b"    third_party", b"    attribution: must-not\n    third_party"),
}


@dataclass
class Place:
    """Harbour holds what River shared."""

    network: Network
    pact: str

    @property
    def harbour(self) -> House:
        return self.network.houses[HARBOUR]

    def hand(
        self, *names: object, to: str = AUTHORITY, way: Way = QUIETLY, dry_run: bool = False
    ) -> Handed:
        house = self.harbour
        chosen = [str(each) for each in names]
        return outsiders.hand_over(house.node, house.organisation, chosen, to, way, dry_run=dry_run)

    def said(self, one: dict[str, Any], **how: Any) -> str:
        (view,) = self.hand(one["id"], **how).items
        return "permitted" if view.said.permitted else f"{view.said.outcome} {view.said.code}"

    def ledger(self, to: str = AUTHORITY) -> list[LedgerRow]:
        with self.harbour.node.store.read() as reading:
            return list(reading.ledger(self.harbour.organisation.id, recipient=to))


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Founded]:
    found = {}
    for name, text in TEXTS.items():
        root = tmp_path_factory.mktemp(name)
        network, pact = allied(root, text)
        share(network.houses[RIVER], pact, CLEAR, GREEN, AMBER)
        network.settle()
        found[name] = Founded.of(root, network, pact)
    return found


@pytest.fixture
def places(founded: dict[str, Founded], tmp_path: Path) -> Iterator[Any]:
    opened: list[Any] = []

    def place(name: str) -> Place:
        copy = founded[name].copy(tmp_path / name)
        opened.append(copy)
        return Place(copy.__enter__(), founded[name].pact)

    yield place
    for copy in opened:
        copy.__exit__(None, None, None)


YES = "permitted"
ASK = "ask-originator exchange.originator-consent"
THIRD = "deny exchange.third-party"


@pytest.mark.parametrize(
    ("text", "clear", "green", "amber"),
    [
        ("consent", YES, "human-review exchange.community-review", ASK),
        ("forbidden", THIRD, THIRD, THIRD),
        ("listed", YES, YES, YES),
        ("controlled", ASK, ASK, ASK),
        ("unnamed", "sanitise-first exchange.names-source", "-", "-"),
    ],
)
def test_what_the_clause_says_of_third_parties_decides(
    places: Any, text: str, clear: str, green: str, amber: str
) -> None:
    place = places(text)
    assert place.said(CLEAR) == clear
    if green != "-":
        assert (place.said(GREEN), place.said(AMBER)) == (green, amber)
    if text == "listed":
        assert place.said(CLEAR, to="somebody else") == THIRD
    if text == "consent":
        assert place.said(GREEN, way=Way(in_community=True, encrypted=True)) == YES


def test_what_goes_is_the_exact_bytes_and_stands_in_the_ledger_and_among_the_holders(
    places: Any,
) -> None:
    place = places("listed")
    made = place.hand(AMBER["id"], CLEAR["id"], CLEAR["id"])
    bundle = json.loads(made.raw)
    assert bundle["objects"] == [AMBER, CLEAR]
    house = place.harbour
    assert items.show(house.node, house.organisation, str(AMBER["id"])).raw in made.raw
    assert [(row.outcome, row.code, row.art, row.via) for row in place.ledger()] == [
        ("released", "exchange.permitted", "1", "hand-over")
    ] * 2
    (holder,) = receipts(house.node, house.organisation, str(AMBER["id"]))
    assert (holder.party, holder.art, holder.receipt_at) == (AUTHORITY, "1", None)


def test_a_dry_run_writes_nothing_down_and_a_refusal_is_written_down(places: Any) -> None:
    place = places("consent")
    assert place.hand(CLEAR["id"], AMBER["id"], dry_run=True).raw == b""
    assert place.ledger() == []
    made = place.hand(CLEAR["id"], AMBER["id"])
    assert [each["id"] for each in json.loads(made.raw)["objects"]] == [CLEAR["id"]]
    assert [(row.outcome, row.code) for row in place.ledger()] == [
        ("refused", "exchange.originator-consent"),
        ("released", "exchange.permitted"),
    ]
    assert place.hand(AMBER["id"]).raw == b""


def test_what_has_to_be_encrypted_goes_no_way_that_others_can_read(places: Any) -> None:
    place = places("listed")
    assert place.said(AMBER, way=Way()) == "deny exchange.not-encrypted"
    assert place.said(CLEAR, way=Way()) == YES
    assert place.said(AMBER) == YES


def test_a_node_that_was_cut_off_hands_nothing_above_green_over_for_long(places: Any) -> None:
    place = places("listed")
    assert place.said(AMBER) == YES
    place.network.advance(timedelta(hours=24))
    assert place.said(AMBER) == "deny exchange.membership-stale"
    assert place.said(GREEN) == YES
    place.network.settle()
    assert place.said(AMBER) == YES


def test_nobody_is_left_who_could_confirm_anything(places: Any) -> None:
    place = places("listed")
    for each in (place.network.houses[RIVER], place.network.houses["northgate"]):
        agreements.withdraw(each.node, each.actor, place.pact)
    place.network.settle()
    place.network.advance(timedelta(days=100))
    place.network.settle()
    assert place.said(AMBER).startswith("deny exchange.")


def test_the_originator_is_asked_and_a_yes_lets_it_go_and_silence_does_not(places: Any) -> None:
    place = places("controlled")
    river, harbour = place.network.houses[RIVER], place.harbour
    name = str(AMBER["id"])
    request = consents.ask(harbour.node, harbour.actor, name, AUTHORITY, "they run the crane")
    place.network.settle()
    place.network.advance(timedelta(days=9))
    place.network.settle()
    assert place.said(AMBER) == ASK
    consents.reply(river.node, river.actor, request.id, yes=True)
    place.network.settle()
    assert place.said(AMBER) == YES
    assert place.said(AMBER, to="the port") == ASK  # for one, and for nobody else
    assert place.said(GREEN) == ASK


def test_an_extract_goes_by_its_own_marking_whatever_the_clause_says_of_outsiders(
    places: Any,
) -> None:
    place = places("forbidden")
    line = indicator(8, object_marking_refs=tlp(Tlp.CLEAR))
    share(place.network.houses[RIVER], place.pact, line, wish=Wish(made_from=(str(AMBER["id"]),)))
    place.network.settle()
    assert place.said(line) == YES
    assert place.said(CLEAR) == THIRD


def test_a_custom_marking_goes_along_with_what_carries_it(places: Any) -> None:
    place = places("listed")
    words = statement_marking(20)
    one = indicator(21, object_marking_refs=[*tlp(Tlp.GREEN), words["id"]])
    share(place.network.houses[RIVER], place.pact, words, one)
    place.network.settle()
    assert {each["id"] for each in json.loads(place.hand(one["id"]).raw)["objects"]} == {
        one["id"],
        words["id"],
    }


def test_a_recall_says_who_outside_got_it_and_nothing_goes_any_more(places: Any) -> None:
    place = places("listed")
    river, harbour = place.network.houses[RIVER], place.harbour
    place.hand(AMBER["id"])
    recalls.recall(river.node, river.actor, str(AMBER["id"]), place.pact, "wrong")
    place.network.settle()
    (told,) = list_recalls(harbour.node, harbour.organisation)
    assert told.outside == (AUTHORITY,)
    with pytest.raises(AlliedError) as refusal:
        place.hand(AMBER["id"])
    assert refusal.value.code == "item.withdrawn"
    recalls.answer(harbour.node, harbour.actor, str(AMBER["id"]))
    place.network.settle()
    (ours,) = list_recalls(river.node, river.organisation)
    assert [(each.party, each.state, each.onward) for each in ours.holders] == [
        (HARBOUR, "deleted", ())
    ]


@pytest.mark.parametrize(
    ("name", "to", "code"),
    [
        pytest.param(CLEAR["id"], "northgate", "item.a-party", id="a party"),
        pytest.param(CLEAR["id"], "", "item.outsider", id="nobody"),
        pytest.param(CLEAR["id"], "a\x1b[2J", "item.outsider", id="no letters"),
        pytest.param(CLEAR["id"], "x" * 101, "item.outsider", id="a long name"),
        pytest.param("indicator--nothing", AUTHORITY, "item.unknown", id="nothing"),
    ],
)
def test_what_is_not_handed_over_at_all(places: Any, name: str, to: str, code: str) -> None:
    place = places("listed")
    with pytest.raises(AlliedError) as refusal:
        place.hand(name, to=to)
    assert refusal.value.code == code
    assert place.hand(CLEAR["id"]).raw


def test_ones_own_is_nobodys_business_and_who_left_is_no_outsider(places: Any) -> None:
    place = places("listed")
    river, northgate = place.network.houses[RIVER], place.network.houses["northgate"]
    with pytest.raises(AlliedError) as refusal:
        outsiders.hand_over(river.node, river.organisation, [str(CLEAR["id"])], AUTHORITY, QUIETLY)
    assert refusal.value.code == "item.own"
    agreements.withdraw(northgate.node, northgate.actor, place.pact)
    place.network.settle()
    place.network.advance(timedelta(days=100))
    place.network.settle()
    with pytest.raises(AlliedError) as refusal:
        place.hand(CLEAR["id"], to="northgate")
    assert refusal.value.code == "item.a-party"
    assert str(CLEAR["id"]) in held(place.harbour, place.pact)
