"""What the duties of somebody who has left still need, and how it learns of it.

The withdrawal clause says what becomes of incidents that are open when a party leaves
(`open_incidents`). What is said in the circles of all after that is not for it any more
(`allied.agreement.leaving`); so whoever states something there that such a duty needs says the same
again in the circle of the two.

Words used here:
    concerns    what is said of the incident is still for the one who has left

Rules. Only incidents that were reported before it left concern anybody who has left. With `stop`
none does; with `finish` all of these do, because they may still be called; with `finish-accrued`
those under which it owes something, or is owed something, that is neither done nor waived. What
nobody has to do (`may`) is no duty. What was never said to it again, it does not learn: it may
ask for it.

Source: docs/decisions/0016-who-has-left.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from allied.agreement.departed import left_at
from allied.node import cases, journal
from allied.response.obligation import (
    ACCEPTED,
    ACKNOWLEDGED,
    EXCUSE_CLAIMED,
    MAY,
    OWED,
    PERFORMED,
    SUSPENDED,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from allied.node.folds import Folded
    from allied.node.node import Actor, Node
    from allied.node.ports import Writing
    from allied.record.circle import Circle
    from allied.record.ids import PartyId, RecordId
    from allied.record.record import Record

OPEN: Final = frozenset({OWED, ACKNOWLEDGED, ACCEPTED, EXCUSE_CLAIMED, PERFORMED, SUSPENDED})
"""States of a duty about which somebody still has to do something."""
"""States of a duty that somebody still has to do something about."""


def concerned(folded: Folded, party: PartyId, left: datetime, at: datetime) -> frozenset[RecordId]:
    """The incidents that still concern a party that left at an instant, by their reports.

    Cost: a pass over the statements; an evaluation of the incidents in the circles of all only
    where one from before is open.
    """
    withdrawal = folded.terms(left).withdrawal  # notice runs by the text it was given under
    what = withdrawal.open_incidents if withdrawal else "finish-accrued"
    open_ = _open_since(folded, left)
    if what == "stop" or not open_:
        return frozenset()
    if what == "finish":
        return open_
    standing = folded.instrument.circles
    found = set()
    for circle in (standing.all, standing.voters, *standing.bodies.values()):
        if party not in circle.members:
            continue
        for case in cases.cases_in(folded, circle, at).cases:
            if case.id in open_ and any(
                each.state in OPEN
                and each.obligation.modality != MAY
                and party in (each.obligation.debtor, *each.obligation.creditors)
                for each in case.obligations
            ):
                found.add(case.id)
    return frozenset(found)


def tell(
    node: Node,
    writing: Writing,
    actor: Actor,
    folded: Folded,
    circle: Circle,
    record: Record,
    parties: Iterable[PartyId] | None = None,
) -> None:
    """Say a statement about an incident again to whom it concerns though it has left.

    Args:
        folded: as `writing` sees it, before the statement.
        circle: where it stands; nothing is said again of what is said between two.
        record: the statement.
        parties: only to these; None for all that are concerned.
    """
    kind, incident = record.header.kind, record.body.get("incident")
    circles, at = folded.instrument.circles, record.header.claimed_at
    own = folded.instrument.party(actor.organisation.id)
    if own is None or circle.kind == "pair":
        return
    standing = folded.state.standing(folded.instrument, at)
    for party in sorted(circle.members if parties is None else circle.members & set(parties)):
        left = left_at(standing, party)
        if party == own or left is None or incident not in concerned(folded, party, left, at):
            continue
        now = node.folds.of(writing, folded.row.id)
        journal.append(node, writing, actor, now, circles.pair(own, party), kind, record.body)


def _open_since(folded: Folded, left: datetime) -> frozenset[RecordId]:
    """The incidents that were reported by an instant; no word of anybody closes one."""
    return frozenset(
        record.id
        for record in folded.state.statements
        if record.header.kind == "incident.report" and record.header.claimed_at <= left
    )
