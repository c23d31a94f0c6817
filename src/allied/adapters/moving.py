"""A node's database taken from its data folder to a PostgreSQL server, and nothing else changed.

A node that is restored from a backup is behind what it signed, and has to ask its peers
before it goes on. A node that only moves is not: its own database goes over while nobody
writes to it, and its fence stays where it is.

    1   the server's database is filled, in one transaction
    2   the folder is bound to it (`database.json`): from here on it is the node's database
    3   the settings name it, if the address was given with the verb
    4   the file goes to the folder's backups, so that nobody takes it for the database

Rules. A process killed before step 2 leaves the node as it was, and a database to be emptied
before it is tried again. One killed after it leaves a node that asks for the setting
(`store.not-named`), or is ready. At no point do two databases go on.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path

from allied.adapters import disk
from allied.adapters.folder import DataFolder, toml
from allied.adapters.settings import FILE_LIMIT, Settings, without
from allied.adapters.sql import fill_postgres, held_alone, open_postgres
from allied.errors import ConflictError, UsageError
from allied.node.ports import Chance


def require_possible(folder: DataFolder, settings: Settings) -> None:
    """Return if the node keeps what it knows in its folder, and it is said where it is to go.

    Raises:
        UsageError: `move.no-database`.
        ConflictError: `move.not-in-folder`.
    """
    if not settings.database:
        raise UsageError(
            "move.no-database",
            "it is not said where the node is to go",
            hint="name an empty PostgreSQL database with --database, or in node.toml",
        )
    if folder.bound_to():
        raise ConflictError(
            "move.not-in-folder",
            "this node keeps what it knows on a server already",
            hint="back into a folder it comes by `allied backup create` and `restore`",
        )


def move(
    folder: DataFolder, settings: Settings, chance: Chance, at: datetime, *, names_it: bool
) -> Mapping[str, int]:
    """Take a node, which nobody serves, to the empty database that the settings name.

    Args:
        names_it: whether the address is to be written into the settings.

    Returns:
        How many rows each table has.

    Raises:
        ConflictError: `store.not-empty`.
        ExhaustedError: `store.in-use` and as `filling.fill_from`; `disk.full`, `disk.failed`.
    """
    with held_alone(folder.database):
        counts = _fill(folder, settings, chance, names_it=names_it)
        _put_away(folder, at)
    return counts


def settle(
    folder: DataFolder, settings: Settings, chance: Chance, *, names_it: bool
) -> Mapping[str, int]:
    """Take what a folder in the making holds to the server, and leave no file behind; as `move`."""
    counts = _fill(folder, settings, chance, names_it=names_it)
    for each in folder.root.glob("allied.db*"):
        each.unlink()
    return counts


def _fill(
    folder: DataFolder, settings: Settings, chance: Chance, *, names_it: bool
) -> Mapping[str, int]:
    """Steps 1 to 3."""
    address, busy = settings.database, settings.busy_seconds
    counts = fill_postgres(address, folder.database, busy_seconds=busy)
    with closing(open_postgres(address, chance=chance, busy_seconds=busy)) as there:
        folder.bind(there.account().name)
    if names_it:
        _name(folder, address)
    return counts


def _name(folder: DataFolder, address: str) -> None:
    """Let the settings name the database; what else stands there stays.

    Raises:
        ExhaustedError: `disk.full`, `disk.failed`.
    """
    try:
        raw = disk.read(folder.settings, limit=FILE_LIMIT, code="settings.too-long")
    except FileNotFoundError:
        raw = b""
    kept = without(raw, "database")
    if kept and not kept.endswith(b"\n"):
        kept += b"\n"
    folder.replace_settings(kept + f"database = {toml(address)}\n".encode())


def _put_away(folder: DataFolder, at: datetime) -> None:
    """Keep the file, under a name under which nobody looks for a database."""
    try:
        with closing(sqlite3.connect(folder.database)) as last:
            last.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        disk.make_folder(folder.backups)
        folder.database.replace(folder.backups / f"allied-moved-{at:%Y%m%dT%H%M%SZ}.db")
        for rest in ("allied.db-wal", "allied.db-shm"):
            Path(folder.root / rest).unlink(missing_ok=True)
        disk.flush_folder(folder.root)
    except OSError as error:
        raise disk.fault(error) from error
