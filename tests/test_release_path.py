"""There is one path by which items leave a node, and no other part of it reaches for their bytes.

Every module is read as a syntax tree. Who calls `item_bytes` holds contents in its hands, and
who calls `decide` of the policy takes a verdict; each such module stands below with the
reason why it may. A new one fails here, and has to be argued for.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
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
    "node/outsiders.py": "after the verdict of the path, with the ledger: to who is no party",
    "node/scrubbing.py": "whether they are still what was stored; nothing is handed out",
    "node/tightening.py": "what own links connect, to mark them with it; nothing is handed out",
    "adapters/sql/reading.py": "the store answering the port",
    "adapters/sql/writing.py": "the store giving items another number; nothing is handed out",
}
MAY_DECIDE = {
    "exchange/keeping.py": "by which clause a copy came, to say how long it is kept",
    "node/verdicts.py": "the verdicts of the path itself, remembered while they hold",
    "node/release.py": "the path itself, over one item and over the classes of one recipient",
    "node/arrivals.py": "whether who passed an item on was allowed to; nothing leaves by it",
    "entrypoints/cli/passing.py": "an originator's answer to a question; a use case of that name",
    "node/tightened.py": "whether a marking takes a copy from its holder; nothing leaves by it",
    "node/sharing.py": "the verdicts shown to the author and written down before anything leaves",
    "node/sync.py": "what was voted on is decided; a use case of that name",
    "exchange/policy.py": "what goes along with something is decided as that is",
    "exchange/channels.py": "the verdict over an agreement as a whole",
}
MAY_MAKE_PAGES = {"node/release.py": "the only answer that carries items"}
MAY_ASK_RELEASE = {
    "node/answers.py": "other nodes, by their key",
    "node/sync.py": "a neighbour hosted on the same node, by the same path",
    "node/carriage.py": "a party's pages in a file, in the ledger as by file",
    "node/pushing.py": "a party's pages added to its TAXII server, in the ledger as by taxii",
    "node/mailing.py": "a party's pages by mail, readable on the way, in the ledger as by mail",
}
MAY_ASK_WITHDRAWN = {
    "adapters/sql/writing.py": "the store, to erase what is kept of them",
    "node/additions.py": "the walk along them, for those that stand here",
    "node/items.py": "why an item is gone; its bytes are not read",
    "node/browsing.py": "whether something was here; its bytes are not read",
    "node/disclosures.py": "the numbers that an object had",
    "node/pushing.py": "what was pushed to a neighbour and has to be taken away there",
    "node/recall_views.py": "what a recall was about",
    "node/recalls.py": "what a recall is about",
    "node/receipts.py": "what was released of what has left since",
    "node/remarks.py": "whether an object of that name was here",
    "node/scrubbing.py": "how many were spoilt and have not come again",
    "node/sight_exchange.py": "whether a token would have seen it",
    "node/tightened.py": "to whom a version went under its old numbers, and since when it is new",
}
MAY_COLLECT = {
    "entrypoints/rest/door.py": "for the sight of the token that was shown",
    "entrypoints/taxii/removing.py": "for the token that was shown",
    "entrypoints/taxii/routes.py": "for the token that was shown",
    "node/feeds.py": "for the address of one feed, with its ceiling",
    "node/listing.py": "for the ceiling of one list",
    "node/misp.py": "for the ceiling of one export to one's own instance",
    "node/sight.py": "the sight itself",
}
MAY_SHOW = {
    "entrypoints/cli/demo/intelligence.py": "who has the passphrase of the node, in the story",
    "entrypoints/cli/exchange.py": "who has the folder of the node",
    "node/sight.py": "narrowed to what the token sees",
}
MAY_BUNDLE = {
    "entrypoints/cli/datasets.py": "who has the folder of the node",
    "node/sight_exchange.py": "narrowed to what the token sees",
}
MAY_BUNDLE_MISP = {
    "entrypoints/cli/carrying.py": "who has the folder of the node",
    "node/sight_exchange.py": "not above the token's ceiling",
}
MAY_CARRY = {
    "entrypoints/cli/carrying.py": "who has the folder and the keys; pages of the path",
    "node/parcels.py": "the same file, left with a relay, sealed",
    "node/mailing.py": "the same file, attached to a mail, sealed",
}
MAY_FEED = {"entrypoints/feeds.py": "whoever knows the secret address"}


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
            if isinstance(node, ast.ImportFrom) and {each.name for each in node.names} & {*names}:
                found.add(module)  # whatever it is called here
            if isinstance(node, ast.Constant) and node.value in names:
                found.add(module)  # getattr(reading, "item_bytes")
    return found


def members(name: str) -> set[str]:
    """Modules that use something's member of that name."""
    return {
        module
        for module, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == name
    }


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


DATABASES = {"sqlalchemy", "sqlite3", "psycopg", "psycopg_pool"}


