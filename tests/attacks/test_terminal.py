"""What another organisation wrote does not steer the terminal of who reads it."""

from __future__ import annotations

import io
import json
import sys

import pytest

from allied.entrypoints.cli import terminal

STEERING = "\x9b2J\x1b[31m\u202ereversed\x7f"


class Screen(io.StringIO):
    """Somewhere that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_json_on_a_terminal_spells_out_whatever_steers_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", screen := Screen())
    terminal.give({"title": STEERING}, as_json=True)
    assert json.loads(screen.getvalue()) == {"title": STEERING}
    assert not set("\x9b\x1b\u202e") & set(screen.getvalue())


def test_json_in_a_pipe_is_the_text_itself(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.give({"title": "Überfall"}, as_json=True)
    assert capsys.readouterr().out == '{"title": "Überfall"}\n'


def test_a_name_with_a_line_break_makes_no_row_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    terminal.table(["id", "name"], [["1", "mallory\n2   harbour  confirmed"], ["3", "river"]])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["ID", "1", "3"]
