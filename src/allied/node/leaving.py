"""How far somebody who has left may still read what is said in the circles of all.

Circles that stand for an agreement have the parties of its text as members, for good. Who has
left, or was expelled, goes on reading there what was said while it was in; what is said later
is not for it. In its circles of two nothing changes: recalls and their answers go on there.

Words used here:
    shared    the circles of all, of the voters and of bodies, in contrast to those of two
    top       of a chain, the last record that such a party may have

Rules. What counts is the claimed time, which does not run backwards along a chain. What a
record cites that is for the party may be read by it too, or it could not take it in; so
whoever writes to it cites nothing that is not for it. As long as an incident from before its
leaving is open, duties from it go on, and it sees what the others see. When an agreement has
ended nobody is inside, and everybody goes on as before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from allied.agreement.standing import Standing
    from allied.node.folds import Folded
    from allied.record.circle import Circle
    from allied.record.ids import CircleId, OrganisationId, PartyId, RecordId
    from allied.record.record import ChainKey

_LEFT: Final = frozenset({"former", "expelled"})
_GOES_ON: Final = frozenset({"in-force", "suspended"})


def tops(
    folded: Folded, organisation: OrganisationId, at: datetime
) -> Mapping[ChainKey, tuple[int, RecordId]] | None:
    """Of each chain in shared circles the last record that somebody who has left may have.

    Returns:
        None for who may have everything; a chain that is missing has nothing for it.

    Cost: one look at the register; a pass over the records for who has left.
    """
    party = folded.instrument.party(organisation)
    if party is None:
        return None
    return _tops(folded, organisation, party, folded.state.standing(folded.instrument, at))


def _tops(
    folded: Folded, organisation: OrganisationId, party: PartyId, standing: Standing
) -> Mapping[ChainKey, tuple[int, RecordId]] | None:
    left = _left_at(standing, party)
    if left is None or _is_owed(folded, left):
        return None
    shared = shared_circles(folded)
    last: dict[ChainKey, tuple[int, RecordId]] = {}
    for record in folded.history.order:
        header = record.header
        mine = header.issuer == organisation
        if header.circle in shared and (mine or header.claimed_at <= left):
            last[header.chain] = (header.sequence, record.id)
    visible = folded.state.circles_of(folded.instrument, party)
    for record in reversed(folded.history.order):
        header = record.header
        within = header.circle in shared
        if within and header.sequence > last.get(header.chain, (0, None))[0]:
            continue
        if not within and header.circle not in visible:
            continue
        for dep in header.deps:
            if dep.circle in shared and dep.sequence > last.get(dep.chain, (0, None))[0]:
                last[dep.chain] = (dep.sequence, dep.id)
    return last


def shared_circles(folded: Folded) -> frozenset[CircleId]:
    """The circles that stand for all, for the voters and for bodies."""
    circles = folded.instrument.circles
    return frozenset(each.id for each in (circles.all, circles.voters, *circles.bodies.values()))


def readable_by_all(
    folded: Folded, circle: Circle, own: OrganisationId, at: datetime
) -> Mapping[ChainKey, tuple[int, RecordId]] | None:
    """What a record in a circle may cite of shared ones, so that all its members can read it.

    Returns:
        None where nobody in the circle has left, or where it is a shared one itself.
    """
    if circle.id in shared_circles(folded):
        return None
    standing = folded.state.standing(folded.instrument, at)
    found: dict[ChainKey, tuple[int, RecordId]] | None = None
    for member in sorted(circle.members):
        organisation = folded.instrument.organisation(member)
        if organisation == own:
            continue
        limits = _tops(folded, organisation, member, standing)
        if limits is None:
            continue
        if found is None:
            found = dict(limits)
        else:
            found = {
                chain: min(top, limits[chain]) for chain, top in found.items() if chain in limits
            }
    return found


def _left_at(standing: Standing, party: PartyId) -> datetime | None:
    """When a party left; None while it is in, was never in, or where the agreement has ended."""
    found = standing.parties.get(party)
    if found is None or found.legal not in _LEFT or standing.state not in _GOES_ON:
        return None
    return found.spells[-1].until if found.spells else None


def _is_owed(folded: Folded, left: datetime) -> bool:
    """Whether an incident from before somebody left is still open."""
    open_: set[RecordId] = set()
    for record in folded.state.statements:
        if record.header.kind == "incident.report" and record.header.claimed_at <= left:
            open_.add(record.id)
        elif record.header.kind == "incident.close":
            open_.discard(record.body.get("incident"))
    return bool(open_)
