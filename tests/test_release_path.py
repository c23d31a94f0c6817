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
    "node/hub_making.py": "what was handed in to the hub, of which it makes new items of its own",
    "node/hub_naming.py": "how the hub has marked an own item, to mark a link to it the same",
    "node/sharing.py": "a marking definition that the same organisation shared earlier",
    "node/correlation.py": "which values items name; what it gives out is narrowed to the asker",
    "node/dataset.py": "what the organisation itself shared, held against a new release of it",
    "node/listing.py": "an organisation's own feeds of what it holds, by an address of their own",
    "adapters/sql/reading.py": "the store answering the port",
    "adapters/sql/writing.py": "the store giving items another number; nothing is handed out",
}
MAY_DECIDE = {
    "exchange/keeping.py": "by which clause a copy came, to say how long it is kept",
    "node/verdicts.py": "the verdicts of the path itself, remembered while they hold",
    "node/release.py": "the path itself, over one item and over the classes of one recipient",
    "node/arrivals.py": "whether who passed an item on was allowed to; nothing leaves by it",
    "entrypoints/cli/passing.py": "an originator's answer to a question; a use case of that name",
    "node/sharing.py": "the verdicts shown to the author and written down before anything leaves",
    "exchange/policy.py": "what goes along with something is decided as that is",
    "exchange/channels.py": "the verdict over an agreement as a whole",
}
MAY_MAKE_PAGES = {"node/release.py": "the only answer that carries items"}
MAY_ASK_RELEASE = {
    "node/answers.py": "other nodes, by their key",
    "node/sync.py": "a neighbour hosted on the same node, by the same path",
    "node/carriage.py": "a party's pages in a file, in the ledger as by file",
    "node/pushing.py": "a party's pages added to its TAXII server, in the ledger as by taxii",
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
        pytest.param(
            callers("item_bytes", "joined_items", "bytes_at"),
            MAY_READ_BYTES,
            id="who reads the bytes of items",
        ),
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


REST_MAY_USE = {
    # What `/api/v1/` may import of the use cases. Everything it reads goes through the sight of
    # a token, everything it does is an errand for one; the others give it shapes and words.
    "sight": "what a token sees: narrowed there, and by `collections` for items",
    "collections": "what the sight of a token looks through",
    "errands": "what a token does",
    "roles": "the table of permissions",
    "ports": "the type of the keys that errands sign with",
    "rows": "shapes: a token, a row of the ledger",
    "agreements": "a shape",
    "cases": "a shape",
    "doctor": "a shape",
    "incidents": "a shape",
    "items": "a shape",
    "overview": "a shape",
    "recall_views": "a shape",
    "receipts": "a shape",
    "sharing": "shapes, and a wish",
    "sync": "a shape",
    "tables": "a shape",
    "sight_exchange": "what a token sees around items, asked of its sight",
    "errands_exchange": "what a token does around items",
    "consents": "a shape",
    "correlation": "a shape",
    "disclosures": "a shape",
    "feeds": "a shape",
    "hub": "a shape",
    "ledger_proofs": "a shape",
    "misp": "a shape",
    "passing": "a shape",
    "remarks": "a shape",
    "sightings": "a shape",
    "witness": "a shape",
}


def imported(module: str) -> set[tuple[str, str]]:
    """(use case, name) that a module imports from `allied.node`; the name is empty for all."""
    found = set()
    for node in ast.walk(MODULES[module]):
        if isinstance(node, ast.ImportFrom) and node.module == "allied.node":
            found |= {(alias.name, "") for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("allied.node."):
            use_case = (node.module or "").split(".")[2]
            found |= {(use_case, alias.name) for alias in node.names}
        elif isinstance(node, ast.Import):
            assert not [each for each in node.names if each.name.startswith("allied.node")]
    return found


REST = sorted(name for name in MODULES if name.startswith("entrypoints/rest/"))


@pytest.mark.parametrize("module", REST)
def test_rest_reads_through_the_sight_of_a_token_and_in_no_other_way(module: str) -> None:
    whole = {"sight", "errands", "sight_exchange", "errands_exchange", "roles", "items"}
    for use_case, name in imported(module):
        if use_case == "node":
            assert name == "Node"  # handed on, in the door and where it is mounted
            continue
        assert use_case in REST_MAY_USE
        shape = name[:1].isupper()
        assert shape or use_case in whole, f"{use_case}.{name} is asked without a token"
        if use_case == "items" and not name:
            assert module == "entrypoints/rest/models.py"  # names of shapes
    members = {each.attr for each in ast.walk(MODULES[module]) if isinstance(each, ast.Attribute)}
    assert not members & {"store", "item_bytes", "statement", "folds", "vault"}


def test_the_sight_of_a_token_narrows_whatever_items_it_asks_for() -> None:
    calls = [
        node
        for module in ("node/sight.py", "node/errands.py")
        for node in ast.walk(MODULES[module])
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "items"
    ]
    assert len(calls) >= 4
    for call in calls:
        assert "within" in {keyword.arg for keyword in call.keywords}, ast.unparse(call)


def test_the_walk_would_find_a_way_round() -> None:
    tree = ast.parse("def leak(reading, digests):\n    return reading.item_bytes(digests)\n")
    MODULES["entrypoints/leak.py"] = tree
    try:
        assert "entrypoints/leak.py" in callers("item_bytes")
    finally:
        del MODULES["entrypoints/leak.py"]
