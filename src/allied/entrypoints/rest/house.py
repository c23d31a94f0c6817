"""The node, its peers and the token itself, for machines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from fastapi import Path, Query
from fastapi.responses import Response

from allied.entrypoints.rest.visit import Here, Way, given
from allied.entrypoints.shapes import (
    NeighbourSummary,
    PeerSummary,
    neighbour_summary,
    peer_summary,
)
from allied.node import errands, errands_exchange, roles
from allied.node.doctor import Examined
from allied.node.neighbour_rows import Outcome as Pulled
from allied.node.overview import Overview
from allied.node.sync import Outcome

PeerName = Annotated[str, Query(max_length=128, description="Only this peer: its label or id.")]
NeighbourName = Annotated[
    str, Path(max_length=64, pattern=r"^[A-Za-z0-9._-]+$", description="Its label or id.")
]


@dataclass(frozen=True, slots=True)
class TokenShown:
    """The token that was shown.

    Attributes:
        organisation: label of the organisation that it acts for.
        permissions: what its role gives.
        agreements: those that it is narrowed to; empty for all.
        ceiling: the highest TLP that it reads.
    """

    id: str
    organisation: str
    role: str
    permissions: tuple[str, ...]
    agreements: tuple[str, ...]
    ceiling: str
    purpose: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class PeerList:
    """The peers, by label."""

    peers: tuple[PeerSummary, ...]


@dataclass(frozen=True, slots=True)
class NeighbourList:
    """TAXII servers of others, by label."""

    neighbours: tuple[NeighbourSummary, ...]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What the exchange with each peer came to."""

    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """What was looked at, and what is wrong or soon will be."""

    findings: tuple[Examined, ...]


def show_token(visit: Here) -> Response:
    """Show what the token may do and see."""
    token = visit.token
    return given(
        TokenShown(
            id=token.id,
            organisation=visit.sight.organisation.label,
            role=token.role,
            permissions=tuple(sorted(roles.ROLES.get(token.role, ()))),
            agreements=token.agreements,
            ceiling=token.ceiling,
            purpose=token.purpose,
            expires_at=token.expires_at,
        )
    )


def show_status(visit: Here) -> Response:
    """Show in short: the organisation, agreements, peers, what awaits somebody."""
    return given(visit.sight.overview())


def list_peers(visit: Here) -> Response:
    """List the peers, and when each last answered.

    All of them where the organisation is alone on this node and the token is not narrowed;
    else those that it has an agreement with.
    """
    return given(PeerList(tuple(peer_summary(each) for each in visit.sight.peers())))


def list_neighbours(visit: Here) -> Response:
    """List the TAXII servers of others that are asked, when each was, and what is wrong.

    Those under agreements that the token sees; never a secret.
    """
    found = errands_exchange.list_neighbours(visit.sight)
    return given(NeighbourList(tuple(neighbour_summary(each) for each in found)))


def pull_neighbour(visit: Here, neighbour: NeighbourName) -> Response:
    """Pull from a TAXII server of somebody else now, and say what came.

    What went wrong stands in the answer with its code. Adding and removing one is for whoever
    owns the folder.
    """
    return given(errands_exchange.pull_neighbour(visit.sight, visit.keys, neighbour))


def sync(visit: Here, peer: PeerName = "") -> Response:
    """Exchange with the peers now, and say what came.

    For a token that is not narrowed. A peer that could not be reached stands in the answer
    with the code of its problem.
    """
    return given(Outcomes(tuple(errands.sync(visit.sight, visit.keys, peer=peer))))


def examine(visit: Here) -> Response:
    """Look at clock, disk, keys, peers, ledger and chains.

    For a token that is not narrowed, where its organisation is alone on this node.
    """
    return given(Findings(tuple(errands.examine(visit.sight, visit.free_bytes()))))


TABLE: Final = (
    Way("GET", "/token", roles.SELF_READ, show_token, TokenShown),
    Way("GET", "/status", roles.STATUS_READ, show_status, Overview),
    Way("GET", "/peers", roles.PEERS_READ, list_peers, PeerList),
    Way("GET", "/neighbours", roles.PEERS_READ, list_neighbours, NeighbourList),
    Way("POST", "/neighbours/{neighbour}/pull", roles.SYNC_RUN, pull_neighbour, Pulled),
    Way("POST", "/sync", roles.SYNC_RUN, sync, Outcomes),
    Way("GET", "/doctor", roles.NODE_EXAMINE, examine, Findings),
)
