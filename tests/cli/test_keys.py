"""`allied key`: every verb with --json, and refusals with their status."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shell import Said, allied, found


@pytest.fixture
def river(tmp_path: Path) -> Path:
    folder = tmp_path / "river"
    found(folder, "river", "River Bank plc")
    return folder


def key(folder: Path, *arguments: object) -> Said:
    return allied("key", *arguments, "--data", folder, "--json")


def recovery_of(folder: Path) -> Path:
    return folder.with_name("river-recovery-river.txt")


def test_keys_are_listed_rotated_revoked_and_taken_back(river: Path) -> None:
    before = key(river, "list").value
    by_purpose = {each["purpose"]: each["id"] for each in before}
    assert {each["state"] for each in before} == {"present", "next", "recovery"}

    file = ("--recovery-file", recovery_of(river))
    made = key(river, "rotate", *file, "--renew", "transport").value
    assert (made["descriptor"], made["changed"]) == (2, ["acts", "transport"])
    after = {each["id"]: each for each in key(river, "list").value}
    assert after[by_purpose["next"]]["purpose"] == "acts"
    assert after[by_purpose["acts"]]["state"] == "retired"

    done = key(river, "revoke", by_purpose["acts"][:12], "--because", "stolen", *file).value
    assert (done["keys"], done["incarnation"]) == ([by_purpose["acts"]], 2)

    back = key(river, "recover", *file).value
    assert (back["descriptor"], back["incarnation"]) == (4, 3)
    shown = allied("key", "list", "--data", river).out
    assert shown.count("retired") == 10
    assert shown.count("recovery file") == 2


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (("rotate", "--recovery-file", "{gone}"), 2, "keys.no-recovery-file"),
        (("rotate", "--recovery-file", "{file}", "--renew", "acts"), 2, "keys.not-rotated-alone"),
        (("recover", "--recovery-file", "{file}", "--after", "9"), 2, "keys.no-such-descriptor"),
        (("revoke", "ab" * 8, "--because", "x", "--recovery-file", "{file}"), 3, "key.unknown"),
    ],
)
def test_what_is_refused_has_a_code(
    river: Path, arguments: tuple[str, ...], status: int, code: str
) -> None:
    places = {"file": recovery_of(river), "gone": river / "gone"}
    said = key(river, *(each.format(**places) for each in arguments))
    assert (said.status, said.code) == (status, code)
