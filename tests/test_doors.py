"""Every route of the program is a door that is public on purpose, or refuses strangers.

The application is put together as `serve` does it, and its routes are walked, whatever they
are and wherever they came from. Each stands in `PUBLIC`, `NODES` or `ADDRESSED` with its reason,
or it refuses who shows nothing, and refuses somebody let in when the one table gives no
permission.
A route that is added is walked by itself; one that is meant to be public has to be argued for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from allied.entrypoints import admin
from allied.entrypoints.console.routes import NOTHING, TABLE as PAGES
from allied.entrypoints.rest.acts import ACTS
from allied.entrypoints.rest.routes import TABLE as WAYS
from allied.node import roles
from allied.record.ids import AgreementId
from tests.console.stage import SAME_ORIGIN, link_path
from tests.rest.stand import Stand, opened, standing

PUBLIC: Mapping[tuple[str, str], str] = {
    ("GET", "/login"): "how somebody gets a link; nothing of the node",
    ("GET", "/login/{secret}"): "a button; looking at a link does not use it up",
    ("POST", "/login/{secret}"): "the one-time secret in the path is what is shown",
    ("GET", "/static/{name}"): "style, script and drawings of the program",
    ("GET", "/federation/v1/{verb}"): "`identities` alone: the hosted public keys",
    ("GET", "/{path}"): "404 for everything else; who has logged in is told so on a page",
    ("GET", "/api/v1"): "the reference of the interface; nothing of the node",
    ("GET", "/api/v1/openapi.json"): "the same as a document",
    ("GET", "/api/v1/reference.css"): "its style",
}
NODES: Mapping[tuple[str, str], str] = {
    ("POST", "/federation/v1/{verb}"): "signed by the key of a confirmed peer; else 404, unsigned",
}
ADDRESSED: Mapping[tuple[str, str], str] = {
    ("GET", "/feeds"): "nothing is there without an address",
    ("GET", "/feeds/{address}/{file}"): "whoever knows the secret address of one feed; else 404",
    ("POST", "/feeds/{address}/{file}"): "nothing is posted to a feed: 405",
}
ADMIN: Mapping[str, str] = {
    "/healthz": "says ok; on its own address",
    "/readyz": "says whether the store can be read; on its own address",
    "/metrics": "counts, no names; on its own address",
}
BELOW: Mapping[str, tuple[tuple[str, str], ...]] = {
    "/api/v1": (("GET", "/api/v1"),),
    # Applications that answer for a whole subtree, with every path they know in it.
    "/api/v1/{rest}": (
        *((way.method, f"/api/v1{way.path}") for way in WAYS),
        *(("POST", f"/api/v1{act.path}") for act in ACTS),
        ("GET", "/api/v1/openapi.json"),
        ("GET", "/api/v1/reference.css"),
        ("GET", "/api/v1/no/such/path"),
    ),
    "/feeds": (("GET", "/feeds"),),
    "/feeds/{rest}": (("GET", "/feeds/{address}/{file}"), ("POST", "/feeds/{address}/{file}")),
    "/taxii2/{rest}": tuple(
        (method, f"/taxii2/{path}")
        for method in ("GET", "POST", "DELETE", "PUT")
        for path in (
            "",
            "all/",
            "all/collections/",
            "all/collections/all/",
            "all/collections/all/manifest/",
            "all/collections/all/objects/",
            "all/collections/all/objects/{name}/",
            "all/collections/all/objects/{name}/versions/",
            "all/status/{name}/",
            "no/such/path/",
        )
    ),
}
ANY_METHOD = ("GET", "POST")
"""What is tried where a route answers every method."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with standing(tmp_path_factory.mktemp("doors")) as stand:
        yield stand


def routed(stand: Stand) -> set[tuple[str, str]]:
    """Every (method, path) that the application answers."""
    found: set[tuple[str, str]] = set()
    for route in walked(stand.app.router.routes):
        path = re.sub(r":\w+}", "}", route.path)
        if path in BELOW:
            found |= set(BELOW[path])
        else:
            found |= {(method, path) for method in (route.methods or ANY_METHOD)}
    return {(method, path) for method, path in found if method != "HEAD"}


def walked(routes: Any) -> Iterator[Any]:
    """Every route, also those inside others."""
    for route in routes:
        if inner := getattr(route, "routes", None):
            yield from walked(inner)
        else:
            assert hasattr(route, "methods"), f"what is this route: {route!r}?"
            yield route


def filled(path: str, stand: Stand) -> str:
    """A path with things in it that exist, where that is easy."""
    return (
        path.replace("{name}", "1" if path.startswith("/api/v1/items") else stand.stage.agreement)
        .replace("{id}", stand.stage.agreement)
        .replace("{incident}", stand.stage.incident)
        .replace("{seq}", "1")
        .replace("{verb}", "agreements")
        .replace("{", "")
        .replace("}", "")
    )


def test_the_walk_finds_the_doors_that_there_are(house: Stand) -> None:
    found = routed(house)
    assert {(page.method, page.path) for page in PAGES} <= found
    assert set(PUBLIC) | set(NODES) | set(ADDRESSED) <= found
    assert {way.path for way in WAYS} <= {path.removeprefix("/api/v1") for _, path in found}
    assert ("GET", "/events") in found
    assert ("GET", "/taxii2") in found
    subtrees = {path.split("/")[1] for _, path in found}
    assert subtrees == {
        "", "agreements", "api", "events", "federation", "feeds", "incidents", "items", "login",
        "logout", "proposals", "static", "taxii2", "{path}",
    }, "a new door: say in PUBLIC why it is open, or let it refuse"  # fmt: skip


