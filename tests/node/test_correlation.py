"""Who else has it: counted over what may be seen, whoever asks, however much is stored."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from allied.agreement.values import Tlp
from allied.entrypoints.serving import Keeper
from allied.errors import AlliedError
from allied.exchange.values import values_of
from allied.node import correlation, items, recalls
from allied.node.correlation import Correlations, WhoHas
from allied.node.fellows import Alone
from tests.exchange.samples import indicator, seen, tlp
from tests.node.hands import DEMO, HARBOUR, NORTHGATE, RIVER, allied, share
from tests.node.network import House, Network

MEMBERS = DEMO.replace(b"kind: agency, role: observer", b"kind: agency")
C2 = "[domain-name:value = 'c2.example']"
LATER = "2026-03-02T12:00:00.000Z"


def refused(code: str, call: Callable[[], object]) -> None:
    with pytest.raises(AlliedError) as refusal:
        call()
    assert refusal.value.code == code


def asked(
    house: House, value: str = "c2.example", *, kind: str = "", agreement: str = "", party: str = ""
) -> Correlations:
    return correlation.who_has(
        house.node, house.organisation, value, kind=kind, agreement=agreement, party=party
    )


def only(found: Correlations) -> WhoHas:
    (one,) = found.found
    return one


def parties(found: Correlations) -> dict[str, int]:
    return {each.party: each.items for one in found.found for each in one.parties}


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> tuple[Network, str]:
    """River and Harbour know the same name, each in a spelling and marking of its own.

    Only looked at by the tests that use it.
    """
    network, pact = allied(tmp_path_factory.mktemp("several"))
    river, harbour, _ = network.houses.values()
    share(river, pact, indicator(1, pattern=C2, object_marking_refs=tlp(Tlp.AMBER)))
    network.advance(timedelta(hours=1))
    share(
        harbour,
        pact,
        indicator(
            2,
            pattern=C2.upper().replace("DOMAIN-NAME:VALUE", "domain-name:value"),
            object_marking_refs=tlp(Tlp.GREEN),
        ),
        seen("domain-name", 3, value="C2.Example.", object_marking_refs=tlp(Tlp.AMBER)),
        indicator(4, object_marking_refs=tlp(Tlp.GREEN)),
    )
    network.settle()
    return network, pact


def test_all_who_name_a_value_are_found_in_any_spelling(several: tuple[Network, str]) -> None:
    network, _ = several
    for label in (RIVER, HARBOUR):
        found = asked(network.houses[label], "C2[.]example")
        assert parties(found) == {RIVER: 1, HARBOUR: 2}
        one = only(found)
        assert (one.kind, one.value, one.capped) == ("domain", "c2.example", False)
        first, last = one.parties
        assert first.first < last.first  # whoever was here first
        assert {each.item for each in one.mentions} == {
            indicator(1)["id"], indicator(2)["id"], seen("domain-name", 3)["id"],
        }  # fmt: skip
        assert found.behind == 0
    assert asked(network.houses[RIVER], "n4.example").found
    assert not asked(network.houses[RIVER], "n5.example").found  # the twin that nobody names


def test_whoever_sees_less_is_told_of_less(several: tuple[Network, str]) -> None:
    network, _ = several
    northgate = network.houses[NORTHGATE]  # an observer: GREEN and no more
    found = only(asked(northgate))
    assert [each.party for each in found.parties] == [HARBOUR]
    assert [each.item for each in found.mentions] == [indicator(2)["id"]]


@pytest.mark.parametrize("holder", [RIVER, HARBOUR])
@pytest.mark.parametrize("party", [RIVER, HARBOUR, NORTHGATE])
def test_as_a_party_is_what_that_party_has_from_the_holder(
    several: tuple[Network, str], holder: str, party: str
) -> None:
    network, _ = several
    house, other = network.houses[holder], network.houses[party]
    if holder == party:
        refused(
            "exchange.not-a-party", lambda: asked(house, agreement="river-harbour", party=party)
        )
        return
    told = asked(house, agreement="river-harbour", party=party)
    there = {
        each.item
        for one in asked(other).found
        for each in one.mentions
        if each.organisation == house.organisation.id
    }
    assert {each.item for one in told.found for each in one.mentions} == there
    assert parties(told).keys() <= {holder}


@pytest.mark.parametrize(
    ("narrowed", "code"),
    [
        pytest.param({"party": NORTHGATE}, "correlation.needs-agreement", id="of which agreement"),
        pytest.param(
            {"party": "nobody", "agreement": "river-harbour"},
            "exchange.not-a-party",
            id="a stranger",
        ),
        pytest.param({"agreement": "another"}, "agreement.unknown", id="no such agreement"),
        pytest.param({"kind": "points-to"}, "correlation.kind", id="no kind to ask for"),
        pytest.param({"kind": "ipv4"}, "correlation.no-value", id="no value of that kind"),
    ],
)
def test_what_is_asked_wrongly(
    several: tuple[Network, str], narrowed: dict[str, str], code: str
) -> None:
    house = several[0].houses[RIVER]
    refused(code, lambda: asked(house, **narrowed))
    assert asked(house, kind="domain", agreement="river-harbour").found  # the twin


def test_what_a_token_may_not_see_counts_nowhere(several: tuple[Network, str]) -> None:
    network, _ = several
    river = network.houses[RIVER]
    with river.node.store.read() as reading:
        agreement = reading.agreements()[0].id
        (amber,) = {
            row.class_id
            for row in reading.items(agreement, river.organisation.id, limit=10)
            if row.id == indicator(1)["id"]
        }
    found = correlation.who_has(
        river.node, river.organisation, "c2.example", within={agreement: [amber]}
    )
    assert parties(found) == {RIVER: 1}
    none = correlation.who_has(river.node, river.organisation, "c2.example", within={})
    assert none.found == ()
    other = correlation.correlations(
        river.node, river.organisation, str(indicator(1)["id"]), within={agreement: [amber]}
    )
    assert (other.found, other.values) == ((), 1)
    refused(
        "item.unknown",
        lambda: correlation.correlations(
            river.node, river.organisation, str(indicator(2)["id"]), within={agreement: [amber]}
        ),
    )


def test_an_item_is_held_against_all_others(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river = network.houses[RIVER]
    share(river, pact, indicator(1, pattern=C2), seen("domain-name", 2, value="C2.example."))
    both = "[domain-name:value = 'c2.example' AND domain-name:value = 'alone.example']"
    share(river, pact, indicator(9, pattern=both))
    found = correlation.correlations(river.node, river.organisation, str(indicator(9)["id"]))
    assert (found.values, found.left_out) == (2, 0)
    assert only(found).value == "c2.example"
    assert parties(found) == {RIVER: 2}  # not itself


def test_the_version_that_counts_is_the_newest_and_a_revoked_one_names_nothing(
    tmp_path: Path,
) -> None:
    network, pact = allied(tmp_path, MEMBERS)
    river, harbour, _ = network.houses.values()
    share(river, pact, indicator(1, pattern=C2), indicator(2, pattern=C2))
    network.settle()
    assert parties(asked(harbour)) == {RIVER: 2}
    share(
        river,
        pact,
        indicator(1, modified=LATER),
        indicator(2, pattern=C2, modified=LATER, revoked=True),
    )
    network.settle()
    assert not asked(harbour).found
    assert parties(asked(harbour, "n1.example")) == {RIVER: 1}


def test_what_was_recalled_is_named_no_more_and_what_it_replaced_does_not_come_back(
    tmp_path: Path,
) -> None:
    network, pact = allied(tmp_path, MEMBERS)
    river, harbour, _ = network.houses.values()
    share(river, pact, indicator(1, pattern=C2), indicator(2, pattern=C2))
    share(river, pact, indicator(2, pattern=C2, modified=LATER))
    network.settle()
    assert parties(asked(harbour)) == {RIVER: 2}
    latest = items.show(river.node, river.organisation, str(indicator(2)["id"]))
    recalls.recall(river.node, river.actor, str(latest.item.seq), pact, "a mistake")
    network.settle()
    for house in (river, harbour):
        assert [each.item for each in only(asked(house)).mentions] == [indicator(1)["id"]]
    recalls.recall(river.node, river.actor, str(indicator(1)["id"]), pact, "a mistake")
    network.settle()
    assert not asked(harbour).found
    assert not asked(river).found


def test_an_item_that_is_labelled_anew_is_found_under_its_new_number(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river = network.houses[RIVER]
    share(river, pact, indicator(1, pattern=C2), indicator(2, object_marking_refs=tlp(Tlp.GREEN)))
    assert parties(asked(river)) == {RIVER: 1}
    with river.node.store.write() as writing:
        agreement = writing.agreements()[0].id
        amber, green = writing.items(agreement, river.organisation.id, limit=10)
        writing.relabel_items([amber], green.class_id, network.clock.now())
    (mention,) = only(asked(river)).mentions
    assert (mention.item, mention.tlp) == (indicator(1)["id"], "GREEN")
    assert mention.seq > green.seq


def test_the_same_object_under_two_agreements_counts_once(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, MEMBERS)
    second = network.sign_all(MEMBERS.replace(b"id: river-harbour", b"id: another"), RIVER)
    river = network.houses[RIVER]
    for each in (pact, second):
        share(river, each, indicator(1, pattern=C2))
    network.settle()
    found = only(asked(network.houses[HARBOUR]))
    assert [each.items for each in found.parties] == [1]
    under = only(asked(network.houses[HARBOUR], agreement="another"))
    assert [each.alias for each in under.mentions] == ["another"]


def test_looking_in_steps_comes_to_the_same(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river = network.houses[RIVER]
    share(river, pact, *(indicator(n, pattern=C2) for n in range(10, 17)))
    with river.node.store.read() as reading:
        stored = correlation.behind(reading)
    done = []
    while step := correlation.keep_up(river.node, 3):
        done.append(step)
    assert sum(done) == stored
    assert max(done) == 3
    with river.node.store.read() as reading:
        assert correlation.behind(reading) == 0
    assert parties(asked(river)) == {RIVER: 7}


def test_a_serving_node_looks_at_what_is_new_when_it_is_quiet(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river = network.houses[RIVER]
    share(river, pact, *(indicator(n, pattern=C2) for n in range(120)))
    looks = threading.Semaphore(0)

    def wait(_: float) -> bool:
        looks.release()
        time.sleep(0.01)
        return False

    keeper = Keeper(river.node, river.keys, wait, 3_600, Alone())
    keeper.start()
    try:
        for _ in range(500):
            assert looks.acquire(timeout=30)
            with river.node.store.read() as reading:
                if not correlation.behind(reading):
                    break
    finally:
        keeper.stop()
    with river.node.store.read() as reading:
        assert correlation.behind(reading) == 0
        assert reading.paired_until() > 0
    assert parties(asked(river)) == {RIVER: 120}


def test_others_get_their_turn_while_items_are_looked_at(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river = network.houses[RIVER]
    share(river, pact, *(indicator(n) for n in range(2 * correlation.AT_ONCE + 1)))
    turns: list[int] = []
    correlation.keep_up(river.node, 1_000, pause=lambda: turns.append(1))
    assert len(turns) == 2


def test_what_everybody_names_is_capped_and_shown_as_such(tmp_path: Path) -> None:
    """MISP#8275: a value in thousands of items must not correlate with each of them."""
    network, pact = allied(tmp_path)
    river = network.houses[RIVER]
    many = correlation.MOST_MENTIONS
    share(river, pact, *(indicator(n, pattern=C2) for n in range(many)))
    assert not only(asked(river)).capped
    share(river, pact, indicator(many, pattern=C2, object_marking_refs=tlp(Tlp.GREEN)))
    found = only(asked(river))
    assert found.capped
    assert len(found.mentions) == many
    assert found.mentions[0].item == indicator(many)["id"]  # the newest are looked at
    # Whoever may see one of them is not told that there are more.
    told = only(asked(river, agreement="river-harbour", party=NORTHGATE))
    assert (told.capped, [each.items for each in told.parties]) == (False, [1])


