"""What several serving processes over one PostgreSQL database tell each other.

One of them keeps up with the peers, and is followed by another when it ends; hints that reach
the others are passed on to it; a signed request that one of them answered is known to all.

Words used here:
    keeper    the process that holds the keeper's lock; the server frees it when the process or
              its connection ends, however it ends
    hint      that a peer has something new; without content, and nothing is lost with it

Rules. All of it goes over one connection per process, made when it is first needed and made
again when it broke. Whoever lost its connection is not the keeper until it has the lock again;
a step that was under way then may overlap with the first of its follower, as a verb beside a
server may. Nothing here waits for the disk: after a crash of the database server the last
nonces are known to their own process only.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import psycopg

from allied.adapters.sql.postgres import KEEP_ALONE, connected, reached_by, refused
from allied.errors import AlliedError
from allied.record.ids import OrganisationId

_T = TypeVar("_T")
_LOG: Final = logging.getLogger("allied.fellows")
_CHANNEL: Final = "allied_hint"
_FORGET_SECONDS: Final = 60.0
_WAIT_SECONDS: Final = 15

_SETTINGS: Final = (
    f"SET statement_timeout = '{_WAIT_SECONDS}s'; SET lock_timeout = '{_WAIT_SECONDS}s';"
    " SET synchronous_commit = off; SET tcp_keepalives_idle = 10;"
    f" SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; LISTEN {_CHANNEL}"
)
_ALIVE: Final = "SELECT true"
_HINT: Final = f"SELECT pg_notify('{_CHANNEL}', current_schema() || '/' || %s)"
_SCHEMA: Final = "SELECT current_schema()"
_USE_UP: Final = (
    "INSERT INTO nonces (caller, nonce, expires) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
)
_FORGET: Final = "DELETE FROM nonces WHERE expires < %s"


class PostgresFellows:
    """See `allied.node.ports.Fellows`; safe for several threads."""

    def __init__(
        self,
        address: str,
        *,
        wait_seconds: float,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is opened yet.

        Args:
            wait_seconds: for the server, when connecting.
            steady: seconds that only ever grow.
        """
        self._parameters = reached_by(address, wait_seconds=wait_seconds)
        self._lock = threading.RLock()
        self._connection: psycopg.Connection[Any] | None = None
        self._schema = ""
        self._keeps = False
        self._hinted: set[OrganisationId] = set()
        self._steady = steady
        self._forgot_at = float("-inf")

    def is_keeper(self) -> bool:
        """See `Fellows.is_keeper`; also takes in what the others passed on."""
        return self._carried_out(self._ask_for_it)

    def _ask_for_it(self, connection: psycopg.Connection[Any]) -> bool:
        # The lock is held as long as this connection is: only whether it is there is asked.
        row = connection.execute(_ALIVE if self._keeps else KEEP_ALONE).fetchone()
        had, self._keeps = self._keeps, bool(row and row[0])
        if self._keeps and not had:
            _LOG.info("this process keeps up with the peers now")
        if not self._keeps:
            self._hinted.clear()  # for the one that does
        return self._keeps

    def hint(self, organisation: OrganisationId) -> None:
        """See `Fellows.hint`."""
        with self._lock:
            if self._keeps:
                self._hinted.add(organisation)
                return
            try:
                self._carried_out(lambda connection: connection.execute(_HINT, (organisation,)))
            except AlliedError as problem:  # it is asked for by itself sooner or later
                _LOG.warning("a hint was not passed on: %s", problem.code)

    def hinted(self) -> Sequence[OrganisationId]:
        """See `Fellows.hinted`."""
        with self._lock:
            found = sorted(self._hinted) if self._keeps else []
            self._hinted.clear()
        return found

    def is_first(self, caller: OrganisationId, nonce: str, expires: int, now: float) -> bool:
        """See `Fellows.is_first`."""

        def use_up(connection: psycopg.Connection[Any]) -> bool:
            if self._steady() - self._forgot_at >= _FORGET_SECONDS:
                self._forgot_at = self._steady()
                # A fellow's clock may be a little behind.
                connection.execute(_FORGET, (int(now - _FORGET_SECONDS),))
            return connection.execute(_USE_UP, (caller, nonce, expires)).rowcount == 1

        return self._carried_out(use_up)

    def close(self) -> None:
        """See `Fellows.close`."""
        with self._lock:
            self._drop()

    # --- the connection -------------------------------------------------------------------

    def _carried_out(self, step: Callable[[psycopg.Connection[Any]], _T]) -> _T:
        with self._lock:
            try:
                return step(self._connected())
            except psycopg.Error as error:
                self._drop()
                raise refused(error) or error from error

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is not None:
            return self._connection
        connection = connected(self._parameters)
        try:
            connection.autocommit = True
            connection.execute(_SETTINGS)
            row = connection.execute(_SCHEMA).fetchone()
            self._schema = str(row[0]) if row else ""
            connection.add_notify_handler(self._take_in)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection, self._keeps = None, False

    def _take_in(self, told: psycopg.Notify) -> None:
        """A hint that a fellow passed on; other nodes may use other schemas of the database."""
        schema, _, organisation = told.payload.rpartition("/")
        if schema == self._schema and organisation:
            self._hinted.add(OrganisationId(organisation))
