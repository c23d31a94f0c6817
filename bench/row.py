"""What a measure says: one figure a row, and the goal where there is one.

A measure is a module under `bench/measures/` whose function `measure(quick)` yields rows.
`quick` asks for smaller inputs, to see that everything runs; its figures say little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


class NotMeasurable(Exception):  # noqa: N818  # an answer, not a fault
    """Something the measure needs is not there; the message says what."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure.

    Attributes:
        what: what was measured, in a few words, inputs included.
        value: the figure.
        unit: of `value`; "x" for a ratio.
        goal: what it has to reach, in the same unit; None where it is only shown.
        better: which way is good.
        note: what a reader has to know to judge the figure.
    """

    what: str
    value: float
    unit: str
    goal: float | None = None
    better: Literal["less", "more"] = "less"
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None without a goal."""
        if self.goal is None:
            return None
        return self.value <= self.goal if self.better == "less" else self.value >= self.goal
