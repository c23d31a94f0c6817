"""Keys: what they are called, and what they sign.

A public key is its algorithm and its raw bytes; its id is the digest of both, so a key
can never be presented under another algorithm. A private key is a 32-byte seed under an
algorithm; who keeps seeds, and how, is for others.

Words used here:
    ed25519   raw public key of 32 bytes, signature of 64 (RFC 8032)
    p256      compressed point of 33 bytes, signature r || s of 64, hash SHA-256
    x25519    raw public key of 32 bytes; agrees on secrets, signs nothing (RFC 7748)

Rules. Signing is deterministic, so nothing here needs randomness (RFC 8032; RFC 6979).
For p256 only the lower of the two possible s is made and accepted, so nobody can turn
one valid signature into another. Ed25519 keys of small order, under which one signature
fits many messages, are refused. An algorithm not known here verifies nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from allied.errors import MalformedError, UsageError
from allied.record.canonical import digest, encode
from allied.record.ids import KeyId

ED25519: Final = "ed25519"
P256: Final = "p256"
X25519: Final = "x25519"
SIGNING: Final = frozenset({ED25519, P256})
"""Algorithms that sign."""

SEED_BYTES: Final = 32

_RAW_BYTES: Final = {ED25519: 32, P256: 33, X25519: 32}
_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_25519_PRIME: Final = 2**255 - 19
_ORDER_8_Y: Final = int.from_bytes(
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
)
_SMALL_ORDER_Y: Final = frozenset({0, 1, _25519_PRIME - 1, _ORDER_8_Y, _25519_PRIME - _ORDER_8_Y})


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One public key.

    Attributes:
        alg: "ed25519", "p256" or "x25519".
        raw: the key's bytes, see the module's words.
        key_id: digest of the canonical `{"alg", "key"}`.

    Raises:
        MalformedError: `keys.alg`, `keys.shape` or `keys.weak`.
    """

    alg: str
    raw: bytes
    key_id: KeyId = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Check the shape and name the key."""
        _require_sound(self.alg, self.raw)
        object.__setattr__(self, "key_id", KeyId(digest(encode(self.to_json()))))

    def to_json(self) -> dict[str, str]:
        """`{"alg", "key"}` with the raw bytes as lowercase hex."""
        return {"alg": self.alg, "key": self.raw.hex()}

    @classmethod
    def from_json(cls, value: object) -> PublicKey:
        """Read what `to_json` writes, and nothing else.

        Raises:
            MalformedError: `keys.shape`, `keys.alg` or `keys.weak`.
        """
        if not isinstance(value, Mapping) or value.keys() != {"alg", "key"}:
            raise _shape("a key is not an object of alg and key")
        alg, key = value["alg"], value["key"]
        if not isinstance(alg, str) or not isinstance(key, str):
            raise _shape("alg and key of a key are not text")
        try:
            raw = bytes.fromhex(key) if len(key) <= 256 else b""
        except ValueError as error:
            raise _shape("a key is not lowercase hex") from error
        if raw.hex() != key:
            raise _shape("a key is not lowercase hex")
        return cls(alg, raw)


class Signer(Protocol):
    """A private key that can be used and need not be readable: a seed here, a token elsewhere."""

    @property
    def public(self) -> PublicKey:
        """The public half."""
        ...

    def sign(self, message: bytes) -> bytes:
        """A signature over `message` that `verify` accepts."""
        ...


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """One private key: a seed under an algorithm. It never shows its seed."""

    alg: str
    seed: bytes = field(repr=False)
    public: PublicKey = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Check the seed and derive the public key."""
        if len(self.seed) != SEED_BYTES:
            raise UsageError("keys.seed", f"a seed has {SEED_BYTES} bytes")
        object.__setattr__(self, "public", PublicKey(self.alg, _public_raw(self.alg, self.seed)))

    @classmethod
    def from_seed(cls, alg: str, seed: bytes) -> PrivateKey:
        """The key that `seed`, 32 secret bytes, stands for under `alg`.

        Raises:
            MalformedError: `keys.alg`.
            UsageError: `keys.seed`.
        """
        return cls(alg, seed)

    def sign(self, message: bytes) -> bytes:
        """Sign `message`, always with the same 64 bytes.

        Raises:
            UsageError: `keys.cannot-sign` for x25519.
        """
        if self.alg == ED25519:
            return Ed25519PrivateKey.from_private_bytes(self.seed).sign(message)
        if self.alg == P256:
            der = _p256_private(self.seed).sign(
                message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
            )
            r, s = decode_dss_signature(der)
            low = min(s, _P256_ORDER - s)
            return r.to_bytes(32, "big") + low.to_bytes(32, "big")
        raise UsageError("keys.cannot-sign", "a key for sealing signs nothing")


