"""What a fresh clone relies on: locks anybody can install from, and scripts nobody swapped."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import hatch_build

ROOT = Path(__file__).parent.parent
LOCKS = ("bootstrap", "build", "runtime", "dev")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def lock(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")


def pins(name: str) -> set[tuple[str, str]]:
    """The (distribution, version) pairs a lock names, whatever the platform."""
    return set(re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", lock(name), flags=re.MULTILINE))


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_address_and_no_place(name: str) -> None:
    text = lock(name)
    assert "://" not in text
    assert not re.search(
        r"(^|\s)(/|~|[A-Z]:\\|--(extra-)?index-url|--find-links)", text, re.MULTILINE
    )


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_has_a_hash(name: str) -> None:
    unhashed = re.findall(r"^[a-z0-9._-]+==.*(?<!\\)$", lock(name), flags=re.MULTILINE)
    assert pins(name)
    assert unhashed == []


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        pytest.param(PYPROJECT["project"]["dependencies"], "runtime", id="what the program needs"),
        pytest.param(PYPROJECT["build-system"]["requires"], "build", id="what building it needs"),
    ],
)
def test_what_is_asked_for_is_locked(asked: list[str], name: str) -> None:
    locked = pins(name)
    for requirement in map(Requirement, asked):
        versions = [v for d, v in locked if d == canonicalize_name(requirement.name)]
        assert versions, f"{requirement} is not in requirements/{name}.txt: run `make locks`"
        assert all(requirement.specifier.contains(version) for version in versions), requirement


def test_locks_installed_together_agree() -> None:
    versions: dict[str, set[str]] = {}
    for distribution, version in pins("runtime") | pins("dev"):
        versions.setdefault(distribution, set()).add(version)
    in_runtime = {distribution for distribution, _ in pins("runtime")}
    assert {d: v for d, v in versions.items() if d in in_runtime and len(v) > 1} == {}


def build(root: Path) -> Path:
    """Run the build hook with `root` as the project; where it put the scripts."""
    hook = hatch_build.CopyScripts(str(root), {}, None, None, str(root), "wheel")  # type: ignore[arg-type]
    hook.initialize("standard", {})
    return root / hatch_build.TARGET_FOLDER


def test_the_build_takes_scripts_it_knows(tmp_path: Path) -> None:
    assert {path.name for path in build(tmp_path).iterdir()} == {
        "htmx.min.js",
        "hx-sse.min.js",
        "LICENSE.txt",
    }


def test_the_build_refuses_a_script_it_does_not_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(hatch_build.SCRIPTS, "htmx.min.js", ("htmx-4.min.js", "0" * 64))
    with pytest.raises(ValueError, match=r"htmx-4\.min\.js has SHA-256"):
        build(tmp_path)
    assert not (tmp_path / hatch_build.TARGET_FOLDER / "htmx.min.js").exists()
