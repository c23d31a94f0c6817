"""The same story where one of the three keeps what it knows in PostgreSQL."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg

from tests import postgres
from tests.demo.running import HOUSES, Running, places


def test_the_story_is_the_same_where_one_node_is_over_postgresql(
    postgres_server: postgres.Server, tmp_path: Path
) -> None:
    folder = tmp_path / "demo"
    with postgres_server.database() as address:
        (folder / "harbour").mkdir(parents=True)
        (folder / "demo.lock").touch()  # a demonstration may live here
        (folder / "harbour" / "node.toml").write_text(f"database = {json.dumps(address)}\n")
        users = {"ALLIED_DATABASE": "postgresql://kim@db.invalid/kims-own-node"}
        with Running("--exit", "--json", "--data", folder, environment=users) as running:
            ended = running.end()
        assert ended.status == 0, ended.words
        with psycopg.connect(address) as connection:
            held = connection.execute("SELECT count(*) FROM items").fetchone()
            (label,) = connection.execute("SELECT label FROM organisations").fetchone() or ("",)
    summary = ended.summary
    assert label == "harbour"
    assert held == (summary["intelligence"]["harbour"]["held"],)
    assert not (folder / "harbour" / "allied.db").exists()
    assert (folder / "river" / "allied.db").exists()
    everybody = [(house, "store") for house in sorted(HOUSES)]
    assert places(summary, "three signatures") == everybody
    assert places(summary, "TAXII") == [("harbour", "taxii"), ("northgate", "taxii")]
    assert places(summary, "accepted") == places(summary, "evidence") == [("harbour", "store")]
    assert places(summary, "discharged") == [("river", "store")]
    assert summary["incident"]["state"] == "discharged"
    assert sum(summary["restarts"].values()) == 0
