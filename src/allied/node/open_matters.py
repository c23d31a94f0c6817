"""Which incidents a party that joined later is told of whole, since they are spoken of again.

Words used here:
    matter    an incident with what was said of it; incidents of one campaign are one matter
    open      for a late party: a matter of which somebody whole spoke while the party was in
    whole     a party that is in, and was from the beginning on
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from allied.agreement.checkpoints import is_content, shared_circles
from allied.node.named_again import whole_parties

if TYPE_CHECKING:
    from datetime import datetime

    from allied.agreement.standing import PartyStanding, Standing
    from allied.node.folds import Folded
    from allied.record.record import Record


def matter_of(record: Record) -> str:
    """The report of the incident that a record is about; empty where it does not say."""
    return record.id if record.header.kind == "incident.report" else said_of(record)


def said_of(record: Record) -> str:
    """The report that a record names; empty where it names none."""
    said = record.body.get("incident")
    return said if isinstance(said, str) and is_content(record) else ""


def stays(found: PartyStanding, at: datetime) -> bool:
    """Whether a party was in at a moment."""
    return any(
        each.since <= at and (each.until is None or at <= each.until) for each in found.spells
    )


def open_matters(folded: Folded, standing: Standing, found: PartyStanding) -> frozenset[str]:
    """The matters that are open for a late party, by their reports.

    Args:
        standing: of the moment; `found` is the party's.

    Cost: a pass over the statements.
    """
    whole = whole_parties(folded, standing)
    shared = shared_circles(folded.instrument)
    open_: set[str] = set()
    campaigns: dict[str, set[str]] = {}
    for record in folded.state.statements:
        header = record.header
        if header.circle not in shared or not is_content(record):
            continue
        matter, campaign = matter_of(record), record.body.get("campaign")
        if isinstance(campaign, str) and campaign:
            campaigns.setdefault(campaign, set()).add(matter)
        if header.issuer in whole and stays(found, header.claimed_at):
            open_.add(matter)
    for together in campaigns.values():
        if not open_.isdisjoint(together):
            open_ |= together
    return frozenset(open_ - {""})
