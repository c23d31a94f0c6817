"""The data folder: whose it is, who serves it, and whether its database is an old copy."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from allied.adapters import disk
from allied.adapters.folder import DataFolder, Fence, default_root
from allied.adapters.settings import load
from allied.errors import AlliedError, ConflictError, ExhaustedError, MalformedError, UsageError
from allied.record.ids import OrganisationId
from tests.adapters.conftest import Open
from tests.adapters.contract import rows
from tests.adapters.contract.rows import ALL, HARBOUR, RIVER

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    found = DataFolder(tmp_path / "node")
    found.create()
    return found


@pytest.mark.parametrize(
    ("environ", "platform", "root"),
    [
        pytest.param({"ALLIED_DATA": "/srv/a", "HOME": "/h"}, "linux", "/srv/a", id="as asked"),
        pytest.param({"HOME": "/h"}, "linux", "/h/.local/share/allied", id="at home"),
        pytest.param(
            {"HOME": "/h", "XDG_DATA_HOME": "/x"}, "linux", "/x/allied", id="where XDG says"
        ),
        pytest.param(
            {"HOME": "/h", "XDG_DATA_HOME": "x"},
            "linux",
            "/h/.local/share/allied",
            id="XDG says a relative path, which does not count",
        ),
        pytest.param(
            {"HOME": "/h"}, "darwin", "/h/Library/Application Support/allied", id="on a Mac"
        ),
    ],
)
def test_where_the_folder_is(environ: dict[str, str], platform: str, root: str) -> None:
    assert default_root(environ, platform=platform) == Path(root)


@pytest.mark.parametrize("before", [None, 0o755, 0o700], ids=["new", "open to others", "closed"])
def test_the_folder_is_for_its_owner_alone(tmp_path: Path, before: int | None) -> None:
    root = tmp_path / "some" / "where"
    if before is not None:
        root.mkdir(parents=True)
        root.chmod(before)
    DataFolder(root).create()
    assert stat.S_IMODE(root.stat().st_mode) == 0o700


def test_a_file_in_the_way_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "node").write_text("mine")
    with pytest.raises(UsageError) as refusal:
        DataFolder(tmp_path / "node").create()
    assert refusal.value.code == "folder.not-a-folder"
    assert (tmp_path / "node").read_text() == "mine"


def test_a_folder_holds_a_node_once_its_database_is_there(folder: DataFolder) -> None:
    assert not folder.exists()
    folder.database.touch()
    assert folder.exists()


def test_first_settings_are_written_once_and_read_back(folder: DataFolder) -> None:
    address = '127.0.0.1:8811/"ä\x7f\\'
    folder.write_settings({"port": 8811, "admin": address})
    folder.write_settings({"port": 1})
    found = load(folder.settings, {})
    assert (found.port, found.admin) == (8811, address)
    assert stat.S_IMODE(folder.settings.stat().st_mode) == 0o600


# --- files ------------------------------------------------------------------------------


def test_a_file_is_there_whole_or_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "f"
    disk.put(path, b"one", replace=False)
    with pytest.raises(FileExistsError):
        disk.put(path, b"two", replace=False)
    assert path.read_bytes() == b"one"
    disk.put(path, b"two", replace=True)
    assert path.read_bytes() == b"two"
    assert [found.name for found in tmp_path.iterdir()] == ["f"]


def test_reading_stops_at_the_limit(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"12345")
    assert disk.read(tmp_path / "f", limit=5, code="x.y") == b"12345"
    with pytest.raises(MalformedError) as refusal:
        disk.read(tmp_path / "f", limit=4, code="x.y")
    assert refusal.value.code == "x.y"


def test_a_full_disk_is_called_full() -> None:
    def write_to_a_full_disk() -> None:
        with open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123 - a device, not a path of ours
            full.write(b"x")

    with pytest.raises(OSError, match="space") as error:
        write_to_a_full_disk()
    assert disk.fault(error.value).code == "disk.full"


def test_a_missing_folder_is_a_fault_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(ExhaustedError) as refusal:
        disk.put(tmp_path / "missing" / "f", b"", replace=True)
    assert refusal.value.code == "disk.failed"


# --- serving ----------------------------------------------------------------------------

SERVE = """
import sys
from pathlib import Path
from allied.adapters.folder import DataFolder
from allied.errors import ConflictError
try:
    with DataFolder(Path(sys.argv[1])).serving():
        print("serving", flush=True)
        sys.stdin.readline()
