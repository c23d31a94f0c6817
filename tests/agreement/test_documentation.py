"""The page on the format says what the declarations say, and its examples work."""

from __future__ import annotations

import re
from typing import Any

import pytest

from allied.agreement.check import check_text
from allied.agreement.clauses import CLAUSES
from allied.agreement.explain import explain_text
from allied.agreement.fields import declared
from allied.agreement.terms import load
from scripts.agreement_reference import PAGE, SCHEMA, page, schema_text

TEXT = PAGE.read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
ADVICE = "run scripts/agreement_reference.py"


def test_the_tables_follow_from_the_declarations() -> None:
    assert page(TEXT) == TEXT, ADVICE


def test_the_published_schema_follows_from_the_declarations() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema_text(), ADVICE


@pytest.mark.parametrize("declaration", CLAUSES.values(), ids=list(CLAUSES))
def test_every_key_of_every_clause_is_on_the_page(declaration: type[Any]) -> None:
    for each in declared(declaration):
        assert f"| `{each.key}` |" in TEXT


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_reads_and_has_no_errors(example: str) -> None:
    assert load(example.encode(), "example")
    assert explain_text(example.encode(), "example")
    doubts = [each for each in check_text(example.encode(), "example") if each.severity == "error"]
    assert not doubts


def test_every_link_within_the_page_leads_somewhere() -> None:
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)
    }
    links = set(re.findall(r"\]\(#([^)]+)\)", TEXT))

    assert links
    assert links <= anchors
