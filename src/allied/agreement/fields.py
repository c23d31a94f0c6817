"""What a declaration says about a field, and what a kind of value must be able to do.

Words used here:
    declaration   a dataclass whose every field is `Annotated[..., Field(...)]`
    kind          reads a node to a frozen value, shows it again, says it, describes it
    enforced by   the part of this release that acts on a field; `SHOWN` and `LATER` are none

Rule that holds everywhere below: a declaration is looked at once and kept; nothing here
knows any particular declaration.
"""

from __future__ import annotations

import dataclasses
import typing
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeAlias

from allied.agreement.reading import (
    Reading,
)
from allied.agreement.text import Node, TextNode
from allied.agreement.values import Table

Tree: TypeAlias = "str | list[Tree] | dict[str, Tree] | None"
"""What stands in a file; None only in the full, canonical form."""


Schema: TypeAlias = dict[str, Any]

SHOWN: Final = "shown only"
"""It informs people; there is nothing to enforce."""

LATER: Final = "not enforced yet"
"""It is read, printed and signed, but no part of this release acts on it."""

EXCHANGE: Final = "sharing"

RESPONSE: Final = "evaluation of incidents"

LIFE: Final = "the lifecycle of the agreement"

LOADER: Final = "reading the text"

DECISION: Final = "counting of decisions"


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

    def advice(self) -> str:
        """What may stand here, as the end of a sentence, where a few words say it."""
        return ""


def is_nothing(value: object) -> bool:
    """Whether a value says nothing: none, an empty text, list or map."""
    return value is None or (isinstance(value, str | tuple | Table) and not value)
