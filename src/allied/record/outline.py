"""What is left of a record where what it says is not to be had: its place, and what came of it.

A party that joins later may not have what was said before, and what is old enough may be pruned.
The chain has to go on all the same: later records rest on these. So an outline stands in their
place. It names what the record rests on, when it claims to be from, and what it was judged to be
worth; it leaves out its kind, its body, its signature and the people who assented.

Words used here:
    outline    of a record, the bytes that stand in its place
    verdict    the code of why it has no effect, before anybody cut its issuer off; else ""

Rules. Nothing in an outline proves itself: it is believed only up to a checkpoint that enough
parties have signed (`agreement.checkpoints`), and by nobody who may have the whole record. It is
canonical JSON; its first bytes tell it from an envelope.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from allied.errors import MalformedError, UnverifiedError
from allied.record import canonical
from allied.record.ids import RecordId, digest_text
from allied.record.kept import read_kept
from allied.record.record import MAX_PAYLOAD_BYTES, Record, read, read_header

if TYPE_CHECKING:
    from allied.record.canonical import Json

FORMAT: Final = "outline/1"
KIND: Final = "outline"
"""What stands as its kind; there is no such row in any table of kinds, and nobody writes one."""
MAX_OUTLINE_BYTES: Final = MAX_PAYLOAD_BYTES
_FIRST: Final = b'{"format":"outline/1"'
_CONTENT: Final = ("incident.", "obligation.")
"""Of these kinds a record makes nobody bound and decides nothing."""
_MOST_VERDICT: Final = 128


def is_outline(record: Record) -> bool:
    """Whether a record is kept as its outline."""
    return record.header.kind == KIND


def is_content(record: Record) -> bool:
    """Whether an outline may stand for a record, or does already."""
    kind = record.header.kind
    return kind == KIND or kind.startswith(_CONTENT)


def looks_outlined(raw: bytes) -> bool:
    """Whether bytes are to be read as an outline, and not as an envelope."""
    return raw.startswith(_FIRST)


def outline_of(record: Record, verdict: str) -> bytes:
    """The outline of a record.

    Args:
        verdict: the code of why it has no effect, empty if it has one; cuts not looked at.
    """
    if is_outline(record):
        return record.raw
    header = record.header.to_json()
    header["kind"] = KIND
    said: dict[str, Json] = {
        "format": FORMAT,
        "header": header,
        "id": record.id,
        "verdict": verdict,
    }
    return canonical.encode(said)


def read_outline(raw: bytes) -> Record:
    """Read what `outline_of` writes; proves nothing.

    Returns:
        A record of kind `outline`, its body the verdict alone.

    Raises:
        MalformedError: `record.outline`, or as `record.read` for the header.
    """
    value = canonical.decode(raw, limit=MAX_OUTLINE_BYTES)
    if not isinstance(value, dict) or value.keys() != {"format", "header", "id", "verdict"}:
        raise _malformed("an outline does not have exactly its four keys")
    verdict = value["verdict"]
    if value["format"] != FORMAT or not isinstance(verdict, str) or len(verdict) > _MOST_VERDICT:
        raise _malformed("an outline's format is not known, or its verdict is no code")
    header = read_header(value["header"])
    if header.kind != KIND:
        raise _malformed("an outline names the kind of its record")
    record = RecordId(digest_text(value["id"], "an outline's record"))
    return Record(header, {"verdict": verdict}, record, raw, ())


def read_either(raw: bytes) -> Record:
    """Read a record, or the outline of one; proves nothing.

    Raises:
        MalformedError: as `record.read` and `read_outline`.
        UnverifiedError: `rules.unknown`.
    """
    return read_outline(raw) if looks_outlined(raw) else read(raw)


def read_stored(raw: bytes, record: RecordId) -> Record:
    """Read again what was kept under an id: a record, or the outline of one.

    Raises:
        UnverifiedError: `record.not-its-bytes`.
        MalformedError: as `read_outline`.
    """
    if not looks_outlined(raw):
        return read_kept(raw, record)
    found = read_outline(raw)
    if found.id != record:
        raise UnverifiedError("record.not-its-bytes", "a record does not match its own bytes")
    return found


def verdict_kept(raw: bytes) -> dict[str, Json]:
    """What stands in place of a body in an outline that was kept since it was read."""
    return {"verdict": str(orjson.loads(raw)["verdict"])}


def verdict_in(record: Record) -> str:
    """The verdict in an outline that was read; empty where it has an effect."""
    return str(record.body["verdict"])


def _malformed(message: str) -> MalformedError:
    return MalformedError("record.outline", message)
