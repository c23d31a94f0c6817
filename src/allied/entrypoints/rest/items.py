"""Items, read and shared by machines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from tempfile import SpooledTemporaryFile
from typing import IO, Annotated, Final, Literal

from fastapi import Path, Query, Request
from fastapi.responses import Response, StreamingResponse
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from allied.agreement.values import Tlp
from allied.entrypoints.rest import bodies, cursors
from allied.entrypoints.rest.visit import (
    JSON,
    USUAL,
    Here,
    Limit,
    Next,
    OfAgreement,
    Taken,
    Visit,
    Way,
    as_json,
    given,
)
from allied.entrypoints.shapes import ItemShown, ShareSummary, item_shown, share_summary
from allied.node import errands, roles
from allied.node.items import ItemView, RecipientView
from allied.node.recall_views import RecallView
from allied.node.receipts import ReceiptView
from allied.node.sharing import Decision, Wish
from allied.node.tightening import TightenedView

_IN_MEMORY: Final = 2**20
_PIECE: Final = 256 * 1024
_STIX: Final = "application/stix+json"
_MOST_NAMED: Final = 100

ItemName = Annotated[
    str,
    Path(
        pattern=r"^(?:[a-z0-9-]{1,250}--[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9]{1,18})$",
        description="Its STIX id (then the latest version), or its number here.",
    ),
]
Party = Annotated[
    str,
    Query(min_length=1, max_length=128, description="A party's label in the agreement."),
]
Types = Annotated[
    list[Annotated[str, Query(pattern=r"^[a-z0-9-]{1,250}$")]],
    Query(alias="type", max_length=_MOST_NAMED, description="Only these STIX types."),
]
ItemId = Annotated[
    str, Query(alias="id", max_length=300, pattern=r"^[a-z0-9-]*$", description="Only this object.")
]
OneTlp = Annotated[
    Literal["CLEAR", "GREEN", "AMBER", "AMBER+STRICT"] | None,
    Query(description="Only with this effective marking."),
]
Under = Annotated[
    str, Query(min_length=1, max_length=256, description="The agreement: its id, or the file's id.")
]
Marked = Annotated[
    Literal["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"] | None,
    Query(alias="tlp", description="Mark everything at least so strictly; RED needs `to`."),
]
Caveats = Annotated[
    list[Annotated[str, Query(min_length=1, max_length=256)]],
    Query(alias="caveat", max_length=_MOST_NAMED, description="Add a caveat."),
]
Recipients = Annotated[
    list[Annotated[str, Query(min_length=1, max_length=128)]],
    Query(alias="to", max_length=_MOST_NAMED, description="Only to these parties."),
]
Why = Annotated[
    str, Query(min_length=1, max_length=2_000, description="The reason, for those who hold it.")
]
Told = Annotated[str, Query(max_length=2_000, description="The reason, for those who hold it.")]
Expires = Annotated[
    datetime | None, Query(description="Nobody is given it from then on; UTC, if it says no zone.")
]
Reviewed = Annotated[
    bool, Query(description="Somebody has looked: what is about people belongs to the threat.")
]
DryRun = Annotated[bool, Query(description="Decide, and store nothing.")]


@dataclass(frozen=True, slots=True)
class ItemList:
    """Items, oldest first.

    Attributes:
        total: of all that the token sees under the agreement asked for.
        next: where to go on; null at the end.
    """

    total: int
    items: tuple[ItemView, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Receipts:
    """Who has an item; empty where it has left for nobody."""

    receipts: tuple[ReceiptView, ...]


@dataclass(frozen=True, slots=True)
class Shares:
    """What a share came to, and the decision on each object in the order of the bundle."""

    shares: tuple[ShareSummary, ...]
    objects: tuple[Decision, ...]


def list_items(
    visit: Here,
    agreement: OfAgreement = "",
    types: Types = [],  # noqa: B006 - FastAPI copies it
    item: ItemId = "",
    tlp: OneTlp = None,
    limit: Limit = USUAL,
    after: Next = "",
) -> Response:
    """List items, oldest first, with origin, agreement and marking.

    Every version that the organisation holds is one item. What is marked above the token's
    ceiling, and what has expired, is not there.
    """
    filters = {"agreement": agreement, "types": sorted(types), "id": item, "tlp": tlp}
    found = visit.sight.items(
        agreement=agreement,
        after=cursors.decode_number("/items", filters, after),
        limit=limit,
        types=types or None,
        item=item or None,
        tlp=Tlp.of(tlp) if tlp else None,
    )
    following = None
    if found.next is not None:
        following = cursors.encode("/items", filters, (str(found.next),))
    return given(ItemList(found.total, tuple(found.items), following))


def show_item(visit: Here, name: ItemName) -> Response:
    """Show one item: origin, agreement, marking, and where it stands towards each party."""
    return given(item_shown(visit.sight.item(name)))


def object_of_item(visit: Here, name: ItemName) -> Response:
    """Give the STIX object, byte by byte."""
    return Response(visit.sight.item(name).raw, media_type=f"{_STIX};version=2.1")


def explain_item(visit: Here, name: ItemName, to: Party) -> Response:
    """Say why an item may or may not go to a party, and what would change that."""
    return given(visit.sight.explain(name, to))


def receipts_of_item(visit: Here, name: ItemName) -> Response:
    """Say who has an item, since when, under which clause, and what became of a recall."""
    return given(Receipts(tuple(visit.sight.receipts(name))))


def recall_item(visit: Here, name: ItemName, why: Why, dry_run: DryRun = False) -> Response:
    """Take back what the organisation shared: by STIX id all versions, by number that one.

    Everybody whom it was released to is told; their nodes stop showing and releasing it, and
    they confirm within the period of the clause.
    """
    return given(errands.recall(visit.sight, visit.keys, name, why, dry_run=dry_run))


def tighten_item(
    visit: Here,
    name: ItemName,
    tlp: Marked = None,
    caveats: Caveats = [],  # noqa: B006 - FastAPI copies it
    to: Recipients = [],  # noqa: B006 - FastAPI copies it
    expires: Expires = None,
    why: Told = "",
    dry_run: DryRun = False,
) -> Response:
    """Mark what the organisation shared more tightly: by STIX id all versions, by number one.

    Everybody whom it was released to is told; their nodes handle it so, and who may not have it
    any more is asked to delete it, as in a recall. A looser marking is a new version.
    """
    wish = Wish(tlp=tlp or "", caveats=tuple(caveats), to=tuple(to))
    until = expires.replace(tzinfo=UTC) if expires and expires.tzinfo is None else expires
    found = errands.tighten(
        visit.sight, visit.keys, name, wish, expires=until, why=why, dry_run=dry_run
    )
    return given(found)


async def share_items(
    request: Request,
    visit: Here,
    agreement: Under,
    tlp: Marked = None,
    caveats: Caveats = [],  # noqa: B006 - FastAPI copies it
    to: Recipients = [],  # noqa: B006 - FastAPI copies it
    dry_run: DryRun = False,
    reviewed: Reviewed = False,
) -> Response:
    """Share a STIX 2.1 bundle: per object and recipient permitted or refused, with the clause.

    The body is the bundle, or a form with one file called `bundle`. The answer is 200 when
    the share was decided, also where the agreement refused objects or some were invalid: the
    answer says which. Nothing of it leaves before a recipient asks for it.
    """
    bodies.require_media(request, JSON, _STIX, bodies.MULTIPART)
    wish = Wish(tlp or "", tuple(caveats), tuple(to), reviewed=reviewed)
    await run_in_threadpool(visit.sight.agreement_id, agreement)  # before anything is read
    async with bodies.bundle(request) as source:
        return await run_in_threadpool(_share, visit, source, agreement, wish, dry_run)


def _share(
    visit: Visit, source: bodies.Source, agreement: str, wish: Wish, dry_run: bool
) -> Response:
    """Decide, and put the decisions aside in a file: their number is that of the objects."""
    spool: IO[bytes] = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed when it was sent
    try:
        spool.write(b'{"objects":[')
        first = spool.tell()

        def decided(decision: Decision) -> None:
            spool.write(b"," if spool.tell() > first else b"")
            spool.write(as_json(decision))

        result = errands.share(
            visit.sight,
            visit.keys,
            source,
            agreement,
            wish,
            dry_run=dry_run,
            on_decision=decided,
        )
        spool.write(b'],"shares":[' + as_json(share_summary(result)) + b"]}")
        size = spool.tell()
    except BaseException:
        spool.close()
        raise
    return StreamingResponse(
        _read(spool),
        media_type=JSON,
        headers={"content-length": str(size)},
        background=BackgroundTask(spool.close),
    )


def _read(spool: IO[bytes]) -> Iterator[bytes]:
    spool.seek(0)
    while piece := spool.read(_PIECE):
        yield piece


_BUNDLE: Final = {"type": "object", "description": "A STIX 2.1 bundle."}
_FORM: Final = {
    "type": "object",
    "properties": {bodies.PART: {"type": "string", "contentMediaType": _STIX}},
    "required": [bodies.PART],
}

TABLE: Final = (
    Way("GET", "/items", roles.ITEMS_READ, list_items, ItemList),
    Way("GET", "/items/{name}", roles.ITEMS_READ, show_item, ItemShown),
    Way("GET", "/items/{name}/object", roles.ITEMS_READ, object_of_item, media=(_STIX,)),
    Way("GET", "/items/{name}/explanation", roles.ITEMS_READ, explain_item, RecipientView),
    Way("GET", "/items/{name}/receipts", roles.ITEMS_READ, receipts_of_item, Receipts),
    Way("POST", "/items/{name}/recall", roles.ITEMS_RECALL, recall_item, RecallView),
    Way("POST", "/items/{name}/tighten", roles.ITEMS_RECALL, tighten_item, TightenedView),
    Way(
        "POST",
        "/shares",
        roles.ITEMS_SHARE,
        share_items,
        Shares,
        takes=Taken({JSON: _BUNDLE, _STIX: _BUNDLE, bodies.MULTIPART: _FORM}, bodies.BUNDLE_BYTES),
    ),
)
