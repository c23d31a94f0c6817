"""Lines between servers that can be bad: a peer's address leads here, and from here to its server.

Words used here:
    fine    what comes goes on
    shut    whoever calls is hung up on
    held    whoever calls is heard and never answered: half-open
    slow    an answer comes in drops
    torn    an answer breaks off in its middle
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Sequence
from itertools import count
from types import TracebackType
from typing import Final, Self

FINE, SHUT, HELD, SLOW, TORN = "fine", "shut", "held", "slow", "torn"
BAD: Final = (SHUT, HELD, SLOW, TORN)

_DROP: Final = 400
_PAUSE_SECONDS: Final = 0.05
_TORN_AFTER: Final = 600


class Lines:
    """The lines of several sites, carried by one thread until the block ends."""

    def __init__(self) -> None:
        self.weather: dict[int, str] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="lines")
        self._doors: list[asyncio.Server] = []
        self._calls: set[asyncio.Task[None]] = set()
        self._turn = count()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        for door in self._doors:
            door.close()
        await asyncio.sleep(0)
        others = [each for each in asyncio.all_tasks() if each is not asyncio.current_task()]
        for each in others:
            each.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def lay(self, ports: Sequence[int]) -> int:
        """A new line to a site's servers, taken in turn; the port that it is called at."""
        return asyncio.run_coroutine_threadsafe(self._lay(ports), self._loop).result(10)

    async def _lay(self, ports: Sequence[int]) -> int:
        at: list[int] = []

        async def called(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            call = asyncio.current_task()
            assert call is not None
            self._calls.add(call)  # nobody else keeps it while it waits
            try:
                with contextlib.suppress(OSError, asyncio.CancelledError):
                    await self._carry(at[0], ports, reader, writer)
            finally:
                self._calls.discard(call)
                writer.close()

        door = await asyncio.start_server(called, "127.0.0.1", 0)
        self._doors.append(door)
        at.append(int(door.sockets[0].getsockname()[1]))
        return at[0]

    async def _carry(
        self,
        at: int,
        ports: Sequence[int],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        weather = self.weather.get(at, FINE)
        if weather == SHUT:
            return
        if weather == HELD:
            while await reader.read(65_536):
                pass
            return
        there, back = await self._reached(ports)
        onward = asyncio.ensure_future(_pour(reader, back))
        try:
            await _pour(there, writer, weather)
        finally:
            onward.cancel()
            back.close()

    async def _reached(
        self, ports: Sequence[int]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A server of the site that answers, as a proxy would find one."""
        first = next(self._turn) % len(ports)
        for port in (*ports[first:], *ports[:first]):
            with contextlib.suppress(ConnectionRefusedError):
                return await asyncio.open_connection("127.0.0.1", port)
        raise ConnectionRefusedError


async def _pour(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, weather: str = FINE
) -> None:
    poured = 0
    while raw := await reader.read(_DROP if weather == SLOW else 65_536):
        poured += len(raw)
        if weather == TORN and poured > _TORN_AFTER:
            writer.write(raw[: len(raw) // 2])
            await writer.drain()
            return
        writer.write(raw)
        await writer.drain()
        if weather == SLOW:
            await asyncio.sleep(_PAUSE_SECONDS)
