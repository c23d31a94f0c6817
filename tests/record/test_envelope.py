"""Signatures cover payload and type; one that fails never blocks one that holds."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, strategies as st

from allied.errors import MalformedError, UnverifiedError
from allied.record import canonical, envelope
from allied.record.envelope import (
    ASSERTION_TYPE,
    DESCRIPTOR_TYPE,
    RECORD_TYPE,
    Assertion,
    Envelope,
    Signature,
)
from allied.record.ids import KeyId, OrganisationId, PersonId
from allied.record.keys import PublicKey
from tests.record.cast import digest_of, key

ONE, TWO, THREE = key("one"), key("two", "p256"), key("three")
KEYS = {each.public.key_id: each.public for each in (ONE, TWO, THREE)}
PERSON = PersonId("ab" * 16)
LIMIT = 100_000


def signed(payload: bytes = b"payload") -> Envelope:
    return envelope.sign(RECORD_TYPE, payload, [ONE, TWO])


def test_the_bytes_signed_are_those_of_the_standard() -> None:
    assert envelope.pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert envelope.pae("é", b"") == "DSSEv1 2 é 0 ".encode()


@given(
    payload=st.binary(max_size=200),
    count=st.integers(0, 3),
    assertions=st.lists(
        st.sampled_from(
            [
                Assertion(PERSON, "person-key", KeyId(digest_of("k")), b"s" * 64),
                Assertion(PERSON, "webauthn", KeyId(digest_of("k")), b"s" * 64, b"a" * 40, b"{}"),
            ]
        ),
        max_size=2,
    ),
)
def test_an_envelope_is_read_back(payload: bytes, count: int, assertions: list[Assertion]) -> None:
    made = envelope.sign(RECORD_TYPE, payload, [ONE, TWO, THREE][:count], assertions)
    raw = envelope.encode(made)
    assert envelope.parse(raw, limit=len(raw)) == made
    assert made.digest == hashlib.sha256(payload).hexdigest()


def test_every_signer_is_found() -> None:
    assert envelope.valid_signers(signed(), KEYS) == {ONE.public.key_id, TWO.public.key_id}


def test_a_signature_moved_to_another_type_is_refused() -> None:
    moved = replace(signed(), payload_type=DESCRIPTOR_TYPE)
    assert envelope.valid_signers(moved, KEYS) == frozenset()


def test_a_signature_moved_to_another_payload_is_refused() -> None:
    moved = replace(signed(), payload=b"payloae")
    assert envelope.valid_signers(moved, KEYS) == frozenset()


def test_a_signature_under_the_name_of_another_key_is_refused() -> None:
    first, second = signed().signatures
    swapped = (replace(first, key=second.key), replace(second, key=first.key))
    assert envelope.valid_signers(replace(signed(), signatures=swapped), KEYS) == frozenset()


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(Signature(THREE.public.key_id, b"x" * 64), id="one that fails"),
        pytest.param(Signature(THREE.public.key_id, b""), id="an empty one"),
        pytest.param(Signature(KeyId(digest_of("stranger")), b"x" * 64), id="one of a stranger"),
        pytest.param(
            Signature(KeyId(digest_of("ml-dsa")), b"x" * 3309), id="one of an algorithm to come"
        ),
    ],
)
def test_a_bad_signature_is_passed_over(bad: Signature) -> None:
    good = signed()
    for signatures in ((bad, *good.signatures), (*good.signatures, bad)):
        raw = envelope.encode(replace(good, signatures=signatures))
        found = envelope.valid_signers(envelope.parse(raw, limit=LIMIT), KEYS)
        assert found == {ONE.public.key_id, TWO.public.key_id}


def test_a_key_that_stands_under_the_id_of_another_is_refused() -> None:
    with pytest.raises(UnverifiedError) as refusal:
        envelope.valid_signers(signed(), {TWO.public.key_id: ONE.public})
    assert refusal.value.code == "envelope.key-id"


@pytest.mark.parametrize(
    ("keys", "count"),
    [
        pytest.param({"a": [ONE], "b": [TWO]}, 2, id="two organisations with a key each"),
        pytest.param({"a": [ONE, TWO]}, 1, id="one organisation with two keys is one"),
        pytest.param({"a": [ONE], "b": [THREE]}, 1, id="one that did not sign is none"),
        pytest.param({"a": []}, 0, id="one without keys is none"),
    ],
)
def test_organisations_are_counted_not_keys(keys: dict[str, list[Any]], count: int) -> None:
    known: dict[OrganisationId, dict[KeyId, PublicKey]] = {
        OrganisationId(name): {each.public.key_id: each.public for each in own}
        for name, own in keys.items()
    }
    assert len(envelope.organisations(signed(), known)) == count


@given(st.data())
def test_any_flipped_byte_of_an_envelope_is_refused(data: st.DataObject) -> None:
    raw = bytearray(envelope.encode(envelope.sign(RECORD_TYPE, b'{"a":"payload"}', [ONE])))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        changed = envelope.parse(bytes(raw), limit=LIMIT)
    except MalformedError:
        return
    assert envelope.valid_signers(changed, KEYS) == frozenset()


def test_every_single_bit_of_an_envelope_counts() -> None:
    raw = envelope.encode(envelope.sign(RECORD_TYPE, b"{}", [ONE]))
    assert envelope.valid_signers(envelope.parse(raw, limit=LIMIT), KEYS)  # the twin that passes
    for at in range(len(raw)):
        for bit in range(8):
            flipped = bytearray(raw)
            flipped[at] ^= 1 << bit
            try:
                changed = envelope.parse(bytes(flipped), limit=LIMIT)
            except MalformedError:
                continue
            assert not envelope.valid_signers(changed, KEYS)


def shape(change: Callable[[dict[str, Any]], object]) -> bytes:
    value = json.loads(envelope.encode(signed()))
    change(value)
    return canonical.encode(value)


def assertion_json(**changes: object) -> dict[str, object]:
    plain: dict[str, object] = {
        "key": digest_of("k"), "person": PERSON, "scheme": "person-key", "sig": "AAAA",
    }  # fmt: skip
    return plain | changes


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"[]", id="no object"),
        pytest.param(shape(lambda v: v.pop("payload")), id="no payload"),
        pytest.param(shape(lambda v: v.update(extra=1)), id="a key not known"),
        pytest.param(shape(lambda v: v.update(payload=5)), id="a payload that is no text"),
        pytest.param(shape(lambda v: v.update(payload="e30")), id="base64 without padding"),
        pytest.param(shape(lambda v: v.update(payload="e31=")), id="base64 with loose bits"),
        pytest.param(shape(lambda v: v.update(payload="e3 0=")), id="base64 with a space"),
        pytest.param(shape(lambda v: v.update(payload="_-8=")), id="base64 of URLs"),
        pytest.param(shape(lambda v: v.update(payloadType="")), id="an empty type"),
        pytest.param(shape(lambda v: v.update(payloadType="é")), id="a type beyond ASCII"),
        pytest.param(shape(lambda v: v.update(payloadType="a" * 129)), id="a long type"),
        pytest.param(shape(lambda v: v.update(signatures={})), id="signatures that are no list"),
        pytest.param(shape(lambda v: v["signatures"].append(1)), id="a signature that is 1"),
        pytest.param(
            shape(lambda v: v["signatures"][0].update(alg="none")), id="a signature with more keys"
        ),
        pytest.param(
            shape(lambda v: v["signatures"].append(v["signatures"][0])), id="a key that signs twice"
        ),
        pytest.param(
            shape(lambda v: v["signatures"][0].update(sig="A" * 10924)), id="a long signature"
        ),
        pytest.param(
            shape(
                lambda v: v.update(
                    signatures=[{"keyid": f"{n:064x}", "sig": ""} for n in range(257)]
                )
            ),
            id="257 signatures",
        ),
        pytest.param(shape(lambda v: v.update(assertions=[])), id="no assertion, and said so"),
        pytest.param(
            shape(lambda v: v.update(assertions=[assertion_json()] * 17)), id="17 assertions"
        ),
        pytest.param(
            shape(lambda v: v.update(assertions=["yes"])), id="an assertion that is a text"
        ),
        pytest.param(
            shape(lambda v: v.update(assertions=[assertion_json(scheme="pin")])),
            id="a scheme not known",
        ),
        pytest.param(
            shape(lambda v: v.update(assertions=[assertion_json(client="")])),
            id="client data with a person key",
        ),
        pytest.param(
            shape(lambda v: v.update(assertions=[assertion_json(scheme="webauthn")])),
            id="webauthn without client data",
        ),
    ],
)
def test_shapes_that_are_refused(raw: bytes) -> None:
    with pytest.raises(MalformedError) as refusal:
        envelope.parse(raw, limit=LIMIT)
    assert refusal.value.code == "envelope.shape"


def test_the_largest_that_may_be_is_read() -> None:
    raw = shape(
        lambda v: v.update(
            signatures=[{"keyid": f"{n:064x}", "sig": ""} for n in range(256)],
            assertions=[assertion_json()] * 16,
        )
    )
    assert len(envelope.parse(raw, limit=LIMIT).signatures) == 256


PEOPLE = {PERSON: THREE.public}


def acted(assertion: Assertion) -> frozenset[PersonId]:
    return envelope.assented(envelope.sign(RECORD_TYPE, b"payload", [ONE], [assertion]), PEOPLE)


def test_a_person_assents() -> None:
    assert acted(envelope.assent(RECORD_TYPE, b"payload", PERSON, THREE)) == {PERSON}


@pytest.mark.parametrize(
    "assertion",
    [
        pytest.param(envelope.assent(RECORD_TYPE, b"other", PERSON, THREE), id="to another"),
        pytest.param(
            envelope.assent(DESCRIPTOR_TYPE, b"payload", PERSON, THREE), id="to another type"
        ),
        pytest.param(
            replace(
                envelope.assent(RECORD_TYPE, b"payload", PersonId("cd" * 16), THREE), person=PERSON
            ),
            id="under another pseudonym",
        ),
        pytest.param(envelope.assent(RECORD_TYPE, b"payload", PERSON, ONE), id="with another key"),
        pytest.param(
            envelope.assent(RECORD_TYPE, b"payload", PersonId("cd" * 16), THREE), id="a stranger"
        ),
        pytest.param(
            Assertion(
                PERSON,
                "person-key",
                THREE.public.key_id,
                THREE.sign(envelope.pae(RECORD_TYPE, b"payload")),
            ),
            id="with an organisation's signature",
        ),
        pytest.param(
            Assertion(
                PERSON,
                "person-key",
                THREE.public.key_id,
                THREE.sign(envelope.pae(ASSERTION_TYPE, b"payload")),
            ),
            id="to the payload instead of its digest",
        ),
    ],
)
def test_assertions_that_do_not_hold(assertion: Assertion) -> None:
    assert acted(assertion) == frozenset()


def test_a_bad_assertion_does_not_block_a_good_one() -> None:
    good = envelope.assent(RECORD_TYPE, b"payload", PERSON, THREE)
    bad = replace(good, signature=b"x" * 64)
    both = envelope.sign(RECORD_TYPE, b"payload", [ONE], [bad, good])
    assert envelope.assented(both, PEOPLE) == {PERSON}


def passkey(
    payload: bytes = b"payload",
    *,
    flags: int = 0b101,
    kind: str = "webauthn.get",
    client: bytes | None = None,
    size: int = 37,
) -> Assertion:
    """What a browser and an authenticator with the key `THREE` make of a challenge."""
    message = envelope.assertion_message(RECORD_TYPE, payload, PERSON)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(message).digest()).rstrip(b"=").decode()
    if client is None:
        client = json.dumps(
            {"type": kind, "challenge": challenge, "origin": "https://node.example"}
        ).encode()
    authenticator = hashlib.sha256(b"node.example").digest() + bytes([flags]) + bytes(4)
    authenticator = authenticator[:size]
    signature = THREE.sign(authenticator + hashlib.sha256(client).digest())
    return Assertion(PERSON, "webauthn", THREE.public.key_id, signature, authenticator, client)


def test_a_passkey_assents() -> None:
    assert acted(passkey()) == {PERSON}


@pytest.mark.parametrize(
    "assertion",
    [
        pytest.param(passkey(b"other"), id="to another payload"),
        pytest.param(passkey(flags=0b001), id="nobody verified"),
        pytest.param(passkey(flags=0b100), id="nobody present"),
        pytest.param(passkey(kind="webauthn.create"), id="at its making"),
        pytest.param(passkey(client=b"{"), id="client data that is no JSON"),
        pytest.param(passkey(client=b"[]"), id="client data that is no object"),
        pytest.param(passkey(client=b"[" * 100), id="client data too deep"),
        pytest.param(passkey(size=36), id="authenticator data too short"),
        pytest.param(replace(passkey(), client=b"{}"), id="client data exchanged"),
        pytest.param(replace(passkey(), scheme="person-key"), id="as another scheme"),
    ],
)
def test_passkeys_that_do_not_hold(assertion: Assertion) -> None:
    assert acted(assertion) == frozenset()
