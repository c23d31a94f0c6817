"""A cursor is read back as it was given out, and nothing else is a cursor."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, strategies as st

from allied.entrypoints.rest import cursors
from allied.errors import UsageError

TEXTS = st.text(max_size=30)
POSITIONS = st.lists(TEXTS, min_size=1, max_size=3).map(tuple)
FILTERS = st.dictionaries(TEXTS, st.one_of(st.none(), st.booleans(), TEXTS), max_size=3)


@given(TEXTS, FILTERS, POSITIONS)
def test_a_cursor_is_read_back(
    of: str, filters: dict[str, object], position: tuple[str, ...]
) -> None:
    cursor = cursors.encode(of, filters, position)
    assert cursors.decode(of, filters, cursor, len(position)) == position
    assert cursor.isascii()
    assert not set(cursor) & set("+/=&?#% ")


@given(st.one_of(st.text(max_size=60), st.binary(max_size=60).map(lambda raw: raw.hex())))
def test_what_was_not_given_out_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as refusal:
        cursors.decode("/items", {}, text)
    assert refusal.value.code == "rest.cursor"


@given(POSITIONS, st.integers(0, 400), st.characters(max_codepoint=0x17F))
def test_a_changed_character_is_refused_or_gives_the_position_it_spells(
    position: tuple[str, ...], place: int, instead: str
) -> None:
    cursor = cursors.encode("/items", {}, position)
    place %= len(cursor)
    changed = cursor[:place] + instead + cursor[place + 1 :]
    try:
        found = cursors.decode("/items", {}, changed, len(position))
    except UsageError:
        return
    assert cursors.encode("/items", {}, found) == changed


@given(FILTERS, FILTERS, POSITIONS)
def test_a_cursor_is_for_one_list_as_it_was_filtered(
    one: dict[str, object], other: dict[str, object], position: tuple[str, ...]
) -> None:
    cursor = cursors.encode("/items", one, position)
    with pytest.raises(UsageError):
        cursors.decode("/ledger", one, cursor, len(position))
    with pytest.raises(UsageError):
        cursors.decode("/items", one, cursor, len(position) + 1)
    if {key: str(value) for key, value in one.items()} != {
        key: str(value) for key, value in other.items()
    }:
        with pytest.raises(UsageError):
            cursors.decode("/items", other, cursor, len(position))


@pytest.mark.parametrize(
    "position",
    [
        pytest.param("-1", id="below nought"),
        pytest.param("1e3", id="no plain number"),
        pytest.param("9" * 19, id="past what a store counts to"),
        pytest.param("٣", id="digits of another script"),
        pytest.param("", id="nothing"),
    ],
)
def test_a_number_in_a_cursor_is_one(position: str) -> None:
    assert cursors.decode_number("/items", {}, cursors.encode("/items", {}, ("12",))) == 12
    assert cursors.decode_number("/items", {}, "") == 0
    with pytest.raises(UsageError):
        cursors.decode_number("/items", {}, cursors.encode("/items", {}, (position,)))


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"[" * 500, id="deep"),
        pytest.param(b"1" * 700, id="a long number"),
        pytest.param(b'{"a": 1}', id="an object"),
        pytest.param(b"[]", id="an empty list"),
        pytest.param(b'["a", 1]', id="no text"),
        pytest.param(b"\xff\xfe", id="no text at all"),
    ],
)
def test_hostile_texts_are_refused(raw: bytes) -> None:
    with pytest.raises(UsageError):
        cursors.decode("/items", {}, base64.urlsafe_b64encode(raw).rstrip(b"=").decode())
    with pytest.raises(UsageError):
        cursors.decode("/items", {}, "A" * (cursors.MAX_CURSOR + 1))


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), unique=True),
    st.integers(1, 4),
    st.booleans(),
)
def test_stretches_give_every_element_once_and_in_order(
    values: list[tuple[str, str]], limit: int, descending: bool
) -> None:
    ordered = sorted(values, reverse=descending)
    found: list[tuple[str, str]] = []
    after: cursors.Position | None = None
    while True:
        shown, after = cursors.stretch(
            ordered, lambda each: each, after=after, limit=limit, descending=descending
        )
        assert len(shown) <= limit
        found += shown
        if after is None:
            break
    assert found == ordered
