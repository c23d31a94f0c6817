"""A node whose database is a PostgreSQL server's: made, named, refused; and nothing given away."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import postgres
from tests.cli.shell import Said, allied, found

SECRET = "open-sesame"


@pytest.fixture(scope="module")
def database(postgres_server: postgres.Server) -> Iterator[str]:
    """The address of the database of the node that these tests look at."""
    with postgres_server.database() as address:
        yield address


@pytest.fixture(scope="module")
def river(database: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node of River Bank, founded with `--database`."""
    folder = tmp_path_factory.mktemp("server") / "river"
    found(folder, "river", "River Bank plc", "--database", database)
    return folder


def init(folder: Path, *more: str, **environment: str) -> Said:
    return allied(
        "init", "--id", "river", "--name", "River Bank plc", "--data", folder, "--json", *more,
        **environment,
    )  # fmt: skip


def settings(folder: Path, database: str) -> None:
    (folder / "node.toml").write_text(f"database = {json.dumps(database)}\n")


@pytest.fixture
def copied(river: Path, tmp_path: Path) -> Path:
    """A copy of the node's folder, as a second machine has it."""
    return shutil.copytree(river, tmp_path / "river")


# --- made and named ---------------------------------------------------------------------


def test_init_writes_where_the_database_is_and_makes_no_file_for_it(
    river: Path, database: str
) -> None:
    assert f'database = "{database}"' in (river / "node.toml").read_text()
    assert stat.S_IMODE((river / "node.toml").stat().st_mode) == 0o600
    assert stat.S_IMODE((river / "database.json").stat().st_mode) == 0o600
    assert not (river / "allied.db").exists()
    said = allied("status", "--data", river, "--json")
    assert [each["label"] for each in said.value["organisations"]] == ["river"]


def test_doctor_names_the_database_and_says_what_is_wrong_with_it(river: Path) -> None:
    said = allied("doctor", "--data", river, "--json")
    (finding,) = [each for each in said.value["findings"] if each["check"] == "database"]
    assert finding["text"].startswith("PostgreSQL 1")
    assert json.loads((river / "database.json").read_text())["database"] in finding["text"]
    assert finding["state"] == "problem"  # the tests' server is set to forget
    assert "fsync and full_page_writes" in finding["text"]
    assert said.status == 8


def test_doctor_finds_nothing_wrong_with_a_file(lone: Path) -> None:
    said = allied("doctor", "--data", lone, "--json")
    (finding,) = [each for each in said.value["findings"] if each["check"] == "database"]
    assert (finding["state"], finding["text"][:7]) == ("ok", "SQLite ")


def test_a_second_init_goes_on_and_does_not_make_another_node(river: Path, database: str) -> None:
    again = init(river, "--database", database)
    assert (again.status, again.code) == (1, "organisation.exists"), again.out
    other = allied(
        "init", "--id", "harbour", "--name", "H", "--data", river, "--json", "--database", database
    )
    assert other.code == "node.exists"


def test_the_environment_names_a_database_and_nothing_of_it_is_written(
    postgres_server: postgres.Server, tmp_path: Path
) -> None:
    folder = tmp_path / "river"
    with postgres_server.database() as address:
        assert init(folder, ALLIED_DATABASE=address).status == 0
        for file in folder.rglob("*"):
            assert not file.is_file() or address.encode() not in file.read_bytes()
        named = allied("status", "--data", folder, "--json", ALLIED_DATABASE=address)
        assert named.status == 0
        unnamed = allied("status", "--data", folder, "--json")
        assert (unnamed.status, unnamed.code) == (2, "store.not-named")
    assert not (folder / "allied.db").exists()


def test_a_copy_of_the_folder_serves_the_same_node(copied: Path) -> None:
    said = allied("status", "--data", copied, "--json")
    assert [each["label"] for each in said.value["organisations"]] == ["river"]


# --- refused ----------------------------------------------------------------------------


def test_the_database_of_another_node_is_refused(
    database: str, river: Path, copied: Path, postgres_server: postgres.Server, tmp_path: Path
) -> None:
    new = init(tmp_path / "new", "--database", database)
    assert (new.status, new.code) == (1, "store.another-node")
    with postgres_server.database() as empty:
        settings(copied, empty)
        said = allied("status", "--data", copied, "--json")
        assert (said.status, said.code) == (1, "store.another-node")
        settings(copied, database)
        assert allied("status", "--data", copied, "--json").status == 0


