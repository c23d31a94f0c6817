"""What was noted in order is found in order; everything else is looked up elsewhere."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given, strategies as st

from allied.exchange import runs
from allied.exchange.runs import Runs
from allied.exchange.scratch import MemoryScratch


def digest_of(index: int) -> bytes:
    return sha256(b"%d" % index).digest()


@given(
    recorded=st.sets(st.integers(0, 60)),
    doubted=st.sets(st.integers(0, 60), max_size=5),
    asked=st.sets(st.integers(0, 60)),
    changed=st.sets(st.integers(0, 60), max_size=3),
    length=st.integers(1, 9),
)
def test_each_is_found_once_unless_there_is_doubt(
    recorded: set[int], doubted: set[int], asked: set[int], changed: set[int], length: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "LENGTH", length)
        kept = Runs(MemoryScratch())
        for index in sorted(recorded):
            kept.add(index, index * 3, digest_of(index), index % 2)
        for index in doubted:
            kept.doubt(index)
        kept.close()
        for index in sorted(asked):
            found = kept.find(index, digest_of(index if index not in changed else -1))
            sure = index in recorded - doubted - changed
            assert found == ((index * 3, index % 2) if sure else None)


def test_with_too_many_doubts_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "MOST_DOUBTED", 2)
    kept = Runs(MemoryScratch())
    for index in range(5):
        kept.add(index, 0, digest_of(index), 0)
    kept.close()
    kept.doubt(3)
    kept.doubt(4)
    assert kept.find(0, digest_of(0)) == (0, 0)  # the twin: still within bounds
    kept.doubt(2)
    assert kept.find(1, digest_of(1)) is None
