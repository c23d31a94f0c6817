"""What a test tells: the stories that stand behind it, by where they were told first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

F = TypeVar("F", bound=Callable[..., object])


def tells(*stories: str) -> Callable[[F], F]:
    """Say which stories a test tells: `MISP#4681`, `scenario 16`."""

    def told(test: F) -> F:
        test.stories = stories  # type: ignore[attr-defined]
        return test

    return told
