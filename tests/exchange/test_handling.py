"""Handling classes: a lattice, and the same bytes on every node."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from allied.agreement.values import Tlp
from allied.errors import MalformedError
from allied.exchange.handling import (
    Demand,
    Handling,
    HandlingClass,
    read_class,
    strictest,
)
from allied.exchange.stix import Kind
from allied.record.canonical import digest, encode
from allied.record.ids import Digest, PartyId

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PARTIES = [PartyId(each) for each in ("harbour", "northgate", "river")]
KEYS = [Digest("a" * 64), Digest("b" * 64)]

handlings = st.builds(
    Handling,
    st.sampled_from(list(Tlp)),
    st.none() | st.frozensets(st.sampled_from(PARTIES)),
    st.frozensets(st.sampled_from(["ORCON", "REL-TO"])),
    st.frozensets(st.sampled_from(["pap:red", "iep:a=b"])),
    st.none() | st.integers(0, 100).map(lambda hours: NOON + timedelta(hours=hours)),
)
demands = st.builds(Demand, st.sampled_from(list(Kind)), st.sampled_from(PARTIES), handlings)
classes = st.builds(
    HandlingClass,
    st.sampled_from(PARTIES),
    st.frozensets(demands, min_size=1, max_size=3),
    st.none() | st.frozensets(st.sampled_from(KEYS)),
)


@given(handlings, handlings, handlings)
def test_handlings_form_a_lattice(a: Handling, b: Handling, c: Handling) -> None:
    assert a.joined(a) == a
    assert a.joined(b) == b.joined(a)
    assert a.joined(b).joined(c) == a.joined(b.joined(c))
    assert strictest([a, b, c]) == a.joined(b).joined(c)
    assert strictest([]).joined(a) == a


@given(handlings, handlings)
def test_joining_never_gives_anybody_more(a: Handling, b: Handling) -> None:
    both = a.joined(b)

    assert both.tlp >= a.tlp
    assert a.audience is None or (both.audience is not None and both.audience <= a.audience)
    assert both.caveats >= a.caveats
    assert both.terms >= a.terms
    assert a.expires is None or (both.expires is not None and both.expires <= a.expires)


@given(classes)
def test_a_class_reads_back_from_its_canonical_form(handling: HandlingClass) -> None:
    raw = handling.canonical()

    assert read_class(raw) == handling
    assert read_class(raw).canonical() == raw
    assert handling.key == digest(raw)


@given(classes, classes)
def test_the_key_tells_classes_apart(a: HandlingClass, b: HandlingClass) -> None:
    assert (a.key == b.key) == (a == b)


def test_the_canonical_form_stays_as_it_is() -> None:
    handling = Handling(
        Tlp.AMBER_STRICT, frozenset(PARTIES[:1]), frozenset({"ORCON"}), expires=NOON
    )
    plain = HandlingClass(PARTIES[2], frozenset({Demand(Kind.INDICATOR, PARTIES[2], handling)}))

    assert json.loads(plain.canonical()) == {
        "along": None,
        "demands": [
            {
                "handling": {
                    "audience": ["harbour"],
                    "caveats": ["ORCON"],
                    "expires": "2026-03-01T12:00:00Z",
                    "terms": [],
                    "tlp": "AMBER+STRICT",
                },
                "kind": "indicator",
                "originator": "river",
            }
        ],
        "originator": "river",
    }


def test_nobody_and_not_named_are_two_things() -> None:
    nobody = Handling(Tlp.RED, frozenset())

    assert nobody.joined(Handling(Tlp.RED)).audience == frozenset()
    assert nobody.canonical()["audience"] == []
    assert Handling(Tlp.RED).canonical()["audience"] is None


def plain() -> dict[str, Any]:
    one = Demand(Kind.INDICATOR, PARTIES[2], Handling(Tlp.GREEN))
    value: dict[str, Any] = json.loads(HandlingClass(PARTIES[2], frozenset({one})).canonical())
    return value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(["originator"], "no label!", id="an originator that is none"),
        pytest.param(["demands"], [], id="no demands"),
        pytest.param(["demands"], "all", id="demands that are no list"),
        pytest.param(["demands", 0, "kind"], "rumour", id="a kind that does not exist"),
        pytest.param(["demands", 0, "handling", "tlp"], "PURPLE", id="a TLP that does not exist"),
        pytest.param(["demands", 0, "handling", "expires"], "soon", id="a time that is none"),
        pytest.param(["demands", 0, "handling", "caveats"], [7], id="a caveat that is no text"),
        pytest.param(["demands", 0, "more"], 1, id="something unknown in a demand"),
        pytest.param(["along"], ["x"], id="a class that is no digest"),
        pytest.param(["more"], 1, id="something unknown"),
    ],
)
def test_what_is_no_class_is_refused(path: list[Any], value: Any) -> None:
    assert read_class(encode(plain())).originator == PARTIES[2]

    broken = plain()
    at: Any = broken
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    with pytest.raises(MalformedError):
        read_class(encode(broken))
