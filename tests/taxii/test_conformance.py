"""What a server must do by TAXII 2.1, sentence by sentence, against a real server on loopback.

Every demand on a server of OASIS TAXII 2.1 stands here once, in our words, with the section it
is from, above the test that holds it against the server. `docs/reference/taxii-conformance.md`
is made from this table: `python -m tests.taxii.test_conformance`.
"""

from __future__ import annotations

import json
import re
import ssl
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
import pytest

from allied.entrypoints.taxii.answering import MAX_CONTENT_LENGTH
from allied.exchange.stix import OBSERVABLES
from tests.exchange.samples import indicator, malware, seen, statement_marking
from tests.taxii.certificates import made_certificate
from tests.taxii.stand import MEDIA_TYPE, Stand, basic, opened, standing

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "taxii-conformance.md"
STIX_TYPE = "application/stix+json;version=2.1"
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
NEWER = "2026-04-01T12:00:00.000Z"
NEWEST = "2026-05-01T12:00:00.000Z"
FIRST, LAST = "x-taxii-date-added-first", "x-taxii-date-added-last"

PLAIN = [indicator(n) for n in range(1, 6)]
VERSIONS = [indicator(10, modified=each) for each in ("2026-03-01T12:00:00.000Z", NEWER, NEWEST)]
MALWARE = malware(11)
MARKING = statement_marking(12)
ADDRESS = seen("ipv4-addr", 13, value="192.0.2.13")
LINKED = indicator(14, object_marking_refs=[MARKING["id"]])
GIVEN = [*PLAIN, *VERSIONS, MALWARE, MARKING, LINKED, ADDRESS]
NOWHERE = indicator(999)["id"]


@dataclass(frozen=True)
class Demand:
    """One demand of the standard: where it stands, in our words, and the test of it."""

    section: str
    sentence: str
    test: Callable[[Stand], None]

    @property
    def name(self) -> str:
        return self.test.__name__


DEMANDS: list[Demand] = []


def must(section: str, sentence: str) -> Callable[[Callable[[Stand], None]], Callable[..., None]]:
    """Put a test into the table."""

    def put(test: Callable[[Stand], None]) -> Callable[[Stand], None]:
        DEMANDS.append(Demand(section, sentence, test))
        return test

    return put


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with standing(tmp_path_factory.mktemp("conformance")) as made:
        made.add(*GIVEN)
        yield made


# --- what the tests say often ---------------------------------------------------------------


def endpoints(stand: Stand) -> dict[str, str]:
    """Every endpoint that is read, by a name."""
    (status,) = status_ids(stand)
    item = PLAIN[0]["id"]
    return {
        "discovery": "/taxii2/",
        "api root": f"{stand.root}/",
        "status": f"{stand.root}/status/{status}/",
        "collections": f"{stand.root}/collections/",
        "collection": f"{stand.path}/",
        "manifest": f"{stand.path}/manifest/",
        "objects": f"{stand.path}/objects/",
        "object": f"{stand.path}/objects/{item}/",
        "versions": f"{stand.path}/objects/{item}/versions/",
    }


def status_ids(stand: Stand) -> list[str]:
    """The id of one status resource."""
    return [str(stand.add(PLAIN[0])["id"])]


def pages(stand: Stand, what: str, query: str = "") -> Iterator[httpx2.Response]:
    """Page after page, by `next`."""
    following = ""
    while True:
        answer = stand.get(f"{stand.path}/{what}/?{query}{following}")
        assert answer.status_code == 200, answer.text
        yield answer
        if not answer.json().get("more"):
            return
        following = f"&next={answer.json()['next']}"


def ids(answer: httpx2.Response) -> list[str]:
    return [each["id"] for each in answer.json().get("objects", [])]


def entries(stand: Stand, query: str = "match[version]=all") -> list[dict[str, str]]:
    """The whole manifest."""
    return [
        each for page in pages(stand, "manifest", query) for each in page.json().get("objects", [])
    ]


def refused(answer: httpx2.Response, *statuses: int) -> dict[str, Any]:
    """The error resource of a refusal."""
    assert answer.status_code in statuses, (answer.status_code, answer.text)
    assert answer.headers["content-type"] == MEDIA_TYPE
    error: dict[str, Any] = answer.json()
    assert isinstance(error["title"], str)
    assert error["title"]
    assert error.get("http_status", str(answer.status_code)) == str(answer.status_code)
    return error


def is_identifier(text: str) -> bool:
    found = uuid.UUID(text)
    return found.version == 4 and found.variant == uuid.RFC_4122 and str(found) == text


def is_timestamp(text: str) -> bool:
    return bool(TIMESTAMP.fullmatch(text)) and datetime.fromisoformat(text).tzinfo is not None


def values(resource: Any) -> Iterator[Any]:
    """Every value in a resource, however deep."""
    yield resource
    if isinstance(resource, dict):
        for each in resource.values():
            yield from values(each)
    elif isinstance(resource, list):
        for each in resource:
            yield from values(each)


def own_resources(stand: Stand) -> Iterator[Any]:
    """The resources that the server writes itself: all but objects."""
    for name, path in endpoints(stand).items():
        if name not in {"objects", "object"}:
            yield stand.get(path).json()


# --- 1 and 2: media types, authentication, types ---------------------------------------------


