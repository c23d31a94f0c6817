"""What a doubt about an agreement is, and where in the text it stands.

The questions themselves are asked elsewhere: `check_life`, `check_sharing`, `check_response`,
`check_rules` about one agreement, `check_together` about several.

Words used here:
    doubt      a finding before its place is known
    path       keys, entry numbers, ids and article numbers, from the outside in
    owing      the parties that an article can oblige: those it binds, else members and guarantors

Rule that holds below: a path that leads nowhere stands for the nearest node above it, so every
doubt has a place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from allied.agreement.clauses import Clause
from allied.agreement.terms import Agreement, Document
from allied.agreement.text import ListNode, MapNode, Node, TextNode
from allied.errors import Place

Path: TypeAlias = "tuple[str | int, ...]"

Question: TypeAlias = "Callable[[Agreement, date | None], Iterable[Doubt]]"
"""Looks at a whole agreement, and at a day where one was given, and says what it doubts."""

ERROR = "error"
WARNING = "warning"
NOTE = "note"


@dataclass(frozen=True, slots=True)
class Doubt:
    """A finding before its place is known.

    Attributes:
        code: stable, for machines: `agreement.no-deadline`.
        severity: `error`, `warning` or `note`.
        path: where it stands in the agreement.
        text: one sentence.
        advice: what to do, or an empty text.
        clause: number of the article, or an empty text.
    """

    code: str
    severity: str
    path: Path
    text: str
    advice: str = ""
    clause: str = ""


def about(
    clause: Clause, code: str, severity: str, path: Path, text: str, advice: str = ""
) -> Doubt:
    """A doubt about an article; `path` begins inside it."""
    return Doubt(code, severity, ("articles", clause.art, *path), text, advice, clause.art)


def owing(value: Agreement, clause: Clause) -> frozenset[str]:
    """The parties that an article can oblige."""
    return frozenset[str](value.bound_by(clause))


class Places:
    """Where the paths of one document lead; each list of entries is looked through once."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._entries: dict[tuple[int, str], dict[str, Node]] = {}

    def at(self, path: Path) -> Place:
        """The place of a path, or of the nearest node above it.

        In `articles` and `parties` a step is the number or the id of the entry.
        """
        node: Node = self._document.root
        table = ""
        for step in path:
            found = self._below(node, step, table)
            if found is None:
                break
            table, node = str(step), found
        return Place(self._document.source, node.line, node.column)

    def _below(self, node: Node, step: str | int, table: str) -> Node | None:
        if isinstance(node, MapNode):
            return node.get(step) if isinstance(step, str) else node
        if not isinstance(node, ListNode):
            return None
        if isinstance(step, int):
            return node.items[step] if step < len(node.items) else None
        key = (id(node), table)
        if key not in self._entries:
            named: dict[str, Node] = {}
            for each in node.items:
                for name in _names(
                    each, ("art",) if table == "articles" else ("id", "ids", "name")
                ):
                    named.setdefault(name, each)
            self._entries[key] = named
        return self._entries[key].get(step)


def _names(node: Node, keys: tuple[str, ...]) -> Iterator[str]:
    if not isinstance(node, MapNode):
        return
    for key in keys:
        value = node.get(key)
        texts = value.items if isinstance(value, ListNode) else [value]
        yield from (each.text for each in texts if isinstance(each, TextNode))
