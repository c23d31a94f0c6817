"""Two centuries of treaties, as agreement files: who had promised what to whom."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime

import pytest

from allied.agreement.standing import Register, standing
from allied.agreement.terms import Agreement
from allied.record.ids import PartyId
from allied.response.evaluate import evaluate, prepare
from allied.response.incident import Act, Facts, Incident, Version
from allied.response.moment import end
from tests.history.treaties import PROMISES, register, rows, shared, states_of

YEARS = (1914, 1938, 1960, 1985)
Pledge = tuple[str, str, str]


def alive(on: date) -> Register:
    """The agreements that are in force at the end of a day, with their events."""
    whole = register()
    names = {
        row.file for row in rows() if row.since <= on and (row.until is None or row.until >= on)
    }
    return Register(
        {name: whole.agreements[name] for name in names},
        tuple(event for event in whole.events if event.agreement in names),
    )


def pledges(text: Agreement, bound: Iterable[PartyId]) -> set[Pledge]:
    """(promise, debtor, creditor) under one agreement, among those who are bound."""
    return {
        (clause.art, debtor, creditor)
        for clause in text.articles
        if clause.art in PROMISES
        for debtor in text.bound_by(clause) & set(bound)
        for creditor in bound
        if creditor != debtor
    }


def derived(year: int) -> set[Pledge]:
    """What the agreement files say for a year: at its start, and after each entry in it."""
    found: set[Pledge] = set()
    whole = register()
    by_file: dict[str, set[date]] = {}
    for row in rows():
        if row.alive_in(year):
            by_file.setdefault(row.file, set()).add(max(row.since, date(year, 1, 1)))
    for name, days in by_file.items():
        one = Register(
            {name: whole.agreements[name]}, tuple(e for e in whole.events if e.agreement == name)
        )
        for day in days:
            bound = standing(one, name, end(day)).bound
            found |= pledges(one.agreements[name], bound)
    return found


def joined(year: int) -> set[Pledge]:
    """The same by a plain join of the coded rows: both alive in that year."""
    by_file: dict[str, list[tuple[str, frozenset[str]]]] = {}
    for row in rows():
        if row.alive_in(year):
            by_file.setdefault(row.file, []).append((row.member, row.promises))
    return {
        (promise, debtor, creditor)
        for its in by_file.values()
        for debtor, promises in its
        for promise in promises
        for creditor, _ in its
        if creditor != debtor
    }


def test_there_is_a_file_for_every_treaty() -> None:
    assert len({name.split("-")[1] for name in register().agreements}) == 525
    assert len(rows()) == 1697


@pytest.mark.parametrize("year", YEARS)
def test_the_files_say_what_the_rows_say(year: int) -> None:
    found, expected = derived(year), joined(year)
    # In the year of an exit and an entry the rows join two who were never bound together.
    assert found <= expected
    assert len(found) >= 0.97 * len(expected)


def test_as_many_dyads_of_1960_as_a_join_reaches() -> None:
    # 952 are published; the treaties of the others are not among the coded ones.
    assert len({(debtor, creditor) for _, debtor, creditor in derived(1960)}) == 850


def test_the_dyads_of_1960_agree_with_the_published_ones() -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow reads the dyad-year file")
    table = parquet.read_table(shared() / "alliances" / "atop51_directed_dyad_year.parquet")
    published = {
        (f"s{each['ccode1']}", f"s{each['ccode2']}")
        for each in table.to_pylist()
        if each["year"] == 1960 and any(value == 1 for key, value in each.items() if "atop" in key)
    }
    ours = {(debtor, creditor) for _, debtor, creditor in derived(1960)}
    assert ours <= published
    assert len(ours) >= 850


def attack(state: str, on: date) -> Incident:
    facts = Facts(
        kind="attack.armed",
        occurred_at=on,
        acts=(Act(id="act-1", by="somebody-else", against=state),),
    )
    return Incident(id=f"attack-on-{state}", versions=(Version(known_at=on, facts=facts),))


@pytest.mark.parametrize(
    ("year", "every"),
    [
        pytest.param(1914, 1, id="1914"),
        pytest.param(1938, 1, id="1938"),
        pytest.param(1960, 4, id="1960, every fourth"),
        pytest.param(1985, 5, id="1985, every fifth"),
        pytest.param(1960, 1, id="1960", marks=pytest.mark.soak),
        pytest.param(1985, 1, id="1985", marks=pytest.mark.soak),
    ],
)
def test_an_attack_on_any_state_calls_for_those_who_promised_its_defence(
    year: int, every: int
) -> None:
    on = date(year, 7, 1)
    held = alive(on)
    prepared = prepare(held)
    states = states_of(year)[::every]
    found = evaluate(prepared, [attack(state, on) for state in states], None, None, at=on)

    promised = {
        (debtor, creditor)
        for name, text in held.agreements.items()
        for promise, debtor, creditor in pledges(
            text, standing(held, name, datetime(year, 7, 1, 23, tzinfo=UTC)).bound
        )
        if promise == "defense" and creditor in states
    }
    owed = {(each.debtor, each.creditor) for each in found.obligations if each.act == "defend"}
    assert owed == promised
    assert owed
    for each in found.obligations:
        assert each.explanation
        assert each.debtor != each.creditor
    for result in found.results:
        assert result.explanation
        assert result.outcome in {"met", "not-met", "open"}
        assert result.outcome == "met" or result.reason


def test_nobody_in_1914_owes_a_state_without_a_treaty_anything() -> None:
    on = date(1914, 7, 1)
    found = evaluate(alive(on), [attack("nowhere", on)], None, None, at=on)
    assert found.obligations == ()
    assert {each.reason for each in found.results if each.type == "collective-response"} <= {
        "victim-not-party",
        "kind",
    }
