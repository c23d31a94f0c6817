"""What the store keeps of the texts beside records: wanted, held, erased; and archiving.

Part of the port of the store (`allied.node.ports`), which takes it in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from allied.node.rows import ErasureRow, RecordRow, WantedBlob
from allied.record.ids import AgreementId, CircleId, Digest


class ReadingTexts(Protocol):
    """What can be asked of it inside one snapshot."""

    def blob(self, blob: Digest) -> tuple[AgreementId, CircleId, bytes] | None:
        """A blob, where it lies; None for one that is not here, or that is to be erased."""
        ...

    def erasure(self, blob: Digest, agreement: AgreementId | None = None) -> ErasureRow | None:
        """What became of a blob that its author had erased; None for any other.

        Args:
            agreement: only there; None for wherever it is not shown.
        """
        ...

    def erasures(self, agreement: AgreementId) -> Mapping[Digest, ErasureRow]:
        """What became of every blob that was erased, or is kept, under an agreement."""
        ...

    def wanted_after(self, agreement: AgreementId, place: int, limit: int) -> Sequence[WantedBlob]:
        """Blobs that records name and this node does not hold, by place, after `place`."""
        ...

    def spoilt_blobs(self, after: str, most: int, most_bytes: int) -> tuple[str, Sequence[Digest]]:
        """Look whether blobs are what their digests say, in the order of these.

        Args:
            after: the digest that was looked at last; empty for the first.
            most, most_bytes: how much is looked at; at least one blob.

        Returns:
            Where to go on, empty at the end; those that are not.
        """
        ...


class WritingTexts(Protocol):
    """What can be changed of it inside one unit."""

    def want_blobs(
        self, agreement: AgreementId, circle: CircleId, blobs: Iterable[Digest]
    ) -> None: ...

    def add_blob(self, agreement: AgreementId, circle: CircleId, blob: Digest, raw: bytes) -> None:
        """Store a blob and take it off the wanted list; one that was erased is passed over."""
        ...

    def erase_blob(self, row: ErasureRow) -> None:
        """Show a blob no more, or erase its bytes unless they are kept; it is not wanted again."""
        ...

    def lose_blob(self, blob: Digest) -> None:
        """Drop the bytes of a blob, which are not its own any more, and want it again."""
        ...

    def forget_blobs(self, blobs: Iterable[Digest]) -> None:
        """Drop blobs that went into an archive; they are not wanted."""
        ...

    def outline_records(self, rows: Iterable[RecordRow]) -> None:
        """Put outlines in the place of records, with numbers of their own; others are new."""
        ...

    def lose_statement(self, statement: Digest) -> None:
        """Drop the bytes of a statement, so that it can come again."""
        ...
