"""What of an agreement one organisation may see on another's node: circles, heads, a mark.

Both sides of an exchange ask this: the answering side to hold back everything else, the
asking side to say how far it is. Outsiders learn neither circles nor volumes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from allied.node import release
from allied.node.messages import MAX_HEADS, Head

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allied.node.folds import Folded
    from allied.node.node import Node
    from allied.node.ports import Reading
    from allied.record.circle import Circle
    from allied.record.ids import CircleId, OrganisationId


def circles(folded: Folded, organisation: OrganisationId) -> Mapping[CircleId, Circle]:
    """The circles of an agreement that an organisation is in; none for a stranger."""
    party = folded.instrument.party(organisation)
    return folded.state.circles_of(folded.instrument, party) if party else {}


def heads(folded: Folded, organisation: OrganisationId) -> tuple[Head, ...]:
    """The heads held of chains that an organisation may see, ascending, at most MAX_HEADS."""
    visible = circles(folded, organisation)
    found = sorted(
        Head(chain.circle, chain.issuer, chain.incarnation, sequence, record)
        for chain, (sequence, record) in folded.history.heads.items()
        if chain.circle in visible
    )
    return tuple(found[:MAX_HEADS])


def mark(
    node: Node,
    reading: Reading,
    folded: Folded,
    holder: OrganisationId,
    organisation: OrganisationId,
) -> int:
    """A number that grows when there is more for `organisation` to see with `holder`.

    Counts only what it may see, so it tells nothing about anything else.
    """
    records = sum(head.sequence for head in heads(folded, organisation))
    return records + release.visible_count(node, reading, folded, holder, organisation)
