"""The life of an obligation: who may say what when, what it changes, and what is late.

The table of transitions is complete: every statement in every state, allowed or refused.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given, strategies as st

from allied.agreement.values import Duration
from allied.record.canonical import Json
from allied.record.ids import PartyId, RecordId
from allied.response.obligation import (
    Change,
    ObligationState,
    Opened,
    fold_obligations,
    strays,
)
from allied.response.overdue import standing, time_line
from allied.response.results import Obligation
from allied.response.statement import Statement
from tests.response.cases import minutes

KEY = "k" * 64
CALL = RecordId("call")

OWED = Obligation(
    key=KEY,
    incident="report",
    agreement="pact",
    art="3",
    duty=0,
    debtor="river",
    creditor="harbour",
    creditors=("harbour",),
    act="assist",
    measures=(),
    means="own-choice",
    modality="must",
    quantity="",
    opened_at=minutes(0),
    answer_within=Duration(2, "hours"),
    perform_within=Duration(24, "hours"),
    answer_by=minutes(120),
    perform_by=minutes(24 * 60),
    state="owed",
    adaptation="",
    excuses=("own-emergency", "legal-bar"),
    consent=(),
    concurrent_with=(),
    explanation=(),
)
OPENED = Opened(OWED, (Change("owed", CALL, PartyId("harbour"), minutes(0), 1),))
MAY = replace(OPENED, obligation=replace(OWED, modality="may"))
DEBTOR = ("acknowledge", "accept", "decline", "excuse", "perform")
CREDITOR = ("verify", "waive", "confirm-excuse", "refuse-excuse")


class Story:
    """Statements in their order; each takes a minute unless its time is given."""

    def __init__(self) -> None:
        self.said: list[Statement] = []

    def say(self, kind: str, party: str, at: datetime | None = None, **body: Json) -> Story:
        order = len(self.said) + 2
        self.said.append(
            Statement(
                kind if "." in kind or kind == "receipt" else f"obligation.{kind}",
                PartyId(party),
                body,
                at or minutes(order),
                RecordId(f"r{order}"),
                order,
            )
        )
        return self

    def receive(self, party: str, record: str = CALL, at: datetime | None = None) -> Story:
        return self.say("receipt", party, at, records=[record])

    def word(self, word: str, at: datetime | None = None, by: str = "", **more: Json) -> Story:
        """One of the words of debtor or creditor, with a reason where one is needed."""
        party = by or ("river" if word in DEBTOR else "harbour")
        if word in {"decline", "excuse"}:
            more.setdefault("reason", "own-emergency")
        return self.say(word, party, at, incident="report", obligation=KEY, **more)

    def end(self, opened: Opened = OPENED) -> ObligationState:
        (state,) = fold_obligations([opened], self.said)
        return state


def after(*words: str, opened: Opened = OPENED) -> ObligationState:
    story = Story().receive("river")
    for word in words:
        story.word(word)
    return story.end(opened)


REACHED: dict[str, tuple[str, ...]] = {
    "owed": (),
    "acknowledged": ("acknowledge",),
    "accepted": ("accept",),
    "declined": ("decline",),
    "excuse-claimed": ("excuse",),
    "excused": ("excuse", "confirm-excuse"),
    "performed": ("perform",),
    "verified": ("perform", "verify"),
    "waived": ("waive",),
}
"""One way to each state."""

ALLOWED: dict[str, dict[str, str]] = {
    "owed": {
        "acknowledge": "acknowledged", "accept": "accepted", "decline": "declined",
        "excuse": "excuse-claimed", "perform": "performed", "waive": "waived",
    },
    "acknowledged": {
        "accept": "accepted", "decline": "declined", "excuse": "excuse-claimed",
        "perform": "performed", "waive": "waived",
    },
    "accepted": {"excuse": "excuse-claimed", "perform": "performed", "waive": "waived"},
    "declined": {
        "accept": "accepted", "excuse": "excuse-claimed", "perform": "performed",
        "waive": "waived", "confirm-excuse": "excused", "refuse-excuse": "owed",
    },
    "excuse-claimed": {
        "accept": "accepted", "perform": "performed", "waive": "waived",
        "confirm-excuse": "excused", "refuse-excuse": "owed",
    },
    "excused": {"accept": "accepted", "perform": "performed", "waive": "waived"},
    "performed": {"perform": "performed", "verify": "verified", "waive": "waived"},
    "verified": {"perform": "verified"},
    "waived": {"perform": "waived"},
}  # fmt: skip


@pytest.mark.parametrize("state", REACHED)
@pytest.mark.parametrize("word", DEBTOR + CREDITOR)
def test_every_statement_in_every_state(state: str, word: str) -> None:
    before = after(*REACHED[state])
    assert before.state == state
    found = after(*REACHED[state], word)
    if word in ALLOWED[state]:
        assert (found.state, found.refused) == (ALLOWED[state][word], ())
    else:
        assert found.state == state
        assert [step.what for step in found.refused] == [word]
        assert found.refused[0].refused


@pytest.mark.parametrize("word", DEBTOR + CREDITOR)
@pytest.mark.parametrize("by", ["river", "harbour", "northgate"])
def test_only_the_debtor_answers_and_only_a_creditor_judges(word: str, by: str) -> None:
    entitled = by == ("river" if word in DEBTOR else "harbour")
    found = Story().receive("river").word(word, by=by).end()
    refusals = {step.refused for step in found.refused}
    wrong = "not-the-debtor" if word in DEBTOR else "not-a-creditor"
    assert (wrong in refusals) is not entitled
    if not entitled:
        assert found.state == "owed"


@pytest.mark.parametrize(
    ("word", "reason", "refused"),
    [
        pytest.param("excuse", "legal-bar", "", id="an excuse that the clause allows"),
        pytest.param("excuse", "incapacity", "excuse-not-allowed", id="one that it does not"),
        pytest.param("excuse", "", "reason-missing", id="none at all"),
        pytest.param("decline", "too-busy", "", id="any reason declines"),
        pytest.param("decline", "", "reason-missing", id="but not none"),
    ],
)
def test_reasons(word: str, reason: str, refused: str) -> None:
    found = Story().receive("river").word(word, reason=reason).end()
    assert [step.refused for step in found.refused] == [refused] * bool(refused)


def test_a_statement_about_another_incident_has_no_effect() -> None:
    story = Story().receive("river")
    story.say("accept", "river", incident="another", obligation=KEY)
    assert [step.refused for step in story.end().refused] == ["other-incident"]


def test_a_statement_about_no_obligation_is_a_stray() -> None:
    story = Story().say("accept", "river", incident="report", obligation="z" * 64)
    assert [each.party for each in strays([OPENED], story.said)] == ["river"]
    assert strays([OPENED], Story().word("accept").said) == ()


def test_evidence_is_collected_from_every_performance() -> None:
    one: Json = [{"blob": "a" * 64, "size": 3}]
    two: Json = [{"blob": "b" * 64, "size": 3}, "noise", {"size": 3}]
    story = Story().receive("river").word("perform", evidence=one).word("perform", evidence=two)
    assert story.end().evidence == ("a" * 64, "b" * 64)


class TestBreach:
    """Declining what must be done is shown until it is made good."""

    def test_declining_under_must_is_a_possible_breach(self) -> None:
        found = Story().receive("river").word("decline", reason="too-busy").end()
        now = standing(found, minutes(10))
        assert (now.label, now.possible_breach) == ("declined", True)
        assert "possible breach" in now.why

    @pytest.mark.parametrize("word", ["accept", "perform", "waive", "confirm-excuse"])
    def test_until_it_is_made_good(self, word: str) -> None:
        found = after("decline", word)
        assert not standing(found, minutes(10)).possible_breach
        assert "decline" in [step.what for step in found.steps]  # and it stays on record

    def test_declining_an_invitation_is_none(self) -> None:
        found = Story().receive("river").word("decline", reason="").end(MAY)
        now = standing(found, minutes(9999))
        assert (found.state, now.possible_breach, now.overdue) == ("declined", False, False)


class TestTime:
    """Deadlines run from the debtor's receipt, and nothing is in time by its own claim."""

    def test_without_a_receipt_nothing_runs(self) -> None:
        found = Story().end()
        assert (found.owed_at, found.answer_by) == (None, None)
        now = standing(found, minutes(99999))
        assert (now.label, now.overdue) == ("owed", False)
        assert "not confirmed receipt" in now.why

    def test_the_period_starts_at_the_receipt(self) -> None:
        found = Story().receive("river", at=minutes(30)).end()
        assert (found.owed_at, found.answer_by) == (minutes(30), minutes(150))
        assert found.perform_by == minutes(30 + 24 * 60)

    def test_a_receipt_of_something_else_starts_nothing(self) -> None:
        assert Story().receive("river", "other").receive("harbour").end().owed_at is None

    def test_who_speaks_about_it_has_received_it(self) -> None:
        assert Story().word("acknowledge", at=minutes(7)).end().owed_at == minutes(7)

    @pytest.mark.parametrize(
        ("at", "label"),
        [
            pytest.param(119.9, "owed", id="just before"),
            pytest.param(120, "overdue-answer", id="at the very instant"),
            pytest.param(24 * 60, "overdue", id="nor performed"),
        ],
    )
    def test_no_answer_in_two_hours_is_overdue(self, at: float, label: str) -> None:
        found = Story().receive("river", at=minutes(0)).end()
        now = standing(found, minutes(at))
        assert (now.label, now.overdue, now.possible_breach) == (
            (label, True, True) if label != "owed" else (label, False, False)
        )

    def test_acknowledging_is_no_answer(self) -> None:
        found = Story().receive("river", at=minutes(0)).word("acknowledge", at=minutes(1)).end()
        assert standing(found, minutes(120)).label == "overdue-answer"

    def test_accepted_and_not_performed_is_overdue(self) -> None:
        found = Story().receive("river", at=minutes(0)).word("accept", at=minutes(5)).end()
        assert standing(found, minutes(120)).label == "accepted"
        assert standing(found, minutes(24 * 60)).label == "overdue"
        assert standing(found, minutes(121)).next_deadline == minutes(24 * 60)

    def test_a_refused_excuse_leaves_it_owed_without_a_new_answer(self) -> None:
        found = after("excuse", "refuse-excuse")
        assert standing(found, minutes(200)).label == "owed"
        assert standing(found, minutes(24 * 60 + 5)).label == "overdue"

    @pytest.mark.parametrize("at", [0, 9999])
    def test_an_invitation_is_never_overdue(self, at: int) -> None:
        found = Story().receive("river", at=minutes(0)).end(MAY)
        assert (standing(found, minutes(at)).label, found.state) == ("invited", "invited")
        accepted = Story().receive("river", at=minutes(0)).word("accept").end(MAY)
        assert not standing(accepted, minutes(9999)).overdue

    @pytest.mark.parametrize(
        ("said", "seen", "now", "answer"),
        [
            pytest.param(60, 70, 200, "in-time", id="acknowledged before the deadline"),
            pytest.param(60, None, 100, "awaiting-receipt", id="not acknowledged yet"),
            pytest.param(60, None, 200, "time-contested", id="never acknowledged"),
            pytest.param(60, 130, 200, "time-contested", id="acknowledged after it"),
            pytest.param(120, 121, 200, "late", id="said at the deadline"),
        ],
    )
    def test_nothing_is_in_time_by_its_own_claim(
        self, said: int, seen: int | None, now: int, answer: str
    ) -> None:
        story = Story().receive("river", at=minutes(0)).word("accept", at=minutes(said))
        if seen is not None:
            story.receive("harbour", story.said[-1].record, at=minutes(seen))
        assert standing(story.end(), minutes(now)).answer == answer

    def test_a_receipt_claimed_before_the_call_is_contested(self) -> None:
        assert Story().receive("river", at=minutes(-5)).end().time_contested
        assert not Story().receive("river", at=minutes(5)).end().time_contested

    def test_the_time_line_shows_the_missed_deadline_in_its_place(self) -> None:
        story = Story().receive("river", at=minutes(0)).word("accept", at=minutes(130))
        steps = [step.what for step in time_line(story.end(), minutes(200))]
        assert steps == ["opened", "received", "overdue-answer", "accept"]

    def test_a_deadline_beyond_the_calendar_is_none(self) -> None:
        far = replace(OPENED, obligation=replace(OWED, answer_within=Duration(99999, "years")))
        assert Story().receive("river").end(far).answer_by is None


