"""A database or a backup of another release: said clearly, and nothing of it is changed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from tests.cli.shell import allied, found

BACKUP = {"ALLIED_BACKUP_PASSPHRASE": "another passphrase"}


def made_newer(folder: Path, compatible: int) -> None:
    """What a later release would have written."""
    with closing(sqlite3.connect(folder / "allied.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '0042'")
        connection.execute("UPDATE meta SET value = ? WHERE name = 'compatible'", (compatible,))
        connection.execute("UPDATE meta SET value = '9.9' WHERE name = 'release'")
    with closing(sqlite3.connect(folder / "allied.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def contents(folder: Path) -> dict[str, str]:
    """Every file that means something, by its digest."""
    passing = {".lock", "-wal", "-shm"}
    return {
        each.relative_to(folder).as_posix(): sha256(each.read_bytes()).hexdigest()
        for each in sorted(folder.rglob("*"))
        if each.is_file() and not any(each.name.endswith(end) for end in passing)
    }


@pytest.mark.parametrize(
    "verb",
    [
        pytest.param(("status",), id="looking"),
        pytest.param(("doctor",), id="doctor"),
        pytest.param(("sync",), id="sync"),
        pytest.param(("serve", "--port", "0"), id="serving"),
        pytest.param(("person", "add", "lee"), id="writing"),
        pytest.param(("key", "list"), id="keys"),
        pytest.param(("init", "--id", "river", "--name", "R"), id="founding again"),
    ],
)
def test_a_database_of_a_later_release_is_refused_and_stays_as_it_is(
    tmp_path: Path, verb: tuple[str, ...]
) -> None:
    folder = tmp_path / "river"
    found(folder, "river", "River Bank plc")
    made_newer(folder, compatible=2)
    before = contents(folder)
    said = allied(*verb, "--data", folder)
    assert said.status == 1
    assert "store.newer" in said.err
    assert "9.9" in said.err, "it says which release is needed"
    assert contents(folder) == before


def test_more_migrations_that_are_still_compatible_are_used_as_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "river"
    found(folder, "river", "River Bank plc")
    made_newer(folder, compatible=1)
    assert allied("status", "--data", folder).status == 0
    with closing(sqlite3.connect(folder / "allied.db")) as connection:
        (stamp,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    assert stamp == "0042", "an older program takes nothing back"


def test_a_backup_of_a_later_release_is_refused_and_makes_no_folder(tmp_path: Path) -> None:
    folder, file, into = tmp_path / "river", tmp_path / "a.backup", tmp_path / "again"
    found(folder, "river", "River Bank plc")
    made_newer(folder, compatible=1)
    made = allied("backup", "create", file, "--data", folder, "--json", **BACKUP)
    assert made.status == 0, made.err
    assert allied("backup", "verify", file, "--json", **BACKUP).status == 0  # the twin
    with closing(sqlite3.connect(folder / "allied.db")) as connection, connection:
        connection.execute("UPDATE meta SET value = 2 WHERE name = 'compatible'")
    refused = allied("backup", "create", tmp_path / "b", "--data", folder, "--json", **BACKUP)
    assert refused.code == "store.newer"
    assert not (tmp_path / "b").exists()
    assert not into.exists()
