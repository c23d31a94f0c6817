"""Who acts on amendments, reviews, reports, secrecy and preparedness is said as it is.

Each field is set to one value and to another; what the versions, the agenda or a viewpoint answer
differs, and the declaration says who acts on it. What is shown only changes no answer.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from allied.agreement import clauses as c
from allied.agreement.agenda import agenda
from allied.agreement.events import Event, Register
from allied.agreement.fields import LIFE, RESPONSE, SHOWN, declared
from allied.agreement.frame import AnnexAmendment
from allied.agreement.parts import Target
from allied.agreement.terms import Agreement, load
from allied.agreement.versions import versions
from allied.record.ids import PartyId
from allied.response.evaluate import evaluate
from allied.response.incident_file import load_incidents

TEXT = """\
format: alliance/1
id: {id}
form: {{kind: contract}}
visibility: {visibility}
parties: [{{ids: [a, b, c]}}]
annexes: [{{id: fees, text: {fees}, amendment: {{rule: {{kind: unanimity}}{annex}}}}}]
articles:
  - {{art: "5", type: collective-response, trigger: {{severity: at least low}},
     duties: [{{do: assist, modality: must}}]}}
  - {{art: "9", type: {type}{more}}}
"""
INCIDENT = b"""\
format: incident/1
id: one
title: An attack
versions:
  - known_at: 2026-05-01
    asserted_by: a
    facts:
      kind: attack.cyber
      occurred_at: 2026-05-01
      severity: severe
      acts: [{by: outsider, against: a, target: systems}]
"""
AT = datetime(2026, 6, 1, tzinfo=UTC)


def text(
    type_: str = "statement",
    more: str = "",
    name: str = "pact",
    annex: str = "",
    fees: str = "one",
    visibility: str = "parties",
) -> Agreement:
    raw = TEXT.format(
        id=name, type=type_, annex=annex, fees=fees, visibility=visibility,
        more=f", {more}" if more else "",
    )  # fmt: skip
    (value,) = load(raw.encode(), name)
    assert isinstance(value, Agreement)
    return value


def happened(what: str, on: str, party: str = "", **more: Any) -> Event:
    at = datetime.fromisoformat(on).replace(tzinfo=UTC)
    return Event("pact", what, PartyId(party) if party else None, at, **more)


EVENTS = (
    *(happened("signed", "2020-01-01", each) for each in "abc"),
    happened("requested", "2026-03-01", "b", art="9"),
    happened("amended", "2026-04-01", version="next"),
    happened("signed", "2026-04-02", "a", version="next"),
    happened("objected", "2026-04-03", "c", version="next"),
)


def answer(held: Agreement, after: Agreement | None = None) -> Any:
    """What the agenda, the texts and a stranger's view of the agreement say."""
    texts = {"pact": held, "next": after or text(name="next")}
    register = Register(texts, EVENTS)
    found = versions(register, "pact", AT)
    under = {party: found.of(party).version for party in found.standing.bound}
    dues = [
        (each.at, each.kind, each.who, each.overdue)
        for each in agenda(Register({"pact": held}, EVENTS), "pact", AT)
    ]
    seen = evaluate(
        Register({"pact": held}, EVENTS[:4]),
        load_incidents(INCIDENT, "incident"),
        None,
        PartyId("stranger"),
        at=date(2026, 6, 1),
    )
    return under, found.standing.parties, dues, bool(seen.results)


def field(declaration: type[Any], name: str) -> Any:
    return next(each for each in declared(declaration) if each.key == name).field


