"""What a release left on the disks of others is opened by this program, and nothing is lost."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Boolean, MetaData, delete, insert

from allied.adapters.clock import HandClock, SystemChance
from allied.adapters.sql import open_postgres, schema
from allied.adapters.sql.dialect import WRITES, sqlite_engine
from allied.adapters.sql.forms import SHAPE, Shape
from allied.adapters.sql.postgres import postgres_engine
from allied.node import incidents
from allied.node.node import Actor, Node
from allied.node.rows import Organisation
from tests import postgres
from tests.adapters.conftest import Open, open_sqlite
from tests.adapters.test_database_file import form, next_release
from tests.node.hands import ATTACK
from tests.node.network import PASSPHRASE
from tests.released.make import DATABASE, FOLDERS, LEFT, SAID, digest_of, opened, said, unfrozen

__all__ = ["open_sqlite"]

ROOT = Path(__file__).parents[2]
FROZEN = sorted(each for each in FOLDERS.iterdir() if (each / DATABASE).exists())
ANEW = "write it anew: `python -m tests.released.make`; once it was released, write a migration"


@pytest.fixture(scope="module", params=FROZEN, ids=lambda each: str(each.name))
def frozen(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


@pytest.fixture(scope="module")
def as_it_lay(frozen: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unfrozen(frozen, tmp_path_factory.mktemp("released") / "node")


@pytest.fixture
def folder(as_it_lay: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(as_it_lay, tmp_path / "node"))


def told(frozen: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((frozen / SAID).read_text(encoding="utf-8"))
    return found


def clock_of(frozen: Path) -> HandClock:
    return HandClock(datetime.fromisoformat(told(frozen)["at"]))


def counted(path: Path) -> dict[str, int]:
    """How many rows each table has."""
    with closing(sqlite3.connect(path)) as connection:
        names = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if not name.startswith("sqlite_")
        ]
        return {
            name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608
            for name in names
        }


def plain(path: Path) -> dict[str, str]:
    return {name: made for name, made in form(path).items() if name != "alembic_version"}


def migrated(path: Path, revision: str, scripts: Path = SHAPE.scripts) -> Path:
    """An empty database, brought to a revision by the migrations alone."""
    config = Config()
    config.set_main_option("script_location", str(scripts))
    engine = sqlite_engine(path, busy_seconds=1)
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()
    return path


# --- what was left ----------------------------------------------------------------------------


def test_every_revision_has_a_folder_with_something_in_every_table() -> None:
    revisions = [f"{number:04d}" for number in range(1, int(schema.REVISION) + 1)]
    assert [each.name for each in FROZEN] == revisions, ANEW


def test_no_table_of_it_is_empty(frozen: Path, as_it_lay: Path) -> None:
    rows = counted(as_it_lay / "allied.db")
    assert [name for name, count in rows.items() if not count] == []
    if frozen.name == schema.REVISION:
        assert rows.keys() - {"alembic_version"} == set(schema.metadata.tables)


def test_a_revision_keeps_the_form_that_was_left(
    frozen: Path, as_it_lay: Path, tmp_path: Path
) -> None:
    made = migrated(tmp_path / "made.db", frozen.name)
    assert plain(made) == plain(as_it_lay / "allied.db"), ANEW


def test_a_revision_that_is_changed_afterwards_is_found_out(
    as_it_lay: Path, tmp_path: Path
) -> None:
    scripts = Path(shutil.copytree(SHAPE.scripts, tmp_path / "migrations"))
    first = scripts / "versions" / "0001_first.py"
    known = 'sa.Column("alias", WORDS, nullable=False),'
    assert known in first.read_text()
    first.write_text(first.read_text().replace(known, known.replace("False", "True"), 1))
    made = migrated(tmp_path / "made.db", "0001", scripts)
    assert plain(made) != plain(as_it_lay / "allied.db")


def require_left(changelog: str) -> None:
    """Each release of the changelog has left its folder, as it is here."""
    for release in re.findall(r"^## \[(\d[^\]]*)\]", changelog, re.MULTILINE):
        assert release in LEFT, f"freeze what {release} leaves: tests/released/make.py, LEFT"
    for left in LEFT.values():
        assert digest_of(FOLDERS / left.revision) == left.digest


def test_what_a_release_has_left_stays() -> None:
    require_left((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    with pytest.raises(AssertionError, match="freeze what"):
        require_left("## [99.0.0] - 2036-01-01\n")


# --- what becomes of it -----------------------------------------------------------------------


def test_it_is_opened_and_says_what_it_said(frozen: Path, folder: Path, tmp_path: Path) -> None:
    node = opened(folder, at=clock_of(frozen))
    expected = told(frozen)
    assert {"at": expected["at"], **said(node, expected["agreement"])} == expected
    node.store.close()
    assert plain(folder / "allied.db") == plain(migrated(tmp_path / "new.db", schema.REVISION))


def test_it_goes_on_signing_where_it_was(frozen: Path, folder: Path) -> None:
    node = opened(folder, at=clock_of(frozen))
    (own,) = _hosted(node)
    keys = node.vault.unlock(PASSPHRASE)
    before = told(frozen)
    raw = ATTACK.replace(b"terminal-wiper", b"another").replace(b"harbour\n", b"river\n")
    raw = raw.replace(b"against: harbour", b"against: river")
    incidents.report(node, Actor(own, keys, "kim"), raw, "i.yaml", before["agreement"])
    after = said(node, before["agreement"])
    assert len(after["incidents"]) == len(before["incidents"]) + 1  # type: ignore[arg-type]
    assert after["problems"] == []
    node.store.close()


def further(frozen: Path, tmp_path: Path) -> Shape:
    """What the folder is brought to: the present form, or that of a release to come."""
    return SHAPE if frozen.name != schema.REVISION else next_release(tmp_path)


def test_a_migration_finds_everything(
    frozen: Path, folder: Path, tmp_path: Path, open_sqlite: Open
) -> None:
    """Of the newest revision: a column more and a table that is rebuilt, as a later one has it."""
    node = opened(folder, at=clock_of(frozen))
    node.store.close()
    rows = counted(folder / "allied.db")
    later = open_sqlite(folder / "allied.db", shape=further(frozen, tmp_path))
    expected = told(frozen)
    found = said(replace(node, store=later), expected["agreement"])
    assert {"at": expected["at"], **found} == expected
    assert counted(folder / "allied.db") == rows
    later.close()


def test_a_migration_on_a_server_finds_everything(
    frozen: Path, folder: Path, tmp_path: Path, postgres_server: postgres.Server
) -> None:
    node = opened(folder, at=clock_of(frozen))
    with postgres_server.database() as address:
        _fill(address, unfrozen(frozen, tmp_path / "older") / "allied.db", frozen.name)
        shape = further(frozen, tmp_path)
        later = open_postgres(address, chance=SystemChance(), busy_seconds=15.0, shape=shape)
        expected = told(frozen)
        found = said(replace(node, store=later), expected["agreement"])
        later.close()
    node.store.close()
    assert {"at": expected["at"], **found} == expected


def _fill(address: str, source: Path, revision: str) -> None:
    """A database on a server as the program of a revision made it, with the rows of a file."""
    config = Config()
    config.set_main_option("script_location", str(SHAPE.scripts))
    engine = postgres_engine(address, busy_seconds=5)
    tables = MetaData()
    with (
        closing(sqlite3.connect(source)) as file,
        engine.execution_options(**{WRITES: True}).begin() as connection,
    ):
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        tables.reflect(connection)
        connection.execute(delete(tables.tables["counters"]))
        for table in tables.sorted_tables:
            if table.name == "alembic_version":
                continue
            names = [each.name for each in table.columns]
            flags = [isinstance(each.type, Boolean) for each in table.columns]
            listed = ", ".join(f'"{name}"' for name in names)
            for row in file.execute(f'SELECT {listed} FROM "{table.name}"'):  # noqa: S608
                values = [
                    bool(value) if flag and value is not None else value
                    for value, flag in zip(row, flags, strict=True)
                ]
                connection.execute(insert(table), dict(zip(names, values, strict=True)))
    engine.dispose()


def _hosted(node: Node) -> Sequence[Organisation]:
    with node.store.read() as reading:
        return reading.organisations()
