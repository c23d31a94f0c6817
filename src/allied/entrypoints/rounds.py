"""The thread that pulls from TAXII servers of others and pushes to them, beside the server.

Each neighbour says how often it is asked; after a failure it is asked less often. One after the
other: a slow neighbour keeps the others waiting, and never the server or the peers. Once a minute
parcels are left with relays and fetched from them, and letters sent and taken in, where people
have said so.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from allied.entrypoints.maildir import Looks
from allied.errors import AlliedError
from allied.node import mailing, neighbours, parcels

if TYPE_CHECKING:
    from allied.node.node import Node
    from allied.node.ports import Keys

_LOG: Final = logging.getLogger("allied.neighbours")
_LOOK_SECONDS: Final = 2.0
_PARCEL_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 3.0


class Rounds:
    """Asks each neighbour when it is due."""

    def __init__(
        self,
        node: Node,
        keys: Keys,
        may: Callable[[], bool],
        *,
        look_seconds: float = _LOOK_SECONDS,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """Ask for `node`, while `may` says that this process is the one to do so."""
        self._node = node
        self._may = may
        self._keys = keys
        self._look_seconds = look_seconds
        self._steady = steady
        self._looks = Looks(node, keys)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="neighbours", daemon=True)

    def start(self) -> None:
        """Begin; who is due is asked at once."""
        self._thread.start()

    def stop(self) -> None:
        """End after the neighbour that is being asked."""
        self._stopping.set()
        self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        due = self._steady() + _PARCEL_SECONDS
        while not self._stopping.wait(self._look_seconds):
            try:
                for each in neighbours.due(self._node) if self._may() else ():
                    if self._stopping.is_set():
                        return
                    outcome = neighbours.exchange(self._node, self._keys, each)
                    if outcome.problem:
                        _LOG.warning("neighbour %s: %s", each.id, outcome.problem)
                if self._may() and self._steady() >= due:
                    due = self._steady() + _PARCEL_SECONDS
                    parcels.go_round(self._node, self._keys)
                    for taken in self._looks.look():
                        _LOG.info("mail came in: %d files, %s", taken.files, taken.problem or "ok")
                    for sent in mailing.go_round(self._node, self._keys):
                        if sent.problem and sent.problem != mailing.UNDER_WAY:
                            _LOG.warning("mail %s: %s", sent.route, sent.problem)
            except AlliedError as problem:
                _LOG.warning("asking neighbours failed: %s", problem.code)
            except Exception:  # noqa: BLE001 - the thread outlives whatever goes wrong once
                _LOG.exception("asking neighbours failed")
