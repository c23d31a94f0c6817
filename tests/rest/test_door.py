"""Who gets in at `/api/v1/`, and what every answer carries."""

from __future__ import annotations

import base64
import contextlib
import logging
import socket
import threading
from datetime import timedelta

import pytest

from allied.entrypoints.rest import bodies, door as doors
from allied.entrypoints.rest.routes import TABLE
from allied.node import people
from allied.node.sight import Sight
from tests.federation.houses import serving
from tests.rest.stand import Stand, basic, code

PUBLIC = ("", "/", "/openapi.json", "/reference.css")


def test_both_ways_to_show_a_token_work(stand: Stand) -> None:
    token = stand.token()
    for shown in (basic(token), f"Bearer {token.bearer}", f"bearer {token.bearer}"):
        answer = stand.client.get("/api/v1/items", headers={"authorization": shown})
        assert answer.status_code == 200


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(None, id="none"),
        pytest.param("Basic", id="Basic with nothing"),
        pytest.param("Basic !!!", id="Basic that is no base64"),
        pytest.param("Basic {id}:", id="an empty secret"),
        pytest.param("Basic {id}:{wrong}", id="a wrong secret"),
        pytest.param("Basic {wrong}:{secret}", id="an unknown token"),
        pytest.param("Bearer {secret}", id="a secret without its token"),
        pytest.param("Bearer {id}.{secret}x", id="a secret and more"),
        pytest.param("Digest {id}.{secret}", id="another scheme"),
        pytest.param("Bearer " + "x" * 5_000, id="far too long"),
    ],
)
@pytest.mark.parametrize("path", ["/items", "/no/such/path", "/agreements/x/sign", "/items?x=1"])
def test_without_a_valid_token_there_is_only_401(
    stand: Stand, shown: str | None, path: str
) -> None:
    token = stand.token()
    text = (shown or "").format(id=token.token.id, secret=token.secret, wrong="0" * 64)
    if text.startswith("Basic ") and ":" in text:
        text = "Basic " + base64.b64encode(text[6:].encode()).decode()
    headers = {} if shown is None else {"authorization": text}
    answer = stand.client.get(f"/api/v1{path}", headers=headers)
    assert code(answer, 401) == "rest.unauthorised"
    offered = answer.headers.get_list("www-authenticate")
    assert [each.partition(" ")[0] for each in offered] == ["Basic", "Bearer"]
    assert answer.content == stand.client.get("/api/v1/items").content


def test_a_token_that_ended_is_none(busy: Stand) -> None:
    token = busy.token(lasts=timedelta(seconds=30))
    assert busy.ask("GET", "/token", token=token).status_code == 200
    busy.stage.network.advance(timedelta(seconds=30))
    assert code(busy.ask("GET", "/token", token=token), 401) == "rest.unauthorised"


def test_a_token_that_was_revoked_is_none(busy: Stand) -> None:
    token = busy.token(purpose="a trial")
    assert busy.get("/token", token=token)["purpose"] == "a trial"
    people.revoke_token(busy.river.node, busy.river.organisation, token.token.id)
    assert code(busy.ask("GET", "/token", token=token), 401) == "rest.unauthorised"


@pytest.mark.parametrize("path", PUBLIC)
def test_what_is_public_says_nothing_of_this_node(stand: Stand, path: str) -> None:
    answer = stand.client.get(f"/api/v1{path}")
    assert answer.status_code == 200
    for secret in ("River", "Harbour", "Haulier", stand.stage.agreement):
        assert secret not in answer.text
    assert stand.client.head(f"/api/v1{path}").content == b""
    refused = stand.client.post(f"/api/v1{path}")
    assert code(refused, 405) == "rest.method"
    assert refused.headers["allow"] == "GET, HEAD"


