"""An evaluation asks the text that counted, and knows which articles are suspended."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from allied.agreement.events import Event, Register
from allied.agreement.terms import Agreement, load
from allied.agreement.versions import versions
from allied.record.ids import PartyId
from allied.response.calling import callable_now, entitlement
from allied.response.cascade import cascade
from allied.response.evaluate import evaluate, prepare
from allied.response.incident import Incident, Invocation
from allied.response.incident_file import load_incidents
from allied.response.results import Evaluation
from allied.response.ties import ended_tie

PACT = """\
format: alliance/1
id: {id}
form: {{kind: contract}}
{top}
parties: [{{ids: [{parties}]}}]
life: {{in_force_when: all ratified}}
bodies: {{council: {{members: [a]}}}}
articles:
  - art: "5"
    type: collective-response
    trigger: {{severity: at least {severity}}}
    duties: [{{do: {do}, modality: must, owes: {owes}}}]{more}
  - {{art: "9", type: amendment, in_force: steward-notice 45 days, objectors: keep-old}}
"""
ATTACK = """\
format: incident/1
id: one
title: An attack
versions:
  - known_at: {on}
    asserted_by: a
    facts:
      kind: attack.cyber
      occurred_at: {on}
      severity: severe
      acts: [{{by: {by}, against: {against}, target: systems}}]
