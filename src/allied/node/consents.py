"""Asking an originator whether an item may go to somebody else, and what the originator says.

Both are records in the circle of the two: the request by who holds the item, and the consent,
which a person gives. Whether a request makes sense, and how far a consent reaches, is decided
by `exchange.asking`; here the records are written and read.

Words used here:
    request    somebody who holds an item asks to let it go to a party or an outsider
    reply      the originator's yes or no to a request; the last one counts

Rules. Silence is no. A consent is an act of a person of the originator. It names one version,
one recipient; who gives it may take it back, from then on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from allied.errors import NotFoundError, UsageError
from allied.exchange import asking
from allied.exchange.lineage import ItemName
from allied.node import items, journal, release
from allied.node.asked import ASK, CONSENT, Asked, asking_of
from allied.node.texts import words_of
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from datetime import datetime

    from allied.node.folds import Folded
    from allied.node.node import Actor, Node
    from allied.node.ports import Reading
    from allied.node.rows import Organisation
    from allied.record.canonical import Json
    from allied.record.ids import AgreementId, RecordId

_SHORTEST: Final = 6


@dataclass(frozen=True, slots=True)
class RequestView:
    """A request, as either side sees it.

    Attributes:
        id: what to reply to.
        mine: this organisation asked; else it is the originator.
        state: awaited, consented, refused, withdrawn or ended.
    """

    id: RecordId
    item: str
    version: str
    agreement: AgreementId
    alias: str
    originator: PartyId
    asked_by: PartyId
    to: PartyId
    purpose: str
    at: datetime
    state: str
    mine: bool


def ask(node: Node, actor: Actor, name: str, to: str, purpose: str) -> RequestView:
    """Ask the originator of an item to let it go to somebody.

    Args:
        name: STIX id or number of an item that another party originated.
        to: a party, or the name of an outsider.
        purpose: what for; the originator decides by it.

    Raises:
        NotFoundError: `item.unknown`.
        RefusedError: `exchange.nothing-to-ask`, `exchange.no-purpose`.
    """
    organisation = actor.organisation
    with node.store.write() as writing:
        now = node.clock.now()
        folded, row = items.find(node, writing, organisation, name)
        mine = folded.instrument.party(organisation.id)
        originator = folded.instrument.party(row.originator)
        assert mine is not None  # noqa: S101 - who holds an item is a party
        assert originator is not None  # noqa: S101 - it was verified when it came
        verdict = release.verdict_of(node, writing, folded, row, PartyId(to))
        item = ItemName(originator, row.id, row.modified)
        request = asking.open_request(verdict, item, mine, PartyId(to), purpose, now)
        circle = folded.instrument.circles.pair(mine, originator)
        blob = journal.keep_blob(node, writing, folded, circle, request.purpose.encode())
        body: dict[str, Json] = {
            "item": row.id,
            "purpose": blob,
            "to": to,
            "version": row.modified,
        }
        record = journal.append(node, writing, actor, folded, circle, ASK, body)
        view = _view(writing, node.folds.of(writing, folded.row.id), organisation, record.id, now)
    node.notifier.changed(folded.row.id)
    return view


def reply(node: Node, actor: Actor, request: str, *, yes: bool) -> RequestView:
    """Say yes or no to a request, as the originator: an act of a person.

    Args:
        request: its id, or the start of it.

    Raises:
        NotFoundError: `consent.unknown`, nobody asked us that.
        UsageError: `consent.ambiguous`.
    """
    organisation = actor.organisation
    with node.store.write() as writing:
        now = node.clock.now()
        folded, asked = _request(node, writing, organisation, request)
        folded = journal.list_person(node, writing, actor, folded)
        wanted = asked.request
        circle = folded.instrument.circles.pair(wanted.item.originator, wanted.asked_by)
        body: dict[str, Json] = {
            "item": wanted.item.id,
            "request": asked.record,
            "says": "yes" if yes else "no",
            "to": wanted.to,
            "version": wanted.item.version,
        }
        journal.append(node, writing, actor, folded, circle, CONSENT, body)
        after = node.folds.of(writing, folded.row.id)
        view = _view(writing, after, organisation, asked.record, max(now, node.clock.now()))
    node.notifier.changed(folded.row.id)
    return view


def list_requests(node: Node, organisation: Organisation) -> Sequence[RequestView]:
    """Every request by or to an organisation, the oldest first."""
    found = []
    with node.store.read() as reading:
        now = node.clock.now()
        for row in reading.agreements():
            folded = node.folds.of(reading, row.id)
            found += [
                _view(reading, folded, organisation, asked.record, now)
                for asked in asking_of(folded, organisation.id).requests
            ]
    return sorted(found, key=lambda each: (each.at, each.id))


def _request(
    node: Node, reading: Reading, organisation: Organisation, name: str
) -> tuple[Folded, Asked]:
    found = []
    for row in reading.agreements():
        folded = node.folds.of(reading, row.id)
        mine = folded.instrument.party(organisation.id)
        found += [
            (folded, each)
            for each in asking_of(folded, organisation.id).requests
            if each.request.item.originator == mine
            and len(name) >= _SHORTEST
            and each.record.startswith(name)
        ]
    if not found:
        raise NotFoundError(
            "consent.unknown", "nobody has asked us that", hint="`allied item requests`"
        )
    if len(found) > 1:
        raise UsageError("consent.ambiguous", "several requests begin like that", hint="give more")
    return found[0]


def _view(
    reading: Reading, folded: Folded, organisation: Organisation, record: RecordId, now: datetime
) -> RequestView:
    found = asking_of(folded, organisation.id)
    asked = next(each for each in found.requests if each.record == record)
    request = asked.request
    at = max([now, *(each.at for each in found.replies)])
    return RequestView(
        id=record,
        item=request.item.id,
        version=request.item.version,
        agreement=folded.row.id,
        alias=folded.row.alias,
        originator=request.item.originator,
        asked_by=request.asked_by,
        to=request.to,
        purpose=words_of(reading, asked.purpose),
        at=request.at,
        state=asking.standing(request, found.replies, at).value,
        mine=folded.instrument.party(organisation.id) == request.asked_by,
    )
