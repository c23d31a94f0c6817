"""A fold that takes over what records were judged to be equals one that judges them all."""

from __future__ import annotations

from datetime import timedelta
from unittest.mock import patch

import pytest
from hypothesis import given, strategies as st

from allied.agreement import again, judging
from allied.agreement.again import Before, judged_alike, leaves_trace
from allied.agreement.fold import Progress, begun, fold, upto
from allied.record.history import Heads, History, history
from allied.record.record import Record
from tests.agreement.bench_of_three import Table, table
from tests.agreement.test_fold import EXTRA, LEFT, SEATS, STORY, nobody
from tests.record.cast import NOON

LIVES = {"attacks": [*STORY, *EXTRA], "a leaver": LEFT}


def known(progress: Progress) -> tuple[Before, Before]:
    """What a fold came to, as a start has it at hand."""
    first, second = progress.first, progress.second or progress.first
    traced = first.traced | second.traced
    return (
        Before(first.verdicts, traced, first.lines),
        Before(second.verdicts, traced, second.lines),
    )


def past_of(past: History, record: Record) -> Heads:
    """Heads that are closed: all that a record knows, itself included."""
    places = {(each.header.chain, each.header.sequence): each.id for each in past.order}
    clock = past.clock(record.id)
    return {chain: (number, places[chain, number]) for chain, number in clock.items()}


@given(st.sampled_from(sorted(LIVES)), st.sets(st.integers(0, len(STORY) + len(EXTRA) - 1)))
def test_what_was_judged_is_taken_over_as_it_was(life: str, less: set[int]) -> None:
    past = history(each for place, each in enumerate(LIVES[life]) if place not in less)
    once = begun(SEATS.pact, past, nobody)
    twice = begun(SEATS.pact, past, nobody, known(once))
    assert twice.state == once.state
    assert twice.first.bounds == once.first.bounds
    assert (twice.second is None) == (once.second is None)
    assert twice.first.traced == once.first.traced
    assert twice.first.lines == once.first.lines


@given(st.sampled_from(sorted(LIVES)), st.integers(0, 200))
def test_a_part_of_the_history_is_folded_alike_with_what_is_known_of_all(
    life: str, place: int
) -> None:
    past = history(LIVES[life])
    heads = past_of(past, past.order[place % len(past.order)])
    anew = upto(SEATS.pact, past, nobody, heads)
    with_all = upto(SEATS.pact, past, nobody, heads, begun(SEATS.pact, past, nobody))
    assert with_all.state == anew.state
    assert with_all.order == anew.order
    assert with_all.first.lines == anew.first.lines


def judged_with(seats: Table, past: History, before: tuple[Before, Before] | None) -> list[Record]:
    """The records that are judged, and not taken over."""
    judged: list[Record] = []
    judge = judging.Judging.judge

    def noting(self: judging.Judging, record: Record) -> None:
        judged.append(record)
        judge(self, record)

    with patch.object(judging.Judging, "judge", noting):
        begun(seats.pact, past, nobody, before)
    return judged


def test_only_what_leaves_a_trace_is_judged_again() -> None:
    seats = table()
    seats.river.report(seats.others(seats.river))
    past = history(seats.records)
    once = begun(seats.pact, past, nobody)
    plain = [each for each in past.order if each.header.kind == "incident.report"]
    judged = judged_with(seats, past, known(once))
    assert plain
    assert set(judged) == set(past.order) - set(plain)
    assert set(judged_with(seats, past, None)) == set(past.order)


@pytest.mark.parametrize("names", [True, False])
def test_a_receipt_leaves_a_trace_if_it_names_a_notice(names: bool) -> None:
    seats = table()
    seats.river.at = NOON + timedelta(days=1)
    notice = seats.river.withdraw(seats.others(seats.river))
    seats.harbour.at = NOON + timedelta(days=2)
    named = notice.id if names else seats.harbour.written[0].id
    receipt = seats.harbour.write("receipt", {"records": [named]}, [notice])
    first = begun(seats.pact, history(seats.records)).first
    assert leaves_trace(receipt, first.traced) is names
    assert leaves_trace(notice, frozenset())


def test_every_kind_for_which_there_is_a_case_leaves_a_trace() -> None:
    """Whoever adds a case to the fold has to say here that it is to be judged again."""
    source = judging.__loader__.get_source(judging.__name__)  # type: ignore[union-attr]
    cases = {
        kind
        for line in source.split("def _take_effect", 1)[1].split("\n    def ", 1)[0].splitlines()
        if line.strip().startswith("case ")
        for kind in line.split('"')[1::2]
        if "." in kind or kind == "checkpoint"
    }
    assert len(cases) > 5
    assert cases - again._TRACED == set()


def test_where_something_is_set_aside_nothing_is_taken_over() -> None:
    seats = table()
    told = seats.river.report(seats.others(seats.river))
    whole = history(seats.records)
    seats.river.written.remove(told)
    seats.river.at += timedelta(minutes=1)
    seats.river.report(seats.others(seats.river))
    parted = history([*seats.records, told])
    assert parted.frozen
    assert judged_alike(whole, history(whole.order))
    assert not judged_alike(whole, parted)
    heads = dict(parted.heads)
    before = begun(seats.pact, whole, nobody)
    assert upto(seats.pact, parted, nobody, heads, before).state == fold(seats.pact, parted)
