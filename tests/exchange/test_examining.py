"""What is found out about one object by itself."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import given, strategies as st

from allied.exchange.examining import VERSION_BYTES, named, short_version
from allied.exchange.stix import Head, companions, read_head, version_key
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


WORDS = st.sampled_from(
    [
        "nothing",
        "a -- b",
        id_of("identity", 7),
        id_of("location", 8),
        f'see "{id_of("identity", 9)}"',
        "\\",
        '"',
        "---",
    ]
)
REFS = st.sampled_from(
    [id_of("identity", 1), id_of("marking-definition", 2), id_of("tool", 3), "identity--x", "a---b"]
)


@given(
    kind=st.sampled_from(["indicator", "identity", "relationship"]),
    creator=REFS | st.none(),
    markings=st.lists(REFS, max_size=3),
    words=WORDS,
    beside=REFS | WORDS,
    escaped=st.booleans(),
)
def test_the_companions_that_an_object_names_are_those_that_stand_in_it(
    *, kind: str, creator: str | None, markings: list[str], words: str, beside: str, escaped: bool
) -> None:
    made = {
        "indicator": indicator(1),
        "identity": identity(2),
        "relationship": link(indicator(1), malware(2), 3),
    }[kind] | {"object_marking_refs": markings, "description": words, "x_beside": beside}
    if creator is not None:
        made["created_by_ref"] = creator
    raw = encoded(made)
    if escaped:
        raw = raw.replace(b"identity--", b"identity\\u002d-", 1)
    assert named(read_head(raw), raw) == tuple(sorted(companions(raw)))
