"""Trees over salted leaves: one root for many, and a short proof for each.

The tree is shaped and hashed as in Certificate Transparency: a leaf is hashed after a
zero byte, an inner node after a one byte, and a level with an odd end hands it up
unchanged. Each leaf starts with its own 16-byte salt, so that a leaf that is withheld
cannot be guessed from its hash.

Rules. A salt always has 16 bytes, so salt and content cannot be shifted against each
other. Salts come from one seed and can be given away one by one.

Source: RFC 2104 (salts); RFC 6962, sections 2.1 and 2.1.1; RFC 9162, section 2.1.3.2
(verification).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from allied.errors import UsageError

SALT_BYTES: Final = 16
HASH_BYTES: Final = 32

_LABEL: Final = b"allied leaf/1 "
_BLOCK: Final = 64
_INNER: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))


@dataclass(frozen=True, slots=True)
class Tree:
    """Every level of a tree, leaves first; the last has one node, or none.

    Worth its memory (64 bytes a leaf) where the paths of many leaves are asked for.
    """

    levels: tuple[tuple[bytes, ...], ...]

    @property
    def root(self) -> bytes:
        """The root; that of an empty tree is the hash of no bytes."""
        top = self.levels[-1]
        return top[0] if top else hashlib.sha256(b"").digest()

    def path(self, index: int) -> tuple[bytes, ...]:
        """What has to be hashed with leaf `index`, from 0, to arrive at the root.

        Raises:
            UsageError: `merkle.index`.
        """
        if not 0 <= index < len(self.levels[0]):
            raise UsageError("merkle.index", "the tree has no such leaf")
        path: list[bytes] = []
        for level in self.levels[:-1]:
            beside = index ^ 1
            if beside < len(level):
                path.append(level[beside])
            index >>= 1
        return tuple(path)


def salt(seed: bytes, index: int) -> bytes:
    """The salt of leaf `index`, from 0, under a secret `seed` (HMAC with SHA-256)."""
    if not seed or index < 0:
        raise UsageError("merkle.salt", "salts need a seed and an index from 0")
    return hmac.digest(seed, _LABEL + index.to_bytes(8, "big"), "sha256")[:SALT_BYTES]


def salts(seed: bytes, count: int) -> list[bytes]:
    """The salts of the first `count` leaves, each as `salt` gives it.

    The key is the same for all, so both hashes of HMAC begin at the same state (RFC 2104).
    """
    if not seed:
        raise UsageError("merkle.salt", "salts need a seed and an index from 0")
    key = (seed if len(seed) <= _BLOCK else hashlib.sha256(seed).digest()).ljust(_BLOCK, b"\0")
    inner = hashlib.sha256(key.translate(_INNER) + _LABEL)
    outer = hashlib.sha256(key.translate(_OUTER))
    found = []
    for index in range(count):
        within, around = inner.copy(), outer.copy()
        within.update(index.to_bytes(8, "big"))
        around.update(within.digest())
        found.append(around.digest()[:SALT_BYTES])
    return found


def leaf(salt: bytes, content: bytes) -> bytes:
    """The hash of one leaf.

    Raises:
        UsageError: `merkle.salt`, unless `salt` has 16 bytes.
    """
    if len(salt) != SALT_BYTES:
        raise UsageError("merkle.salt", f"a salt has {SALT_BYTES} bytes")
    return hashlib.sha256(b"\0" + salt + content).digest()


def tree(leaves: Sequence[bytes]) -> Tree:
    """Build the tree over hashes made by `leaf`. Cost: one hash for each pair."""
    levels = [tuple(leaves)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        above = [
            hashlib.sha256(b"\1" + below[at] + below[at + 1]).digest()
            for at in range(0, len(below) - 1, 2)
        ]
        if len(below) % 2:
            above.append(below[-1])
        levels.append(tuple(above))
    return Tree(tuple(levels))


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over hashes made by `leaf`."""
    return tree(leaves).root


def path(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The proof of leaf `index`; for many proofs build one `tree`."""
    return tree(leaves).path(index)


def verify_path(root: bytes, leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bool:
    """Whether `leaf` stands at `index` of a tree of `size` leaves under `root`.

    Cost: one hash for each step; a path too long for `size` is false at once.
    """
    if not 0 <= index < size or len(path) > size.bit_length():
        return False
    if len(leaf) != HASH_BYTES or any(len(step) != HASH_BYTES for step in path):
        return False
    last = size - 1
    found = leaf
    for step in path:
        if last == 0:
            return False
        if index & 1 or index == last:
            found = hashlib.sha256(b"\1" + step + found).digest()
            while not index & 1 and index:
                index >>= 1
                last >>= 1
        else:
            found = hashlib.sha256(b"\1" + found + step).digest()
        index >>= 1
        last >>= 1
    return last == 0 and hmac.compare_digest(found, root)