def test_a_folder_with_a_database_of_its_own_takes_no_other(
    lone: Path, database: str, tmp_path: Path
) -> None:
    folder = shutil.copytree(lone, tmp_path / "river")
    said = allied("status", "--data", folder, "--json", ALLIED_DATABASE=database)
    assert (said.status, said.code) == (1, "store.two-databases")
    assert allied("status", "--data", folder, "--json").status == 0


def test_init_does_not_write_over_other_settings(database: str, tmp_path: Path) -> None:
    folder = tmp_path / "river"
    folder.mkdir()
    (folder / "node.toml").write_text("port = 8812\n")
    said = init(folder, "--database", database)
    assert (said.status, said.code) == (2, "store.named-elsewhere")
    assert (folder / "node.toml").read_text() == "port = 8812\n"


@pytest.mark.parametrize(
    ("address", "code"),
    [
        pytest.param(f"postgresql://u:{SECRET}@h/d", "store.password-shown", id="a password"),
        pytest.param(f"mysql://u:{SECRET}@h/d", "store.address", id="another product"),
        pytest.param("allied.db", "store.address", id="a file"),
    ],
)
def test_an_address_that_cannot_be_used_leaves_nothing_behind(
    address: str, code: str, tmp_path: Path
) -> None:
    said = init(tmp_path / "river", "--database", address)
    assert (said.status, said.code) == (2, code)
    assert SECRET not in said.out + said.err
    assert not (tmp_path / "river").exists()


def test_a_damaged_binding_is_not_taken_for_none(copied: Path) -> None:
    (copied / "database.json").write_text("{")
    said = allied("status", "--data", copied, "--json")
    assert (said.status, said.code) == (1, "folder.bound-unreadable")


# --- nothing given away -----------------------------------------------------------------


def test_no_verb_shows_the_password_of_the_database(
    postgres_server: postgres.Server, tmp_path: Path
) -> None:
    folder = tmp_path / "river"
    with postgres_server.database() as plain:
        name = plain.split("@/")[1].split("?")[0]
        postgres_server.tell(f"CREATE ROLE {postgres.GUARDED} LOGIN PASSWORD '{SECRET}'")
        postgres_server.tell(f"ALTER DATABASE {name} OWNER TO {postgres.GUARDED}")
        right = postgres_server.address(name, f"{postgres.GUARDED}:{SECRET}")
        wrong = postgres_server.address(name, f"{postgres.GUARDED}:{SECRET}-not")
        try:
            said = [
                init(folder, ALLIED_DATABASE=right, ALLIED_TRACE="1"),
                *(
                    allied(*verb, "--data", folder, *form, ALLIED_DATABASE=each, ALLIED_TRACE="1")
                    for verb in (("status",), ("doctor",), ("organisation", "list"))
                    for form in ((), ("--json",))
                    for each in (right, wrong)
                ),
            ]
        finally:
            postgres_server.tell(f"REASSIGN OWNED BY {postgres.GUARDED} TO allied", name)
            postgres_server.tell(f"DROP OWNED BY {postgres.GUARDED} CASCADE", name)
            postgres_server.tell(f"DROP ROLE {postgres.GUARDED}")
    assert [each.status for each in said] == [0, 0, 1, 0, 1, 8, 1, 8, 1, 0, 1, 0, 1]
    assert sum("store.login" in each.out + each.err for each in said) == 6
    for each in said:
        assert SECRET not in each.out + each.err
    for file in folder.rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes()
    assert SECRET not in str(os.environ)


def test_a_backup_of_a_database_on_a_server_is_put_back_as_a_file(
    river: Path, tmp_path: Path
) -> None:
    secret = {"ALLIED_BACKUP_PASSPHRASE": "another passphrase"}
    file, keys, into = tmp_path / "a.backup", tmp_path / "a.keys", tmp_path / "again"
    made = allied("backup", "create", file, "--keys", keys, "--data", river, "--json", **secret)
    assert made.status == 0, made.err
    assert allied("backup", "verify", file, "--json", **secret).value["findings"] == []
    said = allied("backup", "restore", file, "--keys", keys, "--into", into, "--json", **secret)
    assert said.status == 0, said.err
    assert "postgresql" not in (into / "node.toml").read_text()
    before = allied("organisation", "list", "--data", river, "--json").value
    assert allied("organisation", "list", "--data", into, "--json").value == before
    assert allied("sync", "--data", into, "--json").code == "store.restored"
