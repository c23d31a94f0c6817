"""P21: what lawyers are shown as changed is what changed in the model that is signed, no more.

The model is JSON with every default written out. Here two models are compared by walking over
them without any declaration, and the places found are held against the places that `diff` names:
article and key for an article, key and entry elsewhere.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, strategies as st

from allied.agreement.diff import diff
from allied.agreement.explain import explain
from allied.agreement.fields import declared
from allied.agreement.terms import Agreement, canonical, load
from tests.agreement.texts import FEW, SAMPLE_FILES, TEMPLATE_FILES, agreements, values

Place = tuple[str, ...]


def by_key(entries: Any) -> dict[str, Any] | None:
    """Entries of a list by what names them; None for a list of something else."""
    for key in ("id", "art", "name"):
        if (
            isinstance(entries, list)
            and entries
            and all(isinstance(each, dict) and key in each for each in entries)
        ):
            return {each[key]: each for each in entries}
    return None


def places(before: Any, after: Any) -> set[Place]:
    """Where two models differ: (key,), (key, entry), or ("articles", number, key)."""
    found: set[Place] = set()
    for key in before.keys() | after.keys():
        old, new = before.get(key), after.get(key)
        if old == new or _same(old, new):
            continue
        named = by_key(old or []), by_key(new or [])
        if key in {"parties", "articles"}:
            one, two = named[0] or {}, named[1] or {}
            for name in one.keys() | two.keys():
                if one.get(name) == two.get(name):
                    continue
                if name not in one or name not in two:
                    found.add((key, name))
                elif one[name].get("type") != two[name].get("type"):
                    found.add((key, name, "type"))
                else:
                    found |= {
                        (key, name, each)
                        for each in one[name].keys() | two[name].keys()
                        if not _same(one[name].get(each), two[name].get(each))
                    }
        else:
            found.add((key,))
    return found


def _same(one: Any, two: Any) -> bool:
    """Equal but for the order of what has none: the model keeps the order of the text."""
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and sorted(map(repr, one)) == sorted(map(repr, two))
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(_same(one[key], two[key]) for key in one)
    return bool(one == two)


def named_by_diff(before: Agreement, after: Agreement) -> set[Place]:
    depth = {"parties": 3, "articles": 3}
    return {change.path[: depth.get(change.path[0], 1)] for change in diff(before, after)}


def models(*both: Agreement) -> list[Any]:
    return [canonical(each) for each in both]


@FEW
@given(agreements(), agreements())
def test_two_agreements_differ_where_their_models_do(one: Agreement, two: Agreement) -> None:
    assert named_by_diff(one, two) == places(*models(one, two))


@FEW
@given(agreements(), st.data())
def test_one_changed_field_is_the_only_change_that_is_named(
    agreement: Agreement, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(agreement.articles) - 1))
    clause = agreement.articles[at]
    field = data.draw(
        st.sampled_from([each for each in declared(type(clause)) if each.name != "art"])
    )
    other = replace(clause, **{field.name: data.draw(values(field.field.kind))})
    changed = replace(
        agreement,
        articles=tuple(other if each is clause else each for each in agreement.articles),
    )
    old, new = models(agreement, changed)
    assume(not _same(old, new))

    assert named_by_diff(agreement, changed) == {("articles", clause.art, field.key)}
    assert explain(agreement) != explain(changed)


@pytest.mark.parametrize("file", [*SAMPLE_FILES, *TEMPLATE_FILES], ids=lambda file: file.stem)
def test_files_that_we_publish_differ_where_their_models_do(file: Path) -> None:
    (first, *_) = load(SAMPLE_FILES[0].read_bytes(), "first")
    for each in load(file.read_bytes(), file.name):
        if isinstance(each, Agreement) and isinstance(first, Agreement):
            assert named_by_diff(first, each) == places(*models(first, each))
            assert named_by_diff(each, each) == set()