ACTED_ON: dict[str, tuple[type[Any], str, str, str, str, str]] = {
    "amendment entry": (
        c.Amendment, "in_force", "amendment", "in_force: all-ratify",
        "in_force: steward-notice 10 days", LIFE,
    ),
    "amendment share": (
        c.Amendment, "in_force", "amendment", "in_force: fraction-binds-all 2/3",
        "in_force: fraction-binds-all 1/3", LIFE,
    ),
    "objectors bound": (
        c.Amendment, "objectors", "amendment", "in_force: steward-notice 10 days",
        "in_force: steward-notice 10 days, objectors: bound", LIFE,
    ),
    "objectors leave": (
        c.Amendment, "objectors", "amendment", "in_force: steward-notice 10 days",
        "in_force: steward-notice 10 days, objectors: leave", LIFE,
    ),
    "review not before": (c.Review, "not_before", "review", "", "not_before: 9 years", LIFE),
    "review on request": (
        c.Review, "on_request_of", "review", "on_request_of: a", "on_request_of: b", LIFE,
    ),
    "review every": (c.Review, "every", "review", "", "every: 9 years", LIFE),
    "report every": (c.Reporting, "every", "reporting", "", "every: 1 year", LIFE),
    "report within": (
        c.Reporting, "within", "reporting", "every: 1 year", "every: 1 year, within: 1 month", LIFE,
    ),
    "existence": (c.Secrecy, "existence", "secrecy", "", "existence: yes", RESPONSE),
    "declassified": (
        c.Secrecy, "declassify_after", "secrecy", "existence: yes",
        "existence: yes, declassify_after: 5 years", RESPONSE,
    ),
    "self-report": (
        c.Preparedness, "self_report", "preparedness", "", "self_report: 9 years", LIFE,
    ),
    "peer review": (
        c.Preparedness, "peer_review", "preparedness", "", "peer_review: 9 years", LIFE,
    ),
    "exercises": (c.Preparedness, "exercises", "preparedness", "", "exercises: 9 years", LIFE),
    "target": (
        c.Preparedness, "target", "preparedness", "", "target: [{metric: x, by: 2027-01-01}]", LIFE,
    ),
    "target day": (
        Target, "by", "preparedness", "target: [{metric: x, by: 2027-01-01}]",
        "target: [{metric: x, by: 2026-01-01}]", LIFE,
    ),
}  # fmt: skip

INERT = {
    "report to": (
        c.Reporting, "to", "reporting", "every: 1 year", "every: 1 year, to: [the press]",
    ),
    "level": (c.Secrecy, "level", "secrecy", "", "level: top"),
    "target value": (
        Target, "value", "preparedness", "target: [{metric: x, by: 2027-01-01}]",
        "target: [{metric: x, by: 2027-01-01, value: 9 of 10}]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ACTED_ON)
def test_what_is_said_to_be_enforced_is(name: str) -> None:
    declaration, key, type_, before, after, by = ACTED_ON[name]
    visibility = "public" if type_ == "secrecy" else "parties"

    assert answer(text(type_, before, visibility=visibility)) != answer(
        text(type_, after, visibility=visibility)
    )
    assert field(declaration, key).by == by


@pytest.mark.parametrize("name", INERT)
def test_what_is_shown_only_changes_no_answer(name: str) -> None:
    declaration, key, type_, before, after = INERT[name]

    assert answer(text(type_, before)) == answer(text(type_, after))
    assert field(declaration, key).by == SHOWN


def test_the_entry_of_an_annex_is_enforced() -> None:
    rule = ", in_force: steward-notice 1 year"

    def under(annex: str) -> Any:
        return answer(text(annex=annex), text(name="next", annex=annex, fees="two"))[0]

    assert set(under("").values()) == {"next"}
    assert set(under(rule).values()) == {"pact"}
    assert field(AnnexAmendment, "in_force").by == LIFE


@pytest.mark.parametrize(
    ("visibility", "more", "seen"),
    [
        pytest.param("public", "", True, id="public"),
        pytest.param("parties", "", False, id="known to its parties"),
        pytest.param("public", "existence: yes", False, id="of secret existence"),
        pytest.param("secret", "declassify_after: 5 years", True, id="once it has become open"),
        pytest.param("secret", "declassify_after: 7 years", False, id="and not before"),
        pytest.param("secret", "existence: yes", False, id="or never"),
    ],
)
def test_whom_secrecy_keeps_out(visibility: str, more: str, seen: bool) -> None:
    assert answer(text("secrecy", more, visibility=visibility))[3] is seen
