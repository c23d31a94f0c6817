"""Yes, no, or unknown: how answers add up when a fact is missing.

Kleene's strong logic of three values. Unknown stands for a fact nobody has stated yet, so an
answer that is already decided by what is known does not wait for it: one *no* settles a
conjunction, one *yes* an alternative.

The rule that holds wherever this is used: unknown is never treated as yes.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Answer(StrEnum):
    """What a question about facts comes to."""

    NO = "no"
    UNKNOWN = "unknown"
    YES = "yes"

    @classmethod
    def of(cls, value: bool | None) -> Answer:
        """Read `True`, `False` or `None` for a fact that is missing."""
        if value is None:
            return cls.UNKNOWN
        return cls.YES if value else cls.NO


def all_of(answers: Iterable[Answer]) -> Answer:
    """Return no if any is no, else unknown if any is unknown, else yes (also of nothing)."""
    result = Answer.YES
    for answer in answers:
        if answer is Answer.NO:
            return Answer.NO
        if answer is Answer.UNKNOWN:
            result = Answer.UNKNOWN
    return result


def any_of(answers: Iterable[Answer]) -> Answer:
    """Return yes if any is yes, else unknown if any is unknown, else no (also of nothing)."""
    result = Answer.NO
    for answer in answers:
        if answer is Answer.YES:
            return Answer.YES
        if answer is Answer.UNKNOWN:
            result = Answer.UNKNOWN
    return result