def changes(*moves: str) -> Opened:
    """An obligation that comes and goes with records c1, c2 ... at orders 10, 20 ..."""
    return Opened(
        OWED,
        tuple(
            Change(move, RecordId(f"c{n}"), PartyId("harbour"), minutes(10 * n), 10 * n)
            for n, move in enumerate(moves, 1)
        ),
    )


class TestChanges:
    """Facts may suspend an obligation or let it fall away; what was said is not erased."""

    @pytest.mark.parametrize(
        ("moves", "words", "state"),
        [
            pytest.param(("owed", "lapsed"), (), "lapsed", id="fell away"),
            pytest.param(("owed", "lapsed"), ("accept",), "lapsed", id="also when accepted"),
            pytest.param(("owed", "lapsed"), ("perform",), "performed", id="not when performed"),
            pytest.param(("owed", "suspended"), ("accept",), "suspended", id="suspended"),
            pytest.param(
                ("owed", "suspended", "owed"), ("accept",), "accepted", id="acceptance survives"
            ),
            pytest.param(("suspended",), (), "suspended", id="waits from the start"),
            pytest.param(("suspended", "owed"), (), "owed", id="owed in the end"),
        ],
    )
    def test_where_it_stands(self, moves: Sequence[str], words: Sequence[str], state: str) -> None:
        story = Story()
        for word in words:
            story.word(word)
        assert story.end(changes(*moves)).state == state

    def test_nothing_is_overdue_while_it_is_suspended(self) -> None:
        found = Story().receive("river", "c1").end(changes("owed", "suspended"))
        assert standing(found, minutes(99999)).label == "suspended"

    def test_the_period_starts_again_when_it_is_owed_again(self) -> None:
        story = (
            Story().receive("river", "c1", at=minutes(11)).receive("river", "c3", at=minutes(40))
        )
        assert story.end(changes("owed", "suspended", "owed")).answer_by == minutes(160)


