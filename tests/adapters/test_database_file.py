"""The database file: made, found again, refused, migrated; a full disk, a killed process."""

from __future__ import annotations

import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, MetaData, event

from allied.adapters.sql import SqlStore, intake, opening, pages, schema
from allied.adapters.sql.dialect import sqlite_engine
from allied.adapters.sql.forms import SHAPE, Shape
from allied.errors import ConflictError, ExhaustedError
from allied.record.ids import OrganisationId
from tests.adapters.conftest import Open
from tests.adapters.contract import rows
from tests.adapters.contract.rows import ALL, PACT, RIVER, item

ROOT = Path(__file__).parents[2]


# --- making -----------------------------------------------------------------------------


def test_what_is_made_is_for_its_owner_alone(open_sqlite: Open, tmp_path: Path) -> None:
    store = open_sqlite()
    with store.write() as writing:
        writing.set_cursor("c", "1")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(
        ["allied.db", "allied.db-wal", "allied.db-shm", "allied.db.lock"], 0o600
    )


def test_a_database_says_how_durable_it_is(open_sqlite: Open) -> None:
    with open_sqlite().engine.connect() as connection:
        asked = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert asked == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_only_a_unit_that_writes_keeps_much_of_the_file(open_sqlite: Open) -> None:
    store = open_sqlite()

    def kept(connection: Connection) -> int:
        return int(connection.exec_driver_sql("PRAGMA cache_size").scalar_one())

    with store.read() as reading:
        assert kept(reading._connection) == -1024
    with store.write() as writing:
        assert kept(writing._connection) == -8192
    with store.engine.connect() as connection:  # the one that has just written
        assert kept(connection) == -1024


def test_a_unit_that_read_leaves_no_transaction_open(open_sqlite: Open) -> None:
    store = open_sqlite()

    def driver_of(reading: Any) -> sqlite3.Connection:
        found = reading._connection.connection.dbapi_connection
        assert isinstance(found, sqlite3.Connection)
        return found

    def fail(drivers: list[sqlite3.Connection]) -> None:
        with store.read() as reading:
            drivers.append(driver_of(reading))
            raise ZeroDivisionError

    with store.read() as reading:
        reading.changes()  # by the driver alone
        assert driver_of(reading).in_transaction
    assert not driver_of(reading).in_transaction
    with store.read() as reading:
        reading.warning_lists()  # by SQLAlchemy as well
        assert reading._connection.in_transaction()
    assert not reading._connection.in_transaction()
    assert not driver_of(reading).in_transaction
    failed: list[sqlite3.Connection] = []
    with pytest.raises(ZeroDivisionError):
        fail(failed)
    assert not failed[0].in_transaction


def test_a_new_database_takes_no_time(open_sqlite: Open, tmp_path: Path) -> None:
    open_sqlite(tmp_path / "warm.db")
    best = 10.0
    for n in range(5):  # the best of some: others use this machine too
        started = time.perf_counter()
        open_sqlite(tmp_path / f"{n}.db")
        best = min(best, time.perf_counter() - started)
    assert best < 0.15


def test_two_databases_have_two_secrets(open_sqlite: Open, tmp_path: Path) -> None:
    one, two = open_sqlite(tmp_path / "one.db"), open_sqlite(tmp_path / "two.db")
    assert one._secret != two._secret
    assert len(one._secret) == 32
    assert open_sqlite(tmp_path / "one.db")._secret == one._secret


@pytest.mark.parametrize("remains", [b"", "no tables"], ids=["an empty file", "no tables yet"])
def test_a_file_that_was_begun_and_never_made_is_made(
    open_sqlite: Open, tmp_path: Path, remains: bytes | str
) -> None:
    path = tmp_path / "allied.db"
    if isinstance(remains, bytes):
        path.write_bytes(remains)
    else:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
    with open_sqlite(path).read() as reading:
        assert reading.changes() == 0


# --- refusing ---------------------------------------------------------------------------


def test_another_programs_database_is_not_touched(open_sqlite: Open, tmp_path: Path) -> None:
    path = tmp_path / "allied.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(ConflictError) as refusal:
        open_sqlite(path)
    assert refusal.value.code == "store.foreign"
    assert path.read_bytes() == before


