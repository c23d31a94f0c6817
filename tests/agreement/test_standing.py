"""Who is bound when: the life of an agreement, case by case, and what holds for every life."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from allied.agreement.standing import (
    ACCEDED,
    EXPELLED,
    NOTICE,
    RATIFIED,
    RESUMED,
    SIGNED,
    STOP_NOTICE,
    SUSPENDED,
    TERMINATED,
    Event,
    Register,
    Standing,
    standing,
    start_of_day,
)
from allied.agreement.terms import Agreement, load
from allied.errors import MalformedError, NotFoundError
from allied.record.ids import PartyId

SAMPLES = Path(__file__).parent / "samples"
DAY = datetime(2026, 1, 1, tzinfo=UTC)
A, B, C, D = (PartyId(each) for each in ("alfa", "bravo", "charlie", "delta"))


def text(life: str, parties: tuple[PartyId, ...] = (A, B, C), zone: str = "UTC") -> Agreement:
    named = "".join(f"  - {{id: {party}}}\n" for party in parties)
    raw = (
        f"format: alliance/1\nid: pact\ntimezone: {zone}\nform: {{kind: contract}}\n"
        f"parties:\n{named}life: {life}\narticles: []\n"
    )
    (document,) = load(raw.encode(), "pact.yaml")
    assert isinstance(document, Agreement)
    return document


def day(number: float) -> datetime:
    return DAY + timedelta(days=number)


def on(event: str, party: PartyId | None, number: float, **more: object) -> Event:
    return Event("pact", event, party, day(number), **more)  # type: ignore[arg-type]


def signed(*parties: PartyId, at: float = 0) -> tuple[Event, ...]:
    """One signature a day, in the order given."""
    return tuple(on(SIGNED, party, at + number) for number, party in enumerate(parties))


def ratified(*parties: PartyId, at: float = 0) -> tuple[Event, ...]:
    return tuple(on(RATIFIED, party, at + number) for number, party in enumerate(parties))


def stands(terms: Agreement, events: tuple[Event, ...], at: datetime) -> Standing:
    return standing(Register({terms.id: terms}, events), terms.id, at)


# --- entry into force -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("life", "events", "since", "bound"),
    [
        pytest.param("{}", signed(A, B), None, "", id="by default all must sign: one is missing"),
        pytest.param("{}", signed(A, B, C), 2, "ABC", id="all have signed"),
        pytest.param(
            "{in_force_when: all ratified}",
            signed(A, B, C),
            None,
            "",
            id="signing is not ratifying",
        ),
        pytest.param(
            "{in_force_when: all ratified}",
            signed(A, B, C) + ratified(A, C, B, at=5),
            7,
            "ABC",
            id="all have ratified",
        ),
        pytest.param(
            "{in_force_when: {count: 2, of: signed}}", signed(A), None, "", id="one of two"
        ),
        pytest.param(
            "{in_force_when: {count: 2, of: signed}}",
            signed(A) + signed(A, at=3),
            None,
            "",
            id="one party signing twice is still one",
        ),
        pytest.param(
            "{in_force_when: {count: 2, of: signed}}",
            (*signed(A), on(SIGNED, PartyId("stranger"), 1)),
            None,
            "",
            id="a stranger counts for nothing",
        ),
        pytest.param(
            "{in_force_when: {count: 2, of: signed}}",
            signed(A, B),
            1,
            "AB",
            id="two of two; the third is not bound",
        ),
        pytest.param(
            "{in_force_when: {count: 2, of: signed}}",
            signed(A, B) + signed(C, at=9),
            1,
            "ABC",
            id="who signs later is bound from then on",
        ),
        pytest.param(
            "{in_force_when: {count: 2}}",
            signed(A, B, C) + ratified(A, at=4),
            None,
            "",
            id="a count is of ratifications unless said otherwise",
        ),
        pytest.param(
            "{in_force_when: {share: 2/3, of: signed}}",
            signed(A),
            None,
            "",
            id="a third is not two",
        ),
        pytest.param(
            "{in_force_when: {share: 2/3, of: signed}}",
            signed(A, C),
            1,
            "AC",
            id="exactly the share",
        ),
        pytest.param(
            "{in_force_when: {majority_ratified: yes}}",
            ratified(A),
            None,
            "",
            id="a third is no majority",
        ),
        pytest.param(
            "{in_force_when: {majority_ratified: yes}}",
            ratified(A, B),
            1,
            "AB",
            id="two thirds are a majority",
        ),
        pytest.param(
            "{in_force_when: {majority_ratified: yes, including: [charlie]}}",
            ratified(A, B),
            None,
            "",
            id="a majority without the one named",
        ),
        pytest.param(
            "{in_force_when: {majority_ratified: yes, including: [charlie]}}",
            ratified(A, C),
            1,
            "AC",
            id="a majority with the one named",
        ),
        pytest.param(
            "{in_force_when: {all: signed, date: 2026-01-10}}",
            signed(A, B, C),
            9,
            "ABC",
            id="not before the day, though all have signed",
        ),
        pytest.param(
            "{in_force_when: {all: signed, date: 2026-01-02}}",
            signed(A, B, C),
            2,
            "ABC",
            id="the day has passed when the last one signs",
        ),
        pytest.param(
            "{in_force_when: 2026-01-05}", (), None, "", id="a day without a signature binds nobody"
        ),
        pytest.param(
            "{in_force_when: 2026-01-05}",
            signed(A),
            4,
            "A",
            id="a day alone, once somebody has signed",
        ),
        pytest.param(
            "{in_force_when: {count: 2}}",
            (on(ACCEDED, A, 1), on(ACCEDED, B, 2)),
            2,
            "AB",
            id="acceding is signing and ratifying in one",
        ),
    ],
)
def test_entry_into_force(
    life: str, events: tuple[Event, ...], since: float | None, bound: str
) -> None:
    now = stands(text(life), events, day(20))
    names = dict(zip("ABC", (A, B, C), strict=True))
    assert now.in_force_since == (None if since is None else day(since))
    assert now.bound == {names[each] for each in bound}
    assert (now.state == "in-force") is (since is not None)


def test_who_is_awaited_is_named_until_it_is_in_force() -> None:
    terms = text("{in_force_when: all ratified}")
    assert stands(terms, signed(A), day(3)).awaited == (B, C)
    everybody = signed(A, B, C)
    assert stands(terms, everybody, day(3)).state == "signed"
    assert stands(terms, everybody, day(3)).awaited == (A, B, C)
    assert stands(terms, everybody + ratified(C, at=3), day(3)).awaited == (A, B)
    assert stands(terms, everybody + ratified(A, B, C, at=3), day(5)).awaited == ()
    assert stands(terms, ratified(A, B), day(3)).awaited == (C,)  # nobody signs after ratifying


def test_it_begins_in_the_very_moment_of_the_last_signature_and_not_before() -> None:
    terms, events = text("{}"), signed(A, B, C)
    assert stands(terms, events, day(2) - timedelta(milliseconds=1)).bound == frozenset()
    assert stands(terms, events, day(2)).bound == {A, B, C}


# --- terms and renewals -----------------------------------------------------------------

TERM = "{term: 1 year, renewal: {automatic: yes, each: 6 months, stop_notice: 30 days}}"


@pytest.mark.parametrize(
    ("life", "events", "at", "state", "ends"),
    [
        pytest.param("{term: 1 year}", (), 364, "in-force", "2027-01-03", id="within its term"),
        pytest.param("{term: 1 year}", (), 366.9, "in-force", "2027-01-03", id="its last hours"),
        pytest.param("{term: 1 year}", (), 367, "expired", "2027-01-03", id="over to the instant"),
        pytest.param(TERM, (), 367, "in-force", "2027-07-03", id="renewed of itself"),
        pytest.param(TERM, (), 600, "in-force", "2028-01-03", id="renewed twice"),
        pytest.param(
            TERM,
            (on(STOP_NOTICE, B, 300),),
            367,
            "expired",
            "2027-01-03",
            id="not renewed after notice in time",
        ),
        pytest.param(
            TERM,
            (on(STOP_NOTICE, B, 340),),
            367,
            "in-force",
            "2027-07-03",
            id="notice too late for this end",
        ),
        pytest.param(
            TERM,
            (on(STOP_NOTICE, B, 340),),
            600,
            "expired",
            "2027-07-03",
            id="but in time for the next",
        ),
        pytest.param(
            TERM,
            (on(STOP_NOTICE, PartyId("stranger"), 300),),
            367,
            "in-force",
            "2027-07-03",
            id="a stranger stops nothing",
        ),
        pytest.param(
            "{term: 999999 years}", (), 367, "in-force", "9999-12-31", id="longer than the calendar"
        ),
    ],
)
def test_the_end_of_a_term(
    life: str, events: tuple[Event, ...], at: float, state: str, ends: str
) -> None:
    now = stands(text(life), signed(A, B, C) + events, day(at))
    assert now.state == state
    assert now.ends is not None
    assert now.ends.date() == date.fromisoformat(ends)
    assert bool(now.bound) is (state == "in-force")


# --- leaving ----------------------------------------------------------------------------

LEAVE = "{withdrawal: {notice: 30 days}}"
LATER = "{withdrawal: {notice: 30 days, not_before: 1 year}}"


@pytest.mark.parametrize(
    ("life", "notice", "at", "legal", "warning"),
    [
        pytest.param(LEAVE, on(NOTICE, B, 10), 9, "bound", "", id="not given yet"),
        pytest.param(LEAVE, on(NOTICE, B, 10), 39.9, "leaving", "", id="given, and running"),
        pytest.param(LEAVE, on(NOTICE, B, 10), 40, "former", "", id="run out to the instant"),
        pytest.param(
            LEAVE, on(NOTICE, B, 10, day=True), 40.9, "leaving", "", id="to its day's end"
        ),
        pytest.param(LEAVE, on(NOTICE, B, 10, day=True), 41, "former", "", id="after that day"),
        pytest.param(LATER, on(NOTICE, B, 10), 60, "bound", "notice-too-early", id="too early"),
        pytest.param(LATER, on(NOTICE, B, 400), 440, "former", "", id="early no more"),
        pytest.param(LEAVE, on(NOTICE, B, 1), 60, "bound", "notice-too-early", id="before entry"),
        pytest.param("{}", on(NOTICE, B, 10), 60, "bound", "notice-without-rule", id="no way out"),
        pytest.param(
            "{withdrawal: {notice: 999999 years}}",
            on(NOTICE, B, 10),
            60,
            "leaving",
            "",
            id="a notice beyond the calendar never runs out",
        ),
    ],
)
def test_leaving(life: str, notice: Event, at: float, legal: str, warning: str) -> None:
    now = stands(text(life), (*signed(A, B, C), notice), day(at))
    assert now.parties[B].legal == legal
    assert (B in now.bound) is (legal != "former")
    assert {A, C} <= now.bound
    assert [code for code, _ in now.warnings] == ([warning] if warning else [])


@pytest.mark.parametrize(
    ("events", "state", "bound"),
    [
        pytest.param((), "in-force", {A, B, C}, id="all three"),
        pytest.param((on(NOTICE, B, 10),), "in-force", {A, C}, id="two remain"),
        pytest.param(
            (on(NOTICE, B, 10), on(EXPELLED, A, 20)), "terminated", set(), id="one alone is none"
        ),
        pytest.param((on(EXPELLED, B, 20),), "in-force", {A, C}, id="one expelled"),
        pytest.param((on(TERMINATED, None, 20),), "terminated", set(), id="ended by all"),
        pytest.param((on(SUSPENDED, B, 20), on(SUSPENDED, A, 20)), "in-force", {C}, id="suspended"),
    ],
)
def test_it_ends_when_no_two_are_left(
    events: tuple[Event, ...], state: str, bound: set[PartyId]
) -> None:
    now = stands(text(LEAVE), signed(A, B, C) + events, day(60))
    assert now.state == state
    assert now.bound == bound


def test_a_party_that_never_signed_does_not_keep_an_agreement_alive() -> None:
    terms = text("{in_force_when: {count: 2, of: signed}, withdrawal: {notice: 30 days}}")
    assert stands(terms, signed(A, B), day(60)).state == "in-force"
    assert stands(terms, (*signed(A, B), on(NOTICE, B, 10)), day(60)).state == "terminated"


# --- suspension -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "legal"),
    [
        pytest.param((on(SUSPENDED, B, 5),), "suspended", id="suspended"),
        pytest.param((on(SUSPENDED, B, 5), on(RESUMED, B, 6)), "bound", id="and resumed"),
        pytest.param((on(RESUMED, B, 5), on(SUSPENDED, B, 6)), "suspended", id="and again"),
        pytest.param((on(SUSPENDED, B, 11),), "bound", id="not yet"),
        pytest.param((on(SUSPENDED, B, 5, towards=C),), "bound", id="one pair only"),
        pytest.param(
            (on(SUSPENDED, B, 5), on(NOTICE, B, 6)), "suspended", id="notice lifts no suspension"
        ),
        pytest.param(
            (on(NOTICE, B, 5), on(SUSPENDED, B, 6)), "suspended", id="leaving spares no suspension"
        ),
    ],
)
def test_suspension_of_a_party(events: tuple[Event, ...], legal: str) -> None:
    now = stands(text(LEAVE), signed(A, B, C) + events, day(10))
    assert now.parties[B].legal == legal
    assert (B in now.bound) is (legal != "suspended")


@pytest.mark.parametrize(
    ("events", "pairs"),
    [
        pytest.param((on(SUSPENDED, B, 5, towards=C),), {(B, C)}, id="one way"),
        pytest.param(
            (on(SUSPENDED, B, 5, towards=C, reciprocal=True),), {(B, C), (C, B)}, id="both ways"
        ),
        pytest.param(
            (
                on(SUSPENDED, B, 5, towards=C, reciprocal=True),
                on(RESUMED, B, 6, towards=C),
            ),
            {(C, B)},
            id="resumed one way",
        ),
        pytest.param((on(SUSPENDED, B, 11, towards=C),), set(), id="not yet"),
    ],
)
def test_suspension_of_a_pair(
    events: tuple[Event, ...], pairs: set[tuple[PartyId, PartyId]]
) -> None:
    now = stands(text("{}"), signed(A, B, C) + events, day(10))
    assert now.suspended_pairs == pairs
    assert now.bound == {A, B, C}


# --- days and zones ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "first"),
    [
        pytest.param("UTC", datetime(2026, 3, 1, 0, tzinfo=UTC), id="UTC"),
        pytest.param("Asia/Tokyo", datetime(2026, 2, 28, 15, tzinfo=UTC), id="earlier in Tokyo"),
        pytest.param(
            "America/New_York", datetime(2026, 3, 1, 5, tzinfo=UTC), id="later in New York"
        ),
    ],
)
def test_a_day_begins_where_the_agreement_says(zone: str, first: datetime) -> None:
    terms = text("{in_force_when: {all: signed, date: 2026-03-01}}", zone=zone)
    assert start_of_day(date(2026, 3, 1), zone) == first
    events = signed(A, B, C)
    assert stands(terms, events, first - timedelta(milliseconds=1)).state != "in-force"
    assert stands(terms, events, first).in_force_since == first


def test_a_term_across_the_change_to_summer_time_ends_at_the_same_hour_of_the_day() -> None:
    terms = text(
        "{in_force_when: {all: signed, date: 2026-02-01}, term: 90 days}", zone="Europe/Paris"
    )
    now = stands(terms, signed(A, B, C), day(100))
    assert now.ends == datetime(2026, 5, 1, 22, tzinfo=UTC)  # midnight in Paris, in summer


def test_a_zone_that_nobody_knows_is_refused() -> None:
    start_of_day(date(2026, 1, 1), "Europe/Oslo")
    with pytest.raises(MalformedError) as refusal:
        start_of_day(date(2026, 1, 1), "Mars/Phobos")
    assert refusal.value.code == "agreement.unknown-timezone"


def test_an_agreement_that_the_register_does_not_hold_is_not_found() -> None:
    with pytest.raises(NotFoundError) as refusal:
        standing(Register({}), "pact", DAY)
    assert refusal.value.code == "register.unknown-agreement"


# --- a historical text ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "count", "among", "not_among"),
    [
        pytest.param(datetime(1949, 8, 23, 23, 59, tzinfo=UTC), 0, None, "USA", id="the eve"),
        pytest.param(datetime(1949, 8, 24, tzinfo=UTC), 12, "USA", "GRC", id="the twelve"),
        pytest.param(datetime(1952, 2, 18, tzinfo=UTC), 14, "GRC", "DEU", id="Greece and Turkey"),
        pytest.param(datetime(2023, 4, 3, tzinfo=UTC), 30, "MKD", "FIN", id="before Finland"),
        pytest.param(datetime(2024, 3, 7, tzinfo=UTC), 32, "SWE", None, id="with Sweden"),
    ],
)
def test_who_is_bound_by_a_text_that_says_when_they_joined(
    at: datetime, count: int, among: str | None, not_among: str | None
) -> None:
    (treaty,) = load((SAMPLES / "nat-1949.yaml").read_bytes(), "nat-1949.yaml")
    assert isinstance(treaty, Agreement)
    now = standing(Register({treaty.id: treaty}), treaty.id, at)
    assert len(now.bound) == count
    assert among is None or among in now.bound
    assert not_among is None or not_among not in now.bound


def test_leaving_a_historical_text_waits_for_twenty_years_and_then_one_more() -> None:
    (treaty,) = load((SAMPLES / "nat-1949.yaml").read_bytes(), "nat-1949.yaml")
    assert isinstance(treaty, Agreement)

    def france(given: datetime, at: datetime) -> str:
        event = Event(treaty.id, NOTICE, PartyId("FRA"), given)
        return (
            standing(Register({treaty.id: treaty}, (event,)), treaty.id, at)
            .parties[PartyId("FRA")]
            .legal
        )

    early, later = datetime(1966, 3, 7, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)
    assert france(early, datetime(1980, 1, 1, tzinfo=UTC)) == "bound"
    assert france(later, datetime(1970, 12, 31, tzinfo=UTC)) == "leaving"
    assert france(later, datetime(1971, 1, 1, tzinfo=UTC)) == "former"


# --- properties -------------------------------------------------------------------------

LIVES = (
    "{withdrawal: {notice: 5 days}}",
    "{in_force_when: all ratified, term: 20 days}",
    "{in_force_when: {count: 2, of: signed}, withdrawal: {notice: 3 days, not_before: 6 days}}",
    "{term: 10 days, renewal: {automatic: yes, stop_notice: 2 days}}",
    "{in_force_when: {majority_ratified: yes, including: [alfa]}}",
)
TERMS = [text(life, (A, B, C, D)) for life in LIVES]
events = st.lists(
    st.builds(
        on,
        st.sampled_from(
            [SIGNED, RATIFIED, ACCEDED, NOTICE, STOP_NOTICE, SUSPENDED, RESUMED, EXPELLED]
        ),
        st.sampled_from([A, B, C, D, PartyId("stranger")]),
        st.integers(0, 40),
        towards=st.sampled_from([None, None, A, D]),
        day=st.booleans(),
    ),
    max_size=14,
)
agreed = st.sampled_from(TERMS)
moments = st.integers(0, 60).map(day)


@given(agreed, events, moments, st.randoms(use_true_random=False))
def test_the_order_of_events_does_not_matter(
    terms: Agreement, happened: list[Event], at: datetime, chance: object
) -> None:
    shuffled = list(happened)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert stands(terms, tuple(shuffled), at) == stands(terms, tuple(happened), at)


@given(agreed, events, moments)
def test_what_happens_later_changes_nothing_now(
    terms: Agreement, happened: list[Event], at: datetime
) -> None:
    known = tuple(event for event in happened if event.at <= at)
    assert stands(terms, tuple(happened), at) == stands(terms, known, at)


@given(agreed, events, moments)
def test_outside_its_life_an_agreement_binds_nobody(
    terms: Agreement, happened: list[Event], at: datetime
) -> None:
    now = stands(terms, tuple(happened), at)
    if now.in_force_since is None or at < now.in_force_since or (now.ends and now.ends <= at):
        assert now.bound == frozenset()
    assert (now.state == "in-force") or not now.bound


@given(agreed, events, moments)
def test_whoever_is_bound_has_signed_and_is_neither_suspended_nor_gone(
    terms: Agreement, happened: list[Event], at: datetime
) -> None:
    now = stands(terms, tuple(happened), at)
    for party in now.bound:
        papers = [
            event.at
            for event in happened
            if event.party == party and event.event in (SIGNED, RATIFIED, ACCEDED)
        ]
        assert min(papers) <= at
        assert now.parties[party].legal in ("bound", "leaving")
        until = now.parties[party].until
        assert until is None or at < until


@given(agreed, events, st.sampled_from([A, B, C, D]), moments)
def test_notice_that_has_not_run_changes_nothing_for_anybody(
    terms: Agreement, happened: list[Event], party: PartyId, at: datetime
) -> None:
    before = stands(terms, tuple(happened), at)
    after = stands(terms, (*happened, Event("pact", NOTICE, party, at)), at)
    assert after.bound == before.bound
    assert after.state == before.state


@given(agreed, events, moments)
def test_events_of_another_agreement_change_nothing(
    terms: Agreement, happened: list[Event], at: datetime
) -> None:
    others = tuple(replace(event, agreement="another") for event in happened)
    assert stands(terms, others, at) == stands(terms, (), at)
