"""The file of a backup: what goes in comes out, and whatever was done to it is noticed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from allied.adapters import backup
from allied.adapters.backup import Lockable, Opener, Part
from allied.adapters.clock import SystemChance
from allied.adapters.sealed import ALMOST_NONE_FOR_TESTS
from allied.errors import AlliedError, ConflictError, UsageError

CHANCE = SystemChance()
OPEN = "open sesame"
BY_PASSPHRASE, WITH_PASSPHRASE = Lockable(OPEN), Opener(OPEN)
BIG = bytes(range(256)) * 10_000


def parts(tmp_path: Path, contents: dict[str, bytes]) -> list[Part]:
    room = tmp_path / "in"
    room.mkdir(exist_ok=True)
    made = []
    for number, (name, raw) in enumerate(contents.items()):
        path = room / str(number)
        path.write_bytes(raw)
        made.append(Part(name, path))
    return made


def write(tmp_path: Path, contents: dict[str, bytes], lockable: Lockable = BY_PASSPHRASE) -> Path:
    path = tmp_path / "a.backup"
    made = parts(tmp_path, contents)
    size = backup.write(
        path, made, {"kind": "node"}, lockable, CHANCE, hardness=ALMOST_NONE_FOR_TESTS
    )
    assert size == path.stat().st_size
    return path


def read(path: Path, opener: Opener = WITH_PASSPHRASE) -> dict[str, bytes]:
    room = path.with_name(f"out-{len(list(path.parent.iterdir()))}")
    room.mkdir()
    about = backup.read(path, opener, room, CHANCE)
    assert about == {"kind": "node"}
    return {
        each.relative_to(room).as_posix(): each.read_bytes()
        for each in room.rglob("*")
        if each.is_file()
    }


@pytest.mark.parametrize(
    "contents",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"allied.db": b""}, id="an empty part"),
        pytest.param({"allied.db": BIG, "node.toml": b"port = 1\n"}, id="several chunks"),
        pytest.param({"keys/people/ab/kim.json": b"{}"}, id="a part in folders"),
        pytest.param({"allied.db": b"x" * 2**20}, id="exactly a chunk"),
    ],
)
def test_what_went_in_comes_out(tmp_path: Path, contents: dict[str, bytes]) -> None:
    path = write(tmp_path, contents)
    assert read(path) == contents
    assert path.stat().st_mode & 0o077 == 0


def test_nothing_of_it_lies_in_the_clear(tmp_path: Path) -> None:
    raw = write(tmp_path, {"allied.db": b"a very telling sentence " * 100}).read_bytes()
    assert b"telling" not in raw
    assert b"allied.db" not in raw
    assert set(json.loads(raw.split(b"\n")[0])) == {"format", "key", "lock"}


def test_a_recipient_opens_it_and_nobody_else(tmp_path: Path) -> None:
    public = backup.new_recipient(tmp_path / "secret.txt", CHANCE)
    backup.new_recipient(tmp_path / "other.txt", CHANCE)
    path = write(tmp_path, {"allied.db": BIG}, Lockable(recipient=bytes.fromhex(public)))
    secret = backup.recipient_secret(tmp_path / "secret.txt")
    assert read(path, Opener(secret=secret)) == {"allied.db": BIG}
    for opener in (Opener(OPEN), Opener(secret=backup.recipient_secret(tmp_path / "other.txt"))):
        with pytest.raises(AlliedError) as refusal:
            read(path, opener)
        assert refusal.value.code == "backup.locked"
    with pytest.raises(UsageError) as no_key:
        write(tmp_path, {}, Lockable(recipient=b"short"))
    assert no_key.value.code == "backup.recipient"
    with pytest.raises(ConflictError):
        backup.new_recipient(tmp_path / "secret.txt", CHANCE)
    with pytest.raises(UsageError) as none:
        backup.recipient_secret(tmp_path / "a.backup")
    assert none.value.code == "backup.no-secret"


def test_a_file_that_is_there_is_never_replaced(tmp_path: Path) -> None:
    path = write(tmp_path, {"allied.db": b"1"})
    before = path.read_bytes()
    with pytest.raises(ConflictError) as refusal:
        write(tmp_path, {"allied.db": b"2"})
    assert refusal.value.code == "backup.exists"
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []


def cut_to_chunks(raw: bytes, count: int) -> bytes:
    """The file up to a whole number of its chunks."""
    at = raw.index(b"\n") + 1
    for _ in range(count):
        at += 4 + int.from_bytes(raw[at : at + 4], "big")
    return raw[:at]


def swapped(raw: bytes) -> bytes:
    """Its first two chunks in the other order."""
    one, two = len(cut_to_chunks(raw, 1)), len(cut_to_chunks(raw, 2))
    start = raw.index(b"\n") + 1
    return raw[:start] + raw[one:two] + raw[start:one] + raw[two:]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param(lambda raw: raw[:-1], "backup.damaged", id="a byte short"),
        pytest.param(lambda raw: raw + b"x", "backup.damaged", id="a byte too long"),
        pytest.param(lambda raw: cut_to_chunks(raw, 2), "backup.damaged", id="cut at a chunk"),
        pytest.param(swapped, "backup.damaged", id="chunks in another order"),
        pytest.param(
            lambda raw: raw[:-100] + bytes([raw[-100] ^ 1]) + raw[-99:],
            "backup.damaged",
            id="a bit turned",
        ),
        pytest.param(
            lambda raw: raw.replace(b'{"format"', b'{ "format"', 1),
            "backup.damaged",
            id="another header",
        ),
        pytest.param(lambda _: b"", "backup.not-one", id="empty"),
        pytest.param(lambda _: b"x" * 100_000, "backup.not-one", id="anything"),
        pytest.param(lambda _: b"[" * 8_000 + b"\n", "backup.not-one", id="a deep header"),
        pytest.param(
            lambda raw: raw.replace(b"allied-backup/1", b"allied-backup/2", 1),
            "backup.not-one",
            id="a later form",
        ),
        pytest.param(
            lambda raw: raw.replace(b'"memory_kib": 8', b'"memory_kib": 99999999', 1),
            "backup.not-one",
            id="a lock that asks for all memory",
        ),
    ],
)
def test_whatever_was_done_to_it_is_noticed(
    tmp_path: Path, change: Callable[[bytes], bytes], code: str
) -> None:
    path = write(tmp_path, {"allied.db": BIG})
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(AlliedError) as refusal:
        read(path)
    assert refusal.value.code == code


@pytest.mark.parametrize("name", ["../allied.db", "/etc/x", "a/../../b", "", ".ssh", "a" * 200])
def test_a_part_is_never_taken_out_elsewhere(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, {name: b"x"})
    with pytest.raises(AlliedError) as refusal:
        read(path)
    assert refusal.value.code == "backup.damaged"


def test_a_wrong_passphrase_and_no_file_are_said(tmp_path: Path) -> None:
    path = write(tmp_path, {"allied.db": b"1"})
    for opener, code in ((Opener("other"), "backup.locked"), (Opener(), "backup.locked")):
        with pytest.raises(AlliedError) as refusal:
            read(path, opener)
        assert refusal.value.code == code
    with pytest.raises(AlliedError) as gone:
        read(tmp_path / "gone")
    assert gone.value.code == "backup.no-file"
