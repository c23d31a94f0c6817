"""No text and no statement that a partner sends stops the node that takes it in."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from allied.agreement.standing import start_of_day
from allied.agreement.values import Tlp
from allied.errors import MalformedError
from allied.exchange import statement
from allied.exchange.handling import MAX_CLASS, Demand, Handling, HandlingClass, read_class
from allied.exchange.statement import Leaf, commitment, state
from allied.exchange.stix import Kind
from allied.node import agreements, overview
from allied.record.canonical import digest
from allied.record.ids import AgreementId, PartyId
from tests.node.hands import DEMO, HARBOUR, RIVER, propose, three
from tests.record.cast import HARBOUR as LIAR

EDGES = [
    pytest.param("0001-01-01", "Pacific/Auckland", id="the first day, far in the east"),
    pytest.param("9999-12-31", "America/Los_Angeles", id="the last day, far in the west"),
    pytest.param("2027-01-01", "Europe/London", id="a day like others"),
]


@pytest.mark.parametrize(("day", "zone"), EDGES)
def test_a_text_that_begins_at_the_edge_of_the_calendar_stops_nobody(
    tmp_path: Path, day: str, zone: str
) -> None:
    network = three(tmp_path)
    text = DEMO.decode().replace("in_force_when: all signed", f"in_force_when: {{date: {day}}}")
    text = text.replace("id: river-harbour\n", f"id: river-harbour\ntimezone: {zone}\n")
    made = propose(network.houses[RIVER], text.encode())
    harbour = network.houses[HARBOUR]
    assert [outcome.problem for outcome in harbour.sync()] == ["", ""]
    assert agreements.show(harbour.node, made).state == "proposed"
    assert overview.overview(harbour.node).agreements


def test_the_first_day_begins_where_the_calendar_does() -> None:
    assert start_of_day(date.min, "Pacific/Auckland") == datetime(1, 1, 1, tzinfo=UTC)
    assert start_of_day(date(2026, 1, 1), "Asia/Tokyo") == datetime(2025, 12, 31, 15, tzinfo=UTC)


def stated(caveat_bytes: int) -> tuple[bytes, HandlingClass]:
    """A statement with as much to demand, signed by somebody entitled to sign it."""
    party = PartyId("harbour")
    caveats = frozenset(f"{number:04}" + "x" * 995 for number in range(caveat_bytes // 1000))
    handling = HandlingClass(
        party, frozenset({Demand(Kind.INDICATOR, party, Handling(Tlp.GREEN, None, caveats))})
    )
    made = state(
        LIAR.identity.id,
        commitment(AgreementId("a" * 64), bytes(16)),
        handling,
        [Leaf("indicator--1", "1", digest(b""), ())],
        bytes(32),
        LIAR.automatic,
        datetime(2026, 11, 23, tzinfo=UTC),
    )
    return made.raw, handling


def test_a_statement_whose_class_could_not_be_read_back_is_refused() -> None:
    keys = LIAR.identity.keys_ever("automatic")
    raw, handling = stated(MAX_CLASS // 2)
    assert read_class(handling.canonical()) == handling
    assert statement.read(raw, keys).demands == handling.demands
    raw, handling = stated(MAX_CLASS + 50_000)
    with pytest.raises(MalformedError):
        read_class(handling.canonical())
    with pytest.raises(MalformedError) as refusal:
        statement.read(raw, keys)
    assert refusal.value.code == "canonical.too-large"
