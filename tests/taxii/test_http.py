"""TAXII as it goes over the wire: headers, media types, errors, and what is never said."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

import httpx2
import pytest
from fastapi import FastAPI
from hypothesis import given, settings, strategies as st

from allied.agreement.values import Tlp
from allied.entrypoints import taxii
from allied.node.people import NewToken
from allied.record.ids import AgreementId
from tests.federation.houses import serving
from tests.taxii.shelf import START, Given, Shelf

MEDIA_TYPE = "application/taxii+json;version=2.1"
LATE = START + timedelta(seconds=10)
ITEMS = [Given(n) for n in range(5)] + [Given(f"late {n}", at=LATE) for n in range(3)]


@dataclass
class Wire:
    """A server, a token, and one collection of eight items: five at once, three later."""

    shelf: Shelf
    client: httpx2.Client
    pact: AgreementId
    foreign: AgreementId
    token: NewToken

    @property
    def basic(self) -> str:
        pair = f"{self.token.token.id}:{self.token.secret}".encode()
        return "Basic " + base64.b64encode(pair).decode()

    @property
    def path(self) -> str:
        return f"/taxii2/{self.pact}/collections/all"

    def get(self, path: str = "", **headers: str) -> httpx2.Response:
        """GET with a valid token; without a path the objects of the collection."""
        given_headers = {"authorization": self.basic, "accept": MEDIA_TYPE} | headers
        path = path if path.startswith("/") else f"{self.path}/objects/{path}"
        return self.client.get(path, headers=given_headers)


@pytest.fixture(scope="module")
def wire(shelf: Shelf) -> Iterator[Wire]:
    pact, foreign = shelf.pact(), shelf.foreign()
    shelf.hold(pact, [*ITEMS, Given("red", tlp=Tlp.RED)])
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    taxii.mount(app, shelf.node)
    with serving(app) as url, httpx2.Client(base_url=url) as client:
        yield Wire(shelf, client, pact, foreign, shelf.token())


def ids(answer: httpx2.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json().get("objects", [])]


def of(items: list[Given]) -> list[str]:
    return [item.id for item in items]


def error(answer: httpx2.Response, status: int) -> dict[str, Any]:
    """The TAXII error of a refusal, which has the media type of TAXII too."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == MEDIA_TYPE
    value: dict[str, Any] = answer.json()
    assert value["http_status"] == str(status)
    assert value["title"]
    return value


# --- who asks ---------------------------------------------------------------------------


def test_both_ways_to_show_a_token_work(wire: Wire) -> None:
    assert wire.get("/taxii2/", authorization=wire.basic).status_code == 200
    for scheme in ("Bearer", "bearer", "Token"):
        assert wire.get("/taxii2/", authorization=f"{scheme} {wire.token.bearer}").is_success


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param("", id="none"),
        pytest.param("Basic", id="Basic with nothing"),
        pytest.param("Basic !!!", id="Basic that is no base64"),
        pytest.param("Basic /w==", id="Basic that is no UTF-8"),
        pytest.param("Basic {id}", id="Basic without a colon"),
        pytest.param("Basic {id}:", id="an empty secret"),
        pytest.param("Basic {id}:{wrong}", id="a wrong secret"),
        pytest.param("Basic {wrong}:{secret}", id="an unknown token"),
        pytest.param("Bearer {secret}", id="a secret without its token"),
        pytest.param("Bearer {id}.{secret}x", id="a secret and more"),
        pytest.param("Digest {id}.{secret}", id="another scheme"),
        pytest.param("Bearer " + "x" * 5_000, id="far too long"),
    ],
)
@pytest.mark.parametrize("path", ["/taxii2/", "/taxii2/all/collections/", "/taxii2/no/such/path/"])
def test_without_a_valid_token_there_is_only_401(wire: Wire, shown: str, path: str) -> None:
    text = shown.format(id=wire.token.token.id, secret=wire.token.secret, wrong="0" * 64)
    if shown.startswith("Basic {"):
        text = "Basic " + base64.b64encode(text[6:].encode()).decode()
    answer = wire.get(path, authorization=text)
    assert error(answer, 401)["error_code"] == "taxii.unauthorised"
    offered = answer.headers.get_list("www-authenticate")
    assert [each.partition(" ")[0] for each in offered] == ["Basic", "Bearer"]
    assert answer.content == wire.client.get("/taxii2/").content