@must("1.6.7", "Every resource is UTF-8 encoded JSON.")
def resources_are_json_in_utf8(stand: Stand) -> None:
    stand.add(indicator(20, name="Größe 中 \U0001f600"))
    for path in endpoints(stand).values():
        json.loads(stand.get(path).content.decode("utf-8"))
    found = stand.get(f"{stand.path}/objects/{indicator(20)['id']}/")
    assert found.json()["objects"][0]["name"] == "Größe 中 \U0001f600"


@must("1.6.9", "Without valid credentials the answer is 401 with a challenge, for any method.")
def without_credentials_there_is_a_challenge(stand: Stand) -> None:
    for path in (*endpoints(stand).values(), "/taxii2/no/such/path/"):
        for method in ("GET", "POST", "DELETE"):
            answer = stand.ask(method, path, headers={"authorization": ""})
            refused(answer, 401)
            schemes = answer.headers.get_list("www-authenticate")
            assert [each.partition(" ")[0] for each in schemes] == ["Basic", "Bearer"]
        assert stand.ask("HEAD", path, headers={"authorization": ""}).status_code == 401


@must("2", "An identifier (of a collection, of a status) is a UUID of version 4.")
def identifiers_are_uuids_of_version_4(stand: Stand) -> None:
    for root in ("all", stand.pact):
        found = stand.get(f"/taxii2/{root}/collections/").json()["collections"]
        assert all(is_identifier(each["id"]) for each in found)
    assert all(is_identifier(each) for each in status_ids(stand))


@must("2", "A boolean is a literal true or false, an integer a whole number below 2^53.")
def booleans_and_integers_are_what_they_are_called(stand: Stand) -> None:
    for resource in own_resources(stand):
        for each in values(resource):
            if isinstance(each, dict):
                for name, value in each.items():
                    if name in {"more", "can_read", "can_write"}:
                        assert isinstance(value, bool)
                    if name == "max_content_length" or name.endswith("_count"):
                        assert type(value) is int
                        assert 0 <= value < 2**53


@must("2", "No list is empty: where there is nothing, the property is left out.")
def no_list_is_empty(stand: Stand) -> None:
    nothing = "?added_after=2099-01-01T00:00:00.000000Z"
    paths = [f"{stand.path}/{what}/{nothing}" for what in ("objects", "manifest")]
    paths.append(f"{stand.path}/objects/{PLAIN[0]['id']}/versions/{nothing}")
    resources = [*own_resources(stand), *(stand.get(each).json() for each in paths)]
    assert all(each != [] for resource in resources for each in values(resource))


@must("2", "A timestamp is RFC 3339 in UTC with Z and six digits of a fraction.")
def timestamps_have_microseconds_and_z(stand: Stand) -> None:
    assert all(is_timestamp(each["date_added"]) for each in entries(stand))
    assert is_timestamp(stand.add(PLAIN[0])["request_timestamp"])
    answer = stand.get(f"{stand.path}/objects/")
    assert all(is_timestamp(answer.headers[name]) for name in (FIRST, LAST))


# --- 3.1: endpoints --------------------------------------------------------------------------


@must("3.1", "A path ends with a slash; one with a slash is answered and not redirected.")
def paths_end_with_a_slash(stand: Stand) -> None:
    for path in endpoints(stand).values():
        assert stand.get(path).status_code == 200, path
        assert stand.get(path.rstrip("/")).status_code == 200, path  # the tolerant twin


@must("3.1", "A success carries the resource that its endpoint is defined to give.")
def a_success_has_the_resource_of_its_endpoint(stand: Stand) -> None:
    required = {
        "discovery": {"title"},
        "api root": {"title", "versions", "max_content_length"},
        "status": {
            "id", "status", "total_count", "success_count", "failure_count", "pending_count",
        },
        "collections": {"collections"},
        "collection": {"id", "title", "can_read", "can_write"},
        "manifest": {"objects"},
        "objects": {"objects"},
        "object": {"objects"},
        "versions": {"versions"},
    }  # fmt: skip
    for name, path in endpoints(stand).items():
        resource = stand.get(path).json()
        assert isinstance(resource, dict)
        assert required[name] <= resource.keys(), name


@must("3.1", "Every answer, a refusal too, has the media type of TAXII with its version.")
def every_answer_has_the_media_type_and_version(stand: Stand) -> None:
    for path in endpoints(stand).values():
        assert stand.get(path).headers["content-type"] == MEDIA_TYPE
    for path in ("/taxii2/nowhere/", f"{stand.path}/objects/?limit=0", "/taxii2/x/y/z/"):
        answer = stand.get(path)
        refused(answer, 400, 404)
    assert stand.post(b'{"objects":[]}').headers["content-type"] == MEDIA_TYPE
    assert stand.ask("PUT", f"{stand.path}/").headers["content-type"] == MEDIA_TYPE
    added = stand.add(indicator(21))
    assert added
    gone = stand.ask("DELETE", f"{stand.path}/objects/{indicator(21)['id']}/")
    assert (gone.status_code, gone.headers["content-type"]) == (200, MEDIA_TYPE)


@must("3.1", "A media type that an endpoint defines is never answered with 406.")
def what_an_endpoint_defines_is_acceptable(stand: Stand) -> None:
    both = f"{MEDIA_TYPE},{STIX_TYPE}"
    for path in endpoints(stand).values():
        for accept in (MEDIA_TYPE, "application/taxii+json", both, STIX_TYPE):
            answer = stand.get(path, headers={"accept": accept})
            assert (answer.status_code, answer.headers["content-type"]) == (200, MEDIA_TYPE)
        assert stand.get(path, headers={"accept": "text/html"}).status_code == 406


