"""What a key is called, what it signs, and what it never accepts."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given, strategies as st

from allied.errors import MalformedError, UsageError
from allied.record.canonical import digest, encode
from allied.record.ids import KeyId
from allied.record.keys import PrivateKey, PublicKey, derive_seed, verify
from tests.record.cast import key

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
SIGNERS = [key("signer", "ed25519"), key("signer", "p256")]


@pytest.mark.parametrize("alg", ["ed25519", "p256"])
@given(seed=st.binary(min_size=32, max_size=32), message=st.binary(max_size=200))
def test_what_is_signed_verifies_and_is_signed_alike_again(
    alg: str, seed: bytes, message: bytes
) -> None:
    signer = PrivateKey.from_seed(alg, seed)
    signature = signer.sign(message)
    assert verify(signer.public, message, signature)
    assert signature == signer.sign(message)
    assert not verify(signer.public, message + b"\0", signature)


@pytest.mark.parametrize("signer", SIGNERS, ids=lambda signer: signer.alg)
@given(at=st.integers(0, 63), bit=st.integers(0, 7))
def test_a_flipped_bit_of_a_signature_is_refused(signer: PrivateKey, at: int, bit: int) -> None:
    signature = bytearray(signer.sign(b"message"))
    signature[at] ^= 1 << bit
    assert not verify(signer.public, b"message", bytes(signature))


@given(message=st.binary(max_size=64))
def test_p256_signatures_are_low_and_their_high_twins_are_refused(message: bytes) -> None:
    signer = key("signer", "p256")
    signature = signer.sign(message)
    r, s = signature[:32], int.from_bytes(signature[32:], "big")
    assert s <= P256_ORDER // 2
    high = (P256_ORDER - s).to_bytes(32, "big")
    # The library itself takes the twin, so it is we who refuse it.
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), signer.public.raw)
    twin = encode_dss_signature(int.from_bytes(r, "big"), P256_ORDER - s)
    public.verify(twin, message, ec.ECDSA(hashes.SHA256()))
    assert not verify(signer.public, message, r + high)


@pytest.mark.parametrize(
    "signature",
    [
        pytest.param(bytes(64), id="r and s are 0"),
        pytest.param(b"\xff" * 64, id="r and s past the order"),
        pytest.param(b"", id="empty"),
        pytest.param(bytes(63), id="a byte short"),
        pytest.param(bytes(65), id="a byte long"),
    ],
)
@pytest.mark.parametrize("signer", SIGNERS, ids=lambda signer: signer.alg)
def test_signatures_that_are_none(signer: PrivateKey, signature: bytes) -> None:
    assert not verify(signer.public, b"message", signature)


def test_a_key_id_covers_algorithm_and_key() -> None:
    public = key("signer").public
    spelled = encode({"alg": "ed25519", "key": public.raw.hex()})
    assert public.key_id == KeyId(digest(spelled))
    # The same 32 bytes under another algorithm are another key.
    assert PublicKey("x25519", public.raw).key_id != public.key_id
    assert not verify(PublicKey("x25519", public.raw), b"m", key("signer").sign(b"m"))


def test_a_key_under_another_algorithm_verifies_nothing() -> None:
    signature = key("signer", "p256").sign(b"message")
    assert not verify(key("signer").public, b"message", signature)


@pytest.mark.parametrize("alg", ["ed25519", "p256", "x25519"])
def test_a_public_key_is_read_back(alg: str) -> None:
    public = key("any", alg).public
    assert PublicKey.from_json(public.to_json()) == public


GOOD = key("any").public.to_json()


@pytest.mark.parametrize(
    ("value", "code"),
    [
        pytest.param(None, "keys.shape", id="nothing"),
        pytest.param({}, "keys.shape", id="an empty object"),
        pytest.param({**GOOD, "use": "acts"}, "keys.shape", id="a further key"),
        pytest.param({**GOOD, "key": GOOD["key"].upper()}, "keys.shape", id="capitals"),
        pytest.param({**GOOD, "key": GOOD["key"][:-2]}, "keys.shape", id="a byte short"),
        pytest.param({**GOOD, "key": " " + GOOD["key"]}, "keys.shape", id="a space"),
        pytest.param({**GOOD, "key": 5}, "keys.shape", id="a number"),
        pytest.param({**GOOD, "alg": "ml-dsa-65"}, "keys.alg", id="an algorithm to come"),
        pytest.param({**GOOD, "alg": "Ed25519"}, "keys.alg", id="another spelling"),
        pytest.param({"alg": "p256", "key": "02" + "ff" * 32}, "keys.shape", id="no point"),
        pytest.param({"alg": "p256", "key": "04" + "00" * 32}, "keys.shape", id="no compression"),
        pytest.param({**GOOD, "key": "01" + "00" * 31}, "keys.weak", id="the neutral point"),
        pytest.param({**GOOD, "key": "00" * 32}, "keys.weak", id="a point of order 4"),
        pytest.param(
            {**GOOD, "key": "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"},
            "keys.weak",
            id="a point of order 8",
        ),
        pytest.param({**GOOD, "key": "ee" + "ff" * 30 + "7f"}, "keys.weak", id="1, misspelled"),
    ],
)
def test_public_keys_that_are_refused(value: object, code: str) -> None:
    with pytest.raises(MalformedError) as refusal:
        PublicKey.from_json(value)
    assert refusal.value.code == code


def test_under_a_key_of_small_order_a_signature_would_fit_any_message() -> None:
    # Why such keys are refused: R = the neutral point and s = 0 pass the equation.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    neutral = b"\1" + bytes(31)
    for message in (b"one", b"another"):
        Ed25519PublicKey.from_public_bytes(neutral).verify(neutral + bytes(32), message)


def test_a_sealing_key_signs_nothing() -> None:
    with pytest.raises(UsageError) as refusal:
        key("sealing", "x25519").sign(b"message")
    assert refusal.value.code == "keys.cannot-sign"


def test_seeds_of_different_labels_differ_and_stay_the_same() -> None:
    assert derive_seed(b"s" * 32, "acts") == derive_seed(b"s" * 32, "acts")
    assert len({derive_seed(b"s" * 32, each) for each in ("acts", "automatic", "")}) == 3
    assert derive_seed(b"s" * 32, "acts") != derive_seed(b"t" * 32, "acts")
    with pytest.raises(UsageError):
        derive_seed(b"short", "acts")
    with pytest.raises(UsageError):
        PrivateKey.from_seed("ed25519", b"short")


def test_a_private_key_does_not_show_its_seed() -> None:
    assert repr(b"secret" * 5)[2:-1] not in repr(
        PrivateKey.from_seed("p256", b"secret" * 5 + b"!!")
    )


def test_the_published_example_of_ed25519_holds() -> None:
    # RFC 8032, section 7.1, test 2.
    signer = PrivateKey.from_seed(
        "ed25519",
        bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"),
    )
    assert signer.public.raw.hex() == (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    )
    assert signer.sign(b"\x72").hex().startswith("92a009a9f0d4cab8720e820b5f642540")
