"""Where the marks of a time line go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, strategies as st

from allied.entrypoints.console.timeline import Course, Drawing, Event, Limit, draw

START = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
MINUTES = st.integers(0, 60 * 24 * 40)


def after(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


def drawn(*minutes: int, now: int, limits: tuple[int, ...] = ()) -> Drawing:
    events = tuple(Event(n, after(at), "good") for n, at in enumerate(minutes, start=1))
    named = tuple(Limit(after(at), "perform by") for at in limits)
    drawing = draw([Course("a", events, named)], after(now))
    assert drawing is not None
    return drawing


def test_nothing_happened_draws_nothing() -> None:
    assert draw([Course("a", ())], START) is None


def test_what_is_to_come_lies_right_of_now() -> None:
    drawing = drawn(0, 30, now=60, limits=(90, 60 * 24))
    assert [mark.x < drawing.now for mark in drawing.lanes[0].marks] == [True, True]
    assert [flag.x > drawing.now for flag in drawing.lanes[0].flags] == [True, True]
    assert drawing.ahead


def test_without_a_future_the_past_takes_all_the_room() -> None:
    drawing = drawn(0, 30, now=60, limits=(45,))
    assert drawing.now == drawing.right


@given(st.lists(MINUTES, min_size=1, max_size=25), MINUTES, st.lists(MINUTES, max_size=4))
def test_marks_stay_inside_in_order_and_apart(
    minutes: list[int], now: int, limits: list[int]
) -> None:
    drawing = drawn(*sorted(minutes), now=now, limits=tuple(limits))
    xs = [mark.x for mark in drawing.lanes[0].marks]
    assert all(later - earlier >= 20 for earlier, later in pairwise(xs))
    assert [mark.number for mark in drawing.lanes[0].marks] == list(range(1, len(xs) + 1))
    assert all(drawing.left <= x <= drawing.right for x in xs)
    assert all(drawing.left <= flag.x <= drawing.right for flag in drawing.lanes[0].flags)
    ticks = [tick.x for tick in drawing.ticks]
    assert all(later - earlier >= 40 for earlier, later in pairwise(ticks))


def test_more_marks_than_fit_stand_closer_and_stay_inside() -> None:
    xs = [mark.x for mark in drawn(*range(200), now=300).lanes[0].marks]
    assert xs == sorted(xs)
    assert xs[0] >= 0
    assert xs[-1] <= 1000
