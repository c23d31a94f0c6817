"""That an item stands in its originator's statement: the proof that travels with the item.

A statement is signed over the root of a tree (`statement`). The originator keeps the tree and
makes a proof when an item goes out; whoever gets the item keeps its proof as it came.

Words used here:
    proof    salt, place and path of one leaf, as they travel with an item
    place    the index of a leaf alone; enough where the tree is kept
    kept     what the originator has of a statement: proofs are made from it on demand

Rules that hold everywhere here. A salt comes from a secret seed. What cannot be read is
refused as `exchange.bad-proof`; whether a proof proves anything is for `statement`.

Source: RFC 6962 (trees).
"""

from __future__ import annotations

import struct
import sys
from array import array
from dataclasses import dataclass
from itertools import chain
from typing import Final

from allied.errors import MalformedError
from allied.record import merkle
from allied.record.ids import Digest

SALT_BYTES: Final = 16
_PROOF: Final = struct.Struct(">IB")
MAX_DEFINITIONS: Final = 64


@dataclass(frozen=True, slots=True)
class Proof:
    """That a leaf stands in a statement: travels with the item.

    Attributes:
        index: its place, from 0.
        salt: 16 bytes.
        path: hashes of 32 bytes from the leaf to the root.
        definitions: as in the leaf; a recipient cannot compute them.
    """

    index: int
    salt: bytes
    path: tuple[bytes, ...]
    definitions: tuple[Digest, ...] = ()

    def packed(self) -> bytes:
        """As it is stored and sent: index, number of definitions, salt, definitions, path."""
        head = _PROOF.pack(self.index, len(self.definitions))
        definitions = [bytes.fromhex(each) for each in self.definitions]
        return b"".join((head, self.salt, *definitions, *self.path))

    @classmethod
    def read(cls, packed: bytes) -> Proof:
        """Read what `packed` writes.

        Raises:
            MalformedError: `exchange.bad-proof`.
        """
        start = _PROOF.size + SALT_BYTES
        rest = len(packed) - start
        if rest < 0 or rest % 32 or rest > 32 * (MAX_DEFINITIONS + 32):
            raise _bad_proof()
        index, count = _PROOF.unpack_from(packed)
        hashes = tuple(packed[at : at + 32] for at in range(start, len(packed), 32))
        if count > min(MAX_DEFINITIONS, len(hashes)):
            raise _bad_proof()
        definitions = tuple(Digest(each.hex()) for each in hashes[:count])
        return cls(index, packed[_PROOF.size : start], hashes[count:], definitions)


@dataclass(frozen=True, slots=True)
class Kept:
    """What the originator keeps of a statement, so that it can make any of its proofs.

    A path repeats what the paths beside it hold; the tree holds each hash once.

    Attributes:
        seed: all salts follow from it; secret.
        definitions: per leaf, as in `Proof`.
        nodes: the hashes of the tree, leaves first, level by level.
    """

    seed: bytes
    definitions: tuple[tuple[Digest, ...], ...]
    nodes: bytes

    def proof(self, index: int) -> Proof:
        """The proof of one leaf.

        Raises:
            MalformedError: `exchange.bad-proof`, there is no such leaf.
        """
        return Proof.read(self.packed_proof(index))

    def packed_proof(self, index: int) -> bytes:
        """The proof of one leaf as `Proof.packed` writes it.

        Raises:
            MalformedError: as `proof`.
        """
        if not 0 <= index < len(self.definitions):
            raise _bad_proof()
        nodes, definitions = self.nodes, self.definitions[index]
        parts = [
            _PROOF.pack(index, len(definitions)),
            merkle.salt(self.seed, index),
            *map(bytes.fromhex, definitions),
        ]
        start, width, place = 0, len(self.definitions), index
        while width > 1:
            beside = place ^ 1
            if beside < width:
                at = (start + beside) << 5  # of 32 bytes each
                parts.append(nodes[at : at + 32])
            start, width, place = start + width, (width + 1) >> 1, place >> 1
        return b"".join(parts)

    def is_whole(self, root: bytes) -> bool:
        """Whether every hash is the one that follows from the leaves, up to a root.

        Cost: one hash for each pair.
        """
        size, count = merkle.HASH_BYTES, len(self.definitions)
        leaves = [self.nodes[at : at + size] for at in range(0, size * count, size)]
        found = merkle.tree(leaves)
        return found.root == root and b"".join(chain.from_iterable(found.levels)) == self.nodes

    def packed(self) -> bytes:
        """As it is stored: the seed, each list of definitions once, which leaf has which."""
        lists = {each: place for place, each in enumerate(dict.fromkeys(self.definitions))}
        whose = array("H", [lists[each] for each in self.definitions])
        parts = [_KEPT.pack(len(self.seed), len(self.definitions), len(lists)), self.seed]
        for each in lists:
            parts += [bytes([len(each)]), *map(bytes.fromhex, each)]
        return b"".join((*parts, _little(whose), self.nodes))

    @classmethod
    def read(cls, packed: bytes) -> Kept:
        """Read what `packed` writes.

        Raises:
            MalformedError: `exchange.bad-proof`.
        """
        try:
            size, count, number = _KEPT.unpack_from(packed)
            at = _KEPT.size + size
            seed = packed[_KEPT.size : at]
            lists = []
            for _ in range(number):
                end = at + 1 + 32 * packed[at]
                hashes = range(at + 1, end, 32)
                lists.append(tuple(Digest(packed[one : one + 32].hex()) for one in hashes))
                at = end
            whose = array("H")
            whose.frombytes(packed[at : at + 2 * count])
            definitions = tuple(lists[each] for each in array("H", _little(whose)))
        except (struct.error, IndexError, ValueError):
            raise _bad_proof() from None
        nodes = packed[at + 2 * count :]
        if len(definitions) != count or len(nodes) != merkle.HASH_BYTES * _nodes(count):
            raise _bad_proof()
        return cls(seed, definitions, nodes)


_KEPT: Final = struct.Struct(">BII")
_PLACE: Final = struct.Struct(">I")


def _little(numbers: array[int]) -> bytes:
    """The numbers with their low byte first, whatever machine this is."""
    if sys.byteorder == "big":
        numbers = array(numbers.typecode, numbers)
        numbers.byteswap()
    return numbers.tobytes()


def _nodes(count: int) -> int:
    """How many hashes a tree over so many leaves has."""
    total = count
    while count > 1:
        count = (count + 1) // 2
        total += count
    return total


def packed_place(index: int) -> bytes:
    """A leaf's place alone, as it stands with an item whose statement's tree is kept."""
    return _PLACE.pack(index)


def place_of(packed: bytes) -> int | None:
    """What `packed_place` was given; None for anything else, such as a whole proof."""
    return _PLACE.unpack(packed)[0] if len(packed) == _PLACE.size else None


def _bad_proof() -> MalformedError:
    return MalformedError("exchange.bad-proof", "this is no proof of an item's place")
