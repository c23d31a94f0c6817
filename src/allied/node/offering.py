"""What would leave this node at once, were something given for it.

Where a clause asks for something in return, an organisation says with each question for items
which kinds it would give (`allied.node.in_return` says what that is worth), and each side
shows the other by its mark that something waits, though not what.

Words used here:
    offer        the kinds of its own that a holder would give
    held back    items that wait for nothing but something in return
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from allied.agreement.clauses import InformationSharing
from allied.exchange import reciprocity
from allied.node import release, verdicts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allied.node.folds import Folded
    from allied.node.node import Node
    from allied.node.ports import Reading
    from allied.record.ids import OrganisationId


def _were_it_given(
    node: Node,
    reading: Reading,
    folded: Folded,
    holder: OrganisationId,
    organisation: OrganisationId,
) -> release.Reach | None:
    """What could go if the recipient had contributed; None where no clause asks for that."""
    at = node.clock.now()
    terms = folded.terms(at)
    party = folded.instrument.party(organisation)
    asked = any(each.reciprocity != "none" for each in terms.clauses(InformationSharing))
    if party is None or holder == organisation or not asked:
        return None
    footing = verdicts.footing(reading, folded, holder, party, at)
    if footing is None or not reciprocity.is_asked(footing.channels):
        return None
    known = replace(footing.known, contributed=reciprocity.CONTRIBUTIONS)
    footing = replace(footing, known=known, offered=frozenset())
    return release.Reach(footing, *release.own(node, reading, folded, holder, footing, at), at)


def offers(
    node: Node,
    reading: Reading,
    folded: Folded,
    holder: OrganisationId,
    organisation: OrganisationId,
) -> frozenset[str]:
    """The kinds of its own that `holder` would give `organisation` in return at once."""
    allowed = _were_it_given(node, reading, folded, holder, organisation)
    if allowed is None:
        return frozenset()
    classes = (allowed.classes.by_id[number] for number in allowed.permitted)
    return reciprocity.kinds_of(each for each in classes if each.originator == allowed.releaser)


def held_back(
    node: Node,
    reading: Reading,
    folded: Folded,
    holder: OrganisationId,
    organisation: OrganisationId,
) -> Mapping[int, int]:
    """How many items of `holder` wait only for something in return, by handling class."""
    allowed = _were_it_given(node, reading, folded, holder, organisation)
    if allowed is None:
        return {}
    visible = release.visible_counts(node, reading, folded, holder, organisation)
    counts = reading.item_counts(folded.row.id, holder)
    return {number: counts[number] for number in allowed.permitted if number not in visible}
