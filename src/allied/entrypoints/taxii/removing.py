"""DELETE of an object: which versions a request means, in a collection that it may write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allied.exchange.stix import instant
from allied.node import removing
from allied.node.additions import date_text, stream
from allied.node.node import Actor
from allied.record.ids import AgreementId

if TYPE_CHECKING:
    from allied.node.browsing import Question
    from allied.node.collections import Collections
    from allied.node.ports import Keys
    from allied.node.rows import ItemRow
    from allied.node.sight import Sight


def remove(
    sight: Sight, keys: Keys, collections: Collections, root: str, item: str, question: Question
) -> None:
    """Take away the versions of an object that the token sees and the question asks for.

    Raises:
        NotFoundError: `collection.unknown`; there is none.
    """
    sources = collections.sources(sight.token)
    seen = {each for one in sources if one.agreement == root for each in one.classes}
    wanted = question.versions
    with sight.node.store.read() as reading:
        held = stream(
            reading, AgreementId(root), sight.token.organisation, item=item, classes=sorted(seen)
        )
        rows = list(held) if question.types != () else []
    ordered = sorted(rows, key=lambda row: (instant(_version(row)) or (), row.seq))
    ends = {
        "first": ordered[:1] if wanted.first else [],
        "last": ordered[-1:] if wanted.last else [],
    }
    chosen = {row.seq for each in ends.values() for row in each}
    chosen |= {row.seq for row in rows if wanted.every or instant(_version(row)) in wanted.at}

    def fits(row: ItemRow) -> bool:
        return row.seq in chosen

    actor = Actor(sight.organisation, keys)
    removing.remove(sight.node, actor, AgreementId(root), item, fits)


def _version(row: ItemRow) -> str:
    """The version as a time; that of its addition where the object has none."""
    return row.modified if instant(row.modified) else date_text(row.added)
