"""May this class of items go to this recipient, and which clause says so?

The one question behind every way out. It is answered from the agreement, the handling class
and who the recipient is, and from nothing else: no clock, no store, no content. How clauses
of an agreement become channels is for `channels`; what travels along with what for `intake`.

Words used here:
    channel     one information-sharing clause, as far as a release depends on it
    recipient   a party with the role and tier it has at the moment
    answer      what one channel says to one demand: every check that fails, or none
    verdict     what all channels say to a whole class

Rules that hold everywhere here. Silence is refusal: no channel, no audience where one must
be named, no clause that shares the kind. Channels do not add up: one of them has to allow a
demand in every respect. Every demand of a class has to be allowed. Making a handling
stricter never lets anybody in, but for naming the audience that TLP:RED asks for. Nobody
but the originator releases (onward release is not built yet). A tier decides before a role;
where neither is listed, members (and the hub of a channel that goes through one) get what
the channel carries, and nobody else gets anything.

Source: TLP 2.0; DOMAIN on information-sharing clauses; FS-ISAC on tiers and audiences.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from allied.agreement.values import Tlp
from allied.exchange.handling import Demand, HandlingClass
from allied.exchange.stix import Kind
from allied.record.ids import Digest, PartyId

PERMITTED = "exchange.permitted"
NOTHING_REFERS = "exchange.nothing-refers"
NEED_AUDIENCE = frozenset({"REL-TO", "NOFORN", "EYES-ONLY"})
"""Caveats that say who may see it, which only a named audience can honour."""


@dataclass(frozen=True, slots=True)
class Receives:
    """What a tier or role gets: a TLP ceiling, and kinds (None: whatever is shared)."""

    max_tlp: Tlp | None = None
    kinds: frozenset[str] | None = None


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

    def holds(self, at: datetime) -> bool:
        """Whether it is in force at an instant: [since, until)."""
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)


@dataclass(frozen=True, slots=True)
class Recipient:
    """A party as it stands at the moment of the question.

    Attributes:
        party: its id in the agreement.
        role: `member`, `observer`, ...
        tier: its tier, or an empty string.
        bound: it is bound by the agreement now, as the register says.
    """

    party: PartyId
    role: str = "member"
    tier: str = ""
    bound: bool = True


@dataclass(frozen=True, slots=True)
class Failure:
    """One check that fails: its code, a sentence, and what would make it pass."""

    code: str
    sentence: str
    change: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What one channel says to one demand.

    Attributes:
        art: the clause; empty where no clause was asked.
        failures: every check that fails; none means that the clause allows it.
    """

    art: str
    failures: tuple[Failure, ...] = ()

    @property
    def permitted(self) -> bool:
        return not self.failures

    @property
    def code(self) -> str:
        """`exchange.permitted`, or the code of the first check that fails."""
        return self.failures[0].code if self.failures else PERMITTED


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the agreement says to releasing a class to a recipient.

    Attributes:
        permitted: it may go.
        code: `exchange.permitted`, or why not; see docs/reference/stix-intake.md.
        art: the clause that allows it, or that came nearest; empty where none was asked.
        reasons: what each clause answered to the demand that decided; never empty.
        would_change: what together would let it pass under `art`; empty if it passes.
        valid_until: the next instant at which time alone may change the verdict.
    """

    permitted: bool
    code: str
    art: str
    reasons: tuple[Answer, ...]
    would_change: tuple[str, ...] = ()
    valid_until: datetime | None = None

    @property
    def sentence(self) -> str:
        """The headline for people."""
        for answer in self.reasons:
            if answer.art == self.art and answer.code == self.code:
                return answer.failures[0].sentence if answer.failures else "the clause allows it"
        return "the clause allows it"


def decide(
    handling: HandlingClass,
    recipient: Recipient,
    channels: Sequence[Channel],
    at: datetime,
    *,
    releaser: PartyId | None = None,
    classes: Mapping[Digest, HandlingClass] | None = None,
) -> Verdict:
    """Decide whether items of a class may be released to a recipient.

    Args:
        handling: the class.
        recipient: who would get it.
        channels: the information-sharing clauses of the agreement, in its order.
        at: an aware datetime in UTC.
        releaser: the party that would release it; the originator by default.
        classes: by key, the classes that companions go along with.

    Returns:
        A verdict that names the clause. Reaching nobody is not an error.

    Cost: demands times clauses; no I/O.
    """
    until = _next_change(handling, channels, at)
    outright = _outright(handling, recipient, releaser)
    if outright is not None:
        return _refused([Answer("", (outright,))], until)
    if recipient.party == handling.originator:
        return Verdict(True, PERMITTED, "", (Answer(""),), (), until)
    deciding: list[Answer] = []
    art = ""
    for demand in sorted(handling.demands, key=lambda each: each.handling.tlp, reverse=True):
        answers = [answer(demand, recipient, channel, at) for channel in channels]
        allowing = next((each for each in answers if each.permitted), None)
        if allowing is None:
            return _refused(answers or [_no_clause()], until)
        art = art or allowing.art
        deciding = deciding or answers
    if handling.along is not None:
        along = _along(handling, recipient, channels, at, classes or {})
        if not along:
            return _refused([Answer(art, (_NOTHING_REFERS,))], until)
        until = _earliest(until, *(each.valid_until for each in along))
    return Verdict(True, PERMITTED, art, tuple(deciding), (), until)


def _along(
    handling: HandlingClass,
    recipient: Recipient,
    channels: Sequence[Channel],
    at: datetime,
    classes: Mapping[Digest, HandlingClass],
) -> list[Verdict]:
    """The permitted verdicts among the classes that a companion goes along with."""
    found = (classes.get(key) for key in sorted(handling.along or ()))
    verdicts = (
        decide(each, recipient, channels, at, classes=classes)
        for each in found
        if each is not None and each != handling
    )
    return [verdict for verdict in verdicts if verdict.permitted]


def answer(demand: Demand, recipient: Recipient, channel: Channel, at: datetime) -> Answer:
    """What one clause says to one demand: all its checks, not only the first that fails."""
    return Answer(channel.art, tuple(_failures(demand, recipient, channel, at)))


def admit(demand: Demand, channels: Sequence[Channel], at: datetime) -> Answer:
    """Whether an originator may hand something in at all, whoever would receive it.

    A marking above every ceiling is refused here and never lowered; so is a kind that no
    clause shares, and TLP:RED without an audience.

    Returns:
        The answer of the clause that admits it, or of the one that came nearest.
    """
    answers = [
        Answer(channel.art, tuple(_intake_failures(demand, channel, at))) for channel in channels
    ]
    return _nearest(answers or [_no_clause()])


def default_tlp(channels: Sequence[Channel], at: datetime) -> Tlp:
    """What unmarked items take: the strictest default of the clauses in force, else RED."""
    return max((each.default_tlp for each in channels if each.holds(at)), default=Tlp.RED)


_NOTHING_REFERS = Failure(
    NOTHING_REFERS,
    "nothing that this recipient may see refers to it",
    "share something that refers to it",
)


def _no_clause() -> Answer:
    return Answer(
        "",
        (
            Failure(
                "exchange.no-clause",
                "the agreement has no information-sharing clause",
                "agree on one",
            ),
        ),
    )


def _outright(
    handling: HandlingClass, recipient: Recipient, releaser: PartyId | None
) -> Failure | None:
    """What no clause can allow."""
    if releaser is not None and releaser != handling.originator:
        return Failure(
            "exchange.third-party",
            "only its originator releases it; passing on is not enabled yet",
            "ask the originator to share it with them",
        )
    if not recipient.bound:
        return Failure(
            "exchange.not-bound",
            "the recipient is not bound by the agreement at this moment",
            "release it once the agreement is in force for them",
        )
    return None


def _intake_failures(demand: Demand, channel: Channel, at: datetime) -> Iterator[Failure]:
    handling = demand.handling
    if not channel.holds(at):
        yield Failure(
            "exchange.clause-not-in-force",
            "the clause is not in force at this moment",
            "wait until it is",
        )
    if channel.senders is not None and demand.originator not in channel.senders:
        yield Failure(
            "exchange.direction",
            "the clause does not let this party send",
            "share under a clause that binds the sender",
        )
    yield from _kind_failures(demand.kind, channel)
    if handling.tlp > channel.max_tlp:
        yield Failure(
            "exchange.above-ceiling",
            f"{handling.tlp.label} is above what the clause carries, {channel.max_tlp.label}",
            f"let the originator relabel it to {channel.max_tlp.label} or below,"
            " or contact them directly",
        )
    if handling.audience is None and handling.tlp == Tlp.RED:
        yield Failure(
            "exchange.red-needs-audience",
            "TLP:RED reaches only those whom its originator names, and none are named",
            "name the recipients",
        )
    for caveat in sorted(handling.caveats):
        if caveat not in channel.caveats:
            yield Failure(
                "exchange.caveat-not-allowed",
                "it carries a caveat that the clause does not know",
                "remove the caveat, or agree on it",
            )
        elif caveat in NEED_AUDIENCE and handling.audience is None:
            yield Failure(
                "exchange.caveat-needs-audience",
                f"the caveat {caveat} is honoured by naming who may see it, and nobody is named",
                "name the recipients",
            )
    if handling.expires is not None and at >= handling.expires:
        yield Failure(
            "exchange.expired",
            "the policy that it is marked with has ended",
            "let the originator mark it anew",
        )


def _kind_failures(kind: Kind, channel: Channel) -> Iterator[Failure]:
    if kind == Kind.COMPANION:
        return
    if kind in (Kind.OTHER, Kind.LINK):
        if channel.shares is not None:
            yield Failure(
                "exchange.no-kind",
                "its type belongs to no kind that agreements name, and the clause does not"
                " share everything",
                "share it under a clause that shares all",
            )
    elif channel.shares is not None and kind.value not in channel.shares:
        yield Failure(
            "exchange.kind-not-shared",
            f"the clause does not share items of kind {kind.value}",
            f"add {kind.value} to what the clause shares",
        )
    if channel.excepts & {kind.value, "all"}:
        yield Failure(
            "exchange.kind-excepted",
            f"the clause leaves out items of kind {kind.value}",
            f"take {kind.value} from the exceptions",
        )


def _failures(
    demand: Demand, recipient: Recipient, channel: Channel, at: datetime
) -> Iterator[Failure]:
    handling = demand.handling
    yield from _intake_failures(demand, channel, at)
    if channel.hubs is not None and not channel.hubs & {demand.originator, recipient.party}:
        yield Failure(
            "exchange.direction",
            "under this clause everything goes through the hub",
            "send it to the hub",
        )
    if channel.receivers is not None and recipient.party not in channel.receivers:
        yield Failure(
            "exchange.direction",
            "the clause does not send to this party",
            "share under a clause that sends to them",
        )
    yield from _limit_failures(demand, recipient, channel)
    if handling.audience is not None and recipient.party not in handling.audience:
        yield Failure(
            "exchange.not-in-audience",
            "its originator named who may see it, and the recipient is not among them",
            "let the originator name the recipient",
        )


def _limit_failures(demand: Demand, recipient: Recipient, channel: Channel) -> Iterator[Failure]:
    """What the recipient's tier or role keeps from it."""
    limit = receives(recipient, channel)
    who = _standing(recipient)
    if limit is None:
        yield Failure(
            "exchange.role-receives-nothing",
            f"the clause does not say what this {who} receives, so it receives nothing",
            f"say in the clause what {who} receives",
        )
        return
    tlp, kind = demand.handling.tlp, demand.kind
    ceiling = channel.max_tlp if limit.max_tlp is None else limit.max_tlp
    if tlp > ceiling:
        yield Failure(
            "exchange.above-tier",
            f"{tlp.label} is above what this {who} receives, {ceiling.label}",
            f"give the recipient a tier or role that receives {tlp.label}",
        )
    if limit.kinds is not None and kind != Kind.COMPANION and kind.value not in limit.kinds:
        yield Failure(
            "exchange.kind-not-received",
            f"this {who} does not receive items of kind {kind.value}",
            f"add {kind.value} to what it receives",
        )


