"""What follows from a recall, for each holder, to the second."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from allied.agreement.values import Duration, Tlp
from allied.errors import RefusedError
from allied.exchange.lineage import ItemName, Product
from allied.exchange.recall import (
    Answer,
    Answered,
    Compliance,
    Copy,
    Duty,
    Recall,
    fold,
    recall,
    require_reason,
)
from allied.record.ids import PartyId
from tests.exchange.texts import sharing

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
RIVER, A, B, C, D = (PartyId(each) for each in ("river", "a", "b", "c", "d"))
ITEM = ItemName(RIVER, "indicator--1", "1")
CALLED = Recall(replace(ITEM, version=""), RIVER, NOON, "wrong", Duration(48, "hours"))
DUE = NOON + 49 * HOUR


def copy(
    holder: PartyId = A,
    came_from: PartyId = RIVER,
    hours: float = -1,
    tlp: Tlp = Tlp.AMBER,
    item: ItemName = ITEM,
) -> Copy:
    return Copy(item, holder, came_from, NOON + hours * HOUR, tlp)


def answer(did: Answered = Answered.DELETED, hours: float = 2, by: PartyId = A) -> Answer:
    return Answer(by, did, "law" if did == Answered.KEPT else "", NOON + hours * HOUR)


NOTICED = {A: NOON + HOUR, B: NOON + HOUR, C: NOON + HOUR, D: NOON + HOUR}


@pytest.mark.parametrize(
    ("answers", "at", "state", "late"),
    [
        pytest.param([], DUE - SECOND, Compliance.OWED, False, id="a second before its time"),
        pytest.param([], DUE, Compliance.OVERDUE, False, id="overdue at its very instant"),
        pytest.param([answer()], DUE, Compliance.DELETED, False, id="deleted"),
        pytest.param([answer()], NOON + HOUR, Compliance.OWED, False, id="before it answered"),
        pytest.param([answer(Answered.KEPT)], DUE, Compliance.KEPT, False, id="kept"),
        pytest.param([answer(hours=49)], DUE, Compliance.DELETED, True,
                     id="an answer at the instant is late, and an answer"),
        pytest.param([answer(Answered.KEPT), answer(hours=3)], DUE, Compliance.DELETED, False,
                     id="the last answer counts"),
        pytest.param([answer(by=B)], DUE, Compliance.OVERDUE, False, id="nobody answers for it"),
    ],
)  # fmt: skip
def test_one_holder(answers: list[Answer], at: datetime, state: Compliance, late: bool) -> None:
    (duty,) = fold(CALLED, [copy()], at, noticed=NOTICED, answers=answers).duties

    assert (duty.holder, duty.through, duty.due) == (A, RIVER, DUE)
    assert (duty.state, duty.late) == (state, late)
    assert bool(duty.reason) == (state == Compliance.KEPT)


def test_a_period_runs_from_the_receipt_of_the_recall() -> None:
    (unreached,) = fold(CALLED, [copy()], NOON + 9000 * HOUR).duties
    assert unreached == Duty(A, RIVER, None, Compliance.NOT_REACHED)

    late = {A: NOON + 100 * HOUR}
    (duty,) = fold(CALLED, [copy()], NOON + 147 * HOUR, noticed=late).duties
    assert (duty.due, duty.state) == (NOON + 148 * HOUR, Compliance.OWED)
    (duty,) = fold(CALLED, [copy()], NOON + 99 * HOUR, noticed=late).duties
    assert duty.state == Compliance.NOT_REACHED


def test_who_has_not_confirmed_is_listed() -> None:
    copies = [copy(each) for each in (A, B, C, D)]
    noticed = {A: NOON + HOUR, B: NOON + HOUR, C: NOON + 100 * HOUR}

    found = fold(CALLED, copies, NOON + 101 * HOUR, noticed=noticed, answers=[answer()])

    assert found.unconfirmed == (B, C, D)
    assert found.overdue == (B,)
    kept = fold(CALLED, copies, DUE, noticed=noticed, answers=[answer(Answered.KEPT, by=B)])
    assert kept.kept == (B,)


def test_forwarded_copies_are_reached_through_the_forwarder() -> None:
    copies = [copy(C, B), copy(B, A), copy(A), copy(D, C), copy(D, B)]

    duties = fold(CALLED, copies, NOON).duties

    assert {each.holder: each.through for each in duties} == {A: RIVER, B: A, C: B, D: B}


def test_copies_that_go_round_or_come_from_nowhere_are_recalled_too() -> None:
    copies = [copy(A, B), copy(B, A), copy(RIVER, B)]

    duties = fold(CALLED, copies, NOON).duties

    assert {each.holder: each.through for each in duties} == {A: RIVER, B: RIVER}


def test_what_was_clear_gets_a_correction_only() -> None:
    copies = [copy(A, tlp=Tlp.CLEAR), copy(B), copy(C, A, tlp=Tlp.CLEAR), copy(C), copy(D)]

    found = fold(CALLED, copies, DUE, noticed=NOTICED)

    assert found.corrections == (A,)
    assert [each.holder for each in found.duties] == [B, C, D]


def test_what_was_made_of_it_is_flagged() -> None:
    product = Product(ItemName(A, "report--1", "1"), frozenset({ITEM}))
    of_that = Product(ItemName(B, "report--2", "1"), frozenset({product.item}))
    other = Product(ItemName(B, "report--3", "1"), frozenset({replace(ITEM, id="x--1")}))

    found = fold(CALLED, [copy()], NOON, products=[other, of_that, product])

    assert found.products == (product, of_that)


def test_other_items_and_other_versions_are_left_alone() -> None:
    newer = replace(ITEM, version="2")
    copies = [copy(A, item=newer), copy(B), copy(C, item=replace(ITEM, originator=A))]

    assert [each.holder for each in fold(CALLED, copies, NOON).duties] == [A, B]
    only = replace(CALLED, item=newer)
    assert [each.holder for each in fold(only, copies, NOON).duties] == [A]


def test_a_copy_that_comes_after_the_answer_makes_it_void() -> None:
    again = [copy(), copy(hours=3)]

    def state(copies: list[Copy], at: datetime) -> tuple[Compliance, datetime | None]:
        (duty,) = fold(CALLED, copies, at, noticed=NOTICED, answers=[answer()]).duties
        return duty.state, duty.due

    assert state([copy()], NOON + 4 * HOUR) == (Compliance.DELETED, DUE)
    assert state(again, NOON + 2 * HOUR) == (Compliance.DELETED, DUE)
    assert state(again, NOON + 4 * HOUR) == (Compliance.OWED, NOON + 51 * HOUR)


def test_who_is_late_gains_no_time_by_another_copy() -> None:
    copies = [copy(), copy(hours=48)]

    def standing(hours: float, *answers: Answer) -> tuple[Compliance, bool]:
        at = NOON + hours * HOUR
        (duty,) = fold(CALLED, copies, at, noticed=NOTICED, answers=answers).duties
        return duty.state, duty.late

    assert standing(49) == (Compliance.OVERDUE, False)
    assert standing(50, answer(hours=50)) == (Compliance.DELETED, True)
    both = (answer(hours=2), answer(hours=95))
    assert standing(95, *both) == (Compliance.DELETED, False)
    assert standing(96, answer(hours=2)) == (Compliance.OVERDUE, False)


def test_before_the_recall_nothing_follows_from_it() -> None:
    assert fold(CALLED, [copy()], NOON - SECOND).duties == ()
    assert fold(CALLED, [copy()], NOON).duties


def test_where_nobody_has_to_confirm_nobody_is_late() -> None:
    quiet = replace(CALLED, confirm=False)
    (duty,) = fold(quiet, [copy()], NOON + 9000 * HOUR, noticed=NOTICED).duties

    assert (duty.state, duty.due) == (Compliance.TOLD, None)
    (duty,) = fold(quiet, [copy()], DUE, noticed=NOTICED, answers=[answer()]).duties
    assert duty.state == Compliance.DELETED


WITH, WITHOUT = sharing("share: all, recall: {comply_within: 1 day}"), sharing("share: all")


def test_only_the_originator_recalls_and_only_where_the_clause_says_so() -> None:
    called = recall(WITH, ITEM, RIVER, "wrong", NOON)
    assert (called.comply_within, called.confirm) == (Duration(1, "days"), True)

    for clause, by, code in (
        (WITH, A, "exchange.not-the-originator"),
        (WITHOUT, RIVER, "exchange.no-recall"),
    ):
        with pytest.raises(RefusedError) as refusal:
            recall(clause, ITEM, by, "wrong", NOON)
        assert refusal.value.code == code


def test_who_keeps_it_says_why() -> None:
    require_reason(answer(Answered.KEPT))
    require_reason(answer())

    with pytest.raises(RefusedError) as refusal:
        require_reason(replace(answer(Answered.KEPT), reason=" "))
    assert refusal.value.code == "exchange.kept-without-reason"


def test_a_long_chain_takes_no_long_time() -> None:
    people = [PartyId(f"p{number}") for number in range(20_000)]
    chain = [copy(people[0])] + [copy(b, a) for a, b in pairwise(people)]
    random.Random(1).shuffle(chain)

    duties = fold(CALLED, chain, NOON).duties

    assert len(duties) == len(people)
    assert {each.holder: each.through for each in duties}[people[-1]] == people[-2]


copies_ = st.lists(
    st.builds(
        copy,
        st.sampled_from([A, B, C, D, RIVER]),
        st.sampled_from([A, B, C, RIVER]),
        st.integers(-2, 4),
        st.sampled_from(list(Tlp)),
        st.sampled_from([ITEM, replace(ITEM, version="2"), replace(ITEM, id="x--1")]),
    ),
    max_size=8,
)
answers_ = st.lists(
    st.builds(
        answer, st.sampled_from(list(Answered)), st.integers(0, 60), st.sampled_from([A, B, C])
    ),
    max_size=4,
)


@given(copies_, answers_, st.integers(0, 100), st.randoms())
def test_every_holder_owes_or_is_corrected_in_whatever_order_facts_come(
    copies: list[Copy], answers: list[Answer], hours: int, chance: random.Random
) -> None:
    at = NOON + hours * HOUR
    found = fold(CALLED, copies, at, noticed=NOTICED, answers=answers)

    held = [each for each in copies if each.item.id == ITEM.id and each.since <= at]
    owing = {each.holder for each in held if each.tlp > Tlp.CLEAR} - {RIVER}
    assert {each.holder for each in found.duties} == owing
    assert set(found.corrections) == {each.holder for each in held} - owing - {RIVER}
    assert set(found.overdue) <= set(found.unconfirmed)
    shuffled = list(copies)
    chance.shuffle(shuffled)
    assert fold(CALLED, shuffled, at, noticed=NOTICED, answers=answers) == found


@given(copies_, st.integers(0, 100), st.integers(0, 100))
def test_who_is_overdue_stays_so_until_it_answers(
    copies: list[Copy], hours: int, more: int
) -> None:
    early = [each for each in copies if each.since <= NOON + HOUR]
    before = fold(CALLED, early, NOON + hours * HOUR, noticed=NOTICED)
    after = fold(CALLED, early, NOON + (hours + more) * HOUR, noticed=NOTICED)

    assert set(before.overdue) <= set(after.overdue)
