"""Items: exact bytes once, every version once, and pages that do not depend on the way to them."""

from __future__ import annotations

import itertools
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from allied.adapters.sql import SqlStore, intake, pages
from allied.errors import AlliedError
from allied.node.ports import Store
from allied.node.rows import ItemRow, ItemsAdded
from allied.record.ids import AgreementId
from tests.adapters.contract import rows
from tests.adapters.contract.rows import HARBOUR, NORTHGATE, PACT, RIVER, TREATY, hexed, item

ADDED = rows.microseconds(rows.START)
AT_20 = rows.microseconds(rows.at(20))


def unstored(row: ItemRow) -> ItemRow:
    """The row as it was before the store had it."""
    return replace(row, seq=0, added=0, repeated=False)


def test_items_come_back_as_they_were_with_growing_numbers(store: Store) -> None:
    with store.write() as writing:
        known = rows.classes(writing, 1)[0]
        given_items = [item(f"indicator--{n}", known) for n in range(3)]
        added = writing.add_items(given_items)
        assert added == ItemsAdded(stored=3, known=0, first=1, last=3, contradicting=())
    with store.read() as reading:
        found = reading.items(PACT, RIVER, limit=10)
        assert [unstored(row) for row in found] == [row for row, _ in given_items]
        assert [row.seq for row in found] == [1, 2, 3]
        assert reading.item_bytes(found) == {row.digest: raw for row, raw in given_items}
        assert reading.item_bytes([row for row, _ in given_items]) == {}, "not as stored"
        assert reading.item_bytes([]) == {}


@pytest.mark.parametrize(
    ("second", "outcome"),
    [
        pytest.param({}, "known", id="the same again"),
        pytest.param({"words": "changed"}, "contradicting", id="other bytes under one version"),
        pytest.param({"modified": "2026-02-02T00:00:00Z"}, "stored", id="another version"),
        pytest.param(
            {"words": "changed", "originator": NORTHGATE}, "stored", id="another originator's"
        ),
        pytest.param({"under": TREATY}, "stored", id="under another agreement"),
        pytest.param({"holder": NORTHGATE}, "stored", id="held by another organisation"),
        pytest.param({"share": "second-share"}, "known", id="the same in another share"),
    ],
)
@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
def test_the_first_bytes_under_an_identity_stay(
    store: Store, second: dict[str, str], outcome: str, together: bool
) -> None:
    with store.write() as writing:
        known = rows.classes(writing, 1)[0]
        one, two = item("indicator--1", known), item("indicator--1", known, **second)  # type: ignore[arg-type]
        if together:
            added = writing.add_items([one, two])
        else:
            writing.add_items([one])
            added = writing.add_items([two])
    before = 1 if together else 0
    assert added.stored == before + (outcome == "stored")
    assert added.known == (outcome == "known")
    assert added.contradicting == (
        ((two[0].id, two[0].modified),) if outcome == "contradicting" else ()
    )
    with store.read() as reading:
        assert reading.items(PACT, RIVER, limit=1)[0].digest == one[0].digest
        assert reading.item_bytes(reading.items(PACT, RIVER, limit=1)) == {one[0].digest: one[1]}


def test_bytes_are_shared_by_all_who_hold_them(store: SqlStore) -> None:
    with store.write() as writing:
        known = rows.classes(writing, 1)[0]
        writing.add_items([item("indicator--1", known)])
        writing.add_items([item("indicator--1", known, holder=NORTHGATE)])
        writing.add_items(
            [item("indicator--1", known, under=TREATY), item("indicator--1", known, holder=HARBOUR)]
        )
    with store.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM bodies").scalar() == 1
        assert connection.exec_driver_sql("SELECT count(*) FROM items").scalar() == 4


def test_a_proof_of_no_bytes_stays_one_beside_longer_ones(store: Store) -> None:
    proofs = (b"", b"\x00\x01", b"")
    with store.write() as writing:
        known = rows.classes(writing, 1)[0]
        given_items = [item(f"indicator--{n}", known) for n in range(3)]
        writing.add_items(
            (replace(row, proof=proof), raw)
            for (row, raw), proof in zip(given_items, proofs, strict=True)
        )
    with store.read() as reading:
        assert tuple(row.proof for row in reading.items(PACT, RIVER, limit=9)) == proofs


