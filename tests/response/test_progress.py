"""How far an incident has come under one agreement, and what keeps it from being closed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime

import pytest

from allied.agreement.events import Register
from allied.agreement.terms import Agreement, load
from allied.record.ids import PartyId, RecordId
from allied.response.evaluate import evaluate, prepare
from allied.response.moment import Moment
from allied.response.obligation import Change, Opened, fold_obligations
from allied.response.progress import Progress, progress
from allied.response.statement import Statement
from tests.response.cases import incidents, register

TEXT = """
format: alliance/1
id: pact
form: {kind: treaty}
parties: [{ids: [ash, birch, cedar], joined: 2020-01-01}]
bodies: {council: {rule: {kind: consensus}}}
articles:
  - {art: "1", type: collective-response, invoked_by: victim, invocation_window: 10 days,
     trigger: {incident: attack.armed, attribution: from-outside},
     provisional: {pending: [attribution], lapses_after: 3 days, duties_meanwhile: [consult]},
     duties: [{do: assist, modality: must, answer_within: 1 day, perform_within: 5 days}]}
  - {art: "2", type: consultation, caller: any-member, meet_within: 2 days}
"""
FACTS = """
id: raid
versions:
  - known_at: 2025-05-01
    facts:
      kind: KIND
      occurred_at: 2025-05-01
      acts: [{by: fox, against: VICTIM}]
"""
OUTSIDE = "  - {known_at: 2025-05-02, facts: {attribution: {from: outside}}}\n"


def course(word: str, day: str = "2025-05-20") -> str:
    return f"  - {{known_at: {day}, facts: {{course: {word}}}}}\n"


def call(*arts: str) -> str:
    calls = "".join(
        f"  - {{agreement: pact, art: '{art}', by: ash, at: 2025-05-01}}\n" for art in arts
    )
    return f"invocations:\n{calls}" if arts else ""


def story(*more: str, kind: str = "attack.armed", victim: str = "ash") -> str:
    return FACTS.replace("KIND", kind).replace("VICTIM", victim) + "".join(more)


def reached(
    text: str, at: Moment = date(2025, 5, 3), lives: Mapping[str, tuple[str, ...]] | None = None
) -> Progress:
    """`lives`: what each debtor (or `ash`, the creditor, after a colon) said."""
    (pact,) = load(TEXT.encode(), "pact")
    assert isinstance(pact, Agreement)
    prepared = prepare(Register({"pact": pact}))
    (incident,) = incidents(text)
    found = evaluate(prepared, [incident], None, None, at=at)
    opened = [
        Opened(
            each,
            (
                Change(
                    "owed", RecordId("call"), PartyId("ash"), datetime(2025, 5, 1, tzinfo=UTC), 0
                ),
            ),
        )
        for each in found.obligations
    ]
    said = [
        Statement(
            f"obligation.{word}",
            PartyId("ash" if word in {"verify", "waive"} else debtor),
            {"obligation": each.obligation.key, "incident": "raid", "reason": "incapacity"},
            datetime(2025, 5, 2, tzinfo=UTC),
            RecordId(f"{debtor}-{each.obligation.key}-{order}"),
            order,
        )
        for debtor, words in (lives or {}).items()
        for each in opened
        if each.obligation.debtor == debtor
        for order, word in enumerate(words, 1)
    ]
    state = progress(prepared, "pact", incident, found, at, fold_obligations(opened, said))
    assert state is not None
    return state


@pytest.mark.parametrize(
    ("text", "state"),
    [
        pytest.param(story(), "reported", id="facts that may be covered"),
        pytest.param(story(OUTSIDE), "reported", id="covered, and nobody called"),
        pytest.param(story(call("2")), "consulting", id="called to consult"),
        pytest.param(story(call("1")), "invoked-provisional", id="called while a fact is missing"),
        pytest.param(story(call("1", "2")), "invoked-provisional", id="called to both"),
        pytest.param(story(OUTSIDE, call("1")), "invoked", id="called, all facts there"),
        pytest.param(story(kind="disaster.natural"), "not-covered", id="another kind"),
        pytest.param(story(victim="fjord"), "not-covered", id="a stranger"),
        pytest.param(
            story(OUTSIDE, course("withdrawn-by-victim", "2025-05-03"), call("1")),
            "withdrawn-by-victim", id="the victim withdrew",
        ),
        pytest.param(
            story(OUTSIDE, course("merged-into-campaign", "2025-05-03"), call("1")),
            "merged-into-campaign", id="dealt with elsewhere",
        ),
        pytest.param(
            story(OUTSIDE, course("contained", "2025-05-03"), call("1")), "contained", id="so said"
        ),
    ],
)  # fmt: skip
def test_where_an_incident_stands_follows_from_answers_calls_and_its_course(
    text: str, state: str
) -> None:
    assert reached(text).state == state


@pytest.mark.parametrize(
    ("said", "state"),
    [
        pytest.param((), "invoked", id="nobody answered"),
        pytest.param(("acknowledge",), "invoked", id="acknowledged"),
        pytest.param(("accept",), "responding", id="accepted"),
        pytest.param(("accept", "perform"), "responding", id="performed"),
        pytest.param(("decline",), "invoked", id="declined"),
    ],
)
def test_somebody_who_takes_up_what_it_owes_makes_it_a_response(
    said: tuple[str, ...], state: str
) -> None:
    assert reached(story(OUTSIDE, call("1")), lives={"birch": said}).state == state


CLOSED = story(OUTSIDE, course("closed", "2025-05-03"), call("1"))


@pytest.mark.parametrize(
    ("birch", "cedar", "state", "waiting"),
    [
        pytest.param((), (), "invoked", 2, id="two still owe"),
        pytest.param(("accept",), ("accept", "perform"), "responding", 1, id="one accepted only"),
        pytest.param(("accept", "perform"), ("accept", "perform"), "closed", 0, id="all performed"),
        pytest.param(("accept", "waive"), ("perform",), "closed", 0, id="waived by the creditor"),
        pytest.param(("decline",), ("perform",), "closed", 0, id="declined, a possible breach"),
    ],
)
def test_closing_takes_that_nothing_is_owed_or_accepted_any_more(
    birch: tuple[str, ...], cedar: tuple[str, ...], state: str, waiting: int
) -> None:
    found = reached(CLOSED, lives={"birch": birch, "cedar": cedar})
    assert (found.state, len(found.open)) == (state, waiting)
    if waiting:
        assert f"{waiting} obligations are open" in found.because


def test_after_closing_come_the_lessons_or_it_is_opened_again() -> None:
    done = {"birch": ("perform",), "cedar": ("perform",)}
    first = course("closed", "2025-05-03")
    for word in ("after-action-done", "reopened"):
        text = story(OUTSIDE, first, course(word, "2025-05-10"), call("1"))
        before = reached(text, date(2025, 5, 9), done)
        after = reached(text, date(2025, 5, 10), done)
        assert (before.state, after.state, after.beneath) == ("closed", word, "responding")


def test_the_timers_are_those_of_the_clauses_and_of_what_is_owed() -> None:
    def timers(text: str, at: Moment) -> list[tuple[str, str, datetime, bool]]:
        return [(e.what, e.art, e.at, e.over) for e in reached(text, at).timers]

    def day(number: int) -> datetime:
        return datetime(2025, 5, number, tzinfo=UTC)

    assert timers(story(OUTSIDE), date(2025, 5, 3)) == [("invocation-window", "1", day(11), False)]
    assert timers(story(call("2")), date(2025, 5, 2)) == [("meet", "2", day(3), False)]
    assert timers(story(call("2")), date(2025, 5, 3)) == [("meet", "2", day(3), True)]
    assert ("provisional-lapses", "1", day(4), False) in timers(story(call("1")), date(2025, 5, 3))
    # Covered since the second: an answer within a day, performing within five.
    assert timers(story(OUTSIDE, call("1")), date(2025, 5, 4)) == [
        ("answer", "1", day(3), True),
        ("perform", "1", day(7), False),
    ]


def test_one_incident_stands_elsewhere_under_each_agreement() -> None:
    text = """
