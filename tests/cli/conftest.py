"""Nodes that are founded once for all tests: unlocking keys is slow on purpose."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.shell import allied, found, pact


@pytest.fixture(scope="session")
def lone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node with River Bank alone."""
    folder = tmp_path_factory.mktemp("lone") / "river"
    found(folder, "river", "River Bank plc")
    return folder


@pytest.fixture(scope="session")
def pair(founded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node that hosts River and Harbour, with their pact in force; tests share under it."""
    return Path(shutil.copytree(founded, tmp_path_factory.mktemp("pair") / "node"))


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same node as it began; to be copied, and written to by nobody."""
    root = tmp_path_factory.mktemp("pair")
    folder = root / "node"
    found(folder, "river", "River Bank plc")
    second = ("--id", "harbour", "--name", "Harbour Logistics SA", "--person", "lee")
    assert allied("organisation", "add", *second, "--data", folder).status == 0
    text = root / "pact.yaml"
    text.write_text(pact())
    here = ("--data", folder)
    assert allied("agreement", "propose", text, "-o", "river", *here).status == 0
    for party in ("river", "harbour"):
        assert allied("agreement", "sign", "river-harbour", "-o", party, *here).status == 0
    return folder
