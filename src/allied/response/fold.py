"""What the records of a circle add up to: its incidents, calls and obligations.

The register decides which records have effect at all; here those about incidents and
obligations become cases. Nothing derived is ever recorded: obligations are evaluated again
from facts and calls, under the same keys, on every node that holds the same records.

Words used here:
    case       one incident with its facts, calls, evaluation and obligations
    call       an invocation; without effect where its issuer was not entitled, and shown so
    contested  a field about which different parties state different things
    prefix     the statements up to one of them, in the order of the circle

Rules that hold everywhere below. The result depends on the set of statements and on `at`
alone, not on the order in which they are given. A call is judged by what its issuer held when
it called and by its claimed time; that verdict does not change later. Facts count as known no
later than they were said, and whatever is here is known. Obligations open, are suspended and
lapse with the prefixes, so each names the record that opened it. What cannot be read, and
what nobody may say, is kept with its reason and has no other effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from allied.agreement.standing import Register
from allied.agreement.terms import Agreement
from allied.agreement.versions import versions_of
from allied.errors import MalformedError, NotFoundError
from allied.record.ids import PartyId, RecordId
from allied.response.calling import entitlement
from allied.response.evaluate import Prepared, evaluate, prepare
from allied.response.fact_words import VERSIONS_LIMIT
from allied.response.incident import Decision, Facts, Finding, Incident, Invocation, Version
from allied.response.incident_file import facts_json, from_body
from allied.response.moment import begin
from allied.response.obligation import (
    LAPSED,
    OWED,
    SUSPENDED,
    Change,
    ObligationState,
    Opened,
    fold_obligations,
    strays,
)
from allied.response.results import Evaluation, Note, Obligation
from allied.response.statement import Statement, in_order
from allied.response.taken import Taken

REPORT: Final = "incident.report"
FACTS: Final = "incident.facts"
INVOKE: Final = "incident.invoke"
CERTIFICATE: Final = "decision.certificate"
_NOT_FOLDED: Final = frozenset({"incident.finding", "incident.decision"})


@dataclass(frozen=True, slots=True)
class Call:
    """Somebody called a clause.

    Attributes:
        reason: why it has no effect, or empty.
        why: one sentence, for either.
        note: digest of a blob, or empty.
    """

    record: RecordId
    party: PartyId
    art: str
    at: datetime
    effective: bool
    reason: str
    why: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Stated:
    """One version of the facts: who stated it, in which record, and when."""

    record: RecordId
    party: PartyId
    at: datetime
    version: Version


@dataclass(frozen=True, slots=True)
class Contested:
    """A field about which different parties state different things: {party: value}."""

    field: str
    values: Mapping[PartyId, str]


@dataclass(frozen=True, slots=True)
class Ignored:
    """A statement that has no effect here, and why: it is shown, not hidden."""

    record: RecordId
    party: PartyId
    kind: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class CaseFile:
    """One incident in its circle.

    Attributes:
        id: the record that reported it.
        alias: the id in its reporter's file.
        incident: with the facts and the calls that have effect.
        title, narrative: digests of blobs, or empty.
        evaluation: by the facts and calls as they are now.
        obligations: every one that ever opened, also what lapsed since.
    """

    id: RecordId
    alias: str
    reported_by: PartyId
    reported_at: datetime
    incident: Incident
    title: str
    narrative: str
    stated: tuple[Stated, ...]
    calls: tuple[Call, ...]
    contested: tuple[Contested, ...]
    evaluation: Evaluation
    obligations: tuple[ObligationState, ...]


@dataclass(frozen=True, slots=True)
class Cases:
    """All incidents of a circle, in the order of their reports, and what had no effect."""

    cases: tuple[CaseFile, ...]
    ignored: tuple[Ignored, ...]

    def case(self, record: str) -> CaseFile:
        """Return the case that a record reported.

        Raises:
            NotFoundError: `incident.unknown`.
        """
        for each in self.cases:
            if each.id == record:
                return each
        raise NotFoundError("incident.unknown", "no incident of that id is known here")

    def obligation(self, key: str) -> ObligationState:
        """Return the obligation of that key.

        Raises:
            NotFoundError: `obligation.unknown`.
        """
        for case in self.cases:
            for each in case.obligations:
                if each.obligation.key == key:
                    return each
        raise NotFoundError("obligation.unknown", "no obligation of that id is known here")


@dataclass(slots=True)
class _Draft:
    """One incident while the statements are read."""

    report: Statement
    stated: list[Stated] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    taken: list[tuple[Statement, Decision | Finding]] = field(default_factory=list)
    moves: list[Statement] = field(default_factory=list)


def fold(
    agreement: Agreement,
    register: Register,
    records: Iterable[Statement],
    at: datetime,
    *,
    members: frozenset[PartyId] | None = None,
    decided: Mapping[RecordId, Taken] | None = None,
) -> Cases:
    """Fold the statements of one circle into its cases.

    Args:
        agreement: the text in force; a key of `register`.
        register: who is bound since when.
        records: effective statements of one circle, in any order; other kinds are passed over.
        at: an aware instant in UTC, for what follows from the calendar.
        members: of the circle; nobody else owes anything here, because nobody owes what it
            cannot see. None where the circle is that of all parties.
        decided: what was decided or found on incidents, by the certificate that proves it; one
            for each question.

    Cost: one evaluation of an incident for each statement of facts or call about it or its
    campaign, and one pass over all statements.
    """
    prepared = prepare(_alone(agreement, register))
    said = in_order(records)
    ignored: list[Ignored] = []
    drafts = _read(prepared, agreement, said, ignored, decided or {})
    wide = prepared.adds_up(agreement.id)
    cases = []
    opened: list[Opened] = []
    for draft in drafts:
        group = [each for each in drafts if wide or each is draft or _same_campaign(each, draft)]
        incidents = [_incident(each, agreement, at) for each in group]
        whole = evaluate(prepared, incidents, None, None, at=at)
        now = _about(whole, draft.report.record, members)
        mine = [
            each
            for each in _opened(prepared, agreement, draft, group, now, at)
            if members is None or each.obligation.debtor in members
        ]
        opened += mine
        states = fold_obligations(mine, said)
        cases.append(_case(draft, _incident(draft, agreement, at), now, states))
    ignored += [
        Ignored(each.record, each.party, each.kind, each.claimed_at, "unknown-obligation")
        for each in strays(opened, said)
    ]
    order = {statement.record: place for place, statement in enumerate(said)}
    return Cases(tuple(cases), tuple(sorted(ignored, key=lambda each: order[each.record])))


def _alone(agreement: Agreement, register: Register) -> Register:
    """The register of one agreement, with the versions of its text."""
    texts = {agreement.id: agreement}
    if len(register.agreements) > 1:
        its = versions_of(register).get(agreement.id, ())
        texts |= {version: register.agreements[version] for version in its}
    return Register(texts, register.events)


def _read(
    prepared: Prepared,
    agreement: Agreement,
    said: Iterable[Statement],
    ignored: list[Ignored],
    decided: Mapping[RecordId, Taken],
) -> list[_Draft]:
    drafts: dict[str, _Draft] = {}
    for statement in said:
        reason = ""
        if statement.kind == REPORT:
            draft = _Draft(statement)
            reason = _state(draft, statement)
            if not reason:
                drafts[statement.record] = draft
        elif statement.kind in {FACTS, INVOKE}:
            found = drafts.get(statement.text("incident"))
            if found is None or not _held(statement, found.report):
                reason = "unknown-incident"
            elif statement.kind == FACTS:
                reason = _state(found, statement)
            else:
                _call(prepared, agreement, found, statement)
        elif statement.kind == CERTIFICATE:
            act = decided.get(statement.record)
            found = drafts.get(act.incident) if act else None
            if act and found and _held(statement, found.report) and _has_room(found):
                found.taken.append((statement, act.act))
                found.moves.append(statement)
        elif statement.kind in _NOT_FOLDED:
            reason = "not-decided-here"
        if reason:
            ignored.append(
                Ignored(
                    statement.record, statement.party, statement.kind, statement.claimed_at, reason
                )
            )
    return list(drafts.values())


def _has_room(draft: _Draft) -> bool:
    return len(draft.taken) < VERSIONS_LIMIT


def _held(statement: Statement, earlier: Statement) -> bool:
    return statement.knows is None or earlier.record in statement.knows


def _state(draft: _Draft, statement: Statement) -> str:
    """Take the facts of a record in, or return why not."""
    if len(draft.stated) >= VERSIONS_LIMIT:
        return "too-many"
    try:
        version = from_body(statement.body, statement.party)
    except MalformedError as refused:
        return refused.code
    if begin(version.known_at) > statement.claimed_at:
        version = replace(version, known_at=statement.claimed_at)
    draft.stated.append(Stated(statement.record, statement.party, statement.claimed_at, version))
    draft.moves.append(statement)
    return ""


def _call(prepared: Prepared, agreement: Agreement, draft: _Draft, statement: Statement) -> None:
    art = statement.text("art")
    call = Invocation(agreement=agreement.id, art=art, by=statement.party, at=statement.claimed_at)
    held = [
        stated
        for stated in draft.stated
        if statement.knows is None or stated.record in statement.knows
    ]
    known = _incident(_Draft(draft.report, held), agreement, statement.claimed_at)
    judged = entitlement(prepared, known, call)
    reason = judged.code
    if judged.entitled and any(
        each.effective and each.party == statement.party and each.art == art for each in draft.calls
    ):
        reason = "already-called"
    draft.calls.append(
        Call(
            record=statement.record,
            party=statement.party,
            art=art if len(art) <= 64 else "",
            at=statement.claimed_at,
            effective=not reason,
            reason=reason,
            why=judged.why if reason != "already-called" else f"{statement.party} called before.",
            note=statement.blob("note"),
        )
    )
    if not reason:
        draft.moves.append(statement)


def _same_campaign(one: _Draft, other: _Draft) -> bool:
    name = one.report.text("campaign")
    return bool(name) and name == other.report.text("campaign")


def _incident(
    draft: _Draft, agreement: Agreement, at: datetime, upto: int | None = None
) -> Incident:
    """Write a draft as an incident of which everything is known by `at`.

    Args:
        upto: only statements up to this place in the order; None takes all.
    """
    orders = {move.record: move.order for move in draft.moves}
    campaign = draft.report.text("campaign")
    taken = [
        replace(act, at=min(begin(act.at), at))
        for statement, act in draft.taken
        if upto is None or statement.order <= upto
    ]
    return Incident(
        id=draft.report.record,
        campaign=campaign if 0 < len(campaign) <= 64 else None,
        versions=tuple(
            replace(each.version, known_at=min(begin(each.version.known_at), at))
            for each in draft.stated
            if upto is None or orders[each.record] <= upto
        ),
        invocations=tuple(
            Invocation(agreement=agreement.id, art=call.art, by=call.party, at=min(call.at, at))
            for call in draft.calls
            if call.effective and (upto is None or orders[call.record] <= upto)
        ),
        findings=tuple(act for act in taken if isinstance(act, Finding)),
        decisions=tuple(act for act in taken if isinstance(act, Decision)),
    )


def _about(
    evaluation: Evaluation, incident: str, members: frozenset[PartyId] | None = None
) -> Evaluation:
    """Keep what an evaluation says about one incident and asks of the members of a circle."""
    about = [each for each in evaluation.obligations if each.incident == incident]
    seen = tuple(each for each in about if members is None or each.debtor in members)
    keys = {each.key for each in seen}
    blind = sorted({each.debtor for each in about if each.key not in keys})
    notes = [
        Note("not-in-circle", f"{each} cannot see this, so it owes nothing.") for each in blind
    ]
    return replace(
        evaluation,
        results=tuple(each for each in evaluation.results if each.incident == incident),
        obligations=seen,
        reports=tuple(each for each in evaluation.reports if each.incident == incident),
        consultations=tuple(each for each in evaluation.consultations if each.incident == incident),
        conflicts=tuple(each for each in evaluation.conflicts if {each.first, each.second} & keys),
        warnings=(*evaluation.warnings, *notes),
    )


def _opened(
    prepared: Prepared,
    agreement: Agreement,
    draft: _Draft,
    group: Iterable[_Draft],
    now: Evaluation,
    at: datetime,
) -> list[Opened]:
    """Follow the obligations through the prefixes: which record opened or ended each.

    Args:
        group: the drafts of the campaign, `draft` among them; their facts may count together.
    """
    group = tuple(group)
    last: dict[str, Obligation] = {}
    changes: dict[str, list[Change]] = {}
    before: dict[str, str] = {}
    moves = sorted((move for each in group for move in each.moves), key=lambda move: move.order)
    moment = min(at, moves[0].claimed_at)
    for move in moves:
        moment = max(moment, min(at, move.claimed_at))
        if move.order < draft.report.order:
            continue
        incidents = [_incident(each, agreement, moment, move.order) for each in group]
        then = evaluate(prepared, incidents, None, None, at=moment)
        before = _compare(_about(then, draft.report.record), before, changes, last, move)
    after = Statement("", PartyId(""), {}, at, RecordId(""), moves[-1].order + 1)
    _compare(now, before, changes, last, after)
    return [Opened(last[key], tuple(its), agreement.timezone) for key, its in changes.items()]


def _compare(
    then: Evaluation,
    before: Mapping[str, str],
    changes: dict[str, list[Change]],
    last: dict[str, Obligation],
    move: Statement,
) -> dict[str, str]:
    present = {
        each.key: SUSPENDED if each.state == SUSPENDED else OWED for each in then.obligations
    }
    for each in then.obligations:
        last[each.key] = each
    for key, state in (*present.items(), *((key, LAPSED) for key in before if key not in present)):
        if before.get(key, "") != state:
            changes.setdefault(key, []).append(
                Change(state, move.record, move.party, move.claimed_at, move.order)
            )
    return {**dict.fromkeys(before, LAPSED), **present}


def _case(
    draft: _Draft, incident: Incident, now: Evaluation, obligations: tuple[ObligationState, ...]
) -> CaseFile:
    report = draft.report
    return CaseFile(
        id=report.record,
        alias=report.text("incident")[:64],
        reported_by=report.party,
        reported_at=report.claimed_at,
        incident=incident,
        title=report.blob("title"),
        narrative=report.blob("narrative"),
        stated=tuple(draft.stated),
        calls=tuple(draft.calls),
        contested=_contested(draft.stated),
        evaluation=now,
        obligations=obligations,
    )


def _contested(stated: Iterable[Stated]) -> tuple[Contested, ...]:
    """Find the fields about which the last word of different parties differs."""
    said: dict[str, dict[PartyId, str]] = {}
    for each in stated:
        for name, value in stated_facts(each.version.facts):
            said.setdefault(name, {})[each.party] = value
    return tuple(
        Contested(name, values)
        for name, values in sorted(said.items())
        if len(set(values.values())) > 1
    )


def stated_facts(facts: Facts) -> Iterable[tuple[str, str]]:
    """Write facts as rows of (field, value): "severity", "attribution.to", "act-1.by"."""
    tree = facts_json(facts)
    if not isinstance(tree, Mapping):
        return
    for name, value in tree.items():
        if name in {"acts", "rescues"} and isinstance(value, list):
            for one, shown in zip(getattr(facts, name), value, strict=True):
                for part, its in shown.items() if isinstance(shown, Mapping) else ():
                    if part != "id":
                        yield f"{one.id}.{part}", _text(its)
        elif isinstance(value, Mapping):
            for part, its in value.items():
                yield f"{name}.{part}", _text(its)
        else:
            yield name, _text(value)


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_text(its)}" for name, its in value.items())
    return ", ".join(map(_text, value)) if isinstance(value, list) else str(value)