def test_a_token_that_has_expired_is_none(wire: Wire) -> None:
    assert wire.get("/taxii2/").is_success
    wire.shelf.clock.advance(timedelta(days=366))
    try:
        error(wire.get("/taxii2/"), 401)
    finally:
        wire.shelf.clock.set(START)


# --- paths ------------------------------------------------------------------------------


@pytest.mark.parametrize("slash", ["", "/"])
def test_every_path_with_and_without_its_last_slash(wire: Wire, slash: str) -> None:
    item = ITEMS[0].id
    for path in (
        "/taxii2",
        f"/taxii2/{wire.pact}",
        f"/taxii2/{wire.pact}/collections",
        wire.path,
        f"{wire.path}/objects",
        f"{wire.path}/manifest",
        f"{wire.path}/objects/{item}",
        f"{wire.path}/objects/{item}/versions",
    ):
        answer = wire.get(path + slash)
        assert (answer.status_code, answer.headers["content-type"]) == (200, MEDIA_TYPE), path
        assert answer.headers["cache-control"] == "no-store"


def test_unknown_and_forbidden_are_the_same_404(wire: Wire) -> None:
    red = Given("red", tlp=Tlp.RED).id
    answers = [
        wire.get(path)
        for path in (
            f"/taxii2/{wire.foreign}/",
            f"/taxii2/{'0' * 64}/",
            f"/taxii2/{wire.foreign}/collections/",
            f"/taxii2/{wire.foreign}/collections/all/objects/",
            f"/taxii2/{wire.pact}/collections/00000000-0000-4000-8000-000000000000/",
            f"/taxii2/{wire.pact}/collections/tlp-red/manifest/",
            f"/taxii2/{wire.pact}/status/00000000-0000-4000-8000-000000000000/",
            f"{wire.path}/objects/{red}/",
            f"{wire.path}/objects/{Given('nowhere').id}/versions/",
            "/taxii2/no/such/path/at/all/",
            "/taxii2//all/",
            "/taxii2/" + "x" * 5_000,
        )
    ]
    assert {answer.content for answer in answers} == {answers[0].content}
    assert error(answers[0], 404)["error_code"] == "collection.unknown"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("POST", "{path}/objects/", 403, id="adding objects"),
        pytest.param("DELETE", "{path}/objects/indicator--1/", 403, id="deleting an object"),
        pytest.param("POST", "{foreign}/objects/", 404, id="adding where nothing is seen"),
        pytest.param("POST", "/taxii2/", 405, id="posting to the server"),
        pytest.param("PUT", "{path}/manifest/", 405, id="putting a manifest"),
    ],
)
def test_nothing_can_be_written(wire: Wire, method: str, path: str, status: int) -> None:
    foreign = f"/taxii2/{wire.foreign}/collections/all"
    full = path.format(path=wire.path, foreign=foreign)
    headers = {"authorization": wire.basic}
    answer = wire.client.request(method, full, headers=headers, content=b'{"objects":[]}')
    error(answer, status)
    assert ("allow" in answer.headers) == (status == 405)


def test_head_says_what_get_says_without_the_body(wire: Wire) -> None:
    headers = {"authorization": wire.basic}
    told = wire.client.head(f"{wire.path}/objects/", headers=headers)
    got = wire.get()
    assert told.content == b""
    for name in ("content-length", "x-taxii-date-added-last", "content-type"):
        assert told.headers[name] == got.headers[name]


