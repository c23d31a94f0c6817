"""What the records of a pair say about passing an item on: requests, and what originators reply.

Read from the fold of an agreement; whether a request makes sense, and how far a consent reaches,
is decided by `exchange.asking`, and what is written by `allied.node.consents`.

Words used here:
    request    somebody who holds an item asks to let it go to a party or an outsider
    reply      the originator's yes or no to a request; the last one counts
    proof      the envelope of a reply, which goes along with the item so that its recipient
               sees that the originator agreed

Rules. A record that is not of the form is passed over. A proof shows that the originator agreed;
that it has not taken it back since, only the one who passes the item on knows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from allied.errors import AlliedError, UnverifiedError
from allied.exchange import asking
from allied.exchange.lineage import ItemName
from allied.node.called import pairs_of
from allied.record.blob import read_reference
from allied.record.ids import PartyId
from allied.record.record import Record, read, require_assented, require_issued

if TYPE_CHECKING:
    from datetime import datetime

    from allied.node.folds import Folded
    from allied.record.identity import Identity
    from allied.record.ids import OrganisationId, RecordId

ASK: Final = "exchange.ask"
CONSENT: Final = "exchange.consent"
_LONGEST: Final = 512
_SAYS: Final = {
    "yes": asking.Standing.CONSENTED,
    "no": asking.Standing.REFUSED,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it stands in the records; `record` is its id."""

    record: RecordId
    request: asking.Request
    purpose: str


@dataclass(slots=True)
class Asking:
    """What an organisation may see of requests and replies under one agreement.

    Attributes:
        proofs: of each reply, in the order of `replies`, the envelope.
    """

    requests: list[Asked] = field(default_factory=list)
    replies: list[asking.Reply] = field(default_factory=list)
    proofs: list[Record] = field(default_factory=list)

    def consented(self, item: ItemName, at: datetime) -> frozenset[PartyId]:
        """To whom the originator lets a version be passed on, see `exchange.asking`."""
        return asking.consented(item, self.replies, at)

    def proof(self, item: ItemName, to: PartyId) -> Record | None:
        """The last reply about a version and a recipient."""
        found = None
        for reply, record in zip(self.replies, self.proofs, strict=True):
            if reply.to == to and reply.by == item.originator and reply.item.covers(item):
                found = record
        return found


def asking_of(folded: Folded, organisation: OrganisationId) -> Asking:
    """The requests and replies in the circles of two that an organisation is in."""
    found = Asking()
    mine = folded.instrument.party(organisation)
    if mine is None:
        return found
    pairs = pairs_of(folded, mine)
    for record in folded.state.statements:
        other = pairs.get(record.header.circle)
        if other is None or record.header.kind not in (ASK, CONSENT):
            continue
        own = record.header.issuer == organisation
        author, addressee = (mine, other) if own else (other, mine)
        if record.header.kind == ASK:
            asked = _asked(record, author, addressee)
            if asked is not None:
                found.requests.append(asked)
        elif (reply := read_reply(record, author)) is not None:
            found.replies.append(reply)
            found.proofs.append(record)
    return found


def require_consent(
    raw: bytes, folded: Folded, identity: Identity, item: ItemName, releaser: PartyId, to: PartyId
) -> None:
    """Return if an envelope proves that an item's originator let `releaser` pass it to `to`.

    Args:
        identity: of the originator.

    Raises:
        UnverifiedError: `exchange.consent-unproved`, or what `record` refuses.
    """
    record = read(raw)
    require_issued(record, identity)
    require_assented(record, folded.state.persons.get(identity.id, {}))
    circle = folded.instrument.circles.pair(item.originator, releaser)
    said = read_reply(record, item.originator)
    if (
        record.header.kind != CONSENT
        or record.header.agreement != folded.row.id
        or record.header.issuer != identity.id
        or record.header.circle != circle.id
        or said is None
        or said.says != asking.Standing.CONSENTED
        or said.to != to
        or not said.item.covers(item)
    ):
        raise UnverifiedError(
            "exchange.consent-unproved",
            "what came along with an item does not prove that its originator agreed",
        )


def read_reply(record: Record, by: PartyId) -> asking.Reply | None:
    """What a reply says; None if it is not of the form."""
    texts = _texts(record, ("item", "request", "says", "to", "version"))
    if texts is None or texts[2] not in _SAYS:
        return None
    item, _, says, to, version = texts
    name = ItemName(by, item, version)
    return asking.Reply(name, by, PartyId(to), _SAYS[says], record.header.claimed_at)


def _asked(record: Record, author: PartyId, originator: PartyId) -> Asked | None:
    texts = _texts(record, ("item", "to", "version"))
    if texts is None:
        return None
    item, to, version = texts
    try:
        purpose = read_reference(record.body.get("purpose"))[0]
    except AlliedError:
        return None
    name = ItemName(originator, item, version)
    at = record.header.claimed_at
    return Asked(record.id, asking.Request(name, author, PartyId(to), "", at), purpose)


def _texts(record: Record, keys: tuple[str, ...]) -> list[str] | None:
    found = [record.body.get(key) for key in keys]
    texts = [each for each in found if isinstance(each, str) and len(each) <= _LONGEST]
    return texts if len(texts) == len(keys) else None