def receives(recipient: Recipient, channel: Channel) -> Receives | None:
    """What a recipient gets under a channel; None for nothing."""
    for name in (recipient.tier, recipient.role):
        if name and name in channel.receives:
            return channel.receives[name]
    is_hub = channel.hubs is not None and recipient.party in channel.hubs
    return Receives() if recipient.role == "member" or is_hub else None


def _standing(recipient: Recipient) -> str:
    return f"tier {recipient.tier}" if recipient.tier else f"role {recipient.role}"


def _nearest(answers: Iterable[Answer]) -> Answer:
    """The first of the answers with the fewest failures."""
    return min(answers, key=lambda each: len(each.failures))


def _refused(answers: Sequence[Answer], until: datetime | None) -> Verdict:
    nearest = _nearest(answers)
    changes = tuple(each.change for each in nearest.failures)
    return Verdict(False, nearest.code, nearest.art, tuple(answers), changes, until)


def _earliest(*instants: datetime | None) -> datetime | None:
    return min((each for each in instants if each is not None), default=None)


def _next_change(
    handling: HandlingClass, channels: Sequence[Channel], at: datetime
) -> datetime | None:
    """The next instant at which a clause begins or ends, or a handling expires."""
    instants = [each for channel in channels for each in (channel.since, channel.until)]
    instants.extend(demand.handling.expires for demand in handling.demands)
    return _earliest(*(each for each in instants if each is not None and each > at))
