"""Whose wish it is that a text be erased, whether it counts, and what each party came to.

A text lies beside the record that names it, so that it can be erased while every chain, fold
and digest stays as it is. Its author asks; every holder's node erases its bytes, or keeps them
where people there have said beforehand why, and answers.

Words used here:
    author    the issuer of the first record that names the text
    wish      a redaction with effect: that these texts be erased
    said      the last answer of a party to a wish: erased, or kept and why

Rules. Only the author's wish counts: nobody erases the words of somebody else. Two parties that
name one text, and neither knew the other's record, are both no author, and people decide: digests
are salted, so one of them has it from the other and conceals that. What is put to a vote stays:
the count is about its digest, and nobody could read any more what was decided. A wish may come
before or after the record that names the text; whether it counts follows from the set of records.
An answer counts in the circle of the wish alone. The last answer of a party is its word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from allied.errors import AlliedError, RefusedError
from allied.record.blob import references
from allied.record.redaction import ANSWER, REDACTION, Redaction, read_answer, read_redaction

if TYPE_CHECKING:
    from allied.record.ids import CircleId, Digest, OrganisationId, PartyId, RecordId
    from allied.record.record import Record

Knows = Callable[["RecordId", "RecordId"], bool]
"""Whether the first record knows the second."""

ON_THE_TABLE: Final = "words"
"""The key of a body under which the words stand that are put to a vote."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One redaction with effect.

    Attributes:
        at: its claimed time.
        because: digest of the blob that says why, or empty.
    """

    record: RecordId
    circle: CircleId
    issuer: OrganisationId
    by: PartyId
    at: datetime
    texts: tuple[Digest, ...]
    because: str


@dataclass(frozen=True, slots=True)
class Said:
    """The last word of one party on one wish; `because` is a digest, or empty."""

    did: str
    because: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a text comes from.

    Attributes:
        author: who named it first.
        contested: somebody else named it without knowing that.
        on_the_table: it is, or was, put to a vote.
    """

    author: OrganisationId
    contested: bool
    on_the_table: bool


def wishes(
    statements: Iterable[Record], party: Callable[[OrganisationId], PartyId | None]
) -> tuple[Wish, ...]:
    """The redactions among the records with effect, in their order; what cannot be read is none."""
    found = []
    for record in statements:
        header = record.header
        by = party(header.issuer) if header.kind == REDACTION else None
        asked = _read(record) if by is not None else None
        if by is not None and asked is not None:
            found.append(
                Wish(
                    record.id,
                    header.circle,
                    header.issuer,
                    by,
                    header.claimed_at,
                    asked.texts,
                    asked.because,
                )
            )
    return tuple(found)


def answers(
    statements: Iterable[Record],
    found: Iterable[Wish],
    party: Callable[[OrganisationId], PartyId | None],
) -> Mapping[RecordId, Mapping[PartyId, Said]]:
    """By wish, the last answer of each party but its author."""
    by_record = {wish.record: wish for wish in found}
    said: dict[RecordId, dict[PartyId, Said]] = {record: {} for record in by_record}
    for record in statements:
        header = record.header
        if header.kind != ANSWER:
            continue
        try:
            answer = read_answer(record.body)
        except AlliedError:
            continue  # what cannot be read answers nothing
        wish, by = by_record.get(answer.redaction), party(header.issuer)
        if wish is None or by is None or by == wish.by or header.circle != wish.circle:
            continue
        said[wish.record][by] = Said(answer.did, answer.because, header.claimed_at)
    return said


def origins(
    order: Iterable[Record], knows: Knows, wanted: frozenset[Digest]
) -> Mapping[Digest, Origin]:
    """Where texts come from; one that no record names is not in the answer.

    Args:
        order: complete records, each behind what it rests on.

    Cost: one pass over the records.
    """
    named: dict[Digest, list[Record]] = {}
    tabled: set[Digest] = set()
    for record in order:
        for text in wanted.intersection(references(record.body)):
            named.setdefault(text, []).append(record)
            if text in references(record.body.get(ON_THE_TABLE)):
                tabled.add(text)
    found = {}
    for text, records in named.items():
        author = records[0].header.issuer
        own = [each.id for each in records if each.header.issuer == author]
        contested = any(
            each.header.issuer != author and not any(knows(each.id, mine) for mine in own)
            for each in records
        )
        found[text] = Origin(author, contested, text in tabled)
    return found


def require_entitled(text: Digest, issuer: OrganisationId, found: Mapping[Digest, Origin]) -> None:
    """Return if the wish of `issuer` that `text` be erased counts.

    Raises:
        RefusedError: `erasure.unnamed`, no record here names it; `erasure.not-the-author`,
            `erasure.contested`, `erasure.put-to-the-vote`.
    """
    origin = found.get(text)
    if origin is None:
        raise RefusedError("erasure.unnamed", "no record here names a text of that digest")
    if origin.contested:
        raise RefusedError(
            "erasure.contested",
            "two parties name that text, and neither knew of the other's record",
            hint="people settle whose it is; who holds it decides about its own copy",
        )
    if origin.author != issuer:
        raise RefusedError(
            "erasure.not-the-author",
            "only who wrote a text has it erased everywhere",
            hint="ask its author",
        )
    if origin.on_the_table:
        raise RefusedError(
            "erasure.put-to-the-vote",
            "what is put to a vote stays: nobody could read any more what was decided",
            hint="withdraw the proposal; put the question again in other words",
        )


def why_not(text: Digest, issuer: OrganisationId, found: Mapping[Digest, Origin]) -> str:
    """The code of why a wish does not count for a text; empty where it does."""
    try:
        require_entitled(text, issuer, found)
    except RefusedError as refusal:
        return refusal.code
    return ""


def _read(record: Record) -> Redaction | None:
    try:
        return read_redaction(record.body)
    except AlliedError:
        return None
