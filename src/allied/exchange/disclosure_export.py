"""A disclosure ledger as a file: every row, checked against what its keeper has signed.

A proof shows one row (`disclosure_proof`); this shows all of them, of one agreement or of the
whole ledger, to somebody whom the keeper trusts with that: an auditor. It is read line by line
with memory for the hashes of one day, whatever its length.

Words used here:
    whole      all agreements, with the rows' places: the keeper's chain is checked as well
    narrowed   one agreement; nothing is said about the rows of others, not even how many
    awaiting   rows since the last commitment: nothing that was signed vouches for them yet

The lines, each canonical JSON: who keeps the ledger; its commitments, agreement by agreement,
each with what its salts follow from; the rows, in their order; an end with their
number and the digest of all bytes before it.

Rules. A line is bounded before it is read. Every commitment is about the rows that follow on
those of the one before it; a row too many, too few or changed makes another root. A file that
ends early is refused, never half-believed.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from allied.errors import MalformedError, UnverifiedError
from allied.exchange.disclosure import (
    KIND,
    MAX_ROWS,
    Commit,
    Disclosed,
    Place,
    Salts,
    commitment_to,
    leaf_of,
    read_salt,
    row_hash,
)
from allied.exchange.disclosure_proof import (
    Signed,
    damaged,
    open_signed,
    read_bytes,
    read_chain,
    require_start,
)
from allied.exchange.witness import RESTARTED, witnessed
from allied.record import merkle
from allied.record.canonical import Json, decode, encode
from allied.record.identity import open_chain
from allied.record.ids import AgreementId, Digest, OrganisationId, digest_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from allied.record.ids import RecordId
    from allied.record.record import Record

FORMAT: Final = "ledger-export/1"
MAX_LINE: Final = 8 * 2**20
MAX_ROOTS: Final = 200_000
_START: Final = b'{"allied":"ledger-export/'
_NONE: Final = Digest("0" * 64)
UNMARKED: Final = Digest("")
"""The mark of a row that is not committed to yet."""
_SECRET: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Opened:
    """A commitment with what opens it: its record, the number of rows, where salts come from."""

    record: bytes
    count: int
    salts: Salts


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export shows, all of it verified.

    Attributes:
        agreement: the one that it is narrowed to; None for the whole ledger.
        rows: how many there are.
        awaiting: how many of them are not committed to yet.
        roots: how many commitments there are.
        through: the last day that any of them is about; None before the first.
        restarted: how often a ledger was begun anew; what was before is not here.
        commitments: the record of each, with its agreement. A file could leave out the last
            ones; whoever holds them (`node.witness`) notices.
    """

    keeper: OrganisationId
    keeper_name: str
    agreement: AgreementId | None
    rows: int
    awaiting: int
    roots: int
    through: date | None
    restarted: int
    last_at: datetime | None
    commitments: tuple[tuple[AgreementId, RecordId], ...]


# --- writing ----------------------------------------------------------------------------------


def written(
    identity: Sequence[bytes],
    agreement: AgreementId | None,
    roots: Iterable[Opened],
    rows: Iterable[tuple[Disclosed, Place | Digest]],
) -> Iterator[bytes]:
    """The lines of an export.

    Args:
        identity: the keeper's chain.
        agreement: what it is narrowed to.
        roots: agreement by agreement, each in order.
        rows: in order, with their place in a whole export, with their mark (or `UNMARKED`) in
            a narrowed one.
    """
    hashed = hashlib.sha256()
    count = 0

    def line(value: Json) -> bytes:
        raw = encode(value) + b"\n"
        hashed.update(raw)
        return raw

    keeper = [_text(each) for each in identity]
    yield line({"allied": FORMAT, "keeper": keeper, "under": agreement})
    for each in roots:
        salts = each.salts
        yield line(
            {
                "count": each.count,
                "leaf": salts.leaf.hex(),
                "mark": None if agreement else salts.mark.hex(),
                "record": _text(each.record),
                "salt": salts.root.hex(),
            }
        )
    for row, where in rows:
        count += 1
        if isinstance(where, Place):
            place: Json = [where.seq, where.class_id, where.first, where.last, where.previous]
            yield line({"place": place, "row": row.to_json()})
        else:
            yield line({"mark": where, "row": row.to_json()})
    yield encode({"digest": hashed.hexdigest(), "rows": count}) + b"\n"


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


