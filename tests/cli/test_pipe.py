"""What happens when whoever reads our output has gone."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["agreement", "new", "--template", "north-atlantic-treaty"], id="an answer"),
        pytest.param(["agreement", "show", "nothing", "--json"], id="a refusal as JSON"),
    ],
)
def test_a_closed_pipe_ends_the_program_without_a_word(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "allied", *arguments],
            stdout=writing,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writing)
    assert b"Traceback" not in ended.stderr
    assert ended.returncode == 1
