"""There is one path by which items leave a node, and no other part of it reaches for their bytes.

Every module is read as a syntax tree. Who calls `item_bytes` holds contents in its hands, and
who calls `decide` of the policy takes a verdict; each such module stands below with the
reason why it may. A new one fails here, and has to be argued for.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "allied"

MAY_READ_BYTES = {
    "node/release.py": "the path itself: after the verdict, with the ledger",
    "node/items.py": "an organisation looking at what it holds itself",
    "node/browsing.py": "an organisation's own tools reading what it holds, by token",
    "node/sharing.py": "a marking definition that the same organisation shared earlier",
    "adapters/sql/reading.py": "the store answering the port",
}
MAY_DECIDE = {
    "node/release.py": "the path itself",
    "node/sharing.py": "the verdicts shown to the author and written down before anything leaves",
    "exchange/policy.py": "what goes along with something is decided as that is",
    "exchange/channels.py": "the verdict over an agreement as a whole",
}
MAY_MAKE_PAGES = {"node/release.py": "the only answer that carries items"}
MAY_ASK_RELEASE = {
    "node/answers.py": "other nodes, by their key",
    "node/sync.py": "a neighbour hosted on the same node, by the same path",
}


def modules() -> dict[str, ast.Module]:
    return {
        path.relative_to(SOURCE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(SOURCE.rglob("*.py"))
    }


MODULES = modules()


def callers(*names: str) -> set[str]:
    """Modules that call something by one of these names, as a name or as a member.

    A member handed on without being called counts as well: it could be called elsewhere.
    """
    found = set()
    for module, tree in MODULES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in names:
                found.add(module)
            if isinstance(node, ast.Name) and node.id in names:
                found.add(module)
            if isinstance(node, ast.Constant) and node.value in names:
                found.add(module)  # getattr(reading, "item_bytes")
    return found


def calls_of(module: str, member: str) -> set[str]:
    """Modules that use `module.member`, or import `member` from it."""
    found = set()
    for name, tree in MODULES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr == member:
                value = node.value
                if isinstance(value, ast.Name) and value.id == module:
                    found.add(name)
            if isinstance(node, ast.ImportFrom) and (node.module or "").endswith(f".{module}"):
                found |= {name for alias in node.names if alias.name == member}
    return found


@pytest.mark.parametrize(
    ("found", "allowed"),
    [
        pytest.param(callers("item_bytes"), MAY_READ_BYTES, id="who reads the bytes of items"),
        pytest.param(callers("decide"), MAY_DECIDE, id="who takes verdicts"),
        pytest.param(
            calls_of("pages", "ItemsPage"), MAY_MAKE_PAGES, id="who fills a page of items"
        ),
        pytest.param(calls_of("release", "page"), MAY_ASK_RELEASE, id="who asks for a page"),
    ],
)
def test_only_these_modules_and_all_of_them(found: set[str], allowed: dict[str, str]) -> None:
    assert found == set(allowed)


def test_the_tables_of_items_are_known_to_the_store_alone() -> None:
    outside = {
        name
        for name, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("allied.adapters.sql.")
        and not name.startswith("adapters/sql/")
    }
    assert outside == set()


def test_the_walk_would_find_a_way_round() -> None:
    tree = ast.parse("def leak(reading, digests):\n    return reading.item_bytes(digests)\n")
    MODULES["entrypoints/leak.py"] = tree
    try:
        assert "entrypoints/leak.py" in callers("item_bytes")
    finally:
        del MODULES["entrypoints/leak.py"]
