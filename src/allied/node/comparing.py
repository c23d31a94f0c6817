"""Whether partners come to the same state from the same records, and since when.

Whenever a node finds that it holds the same heads in the circle of all as a partner, it holds its
state against the partner's (`agreement.sameness`). It keeps only whether they are the same, and
since when; nothing is decided by it. Where they differ, `allied doctor` says so.

Rules. A state is said to a party that may read all of the circle of all, and to nobody else; also
not while something there is kept back from it that rests on what it may not have yet. A
comparison that cannot be made, since one of the two holds more, leaves what was found before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from allied.agreement import leaving, outlined
from allied.agreement.sameness import state_digest

if TYPE_CHECKING:
    from collections.abc import Collection

    from allied.node.folds import Folded
    from allied.node.messages import Head, Heads
    from allied.node.ports import Reading
    from allied.record.ids import AgreementId, CircleId, OrganisationId

_SAME: Final = "same"
_OTHER: Final = "other"


@dataclass(frozen=True, slots=True)
class Compared:
    """What the last comparison with a partner showed.

    Attributes:
        since: when it was first so.
    """

    same: bool
    since: datetime


def state_for(folded: Folded, organisation: OrganisationId, at: datetime) -> str:
    """The state that a party is told; empty for one that may not read everything."""
    party = folded.instrument.party(organisation)
    if party is None or leaving.tops(folded, organisation, at) is not None:
        return ""
    everybody, shown = folded.instrument.circles.all.id, outlined.shown(folded, organisation, at)
    if shown is not None and any(
        shown.tops.get(chain) != head
        for chain, head in folded.history.heads.items()
        if chain.circle == everybody
    ):
        return ""
    return state_digest(folded.history, folded.state, {everybody})


def compare(
    reading: Reading,
    folded: Folded,
    mine: OrganisationId,
    peer: OrganisationId,
    ours: Collection[Head],
    theirs: Heads,
    at: datetime,
) -> tuple[str, str] | None:
    """Hold our state against what `peer` says of its own, where both hold the same heads.

    Returns:
        The name of a cursor and what to set it to; None where there is nothing to remember.
    """
    everybody = folded.instrument.circles.all.id
    own = state_for(folded, peer, at)
    if not own or not theirs.state or _of(everybody, ours) != _of(everybody, theirs.heads):
        return None
    found = _SAME if own == theirs.state else _OTHER
    name = _name(mine, peer, folded.row.id)
    known = reading.cursor(name).partition(" ")[0]
    return None if known == found else (name, f"{found} {at.isoformat()}")


def compared(
    reading: Reading, mine: OrganisationId, peer: OrganisationId, agreement: AgreementId
) -> Compared | None:
    """What the last comparison showed; None where none was made."""
    found, _, since = reading.cursor(_name(mine, peer, agreement)).partition(" ")
    return Compared(found == _SAME, datetime.fromisoformat(since)) if since else None


def _of(circle: CircleId, heads: Collection[Head]) -> set[Head]:
    return {each for each in heads if each.circle == circle}


def _name(mine: OrganisationId, peer: OrganisationId, agreement: AgreementId) -> str:
    return f"state:{mine}:{peer}:{agreement}"
