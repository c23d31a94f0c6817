from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given

from allied.agreement.fields import declared, is_nothing
from allied.agreement.terms import Agreement, canonical, dump, load
from allied.record import canonical as json_bytes
from tests.agreement.texts import FEW, SAMPLE_FILES, TEMPLATE_FILES, agreements


@pytest.mark.parametrize("file", [*SAMPLE_FILES, *TEMPLATE_FILES], ids=lambda file: file.stem)
def test_a_file_reads_prints_and_reads_back_the_same(file: Path) -> None:
    values = load(file.read_bytes(), file.name)

    printed = "---\n".join(dump(value) for value in values)

    assert load(printed.encode(), "printed") == values
    assert all(len(line) <= 120 for line in printed.splitlines())


@FEW
@given(agreements())
def test_every_agreement_prints_and_reads_back_the_same(agreement: Agreement) -> None:
    printed = dump(agreement)

    (again,) = load(printed.encode(), "printed")

    assert again == agreement
    assert dump(again) == printed
    assert canonical(again) == canonical(agreement)


@FEW
@given(agreements())
def test_the_model_has_every_field_and_only_text(agreement: Agreement) -> None:
    model = canonical(agreement)

    assert isinstance(model, dict)
    assert json_bytes.decode(json_bytes.encode(model), limit=2**22) == model
    assert set(model) == {"format", *(each.key for each in declared(Agreement))}
    _only_text(model)


def _only_text(value: object) -> None:
    if isinstance(value, dict):
        for key, each in value.items():
            assert isinstance(key, str)
            _only_text(each)
    elif isinstance(value, list):
        for each in value:
            _only_text(each)
    else:
        assert value is None or isinstance(value, str)


def test_writing_out_a_default_changes_nothing() -> None:
    short = load(b"format: alliance/1\nid: a\nform: {kind: treaty}\nparties: {ids: [x, y]}\n", "a")
    long = load(
        b"format: alliance/1\nid: a\nform: {kind: treaty, binding: yes}\ntimezone: UTC\n"
        b"parties: [{id: x, role: member}, {id: y}]\n"
        b"life: {in_force_when: {all: signed}, renewal: {automatic: no}, history: from-joining}\n",
        "b",
    )
    assert short == long


def test_order_of_keys_changes_nothing() -> None:
    one = load(b"format: alliance/1\nid: a\nform: {kind: treaty}\nparties: [{id: x}]\n", "a")
    two = load(b"parties: [{id: x}]\nform: {kind: treaty}\nid: a\nformat: alliance/1\n", "a")
    assert one == two


def test_what_is_left_out_says_nothing_or_has_a_default() -> None:
    (agreement,) = load(b"format: alliance/1\nid: a\nform: {kind: oral}\nparties: [{id: x}]", "a")
    assert isinstance(agreement, Agreement)

    assert agreement.articles == ()
    assert agreement.life.in_force_when.all == "signed"
    assert [each.key for each in declared(Agreement) if each.required] == ["id", "form", "parties"]
    assert all(
        each.is_default(agreement) or not is_nothing(getattr(agreement, each.name))
        for each in declared(Agreement)
    )
