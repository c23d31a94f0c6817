"""What a key that was stolen still counts for: what its owner had counted, and no more.

A `key.revoke` record is signed with a key that the thief does not have, because it stands
in a later incarnation than everything that the stolen key can sign (`record.record`). It
says for one circle how far the owner's own chains there count. This module reads it and
says of any record whether it lies beyond.

Words used here:
    revoked   a key that a revocation of its owner names
    counted   the last number of an own chain that the owner stands by

Rules. A revocation touches only chains of lower incarnations than its own, so a stolen key
can never revoke the one that came after it. A revoked key counts in each circle up to what
the revocations in that very circle count, the lowest where several do; in a circle without
one it counts for nothing. What lies beyond is kept and shown, and has no effect.
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
    from allied.record.ids import CircleId, OrganisationId
    from allied.record.record import ChainKey, Dep, Record

REVOKE: Final = "key.revoke"
MAX_KEYS: Final = 64
_KEYS: Final = frozenset({"because", "cut", "keys"})


@dataclass(frozen=True, slots=True)
class Revocation:
    """One `key.revoke` record as read.

    Attributes:
        issuer: whose keys they are.
        keys: that count no longer.
        circle: for which it counts.
        below: it touches chains of lower incarnations than this one.
        counted: by own chain of this circle, the last number that counts.
    """

    issuer: OrganisationId
    keys: frozenset[KeyId]
    circle: CircleId
    below: int
    counted: Mapping[ChainKey, int]


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
    return Revocation(
        header.issuer,
        frozenset(keys),
        header.circle,
        header.incarnation,
        {dep.chain: dep.sequence for dep in cut},
    )


def is_beyond(record: Record, revocations: Sequence[Revocation]) -> bool:
    """Whether a key that was revoked signed `record` beyond what its owner counted.

    Args:
        revocations: of the record's issuer; others are passed over.

    Cost: one pass over them.
    """
    if not revocations:
        return False
    header = record.header
    about = [
        each
        for each in revocations
        if each.issuer == header.issuer
        and header.key in each.keys
        and header.incarnation < each.below
    ]
    if not about:
        return False
    here = [each.counted.get(header.chain, 0) for each in about if each.circle == header.circle]
    return header.sequence > min(here, default=0)


def standing_ones(found: Sequence[tuple[Record, Revocation]]) -> tuple[Revocation, ...]:
    """Those revocations that no later one takes the force from, whatever their order."""
    standing: list[Revocation] = []
    for record, revocation in sorted(found, key=lambda each: -each[1].below):
        if not is_beyond(record, standing):
            standing.append(revocation)
    return tuple(standing)


def _shape(message: str) -> MalformedError:
    return MalformedError("key.revocation-shape", message)
