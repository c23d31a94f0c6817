"""Which incidents a party that joined later is told of whole, since they are spoken of again.

Rules. Somebody speaks while a party is in if both say so, its own claim and what the speaker knew:
a party could else claim to have been in for ever.

Words used here:
    matter    an incident with what was said of it; incidents of one campaign are one matter
    open      for a late party: a matter of which somebody whole spoke, or which somebody whole put
              to a vote, while the party was in
    whole     a party that is in, and was from the beginning on
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from allied.agreement.checkpoints import shared_circles
from allied.agreement.named_again import signatures_of, whole_parties
from allied.record.outline import is_content

if TYPE_CHECKING:
    from datetime import datetime

    from allied.agreement.folded import Fold
    from allied.agreement.standing import PartyStanding, Standing
    from allied.record.ids import PartyId
    from allied.record.record import Record


def matter_of(record: Record) -> str:
    """The report of the incident that a record is about; empty where it does not say."""
    return record.id if record.header.kind == "incident.report" else said_of(record)


def _tabled(record: Record) -> str:
    """The report of the incident that is put to a vote; empty for other questions."""
    matter = record.body.get("matter") if record.header.kind == "proposal.open" else None
    said = matter.get("incident") if isinstance(matter, Mapping) else None
    return said if isinstance(said, str) else ""


def said_of(record: Record) -> str:
    """The report that a record names; empty where it names none."""
    said = record.body.get("incident")
    return said if isinstance(said, str) and is_content(record) else ""


def heard_of(fold: Fold, party: PartyId, record: Record) -> bool:
    """Whether the issuer of a record knew that a party had signed, wherever that can be unknown."""
    if fold.instrument.terms.life.in_force_when.all:
        return True
    knows = fold.history.knows
    return any(knows(record.id, each) for each in signatures_of(fold, party))


def stays(found: PartyStanding, at: datetime) -> bool:
    """Whether a party was in at a moment."""
    return any(
        each.since <= at and (each.until is None or at <= each.until) for each in found.spells
    )


@dataclass(frozen=True, slots=True)
class NamedIn:
    """What was spoken of while a party was in, by others.

    Attributes:
        matters: by their reports.
        campaigns: by name.
    """

    matters: frozenset[str]
    campaigns: frozenset[str]


def named_in(fold: Fold, found: PartyStanding) -> NamedIn:
    """What was spoken of while a party was in, by anybody whose words are here."""
    matters, campaigns = set[str](), set[str]()
    for record in fold.state.statements:
        spoken = is_content(record) or bool(_tabled(record))
        if (
            spoken
            and stays(found, record.header.claimed_at)
            and heard_of(fold, found.party, record)
        ):
            matters.add(_tabled(record) or matter_of(record))
            campaign = record.body.get("campaign")
            if isinstance(campaign, str) and campaign:
                campaigns.add(campaign)
    return NamedIn(frozenset(matters - {""}), frozenset(campaigns))


def open_matters(fold: Fold, standing: Standing, found: PartyStanding) -> frozenset[str]:
    """The matters that are open for a late party, by their reports.

    Args:
        standing: of the moment; `found` is the party's.

    Cost: a pass over the statements.
    """
    whole = whole_parties(fold, standing)
    shared = shared_circles(fold.instrument)
    open_: set[str] = set()
    campaigns: dict[str, set[str]] = {}
    for record in fold.state.statements:
        header = record.header
        if header.circle not in shared or not (is_content(record) or _tabled(record)):
            continue
        matter, campaign = _tabled(record) or matter_of(record), record.body.get("campaign")
        if isinstance(campaign, str) and campaign:
            campaigns.setdefault(campaign, set()).add(matter)
        within = header.issuer in whole and stays(found, header.claimed_at)
        if within and heard_of(fold, found.party, record):
            open_.add(matter)
    for together in campaigns.values():
        if not open_.isdisjoint(together):
            open_ |= together
    return frozenset(open_ - {""})
