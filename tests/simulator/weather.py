"""What becomes of a question or its answer on the way, or in the hands of who answers it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from allied.node import along, messages
from allied.node.messages import Heads
from allied.node.pages import BlobsAnswer, BlobsPage, RecordsAnswer, RecordsPage
from allied.record.ids import OrganisationId
from allied.record.outline import read_either

FINE: Final = "fine"
LOST_QUESTION: Final = "question lost"
LOST_ANSWER: Final = "answer lost"
TWICE: Final = "question twice"
STALE: Final = "an answer of before"
GARBLED: Final = "a byte flipped"
CUT_OFF: Final = "answer cut off"
MIXED: Final = "records in another order"
HALVED: Final = "half of it held back"

WEATHERS: Final = (
    FINE, LOST_QUESTION, LOST_ANSWER, TWICE, STALE, GARBLED, CUT_OFF, MIXED, HALVED,
)  # fmt: skip


def spoilt(answer: bytes, verb: str, weather: str) -> bytes:
    """An answer as it arrives, or as who answers chose to give it."""
    if weather == GARBLED and answer:
        at = len(answer) * 2 // 3
        return answer[:at] + bytes([answer[at] ^ 1]) + answer[at + 1 :]
    if weather == CUT_OFF:
        return answer[: len(answer) // 2]
    if verb == messages.RECORDS and weather in {MIXED, HALVED}:
        given = RecordsAnswer.decode(answer)
        records = list(given.records)[::-1]
        page = RecordsPage()
        for raw in records if weather == MIXED else records[::2]:
            issuer = read_either(raw).header.issuer
            assert page.add(raw, issuer, given.identities.get(issuer, ()))
        return page.encode(more=given.more)
    if verb == messages.HEADS:
        said, brought = along.parted(answer)
        if weather == HALVED:
            heads = Heads.decode(said)
            said = Heads(heads.agreement, heads.heads[::2]).encode()
        return along.joined(said, brought and spoilt(brought, messages.RECORDS, weather))
    return answer


def with_more(answer: bytes, raws: Sequence[bytes], issuer: OrganisationId) -> bytes:
    """A page of records with further bytes in front."""
    given = RecordsAnswer.decode(answer)
    page = RecordsPage()
    for raw in raws:
        assert page.add(raw, issuer, given.identities.get(issuer, ()))
    for raw in given.records:
        whose = read_either(raw).header.issuer
        assert page.add(raw, whose, given.identities.get(whose, ()))
    return page.encode(more=given.more)


def with_texts(answer: bytes, raws: Iterable[bytes]) -> bytes:
    """A page of texts with others that nobody has asked for."""
    given = BlobsAnswer.decode(answer).blobs
    page = BlobsPage()
    for raw in {*given.values(), *raws}:
        assert page.add(raw)
    return page.encode()
