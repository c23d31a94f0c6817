"""A round asks few of those who can hint, and leaves nobody out for long."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from allied.node.turns import FEW, Turns
from allied.record.ids import OrganisationId

_T0 = datetime(2026, 11, 1, tzinfo=UTC)
_EVERY = timedelta(seconds=30)
_LONGEST = timedelta(minutes=20)


def _peers(count: int) -> list[OrganisationId]:
    return [OrganisationId(f"{number:064x}") for number in range(count)]


def _just_now(_: OrganisationId) -> datetime:
    return _T0


def _round(
    turns: Turns,
    peers: list[OrganisationId],
    now: datetime,
    heard: Callable[[OrganisationId], datetime | None] = _just_now,
    longest: timedelta = _LONGEST,
) -> list[OrganisationId]:
    return turns.of_round(peers, heard, now, _EVERY, longest)


def _asked_all(peers: list[OrganisationId], at: datetime = _T0) -> Turns:
    turns = Turns()
    for each in peers:
        turns.asked(each, at, whole=True)
    return turns


def test_after_a_start_everybody_is_asked() -> None:
    peers = _peers(30)
    assert _round(Turns(), peers, _T0) == peers


@pytest.mark.parametrize(
    ("count", "asked"),
    [
        pytest.param(1, 1, id="one peer is asked in every round"),
        pytest.param(4, 4, id="four are asked in every round"),
        pytest.param(19, 5, id="of nineteen five are asked"),
        pytest.param(99, 10, id="of ninety-nine ten are asked"),
        pytest.param(999, 32, id="of a thousand some thirty are asked"),
    ],
)
def test_of_those_who_can_hint_few_are_asked(count: int, asked: int) -> None:
    peers = _peers(count)
    assert len(_round(_asked_all(peers), peers, _T0 + _EVERY)) == asked


def test_who_was_asked_longest_ago_comes_first() -> None:
    peers = _peers(12)
    turns = _asked_all(peers)
    for each in peers[:8]:
        turns.asked(each, _T0 + _EVERY, whole=True)
    assert _round(turns, peers, _T0 + _EVERY * 2) == peers[8:]


@pytest.mark.parametrize(
    ("heard", "whole", "longest", "due"),
    [
        pytest.param(_T0, True, _LONGEST, False, id="who asked a while ago waits for its turn"),
        pytest.param(None, True, _LONGEST, True, id="who never asked by itself is asked"),
        pytest.param(
            _T0 - timedelta(hours=1), True, _LONGEST, True,
            id="who was not heard of for long is asked",
        ),
        pytest.param(
            _T0 + timedelta(days=400), True, _LONGEST, True,
            id="who was heard of under a clock that was ahead is asked",
        ),
        pytest.param(_T0, False, _LONGEST, True, id="where something was left open it is asked"),
        pytest.param(
            _T0, True, timedelta(seconds=20), True,
            id="where the agreement wants fresh knowledge it is asked",
        ),
        pytest.param(
            _T0, True, timedelta(seconds=-30), True,
            id="where knowledge is stale at once it is asked",
        ),
    ],
)  # fmt: skip
def test_who_is_due_is_asked_out_of_turn(
    heard: datetime | None, whole: bool, longest: timedelta, due: bool
) -> None:
    peers = _peers(20)
    last = peers[-1]
    turns = _asked_all(peers)
    turns.asked(last, _T0 + timedelta(seconds=1), whole=whole)  # the last in turns

    def came(peer: OrganisationId) -> datetime | None:
        return heard if peer == last else _T0

    now = _T0 + timedelta(seconds=30)
    asked = _round(turns, peers, now, came, longest)
    assert (last in asked) is due


def test_who_was_open_waits_again_once_nothing_is() -> None:
    peers = _peers(20)
    turns = _asked_all(peers)
    turns.asked(peers[0], _T0 + timedelta(seconds=1), whole=False)
    assert _round(turns, peers, _T0 + _EVERY)[0] == peers[0]
    turns.asked(peers[0], _T0 + timedelta(seconds=2), whole=True)
    assert peers[0] not in _round(turns, peers, _T0 + _EVERY)


@given(count=st.integers(1, 60), silent=st.sets(st.integers(0, 59), max_size=3))
def test_nobody_is_left_out_for_longer_than_all_turns_take(count: int, silent: set[int]) -> None:
    peers = _peers(count)
    turns = Turns()
    last: dict[OrganisationId, int] = {}
    most = 0
    few = max(FEW, int((count - 1) ** 0.5) + 1)
    for number in range(40):
        now = _T0 + _EVERY * number

        def came(peer: OrganisationId, now: datetime = now) -> datetime | None:
            return None if peers.index(peer) in silent else now - _EVERY

        for each in _round(turns, peers, now, came, timedelta(days=1)):
            if each in last:
                most = max(most, number - last[each])
            last[each] = number
            turns.asked(each, now, whole=True)
    assert set(last) == set(peers)
    assert most <= -(-count // few)
    assert all(last[peers[each]] == 39 for each in silent if each < count)
