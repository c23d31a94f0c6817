"""Pages of one collection: which items fit a question, in the order in which they were added.

Which collection a reader may see is decided before (`allied.node.collections`): it comes
here as a `Visible`, the handling classes that may be shown, by agreement.

Words used here:
    page       a stretch of a collection in the order in which items were added, by entries
    stretch    the same as bytes alone: joined in the store, no value made for each item
    last       the newest version of an object that one originator shared, among those that
               the collection shows or has shown; first likewise

Rules. Versions of different originators stand beside each other; none supersedes the
other's. What was superseded stays superseded: when the newer version expires or is
withdrawn, the older one does not come back in its place, so that nothing ever appears
behind the place where a poller has been. A version that came under two agreements is shown
once, where it came first. Pages are made of stored bytes, nothing is parsed; a page is
bounded in number and in bytes, and so is the number of items looked at for it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from allied.errors import NotFoundError
from allied.exchange.stix import Instant, instant
from allied.node.additions import date_text, stream, withdrawn
from allied.node.rows import Joined, Version

if TYPE_CHECKING:
    from allied.node.ports import Reading
    from allied.node.rows import ItemRow
    from allied.record.ids import AgreementId, OrganisationId

DEFAULT_LIMIT: Final = 1_000
MAX_LIMIT: Final = 5_000
PAGE_BYTES: Final = 24 * 2**20
LOOKED_AT: Final = 50_000
"""Items looked at for one page; when few of them fit the question, the page is short."""

_SOME: Final = 200
_TRIES: Final = 16
"""Stretches that are put together for one page."""


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


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of a collection, item by item.

    Attributes:
        bodies: the exact bytes of each entry, where they were asked for.
        next: the number to go on after, where there may be more; else None.
    """

    entries: tuple[Entry, ...]
    bodies: tuple[bytes, ...]
    next: int | None


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a collection, as bytes.

    Attributes:
        pieces: the exact bytes of the objects; those in one piece have commas between them.
        first_added, last_added: of the first and the last object; 0 when there is none.
        next: as in `Page`.
    """

    pieces: tuple[bytes, ...]
    count: int
    first_added: int
    last_added: int
    next: int | None


@dataclass(frozen=True, slots=True)
class Source:
    """The part of a collection that lies under one agreement."""

    agreement: AgreementId
    classes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Visible:
    """What a collection shows now.

    Attributes:
        classes: those of all sources.
        once: the classes that it shows or has shown, those that have expired among them.
    """

    holder: OrganisationId
    sources: tuple[Source, ...]
    classes: tuple[int, ...]
    once: frozenset[int]


@dataclass(slots=True)
class _Object:
    """One object of one originator, as a collection shows it.

    Attributes:
        shown: by version, the item that stands for it.
        first, last: the versions, whether they are still shown or not.
    """

    shown: dict[str, int]
    first: str
    last: str


@dataclass(slots=True)
class Look:
    """One question put to one collection, in one snapshot."""

    reading: Reading
    visible: Visible
    question: Question
    _known: dict[tuple[str, str], _Object] = field(default_factory=dict)
    _asked: dict[tuple[str, ...], Sequence[Version]] = field(default_factory=dict)

    def require(self, item: str) -> None:
        """Return if the collection shows any version of an object.

        Raises:
            NotFoundError: `collection.unknown`.
        """
        shown = frozenset(self.visible.classes)
        if all(each.class_id not in shown for each in self._held((item,))):
            raise unknown()

    def require_not_gone(self, item: str, versions: frozenset[Instant]) -> None:
        """Return unless the collection has shown one of these versions and it was taken away.

        Raises:
            NotFoundError: `collection.unknown`.
        """
        for row in self._gone((item,)):
            if row.class_id in self.visible.once and _instant(row) in versions:
                raise unknown()

    def stretch(self) -> Stretch:
        """The objects that fit, as bytes; see `Collections.objects`."""
        question = self.question
        wanted = question.versions
        if question.ids is None and (wanted in (LAST, EVERY)):
            return self._joined()
        page = self.page(bodies=True)
        dates = [entry.added for entry in page.entries] or [0]
        pieces = (b",".join(page.bodies),) if page.bodies else ()
        return Stretch(pieces, len(page.bodies), dates[0], dates[-1], page.next)

    def page(self, *, bodies: bool) -> Page:
        """The page; see `Collections.page`."""
        rows: Iterator[ItemRow | Version]
        rows = self._rows() if self.question.ids is None else iter(self._of_objects())
        chosen: list[ItemRow | Version] = []
        size = 0
        last = 0
        following = None
        for looked_at, row in enumerate(self._learning(rows), start=1):
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
        found = self.reading.bytes_at([row.seq for row in chosen]) if bodies else {}
        return Page(
            tuple(_entry(row) for row in chosen),
            tuple(found[row.seq] for row in chosen) if bodies else (),
            following,
        )

    def _held(self, ids: tuple[str, ...]) -> Sequence[Version]:
        """The versions of some objects that the holder has; of one alone asked for once."""
        found = self._asked.get(ids)
        if found is None:
            found = self.reading.versions(self.visible.holder, ids=ids)
            if len(ids) == 1:
                self._asked[ids] = found
        return found

    # --- by bytes -----------------------------------------------------------------------

    def _joined(self) -> Stretch:
        """Stretch by stretch, without what is superseded, until the page is full."""
        question = self.question
        pieces: list[bytes] = []
        count = size = looked_at = first = last = 0
        after = question.after
        following: int | None = None
        for _ in range(_TRIES):
            found = self._stored(question.limit - count, after)
            kept = self._kept(found, after)
            if kept.count:
                pieces.append(kept.body)
                first = first or kept.first_added
                last = kept.last_added
            count += kept.count
            size += len(kept.body)
            looked_at += found.count
            after = found.last
            following = after if found.more else None
            full = count >= question.limit or 2 * size > PAGE_BYTES or looked_at >= LOOKED_AT
            if following is None or full:
                break
        return Stretch(tuple(pieces), count, first, last, following)

    def _stored(self, limit: int, after: int, until: int | None = None, *skip: int) -> Joined:
        question = self.question
        return self.reading.joined_items(
            self.visible.holder,
            self.visible.classes,
            limit=limit,
            after=after,
            added_after=question.added_after,
            types=question.types,
            until=until,
            skip=skip,
        )

    def _kept(self, found: Joined, after: int) -> Joined:
        """What of a stretch fits the question."""
        if not found.repeated or (self.question.versions.every and len(self.visible.sources) == 1):
            return found
        rows = self.reading.versions(self.visible.holder, numbers=found.repeated)
        self._learn(row.id for row in rows)
        passed_over = [row.seq for row in rows if not self._fits(row)]
        if not passed_over:
            return found
        if len(passed_over) == found.count:
            return Joined()
        return self._stored(found.count, after, found.last, *passed_over)

    # --- by rows ------------------------------------------------------------------------

    def _rows(self) -> Iterator[ItemRow]:
        """Candidates, by number."""
        question = self.question
        last, newest = self.reading.newest(self.visible.holder)
        if question.after >= last or (question.added_after or 0) >= newest:
            return iter(())  # nothing new: the usual answer to a poller
        sources = self.visible.sources
        chunk = question.limit + 1
        if len(sources) > 1:
            chunk = max(100, 2 * chunk // len(sources))
        streams = [
            stream(
                self.reading,
                source.agreement,
                self.visible.holder,
                after=question.after,
                chunk=chunk,
                classes=source.classes,
                types=question.types,
                added_after=question.added_after,
            )
            for source in sources
        ]
        if len(streams) == 1:
            return streams[0]
        return heapq.merge(*streams, key=attrgetter("seq"))

    def _of_objects(self) -> Sequence[Version]:
        """Candidates among the versions of the objects that are asked for, by number."""
        question = self.question
        shown = frozenset(self.visible.classes)
        found = [
            row
            for row in self._held(question.ids or ())
            if row.class_id in shown
            and row.seq > question.after
            and (question.added_after is None or row.added > question.added_after)
            and (question.types is None or row.id.partition("--")[0] in question.types)
        ]
        return sorted(found, key=attrgetter("seq"))

    # --- versions -----------------------------------------------------------------------

    def _fits(self, row: ItemRow | Version) -> bool:
        """Whether the question asks for this version of its object."""
        wanted = self.question.versions
        alone = not getattr(row, "repeated", True)
        if wanted.every and (alone or len(self.visible.sources) == 1):
            return True
        if alone:
            return wanted.last or wanted.first or _instant(row) in wanted.at
        whole = self._known[row.id, row.originator]
        if whole.shown[row.modified] != row.seq:
            return False  # the same version came earlier, under another agreement
        if wanted.every or (wanted.at and _instant(row) in wanted.at):
            return True
        return (wanted.last and whole.last == row.modified) or (
            wanted.first and whole.first == row.modified
        )

    def _learning(self, rows: Iterator[ItemRow | Version]) -> Iterator[ItemRow | Version]:
        """The same rows, some at a time, with what has to be known of their objects."""
        while some := list(islice(rows, _SOME)):
            self._learn(row.id for row in some if getattr(row, "repeated", True))
            yield from some

    def _learn(self, ids: Iterable[str]) -> None:
        """Find out what the collection shows, and has shown, of some objects."""
        known = {id_ for id_, _ in self._known}
        wanted = sorted(set(ids) - known)
        if not wanted:
            return
        held = self._held(tuple(wanted))
        once: dict[tuple[str, str], list[Version]] = {}
        for row in (*held, *self._gone(wanted)):
            if row.class_id in self.visible.once:
                once.setdefault((row.id, row.originator), []).append(row)
        for key, rows in once.items():
            ordered = sorted(rows, key=lambda each: (_instant(each), each.seq))
            self._known[key] = _Object({}, ordered[0].modified, ordered[-1].modified)
        shown = frozenset(self.visible.classes)
        for row in held:  # of one object by number, so the first stands for the others
            if row.class_id in shown:
                self._known[row.id, row.originator].shown.setdefault(row.modified, row.seq)

    def _gone(self, ids: Sequence[str]) -> Iterator[Version]:
        """Versions of some objects that were withdrawn."""
        holder = self.visible.holder
        for source in self.visible.sources:
            names = self.reading.withdrawn_names(source.agreement, holder, ids)
            for item in sorted({id_ for _, id_, _ in names}):
                for row in withdrawn(self.reading, source.agreement, holder, item=item):
                    was = row.item
                    yield Version(
                        was.seq, was.id, was.originator, was.modified, was.added, was.class_id,
                        was.size,
                    )  # fmt: skip


def unknown() -> NotFoundError:
    """The refusal of whatever a token may not read, whether it exists or not."""
    return NotFoundError(
        "collection.unknown", "there is nothing here by that name that this token may read"
    )


def _instant(row: ItemRow | Version) -> Instant:
    """The version as an instant; that of its addition where the object has no time."""
    at = instant(row.modified) or instant(date_text(row.added))
    if at is None:
        raise ValueError("a date added is no instant")
    return at


def _entry(row: ItemRow | Version) -> Entry:
    version = row.modified if instant(row.modified) else date_text(row.added)
    return Entry(row.seq, row.id, version, row.added)