def damage(path: Path, how: str) -> None:
    raw = path.read_bytes()
    if how == "garbage":
        path.write_bytes(b"not a database at all " * 400)
    elif how == "truncated":
        path.write_bytes(raw[: 4096 * 2])
    elif how == "scribbled":
        path.write_bytes(raw[:4096] + b"\xa5" * (len(raw) - 4096))


@pytest.mark.parametrize("how", ["garbage", "truncated", "scribbled"])
def test_a_damaged_file_is_said_to_be_damaged(open_sqlite: Open, tmp_path: Path, how: str) -> None:
    path = tmp_path / "allied.db"
    store = open_sqlite(path)
    with store.write() as writing:
        writing.add_agreement(rows.agreement("pact"))
    store.close()
    open_sqlite(path).close()  # the twin that passes
    damage(path, how)

    with pytest.raises(ExhaustedError) as refusal:
        read_it_all(open_sqlite(path))

    assert refusal.value.code == "store.corrupt"
    assert "a5" not in str(refusal.value)


def read_it_all(store: SqlStore) -> None:
    with store.read() as reading:
        reading.agreements()
        reading.organisations()


@pytest.mark.parametrize(
    ("revision", "compatible", "code"),
    [
        pytest.param("0001", "1", "", id="the present form"),
        pytest.param("0007", "1", "", id="more migrations, still compatible"),
        pytest.param("0007", "2", "store.newer", id="a form this program does not know"),
        pytest.param("0001", "?", "store.corrupt", id="no number"),
    ],
)
def test_a_newer_database_stops_an_older_program(
    open_sqlite: Open, tmp_path: Path, revision: str, compatible: str, code: str
) -> None:
    path = tmp_path / "allied.db"
    open_sqlite(path).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.execute("UPDATE meta SET value = ? WHERE name = 'compatible'", (compatible,))
        connection.execute("UPDATE meta SET value = '4.2' WHERE name = 'release'")
    if not code:
        with open_sqlite(path).write() as writing:
            writing.set_cursor("c", "1")
        return
    with pytest.raises(ExhaustedError) as refusal:
        open_sqlite(path)
    assert refusal.value.code == code
    if code == "store.newer":
        assert "4.2" in refusal.value.message


def test_a_folder_that_cannot_be_used_is_named_as_such(open_sqlite: Open, tmp_path: Path) -> None:
    with pytest.raises(ExhaustedError) as refusal:
        open_sqlite(tmp_path / "missing" / "allied.db")
    assert refusal.value.code == "store.cannot-open"


# --- migrating --------------------------------------------------------------------------


def form(path: Path) -> dict[str, str]:
    """What SQLite keeps of the tables and indexes, without what formatting changes."""
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {name: " ".join(sql.split()) for name, sql in found}


def test_migrations_and_tables_give_the_same_form(tmp_path: Path, open_sqlite: Open) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    made, migrated = tmp_path / "made.db", tmp_path / "migrated.db"
    open_sqlite(made)
    upgrade_from_nothing(migrated)

    assert form(migrated).keys() == form(made).keys()
    assert {n: s for n, s in form(migrated).items() if n != "alembic_version"} == {
        n: s for n, s in form(made).items() if n != "alembic_version"
    }
    assert counters(migrated) == counters(made)
    scripts = ScriptDirectory(str(SHAPE.scripts))
    assert scripts.get_current_head() == SHAPE.revision == schema.REVISION
    assert [script.revision for script in scripts.walk_revisions()] == [
        f"{n:04d}" for n in range(int(SHAPE.revision), 0, -1)
    ]
    with sqlite_engine(migrated, busy_seconds=1).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []


