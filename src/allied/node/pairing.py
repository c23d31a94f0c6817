"""What correlation needs from the store: which items name which values.

A part of the ports `Reading` and `Writing`. What a value is, is said by `exchange.values`;
here it is a text. Pairs are derived from the bytes of items and are made after these are
stored, in steps; see `node.correlation`.

Words used here:
    paired    an item whose values are in the store; all items up to one number are
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from allied.record.ids import OrganisationId


@dataclass(frozen=True, slots=True)
class Unpaired:
    """An item that nobody has looked at yet; the words are those of `rows.ItemRow`."""

    seq: int
    holder: OrganisationId
    class_id: int
    type: str
    size: int


class ReadingPairs(Protocol):
    """What can be asked about values."""

    def paired_until(self) -> int:
        """The number of the last item that was looked at; 0 before the first. Cheap."""
        ...

    def unpaired(self, limit: int) -> Sequence[Unpaired]:
        """The first items that nobody has looked at yet, of all holders, by seq."""
        ...

    def naming(
        self, holder: OrganisationId, value: str, classes: Collection[int], limit: int
    ) -> Sequence[int]:
        """Numbers of a holder's items in these classes that may name a value, highest first.

        At most `limit` of them, at a cost that does not grow with how many there are. A few
        may name another value: compare.
        """
        ...


class WritingPairs(ReadingPairs, Protocol):
    """How what items name is kept."""

    def add_pairs(self, named: Mapping[Unpaired, Iterable[str]], *, after: int, until: int) -> bool:
        """Keep which values items name, and that all items up to `until` were looked at.

        Items that have left since are passed over. Nothing happens, and it is False, if
        `paired_until` is not `after` any more: somebody else did it. It raises no `changes`.
        """
        ...
