"""Under which clause a copy is kept, until when, and how its marking relaxes.

The rules for one item are in `limits`; here they are put to a handling class, and to the one
who holds copies of it. What is executed when an instant has come is for the node.

Words used here:
    kept under   the clause that let an item come to its holder; of the originator's own
                 items the one that takes them in. Where several do, it is the first one in
                 the text, which is also the one that a release names
    over         it is given to nobody any more, and leaves every view
    relaxed      the marking that the parties agreed on for what is older than its sunset

Rules that hold everywhere here. Whether the clause is still in force plays no part: what was
agreed about keeping goes on for what came under it. A link (a relationship, a sighting) never
relaxes: it would tell of an object that is still kept closer. What goes along with other
objects stays as long as there is anything that it can go along with.

Source: DOMAIN on `retention` and `sunset`; IEP 2.0 end dates.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from allied.agreement.clauses import InformationSharing
from allied.agreement.terms import Agreement
from allied.agreement.values import Tlp
from allied.exchange import limits
from allied.exchange.channel import Channel
from allied.exchange.channels import channels_of, recipient_of
from allied.exchange.handling import BEGINS, Handling, HandlingClass, strictest
from allied.exchange.policy import admit, decide
from allied.exchange.stix import Kind
from allied.record.ids import PartyId

RETENTION: Final = "exchange.retention"
SUNSET: Final = "exchange.sunset"
EXPIRED: Final = "exchange.expired"

_LINKS: Final = frozenset({"relationship", "sighting"})
_ANY_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Over:
    """Why and since when a copy is over.

    Attributes:
        code: retention, sunset or expired.
        erase: the bytes go as well; else only nobody sees them.
    """

    at: datetime
    code: str
    erase: bool


@dataclass(frozen=True, slots=True)
class Keeping:
    """What is agreed about keeping items of one class.

    Attributes:
        clause: that they are kept under; None where none took them in.
        handling: the strictest of what the class asks for.
        companion: they only go along with others.
    """

    clause: InformationSharing | None
    handling: Handling
    companion: bool

    @property
    def art(self) -> str:
        """Number of the clause; empty where there is none."""
        return self.clause.art if self.clause else ""

    @property
    def ever(self) -> bool:
        """Whether anything here ever ends or relaxes."""
        clause = self.clause
        agreed = clause is not None and (clause.retention or clause.sunset)
        return bool(agreed) or self.handling.expires is not None

    @property
    def by_sharing(self) -> bool:
        """Whether something depends on when an item was shared, not only on when it came."""
        return self.clause is not None and self.clause.sunset is not None

    def over(self, shared_at: datetime, received_at: datetime) -> Over | None:
        """When a copy is over, at the earliest; None for never."""
        clause = self.clause
        if clause is None:
            end = self.handling.expires
            return None if end is None else Over(end, EXPIRED, erase=False)
        ends = limits.ends(self.handling, clause, shared_at, received_at)
        if ends.delete_by is not None and (
            ends.release_until is None or ends.delete_by <= ends.release_until
        ):
            dies = limits.sunset_at(clause, shared_at)
            code = SUNSET if ends.delete_by == dies else RETENTION
            return Over(ends.delete_by, code, erase=True)
        if ends.release_until is None:
            return None
        return Over(ends.release_until, EXPIRED, erase=False)

    def relaxes_at(self, type_: str, shared_at: datetime) -> datetime | None:
        """When the marking of an object of a STIX type relaxes; None for never."""
        tlp = self.relaxes_to
        if self.clause is None or tlp is None or type_ in _LINKS or self.handling.tlp <= tlp:
            return None
        return limits.sunset_at(self.clause, shared_at)

    @property
    def relaxes_to(self) -> Tlp | None:
        """The marking that takes the place of a stricter one; None for none."""
        sunset = self.clause.sunset if self.clause else None
        return sunset.tlp if sunset is not None and sunset.then == "relax" else None


def keeping(agreement: Agreement, handling: HandlingClass, holder: PartyId) -> Keeping:
    """What is agreed about keeping items of a class for one holder.

    Args:
        agreement: the text in force.
        handling: the class, as the originator stated it.
        holder: who has copies; may be the originator.
    """
    kinds = {demand.kind for demand in handling.demands}
    strict = strictest(demand.handling for demand in handling.demands)
    return Keeping(_clause(agreement, handling, holder), strict, kinds <= {Kind.COMPANION})


def relaxed(handling: HandlingClass, tlp: Tlp) -> HandlingClass:
    """A class once its sunset has come: nothing in it above `tlp`, all else as it was."""
    demands = frozenset(
        replace(each, handling=replace(each.handling, tlp=min(each.handling.tlp, tlp)))
        for each in handling.demands
    )
    return replace(handling, demands=demands)


def at_sunset(
    agreement: Agreement,
    handling: HandlingClass,
    holder: PartyId,
    type_: str,
    shared_at: datetime,
    at: datetime,
) -> HandlingClass:
    """How an item is handled at an instant, its sunset counted in."""
    kept = keeping(agreement, handling, holder)
    when, tlp = kept.relaxes_at(type_, shared_at), kept.relaxes_to
    return handling if when is None or tlp is None or at < when else relaxed(handling, tlp)


def _clause(
    agreement: Agreement, handling: HandlingClass, holder: PartyId
) -> InformationSharing | None:
    timeless = replace(
        handling,
        along=None,
        demands=frozenset(
            replace(each, handling=_timeless(each.handling)) for each in handling.demands
        ),
    )
    channels = [replace(each, since=None, until=None) for each in channels_of(agreement)]
    art = ""
    if holder != handling.originator:
        recipient = recipient_of(agreement, holder, bound=True)
        verdict = decide(timeless, recipient, channels, _ANY_TIME)
        art = verdict.art if verdict.permitted else ""
    art = art or _admitting(timeless, channels)
    clauses = agreement.clauses(InformationSharing)
    return next((each for each in clauses if art and each.art == art), None)


def _admitting(handling: HandlingClass, channels: Iterable[Channel]) -> str:
    strictest_first = sorted(handling.demands, key=lambda each: each.handling.tlp, reverse=True)
    for demand in strictest_first:
        for channel in channels:
            if admit(demand, [channel], _ANY_TIME).permitted:
                return channel.art
    return ""


def _timeless(handling: Handling) -> Handling:
    terms = frozenset(each for each in handling.terms if not each.startswith(BEGINS))
    return replace(handling, expires=None, terms=terms)
