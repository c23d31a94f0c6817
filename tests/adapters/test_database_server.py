"""A PostgreSQL database: made, found again, refused, migrated; and what its errors give away."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import MetaData

from allied.adapters.clock import SystemChance
from allied.adapters.sql import SqlStore, joined_postgres, opening_postgres, schema
from allied.adapters.sql.forms import SHAPE, Shape
from allied.adapters.sql.joined import Asked
from allied.adapters.sql.postgres import postgres_engine, reached_by, require_no_password
from allied.adapters.sql.shares import Shares
from allied.errors import AlliedError, ConflictError, ExhaustedError, UsageError
from tests import postgres
from tests.adapters.conftest import Open
from tests.adapters.contract import rows
from tests.adapters.contract.rows import RIVER

ROOT = Path(__file__).parents[2]
SECRET = "open-sesame"


def said(error: BaseException) -> str:
    """Everything that an error says, with what it came from."""
    found = ""
    each: BaseException | None = error
    while each is not None:
        found += f"{each!r} {each} {getattr(each, 'hint', '')} {getattr(each, 'facts', '')}\n"
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
    return found


@pytest.fixture
def guarded(postgres_server: postgres.Server) -> Iterator[str]:
    """A database whose owner has to show a password; gives its name."""
    with postgres_server.database() as address:
        name = address.split("@/")[1].split("?")[0]
        postgres_server.tell(f"CREATE ROLE {postgres.GUARDED} LOGIN PASSWORD '{SECRET}'")
        postgres_server.tell(f"ALTER DATABASE {name} OWNER TO {postgres.GUARDED}")
        yield name
        postgres_server.tell(f"ALTER DATABASE {name} OWNER TO allied")
        postgres_server.tell(f"DROP OWNED BY {postgres.GUARDED} CASCADE", name)
        postgres_server.tell(f"DROP ROLE {postgres.GUARDED}")


# --- refusing ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("database", "role", "code"),
    [
        pytest.param("{own}", f"guarded:{SECRET}", "", id="the right password"),
        pytest.param("{own}", "guarded:wrong-horse", "store.login", id="a wrong password"),
        pytest.param("{own}", "guarded", "store.login", id="no password"),
        pytest.param("{own}", "stranger", "store.login", id="a role that is not there"),
        pytest.param("nowhere", f"guarded:{SECRET}", "store.no-database", id="no such database"),
        pytest.param("postgres", f"guarded:{SECRET}", "store.not-permitted", id="not its owner"),
    ],
)
def test_a_server_lets_in_who_may_come_in(
    postgres_server: postgres.Server,
    open_postgresql: Open,
    guarded: str,
    database: str,
    role: str,
    code: str,
) -> None:
    address = postgres_server.address(database.format(own=guarded), role)
    if not code:
        with open_postgresql(address).write() as writing:
            writing.set_cursor("c", "1")
        return
    with pytest.raises(ExhaustedError) as refusal:
        open_postgresql(address)
    assert refusal.value.code == code
    assert refusal.value.hint
    for secret in (SECRET, "wrong-horse", "guarded", str(postgres_server.folder)):
        assert secret not in said(refusal.value)


def test_a_server_that_is_not_there_is_said_to_be_unreachable(open_postgresql: Open) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with pytest.raises(ExhaustedError) as refusal:
            open_postgresql(f"postgresql://river:{SECRET}@127.0.0.1:{port}/allied")
    assert refusal.value.code == "store.unreachable"
    assert SECRET not in said(refusal.value)


def test_a_server_that_is_not_near_has_to_prove_who_it_is() -> None:
    assert "sslmode" not in reached_by("postgresql://a@/d?host=%2Fvar%2Frun", wait_seconds=1)
    assert "sslmode" not in reached_by("postgresql://a@127.0.0.1/d", wait_seconds=1)
    far = reached_by("postgresql://a@db.example/d", wait_seconds=1)
    assert (far["sslmode"], far["sslrootcert"]) == ("verify-full", "system")
    own = reached_by("postgresql://a@db.example/d?sslmode=require", wait_seconds=1)
    assert (own["sslmode"], "sslrootcert" in own) == ("require", False)


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("", id="empty"),
        pytest.param(f"mysql://u:{SECRET}@h/d", id="another product"),
        pytest.param(f"host=h password={SECRET}", id="not a URL"),
        pytest.param(f"postgresql://u:{SECRET}@h/d?sesame=1", id="an unknown option"),
        pytest.param(f"postgresql://u:{SECRET}@[h/d", id="no URL at all"),
    ],
)
def test_what_is_no_address_is_refused_and_not_repeated(
    open_postgresql: Open, address: str
) -> None:
    with pytest.raises(UsageError) as refusal:
        open_postgresql(address or "-")
    assert refusal.value.code == "store.address"
    assert SECRET not in said(refusal.value)


@pytest.mark.parametrize(
    ("address", "refused"),
    [
        pytest.param("postgresql://u@h/d", False, id="none"),
        pytest.param(f"postgresql://u:{SECRET}@h/d", True, id="before the host"),
        pytest.param(f"postgresql://u@h/d?password={SECRET}", True, id="as an option"),
        pytest.param(f"postgresql://u@h/d?sslpassword={SECRET}", True, id="of a key"),
        pytest.param("postgresql://u@h/d?passfile=/etc/allied/pgpass", False, id="in a file"),
    ],
)
def test_a_password_on_the_command_line_is_refused(address: str, refused: bool) -> None:
    if not refused:
        require_no_password(address)
        return
    with pytest.raises(UsageError) as refusal:
        require_no_password(address)
    assert refusal.value.code == "store.password-shown"
    assert SECRET not in said(refusal.value)


def test_another_encoding_is_refused(
    postgres_server: postgres.Server, open_postgresql: Open
) -> None:
    postgres_server.tell(
        "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    )
    try:
        with pytest.raises(ExhaustedError) as refusal:
            open_postgresql(postgres_server.address("latin"))
    finally:
        postgres_server.tell("DROP DATABASE latin WITH (FORCE)")
    assert refusal.value.code == "store.encoding"
    assert "LATIN1" in refusal.value.message
    open_postgresql()  # the twin


def test_an_old_server_is_refused(open_postgresql: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening_postgres, "OLDEST", 99)
    with pytest.raises(ExhaustedError) as refusal:
        open_postgresql()
    assert refusal.value.code == "store.too-old"
    assert "99 or later" in refusal.value.message
    monkeypatch.undo()
    open_postgresql()


def test_another_programs_tables_are_not_touched(
    postgres_server: postgres.Server, open_postgresql: Open
) -> None:
    with postgres_server.database() as address:
        with psycopg.connect(address) as connection:
            connection.execute("CREATE TABLE meta (name text, value text)")
            connection.execute("CREATE TABLE thesis (words text)")
        with pytest.raises(ConflictError) as refusal:
            open_postgresql(address)
        assert refusal.value.code == "store.foreign"
        with psycopg.connect(address, autocommit=True) as connection:
            found = connection.execute(
                "SELECT relname FROM pg_class WHERE relkind = 'r'"
                " AND relnamespace = 'public'::regnamespace ORDER BY 1"
            ).fetchall()
            assert found == [("meta",), ("thesis",)]
            connection.execute("CREATE SCHEMA own")
        own = open_postgresql(f"{address}&options=-csearch_path%3Down")
        with own.write() as writing:
            writing.set_cursor("beside", "others")


def test_a_schema_that_is_not_there_is_refused(
    postgres_server: postgres.Server, open_postgresql: Open
) -> None:
    with postgres_server.database() as address, pytest.raises(ExhaustedError) as refusal:
        open_postgresql(f"{address}&options=-csearch_path%3Dmissing")
    assert refusal.value.code == "store.cannot-open"


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
    postgres_server: postgres.Server,
    open_postgresql: Open,
    revision: str,
    compatible: str,
    code: str,
) -> None:
    with postgres_server.database() as address:
        open_postgresql(address).close()
        with psycopg.connect(address) as connection:
            connection.execute("UPDATE alembic_version SET version_num = %s", (revision,))
            connection.execute(
                "UPDATE meta SET value = %s WHERE name = 'compatible'", (compatible,)
            )
            connection.execute("UPDATE meta SET value = '4.2' WHERE name = 'release'")
        if not code:
            with open_postgresql(address).write() as writing:
                writing.set_cursor("c", "1")
            return
        with pytest.raises(ExhaustedError) as refusal:
            open_postgresql(address)
        assert refusal.value.code == code
        if code == "store.newer":
            assert "4.2" in refusal.value.message


# --- what is made -----------------------------------------------------------------------


def test_two_databases_have_two_names_and_one_keeps_its_own(
    postgres_server: postgres.Server, open_postgresql: Open
) -> None:
    with postgres_server.database() as address:
        other, own = open_postgresql(address), open_postgresql()
        assert other.account().name != own.account().name
        assert open_postgresql(address).account().name == other.account().name
        assert own._secret.hex() not in repr(own.account())


def test_a_commit_waits_for_the_disk_whatever_the_server_is_set_to(open_postgresql: Open) -> None:
    store = open_postgresql()
    with store.engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
        source = "SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit'"
        assert connection.exec_driver_sql(source).scalar() == "off"


def test_a_server_that_can_lose_what_it_took_is_told_apart(open_postgresql: Open) -> None:
    found = open_postgresql().account()
    assert found.product.startswith("PostgreSQL 1")
    assert found.unsafe == ("fsync", "full_page_writes")  # as the tests' server is
    assert found.size > 1_000_000


# --- migrating --------------------------------------------------------------------------


def form(address: str) -> Sequence[tuple[object, ...]]:
    """Columns, constraints and indexes of all tables."""
    with psycopg.connect(address) as connection:
        return [
            row
            for statement in (
                "SELECT table_name, column_name, data_type, is_nullable, collation_name,"
                " is_identity, column_default FROM information_schema.columns"
                " WHERE table_schema = 'public' ORDER BY 1, 2",
                "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)"
                " FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
                "SELECT tablename, indexname, indexdef FROM pg_indexes"
                " WHERE schemaname = 'public' ORDER BY 1, 2",
                "SELECT name, value FROM counters ORDER BY 1",
            )
            for row in connection.execute(statement).fetchall()
        ]


def test_migrations_and_tables_give_the_same_form(
    postgres_server: postgres.Server, open_postgresql: Open
) -> None:
    from alembic import command
    from alembic.autogenerate import compare_metadata
    from alembic.config import Config
    from alembic.migration import MigrationContext

    with postgres_server.database() as made, postgres_server.database() as migrated:
        open_postgresql(made)
        config = Config()
        config.set_main_option("script_location", str(SHAPE.scripts))
        engine = postgres_engine(migrated, busy_seconds=5)
        with engine.execution_options(allied_writes=True).begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        assert [row for row in form(migrated) if row[0] != "alembic_version"] == [
            row for row in form(made) if row[0] != "alembic_version"
        ]
        with engine.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
        engine.dispose()


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


def next_release(tmp_path: Path, more: str = "") -> Shape:
    """A later program: one migration more."""
    scripts = tmp_path / "migrations"
    (scripts / "versions").mkdir(parents=True)
    for name in ("env.py", "versions/0001_first.py"):
        (scripts / name).write_bytes((SHAPE.scripts / name).read_bytes())
    (scripts / "versions/0002_next.py").write_text(NEXT.format(more=more))
    return replace(
        SHAPE,
        revision="0002",
        compatible=2,
        release="0.2",
        scripts=scripts,
        metadata=MetaData(),
    )


def test_an_older_database_is_migrated_and_stops_the_program_before(
    open_postgresql: Open, tmp_path: Path
) -> None:
    store = open_postgresql()
    with store.write() as writing:
        writing.add_organisation(rows.organisation())
        writing.add_person(rows.person("anna"))
        writing.put_peer(rows.peer("harbour"))
    store.close()
    later = open_postgresql(shape=next_release(tmp_path))
    with later.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT note FROM peers").scalar() == "-"
    with later.read() as reading:
        assert list(reading.people(RIVER)) == [rows.person("anna")]
    later.close()
    with pytest.raises(ExhaustedError) as refusal:
        open_postgresql()
    assert refusal.value.code == "store.newer"


def test_a_migration_that_fails_leaves_the_database_as_it_was(
    postgres_server: postgres.Server, open_postgresql: Open, tmp_path: Path
) -> None:
    with postgres_server.database() as address:
        open_postgresql(address).close()
        before = form(address)
        broken = next_release(tmp_path, more='op.execute("INSERT INTO nowhere VALUES (1)")')
        with pytest.raises(ExhaustedError) as refusal:
            open_postgresql(address, shape=broken)
        assert refusal.value.code == "store.migration-failed"
        assert form(address) == before
        open_postgresql(address)


def test_a_database_in_use_is_not_migrated(open_postgresql: Open, tmp_path: Path) -> None:
    serving = open_postgresql()
    with serving.read() as reading:
        reading.changes()
    later = next_release(tmp_path)
    with pytest.raises(ExhaustedError) as refusal:
        open_postgresql(shape=later, hold_seconds=0.1)
    assert refusal.value.code == "store.in-use"
    serving.close()
    open_postgresql(shape=later, hold_seconds=5)


# --- several processes ------------------------------------------------------------------

CHILD = """
import os, sys
from allied.adapters.clock import SystemChance
from allied.adapters.sql import open_postgres

