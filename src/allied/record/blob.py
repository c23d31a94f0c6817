"""Content that can be erased without breaking what cites it.

Narrative, evidence and names of people never stand in a record. They stand in a blob,
and the record holds the blob's digest and size. The salt lies in the blob, so once all
copies are gone nobody can test a guess against the digest that stays.

Rules. No fold reads a blob. The digest is checked before the blob is parsed. At most
16 MiB of content.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Final

from allied.errors import AlliedError, MalformedError, UnverifiedError, UsageError
from allied.record import canonical
from allied.record.canonical import Json
from allied.record.ids import Digest, digest_text

MAX_CONTENT_BYTES: Final = 16 * 1024 * 1024
MAX_BLOB_BYTES: Final = (MAX_CONTENT_BYTES + 2) // 3 * 4 + 1024
"""The content in base64, and room for salt, media type and keys."""
SALT_BYTES: Final = 16

_MEDIA: Final = re.compile(
    r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}", re.ASCII
)


def build(content: bytes, media: str, salt: bytes) -> tuple[dict[str, Json], bytes]:
    """Make a blob and the reference that a body holds.

    Args:
        content: at most 16 MiB.
        media: "text/plain" and the like, lowercase, without parameters.
        salt: 16 random bytes, used for nothing else.

    Returns:
        The reference `{"blob": digest, "size": bytes of the blob}`, and the blob.

    Raises:
        UsageError: `blob.salt`.
        MalformedError: `blob.too-large`, `blob.media`.
    """
    if len(salt) != SALT_BYTES:
        raise UsageError("blob.salt", f"a salt has {SALT_BYTES} bytes")
    if len(content) > MAX_CONTENT_BYTES:
        raise _too_large()
    raw = canonical.encode(
        {
            "content": base64.b64encode(content).decode("ascii"),
            "media": _media(media),
            "salt": salt.hex(),
        }
    )
    return {"blob": canonical.digest(raw), "size": len(raw)}, raw


def read_reference(value: Json) -> tuple[Digest, int]:
    """The digest and the size, in bytes, of the blob that a body refers to.

    Raises:
        MalformedError: `blob.reference`, `ids.not-a-digest`.
    """
    if not isinstance(value, Mapping) or value.keys() != {"blob", "size"}:
        raise MalformedError("blob.reference", "a reference is not an object of blob and size")
    size = value["size"]
    if isinstance(size, bool) or not isinstance(size, int) or not 0 < size <= MAX_BLOB_BYTES:
        raise MalformedError("blob.reference", "the size of a blob is not within its limit")
    return Digest(digest_text(value["blob"], "the digest of a blob")), size


def open_blob(raw: bytes, reference: Json) -> tuple[str, bytes]:
    """Check a blob against the reference in a body, and open it.

    Returns:
        Its media type and its content.

    Raises:
        UnverifiedError: `blob.mismatch`, if size or digest is another.
        MalformedError: `blob.reference`; `blob.shape`, if the bytes match and still
            are no blob; `blob.media`, `blob.too-large`; as `canonical.decode`.
    """
    expected, size = read_reference(reference)
    if len(raw) != size or canonical.digest(raw) != expected:
        raise UnverifiedError("blob.mismatch", "these are not the bytes that the record cites")
    value = canonical.decode(raw, limit=MAX_BLOB_BYTES)
    if not isinstance(value, dict) or value.keys() != {"content", "media", "salt"}:
        raise _shape()
    content, salt = value["content"], value["salt"]
    if not isinstance(content, str) or not isinstance(salt, str):
        raise _shape()
    if len(salt) != 2 * SALT_BYTES or set(salt) - set("0123456789abcdef"):
        raise _shape()
    try:
        opened = binascii.a2b_base64(content.encode("ascii"), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise _shape() from error
    if base64.b64encode(opened).decode("ascii") != content:
        raise _shape()
    if len(opened) > MAX_CONTENT_BYTES:
        raise _too_large()
    return _media(value["media"]), opened


def references(value: Json) -> Iterator[Digest]:
    """Every blob that the body of a record refers to, wherever it stands."""
    if isinstance(value, Mapping):
        if value.keys() == {"blob", "size"}:
            with suppress(AlliedError):  # what refers to nothing is not asked for
                yield read_reference(value)[0]
        else:
            for part in value.values():
                yield from references(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from references(part)


def _media(value: Json) -> str:
    if isinstance(value, str) and _MEDIA.fullmatch(value):
        return value
    raise MalformedError("blob.media", "a media type is not two lowercase names and a slash")


def _shape() -> MalformedError:
    return MalformedError("blob.shape", "a blob is not an object of content, media and salt")


def _too_large() -> MalformedError:
    return MalformedError(
        "blob.too-large",
        f"a blob holds at most {MAX_CONTENT_BYTES} bytes",
        facts={"limit": MAX_CONTENT_BYTES},
    )
