"""Stories on sharing in which hours, days or years pass: production nodes in one process.

The nodes, their stores and every rule are the real ones; only the wire between them is short and
the clock is set by hand (see `tests.node.network`), because nobody waits thirty days for a test.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from allied.agreement.values import Tlp
from allied.node import agreements, consents, items, ledger, passing, recalls, remarks, sync
from allied.node.provenance import SOURCE_RECALLED
from allied.node.recall_views import HolderView, RecallView, list_recalls
from allied.node.shared import Wish
from tests.exchange.samples import indicator, tlp
from tests.node.hands import held, propose, share
from tests.node.network import House, Network
from tests.stories.told import tells

RIVER, HARBOUR, NORTHGATE = "river", "harbour", "northgate"
HOLDERS = ("p1", "p2", "p3", "p4", "p5")
ITEM = indicator(1, object_marking_refs=tlp(Tlp.AMBER))
PUBLIC = indicator(2, object_marking_refs=tlp(Tlp.CLEAR))
NAME = str(ITEM["id"])


def text(labels: Sequence[str], *clause: str, more: Sequence[str] = ()) -> bytes:
    """An agreement among these parties, with one clause on sharing."""
    lines = [
        "format: alliance/1",
        "id: in-time",
        "title: Those who share",
        "form: {kind: contract, binding: yes}",
        "parties:",
        *(f"  - {{id: {each}, name: House {each}, kind: company}}" for each in labels),
        "life:",
        "  in_force_when: all signed",
        "  withdrawal:",
        "    {notice: immediately, open_incidents: stop, information_after: keep-markings}",
        *more,
        "articles:",
        '  - art: "1"',
        "    type: information-sharing",
        "    share: all",
        "    max_tlp: AMBER",
        "    default_tlp: AMBER",
        *(f"    {each}" for each in clause),
    ]
    return "\n".join(lines).encode() + b"\n"


ONWARD = "third_party: originator-consent"
RECALL = "recall: {comply_within: 48 hours, confirm: yes}"


def houses(root: Path, labels: Sequence[str], agreement: bytes) -> tuple[Network, str]:
    network = Network(root)
    for label in labels:
        network.found(label, f"House {label}")
    network.introduce_all()
    return network, network.sign_all(agreement, labels[0])


# --- 17 -----------------------------------------------------------------------------------


@tells("scenario 17")
def test_silence_of_the_originator_is_no_for_however_long(tmp_path: Path) -> None:
    labels = (RIVER, HARBOUR, NORTHGATE)
    network, pact = houses(tmp_path, labels, text(labels, ONWARD, "originator_control: yes"))
    river, harbour, northgate = network.houses.values()
    network.cut_between(RIVER, NORTHGATE)
    share(river, pact, ITEM)
    network.settle()
    request = consents.ask(harbour.node, harbour.actor, NAME, NORTHGATE, "they are next")
    for days in (1, 29, 335):
        network.advance(timedelta(days=days))
        network.settle()
        (found,) = passing.pass_on(harbour.node, harbour.organisation, NAME, [NORTHGATE])
        assert (found.permitted, found.outcome) == (False, "ask-originator")
        network.settle()
        assert NAME not in held(northgate, pact)
    consents.reply(river.node, river.actor, request.id, yes=True)  # the twin: a year later, a yes
    network.settle()
    (found,) = passing.pass_on(harbour.node, harbour.organisation, NAME, [NORTHGATE])
    assert found.permitted
    network.settle()
    assert NAME in held(northgate, pact)


# --- 19 -----------------------------------------------------------------------------------


@tells("scenario 19", "MISP#4681")
def test_a_recall_reaches_five_who_got_it_from_another_flags_products_and_lists_the_silent(
    tmp_path: Path,
) -> None:
    network, pact = star(tmp_path)
    river, harbour = network.houses[RIVER], network.houses[HARBOUR]
    share(river, pact, ITEM)
    around(network)
    passing.pass_on(harbour.node, harbour.organisation, NAME, HOLDERS)
    around(network)
    products = [indicator(number, object_marking_refs=tlp(Tlp.AMBER)) for number in (11, 12)]
    for label, product in zip(HOLDERS, products, strict=False):
        share(network.houses[label], pact, product, wish=Wish(made_from=(NAME,)))
    share(harbour, pact, PUBLIC)
    around(network)
    for label in HOLDERS:
        assert NAME in held(network.houses[label], pact)

    recalls.recall(river.node, river.actor, NAME, pact, "it was wrong")
    recalls.recall(harbour.node, harbour.actor, str(PUBLIC["id"]), pact, "it was wrong as well")
    around(network, 2)
    for label in network.houses:
        assert NAME not in held(network.houses[label], pact)
    said = network.clock.now()
    for label, product in zip(HOLDERS, products, strict=False):
        maker = network.houses[label]
        (told,) = [each for each in list_recalls(maker.node, maker.organisation)
                   if each.item == NAME]  # fmt: skip
        assert told.products == (str(product["id"]),)
        flags = remarks.list_remarks(maker.node, maker.organisation, str(product["id"]))
        assert SOURCE_RECALLED in {each.kind for each in flags}
    for label in HOLDERS[1:]:  # what is public is corrected, and stays
        house = network.houses[label]
        assert str(PUBLIC["id"]) in held(house, pact)
        assert states(house_view(harbour, str(PUBLIC["id"])))[label] == "corrected"

    recalls.answer(network.houses["p1"].node, network.houses["p1"].actor, NAME)
    recalls.answer(network.houses["p2"].node, network.houses["p2"].actor, NAME, kept="a trial")
    recalls.answer(harbour.node, harbour.actor, NAME)
    around(network)
    assert states(house_view(harbour, NAME)) == {
        "p1": "deleted", "p2": "kept", "p3": "owed", "p4": "owed", "p5": "owed",
    }  # fmt: skip
    due = {each.due for each in holders(house_view(harbour, NAME))}
    assert all(each is not None and each - said <= timedelta(hours=48) for each in due)

    network.advance(timedelta(hours=49))
    around(network)
    assert states(house_view(harbour, NAME)) == {
        "p1": "deleted", "p2": "kept", "p3": "overdue", "p4": "overdue", "p5": "overdue",
    }  # fmt: skip
    assert sorted(house_view(harbour, NAME).silent) == ["p3", "p4", "p5"]
    (mine,) = holders(house_view(river, NAME))
    assert (mine.party, mine.state, mine.onward) == (HARBOUR, "deleted", HOLDERS)


def star(root: Path) -> tuple[Network, str]:
    """River, five others, and Harbour between them: once all have signed, all go by Harbour."""
    labels = (RIVER, HARBOUR, *HOLDERS)
    network = Network(root)
    for label in labels:
        network.found(label, f"House {label}")
    network.introduce_all()
    river = network.houses[RIVER]
    pact = propose(river, text(labels, ONWARD, RECALL))
    agreements.sign(river.node, river.actor, pact)
    around(network)
    for house in network.houses.values():
        if house is not river:
            agreements.sign(house.node, house.actor, pact)
    around(network)
    river.sync()  # it has heard from most of them who is a party; from here on the lines are cut
    for each in HOLDERS:
        network.cut_between(RIVER, each)
    return network, pact


def around(network: Network, rounds: int = 1) -> None:
    """Harbour exchanges with everybody, then everybody with Harbour."""
    harbour = network.houses[HARBOUR]
    for _ in range(rounds):
        harbour.sync()
        for house in network.houses.values():
            if house is not harbour:
                sync.sync(house.node, house.keys, only=harbour.organisation.id)
        harbour.sync()


def house_view(house: House, item: str) -> RecallView:
    """The recall of an item as the one who said it sees it."""
    (found,) = [
        each
        for each in list_recalls(house.node, house.organisation)
        if each.item == item and each.mine
    ]
    return found


def holders(view: RecallView) -> Sequence[HolderView]:
    return view.holders


def states(view: RecallView) -> dict[str, str]:
    return {each.party: each.state for each in view.holders}


# --- 29 -----------------------------------------------------------------------------------

SHIELD = (
    "protections:",
    "  - {name: information-sharing shield, jurisdiction: US,"
    " valid: [2015-12-18/2025-09-30, 2025-11-12/2026-01-30]}",
)


@tells("scenario 29")
@pytest.mark.parametrize(
    ("day", "lapsed"),
    [
        pytest.param(datetime(2025, 10, 15, 12, tzinfo=UTC), True, id="15 October 2025"),
        pytest.param(datetime(2025, 11, 15, 12, tzinfo=UTC), False, id="15 November 2025"),
    ],
)
def test_a_legal_shield_that_lapsed_is_said_and_the_clause_holds(
    tmp_path: Path, day: datetime, lapsed: bool
) -> None:
    labels = (RIVER, HARBOUR, NORTHGATE)
    network = Network(tmp_path)
    network.clock.set(day)
    for label in labels:
        network.found(label, f"House {label}")
    network.introduce_all()
    wording = text(labels, "legal_shield: information-sharing shield", more=SHIELD)
    pact = network.sign_all(wording, RIVER)
    share(network.houses[RIVER], pact, ITEM)
    network.settle()
    for house in network.houses.values():
        assert NAME in held(house, pact)  # the clause is in force all the same
        due = {each.kind for each in agreements.show(house.node, pact).agenda}
        assert ("protection-lapsed" in due) == lapsed


# --- who is a party -------------------------------------------------------------------------


@tells("MISP#7715", "MISP#10899")
def test_a_node_that_was_cut_off_and_has_not_heard_who_left_releases_nothing_for_long(
    tmp_path: Path,
) -> None:
    labels = (RIVER, HARBOUR, NORTHGATE)
    network, pact = houses(tmp_path, labels, text(labels, ONWARD, RECALL))
    river, harbour, northgate = network.houses.values()
    network.settle()
    network.cut_between(HARBOUR, RIVER)  # River hears nothing but Northgate any more
    agreements.withdraw(northgate.node, northgate.actor, pact)
    harbour.sync()
    northgate_says_nothing(network)
    network.advance(timedelta(hours=25))
    amber, green = ITEM, indicator(3, object_marking_refs=tlp(Tlp.GREEN))
    share(river, pact, amber, green)
    northgate.sync()
    assert NAME not in held(northgate, pact)
    with river.node.store.read() as reading:
        rows = reading.ledger(river.organisation.id)
    assert [(row.recipient, row.outcome) for row in rows if row.code == "exchange.membership-stale"
            ] == [(NORTHGATE, ledger.REFUSED)]  # fmt: skip
    network.heal()
    network.settle()
    assert NAME in held(harbour, pact)  # the twin, who is a party
    assert NAME not in held(northgate, pact)
    assert not items.explain(river.node, river.organisation, NAME, NORTHGATE).permitted


def northgate_says_nothing(network: Network) -> None:
    """Northgate fetches from River, and lets River fetch nothing, so that River does not know."""
    river, northgate = (network.houses[each].organisation.id for each in (RIVER, NORTHGATE))
    network.cut.add((river, northgate))
