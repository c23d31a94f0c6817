"""Asking a peer for records where one page is not enough, or what came is in outline.

Outlines are believed together with the checkpoint that covers them, or not at all
(`agreement.outlined`): so where a page has any, the pages behind it are fetched as well before
anything is taken in. And what is here in outline is asked for again where it is spoken of.

Rules. Bounded by pages; each peer is asked again a few times for the same reason, and then no more
until there is another one.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Final

from allied.agreement import outlined
from allied.node import messages, missing
from allied.node.pages import RecordsAnswer
from allied.record.outline import looks_outlined, read_either
from allied.record.record import ChainKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from allied.node.messages import Span
    from allied.node.node import Node
    from allied.node.ports import Writing
    from allied.record.ids import AgreementId, OrganisationId

MOST_PAGES: Final = 64
_TRIES: Final = 3


def whole(fetch: Callable[[Sequence[Span]], RecordsAnswer], spans: Sequence[Span]) -> RecordsAnswer:
    """One page, or all of them where there are outlines.

    Args:
        fetch: asks for the first MAX_SPANS of some spans.

    Raises:
        AlliedError: whatever `fetch` raises; `record.read` of what came.
    """
    answer = fetch(spans)
    if not answer.more or not any(map(looks_outlined, answer.records)):
        return answer
    identities, records = dict(answer.identities), list(answer.records)
    branches = list(answer.branches)
    left = list(spans[: messages.MAX_SPANS])
    more = True
    for _ in range(MOST_PAGES):
        left = _behind(left, answer.records)
        if not left or not more:
            break
        answer = fetch(left)
        more = answer.more and bool(answer.records)
        identities.update(answer.identities)
        records += answer.records
        branches += answer.branches
    return RecordsAnswer(identities, tuple(records), answer.more, tuple(branches))


def again(
    node: Node, organisation: OrganisationId, peer: OrganisationId, agreement: AgreementId
) -> Iterator[Sequence[Span]]:
    """The ranges in outline to ask a peer for again, as many at a time as a question takes."""
    name = f"filling:{organisation}:{peer}:{agreement}"
    with node.store.read() as reading:
        folded = node.folds.of(reading, agreement)
        hosted = [each.id for each in reading.organisations()]
        archived = reading.cursor(_archived(agreement))
        because, records = outlined.wanted(folded, hosted, archived)
        known, _, tries = reading.cursor(name).partition(" ")
    done = int(tries) if known == because and tries else 0
    if not records or done >= _TRIES:
        return
    spans = missing.outlines(folded, records)
    for start in range(0, len(spans), messages.MAX_SPANS):
        yield spans[start : start + messages.MAX_SPANS]
    with node.store.write() as writing:
        writing.set_cursor(name, f"{because} {done + 1}")


def remember_archived(writing: Writing, agreement: AgreementId, before: datetime) -> None:
    """Note that what was said before a moment may be here in outline by this node's own choice."""
    name, until = _archived(agreement), before.astimezone(UTC).isoformat()
    writing.set_cursor(name, max(until, writing.cursor(name)))


def _archived(agreement: AgreementId) -> str:
    return f"archived:{agreement}"


def _behind(spans: Sequence[Span], records: Sequence[bytes]) -> list[Span]:
    """What of some spans comes after the records that came."""
    last: dict[ChainKey, int] = {}
    for raw in records:
        header = read_either(raw).header
        last[header.chain] = max(header.sequence, last.get(header.chain, 0))
    found = []
    for span in spans:
        first = max(span.first, last.get(ChainKey(*span[:3]), 0) + 1)
        if first <= span.last:
            found.append(span._replace(first=first))
    return found
