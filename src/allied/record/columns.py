"""Headers of many records as columns, so that they are read again at a tenth of the cost.

A record that is read again from its bytes costs as much for its body as for all else. Most of what
asks about a history asks about headers only. So these are written side by side, as numbers and
names, and a record that comes back from them reads its body when somebody asks for it.

Words used here:
    column   one value of each record, in one array
    name     a text that many records have in common; a column holds its place

Rules. Columns are written by this program on this machine and read by the same: they are no format
for others, and nobody else's bytes are read here. The records that come back are equal to those
that went in, as long as the bytes are theirs; that is for the caller to know.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from allied.errors import MalformedError
from allied.record.ids import AgreementId, Digest, KeyId, RecordId
from allied.record.kept import content_kept
from allied.record.outline import is_outline, verdict_kept
from allied.record.record import ChainKey, Dep, Header, Record

if TYPE_CHECKING:
    from allied.record.canonical import Json

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_ID_BYTES: Final = 32
# Of each column its name, and the kind of number in it.
_COLUMNS: Final = {
    "chain": "I", "sequence": "Q", "previous": "I", "key": "I", "version": "I", "kind": "I",
    "claimed_at": "q", "deps": "I", "cited": "I", "cited_chain": "I", "cited_sequence": "Q",
}  # fmt: skip
_ORDER: Final = f"{sys.byteorder} {array('I').itemsize} {array('Q').itemsize}"
_set: Final = object.__setattr__


class KeptRecord(Record):
    """A record whose body and assertions are read when they are asked for.

    Raises:
        UnverifiedError: `record.not-its-bytes`, when they are asked for and are not its own.
    """

    __slots__ = ()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Read what has not been asked for before; slots that are empty lead here."""
            if name not in {"body", "assertions"}:
                raise AttributeError(name)
            if is_outline(self):
                body, assertions = verdict_kept(self.raw), ()
            else:
                body, assertions = content_kept(self.raw, self.id)
            _set(self, "body", body)
            _set(self, "assertions", assertions)
            return body if name == "body" else assertions


def packed(records: Sequence[Record]) -> tuple[Mapping[str, Json], bytes]:
    """The headers of records of one agreement, and their ids.

    Returns:
        Names and lengths, for JSON; and the columns one behind the other.
    """
    own = {record.id: place for place, record in enumerate(records, 1)}
    names: dict[str, dict[Any, int]] = {
        each: {} for each in ("agreement", "chain", "key", "version", "kind")
    }
    columns = {name: array(code) for name, code in _COLUMNS.items()}

    def place(of: str, name: object) -> int:
        known = names[of]
        return known.setdefault(name, len(known))

    def cite(record: RecordId) -> int:
        return own.setdefault(record, len(own) + 1)

    for record in records:
        header = record.header
        place("agreement", header.agreement)
        columns["chain"].append(place("chain", header.chain))
        columns["sequence"].append(header.sequence)
        columns["previous"].append(0 if header.previous is None else cite(header.previous))
        columns["key"].append(place("key", header.key))
        columns["version"].append(place("version", header.version))
        columns["kind"].append(place("kind", header.kind))
        columns["claimed_at"].append((header.claimed_at - _EPOCH) // _MILLISECOND)
        columns["deps"].append(len(header.deps))
        for dep in header.deps:
            columns["cited"].append(cite(dep.id))
            columns["cited_chain"].append(place("chain", dep.chain))
            columns["cited_sequence"].append(dep.sequence)
    head: dict[str, Json] = {
        "order": _ORDER,
        "records": len(records),
        "ids": len(own),
        "lengths": [len(column) for column in columns.values()],
        "names": {of: [_spelled(name) for name in known] for of, known in names.items()},
    }
    ids = bytes.fromhex("".join(own))
    return head, b"".join((ids, *(column.tobytes() for column in columns.values())))


def ids_in(head: Mapping[str, Any], raw: bytes) -> list[RecordId]:
    """The ids of the records, in their order.

    Raises:
        MalformedError: `record.columns`.
    """
    return _ids(head, raw)[: head["records"]]


def unpacked(head: Mapping[str, Any], raw: bytes, envelopes: Iterable[bytes]) -> list[Record]:
    """The records again.

    Args:
        head, raw: what `packed` gave.
        envelopes: of these records, in the same order; of which the caller knows that they are
            those which were read before.

    Raises:
        MalformedError: `record.columns`: they were written on another machine, or are cut off.

    Cost: a fifth of `read_kept`.
    """
    ids: list[Any] = [None, *_ids(head, raw)]
    columns = _columns(head, raw)
    names = head["names"]
    (agreement,) = (AgreementId(each) for each in names["agreement"])
    chains = [ChainKey(*each) for each in names["chain"]]
    keys: list[KeyId] = names["key"]
    versions: list[Digest] = names["version"]
    kinds: list[str] = names["kind"]
    cited = list(
        map(
            lambda chain, sequence, record: Dep(*chains[chain], sequence, ids[record]),
            columns["cited_chain"],
            columns["cited_sequence"],
            columns["cited"],
        )
    )
    found: list[Record] = []
    at = 0
    moments: dict[int, datetime] = {}
    rows = zip(
        ids[1:], envelopes, columns["chain"], columns["sequence"], columns["previous"],
        columns["key"], columns["version"], columns["kind"], columns["claimed_at"],
        columns["deps"], strict=False,
    )  # fmt: skip
    for id_, envelope, chain_, sequence, previous, key, version, kind, moment, deps in rows:
        chain = chains[chain_]
        claimed_at = moments.get(moment)
        if claimed_at is None:
            claimed_at = moments[moment] = _EPOCH + moment * _MILLISECOND
        header = Header.__new__(Header)
        _set(header, "agreement", agreement)
        _set(header, "circle", chain.circle)
        _set(header, "issuer", chain.issuer)
        _set(header, "key", keys[key])
        _set(header, "incarnation", chain.incarnation)
        _set(header, "sequence", sequence)
        _set(header, "previous", ids[previous])
        _set(header, "deps", tuple(cited[at : at + deps]) if deps else ())
        _set(header, "version", versions[version])
        _set(header, "kind", kinds[kind])
        _set(header, "claimed_at", claimed_at)
        _set(header, "chain", chain)
        at += deps
        record = KeptRecord.__new__(KeptRecord)
        _set(record, "header", header)
        _set(record, "id", id_)
        _set(record, "raw", envelope)
        found.append(record)
    if len(found) != head["records"]:
        raise _malformed()
    return found


def _ids(head: Mapping[str, Any], raw: bytes) -> list[RecordId]:
    size = head["ids"] * _ID_BYTES
    text = raw[:size].hex()
    if len(text) != 2 * size:
        raise _malformed()
    step = 2 * _ID_BYTES
    return [RecordId(text[at : at + step]) for at in range(0, 2 * size, step)]


def _columns(head: Mapping[str, Any], raw: bytes) -> dict[str, array[int]]:
    if head["order"] != _ORDER:
        raise _malformed()
    at = head["ids"] * _ID_BYTES
    columns: dict[str, array[int]] = {}
    for (name, code), length in zip(_COLUMNS.items(), head["lengths"], strict=True):
        column = array(code)
        end = at + length * column.itemsize
        if end > len(raw):
            raise _malformed()
        column.frombytes(raw[at:end])
        columns[name] = column
        at = end
    if at != len(raw):
        raise _malformed()
    return columns


def _spelled(name: object) -> Json:
    return [*name] if isinstance(name, ChainKey) else str(name)


def _malformed() -> MalformedError:
    return MalformedError("record.columns", "columns of headers are cut off, or of another machine")
