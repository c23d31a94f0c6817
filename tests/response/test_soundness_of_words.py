"""P19 for rescues, conditions in words, roles by impact and flagged articles.

As in `test_soundness`: with nothing but the cited facts the answer is the same, and what is said
to change it does.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from hypothesis import given, strategies as st

from allied.agreement.events import FLAGGED, Event, Register
from allied.agreement.terms import Agreement, load
from allied.agreement.values import Severity, Table
from allied.record.ids import PartyId
from allied.response.evaluate import evaluate
from allied.response.incident import Act, Facts, Incident, Invocation, Version, named
from allied.response.rescue import Added, Rescue
from allied.response.results import Evaluation, Result
from tests.response.replaying import changed, names_of, only_cited

TEXT = """
format: alliance/1
id: pact
form: {kind: contract}
parties:
  - {ids: [ash, birch], joined: 2020-01-01}
  - {id: cedar, joined: 2020-01-01, role: {role: member, when: impact high, else: observer}}
scopes:
  estate: {systems: ["domain:ash.example", "account:vault"], growth: existing}
bodies: {board: {rule: {kind: consensus}}}
articles:
  - {art: "1", type: restraint, kind: safe-harbour, binds: ash, scope: estate,
     beneficiary: anyone, conditions: [only saving], phase: [active], while: the fund is open,
     must_return_to: the vault, notify_within: 6 hours, dispute_within: 15 days}
  - {art: "2", type: restraint, kind: safe-harbour, frozen_at_start: no}
  - {art: "3", type: restraint, kind: non-aggression, while: talks last, phase: active}
  - {art: "4", type: collective-response, trigger: {incident: attack}, invoked_by: victim,
     duties: [{do: help, modality: must}]}
  - {art: "5", type: collective-response, trigger: {incident: attack, scope: estate},
     duties: [{do: help, modality: must}]}
  - {art: "6", type: consultation, caller: any-member}
