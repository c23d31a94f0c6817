"""Room on the side for what a pass over a bundle has to remember of each object.

A bundle has no limit on how many objects it holds, and an intake must not need memory in
proportion to them. What it notes per object goes through this protocol; the version here
keeps it in memory, for tests and for bundles of known size, and an adapter keeps it in a
temporary file.

Rules that hold for every implementation: a value that was put is what `get` gives, until
another is put under the same table and key; `items` comes in the order of the keys and sees
everything that was put before it was called.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class Scratch(Protocol):
    """Tables of bytes by bytes, and a list of bytes; gone when the intake is over."""

    def put(self, table: str, key: bytes, value: bytes) -> None:
        """Keep `value`, in the place of what was there."""
        ...

    def get(self, table: str, key: bytes) -> bytes | None:
        """What was put, if anything was."""
        ...

    def items(self, table: str) -> Iterator[tuple[bytes, bytes]]:
        """Everything in a table, by key. Nothing is put into that table meanwhile."""
        ...

    def append(self, value: bytes) -> None:
        """Keep `value` behind all that was appended before; it has nothing to do with tables."""
        ...

    def appended(self) -> Iterator[bytes]:
        """All that was appended, in order. Nothing is appended meanwhile."""
        ...


class MemoryScratch:
    """A `Scratch` that grows with the bundle."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[bytes, bytes]] = {}
        self._appended: list[bytes] = []

    def put(self, table: str, key: bytes, value: bytes) -> None:
        self._tables.setdefault(table, {})[key] = value

    def get(self, table: str, key: bytes) -> bytes | None:
        return self._tables.get(table, {}).get(key)

    def items(self, table: str) -> Iterator[tuple[bytes, bytes]]:
        yield from sorted(self._tables.get(table, {}).items())

    def append(self, value: bytes) -> None:
        self._appended.append(value)

    def appended(self) -> Iterator[bytes]:
        yield from self._appended
