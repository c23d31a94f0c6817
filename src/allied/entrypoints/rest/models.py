"""The shapes of answers as pydantic models, made from the values that use cases return.

Answers are written from those values (`shapes.plain`), never through a model: the models
are for the OpenAPI document, and the tests hold answers against it. So there is one
definition of each shape, and a field that a use case gains is documented by itself.
"""

from __future__ import annotations

import dataclasses
import re
import sys
import types
import typing
from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, Final, NewType, cast

from pydantic import BaseModel, Field, create_model

from allied.exchange import limits
from allied.node import items
from allied.record import ids

_LISTS: Final = frozenset({tuple, list, Sequence, set, frozenset})
_NAMES: Final[Mapping[str, object]] = {
    **{name: value for name, value in vars(ids).items() if isinstance(value, NewType)},
    "datetime": datetime,
    "Mapping": Mapping,
    "Sequence": Sequence,
    "ItemView": items.ItemView,
    "RecipientView": items.RecipientView,
    "Warned": limits.Warned,
}
"""What annotations of the values name and their modules import for type checkers only."""


def model_of(shape: type[Any]) -> type[BaseModel]:
    """The model of a frozen value: the same names, described by its docstring."""
    return _made(cast("Hashable", shape))


@cache
def _made(shape: Any) -> type[BaseModel]:
    hints = typing.get_type_hints(
        shape, globalns=vars(sys.modules[shape.__module__]), localns=dict(_NAMES)
    )
    described = _descriptions(shape.__doc__ or "")
    fields: dict[str, Any] = {
        field.name: (_kind(hints[field.name]), Field(description=described.get(field.name)))
        for field in dataclasses.fields(shape)
    }
    first = (shape.__doc__ or "").strip().split("\n", 1)[0]
    model: type[BaseModel] = create_model(shape.__name__, __doc__=first, **fields)
    return model


def _kind(hint: Any) -> Any:
    """An annotation as JSON has it."""
    while isinstance(hint, NewType):
        hint = hint.__supertype__
    origin, of = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return typing.Union[tuple(_kind(each) for each in of)]  # noqa: UP007 - made at run time
    if origin in _LISTS:
        elements = tuple(_kind(each) for each in of if each is not Ellipsis)
        return list[typing.Union[elements]]  # type: ignore[valid-type]  # noqa: UP007
    if origin in (dict, Mapping):
        return dict[str, _kind(of[1])]  # type: ignore[misc]
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return model_of(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return str
    return hint if hint in (str, int, bool, float, datetime, type(None)) else Any


def _descriptions(doc: str) -> dict[str, str]:
    """What a docstring says of the attributes, by name."""
    _, _, section = doc.partition("Attributes:\n")
    found: dict[str, str] = {}
    names: tuple[str, ...] = ()
    for line in section.splitlines():
        said = re.fullmatch(r" {8}(\w[\w, ]*): (.*)", line)
        if said:
            names = tuple(each.strip() for each in said[1].split(","))
            found |= dict.fromkeys(names, said[2])
        elif line.startswith(" " * 12):
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
        elif line.strip():
            break
    return found


class Wrong(BaseModel):
    """What was refused: a code for machines, a sentence, what to do about it."""

    code: str = Field(description="stable; see the reference of errors")
    message: str
    hint: str
    place: dict[str, Any] | None = Field(None, description="where in what was sent")
    facts: dict[str, Any] | None = Field(None, description="ids, counts and limits")


class Refusal(BaseModel):
    """Every refusal has this form."""

    error: Wrong
