"""Where an act lies, what a moment is, and how yes, no and unknown add up."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from allied.agreement.values import Duration
from allied.response.document import Items, Paragraph, Section, Table, to_markdown, to_text
from allied.response.incident import Act
from allied.response.moment import begin, end, later, moment, moment_text
from allied.response.results import natural
from allied.response.scope import Area, covers, degrees, in_one_of
from allied.response.truth import Answer, all_of, any_of

Y, N, U = Answer.YES, Answer.NO, Answer.UNKNOWN


@pytest.mark.parametrize(
    ("pattern", "system", "covered"),
    [
        pytest.param("domain:ash.example", "domain:ash.example", True, id="itself"),
        pytest.param("domain:ash.example", "domain:www.ash.example", True, id="below it"),
        pytest.param("domain:ash.example", "domain:WWW.Ash.Example.", True, id="however spelled"),
        pytest.param("domain:ash.example", "domain:wash.example", False, id="not a longer word"),
        pytest.param("domain:www.ash.example", "domain:ash.example", False, id="not above it"),
        pytest.param("net:192.0.2.0/24", "net:192.0.2.7", True, id="an address"),
        pytest.param("net:192.0.2.0/24", "net:192.0.2.128/25", True, id="a network inside"),
        pytest.param("net:192.0.2.0/24", "net:192.0.0.0/16", False, id="not one around it"),
        pytest.param("net:2001:db8::/32", "net:2001:db8:1::1", True, id="six"),
        pytest.param("net:192.0.2.0/24", "net:2001:db8::1", False, id="four and six"),
        pytest.param("net:office", "net:office", True, id="a network by name"),
        pytest.param("net:office", "net:192.0.2.7", False, id="a name covers no address"),
        pytest.param("asn:64500", "asn:64500", True, id="a number"),
        pytest.param("asn:64500", "asn:6450", False, id="another number"),
        pytest.param("account:ops", "domain:ops", False, id="another kind"),
    ],
)
def test_which_systems_a_scope_covers(pattern: str, system: str, covered: bool) -> None:
    assert covers(system, pattern) is covered


NORTH = Area("north", targets=("territory",), places=("europe",), north_of_latitude=Decimal(23))
CONTESTED = Area("zone", places=("zone",), contested=True)


@pytest.mark.parametrize(
    ("act", "answer"),
    [
        pytest.param(Act(target="territory", places=("europe",), latitude=Decimal(50)), Y, id="in"),
        pytest.param(Act(target="ships", places=("europe",), latitude=Decimal(50)), N, id="target"),
        pytest.param(Act(target="territory", places=("europe",)), U, id="no latitude"),
        pytest.param(Act(target="territory", places=("asia",)), N, id="outside settles it"),
        pytest.param(
            Act(target="territory", places=("europe",), latitude=Decimal(23)), N, id="on the line"
        ),
        pytest.param(Act(), U, id="nothing stated"),
        pytest.param(Act(target="territory", places=()), N, id="stated to be nowhere"),
    ],
)
def test_a_scope_asks_every_test(act: Act, answer: Answer) -> None:
    assert in_one_of([NORTH], act).answer is answer


def test_one_of_several_scopes_is_enough() -> None:
    act = Act(target="ships", places=("zone",))
    assert in_one_of([NORTH], act).answer is N
    assert in_one_of([NORTH, Area("sea", targets=("ships",))], act).answer is Y
    assert in_one_of([], act).answer is Y


def test_a_contested_scope_is_unknown_unless_the_act_is_outside_anyway() -> None:
    assert in_one_of([CONTESTED], Act(places=("zone",))).answer is U
    assert in_one_of([CONTESTED], Act(places=("europe",))).answer is N


@pytest.mark.parametrize(
    ("latitude", "shown"), [("-51.7", "51.7 S"), ("23.44", "23.44 N"), ("0", "0 N")]
)
def test_degrees_are_written_for_people(latitude: str, shown: str) -> None:
    assert degrees(Decimal(latitude)) == shown


answers = st.lists(st.sampled_from(Answer), max_size=5)


@given(answers)
def test_unknown_waits_only_where_nothing_is_decided(given_answers: list[Answer]) -> None:
    both, either = all_of(given_answers), any_of(given_answers)
    assert both is (N if N in given_answers else U if U in given_answers else Y)
    assert either is (Y if Y in given_answers else U if U in given_answers else N)


@given(answers, st.integers(0, 4), st.sampled_from([Y, N]))
def test_filling_an_unknown_never_flips(
    given_answers: list[Answer], at: int, value: Answer
) -> None:
    filled = [value if each is U and i == at else each for i, each in enumerate(given_answers)]
    for add_up in (all_of, any_of):
        before = add_up(given_answers)
        assert before is U or add_up(filled) is before


def test_a_fact_that_is_missing_is_unknown() -> None:
    assert [Answer.of(each) for each in (True, False, None)] == [Y, N, U]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("2026-05-01", date(2026, 5, 1), id="a day"),
        pytest.param("2026-05-01T12:00:00Z", datetime(2026, 5, 1, 12, tzinfo=UTC), id="UTC"),
        pytest.param("2026-05-01T14:00+02:00", datetime(2026, 5, 1, 12, tzinfo=UTC), id="offset"),
        pytest.param(
            "2026-05-01T12:00:00.250Z", datetime(2026, 5, 1, 12, 0, 0, 250000, UTC), id="fraction"
        ),
    ],
)
def test_moments_read_and_write(text: str, value: date | datetime) -> None:
    assert moment(text) == value
    assert moment(moment_text(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-02-30",
        "2026-5-1",
        "2026-05-01T12:00",
        "2026-05-01T25:00Z",
        "0001-01-01T00:00+14:00",
    ],
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a day like"):
        moment(text)


def test_a_day_begins_and_ends_in_its_time_zone() -> None:
    day = date(2026, 7, 1)
    assert begin(day, "Europe/Berlin") == datetime(2026, 6, 30, 22, tzinfo=UTC)
    assert end(day, "Europe/Berlin") == datetime(2026, 7, 1, 21, 59, 59, 999000, UTC)
    instant = datetime(2026, 7, 1, tzinfo=UTC)
    assert begin(instant, "Europe/Berlin") == end(instant, "Europe/Berlin") == instant


@pytest.mark.parametrize("day", [date.min, date.max])
@pytest.mark.parametrize("timezone", ["UTC", "Asia/Tokyo", "America/Lima", "no/such-zone"])
def test_the_ends_of_the_calendar_do_no_harm(day: date, timezone: str) -> None:
    assert begin(day, timezone) < end(day, timezone)


def test_periods_count_days_in_the_time_zone() -> None:
    before_summer_time = datetime(2026, 3, 28, 11, tzinfo=UTC)  # noon in Berlin
    assert later(before_summer_time, Duration(1, "days"), "Europe/Berlin") == datetime(
        2026, 3, 29, 11, tzinfo=UTC
    )
    friday_night = datetime(2026, 5, 1, 23, tzinfo=UTC)  # Saturday in Berlin
    monday_later = later(friday_night, Duration(1, "working days"), "Europe/Berlin")
    assert monday_later is not None
    assert monday_later > datetime(2026, 5, 3, tzinfo=UTC)
    assert later(friday_night, None) is None
    assert later(friday_night, Duration(9999, "years")) is None


def test_numbers_in_articles_sort_as_numbers() -> None:
    arts = ["10", "9", "letters-1912", "6(1)", "6", "2a"]
    assert sorted(arts, key=natural) == ["2a", "6", "6(1)", "9", "10", "letters-1912"]


@given(st.lists(st.text(max_size=6), max_size=6))
def test_any_texts_can_be_sorted(given_texts: list[str]) -> None:
    assert len(sorted(given_texts, key=natural)) == len(given_texts)


TREE = Section(
    "A *bold* title",
    (
        Paragraph("1. not a list"),
        Items(("- one", "two | three")),
        Table(("A", "B"), (("x", "longer"), ("y\nz", ""))),
    ),
    (Section("Below", (Paragraph("# no heading"), Paragraph("")), (Section("Deeper"),)),),
)


def test_a_document_as_text() -> None:
    assert to_text(TREE) == (
        "A *bold* title\n==============\n\n1. not a list\n\n  * - one\n  * two | three\n\n"
        "  A    B\n  ---  ------\n  x    longer\n  y z\n\nBelow\n-----\n\n# no heading\n\n\n\n"
        "Deeper\n······\n"
    )


def test_a_document_as_markdown() -> None:
    assert to_markdown(TREE) == (
        "# A \\*bold\\* title\n\n1\\. not a list\n\n- \\- one\n- two \\| three\n\n"
        "| A | B |\n| --- | --- |\n| x | longer |\n| y z |  |\n\n## Below\n\n\\# no heading\n\n\n\n"
        "### Deeper\n"
    )