@must("3.1", "A content type that an endpoint defines is never answered with 415.")
def what_an_endpoint_defines_can_be_posted(stand: Stand) -> None:
    body = json.dumps({"objects": [PLAIN[0]]}).encode()
    for content_type in (MEDIA_TYPE, "application/taxii+json"):
        assert stand.post(body, content_type=content_type).status_code == 202
    refused(stand.post(body, content_type="text/html"), 415)


# --- 3.2: headers ----------------------------------------------------------------------------


@must(
    "3.2",
    "Pages of objects, of one object, of its versions and of the manifest say when the first"
    " and the last of what they hold was added. (A page that holds nothing has no such date,"
    " and does not invent one.)",
)
def pages_say_when_their_first_and_last_object_was_added(stand: Stand) -> None:
    dates = {(each["id"], each["version"]): each["date_added"] for each in entries(stand)}
    for page in pages(stand, "manifest", "limit=2"):
        found = page.json()["objects"]
        assert page.headers[FIRST] == found[0]["date_added"]
        assert page.headers[LAST] == found[-1]["date_added"]
    for page in pages(stand, "objects", "limit=2&match[type]=indicator"):
        found = [dates[each["id"], each["modified"]] for each in page.json()["objects"]]
        assert (page.headers[FIRST], page.headers[LAST]) == (found[0], found[-1])
    item = VERSIONS[0]["id"]
    expected = [dates[item, each["modified"]] for each in VERSIONS]
    for path in (f"{item}/versions/", f"{item}/?match[version]=all"):
        answer = stand.get(f"{stand.path}/objects/{path}")
        assert (answer.headers[FIRST], answer.headers[LAST]) == (expected[0], expected[-1])
    nothing = stand.get(f"{stand.path}/objects/?added_after=2099-01-01T00:00:00Z")
    assert nothing.status_code == 200
    assert not {FIRST, LAST} & set(nothing.headers)


# --- 3.3: order ------------------------------------------------------------------------------


@must("3.3", "Objects and manifest entries come in the order in which they were added.")
def objects_come_in_the_order_in_which_they_were_added(stand: Stand) -> None:
    dates = [each["date_added"] for each in entries(stand)]
    assert dates == sorted(dates)
    assert len(set(dates)) == len(dates)
    listed = [each["id"] for each in entries(stand)]
    read = [each for page in pages(stand, "objects", "match[version]=all") for each in ids(page)]
    assert read == listed


@must("3.3", "Collections come in the same order each time.")
def collections_come_in_the_same_order(stand: Stand) -> None:
    listed = [stand.get(f"{stand.root}/collections/").content for _ in range(3)]
    assert len(set(listed)) == 1


# --- 3.4: filters ----------------------------------------------------------------------------


@must("3.4", "A query parameter that is malformed is answered with 400.")
def malformed_parameters_are_refused(stand: Stand) -> None:
    for query in (
        "limit=0",
        "limit=-1",
        "limit=many",
        "added_after=yesterday",
        "added_after=2026-01-01T00:00:00Z,2026-01-02T00:00:00Z",
        "added_after=2026-01-01T00:00:00Z&added_after=2026-01-01T00:00:00Z",
        "match[version]=newest",
        "match[version]=all,last",
        "match[version]=last,last",
        f"match[version]={NEWER},{NEWER}",
        "match[type]=indicator&match[type]=malware",
        "match[id]=",
        "next=forged",
    ):
        refused(stand.get(f"{stand.path}/objects/?{query}"), 400)
        refused(stand.get(f"{stand.path}/manifest/?{query}"), 400)


@must("3.4", "`added_after` leaves out what was not added after it.")
def added_after_leaves_out_what_came_before(stand: Stand) -> None:
    listed = entries(stand)
    for place, entry in enumerate(listed[:-1]):
        query = f"match[version]=all&added_after={entry['date_added']}"
        assert entries(stand, query) == listed[place + 1 :]
        found = stand.get(f"{stand.path}/objects/?{query}")
        assert ids(found) == [each["id"] for each in listed[place + 1 :]]


@must("3.4", "Without `added_after` the oldest objects come first.")
def the_oldest_come_first(stand: Stand) -> None:
    assert ids(stand.get(f"{stand.path}/objects/?limit=2")) == [each["id"] for each in PLAIN[:2]]


@must("3.4", "No page has more objects than `limit`.")
def no_page_is_longer_than_its_limit(stand: Stand) -> None:
    for limit in (1, 3, 7):
        for what in ("objects", "manifest"):
            for page in pages(stand, what, f"limit={limit}"):
                assert 1 <= len(page.json()["objects"]) <= limit


@must("3.4", "What fits into the limit of the client and of the server is on one page.")
def what_fits_is_on_one_page(stand: Stand) -> None:
    listed = entries(stand)
    (page,) = pages(stand, "objects", f"limit={len(listed)}&match[version]=all")
    assert ids(page) == [each["id"] for each in listed]
    assert not page.json().get("more")


@must("3.4", "Where there is more than a page, `more` is true.")
def a_page_says_that_there_is_more(stand: Stand) -> None:
    listed = entries(stand, "")
    for limit in (1, 2, len(listed) - 1):
        answer = stand.get(f"{stand.path}/objects/?limit={limit}").json()
        assert answer["more"] is True
        assert answer["next"]
    assert stand.get(f"{stand.path}/objects/?limit={len(listed)}").json().get("more") is not True


