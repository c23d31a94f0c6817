"""How many items a set of handling classes has, as last counted.

Which way to a page is the cheaper one follows from it (`joined`), and never what is on the
page. So what one unit has counted may serve others, of any state of the store that had the
same number of changes; a count that is out of date costs some time and nothing else.
"""

from __future__ import annotations

from typing import Final

_REMEMBERED: Final = 10_000

Key = tuple[int, str]
"""The number of a holder, and its classes as text."""


class Shares:
    """Counts that are shared by all units of a store; safe for several threads."""

    def __init__(self) -> None:
        self._counted: dict[Key, tuple[int, int]] = {}

    def known(self, key: Key, changes: int) -> int | None:
        """What was counted in that state of the store, if anything."""
        state, count = self._counted.get(key, (-1, 0))
        return count if state == changes else None

    def keep(self, key: Key, changes: int, count: int) -> None:
        """Remember a count; forgets everything first when there are too many."""
        if len(self._counted) >= _REMEMBERED:
            self._counted = {}  # a new one: another thread goes on with the old one
        self._counted[key] = changes, count
