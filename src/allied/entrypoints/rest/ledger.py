"""The disclosure ledger, read by machines: what left, what did not, by which clause, and proofs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Path, Query, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from allied.entrypoints import verifying
from allied.entrypoints.rest import bodies, cursors
from allied.entrypoints.rest.items import ItemName
from allied.entrypoints.rest.spooled import sent
from allied.entrypoints.rest.visit import (
    JSON,
    USUAL,
    Here,
    Limit,
    Next,
    OfAgreement,
    Taken,
    Way,
    given,
)
from allied.entrypoints.verifying import VerifiedFile
from allied.node import roles, sight_exchange
from allied.node.disclosures import RowView
from allied.node.ledger_proofs import Checked
from allied.node.rows import LedgerRow
from allied.node.witness import WitnessView

_PROOF: Final = "application/vnd.allied.ledger-proof+json"
_EXPORT: Final = "application/x-ndjson"
_BYTES: Final = "application/octet-stream"

Recipient = Annotated[
    str,
    Query(pattern=r"^[ -~]*$", max_length=128, description="Only rows about this party."),
]
ItemNumber = Annotated[
    int | None, Query(ge=1, lt=10**18, description="Only rows about the item with this number.")
]
RowNumber = Annotated[int, Path(ge=1, lt=10**18, description="The number of a row.")]


@dataclass(frozen=True, slots=True)
class LedgerList:
    """Rows in their order; `next` where there are more."""

    rows: tuple[LedgerRow, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class LedgerAbout:
    """Every row that speaks of an object; `next` where there are more."""

    rows: tuple[RowView, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class WitnessList:
    """What is held of the ledgers of partners, by agreement and party."""

    ledgers: tuple[WitnessView, ...]


def list_ledger(
    visit: Here,
    agreement: OfAgreement = "",
    recipient: Recipient = "",
    item: ItemNumber = None,
    limit: Limit = USUAL,
    after: Next = "",
) -> Response:
    """List rows of the disclosure ledger.

    Each row holds the hash of the one before it, so that a row which was changed or taken
    out later is noticed. A token that is narrowed to agreements sees their rows only, and
    with them no whole chain.
    """
    filters = {"agreement": agreement, "recipient": recipient, "item": item}
    found = visit.sight.ledger(
        agreement=agreement,
        recipient=recipient or None,
        item=item,
        after=cursors.decode_number("/ledger", filters, after),
        limit=limit,
    )
    following = None
    if found.next is not None:
        following = cursors.encode("/ledger", filters, (str(found.next),))
    return given(LedgerList(tuple(found.rows), following))


def ledger_about_item(
    visit: Here, name: ItemName, limit: Limit = USUAL, after: Next = ""
) -> Response:
    """Say who was given an object, who was not, since when, under which clause.

    By STIX id of all its versions, by number of that one; also where it is recalled or
    expired. With the recipient's receipt, and the commitment that vouches for the row.
    """
    filters = {"item": name}
    start = cursors.decode_number("/ledger/items", filters, after)
    found = sight_exchange.rows_about(visit.sight, name, after=start, limit=limit + 1)
    following = None
    if len(found) > limit:
        following = cursors.encode("/ledger/items", filters, (str(found[limit - 1].seq),))
    return given(LedgerAbout(tuple(found[:limit]), following))


def show_ledger_row(visit: Here, row: RowNumber) -> Response:
    """Show one row, with the recipient's receipt and the commitment that vouches for it."""
    return given(sight_exchange.row(visit.sight, row))


def prove_ledger_row(visit: Here, row: RowNumber) -> Response:
    """Give the proof of one row as a file; it shows that row and no other."""
    return Response(sight_exchange.proof(visit.sight, row), media_type=_PROOF)


def check_ledger(visit: Here) -> Response:
    """Check the own chain, and every commitment against its rows.

    For a token that is not narrowed.
    """
    return given(sight_exchange.checked(visit.sight))


def export_ledger(visit: Here, agreement: OfAgreement = "") -> Response:
    """Give the ledger as a file that is checked without a node.

    Without an agreement all of it, for a token that is not narrowed.
    """
    return sent(sight_exchange.export(visit.sight, agreement), _EXPORT)


def list_witnessed(visit: Here) -> Response:
    """List which commitments of partners are held here, and what does not go together."""
    return given(WitnessList(tuple(sight_exchange.witnessed(visit.sight))))


async def verify_ledger_file(request: Request, visit: Here) -> Response:  # noqa: ARG001 - the door
    """Check a proof or an export, of anybody's ledger; the answer is what it shows."""
    bodies.require_media(request, JSON, _PROOF, _EXPORT, _BYTES)
    async with bodies.bundle(request) as source:
        found = await run_in_threadpool(lambda: verifying.verify(source()))
    return given(verifying.shown(found))


_FILE: Final = {"type": "object", "description": "A proof or an export from a ledger."}

TABLE: Final = (
    Way("GET", "/ledger", roles.LEDGER_READ, list_ledger, LedgerList),
    Way("GET", "/ledger/check", roles.LEDGER_READ, check_ledger, Checked),
    Way("GET", "/ledger/export", roles.LEDGER_READ, export_ledger, media=(_EXPORT,)),
    Way("GET", "/ledger/witnessed", roles.LEDGER_READ, list_witnessed, WitnessList),
    Way("GET", "/ledger/items/{name}", roles.LEDGER_READ, ledger_about_item, LedgerAbout),
    Way("GET", "/ledger/rows/{row}", roles.LEDGER_READ, show_ledger_row, RowView),
    Way("GET", "/ledger/rows/{row}/proof", roles.LEDGER_READ, prove_ledger_row, media=(_PROOF,)),
    Way(
        "POST",
        "/ledger/verified",
        roles.LEDGER_READ,
        verify_ledger_file,
        VerifiedFile,
        takes=Taken(
            {JSON: _FILE, _BYTES: {"type": "string", "format": "binary"}}, bodies.BUNDLE_BYTES
        ),
    ),
)
