"""The data folder of a node: what lies where, who serves it, and how far it once was.

    node.toml       settings, for people to edit
    allied.db       the database, with allied.db-wal, allied.db-shm and allied.db.lock
    keys/           encrypted keys, one file per organisation and per person
    database.json   which PostgreSQL database is this node's, if it has one in place of the file
    fence.json      how many own records were ever numbered, see `Fence`
    backups/        copies made before migrations, and the file of a node that moved to a server
    restored.json   there from a restore until `allied resume`: nothing is signed meanwhile
    serve.lock      held by the one process that serves this folder

The folder belongs to its owner alone (0700, files 0600). Command-line verbs need no lock:
they are further processes over the same database. Two servers over one SQLite file would
each believe to be the only one that syncs, so the second is refused; over PostgreSQL they
know of each other.

Words used here:
    bound   a folder whose database is a server's; a copy of the folder serves the same node
    fence   a file outside the database that remembers how many records each hosted
            organisation has numbered. A database that remembers fewer was restored from an
            older copy, and signing on would give a number twice
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from allied.adapters import disk
from allied.errors import ConflictError, ExhaustedError, MalformedError, UsageError
from allied.record.ids import OrganisationId

_FENCE_LIMIT: Final = 1 << 20
_FENCE_FORMAT: Final = "allied-fence/1"
_BOUND_LIMIT: Final = 4_096
_BOUND_FORMAT: Final = "allied-database/1"

_SETTINGS: Final = """\
# Settings of this node. Environment variables (ALLIED_PORT=...) and flags (--port) go before
# what stands here. A line that begins with # has no effect; the values shown are defaults.
"""


def default_root(environ: Mapping[str, str], *, platform: str = sys.platform) -> Path:
    """Where the data folder is when nobody says: ALLIED_DATA, else the platform's place."""
    if environ.get("ALLIED_DATA"):
        return Path(environ["ALLIED_DATA"])
    home = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    if platform == "darwin":
        return home / "Library" / "Application Support" / "allied"
    place = environ.get("XDG_DATA_HOME", "")
    # The XDG rules: a relative path there is to be passed over.
    return (Path(place) if place.startswith("/") else home / ".local" / "share") / "allied"


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The places inside one data folder; nothing is read or made by naming them."""

    root: Path

    @property
    def settings(self) -> Path:
        """`node.toml`."""
        return self.root / "node.toml"

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.root / "allied.db"

    @property
    def keys(self) -> Path:
        """The folder of encrypted keys."""
        return self.root / "keys"

    @property
    def backups(self) -> Path:
        """The folder of copies made before migrations."""
        return self.root / "backups"

    @property
    def restored(self) -> Path:
        """`restored.json`: there from a restore until the node goes on."""
        return self.root / "restored.json"

    def require_not_restored(self, *, in_database: bool) -> None:
        """Return unless this node was put back from a backup and nobody went on from there.

        Args:
            in_database: whether its database says that it was; one on a server may be used with
                an older copy of the folder.

        Raises:
            ConflictError: `store.restored`.
        """
        if in_database or self.restored.exists():
            raise ConflictError(
                "store.restored",
                "this node was put back from a backup, and may have signed more since",
                hint="`allied resume` asks the peers how far it was, and goes on safely",
            )

    @property
    def fence(self) -> Fence:
        """The fence of this folder."""
        return Fence(self.root / "fence.json")

    def exists(self) -> bool:
        """Whether a node lives here: its database is there, or it is bound to one elsewhere."""
        return self.database.exists() or self._bound.exists()

    @property
    def _bound(self) -> Path:
        return self.root / "database.json"

    def bound_to(self) -> str:
        """The id of the PostgreSQL database of this folder; empty when it has none.

        Raises:
            ExhaustedError: `folder.bound-unreadable`, `disk.failed`.
        """
        try:
            raw = disk.read(self._bound, limit=_BOUND_LIMIT, code="folder.bound-unreadable")
            found = json.loads(raw)
            if found["format"] == _BOUND_FORMAT:
                return str(found["database"])
        except FileNotFoundError:
            return ""
        except (ValueError, TypeError, KeyError, MalformedError):
            pass
        raise ExhaustedError(
            "folder.bound-unreadable",
            "the file database.json of this data folder is damaged",
            hint="put it back from a copy of the folder",
        )

    def bind(self, database: str) -> None:
        """Remember which PostgreSQL database is this folder's.

        Raises:
            ExhaustedError: `disk.full` or `disk.failed`.
        """
        document = {"format": _BOUND_FORMAT, "database": database}
        disk.put(self._bound, json.dumps(document, indent=1).encode(), replace=True)

    def replace_settings(self, raw: bytes) -> None:
        """Put another text in place of `node.toml`, in one step.

        Raises:
            ExhaustedError: `disk.full` or `disk.failed`.
        """
        disk.put(self.settings, raw, replace=True)

    def create(self) -> None:
        """Make the folder, for its owner alone; a folder that is there is closed to others.

        Raises:
            UsageError: `folder.not-a-folder`, a file is in the way.
            ExhaustedError: `disk.full` or `disk.failed`.
        """
        if self.root.exists() and not self.root.is_dir():
            raise UsageError(
                "folder.not-a-folder",
                "the data folder is a file",
                hint="name a folder with --data",
            )
        disk.make_folder(self.root)
        try:
            if self.root.stat().st_mode & 0o077:
                self.root.chmod(disk.FOLDER_MODE)
        except OSError as error:
            raise disk.fault(error) from error

    def write_settings(self, values: Mapping[str, str | int | bool]) -> None:
        """Write a first `node.toml` with these values; one that is there stays untouched.

        Raises:
            ExhaustedError: `disk.full` or `disk.failed`.
        """
        lines = [f"{name} = {toml(value)}" for name, value in values.items()]
        raw = "\n".join([_SETTINGS, *lines, ""]).encode()
        try:
            disk.put(self.settings, raw, replace=False)
        except FileExistsError:
            return

    @contextmanager
    def serving(self, *, together: bool = False) -> Iterator[None]:
        """Be the one process that serves this folder, or one of those that do `together`.

        The lock ends with the process, however it ends.

        Raises:
            ConflictError: `node.already-serving`, naming the process that does.
            ExhaustedError: `disk.failed`.
        """
        try:
            handle = os.open(
                self.root / "serve.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, disk.FILE_MODE
            )
        except OSError as error:
            raise disk.fault(error) from error
        try:
            try:
                fcntl.flock(handle, (fcntl.LOCK_SH if together else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise _already_serving(os.pread(handle, 32, 0)) from error
            if together:
                yield
                return
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
            yield
            os.ftruncate(handle, 0)
        finally:
            os.close(handle)


def toml(value: str | float | bool) -> str:
    """A value as TOML: JSON with no surrogates spelled out and no bare DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _already_serving(written: bytes) -> ConflictError:
    text = written.decode("ascii", "replace").strip()
    pid = int(text) if text.isdecimal() else 0
    who = f"process {pid}" if pid else "another process"
    return ConflictError(
        "node.already-serving",
        f"{who} serves this data folder already",
        hint="stop it first, or name another folder with --data",
        facts={"pid": pid},
    )


