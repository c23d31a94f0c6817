"""Who may have what, as the register stands: joined later, another tier, suspended, gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from allied.agreement.events import CHANGED, EXPELLED, JOINED, SUSPENDED
from allied.agreement.standing import Event, Register, Standing, standing
from allied.agreement.terms import Agreement
from allied.agreement.values import Tlp
from allied.exchange.channel import Known
from allied.exchange.channels import (
    channels_at,
    channels_of,
    recipient_at,
    recipient_of,
    sees_from,
)
from allied.exchange.handling import Demand, Handling, HandlingClass
from allied.exchange.policy import decide
from allied.exchange.stix import Kind
from allied.record.ids import PartyId
from tests.exchange.texts import read, sample

A, B, C, D = (PartyId(each) for each in ("alfa", "bravo", "charlie", "delta"))
START = datetime(2026, 1, 1, tzinfo=UTC)


def text(clause: str = "share: all", history: str = "from-joining") -> Agreement:
    return read(
        f"""format: alliance/1
id: pact
form: {{kind: contract}}
lateral: open
parties: [{{ids: [{A}, {B}, {C}, {D}]}}]
life: {{in_force_when: {{count: 1, of: signed}}, history: {history}}}
articles: [{{art: "1", type: information-sharing, {clause}}}]
"""
    )


def on(event: str, party: PartyId, day: float, **more: Any) -> Event:
    return Event("pact", event, party, START + timedelta(days=day), **more)


FOUNDED = tuple(on(JOINED, each, 0) for each in (A, B, C))


def at(agreement: Agreement, day: float, *events: Event) -> Standing:
    register = Register({"pact": agreement}, (*FOUNDED, *events))
    return standing(register, "pact", START + timedelta(days=day))


def code(
    agreement: Agreement,
    now: Standing,
    sender: PartyId,
    to: PartyId,
    tlp: Tlp = Tlp.GREEN,
    releaser: PartyId | None = None,
) -> str:
    item = HandlingClass(sender, frozenset({Demand(Kind.INDICATOR, sender, Handling(tlp))}))
    known = Known(confirmed_at=START) if releaser else None
    channels = channels_at(agreement, now)
    to_ = recipient_at(now, to)
    return decide(item, to_, channels, START, releaser=releaser, known=known).code


YES = "exchange.permitted"


@pytest.mark.parametrize(
    ("events", "day", "expected"),
    [
        pytest.param([], 5, "exchange.not-bound", id="who has not joined gets nothing"),
        pytest.param([on(JOINED, D, 4)], 5, YES, id="who joined gets it"),
        pytest.param([on(JOINED, D, 4)], 3, "exchange.not-bound", id="and not before"),
        pytest.param([on(JOINED, D, 1), on(EXPELLED, D, 4)], 5, "exchange.not-bound",
                     id="who was put out gets nothing"),
        pytest.param([on(JOINED, D, 1), on(SUSPENDED, D, 4)], 5, "exchange.not-bound",
                     id="nor who is suspended"),
    ],
)  # fmt: skip
def test_membership_decides_at_the_moment(events: list[Event], day: float, expected: str) -> None:
    pact = text()

    assert code(pact, at(pact, day, *events), A, D) == expected


def test_a_pair_that_is_suspended_one_way_is_so_one_way_and_by_no_detour() -> None:
    pact = text()
    now = at(pact, 5, on(SUSPENDED, A, 4, towards=B))

    assert code(pact, now, A, B) == "exchange.suspended-towards"
    assert code(pact, now, B, A) == code(pact, now, A, C) == code(pact, now, C, B) == YES
    assert code(pact, now, A, B, releaser=C) == "exchange.suspended-towards"
    assert code(pact, now, C, B, releaser=A) == "exchange.suspended-towards"
    assert code(pact, at(pact, 3), A, B) == YES


def test_a_clause_that_is_suspended_carries_nothing_for_whom_it_is() -> None:
    pact = text()
    plain = at(pact, 5)
    for_all = replace(plain, suspended_clauses=frozenset({("1", None)}))
    for_b = replace(plain, suspended_clauses=frozenset({("1", B)}))
    other = replace(plain, suspended_clauses=frozenset({("2", None), ("2", B)}))

    assert code(pact, for_all, A, B) == "exchange.no-clause"
    assert code(pact, for_b, A, B) == code(pact, for_b, B, A) == "exchange.direction"
    assert code(pact, for_b, A, C) == YES
    assert code(pact, other, A, B) == YES


def test_roles_and_tiers_are_those_of_the_moment() -> None:
    pact = text("share: all, receives: {gold: {max_tlp: AMBER}, member: {max_tlp: GREEN}}")
    events = [on(CHANGED, B, 4, tier="gold"), on(CHANGED, C, 4, role="observer")]

    before, after = at(pact, 3, *events), at(pact, 5, *events)
    assert code(pact, before, A, B, Tlp.AMBER) == "exchange.above-tier"
    assert code(pact, after, A, B, Tlp.AMBER) == YES
    assert code(pact, before, A, C) == YES
    assert code(pact, after, A, C) == "exchange.role-receives-nothing"


def test_words_for_several_parties_mean_those_who_are_in() -> None:
    pact = text("share: all, direction: {from: members, to: members}")

    assert code(pact, at(pact, 5), A, D) == "exchange.not-bound"
    assert code(pact, at(pact, 5, on(JOINED, D, 4)), D, A) == YES
    observer = at(pact, 5, on(CHANGED, B, 4, role="observer"))
    assert code(pact, observer, B, A) == "exchange.direction"


def test_a_stranger_is_an_outsider() -> None:
    pact = text()

    assert recipient_at(at(pact, 5), PartyId("stranger")).outside
    assert not recipient_at(at(pact, 5), D).outside


@pytest.mark.parametrize(
    ("history", "events", "since"),
    [
        pytest.param("all", [], None, id="everything"),
        pytest.param("from-joining", [], 9999, id="nothing for who was never in"),
        pytest.param("from-joining", [on(JOINED, D, 4)], 4, id="from its joining on"),
        pytest.param("none", [on(JOINED, D, 4)], 4, id="nothing of before"),
        pytest.param("from-joining", [on(JOINED, D, 1), on(EXPELLED, D, 2), on(JOINED, D, 4)], 4,
                     id="the present stay counts"),
    ],
)  # fmt: skip
def test_what_who_joins_later_sees(history: str, events: list[Event], since: float | None) -> None:
    pact = text(history=history)
    found = sees_from(pact, at(pact, 5, *events), D)

    if since is None:
        assert found is None
    elif since == 9999:
        assert found is not None
        assert found.year == 9999
    else:
        assert found == START + timedelta(days=since)


def test_without_events_the_register_says_what_the_text_says() -> None:
    isac = sample("port-isac.yaml")
    register = Register({isac.id: isac})
    now = standing(register, isac.id, datetime(2026, 3, 2, tzinfo=UTC))

    assert channels_at(isac, now) == channels_of(isac)
    for party in isac.party_ids:
        assert recipient_at(now, party) == recipient_of(isac, party, bound=True)
