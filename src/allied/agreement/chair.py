"""Who chairs a body at a moment, where the text lets the chair rotate.

Pure: the moment and the entry into force are arguments. Whether a tie is broken by the chair
is the rule's (`agreement.rules`), and how is `agreement.tally`'s.

Words used here:
    turn      one period of the chair; the first begins with the entry into force
    order     `name`: as the text names the members of the body; `alphabet`: by the names that
              people read, without regard to case, then by id
    seated    those who sit in the body now

Rules that hold everywhere below. Turns follow the calendar of the agreement's time zone and
are counted from the entry into force, so no turn drifts. The order is that of the text, so
somebody who leaves changes nobody else's turn; whoever is not seated in its own turn is
replaced by the next in order that is. Whom the text does not name (a successor) comes after
those whom it names. Without a period the first in order chairs. Where the
chair is elected (`vote`), nothing follows from the text: the register says who was.

Source: agreement format, "Bodies"; rotating presidencies of councils.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from allied.agreement.ballot import require_aware
from allied.agreement.silence import later
from allied.agreement.values import Duration
from allied.errors import NotFoundError
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from allied.agreement.terms import Agreement

_MOST_COUNTED: Final = 999_999
_BY_THE_CLOCK: Final = frozenset({"seconds", "minutes", "hours"})


def chair_of(
    agreement: Agreement,
    body: str,
    at: datetime,
    since: datetime | None,
    *,
    seated: frozenset[PartyId] | None = None,
    elected: PartyId | None = None,
) -> PartyId | None:
    """Who chairs `body` at `at`; None where nobody does, or nothing says who.

    Args:
        body: its name; empty for all members, who have no chair.
        since: the entry into force; None before it.
        seated: None for all members of the body that the text names.
        elected: who was chosen, for a chair by vote.

    Raises:
        NotFoundError: `decision.no-such-body`.
        MalformedError: `agreement.unknown-timezone`.
        ValueError: a moment carries no time zone.
    """
    require_aware(at)
    require_aware(since)
    if not body:
        return None
    if body not in agreement.bodies:
        raise NotFoundError("decision.no-such-body", "the agreement has no body of that name")
    chair = agreement.bodies[body].chair
    named = agreement.members_of(body)
    present = frozenset(named) if seated is None else seated
    if chair is None or since is None or at < since or not present:
        return None
    if chair.rotation == "vote":
        return elected if elected in present else None
    order = [*named, *sorted(present.difference(named))]
    if chair.rotation == "alphabet":
        order.sort(key=lambda party: ((agreement.party(party).name or party).casefold(), party))
    turn = _turn(chair.period, since, at, agreement.timezone) % len(order)
    return next(party for party in (*order[turn:], *order[:turn]) if party in present)


def _turn(period: Duration | None, since: datetime, at: datetime, timezone: str) -> int:
    """How many whole periods have passed; 0 where there is none or it has no length."""
    if period is None or period.count == 0:
        return 0
    if period.unit in _BY_THE_CLOCK and period.exact is not None:
        return (at - since) // period.exact
    low, high = 0, _MOST_COUNTED // period.count
    while low < high:
        middle = (low + high + 1) // 2
        if later(Duration(period.count * middle, period.unit), since, timezone) <= at:
            low = middle
        else:
            high = middle - 1
    return low
