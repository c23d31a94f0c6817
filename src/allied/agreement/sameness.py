"""Whether two nodes come to the same: one digest of what all parties can judge.

Everybody bound sees the records of the circle of all, and judges them by nothing but themselves. So
two nodes that hold the same heads there have to come to the same verdicts, the same events and the
same texts. That they do is shown by one digest, which every node can work out and say to others;
where it differs one of the two is broken, was changed, or runs a program that judges otherwise.

Words used here:
    line    of one chain, a digest over each of its records and what became of it, in their order
    state   a digest over the heads, the lines, the events, what was decided, and the texts

Rules. Nothing of narrower circles is in it: not everybody could come to the same, and nobody learns
from it that there is one. Lines grow record by record, so a state costs as much as there are chains
and events, however long the history is.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from allied.record.canonical import digest, encode
from allied.record.outline import is_content

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from allied.agreement.state import State, Verdict
    from allied.record.canonical import Json
    from allied.record.history import Heads, History
    from allied.record.ids import CircleId, Digest
    from allied.record.record import ChainKey, Record

FORMAT = "state/1"


def lengthened(line: bytes, record: Record, verdict: Verdict) -> bytes:
    """The line of a chain with one more record: what it is, rests on, and was judged to be.

    An outline has the same as its record (`allied.record.outline`).
    """
    header = record.header
    said = (
        line.hex(), record.id, verdict.code, header.claimed_at.isoformat(), header.key,
        header.version, header.previous or "", "content" if is_content(record) else "",
        *[dep.id for dep in header.deps],
    )  # fmt: skip
    return hashlib.sha256(" ".join(said).encode()).digest()


def state_digest(
    history: History, state: State, circles: Container[CircleId], heads: Heads | None = None
) -> Digest:
    """What the records of some circles come to, in one word.

    Args:
        state: the fold of `history`, or of its records up to `heads`.
        circles: that of all parties, or those in view of who reads a narrower one.
        heads: how far each chain was folded, where that is not all of it.

    Cost: linear in chains and events.
    """
    sources = zip(state.sources, state.events, strict=True)
    events: Json = sorted(
        [source, event.event, event.party or "", event.at.isoformat(), event.version]
        for source, event in sources
        if _stands_in(history, source, circles)
    )
    decided: Json = {
        question: sorted({each.digest for each in its}) for question, its in state.decided.items()
    }
    passed: Json = sorted([question, code] for question, code in state.passed.items())
    return digest(
        encode(
            {
                "decided": decided,
                "events": events,
                "format": FORMAT,
                "heads": [
                    [*_name(chain), number, record]
                    for chain, (number, record) in sorted(
                        (history.heads if heads is None else heads).items()
                    )
                    if chain.circle in circles
                ],
                "lines": _lines(state.lines, circles),
                "passed": passed,
                "texts": sorted(state.texts),
            }
        )
    )


def _stands_in(history: History, source: str, circles: Container[CircleId]) -> bool:
    record = history.get(source)  # type: ignore[arg-type]
    return record is not None and record.header.circle in circles


def _lines(lines: Mapping[ChainKey, bytes], circles: Container[CircleId]) -> Json:
    return [
        [*_name(chain), line.hex()]
        for chain, line in sorted(lines.items())
        if chain.circle in circles
    ]


def _name(chain: ChainKey) -> list[str | int]:
    return [chain.circle, chain.issuer, chain.incarnation]
