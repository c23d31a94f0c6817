"""The cascade: a what-if that labels itself, and instruments that live while another does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given

from allied.agreement.standing import Event, Register
from allied.agreement.terms import Agreement, load
from allied.errors import MalformedError
from allied.record.ids import PartyId
from allied.response.cascade import DEPTH_LIMIT, INCIDENT_LIMIT, Cascade, cascade
from allied.response.evaluate import evaluate
from allied.response.incident import Act, Facts, Incident, Version
from allied.response.ties import ended_tie, require_no_circle
from tests.response.cases import event, register, verdict
from tests.response.test_properties import AT, WHOLE, incidents

OF_1914 = ("franco-russian-1892", "dual-alliance-1879", "triple-alliance-1882")


def happened(by: str, against: str | None, kind: str = "act.war-declaration") -> Incident:
    day = date(1914, 8, 1)
    facts = Facts(
        kind=kind, occurred_at=day, acts=(Act(id="act-1", by=by, against=against, supported_by=()),)
    )
    return Incident(id="august", campaign="july", versions=(Version(known_at=day, facts=facts),))


def suppose(incident: Incident, viewpoint: str | None = None) -> Cascade:
    return cascade(
        register(*OF_1914),
        [incident],
        None,
        PartyId(viewpoint) if viewpoint else None,
        at=date(1914, 8, 1),
    )


def steps(found: Cascade) -> list[tuple[int, str]]:
    return [(each.depth, each.incident.id) for each in found.supposed]


def test_one_duty_leads_to_the_next_until_nothing_new_follows() -> None:
    found = suppose(happened("russia", "austria-hungary"))
    assert steps(found) == [
        (1, "if-germany-declares-war-on-russia"),
        (2, "if-france-declares-war-on-germany"),
    ]
    owed = {(each.incident, each.debtor, each.creditor) for each in found.evaluation.obligations}
    assert owed == {
        ("august", "germany", "austria-hungary"),
        ("if-germany-declares-war-on-russia", "france", "russia"),
    }


def test_mobilisation_answers_mobilisation_once() -> None:
    found = suppose(happened("germany", None, "act.mobilisation"))
    assert steps(found) == [(1, "if-france-mobilises"), (1, "if-russia-mobilises")]


def test_a_hidden_duty_is_not_supposed_for_an_outsider() -> None:
    assert steps(suppose(happened("germany", "russia"), "italy")) == []
    assert steps(suppose(happened("germany", "russia"), "france")) == [
        (1, "if-france-declares-war-on-germany")
    ]


def test_what_is_a_fact_is_not_supposed() -> None:
    both = replace(
        happened("russia", "austria-hungary"),
        versions=(
            Version(
                known_at=date(1914, 8, 1),
                facts=Facts(
                    kind="act.war-declaration",
                    occurred_at=date(1914, 8, 1),
                    acts=(
                        Act(id="a", by="russia", against="austria-hungary", supported_by=()),
                        Act(id="b", by="germany", against="russia", supported_by=()),
                    ),
                ),
            ),
        ),
    )
    assert steps(suppose(both)) == [(1, "if-france-declares-war-on-germany")]


def test_every_entry_says_how_deep_it_is_supposed() -> None:
    tree = suppose(happened("russia", "austria-hungary")).to_json()
    results = tree["results"]
    assert isinstance(results, list)
    depths = {(each["incident"], each["depth"]) for each in results}
    assert depths == {
        ("august", 0),
        ("if-germany-declares-war-on-russia", 1),
        ("if-france-declares-war-on-germany", 2),
    }
    assert [each["depth"] for each in tree["hypothetical"]] == [1, 2]  # type: ignore[union-attr,call-overload,index]


@given(incidents())
def test_p14_a_cascade_contains_the_plain_answer(incident: Incident) -> None:
    plain = evaluate(WHOLE, [incident], None, None, at=AT)
    whole = cascade(WHOLE, [incident], None, None, at=AT).evaluation
    assert whole.results[: len(plain.results)] == plain.results
    assert whole.obligations[: len(plain.obligations)] == plain.obligations
    assert set(plain.conflicts) <= set(whole.conflicts)
    assert set(plain.warnings) <= set(whole.warnings)


def ring(size: int) -> Register:
    """States in a row, each of which goes to war with whoever attacks the one before it."""
    documents = [
        f"""format: alliance/1
id: pact-{n}
form: {{kind: treaty}}
visibility: public
parties: [{{ids: [s{n}, s{n + 1}], kind: state, joined: 1900-01-01}}]
articles:
  - art: "1"
    type: collective-response
    trigger: {{incident: [attack.armed, act.war-declaration], attacker: even-a-party}}
    decision: automatic
    duties: [{{who: other parties, owes: victim, do: go to war, modality: must}}]
