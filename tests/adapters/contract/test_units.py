"""Units: all or nothing, one snapshot, one writer at a time, and a count of changes."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import inspect

from allied.adapters.sql import SqlStore
from allied.errors import ConflictError, ExhaustedError
from allied.node.ports import Store, Writing
from allied.node.rows import ErasureRow, RemarkRow, StatusRow, WarningListRow
from allied.record.ids import PartyId
from tests.adapters.conftest import Open
from tests.adapters.contract import rows
from tests.adapters.contract.rows import ALL, PACT, RIVER, hexed

EVERY_CHANGE: dict[str, Callable[[Writing], object]] = {
    "a peer": lambda writing: writing.put_peer(rows.peer("zenith")),
    "descriptors": lambda writing: writing.add_descriptors(RIVER, [b"d"]),
    "an agreement": lambda writing: writing.add_agreement(rows.agreement("other")),
    "records": lambda writing: writing.add_records([rows.record("r")]),
    "a claim": lambda writing: writing.claim_sequence(ALL, RIVER, 0, 9, rows.rid("r")),
    "a parked record": lambda writing: writing.park(
        PACT, rows.rid("p"), RIVER, b"p", limit=5, limit_bytes=5
    ),
    "a wanted blob": lambda writing: writing.want_blobs(PACT, ALL, [hexed("b")]),
    "a blob": lambda writing: writing.add_blob(PACT, ALL, hexed("b"), b"b"),
    "an erased blob": lambda writing: writing.erase_blob(
        ErasureRow(PACT, hexed("b"), rows.rid("w"), PartyId("river"), rows.at(1), "")
    ),
    "a class": lambda writing: writing.handling_class(PACT, hexed("new"), b"v"),
    "items": lambda writing: writing.add_items([rows.item("indicator--1", 1)]),
    "a statement": lambda writing: writing.add_statement(hexed("s"), b"s"),
    "a tree": lambda writing: writing.add_tree(hexed("s"), b"t"),
    "a feed": lambda writing: writing.put_feed(rows.feed("f")),
    "a warning list": lambda writing: writing.put_warning_list(WarningListRow("w", 1, b"w")),
    "a status": lambda writing: writing.put_status(
        StatusRow(hexed("st"), RIVER, "root", rows.at(60), b"{}")
    ),
    "a remark": lambda writing: writing.add_remark(
        RemarkRow(RIVER, "indicator--1", "note", "seen here", "kim", rows.at(1))
    ),
    "an item passed on": lambda writing: writing.pass_on(PACT, RIVER, "harbour", [1], rows.at(1)),
    "a ledger row": lambda writing: writing.append_ledger([rows.ledger_row(1, "0" * 64)]),
    "a cursor": lambda writing: writing.set_cursor("c", "1"),
    "a token": lambda writing: writing.put_token(rows.token("t")),
    "a login": lambda writing: writing.put_login(rows.login("l")),
    "an organisation": lambda writing: writing.add_organisation(rows.organisation("harbour")),
    "a person": lambda writing: writing.add_person(rows.person("anna")),
}

NO_CHANGE: dict[str, Callable[[Writing], object]] = {
    "only reading": lambda writing: writing.organisations(),
    "records known": lambda writing: writing.add_records([rows.record("known")]),
    "no items": lambda writing: writing.add_items([]),
    "nothing to unpark": lambda writing: writing.unpark([rows.rid("none")]),
    "no login that ended": lambda writing: writing.forget_logins(rows.START),
    "a class that is there": lambda writing: rows.classes(writing, 1),
}


@pytest.fixture
def furnished(store: SqlStore) -> SqlStore:
    """A store with what the changes below refer to."""
    with store.write() as writing:
        writing.add_organisation(rows.organisation())
        writing.add_records([rows.record("known")])
        assert rows.classes(writing, 1) == [1]
    return store


def abandon(store: Store, steps: Callable[[Writing], object]) -> None:
    """A write unit that gets to its last line and then fails."""
    with store.write() as writing:
        steps(writing)
        raise ZeroDivisionError


def everything(store: SqlStore) -> list[str]:
    """All rows of all tables, as text."""
    with store.engine.connect() as connection:
        return sorted(
            repr((table, *row))
            for table in inspect(connection).get_table_names()
            for row in connection.exec_driver_sql(f"SELECT * FROM {table}")  # noqa: S608
        )


@pytest.mark.parametrize("change", EVERY_CHANGE.values(), ids=EVERY_CHANGE)
def test_a_unit_left_by_an_exception_leaves_no_trace(
    furnished: SqlStore, change: Callable[[Writing], object]
) -> None:
    before = everything(furnished)
    with pytest.raises(ZeroDivisionError):
        abandon(furnished, change)
    assert everything(furnished) == before
    with furnished.write() as writing:
        change(writing)  # and what was rolled back can be done again
    assert everything(furnished) != before


@pytest.mark.parametrize("change", EVERY_CHANGE.values(), ids=EVERY_CHANGE)
def test_a_unit_that_changed_something_is_counted(
    furnished: SqlStore, open_again: Open, change: Callable[[Writing], object]
) -> None:
    elsewhere = open_again()
    with elsewhere.read() as reading:
        before = reading.changes()
    with furnished.write() as writing:
        change(writing)
    with elsewhere.read() as reading:
        assert reading.changes() == before + 1


@pytest.mark.parametrize("step", NO_CHANGE.values(), ids=NO_CHANGE)
def test_a_unit_that_changed_nothing_is_not_counted(
    furnished: SqlStore, step: Callable[[Writing], object]
) -> None:
    with furnished.read() as reading:
        before = reading.changes()
    with furnished.write() as writing:
        step(writing)
    with furnished.read() as reading:
        assert reading.changes() == before


def test_a_snapshot_does_not_see_what_happens_after_it_began(
    store: Store, open_again: Open
) -> None:
    elsewhere = open_again()
    with store.read() as reading:
        with elsewhere.write() as writing:
            writing.add_records([rows.record("later")])
            writing.add_items([])
        assert not reading.records(PACT)
        assert reading.changes() == 0
        with elsewhere.read() as fresh:
            assert len(fresh.records(PACT)) == 1
        assert not reading.records(PACT)
    with store.read() as reading:
        assert len(reading.records(PACT)) == 1


def test_a_write_unit_sees_its_own_writes_and_nobody_else_does_yet(
    store: Store, open_again: Open
) -> None:
    elsewhere = open_again()
    with store.write() as writing:
        known = rows.classes(writing, 1)[0]
        writing.add_items([rows.item("indicator--1", known)])
        assert [row.share for row in writing.items(PACT, RIVER, limit=5)] == ["first-share"]
        with elsewhere.read() as reading:
            assert not reading.items(PACT, RIVER, limit=5)
    with elsewhere.read() as reading:
        assert [row.share for row in reading.items(PACT, RIVER, limit=5)] == ["first-share"]


def test_names_that_were_rolled_back_do_not_come_back_under_others(store: Store) -> None:
    with store.write() as writing:
        known = rows.classes(writing, 1)[0]

    def lose(writing: Writing) -> None:
        writing.add_items([rows.item("indicator--1", known, share="lost")])
        assert writing.items(PACT, RIVER, limit=5)[0].share == "lost"

    with pytest.raises(ZeroDivisionError):
        abandon(store, lose)
    with store.write() as writing:
        writing.add_items([rows.item("indicator--1", known, share="kept", of_type="tool")])
    with store.read() as reading:
        (found,) = reading.items(PACT, RIVER, limit=5)
        assert (found.share, found.type) == ("kept", "tool")
        assert not reading.items(PACT, RIVER, limit=5, share="lost")


def test_an_organisation_and_its_claim_are_remembered_for_the_fence(store: SqlStore) -> None:
    with store.write() as writing:
        writing.add_organisation(rows.organisation())
    assert store.appended() == {RIVER: 0}
    with store.write() as writing:
        for sequence in (1, 2, 3):
            writing.claim_sequence(ALL, RIVER, 0, sequence, rows.rid(str(sequence)))
    assert store.appended() == {RIVER: 3}


def test_writers_of_many_threads_and_two_processes_follow_one_another(
    store: Store, open_again: Open
) -> None:
    """Each reads the head and appends one; a lost update would leave a number out or twice."""
    stores = [store, open_again()]
    failures: list[BaseException] = []

    def append(mine: Store, times: int) -> None:
        try:
            for _ in range(times):
                with mine.write() as writing:
                    seq, hashed = writing.ledger_head(RIVER)
                    writing.append_ledger([rows.ledger_row(seq + 1, hashed)])
                with mine.read() as reading:
                    assert reading.ledger_head(RIVER)[0] > seq
        except BaseException as error:  # noqa: BLE001 - told to the thread that asserts
            failures.append(error)

    threads = [threading.Thread(target=append, args=(stores[n % 2], 8)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not failures
    with store.read() as reading:
        assert [row.seq for row in reading.ledger(RIVER)] == list(range(1, 49))
        assert reading.changes() == 48


def test_a_writer_who_waits_too_long_is_told(open_again: Open) -> None:
    patient, other = open_again(busy_seconds=0.05), open_again(busy_seconds=0.05)
    told: list[str] = []

    def try_to_write(which: Store) -> None:
        try:
            with which.write() as writing:
                writing.set_cursor("c", "1")
            told.append("written")
        except ExhaustedError as error:
            told.append(error.code)

    def from_a_thread(which: Store) -> None:
        thread = threading.Thread(target=try_to_write, args=(which,))
        thread.start()
        thread.join(timeout=30)

    with patient.write():
        from_a_thread(patient)
        from_a_thread(other)
    from_a_thread(patient)
    from_a_thread(other)
    assert told == ["store.busy", "store.busy", "written", "written"]


def test_a_write_unit_inside_a_write_unit_is_a_mistake(store: Store) -> None:
    with store.write() as writing:
        with pytest.raises(RuntimeError, match="inside"), store.write():
            pass
        with store.read() as reading:
            assert reading.changes() == 0
        writing.set_cursor("the outer one", "goes on")
    with store.read() as reading:
        assert reading.cursor("the outer one") == "goes on"


def test_a_refusal_inside_a_unit_rolls_it_back(store: Store) -> None:
    with store.write() as writing:
        writing.add_agreement(rows.agreement("same"))

    def add_again(writing: Writing) -> None:
        writing.set_cursor("c", "1")
        writing.add_agreement(rows.agreement("same"))

    with pytest.raises(ConflictError):
        abandon(store, add_again)
    with store.read() as reading:
        assert reading.cursor("c") == ""


def test_a_database_says_what_it_is_and_keeps_its_name(open_again: Open, open_new: Open) -> None:
    first, again, other = open_again(), open_again(), open_new()
    product, _, version = first.account().product.partition(" ")
    assert product in {"SQLite", "PostgreSQL"}
    assert int(version.split(".")[0]) >= 3
    assert first.account().size > 10_000
    assert first.account().name == again.account().name != other.account().name


def test_a_database_has_secrets_of_its_own_one_for_each_purpose(
    open_again: Open, open_new: Open
) -> None:
    with open_again().read() as one, open_again().read() as same, open_new().read() as other:
        assert one.secret("cursors") == same.secret("cursors")
        assert len({one.secret("cursors"), one.secret("pairs"), other.secret("cursors")}) == 3
        assert len(one.secret("cursors")) == 32


def test_a_store_that_was_closed_can_be_opened_again(open_again: Open) -> None:
    first = open_again()
    with first.write() as writing:
        writing.set_cursor("c", "1")
    first.close()
    with open_again().read() as reading:
        assert reading.cursor("c") == "1"
