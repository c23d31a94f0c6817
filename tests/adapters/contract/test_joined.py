"""The joined bytes of a page: the same by every way, and bounded in every respect."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from allied.adapters.sql import SqlStore, joined, joined_postgres
from allied.adapters.sql.joined import Asked, Wanted, by_rows, joined_by
from allied.node.ports import Store
from allied.node.rows import Joined
from allied.record.ids import AgreementId
from tests.adapters.contract import rows
from tests.adapters.contract.rows import HARBOUR, NORTHGATE, RIVER, TREATY, hexed, item

ADDED = rows.microseconds(rows.START)


def shown(
    numbers: str, *, last: int | None = None, more: bool = False, repeated: str = ""
) -> Joined:
    """The page that shows these items of the table below."""
    chosen = [int(each) for each in numbers.split()]
    return Joined(
        body=b",".join(rows.raw_of(NAMES[each]) for each in chosen),
        count=len(chosen),
        first_added=ADDED + chosen[0] - 1 if chosen else 0,
        last_added=ADDED + chosen[-1] - 1 if chosen else 0,
        last=chosen[-1] if last is None else last,
        more=more,
        repeated=tuple(int(each) for each in repeated.split()),
    )


NAMES = {
    1: "indicator--1", 2: "indicator--1", 3: "indicator--2", 4: "malware--3", 5: "indicator--4",
}  # fmt: skip


@pytest.mark.parametrize(
    ("classes", "asked", "page"),
    [
        pytest.param((1, 2, 3), {}, shown("1 2 3 4 5", repeated="1 2"), id="all of a holder"),
        pytest.param((1,), {}, shown("1 3", repeated="1"), id="one class"),
        pytest.param((), {}, shown("", last=0), id="no class, no item"),
        pytest.param((99,), {}, shown("", last=5), id="a class without items"),
        pytest.param((1, 2, 3), {"after": 3}, shown("4 5"), id="after a number"),
        pytest.param((1, 2, 3), {"after": 5}, shown("", last=5), id="nothing new"),
        pytest.param((1, 2, 3), {"after": 77}, shown("", last=77), id="beyond the end"),
        pytest.param(
            (1, 2, 3), {"limit": 2}, shown("1 2", more=True, repeated="1 2"), id="a short page"
        ),
        pytest.param((1,), {"limit": 2}, shown("1 3", repeated="1"), id="just as many as fit"),
        pytest.param((1, 2, 3), {"limit": 0}, shown("", last=0), id="a limit of nothing"),
        pytest.param((1, 2, 3), {"added_after": ADDED + 2}, shown("4 5"), id="after a date"),
        pytest.param((1, 2, 3), {"added_after": ADDED + 4}, shown("", last=0), id="the last date"),
        pytest.param(
            (1, 2, 3), {"added_after": ADDED + 2, "after": 4}, shown("5"), id="after both"
        ),
        pytest.param((1, 2, 3), {"types": ("malware", "tool")}, shown("4"), id="types"),
        pytest.param((1, 2, 3), {"types": ("tool",)}, shown("", last=0), id="no such type"),
        pytest.param((1, 2, 3), {"types": ()}, shown("", last=0), id="no type, no item"),
        pytest.param((1, 2, 3), {"until": 2}, shown("1 2", repeated="1 2"), id="until a number"),
        pytest.param(
            (1, 2, 3), {"until": 3, "skip": (1,)}, shown("2 3", repeated="2"), id="without one"
        ),
    ],
)
def test_what_can_be_asked_of_joined_items(
    store: Store, classes: tuple[int, ...], asked: dict[str, object], page: Joined
) -> None:
    with store.write() as writing:
        one, two = rows.classes(writing, 2)
        (elsewhere,) = rows.classes(writing, 1, TREATY)
        assert (one, two, elsewhere) == (1, 2, 3)
        writing.add_items(
            [
                item("indicator--1", one),
                item("indicator--1", two, modified="2026-02-02T00:00:00Z"),
                item("indicator--2", one, originator=NORTHGATE),
                item("malware--3", two, of_type="malware"),
                item("indicator--4", elsewhere, under=TREATY),
                item("indicator--5", one, holder=HARBOUR),
            ]
        )
    with store.read() as reading:
        found = reading.joined_items(RIVER, classes, **({"limit": 10} | asked))  # type: ignore[arg-type]
    assert found == page


def test_a_holder_without_items_has_an_empty_page(store: Store) -> None:
    with store.write() as writing:
        known = rows.classes(writing, 1)
        assert writing.joined_items(RIVER, known, limit=9) == Joined()
        writing.add_items([item("indicator--1", known[0])])
        assert writing.joined_items(HARBOUR, known, limit=9) == Joined()
        assert writing.joined_items(RIVER, known, limit=9).count == 1


@pytest.mark.parametrize("sizes", [[300, 300, 300], [3_000, 10, 10], [10, 3_000, 10], [10] * 3])
def test_a_page_is_bounded_in_bytes_and_goes_on(store: SqlStore, sizes: list[int]) -> None:
    with store.write() as writing:
        known = rows.classes(writing, 1)
        given_items = [
            item(f"indicator--{n}", known[0], words="x" * size) for n, size in enumerate(sizes)
        ]
        writing.add_items(given_items)
    bodies = []
    after, more = 0, True
    with store.read() as reading:
        while more:
            wanted = Wanted(RIVER, tuple(known), 9, after, most_bytes=1_000)
            page = joined.joined(reading._connection, reading._names, wanted, reading.changes())
            assert page.count == 1 or len(page.body) <= 1_000
            bodies.append(page.body)
            after, more = page.last, page.more
    assert b",".join(bodies) == b",".join(raw for _, raw in given_items)
    assert len(bodies) == {300: 2, 3_000: 2, 10: 1}[max(sizes)] + (
        sizes[0] == 10 and 3_000 in sizes
    )


def test_where_types_are_rare_a_page_ends_and_goes_on(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joined, "LOOKED_AT", 10)
    with store.write() as writing:
        known = rows.classes(writing, 1)
        writing.add_items(
            item(f"x--{n}", known[0], of_type="malware" if n == 24 else "indicator")
            for n in range(30)
        )
    with store.read() as reading:
        seen, after, more, asked = 0, 0, True, 0
        while more:
            page = reading.joined_items(RIVER, known, after=after, limit=5, types=("malware",))
            seen, after, more, asked = seen + page.count, page.last, page.more, asked + 1
    assert (seen, asked) == (1, 3)


_NUMBERS = itertools.count()


@given(
    spread=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 30)), max_size=60),
    visible=st.sets(st.integers(0, 5), min_size=1),
    low=st.integers(0, 70),
    high=st.integers(1, 70),
    limit=st.integers(1, 20),
    types=st.sampled_from([None, (), ("malware",), ("indicator", "malware")]),
    skip=st.sets(st.integers(1, 60), max_size=4),
    most=st.sampled_from([100, 400, 2_000, 2**20]),
    bounded=st.booleans(),
)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=60,
)
def test_every_way_to_joined_items_gives_the_same(
    store: SqlStore,
    spread: list[tuple[int, int]],
    visible: set[int],
    low: int,
    high: int,
    limit: int,
    types: tuple[str, ...] | None,
    skip: set[int],
    most: int,
    bounded: bool,
) -> None:
    fresh = AgreementId(hexed(f"agreement {next(_NUMBERS)}"))
    with store.write() as writing:
        known = rows.classes(writing, 6, fresh)
        added = writing.add_items(
            item(
                f"indicator--{n % 50}",
                known[which],
                words="x" * size,
                modified=str(n),
                under=fresh,
                holder=RIVER if n % 7 else HARBOUR,
                of_type="malware" if n % 3 else "indicator",
            )
            for n, (which, size) in enumerate(spread)
        )
        numbers = writing._names.add((RIVER, HARBOUR, "malware", "indicator"))
    before = max(added.first - 1, 0)
    asked = Asked(
        holder=numbers[RIVER],
        classes=tuple(known[which] for which in sorted(visible)),
        types=None if types is None else tuple(numbers[each] for each in types),
        low=before + low,
        high=before + max(low + 1, high),
        limit=limit,
        skip=tuple(before + each for each in sorted(skip)),
        most_bytes=most,
        bounded=bounded,
    )
    with store.read() as reading:
        expected = by_rows(reading._connection, asked)
        for way in joined.WAYS if reading._connection.dialect.name == "sqlite" else ():
            assert joined_by(way, reading._connection, asked) == expected, way.__name__
        for scans in (True, False) if reading._connection.dialect.name == "postgresql" else ():
            assert joined_postgres.page(reading._connection, asked, scans=scans) == expected, scans
        if not bounded and types is None:  # the question as a reader puts it
            wanted = Wanted(
                RIVER, asked.classes, limit, asked.low, None, None, asked.high, asked.skip, most
            )
            found = joined.joined(reading._connection, reading._names, wanted, reading.changes())
            assert (found.body, found.repeated) == (expected.body, expected.repeated)
            assert (found.count, found.more) == (expected.count, expected.more)
        tight = replace(asked, limit=1000, most_bytes=2**20)
        assert by_rows(reading._connection, tight).body.startswith(expected.body)
