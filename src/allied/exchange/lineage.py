"""Which items were made of which: products, extracts, and versions of one item.

Words used here:
    name        originator, id and version: what tells one item from all others
    product     an item that was made of others, by whoever originated it
    tear-line   an extract of an item that its originator supplied to be passed on more
                widely, stated by `sanitised_of`

Rules that hold everywhere here. Only the originator of an item makes a tear-line of it; what
others cut out is a product. A product of a product is one of both. Statements that go round
in circles end.

Source: DOMAIN on items (`lineage`, `sanitised_of`) and scenarios 17 and 19.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from allied.record.ids import PartyId


@dataclass(frozen=True, slots=True, order=True)
class ItemName:
    """One version of one object of one originator, under the agreement at hand.

    Attributes:
        originator: whose item it is.
        id: its STIX id.
        version: as `stix.version_of` gives it; empty for every version there is.
    """

    originator: PartyId
    id: str
    version: str = ""

    def covers(self, other: ItemName) -> bool:
        """Whether what is said of this is said of the other."""
        same = (self.originator, self.id) == (other.originator, other.id)
        return same and self.version in ("", other.version)


@dataclass(frozen=True, slots=True)
class Product:
    """An item that was made of others.

    Attributes:
        item: the product; its originator is its maker.
        made_of: what went into it.
    """

    item: ItemName
    made_of: frozenset[ItemName]


@dataclass(frozen=True, slots=True)
class TearLine:
    """An extract that somebody supplied in place of an item.

    Attributes:
        item: the extract.
        sanitised_of: what it is an extract of.
    """

    item: ItemName
    sanitised_of: ItemName

    @property
    def by_originator(self) -> bool:
        """Whether the originator itself supplied it; only then it stands for the item."""
        return self.item.originator == self.sanitised_of.originator


def tear_lines(item: ItemName, supplied: Iterable[TearLine]) -> tuple[ItemName, ...]:
    """What may be judged by its own marking in place of an item, sorted.

    A version that is an extract of another version of the same object is none: its id would
    tell what it was cut from.
    """
    return tuple(
        sorted(
            {
                each.item
                for each in supplied
                if each.by_originator and each.sanitised_of.covers(item) and each.item.id != item.id
            }
        )
    )


def products_of(item: ItemName, products: Iterable[Product]) -> tuple[Product, ...]:
    """Everything that was made of an item, directly or through other products, sorted.

    Cost: one pass over all parts of all products, and one over those that are found.
    """
    listed = list(products)
    uses: dict[tuple[PartyId, str], list[Product]] = {}
    for each in listed:
        for part in each.made_of:
            uses.setdefault((part.originator, part.id), []).append(each)
    found: set[Product] = set()
    todo = [item]
    while todo:
        source = todo.pop()
        for each in uses.get((source.originator, source.id), ()):
            made = any(source.covers(part) or part.covers(source) for part in each.made_of)
            if made and each not in found:
                found.add(each)
                todo.append(each.item)
    return tuple(sorted(found, key=lambda each: (each.item, sorted(each.made_of))))