# --- media types ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        pytest.param("application/taxii+json;version=2.1", 200, id="as it should be"),
        pytest.param("application/taxii+json; version=2.1", 200, id="with a space"),
        pytest.param("application/taxii+json", 200, id="without a version"),
        pytest.param("Application/TAXII+JSON;Version=2.1", 200, id="in capitals"),
        pytest.param("*/*", 200, id="anything"),
        pytest.param("", 200, id="nothing said"),
        pytest.param("application/json, text/plain, */*", 200, id="as browsers' libraries do"),
        pytest.param("application/json", 200, id="plain JSON"),
        pytest.param(
            "application/taxii+json;version=2.0, application/taxii+json;version=2.1",
            200,
            id="several versions",
        ),
        pytest.param("text/html, application/taxii+json;q=0.1", 200, id="as a last resort"),
        pytest.param("application/taxii+json;version=2.0", 406, id="another version only"),
        pytest.param("application/vnd.oasis.taxii+json; version=2.0", 406, id="TAXII 2.0"),
        pytest.param("text/html", 406, id="a page"),
        pytest.param("application/taxii+json;q=0", 406, id="anything but this"),
        pytest.param("x" * 4_000 + ",*/*", 406, id="far too long"),
    ],
)
def test_which_answers_a_client_takes(wire: Wire, accept: str, status: int) -> None:
    answer = wire.get(accept=accept)
    assert (answer.status_code, answer.headers["content-type"]) == (status, MEDIA_TYPE)
    if status == 406:
        error(answer, 406)


# --- objects ----------------------------------------------------------------------------


def test_objects_go_out_as_the_bytes_they_came_in(wire: Wire) -> None:
    body = wire.get().content
    assert body == b'{"more":false,"objects":[' + b",".join(item.raw for item in ITEMS) + b"]}"


def test_an_empty_page_has_no_objects_and_no_dates(wire: Wire) -> None:
    answer = wire.get("?added_after=2030-01-01T00:00:00Z")
    assert answer.json() == {"more": False}
    assert not [name for name in answer.headers if name.startswith("x-taxii")]
    assert "x-taxii-date-added-last" in wire.get().headers


def test_the_headers_date_the_first_and_the_last_object(wire: Wire) -> None:
    answer = wire.get("?limit=3")
    manifest = wire.get(f"{wire.path}/manifest/?limit=3")
    dates = [each["date_added"] for each in manifest.json()["objects"]]
    assert dates == [f"2026-11-23T03:00:00.25000{n}Z" for n in range(3)]
    for one in (answer, manifest):
        assert one.headers["x-taxii-date-added-first"] == dates[0]
        assert one.headers["x-taxii-date-added-last"] == dates[2]
    assert manifest.json()["objects"][0] == {
        "id": ITEMS[0].id,
        "date_added": dates[0],
        "version": ITEMS[0].modified,
        "media_type": "application/stix+json;version=2.1",
    }


@pytest.mark.parametrize("what", ["objects", "manifest"])
def test_next_can_be_used_again_and_after_a_restart(wire: Wire, what: str) -> None:
    first = wire.get(f"{wire.path}/{what}/?limit=3").json()
    assert first["more"] is True
    following = f"{wire.path}/{what}/?limit=3&next={first['next']}"
    again = [ids(wire.get(following)) for _ in range(2)]
    app = FastAPI()
    taxii.mount(app, wire.shelf.node)  # another process would know nothing else
    with serving(app) as url:
        headers = {"authorization": wire.basic}
        again.append(ids(httpx2.get(url + following, headers=headers)))
    assert again == [of(ITEMS[3:6])] * 3


def test_versions_are_paged_too(wire: Wire) -> None:
    pact = wire.shelf.pact()
    wanted = [f"2026-0{n}-01T00:00:00.000Z" for n in range(1, 8)]
    wire.shelf.hold(pact, [Given("many", modified=each) for each in wanted])
    path = f"/taxii2/{pact}/collections/all/objects/{Given('many').id}/versions/?limit=3"
    found, following = [], ""
    while True:
        answer = wire.get(path + following).json()
        found += answer["versions"]
        if not answer["more"]:
            break
        following = f"&next={answer['next']}"
    assert found == wanted


