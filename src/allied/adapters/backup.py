"""A backup as one encrypted file: named parts in, the same bytes out, or a refusal.

    header    one line of JSON: what it is, and how the file key is had
    chunks    length (4 bytes), then up to 1 MiB of the parts, sealed
    parts     a first chunk's worth of JSON that lists them, then their bytes in that order

Words used here:
    file key    32 random bytes of this file alone; seals the chunks
    passphrase  makes a key (argon2id) that the file key is sealed under
    recipient   an X25519 key whose holder opens the file (HPKE, RFC 9180); its private part
                need never be on the machine that makes backups

Rules. Every chunk is bound to the header and to its place, the last one says that it is the
last: a file that was cut off, reordered or mixed with another does not open. A file that is
there is never replaced. What is read is bounded before it is parsed; the digest of every part
is compared.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from allied.adapters import disk
from allied.adapters.sealed import RFC_9106, Hardness, Lock, Smith, unseal
from allied.errors import (
    ConflictError,
    MalformedError,
    NotAuthorisedError,
    UsageError,
)
from allied.node.ports import Chance

FORMAT: Final = "allied-backup/1"
_HEADER_LIMIT: Final = 8 * 1024
_LIST_LIMIT: Final = 8 * 2**20
_CHUNK: Final = 2**20
_TAG: Final = 16
_MOST_PARTS: Final = 20_000
_NAME: Final = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}(?:/[A-Za-z0-9][A-Za-z0-9._-]{0,127}){0,3}"
)
_INFO: Final = b"allied backup/1 file key"
_BOUND: Final = "allied backup/1 file key"
_SECRET: Final = re.compile(r"allied-backup-secret ([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Lockable:
    """Who may open a new backup: one of the two is given.

    Attributes:
        passphrase: whoever knows it.
        recipient: the raw X25519 public key of whoever holds the private part.
    """

    passphrase: str = field(default="", repr=False)
    recipient: bytes = b""


@dataclass(frozen=True, slots=True)
class Opener:
    """What opens a backup: a passphrase, or the private part of its recipient's key."""

    passphrase: str = field(default="", repr=False)
    secret: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its name, and where its bytes are."""

    name: str
    path: Path


def write(
    path: Path,
    parts: list[Part],
    about: Mapping[str, object],
    lockable: Lockable,
    chance: Chance,
    *,
    hardness: Hardness = RFC_9106,
) -> int:
    """Write a new backup; its size in bytes.

    Args:
        about: what the backup says of itself, sealed like the rest.

    Raises:
        ConflictError: `backup.exists`.
        UsageError: `backup.recipient`.
        ExhaustedError: `disk.full`, `disk.failed`.
    """
    file_key = chance.token(32)
    header: dict[str, object] = {"format": FORMAT}
    if lockable.recipient:
        header["recipient"] = lockable.recipient.hex()
        header["key"] = _text(_suite().encrypt(file_key, _public(lockable.recipient), _INFO))
    else:
        smith = Smith(chance)
        lock = smith.new_lock(hardness)
        header["lock"] = lock.to_json()
        header["key"] = smith.seal(smith.key(lock, lockable.passphrase), file_key, _BOUND)
    line = json.dumps(header, sort_keys=True).encode() + b"\n"
    listed = [{"name": each.name, **_measured(each.path)} for each in parts]
    listing = json.dumps({"about": dict(about), "parts": listed}, sort_keys=True).encode()
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(line)
            sealing = _Sealing(file, file_key, line)
            sealing.write(len(listing).to_bytes(4, "big") + listing)
            for each in parts:
                with each.path.open("rb") as source:
                    while block := source.read(_CHUNK):
                        sealing.write(block)
            sealing.close()
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        os.link(temporary, path)
        disk.flush_folder(path.parent)
    except FileExistsError as error:
        raise ConflictError(
            "backup.exists", "there is a file of that name already", hint="choose another name"
        ) from error
    except OSError as error:
        raise disk.fault(error) from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
    return size


def read(path: Path, opener: Opener, folder: Path, chance: Chance) -> Mapping[str, Any]:
    """Put the parts of a backup into `folder`, which is empty; what it says of itself.

    Raises:
        UsageError: `backup.no-file`.
        MalformedError: `backup.not-one`.
        NotAuthorisedError: `backup.locked`, this passphrase or key does not open it.
        MalformedError: `backup.damaged`, it was changed or cut off.
        ExhaustedError: `disk.full`, `disk.failed`.
    """
    try:
        with path.open("rb") as file:
            line = file.readline(_HEADER_LIMIT)
            key = _file_key(line, opener, chance)
            opening = _Opening(file, key, line)
            listing = _listing(opening)
            for part in listing["parts"]:
                _take_out(opening, part, folder)
            if opening.take(1):
                raise _damaged()
    except FileNotFoundError as error:
        raise UsageError("backup.no-file", "there is no backup at that place") from error
    except OSError as error:
        raise disk.fault(error) from error
    about = listing["about"]
    if not isinstance(about, dict):
        raise _damaged()
    return about


def new_recipient(path: Path, chance: Chance) -> str:
    """Write a new private part to `path`, for keeping elsewhere; its public part as hex.

    Raises:
        ConflictError: `backup.exists`.
    """
    secret = chance.token(32)
    lines = [
        "# Opens the backups that are made for its public part. Keep it off the machine that",
        "# makes them, in two places.",
        f"allied-backup-secret {secret.hex()}",
        "",
    ]
    try:
        disk.put(path, "\n".join(lines).encode(), replace=False)
    except FileExistsError as error:
        raise ConflictError(
            "backup.exists", "there is a file of that name already", hint="choose another name"
        ) from error
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw().hex()


def recipient_secret(path: Path) -> bytes:
    """The private part that `new_recipient` wrote.

    Raises:
        UsageError: `backup.no-secret`.
    """
    try:
        raw = disk.read(path, limit=_HEADER_LIMIT, code="backup.no-secret")
    except (FileNotFoundError, MalformedError):
        raw = b""
    for line in raw.decode("ascii", "replace").splitlines():
        if found := _SECRET.fullmatch(line.strip()):
            return bytes.fromhex(found[1])
    raise UsageError(
        "backup.no-secret",
        "that file does not hold what opens a backup",
        hint="name the file that `allied backup key` wrote",
    )


# --- the file key -------------------------------------------------------------------------


def _suite() -> Suite:
    return Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


def _public(raw: bytes) -> X25519PublicKey:
    try:
        return X25519PublicKey.from_public_bytes(raw)
    except ValueError as error:
        raise UsageError(
            "backup.recipient",
            "the recipient of a backup is an X25519 public key in hex",
            hint="`allied backup key FILE` makes one and prints its public part",
        ) from error


def _file_key(line: bytes, opener: Opener, chance: Chance) -> bytes:
    try:
        header = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _not_one() from error
    if not isinstance(header, dict) or header.get("format") != FORMAT or line[-1:] != b"\n":
        raise _not_one()
    found: bytes | None = None
    try:
        if "recipient" in header:
            if opener.secret:
                secret = X25519PrivateKey.from_private_bytes(opener.secret)
                found = _suite().decrypt(_raw(header.get("key")), secret, _INFO)
        elif opener.passphrase:
            lock = Lock.from_json(header.get("lock"))
            key = Smith(chance).key(lock, opener.passphrase)
            found = unseal(key, header.get("key"), _BOUND)
    except MalformedError as error:
        raise _not_one() from error
    except (InvalidTag, ValueError):
        found = None
    if found is None or len(found) != 32:
        raise NotAuthorisedError(
            "backup.locked",
            "this does not open the backup",
            hint="it wants the key file of its recipient"
            if "recipient" in header
            else "it wants the passphrase that it was made with",
        )
    return found


# --- chunks -------------------------------------------------------------------------------


class _Sealing:
    """Seals what is written in chunks of one size; `close` makes the last one."""

    def __init__(self, file: IO[bytes], key: bytes, line: bytes) -> None:
        self._file = file
        self._cipher = ChaCha20Poly1305(key)
        self._bound = sha256(line).digest()
        self._waiting = bytearray()
        self._number = 0

    def write(self, raw: bytes) -> None:
        self._waiting += raw
        while len(self._waiting) > _CHUNK:
            self._seal(bytes(self._waiting[:_CHUNK]), last=False)
            del self._waiting[:_CHUNK]

    def close(self) -> None:
        self._seal(bytes(self._waiting), last=True)

    def _seal(self, raw: bytes, *, last: bool) -> None:
        sealed = self._cipher.encrypt(_nonce(self._number, last=last), raw, self._bound)
        self._file.write(len(sealed).to_bytes(4, "big") + sealed)
        self._number += 1


class _Opening:
    """Gives the bytes of a sealed file in order."""

    def __init__(self, file: IO[bytes], key: bytes, line: bytes) -> None:
        self._chunks = _chunks(file, ChaCha20Poly1305(key), sha256(line).digest())
        self._held = b""

    def take(self, most: int) -> bytes:
        """Up to so many bytes; none at the end."""
        while not self._held:
            try:
                self._held = next(self._chunks)
            except StopIteration:
                return b""
        taken, self._held = self._held[:most], self._held[most:]
        return taken

    def exactly(self, count: int) -> bytes:
        """So many bytes, or `backup.damaged`."""
        found = bytearray()
        while len(found) < count:
            more = self.take(count - len(found))
            if not more:
                raise _damaged()
            found += more
        return bytes(found)


def _chunks(file: IO[bytes], cipher: ChaCha20Poly1305, bound: bytes) -> Iterator[bytes]:
    number = 0
    while True:
        length = int.from_bytes(file.read(4).rjust(4, b"\xff"), "big")
        if not _TAG <= length <= _CHUNK + _TAG:
            raise _damaged()
        sealed = file.read(length)
        if len(sealed) != length:
            raise _damaged()
        for last in (False, True):
            try:
                raw = cipher.decrypt(_nonce(number, last=last), sealed, bound)
            except InvalidTag:
                continue
            yield raw
            if last:
                if file.read(1):
                    raise _damaged()
                return
            break
        else:
            raise _damaged()
        number += 1


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


# --- parts --------------------------------------------------------------------------------


def _measured(path: Path) -> dict[str, object]:
    digest, size = sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_CHUNK):
            digest.update(block)
            size += len(block)
    return {"sha256": digest.hexdigest(), "size": size}


def _listing(opening: _Opening) -> dict[str, Any]:
    length = int.from_bytes(opening.exactly(4), "big")
    if length > _LIST_LIMIT:
        raise _damaged()
    try:
        found = json.loads(opening.exactly(length))
        parts = found["parts"]
        names = [part["name"] for part in parts]
        sound = (
            len(parts) <= _MOST_PARTS
            and len(set(names)) == len(names)
            and all(_NAME.fullmatch(name) for name in names)
            and all(type(part["size"]) is int and part["size"] >= 0 for part in parts)
            and all(isinstance(part["sha256"], str) for part in parts)
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged() from error
    if not sound or "about" not in found:
        raise _damaged()
    return dict(found)


def _take_out(opening: _Opening, part: Mapping[str, Any], folder: Path) -> None:
    path = folder / part["name"]
    disk.make_folder(path.parent)
    digest, left = sha256(), part["size"]
    with open(path, "xb", opener=_private) as file:
        while left:
            block = opening.take(min(left, _CHUNK))
            if not block:
                raise _damaged()
            digest.update(block)
            file.write(block)
            left -= len(block)
        file.flush()
        os.fsync(file.fileno())
    if digest.hexdigest() != part["sha256"]:
        raise _damaged()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, disk.FILE_MODE)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _raw(value: object) -> bytes:
    if not isinstance(value, str):
        raise _not_one()
    try:
        return base64.b64decode(value.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise _not_one() from error


def _not_one() -> MalformedError:
    return MalformedError("backup.not-one", "that file is not a backup of a node")


def _damaged() -> MalformedError:
    return MalformedError(
        "backup.damaged",
        "the backup was changed or cut off",
        hint="take the one before it, and look after the disk that this one lay on",
    )
