"""What the declarations say about who acts on a field of life and membership is true.

Each field is set to one value and to another. Where the lifecycle acts on it, what `standing`
answers differs; where a field only informs, the answer stays the same.
"""

from __future__ import annotations

from typing import Any

import pytest

from allied.agreement import clauses as c
from allied.agreement.events import (
    ACCEDED,
    EXPELLED,
    INVITED,
    LEFT,
    NOMINATED,
    NOTICE,
    OBJECTED,
    RATIFIED,
    RESERVATION,
    SIGNED,
    SUCCEEDED,
    SUSPENDED,
    Event,
)
from allied.agreement.fields import DECISION, LATER, LIFE, RESPONSE, SHOWN, declared
from allied.agreement.life import EntryCondition, Life, Renewal
from allied.agreement.parties import Party
from allied.agreement.standing import Standing
from tests.agreement.lives import A, B, C, D, on, stands, text

EVENTS: tuple[Event, ...] = (
    on(SIGNED, A, 0),
    on(SIGNED, B, 1),
    on(RATIFIED, A, 2),
    on(RATIFIED, B, 3),
    on(NOMINATED, C, 10, by=A),
    on(OBJECTED, B, 13, about=C),
    on(INVITED, C, 14, by="board"),
    on(ACCEDED, C, 15),
    on(NOMINATED, D, 15, by=A),
    on(SUSPENDED, B, 16, ground="unpaid"),
    on(RESERVATION, A, 17, art="1"),
    on(LEFT, A, 18, body="council"),
    on(SUSPENDED, A, 19, towards=B),
    on(EXPELLED, D, 20, by="council"),
    on(SUCCEEDED, D, 21),
    on(NOTICE, A, 22),
)
LIVED = "in_force_when: {count: 2, of: signed}, withdrawal: {notice: 9 days}"


def answer(life: str = "", clause: str = "", more: str = "", party: str = "") -> Standing:
    """How it stands after everything above, with one more thing said in the text."""
    entry = LIVED if "in_force_when" not in life else "withdrawal: {notice: 9 days}"
    joined = ", ".join(each for each in (entry, life) if each)
    parties = f"[{{id: alfa}}, {{id: bravo}}, {{id: charlie}}, {{id: delta{party}}}]"
    articles = [f'{{art: "1", type: membership{clause}}}']
    articles += [more] if more else []
    bodies = "{board: {members: [bravo]}, council: {}}"
    return stands(text(f"{{{joined}}}", *articles, parties=parties, bodies=bodies), EVENTS, 25)


def said(declaration: type[Any], key: str) -> str:
    return next(each for each in declared(declaration) if each.key == key).field.by


ACTED_ON: dict[str, tuple[type[Any], str, dict[str, str], dict[str, str]]] = {
    "signature window": (Life, "signature_window", {}, {"life": "signature_window: 2026-01-02/"}),
    "entry deadline": (Life, "entry_deadline", {}, {"life": "entry_deadline: 2026-01-01"}),
    "entry": (Life, "in_force_when", {}, {"life": "in_force_when: all signed"}),
    "entry: how many": (EntryCondition, "count", {}, {"life": "in_force_when: {count: 3}"}),
    "term": (Life, "term", {}, {"life": "term: 9 days"}),
    "renewal": (
        Renewal,
        "automatic",
        {"life": "term: 9 days"},
        {"life": "term: 9 days, renewal: {automatic: yes}"},
    ),
    "invited by": (c.Membership, "invited_by", {}, {"clause": ", invited_by: alfa"}),
    "rule of admission": (c.Membership, "rule", {}, {"clause": ", rule: {kind: unanimity}"}),
    "vetting": (c.Membership, "vetting", {}, {"clause": ", vetting: {sponsors: 2}"}),
    "sponsors": (
        c.Vetting,
        "sponsors",
        {"clause": ", vetting: {sponsors: 1}"},
        {"clause": ", vetting: {sponsors: 2}"},
    ),
    "objection period": (
        c.Vetting,
        "objection_period",
        {"clause": ", vetting: {objection_period: 2 days}"},
        {"clause": ", vetting: {objection_period: 4 days}"},
    ),
    "rule of vetting": (
        c.Vetting,
        "rule",
        {"clause": ", vetting: {objection_period: 4 days}"},
        {"clause": ", vetting: {objection_period: 4 days, rule: {kind: simple-majority}}"},
    ),
    "suspension": (c.Membership, "suspension", {}, {"clause": ", suspension: {}"}),
    "rule of suspension": (
        c.Suspension,
        "rule",
        {"clause": ", suspension: {}"},
        {"clause": ", suspension: {rule: board}"},
    ),
    "automatic suspension": (
        c.Suspension,
        "automatic_if",
        {"clause": ", suspension: {rule: board}"},
        {"clause": ", suspension: {rule: board, automatic_if: [unpaid]}"},
    ),
    "suspension of a pair": (
        c.Suspension,
        "pairwise",
        {"clause": ", suspension: {}"},
        {"clause": ", suspension: {pairwise: allowed}"},
    ),
    "partial": (c.Membership, "partial", {}, {"clause": ", partial: yes"}),
    "reservations": (
        c.Reservations,
        "allowed",
        {"more": '{art: "2", type: reservations, allowed: yes}'},
        {"more": '{art: "2", type: reservations, allowed: no}'},
    ),
    "successor": (Party, "successor_of", {}, {"party": ", successor_of: bravo"}),
    "role": (Party, "role", {}, {"party": ", role: observer"}),
    "joined": (Party, "joined", {}, {"party": ", joined: 2026-01-03"}),
}


