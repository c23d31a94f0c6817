"""The small values that agreements are written with: markings, durations, fractions, days.

Each is frozen, reads from exactly one spelling family and prints the spelling that reads
back to the same value. Nothing here knows where a value stands in an agreement.

Words used here:
    marking    a TLP 2.0 label; they form one line from CLEAR (anyone) to RED (named people)
    duration   a count and a unit as people agree on it; *working days* stay working days,
               for only the agreement's calendar can say when they end
    day        a calendar day in the agreement's time zone
    interval   from a day to a day, both included

Two rules hold everywhere below. `parse(str(value)) == value`. A spelling that is not
understood raises ValueError whose text says how it should look, never what was given;
a length of time in another spelling (`2h`) is named in ours.

Source: TLP 2.0 (FIRST) for the markings; agreement format, "Values".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import total_ordering
from typing import Any, Final, Self, TypeVar

V = TypeVar("V")


class _Ladder(Enum):
    """An enumeration whose members stand in the order in which they are written."""

    @property
    def rank(self) -> int:
        """Position from 0."""
        return _RANKS[self]

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, type(self)):
            return NotImplemented
        return _RANKS[self] < _RANKS[other]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the exact spelling."""
        for member in cls:
            if member.value == text:
                return member
        raise ValueError("one of " + ", ".join(str(member.value) for member in cls))

    def __str__(self) -> str:
        return str(self.value)


@total_ordering
class Tlp(_Ladder):
    """A marking of TLP 2.0; `max` of two is the one that binds."""

    CLEAR = "CLEAR"
    GREEN = "GREEN"
    AMBER = "AMBER"
    AMBER_STRICT = "AMBER+STRICT"
    RED = "RED"

    @classmethod
    def of(cls, text: str) -> Tlp:
        """Read a marking as people type it: any case, with or without `TLP:`.

        Raises:
            ValueError: it is no marking of TLP 2.0 (`WHITE` is of TLP 1 and not taken).
        """
        return cls.parse(text.strip().upper().removeprefix("TLP:"))

    @property
    def label(self) -> str:
        """As printed on documents: `TLP:AMBER+STRICT`."""
        return f"TLP:{self.value}"


@total_ordering
class Severity(_Ladder):
    """How bad an incident is."""

    BASELINE = "baseline"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    SEVERE = "severe"
    EMERGENCY = "emergency"


@total_ordering
class Confidence(_Ladder):
    """How sure a finding is."""

    LOW = "low"
    MODERATE = "moderate"
    HIGH = "high"


_RANKS: Final[Mapping[_Ladder, int]] = {
    member: rank for ladder in (Tlp, Severity, Confidence) for rank, member in enumerate(ladder)
}

