"""The fold of an agreement kept beside its records, so that a start need not judge them anew.

A fold is derived, and every command makes it afresh. What takes time in that is reading each
record from its bytes and asking what it is worth; what the records are and what they came to does
not change. So both are kept in the store, in parts, each about the records that were stored since
the part before: their headers, their ids, and their verdicts. A start takes the bytes of the
records and these, puts the records in order, and makes from them what a fold makes; only records
that make events, listings, texts or notices are judged again (`allied.agreement.again`).

Words used here:
    part    the headers and verdicts of some records, in the order in which they were stored
    end     of the fold of all records up to a part: its lines, and its state in one word
    tail    the records stored since the last part; they are read and judged as ever

Rules. Nothing here is ever asked for but by a start, and nothing hangs on it: whoever drops the
table loses time. What is kept is believed only if all of this holds, else all is read and judged
anew, and kept anew in its place:

* its seal is right, under a key that only this database knows, and each part names the one before;
* it is of this agreement, of this release, of this way to fold and of this kind of machine;
* the records stand in the store under the same rows with the same ids, and their bytes have the
  digest that they had when the part was made; so an archive, a record that came whole in place of
  its outline, and a byte that was changed are all noticed;
* the fold that is made from it comes to the state that it came to when it was kept.

The seal bears accidents. Whoever can write the database can read its key as well, and have a part
say what he likes; `allied.node.integrity` folds from the records alone and finds that.

A part holds nothing that the records do not say, and no body: what was erased is not in it.
"""

from __future__ import annotations

import hashlib
import hmac
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from allied import __version__
from allied.agreement.again import Before, leaves_trace
from allied.agreement.fold import Progress, begun
from allied.agreement.sameness import state_digest
from allied.agreement.state import Verdict
from allied.errors import AlliedError
from allied.record.columns import ids_in, packed, unpacked
from allied.record.history import History, history
from allied.record.ids import RecordId
from allied.record.outline import is_outline
from allied.record.record import ChainKey

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from allied.agreement.genesis import Instrument
    from allied.agreement.judging import FindCustodian, Judging
    from allied.node.folds import Folded
    from allied.node.node import Node
    from allied.node.ports import Reading
    from allied.node.record_store import RowBytes
    from allied.record.ids import AgreementId
    from allied.record.record import Record

FORMAT: Final = "kept-fold/1"
FOLD: Final = 3
"""The way to fold; whoever changes what a verdict or an order is makes it another one."""
EVERY: Final = 500
"""Records between two parts, at least."""
_PART: Final = 50
"""And that part of what there is: looking at what is kept stays worth it."""
_IN_ONE: Final = 10_000
"""Records in one part."""
_SEAL: Final = 32
_LENGTH: Final = 4
_UNJUDGED: Final = -1
_TRACED, _OUTLINED = 1, 2
_INDEX: Final = "i"
_FLAGS: Final = "B"


@dataclass(frozen=True, slots=True)
class Restored:
    """What a start made of what was kept: the fold of the first `count` records stored."""

    history: History
    progress: Progress
    count: int


@dataclass(frozen=True, slots=True)
class _Part:
    """One part as it was kept, its seal looked at."""

    seal: bytes
    head: Mapping[str, Any]
    columns: bytes
    first: array[int]
    second: array[int]
    flags: array[int]

    @property
    def verdicts(self) -> list[Verdict]:
        """The verdicts to which the columns point."""
        return [Verdict(*each) for each in self.head["verdicts"]]


class _Everywhere:
    """Every circle."""

    def __contains__(self, _: object) -> bool:
        return True


def restored(
    reading: Reading, instrument: Instrument, custodian: FindCustodian, rows: Sequence[RowBytes]
) -> Restored | None:
    """The fold as it was kept; None where nothing is kept that fits.

    Args:
        rows: all records of the agreement.

    Cost: a fifth of reading and judging them.
    """
    try:
        return _restored(_parts(reading, instrument.id), instrument, custodian, rows)
    except (AlliedError, ValueError, LookupError, TypeError):
        return None  # it is sealed by this node: so another release wrote it, or it has a fault