@must("3.4", "`next` with the same filters goes on where the page before ended.")
def next_goes_on_where_the_page_ended(stand: Stand) -> None:
    long_ago = "added_after=2000-01-01T00:00:00Z"
    for query in ("", "match[type]=indicator", "match[version]=all", long_ago):
        for what in ("objects", "manifest"):
            (whole,) = pages(stand, what, query)
            parts = [each for page in pages(stand, what, f"{query}&limit=2") for each in ids(page)]
            assert parts == ids(whole)
    item = VERSIONS[0]["id"]
    path = f"{stand.path}/objects/{item}/versions/"
    first = stand.get(f"{path}?limit=2").json()
    second = stand.get(f"{path}?limit=2&next={first['next']}").json()
    assert first["versions"] + second["versions"] == [each["modified"] for each in VERSIONS]


@must("3.4", "Values of one filter are alternatives, several filters hold together.")
def values_are_alternatives_and_filters_hold_together(stand: Stand) -> None:
    def found(query: str) -> list[str]:
        return ids(stand.get(f"{stand.path}/objects/?{query}"))

    two = f"match[id]={PLAIN[0]['id']},{MALWARE['id']}"
    assert found(two) == [PLAIN[0]["id"], MALWARE["id"]]
    assert found(f"{two}&match[type]=malware") == [MALWARE["id"]]
    assert found(f"{two}&match[type]=malware,indicator") == [PLAIN[0]["id"], MALWARE["id"]]
    assert found(f"{two}&match[type]=tool") == []
    assert found(f"{two}&match[version]={NEWER}") == []


@must("3.4.1", "`match[spec_version]` gives no other version; without it the latest is given.")
def spec_version_leaves_out_the_others(stand: Stand) -> None:
    whole = ids(stand.get(f"{stand.path}/objects/"))
    assert ids(stand.get(f"{stand.path}/objects/?match[spec_version]=2.1")) == whole
    assert ids(stand.get(f"{stand.path}/objects/?match[spec_version]=2.0,2.1")) == whole
    assert ids(stand.get(f"{stand.path}/objects/?match[spec_version]=2.0")) == []
    assert entries(stand, "match[spec_version]=2.0") == []
    item = f"{stand.path}/objects/{PLAIN[0]['id']}"
    assert ids(stand.get(f"{item}/?match[spec_version]=2.0")) == []
    assert "versions" not in stand.get(f"{item}/versions/?match[spec_version]=2.0").json()


@must("3.4.1", "`match[type]` gives only these types; no type of STIX 2.1 is an error.")
def match_type_takes_every_type_of_stix(stand: Stand) -> None:
    types = [
        "attack-pattern", "campaign", "course-of-action", "grouping", "identity", "incident",
        "indicator", "infrastructure", "intrusion-set", "location", "malware", "malware-analysis",
        "note", "observed-data", "opinion", "report", "threat-actor", "tool", "vulnerability",
        "relationship", "sighting", "language-content", "marking-definition",
        "extension-definition", *sorted(OBSERVABLES),
    ]  # fmt: skip
    for each in types:
        found = stand.get(f"{stand.path}/objects/?match[type]={each}")
        assert found.status_code == 200, each
        assert all(item.startswith(f"{each}--") for item in ids(found))
    assert ids(stand.get(f"{stand.path}/objects/?match[type]=malware")) == [MALWARE["id"]]


@must("3.4.1", "Without `match[version]` the latest version of each object is given, and no other.")
def the_latest_version_is_the_usual_one(stand: Stand) -> None:
    item = VERSIONS[0]["id"]
    for path in ("objects/", f"objects/?match[id]={item}", f"objects/{item}/"):
        found = stand.get(f"{stand.path}/{path}").json()["objects"]
        assert [each["modified"] for each in found if each["id"] == item] == [NEWEST]
    assert [each["version"] for each in entries(stand, "") if each["id"] == item] == [NEWEST]


@must("3.4.1", "`last`, `first`, `all` and the text of a version mean what they say, together too.")
def versions_are_chosen_by_name_and_by_time(stand: Stand) -> None:
    first, middle, last = (each["modified"] for each in VERSIONS)
    for asked, expected in {
        "last": [last],
        "first": [first],
        "all": [first, middle, last],
        middle: [middle],
        f"first,{middle}": [first, middle],
        "last,first": [first, last],
        f"{first},{last}": [first, last],
        "2020-01-01T00:00:00.000Z": [],
    }.items():
        for path in (
            f"objects/{VERSIONS[0]['id']}/?match[version]={asked}",
            f"objects/?match[id]={VERSIONS[0]['id']}&match[version]={asked}",
        ):
            found = stand.get(f"{stand.path}/{path}").json().get("objects", [])
            assert [each["modified"] for each in found] == expected, asked


@must(
    "3.4.1",
    "An object without `modified` has its `created` as version; one without either a constant.",
)
def objects_without_modified_have_a_version(stand: Stand) -> None:
    versions = {each["id"]: each["version"] for each in entries(stand)}
    assert versions[MARKING["id"]] == MARKING["created"]
    assert (
        versions[ADDRESS["id"]]
        == {each["id"]: each["version"] for each in entries(stand)}[ADDRESS["id"]]
    )
    for item in (MARKING, ADDRESS):
        version = versions[item["id"]]
        path = f"{stand.path}/objects/{item['id']}"
        assert stand.get(f"{path}/versions/").json()["versions"] == [version]
        assert ids(stand.get(f"{path}/?match[version]={version}")) == [item["id"]]


# --- 3.5 to 3.8: pages, errors, envelopes, names ---------------------------------------------


