"""Whether the contract is one: every method of the port is tried, on every database."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from allied.node.ports import Reading, Store, Writing

HERE = Path(__file__).parent


def methods(port: type) -> set[str]:
    """What a port promises, with what it has from the ports it is made of."""
    return {
        name
        for each in port.__mro__
        if each.__module__.startswith("allied.")
        for name, value in vars(each).items()
        if callable(value) and not name.startswith("_")
    }


def called(source: str) -> set[str]:
    """The methods that a module calls or hands on."""
    return {node.attr for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)}


@pytest.mark.parametrize("port", [Reading, Writing, Store])
def test_every_method_of_the_port_is_tried_by_the_contract(port: type) -> None:
    tried = {name for file in HERE.glob("test_*.py") for name in called(file.read_text())}
    assert len(methods(port)) > 3
    assert methods(port) - tried == set()
    assert "fly" not in tried


def test_every_test_of_the_contract_runs_on_every_database() -> None:
    """A test that asks for a store gets each; one that asks for a kind of database does not."""
    for file in HERE.glob("test_*.py"):
        if file.name == Path(__file__).name:
            continue
        asked = {
            node.arg for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.arg)
        }
        assert not asked & {"open_sqlite", "open_postgresql", "postgres_server"}, file.name
