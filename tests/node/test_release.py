"""Verdicts as of the date: what changes takes effect on the next request, and nothing lingers."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from allied.agreement.values import Tlp
from allied.errors import AlliedError
from allied.exchange import limits
from allied.node import agreements, items, release
from allied.node.messages import ItemsQuestion
from allied.node.pages import ItemsAnswer
from allied.node.shared import Wish
from allied.record.ids import AgreementId
from tests.exchange.samples import indicator, tlp
from tests.node.hands import DEMO, HARBOUR, NORTHGATE, RIVER, allied, held, propose, share, three
from tests.node.network import House, Network

MEMBERS = DEMO.replace(b"kind: agency, role: observer", b"kind: agency")
NOW = MEMBERS.replace(b"withdrawal: {notice: 90 days", b"withdrawal: {notice: immediately")
LATE = MEMBERS.replace(b"in_force_when: all signed", b"in_force_when: {count: 2, of: signed}")
OPEN = indicator(1, object_marking_refs=tlp(Tlp.GREEN))
AMBER = indicator(2, object_marking_refs=tlp(Tlp.AMBER))
NEXT = indicator(3, object_marking_refs=tlp(Tlp.AMBER))


def page(holder: House, caller: House, pact: str, after: str = "") -> ItemsAnswer:
    """What a house answers another that asks for items."""
    question = ItemsQuestion(AgreementId(pact), after)
    return ItemsAnswer.decode(
        release.page(holder.node, caller.organisation.id, holder.organisation.id, question)
    )


def got(holder: House, caller: House, pact: str, after: str = "") -> set[str]:
    found = page(holder, caller, pact, after)
    return {each.id for each in found.items if not each.id.startswith("marking-definition")}


def stale_rows(house: House) -> list[str]:
    with house.node.store.read() as reading:
        rows = reading.ledger(house.organisation.id)
    return [row.recipient for row in rows if row.code == limits.STALE]


def name(item: dict[str, object]) -> str:
    return str(item["id"])


def test_a_second_request_judges_nothing_again(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, MEMBERS)
    river, harbour, _ = network.houses.values()
    share(river, pact, OPEN, AMBER)
    first = page(river, harbour, pact)
    judged = river.node.verdicts.judged
    assert page(river, harbour, pact).items == first.items
    assert river.node.verdicts.judged == judged
    share(river, pact, indicator(4, object_marking_refs=tlp(Tlp.CLEAR)))
    page(river, harbour, pact)  # the twin: a class that is new is judged, and no other
    assert river.node.verdicts.judged == judged + 1


def test_only_classes_that_the_holder_has_items_of_are_judged(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, MEMBERS)
    river, harbour, _ = network.houses.values()
    share(harbour, pact, OPEN, AMBER)
    network.settle()
    judged = river.node.verdicts.judged
    assert got(river, harbour, pact) == set()
    assert river.node.verdicts.judged == judged


def test_who_has_left_gets_nothing_on_the_next_request(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, NOW)
    river, harbour, northgate = network.houses.values()
    share(river, pact, OPEN, AMBER)
    assert got(river, northgate, pact) == {name(OPEN), name(AMBER)}
    agreements.withdraw(northgate.node, northgate.actor, pact)
    network.advance(timedelta(days=1))
    river.sync()
    assert got(river, northgate, pact) == set()
    assert got(river, harbour, pact) == {name(OPEN), name(AMBER)}  # the twin that stays


def test_a_clause_that_ends_ends_it_on_the_next_request(tmp_path: Path) -> None:
    text = MEMBERS.replace(b"    duty: should\n", b"    duty: should\n    until: 2026-11-23\n")
    network, pact = allied(tmp_path, text)
    river, harbour, _ = network.houses.values()
    share(river, pact, OPEN)
    assert got(river, harbour, pact) == {name(OPEN)}
    network.advance(timedelta(days=1))
    assert got(river, harbour, pact) == set()


def late(tmp_path: Path, text: bytes = LATE) -> tuple[Network, str]:
    """A pact of River and Harbour to which Northgate is invited."""
    network = three(tmp_path)
    river, harbour, _ = network.houses.values()
    pact = propose(river, text)
    agreements.sign(river.node, river.actor, pact)
    network.settle()
    agreements.sign(harbour.node, harbour.actor, pact)
    network.settle()
    network.advance(timedelta(minutes=5))
    return network, pact


def joins(network: Network, label: str, pact: str) -> None:
    network.advance(timedelta(minutes=5))
    house = network.houses[label]
    agreements.sign(house.node, house.actor, pact)
    network.advance(timedelta(minutes=5))
    network.settle()


@pytest.mark.parametrize(
    ("history", "sees"),
    [
        pytest.param(b"from-joining", {3}, id="what was shared from its joining on"),
        pytest.param(b"none", {3}, id="nothing of what was before"),
        pytest.param(b"all", {1, 3}, id="everything"),
    ],
)
def test_who_joins_late_sees_what_the_agreement_says(
    tmp_path: Path, history: bytes, sees: set[int]
) -> None:
    text = LATE.replace(b"life:\n", b"life:\n  history: " + history + b"\n")
    network, pact = late(tmp_path, text)
    river, harbour, northgate = network.houses.values()
    share(river, pact, OPEN)
    network.settle()
    assert held(northgate, pact) == []
    joins(network, NORTHGATE, pact)
    share(river, pact, NEXT)
    network.settle()
    numbered = {1: name(OPEN), 3: name(NEXT)}
    assert {each for each in held(northgate, pact) if each.startswith("indicator")} == {
        numbered[each] for each in sees
    }
    assert name(OPEN) in held(harbour, pact)
    told = items.explain(river.node, river.organisation, name(OPEN), NORTHGATE)
    assert told.permitted == (1 in sees)
    assert told.code == ("exchange.permitted" if 1 in sees else "exchange.before-joining")
    assert items.explain(river.node, river.organisation, name(NEXT), NORTHGATE).permitted


def test_what_becomes_visible_behind_the_place_of_a_reader_is_not_missed(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, MEMBERS)
    river, harbour, _ = network.houses.values()
    share(river, pact, OPEN, AMBER)
    network.settle()
    network.advance(timedelta(days=2))
    place = page(river, harbour, pact).next  # AMBER was not to be seen when this was given
    assert got(river, harbour, pact, place) == set()
    river.sync()
    assert got(river, harbour, pact, place) == {name(OPEN), name(AMBER)}


@pytest.mark.parametrize("cursor", ["x", "1", "1.2", "1.2.3.4", "-1.2.a", "1.9" + "9" * 20 + ".a"])
def test_a_forged_cursor_is_refused(tmp_path: Path, cursor: str) -> None:
    network, pact = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    with pytest.raises(AlliedError) as refusal:
        page(river, harbour, pact, cursor)
    assert refusal.value.code == "exchange.bad-cursor"
    assert page(river, harbour, pact, page(river, harbour, pact).next).items == ()


def test_a_cursor_of_somebody_else_starts_from_the_beginning(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, MEMBERS)
    river, harbour, northgate = network.houses.values()
    share(river, pact, OPEN)
    network.settle()
    place = page(river, harbour, pact).next
    assert got(river, harbour, pact, place) == set()
    assert got(river, northgate, pact, place) == {name(OPEN)}


# --- freshness ----------------------------------------------------------------------------


def cut_off(network: Network, label: str, keeps: str) -> None:
    for other in network.houses:
        if other not in (label, keeps):
            network.cut_between(label, other)


def test_a_node_that_was_cut_off_leaks_nothing_for_longer_than_the_freshness(
    tmp_path: Path,
) -> None:
    """MISP#7715, #10899: whoever was removed gets nothing by way of a third node either."""
    network, pact = allied(tmp_path, NOW)
    river, harbour, northgate = network.houses.values()
    share(river, pact, OPEN, AMBER)
    cut_off(network, RIVER, NORTHGATE)
    agreements.withdraw(northgate.node, northgate.actor, pact)
    harbour.sync()
    network.advance(timedelta(hours=23))
    assert got(river, northgate, pact) == {name(OPEN), name(AMBER)}  # not known here yet
    network.advance(timedelta(hours=2))
    assert got(river, northgate, pact) == {name(OPEN)}
    assert stale_rows(river) == [NORTHGATE]
    assert got(river, northgate, pact) == {name(OPEN)}
    assert stale_rows(river) == [NORTHGATE]  # written down once
    network.heal()
    river.sync()
    assert got(river, northgate, pact) == set()


