"""Incidents that are over, moved out of a node by the command line, and back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from allied.node import checkpointing
from tests.cli.shell import Said, allied
from tests.cli.test_items import arrive

_FACTS = """\
format: incident/1
id: old-attack
title: An attack of last year
versions:
  - known_at: 2026-01-02T10:00:00Z
    asserted_by: river
    facts:
      kind: attack.cyber.malicious-code
      occurred_at: 2026-01-02T09:00:00Z
      severity: low
      phase: past
      acts: [{against: river, target: systems}]
"""
_LATER = "2100-01-01"


@pytest.fixture
def often() -> Iterator[None]:
    """A checkpoint is due after every record."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(checkpointing, "EVERY", 1)
        patched.setattr(checkpointing, "_FOR_EACH_PARTY", 0)
        yield


def archive(pair: Path, *words: object) -> Said:
    return allied("archive", *words, "--data", pair, "--json")


def incidents(pair: Path) -> list[str]:
    found = allied("incident", "list", "-o", "river", "--data", pair, "--json")
    return [each["title"] for each in found.value]


def reported(pair: Path, folder: Path) -> None:
    file = folder / "incident.yaml"
    file.write_text(_FACTS, encoding="utf-8")
    said = allied("incident", "report", file, "-o", "river", "-a", "river-harbour", "--data", pair)
    assert said.status == 0, said.err
    arrive(pair)


def test_an_incident_goes_into_a_file_and_comes_back(
    pair: Path, tmp_path: Path, often: None
) -> None:
    reported(pair, tmp_path)
    file = tmp_path / "old.archive"
    tried = archive(pair, "create", "river-harbour", "--before", _LATER, "--dry-run")
    assert tried.status == 0, tried.err
    assert (tried.value["incidents"], file.exists()) == (1, False)
    assert incidents(pair) == ["An attack of last year"]
    words = allied(
        "archive", "create", "river-harbour", "--before", _LATER, "--output", file, "--data", pair
    )
    assert words.status == 0, words.err
    assert "have gone into the archive: 1 incident with 1 record" in words.err
    assert file.stat().st_mode & 0o777 == 0o600
    assert incidents(pair) == []
    second = tmp_path / "two"
    again = archive(pair, "create", "river-harbour", "--before", _LATER, "--output", second)
    assert (again.status, again.code) == (3, "archive.nothing")
    assert not second.exists()
    back = archive(pair, "restore", file)
    assert back.value["records"] == 1
    assert incidents(pair) == ["An attack of last year"]
    said = allied("archive", "restore", file, "--data", pair)
    assert "Back in river-harbour: 0 incidents with 0 records and 0 texts." in said.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        pytest.param(["--before", "last year"], "archive.day", id="no day"),
        pytest.param(["--before", "2026-02-30"], "archive.day", id="a day that is none"),
        pytest.param(["--before", _LATER], "archive.no-file", id="no file"),
        pytest.param(
            ["--before", _LATER, "--output", "."], "archive.exists", id="a file that is there"
        ),
    ],
)
def test_what_cannot_be_archived_is_refused(pair: Path, words: list[str], code: str) -> None:
    assert archive(pair, "create", "river-harbour", *words).code == code


def test_a_file_that_is_no_archive_is_refused(pair: Path, tmp_path: Path) -> None:
    assert archive(pair, "restore", tmp_path / "none").code == "file.missing"
    file = tmp_path / "some.txt"
    file.write_text("hello\n", encoding="utf-8")
    assert archive(pair, "restore", file).code == "canonical.not-json"
    assert archive(pair, "restore", tmp_path).code == "file.unreadable"