def test_a_later_question_with_next_and_a_new_date_loses_nothing(wire: Wire) -> None:
    first = wire.get("?limit=3")
    last = first.headers["x-taxii-date-added-last"]
    answer = wire.get(f"?limit=3&next={first.json()['next']}&added_after={last}")
    assert ids(answer) == of(ITEMS[3:6])


def test_a_client_that_cuts_the_date_to_milliseconds_still_gets_on(wire: Wire) -> None:
    pact = wire.shelf.pact()
    items = [Given(f"cut {n}", at=LATE + timedelta(days=1)) for n in range(2_600)]
    wire.shelf.hold(pact, items)
    path, seen, mark = f"/taxii2/{pact}/collections/all/objects/", set(), "2026-01-01T00:00:00Z"
    for _ in range(4):
        answer = wire.get(f"{path}?added_after={mark}")
        seen |= set(ids(answer))
        mark = answer.headers["x-taxii-date-added-last"][:-4] + "Z"
    assert seen == set(of(items))


# --- parameters -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("added_after", "later"),
    [
        pytest.param("2026-11-23T03:00:01Z", True, id="no fraction"),
        pytest.param("2026-11-23T03:00:00.3Z", True, id="one digit"),
        pytest.param("2026-11-23T03:00:00.260Z", True, id="three digits"),
        pytest.param("2026-11-23T03:00:00.250004Z", True, id="six digits, the last of five"),
        pytest.param("2026-11-23T03:00:00.250004999Z", True, id="nine digits"),
        pytest.param("2026-11-23T03:00:01%2B00:00", True, id="an offset"),
        pytest.param("2026-11-23T03:00:01+00:00", True, id="an offset whose plus is a space"),
        pytest.param("2026-11-22T22:00:01-05:00", True, id="an offset to the west"),
        pytest.param("2026-11-23T08:00:01%2b05:00", True, id="an offset to the east"),
        pytest.param("2026-11-23t03:00:01z", True, id="small letters"),
        pytest.param("2026-11-23T03:00:00.249Z", False, id="before all of them"),
        pytest.param("0001-01-01T00:00:00Z", False, id="the first day"),
    ],
)
def test_added_after_however_it_is_spelled(wire: Wire, added_after: str, later: bool) -> None:
    answer = wire.get(f"?added_after={added_after}")
    assert ids(answer) == of(ITEMS[5:] if later else ITEMS)


@pytest.mark.parametrize(
    ("limit", "count"),
    [
        pytest.param("1", 1, id="one"),
        pytest.param("8", 8, id="as many as there are"),
        pytest.param("5001", 8, id="above ours"),
        pytest.param("1" + "0" * 12, 8, id="absurd"),
    ],
)
def test_a_limit_above_ours_is_ours(wire: Wire, limit: str, count: int) -> None:
    assert len(ids(wire.get(f"?limit={limit}"))) == count


