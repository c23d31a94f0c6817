"""May this class of items go to this recipient, and which clause says so?

The one question behind every way out. It is answered from the agreement, the handling class,
who the recipient is, and what the caller says it knows; no clock, no store, no content. How
clauses of an agreement become channels is for `channels`; what travels along with what for
`intake`; passing on what another originated for `onward`.

Words used here (and those of `channel`):
    answer      what one channel says to one demand: every check that fails, or none
    verdict     what all channels say to a whole class

Rules that hold everywhere here. Silence is refusal: no channel, no audience where one must
be named, no clause that shares the kind. Channels do not add up: one of them has to allow a
demand in every respect. Every demand of a class has to be allowed. Making a handling
stricter never lets anybody in, but for naming the audience that a marking asks for. Nobody
but the originator releases, unless the caller says what is `Known` of consents. A tier
decides before a role; where neither is listed, members (and the hub of a channel that goes
through one) get what the channel carries, and nobody else gets anything.

Source: TLP 2.0; DOMAIN on information-sharing clauses; FS-ISAC on tiers and audiences.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from allied.agreement.values import Tlp
from allied.exchange import limits, onward
from allied.exchange.channel import Channel, Failure, Known, Outcome, Receives, Recipient
from allied.exchange.handling import ANONYMOUS, Demand, HandlingClass
from allied.exchange.stix import Kind
from allied.record.ids import Digest, PartyId

__all__ = [
    "NEED_AUDIENCE",
    "NOTHING_REFERS",
    "PERMITTED",
    "Answer",
    "Channel",
    "Failure",
    "Known",
    "Outcome",
    "Receives",
    "Recipient",
    "Verdict",
    "admit",
    "answer",
    "decide",
    "default_tlp",
    "receives",
]

PERMITTED = "exchange.permitted"
NOTHING_REFERS = "exchange.nothing-refers"
NEED_AUDIENCE = frozenset({"REL-TO", "NOFORN", "EYES-ONLY"})
"""Caveats that say who may see it, which only a named audience can honour."""


_HARDEST_FIRST = (Outcome.DENY, Outcome.ASK, Outcome.SANITISE, Outcome.REVIEW)


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
        """`exchange.permitted`, or the code of the headline."""
        return self.headline.code if self.headline else PERMITTED

    @property
    def headline(self) -> Failure | None:
        """The first check that fails, of those that leave the least to be done."""
        return next((each for each in self.failures if each.outcome == self.outcome), None)

    @property
    def outcome(self) -> Outcome:
        """What can be done: nothing but refuse, as soon as one check leaves nothing else."""
        outcomes = {each.outcome for each in self.failures}
        return next((each for each in _HARDEST_FIRST if each in outcomes), Outcome.PERMIT)


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
        found = self._deciding
        return found.headline.sentence if found and found.headline else "the clause allows it"

    @property
    def outcome(self) -> Outcome:
        """Permit, deny, or what the one who would release it can do about the refusal."""
        found = self._deciding
        return found.outcome if found else Outcome.PERMIT

    @property
    def _deciding(self) -> Answer | None:
        """The answer that gave the code."""
        same = (each for each in self.reasons if (each.art, each.code) == (self.art, self.code))
        return next(same, None)


def decide(
    handling: HandlingClass,
    recipient: Recipient,
    channels: Sequence[Channel],
    at: datetime,
    *,
    releaser: PartyId | None = None,
    classes: Mapping[Digest, HandlingClass] | None = None,
    known: Known | None = None,
) -> Verdict:
    """Decide whether items of a class may be released to a recipient.

    Args:
        handling: the class.
        recipient: who would get it.
        channels: the information-sharing clauses of the agreement, in its order.
        at: an aware datetime in UTC.
        releaser: the party that would release it; the originator by default.
        classes: by key, the classes that companions go along with.
        known: what the releasing node knows of consents, contributions and the age of its
            knowledge. None: reciprocity and freshness are not judged, and passing on is
            refused.

    Returns:
        A verdict that names the clause. Reaching nobody is not an error.

    Cost: demands times clauses; no I/O.
    """
    until = _next_change(handling, channels, at, known)
    asked = _Asked(recipient, at, releaser or handling.originator, known)
    outright = _outright(handling, asked)
    if outright is not None:
        return _refused([Answer("", (outright,))], until)
    if recipient.party == handling.originator:
        return Verdict(True, PERMITTED, "", (Answer(""),), (), until)
    deciding: list[Answer] = []
    art = ""
    for demand in sorted(handling.demands, key=lambda each: each.handling.tlp, reverse=True):
        answers = [_answer(demand, channel, asked) for channel in channels]
        allowing = next((each for each in answers if each.permitted), None)
        if allowing is None:
            return _refused(answers or [_no_clause()], until)
        art = art or allowing.art
        deciding = deciding or answers
    if handling.along is not None:
        along = _along(handling, asked, channels, classes or {})
        if not along:
            return _refused([Answer(art, (_NOTHING_REFERS,))], until)
        until = _earliest(until, *(each.valid_until for each in along))
    return Verdict(True, PERMITTED, art, tuple(deciding), (), until)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question as it goes through the checks."""

    recipient: Recipient
    at: datetime
    releaser: PartyId
    known: Known | None


def _along(
    handling: HandlingClass,
    asked: _Asked,
    channels: Sequence[Channel],
    classes: Mapping[Digest, HandlingClass],
) -> list[Verdict]:
    """The permitted verdicts among the classes that a companion goes along with."""
    found = (classes.get(key) for key in sorted(handling.along or ()))
    verdicts = (
        decide(
            each,
            asked.recipient,
            channels,
            asked.at,
            releaser=None if asked.releaser == handling.originator else asked.releaser,
            classes=classes,
            known=asked.known,
        )
        for each in found
        if each is not None and each != handling
    )
    return [verdict for verdict in verdicts if verdict.permitted]