@must("3.5", "A client that goes on by `added_after` and the last date gets everything once.")
def the_last_date_leads_on_as_well(stand: Stand) -> None:
    for what in ("objects", "manifest"):
        found: list[str] = []
        query = "limit=2&match[version]=all"
        while True:
            page = stand.get(f"{stand.path}/{what}/?{query}")
            found += ids(page)
            if not page.json().get("more"):
                break
            query = f"limit=2&match[version]=all&added_after={page.headers[LAST]}"
        assert found == [each["id"] for each in entries(stand)]


@must("3.6.1", "An error has a title; a status in it is the one of the answer.")
def errors_have_a_title(stand: Stand) -> None:
    for answer in (
        stand.get("/taxii2/nowhere/"),
        stand.get(f"{stand.path}/objects/?limit=0"),
        stand.get("/taxii2/", headers={"accept": "text/html"}),
        stand.get("/taxii2/", headers={"authorization": ""}),
        stand.ask("PUT", "/taxii2/"),
        stand.post(b"{", content_type=MEDIA_TYPE),
        stand.post(b"{}", content_type="text/html"),
        stand.post(b'{"objects":[]}', role="viewer"),
    ):
        error = refused(answer, 400, 401, 403, 404, 405, 406, 415)
        assert error["http_status"] == str(answer.status_code)


@must("3.7", "STIX goes out in an envelope whose `objects` are STIX objects.")
def stix_goes_out_in_envelopes(stand: Stand) -> None:
    for path in ("objects/", f"objects/{PLAIN[0]['id']}/"):
        envelope = stand.get(f"{stand.path}/{path}").json()
        assert envelope.keys() <= {"more", "next", "objects"}
        assert all({"type", "id"} <= each.keys() for each in envelope["objects"])
        assert all(each["type"] != "bundle" for each in envelope["objects"])


@must("3.8", "Properties are named as in the tables, and the required ones are there.")
def properties_are_named_as_in_the_tables(stand: Stand) -> None:
    known = {
        "discovery": {"title", "description", "contact", "default", "api_roots"},
        "api root": {"title", "description", "versions", "max_content_length"},
        "status": {
            "id", "status", "request_timestamp", "total_count", "success_count", "successes",
            "failure_count", "failures", "pending_count", "pendings",
        },
        "collections": {"collections"},
        "collection": {
            "id", "title", "description", "alias", "can_read", "can_write", "media_types",
        },
        "manifest": {"more", "next", "objects"},
        "objects": {"more", "next", "objects"},
        "object": {"more", "next", "objects"},
        "versions": {"more", "next", "versions"},
    }  # fmt: skip
    for name, path in endpoints(stand).items():
        assert stand.get(path).json().keys() <= known[name], name
    entry = {"id", "date_added", "version", "media_type"}
    assert all(each.keys() == entry for each in entries(stand))


# --- 4: the server ---------------------------------------------------------------------------


@must(
    "4.1.1",
    "The default API root is one of the list; roots are https or relative, without a query.",
)
def api_roots_are_relative_and_hold_the_default(stand: Stand) -> None:
    found = stand.get("/taxii2/").json()
    assert found["default"] in found["api_roots"]
    for root in found["api_roots"]:
        assert root.startswith("/")
        assert not root.startswith("//")
        assert ".." not in root
        assert "?" not in root
        assert stand.get(root).status_code == 200


@must("4.2", "Every API root has an address of its own: one per agreement, and one over all.")
def every_root_has_its_own_address(stand: Stand) -> None:
    roots = stand.get("/taxii2/").json()["api_roots"]
    assert roots == ["/taxii2/all/", f"{stand.root}/"]
    assert len(set(roots)) == len(roots)


@must("4.2.1", "An API root lists `application/taxii+json;version=2.1` among its versions.")
def a_root_names_the_version(stand: Stand) -> None:
    for root in stand.get("/taxii2/").json()["api_roots"]:
        assert stand.get(root).json()["versions"] == [MEDIA_TYPE]


@must("4.2.1", "`max_content_length` is above zero, and nothing shorter is answered with 413.")
def nothing_below_the_limit_is_too_large(stand: Stand) -> None:
    limit = stand.get(f"{stand.root}/").json()["max_content_length"]
    assert limit == MAX_CONTENT_LENGTH
    padding = b" " * (limit - 200)
    assert stand.post(b'{"objects":[' + padding + b"]}").status_code == 202
    many = b'{"objects":[' + b",".join([b"{}"] * 60_000) + b"]}"
    refused(stand.post(many), 422)
    refused(stand.post(b'{"objects":[' + b" " * limit + b"]}"), 413)


@must("4.3", "A status that is not kept any more, or never was, is 404.")
def an_unknown_status_is_not_found(stand: Stand) -> None:
    (known,) = status_ids(stand)
    assert stand.get(f"{stand.root}/status/{known}/").status_code == 200
    refused(stand.get(f"{stand.root}/status/{uuid.uuid4()}/"), 404)
    refused(stand.get(f"/taxii2/all/status/{known}/"), 404)
    stand.network.clock.advance(timedelta(days=8))
    try:
        refused(stand.get(f"{stand.root}/status/{known}/"), 404)
    finally:
        stand.network.clock.advance(timedelta(days=-8))


@must("4.3.1", "A status is complete or pending, and its counts are of the envelope.")
def a_status_counts_what_was_posted(stand: Stand) -> None:
    body = {"objects": [PLAIN[0], {"type": "indicator"}, 7, indicator(30)]}
    answer = stand.post(json.dumps(body).encode())
    status = answer.json()
    assert status["status"] == "complete"
    assert [status[f"{name}_count"] for name in ("total", "success", "failure", "pending")] == [
        4, 2, 2, 0,
    ]  # fmt: skip
    assert stand.get(f"{stand.root}/status/{status['id']}/").json() == status