def test_every_answer_is_kept_by_nobody_and_read_by_no_other_site(stand: Stand) -> None:
    other = {"origin": "https://elsewhere.example"}
    for answer in (
        stand.ask("GET", "/items"),
        stand.ask("GET", "/items", headers=other),
        stand.ask("GET", "/items?limit=x"),
        stand.client.get("/api/v1/items"),
        stand.client.get("/api/v1/openapi.json", headers=other),
        stand.ask("OPTIONS", "/items", headers=other),
        stand.client.options("/api/v1/items", headers=other),
    ):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 200, id="a tool says nothing"),
        pytest.param({"sec-fetch-site": "none"}, 200, id="typed by a person"),
        pytest.param({"sec-fetch-site": "same-origin"}, 200, id="a page of this node"),
        pytest.param({"origin": "http://127.0.0.1:8811"}, 200, id="its own origin"),
        pytest.param({"sec-fetch-site": "cross-site"}, 403, id="the page of another site"),
        pytest.param({"sec-fetch-site": "same-site"}, 403, id="a page of a neighbour"),
        pytest.param({"origin": "http://127.0.0.1:8812"}, 403, id="another port"),
        pytest.param({"origin": "null"}, 403, id="no origin at all"),
    ],
)
def test_the_page_of_another_site_cannot_use_a_browsers_token(
    stand: Stand, headers: dict[str, str], status: int
) -> None:
    answer = stand.ask("GET", "/token", headers=headers)
    assert answer.status_code == status
    if status == 403:
        assert code(answer, 403) == "request.other-origin"


@pytest.mark.parametrize(
    ("path", "status", "expected"),
    [
        pytest.param("/" + "x" * 2_000, 404, "rest.no-such-path", id="a long path"),
        pytest.param("/items%0Aitems", 404, "rest.no-such-path", id="a line break in it"),
        pytest.param("/%2e%2e/items", 404, "rest.no-such-path", id="upwards"),
        pytest.param("/items/", 200, "", id="a slash at the end"),
        pytest.param("/items?id=" + "x" * 9_000, 400, "rest.query", id="a long query"),
        pytest.param("/items?limit=1&limit=2", 400, "rest.repeated-parameter", id="twice"),
        pytest.param("/items?type=malware&type=tool", 200, "", id="a list may be repeated"),
        pytest.param("/items?limt=1", 400, "rest.unknown-parameter", id="misspelt"),
        pytest.param("/items?limit=0", 400, "rest.parameter", id="none at all"),
        pytest.param("/items?limit=-1", 400, "rest.parameter", id="fewer"),
        pytest.param("/items?limit=1000000000000", 400, "rest.parameter", id="too many"),
        pytest.param("/items?limit=ten", 400, "rest.parameter", id="in words"),
        pytest.param("/items?tlp=RED", 400, "rest.parameter", id="a marking nobody reads"),
        pytest.param("/items?tlp=GREEN", 200, "", id="one that is read"),
        pytest.param("/items?next=AAAA", 400, "rest.cursor", id="a forged cursor"),
        pytest.param("/items/1%00", 404, "rest.no-such-thing", id="a nought in a name"),
    ],
)
def test_what_is_asked_is_bounded_and_understood(
    stand: Stand, path: str, status: int, expected: str
) -> None:
    answer = stand.ask("GET", path)
    assert answer.status_code == status, answer.text
    if expected:
        assert code(answer, status) == expected
        assert "limt" not in answer.text  # what was refused is not repeated
        assert "xxxx" not in answer.text


def test_a_method_that_a_path_has_not_is_told_which_it_has(stand: Stand) -> None:
    answer = stand.ask("DELETE", "/incidents")
    assert code(answer, 405) == "rest.method"
    assert answer.headers["allow"] == "GET, POST"


