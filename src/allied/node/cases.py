"""The incidents and obligations of one agreement, as an organisation on this node sees them.

Here records become the statements that `response.fold` takes, circle by circle, and only of
circles that the organisation is in; to whom has left, what its duties need is said again in its
circles of two (`allied.node.accrued`), and counts as if it stood beside them. Narrative and
evidence are put back from the blobs that are held. What follows is decided in `response`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from allied.agreement import joining
from allied.agreement.departed import left_at
from allied.errors import NotFoundError, UsageError
from allied.node.decided import taken_in
from allied.node.texts import EvidenceView, Held, Texts, evidence_of, text_of, words_of
from allied.record.canonical import encode
from allied.record.ids import Digest
from allied.response.fold import CaseFile, Cases, fold
from allied.response.obligation import ObligationState, Step
from allied.response.overdue import standing, time_line
from allied.response.results import Line
from allied.response.statement import Statement

if TYPE_CHECKING:
    from allied.node.folds import Folded
    from allied.node.node import Node
    from allied.node.ports import Reading
    from allied.node.rows import Organisation
    from allied.record.circle import Circle
    from allied.record.ids import AgreementId, CircleId, OrganisationId, PartyId, RecordId
    from allied.record.record import Record

T = TypeVar("T")

SHORTEST_PREFIX = 8


@dataclass(frozen=True, slots=True)
class StepView:
    """One line of an obligation's time line, in words."""

    at: datetime
    what: str
    by: str
    state: str
    text: str
    refused: str
    note: str


@dataclass(frozen=True, slots=True)
class ObligationView:
    """One obligation as it stands now.

    Attributes:
        state: `response.overdue.Standing.label`: owed, accepted, performed, discharged, overdue ...
        mine: `debtor`, `creditor` or an empty string.
    """

    key: str
    incident: RecordId
    incident_name: str
    agreement: AgreementId
    alias: str
    art: str
    debtor: str
    creditor: str
    act: str
    measures: tuple[str, ...]
    means: str
    modality: str
    quantity: str
    excuses: tuple[str, ...]
    state: str
    mine: str
    overdue: bool
    possible_breach: bool
    why: str
    reason: str
    owed_at: datetime | None
    answer_by: datetime | None
    perform_by: datetime | None
    next_deadline: datetime | None
    evidence: tuple[EvidenceView, ...]
    explanation: tuple[Line, ...]
    time_line: tuple[StepView, ...]


@dataclass(frozen=True, slots=True)
class Matter:
    """One case where it was found: agreement, circle, and the fold around it."""

    folded: Folded
    circle: Circle
    cases: Cases
    case: CaseFile
    withheld: frozenset[Digest] = frozenset()

    def texts(self, reading: Texts) -> Texts:
        """What is held beside the records, as far as it is for who looks."""
        return Held(reading, self.withheld) if self.withheld else reading


def matters(
    node: Node, reading: Reading, organisation: Organisation, at: datetime
) -> Iterator[Matter]:
    """Every case that an organisation may see, by agreement and then by report."""
    for row in reading.agreements():
        folded = node.folds.of(reading, row.id)
        party = folded.instrument.party(organisation.id)
        if party is None:
            continue
        gone = _gone(folded, organisation, party, at)
        withheld = joining.withheld(folded, organisation.id, at)
        for circle in folded.state.circles_of(folded.instrument, party).values():
            cases = cases_in(folded, circle, at, gone if circle.kind != "pair" else None)
            for case in cases.cases:
                yield Matter(folded, circle, cases, case, withheld)


@dataclass(frozen=True, slots=True)
class _Gone:
    """Somebody who has left, and the circles in which it is told what its duties need."""

    organisation: OrganisationId
    left: datetime
    again: frozenset[CircleId]

    def reads(self, record: Record) -> bool:
        """Whether a record in a circle of more than two is for it; see `node.leaving`."""
        header = record.header
        return header.issuer == self.organisation or header.claimed_at <= self.left


def _gone(folded: Folded, organisation: Organisation, party: PartyId, at: datetime) -> _Gone | None:
    """What of an agreement is for an organisation that has left; None where it has not."""
    left = left_at(folded.state.standing(folded.instrument, at), party)
    if left is None:
        return None
    circles = folded.state.circles_of(folded.instrument, party).values()
    return _Gone(
        organisation.id, left, frozenset(each.id for each in circles if each.kind == "pair")
    )


def cases_in(folded: Folded, circle: Circle, at: datetime, gone: _Gone | None = None) -> Cases:
    """The cases of one circle.

    Args:
        gone: whose view it is, where it has left; only of circles of more than two.
    """
    statements = list(_statements(folded, circle, gone))
    if not any(statement.kind.startswith("incident.") for statement in statements):
        return Cases((), ())
    instrument = folded.instrument
    register = folded.state.register(instrument)
    return fold(
        instrument.terms,
        register,
        statements,
        at,
        members=circle.members,
        decided=taken_in(folded, circle),
    )


