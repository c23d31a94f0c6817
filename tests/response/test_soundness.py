"""P19: an explanation is enough to come to the same answer, and what would change it does."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given

from allied.agreement.governing import Reservations
from allied.agreement.standing import Event, Register
from allied.agreement.terms import Agreement
from allied.response.evaluate import evaluate
from allied.response.incident import Incident
from allied.response.results import Evaluation, Result
from tests.response.replaying import changed, names_of, only_cited
from tests.response.test_properties import AT, incidents, register

WHOLE = register()


def answers(result: Result) -> list[tuple[str, str]]:
    return [(line.gate, line.answer) for line in result.explanation]


def of_clause(found: Evaluation, result: Result) -> Result:
    return next(
        each
        for each in found.results
        if (each.agreement, each.art, each.incident)
        == (result.agreement, result.art, result.incident)
    )


def owed(found: Evaluation, result: Result) -> set[tuple[str, str]]:
    return {
        (each.key, each.state)
        for each in found.obligations
        if (each.agreement, each.art, each.incident)
        == (result.agreement, result.art, result.incident)
    }


def ask(text: Agreement, incident: Incident, events: tuple[Event, ...]) -> Evaluation:
    """Evaluate under one agreement alone; another one changes nothing about it (P9)."""
    its = tuple(each for each in WHOLE.events if each.agreement == text.id)
    return evaluate(Register({text.id: text}, (*its, *events)), [incident], None, None, at=AT)


@given(incidents(), incidents("other"))
def test_the_cited_facts_and_the_cited_clause_give_the_same_answer(
    one: Incident, other: Incident
) -> None:
    found = evaluate(WHOLE, [one, other], None, None, at=AT)
    for result in found.results:
        text = WHOLE.agreements[result.agreement]
        # Who is bound, and with what reservation, is the register's; everything else is cited.
        alone = replace(
            text,
            articles=tuple(
                each
                for each in text.articles
                if each.art == result.art or isinstance(each, Reservations)
            ),
        )
        names = names_of(result)
        mine, sibling = (one, other) if result.incident == "it" else (other, one)
        bare = only_cited(mine, result.agreement, result.art, names)
        theirs = {name.removeprefix(f"{sibling.id}.") for name in names if sibling.id in name}
        given = [bare]
        if "campaign" in names:
            whole = {
                f"{act.id}.{end}"
                for act in sibling.versions[0].facts.acts
                for end in ("by", "against")
            }
            theirs |= whole if "acts" in theirs else set()
            given.append(
                replace(
                    only_cited(sibling, result.agreement, "", theirs | {"campaign"}),
                    findings=sibling.findings,
                )
            )
        events = tuple(each for each in WHOLE.events if each.agreement == text.id)
        again = evaluate(Register({text.id: alone}, events), given, None, None, at=AT)
        same = of_clause(again, result)
        assert (same.outcome, same.reason, same.missing, same.would_change_if) == (
            result.outcome,
            result.reason,
            result.missing,
            result.would_change_if,
        )
        assert answers(same) == answers(result)
        assert owed(again, result) == owed(found, result)


@given(incidents())
def test_what_would_change_a_result_changes_it(incident: Incident) -> None:
    found = evaluate(WHOLE, [incident], None, None, at=AT)
    for result in found.results:
        text = WHOLE.agreements[result.agreement]
        for way in result.would_change_if:
            other, events = changed(incident, text, result.art, way)
            same = of_clause(ask(text, other, events), result)
            assert (same.outcome, same.reason) != (result.outcome, result.reason), (
                result.agreement, result.art, way,
            )  # fmt: skip


@given(incidents())
def test_what_would_change_a_gate_changes_its_answer(incident: Incident) -> None:
    found = evaluate(WHOLE, [incident], None, None, at=AT)
    for result in found.results:
        text = WHOLE.agreements[result.agreement]
        for act in result.acts:
            for place, line in enumerate(act.gates):
                for way in line.would_change_if:
                    other, events = changed(incident, text, result.art, way)
                    its = next(
                        each
                        for each in of_clause(ask(text, other, events), result).acts
                        if each.act == act.act
                    )
                    assert its.gates[place].answer != line.answer, (
                        result.agreement,
                        line.because,
                        way,
                    )
