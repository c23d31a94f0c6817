"""Events with odd values in every field: refused as a whole, or valid STIX with unique ids."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, strategies as st

from allied.errors import MalformedError
from allied.exchange import misp, misp_in
from allied.exchange.stix import read_head
from allied.exchange.validity import problems
from tests.exchange.test_misp import attribute, back, carried, event, number

TEXT = st.text(max_size=15)
TIMES = TEXT | st.sampled_from(
    ["2020-01-01T00:00:00+00:00", "2020-01-01", "9999-12-31T23:59:59-10:00"]
)
LEVELS = st.integers(-1, 7) | st.sampled_from(["0", "5"])
TAGS = st.lists(
    st.fixed_dictionaries({"name": TEXT | st.sampled_from(["tlp:red", "tlp:GREEN", "PAP:RED"])}),
    max_size=3,
)
SIGHTINGS = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from([0, "0", 1])},
        optional={
            "uuid": TEXT,
            "date_sighting": st.integers(-5, 2**60),
            "Organisation": st.fixed_dictionaries({"name": TEXT, "uuid": TEXT}),
        },
    ),
    max_size=2,
)
ATTRIBUTES = st.fixed_dictionaries(
    {
        "type": st.sampled_from([*sorted(misp.PARTS), "text", "yara", "vulnerability", "x"]),
        "value": TEXT | st.sampled_from(["CVE-2020-1", "CVE-2020-12345", "a|b", "a.x|1.2.3.4"]),
    },
    optional={
        "uuid": TEXT | st.just(number(1)),
        "category": TEXT,
        "to_ids": st.booleans() | st.sampled_from(["0", "1", 0, 1]),
        "timestamp": st.integers(-10, 2**62) | TEXT,
        "comment": TEXT | st.none(),
        "distribution": LEVELS,
        "first_seen": TIMES,
        "last_seen": TIMES,
        "Tag": TAGS,
        "Sighting": SIGHTINGS,
    },
)
OBJECTS = st.fixed_dictionaries(
    {"name": TEXT, "Attribute": st.lists(ATTRIBUTES, max_size=3)},
    optional={
        "uuid": TEXT | st.just(number(5)),
        "comment": TEXT,
        "timestamp": st.integers(-1, 2**60),
        "distribution": LEVELS,
        "ObjectReference": st.lists(
            st.fixed_dictionaries(
                {"referenced_uuid": TEXT | st.just(number(1)), "relationship_type": TEXT}
            ),
            max_size=2,
        ),
    },
)
EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "uuid": TEXT,
        "info": TEXT,
        "date": TEXT | st.sampled_from(["2020-02-30", "0000-00-00"]),
        "timestamp": st.integers(-1, 2**62),
        "published": st.booleans(),
        "Attribute": st.lists(ATTRIBUTES, max_size=4),
        "Object": st.lists(OBJECTS, max_size=2),
        "Orgc": st.fixed_dictionaries({}, optional={"name": TEXT, "uuid": TEXT}),
        "Tag": TAGS,
        "distribution": LEVELS,
    },
)


@given(EVENTS)
def test_an_odd_event_is_refused_or_becomes_valid_stix(odd: dict[str, Any]) -> None:
    raw = json.dumps(event(attribute("domain", "evil.example")) | odd).encode()
    try:
        (one,) = misp.read_events(raw)
    except MalformedError:
        return
    result = misp_in.carry(one, own_only=True)
    for each in result.objects:
        made = orjson.dumps(each)
        assert not problems(made, read_head(made)), each
    names = [each["id"] for each in result.objects]
    assert len(names) == len(set(names))
    back(result)


@pytest.mark.parametrize(
    ("value", "known"), [("CVE-2020-12345", True), ("CVE-", False), ("VU#1", False)]
)
def test_only_what_is_spelled_like_a_cve_is_referred_to_as_one(value: str, known: bool) -> None:
    result = carried(event(attribute("vulnerability", value)))
    (made,) = [each for each in result.objects if each["type"] == "vulnerability"]
    assert ("external_references" in made) == known
    assert made["name"] == value