GROUP = replace(OPENED, obligation=replace(OWED, creditor="the group", creditors=("ash", "birch")))


class TestGroup:
    """What is owed to several: each may verify, all must waive, one may refuse an excuse."""

    def test_one_creditor_verifies(self) -> None:
        assert Story().word("perform").word("verify", by="ash").end(GROUP).state == "verified"

    def test_all_creditors_waive(self) -> None:
        story = Story().receive("river").word("waive", by="ash")
        assert story.end(GROUP).state == "owed"
        assert story.word("waive", by="birch").end(GROUP).state == "waived"

    @pytest.mark.parametrize("order", [("ash", "birch"), ("birch", "ash")])
    def test_a_refusal_by_one_outweighs_the_other(self, order: tuple[str, str]) -> None:
        story = Story().receive("river").word("excuse")
        words = {"ash": "confirm-excuse", "birch": "refuse-excuse"}
        for creditor in order:
            story.word(words[creditor], by=creditor)
        assert story.end(GROUP).state == "owed"

    def test_nobody_takes_back_its_own_word(self) -> None:
        story = Story().receive("river").word("excuse").word("confirm-excuse", by="ash")
        assert story.word("refuse-excuse", by="ash").end(GROUP).state == "excused"


words = st.lists(st.sampled_from(DEBTOR + CREDITOR), max_size=8)


