"""Which texts of the time before its joining a later party may not have.

What `life.history` says of items is judged in `exchange.channels`; here the same is said of the
narrative, evidence and reasons beside the records in the circles of all, of the voters and of
bodies. Both sides ask: who answers holds them back, and who asks does not ask for them.

Words used here:
    stay      a period in which an organisation was a party
    before    said after the agreement entered into force, and in no stay of the organisation

Rules. With `all` a party may have everything, once it is in. Otherwise it may have what was said
in a stay of its own, and what was said before the agreement entered into force: that is what it
is invited to join; and so it may what belongs to an incident of which is spoken again in its stay
(`agreement.open_matters`). Who is invited and has not joined has no stay. What is put to a vote
is for everybody who may ever be bound by it. A text that is named again, where or when it is for
the party, is for it, if who names it may have it itself (`agreement.named_again`). Which of the
records themselves it may have is for `agreement.outlined`.

Source: DOMAIN, `life.history`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from allied.agreement import leaving
from allied.agreement.erasing import ON_THE_TABLE
from allied.agreement.named_again import (
    ALL,
    Naming,
    is_late,
    note,
    signatures_of,
    standing_at,
    still_withheld,
)
from allied.agreement.open_matters import matter_of, open_matters, stays
from allied.record.blob import references
from allied.record.outline import is_content

if TYPE_CHECKING:
    from datetime import datetime

    from allied.agreement.folded import Fold
    from allied.agreement.standing import PartyStanding, Standing
    from allied.record.ids import Digest, OrganisationId

_NONE: frozenset[Digest] = frozenset()


def withheld(fold: Fold, organisation: OrganisationId, at: datetime) -> frozenset[Digest]:
    """The texts that are not for an organisation because of when it joined.

    Cost: one look at the register; a pass over the records for who joined later, or has not.
    """
    party = fold.instrument.party(organisation)
    if party is None:
        return _NONE
    standing = standing_at(fold, at)
    found = standing.parties.get(party)
    by_all = fold.instrument.terms.life.in_force_when.all
    if found is None or (by_all and not is_late(standing, found)):
        return _NONE
    signed = signatures_of(fold, party)
    if found.spells and fold.terms(at).life.history == ALL:
        return _NONE
    shared = leaving.shared_circles(fold)
    visible = fold.state.circles_of(fold.instrument, party)
    open_ = open_matters(fold, standing, found)
    naming: Naming = {}
    others: set[Digest] = set()
    for record in fold.history.order:
        header = record.header
        if header.circle not in visible:
            continue
        own = header.circle not in shared or header.issuer == organisation
        own = own or matter_of(record) in open_
        within = _is_within(standing, found, header.claimed_at)
        if within and not by_all and is_content(record):
            # What it claims to have been in for counts as far as others knew of it.
            counts = fold.state.verdicts[record.id].effect
            within = not counts or any(fold.history.knows(record.id, each) for each in signed)
        if own or within:
            note(naming, header.issuer, record.body)
        else:
            others.update(references(record.body))
            note(naming, header.issuer, record.body.get(ON_THE_TABLE))
    return still_withheld(fold, standing, others, naming)


def _is_within(standing: Standing, found: PartyStanding, at: datetime) -> bool:
    """Whether something was said in a stay of a party, or before there was one of anybody."""
    if standing.in_force_since is None or at <= standing.in_force_since:
        return True
    return stays(found, at)
