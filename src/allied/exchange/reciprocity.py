"""What counts as given in return, where a clause asks for something in return.

A clause with `reciprocity: equal-kind` gives a party only what is of a kind that this party
gave itself; `contribute-to-receive` gives it only what, once it gave anything. The check
stands in `limits.reciprocity_failures`; here is what it rests on. Who remembers what came, and
what an offer is worth, is for the node.

Words used here:
    contributed    the kinds of what the releaser holds from the recipient, under one agreement
    offered        the kinds that the recipient would release at once, were the releaser
                   known to have contributed

Rules. What goes along with something else (identities, markings) is no contribution. A link
counts as a link, whatever it connects: its ends are items of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from allied.exchange.channel import Channel
from allied.exchange.handling import HandlingClass
from allied.exchange.stix import Kind
from allied.record.ids import PartyId

CONTRIBUTIONS: Final = frozenset(each.value for each in Kind if each != Kind.COMPANION)
"""Every kind that somebody can have contributed."""


def is_asked(channels: Sequence[Channel]) -> bool:
    """Whether any clause asks for something in return."""
    return any(each.reciprocity != "none" for each in channels)


def contributed(classes: Iterable[HandlingClass], party: PartyId) -> frozenset[str]:
    """The kinds that a party gave.

    Args:
        classes: the handling classes that something is held of, of whomever.
    """
    found: set[Kind] = set()
    for each in classes:
        if each.originator == party:
            kinds = {one.kind for one in each.demands if one.originator == party}
            found |= {Kind.LINK} if Kind.LINK in kinds else kinds
    return frozenset(each.value for each in found - {Kind.COMPANION})


def kinds_of(classes: Iterable[HandlingClass]) -> frozenset[str]:
    """The kinds of what one's own classes would give, as `contributed` would count them."""
    return frozenset(kind for each in classes for kind in contributed((each,), each.originator))
