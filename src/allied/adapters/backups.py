"""What goes into a backup of a data folder, and how a folder is made out of one again.

    node file   allied.db, one consistent state; node.toml without the database's address
    keys file   the sealed key files, apart, so that who finds one of the two has nothing

Never in a backup: the fence (it must not grow older), the lock files, the recovery file.

Rules. A folder that is there is never touched: a restore makes a new one, whole or not at
all, and marks it (`restored.json`) and the database in it: nothing is signed with either before
somebody has gone on with `allied resume`. Only parts of the names above are taken out.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from allied.adapters import backup, disk
from allied.adapters.backup import Lockable, Opener, Part
from allied.adapters.folder import DataFolder
from allied.adapters.sealed import RFC_9106, Hardness
from allied.adapters.settings import FILE_LIMIT as SETTINGS_LIMIT, without
from allied.adapters.sql import SqlStore
from allied.errors import ConflictError, MalformedError
from allied.node.ports import Chance

RESTORED: Final = "restored"
"""The cursor of a database that was put back: when; empty again once the node went on."""
_NODE, _KEYS = "node", "keys"
_KEY_FILE: Final = re.compile(r"keys/(?:people/[0-9a-f]{64}/[A-Za-z0-9-]{1,64}|[0-9a-f]{64})\.json")
_PAST: Final = 2**32
"""More numbers than a node gives between a backup and a restore, and few enough for 2^53."""


@dataclass(frozen=True, slots=True)
class Made:
    """The sizes in bytes of what was written; 0 for no keys file."""

    size: int
    keys_size: int


def create(
    folder: DataFolder,
    store: SqlStore,
    path: Path,
    lockable: Lockable,
    chance: Chance,
    about: Mapping[str, object],
    *,
    keys: Path | None = None,
    hardness: Hardness = RFC_9106,
) -> Made:
    """Write a backup of a node that may be serving, and of its keys where `keys` is given.

    Raises:
        ConflictError: `backup.exists`.
        ExhaustedError: `disk.full`, `store.full` and other faults of disk or database.
    """
    keys_size = 0
    if keys is not None:
        files = sorted(folder.keys.rglob("*.json"))
        parts = [Part(f"keys/{each.relative_to(folder.keys).as_posix()}", each) for each in files]
        told = {**about, "kind": _KEYS}
        keys_size = backup.write(keys, parts, told, lockable, chance, hardness=hardness)
    with tempfile.TemporaryDirectory(dir=folder.root, prefix=".backup-") as name:
        room = Path(name)
        copy, settings = room / "allied.db", room / "node.toml"
        store.copy(copy)
        settings.write_bytes(_settings(folder))
        parts = [Part(copy.name, copy), Part(settings.name, settings)]
        told = {**about, "kind": _NODE}
        size = backup.write(path, parts, told, lockable, chance, hardness=hardness)
    return Made(size, keys_size)


def unpack(path: Path, opener: Opener, root: Path, chance: Chance) -> Mapping[str, Any]:
    """Put a node file into `root`, which is empty; what it says of itself.

    Raises:
        MalformedError: `backup.not-a-node`; as `backup.read`.
    """
    about = backup.read(path, opener, root, chance)
    there = {each.relative_to(root).as_posix() for each in root.rglob("*") if each.is_file()}
    if about.get("kind") != _NODE or there != {"allied.db", "node.toml"}:
        raise MalformedError(
            "backup.not-a-node",
            "that backup does not hold a node",
            hint="the keys of a node are in a file of their own: give that with --keys",
        )
    return about


def restore(
    path: Path,
    opener: Opener,
    into: DataFolder,
    chance: Chance,
    at: datetime,
    *,
    keys: Path | None = None,
    settle: Callable[[DataFolder], None] = lambda _: None,
) -> Mapping[str, Any]:
    """Make a new data folder out of a backup; what the backup says of itself.

    Args:
        settle: the last step in the making of the folder, before it is put into place.

    Raises:
        ConflictError: `backup.folder-not-empty`.
        MalformedError, NotAuthorisedError: as `unpack`; `backup.not-keys`.
        ExhaustedError: `disk.full`, `disk.failed`.
    """
    root = into.root
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise ConflictError(
            "backup.folder-not-empty",
            "something is in that folder already; a node is never put over another",
            hint="name a new folder with --into",
        )
    disk.make_folder(root.parent)
    room = Path(tempfile.mkdtemp(dir=root.parent, prefix=f".{root.name}."))
    try:
        about = unpack(path, opener, room, chance)
        if keys is not None:
            _unpack_keys(keys, opener, room, chance)
        _settle(room / "allied.db", at)
        told = {
            "format": "allied-restored/1",
            "made_at": about.get("made_at"),
            "restored_at": at.isoformat(),
        }
        disk.put(DataFolder(room).restored, json.dumps(told, indent=1).encode(), replace=False)
        settle(DataFolder(room))
        room.replace(root)
        disk.flush_folder(root.parent)
    except OSError as error:
        raise disk.fault(error) from error
    finally:
        shutil.rmtree(room, ignore_errors=True)
    return about


def _unpack_keys(path: Path, opener: Opener, room: Path, chance: Chance) -> None:
    apart = room / "apart"
    disk.make_folder(apart)
    about = backup.read(path, opener, apart, chance)
    there = {each.relative_to(apart).as_posix() for each in apart.rglob("*") if each.is_file()}
    if about.get("kind") != _KEYS or not all(_KEY_FILE.fullmatch(each) for each in there):
        raise MalformedError("backup.not-keys", "that backup does not hold the keys of a node")
    if there:
        (apart / "keys").replace(room / "keys")
    shutil.rmtree(apart)


def _settle(database: Path, at: datetime) -> None:
    """Let a copy be a database that goes on: past every number that was given since it was made.

    Partners remember up to which number they have fetched; a number given again would be one
    that they pass over. The database says of itself that it was put back, wherever it is taken.
    """
    names = ", ".join(f"'{name}'" for name in ("record", "item", "change"))
    try:
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("PRAGMA journal_mode=WAL").fetchone()
            connection.execute(
                f"UPDATE counters SET value = value + ? WHERE name IN ({names})",  # noqa: S608
                (_PAST,),
            )
            connection.execute(
                "INSERT OR REPLACE INTO cursors (name, value) VALUES (?, ?)",
                (RESTORED, at.isoformat()),
            )
    except sqlite3.Error as error:
        raise MalformedError(
            "backup.not-a-node", "the database in that backup cannot be opened"
        ) from error


def _settings(folder: DataFolder) -> bytes:
    """The settings without the address of a database: it may hold a password."""
    try:
        raw = disk.read(folder.settings, limit=SETTINGS_LIMIT, code="settings.too-long")
    except FileNotFoundError:
        return b""
    return without(raw, "database")