@must(
    "4.3.1",
    "Each failure names the object by its id and its version: `modified`, else `created`.",
)
def failures_name_objects_and_versions(stand: Stand) -> None:
    stand.add(indicator(31))
    changed = indicator(31, name="other bytes, same version")
    old = {name: each for name, each in malware(32).items() if name != "spec_version"}
    marking = statement_marking(33, definition_type=7)
    status = stand.post(json.dumps({"objects": [changed, old, marking]}).encode()).json()
    named = {each["id"]: each["version"] for each in status["failures"]}
    assert named == {
        changed["id"]: changed["modified"],
        old["id"]: old["modified"],
        marking["id"]: marking["created"],
    }
    assert all(each["message"] for each in status["failures"])


# --- 5: collections --------------------------------------------------------------------------


@must("5", "Who is not let in gets 401 (or 404) from every endpoint of collections.")
def strangers_learn_nothing_of_collections(stand: Stand) -> None:
    wrong = {"authorization": basic(stand.token()) + "x"}
    item = f"{stand.path}/objects/{PLAIN[0]['id']}/"
    for method, path in (
        ("GET", f"{stand.root}/collections/"),
        ("GET", f"{stand.path}/"),
        ("GET", f"{stand.path}/manifest/"),
        ("GET", f"{stand.path}/objects/"),
        ("POST", f"{stand.path}/objects/"),
        ("GET", item),
        ("DELETE", item),
        ("GET", f"{item}versions/"),
    ):
        refused(stand.ask(method, path, headers=wrong), 401)
        assert stand.ask("GET", path).status_code == 200


@must("5", "Who may not read a collection gets 403 (or 404) from all that reads it.")
def who_may_not_read_is_refused(stand: Stand) -> None:
    hidden = stand.token("viewer", agreements=("0" * 64,))
    shown = {"authorization": basic(hidden)}
    item = f"{stand.path}/objects/{PLAIN[0]['id']}/"
    for path in (f"{stand.path}/manifest/", f"{stand.path}/objects/", item, f"{item}versions/"):
        refused(stand.get(path, headers=shown), 404)
        refused(stand.get(path, role="auditor"), 403)
        assert stand.get(path).status_code == 200


@must("5.2.1", "An alias is unique within its API root, and leads to the same collection.")
def an_alias_is_unique_and_leads_there(stand: Stand) -> None:
    found = stand.get(f"{stand.root}/collections/").json()["collections"]
    aliases = [each["alias"] for each in found]
    assert len(set(aliases)) == len(aliases)
    for each in found:
        for name in (each["id"], each["alias"]):
            assert stand.get(f"{stand.root}/collections/{name}/").json() == each


@must("5.2.1", "`media_types` names all that a collection can hold; a manifest names no other.")
def media_types_are_those_of_the_collection(stand: Stand) -> None:
    assert stand.get(f"{stand.path}/").json()["media_types"] == [STIX_TYPE]
    assert {each["media_type"] for each in entries(stand)} == {STIX_TYPE}


@must("5.2.1", "`can_read` and `can_write` say what the one who asks may do.")
def a_collection_says_what_may_be_done(stand: Stand) -> None:
    listed = stand.get(f"{stand.root}/collections/").json()["collections"]
    assert [each["alias"] for each in listed if each["can_write"]] == ["all"]
    assert all(each["can_read"] for each in listed)
    listed = stand.get(f"{stand.root}/collections/", role="viewer").json()["collections"]
    assert not [each for each in listed if each["can_write"]]


@must("5.3", "The manifest takes the filters of objects and applies them to the objects.")
def the_manifest_filters_by_the_objects(stand: Stand) -> None:
    for query in (
        "match[type]=malware",
        f"match[id]={PLAIN[1]['id']},{VERSIONS[0]['id']}",
        "match[version]=all",
        f"match[version]={NEWER}",
        "match[version]=first&match[type]=indicator",
        "limit=3",
    ):
        manifest = stand.get(f"{stand.path}/manifest/?{query}")
        assert ids(manifest) == ids(stand.get(f"{stand.path}/objects/?{query}"))
        assert ids(manifest)


@must("5.3.1", "An entry of the manifest is one version of one object, under its STIX id.")
def an_entry_is_a_version_of_an_object(stand: Stand) -> None:
    listed = [(each["id"], each["version"]) for each in entries(stand)]
    assert len(set(listed)) == len(listed)
    for given in (*PLAIN, *VERSIONS, MALWARE):
        assert (given["id"], given["modified"]) in listed


@must("5.3.1", "A manifest without entries, and versions without any, leave the list out.")
def a_manifest_of_nothing_has_no_objects(stand: Stand) -> None:
    nothing = stand.get(f"{stand.path}/manifest/?match[type]=tool").json()
    assert {name for name in nothing if name != "more"} == set()
    assert nothing.get("more", False) is False
    item = f"{stand.path}/objects/{PLAIN[0]['id']}/versions/"
    versions = stand.get(f"{item}?added_after=2099-01-01T00:00:00Z").json()
    assert {name for name in versions if name != "more"} == set()


