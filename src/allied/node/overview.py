"""What somebody has to know first: agreements, what awaits them, peers and how fresh they are.

Everything here is read from one snapshot and derived; nothing is decided and nothing is
kept. The command line and the console show the same values.

Words used here:
    awaiting    something that goes on only when a person of a hosted organisation does it
    link        where the console shows it; a path, never an address

Rules. Seen for one organisation, an overview holds nothing of the others on this node: only
agreements that name it, and where several are hosted only peers that it has an agreement
with. Seen for none, it holds everything, for whoever owns the folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from allied.node import agreements as agreeing
from allied.node.obligations import list_obligations
from allied.record.identity import fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from allied.node.agreements import AgreementView
    from allied.node.cases import ObligationView
    from allied.node.node import Node
    from allied.node.ports import Reading
    from allied.node.rows import Organisation, Peer
    from allied.record.ids import AgreementId, OrganisationId, PartyId


_TO_ANSWER: Final = frozenset({"owed", "acknowledged", "overdue-answer"})
_TO_PERFORM: Final = frozenset({"accepted", "overdue"})


@dataclass(frozen=True, slots=True)
class OrganisationLine:
    """A hosted organisation; `fingerprint` is what is read over a phone."""

    id: OrganisationId
    label: str
    name: str
    fingerprint: str
    url: str


@dataclass(frozen=True, slots=True)
class AgreementLine:
    """An agreement in one line.

    Attributes:
        mine: under which labels the organisations looked for are parties.
        items: how many items they hold under it.
        awaited: the parties whose signature or ratification is awaited.
    """

    id: AgreementId
    alias: str
    title: str
    state: str
    mine: tuple[PartyId, ...]
    parties: tuple[PartyId, ...]
    items: int
    awaited: tuple[PartyId, ...]
    in_force_since: datetime | None
    ends: datetime | None


@dataclass(frozen=True, slots=True)
class PeerLine:
    """A peer in one line.

    Attributes:
        seen_at: when it last answered a signed question; None before the first time.
        problem: the stable code of the last failure; empty when the last try went well.
    """

    id: OrganisationId
    label: str
    name: str
    fingerprint: str
    url: str
    confirmed: bool
    seen_at: datetime | None
    failures: int
    problem: str


@dataclass(frozen=True, slots=True)
class Awaiting:
    """Something that somebody here has to do.

    Attributes:
        kind: `signature`, `ratification`, `peer`, `obligation`, `verification` or `excuse`.
        by: the deadline, where there is one.
    """

    text: str
    kind: str
    link: str
    by: datetime | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    """The state of a node, or of one organisation on it, at `at`."""

    at: datetime
    organisations: tuple[OrganisationLine, ...]
    agreements: tuple[AgreementLine, ...]
    peers: tuple[PeerLine, ...]
    awaiting: tuple[Awaiting, ...]


def overview(node: Node, organisation: OrganisationId | None = None) -> Overview:
    """Everything that one organisation hosted here, or all of them, should see first.

    Args:
        organisation: whose eyes; None for the owner of the folder.

    Cost: one fold for each agreement that changed since the last time, one count each.
    """
    now = node.clock.now()
    with node.store.read() as reading:
        hosted = reading.organisations()
        eyes = [each for each in hosted if organisation in (None, each.id)]
        views = [
            found
            for row in reading.agreements()
            if _concerns(
                found := agreeing.view(node, reading, node.folds.of(reading, row.id)), eyes
            )
        ]
        peers = _peers(reading, views, alone=len(eyes) == len(hosted))
        lines = tuple(_agreement(reading, found, eyes) for found in views)
    owed = [each for one in eyes for each in list_obligations(node, one, mine_only=True)]
    awaiting = (
        *(each for found in views for each in _papers(found, eyes)),
        *_duties(owed),
        *_unconfirmed(peers),
    )
    return Overview(
        at=now,
        organisations=tuple(
            OrganisationLine(each.id, each.label, each.name, fingerprint(each.id), each.url)
            for each in eyes
        ),
        agreements=lines,
        peers=tuple(_peer(each) for each in peers),
        awaiting=awaiting,
    )


def _concerns(found: AgreementView, eyes: Sequence[Organisation]) -> bool:
    return any(party.organisation == each.id for party in found.parties for each in eyes)


def _agreement(
    reading: Reading, found: AgreementView, eyes: Sequence[Organisation]
) -> AgreementLine:
    ids = {each.id for each in eyes}
    return AgreementLine(
        id=found.id,
        alias=found.alias,
        title=found.title,
        state=found.state,
        mine=tuple(party.party for party in found.parties if party.organisation in ids),
        parties=tuple(party.party for party in found.parties),
        items=sum(
            sum(reading.item_counts(found.id, party.organisation).values())
            for party in found.parties
            if party.organisation in ids
        ),
        awaited=found.awaited,
        in_force_since=found.in_force_since,
        ends=found.ends,
    )


def _peers(reading: Reading, views: Sequence[AgreementView], *, alone: bool) -> list[Peer]:
    """All peers where one organisation looks alone, else those it has an agreement with."""
    partners = {party.organisation for found in views for party in found.parties}
    return [peer for peer in reading.peers() if alone or peer.id in partners]


def _peer(peer: Peer) -> PeerLine:
    return PeerLine(
        id=peer.id,
        label=peer.label,
        name=peer.name,
        fingerprint=fingerprint(peer.id),
        url=peer.url,
        confirmed=peer.confirmed_at is not None,
        seen_at=peer.seen_at,
        failures=peer.failures,
        problem=peer.last_problem,
    )


def _papers(found: AgreementView, eyes: Sequence[Organisation]) -> Iterator[Awaiting]:
    """Signatures and ratifications awaited from those who look."""
    ids = {each.id for each in eyes}
    for party in found.parties:
        if party.organisation not in ids or found.state not in ("proposed", "signed"):
            continue
        if party.signed_at is None:
            text = f"{party.party} has not signed {found.title}"
            yield Awaiting(text, "signature", f"/agreements/{found.id}")
        elif party.ratified_at is None and party.party in found.awaited:
            text = f"{party.party} has not ratified {found.title}"
            yield Awaiting(text, "ratification", f"/agreements/{found.id}")


def _duties(owed: Sequence[ObligationView]) -> Iterator[Awaiting]:
    """What debtors have to answer or to do, and creditors to judge; the most urgent first."""
    for each in owed:
        link = f"/incidents/{each.incident}"
        if each.mine == "debtor" and each.state in _TO_ANSWER:
            text = (
                f"{each.debtor} has to answer: {each.act} {each.creditor} in {each.incident_name}"
            )
            yield Awaiting(text, "obligation", link, each.answer_by or each.perform_by)
        elif each.mine == "debtor" and each.state in _TO_PERFORM:
            text = f"{each.debtor} has to {each.act} {each.creditor} in {each.incident_name}"
            yield Awaiting(text, "obligation", link, each.perform_by)
        elif each.mine == "creditor" and each.state == "performed":
            text = f"{each.debtor} says that it is done: verify it in {each.incident_name}"
            yield Awaiting(text, "verification", link)
        elif each.mine == "creditor" and each.state == "excuse-claimed":
            text = f"{each.debtor} claims an excuse in {each.incident_name}"
            yield Awaiting(text, "excuse", link)


def _unconfirmed(peers: Sequence[Peer]) -> Iterator[Awaiting]:
    for peer in peers:
        if peer.confirmed_at is None:
            text = f"Compare the fingerprint of {peer.label} ({peer.name}) with them"
            yield Awaiting(text, "peer", "/#peers")
