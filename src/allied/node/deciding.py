"""The steps by which nodes agree on a count, taken by a node itself: closes, tallies, counts.

A vote is a person's act; that the time is over, and what the votes come to, any node can see for
itself. So these steps are signed with the key for automatic records, as soon as they are due and
valid: what `agreement.closing` would refuse is not signed. What a certificate does is the fold's
business.

Words used here:
    step    one record of the four kinds that an organisation is to write next
    turn    how long an assembler leaves it to those before it in the order

Rules. An organisation closes when a question has closed as counted here, and once. The first in
the order tallies as soon as everybody has closed; where somebody stays silent, each waits one
step longer than who comes before, from the last claimed time that has come. An organisation counts
for one value only, whatever becomes of the tally, and for the tally of who comes first in the
order. It never waits for people, and never decides for them. What goes wrong in one agreement
stops no other. A certificate that its bearer's later lies would take away is said again by whoever
holds it. Of texts that follow one version an organisation counts for one only, unless that one can
be proved no more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Final

from allied.agreement.certified import certified, read_proof, without, write_proof
from allied.agreement.chain import OF_THE_TEXT
from allied.agreement.closing import (
    CERTIFICATE,
    CLOSE,
    COUNT,
    TALLY,
    Progress,
    Tally,
    progress,
    tally_of,
    turn_at,
    turns_from,
)
from allied.agreement.matters import OF_THE_REGISTER
from allied.agreement.outcome import OPEN, Count
from allied.agreement.result import read_result
from allied.agreement.revocation import known_ones
from allied.agreement.tabled import OPEN as OPENING, Said, counted
from allied.agreement.wording import read_matter
from allied.errors import AlliedError, ExhaustedError, NotFoundError, RefusedError
from allied.node import journal, visibility
from allied.node.amendments import counted_another
from allied.node.decided import decided_in
from allied.node.node import Actor
from allied.node.questions import table_of, table_with
from allied.node.version_views import has_passed
from allied.record.canonical import Json
from allied.record.ids import PartyId, RecordId

if TYPE_CHECKING:
    from allied.agreement.tabled import OnTable, Tabled
    from allied.node.folds import Folded
    from allied.node.node import Node
    from allied.node.ports import Keys
    from allied.node.rows import Organisation
    from allied.record.circle import Circle
    from allied.record.ids import AgreementId, CircleId, Digest
    from allied.record.record import Record

_MOST_ROUNDS: Final = 50
_AT_ONCE: Final = 500
_MOST_IN_VAIN: Final = 3
_NEVER: Final = "never"
_ENOUGH_TO_CONTRADICT: Final = 2


@dataclass(frozen=True, slots=True)
class _Step:
    """What an organisation is to write now."""

    circle: Circle
    kind: str
    body: dict[str, Json]


@dataclass(slots=True)
class _Due:
    """The first moment at which something is to be done without anything new."""

    at: datetime | None = None

    def by(self, moment: datetime) -> None:
        """Something is to be done at `moment`."""
        self.at = moment if self.at is None else min(self.at, moment)


def decide(node: Node, keys: Keys, organisations: Sequence[Organisation]) -> int:
    """Take every step that is due, in every agreement, until those hosted here have none left.

    Returns:
        How many records were written.

    Raises:
        ExhaustedError: the store cannot go on; it is tried again next time.
    """
    taken = 0
    for _ in range(_MOST_ROUNDS):
        found = sum(_decide_for(node, keys, each) for each in organisations)
        taken += found
        if not found or len(organisations) == 1:
            break
    return taken


def _decide_for(node: Node, keys: Keys, organisation: Organisation) -> int:
    """Take the steps of one organisation; how many there were."""
    now = node.clock.now()
    with node.store.read() as reading:
        due = [
            row.id
            for row in reading.agreements()
            if _is_due(
                node.hearing.looked(_name(organisation, row.id)), reading.last_row(row.id), now
            )
        ]
    taken = 0
    for agreement in due:
        try:
            taken += _decide(node, keys, organisation, agreement)
        except ExhaustedError:
            raise
        except (AlliedError, OverflowError):
            continue  # a frozen chain, a locked key, a time without end: the others go on
    return taken


def _decide(node: Node, keys: Keys, organisation: Organisation, agreement: AgreementId) -> int:
    """Take the steps that are due in one agreement, those of many questions in one unit."""
    taken = 0
    for _ in range(_MOST_ROUNDS):
        now = node.clock.now()
        with node.store.read() as reading:
            seen = node.folds.of(reading, agreement)
        due = _Due()
        steps = list(islice(_steps(seen, organisation, now, due), _AT_ONCE))
        if not steps:  # which is so nearly always: what was looked at is kept in memory alone
            mark = f"{seen.last_row} {due.at.isoformat() if due.at else _NEVER}"
            node.hearing.look(_name(organisation, agreement), mark)
            break
        with node.store.write() as writing:
            folded = node.folds.of(writing, agreement)
            if folded.last_row != seen.last_row:  # somebody was quicker: they may be others now
                steps = list(islice(_steps(folded, organisation, now, due), _AT_ONCE))
            actor = Actor(organisation, keys)
            for step in steps:  # each rests on the one before, and on what it was made of
                record = journal.append(
                    node, writing, actor, folded, step.circle, step.kind, step.body
                )
                folded = replace(folded, history=folded.history.extended([record]))
        taken += len(steps)
    if taken:
        node.notifier.changed(agreement)
    return taken


def _name(organisation: Organisation, agreement: AgreementId) -> str:
    return f"deciding:{organisation.id}:{agreement}"


def _is_due(mark: str, last_row: int, now: datetime) -> bool:
    """Whether something is new since a mark was made, or its moment has come."""
    row, _, moment = mark.partition(" ")
    if row != str(last_row):
        return True
    return moment != _NEVER and datetime.fromisoformat(moment) <= now


# --- what is to be done -----------------------------------------------------------------


def _steps(folded: Folded, organisation: Organisation, now: datetime, due: _Due) -> Iterator[_Step]:
    """The steps that an organisation is to take now."""
    mine = folded.instrument.party(organisation.id)
    if mine is None or mine not in folded.state.standing(folded.instrument, now).bound:
        return
    yield from _restated(folded, organisation)
    asked = {each.header.circle for each in folded.state.statements if each.header.kind == OPENING}
    for circle in visibility.circles(folded, organisation.id).values():
        if circle.id not in asked:
            continue
        table = table_of(folded, circle)
        decided = decided_in(folded, table)
        for on in table.tabled:
            if on.record in decided or _is_passed(folded, on):
                continue
            for step in _steps_on(folded, circle, on, mine, now, due):
                if step.kind != COUNT or not counted_another(folded, table, on, mine):
                    yield step


def _is_passed(folded: Folded, on: Tabled) -> bool:
    """Whether a question is on a text that can be no version any more: nobody goes on with it."""
    return on.question.matter.kind in OF_THE_TEXT and has_passed(folded, on)


def _restated(folded: Folded, organisation: Organisation) -> Iterator[_Step]:
    """Certificates that only a chain holds that was set aside since: said again, by us.

    What was proved stays proved, whatever its bearer signed later; also if it contradicts another
    certificate, so that everybody sees both. Only what proves something is said again, one for
    each outcome of a question, and two contradict each other enough: nobody makes us repeat what
    means nothing.
    """
    aside = [folded.history.get(each) for each in folded.history.aside]
    proofs = [each for each in aside if each is not None and each.header.kind == CERTIFICATE]
    if not proofs:
        return
    known: dict[Json, set[Digest]] = {}
    for question, its in folded.state.decided.items():
        known.setdefault(question, set()).update(each.value for each in its)
    for each in folded.history.order:
        if (each.header.kind, each.header.issuer) == (CERTIFICATE, organisation.id):
            own = _value(each)
            known.setdefault(each.body.get("proposal"), set()).update([own] if own else [])
    circles = visibility.circles(folded, organisation.id)
    tables: dict[CircleId, OnTable] = {}
    for record in sorted(proofs, key=lambda each: each.id):
        circle, value = circles.get(record.header.circle), _value(record)
        if circle is None or value is None:
            continue
        table = tables.get(circle.id)
        if table is None:
            table = tables[circle.id] = table_of(folded, circle)
            for question, its in decided_in(folded, table).items():
                known.setdefault(question, set()).update(each.value for each in its)
        values = known.setdefault(record.body.get("proposal"), set())
        if value in values or len(values) >= _ENOUGH_TO_CONTRADICT:
            continue
        if _proves(folded, circle, table, record):
            values.add(value)
            yield _Step(circle, CERTIFICATE, dict(record.body))


def _value(certificate: Record) -> Digest | None:
    """What a certificate says was decided; None where it does not read."""
    try:
        return read_proof(certificate.body).result.value
    except AlliedError:
        return None


def _proves(folded: Folded, circle: Circle, table: OnTable, record: Record) -> bool:
    """Whether a certificate would have an effect, said again by who knows all that is here."""
    try:
        proof = read_proof(record.body)
        if folded.history.get(proof.opening.id) is None:
            return False
        on = next((each for each in table.tabled if each.record == proof.opening.id), None)
        on = on or _aside(folded, circle, proof.opening)
        counted = without(proof, known_ones(folded.state.revocations, lambda _: True))
        custodians = folded.state.custodians(on.opening.knows)
        certified(counted, record.id, on, custodians, folded.instrument.party)
    except AlliedError:
        return False
    return True


def _aside(folded: Folded, circle: Circle, opening: Record) -> Tabled:
    """A question of the register whose opening was set aside, too: as who knows all reads it.

    Raises:
        AlliedError: why it would not be on the table.
    """
    header = opening.header
    party = folded.instrument.party(header.issuer)
    of_all = circle.id == folded.instrument.circles.all.id
    matter = read_matter(opening.body.get("matter"))
    if party is None or not of_all or matter.kind not in OF_THE_REGISTER:
        raise NotFoundError("proposal.unknown", "it speaks of no question known there")
    known = {each.id for each in folded.history.order}
    said = Said(
        OPENING, party, opening.body, header.claimed_at, opening.id, header.sequence,
        known.__contains__,
    )  # fmt: skip
    with_it = table_with(folded, circle, said).tabled
    return next(each for each in with_it if each.record == opening.id)


def _steps_on(
    folded: Folded, circle: Circle, on: Tabled, mine: PartyId, now: datetime, due: _Due
) -> Iterator[_Step]:
    """The next step of one party on a question that is not decided."""
    try:
        found = counted(on, now)
        state = progress(on, folded.state.custodians(on.opening.knows))
    except AlliedError:
        return  # a rule that cannot be applied decides nothing
    in_vain = sum(each.party == mine for each in state.invalid)
    in_vain += sum((each.kind, each.party) == (CERTIFICATE, mine) for each in on.steps)
    if in_vain >= _MOST_IN_VAIN:
        return  # what did not hold so often will not hold now
    if mine in state.entitled and mine not in state.closes:
        if found.outcome == OPEN:
            _wait(found, due)
        else:
            yield _Step(circle, CLOSE, _close(folded, circle, on))
            return
    if state.ready is not None:
        if _turn(state, mine, now, due, turns_from((each.at for each in state.counts), now)):
            yield _Step(circle, CERTIFICATE, _certificate(folded, on, state))
        return
    if mine in state.entitled:
        chosen = _chosen(folded, on, state, mine)
        if chosen is not None:
            body: dict[str, Json] = {
                "proposal": on.record, "tally": chosen.record, "result": chosen.result.digest
            }  # fmt: skip
            yield _Step(circle, COUNT, body)
            return
    if mine in state.order and state.enough_closes and not state.tallies:
        last = turns_from((each.at for each in state.closes.values()), now)
        everybody = len(state.closes) == len(state.entitled)
        if _turn(state, mine, now, due, last if everybody else turn_at(last, 1)):
            tally = _tally(on, state)
            if tally is not None:
                yield _Step(circle, TALLY, tally)


def _wait(found: Count, due: _Due) -> None:
    """The end of a question, from when on it can be closed."""
    end = found.final_at or found.deadline
    if end is not None:
        due.by(end)


def _turn(state: Progress, mine: PartyId, now: datetime, due: _Due, since: datetime) -> bool:
    """Whether a party's turn has come; else its moment is noted."""
    last = len(state.order)
    place = state.order.index(mine) if mine in state.order else last
    if place == last and mine not in state.entitled:
        return False
    moment = turn_at(since, place)
    if now >= moment:
        return True
    due.by(moment)
    return False


