"""How recently it was confirmed, on this node, who is a party to an agreement.

A node that is cut off does not learn that somebody has left. So whoever releases something
above TLP:GREEN has to have heard recently, from others than the recipient, that there is
nothing new. This module keeps when each party was heard, and answers since when what is known
here counts as confirmed for one recipient.

Words used here:
    heard       an exchange with the party's node brought everything that it shows of the
                agreement; organisations hosted on this very node are always heard
    asked       whose word counts: the secretariat, if one is bound; else the other members;
                never the releaser. Where nobody but the recipient is left, as in a pact of
                two, it is the recipient
    confirmed   more than half of those asked were heard since then

Rules. What the recipient says confirms nothing as long as there is anybody else to ask: it
is the one who might have been removed. An instant is kept to the minute, and an older one is
never put in the place of a newer one, unless that was written down under a clock that was ahead.

Source: DOMAIN on `freshness`; `exchange.limits.is_fresh` says how old is too old.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from allied.agreement.standing import Standing
    from allied.node.folds import Folded
    from allied.node.ports import Reading, Writing
    from allied.record.ids import AgreementId, OrganisationId, PartyId

_STEP: Final = timedelta(minutes=1)


def heard(
    writing: Writing,
    organisation: OrganisationId,
    peer: OrganisationId,
    agreements: Iterable[AgreementId],
    at: datetime,
    now: datetime,
) -> None:
    """Remember that an exchange with `peer`, begun at `at`, brought all of these agreements."""
    for agreement in agreements:
        if is_due(writing, organisation, peer, agreement, at, now):
            known = _known(writing, organisation, agreement)
            known[peer] = int(at.timestamp())
            writing.set_cursor(_place(organisation, agreement), json.dumps(known))


def is_due(
    reading: Reading,
    organisation: OrganisationId,
    peer: OrganisationId,
    agreement: AgreementId,
    at: datetime,
    now: datetime,
) -> bool:
    """Whether `heard` would write something; saves a write unit."""
    last = _known(reading, organisation, agreement).get(peer)
    is_ahead = last is not None and last > now.timestamp()
    return last is None or is_ahead or at.timestamp() - last >= _STEP.total_seconds()


def confirmed_at(
    reading: Reading,
    folded: Folded,
    standing: Standing,
    holder: OrganisationId,
    recipient: PartyId,
    at: datetime,
) -> datetime | None:
    """Since when it is confirmed for a release to `recipient` who is a party; None if never."""
    me = folded.instrument.party(holder)
    others = [
        each
        for each in standing.parties.values()
        if each.party in standing.bound and each.party not in (me, recipient)
    ]
    asked = (
        [each.party for each in others if each.role == "secretariat"]
        or [each.party for each in others if each.role == "member"]
        or [recipient]
    )
    known = _known(reading, holder, folded.row.id)
    here = {each.id for each in reading.organisations()}
    instants = []
    for party in asked:
        binding = folded.instrument.genesis.parties.get(party)  # somebody outside has none
        if binding is None:
            continue
        if binding.organisation in here:
            instants.append(at)
        elif binding.organisation in known:
            organisation = binding.organisation
            instants.append(datetime.fromtimestamp(known[organisation], UTC))
    needed = len(asked) // 2 + 1
    return sorted(instants, reverse=True)[needed - 1] if len(instants) >= needed else None


def _known(
    reading: Reading, organisation: OrganisationId, agreement: AgreementId
) -> dict[str, int]:
    text = reading.cursor(_place(organisation, agreement))
    return {str(peer): int(at) for peer, at in json.loads(text or "{}").items()}


def _place(organisation: OrganisationId, agreement: AgreementId) -> str:
    return f"heard:{organisation}:{agreement}"
