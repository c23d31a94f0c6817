"""What a disclosure ledger says of one release, and the roots that its keeper commits to.

The ledger is the keeper's own and nobody else sees it. Once a day the keeper signs a
*commitment* to what was added, and its partners hold that. Later it can show one row to
somebody, with a path to the commitment, and no other.

Words used here:
    row          what the ledger says of one verdict, release or recall
    day          the rows of one agreement between two commitments, in their order
    seed         the keeper's secret for one day; all its salts follow from it
    mark         the place of the row in the keeper's own hash chain, blinded
    root         of the tree over a day's rows (`record.merkle`), each with its salt
    commitment   the salted hash over root and number of rows; all that partners see
    series       a ledger that goes on; one that was lost is followed by another series

Rules that hold everywhere here. A commitment is about the rows since the one before it, and
names that one: what was once committed to is in no later commitment's power, so a ledger
cannot shrink without its keeper signing one number twice. A commitment shows neither rows nor
how many there are. What a proof shows of a row has no number of the keeper's own: neither the
row's nor the items'; and the row before it, whose hash the chain holds, stays hidden by the mark.

Source: RFC 6962 (trees). That partners hold roots: DESIGN, "Items".
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from allied.errors import MalformedError
from allied.record import merkle
from allied.record.canonical import Json, digest, encode
from allied.record.ids import (
    AgreementId,
    Digest,
    OrganisationId,
    RecordId,
    digest_text,
    is_digest,
)
from allied.record.record import instant_text, read_instant

KIND: Final = "ledger.commit"
MAX_ROWS: Final = 1_000_000
"""Rows under one commitment."""
MAX_NUMBER: Final = 1_000_000
MAX_TEXT: Final = 512
SEED_BYTES: Final = 32

_SERIES: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_SALT: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_KEYS: Final = frozenset({"before", "commitment", "number", "series", "through"})


@dataclass(frozen=True, slots=True)
class Disclosed:
    """What a proof shows of one row.

    Attributes:
        recipient: the party's label in the agreement.
        outcome: permitted, refused, released or recalled.
        art: the clause that decided, or an empty string.
        count: of how many items it speaks.
        via: the way out.
        proof: of a release the digest that the recipient's receipt names.
    """

    organisation: OrganisationId
    agreement: AgreementId
    recipient: str
    outcome: str
    code: str
    art: str
    count: int
    via: str
    proof: str
    at: datetime

    def to_json(self) -> dict[str, Json]:
        """As it is hashed and shown."""
        return {
            "agreement": self.agreement,
            "art": self.art,
            "at": instant_text(self.at),
            "code": self.code,
            "count": self.count,
            "organisation": self.organisation,
            "outcome": self.outcome,
            "proof": self.proof,
            "recipient": self.recipient,
            "via": self.via,
        }

    @classmethod
    def read(cls, value: Json) -> Disclosed:
        """Read what `to_json` writes.

        Raises:
            MalformedError: `ledger.row-form`, `record.claimed-at`, `ids.not-a-digest`.
        """
        if not isinstance(value, Mapping) or value.keys() != _ROW_KEYS:
            raise _row_form()
        texts = {name: value[name] for name in _TEXTS}
        count = value["count"]
        if any(not isinstance(each, str) or len(each) > MAX_TEXT for each in texts.values()):
            raise _row_form()
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise _row_form()
        return cls(
            organisation=OrganisationId(digest_text(value["organisation"], "an organisation")),
            agreement=AgreementId(digest_text(value["agreement"], "an agreement")),
            count=count,
            at=read_instant(value["at"]),
            **{name: str(each) for name, each in texts.items()},
        )


_TEXTS: Final = ("art", "code", "outcome", "proof", "recipient", "via")
_ROW_KEYS: Final = frozenset({"agreement", "at", "count", "organisation", *_TEXTS})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands in its keeper's chain, with the numbers that only the keeper knows.

    Attributes:
        seq: from 1, over all agreements.
        class_id, first, last: the items it speaks of, by the keeper's own numbers.
        previous: the hash of the row before; 64 zeros for the first.
    """

    seq: int
    class_id: int
    first: int
    last: int
    previous: Digest


