"""The story goes on over killed servers, and over a killed demonstration."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.demo.running import HOUSES, Running, kill_server, server_of, told, until

SEEDS = [
    pytest.param(20, 5, id="five kills"),
    *(
        pytest.param(seed, 12, id=f"twelve kills {seed}", marks=pytest.mark.soak)
        for seed in range(8)
    ),
]


@pytest.mark.parametrize(("seed", "kills"), SEEDS)
def test_servers_killed_at_random_points_do_not_stop_the_story(
    seed: int, kills: int, tmp_path: Path
) -> None:
    chance = random.Random(seed)
    folder = tmp_path / "demo"
    done = 0
    with Running("--exit", "--json", "--data", folder) as running:
        until("the last server runs", lambda: server_of(folder, HOUSES[-1]))
        while done < kills and running.process.poll() is None:
            time.sleep(chance.uniform(0.0, 2.0))
            done += kill_server(folder, chance.choice(HOUSES))
        ended = running.end()
    assert ended.status == 0, ended.words
    assert ended.summary["incident"]["state"] == "discharged"
    assert done >= 2
    assert sum(ended.summary["restarts"].values()) >= done - 1  # the last may come at the end


@pytest.mark.parametrize(
    "found",
    [
        pytest.param("harbour/allied.db", id="while it founds", marks=pytest.mark.soak),
        pytest.param("northgate/serve.lock", id="while it introduces them"),
    ],
)
def test_a_killed_demonstration_leaves_no_servers_and_is_finished_by_the_next(
    found: str, tmp_path: Path
) -> None:
    folder = tmp_path / "demo"
    with Running("--exit", "--json", "--data", folder) as first:
        until(f"{found} is there", (folder / found).exists)
        time.sleep(1.0)
        first.kill()
    until(
        "no server is left",
        lambda: not any(server_of(folder, house) for house in HOUSES),
        seconds=20,
    )
    ended = told("--exit", "--json", "--data", folder)
    assert ended.status == 0, ended.words
    assert ended.summary["incident"]["state"] == "discharged"
