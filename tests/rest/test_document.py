"""The OpenAPI document says what the routes do, and the pages say what the document says."""

from __future__ import annotations

import dataclasses
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from pydantic import BaseModel, ConfigDict, TypeAdapter
from schemathesis import checks as promises

from allied.entrypoints.rest.acts import ACTS
from allied.entrypoints.rest.models import model_of
from allied.entrypoints.rest.reference import described, document, markdown
from allied.entrypoints.rest.routes import TABLE, application
from allied.node import roles
from tests.docs.pages import MADE, part
from tests.rest.stand import Stand

DOCUMENT = document(application())
SHAPES = DOCUMENT["components"]["schemas"]
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "rest.md"
CHECKS = [
    promises.not_a_server_error,
    promises.status_code_conformance,
    promises.content_type_conformance,
    promises.response_schema_conformance,
]
THOROUGH = os.environ.get("ALLIED_HYPOTHESIS_PROFILE") == "thorough"


def test_every_way_of_the_table_is_in_the_document() -> None:
    written = {
        (method.upper(), path) for path, each in DOCUMENT["paths"].items() for method in each
    }
    assert written == {(way.method, way.path) for way in TABLE}
    assert DOCUMENT["openapi"] == "3.1.0"
    assert [server["url"] for server in DOCUMENT["servers"]] == ["/api/v1"]
    assert DOCUMENT["security"] == [{"basic": []}, {"bearer": []}]


def test_every_way_needs_a_permission_that_some_token_can_have() -> None:
    given_to_tokens = frozenset[str]().union(*(roles.ROLES[each] for each in roles.TOKEN_ROLES))
    assert {way.needs for way in TABLE} <= given_to_tokens


def test_every_reference_in_the_document_leads_somewhere() -> None:
    names = set(re.findall(r"#/components/schemas/(\w+)", str(DOCUMENT)))
    assert names == set(SHAPES) - {"HTTPValidationError", "ValidationError"}


def test_the_reference_page_is_current() -> None:
    text = PAGE.read_text(encoding="utf-8")
    made = markdown(DOCUMENT, ACTS)
    assert made.keys() == MADE["rest.md"].keys()
    for name, body in made.items():
        assert part(text, name) == body.strip("\n"), "run .venv/bin/python -m tests.docs.pages"


class _Page(HTMLParser):
    """What a page asks a browser to fetch or to do, and where its links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.links: set[str] = set()
        self.ids: set[str] = set()
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "srcset") or (tag == "link" and name == "href"):
                self.fetched.append(value or "")
            if tag == "a" and name == "href":
                self.links.add(value or "")
            if name == "id":
                self.ids.add(value or "")
            if name == "style" or name.startswith("on"):
                self.inline.append(name)


def test_the_page_of_the_node_has_no_script_and_fetches_its_own_style(stand: Stand) -> None:
    answer = stand.client.get("/api/v1/")
    page = _Page()
    page.feed(answer.text)
    assert not {"script", "iframe", "img", "style", "form"} & set(page.tags)
    assert page.inline == []
    assert page.fetched == ["/api/v1/reference.css"]
    style = stand.client.get("/api/v1/reference.css")
    assert style.headers["content-type"] == "text/css; charset=utf-8"
    assert "url(" not in style.text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self';")
    assert {link[1:] for link in page.links if link.startswith("#")} <= page.ids
    assert {each.id for each in described(DOCUMENT)[0]} <= page.ids
    assert all(act.path in answer.text for act in ACTS)


# --- answers have the shapes that are promised ------------------------------------------


def strict(shape: type[Any]) -> type[BaseModel]:
    """The model of a shape that takes no field it does not know."""
    model = model_of(shape)
    return type(model.__name__, (model,), {"model_config": ConfigDict(extra="forbid")})


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("/agreements", "viewer"),
        ("/agreements/river-harbour", "viewer"),
        ("/agreements/river-harbour/explanation", "viewer"),
        ("/items", "viewer"),
        ("/items/1", "viewer"),
        ("/items/1/explanation?to=harbour", "viewer"),
        ("/items/1/receipts", "viewer"),
        ("/incidents", "viewer"),
        ("/obligations", "viewer"),
        ("/proposals", "viewer"),
        ("/items/1/remarks", "viewer"),
        ("/items/1/correlations", "viewer"),
        ("/values/holders?value=n1.example", "viewer"),
        ("/values/sightings?value=n1.example", "viewer"),
        ("/recalls", "viewer"),
        ("/requests", "viewer"),
        ("/feeds", "viewer"),
        ("/warning-lists", "viewer"),
        ("/misp/events?agreement=river-harbour", "viewer"),
        ("/submissions", "analyst"),
        ("/ledger", "auditor"),
        ("/ledger/check", "auditor"),
        ("/ledger/rows/1", "auditor"),
        ("/ledger/items/1", "auditor"),
        ("/ledger/witnessed", "auditor"),
        ("/token", "viewer"),
        ("/status", "viewer"),
        ("/peers", "viewer"),
        ("/neighbours", "viewer"),
    ],
)
def test_an_answer_has_the_fields_of_its_shape_and_no_other(
    stand: Stand, path: str, role: str
) -> None:
    way = next(
        each
        for each in TABLE
        if each.method == "GET"
        and re.fullmatch(re.sub(r"{\w+}", "[^/]+", each.path), path.partition("?")[0])
        and each.gives
    )
    assert way.gives is not None
    value = stand.get(path, role=role)
    TypeAdapter(strict(way.gives)).validate_python(value)
    assert value.keys() == {each.name for each in dataclasses.fields(way.gives)}
    with pytest.raises(ValueError, match="extra"):
        TypeAdapter(strict(way.gives)).validate_python({**value, "more": 1})


# --- whatever is asked, there is an answer ----------------------------------------------


NEEDS = {(way.method, way.path): way.needs for way in TABLE}
QUESTIONS = schemathesis.openapi.from_dict(DOCUMENT, config=schemathesis.Config())
PHASES = (Phase.explicit, Phase.generate) if THOROUGH else (Phase.generate,)


@QUESTIONS.parametrize()
@settings(
    max_examples=100 if THOROUGH else 10,
    deadline=None,
    phases=PHASES,
    suppress_health_check=list(HealthCheck),
)
def test_no_question_breaks_the_node(case: Any, tried: Stand) -> None:
    """Questions that fit the document and such that do not; none is answered with a failure.

    Each answer has a status, a media type and a shape that the document promises.
    """
    needs = NEEDS[case.operation.method.upper(), case.operation.path]
    role = "analyst" if roles.permits("analyst", needs) else "auditor"
    case.call_and_validate(
        headers={"Authorization": f"Bearer {tried.token(role).bearer}"},
        checks=CHECKS,
        app=tried.app,
    )
