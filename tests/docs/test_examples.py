"""What the documentation shows is what happens."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from allied.entrypoints.cli import run
from tests.cli.shell import hanging_up, surroundings
from tests.docs.examples import Learnt, Step, is_ours, steps

ROOT = Path(__file__).parents[2]
PAGES = [each for each in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]) if steps(each)]
PORTS = ("8811", "8812")
PATIENCE = 240.0  # for a machine that does many other things


def _free_ports() -> dict[str, str]:
    with socket.socket() as one, socket.socket() as other:
        for probe in (one, other):
            probe.bind(("127.0.0.1", 0))
        return {
            port: str(probe.getsockname()[1])
            for port, probe in zip(PORTS, (one, other), strict=True)
        }


class Bench:
    """A folder in which a page's commands are run, with ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.learnt = Learnt()
        self.ports = _free_ports()
        self.servers: list[subprocess.Popen[bytes]] = []
        kept = {name: value for name, value in os.environ.items() if "ALLIED" not in name}
        path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
        self.environment = kept | {"PATH": path, "HOME": str(folder)}

    def elsewhere(self, text: str) -> str:
        """`text` with the ports of this run."""
        for port, free in self.ports.items():
            text = text.replace(port, free)
        return text

    def do(self, step: Step) -> None:
        """Run one step and hold it against the page."""
        if step.file:
            (self.folder / step.file).write_text(step.content, encoding="utf-8")
            return
        command = self.elsewhere(self.learnt.put(step.command))
        if command.startswith("export "):
            name, _, value = command.removeprefix("export ").partition("=")
            self.environment[name] = value.strip("'\"")
            return
        if command.endswith(" &"):
            self._serve(command.removesuffix(" &"))
            return
        said = self._call(command) if is_ours(command) else self._shell(command)
        wanted = tuple(self.elsewhere(line) for line in step.said)
        differs = self.learnt.compare(wanted, said.split("\n"))
        assert not differs, f"{step.command}: {differs}\n\n{said}"

    def _call(self, command: str) -> str:
        """The program inside this process: starting one costs more than most verbs."""
        stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
        given = {name: value for name, value in self.environment.items() if "ALLIED" in name}
        with (
            hanging_up(),
            surroundings(given),
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(stream),
            contextlib.redirect_stderr(stream),
        ):
            run(shlex.split(command)[1:])
        stream.seek(0)
        return stream.read()

    def _shell(self, command: str) -> str:
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=PATIENCE,
            check=False,
        ).stdout

    def _serve(self, command: str) -> None:
        words = command.split()
        port = int(words[words.index("--port") + 1])
        self.servers.append(
            subprocess.Popen(
                ["bash", "-c", f"exec {command}"],
                cwd=self.folder,
                env=self.environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        pytest.fail(f"nothing listens after {command}")


@contextmanager
def _bench(folder: Path) -> Iterator[Bench]:
    bench = Bench(folder)
    try:
        yield bench
    finally:
        for server in bench.servers:
            server.terminate()
        for server in bench.servers:
            server.wait(timeout=PATIENCE)


@pytest.mark.parametrize("paper", PAGES, ids=lambda paper: str(paper.relative_to(ROOT)))
def test_the_examples_of_a_page_are_true(paper: Path, tmp_path: Path) -> None:
    with _bench(tmp_path) as bench:
        for step in steps(paper):
            bench.do(step)


def test_there_are_examples_to_test() -> None:
    assert ROOT / "docs" / "quickstart.md" in PAGES