id: clash
versions:
  - known_at: 2022-09-13
    facts:
      kind: attack.armed
      occurred_at: 2022-09-13
      acts: [{by: AZE, against: ARM, target: territory, places: [collective-security-zone]}]
invocations: [{agreement: csto-like, art: "2", by: ARM, at: 2022-09-13}]
"""
    (incident,) = incidents(text)
    prepared = prepare(register("csto-like", "nat-1949", "franco-russian-1892"))
    at = date(2022, 9, 14)
    found = evaluate(prepared, [incident], None, None, at=at)
    states = {
        name: reached.state
        for name in ("csto-like", "nat-1949", "franco-russian-1892")
        if (reached := progress(prepared, name, incident, found, at)) is not None
    }
    assert states == {
        "csto-like": "consulting",
        "nat-1949": "not-covered",
        "franco-russian-1892": "not-covered",
    }


def test_an_agreement_that_a_viewpoint_does_not_see_has_no_state() -> None:
    (incident,) = incidents(story())
    prepared = prepare(register("franco-russian-1892"))
    at = date(2025, 5, 3)
    seen = evaluate(prepared, [incident], None, PartyId("france"), at=at)
    hidden = evaluate(prepared, [incident], None, PartyId("germany"), at=at)
    assert progress(prepared, "franco-russian-1892", incident, seen, at) is not None
    assert progress(prepared, "franco-russian-1892", incident, hidden, at) is None


def test_the_duty_to_hold_back_never_keeps_an_incident_open() -> None:
    text = """
id: clash-1974
versions:
  - known_at: 1974-07-21
    facts:
      kind: attack.armed
      occurred_at: 1974-07-21
      course: closed
      acts: [{by: TUR, against: GRC, target: ships, places: [mediterranean], latitude: "35.0"}]
"""
    (incident,) = incidents(text)
    prepared = prepare(register("nat-1949"))
    at = date(1974, 7, 22)
    found = evaluate(prepared, [incident], None, None, at=at)
    assert {each.art for each in found.obligations} == {"1"}  # both owe restraint
    state = progress(prepared, "nat-1949", incident, found, at)
    assert state is not None
    assert (state.state, state.open) == ("closed", ())
