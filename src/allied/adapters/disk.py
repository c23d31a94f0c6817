"""Files that are there whole or not at all, and that nobody else reads.

Rules. A file is written beside its place, flushed to the disk, then put into place, and the
folder is flushed too: after a power cut there is the old file or the new one. Files have
mode 0600, folders 0700. Reading stops at a limit.
"""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from allied.errors import AlliedError, ExhaustedError, MalformedError

FILE_MODE = 0o600
FOLDER_MODE = 0o700


def put(path: Path, raw: bytes, *, replace: bool) -> None:
    """Write `raw` as the file at `path`, whose folder exists.

    Args:
        replace: whether a file that is there may be replaced.

    Raises:
        FileExistsError: the file is there and may not be replaced.
        ExhaustedError: `disk.full` or `disk.failed`.
    """
    temporary = None
    try:
        # mkstemp makes the file with mode 0600.
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            Path(temporary).replace(path)
            temporary = None
        else:
            os.link(temporary, path)
        flush_folder(path.parent)
    except FileExistsError:
        raise
    except OSError as error:
        raise fault(error) from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def read(path: Path, *, limit: int, code: str) -> bytes:
    """The bytes of a file of at most `limit` bytes.

    Raises:
        FileNotFoundError: there is no such file.
        MalformedError: with `code`, the file is longer than `limit`.
        ExhaustedError: `disk.failed`.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(limit + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise fault(error) from error
    if len(raw) > limit:
        raise MalformedError(
            code, f"the file {path.name} is longer than {limit} bytes", facts={"limit": limit}
        )
    return raw


def make_folder(path: Path) -> None:
    """Make the folder at `path`, and those above it, for its owner alone; one that is there stays.

    Raises:
        ExhaustedError: `disk.full` or `disk.failed`; also when a file is in the way.
    """
    try:
        path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise fault(error) from error


def fault(error: OSError) -> AlliedError:
    """What an error of the operating system is called here."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return ExhaustedError(
            "disk.full", "the disk is full", hint="free some space, then do it again"
        )
    reason = os.strerror(error.errno) if error.errno else "unknown error"
    return ExhaustedError(
        "disk.failed",
        f"a file or folder cannot be used: {reason}",
        hint="check that it exists, its owner and its mode",
        facts={"name": Path(str(error.filename)).name if error.filename else ""},
    )


def flush_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk.

    Raises:
        OSError: the folder cannot be opened, or the disk failed.
    """
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