store = open_postgres(os.environ["ADDRESS"], chance=SystemChance(), busy_seconds=15.0)
"""


def child(address: str, code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD + code],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"ADDRESS": address, "PYTHONPATH": str(ROOT / "src")},
    )


def test_processes_that_start_at_once_make_one_database(postgres_server: postgres.Server) -> None:
    code = """
with store.write() as writing:
    writing.set_cursor(str(os.getpid()), "here")
print(store.account().name, flush=True)
"""
    with postgres_server.database() as address:
        started = [child(address, code) for _ in range(3)]
        names = {process.communicate(timeout=60)[0].strip() for process in started}
        assert [process.returncode for process in started] == [0, 0, 0]
        assert len(names) == 1
        with psycopg.connect(address) as connection:
            assert connection.execute("SELECT count(*) FROM cursors").fetchone() == (3,)


def test_a_killed_writer_lets_the_others_go_on_and_leaves_no_half_unit(
    postgres_server: postgres.Server, open_postgresql: Open
) -> None:
    code = """
with store.write() as writing:
    writing.set_cursor("whole", "1")
with store.write() as writing:
    writing.set_cursor("half", "1")
    print("writing", flush=True)
    sys.stdin.read()
"""
    with postgres_server.database() as address:
        process = child(address, code)
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        process.kill()
        process.communicate()
        with open_postgresql(address).write() as writing:  # its lock went with it
            assert writing.cursor("whole") == "1"
            assert writing.cursor("half") == ""
            writing.set_cursor("after", "1")


def test_a_connection_that_the_server_ended_is_made_again(
    postgres_server: postgres.Server, open_postgresql: Open
) -> None:
    store: SqlStore = open_postgresql()
    with store.write() as writing:
        writing.set_cursor("c", "1")

    def ended() -> None:
        with store.read() as reading:
            postgres_server.tell(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
            reading.cursor("c")

    with pytest.raises(AlliedError) as refusal:
        ended()
    assert refusal.value.code == "store.unreachable"
    with store.read() as reading:
        assert reading.cursor("c") == "1"


def test_connections_that_ended_while_nobody_asked_are_made_again_unnoticed(
    postgres_server: postgres.Server, open_postgresql: Open
) -> None:
    store: SqlStore = open_postgresql()
    with store.write() as writing:
        writing.set_cursor("c", "1")
    with store.read(), store.read(), store.read():
        pass  # three are kept by now
    postgres_server.tell(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    for _ in range(4):
        with store.read() as one, store.read() as other:
            assert one.cursor("c") == other.cursor("c") == "1"
    with store.write() as writing:
        writing.set_cursor("c", "2")
    with store.read() as reading:
        assert reading.cursor("c") == "2"


def test_a_new_database_takes_its_secret_from_chance(postgres_server: postgres.Server) -> None:
    class Known(SystemChance):
        def token(self, size: int) -> bytes:
            return b"k" * size

    with postgres_server.database() as address:
        store = opening_postgres.open_postgres(address, chance=Known(), busy_seconds=5)
        assert store._secret == b"k" * 32
        store.close()


# --- plans ------------------------------------------------------------------------------


@pytest.mark.parametrize("analysed", [False, True], ids=["no statistics", "statistics"])
@pytest.mark.parametrize(
    ("scans", "index", "not_used"),
    [
        pytest.param(True, "pk_items", "ix_items_by_class", id="scan"),
        pytest.param(False, "ix_items_by_class", "pk_items", id="gather"),
    ],
)
def test_each_way_to_a_page_uses_its_index(
    open_postgresql: Open, scans: bool, index: str, not_used: str, analysed: bool
) -> None:
    store = open_postgresql()
    with store.write() as writing:
        known = rows.classes(writing, 40)
        writing.add_items(rows.item(f"indicator--{n}", known[n % 40]) for n in range(6_000))
        (holder,) = writing._names.add((RIVER,)).values()
    asked = Asked(
        holder=holder, classes=tuple(known[: 40 if scans else 2]), types=None,
        low=1_000, high=3_000, limit=50, skip=(), most_bytes=2**20,
    )  # fmt: skip
    with store.engine.connect() as connection:
        if analysed:
            connection.exec_driver_sql("COMMIT; ANALYZE items; BEGIN")
        joining = joined_postgres._Joining(connection, asked, Shares(), 0, scans)
        values = joining._within(1_000, 3_000, 51)
        driver: psycopg.Connection[Any] = connection.connection.dbapi_connection  # type: ignore[assignment]
        client = psycopg.ClientCursor(driver)
        for statement in (joining._picked, joining._how_many):
            client.execute("EXPLAIN " + statement, values)
            plan = "\n".join(line for (line,) in client.fetchall())
            assert index in plan, plan
            assert not_used not in plan, plan
            assert "Seq Scan on" not in plan, plan
