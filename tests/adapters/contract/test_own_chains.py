"""What a restored node asks of its store: what it has numbered, and what it has not."""

from __future__ import annotations

from allied.adapters.sql import SqlStore
from allied.record.ids import AgreementId
from tests.adapters.contract import rows
from tests.adapters.contract.rows import ALL, RIVER


def test_records_of_an_own_chain_that_nobody_claimed_are_found(store: SqlStore) -> None:
    with store.write() as writing:
        writing.add_organisation(rows.organisation())
        writing.add_records(
            [
                rows.record("a", 1),
                rows.record("b", 2),
                rows.record("c", 3),
                rows.record("other", 1, issuer=rows.org("harbour")),
            ]
        )
        writing.claim_sequence(ALL, RIVER, 0, 1, rows.rid("a"))
        writing.claim_sequence(ALL, RIVER, 0, 3, rows.rid("another"))
        found = writing.unclaimed(RIVER)
        assert [(row.sequence, row.id) for row in found] == [
            (2, rows.rid("b")),
            (3, rows.rid("c")),
        ]
        assert list(writing.unclaimed(rows.org("stranger"))) == []


def test_the_count_of_own_records_only_grows(store: SqlStore) -> None:
    with store.write() as writing:
        writing.add_organisation(rows.organisation())
        writing.claim_sequence(ALL, RIVER, 0, 1, rows.rid("a"))
        for count, then in ((0, 1), (7, 7), (3, 7)):
            writing.number_past(RIVER, count)
            assert writing.appended() == {RIVER: then}
        writing.claim_sequence(ALL, RIVER, 1, 1, rows.rid("b"))
        assert writing.appended() == {RIVER: 8}


def test_a_chain_of_descriptors_is_replaced_whole(store: SqlStore) -> None:
    with store.write() as writing:
        writing.add_descriptors(RIVER, [b"1", b"2", b"3"])
        writing.replace_descriptors(RIVER, [b"1", b"other"])
        writing.add_descriptors(RIVER, [b"1", b"other", b"4"])
    with store.read() as reading:
        assert list(reading.descriptors(RIVER)) == [b"1", b"other", b"4"]


def test_records_as_bytes_are_those_that_were_stored(store: SqlStore) -> None:
    with store.write() as writing:
        one, two, three = writing.add_records(
            [rows.record("a", 1), rows.record("b", 2), rows.record("c", 3)]
        )
        writing.add_records([rows.record("x", under=rows.TREATY)])
    with store.read() as reading:
        found = [(each.row, each.id, each.raw) for each in (one, two, three)]
        assert list(reading.record_bytes(rows.PACT)) == found
        assert list(reading.record_bytes(rows.PACT, after_row=two.row)) == found[2:]
        assert list(reading.record_bytes(AgreementId(rows.hexed("none")))) == []


def test_parts_of_a_fold_take_the_place_of_those_that_stood_there(store: SqlStore) -> None:
    with store.write() as writing:
        writing.keep_fold(rows.PACT, 0, [b"one", b"\x00two", b"three"])
        writing.keep_fold(rows.TREATY, 0, [b"other"])
        assert list(writing.kept_folds(rows.PACT)) == [b"one", b"\x00two", b"three"]
    with store.write() as writing:
        writing.keep_fold(rows.PACT, 1, [b"new"])
    with store.read() as reading:
        assert list(reading.kept_folds(rows.PACT)) == [b"one", b"new"]
    with store.write() as writing:
        writing.keep_fold(rows.PACT, 0, [])
        assert list(writing.kept_folds(rows.PACT)) == []
        assert list(writing.kept_folds(rows.TREATY)) == [b"other"]


def test_what_a_unit_reads_may_be_undone_and_what_a_reader_reads_not(store: SqlStore) -> None:
    with store.write() as writing:
        assert writing.may_be_undone()
    with store.read() as reading:
        assert not reading.may_be_undone()
