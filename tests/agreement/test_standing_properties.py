"""What holds for every life of an agreement, whatever happened to it and in whatever order."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import example, given, strategies as st

from allied.agreement.events import (
    AMENDED,
    EVENTS,
    NOTICE,
    RESERVATION,
    RESUMED,
    SUSPENDED,
    TERMINATED,
    Event,
)
from allied.agreement.terms import Agreement
from allied.record.ids import PartyId
from tests.agreement.lives import A, B, C, D, day, on, signed, stands, text

PARTIES = (
    "[{id: alfa}, {id: bravo, tier: core}, {id: charlie, role: observer},"
    " {id: delta, successor_of: charlie}]"
)
BODIES = "{board: {members: [alfa, bravo]}, council: {}}"
LISTED = '[{party: alfa, clause: "1", effect: exclude}]'
TEXTS: list[Agreement] = [
    text(life, *articles, parties=PARTIES, bodies=BODIES)
    for life, articles in (
        ("{in_force_when: {count: 1, of: signed}, withdrawal: {notice: 4 days}}", ()),
        (
            "{in_force_when: {count: 2, of: signed}, withdrawal: {notice: 4 days},"
            " signature_window: 2026-01-02/2026-01-09, entry_deadline: 2026-01-12}",
            (
                '{art: "1", type: membership, partial: yes, invited_by: any-member,'
                " suspension: {pairwise: allowed, rule: board, automatic_if: [debt]}}",
                f'{{art: "2", type: reservations, allowed: yes, list: {LISTED}}}',
            ),
        ),
        (
            "{in_force_when: {share: 1/4}, term: 9 days, renewal: {automatic: yes,"
            " stop_notice: 3 days}, withdrawal: {notice: 2 days, not_before: 3 days}}",
            (
                '{art: "1", type: membership, vetting: {sponsors: 1, objection_period: 2 days}}',
                '{art: "2", type: reservations, allowed: no}',
            ),
        ),
        (
            "{in_force_when: {all: signed, date: 2026-01-05}}",
            (
                '{art: "1", type: membership, invited_by: all, vetting: {sponsors: 2},'
                " expulsion: {rule: board}, partial: yes, suspension: {}}",
                '{art: "2", type: statement}',
            ),
        ),
    )
]
parties = st.sampled_from([A, B, C, D, PartyId("stranger")])
names = st.sampled_from(["", A, B, D, "board", "stranger"])
happened = st.lists(
    st.builds(
        on,
        st.sampled_from(sorted(EVENTS)),
        parties | st.none(),
        st.integers(0, 80).map(lambda quarter: quarter / 4),
        towards=st.sampled_from([None, None, None, A, D]),
        art=st.sampled_from(["", "", "1", "2"]),
        effect=st.sampled_from(["", "exclude", "narrow"]),
        reciprocal=st.booleans(),
        day=st.booleans(),
        practice=st.sampled_from(["", "frozen"]),
        by=names,
        about=parties | st.none(),
        predecessor=parties | st.none(),
        body=st.sampled_from(["", "board", "council", "no-such"]),
        role=st.sampled_from(["", "member", "observer"]),
        tier=st.sampled_from(["", "core"]),
        version=st.sampled_from(["", "", "", "pact", "other"]),
        ground=st.sampled_from(["", "debt"]),
    ),
    max_size=12,
).map(lambda events: (*signed(A, B, at=1), *events))
agreed = st.sampled_from(TEXTS)
moments = st.integers(0, 110).map(lambda quarter: day(quarter / 4))


@given(agreed, happened, moments, st.randoms(use_true_random=False))
def test_the_order_of_events_decides_nothing(
    terms: Agreement, events: tuple[Event, ...], at: datetime, chance: object
) -> None:
    shuffled = list(events)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert stands(terms, tuple(shuffled), at) == stands(terms, events, at)


@given(agreed, happened, moments)
def test_saying_something_twice_says_nothing_more(
    terms: Agreement, events: tuple[Event, ...], at: datetime
) -> None:
    assert stands(terms, events + events, at) == stands(terms, events, at)


@given(agreed, happened, moments)
def test_what_happens_later_changes_nothing_now(
    terms: Agreement, events: tuple[Event, ...], at: datetime
) -> None:
    known = tuple(event for event in events if event.at <= at)
    assert stands(terms, events, at) == stands(terms, known, at)


@given(agreed, happened, moments)
def test_outside_its_stays_a_party_is_never_bound(
    terms: Agreement, events: tuple[Event, ...], at: datetime
) -> None:
    now = stands(terms, events, at)
    for party, each in now.parties.items():
        inside = any(
            spell.since <= at and (spell.until is None or at < spell.until) for spell in each.spells
        )
        assert inside or party not in now.bound
        assert (party in now.bound) is (
            inside and each.legal in ("bound", "leaving") and now.state == "in-force"
        )
        if each.spells:
            assert (each.since, each.until) == (each.spells[-1].since, each.spells[-1].until)


@given(agreed, happened, moments)
def test_stays_follow_one_another_and_lie_in_the_life_of_the_agreement(
    terms: Agreement, events: tuple[Event, ...], at: datetime
) -> None:
    now = stands(terms, events, at)
    for each in now.parties.values():
        ends = None
        for spell in each.spells:
            assert now.in_force_since is not None
            assert now.in_force_since <= spell.since <= at
            assert ends is None or ends <= spell.since
            assert spell.until is None or spell.since <= spell.until
            ends = spell.until
        assert all(spell.until is not None for spell in each.spells[:-1])


@given(agreed, happened, moments, moments)
def test_what_was_bound_then_stays_history(
    terms: Agreement, events: tuple[Event, ...], one: datetime, other: datetime
) -> None:
    earlier, later = sorted((one, other))
    before, after = stands(terms, events, earlier), stands(terms, events, later)
    for party in before.bound:
        assert any(
            spell.since <= earlier and (spell.until is None or earlier < spell.until)
            for spell in after.parties[party].spells
        )
    assert before.in_force_since is None or before.in_force_since == after.in_force_since
    if before.state in ("lapsed", "expired", "terminated"):
        assert after.state == before.state


@given(agreed, happened, moments, parties)
def test_notice_that_has_not_run_changes_nothing_for_anybody(
    terms: Agreement, events: tuple[Event, ...], at: datetime, party: PartyId
) -> None:
    before = stands(terms, events, at)
    after = stands(terms, (*events, Event("pact", NOTICE, party, at)), at)
    assert (after.bound, after.state) == (before.bound, before.state)
    assert (after.participation, after.reservations) == (before.participation, before.reservations)


@given(agreed, happened, moments, st.sampled_from([A, B, C, D]), st.sampled_from([A, B, C, D]))
def test_suspending_a_pair_changes_that_pair_only(
    terms: Agreement, events: tuple[Event, ...], at: datetime, party: PartyId, towards: PartyId
) -> None:
    before = stands(terms, events, at)
    event = Event("pact", SUSPENDED, party, at, towards=towards)
    after = stands(terms, (*events, event), at)
    assert after.suspended_pairs - before.suspended_pairs <= {(party, towards)}
    assert before.suspended_pairs - after.suspended_pairs == frozenset()
    assert (
        replace(after, suspended_pairs=before.suspended_pairs, warnings=before.warnings) == before
    )


@given(agreed, happened, moments, st.sampled_from([None, A, B, C, D]))
def test_suspending_an_article_changes_that_article_only(
    terms: Agreement, events: tuple[Event, ...], at: datetime, party: PartyId | None
) -> None:
    before = stands(terms, events, at)
    after = stands(terms, (*events, Event("pact", SUSPENDED, party, at, art="1")), at)
    assert after.suspended_clauses - before.suspended_clauses <= {("1", party)}
    assert replace(after, suspended_clauses=before.suspended_clauses) == before


@given(agreed, happened, moments, st.sampled_from([A, B, C, D]))
def test_a_reservation_changes_what_its_party_reserved_only(
    terms: Agreement, events: tuple[Event, ...], at: datetime, party: PartyId
) -> None:
    before = stands(terms, events, at)
    after = stands(terms, (*events, Event("pact", RESERVATION, party, at, art="7")), at)
    assert {each.party for each in set(after.reservations) - set(before.reservations)} <= {party}
    assert replace(after, reservations=before.reservations, warnings=before.warnings) == before


@given(agreed, happened, moments)
@example(TEXTS[0], (*signed(A, B), on(SUSPENDED, None, 2), on(RESUMED, None, 9)), day(9))
def test_after_the_whole_was_suspended_and_resumed_it_stands_as_if_it_never_was(
    terms: Agreement, events: tuple[Event, ...], at: datetime
) -> None:
    """Candidacies aside: while nobody is bound nobody sponsors, invites or objects."""
    told = tuple(
        each
        for each in events
        if each.event not in ("nominated", "invited", "objected")
        and not (each.event in (SUSPENDED, RESUMED) and each.party is None and not each.art)
    )
    pause = (
        Event("pact", SUSPENDED, None, at - timedelta(days=3)),
        Event("pact", RESUMED, None, at),
    )
    assert stands(terms, told + pause, at) == stands(terms, told, at)


@given(agreed, happened, moments)
def test_what_others_decide_about_texts_changes_no_standing(
    terms: Agreement, events: tuple[Event, ...], at: datetime
) -> None:
    about_texts = (AMENDED, "flagged", "cleared", "requested", "done")
    rest = tuple(each for each in events if each.event not in about_texts)
    assert stands(terms, events, at) == stands(terms, rest, at)


@given(agreed, happened, moments)
def test_bodies_reservations_and_pairs_name_parties_only(
    terms: Agreement, events: tuple[Event, ...], at: datetime
) -> None:
    now = stands(terms, events, at)
    everybody = set(terms.party_ids)
    assert all(members <= now.bound for members in now.participation.values())
    assert {each.party for each in now.reservations} <= everybody
    assert {party for pair in now.suspended_pairs for party in pair} <= everybody
    assert set(now.parties) == everybody


@given(agreed, happened, moments)
def test_what_is_terminated_binds_nobody(
    terms: Agreement, events: tuple[Event, ...], at: datetime
) -> None:
    now = stands(terms, (*events, Event("pact", TERMINATED, None, at)), at)
    assert now.state in ("terminated", "expired", "lapsed")
    assert now.bound == frozenset()
