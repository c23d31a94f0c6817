"""MISP events between nodes: shared under an agreement, and given out at the other end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from allied.errors import AlliedError
from allied.exchange import misp
from allied.exchange.misp_out import Written, file_of
from allied.node import sharing
from allied.node.misp import EventOutcome, Groups, give_out, take_in
from tests.exchange.test_misp import attribute, event, everything, number, published
from tests.node.hands import HARBOUR, NORTHGATE, RIVER, allied, held
from tests.node.network import House


def shared(
    house: House, pact: str, *events: dict[str, Any], wish: sharing.Wish | None = None, **more: Any
) -> list[EventOutcome]:
    read = misp.read_events(json.dumps([{"Event": each} for each in events]).encode())
    groups = more.pop("groups", Groups())
    return list(
        take_in(
            house.node, house.organisation, house.keys, read, pact, wish or sharing.Wish(),
            groups=groups, **more,
        )
    )  # fmt: skip


def given(house: House, pact: str, ceiling: str = "AMBER") -> Written:
    return give_out(house.node, house.organisation, pact, ceiling=ceiling)


def values(written: Written) -> set[str]:
    return {
        each["value"]
        for made in written.events
        for within in (made, *made["Object"])
        for each in within["Attribute"]
    }


def green(*attributes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return event(*attributes, **{"Tag": [{"name": "tlp:green"}], **more})


def test_an_event_that_river_shares_is_an_event_again_at_harbour(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, northgate = network.houses.values()
    (outcome,) = shared(river, pact, green(attribute("domain", "evil.example", comment="seen")))
    assert outcome.shared is not None
    assert not outcome.shared.invalid
    network.settle()
    for house in (harbour, northgate):
        (again,) = given(house, pact).events
        (made,) = again["Attribute"]
        assert (made["type"], made["value"], made["comment"]) == ("domain", "evil.example", "seen")
        assert (again["uuid"], again["distribution"]) == (event()["uuid"], "1")
        assert {"name": "tlp:green"} in again["Tag"]
        assert again["Orgc"]["name"] == "River"


def test_a_mapped_group_reaches_its_parties_and_nobody_else(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, northgate = network.houses.values()
    one = green(
        attribute("domain", "evil.example"), distribution="4", SharingGroup={"name": "banks"}
    )
    (refused,) = shared(river, pact, one)
    assert refused.refused
    assert [each.what for each in refused.losses] == ["event"]
    groups = Groups.read(["banks=harbour"])
    (nobody,) = shared(river, pact, one, groups=groups, wish=sharing.Wish(to=(NORTHGATE,)))
    assert nobody.refused
    (outcome,) = shared(river, pact, one, groups=groups)
    assert outcome.shared is not None
    network.settle()
    assert held(harbour, pact)
    assert not held(northgate, pact)


@pytest.mark.parametrize("text", ["banks", "=harbour", "banks=", "banks= ,"])
def test_a_group_is_given_with_its_parties(text: str) -> None:
    assert Groups.read(["a=b=harbour, river"]).parties == {"a=b": (HARBOUR, RIVER)}
    with pytest.raises(AlliedError) as refusal:
        Groups.read([text])
    assert refusal.value.code == "misp.group"


@pytest.mark.parametrize(
    ("ceiling", "seen"),
    [
        ("CLEAR", set()),
        ("GREEN", {"a.example"}),
        ("AMBER", {"a.example", "b.example"}),
    ],
)
def test_nothing_above_the_ceiling_is_given_out(
    tmp_path: Path, ceiling: str, seen: set[str]
) -> None:
    network, pact = allied(tmp_path)
    river = network.houses[RIVER]
    shared(
        river,
        pact,
        green(
            attribute("domain", "a.example", 1),
            attribute("domain", "b.example", 2, Tag=[{"name": "tlp:amber"}]),
        ),
    )
    assert values(given(river, pact, ceiling)) == seen


def test_a_newer_event_replaces_the_older_one(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    shared(
        river, pact, green(attribute("domain", "a.example"), attribute("domain", "b.example", 2))
    )
    later = "1723097666"
    shared(
        river,
        pact,
        green(
            attribute("domain", "c.example", timestamp=later), timestamp=later, info="A new name"
        ),
    )
    network.settle()
    written = given(harbour, pact)
    named = next(each for each in written.events if each["uuid"] == event()["uuid"])
    assert named["info"] == "A new name"
    assert [each["value"] for each in named["Attribute"]] == ["c.example"]


@pytest.mark.parametrize(("ceiling", "code"), [("RED", "misp.ceiling"), ("pink", "misp.ceiling")])
def test_there_is_no_such_ceiling(tmp_path: Path, ceiling: str, code: str) -> None:
    network, pact = allied(tmp_path)
    with pytest.raises(AlliedError) as refusal:
        given(network.houses[RIVER], pact, ceiling)
    assert refusal.value.code == code


def test_the_published_events_pass_through_two_nodes_whole(tmp_path: Path) -> None:
    events = [each for _, each in published("eset")][:12]
    network, pact = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    outcomes = list(
        take_in(
            river.node, river.organisation, river.keys, events, pact, sharing.Wish(),
            groups=Groups(), own_only=True,
        )
    )  # fmt: skip
    assert all(each.shared and not each.shared.invalid for each in outcomes)
    assert all(each.shared and not each.shared.refused for each in outcomes)
    network.settle()
    back = {
        each.uuid: each
        for made in given(harbour, pact).events
        for each in misp.read_events(file_of(made))
    }
    for one in events:
        assert everything(back[one.uuid], twice=False) == everything(one, twice=False), one.uuid
    assert number(1) not in back
