"""What real tools send although the standard says otherwise, and what comes of it.

Each row is a request as some tool makes it, and next to it stands what is too much.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import event

from allied.adapters.sql import SqlStore
from allied.agreement.values import Tlp
from allied.exchange.marking import TLP_2_ID
from allied.node import sharing
from tests.exchange.samples import indicator, malware, seen, statement_marking
from tests.taxii.stand import MEDIA_TYPE, Stand, standing

GIVEN = [indicator(1), indicator(2), malware(3)]


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with standing(tmp_path_factory.mktemp("tolerance")) as made:
        made.add(*GIVEN)
        yield made


def bundle(*objects: Any, **more: Any) -> dict[str, Any]:
    identifier = "bundle--6c0f3a9e-1f2a-4b52-9c0e-0000000000b1"
    return {"type": "bundle", "id": identifier, "objects": list(objects), **more}


@pytest.mark.parametrize(
    ("envelope", "taken"),
    [
        pytest.param({"objects": [indicator(10)]}, 1, id="an envelope"),
        pytest.param({"more": False, "objects": [indicator(10)]}, 1, id="with more"),
        pytest.param({"objects": [indicator(10)], "x_tool": {"a": [1]}}, 1, id="with its own"),
        pytest.param(bundle(indicator(11)), 1, id="a bundle in place of an envelope"),
        pytest.param(bundle(indicator(11), spec_version="2.1"), 1, id="a bundle with spec_version"),
        pytest.param({"objects": []}, 0, id="no object"),
        pytest.param({}, 0, id="not even a list"),
        pytest.param({"objects": [seen("ipv4-addr", 12, value="192.0.2.12")]}, 1,
                     id="an observable without times or spec_version"),
        pytest.param({"objects": [statement_marking(13)]}, 1, id="a marking without modified"),
        pytest.param({"objects": [indicator(14), indicator(14)]}, 2, id="the same twice"),
    ],
)  # fmt: skip
def test_what_is_taken_for_an_envelope(stand: Stand, envelope: Any, taken: int) -> None:
    for _ in range(2):  # a tool that posts it again is told the same
        answer = stand.post(json.dumps(envelope).encode())
        assert answer.status_code == 202, answer.text
        status = answer.json()
        assert (status["success_count"], status["failure_count"]) == (taken, 0)


@pytest.mark.parametrize(
    ("object_", "code"),
    [
        pytest.param(bundle(indicator(20)), "stix.", id="a bundle as an object"),
        pytest.param(indicator(21, spec_version="2.0"), "stix.version", id="STIX 2.0"),
        pytest.param(indicator(21, modified="yesterday"), "stix.", id="modified that is no date"),
        pytest.param(indicator(21, id="indicator--1"), "stix.", id="an id that is none"),
        pytest.param(indicator(21, id=malware(21)["id"]), "stix.", id="an id of another type"),
        pytest.param(indicator(21, object_marking_refs=["nothing"]), "", id="a marking of nothing"),
        pytest.param(
            GIVEN[2] | {"name": "x"}, "exchange.other-bytes", id="an id with other content"
        ),
        pytest.param([], "stix.not-an-object", id="a list"),
        pytest.param("text", "stix.not-an-object", id="a text"),
    ],
)
def test_a_bad_object_is_named_and_its_neighbours_are_taken(
    stand: Stand, object_: Any, code: str
) -> None:
    body = json.dumps({"objects": [GIVEN[0], object_, GIVEN[1]]}).encode()
    status = stand.post(body).json()
    assert (status["success_count"], status["failure_count"]) == (2, 1)
    (failure,) = status["failures"]
    assert failure["message"].startswith(code)


def test_objects_and_their_status_are_stored_in_one_unit(stand: Stand) -> None:
    begun: list[str] = []

    def count(*asked: Any) -> None:
        begun.extend(each for each in asked if each == "BEGIN IMMEDIATE")

    store = stand.river.node.store
    assert isinstance(store, SqlStore)
    event.listen(store.engine, "before_cursor_execute", count)
    try:
        status = stand.add(indicator(70), indicator(71))
        assert len(begun) == 1
        stand.post(json.dumps({"objects": ["text"]}).encode())
        assert len(begun) == 2, "nothing was stored but the status"
    finally:
        event.remove(store.engine, "before_cursor_execute", count)
    assert stand.get(f"{stand.root}/status/{status['id']}/").json() == status


@pytest.mark.parametrize("at_once", [1, 2, 3], ids=lambda most: f"{most} in a batch")
def test_what_contradicts_is_named_in_whichever_batch_it_comes(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(sharing, "BATCH", at_once)
    objects = [indicator(72), GIVEN[2] | {"name": "x"}]
    status = stand.post(json.dumps({"objects": objects}).encode()).json()
    assert (status["success_count"], status["failure_count"]) == (1, 1)
    assert status["failures"][0]["id"] == GIVEN[2]["id"]


def test_ten_thousand_bad_objects_are_reported_each_and_the_good_ones_are_kept(
    stand: Stand,
) -> None:
    good = [indicator(n) for n in range(1_000, 1_010)]
    bad = [indicator(n, pattern=None) for n in range(2_000, 12_000)]
    body = json.dumps({"objects": good[:5] + bad + good[5:]}).encode()
    status = stand.post(body).json()
    assert (status["success_count"], status["failure_count"]) == (10, 10_000)
    assert {each["id"] for each in status["failures"]} == {each["id"] for each in bad}
    found = {each["id"] for each in stand.objects("?limit=5000")}
    assert {each["id"] for each in good} <= found
    assert not {each["id"] for each in bad} & found


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        pytest.param(MEDIA_TYPE, 202, id="as it should be"),
        pytest.param("application/taxii+json", 202, id="without a version"),
        pytest.param("application/taxii+json; version=2.1", 202, id="with a space"),
        pytest.param("application/stix+json;version=2.1", 202, id="the type of STIX"),
        pytest.param("application/stix+json", 202, id="the type of STIX, without a version"),
        pytest.param("application/json", 202, id="plain JSON"),
        pytest.param("application/json; charset=utf-8", 202, id="plain JSON with a charset"),
        pytest.param("application/vnd.oasis.stix+json; version=2.0", 415, id="STIX 2.0"),
        pytest.param("application/taxii+json;version=2.0", 415, id="TAXII 2.0"),
        pytest.param("text/plain", 415, id="a text"),
        pytest.param("", 415, id="none"),
    ],
)
def test_which_content_types_are_read(stand: Stand, content_type: str, status: int) -> None:
    body = json.dumps({"objects": [GIVEN[0]]}).encode()
    assert stand.post(body, content_type=content_type).status_code == status


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        pytest.param("application/json, text/plain, */*", 202, id="a list"),
        pytest.param(f"{MEDIA_TYPE}, application/stix+json;version=2.1", 202, id="both types"),
        pytest.param("application/stix+json;version=2.1", 202, id="the type of STIX"),
        pytest.param("", 202, id="none"),
        pytest.param("text/html", 406, id="a page"),
    ],
)
def test_which_answers_a_tool_that_writes_takes(stand: Stand, accept: str, status: int) -> None:
    body = json.dumps({"objects": [GIVEN[0]]}).encode()
    answer = stand.post(body, headers={"accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (status, MEDIA_TYPE)


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_missing_slash_loses_neither_what_is_posted_nor_what_is_deleted(
    stand: Stand, slash: str
) -> None:
    item = indicator(30 if slash else 31)
    body = json.dumps({"objects": [item]}).encode()
    path = f"{stand.path}/objects{slash}"
    answer = stand.ask("POST", path, headers={"content-type": MEDIA_TYPE}, content=body)
    assert answer.json()["success_count"] == 1
    assert stand.ask("DELETE", f"{stand.path}/objects/{item['id']}{slash}").status_code == 200
    assert stand.get(f"{stand.path}/objects/{item['id']}{slash}").status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("match[type]=indicator,malware", id="as it should be"),
        pytest.param("match[type]=indicator%2Cmalware", id="an escaped comma"),
        pytest.param("match%5Btype%5D=indicator%2cmalware", id="escaped brackets too"),
        pytest.param("match[type]=indicator,%20malware", id="a space behind the comma"),
        pytest.param(f"match[id]={quote(GIVEN[0]['id'])}%2C{GIVEN[1]['id']}%2C{GIVEN[2]['id']}",
                     id="escaped ids"),
    ],
)  # fmt: skip
def test_commas_and_brackets_may_be_escaped(stand: Stand, query: str) -> None:
    found = [each["id"] for each in stand.objects(f"?limit=3&{query}")]
    assert found == [each["id"] for each in GIVEN]


@pytest.mark.parametrize(
    ("text", "later"),
    [
        pytest.param("2026-11-23T02:59:59Z", False, id="no fraction"),
        pytest.param("2026-11-23T02:59:59.999999999Z", False, id="nine digits"),
        pytest.param(
            "2026-11-23T02:59:59.999+00:00", False, id="an offset that arrives as a space"
        ),
        pytest.param("2026-11-23T02:59:59.5%2B00:00", False, id="an offset"),
        pytest.param("2026-11-24T00:00:00Z", True, id="later"),
        pytest.param("2026-11-24T00:00:00.000000000Z", True, id="later with nine digits"),
    ],
)
def test_dates_however_they_are_spelled(stand: Stand, text: str, later: bool) -> None:
    assert bool(stand.objects(f"?added_after={text}")) is not later


def test_a_tool_that_marks_with_the_markings_of_tlp_may_post_them_again_and_again(
    stand: Stand,
) -> None:
    green = {
        "type": "marking-definition", "spec_version": "2.1", "id": TLP_2_ID[Tlp.GREEN],
        "created": "2022-10-01T00:00:00.000Z", "name": "TLP:GREEN",
        "extensions": {
            "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d": {
                "extension_type": "property-extension", "tlp_2_0": "green",
            },
        },
    }  # fmt: skip
    marked = indicator(40, object_marking_refs=[green["id"]])
    for again in (marked, indicator(41, object_marking_refs=[green["id"]])):
        status = stand.post(json.dumps({"objects": [green, again]}).encode()).json()
        assert (status["success_count"], status["failure_count"]) == (2, 0), status
