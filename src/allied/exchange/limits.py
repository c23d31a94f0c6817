"""Times and conditions of a clause that an item meets on its way: by when, until when, for what.

Share within, keep until, sunset, freshness, reciprocity, encryption. Every answer is an
instant or a failed check; what is executed when an instant has come is for the node.

Words used here:
    share by    the instant at which what is known should have been shared
    delete by   the instant at which a copy must be gone
    sunset      an instant agreed beforehand at which a marking relaxes, or the item ends
    fresh       confirmed recently enough: who is a party

Rules that hold everywhere here. An instant that was agreed is missed when it comes: nothing
is in time, fresh or kept *at* it. What lies beyond the year 9999 never comes. A sunset takes
nothing but the TLP down: audience and caveats stay until the originator says otherwise, and
the marking never goes up by it. Only what is above TLP:GREEN needs fresh knowledge. Time
that runs backwards is no confirmation.

Source: DOMAIN on information-sharing clauses and on lifecycles (`freshness`); IEP 2.0.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from allied.agreement.clauses import InformationSharing
from allied.agreement.terms import Agreement
from allied.agreement.values import Duration, Tlp
from allied.exchange.channel import Channel, Failure, Known
from allied.exchange.handling import Demand, Handling
from allied.exchange.stix import Kind

STALE: Final = "exchange.membership-stale"
NOT_ENCRYPTED: Final = "exchange.not-encrypted"
LAPSED: Final = "exchange.legal-shield-lapsed"
LATE: Final = "exchange.shared-late"
MARKED_BEFORE: Final = "exchange.marked-before"
_DEFAULT: Final = Duration(24, "hours")
_DEFAULT_RED: Final = Duration(1, "hours")
_ENCRYPT: Final = "iep:encrypt-in-transit=must"


@dataclass(frozen=True, slots=True)
class Ends:
    """When an item is over for one holder.

    Attributes:
        release_until: it is given to nobody from this instant on; None: no end.
        delete_by: the holder's copy is gone by this instant; None: no end.
    """

    release_until: datetime | None
    delete_by: datetime | None


def share_by(clause: InformationSharing, known_at: datetime) -> datetime | None:
    """By when something that became known is to be shared; None where there is no limit.

    Only a duty has a limit: what may be shared, or is shared on request, is never late.
    """
    if clause.within is None or clause.duty in ("may", "on-request"):
        return None
    return _after(clause.within, known_at)


def sunset_at(clause: InformationSharing, shared_at: datetime) -> datetime | None:
    """When the marking of an item relaxes or ends; None where it never does."""
    return None if clause.sunset is None else _after(clause.sunset.after, shared_at)


def at_sunset(
    handling: Handling, clause: InformationSharing, shared_at: datetime, at: datetime
) -> Handling:
    """How an item is handled at an instant, once its clause's sunset is counted in.

    Args:
        handling: as its originator stated it.
        clause: the clause under which it was shared.
        shared_at: when its originator shared it.
        at: an aware datetime.
    """
    when, sunset = sunset_at(clause, shared_at), clause.sunset
    if when is None or sunset is None:
        return handling
    if sunset.then == "expire":
        return handling.joined(Handling(Tlp.CLEAR, expires=when))
    if at < when or sunset.tlp is None:
        return handling
    return replace(handling, tlp=min(handling.tlp, sunset.tlp))


def ends(
    handling: Handling, clause: InformationSharing, shared_at: datetime, received_at: datetime
) -> Ends:
    """When an item is released no more, and by when a copy of it must be gone.

    Args:
        shared_at: when its originator shared it; a sunset counts from here.
        received_at: when the holder got it; retention counts from here.
    """
    stop = at_sunset(handling, clause, shared_at, shared_at).expires
    delete = None if clause.retention is None else _after(clause.retention, received_at)
    expired = clause.sunset is not None and clause.sunset.then == "expire"
    dies = sunset_at(clause, shared_at) if expired else None
    return Ends(_earliest(stop, delete), _earliest(delete, dies))


def fresh_until(
    confirmed_at: datetime | None, tlp: Tlp, freshness: Duration | None
) -> datetime | None:
    """Until when knowledge confirmed at an instant is fresh enough for a marking.

    None where nothing was confirmed, where none is needed (TLP:GREEN and CLEAR), or where
    it stays fresh for ever.
    """
    if confirmed_at is None or tlp <= Tlp.GREEN:
        return None
    return _after(freshness or (_DEFAULT_RED if tlp == Tlp.RED else _DEFAULT), confirmed_at)


def is_fresh(
    confirmed_at: datetime | None, tlp: Tlp, freshness: Duration | None, at: datetime
) -> bool:
    """Whether the knowledge of who is a party is fresh enough to release something.

    Args:
        confirmed_at: when it was confirmed last; None if it never was.
        tlp: the marking of what would be released.
        freshness: what the clause says; None for 24 hours, and one hour for TLP:RED.
        at: an aware datetime.
    """
    if tlp <= Tlp.GREEN:
        return True
    if confirmed_at is None or confirmed_at > at:
        return False
    until = fresh_until(confirmed_at, tlp, freshness)
    return until is None or at < until


def failures(demand: Demand, channel: Channel, known: Known, at: datetime) -> Iterator[Failure]:
    """What stands against a release by what is known of who is a party, and of the way out.

    What is TLP:CLEAR may go where others can read it, unless a policy (IEP) on it says otherwise.
    """
    if not is_fresh(known.confirmed_at, demand.handling.tlp, channel.freshness, at):
        yield Failure(
            STALE,
            "what is known here of who is a party is older than the clause allows",
            "exchange with the other parties first",
        )
    by_policy = _ENCRYPT in demand.handling.terms
    by_clause = channel.encrypted and demand.handling.tlp > Tlp.CLEAR
    if known.readable and (by_policy or by_clause):
        yield Failure(
            NOT_ENCRYPTED,
            "it must be encrypted in transit, and others can read this way",
            "send it over a way that is encrypted",
        )


def reciprocity_failures(demand: Demand, channel: Channel, known: Known) -> Iterator[Failure]:
    """What stands against giving a party something for which it gave nothing in return."""
    if channel.reciprocity == "equal-kind":
        alone = demand.kind not in (Kind.COMPANION, Kind.LINK)  # its ends are asked as well
        if alone and demand.kind.value not in known.contributed:
            yield Failure(
                "exchange.not-reciprocated",
                f"the recipient has shared nothing of kind {demand.kind.value} itself",
                "let the recipient share something of that kind",
            )
    elif channel.reciprocity == "contribute-to-receive" and not known.contributed:
        yield Failure(
            "exchange.not-reciprocated",
            "the recipient has shared nothing itself",
            "let the recipient share something",
        )


def lapsed_shields(agreement: Agreement, day: date) -> tuple[tuple[str, str], ...]:
    """The clauses that rely on a legal protection that is not in force on a day.

    The clause holds all the same; who shares under it is to be warned. A protection without
    days counts as in force.

    Args:
        day: in the agreement's time zone.

    Returns:
        Number of the article and name of the protection, in the order of the text.
    """
    days = {each.name: each.valid for each in agreement.protections}
    return tuple(
        (clause.art, clause.legal_shield)
        for clause in agreement.clauses(InformationSharing)
        if (valid := days.get(clause.legal_shield, ()))
        and not any(each.holds(day) for each in valid)
    )


@dataclass(frozen=True, slots=True)
class Warned:
    """What people should know of a share that is permitted all the same.

    Attributes:
        code: `exchange.legal-shield-lapsed`, `exchange.shared-late`, `exchange.marked-before`.
        art: the clause that it is about; empty for none.
    """

    code: str
    art: str
    text: str


def warnings(
    agreement: Agreement, arts: Collection[str], at: datetime, known_at: datetime | None = None
) -> tuple[Warned, ...]:
    """What to say about sharing under some clauses at an instant.

    Args:
        arts: numbers of the clauses under which something goes.
        known_at: when it became known, if anybody said so.

    Returns:
        In the order of the text; a clause that is not in the text says nothing.
    """
    found = [
        Warned(LAPSED, art, f"Art {art} relies on {name}, which is not in force today")
        for art, name in lapsed_shields(agreement, _day(at, agreement.timezone))
        if art in arts
    ]
    for clause in agreement.clauses(InformationSharing):
        due = share_by(clause, known_at) if known_at is not None and clause.art in arts else None
        if due is not None and at >= due:
            text = f"Art {clause.art} asks for it within {clause.within} of becoming known"
            found.append(Warned(LATE, clause.art, text))
    order = [clause.art for clause in agreement.clauses(InformationSharing)]
    return tuple(sorted(found, key=lambda each: (order.index(each.art), each.code)))


def marked_before(number: int) -> tuple[Warned, ...]:
    """What to say where so many objects keep the handling under which they were shared before."""
    if not number:
        return ()
    text = f"{number} were shared before, and keep their marking; a new version can be stricter"
    return (Warned(MARKED_BEFORE, "", text),)


def _day(at: datetime, timezone: str) -> date:
    """The day of an instant in a time zone; in UTC where the zone is not known."""
    try:
        return at.astimezone(ZoneInfo(timezone)).date()
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return at.astimezone(UTC).date()


def _after(length: Duration, start: datetime) -> datetime | None:
    try:
        return length.after(start)
    except OverflowError:
        return None


def _earliest(*instants: datetime | None) -> datetime | None:
    return min((each for each in instants if each is not None), default=None)
