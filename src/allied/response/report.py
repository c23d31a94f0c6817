"""The record of one incident, as a document that stands up afterwards.

What happened and who stated it, what each clause says and why, who called, who owed what to
whom, what was done about it when, and what is overdue or may be a breach. For auditors and
lawyers, who read and do not click.

Rules that hold everywhere below. Nothing is decided here, and nothing is left out because it
is inconvenient: statements without effect, contested facts and possible breaches are in.
Times are UTC. Ids are cut to twelve digits, which name a record within an agreement. Blobs
(narrative, evidence) are named by their digest; their content is not repeated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from allied.agreement.terms import Agreement
from allied.response.document import Block, Items, Paragraph, Section, Table
from allied.response.fold import CaseFile, Ignored, stated_facts
from allied.response.moment import moment_text
from allied.response.obligation import ObligationState, Step
from allied.response.overdue import standing, time_line
from allied.response.results import Line, Result, instant

SHORT = 12

_OUTCOMES = {
    "met": "applies",
    "open": "could be called",
    "provisional": "called provisionally",
    "undetermined": "cannot be said yet",
    "not-met": "does not apply",
}
_STEPS = {
    "opened": "came into being",
    "received": "was received",
    "suspended": "was suspended",
    "resumed": "is owed again",
    "lapsed": "fell away",
    "acknowledge": "acknowledged",
    "accept": "accepted",
    "decline": "declined",
    "excuse": "claimed an excuse",
    "perform": "performed",
    "verify": "verified",
    "waive": "waived",
    "confirm-excuse": "confirmed the excuse",
    "refuse-excuse": "refused the excuse",
    "overdue-answer": "no answer by the deadline",
    "overdue": "not performed by the deadline",
}


def incident_report(
    case: CaseFile,
    agreement: Agreement,
    at: datetime,
    *,
    ignored: Iterable[Ignored] = (),
    titles: Mapping[str, str] | None = None,
) -> Section:
    """Write the record of one incident as it stands at `at`.

    Args:
        agreement: for the names of the parties.
        at: an aware instant, for what is overdue.
        ignored: statements without effect that are to be shown.
        titles: by the digest of its blob, the title of the incident where it is at hand.
    """
    names: dict[str, str] = {party.id: party.name or party.id for party in agreement.parties}
    title = (titles or {}).get(case.title, "") or case.alias or case.id[:SHORT]
    return Section(
        title=f"Incident {title}",
        blocks=(
            Table(
                ("", ""),
                (
                    ("Agreement", agreement.title or agreement.id),
                    ("Reported by", _name(names, case.reported_by)),
                    ("Reported at", _time(case.reported_at)),
                    ("Record", case.id[:SHORT]),
                    ("As of", _time(at)),
                ),
            ),
            Paragraph(_summary(case, at)),
        ),
        sections=tuple(
            section
            for section in (
                _facts(case, names),
                _calls(case, names),
                _clauses(case),
                _obligations(case, names, at),
                _further(case),
                _without_effect(ignored, names),
            )
            if section.blocks or section.sections
        ),
    )


def _name(names: Mapping[str, str], party: str) -> str:
    name = names.get(party, party)
    return f"{name} ({party})" if name != party else party


def _time(at: datetime | None) -> str:
    return instant(at) or "not set"


def _summary(case: CaseFile, at: datetime) -> str:
    standings = [standing(each, at) for each in case.obligations]
    overdue = sum(each.overdue for each in standings)
    breaches = sum(each.possible_breach for each in standings)
    done = sum(each.label == "discharged" for each in standings)
    calls = sum(call.effective for call in case.calls)
    return (
        f"Calls with effect: {calls}. Obligations: {len(standings)},"
        f" of which discharged: {done}, overdue: {overdue}, possible breaches: {breaches}."
    )


def _facts(case: CaseFile, names: Mapping[str, str]) -> Section:
    rows = []
    for stated in case.stated:
        who = _name(names, stated.party)
        known = moment_text(stated.version.known_at)
        for name, value in stated_facts(stated.version.facts):
            rows.append((name, value, who, known, stated.record[:SHORT]))
    blocks: list[Block] = [
        Table(("Fact", "Value", "Stated by", "Known since", "Record"), tuple(rows))
    ]
    if case.narrative:
        blocks.append(Paragraph(f"Narrative: {case.narrative[:SHORT]} (kept apart)."))
    if case.contested:
        blocks.append(
            Paragraph("Parties state different things; the latest is what was evaluated:")
        )
        blocks.append(
            Items(
                tuple(
                    f"{each.field}: "
                    + "; ".join(f"{_name(names, p)} says {v}" for p, v in each.values.items())
                    for each in case.contested
                )
            )
        )
    return Section("What happened", tuple(blocks) if rows else ())


def _calls(case: CaseFile, names: Mapping[str, str]) -> Section:
    rows = tuple(
        (
            _time(call.at),
            _name(names, call.party),
            f"Art {call.art}",
            "yes" if call.effective else f"no: {call.reason}",
            call.why,
            call.record[:SHORT],
        )
        for call in case.calls
    )
    columns = ("Time", "Called by", "Clause", "Effect", "Why", "Record")
    return Section("Calls", (Table(columns, rows),) if rows else ())


def _clauses(case: CaseFile) -> Section:
    return Section("What each clause says", (), tuple(map(_clause, case.evaluation.results)))


def _clause(result: Result) -> Section:
    answer = _OUTCOMES[result.outcome]
    reason = f" ({result.reason})" if result.reason else ""
    blocks: list[Block] = [Paragraph(f"This {result.type} clause {answer}{reason}.")]
    if result.missing:
        blocks.append(Paragraph(f"Missing: {', '.join(result.missing)}."))
    blocks.append(Items(tuple(map(_line, result.explanation))))
    if result.would_change_if:
        blocks.append(Paragraph(f"It would change if: {' or '.join(result.would_change_if)}."))
    if result.notes:
        blocks.append(Items(tuple(f"Note: {note.text}" for note in result.notes)))
    return Section(f"{result.agreement} Art {result.art}", tuple(blocks))


def _line(line: Line) -> str:
    return f"{line.gate}, {line.answer}: {line.because}. [{line.clause}, {line.text_hash[:SHORT]}]"


def _obligations(case: CaseFile, names: Mapping[str, str], at: datetime) -> Section:
    return Section(
        "Obligations", (), tuple(_obligation(each, names, at) for each in case.obligations)
    )


def _obligation(state: ObligationState, names: Mapping[str, str], at: datetime) -> Section:
    obligation = state.obligation
    now = standing(state, at)
    facts = [
        ("Id", obligation.key[:SHORT]),
        ("Clause", f"{obligation.agreement} Art {obligation.art}"),
        ("What", obligation.act),
        ("Measures", ", ".join(obligation.measures) or "own choice"),
        ("How binding", obligation.modality),
        ("Stands at", now.label),
        ("Received", _time(state.owed_at)),
        ("Answer by", _time(state.answer_by)),
        ("Perform by", _time(state.perform_by)),
        ("Answer", now.answer),
    ]
    if obligation.adaptation:
        facts.append(("Adaptation", obligation.adaptation))
    if state.reason:
        facts.append(("Reason given", state.reason))
    if state.evidence:
        facts.append(("Evidence", ", ".join(each[:SHORT] for each in state.evidence)))
    blocks: list[Block] = [Table(("", ""), tuple(facts)), Paragraph(now.why)]
    if now.possible_breach:
        blocks.append(Paragraph("Possible breach: people decide whether it is one."))
    if state.time_contested or now.answer == "time-contested":
        blocks.append(Paragraph("The times that were claimed do not fit together; people decide."))
    rows = tuple(_step(step, names) for step in time_line(state, at))
    blocks.append(Table(("Time", "What", "By", "Stands at", "Record"), rows))
    who = f"{_name(names, obligation.debtor)} owes {_name(names, obligation.creditor)}"
    return Section(who, tuple(blocks))


def _step(step: Step, names: Mapping[str, str]) -> tuple[str, ...]:
    what = _STEPS.get(step.what, step.what)
    if step.reason:
        what += f" ({step.reason})"
    if step.evidence:
        what += f", evidence {', '.join(each[:SHORT] for each in step.evidence)}"
    if step.refused:
        what += f"; no effect: {step.refused}"
    by = _name(names, step.by) if step.by else ""
    return (_time(step.at), what, by, step.state, step.record[:SHORT])


def _further(case: CaseFile) -> Section:
    entries = [
        f"To be reported to {each.to}, {each.when} ({each.agreement} Art {each.art})."
        for each in case.evaluation.reports
    ]
    entries += [
        f"A consultation under {each.agreement} Art {each.art} may be called by"
        f" {', '.join(each.open_to)}."
        for each in case.evaluation.consultations
    ]
    entries += [
        f"{each.debtor} owes something to both sides ({each.first[:SHORT]}, {each.second[:SHORT]});"
        f" {f'{each.prevails} prevails' if each.prevails else 'people decide'}."
        for each in case.evaluation.conflicts
    ]
    entries += [f"Warning: {each.text}" for each in case.evaluation.warnings]
    return Section("Further", (Items(tuple(entries)),) if entries else ())


def _without_effect(ignored: Iterable[Ignored], names: Mapping[str, str]) -> Section:
    rows = tuple(
        (_time(each.at), _name(names, each.party), each.kind, each.reason, each.record[:SHORT])
        for each in ignored
    )
    columns = ("Time", "By", "Kind", "Why it has no effect", "Record")
    return Section("Statements without effect", (Table(columns, rows),) if rows else ())
