"""A copy of a database is the same whichever database it was, and what is spoilt is found."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text

from allied.adapters.clock import SystemChance, SystemClock
from allied.adapters.sql import SqlStore, open_store
from allied.adapters.sql.dialect import WRITES
from tests.adapters.contract import rows
from tests.adapters.contract.rows import ALL, HARBOUR, PACT, RIVER


def filled(store: SqlStore) -> None:
    with store.write() as writing:
        writing.add_organisation(rows.organisation())
        writing.put_peer(rows.peer("harbour"))
        writing.add_descriptors(RIVER, [b"first \x00", b"second"])
        writing.add_agreement(rows.agreement("pact"))
        writing.add_records([rows.record("a", 1), rows.record("b", 2, issuer=HARBOUR)])
        writing.claim_sequence(ALL, RIVER, 0, 1, rows.rid("a"))
        writing.set_cursor("place", "here")
        key = rows.hexed("class")
        number = writing.handling_class(PACT, key, b"value", (1, 2))
        writing.add_items([rows.item("indicator--1", number)])


def test_a_copy_says_what_the_original_says(store: SqlStore, tmp_path: Path) -> None:
    filled(store)
    target = tmp_path / "copy.db"
    with store.write() as writing:  # somebody goes on working meanwhile
        store.copy(target)
        writing.set_cursor("place", "elsewhere")
    copy = open_store(
        target, clock=SystemClock(), chance=SystemChance(), backups=tmp_path / "backups"
    )
    try:
        with copy.read() as there, store.read() as here:
            assert there.cursor("place") == "here"
            assert there.organisations() == here.organisations()
            assert there.peers() == here.peers()
            assert list(there.descriptors(RIVER)) == [b"first \x00", b"second"]
            agreement = here.agreements()[0].id
            assert there.records(agreement) == here.records(agreement)
            assert there.items(PACT, RIVER, limit=9) == here.items(PACT, RIVER, limit=9)
            assert there.appended() == here.appended() == {RIVER: 1}
            assert there.secret("x") == here.secret("x")
        with copy.write() as writing:  # numbers go on where they were
            assert [row.row for row in writing.add_records([rows.record("c", 3)])] == [3]
        assert list(copy.faults()) == []
    finally:
        copy.close()


def test_bytes_that_changed_are_found(store: SqlStore) -> None:
    filled(store)
    with store.write() as writing:
        writing.add_blob(PACT, ALL, rows.hexed("not its digest"), b"blob")
    assert [(each.code, each.count) for each in store.faults()] == [("store.blob-bytes", 1)]
    with store.engine.execution_options(**{WRITES: True}).begin() as connection:
        connection.execute(text("UPDATE bodies SET raw = :raw"), {"raw": b"{}"})
    assert {each.code for each in store.faults()} == {"store.item-bytes", "store.blob-bytes"}
