"""Which records a party may not have because of when it joined, and what it is given instead.

What `life.history` says of items is judged in `exchange.channels`, of texts in
`agreement.joining`; here the same is said of the records themselves. What was said of incidents
and duties in shared circles before a party joined is given to it in outline
(`allied.record.outline`): where it stands and what it rests on, and nothing of what it says. An
outline is believed up to a checkpoint that enough parties have signed (`agreement.checkpoints`), so
what no checkpoint covers is not given at all, and neither is what rests on it, until one does.

Words used here:
    content    what such a record says; only content is given in outline
    before     of content, for a party: said outside of its stay, or by somebody who did not know
               yet that it had signed, whatever it claims
    open       of an incident: somebody speaks of it again (`allied.agreement.open_matters`)
    covered    up to the last checkpoint that its circle has reached

Rules. Both sides ask: who answers leaves out what is withheld, and who asks takes no outline of
what it may have, unless its own records rest on it: then it had the record once, lost it, and goes
on asking for it. An open incident is for the party as a whole, or it could owe what it cannot
see. Who may sign, vote and be bound is for everybody. A party that has left goes by
`allied.agreement.leaving`.

Source: DOMAIN, `life.history`; docs/decisions/0021-checkpoints.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from allied.agreement import checkpoints
from allied.agreement.fold import begun
from allied.agreement.named_again import ALL, is_late, signatures_of, standing_at
from allied.agreement.open_matters import matter_of, named_in, open_matters, stays
from allied.record.canonical import digest, encode
from allied.record.outline import is_content, is_outline

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from allied.agreement.folded import Fold
    from allied.agreement.judging import FindCustodian
    from allied.agreement.standing import PartyStanding, Standing
    from allied.record.history import Heads, History
    from allied.record.ids import CircleId, OrganisationId, PartyId, RecordId
    from allied.record.record import ChainKey, Record

INVITED_WAIT: Final = timedelta(hours=1)
"""How long who is invited and has not joined may be behind, before a checkpoint is made for it."""
_TRIED: Final = 2
"""Checkpoints that the outlines of a circle are held against, the furthest first."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a late party is given.

    Attributes:
        outlined: the records that it is given in outline, or not at all.
        tops: of each chain that it may see the last record that it may have; a chain that is
            missing has nothing for it yet.
    """

    outlined: frozenset[RecordId]
    tops: Mapping[ChainKey, tuple[int, RecordId]]


@dataclass(frozen=True, slots=True)
class Awaited:
    """Content that somebody late waits for a checkpoint of.

    Attributes:
        since: from when on.
    """

    record: Record
    since: datetime


@dataclass(frozen=True, slots=True)
class _Seat:
    """One party, to be asked what was said before it joined.

    Attributes:
        signed: its signatures, wherever they are held.
        may_be_whole: whether content without them can have had an effect.
    """

    organisation: OrganisationId
    standing: Standing
    found: PartyStanding
    signed: frozenset[RecordId]
    may_be_whole: bool

    def is_before(self, history: History, record: Record, *, effect: bool) -> bool:
        """Whether content was said before the party joined.

        Args:
            history: in which the record is in order.
            effect: whether the record had one.
        """
        header, begun = record.header, self.standing.in_force_since
        if begun is None or header.issuer == self.organisation or header.claimed_at <= begun:
            return False
        if is_late(self.standing, self.found) and not stays(self.found, header.claimed_at):
            return not self.found.spells or header.claimed_at < self.found.spells[-1].since
        if not effect or not self.may_be_whole:
            return False
        return not any(history.knows(record.id, each) for each in self.signed)


def shown(fold: Fold, organisation: OrganisationId, at: datetime) -> Shown | None:
    """What a late party is given; None for who may have everything.

    Cost: one look at the register; two passes over the records for who is late, once for each
    state of the register.
    """
    standing = standing_at(fold, at)
    kept = fold.given.get(organisation)
    if kept is None or kept[0] != standing:
        seat = _seat(fold, organisation, standing, at)
        found = None if seat is None else _shown(fold, seat)
        kept = fold.given[organisation] = standing, found
    return kept[1]


def _seat(
    fold: Fold, organisation: OrganisationId, standing: Standing, at: datetime
) -> _Seat | None:
    """The seat of a party from which something may be withheld."""
    party = fold.instrument.party(organisation)
    found = standing.parties.get(party) if party else None
    if party is None or found is None or standing.in_force_since is None:
        return None
    if found.spells and fold.terms(at).life.history == ALL:
        return None
    by_all = fold.instrument.terms.life.in_force_when.all
    if by_all and not is_late(standing, found):
        return None  # whatever had an effect knew that everybody had signed
    return _Seat(organisation, standing, found, signatures_of(fold, party), not by_all)


def _withheld(fold: Fold, seat: _Seat) -> frozenset[RecordId]:
    shared = checkpoints.shared_circles(fold.instrument)
    verdicts = fold.state.verdicts
    found = [
        record
        for record in fold.history.order
        if is_content(record)
        and record.header.circle in shared
        and seat.is_before(fold.history, record, effect=verdicts[record.id].effect)
    ]
    open_ = open_matters(fold, seat.standing, seat.found) if found else frozenset()
    return frozenset(record.id for record in found if matter_of(record) not in open_)


def _shown(fold: Fold, seat: _Seat) -> Shown | None:
    withheld = _withheld(fold, seat)
    if not withheld:
        return None
    party = fold.instrument.party(seat.organisation)
    visible = fold.state.circles_of(fold.instrument, party) if party else {}
    heads = reached_heads(fold)
    tops: dict[ChainKey, tuple[int, RecordId]] = {}
    blocked: set[RecordId | None] = set()
    for record in fold.history.order:
        header = record.header
        if header.circle not in visible:
            continue
        covered = checkpoints.covers_record(heads.get(header.circle, {}), record)
        rests_on = [header.previous, *[dep.id for dep in header.deps]]
        if (record.id in withheld and not covered) or not blocked.isdisjoint(rests_on):
            blocked.add(record.id)
        elif header.sequence > tops.get(header.chain, (0, ""))[0]:
            tops[header.chain] = (header.sequence, record.id)
    return Shown(withheld, tops)


def reached_heads(fold: Fold) -> Mapping[CircleId, Heads]:
    """By shared circle, how far the last checkpoint goes that was reached there."""
    found = {}
    for circle in checkpoints.shared_circles(fold.instrument):
        point = fold.reached(circle)
        if point is not None:
            found[circle] = point.heads
    return found


# --- who asks -----------------------------------------------------------------------------


def may_be_given_outlines(fold: Fold, hosted: Collection[OrganisationId]) -> bool:
    """Whether there is any reason to look at outlines: somebody here is late, or lost something."""
    order = fold.history.order
    if not order or fold.state.checkpoints:
        return True  # what was lost is given in outline, too
    at = max(each.header.claimed_at for each in order)
    standing = fold.state.standing(fold.instrument, at)
    if standing.in_force_since is None:
        return True  # what is held says nothing yet
    return any(_seat(fold, each, standing, at) is not None for each in hosted)


def believed(
    fold: Fold,
    whole: History,
    given: Iterable[Record],
    hosted: Collection[OrganisationId],
    custodian: FindCustodian,
) -> frozenset[RecordId]:
    """Which outlines may be taken in: a checkpoint covers them, and nobody here may have more.

    Args:
        fold: what is held.
        whole: everything that is held, and everything that was given, outlines too.
        given: the outlines.
        hosted: the organisations on whose node they would be kept.

    Cost: as a fold, for each of the furthest checkpoints until one is reached.
    """
    instrument = fold.instrument
    outlines: dict[CircleId, list[Record]] = {}
    for each in given:
        outlines.setdefault(each.header.circle, []).append(each)
    records = begun(instrument, whole, custodian).state.checkpoints
    found: set[RecordId] = set()
    for circle, its in outlines.items():
        points = [
            point
            for point in checkpoints.points(instrument, records, circle)
            if any(checkpoints.covers_record(point.heads, each) for each in its)
            and checkpoints.holds(whole, point.heads)
        ]
        for point in reversed(points[-_TRIED:]):
            assessed = checkpoints.assess(instrument, whole, custodian, point)
            if assessed.reaches(point):
                seats = [
                    _Asking.of(fold, instrument.party(one), one, assessed, whole) for one in hosted
                ]
                found |= {
                    each.id
                    for each in its
                    if checkpoints.covers_record(point.heads, each)
                    and all(seat.may_have_no_more(whole, each, assessed) for seat in seats)
                }
                break
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class _Asking:
    """A hosted party that is given outlines up to a checkpoint.

    Attributes:
        seats: it, as the checkpoint has it, and as everything that is held has it: who left and
            came back is late by the second alone.
        heads: of its own chains: what they know it held once.
    """

    seats: tuple[_Seat, ...]
    heads: tuple[RecordId, ...]

    @classmethod
    def of(
        cls,
        fold: Fold,
        party: PartyId | None,
        organisation: OrganisationId,
        assessed: checkpoints.Assessed,
        whole: History,
    ) -> _Asking:
        if party is None:
            return cls((), ())
        signatures = signatures_of(fold, party)
        may_be_whole = not fold.instrument.terms.life.in_force_when.all
        order = fold.history.order
        standings = [assessed.standing]
        if order:
            at = max(each.header.claimed_at for each in order)
            standings.append(fold.state.standing(fold.instrument, at))
        seats = [
            _Seat(organisation, standing, standing.parties[party], signatures, may_be_whole)
            for standing in standings
            if party in standing.parties
        ]
        heads = [head for chain, (_, head) in whole.heads.items() if chain.issuer == organisation]
        return cls(tuple(seats), tuple(heads))

    def may_have_no_more(
        self, whole: History, record: Record, assessed: checkpoints.Assessed
    ) -> bool:
        """Whether it may have nothing but the outline, or had the record once and has lost it."""
        effect = not assessed.verdicts[record.id]
        return any(seat.is_before(whole, record, effect=effect) for seat in self.seats) or any(
            whole.knows(head, record.id) for head in self.heads
        )


def may_be_filled(fold: Fold, record: Record, hosted: Collection[OrganisationId]) -> bool:
    """Whether a record of which the outline is here is for somebody here after all."""
    at = max(each.header.claimed_at for each in fold.history.order)
    standing = fold.state.standing(fold.instrument, at)
    for one in hosted:
        seat = _seat(fold, one, standing, at)
        if seat is None or not seat.is_before(fold.history, record, effect=True):
            return True
        if matter_of(record) in open_matters(fold, standing, seat.found):
            return True
        if _campaign(record) & named_in(fold, seat.found).campaigns:
            return True
    return False


def wanted(
    fold: Fold, organisations: Iterable[OrganisationId], archived: str
) -> tuple[str, frozenset[RecordId]]:
    """The outlines to ask for again, and what made them wanted in one word.

    Of all, where an incident or a campaign is spoken of while somebody here is in, or where the
    text says so; and of what somebody here may have and was not moved into an archive.

    Args:
        organisations: whose node it is.
        archived: the moment before which records may be here in outline by choice, as ISO 8601 in
            UTC; empty for none.
    """
    if not fold.state.outlined:
        return "", frozenset()
    at = max(each.header.claimed_at for each in fold.history.order)
    standing = fold.state.standing(fold.instrument, at)
    outlines = [each for each in fold.history.order if is_outline(each)]
    because: set[str] = set()
    found: set[RecordId] = set()
    for organisation in organisations:
        party = fold.instrument.party(organisation)
        if party is None or party not in standing.parties:
            continue
        seat = _seat(fold, organisation, standing, at)
        if seat is None:
            lost = [each for each in outlines if each.header.claimed_at.isoformat() >= archived]
            found.update(each.id for each in lost)
            because.add(f"lost {organisation}")
        named = named_in(fold, standing.parties[party])
        if named.campaigns or not named.matters.isdisjoint(fold.state.outlined):
            found |= fold.state.outlined
            because |= named.matters | named.campaigns
    return digest(encode(sorted(because))), frozenset(found)


# --- who waits ----------------------------------------------------------------------------


def awaited(fold: Fold, circle: CircleId, at: datetime) -> tuple[Awaited, ...]:
    """The content of a circle that somebody late waits for a checkpoint of.

    Cost: one look at the register; the records beyond the last checkpoint for each party, where
    not all had to sign, and for each chain that claims to be from later than `at`.
    """
    standing = fold.state.standing(fold.instrument, at)
    members = checkpoints.shared_circles(fold.instrument)[circle].members
    seats = []
    for party in sorted(members & standing.parties.keys()):
        seat = _seat(fold, fold.instrument.organisation(party), standing, at)
        if seat is not None:
            seats.append(seat)
    found = []
    beyond = [*_uncovered(fold, circle)] if seats else []
    ahead = _ahead(fold, beyond, at, standing.in_force_since or at)
    for record in beyond:
        said = (
            ahead.get(record.header.chain, at)
            if record.header.claimed_at > at
            else record.header.claimed_at
        )
        if not is_content(record):
            continue
        effect = fold.state.verdicts[record.id].effect
        since = []
        for seat in seats:
            if seat.is_before(fold.history, record, effect=effect):
                joined = [each.since for each in seat.found.spells if each.since <= at]
                if joined:
                    since.append(max(joined[-1], said))
                elif at - said >= INVITED_WAIT:
                    since.append(said)
        if since:
            found.append(Awaited(record, min(since)))
    return tuple(found)


def _ahead(
    fold: Fold, records: Sequence[Record], at: datetime, begun: datetime
) -> dict[ChainKey, datetime]:
    """Of each chain that claims to be from later than `at`, when what claims so was said at last.

    That is when somebody else first said something that rests on it, or, as long as nobody has,
    the latest moment that the others show, or `begun`.
    """
    first: dict[ChainKey, Record] = {}
    for record in records:
        header = record.header
        before = first.get(header.chain, record)
        if header.claimed_at > at and header.sequence <= before.header.sequence:
            first[header.chain] = record
    if not first:
        return {}
    said = sorted(
        (each.header.claimed_at, each.header.issuer, each.id)
        for each in records
        if each.header.claimed_at <= at
    )
    found = {}
    for chain, record in first.items():
        after = (
            claimed
            for claimed, issuer, each in said
            if issuer != chain.issuer and fold.history.knows(each, record.id)
        )
        found[chain] = next(after, said[-1][0] if said else begun)
    return found


def _campaign(record: Record) -> frozenset[str]:
    said = record.body.get("campaign")
    return frozenset({said}) if isinstance(said, str) and said else frozenset()


def _uncovered(fold: Fold, circle: CircleId) -> Iterator[Record]:
    """The records of a circle beyond the last checkpoint that was reached there."""
    point = fold.reached(circle)
    covered: Heads = {} if point is None else point.heads
    for chain, (_, head) in fold.history.heads.items():
        record = fold.history.get(head) if chain.circle == circle else None
        while record is not None and not checkpoints.covers_record(covered, record):
            yield record
            before = record.header.previous
            record = fold.history.get(before) if before else None