# --- reading ----------------------------------------------------------------------------------


def verify(chunks: Iterable[bytes]) -> Exported:
    """Check an export, read once from its start.

    Args:
        chunks: the bytes of the file, in pieces of any size.

    Raises:
        MalformedError: `ledger.not-an-export`, `ledger.unknown-format`; `ledger.too-large`, a
            line or the number of commitments is past what is read.
        UnverifiedError: `ledger.damaged`, cut off or changed; `ledger.not-signed`;
            `ledger.other-agreement`; `ledger.not-in-root`, rows are not those that were
            committed to; `ledger.broken`, a row does not follow on the one before;
            `ledger.contradiction`, the commitments do not go together.
    """
    checking = _Checking()
    for raw in _lines(chunks):
        checking.take(raw)
    return checking.finished()


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines, without their ends; what stands behind the last end is one more."""
    rest = b""
    started = False
    for chunk in chunks:
        rest += chunk
        if not started and (len(rest) >= len(_START) + 2 or b"\n" in rest):
            require_start(rest, _START, FORMAT, _foreign())
            started = True
        *whole, rest = rest.split(b"\n")
        yield from whole
        if len(rest) > MAX_LINE:
            raise _too_large()
    if not started:
        require_start(rest, _START, FORMAT, _foreign())
    if rest or not started:
        raise damaged()


def _foreign() -> MalformedError:
    return MalformedError("ledger.not-an-export", "this is no export of a ledger")


@dataclass(slots=True)
class _Under:
    """One agreement: its commitments, and the leaves of the one that is being filled."""

    roots: list[tuple[Commit, int, Salts]] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    at: int = 0
    leaves: list[bytes] = field(default_factory=list)


@dataclass(slots=True)
class _Checking:
    """The check under way; becomes an `Exported`."""

    identity: tuple[bytes, ...] = ()
    keeper: OrganisationId | None = None
    name: str = ""
    agreement: AgreementId | None = None
    under: dict[AgreementId, _Under] = field(default_factory=dict)
    roots: int = 0
    rows: int = 0
    awaiting: int = 0
    seq: int = 0
    previous: Digest = _NONE
    last_at: datetime | None = None
    ended: bool = False
    hashed: hashlib._Hash = field(default_factory=hashlib.sha256)

    def take(self, raw: bytes) -> None:
        """One more line."""
        if self.ended:
            raise damaged()
        try:
            value = decode(raw, limit=MAX_LINE)
        except MalformedError as broken:
            raise damaged() from broken
        if not isinstance(value, Mapping):
            raise damaged()
        if value.keys() == {"digest", "rows"}:
            if value != {"digest": self.hashed.hexdigest(), "rows": self.rows}:
                raise damaged()
            self.ended = True
            return
        self.hashed.update(raw + b"\n")
        try:
            self._take(value)
        except MalformedError as broken:
            if broken.code.startswith("ledger.too-"):
                raise
            raise damaged() from broken

    def _take(self, value: Mapping[str, Json]) -> None:
        if self.keeper is None:
            self._head(value)
        elif "record" in value and self.rows == 0:
            self._root(value)
        elif "row" in value:
            self._row(value)
        else:
            raise damaged()

    def _head(self, value: Mapping[str, Json]) -> None:
        if value.keys() != {"allied", "keeper", "under"} or value["allied"] != FORMAT:
            raise damaged()
        self.identity = read_chain(value["keeper"])
        under = value["under"]
        self.agreement = None if under is None else AgreementId(digest_text(under, "an agreement"))
        try:
            identity = open_chain(self.identity)
        except (MalformedError, UnverifiedError) as broken:
            raise UnverifiedError(
                "ledger.not-signed", "a signature in the file does not hold"
            ) from broken
        self.keeper, self.name = identity.id, identity.current.name

    def _root(self, value: Mapping[str, Json]) -> None:
        if value.keys() != {"count", "leaf", "mark", "record", "salt"}:
            raise damaged()
        self.roots += 1
        if self.roots > MAX_ROOTS:
            raise _too_large()
        count = value["count"]
        if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= MAX_ROWS:
            raise damaged()
        mark = value["mark"]
        if (mark is None) != (self.agreement is not None):
            raise damaged()
        salts = Salts(
            leaf=_secret(value["leaf"]),
            mark=b"" if mark is None else _secret(mark),
            root=read_salt(value["salt"]),
        )
        _, record = open_signed(Signed(read_bytes(value["record"]), self.identity))
        if record.header.kind != KIND:
            raise UnverifiedError("ledger.not-signed", "what was signed is something else")
        agreement = record.header.agreement
        if self.agreement not in (None, agreement):
            raise _other_agreement()
        under = self.under.setdefault(agreement, _Under())
        under.roots.append((Commit.read(record.body), count, salts))
        under.records.append(record)

    def _row(self, value: Mapping[str, Json]) -> None:
        row = Disclosed.read(value["row"])
        if row.organisation != self.keeper or self.agreement not in (None, row.agreement):
            raise _other_agreement()
        under = self.under.setdefault(row.agreement, _Under())
        if self.rows == 0:
            for each in self.under.values():
                self._close_full(each)
        self.rows += 1
        self.last_at = row.at
        hashed = self._chained(row, value) if self.agreement is None else None
        if under.at == len(under.roots):
            self.awaiting += 1
            return
        _, _, salts = under.roots[under.at]
        index = len(under.leaves)
        if hashed is None:
            if value.keys() != {"mark", "row"}:
                raise damaged()
            mark = Digest(digest_text(value["mark"], "a mark"))
        else:
            mark = salts.mark_of(index, hashed)
        under.leaves.append(leaf_of(row, mark, salts.salt_of(index)))
        self._close_full(under)

    def _chained(self, row: Disclosed, value: Mapping[str, Json]) -> Digest:
        """The row's hash; it has to follow on the row before."""
        place = value.get("place")
        if value.keys() != {"place", "row"} or not isinstance(place, list) or len(place) != 5:
            raise damaged()
        *numbers, previous = place
        if any(not isinstance(each, int) or isinstance(each, bool) for each in numbers):
            raise damaged()
        seq, class_id, first, last = (int(each) for each in numbers)
        if seq != self.seq + 1 or previous != self.previous:
            raise UnverifiedError(
                "ledger.broken",
                f"row {self.seq + 1} of the disclosure ledger does not follow on the one before",
                facts={"row": self.seq + 1},
            )
        hashed = row_hash(row, Place(seq, class_id, first, last, self.previous))
        self.seq, self.previous = seq, hashed
        return hashed

    def _close_full(self, under: _Under) -> None:
        """Hold every commitment whose rows are all here against them."""
        while under.at < len(under.roots) and len(under.leaves) == under.roots[under.at][1]:
            commit, count, salts = under.roots[under.at]
            found = commitment_to(merkle.root(under.leaves), count, salts.root)
            if found != commit.commitment:
                raise _not_in_root()
            under.at, under.leaves = under.at + 1, []

    def finished(self) -> Exported:
        """What was shown, if all of it was."""
        if not self.ended or self.keeper is None:
            raise damaged()
        restarted = 0
        through: date | None = None
        for under in self.under.values():
            self._close_full(under)
            if under.at < len(under.roots):
                raise _not_in_root()
            found = witnessed(self.keeper, under.records)
            if any(each.kind != RESTARTED for each in found.troubles):
                raise UnverifiedError(
                    "ledger.contradiction", "the commitments in the file do not go together"
                )
            restarted += len(found.troubles)
            for each in found.roots:
                through = max(through or each.through, each.through)
        return Exported(
            keeper=self.keeper,
            keeper_name=self.name,
            agreement=self.agreement,
            rows=self.rows,
            awaiting=self.awaiting,
            roots=self.roots,
            through=through,
            restarted=restarted,
            last_at=self.last_at,
            commitments=tuple(
                (agreement, record.id)
                for agreement, under in sorted(self.under.items())
                for record in under.records
            ),
        )


def _secret(value: Json) -> bytes:
    if isinstance(value, str) and _SECRET.fullmatch(value):
        return bytes.fromhex(value)
    raise damaged()


def _too_large() -> MalformedError:
    return MalformedError(
        "ledger.too-large",
        "the file holds more than is read of an export",
        facts={"line": MAX_LINE, "roots": MAX_ROOTS},
    )


def _other_agreement() -> UnverifiedError:
    return UnverifiedError(
        "ledger.other-agreement", "the file holds what belongs to another ledger"
    )


def _not_in_root() -> UnverifiedError:
    return UnverifiedError(
        "ledger.not-in-root", "the rows are not those that the keeper has committed to"
    )
