"""How often what a peer sent was refused, and why: counted, for people to look at.

What is refused has no effect and is not stored (`allied.node.incoming`, `allied.node.arrivals`);
this is all that is left of it here: how many, by stable code, and when the last one came. Questions
that are refused at the door are counted by the process that answers (`allied.entrypoints`).

Rules. Counted is by the peer that sent it, which need not be who made it up. A peer brings about at
most forty codes of its own; what comes behind is counted as one. Nothing of the content is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

from allied.record.canonical import Json, decode, encode

if TYPE_CHECKING:
    from allied.node.node import Node
    from allied.node.ports import Reading
    from allied.record.ids import OrganisationId

OTHERS: Final = "others"
"""What codes are counted under that are too many."""
_MOST_CODES: Final = 40
_KEPT: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Refused:
    """What was refused of what one peer has sent.

    Attributes:
        counts: by stable code.
        last: the code of the last one; empty where nothing was.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    last: str = ""
    at: datetime | None = None

    @property
    def total(self) -> int:
        """How many in all."""
        return sum(self.counts.values())


def note(node: Node, peer: OrganisationId, codes: Sequence[str]) -> None:
    """Count what was refused; without any nothing is written."""
    if not codes:
        return
    with node.store.write() as writing:
        counts = Counter(of(writing, peer).counts)
        for code in codes:
            counts[code if code in counts or len(counts) < _MOST_CODES else OTHERS] += 1
        value: dict[str, Json] = {
            "at": node.clock.now().isoformat(),
            "counts": dict(counts),
            "last": codes[-1],
        }
        writing.set_cursor(_name(peer), encode(value).decode())


def of(reading: Reading, peer: OrganisationId) -> Refused:
    """What was refused of what a peer has sent."""
    kept = reading.cursor(_name(peer))
    if not kept:
        return Refused()
    value = decode(kept.encode(), limit=_KEPT)  # what this module wrote itself
    if not isinstance(value, dict):
        return Refused()
    counts = value["counts"]
    return Refused(
        {str(code): int(str(count)) for code, count in counts.items()}
        if isinstance(counts, dict)
        else {},
        str(value["last"]),
        datetime.fromisoformat(str(value["at"])),
    )


def of_all(reading: Reading) -> Mapping[str, int]:
    """How much was refused of what all peers have sent, by code."""
    found: Counter[str] = Counter()
    for peer in reading.peers():
        found.update(of(reading, peer.id).counts)
    return found


def _name(peer: OrganisationId) -> str:
    return f"refused:{peer}"