def test_nobody_gets_in_who_shows_nothing(house: Stand) -> None:
    for method, path in sorted(routed(house)):
        answer = house.client.request(method, filled(path, house), headers=SAME_ORIGIN)
        where = f"{method} {path}: {answer.status_code}"
        if (method, path) in PUBLIC:
            assert answer.status_code in (200, 403, 404, 405), where
        elif (method, path) in NODES:
            assert (answer.status_code, answer.content) == (404, b"Not Found"), where
        elif (method, path) in ADDRESSED:
            assert (answer.status_code, answer.content) in ((404, b""), (405, b"")), where
        elif path.startswith(("/api/", "/taxii2")):
            assert answer.status_code == 401, where
        elif answer.status_code == 303:
            assert answer.headers["location"] == "/login", where
        else:
            assert answer.status_code in (401, 405), where
        for known in ("River Bank", "Harbour Logistics", house.stage.agreement):
            assert (method, path) in PUBLIC or known not in answer.text, where


@pytest.mark.parametrize(
    "path", ["/feeds-of-ours", "/items/leak", "/federation/v1/x/leak", "/static/x/leak", "/x/leak"]
)
def test_a_door_that_goes_past_all_of_it_is_found(house: Stand, path: str) -> None:
    """A route that gives bytes of items to whoever asks, put into the real application."""

    def leak(request: Request) -> Response:
        with house.river.node.store.read() as reading:
            rows = reading.items(
                AgreementId(house.stage.agreement), house.river.organisation.id, limit=1
            )
            return Response(b"".join(reading.item_bytes(rows).values()))

    routes = house.app.router.routes
    routes.insert(0, Route(path, leak))
    try:
        assert house.client.get(path).content.startswith(b"{")  # it does give them
        with pytest.raises(AssertionError):
            test_nobody_gets_in_who_shows_nothing(house)
    finally:
        del routes[0]
    test_nobody_gets_in_who_shows_nothing(house)


@pytest.fixture(scope="module")
def visitor(house: Stand) -> Iterator[Stand]:
    """The same doors, with somebody logged in to the console."""
    with opened(house.stage, house.river) as stand:
        assert stand.client.post(link_path(house.river), headers=SAME_ORIGIN).status_code == 303
        assert stand.client.get("/api/v1/").status_code == 200
        yield stand


def asked(visitor: Stand) -> Iterator[tuple[str, str, int]]:
    """What somebody let in is answered: everywhere that is neither public nor for nodes."""
    token = {"authorization": f"Bearer {visitor.token('analyst').bearer}"}
    for method, path in sorted(routed(visitor)):
        if (method, path) in {*PUBLIC, *NODES, *ADDRESSED}:
            continue
        if path in ("/events", "/logout"):
            continue  # says that time passed, to a session; ends the visit
        machine = path.startswith(("/api/", "/taxii2"))
        answer = visitor.client.request(
            method, filled(path, visitor), headers=token if machine else SAME_ORIGIN
        )
        yield method, path, answer.status_code


def test_without_a_permission_in_the_table_nothing_is_answered(
    visitor: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roles, "ROLES", MappingProxyType({}))
    nowhere = {"/api/v1/no/such/path": 404}
    for method, path, status in asked(visitor):
        expected = nowhere.get(path, 403)
        assert status in (expected, 405), f"{method} {path}: {status}"


def test_with_the_table_as_it_is_the_same_doors_open(visitor: Stand) -> None:
    """The twin: it is the table that closes them."""
    opening = [
        (method, path)
        for method, path, status in asked(visitor)
        if status == 200 and method == "GET"
    ]
    assert len(opening) >= 25
    for door in ("/agreements/{id}", "/api/v1/items", "/taxii2/", "/api/v1/status"):
        assert ("GET", door) in opening


def test_pages_of_the_console_demand_a_permission_of_the_table() -> None:
    demanded = {page.demands for page in PAGES} - {NOTHING}
    assert demanded <= roles.ROLES[roles.PERSON]
    nothing = {(page.method, page.path) for page in PAGES if page.demands == NOTHING}
    assert nothing <= set(PUBLIC)


@pytest.mark.parametrize("role", roles.TOKEN_ROLES)
def test_a_role_opens_what_the_table_gives_it_and_nothing_else(house: Stand, role: str) -> None:
    for way in WAYS:
        path = filled(f"/api/v1{way.path}", house).removeprefix("/api/v1")
        answer = house.ask(way.method, path, role=role)
        refused = answer.status_code == 403 and "token.role-permits-not" in answer.text
        assert refused != roles.permits(role, way.needs), f"{role} {way.method} {way.path}"
    discovery = house.client.get(
        "/taxii2/", headers={"authorization": f"Bearer {house.token(role).bearer}"}
    )
    assert (discovery.status_code == 200) == roles.permits(role, roles.ITEMS_READ)


def test_a_role_that_is_not_in_the_table_may_do_nothing() -> None:
    assert not roles.permits("superuser", roles.SELF_READ)
    assert roles.permits("viewer", roles.SELF_READ)
    assert set(roles.ROLES) == {*roles.TOKEN_ROLES, roles.PERSON}


def test_the_admin_address_has_its_three_paths_and_names_nobody(house: Stand) -> None:
    app = admin.build(house.river.node, refused=lambda: {"peer.stranger": 3})
    assert {route.path for route in walked(app.routes)} == set(ADMIN)
    with TestClient(app) as client:
        for path in ADMIN:
            answer = client.get(path)
            assert answer.status_code == 200
            assert "River" not in answer.text
            assert house.stage.agreement not in answer.text
        assert 'allied_questions_refused{code="peer.stranger"} 3.0' in client.get("/metrics").text