@must("5.4", "Where no object fits, the answer is an empty envelope, and a success.")
def no_object_is_an_empty_envelope(stand: Stand) -> None:
    for query in ("match[type]=tool", f"match[id]={NOWHERE}", "match[spec_version]=2.0"):
        answer = stand.get(f"{stand.path}/objects/?{query}")
        assert answer.status_code == 200
        assert "objects" not in answer.json()


@must("5.5", "Who may not write a collection gets 403 (or 404).")
def who_may_not_write_is_refused(stand: Stand) -> None:
    body = json.dumps({"objects": [indicator(40)]}).encode()
    headers = {"content-type": MEDIA_TYPE}
    refused(stand.post(body, role="viewer"), 403)
    for path in (f"{stand.root}/collections/tlp-green", "/taxii2/all/collections/all"):
        refused(stand.ask("POST", f"{path}/objects/", headers=headers, content=body), 403)
    assert indicator(40)["id"] not in {each["id"] for each in entries(stand)}
    assert stand.post(body).status_code == 202


@must("5.5", "Adding is 202 with a status; what was added can be read.")
def adding_gives_a_status_and_the_objects(stand: Stand) -> None:
    answer = stand.post(json.dumps({"objects": [indicator(41)]}).encode())
    assert (answer.status_code, answer.headers["content-type"]) == (202, MEDIA_TYPE)
    assert answer.json()["success_count"] == 1
    found = stand.get(f"{stand.path}/objects/{indicator(41)['id']}/").json()["objects"]
    assert found == [indicator(41)]


@must("5.5", "An exact duplicate of what is there is no error.")
def a_duplicate_is_no_error(stand: Stand) -> None:
    before = entries(stand)
    status = stand.post(json.dumps({"objects": [*PLAIN, MARKING, ADDRESS, *PLAIN]}).encode()).json()
    assert (status["failure_count"], status["success_count"]) == (0, 2 * len(PLAIN) + 2)
    assert entries(stand) == before


@must("5.5", "A body that cannot be processed is refused (400 or 422), not taken in part.")
def what_is_no_envelope_is_refused(stand: Stand) -> None:
    before = entries(stand)
    good = json.dumps(indicator(42)).encode()
    cut = [b'{"objects":[%s' % good, b'{"objects":[%s,' % good, b'{"objects":[%s],"more":' % good]
    for body in (b"", b"[]", b"7", b"{", b'{"objects":7}', b"\xff\xfe{}", *cut):
        refused(stand.post(body), 400, 422)
    assert entries(stand) == before


@must("5.6", "One object is asked for by its STIX id; one that is not there is 404.")
def one_object_by_its_id(stand: Stand) -> None:
    for item in (PLAIN[0], MALWARE, MARKING, ADDRESS):
        assert ids(stand.get(f"{stand.path}/objects/{item['id']}/")) == [item["id"]]
    refused(stand.get(f"{stand.path}/objects/{NOWHERE}/"), 404)
    refused(stand.get(f"{stand.path}/objects/{NOWHERE}/versions/"), 404)


@must("5.6", "Of one object, versions that are not there are an empty envelope.")
def no_version_of_an_object_is_an_empty_envelope(stand: Stand) -> None:
    path = f"{stand.path}/objects/{PLAIN[0]['id']}/?match[version]=2020-01-01T00:00:00.000Z"
    answer = stand.get(path)
    assert answer.status_code == 200
    assert "objects" not in answer.json()


@must("5.7", "What was deleted is 404 by its id, and in no page and no manifest any more.")
def what_was_deleted_is_gone(stand: Stand) -> None:
    gone = [indicator(50), indicator(50, modified=NEWER)]
    stand.add(*gone)
    path = f"{stand.path}/objects/{gone[0]['id']}/"
    assert len(stand.get(f"{path}?match[version]=all").json()["objects"]) == 2
    answer = stand.ask("DELETE", path)
    assert (answer.status_code, answer.content) == (200, b"")
    refused(stand.get(path), 404)
    refused(stand.get(f"{path}versions/"), 404)
    refused(stand.get(f"{path}?match[version]=all"), 404)
    for root in (stand.root, "/taxii2/all"):
        for what in ("objects", "manifest"):
            found = stand.get(f"{root}/collections/all/{what}/?match[version]=all&limit=5000")
            assert gone[0]["id"] not in ids(found)
    refused(stand.ask("DELETE", path), 404)


@must("5.7", "One version can be deleted: it is 404 then, and the others stay.")
def one_version_can_be_deleted(stand: Stand) -> None:
    versions = [indicator(51, modified=each) for each in (PLAIN[0]["modified"], NEWER, NEWEST)]
    stand.add(*versions)
    path = f"{stand.path}/objects/{versions[0]['id']}/"
    assert stand.ask("DELETE", f"{path}?match[version]={NEWER}").status_code == 200
    refused(stand.get(f"{path}?match[version]={NEWER}"), 404)
    left = stand.get(f"{path}?match[version]=all").json()["objects"]
    assert [each["modified"] for each in left] == [PLAIN[0]["modified"], NEWEST]
    kept = [each["version"] for each in entries(stand) if each["id"] == versions[0]["id"]]
    assert kept == [PLAIN[0]["modified"], NEWEST]


@must("5.7", "Who may read and not write gets 403 for deleting; who sees nothing gets 404.")
def deleting_needs_the_right_to_write(stand: Stand) -> None:
    path = f"{stand.path}/objects/{PLAIN[4]['id']}/"
    refused(stand.ask("DELETE", path, role="viewer"), 403)
    hidden = stand.token("integrator", agreements=("0" * 64,))
    refused(stand.ask("DELETE", path, headers={"authorization": basic(hidden)}), 404)
    refused(stand.ask("DELETE", f"{stand.path}/objects/{NOWHERE}/"), 404)
    assert stand.get(path).status_code == 200


