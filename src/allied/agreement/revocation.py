"""What a key that was stolen still counts for: what its owner had counted, and no more.

A `key.revoke` record is signed with a key that the thief does not have, because it stands
in a later incarnation than everything that the stolen key can sign (`record.record`). It
says for one circle how far the owner's own chains there count (`record.revocation`). This
module says of any record whether it lies beyond.

Words used here:
    revoked   a key that a revocation of its owner names
    counted   the last number of an own chain that the owner stands by
    relied    known to others when they spoke, and they did not know of the revocation

Rules. A revocation touches only chains of lower incarnations than its own, so a stolen key
can never revoke the one that came after it. A revoked key counts in each circle up to what
the revocations in that very circle count, the lowest where several do; in a circle without
one it counts for nothing once it is revoked where all parties read. What is said in one circle
alone touches no other, since those who cannot read it would judge otherwise: neither a
revocation, nor that somebody relied on a paper. What lies beyond is kept and shown, and has
no effect, except what is the same whoever says it (a proposal, a circle), and a signature or
ratification that at least half of the others relied on: nobody takes an agreement out of
force by revoking its own keys. Whoever wants to leave withdraws. For one revocation what was
relied on only grows.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from allied.agreement.terms import Agreement
    from allied.record.history import History
    from allied.record.ids import OrganisationId, RecordId
    from allied.record.record import ChainKey, Record
    from allied.record.revocation import Revocation

SAME_FROM_ALL: Final = frozenset({"agreement.propose", "circle.open"})
"""What is named by its content: it says the same whoever signs it."""


def is_beyond(record: Record, revocations: Sequence[Revocation]) -> bool:
    """Whether a key that was revoked signed `record` beyond what its owner counted.

    Args:
        revocations: of the record's issuer; others are passed over.

    Cost: one pass over them.
    """
    return bool(against(record, revocations))


def against(record: Record, revocations: Sequence[Revocation]) -> list[Revocation]:
    """Those revocations that put `record` beyond what its owner counted; as `is_beyond`."""
    if not revocations or record.header.kind in SAME_FROM_ALL:
        return []
    header = record.header
    about = [
        each
        for each in revocations
        if each.issuer == header.issuer
        and header.key in each.keys
        and header.incarnation < each.below
        and (each.everywhere or each.circle == header.circle)
    ]
    here = [each for each in about if each.circle == header.circle]
    if not here:
        return about
    return [each for each in here if header.sequence > each.counted.get(header.chain, 0)]


def standing_ones(found: Sequence[tuple[Record, Revocation]]) -> tuple[Revocation, ...]:
    """Those revocations that no later one takes the force from, whatever their order."""
    standing: list[Revocation] = []
    for record, revocation in sorted(found, key=lambda each: -each[1].below):
        if not is_beyond(record, standing):
            standing.append(revocation)
    return tuple(standing)


def known_ones(
    found: Iterable[tuple[Record, Revocation]], knows: Callable[[RecordId], bool]
) -> tuple[Revocation, ...]:
    """Those revocations that stand for somebody who knows no others than these."""
    return standing_ones([each for each in found if knows(each[0].id)])


def needed_of(terms: Agreement) -> int:
    """How many others have to rely on a party's paper: half of those that entry into force takes.

    Follows from the text alone, so that parties that sign later change nothing.
    """
    condition, named = terms.life.in_force_when, len(terms.party_ids)
    taken = max(condition.count or 0, len(condition.including))
    if condition.share is not None:
        taken = max(taken, math.ceil(condition.share * named))
    if condition.majority_ratified:
        taken = max(taken, named // 2 + 1)
    if condition.all or not taken:
        taken = named
    return max(1, min(taken, named) // 2)


class Reliance:
    """Who relied on what, in one history."""

    def __init__(self, history: History, others: frozenset[OrganisationId]) -> None:
        """Look at what the parties `others` said."""
        self._history = history
        self._lines: dict[ChainKey, list[Record]] = {}
        for record in history.order:
            if record.header.issuer in others:
                self._lines.setdefault(record.header.chain, []).append(record)

    def is_enough(self, record: Record, revocation: Revocation, needed: int) -> bool:
        """Whether at least `needed` others relied on `record` without knowing `revocation`.

        Cost: a binary search in each chain.
        """
        who: set[OrganisationId] = set()
        for chain, line in self._lines.items():
            if chain.issuer == record.header.issuer or chain.issuer in who:
                continue
            if chain.circle != record.header.circle:
                continue  # not everybody who judges this can read that
            at = self._first_to_know(line, record.id)
            if at is not None and not self._history.knows(at.id, revocation.record):
                who.add(chain.issuer)
        return len(who) >= needed

    def _first_to_know(self, line: Sequence[Record], record: RecordId) -> Record | None:
        at = bisect_left(line, True, key=lambda each: self._history.knows(each.id, record))
        return line[at] if at < len(line) else None
