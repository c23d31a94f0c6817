"""A record that was kept under its id is read again without asking anew what was asked then."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from allied.errors import UnverifiedError
from allied.record import canonical, envelope, record
from allied.record.ids import RecordId
from allied.record.kept import read_kept
from allied.record.record import Record
from tests.record.cast import digest_of
from tests.record.test_record import RECEIPT, SIGNING, dep, payload_json, resigned


def with_deps() -> Record:
    value: dict[str, Any] = payload_json()
    value["header"]["deps"] = [dep(), dep(incarnation=1, sequence=7)]
    return record.read(resigned(value))


CASES = [
    pytest.param(RECEIPT, id="a receipt"),
    pytest.param(SIGNING, id="an act, with a person's assertion"),
    pytest.param(with_deps(), id="one that cites heads"),
]


@pytest.mark.parametrize("one", CASES)
def test_it_reads_the_same_as_at_first(one: Record) -> None:
    again = read_kept(one.raw, one.id)
    assert again == one
    assert again == record.read(one.raw)
    assert again.header.chain == one.header.chain
    assert record.payload(again.header, again.body)


@pytest.mark.parametrize("one", CASES)
def test_another_id_is_refused(one: Record) -> None:
    with pytest.raises(UnverifiedError) as refusal:
        read_kept(one.raw, RecordId(digest_of("another")))
    assert refusal.value.code == "record.not-its-bytes"


@pytest.mark.parametrize("one", CASES)
@given(st.data())
def test_bytes_that_a_disk_spoilt_are_refused_or_say_the_same(
    one: Record, data: st.DataObject
) -> None:
    changed = bytearray(one.raw)
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        again = read_kept(bytes(changed), one.id)
    except UnverifiedError:
        return
    # What the digest does not cover: signatures, assertions.
    assert (again.header, again.body, again.id) == (one.header, one.body, one.id)


@given(st.binary(max_size=200))
def test_noise_is_refused(raw: bytes) -> None:
    with pytest.raises(UnverifiedError):
        read_kept(raw, RECEIPT.id)


@pytest.mark.parametrize(
    "payload", [b"[]", b'"header"', b"{}", b'{"body":{},"header":{}}', b'{"header":[]}']
)
def test_what_never_was_a_record_is_refused_also_under_its_own_digest(payload: bytes) -> None:
    raw = envelope.encode(envelope.Envelope(envelope.RECORD_TYPE, payload, ()))
    with pytest.raises(UnverifiedError) as refusal:
        read_kept(raw, RecordId(canonical.digest(payload)))
    assert refusal.value.code == "record.not-its-bytes"
