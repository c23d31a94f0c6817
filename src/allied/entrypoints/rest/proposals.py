"""Questions put to those who decide, read by machines. Putting them and speaking is for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Path, Query
from fastapi.responses import Response

from allied.entrypoints.rest import cursors
from allied.entrypoints.rest.visit import USUAL, Here, Limit, Next, Way, given
from allied.entrypoints.shapes import instant
from allied.node import roles
from allied.node.tables import ProposalView

ProposalId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="Its whole id.")]
OpenOnly = Annotated[bool, Query(alias="open", description="Only those not decided yet.")]


@dataclass(frozen=True, slots=True)
class ProposalList:
    """Questions, the latest first; `next` where there are more."""

    proposals: tuple[ProposalView, ...]
    next: str | None


def list_proposals(
    visit: Here, open_only: OpenOnly = False, limit: Limit = USUAL, after: Next = ""
) -> Response:
    """List proposals, the latest first, with how each is counted now."""
    filters = {"open": open_only}
    start = cursors.decode("/proposals", filters, after, 2) if after else None
    found = sorted(visit.sight.proposals(open_only=open_only), key=_place, reverse=True)
    shown, goes_on = cursors.stretch(found, _place, after=start, limit=limit, descending=True)
    following = cursors.encode("/proposals", filters, goes_on) if goes_on else None
    return given(ProposalList(tuple(shown), following))


def _place(found: ProposalView) -> cursors.Position:
    return instant(found.tabled_at), found.id


def show_proposal(visit: Here, proposal: ProposalId) -> Response:
    """Show one proposal: what is asked, who decides by when, who said what, how it is counted."""
    return given(visit.sight.proposal(proposal))


TABLE: Final = (
    Way("GET", "/proposals", roles.PROPOSALS_READ, list_proposals, ProposalList),
    Way("GET", "/proposals/{proposal}", roles.PROPOSALS_READ, show_proposal, ProposalView),
)
