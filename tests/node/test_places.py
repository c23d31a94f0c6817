"""Cursors: they bring back their place, and tell nothing to whoever carries them."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from allied.errors import MalformedError
from allied.node.places import Place, opened

KEY, OTHER = b"k" * 32, b"o" * 32
NUMBERS = st.integers(0, 2**63)
DIGITS = st.binary(min_size=6, max_size=6).filter(any).map(bytes.hex) | st.just("")
PLACES = st.builds(Place, NUMBERS, NUMBERS, DIGITS, NUMBERS, DIGITS)
BOUND = ("caller", "holder", "agreement")


@given(PLACES)
def test_a_place_comes_back(place: Place) -> None:
    assert opened(place.sealed(KEY, *BOUND), KEY, *BOUND) == place


@given(PLACES, PLACES)
def test_every_cursor_has_the_same_length_and_shows_no_order(one: Place, other: Place) -> None:
    first, second = one.sealed(KEY, *BOUND), other.sealed(KEY, *BOUND)

    assert len(first) == len(second)
    assert (first == second) == (one == other)


def test_neighbouring_places_have_nothing_in_common_to_see() -> None:
    first, second = (Place(after=each).sealed(KEY, *BOUND) for each in (7, 8))

    alike = sum(a == b for a, b in zip(first, second, strict=True))
    assert alike < len(first) // 4


@pytest.mark.parametrize(
    ("key", "bound"),
    [
        pytest.param(OTHER, BOUND, id="of another database"),
        pytest.param(KEY, ("else", "holder", "agreement"), id="of somebody else"),
        pytest.param(KEY, ("caller", "holder", "else"), id="of another agreement"),
    ],
)
def test_what_nobody_can_open_starts_from_the_beginning(key: bytes, bound: tuple[str, ...]) -> None:
    cursor = Place(7, 1, "aabbccddeeff").sealed(KEY, *BOUND)

    assert opened(cursor, KEY, *BOUND).after == 7  # the twin
    assert opened(cursor, key, *bound) == Place()
    assert opened(f"{'0' if cursor[0] != '0' else '1'}{cursor[1:]}", KEY, *BOUND) == Place()


@pytest.mark.parametrize("text", ["7", "7.1.aabbccddeeff..0", "g" * 104, "0" * 103, "0" * 106])
def test_another_form_is_refused(text: str) -> None:
    assert opened("", KEY, *BOUND) == Place()  # the twin
    with pytest.raises(MalformedError) as refusal:
        opened(text, KEY, *BOUND)
    assert refusal.value.code == "exchange.bad-cursor"
