"""How a party comes in, changes, takes another's place, goes, and comes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from allied.agreement.events import (
    ACCEDED,
    CHANGED,
    EXPELLED,
    INVITED,
    LEFT,
    NOMINATED,
    NOTICE,
    OBJECTED,
    RATIFIED,
    RESERVATION,
    RESUMED,
    RETURNED,
    SIGNED,
    STOP_NOTICE,
    SUCCEEDED,
    SUSPENDED,
    TERMINATED,
    Event,
)
from allied.agreement.standing import Reserved, Spell
from tests.agreement.lives import OPEN, A, B, C, D, codes, day, on, signed, stands, text

# --- admission --------------------------------------------------------------------------

VETTED = '{art: "1", type: membership, vetting: {sponsors: 2, objection_period: 6 days}}'
INVITES = '{art: "1", type: membership, invited_by: any-member}'
BOTH = signed(A, B)
THREE = "{in_force_when: {count: 3, of: signed}}"


def nominated(*sponsors: str, at: float = 10) -> tuple[Event, ...]:
    return tuple(on(NOMINATED, C, at, by=each) for each in sponsors)


@pytest.mark.parametrize(
    ("events", "at", "legal"),
    [
        pytest.param((), 20, "candidate", id="nobody nominated it"),
        pytest.param(nominated(A), 20, "nominated", id="one sponsor of two"),
        pytest.param(nominated(A, A), 20, "nominated", id="one sponsor twice is one"),
        pytest.param(nominated(A, D), 20, "nominated", id="a sponsor that is no member"),
        pytest.param(nominated(A, B), 15.9, "vetting", id="the time runs"),
        pytest.param(nominated(A, B), 16, "invited", id="and has run, to the instant"),
        pytest.param(
            (*nominated(A), *nominated(B, at=14)), 19.9, "vetting", id="from the last sponsor on"
        ),
        pytest.param(
            (*nominated(A, B), on(OBJECTED, B, 15.9, about=C)), 20, "refused", id="an objection"
        ),
        pytest.param(
            (*nominated(A, B), on(OBJECTED, B, 16, about=C)), 20, "invited", id="in the last moment"
        ),
        pytest.param(
            (*nominated(A, B), on(OBJECTED, D, 12, about=C)), 20, "invited", id="by no member"
        ),
        pytest.param(
            (*nominated(A, B), on(OBJECTED, B, 12, about=C), *nominated(A, B, at=13)),
            20,
            "invited",
            id="nominated anew after a refusal",
        ),
        pytest.param(
            (*nominated(A, B), on(OBJECTED, B, 12, about=C), *nominated(A, at=13)),
            20,
            "nominated",
            id="anew means all sponsors anew",
        ),
    ],
)
def test_how_far_a_candidate_has_come(events: tuple[Event, ...], at: float, legal: str) -> None:
    now = stands(text(OPEN, VETTED), BOTH + events, at)
    assert now.parties[C].legal == legal
    assert now.bound == {A, B}


@pytest.mark.parametrize(
    ("events", "warning"),
    [
        pytest.param(nominated(A, B), "", id="vetted: it is in"),
        pytest.param((), "not-invited", id="nobody knows it"),
        pytest.param(nominated(A), "too-few-sponsors", id="one sponsor of two"),
        pytest.param(nominated(A, B, at=16), "vetting-runs", id="too early"),
        pytest.param(
            (*nominated(A, B), on(OBJECTED, A, 12, about=C)), "candidate-refused", id="refused"
        ),
    ],
)
@pytest.mark.parametrize("paper", [ACCEDED, SIGNED])
def test_only_the_vetted_come_in(paper: str, events: tuple[Event, ...], warning: str) -> None:
    now = stands(text(OPEN, VETTED), (*BOTH, *events, on(paper, C, 20)), 30)
    assert (C in now.bound) is (warning == "")
    assert codes(now) == ([warning] if warning else [])


@pytest.mark.parametrize(
    ("clause", "events", "legal"),
    [
        pytest.param("invited_by: board", [("board", A)], "invited", id="by the body named"),
        pytest.param("invited_by: board", [("", A)], "invited", id="it is not said by whom"),
        pytest.param("invited_by: board", [(A, A)], "candidate", id="by a member instead"),
        pytest.param("invited_by: bravo", [(B, A)], "invited", id="by the party named"),
        pytest.param("invited_by: bravo", [(A, A)], "candidate", id="by another"),
        pytest.param("invited_by: any-member", [(A, A)], "invited", id="by any member"),
        pytest.param("invited_by: any-member", [(D, A)], "candidate", id="by no member"),
        pytest.param("invited_by: all", [(A, A)], "candidate", id="by one of all"),
        pytest.param("invited_by: all", [(A, A), (B, A)], "invited", id="by all"),
        pytest.param("rule: {kind: unanimity}", [], "candidate", id="a vote that nobody took"),
        pytest.param("rule: {kind: unanimity}", [("", A)], "invited", id="a vote, recorded"),
        pytest.param("rule: board", [("board", A)], "invited", id="a vote of the body"),
        pytest.param("eligible: anyone", [], "invited", id="the text asks for no invitation"),
    ],
)
def test_who_invites(clause: str, events: list[tuple[str, str]], legal: str) -> None:
    terms = text(
        OPEN, f'{{art: "1", type: membership, {clause}}}', bodies="{board: {members: [alfa]}}"
    )
    said = tuple(on(INVITED, C, 10 + number, by=by) for number, (by, _) in enumerate(events))
    assert stands(terms, BOTH + said, 20).parties[C].legal == legal
    came = stands(terms, (*BOTH, *said, on(ACCEDED, C, 21)), 22)
    assert (C in came.bound) is (legal == "invited")


def test_a_vetting_that_a_body_decides_ends_with_its_invitation_and_objections_only_weigh() -> None:
    vetting = "{sponsors: 1, objection_period: 6 days, rule: board}"
    vetted = f'{{art: "1", type: membership, vetting: {vetting}}}'
    terms = text(OPEN, vetted, bodies="{board: {rule: {kind: simple-majority}}}")
    events = (*BOTH, *nominated(A), on(OBJECTED, B, 12, about=C))
    assert stands(terms, events, 20).parties[C].legal == "vetting"
    invited = (*events, on(INVITED, C, 17, by="board"))
    assert stands(terms, invited, 20).parties[C].legal == "invited"
    assert C in stands(terms, (*invited, on(ACCEDED, C, 21)), 22).bound


def test_whoever_signed_before_entry_into_force_needs_no_invitation() -> None:
    life = "{in_force_when: {count: 2, of: ratified}}"
    events = (
        *signed(A, B, C),
        on(RATIFIED, A, 5),
        on(RATIFIED, B, 6),
        on(RATIFIED, C, 50),
        on(RATIFIED, D, 50),
    )
    now = stands(text(life, INVITES), events, 60)
    assert now.bound == {A, B, C}
    assert codes(now) == ["not-invited"]


def test_a_text_that_was_proposed_to_all_whom_it_names_invites_each_of_them_once() -> None:
    proposed = on(INVITED, None, -1)
    events = (proposed, *BOTH, on(SIGNED, C, 20), on(NOTICE, C, 30), on(SIGNED, C, 90))
    terms = text(OPEN, VETTED)
    assert stands(terms, (proposed, *BOTH), 10).parties[C].legal == "invited"
    assert stands(terms, events, 25).bound == {A, B, C}
    back = stands(terms, events, 99)
    assert back.bound == {A, B}
    assert codes(back) == ["not-invited"]


def test_whoever_signs_within_the_window_needs_no_invitation() -> None:
    life = "{in_force_when: {count: 2, of: signed}, signature_window: 2026-01-01/2026-01-31}"
    terms = text(life, INVITES)
    assert C in stands(terms, (*BOTH, on(SIGNED, C, 30)), 60).bound
    late = stands(terms, (*BOTH, on(SIGNED, C, 31)), 60)
    assert C not in late.bound
    assert codes(late) == ["signature-outside-window"]
    invited = (*BOTH, on(INVITED, C, 32), on(ACCEDED, C, 33))
    assert C in stands(terms, invited, 60).bound  # whoever comes after the window accedes


@pytest.mark.parametrize(
    ("objection", "legal"),
    [
        pytest.param(
            datetime(2026, 1, 12, 22, 59, 59, tzinfo=UTC), "refused", id="a second before"
        ),
        pytest.param(datetime(2026, 1, 12, 23, tzinfo=UTC), "invited", id="at the end"),
    ],
)
def test_working_days_are_counted_where_the_agreement_is(objection: datetime, legal: str) -> None:
    # Nominated on Sunday, 4 January, 23:00 UTC: in Paris it is Monday already, so that the
    # sixth working day from then is the Tuesday of the week after, at midnight in Paris.
    clause = (
        '{art: "1", type: membership, vetting: {sponsors: 1, objection_period: 6 working days}}'
    )
    terms = text(OPEN, clause, zone="Europe/Paris")
    began = datetime(2026, 1, 4, 23, tzinfo=UTC)
    events = (
        *BOTH,
        Event("pact", NOMINATED, C, began, by=A),
        Event("pact", OBJECTED, B, objection, about=C),
    )
    now = stands(terms, events, 40)
    assert now.parties[C].objections_until == datetime(2026, 1, 12, 23, tzinfo=UTC)
    assert now.parties[C].legal == legal


def test_a_nomination_given_as_a_day_is_vetted_to_the_end_of_a_day() -> None:
    events = (*BOTH, on(NOMINATED, C, 10, by=A, day=True), on(NOMINATED, C, 10, by=B, day=True))
    terms = text(OPEN, VETTED)
    assert stands(terms, events, 16.9).parties[C].legal == "vetting"
    assert stands(terms, events, 17).parties[C].legal == "invited"


@pytest.mark.parametrize(
    ("event", "code"),
    [
        pytest.param(on(NOMINATED, C, 10, by=D), "sponsor-not-a-member", id="sponsor"),
        pytest.param(on(OBJECTED, A, 10, about=D), "objection-to-nobody", id="no candidate"),
        pytest.param(on(INVITED, D, 10, by=C), "invitation-not-entitled", id="invitation"),
    ],
)
def test_what_counts_for_nothing_in_an_admission_is_reported(event: Event, code: str) -> None:
    terms = text(OPEN, INVITES)
    assert codes(stands(terms, (*BOTH, event), 20)) == [code]


# --- roles and tiers --------------------------------------------------------------------

ROLES = "[{id: alfa, tier: core}, {id: bravo}, {id: charlie, role: observer}, {id: delta}]"


def test_role_and_tier_are_those_of_the_day() -> None:
    terms = text(OPEN, parties=ROLES)
    events = (
        *signed(A, B, C),
        on(CHANGED, C, 10, role="member", tier="basic"),
        on(CHANGED, A, 20, tier="basic"),
    )

    def role_and_tier(at: float) -> tuple[str, str, str]:
        now = stands(terms, events, at).parties
        return now[C].role, now[C].tier, now[A].tier

    assert role_and_tier(9.9) == ("observer", "", "core")
    assert role_and_tier(10) == ("member", "basic", "core")
    assert role_and_tier(20) == ("member", "basic", "basic")


def test_an_observer_neither_sponsors_nor_sits_in_a_body_of_all_members() -> None:
    vetted = '{art: "1", type: membership, vetting: {sponsors: 1}}'
    terms = text(THREE, vetted, parties=ROLES, bodies="{council: {}}")
    events = (*signed(A, B, C), on(NOMINATED, D, 10, by=C))
    now = stands(terms, events, 20)
    assert now.bound == {A, B, C}
    assert now.participation == {"council": {A, B}}
    assert now.parties[D].legal == "nominated"
    changed = (on(NOMINATED, C, 4, by=A), on(CHANGED, C, 5, role="member"), *events)
    assert stands(terms, changed, 20).parties[D].legal == "invited"
    assert stands(terms, changed, 20).participation == {"council": {A, B, C}}


def test_an_observer_needs_no_invitation_until_it_becomes_a_member() -> None:
    terms = text(OPEN, VETTED, parties=ROLES)
    came = (*BOTH, on(ACCEDED, C, 10))
    assert stands(terms, BOTH, 5).parties[C].legal == "invited"
    assert stands(terms, came, 20).bound == {A, B, C}

    change = on(CHANGED, C, 40, role="member")
    refused = stands(terms, (*came, change), 50)
    assert refused.parties[C].role == "observer"
    assert codes(refused) == ["not-invited"]
    vetted = stands(terms, (*came, *nominated(A, B, at=20), change), 50)
    assert vetted.parties[C].role == "member"
    assert vetted.bound == {A, B, C}
    gone = (*came, on(INVITED, C, 20), on(EXPELLED, C, 30), on(ACCEDED, C, 40))
    assert stands(terms, gone, 50).bound == {A, B}  # what was said of the observer is over
    down = on(CHANGED, B, 40, role="observer")
    assert stands(terms, (*came, down), 50).parties[B].role == "observer"


# --- succession -------------------------------------------------------------------------


def test_a_successor_stands_where_its_predecessor_stood() -> None:
    listed = '[{party: bravo, clause: "1", effect: narrow}]'
    clause = f'{{art: "1", type: reservations, allowed: yes, list: {listed}}}'
    partial = '{art: "2", type: membership, partial: yes, suspension: {pairwise: allowed}}'
    terms = text(OPEN, clause, partial, bodies="{board: {members: [alfa, bravo]}, council: {}}")
    before = (
        *BOTH,
        on(RESERVATION, B, 3, art="2", effect="exclude", reciprocal=True),
        on(SUSPENDED, A, 4, towards=B),
        on(LEFT, B, 5, body="council"),
    )
    events = (*before, on(SUCCEEDED, C, 10, predecessor=B))

    then = stands(terms, events, 9.9)
    assert then == stands(terms, before, 9.9)
    now = stands(terms, events, 10)
    assert now.bound == {A, C}
    assert (now.parties[B].legal, now.parties[B].until) == ("former", day(10))
    assert now.parties[C].spells == (Spell(day(10), None),)
    assert (now.parties[C].succeeds, now.parties[B].succeeded_by) == (B, C)
    assert now.suspended_pairs == {(A, C)}
    assert now.participation == {"board": {A, C}, "council": {A}}
    assert set(now.reservations) == {
        Reserved(C, "1", "narrow", True),
        Reserved(C, "2", "exclude", True),
    }


@pytest.mark.parametrize(
    ("before", "legal"),
    [
        pytest.param((), "bound", id="bound"),
        pytest.param((on(SUSPENDED, B, 5),), "suspended", id="suspended"),
        pytest.param((on(NOTICE, B, 5),), "leaving", id="leaving, and out when its notice has run"),
    ],
)
def test_a_successor_is_bound_exactly_as_its_predecessor_was(
    before: tuple[Event, ...], legal: str
) -> None:
    events = (*signed(A, B, D), *before, on(SUCCEEDED, C, 10, predecessor=B))
    now = stands(text(), events, 11)
    assert now.parties[C].legal == legal
    if legal == "leaving":
        assert stands(text(), events, 35).parties[C].legal == "former"


@pytest.mark.parametrize(
    "before",
    [
        pytest.param((), id="never a party"),
        pytest.param((*signed(B, at=2), on(EXPELLED, B, 5)), id="out already"),
    ],
)
def test_whoever_succeeds_nobody_gets_nothing(before: tuple[Event, ...]) -> None:
    events = (*signed(A, D), *before, on(SUCCEEDED, C, 10, predecessor=B))
    now = stands(text(), events, 11)
    assert C not in now.bound
    assert codes(now) == ["succeeds-nobody"]


def test_the_text_may_say_whose_successor_a_party_is_and_does_not_wait_for_it() -> None:
    parties = "[{id: alfa}, {id: bravo}, {id: charlie, successor_of: bravo}]"
    terms = text("{in_force_when: all signed}", parties=parties)
    assert stands(terms, signed(A), 5).awaited == (B,)
    events = (*BOTH, on(SUCCEEDED, C, 10))
    assert stands(terms, events, 5).bound == {A, B}
    assert stands(terms, events, 10).bound == {A, C}


def test_a_successor_of_a_signatory_stands_on_its_paper() -> None:
    terms = text("{in_force_when: {count: 2, of: ratified}}")
    events = (on(RATIFIED, B, 1), on(SUCCEEDED, C, 5, predecessor=B), on(RATIFIED, A, 9))
    now = stands(terms, events, 10)
    assert now.bound == {A, C}
    assert now.in_force_since == day(9)


def test_when_one_party_takes_in_another_the_number_of_parties_counts() -> None:
    merger = on(SUCCEEDED, A, 10, predecessor=B)
    assert stands(text(), (*signed(A, B, D), merger), 11).bound == {A, D}
    assert stands(text(), (*BOTH, merger), 11).state == "terminated"


def test_who_was_expelled_does_not_come_back_as_a_successor() -> None:
    events = (*signed(A, B, C), on(EXPELLED, C, 5), on(SUCCEEDED, C, 10, predecessor=B))
    now = stands(text(), events, 11)
    assert now.bound == {A, B}
    assert codes(now) == ["not-invited"]
    assert stands(text(), (*events, on(INVITED, C, 9)), 11).bound == {A, C}


# --- going and coming back --------------------------------------------------------------


@pytest.mark.parametrize("paper", [SIGNED, ACCEDED])
def test_whoever_left_may_come_back_and_the_time_between_stays_outside(paper: str) -> None:
    events = (*signed(A, B, C), on(NOTICE, C, 10), on(paper, C, 60), on(NOTICE, C, 70))

    def bound(at: float) -> bool:
        return C in stands(text(), events, at).bound

    assert [bound(at) for at in (2, 39.9, 40, 59.9, 60, 99.9, 100)] == [
        True, True, False, False, True, True, False,
    ]  # fmt: skip
    now = stands(text(), events, 120).parties[C]
    assert now.spells == (Spell(day(2), day(40)), Spell(day(60), day(100)))
    assert (now.since, now.until, now.legal) == (day(60), day(100), "former")


def test_a_ratification_brings_back_and_a_signature_alone_does_not() -> None:
    life = "{in_force_when: {count: 2, of: ratified}, withdrawal: {notice: 30 days}}"
    events = (*(on(RATIFIED, party, 0) for party in (A, B, C)), on(NOTICE, C, 10))
    again = stands(text(life), (*events, on(SIGNED, C, 50)), 60)
    assert (again.parties[C].legal, C in again.bound) == ("signed", False)
    assert C in stands(text(life), (*events, on(RATIFIED, C, 50)), 60).bound


@pytest.mark.parametrize(
    ("between", "back"),
    [
        pytest.param((), False, id="by itself"),
        pytest.param((on(INVITED, C, 40),), True, id="by invitation"),
        pytest.param((on(INVITED, C, 5),), False, id="an invitation from before counts no more"),
    ],
)
def test_whoever_was_expelled_comes_back_by_invitation_only(
    between: tuple[Event, ...], back: bool
) -> None:
    events = (*signed(A, B, C), on(EXPELLED, C, 30), *between, on(ACCEDED, C, 50))
    assert (C in stands(text(), events, 60).bound) is back


def test_who_left_needs_a_new_invitation_where_the_text_asks_for_one() -> None:
    events = (*signed(A, B), on(INVITED, C, 5), on(ACCEDED, C, 6), on(NOTICE, C, 10))
    terms = text(OPEN, INVITES)
    assert C not in stands(terms, (*events, on(ACCEDED, C, 50)), 60).bound
    assert C in stands(terms, (*events, on(INVITED, C, 45), on(ACCEDED, C, 50)), 60).bound
    first = (*signed(A, B, D), on(NOTICE, D, 10), on(SIGNED, D, 50))
    assert D not in stands(terms, first, 60).bound  # a first signatory comes in once


def test_nothing_of_an_earlier_stay_comes_back_with_a_party() -> None:
    partial = '{art: "2", type: membership, partial: yes, suspension: {pairwise: allowed}}'
    terms = text(OPEN, partial, bodies="{council: {members: [alfa, charlie]}}")
    events = (
        *signed(A, B, C),
        on(NOTICE, C, 10),
        on(SUSPENDED, C, 11),
        on(SUSPENDED, C, 11, towards=A),
        on(SUSPENDED, C, 11, art="2"),
        on(RESERVATION, C, 12, art="2"),
        on(LEFT, C, 13, body="council"),
        on(SIGNED, C, 60),
    )
    then, now = stands(terms, events, 20), stands(terms, events, 61)
    assert then.parties[C].legal == "suspended"
    assert then.suspended_pairs == {(C, A)}
    assert then.suspended_clauses == {("2", C)}
    assert then.reservations
    assert now.bound == {A, B, C}
    assert now.suspended_pairs == now.suspended_clauses == frozenset()
    assert now.reservations == ()
    assert now.participation == {"council": {A, C}}


@pytest.mark.parametrize("come", [on(SIGNED, C, 39.9), on(SIGNED, C, 40)])
def test_who_comes_until_the_moment_in_which_another_goes_keeps_it_alive(come: Event) -> None:
    events = (*BOTH, on(NOTICE, B, 10))
    assert stands(text(), (*events, come), 50).bound == {A, C}
    late = stands(text(), (*events, on(SIGNED, C, 40.1)), 50)
    assert (late.state, late.bound) == ("terminated", frozenset())


def test_a_party_that_comes_back_in_the_moment_it_goes_was_never_out() -> None:
    events = (*BOTH, on(NOTICE, B, 10), on(SIGNED, B, 40))
    now = stands(text(), events, 40)
    assert now.bound == {A, B}
    assert now.parties[B].spells == (Spell(day(1), day(40)), Spell(day(40), None))


@pytest.mark.parametrize(
    ("event", "still", "no_more"),
    [
        pytest.param(on(EXPELLED, C, 10), 9.9, 10, id="expelled at an instant"),
        pytest.param(on(EXPELLED, C, 10, day=True), 10.9, 11, id="expelled on a day: to its end"),
        pytest.param(on(TERMINATED, None, 10), 9.9, 10, id="ended at an instant"),
        pytest.param(on(TERMINATED, None, 10, day=True), 10.9, 11, id="ended on a day: to its end"),
    ],
)
def test_what_ends_on_a_day_ends_with_it(event: Event, still: float, no_more: float) -> None:
    events = (*signed(A, B, C), event)
    assert C in stands(text(), events, still).bound
    assert C not in stands(text(), events, no_more).bound


def test_several_leave_and_the_last_two_end_it_on_the_day_that_counts() -> None:
    events = (*signed(A, B, C, D), on(NOTICE, A, 10), on(NOTICE, B, 12), on(NOTICE, C, 20))
    assert stands(text(), events, 41).bound == {B, C, D}
    assert stands(text(), events, 42).bound == {C, D}
    over = stands(text(), events, 50)
    assert (over.state, over.bound) == ("terminated", frozenset())
    assert over.parties[D].spells == (Spell(day(3), day(50)),)


def test_notice_runs_while_a_party_is_suspended() -> None:
    events = (*signed(A, B, C), on(SUSPENDED, C, 5), on(NOTICE, C, 10))
    assert stands(text(), events, 39.9).parties[C].legal == "suspended"
    assert stands(text(), events, 40).parties[C].legal == "former"
    resumed = (*events, on(RESUMED, C, 20))
    assert stands(text(), resumed, 30).parties[C].legal == "leaving"


@pytest.mark.parametrize(
    ("event", "code"),
    [
        pytest.param(on(EXPELLED, D, 10), "expelled-not-bound", id="expelled"),
        pytest.param(on(STOP_NOTICE, D, 10), "stop-notice-not-bound", id="stop notice"),
    ],
)
def test_what_is_said_about_or_by_somebody_who_is_not_bound_is_reported(
    event: Event, code: str
) -> None:
    assert codes(stands(text(), (*BOTH, event), 20)) == [code]


EXPELS = '{art: "1", type: membership, expulsion: {grounds: [breach], rule: board}}'
BOARD = "{board: {members: [alfa]}, council: {}}"


@pytest.mark.parametrize(
    ("clause", "by", "warning", "out"),
    [
        pytest.param(EXPELS, "board", "", True, id="by the body of the text"),
        pytest.param(EXPELS, "council", "expulsion-not-entitled", False, id="by another body"),
        pytest.param(EXPELS, "", "expulsion-undecided", True, id="nobody is named"),
        pytest.param(INVITES, "", "expulsion-without-rule", True, id="the clause says nothing"),
        pytest.param('{art: "1", type: statement}', "", "", True, id="no such clause"),
    ],
)
def test_who_expels(clause: str, by: str, warning: str, out: bool) -> None:
    terms = text(THREE, clause, bodies=BOARD)
    now = stands(terms, (*signed(A, B, C), on(EXPELLED, C, 10, by=by, ground="breach")), 20)
    assert (now.parties[C].legal == "expelled") is out
    assert codes(now) == ([warning] if warning else [])
    assert now.parties[C].ground == ("breach" if out else "")


# --- bodies -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "in_it"),
    [
        pytest.param((), True, id="a member"),
        pytest.param((on(LEFT, B, 10, body="council"),), False, id="left"),
        pytest.param((on(LEFT, B, 20, body="council"),), False, id="left this very moment"),
        pytest.param((on(LEFT, B, 20, body="council", day=True),), True, id="left today"),
        pytest.param((on(LEFT, B, 10, body="board"),), True, id="left another body"),
        pytest.param(
            (on(LEFT, B, 10, body="council"), on(RETURNED, B, 15, body="council")), True, id="back"
        ),
    ],
)
def test_a_party_leaves_a_body_and_stays_a_party(events: tuple[Event, ...], in_it: bool) -> None:
    terms = text(OPEN, '{art: "1", type: membership, partial: yes}', bodies=BOARD)
    now = stands(terms, (*signed(A, B, C), *events), 20)
    assert (B in now.participation["council"]) is in_it
    assert now.bound == {A, B, C}
    assert now.participation["board"] == {A}


@pytest.mark.parametrize("articles", [(), ('{art: "1", type: membership}',)])
def test_where_the_text_does_not_say_so_nobody_leaves_a_body(articles: tuple[str, ...]) -> None:
    events = (*BOTH, on(LEFT, B, 10, body="council"))
    now = stands(text(OPEN, *articles, bodies=BOARD), events, 20)
    assert now.participation["council"] == {A, B}
    assert codes(now) == ["partial-not-allowed"]


def test_only_who_is_bound_takes_part_in_a_body() -> None:
    terms = text(OPEN, bodies="{council: {members: [alfa, charlie]}}")
    events = (*signed(A, B, C), on(SUSPENDED, C, 10), on(RESUMED, C, 20))
    assert [stands(terms, events, at).participation["council"] for at in (0, 5, 15, 25)] == [
        set(), {A, C}, {A}, {A, C},
    ]  # fmt: skip


# --- reservations -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("articles", "counts"),
    [
        pytest.param((), True, id="no clause speaks of them"),
        pytest.param(('{art: "1", type: reservations, allowed: yes}',), True, id="allowed"),
        pytest.param(('{art: "1", type: reservations, allowed: no}',), False, id="not allowed"),
    ],
)
def test_whether_a_reservation_counts(articles: tuple[str, ...], counts: bool) -> None:
    events = (*BOTH, on(RESERVATION, B, 5, art="1", effect="narrow"))
    now = stands(text(OPEN, *articles), events, 10)
    assert now.reservations == ((Reserved(B, "1", "narrow", False),) if counts else ())
    assert codes(now) == ([] if counts else ["reservation-not-allowed"])


def test_a_later_reservation_to_the_same_article_counts_instead_of_the_earlier() -> None:
    events = (
        *BOTH,
        on(RESERVATION, B, 5, art="1", effect="exclude", reciprocal=True),
        on(RESERVATION, B, 9, art="1", effect="interpret"),
    )
    assert stands(text(), events, 8).reservations == (Reserved(B, "1", "exclude", True),)
    assert stands(text(), events, 9).reservations == (Reserved(B, "1", "interpret", False),)


def test_those_listed_in_the_text_count_whatever_it_says_of_others() -> None:
    listed = '[{party: alfa, clause: "1", effect: exclude}]'
    clause = f'{{art: "1", type: reservations, allowed: no, list: {listed}}}'
    assert stands(text(OPEN, clause), BOTH, 5).reservations == (Reserved(A, "1", "exclude", True),)


def test_one_party_changes_nothing_for_the_others() -> None:
    before = stands(text(), signed(A, B, C), 20)
    for event in (
        on(RESERVATION, C, 10, art="1"),
        on(CHANGED, C, 10, role="observer"),
        on(EXPELLED, C, 10),
        on(SUSPENDED, C, 10),
        on(SUCCEEDED, D, 10, predecessor=C),
    ):
        after = stands(text(), (*signed(A, B, C), event), 20)
        assert {A, B} <= after.bound
        assert [after.parties[each] for each in (A, B)] == [before.parties[each] for each in (A, B)]


def test_times_are_told_to_the_instant() -> None:
    now = stands(text(), (*BOTH, on(NOTICE, B, 10)), day(40) - timedelta(milliseconds=1))
    assert (now.parties[B].legal, now.parties[B].until) == ("leaving", day(40))
