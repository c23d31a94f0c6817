"""Obligations, read by machines.

Of what is said about them, a machine says only that they are known. Accepting, declining,
performing and verifying are for people.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Path, Query
from fastapi.responses import Response

from allied.entrypoints.rest import cursors
from allied.entrypoints.rest.visit import USUAL, Here, Limit, Next, Way, given
from allied.entrypoints.shapes import instant
from allied.node import errands, roles
from allied.node.cases import ObligationView

Key = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="Its whole key.")]
Mine = Annotated[bool, Query(description="Only what is owed by or to the organisation.")]

_NEVER: Final = "~"


@dataclass(frozen=True, slots=True)
class ObligationList:
    """Obligations, what runs out first before the others; `next` where there are more."""

    obligations: tuple[ObligationView, ...]
    next: str | None


def list_obligations(
    visit: Here,
    mine: Mine = False,
    limit: Limit = USUAL,
    after: Next = "",
) -> Response:
    """List obligations, with their states and deadlines."""
    filters = {"mine": mine}
    start = cursors.decode("/obligations", filters, after, 2) if after else None
    found = sorted(visit.sight.obligations(mine_only=mine), key=_place)
    shown, goes_on = cursors.stretch(found, _place, after=start, limit=limit)
    following = cursors.encode("/obligations", filters, goes_on) if goes_on else None
    return given(ObligationList(tuple(shown), following))


def _place(found: ObligationView) -> cursors.Position:
    by = found.next_deadline
    return instant(by) if by else _NEVER, found.key


def show_obligation(visit: Here, key: Key) -> Response:
    """Show one obligation: who owes what, why, and everything that was said about it."""
    return given(visit.sight.obligation(key))


def acknowledge_obligation(visit: Here, key: Key) -> Response:
    """Say, as the debtor, that the organisation knows what it owes."""
    return given(errands.acknowledge(visit.sight, visit.keys, key))


TABLE: Final = (
    Way("GET", "/obligations", roles.OBLIGATIONS_READ, list_obligations, ObligationList),
    Way("GET", "/obligations/{key}", roles.OBLIGATIONS_READ, show_obligation, ObligationView),
    Way(
        "POST",
        "/obligations/{key}/acknowledge",
        roles.OBLIGATIONS_ACKNOWLEDGE,
        acknowledge_obligation,
        ObligationView,
    ),
)
