"""Clocks say aware instants that can be stored and read back; chance does not repeat itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from allied.adapters.clock import HandClock, SystemChance, SystemClock


def test_the_systems_clock_says_whole_milliseconds_in_utc() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    present = SystemClock().now()
    assert before <= present <= datetime.now(UTC)
    assert present.tzinfo is UTC
    assert {SystemClock().now().microsecond % 1000 for _ in range(50)} == {0}


def test_a_hand_clock_moves_only_by_hand() -> None:
    summer = timezone(timedelta(hours=2))
    clock = HandClock(datetime(2026, 3, 1, 12, tzinfo=summer))
    assert clock.now() == clock.now() == datetime(2026, 3, 1, 10, tzinfo=UTC)
    clock.advance(timedelta(days=-2))
    assert clock.now() == datetime(2026, 2, 27, 10, tzinfo=UTC)
    clock.set(datetime(2030, 1, 1, tzinfo=UTC))
    assert clock.now().year == 2030
    with pytest.raises(ValueError, match="time zone"):
        clock.set(datetime(2030, 1, 1))  # noqa: DTZ001 - the point of the test


def test_chance_gives_as_much_as_asked_and_never_the_same() -> None:
    tokens = {SystemChance().token(32) for _ in range(100)}
    assert len(tokens) == 100
    assert {len(token) for token in tokens} == {32}
