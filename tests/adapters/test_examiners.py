"""A second process beside an import: the same answers, whatever happens to it."""

from __future__ import annotations

import itertools
import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from allied.adapters import examiner_process, examiners
from allied.adapters.examiners import Asked, Helped
from allied.errors import MalformedError
from allied.exchange.bundle import BrokenError, Refused, Row
from allied.exchange.examining import Alone, Sighted
from allied.exchange.intake import Intake, Terms
from allied.exchange.scratch import MemoryScratch
from allied.exchange.survey import survey
from tests.exchange.samples import encoded, identity, indicator, link, malware, source
from tests.exchange.test_intake import AT, CLAUSE, RIVER

Elements = list[Row | Refused]
Told = list[Sighted | Refused]

GOOD = [encoded(each) for each in (indicator(1), malware(2), identity(3))]
LINKED = encoded(link(indicator(1), malware(2), 4))
BAD = [
    b'{"type": "indicator"}',
    b'{"type": 7}',
    b"{}",
    encoded(indicator(5, pattern="[a")),
    encoded(indicator(6, spec_version=None)),
    encoded(indicator(7, name="a" * 70_000)),
    '{"type":"x-ü","id":"x-ü--1"}'.encode(),
]


@pytest.fixture(scope="module")
def helped() -> Iterator[Helped]:
    """One helper for all cases: starting it costs more than they do."""
    with ExitStack() as stack:
        yield Helped(stack, alone_until=-1)


@pytest.fixture(autouse=True)
def _every_row_is_worth_sending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examiners, "_WORTH_SENDING", 0)


def row(*raws: bytes, at: int = 0) -> Row:
    return Row(at, list(raws))


def numbered(some: list[list[bytes] | Refused]) -> Elements:
    """The same with the places that they have in one bundle."""
    found: Elements = []
    index = 0
    for each in some:
        if isinstance(each, Refused):
            found.append(Refused(index, each.id, each.code, each.reason))
            index += 1
        else:
            found.append(Row(index, each))
            index += len(each)
    return found


def flat(some: Iterator[list[Sighted | Refused]]) -> Told:
    return list(itertools.chain.from_iterable(some))


rows = st.lists(st.sampled_from([*GOOD, LINKED, *BAD]), min_size=1, max_size=6)
elements = st.lists(
    rows | st.just(Refused(0, None, "stix.not-an-object", "it is none")), max_size=30
).map(numbered)


@given(elements)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_two_processes_find_what_one_finds(helped: Helped, given_: Elements) -> None:
    expected = flat(Alone().examine(given_))
    assert flat(helped.examine(given_)) == expected
    assert not helped._gone, "the helper took part in every case"


def many(count: int) -> Iterator[Row]:
    return (row(*GOOD, LINKED, *BAD, at=11 * number) for number in range(count))


def test_a_helper_takes_part(helped: Helped) -> None:
    assert flat(helped.examine(many(2))) == flat(Alone().examine(many(2)))
    assert helped._helper is not None
    assert helped._helper.poll() is None


@pytest.mark.parametrize("after", [0, 1, 5, 39])
def test_a_helper_that_is_killed_is_done_without(after: int) -> None:
    expected = flat(Alone().examine(many(40)))
    with ExitStack() as stack:
        helped = Helped(stack, alone_until=-1)

        def killing() -> Iterator[Row]:
            for number, each in enumerate(many(40)):
                if number == after and helped._helper is not None:
                    helped._helper.kill()
                yield each

        assert flat(helped.examine(killing())) == expected
        assert flat(helped.examine(many(3))) == flat(Alone().examine(many(3)))