@given(words, st.randoms(use_true_random=False))
def test_the_order_in_which_statements_are_given_does_not_matter(
    said: list[str], shuffler: random.Random
) -> None:
    story = Story().receive("river")
    for word in said:
        story.word(word)
    shuffled = [*story.said, *story.said]
    shuffler.shuffle(shuffled)
    assert fold_obligations([OPENED], shuffled) == (story.end(),)


@given(st.lists(st.sampled_from(DEBTOR), max_size=4), st.data())
def test_a_waiver_comes_to_the_same_wherever_it_falls_among_what_the_debtor_says(
    said: list[str], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(said)))
    found = after(*said[:place], "waive", *said[place:])
    assert found.state == "waived"
    assert "waive" not in {step.what for step in found.refused}


@given(st.lists(st.sampled_from(DEBTOR + CREDITOR), max_size=6), st.integers(0, 5000))
def test_what_is_discharged_is_never_overdue(said: list[str], at: int) -> None:
    now = standing(after(*said), minutes(at))
    if now.label == "discharged":
        assert not now.overdue
        assert not now.possible_breach


@given(
    st.dictionaries(
        st.sampled_from(["incident", "obligation", "reason", "evidence", "note", "records"]),
        st.recursive(
            st.none() | st.integers() | st.text(max_size=3),
            lambda inner: (
                st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2)
            ),
            max_leaves=4,
        ),
    ),
    st.sampled_from(["receipt", *(f"obligation.{word}" for word in DEBTOR + CREDITOR)]),
)
def test_no_body_makes_the_fold_fail(body: dict[str, Json], kind: str) -> None:
    said = [
        Statement(kind, PartyId("river"), {**body, **more}, minutes(5), RecordId(name), order)
        for order, (name, more) in enumerate(
            [("x", {}), ("y", {"obligation": KEY, "incident": "report"})], 2
        )
    ]
    (found,) = fold_obligations([OPENED], said)
    assert found.state
