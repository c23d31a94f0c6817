"""Trees are those of Certificate Transparency, and a proof proves one leaf at one place."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, strategies as st
from pymerkle import InmemoryTree

from allied.errors import UsageError
from allied.record import merkle

SEED = b"seed" * 8


def content(index: int) -> bytes:
    return f"clause {index}".encode()


def leaves(size: int) -> list[bytes]:
    return [merkle.leaf(merkle.salt(SEED, at), content(at)) for at in range(size)]


def oracle(size: int) -> InmemoryTree:
    tree = InmemoryTree(algorithm="sha256")
    for at in range(size):
        tree.append_entry(merkle.salt(SEED, at) + content(at))
    return tree


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33])
def test_roots_and_paths_agree_with_another_implementation(size: int) -> None:
    ours, theirs = merkle.tree(leaves(size)), oracle(size)
    assert ours.root == theirs.get_root()
    for at in range(size):
        # Its path begins with the leaf itself.
        assert list(ours.path(at)) == theirs.prove_inclusion(at + 1, size).path[1:]


def by_the_book(hashes: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, as it is written there."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    left, right = by_the_book(hashes[:split]), by_the_book(hashes[split:])
    return hashlib.sha256(b"\1" + left + right).digest()


@given(st.integers(0, 70))
def test_the_root_is_that_of_the_book(size: int) -> None:
    assert merkle.root(leaves(size)) == by_the_book(leaves(size))


@given(st.integers(1, 40), st.data())
def test_a_proof_holds_for_its_leaf_at_its_place_and_for_no_other(
    size: int, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, size - 1))
    hashes = leaves(size)
    root, path = merkle.root(hashes), merkle.path(hashes, at)
    assert merkle.verify_path(root, hashes[at], at, size, path)
    for other in range(size):
        if other != at:
            assert not merkle.verify_path(root, hashes[at], other, size, path)
            assert not merkle.verify_path(root, hashes[other], at, size, path)
    assert not merkle.verify_path(root, hashes[at], at, size, (*path, bytes(32)))
    if path:
        assert not merkle.verify_path(root, hashes[at], at, size, path[:-1])
        flipped = bytes([path[0][0] ^ 1]) + path[0][1:]
        assert not merkle.verify_path(root, hashes[at], at, size, (flipped, *path[1:]))


@pytest.mark.parametrize(
    ("index", "size", "path"),
    [
        pytest.param(-1, 1, (), id="before the first"),
        pytest.param(1, 1, (), id="after the last"),
        pytest.param(0, 0, (), id="of an empty tree"),
        pytest.param(0, 2, (b"short",), id="a step of another length"),
        pytest.param(0, 2, (bytes(32),) * 100_000, id="a path without end"),
    ],
)
def test_proofs_that_are_none(index: int, size: int, path: tuple[bytes, ...]) -> None:
    hashes = leaves(1)
    assert merkle.verify_path(hashes[0], hashes[0], 0, 1, ())  # the twin that passes
    assert not merkle.verify_path(hashes[0], hashes[0], index, size, path)


def test_an_inner_node_never_passes_for_a_leaf() -> None:
    hashes = leaves(4)
    tree = merkle.tree(hashes)
    inner = tree.levels[1]
    # Two inner nodes make the same root, but a leaf's content cannot be made to hash to one.
    assert merkle.root(inner) == tree.root
    forged = merkle.leaf(hashes[0][:16], hashes[0][16:] + hashes[1])
    assert forged != inner[0]


def test_salt_and_content_cannot_be_shifted_against_each_other() -> None:
    with pytest.raises(UsageError):
        merkle.leaf(b"s" * 15, b"content")
    with pytest.raises(UsageError):
        merkle.leaf(b"s" * 17, b"content")
    assert (
        merkle.leaf(b"s" * 16, b"content")
        == hashlib.sha256(b"\0" + b"s" * 16 + b"content").digest()
    )


@given(st.binary(min_size=1, max_size=200), st.integers(0, 40))
def test_many_salts_are_those_of_the_leaves_one_by_one(seed: bytes, count: int) -> None:
    assert merkle.salts(seed, count) == [merkle.salt(seed, at) for at in range(count)]


def test_salts_need_a_seed() -> None:
    assert merkle.salts(b"s", 1)
    with pytest.raises(UsageError):
        merkle.salts(b"", 1)


def test_salts_differ_by_seed_and_by_place() -> None:
    salts = {merkle.salt(seed, at) for seed in (b"a" * 32, b"b" * 32) for at in range(100)}
    assert len(salts) == 200
    assert all(len(each) == 16 for each in salts)


def test_a_leaf_that_is_not_there_has_no_path() -> None:
    with pytest.raises(UsageError) as refusal:
        merkle.path(leaves(3), 3)
    assert refusal.value.code == "merkle.index"
