"""A server logs one line for an event, and loads no library for drawing them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

_LOG = """
import logging, sys
from allied.entrypoints import logs
logs.configure("info", {form!r})
try:
    raise ValueError("of the test")
except ValueError:
    logging.getLogger("allied.test").exception("it %s", "failed")
loaded = [name for name in ("structlog", "rich", "pygments") if name in sys.modules]
import rich
print(*loaded, rich.__name__)
"""


@pytest.mark.parametrize("form", ["text", "json"])
def test_it_is_laid_out_without_a_library_for_drawing(form: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LOG.format(form=form)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == ["structlog", "rich"], done.stderr
    assert "ValueError: of the test" in done.stderr.replace("\\n", "\n")
    if form == "json":
        (line,) = done.stderr.splitlines()
        said = json.loads(line)
        assert (said["event"], said["level"]) == ("it failed", "error")
    else:
        assert "it failed" in done.stderr.splitlines()[0]
