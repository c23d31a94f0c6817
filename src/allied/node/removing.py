"""Taking an object away from what an organisation holds, as its tools do.

What the organisation shared itself is recalled: everybody who has it is told
(`node.recalls`). Of what others shared only the copy here goes; what they and everybody
else hold is not touched, and nobody is told. Either way it leaves every view at once, and
is not taken in again from those who still have it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from allied.node import recalls
from allied.node.additions import stream
from allied.node.browsing import unknown

if TYPE_CHECKING:
    from allied.node.node import Actor, Node
    from allied.node.rows import ItemRow
    from allied.record.ids import AgreementId

WHY: Final = "deleted by a tool of the originator"
DELETED: Final = "deleted"


@dataclass(frozen=True, slots=True)
class Removed:
    """How many versions were recalled, and of how many the copy here is gone."""

    recalled: int
    deleted: int


def remove(
    node: Node,
    actor: Actor,
    agreement: AgreementId,
    item: str,
    fits: Callable[[ItemRow], bool],
) -> Removed:
    """Take away the versions of an object under an agreement that fit.

    Raises:
        NotFoundError: `collection.unknown`; none does.
        RefusedError: as `recalls.recall`.
    """
    organisation = actor.organisation
    with node.store.read() as reading:
        rows = list(stream(reading, agreement, organisation.id, item=item))
    chosen = [row for row in rows if fits(row)]
    if not chosen:
        raise unknown()
    own = [row for row in chosen if row.originator == organisation.id]
    others = [row for row in chosen if row.originator != organisation.id]
    names = [str(row.seq) for row in own]
    if own and len(own) == len(rows):
        names = [item]  # of all its versions, those to come among them
    for name in names:
        recalls.recall(node, actor, name, agreement, WHY)
    if others:
        with node.store.write() as writing:
            writing.withdraw_items(others, DELETED, "", node.clock.now(), erase=True)
        node.notifier.changed(agreement)
    return Removed(len(own), len(others))
