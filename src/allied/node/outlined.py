"""Which records a party may not have because of when it joined, and what it is given instead.

What `life.history` says of items is judged in `exchange.channels`, of texts in
`allied.node.joining`; here the same is said of the records themselves. What was said of incidents
and duties in shared circles before a party joined is given to it in outline
(`allied.record.outline`): where it stands and what it rests on, and nothing of what it says. An
outline is believed up to a checkpoint that enough parties have signed (`agreement.checkpoints`), so
what no checkpoint covers is not given at all, and neither is what rests on it, until one does.

Words used here:
    open       of an incident: somebody speaks of it again (`allied.node.open_matters`)
    covered    up to the last checkpoint that its circle has reached

Rules. Both sides ask: who answers leaves out what is withheld, and who asks takes no outline of
what it may have, unless it signed that checkpoint itself: then it had the record once, lost it, and
goes on asking for it. An open incident is for the party as a whole, or it could owe what it cannot
see. Who may sign, vote and be bound is for everybody: only content is withheld. A party that has
left goes by `allied.node.leaving`.

Source: DOMAIN, `life.history`; docs/decisions/0021-checkpoints.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final

from allied.agreement import checkpoints
from allied.node.joining import ALL
from allied.node.named_again import is_late
from allied.node.open_matters import matter_of, open_matters, said_of, stays
from allied.record.ids import RecordId
from allied.record.outline import is_outline

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from datetime import datetime

    from allied.agreement.genesis import Instrument
    from allied.agreement.judging import FindCustodian
    from allied.agreement.standing import PartyStanding, Standing
    from allied.node.folds import Folded
    from allied.node.ports import Reading, Writing
    from allied.record.history import Heads, History
    from allied.record.ids import AgreementId, CircleId, OrganisationId
    from allied.record.record import ChainKey, Record

INVITED_WAIT: Final = timedelta(hours=1)
"""How long who is invited and has not joined may be behind, before a checkpoint is made for it."""
_TRIED: Final = 4
"""Checkpoints that outlines are held against, the furthest first."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a late party is given.

    Attributes:
        outlined: the records that it is given in outline.
        tops: of each chain that it may see the last record that it may have; a chain that is
            missing has nothing for it yet.
        heads: by circle, the checkpoint that covers the outlines there.
    """

    outlined: frozenset[RecordId]
    tops: Mapping[ChainKey, tuple[int, RecordId]]
    heads: Mapping[CircleId, Heads]


def shown(folded: Folded, organisation: OrganisationId, at: datetime) -> Shown | None:
    """What a late party is given; None for who may have everything.

    Cost: one look at the register; two passes over the records for who is late.
    """
    party = folded.instrument.party(organisation)
    if party is None:
        return None
    standing = folded.state.standing(folded.instrument, at)
    found = standing.parties.get(party)
    if found is None or not is_late(standing, found):
        return None
    if found.spells and folded.terms(at).life.history == ALL:
        return None
    kept = folded.given.get(organisation)
    if kept is None or kept[0] != standing:
        kept = folded.given[organisation] = standing, _shown(folded, organisation, standing, found)
    return kept[1]


def _shown(
    folded: Folded, organisation: OrganisationId, standing: Standing, found: PartyStanding
) -> Shown | None:
    open_ = open_matters(folded, standing, found)
    withheld = frozenset(
        record.id
        for record in folded.history.order
        if _is_from_before(folded.instrument, standing, record, organisation)
        and matter_of(record) not in open_
    )
    if not withheld:
        return None
    party = folded.instrument.party(organisation)
    visible = folded.state.circles_of(folded.instrument, party) if party else {}
    heads = reached_heads(folded)
    tops: dict[ChainKey, tuple[int, RecordId]] = {}
    blocked: set[RecordId | None] = set()
    for record in folded.history.order:
        header = record.header
        if header.circle not in visible:
            continue
        covered = _covers(heads.get(header.circle, {}), record)
        rests_on = [header.previous, *[dep.id for dep in header.deps]]
        if (record.id in withheld and not covered) or not blocked.isdisjoint(rests_on):
            blocked.add(record.id)
        elif header.sequence > tops.get(header.chain, (0, ""))[0]:
            tops[header.chain] = (header.sequence, record.id)
    return Shown(withheld, tops, heads)


def reached_heads(folded: Folded) -> Mapping[CircleId, Heads]:
    """By shared circle, how far the last checkpoint goes that was reached there."""
    found = {}
    for circle in checkpoints.shared_circles(folded.instrument):
        reached = checkpoints.reached(folded.instrument, folded.state, circle)
        if reached is not None:
            found[circle] = reached.heads
    return found


def believed(
    instrument: Instrument,
    whole: History,
    given: Iterable[Record],
    hosted: Collection[OrganisationId],
    custodian: FindCustodian,
) -> frozenset[RecordId]:
    """Which outlines may be taken in: a checkpoint covers them, and nobody here may have more.

    Args:
        whole: everything that is held, and everything that was given, outlines too.
        given: the outlines.
        hosted: the organisations on whose node they would be kept.

    Cost: as a fold, for each of the furthest checkpoints until one is reached.
    """
    outlines: dict[CircleId, list[Record]] = {}
    for each in given:
        outlines.setdefault(each.header.circle, []).append(each)
    records = tuple([each for each in whole.order if each.header.kind == checkpoints.KIND])
    found: set[RecordId] = set()
    for circle, its in outlines.items():
        points = [
            point
            for point in checkpoints.points(instrument, records, circle)
            if any(_covers(point.heads, each) for each in its)
            and checkpoints.holds(whole, point.heads)
        ]
        for point in reversed(points[-_TRIED:]):
            made, state = checkpoints.come_to(instrument, whole, custodian, circle, point.heads)
            if state == point.state and checkpoints.is_reached(instrument, made.state, point):
                standing = made.state.standing(instrument, point.at)
                found |= {
                    each.id
                    for each in its
                    if _covers(point.heads, each)
                    and all(
                        instrument.party(one) in point.supporters
                        or _is_from_before(instrument, standing, each, one)
                        for one in hosted
                    )
                }
                break
    return frozenset(found)


def may_be_filled(folded: Folded, record: Record, hosted: Collection[OrganisationId]) -> bool:
    """Whether a record of which the outline is here is for somebody here after all."""
    at = max(each.header.claimed_at for each in folded.history.order)
    standing, matter = folded.state.standing(folded.instrument, at), matter_of(record)
    for one in hosted:
        party = folded.instrument.party(one)
        found = standing.parties.get(party) if party else None
        if found is None:
            continue
        if not _is_from_before(folded.instrument, standing, record, one):
            return True
        if found.spells and folded.terms(at).life.history == ALL:
            return True
        if matter in open_matters(folded, standing, found):
            return True
    return False


def wanted(reading: Reading, folded: Folded) -> frozenset[RecordId]:
    """The outlines to ask for again.

    Of incidents that are spoken of; of all, where the text says so; and of what somebody here may
    have and this node did not move into an archive.
    """
    if not folded.state.outlined:
        return frozenset()
    latest = max(each.header.claimed_at for each in folded.history.order)
    if folded.terms(latest).life.history == ALL:
        return folded.state.outlined
    held = {each.id: each for each in folded.history.order if is_outline(each)}
    archived = reading.cursor(_archived(folded.row.id))
    standing = folded.state.standing(folded.instrument, latest)
    hosted = [each.id for each in reading.organisations() if folded.instrument.party(each.id)]
    lost = frozenset(
        each.id
        for each in held.values()
        if each.header.claimed_at.isoformat() >= archived
        and any(not _is_from_before(folded.instrument, standing, each, one) for one in hosted)
    )
    since = [
        held[report].header.claimed_at
        for record in folded.state.statements
        if (report := RecordId(said_of(record))) in held
    ]
    if not since:
        return lost
    return lost | frozenset(
        each.id for each in held.values() if each.header.claimed_at >= min(since)
    )


def remember_archived(writing: Writing, agreement: AgreementId, before: datetime) -> None:
    """Note that what was said before a moment may be here in outline by this node's own choice."""
    name, until = _archived(agreement), before.astimezone(UTC).isoformat()
    writing.set_cursor(name, max(until, writing.cursor(name)))


