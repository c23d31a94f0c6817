"""What a recipient has given this node, and what its offer to give something is worth.

Where a clause asks for something in return, a party gets what it gave itself. Whether it did
is seen from what the releaser holds of it. Two who both wait for the other would wait for
ever, so whoever asks for items says which kinds it would give at once. Such an offer is
believed for an hour; by then something has come, or nothing will be released on that word
again.

Words used here:
    given      the kinds of what the holder holds from the recipient under the agreement now
    offer      the kinds that the recipient says it would give
    relied     since when something of a kind was released because it was offered

Rules. What was recalled, or has ended, is not held any more and counts no longer. An offer that
came to nothing is no longer believed, whatever is offered again; what comes after all counts.
Where no clause asks for anything in return nothing is looked up here.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from allied.exchange import reciprocity

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from allied.exchange.handling import HandlingClass
    from allied.node.ports import Reading
    from allied.node.verdicts import Footing
    from allied.record.ids import AgreementId, OrganisationId, PartyId

BELIEVED: Final = timedelta(hours=1)
"""How long an offer is believed from the first release on that rested on it."""


def given(
    reading: Reading,
    agreement: AgreementId,
    holder: OrganisationId,
    party: PartyId,
    classes: Mapping[int, HandlingClass],
) -> frozenset[str]:
    """The kinds that `holder` has from `party`; one look at the counts per class."""
    held = reading.item_counts(agreement, holder)
    return reciprocity.contributed((classes[number] for number in held), party)


def believed(
    reading: Reading,
    agreement: AgreementId,
    holder: OrganisationId,
    party: PartyId,
    offers: frozenset[str],
    at: datetime,
) -> frozenset[str]:
    """Those of the kinds offered that `holder` goes by at an instant."""
    if not offers:
        return offers
    relied = _relied(reading, agreement, holder, party)
    return frozenset(
        kind
        for kind in offers
        if kind not in relied or relied[kind] <= at < relied[kind] + BELIEVED
    )


def relying(
    reading: Reading,
    agreement: AgreementId,
    holder: OrganisationId,
    footing: Footing,
    leaving: Collection[HandlingClass],
    at: datetime,
) -> Mapping[str, str]:
    """The cursor to set before items of these classes leave on the strength of an offer.

    Where any contribution will do, one offer of anything uses up all of them.
    """
    party = footing.recipient.party
    kinds = reciprocity.kinds_of(leaving) & footing.offered
    nothing_came = footing.known.contributed == footing.offered
    if any(each.reciprocity == "contribute-to-receive" for each in footing.channels):
        kinds = reciprocity.CONTRIBUTIONS if nothing_came else kinds
    relied = _relied(reading, agreement, holder, party)
    if not kinds - relied.keys():
        return {}
    said = dict.fromkeys(kinds, at) | relied
    value = json.dumps({kind: int(said[kind].timestamp()) for kind in sorted(said)})
    return {_place(agreement, holder, party): value}


def _relied(
    reading: Reading, agreement: AgreementId, holder: OrganisationId, party: PartyId
) -> dict[str, datetime]:
    text = reading.cursor(_place(agreement, holder, party))
    return {
        str(kind): datetime.fromtimestamp(int(at), UTC)
        for kind, at in json.loads(text or "{}").items()
    }


def _place(agreement: AgreementId, holder: OrganisationId, party: PartyId) -> str:
    return f"relied:{holder}:{agreement}:{party}"
