"""Feeds, and MISP events both ways, for machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import Path, Query, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from allied.entrypoints.rest import bodies
from allied.entrypoints.rest.items import Caveats, DryRun, Marked, Recipients, Under
from allied.entrypoints.rest.visit import JSON, Here, Taken, Visit, Way, given
from allied.entrypoints.shapes import ShareSummary, share_summary
from allied.exchange.misp import Loss
from allied.node import errands_exchange, roles, sight_exchange
from allied.node.feeds import WarningListView
from allied.node.misp import EventOutcome
from allied.node.rows import Feed
from allied.node.sharing import Wish

FeedId = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$", description="Its id.")]
Form = Annotated[
    str,
    Query(
        alias="format",
        pattern=r"^[a-z0-9-]{1,64}$",
        description="ipv4, domain, csv, suricata-rules, zeek, rpz, misp ...",
    ),
]
Ceiling = Annotated[
    Literal["CLEAR", "GREEN", "AMBER"], Query(description="Nothing above this is in it.")
]
Use = Annotated[
    str,
    Query(
        min_length=1,
        max_length=100,
        pattern=r"^[ -~]*$",
        description="What it is used for, in the words of the clause.",
    ),
]
Days = Annotated[int, Query(ge=1, le=3_650, description="It works for so long.")]


@dataclass(frozen=True, slots=True)
class FeedShown:
    """A feed, without its address."""

    id: str
    format: str
    agreement: str
    tlp: str
    purpose: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewFeedShown:
    """A feed that was made.

    Attributes:
        path: where it is, on this node; it is the only key, and shown once.
    """

    feed: FeedShown
    path: str


@dataclass(frozen=True, slots=True)
class FeedList:
    """The feeds of the organisation, the ended ones too."""

    feeds: tuple[FeedShown, ...]


@dataclass(frozen=True, slots=True)
class WarningLists:
    """The lists of what gives false alarms; what is on one enters no block list."""

    lists: tuple[WarningListView, ...]


@dataclass(frozen=True, slots=True)
class EventShared:
    """What became of one MISP event.

    Attributes:
        refused: why it was not shared; empty if it was.
        share: null if it was not.
        losses: what of it is not carried over.
    """

    event: str
    objects: int
    refused: str
    share: ShareSummary | None
    losses: tuple[Loss, ...]


@dataclass(frozen=True, slots=True)
class EventsShared:
    """What became of each event."""

    events: tuple[EventShared, ...]


@dataclass(frozen=True, slots=True)
class MispEvents:
    """Events as MISP reads them, and everything that is in none of them."""

    events: tuple[Mapping[str, Any], ...]
    losses: tuple[Loss, ...]


def list_feeds(visit: Here) -> Response:
    """List feeds, without their addresses."""
    found = sight_exchange.feed_list(visit.sight)
    return given(FeedList(tuple(_shown(each) for each in found)))


def make_feed(
    visit: Here,
    agreement: Under,
    form: Form,
    tlp: Ceiling = "GREEN",
    purpose: Use = "network-defence",
    days: Days = 365,
) -> Response:
    """Make a feed; its address is shown once and is its only key.

    It shows no more than the token that makes it.
    """
    made = errands_exchange.make_feed(
        visit.sight, agreement=agreement, form=form, tlp=tlp, purpose=purpose, days=days
    )
    return given(NewFeedShown(_shown(made.feed), made.path))


def end_feed(visit: Here, feed: FeedId) -> Response:
    """End a feed; from now on there is nothing at its address."""
    return given(_shown(errands_exchange.end_feed(visit.sight, feed)))


def list_warning_lists(visit: Here) -> Response:
    """List what is known to give false alarms; the lists are looked after on the node."""
    return given(WarningLists(tuple(sight_exchange.warning_lists(visit.sight))))


async def share_misp(
    request: Request,
    visit: Here,
    agreement: Under,
    tlp: Marked = None,
    caveats: Caveats = [],  # noqa: B006 - FastAPI copies it
    to: Recipients = [],  # noqa: B006 - FastAPI copies it
    dry_run: DryRun = False,
) -> Response:
    """Share MISP events: the body is one, several in a list, or what MISP answers to a search.

    The answer is 200 when it was decided, also where events were refused: the answer says
    which, and what of each is not carried over.
    """
    bodies.require_media(request, JSON)
    await run_in_threadpool(visit.sight.agreement_id, agreement)  # before anything is read
    wish = Wish(tlp or "", tuple(caveats), tuple(to))
    async with bodies.bundle(request) as source:
        return await run_in_threadpool(_share, visit, source, agreement, wish, dry_run)


def _share(
    visit: Visit, source: bodies.Source, agreement: str, wish: Wish, dry_run: bool
) -> Response:
    raw = b"".join(source())
    found = errands_exchange.share_misp(
        visit.sight, visit.keys, raw, agreement, wish, dry_run=dry_run
    )
    return given(EventsShared(tuple(_event(each) for each in found)))


def _event(one: EventOutcome) -> EventShared:
    summary = share_summary(one.shared) if one.shared else None
    return EventShared(one.event, one.objects, one.refused, summary, one.losses)


def give_misp(visit: Here, agreement: Under, tlp: Ceiling = "GREEN") -> Response:
    """Give what the organisation holds under an agreement as MISP events, for its own instance."""
    found = sight_exchange.misp_events(visit.sight, agreement, tlp)
    return given({"events": found.events, "losses": found.losses})


def _shown(feed: Feed) -> FeedShown:
    return FeedShown(
        id=feed.id,
        format=feed.form,
        agreement=feed.agreement,
        tlp=feed.ceiling,
        purpose=feed.purpose,
        created_at=feed.created_at,
        expires_at=feed.expires_at,
        revoked_at=feed.revoked_at,
    )


_EVENT: Final = {"type": "object", "description": "MISP events, as MISP exports them."}

TABLE: Final = (
    Way("GET", "/feeds", roles.FEEDS_READ, list_feeds, FeedList),
    Way("POST", "/feeds", roles.FEEDS_MANAGE, make_feed, NewFeedShown),
    Way("DELETE", "/feeds/{feed}", roles.FEEDS_MANAGE, end_feed, FeedShown),
    Way("GET", "/warning-lists", roles.FEEDS_READ, list_warning_lists, WarningLists),
    Way("GET", "/misp/events", roles.ITEMS_READ, give_misp, MispEvents),
    Way(
        "POST",
        "/misp/events",
        roles.ITEMS_SHARE,
        share_misp,
        EventsShared,
        takes=Taken({JSON: _EVENT}, bodies.BUNDLE_BYTES),
    ),
)
