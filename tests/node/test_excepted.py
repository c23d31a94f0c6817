"""An exception that was adopted keeps a kind back from others, for its time; no other does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from allied.agreement.matters import Matter
from allied.errors import AlliedError
from allied.node import items, proposals
from allied.node.proposals import Wish
from allied.node.shared import Wish as ShareWish
from allied.node.sharing import share as share_with
from tests.exchange.samples import bundle, indicator
from tests.node.amending import TEXT, YES, pact, vote
from tests.node.hands import HARBOUR, NORTHGATE, RIVER, held, share
from tests.node.network import Network

OPEN = TEXT.replace("    max_tlp: GREEN\n", "    max_tlp: GREEN\n    exceptions: {agree: all}\n")
ASKED = Matter(kind="exception", party=RIVER, towards=HARBOUR, field="indicator")


def put(network: Network, matter: Matter) -> str:
    house = network.houses[RIVER]
    wish = Wish(matter, b"words", deadline="4 days")
    return proposals.put(house.node, house.actor, "pact", wish).id


def decided(network: Network, matter: Matter, votes: dict[str, str] = YES) -> None:
    name = put(network, matter)
    network.settle(1)
    vote(network, name, votes)
    network.settle(4)
    network.advance(timedelta(seconds=1))


def at(network: Network, number: int) -> set[str]:
    """Who has an indicator that River shares now."""
    made = indicator(number)
    share(network.houses[RIVER], "pact", made)
    network.settle(2)
    others = (HARBOUR, NORTHGATE)
    return {each for each in others if made["id"] in held(network.houses[each], "pact")}


def test_an_adopted_exception_keeps_its_kind_from_whom_it_names_until_its_end(
    tmp_path: Path,
) -> None:
    network = pact(tmp_path, text=OPEN)
    river = network.houses[RIVER]
    assert at(network, 1) == {HARBOUR, NORTHGATE}
    until = network.clock.now() + timedelta(days=20)
    end = until.strftime("%Y-%m-%dT%H:%M:%SZ")
    name = put(network, replace(ASKED, value=end))
    network.settle(1)
    assert at(network, 2) == {HARBOUR, NORTHGATE}  # it is only asked
    vote(network, name, YES)
    network.settle(4)
    network.advance(timedelta(seconds=1))
    assert at(network, 3) == {NORTHGATE}
    told = items.explain(river.node, river.organisation, indicator(3)["id"], HARBOUR)
    assert (told.permitted, told.code) == (False, "exchange.excluded")
    assert f"decision {name[:12]}" in told.reason
    assert end in told.reason
    found = share_with(
        river.node, river.organisation, None, lambda: iter((bundle(indicator(4)),)), "pact",
        ShareWish(), dry_run=True,
    )  # fmt: skip
    assert [code for code, _ in found.recipients[HARBOUR].refused] == ["exchange.excluded"]  # type: ignore[index]
    network.advance(until - network.clock.now())
    assert at(network, 5) == {HARBOUR, NORTHGATE}


@pytest.mark.parametrize(
    ("matter", "votes"),
    [
        pytest.param(Matter(kind="exception", party=RIVER), YES, id="words for people"),
        pytest.param(ASKED, {**YES, NORTHGATE: "no"}, id="it was not adopted"),
        pytest.param(
            Matter(kind="exception", party=RIVER, towards=HARBOUR, field="vulnerability"), YES,
            id="of another kind",
        ),
    ],
)  # fmt: skip
def test_any_other_exception_changes_nothing(
    tmp_path: Path, matter: Matter, votes: dict[str, str]
) -> None:
    network = pact(tmp_path, text=OPEN)
    decided(network, matter, votes)
    assert at(network, 1) == {HARBOUR, NORTHGATE}


@pytest.mark.parametrize(
    ("tells", "code"),
    [
        pytest.param({"field": "capability"}, "question.exception-kind", id="not shared at all"),
        pytest.param({"towards": HARBOUR}, "question.exception-kind", id="no kind"),
        pytest.param(
            {"field": "indicator", "towards": RIVER}, "question.exception-kind", id="from itself"
        ),
        pytest.param(
            {"field": "indicator", "towards": "nobody"}, "question.no-such-party", id="a stranger"
        ),
        pytest.param(
            {"field": "indicator", "value": "next week"}, "question.exception-until", id="no end"
        ),
        pytest.param({"field": "indicator"}, "", id="all it needs"),
    ],
)
def test_what_a_program_cannot_read_is_not_put(
    founded: Network, tells: dict[str, str], code: str
) -> None:
    matter = Matter(**{"kind": "exception", "party": RIVER, **tells})
    house = founded.houses[RIVER]
    wish = Wish(matter, b"words", deadline="4 days")
    if not code:
        proposals.attempt(house.node, house.organisation, "pact", wish)
        return
    with pytest.raises(AlliedError) as refusal:
        proposals.attempt(house.node, house.organisation, "pact", wish)
    assert refusal.value.code == code


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """Only for what puts nothing."""
    return pact(tmp_path_factory.mktemp("pact"), text=OPEN)
