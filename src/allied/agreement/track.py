"""One party on its way: candidate, signatory, bound, leaving, out, and in again.

Values only; what moves a party on is decided by `agreement.timeline`.

Words used here:
    stay     the time in which a party is bound: [since, until)
    spell    a stay that is told to others
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from allied.agreement.admission import Candidacy
    from allied.record.ids import PartyId


@dataclass(frozen=True, slots=True)
class Spell:
    """One stay of a party: [since, until), open where `until` is None."""

    since: datetime
    until: datetime | None = None


@dataclass(slots=True)
class Track:
    """One party on its way.

    Attributes:
        since: the begin of its stay; None while it is out.
        until: the end of it, where that is known already.
        going: as what it goes or went: former or expelled.
        ground: why it was expelled.
        spells: the stays that are over.
    """

    party: PartyId
    role: str
    tier: str
    since: datetime | None = None
    until: datetime | None = None
    going: str = ""
    ground: str = ""
    practice: str = ""
    spells: tuple[Spell, ...] = ()
    candidacy: Candidacy | None = None
    succeeds: PartyId | None = None
    succeeded_by: PartyId | None = None

    @property
    def is_banned(self) -> bool:
        """Whether it was expelled, and nobody has invited it since."""
        invited = self.candidacy is not None and self.candidacy.invited
        return self.going == "expelled" and not invited

    def is_in(self, at: datetime) -> bool:
        """Whether its stay goes on at `at`."""
        return self.since is not None and (self.until is None or at < self.until)
