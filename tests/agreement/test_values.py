from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from allied.agreement.values import (
    AmendmentEntry,
    Attribution,
    Confidence,
    Duration,
    Interval,
    Severity,
    Table,
    Tlp,
    count,
    day,
    decimal,
    fraction,
    fraction_text,
    yes_no,
)

FRIDAY = datetime(2026, 11, 20, 10, tzinfo=UTC)


def test_markings_form_one_line() -> None:
    assert sorted(Tlp) == [Tlp.CLEAR, Tlp.GREEN, Tlp.AMBER, Tlp.AMBER_STRICT, Tlp.RED]
    assert max(Tlp.AMBER_STRICT, Tlp.AMBER) is Tlp.AMBER_STRICT
    assert Tlp.AMBER >= Tlp.AMBER
    assert Severity.EMERGENCY > Severity.SEVERE > Severity.LOW
    assert Confidence.LOW < Confidence.HIGH


@pytest.mark.parametrize(
    "typed", ["AMBER+STRICT", "amber+strict", "TLP:AMBER+STRICT", " tlp:amber+strict "]
)
def test_a_marking_is_read_as_people_type_it(typed: str) -> None:
    assert Tlp.of(typed) is Tlp.AMBER_STRICT
    assert Tlp.AMBER_STRICT.label == "TLP:AMBER+STRICT"


@pytest.mark.parametrize("typed", ["WHITE", "AMBER STRICT", "", "TLP", "RÉD"])
def test_what_is_no_marking_is_not_taken_for_one(typed: str) -> None:
    with pytest.raises(ValueError, match="AMBER"):
        Tlp.of(typed)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("immediately", "2026-11-20 10:00"),
        ("0 days", "2026-11-20 10:00"),
        ("4 hours", "2026-11-20 14:00"),
        ("1 day", "2026-11-21 10:00"),
        ("1 working day", "2026-11-23 10:00"),
        ("5 working days", "2026-11-27 10:00"),
        ("6 working days", "2026-11-30 10:00"),
        ("2 weeks", "2026-12-04 10:00"),
        ("1 month", "2026-12-20 10:00"),
        ("3 months", "2027-02-20 10:00"),
        ("20 years", "2046-11-20 10:00"),
    ],
)
def test_a_duration_ends_when_people_would_say(text: str, end: str) -> None:
    assert Duration.parse(text).after(FRIDAY).strftime("%Y-%m-%d %H:%M") == end


def test_a_month_from_its_last_day_ends_on_the_last_day() -> None:
    leap = datetime(2024, 2, 29, tzinfo=UTC)
    assert Duration.parse("1 month").after(datetime(2026, 1, 31, tzinfo=UTC)).day == 28
    assert Duration.parse("1 year").after(leap) == datetime(2025, 2, 28, tzinfo=UTC)
    assert Duration.parse("4 years").after(leap) == datetime(2028, 2, 29, tzinfo=UTC)


def test_a_working_period_from_a_weekend_begins_on_monday() -> None:
    saturday = datetime(2026, 11, 21, 10, tzinfo=UTC)
    assert Duration.parse("1 working day").after(saturday) == datetime(2026, 11, 24, 10, tzinfo=UTC)


def test_the_end_of_the_calendar_is_an_overflow() -> None:
    with pytest.raises(OverflowError):
        Duration.parse("999999 years").after(FRIDAY)
    with pytest.raises(OverflowError):
        Duration.parse("999999 weeks").after(datetime(9999, 1, 1, tzinfo=UTC))


@given(
    st.integers(0, 400),
    st.sampled_from(["hours", "days", "working days", "weeks", "months", "years"]),
    st.datetimes(timezones=st.just(UTC)).filter(lambda at: 1900 < at.year < 2100),
)
def test_a_longer_duration_never_ends_earlier(length: int, unit: str, start: datetime) -> None:
    shorter = Duration(length, unit).after(start)
    assert start <= shorter <= Duration(length + 1, unit).after(start)


def test_only_what_has_one_length_is_exact() -> None:
    assert Duration.parse("2 days").exact == timedelta(days=2)
    assert Duration.parse("2 working days").exact is None
    assert Duration.parse("2 months").exact is None


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        *((Duration.parse, text) for text in ("1 day", "5 working days", "immediately", "0 days")),
        *((Attribution.parse, text) for text in ("not-needed", "to-a-state at least high")),
        *((AmendmentEntry.parse, text) for text in ("all-ratify", "steward-notice 45 days")),
        *((Interval.parse, text) for text in ("2025-11-12/2026-01-30", "2025-11-12/")),
        *((Tlp.parse, text) for text in ("AMBER+STRICT", "CLEAR")),
    ],
)
def test_a_value_prints_as_it_is_read(parse: Callable[[str], Any], text: str) -> None:
    assert str(parse(text)) == text
    assert parse(str(parse(text))) == parse(text)


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        *(
            (Duration.parse, text)
            for text in ("4", "four hours", "4 hour s", "04 hours", "4  hours")
        ),
        *((Duration.parse, text) for text in ("1.5 days", "-1 day", "1 fortnight", "4 hours ")),
        *((count, text) for text in ("-1", "1.0", "01", "٣", "1e3", "")),
        *((decimal, text) for text in ("1,5", "1e5", "NaN", "Infinity", ".5", "--1")),
        *((fraction, text) for text in ("0/3", "4/3", "1/0", "2", "0%", "101%", "1.5%%")),
        *(
            (day, text)
            for text in ("2026-2-1", "2026-13-01", "20260101", "2026-W01-1", "01.02.2026")
        ),
        *(
            (Interval.parse, text)
            for text in ("2026-01-02/2026-01-01", "2026-01-01", "/2026-01-01")
        ),
        *((yes_no, text) for text in ("Yes", "true", "y", "on", "1", "")),
        *(
            (Attribution.parse, text)
            for text in ("not-needed at least low", "to-anyone at least x")
        ),
        *((AmendmentEntry.parse, text) for text in ("steward-notice", "all-ratify 2/3", "x")),
        (Severity.parse, "bad"),
    ],
)
def test_what_is_not_understood_says_how_it_should_look(
    parse: Callable[[str], Any], text: str
) -> None:
    with pytest.raises(ValueError, match=r"[a-z`]"):
        parse(text)


@given(st.fractions(0, 1, max_denominator=9999).filter(bool))
def test_a_fraction_prints_as_it_is_read(value: Any) -> None:
    assert fraction(fraction_text(value)) == value


def test_an_interval_holds_both_its_days() -> None:
    shield = Interval.parse("2025-11-12/2026-01-30")
    assert [shield.holds(date(2025, 11, 11 + n)) for n in range(2)] == [False, True]
    assert [shield.holds(date(2026, 1, 30 + n)) for n in range(2)] == [True, False]
    assert Interval.parse("2025-11-12/").holds(date.max)


def test_tables_are_equal_whatever_their_order() -> None:
    one, two = Table({"a": 1, "b": 2}), Table({"b": 2, "a": 1})
    assert one == two
    assert hash(one) == hash(two)
    assert list(one) == ["a", "b"]
    assert one != Table({"a": 1})
