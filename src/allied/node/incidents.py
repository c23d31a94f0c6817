"""Incidents on this node: reported, invoked, listed, shown, printed.

Without an agreement a report stays here: it is held against every agreement in force that
binds the organisation, and only shown. Under an agreement the facts become records in the
circle of those who vote (for a party that is none of them, of all parties), and so does the
invocation, which is an act of a person. What is owed follows from them on every node alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from allied.errors import MalformedError, RefusedError, UsageError
from allied.node import accrued, journal
from allied.node.agreements import party_of, resolve
from allied.node.cases import (
    Matter,
    ObligationView,
    find_case,
    matters,
    name_of,
    obligation_view,
    titles,
)
from allied.node.texts import words_of
from allied.response.calling import callable_now
from allied.response.document import to_markdown, to_text
from allied.response.evaluate import evaluate, prepare
from allied.response.fold import Call, Contested
from allied.response.incident_file import facts_json, load_incidents, to_body
from allied.response.report import incident_report
from allied.response.results import Evaluation, Result

if TYPE_CHECKING:
    from allied.node.folds import Folded
    from allied.node.node import Actor, Node
    from allied.node.ports import Reading
    from allied.node.rows import Organisation
    from allied.record.canonical import Json
    from allied.record.circle import Circle
    from allied.record.ids import AgreementId, PartyId, RecordId
    from allied.response.incident import Incident

TITLE_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Fact:
    """One field of the facts, as it was stated last, and by whom."""

    field: str
    value: str
    by: str


@dataclass(frozen=True, slots=True)
class IncidentView:
    """One incident as an organisation here sees it.

    Attributes:
        callable: numbers of the clauses that the organisation could invoke now.
    """

    id: RecordId
    alias: str
    title: str
    narrative: str
    agreement: AgreementId
    agreement_alias: str
    agreement_title: str
    mine: PartyId
    circle: str
    members: tuple[PartyId, ...]
    reported_by: PartyId
    reported_at: datetime
    state: str
    facts: tuple[Fact, ...]
    contested: tuple[Contested, ...]
    calls: tuple[Call, ...]
    callable: tuple[str, ...]
    results: tuple[Result, ...]
    obligations: tuple[ObligationView, ...]


@dataclass(frozen=True, slots=True)
class LocalEvaluation:
    """What one agreement in force would say; nothing left this node."""

    agreement: AgreementId
    alias: str
    incident: str
    evaluation: Evaluation


# --- doing ------------------------------------------------------------------------------


def consider(
    node: Node, organisation: Organisation, raw: bytes, source: str
) -> Sequence[LocalEvaluation]:
    """Hold an incident file against every agreement in force that binds the organisation.

    Raises:
        MalformedError: the file cannot be read, or holds acts (`incident.acts-in-file`).
    """
    incidents = load_incidents(raw, source, acts_allowed=False)
    now = node.clock.now()
    found = []
    with node.store.read() as reading:
        for row in reading.agreements():
            folded = node.folds.of(reading, row.id)
            party = folded.instrument.party(organisation.id)
            standing = folded.state.standing(folded.instrument, now)
            if party is None or party not in standing.bound:
                continue
            register = folded.state.register(folded.instrument)
            found += [
                LocalEvaluation(
                    row.id, row.alias, each.id, evaluate(register, [each], None, party, at=now)
                )
                for each in incidents
            ]
    return found


def report(
    node: Node, actor: Actor, raw: bytes, source: str, agreement: str
) -> Sequence[IncidentView]:
    """Report the incidents of a file under an agreement; a later version becomes facts.

    Raises:
        MalformedError: the file cannot be read, or holds acts.
        RefusedError: `agreement.not-in-force`.
        UsageError: `incident.asserted-by-another`.
    """
    incidents = load_incidents(raw, source, acts_allowed=False)
    reported: list[RecordId] = []
    with node.store.write() as writing:
        folded = node.folds.of(writing, resolve(writing, agreement).id)
        party = _bound_party(node, actor, folded)
        circle = _circle(folded, party)
        for incident in incidents:
            _require_own_word(incident, party)
            first: RecordId | None = None
            for version in sorted(incident.versions, key=lambda each: str(each.known_at)):
                body = to_body(version, first or incident.id, None if first else incident.campaign)
                if first is None and incident.title:
                    title = incident.title[:TITLE_LIMIT].encode()
                    body["title"] = journal.keep_blob(node, writing, folded, circle, title)
                kind = "incident.facts" if first else "incident.report"
                body = {key: value for key, value in body.items() if value is not None}
                record = journal.append(node, writing, actor, folded, circle, kind, body)
                first = first or record.id
                folded = node.folds.of(writing, folded.row.id)
            if first is not None:
                reported.append(first)
        now = node.clock.now()
        views = [
            _view(
                writing,
                actor.organisation,
                find_case(node, writing, actor.organisation, each, now),
                now,
            )
            for each in reported
        ]
    node.notifier.changed(folded.row.id)
    return views


def invoke(
    node: Node, actor: Actor, incident: str, art: str, *, agreement: str = "", note: str = ""
) -> IncidentView:
    """Call a clause on an incident, as a person's act.

    Raises:
        RefusedError: `incident.` and why the call has no effect: not entitled, too late ...
        NotFoundError: no such incident.
    """
    with node.store.write() as writing:
        now = node.clock.now()
        matter = find_case(node, writing, actor.organisation, incident, now)
        if agreement and resolve(writing, agreement).id != matter.folded.row.id:
            raise UsageError(
                "incident.other-agreement",
                "that incident was reported under another agreement",
                hint="report it under this one first",
            )
        folded = journal.list_person(node, writing, actor, matter.folded)
        body: dict[str, Json] = {"incident": matter.case.id, "art": art}
        if note:
            body["note"] = journal.keep_blob(node, writing, folded, matter.circle, note.encode())
        record = journal.append(
            node, writing, actor, folded, matter.circle, "incident.invoke", body
        )
        after = find_case(
            node, writing, actor.organisation, matter.case.id, max(now, record.header.claimed_at)
        )
        _require_effect(after, record.id)
        accrued.tell(node, writing, actor, folded, matter.circle, record)
        result = _view(writing, actor.organisation, after, now)
    node.notifier.changed(folded.row.id)
    return result


def _require_effect(matter: Matter, record: RecordId) -> None:
    """Return if the call took effect; else raise, so that the unit leaves no trace of it."""
    for call in matter.case.calls:
        if call.record == record:
            if call.effective:
                return
            raise RefusedError(f"incident.{call.reason}", call.why, facts={"art": call.art})
    verdict = matter.folded.state.verdicts.get(record)
    reason = verdict.reason if verdict else "the agreement does not permit it"
    raise RefusedError("incident.without-effect", f"the call would have no effect: {reason}")


def _bound_party(node: Node, actor: Actor, folded: Folded) -> PartyId:
    party = party_of(folded, actor.organisation)
    standing = folded.state.standing(folded.instrument, node.clock.now())
    if party not in standing.bound:
        raise RefusedError(
            "agreement.not-in-force",
            f"{folded.row.alias} does not bind {party} now",
            hint="`allied agreement show` says who is awaited",
        )
    return party


def _circle(folded: Folded, party: PartyId) -> Circle:
    circles = folded.instrument.circles
    return circles.voters if party in circles.voters.members else circles.all


def _require_own_word(incident: Incident, party: PartyId) -> None:
    for version in incident.versions:
        if version.asserted_by not in ("", party, None):
            raise UsageError(
                "incident.asserted-by-another",
                f"the file says that {version.asserted_by} asserts this; here {party} does",
                hint="leave `asserted_by` out, or let them report it",
            )
    if not incident.versions:
        raise MalformedError("incident.no-version", "the file states no facts")


# --- looking ----------------------------------------------------------------------------


def list_incidents(node: Node, organisation: Organisation) -> Sequence[IncidentView]:
    """Every incident that an organisation may see, the latest report first."""
    now = node.clock.now()
    with node.store.read() as reading:
        found = [
            _view(reading, organisation, each, now)
            for each in matters(node, reading, organisation, now)
        ]
    return sorted(found, key=lambda view: (view.reported_at, view.id), reverse=True)


def show(node: Node, organisation: Organisation, name: str) -> IncidentView:
    """One incident; see `node.cases.find_case` for `name`."""
    now = node.clock.now()
    with node.store.read() as reading:
        found = find_case(node, reading, organisation, name, now)
        return _view(reading, organisation, found, now)


def print_report(
    node: Node, organisation: Organisation, name: str, *, markdown: bool = False
) -> str:
    """The record of an incident as a document."""
    now = node.clock.now()
    with node.store.read() as reading:
        matter = find_case(node, reading, organisation, name, now)
        document = incident_report(
            matter.case,
            matter.folded.terms(now),
            now,
            ignored=matter.cases.ignored,
            titles=titles(matter.texts(reading), matter.case),
        )
    return to_markdown(document) if markdown else to_text(document)


def _view(
    reading: Reading, organisation: Organisation, matter: Matter, at: datetime
) -> IncidentView:
    case, folded = matter.case, matter.folded
    mine = party_of(folded, organisation)
    obligations = tuple(
        obligation_view(reading, matter, state, mine, at) for state in case.obligations
    )
    terms = folded.instrument.terms
    title = folded.terms(at).title
    prepared = prepare(folded.state.register(folded.instrument))
    return IncidentView(
        id=case.id,
        alias=case.alias,
        title=name_of(matter.texts(reading), case),
        narrative=words_of(matter.texts(reading), case.narrative),
        agreement=folded.row.id,
        agreement_alias=folded.row.alias,
        agreement_title=title or terms.id,
        mine=mine,
        circle=matter.circle.purpose,
        members=tuple(sorted(matter.circle.members)),
        reported_by=case.reported_by,
        reported_at=case.reported_at,
        state=_state(case.calls, obligations, case.evaluation),
        facts=_facts(matter),
        contested=case.contested,
        calls=case.calls,
        callable=tuple(
            art
            for art in callable_now(prepared, terms.id, case.incident, mine, at)
            if not any(call.effective and call.art == art for call in case.calls)
        ),
        results=case.evaluation.results,
        obligations=obligations,
    )


def _facts(matter: Matter) -> tuple[Fact, ...]:
    latest: dict[str, Fact] = {}
    for stated in matter.case.stated:
        facts = facts_json(stated.version.facts)
        if isinstance(facts, dict):
            for field, value in facts.items():
                latest[field] = Fact(field, _words(value), stated.party)
    return tuple(latest.values())


def _words(value: Json) -> str:
    """A value of the facts on one line."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_words(part)}" for key, part in value.items())
    if isinstance(value, (list, tuple)):
        return "; ".join(_words(part) for part in value)
    return str(value)


def _state(
    calls: Sequence[Call], obligations: Sequence[ObligationView], evaluation: Evaluation
) -> str:
    """Where an incident stands, in one word."""
    if any(call.effective for call in calls):
        owed = [each for each in obligations if each.state not in ("discharged", "lapsed")]
        return "responding" if owed else "answered"
    if any(result.outcome == "open" for result in evaluation.results):
        return "reported"
    return "not-covered" if evaluation.results else "reported"
