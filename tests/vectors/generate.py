"""Write the test vectors of the record formats, always the same, from fixed seeds.

    python -m tests.vectors.generate

Other implementations may use them; docs/reference/records.md says what each file holds.
`tests/record/test_vectors.py` checks that the files are current and that the program
agrees with every one of them. The seeds are published, so no key here protects anything.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import orjson

from allied.errors import AlliedError
from allied.record import (
    blob,
    canonical,
    circle,
    envelope,
    fork,
    history,
    identity,
    merkle,
    record,
)
from allied.record.envelope import DESCRIPTOR_TYPE, RECORD_TYPE
from allied.record.keys import PrivateKey, PublicKey, derive_seed
from allied.record.record import Dep, Record
from tests.record.cast import (
    AGREEMENT,
    CIRCLES,
    HARBOUR,
    NONCE,
    NORTHGATE,
    PARTIES,
    RIVER,
    SEED,
    VERSION,
    Organisation,
    Pen,
    cited,
    founded,
    key,
    nobody,
)

FOLDER: Final = Path(__file__).parent
Case = dict[str, Any]

_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def refusal(of: Callable[..., object], *arguments: object) -> str:
    """The code with which `of` refuses `arguments`."""
    try:
        of(*arguments)
    except AlliedError as error:
        return error.code
    raise AssertionError("a bad vector is accepted")


def canonical_cases() -> Mapping[str, Any]:
    values: dict[str, Any] = {
        "null": None,
        "an empty object": {},
        "keys are sorted": {"b": 1, "a": 2, "A": 3, "": 4},
        "keys are sorted by UTF-16 code unit": {"\ufb33": 1, "\U0001f600": 2, "é": 3},
        "the largest integers": [2**53 - 1, -(2**53) + 1, 0],
        "the shortest escapes": '"\\\b\f\n\r\t\x00\x1f/\x7f\u2028é😀',
        "lists and objects": {"list": [[], [1], {"a": [True, False, None]}]},
    }
    bad = {
        "a space": b'{"a": 1}',
        "keys not sorted": b'{"b":1,"a":2}',
        "a key twice": b'{"a":1,"a":1}',
        "a fraction": b"1.5",
        "a fraction of nothing": b"1.0",
        "an exponent": b"1e3",
        "minus zero": b"-0",
        "an integer past 2^53 - 1": b"9007199254740992",
        "an escape nobody needs": b'"\\u0041"',
        "an escape in capitals": b'"\\u001F"',
        "an escaped slash": b'"\\/"',
        "half of a character": b'"\\ud800"',
        "not UTF-8": b'"\xff"',
        "a byte order mark": b"\xef\xbb\xbf{}",
        "two values": b"{}{}",
        "nothing": b"",
        "65 levels": b"[" * 65 + b"]" * 65,
    }
    return {
        "good": [
            {"name": name, "value": value, "canonical": canonical.encode(value).hex()}
            for name, value in values.items()
        ],
        "bad": [
            {
                "name": name,
                "raw": raw.hex(),
                "code": refusal(partial(canonical.decode, limit=1000), raw),
            }
            for name, raw in bad.items()
        ],
    }


def key_cases() -> Mapping[str, Any]:
    message = b"a message"
    signing = [PrivateKey.from_seed(alg, SEED) for alg in ("ed25519", "p256")]
    first, second = signing
    signature = second.sign(message)
    high = _P256_ORDER - int.from_bytes(signature[32:], "big")
    bad_signatures = {
        "another message": (first.public, b"another", first.sign(message)),
        "another key": (key("another").public, message, first.sign(message)),
        "another algorithm": (second.public, message, first.sign(message)),
        "the high form": (second.public, message, signature[:32] + high.to_bytes(32, "big")),
        "r and s are 0": (second.public, message, bytes(64)),
        "a byte short": (first.public, message, first.sign(message)[:-1]),
    }
    bad_keys: dict[str, Mapping[str, str]] = {
        "an ed25519 key of order 1": {"alg": "ed25519", "key": "01" + "00" * 31},
        "an ed25519 key of order 8": {
            "alg": "ed25519",
            "key": "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        },
        "an ed25519 key misspelled": {"alg": "ed25519", "key": "ee" + "ff" * 30 + "7f"},
        "a p256 key off the curve": {"alg": "p256", "key": "02" + "ff" * 32},
        "a p256 key not compressed": {"alg": "p256", "key": "04" + "11" * 64},
        "capitals": {"alg": "ed25519", "key": first.public.raw.hex().upper()},
        "an algorithm not known": {"alg": "ml-dsa-65", "key": "00" * 1952},
    }
    return {
        "good": [
            {
                "alg": each.alg,
                "seed": each.seed.hex(),
                "key": each.public.to_json(),
                "key_id": each.public.key_id,
                "message": message.hex(),
                "signature": each.sign(message).hex(),
            }
            for each in signing
        ],
        "sealing": [
            {
                "seed": SEED.hex(),
                "key": PrivateKey.from_seed("x25519", SEED).public.to_json(),
                "key_id": PrivateKey.from_seed("x25519", SEED).public.key_id,
            }
        ],
        "derived": [
            {"seed": SEED.hex(), "label": label, "derived": derive_seed(SEED, label).hex()}
            for label in ("", "River acts")
        ],
        "bad_signatures": [
            {"name": name, "key": own.to_json(), "message": text.hex(), "signature": made.hex()}
            for name, (own, text, made) in bad_signatures.items()
        ],
        "bad_keys": [
            {"name": name, "key": value, "code": refusal(PublicKey.from_json, value)}
            for name, value in bad_keys.items()
        ],
    }


def envelope_cases() -> Mapping[str, Any]:
    payload = canonical.encode({"a": "payloads"})
    one, two = key("one"), key("two", "p256")
    both = envelope.sign(RECORD_TYPE, payload, [one, two])
    stranger = envelope.Signature(key("stranger").public.key_id, b"x" * 64)
    to_come = envelope.Signature(key("to come").public.key_id, b"x" * 3309)
    first, second = both.signatures
    made = {
        "two signers": both,
        "one signer": replace(both, signatures=(second,)),
        "nobody": replace(both, signatures=()),
        "a signature that fails is passed over": replace(
            both, signatures=(replace(first, signature=b"x" * 64), second)
        ),
        "a stranger is passed over": replace(both, signatures=(stranger, *both.signatures)),
        "an algorithm to come is passed over": replace(
            both, signatures=(*both.signatures, to_come)
        ),
        "moved to another type": replace(both, payload_type=DESCRIPTOR_TYPE),
        "moved to another payload": replace(both, payload=canonical.encode({"a": "payloadt"})),
        "under each other's key id": replace(
            both, signatures=(replace(first, key=second.key), replace(second, key=first.key))
        ),
    }
    text = envelope.encode(both).decode()
    payload_text = json.loads(text)["payload"]
    bad = {
        "a space": text.replace(":[", ": [", 1),
        "a key not known": text[:-1] + ',"z":1}',
        "base64 without padding": text.replace(payload_text, payload_text.rstrip("=")),
        "a key that signs twice": envelope.encode(
            replace(both, signatures=(first, first))
        ).decode(),
    }
    keys = {each.public.key_id: each.public for each in (one, two)}
    return {
        "pae": [
            {"type": kind, "payload": raw.hex(), "pae": envelope.pae(kind, raw).hex()}
            for kind, raw in [
                ("http://example.com/HelloWorld", b"hello world"),
                ("é", b""),
                (RECORD_TYPE, payload),
            ]
        ],
        "keys": [each.to_json() for each in keys.values()],
        "good": [
            {
                "name": name,
                "envelope": envelope.encode(each).decode(),
                "digest": each.digest,
                "signers": sorted(envelope.valid_signers(each, keys)),
            }
            for name, each in made.items()
        ],
        "bad": [
            {
                "name": name,
                "envelope": raw,
                "code": refusal(partial(envelope.parse, limit=10_000), raw.encode()),
            }
            for name, raw in bad.items()
        ],
    }


def resigned(raw: bytes, kind: str, change: Callable[[Any], object], *keys: PrivateKey) -> bytes:
    """An envelope with its payload changed and signed anew."""
    value = orjson.loads(envelope.parse(raw, limit=len(raw)).payload)
    change(value)
    payload = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return envelope.encode(envelope.sign(kind, payload, keys))


def identity_cases() -> Mapping[str, Any]:
    first = founded("River")
    one = identity.open_chain([first])
    rotation = identity.rotated(
        one, acts=key("River next"), next_key=key("River next 2").public, name="River Bank plc"
    )
    recovery = identity.recovered(
        one,
        recovery=key("River recovery"),
        keys={"acts": key("River acts 3").public},
        next_key=key("River next 3").public,
        recovery_key=key("River recovery 3").public,
    )
    thief = key("thief")

    def theft(value: Any) -> None:
        value["keys"]["acts"].update(thief.public.to_json())

    good = {
        "a first descriptor": [first],
        "a p256 organisation": [founded("Harbour", "p256")],
        "a rotation": [first, rotation],
        "a recovery": [first, recovery],
    }
    bad = {
        "not from the first on": [rotation],
        "the first twice": [first, first],
        "a first nobody signed": [resigned(first, DESCRIPTOR_TYPE, lambda _: None)],
        "a first under another type": [
            resigned(first, RECORD_TYPE, lambda _: None, key("River acts"))
        ],
        "a rotation to a key not committed to": [
            first,
            resigned(rotation, DESCRIPTOR_TYPE, theft, thief),
        ],
        "signed by the committed key and carrying another": [
            first,
            resigned(rotation, DESCRIPTOR_TYPE, theft, key("River next")),
        ],
        "a rotation signed by the acts key before": [
            first,
            resigned(rotation, DESCRIPTOR_TYPE, lambda _: None, key("River acts")),
        ],
        "a recovery by a key nobody named": [
            first,
            resigned(
                recovery,
                DESCRIPTOR_TYPE,
                lambda value: value.update(recovered_with=thief.public.to_json()),
                thief,
            ),
        ],
        "an address with a password": [
            resigned(
                first,
                DESCRIPTOR_TYPE,
                lambda value: value.update(addresses=["https://u:p@river.example/"]),
                key("River acts"),
            )
        ],
    }

    def described(raws: Sequence[bytes]) -> Case:
        known = identity.open_chain(raws)
        return {
            "id": known.id,
            "fingerprint": identity.fingerprint(known.id),
            "acts": known.key("acts").key_id,
            "acts_ever": sorted(known.keys_ever("acts")),
        }

    return {
        "good": [
            {"name": name, "descriptors": [raw.decode() for raw in raws], **described(raws)}
            for name, raws in good.items()
        ],
        "bad": [
            {
                "name": name,
                "descriptors": [raw.decode() for raw in raws],
                "code": refusal(identity.open_chain, raws),
            }
            for name, raws in bad.items()
        ],
    }


def people(who: Organisation) -> Case:
    return {person: own.to_json() for person, own in who.persons.items()}


def record_cases() -> Mapping[str, Any]:
    receipt = Pen().write("receipt", {"records": [nobody()]})
    harbour = Pen(HARBOUR).write("receipt", {"records": []}, deps=[receipt])
    act = Pen().write("agreement.sign", {"genesis": AGREEMENT})
    found = envelope.parse(act.raw, limit=len(act.raw))

    def changed(change: Callable[[Any], object]) -> bytes:
        return resigned(receipt.raw, RECORD_TYPE, change, RIVER.automatic)

    def header(**values: object) -> bytes:
        return changed(lambda value: value["header"].update(values))

    own = cited(receipt).to_json()
    good = {
        "a receipt": (RIVER, receipt.raw),
        "a receipt by p256, with a dep": (HARBOUR, harbour.raw),
        "an act with a person's assertion": (RIVER, act.raw),
        "a further bad signature is passed over": (
            RIVER,
            envelope.encode(
                replace(
                    found,
                    signatures=(
                        envelope.Signature(NORTHGATE.acts.public.key_id, b"x" * 64),
                        *found.signatures,
                    ),
                )
            ),
        ),
    }
    bad = {
        "a header key not known": header(extra=1),
        "the second with none before it": header(sequence=2),
        "the first with one before it": header(previous=nobody()),
        "its own chain as a dep": header(deps=[own]),
        "a chain twice": header(
            deps=[{**own, "issuer": nobody()}, {**own, "issuer": nobody(), "sequence": 2}]
        ),
        "a time in whole seconds": header(claimed_at="2026-03-02T12:00:00Z"),
        "a kind not in the table": header(kind="hack.back"),
        "under another type": resigned(
            receipt.raw, DESCRIPTOR_TYPE, lambda _: None, RIVER.automatic
        ),
        "signed by another": resigned(
            receipt.raw, RECORD_TYPE, lambda _: None, NORTHGATE.automatic
        ),
        "a receipt signed with the key for acts": Pen(replace(RIVER, automatic=RIVER.acts))
        .write("receipt")
        .raw,
        "an act without a person": envelope.encode(replace(found, assertions=())),
        "an act of a stranger": Pen(replace(RIVER, person=NORTHGATE.person))
        .write("agreement.sign")
        .raw,
        "a person's assertion that fails": envelope.encode(
            replace(found, assertions=(replace(found.assertions[0], signature=b"x" * 64),))
        ),
        "an assertion on what is no act": envelope.encode(
            replace(
                envelope.parse(receipt.raw, limit=len(receipt.raw)), assertions=found.assertions
            )
        ),
    }

    def verified(raw: bytes, who: Organisation = RIVER) -> Record:
        read = record.read(raw)
        record.require_signed(read, who.identity, who.persons)
        return read

    return {
        "good": [
            {
                "name": name,
                "issuer": [raw.decode() for raw in who.identity.raws],
                "persons": people(who),
                "record": raw.decode(),
                "id": verified(raw, who).id,
                "payload": envelope.parse(raw, limit=len(raw)).payload.decode(),
            }
            for name, (who, raw) in good.items()
        ],
        "bad": [
            {
                "name": name,
                "issuer": [raw.decode() for raw in RIVER.identity.raws],
                "persons": people(RIVER),
                "record": raw.decode(),
                "code": refusal(verified, raw),
            }
            for name, raw in bad.items()
        ],
    }


def stories() -> Mapping[str, Sequence[Record]]:
    river, harbour, northgate = Pen(RIVER), Pen(HARBOUR), Pen(NORTHGATE)
    r1 = river.write()
    h1 = harbour.write(deps=[r1])
    n1 = northgate.write()
    r2 = river.write(deps=[h1, n1])
    branch = Pen(RIVER, written=[r1]).write("receipt", {"note": "another"})
    on_branch = Pen(HARBOUR, written=[h1]).write(deps=[branch, n1])
    later = Pen(NORTHGATE, written=[n1]).write(deps=[on_branch])
    pair = Pen(RIVER, circle=CIRCLES.pair(PARTIES[0], PARTIES[2])).write(deps=[h1])
    backwards = Pen(RIVER, written=[r1], at=Pen().at.replace(hour=11)).write()
    liar = Pen(NORTHGATE, written=[n1]).write(deps=[cited(r1)._replace(sequence=9)])
    after_liar = Pen(HARBOUR, written=[h1]).write(deps=[liar])
    again = Pen(RIVER, incarnation=1).write(deps=[r2])
    return {
        "three organisations": [r1, h1, n1, r2],
        "the same in another order, with copies": [r2, n1, r2, h1, r1, n1],
        "one missing, and who waits for it": [r1, n1, r2],
        "two circles": [r1, h1, pair],
        "another incarnation is another chain": [r1, h1, n1, r2, again],
        "one number signed twice": [r1, h1, n1, r2, branch],
        "what rests on a branch of a fork stands": [r1, h1, n1, r2, branch, on_branch, later],
        "a claimed time that runs backwards": [r1, backwards],
        "a dep that is not what it is said to be": [r1, h1, n1, liar, after_liar],
    }


def adds_up_to(records: Sequence[Record]) -> Case:
    """What a set of records adds up to, as JSON."""
    known = history.history(records)
    return {
        "order": [each.id for each in known.order],
        "parked": {at: sorted(missing) for at, missing in sorted(known.parked.items())},
        "refused": dict(sorted(known.refused.items())),
        "heads": [
            Dep(*chain, *head).to_json() for chain, head in sorted(known.heads.items())
        ],
        "frozen": [
            {"circle": chain.circle, "issuer": chain.issuer, "incarnation": chain.incarnation,
             "sequence": sequence}
            for chain, sequence in sorted(known.frozen.items())
        ],
        "aside": sorted(known.aside),
        "contested": sorted(known.contested),
        "clocks": {
            each.id: [
                [*chain, sequence] for chain, sequence in sorted(known.clock(each.id).items())
            ]
            for each in known.order
        },
    }  # fmt: skip


def chain_cases() -> Mapping[str, Any]:
    return {
        "good": [
            {
                "name": name,
                "records": [each.raw.decode() for each in records],
                **adds_up_to(records),
            }
            for name, records in stories().items()
        ]
    }


def fork_cases() -> Mapping[str, Any]:
    records = stories()["one number signed twice"]
    r1, _, _, r2, branch = records
    proof = fork.prove(r2, branch)
    issuer = [raw.decode() for raw in RIVER.identity.raws]
    found = fork.verify(proof, RIVER.identity)
    forged = Pen(replace(RIVER, automatic=NORTHGATE.automatic), written=[r1]).write()
    bad = {
        "the same record twice": fork.ForkProof(r2.raw, r2.raw),
        "two numbers": fork.ForkProof(r1.raw, r2.raw),
        "one of them forged": fork.prove(r2, forged),
        "of another issuer": fork.ForkProof(r2.raw, Pen(NORTHGATE).write().raw),
    }
    return {
        "good": [
            {
                "name": "one number signed twice",
                "issuer": issuer,
                "first": proof.first.decode(),
                "second": proof.second.decode(),
                "chain": list(found.chain),
                "sequence": found.sequence,
                "records": list(found.records),
            }
        ],
        "bad": [
            {
                "name": name,
                "issuer": issuer,
                "first": each.first.decode(),
                "second": each.second.decode(),
                "code": refusal(fork.verify, each, RIVER.identity),
            }
            for name, each in bad.items()
        ],
    }


def merkle_cases() -> Mapping[str, Any]:
    cases = []
    for size in (0, 1, 2, 3, 5, 8):
        contents = [f"leaf {number}".encode() for number in range(size)]
        leaves = [merkle.leaf(merkle.salt(SEED, at), each) for at, each in enumerate(contents)]
        tree = merkle.tree(leaves)
        cases.append(
            {
                "seed": SEED.hex(),
                "contents": [each.hex() for each in contents],
                "salts": [merkle.salt(SEED, at).hex() for at in range(size)],
                "leaves": [each.hex() for each in leaves],
                "root": tree.root.hex(),
                "paths": [[step.hex() for step in tree.path(at)] for at in range(size)],
            }
        )
    return {"good": cases}


def circle_cases() -> Mapping[str, Any]:
    good = circle.circle(AGREEMENT, PARTIES, "incident", VERSION, NONCE).to_json()
    bad: dict[str, Any] = {
        "members not sorted": {**good, "members": list(reversed(PARTIES))},
        "a member twice": {**good, "members": [PARTIES[0], PARTIES[0]]},
        "a purpose not known": {**good, "purpose": "party"},
        "a pair of three": {**good, "purpose": "pair"},
        "a key not known": {**good, "extra": 1},
    }
    standing = [
        CIRCLES.all,
        CIRCLES.voters,
        *CIRCLES.bodies.values(),
        CIRCLES.pair(PARTIES[0], PARTIES[1]),
    ]
    return {
        "good": [
            {"descriptor": each, "id": circle.circle_id(each)}
            for each in (good, *(own.to_json() for own in standing))
        ],
        "bad": [
            {"name": name, "descriptor": each, "code": refusal(circle.read, each)}
            for name, each in bad.items()
        ],
    }


def blob_cases() -> Mapping[str, Any]:
    reference, raw = blob.build(b"What happened.", "text/plain", bytes(range(16)))
    return {
        "good": [
            {
                "media": "text/plain",
                "content": b"What happened.".hex(),
                "reference": reference,
                "blob": raw.decode(),
            }
        ],
        "bad": [
            {
                "name": "another content",
                "reference": reference,
                "blob": raw.replace(b"V2hh", b"V2hi").decode(),
                "code": refusal(blob.open_blob, raw.replace(b"V2hh", b"V2hi"), reference),
            }
        ],
    }


FILES: Final[Mapping[str, Callable[[], Mapping[str, Any]]]] = {
    "canonical.json": canonical_cases,
    "keys.json": key_cases,
    "envelopes.json": envelope_cases,
    "identities.json": identity_cases,
    "records.json": record_cases,
    "chains.json": chain_cases,
    "forks.json": fork_cases,
    "merkle.json": merkle_cases,
    "circles.json": circle_cases,
    "blobs.json": blob_cases,
}


def text_of(name: str) -> str:
    """What the file `name` has to hold."""
    return json.dumps(FILES[name](), indent=1, ensure_ascii=True, sort_keys=True) + "\n"


def main() -> None:
    """Write all files."""
    for name in FILES:
        (FOLDER / name).write_text(text_of(name), encoding="ascii")


if __name__ == "__main__":
    main()