def _close(folded: Folded, circle: Circle, on: Tabled) -> dict[str, Json]:
    heads = [dep for dep in journal.heads_in(folded, circle) if dep.circle == circle.id]
    return {"proposal": on.record, "heads": [dep.to_json() for dep in heads]}


def _tally(on: Tabled, state: Progress) -> dict[str, Json] | None:
    """A tally of all closes that are here; None where they leave the question open."""
    closes = sorted(state.closes.values(), key=lambda each: each.record)
    try:
        result = tally_of(on, closes)
    except RefusedError:
        return None
    named: list[Json] = [each.record for each in closes]
    return {"proposal": on.record, "closes": named, "result": result.to_json()}


def _chosen(folded: Folded, on: Tabled, state: Progress, mine: PartyId) -> Tally | None:
    """The tally that a party is to count after now: of one value, the first in the order first.

    What it has signed it has signed, also where the tally that it counted after was set aside
    since: its count is somebody's to show, in a certificate that names no tally.
    """
    done = {each.result.digest for each in state.counts if each.party == mine}
    values = _signed(folded, on, mine)
    open_ = [
        each
        for each in state.tallies
        if each.result.digest not in done and values <= {each.result.value}
    ]
    return min(open_, key=lambda each: (state.order.index(each.party), each.record), default=None)


def _signed(folded: Folded, on: Tabled, mine: PartyId) -> frozenset[str]:
    """Every value that a party has counted for; of a tally that cannot be read, its name."""
    found: set[str] = set()
    for each in on.steps:
        if (each.kind, each.party) != (COUNT, mine):
            continue
        named = str(each.body.get("tally"))
        tally = folded.history.get(RecordId(named))
        try:
            found.add(read_result(tally.body.get("result")).value if tally else named)
        except AlliedError:
            found.add(named)
    return frozenset(found)


def _certificate(folded: Folded, on: Tabled, state: Progress) -> dict[str, Json]:
    result = state.ready
    assert result is not None  # noqa: S101 - asked for before
    counts: dict[PartyId, Record] = {}
    for each in state.counts:
        record = folded.history.get(each.record)
        if each.result.digest == result.digest and record is not None:
            counts.setdefault(each.party, record)
    opening = folded.history.get(on.record)
    assert opening is not None  # noqa: S101 - it is on the table
    return write_proof(opening, result, [counts[party] for party in sorted(counts)])