def row_hash(row: Disclosed, place: Place) -> Digest:
    """The hash of a row in its keeper's chain: over all of it and the hash before."""
    return digest(
        encode(
            {
                **row.to_json(),
                "class": place.class_id,
                "first": place.first,
                "last": place.last,
                "previous": place.previous,
                "seq": place.seq,
            }
        )
    )


# --- a day's tree -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Salts:
    """What the salts of one day follow from.

    Attributes:
        leaf: of the salts of its rows.
        mark: of what hides their places; empty where it is not given away.
        root: the salt of the commitment itself, 16 bytes; it can go with any proof.
    """

    leaf: bytes
    mark: bytes
    root: bytes

    @classmethod
    def of(cls, seed: bytes) -> Salts:
        """All of them from the keeper's seed for the day."""
        leaf, mark, root = (
            hmac.digest(seed, b"allied ledger/1 " + use, "sha256")
            for use in (b"leaf", b"mark", b"root")
        )
        return cls(leaf, mark, root[: merkle.SALT_BYTES])

    def salt_of(self, index: int) -> bytes:
        """The salt of the day's row `index`, from 0; it can be given away."""
        return merkle.salt(self.leaf, index)

    def mark_of(self, index: int, hashed: Digest) -> Digest:
        """What stands for a row's place in the keeper's chain, whose hash there is given.

        That hash covers the one of the row before it, which somebody could guess rows by; so
        it is hidden under a secret that no proof gives away.
        """
        secret = merkle.salt(self.mark, index)
        return Digest(hmac.digest(secret, bytes.fromhex(hashed), "sha256").hex())


def leaf_of(row: Disclosed, mark: Digest, salt: bytes) -> bytes:
    """The hash of one row in its day's tree."""
    return merkle.leaf(salt, encode({"mark": mark, "row": row.to_json()}))


def commitment_to(root: bytes, count: int, salt: bytes) -> Digest:
    """What is signed: the salted hash over the root and the number of rows under it."""
    return Digest(merkle.leaf(salt, encode({"count": count, "root": root.hex()})).hex())


# --- what is signed ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Commit:
    """The body of a `ledger.commit` record.

    Attributes:
        series: 32 hex digits, drawn at random with its first commitment.
        number: from 1, without a gap within a series.
        before: the record of the number before; None for the first.
        through: the last day (UTC) that it is about.
    """

    series: str
    number: int
    before: RecordId | None
    through: date
    commitment: Digest

    def to_json(self) -> dict[str, Json]:
        """As the body of a record."""
        return {
            "before": self.before,
            "commitment": self.commitment,
            "number": self.number,
            "series": self.series,
            "through": self.through.isoformat(),
        }

    @classmethod
    def read(cls, body: Mapping[str, Json]) -> Commit:
        """Read a body.

        Raises:
            MalformedError: `ledger.commit-form`.
        """
        series, number, before = (body.get(name) for name in ("series", "number", "before"))
        through, commitment = body.get("through"), body.get("commitment")
        well_formed = (
            body.keys() == _KEYS
            and isinstance(series, str)
            and _SERIES.fullmatch(series)
            and isinstance(number, int)
            and not isinstance(number, bool)
            and 1 <= number <= MAX_NUMBER
            and (number == 1) == (before is None)
            and (before is None or is_digest(before))
            and is_digest(commitment)
        )
        if not well_formed:
            raise _commit_form()
        return cls(
            series=str(series),
            number=int(str(number)),
            before=None if before is None else RecordId(str(before)),
            through=read_day(through),
            commitment=Digest(str(commitment)),
        )


def read_day(value: object) -> date:
    """A day as `YYYY-MM-DD`, and spelled in no other way.

    Raises:
        MalformedError: `ledger.commit-form`.
    """
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise _commit_form()


def read_salt(value: object) -> bytes:
    """A salt as 32 hex digits.

    Raises:
        MalformedError: `ledger.row-form`.
    """
    if isinstance(value, str) and _SALT.fullmatch(value):
        return bytes.fromhex(value)
    raise _row_form()


def _row_form() -> MalformedError:
    return MalformedError("ledger.row-form", "this is no row of a disclosure ledger")


def _commit_form() -> MalformedError:
    return MalformedError("ledger.commit-form", "a commitment to a ledger is not of its form")
