"""What is found out about one object by itself."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given, strategies as st

from allied.errors import MalformedError
from allied.exchange import examining
from allied.exchange.bundle import Refused, Row
from allied.exchange.examining import VERSION_BYTES, Sighted, examined, short_version
from allied.exchange.stix import Head, read_head, version_key
from allied.exchange.validity import problems
from allied.record.ids import Digest
from tests.exchange.samples import encoded, id_of, identity, indicator, link, malware

TIMES = st.sampled_from(
    [
        "",
        "2026-03-01T12:00:00Z",
        "2026-03-01T12:00:00.000Z",
        "2026-03-01T12:00:00.0Z",
        "2026-03-01T12:00:00.001Z",
        "2026-03-01T12:00:00.0010Z",
        "2026-03-01T12:00:00.0001Z",
        "2026-02-30T12:00:00.000Z",
        "no time, but as long! ..",
        "\0no time, behind a zero.",
        "kein Datum, doch länger noch",
    ]
)
HEADS = st.builds(
    lambda created, modified: Head(
        "indicator", id_of("indicator"), created=created, modified=modified
    ),
    TIMES,
    TIMES,
)


@given(HEADS, HEADS)
def test_two_versions_are_told_apart_as_their_instants_are(one: Head, other: Head) -> None:
    exact = sha256(b"the same bytes").digest()
    short = [short_version(each, exact) for each in (one, other)]
    long = [_long(each, Digest(exact.hex())) for each in (one, other)]
    assert (short[0] == short[1]) == (long[0] == long[1])
    assert {len(each) for each in short} == {VERSION_BYTES}


def _long(head: Head, exact: Digest) -> str:
    return version_key(head, exact) if head.modified or head.created else ""


TWICE = encoded(indicator(9)).replace(b"{", b'{"type": "indicator",', 1)
RAWS = st.sampled_from(
    [
        *(encoded(each) for each in (indicator(1), malware(2), identity(3))),
        encoded(link(indicator(1), malware(2), 4)),
        encoded(indicator(5, name='a "quoted" name')),
        encoded(indicator(5, name="a quote")).replace(b"quote", b"\\u0022"),
        b'{"type": "indicator"}',
        b'{"type": 7}',
        b"{}",
        encoded(indicator(6, pattern="[a")),
        encoded(indicator(7, created="2026-02-30T12:00:00.000Z")),
        encoded(indicator(8, confidence=500)),
        encoded(indicator(8, name="\ud800")),
        encoded(indicator(8, ÄÖ=1)),
        TWICE,
    ]
)


@given(st.lists(RAWS, max_size=12), st.integers(1, 5))
def test_objects_that_are_read_together_are_judged_as_each_alone(
    raws: list[bytes], at_once: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(examining, "_AT_ONCE", at_once)
        found = examined(Row(3, raws))
    assert [each.index for each in found] == list(range(3, 3 + len(raws)))
    for each, raw in zip(found, raws, strict=True):
        if isinstance(each, Refused):
            with pytest.raises(MalformedError):
                read_head(raw)
        else:
            assert (each.raw, each.sound) == (raw, not problems(raw, each.head))


def test_an_object_with_a_name_twice_spoils_no_other() -> None:
    raws = [encoded(indicator(1)), TWICE, encoded(malware(2))]
    found = examined(Row(0, raws))
    assert [isinstance(each, Sighted) and each.sound for each in found] == [True, False, True]