except ConflictError as refusal:
    print(refusal.code, refusal.facts["pid"], flush=True)
"""


@pytest.fixture
def servers() -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.wait(timeout=30)
        for stream in (process.stdin, process.stdout):
            if stream:
                stream.close()


def serve(folder: DataFolder) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SERVE, str(folder.root)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_second_server_on_one_folder_is_refused_and_named(
    folder: DataFolder, tmp_path: Path, servers: list[subprocess.Popen[str]]
) -> None:
    servers.append(serve(folder))
    assert said(servers[0]) == "serving"
    servers.append(serve(folder))
    assert said(servers[1]) == f"node.already-serving {servers[0].pid}"
    with pytest.raises(ConflictError) as refusal, folder.serving():
        pass
    assert str(servers[0].pid) in refusal.value.message

    elsewhere = DataFolder(tmp_path / "other")
    elsewhere.create()
    servers.append(serve(elsewhere))
    assert said(servers[2]) == "serving"


def test_servers_over_a_database_elsewhere_share_a_folder_and_none_over_a_file_joins_them(
    folder: DataFolder,
) -> None:
    with folder.serving(together=True), folder.serving(together=True):
        with pytest.raises(ConflictError) as refusal, folder.serving():
            pass
        assert refusal.value.code == "node.already-serving"
    with folder.serving(), pytest.raises(ConflictError), folder.serving(together=True):
        pass
    with folder.serving():
        pass


# --- where the database is --------------------------------------------------------------


def test_a_folder_remembers_which_database_is_its_own(folder: DataFolder) -> None:
    assert not folder.exists()
    assert folder.bound_to() == ""
    folder.bind("ab" * 16)
    assert folder.exists()
    assert folder.bound_to() == "ab" * 16
    assert stat.S_IMODE((folder.root / "database.json").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"[]", id="no object"),
        pytest.param(b'{"format": "allied-database/2", "database": "x"}', id="of a later release"),
        pytest.param(b'{"format": "allied-database/1"}', id="no name"),
        pytest.param(b'{"a":' * 1_000, id="nested"),
        pytest.param(b" " * 5_000, id="too long"),
        pytest.param(b"\xff", id="not UTF-8"),
    ],
)
def test_what_cannot_be_read_of_it_is_not_taken_for_none(folder: DataFolder, raw: bytes) -> None:
    folder.bind("x")
    (folder.root / "database.json").write_bytes(raw)
    with pytest.raises(ExhaustedError) as refusal:
        folder.bound_to()
    assert refusal.value.code == "folder.bound-unreadable"


def test_the_lock_ends_with_the_process_however_it_ends(
    folder: DataFolder, servers: list[subprocess.Popen[str]]
) -> None:
    servers.append(serve(folder))
    assert said(servers[0]) == "serving"
    servers[0].kill()
    servers[0].wait(timeout=30)
    with folder.serving():
        servers.append(serve(folder))
        assert said(servers[1]).startswith("node.already-serving")
    servers.append(serve(folder))
    assert said(servers[2]) == "serving"


# --- the fence --------------------------------------------------------------------------


def test_a_fence_only_moves_forward(folder: DataFolder) -> None:
    folder.fence.remember({RIVER: 3, HARBOUR: 0})
    folder.fence.remember({RIVER: 2})
    assert folder.fence.numbered() == {RIVER: 3, HARBOUR: 0}
    folder.fence.remember({RIVER: 4})
    assert folder.fence.numbered()[RIVER] == 4
    path = folder.root / "fence.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("remembered", "appended", "code"),
    [
        pytest.param({}, {}, "", id="nobody is hosted"),
        pytest.param({}, {RIVER: 0}, "", id="nothing numbered yet"),
        pytest.param({RIVER: 5}, {RIVER: 5}, "", id="as it should be"),
        pytest.param({RIVER: 4}, {RIVER: 5}, "", id="killed between commit and fence"),
        pytest.param({RIVER: 5}, {RIVER: 4}, "store.older-than-fence", id="an older database"),
        pytest.param({RIVER: 5}, {RIVER: 0}, "store.older-than-fence", id="a database from before"),
        pytest.param({}, {RIVER: 1}, "store.fence-missing", id="no fence at all"),
        pytest.param(
            {HARBOUR: 5}, {HARBOUR: 5, RIVER: 1}, "store.fence-missing", id="no fence of one"
        ),
        pytest.param({HARBOUR: 5}, {RIVER: 0}, "", id="one that is no longer hosted"),
    ],
)
def test_a_database_older_than_its_fence_is_noticed(
    folder: DataFolder,
    remembered: dict[OrganisationId, int],
    appended: dict[OrganisationId, int],
    code: str,
) -> None:
    folder.fence.remember(remembered)
    if not code:
        folder.fence.require_current(appended)
        assert folder.fence.numbered().keys() >= appended.keys()
        return
    with pytest.raises(ConflictError) as refusal:
        folder.fence.require_current(appended)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b'{"format": "allied-fence/2", "numbered": {}}',
        b'{"format": "allied-fence/1"}',
        b'{"format": "allied-fence/1", "numbered": {"a": "x"}}',
        b"[" * 100_000,
    ],
    ids=["empty", "cut", "a list", "another format", "no numbers", "no number", "deep"],
)
def test_a_damaged_fence_is_never_taken_for_a_missing_one(folder: DataFolder, raw: bytes) -> None:
    (folder.root / "fence.json").write_bytes(raw)
    for step in (
        folder.fence.numbered,
        lambda: folder.fence.remember({RIVER: 1}),
        lambda: folder.fence.require_current({RIVER: 0}),
    ):
        with pytest.raises(AlliedError) as refusal:
            step()
        assert refusal.value.code == "store.fence-unreadable"
    assert (folder.root / "fence.json").read_bytes() == raw


def test_a_database_put_back_from_an_older_copy_is_noticed(
    folder: DataFolder, open_sqlite: Open
) -> None:
    def number(sequence: int) -> None:
        store = open_sqlite(folder.database, fence=folder.fence)
        with store.write() as writing:
            if sequence == 1:
                writing.add_organisation(rows.organisation())
            writing.claim_sequence(ALL, RIVER, 0, sequence, rows.rid(str(sequence)))
        folder.fence.require_current(store.appended())  # the twin that passes
        store.close()

    number(1)
    older = folder.database.read_bytes()
    number(2)
    folder.database.write_bytes(older)

    store = open_sqlite(folder.database, fence=folder.fence)
    with pytest.raises(ConflictError) as refusal:
        folder.fence.require_current(store.appended())
    assert refusal.value.code == "store.older-than-fence"
    assert refusal.value.facts["fence"] == 2


def test_fences_of_many_threads_lose_nothing(folder: DataFolder) -> None:
    def remember(label: str) -> None:
        for count in range(1, 6):
            Fence(folder.root / "fence.json").remember({rows.org(label): count})

    threads = [threading.Thread(target=remember, args=(str(n),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert folder.fence.numbered() == {rows.org(str(n)): 5 for n in range(4)}
    assert json.loads((folder.root / "fence.json").read_text())["format"] == "allied-fence/1"