"""
FAR = datetime(2030, 1, 1, tzinfo=UTC)


def pact(
    name: str = "pact",
    do: str = "send help",
    parties: str = "a, b, c",
    severity: str = "high",
    owes: str = "victim",
    more: str = "",
    top: str = "",
) -> Agreement:
    raw = PACT.format(
        id=name, do=do, parties=parties, severity=severity, owes=owes, more=more, top=top
    )
    (value,) = load(raw.encode(), name)
    assert isinstance(value, Agreement)
    return value


def attack(on: str, against: str = "a", by: str = "outsider") -> Incident:
    (found,) = load_incidents(ATTACK.format(on=on, against=against, by=by).encode(), "attack")
    return found


def event(said: str, **more: Any) -> Event:
    """`2020-01-01 ratified a`, with `@version` behind it for an amended text."""
    at, what, *rest = said.split()
    version = next((each[1:] for each in rest if each.startswith("@")), "")
    party = next((PartyId(each) for each in rest if not each.startswith("@")), None)
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    return Event("pact", what, party, moment, version=version, **more)


ENTRY = ["2020-01-01 ratified a", "2020-01-01 ratified b", "2020-01-01 ratified c"]
AMENDED = "2021-01-01 amended @pact-2"
BOTH = (pact(), pact("pact-2", "send help and pay"))


def register(said: list[str], *texts: Agreement) -> Register:
    return Register({each.id: each for each in texts}, tuple(map(event, [*ENTRY, *said])))


def ask(held: Register, incident: Incident, viewpoint: str | None = None) -> Evaluation:
    return evaluate(held, [incident], None, PartyId(viewpoint) if viewpoint else None, at=FAR)


def owed(found: Evaluation) -> set[tuple[str, str, str]]:
    """Debtor, creditor, and the text by which it is owed."""
    return {(each.debtor, each.creditor, each.version or "pact") for each in found.obligations}


@pytest.mark.parametrize(
    ("on", "version"),
    [
        pytest.param("2021-02-14", "", id="before the notice has run the old text"),
        pytest.param("2021-02-15", "pact-2", id="from then on the new one"),
    ],
)
def test_the_text_of_the_day_of_the_law_is_asked(on: str, version: str) -> None:
    found = ask(register([AMENDED], *BOTH), attack(on))

    assert [(each.agreement, each.version, each.outcome) for each in found.results] == [
        ("pact", version, "met")
    ]
    assert owed(found) == {("b", "a", version or "pact"), ("c", "a", version or "pact")}
    assert {each.act for each in found.obligations} == {
        "send help and pay" if version else "send help"
    }
    cited = {line.clause for each in found.results for line in each.explanation}
    assert cited == {f"{version or 'pact'} Art 5"}
    shown = found.results[0].to_json()
    assert shown.get("version") == (version or None)
    assert ("version" in shown) == bool(version)


def test_a_text_that_is_not_known_yet_is_not_asked() -> None:
    held = register([AMENDED], *BOTH)
    incident = attack("2021-06-01")
    then = evaluate(held, [incident], None, None, at=datetime(2020, 12, 31, tzinfo=UTC))
    earlier = evaluate(
        held, [attack("2020-12-01")], None, None, at=datetime(2020, 12, 31, tzinfo=UTC)
    )

    assert then.results == ()
    assert [each.version for each in earlier.results] == [""]


def test_between_two_parties_the_newest_text_that_reached_both_decides() -> None:
    said = [AMENDED, "2021-02-01 objected c @pact-2"]
    new = attack("2021-06-01", "a")
    old = attack("2021-06-01", "c")

    assert owed(ask(register(said, *BOTH), new)) == {("b", "a", "pact-2"), ("c", "a", "pact")}
    assert owed(ask(register(said, *BOTH), old)) == {("a", "c", "pact"), ("b", "c", "pact")}
    assert owed(ask(register([AMENDED], *BOTH), old)) == {
        ("a", "c", "pact-2"), ("b", "c", "pact-2"),
    }  # fmt: skip
    keys = [each.key for each in ask(register(said, *BOTH), new).obligations]
    assert len(keys) == len(set(keys)) == 2


def test_one_who_kept_the_old_text_is_no_outsider_to_the_new_one() -> None:
    said = [AMENDED, "2021-02-01 objected c @pact-2"]
    inside = ask(register(said, *BOTH), attack("2021-06-01", "a", by="c"))
    outside = ask(register(said, *BOTH), attack("2021-06-01", "a", by="outsider"))

    assert {each.reason for each in inside.results} == {"intra-party"}
    assert inside.obligations == ()
    assert {each.outcome for each in outside.results} == {"met"}


def test_what_is_owed_to_the_group_is_owed_to_those_of_the_text() -> None:
    texts = pact(owes="the group"), pact("pact-2", "send help and pay", owes="the group")
    said = [AMENDED, "2021-02-01 objected c @pact-2"]
    found = ask(register(said, *texts), attack("2021-06-01", "a"))

    assert {(e.debtor, e.version, e.creditors) for e in found.obligations} == {
        ("b", "pact-2", ("a",)),
        ("b", "", ("c",)),
        ("c", "", ("a", "b")),
    }


def test_a_party_that_joined_with_an_amended_text_is_helped_by_it() -> None:
    texts = pact(), pact("pact-2", "send help and pay", "a, b, c, d")
    said = [AMENDED, "2021-01-20 ratified d @pact-2"]

    assert owed(ask(register(said, *texts), attack("2021-06-01", "d"))) == {
        (each, "d", "pact-2") for each in "abc"
    }
    assert owed(ask(register(said, *texts), attack("2021-02-14", "d"))) == set()
    assert ask(register(said, *texts), attack("2021-06-01", "d"), "d").results
    assert not ask(register([], texts[0]), attack("2021-06-01", "d"), "d").results


def test_the_file_of_an_amended_text_is_no_agreement_of_its_own() -> None:
    held = register([AMENDED], *BOTH)
    alone = register([], *BOTH)
    incident = attack("2021-06-01")

    assert {each.agreement for each in ask(held, incident).results} == {"pact"}
    assert {each.agreement for each in ask(alone, incident).results} == {"pact", "pact-2"}


def test_precedence_is_that_of_the_text_that_counted() -> None:
    other = replace(pact("rival", parties="a, b, x"), id="rival")
    texts = (*BOTH[:1], replace(BOTH[1], prevails_over=("rival",)), other)
    events = (
        *map(event, [*ENTRY, AMENDED]),
        *(
            Event("rival", "ratified", PartyId(each), datetime(2020, 1, 1, tzinfo=UTC))
            for each in "abx"
        ),
    )
    held = Register({each.id: each for each in texts}, events)
    both = ATTACK.format(on="2021-06-01", by="x", against="c").replace(
        "acts: [", "acts: [{by: c, against: x, target: systems}, "
    )
    before = both.replace("2021-06-01", "2021-02-01")

    def prevailing(text: str) -> set[str]:
        conflicts = ask(held, load_incidents(text.encode(), "both")[0]).conflicts
        assert conflicts
        return {each.prevails for each in conflicts}

    assert prevailing(both) == {"pact"}
    assert prevailing(before) == {""}


def test_a_call_is_judged_by_the_text_of_the_caller() -> None:
    texts = pact(), pact("pact-2", more="\n    invoked_by: victim")
    said = [AMENDED, "2021-02-01 objected c @pact-2"]
    prepared = prepare(register(said, *texts))
    incident = attack("2021-06-01")
    at = datetime(2021, 6, 2, tzinfo=UTC)

    def code(by: str) -> str:
        return entitlement(
            prepared, incident, Invocation(agreement="pact", art="5", by=by, at=at)
        ).code

    assert code("a") == ""
    assert code("b") == "wrong-caller"
    assert code("c") == "not-callable"
    assert callable_now(prepared, "pact", incident, "a", at) == ("5",)
    assert callable_now(prepared, "pact", incident, "c", at) == ()


def test_a_cascade_asks_the_same_texts() -> None:
    texts = pact(), pact("pact-2", "go to war")
    found = cascade(register([AMENDED], *texts), [attack("2021-06-01")], None, None, at=FAR)

    assert found.supposed
    assert {each.version for each in found.evaluation.results} == {"pact-2"}


def test_an_instrument_tied_to_an_amended_one_lives_as_long_as_its_newest_text() -> None:
    short = replace(BOTH[0], life=replace(BOTH[0].life, term=load_term("2 years")))
    tied = replace(pact("tied"), life=replace(BOTH[0].life, tied_to="pact"))
    held = register([AMENDED], short, BOTH[1], tied)
    at = datetime(2023, 1, 1, tzinfo=UTC)

    assert ended_tie(held, tied, at, at) == ""
    assert ended_tie(register([], short, tied), tied, at, at) == "pact"


def load_term(text: str) -> Any:
    from allied.agreement.values import Duration

    return Duration.parse(text)


@pytest.mark.parametrize(
    ("said", "outcome", "debtors"),
    [
        pytest.param([], "met", {"b", "c"}, id="nothing suspended"),
        pytest.param([("suspended", "")], "not-met", set(), id="for everybody"),
        pytest.param([("suspended", "b")], "met", {"c"}, id="for one debtor"),
        pytest.param([("suspended", ""), ("resumed", "")], "met", {"b", "c"}, id="and resumed"),
        pytest.param([("suspended", "b"), ("resumed", "b")], "met", {"b", "c"}, id="for one"),
    ],
)
def test_a_suspended_article_obliges_nobody(
    said: list[tuple[str, str]], outcome: str, debtors: set[str]
) -> None:
    events = [
        event(f"2021-0{number}-01 {what} {party}".strip(), art="5")
        for number, (what, party) in enumerate(said, 1)
    ]
    held = register([], pact())
    held = Register(held.agreements, (*held.events, *events))
    found = ask(held, attack("2021-06-01"))
    (result,) = found.results

    assert (result.outcome, {each.debtor for each in found.obligations}) == (outcome, debtors)
    if outcome == "not-met":
        assert result.reason == "not-in-force"
        assert result.explanation[0].because == "pact Art 5 is suspended since 2021-01-01"
    assert ("clause-suspended" in {note.code for note in result.notes}) == (debtors == {"c"})
    before = ask(held, attack("2020-06-01"))
    assert {each.debtor for each in before.obligations} == {"b", "c"}


def test_while_the_whole_agreement_is_suspended_nothing_is_owed() -> None:
    held = register(["2021-01-01 suspended", "2021-07-01 resumed"], pact())

    (result,) = ask(held, attack("2021-06-01")).results
    assert (result.outcome, result.reason) == ("not-met", "not-in-force")
    assert ask(held, attack("2021-08-01")).obligations


def test_a_body_in_which_nobody_takes_part_neither_calls_nor_finds() -> None:
    partial = '\n  - {art: "8", type: membership, partial: yes}'
    text = pact(more=f"\n    invoked_by: body{partial}")
    call = 'invocations: [{agreement: pact, art: "5", by: council, at: 2021-06-02}]\n'
    raw = ATTACK.format(on="2021-06-01", by="outsider", against="b") + call
    (incident,) = load_incidents(raw.encode(), "called")
    held = register([], text)
    left = Event("pact", "left", PartyId("a"), datetime(2021, 1, 1, tzinfo=UTC), body="council")

    assert ask(held, incident).results[0].outcome == "met"
    (result,) = ask(Register(held.agreements, (*held.events, left)), incident).results
    assert (result.outcome, result.reason) == ("not-met", "wrong-caller")


DAY = datetime(2021, 3, 1, tzinfo=UTC)
LATER = st.builds(
    lambda what, party, days, version: Event(
        "pact",
        what,
        None if what == "amended" else PartyId(party),
        DAY + timedelta(days=days),
        version=version,
    ),
    st.sampled_from(["amended", "ratified", "objected", "signed"]),
    st.sampled_from("abcd"),
    st.integers(1, 400),
    st.sampled_from(["pact-2", "pact-3"]),
)
BEFORE = st.lists(
    st.sampled_from([AMENDED, "2021-01-09 objected c @pact-2", "2021-01-20 ratified d @pact-2"]),
    unique=True,
)


@given(BEFORE, st.lists(LATER, max_size=8), st.sampled_from("abcd"), st.randoms())
def test_p12_an_amendment_afterwards_changes_no_coverage(
    said: list[str], later: list[Event], victim: str, chance: random.Random
) -> None:
    texts = [
        *BOTH[:1],
        pact("pact-2", "send help and pay", "a, b, c, d"),
        pact("pact-3", "talk", "a, b", severity="emergency"),
    ]
    amended = {each.split("@")[1] for each in said if "amended" in each}
    known = register(said, *(t for t in texts if t.id == "pact" or t.id in amended))
    events = [*known.events, *later]
    chance.shuffle(events)
    whole = Register({each.id: each for each in texts}, tuple(events))
    if not any(each.event == "amended" and each.version == "pact-3" for each in events):
        whole = Register({t.id: t for t in texts if t.id != "pact-3"}, tuple(events))
    if not any(each.event == "amended" and each.version == "pact-2" for each in events):
        whole = Register(
            {name: t for name, t in whole.agreements.items() if name != "pact-2"}, tuple(events)
        )
    incident = attack("2021-03-01", victim)

    assert ask(whole, incident).to_json() == ask(known, incident).to_json()


@pytest.mark.parametrize(
    ("role", "debtors"),
    [
        pytest.param("", {"b", "c"}, id="as the text has it"),
        pytest.param("observer", {"c"}, id="changed before it occurred"),
    ],
)
def test_who_owes_depends_on_the_role_of_the_day(role: str, debtors: set[str]) -> None:
    held = register([], pact())
    changed = [event("2021-01-01 changed b", role=role)] if role else []
    held = Register(held.agreements, (*held.events, *changed))

    assert {e.debtor for e in ask(held, attack("2021-06-01")).obligations} == debtors
    assert {e.debtor for e in ask(held, attack("2020-06-01")).obligations} == {"b", "c"}


def test_a_reservation_counts_where_the_text_allows_any() -> None:
    reserved = event("2021-01-01 reservation b", art="5", effect="exclude")

    def debtors(allowed: str) -> set[str]:
        text = pact(more=f"\n  - {{art: '8', type: reservations, allowed: {allowed}}}")
        held = register([], text)
        held = Register(held.agreements, (*held.events, reserved))
        return {each.debtor for each in ask(held, attack("2021-06-01")).obligations}

    assert debtors("yes") == {"c"}
    assert debtors("no") == {"b", "c"}


@given(BEFORE, st.lists(LATER, max_size=6), st.sampled_from("abcd"), st.sampled_from("abcdx"))
def test_every_debt_goes_by_the_text_that_reached_both(
    said: list[str], later: list[Event], victim: str, viewpoint: str
) -> None:
    texts = [
        BOTH[0],
        pact("pact-2", "send help and pay", "a, b, c, d"),
        pact("pact-3", "talk", "a, b"),
    ]
    held = register(said, *texts)
    events = (*held.events, *later)
    named = {each.version for each in events if each.event == "amended"}
    held = Register({t.id: t for t in texts if t.id == "pact" or t.id in named}, events)
    at = DAY + timedelta(days=200)
    incident = attack(at.date().isoformat(), victim)
    found = ask(held, incident)
    stands = versions(held, "pact", at + timedelta(hours=23))

    for each in found.obligations:
        between = stands.between(each.debtor, each.creditor)
        assert between is not None
        assert (each.version or "pact") == between.version
        assert {each.debtor, each.creditor} <= stands.standing.bound
    pairs = [(each.debtor, each.creditor) for each in found.obligations]
    assert len(pairs) == len(set(pairs))
    seen = ask(held, incident, viewpoint)
    assert {each.key for each in seen.obligations} in (
        {each.key for each in found.obligations},
        set(),
    )
