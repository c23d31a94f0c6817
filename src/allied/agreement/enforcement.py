"""Which fields an agreement uses, and which of them this release does not act on.

The declarations say for each field who enforces it; this module only walks over the
values of one agreement.

Words used here:
    used    written with another value than the default
    later   no part of this release acts on it; people see it in `check` and `explain`

Rule that holds below: a field inside a value that nobody enforces is not listed again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from allied.agreement.clauses import Clause
from allied.agreement.shape import LATER, declared, is_declaration, is_nothing
from allied.agreement.terms import Agreement, Party
from allied.agreement.values import Table


@dataclass(frozen=True, slots=True)
class Used:
    """One field with the value it has.

    Attributes:
        path: keys, entry numbers, ids and article numbers, from the outside in.
        clause: number of the article, or an empty text.
        key: the key in the file.
        value: the frozen value.
        later: nobody acts on it yet.
    """

    path: tuple[str | int, ...]
    clause: str
    key: str
    value: Any
    later: bool


def used_but_later(agreement: Agreement) -> Iterator[Used]:
    """The outermost fields that the text uses and nobody acts on."""
    return (used for used in walk(agreement, into_later=False) if used.later)


def walk(agreement: Agreement, *, into_later: bool = True) -> Iterator[Used]:
    """Every field that the text uses, outer ones before what they hold."""
    yield from _fields(agreement, (), "", into_later=into_later)


def _fields(
    owner: object, path: tuple[str | int, ...], clause: str, *, into_later: bool
) -> Iterator[Used]:
    for each in declared(type(owner)):
        value = getattr(owner, each.name)
        if is_nothing(value) or (not each.required and each.is_default(owner)):
            continue
        here = (*path, each.key)
        later = each.enforced_by(value) == LATER
        yield Used(here, clause, each.key, value, later)
        if into_later or not later:
            yield from _inside(value, here, clause, into_later=into_later)


def _inside(
    value: Any, path: tuple[str | int, ...], clause: str, *, into_later: bool
) -> Iterator[Used]:
    entries: list[tuple[str | int | None, Any]]
    if isinstance(value, tuple):
        entries = [(_name(one, index), one) for index, one in enumerate(value)]
    elif isinstance(value, Table):
        entries = list(value.items())
    else:
        entries = [(None, value)]
    for name, one in entries:
        if is_declaration(one):
            art = one.art if isinstance(one, Clause) else clause
            here = path if name is None else (*path, name)
            yield from _fields(one, here, art, into_later=into_later)


def _name(value: object, index: int) -> str | int:
    match value:
        case Clause():
            return value.art
        case Party():
            return value.id
        case _:
            return index
