"""What is owed, as seen and answered from this node.

Obligations are derived, so here nothing opens one; the debtor and the creditor only speak
about them. A statement that would have no effect is refused before it is signed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from allied.agreement.parts import EXCUSES
from allied.errors import RefusedError, UsageError
from allied.node import accrued, journal
from allied.node.cases import ObligationView, find_obligation, matters, obligation_view
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from allied.node.node import Actor, Node
    from allied.node.rows import Organisation
    from allied.record.canonical import Json

VERBS = frozenset(
    {
        "acknowledge",
        "accept",
        "decline",
        "excuse",
        "perform",
        "verify",
        "waive",
        "confirm-excuse",
        "refuse-excuse",
    }
)
OTHER_REASON = "other"
_WORD = re.compile(r"[a-z][a-z-]{1,60}")


def list_obligations(
    node: Node, organisation: Organisation, *, mine_only: bool = False
) -> Sequence[ObligationView]:
    """Every obligation an organisation may see: what runs out first stands first."""
    now = node.clock.now()
    found = []
    with node.store.read() as reading:
        for matter in matters(node, reading, organisation, now):
            mine = matter.folded.instrument.party(organisation.id)
            found += [
                obligation_view(reading, matter, state, mine, now)
                for state in matter.case.obligations
            ]
    kept = [view for view in found if view.mine or not mine_only]
    return sorted(
        kept, key=lambda view: (view.next_deadline is None, view.next_deadline or now, view.key)
    )


def show(node: Node, organisation: Organisation, key: str) -> ObligationView:
    """One obligation by its key, or the start of it."""
    now = node.clock.now()
    with node.store.read() as reading:
        matter, state = find_obligation(node, reading, organisation, key, now)
        mine = matter.folded.instrument.party(organisation.id)
        return obligation_view(reading, matter, state, mine, now)


def say(
    node: Node,
    actor: Actor,
    key: str,
    verb: str,
    *,
    why: str = "",
    evidence: Sequence[tuple[str, bytes]] = (),
) -> ObligationView:
    """State something about an obligation, as its debtor or creditor.

    Args:
        verb: one of `VERBS`.
        why: for decline and excuse: one of the clause's words, or text of one's own.
        evidence: (media type, content) for perform.

    Raises:
        RefusedError: `obligation.` and why the statement would have no effect.
        NotFoundError: no such obligation.
    """
    if verb not in VERBS:
        raise UsageError("obligation.verb", "there is no such statement about an obligation")
    with node.store.write() as writing:
        now = node.clock.now()
        matter, state = find_obligation(node, writing, actor.organisation, key, now)
        folded = matter.folded
        if verb != "acknowledge":
            folded = journal.list_person(node, writing, actor, folded)
        owed = state.obligation
        body: dict[str, Json] = {"incident": matter.case.id, "obligation": owed.key}
        if why:
            word = why if _WORD.fullmatch(why) and why in EXCUSES.options else OTHER_REASON
            body["reason"] = word
            if word == OTHER_REASON:
                body["note"] = journal.keep_blob(node, writing, folded, matter.circle, why.encode())
        if evidence:
            body["evidence"] = [
                journal.keep_blob(node, writing, folded, matter.circle, content, media)
                for media, content in evidence
            ]
        record = journal.append(
            node, writing, actor, folded, matter.circle, f"obligation.{verb}", body
        )
        after, stands = find_obligation(
            node, writing, actor.organisation, owed.key, max(now, record.header.claimed_at)
        )
        refused = next(
            (step.refused for step in stands.steps if step.record == record.id), "without-effect"
        )
        if refused:
            raise RefusedError(
                f"obligation.{refused}",
                f"{verb} would have no effect now: {refused.replace('-', ' ')}",
                hint=f"{owed.debtor} owes it to {owed.creditor}",
                facts={"debtor": owed.debtor, "creditor": owed.creditor},
            )
        both = [PartyId(each) for each in (owed.debtor, *owed.creditors)]
        accrued.tell(node, writing, actor, folded, matter.circle, record, both)
        mine = folded.instrument.party(actor.organisation.id)
        result = obligation_view(writing, after, stands, mine, now)
    node.notifier.changed(folded.row.id)
    return result