def _archived(agreement: AgreementId) -> str:
    return f"archived:{agreement}"


def awaited_since(folded: Folded, circle: CircleId, at: datetime) -> datetime | None:
    """Since when somebody late waits for a checkpoint of a circle; None while nobody does.

    Cost: one look at the register; the records beyond the last checkpoint, where somebody is late.
    """
    standing = folded.state.standing(folded.instrument, at)
    begun = standing.in_force_since
    members = checkpoints.shared_circles(folded.instrument)[circle].members
    whole = folded.terms(at).life.history == ALL
    late = [
        each
        for party, each in standing.parties.items()
        if party in members and is_late(standing, each) and not (whole and each.spells)
    ]
    if not late or begun is None:
        return None
    joined = [each.spells[-1].since for each in late if each.spells and each.spells[-1].since <= at]
    invited = len(joined) < len(late)
    since = []
    for record in _uncovered(folded, circle):
        said = record.header.claimed_at
        if said <= begun or not checkpoints.is_content(record):
            continue
        after = [each for each in joined if said < each]
        if after:
            since.append(max(after))
        elif invited:
            since.append(said + INVITED_WAIT)
    return min(since) if since else None


def _is_from_before(
    instrument: Instrument, standing: Standing, record: Record, organisation: OrganisationId
) -> bool:
    """Whether a record is content of a shared circle that was said before a party joined."""
    header = record.header
    party = instrument.party(organisation)
    found = standing.parties.get(party) if party else None
    begun = standing.in_force_since
    if found is None or begun is None or not is_late(standing, found):
        return False
    if header.issuer == organisation:
        return False
    if header.circle not in checkpoints.shared_circles(instrument):
        return False
    if not checkpoints.is_content(record) or header.claimed_at <= begun:
        return False
    if stays(found, header.claimed_at):
        return False
    return not found.spells or header.claimed_at < found.spells[-1].since


def _covers(heads: Heads, record: Record) -> bool:
    return record.header.sequence <= heads.get(record.header.chain, (0, ""))[0]


def _uncovered(folded: Folded, circle: CircleId) -> Iterator[Record]:
    """The records of a circle beyond the last checkpoint that was reached there."""
    reached = checkpoints.reached(folded.instrument, folded.state, circle)
    covered: Heads = {} if reached is None else reached.heads
    for chain, (_, head) in folded.history.heads.items():
        record = folded.history.get(head) if chain.circle == circle else None
        while record is not None and not _covers(covered, record):
            yield record
            before = record.header.previous
            record = folded.history.get(before) if before else None