def test_one_token_asks_a_bounded_number_of_questions_at_once(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, leave = threading.Semaphore(0), threading.Event()

    def slowly(_: Sight) -> tuple[()]:
        inside.release()
        assert leave.wait(30)
        return ()

    monkeypatch.setattr(Sight, "peers", slowly)
    token, other = stand.token(ceiling="GREEN"), stand.token(ceiling="CLEAR")
    answers: list[int] = []
    askers = [
        threading.Thread(
            target=lambda: answers.append(stand.ask("GET", "/peers", token=token).status_code)
        )
        for _ in range(8)
    ]
    for asker in askers:
        asker.start()
    try:
        for _ in askers:
            assert inside.acquire(timeout=30)
        refused = stand.ask("GET", "/token", token=token)
        assert code(refused, 429) == "rest.too-many-requests"
        assert stand.ask("GET", "/token", token=other).status_code == 200
    finally:
        leave.set()
        for asker in askers:
            asker.join(30)
    assert answers == [200] * 8
    assert stand.ask("GET", "/token", token=token).status_code == 200


@pytest.fixture
def heard(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG, logger="allied")
    return caplog


def test_a_failure_of_ours_is_told_as_such_and_no_more(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, heard: pytest.LogCaptureFixture
) -> None:
    def fail(_: Sight) -> None:
        raise RuntimeError("the text of an item")

    monkeypatch.setattr(Sight, "peers", fail)
    answer = stand.ask("GET", "/peers")
    assert code(answer, 500) == "rest.failed"
    assert answer.headers["cache-control"] == "no-store"
    said = answer.text + heard.text
    assert "the text of an item" not in said
    assert "RuntimeError at" in heard.text


def test_the_log_has_codes_and_no_credentials(
    stand: Stand, heard: pytest.LogCaptureFixture
) -> None:
    token = stand.token()
    stand.client.get("/api/v1/items", headers={"authorization": "Bearer x.verysecret"})
    stand.ask("GET", "/items/987654321")
    assert "rest.unauthorised" in heard.text
    assert "item.unknown" in heard.text
    assert "987654321" not in heard.text
    assert token.secret not in heard.text
    assert "verysecret" not in heard.text


def test_what_is_public_is_what_was_meant_to_be(stand: Stand) -> None:
    assert stand.client.get("/api/v1/").status_code == 200
    door = next(
        route.endpoint  # type: ignore[attr-defined]
        for route in stand.app.router.routes
        if getattr(route, "path", "") == doors.PREFIX
    )
    assert set(door._behind.public) == {"/", "/openapi.json", "/reference.css"}
    assert not set(door._behind.public) & {way.path for way in TABLE}


# --- over a real connection -------------------------------------------------------------


def exchanged(url: str, request: bytes, *, wait: float = 10) -> bytes:
    """What a server says to these bytes, until it closes the connection."""
    port = int(url.rpartition(":")[2])
    said = bytearray()
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as line:
        line.sendall(request)
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            while piece := line.recv(65_536):
                said += piece
    return bytes(said)


def test_a_body_that_does_not_come_is_not_waited_for(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.3)
    head = (
        "POST /api/v1/shares?agreement=river-harbour&dry_run=1 HTTP/1.1\r\nhost: node\r\n"
        f"authorization: Bearer {stand.token('analyst').bearer}\r\n"
        "content-type: application/json\r\ncontent-length: 50\r\n\r\n{"
    )
    with serving(stand.app) as url:
        said = exchanged(url, head.encode())
        assert said.startswith(b"HTTP/1.1 408 ")
        assert b"rest.too-slow" in said
        whole = head.replace("content-length: 50", "content-length: 2\r\nconnection: close") + "}"
        assert exchanged(url, whole.encode()).startswith(b"HTTP/1.1 422 ")  # it came: no bundle


def test_a_stranger_sends_nothing_that_is_read(stand: Stand) -> None:
    head = (
        "POST /api/v1/shares?agreement=river-harbour HTTP/1.1\r\nhost: node\r\n"
        "content-type: application/json\r\ncontent-length: 900000000\r\n\r\n"
    )
    with serving(stand.app) as url:
        said = exchanged(url, head.encode() + b"x" * 200_000)
        assert said.startswith(b"HTTP/1.1 401 ")
        assert exchanged(url, b"GET /api/v1 HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 ")
