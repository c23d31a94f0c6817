"""What a request asks for, read without a server."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given, strategies as st

from allied.entrypoints.taxii import asking
from allied.errors import UsageError

PIECES = st.sampled_from(
    [
        "limit",
        "next",
        "match[type]",
        "match%5Btype%5D",
        "=",
        "==",
        "&",
        "&&",
        "+",
        "%20",
        "%",
        "a",
        "1",
    ]
)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_a_query_reads_the_same_whether_anything_is_escaped_or_not(text: str) -> None:
    assert asking._pairs(text) == parse_qsl(text, keep_blank_values=True, errors="strict")


@pytest.mark.parametrize(
    "piece", [pytest.param("a", id="nothing escaped"), pytest.param("%61", id="escaped")]
)
def test_a_query_has_a_bounded_number_of_parameters(piece: str) -> None:
    most = "&".join(f"{piece}{n}=1" for n in range(asking.MAX_VALUES))
    known = frozenset(f"a{n}" for n in range(asking.MAX_VALUES))
    assert len(asking.parameters(most.encode(), known)) == asking.MAX_VALUES
    with pytest.raises(UsageError) as refusal:
        asking.parameters(f"{most}&{piece}x=1".encode(), known | {"ax"})
    assert refusal.value.code == "taxii.query"
