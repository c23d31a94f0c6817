"""The units of docs/operating.md are what systemd takes them to be."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "operating.md"
PROGRAM = "/opt/allied/.venv/bin/allied"


def units(folder: Path) -> list[Path]:
    """Every unit of the page as a file, with a program that is there."""
    service, socket, template = re.findall(
        r"^```ini\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    made = {
        "allied.service": service,
        "allied.socket": socket,
        "allied@.service": re.sub(r"(?m)^ExecStart=.*\n", "", service, count=1) + template,
    }
    for name, text in made.items():
        assert PROGRAM in text or name.endswith(".socket")
        (folder / name).write_text(text.replace(PROGRAM, "/bin/true"), encoding="utf-8")
    (folder / "allied@1.service").symlink_to(folder / "allied@.service")
    return [folder / name for name in ("allied.service", "allied.socket", "allied@1.service")]


def complaints(files: list[Path]) -> str:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    found = subprocess.run(
        [program, "verify", "--man=no", *map(str, files)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    folder = files[0].parent.name
    return "\n".join(
        line for line in found.stderr.splitlines() if "allied" in line or folder in line
    )


def test_systemd_has_nothing_to_say_against_the_units(tmp_path: Path) -> None:
    assert complaints(units(tmp_path)) == ""


@pytest.mark.parametrize(
    ("known", "written", "said"),
    [
        pytest.param("ProtectHome=yes", "ProtectHouse=yes", "Unknown key", id="an unknown setting"),
        pytest.param("Restart=on-failure", "Restart=now and then", "Failed to parse", id="a value"),
    ],
)
def test_a_slip_in_a_unit_is_found(tmp_path: Path, known: str, written: str, said: str) -> None:
    files = units(tmp_path)
    text = files[0].read_text(encoding="utf-8")
    assert known in text
    files[0].write_text(text.replace(known, written), encoding="utf-8")
    assert said in complaints(files)
