"""A store whose process dies at a write of its own choosing, and is opened again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

WRITES = (
    "add_", "set_", "put_", "claim_", "park", "unpark", "want_", "append_", "handling_class",
    "number_", "replace_", "keep_",
)  # fmt: skip


class Killed(BaseException):
    """The process is gone; nobody in it can catch that."""


@dataclass
class Fuse:
    """Burns down with every write and every commit; None never does."""

    left: int | None = None

    def burn(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Killed


@dataclass(eq=False)
class Fragile:
    """A store whose process dies at one of its writes, or right after one of its commits."""

    store: Any
    fuse: Fuse

    def read(self) -> Any:
        return self.store.read()

    @contextmanager
    def write(self) -> Iterator[Any]:
        with self.store.write() as writing:
            yield Burning(writing, self.fuse)
        self.fuse.burn()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


@dataclass
class Burning:
    """A unit that may not come to its end."""

    writing: Any
    fuse: Fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.writing, name)
        if not name.startswith(WRITES):
            return found

        def write(*given: Any, **more: Any) -> Any:
            self.fuse.burn()
            return found(*given, **more)

        return write