def verify(public: PublicKey, message: bytes, signature: bytes) -> bool:
    """Whether `signature` was made over `message` by the holder of `public`.

    False for anything else: a wrong length, a p256 signature in its higher form, an
    algorithm that does not sign.
    """
    if len(signature) != 64:
        return False
    try:
        if public.alg == ED25519:
            _ed25519_public(public.raw).verify(signature, message)
            return True
        if public.alg == P256:
            r = int.from_bytes(signature[:32], "big")
            s = int.from_bytes(signature[32:], "big")
            if not 0 < r < _P256_ORDER or not 0 < s <= _P256_ORDER // 2:
                return False
            der = encode_dss_signature(r, s)
            _p256_public(public.raw).verify(der, message, ec.ECDSA(hashes.SHA256()))
            return True
    except InvalidSignature:
        return False
    return False


def derive_seed(seed: bytes, label: str) -> bytes:
    """A 32-byte seed for one purpose from a seed for many (HKDF with SHA-256).

    Seeds of different labels tell nothing about each other or about `seed`.

    Raises:
        UsageError: `keys.seed`, unless `seed` has at least 32 bytes.
    """
    if len(seed) < SEED_BYTES:
        raise UsageError("keys.seed", f"a seed has at least {SEED_BYTES} bytes")
    return _expand(seed, b"allied seed/1 " + label.encode(), SEED_BYTES)


def _expand(seed: bytes, label: bytes, size: int) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=size, salt=None, info=label).derive(seed)


def _p256_private(seed: bytes) -> ec.EllipticCurvePrivateKey:
    """The scalar is 48 derived bytes modulo the order less one, plus one (FIPS 186-5, A.2.1)."""
    wide = int.from_bytes(_expand(seed, b"allied p256/1", 48), "big")
    return ec.derive_private_key(wide % (_P256_ORDER - 1) + 1, ec.SECP256R1())


def _public_raw(alg: str, seed: bytes) -> bytes:
    if alg == ED25519:
        return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    if alg == X25519:
        return X25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    if alg == P256:
        public = _p256_private(seed).public_key()
        return public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    raise _unknown_alg()


@lru_cache(maxsize=4096)
def _ed25519_public(raw: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(raw)


@lru_cache(maxsize=4096)
def _p256_public(raw: bytes) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)


def _require_sound(alg: str, raw: bytes) -> None:
    size = _RAW_BYTES.get(alg)
    if size is None:
        raise _unknown_alg()
    if len(raw) != size:
        raise _shape(f"a key of this algorithm has {size} bytes")
    if alg == P256:
        try:
            _p256_public(raw)
        except ValueError as error:
            raise _shape("a p256 key is not a point of the curve") from error
    if alg == ED25519:
        y = int.from_bytes(raw, "little") & (2**255 - 1)
        if y >= _25519_PRIME or y in _SMALL_ORDER_Y:
            raise MalformedError("keys.weak", "an ed25519 key is of small order or misspelled")


def _shape(message: str) -> MalformedError:
    return MalformedError("keys.shape", message)


def _unknown_alg() -> MalformedError:
    return MalformedError(
        "keys.alg",
        "a key's algorithm is not known",
        hint="ed25519, p256 and x25519 are known; others need a later release",
    )
