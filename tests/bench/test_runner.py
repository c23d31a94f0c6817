"""The table of figures says what was measured, what was not, and what went wrong."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import bench.__main__ as runner
import bench.measures
from bench.machine import describe
from bench.row import Row
from bench.run import answers, free_port, run, serving


@pytest.mark.parametrize(
    ("row", "met"),
    [
        pytest.param(Row("start", 0.2, "s", goal=0.3), True, id="faster than the goal"),
        pytest.param(Row("start", 0.3, "s", goal=0.3), True, id="exactly the goal"),
        pytest.param(Row("start", 0.4, "s", goal=0.3), False, id="slower"),
        pytest.param(Row("rate", 9, "/s", goal=5, better="more"), True, id="more than the goal"),
        pytest.param(Row("rate", 4, "/s", goal=5, better="more"), False, id="less"),
        pytest.param(Row("rate", 4, "/s"), None, id="only shown"),
    ],
)
def test_a_goal_is_met_or_missed(row: Row, met: bool | None) -> None:
    assert row.met is met


def test_each_measure_has_a_title_and_a_function() -> None:
    assert runner.names() == [
        "command_line",
        "deciding",
        "demo",
        "exchange",
        "federation",
        "fleet",
        "foundation",
        "ingest",
        "pages",
        "postgres",
        "taxii",
        "taxii_large",
    ]


def test_the_foundation_is_measured_and_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.main(["--only", "foundation", "--quick"]) == 0
    shown = capsys.readouterr().out
    for word in ("processor", "durability", "ed25519 record verified", "p256 record signed"):
        assert word in shown


def test_json_carries_machine_and_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.main(["--only", "foundation", "--quick", "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["machine"].keys() == describe().keys()
    (measure,) = value["measures"]
    assert measure["name"] == "foundation"
    assert {row["unit"] for row in measure["rows"]} == {"/s", "x"}


def test_a_measure_that_fails_stops_no_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = {
        "apart": "raise RuntimeError('it broke')",
        "absent": "raise NotMeasurable('no such thing here')",
        "plain": "yield Row('answer', 42, 'x')",
    }
    for name, text in texts.items():
        tmp_path.joinpath(f"{name}.py").write_text(
            f'"""About {name}."""\nfrom bench.row import NotMeasurable, Row\n'
            f"def measure(quick):\n    yield Row('first', 1, 'x')\n    {text}\n"
        )
    monkeypatch.setattr(bench.measures, "__path__", [str(tmp_path)])

    assert runner.main([]) == 1
    shown = capsys.readouterr().out
    assert "FAILED: RuntimeError: it broke" in shown
    assert "not measured: no such thing here" in shown
    assert "42.0 x" in shown
    assert shown.count("first") == 3

    assert runner.main(["--only", "absent", "--only", "plain"]) == 0


def test_a_process_is_timed_and_weighed() -> None:
    light = run([sys.executable, "-c", "print('here')"])
    heavy = run([sys.executable, "-c", "held = bytearray(64 * 2**20); print('here')"])
    assert light.out == heavy.out == b"here\n"
    assert (light.status, heavy.status) == (0, 0)
    assert heavy.peak_bytes - light.peak_bytes > 48 * 2**20


def test_a_process_that_hangs_is_ended() -> None:
    slept = run([sys.executable, "-c", "import time; time.sleep(60)"], limit_seconds=0.3)
    assert slept.status == -9
    assert slept.seconds < 20


def test_a_command_that_is_not_there_is_told_from_one_that_ran() -> None:
    assert run([sys.executable, "-c", "raise SystemExit(3)"]).status == 3
    assert run(["/nonexistent/command"]).status == 127


def test_a_server_is_awaited_and_ended() -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with serving(command, url, {}) as process:
        assert answers(url)
    assert process.returncode is not None
    assert not answers(url)
