"""Moving what was said of incidents that are long over out of a node, and putting it back.

What lies behind a checkpoint need not be at hand for ever. Records of such incidents, with the
texts beside them, go into a file; their outlines stay (`allied.record.outline`), so that every
chain, verdict and digest is what it was. A partner that needs them has them, or puts back a file of
its own.

Words used here:
    over       an incident under which nobody owes anything any more, nor under another one of its
               campaign, and of none of which anybody has spoken since a day
    archive    the file: envelopes and texts, line by line, and a digest over all lines at the end

Rules. Only what a checkpoint covers that was reached, and what every party bound holds: nobody
depends on this node for it. The file is written and flushed before anything leaves the store. What
is put back is taken in like records of others, and changes no verdict. A text that was erased, or
is kept for somebody, is not touched. What an archive says proves itself by its signatures; the
digest only shows that the file is whole.

Source: docs/decisions/0021-checkpoints.md.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from allied.agreement import checkpoints
from allied.agreement.open_matters import matter_of
from allied.errors import ConflictError, MalformedError, NotFoundError
from allied.node import agreements, cases, gathering, incoming, journal
from allied.node.accrued import OPEN
from allied.record.blob import MAX_BLOB_BYTES, references
from allied.record.canonical import decode, digest, encode
from allied.record.ids import AgreementId, digest_text
from allied.record.outline import is_content, is_outline, outline_of, read_outline
from allied.record.record import MAX_ENVELOPE_BYTES, read_instant
from allied.response.obligation import MAY

if TYPE_CHECKING:
    from datetime import datetime

    from allied.node.folds import Folded
    from allied.node.node import Node
    from allied.node.ports import Reading
    from allied.record.canonical import Json
    from allied.record.ids import Digest, RecordId
    from allied.record.record import Record

FORMAT: Final = "archive/1"
_MAX_LINE: Final = max(MAX_ENVELOPE_BYTES, MAX_BLOB_BYTES) * 4 // 3 + 1024
_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Archived:
    """What goes into an archive, or came out of one.

    Attributes:
        before: nothing in it was said later; None where that is not known.
        incidents: how many.
        records, texts: how many of each.
    """

    agreement: AgreementId
    alias: str
    before: datetime | None
    incidents: int
    records: int
    texts: int


@dataclass(frozen=True, slots=True)
class _Over:
    """Records that may go, by incident, with the outlines that stay and texts nobody else names."""

    folded: Folded
    matters: frozenset[str]
    records: Sequence[Record]
    outlines: Mapping[RecordId, bytes]
    texts: Sequence[Digest]


def look(node: Node, name: str, before: datetime) -> Archived:
    """What of an agreement could be moved out of the node.

    Raises:
        NotFoundError: `agreement.unknown`.
        UsageError: `agreement.ambiguous`.
    """
    with node.store.read() as reading:
        return _counted(_over(node, reading, name, before), before)


def archive(
    node: Node, name: str, before: datetime, write: Callable[[Iterator[bytes]], object]
) -> Archived:
    """Move what is over out of the node.

    Args:
        before: only incidents of which nobody has spoken since; with a time zone.
        write: makes the file of these bytes; it is on the disk when this returns.

    Raises:
        NotFoundError: `agreement.unknown`; `archive.nothing`: nothing of it is over.
        UsageError: `agreement.ambiguous`.
        ConflictError: `archive.changed`: somebody has spoken of it in the meantime; again.
    """
    with node.store.read() as reading:
        over = _over(node, reading, name, before)
        if not over.records:
            raise NotFoundError(
                "archive.nothing",
                "no incident of that agreement is over, held by every party, and behind a"
                " checkpoint",
                hint="`allied doctor` says how far the last checkpoint goes",
            )
        write(_lines(reading, over, before))
    with node.store.write() as writing:
        again = _over(node, writing, name, before)
        if not {each.id for each in over.records} <= {each.id for each in again.records}:
            raise ConflictError(
                "archive.changed", "somebody has spoken of it while the file was written; again"
            )
        rows = [journal.as_row(read_outline(raw)) for raw in over.outlines.values()]
        writing.outline_records(rows)
        writing.forget_blobs(set(over.texts).intersection(again.texts))
        gathering.remember_archived(writing, over.folded.row.id, before)
    node.notifier.changed(over.folded.row.id)
    return _counted(over, before)


def put_back(node: Node, stream: BinaryIO) -> Archived:
    """Take the records and texts of an archive in again.

    Raises:
        MalformedError: `archive.shape`, `archive.cut-off`, `archive.digest`; nothing was taken in.
        NotFoundError: `agreement.unknown`: this node has no such agreement.
    """
    agreement, before = _checked(stream)
    with node.store.read() as reading:
        if reading.agreement(agreement) is None:
            raise NotFoundError("agreement.unknown", "this node has not the archive's agreement")
    records = texts = 0
    matters: set[str] = set()
    alias = ""
    for batch in _batches(stream):
        with node.store.write() as writing:
            folded = node.folds.of(writing, agreement)
            alias = folded.row.alias
            envelopes = [raw for kind, raw in batch if kind == "record"]
            stored = incoming.take_in(writing, folded, envelopes, {}).stored
            records += len(stored)
            matters |= {matter_of(each) for each in stored}
            folded = node.folds.of(writing, agreement)
            named = {text: each.header.circle for each in folded.history.order
                     for text in references(each.body)}  # fmt: skip
            for kind, raw in batch:
                text = digest(raw)
                if kind == "text" and text in named and writing.blob(text) is None:
                    writing.add_blob(agreement, named[text], text, raw)
                    texts += writing.blob(text) is not None
    node.notifier.changed(agreement)
    return Archived(agreement, alias, before, len(matters - {""}), records, texts)


# --- what may go ----------------------------------------------------------------------------


def _over(node: Node, reading: Reading, name: str, before: datetime) -> _Over:
    row = agreements.resolve(reading, name)
    folded = node.folds.of(reading, row.id)
    shared = checkpoints.shared_circles(folded.instrument)
    content: dict[str, list[Record]] = {}
    for record in folded.history.order:
        whole = is_content(record) and not is_outline(record)
        if whole and record.header.circle in shared:
            content.setdefault(matter_of(record), []).append(record)
    owing = _owing(folded, node.clock.now())
    held = _Held(node, reading, folded)
    matters = {
        matter
        for group in _campaigns(content)
        for matter in group
        if group.isdisjoint(owing)
        and all(said.header.claimed_at < before for each in group for said in content[each])
    }
    records = [each for matter in sorted(matters) for each in content[matter]]
    judged = {
        circle: folded.assessed(point).verdicts
        for circle in shared
        if (point := folded.reached(circle)) is not None
    }
    open_ = {
        matter_of(each)
        for each in records
        if each.id not in judged.get(each.header.circle, {}) or not held.by_all(each)
    }
    records = [each for each in records if matter_of(each) not in open_]
    outlines = {each.id: outline_of(each, judged[each.header.circle][each.id]) for each in records}
    gone = {each.id for each in records}
    named = {text for each in records for text in references(each.body)}
    for each in folded.history.order:
        if each.id not in gone and named:
            named.difference_update(references(each.body))
    erased = reading.erasures(row.id)
    texts = sorted(text for text in named if text not in erased and reading.blob(text) is not None)
    return _Over(folded, frozenset(matters - open_), records, outlines, texts)


def _campaigns(content: Mapping[str, Sequence[Record]]) -> Iterable[set[str]]:
    """The incidents, those of one campaign together; what names no incident here is left out."""
    together: dict[str, set[str]] = {}
    for matter, records in content.items():
        if all(each.header.kind != "incident.report" for each in records):
            continue
        names = {each.body.get("campaign") for each in records}
        keys = [f"campaign {each}" for each in names if isinstance(each, str) and each]
        group = {matter}.union(*(together.get(key, set()) for key in keys))
        for key in [*keys, *(key for key, its in together.items() if its & group), matter]:
            together[key] = group
    return together.values()


def _owing(folded: Folded, at: datetime) -> frozenset[str]:
    """The incidents under which somebody still owes something."""
    return frozenset(
        case.id
        for circle in checkpoints.shared_circles(folded.instrument).values()
        for case in cases.cases_in(folded, circle, at).cases
        if any(each.state in OPEN and each.obligation.modality != MAY for each in case.obligations)
    )


class _Held:
    """Which records every party bound is known to hold."""

    def __init__(self, node: Node, reading: Reading, folded: Folded) -> None:
        self._knows = folded.history.knows
        instrument = folded.instrument
        bound = folded.state.standing(instrument, node.clock.now()).bound
        own = {each.id for each in reading.organisations()}
        self._heads: dict[str, list[RecordId]] = {
            instrument.organisation(party): []
            for party in bound
            if instrument.organisation(party) not in own
        }
        for chain, (_, head) in folded.history.heads.items():
            if chain.issuer in self._heads:
                self._heads[chain.issuer].append(head)
        self._members = {
            circle: {instrument.organisation(party) for party in each.members}
            for circle, each in checkpoints.shared_circles(instrument).items()
        }

    def by_all(self, record: Record) -> bool:
        """Whether each of them that may read a record has said something that rests on it."""
        members = self._members[record.header.circle]
        return all(
            issuer not in members
            or issuer == record.header.issuer
            or any(self._knows(head, record.id) for head in heads)
            for issuer, heads in self._heads.items()
        )


def _counted(over: _Over, before: datetime) -> Archived:
    row = over.folded.row
    return Archived(
        row.id, row.alias, before, len(over.matters), len(over.records), len(over.texts)
    )


# --- the file -------------------------------------------------------------------------------


def _lines(reading: Reading, over: _Over, before: datetime) -> Iterator[bytes]:
    seen = hashlib.sha256()

    def line(value: Json) -> bytes:
        raw = encode(value) + b"\n"
        seen.update(raw)
        return raw

    yield line({
        "agreement": over.folded.row.id, "alias": over.folded.row.alias,
        "before": f"{before:%Y-%m-%dT%H:%M:%S}.000Z", "format": FORMAT,
    })  # fmt: skip
    for record in over.records:
        yield line({"record": binascii.b2a_base64(record.raw, newline=False).decode()})
    for text in over.texts:
        found = reading.blob(text)
        if found is not None:
            yield line({"text": binascii.b2a_base64(found[2], newline=False).decode()})
    yield encode({"sha256": seen.hexdigest()}) + b"\n"


def _checked(stream: BinaryIO) -> tuple[AgreementId, datetime]:
    """The head of an archive that is whole; the stream is at the beginning again."""
    seen = hashlib.sha256()
    head: Mapping[str, Json] | None = None
    for raw in _raw_lines(stream):
        value = _value(raw)
        if head is None:
            head = value
        elif value.keys() == {"sha256"}:
            if value["sha256"] != seen.hexdigest() or stream.read(1):
                raise MalformedError("archive.digest", "an archive is not as it was written")
            break
        seen.update(raw)
    else:
        raise MalformedError("archive.cut-off", "an archive breaks off before its end")
    stream.seek(0)
    if head.keys() != {"agreement", "alias", "before", "format"} or head["format"] != FORMAT:
        raise _shape()
    return AgreementId(digest_text(head["agreement"], "an agreement")), read_instant(head["before"])


def _batches(stream: BinaryIO) -> Iterator[list[tuple[str, bytes]]]:
    """The records and texts of an archive that was checked, some at a time."""
    batch: list[tuple[str, bytes]] = []
    for raw in _raw_lines(stream):
        value = _value(raw)
        batch += [
            (kind, _octets(value[kind])) for kind in ("record", "text") if value.keys() == {kind}
        ]
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _raw_lines(stream: BinaryIO) -> Iterator[bytes]:
    while raw := stream.readline(_MAX_LINE):
        if not raw.endswith(b"\n"):
            raise MalformedError("archive.cut-off", "an archive breaks off before its end")
        yield raw


def _value(raw: bytes) -> Mapping[str, Json]:
    value = decode(raw[:-1], limit=_MAX_LINE)
    if not isinstance(value, dict):
        raise _shape()
    return value


def _octets(value: Json) -> bytes:
    try:
        return binascii.a2b_base64(str(value), strict_mode=True)
    except binascii.Error as error:
        raise _shape() from error


def _shape() -> MalformedError:
    return MalformedError("archive.shape", "this is no archive of an agreement")
