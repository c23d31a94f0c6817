"""What is found out about one object by itself."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import given, strategies as st

from allied.exchange.examining import VERSION_BYTES, short_version
from allied.exchange.stix import Head, version_key
from allied.record.ids import Digest
from tests.exchange.samples import id_of

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
