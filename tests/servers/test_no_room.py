"""A server whose disk is really full: it refuses, loses nothing, and goes on when there is room.

The disk is a small file system in memory, which only who may mount one can make; elsewhere this
test is skipped, and `test_many_servers` limits the sizes of files instead.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.servers.grove import ALIAS, TREES, Grove
from tests.servers.lines import Lines

ROOM = 4 * 2**20
FULL, OTHER = TREES[:2]


class Disk:
    """A file system of its own, that can be filled up."""

    def __init__(self, at: Path) -> None:
        self.at = at
        self._filler = at / "filler"

    def fill(self) -> None:
        """Leave no block free."""
        with self._filler.open("ab", buffering=0) as file:
            try:
                while file.write(bytes(4096)) == 4096:
                    pass
            except OSError:
                return

    def free(self) -> None:
        self._filler.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    at = tmp_path / "disk"
    at.mkdir()
    program = shutil.which("mount")
    if program is None:
        pytest.skip("there is no `mount` here")
    how = ("-t", "tmpfs", "-o", f"size={ROOM}")
    made = subprocess.run([program, *how, "tmpfs", str(at)], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("only who may mount a file system can fill one up")
    try:
        yield Disk(at)
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)


@pytest.fixture
def grove(tmp_path: Path, disk: Disk) -> Iterator[Grove]:
    with ExitStack() as stack:
        lines = stack.enter_context(Lines())
        made = Grove.planted(tmp_path / "grove", lines, (FULL, OTHER), {})
        stack.callback(made.stop_all)
        site = made.sites[FULL]
        site.folder = Path(shutil.copytree(site.folder, disk.at / FULL))
        try:
            made.start_all()
            yield made
        except BaseException:
            sys.stdout.write("\n".join(made.story))
            raise


@pytest.mark.soak
def test_a_full_disk_refuses_loses_nothing_and_goes_on_when_there_is_room(
    grove: Grove, disk: Disk
) -> None:
    site = grove.sites[FULL]
    (server,) = site.servers
    assert server is not None
    grove.share(FULL)
    grove.report(FULL)
    assert len(site.items) == 2
    assert len(site.incidents) == 1
    grove.look(FULL)

    disk.fill()
    grove.share(FULL)
    grove.report(FULL)
    refused = [each for each in grove.story if "is refused: store.full" in each]
    assert len(refused) == 2, grove.story
    assert (len(site.items), len(site.incidents)) == (2, 1)
    assert server.ask("/items?limit=10", site.token)[0] == 200  # what only reads goes on
    said = site.verb(
        "proposal", "open", "-m", "body", "--body", "council", "-a", ALIAS, "--text", "Shall we?"
    )
    assert said.status != 0
    assert said.code in {"store.full", "disk.full"}, said.out

    # There is room again: the same process goes on.
    disk.free()
    grove.share(FULL)
    grove.report(FULL)
    assert (len(site.items), len(site.incidents)) == (4, 2)
    grove.look(FULL)

    # Killed on a full disk, and started when there is room.
    disk.fill()
    grove.share(FULL)
    server.kill()
    disk.free()
    grove.peace()
    grove.require_whole()
    assert len(site.items) == 4