@pytest.mark.parametrize("after", [1, 5, 39])
def test_a_helper_that_is_stopped_is_waited_for_only_so_long(
    monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    monkeypatch.setattr(examiners, "_PATIENCE", 0.3)
    monkeypatch.setattr(examiners, "_ENDING_SECONDS", 0.1)
    expected = flat(Alone().examine(large(40)))
    with ExitStack() as stack:
        helped = Helped(stack, alone_until=-1)
        list(helped.examine(many(2)))
        helper = helped._helper
        assert helper is not None
        assert helper.poll() is None  # the twin that goes on

        def stopping() -> Iterator[Row]:
            for number, each in enumerate(large(40)):
                if number == after:
                    helper.send_signal(signal.SIGSTOP)
                yield each

        started = time.monotonic()
        assert flat(helped.examine(stopping())) == expected
        assert helped._gone
        assert time.monotonic() - started < 20
    assert helper.poll() == -signal.SIGKILL


def large(count: int) -> Iterator[Row]:
    """Rows of more bytes than a pipe holds."""
    raws = [encoded(indicator(n, name="a" * 20_000)) for n in range(1, 9)]
    return (row(*raws, at=8 * number) for number in range(count))


def test_a_helper_that_cannot_be_started_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/interpreter")
    with ExitStack() as stack:
        helped = Helped(stack, alone_until=-1)
        found = flat(helped.examine(many(9)))
        assert helped._gone
    assert found == flat(Alone().examine(many(9)))


@pytest.mark.parametrize(
    "module",
    [
        pytest.param("this", id="one that says something else"),
        pytest.param("no_such_module_anywhere", id="one that ends at once"),
    ],
)
def test_a_helper_that_talks_nonsense_is_done_without(
    monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setattr(examiners, "_MODULE", module)
    with ExitStack() as stack:
        helped = Helped(stack, alone_until=-1)
        found = flat(helped.examine(many(9)))
        assert helped._gone
    assert found == flat(Alone().examine(many(9)))


def test_a_small_bundle_costs_no_process() -> None:
    with ExitStack() as stack:
        helped = Helped(stack)
        assert flat(helped.examine(many(9)))
        assert helped._helper is None


def test_a_helper_gets_no_secrets_and_ends_with_the_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALLIED_PASSPHRASE", "only for this test")
    monkeypatch.setenv("BESIDE", "seen")
    with ExitStack() as stack:
        helped = Helped(stack, alone_until=-1)
        list(helped.examine(many(2)))
        helper = helped._helper
        assert helper is not None
        seen = Path(f"/proc/{helper.pid}/environ").read_bytes()
    assert b"BESIDE=seen" in seen
    assert b"ALLIED_" not in seen
    assert helper.poll() == 0


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(BrokenError("stix.broken", "it breaks off"), id="a bundle that breaks off"),
        pytest.param(MalformedError("stix.too-big", "it is too big"), id="one that is refused"),
    ],
)
def test_what_stops_a_bundle_is_told_behind_what_came_before_it(
    helped: Helped, failure: MalformedError
) -> None:
    def breaking() -> Iterator[Row]:
        yield from many(12)
        raise failure

    found: Told = []
    some = helped.examine(breaking())
    with pytest.raises(type(failure)) as refusal:
        found.extend(itertools.chain.from_iterable(some))
    assert refusal.value is failure
    assert flat(iter([found])) == flat(Alone().examine(many(12)))


def test_a_pass_that_is_given_up_leaves_no_answers_for_the_next_one() -> None:
    with ExitStack() as stack:
        helped = Helped(stack, alone_until=-1)
        first = helped.examine(many(30))
        next(first)
        first.close()  # type: ignore[attr-defined]
        again = flat(helped.examine(many(3)))
    assert again == flat(Alone().examine(many(3)))


def test_an_intake_is_the_same_with_a_helper() -> None:
    values: list[Any] = [indicator(n) for n in range(1, 40)]
    values += [identity(60), link(values[0], values[1], 61), indicator(62, pattern="[a")]
    values += [
        indicator(1, modified="2026-03-01T13:00:00.000Z"),
        indicator(2),
        indicator(3, name="x"),
    ]
    given_ = source(*values, size=200)
    terms = Terms(RIVER, (CLAUSE,), AT)

    def taken(helper: Helped | None) -> list[object]:
        found = survey(given_, MemoryScratch(), examiner=helper)
        intake = Intake(found, terms)
        return [*intake.run(), intake.classes]

    with ExitStack() as stack:
        assert taken(Helped(stack, alone_until=-1)) == taken(None)


def test_a_frame_says_what_was_found() -> None:
    frame = msgspec.msgpack.encode(Asked(4, [GOOD[0], BAD[1]]))
    good, bad = examiners.ANSWER.decode(examiner_process.answered(frame))
    (expected, refused) = Alone().examine([row(GOOD[0], BAD[1], at=4)]).__next__()
    assert isinstance(expected, Sighted)
    assert isinstance(good, examiners.Seen)
    assert (good.head, good.digest, good.sound) == (expected.head, expected.digest, True)
    assert isinstance(refused, Refused)
    assert isinstance(bad, examiners.Passed)
    assert (bad.code, bad.reason) == (refused.code, refused.reason)
    assert json.loads(GOOD[0])["id"] == good.head.id
