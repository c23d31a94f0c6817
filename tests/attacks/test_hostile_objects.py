"""Objects that are wrong, or only look right: each is told, and no neighbour is lost by it.

What is accepted stands in the pages of every reader from then on; so nothing may be accepted
that one of the usual parsers cannot read, or a single object would make all of them unreadable.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from allied.errors import AlliedError
from allied.exchange.bundle import Refused, scan
from allied.exchange.stix import read_head
from allied.exchange.validity import problems
from allied.node import correlation, items, sharing
from tests.exchange.samples import TIME, bundle, encoded, indicator, malware, sighting
from tests.node.hands import allied, run_sql
from tests.node.network import House
from tests.taxii.stand import Stand, standing

MANY = 10_000
GOOD = [indicator(900_001), malware(900_002)]
HEAD = b'{"type":"bundle","id":"bundle--6c0f3a9e-1f2a-4b52-9c0e-000000000001","objects":['


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with standing(tmp_path_factory.mktemp("objects")) as made:
        yield made


def take_in(house: House, pact: str, raw: bytes) -> tuple[sharing.Shared, list[sharing.Decision]]:
    told: list[sharing.Decision] = []
    shared = sharing.share(
        house.node,
        house.organisation,
        house.keys,
        lambda: iter((raw,)),
        pact,
        sharing.Wish(),
        on_trouble=told.append,
    )
    return shared, told


def rest(stand: Stand, method: str, path: str, **more: Any) -> Any:
    """Ask `/api/v1`, with a token that may share and read."""
    shown = {"authorization": f"Bearer {stand.token('analyst').bearer}"}
    headers = shown | more.pop("headers", {})
    answer = stand.client.request(method, f"/api/v1{path}", headers=headers, **more)
    assert answer.status_code == 200, answer.text[:500]
    return answer.json()


# --- one by one -----------------------------------------------------------------------------

WITHIN = encoded(indicator(5))[:-1]
BAD = [
    pytest.param(bundle(indicator(1)), "stix.bundle-inside", id="a bundle inside the bundle"),
    pytest.param(encoded(indicator(2, modified="yesterday")), "stix.invalid", id="no date at all"),
    pytest.param(
        encoded(indicator(2, modified="2026-02-30T00:00:00Z", created=TIME)),
        "stix.time",
        id="a day that does not exist",
    ),
    pytest.param(
        encoded(indicator(2, modified="0000-03-01T00:00:00Z", created="0000-03-01T00:00:00Z")),
        "stix.time",
        id="before the first year",
    ),
    pytest.param(
        encoded(indicator(2, modified="2026-03-01T12:00:00")), "stix.invalid", id="no time zone"
    ),
    pytest.param(
        encoded(indicator(2, modified="2026-02-01T12:00:00Z")),
        "stix.time-order",
        id="modified before it was created",
    ),
    pytest.param(encoded(indicator(2, modified=7)), "stix.wrong-type", id="a number for a date"),
    pytest.param(encoded(indicator(3, id="indicator--1")), "stix.bad-id", id="an id that is none"),
    pytest.param(
        encoded(indicator(3, id=malware(3)["id"])), "stix.bad-id", id="the id of another type"
    ),
    pytest.param(encoded(indicator(3, id=None)), "stix.wrong-type", id="no id"),
    pytest.param(
        encoded(indicator(3, created_by_ref="nobody")), "stix.invalid", id="a reference to nothing"
    ),
    pytest.param(
        WITHIN + b',"x_deep":' + b"[" * 74 + b"]" * 74 + b"}",
        "stix.too-deep",
        id="ten levels too deep",
    ),
    pytest.param(WITHIN + b',"name":"\xff"}', "stix.encoding", id="not UTF-8"),
    pytest.param(WITHIN + b',"name":"\xed\xa0\x80"}', "stix.encoding", id="half a pair as bytes"),
    pytest.param(WITHIN + b',"name":"\\ud800"}', "stix.not-json", id="half a pair, escaped"),
    pytest.param(WITHIN + b',"x_n":' + b"9" * 5_000 + b"}", "stix.not-json", id="a long number"),
    pytest.param(WITHIN + b',"x_n":1e400}', "stix.not-json", id="a number beyond any"),
    pytest.param(WITHIN + b',"x_n":NaN}', "stix.not-json", id="what is no number"),
    pytest.param(WITHIN + b',"x_a":1,"x_a":2}', "stix.duplicate-key", id="a name twice"),
    pytest.param(WITHIN + b',"name":"a\nb"}', "stix.not-json", id="a line break in a text"),
    pytest.param(b"[]", "stix.not-an-object", id="a list"),
]


@pytest.mark.parametrize(("element", "code"), BAD)
def test_what_is_wrong_is_refused_with_its_reason_and_hides_no_neighbour(
    stand: Stand, element: bytes, code: str
) -> None:
    first, last = (encoded(each) for each in GOOD)
    raw = HEAD + first + b"," + element + b"," + last + b"]}"
    shared, (told,) = take_in(stand.river, stand.pact, raw)
    assert (shared.objects, shared.admitted, shared.broken) == (3, 2, "")
    assert (told.index, told.code) == (1, code)
    assert element[-40:].decode(errors="replace") not in told.reason
    raw = b'{"objects":[' + first + b"," + element + b"," + last + b"]}"
    status = stand.post(raw).json()
    assert (status["success_count"], status["failure_count"]) == (2, 1)


def test_ten_levels_fewer_are_not_too_deep(stand: Stand) -> None:
    raw = HEAD + WITHIN + b',"x_deep":' + b"[" * 60 + b"]" * 60 + b"}]}"
    shared, told = take_in(stand.river, stand.pact, raw)
    assert (shared.admitted, told) == (1, [])


# --- many at once ---------------------------------------------------------------------------


def bad(number: int) -> dict[str, Any]:
    """One of several ways to be wrong, each with an id of its own."""
    changed: list[dict[str, Any]] = [
        {"pattern": None},
        {"modified": "yesterday"},
        {"valid_from": 7},
        {"pattern": "[half"},
        {"spec_version": "2.0"},
    ]
    return indicator(number, **changed[number % len(changed)])


def test_ten_thousand_bad_objects_are_each_told_and_the_good_ones_kept(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river = network.houses["river"]
    objects = [bad(n) for n in range(MANY)]
    for place, each in enumerate(GOOD):
        objects.insert(3_000 + place * 5_000, each)
    shared, told = take_in(river, pact, bundle(*objects))
    assert (shared.admitted, sum(shared.invalid.values())) == (len(GOOD), MANY)
    assert [each.index for each in told] == [
        place for place, each in enumerate(objects) if each not in GOOD
    ]
    assert all(each.code and each.reason for each in told)
    assert {each.id for each in told} == {str(bad(n)["id"]) for n in range(MANY)}
    held = items.list_items(river.node, river.organisation)
    assert {each.id for each in held} == {str(each["id"]) for each in GOOD}


def test_an_envelope_of_ten_thousand_bad_objects_names_each(stand: Stand) -> None:
    good = indicator(900_010)
    objects = [*(bad(n) for n in range(MANY)), good]
    status = stand.post(json.dumps({"objects": objects}).encode()).json()
    assert (status["success_count"], status["failure_count"]) == (1, MANY)
    assert {each["id"] for each in status["failures"]} == {bad(n)["id"] for n in range(MANY)}
    assert all(each["message"] for each in status["failures"])
    assert [each["id"] for each in stand.objects(f"?match[id]={good['id']}")] == [good["id"]]


def test_a_bundle_of_ten_thousand_bad_objects_names_each_over_rest(stand: Stand) -> None:
    good = indicator(900_011)
    raw = bundle(*(bad(n) for n in range(MANY)), good)
    answer = rest(
        stand,
        "POST",
        f"/shares?agreement={stand.pact}",
        content=raw,
        headers={"content-type": "application/stix+json;version=2.1"},
    )
    codes = {each["id"]: each["code"] for each in answer["objects"]}
    assert codes.pop(good["id"]) == "exchange.admitted"
    assert codes.keys() == {bad(n)["id"] for n in range(MANY)}
    assert all(code.startswith("stix.") for code in codes.values())


# --- the same id again ----------------------------------------------------------------------


def test_an_id_used_again_with_other_content_changes_nothing(stand: Stand) -> None:
    first = indicator(910_001, name="First")
    again = indicator(910_001, name="Again")
    assert take_in(stand.river, stand.pact, bundle(first))[0].contradicting == 0
    shared, _ = take_in(stand.river, stand.pact, bundle(again, indicator(910_002)))
    assert (shared.stored, shared.contradicting) == (1, 1)
    status = stand.post(json.dumps({"objects": [again]}).encode()).json()
    assert (status["success_count"], status["failure_count"]) == (0, 1)
    assert [each["name"] for each in stand.objects(f"?match[id]={first['id']}")] == ["First"]
    both = [indicator(910_003, name="One"), indicator(910_003, name="Two")]
    shared, told = take_in(stand.river, stand.pact, bundle(*both))
    assert (shared.admitted, {each.code for each in told}) == (0, {"stix.conflicting-versions"})


@pytest.mark.parametrize("contents", [1, 4], ids=["the same bytes", "each with its own bytes"])
def test_writers_of_one_object_beside_each_other_store_one_form(
    stand: Stand, contents: int
) -> None:
    number = 920_000 + contents
    results: list[sharing.Shared] = []
    together = threading.Barrier(4)

    def write(writer: int) -> None:
        same = indicator(number, name=f"by {writer % contents}")
        together.wait(timeout=30)
        raw = bundle(same, indicator(number * 10 + writer))
        results.append(take_in(stand.river, stand.pact, raw)[0])

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(timeout=60)
    assert sum(each.stored for each in results) == 1 + 4
    assert sum(each.contradicting for each in results) == contents - 1
    (one,) = stand.objects(f"?match[id]={indicator(number)['id']}&match[version]=all")
    assert one["name"] in {f"by {writer}" for writer in range(contents)}


# --- nothing makes a collection unreadable ----------------------------------------------------

ODD = [
    pytest.param(b',"x_n":' + str(2**70).encode(), id="a number beyond 64 bits"),
    pytest.param(b',"x_n":1e-999999', id="a number below any"),
    pytest.param(b',"x_n":0.' + b"9" * 10_000, id="a number with many digits"),
    pytest.param(b',"name":"a\\u0000b"', id="a NUL"),
    pytest.param(",\"name\":\"a\u2028b\uffff\"".encode(), id="a line of its own kind"),
    pytest.param(b',\r\n\t"name" :\n"x"', id="line breaks between"),
    pytest.param(b',"name":"' + b"x" * 1_000_000 + b'"', id="a long name"),
    pytest.param(b',"x_deep":' + b'{"a":' * 60 + b"1" + b"}" * 60, id="many levels"),
    pytest.param(b',"name":"]},{\\"type\\":\\"bundle\\"}"', id="what looks like an end"),
]  # fmt: skip
_NUMBERS = iter(range(930_000, 940_000))


@pytest.mark.parametrize("more", ODD)
def test_what_is_odd_and_accepted_is_read_by_everybody(stand: Stand, more: bytes) -> None:
    number = next(_NUMBERS)
    one = encoded(indicator(number))[:-1] + more + b"}"
    before, after = indicator(number * 10), indicator(number * 10 + 1)
    raw = HEAD + encoded(before) + b"," + one + b"," + encoded(after) + b"]}"
    shared, told = take_in(stand.river, stand.pact, raw)
    assert (shared.stored, told) == (3, [])
    ids = ",".join(str(each["id"]) for each in (before, indicator(number), after))
    page = stand.get(f"{stand.path}/objects/?match[id]={ids}")
    for read in (json.loads, orjson.loads, msgspec.json.decode):
        assert len(read(page.content)["objects"]) == 3
    assert one in page.content
    listed = rest(stand, "GET", f"/items?id={indicator(number)['id']}")
    assert len(listed["items"]) == 1


members = st.dictionaries(
    st.from_regex(r"x_[a-z]{1,6}", fullmatch=True),
    st.one_of(
        st.binary(max_size=30),
        st.text(max_size=20).map(lambda text: json.dumps(text).encode()),
        st.floats().map(lambda number: repr(number).encode()),
        st.integers().map(lambda number: str(number).encode()),
    ),
    max_size=4,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(members)
def test_whatever_is_accepted_is_json_for_everybody(more: dict[str, bytes]) -> None:
    told = b"".join(b',"%b":%b' % (name.encode(), value) for name, value in more.items())
    for each in scan([HEAD + WITHIN + told + b"}]}"]) if accepted_whole(told) else ():
        if isinstance(each, Refused):
            continue
        try:
            refused = problems(each.raw, read_head(each.raw))
        except AlliedError:
            continue
        if not refused:
            for read in (json.loads, orjson.loads, msgspec.json.decode):
                assert read(each.raw)["id"] == indicator(5)["id"]


def accepted_whole(told: bytes) -> bool:
    """Whether the bundle is not refused or broken off as a whole."""
    try:
        return all(each is not None for each in scan([HEAD + WITHIN + told + b"}]}"]))
    except AlliedError:
        return False


def test_bytes_that_a_disk_has_spoilt_stop_no_list_and_no_question(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river = network.houses["river"]
    take_in(river, pact, bundle(indicator(1), indicator(2), sighting(indicator(2), 3)))
    run_sql(river, "UPDATE bodies SET raw = :raw WHERE id = 1", raw=b'{"pattern": \xff')
    listed = items.list_items(river.node, river.organisation)
    assert [each.name for each in listed][:2] == ["", indicator(2)["pattern"]]
    assert not correlation.who_has(river.node, river.organisation, "n1.example").found
    assert correlation.who_has(river.node, river.organisation, "n2.example").found