@pytest.mark.parametrize("name", ACTED_ON)
def test_standing_acts_on_what_is_said_to_be_acted_on(name: str) -> None:
    declaration, key, before, after = ACTED_ON[name]

    assert answer(**before) != answer(**after)
    assert said(declaration, key) in {LIFE, DECISION}


def test_expulsion_is_held_against_its_rule() -> None:
    events = (on(SIGNED, A, 0), on(SIGNED, B, 1), on(SIGNED, C, 2), on(EXPELLED, C, 5, by="board"))

    def legal(rule: str) -> str:
        clause = f'{{art: "1", type: membership, expulsion: {{rule: {rule}}}}}'
        life = "{in_force_when: {count: 3, of: signed}}"
        terms = text(life, clause, bodies="{board: {}, council: {}}")
        return stands(terms, events, 9).parties[C].legal

    assert (legal("board"), legal("council")) == ("expelled", "bound")
    assert said(c.Expulsion, "rule") in {LIFE, DECISION}
    assert said(c.Membership, "expulsion") in {LIFE, DECISION}


def test_reservations_listed_in_the_text_stand() -> None:
    listed = '{art: "2", type: reservations, list: [{party: alfa, clause: "1", effect: narrow}]}'
    more = answer(more=listed).reservations
    assert len(more) == len(answer(more='{art: "2", type: reservations}').reservations) + 1
    assert said(c.Reservations, "list") in {LIFE, RESPONSE}


def test_notice_counts_from_the_day_that_the_text_names() -> None:
    events = (on(SIGNED, A, 0), on(SIGNED, B, 1), on(SIGNED, C, 2), on(NOTICE, C, 5))

    def legal(withdrawal: str) -> str:
        life = f"{{in_force_when: {{count: 2, of: signed}}, withdrawal: {{{withdrawal}}}}}"
        return stands(text(life), events, 30).parties[C].legal

    assert legal("notice: 9 days") == "former"
    assert legal("notice: 60 days") == "leaving"
    assert legal("notice: 9 days, not_before: 20 days") == "bound"
    assert {said(c.Withdrawal, key) for key in ("notice", "not_before")} == {LIFE}


INFORMS = {
    "eligible": (c.Membership, "eligible", ", eligible: banks"),
    "observers": (c.Membership, "observers", ", observers: welcome"),
    "succession": (c.Membership, "succession", ", succession: by consent"),
    "grounds": (c.Suspension, "grounds", ", suspension: {grounds: [unpaid]}"),
}


@pytest.mark.parametrize("name", INFORMS)
def test_what_only_informs_changes_nothing(name: str) -> None:
    declaration, key, clause = INFORMS[name]
    base = ", suspension: {}" if "suspension" in clause else ""

    assert answer(clause=base) == answer(clause=clause)
    assert said(declaration, key) == SHOWN


def test_what_outlives_it_informs_once_it_is_over() -> None:
    life = "term: 9 days, survives_end: [secrecy]"
    assert answer(life=life).surviving == ("secrecy",)
    assert answer(life="survives_end: [secrecy]") == answer()
    assert said(Life, "survives_end") == SHOWN


@pytest.mark.parametrize(
    "declaration",
    [Life, EntryCondition, Renewal, Party, c.Membership, c.Vetting, c.Suspension, c.Expulsion,
     c.Reservations, c.Reservation],
)  # fmt: skip
def test_nothing_of_life_and_membership_is_left_for_later(declaration: type[Any]) -> None:
    later = {each.key for each in declared(declaration) if each.field.by == LATER}
    assert later <= {"history"}  # what a later party sees is decided where items are released
