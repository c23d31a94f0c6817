"""The stream that tells an open page that something changed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import anyio
import pytest

from allied.entrypoints.console.live import FIRST_BEATS, LONGEST_SECONDS, Streams

T = TypeVar("T")


@dataclass
class Store:
    """Something that changes, and counts how often it was looked at."""

    number: int = 1
    looks: int = 0
    seconds: float = 0.0
    admits: bool = True
    streams: Streams = field(init=False)

    def __post_init__(self) -> None:
        self.streams = Streams(self.look, 0.01, 15.0, lambda: self.seconds)

    def look(self) -> int:
        self.looks += 1
        return self.number

    async def admitted(self) -> bool:
        return self.admits

    def follow(self, seen: str = "") -> AsyncIterator[bytes]:
        return self.streams.follow(seen or self.streams.now(), self.admitted)


def run(story: Callable[[], Coroutine[None, None, T]]) -> T:
    """Run a story in a thread of its own: a browser test may have a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(anyio.run, story).result()


async def words(messages: AsyncIterator[bytes], count: int) -> list[str]:
    """The words of the next messages; the first of a stream sets the time to come back."""
    found: list[str] = []
    with anyio.fail_after(5):
        while len(found) < count:
            text = (await anext(messages)).decode()
            found += [line[6:] for line in text.splitlines() if line.startswith("data: ")]
    return found


def test_a_page_is_told_at_once_what_it_missed_while_it_was_made() -> None:
    async def story() -> list[str]:
        store = Store()
        made_of = store.streams.now()
        store.number += 1
        return await words(store.follow(made_of), 2)

    assert run(story) == ["beat", "changed"]


def test_a_page_that_missed_nothing_hears_only_that_it_is_live() -> None:
    async def story() -> list[str]:
        store = Store()
        messages = store.follow()
        heard = await words(messages, FIRST_BEATS)
        store.seconds += 15
        heard += await words(messages, 1)
        store.number, store.seconds = 2, store.seconds + 1
        return heard + await words(messages, 1)

    assert run(story) == ["beat"] * FIRST_BEATS + ["beat", "changed"]


def test_after_the_first_beats_a_quiet_stream_keeps_still_for_the_interval() -> None:
    async def story() -> list[str]:
        store = Store()
        messages = store.follow()
        await words(messages, FIRST_BEATS)
        store.seconds += 14
        with anyio.move_on_after(0.1):
            return await words(messages, 1)
        return []

    assert run(story) == []


def test_a_message_has_no_name_and_tells_no_number() -> None:
    async def story() -> bytes:
        store = Store(number=41)
        messages = store.follow()
        await anext(messages)
        return await anext(messages)

    message = run(story).decode()
    assert "event:" not in message
    assert "41" not in message.replace(message.split()[1], "")
    assert message.endswith("data: beat\n\n")


@pytest.mark.parametrize("why", ["the process stops", "the session ends", "an hour is over"])
def test_a_stream_ends_when(why: str) -> None:
    async def story() -> int:
        store = Store()
        messages = store.follow()
        await words(messages, 1)
        assert store.streams.open == 1
        if why == "the process stops":
            store.streams.end()
        elif why == "the session ends":
            store.admits = False
            store.seconds += 15
        else:
            store.seconds += LONGEST_SECONDS
        with anyio.fail_after(5):
            async for _ in messages:
                pass
        return store.streams.open

    assert run(story) == 0


def test_many_pages_look_as_often_as_one() -> None:
    async def story() -> int:
        store = Store()
        store.streams.look_seconds = 1.0
        seen = store.streams.now()
        before = store.looks

        async def listen() -> None:
            await words(store.streams.follow(seen, store.admitted), 1)
            await anyio.sleep(0.05)

        async with anyio.create_task_group() as group:
            for _ in range(50):
                group.start_soon(listen)
        return store.looks - before

    assert run(story) <= 1
