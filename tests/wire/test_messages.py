"""Paths, introductions and refusals: read back as written, everything else is malformed."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from allied.errors import MalformedError
from allied.node.messages import QUESTION_LIMITS
from allied.record.canonical import Json, encode
from allied.wire import paths
from allied.wire.messages import (
    MAX_DESCRIPTORS,
    MAX_ORGANISATIONS,
    WRONG_TIME,
    Refusal,
    decode_identities,
    encode_identities,
)


@pytest.mark.parametrize(
    ("path", "verb"),
    [
        pytest.param("/federation/v1/heads", "heads", id="a question"),
        pytest.param("/federation/v1/", None, id="no verb"),
        pytest.param("/federation/v1/a/b", None, id="more than a verb"),
        pytest.param("/federation/v2/heads", None, id="another version"),
        pytest.param("/federation/v1/Heads", None, id="capitals"),
        pytest.param("/federation/v1/heads\n", None, id="a line break"),
    ],
)
def test_what_a_path_asks(path: str, verb: str | None) -> None:
    assert paths.verb(path) == verb


def test_every_verb_has_a_path() -> None:
    for verb in QUESTION_LIMITS:
        assert paths.verb(paths.path(verb)) == verb
    with pytest.raises(ValueError, match="lowercase"):
        paths.path("../admin")


@given(st.lists(st.lists(st.binary(max_size=64), min_size=1, max_size=4), max_size=4))
def test_identities_survive_byte_for_byte(chains: list[list[bytes]]) -> None:
    assert decode_identities(encode_identities(chains)) == tuple(map(tuple, chains))


@pytest.mark.parametrize(
    "value",
    [
        pytest.param([], id="a list"),
        pytest.param({}, id="no identities"),
        pytest.param({"identities": [], "more": 1}, id="an unknown key"),
        pytest.param({"identities": [[]]}, id="an empty chain"),
        pytest.param({"identities": [["AA"]]}, id="base64 without padding"),
        pytest.param({"identities": [["AB=="]]}, id="base64 with loose bits"),
        pytest.param({"identities": [["é"]]}, id="not base64"),
        pytest.param({"identities": [[1]]}, id="a number"),
        pytest.param({"identities": [[""] * (MAX_DESCRIPTORS + 1)]}, id="too long a chain"),
        pytest.param({"identities": [[""]] * (MAX_ORGANISATIONS + 1)}, id="too many"),
    ],
)
def test_identities_of_another_shape_are_refused(value: Json) -> None:
    decode_identities(encode({"identities": [["AA=="]]}))  # the twin that passes
    with pytest.raises(MalformedError):
        decode_identities(encode(value))


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(Refusal("agreement.unknown-rules"), id="a reason"),
        pytest.param(Refusal(WRONG_TIME, 1_700_000_000_000), id="the time"),
    ],
)
def test_a_refusal_reads_back(refusal: Refusal) -> None:
    assert Refusal.decode(refusal.encode()) == refusal


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"error": {"code": WRONG_TIME}}, id="a time refusal without time"),
        pytest.param({"error": {"code": "a.b", "time": 1}}, id="a time without reason"),
        pytest.param({"error": {"code": WRONG_TIME, "time": -1}}, id="a time before all time"),
        pytest.param({"error": {"code": WRONG_TIME, "time": True}}, id="a time that is none"),
        pytest.param({"error": {"code": "<b>no</b>"}}, id="a code that is text"),
        pytest.param({"error": {"code": "a.b", "message": "no"}}, id="an unknown key"),
        pytest.param({"error": "a.b"}, id="no object"),
        pytest.param({"code": "a.b"}, id="no error"),
    ],
)
def test_a_refusal_of_another_shape_is_refused(value: Json) -> None:
    with pytest.raises(MalformedError):
        Refusal.decode(encode(value))


@given(st.binary(max_size=200))
def test_hostile_bytes_are_malformed_and_nothing_else(raw: bytes) -> None:
    for read in (Refusal.decode, decode_identities):
        with pytest.raises(MalformedError):
            read(raw)
