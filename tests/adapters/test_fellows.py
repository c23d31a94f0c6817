"""What serving processes over one database tell each other; alone, and as several."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import psycopg
import pytest

from allied.adapters.sql.fellows import PostgresFellows
from allied.errors import ExhaustedError
from allied.node.fellows import Alone, Fellows
from tests import postgres
from tests.adapters.conftest import Open
from tests.adapters.contract.rows import HARBOUR, RIVER

NONCE = "ab" * 16
Join = Callable[[], PostgresFellows]


@pytest.fixture
def join(open_postgresql: Open, own_database: str) -> Iterator[Join]:
    """Lets one more process serve the same node; all of them leave in the end."""
    open_postgresql()
    joined: list[PostgresFellows] = []

    def joining(schema: str = "") -> PostgresFellows:
        more = f"&options=-csearch_path%3D{schema}" if schema else ""
        one = PostgresFellows(own_database + more, wait_seconds=5)
        joined.append(one)
        return one

    yield joining
    for one in joined:
        one.close()


@pytest.fixture(params=["alone", "postgresql"])
def single(request: pytest.FixtureRequest) -> Fellows:
    """One process and no other."""
    if request.param == "alone":
        return Alone()
    joining: Join = request.getfixturevalue("join")
    return joining()


def end_all(server: postgres.Server) -> None:
    """Let the server end every connection but the one that asks."""
    server.tell(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )


def until(look: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# --- by itself --------------------------------------------------------------------------


def test_who_is_alone_keeps_up_and_hears_its_own_hints_once(single: Fellows) -> None:
    assert single.is_keeper()
    assert single.is_keeper()
    single.hint(RIVER)
    single.hint(HARBOUR)
    single.hint(RIVER)
    assert single.hinted() == sorted([RIVER, HARBOUR])
    assert single.hinted() == []
    assert single.is_first(RIVER, NONCE, 2_000, 1_000.0)
    single.close()


# --- together ---------------------------------------------------------------------------


def test_one_of_several_keeps_up_and_is_followed_when_it_leaves(join: Join) -> None:
    first, second, third = join(), join(), join()
    assert [each.is_keeper() for each in (first, second, third)] == [True, False, False]
    assert [each.is_keeper() for each in (third, second, first)] == [False, False, True]
    first.close()
    until(second.is_keeper)
    assert not third.is_keeper()
    assert not first.is_keeper()  # it came back, and somebody else has it


def test_who_lost_its_connection_is_not_the_keeper_until_it_has_the_lock_again(
    join: Join, postgres_server: postgres.Server
) -> None:
    first, second = join(), join()
    assert first.is_keeper()
    assert not second.is_keeper()
    end_all(postgres_server)
    for each in (first, second):
        with pytest.raises(ExhaustedError) as refusal:
            each.is_keeper()
        assert refusal.value.code == "store.unreachable"
    assert second.is_keeper()
    assert not first.is_keeper()


def test_a_hint_reaches_the_keeper_from_every_process_and_nobody_else(join: Join) -> None:
    keeper, other, third = join(), join(), join()
    assert keeper.is_keeper()
    assert not other.is_keeper()
    assert not third.is_keeper()
    other.hint(RIVER)
    keeper.hint(HARBOUR)
    heard: set[str] = set()

    def hear() -> bool:
        assert keeper.is_keeper()
        heard.update(keeper.hinted())
        return heard == {RIVER, HARBOUR}

    until(hear)
    assert not third.is_keeper()
    assert third.hinted() == other.hinted() == []
    keeper.close()
    until(third.is_keeper)
    assert third.hinted() == [], "what another was told is not done again"


def test_a_hint_that_cannot_be_passed_on_is_no_failure(
    join: Join, postgres_server: postgres.Server
) -> None:
    keeper, other = join(), join()
    assert keeper.is_keeper()
    assert not other.is_keeper()
    end_all(postgres_server)
    other.hint(RIVER)  # lost: the peer is asked by itself sooner or later
    assert not keeper.hinted()


def test_a_nonce_is_used_up_for_all_processes(join: Join) -> None:
    first, second = join(), join()
    assert first.is_first(RIVER, NONCE, 2_000, 1_000.0)
    assert not second.is_first(RIVER, NONCE, 2_000, 1_000.0)
    assert not first.is_first(RIVER, NONCE, 2_000, 1_000.0)
    assert second.is_first(HARBOUR, NONCE, 2_000, 1_000.0)  # of another caller
    assert second.is_first(RIVER, "cd" * 16, 2_000, 1_000.0)


def test_nonces_are_forgotten_a_while_after_they_expired(join: Join, open_postgresql: Open) -> None:
    def kept() -> list[int]:
        with open_postgresql().engine.connect() as connection:
            found = connection.exec_driver_sql("SELECT expires FROM nonces ORDER BY 1")
            return list(found.scalars())

    one = join()
    for n, expires in enumerate((1_000, 1_050, 2_000)):
        assert one.is_first(RIVER, f"{n:032x}", expires, 900.0)
    one.close()
    assert kept() == [1_000, 1_050, 2_000]
    assert join().is_first(RIVER, "ef" * 16, 3_000, 1_101.0)
    assert kept() == [1_050, 2_000, 3_000]


def test_two_nodes_in_two_schemas_of_one_database_do_not_know_of_each_other(
    join: Callable[..., PostgresFellows], open_postgresql: Open, own_database: str
) -> None:
    with psycopg.connect(own_database) as connection:
        connection.execute("CREATE SCHEMA beside")
    here, there = join(), join("beside")
    assert here.is_keeper()
    assert there.is_keeper()
    open_postgresql(f"{own_database}&options=-csearch_path%3Dbeside")
    silent = join("beside")
    assert not silent.is_keeper()
    silent.hint(RIVER)
    until(lambda: there.is_keeper() and there.hinted() == [RIVER])
    assert here.is_keeper()
    assert here.hinted() == []
    assert here.is_first(RIVER, NONCE, 2_000, 1_000.0)
    assert there.is_first(RIVER, NONCE, 2_000, 1_000.0)
