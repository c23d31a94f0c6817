"""Real servers that are killed, run out of disk, have wrong clocks and bad lines: one state.

Each site has a folder of its own, on loopback; some keep what they know on PostgreSQL, with
two servers each. Whatever happens, in the end all hold the same, nothing that a site has said
or signed is lost, and no decision differs. `make test` plays one short story, `make soak` a
long one with seven; the seed of a long one is printed, and SERVERS_SEED plays it again (the
steps are the same, where exactly a process dies is not).
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType

import pytest

from tests import postgres
from tests.servers.grove import TREES, Grove, at_once
from tests.servers.lines import BAD, FINE, TORN, Lines

STEPS = int(os.environ.get("SERVERS_STEPS", "60"))
SEED = int(os.environ.get("SERVERS_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)
MOST_QUESTIONS = 3
HAPPENINGS = (
    *("work", "work", "work", "put", "vote", "kill", "kill"),
    *("line", "line", "disk", "clock", "crowd"),
)
EARLY = "elm"
"""Who closes questions too early, its clock being ahead; the agreement tolerates one such."""


@contextmanager
def planted(
    root: Path,
    server: postgres.Server,
    trees: Sequence[str],
    on_a_server: Sequence[str],
    off: Mapping[str, int] = MappingProxyType({}),
) -> Iterator[Grove]:
    """A grove whose servers all answer; its story is printed if something goes wrong."""
    with Lines() as lines:
        databases = {}
        doors = []
        for tree in on_a_server:
            door = server.database()
            databases[tree] = door.__enter__()
            doors.append(door)
        try:
            grove = Grove.planted(root, lines, trees, databases)
            for tree, days in off.items():
                grove.sites[tree].days = days
            try:
                grove.start_all()
                yield grove
            except BaseException:
                sys.stdout.write("\n".join(grove.story))
                raise
            finally:
                grove.stop_all()
        finally:
            for door in doors:
                with suppress(StopIteration):
                    door.__exit__(None, None, None)


def test_a_kill_a_full_disk_a_wrong_clock_and_a_dead_line(
    tmp_path: Path, postgres_server: postgres.Server
) -> None:
    trees, off = TREES[:3], {"cedar": -40}
    with planted(tmp_path / "grove", postgres_server, trees, ["birch"], off) as grove:
        grove.line("cedar", TORN)
        grove.put("ash")
        grove.fill_disk("ash")
        grove.kill("birch", 0, 0.05)
        at_once(
            lambda: grove.report("birch", 0),
            lambda: grove.report("birch", 1),
            lambda: grove.share("cedar"),
            lambda: grove.report("ash"),
        )
        for tree in trees:
            grove.look(tree)
        grove.peace()
        grove.require_whole()
        assert any("is refused: store." in each for each in grove.story), grove.story
        assert len(grove.outcomes) == 1


@pytest.mark.soak
def test_seven_sites_in_any_weather_come_to_one_state(
    tmp_path: Path, postgres_server: postgres.Server, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\nSERVERS_SEED={SEED} SERVERS_STEPS={STEPS}\n")
    chance = random.Random(SEED)
    root = tmp_path / "grove"
    with planted(root, postgres_server, TREES, ["birch", "fir"]) as grove:
        grove.tell(f"SERVERS_SEED={SEED} SERVERS_STEPS={STEPS}")
        full: set[str] = set()
        questions = 0
        for number in range(STEPS):
            tree = chance.choice(TREES)
            which = chance.randrange(len(grove.sites[tree].servers))
            match chance.choice(HAPPENINGS):
                case "work":
                    others = [chance.choice(TREES) for _ in range(3)]
                    at_once(
                        *(lambda at=at: grove.share(at) for at in others),
                        lambda at=tree, one=which: grove.report(at, one),
                    )
                case "put" if questions < MOST_QUESTIONS:
                    grove.put(tree)
                    questions += 1
                case "vote":
                    grove.vote(tree, chance.choice(("yes", "no", "abstain")))
                case "kill":
                    other = chance.choice(TREES)
                    grove.kill(tree, which, chance.uniform(0.0, 0.5))
                    at_once(
                        lambda at=tree, one=which: grove.report(at, one),
                        lambda at=tree, one=which: grove.share(at, one),
                        lambda at=other: grove.share(at),
                    )
                    grove.look(tree)
                    grove.revive()
                case "line":
                    grove.line(tree, chance.choice((FINE, *BAD)))
                case "disk" if tree in full:
                    grove.free_disk(tree)
                    full.discard(tree)
                case "disk" if len(grove.sites[tree].servers) == 1:
                    grove.fill_disk(tree)
                    full.add(tree)
                case "crowd":
                    grove.crowd(tree)
                case "clock":
                    ahead = (2, 400) if tree == EARLY else ()
                    grove.set_clock(tree, chance.choice((0, -400, -30, -3, *ahead)))
                    full.discard(tree)
                case _:
                    pass
            if number % 10 == 9:
                for each in TREES:
                    grove.look(each)
        if not questions:
            grove.put("ash")
        grove.peace()
        grove.require_whole()
        with capsys.disabled():
            sys.stdout.write(
                f"{len(grove.outcomes)} decisions,"
                f" {sum(len(each.items) for each in grove.sites.values())} objects,"
                f" {max(len(each.signed) for each in grove.sites.values())} records,"
                f" {grove.lost} requests without an answer\n"
            )
