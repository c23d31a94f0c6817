"""The published vectors are current, and the program agrees with every one of them.

What is checked here is the program against the files, not against what generates them:
another implementation would do the same.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from allied.errors import AlliedError
from allied.record import (
    blob,
    canonical,
    circle,
    envelope,
    fork,
    history,
    identity,
    keys,
    merkle,
    record,
)
from allied.record.ids import PersonId
from allied.record.keys import PrivateKey, PublicKey
from tests.vectors import generate

VECTORS: dict[str, dict[str, list[Any]]] = {
    name.removesuffix(".json"): json.loads((generate.FOLDER / name).read_text("ascii"))
    for name in generate.FILES
}


def cases(file: str, part: str = "good") -> pytest.MarkDecorator:
    """Every case of one part of one file, by its name or its number."""
    found = VECTORS[file][part]
    names = [each.get("name", str(at)) for at, each in enumerate(found)]
    return pytest.mark.parametrize("case", found, ids=names)


def assert_refused(case: Any, of: Callable[[], object]) -> None:
    with pytest.raises(AlliedError) as refusal:
        of()
    assert refusal.value.code == case["code"]


@pytest.mark.parametrize("name", sorted(generate.FILES))
def test_the_file_is_current(name: str) -> None:
    hint = "run: python -m tests.vectors.generate"
    assert (generate.FOLDER / name).read_text("ascii") == generate.text_of(name), hint


def test_no_file_is_left_unchecked() -> None:
    assert {path.name for path in generate.FOLDER.glob("*.json")} == set(generate.FILES)


@cases("canonical")
def test_canonical(case: Any) -> None:
    raw = bytes.fromhex(case["canonical"])
    assert canonical.encode(case["value"]) == raw
    assert canonical.decode(raw, limit=1000) == case["value"]


@cases("canonical", "bad")
def test_not_canonical(case: Any) -> None:
    assert_refused(case, lambda: canonical.decode(bytes.fromhex(case["raw"]), limit=1000))


@cases("keys")
def test_keys(case: Any) -> None:
    own = PrivateKey.from_seed(case["alg"], bytes.fromhex(case["seed"]))
    public = PublicKey.from_json(case["key"])
    message, signature = bytes.fromhex(case["message"]), bytes.fromhex(case["signature"])
    assert own.public == public
    assert public.key_id == case["key_id"]
    assert own.sign(message) == signature
    assert keys.verify(public, message, signature)


@cases("keys", "sealing")
def test_sealing_keys(case: Any) -> None:
    public = PrivateKey.from_seed("x25519", bytes.fromhex(case["seed"])).public
    assert public == PublicKey.from_json(case["key"])
    assert public.key_id == case["key_id"]


@cases("keys", "derived")
def test_derived_seeds(case: Any) -> None:
    assert keys.derive_seed(bytes.fromhex(case["seed"]), case["label"]).hex() == case["derived"]


@cases("keys", "bad_signatures")
def test_bad_signatures(case: Any) -> None:
    message, signature = bytes.fromhex(case["message"]), bytes.fromhex(case["signature"])
    assert not keys.verify(PublicKey.from_json(case["key"]), message, signature)


@cases("keys", "bad_keys")
def test_bad_keys(case: Any) -> None:
    assert_refused(case, lambda: PublicKey.from_json(case["key"]))


@cases("envelopes", "pae")
def test_pae(case: Any) -> None:
    assert envelope.pae(case["type"], bytes.fromhex(case["payload"])).hex() == case["pae"]


@cases("envelopes")
def test_envelopes(case: Any) -> None:
    raw = case["envelope"].encode()
    own = [PublicKey.from_json(each) for each in VECTORS["envelopes"]["keys"]]
    found = envelope.parse(raw, limit=len(raw))
    assert envelope.encode(found) == raw
    assert found.digest == case["digest"]
    signers = envelope.valid_signers(found, {each.key_id: each for each in own})
    assert sorted(signers) == case["signers"]


@cases("envelopes", "bad")
def test_bad_envelopes(case: Any) -> None:
    assert_refused(case, lambda: envelope.parse(case["envelope"].encode(), limit=10_000))


def opened(raws: list[str]) -> identity.Identity:
    return identity.open_chain([raw.encode() for raw in raws])


@cases("identities")
def test_identities(case: Any) -> None:
    known = opened(case["descriptors"])
    assert known.id == case["id"]
    assert identity.matches(case["fingerprint"], known.id)
    assert known.key("acts").key_id == case["acts"]
    assert sorted(known.keys_ever("acts")) == case["acts_ever"]


@cases("identities", "bad")
def test_bad_identities(case: Any) -> None:
    assert_refused(case, lambda: opened(case["descriptors"]))


def verified(case: Any) -> record.Record:
    found = record.read(case["record"].encode())
    persons = {PersonId(who): PublicKey.from_json(own) for who, own in case["persons"].items()}
    record.require_signed(found, opened(case["issuer"]), persons)
    return found


@cases("records")
def test_records(case: Any) -> None:
    found = verified(case)
    assert found.id == case["id"]
    assert record.payload(found.header, found.body).decode() == case["payload"]


@cases("records", "bad")
def test_bad_records(case: Any) -> None:
    assert_refused(case, lambda: verified(case))


@cases("chains")
def test_chains(case: Any) -> None:
    records = [record.read(raw.encode()) for raw in case["records"]]
    for seed in range(5):
        random.Random(seed).shuffle(records)
        found = json.loads(json.dumps(generate.adds_up_to(records)))
        assert found == {name: case[name] for name in found}
        known = history.history(records[:2]).extended(records[2:])
        assert known == history.history(records)


def proof(case: Any) -> fork.Fork:
    return fork.verify(
        fork.ForkProof(case["first"].encode(), case["second"].encode()), opened(case["issuer"])
    )


@cases("forks")
def test_forks(case: Any) -> None:
    found = proof(case)
    assert list(found.chain) == case["chain"]
    assert found.sequence == case["sequence"]
    assert list(found.records) == case["records"]


@cases("forks", "bad")
def test_bad_forks(case: Any) -> None:
    assert_refused(case, lambda: proof(case))


@cases("merkle")
def test_merkle(case: Any) -> None:
    seed, size = bytes.fromhex(case["seed"]), len(case["contents"])
    salts = [merkle.salt(seed, at) for at in range(size)]
    assert [each.hex() for each in salts] == case["salts"]
    leaves = [
        merkle.leaf(salt, bytes.fromhex(content))
        for salt, content in zip(salts, case["contents"], strict=True)
    ]
    assert [each.hex() for each in leaves] == case["leaves"]
    root = bytes.fromhex(case["root"])
    assert merkle.root(leaves) == root
    for at, steps in enumerate(case["paths"]):
        path = [bytes.fromhex(step) for step in steps]
        assert list(merkle.path(leaves, at)) == path
        assert merkle.verify_path(root, leaves[at], at, size, path)


@cases("circles")
def test_circles(case: Any) -> None:
    assert circle.read(case["descriptor"]).id == case["id"]


@cases("circles", "bad")
def test_bad_circles(case: Any) -> None:
    assert_refused(case, lambda: circle.read(case["descriptor"]))


@cases("blobs")
def test_blobs(case: Any) -> None:
    media, content = blob.open_blob(case["blob"].encode(), case["reference"])
    assert (media, content.hex()) == (case["media"], case["content"])


@cases("blobs", "bad")
def test_bad_blobs(case: Any) -> None:
    assert_refused(case, lambda: blob.open_blob(case["blob"].encode(), case["reference"]))
