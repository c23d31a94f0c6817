"""`allied backup` and `allied resume`: what comes back, and what nobody may sign twice."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from allied.adapters.folder import DataFolder
from tests.cli.shell import Said, allied, bundle, found, indicator

KEYS = {"ALLIED_BACKUP_PASSPHRASE": "another passphrase"}


@pytest.fixture
def house(pair: Path, tmp_path: Path) -> Path:
    """A copy of the node of two that tests may spoil, with an item shared."""
    folder = Path(shutil.copytree(pair, tmp_path / "node"))
    file = tmp_path / "bundle.json"
    file.write_bytes(bundle(indicator()))
    said = allied("share", file, "-a", "river-harbour", "-o", "river", "--data", folder)
    assert said.status == 0, said.err
    return folder


@pytest.fixture
def alone(tmp_path: Path) -> Path:
    folder = tmp_path / "river"
    found(folder, "river", "River Bank plc")
    return folder


def backup(verb: str, *arguments: object, **environment: str) -> Said:
    return allied("backup", verb, *arguments, "--json", **(KEYS | environment))


def test_a_backup_is_made_verified_and_put_back_somewhere_else(house: Path, tmp_path: Path) -> None:
    file, keys, into = tmp_path / "a.backup", tmp_path / "a.keys", tmp_path / "elsewhere" / "node"
    made = backup("create", file, "--keys", keys, "--data", house)
    assert made.status == 0, made.err
    assert made.value["bytes"] == file.stat().st_size
    seen = backup("verify", file).value
    assert (seen["agreements"], seen["findings"]) == (1, [])
    assert seen["records"] >= 5
    assert [each["id"] for each in seen["about"]["organisations"]] == ["harbour", "river"]

    assert backup("restore", file, "--keys", keys, "--into", into).status == 0
    for name in ("item list", "agreement list", "organisation list"):
        verb = (*name.split(), "-o", "river") if name == "item list" else name.split()
        before = allied(*verb, "--data", house, "--json").value
        assert allied(*verb, "--data", into, "--json").value == before
    assert not (into / "fence.json").exists()
    assert allied("doctor", "--data", house, "--json").status in {0, 8}


def test_nothing_is_signed_after_a_restore_before_it_is_resumed(
    alone: Path, tmp_path: Path
) -> None:
    file, keys, into = tmp_path / "a.backup", tmp_path / "a.keys", tmp_path / "again"
    backup("create", file, "--keys", keys, "--data", alone)
    backup("restore", file, "--keys", keys, "--into", into)
    for verb in (("sync",), ("serve", "--port", "0")):
        assert allied(*verb, "--data", into).status == 1
    refused = allied("sync", "--data", into, "--json")
    assert refused.code == "store.restored"

    asked = allied("resume", "--data", into, "--json")
    assert (asked.status, asked.code) == (2, "resume.needs-recovery-file")
    recovery = tmp_path / "river-recovery-river.txt"
    done = allied("resume", "--recovery-file", recovery, "--data", into, "--json")
    (river,) = done.value
    assert (river["incarnation"], river["certain"], river["unreached"]) == (1, False, [])
    synced = allied("sync", "--data", into)  # the twin
    assert synced.status == 0, synced.err
    again = allied("resume", "--data", into, "--json")
    assert (again.status, again.code) == (1, "resume.not-needed")


def test_with_the_newest_fence_the_chains_go_on(house: Path, tmp_path: Path) -> None:
    file, keys, into = tmp_path / "a.backup", tmp_path / "a.keys", tmp_path / "again"
    backup("create", file, "--keys", keys, "--data", house)
    backup("restore", file, "--keys", keys, "--into", into)
    shutil.copy(house / "fence.json", into / "fence.json")
    done = allied("resume", "--data", into, "--json")
    assert done.status == 0, done.err
    assert {each["certain"] for each in done.value} == {True}
    assert {each["incarnation"] for each in done.value} == {0}


def test_a_fence_that_is_ahead_needs_a_new_incarnation(
    house: Path, founded: Path, tmp_path: Path
) -> None:
    file, keys, into = tmp_path / "a.backup", tmp_path / "a.keys", tmp_path / "again"
    backup("create", file, "--keys", keys, "--data", house)
    backup("restore", file, "--keys", keys, "--into", into)
    numbered = dict(DataFolder(house).fence.numbered())
    ahead = {name: count + 3 for name, count in numbered.items()}
    DataFolder(into).fence.remember(ahead)
    assert allied("resume", "--data", into, "--json").code == "resume.needs-recovery-file"
    files: list[object] = []
    for label in ("river", "harbour"):
        file = tmp_path / f"{label}.txt"
        shutil.copy(founded.with_name(f"node-recovery-{label}.txt"), file)
        files += ["--recovery-file", file]
    done = allied("resume", *files, "--data", into, "--json")
    assert done.status == 0, done.err
    assert {(each["certain"], each["incarnation"]) for each in done.value} == {(False, 1)}
    assert DataFolder(into).fence.numbered() == ahead
    made = tmp_path / "more.json"
    made.write_bytes(bundle(indicator(2)))
    said = allied("share", made, "-a", "river-harbour", "-o", "river", "--data", into)
    assert said.status == 0, said.err


def test_keys_are_apart_and_sealed_as_they_were(alone: Path, tmp_path: Path) -> None:
    file, keys, into = tmp_path / "a.backup", tmp_path / "a.keys", tmp_path / "again"
    backup("create", file, "--keys", keys, "--data", alone)
    backup("restore", file, "--into", into)
    assert not (into / "keys").exists()
    wrong = backup("restore", keys, "--into", tmp_path / "third")
    assert wrong.code == "backup.not-a-node"
    swapped = backup("restore", file, "--keys", file, "--into", tmp_path / "third")
    assert swapped.code == "backup.not-keys"
    assert not (tmp_path / "third").exists()
    assert backup("restore", file, "--keys", keys, "--into", tmp_path / "third").status == 0
    before = sorted(each.read_bytes() for each in (alone / "keys").rglob("*.json"))
    assert sorted(each.read_bytes() for each in (tmp_path / "third" / "keys").rglob("*.json")) == (
        before
    )


@pytest.mark.parametrize("there", ["a node", "a file", "something else"])
def test_nothing_that_is_there_is_touched(alone: Path, tmp_path: Path, there: str) -> None:
    file, into = tmp_path / "a.backup", tmp_path / "into"
    backup("create", file, "--data", alone)
    if there == "a node":
        shutil.copytree(alone, into)
    elif there == "a file":
        into.write_text("mine")
    else:
        into.mkdir()
        (into / "mine").write_text("mine")
    before = sorted(each.name for each in into.rglob("*"))
    assert backup("restore", file, "--into", into).code == "backup.folder-not-empty"
    assert sorted(each.name for each in into.rglob("*")) == before
    shutil.rmtree(into, ignore_errors=True)
    if there == "a file":
        into.unlink()
    into.mkdir()
    assert backup("restore", file, "--into", into).status == 0  # the twin: an empty folder


SPOILT = {
    "an item's bytes": ("UPDATE bodies SET raw = x'7b7d'", "store.item-bytes"),
    "a record's bytes": (
        "UPDATE records SET raw = (SELECT raw FROM records WHERE row = 1) WHERE row = 2",
        "record.not-its-bytes",
    ),
    "a descriptor": ("UPDATE descriptors SET raw = x'7b7d'", "envelope.shape"),
    "a row of the ledger": ("UPDATE ledger SET count = count + 1 WHERE seq = 1", "ledger.broken"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_what_is_not_whole_is_found(house: Path, tmp_path: Path, name: str) -> None:
    statement, code = SPOILT[name]
    engine = create_engine(f"sqlite:///{house / 'allied.db'}")
    with engine.begin() as connection:
        assert connection.execute(text(statement)).rowcount > 0
    engine.dispose()
    file = tmp_path / "a.backup"
    assert backup("create", file, "--data", house).status == 0
    said = backup("verify", file)
    assert said.status == 8
    assert code in {each["code"] for each in said.value["findings"]}


def test_a_backup_to_a_key_needs_no_passphrase(alone: Path, tmp_path: Path) -> None:
    secret, file = tmp_path / "secret.txt", tmp_path / "a.backup"
    public = allied("backup", "key", secret, "--json").value["public"]
    made = allied("backup", "create", file, "--to", public, "--data", alone, "--json")
    assert made.status == 0, made.err
    assert allied("backup", "verify", file, "--secret", secret, "--json").status == 0
    assert backup("verify", file).code == "backup.locked"
    bad = allied("backup", "create", tmp_path / "b", "--to", "zz", "--data", alone, "--json")
    assert bad.code == "backup.recipient"


def test_without_a_passphrase_or_a_file_nothing_happens(alone: Path, tmp_path: Path) -> None:
    said = allied("backup", "create", tmp_path / "a", "--data", alone, "--json")
    assert said.code == "backup.no-passphrase"
    assert backup("verify", tmp_path / "gone").code == "backup.no-file"
    file = tmp_path / "a.backup"
    backup("create", file, "--data", alone)
    assert backup("create", file, "--data", alone).code == "backup.exists"
    assert json.loads((alone / "fence.json").read_text())["numbered"]


def test_a_served_folder_wants_online(alone: Path, tmp_path: Path) -> None:
    with DataFolder(alone).serving():
        refused = backup("create", tmp_path / "a", "--data", alone)
        assert refused.code == "node.already-serving"
        assert backup("create", tmp_path / "a", "--online", "--data", alone).status == 0