def test_nothing_is_stored_for_an_empty_batch(store: Store) -> None:
    with store.write() as writing:
        assert writing.add_items([]) == ItemsAdded(0, 0, 0, 0, ())


def test_a_batch_longer_than_what_is_handled_at_a_time(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("allied.adapters.sql.intake.BATCH", 7)
    with store.write() as writing:
        known = rows.classes(writing, 1)[0]
        added = writing.add_items(item(f"indicator--{n % 20}", known) for n in range(25))
    assert added == ItemsAdded(stored=20, known=5, first=1, last=20, contradicting=())


def test_keys_that_collide_are_told_apart(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "allied.adapters.sql.intake.item_keys", lambda _secret, ids, *_: [7] * len(ids)
    )
    monkeypatch.setattr("allied.adapters.sql.intake.item_span", lambda *_: (0, 2**32 - 1))
    monkeypatch.setattr("allied.adapters.sql.intake.version_span", lambda *_: (0, 2**32 - 1))
    with store.write() as writing:
        known = rows.classes(writing, 1)[0]
        given_items = [item(f"indicator--{n}", known) for n in range(4)]
        assert writing.add_items(given_items[:2]).stored == 2
        added = writing.add_items(given_items)
        assert (added.stored, added.known, added.contradicting) == (2, 2, ())
        found = writing.items(PACT, RIVER, limit=9)
        assert [writing.item_bytes([row])[row.digest] for row in found] == [
            raw for _, raw in given_items
        ]
        assert not any(row.repeated for row in found)


def test_items_are_counted_per_class_agreement_and_holder(store: Store) -> None:
    with store.write() as writing:
        green, amber = rows.classes(writing, 2)
        writing.add_items([item("indicator--1", green), item("indicator--2", green)])
        writing.add_items([item("indicator--2", green), item("indicator--3", amber)])
        writing.add_items([item("indicator--1", amber, under=TREATY)])
    with store.read() as reading:
        assert reading.item_counts(PACT, RIVER) == {green: 2, amber: 1}
        assert reading.item_counts(TREATY, RIVER) == {amber: 1}
        assert reading.item_counts(PACT, HARBOUR) == {}


def test_a_handling_class_is_made_once_per_agreement(store: Store) -> None:
    with store.write() as writing:
        green = writing.handling_class(PACT, hexed("green"), b'{"tlp":"GREEN"}', (3, 1))
        assert writing.handling_class(PACT, hexed("green"), b'{"tlp":"GREEN"}', (3, 1)) == green
        assert writing.handling_class(TREATY, hexed("green"), b'{"tlp":"GREEN"}') != green
    with store.read() as reading:
        (found,) = reading.handling_classes(PACT)
        assert (found.id, found.key, found.value) == (green, hexed("green"), b'{"tlp":"GREEN"}')
        assert found.needs == (3, 1)


def test_a_statement_is_kept_once(store: Store) -> None:
    with store.write() as writing:
        writing.add_statement(hexed("s"), b"signed \x00")
        writing.add_statement(hexed("s"), b"signed \x00")
        assert writing.statement(hexed("s")) == b"signed \x00"
        assert writing.statement(hexed("t")) is None


def test_the_tree_of_a_statement_is_kept_once(store: Store) -> None:
    with store.write() as writing:
        writing.add_tree(hexed("s"), b"leaves \x00")
        writing.add_tree(hexed("s"), b"leaves \x00")
    with store.read() as reading:
        assert reading.tree(hexed("s")) == b"leaves \x00"
        assert reading.tree(hexed("t")) is None


# --- pages ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        pytest.param({}, [1, 2, 3, 4, 5], id="all of a holder under an agreement"),
        pytest.param({"after": 3}, [4, 5], id="after a number"),
        pytest.param({"limit": 2}, [1, 2], id="at most the limit"),
        pytest.param({"limit": 0}, [], id="a limit of nothing"),
        pytest.param({"classes": ()}, [], id="no class, no item"),
        pytest.param({"classes": (1,)}, [1, 3, 5], id="one class"),
        pytest.param({"classes": (1, 2, 99)}, [1, 2, 3, 4, 5], id="classes, one without items"),
        pytest.param({"item": "indicator--1"}, [1, 2], id="versions of one object"),
        pytest.param({"item": "indicator--9"}, [], id="an object that is not here"),
        pytest.param(
            {"item": "indicator--1", "modified": "2026-02-02T00:00:00Z"}, [2], id="one version"
        ),
        pytest.param({"item": "indicator--1", "classes": (2,)}, [2], id="a version one may see"),
        pytest.param({"originator": NORTHGATE}, [3], id="one originator's"),
        pytest.param({"originator": RIVER}, [], id="an originator without items"),
        pytest.param({"types": ("malware", "tool")}, [4], id="types, one unknown"),
        pytest.param({"types": ("tool",)}, [], id="a type without items"),
        pytest.param({"types": ()}, [], id="no type, no item"),
        pytest.param({"share": "second-share"}, [5], id="one share"),
        pytest.param({"share": "second-share", "classes": (2,)}, [], id="a share, not its class"),
        pytest.param({"share": "no-share"}, [], id="a share that is not here"),
        pytest.param({"added_after": ADDED}, [2, 3, 4, 5], id="added later than the first"),
        pytest.param({"added_after": ADDED + 3}, [5], id="added later than an instant"),
        pytest.param({"added_after": ADDED + 2, "after": 4}, [5], id="later, and after a number"),
        pytest.param({"added_after": ADDED - 1}, [1, 2, 3, 4, 5], id="later than before all"),
        pytest.param({"added_after": AT_20}, [], id="the instant itself is not later"),
        pytest.param({"added_after": AT_20 - 1}, [5], id="a microsecond before it is earlier"),
    ],
)
def test_what_can_be_asked_of_items(
    store: Store, asked: dict[str, object], found: list[int]
) -> None:
    with store.write() as writing:
        one, two = rows.classes(writing, 2)
        assert (one, two) == (1, 2)
        writing.add_items(
            [
                item("indicator--1", one),
                item("indicator--1", two, modified="2026-02-02T00:00:00Z"),
                item("indicator--2", one, originator=NORTHGATE),
                item("malware--3", two, of_type="malware"),
                item("indicator--4", one, share="second-share", received_at=rows.at(20)),
                item("indicator--5", one, holder=HARBOUR),
                item("indicator--6", one, under=TREATY),
            ]
        )
    with store.read() as reading:
        got = reading.items(PACT, RIVER, **({"limit": 10} | asked))  # type: ignore[arg-type]
    assert [row.seq for row in got] == found


