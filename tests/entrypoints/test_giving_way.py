"""Who is in no hurry waits, and longer while others work."""

from __future__ import annotations

import threading
import time

import pytest

from allied.entrypoints import giving_way
from allied.entrypoints.giving_way import LONG_SECONDS, SHORT_SECONDS, GivesWay


def waited(times: int) -> list[float]:
    """What was waited, by a thread that gives way so many times."""
    seconds: list[float] = []

    def wait(each: float) -> None:
        seconds.append(each)
        time.sleep(each)

    gives_way = GivesWay(wait)
    for _ in range(times):
        gives_way()
    return seconds


def test_nobody_else_at_work_is_waited_for_shortly() -> None:
    assert waited(20).count(LONG_SECONDS) <= 2  # what pytest itself does beside


def test_others_at_work_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    # However little of a core a machine that is busy lets the other thread have.
    monkeypatch.setattr(giving_way, "_BUSY", 0.000_1)
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            sum(range(1_000))

    other = threading.Thread(target=work)
    other.start()
    try:
        seconds = waited(20)
    finally:
        done.set()
        other.join()
    assert seconds.count(SHORT_SECONDS) == 20
    assert seconds.count(LONG_SECONDS) >= 10
