"""What a token does for its organisation: everything that needs no person.

A token is for machines. It shares, reports facts, says that a duty is known, exchanges with
the peers; it never signs, votes, invokes or answers in the place of a person. The actor made
here has no person, so that a use case which needs one refuses it, whatever called it.

What a role may do is asked before (`allied.node.roles`); what a token may reach is asked
here, of its sight.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from allied.errors import NotAuthorisedError, NotFoundError
from allied.node import (
    doctor,
    incidents,
    obligations,
    recalls,
    sharing,
    sync as exchange,
    tightening,
)
from allied.node.node import Actor

if TYPE_CHECKING:
    from datetime import datetime

    from allied.exchange.bundle import Refused, Row
    from allied.node.cases import ObligationView
    from allied.node.doctor import Examined
    from allied.node.incidents import IncidentView, LocalEvaluation
    from allied.node.ports import Keys
    from allied.node.recall_views import RecallView
    from allied.node.sharing import Decision, Shared, Source, Wish, WithLast
    from allied.node.sight import Sight
    from allied.node.sync import Outcome
    from allied.node.tightening import TightenedView


def share(
    sight: Sight,
    keys: Keys,
    source: Source | Sequence[Row | Refused],
    agreement: str,
    wish: Wish,
    *,
    dry_run: bool,
    on_decision: Callable[[Decision], None] | None = None,
    on_trouble: Callable[[Decision], None] | None = None,
    with_last: WithLast | None = None,
) -> Shared:
    """Share a bundle under an agreement that the token sees; see `sharing.share`."""
    return sharing.share(
        sight.node,
        sight.organisation,
        None if dry_run else keys,
        source,
        sight.agreement_id(agreement),
        wish,
        dry_run=dry_run,
        on_decision=on_decision,
        on_trouble=on_trouble,
        with_last=with_last,
    )


def recall(sight: Sight, keys: Keys, name: str, why: str, *, dry_run: bool) -> RecallView:
    """Take back what the organisation shared and the token sees; see `recalls.recall`."""
    seen = sight.item(name).item
    actor = Actor(sight.organisation, keys)
    return recalls.recall(sight.node, actor, name, seen.agreement, why, dry_run=dry_run)


def tighten(
    sight: Sight,
    keys: Keys,
    name: str,
    wish: Wish,
    *,
    expires: datetime | None,
    why: str,
    dry_run: bool,
) -> TightenedView:
    """Mark more tightly what the organisation shared and the token sees; see `tightening`."""
    seen = sight.item(name).item
    actor = Actor(sight.organisation, keys)
    return tightening.tighten(
        sight.node, actor, name, seen.agreement, wish, expires=expires, why=why, dry_run=dry_run
    )


def consider(sight: Sight, raw: bytes, source: str) -> Sequence[LocalEvaluation]:
    """Hold an incident file against the agreements that the token sees; nothing leaves."""
    found = incidents.consider(sight.node, sight.organisation, raw, source)
    return [each for each in found if sight.permits(each.agreement)]


def report(
    sight: Sight, keys: Keys, raw: bytes, source: str, agreement: str
) -> Sequence[IncidentView]:
    """Tell the parties of an agreement the facts of an incident file; see `incidents.report`."""
    named = sight.agreement_id(agreement)
    return incidents.report(sight.node, Actor(sight.organisation, keys), raw, source, named)


def acknowledge(sight: Sight, keys: Keys, key: str) -> ObligationView:
    """Say, as the debtor, that the organisation knows what it owes.

    Raises:
        NotFoundError: `obligation.unknown`.
        RefusedError: `obligation.` and why it would have no effect.
    """
    found = sight.obligation(key)
    return obligations.say(sight.node, Actor(sight.organisation, keys), found.key, "acknowledge")


def sync(sight: Sight, keys: Keys, *, peer: str = "") -> Sequence[Outcome]:
    """Exchange with the peers now; outcomes of the token's own organisation.

    Raises:
        NotAuthorisedError: `token.narrowed`.
        NotFoundError: `peer.unknown`.
    """
    sight.require_whole()
    if peer and all(peer not in (each.label, each.id) for each in sight.peers()):
        raise NotFoundError("peer.unknown", "no peer goes by that label")
    own = sight.organisation.label
    return [
        each for each in exchange.sync_now(sight.node, keys, label=peer) if each.organisation == own
    ]


def examine(sight: Sight, free_bytes: int) -> Sequence[Examined]:
    """Look at clock, disk, keys, peers, ledger and chains of the node.

    Raises:
        NotAuthorisedError: `token.narrowed`; `token.not-alone`, others are hosted here too.
    """
    sight.require_whole()
    with sight.node.store.read() as reading:
        if len(reading.organisations()) > 1:
            raise NotAuthorisedError(
                "token.not-alone",
                "this looks at the whole node, and other organisations are hosted here too",
                hint="whoever owns the folder runs `allied doctor`",
            )
    return doctor.examine(sight.node, free_bytes=free_bytes)
