"""Feeds over HTTP: addresses, conditions, and a log that never holds an address."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from allied.agreement.values import Tlp
from allied.entrypoints.serving import build
from allied.node import feeds, people
from allied.node.feeds import NewFeed
from tests.exchange.samples import indicator, tlp
from tests.node.hands import RIVER, allied, share
from tests.node.network import House

ROOM = 1 << 40


class Door:
    """River's web application, and what stands behind it."""

    def __init__(self, house: House, pact: str, client: TestClient) -> None:
        self.house, self.pact, self.client = house, pact, client

    def make(self, form: str = "domain") -> NewFeed:
        house = self.house
        return feeds.create(house.node, house.organisation, agreement=self.pact, form=form)

    def get(self, path: str, **headers: str) -> Response:
        shown = {name.replace("_", "-"): value for name, value in headers.items()}
        answer: Response = self.client.get(path, headers=shown)
        return answer


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    network, pact = allied(tmp_path_factory.mktemp("door"))
    river = network.houses[RIVER]
    share(river, pact, *(indicator(each, object_marking_refs=tlp(Tlp.GREEN)) for each in (1, 2)))
    app, end = build(river.node, river.answers, river.keys, lambda: ROOM)
    try:
        with TestClient(app, follow_redirects=False, raise_server_exceptions=False) as client:
            yield Door(river, pact, client)
    finally:
        end()


def test_whoever_knows_the_address_reads_the_feed(door: Door) -> None:
    made = door.make()
    answer = door.get(made.path)
    assert answer.status_code == 200
    assert answer.text.splitlines()[-2:] == ["n1.example", "n2.example"]
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["referrer-policy"] == "no-referrer"
    head = door.client.head(made.path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == answer.headers["etag"]


@pytest.mark.parametrize(
    ("form", "media"),
    [
        ("csv", "text/csv"),
        ("jsonl", "application/x-ndjson"),
        ("rpz", "text/dns"),
        ("zeek", "text/plain; charset=us-ascii"),
    ],
)
def test_each_form_has_its_media_type(door: Door, form: str, media: str) -> None:
    assert door.get(door.make(form).path).headers["content-type"] == media


def test_what_a_reader_holds_is_not_sent_again(door: Door) -> None:
    made = door.make()
    first = door.get(made.path)
    tag, date = first.headers["etag"], first.headers["last-modified"]
    assert not tag.startswith("W/")
    for held in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        answer = door.get(made.path, if_none_match=held)
        assert (answer.status_code, answer.content) == (304, b""), held
        assert answer.headers["etag"] == tag
    assert door.get(made.path, if_modified_since=date).status_code == 304


@pytest.mark.parametrize(
    "conditions",
    [
        pytest.param({"if_none_match": '"other"'}, id="another tag"),
        pytest.param({"if_none_match": "other"}, id="no tag at all"),
        pytest.param({"if_modified_since": "Sun, 01 Mar 2020 00:00:00 GMT"}, id="an older date"),
        pytest.param({"if_modified_since": "yesterday"}, id="no date at all"),
        pytest.param(
            {"if_none_match": '"other"', "if_modified_since": "Sun, 01 Mar 2099 00:00:00 GMT"},
            id="the tag counts before the date",
        ),
    ],
)
def test_what_a_reader_does_not_hold_is_sent(door: Door, conditions: dict[str, str]) -> None:
    assert door.get(door.make().path, **conditions).status_code == 200


def test_a_signature_lies_beside_the_feed(door: Door) -> None:
    made = door.make()
    body, signature = door.get(made.path), door.get(f"{made.path}.sig")
    assert signature.status_code == 200
    assert signature.headers["etag"] != body.headers["etag"]
    assert json.loads(signature.text)["file"] == "domain.txt"
    assert feeds.verify(door.house.node, body.content, signature.content).label == RIVER


@pytest.mark.parametrize(
    "path",
    [
        "/feeds",
        "/feeds/",
        "/feeds/{address}",
        "/feeds/{address}/",
        "/feeds/{address}/ipv4.txt",
        "/feeds/{address}/domain.txt/",
        "/feeds/{address}/../domain.txt.sig.sig",
        "/feeds/{address}0/domain.txt",
        "/feeds/{id}/domain.txt",
        "/feeds/%0A/domain.txt",
        "/feeds/" + "x" * 5_000,
    ],
)
def test_anything_else_is_the_same_nothing(door: Door, path: str) -> None:
    made = door.make()
    address = f"{made.feed.id}.{made.secret}"
    answer = door.get(path.format(address=address, id=made.feed.id))
    assert (answer.status_code, answer.content) == (404, b"")


def test_a_feed_that_was_revoked_is_the_same_nothing(door: Door) -> None:
    made = door.make()
    assert door.get(made.path).status_code == 200
    feeds.revoke(door.house.node, door.house.organisation, made.feed.id)
    answer = door.get(made.path, if_none_match="*")
    assert (answer.status_code, answer.content) == (404, b"")


def test_nothing_but_reading_is_answered(door: Door) -> None:
    made = door.make()
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
        answer = door.client.request(method, made.path, content=b"x")
        assert answer.status_code == 405
        assert answer.headers["allow"] == "GET, HEAD"


def test_no_api_token_opens_a_feed_and_no_feed_opens_the_interface(door: Door) -> None:
    made = door.make()
    token = people.new_token(door.house.node, door.house.organisation, role="viewer")
    assert door.get(f"/feeds/{token.bearer}/domain.txt").status_code == 404
    for shown in (f"Bearer {made.feed.id}.{made.secret}", f"Bearer {token.bearer}"):
        answer = door.get("/taxii2/", authorization=shown)
        assert (answer.status_code == 200) == (token.bearer in shown)


def test_no_address_is_ever_logged(
    door: Door, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = door.make()
    caplog.set_level(logging.DEBUG)
    with monkeypatch.context() as broken:
        broken.setattr("allied.node.feeds.Listing", None)
        assert door.get(made.path).status_code == 500
    assert caplog.records
    assert door.get(made.path).status_code == 200
    assert door.get(f"{made.path}x").status_code == 404
    logged = "\n".join(
        record.getMessage() for record in caplog.records if record.name.startswith("allied")
    )
    assert made.secret not in logged


def test_a_feed_that_is_too_large_is_refused_and_not_cut_off(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = door.make()
    with monkeypatch.context() as small:
        small.setattr("allied.node.listing.MAX_ENTRIES", 1)
        answer = door.get(made.path)
    assert (answer.status_code, answer.content) == (503, b"")
    assert answer.headers["retry-after"] == "60"


def test_a_feed_with_nothing_in_it_is_an_empty_file(door: Door) -> None:
    made = door.make("suricata-dataset-sha256")
    assert made.path.startswith("/feeds/")
    assert made.path.endswith("/sha256.lst")
    assert door.get(made.path).content == b""
