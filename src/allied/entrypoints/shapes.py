"""The values that machines get from this node, the same from the command line and over HTTP.

Most of them are the frozen values of the use cases as they are; `plain` says them in JSON.
Where an interface gives less or other than a use case does, the shape stands here, so that
`--json` and `/api/v1/` cannot grow apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from allied.exchange.limits import Warned
    from allied.node.agreements import AgreementView
    from allied.node.incidents import LocalEvaluation
    from allied.node.items import ItemDetails, ItemView, RecipientView
    from allied.node.neighbour_rows import Neighbour
    from allied.node.rows import Peer, Token
    from allied.node.sharing import Shared


def plain(value: object) -> object:
    """`value` as JSON can carry it: dataclasses as objects, instants as ISO text in UTC."""
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {key: plain(part) for key, part in asdict(value).items()}
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(str(plain(part)) for part in value)
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    return value if value is None or isinstance(value, (str, int, bool, float)) else str(value)


def instant(at: datetime | None) -> str:
    """An instant for people and machines: 2026-11-23T03:04:05Z; a dash for none."""
    if at is None:
        return "-"
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class AgreementSummary:
    """An agreement in a list.

    Attributes:
        mine: the labels under which organisations hosted here are parties.
        awaited: parties whose signature (or ratification) is awaited.
    """

    id: str
    alias: str
    title: str
    state: str
    mine: tuple[str, ...]
    awaited: tuple[str, ...]
    in_force_since: datetime | None
    ends: datetime | None


def agreement_summary(found: AgreementView) -> AgreementSummary:
    """The line of an agreement."""
    return AgreementSummary(
        id=found.id,
        alias=found.alias,
        title=found.title,
        state=found.state,
        mine=found.mine,
        awaited=found.awaited,
        in_force_since=found.in_force_since,
        ends=found.ends,
    )


@dataclass(frozen=True, slots=True)
class PeerSummary:
    """A peer, and when it last answered.

    Attributes:
        id: what it is called here; `organisation` is what it is.
        failures: failed tries in a row.
        last_problem: stable code of the last failure.
        protection: `sealed` for it alone, or `loopback`, in clear on this machine.
    """

    id: str
    organisation: str
    name: str
    url: str
    protection: str
    fingerprint: str
    confirmed: bool
    seen_at: datetime | None
    failures: int
    last_problem: str | None


def peer_summary(peer: Peer) -> PeerSummary:
    """The line of a peer."""
    from allied.node.peers import protection
    from allied.record.identity import fingerprint

    return PeerSummary(
        id=peer.label,
        organisation=peer.id,
        name=peer.name,
        url=peer.url,
        protection=protection(peer.url),
        fingerprint=fingerprint(peer.id),
        confirmed=peer.confirmed_at is not None,
        seen_at=peer.seen_at,
        failures=peer.failures,
        last_problem=peer.last_problem or None,
    )


@dataclass(frozen=True, slots=True)
class NeighbourSummary:
    """A TAXII server of somebody else; never its secret, nor where that lies.

    Attributes:
        url: of the collection.
        to: the parties that what is pulled is for.
        tlp: what is pulled is at least this; empty for as it is marked.
        pushes_to: the party to whose server is pushed; empty for none.
        seen_at: last time that all went well.
        problem: stable code of the last failure; empty for none.
    """

    id: str
    label: str
    url: str
    agreement: str
    pulls: bool
    to: tuple[str, ...]
    tlp: str
    pushes_to: str
    every_seconds: int
    added_at: datetime
    seen_at: datetime | None
    compared_at: datetime | None
    failures: int
    problem: str


def neighbour_summary(one: Neighbour) -> NeighbourSummary:
    """The line of a neighbour."""
    return NeighbourSummary(
        id=one.id,
        label=one.label,
        url=f"{one.url}{one.path}",
        agreement=one.agreement,
        pulls=one.pulls,
        to=tuple(one.to.split(",")),
        tlp=one.tlp,
        pushes_to=one.party,
        every_seconds=one.every_seconds,
        added_at=one.added_at,
        seen_at=one.seen_at,
        compared_at=one.compared_at,
        failures=one.failures,
        problem=one.last_problem,
    )


@dataclass(frozen=True, slots=True)
class TokenSummary:
    """A token, without its secret.

    Attributes:
        role: what it may do.
        agreements: those that it is narrowed to; empty for all.
        ceiling: the highest TLP that it reads.
    """

    id: str
    role: str
    purpose: str
    agreements: tuple[str, ...]
    ceiling: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


def token_summary(token: Token) -> TokenSummary:
    """The line of a token."""
    return TokenSummary(
        id=token.id,
        role=token.role,
        purpose=token.purpose,
        agreements=token.agreements,
        ceiling=token.ceiling,
        created_at=token.created_at,
        expires_at=token.expires_at,
        revoked_at=token.revoked_at,
    )


@dataclass(frozen=True, slots=True)
class ItemShown:
    """One item, where it stands towards each other party, and its exact text."""

    item: ItemView
    recipients: tuple[RecipientView, ...]
    raw: str


def item_shown(found: ItemDetails) -> ItemShown:
    """An item with its bytes as the text that they are."""
    return ItemShown(found.item, found.recipients, found.raw.decode())


@dataclass(frozen=True, slots=True)
class RefusalCount:
    """How many objects one clause refused one recipient, and with which code."""

    code: str
    art: str
    count: int


@dataclass(frozen=True, slots=True)
class RecipientSummary:
    """How many objects one recipient may have.

    Attributes:
        alone: companions that nothing it may have refers to.
    """

    permitted: int
    alone: int
    refused: tuple[RefusalCount, ...]


@dataclass(frozen=True, slots=True)
class ShareSummary:
    """What one share came to.

    Attributes:
        objects: elements of the bundle.
        admitted: those the agreement takes in; stored of them are new here.
        invalid: by code, objects that are no valid STIX 2.1.
        refused: by code, valid objects that the agreement does not take in.
        contradicting: versions already shared with other bytes; not stored.
        broken: code of what broke the bundle off.
        warnings: what to know about it; it is shared all the same.
    """

    id: str
    agreement: str
    alias: str
    dry_run: bool
    objects: int
    admitted: int
    stored: int
    repeated: int
    invalid: Mapping[str, int]
    refused: Mapping[str, int]
    contradicting: int
    broken: str | None
    warnings: tuple[Warned, ...]
    recipients: Mapping[str, RecipientSummary]


def share_summary(result: Shared) -> ShareSummary:
    """What a share came to, with its refusals in order."""
    return ShareSummary(
        id=result.id,
        agreement=result.agreement,
        alias=result.alias,
        dry_run=result.dry_run,
        objects=result.objects,
        admitted=result.admitted,
        stored=result.stored,
        repeated=result.repeated,
        invalid=result.invalid,
        refused=result.refused,
        contradicting=result.contradicting,
        broken=result.broken or None,
        warnings=result.warnings,
        recipients={
            party: RecipientSummary(
                permitted=tally.permitted,
                alone=tally.alone,
                refused=tuple(
                    RefusalCount(code, art, count)
                    for (code, art), count in sorted(tally.refused.items())
                ),
            )
            for party, tally in result.recipients.items()
        },
    )


@dataclass(frozen=True, slots=True)
class ConsideredIncident:
    """What one agreement in force would say to an incident that nobody was told of.

    Attributes:
        evaluation: as `allied whatif --json` gives it; docs/reference/evaluation.md.
    """

    agreement: str
    alias: str
    incident: str
    evaluation: Mapping[str, object]


def considered(found: LocalEvaluation) -> ConsideredIncident:
    """A local evaluation in JSON."""
    return ConsideredIncident(
        agreement=found.agreement,
        alias=found.alias,
        incident=found.incident,
        evaluation=found.evaluation.to_json(),
    )
