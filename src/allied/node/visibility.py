"""What of an agreement one organisation may see on another's node: circles, heads, a mark.

Both sides of an exchange ask this: the answering side to hold back everything else, the
asking side to say how far it is. Outsiders learn neither circles nor volumes, and who has left
nothing of what is said among all later (`node.leaving`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from allied.agreement import leaving, outlined
from allied.node import offering, release, verdicts
from allied.node.fairness import fair_share
from allied.node.messages import MAX_HEADS, Head
from allied.record.canonical import digest, encode
from allied.record.record import ChainKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from allied.node.folds import Folded
    from allied.node.node import Node
    from allied.node.ports import Reading
    from allied.record.canonical import Json
    from allied.record.circle import Circle
    from allied.record.ids import CircleId, Digest, OrganisationId

_MARK_DIGITS = 13


def circles(folded: Folded, organisation: OrganisationId) -> Mapping[CircleId, Circle]:
    """The circles of an agreement that an organisation is in; none for a stranger."""
    party = folded.instrument.party(organisation)
    return folded.state.circles_of(folded.instrument, party) if party else {}


def heads(folded: Folded, organisation: OrganisationId, at: datetime) -> tuple[Head, ...]:
    """The heads held of chains that an organisation may see now, ascending, at most MAX_HEADS.

    Where there are more, every issuer has its share of them.

    A chain that was signed in two ways has the two records that prove it as further heads,
    so that whoever holds one branch learns of the other.
    """
    visible = circles(folded, organisation)
    past = folded.history
    until = leaving.tops(folded, organisation, at)
    late = outlined.shown(folded, organisation, at)
    shared = leaving.shared_circles(folded) if until is not None else frozenset()
    found = []
    for chain, head in past.heads.items():
        if chain.circle not in visible:
            continue
        top = head if until is None or chain.circle not in shared else until.get(chain)
        if top is not None and late is not None:
            top = min(top, late.tops[chain]) if chain in late.tops else None
        if top is not None:
            found.append(Head(chain.circle, chain.issuer, chain.incarnation, *top))
    branches: dict[ChainKey, list[Head]] = {}
    for each in sorted(past.aside):
        record = past.get(each)
        if record is None or record.header.circle not in visible:
            continue
        if record.header.circle in shared:
            continue  # whose fork that is, is for those who are in
        header = record.header
        if past.frozen.get(header.chain) == header.sequence:
            branch = Head(*header.chain, header.sequence, record.id)
            branches.setdefault(header.chain, []).append(branch)
    for proof in branches.values():
        found += proof[:2]
    return tuple(sorted(fair_share(found, MAX_HEADS)))


def tops(folded: Folded, organisation: OrganisationId, at: datetime) -> Mapping[ChainKey, int]:
    """Up to which number an organisation may see each chain now, of those of which it may."""
    return tops_of(heads(folded, organisation, at))


def tops_of(seen: Iterable[Head]) -> Mapping[ChainKey, int]:
    """Up to which number some heads show each chain."""
    found: dict[ChainKey, int] = {}
    for head in seen:
        chain = ChainKey(head.circle, head.issuer, head.incarnation)
        found[chain] = max(head.sequence, found.get(chain, 0))
    return found


def mark(
    node: Node,
    reading: Reading,
    folded: Folded,
    holder: OrganisationId,
    organisation: OrganisationId,
) -> int:
    """A number that changes when there is other to see for `organisation` with `holder`.

    0 where there is nothing. It follows from what may be seen, so it tells nothing about
    anything else; what waits only for something in return counts as well, or both sides would
    wait for ever (see `allied.node.offering`).
    """
    records = records_mark(folded, organisation, node.clock.now())
    items = items_mark(node, reading, folded, holder, organisation)
    return _number([records, items]) if records or items else 0


def records_mark(folded: Folded, organisation: OrganisationId, at: datetime) -> int:
    """As `mark`, of records alone."""
    return mark_of(heads(folded, organisation, at))


def mark_of(seen: Sequence[Head]) -> int:
    """As `records_mark`, of heads that were shown."""
    return _number([[head.circle, head.id, head.sequence] for head in seen]) if seen else 0


def items_mark(
    node: Node,
    reading: Reading,
    folded: Folded,
    holder: OrganisationId,
    organisation: OrganisationId,
) -> int:
    """As `mark`, of items alone."""
    items = _items(node, reading, folded, holder, organisation)
    return _number(items) if items else 0


def _items(
    node: Node,
    reading: Reading,
    folded: Folded,
    holder: OrganisationId,
    organisation: OrganisationId,
) -> list[Json]:
    """What there is of items, as far as others may know; nothing where there are none."""
    items = release.visible_counts(node, reading, folded, holder, organisation)
    passed = release.passing(node, reading, folded, holder, organisation)
    waiting = offering.held_back(node, reading, folded, holder, organisation)
    if not items and not passed and not waiting:
        return []
    # By the digest of a class: its number here would tell how many classes others have.
    keys = verdicts.classes_of(reading, folded.row.id).keys if items or waiting else {}
    value: list[Json] = [_counted(keys, items), passed]
    if waiting:
        value.append(_counted(keys, waiting))
    return value


def _number(value: list[Json]) -> int:
    return int(digest(encode(value))[:_MARK_DIGITS], 16) + 1


def _counted(keys: Mapping[int, Digest], counts: Mapping[int, int]) -> Json:
    return [list(each) for each in sorted((keys[one], n) for one, n in counts.items())]
