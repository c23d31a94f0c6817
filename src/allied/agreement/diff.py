"""What changes in meaning between two agreements.

Values are compared, not lines: how a text is laid out, in what order keys stand and
whether a default is written out make no difference. The comparison walks over the
declarations, so it knows every field and its phrase.

Words used here:
    change   one field, or one entry of a list or map, that is added, removed or different
    path     where it stands, from the outside in: articles, number, key

Rules that hold everywhere below. Articles are matched by number, parties and annexes by
id, protections by name; entries of a list in which order means nothing are compared as
sets. `diff(a, a)` is empty, and `diff(b, a)` says the reverse of `diff(a, b)`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from allied.agreement.clauses import Clause
from allied.agreement.fields import Field, Kind, Tree, declared, is_declaration, is_nothing
from allied.agreement.scalars import Words
from allied.agreement.shape import Group, Many, Named, OneOf
from allied.agreement.terms import Agreement, Articles, Parties, View, load

_KEYED_BY: Final = ("id", "art", "name")


@dataclass(frozen=True, slots=True)
class Change:
    """One difference in meaning.

    Attributes:
        kind: `added`, `removed` or `changed`.
        clause: number of the article, or an empty text.
        path: where it stands, from the outside in.
        before: the value in words; None where it is added.
        after: the value in words; None where it is removed.
        meaning: the sentence that holds afterwards, or an empty text.
    """

    kind: str
    clause: str
    path: tuple[str, ...]
    before: str | None
    after: str | None
    meaning: str = ""

    def __str__(self) -> str:
        rest = self.path[2:] if self.clause else self.path
        where = f"Article {self.clause}" if self.clause else ""
        name = ".".join(rest)
        place = f"{where}, {name}" if where and name else where or name
        match self.kind:
            case "added":
                said = f"+ {place}: {self.after}"
            case "removed":
                said = f"- {place}: {self.before}"
            case _:
                said = f"~ {place}: {self.before} -> {self.after}"
        return f"{said}  ({self.meaning})" if self.meaning else said


def diff(before: Agreement | View, after: Agreement | View) -> tuple[Change, ...]:
    """What changes in meaning from one agreement to another.

    Returns:
        The changes in the order of the format; empty when both mean the same.

    Cost: linear in both.
    """
    if type(before) is not type(after):
        return (Change("changed", "", ("format",), before.FORMAT, after.FORMAT),)
    return tuple(_groups(before, after, ()))


def diff_texts(
    before: bytes, before_source: str, after: bytes, after_source: str
) -> tuple[Change, ...]:
    """Compare two files; documents are matched by their ids.

    Raises:
        MalformedError: one of the files cannot be read.
    """
    old = {value.id: value for value in load(before, before_source)}
    new = {value.id: value for value in load(after, after_source)}
    if len(old) == len(new) == 1:
        return diff(*old.values(), *new.values())
    changes: list[Change] = []
    for name in [*old, *(name for name in new if name not in old)]:
        if name not in new:
            changes.append(Change("removed", "", (name,), old[name].title or name, None))
        elif name not in old:
            changes.append(Change("added", "", (name,), None, new[name].title or name))
        else:
            changes += diff(old[name], new[name])
    return tuple(changes)


def _groups(before: object, after: object, path: tuple[str, ...]) -> Iterator[Change]:
    for each in declared(type(before)):
        old, new = getattr(before, each.name), getattr(after, each.name)
        if old != new:
            yield from _values(each.field.kind, old, new, (*path, each.key), each.field)


def _values(
    kind: Kind, old: Any, new: Any, path: tuple[str, ...], field: Field
) -> Iterator[Change]:
    if isinstance(kind, OneOf):
        chosen = [_chosen(kind, value) for value in (old, new) if not is_nothing(value)]
        if len(chosen) == 2 and chosen[0] is chosen[1]:
            kind = chosen[0]
    match kind:
        case Group() if type(old) is type(new) and not is_nothing(old):
            yield from _groups(old, new, path)
        case Parties():
            yield from _keyed(_by_key(old), _by_key(new), path)
        case Articles():
            yield from _keyed(_by_key(old), _by_key(new), path)
        case Many() if isinstance(old, tuple) and isinstance(new, tuple):
            yield from _lists(kind, old, new, path, field)
        case Named():
            yield from _named(kind, old, new, path, field)
        case _:
            yield _change(kind, old, new, path, field)


def _chosen(kind: OneOf, value: Any) -> Kind:
    return next(each for each in kind.kinds if each.owns(value))


def _lists(
    kind: Many, old: tuple[Any, ...], new: tuple[Any, ...], path: tuple[str, ...], field: Field
) -> Iterator[Change]:
    if not kind.ordered and set(old) == set(new):
        return
    keyed = _by_key(old), _by_key(new)
    if len(keyed[0]) == len(old) and len(keyed[1]) == len(new) and (old or new):
        yield from _keyed(*keyed, path)
        return
    if isinstance(kind.each, Group):
        yield from _entries(kind, old, new, path)
    elif kind.ordered or not old or not new:
        yield _change(kind, old, new, path, field)
    else:
        for each in old:
            if each not in new:
                yield Change("removed", _art(path), path, kind.each.words(each), None)
        for each in new:
            if each not in old:
                yield Change("added", _art(path), path, None, kind.each.words(each))


def _entries(
    kind: Many, old: tuple[Any, ...], new: tuple[Any, ...], path: tuple[str, ...]
) -> Iterator[Change]:
    if not kind.ordered:
        both = set(old) & set(new)
        old = tuple(each for each in old if each not in both)
        new = tuple(each for each in new if each not in both)
    for index in range(max(len(old), len(new))):
        here = (*path, str(index + 1))
        if index >= len(new):
            yield Change("removed", _art(path), here, kind.each.words(old[index]), None)
        elif index >= len(old):
            yield Change("added", _art(path), here, None, kind.each.words(new[index]))
        elif old[index] != new[index]:
            yield from _groups(old[index], new[index], here)


def _named(
    kind: Named,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    path: tuple[str, ...],
    field: Field,
) -> Iterator[Change]:
    for name in [*old, *(name for name in new if name not in old)]:
        here = (*path, name)
        if name not in new:
            yield Change("removed", _art(path), here, kind.each.words(old[name]), None)
        elif name not in old:
            yield Change("added", _art(path), here, None, kind.each.words(new[name]))
        elif old[name] != new[name]:
            yield from _values(kind.each, old[name], new[name], here, field)


def _keyed(
    old: Mapping[str, Any], new: Mapping[str, Any], path: tuple[str, ...]
) -> Iterator[Change]:
    for key in [*old, *(key for key in new if key not in old)]:
        here = (*path, key)
        if key not in new:
            yield Change("removed", _art(here), here, _called(old[key]), None)
        elif key not in old:
            yield Change("added", _art(here), here, None, _called(new[key]))
        elif type(old[key]) is not type(new[key]):
            yield Change(
                "changed", _art(here), (*here, "type"), _called(old[key]), _called(new[key])
            )
        else:
            yield from _groups(old[key], new[key], here)


def _by_key(values: tuple[Any, ...]) -> dict[str, Any]:
    """The entries by what names them; empty for entries without a name."""
    keyed = {}
    for value in values:
        required = {
            each.key
            for each in (declared(type(value)) if is_declaration(value) else ())
            if each.required
        }
        key = next((key for key in _KEYED_BY if key in required), "")
        if key:
            keyed[getattr(value, key)] = value
    return keyed


def _called(value: Any) -> str:
    if isinstance(value, Clause):
        kind = value.TYPE.replace("-", " ")
        return f"{value.title} ({kind})" if value.title else kind
    return str(getattr(value, "name", "") or getattr(value, "title", "") or value.id)


def _change(kind: Kind, old: Any, new: Any, path: tuple[str, ...], field: Field) -> Change:
    before = None if is_nothing(old) else _words(kind, old)
    after = None if is_nothing(new) else _words(kind, new)
    how = "added" if before is None else "removed" if after is None else "changed"
    meaning = ""
    if isinstance(new, bool) and field.absent:
        meaning = field.phrase if new else field.absent
    elif after is None:
        meaning = field.absent
    elif "{}" in field.phrase and isinstance(kind.show(new), str) and not _is_wording(kind):
        meaning = field.phrase.replace("{}", kind.words(new))
    return Change(how, _art(path), path, before, after, meaning)


def _is_wording(kind: Kind) -> bool:
    """Free text, which a sentence would only repeat."""
    return isinstance(kind, Words)


def _words(kind: Kind, value: Any) -> str:
    tree: Tree = kind.show(value)
    return tree if isinstance(tree, str) else kind.words(value)


def _art(path: tuple[str, ...]) -> str:
    return path[1] if len(path) > 1 and path[0] == "articles" else ""
