"""What an author asks for when sharing, and what came of it; see `allied.node.sharing`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from allied.agreement.values import Tlp
from allied.errors import UsageError
from allied.exchange.handling import ANONYMOUS
from allied.exchange.marking import Tightening, tlp_of
from allied.exchange.personal import asks_review
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from allied.agreement.terms import Agreement
    from allied.exchange.channel import Channel
    from allied.exchange.limits import Warned
    from allied.record.ids import AgreementId


@dataclass(frozen=True, slots=True)
class Wish:
    """How the author wants something shared; it can only make things stricter.

    Attributes:
        tlp: raise every object to this marking, as the user wrote it; empty for none.
        caveats: added to every object.
        to: the only recipients; empty for all that the agreement allows.
        known_at: when what is shared became known, for clauses that say how soon it is due.
        made_from: items held under the same agreement, by id or number, from which everything
            here was made: an extract of one's own, or a redaction of others' items.
        anonymous: to the secretariat alone, which makes new items of it without the sender's
            name; `to` says whom these are for.
        reviewed: somebody has looked at what it says of people: it belongs to the threat.
    """

    tlp: str = ""
    caveats: tuple[str, ...] = ()
    to: tuple[str, ...] = ()
    anonymous: bool = False
    made_from: tuple[str, ...] = ()
    known_at: datetime | None = None
    reviewed: bool = False


@dataclass(frozen=True, slots=True)
class RecipientDecision:
    """What the agreement says to one object and one recipient.

    Attributes:
        would_change: what together would let it pass; empty if it passes.
    """

    party: PartyId
    permitted: bool
    code: str
    art: str
    reason: str
    would_change: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one object of a bundle.

    Attributes:
        index: its place among the objects of the file, from 0.
        code: `exchange.admitted`, `exchange.repeated`, or why it was refused.
        recipients: empty unless it was admitted.
    """

    index: int
    id: str
    type: str
    code: str
    reason: str
    tlp: str
    recipients: tuple[RecipientDecision, ...]


@dataclass(slots=True)
class Tally:
    """How many objects one recipient may have, and why not the others.

    Attributes:
        alone: companions (identities, markings ...) that nothing it may have refers to; they
            go along as soon as something does.
        refused: by (code, clause).
        changes: what would let the first of those pass, by the same.
    """

    permitted: int = 0
    alone: int = 0
    refused: dict[tuple[str, str], int] = field(default_factory=dict)
    changes: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class Shared:
    """What one share came to.

    Attributes:
        objects: elements of the file.
        admitted: those the agreement takes in; stored of them are new here.
        invalid: by code, objects that are no valid STIX 2.1.
        refused: by code, valid objects that the agreement does not take in.
        contradicting: versions already shared with other bytes; not stored.
        contradictions: the first of them, by id and version.
        broken: code of what broke the file off; empty when it was whole.
        warnings: what people should know about it; it is shared all the same.
    """

    id: str
    agreement: AgreementId
    alias: str
    dry_run: bool
    objects: int = 0
    admitted: int = 0
    stored: int = 0
    repeated: int = 0
    invalid: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    contradicting: int = 0
    contradictions: list[tuple[str, str]] = field(default_factory=list)
    broken: str = ""
    warnings: tuple[Warned, ...] = ()
    recipients: dict[PartyId, Tally] = field(default_factory=dict)


def known_at(wish: Wish, at: datetime) -> datetime | None:
    """When the author says that it became known; UsageError `share.known-at` if it cannot be."""
    if wish.known_at is not None and wish.known_at > at:
        raise UsageError("share.known-at", "it cannot become known after it is shared")
    return wish.known_at


def review_of(wish: Wish, channels: Sequence[Channel], sender: PartyId, at: datetime) -> str:
    """The clause by which what is about people is refused; empty for none.

    An extract was made by somebody who looked; a secretariat looks at what it is handed in.
    """
    if wish.reviewed or wish.made_from or wish.anonymous:
        return ""
    return asks_review(channels, sender, at)


def tightening_of(wish: Wish, alias: str, terms: Agreement) -> Tightening:
    """What the author adds, checked against the parties and the words of TLP.

    Args:
        alias: what the agreement is called here.

    Raises:
        UsageError: `share.tlp`, `share.red-needs-to`, `share.no-such-party`.
    """
    labels = {party.id for party in terms.parties}
    if strangers := sorted(set(wish.to) - labels):
        raise UsageError(
            "share.no-such-party",
            f"{alias} names no party {', '.join(strangers)}",
            hint=f"its parties are {', '.join(sorted(labels))}",
        )
    tlp = None
    if wish.tlp:
        tlp = tlp_of(wish.tlp)
        if tlp is None:
            raise UsageError(
                "share.tlp", "--tlp takes CLEAR, GREEN, AMBER, AMBER+STRICT or RED (any case)"
            )
        if tlp == Tlp.RED and not wish.to:
            raise UsageError(
                "share.red-needs-to",
                "TLP:RED goes to named recipients only",
                hint="name them with --to",
            )
    audience = frozenset(PartyId(party) for party in wish.to) if wish.to else None
    if not wish.anonymous:
        return Tightening(tlp, audience, frozenset(wish.caveats))
    hubs = frozenset(terms.hubs)
    audience = None if audience is None else audience | hubs
    return Tightening(tlp, audience, frozenset(wish.caveats), frozenset({ANONYMOUS}))