def test_an_agreement_or_a_holder_without_items_has_empty_pages(store: Store) -> None:
    with store.write() as writing:
        known = rows.classes(writing, 1)[0]
        writing.add_items([item("indicator--1", known)])
        assert not writing.items(TREATY, RIVER, limit=10)
        assert not writing.items(PACT, NORTHGATE, limit=10)
        assert not writing.items(PACT, RIVER, limit=10, classes=[known + 1])
        assert writing.items(PACT, RIVER, limit=10, classes=[known])


def test_the_latest_items_come_latest_first(store: Store) -> None:
    with store.write() as writing:
        known = rows.classes(writing, 1)[0]
        writing.add_items([item(f"indicator--{n}", known) for n in range(5)])
        writing.add_items([item("indicator--9", known, under=TREATY)])
    with store.read() as reading:

        def latest(before: int | None, limit: int) -> list[int]:
            found = reading.latest_items(PACT, RIVER, before=before, limit=limit)
            return [row.seq for row in found]

        assert latest(None, 10) == [5, 4, 3, 2, 1]
        assert latest(None, 2) == [5, 4]
        assert latest(4, 2) == [3, 2]
        assert latest(1, 2) == []
        assert latest(None, 0) == []
        assert not reading.latest_items(PACT, NORTHGATE, before=None, limit=10)


_NUMBERS = itertools.count()


