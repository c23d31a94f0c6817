"""Data sets that come out again and again: what a new release changes, and the way back to a file.

`compare` says before a release is shared what is new in it, against what the organisation
itself shared under the agreement; nothing is stored by it. `bundle` writes what an organisation
holds as a STIX bundle again, each object by its exact bytes.

Words used here:
    release   a bundle that holds a data set as a whole
    gone      an object that came with the same shares as others of the release, and is not in it
    stands    a version that no newer one has replaced

Rules. Of an object the very version is compared if it is held, else the newest. What stands is
written and no more; who asks sees it all, or what a token may see. It is the organisation's own
view of what it holds: nothing goes to another party by it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from allied.errors import AlliedError
from allied.exchange.bundle import BrokenError, Refused, Row, rows
from allied.exchange.comparison import Change, Difference, Form, compare as compared, is_newer
from allied.exchange.marking import WELL_KNOWN
from allied.exchange.stix import read_head, type_of, version_of
from allied.exchange.validity import problems
from allied.node.agreements import party_of, resolve
from allied.node.listing import Standing
from allied.record.canonical import digest

if TYPE_CHECKING:
    from allied.exchange.stix import Head
    from allied.node.items import Within
    from allied.node.node import Node
    from allied.node.ports import Reading
    from allied.node.rows import Organisation, Version
    from allied.node.sharing import Source
    from allied.record.ids import AgreementId, OrganisationId

_CHUNK: Final = 500
_MOST_MEMBERS: Final = 1_000_000
"""Objects of earlier shares that are looked through for what is gone."""

_NAMES: Final = uuid.UUID("2d1c7f0e-8a55-5d0b-9a3c-5f5b0c6c1f55")


@dataclass(slots=True)
class Compared:
    """What a release changes.

    Attributes:
        objects: elements of the file, good and bad.
        counts: by change, how many objects.
        broken: code if the file breaks off; what came before is compared.
    """

    agreement: AgreementId
    alias: str
    objects: int = 0
    counts: dict[Change, int] = field(default_factory=lambda: dict.fromkeys(Change, 0))
    broken: str = ""


def compare(
    node: Node,
    organisation: Organisation,
    source: Source,
    agreement: str,
    *,
    on_difference: Callable[[Difference], None] | None = None,
) -> Compared:
    """Say what a release of a data set changes, against what was shared under an agreement.

    Args:
        source: gives the bytes of the bundle from the start.
        on_difference: told of every object that is not as before, in the order of the file;
            what is gone comes last, by id.

    Raises:
        NotFoundError: there is no such agreement, or it does not name the organisation.
        MalformedError: the bundle is refused as a whole.

    Cost: one pass over the file, and over the shares with which its objects came before.
    """
    with node.store.read() as reading:
        folded = node.folds.of(reading, resolve(reading, agreement).id)
        party_of(folded, organisation)
        result = Compared(folded.row.id, folded.row.alias)
        comparing = _Comparing(reading, organisation.id, result, on_difference)
        comparing.run(source)
    return result


@dataclass(slots=True)
class _Comparing:
    """One comparison under way, in one snapshot."""

    reading: Reading
    holder: OrganisationId
    result: Compared
    tell: Callable[[Difference], None] | None
    _classes: frozenset[int] = frozenset()
    _named: set[int] = field(default_factory=set)
    _members: dict[int, str] = field(default_factory=dict)
    _shares: set[str] = field(default_factory=set)

    def run(self, source: Source) -> None:
        """Everything in the file, then what is gone."""
        self._classes = frozenset(self.reading.item_counts(self.result.agreement, self.holder))
        waiting: list[tuple[Head, bytes]] = []
        try:
            for each in rows(source()):
                for one in [each] if isinstance(each, Refused) else _read(each):
                    self.result.objects += 1
                    if isinstance(one, Refused):
                        type_ = (one.id or "").rpartition("--")[0]
                        invalid = Difference(one.id or "", type_, Change.INVALID, code=one.code)
                        self._say(invalid)
                    else:
                        waiting.append(one)
                if len(waiting) >= _CHUNK:
                    self._compare(waiting)
                    waiting = []
        except BrokenError as broken:
            self.result.broken = broken.code
        self._compare(waiting)
        if not self.result.broken:
            self._gone()

    def _say(self, difference: Difference) -> None:
        self.result.counts[difference.change] += 1
        if self.tell is not None and difference.change != Change.UNCHANGED:
            self.tell(difference)

    def _compare(self, objects: Sequence[tuple[Head, bytes]]) -> None:
        ids = sorted({head.id for head, _ in objects})
        held: dict[str, list[Version]] = {}
        for each in self.reading.versions(self.holder, ids=ids):
            if each.originator == self.holder and each.class_id in self._classes:
                held.setdefault(each.id, []).append(each)
        withdrawn = self.reading.withdrawn_names(self.result.agreement, self.holder, ids)
        chosen = [(head, raw, _chosen(held.get(head.id, ()), head, raw)) for head, raw in objects]
        numbers = [each.seq for _, _, each in chosen if each is not None]
        raws = self.reading.bytes_at(numbers)
        for number in numbers:
            self._meet(number)
        for head, raw, before in chosen:
            self._named.add(hash(head.id))
            version = version_of(head, digest(raw))
            held_here = before is not None and before.modified == version
            if not held_here and (self.holder, head.id, version) in withdrawn:
                gone = Difference(head.id, head.type, Change.WITHDRAWN, version, version)
                self._say(gone)
                continue
            here = Form(before.modified, raws[before.seq]) if before is not None else None
            found = compared(head.id, head.type, here, Form(version, raw))
            if head.id in WELL_KNOWN and found.change == Change.CONTRADICTING:
                found = Difference(head.id, head.type, Change.UNCHANGED, version, version)
            self._say(found)

    # --- what is gone -------------------------------------------------------------------

    def _meet(self, number: int) -> None:
        """Remember everything that came with the same share as an item."""
        if number in self._members or len(self._members) >= _MOST_MEMBERS:
            return
        whose = (self.result.agreement, self.holder)
        (row,) = self.reading.items(*whose, after=number - 1, limit=1)
        if row.share in self._shares:
            return
        self._shares.add(row.share)
        after = 0
        while len(self._members) < _MOST_MEMBERS:
            of_share = self.reading.items(*whose, share=row.share, after=after, limit=_CHUNK * 10)
            self._members |= {each.seq: each.id for each in of_share}
            if len(of_share) < _CHUNK * 10:
                return
            after = of_share[-1].seq

    def _gone(self) -> None:
        """Tell what came with the shares that the release continues, and is not in it."""
        missing = {id_ for id_ in self._members.values() if hash(id_) not in self._named}
        for id_ in sorted(missing - WELL_KNOWN.keys()):
            self._say(Difference(id_, type_of(id_), Change.GONE))


def _read(row: Row) -> Iterator[tuple[Head, bytes] | Refused]:
    """The objects of a row with their heads, or why they would not be taken."""
    for index, raw in enumerate(row.raws, start=row.index):
        try:
            head = read_head(raw)
        except AlliedError as refusal:
            yield Refused(index, None, refusal.code, refusal.message)
            continue
        if found := problems(raw, head):
            yield Refused(index, head.id, found[0].code, "")
        else:
            yield head, raw


def _chosen(held: Sequence[Version], head: Head, raw: bytes) -> Version | None:
    """The version to compare with: the same one, else the newest."""
    version = version_of(head, digest(raw))
    newest: Version | None = None
    for each in held:
        if each.modified == version:
            return each
        if newest is None or is_newer(each.modified, newest.modified):
            newest = each
    return newest


# --- back to a file ---------------------------------------------------------------------


def bundle(
    node: Node,
    organisation: Organisation,
    agreement: str,
    *,
    own: bool = False,
    types: Sequence[str] | None = None,
    within: Within | None = None,
) -> Iterator[bytes]:
    """What an organisation holds under an agreement, as a STIX bundle; its bytes piece by piece.

    Args:
        own: only what it shared itself.
        types: only objects of these STIX types.

    Raises:
        NotFoundError: there is no such agreement, or it does not name the organisation.
    """
    with node.store.read() as reading:
        folded = node.folds.of(reading, resolve(reading, agreement).id)
        party_of(folded, organisation)
        held: Mapping[int, int] = reading.item_counts(folded.row.id, organisation.id)
        seen = held if within is None else within.get(folded.row.id, ())
        classes = [number for number in held if number in seen]
        # Named by what is in it alone: what is not seen must not change it.
        counts = sorted((number, held[number]) for number in classes)
        state = f"{organisation.id}/{folded.row.id}/{counts}/{types}/{own}"
        yield b'{"type":"bundle","id":"bundle--%b"' % _uuid(state)
        standing = Standing(reading, organisation.id, [row.id for row in reading.agreements()])
        before = b',"objects":[\n'
        for row, raw in standing.items(folded.row.id, classes, types):
            if not own or row.originator == organisation.id:
                yield before + raw
                before = b",\n"
        # A list in STIX is never empty.
        yield b"\n]}\n" if before == b",\n" else b"}\n"


def _uuid(text: str) -> bytes:
    return str(uuid.uuid5(_NAMES, text)).encode()
