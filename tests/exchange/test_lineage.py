"""Which items were made of which."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from allied.exchange.lineage import ItemName, Product, TearLine, products_of, tear_lines
from allied.record.ids import PartyId

RIVER, HARBOUR = PartyId("river"), PartyId("harbour")
ITEM = ItemName(RIVER, "report--1", "1")


def made(id_: str, *of: ItemName, by: PartyId = HARBOUR) -> Product:
    return Product(ItemName(by, id_, "1"), frozenset(of))


@pytest.mark.parametrize(
    ("said", "of", "covered"),
    [
        pytest.param(ITEM, ITEM, True, id="itself"),
        pytest.param(replace(ITEM, version=""), ITEM, True, id="all versions"),
        pytest.param(replace(ITEM, version="2"), ITEM, False, id="another version"),
        pytest.param(replace(ITEM, originator=HARBOUR), ITEM, False, id="another originator"),
        pytest.param(replace(ITEM, id="report--2"), ITEM, False, id="another object"),
        pytest.param(ITEM, replace(ITEM, version=""), False, id="a version is not all of them"),
    ],
)
def test_what_is_said_of_an_item(said: ItemName, of: ItemName, covered: bool) -> None:
    assert said.covers(of) is covered


def test_products_of_products_are_found() -> None:
    first = made("report--2", ITEM)
    second = made("report--3", first.item, ItemName(HARBOUR, "report--9", "1"))
    other = made("report--4", replace(ITEM, id="report--8"))

    assert products_of(ITEM, [second, other, first]) == (first, second)
    assert products_of(replace(ITEM, version=""), [first]) == (first,)
    assert products_of(replace(ITEM, version="2"), [first]) == ()


def test_circles_end() -> None:
    one = made("report--2", ItemName(HARBOUR, "report--3", "1"), ITEM)
    two = made("report--3", one.item)

    assert products_of(ITEM, [one, two]) == (one, two)


def line(id_: str, by: PartyId = RIVER, of: ItemName = ITEM) -> TearLine:
    return TearLine(ItemName(by, id_, "1"), of)


@pytest.mark.parametrize(
    ("supplied", "found"),
    [
        pytest.param(line("report--2"), True, id="by the originator"),
        pytest.param(line("report--2", of=replace(ITEM, version="")), True, id="of every version"),
        pytest.param(line("report--2", of=replace(ITEM, version="2")), False,
                     id="of another version"),
        pytest.param(line("report--2", HARBOUR), False, id="by somebody else"),
        pytest.param(line("report--1"), False, id="under the id of what it was cut from"),
    ],
)  # fmt: skip
def test_extracts_that_stand_for_an_item(supplied: TearLine, found: bool) -> None:
    assert tear_lines(ITEM, [supplied]) == ((supplied.item,) if found else ())


names = st.builds(ItemName, st.just(RIVER), st.sampled_from("abcdef"), st.just("1"))
products = st.lists(st.builds(Product, names, st.frozensets(names, min_size=1, max_size=3)))


@given(names, products, st.randoms())
def test_what_was_made_is_what_can_be_reached(
    item: ItemName, given_: list[Product], chance: random.Random
) -> None:
    reached: set[ItemName] = {item}
    while True:
        more = {each.item for each in given_ if each.made_of & reached} - reached
        if not more:
            break
        reached |= more

    found = products_of(item, given_)
    assert {each for each in given_ if each.made_of & reached} == set(found)
    shuffled = list(given_)
    chance.shuffle(shuffled)
    assert products_of(item, shuffled) == found