def importers(libraries: set[str]) -> set[str]:
    """Modules outside the adapters that import one of these libraries."""
    found = set()
    for name, tree in MODULES.items():
        for node in ast.walk(tree):
            named = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                named = [node.module or ""]
            if {each.partition(".")[0] for each in named} & libraries:
                found.add(name)
    return {name for name in found if not name.startswith("adapters/")}


RULES: dict[str, tuple[Callable[[], set[str]], dict[str, str]]] = {
    "who reads the bytes of items": (
        lambda: callers("item_bytes", "joined_items", "bytes_at", "unpaired"),
        MAY_READ_BYTES,
    ),
    "who takes verdicts": (lambda: callers("decide"), MAY_DECIDE),
    "who fills a page of items": (lambda: calls_of("pages", "ItemsPage"), MAY_MAKE_PAGES),
    "who asks for a page": (lambda: calls_of("release", "page"), MAY_ASK_RELEASE),
    "who speaks to a database": (lambda: importers(DATABASES), {}),
    "who asks for withdrawn items": (
        lambda: (
            members("withdrawn")
            | calls_of("additions", "withdrawn")
            | calls_of("recall_views", "left_here")
        ),
        MAY_ASK_WITHDRAWN,
    ),
    "who looks through the eyes of a token": (lambda: callers("Collections"), MAY_COLLECT),
    "who opens an item": (lambda: calls_of("items", "show"), MAY_SHOW),
    "who writes a bundle": (lambda: calls_of("dataset", "bundle"), MAY_BUNDLE),
    "who writes MISP events": (lambda: calls_of("misp", "give_out"), MAY_BUNDLE_MISP),
    "who writes a file for a party": (lambda: calls_of("carriage", "write"), MAY_CARRY),
    "who answers at a feed's address": (lambda: calls_of("feeds", "Feeds"), MAY_FEED),
}


@pytest.mark.parametrize("rule", RULES)
def test_only_these_modules_and_all_of_them(rule: str) -> None:
    ask, allowed = RULES[rule]
    assert ask() == set(allowed)


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
    "erasing_views": "a shape",
    "recall_views": "a shape",
    "tightening": "a shape",
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
    "neighbour_rows": "a shape",
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


BYPASSES = {
    "reads bytes": "def leak(r, rows): return r.item_bytes(rows)",
    "reads bytes by another name": "def leak(r): return getattr(r, 'bytes_at')",
    "joins bytes in the store": "def leak(r, me): return r.joined_items(me, [1], limit=9)",
    "decides for itself": "from allied.exchange.policy import decide",
    "decides by a member": "from allied.exchange import policy; leak = policy.decide",
    "fills a page": "from allied.node.pages import ItemsPage",
    "asks for another's page": "from allied.node import release; leak = release.page",
    "opens the database": "from sqlalchemy import text",
    "opens the file": "import sqlite3",
    "reads what was withdrawn": "def leak(r, a, me): return [w.raw for w in r.withdrawn(a, me)]",
    "makes a token's eyes": "from allied.node.collections import Collections",
    "opens an item": "from allied.node import items; leak = items.show",
    "writes a bundle": "from allied.node.dataset import bundle",
    "writes MISP events": "from allied.node import misp; leak = misp.give_out",
    "writes a party's file": "from allied.node.carriage import write",
    "answers as a feed": "from allied.node.feeds import Feeds",
}


@pytest.mark.parametrize("way", BYPASSES)
@pytest.mark.parametrize(
    "place", ["entrypoints/leak.py", "entrypoints/rest/leak.py", "entrypoints/taxii/leak.py",
              "entrypoints/console/leak.py", "node/leak.py"]
)  # fmt: skip
def test_the_walk_finds_a_way_round(way: str, place: str) -> None:
    """A module that goes past the release path, put where a door could use it."""
    everything = dict(MODULES)
    MODULES.clear()
    MODULES[place] = ast.parse(BYPASSES[way])
    try:
        assert [rule for rule, (ask, allowed) in RULES.items() if ask() - set(allowed)]
    finally:
        MODULES.clear()
        MODULES.update(everything)


def test_a_door_of_rest_that_asks_without_a_token_is_found() -> None:
    """The twin of the rule for REST: what is imported there has to stand in its table."""
    MODULES["entrypoints/rest/leak.py"] = ast.parse("from allied.node.listing import permitted\n")
    try:
        with pytest.raises(AssertionError):
            test_rest_reads_through_the_sight_of_a_token_and_in_no_other_way(
                "entrypoints/rest/leak.py"
            )
    finally:
        del MODULES["entrypoints/rest/leak.py"]


def test_nobody_puts_a_use_case_together_from_its_name() -> None:
    """What is imported by a text could be anything, and no table would see it."""
    found = callers("import_module", "__import__")
    assert found <= {"adapters/sql/migrations/env.py"}