@dataclass(frozen=True, slots=True)
class Fence:
    """How many own records each hosted organisation has ever numbered, in a file.

    The file lies beside the database, not in it, so that a database which is put back from
    an older copy is noticed.
    """

    path: Path

    def numbered(self) -> Mapping[OrganisationId, int]:
        """What the file says; empty when there is none.

        Raises:
            ExhaustedError: `store.fence-unreadable`.
        """
        try:
            raw = disk.read(self.path, limit=_FENCE_LIMIT, code="store.fence-unreadable")
        except FileNotFoundError:
            return {}
        found = _fence_document(raw)
        if found is None:
            raise ExhaustedError(
                "store.fence-unreadable",
                "the fence file of this data folder is damaged",
                hint="put fence.json back, or remove it and go on with `allied resume`",
            )
        return found

    def remember(self, numbered: Mapping[OrganisationId, int]) -> None:
        """Keep these numbers, on the disk before it returns; a smaller one is passed over.

        Raises:
            ExhaustedError: `store.fence-unreadable`, `disk.full` or `disk.failed`.
        """
        with self._alone():
            before = self.numbered()
            after = dict(before)
            for organisation, count in numbered.items():
                after[organisation] = max(count, before.get(organisation, 0))
            if after != before:
                document = {"format": _FENCE_FORMAT, "numbered": dict(sorted(after.items()))}
                disk.put(self.path, json.dumps(document, indent=1).encode(), replace=True)

    def require_current(self, appended: Mapping[OrganisationId, int]) -> None:
        """Return if the database has at least what the fence remembers; raise if not.

        A hosted organisation that has not numbered anything yet gets its fence here.

        Args:
            appended: what the database says of each hosted organisation.

        Raises:
            ConflictError: `store.older-than-fence`, the database was put back from an older
                copy; `store.fence-missing`, the fence of an organisation is gone.
        """
        remembered = self.numbered()
        for organisation, count in sorted(appended.items()):
            if count < remembered.get(organisation, 0):
                raise ConflictError(
                    "store.older-than-fence",
                    "the database is older than what this node has signed",
                    hint="signing on would number two records alike;"
                    " `allied resume` goes on safely",
                    facts={
                        "organisation": organisation,
                        "database": count,
                        "fence": remembered[organisation],
                    },
                )
            if count and organisation not in remembered:
                raise ConflictError(
                    "store.fence-missing",
                    "the fence of an organisation is missing, so its database may be an old copy",
                    hint="put fence.json back, or go on with `allied resume`",
                    facts={"organisation": organisation, "database": count},
                )
        fresh = {name: 0 for name in appended if name not in remembered}
        if fresh:
            self.remember(fresh)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            handle = os.open(
                self.path.with_name(self.path.name + ".lock"),
                os.O_RDWR | os.O_CREAT | os.O_CLOEXEC,
                disk.FILE_MODE,
            )
        except OSError as error:
            raise disk.fault(error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _fence_document(raw: bytes) -> Mapping[OrganisationId, int] | None:
    """The numbers in a fence file; None when it is not one."""
    try:
        found = json.loads(raw)
        if found["format"] != _FENCE_FORMAT:
            return None
        return {OrganisationId(name): int(count) for name, count in found["numbered"].items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
