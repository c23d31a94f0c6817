"""Files that a verb reads: bounded before they are read, named by what the user gave."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from allied.errors import MalformedError, UsageError

TEXT_LIMIT: Final = 2 * 2**20
EVIDENCE_LIMIT: Final = 16 * 2**20
_MEDIA: Final = {
    ".txt": "text/plain",
    ".log": "text/plain",
    ".md": "text/markdown",
    ".csv": "text/csv",
    ".json": "application/json",
    ".pdf": "application/pdf",
    ".png": "image/png",
}


def read_bounded(file: Path, limit: int = TEXT_LIMIT) -> bytes:
    """The bytes of a file of at most `limit` bytes.

    Raises:
        UsageError: `file.missing`, `file.unreadable`.
        MalformedError: `file.too-large`.
    """
    try:
        with file.open("rb") as stream:
            raw = stream.read(limit + 1)
    except FileNotFoundError as missing:
        raise UsageError("file.missing", f"there is no file {file.name}") from missing
    except OSError as broken:
        raise UsageError("file.unreadable", f"{file.name} cannot be read") from broken
    if len(raw) > limit:
        raise MalformedError(
            "file.too-large", f"{file.name} is larger than {limit} bytes", facts={"limit": limit}
        )
    return raw


def evidence_of(given: str) -> tuple[str, bytes]:
    """Evidence as (media type, content): `@FILE`, or the text itself."""
    if given.startswith("@"):
        file = Path(given[1:])
        media = _MEDIA.get(file.suffix.lower(), "application/octet-stream")
        return media, read_bounded(file, EVIDENCE_LIMIT)
    return "text/plain", given.encode()
