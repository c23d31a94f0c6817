"""The story as it is told, told again, and told with other intelligence."""

from __future__ import annotations

import json
import signal
import socket
import stat
from pathlib import Path

import pytest

from tests.demo.conftest import Told
from tests.demo.running import AMNESTY, HOUSES, MOBILE, Running, places, server_of, told


def test_every_part_of_the_story_is_read_back_from_the_others(once: Told) -> None:
    summary = once.summary
    everybody = [(house, "store") for house in sorted(HOUSES)]
    assert [each["id"] for each in summary["organisations"]] == list(HOUSES)
    assert places(summary, "answers") == [(house, "health") for house in sorted(HOUSES)]
    assert places(summary, "the same text") == [("harbour", "store"), ("northgate", "store")]
    assert places(summary, "three signatures") == everybody
    assert places(summary, "objects arrived") == [("harbour", "store"), ("northgate", "store")]
    assert places(summary, "may not have") == [("harbour", "store"), ("northgate", "store")]
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


def test_told_again_with_a_port_taken_it_adds_nothing_and_stays_up_until_it_is_stopped(
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
        with Running("--json", "--data", folder) as running:
            assert running.process.stdout is not None
            again = json.loads(running.process.stdout.readline())
            assert all(server_of(folder, house) for house in HOUSES)
            second = told("--exit", "--json", "--data", folder)
            running.process.send_signal(signal.SIGINT)
            assert running.end().status == 0
    assert not any(server_of(folder, house) for house in HOUSES)
    assert second.summary["error"]["code"] == "demo.already-running"

    assert not again["organisations"][0]["url"].endswith(f":{taken}")
    for part in ("agreement", "intelligence"):
        assert again[part] == once.summary[part]
    for part in ("id", "obligation", "state"):
        assert again["incident"][part] == once.summary["incident"][part]
    assert len(again["read_back"]) == len(once.summary["read_back"])
    for house, link in zip(again["organisations"], again["links"], strict=True):
        assert link["organisation"] == house["id"]
        assert link["console"].startswith(f"{house['url']}/login/")


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


@pytest.mark.soak
@pytest.mark.skipif(not MOBILE.exists(), reason="no ../shared/data/stix-attack here")
def test_mobile_attack_goes_to_the_member(tmp_path: Path) -> None:
    ended = told("--exit", "--json", "--data", tmp_path / "demo", "--intel", MOBILE)
    assert ended.status == 0, ended.words
    assert ended.summary["intelligence"]["harbour"]["permitted"] == 2_148


@pytest.mark.soak
@pytest.mark.skipif(not AMNESTY.exists(), reason="no ../shared/data/stix-iocs here")
def test_the_indicators_of_amnesty_go_to_the_member(tmp_path: Path) -> None:
    files = sorted(AMNESTY.glob("*.gz"))
    given = [part for file in files for part in ("--intel", str(file))]
    ended = told("--exit", "--json", "--data", tmp_path / "demo", *given)
    assert ended.status == 0, ended.words
    assert ended.summary["intelligence"]["harbour"]["permitted"] >= 4_272
