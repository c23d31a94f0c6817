"""The questions on the table of one circle: records, read as `agreement.tabled` takes them.

Only what stands in the question's own circle is read, and each record with what it knew. What is
decided is for `node.decided`, what people see of it for `node.tables`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from allied.agreement.tabled import OnTable, Said, Sides, tabled, with_next
from allied.errors import AlliedError
from allied.response.incident_file import from_body

if TYPE_CHECKING:
    from allied.agreement.state import State
    from allied.agreement.tabled import FindRegister, FindSides
    from allied.node.folds import Folded
    from allied.record.circle import Circle
    from allied.record.ids import PartyId, RecordId
    from allied.record.record import Record

_FACTS: Final = frozenset({"incident.report", "incident.facts"})


def table_of(folded: Folded, circle: Circle) -> OnTable:
    """The questions of one circle."""
    records = _records(folded.state, circle)
    instrument = folded.instrument
    return tabled(
        instrument.terms,
        folded.state.register(instrument),
        (said_of(folded, each) for each in records),
        circle.members,
        sides=_sides(folded, circle),
        known=_known(folded),
    )


def table_with(folded: Folded, circle: Circle, next_: Said) -> OnTable:
    """The same, as it would be with one more record; refuses what would have no effect."""
    instrument = folded.instrument
    return with_next(
        instrument.terms,
        folded.state.register(instrument),
        (said_of(folded, each) for each in _records(folded.state, circle)),
        circle.members,
        next_,
        sides=_sides(folded, circle),
        known=_known(folded),
    )


def _known(folded: Folded) -> FindRegister:
    """The register as an opening knows it: what others did meanwhile changes no electorate."""
    return lambda said: folded.state.known(folded.instrument, said.knows, said.at)


def _records(state: State, circle: Circle) -> Sequence[Record]:
    return [each for each in state.statements if each.header.circle == circle.id]


def said_of(folded: Folded, record: Record) -> Said:
    """One effective record, as a table reads it."""
    party = folded.instrument.party(record.header.issuer)
    assert party is not None  # noqa: S101 - a stranger's record has no effect
    return Said(
        kind=record.header.kind,
        party=party,
        body=record.body,
        at=record.header.claimed_at,
        record=record.id,
        number=record.header.sequence,
        knows=_knowing(folded, record.id),
        chain=record.header.chain,
        clock=lambda: folded.history.clock(record.id),
    )


def _knowing(folded: Folded, record: RecordId) -> Callable[[RecordId], bool]:
    return lambda earlier: folded.history.knows(record, earlier)


def _sides(folded: Folded, circle: Circle) -> FindSides:
    """Finds who attacked whom by the facts that an opening knows, each party's last word.

    Only what stands in the question's own circle counts: whoever sees the incident is to see
    what is decided on it, and nobody else.
    """
    parties = frozenset(folded.instrument.genesis.parties)

    def sides(incident: str, opening: Said) -> Sides | None:
        latest: dict[PartyId, Sides] = {}
        seen = False
        for record in folded.state.statements:
            if record.header.kind not in _FACTS or record.header.circle != circle.id:
                continue
            if not opening.knows(record.id):
                continue
            reported = record.header.kind == "incident.report" and record.id == incident
            party = folded.instrument.party(record.header.issuer)
            if party is None or not (reported or record.body.get("incident") == incident):
                continue
            seen = seen or reported
            found = _sides_of(record, party, parties)
            if found is not None:
                latest[party] = found
        if not seen:
            return None
        return Sides(
            frozenset().union(*(each.attackers for each in latest.values())),
            frozenset().union(*(each.disputants for each in latest.values())),
        )

    return sides


def _sides_of(record: Record, by: PartyId, parties: frozenset[PartyId]) -> Sides | None:
    """Who attacked whom, as one record states it; None where it does not say."""
    try:
        acts = from_body(record.body, by).facts.acts
    except AlliedError:
        return None
    edges = [(each.by, each.against) for each in acts if each.by is not None]
    if not edges:
        return None
    attackers = {attacker for attacker, _ in edges}
    both = [edge for edge in edges if parties.issuperset(edge)]
    disputants = {party for edge in both for party in edge}
    return Sides(
        frozenset(each for each in parties if each in attackers),
        frozenset(each for each in parties if each in disputants),
    )
