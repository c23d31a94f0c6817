"""Pages of one collection: which items fit a question, in the order in which they were added.

Which collection a reader may see is decided before (`allied.node.collections`): it comes
here as agreements, each with the handling classes that may be shown.

Words used here:
    page    a stretch of a collection in the order in which items were added
    last    the newest version of an object that one originator shared, among those that
            the collection shows

Rules. Versions of different originators stand beside each other; none supersedes the
other's. A version that came under two agreements is shown once, where it came first. Pages
are made of stored bytes, nothing is parsed; a page is bounded in number and in bytes, and
so is the number of items looked at for it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from allied.errors import NotFoundError
from allied.exchange.stix import Instant, instant
from allied.node.additions import date_text, stream

if TYPE_CHECKING:
    from allied.node.ports import Reading
    from allied.node.rows import ItemRow
    from allied.record.ids import AgreementId, Digest, OrganisationId

DEFAULT_LIMIT: Final = 1_000
MAX_LIMIT: Final = 5_000
PAGE_BYTES: Final = 24 * 2**20
LOOKED_AT: Final = 50_000
"""Items looked at for one page; when few of them fit the question, the page is short."""


@dataclass(frozen=True, slots=True)
class Versions:
    """Which versions of an object are asked for; one that fits any of it is shown.

    Attributes:
        at: versions of exactly these instants; see `exchange.stix.instant`.
    """

    last: bool = False
    first: bool = False
    every: bool = False
    at: frozenset[Instant] = frozenset()


LAST: Final = Versions(last=True)
EVERY: Final = Versions(every=True)


@dataclass(frozen=True, slots=True)
class Question:
    """What a reader asks for.

    Attributes:
        after: only items with a number above this one.
        added_after: only items dated after this; microseconds since 1970, None for all.
        ids, types: None for any.
    """

    limit: int = DEFAULT_LIMIT
    after: int = 0
    added_after: int | None = None
    ids: tuple[str, ...] | None = None
    types: tuple[str, ...] | None = None
    versions: Versions = LAST


@dataclass(frozen=True, slots=True)
class Entry:
    """One item on a page.

    Attributes:
        version: as it stands in the object; its date added where the object has none.
        added: microseconds since 1970; unique and growing within an organisation.
    """

    number: int
    id: str
    version: str
    added: int
    digest: Digest


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of a collection.

    Attributes:
        bodies: the exact bytes of each entry, where they were asked for.
        next: the number to go on after, where there may be more; else None.
    """

    entries: tuple[Entry, ...]
    bodies: tuple[bytes, ...]
    next: int | None


@dataclass(frozen=True, slots=True)
class Source:
    """The part of a collection that lies under one agreement."""

    agreement: AgreementId
    classes: tuple[int, ...]


@dataclass(slots=True)
class Look:
    """One question put to one collection, in one snapshot."""

    reading: Reading
    holder: OrganisationId
    sources: Sequence[Source]
    question: Question
    _known: dict[tuple[str, str], dict[str, ItemRow]] = field(default_factory=dict)

    def require(self, item: str) -> None:
        """Narrow the question to one object; NotFoundError if the collection has none of it."""
        if not any(
            self.reading.items(
                source.agreement, self.holder, limit=1, classes=source.classes, item=item
            )
            for source in self.sources
        ):
            raise unknown()
        self.question = replace(self.question, ids=(item,))

    def page(self, *, bodies: bool) -> Page:
        """The page; see `Collections.page`."""
        chosen: list[ItemRow] = []
        size = 0
        last = 0
        following = None
        for looked_at, row in enumerate(self._rows(), start=1):
            if self._fits(row):
                size += row.size
                if chosen and (len(chosen) >= self.question.limit or size > PAGE_BYTES):
                    following = last
                    break
                chosen.append(row)
            last = row.seq
            if looked_at >= LOOKED_AT:
                following = last
                break
        found = self.reading.item_bytes(chosen) if bodies else {}
        if bodies:
            chosen = [row for row in chosen if row.digest in found]
        return Page(
            tuple(self._entry(row) for row in chosen),
            tuple(found[row.digest] for row in chosen) if bodies else (),
            following,
        )

    def _rows(self) -> Iterator[ItemRow]:
        """Candidates, by number."""
        question = self.question
        last, newest = self.reading.newest(self.holder)
        if question.after >= last or (question.added_after or 0) >= newest:
            return iter(())  # nothing new: the usual answer to a poller
        chunk = question.limit + 1
        if len(self.sources) > 1:
            chunk = max(100, 2 * chunk // len(self.sources))
        streams = [
            stream(
                self.reading,
                source.agreement,
                self.holder,
                after=question.after,
                chunk=chunk,
                classes=source.classes,
                item=item,
                types=question.types,
                added_after=question.added_after,
            )
            for source in self.sources
            for item in (question.ids if question.ids is not None else (None,))
        ]
        if len(streams) == 1:
            return streams[0]
        return heapq.merge(*streams, key=attrgetter("seq"))

    def _fits(self, row: ItemRow) -> bool:
        """Whether the question asks for this version of its object."""
        wanted = self.question.versions
        alone = not row.repeated
        if wanted.every and (alone or len(self.sources) == 1):
            return True
        if alone:
            return wanted.last or wanted.first or self._instant(row) in wanted.at
        shown = self._shown(row)
        if shown[row.modified].seq != row.seq:
            return False  # the same version came earlier, under another agreement
        if wanted.every or (wanted.at and self._instant(row) in wanted.at):
            return True
        order = sorted(shown.values(), key=lambda each: (self._instant(each), each.seq))
        return (wanted.last and order[-1].seq == row.seq) or (
            wanted.first and order[0].seq == row.seq
        )

    def _shown(self, row: ItemRow) -> dict[str, ItemRow]:
        """The versions of an object from one originator, each by its first item."""
        key = (row.id, row.originator)
        if key not in self._known:
            versions: dict[str, ItemRow] = {}
            for source in self.sources:
                for each in stream(
                    self.reading,
                    source.agreement,
                    self.holder,
                    classes=source.classes,
                    originator=row.originator,
                    item=row.id,
                ):
                    first = versions.get(each.modified)
                    if first is None or each.seq < first.seq:
                        versions[each.modified] = each
            self._known[key] = versions
        return self._known[key]

    def _instant(self, row: ItemRow) -> Instant:
        """The version as an instant; that of its addition where the object has no time."""
        at = instant(row.modified) or instant(date_text(row.added))
        if at is None:
            raise ValueError("a date added is no instant")
        return at

    def _entry(self, row: ItemRow) -> Entry:
        version = date_text(row.added) if row.modified == row.digest else row.modified
        return Entry(row.seq, row.id, version, row.added, row.digest)


def unknown() -> NotFoundError:
    """The refusal of whatever a token may not read, whether it exists or not."""
    return NotFoundError(
        "collection.unknown", "there is nothing here by that name that this token may read"
    )
