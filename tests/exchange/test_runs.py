"""What the first pass has kept comes in order, in memory or not; what is in doubt is asked for."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from allied.exchange import runs
from allied.exchange.bundle import Refused, Row
from allied.exchange.examining import Sighted, examined
from allied.exchange.runs import ASK, Run, Runs
from allied.exchange.scratch import MemoryScratch
from tests.exchange.samples import encoded, indicator

ELEMENTS: list[Sighted | Refused] = [
    examined(Row(index, [encoded(indicator(index + 1))]))[0]
    if index % 5
    else Refused(index, None, "stix.not-an-object", "it is none")
    for index in range(30)
]


def written(length: int, room: int) -> Runs:
    """All elements, so many in a run; the number of each is three times its place."""
    kept = Runs(MemoryScratch(), room)
    for start in range(0, len(ELEMENTS), length):
        some = ELEMENTS[start : start + length]
        kept.add(Run(some, [each.index * 3 for each in some]), 700 * len(some))
    return kept


def read(kept: Runs) -> list[tuple[Sighted | Refused, int]]:
    return [each for run in kept for each in zip(run.seen, run.marks, strict=True)]


@given(
    length=st.integers(1, 40),
    room=st.sampled_from([0, 9_000, 1_000_000]),
    doubted=st.sets(st.integers(0, 29), max_size=5),
)
def test_each_comes_again_in_order_and_in_doubt_it_is_asked_for(
    length: int, room: int, doubted: set[int]
) -> None:
    kept = written(length, room)
    for index in doubted:
        kept.doubt(index)
    expected = [(each, ASK if each.index in doubted else each.index * 3) for each in ELEMENTS]
    assert read(kept) == expected
    assert read(kept) == expected, "as often as asked for"
    assert (kept.kept is not None) == (room == 1_000_000)


def test_with_too_many_doubts_all_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "MOST_DOUBTED", 2)
    kept = written(7, 0)
    kept.doubt(3)
    kept.doubt(4)
    assert [marks for _, marks in read(kept)].count(ASK) == 2  # the twin: still within bounds
    kept.doubt(2)
    assert [marks for _, marks in read(kept)].count(ASK) == 30
