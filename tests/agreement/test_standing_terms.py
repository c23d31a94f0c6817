"""Windows, deadlines, terms and suspensions: what the text gives, and what is held against it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from allied.agreement.events import (
    ACCEDED,
    NOTICE,
    RATIFIED,
    RESUMED,
    SIGNED,
    STOP_NOTICE,
    SUSPENDED,
    TERMINATED,
    Event,
)
from tests.agreement.lives import OPEN, A, B, C, D, codes, day, on, signed, stands, text

WINDOW = "{in_force_when: {count: 2, of: signed}, signature_window: 2026-01-03/2026-01-12}"


@pytest.mark.parametrize(
    ("at", "counts"),
    [
        pytest.param(1.99, False, id="the eve"),
        pytest.param(2, True, id="the first instant of the first day"),
        pytest.param(11.99, True, id="the last hours of the last day"),
        pytest.param(12, False, id="the day after"),
    ],
)
def test_a_signature_counts_within_the_window_only(at: float, counts: bool) -> None:
    now = stands(text(WINDOW), (on(SIGNED, A, 5), on(SIGNED, B, at)), 30)
    assert (now.state == "in-force") is counts
    assert codes(now) == ([] if counts else ["signature-outside-window"])
    assert (now.signing_from, now.signing_until) == (day(2), day(12))


def test_the_window_is_one_of_days_where_the_agreement_is() -> None:
    tokyo = text(WINDOW, zone="Asia/Tokyo")
    early = datetime(2026, 1, 2, 15, tzinfo=UTC)
    assert stands(tokyo, (on(SIGNED, A, 5),), 30).signing_from == early
    first = Event("pact", SIGNED, B, early)
    assert stands(tokyo, (on(SIGNED, A, 5), first), 30).state == "in-force"


def test_a_window_without_an_end_stays_open() -> None:
    life = "{in_force_when: {count: 2, of: signed}, signature_window: 2026-01-03/}"
    now = stands(text(life), (on(SIGNED, A, 5), on(SIGNED, B, 5000)), 6000)
    assert (now.state, now.signing_until) == ("in-force", None)


def test_who_did_not_sign_in_the_window_does_not_ratify_but_may_accede() -> None:
    life = "{in_force_when: {count: 2}, signature_window: 2026-01-01/2026-01-05}"
    both = (*signed(A, B), on(RATIFIED, A, 10), on(RATIFIED, B, 10))
    assert stands(text(life), both, 20).bound == {A, B}
    without = stands(text(life), (*both, on(RATIFIED, C, 12)), 20)
    assert without.bound == {A, B}
    assert codes(without) == ["ratified-without-signature"]
    assert stands(text(life), (*both, on(ACCEDED, C, 12)), 20).bound == {A, B, C}


DEADLINE = "{in_force_when: {count: 2, of: signed}, entry_deadline: 2026-01-10}"


@pytest.mark.parametrize(
    ("second", "at", "state"),
    [
        pytest.param(5, 30, "in-force", id="in time"),
        pytest.param(9.99, 30, "in-force", id="in the last hours of the day"),
        pytest.param(10, 9.99, "proposed", id="not yet"),
        pytest.param(10, 10, "lapsed", id="the day is over"),
        pytest.param(10, 30, "lapsed", id="papers that come later do nothing"),
    ],
)
def test_what_is_not_in_force_by_the_deadline_lapses(second: float, at: float, state: str) -> None:
    now = stands(text(DEADLINE), (on(SIGNED, A, 1), on(SIGNED, B, second)), at)
    assert now.state == state
    assert now.bound == ({A, B} if state == "in-force" else frozenset())
    assert now.entry_deadline == day(10)
    assert bool(now.awaited) is (state == "proposed")


def test_a_day_of_entry_before_the_deadline_is_met_and_one_after_is_not() -> None:
    life = "{in_force_when: {count: 2, of: signed, date: 2026-01-%s}, entry_deadline: 2026-01-10}"
    assert stands(text(life % "10"), signed(A, B), 30).in_force_since == day(9)
    assert stands(text(life % "11"), signed(A, B), 30).state == "lapsed"


def test_what_was_ended_before_it_began_never_begins() -> None:
    now = stands(text(), (on(SIGNED, A, 1), on(TERMINATED, None, 2), on(SIGNED, B, 3)), 10)
    assert (now.state, now.in_force_since, now.bound) == ("terminated", None, frozenset())


# --- terms ------------------------------------------------------------------------------


def test_what_outlives_the_agreement_is_named_once_it_is_over() -> None:
    life = (
        "{in_force_when: {count: 2, of: signed}, term: 30 days, survives_end: [secrecy, markings]}"
    )
    assert stands(text(life), signed(A, B), 30).surviving == ()
    assert stands(text(life), signed(A, B), 31).surviving == ("secrecy", "markings")
    assert stands(text(life), (*signed(A, B), on(TERMINATED, None, 9)), 10).surviving
    never = "{entry_deadline: 2026-01-10, survives_end: [secrecy]}"
    assert stands(text(never), signed(A), 30).surviving == ()


def test_nothing_that_happens_after_the_end_revives_anything() -> None:
    life = "{in_force_when: {count: 2, of: signed}, term: 30 days}"
    events = (*signed(A, B), on(SIGNED, C, 40), on(ACCEDED, D, 41), on(RESUMED, None, 42))
    now = stands(text(life), events, 50)
    assert (now.state, now.bound) == ("expired", frozenset())
    assert {each.legal for each in now.parties.values()} == {"bound", "invited"}


def test_only_who_is_bound_stops_a_renewal() -> None:
    life = (
        "{in_force_when: {count: 2, of: signed}, term: 30 days, renewal: {automatic: yes},"
        " withdrawal: {notice: 5 days}}"
    )
    three = signed(A, B, C)
    assert stands(text(life), (*three, on(STOP_NOTICE, C, 20)), 40).state == "expired"
    gone = (*three, on(NOTICE, C, 5), on(STOP_NOTICE, C, 20))
    assert stands(text(life), gone, 40).state == "in-force"
    assert codes(stands(text(life), gone, 40)) == ["stop-notice-not-bound"]


# --- suspension -------------------------------------------------------------------------


def test_while_the_whole_is_suspended_nobody_is_bound_and_everything_runs_on() -> None:
    life = "{in_force_when: {count: 2, of: signed}, term: 90 days, withdrawal: {notice: 30 days}}"
    events = (*signed(A, B, C), on(SUSPENDED, None, 10), on(NOTICE, C, 12), on(RESUMED, None, 50))

    def seen(at: float) -> tuple[str, int]:
        now = stands(text(life), events, at)
        return now.state, len(now.bound)

    assert [seen(at) for at in (9.9, 10, 45, 50, 91)] == [
        ("in-force", 3), ("suspended", 0), ("suspended", 0), ("in-force", 2), ("expired", 0),
    ]  # fmt: skip
    assert stands(text(life), events, 20).parties[A].legal == "bound"
    assert stands(text(life), events, 20).parties[C].legal == "leaving"


@pytest.mark.parametrize(
    ("events", "articles"),
    [
        pytest.param((on(SUSPENDED, None, 5, art="1"),), {("1", None)}, id="for everybody"),
        pytest.param((on(SUSPENDED, B, 5, art="1"),), {("1", B)}, id="for one party"),
        pytest.param((on(SUSPENDED, None, 11, art="1"),), set(), id="not yet"),
        pytest.param(
            (on(SUSPENDED, None, 5, art="1"), on(RESUMED, None, 6, art="1")),
            set(),
            id="and resumed",
        ),
        pytest.param(
            (on(SUSPENDED, B, 5, art="1"), on(RESUMED, None, 6, art="1")),
            {("1", B)},
            id="what is suspended for one is resumed for one",
        ),
        pytest.param(
            (on(SUSPENDED, None, 5, art="1"), on(RESUMED, None, 6)),
            {("1", None)},
            id="the whole is another matter",
        ),
    ],
)
def test_suspension_of_an_article(
    events: tuple[Event, ...], articles: set[tuple[str, str | None]]
) -> None:
    now = stands(text(OPEN, '{art: "1", type: statement}'), (*signed(A, B, C), *events), 10)
    assert now.suspended_clauses == articles
    assert now.bound == {A, B, C}
    assert now.state == "in-force"
    assert {each.legal for each in now.parties.values()} == {"bound", "invited"}


@pytest.mark.parametrize(
    ("clause", "counts"),
    [
        pytest.param("suspension: {pairwise: allowed}", True, id="allowed"),
        pytest.param("suspension: {pairwise: forbidden}", False, id="forbidden"),
        pytest.param("suspension: {grounds: [breach]}", False, id="suspension without pairs"),
        pytest.param("eligible: anyone", True, id="the text does not speak of suspension"),
    ],
)
def test_a_pair_is_suspended_where_the_text_does_not_forbid_it(clause: str, counts: bool) -> None:
    terms = text(OPEN, f'{{art: "1", type: membership, {clause}}}')
    now = stands(terms, (*signed(A, B), on(SUSPENDED, A, 5, towards=B)), 10)
    assert now.suspended_pairs == ({(A, B)} if counts else set())
    assert codes(now) == ([] if counts else ["pair-suspension-not-allowed"])


SUSPENDS = "suspension: {grounds: [breach], automatic_if: [fees unpaid], rule: board}"


@pytest.mark.parametrize(
    ("clause", "more", "warning", "suspended"),
    [
        pytest.param(SUSPENDS, {"ground": "fees unpaid"}, "", True, id="of itself"),
        pytest.param(SUSPENDS, {"ground": "breach", "by": "board"}, "", True, id="by the board"),
        pytest.param(
            SUSPENDS, {"ground": "breach"}, "suspension-undecided", True, id="by nobody named"
        ),
        pytest.param(
            SUSPENDS,
            {"ground": "breach", "by": "council"},
            "suspension-not-entitled",
            False,
            id="by another body",
        ),
        pytest.param("suspension: {grounds: [breach]}", {}, "", True, id="no rule is given"),
        pytest.param("eligible: all", {}, "suspension-without-rule", True, id="no suspension"),
    ],
)
def test_who_suspends_a_party(
    clause: str, more: dict[str, str], warning: str, suspended: bool
) -> None:
    terms = text(
        OPEN, f'{{art: "1", type: membership, {clause}}}', bodies="{board: {}, council: {}}"
    )
    now = stands(terms, (*signed(A, B), on(SUSPENDED, B, 5, **more)), 10)
    assert (now.parties[B].legal == "suspended") is suspended
    assert codes(now) == ([warning] if warning else [])
    assert now.parties[B].ground == (more.get("ground", "") if suspended else "")


def test_an_event_about_an_amended_text_is_no_paper_of_the_first() -> None:
    events = (on(SIGNED, A, 1), on(SIGNED, B, 2, version="pact-2"))
    assert stands(text(), events, 10).awaited == (B, C, D)
    assert stands(text(), (*events, on(SIGNED, B, 3, version="pact")), 10).bound == {A, B}


def test_the_last_days_of_the_calendar_are_never_over() -> None:
    life = (
        "{in_force_when: {count: 2, of: signed}, signature_window: 2026-01-01/9999-12-31,"
        " entry_deadline: 9999-12-31}"
    )
    at = datetime(9999, 12, 31, 22, tzinfo=UTC)
    events = (Event("pact", SIGNED, A, at), Event("pact", SIGNED, B, at))
    assert stands(text(life), events, at + timedelta(hours=1)).bound == {A, B}
