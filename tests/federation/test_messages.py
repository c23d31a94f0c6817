"""Questions and pages: read back as written, everything else is malformed, stored bytes survive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, strategies as st

from allied.errors import MalformedError
from allied.node import along
from allied.node.along import HeadsAnswer
from allied.node.frames import MAX_HEAD, Frames, cut
from allied.node.messages import (
    ANSWER_LIMITS,
    MAX_ALONG,
    MAX_HEADS,
    MAX_ITEMS,
    MAX_NEWS,
    MAX_NEWS_HEADS,
    NOTHING,
    QUESTION_LIMITS,
    AgreementsAnswer,
    BlobsQuestion,
    Head,
    Heads,
    HintQuestion,
    ItemsQuestion,
    Named,
    News,
    RecordsQuestion,
    Span,
    require_nothing,
)
from allied.node.pages import (
    PAGE_BYTES,
    BlobsAnswer,
    BlobsPage,
    ItemsAnswer,
    ItemsPage,
    RecordsAnswer,
    RecordsPage,
    SentItem,
)
from allied.record.canonical import MAX_INTEGER, Json, digest, encode
from allied.record.ids import AgreementId, CircleId, Digest, OrganisationId, RecordId

A = AgreementId("a" * 64)
RIVER = OrganisationId("b" * 64)
HARBOUR = OrganisationId("c" * 64)
CIRCLE = CircleId("d" * 64)
ONE, TWO = "1" * 64, "2" * 64

HEAD = Head(CIRCLE, RIVER, 0, 1, RecordId(ONE))
NEWS = News(A, 7, 0, (HEAD,))
SPAN = Span(CIRCLE, RIVER, 0, 1, 5)
ITEM = SentItem(
    id="indicator--1",
    modified="2026-01-01T00:00:00.000Z",
    originator=RIVER,
    statement=Digest(ONE),
    proof=b"\x00\xff" * 64,
    share="s1",
    raw=b'{ "type":"indicator" }\n',
)

hexes = st.binary(min_size=32, max_size=32).map(bytes.hex)
numbers = st.integers(1, MAX_INTEGER)


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(AgreementsAnswer(()), id="no agreement"),
        pytest.param(
            AgreementsAnswer((Named(A, "pact", 0), Named(AgreementId("b" * 64), "pact", 7, 9))),
            id="two agreements of one alias",
        ),
        pytest.param(Heads(A, (HEAD, HEAD._replace(id=RecordId(TWO)))), id="a forked chain"),
        pytest.param(Heads(A, (HEAD,), along=MAX_ALONG), id="heads that want records along"),
        pytest.param(HintQuestion(), id="a hint at everything"),
        pytest.param(HintQuestion((NEWS,)), id="a hint at one chain"),
        pytest.param(
            HintQuestion((NEWS, News(AgreementId("b" * 64), 0, 3))), id="a hint at items, too"
        ),
        pytest.param(RecordsQuestion(A, (SPAN,)), id="a span"),
        pytest.param(BlobsQuestion(A, (Digest(ONE), Digest(TWO))), id="two blobs"),
        pytest.param(ItemsQuestion(A), id="items from the start"),
        pytest.param(ItemsQuestion(A, "cursor 12:7", 1), id="one item after a cursor"),
        pytest.param(
            ItemsQuestion(A, offers=frozenset({"technique", "indicator"})),
            id="items for what is offered in return",
        ),
    ],
)
def test_a_message_reads_back(message: Any) -> None:
    assert type(message).decode(message.encode()) == message


@given(st.sets(st.tuples(hexes, hexes, numbers, numbers, hexes), max_size=20))
def test_heads_read_back_in_order_whatever_the_order_they_came_in(rows: set[Any]) -> None:
    heads = [Head(*row) for row in rows]
    assert Heads.decode(Heads(A, tuple(heads)).encode()) == Heads(A, tuple(sorted(heads)))


def heads(*rows: Json, **more: Json) -> bytes:
    return encode({"agreement": A, "heads": list(rows), **more})


def hint(*named: dict[str, Json]) -> bytes:
    return encode({"news": list(named)})


def news(number: int = 1, **other: Json) -> dict[str, Json]:
    """What a hint names, with so many heads."""
    rows: list[Json] = [list(HEAD._replace(sequence=n + 1)) for n in range(number)]
    return {"agreement": A, "heads": rows, "items": 0, "rows": 7, **other}


ROW: list[Any] = list(HEAD)
REFUSED: list[Any] = [
    pytest.param(Heads, heads(ROW, ROW), id="a head twice"),
    pytest.param(Heads, heads(ROW, along=0), id="heads that want nothing along, and say so"),
    pytest.param(Heads, heads(ROW, along=MAX_ALONG + 1), id="heads that want too much along"),
    pytest.param(Heads, heads(ROW, along=True), id="heads that want along no number"),
    pytest.param(Heads, heads(ROW, more=1), id="heads and something else"),
    pytest.param(HintQuestion, b'{"news":[]}', id="a hint at nothing that is spelled otherwise"),
    pytest.param(HintQuestion, b"{ }", id="a hint at everything that is spelled otherwise"),
    pytest.param(HintQuestion, hint(news(), news()), id="a hint at one agreement twice"),
    pytest.param(HintQuestion, hint(news(MAX_NEWS_HEADS + 1)), id="a hint at too many chains"),
    pytest.param(
        HintQuestion,
        hint(news(MAX_NEWS_HEADS), news(agreement="b" * 64)),
        id="a hint at too many chains of two agreements",
    ),
    pytest.param(
        HintQuestion,
        hint(*(news(0, agreement=f"{n:064x}") for n in range(MAX_NEWS + 1))),
        id="a hint at too many agreements",
    ),
    pytest.param(HintQuestion, hint(news(rows=-1)), id="a hint with a mark below zero"),
    pytest.param(HintQuestion, hint(news(alias="pact")), id="a hint that says more"),
    pytest.param(Heads, heads([*ROW[:4], TWO], ROW), id="heads out of order"),
    pytest.param(Heads, heads(ROW[:4]), id="a head cut short"),
    pytest.param(Heads, heads([*ROW, 1]), id="a head with more"),
    pytest.param(Heads, heads(["D" * 64, *ROW[1:]]), id="a circle in capitals"),
    pytest.param(Heads, heads([*ROW[:3], 0, ONE]), id="a sequence before the first"),
    pytest.param(Heads, heads([*ROW[:3], True, ONE]), id="a sequence that is no number"),
    pytest.param(Heads, encode({"agreement": A, "heads": [], "x": 1}), id="an unknown key"),
    pytest.param(Heads, encode({"agreement": "pact", "heads": []}), id="an alias for an id"),
    pytest.param(Heads, b'{"heads":[],"agreement":"' + A.encode() + b'"}', id="another spelling"),
    pytest.param(
        RecordsQuestion,
        encode({"agreement": A, "ranges": [[CIRCLE, RIVER, 0, 5, 4]]}),
        id="a span that ends before it begins",
    ),
    pytest.param(BlobsQuestion, encode({"agreement": A, "blobs": [ONE, ONE]}), id="a blob twice"),
    pytest.param(
        ItemsQuestion,
        encode({"after": "", "agreement": A, "limit": MAX_ITEMS + 1}),
        id="too many items",
    ),
    pytest.param(
        ItemsQuestion, encode({"after": "", "agreement": A, "limit": 0}), id="no items at all"
    ),
    pytest.param(
        ItemsQuestion,
        encode({"after": "x" * 257, "agreement": A, "limit": 1}),
        id="too long a cursor",
    ),
    pytest.param(
        ItemsQuestion, encode({"after": "\n", "agreement": A, "limit": 1}), id="a cursor of lines"
    ),
    *(
        pytest.param(
            ItemsQuestion,
            encode({"after": "", "agreement": A, "limit": 1, "offers": offers}),
            id=f"an offer of {what}",
        )
        for offers, what in [
            ([], "nothing"),
            (["companion"], "what only goes along"),
            (["raw-collection"], "no kind of items"),
            (["technique", "indicator"], "kinds out of order"),
            ("indicator", "a text"),
        ]
    ),
    pytest.param(
        AgreementsAnswer,
        encode({"agreements": [{"alias": "a", "id": A, "rows": -1}]}),
        id="fewer rows than none",
    ),
]


@pytest.mark.parametrize(("kind", "raw"), REFUSED)
def test_a_message_of_another_shape_is_refused(kind: Any, raw: bytes) -> None:
    with pytest.raises(MalformedError):
        kind.decode(raw)


def test_more_heads_than_are_read_are_refused() -> None:
    def many(number: int) -> bytes:
        row = HEAD._replace
        return Heads(A, tuple(row(sequence=n + 1) for n in range(number))).encode()

    assert len(many(MAX_HEADS)) <= QUESTION_LIMITS["heads"]
    assert len(Heads.decode(many(MAX_HEADS)).heads) == MAX_HEADS
    with pytest.raises(MalformedError):
        Heads.decode(many(MAX_HEADS + 1))


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(hint(news()), id="at one chain"),
        pytest.param(hint(news(MAX_NEWS_HEADS)), id="at as many chains as are read"),
        pytest.param(
            hint(*(news(0, agreement=f"{n:064x}") for n in range(MAX_NEWS))),
            id="at as many agreements as are read",
        ),
    ],
)
def test_a_hint_that_is_not_too_much_is_read(raw: bytes) -> None:
    assert len(raw) <= QUESTION_LIMITS["hint"]
    assert HintQuestion.decode(raw).encode() == raw


def test_heads_are_read_with_all_that_came_along_or_not_at_all() -> None:
    said = Heads(A, (HEAD,)).encode()
    page, empty = RecordsPage(), RecordsPage().encode(more=False)
    assert page.add(b"envelope", RIVER, [b"descriptor"])
    whole = page.encode(more=False)

    assert HeadsAnswer.decode(said) == HeadsAnswer(Heads(A, (HEAD,)))
    found = HeadsAnswer.decode(along.joined(said, whole))
    assert found == HeadsAnswer(Heads(A, (HEAD,)), RecordsAnswer.decode(whole))
    for refused in (
        along.joined(said, page.encode(more=True)),
        along.joined(said, empty),
        along.joined(said, b""),
        along.joined(said, whole[:-1]),
        along.joined(said, whole + b"\0"),
        along.joined(b"", whole),
        along.joined(Heads(A, (HEAD,), along=1).encode(), whole),
        along.joined(said, whole) + bytes(ANSWER_LIMITS["heads"]),
    ):
        with pytest.raises(MalformedError):
            HeadsAnswer.decode(refused)


def test_where_nothing_is_said_nothing_is_said() -> None:
    require_nothing(NOTHING)
    with pytest.raises(MalformedError):
        require_nothing(b"{ }")


# --- pages ------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=50), max_size=10), st.booleans())
def test_records_survive_byte_for_byte(envelopes: list[bytes], more: bool) -> None:
    page = RecordsPage()
    for raw in envelopes:
        assert page.add(raw, RIVER, [b"first", b"second"])
    answer = RecordsAnswer.decode(page.encode(more=more))

    assert answer.records == tuple(envelopes)
    assert answer.more is more
    assert answer.identities == ({RIVER: (b"first", b"second")} if envelopes else {})


def test_each_issuer_is_introduced_once() -> None:
    page = RecordsPage()
    for issuer, chain in ((RIVER, [b"r"]), (HARBOUR, [b"h"]), (RIVER, [b"r"])):
        assert page.add(b"envelope", issuer, chain)
    assert page.add(b"known issuer", OrganisationId(ONE))
    answer = RecordsAnswer.decode(page.encode(more=False))

    assert answer.identities == {RIVER: (b"r",), HARBOUR: (b"h",)}
    assert len(answer.records) == 4


def test_blobs_are_named_by_what_they_are() -> None:
    page = BlobsPage()
    assert page.add(b"one")
    assert page.add(b"")
    assert BlobsAnswer.decode(page.encode()).blobs == {digest(b"one"): b"one", digest(b""): b""}


def test_items_survive_byte_for_byte() -> None:
    page = ItemsPage()
    second = replace(ITEM, id="malware--2", statement=Digest(TWO), raw=b"\x00 any bytes \xff")
    third = replace(ITEM, id="malware--3")
    for item, statement in ((ITEM, b"st1"), (second, b"st2"), (third, b"st1")):
        assert page.add(item, statement)
    answer = ItemsAnswer.decode(page.encode("after 3", more=True))

    assert answer.items == (ITEM, second, third)
    assert answer.statements == {ITEM.statement: b"st1", second.statement: b"st2"}
    assert (answer.next, answer.more) == ("after 3", True)


def test_a_page_has_at_most_as_many_items_as_were_asked_for() -> None:
    page = ItemsPage(limit=1)
    assert page.add(ITEM, b"statement")
    assert not page.add(ITEM, b"statement")
    assert len(ItemsAnswer.decode(page.encode("", more=True)).items) == 1


@pytest.mark.parametrize(
    ("page", "add", "read", "limit"),
    [
        pytest.param(
            RecordsPage,
            lambda page, raw: page.add(raw, RIVER, [b"chain"]),
            lambda page: RecordsAnswer.decode(page.encode(more=True)).records,
            PAGE_BYTES,
            id="records",
        ),
        pytest.param(
            BlobsPage,
            lambda page, raw: page.add(raw),
            lambda page: BlobsAnswer.decode(page.encode()).blobs,
            ANSWER_LIMITS["blobs"],
            id="blobs",
        ),
        pytest.param(
            ItemsPage,
            lambda page, raw: page.add(replace(ITEM, raw=raw), b"statement"),
            lambda page: ItemsAnswer.decode(page.encode("", more=True)).items,
            ANSWER_LIMITS["items"],
            id="items",
        ),
    ],
)
def test_a_full_page_is_what_the_other_side_still_reads(
    page: Callable[[], Any], add: Any, read: Any, limit: int
) -> None:
    filled = page()
    size = limit // 4
    added = 0
    while add(filled, bytes([added]) * size):
        added += 1

    assert added == 3
    assert len(read(filled)) == 3


# --- frames -----------------------------------------------------------------------------


def framed(*frames: bytes) -> bytes:
    return b"".join(len(frame).to_bytes(4, "big") + frame for frame in frames)


@given(st.lists(st.binary(max_size=20), max_size=10))
def test_frames_read_back(frames: list[bytes]) -> None:
    assert list(cut(framed(*frames), limit=10_000, count=10)) == frames


@pytest.mark.parametrize(
    ("raw", "count"),
    [
        pytest.param(framed(b"abc")[:-1], 9, id="the last byte is missing"),
        pytest.param(framed(b"abc") + b"\x00", 9, id="a length is cut off"),
        pytest.param(b"\xff\xff\xff\xff", 9, id="four gigabytes announced"),
        pytest.param(framed(b"", b"", b""), 2, id="more frames than are read"),
        pytest.param(bytes(10_001), 9, id="more bytes than are read"),
    ],
)
def test_frames_that_do_not_fit_are_refused(raw: bytes, count: int) -> None:
    assert list(cut(framed(b"abc"), limit=10_000, count=1)) == [b"abc"]  # the twin that passes
    with pytest.raises(MalformedError):
        list(cut(raw, limit=10_000, count=count))


def test_frames_are_bounded_with_room_for_the_first() -> None:
    frames = Frames(MAX_HEAD + 4 + 100)
    assert not frames.add(bytes(97))
    assert frames.add(bytes(46), early=(bytes(46),))
    assert not frames.add(b"")
    assert len(frames.join("x")) == 4 + 3 + 100


def page_head(**values: Json) -> bytes:
    return encode(values)


ONE_ITEM = page_head(items=1, more=False, next="", statements=[ONE])


@pytest.mark.parametrize(
    ("read", "raw"),
    [
        pytest.param(
            RecordsAnswer.decode,
            framed(page_head(identities=[], more=False, records=2), b"one"),
            id="fewer records than announced",
        ),
        pytest.param(
            RecordsAnswer.decode,
            framed(page_head(identities=[], more=False, records=1), b"one", b"two"),
            id="more records than announced",
        ),
        pytest.param(
            RecordsAnswer.decode,
            framed(
                page_head(identities=[[RIVER, 1], [RIVER, 2]], more=False, records=0), b"1", b"2"
            ),
            id="a chain that fell away without its end",
        ),
        pytest.param(
            RecordsAnswer.decode,
            framed(page_head(identities=[[RIVER, 0]], more=False, records=0)),
            id="an empty identity",
        ),
        pytest.param(BlobsAnswer.decode, b"", id="no first frame"),
        pytest.param(BlobsAnswer.decode, framed(page_head(blobs=10**9)), id="a billion blobs"),
        pytest.param(
            ItemsAnswer.decode,
            framed(ONE_ITEM, b"statement", ITEM.head()),
            id="an item without its bytes",
        ),
        pytest.param(
            ItemsAnswer.decode,
            framed(ONE_ITEM, b"statement", replace(ITEM, statement=Digest(TWO)).head(), b"{}"),
            id="an item of a statement that is not there",
        ),
        pytest.param(
            ItemsAnswer.decode,
            framed(page_head(items=0, more=False, next="", statements=[ONE, ONE]), b"one", b"one"),
            id="a statement twice",
        ),
        pytest.param(
            ItemsAnswer.decode,
            framed(ONE_ITEM, b"statement", replace(ITEM, proof=bytes(4097)).head(), b"{}"),
            id="too long a proof",
        ),
    ],
)
def test_a_page_that_is_not_what_it_says_is_refused(read: Any, raw: bytes) -> None:
    ItemsAnswer.decode(framed(ONE_ITEM, b"statement", ITEM.head(), b"{}"))  # the twin that passes
    with pytest.raises(MalformedError):
        read(raw)


READERS: list[Any] = [
    AgreementsAnswer.decode,
    Heads.decode,
    HeadsAnswer.decode,
    HintQuestion.decode,
    RecordsQuestion.decode,
    BlobsQuestion.decode,
    ItemsQuestion.decode,
    RecordsAnswer.decode,
    BlobsAnswer.decode,
    ItemsAnswer.decode,
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | hexes,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["agreement", "heads", "ranges", "blobs", "items", "more", "next", "records", "x"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=10,
)


def attempt(read: Callable[[bytes], object], raw: bytes) -> None:
    try:
        read(raw)
    except MalformedError:
        return


@given(st.sampled_from(READERS), st.binary(max_size=100))
def test_hostile_bytes_are_malformed_or_read_and_nothing_else(read: Any, raw: bytes) -> None:
    attempt(read, raw)
    attempt(read, framed(raw))


@given(st.sampled_from(READERS), json_values, st.lists(st.binary(max_size=9), max_size=3))
def test_hostile_json_is_malformed_or_read_and_nothing_else(
    read: Any, value: Any, frames: list[bytes]
) -> None:
    try:
        raw = encode(value)
    except MalformedError:
        raw = b"{}"
    attempt(read, raw)
    attempt(read, framed(raw, *frames))


@given(st.data())
def test_a_damaged_page_is_malformed_or_another_page(data: st.DataObject) -> None:
    page = ItemsPage()
    page.add(ITEM, b"statement")
    raw = bytearray(page.encode("next", more=False))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    attempt(ItemsAnswer.decode, bytes(raw))
    attempt(ItemsAnswer.decode, bytes(raw[: data.draw(st.integers(0, len(raw)))]))
