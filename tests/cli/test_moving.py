"""A node goes from SQLite to PostgreSQL, by a move or out of a backup, and is what it was."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, select

from allied.adapters.folder import DataFolder
from allied.adapters.sql import fill_postgres, schema
from allied.adapters.sql.dialect import sqlite_engine
from allied.adapters.sql.postgres import postgres_engine
from allied.bootstrap import open_node
from allied.node.folds import Folds
from tests import postgres
from tests.cli.shell import Said, allied, bundle, found, indicator, surroundings
from tests.simulator.promises import comes_to

KEYS = {"ALLIED_BACKUP_PASSPHRASE": "another passphrase"}
SETTINGS = """\
# our node
port = 8899  # behind the proxy
"""


@pytest.fixture
def database(postgres_server: postgres.Server) -> Iterator[str]:
    with postgres_server.database() as address:
        yield address


@pytest.fixture
def house(pair: Path, tmp_path: Path) -> Path:
    """A copy of the node of two that tests may spoil, with an item shared and settings."""
    folder = Path(shutil.copytree(pair, tmp_path / "node"))
    (folder / "node.toml").write_text(SETTINGS)
    assert share(folder, 1).status == 0
    return folder


def share(folder: Path, number: int, *more: str) -> Said:
    file = folder.with_name(f"bundle-{number}.json")
    file.write_bytes(bundle(indicator(number)))
    return allied("share", file, "-a", "river-harbour", "-o", "river", *more, "--data", folder)


def rows(engine: Engine, *without: str) -> Mapping[str, list[Any]]:
    """Every row of every table, in an order of its own."""
    with engine.connect() as connection:
        found = {
            table.name: sorted(map(repr, connection.execute(select(table))))
            for table in schema.metadata.sorted_tables
            if table.name not in without
        }
    engine.dispose()
    return found


def of_file(path: Path, *without: str) -> Mapping[str, list[Any]]:
    return rows(sqlite_engine(path, busy_seconds=5), *without)


def of_server(address: str, *without: str) -> Mapping[str, list[Any]]:
    return rows(postgres_engine(address, busy_seconds=5), *without)


def shown(folder: Path) -> list[Any]:
    """What verbs show of a node, and the digest of its state."""
    verbs = ("organisation list", "agreement list", "item list -o river", "ledger list -o river")
    said = [allied(*verb.split(), "--data", folder, "--json") for verb in verbs]
    assert {each.status for each in said} == {0}, [each.err for each in said]
    with surroundings({}):
        node = open_node(folder)
    try:
        with node.store.read() as reading:
            (agreement,) = reading.agreements()
            folded = Folds().of(reading, agreement.id)
            circles = {record.header.circle for record in folded.history.order}
            numbers = (reading.appended(), reading.changes())
            return [*(each.value for each in said), comes_to(folded, circles), numbers]
    finally:
        node.close()


def test_a_node_that_moves_is_what_it_was_and_goes_on(house: Path, database: str) -> None:
    before, held = shown(house), of_file(house / "allied.db")
    fence = (house / "fence.json").read_bytes()
    moved = allied("backup", "move", "--database", database, "--data", house, "--json")
    assert moved.status == 0, moved.err
    assert moved.value["rows"] == {name: len(each) for name, each in held.items()}
    assert moved.value["rows"]["records"] >= 5

    assert of_server(database) == held
    assert shown(house) == before
    assert (house / "fence.json").read_bytes() == fence
    assert not list(house.glob("allied.db-*")) + list(house.glob("allied.db"))
    (kept,) = (house / "backups").iterdir()
    assert of_file(kept) == held
    settings = (house / "node.toml").read_text()
    assert settings.startswith(SETTINGS)
    assert settings.count("database") == 1

    # It signs on at once, and numbers that the database gives do not begin anew.
    for number, marking in ((2, "amber"), (3, "green")):
        said = share(house, number, "--tlp", marking)
        assert said.status == 0, said.err
    assert allied("sync", "--data", house).status == 0
    there = allied("item", "list", "-o", "harbour", "--data", house, "--json").value
    wanted = {indicator(number)["id"] for number in (1, 2, 3)}
    assert wanted <= {each["id"] for each in there["items"]}
    assert allied("incident", "list", "--data", house, "-o", "river").status == 0
    assert DataFolder(house).fence.numbered() != {}


def test_a_node_moves_to_the_database_that_its_settings_name(house: Path, database: str) -> None:
    before = shown(house)
    (house / "node.toml").write_text(f'"database" = "{database}"\n')
    refused = allied("agreement", "list", "--data", house, "--json")
    assert refused.code == "store.two-databases"
    assert "backup move" in refused.err + refused.out
    assert allied("backup", "move", "--data", house).status == 0
    assert (house / "node.toml").read_text() == f'"database" = "{database}"\n'
    assert shown(house) == before


def test_a_backup_is_put_back_on_a_server_and_back_into_a_file(
    house: Path, database: str, tmp_path: Path
) -> None:
    before, held = shown(house), of_file(house / "allied.db", "counters", "cursors")
    file, keys, into = tmp_path / "a.backup", tmp_path / "a.keys", tmp_path / "again"
    made = allied("backup", "create", file, "--keys", keys, "--data", house, **KEYS)
    assert made.status == 0, made.err
    there = ("--keys", keys, "--into", into, "--database", database, "--json")
    done = allied("backup", "restore", file, *there, **KEYS)
    assert done.status == 0, done.err
    assert done.value["rows"]["records"] == len(held["records"])
    assert of_server(database, "counters", "cursors") == held
    assert not list(into.glob("allied.db*"))
    elsewhere = Path(shutil.copytree(into, tmp_path / "elsewhere"))  # as a further server has it
    (elsewhere / "restored.json").unlink()
    shutil.copy(house / "fence.json", elsewhere / "fence.json")
    assert allied("sync", "--data", elsewhere, "--json").code == "store.restored"

    # As every restored node it signs nothing before it has asked how far it was.
    assert allied("sync", "--data", into, "--json").code == "store.restored"
    shutil.copy(house / "fence.json", into / "fence.json")
    resumed = allied("resume", "--data", into, "--json")
    assert resumed.status == 0, resumed.err
    assert {(each["certain"], each["incarnation"]) for each in resumed.value} == {(True, 0)}
    assert shown(into)[:-1] == before[:-1]
    assert share(into, 2).status == 0
    assert allied("sync", "--data", elsewhere, "--json").status == 0  # the twin

    # And the way back.
    after, held = shown(into), of_server(database, "counters", "cursors")
    second, last = tmp_path / "b.backup", tmp_path / "last"
    assert allied("backup", "create", second, "--data", into, **KEYS).status == 0
    assert allied("backup", "verify", second, **KEYS).status == 0
    back = allied("backup", "restore", second, "--keys", keys, "--into", last, **KEYS)
    assert back.status == 0, back.err
    assert of_file(last / "allied.db", "counters", "cursors") == held
    assert shown(last)[:-1] == after[:-1]


@pytest.mark.parametrize("there", ["a node", "another program", "nothing"])
def test_only_an_empty_database_is_filled(
    house: Path, database: str, tmp_path: Path, there: str
) -> None:
    file, into = tmp_path / "a.backup", tmp_path / "into"
    assert allied("backup", "create", file, "--data", house, **KEYS).status == 0
    if there == "a node":
        found(tmp_path / "other", "other", "Other plc", "--database", database)
    elif there == "another program":
        with psycopg.connect(database) as connection:
            connection.execute("CREATE TABLE theirs (n int)")
    held = of_file(house / "allied.db", "cursors", "counters")
    calls = [
        ("restore", file, "--into", into, "--database", database, "--json"),
        ("move", "--data", house, "--database", database, "--json"),
    ]
    for call in calls[:1] if there == "nothing" else calls:
        said = allied("backup", *call, **KEYS)
        if there == "nothing":
            assert said.status == 0, said.err
            continue
        assert (said.status, said.code) == (1, "store.not-empty")
        assert not into.exists()
        assert of_file(house / "allied.db", "cursors", "counters") == held
        assert not (house / "database.json").exists()


def older_than_its_fence(house: Path) -> None:
    numbered = DataFolder(house).fence.numbered()
    DataFolder(house).fence.remember({name: count + 1 for name, count in numbered.items()})


@pytest.mark.parametrize(
    ("before", "named", "code"),
    [
        pytest.param(None, "", "move.no-database", id="nowhere to go"),
        pytest.param(None, "postgresql://a:b@/d", "store.password-shown", id="a password shown"),
        pytest.param(None, "nonsense", "store.address", id="no address"),
        pytest.param(older_than_its_fence, None, "store.older-than-fence", id="an old copy"),
    ],
)
def test_a_node_does_not_move(
    house: Path, database: str, before: Any, named: str | None, code: str
) -> None:
    if before is not None:
        before(house)
    held = of_file(house / "allied.db")
    where = ("--database", database) if named is None else ("--database", named) if named else ()
    said = allied("backup", "move", *where, "--data", house, "--json")
    assert said.code == code
    assert of_file(house / "allied.db") == held
    assert not (house / "database.json").exists()
    assert (house / "node.toml").read_text() == SETTINGS


def test_a_node_that_is_served_or_has_moved_does_not_move(house: Path, database: str) -> None:
    where = ("--database", database, "--data", house, "--json")
    with DataFolder(house).serving():
        assert allied("backup", "move", *where).code == "node.already-serving"
    assert allied("backup", "move", *where).status == 0  # the twin
    assert allied("backup", "move", *where).code == "move.not-in-folder"


def test_a_move_that_was_cut_short_is_done_again_or_is_done(house: Path, database: str) -> None:
    """Killed before the folder is bound the node is what it was; after it a setting is missing."""
    before, held = shown(house), of_file(house / "allied.db")
    where = ("--database", database, "--data", house, "--json")
    fill_postgres(database, house / "allied.db", busy_seconds=5)  # as far as that it came
    assert shown(house) == before
    assert share(house, 2).status == 0
    assert allied("backup", "move", *where).code == "store.not-empty"
    with psycopg.connect(database) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    assert allied("backup", "move", *where).status == 0
    assert len(of_server(database)["records"]) == len(held["records"])
    assert len(of_server(database)["items"]) == len(held["items"]) + 1

    settings = (house / "node.toml").read_text()
    (house / "node.toml").write_text(SETTINGS)
    assert allied("agreement", "list", "--data", house, "--json").code == "store.not-named"
    (house / "node.toml").write_text(settings)
    assert allied("agreement", "list", "--data", house, "--json").status == 0