def keep_due(node: Node) -> int:
    """Keep the folds of agreements that have grown enough since.

    Returns:
        How many parts were written.
    """
    written = 0
    with node.store.read() as reading:
        due = [
            (row.id, folded)
            for row in reading.agreements()
            if is_due(folded := node.folds.of(reading, row.id), node.folds.covered(row.id))
        ]
        made = {
            agreement: _made(reading, folded, afresh=not node.folds.covered(agreement))
            for agreement, folded in due
        }
    for agreement, folded in due:
        after, seal, parts = made[agreement]
        with node.store.write() as writing:
            stands = [raw[:_SEAL] for raw in writing.kept_folds(agreement)]
            # Another process may have kept more meanwhile; it is as right as we are.
            if stands[after - 1 : after] == ([seal] if after else []):
                writing.keep_fold(agreement, after, parts)
                written += len(parts)
        node.folds.cover(agreement, len(folded.history.order))
    return written


def is_due(folded: Folded, covered: int) -> bool:
    """Whether a fold is worth keeping.

    Args:
        covered: how many records in order are in what is kept and fits.
    """
    count = len(folded.history.order)
    return abs(count - covered) >= max(EVERY, count // _PART)


# --- reading ----------------------------------------------------------------------------


def _parts(reading: Reading, agreement: AgreementId) -> list[_Part]:
    """The parts that fit together, as far as one of them says how the fold stood at its end."""
    key = reading.secret(FORMAT)
    found: list[_Part] = []
    before = ""
    for raw in reading.kept_folds(agreement):
        seal = hashlib.blake2b(raw[_SEAL:], key=key, digest_size=_SEAL).digest()
        if not hmac.compare_digest(seal, raw[:_SEAL]):
            break
        part = _part(seal, raw)
        named = {name: part.head[name] for name in ("format", "program", "agreement", "before")}
        if named != _named(agreement, before):
            break
        found.append(part)
        before = seal.hex()
    while found and found[-1].head["end"] is None:
        found.pop()
    return found


def _part(seal: bytes, raw: bytes) -> _Part:
    at = _SEAL + _LENGTH
    end = at + int.from_bytes(raw[_SEAL:at], "big")
    head = orjson.loads(raw[at:end])
    columns: list[array[int]] = []
    at = end
    for code in (_INDEX, _INDEX, _FLAGS):
        column = array(code)
        end = at + column.itemsize * head["columns"]["records"]
        column.frombytes(raw[at:end])
        columns.append(column)
        at = end
    return _Part(seal, head, raw[at:], *columns)


def _named(agreement: AgreementId, before: str) -> dict[str, str]:
    return {
        "format": FORMAT,
        "program": f"{__version__} {FOLD}",
        "agreement": agreement,
        "before": before,
    }


def _restored(
    parts: Sequence[_Part],
    instrument: Instrument,
    custodian: FindCustodian,
    rows: Sequence[RowBytes],
) -> Restored | None:
    records: list[Record] = []
    first: dict[RecordId, Verdict] = {}
    second: dict[RecordId, Verdict] = {}
    traced: set[RecordId] = set()
    for part in parts:
        its = rows[len(records) : len(records) + len(part.first)]
        ids = ids_in(part.head["columns"], part.columns)
        if [row[1] for row in its] != ids or _digest(its) != part.head["digest"]:
            return None
        records += unpacked(part.head["columns"], part.columns, [row[2] for row in its])
        verdicts = part.verdicts
        for judged, column in ((first, part.first), (second, part.second)):
            judged.update(
                (record, verdicts[at]) for record, at in zip(ids, column, strict=True) if at >= 0
            )
        traced.update(
            record for record, flag in zip(ids, part.flags, strict=True) if flag & _TRACED
        )
    if not records:
        return None
    end = parts[-1].head["end"]
    past = history(records, instrument.circles.size)
    known = (
        Before(first, traced, _lines(end["lines"])),
        Before(second, traced, _lines(end["lines_cut"])),
    )
    progress = begun(instrument, past, custodian, known)
    if _end(past, progress) != end:
        return None
    return Restored(past, progress, len(records))


def _lines(spelled: Sequence[Sequence[Any]]) -> dict[ChainKey, bytes]:
    return {ChainKey(*chain): bytes.fromhex(line) for *chain, line in spelled}


# --- writing ----------------------------------------------------------------------------


def _made(reading: Reading, folded: Folded, *, afresh: bool) -> tuple[int, bytes, list[bytes]]:
    """What is to be kept now: behind how many parts, the seal of the last of these, and parts.

    Args:
        afresh: what is there did not fit when it was looked at, or was not looked at.
    """
    if folded.progress is None:
        return 0, b"", []
    key = reading.secret(FORMAT)
    kept: list[_Part] = []
    rows = reading.record_bytes(folded.row.id)
    if not _are_of(rows, folded.history):
        return 0, b"", []
    at = 0
    for part in () if afresh else _parts(reading, folded.row.id):
        its = rows[at : at + len(part.first)]
        if not _fits(part, its, folded.progress):
            break
        kept.append(part)
        at += len(its)
    seal = kept[-1].seal if kept else b""
    before, parts = seal, []
    for start in range(at, len(rows), _IN_ONE):
        its = rows[start : start + _IN_ONE]
        last = start + _IN_ONE >= len(rows)
        raw = _written(folded, its, before, ends=last)
        before = hashlib.blake2b(raw, key=key, digest_size=_SEAL).digest()
        parts.append(before + raw)
    return len(kept), seal, parts


def _are_of(rows: Sequence[RowBytes], past: History) -> bool:
    """Whether the store holds the very bytes that were folded; a disk may have spoilt some."""
    held = (past.get(record) for _, record, _ in rows)
    return all(
        each is not None and each.raw == raw for each, (_, _, raw) in zip(held, rows, strict=True)
    )


def _fits(part: _Part, rows: Sequence[RowBytes], progress: Progress) -> bool:
    """Whether records were kept as they are, and are worth what they were."""
    ids = ids_in(part.head["columns"], part.columns)
    if [row[1] for row in rows] != ids or _digest(rows) != part.head["digest"]:
        return False
    verdicts: list[Verdict | None] = [*part.verdicts, None]  # which is what -1 points to
    first, second = progress.first, progress.second or progress.first
    for record, one, two, flag in zip(ids, part.first, part.second, part.flags, strict=True):
        if verdicts[one] != first.verdicts.get(record):
            return False
        if one != two and progress.second is None:
            return False
        if verdicts[two] != second.verdicts.get(record):
            return False
        if bool(flag & _OUTLINED) != (record in first.outlined):
            return False
    return True


def _written(folded: Folded, rows: Sequence[RowBytes], before: bytes, *, ends: bool) -> bytes:
    progress = folded.progress
    if progress is None:
        raise AssertionError("a fold without its judging is not kept")
    first, second = progress.first, progress.second or progress.first
    traced = first.traced | second.traced
    known: dict[Verdict, int] = {}
    columns = (array(_INDEX), array(_INDEX), array(_FLAGS))
    records = [_held(folded.history, row[1]) for row in rows]
    for record in records:
        for column, judging in zip(columns, (first, second), strict=False):
            verdict = judging.verdicts.get(record.id)
            found = _UNJUDGED if verdict is None else known.setdefault(verdict, len(known))
            column.append(found)
        flag = _TRACED if leaves_trace(record, traced) else 0
        columns[2].append(flag | (_OUTLINED if is_outline(record) else 0))
    names, packed_columns = packed(records)
    head = {
        **_named(folded.row.id, before.hex()),
        "digest": _digest(rows),
        "columns": names,
        "verdicts": [[each.effect, each.code, each.reason] for each in known],
        "end": _end(folded.history, progress) if ends else None,
    }
    said = orjson.dumps(head)
    size = len(said).to_bytes(_LENGTH, "big")
    return b"".join((size, said, *(each.tobytes() for each in columns), packed_columns))


def _held(past: History, record: RecordId) -> Record:
    found = past.get(record)
    if found is None:
        raise AssertionError("a stored record is not in the history")
    return found


def _digest(rows: Sequence[RowBytes]) -> str:
    """Over rows, ids and bytes of records, in this order."""
    taken = hashlib.sha256()
    taken.update(b"".join(row[2] for row in rows))
    taken.update(orjson.dumps([(row, record, len(raw)) for row, record, raw in rows]))
    return taken.hexdigest()


def _end(past: History, progress: Progress) -> dict[str, Any]:
    return {
        "lines": _spelled(progress.first),
        "lines_cut": _spelled(progress.second or progress.first),
        "state": state_digest(past, progress.state, _Everywhere()),
    }


def _spelled(judging: Judging) -> list[list[Any]]:
    return [[*chain, line.hex()] for chain, line in sorted(judging.lines.items())]
