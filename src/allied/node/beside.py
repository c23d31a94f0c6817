"""What the store keeps beside items: those that have left, remarks, and what is passed on.

Part of the port of the store (`allied.node.ports`), which takes it in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from allied.node.rows import ItemRow, RemarkRow, WithdrawnRow
from allied.record.ids import AgreementId, Digest, OrganisationId


class ReadingBeside(Protocol):
    """What can be asked of it inside one snapshot."""

    def withdrawn(
        self,
        agreement: AgreementId,
        holder: OrganisationId,
        *,
        item: str | None = None,
        record: str | None = None,
        after: int = 0,
        limit: int = 1000,
    ) -> Sequence[WithdrawnRow]:
        """What were items here, by the numbers that they had; only of an object or a recall."""
        ...

    def withdrawn_names(
        self, agreement: AgreementId, holder: OrganisationId, items: Iterable[str]
    ) -> frozenset[tuple[OrganisationId, str, str]]:
        """Originator, id and version of withdrawn items of some objects.

        Those that were spoilt (`rows.SPOILT`) are not named: they may come again.
        """
        ...

    def remarks(
        self, organisation: OrganisationId, items: Iterable[str] | None = None
    ) -> Sequence[RemarkRow]:
        """What was said here of some objects, or of all; in the order in which it was said."""
        ...

    def passed_on(
        self, agreement: AgreementId, holder: OrganisationId, recipient: str
    ) -> Sequence[ItemRow]:
        """The items of others that a holder decided to pass on to a party, by seq."""
        ...


class WritingBeside(Protocol):
    """What can be changed of it inside one unit."""

    def withdraw_items(
        self, rows: Sequence[ItemRow], reason: str, record: str, at: datetime, *, erase: bool
    ) -> None:
        """Make items vanish from every view; with `erase` their bytes as well.

        Bytes that another item has too stay for that one.
        """
        ...

    def relabel_items(
        self,
        rows: Sequence[ItemRow],
        class_id: int,
        at: datetime,
        *,
        statement: Digest | None = None,
        proofs: Sequence[bytes] = (),
    ) -> int:
        """Give items another handling class, under new numbers: whoever follows finds them.

        With a statement, that one is theirs from now on, each with its proof of `proofs`.

        Under the old numbers they stand among the withdrawn ones as `rows.RELABELLED`, without
        bytes, so that what was released under these is found. Returns how many there were.
        """
        ...

    def erase_withdrawn(self, numbers: Sequence[int]) -> None:
        """Erase the bytes that are kept of withdrawn items."""
        ...

    def add_remark(self, remark: RemarkRow) -> bool:
        """Keep a remark; False if the same was said already."""
        ...

    def remove_remark(
        self, organisation: OrganisationId, item: str, kind: str, text: str | None
    ) -> bool:
        """Take a remark back, or all of that kind; False if there was none."""
        ...

    def pass_on(
        self,
        agreement: AgreementId,
        holder: OrganisationId,
        recipient: str,
        numbers: Iterable[int],
        at: datetime,
    ) -> None:
        """Remember that items are to be passed on to a party."""
        ...
