"""What the daily roots of a disclosure ledger need from the store.

A part of the ports `Reading` and `Writing`. What a root is, is said by
`exchange.disclosure`; here stands which rows each of them is about, and the secret that its
salts follow from, so that single rows can be proven later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from allied.record.ids import AgreementId, OrganisationId, RecordId


@dataclass(frozen=True, slots=True)
class LedgerRoot:
    """One commitment that an organisation hosted here has signed.

    Attributes:
        place: grows by one with every root of this organisation under this agreement.
        series, number: as they were signed; see `exchange.disclosure.Commit`.
        after, last: it is about the agreement's rows with after < seq <= last.
        count: how many these are.
        through: the last day that it is about, `YYYY-MM-DD`.
        seed: its salts follow from it; secret.
        record: what was signed.
    """

    organisation: OrganisationId
    agreement: AgreementId
    place: int
    series: str
    number: int
    after: int
    last: int
    count: int
    through: str
    seed: bytes
    record: RecordId


class ReadingRoots(Protocol):
    """What can be asked about roots."""

    def ledger_roots(
        self,
        organisation: OrganisationId,
        agreement: AgreementId,
        *,
        after: int = 0,
        row: int | None = None,
        limit: int = 1000,
    ) -> Sequence[LedgerRoot]:
        """Roots with place > `after`, by place; `row` keeps the one that is about that row."""
        ...

    def newest_ledger_root(
        self, organisation: OrganisationId, agreement: AgreementId
    ) -> LedgerRoot | None:
        """The root with the highest place. Cheap."""
        ...


class WritingRoots(ReadingRoots, Protocol):
    """How roots are kept."""

    def add_ledger_root(self, root: LedgerRoot) -> None:
        """Keep a root, in the unit that signs it.

        Raises:
            ConflictError: `store.already-there`, there is one in its place.
        """
        ...
