"""When a party left an agreement that goes on without it.

Words used here:
    left    the notice, or the decision to expel it, has taken effect

Rule. When an agreement has ended nobody is inside, so nobody has left it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from allied.agreement.standing import Standing
    from allied.record.ids import PartyId

_LEFT: Final = frozenset({"former", "expelled"})
_GOES_ON: Final = frozenset({"in-force", "suspended"})


def left_at(standing: Standing, party: PartyId) -> datetime | None:
    """When a party left; None while it is in, was never in, or where the agreement has ended."""
    found = standing.parties.get(party)
    if found is None or found.legal not in _LEFT or standing.state not in _GOES_ON:
        return None
    return found.spells[-1].until if found.spells else None
