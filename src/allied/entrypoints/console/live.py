"""The stream that tells an open page that something changed, and that it is still live.

A message carries no content: `changed` says "ask again", `beat` says "still here". What a
page may see is decided when it asks. The number behind a state is hidden by a digest, so
that a stream tells nobody how much happens on this node.

Words used here:
    state   an opaque name for how far the node's store is; another one after each change
    beat    sent when nothing changed for a while; a page that misses it is not live

Rules. The first beats follow each other look by look: a page whose script begins to listen only
after the stream has opened must not wait for a whole interval. All streams of a process together
read the store about once a second. A stream ends with its session, with the process, and after an
hour; the browser comes back by itself.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

import anyio
import anyio.to_thread

MOST_STREAMS: Final = 500
BEAT_SECONDS: Final = 15.0
LONGEST_SECONDS: Final = 3600.0
FIRST_BEATS: Final = 20


@dataclass(slots=True)
class Streams:
    """What the streams of one process share.

    Attributes:
        changes: a number that grows with every change of the store; blocking.
        look_seconds: how often the store is looked at while somebody listens.
        steady: seconds that only ever grow.
    """

    changes: Callable[[], int]
    look_seconds: float = 1.0
    beat_seconds: float = BEAT_SECONDS
    steady: Callable[[], float] = time.monotonic
    open: int = 0
    _ending: bool = False
    _seen: str = ""
    _looked_at: float = field(default=float("-inf"))

    def end(self) -> None:
        """Let every stream end within a look; called when the process stops."""
        self._ending = True

    def now(self) -> str:
        """The present state; blocking."""
        return sha256(b"state %d" % self.changes()).hexdigest()[:16]

    async def _state(self) -> str:
        """The state, looked up at most once per look for all streams together."""
        if self.steady() - self._looked_at >= self.look_seconds * 0.9:
            self._looked_at = self.steady()
            self._seen = await anyio.to_thread.run_sync(self.now)
        return self._seen

    async def follow(
        self, seen: str, admitted: Callable[[], Awaitable[bool]]
    ) -> AsyncIterator[bytes]:
        """The messages of one stream.

        Args:
            seen: the state that the page was made of, or the last one it was told.
            admitted: whether the session still holds; asked with every beat.
        """
        self.open += 1
        try:
            began = beaten = self.steady()
            yield b"retry: 2000\n\n"
            told = seen
            yield _message("beat", told)
            soon = FIRST_BEATS - 1
            while not self._ending and self.steady() - began < LONGEST_SECONDS:
                state = await self._state()
                if state and state != told:
                    told, beaten = state, self.steady()
                    yield _message("changed", told)
                elif soon or self.steady() - beaten >= self.beat_seconds:
                    if not await admitted():
                        return
                    soon = max(0, soon - 1)
                    beaten = self.steady()
                    yield _message("beat", told)
                await anyio.sleep(self.look_seconds)
        finally:
            self.open -= 1


def _message(word: str, state: str) -> bytes:
    return f"id: {state}\ndata: {word}\n\n".encode()
