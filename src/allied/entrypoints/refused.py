"""How many questions of other nodes this process has refused, by code.

What a peer sent in its answers, and did not hold, is counted in the store: `allied.node.refusals`.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping


class Refused:
    """Counts; may be used from several threads at once."""

    def __init__(self) -> None:
        """Begin with none."""
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, code: str) -> None:
        """One more, for a code of ours: never a word of whoever asks."""
        with self._lock:
            self._counts[code] += 1

    def counts(self) -> Mapping[str, int]:
        """How many of each code since the start."""
        with self._lock:
            return dict(self._counts)
