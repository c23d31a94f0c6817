"""The list of articles: which declaration reads one is decided by its `type`.

Rule that holds below: no number is given twice, and an article of an unknown type is
refused, never skipped.
"""

from __future__ import annotations

from typing import Any, Final

from allied.agreement.clauses import (
    CLAUSES,
    Clause,
)
from allied.agreement.shape import (
    Kind,
    Reading,
    Schema,
    Tree,
    UnreadError,
    read_group,
    show_group,
    suggestion,
)
from allied.agreement.text import ListNode, MapNode, Node, TextNode

ARTICLE_LIMIT: Final = 5_000


class Articles(Kind):
    """The clauses; which declaration reads one is decided by its `type`."""

    shapes = (ListNode, MapNode)

    def read(self, node: Node, reading: Reading) -> tuple[Clause, ...]:
        nodes = node.items if isinstance(node, ListNode) else [node]
        if len(nodes) > ARTICLE_LIMIT:
            raise reading.fail(
                node, "too-many-articles", f"at most {ARTICLE_LIMIT} articles may stand here"
            )
        found: dict[str, Clause] = {}
        lines: dict[str, int] = {}
        bad = False
        for each in nodes:
            art = each.get("art") if isinstance(each, MapNode) else None
            reading.clause = art.text if isinstance(art, TextNode) and len(art.text) < 65 else ""
            try:
                clause = _clause(each, reading)
            except UnreadError:
                bad = True
                continue
            finally:
                reading.clause = ""
            if clause.art in found:
                reading.clause = clause.art
                reading.note(
                    art or each,
                    "duplicate-article",
                    f"two articles have this number; the other begins on line {lines[clause.art]}",
                    "renumber one",
                )
                reading.clause = ""
            found[clause.art] = clause
            lines.setdefault(clause.art, each.line)
        if bad:
            raise UnreadError
        return tuple(found.values())

    def show(self, value: Any, *, full: bool = False) -> Tree:
        return [_clause_tree(each, full=full) for each in value]

    def words(self, value: Any) -> str:
        return f"{len(value)} articles"

    def schema(self) -> Schema:
        return {
            "type": "array",
            "maxItems": ARTICLE_LIMIT,
            "items": {"$ref": "#/$defs/Article"},
        }


def _clause(node: Node, reading: Reading) -> Clause:
    if not isinstance(node, MapNode):
        raise reading.fail(
            node,
            "wrong-type",
            "an article consists of keys with values",
            "write `art:` and `type:`",
        )
    kind = node.get("type")
    if kind is None:
        raise reading.fail(
            node,
            "missing-key",
            "an article needs the key `type`",
            "one of " + ", ".join(f"`{each}`" for each in CLAUSES),
        )
    if not isinstance(kind, TextNode) or kind.text not in CLAUSES:
        text = kind.text if isinstance(kind, TextNode) else ""
        raise reading.fail(
            kind, "unknown-type", "this is no type of clause", suggestion(text, list(CLAUSES))
        )
    declaration = CLAUSES[kind.text]
    return read_group(declaration, declaration.CALLED, node, reading, beside={"type": ()})


def _clause_tree(clause: Clause, *, full: bool) -> dict[str, Tree]:
    tree = show_group(clause, full=full)
    head: dict[str, Tree] = {"art": tree.pop("art")}
    for key in ("title",):
        if key in tree:
            head[key] = tree.pop(key)
    return {**head, "type": clause.TYPE, **tree}