_UNITS: Final[Mapping[str, str]] = {
    "second": "seconds",
    "minute": "minutes",
    "hour": "hours",
    "day": "days",
    "working day": "working days",
    "week": "weeks",
    "month": "months",
    "year": "years",
}
_SECONDS: Final[Mapping[str, int]] = {
    "seconds": 1,
    "minutes": 60,
    "hours": 3600,
    "days": 86400,
    "weeks": 7 * 86400,
}
_DURATION: Final = re.compile(r"(0|[1-9][0-9]{0,5}) ([a-z]+(?: [a-z]+)?)", re.ASCII)
_DURATION_FORM: Final = "a number and a unit, like `4 hours`, `5 working days` or `1 year`"
_LOOSE_DURATION: Final = re.compile(
    r"(?:within |in |after )?(?:([0-9]{1,6})|([a-z]+))[ -]?([a-z]+(?: days?)?)\.?",
    re.ASCII | re.IGNORECASE,
)
_LOOSE_UNITS: Final[Mapping[str, str]] = {
    **{unit: unit for unit in _UNITS.values()},
    **_UNITS,
    **dict.fromkeys(("s", "sec", "secs"), "seconds"),
    **dict.fromkeys(("min", "mins"), "minutes"),
    **dict.fromkeys(("h", "hr", "hrs"), "hours"),
    "d": "days",
    **dict.fromkeys(("business day", "business days", "workday", "workdays"), "working days"),
    **dict.fromkeys(("w", "wk", "wks"), "weeks"),
    **dict.fromkeys(("mo", "mth", "mths"), "months"),
    **dict.fromkeys(("y", "yr", "yrs"), "years"),
}
_LOOSE_NUMBERS: Final = (
    *("a", "an", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("ten", "eleven", "twelve"),
)


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time as agreed: `4 hours`, `5 working days`, `immediately`.

    Attributes:
        count: 0 to 999999.
        unit: seconds, minutes, hours, days, working days, weeks, months or years.
    """

    count: int
    unit: str

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Read `4 hours`, `1 day`, `immediately`."""
        if text == "immediately":
            return cls(0, "hours")
        found = _DURATION.fullmatch(text)
        unit = _UNITS.get(found[2], found[2]) if found else ""
        if not found or unit not in _UNITS.values():
            raise ValueError(_meant_duration(text) or _DURATION_FORM)
        return cls(int(found[1]), unit)

    def __str__(self) -> str:
        if self.count == 0 and self.unit == "hours":
            return "immediately"
        return f"{self.count} {self.unit.removesuffix('s') if self.count == 1 else self.unit}"

    def after(self, start: datetime) -> datetime:
        """The instant at which this has passed since `start`.

        Months and years keep the day of the month, or take the last day of a shorter
        month. Working days are Monday to Friday; public holidays are not known here.

        Raises:
            OverflowError: the instant lies beyond the year 9999.
        """
        if self.unit in _SECONDS:
            return start + timedelta(seconds=self.count * _SECONDS[self.unit])
        if self.unit == "working days":
            weeks, rest = divmod(self.count, 5)
            end = start + timedelta(weeks=weeks)
            while end.weekday() >= 5 or rest:
                rest -= 1 if end.weekday() < 5 and rest else 0
                end += timedelta(days=1)
            return end
        months = self.count * (12 if self.unit == "years" else 1)
        year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
        if year > 9999:
            raise OverflowError("the instant lies beyond the year 9999")
        for day in range(start.day, start.day - 4, -1):
            try:
                return start.replace(year=year, month=month + 1, day=day)
            except ValueError:
                continue
        raise AssertionError("every month has 28 days")

    @property
    def exact(self) -> timedelta | None:
        """Its length, or None where only a calendar can say (working days, months, years)."""
        if self.unit in _SECONDS:
            return timedelta(seconds=self.count * _SECONDS[self.unit])
        return None


def _meant_duration(text: str) -> str:
    """How a length of time in another spelling is written here; empty where none is seen."""
    found = _LOOSE_DURATION.fullmatch(text) if len(text) < 40 else None
    unit = _LOOSE_UNITS.get(found[3].lower()) if found else None
    if not found or unit is None:
        return ""
    if found[1]:
        return f"`{Duration(int(found[1]), unit)}`"
    word = found[2].lower()
    if word not in _LOOSE_NUMBERS:
        return ""
    return f"`{Duration(max(1, _LOOSE_NUMBERS.index(word) - 1), unit)}`"


_FRACTION: Final = re.compile(r"([1-9][0-9]{0,4})/([1-9][0-9]{0,4})", re.ASCII)
_PERCENT: Final = re.compile(r"(100|[1-9]?[0-9])(?:\.([0-9]{1,3}))? ?%", re.ASCII)
_COUNT: Final = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
_DECIMAL: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,9})?", re.ASCII)


def fraction(text: str) -> Fraction:
    """Read `2/3`, `65%` or `65 %`; more than nothing, at most everything."""
    found = _FRACTION.fullmatch(text)
    if found:
        value = Fraction(int(found[1]), int(found[2]))
    else:
        percent = _PERCENT.fullmatch(text)
        value = Fraction(text.rstrip("% ")) / 100 if percent else Fraction(0)
    if not 0 < value <= 1:
        raise ValueError("a fraction like `2/3`, or a share like `65%`")
    return value


def fraction_text(value: Fraction) -> str:
    """Print a fraction so that it reads back: `2/3`, `1/1`."""
    return f"{value.numerator}/{value.denominator}"


def count(text: str) -> int:
    """Read a whole number from 0 to 999999999."""
    if not _COUNT.fullmatch(text):
        raise ValueError("a whole number")
    return int(text)


