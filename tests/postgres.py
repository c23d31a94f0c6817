"""A PostgreSQL server of the tests' own: made in a temporary folder, stopped at their end.

It forgets what it should not lose: nothing waits for the disk. Each test gets a database of its
own, copied from one that is empty. Reached by a socket file alone, as one who is trusted.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

WAIT_SECONDS = 30.0
GUARDED = "guarded"
"""A role of this name has to show its password; it is there once a test has made it."""
_PRIVATE = ("listen_addresses=", "max_connections=150", "wal_level=minimal", "max_wal_senders=0")
_FORGETFUL = (
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "autovacuum=off",
    "shared_buffers=64MB",
)
_DURABLE = ("shared_buffers=256MB", "max_wal_size=2GB")


@dataclass
class Server:
    """A running server; `address` names one of its databases."""

    folder: Path
    process: subprocess.Popen[bytes]
    _numbers: Iterator[int] = field(default_factory=count)

    def address(self, database: str, role: str = "allied") -> str:
        """How a database of this server is reached; `role` may be `name:password`."""
        return f"postgresql://{role}@/{database}?host={quote(str(self.folder), safe='')}"

    def tell(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement on a connection of its own, outside of a transaction."""
        with psycopg.connect(self.address(database), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def database(self) -> Iterator[str]:
        """The address of a new, empty database; it is dropped in the end."""
        name = f"d{next(self._numbers)}"
        self.tell(f"CREATE DATABASE {name}")
        try:
            yield self.address(name)
        finally:
            self.tell(f"DROP DATABASE {name} WITH (FORCE)")


def programs() -> Path | None:
    """Where the server's programs lie; None when none are installed."""
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else []
    places += sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: int(each.parent.name)
    )
    return next((each for each in reversed(places) if (each / "initdb").exists()), None)


@contextmanager
def server(*, durable: bool = False) -> Iterator[Server]:
    """A server, while the block runs; skips the test where none is installed.

    Args:
        durable: for figures; each commit waits for the disk, as it has to where it matters.
    """
    where = programs()
    if where is None:
        pytest.skip("no PostgreSQL server here; on Debian: apt install postgresql")
    # The path of a socket file has at most 107 bytes, so not below pytest's folders.
    folder = Path(tempfile.mkdtemp(prefix="allied-pg-"))
    try:
        as_whom = _as_whom(folder)
        made = subprocess.run(
            [where / "initdb", "--no-sync", "--auth=trust", "--username=allied", "--encoding=UTF8",
             "--locale=C.UTF-8", f"--pgdata={folder / 'data'}"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, cwd=folder, **as_whom,
        )  # fmt: skip
        assert made.returncode == 0, made.stdout.decode()
        doors = folder / "data" / "pg_hba.conf"
        doors.write_text(f"local all {GUARDED} scram-sha-256\nlocal all all trust\n")
        chosen = (*_PRIVATE, *(_DURABLE if durable else _FORGETFUL))
        settings = [part for each in chosen for part in ("-c", each)]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [where / "postgres", "-D", folder / "data", "-k", folder, *settings],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=folder, **as_whom,
            )  # fmt: skip
        try:
            yield _answering(Server(folder, process))
        finally:
            process.send_signal(signal.SIGINT)  # at once, without waiting for anybody
            try:
                process.wait(WAIT_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as_whom(folder: Path) -> dict[str, Any]:
    """Root may not run a server: somebody who owns nothing else does."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            who = pwd.getpwnam(name)
            os.chown(folder, who.pw_uid, who.pw_gid)
            return {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}
    pytest.skip("root may not run PostgreSQL, and there is nobody else here")


def _answering(one: Server) -> Server:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            one.tell("SELECT 1")
        except psycopg.OperationalError:
            log = (one.folder / "log").read_text(errors="replace")
            assert one.process.poll() is None, log
            assert time.monotonic() < deadline, log
            time.sleep(0.02)
        else:
            return one
