"""What the program says about itself, and what saying it costs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from allied import __version__
from allied.entrypoints.cli import build
from tests.cli.shell import allied


def _verbs(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from _verbs(below, (*path, name))


VERBS = dict(_verbs(typer.main.get_command(build())))


@pytest.mark.parametrize("path", VERBS, ids=lambda path: " ".join(path) or "allied")
def test_every_verb_says_what_it_is_for(path: tuple[str, ...]) -> None:
    said = allied(*path, "--help")
    assert said.status == 0
    assert said.out.startswith("Usage: allied")
    assert VERBS[path].help


@pytest.mark.parametrize("path", VERBS, ids=lambda path: " ".join(path) or "allied")
def test_every_option_says_what_it_is_for(path: tuple[str, ...]) -> None:
    for option in VERBS[path].params:
        assert getattr(option, "help", None), option.name


LEAVES = [path for path, command in VERBS.items() if not hasattr(command, "commands")]
HEAVY = {"sqlalchemy", "fastapi", "uvicorn", "cryptography", "httpx2", "pydantic", "jinja2"}
WITHOUT_JSON = {("serve",), ("agreement", "new")}


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_verb_gives_json_that_gives_data(path: tuple[str, ...]) -> None:
    options = {name for option in VERBS[path].params for name in option.opts}
    assert ("--json" in options) != (path in WITHOUT_JSON)


def test_no_verb_takes_a_passphrase_as_an_argument() -> None:
    every = {
        name for command in VERBS.values() for option in command.params for name in option.opts
    }
    assert "--passphrase-file" in every
    files = {"--passphrase-file", "--backup-passphrase-file"}
    assert not {name for name in every if "pass" in name} - files


def test_the_version_is_that_of_the_package() -> None:
    said = allied("--version")
    assert (said.status, said.out) == (0, f"{__version__}\n")


def test_help_imports_no_database_no_web_and_no_cryptography() -> None:
    program = (
        "import sys\n"
        "from allied.entrypoints.cli import run\n"
        "assert run(['--help']) == 0\n"
        "print(*sys.modules, file=sys.stderr)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    loaded = set(ran.stderr.split())
    assert "typer" in loaded
    assert not loaded & HEAVY
