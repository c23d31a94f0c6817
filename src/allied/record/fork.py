"""The proof that an organisation told two stories: two records that contradict each other.

Both bear the issuer's signature, so no third party has to be believed. There are two ways
to contradict oneself. Either two records of one chain have one number and different ids;
which of them is right is not decided here nor by any hash, people decide. Or an
organisation began a later incarnation in a circle, and its first record there, which says
by its deps how far each earlier incarnation went, says less than another record of an
earlier one shows: it goes on in two lives side by side.

An incarnation that begins with a `key.revoke` is not contradicted by what bears a key that
this names: a thief of old keys could else undo every new life of their owner. One that does
not read, and so revokes nothing, excuses nothing.

Rule: a proof is verified with nothing but the issuer's identity. The first of its two
records is the one with the lower id, so that two finders write the same proof; that
order means nothing else.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Final, NamedTuple

from allied.errors import AlliedError, MalformedError, UnverifiedError
from allied.record.canonical import Json
from allied.record.identity import Identity
from allied.record.ids import RecordId
from allied.record.kinds import RULES
from allied.record.record import MAX_ENVELOPE_BYTES, ChainKey, Record, read, require_issued
from allied.record.revocation import REVOKE, read_revocation


@dataclass(frozen=True, slots=True)
class ForkProof:
    """The envelopes of two records that contradict each other, as received."""

    first: bytes
    second: bytes

    def to_json(self) -> dict[str, Json]:
        """As it stands in the body of a `fork.proof` record, in base64."""
        return {
            "first": base64.b64encode(self.first).decode("ascii"),
            "second": base64.b64encode(self.second).decode("ascii"),
        }

    @classmethod
    def from_json(cls, value: Json) -> ForkProof:
        """Read what `to_json` writes; verifies nothing.

        Raises:
            MalformedError: `fork.shape`.
        """
        if not isinstance(value, dict) or value.keys() != {"first", "second"}:
            raise MalformedError("fork.shape", "a proof is not an object of first and second")
        return cls(_envelope(value["first"]), _envelope(value["second"]))


class Fork(NamedTuple):
    """What a proof proves.

    Attributes:
        chain: the chain that parts.
        sequence: the number that was signed twice; 1 for a later incarnation that does not
            count what an earlier one said.
        records: the two ids, sorted.
    """

    chain: ChainKey
    sequence: int
    records: tuple[RecordId, RecordId]


PROOF: Final = "fork.proof"
"""The kind of record whose body is `{"proof": ...}`, see `ForkProof.to_json`."""

_MAX_TEXT: Final = (MAX_ENVELOPE_BYTES + 2) // 3 * 4


def prove(a: Record, b: Record) -> ForkProof:
    """Make the proof out of two records, in either order.

    Raises:
        UnverifiedError: `fork.no-fork`, if they do not contradict each other.
    """
    _require_fork(a, b)
    first, second = sorted((a, b), key=lambda record: record.id)
    return ForkProof(first.raw, second.raw)


def verify(proof: ForkProof, identity: Identity, *, rules: int = RULES) -> Fork:
    """Verify a proof against the identity chain of the issuer it accuses.

    The organisation's signatures are enough: an act that lacks a person's assertion
    was still signed, and equivocation is about what the keys have signed.

    Raises:
        MalformedError: as `record.read`.
        UnverifiedError: `fork.no-fork`; as `record.require_issued`.
    """
    a, b = read(proof.first, rules=rules), read(proof.second, rules=rules)
    _require_fork(a, b)
    for record in (a, b):
        require_issued(record, identity, rules=rules)
    low, high = sorted((a.id, b.id))
    later = max(a.header, b.header, key=lambda header: header.incarnation)
    return Fork(later.chain, later.sequence, (low, high))


def carried(record: Record) -> list[bytes]:
    """The two envelopes in a `fork.proof` record, to be judged like any others.

    Only what stands in the record's own circle: nobody learns through a proof what it may not
    see. What cannot be read carries nothing.
    """
    if record.header.kind != PROOF:
        return []
    try:
        proof = ForkProof.from_json(record.body.get("proof"))
        both = [proof.first, proof.second]
        if all(read(each).header.circle == record.header.circle for each in both):
            return both
    except AlliedError:
        pass
    return []


def is_beyond(earlier: Record, opening: Record) -> bool:
    """Whether the first record of a later incarnation counts less than `earlier` shows.

    Args:
        earlier: of the same issuer in the same circle, under an earlier incarnation.
        opening: number 1 of the later one.
    """
    header = earlier.header
    counted = 0
    for dep in opening.header.deps:
        if dep[:3] == header.chain:
            counted = dep.sequence
    if header.sequence <= counted:
        return False
    if opening.header.kind != REVOKE:
        return True
    try:
        return header.key not in read_revocation(opening).keys
    except AlliedError:
        return True


def _require_fork(a: Record, b: Record) -> None:
    one, other = a.header, b.header
    if a.id != b.id and one.agreement == other.agreement and one.chain[:2] == other.chain[:2]:
        if one.incarnation == other.incarnation and one.sequence == other.sequence:
            return
        earlier, later = sorted((a, b), key=lambda record: record.header.incarnation)
        if (
            earlier.header.incarnation < later.header.incarnation
            and later.header.sequence == 1
            and is_beyond(earlier, later)
        ):
            return
    raise UnverifiedError("fork.no-fork", "two records do not contradict each other")


def _envelope(value: Json) -> bytes:
    if isinstance(value, str) and len(value) <= _MAX_TEXT:
        try:
            raw = binascii.a2b_base64(value.encode("ascii"), strict_mode=True)
        except (binascii.Error, UnicodeEncodeError):
            raw = b""
        if raw and base64.b64encode(raw).decode("ascii") == value:
            return raw
    raise MalformedError("fork.shape", "a part of a proof is not base64 in its one spelling")
