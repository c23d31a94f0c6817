"""What is kept out of an exchange because one party asked for it and the others agreed.

A clause that shares everything may say how something is excepted: who may ask, and who has to
agree. This module counts who agreed, and tells `policy` which kinds one party then does not
send to another.

Words used here:
    exclusion   a party asks that kinds of one party's information be kept from others
    concerned   the sender and those it would be kept from
    agreed      everybody whose agreement the clause asks for has given it, the asker apart

Rules that hold everywhere here. Without a procedure in the clause nothing is excluded. Silence
is no: until all who have to agree did, everything is exchanged as before. An exclusion keeps
out and lets nobody in. It ends when whoever asked for it ends it; that too is from then on.

Source: UKUSA, paragraphs 3 and 4; DOMAIN on `exceptions {ask, agree, keep}`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from allied.agreement.clauses import InformationSharing
from allied.errors import RefusedError
from allied.exchange.channel import Channel, Withheld
from allied.record.ids import PartyId


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A party asks that something be kept out of the exchange.

    Attributes:
        asked_by: the party that asks.
        sender: whose information it is.
        kept_from: the parties that would not get it; never empty.
        kinds: the kinds, or `all`; never empty.
        why: in words; the clause may say to what it is to be kept.
        at: when it was asked.
        ended_at: when the one who asked ended it; None while it goes on.
    """

    asked_by: PartyId
    sender: PartyId
    kept_from: frozenset[PartyId]
    kinds: frozenset[str]
    why: str
    at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Agreed:
    """A party agrees to an exclusion, from an instant on."""

    by: PartyId
    at: datetime


def may_ask(clause: InformationSharing, exclusion: Exclusion) -> bool:
    """Whether the clause lets this party ask for this exclusion."""
    if clause.exceptions is None or not exclusion.kept_from or not exclusion.kinds:
        return False
    if exclusion.sender in exclusion.kept_from:
        return False
    concerned = exclusion.kept_from | {exclusion.sender}
    originator = exclusion.asked_by == exclusion.sender
    return originator if clause.exceptions.ask == "originator" else exclusion.asked_by in concerned


def require_may_ask(clause: InformationSharing, exclusion: Exclusion) -> None:
    """Return if the clause lets this party ask.

    Raises:
        RefusedError: `exchange.no-exception`.
    """
    if not may_ask(clause, exclusion):
        raise RefusedError(
            "exchange.no-exception",
            "the clause does not let this party ask for such an exclusion",
            hint="see `exceptions` in the clause",
            facts={"art": clause.art},
        )


def awaited(
    clause: InformationSharing,
    exclusion: Exclusion,
    agreed: Iterable[Agreed],
    bound: frozenset[PartyId],
    at: datetime,
) -> frozenset[PartyId]:
    """Who still has to agree at a moment; empty where it is for a body, or nobody is left.

    Args:
        clause: with `exceptions`.
        exclusion: one that `may_ask` lets through.
        agreed: who agreed, and from when on.
        bound: the parties that the agreement binds.
        at: an aware datetime.
    """
    rule = clause.exceptions.agree if clause.exceptions else ""
    if rule == "other-party":
        asked = exclusion.kept_from | {exclusion.sender}
    elif rule == "all":
        asked = bound | exclusion.kept_from | {exclusion.sender}
    else:
        return frozenset()
    return asked - {exclusion.asked_by} - {each.by for each in agreed if each.at <= at}


def in_force(
    clause: InformationSharing,
    exclusion: Exclusion,
    agreed: Iterable[Agreed],
    bound: frozenset[PartyId],
    at: datetime,
    *,
    adopted_at: datetime | None = None,
) -> bool:
    """Whether an exclusion holds at a moment.

    Args:
        adopted_at: when the body that the clause names adopted it; None if it did not, or
            if the clause asks parties and no body.
    """
    if not may_ask(clause, exclusion) or at < exclusion.at:
        return False
    if exclusion.ended_at is not None and at >= exclusion.ended_at:
        return False
    by_parties = clause.exceptions is not None and clause.exceptions.agree in (
        "other-party",
        "all",
    )
    if not by_parties:
        return adopted_at is not None and adopted_at <= at
    return not awaited(clause, exclusion, agreed, bound, at)


def excluding(channel: Channel, exclusions: Iterable[Exclusion], by: str = "") -> Channel:
    """The channel of a clause, without what exclusions in force keep out of it.

    Args:
        by: what they were agreed by, in words.
    """
    withheld = frozenset(
        Withheld(each.sender, party, kind, by)
        for each in exclusions
        for party in each.kept_from
        for kind in each.kinds
    )
    return replace(channel, withheld=channel.withheld | withheld)
