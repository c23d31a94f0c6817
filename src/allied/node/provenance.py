"""What an item was made from, and what was made here from an item.

The first is the originator's signed word, which came along with the item and was held against
its key; the second is remembered beside the items (`allied.node.deriving`), for this node alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from allied.exchange import derivation
from allied.exchange.lineage import ItemName, Product, products_of
from allied.exchange.statement import made_at
from allied.node import proofs, verdicts
from allied.node.rows import RemarkRow
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from datetime import datetime

    from allied.node.folds import Folded
    from allied.node.ports import Reading, Writing
    from allied.node.rows import ItemRow
    from allied.record.ids import OrganisationId

MADE_FROM: Final = "made-from"
SOURCE_RECALLED: Final = "source-recalled"
"""Kinds of remarks that the node makes itself."""

_PARTS: Final = 4


@dataclass(frozen=True, slots=True)
class DerivedView:
    """What an item is made from, as its originator signed it.

    Attributes:
        how: `extract` or `redaction`.
        of: whose items went into it.
    """

    how: str
    of: tuple[PartyId, ...]
    at: datetime
    statement: str


def shared_at(reading: Reading, row: ItemRow) -> datetime:
    """When its originator shared an item, by its signed statement.

    Raises:
        UnverifiedError: `store.no-statement`.
    """
    return made_at(proofs.statement_of(reading, row.statement))


def made_from(reading: Reading, folded: Folded, row: ItemRow) -> tuple[DerivedView, ...]:
    """What an item was made from, by its originator's signed word; empty for most items.

    Raises:
        UnverifiedError: `store.no-statement`.
    """
    handling = verdicts.classes_of(reading, folded.row.id).by_id[row.class_id]
    found = []
    for each in derivation.named_in(handling):
        made = derivation.read(proofs.statement_of(reading, each.name), None)
        found.append(DerivedView(made.how, made.originators, made.at, each.name))
    return tuple(found)


def source_of(kind: str, text: str) -> str | None:
    """The id of the object that a remark says something was made from; None for other remarks."""
    parts = text.split(" ")
    return parts[1] if kind == MADE_FROM and len(parts) == _PARTS else None


def products(
    reading: Reading, organisation: OrganisationId, mine: PartyId, item: ItemName
) -> tuple[str, ...]:
    """The ids of what was made here from an item, directly or through other products, sorted."""
    known: dict[str, set[ItemName]] = {}
    for each in reading.remarks(organisation):
        parts = each.text.split(" ")
        if each.kind == MADE_FROM and len(parts) == _PARTS:
            source = ItemName(PartyId(parts[0]), parts[1], parts[2])
            known.setdefault(each.item, set()).add(source)
    made = [Product(ItemName(mine, id_), frozenset(parts)) for id_, parts in known.items()]
    return tuple(sorted({each.item.id for each in products_of(item, made)}))


def flag(
    writing: Writing,
    organisation: OrganisationId,
    mine: PartyId,
    item: ItemName,
    record: str,
    at: datetime,
) -> None:
    """Say beside every product of a recalled item that its source is recalled."""
    for product in products(writing, organisation, mine, item):
        writing.add_remark(RemarkRow(organisation, product, SOURCE_RECALLED, record, "", at))