def answer(
    demand: Demand,
    recipient: Recipient,
    channel: Channel,
    at: datetime,
    *,
    releaser: PartyId | None = None,
    known: Known | None = None,
) -> Answer:
    """What one clause says to one demand: all its checks, not only the first that fails."""
    asked = _Asked(recipient, at, releaser or demand.originator, known)
    return _answer(demand, channel, asked)


def _answer(demand: Demand, channel: Channel, asked: _Asked) -> Answer:
    return Answer(channel.art, tuple(_failures(demand, channel, asked)))


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


def _outright(handling: HandlingClass, asked: _Asked) -> Failure | None:
    """What no clause can allow."""
    passing_on = asked.releaser != handling.originator
    if passing_on and asked.known is None:
        return Failure(
            "exchange.third-party",
            "only its originator releases it; passing on is not enabled yet",
            "ask the originator to share it with them",
        )
    if asked.known is not None and asked.known.recalled:
        return Failure(
            "exchange.recalled",
            "its originator has recalled it",
            "share a new version of it",
        )
    if not asked.recipient.bound and not (passing_on and asked.recipient.outside):
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
    if handling.begins is not None and at < handling.begins:
        yield Failure(
            "exchange.not-yet",
            "the policy that it is marked with has not begun",
            "wait until it has",
        )
    if channel.hides_itself:
        yield Failure(
            "exchange.sender-not-hidden",
            "the clause asks the sender to take its own name out, and what a party shares bears"
            " its signature",
            "agree on `anonymise: {by: hub}`",
        )
    if ANONYMOUS in handling.terms and not channel.hides_sender:
        yield Failure(
            "exchange.not-anonymous",
            "it was given anonymously, and under this clause nobody takes the sender's name out",
            "share it under a clause with `anonymise: {by: hub}`",
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


def _failures(demand: Demand, channel: Channel, asked: _Asked) -> Iterator[Failure]:
    handling, recipient = demand.handling, asked.recipient
    yield from _intake_failures(demand, channel, asked.at)
    passing_on = asked.known is not None and asked.releaser != demand.originator
    onward_failures: list[Failure] = []
    if asked.known is not None and passing_on:
        onward_failures = list(
            onward.failures(demand, recipient, channel, asked.releaser, asked.known)
        )
        yield from onward_failures
    if recipient.outside:
        if asked.known is not None and not onward_failures:  # who is to be asked is asked first
            yield from limits.failures(demand, channel, asked.known, asked.at)
        return
    yield from _direction_failures(demand, channel, asked)
    yield from _limit_failures(demand, recipient, channel)
    if asked.known is not None:
        yield from limits.failures(demand, channel, asked.known, asked.at)
        if recipient.party not in (channel.hubs or ()):
            yield from limits.reciprocity_failures(demand, channel, asked.known)
    named = handling.audience is None or recipient.party in handling.audience
    if not named and not passing_on:
        yield Failure(
            "exchange.not-in-audience",
            "its originator named who may see it, and the recipient is not among them",
            "let the originator name the recipient",
        )


def _direction_failures(demand: Demand, channel: Channel, asked: _Asked) -> Iterator[Failure]:
    """Whether it goes this way under the clause at all."""
    party = asked.recipient.party
    hubs = channel.hubs or frozenset()
    if ANONYMOUS in demand.handling.terms and party not in hubs:
        yield Failure(
            "exchange.not-anonymous",
            "it was given to the secretariat alone, which makes a new item of it",
            "let the secretariat issue it",
        )
    if channel.hubs is not None and not hubs & {asked.releaser, party}:
        yield Failure(
            "exchange.direction",
            "under this clause everything goes through the hub",
            "send it to the hub",
        )
    if channel.receivers is not None and party not in channel.receivers:
        yield Failure(
            "exchange.direction",
            "the clause does not send to this party",
            "share under a clause that sends to them",
        )
    if channel.suspended & {(demand.originator, party), (asked.releaser, party)}:
        yield Failure(
            "exchange.suspended-towards",
            "what is owed to the recipient is suspended",
            "let it be resumed",
        )
    kind = demand.kind.value
    excluded = [
        each.by
        for each in channel.withheld
        if (each.sender, each.recipient) == (demand.originator, party)
        and each.kind in (kind, "all")
    ]
    if excluded:
        by = f": {'; '.join(sorted(filter(None, excluded)))}" if any(excluded) else ""
        yield Failure(
            "exchange.excluded",
            f"an exclusion was agreed under which this kind is kept from the recipient{by}",
            "end the exclusion",
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
    """The first of those with the fewest failures, first among those that leave a way."""
    return min(answers, key=lambda each: (each.outcome == Outcome.DENY, len(each.failures)))


def _refused(answers: Sequence[Answer], until: datetime | None) -> Verdict:
    nearest = _nearest(answers)
    changes = tuple(each.change for each in nearest.failures)
    return Verdict(False, nearest.code, nearest.art, tuple(answers), changes, until)


def _earliest(*instants: datetime | None) -> datetime | None:
    return min((each for each in instants if each is not None), default=None)


def _next_change(
    handling: HandlingClass, channels: Sequence[Channel], at: datetime, known: Known | None
) -> datetime | None:
    """The next instant at which a clause begins or ends, a handling or what is known expires."""
    instants = [each for channel in channels for each in (channel.since, channel.until)]
    for demand in handling.demands:
        instants += [demand.handling.begins, demand.handling.expires]
        if known is not None:
            instants += [
                limits.fresh_until(known.confirmed_at, demand.handling.tlp, channel.freshness)
                for channel in channels
            ]
    return _earliest(*(each for each in instants if each is not None and each > at))
