"""Which texts a party may have because somebody named them again, where or when it may read.

A party that joined later, or has left, sees records whose texts are not for it, and so knows the
digests of those texts. Naming one of them in a record of its own must not open it, nor may two
such parties do that for each other.

Words used here:
    kept from    a text that was named where the party may have the record, and not its texts
    whole        a party that is in, and was from the beginning on: every text was for it

Rule. A text is named again by who is whole, or by its uncontested author (`agreement.erasing`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from allied.agreement.departed import left_at
from allied.agreement.erasing import origins
from allied.agreement.standing import RATIFIED, SIGNED
from allied.record.blob import references

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from allied.agreement.folded import Fold
    from allied.agreement.standing import PartyStanding, Standing
    from allied.record.canonical import Json
    from allied.record.ids import Digest, OrganisationId, PartyId, RecordId

Naming = dict["Digest", set["OrganisationId"]]
"""By text, the issuers of the records for a party that name it."""


def note(naming: Naming, issuer: OrganisationId, value: Json) -> None:
    """Add what a record names, or a part of it."""
    for text in references(value):
        naming.setdefault(text, set()).add(issuer)


ALL: Final = "all"
"""The history rule by which who joins later may have everything."""


def signatures_of(fold: Fold, party: PartyId) -> frozenset[RecordId]:
    """The signatures and ratifications of a party that have effect."""
    state = fold.state
    return frozenset(
        source
        for source, event in zip(state.sources, state.events, strict=True)
        if event.party == party and event.event in (SIGNED, RATIFIED)
    )


def standing_at(fold: Fold, at: datetime) -> Standing:
    """Who is bound at a moment, or when the agreement entered into force, if that is later.

    So a clock that is behind shows nobody what it may not have.

    Cost: one look at the register; one for each event beyond a clock that is behind.
    """
    found = fold.state.standing(fold.instrument, at)
    if found.in_force_since is None:
        for moment in sorted({each.at for each in fold.state.events if each.at > at}):
            begun = fold.state.standing(fold.instrument, moment)
            if begun.in_force_since is not None:
                return begun
    return found


def is_late(standing: Standing, found: PartyStanding) -> bool:
    """Whether a party was not in from the beginning on, or was out in between."""
    begun = standing.in_force_since
    if begun is None:
        return False
    return len(found.spells) != 1 or found.spells[0].since > begun


def still_withheld(
    fold: Fold, standing: Standing, kept_from: AbstractSet[Digest], naming: Naming
) -> frozenset[Digest]:
    """Those of the texts kept from a party that nobody has named again for it.

    Args:
        standing: of the moment.

    Cost: a pass over the records where such a text is named by somebody who is not whole.
    """
    whole = whole_parties(fold, standing)
    left = {text for text in kept_from if whole.isdisjoint(naming.get(text, ()))}
    doubtful = frozenset(left.intersection(naming))
    if doubtful:
        found = origins(fold.history.order, fold.history.knows, doubtful)
        for text in doubtful:
            origin = found[text]
            if not origin.contested and origin.author in naming[text]:
                left.remove(text)
    return frozenset(left)


def whole_parties(fold: Fold, standing: Standing) -> frozenset[OrganisationId]:
    """The parties that are in, and were from the beginning on."""
    return frozenset(
        fold.instrument.organisation(party)
        for party, found in standing.parties.items()
        if not is_late(standing, found) and left_at(standing, party) is None
    )
