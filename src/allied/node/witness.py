"""What this node holds of the ledgers of its partners: their roots, and what is wrong with them.

Every party signs commitments to its disclosure ledger where all parties see them
(`node.ledger_roots`). Here they are looked at together (`exchange.witness`), and held against
what an organisation hosted here has itself received: what came from a partner must stand in
that partner's ledger, so once the day is over a commitment has to follow.

Words used here:
    keeper    the partner whose ledger it is
    awaited   the first day on which something came from the keeper and no root is about it yet

Rules. Nothing here is decided: contradictions and gaps are shown, with the records that prove
them, and people ask. A root that is awaited is no contradiction: the keeper may be out of reach.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import TYPE_CHECKING, Final

from allied.errors import UnverifiedError
from allied.exchange.disclosure import KIND
from allied.exchange.witness import CONTRADICTION, Root, Witnessed, witnessed
from allied.node import witnessing

if TYPE_CHECKING:
    from allied.exchange.disclosure_export import Exported
    from allied.exchange.disclosure_proof import Proven
    from allied.node.folds import Folded
    from allied.node.node import Node
    from allied.node.ports import Reading
    from allied.node.rows import Organisation
    from allied.record.ids import AgreementId, OrganisationId, PartyId, RecordId
    from allied.record.record import Record

_GRACE: Final = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class TroubleView:
    """What does not go together; `records` prove it.

    Attributes:
        kind: contradiction, gap, backwards, ahead, restarted or unreadable.
    """

    kind: str
    text: str
    records: tuple[RecordId, ...]


@dataclass(frozen=True, slots=True)
class WitnessView:
    """What one keeper has committed to under one agreement.

    Attributes:
        roots: how many commitments are here.
        number, through, record: of the latest; 0 and empty before the first. `through` and
            `awaited` are days, `YYYY-MM-DD`.
        awaited: see the module; empty where nothing is.
        seen_by: who has signed that it holds the latest, by name.
    """

    agreement: AgreementId
    alias: str
    keeper: PartyId
    roots: int
    number: int
    through: str
    record: str
    awaited: str
    troubles: tuple[TroubleView, ...]
    seen_by: tuple[PartyId, ...] = ()


def witness(node: Node, organisation: Organisation) -> Sequence[WitnessView]:
    """What an organisation hosted here holds of its partners' ledgers; by agreement and party."""
    with node.store.read() as reading:
        today = node.clock.now().astimezone(UTC).date()
        return [
            view
            for row in reading.agreements()
            for view in _views(node.folds.of(reading, row.id), organisation, today)
        ]


def contradictions(node: Node, reading: Reading) -> int:
    """How many partners have shown two pasts, over all agreements; for `doctor`."""
    found = 0
    for row in reading.agreements():
        by_keeper = _commits(node.folds.of(reading, row.id))
        found += sum(
            any(each.kind == CONTRADICTION for each in witnessed(keeper, records).troubles)
            for keeper, records in by_keeper.items()
        )
    return found


def require_held(node: Node, proven: Iterable[Proven]) -> None:
    """Return if the commitments that proofs rest on are among those that this node holds.

    Raises:
        UnverifiedError: `ledger.contradiction`, the keeper has shown this node another
            commitment with that number; `ledger.not-witnessed`, it has shown it none.
    """
    with node.store.read() as reading:
        for each in proven:
            if reading.record(each.record) is not None:
                continue
            known = _of(node, reading, each.agreement, each.keeper)
            rivals = [
                root.record
                for root in known.roots
                if (root.series, root.number) == (each.series, each.number)
            ]
            if rivals:
                raise UnverifiedError(
                    "ledger.contradiction",
                    f"the keeper has shown this node another commitment number {each.number}",
                    hint="keep the file: with what is held here it proves two pasts",
                    facts={"records": sorted((each.record, *rivals))},
                )
            raise _not_witnessed()


def require_whole(node: Node, exported: Exported) -> None:
    """Return if an export has every commitment of its keeper that this node holds.

    Raises:
        UnverifiedError: `ledger.left-out`, with the records; `ledger.not-witnessed`, it rests
            on commitments that this node has not been shown.
    """
    shown = {record for _, record in exported.commitments}
    with node.store.read() as reading:
        agreements = [row.id for row in reading.agreements()]
        under = [each for each in agreements if exported.agreement in (None, each)]
        held = {
            root.record
            for agreement in under
            for root in _of(node, reading, agreement, exported.keeper).roots
        }
    if held - shown:
        raise UnverifiedError(
            "ledger.left-out",
            "this node holds commitments of the keeper that the file leaves out",
            hint="was it made before them? ask for a new one",
            facts={"records": sorted(held - shown)[:10]},
        )
    if shown - held:
        raise _not_witnessed()


def _not_witnessed() -> UnverifiedError:
    return UnverifiedError(
        "ledger.not-witnessed",
        "this node has not been shown a commitment that the file rests on",
        hint="`allied sync` first; or it is of an agreement that is not here",
    )


def _of(node: Node, reading: Reading, agreement: AgreementId, keeper: OrganisationId) -> Witnessed:
    if reading.agreement(agreement) is None:
        return Witnessed(keeper, (), ())
    records = _commits(node.folds.of(reading, agreement)).get(keeper, [])
    return witnessed(keeper, records)


def _views(folded: Folded, organisation: Organisation, today: date) -> list[WitnessView]:
    if folded.instrument.party(organisation.id) is None:
        return []
    commits = _commits(folded)
    seen = witnessing.seen_by(folded)
    views = []
    for party, binding in sorted(folded.instrument.genesis.parties.items()):
        if binding.organisation == organisation.id:
            continue
        found = witnessed(binding.organisation, commits.get(binding.organisation, ()))
        latest = found.latest
        views.append(
            WitnessView(
                agreement=folded.row.id,
                alias=folded.row.alias,
                keeper=party,
                roots=len(found.roots),
                number=latest.number if latest else 0,
                through=latest.through.isoformat() if latest else "",
                record=latest.record if latest else "",
                awaited=_awaited(folded, organisation, binding.organisation, latest, today),
                troubles=tuple(
                    TroubleView(each.kind, each.text, each.records) for each in found.troubles
                ),
                seen_by=tuple(sorted(seen.get(latest.record, ()))) if latest else (),
            )
        )
    return views


def _awaited(
    folded: Folded,
    organisation: Organisation,
    keeper: OrganisationId,
    latest: Root | None,
    today: date,
) -> str:
    """The first day with something from a keeper that no root of it is about, though it is over."""
    return min(
        (
            day.isoformat()
            for record in folded.state.statements
            if record.header.kind == "exchange.receipt"
            and record.header.issuer == organisation.id
            and record.body.get("releaser") == keeper
            and (day := record.header.claimed_at.date()) <= today - _GRACE
            and (latest is None or day > latest.through)
        ),
        default="",
    )


def _commits(folded: Folded) -> dict[OrganisationId, list[Record]]:
    """The commitments of an agreement by keeper; those without effect and those aside as well.

    What a keeper has signed is evidence against it, whether it has effect or not.
    """
    found: dict[OrganisationId, list[Record]] = {}
    history = folded.history
    for record in (*history.order, *(history.get(each) for each in sorted(history.aside))):
        if record is not None and record.header.kind == KIND:
            found.setdefault(record.header.issuer, []).append(record)
    return found