"""
AT = date(2026, 6, 1)
DAY = date(2026, 5, 1)


def pact() -> Agreement:
    (value,) = load(TEXT.encode(), "pact")
    assert isinstance(value, Agreement)
    return value


PACT = pact()
ENDED = Event("pact", "terminated", None, datetime(2026, 5, 20, tzinfo=UTC))
FLAG = Event("pact", FLAGGED, None, datetime(2026, 5, 2, tzinfo=UTC), art="5")


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


ANYBODY = st.sampled_from(["ash", "birch", "cedar", "moth"])
SYSTEMS = maybe(
    st.sampled_from(
        [(), ("account:vault",), ("domain:a.ash.example",), ("account:vault", "account:child")]
    )
)


def stated(*words: str) -> st.SearchStrategy[Any]:
    return maybe(st.dictionaries(st.sampled_from(words), st.booleans()).map(Table))


def rescue(name: str) -> st.SearchStrategy[Rescue]:
    return st.builds(
        Rescue,
        id=st.just(name),
        by=maybe(ANYBODY),
        owner=maybe(ANYBODY),
        systems=SYSTEMS,
        phase=maybe(st.sampled_from(["active", "past"])),
        conditions=stated("only saving"),
        started_at=maybe(st.sampled_from([date(2019, 5, 1), DAY, date(2026, 5, 25)])),
        ended_at=maybe(st.just(date(2026, 5, 26))),
        notified_at=maybe(st.sampled_from([date(2026, 5, 2), date(2026, 5, 30)])),
        returned_to=maybe(st.just("elsewhere")),
    )


acts = st.builds(Act, by=maybe(ANYBODY), against=maybe(ANYBODY), systems=SYSTEMS).filter(
    lambda act: act.by is None or act.by != act.against
)
added = maybe(
    st.lists(
        st.builds(
            Added,
            system=st.sampled_from(["domain:a.ash.example", "account:child"]),
            at=maybe(st.sampled_from([date(2019, 1, 1), date(2026, 4, 1)])),
            below=maybe(st.just("account:vault")),
        ),
        max_size=2,
    ).map(tuple)
)


@st.composite
def incidents(draw: st.DrawFn) -> Incident:
    facts = Facts(
        kind=draw(maybe(st.sampled_from(["attack.cyber", "disaster.natural"]))),
        occurred_at=DAY,
        severity=draw(maybe(st.sampled_from([Severity.parse("low"), Severity.parse("severe")]))),
        phase=draw(maybe(st.sampled_from(["active", "past"]))),
        conditions=draw(stated("talks last", "the fund is open", "only saving")),
        systems_added=draw(added),
        rescues=tuple(
            draw(rescue(name)) for name in draw(st.sampled_from([(), ("one",), ("one", "two")]))
        ),
        acts=named(draw(st.lists(acts, max_size=2))),
    )
    called = draw(st.lists(st.tuples(st.sampled_from(["4", "6"]), ANYBODY), max_size=2))
    return Incident(
        id="it",
        versions=(Version(known_at=DAY, facts=facts, asserted_by="ash"),),
        invocations=tuple(
            Invocation(agreement="pact", art=art, by=by, at=DAY) for art, by in called
        ),
    )


EVENTS = st.sampled_from([(), (ENDED,), (FLAG,), (ENDED, FLAG)])


def hold(text: Agreement, incident: Incident, *events: Event) -> Evaluation:
    return evaluate(Register({"pact": text}, events), [incident], None, None, at=AT)


def of(found: Evaluation, art: str) -> Result:
    return next(each for each in found.results if each.art == art)


@given(incidents(), EVENTS)
def test_the_cited_facts_and_the_cited_clause_give_the_same_answer(
    incident: Incident, events: tuple[Event, ...]
) -> None:
    found = hold(PACT, incident, *events)
    for result in found.results:
        alone = replace(PACT, articles=tuple(e for e in PACT.articles if e.art == result.art))
        bare = only_cited(incident, "pact", result.art, names_of(result))
        same = of(hold(alone, bare, *events), result.art)
        assert (same.outcome, same.reason, same.missing, same.would_change_if) == (
            result.outcome,
            result.reason,
            result.missing,
            result.would_change_if,
        )
        assert [(e.gate, e.answer) for e in same.explanation] == [
            (e.gate, e.answer) for e in result.explanation
        ]


@given(incidents(), EVENTS)
def test_what_would_change_a_result_changes_it(
    incident: Incident, events: tuple[Event, ...]
) -> None:
    found = hold(PACT, incident, *events)
    for result in found.results:
        for way in result.would_change_if:
            other, more = changed(incident, PACT, result.art, way)
            same = of(hold(PACT, other, *events, *more), result.art)
            assert (same.outcome, same.reason) != (result.outcome, result.reason), (
                result.art, result.outcome, result.reason, way,
            )  # fmt: skip


@given(incidents(), EVENTS)
def test_what_would_change_a_rescue_changes_it(
    incident: Incident, events: tuple[Event, ...]
) -> None:
    for art in ("1", "2"):
        for act in of(hold(PACT, incident, *events), art).acts:
            for place, line in enumerate(act.gates):
                for way in line.would_change_if:
                    other, more = changed(incident, PACT, art, way)
                    again = of(hold(PACT, other, *events, *more), art)
                    its = next(each for each in again.acts if each.act == act.act)
                    assert its.gates[place].answer != line.answer, (art, line.because, way)


@given(incidents())
def test_a_debtor_is_bound_or_rescued_and_nobody_owes_itself(incident: Incident) -> None:
    rescuers = {each.by for each in incident.versions[0].facts.rescues}
    for each in hold(PACT, incident).obligations:
        assert each.debtor in {*PACT.party_ids, *rescuers}
        assert each.debtor != each.creditor
        if each.art in {"1", "2"} and each.duty == 0:
            assert PartyId(each.debtor) in PACT.party_ids
