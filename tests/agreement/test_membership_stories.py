"""What happened to real agreements, told in register files, and what stood on which day."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from allied.agreement.standing import Standing
from allied.agreement.terms import Agreement
from allied.record.ids import PartyId
from tests.agreement.lives import codes, stands, text, told


def at(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


def on_day(terms: Agreement, day: str, *entries: str) -> Standing:
    return stands(terms, told(terms, *entries), at(day))


ATLANTIC = text(
    "{in_force_when: {count: 2}, withdrawal: {not_before: 20 years, notice: 1 year}}",
    '{art: "10", type: membership, rule: {kind: unanimity, of: members}, partial: yes}',
    parties="[{ids: [USA, FRA, GRC], kind: state}, {id: ESP, kind: state}]",
    bodies="{council: {}, integrated-command: {members: [USA, FRA, GRC]}}",
)
FOUNDED = tuple(
    f"event: {event}, party: {party}, at: {day}"
    for event, day in (("signed", "1949-04-04"), ("ratified", "1949-08-24"))
    for party in ("USA", "FRA", "GRC")
)


@pytest.mark.parametrize(
    ("day", "legal", "bound"),
    [
        pytest.param("1981-12-09", "candidate", False, id="before the invitation"),
        pytest.param("1981-12-10", "invited", False, id="the protocol is signed: it is invited"),
        pytest.param("1982-05-29", "invited", False, id="the eve"),
        pytest.param("1982-05-30", "bound", True, id="the deposit"),
    ],
)
def test_spain_1982_comes_in_by_invitation(day: str, legal: str, bound: bool) -> None:
    now = on_day(
        ATLANTIC,
        day,
        *FOUNDED,
        "event: invited, party: ESP, by: council, at: 1981-12-10",
        "event: acceded, party: ESP, at: 1982-05-30",
    )
    assert now.parties[PartyId("ESP")].legal == legal
    assert ("ESP" in now.bound) is bound
    assert ("ESP" in now.participation["council"]) is bound


def test_without_the_invitation_the_deposit_would_have_had_no_effect() -> None:
    now = on_day(ATLANTIC, "1990-01-01", *FOUNDED, "event: acceded, party: ESP, at: 1982-05-30")
    assert "ESP" not in now.bound
    assert codes(now) == ["not-invited"]


FRANCE = (
    "event: left, party: FRA, body: integrated-command, at: 1966-07-01",
    "event: returned, party: FRA, body: integrated-command, at: 2009-04-04",
)
GREECE = (
    "event: left, party: GRC, body: integrated-command, at: 1974-08-14",
    "event: returned, party: GRC, body: integrated-command, at: 1980-10-20",
)


@pytest.mark.parametrize(
    ("day", "command"),
    [
        pytest.param("1966-07-01", {"USA", "FRA", "GRC"}, id="the last day of France in it"),
        pytest.param("1966-07-02", {"USA", "GRC"}, id="without France"),
        pytest.param("1974-08-15", {"USA"}, id="without Greece"),
        pytest.param("1980-10-20", {"USA", "GRC"}, id="Greece is back"),
        pytest.param("2009-04-04", {"USA", "FRA", "GRC"}, id="France is back"),
    ],
)
def test_france_1966_and_greece_1974_leave_a_body_and_not_the_treaty(
    day: str, command: set[str]
) -> None:
    now = on_day(ATLANTIC, day, *FOUNDED, *FRANCE, *GREECE)
    assert now.participation["integrated-command"] == command
    assert now.participation["council"] == now.bound == {"USA", "FRA", "GRC"}
    assert now.warnings == ()


ANZUS = text(
    "{in_force_when: all ratified, withdrawal: {notice: 1 year}}",
    '{art: "8", type: membership, suspension: {pairwise: allowed}}',
    parties="[{ids: [AUS, NZL, USA], kind: state}]",
)


def test_anzus_1986_suspends_what_one_owes_another_and_nothing_else() -> None:
    founded = [f"event: ratified, party: {p}, at: 1952-04-29" for p in ("AUS", "NZL", "USA")]
    suspension = "event: suspended, party: USA, towards: NZL, at: 1986-09-17"
    before = on_day(ANZUS, "1986-09-16", *founded, suspension)
    after = on_day(ANZUS, "1986-09-17", *founded, suspension)
    assert before.suspended_pairs == frozenset()
    assert after.suspended_pairs == {("USA", "NZL")}
    assert after.bound == before.bound == {"AUS", "NZL", "USA"}
    assert after.parties == before.parties


def test_russia_takes_the_place_of_the_soviet_union() -> None:
    treaty = text(
        "{in_force_when: all ratified}",
        '{art: "1", type: statement}',
        parties="[{ids: [USA, SUN], kind: state}, {id: RUS, kind: state, successor_of: SUN}]",
        bodies="{commission: {members: [USA, SUN]}}",
    )
    entries = (
        "event: ratified, party: USA, at: 1972-10-03",
        "event: ratified, party: SUN, at: 1972-10-03",
        "event: reservation, party: SUN, art: '1', at: 1972-10-03",
        "event: succeeded, party: RUS, at: 1991-12-26",
    )
    before = on_day(treaty, "1991-12-25", *entries)
    after = on_day(treaty, "1991-12-26", *entries)
    assert before.bound == {"USA", "SUN"}
    assert after.bound == {"USA", "RUS"}
    assert after.in_force_since == before.in_force_since == at("1972-10-03")
    assert [each.party for each in before.reservations] == ["SUN"]
    assert [each.party for each in after.reservations] == ["RUS"]
    assert after.participation["commission"] == {"USA", "RUS"}


VETTING = "{sponsors: 1, objection_period: 6 working days, rule: {kind: silence}}"
NETWORK = text(
    "{in_force_when: {count: 2, of: signed}, withdrawal: {notice: 30 days}}",
    f'{{art: "1", type: membership, vetting: {VETTING}, '
    "suspension: {automatic_if: [fees 30 days late], rule: board}}",
    parties="[{ids: [college-a, college-b, college-c]}]",
    bodies="{board: {members: [college-a]}}",
    zone="America/Indiana/Indianapolis",
)
STARTED = (
    "event: signed, party: college-a, at: 2025-01-06",
    "event: signed, party: college-b, at: 2025-01-06",
    "event: nominated, party: college-c, by: college-a, at: '2026-03-02T15:00:00Z'",
)


@pytest.mark.parametrize(
    ("objection", "legal", "warning"),
    [
        pytest.param("2026-03-10T13:59:59Z", "refused", "", id="a second before the end"),
        pytest.param("2026-03-10T14:00:00Z", "invited", "objection-too-late", id="at the end"),
        pytest.param("2026-03-10T15:00:00Z", "invited", "objection-too-late", id="an hour late"),
    ],
)
def test_a_research_network_admits_whom_nobody_objects_to_in_six_working_days(
    objection: str, legal: str, warning: str
) -> None:
    # Monday 10:00 in winter to Tuesday of the week after, 10:00 in summer: an hour less.
    objected = f"event: objected, party: college-b, about: college-c, at: '{objection}'"
    now = on_day(NETWORK, "2026-03-20", *STARTED, objected)
    assert now.parties[PartyId("college-c")].legal == legal
    assert codes(now) == ([warning] if warning else [])


def test_a_network_suspends_of_itself_whoever_does_not_pay() -> None:
    entry = "event: suspended, party: college-b, at: 2026-01-10, ground: fees 30 days late"
    resumed = "event: resumed, party: college-b, at: 2026-02-10"
    assert on_day(NETWORK, "2026-01-09", *STARTED, entry).bound == {"college-a", "college-b"}
    now = on_day(NETWORK, "2026-02-01", *STARTED, entry)
    assert now.bound == {"college-a"}
    assert now.warnings == ()
    assert on_day(NETWORK, "2026-02-11", *STARTED, entry, resumed).bound == {
        "college-a",
        "college-b",
    }


TASHKENT = text(
    "{in_force_when: {count: 2}, term: 5 years, renewal: {automatic: yes, stop_notice: 6 months},"
    " withdrawal: {notice: 6 months}}",
    parties="[{ids: [ARM, GEO, RUS, UZB], kind: state}]",
)
RATIFIED_1994 = tuple(
    f"event: ratified, party: {p}, at: 1994-04-20" for p in ("ARM", "GEO", "RUS", "UZB")
)


@pytest.mark.parametrize(
    ("stop", "day", "state", "ends"),
    [
        pytest.param("", "1999-04-19", "in-force", "1999-04-20", id="the first term"),
        pytest.param("", "1999-04-20", "in-force", "2004-04-20", id="renewed in 1999"),
        pytest.param("", "2026-01-01", "in-force", "2029-04-20", id="and every five years"),
        pytest.param("2003-10-20", "2004-04-20", "expired", "2004-04-20", id="stopped in time"),
        pytest.param("2003-10-21", "2004-04-20", "in-force", "2009-04-20", id="a day too late"),
        pytest.param("2003-10-21", "2009-04-20", "expired", "2009-04-20", id="good for the next"),
    ],
)
def test_a_treaty_is_renewed_every_five_years_until_somebody_stops_it(
    stop: str, day: str, state: str, ends: str
) -> None:
    notice = (f"event: stop-notice, party: UZB, at: {stop}",) if stop else ()
    now = on_day(TASHKENT, day, *RATIFIED_1994, *notice)
    assert (now.state, now.ends) == (state, at(ends))
    assert bool(now.bound) is (state == "in-force")


def test_a_member_that_left_comes_back_for_a_second_stay() -> None:
    # Uzbekistan was out from 1999, in again from 2006, and out again from 2012.
    entries = (
        *RATIFIED_1994,
        "event: notice, party: UZB, at: 1998-10-20",
        "event: ratified, party: UZB, at: 2006-08-16",
        "event: notice, party: UZB, at: 2012-06-28",
    )
    days = ("1999-04-20", "1999-04-21", "2006-08-15", "2006-08-16", "2012-12-28", "2012-12-29")
    assert ["UZB" in on_day(TASHKENT, day, *entries).bound for day in days] == [
        True, False, False, True, True, False,
    ]  # fmt: skip
    spells = on_day(TASHKENT, "2020-01-01", *entries).parties[PartyId("UZB")].spells
    assert [(each.since, each.until) for each in spells] == [
        (at("1994-04-20"), at("1999-04-21")),
        (at("2006-08-16"), at("2012-12-29")),
    ]


def test_what_is_declared_in_an_interview_shows_and_changes_nothing() -> None:
    frozen = "event: declared, party: ARM, practice: frozen, at: 2024-02-23"
    now = on_day(TASHKENT, "2025-01-01", *RATIFIED_1994, frozen)
    armenia = now.parties[PartyId("ARM")]
    assert (armenia.legal, armenia.practice, "ARM" in now.bound) == ("bound", "frozen", True)


def test_a_treaty_that_too_few_ratified_in_time_never_was() -> None:
    community = text(
        "{in_force_when: all ratified, entry_deadline: 1954-12-31}",
        parties="[{ids: [BEL, DEU, FRA], kind: state}]",
    )
    signed = [f"event: signed, party: {p}, at: 1952-05-27" for p in ("BEL", "DEU", "FRA")]
    ratified = [f"event: ratified, party: {p}, at: 1954-03-01" for p in ("BEL", "DEU")]
    late = "event: ratified, party: FRA, at: 1955-01-01"
    assert on_day(community, "1954-12-31", *signed, *ratified).awaited == ("FRA",)
    assert on_day(community, "1954-12-31", *signed, *ratified).state == "signed"
    for entries in ((*signed, *ratified), (*signed, *ratified, late)):
        now = on_day(community, "1955-06-01", *entries)
        assert (now.state, now.in_force_since, now.bound) == ("lapsed", None, frozenset())