def test_a_clock_that_was_ahead_for_a_while_keeps_nothing_back_once_it_is_right(
    tmp_path: Path,
) -> None:
    network, pact = allied(tmp_path, MEMBERS)
    river, now = network.houses[RIVER], network.clock.now()
    share(river, pact, OPEN, AMBER)
    network.advance(timedelta(days=60))
    network.settle()
    network.clock.set(now + timedelta(minutes=2))
    assert not items.explain(river.node, river.organisation, name(AMBER), HARBOUR).permitted
    network.settle()
    assert items.explain(river.node, river.organisation, name(AMBER), HARBOUR).permitted


def test_what_is_green_needs_no_confirmation_and_what_is_stale_is_explained(
    tmp_path: Path,
) -> None:
    network, pact = allied(tmp_path, MEMBERS)
    river = network.houses[RIVER]
    share(river, pact, OPEN, AMBER)
    network.advance(timedelta(days=2))
    found = items.explain(river.node, river.organisation, name(AMBER), HARBOUR)
    assert (found.permitted, found.code) == (False, limits.STALE)
    assert items.explain(river.node, river.organisation, name(OPEN), HARBOUR).permitted
    network.settle()
    assert items.explain(river.node, river.organisation, name(AMBER), HARBOUR).permitted


def test_the_clause_says_how_fresh(tmp_path: Path) -> None:
    text = MEMBERS.replace(b"    duty: should\n", b"    duty: should\n    freshness: 30 minutes\n")
    network, pact = allied(tmp_path, text)
    river, harbour, _ = network.houses.values()
    share(river, pact, AMBER)
    assert got(river, harbour, pact) == {name(AMBER)}
    network.advance(timedelta(minutes=31))
    assert got(river, harbour, pact) == set()
    river.sync()
    assert got(river, harbour, pact) == {name(AMBER)}