# --- against a search through everything ------------------------------------------------


def searched(house: House) -> dict[str, set[str]]:
    """By value, which objects name it: found by reading whatever the house shows of itself."""
    newest: dict[tuple[str, str], items.ItemView] = {}
    for each in items.list_items(house.node, house.organisation, limit=10_000):
        known = newest.get((each.originator, each.id))
        if known is None or each.modified > known.modified:
            newest[each.originator, each.id] = each
    found: dict[str, set[str]] = {}
    for (originator, _), each in newest.items():
        raw = items.show(house.node, house.organisation, str(each.seq)).raw
        for value in values_of(raw, each.type):
            found.setdefault(value.text, set()).add(f"{originator} {each.id}")
    return found


def answered(house: House, value: str, *, agreement: str = "", party: str = "") -> set[str]:
    return {
        f"{each.party} {each.item}"
        for one in asked(house, value, agreement=agreement, party=party).found
        for each in one.mentions
    }


@pytest.mark.parametrize("seed", [1, 2])
def test_the_answer_is_what_a_search_through_everything_seen_would_find(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    network, pact = allied(tmp_path)
    houses = list(network.houses.values())
    names = [f"v{n}.example" for n in range(6)]
    for turn in range(12):
        house = chance.choice(houses[:2])
        objects = []
        for _ in range(4):
            number = chance.randrange(8) + (100 if house is houses[1] else 0)
            told = " OR ".join(f"domain-name:value = '{each}'" for each in chance.sample(names, 2))
            objects.append(
                indicator(
                    number,
                    pattern=f"[{told}]",
                    modified=f"2026-03-0{1 + chance.randrange(9)}T13:{turn:02}:00.000Z",
                    revoked=chance.random() < 0.1,
                    object_marking_refs=tlp(chance.choice([Tlp.GREEN, Tlp.AMBER])),
                )
            )
        share(house, pact, *objects)
        if chance.random() < 0.4:
            network.settle()
            correlation.keep_up(chance.choice(houses).node, chance.randrange(1, 20))
    network.settle()
    for house in houses:
        seen_here = searched(house)
        for name in names:
            assert answered(house, name) == seen_here.get(name, set())
    for holder in houses[:2]:
        northgate = searched(houses[2])
        for name in names:
            shown = answered(holder, name, agreement="river-harbour", party=NORTHGATE)
            there = {each for each in northgate.get(name, set()) if each.startswith(holder.label)}
            assert shown == there