"""
        for n in range(size)
    ]
    found = load("---\n".join(documents).encode(), "ring.yaml")
    return Register({each.id: each for each in found if isinstance(each, Agreement)})


def test_depth_and_number_are_bounded() -> None:
    found = cascade(
        ring(60), [happened("enemy", "s0", "attack.armed")], None, None, at=date(1914, 8, 1)
    )
    assert max(each.depth for each in found.supposed) <= DEPTH_LIMIT
    assert len(found.supposed) <= INCIDENT_LIMIT


TIED = """format: alliance/1
id: {name}
form: {{kind: treaty}}
visibility: {visibility}
parties: [{{ids: [a, b], kind: state, joined: 1900-01-01}}]
life: {{in_force_when: all ratified, term: {term}{tie}}}
articles:
  - art: "1"
    type: collective-response
    trigger: {{incident: [attack.armed]}}
    decision: automatic
    duties: [{{who: other parties, owes: victim, do: assist, modality: must}}]
"""


def tied(
    name: str, other: str = "", term: str = "90 years", visibility: str = "public"
) -> Agreement:
    tie = f", tied_to: {other}" if other else ""
    (found,) = load(
        TIED.format(name=name, tie=tie, term=term, visibility=visibility).encode(), "tied.yaml"
    )
    assert isinstance(found, Agreement)
    return found


def attacked(on: date) -> Incident:
    facts = Facts(kind="attack.armed", occurred_at=on, acts=(Act(id="x", by="fox", against="a"),))
    return Incident(id="x", versions=(Version(known_at=on, facts=facts),))


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        pytest.param(date(1904, 12, 31), ("met", ""), id="while the other lives"),
        pytest.param(date(1905, 6, 1), ("not-met", "expired"), id="once it has ended"),
    ],
)
@pytest.mark.parametrize("way", ["tied", "tied twice"])
def test_an_instrument_ends_with_the_one_it_is_tied_to(
    way: str, on: date, expected: tuple[str, str]
) -> None:
    between = {"middle": tied("middle", "other")} if way == "tied twice" else {}
    mine = tied("mine", "middle" if between else "other")
    held = Register({"mine": mine, "other": tied("other", term="5 years"), **between})
    found = evaluate(held, [attacked(on)], None, None, at=on)
    assert verdict(found, "1", "mine") == expected
    assert ("tie-ended" in {each.code for each in found.warnings}) is (expected[0] == "not-met")


def test_an_end_that_is_not_known_yet_ends_nothing() -> None:
    end = Event("other", "terminated", None, datetime(1905, 1, 1, tzinfo=UTC))
    held = Register({"mine": tied("mine", "other"), "other": tied("other")}, (end,))
    on = date(1906, 1, 1)
    assert verdict(evaluate(held, [attacked(on)], None, None, at=on), "1", "mine")[0] == "not-met"
    early = attacked(date(1904, 1, 1))
    before = evaluate(held, [early], on, None, at=date(1904, 6, 1))
    assert verdict(before, "1", "mine") == ("met", "")


def test_a_hidden_instrument_counts_as_alive_and_shows_nowhere() -> None:
    on = date(1906, 1, 1)
    hidden = replace(tied("other", term="5 years", visibility="secret"), parties=())
    held = Register({"mine": tied("mine", "other"), "other": hidden})
    whole = evaluate(held, [attacked(on)], None, PartyId("a"), at=on)
    alone = evaluate(Register({"mine": held.agreements["mine"]}), [attacked(on)], None, None, at=on)
    assert verdict(whole, "1", "mine") == ("met", "")
    assert whole == alone


def test_ties_in_a_circle_are_refused_and_never_hang() -> None:
    circle = {name: tied(name, other) for name, other in (("a", "b"), ("b", "c"), ("c", "a"))}
    assert ended_tie(Register(circle), circle["a"], *(datetime(1906, 1, 1, tzinfo=UTC),) * 2) == ""
    require_no_circle({"a": circle["a"], "b": circle["b"]})  # c is not among the files

    with pytest.raises(MalformedError) as refusal:
        require_no_circle(circle)

    assert refusal.value.code == "agreement.tied-in-a-circle"


def test_the_convention_of_1892_ends_with_the_triple_alliance() -> None:
    end = event("triple-alliance-1882", "notice", "italy", "1910-01-01")
    over = Event("triple-alliance-1882", "terminated", None, datetime(1913, 1, 1, tzinfo=UTC))
    for events, expected in (((end,), "met"), ((over,), "not-met")):
        found = evaluate(
            register(*OF_1914, events=events),
            [happened("germany", "russia")],
            None,
            None,
            at=date(1914, 8, 1),
        )
        assert verdict(found, "1", "franco-russian-1892")[0] == expected
