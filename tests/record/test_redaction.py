"""What a redaction and its answer say, and which spellings are refused."""

from __future__ import annotations

import pytest

from allied.errors import MalformedError
from allied.record.canonical import Json
from allied.record.ids import Digest, RecordId
from allied.record.redaction import (
    ERASED,
    KEPT,
    MAX_TEXTS,
    answer_body,
    body,
    read_answer,
    read_redaction,
)

ONE, OTHER = Digest("1" * 64), Digest("2" * 64)
WHY: dict[str, Json] = {"blob": "3" * 64, "size": 40}
RECORD = RecordId("4" * 64)


def test_a_redaction_reads_as_it_was_written() -> None:
    read = read_redaction(body([OTHER, ONE, ONE], WHY))
    assert (read.texts, read.because) == ((ONE, OTHER), "3" * 64)
    assert read_redaction(body([ONE], None)).because == ""


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"texts": []}, id="no text"),
        pytest.param({"texts": "1" * 64}, id="a text that is no list"),
        pytest.param({"texts": [OTHER, ONE]}, id="not sorted"),
        pytest.param({"texts": [ONE, ONE]}, id="one twice"),
        pytest.param({"texts": [ONE[:-1]]}, id="no digest"),
        pytest.param({"texts": [{"blob": ONE, "size": 3}]}, id="a reference"),
        pytest.param({"texts": [f"{n:064x}" for n in range(MAX_TEXTS + 1)]}, id="too many"),
        pytest.param({"because": "it hurts"}, id="a reason that cannot be erased"),
        pytest.param({"more": 1}, id="something else beside it"),
    ],
)
def test_a_redaction_of_another_form_is_refused(changed: dict[str, Json]) -> None:
    read_redaction(body([ONE], WHY))  # the twin that passes
    with pytest.raises(MalformedError):
        read_redaction(body([ONE], WHY) | changed)


def test_as_many_texts_as_may_be_named_are_read() -> None:
    names = [Digest(f"{n:064x}") for n in range(MAX_TEXTS)]
    assert list(read_redaction(body(names, None)).texts) == names


def test_an_answer_reads_as_it_was_written() -> None:
    erased, kept = read_answer(answer_body(RECORD, None)), read_answer(answer_body(RECORD, WHY))
    assert (erased.did, erased.because, erased.redaction) == (ERASED, "", RECORD)
    assert (kept.did, kept.because, kept.redaction) == (KEPT, "3" * 64, RECORD)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"did": "kept", "redaction": RECORD}, id="kept without a reason"),
        pytest.param({"did": "erased", "redaction": RECORD, "because": WHY}, id="erased, with one"),
        pytest.param({"did": "burnt", "redaction": RECORD}, id="something else"),
        pytest.param({"did": "erased", "redaction": "x"}, id="to no record"),
        pytest.param({"did": "erased"}, id="to nothing"),
    ],
)
def test_an_answer_of_another_form_is_refused(value: dict[str, Json]) -> None:
    with pytest.raises(MalformedError):
        read_answer(value)
