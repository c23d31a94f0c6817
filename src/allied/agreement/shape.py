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

import dataclasses
import difflib
import typing
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, Generic, TypeAlias, TypeVar

from allied.agreement.text import ListNode, MapNode, Node, TextNode
from allied.agreement.values import Table
from allied.errors import MalformedError, Place

T = TypeVar("T")

Tree: TypeAlias = "str | list[Tree] | dict[str, Tree] | None"
"""What stands in a file; None only in the full, canonical form."""

Schema: TypeAlias = dict[str, Any]

FINDING_LIMIT: Final = 100
"""How many findings one reading collects before it stops."""

LIST_LIMIT: Final = 10_000
"""How many values a list holds unless its declaration says otherwise."""

SHOWN: Final = "shown only"
"""It informs people; there is nothing to enforce."""

LATER: Final = "not enforced yet"
"""It is read, printed and signed, but no part of this release acts on it."""

EXCHANGE: Final = "sharing"
RESPONSE: Final = "evaluation of incidents"
LIFE: Final = "the lifecycle of the agreement"
LOADER: Final = "reading the text"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a reader or a check has to say about a text.

    Attributes:
        code: stable, for machines: `agreement.unknown-key`.
        severity: `error`, `warning` or `note`.
        clause: number of the article it is about, or an empty text.
        place: where it stands; None where the text was not at hand.
        text: one sentence.
        advice: what to do, or an empty text.
    """

    code: str
    severity: str
    clause: str
    place: Place | None
    text: str
    advice: str = ""


class MalformedTextError(MalformedError):
    """A text cannot be read as what it claims to be.

    Attributes:
        findings: every mistake found, in the order of the text; never empty.
    """

    def __init__(self, findings: Sequence[Finding]) -> None:
        first = findings[0]
        more = len(findings) - 1
        super().__init__(
            first.code,
            first.text + (f" (and {more} more)" if more else ""),
            hint=first.advice,
            place=first.place,
            facts={"findings": len(findings)},
        )
        self.findings = tuple(findings)


class UnreadError(Exception):
    """A value could not be read; the reading already has the finding."""


@dataclass(frozen=True, slots=True)
class Field:
    """What a declaration says about one field.

    Attributes:
        kind: how its values are read and shown.
        phrase: a sentence in which `{}` stands for the value in words.
        by: who enforces it in this release, `SHOWN` or `LATER`.
        absent: the sentence for a value that is none, nothing or empty.
        key: the key in the file, where a field cannot bear that name in Python.
        follows: the field whose value it takes when it is left out.
        later: spellings of the value that are not enforced yet although the field is.
    """

    kind: Kind
    phrase: str
    by: str = LATER
    absent: str = ""
    key: str = ""
    follows: str = ""
    later: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Declared:
    """One field of a declaration, ready for use."""

    name: str
    key: str
    field: Field
    required: bool
    default: Any

    def is_default(self, owner: object) -> bool:
        """Whether `owner` has the value here that leaving the key out gives."""
        return bool(getattr(owner, self.name) == self.default_of(owner))

    def enforced_by(self, value: object) -> str:
        """Who enforces this value in this release; `LATER` where nobody does yet."""
        if self.field.later and not is_nothing(value):
            tree = self.field.kind.show(value)
            words = tree if isinstance(tree, list) else ["*map" if isinstance(tree, dict) else tree]
            if any(isinstance(w, str) and self._is_later(w) for w in words):
                return LATER
        return self.field.by

    def _is_later(self, word: str) -> bool:
        return any(word == each or word.startswith(f"{each} ") for each in self.field.later)

    def default_of(self, owner: object) -> Any:
        """What leaving the key out gives."""
        if self.field.follows:
            return getattr(owner, self.field.follows)
        return ... if self.required else self.default


def declared(declaration: type[Any]) -> tuple[Declared, ...]:
    """The fields of a declaration, in order."""
    return _declared(declaration)  # type: ignore[arg-type]  # a class is hashable


@cache
def _declared(declaration: Any) -> tuple[Declared, ...]:
    hints = typing.get_type_hints(declaration, include_extras=True)
    found = []
    for each in dataclasses.fields(declaration):
        notes = getattr(hints[each.name], "__metadata__", ())
        about = next(note for note in notes if isinstance(note, Field))
        if each.default_factory is not dataclasses.MISSING:
            default: Any = each.default_factory()
        else:
            default = each.default
        required = default is dataclasses.MISSING
        key = about.key or each.name
        found.append(Declared(each.name, key, about, required, None if required else default))
    return tuple(found)


def is_declaration(value: object) -> bool:
    """Whether a value has declared fields of its own."""
    return _is_declaration(type(value))  # type: ignore[arg-type]  # as above


@cache
def _is_declaration(kind: Any) -> bool:
    return dataclasses.is_dataclass(kind) and all(
        str(each.type).startswith("Annotated[") for each in dataclasses.fields(kind)
    )


def keys_of(declaration: type[Any]) -> Mapping[str, Declared]:
    """The fields of a declaration by the key that stands in the file."""
    return _keys_of(declaration)  # type: ignore[arg-type]  # a class is hashable


@cache
def _keys_of(declaration: Any) -> Mapping[str, Declared]:
    return {each.key: each for each in declared(declaration)}


@dataclass(frozen=True, slots=True)
class Reference:
    """A name that stands in the text and must be declared in the same document."""

    targets: tuple[str, ...]
    fixed: tuple[str, ...]
    node: TextNode
    clause: str


@dataclass(slots=True)
class Reading:
    """One pass over one document."""

    source: str
    area: str = "agreement"
    clause: str = ""
    findings: list[Finding] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    remarks: list[Finding] = field(default_factory=list)

    def place(self, node: Node) -> Place:
        """Where a node stands."""
        return Place(self.source, node.line, node.column)

    def note(self, node: Node, code: str, text: str, advice: str = "") -> None:
        """Keep a finding and go on."""
        code = f"{self.area}.{code}"
        self.findings.append(Finding(code, "error", self.clause, self.place(node), text, advice))
        if len(self.findings) >= FINDING_LIMIT:
            raise MalformedTextError(self.findings)

    def remark(self, node: Node, code: str, text: str, advice: str = "") -> None:
        """Keep what does not make the text unreadable, up to `FINDING_LIMIT`."""
        if len(self.remarks) < FINDING_LIMIT:
            code = f"{self.area}.{code}"
            self.remarks.append(Finding(code, "note", self.clause, self.place(node), text, advice))

    def fail(self, node: Node, code: str, text: str, advice: str = "") -> UnreadError:
        """Keep a finding and hand back what to raise."""
        self.note(node, code, text, advice)
        return UnreadError()

    def finish(self) -> None:
        """Raise MalformedTextError when anything was found."""
        if self.findings:
            far = Place(self.source, 1 << 30, 0)
            order = sorted(
                self.findings, key=lambda each: ((p := each.place or far).line, p.column)
            )
            raise MalformedTextError(order)

    def resolve(self, names: Mapping[str, Iterable[str]]) -> None:
        """Hold every reference against the names that the document declares.

        Args:
            names: for each target (`party`, `body`, ...) the ids declared.
        """
        known = {target: frozenset(ids) for target, ids in names.items()}
        ordered = {target: sorted(ids) for target, ids in known.items()}
        for each in self.references:
            if not any(each.node.text in known.get(target, ()) for target in each.targets):
                self.clause = each.clause
                named = [name for target in each.targets for name in ordered.get(target, ())]
                self.note(
                    each.node,
                    "dangling-reference",
                    f"no {' or '.join(each.targets)} of that name is declared",
                    suggestion(each.node.text, [*each.fixed, *named], what=each.targets[0]),
                )
        self.clause = ""


def suggestion(text: str, candidates: Sequence[str], *, what: str = "word") -> str:
    """Advice that names what was probably meant, or what may stand here.

    Cost: bounded, however many candidates there are.
    """
    some: Sequence[str] = candidates
    if len(some) > 200:
        some = [each for each in some if each[:1] == text[:1] and abs(len(each) - len(text)) < 3]
    if len(text) <= 64:
        close = difflib.get_close_matches(text, some[:200], n=1, cutoff=0.6)
        if not close:
            lower = {each.lower(): each for each in some[:200]}
            close = [lower[text.lower()]] if text.lower() in lower else []
        if close:
            return f"did you mean `{close[0]}`?"
    if not candidates:
        return f"no {what} is declared"
    shown = ", ".join(f"`{each}`" for each in candidates[:14])
    return f"one of {shown}{', ...' if len(candidates) > 14 else ''}"


class Kind(ABC):
    """How one kind of value is read and shown."""

    shapes: tuple[type, ...] = (TextNode,)
    """The nodes that it reads, to choose between alternatives."""

    @abstractmethod
    def read(self, node: Node, reading: Reading) -> Any:
        """Read a node; raises UnreadError after keeping a finding."""

    @abstractmethod
    def show(self, value: Any, *, full: bool = False) -> Tree:
        """The plain tree that reads back to `value`."""

    @abstractmethod
    def words(self, value: Any) -> str:
        """The value as people say it."""

    @abstractmethod
    def schema(self) -> Schema:
        """JSON Schema; declarations are referred to under `#/$defs/`."""

    def owns(self, value: Any) -> bool:
        """Whether a value is of this kind, to choose between alternatives."""
        return isinstance(value, str)

    def parts(self) -> tuple[Kind, ...]:
        """The kinds inside this one."""
        return ()


def scalar_of(node: Node, reading: Reading, form: str) -> str:
    """The text of a scalar node that holds something."""
    if not isinstance(node, TextNode):
        shape = "list" if isinstance(node, ListNode) else "map"
        raise reading.fail(node, "wrong-type", f"a {shape} stands where {form} is meant")
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
        said = [
            f"{each.key.replace('_', ' ')}: {each.field.kind.words(getattr(value, each.name))}"
            for each in declared(self.declaration)
            if not each.is_default(value)
        ]
        return "; ".join(said) or "as by default"

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
                advice = suggestion(key.text, [*keys, *known], what="key")
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
                f"add `{each.key}:`",
            )
            bad = True
        elif each.field.follows and each.name not in seen:
            other = next(one for one in keys.values() if one.name == each.field.follows)
            values[each.name] = values.get(other.name, other.default)
    if bad:
        raise UnreadError
    return declaration(**values)


def show_group(value: object, *, full: bool = False) -> dict[str, Tree]:
    """The map that reads back to a value; without defaults unless `full`."""
    tree: dict[str, Tree] = {}
    for each in declared(type(value)):
        if not full and not each.required and each.is_default(value):
            continue
        one = getattr(value, each.name)
        tree[each.key] = None if one is None else each.field.kind.show(one, full=full)
    return tree


def is_nothing(value: object) -> bool:
    """Whether a value says nothing: none, an empty text, list or map."""
    return value is None or (isinstance(value, str | tuple | Table) and not value)


def listed(words: Sequence[str], last: str = "and") -> str:
    """`a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def groups_within(kind: Kind) -> Iterator[type]:
    """The declarations that a kind reads, not looking inside them."""
    if isinstance(kind, Group):
        yield kind.declaration
    for part in kind.parts():
        yield from groups_within(part)