@pytest.mark.parametrize(
    ("query", "passes", "code"),
    [
        pytest.param("limit=0", "limit=1", "taxii.limit", id="a limit of nothing"),
        pytest.param("limit=-1", "limit=1", "taxii.limit", id="a negative limit"),
        pytest.param("limit=1.5", "limit=1", "taxii.limit", id="a limit with a fraction"),
        pytest.param("limit=%D9%A1", "limit=1", "taxii.limit", id="other digits"),
        pytest.param("limit=", "", "taxii.limit", id="an empty limit"),
        pytest.param("next=abc", "next=", "taxii.next", id="a next of others"),
        pytest.param("next=1", "next=", "taxii.next", id="a number for a next"),
        pytest.param("next=" + "9" * 32, "next=", "taxii.next", id="a forged next"),
        pytest.param("next=" + "%C3%A9" * 32, "next=", "taxii.next", id="a next of other letters"),
        pytest.param("added_after=yesterday", "", "taxii.added-after", id="no time"),
        pytest.param("added_after=2026-11-23", "", "taxii.added-after", id="a day"),
        pytest.param("added_after=2026-13-23T00:00:00Z", "", "taxii.added-after", id="month 13"),
        pytest.param("added_after=2026-11-23T00:00:00", "", "taxii.added-after", id="no zone"),
        pytest.param(
            "added_after=0001-01-01T00:00:00%2B99:00", "", "taxii.added-after", id="a zone of 99 h"
        ),
        pytest.param("match[type]=", "match[type]=x", "taxii.match", id="no type"),
        pytest.param("match[id]=a,,b", "match[id]=a,b", "taxii.match", id="an id of nothing"),
        pytest.param(
            "match[type]=" + ",".join(f"x{n}" for n in range(101)),
            "match[type]=" + "%2C".join(f"x{n}" for n in range(100)),
            "taxii.match",
            id="too many types",
        ),
        pytest.param(
            "match[version]=all,last", "match[version]=first,last", "taxii.match-version",
            id="all and another",
        ),
        pytest.param(
            "match[version]=newest", "match[version]=last", "taxii.match-version", id="no version"
        ),
        pytest.param("match[name]=x", "", "taxii.unknown-parameter", id="a filter of others"),
        pytest.param("match[tlp]=red", "", "taxii.unknown-parameter", id="a filter not built"),
        pytest.param("page=2", "", "taxii.unknown-parameter", id="an unknown parameter"),
        pytest.param("limit=1&limit=2", "limit=1", "taxii.repeated-parameter", id="twice"),
        pytest.param("next=%FF", "", "taxii.query", id="no UTF-8"),
        pytest.param("next=" + "1" * 17_000, "", "taxii.query", id="too long"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("what", ["objects", "manifest"])
def test_what_is_not_understood_is_refused_and_not_passed_over(
    wire: Wire, query: str, passes: str, code: str, what: str
) -> None:
    assert wire.get(f"{wire.path}/{what}/?{passes}").status_code == 200
    answer = wire.get(f"{wire.path}/{what}/?{query}")
    assert error(answer, 400)["error_code"] == code
    value = query.partition("=")[2]
    assert len(value) < 8 or value not in answer.text


def test_one_object_takes_fewer_parameters(wire: Wire) -> None:
    item = ITEMS[0].id
    assert wire.get(f"{item}/?match[version]=all").is_success
    error(wire.get(f"{item}/?match[type]=indicator"), 400)
    assert wire.get(f"{item}/versions/?limit=1").is_success
    error(wire.get(f"{item}/versions/?match[version]=all"), 400)


@given(
    path=st.lists(
        st.one_of(
            st.sampled_from(["all", "collections", "objects", "manifest", "versions", "{pact}"]),
            st.text(max_size=20).filter(lambda part: part not in {".", ".."}),
        ),
        max_size=7,
    ),
    query=st.dictionaries(
        st.one_of(
            st.sampled_from(
                ["limit", "next", "added_after", "match[id]", "match[type]", "match[version]"]
            ),
            st.text(max_size=10),
        ),
        st.text(max_size=40),
        max_size=3,
    ),
    accept=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30).map(str.strip),
)
@settings(max_examples=40)
def test_no_request_makes_the_server_fail(
    wire: Wire, path: list[str], query: dict[str, str], accept: str
) -> None:
    parts = [part.replace("{pact}", wire.pact) for part in path]
    full = "/taxii2/" + "/".join(quote(part, safe="") for part in parts)
    headers = {"authorization": wire.basic, "accept": accept}
    answer = wire.client.get(f"{full}?{urlencode(query)}", headers=headers)
    assert answer.status_code in {200, 400, 404, 406}
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert isinstance(json.loads(answer.content), dict)
