"""One spelling for each value, and no other is read."""

from __future__ import annotations

import json
import time
from typing import Any, NamedTuple

import pytest
import rfc8785
from hypothesis import given, strategies as st

from allied.errors import MalformedError
from allied.record import canonical


class Spot(NamedTuple):
    at: int


TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-canonical.MAX_INTEGER, canonical.MAX_INTEGER) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_whatever_is_written_is_read_back(value: Any) -> None:
    raw = canonical.encode(value)
    assert canonical.decode(raw, limit=len(raw)) == value
    assert canonical.encode(canonical.decode(raw, limit=len(raw))) == raw


@given(VALUES)
def test_it_is_the_spelling_of_the_standard(value: Any) -> None:
    assert canonical.encode(value) == rfc8785.dumps(value)


@given(VALUES, st.sampled_from([" ", "\n", "\t"]))
def test_any_other_spelling_is_refused(value: Any, space: str) -> None:
    raw = canonical.encode(value)
    for other in (space.encode() + raw, raw + space.encode(), b"\xef\xbb\xbf" + raw):
        with pytest.raises(MalformedError):
            canonical.decode(other, limit=1000000)
    loose = json.dumps(value, indent=1).encode()
    if loose != raw:
        with pytest.raises(MalformedError):
            canonical.decode(loose, limit=1000000)


def test_keys_are_sorted_as_utf_16_has_them() -> None:
    # U+1F600 sorts before U+FB33 by code unit and after it by code point.
    assert canonical.encode({"\ufb33": 1, "\U0001f600": 2}) == '{"😀":2,"\ufb33":1}'.encode()


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        pytest.param(b'{"a":1,"a":1}', "canonical.duplicate-key", id="a key twice"),
        pytest.param(b'{"a":{"b":1,"b":2}}', "canonical.duplicate-key", id="a key twice inside"),
        pytest.param(b'{"b":1,"a":2}', "canonical.not-canonical", id="keys not sorted"),
        pytest.param(b'"\\u0041"', "canonical.not-canonical", id="an escape nobody needs"),
        pytest.param(b'"\\/"', "canonical.not-canonical", id="an escaped slash"),
        pytest.param(b'"\\u001F"', "canonical.not-canonical", id="an escape in capitals"),
        pytest.param(b"-0", "canonical.not-canonical", id="minus zero"),
        pytest.param(b"1.0", "canonical.number", id="a fraction of nothing"),
        pytest.param(b"1e3", "canonical.number", id="an exponent"),
        pytest.param(b"9007199254740992", "canonical.number", id="past 2^53 - 1"),
        pytest.param(b"-9007199254740992", "canonical.number", id="below -(2^53 - 1)"),
        pytest.param(b"9" * 30, "canonical.number", id="thirty digits"),
        pytest.param(b"NaN", "canonical.not-json", id="not a number"),
        pytest.param(b"", "canonical.not-json", id="nothing"),
        pytest.param(b"{}{}", "canonical.not-json", id="two values"),
        pytest.param(b'"\xff"', "canonical.not-json", id="not UTF-8"),
        pytest.param(b'"\\ud800"', "canonical.not-json", id="half of a character"),
        pytest.param(b"\x00", "canonical.not-json", id="a zero byte"),
        pytest.param(b"[" * 65 + b"]" * 65, "canonical.too-deep", id="65 levels"),
        pytest.param(b"[1,2]", "canonical.too-large", id="a byte too many"),
    ],
)
def test_what_is_refused(raw: bytes, code: str) -> None:
    with pytest.raises(MalformedError) as refusal:
        canonical.decode(raw, limit=4 if code == "canonical.too-large" else 1000)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b'{"a":1,"b":1}', id="two keys"),
        pytest.param(b"9007199254740991", id="2^53 - 1"),
        pytest.param(b"[" * 64 + b"]" * 64, id="64 levels"),
        pytest.param(b'["' + b"[" * 500 + b'"]', id="brackets in a text are no levels"),
        pytest.param(b'["\\"' + b"[" * 500 + b'"]', id="nor after an escaped quote"),
        pytest.param(b"[1,2]", id="as many bytes as are allowed"),
    ],
)
def test_the_twins_that_pass(raw: bytes) -> None:
    limit = 5 if raw == b"[1,2]" else 1000
    assert canonical.encode(canonical.decode(raw, limit=limit)) == raw


@pytest.mark.parametrize(
    ("value", "code"),
    [
        pytest.param(1.5, "canonical.number", id="a fraction"),
        pytest.param(2**53, "canonical.number", id="a large integer"),
        pytest.param("\ud800", "canonical.text", id="half of a character"),
        pytest.param({"\ud800": 1}, "canonical.text", id="half of a character as a key"),
        pytest.param({1: 2}, "canonical.not-json", id="a number as a key"),
        pytest.param({"a": {1, 2}}, "canonical.not-json", id="a set"),
        pytest.param(b"a", "canonical.not-json", id="bytes"),
        pytest.param(Spot(1), "canonical.not-json", id="a tuple with names"),
    ],
)
def test_what_cannot_be_written(value: Any, code: str) -> None:
    with pytest.raises(MalformedError) as refusal:
        canonical.encode(value)
    assert refusal.value.code == code


def test_a_value_too_deep_cannot_be_written() -> None:
    value: list[Any] = []
    for _ in range(63):
        value = [value]
    canonical.encode(value)  # the twin that passes

    with pytest.raises(MalformedError) as refusal:
        canonical.encode([value])
    assert refusal.value.code == "canonical.too-deep"


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"[" * 2_000_000, id="opened and never closed"),
        pytest.param(b'{"":' * 500_000, id="objects in objects"),
        pytest.param(b"[" * 65 + b'"' + b'\\"' * 1_000_000, id="a text that never ends"),
        pytest.param(b"[" * 65 + b'"' * 1_999_999, id="nothing but quotes"),
        pytest.param(b"[" * 65 + b"\\" * 1_999_999, id="nothing but backslashes"),
    ],
)
def test_hostile_bytes_are_refused_in_one_pass(raw: bytes) -> None:
    start = time.process_time()
    with pytest.raises(MalformedError) as refusal:
        canonical.decode(raw, limit=4_000_000)
    assert refusal.value.code == "canonical.too-deep"
    assert time.process_time() - start < 3


def test_a_small_text_cannot_become_a_large_memory() -> None:
    few = b"[" + b",".join([b"[]"] * (canonical.MAX_VALUES - 1)) + b"]"
    assert len(canonical.decode(few, limit=10**6)) == canonical.MAX_VALUES - 1  # type: ignore[arg-type]
    # Commas in texts are nothing to a parser.
    canonical.decode(b'["' + b"," * 10**6 + b'"]', limit=2 * 10**6)

    many = b"[" + b",".join([b"{}"] * (canonical.MAX_VALUES + 1)) + b"]"
    with pytest.raises(MalformedError) as refusal:
        canonical.decode(many, limit=10**6)
    assert refusal.value.code == "canonical.too-many"


def test_the_refusal_does_not_echo_what_was_refused() -> None:
    with pytest.raises(MalformedError) as refusal:
        canonical.decode(b'{"secret":1,"secret":2}', limit=1000)
    assert "secret" not in str(refusal.value) + refusal.value.hint + str(refusal.value.facts)
