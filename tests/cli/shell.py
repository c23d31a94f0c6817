"""The command line inside this process, and nodes that several tests look at.

`allied(...)` is the real program from its arguments to its exit status; only the process is
missing. Where the process itself matters (a lock, a port, what is imported) the tests start one.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from allied.adapters.sealed import ALMOST_NONE_FOR_TESTS
from allied.adapters.vault import FileVault
from allied.entrypoints.cli import run

PASSPHRASE = "correct horse battery"
_CONNECTING = ("peer", "sync")


@dataclass(frozen=True)
class Said:
    """What one call came to."""

    status: int
    out: str
    err: str

    @property
    def value(self) -> Any:
        """What it gave with --json."""
        return json.loads(self.out)

    @property
    def code(self) -> str:
        """The stable code of a refusal, with --json."""
        return str(self.value["error"]["code"])


def allied(*arguments: object, **environment: str) -> Said:
    """Call the command line; the passphrase comes from the environment."""
    out, err = _stream(), _stream()
    with (
        hanging_up() if arguments and arguments[0] in _CONNECTING else contextlib.nullcontext(),
        surroundings(environment),
        quick_keys(),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        status = run([str(each) for each in arguments])
    return Said(status, _written(out), _written(err))


@contextlib.contextmanager
def hanging_up() -> Iterator[None]:
    """Let go of the block's connections at its end, as a process would, and not in a later test.

    What was there before is left out of the search for them: looking through all that a run of
    the whole suite has piled up would take seconds.
    """
    gc.freeze()
    try:
        yield
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
        gc.unfreeze()


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    return stream.buffer.getvalue().decode()  # type: ignore[attr-defined, no-any-return]


@contextlib.contextmanager
def quick_keys() -> Iterator[None]:
    """Keys that are made while the block runs are unlocked at once, not slowly on purpose."""
    defaults = FileVault.__init__.__kwdefaults__ or {}
    before = defaults["hardness"]
    defaults["hardness"] = ALMOST_NONE_FOR_TESTS
    try:
        yield
    finally:
        defaults["hardness"] = before


@contextlib.contextmanager
def surroundings(environment: dict[str, str]) -> Iterator[None]:
    """Only these ALLIED_ variables, while the block runs."""
    before = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("ALLIED_")}
    os.environ.update({"ALLIED_PASSPHRASE": PASSPHRASE} | environment)
    try:
        yield
    finally:
        for name in list(os.environ):
            if name.startswith("ALLIED_"):
                del os.environ[name]
        os.environ.update(before)


def pact() -> str:
    """The template, filled in for River and Harbour."""
    text = allied("agreement", "new").out
    for before, after in (
        ("our-pact", "river-harbour"),
        ("id: first", "id: river"),
        ("id: second", "id: harbour"),
        ("First Company", "River Bank plc"),
        ("Second Company", "Harbour Logistics SA"),
        ("first.example", "river.example"),
        ("second.example", "harbour.example"),
    ):
        text = text.replace(before, after)
    return text


def found(folder: Path, label: str, name: str, *more: str) -> Said:
    """Found a node with one organisation and its first person."""
    said = allied("init", "--id", label, "--name", name, "--data", folder, "--person", "kim", *more)
    assert said.status == 0, said.err
    return said


def now() -> str:
    """This second, as files write it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def attack(by: str = "harbour") -> str:
    """An incident file: a severe attack on Harbour, now."""
    return f"""\
format: incident/1
id: terminal-wiper
title: A wiper stops the container terminal
versions:
  - known_at: {now()}
    asserted_by: {by}
    facts:
      kind: attack.cyber.malicious-code
      occurred_at: {now()}
      severity: severe
      phase: active
      acts:
        - {{against: harbour, target: systems, systems: ["domain:terminal.harbour.example"]}}
"""


def indicator(number: int = 1, **fields: object) -> dict[str, object]:
    """A valid STIX 2.1 indicator."""
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--00000000-0000-4000-8000-{number:012x}",
        "created": "2026-03-02T09:00:00.000Z",
        "modified": "2026-03-02T09:00:00.000Z",
        "name": f"Indicator {number}",
        "pattern": f"[domain-name:value = 'n{number}.example']",
        "pattern_type": "stix",
        "valid_from": "2026-03-02T09:00:00Z",
    } | fields


def bundle(*objects: object) -> bytes:
    """A bundle of them."""
    return json.dumps(
        {
            "type": "bundle",
            "id": "bundle--00000000-0000-4000-8000-00000000b001",
            "objects": list(objects),
        }
    ).encode()
