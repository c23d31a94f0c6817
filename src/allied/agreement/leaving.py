"""How far somebody who has left may still read what is said in the circles of all.

Circles that stand for an agreement have the parties of its text as members, for good. Who has
left, or was expelled, goes on reading there what was said while it was in; what is said later
is not for it. In its circles of two nothing changes: recalls and their answers go on there, and
what its duties from before need is said to it again in them (`allied.node.accrued`).

Words used here:
    shared    the circles of all, of the voters and of bodies, in contrast to those of two
    top       of a chain, the last record that such a party may have

Rules. What counts is the claimed time, which does not run backwards along a chain. What a
record cites that is for the party may be read by it too, or it could not take it in; so
whoever writes to it cites nothing that is not for it. What was written before its leaving was
known may cite more: of that it gets the records, and no narrative or evidence. When an agreement
has ended nobody is inside, and everybody goes on as before.

Source: docs/decisions/0016-who-has-left.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from allied.agreement import checkpoints
from allied.agreement.departed import left_at
from allied.agreement.named_again import Naming, note, still_withheld
from allied.record.blob import references

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from allied.agreement.folded import Fold
    from allied.record.circle import Circle
    from allied.record.ids import CircleId, Digest, OrganisationId, RecordId
    from allied.record.record import ChainKey


@dataclass(frozen=True, slots=True)
class Sight:
    """What somebody who has left may have of shared circles.

    Attributes:
        tops: of each chain the last record; a chain that is missing has nothing for it.
        withheld: blobs that no record names which is for it; see `allied.agreement.named_again`.
    """

    tops: Mapping[ChainKey, tuple[int, RecordId]]
    withheld: frozenset[Digest]


def sight(fold: Fold, organisation: OrganisationId, at: datetime) -> Sight | None:
    """What somebody who has left may have of shared circles; None for who may have everything.

    Cost: one look at the register; a pass over the records for who has left.
    """
    party = fold.instrument.party(organisation)
    if party is None:
        return None
    standing = fold.state.standing(fold.instrument, at)
    left = left_at(standing, party)
    for moment in () if left else _beyond(fold, at):
        standing = fold.state.standing(fold.instrument, moment)
        left = left_at(standing, party)
        if left:
            break
    if left is None:
        return None
    shared, visible = shared_circles(fold), fold.state.circles_of(fold.instrument, party)
    told = fold.state.about(party)  # or it would never hear that it is out, or in again
    last: dict[ChainKey, tuple[int, RecordId]] = {}
    naming: Naming = {}
    others: set[Digest] = set()
    for record in fold.history.order:
        header = record.header
        within = header.circle in shared
        reads = header.issuer == organisation or header.claimed_at <= left or record.id in told
        if within and reads:
            last[header.chain] = (header.sequence, record.id)
        if within and not reads:
            others.update(references(record.body))
        elif within or header.circle in visible:
            note(naming, header.issuer, record.body)
    _let_follow(fold, last, shared, frozenset(visible))
    return Sight(last, still_withheld(fold, standing, others, naming))


def _beyond(fold: Fold, at: datetime) -> list[datetime]:
    """The moments at which issuers spoke last among all, as far as they lie behind `at`.

    What was said after somebody left is not for it either where the clock here has not come so far.
    """
    past, shared = fold.history, shared_circles(fold)
    last = {past.get(head) for chain, (_, head) in past.heads.items() if chain.circle in shared}
    return sorted({each.header.claimed_at for each in last if each and each.header.claimed_at > at})


def tops(
    fold: Fold, organisation: OrganisationId, at: datetime
) -> Mapping[ChainKey, tuple[int, RecordId]] | None:
    """Of each chain in shared circles the last record that somebody who has left may have.

    Returns:
        None for who may have everything; a chain that is missing has nothing for it.
    """
    found = sight(fold, organisation, at)
    return None if found is None else found.tops


def _let_follow(
    fold: Fold,
    last: dict[ChainKey, tuple[int, RecordId]],
    shared: frozenset[CircleId],
    visible: frozenset[CircleId],
) -> None:
    """Raise the tops to what is cited by what the party has, so that it can take that in."""
    for record in reversed(fold.history.order):
        header = record.header
        within = header.circle in shared
        if within and header.sequence > last.get(header.chain, (0, ""))[0]:
            continue
        if not within and header.circle not in visible:
            continue
        for dep in header.deps:
            if dep.circle in shared and dep.sequence > last.get(dep.chain, (0, ""))[0]:
                last[dep.chain] = (dep.sequence, dep.id)


def shared_circles(fold: Fold) -> frozenset[CircleId]:
    """The circles that stand for all, for the voters and for bodies."""
    return frozenset(checkpoints.shared_circles(fold.instrument))


def readable_by_all(
    fold: Fold, circle: Circle, own: OrganisationId, at: datetime
) -> Mapping[ChainKey, tuple[int, RecordId]] | None:
    """What a record in a circle may cite of shared ones, so that all its members can read it.

    Returns:
        None where nobody in the circle has left, or where it is a shared one itself.
    """
    if circle.id in shared_circles(fold):
        return None
    found: dict[ChainKey, tuple[int, RecordId]] | None = None
    for member in sorted(circle.members):
        organisation = fold.instrument.organisation(member)
        limits = None if organisation == own else tops(fold, organisation, at)
        if limits is None:
            continue
        if found is None:
            found = dict(limits)
        else:
            found = {
                chain: min(top, limits[chain]) for chain, top in found.items() if chain in limits
            }
    return found
