from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given

from allied.agreement.clauses import CLAUSES
from allied.agreement.fields import declared
from allied.agreement.schema import schema
from allied.agreement.terms import Agreement, dump
from allied.agreement.text import ListNode, MapNode, Node, TextNode, load_yaml
from tests.agreement.texts import FEW, SAMPLE_FILES, TEMPLATE_FILES, agreements, pact

SCHEMA = schema()
VALIDATOR = jsonschema_rs.validator_for(SCHEMA)


def plain(node: Node) -> Any:
    match node:
        case TextNode():
            return node.text
        case ListNode():
            return [plain(each) for each in node.items]
        case MapNode():
            return {key.text: plain(value) for key, value in node.entries}


def is_valid(raw: bytes) -> bool:
    return all(VALIDATOR.is_valid(plain(each)) for each in load_yaml(raw, "a"))


def test_the_schema_is_one_of_its_dialect() -> None:
    jsonschema_rs.meta.validate(SCHEMA)
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


@pytest.mark.parametrize("file", [*SAMPLE_FILES, *TEMPLATE_FILES], ids=lambda file: file.stem)
def test_what_we_publish_is_valid(file: Path) -> None:
    assert is_valid(file.read_bytes())


@FEW
@given(agreements())
def test_what_the_loader_reads_is_valid(agreement: Agreement) -> None:
    assert is_valid(dump(agreement).encode())


@pytest.mark.parametrize(
    ("bad", "good"),
    [
        pytest.param("type: statment", "type: statement", id="type"),
        pytest.param("type: statement, titel: x", "type: statement, title: x", id="key"),
        pytest.param(
            "type: information-sharing", "type: information-sharing, share: all", id="required"
        ),
        pytest.param(
            "type: information-sharing, share: everything",
            "type: information-sharing, share: [technique]",
            id="word",
        ),
        pytest.param("type: review, every: 10", "type: review, every: 10 years", id="duration"),
        pytest.param(
            "type: secrecy, existence: maybe", "type: secrecy, existence: no", id="yes or no"
        ),
        pytest.param(
            "type: collective-response, trigger: {severity: severe}",
            "type: collective-response, trigger: {severity: at least severe}",
            id="inside a group",
        ),
    ],
)
def test_a_mistake_is_invalid(bad: str, good: str) -> None:
    assert is_valid(pact(f'{{art: "1", {good}}}'))  # the twin that passes
    assert not is_valid(pact(f'{{art: "1", {bad}}}'))


def test_every_key_of_every_clause_is_described() -> None:
    for kind, declaration in CLAUSES.items():
        found = SCHEMA["$defs"][declaration.__name__]
        assert found["properties"]["type"] == {"const": kind}
        for each in declared(declaration):
            assert found["properties"][each.key]["description"]
