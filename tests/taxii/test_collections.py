"""What a token may read, and pages that neither lose nor repeat."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from allied.agreement.values import Tlp
from allied.errors import NotFoundError
from allied.exchange.stix import instant
from allied.node import collections
from allied.node.additions import date_text, microseconds
from allied.node.browsing import (
    EVERY,
    LAST,
    Look,
    Page,
    Question,
    Source,
    Stretch,
    Versions,
    Visible,
)
from allied.node.collections import ALL
from allied.node.ports import Reading
from allied.node.release import classes_of
from allied.node.rows import ItemRow, Token
from allied.record.ids import AgreementId, OrganisationId
from tests.taxii.shelf import HARBOUR, MODIFIED, NORTHGATE, START, Desk, Given, Shelf

LATER, LATEST = "2026-02-02T00:00:00.000Z", "2026-03-03T00:00:00Z"


def read(
    shelf: Shelf,
    token: Token,
    root: str,
    name: str = ALL,
    question: Question | None = None,
    via: Desk | None = None,
) -> list[bytes]:
    """Everything a question finds, by following `next`."""
    found: list[bytes] = []
    desk, first = via or shelf.collections(), question or Question(versions=EVERY)
    asked: Question | None = first
    while asked is not None:
        page = desk.page(token, root, name, asked)
        found += page.bodies
        asked = None if page.next is None else replace(first, after=page.next)
    pieces: list[bytes] = []
    asked = first
    while asked is not None:
        stretch = desk.objects(token, root, name, asked)
        pieces += stretch.pieces
        asked = None if stretch.next is None else replace(first, after=stretch.next)
    assert b",".join(pieces) == b",".join(found)
    return found


def raws(*items: Given) -> list[bytes]:
    return [item.raw for item in items]


# --- who may read what ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ceiling", "seen"),
    [
        pytest.param("CLEAR", [Tlp.CLEAR], id="a ceiling of CLEAR"),
        pytest.param("AMBER", [Tlp.CLEAR, Tlp.GREEN, Tlp.AMBER], id="the usual ceiling"),
        pytest.param("AMBER+STRICT", list(Tlp)[:4], id="the highest ceiling"),
        pytest.param("RED", list(Tlp)[:4], id="RED is never read by a token"),
        pytest.param("purple", [], id="a ceiling that says nothing lets nothing through"),
    ],
)
def test_nothing_above_the_ceiling_is_shown(shelf: Shelf, ceiling: str, seen: list[Tlp]) -> None:
    pact = shelf.pact()
    items = [Given(f"ceiling {tlp}", tlp=tlp) for tlp in Tlp]
    shelf.hold(pact, items)
    token = replace(shelf.token(pact).token, ceiling=ceiling)
    expected = raws(*(item for item in items if item.tlp in seen))
    assert read(shelf, token, pact) == expected
    assert read(shelf, token, ALL) == expected
    names = [each.alias for each in shelf.collections().root(token, pact).collections]
    assert names == [ALL, *(collections.alias_of(tlp) for tlp in seen)]
    for item in items:
        name = collections.alias_of(item.tlp)
        if item.tlp in seen:
            assert read(shelf, token, pact, name) == [item.raw]
        else:
            with pytest.raises(NotFoundError):
                read(shelf, token, pact, name)


def test_a_token_sees_the_agreements_it_lists_and_no_other(shelf: Shelf) -> None:
    pact, treaty, foreign = shelf.pact(), shelf.pact(), shelf.foreign()
    one, two = Given("in the pact"), Given("in the treaty")
    shelf.hold(pact, [one])
    shelf.hold(treaty, [two])
    shelf.hold(foreign, [Given("of others")], holder=NORTHGATE)
    token = shelf.token(pact, foreign).token
    assert read(shelf, token, pact) == [one.raw]
    assert read(shelf, token, ALL) == [one.raw]
    assert [root.name for root in shelf.collections().roots(token)] == [ALL, pact]
    for name in (treaty, foreign, "0" * 64, "", "all "):
        with pytest.raises(NotFoundError) as refusal:
            read(shelf, token, name)
        assert refusal.value.code == "collection.unknown"
    both = shelf.token(pact, treaty).token
    assert read(shelf, both, ALL) == [one.raw, two.raw]


def test_a_token_without_a_list_sees_every_agreement_that_names_its_organisation(
    shelf: Shelf,
) -> None:
    pact, foreign = shelf.pact(), shelf.foreign()
    names = [root.name for root in shelf.collections().roots(shelf.token().token)]
    assert pact in names
    assert foreign not in names


def test_another_organisations_copies_are_not_shown(shelf: Shelf) -> None:
    pact, mine, theirs = shelf.pact(), Given("mine"), Given("theirs")
    shelf.hold(pact, [mine])
    shelf.hold(pact, [theirs], holder=HARBOUR)
    assert read(shelf, shelf.token(pact).token, pact) == [mine.raw]


def test_what_has_expired_is_not_shown_any_more(shelf: Shelf) -> None:
    pact = shelf.pact()
    short = Given("short-lived", expires=START.replace(microsecond=0) + timedelta(hours=1))
    shelf.hold(pact, [short])
    desk, token = shelf.collections(), shelf.token(pact).token
    assert read(shelf, token, pact, via=desk) == [short.raw]
    shelf.clock.advance(timedelta(hours=2))
    try:
        assert read(shelf, token, pact, via=desk) == []
    finally:
        shelf.clock.set(START)


def test_what_is_new_is_seen_at_the_next_question(shelf: Shelf) -> None:
    desk, token = shelf.collections(), shelf.token().token
    with pytest.raises(NotFoundError):
        read(shelf, token, "f" * 64, via=desk)
    late = START + timedelta(days=100)
    pact, one, two = shelf.pact(), Given("early"), Given("late", tlp=Tlp.CLEAR, at=late)
    assert read(shelf, token, pact, via=desk) == []
    shelf.hold(pact, [one])
    assert read(shelf, token, pact, via=desk) == [one.raw]
    shelf.hold(pact, [two])
    assert read(shelf, token, pact, via=desk) == [one.raw, two.raw]
    kept, fresh = (each.page(token, pact, ALL, Question()) for each in (desk, shelf.collections()))
    assert kept == fresh  # dates too
    assert date_text(kept.entries[1].added) >= date_text(microseconds(late))


def test_collections_keep_their_ids_and_no_two_share_one(shelf: Shelf) -> None:
    pact, token = shelf.pact(), shelf.token().token
    one = [each.id for root in shelf.collections().roots(token) for each in root.collections]
    two = [each.id for root in shelf.collections().roots(token) for each in root.collections]
    assert one == two
    assert len(set(one)) == len(one)
    assert collections.collection_id(shelf.river.id, pact, Tlp.GREEN) in one
    other = collections.collection_id(HARBOUR, pact, Tlp.GREEN)
    assert other not in one


# --- versions ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        pytest.param(Versions(last=True), [1, 3], id="the last, whenever it came"),
        pytest.param(Versions(first=True), [2, 3], id="the first"),
        pytest.param(Versions(last=True, first=True), [1, 2, 3], id="first and last"),
        pytest.param(EVERY, [0, 1, 2, 3], id="all"),
        pytest.param(
            Versions(at=frozenset({instant("2026-02-02T00:00:00Z")})),  # type: ignore[arg-type]
            [0],
            id="an instant, however it is spelled",
        ),
        pytest.param(
            Versions(at=frozenset({instant("2026-02-02T00:00:01Z")})),  # type: ignore[arg-type]
            [],
            id="an instant of no version",
        ),
    ],
)
def test_which_versions_are_shown(shelf: Shelf, asked: Versions, found: list[int]) -> None:
    pact = shelf.pact()
    items = [
        Given(f"versions {pact}", modified=LATER),
        Given(f"versions {pact}", modified=LATEST),
        Given(f"versions {pact}", modified=MODIFIED),
        Given(f"other {pact}", modified=LATEST),
    ]
    shelf.hold(pact, items)
    token = shelf.token(pact).token
    narrowed = Question(versions=asked, ids=(items[0].id,))
    assert read(shelf, token, pact, question=Question(versions=asked, limit=1)) == [
        items[number].raw for number in found
    ]
    assert read(shelf, token, pact, question=narrowed) == [
        items[number].raw for number in found if number != 3
    ]


def test_no_originator_supersedes_anothers_version(shelf: Shelf) -> None:
    pact = shelf.pact()
    theirs = Given("contested", modified=LATER)
    forged = Given("contested", modified=LATEST, originator=NORTHGATE, name="not so")
    shelf.hold(pact, [theirs, forged])
    assert read(shelf, shelf.token(pact).token, pact, question=Question()) == raws(theirs, forged)


def test_a_version_above_the_ceiling_leaves_the_one_below_it_as_the_last(shelf: Shelf) -> None:
    pact = shelf.pact()
    old, new = Given("raised"), Given("raised", modified=LATER, tlp=Tlp.AMBER_STRICT)
    shelf.hold(pact, [old, new])
    assert read(shelf, shelf.token(pact).token, pact, question=Question()) == [old.raw]
    high = shelf.token(pact, ceiling="AMBER+STRICT").token
    assert read(shelf, high, pact, question=Question()) == [new.raw]


def test_a_version_under_two_agreements_is_shown_once_in_the_root_of_all(shelf: Shelf) -> None:
    pact, treaty, item = shelf.pact(), shelf.pact(), Given("twice")
    newer = replace(item, modified=LATER)
    shelf.hold(pact, [item])
    shelf.hold(treaty, [item, newer])
    token = shelf.token(pact, treaty).token
    assert read(shelf, token, ALL) == raws(item, newer)
    assert read(shelf, token, ALL, question=Question()) == [newer.raw]
    assert read(shelf, token, pact, question=Question()) == [item.raw]
    assert read(shelf, token, treaty) == raws(item, newer)


def test_an_unknown_object_is_not_found_and_one_that_does_not_fit_is_an_empty_page(
    shelf: Shelf,
) -> None:
    pact, item, hidden = shelf.pact(), Given("known"), Given("hidden", tlp=Tlp.RED)
    shelf.hold(pact, [item, hidden])
    desk, token = shelf.collections(), shelf.token(pact).token
    unfit = Question(versions=Versions(at=frozenset({instant(LATEST)})))  # type: ignore[arg-type]
    assert desk.page(token, pact, ALL, Question(), item.id).bodies == (item.raw,)
    assert desk.page(token, pact, ALL, unfit, item.id) == Page((), (), None)
    for unknown in (hidden.id, Given("nowhere").id, ""):
        with pytest.raises(NotFoundError):
            desk.page(token, pact, ALL, Question(), unknown)


# --- order and pages --------------------------------------------------------------------

batches = st.lists(
    st.tuples(
        st.integers(-3_000, 3_000),  # milliseconds; a batch may carry an earlier instant
        st.lists(
            st.tuples(
                st.integers(0, 12),
                st.sampled_from([MODIFIED, LATER, LATEST]),
                st.sampled_from([Tlp.CLEAR, Tlp.GREEN, Tlp.RED]),
                st.sampled_from(["indicator", "malware"]),
                st.booleans(),
            ),
            max_size=12,
        ),
    ),
    max_size=5,
)


Ask = Callable[[Question], Page]
MOST = 60  # items that `batches` can make


def by_next(ask: Ask, question: Question) -> list[int]:
    found: list[int] = []
    while True:
        page = ask(question)
        found += [entry.number for entry in page.entries]
        assert len(page.entries) <= question.limit
        assert len(found) <= MOST, "it goes round in circles"
        if page.next is None:
            return found
        question = replace(question, after=page.next)


def by_date(ask: Ask, question: Question) -> list[int]:
    """As a poller that keeps nothing but the last date it was given."""
    found: list[int] = []
    while True:
        page = ask(question)
        if not page.entries:
            return found
        assert len(found) <= MOST, "it goes round in circles"
        found += [entry.number for entry in page.entries]
        question = replace(question, added_after=page.entries[-1].added)


def by_stretch(reading: Reading, visible: Visible, question: Question) -> list[bytes]:
    """The objects of every stretch, by its own `next` and by its own dates."""
    found: list[list[bytes]] = [[], []]
    asked = question
    while True:
        stretch = Look(reading, visible, asked).stretch()
        found[0] += _split(stretch)
        if stretch.next is None:
            break
        asked = replace(asked, after=stretch.next)
    asked = question
    while (stretch := Look(reading, visible, asked).stretch()).count:
        found[1] += _split(stretch)
        asked = replace(asked, added_after=stretch.last_added)
    assert found[0] == found[1]
    return found[0]


def _split(stretch: Stretch) -> list[bytes]:
    joined = b",".join(stretch.pieces)
    objects = [
        bytes(each) for each in msgspec.json.decode(b"[%s]" % joined, type=list[msgspec.Raw])
    ]
    assert len(objects) == stretch.count
    return objects


@pytest.fixture(scope="module")
def two(shelf: Shelf) -> tuple[AgreementId, AgreementId]:
    return shelf.pact(), shelf.pact()


HOLDERS = itertools.count()


@given(
    batches=batches,
    limit=st.integers(1, 15),
    only=st.sampled_from([None, ("malware",)]),
    versions=st.sampled_from([EVERY, LAST, Versions(first=True)]),
    overlap=st.booleans(),
)
@settings(max_examples=25)
def test_paging_neither_loses_nor_repeats(
    shelf: Shelf,
    two: tuple[AgreementId, AgreementId],
    batches: list[tuple[int, list[tuple[int, str, Tlp, str, bool]]]],
    limit: int,
    only: tuple[str, ...] | None,
    versions: Versions,
    overlap: bool,
) -> None:
    holder = OrganisationId(f"{next(HOLDERS):064x}")
    for wait, batch in batches:
        at = START + timedelta(milliseconds=wait)
        for agreement in two:
            items = [
                Given(
                    f"{word}{'' if overlap else agreement}",
                    tlp=tlp,
                    modified=modified,
                    at=at,
                    type=type_,
                )
                for word, modified, tlp, type_, in_second in batch
                if in_second is (agreement == two[1])
            ]
            if items:
                shelf.hold(agreement, items, holder=holder)
    with shelf.node.store.read() as reading:
        question = Question(limit=limit, types=only, versions=versions)
        whole = replace(question, limit=5_000)
        for agreements in ([two[0]], [two[1]], [*two]):
            sources = [
                Source(
                    agreement,
                    tuple(
                        number
                        for number, each in classes_of(reading, agreement).items()
                        if each.tlp != Tlp.RED
                    ),
                )
                for agreement in agreements
            ]

            shown = tuple(number for source in sources for number in source.classes)
            visible = Visible(holder, tuple(sources), shown, frozenset(shown))

            def ask(asked: Question, visible: Visible = visible) -> Page:
                return Look(reading, visible, asked).page(bodies=True)

            everything = by_next(ask, whole)
            assert everything == expected(reading, holder, sources, only, versions)
            assert by_next(ask, question) == everything
            assert by_date(ask, question) == everything
            assert by_stretch(reading, visible, question) == list(ask(whole).bodies)


def expected(
    reading: Reading,
    holder: OrganisationId,
    sources: list[Source],
    only: tuple[str, ...] | None,
    versions: Versions,
) -> list[int]:
    """The model: all rows at once, versions by hand."""
    rows = [
        row
        for source in sources
        for row in reading.items(source.agreement, holder, limit=100_000)
        if row.class_id in source.classes
    ]
    rows.sort(key=lambda row: row.seq)
    unique: dict[tuple[str, str], ItemRow] = {}
    for row in rows:
        unique.setdefault((row.id, row.modified), row)
    objects: dict[str, list[tuple[str, int]]] = {}
    for row in unique.values():
        objects.setdefault(row.id, []).append((row.modified, row.seq))
    chosen = {
        seq
        for found in objects.values()
        for place, (_, seq) in enumerate(sorted(found))
        if versions.every
        or (versions.last and place == len(found) - 1)
        or (versions.first and place == 0)
    }
    return [row.seq for row in rows if row.seq in chosen and (only is None or row.type in only)]


def test_a_batch_is_dated_one_microsecond_apart_from_its_receipt_on(empty: Shelf) -> None:
    pact, at = empty.pact(), START + timedelta(days=4)
    empty.hold(pact, [Given(f"apart {n}", at=at) for n in range(5)])
    page = empty.collections().page(empty.token(pact).token, pact, ALL, Question())
    assert [date_text(entry.added)[-8:] for entry in page.entries] == [
        ".250000Z", ".250001Z", ".250002Z", ".250003Z", ".250004Z",
    ]  # fmt: skip


def test_what_was_shared_earlier_but_stored_later_is_dated_later(empty: Shelf) -> None:
    pact = empty.pact()
    empty.hold(pact, [Given("quick", at=START + timedelta(days=500))])
    empty.hold(pact, [Given("slow", at=START + timedelta(days=499))])
    page = empty.collections().page(empty.token(pact).token, pact, ALL, Question())
    assert [entry.id for entry in page.entries] == [Given("quick").id, Given("slow").id]
    assert page.entries[1].added == page.entries[0].added + 1


@pytest.mark.parametrize("limit", [1, 2, 3, 1_000])
def test_a_page_is_bounded_in_bytes(
    shelf: Shelf, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("allied.node.browsing.PAGE_BYTES", 1_500)
    pact = shelf.pact()
    items = [Given(f"long {n}", name="x" * 600) for n in range(4)]
    items.append(Given("longest", name="x" * 4_000))
    shelf.hold(pact, items)
    desk, token = shelf.collections(), shelf.token(pact).token
    page = desk.page(token, pact, ALL, Question(limit=limit))
    assert 1 <= len(page.bodies) <= 2
    assert read(shelf, token, pact, question=Question(limit=limit), via=desk) == raws(*items)


def test_a_page_that_looks_far_for_little_ends_and_goes_on(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("allied.node.browsing.LOOKED_AT", 10)
    pact = shelf.pact()
    items = [Given(f"far {n}", modified=LATER if n == 24 else MODIFIED) for n in range(30)]
    shelf.hold(pact, items)
    desk, token = shelf.collections(), shelf.token(pact).token
    rare = Question(versions=Versions(at=frozenset({instant(LATER)})))  # type: ignore[arg-type]
    first = desk.page(token, pact, ALL, rare)
    assert (first.bodies, first.next is None) == ((), False)
    assert read(shelf, token, pact, question=rare, via=desk) == [items[24].raw]


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda desk, token: desk.root(token, ALL), id="a root"),
        pytest.param(lambda desk, token: desk.collection(token, ALL, ALL), id="a collection"),
        pytest.param(lambda desk, token: desk.page(token, ALL, ALL, Question()), id="a page"),
    ],
)
def test_reading_leaves_no_trace_in_the_ledger(
    shelf: Shelf, ask: Callable[[Desk, Token], object]
) -> None:
    token = shelf.token().token
    with shelf.node.store.read() as reading:
        before = reading.changes()
    ask(shelf.collections(), token)
    with shelf.node.store.read() as reading:
        assert reading.changes() == before
        assert not reading.ledger(shelf.river.id)
