"""What a bundle gives out, byte for byte, and what it may do to its reader."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st

from allied.errors import AlliedError, MalformedError, UnreachableError
from allied.exchange import bundle, stream
from allied.exchange.bundle import BrokenError, Found, Limits, Refused, scan

ONE = {"type": "indicator", "id": "indicator--6c0f3a9e-1f2a-4b52-9c0e-000000000001"}
TWO = {"type": "malware", "id": "malware--6c0f3a9e-1f2a-4b52-9c0e-000000000002"}
ID = "bundle--6c0f3a9e-1f2a-4b52-9c0e-00000000000b"
SMALL = Limits(total=1 << 20, item=200, depth=5)


def text(*objects: Any, **members: Any) -> bytes:
    return json.dumps({"type": "bundle", "id": ID, **members, "objects": objects}).encode()


def elements(*raw: bytes) -> bytes:
    return b'{"type":"bundle","id":"b","objects":[' + b",".join(raw) + b"]}"


def read(raw: bytes, limits: Limits = bundle.DEFAULT_LIMITS, size: int = 1 << 16) -> list[Any]:
    """The objects of a bundle as values, and the codes of what was refused."""
    pieces = [raw[at : at + size] for at in range(0, len(raw), size)]
    return [
        json.loads(each.raw) if isinstance(each, Found) else each.code
        for each in scan(pieces, limits)
    ]


def until_it_breaks(chunks: Iterable[bytes]) -> tuple[list[Found | Refused], AlliedError | None]:
    got: list[Found | Refused] = []
    try:
        for each in scan(chunks):
            got.append(each)  # noqa: PERF402  # what came before an error is what counts here
    except AlliedError as error:
        return got, error
    return got, None


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(text(ONE, TWO), id="objects at the end"),
        pytest.param(
            json.dumps({"objects": [ONE, TWO], "id": ID, "type": "bundle"}).encode(),
            id="objects first",
        ),
        pytest.param(text(ONE, TWO, x_more={"a": [1, "]}"]}), id="members of others' making"),
        pytest.param(text(ONE, TWO, spec_version="2.1"), id="the version it needs not name"),
        pytest.param(
            b' \r\n{ "type" :\t"bundle" , "objects" : [ '
            + json.dumps(ONE).encode() + b" \n, " + json.dumps(TWO).encode() + b" ] } \n",
            id="white space everywhere",
        ),
        pytest.param(
            b'{"t\\u0079pe":"bundle","objects":'
            + json.dumps([ONE, TWO], indent=4).encode() + b"}",
            id="escapes in names",
        ),
    ],
)  # fmt: skip
def test_these_are_the_same_bundle(raw: bytes) -> None:
    assert read(raw) == [ONE, TWO]
    assert read(raw, size=1) == [ONE, TWO]


def test_the_bytes_of_an_object_are_kept_exactly() -> None:
    odd = b'{ "b" : 1.50,\n "a":"\\u00e9\xc3\xa9" , "id":2 }'

    (found,) = scan([elements(b" \n" + odd + b"\t")])

    assert found == Found(0, odd)


@pytest.mark.parametrize(
    "raw", [text(), b'{"type":"bundle","id":"x"}', b'{"type":"bundle","objects":[ ]}']
)
def test_a_bundle_may_be_empty(raw: bytes) -> None:
    assert read(raw) == []


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        pytest.param(b"", "stix.empty", id="nothing"),
        pytest.param(b" \n", "stix.empty", id="white space only"),
        pytest.param(b"\xef\xbb\xbf" + text(ONE), "stix.encoding", id="a byte order mark"),
        pytest.param(text(ONE).decode().encode("utf-16"), "stix.encoding", id="UTF-16"),
        pytest.param(
            text(ONE).decode().encode("utf-16-be"), "stix.encoding", id="UTF-16 without a mark"
        ),
        pytest.param(text(ONE).decode().encode("utf-32-le"), "stix.encoding", id="UTF-32"),
        pytest.param(json.dumps(ONE).encode(), "stix.not-a-bundle", id="a bare object"),
        pytest.param(json.dumps([ONE]).encode(), "stix.not-a-bundle", id="a bare list"),
        pytest.param(b'"bundle"', "stix.not-a-bundle", id="a text"),
        pytest.param(b"PK\x03\x04", "stix.not-a-bundle", id="another kind of file"),
        pytest.param(b"{}", "stix.not-a-bundle", id="an empty object"),
        pytest.param(b'{"objects":[]}', "stix.not-a-bundle", id="an envelope of TAXII"),
        pytest.param(b'{"type":7,"objects":[]}', "stix.not-a-bundle", id="a type that is no text"),
        pytest.param(b'{"type":"bundle","objects":{}}', "stix.not-a-bundle", id="no list"),
        pytest.param(text(ONE, spec_version="2.0"), "stix.version", id="STIX 2.0"),
        pytest.param(
            b'{"type":"bundle","objects":[],"spec_version":"2.0"}',
            "stix.version",
            id="STIX 2.0, said at the end",
        ),
        pytest.param(text(ONE, spec_version="3.0"), "stix.version", id="a version to come"),
        pytest.param(
            b'{"type":"bundle","objects":[],"objects":[]}',
            "stix.duplicate-key",
            id="two lists of objects",
        ),
        pytest.param(
            b'{"type":"bundle","t\\u0079pe":"bundle"}',
            "stix.duplicate-key",
            id="the same member twice, once in disguise",
        ),
        pytest.param(text("x" * (1 << 20)), "stix.too-big", id="more bytes than a bundle may have"),
    ],
)
def test_what_is_refused_as_a_whole(raw: bytes, code: str) -> None:
    with pytest.raises(MalformedError) as refusal:
        read(raw, SMALL)

    assert refusal.value.code == code
    assert not isinstance(refusal.value, BrokenError)


def test_an_envelope_is_taken_where_one_is_asked_for() -> None:
    raw = json.dumps({"more": False, "objects": [ONE]}).encode()

    assert [json.loads(each.raw) for each in scan([raw], envelope=True)
            if isinstance(each, Found)] == [ONE]  # fmt: skip


@pytest.mark.parametrize(
    ("end", "code", "kept"),
    [
        pytest.param(b'{"a":1},{"b":', "stix.truncated", 1, id="inside an object"),
        pytest.param(b'{"a":1},{"b":"\\', "stix.truncated", 1, id="inside an escape"),
        pytest.param(b'{"a":1}', "stix.truncated", 1, id="behind an object"),
        pytest.param(b'{"a":1},', "stix.truncated", 1, id="behind a comma"),
        pytest.param(b'{"a":1},{"b":2}]', "stix.truncated", 2, id="before the last brace"),
        pytest.param(b'{"a":1} {"b":2}]}', "stix.broken", 1, id="a comma is missing"),
        pytest.param(b'{"a":1},]}', "stix.broken", 1, id="a comma too many"),
        pytest.param(b'{"a":1},,{"b":2}]}', "stix.broken", 1, id="two commas"),
        pytest.param(b'{"a":1},{"b":[2}]}', "stix.broken", 1, id="brackets that do not match"),
        pytest.param(b'{"a":1}]}}', "stix.trailing", 1, id="a brace too many"),
        pytest.param(b'{"a":1}]}\n{"type":"bundle"}', "stix.trailing", 1, id="a second bundle"),
        pytest.param(b'{"a":1}],"x":oops}', "stix.broken", 1, id="no JSON behind the objects"),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_what_was_complete_before_the_break_is_given_out(
    end: bytes, code: str, kept: int, size: int
) -> None:
    raw = b'{"type":"bundle","objects":[' + end

    got, broken = until_it_breaks(raw[at : at + size] for at in range(0, len(raw), size))

    assert isinstance(broken, BrokenError)
    assert broken.code == code
    assert [each.index for each in got] == list(range(kept))


def test_an_error_of_the_source_comes_after_what_it_gave() -> None:
    def failing() -> Iterator[bytes]:
        yield text(ONE, TWO)[:-30]
        raise UnreachableError("test.gone", "the disk went away")

    got, broken = until_it_breaks(failing())

    assert isinstance(broken, UnreachableError)
    assert [each.index for each in got] == [0]


DEEP = b'{"id":"' + ONE["id"].encode() + b'","a":' + b"[" * 5 + b"]" * 5 + b"}"
BIG = b'{"a":{"id":"no"},"id":"' + ONE["id"].encode() + b'","b":"' + b"x" * 200 + b'"}'


@pytest.mark.parametrize(
    ("element", "code", "id_"),
    [
        pytest.param(b"17", "stix.not-an-object", None, id="a number"),
        pytest.param(b"null", "stix.not-an-object", None, id="null"),
        pytest.param(b'"{}"', "stix.not-an-object", None, id="a text"),
        pytest.param(b"[{}]", "stix.not-an-object", None, id="a list"),
        pytest.param(BIG, "stix.too-big", ONE["id"], id="an object larger than allowed"),
        pytest.param(DEEP, "stix.too-deep", ONE["id"], id="an object deeper than allowed"),
        pytest.param(b'{"a":"\xff"}', "stix.encoding", None, id="bytes that are not UTF-8"),
        pytest.param(b'{"a":oops}', "stix.not-json", None, id="a word that is no value"),
        pytest.param(b'{"a":1,}', "stix.not-json", None, id="a comma too many inside"),
        pytest.param(b'{"a":"\x01"}', "stix.not-json", None, id="a control character"),
        pytest.param(b"{'a':1}", "stix.not-json", None, id="the wrong quotes"),
        pytest.param(b"{1}", "stix.not-json", None, id="no member"),
        pytest.param(b"oops", "stix.not-json", None, id="a bare word"),
    ],
)
@pytest.mark.parametrize("size", [1, 1 << 16])
def test_one_bad_element_never_hides_its_neighbours(
    element: bytes, code: str, id_: str | None, size: int
) -> None:
    raw = elements(b'{"a":1}', element, b'{"b":2}')
    got = list(scan((raw[at : at + size] for at in range(0, len(raw), size)), SMALL))

    assert got[0] == Found(0, b'{"a":1}')
    assert isinstance(got[1], Refused)
    assert (got[1].code, got[1].id) == (code, id_)
    assert got[2] == Found(2, b'{"b":2}')


@pytest.mark.parametrize(
    "element",
    [
        pytest.param(b'{"a":"' + b"x" * 192 + b'"}', id="as large as allowed"),
        pytest.param(b'{"a":' + b"[" * 4 + b"]" * 4 + b"}", id="as deep as allowed"),
        pytest.param(b'{"a":{"b":[]},"c":[[],{},[[]]],"d":"[[[[[["}', id="wide, not deep"),
    ],
)
def test_the_limits_themselves_are_allowed(element: bytes) -> None:
    assert list(scan([elements(element)], SMALL)) == [Found(0, element)]


def test_a_refusal_never_quotes_what_was_refused() -> None:
    (refused,) = scan([elements(b'{"a":"' + b"secret " * 100 + b'"}')], SMALL)

    assert isinstance(refused, Refused)
    assert "secret" not in refused.reason


def test_a_huge_text_is_passed_over_without_being_held() -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"type":"bundle","objects":[{"a":"'
        for _ in range(200):
            yield b"\\\\" * (1 << 15)
        yield b'"},{"b":2}]}'

    got = list(scan(chunks(), Limits(item=1000)))

    assert [type(each) for each in got] == [Refused, Found]


@pytest.mark.parametrize("bracket", [b"[", b'{"a":', b"[{},"])
def test_a_file_of_brackets_ends(bracket: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_BRACKETS", 10_000)

    with pytest.raises(BrokenError) as refusal:
        read(b'{"type":"bundle","objects":[' + bracket * 20_000)

    assert refusal.value.code == "stix.too-tangled"


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.sampled_from(['"', "\\", '\\"', "}", "]", "},{", '{"type"', "\u2028", "]}]", "[{"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("ab}]\"\\,", max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)  # fmt: skip
objects = st.dictionaries(st.sampled_from(["id", "type", "x", '"', "}"]), json_values, max_size=4)
layouts = st.sampled_from(
    [
        {},
        {"separators": (",", ":")},
        {"indent": 1},
        {"indent": "\t"},
        {"ensure_ascii": False},
        {"ensure_ascii": False, "indent": 4},
    ]
)


@given(
    st.lists(json_values | objects, max_size=12),
    layouts,
    st.lists(st.integers(0, 2000), max_size=6),
    st.sampled_from([16, 64, 1 << 20]),
)
def test_any_bundle_in_any_pieces_gives_what_json_reads(
    given_objects: list[Any], layout: dict[str, Any], cuts: list[int], window: int
) -> None:
    raw = json.dumps({"type": "bundle", "objects": given_objects, "x": given_objects}, **layout)
    encoded = raw.encode()
    places = [0, *sorted(min(cut, len(encoded)) for cut in cuts), len(encoded)]
    pieces = [encoded[a:b] for a, b in pairwise(places)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundle, "WINDOW", window)
        patch.setattr(stream, "WINDOW", window)
        got = list(scan(pieces))

    assert [each.index for each in got] == list(range(len(given_objects)))
    for each, value in zip(got, given_objects, strict=True):
        if isinstance(value, dict):
            assert isinstance(each, Found)
            assert json.loads(each.raw) == value
            assert each.raw in encoded
        else:
            assert isinstance(each, Refused)
            assert each.code == "stix.not-an-object"


@given(
    st.lists(objects, max_size=6),
    st.lists(st.tuples(st.integers(0, 500), st.binary(max_size=3)), max_size=4),
    st.integers(0, 600),
)
def test_a_damaged_bundle_ends_in_one_of_our_refusals_or_is_read(
    given_objects: list[Any], damage: list[tuple[int, bytes]], length: int
) -> None:
    raw = bytearray(text(*given_objects))
    for at, junk in damage:
        raw[at : at + len(junk)] = junk
    got, broken = until_it_breaks([bytes(raw[:length])])

    assert broken is None or (
        isinstance(broken, MalformedError) and broken.code.startswith("stix.")
    )
    for each in got:
        assert isinstance(each, Refused) or isinstance(json.loads(each.raw), dict)
