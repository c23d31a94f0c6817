"""An outline says where a record stands and what it rests on, and nothing of what it says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from allied.errors import AlliedError, UnverifiedError
from allied.record.canonical import Json, decode, encode
from allied.record.history import history
from allied.record.ids import RecordId
from allied.record.outline import (
    is_outline,
    looks_outlined,
    outline_of,
    read_either,
    read_outline,
    read_stored,
    verdict_in,
)
from allied.record.record import Record
from tests.node.hands import RIVER, allied, attack, record_of


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """A report of an incident, as one node wrote it."""
    network, pact = allied(Path(tmp_path_factory.mktemp("outline")))
    attack(network.houses[RIVER], pact)
    return record_of(network.houses[RIVER], pact, "incident.report")


def test_an_outline_keeps_the_place_and_leaves_out_what_is_said(report: Record) -> None:
    raw = outline_of(report, "effect.not-entitled")
    found = read_outline(raw)
    assert found.header == replace(report.header, kind="outline")
    assert (found.id, verdict_in(found), found.assertions) == (
        report.id,
        "effect.not-entitled",
        (),
    )
    assert is_outline(found)
    assert not is_outline(report)
    assert b"incident" not in raw
    assert len(raw) < len(report.raw)


def test_an_outline_of_an_outline_is_the_same(report: Record) -> None:
    raw = outline_of(report, "")
    assert outline_of(read_outline(raw), "effect.other") == raw


def test_what_is_read_is_told_apart_by_its_first_bytes(report: Record) -> None:
    raw = outline_of(report, "")
    assert looks_outlined(raw)
    assert not looks_outlined(report.raw)
    assert is_outline(read_either(raw))
    assert read_either(report.raw) == report
    assert read_stored(report.raw, report.id) == report
    assert read_stored(raw, report.id).id == report.id
    with pytest.raises(UnverifiedError, match="does not match"):
        read_stored(raw, RecordId("ab" * 32))


def test_a_history_takes_the_record_where_it_is_given_both(report: Record) -> None:
    outline = read_outline(outline_of(report, ""))
    for given in ([report, outline], [outline, report]):
        past = history([replace(each, header=_alone(each)) for each in given])
        (only,) = past.order
        assert only.raw == report.raw
    (only,) = history([replace(outline, header=_alone(outline))]).order
    assert is_outline(only)


def _alone(record: Record):  # type: ignore[no-untyped-def]
    return replace(record.header, deps=(), previous=None, sequence=1)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param({"format": "outline/2"}, "record.outline", id="another format"),
        pytest.param({"verdict": 1}, "record.outline", id="a verdict that is no text"),
        pytest.param({"verdict": "x" * 129}, "record.outline", id="a verdict that is no code"),
        pytest.param({"more": 1}, "record.outline", id="one key more"),
        pytest.param({"id": "no digest"}, "ids.not-a-digest", id="a record that is none"),
        pytest.param({"header": {}}, "record.shape", id="a header without keys"),
    ],
)
def test_what_is_no_outline_is_refused(report: Record, change: dict[str, Json], code: str) -> None:
    value = decode(outline_of(report, ""), limit=1 << 20)
    assert isinstance(value, dict)
    read_outline(encode(value))  # the twin that passes
    with pytest.raises(AlliedError) as refusal:
        read_outline(encode({**value, **change}))
    assert refusal.value.code == code


def test_an_outline_that_names_the_kind_of_its_record_is_refused(report: Record) -> None:
    value = decode(outline_of(report, ""), limit=1 << 20)
    assert isinstance(value, dict)
    header = value["header"]
    assert isinstance(header, dict)
    with pytest.raises(AlliedError) as refusal:
        read_outline(encode({**value, "header": {**header, "kind": "incident.report"}}))
    assert refusal.value.code == "record.outline"
