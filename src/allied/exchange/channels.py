"""How an agreement reads to `policy`: its channels, and its parties as recipients.

An information-sharing clause says much that is for people. Here is taken from it what a
release depends on, with every reference to parties resolved: by the text alone
(`channels_of`, `recipient_of`), or as the register stands at a moment (`channels_at`,
`recipient_at`, `sees_from`), with who joined, changed its tier or is suspended.

Rules that hold everywhere here. Only operative clauses make channels. Where the hub takes
the sender's name out, everything goes through it, whatever direction is named. A clause that names
whom it binds lets only them send, and the hub through which all goes. A conditional role
counts as the one that a party has while the condition is not met. Days begin and end in the
agreement's time zone; `until` is included. A time zone that is not known here keeps the channel
shut.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from allied.agreement.clauses import AllowedTo, InformationSharing, OneWay
from allied.agreement.standing import Standing
from allied.agreement.terms import Agreement
from allied.exchange.channel import LISTED, Channel, Known, Receives, Recipient
from allied.exchange.handling import HandlingClass
from allied.exchange.policy import Verdict, decide
from allied.exchange.topics import topic
from allied.record.ids import PartyId

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _People:
    """Whom the words of a text mean: everybody, the members, the secretariat."""

    all: frozenset[PartyId]
    members: frozenset[PartyId]
    hubs: frozenset[PartyId]


def channels_of(agreement: Agreement) -> tuple[Channel, ...]:
    """The channels of an agreement, in the order of its text, for the parties it names."""
    people = _People(
        frozenset(agreement.party_ids), frozenset(agreement.members), frozenset(agreement.hubs)
    )
    return tuple(
        _channel(agreement, clause, people)
        for clause in agreement.clauses(InformationSharing)
        if clause.operative
    )


def channels_at(agreement: Agreement, standing: Standing) -> tuple[Channel, ...]:
    """The channels of an agreement as the register stands at a moment.

    A clause that is suspended for all makes no channel; a party for which it is suspended
    neither sends nor receives under it. What a party owes another is suspended for a pair:
    nothing goes that way. Words like `members` mean those who are in now.

    Args:
        agreement: the text in force.
        standing: of the same agreement, at the moment of the question.
    """
    inside = [each for each in standing.parties.values() if each.party in standing.bound]
    people = _People(
        frozenset(each.party for each in inside),
        frozenset(each.party for each in inside if each.role == "member"),
        frozenset(each.party for each in inside if each.role == "secretariat"),
    )
    found = []
    for clause in agreement.clauses(InformationSharing):
        if not clause.operative or (clause.art, None) in standing.suspended_clauses:
            continue
        channel = _channel(agreement, clause, people)
        out = {who for art, who in standing.suspended_clauses if art == clause.art and who}
        if out:
            senders = people.all if channel.senders is None else channel.senders
            receivers = people.all if channel.receivers is None else channel.receivers
            channel = replace(channel, senders=senders - out, receivers=receivers - out)
        found.append(replace(channel, suspended=standing.suspended_pairs))
    return tuple(found)


def recipient_at(standing: Standing, party: PartyId) -> Recipient:
    """A party as a recipient, with the role and tier it has at the moment; else an outsider."""
    found = standing.parties.get(party)
    if found is None:
        return Recipient(party, "", "", bound=False, outside=True)
    return Recipient(party, found.role, found.tier, bound=party in standing.bound)


def sees_from(agreement: Agreement, standing: Standing, party: PartyId) -> datetime | None:
    """From which instant on a party may have what was shared; None for no such limit.

    Who joins later sees what `life.history` says: everything, or what was shared from the
    begin of its present stay on. What lies between two stays, or before them, stays hidden.

    Returns:
        An instant, inclusive; the end of the calendar for who was never in.
    """
    if agreement.life.history == "all":
        return None
    found = standing.parties.get(party)
    return found.spells[-1].since if found is not None and found.spells else _NEVER


def recipient_of(agreement: Agreement, party: PartyId, *, bound: bool) -> Recipient:
    """A party as a recipient; somebody who is no party is an outsider, and never bound."""
    for each in agreement.parties:
        if each.id == party:
            return Recipient(party, each.role_name, each.tier, bound)
    return Recipient(party, "", "", bound=False, outside=True)


def decide_over_agreement(
    agreement: Agreement,
    handling: HandlingClass,
    recipient: PartyId,
    at: datetime,
    *,
    bound: frozenset[PartyId],
    releaser: PartyId | None = None,
    known: Known | None = None,
) -> Verdict:
    """Decide over one class and recipient; see `policy.decide`.

    Args:
        agreement: the text in force.
        handling: the class; it must not be one of companions (these need the classes
            they go along with).
        recipient: any label.
        at: an aware datetime in UTC.
        bound: the parties that the agreement binds at `at`, by the register.
        releaser: who would release it; the originator by default.
        known: what the releasing node knows beyond that; see `policy.decide`.
    """
    who = recipient_of(agreement, recipient, bound=recipient in bound)
    return decide(handling, who, channels_of(agreement), at, releaser=releaser, known=known)


def _channel(agreement: Agreement, clause: InformationSharing, people: _People) -> Channel:
    by_hub = clause.anonymise is not None and clause.anonymise.by == "hub"
    senders = frozenset(PartyId(each) for each in clause.binds) or None
    receivers = None
    hubs = None
    if isinstance(clause.direction, OneWay):
        one_way = _parties(people, clause.direction.senders)
        senders = one_way if senders is None else senders & one_way
        receivers = _parties(people, clause.direction.recipients)
    if clause.direction == "hub" or by_hub:
        hubs = people.hubs
        senders = None if senders is None else senders | hubs
        receivers = None if receivers is None else receivers | hubs
    listed = clause.third_party if isinstance(clause.third_party, AllowedTo) else None
    since, until = _days(clause.since, clause.until, agreement.timezone)
    return Channel(
        art=clause.art,
        shares=_kinds(clause.share),
        excepts=frozenset(clause.except_),
        default_tlp=clause.default_tlp,
        max_tlp=clause.max_tlp,
        receives={
            name: Receives(each.max_tlp, _kinds(each.kinds))
            for name, each in clause.receives.items()
        },
        senders=senders,
        receivers=receivers,
        hubs=hubs,
        caveats=frozenset(clause.caveats_allowed),
        since=since,
        until=until,
        third_party=LISTED if listed else str(clause.third_party),
        allowed_to=frozenset(listed.allowed_to) if listed else frozenset(),
        originator_control=clause.originator_control,
        community=bool(clause.community),
        unnamed=clause.attribution == "must-not",
        hides_sender=by_hub,
        hides_itself=clause.anonymise is not None and not by_hub,
        topics=frozenset(topic(each) for each in clause.forbidden_topics),
        reviews_people=clause.personal_data == "remove-unrelated",
        reciprocity=clause.reciprocity,
        freshness=clause.freshness,
        encrypted=clause.encrypt == "must",
    )


def _kinds(words: Iterable[str]) -> frozenset[str] | None:
    kinds = frozenset(words)
    return None if "all" in kinds else kinds


def _parties(people: _People, words: Iterable[str]) -> frozenset[PartyId]:
    """Resolve labels and the words that stand for several parties."""
    found: set[PartyId] = set()
    for word in words:
        if word in ("all parties", "other parties"):
            found |= people.all
        elif word == "members":
            found |= people.members
        elif word == "hub":
            found |= people.hubs
        else:
            found.add(PartyId(word))
    return frozenset(found)


def _days(
    since: date | None, until: date | None, timezone: str
) -> tuple[datetime | None, datetime | None]:
    """The instants at which a clause begins and ends, [begin, end)."""
    if since is None and until is None:
        return None, None
    try:
        zone = ZoneInfo(timezone)
        begin = None if since is None else datetime.combine(since, time(), zone).astimezone(UTC)
        if until is None or until == date.max:
            return begin, None
        end = datetime.combine(until + timedelta(days=1), time(), zone).astimezone(UTC)
    except (ZoneInfoNotFoundError, ValueError, OSError, OverflowError):
        return _NEVER, None
    return begin, end
