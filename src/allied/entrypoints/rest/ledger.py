"""The disclosure ledger, read by machines: what left, what did not, and by which clause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Query
from fastapi.responses import Response

from allied.entrypoints.rest import cursors
from allied.entrypoints.rest.visit import USUAL, Here, Limit, Next, OfAgreement, Way, given
from allied.node import roles
from allied.node.rows import LedgerRow

Recipient = Annotated[
    str,
    Query(pattern=r"^[ -~]*$", max_length=128, description="Only rows about this party."),
]
ItemNumber = Annotated[
    int | None, Query(ge=1, lt=10**18, description="Only rows about the item with this number.")
]


@dataclass(frozen=True, slots=True)
class LedgerList:
    """Rows in their order; `next` where there are more."""

    rows: tuple[LedgerRow, ...]
    next: str | None


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


TABLE: Final = (Way("GET", "/ledger", roles.LEDGER_READ, list_ledger, LedgerList),)