@given(
    spread=st.lists(st.integers(0, 5), max_size=60),
    visible=st.sets(st.integers(0, 5)),
    after=st.integers(-1, 70),
    limit=st.integers(1, 20),
    only=st.sampled_from([None, ("malware",), ("indicator", "malware")]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_way_to_a_page_gives_the_same_page(
    store: SqlStore,
    spread: list[int],
    visible: set[int],
    after: int,
    limit: int,
    only: tuple[str, ...] | None,
) -> None:
    fresh = AgreementId(hexed(f"agreement {next(_NUMBERS)}"))
    with store.write() as writing:
        known = rows.classes(writing, 6, fresh)
        added = writing.add_items(
            item(
                f"indicator--{n}",
                known[which],
                under=fresh if n % 7 else PACT,
                of_type="malware" if n % 3 else "indicator",
            )
            for n, which in enumerate(spread)
        )
        before = max(added.first - 1, 0)
        everything = writing.items(fresh, RIVER, limit=1000)
    classes = tuple(known[which] for which in sorted(visible))
    wanted = pages.Wanted(
        agreement=fresh,
        holder=RIVER,
        after=before + after,
        limit=limit,
        classes=classes,
        types=only,
    )
    expected = [
        row.seq
        for row in everything
        if row.seq > wanted.after and row.class_id in classes and (only is None or row.type in only)
    ][:limit]
    with store.read() as reading:
        asked = reading.items(
            fresh, RIVER, after=wanted.after, limit=limit, classes=classes, types=only
        )
        assert [row.seq for row in asked] == expected
        if not everything or not classes:
            return
        connection, names = reading._connection, reading._names
        conditions = pages._conditions(names, wanted)
        assert conditions is not None
        for way in (pages.scan, pages.window):
            found = way(connection, names, wanted, list(conditions))
            assert [row.seq for row in found] == expected, way.__name__


def test_dates_of_a_holder_grow_with_its_numbers_and_never_precede_the_receipt(
    store: Store,
) -> None:
    late, early = rows.at(60), rows.at(30)
    with store.write() as writing:
        known = rows.classes(writing, 1)[0]
        writing.add_items(
            [item("indicator--1", known, received_at=late), item("indicator--2", known)]
        )
        writing.add_items([item("indicator--3", known, holder=HARBOUR, received_at=early)])
    with store.write() as writing:
        writing.add_items([item("indicator--4", known, received_at=early)])
        writing.add_items([item("indicator--5", known, received_at=rows.at(61))])
    with store.read() as reading:
        dates = [row.added - rows.microseconds(late) for row in reading.items(PACT, RIVER, limit=9)]
        assert dates == [0, 1, 2, 1_000_000]
        assert reading.items(PACT, HARBOUR, limit=9)[0].added == rows.microseconds(early)
        assert reading.newest(RIVER) == (5, rows.microseconds(rows.at(61)))
        assert reading.newest(HARBOUR) == (3, rows.microseconds(early))
        assert reading.newest(NORTHGATE) == (0, 0)


def test_the_date_of_an_item_that_was_deleted_is_not_given_again(store: SqlStore) -> None:
    with store.write() as writing:
        known = rows.classes(writing, 1)[0]
        writing.add_items([item("indicator--1", known, received_at=rows.at(60))])
    with store.write() as writing:
        writing._connection.exec_driver_sql("DELETE FROM items")
    with store.write() as writing:
        writing.add_items([item("indicator--2", known)])
        (row,) = writing.items(PACT, RIVER, limit=9)
    assert row.added == rows.microseconds(rows.at(60)) + 1


@pytest.mark.parametrize(
    ("second", "both"),
    [
        pytest.param({}, False, id="the same once more is not stored"),
        pytest.param({"modified": "2026-02-02T00:00:00Z"}, True, id="another version"),
        pytest.param({"under": TREATY}, True, id="the same version under another agreement"),
        pytest.param({"originator": NORTHGATE}, False, id="another originator's"),
        pytest.param({"holder": NORTHGATE}, False, id="held by another organisation"),
        pytest.param({"name": "indicator--2"}, False, id="another object"),
    ],
)
@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
def test_an_object_with_a_second_item_is_repeated_in_all_of_them(
    store: Store, second: dict[str, str], both: bool, together: bool
) -> None:
    with store.write() as writing:
        known = rows.classes(writing, 1)[0]
        one = item("indicator--1", known)
        two = item(**({"name": "indicator--1", "class_id": known} | second))  # type: ignore[arg-type]
        if together:
            writing.add_items([one, two])
        else:
            writing.add_items([one])
            writing.add_items([two])
        found = [
            row.repeated
            for holder, agreement in itertools.product((RIVER, NORTHGATE), (PACT, TREATY))
            for row in writing.items(agreement, holder, limit=9)
        ]
        assert found == ([True, True] if both else [False] * (1 + bool(second)))
        writing.add_items([item("indicator--1", known, modified="2026-03-03T00:00:00Z")])
        versions = writing.items(PACT, RIVER, originator=HARBOUR, item="indicator--1", limit=9)
        assert all(row.repeated for row in versions)


@given(
    batches=st.lists(
        st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1), st.integers(0, 2)), max_size=12),
        max_size=5,
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_items_are_kept_as_if_added_one_by_one(
    store: Store, batches: list[list[tuple[int, int, int]]]
) -> None:
    """A model: a dict that keeps the first bytes under each identity."""
    fresh = AgreementId(hexed(f"agreement {next(_NUMBERS)}"))
    model: dict[tuple[str, str], ItemRow] = {}
    for batch in batches:
        with store.write() as writing:
            known = rows.classes(writing, 1, fresh)[0]
            given_items = [
                item(f"indicator--{n}", known, modified=str(v), words=str(w), under=fresh)
                for n, v, w in batch
            ]
            stored = held = 0
            refused = []
            for row, _ in given_items:
                first = model.setdefault((row.id, row.modified), row)
                if first is row:
                    stored += 1
                elif first.digest == row.digest:
                    held += 1
                else:
                    refused.append((row.id, row.modified))
            added = writing.add_items(given_items)
        assert (added.stored, added.known) == (stored, held)
        assert list(added.contradicting) == refused
        assert added.last - added.first + 1 == stored if stored else added.first == 0
    with store.read() as reading:
        found = reading.items(fresh, RIVER, limit=1000)
        assert [unstored(row) for row in found] == list(model.values())


def test_items_of_two_batches_never_share_a_number(store: Store) -> None:
    seen: list[int] = []
    for batch in range(3):
        with store.write() as writing:
            known = rows.classes(writing, 1)[0]
            writing.add_items(item(f"indicator--{batch}-{n}", known) for n in range(4))
        with suppress(AlliedError), store.write() as writing:
            writing.add_items([item(f"indicator--lost-{batch}", known)])
            writing.append_ledger([rows.ledger_row(9, "f" * 64)])  # refused: rolls all back
        with store.read() as reading:
            seen = [row.seq for row in reading.items(PACT, RIVER, limit=100)]
    assert seen == sorted(set(seen))
    assert len(seen) == 12


def test_the_class_of_an_object_is_that_of_what_was_stored_last(store: Store) -> None:
    with store.write() as writing:
        green, amber = rows.classes(writing, 2)
        (elsewhere,) = rows.classes(writing, 1, TREATY)
        writing.add_items(
            [
                item("indicator--1", green),
                item("indicator--1", amber, modified="2026-02-02T00:00:00Z"),
                item("indicator--2", green),
                item("indicator--2", amber, originator=NORTHGATE),
                item("indicator--3", elsewhere, under=TREATY),
                item("indicator--4", green, holder=NORTHGATE),
            ]
        )
    asked = [f"indicator--{n}" for n in range(6)]
    with store.read() as reading:
        found = reading.classes_of_items(PACT, RIVER, HARBOUR, asked)
        assert found == {"indicator--1": amber, "indicator--2": green}
        assert reading.classes_of_items(TREATY, RIVER, HARBOUR, asked) == {
            "indicator--3": elsewhere
        }
        assert reading.classes_of_items(PACT, RIVER, NORTHGATE, asked) == {"indicator--2": amber}
        assert reading.classes_of_items(PACT, RIVER, HARBOUR, []) == {}


@pytest.mark.parametrize("beforehand", [False, True])
def test_items_in_columns_are_stored_as_items_in_rows(store: Store, beforehand: bool) -> None:
    fresh = AgreementId(hexed("in columns"))
    with store.write() as writing:
        one, two = rows.classes(writing, 2, fresh)
        given_items = [
            item(f"indicator--{n}", (one, two)[n % 3 == 0], under=fresh, share=f"s{n // 4}")
            for n in range(12)
        ]
        batches = list(intake.batched([*given_items, given_items[0]]))
        assert {batch.class_id for batch in batches} == {one, two}
        if beforehand:
            blank = [store.prepared(replace(batch, class_id=0)) for batch in batches]
            numbers = [batch.class_id for batch in batches]
            batches = [
                replace(batch, class_id=number)
                for batch, number in zip(blank, numbers, strict=True)
            ]
        added = writing.add_batches(batches)
        assert (added.stored, added.known) == (12, 1)
        found = writing.items(fresh, RIVER, limit=99)
        assert [unstored(row) for row in found] == [row for row, _ in given_items]
        assert writing.add_batches([]) == ItemsAdded(0, 0, 0, 0, ())
