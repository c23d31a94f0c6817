"""What a release decision is about: clauses as channels, recipients, outcomes, failed checks.

Values only. How the clauses of an agreement become channels is for `channels`, what the
checks are for `policy` and `onward`.

Words used here:
    channel     one information-sharing clause, as far as a release depends on it
    recipient   a party with the role and tier it has at the moment, or an outsider
    outsider    somebody whom the agreement does not name
    outcome     what may be done: permit, deny, ask the originator, sanitise first, or let a
                person look; only the first lets anything go

Rule that holds everywhere here: what is left out is the narrow value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from allied.agreement.values import Duration, Tlp
from allied.record.ids import PartyId

FORBIDDEN: Final = "forbidden"
CONSENT: Final = "originator-consent"
LISTED: Final = "allowed-to"


class Outcome(StrEnum):
    """What may be done with a release that was asked for."""

    PERMIT = "permit"
    DENY = "deny"
    ASK = "ask-originator"
    SANITISE = "sanitise-first"
    REVIEW = "human-review"


@dataclass(frozen=True, slots=True)
class Receives:
    """What a tier or role gets: a TLP ceiling, and kinds (None: whatever is shared)."""

    max_tlp: Tlp | None = None
    kinds: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Withheld:
    """A kind that one party, by an exclusion that was agreed, does not send to another.

    Attributes:
        by: what it was agreed by, in words; may be empty.
    """

    sender: PartyId
    recipient: PartyId
    kind: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Channel:
    """One information-sharing clause, as far as a release depends on it.

    Attributes:
        art: its number in the agreement.
        shares: the kinds it shares; None for all.
        excepts: the kinds it leaves out.
        default_tlp: what unmarked items take.
        max_tlp: the strictest marking that it carries.
        receives: what each tier or role gets, where the clause says so.
        senders: who may send under it; None for any party.
        receivers: who may receive under it; None for any party.
        hubs: where everything goes through a hub, who that is; None where it does not.
        caveats: the caveats it knows.
        since: it holds from this instant on; None for ever before.
        until: it holds before this instant; None for ever after.
        third_party: `forbidden`, `originator-consent` or `allowed-to`: passing on to outsiders.
        allowed_to: the outsiders that `allowed-to` lists.
        originator_control: the originator decides about every further use.
        community: the clause says whom TLP:GREEN means.
        unnamed: whoever passes something on must not name its source.
        hides_sender: the hub takes the sender's name out.
        hides_itself: the sender would have to take its own name out; nothing can go so.
        topics: what is never to be shared, as `topics.topic` spells it.
        reviews_people: what is about people goes only after somebody has looked; see `personal`.
        reciprocity: `none`, `equal-kind` or `contribute-to-receive`.
        freshness: how old the knowledge of who is a party may be; None for the default.
        withheld: exclusions that were agreed.
        suspended: (a, b): what a owes b is suspended.
        encrypted: above TLP:CLEAR nothing goes a way that others can read.
    """

    art: str
    shares: frozenset[str] | None
    max_tlp: Tlp
    default_tlp: Tlp
    excepts: frozenset[str] = frozenset()
    receives: Mapping[str, Receives] = field(default_factory=dict)
    senders: frozenset[PartyId] | None = None
    receivers: frozenset[PartyId] | None = None
    hubs: frozenset[PartyId] | None = None
    caveats: frozenset[str] = frozenset()
    since: datetime | None = None
    until: datetime | None = None
    third_party: str = FORBIDDEN
    allowed_to: frozenset[str] = frozenset()
    originator_control: bool = False
    community: bool = False
    unnamed: bool = False
    hides_sender: bool = False
    hides_itself: bool = False
    topics: frozenset[str] = frozenset()
    reviews_people: bool = False
    reciprocity: str = "none"
    freshness: Duration | None = None
    withheld: frozenset[Withheld] = frozenset()
    suspended: frozenset[tuple[PartyId, PartyId]] = frozenset()
    encrypted: bool = True

    def holds(self, at: datetime) -> bool:
        """Whether it is in force at an instant: [since, until)."""
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)


@dataclass(frozen=True, slots=True)
class Recipient:
    """A party as it stands at the moment of the question, or an outsider.

    Attributes:
        party: its id in the agreement, or the name an outsider goes by.
        role: `member`, `observer`, ...
        tier: its tier, or an empty string.
        bound: it is bound by the agreement now, as the register says.
        outside: the agreement does not name it at all.
    """

    party: PartyId
    role: str = "member"
    tier: str = ""
    bound: bool = True
    outside: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What the releasing node knows beyond the class and the recipient.

    Attributes:
        consented: to whom the originator lets this item be passed on; see
            `asking.consented`.
        reviewed: outsiders of whom a person has said that they belong to the community that
            the clause declares.
        named: the source agreed to be named; see `anonymity.names_source`.
        tear_line: the originator supplied this item as an extract to be passed on.
        contributed: the kinds that the recipient has itself shared under the agreement; see
            `reciprocity`.
        confirmed_at: when it was last confirmed who is a party; None if it never was.
        recalled: its originator has recalled this item; see `recall.is_recalled`.
        readable: others can read the way that it would go.
    """

    consented: frozenset[PartyId] = frozenset()
    reviewed: frozenset[PartyId] = frozenset()
    named: bool = False
    tear_line: bool = False
    contributed: frozenset[str] = frozenset()
    confirmed_at: datetime | None = None
    recalled: bool = False
    readable: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """One check that fails.

    Attributes:
        code: stable, for machines.
        sentence: why, for people.
        change: what would make it pass.
        outcome: what can be done about it; never `permit`.
    """

    code: str
    sentence: str
    change: str
    outcome: Outcome = Outcome.DENY
