"""Registers made to be slow: what standing costs grows with the events, not with their product."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from time import process_time

import pytest

from allied.agreement.events import (
    ACCEDED,
    EXPELLED,
    INVITED,
    NOMINATED,
    OBJECTED,
    SIGNED,
    SUCCEEDED,
    SUSPENDED,
    Event,
)
from allied.record.ids import PartyId
from tests.agreement.lives import DAY, day, stands, text

MANY = 4_000
NAMES = [PartyId(f"p{number}") for number in range(MANY)]
PARTIES = "[" + ", ".join(f"{{id: {name}}}" for name in NAMES) + "]"
BODIES = "{" + ", ".join(f"b{number}: {{}}" for number in range(MANY)) + "}"
LIFE = "{in_force_when: {count: 2, of: signed}, withdrawal: {notice: immediately}}"
ALL = '{art: "1", type: membership, invited_by: all}'
VETTED = '{art: "1", type: membership, vetting: {sponsors: 4000, objection_period: 1 day}}'


def at(event: str, number: int, party: PartyId, **more: object) -> Event:
    return Event("pact", event, party, DAY + timedelta(seconds=number), **more)  # type: ignore[arg-type]


def one_after_the_other(start: int = 0) -> tuple[Event, ...]:
    return tuple(at(SIGNED, start, name) for name in NAMES[:-1])


def invited_by_everybody() -> tuple[Event, ...]:
    inviting = (at(INVITED, number, NAMES[-1], by=by) for number, by in enumerate(NAMES[:-1], 1))
    return (*one_after_the_other(), *inviting)


def nominated_and_refused() -> tuple[Event, ...]:
    events = list(one_after_the_other())
    for number, by in enumerate(NAMES[:-1], 1):
        events.append(at(NOMINATED, number, NAMES[-1], by=by))
        if number % 50 == 0:
            events.append(at(OBJECTED, number, by, about=NAMES[-1]))
        events.append(at(ACCEDED, number, NAMES[-1]))
    return tuple(events)


def a_place_handed_to_and_fro() -> tuple[Event, ...]:
    pairs = (
        at(SUSPENDED, 1, NAMES[0], towards=towards, reciprocal=True) for towards in NAMES[1:-1]
    )
    handed = (
        at(SUCCEEDED, number, NAMES[-1 if number % 2 == 0 else 0],
           predecessor=NAMES[0 if number % 2 == 0 else -1])
        for number in range(2, MANY)
    )  # fmt: skip
    return (*one_after_the_other(), *pairs, *handed)


def in_and_out() -> tuple[Event, ...]:
    again = (
        at((SIGNED, EXPELLED, INVITED)[number % 3 - 2], number, NAMES[0])
        for number in range(1, 3 * MANY)
    )
    return (*one_after_the_other(), *again)


@pytest.mark.parametrize(
    ("make", "article"),
    [
        pytest.param(one_after_the_other, ALL, id="everybody signs, and there are many bodies"),
        pytest.param(invited_by_everybody, ALL, id="everybody invites one"),
        pytest.param(nominated_and_refused, VETTED, id="nominated, refused, and tried again"),
        pytest.param(a_place_handed_to_and_fro, "", id="a place handed to and fro"),
        pytest.param(in_and_out, "", id="in and out and in again"),
    ],
)
def test_thousands_of_events_about_thousands_of_parties_take_a_moment(
    make: Callable[[], tuple[Event, ...]], article: str
) -> None:
    terms = text(LIFE, *([article] if article else []), parties=PARTIES, bodies=BODIES)
    events = make()
    before = process_time()
    now = stands(terms, events, day(30))
    assert process_time() - before < 2  # a product of the two would take half a minute
    assert now.state == "in-force"
    assert now.bound
