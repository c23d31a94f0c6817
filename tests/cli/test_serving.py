"""Verbs beside a running server: locks, ports, strangers' fingerprints."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.shell import PASSPHRASE, allied, found

PATIENCE = 240.0  # for a machine that does many other things


@dataclass(frozen=True)
class Server:
    """A node that is being served by another process."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _process(folder: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    program = [sys.executable, "-m", "allied", "serve", "--data", str(folder), *more]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ALLIED_")}
    with subprocess.Popen(
        program,
        env=kept | {"ALLIED_PASSPHRASE": PASSPHRASE},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder, port = tmp_path_factory.mktemp("served") / "harbour", _free_port()
    found(folder, "harbour", "Harbour Logistics SA", "--url", f"http://127.0.0.1:{port}")
    with _process(folder, "--port", str(port)) as process:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            assert process.poll() is None
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield Server(folder, port)


@pytest.fixture(scope="module")
def visitor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node of its own, because it makes acquaintances that others would trip over."""
    folder = tmp_path_factory.mktemp("visitor") / "river"
    found(folder, "river", "River Bank plc")
    return folder


def test_a_second_server_on_one_folder_is_refused(server: Server) -> None:
    with _process(server.folder, "--port", str(_free_port())) as second:
        _, words = second.communicate(timeout=PATIENCE)
    assert second.returncode == 1
    assert "[node.already-serving]" in words


def test_a_port_that_is_taken_is_said_so(server: Server, lone: Path) -> None:
    with _process(lone, "--port", str(server.port)) as second:
        _, words = second.communicate(timeout=PATIENCE)
    assert second.returncode == 2
    assert "[serve.address]" in words


def test_verbs_work_beside_the_server(server: Server) -> None:
    here = ("--data", server.folder, "--json")
    assert allied("doctor", *here).status == 0
    assert allied("sync", *here).status == 0
    link = allied("person", "link", *here).value
    assert link["url"].startswith(f"{server.url}/login/")
    token = allied("token", "create", "--role", "analyst", *here).value
    assert token["token"] == f"{token['id']}.{token['secret']}"


def test_7_a_fingerprint_that_differs_is_never_passed_over(server: Server, visitor: Path) -> None:
    (own,) = allied("organisation", "list", "--data", visitor, "--json").value
    (theirs,) = allied("organisation", "list", "--data", server.folder, "--json").value
    add = ("peer", "add", server.url, "--data", visitor, "--json")

    said = allied(*add, "--fingerprint", own["fingerprint"])
    assert (said.status, said.code) == (7, "peer.fingerprint-differs")
    assert allied("peer", "list", "--data", visitor, "--json").value == []

    unheard = allied(*add)
    assert (unheard.status, unheard.value["confirmed"]) == (0, False)
    confirmed = allied(*add, "--fingerprint", theirs["fingerprint"].lower())
    assert (confirmed.status, confirmed.value["confirmed"]) == (0, True)
