"""What a token does around items: answer recalls, ask originators, pass on, mark, make feeds.

As `errands`: everything that needs no person. Consent of an originator, the release of what a
secretariat hides, and being named are acts of people and have no place here.

Rules. An object that the token does not see cannot be named. A feed shows no more than the
token that makes it: nothing above its ceiling, under an agreement that it sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from allied.errors import NotFoundError
from allied.exchange.misp import read_events
from allied.node import (
    consents,
    feeds,
    misp,
    neighbours,
    passing,
    recalls,
    remarks,
    sight_exchange,
)
from allied.node.misp import Groups
from allied.node.node import Actor

if TYPE_CHECKING:
    from allied.node.consents import RequestView
    from allied.node.feeds import NewFeed
    from allied.node.misp import EventOutcome
    from allied.node.neighbour_rows import Neighbour, Outcome
    from allied.node.passing import PassedView
    from allied.node.ports import Keys
    from allied.node.recall_views import RecallView
    from allied.node.remarks import RemarkView
    from allied.node.rows import Feed
    from allied.node.sharing import Wish
    from allied.node.sight import Sight

NOTE, TAG, FALSE_POSITIVE = remarks.NOTE, remarks.TAG, remarks.FALSE_POSITIVE
LONGEST_FEED: Final = 3_650
"""Days."""


def answer_recall(sight: Sight, keys: Keys, name: str, *, kept: str) -> RecallView:
    """Say what was done about a recall: deleted, which erases the bytes; or kept, and why.

    Raises:
        NotFoundError: `recall.unknown`, also for one that the token does not see.
        ConflictError, RefusedError: as `recalls.answer`.
    """
    if all(name != each.id for each in sight_exchange.recalls(sight)):
        raise NotFoundError("recall.unknown", "nobody has recalled that from us")
    return recalls.answer(sight.node, Actor(sight.organisation, keys), name, kept=kept)


def ask(sight: Sight, keys: Keys, name: str, to: str, purpose: str) -> RequestView:
    """Ask the originator of an item to let it go to somebody; see `consents.ask`."""
    seen = sight.item(name).item
    actor = Actor(sight.organisation, keys)
    return consents.ask(sight.node, actor, str(seen.seq), to, purpose)


def pass_on(sight: Sight, name: str, to: Sequence[str], *, dry_run: bool) -> Sequence[PassedView]:
    """Pass on what another party shared, as far as the agreement lets it; `passing.pass_on`."""
    seen = sight.item(name).item
    return passing.pass_on(sight.node, sight.organisation, str(seen.seq), to, dry_run=dry_run)


def list_neighbours(sight: Sight) -> Sequence[Neighbour]:
    """The TAXII servers of others that the organisation asks, under agreements the token sees."""
    with sight.node.store.read() as reading:
        found = reading.neighbours(sight.organisation.id)
    return [each for each in found if sight.permits(each.agreement)]


def pull_neighbour(sight: Sight, keys: Keys, name: str) -> Outcome:
    """Pull from a neighbour now, as it is done by itself; nothing is pushed, nothing compared.

    Raises:
        NotFoundError: `neighbour.unknown`, also for one that the token does not see.
    """
    for each in list_neighbours(sight):
        if name in (each.label, each.id):
            return neighbours.exchange(sight.node, keys, each, push=False)
    raise NotFoundError("neighbour.unknown", "no neighbour goes by that label")


def remark(sight: Sight, name: str, kind: str, text: str) -> Sequence[RemarkView]:
    """Write a note, a tag or a false alarm beside an object that the token sees."""
    item, own = sight.item(name).item.id, sight.organisation
    if kind == TAG:
        return remarks.tag(sight.node, own, item, [text])
    if kind == FALSE_POSITIVE:
        return remarks.false_positive(sight.node, own, item, text)
    return remarks.note(sight.node, own, item, text)


def unremark(sight: Sight, name: str, kind: str, text: str) -> Sequence[RemarkView]:
    """Take a tag off an object, or back that it gives false alarms.

    Raises:
        NotFoundError: `item.unknown`, `remark.unknown`.
    """
    item, own = sight.item(name).item.id, sight.organisation
    if kind == TAG:
        return remarks.untag(sight.node, own, item, [text])
    return remarks.true_positive(sight.node, own, item)


def make_feed(
    sight: Sight, *, agreement: str, form: str, tlp: str, purpose: str, days: int
) -> NewFeed:
    """Make a feed of what the token may see; see `feeds.create`.

    Raises:
        NotAuthorisedError: `token.ceiling`.
    """
    sight.require_below(tlp)
    return feeds.create(
        sight.node,
        sight.organisation,
        agreement=sight.agreement_id(agreement),
        form=form,
        tlp=tlp,
        purpose=purpose,
        lasts=timedelta(days=min(days, LONGEST_FEED)),
    )


def end_feed(sight: Sight, feed: str) -> Feed:
    """End a feed under an agreement that the token sees.

    Raises:
        NotFoundError: `feed.unknown`.
    """
    if all(feed != each.id for each in sight_exchange.feed_list(sight)):
        raise NotFoundError("feed.unknown", "there is no feed here by that name")
    return feeds.revoke(sight.node, sight.organisation, feed)


def share_misp(
    sight: Sight, keys: Keys, raw: bytes, agreement: str, wish: Wish, *, dry_run: bool
) -> Sequence[EventOutcome]:
    """Share MISP events under an agreement that the token sees; see `misp.take_in`."""
    return list(
        misp.take_in(
            sight.node,
            sight.organisation,
            None if dry_run else keys,
            read_events(raw),
            sight.agreement_id(agreement),
            wish,
            groups=Groups(),
        )
    )
