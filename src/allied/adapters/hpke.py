"""Sealing to one recipient: HPKE (RFC 9180), base mode.

DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305. Each call makes a key of its own, so
sealing the same bytes twice gives other bytes. Nothing says who has sealed: what is inside is
signed.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from allied.errors import UsageError
from allied.record.keys import X25519, PrivateKey, PublicKey

_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


def seal(to: PublicKey, plain: bytes, context: bytes) -> bytes:
    """Seal bytes to the holder of `to`; they open with the same context alone.

    Raises:
        UsageError: `sealing.key`, `to` is no key for sealing.
    """
    if to.alg != X25519:
        raise UsageError("sealing.key", "that key is not one to seal to")
    try:
        return _SUITE.encrypt(plain, X25519PublicKey.from_public_bytes(to.raw), info=context)
    except ValueError as weak:  # a point of small order agrees on nothing
        raise UsageError("sealing.key", "that key is not one to seal to") from weak


def unseal(key: PrivateKey, sealed: bytes, context: bytes) -> bytes | None:
    """What was sealed to `key` under `context`; None for anything else."""
    private = X25519PrivateKey.from_private_bytes(key.seed)
    try:
        return bytes(_SUITE.decrypt(sealed, private, info=context))
    except (InvalidTag, ValueError):
        return None
