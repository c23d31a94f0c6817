"""One thing behind another: in order, one at a time, and what fails is told."""

from __future__ import annotations

import sys
import threading
import time

import pytest

from allied.node.behind import Behind


def test_things_are_done_in_order_one_at_a_time_and_all_are_done_when_the_block_is_left() -> None:
    said: list[str] = []

    def slowly(name: str) -> None:
        said.append(f"{name} begins")
        time.sleep(0.01)
        said.append(f"{name} ends")

    with Behind() as behind:
        behind.do(lambda: slowly("one"))
        behind.do(lambda: slowly("two"))
    assert said == ["one begins", "one ends", "two begins", "two ends"]


def test_it_is_another_thread_that_does_it() -> None:
    threads: list[int] = []
    with Behind() as behind:
        behind.do(lambda: threads.append(threading.get_ident()))
        behind.wait()
    assert threads != [threading.get_ident()]


def test_what_fails_is_raised_by_who_waits_and_nothing_later_begins() -> None:
    later: list[str] = []

    def fail() -> None:
        raise OSError("the disk is full")

    with Behind() as behind:
        behind.do(fail)
        with pytest.raises(OSError, match="full"):
            behind.do(lambda: later.append("begun"))
        behind.wait()  # told once
    assert later == []


def test_nothing_given_is_nothing_to_wait_for() -> None:
    before = threading.active_count()
    with Behind() as behind:
        behind.wait()
        assert threading.active_count() == before


def test_threads_take_turns_more_often_only_while_there_are_two() -> None:
    before = sys.getswitchinterval()
    with Behind() as behind:
        assert sys.getswitchinterval() == before
        behind.do(lambda: None)
        assert sys.getswitchinterval() < before
    assert sys.getswitchinterval() == before
