"""What a `key.revoke` record says: which keys count no longer, and how far they did.

What follows from it for other records is for `agreement.revocation` and `record.fork`.

Words used here:
    cut       heads of the issuer's own earlier chains in the circle of the record
    counted   the last number of an own chain that the owner stands by

Rule. A revocation rests on what it counts: its deps reach at least as far as its cut, so nobody
counts what it has not got.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from allied.errors import MalformedError
from allied.record.blob import read_reference
from allied.record.ids import KeyId, digest_text
from allied.record.record import read_deps

if TYPE_CHECKING:
    from allied.record.canonical import Json
    from allied.record.ids import CircleId, OrganisationId, RecordId
    from allied.record.record import ChainKey, Dep, Record

REVOKE: Final = "key.revoke"
MAX_KEYS: Final = 64
_KEYS: Final = frozenset({"because", "cut", "keys"})


@dataclass(frozen=True, slots=True)
class Revocation:
    """One `key.revoke` record as read.

    Attributes:
        record: which one says so.
        issuer: whose keys they are.
        keys: that count no longer.
        circle: for which it counts.
        below: it touches chains of lower incarnations than this one.
        counted: by own chain of this circle, the last number that counts.
        everywhere: it stands where all parties read, and so counts in every circle.
    """

    record: RecordId
    issuer: OrganisationId
    keys: frozenset[KeyId]
    circle: CircleId
    below: int
    counted: Mapping[ChainKey, int]
    everywhere: bool = False


def body(keys: Sequence[KeyId], cut: Sequence[Dep], because: Mapping[str, Json]) -> dict[str, Json]:
    """The body of a revocation.

    Args:
        cut: heads of own chains in the circle of the record, sorted.
        because: reference of the blob that says why.
    """
    return {
        "because": dict(because),
        "cut": [dep.to_json() for dep in cut],
        "keys": sorted(set(keys)),
    }


def read_revocation(record: Record) -> Revocation:
    """Read a `key.revoke` record.

    Raises:
        MalformedError: `key.revocation-shape`; as `read_deps` and the ids.
    """
    value, header = record.body, record.header
    if set(value) != _KEYS:
        raise _shape("a revocation has exactly the keys of its format")
    read_reference(value["because"])
    named = value["keys"]
    if not isinstance(named, list) or not 1 <= len(named) <= MAX_KEYS:
        raise _shape(f"a revocation names 1 to {MAX_KEYS} keys")
    keys = [KeyId(digest_text(each, "the id of a key")) for each in named]
    if keys != sorted(set(keys)):
        raise _shape("the keys of a revocation are not sorted, or one stands twice")
    cut = read_deps(value["cut"])
    for dep in cut:
        if dep.circle != header.circle or dep.issuer != header.issuer:
            raise _shape("a revocation counts another chain than its issuer's in its circle")
        if dep.incarnation >= header.incarnation:
            raise _shape("a revocation counts a chain that is not older than itself")
    reach = {dep.chain: dep.sequence for dep in header.deps}
    if any(reach.get(dep.chain, 0) < dep.sequence for dep in cut):
        raise _shape("a revocation counts what it does not rest on")
    return Revocation(
        record.id,
        header.issuer,
        frozenset(keys),
        header.circle,
        header.incarnation,
        {dep.chain: dep.sequence for dep in cut},
    )


def _shape(message: str) -> MalformedError:
    return MalformedError("key.revocation-shape", message)