@must("5.8", "The versions of an object are listed; without `modified` it is `created`.")
def versions_are_listed(stand: Stand) -> None:
    found = stand.get(f"{stand.path}/objects/{VERSIONS[0]['id']}/versions/").json()
    assert found["versions"] == [each["modified"] for each in VERSIONS]
    marking = stand.get(f"{stand.path}/objects/{MARKING['id']}/versions/").json()
    assert marking["versions"] == [MARKING["created"]]


# --- 8: conformance --------------------------------------------------------------------------


@must("8.2.1", "Discovery is at `/taxii2/` below the root of the server.")
def discovery_is_at_its_place(stand: Stand) -> None:
    assert stand.get("/taxii2/").json()["api_roots"]


@must("8.2.1", "There is at least one API root, also for who holds nothing.")
def there_is_always_a_root(stand: Stand) -> None:
    nobody = stand.token("viewer", agreements=("0" * 64,))
    found = stand.get("/taxii2/", headers={"authorization": basic(nobody)}).json()
    assert found["api_roots"] == ["/taxii2/all/"]


@must("8.2.1", "A request without `User-Agent` is answered.")
def a_client_need_not_say_what_it_is(stand: Stand) -> None:
    request = stand.client.build_request(
        "GET", "/taxii2/", headers={"authorization": basic(stand.token()), "accept": MEDIA_TYPE}
    )
    del request.headers["user-agent"]
    assert stand.client.send(request).status_code == 200


@must(
    "8.2.2",
    "Requests over HTTPS with TLS 1.2 and 1.3 are answered the same. (In operation TLS"
    " ends at the proxy in front.)",
)
def the_same_over_tls(stand: Stand) -> None:
    plain = stand.get("/taxii2/").json()
    with (
        made_certificate() as certificate,
        opened(stand.network, stand.pact, tls=certificate) as secured,
    ):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = ssl.create_default_context(cafile=str(certificate[0]))
            context.minimum_version = context.maximum_version = version
            with httpx2.Client(base_url=secured.url, verify=context) as client:
                headers = {"authorization": basic(stand.token()), "accept": MEDIA_TYPE}
                assert client.get("/taxii2/", headers=headers).json() == plain


@must("8.2.2", "HTTP Basic is understood, and Bearer beside it.")
def basic_and_bearer_are_understood(stand: Stand) -> None:
    token = stand.token()
    for shown in (basic(token), f"Bearer {token.bearer}"):
        assert stand.get("/taxii2/", headers={"authorization": shown}).status_code == 200


@must(
    "B",
    "`next` is not trusted: it holds for its list and shows nothing beyond what the token may see.",
)
def next_is_not_trusted(stand: Stand) -> None:
    first = stand.get(f"{stand.path}/objects/?limit=2").json()["next"]
    assert stand.get(f"{stand.path}/objects/?limit=2&next={first}").status_code == 200
    changed = ("A" if first[0] != "A" else "B") + first[1:]
    for path in (
        f"{stand.path}/objects/?next={changed}",
        f"{stand.path}/manifest/?next={first}",
        f"{stand.path}/objects/?match[type]=indicator&next={first}",
        f"/taxii2/all/collections/all/objects/?next={first}",
    ):
        refused(stand.get(path), 400)
    other = {"authorization": basic(stand.token("viewer", ceiling="GREEN"))}
    refused(stand.get(f"{stand.path}/objects/?next={first}", headers=other), 400)


# --- the run, and the page made of it --------------------------------------------------------


@pytest.mark.parametrize("demand", DEMANDS, ids=lambda each: f"{each.section} {each.name}")
def test_a_server_must(demand: Demand, stand: Stand) -> None:
    demand.test(stand)


def test_the_table_goes_section_by_section_and_no_test_stands_there_twice() -> None:
    def place(section: str) -> list[int]:
        return [99] if section == "B" else [int(each) for each in section.split(".")]

    places = [place(each.section) for each in DEMANDS]
    assert all(one <= two for one, two in pairwise(places))
    names = [each.name for each in DEMANDS]
    assert len(set(names)) == len(names)


def test_the_page_is_made_of_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tests.taxii.test_conformance"


def page() -> str:
    """The page of the documentation."""
    rows = [f"| {each.section} | {each.sentence} | `{each.name}` |" for each in DEMANDS]
    return "\n".join([INTRODUCTION, *rows, ""])


INTRODUCTION = """# What a TAXII server must do

OASIS TAXII 2.1 says what a server must do. Each demand stands below once, in our words, with its
section and the test in `tests/taxii/test_conformance.py` that holds it against a real server over
HTTP. `make test` runs them all. What clients and channels must do is not here: channels are
reserved in 2.1, and the client is described in [TAXII](taxii.md#servers-of-others).

This page is made from the table in that file; a test compares the two.

Where the standard contradicts itself or leaves room:

* 3.2 wants `X-TAXII-Date-Added-*` on every page; one without objects has no such date, and gets
  no made-up one. A client keeps the date that it has.
* 5.7 wants 404 for what was deleted, 5.6 an empty envelope where no version fits: what was deleted
  is 404, what never was here is an empty envelope.
* 3.4 allows to pass over unknown filters; they are refused, so that nobody gets more than was
  asked for. `next` stands in manifests and versions too, although only envelopes define it:
  clients cannot page without it.

| section | a server must | test |
|---|---|---|"""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
