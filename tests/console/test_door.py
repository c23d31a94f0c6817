"""Who gets into the console, how, and what every answer carries."""

from __future__ import annotations

from datetime import timedelta

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from allied.entrypoints.console import door
from allied.entrypoints.console.routes import (
    NOTHING,
    NOWHERE,
    READ,
    STATIC,
    STREAM,
    TABLE,
    Page,
    mount,
)
from allied.node import people, roles
from tests.console.stage import SAME_ORIGIN, Stage, link_path, reader, visitor

CROSS_SITE = {"Sec-Fetch-Site": "cross-site"}


def filled(path: str, stage: Stage) -> str:
    """A path of the table with ids that exist."""
    named = stage.incident if path.startswith("/incidents") else stage.agreement
    return path.replace("{id}", named).replace("{seq}", "1").replace("{secret}", "0" * 64)


def test_the_table_is_all_there_is(stage: Stage) -> None:
    app = Starlette()
    mount(app, stage.house().node)
    routed = {(route.path, *route.methods - {"HEAD"}) for route in app.router.routes}  # type: ignore[attr-defined]
    assert routed == {(page.path, page.method) for page in TABLE} | {
        (STREAM, "GET"),
        (STATIC, "GET"),
        (NOWHERE.path, "GET"),
    }


BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_who_has_logged_in_is_told_where_nothing_is_and_how_to_go_on(river: TestClient) -> None:
    answer = river.get("/nothing-like-it", headers=BROWSER)
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text
    assert "To the overview" in answer.text


@pytest.mark.parametrize(
    "headers", [pytest.param(BROWSER, id="a browser"), pytest.param({}, id="a program")]
)
def test_a_stranger_is_not_told_that_there_is_a_console(
    headers: dict[str, str], stranger: TestClient
) -> None:
    answer = stranger.get("/nothing-like-it", headers=headers)
    assert (answer.status_code, answer.text) == (404, "Not Found")


def test_a_program_with_a_session_gets_what_strangers_get(river: TestClient) -> None:
    answer = river.get("/nothing-like-it", headers={"accept": "application/json"})
    assert (answer.status_code, answer.text) == (404, "Not Found")
    assert river.post("/nothing-like-it", headers=BROWSER).status_code == 404


@pytest.mark.parametrize("entry", TABLE, ids=lambda page: f"{page.method} {page.path}")
def test_without_a_session_only_the_door_opens(
    entry: Page, stage: Stage, stranger: TestClient
) -> None:
    answer = stranger.request(entry.method, filled(entry.path, stage), headers=SAME_ORIGIN)

    if entry.demands == NOTHING:
        assert answer.status_code in (200, 403)
        assert "Log out" not in answer.text
    elif entry.method == "GET":
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    else:
        assert answer.status_code == 401
    assert stage.agreement not in answer.text
    assert "Harbour" not in answer.text


@pytest.mark.parametrize(
    "entry", [page for page in TABLE if page.method != "GET"], ids=lambda page: page.path
)
@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        pytest.param(CROSS_SITE, True, id="another site"),
        pytest.param({"Sec-Fetch-Site": "same-site"}, True, id="a neighbour"),
        pytest.param({"Sec-Fetch-Site": "none"}, True, id="out of nowhere"),
        pytest.param({"Origin": "http://evil.example"}, True, id="an old browser elsewhere"),
        pytest.param({"Origin": "null"}, True, id="a page without an origin"),
        pytest.param({}, True, id="says nothing"),
        pytest.param(SAME_ORIGIN, False, id="our own page"),
        pytest.param({"Origin": "http://127.0.0.1:8811"}, False, id="an old browser here"),
    ],
)
def test_what_changes_something_comes_from_our_own_pages(
    entry: Page, headers: dict[str, str], refused: bool, stage: Stage, stranger: TestClient
) -> None:
    answer = stranger.request(entry.method, filled(entry.path, stage), headers=headers)
    assert ("request.other-origin" in answer.text) is refused


def test_inside_a_session_a_form_carries_its_token(stage: Stage) -> None:
    with reader(stage.house()) as client:
        secret = client.cookies["allied-session-8811"]
        for token in ("", "0" * 64, secret):
            answer = client.post("/logout", data={"token": token}, headers=SAME_ORIGIN)
            assert (answer.status_code, "request.form-token" in answer.text) == (403, True)
        assert client.get("/").status_code == 200  # the twin: still inside

        answer = client.post(
            "/logout", data={"token": door.form_token(secret)}, headers=SAME_ORIGIN
        )
        assert answer.headers["location"] == "/login"
        client.cookies.set("allied-session-8811", secret)  # whoever kept it
        assert client.get("/").status_code == 303


