"""Secrets in a file that only a passphrase opens.

Argon2id (RFC 9106) makes a key from a passphrase and a salt; ChaCha20-Poly1305 (RFC 8439)
seals each secret under it, bound to a text that says whose it is and what for, so that a
sealed secret moved to another place does not open.

Words used here:
    hardness    what one try of a passphrase costs: memory, passes, lanes
    lock        salt and hardness; secrets under the same lock open with one derivation

Rules. What a file asks for is bounded before anything is derived. A secret that does not
open says nothing about why: a wrong passphrase and a changed file look alike.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from allied.errors import MalformedError
from allied.node.ports import Chance

_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32
_MEMORY_LIMIT: Final = 1 << 20
_PASSES_LIMIT: Final = 64
_LANES_LIMIT: Final = 64


@dataclass(frozen=True, slots=True)
class Hardness:
    """What one try of a passphrase costs: memory in KiB, passes over it, lanes."""

    memory: int
    passes: int
    lanes: int


RFC_9106: Final = Hardness(memory=64 * 1024, passes=3, lanes=4)
"""The second recommended option of RFC 9106, section 4."""

ALMOST_NONE_FOR_TESTS: Final = Hardness(memory=8, passes=1, lanes=1)
"""Protects nothing; makes tests fast."""


@dataclass(frozen=True, slots=True)
class Lock:
    """Salt and hardness, as they stand in a file."""

    salt: bytes
    hardness: Hardness

    def to_json(self) -> dict[str, object]:
        """As it is written."""
        return {
            "name": "argon2id",
            "salt": _text(self.salt),
            "memory_kib": self.hardness.memory,
            "passes": self.hardness.passes,
            "lanes": self.hardness.lanes,
        }

    @classmethod
    def from_json(cls, value: object) -> Lock:
        """Read what `to_json` writes.

        Raises:
            MalformedError: `keys.damaged`, also for a hardness past the limits.
        """
        if not isinstance(value, Mapping) or value.get("name") != "argon2id":
            raise damaged()
        numbers = [value.get(name) for name in ("memory_kib", "passes", "lanes")]
        limits = (_MEMORY_LIMIT, _PASSES_LIMIT, _LANES_LIMIT)
        memory, passes, lanes = (
            _bounded(n, limit) for n, limit in zip(numbers, limits, strict=True)
        )
        salt = _raw(value.get("salt"))
        if len(salt) != _SALT_BYTES or memory < 8 * lanes:
            raise damaged()
        return cls(salt, Hardness(memory, passes, lanes))


class Smith:
    """Makes keys for locks, and remembers those it has made; in memory only."""

    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        self._pepper = chance.token(_KEY_BYTES)
        self._made: dict[bytes, bytes] = {}

    def new_lock(self, hardness: Hardness) -> Lock:
        """A lock that no other secret is under."""
        return Lock(self._chance.token(_SALT_BYTES), hardness)

    def key(self, lock: Lock, passphrase: str) -> bytes:
        """The key for `lock`; about 0.1 s the first time, at the hardness of RFC 9106."""
        secret = passphrase.encode("utf-8", "surrogatepass")
        shape = repr(lock.hardness).encode()
        name = hmac.digest(self._pepper, lock.salt + shape + secret, sha256)
        if name not in self._made:
            self._made[name] = hash_secret_raw(
                secret=secret,
                salt=lock.salt,
                time_cost=lock.hardness.passes,
                memory_cost=lock.hardness.memory,
                parallelism=lock.hardness.lanes,
                hash_len=_KEY_BYTES,
                type=Type.ID,
            )
        return self._made[name]

    def seal(self, key: bytes, secret: bytes, bound_to: str) -> str:
        """`secret` under `key`, bound to that text; a fresh nonce is inside."""
        nonce = self._chance.token(_NONCE_BYTES)
        return _text(nonce + ChaCha20Poly1305(key).encrypt(nonce, secret, bound_to.encode()))


def unseal(key: bytes, sealed: object, bound_to: str) -> bytes | None:
    """The secret; None when the key is another one or anything was changed.

    Raises:
        MalformedError: `keys.damaged`, it is no sealed secret at all.
    """
    raw = _raw(sealed)
    if len(raw) <= _NONCE_BYTES:
        raise damaged()
    try:
        return ChaCha20Poly1305(key).decrypt(
            raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], bound_to.encode()
        )
    except InvalidTag:
        return None


def damaged(name: str = "") -> MalformedError:
    """The refusal of a key file that is not one."""
    return MalformedError(
        "keys.damaged",
        f"the key file {name} is damaged" if name else "a key file is damaged",
        hint="put it back from a backup of the keys",
    )


def _bounded(value: object, limit: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= limit:
        raise damaged()
    return value


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _raw(value: object) -> bytes:
    if not isinstance(value, str):
        raise damaged()
    try:
        return base64.b64decode(value.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise damaged() from error
