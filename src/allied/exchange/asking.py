"""Whether the originator agreed that an item be passed on, and to whom.

Where `onward` answers "ask the originator", a request can be opened. What the originator says
to it, or does not, folds into the one question that a release asks: to whom does its consent
reach at this moment? Requests and answers travel as records of the two parties; here they
are values.

Words used here:
    request      somebody who holds an item asks its originator to let it go to somebody else
    consent      the originator's yes: for an item, or all its versions, to one recipient
    silence      a request without an answer; it is no, however long it lasts

Rules that hold everywhere here. Only the originator consents; what anybody else says has no
effect. A consent holds for the recipient that it names and for nobody whom that one would
pass it on to. It holds from its instant to its end or its withdrawal, and a consent given
anew holds again. It is never wider than its words: for a version, that version. What was
released under it stays released; getting it back is a recall.

Source: third-agency rule and ORCON; DOMAIN on information release and scenario 17.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from allied.errors import RefusedError
from allied.exchange.channel import Outcome
from allied.exchange.lineage import ItemName
from allied.exchange.policy import Verdict
from allied.record.ids import PartyId


class Standing(StrEnum):
    """Where a request stands at a moment."""

    AWAITED = "awaited"
    CONSENTED = "consented"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Request:
    """Somebody asks the originator of an item to let it go to somebody else.

    Attributes:
        item: the item; its originator is whom the request goes to.
        asked_by: who holds it and would pass it on.
        to: who would get it: a party, or the name of an outsider.
        purpose: what for, in words.
        at: when it was asked.
    """

    item: ItemName
    asked_by: PartyId
    to: PartyId
    purpose: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Reply:
    """What somebody says about passing an item on.

    Attributes:
        item: what it speaks of; without a version, of every version.
        by: who says it; it has effect only from the item's originator.
        to: the one recipient it speaks of.
        says: `consented`, `refused` or `withdrawn`; of an earlier consent, the last one.
        at: from when on it holds.
        until: it holds before this instant; None for no end. Only of a consent.
    """

    item: ItemName
    by: PartyId
    to: PartyId
    says: Standing
    at: datetime
    until: datetime | None = None


def open_request(
    verdict: Verdict, item: ItemName, asked_by: PartyId, to: PartyId, purpose: str, at: datetime
) -> Request:
    """Open a request for a release that was refused until the originator is asked.

    Args:
        verdict: what `policy.decide` said to that very release.
        item: one version.
        asked_by: the one who would pass it on.
        to: the recipient that the verdict is about.
        purpose: what for; never empty, because the originator decides by it.
        at: an aware datetime.

    Raises:
        RefusedError: `exchange.nothing-to-ask`: the originator's consent would change
            nothing, or is not needed; `exchange.no-purpose`.
    """
    if verdict.outcome != Outcome.ASK or asked_by == item.originator:
        raise RefusedError(
            "exchange.nothing-to-ask",
            "the originator's consent would not change what the agreement says to this",
            hint=verdict.would_change[0] if verdict.would_change else "",
            facts={"code": verdict.code, "art": verdict.art},
        )
    if not purpose.strip():
        raise RefusedError(
            "exchange.no-purpose",
            "the originator is asked with a purpose, and none is given",
            hint="say what it is for",
        )
    return Request(item, asked_by, to, purpose.strip(), at)


def standing(request: Request, replies: Sequence[Reply], at: datetime) -> Standing:
    """Where a request stands at a moment.

    Args:
        request: as it was opened.
        replies: what was said, each author's words in their order.
        at: an aware datetime.

    Returns:
        `awaited` as long as its originator says nothing. That is never a consent.
    """
    last = _last(request.item, request.to, replies, at)
    if last is None:
        return Standing.AWAITED
    if last.says == Standing.CONSENTED and last.until is not None and at >= last.until:
        return Standing.ENDED
    return last.says


def consented(item: ItemName, replies: Sequence[Reply], at: datetime) -> frozenset[PartyId]:
    """To whom an item's originator lets it be passed on at a moment: for `Known.consented`.

    Args:
        item: one version.
        replies: what was said about this and other items, each author's words in their
            order.
        at: an aware datetime.
    """
    named = {each.to for each in replies if each.item.covers(item)}
    return frozenset(to for to in named if _holds(_last(item, to, replies, at), at))


def _holds(reply: Reply | None, at: datetime) -> bool:
    if reply is None or reply.says != Standing.CONSENTED:
        return False
    return reply.until is None or at < reply.until


def _last(item: ItemName, to: PartyId, replies: Iterable[Reply], at: datetime) -> Reply | None:
    """What the originator said last about an item and a recipient, of what holds by now."""
    last = None
    for each in replies:
        spoken = each.by == item.originator and each.to == to and each.at <= at
        if spoken and each.item.covers(item):
            last = each
    return last