def decimal(text: str) -> Decimal:
    """Read a decimal number such as a latitude; never a binary fraction."""
    if not _DECIMAL.fullmatch(text):
        raise ValueError('a decimal number in quotes, like `"23.44"`')
    return Decimal(text)


def yes_no(text: str) -> bool:
    """Read `yes` or `no`, and nothing else."""
    if text == "yes":
        return True
    if text == "no":
        return False
    raise ValueError("`yes` or `no`")


_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def day(text: str) -> date:
    """Read `2026-03-01`."""
    if _DAY.fullmatch(text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass
    raise ValueError("year, month and day of a day that the calendar knows, like `2026-03-01`")


@dataclass(frozen=True, slots=True)
class Interval:
    """From a day to a day, both included; an open end has no day."""

    first: date
    last: date | None

    @classmethod
    def parse(cls, text: str) -> Interval:
        """Read `2025-11-12/2026-01-30`, or `2025-11-12/` for an open end."""
        first, bar, last = text.partition("/")
        try:
            if bar:
                found = cls(day(first), day(last) if last else None)
                if found.last is None or found.first <= found.last:
                    return found
        except ValueError:
            pass
        raise ValueError("two days, the earlier first, like `2025-11-12/2026-01-30`")

    def __str__(self) -> str:
        return f"{self.first}/{self.last or ''}"

    def holds(self, at: date) -> bool:
        """Whether a day lies in it."""
        return self.first <= at and (self.last is None or at <= self.last)


@dataclass(frozen=True, slots=True)
class Attribution:
    """What must be known of who did it before a clause answers.

    Attributes:
        to: `not-needed`, `from-outside`, `to-anyone` or `to-a-state`.
        at_least: how sure it must be; None where any confidence will do.
    """

    to: str
    at_least: Confidence | None = None

    @classmethod
    def parse(cls, text: str) -> Attribution:
        """Read `not-needed`, `from-outside`, `to-anyone at least moderate`, `to-a-state`."""
        to, _, level = text.partition(" at least ")
        if to in {"not-needed", "from-outside", "to-anyone", "to-a-state"}:
            if not level and text == to:
                return cls(to)
            if level and to != "not-needed":
                try:
                    return cls(to, Confidence.parse(level))
                except ValueError:
                    pass
        raise ValueError(
            "`not-needed`, `from-outside`, `to-anyone at least moderate` or `to-a-state`"
        )

    def __str__(self) -> str:
        return f"{self.to} at least {self.at_least}" if self.at_least else self.to


@dataclass(frozen=True, slots=True)
class AmendmentEntry:
    """When an adopted amendment takes effect, and for whom.

    Attributes:
        how: `all-ratify`, `fraction-binds-all` or `steward-notice`.
        fraction: of the parties, for `fraction-binds-all`.
        notice: for `steward-notice`.
    """

    how: str
    fraction: Fraction | None = None
    notice: Duration | None = None

    @classmethod
    def parse(cls, text: str) -> AmendmentEntry:
        """Read `all-ratify`, `fraction-binds-all 2/3` or `steward-notice 45 days`."""
        how, _, rest = text.partition(" ")
        try:
            if text == "all-ratify":
                return cls(how)
            if how == "fraction-binds-all":
                return cls(how, fraction=fraction(rest) if rest else None)
            if how == "steward-notice":
                return cls(how, notice=Duration.parse(rest))
        except ValueError:
            pass
        raise ValueError("`all-ratify`, `fraction-binds-all 2/3` or `steward-notice 45 days`")

    def __str__(self) -> str:
        if self.fraction is not None:
            return f"{self.how} {fraction_text(self.fraction)}"
        return f"{self.how} {self.notice}" if self.notice is not None else self.how


class Table(Mapping[str, V]):
    """A frozen map from names to values that keeps the order of the text.

    Two are equal when they hold the same, in whatever order.
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, V] | None = None) -> None:
        self._values = dict(values or {})

    def __getitem__(self, key: str) -> V:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(frozenset(self._values.items()))

    def __repr__(self) -> str:
        return f"Table({self._values!r})"


IMMEDIATELY: Final = Duration(0, "hours")
"""Without any delay."""

NOTHING: Final[Table[Any]] = Table()
"""A map without entries."""
