"""Content under a salted digest, checked before it is opened."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given, strategies as st

from allied.errors import AlliedError, MalformedError, UnverifiedError, UsageError
from allied.record import blob, canonical

SALT = bytes(range(16))


@given(st.binary(max_size=300), st.sampled_from(["text/plain", "application/vnd.ms-excel"]))
def test_a_blob_is_opened_against_its_reference(content: bytes, media: str) -> None:
    reference, raw = blob.build(content, media, SALT)
    assert blob.open_blob(raw, reference) == (media, content)
    assert blob.read_reference(reference) == (canonical.digest(raw), len(raw))


def test_the_same_content_under_another_salt_is_another_blob() -> None:
    assert blob.build(b"a", "text/plain", SALT)[0] != blob.build(b"a", "text/plain", SALT[::-1])[0]


@given(st.data())
def test_any_flipped_byte_is_refused(data: st.DataObject) -> None:
    reference, raw = blob.build(b"narrative", "text/plain", SALT)
    changed = bytearray(raw)
    changed[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(UnverifiedError) as refusal:
        blob.open_blob(bytes(changed), reference)
    assert refusal.value.code == "blob.mismatch"


def referred(value: Any) -> tuple[dict[str, Any], bytes]:
    raw = canonical.encode(value)
    return {"blob": canonical.digest(raw), "size": len(raw)}, raw


GOOD: dict[str, Any] = {"content": "YQ==", "media": "text/plain", "salt": SALT.hex()}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"name": "x"}, "blob.shape", id="a key not known"),
        pytest.param({"content": 5}, "blob.shape", id="content that is no text"),
        pytest.param({"content": "YQ"}, "blob.shape", id="content without padding"),
        pytest.param({"content": "YR=="}, "blob.shape", id="content with loose bits"),
        pytest.param({"content": "é"}, "blob.shape", id="content beyond ASCII"),
        pytest.param({"salt": SALT.hex()[2:]}, "blob.shape", id="a short salt"),
        pytest.param({"salt": SALT.hex().upper()}, "blob.shape", id="a salt in capitals"),
        pytest.param({"media": "text"}, "blob.media", id="half a media type"),
        pytest.param({"media": "text/html; charset=x"}, "blob.media", id="a parameter"),
        pytest.param({"media": "text/plain\n"}, "blob.media", id="a line break"),
    ],
)
def test_blobs_that_match_and_still_are_none(changes: dict[str, Any], code: str) -> None:
    reference, raw = referred(GOOD)
    assert blob.open_blob(raw, reference) == ("text/plain", b"a")  # the twin that passes
    reference, raw = referred(GOOD | changes)
    with pytest.raises(MalformedError) as refusal:
        blob.open_blob(raw, reference)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    "reference",
    [
        pytest.param(None, id="nothing"),
        pytest.param({"blob": "0" * 64}, id="no size"),
        pytest.param({"blob": "0" * 64, "size": 1, "name": "x"}, id="a key not known"),
        pytest.param({"blob": "0" * 64, "size": 0}, id="nothing in it"),
        pytest.param({"blob": "0" * 64, "size": True}, id="a size that is no number"),
        pytest.param({"blob": "0" * 64, "size": blob.MAX_BLOB_BYTES + 1}, id="past the limit"),
        pytest.param({"blob": "0" * 63, "size": 1}, id="no digest"),
    ],
)
def test_references_that_are_refused(reference: Any) -> None:
    blob.read_reference({"blob": "0" * 64, "size": blob.MAX_BLOB_BYTES})  # the twin that passes
    with pytest.raises(MalformedError):
        blob.read_reference(reference)


def test_what_is_not_built() -> None:
    refusals: list[AlliedError] = []
    for content, media, salt in [
        (b"a", "text/plain", b"short"),
        (b"a", "TEXT/plain", SALT),
        (bytes(blob.MAX_CONTENT_BYTES + 1), "text/plain", SALT),
    ]:
        with pytest.raises((UsageError, MalformedError)) as refusal:
            blob.build(content, media, salt)
        refusals.append(refusal.value)
    assert [each.code for each in refusals] == ["blob.salt", "blob.media", "blob.too-large"]


def test_as_much_as_may_be_is_opened() -> None:
    content = bytes(blob.MAX_CONTENT_BYTES)
    reference, raw = blob.build(content, "application/octet-stream", SALT)
    assert blob.open_blob(raw, reference) == ("application/octet-stream", content)
    over = base64.b64encode(content + b"a").decode()
    reference, raw = referred(GOOD | {"content": over})
    with pytest.raises(MalformedError) as refusal:
        blob.open_blob(raw, reference)
    assert refusal.value.code == "blob.too-large"