def upgrade_from_nothing(path: Path) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SHAPE.scripts))
    engine = sqlite_engine(path, busy_seconds=1)
    with opening._alone(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    engine.dispose()


def counters(path: Path) -> list[tuple[str, int]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT name, value FROM counters ORDER BY name").fetchall()


NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("peers", sa.Column("note", sa.Text(), nullable=False, server_default="-"))
    with op.batch_alter_table("people") as batch:
        batch.alter_column("name", nullable=True)
    {more}
"""


def next_release(tmp_path: Path, more: str = "", compatible: int = 2) -> Shape:
    """A later program: one migration more."""
    scripts = tmp_path / "migrations"
    (scripts / "versions").mkdir(parents=True)
    (scripts / "env.py").write_bytes((SHAPE.scripts / "env.py").read_bytes())
    first = "versions/0001_first.py"
    (scripts / first).write_bytes((SHAPE.scripts / first).read_bytes())
    (scripts / "versions/0002_next.py").write_text(NEXT.format(more=more))
    return replace(
        SHAPE,
        revision="0002",
        compatible=compatible,
        release="0.2",
        scripts=scripts,
        metadata=MetaData(),
    )


def test_an_older_database_is_copied_then_migrated(open_sqlite: Open, tmp_path: Path) -> None:
    store = open_sqlite()
    with store.write() as writing:
        writing.add_organisation(rows.organisation())
        writing.add_person(rows.person("anna"))
        writing.put_peer(rows.peer("harbour"))
    store.close()

    later = open_sqlite(shape=next_release(tmp_path))

    with later.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT note FROM peers").scalar() == "-"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
    with later.read() as reading:
        assert list(reading.people(RIVER)) == [rows.person("anna")]
    (copy,) = (tmp_path / "backups").iterdir()
    assert copy.name == "allied-0001-20260301T093000Z.db"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT label FROM people").fetchall() == [("anna",)]
    later.close()
    with pytest.raises(ExhaustedError) as refusal:
        open_sqlite()  # the program before
    assert refusal.value.code == "store.newer"
    open_sqlite(copy).close()  # but the copy is as it was
    assert len(list((tmp_path / "backups").glob("*.db"))) == 1, "a second opening migrates nothing"


def test_a_migration_that_fails_leaves_the_database_as_it_was(
    open_sqlite: Open, tmp_path: Path
) -> None:
    store = open_sqlite()
    with store.write() as writing:
        writing.put_peer(rows.peer("harbour"))
    store.close()
    before = form(tmp_path / "allied.db")
    broken = next_release(tmp_path, more='op.execute("INSERT INTO nowhere VALUES (1)")')

    with pytest.raises(ExhaustedError) as refusal:
        open_sqlite(shape=broken)

    assert refusal.value.code == "store.migration-failed"
    assert "backups" in refusal.value.hint
    assert form(tmp_path / "allied.db") == before
    with open_sqlite().read() as reading:
        assert list(reading.peers()) == [rows.peer("harbour")]


def test_a_database_in_use_is_not_migrated(open_sqlite: Open, tmp_path: Path) -> None:
    serving = open_sqlite()
    later = next_release(tmp_path)
    with pytest.raises(ExhaustedError) as refusal:
        open_sqlite(shape=later, hold_seconds=0.1)
    assert refusal.value.code == "store.in-use"
    serving.close()
    open_sqlite(shape=later, hold_seconds=0.1)


# --- several processes ------------------------------------------------------------------

CHILD = """
import sys
from pathlib import Path
from typing import Any
from allied.adapters.clock import SystemChance, SystemClock
from allied.adapters.sql import open_store
from tests.adapters.contract import rows
from tests.adapters.contract.rows import ALL, RIVER, hexed, item

folder = Path(sys.argv[1])
store = open_store(
    folder / "allied.db", clock=SystemClock(), chance=SystemChance(), backups=folder / "backups"
)
"""


def child(tmp_path: Path, code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD + code, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.wait(timeout=30)
        for stream in (process.stdin, process.stdout):
            if stream:
                stream.close()


def answer(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_processes_that_start_at_once_make_one_database(
    tmp_path: Path, processes: list[subprocess.Popen[str]]
) -> None:
    code = """
with store.write() as writing:
    writing.set_cursor(sys.argv[1] + str(__import__("os").getpid()), "here")
print(store._secret.hex(), flush=True)
"""
    processes.extend(child(tmp_path, code) for _ in range(3))
    secrets = {answer(process) for process in processes}
    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0]
    assert len(secrets) == 1
    with closing(sqlite3.connect(tmp_path / "allied.db")) as connection:
        assert connection.execute("SELECT count(*) FROM cursors").fetchone() == (3,)


def test_a_killed_process_loses_nothing_committed_and_leaves_no_half_unit(
    tmp_path: Path, open_sqlite: Open, processes: list[subprocess.Popen[str]]
) -> None:
    code = """
with store.write() as writing:
    known = rows.classes(writing, 1)[0]
    writing.add_items(item(f"indicator--{n}", known) for n in range(500))
print("committed", flush=True)
with store.write() as writing:
    # More than the page cache holds, so that half of it is in the log already.
    writing.add_items(item(f"lost--{n}", known, words="x" * 3000) for n in range(6000))
    writing.set_cursor("half", "1")
    print("in the middle", flush=True)
    sys.stdin.readline()
"""
    processes.append(child(tmp_path, code))
    assert answer(processes[0]) == "committed"
    assert answer(processes[0]) == "in the middle"
    assert (tmp_path / "allied.db-wal").stat().st_size > 8_000_000, "nothing half-written to lose"
    processes[0].send_signal(signal.SIGKILL)
    assert processes[0].wait(timeout=30) == -signal.SIGKILL

    store = open_sqlite()
    with store.read() as reading:
        found = reading.items(PACT, RIVER, limit=10_000)
        assert [row.seq for row in found] == list(range(1, 501))
        assert len(reading.item_bytes(found)) == 500
        assert reading.cursor("half") == ""
        assert reading.changes() == 1
    with store.write() as writing:
        added = writing.add_items([item("indicator--501", found[0].class_id)])
        assert (added.first, added.last) == (501, 501)
    with store.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


def test_a_writer_of_another_process_is_waited_for(
    tmp_path: Path, open_sqlite: Open, processes: list[subprocess.Popen[str]]
) -> None:
    code = """
with store.write() as writing:
    writing.set_cursor("c", "theirs")
    print("holding", flush=True)
    sys.stdin.readline()
"""
    impatient, patient = open_sqlite(busy_seconds=0.05), open_sqlite(busy_seconds=30)
    processes.append(child(tmp_path, code))
    assert answer(processes[0]) == "holding"
    with pytest.raises(ExhaustedError) as refusal, impatient.write():
        pass
    assert refusal.value.code == "store.busy"
    with impatient.read() as reading:
        assert reading.cursor("c") == "", "readers never wait"
    assert processes[0].stdin is not None
    processes[0].stdin.write("go on\n")
    processes[0].stdin.flush()
    with patient.write() as writing:
        assert writing.cursor("c") == "theirs"


# --- a full disk ------------------------------------------------------------------------


def test_a_full_disk_stores_nothing_and_says_so(open_sqlite: Open) -> None:
    store = open_sqlite()
    with store.write() as writing:
        known = rows.classes(writing, 1)[0]
        writing.add_items([item("indicator--1", known)])
    limited: list[int] = []

    @event.listens_for(store.engine, "checkout")
    def limit(connection: sqlite3.Connection, *_: object) -> None:
        pages_now = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages_now + 2}")
        limited.append(pages_now)

    with pytest.raises(ExhaustedError) as refusal, store.write() as writing:
        writing.add_items(item(f"more--{n}", known, words="x" * 2000) for n in range(50))
    assert refusal.value.code == "store.full"
    assert limited

    event.remove(store.engine, "checkout", limit)
    store.engine.dispose()
    with store.write() as writing:
        assert [row.id for row in writing.items(PACT, RIVER, limit=9)] == ["indicator--1"]
        added = writing.add_items(item(f"more--{n}", known) for n in range(50))
        assert added.stored == 50


# --- the fence --------------------------------------------------------------------------


def test_the_fence_hears_of_own_records_after_the_commit_only(
    open_sqlite: Open, tmp_path: Path
) -> None:
    told: list[tuple[dict[OrganisationId, int], int]] = []

    class Listening:
        def remember(self, numbered: object) -> None:
            with closing(sqlite3.connect(tmp_path / "allied.db")) as connection:
                (seen,) = connection.execute("SELECT count(*) FROM claims").fetchone()
            told.append((dict(numbered), seen))  # type: ignore[call-overload]

    store = open_sqlite(fence=Listening())
    with store.write() as writing:
        writing.add_organisation(rows.organisation())
    with store.write() as writing:
        for sequence in (1, 2):
            writing.claim_sequence(ALL, RIVER, 0, sequence, rows.rid(str(sequence)))
    with store.write() as writing:
        writing.set_cursor("c", "1")
    assert told == [({RIVER: 0}, 0), ({RIVER: 2}, 2)]


def test_a_fence_that_cannot_be_written_does_not_undo_a_commit(
    open_sqlite: Open, caplog: pytest.LogCaptureFixture
) -> None:
    class Full:
        def remember(self, numbered: object) -> None:  # noqa: ARG002
            raise ExhaustedError("disk.full", "the disk is full")

    store = open_sqlite(fence=Full())
    with store.write() as writing:
        writing.add_organisation(rows.organisation())
    assert store.appended() == {RIVER: 0}
    assert "disk.full" in caplog.text


# --- plans ------------------------------------------------------------------------------


def plan(store: SqlStore, way: str, wanted: pages.Wanted) -> str:
    """The statements that a way to a page runs over items, and how SQLite carries them out."""
    ran: list[tuple[str, Any]] = []

    def note(
        connection: object, cursor: object, statement: str, values: object, *_: object
    ) -> None:
        if "FROM items" in statement:
            ran.append((statement, values))

    event.listen(store.engine, "before_cursor_execute", note)
    with store.read() as reading:
        conditions = pages._conditions(reading._names, wanted) or []
        if way == "page":
            pages.page(reading._connection, reading._names, store._secret, wanted)
        else:
            getattr(pages, way)(reading._connection, reading._names, wanted, conditions)
    event.remove(store.engine, "before_cursor_execute", note)
    assert ran
    with store.engine.connect() as connection:
        steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {ran[0][0]}", ran[0][1]).all()
    return " / ".join(step[-1] for step in steps)


@pytest.mark.parametrize("statement", [pages._CLASS, intake._SIBLING, intake._BODY])
@pytest.mark.parametrize("analysed", [False, True], ids=["no statistics", "statistics"])
def test_one_object_is_found_by_its_key(open_sqlite: Open, statement: str, analysed: bool) -> None:
    store = open_sqlite()
    with store.write() as writing:
        known = rows.classes(writing, 1)
        writing.add_items(item(f"indicator--{n}", known[0]) for n in range(2000))
    with closing(sqlite3.connect(str(store.engine.url.database))) as connection:
        if analysed:
            connection.execute("ANALYZE")
        values = (0, 2**32 - 1, *(["x"] * (statement.count("?") - 2)))
        steps = connection.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
    assert "USING INDEX ix_items_key (key>? AND key<?)" in steps[0][-1]


@pytest.mark.parametrize(
    ("way", "asked", "index", "sorts"),
    [
        pytest.param("scan", {"classes": (1, 2)}, "agreement_holder_seq", False, id="scan"),
        pytest.param("scan", {}, "agreement_holder_seq", False, id="scan without classes"),
        pytest.param("scan", {"added_after": 7}, "agreement_holder_seq", False, id="scan by date"),
        pytest.param(
            "scan",
            {"added_after": 7},
            "ix_items_holder_added (holder=? AND added<?)",
            False,
            id="the place of a date is found in the index on dates",
        ),
        pytest.param(
            "window",
            {"classes": (1, 2)},
            "ix_items_by_class",
            True,
            id="window",
        ),
        pytest.param("page", {"item": "indicator--1"}, "ix_items_key", True, id="one object"),
        pytest.param("page", {"share": "first-share"}, "ix_items_share", False, id="one share"),
    ],
)
@pytest.mark.parametrize("analysed", [False, True], ids=["no statistics", "statistics"])
def test_each_way_to_a_page_uses_its_index(
    open_sqlite: Open, way: str, asked: dict[str, object], index: str, sorts: bool, analysed: bool
) -> None:
    store = open_sqlite()
    with store.write() as writing:
        known = rows.classes(writing, 20)
        writing.add_items(item(f"indicator--{n}", known[n % 20]) for n in range(2000))
    if analysed:
        with closing(sqlite3.connect(str(store.engine.url.database))) as connection:
            connection.execute("ANALYZE")
        store.engine.dispose()
    wanted = pages.Wanted(PACT, RIVER, 0, 50, **asked)  # type: ignore[arg-type]
    found = plan(store, way, wanted)
    assert index in found
    assert ("TEMP B-TREE" in found) == sorts
