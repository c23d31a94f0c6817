"""Headers that were kept as columns come back as they were, and bodies when they are asked for."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, strategies as st

from allied.errors import MalformedError, UnverifiedError
from allied.record.columns import ids_in, packed, unpacked
from allied.record.history import history
from allied.record.outline import outline_of, read_outline
from allied.record.record import Record
from tests.agreement.test_fold import EXTRA, LEFT, STORY
from tests.record.test_record import RECEIPT, SIGNING

EVERY = [*STORY, *EXTRA, read_outline(outline_of(STORY[-1], "effect.late"))]


def again(records: list[Record]) -> list[Record]:
    head, raw = packed(records)
    assert ids_in(head, raw) == [each.id for each in records]
    return unpacked(head, raw, [each.raw for each in records])


@given(st.lists(st.sampled_from([*EVERY, *LEFT]), max_size=40, unique_by=lambda each: each.id))
def test_records_come_back_as_they_were(records: list[Record]) -> None:
    records = [each for each in records if each.header.agreement == STORY[0].header.agreement]
    if not records:
        return
    found = again(records)
    assert found == records
    for one, other in zip(found, records, strict=True):
        assert one.header == other.header
        assert one.header.chain == other.header.chain
        assert (one.body, one.assertions) == (other.body, other.assertions)
        assert hash(one) == hash(other)
    assert history(found) == history(records)


def test_a_body_is_read_once_and_when_it_is_asked_for() -> None:
    (found,) = again([SIGNING])
    for name in ("body", "assertions"):
        with pytest.raises(AttributeError):
            object.__getattribute__(found, name)
    assert found.assertions == SIGNING.assertions
    assert found.body is found.body
    with pytest.raises(AttributeError):
        found.nothing_of_that_name  # type: ignore[attr-defined]  # noqa: B018


def test_a_body_under_other_bytes_is_refused_when_it_is_asked_for() -> None:
    head, raw = packed([RECEIPT])
    (found,) = unpacked(head, raw, [SIGNING.raw])
    with pytest.raises(UnverifiedError) as refusal:
        _ = found.body
    assert refusal.value.code == "record.not-its-bytes"
    (twin,) = unpacked(head, raw, [RECEIPT.raw])
    assert twin.body == RECEIPT.body


def shorter(head: dict[str, Any]) -> None:
    head["lengths"][0] -= 1


def longer(head: dict[str, Any]) -> None:
    head["lengths"][-1] += 1


def elsewhere(head: dict[str, Any]) -> None:
    head["order"] = "another machine"


def more_ids(head: dict[str, Any]) -> None:
    head["ids"] += 10_000


@pytest.mark.parametrize("change", [shorter, longer, elsewhere, more_ids])
def test_columns_that_do_not_fit_are_refused(change: Any) -> None:
    head, raw = packed(STORY)
    envelopes = [each.raw for each in STORY]
    assert unpacked(copy.deepcopy(head), raw, envelopes) == STORY
    changed: Any = copy.deepcopy(head)
    change(changed)
    with pytest.raises(MalformedError) as refusal:
        unpacked(changed, raw, envelopes)
    assert refusal.value.code == "record.columns"
    with pytest.raises(MalformedError):
        unpacked(head, raw, envelopes[:-1])
