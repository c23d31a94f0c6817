"""The story as it is told, told again, and told with other intelligence."""

from __future__ import annotations

import json
import os
import socket
import stat
from pathlib import Path

import pytest

from tests.demo.conftest import Told
from tests.demo.running import HOUSES, places, told

SHARED = Path(
    os.environ.get("ALLIED_SHARED") or Path(__file__).parents[2].parent / "shared" / "data"
)
MOBILE = SHARED / "stix-attack" / "mobile-attack-17.1.json.gz"
AMNESTY = SHARED / "stix-iocs" / "amnesty"


def test_every_part_of_the_story_is_read_back_from_the_others(once: Told) -> None:
    summary = once.summary
    everybody = [(house, "store") for house in sorted(HOUSES)]
    assert [each["id"] for each in summary["organisations"]] == list(HOUSES)
    assert places(summary, "answers") == [(house, "health") for house in sorted(HOUSES)]
    assert places(summary, "the same text") == [("harbour", "store"), ("northgate", "store")]
    assert places(summary, "three signatures") == everybody
    assert places(summary, "objects arrived") == [("harbour", "store"), ("northgate", "store")]
    assert places(summary, "refused objects") == [("harbour", "store"), ("northgate", "store")]
    assert places(summary, "TAXII") == [("harbour", "taxii"), ("northgate", "taxii")]
    assert places(summary, "receipt for what it fetched") == [("river", "store")]
    assert places(summary, "River comes to the same") == [("river", "store")]
    assert places(summary, "accepted") == [("harbour", "store")]
    assert places(summary, "evidence") == [("harbour", "store")]
    assert places(summary, "discharged") == [("river", "store")]
    assert places(summary, "nothing of the incident") == [("northgate", "store")]
    assert summary["agreement"]["state"] == "in-force"
    assert summary["incident"]["state"] == "discharged"
    assert "Calls with effect: 1." in summary["incident"]["report"]


def test_amber_reaches_the_member_and_is_refused_to_the_observer_by_clause(once: Told) -> None:
    shared = once.summary["intelligence"]
    harbour, northgate = shared["harbour"], shared["northgate"]
    assert harbour["tlp"]["AMBER"] > 0
    assert {"AMBER", "AMBER+STRICT", "RED"}.isdisjoint(northgate["tlp"])
    assert northgate["held"] == northgate["permitted"] == sum(northgate["tlp"].values()) > 0
    refused = shared["files"][0]["recipients"]["northgate"]["refused"]
    assert {"code": "exchange.above-tier", "art": "1"}.items() <= refused[0].items()


def test_nothing_is_left_running_and_the_passphrase_is_for_its_owner_alone(once: Told) -> None:
    assert stat.S_IMODE((once.folder / "passphrase").stat().st_mode) == 0o600
    passphrase = (once.folder / "passphrase").read_text().strip()
    for house in HOUSES:
        assert (once.folder / house / "serve.lock").read_text() == ""
        assert passphrase not in (once.folder / f"{house}.log").read_text()


def test_told_again_where_it_was_told_with_a_port_taken_it_adds_nothing(
    once: Told, tmp_path: Path
) -> None:
    folder = once.copied(tmp_path)
    known = json.loads((folder / "demo.json").read_text())
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.listen(1)
        taken = somebody.getsockname()[1]
        known["ports"][0] = taken
        (folder / "demo.json").write_text(json.dumps(known))
        ended = told("--exit", "--json", "--data", folder)
    assert ended.status == 0, ended.words
    again = ended.summary
    assert not again["organisations"][0]["url"].endswith(f":{taken}")
    for part in ("agreement", "intelligence"):
        assert again[part] == once.summary[part]
    assert again["incident"]["id"] == once.summary["incident"]["id"]
    assert again["incident"]["obligation"] == once.summary["incident"]["obligation"]
    assert len(again["read_back"]) == len(once.summary["read_back"])


@pytest.mark.parametrize(
    ("content", "code", "status"),
    [
        pytest.param(None, "bundle.no-such-file", 3, id="no such file"),
        pytest.param(b"\x1f\x8b" + b"\xff" * 60, "bundle.bad-gzip", 1, id="damaged gzip"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_before_anything_starts(
    content: bytes | None, code: str, status: int, tmp_path: Path
) -> None:
    file, folder = tmp_path / "intel.json.gz", tmp_path / "demo"
    if content is not None:
        file.write_bytes(content)
    ended = told("--exit", "--json", "--data", folder, "--intel", file)
    assert (ended.status, ended.summary["error"]["code"]) == (status, code)
    assert "intel.json.gz" in ended.summary["error"]["message"]
    assert not folder.exists()


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("three years of work")
    ended = told("--exit", "--json", "--data", tmp_path)
    assert ended.status == 2
    assert ended.summary["error"]["code"] == "demo.folder-in-use"
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]


# --- real intelligence ------------------------------------------------------------------


@pytest.mark.skipif(not MOBILE.exists(), reason="no ../shared/data/stix-attack here")
def test_mobile_attack_goes_to_the_member(once: Told, tmp_path: Path) -> None:
    ended = told("--exit", "--json", "--data", once.copied(tmp_path), "--intel", MOBILE)
    assert ended.status == 0, ended.words
    shared = ended.summary["intelligence"]
    assert shared["files"][0]["objects"] == 2_148
    assert shared["harbour"]["permitted"] == 2_148
    assert shared["northgate"]["permitted"] == 0


@pytest.mark.soak
@pytest.mark.skipif(not AMNESTY.exists(), reason="no ../shared/data/stix-iocs here")
def test_the_indicators_of_amnesty_go_to_the_member(tmp_path: Path) -> None:
    files = sorted(AMNESTY.glob("*.gz"))
    given = [part for file in files for part in ("--intel", str(file))]
    ended = told("--exit", "--json", "--data", tmp_path / "demo", *given)
    assert ended.status == 0, ended.words
    assert len(ended.summary["intelligence"]["files"]) == len(files)
    assert ended.summary["intelligence"]["harbour"]["permitted"] >= 4_272