def test_in_a_pact_of_two_members_the_other_one_confirms(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)  # Northgate is an observer: nobody else decides
    river, harbour, _ = network.houses.values()
    share(river, pact, AMBER)
    network.advance(timedelta(days=2))
    assert got(river, harbour, pact) == set()
    network.cut_between(RIVER, NORTHGATE)
    river.sync()
    assert got(river, harbour, pact) == {name(AMBER)}


def test_the_recipient_itself_confirms_nothing_where_there_is_another_member(
    tmp_path: Path,
) -> None:
    network, pact = allied(tmp_path, MEMBERS)
    river, harbour, northgate = network.houses.values()
    share(river, pact, AMBER)
    network.advance(timedelta(days=2))
    network.cut_between(RIVER, NORTHGATE)
    river.sync()
    assert got(river, harbour, pact) == set()
    assert got(river, northgate, pact) == {name(AMBER)}  # Harbour was heard


# --- what is said about a share -----------------------------------------------------------

SHIELD = (
    "protections: [{name: the shield, valid: [2026-01-01/2026-11-24, 2026-12-24/2027-06-30]}]\n"
)
SHIELDED = MEMBERS.replace(
    b"    duty: should\n", b"    duty: should\n    legal_shield: the shield\n"
)
SHIELDED = SHIELDED.replace(b"articles:\n", SHIELD.encode() + b"articles:\n")


def warned(house: House, pact: str, item: dict[str, object], wish: Wish | None = None) -> set[str]:
    found = share(house, pact, item, wish=wish)
    assert found.stored == 1
    return {f"{each.art} {each.code}" for each in found.warnings}


def test_a_shield_that_lapses_is_warned_of_and_the_clause_holds(tmp_path: Path) -> None:
    """Scenario 29."""
    network, pact = allied(tmp_path, SHIELDED)
    river, harbour, _ = network.houses.values()
    assert warned(river, pact, OPEN) == set()
    network.advance(timedelta(days=2))
    network.settle()
    lapsed = {"1 exchange.legal-shield-lapsed"}
    assert warned(river, pact, AMBER) == lapsed
    told = items.explain(river.node, river.organisation, name(AMBER), HARBOUR)
    assert told.permitted
    assert {f"{each.art} {each.code}" for each in told.warnings} == lapsed
    assert name(AMBER) in got(river, harbour, pact)
    network.advance(timedelta(days=30))
    network.settle()
    assert warned(river, pact, NEXT) == set()
    told = items.explain(river.node, river.organisation, name(AMBER), HARBOUR)
    assert told.warnings == ()


def test_what_is_shared_later_than_the_clause_asks_is_said(tmp_path: Path) -> None:
    text = MEMBERS.replace(b"    within: 24 hours\n", b"    within: 4 hours\n")
    network, pact = allied(tmp_path, text)
    river = network.houses[RIVER]
    now = network.clock.now()
    in_time = Wish(known_at=now - timedelta(hours=3))
    assert warned(river, pact, OPEN, in_time) == set()
    late = Wish(known_at=now - timedelta(hours=4))
    assert warned(river, pact, AMBER, late) == {"1 exchange.shared-late"}
    with pytest.raises(AlliedError) as refusal:
        share(river, pact, NEXT, wish=Wish(known_at=now + timedelta(hours=1)))
    assert refusal.value.code == "share.known-at"


def test_sharing_again_with_a_stricter_marking_says_that_it_changes_nothing(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, MEMBERS)
    river, harbour, northgate = network.houses.values()
    share(river, pact, OPEN, AMBER)
    again = share(river, pact, OPEN, AMBER, wish=Wish(to=(HARBOUR,)))
    assert again.stored == 0
    assert [each.code for each in again.warnings] == ["exchange.marked-before"]
    assert name(OPEN) in got(river, northgate, pact)
    same = share(river, pact, OPEN, AMBER)
    assert same.warnings == ()
    newer = OPEN | {"modified": "2026-11-22T00:00:00.000Z"}
    closer = share(river, pact, newer, wish=Wish(to=(HARBOUR,)))
    assert (closer.stored, closer.warnings) == (1, ())
    versions = {each.modified for each in page(river, northgate, pact).items}
    assert newer["modified"] not in versions  # a new marking holds from the next request on
    assert newer["modified"] in {each.modified for each in page(river, harbour, pact).items}
