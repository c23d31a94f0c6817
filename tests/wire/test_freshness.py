"""A request is accepted once, in its time, and by no process that started after it was made."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from allied.record.ids import OrganisationId
from allied.wire.freshness import MAX_VALIDITY, Freshness, Nonces

RIVER = OrganisationId("a" * 64)
HARBOUR = OrganisationId("b" * 64)
STARTED = 1_000.5


def nonces(**limits: int) -> Nonces:
    return Nonces(STARTED, **limits)


def admit(
    store: Nonces, nonce: str = "1", *, created: int, now: float, valid: int = 120
) -> Freshness:
    return store.admit(RIVER, nonce, created=created, expires=created + valid, now=now)


@pytest.mark.parametrize(
    ("created", "valid", "now", "outcome"),
    [
        pytest.param(2_000, 120, 2_000.0, Freshness.FRESH, id="made now"),
        pytest.param(2_000, 120, 2_119.9, Freshness.FRESH, id="made a while ago, still valid"),
        pytest.param(2_000, 120, 2_120.0, Freshness.WRONG_TIME, id="expired"),
        pytest.param(2_001, 120, 2_000.9, Freshness.WRONG_TIME, id="made in the future"),
        pytest.param(2_000, 300, 2_000.0, Freshness.FRESH, id="valid as long as may be"),
        pytest.param(2_000, 301, 2_000.0, Freshness.WRONG_TIME, id="valid too long"),
        pytest.param(2_000, 0, 2_000.0, Freshness.WRONG_TIME, id="never valid"),
        pytest.param(1_001, 120, 1_001.0, Freshness.FRESH, id="made after the start"),
        pytest.param(1_000, 120, 1_001.0, Freshness.WRONG_TIME, id="made before the start"),
    ],
)
def test_when_a_request_is_accepted(
    created: int, valid: int, now: float, outcome: Freshness
) -> None:
    assert admit(nonces(), created=created, valid=valid, now=now) is outcome


def test_a_nonce_is_good_for_one_request() -> None:
    store = nonces()
    assert admit(store, "1", created=2_000, now=2_001) is Freshness.FRESH
    assert admit(store, "1", created=2_000, now=2_002) is Freshness.REPLAYED
    assert admit(store, "2", created=2_000, now=2_002) is Freshness.FRESH


def test_a_nonce_is_kept_until_its_request_has_expired() -> None:
    store = nonces()
    admit(store, "1", created=2_000, now=2_000)
    assert admit(store, "1", created=2_000, now=2_119) is Freshness.REPLAYED
    assert admit(store, "1", created=2_000, now=2_120) is Freshness.WRONG_TIME
    assert admit(store, "1", created=2_120, now=2_120) is Freshness.FRESH  # forgotten by then


def test_callers_do_not_share_nonces() -> None:
    store = nonces()
    assert store.admit(RIVER, "1", created=2_000, expires=2_100, now=2_000) is Freshness.FRESH
    assert store.admit(HARBOUR, "1", created=2_000, expires=2_100, now=2_000) is Freshness.FRESH


def test_who_asks_too_often_waits_and_the_others_do_not() -> None:
    store = nonces(per_caller=2)
    for nonce in "12":
        assert admit(store, nonce, created=2_000, now=2_000) is Freshness.FRESH
    assert admit(store, "3", created=2_000, now=2_000) is Freshness.TOO_MANY
    assert store.admit(HARBOUR, "1", created=2_000, expires=2_100, now=2_000) is Freshness.FRESH
    assert admit(store, "3", created=2_120, now=2_120) is Freshness.FRESH  # the old ones expired


def test_all_callers_together_are_bounded() -> None:
    store = nonces(in_all=1)
    assert admit(store, created=2_000, now=2_000) is Freshness.FRESH
    assert store.admit(HARBOUR, "1", created=2_000, expires=2_100, now=2_000) is Freshness.TOO_MANY


@given(
    st.lists(
        st.tuples(
            st.integers(990, 1_400),  # created
            st.integers(0, 400),  # valid
            st.sampled_from("12"),
            st.floats(0, 50),  # time that passes
        ),
        max_size=40,
    ),
    st.floats(0, 400),
)
def test_nothing_is_accepted_twice_not_even_by_the_next_process(
    requests: list[tuple[int, int, str, float]], restart: float
) -> None:
    """Whatever the first process accepted, a second one that starts later never accepts."""
    first = Nonces(990.0)
    accepted: set[tuple[int, int, str]] = set()
    now = 990.0
    for created, valid, nonce, passed in requests:
        now += passed
        outcome = first.admit(RIVER, nonce, created=created, expires=created + valid, now=now)
        if outcome is Freshness.FRESH:
            assert (created, valid, nonce) not in accepted
            assert valid <= MAX_VALIDITY
            accepted.add((created, valid, nonce))
    started = now + 0.001
    second = Nonces(started)
    for created, valid, nonce in accepted:
        outcome = second.admit(
            RIVER, nonce, created=created, expires=created + valid, now=started + restart
        )
        assert outcome is Freshness.WRONG_TIME