def test_a_link_survives_being_looked_at_and_works_once(stage: Stage) -> None:
    path = link_path(stage.house())
    with visitor(stage.house()) as client:
        for _ in range(2):
            assert 'method="post"' in client.get(path).text
            assert client.head(path).status_code == 200
        answer = client.post(path, headers=SAME_ORIGIN)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
    with visitor(stage.house()) as another:
        again = another.post(path, headers=SAME_ORIGIN)
        assert again.status_code == 403
        assert "does not work any more" in again.text
        assert "set-cookie" not in again.headers


def test_used_unknown_and_malformed_links_look_alike(stage: Stage) -> None:
    used = link_path(stage.house())
    with visitor(stage.house()) as client:
        client.post(used, headers=SAME_ORIGIN)
    texts = set()
    for path in (used, "/login/" + "a" * 64, "/login/x"):
        with visitor(stage.house()) as client:
            answer = client.post(path, headers=SAME_ORIGIN)
            texts.add((answer.status_code, answer.text))
    assert len(texts) == 1


def test_a_session_ends_after_twelve_hours(fresh: Stage) -> None:
    with reader(fresh.house()) as client:
        fresh.network.advance(people.SESSION_LASTS - timedelta(seconds=1))
        assert client.get("/").status_code == 200
        fresh.network.advance(timedelta(seconds=1))
        assert client.get("/").status_code == 303


@pytest.mark.parametrize(
    ("base", "headers", "name", "secure"),
    [
        pytest.param("http://127.0.0.1:8811", {}, "allied-session-8811", False, id="on loopback"),
        pytest.param("https://river.example", {}, "__Host-allied-session", True, id="over TLS"),
        pytest.param(
            "http://river.example",
            {"Origin": "https://river.example"},
            "__Host-allied-session",
            True,
            id="behind a proxy that speaks TLS",
        ),
    ],
)
def test_the_cookie_is_closed_to_scripts_and_other_hosts(
    base: str, headers: dict[str, str], name: str, secure: bool, stage: Stage
) -> None:
    with visitor(stage.house()) as client:
        client.base_url = base
        answer = client.post(link_path(stage.house()), headers={**SAME_ORIGIN, **headers})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{name}=")
    parts = {part.strip().lower() for part in cookie.split(";")}
    assert {"httponly", "samesite=lax", "path=/"} <= parts
    assert ("secure" in parts) is secure
    assert not any(part.startswith("domain") for part in parts)


@pytest.mark.parametrize(
    "path", ["/", "/login", "/login/x", "/nothing-like-it", "/events", "/static/nothing"]
)
def test_every_answer_is_guarded(path: str, stage: Stage, stranger: TestClient) -> None:
    answer = stranger.get(path)
    if answer.status_code == 404 and path == "/nothing-like-it":
        return  # no page of the console
    assert answer.headers["content-security-policy"] == (
        "default-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none';"
        " form-action 'self'"
    )
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "no-store"


def test_files_are_kept_for_a_year_under_names_of_their_content(
    stage: Stage, river: TestClient
) -> None:
    page = river.get("/").text
    names = [part.split('"')[0] for part in page.split("/static/")[1:]]
    assert len(set(names)) == 5
    for name in names:
        answer = river.get(f"/static/{name}")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert river.get("/static/console.css").status_code == 404  # only under the hashed name


def test_a_form_is_bounded_while_it_is_read(stage: Stage, river: TestClient) -> None:
    answer = river.post("/logout", content=b"a" * (door.FORM_BYTES + 1), headers=SAME_ORIGIN)
    assert "request.too-large" in answer.text
    assert river.get("/").status_code == 200


def test_a_page_that_is_open_is_told_that_its_session_ended(stranger: TestClient) -> None:
    answer = stranger.get("/", headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert "You are logged out" in answer.text


def test_everybody_with_a_session_may_read_and_no_more() -> None:
    assert roles.ROLES[roles.PERSON] == {READ}
    assert {page.demands for page in TABLE} <= {NOTHING, READ}