def _statements(folded: Folded, circle: Circle, gone: _Gone | None) -> Iterator[Statement]:
    found = folded.state.statements
    records = [each for each in found if each.header.circle == circle.id]
    if gone is not None:
        records = [each for each in records if gone.reads(each)]
        known = {_said(each) for each in records}
        again = {
            each.id
            for each in found
            if each.header.circle in gone.again and _said(each) not in known
        }
        shown = {each.id for each in records} | again
        records = [each for each in found if each.id in shown]
    for order, record in enumerate(records):
        party = folded.instrument.party(record.header.issuer)
        if party is None:
            continue
        knows = frozenset(
            earlier.id for earlier in records if folded.history.knows(record.id, earlier.id)
        )
        yield Statement(
            kind=record.header.kind,
            party=party,
            body=record.body,
            claimed_at=record.header.claimed_at,
            record=record.id,
            order=order,
            knows=knows,
        )


def _said(record: Record) -> tuple[OrganisationId, str, bytes]:
    """Who said what: the same for a statement and for its being said again."""
    return record.header.issuer, record.header.kind, encode(record.body)


def find_case(
    node: Node, reading: Reading, organisation: Organisation, name: str, at: datetime
) -> Matter:
    """The case called `name`: its record's id, the start of it, or the id in its file.

    Raises:
        NotFoundError: `incident.unknown`.
        UsageError: `incident.ambiguous`.
    """
    found = list(matters(node, reading, organisation, at))
    exact = [each for each in found if each.case.id == name]
    named = exact or [each for each in found if each.case.alias == name]
    if not named and len(name) >= SHORTEST_PREFIX:
        named = [each for each in found if each.case.id.startswith(name)]
    return _only(named, "incident")


def find_obligation(
    node: Node, reading: Reading, organisation: Organisation, key: str, at: datetime
) -> tuple[Matter, ObligationState]:
    """The obligation whose key is, or begins with, `key`.

    Raises:
        NotFoundError: `obligation.unknown`.
        UsageError: `obligation.ambiguous`.
    """
    found = [
        (each, state)
        for each in matters(node, reading, organisation, at)
        for state in each.case.obligations
        if state.obligation.key == key
        or (len(key) >= SHORTEST_PREFIX and state.obligation.key.startswith(key))
    ]
    return _only(found, "obligation")


def _only(found: Sequence[T], what: str) -> T:
    if not found:
        raise NotFoundError(
            f"{what}.unknown",
            f"no {what} here goes by that name",
            hint=f"`allied {what} list` shows them; ids may be cut to {SHORTEST_PREFIX} digits",
        )
    if len(found) > 1:
        raise UsageError(
            f"{what}.ambiguous", f"{len(found)} go by that name", hint="give more of the id"
        )
    return found[0]


# --- views ------------------------------------------------------------------------------


def obligation_view(
    reading: Reading, matter: Matter, state: ObligationState, mine: PartyId | None, at: datetime
) -> ObligationView:
    """An obligation in words and values, as it stands at `at`."""
    owed = state.obligation
    now = standing(state, at)
    texts = matter.texts(reading)
    role = "debtor" if mine == owed.debtor else "creditor" if mine in owed.creditors else ""
    return ObligationView(
        key=owed.key,
        incident=matter.case.id,
        incident_name=name_of(texts, matter.case),
        agreement=matter.folded.row.id,
        alias=matter.folded.row.alias,
        art=owed.art,
        debtor=owed.debtor,
        creditor=owed.creditor,
        act=owed.act,
        measures=owed.measures,
        means=owed.means,
        modality=owed.modality,
        quantity=owed.quantity,
        excuses=owed.excuses,
        state=now.label,
        mine=role,
        overdue=now.overdue,
        possible_breach=now.possible_breach,
        why=now.why,
        reason=state.reason,
        owed_at=state.owed_at,
        answer_by=state.answer_by,
        perform_by=state.perform_by,
        next_deadline=now.next_deadline,
        evidence=tuple(evidence_of(texts, Digest(each)) for each in state.evidence),
        explanation=owed.explanation,
        time_line=tuple(_step(texts, step) for step in time_line(state, at)),
    )


def name_of(reading: Texts, case: CaseFile) -> str:
    """What people call a case: its title where it is held, else the id in its file."""
    return text_of(reading, case.title) or case.alias or case.id[:SHORTEST_PREFIX]


def titles(reading: Texts, case: CaseFile) -> Mapping[str, str]:
    """The blobs that name things in a report, as far as they are held."""
    wanted = [case.title, case.narrative]
    return {each: words_of(reading, each) for each in wanted if each}


def _step(reading: Texts, step: Step) -> StepView:
    words = {
        "opened": "the duty came into being",
        "received": f"{step.by} received the call; its periods start",
        "suspended": "suspended",
        "resumed": "owed again",
        "lapsed": "fell away",
        "overdue-answer": "no answer by the deadline",
        "overdue": "not performed by the deadline",
    }
    said = words.get(step.what, f"{step.by}: {step.what.replace('-', ' ')}")
    if step.reason:
        said += f" ({step.reason})"
    if step.refused:
        said += f"; without effect: {step.refused}"
    return StepView(
        step.at, step.what, step.by, step.state, said, step.refused, words_of(reading, step.note)
    )
