"""How a declaration becomes reader, printer, canonical model and schema.

Everything that an agreement may say is declared once, as a frozen dataclass whose field
annotations carry a `Field`: what kind of value, the sentence that explains it, and who
enforces it. The default is the dataclass's own. Reading, printing, the canonical model,
the JSON Schema, `explain`, `diff` and "parsed but not enforced yet" walk over these
declarations; there is no code per clause type anywhere.

Words used here:
    declaration   a dataclass whose every field is `Annotated[..., Field(...)]`
    kind          reads a node to a frozen value and shows a value as a plain tree
    tree          text, lists and maps of text, as they stand in a file
    reading       one pass over one document: collects findings and references
    full          with every default written out

Rules that hold everywhere below. A reading goes on after a mistake, so that a writer
sees all of them at once, at most `FINDING_LIMIT`. A finding has a place, a stable code
and advice, and repeats nothing of what was refused. A scalar is taken where a list is
meant. What is left out takes the default; nothing is guessed from other values, but
where a field *follows* another by declaration.

The scalar kinds are in `agreement.scalars`, the declarations in `agreement.clauses`,
`agreement.parts` and `agreement.terms`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Generic, TypeVar

from allied.agreement.fields import (
    DECISION,
    EXCHANGE,
    LATER,
    LIFE,
    LOADER,
    RESPONSE,
    SHOWN,
    Declared,
    Field,
    Kind,
    Schema,
    Tree,
    declared,
    is_declaration,
    is_nothing,
    keys_of,
)
from allied.agreement.reading import (
    FINDING_LIMIT,
    Finding,
    MalformedTextError,
    Reading,
    Reference,
    UnreadError,
    listed,
    suggestion,
)
from allied.agreement.text import ListNode, MapNode, Node, TextNode
from allied.agreement.values import Table

__all__ = [
    "DECISION",
    "EXCHANGE",
    "FINDING_LIMIT",
    "LATER",
    "LIFE",
    "LIST_LIMIT",
    "LOADER",
    "RESPONSE",
    "SHOWN",
    "Declared",
    "Field",
    "Finding",
    "Group",
    "Kind",
    "MalformedTextError",
    "Many",
    "Named",
    "OneOf",
    "Reading",
    "Reference",
    "Schema",
    "Tree",
    "UnreadError",
    "declared",
    "groups_within",
    "is_declaration",
    "is_nothing",
    "keys_of",
    "listed",
    "read_group",
    "scalar_of",
    "show_group",
    "suggestion",
]

T = TypeVar("T")

LIST_LIMIT: Final = 10_000
"""How many values a list holds unless its declaration says otherwise."""


def scalar_of(node: Node, reading: Reading, form: str) -> str:
    """The text of a scalar node that holds something."""
    if not isinstance(node, TextNode):
        shape = "list" if isinstance(node, ListNode) else "map"
        advice = (
            "write one value, without brackets or dashes"
            if shape == "list"
            else "write one value; what holds a colon and a blank goes in quotes"
        )
        raise reading.fail(node, "wrong-type", f"a {shape} stands where {form} is meant", advice)
    if not node.text:
        raise reading.fail(
            node,
            "empty-value",
            f"nothing stands where {form} is meant",
            "write the value, or take the key out to get the default",
        )
    return node.text


class Many(Kind):
    """A list without repetition; a single value may stand for a list of one.

    Args:
        each: the kind of its values.
        what: what it is a list of, for refusals: "clauses".
        least, most: how many there may be.
        ordered: whether the order means something.
        every: a word that stands for all of them and reads as the empty list.
        empty: how people say an empty list.
        last: the word before the last of several, `and` or `or`.
    """

    shapes = (TextNode, ListNode, MapNode)

    def __init__(
        self,
        each: Kind,
        what: str = "values",
        *,
        least: int = 0,
        most: int = LIST_LIMIT,
        ordered: bool = False,
        every: str = "",
        empty: str = "none",
        last: str = "and",
    ) -> None:
        self.each = each
        self.what = what
        self.least = least
        self.most = most
        self.ordered = ordered
        self.every = every
        self.empty = empty
        self.last = last

    def read(self, node: Node, reading: Reading) -> tuple[Any, ...]:
        if self.every and isinstance(node, TextNode) and node.text == self.every:
            return ()
        nodes = node.items if isinstance(node, ListNode) else [node]
        if not self.least <= len(nodes) <= self.most:
            size = f"at least {self.least}" if len(nodes) < self.least else f"at most {self.most}"
            raise reading.fail(node, "list-size", f"{size} {self.what} may stand here")
        values: dict[Any, None] = {}
        bad = False
        for each in nodes:
            try:
                value = self.each.read(each, reading)
            except UnreadError:
                bad = True
                continue
            if value in values:
                reading.note(each, "twice", "this stands twice in the same list", "keep one")
                bad = True
            values[value] = None
        if bad:
            raise UnreadError
        return tuple(values)

    def show(self, value: Any, *, full: bool = False) -> Tree:
        if self.every and not value and not full:
            return self.every
        return [self.each.show(each, full=full) for each in value]

    def words(self, value: Any) -> str:
        if not value:
            return self.empty
        return listed([self.each.words(each) for each in value], self.last)

    def schema(self) -> Schema:
        each = self.each.schema()
        items: Schema = {"type": "array", "items": each, "uniqueItems": True}
        if self.least:
            items["minItems"] = self.least
        items["maxItems"] = self.most
        single = [each] if self.least <= 1 else []
        if self.every:
            single.append({"const": self.every})
        return {"anyOf": [*single, items]}

    def owns(self, value: Any) -> bool:
        return isinstance(value, tuple)

    def parts(self) -> tuple[Kind, ...]:
        return (self.each,)


class Group(Kind, Generic[T]):
    """A map with declared keys: a declaration inside another.

    Args:
        declaration: the dataclass.
        what: what it is, for refusals: "a decision rule".
        short: scalars that stand for a whole value.
        said: how people say those.
        scalar: the field that any other scalar is taken for.
    """

    def __init__(
        self,
        declaration: type[T],
        what: str,
        *,
        short: Mapping[str, T] | None = None,
        said: Mapping[str, str] | None = None,
        scalar: str = "",
    ) -> None:
        self.declaration = declaration
        self.what = what
        self.short = dict(short or {})
        self.said = dict(said or {})
        self.scalar = scalar
        self.shapes = (MapNode, TextNode) if scalar or short else (MapNode,)

    def read(self, node: Node, reading: Reading) -> T:
        if isinstance(node, TextNode) and node.text:
            known = self.short
            if node.text in known:
                return known[node.text]
            if self.scalar:
                only = keys_of(self.declaration)[self.scalar]
                return self.declaration(**{only.name: only.field.kind.read(node, reading)})
            if known:
                raise reading.fail(
                    node,
                    "unknown-word",
                    f"this word does not stand for {self.what}",
                    suggestion(node.text, list(known)),
                )
        return read_group(self.declaration, self.what, node, reading)

    def show(self, value: Any, *, full: bool = False) -> Tree:
        if not full:
            for word, meaning in self.short.items():
                if value == meaning:
                    return word
        tree = show_group(value, full=full)
        if self.scalar and not full and set(tree) == {self.scalar}:
            return tree[self.scalar]
        return tree

    def words(self, value: Any) -> str:
        for word, meaning in self.short.items():
            if value == meaning:
                return self.said.get(word, word)
        used = [each for each in declared(self.declaration) if not each.is_default(value)]
        if [each.key for each in used] == [self.scalar]:
            return used[0].field.kind.words(getattr(value, used[0].name))
        said = [
            f"{each.key.replace('_', ' ')}: {each.field.kind.words(getattr(value, each.name))}"
            for each in used
        ]
        return "; ".join(said) or "as by default"

    def advice(self) -> str:
        needed = [each.key for each in keys_of(self.declaration).values() if each.required]
        return f", a map with {listed([f'`{key}:`' for key in needed])}" if needed else ""

    def schema(self) -> Schema:
        whole: Schema = {"$ref": f"#/$defs/{self.declaration.__name__}"}
        other: list[Schema] = []
        if self.scalar:
            other.append(keys_of(self.declaration)[self.scalar].field.kind.schema())
        if self.short:
            other.append({"enum": list(self.short)})
        return {"anyOf": [*other, whole]} if other else whole

    def owns(self, value: Any) -> bool:
        return isinstance(value, self.declaration)


class Named(Kind):
    """A map from names to values of one kind, in the order of the text.

    Args:
        each: the kind of its values.
        name: the kind of its names.
        what: what it is a map of, for refusals: "scopes".
    """

    shapes = (MapNode,)

    def __init__(self, each: Kind, name: Kind, what: str, *, most: int = LIST_LIMIT) -> None:
        self.each = each
        self.name = name
        self.what = what
        self.most = most

    def read(self, node: Node, reading: Reading) -> Table[Any]:
        if not isinstance(node, MapNode):
            raise reading.fail(
                node,
                "wrong-type",
                f"a map of {self.what} by name is meant here",
                "write `name: value` for each",
            )
        if len(node.entries) > self.most:
            raise reading.fail(node, "list-size", f"at most {self.most} {self.what} may stand here")
        values: dict[str, Any] = {}
        bad = False
        for key, each in node.entries:
            try:
                name = self.name.read(key, reading)
                values[name] = self.each.read(each, reading)
            except UnreadError:
                bad = True
        if bad:
            raise UnreadError
        return Table(values)

    def show(self, value: Any, *, full: bool = False) -> Tree:
        return {name: self.each.show(each, full=full) for name, each in value.items()}

    def words(self, value: Any) -> str:
        said = [
            f"{self.name.words(name)} ({self.each.words(each)})" for name, each in value.items()
        ]
        return listed(said) if said else "none"

    def schema(self) -> Schema:
        return {
            "type": "object",
            "propertyNames": self.name.schema(),
            "additionalProperties": self.each.schema(),
            "maxProperties": self.most,
        }

    def owns(self, value: Any) -> bool:
        return isinstance(value, Table)

    def parts(self) -> tuple[Kind, ...]:
        return (self.each,)


class OneOf(Kind):
    """Alternatives, told apart by the shape in which they are written."""

    def __init__(self, *kinds: Kind) -> None:
        self.kinds = kinds
        self.shapes = tuple({shape for kind in kinds for shape in kind.shapes})

    def read(self, node: Node, reading: Reading) -> Any:
        for kind in self.kinds:
            if isinstance(node, kind.shapes):
                return kind.read(node, reading)
        return self.kinds[0].read(node, reading)

    def _kind(self, value: Any) -> Kind:
        return next(kind for kind in self.kinds if kind.owns(value))

    def show(self, value: Any, *, full: bool = False) -> Tree:
        return self._kind(value).show(value, full=full)

    def words(self, value: Any) -> str:
        return self._kind(value).words(value)

    def schema(self) -> Schema:
        return {"anyOf": [kind.schema() for kind in self.kinds]}

    def owns(self, value: Any) -> bool:
        return any(kind.owns(value) for kind in self.kinds)

    def parts(self) -> tuple[Kind, ...]:
        return self.kinds


def read_group(
    declaration: type[T],
    what: str,
    node: Node,
    reading: Reading,
    *,
    beside: Mapping[str, object] | None = None,
) -> T:
    """Read a map by its declaration.

    Args:
        what: what it is, for refusals: "a duty".
        beside: keys that stand in the map and are already read (`type`), with the words
            that a suggestion may name; their values are not looked at.

    Raises:
        UnreadError: something in it was wrong; the reading has the findings.
    """
    if not isinstance(node, MapNode):
        raise reading.fail(
            node,
            "wrong-type",
            f"{what} is written as a map here",
            "one of the keys " + ", ".join(f"`{key}`" for key in list(keys_of(declaration))[:14]),
        )
    keys = keys_of(declaration)
    known = beside or {}
    values: dict[str, Any] = {}
    seen: set[str] = set()
    bad = False
    for key, child in node.entries:
        each = keys.get(key.text)
        if each is None:
            if key.text not in known:
                advice = _inside(key.text, keys) or suggestion(
                    key.text, [*keys, *known], what="key"
                )
                reading.note(key, "unknown-key", f"{what} has no such key", advice)
                bad = True
            continue
        seen.add(each.name)
        try:
            values[each.name] = each.field.kind.read(child, reading)
        except UnreadError:
            bad = True
    for each in keys.values():
        if each.required and each.name not in seen:
            reading.note(
                node,
                "missing-key",
                f"{what} needs the key `{each.key}`",
                f"add `{each.key}:`{each.field.kind.advice()}",
            )
            bad = True
        elif each.field.follows and each.name not in seen:
            other = next(one for one in keys.values() if one.name == each.field.follows)
            values[each.name] = values.get(other.name, other.default)
    if bad:
        raise UnreadError
    return declaration(**values)


def _inside(key: str, keys: Mapping[str, Declared]) -> str:
    """Where a key belongs that stands one level too high; nothing where it belongs nowhere."""
    homes = [
        f"`{name}:`"
        for name, each in keys.items()
        if any(key in keys_of(inner) for inner in groups_within(each.field.kind))
    ]
    return f"it belongs inside {listed(homes, 'or')}" if homes else ""


def show_group(value: object, *, full: bool = False) -> dict[str, Tree]:
    """The map that reads back to a value; without defaults unless `full`."""
    tree: dict[str, Tree] = {}
    for each in declared(type(value)):
        if not full and not each.required and each.is_default(value):
            continue
        one = getattr(value, each.name)
        tree[each.key] = None if one is None else each.field.kind.show(one, full=full)
    return tree


def groups_within(kind: Kind) -> Iterator[type]:
    """The declarations that a kind reads, not looking inside them."""
    if isinstance(kind, Group):
        yield kind.declaration
    for part in kind.parts():
        yield from groups_within(part)
