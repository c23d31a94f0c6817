"""MISP events come in under an agreement, and what an organisation holds goes out as events.

Coming in is sharing: each event becomes a bundle and is shared like any other, so markings,
clauses and recipients are decided where they always are. Going out is the organisation's own
view of what it holds, for its own MISP; it is no release to another party.

Words used here:
    group    a sharing group of MISP, mapped to parties by whoever imports; an event of a group
             that was not mapped is refused
    loss     see `exchange.misp`

Rules. An event is shared whole or not at all as far as its distribution goes; within it the
agreement decides object by object. Nothing above the ceiling, nothing that permits no use
inside, nothing revoked, expired, recalled or replaced goes out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import orjson

from allied.errors import ExhaustedError, NotFoundError, UsageError
from allied.exchange import misp, misp_in, misp_out
from allied.exchange.actions import Action
from allied.node import listing, sharing
from allied.node.agreements import resolve
from allied.node.collections import Collections
from allied.node.people import CEILINGS

if TYPE_CHECKING:
    from allied.agreement.values import Tlp
    from allied.exchange.misp import Event, Loss
    from allied.exchange.misp_in import Carried
    from allied.exchange.misp_out import Written
    from allied.node.folds import Folded
    from allied.node.misp_asserted import Remote
    from allied.node.node import Node
    from allied.node.ports import Keys, Reading
    from allied.node.rows import Organisation
    from allied.node.sharing import Decision, Shared, Wish

MAX_OBJECTS: Final = 200_000
"""Objects that are turned into events at once."""


@dataclass(frozen=True, slots=True)
class EventOutcome:
    """What became of one event.

    Attributes:
        refused: why it was not shared; empty if it was, or was only given up.
        shared: None if it was not.
    """

    event: str
    objects: int
    refused: str
    shared: Shared | None
    losses: tuple[Loss, ...]


@dataclass(slots=True)
class Groups:
    """Which parties the sharing groups of MISP are, by uuid or name."""

    parties: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def read(cls, texts: Sequence[str]) -> Groups:
        """Read `GROUP=PARTY,PARTY`.

        Raises:
            UsageError: `misp.group`.
        """
        found = {}
        for text in texts:
            name, _, listed = text.rpartition("=")
            parties = tuple(each.strip() for each in listed.split(",") if each.strip())
            if not name or not parties:
                raise UsageError("misp.group", "a group is given as GROUP=PARTY,PARTY")
            found[name] = parties
        return cls(found)


def take_in(
    node: Node,
    organisation: Organisation,
    keys: Keys | None,
    events: Iterable[Event],
    agreement: str,
    wish: Wish,
    *,
    groups: Groups,
    own_only: bool = False,
    remote: Remote | None = None,
    on_decision: Callable[[Decision], None] | None = None,
) -> Iterator[EventOutcome]:
    """Share MISP events under an agreement, one after the other.

    Args:
        keys: None for a dry run, which signs nothing.
        own_only: share also what MISP would show to its own organisation alone.
        remote: where they come from, if it is to be remembered who asserts them.

    Raises:
        RefusedError, UsageError: as `sharing.share`.
    """
    for event in events:
        carried = misp_in.carry(event, own_only=own_only)
        carried = remote.renewed(carried) if remote else carried
        refused, narrowed = _for_whom(carried, wish, groups)
        losses = carried.losses
        if refused and not carried.refused:
            losses = (*losses, misp.Loss(carried.event, "event", "", refused))
        if refused or not carried.objects:
            yield EventOutcome(
                carried.event, 0, refused or "nothing of it is carried", None, losses
            )
            continue
        if remote:
            remote.say(carried)
        bundle = carried.bundle()
        shared = sharing.share(
            node,
            organisation,
            keys,
            lambda bundle=bundle: iter((bundle,)),  # type: ignore[misc]
            agreement,
            narrowed,
            dry_run=keys is None,
            on_decision=on_decision,
            on_behalf=remote.id if remote else "",
        )
        losses += remote.settle(carried) if remote else ()
        yield EventOutcome(carried.event, len(carried.objects), "", shared, losses)


def _for_whom(carried: Carried, wish: Wish, groups: Groups) -> tuple[str, Wish]:
    """Why an event is refused, or how it is shared."""
    if carried.refused or not carried.group:
        return carried.refused, wish
    parties = groups.parties.get(carried.group)
    if parties is None:
        return "its sharing group is mapped to no parties", wish
    named = tuple(each for each in parties if not wish.to or each in wish.to)
    if not named:
        return "nobody is left of its sharing group", wish
    return "", replace(wish, to=named)


def give_out(
    node: Node, organisation: Organisation, agreement: str, *, ceiling: str = "GREEN"
) -> Written:
    """What an organisation holds under an agreement, as MISP events for its own instance.

    Raises:
        UsageError: `misp.ceiling`.
        NotFoundError: no such agreement, or `misp.not-a-party`.
        ExhaustedError: `misp.too-many`.
    """
    level = ceiling.strip().upper().removeprefix("TLP:")
    if level not in CEILINGS:
        raise UsageError("misp.ceiling", f"a ceiling is one of {', '.join(CEILINGS)}")
    with node.store.read() as reading:
        folded = node.folds.of(reading, resolve(reading, agreement).id)
        if folded.instrument.party(organisation.id) is None:
            raise NotFoundError(
                "misp.not-a-party", f"{folded.row.alias} does not name this organisation"
            )
        present = listing.permitted(
            node,
            reading,
            Collections(node),
            organisation.id,
            folded.row.id,
            ceiling=level,
            action=Action.INTERNAL,
            purpose=listing.DEFAULT_PURPOSE,
        )
        return events_of(reading, folded, organisation, present)


def events_of(
    reading: Reading,
    folded: Folded,
    organisation: Organisation,
    present: Mapping[int, listing.Admitted],
) -> Written:
    """The events of what an organisation holds of some handling classes.

    Raises:
        ExhaustedError: `misp.too-many`.
    """
    objects: dict[str, misp_out.Json] = {}
    tlps: dict[str, Tlp] = {}
    losses: list[Loss] = []
    holder, row = organisation.id, folded.row
    standing = listing.Standing(reading, holder, [each.id for each in reading.agreements()])
    for item, raw in standing.items(row.id, tuple(present)):
        value = orjson.loads(raw)
        if value.get("revoked"):
            continue
        if item.id in objects:
            losses.append(misp.Loss("", item.type, item.id, "another party shares it as well"))
            continue
        if len(objects) >= MAX_OBJECTS:
            raise ExhaustedError(
                "misp.too-many",
                f"at most {MAX_OBJECTS} objects are turned into events at once",
                facts={"limit": MAX_OBJECTS},
            )
        objects[item.id] = value
        tlps[item.id] = present[item.class_id].tlp
    number = misp.uuid_of("", "gathered", holder, row.id)
    title = f"What {folded.instrument.party(holder)} holds under {row.alias}"
    written = misp_out.write(tuple(objects.values()), tlps, number, title, organisation.name)
    return misp_out.Written(written.events, tuple(sorted((*written.losses, *losses))))
