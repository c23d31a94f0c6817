"""Whose wish counts that a text be erased, and what the last word of each party is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from allied.agreement.erasing import Origin, Said, Wish, answers, origins, why_not, wishes
from allied.record.canonical import Json
from allied.record.ids import (
    AgreementId,
    CircleId,
    Digest,
    KeyId,
    OrganisationId,
    PartyId,
    RecordId,
)
from allied.record.record import Header, Record
from allied.record.redaction import ANSWER, REDACTION, answer_body, body

TEXT, OTHER = Digest("a" * 64), Digest("b" * 64)
START = datetime(2026, 11, 23, tzinfo=UTC)
NAMES = {OrganisationId(letter * 64): PartyId(letter) for letter in "abc"}


def said(number: int, by: str, kind: str, value: dict[str, Json], circle: str = "1") -> Record:
    """A record as far as these rules look at it."""
    header = Header(
        agreement=AgreementId("f" * 64),
        circle=CircleId(circle * 64),
        issuer=OrganisationId(by * 64),
        key=KeyId("e" * 64),
        incarnation=0,
        sequence=number,
        previous=None,
        deps=(),
        version=Digest("d" * 64),
        kind=kind,
        claimed_at=START + timedelta(minutes=number),
    )
    return Record(header, value, RecordId(f"{number:064x}"), b"", ())


def names(number: int, by: str, text: Digest = TEXT, key: str = "note") -> Record:
    return said(number, by, "incident.report", {key: {"blob": text, "size": 9}})


def in_order(later: RecordId, earlier: RecordId) -> bool:
    return later > earlier


def apart(later: RecordId, earlier: RecordId) -> bool:
    return False


WANTED = frozenset({TEXT, OTHER})


@pytest.mark.parametrize(
    ("records", "knows", "asker", "code"),
    [
        pytest.param([names(1, "a")], in_order, "a", "", id="the author"),
        pytest.param([names(1, "a")], in_order, "b", "erasure.not-the-author", id="another party"),
        pytest.param([], in_order, "a", "erasure.unnamed", id="of nothing that is here"),
        pytest.param([names(1, "a", OTHER)], in_order, "a", "erasure.unnamed", id="another text"),
        pytest.param([names(1, "a"), names(2, "b")], in_order, "a", "",
                     id="the author, and somebody cites it later"),
        pytest.param([names(1, "a"), names(2, "b")], in_order, "b", "erasure.not-the-author",
                     id="who cites it later"),
        pytest.param([names(1, "a"), names(2, "b")], apart, "a", "erasure.contested",
                     id="two that do not know of each other"),
        pytest.param([names(1, "a"), names(2, "a")], apart, "a", "", id="the author, said twice"),
        pytest.param([names(1, "a", key="words")], in_order, "a", "erasure.put-to-the-vote",
                     id="what is put to a vote"),
        pytest.param([names(1, "a", key="reasons")], in_order, "a", "", id="the reason of a vote"),
    ],
)  # fmt: skip
def test_whose_wish_counts(records: list[Record], knows: object, asker: str, code: str) -> None:
    found = origins(records, knows, WANTED)  # type: ignore[arg-type]
    assert why_not(TEXT, OrganisationId(asker * 64), found) == code


def test_where_a_text_comes_from() -> None:
    found = origins([names(1, "a"), names(2, "b", OTHER, "words")], in_order, WANTED)
    assert found == {
        TEXT: Origin(OrganisationId("a" * 64), contested=False, on_the_table=False),
        OTHER: Origin(OrganisationId("b" * 64), contested=False, on_the_table=True),
    }


def one_wish() -> tuple[Record, Wish]:
    record = said(5, "a", REDACTION, body([TEXT], None))
    (wish,) = wishes([names(1, "a"), record], NAMES.get)
    return record, wish


def test_a_wish_is_read_and_what_is_none_is_passed_over() -> None:
    record, wish = one_wish()
    assert (wish.record, wish.by, wish.texts) == (record.id, "a", (TEXT,))
    broken = said(6, "a", REDACTION, {"texts": "all"})
    stranger = said(7, "d", REDACTION, body([TEXT], None))
    assert wishes([broken, stranger], NAMES.get) == ()


@pytest.mark.parametrize(
    ("spoken", "word"),
    [
        pytest.param([("b", None, "1")], "erased", id="erased"),
        pytest.param([("b", TEXT, "1")], "kept", id="kept"),
        pytest.param([("b", TEXT, "1"), ("b", None, "1")], "erased", id="the last word"),
        pytest.param([("b", None, "2")], "", id="said in another circle"),
        pytest.param([("a", None, "1")], "", id="the author itself"),
        pytest.param([("c", None, "1")], "", id="somebody else"),
    ],
)
def test_the_last_word_of_a_party(spoken: list[tuple[str, Digest | None, str]], word: str) -> None:
    record, wish = one_wish()
    records = [
        said(
            number,
            by,
            ANSWER,
            answer_body(record.id, {"blob": why, "size": 3} if why else None),
            circle,
        )
        for number, (by, why, circle) in enumerate(spoken, 10)
    ]
    found = answers(records, [wish], NAMES.get)[wish.record].get(PartyId("b"))
    assert (found.did if found else "") == word
    if isinstance(found, Said) and word == "kept":
        assert found.because == TEXT


@given(st.permutations([names(1, "a"), names(2, "b", OTHER), names(3, "c", OTHER, "words")]))
def test_where_texts_come_from_does_not_depend_on_others_records(order: list[Record]) -> None:
    found = origins(order, in_order, WANTED)
    assert found[TEXT].author == OrganisationId("a" * 64)
    assert found[OTHER].on_the_table
