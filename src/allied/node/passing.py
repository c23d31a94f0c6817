"""Passing on what others originated: decided for here, and judged anew at every request.

Bytes, statement and proof stay the originator's. Somebody here decides that an item is to be
passed on to a party; whether it may go is asked of the policy at that moment and again whenever
the party asks, with the consents that hold then. The secretariat of a clause that makes
everything go through it passes on without being told to (`allied.node.release`).

Words used here:
    passed     an item of somebody else that may go to a party now, with what proves consent
    proof      the originator's reply, where the policy would refuse without it

Rules. Nothing of the recipient's own goes back to it. What was recalled is gone, and so not
passed on. An outsider is nobody's peer: what it may have is exported for it, not fetched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from allied.errors import NotFoundError, UsageError
from allied.node import items, ledger, release
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from allied.exchange.policy import Verdict
    from allied.node.node import Node
    from allied.node.rows import Organisation


@dataclass(frozen=True, slots=True)
class PassedView:
    """What the agreement says to passing an item on to one party.

    Attributes:
        outcome: permit, deny, ask-originator, sanitise-first or human-review.
    """

    party: PartyId
    permitted: bool
    code: str
    art: str
    reason: str
    outcome: str
    would_change: tuple[str, ...]


def pass_on(
    node: Node,
    organisation: Organisation,
    name: str,
    to: Sequence[str],
    *,
    dry_run: bool = False,
) -> Sequence[PassedView]:
    """Decide that an item of somebody else is to be passed on to parties, as far as it may.

    Args:
        name: STIX id or number of an item that is held here.
        to: parties of the agreement it came under.

    Returns:
        What the agreement says for each of them; those that are permitted get it with their
        next request.

    Raises:
        NotFoundError: `item.unknown`, `exchange.not-a-party`.
        UsageError: `item.own`: what is one's own is shared, not passed on.
    """
    found = []
    with node.store.write() as writing:
        folded, row = items.find(node, writing, organisation, name)
        if row.originator == organisation.id:
            raise UsageError(
                "item.own", "this is your own item", hint="share it with `allied share --to`"
            )
        originator = folded.instrument.party(row.originator)
        labels = {each.id for each in folded.instrument.terms.parties}
        for party in to:
            if party not in labels or party in (
                originator,
                folded.instrument.party(organisation.id),
            ):
                raise NotFoundError(
                    "exchange.not-a-party", "the agreement names no such other party"
                )
        entries = []
        for party in dict.fromkeys(to):
            verdict = release.verdict_of(node, writing, folded, row, PartyId(party))
            found.append(shown(PartyId(party), verdict))
            entries.append(
                ledger.Entry(
                    agreement=folded.row.id,
                    recipient=party,
                    outcome=ledger.PERMITTED if verdict.permitted else ledger.REFUSED,
                    code=verdict.code,
                    art=verdict.art,
                    class_id=row.class_id,
                    first=row.seq,
                    last=row.seq,
                    count=1,
                    via="pass-on",
                    proof="",
                    at=node.clock.now(),
                )
            )
            if verdict.permitted and not dry_run:
                writing.pass_on(folded.row.id, organisation.id, party, [row.seq], entries[-1].at)
        if not dry_run:
            ledger.append(writing, organisation.id, entries)
    if not dry_run:
        node.notifier.changed(folded.row.id)
    return found


def shown(party: PartyId, verdict: Verdict) -> PassedView:
    """A verdict for people."""
    return PassedView(
        party,
        verdict.permitted,
        verdict.code,
        verdict.art,
        verdict.sentence,
        verdict.outcome.value,
        verdict.would_change,
    )
