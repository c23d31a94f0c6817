"""A marking is joined with those before it: never looser, and the same in any order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given, strategies as st

from allied.agreement.values import Tlp
from allied.errors import RefusedError
from allied.exchange.handling import ANONYMOUS, Demand, Handling, HandlingClass
from allied.exchange.marking import Tightening
from allied.exchange.stix import Kind
from allied.exchange.tightening import (
    TighterWish,
    require_change,
    require_tighter,
    shared,
    tighten,
    tightened,
)
from allied.record.ids import PartyId

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
A, B, C = (PartyId(each) for each in "abc")
_TLPS = st.sampled_from([Tlp.CLEAR, Tlp.GREEN, Tlp.AMBER, Tlp.RED])
_AUDIENCES = st.none() | st.frozensets(st.sampled_from([A, B, C]))
_ENDS = st.none() | st.integers(0, 3).map(lambda hours: NOON + timedelta(hours=hours))
_WORDS = st.frozensets(st.sampled_from(["ORCON", "REL-TO"]))
_HANDLINGS = st.builds(Handling, _TLPS, _AUDIENCES, _WORDS, st.just(frozenset[str]()), _ENDS)
_DEMANDS = st.builds(
    Demand, st.sampled_from([Kind.INDICATOR, Kind.TECHNIQUE]), st.just(A), _HANDLINGS
)
_CLASSES = st.builds(HandlingClass, st.just(A), st.frozensets(_DEMANDS, min_size=1, max_size=3))
_WISHES = st.builds(
    TighterWish, st.builds(Tightening, st.none() | _TLPS, _AUDIENCES, _WORDS), _ENDS
)


def handled(tlp: Tlp, audience: frozenset[PartyId] | None = None, **more: object) -> HandlingClass:
    handling = Handling(tlp, audience, **more)  # type: ignore[arg-type]
    return HandlingClass(A, frozenset({Demand(Kind.INDICATOR, A, handling)}))


def wish(tlp: Tlp | None = None, *to: PartyId, expires: datetime | None = None) -> TighterWish:
    return TighterWish(Tightening(tlp, frozenset(to) if to else None), expires)


@given(_CLASSES, _WISHES)
def test_whoever_holds_the_same_comes_to_what_its_originator_signed(
    held: HandlingClass, wanted: TighterWish
) -> None:
    assert tightened(held, tighten(held, wanted).demands) == tighten(held, wanted)


@given(_CLASSES, st.lists(_WISHES, min_size=1, max_size=3))
def test_statements_come_to_the_same_in_any_order_and_however_often(
    held: HandlingClass, wanted: list[TighterWish]
) -> None:
    statements, last = [], held
    for each in wanted:
        last = tighten(last, each)
        statements.append(last.demands)
    for order in permutations([*statements, statements[0]]):
        found = held
        for demands in order:
            found = tightened(found, demands)
        assert found == last


@given(_CLASSES, _CLASSES)
def test_nothing_that_anybody_states_loosens_a_demand(
    held: HandlingClass, other: HandlingClass
) -> None:
    least = shared(other.demands)
    found = tightened(held, other.demands)
    for before in held.demands:
        after = before.joined(least)
        assert after in found.demands
        assert after.handling.joined(before.handling) == after.handling


@pytest.mark.parametrize(
    ("held", "wanted", "fits"),
    [
        pytest.param(handled(Tlp.GREEN), wish(Tlp.AMBER), True, id="a stricter TLP"),
        pytest.param(handled(Tlp.AMBER), wish(Tlp.GREEN), False, id="a laxer TLP"),
        pytest.param(handled(Tlp.AMBER), wish(None, B), True, id="names where none were"),
        pytest.param(handled(Tlp.RED, frozenset({B, C})), wish(None, B), True, id="fewer names"),
        pytest.param(handled(Tlp.RED, frozenset({B})), wish(None, B, C), False, id="more names"),
        pytest.param(handled(Tlp.AMBER), wish(expires=NOON), True, id="an end"),
        pytest.param(
            handled(Tlp.AMBER, expires=NOON),
            wish(expires=NOON + timedelta(hours=1)),
            False,
            id="a later end",
        ),
        pytest.param(
            handled(Tlp.AMBER, expires=NOON), wish(Tlp.RED, B), True, id="the end that holds stays"
        ),
    ],
)
def test_a_wish_that_loosens_anything_is_refused(
    held: HandlingClass, wanted: TighterWish, fits: bool
) -> None:
    if fits:
        after = require_tighter(held, wanted)
        require_change([held], [after])
        return
    with pytest.raises(RefusedError) as refusal:
        require_tighter(held, wanted)
    assert refusal.value.code == "exchange.only-tightens"


def test_what_changes_nothing_and_what_a_secretariat_issued_is_refused() -> None:
    held = handled(Tlp.AMBER)
    with pytest.raises(RefusedError) as refusal:
        require_change([held], [require_tighter(held, wish(Tlp.AMBER))])
    assert refusal.value.code == "exchange.nothing-tighter"
    with pytest.raises(RefusedError) as refusal:
        require_tighter(handled(Tlp.AMBER, terms=frozenset({ANONYMOUS})), wish(Tlp.RED, B))
    assert refusal.value.code == "exchange.tightens-anonymous"
