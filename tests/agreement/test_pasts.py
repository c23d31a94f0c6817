"""What is kept of who is bound, for records that know the same, is what standing says afresh."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from allied.agreement.events import Event, Register
from allied.agreement.pasts import Pasts, Seen, seen_of
from allied.agreement.standing import standing
from allied.agreement.terms import Agreement
from allied.record.ids import Digest, RecordId
from tests.agreement.lives import A, B, day, on, signed, stands, text
from tests.agreement.test_standing_properties import agreed, happened, moments


def sourced(events: tuple[Event, ...]) -> list[tuple[RecordId, Event]]:
    """Each event from a record of its own."""
    return [(RecordId(f"{number:064x}"), event) for number, event in enumerate(events)]


def afresh(
    terms: Agreement, known: list[tuple[RecordId, Event]], claimed: datetime
) -> tuple[object, ...]:
    """State, who is bound, who ever was: of events that count no later than the claimed moment."""
    events = tuple(replace(event, at=min(event.at, claimed)) for _, event in known)
    found = standing(Register({terms.id: terms}, events), terms.id, claimed)
    once = frozenset(party for party, its in found.parties.items() if its.since)
    return found.state, found.bound, once


@given(agreed, happened, st.lists(st.tuples(moments, st.integers(0, 14)), min_size=1, max_size=20))
def test_records_in_any_order_see_what_a_fresh_look_says(
    terms: Agreement, events: tuple[Event, ...], asked: list[tuple[datetime, int]]
) -> None:
    pasts, version = Pasts(), Digest("0" * 64)

    def look(known: tuple[Event, ...], claimed: datetime) -> Seen:
        found = stands(terms, known, claimed)
        return seen_of(found, version, claimed, found.holds_until)

    for claimed, knows in asked:
        known = sourced(events)[:knows]
        seen = pasts.seen(known, claimed, look)
        assert (seen.state, seen.bound, seen.once) == afresh(terms, known, claimed)
        assert seen.is_of(claimed)


@given(agreed, happened, moments, st.integers(1, 60))
def test_nothing_changes_by_itself_before_the_moment_that_is_named(
    terms: Agreement, events: tuple[Event, ...], at: datetime, quarters: int
) -> None:
    events = tuple(replace(event, at=min(event.at, at)) for event in events)
    now, later = stands(terms, events, at), at + timedelta(hours=6 * quarters)
    if now.holds_until is not None:
        assert now.holds_until > at
        later = min(later, now.holds_until - timedelta(milliseconds=1))
    then = stands(terms, events, later)
    assert (then.state, then.bound) == (now.state, now.bound)


@pytest.mark.parametrize(
    ("life", "events", "until"),
    [
        ("{in_force_when: all signed}", (), None),
        ("{in_force_when: all signed, entry_deadline: 2026-01-12}", (), 12),
        ("{in_force_when: {count: 2, of: signed}, term: 9 days}", signed(A, B), 10),
        (
            "{in_force_when: {count: 2, of: signed}, withdrawal: {notice: 4 days}}",
            (*signed(A, B), on("notice", A, 2)),
            6,
        ),
        (
            "{in_force_when: {count: 2, of: signed}, term: 3 days, withdrawal: {notice: 4 days}}",
            (*signed(A, B), on("notice", A, 2)),
            4,
        ),
        ("{in_force_when: {count: 2, of: signed}}", signed(A, B), None),
        (
            "{in_force_when: {count: 2, of: signed}}",
            (*signed(A, B), on("terminated", None, 2)),
            None,
        ),
    ],
    ids=[
        "a proposal without a deadline stays one",
        "a proposal lapses after the last day of its deadline",
        "a term ends",
        "a notice runs out",
        "what ends first is named",
        "a pact without a term goes on",
        "what is over stays so",
    ],
)
def test_the_next_moment_is_named(
    life: str, events: tuple[Event, ...], until: float | None
) -> None:
    at = 3.0
    found = stands(text(life), events, at).holds_until
    assert found == (None if until is None else day(until))
